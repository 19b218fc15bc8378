/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a split queue. */
#include "devq.h"

#if VGPIO_CFG_SPLIT

static inline void stored(const struct vgpio_devq *q, uint32_t off, uint32_t len)
{
    devq_stored(q, q->at.device, off, len);
}

/* How many heads wait, looking at the ring; the queue breaks if that cannot be. */
int vgpio_devq_split_waiting(struct vgpio_devq *q)
{
    int err = devq_dead(q);
    uint16_t idx, n;

    if (err) {
        return err;
    }
    /* Pairs with the driver's release store of avail.idx: heads and descriptors that it
     * counts are visible after this load. */
    idx = ring_ld16_acquire(q->area[AREA_DRIVER] + AVAIL_IDX, vq_platform(q));
    n = (uint16_t)(idx - q->at.avail_pos);
    if (n > q->at.size) {
        return devq_break(q, VGPIO_ERR_PROTO);
    }
    split_seen(q, idx);
    return n;
}

int vgpio_devq_split_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    uint32_t pos = q->at.avail_pos;
    int err;

    /* The index is only looked at again when all that it promised is taken. */
    if (split_knows(q, pos)) {
        err = devq_dead(q);
        if (err) {
            return err;
        }
    } else {
        err = vgpio_devq_split_waiting(q);
        if (err <= 0) {
            return err;
        }
    }
    c->head.id = ring_ld16(q->area[AREA_DRIVER] + AVAIL_RING(pos & (q->at.size - 1u)));
    c->head.ndesc = 1;
    err = devq_begin(c, q, c->head.id, q->at.size);
    if (err < 0) {
        return err;
    }
    if (vq_in_order(q)) {
        c->head.id = (uint16_t)pos;
    }
    q->at.avail_pos = (uint16_t)(pos + 1u);
    return 1;
}

void vgpio_devq_split_unpop(struct vgpio_devq *q, struct vgpio_head head)
{
    (void)head;
    if (!devq_dead(q)) {
        q->at.avail_pos--;
    }
}

int vgpio_devq_split_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written)
{
    int err = devq_dead(q);

    if (err) {
        return err;
    }
    if (vq_in_order(q)) {
        if (head.id != q->next_used) {
            return VGPIO_ERR_INVAL;
        }
        head.id =
            ring_ld16(q->area[AREA_DRIVER] + AVAIL_RING(head.id & (q->at.size - 1u)));
    }
    devq_split_put(q->area[AREA_DEVICE], q->at.size, q->next_used, head, written);
    stored(q, USED_RING(q->next_used & (q->at.size - 1u)), 8);
    q->next_used++;
    return VGPIO_OK;
}

/* Also where the queue broke after good chains were answered: the driver gets those. */
int vgpio_devq_split_publish(struct vgpio_devq *q)
{
    uint16_t old = q->at.used_pos;
    uint16_t now = q->next_used;

    if (now == old) { /* as in a queue that is stopped */
        return devq_dead(q);
    }
    devq_split_show(q, now);
    stored(q, USED_IDX, 2);
    /* Pairs with the driver's fence between its event word and its second look at
     * used.idx: one of us sees the other's store, so that it does not sleep unheard. */
    ring_fence(vq_platform(q));
    return devq_split_wanted(q, now, old) ? 1 : devq_dead(q);
}

int vgpio_devq_split_rearm(struct vgpio_devq *q)
{
    int n = devq_dead(q);

    if (n) {
        return n;
    }
    stored(q, devq_split_ask(q), 2);
    /* Pairs with the driver's fence between avail.idx and its look at our word: either it
     * sees the word and kicks, or we see its index now. */
    ring_fence(vq_platform(q));
    n = vgpio_devq_split_waiting(q);
    return n > 0 ? 1 : n;
}

#endif /* VGPIO_CFG_SPLIT */
