/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The device side of the standard protocol.
 */
#ifndef VIRTIOGPIO_DEVICE_H
#define VIRTIOGPIO_DEVICE_H

#include <virtiogpio/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vgpio_line {  /* OPAQUE, one per GPIO line */
    uint64_t ev_gpa;  /* no pointers: survives re-mapping */
    struct vgpio_head ev_head;
    uint16_t q_first, q_last;
    uint8_t dir, out_value, irq_type, level;
    uint16_t flags, reserved;
};
struct vgpio_req {  /* OPAQUE, one per request in flight*/
    uint64_t status_gpa, value_gpa;
    struct vgpio_head head;
    uint32_t value;  /* later: the result */
    uint16_t line, next, gen;
    uint8_t type, state;
};
struct vgpio_dev_config {  /* zero it, then fill what you need */
    const struct vgpio_line_ops *ops;
    void *ctx;
    struct vgpio_line *lines; uint16_t ngpio;
    struct vgpio_req *reqs; uint16_t nreqs;
    uint16_t queue_max[2];  /* 0: 256; draft: 32768 */
    const uint8_t *names; uint32_t names_size;  /* wire block or NULL */
    uint64_t features;  /* 0: all we can do */
    vgpio_trace_fn trace; void *trace_ctx;
};
struct vgpio_dev { void *p[7]; struct vgpio_vq_setup last[2];  /* OPAQUE */
    struct vgpio_devq q[2]; uint64_t w[9]; };
#define vgpio_dev_init(dev, cfg) vgpio_dev_init_abi((dev), (cfg), \
    VGPIO_ABI(sizeof *(dev), sizeof *(cfg), sizeof(struct vgpio_line), sizeof(struct vgpio_req)))
VGPIO_API int vgpio_dev_init_abi(struct vgpio_dev *, const struct vgpio_dev_config *, uint64_t abi);
VGPIO_API struct vgpio_vdev vgpio_dev_vdev(struct vgpio_dev *);  /* for a transport */
VGPIO_API struct vgpio_sink vgpio_dev_sink(struct vgpio_dev *);  /* for a backend */
VGPIO_API int vgpio_dev_kick(struct vgpio_dev *, unsigned q);
VGPIO_API unsigned vgpio_dev_take_events(struct vgpio_dev *);
VGPIO_API int vgpio_dev_complete(struct vgpio_dev *, vgpio_token, int result);
VGPIO_API int vgpio_dev_change(struct vgpio_dev *, uint16_t line, unsigned edges,
        unsigned level_after);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_DEVICE_H */
