/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Level 2: the ring engine, device side (devq) and driver side (drvq).
 */
#ifndef VIRTIOGPIO_QUEUE_H
#define VIRTIOGPIO_QUEUE_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vgpio_head { uint16_t id, ndesc; };  /* all that completing needs */
struct vgpio_devq {  /* OPAQUE */
    const struct vgpio_mem *mem;
    uint8_t *desc, *driver, *device;
    struct vgpio_vq_setup at;
    uint16_t avail_seen, next_used;
    uint8_t flags, started;
    int8_t err;
    uint8_t reserved;
};
struct vgpio_chain {  /* OPAQUE cursor: nothing to free */
    struct vgpio_devq *q;
    uint64_t gpa, table;
    uint32_t left, total, table_len;
    uint16_t next, ttl;
    struct vgpio_head head;
    uint8_t flags, reserved[3];
};
VGPIO_API int vgpio_devq_start(struct vgpio_devq *, const struct vgpio_mem *, const struct vgpio_vq_setup *);
VGPIO_API void vgpio_devq_stop(struct vgpio_devq *, struct vgpio_vq_setup *where);
VGPIO_API int vgpio_devq_pop(struct vgpio_devq *, struct vgpio_chain *); /* 1 got, 0 none */
VGPIO_API void vgpio_devq_unpop(struct vgpio_devq *, const struct vgpio_chain *);  /* the last pop */
VGPIO_API uint32_t vgpio_chain_read(struct vgpio_chain *, void *dst, uint32_t len);
VGPIO_API uint32_t vgpio_chain_write(struct vgpio_chain *, const void *src, uint32_t len);
VGPIO_API int vgpio_chain_where(struct vgpio_chain *, uint64_t *gpa);  /* 0: gpa of 1 writable byte, seen to map; advances. NOSPC: none left, IO: does not map, <= FATAL: broken */
VGPIO_API int vgpio_chain_finish(struct vgpio_chain *, uint32_t *room);  /* walks to the end; 0 = sound, room (may be NULL) = writable bytes not yet used */
VGPIO_API int vgpio_devq_waiting(struct vgpio_devq *);  /* heads not yet popped, or a sticky error */
VGPIO_API int vgpio_devq_error(const struct vgpio_devq *);  /* sticky error or 0 */
VGPIO_API int vgpio_devq_push(struct vgpio_devq *, struct vgpio_head, uint32_t written); /* stage */
VGPIO_API int vgpio_devq_publish(struct vgpio_devq *);  /* 1 = interrupt the driver */
VGPIO_API int vgpio_devq_rearm(struct vgpio_devq *);  /* 1 = more work, do not sleep */

struct vgpio_seg { uint64_t addr; uint32_t len; };
struct vgpio_drvq_slot { uint16_t slot, link; };  /* OPAQUE, 4 bytes a descriptor */
struct vgpio_drvq {  /* OPAQUE */
    uint8_t *desc, *driver, *device;
    struct vgpio_drvq_slot *ring;
    uint16_t size, free_head, nfree;
    uint16_t next_avail, published, last_used, used_seen;
    uint8_t flags;
    int8_t err;
};
VGPIO_API void vgpio_drvq_layout(struct vgpio_vq_setup *, uint64_t dma_addr);  /* fills desc, driver, device from size: fits VGPIO_RING_BYTES(size) */
VGPIO_API int vgpio_drvq_init(struct vgpio_drvq *, void *ring, struct vgpio_drvq_slot *,
        const struct vgpio_vq_setup *);
VGPIO_API int vgpio_drvq_add(struct vgpio_drvq *, const struct vgpio_seg *, unsigned nread,
        unsigned nwrite, uint16_t slot);  /* stage */
VGPIO_API int vgpio_drvq_add_indirect(struct vgpio_drvq *, void *table, uint64_t table_addr,
        const struct vgpio_seg *, unsigned nread, unsigned nwrite, uint16_t slot);  /* table: 16 bytes a segment, yours until get() */
VGPIO_API int vgpio_drvq_error(const struct vgpio_drvq *);  /* sticky error or 0 */
VGPIO_API int vgpio_drvq_publish(struct vgpio_drvq *, uint32_t *data);  /* 1 = kick with (queue number | *data) */
VGPIO_API int vgpio_drvq_get(struct vgpio_drvq *, uint16_t *slot, uint32_t *written); /* 1/0 */
VGPIO_API int vgpio_drvq_rearm(struct vgpio_drvq *);  /* 1 = more */
VGPIO_API int vgpio_drvq_drain(struct vgpio_drvq *, unsigned *iter, uint16_t *slot); /* after reset */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_QUEUE_H */
