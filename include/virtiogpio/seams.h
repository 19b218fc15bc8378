/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Where two modules meet: lines and device, device and transport, driver and bus.
 *
 * Three tables of functions are all that one module knows of another, so each may be
 * replaced: by yours, by a test's, by another dialect of virtio GPIO.
 *
 * | Seam                        | calls               | implements                     |
 * |-----------------------------|---------------------|--------------------------------|
 * | #vgpio_line_ops             | a device            | real or simulated lines        |
 * | #vgpio_sink                 | those lines         | a device                       |
 * | #vgpio_vdev                 | a transport         | a device                       |
 * | #vgpio_bus_ops              | a driver            | a transport's guest side       |
 *
 * There is no function in this header. Every table begins with `ops_size`, the `sizeof`
 * of the table as its definer was compiled; members behind it count as NULL. A face
 * (#vgpio_vdev, #vgpio_sink) is two pointers and may be taken before the object behind it
 * is initialised: so a device that needs lines and lines that need a device can be
 * declared in any order.
 *
 * References like "RING-DEV-08" are this project's numbers for rules of the virtio
 * standard; clause names are the standard's own.
 */
#ifndef VIRTIOGPIO_SEAMS_H
#define VIRTIOGPIO_SEAMS_H

#include <virtiogpio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @name Where a queue lies
 */
/** @{ */

/**
 * @brief The peer told a position: `avail_pos` counts, and `used_pos` in a packed ring.
 *
 * Without it a queue starts with its first head. vhost-user tells one; MMIO has no way
 * to.
 */
#define VGPIO_VQ_TOLD 1u
/**
 * @brief Packed, with #VGPIO_VQ_TOLD: both positions 0 may be the word of a front end
 * that says 0 for "from the beginning" whatever the layout is (User-Mode Linux does).
 *
 * By the letter that is the start of a lap with wrap counter 0. It is taken so only if
 * the first descriptor bears it out: its USED flag is set then, save where a chain lies
 * across the end of the ring.
 */
#define VGPIO_VQ_VAGUE 2u

/**
 * @brief Everything there is to know of one virtqueue before it starts, and, from a stop,
 * where it stood: what a stop fills in may be given to a start as it is.
 *
 * Addresses are as the *device* sees memory: guest physical, or bus addresses behind an
 * IOMMU. Their alignment and extent for n entries ("Split Virtqueues", "Packed
 * Virtqueues"):
 *
 * | Field    | Split: area            | Align | Bytes   | Packed: area    | Align | Bytes
 * |----------|------------------------|-------|---------|-----------------|-------|------
 * | `desc`   | descriptor table       | 16    | 16 n    | descriptor ring | 16    | 16 n
 * | `driver` | available ring + event | 2     | 6 + 2 n | driver's event  | 4     | 4
 * | `device` | used ring + event      | 4     | 6 + 8 n | device's event  | 4     | 4
 *
 * The trailing event word of a split ring belongs to the area whether it is negotiated or
 * not.
 */
struct vgpio_vq_setup {
    uint64_t desc;     /**< descriptor area */
    uint64_t driver;   /**< driver area: available ring */
    uint64_t device;   /**< device area: used ring */
    uint64_t features; /**< the whole negotiated feature word, VGPIO_F_* */
    uint16_t size;     /**< entries, 1 .. 32768; split: a power of two */
    uint16_t flags;    /**< #VGPIO_VQ_TOLD and #VGPIO_VQ_VAGUE, or 0 */
    /** Index of the next head the device will take: counts modulo 2^16, not modulo
     *  `size`. Ignored by a start unless #VGPIO_VQ_TOLD. Packed: the descriptor where the
     *  next chain begins, with bit 15 for the wrap counter; 0x8000 is the beginning. */
    uint16_t avail_pos;
    /** Index of the next used element. A split queue takes it from the ring itself and
     *  ignores this one; a stop fills it in. Packed: in the form of `avail_pos`, and
     *  behind it by the descriptors that were taken and not given back. */
    uint16_t used_pos;
};
/** @} */

/**
 * @name Seam 1: lines
 *
 * What a device asks of the real lines, and what these report to it. Words are those of
 * the standard whatever dialect the device speaks: directions #VGPIO_DIR_NONE and so on,
 * trigger types #VGPIO_IRQ_NONE and so on, all in wire.h.
 */
/** @{ */

/**
 * @brief Names one request on its way through a backend, until it is completed.
 *
 * A number, not a pointer: it may be kept in any table, and one that is completed twice,
 * or after a reset, is recognised and answered #VGPIO_ERR_STALE.
 */
typedef uint32_t vgpio_token;

/**
 * @brief Operations on real lines; the backend implements them, a device calls them.
 *
 * @par Answers
 * Each of the first five returns
 * - the answer, 0 or above: a level 0 or 1 for `get_value`, VGPIO_DIR_* for
 *   `get_direction`, 0 for the others. The guest gets STATUS_OK. An answer outside of
 *   these ranges gets it STATUS_ERR, and is not passed on;
 * - #VGPIO_PENDING: it is on its way. `complete` must then be called exactly once with
 *   this token, from any context that holds the device's lock, also from inside this very
 *   call; unless `reset` was called in the meantime;
 * - below 0, any code: STATUS_ERR. Nothing breaks.
 *
 * An op that is NULL answers STATUS_ERR.
 *
 * @par Arguments
 * They are checked already: `line` is below `ngpio`, the others are words of wire.h. The
 * token is for `complete`, and of no use to an op that answers at once.
 *
 * @par Order
 * The device never has two of the first five under way for one line: what comes for a
 * line that is busy waits in the device. Different lines are independent.
 *
 * @context Inside a call of yours into device or transport: on your thread, under your
 * lock. An op may call `complete` and `change` of the sink and nothing else of the
 * device.
 */
struct vgpio_line_ops {
    /** `sizeof(struct vgpio_line_ops)` as you see it. */
    uint32_t ops_size;
    /** Which way does the line work now? Also for lines that nobody configured yet. */
    int (*get_direction)(void *ctx, uint16_t line, vgpio_token);
    /** Make it an output that drives `out_value` from the first moment on (the value a
     *  guest set beforehand, else 0), an input, or nothing. `out_value` is 0 unless `dir`
     *  is #VGPIO_DIR_OUT. #VGPIO_DIR_NONE implies that the interrupt is off. */
    int (*set_direction)(void *ctx, uint16_t line, unsigned dir, unsigned out_value,
                         vgpio_token);
    /** The level of the line, 0 or 1; for an output the level it drives. */
    int (*get_value)(void *ctx, uint16_t line, vgpio_token);
    /** Drive 0 or 1. Only called for outputs: on other lines the device remembers the
     *  value for `set_direction`. */
    int (*set_value)(void *ctx, uint16_t line, unsigned value, vgpio_token);
    /** Watch for VGPIO_IRQ_*; #VGPIO_IRQ_NONE ends it and is final whatever it returns.
     *  A level type must be followed by one `change` with the level as it is, now or
     *  later. A type may follow another without NONE between: off, then on. */
    int (*set_irq_type)(void *ctx, uint16_t line, unsigned type, vgpio_token);
    /** Optional. The guest has dealt with the last interrupt of this line and waits for
     *  the next one: an end of interrupt for hardware that wants one. Called each
     *  time, and once more when a ring goes on that had been paused or stopped. */
    void (*unmask)(void *ctx, uint16_t line);
    /** Optional. The guest is gone or started anew: every token is dead, all lines are as
     *  after power-on, interrupts are off. What the outside does to the lines stays. */
    void (*reset)(void *ctx);
};

/** @brief Edge for `change`: the level went from 0 to 1. */
#define VGPIO_RISING 1u
/** @brief Edge for `change`: the level went from 1 to 0. */
#define VGPIO_FALLING 2u
/** @brief Level for `change`: edges are known, the level is not. */
#define VGPIO_LEVEL_UNKNOWN 2u

/**
 * @brief What lines may call in their device.
 * @context object lock of the device; legal inside any #vgpio_line_ops call
 */
struct vgpio_sink_ops {
    /** `sizeof(struct vgpio_sink_ops)` of the implementer. */
    uint32_t ops_size;
    /**
     * @brief Ends a request that an op left #VGPIO_PENDING.
     *
     * `result`: as the op would have returned it, but not #VGPIO_PENDING.
     *
     * Returns 0; #VGPIO_ERR_STALE: that request is no more, by reset or because it was
     * completed before: harmless; #VGPIO_ERR_INVAL: `result` is #VGPIO_PENDING.
     */
    int (*complete)(void *obj, vgpio_token token, int result);
    /**
     * @brief Reports all that happened on a line since the last report.
     *
     * `edges`: an or of #VGPIO_RISING and #VGPIO_FALLING, 0 if only the level is news.
     * `level_after`: 0, 1 or #VGPIO_LEVEL_UNKNOWN. Both in one call, because edges that
     * were merged must not be followed by a level older than they are. Call it for every
     * change of any line: what nobody asked for is dropped at once. That an output does
     * as `set_value` says is no news, and need not be reported.
     *
     * Returns 0; #VGPIO_ERR_INVAL: no such line, edges or level.
     */
    int (*change)(void *obj, uint16_t line, unsigned edges, unsigned level_after);
};

/** The face a device shows to its lines. */
struct vgpio_sink {
    const struct vgpio_sink_ops *ops; /**< of the device's kind; outlives the device */
    void *obj;                        /**< the device: first argument of each */
};
/** @} */

/**
 * @name Seam 2: the virtio device
 *
 * All that a transport needs to know of a device, whatever it does. The transport owns
 * registers, sockets, interrupt lines and the meaning of its own messages; the device
 * owns its queues from `queue_start` on and never sees anything of the transport.
 */
/** @{ */

/** @brief Event: interrupt the driver for queue `q` ("used buffer notification"). */
#define VGPIO_EV_QUEUE(q) (1u << (q))
/** @brief Event: a queue broke; `error` says why. Show DEVICE_NEEDS_RESET. */
#define VGPIO_EV_NEEDS_RESET 0x10000u
/** @brief Event: configuration space changed ("configuration change notification"). */
#define VGPIO_EV_CONFIG 0x20000u
/** @brief Event: a bounded turn left work in the request queue: kick it again soon. */
#define VGPIO_EV_MORE 0x40000u

/** @brief How to stop a queue. */
enum vgpio_stop {
    /** Answer what is being worked on first; the stop is #VGPIO_PENDING until then. Event
     *  buffers that lie parked are kept. For who passes the position on to another. */
    VGPIO_STOP_DRAIN = 1,
    /** Let go of memory now. Requests go on inside, their answers are kept, so are parked
     *  buffers, until every queue that was stopped has started and proved to be the same
     *  ring; the first that does not drops them. */
    VGPIO_STOP_NOW,
    /** Queue reset: forget what came from this queue. Requests at the backend end
     *  unheard; latched edges stay. */
    VGPIO_STOP_RESET
};

/**
 * @brief What a transport may do with a device.
 *
 * The order is that of the standard ("Device Initialization"): `ack_features`, then
 * `queue_start` for each queue, then kicks; `reset` leads back to the beginning from
 * anywhere. Nothing else is required: a transport calls `kick` when the driver rings, and
 * after every call asks `take_events` what it owes the driver.
 *
 * A queue number that does not exist is #VGPIO_ERR_INVAL; a call from inside a line op is
 * #VGPIO_ERR_STATE.
 *
 * @context object lock of the device, which is the transport's as well; those with a
 * constant object are pure reads.
 */
struct vgpio_vdev_ops {
    /** `sizeof(struct vgpio_vdev_ops)` of the implementer. */
    uint32_t ops_size;
    /** Virtio device ID: 41 for GPIO. */
    uint32_t (*device_id)(const void *obj);
    /** The features it offers. Transport bits are the transport's to add. */
    uint64_t (*features)(const void *obj);
    /** The driver settled on these: 0; #VGPIO_ERR_NOTSUP: a bit not offered, or without
     *  VERSION_1: refuse FEATURES_OK; #VGPIO_ERR_STATE: queues run with others. */
    int (*ack_features)(void *obj, uint64_t acked);
    /** Bytes of configuration space. */
    uint32_t (*config_size)(const void *obj);
    /** `len` bytes of it from `off` on, in wire order; zeros past its end. Any offset
     *  and length, before and after negotiation (CORE-DEV-17). */
    void (*config_read)(const void *obj, uint32_t off, void *dst, uint32_t len);
    /** Most entries queue `q` may have; 0: there is no such queue. */
    uint16_t (*queue_max)(const void *obj, unsigned q);
    /**
     * @brief Start a queue: from now on the device may read and write its memory.
     *
     * The setup is copied; `mem` and what it points to must outlive the queue's stop.
     * A start counts as a kick, since nobody heard those before it: call `kick` once
     * when the driver may be served.
     *
     * Returns 0; #VGPIO_ERR_INVAL: size 0, too large or not a power of two;
     * #VGPIO_ERR_FAULT: an area is not aligned or does not map in one piece (nothing is
     * started; this error does not stick); #VGPIO_ERR_STATE: features are not settled, it
     * runs already, or the device is broken; #VGPIO_ERR_NOTSUP: a layout not built in.
     */
    int (*queue_start)(void *obj, unsigned q, const struct vgpio_mem *mem,
                       const struct vgpio_vq_setup *setup);
    /** Pause (`on` 0) and go on. While paused no ring memory is touched, answers wait.
     *  Returns 0 or #VGPIO_ERR_STATE: not started. */
    int (*queue_run)(void *obj, unsigned q, int on);
    /**
     * @brief Stop a queue in one of the ways of #vgpio_stop.
     *
     * `where` may be NULL; else it says where the queue stood, with #VGPIO_VQ_TOLD, so
     * that `queue_start` may have it back. Stopping a stopped queue is fine and answers
     * the same again. After 0 its memory is not touched any more.
     *
     * Returns 0, or #VGPIO_PENDING with #VGPIO_STOP_DRAIN: call again after the next
     * completion.
     */
    int (*queue_stop)(void *obj, unsigned q, unsigned how, struct vgpio_vq_setup *where);
    /** Back to the beginning: features, queues, errors, requests, lines, all forgotten.
     *  Always possible; afterwards no guest memory is touched (CORE-DEV-15). */
    void (*reset)(void *obj);
    /**
     * @brief The driver rang queue `q`, or may have: spurious kicks are harmless.
     *
     * Line ops run in here. At most one ring size of chains is served.
     *
     * Returns 1: more is waiting, come again after your other work; 0: done; below 0: the
     * queue's sticky error. A queue that does not run is 0.
     */
    int (*kick)(void *obj, unsigned q);
    /** What is owed since the last call: an or of VGPIO_EV_*; returns and clears. Errors
     *  and events are independent: ask also after a call that failed. */
    unsigned (*take_events)(void *obj);
    /** The driver acknowledged its interrupt. Optional: only dialects that pace their
     *  messages by it care. */
    void (*irq_acked)(void *obj);
    /** Requests that the backend still owns. */
    unsigned (*in_flight)(const void *obj);
    /** Why queue `q` is broken, or 0. */
    int (*error)(const void *obj, unsigned q);
};

/** The face a device shows to its transport. */
struct vgpio_vdev {
    const struct vgpio_vdev_ops *ops; /**< of the device's kind; outlives the device */
    void *obj;                        /**< the device: first argument of each */
};
/** @} */

/**
 * @name Seam 3: the bus
 *
 * What a driver needs of the transport on its side: registers it can read and write, in
 * any form. Interrupts do not come this way: whoever gets one acknowledges it as the bus
 * wants it, and then lets the driver poll.
 */
/** @{ */

/** Bits of the device status byte ("Device Status Field"), for `get_status` and
 *  `set_status`. */
enum vgpio_dev_status {
    VGPIO_S_ACKNOWLEDGE = 1, /**< the driver found the device */
    VGPIO_S_DRIVER = 2,      /**< the driver knows how to drive it */
    VGPIO_S_DRIVER_OK = 4,   /**< the driver is ready */
    VGPIO_S_FEATURES_OK = 8, /**< features are settled; a device that refuses clears it */
    VGPIO_S_NEEDS_RESET = 64, /**< set by a device that met an error it cannot recover */
    VGPIO_S_FAILED = 128      /**< the driver gave up */
};

/**
 * @brief Operations of a bus; a transport implements them, a driver calls them.
 *
 * Each returns 0, or below 0 if the bus is gone or refuses: the driver's call then
 * returns that code. What is asked for goes through the pointer. None may be NULL unless
 * it says so.
 *
 * @context Inside the driver's calls: its thread, its lock. They must not call the
 * driver.
 */
struct vgpio_bus_ops {
    /** `sizeof(struct vgpio_bus_ops)` as you see it. */
    uint32_t ops_size;
    /** Virtio device ID of what is behind the bus. */
    int (*device_id)(void *ctx, uint32_t *id);
    /** The features offered, 64 of them. */
    int (*get_features)(void *ctx, uint64_t *);
    /** The features accepted; FEATURES_OK is the driver's to set and to read back. */
    int (*set_features)(void *ctx, uint64_t);
    /** The device status byte, VGPIO_S_*. */
    int (*get_status)(void *ctx, uint8_t *);
    /** Write it; 0 resets. The reset is over when `get_status` reads 0 (CORE-DRV-20). */
    int (*set_status)(void *ctx, uint8_t);
    /** Configuration generation; NULL: fixed, never changes. */
    int (*config_gen)(void *ctx, uint32_t *);
    /** Bytes of configuration space, in wire order; zeros past its end. */
    int (*config_read)(void *ctx, uint32_t off, void *dst, uint32_t len);
    /** Most entries queue `q` may have; 0: there is no such queue. */
    int (*queue_max)(void *ctx, unsigned q, uint16_t *);
    /** Tell the device where queue `q` lies. The setup is copied. */
    int (*queue_start)(void *ctx, unsigned q, const struct vgpio_vq_setup *);
    /** Take queue `q` out of use; 1: not yet, ask again. After 0 its memory is the
     *  driver's. May be NULL: vgpio_drv_stop() resets the device in place of it. */
    int (*queue_stop)(void *ctx, unsigned q);
    /** Ring the doorbell of queue `q`. `data` is the word to write: the queue number, and
     *  with #VGPIO_F_NOTIFICATION_DATA the position above it. All earlier stores to
     *  shared memory must be visible to the device before the doorbell (ring barrier
     *  B20). */
    int (*notify)(void *ctx, unsigned q, uint32_t data);
};
/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_SEAMS_H */
