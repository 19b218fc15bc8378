/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a queue: what does not depend on the layout. */
#include "devq.h"

/* What differs with the layout. A table of functions would keep both linked. */
#define LAYOUT(q, step)                                                                  \
    (vq_is_packed(q) ? vgpio_devq_packed_##step : vgpio_devq_split_##step)

/* A ring area: its bytes for each entry and besides, what its address is a multiple of,
 * less one, and what is done there. */
struct area {
    uint8_t each, more, low, access;
};

static const struct area split_areas[3] = {
    {DESC_BYTES, 0, 15, VGPIO_MEM_READ},
    {2, SPLIT_AVAIL_BYTES(0), 1, VGPIO_MEM_READ},
    {8, SPLIT_USED_BYTES(0), 3, VGPIO_MEM_READ | VGPIO_MEM_WRITE},
};
static const struct area packed_areas[3] = {
    {DESC_BYTES, 0, 15, VGPIO_MEM_READ | VGPIO_MEM_WRITE},
    {0, PACKED_EVENT_BYTES, 3, VGPIO_MEM_READ},
    {0, PACKED_EVENT_BYTES, 3, VGPIO_MEM_READ | VGPIO_MEM_WRITE},
};

#define AREAS(q) (vq_is_packed(q) ? packed_areas : split_areas)

static inline uint32_t area_bytes(const struct vgpio_devq *q, const struct area *a)
{
    return a->each * (uint32_t)q->at.size + a->more;
}

/* Maps the areas one after the other, up to one that is refused. Each must come back
 * whole, because ring words need single-copy atomicity and a copy cannot give that, and
 * aligned for the words in it. */
static inline int map_ring(struct vgpio_devq *q)
{
    const struct area *a = AREAS(q);
    const uint64_t *gpa = (const void *)&q->at; /* its addresses come first, in a row */
    unsigned i;

    for (i = 0; i < 3; i++, a++) {
        uint32_t bytes = area_bytes(q, a), got = bytes;
        uint8_t *p = vgpio_mem_map(q->mem, gpa[i], &got, a->access);

        if (got != bytes || (((uint32_t)gpa[i] | ((uintptr_t)p & 7u)) & a->low) != 0) {
            vgpio_mem_unmap(q->mem, p, got);
            return VGPIO_ERR_FAULT;
        }
        q->area[i] = p;
    }
    return VGPIO_OK;
}

/* Of the ring, or of what was mapped of it. Nothing is staged then: publish looks no
 * further. */
static inline void let_go(struct vgpio_devq *q)
{
#if VGPIO_CFG_UNMAP
    const struct area *a = AREAS(q);
    unsigned i;

    for (i = 0; i < 3 && q->area[i] != NULL; i++, a++) {
        vgpio_mem_unmap(q->mem, q->area[i], area_bytes(q, a));
        q->area[i] = NULL;
    }
#endif
    q->next_used = q->at.used_pos;
}

/* What was published so far is written in a split ring itself and nobody can tell it
 * better; how far the driver's heads were taken is written nowhere. */
static inline int split_start(struct vgpio_devq *q)
{
    q->at.used_pos = ring_ld16(q->area[AREA_DEVICE] + USED_IDX);
    if (!(q->at.flags & VGPIO_VQ_TOLD)) {
        q->at.avail_pos = 0;
    }
    split_seen(q, q->at.avail_pos);
    return VGPIO_OK;
}

static inline int start_layout(struct vgpio_devq *q)
{
    return vq_is_packed(q) ? vgpio_devq_packed_start(q) : split_start(q);
}

/* From what was copied to `at`. */
static inline int start(struct vgpio_devq *q)
{
    unsigned flags;
    int err = vq_flags(q->at.features, &flags);

    if (err != VGPIO_OK) { /* GCOVR_EXCL_BR_LINE: where all is compiled in, all goes */
        return err;
    }
    q->flags = (uint8_t)flags;
    if (!vq_size_ok(q, q->at.size)) {
        return VGPIO_ERR_INVAL;
    }
    q->err = 0;
    err = map_ring(q);
    return err ? err : start_layout(q);
}

int vgpio_devq_start(struct vgpio_devq *q, const struct vgpio_mem *mem,
                     const struct vgpio_vq_setup *setup)
{
    int err = vgpio_mem_usable(mem);

    if (err != VGPIO_OK) {
        return err;
    }
    if (q->state != 0) {
        return VGPIO_ERR_STATE;
    }
    q->mem = mem;
    q->at = *setup;
    err = start(q);
    if (err != VGPIO_OK) {
        let_go(q);
        return err;
    }
    q->state = DEVQ_STATE(VGPIO_OK);
    q->at.flags = VGPIO_VQ_TOLD;
    q->next_used = q->at.used_pos;
#if VGPIO_CFG_DIRTY
    q->flags &= (uint8_t)~VQ_DIRTY; /* a driver's feature has the same bit */
    if (vgpio_mem_has_dirty(mem)) {
        q->flags |= VQ_DIRTY;
    }
#endif
#if VGPIO_CFG_FAST
    q->region = 0;
    if (vgpio_mem_is_table(mem) && !vq_in_order(q)) {
        q->flags |= VQ_FAST;
    }
#endif
    return VGPIO_OK;
}

void vgpio_devq_stop(struct vgpio_devq *q, struct vgpio_vq_setup *where)
{
    if (where != NULL) {
        *where = q->at;
    }
    let_go(q);
    q->state = 0;
#if VGPIO_CFG_FAST
    q->flags &= (uint8_t)~VQ_FAST;
#endif
}

int vgpio_devq_error(const struct vgpio_devq *q)
{
    return q->err;
}

#if VGPIO_CFG_PACKED && VGPIO_CFG_SPLIT

int vgpio_devq_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    return LAYOUT(q, pop)(q, c);
}

