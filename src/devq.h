/* SPDX-License-Identifier: BSD-3-Clause */
/* Between devq.c and the two layouts below it. Private. */
#ifndef VGPIO_DEVQ_H
#define VGPIO_DEVQ_H

#include "mem.h"
#include "ring.h"

/* Cursor flags. WRITE says of what kind the piece in hand is, and stays set: nothing
 * readable may follow. */
#define CHAIN_NEXT 1u  /* there is a descriptor after this one */
#define CHAIN_WRITE 2u /* the piece in hand is device-writable */
#define CHAIN_TABLE 4u /* `next` counts entries of an indirect table */

/* An indirect table is not bound by the ring: a queue of one entry can only work that
 * way. It is bound all the same, because a guest chooses how long we walk. */
#define CHAIN_TABLE_MAX 1024u

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

/* A descriptor, each field loaded once. */
struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next; /* packed: `next` is not used */
};

#if VGPIO_CFG_INDIRECT
#define chain_in_table(c) ((c)->flags & CHAIN_TABLE)
#else
#define chain_in_table(c) 0u
#endif

/* Makes the descriptor the piece in hand, if it may stand where it does. `flags`: its
 * WRITE, and whether one follows. */
static inline int devq_take_piece(struct vgpio_chain *c, const struct desc *d,
                                  unsigned flags)
{
    uint32_t total = c->total + d->len;

    if ((c->flags & ~flags & CHAIN_WRITE) || total < d->len) {
        return VGPIO_ERR_PROTO;
    }
    c->total = total;
    c->gpa = d->addr;
    c->left = d->len;
    c->flags = (uint8_t)(chain_in_table(c) | flags);
    return VGPIO_OK;
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

/* The return of a chain at position `pos`; the caller counts, and tells the dirty log. */
static inline void devq_split_put(uint8_t *used, uint16_t size, uint16_t pos,
                                  struct vgpio_head head, uint32_t written)
{
    uint8_t *elem = used + USED_RING(pos & (size - 1u));

    ring_st32(elem, head.id);
    ring_st32(elem + 4, written);
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

#if VGPIO_CFG_INDIRECT
/* Both words of entry `next` of the table, in order of the CPU. */
int vgpio_devq_table_entry(const struct vgpio_chain *c, uint64_t raw[2]);
/* From here on the chain goes through the table that the descriptor names; its place in
 * the ring is sound. */
int vgpio_devq_enter_table(struct vgpio_chain *c, const struct desc *d);
#endif

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

/* start: sets both positions, the ring is mapped; next: the chain's next piece, which is
 * known to exist. */
int vgpio_devq_split_start(struct vgpio_devq *q, const struct vgpio_vq_setup *setup);
int vgpio_devq_split_next(struct vgpio_chain *c);
int vgpio_devq_packed_start(struct vgpio_devq *q, const struct vgpio_vq_setup *setup);
int vgpio_devq_packed_next(struct vgpio_chain *c);
int vgpio_devq_packed_blank(const struct vgpio_devq *q);

#endif /* VGPIO_DEVQ_H */
