/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a queue: what does not depend on the layout. */
#include "drvq.h"

/* The next area begins behind one of so many bytes, on a cache line of its own: one side
 * writes to it and the other one polls it. Apart, because small CPUs have no room for
 * 64-bit values beside others. */
static PORT_NOINLINE uint8_t *behind(uint8_t *p, uint64_t *area, uint32_t bytes)
{
    bytes = VGPIO_DMA_UP(bytes);
    area[1] = area[0] + bytes;
    return p + bytes;
}

/* Lays the areas out and empties them. */
static inline int take_ring(struct vgpio_drvq *q, uint8_t *ring,
                            struct vgpio_vq_setup *setup)
{
    unsigned packed = vq_is_packed(q), n = setup->size;
    uint64_t *area = (void *)setup; /* its addresses come first, in a row */
    uint32_t end;

    /* Aligned to 8 and to 16: shifting low bits to the top takes less than masks. */
    if (((uint32_t)(uintptr_t)ring << 29 | (uint32_t)setup->desc << 28) != 0 ||
        !vq_size_ok(q, n)) {
        return VGPIO_ERR_INVAL;
    }
    q->size = q->nfree = n;
    q->desc = ring;
    q->driver = behind(ring, area, SPLIT_DESC_BYTES(n));
    q->device =
        behind(q->driver, area + 1, packed ? PACKED_EVENT_BYTES : SPLIT_AVAIL_BYTES(n));
    end = (uint32_t)(q->device - ring);
    end += packed ? PACKED_EVENT_BYTES : SPLIT_USED_BYTES(n);
    memset(ring, 0, end);
    VGPIO_DMA_CLEAN(ring, end);
    return VGPIO_OK;
}

/* All free, each linked to the next one; there is at least one. */
static void link_all(struct vgpio_drvq_slot *s, unsigned n)
{
    unsigned i = 0;

    do {
        s->slot = DRVQ_NOT_HEAD;
        s->link = (uint16_t)++i;
        s++;
    } while (i < n);
}

int vgpio_drvq_init(struct vgpio_drvq *q, void *ring, struct vgpio_drvq_slot *slots,
                    struct vgpio_vq_setup *setup)
{
    unsigned flags;
    int err = vq_flags(setup->features, &flags);

    if (err != VGPIO_OK) { /* GCOVR_EXCL_BR_LINE: where all is compiled in, all goes */
        return err;
    }
    if ((flags & VQ_PACKED) && !VGPIO_DMA_COHERENT) {
        return VGPIO_ERR_NOTSUP; /* both sides write to the same cache lines */
    }
    memset(q, 0, sizeof *q);
    q->flags = flags;
    q->ring = slots;
    err = ring == NULL || slots == NULL ? VGPIO_ERR_INVAL : take_ring(q, ring, setup);
    if (err != VGPIO_OK) {
        return err;
    }
    link_all(slots, q->size);
    if (vq_in_order(q)) {
        slots[q->size - 1u].link = 0; /* they go round */
        q->batch = DRVQ_END;
    }
    if (vq_is_packed(q)) {
        vgpio_drvq_packed_init(q);
    }
    if (VGPIO_CFG_FAST && !vq_in_order(q)) {
        q->flags |= VQ_FAST;
    }
    q->state = VGPIO_OK - VGPIO_ERR_STATE;
    return VGPIO_OK;
}

int vgpio_drvq_error(const struct vgpio_drvq *q)
{
    return q->state != 0 ? drvq_dead(q) : VGPIO_OK;
}

#if VGPIO_CFG_FAST || VGPIO_CFG_PACKED /* else it is the one that the others call */
int vgpio_drvq_get(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    struct vgpio_back b;
    int got = vgpio_drvq_get_many(q, &b, 1);

    if (got > 0) {
        *slot = b.slot;
        *written = b.written;
    }
    return got;
}
#endif

