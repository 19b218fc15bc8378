/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Where two modules meet: lines, device, bus. No functions.
 */
#ifndef VIRTIOGPIO_SEAMS_H
#define VIRTIOGPIO_SEAMS_H

#include <virtiogpio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VGPIO_VQ_TOLD 1u  /* the peer told positions; else fresh */
struct vgpio_vq_setup {
    uint64_t desc, driver, device;  /* desc/avail/used, or the packed trio*/
    uint64_t features;  /* the negotiated word */
    uint16_t size, flags;
    uint16_t avail_pos, used_pos;  /* packed: bit 15 = wrap counter */
};

/* (1) Lines: what a device dialect asks of real GPIO lines ... */
typedef uint32_t vgpio_token;  /* names one request until completed */
struct vgpio_line_ops {
    uint32_t ops_size;
    /* Each returns the answer (>= 0), VGPIO_PENDING, or < 0 for STATUS_ERR.
     * A NULL op answers STATUS_ERR. Never two at once for the same line. */
    int (*get_direction)(void *ctx, uint16_t line, vgpio_token);
    int (*set_direction)(void *ctx, uint16_t line, unsigned dir, unsigned out_value, vgpio_token);
    int (*get_value)(void *ctx, uint16_t line, vgpio_token);
    int (*set_value)(void *ctx, uint16_t line, unsigned value, vgpio_token);
    int (*set_irq_type)(void *ctx, uint16_t line, unsigned type, vgpio_token);
    void (*unmask)(void *ctx, uint16_t line);  /* guest waits for an irq = EOI */
    void (*reset)(void *ctx);  /* every outstanding token is dead */
};
/* ... and what the lines may call upwards. */
#define VGPIO_RISING 1u
#define VGPIO_FALLING 2u
#define VGPIO_LEVEL_UNKNOWN 2u
struct vgpio_sink_ops {
    uint32_t ops_size;
    int (*complete)(void *obj, vgpio_token, int result);
    int (*change)(void *obj, uint16_t line, unsigned edges, unsigned level_after);
};
struct vgpio_sink { const struct vgpio_sink_ops *ops; void *obj; };

/* (2) Virtio device: all that a transport needs, whatever the dialect. */
#define VGPIO_EV_QUEUE(q) (1u << (q)) /* interrupt the driver for queue q */
#define VGPIO_EV_NEEDS_RESET 0x10000u  /* a queue broke: see error() */
#define VGPIO_EV_CONFIG 0x20000u  /* config space changed */
#define VGPIO_EV_MORE 0x40000u  /* call kick(0) again soon: a bounded turn left work */
enum vgpio_stop {
    VGPIO_STOP_DRAIN = 1,  /* answer what is in flight first: may be PENDING */
    VGPIO_STOP_NOW,  /* let go of memory now, keep what is outstanding */
    VGPIO_STOP_RESET  /* queue reset: forget it all */
};
struct vgpio_vdev_ops {
    uint32_t ops_size;
    uint32_t (*device_id)(const void *obj);
    uint64_t (*features)(const void *obj);
    int (*ack_features)(void *obj, uint64_t acked);
    uint32_t (*config_size)(const void *obj);
    void (*config_read)(const void *obj, uint32_t off, void *dst, uint32_t len);
    uint16_t (*queue_max)(const void *obj, unsigned q);  /* 0: no such queue */
    int (*queue_start)(void *obj, unsigned q, const struct vgpio_mem *, const struct vgpio_vq_setup *);
    int (*queue_run)(void *obj, unsigned q, int on);
    int (*queue_stop)(void *obj, unsigned q, unsigned how, struct vgpio_vq_setup *where);
    void (*reset)(void *obj);
    int (*kick)(void *obj, unsigned q);
    unsigned (*take_events)(void *obj);  /* returns and clears */
    void (*irq_acked)(void *obj);  /* driver saw the interrupt */
    unsigned (*in_flight)(const void *obj);
    int (*error)(const void *obj, unsigned q);  /* sticky, or 0 */
};
struct vgpio_vdev { const struct vgpio_vdev_ops *ops; void *obj; };

/** Bits of the device status byte that get_status and set_status carry. */
enum vgpio_dev_status {
    VGPIO_S_ACKNOWLEDGE = 1,
    VGPIO_S_DRIVER = 2,
    VGPIO_S_DRIVER_OK = 4,
    VGPIO_S_FEATURES_OK = 8,
    VGPIO_S_NEEDS_RESET = 64,
    VGPIO_S_FAILED = 128
};

/* (3) Bus: what a driver dialect needs of its transport. < 0: the bus is gone. */
struct vgpio_bus_ops {
    uint32_t ops_size;
    int (*device_id)(void *ctx, uint32_t *id);
    int (*get_features)(void *ctx, uint64_t *);
    int (*set_features)(void *ctx, uint64_t);
    int (*get_status)(void *ctx, uint8_t *);
    int (*set_status)(void *ctx, uint8_t);
    int (*config_gen)(void *ctx, uint32_t *);  /* NULL: fixed */
    int (*config_read)(void *ctx, uint32_t off, void *dst, uint32_t len);
    int (*queue_max)(void *ctx, unsigned q, uint16_t *);
    int (*queue_start)(void *ctx, unsigned q, const struct vgpio_vq_setup *);
    int (*queue_stop)(void *ctx, unsigned q);  /* 1: not yet */
    int (*notify)(void *ctx, unsigned q, uint32_t data);
};

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_SEAMS_H */
