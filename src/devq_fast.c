/* SPDX-License-Identifier: BSD-3-Clause */
/* Short requests: taken in one call, answered in another. What is not of the shape that
 * every driver sends goes the general way, from its beginning: a short way that gives up
 * has changed nothing, and what it read is forgotten. */
#include "devq.h"

#define ANSWER_BYTES 2u

/* Without the short ways these are all that the calls do. */
#if VGPIO_CFG_FAST
#define GENERAL static PORT_NOINLINE
#else
#define GENERAL static inline
#endif

/* ---- the general way ---- */

/* One at a time. */
GENERAL int take_any(struct vgpio_devq *q, struct vgpio_taken *t, uint32_t len)
{
    struct vgpio_chain c;
    uint64_t *gpa = t->gpa;
    int got = vgpio_devq_pop(q, &c);

    if (got <= 0) {
        return got;
    }
    t->head = c.head;
    t->got = (uint8_t)vgpio_chain_read(&c, t->request, len);
    t->room = 0;
    while (t->room < ANSWER_BYTES && vgpio_chain_where(&c, gpa++) == 0) {
        t->room++;
    }
    got = vgpio_chain_finish(&c, NULL);
#if VGPIO_CFG_FAST
    if (t->room != 0 && (q->flags & VQ_FAST)) {
        q->region = vgpio_mem_region_of(q->mem, t->gpa[0]);
    }
#endif
    return got < 0 ? got : 1;
}

GENERAL int answer_any(struct vgpio_devq *q, const struct vgpio_taken *t, unsigned n)
{
    int err = devq_dead(q), lost = VGPIO_OK;

    for (; err == VGPIO_OK && n != 0; n--, t++) {
        uint32_t len = 0;

        while (len < t->room &&
               vgpio_mem_write(q->mem, t->gpa[len], t->answer + len, 1) == VGPIO_OK) {
            len++;
        }
        if (len != t->room) {
            lost = VGPIO_ERR_IO;
            len = 0;
        }
        err = vgpio_devq_push(q, t->head, len);
    }
    return err ? err : lost;
}

int vgpio_chain_where(struct vgpio_chain *c, uint64_t *gpa)
{
    int found = vgpio_chain_seek(c, VGPIO_MEM_WRITE);
    uint64_t at = c->piece.gpa;

    if (found <= 0) {
        return found ? found : VGPIO_ERR_NOSPC;
    }
    if (vgpio_mem_step(c->q->mem, &c->piece, NULL, 1) == 0) {
        return VGPIO_ERR_IO;
    }
    *gpa = at;
    return VGPIO_OK;
}

#if VGPIO_CFG_FAST

/* ---- the short way ---- */

/* The two descriptors of a request, each word loaded once. Split: the rest of one is its
 * length, flags, and `next`; packed: length, id, flags. */
struct pair {
    uint64_t out, out_rest, in, in_rest;
};

#define TABLE_BYTES ((uint32_t)sizeof(struct pair))

/* Without `next`, and moved up to where that was. */
#define SPLIT_REST(len, flags) ((uint64_t)(len) << 16 | (uint64_t)(flags) << 48)
#define SPLIT_REST_OF(rest) ((rest) << 16)
#define PACKED_REST(len, flags) ((len) | (uint64_t)(flags) << 48)
#define PACKED_MASK PACKED_REST(UINT32_MAX, 0xffffu)

/* Of a pair with the right lengths and flags: if both pieces are in the region, it is
 * taken. */
static PORT_INLINE int take_pair(const struct vgpio_mem_view *v, const struct pair *p,
                                 struct vgpio_taken *t, uint16_t ndesc)
{
    if (!vgpio_mem_in_view(v, p->out) || !vgpio_mem_in_view(v, p->in)) {
        return 0;
    }
    memcpy(t->request, vgpio_mem_of_view(v, p->out), VGPIO_TAKEN_BYTES);
    PORT_COPIED();
    t->gpa[0] = p->in;
    t->gpa[1] = p->in + 1u;
    t->head.ndesc = ndesc;
    t->got = VGPIO_TAKEN_BYTES;
    t->room = ANSWER_BYTES;
    return 1;
}

