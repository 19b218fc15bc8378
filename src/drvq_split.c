/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a split queue. Of what the device can write, only used.idx, used
 * elements and the event words are ever read; everything else stands in private
 * memory. */
#include "drvq.h"

#if VGPIO_CFG_SPLIT

void vgpio_drvq_split_layout(struct vgpio_vq_setup *setup, uint64_t dma_addr)
{
    /* Cache lines of their own: one side writes each area and the other one polls it. */
    setup->desc = dma_addr;
    setup->driver = setup->desc + VGPIO_DMA_UP(SPLIT_DESC_BYTES(setup->size));
    setup->device = setup->driver + VGPIO_DMA_UP(SPLIT_AVAIL_BYTES(setup->size));
}

/* Stages the chain that begins with the first free descriptor and ends with `tail`. */
static inline void stage(struct vgpio_drvq *q, struct vgpio_drvq_slot *tail,
                         uint16_t slot)
{
    uint8_t *entry = q->driver + AVAIL_RING(q->next_avail & (q->size - 1u));
    uint16_t head = q->free_head;

    q->free_head = tail->link;
    tail->link = DRVQ_END;
    q->ring[head].slot = slot;
    ring_st16(entry, head);
    VGPIO_DMA_CLEAN(entry, 2u);
    q->next_avail++;
}

int vgpio_drvq_split_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                         unsigned nread, unsigned nwrite, uint16_t slot)
{
    struct vgpio_drvq_slot *tail;
    unsigned n = nread + nwrite, i = q->free_head;
    int err = vgpio_drvq_check(q, segs, n < nread ? 0 : n, slot);

    if (err) {
        return err;
    }
    q->nfree = (uint16_t)(q->nfree - n);
    do {
        uint8_t *p = q->desc + DESC_BYTES * i;
        uint32_t word = DESC_F_WRITE; /* flags, and the next one above them */

        if (nread != 0) {
            nread--;
            word = 0;
        }
        tail = &q->ring[i];
        i = tail->link;
        if (--n != 0) {
            word |= DESC_F_NEXT | (uint32_t)i << 16;
        }
        drvq_put_addr(p, &segs->addr);
        ring_st64(p + 8, segs->len | (uint64_t)word << 32);
        VGPIO_DMA_CLEAN(p, DESC_BYTES);
        segs++;
    } while (n != 0);
    stage(q, tail, slot);
    return VGPIO_OK;
}

#if VGPIO_CFG_INDIRECT
void vgpio_drvq_split_stage_table(struct vgpio_drvq *q, const struct vgpio_seg *table,
                                  uint16_t slot)
{
    drvq_split_put_free(q->desc, q->free_head, table, DESC_F_INDIRECT, 0);
    q->nfree--;
    stage(q, &q->ring[q->free_head], slot);
}
#endif

/* Does the device want to hear of the heads old .. now - 1? */
static int wanted(struct vgpio_drvq *q, uint16_t now, uint16_t old)
{
    unsigned first = !(q->flags & VQ_SIGNALLED);
    const uint8_t *word;

    if (!vq_has_event_idx(q)) {
        word = q->device + USED_FLAGS;
        VGPIO_DMA_INVALIDATE(word, 2u);
        return !(ring_ld16(word) & USED_F_NO_NOTIFY);
    }
    q->flags |= VQ_SIGNALLED;
    word = q->device + AVAIL_EVENT(q->size);
    VGPIO_DMA_INVALIDATE(word, 2u);
    /* The device may have looked before there was a ring; it cannot have asked for this
     * one by then. */
    return first || vq_need_event(ring_ld16(word), now, old);
}

int vgpio_drvq_split_publish(struct vgpio_drvq *q, uint32_t *data)
{
    uint16_t old = q->published;
    uint16_t now = q->next_avail;
    int err = drvq_dead(q);

    if (err || now == old) {
        return err;
    }
    /* Pairs with the device's acquire load of avail.idx: buffers, descriptors and heads
     * are visible before the index that covers them. */
    ring_st16_release(q->driver + AVAIL_IDX, now, vq_platform(q));
    VGPIO_DMA_CLEAN(q->driver + AVAIL_IDX, 2u);
    q->published = now;
    if (data != NULL) {
        *data = (q->flags & VQ_NOTIFY_DATA) ? (uint32_t)now << 16 : 0;
    }
    /* Pairs with the device's fence between its event word and its second look at
     * avail.idx: one of us sees the other's store, so that it does not sleep unheard. */
    ring_fence(vq_platform(q));
    return wanted(q, now, old);
}

