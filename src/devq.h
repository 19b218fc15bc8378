/* SPDX-License-Identifier: BSD-3-Clause */
/* Between devq.c and the two layouts below it. Private. */
#ifndef VGPIO_DEVQ_H
#define VGPIO_DEVQ_H

#include "mem.h"
#include "ring.h"

/* Of a ring, in this order everywhere. */
enum {
    AREA_DESC,
    AREA_DRIVER,
    AREA_DEVICE
};

/* What calls answer, shifted so that a queue of zeros is a stopped one. */
#define DEVQ_STATE(err) ((int8_t)((err)-VGPIO_ERR_STATE))

/* 0, or why nothing may be done with this queue. */
static inline int devq_dead(const struct vgpio_devq *q)
{
    return q->state + VGPIO_ERR_STATE;
}

/* Breaks the queue: the error stays and memory is not touched any more. */
static inline int devq_break(struct vgpio_devq *q, int err)
{
    q->err = (int8_t)err;
    q->state = DEVQ_STATE(err);
#if VGPIO_CFG_FAST
    q->flags &= (uint8_t)~VQ_FAST;
#endif
    return err;
}

/* Every store to the area at `base` passes here with what it changed. */
static inline void devq_stored(const struct vgpio_devq *q, uint64_t base, uint32_t off,
                               uint32_t len)
{
#if VGPIO_CFG_DIRTY
    if (q->flags & VQ_DIRTY) {
        vgpio_mem_dirty(q->mem, base + off, len);
    }
#else
    (void)q, (void)base, (void)off, (void)len;
#endif
}

/* How far the driver's index was looked at: what spares a look at it, for the cache line
 * is the one that the driver writes. The smallest builds do not keep it. */
#if VGPIO_CFG_FAST
#define split_seen(q, idx) ((void)((q)->u.avail_seen = (idx)))
#define split_knows(q, pos) ((q)->u.avail_seen != (pos))
#else
#define split_seen(q, idx) ((void)(idx))
#define split_knows(q, pos) ((void)(pos), 0)
#endif

/* The return of a chain at position `pos`; the caller counts, and tells the dirty log. */
static inline void devq_split_put(uint8_t *used, uint16_t size, uint16_t pos,
                                  struct vgpio_head head, uint32_t written)
{
    /* Short of what lies before the first one, which the stores add for nothing. */
    uint8_t *elem = used + 8u * (size_t)(pos & (size - 1u));

    ring_st32(elem + USED_RING(0), head.id);
    ring_st32(elem + USED_RING(0) + 4u, written);
}

/* The same into descriptor `p`. The flags of the first one of a batch are held back: the
 * driver would go on from there to the others. */
static inline void devq_packed_put(uint8_t *p, uint16_t id, uint32_t written,
                                   unsigned flags, uint16_t *held)
{
    ring_st32(p + 8, written);
    if (held != NULL) {
        *held = (uint16_t)flags;
        ring_st16(p + PACKED_ID, id);
    } else {
        ring_st32(p + PACKED_ID, id | (uint32_t)flags << 16);
    }
}

/* Goes on to a piece of the wanted access with bytes left in it: 1, or 0 when there is
 * none, or the queue's error. Pieces on the way are dropped unread. */
int vgpio_chain_seek(struct vgpio_chain *c, uint32_t access);

/* ---- publishing and asking for kicks, apart from their fences ----
 * The general way tells the dirty log; where the short ways are taken there is none. */

/* Shows the driver of a split ring what is staged up to `now`. */
static inline void devq_split_show(struct vgpio_devq *q, uint16_t now)
{
    /* Pairs with the driver's acquire load of used.idx: answers and used elements are
     * visible before the index that covers them. */
    ring_st16_release(q->area[AREA_DEVICE] + USED_IDX, now, vq_platform(q));
    q->at.used_pos = now;
}

