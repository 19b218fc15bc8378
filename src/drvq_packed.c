/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a packed queue. Of what the device can write, only flags, id and
 * length of used descriptors and its event area are ever read; everything else stands in
 * private memory: `slot` of a buffer id, and in `link` the descriptors that its chain
 * takes, or the next free id. */
#include "drvq.h"

#if VGPIO_CFG_PACKED

static inline uint8_t *desc_at(const struct vgpio_drvq *q, unsigned pos)
{
    return q->desc + DESC_BYTES * packed_off(pos);
}

static inline uint8_t *flags_at(const struct vgpio_drvq *q, unsigned pos)
{
    return desc_at(q, pos) + PACKED_FLAGS;
}

void vgpio_drvq_packed_init(struct vgpio_drvq *q)
{
    q->next_avail = q->published = q->last_used = PACKED_START;
}

/* The second half of a descriptor, all but the flags. */
static inline uint64_t rest_of(uint32_t len, unsigned id)
{
    return len | (uint64_t)id << 32;
}

/* In order, chains are told apart by where they begin. */
static inline unsigned next_id(const struct vgpio_drvq *q)
{
    return vq_in_order(q) ? packed_off(q->next_avail) : q->free_head;
}

/* Takes an id and n descriptors, and writes what the device finds first of them last: its
 * flags wait until publish if it is the first of a batch. */
static PORT_INLINE void stage(struct vgpio_drvq *q, const struct vgpio_seg *seg,
                              unsigned flags, unsigned n, uint16_t slot)
{
    unsigned id = next_id(q), pos = q->next_avail;
    uint8_t *p = desc_at(q, pos);

    flags |= packed_avail_bits(pos);
    ring_st64(p, seg->addr);
    if (pos == q->published) {
        q->u.first_flags = flags;
        ring_st32(p + 8, seg->len);
        ring_st16(p + PACKED_ID, (uint16_t)id);
    } else {
        ring_st64(p + 8, rest_of(seg->len, id) | (uint64_t)flags << 48);
    }
    if (!vq_in_order(q)) {
        q->free_head = q->ring[id].link;
    }
    q->ring[id].slot = DRVQ_BOOK(slot);
    q->ring[id].link = (uint16_t)n;
    q->nfree -= n;
    q->next_avail = packed_add(q->size, pos, n);
}

/* 0, or why these pieces cannot be staged with one descriptor each. */
static int check(const struct vgpio_drvq *q, const struct vgpio_seg *segs, unsigned n,
                 uint16_t slot)
{
    uint32_t total = 0;
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
    if (n > q->nfree) {
        return VGPIO_ERR_NOSPC;
    }
    if (n == 0 || slot == DRVQ_NO_SLOT) {
        return VGPIO_ERR_INVAL;
    }
    for (; n != 0; n--, segs++) {
        if (!drvq_add_len(&total, segs->len)) {
            return VGPIO_ERR_INVAL;
        }
    }
    return VGPIO_OK;
}

int vgpio_drvq_packed_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                          unsigned nread, unsigned nwrite, uint16_t slot)
{
    unsigned n = nread + nwrite, k;
    unsigned id = next_id(q), pos = q->next_avail;
    /* Before anything is written: half a chain would be available once it lies behind a
     * later one. */
    int err = check(q, segs, n < nread ? 0 : n, slot);

    if (err) {
        return err;
    }
    /* From the second descriptor on: available at once, but behind one that is not. */
    for (k = 1; k < n; k++) {
        unsigned flags =
            (k < nread ? 0u : DESC_F_WRITE) | (k + 1u < n ? DESC_F_NEXT : 0u);
        uint8_t *p;

        pos = packed_add(q->size, pos, 1);
        p = desc_at(q, pos);
        flags |= packed_avail_bits(pos);
        ring_st64(p, segs[k].addr);
        ring_st64(p + 8, rest_of(segs[k].len, id) | (uint64_t)flags << 48);
    }
    stage(q, segs, (nread ? 0u : DESC_F_WRITE) | (n > 1 ? DESC_F_NEXT : 0u), n, slot);
    return VGPIO_OK;
}

#if VGPIO_CFG_INDIRECT
void vgpio_drvq_packed_stage_table(struct vgpio_drvq *q, const struct vgpio_seg *table,
                                   uint16_t slot)
{
    stage(q, table, DESC_F_INDIRECT, 1, slot);
}
#endif

/* Does the device want to hear of the descriptors old .. now - 1? */
static int wanted(struct vgpio_drvq *q, unsigned now, unsigned old)
{
    /* The device may have looked before there was a ring; it cannot have asked for this
     * one by then. */
    int always = !vq_has_event_idx(q) || !(q->flags & VQ_SIGNALLED);

    q->flags |= VQ_SIGNALLED;
    /* Position and mode in one load: they belong together. */
    return packed_wanted(ring_ld32(q->device), always, q->size, now, old);
}

