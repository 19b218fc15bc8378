/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a queue: what does not depend on the layout. */
#include "drvq.h"

void vgpio_drvq_layout(struct vgpio_vq_setup *setup, uint64_t dma_addr)
{
    struct vgpio_drvq q;

    q.flags = setup->features & RING_F_PACKED ? VQ_PACKED : 0u;
    (void)q; /* asked only where both layouts are compiled in */
    /* Cache lines of their own: one side writes each area and the other one polls it. */
    LAYOUT(&q, layout)(setup, dma_addr);
}

/* Sets the areas and empties them. */
static int take_ring(struct vgpio_drvq *q, uint8_t *ring,
                     const struct vgpio_vq_setup *setup)
{
    uint16_t n = setup->size;
    unsigned packed = vq_is_packed(q);
    uint32_t driver_bytes = packed ? PACKED_EVENT_BYTES : SPLIT_AVAIL_BYTES(n);
    uint32_t device_bytes = packed ? PACKED_EVENT_BYTES : SPLIT_USED_BYTES(n);
    uint64_t driver = setup->driver - setup->desc;
    uint64_t device = setup->device - setup->desc;

    if (!vq_size_ok(q, n) || (setup->desc & 15u) ||
        (setup->driver & (packed ? 3u : 1u)) || (setup->device & 3u) ||
        ((uintptr_t)ring & 7u)) {
        return VGPIO_ERR_INVAL;
    }
    if (driver < DESC_BYTES * (uint32_t)n || device < driver + driver_bytes ||
        device > UINT32_MAX / 2) {
        return VGPIO_ERR_INVAL;
    }
    q->desc = ring;
    q->driver = ring + (size_t)driver;
    q->device = ring + (size_t)device;
    memset(q->desc, 0, DESC_BYTES * (size_t)n);
    memset(q->driver, 0, driver_bytes);
    memset(q->device, 0, device_bytes);
    VGPIO_DMA_CLEAN(q->desc, (size_t)device + device_bytes);
    return VGPIO_OK;
}

int vgpio_drvq_init(struct vgpio_drvq *q, void *ring, struct vgpio_drvq_slot *slots,
                    const struct vgpio_vq_setup *setup)
{
    uint8_t flags;
    uint16_t i;
    int err;

    if (ring == NULL || slots == NULL) {
        return VGPIO_ERR_INVAL;
    }
    err = vq_flags(setup->features, &flags);
    if (err != VGPIO_OK) { /* GCOVR_EXCL_BR_LINE: where all is compiled in, all goes */
        return err;
    }
    if ((flags & VQ_PACKED) && !VGPIO_DMA_COHERENT) {
        return VGPIO_ERR_NOTSUP; /* both sides write to the same cache lines */
    }
    memset(q, 0, sizeof *q);
    q->flags = flags;
    q->ring = slots;
    q->batch = DRVQ_END;
    err = take_ring(q, ring, setup);
    if (err != VGPIO_OK) {
        return err;
    }
    for (i = 0; i < setup->size; i++) {
        slots[i].slot = DRVQ_NO_SLOT;
        slots[i].link = (uint16_t)(i + 1u);
    }
    slots[i - 1u].link = vq_in_order(q) ? 0 : DRVQ_END;
    q->free_head = 0;
    q->nfree = q->size = setup->size;
    if (vq_is_packed(q)) {
        vgpio_drvq_packed_init(q);
    }
    if (VGPIO_CFG_FAST && !vq_in_order(q)) {
        q->flags |= VQ_FAST;
    }
    return VGPIO_OK;
}

int vgpio_drvq_error(const struct vgpio_drvq *q)
{
    return q->err;
}

int vgpio_drvq_add_indirect(struct vgpio_drvq *q, void *table, uint64_t table_addr,
                            const struct vgpio_seg *segs, unsigned nread, unsigned nwrite,
                            uint16_t slot)
{
    int err = drvq_dead(q);

    if (err) {
        return err;
    }
#if VGPIO_CFG_INDIRECT
    if (vq_has_indirect(q)) {
        return LAYOUT(q, add_indirect)(q, table, table_addr, segs, nread, nwrite, slot);
    }
#else
    (void)table;
    (void)table_addr;
    (void)segs;
    (void)nread;
    (void)nwrite;
    (void)slot;
#endif
    return VGPIO_ERR_NOTSUP;
}

int vgpio_drvq_publish(struct vgpio_drvq *q, uint32_t *data)
{
    int err = drvq_dead(q);

    return err ? err : LAYOUT(q, publish)(q, data);
}

int vgpio_drvq_get_many(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n)
{
    int err = drvq_dead(q);

    return err ? err : LAYOUT(q, get)(q, b, n);
}

int vgpio_drvq_get(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    struct vgpio_back b;
    int got = drvq_dead(q);

    if (got != 0) {
        return got;
    }
    got = LAYOUT(q, get)(q, &b, 1);
    if (got > 0) {
        *slot = b.slot;
        *written = b.written;
    }
    return got;
}

int vgpio_drvq_rearm(struct vgpio_drvq *q)
{
    int err = drvq_dead(q);

    return err ? err : LAYOUT(q, rearm)(q);
}

int vgpio_drvq_drain(struct vgpio_drvq *q, unsigned *iter, uint16_t *slot)
{
    /* Private memory only: the ring may be broken, and the device knows of nothing. */
    while (*iter < q->size) {
        struct vgpio_drvq_slot *s = &q->ring[(*iter)++];

        if (s->slot != DRVQ_NO_SLOT) {
            *slot = s->slot;
            s->slot = DRVQ_NO_SLOT;
            return 1;
        }
    }
    return 0;
}
