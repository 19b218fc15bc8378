/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Calls that wait for their answer, on top of any driver.
 *
 * The smallest useful driver program asks and waits. The library has no clock and cannot
 * sleep, so waiting is one function of the caller's: it sleeps until the next interrupt,
 * yields, or runs the device, and says when patience is over.
 *
 * @code
 * static int wait_irq(void *ctx)
 * {
 *     return os_sem_take(ctx, TIMEOUT_MS) ? -1 : 0;   // < 0: give up
 * }
 * struct vgpio_sync s = { sizeof s, &drv, wait_irq, on_event, &sem };
 *
 * vgpio_sync_call(&s, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN);
 * int level = vgpio_sync_call(&s, VGPIO_MSG_GET_VALUE, 3, 0);   // 0, 1 or < 0
 * @endcode
 *
 * The driver stays usable in its own right, also for requests in flight during a call:
 * their events go to `on_event`.
 */
#ifndef VIRTIOGPIO_SYNC_H
#define VIRTIOGPIO_SYNC_H

#include <virtiogpio/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to wait. The caller fills it in and may change it between two calls. */
struct vgpio_sync {
    uint32_t ops_size;     /**< sizeof(struct vgpio_sync) */
    struct vgpio_drv *drv; /**< a driver that runs */
    /** Called when there is nothing to poll and the driver is armed: sleep until
     *  something may have come, waking up too often is harmless. Below 0: give up. It
     *  may stage and stop, but not poll: the answer would be lost to the call that
     *  waits. */
    int (*wait)(void *ctx);
    /** Told of every event that is not the answer waited for: interrupts, and requests
     *  submitted otherwise. It may stage (vgpio_drv_unmask()) and stop, but neither poll
     *  nor make another call of this kind. NULL: such events are dropped. It comes before
     *  `wait`: with a device that interrupts without end, a line that is unmasked at once
     *  in here keeps the call from giving up; unmask it after the call instead. */
    void (*on_event)(void *ctx, const struct vgpio_drv_event *ev);
    void *ctx; /**< first argument of both */
};

/**
 * @brief Submit a request and wait for its answer.
 *
 * Everything staged before goes out with it. Whatever the outcome, the driver holds no
 * reference to this call afterwards.
 *
 * @param s      how to wait
 * @param type   #vgpio_msg, but names are read by vgpio_drv_read_names()
 * @param line   0 .. ngpio - 1
 * @param value  as for vgpio_drv_submit()
 * @return 0 or more: the answer, as in #vgpio_drv_event
 * @retval VGPIO_ERR_TIMEOUT `wait` gave up. The request is cancelled
 *                           (vgpio_drv_cancel()): what it asks for may still happen, and
 *                           its slot stays busy until the device answers or is reset.
 * @retval VGPIO_ERR_INVAL   `drv` or `wait` is NULL, or as vgpio_drv_submit() says
 * @retval VGPIO_ERR_ABI     `ops_size` is too small
 * @retval VGPIO_ERR_IO      the device said ERR, or gave an answer that is none
 * @retval VGPIO_ERR_STALE   the driver was stopped meanwhile, by one of the hooks
 * @return anything else below 0: what vgpio_drv_submit(), vgpio_drv_flush() or
 *         vgpio_drv_poll() said; the request is cancelled
 * @context object lock of the driver; blocks as long as `wait` does
 */
VGPIO_API int vgpio_sync_call(struct vgpio_sync *s, unsigned type, uint16_t line,
                              uint32_t value);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_SYNC_H */
