/* SPDX-License-Identifier: BSD-3-Clause */
/* The seam inside the driver: an engine that knows virtio, and a dialect that knows one
 * GPIO protocol. Private.
 *
 * The engine (driver.c) owns bring-up, rings, slots, cells, cookies and stop; the dialect
 * says what the bytes in the cells mean. Slots are numbered through both kinds: requests
 * 0 .. nreq - 1, events nreq .. nreq + nirq - 1. */
#ifndef VGPIO_DIALECT_H
#define VGPIO_DIALECT_H

#include <virtiogpio/driver.h>

enum vgpio_slot_kind {
    VGPIO_SLOT_REQ = 0,
    VGPIO_SLOT_EVENT = 1
};

/* Of a request slot's state. The upper bits of any state are the dialect's. */
enum {
    VGPIO_SLOT_FREE = 0,
    VGPIO_SLOT_BUSY = 1,
    VGPIO_SLOT_ZOMBIE = 2, /* cancelled, but the device still owns the buffers */
    VGPIO_SLOT_STATE = 3,  /* mask of these */
    VGPIO_SLOT_USER = 4    /* first bit of the dialect's */
};

#define VGPIO_CELL_WRITE 8u  /* where in its cell a slot's device-writable bytes start */
#define VGPIO_CELL_TABLE 16u /* where the table of an indirect descriptor lies */

struct vgpio_dialect {
    uint32_t device_id;
    uint64_t features;      /* device bits it understands; ring bits are the engine's */
    uint64_t event_feature; /* the bit that brings the event queue; 0: always there */
    uint8_t queue[2];       /* queue number, by enum vgpio_slot_kind */
    /* Bytes of a buffer that the device reads, at the start of the cell, and that it
     * writes, from VGPIO_CELL_WRITE on; likewise. 0: it has no such part. */
    uint8_t out[2];
    uint8_t in[2];

    /* Features stand: read the configuration, set ngpio and names_size. */
    int (*configure)(struct vgpio_drv *drv);
    /* Queues stand, DRIVER_OK not yet: stage what the device waits for; may be NULL. */
    int (*ready)(struct vgpio_drv *drv);
    /* The calls of driver.h; the driver runs without error, `line` is in range. `req` is
     * the dialect's to change. These and used() may leave a slot to the engine if they do
     * not fail, see vgpio_drv_stage_later(). */
    int (*submit)(struct vgpio_drv *drv, struct vgpio_request *req, void *cookie);
    int (*read_names)(struct vgpio_drv *drv, uint8_t *buf, uint32_t len, void *cookie);
    int (*unmask)(struct vgpio_drv *drv, uint16_t line);
    /* The device gave a slot back. 1: *ev is filled; 0: nothing to tell; < 0: fatal. A
     * request slot is still busy: give it back here, or later. */
    int (*used)(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                struct vgpio_drv_event *ev);

    /* The members from here on may be missing (0). */
    uint32_t old_device_id; /* another number under which such devices are found */
    /* Events that no buffer brings: 1 with *ev filled, or 0. `ev` NULL: is there one? A
     * dialect that has it may stage in used() what the caller knows nothing of, so that a
     * rearm flushes. */
    int (*local)(struct vgpio_drv *drv, struct vgpio_drv_event *ev);
};

int vgpio_std_configure(struct vgpio_drv *drv);
int vgpio_std_submit(struct vgpio_drv *drv, struct vgpio_request *req, void *cookie);
int vgpio_std_read_names(struct vgpio_drv *drv, uint8_t *buf, uint32_t len, void *cookie);
int vgpio_std_unmask(struct vgpio_drv *drv, uint16_t line);
int vgpio_std_used(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                   struct vgpio_drv_event *ev);

/* In every file that looks at it: as the only dialect it folds to constants. */
static const struct vgpio_dialect vgpio_std_dialect = {
    VGPIO_DEVICE_ID,
    VGPIO_CFG_IRQ ? VGPIO_F_IRQ : 0,
    VGPIO_F_IRQ,
    {VGPIO_REQUESTQ, VGPIO_EVENTQ},
    {VGPIO_REQUEST_SIZE, VGPIO_IRQ_REQUEST_SIZE},
    {VGPIO_RESPONSE_SIZE, VGPIO_IRQ_RESPONSE_SIZE},
    vgpio_std_configure,
    NULL,
    vgpio_std_submit,
    vgpio_std_read_names,
    vgpio_std_unmask,
    vgpio_std_used,
    0,
    NULL,
};

#if VGPIO_CFG_DIALECTS
#define DRV_DIALECT(drv) ((drv)->cfg.dialect)
#else
#define DRV_DIALECT(drv) ((void)(drv), &vgpio_std_dialect)
#endif

/* ---- what the engine does for a dialect ---- */

/* A slot, or VGPIO_ERR_NOSPC. A request slot is BUSY with the cookie. */
int vgpio_drv_take(struct vgpio_drv *drv, unsigned kind, void *cookie);
void vgpio_drv_give(struct vgpio_drv *drv, unsigned slot);

/* Of functions whose frame is not to lie below what is staged; the smallest driver, with
 * requests alone, has stack to spare. */
#if VGPIO_CFG_IRQ
#define SMALL_STACK PORT_NOINLINE
#else
#define SMALL_STACK
#endif

/* The slot's cell: VGPIO_DMA_CELL bytes. */
uint8_t *vgpio_drv_cell(const struct vgpio_drv *drv, unsigned slot);

static inline unsigned vgpio_drv_kind(const struct vgpio_drv *drv, unsigned slot)
{
    return !VGPIO_CFG_IRQ || slot < drv->cfg.nreq ? VGPIO_SLOT_REQ : VGPIO_SLOT_EVENT;
}

/* Cleans the cell and stages it; the answer goes to `answer`, or into the cell if that is
 * NULL. 0 or < 0. */
int vgpio_drv_stage(struct vgpio_drv *drv, unsigned slot, const struct vgpio_seg *answer);

/* Stages it when the call of the dialect is over, from where less stack is in use. One
 * slot a call. */
static inline void vgpio_drv_stage_later(struct vgpio_drv *drv, unsigned slot)
{
    drv->later = slot + 1u;
}

/* A request is answered: 1 with *ev filled, or 0 for one that was cancelled. The slot is
 * a zombie then: give it back once the device owns none of its buffers. */
int vgpio_drv_answer(struct vgpio_drv *drv, unsigned slot, int result,
                     struct vgpio_drv_event *ev);

static inline void vgpio_drv_trace(const struct vgpio_drv *drv, unsigned id, uint32_t a,
                                   uint32_t b)
{
#if VGPIO_CFG_TRACE
    if (drv->cfg.trace != NULL) {
        drv->cfg.trace(drv->cfg.trace_ctx, id, a, b);
    }
#else
    (void)drv;
    (void)id;
    (void)a;
    (void)b;
#endif
}

/* One byte that the device may be changing: read once. */
static inline uint8_t vgpio_drv_byte(const uint8_t *shared)
{
    return *(const volatile uint8_t *)shared;
}

#endif /* VGPIO_DIALECT_H */