void vgpio_devq_unpop(struct vgpio_devq *q, struct vgpio_head head)
{
    LAYOUT(q, unpop)(q, head);
}

int vgpio_devq_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written)
{
    return LAYOUT(q, push)(q, head, written);
}

int vgpio_devq_waiting(struct vgpio_devq *q)
{
    return LAYOUT(q, waiting)(q);
}

int vgpio_devq_publish(struct vgpio_devq *q)
{
    return LAYOUT(q, publish)(q);
}

int vgpio_devq_rearm(struct vgpio_devq *q)
{
    return LAYOUT(q, rearm)(q);
}

#endif

/* ---- chains ---- */

#if VGPIO_CFG_INDIRECT

/* An indirect table is not bound by the ring: a queue of one entry can only work that
 * way. It is bound all the same, because a guest chooses how long we walk. */
#define CHAIN_TABLE_MAX 1024u

#define chain_in_table(c) ((c)->table_len != 0)

/* Entries of a table are copied out one by one: it may lie across regions. */
static inline int load_entry(struct vgpio_chain *c, uint64_t *rest)
{
    uint64_t gpa = c->table + DESC_BYTES * (uint32_t)c->next, raw[2];

    if (vgpio_mem_read(c->q->mem, gpa, raw, DESC_BYTES) != VGPIO_OK) {
        return VGPIO_ERR_FAULT;
    }
    c->piece.gpa = port_le64(raw[0]);
    *rest = port_le64(raw[1]);
    return VGPIO_OK;
}

/* What is in hand is no piece but a table, and the chain goes on in there. WRITE on its
 * descriptor means nothing (RING-DEV-05). */
static inline int enter_table(struct vgpio_chain *c)
{
    uint16_t size = c->q->at.size, most = size > CHAIN_TABLE_MAX ? size : CHAIN_TABLE_MAX;
    uint32_t len = c->piece.left, n = len / DESC_BYTES;

    if (chain_in_table(c) || c->ttl != 0 || c->head.ndesc != 1) {
        return VGPIO_ERR_PROTO;
    }
    if (!vq_has_indirect(c->q) || n == 0 || len % DESC_BYTES != 0 ||
        (vq_is_packed(c->q) && n > most)) {
        return VGPIO_ERR_PROTO;
    }
    if (c->piece.gpa > UINT64_MAX - (len - 1)) {
        return VGPIO_ERR_FAULT;
    }
    c->table = c->piece.gpa;
    c->table_len = n;
    c->ttl = vq_is_packed(c->q) ? (uint16_t)n : most;
    c->next = 0;
    return VGPIO_OK;
}

#else

#define chain_in_table(c) 0

static inline int load_entry(struct vgpio_chain *c, uint64_t *rest)
{
    (void)c, (void)rest;
    return VGPIO_ERR_PROTO;
}

static inline int enter_table(struct vgpio_chain *c)
{
    (void)c;
    return VGPIO_ERR_PROTO;
}

#endif

/* Loads descriptor `next`, which there is, each word once: the address to where it is
 * used from, for small CPUs have no room for it; `rest` as the layout has it. */