#if VGPIO_CFG_INDIRECT
/* Copies both entries of the table at `gpa` here; 0 if they are not all in the region. */
static PORT_INLINE int load_table(const struct vgpio_mem_view *v, uint64_t gpa,
                                  struct pair *p)
{
    uint64_t raw[4];

    if (!vgpio_mem_in_view(v, gpa)) {
        return 0;
    }
    memcpy(raw, vgpio_mem_of_view(v, gpa), sizeof raw);
    PORT_COPIED();
    p->out = port_le64(raw[0]);
    p->out_rest = port_le64(raw[1]);
    p->in = port_le64(raw[2]);
    p->in_rest = port_le64(raw[3]);
    return 1;
}
#endif

#if VGPIO_CFG_SPLIT

static PORT_INLINE int is_out(const struct pair *p)
{
    return SPLIT_REST_OF(p->out_rest) == SPLIT_REST(VGPIO_TAKEN_BYTES, DESC_F_NEXT);
}

static PORT_INLINE int is_in(const struct pair *p)
{
    return SPLIT_REST_OF(p->in_rest) == SPLIT_REST(ANSWER_BYTES, DESC_F_WRITE);
}

#if VGPIO_CFG_INDIRECT
/* From the descriptor that names a table to the two entries in there. */
static PORT_INLINE int split_table(const struct vgpio_devq *q,
                                   const struct vgpio_mem_view *v, struct pair *p)
{
    return SPLIT_REST_OF(p->out_rest) == SPLIT_REST(TABLE_BYTES, DESC_F_INDIRECT) &&
           vq_has_indirect(q) && load_table(v, p->out, p) && is_out(p) &&
           p->out_rest >> 48 == 1 && is_in(p);
}
#else
#define split_table(q, v, p) ((void)(q), (void)(v), 0)
#endif

/* The pair that begins at `head`: 8 bytes to read, 2 to write, and no more? */
static PORT_INLINE int split_pair(const struct vgpio_devq *q,
                                  const struct vgpio_mem_view *v, const uint8_t *desc,
                                  uint32_t last, uint32_t head, struct pair *p)
{
    const uint8_t *d = desc + DESC_BYTES * (size_t)head;
    uint32_t next;

    p->out = ring_ld64(d);
    p->out_rest = ring_ld64(d + 8);
    if (!is_out(p)) {
        return split_table(q, v, p);
    }
    next = (uint32_t)(p->out_rest >> 48);
    if (next > last) {
        return 0;
    }
    d = desc + DESC_BYTES * (size_t)next;
    p->in = ring_ld64(d);
    p->in_rest = ring_ld64(d + 8);
    return is_in(p);
}

/* Those from position `first` to `stop` are there. */
static PORT_INLINE int split_take_pairs(struct vgpio_devq *q, struct vgpio_taken *t,
                                        uint16_t first, uint16_t stop)
{
    const struct vgpio_mem_view v = vgpio_mem_view(q->mem, q->region);
    const uint8_t *desc = q->area[AREA_DESC], *avail = q->area[AREA_DRIVER];
    uint32_t last = q->at.size - 1u; /* and a mask */
    uint16_t pos = first;

    for (; pos != stop; pos++, t++) {
        uint32_t head = ring_ld16(avail + AVAIL_RING(pos & last));
        struct pair p;

        if (head > last || !split_pair(q, &v, desc, last, head, &p) ||
            !take_pair(&v, &p, t, 1)) {
            break;
        }
        t->head.id = (uint16_t)head;
    }
    q->at.avail_pos = pos;
    return pos != first ? (uint16_t)(pos - first) : take_any(q, t, VGPIO_TAKEN_BYTES);
}

/* In a loop; one that comes alone needs none. */
static PORT_NOINLINE int split_take_many(struct vgpio_devq *q, struct vgpio_taken *t,
                                         uint16_t stop)
{
    return split_take_pairs(q, t, q->at.avail_pos, stop);
}

/* Looks at the index if all that it promised is taken; no more than that if there is
 * nothing new. */
