/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a split queue. */
#include "devq.h"

#if VGPIO_CFG_SPLIT

int vgpio_devq_split_start(struct vgpio_devq *q, const struct vgpio_vq_setup *setup)
{
    /* What was published so far is written in the ring itself and nobody can tell it
     * better; how far the driver's heads were taken is written nowhere. */
    q->at.used_pos = ring_ld16(q->device + USED_IDX);
    if (!(setup->flags & VGPIO_VQ_TOLD)) {
        q->at.avail_pos = 0;
    }
    q->u.avail_seen = q->at.avail_pos;
    return VGPIO_OK;
}

static inline void stored(const struct vgpio_devq *q, uint32_t off, uint32_t len)
{
    devq_stored(q, q->at.device, off, len);
}

/* A descriptor is two words of 64 bits, as far as loads go. */
static inline void unpack(struct desc *d, uint64_t addr, uint64_t rest)
{
    d->addr = addr;
    d->len = (uint32_t)rest;
    d->flags = (uint16_t)(rest >> 32);
    d->next = (uint16_t)(rest >> 48);
}

#if VGPIO_CFG_INDIRECT

static int table_desc(const struct vgpio_chain *c, struct desc *d)
{
    uint64_t raw[2];
    int err = VGPIO_ERR_PROTO;

    if (c->next < c->table_len) {
        err = vgpio_devq_table_entry(c, raw);
    }
    if (err == VGPIO_OK) {
        unpack(d, raw[0], raw[1]);
    }
    return err;
}

static int enter_table(struct vgpio_chain *c, const struct desc *d)
{
    uint16_t size = c->q->at.size;

    if (chain_in_table(c) || (d->flags & DESC_F_NEXT)) {
        return VGPIO_ERR_PROTO;
    }
    c->ttl = size > CHAIN_TABLE_MAX ? size : CHAIN_TABLE_MAX;
    return vgpio_devq_enter_table(c, d);
}

#else

static int table_desc(const struct vgpio_chain *c, struct desc *d)
{
    (void)c;
    (void)d;
    return VGPIO_ERR_PROTO;
}

static int enter_table(struct vgpio_chain *c, const struct desc *d)
{
    (void)c;
    (void)d;
    return VGPIO_ERR_PROTO;
}

#endif

/* Fetches descriptor `next`, and the first of the table if it names one. */
int vgpio_devq_split_next(struct vgpio_chain *c)
{
    struct vgpio_devq *q = c->q;
    const uint8_t *p;
    struct desc d;
    int err;

    do {
        err = VGPIO_ERR_PROTO;
        if (c->ttl == 0) {
            break; /* longer than any honest chain: a loop */
        }
        c->ttl--;
        if (chain_in_table(c)) {
            err = table_desc(c, &d);
            if (err != VGPIO_OK) {
                break;
            }
        } else {
            if (c->next >= q->at.size) {
                break;
            }
            p = q->desc + DESC_BYTES * (uint32_t)c->next;
            unpack(&d, ring_ld64(p), ring_ld64(p + 8));
        }
        if (!(d.flags & DESC_F_INDIRECT)) {
            c->next = d.next;
            err = devq_take_piece(c, &d, d.flags & (CHAIN_NEXT | CHAIN_WRITE));
            return err ? devq_break(q, err) : VGPIO_OK;
        }
        err = enter_table(c, &d);
    } while (err == VGPIO_OK);
    return devq_break(q, err);
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
    idx = ring_ld16_acquire(q->driver + AVAIL_IDX, vq_platform(q));
    n = (uint16_t)(idx - q->at.avail_pos);
    if (n > q->at.size) {
        return devq_break(q, VGPIO_ERR_PROTO);
    }
    q->u.avail_seen = idx;
    return n;
}

int vgpio_devq_split_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    int err = devq_dead(q);
    uint16_t slot;

    /* The index is only looked at again when all that it promised is taken: its cache
     * line is the one the driver writes. */
    if (!err && q->u.avail_seen == q->at.avail_pos) {
        err = vgpio_devq_split_waiting(q);
        if (err == 0) {
            return 0;
        }
    }
    if (err < 0) {
        return err;
    }
    slot = q->at.avail_pos & (uint16_t)(q->at.size - 1u);
    c->q = q;
    c->head.id = ring_ld16(q->driver + AVAIL_RING(slot));
    c->head.ndesc = 1;
    c->next = c->head.id;
    c->ttl = q->at.size;
    c->flags = 0;
    c->total = 0;
    err = vgpio_devq_split_next(c);
    if (err) {
        return err;
    }
    if (vq_in_order(q)) {
        c->head.id = q->at.avail_pos;
    }
    q->at.avail_pos++;
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
        head.id = ring_ld16(q->driver + AVAIL_RING(head.id & (q->at.size - 1u)));
    }
    devq_split_put(q->device, q->at.size, q->next_used, head, written);
    stored(q, USED_RING(q->next_used & (q->at.size - 1u)), 8);
    q->next_used++;
    return VGPIO_OK;
}

/* Does the driver want to hear of the entries old .. now - 1? */
static int wanted(struct vgpio_devq *q, uint16_t now, uint16_t old)
{
    unsigned first = !(q->flags & VQ_SIGNALLED);

    if (!vq_has_event_idx(q)) {
        return !(ring_ld16(q->driver + AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT);
    }
    q->flags |= VQ_SIGNALLED;
    /* Whoever served this ring before may have died between index and interrupt. */
    return first ||
           vq_need_event(ring_ld16(q->driver + USED_EVENT(q->at.size)), now, old);
}

/* Also where the queue broke after good chains were answered: the driver gets those. */
int vgpio_devq_split_publish(struct vgpio_devq *q)
{
    uint16_t old = q->at.used_pos;
    uint16_t now = q->next_used;

    if (q->state == 0) {
        return VGPIO_ERR_STATE;
    }
    if (now == old) {
        return q->err;
    }
    /* Pairs with the driver's acquire load of used.idx: answers and used elements are
     * visible before the index that covers them. */
    ring_st16_release(q->device + USED_IDX, now, vq_platform(q));
    stored(q, USED_IDX, 2);
    q->at.used_pos = now;
    /* Pairs with the driver's fence between its event word and its second look at
     * used.idx: one of us sees the other's store, so that it does not sleep unheard. */
    ring_fence(vq_platform(q));
    return wanted(q, now, old) ? 1 : q->err;
}

int vgpio_devq_split_rearm(struct vgpio_devq *q)
{
    int n = devq_dead(q);

    if (n) {
        return n;
    }
    if (vq_has_event_idx(q)) {
        ring_st16(q->device + AVAIL_EVENT(q->at.size), q->at.avail_pos);
        stored(q, AVAIL_EVENT(q->at.size), 2);
    } else {
        /* We never set it, but whoever served this ring before may have. */
        ring_st16(q->device + USED_FLAGS, 0);
        stored(q, USED_FLAGS, 2);
    }
    /* Pairs with the driver's fence between avail.idx and its look at our word: either it
     * sees the word and kicks, or we see its index now. */
    ring_fence(vq_platform(q));
    n = vgpio_devq_split_waiting(q);
    return n > 0 ? 1 : n;
}

#endif /* VGPIO_CFG_SPLIT */