static inline int load(struct vgpio_chain *c, uint64_t *rest)
{
    const uint8_t *p = c->q->area[AREA_DESC] + DESC_BYTES * (uint32_t)c->next;

    if (chain_in_table(c)) {
        return load_entry(c, rest);
    }
    c->piece.gpa = ring_ld64(p);
    *rest = ring_ld64(p + 8);
    return VGPIO_OK;
}

/* The flags of a descriptor, and where the chain goes on. A packed one goes on with what
 * follows, to an end that is known, and in its tables only WRITE means something. */
static inline unsigned follow(struct vgpio_chain *c, uint64_t rest, unsigned ttl)
{
    unsigned flags;

    if (!vq_is_packed(c->q)) {
        c->next = (uint16_t)(rest >> 48);
        return (unsigned)(rest >> 32); /* and more above, which nobody looks at */
    }
    flags = (unsigned)(rest >> 48) & (DESC_F_WRITE | DESC_F_INDIRECT);
    c->next++;
    if (chain_in_table(c)) {
        flags &= DESC_F_WRITE;
    } else if (c->next == c->q->at.size) {
        c->next = 0;
    }
    return ttl != 0 ? flags | DESC_F_NEXT : flags;
}

/* Fetches the next piece, from the table that stands for it too. */
static inline int fetch(struct vgpio_chain *c)
{
    uint32_t access;
    uint64_t rest;
    unsigned flags, ttl;
    int err;

    do {
        if (c->next >= (chain_in_table(c) ? c->table_len : c->q->at.size)) {
            return VGPIO_ERR_PROTO;
        }
        err = load(c, &rest);
        if (err) {
            return err;
        }
        ttl = c->ttl - 1u;
        flags = follow(c, rest, ttl);
        if (!(flags & DESC_F_NEXT)) {
            ttl = 0;
        } else if (ttl == 0) {
            return VGPIO_ERR_PROTO; /* longer than any honest chain: a loop */
        }
        c->ttl = (uint16_t)ttl;
        c->piece.left = (uint32_t)rest;
        if (!(flags & DESC_F_INDIRECT)) {
            /* In the form of flags that takes the least. */
            access = VGPIO_MEM_READ + (flags / DESC_F_WRITE & 1u);
            c->total += c->piece.left;
            if (access < c->piece.access || c->total < c->piece.left) {
                return VGPIO_ERR_PROTO;
            }
            c->piece.access = access;
            return VGPIO_OK;
        }
        err = enter_table(c);
    } while (err == VGPIO_OK);
    return err;
}

int vgpio_chain_seek(struct vgpio_chain *c, uint32_t access)
{
    int err = devq_dead(c->q);

    if (err) {
        return err;
    }
    for (;;) {
        if (c->piece.access == access && c->piece.left != 0) {
            return 1;
        }
        if (c->piece.access > access || c->ttl == 0) {
            return 0;
        }
        err = fetch(c);
        if (err) {
            return devq_break(c->q, err);
        }
    }
}

/* One body for both directions: taken into both, it would be there twice. */
static PORT_NOINLINE uint32_t chain_move(struct vgpio_chain *c, uint8_t *buf,
                                         uint32_t len, uint32_t access)
{
    uint32_t done = 0;

    while (done < len && vgpio_chain_seek(c, access) > 0) {
        uint32_t n = vgpio_mem_step(c->q->mem, &c->piece, buf + done, len - done);

        if (n == 0) {
            break;
        }
        done += n;
    }
    return done;
}

uint32_t vgpio_chain_read(struct vgpio_chain *c, void *dst, uint32_t len)
{
    return chain_move(c, dst, len, VGPIO_MEM_READ);
}

uint32_t vgpio_chain_write(struct vgpio_chain *c, const void *src, uint32_t len)
{
    /* Where bytes go into the chain, nothing is stored here. */
    return chain_move(c, (uint8_t *)(uintptr_t)src, len, VGPIO_MEM_WRITE);
}

int vgpio_chain_finish(struct vgpio_chain *c, uint32_t *room)
{
    uint32_t n = 0;
    int more;

    while ((more = vgpio_chain_seek(c, VGPIO_MEM_WRITE)) > 0) {
        n += c->piece.left; /* no wrap: the whole chain was seen to stay below 2^32 */
        c->piece.left = 0;
    }
    c->piece.left = 0; /* of a chain that nothing can be written to */
    if (more == 0 && room != NULL) {
        *room = n;
    }
    return more;
}
