/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief A bus without a machine: one driver and one device in one process.
 *
 * The loop is the smallest transport there is. Downwards it holds any #vgpio_vdev,
 * upwards it is a #vgpio_bus_ops for any driver; between them lies only what each virtio
 * transport has: a status byte, a feature word and latched queue addresses.
 *
 * It never calls a device on a doorbell. It *records* that a queue was kicked, and the
 * caller decides when the device runs. So nothing recurses, and every interleaving of
 * driver and device is a line of code:
 *
 * @code
 * vgpio_drv_submit(&drv, VGPIO_MSG_GET_VALUE, 5, 0, cookie);
 * vgpio_drv_flush(&drv);                          // the loop records a kick
 * unsigned kicked = vgpio_loop_take_kicks(&loop); // 1u << VGPIO_REQUESTQ
 * vgpio_dev_kick(&dev, VGPIO_REQUESTQ);           // the device runs here
 * unsigned owed = vgpio_dev_take_events(&dev);    // an interrupt is owed
 * vgpio_drv_poll(&drv, &ev);                      // the answer
 * @endcode
 *
 * @par Who takes events
 * The caller does, always: the loop never calls `take_events` or `irq_acked`, so no event
 * is lost between two takers. It shows a broken device (status bit DEVICE_NEEDS_RESET) by
 * looking at `error`, which is a pure read.
 *
 * @par Context
 * A loop and the device below it are one object: every call, also one made through
 * #vgpio_loop_bus_ops, needs that object's lock.
 */
#ifndef VIRTIOGPIO_LOOP_H
#define VIRTIOGPIO_LOOP_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Queues a loop carries; every GPIO dialect has at most two. */
#define VGPIO_LOOP_QUEUES 2

/** A loop. Opaque by contract. */
struct vgpio_loop {
    /** @cond PRIVATE */
    struct vgpio_vdev vdev;
    const struct vgpio_mem *mem;
    struct vgpio_vq_setup vq[VGPIO_LOOP_QUEUES];
    uint64_t features;
    uint8_t status, latched, kicks, broken;
    uint8_t reserved[4];
    /** @endcond */
};

/**
 * @brief Connect a loop to a device.
 *
 * The device is not touched before the driver resets it. It may be initialised after
 * this call.
 *
 * @param l     caller's memory, any contents
 * @param vdev  the device; its table and object must outlive the loop
 * @param mem   how the device sees the memory that the driver shares (#vgpio_mem); must
 *              outlive the loop. With one address space, a region that maps everything to
 *              itself will do; a test uses a second mapping.
 * @return 0; #VGPIO_ERR_INVAL: no device or no memory; #VGPIO_ERR_ABI: header and
 *         library disagree, or the device's table ends before its `error`
 * @context any; `l` must not be in use
 */
#define vgpio_loop_init(l, vdev, mem)                                                    \
    vgpio_loop_init_abi((l), (vdev), (mem), VGPIO_ABI(sizeof *(l), 0, 0, 0))
/** What vgpio_loop_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_loop_init_abi(struct vgpio_loop *l, struct vgpio_vdev vdev,
                                  const struct vgpio_mem *mem, uint64_t abi);

/**
 * @brief The queues whose doorbell was rung since the last call.
 *
 * Doorbells rung before DRIVER_OK are kept until then, for a device must not look at its
 * queues earlier. A reset forgets them.
 *
 * @return bit q is set for queue q; the record is cleared
 * @context object lock
 */
VGPIO_API unsigned vgpio_loop_take_kicks(struct vgpio_loop *l);

/**
 * @brief The loop as a bus for a driver; its `ctx` is the loop.
 *
 * - `set_features`: #VGPIO_ERR_STATE once FEATURES_OK is kept.
 * - `set_status` 0 resets the device, at once. FEATURES_OK is kept only if the device
 *   took the features; DRIVER_OK only if FEATURES_OK stands. Bits cannot be cleared
 *   otherwise. A device that refuses a queue at DRIVER_OK shows DEVICE_NEEDS_RESET, for
 *   a register write has no return value on any real bus.
 * - `queue_start`: latched, handed to the device at DRIVER_OK; after it, at once.
 *   #VGPIO_ERR_INVAL: no such queue, or a size the device cannot have.
 *   #VGPIO_ERR_STATE: features are not settled, or the queue is started already.
 * - `queue_stop`: queue reset (needs #VGPIO_F_RING_RESET once the queue runs, else
 *   #VGPIO_ERR_NOTSUP).
 * - `notify`: records the kick; #VGPIO_ERR_INVAL: no such queue.
 *
 * @context object lock
 */
extern VGPIO_API const struct vgpio_bus_ops vgpio_loop_bus_ops;

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_LOOP_H */