/* Behind a fence: does it want to hear of the entries old .. now - 1? */
static inline int devq_split_wanted(struct vgpio_devq *q, uint16_t now, uint16_t old)
{
    const uint8_t *driver = q->area[AREA_DRIVER];
    unsigned first = !(q->flags & VQ_SIGNALLED);

    if (!vq_has_event_idx(q)) {
        return !(ring_ld16(driver + AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT);
    }
    q->flags |= VQ_SIGNALLED;
    /* Whoever served this ring before may have died between index and interrupt. */
    return first || vq_need_event(ring_ld16(driver + USED_EVENT(q->at.size)), now, old);
}

/* Asks it to kick for its next head; where that was written. */
static inline uint32_t devq_split_ask(const struct vgpio_devq *q)
{
    uint32_t off = vq_has_event_idx(q) ? AVAIL_EVENT(q->at.size) : USED_FLAGS;

    /* The flag we never set, but whoever served this ring before may have. */
    ring_st16(q->area[AREA_DEVICE] + off, vq_has_event_idx(q) ? q->at.avail_pos : 0);
    return off;
}

#if VGPIO_CFG_PACKED
/* The same of a packed ring; where the flags were written. */
static inline uint32_t devq_packed_show(struct vgpio_devq *q, uint16_t now)
{
    uint32_t off = DESC_BYTES * packed_off(q->at.used_pos) + PACKED_FLAGS;

    /* Pairs with the driver's acquire load of these flags: answers, and all else that is
     * used, are visible before the first of them is. */
    ring_st16_release(q->area[AREA_DESC] + off, q->u.first_flags, vq_platform(q));
    q->at.used_pos = now;
    return off;
}

static inline int devq_packed_wanted(struct vgpio_devq *q, uint16_t now, uint16_t old)
{
    /* Whoever served this ring before may have died between flags and interrupt. */
    int always = !vq_has_event_idx(q) || !(q->flags & VQ_SIGNALLED);

    q->flags |= VQ_SIGNALLED;
    return packed_wanted(ring_ld32(q->area[AREA_DRIVER]), always, q->at.size, now, old);
}

static inline void devq_packed_ask(const struct vgpio_devq *q)
{
    /* Without EVENT_IDX we never ask for less than all, but whoever served this ring
     * before may have. */
    ring_st32(q->area[AREA_DEVICE],
              vq_has_event_idx(q) ? PACKED_EVENT(q->at.avail_pos, PACKED_MODE_DESC) : 0);
}

#endif

/* For pop: a chain whose head is set, before its first piece, and then in it. It begins
 * at descriptor `next` and is `ttl` long at most (packed: it is so long). Below 0: the
 * queue broke. */
static inline int devq_begin(struct vgpio_chain *c, struct vgpio_devq *q, uint16_t next,
                             uint16_t ttl)
{
    c->q = q;
    c->next = next;
    c->ttl = ttl;
#if VGPIO_CFG_INDIRECT
    c->table_len = 0;
#endif
    c->total = 0;
    c->piece.left = 0;
    c->piece.access = VGPIO_MEM_READ;
    return vgpio_chain_seek(c, VGPIO_MEM_READ);
}

/* Each layout: the calls of queue.h, which devq.c sends here by the bit of the queue.
 * Where one layout is compiled in its functions are those calls, with nothing between. */
#if !VGPIO_CFG_PACKED
#define vgpio_devq_split_pop vgpio_devq_pop
#define vgpio_devq_split_unpop vgpio_devq_unpop
#define vgpio_devq_split_waiting vgpio_devq_waiting
#define vgpio_devq_split_push vgpio_devq_push
#define vgpio_devq_split_publish vgpio_devq_publish
#define vgpio_devq_split_rearm vgpio_devq_rearm
#elif !VGPIO_CFG_SPLIT
#define vgpio_devq_packed_pop vgpio_devq_pop
#define vgpio_devq_packed_unpop vgpio_devq_unpop
#define vgpio_devq_packed_waiting vgpio_devq_waiting
#define vgpio_devq_packed_push vgpio_devq_push
#define vgpio_devq_packed_publish vgpio_devq_publish
#define vgpio_devq_packed_rearm vgpio_devq_rearm
#endif

int vgpio_devq_split_pop(struct vgpio_devq *q, struct vgpio_chain *c);
void vgpio_devq_split_unpop(struct vgpio_devq *q, struct vgpio_head head);
int vgpio_devq_split_waiting(struct vgpio_devq *q);
int vgpio_devq_split_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written);
int vgpio_devq_split_publish(struct vgpio_devq *q);
int vgpio_devq_split_rearm(struct vgpio_devq *q);

int vgpio_devq_packed_pop(struct vgpio_devq *q, struct vgpio_chain *c);
void vgpio_devq_packed_unpop(struct vgpio_devq *q, struct vgpio_head head);
int vgpio_devq_packed_waiting(struct vgpio_devq *q);
int vgpio_devq_packed_push(struct vgpio_devq *q, struct vgpio_head head,
                           uint32_t written);
int vgpio_devq_packed_publish(struct vgpio_devq *q);
int vgpio_devq_packed_rearm(struct vgpio_devq *q);

/* Sets both positions of a ring that is mapped, by what it was started with. */
int vgpio_devq_packed_start(struct vgpio_devq *q);

#endif /* VGPIO_DEVQ_H */
