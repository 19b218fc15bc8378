/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a queue: what does not depend on the layout. */
#include "drvq.h"

void vgpio_drvq_layout(struct vgpio_vq_setup *setup, uint64_t dma_addr)
{
    vgpio_drvq_split_layout(setup, dma_addr);
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
    /* In order, one used element may stand for several chains; nobody asks for that. */
    if (setup->features & RING_F_IN_ORDER) {
        return VGPIO_ERR_NOTSUP;
    }
    err = vq_flags(setup->features, &flags);
    if (err != VGPIO_OK) {
        return err;
    }
    memset(q, 0, sizeof *q);
    q->flags = flags;
    q->ring = slots;
    err = vgpio_drvq_split_init(q, ring, setup);
    if (err != VGPIO_OK) {
        return err;
    }
    for (i = 0; i < setup->size; i++) {
        slots[i].slot = DRVQ_NO_SLOT;
        slots[i].link = (uint16_t)(i + 1u);
    }
    slots[i - 1u].link = DRVQ_END;
    q->free_head = 0;
    q->nfree = q->size = setup->size;
    return VGPIO_OK;
}

int vgpio_drvq_error(const struct vgpio_drvq *q)
{
    return q->err;
}

int vgpio_drvq_add(struct vgpio_drvq *q, const struct vgpio_seg *segs, unsigned nread,
                   unsigned nwrite, uint16_t slot)
{
    int err = drvq_dead(q);

    return err ? err : vgpio_drvq_split_add(q, segs, nread, nwrite, slot);
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
        return vgpio_drvq_split_add_indirect(q, table, table_addr, segs, nread, nwrite,
                                             slot);
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

    return err ? err : vgpio_drvq_split_publish(q, data);
}

int vgpio_drvq_get(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written)
{
    int err = drvq_dead(q);

    return err ? err : vgpio_drvq_split_get(q, slot, written);
}

int vgpio_drvq_rearm(struct vgpio_drvq *q)
{
    int err = drvq_dead(q);

    return err ? err : vgpio_drvq_split_rearm(q);
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