static PORT_NOINLINE int split_take(struct vgpio_devq *q, struct vgpio_taken *t,
                                    unsigned n)
{
    uint16_t pos = q->at.avail_pos, size = q->at.size;
    uint16_t there = (uint16_t)(q->u.avail_seen - pos);

    if (there == 0) {
        /* Pairs with the driver's release store of avail.idx, as in the general way. */
        uint16_t seen =
            ring_ld16_acquire(q->area[AREA_DRIVER] + AVAIL_IDX, vq_platform(q));

        there = (uint16_t)(seen - pos);
        if (there == 0) {
            return 0;
        }
        if (there > size) {
            return take_any(q, t, VGPIO_TAKEN_BYTES);
        }
        q->u.avail_seen = seen;
        if (there == 1) {
            /* Somebody waits for this one. Of many, all but one are late anyway. */
            PORT_WILL_WRITE(q->area[AREA_DEVICE] + USED_RING(q->next_used & (size - 1u)));
            return split_take_pairs(q, t, pos, (uint16_t)(pos + 1u));
        }
    }
    return split_take_many(q, t, (uint16_t)(pos + (n < there ? n : there)));
}

#else
#define split_take(q, t, n) 0
#endif

#if VGPIO_CFG_PACKED

/* Where one stands in a packed ring, as the offset and the bits that say whose turn it
 * is. */
struct place {
    uint32_t off;
    uint16_t turn;
};

static PORT_INLINE void place_next(struct place *at, uint32_t size, uint32_t n)
{
    at->off += n;
    if (at->off >= size) {
        at->off -= size;
        at->turn ^= DESC_F_TURN;
    }
}

/* The position; of what is available AVAIL is as the wrap counter, of what is used both
 * are. */
static PORT_INLINE uint16_t place_pos(const struct place *at)
{
    return (uint16_t)(at->off | (at->turn & DESC_F_AVAIL ? PACKED_WRAP : 0u));
}

#if VGPIO_CFG_INDIRECT
/* From the descriptor that names a table to the two entries in there. */
static PORT_INLINE int packed_table(const struct vgpio_mem_view *v, struct pair *p)
{
    return (uint32_t)p->out_rest == TABLE_BYTES && load_table(v, p->out, p) &&
           (p->out_rest & PACKED_MASK) == PACKED_REST(VGPIO_TAKEN_BYTES, 0) &&
           (p->in_rest & PACKED_MASK) == PACKED_REST(ANSWER_BYTES, DESC_F_WRITE);
}
#endif

/* How many descriptors the pair at `d` takes, or 0 if it is another shape. `flags` were
 * loaded there first, and what is loaded here of them is not looked at. */
static PORT_INLINE unsigned packed_pair(const uint8_t *d, uint16_t flags, uint16_t turn,
                                        const struct vgpio_mem_view *v, struct pair *p,
                                        uint16_t *id)
{
    p->out = ring_ld64(d);
    p->out_rest = ring_ld64(d + 8);
    if (flags == (turn | DESC_F_NEXT)) {
        p->in = ring_ld64(d + DESC_BYTES);
        p->in_rest = ring_ld64(d + DESC_BYTES + 8);
        *id = (uint16_t)(p->in_rest >> 32);
        return (uint32_t)p->out_rest == VGPIO_TAKEN_BYTES &&
                       (p->in_rest & PACKED_MASK) ==
                           PACKED_REST(ANSWER_BYTES, turn | DESC_F_WRITE)
                   ? 2u
                   : 0u;
    }
#if VGPIO_CFG_INDIRECT
    *id = (uint16_t)(p->out_rest >> 32);
    return flags == (turn | DESC_F_INDIRECT) && packed_table(v, p);
#else
    (void)v;
    return 0;
#endif
}

/* One of a pair does not lie at the end of the ring with the other at its beginning: the
 * last descriptor is left to the general way. So is a table that nobody negotiated. */
