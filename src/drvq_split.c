/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a split queue. Of what the device can write, only used.idx, used
 * elements and the event words are ever read; everything else stands in private
 * memory. */
#include "drvq.h"

#if VGPIO_CFG_SPLIT

/* A descriptor's length, then its flags and next: where those are two stores, the length
 * goes first, while it is at hand; where one will do, it waits for the rest. */
static inline void put_len(uint8_t *p, uint32_t len)
{
    if (!PORT_HAS_64) {
        ring_st32(p + 8, len);
    }
}

static inline void put_rest(uint8_t *p, uint32_t len, uint32_t word)
{
    if (PORT_HAS_64) {
        ring_st64(p + 8, len | (uint64_t)word << 32);
    } else {
        ring_st32(p + 12, word);
    }
    VGPIO_DMA_CLEAN(p, DESC_BYTES);
}

/* Stages the chain that begins with the first free descriptor and ends with `tail`. */
static inline void stage(struct vgpio_drvq *q, struct vgpio_drvq_slot *tail,
                         unsigned book)
{
    unsigned head = q->free_head, pos = q->next_avail;
    /* Short of what lies before the first one, which the store adds for nothing. */
    uint8_t *entry = q->driver + 2u * (size_t)(pos & (q->size - 1u));

    q->next_avail = pos + 1u;
    q->ring[head].slot = (uint16_t)book;
    q->free_head = tail->link;
    tail->link = DRVQ_END;
    ring_st16(entry + AVAIL_RING(0), (uint16_t)head);
    VGPIO_DMA_CLEAN(entry + AVAIL_RING(0), 2u);
}

int vgpio_drvq_split_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                         unsigned nread, unsigned nwrite, uint16_t slot)
{
    struct vgpio_drvq_slot *tail;
    unsigned book = DRVQ_BOOK(slot);
    unsigned n = nread + nwrite, i = q->free_head, left;
    uint32_t total = 0;
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
    left = q->nfree - n;
    if (n > q->nfree) {
        return VGPIO_ERR_NOSPC;
    }
    if (n == 0 || n < nwrite || book == DRVQ_NOT_HEAD) { /* or the sum left its range */
        return VGPIO_ERR_INVAL;
    }
    do { /* what is written to free descriptors nobody sees yet */
        uint8_t *p = q->desc + DESC_BYTES * i;
        uint32_t word = 0; /* flags, and the next one above them */

        drvq_put_addr(p, &segs->addr);
        put_len(p, segs->len);
        if (!drvq_add_len(&total, segs->len)) {
            return VGPIO_ERR_INVAL;
        }
        if (n <= nwrite) {
            word = DESC_F_WRITE;
        }
        tail = &q->ring[i];
        i = tail->link;
        if (--n != 0) {
            word += ((uint32_t)i << 16) + DESC_F_NEXT;
        }
        put_rest(p, segs->len, word);
        segs++;
    } while (n != 0);
    q->nfree = left;
    stage(q, tail, book);
    return VGPIO_OK;
}

#if VGPIO_CFG_INDIRECT
void vgpio_drvq_split_stage_table(struct vgpio_drvq *q, const struct vgpio_seg *table,
                                  uint16_t slot)
{
    drvq_split_put_free(q->desc, q->free_head, table, DESC_F_INDIRECT, 0);
    q->nfree--;
    stage(q, &q->ring[q->free_head], DRVQ_BOOK(slot));
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
        *data = 0; /* a store first takes less than a choice of two values */
        if (q->flags & VQ_NOTIFY_DATA) {
            *data = (uint32_t)now << 16;
        }
    }
    /* Pairs with the device's fence between its event word and its second look at
     * avail.idx: one of us sees the other's store, so that it does not sleep unheard. */
    ring_fence(vq_platform(q));
    return wanted(q, now, old);
}

/* How many chains came back, looking at the ring; below 0: that cannot be. */
static inline int came_back(struct vgpio_drvq *q)
{
    const uint8_t *word = q->device + USED_IDX;
    unsigned n;

    VGPIO_DMA_INVALIDATE(word, 2u);
    /* Pairs with the device's release store of used.idx: the elements that it counts and
     * the answers are visible after this load. */
    n = (uint16_t)(ring_ld16_acquire(word, vq_platform(q)) - q->last_used);
    if (n > q->published - q->last_used) {
        return -1;
    }
    if (VGPIO_CFG_FAST || VGPIO_CFG_IN_ORDER) {
        q->u.used_seen = q->last_used + n;
    }
    return (int)n;
}

