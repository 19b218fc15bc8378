/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's calls of every request: staging it and taking it back, one or many.
 * Requests of two pieces have a short way; what that one cannot do, or finds wrong,
 * begins again the general way, which says why. */
#include "drvq.h"

#if VGPIO_CFG_FAST

/* Two pieces below this have a sum below 2^32. */
#define PAIR_MAX 0x7fffffffu

static inline int pair_ok(const struct vgpio_seg *out, const struct vgpio_seg *in,
                          uint16_t slot)
{
    return slot != DRVQ_NO_SLOT && out->len - 1u < PAIR_MAX && in->len - 1u < PAIR_MAX;
}

/* What is needed while requests are staged: read from the queue once, and what moved
 * written back once. */
struct staging {
    struct vgpio_drvq_slot *books;
    uint8_t *desc, *avail;
    uint16_t size, free, pos;
};

#if VGPIO_CFG_SPLIT

static PORT_INLINE void split_stage(struct staging *s, const struct vgpio_seg *out,
                                    const struct vgpio_seg *in, uint16_t slot)
{
    uint8_t *entry = s->avail + AVAIL_RING(s->pos & (s->size - 1u));
    uint16_t head = s->free, tail = s->books[head].link;

    drvq_split_put_free(s->desc, head, out, DESC_F_NEXT, tail);
    drvq_split_put_free(s->desc, tail, in, DESC_F_WRITE, 0);
    s->free = s->books[tail].link;
    s->books[tail].link = DRVQ_END;
    s->books[head].slot = slot;
    ring_st16(entry, head);
    VGPIO_DMA_CLEAN(entry, 2u);
    s->pos++;
}

/* How many came back; 0 if none did; -1 if the general way is to find out. */
static PORT_INLINE int split_reap(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring;
    uint16_t pos = q->last_used, free = q->free_head, nfree = q->nfree;
    uint16_t seen = q->u.used_seen;
    unsigned i;

    if (pos == seen) {
        VGPIO_DMA_INVALIDATE(q->device + USED_IDX, 2u);
        /* Pairs with the device's release store of used.idx, as in the general way. */
        seen = ring_ld16_acquire(q->device + USED_IDX, vq_platform(q));
        if (seen == pos) {
            return 0;
        }
        if ((uint16_t)(seen - pos) > (uint16_t)(q->published - pos)) {
            return -1;
        }
        q->u.used_seen = seen;
    }
    for (i = 0; i < n && pos != seen; i++, pos++, b++) {
        const uint8_t *p = q->device + USED_RING(pos & (q->size - 1u));
        uint32_t head;
        uint16_t tail;

        VGPIO_DMA_INVALIDATE(p, 8u);
        head = ring_ld32(p);
        if (head >= q->size || books[head].slot == DRVQ_NO_SLOT) {
            break;
        }
        b->slot = books[head].slot;
        b->written = ring_ld32(p + 4);
        books[head].slot = DRVQ_NO_SLOT;
        nfree++;
        for (tail = (uint16_t)head; books[tail].link != DRVQ_END; nfree++) {
            tail = books[tail].link;
        }
        books[tail].link = free;
        free = (uint16_t)head;
    }
    q->last_used = pos;
    q->free_head = free;
    q->nfree = nfree;
    return i != 0 ? (int)i : -1;
}

#else
#define split_stage(s, out, in, slot) ((void)0)
#define split_reap(q, b, n) (-1)
#endif

#if VGPIO_CFG_PACKED

/* The last descriptor of the ring and the first one make no pair here. */
static PORT_INLINE int packed_stage(struct vgpio_drvq *q, struct staging *s,
                                    const struct vgpio_seg *out,
                                    const struct vgpio_seg *in, uint16_t slot)
{
    uint32_t off = packed_off(s->pos);
    uint16_t turn = packed_avail_bits(s->pos), id = s->free;
    uint16_t first = (uint16_t)(turn | DESC_F_NEXT);
    uint8_t *p = s->desc + DESC_BYTES * (size_t)off;

    if (off + 2u > s->size) {
        return 0;
    }
    ring_st64(p + DESC_BYTES, in->addr);
    ring_st64(p + DESC_BYTES + 8,
              in->len | (uint64_t)id << 32 | (uint64_t)(turn | DESC_F_WRITE) << 48);
    ring_st64(p, out->addr);
    if (s->pos == q->published) { /* the device would go on from here to the others */
        q->u.first_flags = first;
        ring_st32(p + 8, out->len);
        ring_st16(p + PACKED_ID, id);
    } else {
        ring_st64(p + 8, out->len | (uint64_t)id << 32 | (uint64_t)first << 48);
    }
    s->free = s->books[id].link;
    s->books[id].slot = slot;
    s->books[id].link = 2;
    s->pos = packed_add(s->size, s->pos, 2);
    return 1;
}