static PORT_NOINLINE int packed_take(struct vgpio_devq *q, struct vgpio_taken *t,
                                     unsigned n)
{
    const struct vgpio_mem_view v = vgpio_mem_view(q->mem, q->region);
    const uint8_t *desc = q->area[AREA_DESC];
    uint32_t size = q->at.size;
    struct place at = {packed_off(q->at.avail_pos), packed_avail_bits(q->at.avail_pos)};
    unsigned platform = vq_platform(q), i, ndesc;
    /* What the driver did not get back yet it cannot have made available again. */
    uint32_t left = size - packed_dist(q->at.size, q->at.used_pos, q->at.avail_pos);

    for (i = 0; i < n && left >= 2 && at.off + 1u < size; i++, t++) {
        const uint8_t *d = desc + DESC_BYTES * (size_t)at.off;
        /* Pairs with the driver's release store of the first flags of a batch, as in the
         * general way. */
        uint16_t flags = ring_ld16_acquire(d + PACKED_FLAGS, platform);
        struct pair p;

        ndesc = packed_pair(d, flags, at.turn, &v, &p, &t->head.id);
        if (ndesc == 0 || (ndesc == 1 && !vq_has_indirect(q)) ||
            !take_pair(&v, &p, t, (uint16_t)ndesc)) {
            if (i == 0 && (flags & DESC_F_TURN) != at.turn) {
                return 0; /* none is waiting, nor was */
            }
            break;
        }
        left -= ndesc;
        place_next(&at, size, ndesc);
    }
    q->at.avail_pos = place_pos(&at);
    return i != 0 ? (int)i : take_any(q, t, VGPIO_TAKEN_BYTES);
}

#else
#define packed_take(q, t, n) 0
#endif

/* Writes an answer, if it lies in the region in one piece. */
static PORT_INLINE int answer_pair(const struct vgpio_mem_view *v,
                                   const struct vgpio_taken *t)
{
    if (t->room != ANSWER_BYTES || t->gpa[1] != t->gpa[0] + 1u ||
        !vgpio_mem_in_view(v, t->gpa[0])) {
        return 0;
    }
    memcpy(vgpio_mem_of_view(v, t->gpa[0]), t->answer, ANSWER_BYTES);
    return 1;
}

#if VGPIO_CFG_SPLIT
static PORT_NOINLINE int split_answer(struct vgpio_devq *q, const struct vgpio_taken *t,
                                      unsigned n)
{
    const struct vgpio_mem_view v = vgpio_mem_view(q->mem, q->region);
    uint8_t *used = q->area[AREA_DEVICE];
    uint16_t pos = q->next_used, size = q->at.size;

    for (; n != 0 && answer_pair(&v, t); n--, pos++, t++) {
        devq_split_put(used, size, pos, t->head, ANSWER_BYTES);
    }
    q->next_used = pos;
    return n == 0 ? VGPIO_OK : answer_any(q, t, n);
}

#else
#define split_answer(q, t, n) answer_any(q, t, n)
#endif

#if VGPIO_CFG_PACKED
/* What does not change from answer to answer, and what does. */
struct answering {
    struct vgpio_mem_view v;
    uint8_t *desc;
    uint32_t size, left; /* entries; how many of them are ours to give back */
    struct place at;
};

static PORT_INLINE int packed_answer_one(struct answering *a, const struct vgpio_taken *t,
                                         uint16_t *held)
{
    uint32_t ndesc = t->head.ndesc;

    if (ndesc - 1u >= a->left || !answer_pair(&a->v, t)) {
        return 0;
    }
    devq_packed_put(a->desc + DESC_BYTES * (size_t)a->at.off, t->head.id, ANSWER_BYTES,
                    a->at.turn, held);
    a->left -= ndesc;
    place_next(&a->at, a->size, ndesc);
    return 1;
}

static PORT_NOINLINE int packed_answer(struct vgpio_devq *q, const struct vgpio_taken *t,
                                       unsigned n)
{
    uint16_t pos = q->next_used;
    uint16_t *held = pos == q->at.used_pos ? &q->u.first_flags : NULL;
    struct answering a;

    a.v = vgpio_mem_view(q->mem, q->region);
    a.desc = q->area[AREA_DESC];
    a.size = q->at.size;
    a.left = packed_dist(q->at.size, pos, q->at.avail_pos);
    a.at.off = packed_off(pos);
    a.at.turn = (uint16_t)(packed_used_bits(pos) | DESC_F_WRITE);
    for (; n != 0 && packed_answer_one(&a, t, held); n--, t++) {
        held = NULL;
    }
    q->next_used = place_pos(&a.at);
    return n == 0 ? VGPIO_OK : answer_any(q, t, n);
}