int vgpio_drvq_drain(struct vgpio_drvq *q, unsigned *iter, uint16_t *slot)
{
    /* Private memory only: the ring may be broken, and the device knows of nothing. */
    while (*iter < q->size) {
        struct vgpio_drvq_slot *s = &q->ring[(*iter)++];

        if (s->slot != DRVQ_NOT_HEAD) {
            *slot = DRVQ_BOOK(s->slot);
            s->slot = DRVQ_NOT_HEAD;
            return 1;
        }
    }
    return 0;
}

#if VGPIO_CFG_INDIRECT

/* Longer tables than the ring are not for a driver to make (RING-DRV-08, -40), save that
 * a request of two pieces goes through a ring of one. */
static inline int drvq_table_ok(const struct vgpio_drvq *q, const uint8_t *table,
                                unsigned nread, unsigned nwrite, uint16_t slot)
{
    unsigned n = nread + nwrite;

    return slot != DRVQ_NO_SLOT && n != 0 && n >= nread &&
           n <= (q->size > 1 ? q->size : 2u) && ((uintptr_t)table & 7u) == 0;
}

/* The entries of a table; 0: a length is wrong. */
static PORT_INLINE int fill_table(uint8_t *p, const struct vgpio_seg *segs,
                                  unsigned nread, unsigned n, unsigned packed)
{
    uint32_t total = 0;
    unsigned k;

    for (k = 1; k <= n; k++, segs++, p += DESC_BYTES) {
        unsigned flags = k <= nread ? 0u : DESC_F_WRITE;

        if (!drvq_add_len(&total, segs->len)) {
            return 0; /* nothing is taken yet */
        }
        if (packed) { /* entries in a row, flags where others have `next` */
            drvq_put(p, segs, 0, flags);
        } else if (k < n) {
            drvq_put(p, segs, flags | DESC_F_NEXT, k);
        } else {
            drvq_put(p, segs, flags, 0);
        }
    }
    return 1;
}

int vgpio_drvq_add_indirect(struct vgpio_drvq *q, void *table, uint64_t table_addr,
                            const struct vgpio_seg *segs, unsigned nread, unsigned nwrite,
                            uint16_t slot)
{
    unsigned n = nread + nwrite;
    struct vgpio_seg whole;
    int err = drvq_dead(q);

    if (err || !vq_has_indirect(q)) {
        return err ? err : VGPIO_ERR_NOTSUP;
    }
    if (!drvq_table_ok(q, table, nread, nwrite, slot)) {
        return VGPIO_ERR_INVAL;
    }
    if (q->nfree == 0) {
        return VGPIO_ERR_NOSPC;
    }
    whole.addr = table_addr;
    whole.len = DESC_BYTES * n;
    /* Twice, each without a look at the layout inside. */
    if (vq_is_packed(q) ? !fill_table(table, segs, nread, n, 1)
                        : !fill_table(table, segs, nread, n, 0)) {
        return VGPIO_ERR_INVAL;
    }
    VGPIO_DMA_CLEAN(table, whole.len);
    LAYOUT(q, stage_table)(q, &whole, slot);
    return VGPIO_OK;
}

#else

int vgpio_drvq_add_indirect(struct vgpio_drvq *q, void *table, uint64_t table_addr,
                            const struct vgpio_seg *segs, unsigned nread, unsigned nwrite,
                            uint16_t slot)
{
    (void)q;
    (void)table;
    (void)table_addr;
    (void)segs;
    (void)nread;
    (void)nwrite;
    (void)slot;
    return VGPIO_ERR_NOTSUP;
}

#endif /* VGPIO_CFG_INDIRECT */

#if VGPIO_CFG_SPLIT && VGPIO_CFG_PACKED
/* ---- which layout ---- */

int vgpio_drvq_publish(struct vgpio_drvq *q, uint32_t *data)
{
    return LAYOUT(q, publish)(q, data);
}

int vgpio_drvq_get_many(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    return LAYOUT(q, get)(q, b, n);
}

int vgpio_drvq_rearm(struct vgpio_drvq *q)
{
    return LAYOUT(q, rearm)(q);
}
#endif
