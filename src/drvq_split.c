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
    unsigned head = q->free_head;

    q->free_head = tail->link;
    tail->link = DRVQ_END;
    q->ring[head].slot = slot;
    ring_st16(entry, (uint16_t)head);
    VGPIO_DMA_CLEAN(entry, 2u);
    q->next_avail++;
}

int vgpio_drvq_split_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                         unsigned nread, unsigned nwrite, uint16_t slot)
{
    struct vgpio_drvq_slot *tail;
    unsigned n = nread + nwrite, nfree = q->nfree, i = q->free_head;
    uint32_t total = 0;
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
    if (n > nfree) {
        return VGPIO_ERR_NOSPC;
    }
    if (n == 0 || slot == DRVQ_NO_SLOT) {
        return VGPIO_ERR_INVAL;
    }
    n = nfree - n;
    do { /* what is written to free descriptors nobody sees yet */
        uint8_t *p = q->desc + DESC_BYTES * i;
        uint32_t word; /* flags, and the next one above them */

        tail = &q->ring[i];
        i = tail->link;
        word = --nfree != n ? (uint32_t)i << 16 | DESC_F_NEXT : 0;
        if (nread == 0) {
            word |= DESC_F_WRITE;
        } else {
            nread--;
        }
        drvq_put_addr(p, &segs->addr);
        ring_st64(p + 8, segs->len | (uint64_t)word << 32);
        VGPIO_DMA_CLEAN(p, DESC_BYTES);
        if (!drvq_add_len(&total, segs->len)) {
            return VGPIO_ERR_INVAL;
        }
        segs++;
    } while (nfree != n);
    if (nread != 0) {
        return VGPIO_ERR_INVAL; /* more than pieces: the sum left its range */
    }
    q->nfree = n;
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
static int wanted(struct vgpio_drvq *q, unsigned now, unsigned old)
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
    return first || vq_need_event(ring_ld16(word), (uint16_t)now, (uint16_t)old);
}

int vgpio_drvq_split_publish(struct vgpio_drvq *q, uint32_t *data)
{
    unsigned old = q->published;
    unsigned now = q->next_avail;
    int err = drvq_dead(q);

    if (err || now == old) {
        return err;
    }
    /* Pairs with the device's acquire load of avail.idx: buffers, descriptors and heads
     * are visible before the index that covers them. */
    ring_st16_release(q->driver + AVAIL_IDX, (uint16_t)now, vq_platform(q));
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

/* 1: chains came back, looking at the ring; breaks the queue if that cannot be. */
static int look(struct vgpio_drvq *q)
{
    const uint8_t *word = q->device + USED_IDX;
    unsigned n;

    VGPIO_DMA_INVALIDATE(word, 2u);
    /* Pairs with the device's release store of used.idx: the elements that it counts and
     * the answers are visible after this load. */
    n = (uint16_t)(ring_ld16_acquire(word, vq_platform(q)) - q->last_used);
    if (n > q->published - q->last_used) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    q->u.used_seen = q->last_used + n;
    return n != 0;
}

/* Reads the element at `pos`: 0 if its head cannot be. */
static inline int used_head(const struct vgpio_drvq *q, unsigned pos, unsigned *head,
                            uint32_t *len)
{
    const struct vgpio_drvq_slot *books = q->ring;
    unsigned size = q->size;
    const uint8_t *p = q->device + USED_RING(pos & (size - 1u));

    VGPIO_DMA_INVALIDATE(p, 8u);
    *head = ring_ld32(p);
    *len = ring_ld32(p + 4);
    /* A head that is staged but not published passes. The device could have answered it
     * at once after publication as well, so nothing is gained by telling them apart. */
    return *head < size && books[*head].slot != DRVQ_NO_SLOT;
}

/* The last descriptor of a chain; counts it. */
static inline struct vgpio_drvq_slot *tail_of(struct vgpio_drvq_slot *books,
                                              unsigned head, unsigned size, unsigned *n)
{
    struct vgpio_drvq_slot *tail = &books[head];

    for (++*n; tail->link < size; ++*n) {
        tail = &books[tail->link];
    }
    return tail;
}

#if VGPIO_CFG_IN_ORDER
/* The next head of a batch, of which the device told the last one only. */
static int get_in_order(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    unsigned head = (q->free_head + q->nfree) & (q->size - 1u);
    struct vgpio_drvq_slot *tail;

    /* The batch must end where the index says that it does. */
    if ((q->batch == DRVQ_END && !used_head(q, q->last_used, &q->batch, &q->batch_len)) ||
        (head != q->batch && q->last_used + 1u == q->u.used_seen)) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    q->last_used++;
    drvq_hand_over(q, head, slot, written);
    /* They are taken in the order of the table for ever (RING-DRV-05). */
    tail = tail_of(q->ring, head, q->size, &q->nfree);
    tail->link = (uint16_t)((unsigned)(tail - q->ring + 1) & (q->size - 1u));
    return 1;
}
#endif

/* At least one is known to have come back. What is wrong with a later one is found when
 * it is the first. */
static PORT_INLINE int get_seen(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring;
    unsigned pos = q->last_used, seen = q->u.used_seen;
    unsigned free = q->free_head, nfree = q->nfree, size = q->size;
    unsigned i;

    for (i = 0; i < n && pos != seen; i++, pos++, b++) {
        unsigned head;

        if (!used_head(q, pos, &head, &b->written)) {
            break;
        }
        b->slot = books[head].slot;
        books[head].slot = DRVQ_NO_SLOT;
        tail_of(books, head, size, &nfree)->link = (uint16_t)free;
        free = head;
    }
    q->last_used = pos;
    q->free_head = free;
    q->nfree = nfree;
    return i != 0 ? (int)i : drvq_break(q, VGPIO_ERR_PROTO);
}

/* The same for small builds: one by one is easier. */
static inline int get_one(struct vgpio_drvq *q, struct vgpio_back *b)
{
    struct vgpio_drvq_slot *books = q->ring;
    unsigned pos = q->last_used, head;

    if (!used_head(q, pos, &head, &b->written)) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    q->last_used = pos + 1u;
    b->slot = books[head].slot;
    books[head].slot = DRVQ_NO_SLOT;
    tail_of(books, head, q->size, &q->nfree)->link = (uint16_t)q->free_head;
    q->free_head = head;
    return 1;
}

int vgpio_drvq_split_get(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    int got = drvq_dead(q);

    if (got) {
        return got;
    }
    if (!VGPIO_CFG_FAST || q->last_used == q->u.used_seen) {
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
    return VGPIO_CFG_FAST ? get_seen(q, b, n) : get_one(q, b);
}

int vgpio_drvq_split_rearm(struct vgpio_drvq *q)
{
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
    if (vq_has_event_idx(q)) {
        uint8_t *word = q->driver + USED_EVENT(q->size);

        ring_st16(word, (uint16_t)q->last_used);
        VGPIO_DMA_CLEAN(word, 2u);
    }
    /* Without EVENT_IDX avail.flags is 0 from the start and stays so.
     *
     * Pairs with the device's fence between used.idx and its look at our word: either it
     * sees the word and interrupts, or we see its index now. */
    ring_fence(vq_platform(q));
    return look(q);
}

#endif /* VGPIO_CFG_SPLIT */
