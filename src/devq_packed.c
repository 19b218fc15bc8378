/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a packed queue. The ring shows neither side's position, so both
 * stand in private memory; a descriptor's own flags say whose it is. */
#include "devq.h"

#if VGPIO_CFG_PACKED

static inline uint32_t desc_off(uint16_t pos)
{
    return DESC_BYTES * packed_off(pos);
}

static inline void stored(const struct vgpio_devq *q, uint32_t off, uint32_t len)
{
    devq_stored(q, q->at.desc, off, len);
}

int vgpio_devq_packed_start(struct vgpio_devq *q)
{
    uint16_t size = q->at.size;
    uint16_t avail = PACKED_START, used = PACKED_START;

    if (q->at.flags & VGPIO_VQ_TOLD) {
        avail = q->at.avail_pos;
        used = q->at.used_pos;
    }
    /* By the letter, all zero is the start of an even lap. In that one USED of the first
     * descriptor is set, left by our answer or by the driver's next request. */
    if ((q->at.flags & VGPIO_VQ_VAGUE) && (avail | used) == 0 &&
        !(ring_ld16(q->area[AREA_DESC] + PACKED_FLAGS) & DESC_F_USED)) {
        avail = used = PACKED_START;
    }
    if (packed_off(avail) >= size || packed_off(used) >= size ||
        packed_dist(size, used, avail) > size) {
        return VGPIO_ERR_INVAL;
    }
    q->at.avail_pos = avail;
    q->at.used_pos = used;
    return VGPIO_OK;
}

static inline uint16_t flags_acquire(const struct vgpio_devq *q)
{
    /* Pairs with the driver's release store of the first flags of a batch: what it made
     * available, and the requests in there, are visible after this load. */
    return ring_ld16_acquire(
        q->area[AREA_DESC] + desc_off(q->at.avail_pos) + PACKED_FLAGS, vq_platform(q));
}

/* Is a chain waiting? How many they are would take walking them. */
int vgpio_devq_packed_waiting(struct vgpio_devq *q)
{
    int err = devq_dead(q);

    return err ? err
               : (flags_acquire(q) & DESC_F_TURN) == packed_avail_bits(q->at.avail_pos);
}

int vgpio_devq_packed_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    uint16_t size = q->at.size, end = q->at.avail_pos, n = 1;
    uint16_t first = (uint16_t)packed_off(end);
    /* A lap ahead of what the driver got back: there is nothing it may have reused. */
    uint16_t limit = q->at.used_pos ^ PACKED_WRAP;
    int err = devq_dead(q);
    uint16_t flags;

    if (err) {
        return err;
    }
    flags = flags_acquire(q);
    if ((flags & DESC_F_TURN) != packed_avail_bits(end)) {
        return 0;
    }
    if (end == limit) {
        return devq_break(q, VGPIO_ERR_PROTO);
    }
    /* Where the chain ends is found out here and once; NEXT is not looked at again. */
    while (flags & DESC_F_NEXT) {
        end = packed_add(size, end, 1);
        flags = ring_ld16(q->area[AREA_DESC] + desc_off(end) + PACKED_FLAGS);
        if (end == limit || (flags & DESC_F_TURN) != packed_avail_bits(end)) {
            return devq_break(q, VGPIO_ERR_PROTO);
        }
        n++;
    }
    c->head.id = ring_ld16(q->area[AREA_DESC] + desc_off(end) + PACKED_ID);
    c->head.ndesc = n;
    err = devq_begin(c, q, first, n);
    if (err < 0) {
        return err;
    }
    if (vq_in_order(q)) {
        c->head.id = q->at.avail_pos;
    }
    q->at.avail_pos = packed_add(size, end, 1);
    return 1;
}

void vgpio_devq_packed_unpop(struct vgpio_devq *q, struct vgpio_head head)
{
    uint32_t rest = q->at.size - (uint32_t)head.ndesc;

    /* Forward by what is left of a lap, and then that lap back. */
    if (!devq_dead(q)) {
        q->at.avail_pos = packed_add(q->at.size, q->at.avail_pos, rest) ^ PACKED_WRAP;
    }
}

int vgpio_devq_packed_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written)
{
    uint16_t pos = q->next_used;
    int err = devq_dead(q);

    if (err) {
        return err;
    }
    /* Past our own reading position no descriptor is ours to give back. */
    if (head.ndesc - 1u >= packed_dist(q->at.size, pos, q->at.avail_pos)) {
        return VGPIO_ERR_INVAL;
    }
    if (vq_in_order(q)) {
        if (head.id != pos) {
            return VGPIO_ERR_INVAL;
        }
        head.id =
            ring_ld16(q->area[AREA_DESC] +
                      desc_off(packed_add(q->at.size, pos, head.ndesc - 1u)) + PACKED_ID);
    }
    devq_packed_put(q->area[AREA_DESC] + desc_off(pos), head.id, written,
                    packed_used_bits(pos) | (written ? DESC_F_WRITE : 0u),
                    pos == q->at.used_pos ? &q->u.first_flags : NULL);
    stored(q, desc_off(pos) + 8, 8);
    q->next_used = packed_add(q->at.size, pos, head.ndesc);
    return VGPIO_OK;
}

/* As the split one, also where the queue broke. */
int vgpio_devq_packed_publish(struct vgpio_devq *q)
{
    uint16_t old = q->at.used_pos;
    uint16_t now = q->next_used;

    if (now == old) { /* as in a queue that is stopped */
        return devq_dead(q);
    }
    stored(q, devq_packed_show(q, now), 2);
    /* Pairs with the driver's fence between its event area and its second look at the
     * flags: one of us sees the other's store, so that it does not sleep unheard. */
    ring_fence(vq_platform(q));
    return devq_packed_wanted(q, now, old) ? 1 : devq_dead(q);
}

int vgpio_devq_packed_rearm(struct vgpio_devq *q)
{
    int err = devq_dead(q);

    if (err) {
        return err;
    }
    devq_packed_ask(q);
    devq_stored(q, q->at.device, 0, PACKED_EVENT_BYTES);
    /* Pairs with the driver's fence between the flags and its look at our area: either it
     * sees that and kicks, or we see its flags now. */
    ring_fence(vq_platform(q));
    return vgpio_devq_packed_waiting(q);
}

#endif /* VGPIO_CFG_PACKED */