/* How many chains came back, looking at the ring; breaks the queue if that cannot be. */
static int look(struct vgpio_drvq *q)
{
    const uint8_t *word = q->device + USED_IDX;
    uint16_t idx, n;

    VGPIO_DMA_INVALIDATE(word, 2u);
    /* Pairs with the device's release store of used.idx: the elements that it counts and
     * the answers are visible after this load. */
    idx = ring_ld16_acquire(word, vq_platform(q));
    n = (uint16_t)(idx - q->last_used);
    if (n > (uint16_t)(q->published - q->last_used)) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    q->u.used_seen = idx;
    return n;
}

/* Reads the element at `pos`: its head, or one that cannot be. */
static inline uint16_t used_head(const struct vgpio_drvq *q, uint16_t pos, uint32_t *len)
{
    const uint8_t *p = q->device + USED_RING(pos & (q->size - 1u));
    uint32_t id;

    VGPIO_DMA_INVALIDATE(p, 8u);
    id = ring_ld32(p);
    *len = ring_ld32(p + 4);
    /* A head that is staged but not published passes. The device could have answered it
     * at once after publication as well, so nothing is gained by telling them apart. */
    return id >= q->size || q->ring[id].slot == DRVQ_NO_SLOT ? DRVQ_END : (uint16_t)id;
}

/* The last descriptor of a chain; counts it. */
static inline uint16_t tail_of(const struct vgpio_drvq_slot *books, uint16_t head,
                               uint16_t *n)
{
    for (++*n; !drvq_is_end(books[head].link); ++*n) {
        head = books[head].link;
    }
    return head;
}

#if VGPIO_CFG_IN_ORDER
/* The next head of a batch, of which the device told the last one only. */
static int get_in_order(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    uint16_t head = (uint16_t)((q->free_head + q->nfree) & (q->size - 1u)), tail;

    if (q->batch == DRVQ_END) {
        q->batch = used_head(q, q->last_used, &q->batch_len);
    }
    q->last_used++;
    /* The batch must end where the index says that it does. */
    if (q->batch == DRVQ_END || (head != q->batch && q->last_used == q->u.used_seen)) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    drvq_hand_over(q, head, slot, written);
    tail = tail_of(q->ring, head, &q->nfree);
    /* They are taken in the order of the table for ever (RING-DRV-05). */
    q->ring[tail].link = (uint16_t)((tail + 1u) & (q->size - 1u));
    return 1;
}
#endif

#if VGPIO_CFG_FAST
/* At least one is known to have come back. What is wrong with a later one is found when
 * it is the first. */
static PORT_INLINE int get_seen(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring;
    uint16_t pos = q->last_used, seen = q->u.used_seen;
    uint16_t free = q->free_head, nfree = q->nfree;
    unsigned i;

    for (i = 0; i < n && pos != seen; i++, pos++, b++) {
        uint32_t len;
        uint16_t head = used_head(q, pos, &len);

        if (head == DRVQ_END) {
            break;
        }
        b->slot = books[head].slot;
        b->written = len;
        books[head].slot = DRVQ_NO_SLOT;
        books[tail_of(books, head, &nfree)].link = free;
        free = head;
    }
    q->last_used = pos;
    q->free_head = free;
    q->nfree = nfree;
    return i != 0 ? (int)i : drvq_break(q, VGPIO_ERR_PROTO);
}

#else
static inline int get_seen(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring;
    uint16_t head = used_head(q, q->last_used, &b->written);

    (void)n; /* one by one is easier */
    if (head == DRVQ_END) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    q->last_used++;
    b->slot = books[head].slot;
    books[head].slot = DRVQ_NO_SLOT;
    books[tail_of(books, head, &q->nfree)].link = q->free_head;
    q->free_head = head;
    return 1;
}
#endif

int vgpio_drvq_split_get(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    int got = drvq_dead(q);

    if (got) {
        return got;
    }
    if (q->last_used == q->u.used_seen) {
        got = look(q);
        if (got <= 0) {
            return got;
        }
    }
#if VGPIO_CFG_IN_ORDER
    if (vq_in_order(q)) {
        return get_in_order(q, &b->slot, &b->written);
    }
#endif
    return get_seen(q, b, n);
}

int vgpio_drvq_split_rearm(struct vgpio_drvq *q)
{
    int n = drvq_dead(q);

    if (n) {
        return n;
    }
    if (vq_has_event_idx(q)) {
        uint8_t *word = q->driver + USED_EVENT(q->size);

        ring_st16(word, q->last_used);
        VGPIO_DMA_CLEAN(word, 2u);
    }
    /* Without EVENT_IDX avail.flags is 0 from the start and stays so.
     *
     * Pairs with the device's fence between used.idx and its look at our word: either it
     * sees the word and interrupts, or we see its index now. */
    ring_fence(vq_platform(q));
    n = look(q);
    return n > 0 ? 1 : n;
}

#endif /* VGPIO_CFG_SPLIT */
