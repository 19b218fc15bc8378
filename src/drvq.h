/* SPDX-License-Identifier: BSD-3-Clause */
/* Between drvq.c and the two layouts below it. Private. */
#ifndef VGPIO_DRVQ_H
#define VGPIO_DRVQ_H

#include "ring.h"

/* Of a vgpio_drvq_slot: not the head of a chain in flight, and end of a list. Queues
 * have at most 32768 entries, so neither is a number in use. */
#define DRVQ_NO_SLOT 0xffffu
#define DRVQ_END 0xffffu

/* What the books of a head have for the caller's number, and back; and what the others
 * have. Without the short ways, where bytes count most, it is a 0. */
#define DRVQ_BOOK(slot) ((uint16_t)(VGPIO_CFG_FAST ? (slot) : ~(unsigned)(slot)))
#define DRVQ_NOT_HEAD DRVQ_BOOK(DRVQ_NO_SLOT)

/* Breaks the queue: the error stays and memory is not touched any more. */
static inline int drvq_break(struct vgpio_drvq *q, int err)
{
    q->state = err - VGPIO_ERR_STATE;
    if (VGPIO_CFG_FAST) {
        q->flags &= ~VQ_FAST;
    }
    return err;
}

/* 0, or why nothing may be done with this queue: zeroed memory is one that never
 * began. */
static inline int drvq_dead(const struct vgpio_drvq *q)
{
    return q->state + VGPIO_ERR_STATE;
}

/* Hands the books of a head over; the caller gives its descriptors back. In order, what
 * was skipped in a batch counts as completely written. */
static inline void drvq_hand_over(struct vgpio_drvq *q, unsigned head, uint16_t *slot,
                                  uint32_t *written)
{
    *slot = DRVQ_BOOK(q->ring[head].slot);
    *written = VGPIO_WRITTEN_ALL;
    if (head == q->batch) {
        *written = q->batch_len;
        q->batch = DRVQ_END;
    }
    q->ring[head].slot = DRVQ_NOT_HEAD;
}

/* Adds one length to a chain's total; 0 if it is empty or the sum leaves 32 bits. */
static inline int drvq_add_len(uint32_t *total, uint32_t len)
{
    uint32_t before = *total;

    *total += len;
    return *total > before;
}

/* In halves where those are all that there is: a whole address in registers is more than
 * the smallest CPUs have room for. */
static inline void drvq_put_addr(uint8_t *p, const uint64_t *addr)
{
#if PORT_HAS_64
    ring_st64(p, *addr);
#else
    ring_st32(p, (uint32_t)*addr);
    ring_st32(p + 4, (uint32_t)(*addr >> 32));
#endif
}

/* A descriptor or table entry of a split ring; one that is free in the ring. */
static inline void drvq_put(uint8_t *p, const struct vgpio_seg *seg, unsigned flags,
                            unsigned next)
{
    drvq_put_addr(p, &seg->addr);
    ring_st64(p + 8, seg->len | (uint64_t)flags << 32 | (uint64_t)next << 48);
}

static inline void drvq_split_put_free(uint8_t *desc, unsigned i,
                                       const struct vgpio_seg *seg, unsigned flags,
                                       unsigned next)
{
    uint8_t *p = desc + DESC_BYTES * (size_t)i;

    drvq_put(p, seg, flags, next);
    VGPIO_DMA_CLEAN(p, DESC_BYTES);
}

/* What differs with the layout. A table of functions would keep both linked. */
#define LAYOUT(q, step)                                                                  \
    (vq_is_packed(q) ? vgpio_drvq_packed_##step : vgpio_drvq_split_##step)

/* Where one layout alone is compiled in, its steps are the calls of queue.h. */
#if !VGPIO_CFG_PACKED
#define vgpio_drvq_split_publish vgpio_drvq_publish
#define vgpio_drvq_split_get vgpio_drvq_get_many
#define vgpio_drvq_split_rearm vgpio_drvq_rearm
#if !VGPIO_CFG_FAST /* nor a short way before it */
#define vgpio_drvq_split_add vgpio_drvq_add
#define vgpio_drvq_split_take vgpio_drvq_get
#endif
#elif !VGPIO_CFG_SPLIT
#define vgpio_drvq_packed_publish vgpio_drvq_publish
#define vgpio_drvq_packed_get vgpio_drvq_get_many
#define vgpio_drvq_packed_rearm vgpio_drvq_rearm
#if !VGPIO_CFG_FAST
#define vgpio_drvq_packed_add vgpio_drvq_add
#endif
#endif

int vgpio_drvq_split_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                         unsigned nread, unsigned nwrite, uint16_t slot);
void vgpio_drvq_split_stage_table(struct vgpio_drvq *q, const struct vgpio_seg *table,
                                  uint16_t slot);
int vgpio_drvq_split_publish(struct vgpio_drvq *q, uint32_t *data);
int vgpio_drvq_split_get(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n);
int vgpio_drvq_split_rearm(struct vgpio_drvq *q);
/* Without the short ways: vgpio_drvq_get(); or, of NULL, vgpio_drvq_rearm(). */
int vgpio_drvq_split_take(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written);

void vgpio_drvq_packed_init(struct vgpio_drvq *q);
int vgpio_drvq_packed_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                          unsigned nread, unsigned nwrite, uint16_t slot);
void vgpio_drvq_packed_stage_table(struct vgpio_drvq *q, const struct vgpio_seg *table,
                                   uint16_t slot);
int vgpio_drvq_packed_publish(struct vgpio_drvq *q, uint32_t *data);
int vgpio_drvq_packed_get(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n);
int vgpio_drvq_packed_rearm(struct vgpio_drvq *q);

#endif /* VGPIO_DRVQ_H */