int vgpio_drvq_packed_publish(struct vgpio_drvq *q, uint32_t *data)
{
    unsigned old = q->published;
    unsigned now = q->next_avail;
    int err = drvq_dead(q);

    if (err || now == old) {
        return err;
    }
    /* Pairs with the device's acquire load of these flags: buffers and all descriptors of
     * the batch are visible before the first of them is. */
    ring_st16_release(flags_at(q, old), (uint16_t)q->u.first_flags, vq_platform(q));
    q->published = now;
    if (data != NULL) {
        *data = (q->flags & VQ_NOTIFY_DATA) ? (uint32_t)now << 16 : 0;
    }
    /* Pairs with the device's fence between its event area and its second look at the
     * flags: one of us sees the other's store, so that it does not sleep unheard. */
    ring_fence(vq_platform(q));
    return wanted(q, now, old);
}

static inline int is_used(unsigned pos, unsigned flags)
{
    return (flags & DESC_F_TURN) == packed_used_bits(pos);
}

/* Has a chain come back? */
static inline int look(const struct vgpio_drvq *q, unsigned pos)
{
    /* Pairs with the device's release store of the first flags of a batch: what it used,
     * and the answers in there, are visible after this load. */
    return is_used(pos, ring_ld16_acquire(flags_at(q, pos), vq_platform(q)));
}

#if VGPIO_CFG_IN_ORDER
/* The next chain of a batch, of which the device told the last one only. */
static int get_in_order(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    unsigned pos = q->last_used, id = packed_off(pos), n;

    if (q->batch == DRVQ_END) {
        uint64_t rest;

        if (!look(q, q->last_used)) {
            return 0;
        }
        rest = ring_ld64(desc_at(q, pos) + 8);
        q->batch = (unsigned)(rest >> 32) & 0xffffu;
        q->batch_len = (uint32_t)rest;
    }
    /* The batch must end before that what was published does. */
    if (q->batch >= q->size || q->ring[q->batch].slot == DRVQ_NOT_HEAD ||
        pos == q->published) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    n = q->ring[id].link;
    drvq_hand_over(q, id, slot, written);
    q->nfree += n;
    q->last_used = packed_add(q->size, pos, n);
    return 1;
}
#endif

int vgpio_drvq_packed_get(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring;
    unsigned pos = q->last_used, free = q->free_head, nfree = q->nfree;
    /* Of a chain that is only staged a part may pass, as in a split ring, but the
     * device's position never goes past ours. */
    uint32_t left = packed_dist(q->size, pos, q->published);
    unsigned i;
    int err = drvq_dead(q);

    if (err) {
        return err;
    }

#if VGPIO_CFG_IN_ORDER
    if (vq_in_order(q)) {
        return get_in_order(q, &b->slot, &b->written);
    }
#endif
    if (!look(q, pos)) {
        return 0;
    }
    for (i = 0; i < n && (i == 0 || look(q, pos)); i++, b++) {
        uint64_t rest = ring_ld64(desc_at(q, pos) + 8);
        unsigned id = (unsigned)(rest >> 32) & 0xffffu;

        if (id >= q->size || books[id].slot == DRVQ_NOT_HEAD || books[id].link > left) {
            break;
        }
        /* WRITE says whether there is a length at all, but not every device sets it;
         * those that do have written nothing say 0 anyhow. */
        b->slot = DRVQ_BOOK(books[id].slot);
        b->written = (uint32_t)rest;
        books[id].slot = DRVQ_NOT_HEAD;
        left -= books[id].link;
        nfree += books[id].link;
        pos = packed_add(q->size, pos, books[id].link);
        books[id].link = (uint16_t)free;
        free = id;
    }
    q->last_used = pos;
    q->free_head = free;
    q->nfree = nfree;
    /* What is wrong with a later one is found when it is the first. */
    return i != 0 ? (int)i : drvq_break(q, VGPIO_ERR_PROTO);
}

int vgpio_drvq_packed_rearm(struct vgpio_drvq *q)
{
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
    /* Without EVENT_IDX the mode is ENABLE from the start and stays so. */
    if (vq_has_event_idx(q)) {
        ring_st32(q->driver, PACKED_EVENT(q->last_used, PACKED_MODE_DESC));
    }
    /* Pairs with the device's fence between the flags and its look at our area: either it
     * sees that and interrupts, or we see its flags now. */
    ring_fence(vq_platform(q));
    /* No acquire: who is told of a chain looks again, in get. */
    return is_used(q->last_used, ring_ld16(flags_at(q, q->last_used))) ||
           (vq_in_order(q) && q->batch != DRVQ_END);
}

#endif /* VGPIO_CFG_PACKED */