/* Of what used_at() gives: id and length of the element. */
#define USED_HEAD USED_RING(0)
#define USED_LEN (USED_RING(0) + 4u)

/* The used element at `pos`, short of what lies before the first one: loads add that for
 * nothing. */
static inline const uint8_t *used_at(const uint8_t *device, unsigned size, unsigned pos)
{
    const uint8_t *p = device + 8u * (size_t)(pos & (size - 1u));

    VGPIO_DMA_INVALIDATE(p + USED_HEAD, 8u);
    return p;
}

/* Can the device mean this head? One that is staged but not published passes. The device
 * could have answered it at once after publication as well, so nothing is gained by
 * telling them apart. */
static inline int in_flight(const struct vgpio_drvq *q, unsigned head)
{
    return head < q->size && q->ring[head].slot != DRVQ_NOT_HEAD;
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

    if (q->batch == DRVQ_END) {
        const uint8_t *p = used_at(q->device, q->size, q->last_used);

        q->batch = ring_ld32(p + USED_HEAD);
        q->batch_len = ring_ld32(p + USED_LEN);
    }
    /* The batch must end where the index says that it does. */
    if (!in_flight(q, q->batch) ||
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

/* Asks for an interrupt when the next chain comes back; look at the ring afterwards. */
static inline void ask(struct vgpio_drvq *q)
{
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
}

#if VGPIO_CFG_FAST
/* 1: chains came back, looking at the ring; breaks the queue if that cannot be. */
static int look(struct vgpio_drvq *q)
{
    int n = came_back(q);

    return n < 0 ? drvq_break(q, VGPIO_ERR_PROTO) : n != 0;
}

/* At least one is known to have come back. What is wrong with a later one is found when
 * it is the first. Free descriptors keep the order they came back in: taken again in that
 * order, the table is gone through forwards. */
static PORT_INLINE int get_seen(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring, *last = NULL;
    const uint8_t *device = q->device;
    unsigned pos = q->last_used, seen = q->u.used_seen;
    unsigned first = q->free_head, nfree = q->nfree, size = q->size;
    unsigned i;

    for (i = 0; i < n && pos != seen; i++, pos++, b++) {
        const uint8_t *p = used_at(device, size, pos);
        unsigned head = ring_ld32(p + USED_HEAD);

        b->written = ring_ld32(p + USED_LEN);
        if (head >= size || books[head].slot == DRVQ_NOT_HEAD) { /* as in_flight() */
            break;
        }
        b->slot = books[head].slot;
        books[head].slot = DRVQ_NOT_HEAD;
        if (last != NULL) {
            last->link = (uint16_t)head;
        } else {
            first = head;
        }
        last = tail_of(books, head, size, &nfree);
    }
    if (last == NULL) {
        return drvq_break(q, VGPIO_ERR_PROTO);
    }
    last->link = (uint16_t)q->free_head;
    q->last_used = pos;
    q->free_head = first;
    q->nfree = nfree;
    return (int)i;
}

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
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
    ask(q);
    return look(q);
}

#else

/* The same for small builds, where one by one is easier: without a `slot` to fill in it
 * asks and looks only. */
int vgpio_drvq_split_take(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    int got = drvq_dead(q);

    if (got) {
        return got;
    }
    if (slot == NULL) {
        ask(q);
    }
    got = came_back(q);
    if (got == 0) {
        return 0;
    }
    if (got > 0) {
        const uint8_t *p;
        unsigned head;

        if (slot == NULL) {
            return 1;
        }
#if VGPIO_CFG_IN_ORDER
        if (vq_in_order(q)) {
            return get_in_order(q, slot, written);
        }
#endif
        p = used_at(q->device, q->size, q->last_used);
        head = ring_ld32(p + USED_HEAD);
        if (in_flight(q, head)) {
            *written = ring_ld32(p + USED_LEN);
            q->last_used++;
            *slot = DRVQ_BOOK(q->ring[head].slot);
            q->ring[head].slot = DRVQ_NOT_HEAD;
            tail_of(q->ring, head, q->size, &q->nfree)->link = (uint16_t)q->free_head;
            q->free_head = head;
            return 1;
        }
    }
    return drvq_break(q, VGPIO_ERR_PROTO);
}

int vgpio_drvq_split_get(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    (void)n;
    return vgpio_drvq_split_take(q, &b->slot, &b->written);
}

int vgpio_drvq_split_rearm(struct vgpio_drvq *q)
{
    return vgpio_drvq_split_take(q, NULL, NULL);
}
#endif /* VGPIO_CFG_FAST */

#endif /* VGPIO_CFG_SPLIT */
