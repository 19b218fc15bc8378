/* SPDX-License-Identifier: BSD-3-Clause */
/* What devices of any dialect share behind their vdev face. Private. */
#ifndef VGPIO_VDEV_H
#define VGPIO_VDEV_H

#include "internal.h"
#include "port.h"

/* Of a queue. Bits from 0x08 on are the dialect's. */
#define QUEUE_STARTED 0x01u
#define QUEUE_RUN 0x02u      /* started and not disabled since */
#define QUEUE_DRAINING 0x04u /* started; takes nothing new, still answers */

#if VGPIO_CFG_TRACE
#define TRACE(dev, id, a, b)                                                             \
    do {                                                                                 \
        if ((dev)->trace != NULL) {                                                      \
            (dev)->trace((dev)->trace_ctx, (id), (uint32_t)(a), (uint32_t)(b));          \
        }                                                                                \
    } while (0)
#else
#define TRACE(dev, id, a, b) ((void)(dev), (void)(a), (void)(b))
#endif
#define TRACE_T(type, line) ((uint32_t)(type) << 16 | (line))

struct vgpio_devq;
struct vgpio_mem;
struct vgpio_vq_setup;

/* Stops a queue. `last` is where it stood, and more than that in its flags. */
void vgpio_devq_leave(struct vgpio_devq *q, struct vgpio_vq_setup *last);

/* What of that is for others; `where` may be NULL. */
void vgpio_devq_left(const struct vgpio_vq_setup *last, struct vgpio_vq_setup *where);

/* Starts a queue, where it stopped if the ring bears out that it is the one of `last`: 1;
 * else as a new one: 0, or the error of vgpio_devq_start(). */
int vgpio_devq_restart(struct vgpio_devq *q, const struct vgpio_mem *mem,
                       const struct vgpio_vq_setup *setup, struct vgpio_vq_setup *last);

/* What any device's init does with its config: a copy, checked. 0, or what the init
 * answers. The object has `size` bytes here; the caller's figures are in `abi`. */
struct vgpio_dev_config;
int vgpio_dev_config_take(struct vgpio_dev_config *c, const struct vgpio_dev_config *cfg,
                          size_t size, uint64_t abi);

#endif /* VGPIO_VDEV_H */