static PORT_INLINE int packed_reap(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    struct vgpio_drvq_slot *books = q->ring;
    uint16_t pos = q->last_used, free = q->free_head, nfree = q->nfree;
    uint32_t left = packed_dist(q->size, pos, q->published);
    unsigned i;

    for (i = 0; i < n; i++, b++) {
        const uint8_t *p = q->desc + DESC_BYTES * (size_t)packed_off(pos);
        uint64_t rest;
        uint16_t id;

        /* Pairs with the device's release store of the first flags of a batch, as in the
         * general way. */
        if ((ring_ld16_acquire(p + PACKED_FLAGS, vq_platform(q)) & DESC_F_TURN) !=
            packed_used_bits(pos)) {
            if (i == 0) {
                return 0;
            }
            break;
        }
        rest = ring_ld64(p + 8);
        id = (uint16_t)(rest >> 32);
        if (id >= q->size || books[id].slot == DRVQ_NO_SLOT || books[id].link > left) {
            break;
        }
        b->slot = books[id].slot;
        b->written = (uint32_t)rest;
        books[id].slot = DRVQ_NO_SLOT;
        left -= books[id].link;
        nfree = (uint16_t)(nfree + books[id].link);
        pos = packed_add(q->size, pos, books[id].link);
        books[id].link = free;
        free = id;
    }
    q->last_used = pos;
    q->free_head = free;
    q->nfree = nfree;
    return i != 0 ? (int)i : -1;
}

#else
#define packed_stage(q, s, out, in, slot) 0
#define packed_reap(q, b, n) (-1)
#endif

static PORT_INLINE struct staging stage_begin(const struct vgpio_drvq *q)
{
    struct staging s;

    s.books = q->ring;
    s.desc = q->desc;
    s.avail = q->driver;
    s.size = q->size;
    s.free = q->free_head;
    s.pos = q->next_avail;
    return s;
}

static PORT_INLINE void stage_end(struct vgpio_drvq *q, const struct staging *s,
                                  unsigned n)
{
    q->free_head = s->free;
    q->next_avail = s->pos;
    q->nfree = (uint16_t)(q->nfree - 2u * n);
}

/* How many were staged, of those that there is room for. */
static PORT_INLINE unsigned stage_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p,
                                        unsigned n)
{
    struct staging s = stage_begin(q);
    unsigned room = q->nfree / 2u, i = 0;

    n = n < room ? n : room;
    if (vq_is_packed(q)) {
        while (i < n && pair_ok(&p[i].seg[0], &p[i].seg[1], p[i].slot) &&
               packed_stage(q, &s, &p[i].seg[0], &p[i].seg[1], p[i].slot)) {
            i++;
        }
    } else {
        for (; i < n && pair_ok(&p[i].seg[0], &p[i].seg[1], p[i].slot); i++) {
            split_stage(&s, &p[i].seg[0], &p[i].seg[1], p[i].slot);
        }
    }
    stage_end(q, &s, i);
    return i;
}

#endif /* VGPIO_CFG_FAST */

static PORT_NOINLINE int add_any(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                                 unsigned nread, unsigned nwrite, uint16_t slot)
{
    int err = drvq_dead(q);

    return err ? err : LAYOUT(q, add)(q, segs, nread, nwrite, slot);
}

static PORT_NOINLINE int get_any(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    int err = drvq_dead(q);

    return err ? err : LAYOUT(q, get)(q, slot, written);
}

int vgpio_drvq_add(struct vgpio_drvq *q, const struct vgpio_seg *segs, unsigned nread,
                   unsigned nwrite, uint16_t slot)
{
#if VGPIO_CFG_FAST
    if ((q->flags & VQ_FAST) && nread == 1 && nwrite == 1) {
        struct vgpio_pair p;

        p.seg[0] = segs[0];
        p.seg[1] = segs[1];
        p.slot = slot;
        if (stage_pairs(q, &p, 1) != 0) {
            return VGPIO_OK;
        }
    }
#endif
    return add_any(q, segs, nread, nwrite, slot);
}

int vgpio_drvq_add_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p, unsigned n)
{
    unsigned i = 0;
    int err = VGPIO_OK;

#if VGPIO_CFG_FAST
    if (q->flags & VQ_FAST) {
        i = stage_pairs(q, p, n);
    }
#endif
    for (; i < n && err == VGPIO_OK; i += err == VGPIO_OK) {
        err = add_any(q, p[i].seg, 1, 1, p[i].slot);
    }
    return i != 0 ? (int)i : err;
}

int vgpio_drvq_get_many(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
#if VGPIO_CFG_FAST
    if (q->flags & VQ_FAST) {
        int got = vq_is_packed(q) ? packed_reap(q, b, n) : split_reap(q, b, n);

        if (got >= 0) {
            return got;
        }
    }
#else
    (void)n;
#endif
    return get_any(q, &b->slot, &b->written);
}

int vgpio_drvq_get(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
#if VGPIO_CFG_FAST
    if (q->flags & VQ_FAST) {
        struct vgpio_back b;
        int got = vq_is_packed(q) ? packed_reap(q, &b, 1) : split_reap(q, &b, 1);

        if (got > 0) {
            *slot = b.slot;
            *written = b.written;
        }
        if (got >= 0) {
            return got;
        }
    }
#endif
    return get_any(q, slot, written);
}
