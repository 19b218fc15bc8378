/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The device side of the standard protocol: what a hypervisor links.
 *
 * A device stands between a transport, which owns the guest's side (registers, sockets,
 * interrupts), and a backend, which owns real lines. It holds what the standard demands
 * and is easily got wrong: the order of requests per line, answers that come later, the
 * staged output value, latched edges and sensed levels, parked event buffers, and the
 * difference between a guest that goes on and one that starts anew.
 *
 * @par What is where
 * Here is what you call yourself. What only a transport does (features, config space,
 * starting and stopping queues, reset) is #vgpio_vdev_ops in seams.h, which
 * vgpio_dev_vdev() hands over; what the lines must do is #vgpio_line_ops there.
 *
 * @par Memory and threads
 * All memory is the caller's. A device, its transport and its backend's sink are one
 * object: calls must not overlap. Ops run inside those calls, on your thread, with your
 * lock, and may call vgpio_dev_complete() and vgpio_dev_change() and nothing else of this
 * device.
 *
 * @par Notifications are sampled
 * No call of the device calls you back to interrupt the guest. Ask
 * vgpio_dev_take_events() afterwards, or let the transport do so.
 *
 * @par What a hostile guest can do
 * Have its own requests refused, or break its own rings: then #VGPIO_EV_NEEDS_RESET is
 * raised once, vgpio_dev_kick() returns the sticky error, and no guest memory is read or
 * written any more. It cannot make the device touch memory that `map` did not give.
 */
#ifndef VIRTIOGPIO_DEVICE_H
#define VIRTIOGPIO_DEVICE_H

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One GPIO line, 24 bytes. Opaque by contract. */
struct vgpio_line {
    /** @cond PRIVATE */
    uint64_t ev_gpa;
    struct vgpio_head ev_head;
    uint16_t q_first, q_last;
    uint8_t dir, out_value, irq_type, level;
    uint16_t flags, mark_next;
    /** @endcond */
};

/** One request in flight, 32 bytes. Opaque by contract. */
struct vgpio_req {
    /** @cond PRIVATE */
    uint64_t status_gpa, value_gpa;
    struct vgpio_head head;
    uint8_t arg, status, answer, flags;
    uint16_t line, next, gen;
    uint8_t type, state;
    /** @endcond */
};

/**
 * @brief What a device counts in its user's memory, who reads and writes it at will.
 *
 * Requests come so often that a call of the trace hook for each costs as much as to serve
 * it.
 */
struct vgpio_dev_counts {
    uint64_t requests; /**< read from the ring */
    uint64_t answers;  /**< that went to the driver ... */
    uint64_t errors;   /**< ... of which so many said STATUS_ERR */
    /** The user's: not 0 has #VGPIO_TR_REQUEST and #VGPIO_TR_ANSWER traced as well. */
    unsigned each;
};

/** What a device is made of. Zero it, then fill what you need. */
struct vgpio_dev_config {
    const struct vgpio_line_ops *ops; /**< the real lines; must outlive the device */
    void *ctx;                        /**< first argument of every op */
    struct vgpio_line *lines;         /**< caller's array of `ngpio`, any contents */
    uint16_t ngpio;                   /**< 1 .. 65535 */
    /** Caller's array of `nreqs`, any contents. That many requests are worked on at the
     *  same time; what comes beyond waits in the guest's ring. One is enough for a
     *  backend that never returns #VGPIO_PENDING. */
    struct vgpio_req *reqs;
    uint16_t nreqs;        /**< 1 .. 65535 */
    uint16_t queue_max[2]; /**< largest ring the guest may make: a power of two up to
                                 32768, 0 means 256. A Linux guest parks one pair a line
                                 that it takes interrupts from in the eventq. */
    const uint8_t *names;  /**< names block as vgpio_names_build() makes it, or NULL;
                                 one from elsewhere: vgpio_names_check() it first */
    uint32_t names_size;   /**< its bytes; 0: the device has no line names */
    uint64_t features;     /**< VGPIO_F_* to offer at most; 0: all that was built in,
                                `~(A | B)`: all but A and B. Bits that are not built in
                                do no harm. VERSION_1 is always offered (so it alone is
                                the word for none of the others), #VGPIO_F_IRQ never
                                for lines without `set_irq_type`. */
    vgpio_trace_fn trace;  /**< told of state changes and rejected input, or NULL */
    void *trace_ctx;       /**< its first argument */
    /** Counts requests here and traces each only if told to; NULL: counts nothing and
     *  traces each. Left alone without #VGPIO_CFG_TRACE, and by the draft's device. */
    struct vgpio_dev_counts *counts;
};

/** The device side of the standard protocol. Opaque by contract; must not be moved. */
struct vgpio_dev {
    /** @cond PRIVATE */
    const struct vgpio_line_ops *ops;
    void *ctx;
    struct vgpio_line *lines;
    struct vgpio_req *reqs;
    const uint8_t *names;
    vgpio_trace_fn trace;
    void *trace_ctx;
    struct vgpio_dev_counts *counts;
    struct vgpio_vq_setup last[2];
    struct vgpio_devq q[2];
    uint64_t offered, features;
    uint32_t names_size, events;
    uint16_t ngpio, nreqs, queue_max[2];
    uint16_t req_free, mark_first, mark_last, in_flight;
    uint8_t queue_flags[2];
    int8_t err[2];
    uint8_t busy, acked, broken, starved;
    /** @endcond */
};

