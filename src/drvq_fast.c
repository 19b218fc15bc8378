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
    unsigned size, mask, free, pos;
};

#if VGPIO_CFG_SPLIT

static PORT_INLINE void split_stage(struct staging *s, const struct vgpio_seg *out,
                                    const struct vgpio_seg *in, uint16_t slot)
{
    uint8_t *entry = s->avail + AVAIL_RING(s->pos & s->mask);
    unsigned head = s->free, tail = s->books[head].link;

    ring_st16(entry, (uint16_t)head);
    VGPIO_DMA_CLEAN(entry, 2u);
    s->pos++;
    s->books[head].slot = slot;
    drvq_split_put_free(s->desc, head, out, DESC_F_NEXT, tail);
    s->free = s->books[tail].link;
    s->books[tail].link = DRVQ_END;
    drvq_split_put_free(s->desc, tail, in, DESC_F_WRITE, 0);
}

#else
#define split_stage(s, out, in, slot) ((void)0)
#endif

#if VGPIO_CFG_PACKED

/* The last descriptor of the ring and the first one make no pair here. */
static PORT_INLINE int packed_stage(struct vgpio_drvq *q, struct staging *s,
                                    const struct vgpio_seg *out,
                                    const struct vgpio_seg *in, uint16_t slot)
{
    uint32_t off = packed_off(s->pos);
    unsigned turn = packed_avail_bits(s->pos), id = s->free;
    unsigned first = turn | DESC_F_NEXT;
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
        ring_st16(p + PACKED_ID, (uint16_t)id);
    } else {
        ring_st64(p + 8, out->len | (uint64_t)id << 32 | (uint64_t)first << 48);
    }
    s->free = s->books[id].link;
    s->books[id].slot = slot;
    s->books[id].link = 2;
    s->pos = packed_add(s->size, s->pos, 2);
    return 1;
}

#else
#define packed_stage(q, s, out, in, slot) 0
#endif

static PORT_INLINE struct staging stage_begin(const struct vgpio_drvq *q)
{
    struct staging s;

    s.books = q->ring;
    s.desc = q->desc;
    s.avail = q->driver;
    s.size = q->size;
    s.mask = s.size - 1u;
    s.free = q->free_head;
    s.pos = q->next_avail;
    return s;
}

static PORT_INLINE void stage_end(struct vgpio_drvq *q, const struct staging *s,
                                  unsigned n)
{
    q->free_head = s->free;
    q->next_avail = s->pos;
    q->nfree -= 2u * n;
}

/* Those from the i-th on one by one, the general way where it must be. */
static PORT_NOINLINE int add_rest(struct vgpio_drvq *q, const struct vgpio_pair *p,
                                  unsigned i, unsigned n)
{
    int err = VGPIO_OK;

    for (; i < n && err == VGPIO_OK; i += err == VGPIO_OK) {
        err = vgpio_drvq_add(q, p[i].seg, 1, 1, p[i].slot);
    }
    return i != 0 ? (int)i : err;
}

/* Each layout has a loop of its own, and its calls come last: what is needed in the loop
 * stays in registers. */
#if VGPIO_CFG_SPLIT
static PORT_NOINLINE int split_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p,
                                     unsigned n)
{
    struct staging s = stage_begin(q);
    unsigned room = q->nfree / 2u, most = n < room ? n : room, i;

    for (i = 0; i < most && pair_ok(&p[i].seg[0], &p[i].seg[1], p[i].slot); i++) {
        split_stage(&s, &p[i].seg[0], &p[i].seg[1], p[i].slot);
    }
    stage_end(q, &s, i);
    return i == n ? (int)i : add_rest(q, p, i, n);
}
#else
#define split_pairs(q, p, n) 0
#endif

#if VGPIO_CFG_PACKED
static PORT_NOINLINE int packed_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p,
                                      unsigned n)
{
    struct staging s = stage_begin(q);
    unsigned room = q->nfree / 2u, most = n < room ? n : room, i = 0;

    while (i < most && pair_ok(&p[i].seg[0], &p[i].seg[1], p[i].slot) &&
           packed_stage(q, &s, &p[i].seg[0], &p[i].seg[1], p[i].slot)) {
        i++;
    }
    stage_end(q, &s, i);
    return i == n ? (int)i : add_rest(q, p, i, n);
}
#else
#define packed_pairs(q, p, n) 0
#endif

/* Apart, for its frame is not to lie below the general way. */
static PORT_NOINLINE int add_pair(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                                  uint16_t slot)
{
    struct staging s = stage_begin(q);

    if (q->nfree < 2 || !pair_ok(&segs[0], &segs[1], slot)) {
        return 0;
    }
    if (!vq_is_packed(q)) {
        split_stage(&s, &segs[0], &segs[1], slot);
    } else if (!packed_stage(q, &s, &segs[0], &segs[1], slot)) {
        return 0;
    }
    stage_end(q, &s, 1);
    return 1;
}

#endif /* VGPIO_CFG_FAST */

/* Else it is the one layout's own, see drvq.h. */
#if VGPIO_CFG_FAST || (VGPIO_CFG_SPLIT && VGPIO_CFG_PACKED)
int vgpio_drvq_add(struct vgpio_drvq *q, const struct vgpio_seg *segs, unsigned nread,
                   unsigned nwrite, uint16_t slot)
{
#if VGPIO_CFG_FAST
    if ((q->flags & VQ_FAST) && nread == 1 && nwrite == 1 && add_pair(q, segs, slot)) {
        return VGPIO_OK;
    }
#endif
    return LAYOUT(q, add)(q, segs, nread, nwrite, slot);
}
#endif

#if VGPIO_CFG_FAST

int vgpio_drvq_add_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p, unsigned n)
{
    if (!(q->flags & VQ_FAST)) {
        return add_rest(q, p, 0, n);
    }
    return vq_is_packed(q) ? packed_pairs(q, p, n) : split_pairs(q, p, n);
}

#else

int vgpio_drvq_add_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++, p++) {
        int err = vgpio_drvq_add(q, p->seg, 1, 1, p->slot);

        if (err && i == 0) {
            return err;
        }
        if (err) {
            break;
        }
    }
    return (int)i;
}

#endif /* VGPIO_CFG_FAST */