#else
#define packed_answer(q, t, n) answer_any(q, t, n)
#endif

/* ---- before sleep ---- */

static PORT_NOINLINE unsigned settle_any(struct vgpio_devq *q)
{
    unsigned what = 0;

    if (vgpio_devq_waiting(q) != 0) { /* or an error: the next take says which */
        return VGPIO_SETTLE_MORE;
    }
    if (vgpio_devq_publish(q) > 0) {
        what = VGPIO_SETTLE_INTERRUPT;
    }
    return vgpio_devq_rearm(q) != 0 ? what | VGPIO_SETTLE_MORE : what;
}

/* Both fences of the general way in one. It stands between what was shown and the look at
 * the driver's wish, as in publish, and between what was asked for and the second look at
 * the ring, as in rearm. Looks at the ring only decide whether to take again, and what is
 * taken is acquired there. */
#if VGPIO_CFG_SPLIT
static PORT_NOINLINE unsigned split_settle(struct vgpio_devq *q)
{
    const uint8_t *avail = q->area[AREA_DRIVER];
    uint16_t old = q->at.used_pos, now = q->next_used;
    unsigned what = 0;

    if (ring_ld16(avail + AVAIL_IDX) != q->at.avail_pos) {
        return VGPIO_SETTLE_MORE;
    }
    if (now != old) {
        devq_split_show(q, now);
    }
    (void)devq_split_ask(q);
    ring_fence(vq_platform(q));
    if (now != old && devq_split_wanted(q, now, old)) {
        what = VGPIO_SETTLE_INTERRUPT;
    }
    return ring_ld16(avail + AVAIL_IDX) != q->at.avail_pos ? what | VGPIO_SETTLE_MORE
                                                           : what;
}
#else
#define split_settle(q) settle_any(q)
#endif

#if VGPIO_CFG_PACKED
static int packed_more(const struct vgpio_devq *q)
{
    const uint8_t *d =
        q->area[AREA_DESC] + DESC_BYTES * (size_t)packed_off(q->at.avail_pos);

    return (ring_ld16(d + PACKED_FLAGS) & DESC_F_TURN) ==
           packed_avail_bits(q->at.avail_pos);
}

static PORT_NOINLINE unsigned packed_settle(struct vgpio_devq *q)
{
    uint16_t old = q->at.used_pos, now = q->next_used;
    unsigned what = 0;

    if (packed_more(q)) {
        return VGPIO_SETTLE_MORE;
    }
    if (now != old) {
        (void)devq_packed_show(q, now);
    }
    devq_packed_ask(q);
    ring_fence(vq_platform(q));
    if (now != old && devq_packed_wanted(q, now, old)) {
        what = VGPIO_SETTLE_INTERRUPT;
    }
    return packed_more(q) ? what | VGPIO_SETTLE_MORE : what;
}
#else
#define packed_settle(q) settle_any(q)
#endif

#endif /* VGPIO_CFG_FAST */

/* ---- both ---- */

int vgpio_devq_take(struct vgpio_devq *q, struct vgpio_taken *t, uint32_t len, unsigned n)
{
#if VGPIO_CFG_FAST
    if ((q->flags & VQ_FAST) && len == VGPIO_TAKEN_BYTES) {
        return vq_is_packed(q) ? packed_take(q, t, n) : split_take(q, t, n);
    }
#else
    (void)n;
#endif
    return take_any(q, t, len);
}

int vgpio_devq_answer(struct vgpio_devq *q, const struct vgpio_taken *t, unsigned n)
{
#if VGPIO_CFG_FAST
    if (q->flags & VQ_FAST) {
        return vq_is_packed(q) ? packed_answer(q, t, n) : split_answer(q, t, n);
    }
#endif
    return answer_any(q, t, n);
}

#if VGPIO_CFG_FAST
unsigned vgpio_devq_settle(struct vgpio_devq *q)
{
    if (q->flags & VQ_FAST) {
        return vq_is_packed(q) ? packed_settle(q) : split_settle(q);
    }
    return settle_any(q);
}
#endif