/**
 * @brief Make a device out of lines, memory for its state and, perhaps, names.
 *
 * @param dev  caller's memory, any contents
 * @param cfg  copied; its arrays and tables must outlive the device. A config of an older
 *             header is shorter and counts as zero beyond its end.
 * @return 0; #VGPIO_ERR_INVAL: something is missing or out of range, or the names block
 *         does not hold exactly `ngpio` strings; #VGPIO_ERR_ABI: header and library
 *         disagree about a struct
 * @context any; `dev` must not be in use
 */
#define vgpio_dev_init(dev, cfg)                                                         \
    vgpio_dev_init_abi((dev), (cfg),                                                     \
                       VGPIO_ABI(sizeof *(dev), sizeof *(cfg),                           \
                                 sizeof(struct vgpio_line), sizeof(struct vgpio_req)))
/** What vgpio_dev_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_dev_init_abi(struct vgpio_dev *dev,
                                 const struct vgpio_dev_config *cfg, uint64_t abi);

/**
 * @brief The face a transport sees; see struct vgpio_vdev_ops for what it may do with it.
 *
 * @param dev  need not be initialised yet: a face is two pointers
 * @return by value; good for as long as `dev` is
 * @context any
 */
VGPIO_API struct vgpio_vdev vgpio_dev_vdev(struct vgpio_dev *dev);

/**
 * @brief The face a backend sees: where it completes requests and reports changes.
 *
 * @param dev  need not be initialised yet: a face is two pointers
 * @return by value; good for as long as `dev` is
 * @context any
 */
VGPIO_API struct vgpio_sink vgpio_dev_sink(struct vgpio_dev *dev);

/**
 * @brief The driver rang queue `q`: serve what is in it.
 *
 * Line ops run inside this call. At most one ring size of chains is served, so that a
 * guest which never stops adding holds nobody up. Afterwards, also after an error, see
 * vgpio_dev_take_events().
 *
 * @param dev  the device
 * @param q    #VGPIO_REQUESTQ or #VGPIO_EVENTQ
 * @return 0: served, the driver will ring again; likewise for a queue that does not run,
 *         or that is whole while the other one broke; 1: there is more, call again after
 *         your other work; #VGPIO_ERR_INVAL: no such queue; #VGPIO_ERR_STATE: called from
 *         inside an op; #VGPIO_ERR_PROTO or #VGPIO_ERR_FAULT: the driver broke this ring,
 *         sticky until reset ("Device Status Field", DEVICE_NEEDS_RESET)
 * @context object lock
 */
VGPIO_API int vgpio_dev_kick(struct vgpio_dev *dev, unsigned q);

/**
 * @brief What any earlier call left to be told: VGPIO_EV_* bits, returned and cleared.
 *
 * Call it after every call into the device (kick, complete, change, and the transport's),
 * unless the transport takes them for you: vgpio_vu_flush() does, the loop does not.
 *
 * @param dev  the device
 * @return an or of #VGPIO_EV_QUEUE(q): raise the interrupt of queue q;
 *         #VGPIO_EV_NEEDS_RESET: a ring broke; #VGPIO_EV_MORE: completions made room for
 *         more requests than one turn serves, so vgpio_dev_kick(dev, #VGPIO_REQUESTQ) has
 *         more to do (a kick says that by its own 1)
 * @context object lock
 */
VGPIO_API unsigned vgpio_dev_take_events(struct vgpio_dev *dev);

/**
 * @brief A backend has the outcome of a request that it answered with #VGPIO_PENDING.
 *
 * Legal inside an op as well. Outcomes of different lines may come in any order.
 *
 * @param dev     the device
 * @param token   as the op got it
 * @param result  as the op would have returned it: >= 0 the answer, < 0 STATUS_ERR
 * @return 0; #VGPIO_ERR_STALE: completed before, or from before a reset: nothing was
 *         done, ignore it; #VGPIO_ERR_INVAL: `result` is #VGPIO_PENDING, the token stays
 *         good
 * @context object lock
 */
VGPIO_API int vgpio_dev_complete(struct vgpio_dev *dev, vgpio_token token, int result);

/**
 * @brief A line changed: edges since the last report, and the level after them.
 *
 * The only report there is, for edge and level triggers alike; what becomes of it (an
 * interrupt, a latched edge, nothing) is decided here (GPIO-DEV-09 to -12). Legal inside
 * an op as well. After a level trigger was set, report once with no edges.
 *
 * @param dev          the device
 * @param line         0 .. ngpio - 1
 * @param edges        #VGPIO_RISING, #VGPIO_FALLING, both or 0
 * @param level_after  0, 1 or #VGPIO_LEVEL_UNKNOWN
 * @return 0; #VGPIO_ERR_INVAL: no such line, edge or level
 * @context object lock
 */
VGPIO_API int vgpio_dev_change(struct vgpio_dev *dev, uint16_t line, unsigned edges,
                               unsigned level_after);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_DEVICE_H */
