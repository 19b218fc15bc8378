/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The driver side of the protocol.
 */
#ifndef VIRTIOGPIO_DRIVER_H
#define VIRTIOGPIO_DRIVER_H

#include <virtiogpio/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vgpio_drv_slot {  /* OPAQUE, one per request or irq */
    void *cookie; uint16_t line, next; uint8_t type, state;
};
#define VGPIO_DMA_SIZE(nreq, nirq)  /* bytes of shared memory to give */ \
    (VGPIO_RING_BYTES(2u * (nreq)) + VGPIO_RING_BYTES(2u * (nirq)) + \
     ((nreq) + (nirq)) * VGPIO_DMA_CELL + VGPIO_DMA_ALIGN)
#define VGPIO_DRV_INDIRECT_REQUESTQ 1u  /* use indirect there as well */
#define VGPIO_DRV_DIRECT_EVENTQ 2u  /* do not use indirect there */
struct vgpio_dialect;  /* private */
enum vgpio_drv_event_kind { VGPIO_DONE = 1, VGPIO_IRQ = 2 };
struct vgpio_drv_event {
    uint16_t kind, line, type;
    int result;  /* >= 0 value, < 0 vgpio_err */
    void *cookie;
};
struct vgpio_drv_config {
    const struct vgpio_dialect *dialect;  /* NULL: the standard */
    const struct vgpio_bus_ops *bus; void *bus_ctx;
    void *dma;  /* driver's view of the shared arena */
    uint64_t dma_addr;  /* the device's view of the same bytes */
    uint32_t dma_size;
    struct vgpio_drv_slot *slots;  /* nreq + nirq */
    struct vgpio_drvq_slot *ring;  /* 2*(nreq + nirq) */
    uint16_t nreq, nirq;  /* powers of two; draft: nirq rx buffers */
    uint16_t *irq_map; uint32_t irq_map_len;  /* a word per line: O(1) unmask; NULL: linear in nirq */
    uint64_t features;  /* what you would like; 0: all */
    uint32_t flags;  /* VGPIO_DRV_* */
    vgpio_trace_fn trace; void *trace_ctx;
};
struct vgpio_drv { void *p[8]; struct vgpio_drvq q[2]; uint64_t w[11]; };  /* OPAQUE */
#define vgpio_drv_init(drv, cfg) vgpio_drv_init_abi((drv), (cfg), VGPIO_ABI(sizeof *(drv), \
    sizeof *(cfg), sizeof(struct vgpio_drv_slot), sizeof(struct vgpio_drvq_slot)))
VGPIO_API int vgpio_drv_init_abi(struct vgpio_drv *, const struct vgpio_drv_config *, uint64_t abi);
VGPIO_API int vgpio_drv_start(struct vgpio_drv *);  /* reset .. DRIVER_OK; 1: call again */
VGPIO_API int vgpio_drv_stop(struct vgpio_drv *);  /* 1: the arena is not yours yet */
VGPIO_API uint16_t vgpio_drv_ngpio(const struct vgpio_drv *);
VGPIO_API uint32_t vgpio_drv_names_size(const struct vgpio_drv *);
VGPIO_API int vgpio_drv_submit(struct vgpio_drv *, unsigned type, uint16_t line, uint32_t value, void *cookie);
VGPIO_API int vgpio_drv_read_names(struct vgpio_drv *, uint8_t *buf, uint64_t dma_addr, uint32_t len, void *cookie);
VGPIO_API int vgpio_drv_cancel(struct vgpio_drv *, void *cookie);  /* no event will come */
VGPIO_API int vgpio_drv_unmask(struct vgpio_drv *, uint16_t line);
VGPIO_API int vgpio_drv_flush(struct vgpio_drv *);  /* publish, ring the doorbells owed */
VGPIO_API int vgpio_drv_poll(struct vgpio_drv *, struct vgpio_drv_event *);  /* 1/0/<0 */
VGPIO_API int vgpio_drv_rearm(struct vgpio_drv *);  /* 1 = poll again, do not sleep */
VGPIO_API int vgpio_drv_config_changed(struct vgpio_drv *);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_DRIVER_H */
