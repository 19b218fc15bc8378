/* SPDX-License-Identifier: BSD-3-Clause */
/* Short requests: taken in one call, answered in another. What is not of the shape that
 * every driver sends goes the general way, from its beginning: a short way that gives up
 * has changed nothing, and what it read is forgotten. */
#include "devq.h"

#define ANSWER_BYTES 2u

/* ---- the general way, one at a time ---- */

static PORT_NOINLINE int take_any(struct vgpio_devq *q, struct vgpio_taken *t,
                                  uint32_t len)
{
    struct vgpio_chain c;
    int got = vgpio_devq_pop(q, &c);

    if (got <= 0) {
        return got;
    }
    t->head = c.head;
    t->got = (uint8_t)vgpio_chain_read(&c, t->request, len);
    t->room = 0;
    while (t->room < ANSWER_BYTES && vgpio_chain_where(&c, &t->gpa[t->room]) == 0) {
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

static PORT_NOINLINE int answer_any(struct vgpio_devq *q, const struct vgpio_taken *t)
{
    int err = devq_dead(q), lost = 0;
    uint32_t len = 0;

    if (err) {
        return err;
    }
    if (t->room == ANSWER_BYTES && t->gpa[1] == t->gpa[0] + 1u) {
        lost = vgpio_mem_write(q->mem, t->gpa[0], t->answer, ANSWER_BYTES);
        len = ANSWER_BYTES;
    } else {
        for (; len < t->room && lost == 0; len++) {
            lost = vgpio_mem_write(q->mem, t->gpa[len], t->answer + len, 1);
        }
    }
    err = vgpio_devq_push(q, t->head, lost ? 0 : len);
    return lost && !err ? VGPIO_ERR_IO : err;
}

#if VGPIO_CFG_FAST

/* ---- the short way ---- */

/* The two descriptors of a request, each word loaded once. Split: the rest of one is its
 * length, flags, and `next`; packed: length, id, flags. */
struct pair {
    uint64_t out, out_rest, in, in_rest;
};

#define TABLE_BYTES ((uint32_t)sizeof(struct pair))

#define SPLIT_REST(len, flags) ((len) | (uint64_t)(flags) << 32)
#define SPLIT_MASK SPLIT_REST(UINT32_MAX, 0xffffu)
#define PACKED_REST(len, flags) ((len) | (uint64_t)(flags) << 48)
#define PACKED_MASK PACKED_REST(UINT32_MAX, 0xffffu)

/* Of a pair with the right lengths and flags: if both pieces are in the region, it is
 * taken. */
static inline int take_pair(const struct vgpio_mem_view *v, const struct pair *p,
                            struct vgpio_taken *t)
{
    if (!vgpio_mem_in_view(v, p->out) || !vgpio_mem_in_view(v, p->in)) {
        return 0;
    }
    memcpy(t->request, vgpio_mem_of_view(v, p->out), VGPIO_TAKEN_BYTES);
    PORT_COPIED();
    t->gpa[0] = p->in;
    t->gpa[1] = p->in + 1u;
    t->got = VGPIO_TAKEN_BYTES;
    t->room = ANSWER_BYTES;
    return 1;
}

#if VGPIO_CFG_INDIRECT
/* Copies both entries of the table at `gpa` here; 0 if they are not all in the region. */
static inline int load_table(const struct vgpio_mem_view *v, uint64_t gpa, struct pair *p)
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

/* The pair that begins at `head`: 8 bytes to read, 2 to write, and no more? */
static inline int split_pair(const struct vgpio_devq *q, const struct vgpio_mem_view *v,
                             uint16_t head, struct pair *p)
{
    const uint8_t *d = q->desc + DESC_BYTES * (size_t)head;
    uint16_t next;

    p->out = ring_ld64(d);
    p->out_rest = ring_ld64(d + 8);
    next = (uint16_t)(p->out_rest >> 48);
#if VGPIO_CFG_INDIRECT
    if ((p->out_rest & SPLIT_MASK) == SPLIT_REST(TABLE_BYTES, DESC_F_INDIRECT)) {
        if (!vq_has_indirect(q) || !load_table(v, p->out, p) || p->out_rest >> 48 != 1) {
            return 0;
        }
    } else
#endif
    {
        if (next >= q->at.size) {
            return 0;
        }
        d = q->desc + DESC_BYTES * (size_t)next;
        p->in = ring_ld64(d);
        p->in_rest = ring_ld64(d + 8);
    }
    return (p->out_rest & SPLIT_MASK) == SPLIT_REST(VGPIO_TAKEN_BYTES, DESC_F_NEXT) &&
           (p->in_rest & SPLIT_MASK) == SPLIT_REST(ANSWER_BYTES, DESC_F_WRITE);
}

/* How many were taken; 0 for the general way to find out why. */
static inline unsigned split_take(struct vgpio_devq *q, struct vgpio_taken *t, unsigned n)
{
    const struct vgpio_mem_view v = vgpio_mem_view(q->mem, q->region);
    uint16_t pos = q->at.avail_pos, size = q->at.size, ready;
    unsigned i;

    if (pos == q->u.avail_seen) {
        /* Pairs with the driver's release store of avail.idx, as in the general way. */
        uint16_t idx = ring_ld16_acquire(q->driver + AVAIL_IDX, vq_platform(q));

        if ((uint16_t)(idx - pos) > size) {
            return 0;
        }
        q->u.avail_seen = idx;
    }
    ready = (uint16_t)(q->u.avail_seen - pos);
    for (i = 0; i < n && i < ready; i++, pos++, t++) {
        uint16_t head = ring_ld16(q->driver + AVAIL_RING(pos & (size - 1u)));
        struct pair p;

        if (head >= size || !split_pair(q, &v, head, &p) || !take_pair(&v, &p, t)) {
            break;
        }
        t->head.id = head;
        t->head.ndesc = 1;
    }
    q->at.avail_pos = pos;
    return i;
}

#else
#define split_take(q, t, n) 0u
#endif

#if VGPIO_CFG_PACKED

/* The pair at that place, in the turn of the driver: as above. It does not wrap. */
static inline int packed_pair(const struct vgpio_devq *q, const struct vgpio_mem_view *v,
                              uint32_t off, uint16_t turn, struct pair *p,
                              struct vgpio_head *head)
{
    const uint8_t *d = q->desc + DESC_BYTES * (size_t)off;
    /* Pairs with the driver's release store of the first flags of a batch, as in the
     * general way. */
    uint16_t flags = ring_ld16_acquire(d + PACKED_FLAGS, vq_platform(q));

    p->out = ring_ld64(d);
    p->out_rest = ring_ld64(d + 8);
    head->ndesc = 1;
#if VGPIO_CFG_INDIRECT
    if (flags == (turn | DESC_F_INDIRECT)) {
        head->id = (uint16_t)(p->out_rest >> 32);
        return vq_has_indirect(q) && (uint32_t)p->out_rest == TABLE_BYTES &&
               load_table(v, p->out, p) &&
               (p->out_rest & PACKED_MASK) == PACKED_REST(VGPIO_TAKEN_BYTES, 0) &&
               (p->in_rest & PACKED_MASK) == PACKED_REST(ANSWER_BYTES, DESC_F_WRITE);
    }
#endif
    if (flags != (turn | DESC_F_NEXT) || off + 2u > q->at.size) {
        return 0;
    }
    p->in = ring_ld64(d + DESC_BYTES);
    p->in_rest = ring_ld64(d + DESC_BYTES + 8);
    head->id = (uint16_t)(p->in_rest >> 32);
    head->ndesc = 2;
    return (uint32_t)p->out_rest == VGPIO_TAKEN_BYTES &&
           (p->in_rest & PACKED_MASK) == PACKED_REST(ANSWER_BYTES, turn | DESC_F_WRITE);
}

static inline unsigned packed_take(struct vgpio_devq *q, struct vgpio_taken *t,
                                   unsigned n)
{
    const struct vgpio_mem_view v = vgpio_mem_view(q->mem, q->region);
    uint16_t size = q->at.size, pos = q->at.avail_pos;
    /* What the driver did not get back yet it cannot have made available again. */
    uint32_t left = size - packed_dist(size, q->at.used_pos, pos);
    unsigned i;

    for (i = 0; i < n; i++, t++) {
        struct pair p;

        if (!packed_pair(q, &v, packed_off(pos), packed_avail_bits(pos), &p, &t->head) ||
            t->head.ndesc > left || !take_pair(&v, &p, t)) {
            break;
        }
        left -= t->head.ndesc;
        pos = packed_add(size, pos, t->head.ndesc);
    }
    q->at.avail_pos = pos;
    return i;
}

#else
#define packed_take(q, t, n) 0u
#endif

/* How many were answered. */
static inline unsigned answer_pairs(struct vgpio_devq *q, const struct vgpio_taken *t,
                                    unsigned n)
{
    const struct vgpio_mem_view v = vgpio_mem_view(q->mem, q->region);
    unsigned i;

    for (i = 0; i < n; i++, t++) {
        if (t->room != ANSWER_BYTES || t->gpa[1] != t->gpa[0] + 1u ||
            !vgpio_mem_in_view(&v, t->gpa[0])) {
            break;
        }
        memcpy(vgpio_mem_of_view(&v, t->gpa[0]), t->answer, ANSWER_BYTES);
        if (!vq_is_packed(q)) {
            devq_split_put(q, t->head, ANSWER_BYTES);
        } else if (devq_packed_put(q, t->head, ANSWER_BYTES) != VGPIO_OK) {
            break;
        }
    }
    return i;
}

#endif /* VGPIO_CFG_FAST */

/* ---- both ---- */

int vgpio_devq_take(struct vgpio_devq *q, struct vgpio_taken *t, uint32_t len, unsigned n)
{
#if VGPIO_CFG_FAST
    if ((q->flags & VQ_FAST) && len == VGPIO_TAKEN_BYTES) {
        unsigned got = vq_is_packed(q) ? packed_take(q, t, n) : split_take(q, t, n);

        if (got != 0) {
            return (int)got;
        }
    }
#else
    (void)n;
#endif
    return take_any(q, t, len);
}

static PORT_NOINLINE int answer_each(struct vgpio_devq *q, const struct vgpio_taken *t,
                                     unsigned n)
{
    int err = VGPIO_OK;
    unsigned i;

    for (i = 0; i < n; i++) {
        int e = answer_any(q, &t[i]);

        err = e == VGPIO_OK ? err : e;
        if (e != VGPIO_OK && e != VGPIO_ERR_IO) {
            break;
        }
    }
    return err;
}

int vgpio_devq_answer(struct vgpio_devq *q, const struct vgpio_taken *t, unsigned n)
{
#if VGPIO_CFG_FAST
    if (q->flags & VQ_FAST) {
        unsigned done = answer_pairs(q, t, n);

        t += done;
        n -= done;
        if (n == 0) {
            return VGPIO_OK;
        }
    }
#endif
    return answer_each(q, t, n);
}
