/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The driver side: requests and interrupts of a virtio-gpio device.
 *
 * A driver is for whoever *uses* the lines: an RTOS or a unikernel as a guest, a boot
 * loader, a tool that talks to a vhost-user device, a test. It needs a bus
 * (#vgpio_bus_ops), a piece of memory that the device can reach (the *arena*), and three
 * arrays.
 *
 * @par Everything is asynchronous
 * vgpio_drv_submit() and vgpio_drv_unmask() only stage; vgpio_drv_flush() publishes what
 * is staged and rings each doorbell once; vgpio_drv_poll() yields what came back, one
 * event a call. There is no clock, no thread and no callback inside. For calls that
 * block, see sync.h.
 *
 * @code
 * #define NREQ 4u
 * #define NIRQ 4u
 * static uint8_t dma[VGPIO_DMA_SIZE(NREQ, NIRQ)];
 * static struct vgpio_drv_slot slots[NREQ + NIRQ];
 * static struct vgpio_drvq_slot ring[2u * (NREQ + NIRQ)];
 * static struct vgpio_drv drv;
 *
 * struct vgpio_drv_config cfg = { 0 };
 * cfg.bus = &my_bus_ops;
 * cfg.bus_ctx = &my_bus;
 * cfg.dma = dma;
 * cfg.dma_addr = (uint64_t)(uintptr_t)dma;   // or what an IOMMU makes of it
 * cfg.dma_size = sizeof dma;
 * cfg.slots = slots;
 * cfg.ring = ring;
 * cfg.nreq = NREQ;
 * cfg.nirq = NIRQ;
 * if (vgpio_drv_init(&drv, &cfg) != 0) return;
 * while ((n = vgpio_drv_start(&drv)) > 0) os_yield();
 * if (n < 0) return;
 *
 * vgpio_drv_submit(&drv, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING, NULL);
 * vgpio_drv_unmask(&drv, 3);                 // remembered until the line is enabled
 * vgpio_drv_flush(&drv);
 * for (;;) {
 *     while ((n = vgpio_drv_poll(&drv, &ev)) > 0)
 *         if (ev.kind == VGPIO_IRQ && ev.result >= 0) {
 *             button_pressed();
 *             vgpio_drv_unmask(&drv, ev.line);
 *         }
 *     if (n < 0 || vgpio_drv_flush(&drv) < 0) break;
 *     if (vgpio_drv_rearm(&drv) == 0) os_wait_for_interrupt();
 * }
 * @endcode
 *
 * @par The device is not trusted
 * Nothing that the device can write is used unchecked, and of the rings nothing is read
 * back but used entries. A device that breaks the rules of the ring (an identifier not in
 * flight, more bytes than were offered) makes the driver fail *fatally*: the error is
 * sticky, FAILED is shown to the device, and every call returns the error until
 * vgpio_drv_stop(). An answer that is no good in itself (status ERR or unknown, too
 * short, a value that the message cannot have) fails that request alone, with
 * #VGPIO_ERR_IO.
 *
 * @par Interrupts
 * Each line's interrupt is *enabled* by SET_IRQ_TYPE and *unmasked* by
 * vgpio_drv_unmask(); delivery masks it again. One of the `nirq` slots is taken by each
 * line from the moment SET_IRQ_TYPE is submitted until the line is disabled again and
 * the device gave back what it held. The rules of the standard that a user cannot see
 * are kept here: enable before unmask (GPIO-DRV-11), never more than one pair a line
 * (GPIO-DRV-13), NONE between two types (GPIO-DRV-09), nothing without negotiated F_IRQ
 * (GPIO-DRV-06).
 *
 * @par The arena
 * `VGPIO_DMA_SIZE(nreq, nirq)` bytes, shared with the device from vgpio_drv_start() until
 * vgpio_drv_stop() returns 0:
 *
 * | Part | Bytes | Contents |
 * |---|---|---|
 * | padding | up to `VGPIO_DMA_ALIGN` - 1 | so that the rest starts aligned |
 * | request ring | `VGPIO_RING_BYTES(2 * nreq)` | three areas, cache lines apart |
 * | event ring | `VGPIO_RING_BYTES(2 * nirq)` | the same |
 * | cells | (nreq + nirq) * `VGPIO_DMA_CELL` | one a slot, on cache lines of its own |
 *
 * | Cell offset | Bytes | Contents |
 * |---|---|---|
 * | 0 | 8 | what the device reads: the request; of an interrupt pair only 2 |
 * | 8 | 8 | what the device writes: 2 bytes of answer, or 1 byte of interrupt status |
 * | 16 | 32 | the table of an indirect descriptor, if one is used |
 *
 * A CPU whose caches are not coherent with the device defines `VGPIO_DMA_CLEAN(p, len)`
 * and `VGPIO_DMA_INVALIDATE(p, len)` in its config file: a cell is cleaned before it is
 * published and invalidated before its answer is read, always as a whole.
 *
 * @par Context
 * All calls on one driver need the same lock, or one task; none may be made in an
 * interrupt handler. The device may run at the same time on another CPU.
 */
#ifndef VIRTIOGPIO_DRIVER_H
#define VIRTIOGPIO_DRIVER_H

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One request or one interrupt line. Opaque by contract; 12 or 16 bytes. */
struct vgpio_drv_slot {
    /** @cond PRIVATE */
    void *cookie;
    uint16_t line, next;
    uint16_t pending;
    uint8_t type, state;
    /** @endcond */
};

/** Arena bytes for `nreq` requests and `nirq` interrupt lines; a constant expression. */
#define VGPIO_DMA_SIZE(nreq, nirq)                                                       \
    (VGPIO_RING_BYTES(2u * (nreq)) + VGPIO_RING_BYTES(2u * (nirq)) +                     \
     ((nreq) + (nirq)) * VGPIO_DMA_CELL + VGPIO_DMA_ALIGN)

/**
 * @name Flags of a driver
 * By default a request is two plain descriptors, which the strictest device takes, and an
 * interrupt pair is one indirect descriptor if the device has them, so that 64 lines fit
 * an event queue of 64 entries.
 */
/** @{ */
#define VGPIO_DRV_INDIRECT_REQUESTQ 1u /**< indirect descriptors for requests as well */
#define VGPIO_DRV_DIRECT_EVENTQ 2u     /**< none for interrupts either */
/** @} */

struct vgpio_dialect; /* private: which protocol is spoken */

/** What an event is about. */
enum vgpio_drv_event_kind {
    VGPIO_DONE = 1, /**< a request is over: `type`, `line`, `result`, `cookie` */
    VGPIO_IRQ = 2   /**< a line interrupted: `line`, `type` (its trigger), `result` */
};

/** What vgpio_drv_poll() yields. */
struct vgpio_drv_event {
    uint16_t kind; /**< #vgpio_drv_event_kind */
    uint16_t line; /**< which line; 0 for names */
    uint16_t type; /**< #VGPIO_DONE: #vgpio_msg. #VGPIO_IRQ: #vgpio_irq_type */
    /**
     * #VGPIO_DONE: the answer, 0 or more: a value, a direction, 0 for the messages that
     * set, the size of the block for names (INT32_MAX at most). #VGPIO_ERR_IO: the device
     * said ERR, or gave an answer that is none. #VGPIO_ERR_STALE: the driver was stopped
     * before an answer came.
     *
     * #VGPIO_IRQ: 0, the line interrupted and is now masked. #VGPIO_ERR_IO: the device
     * gave the pair back as INVALID although the line is enabled; the line is masked, and
     * it is up to the caller to unmask or to disable it (a pair posted again at once
     * could come back at once, without end).
     */
    int result;
    void *cookie; /**< #VGPIO_DONE: as submitted. #VGPIO_IRQ: NULL */
};

/** What a driver is made of. Zero it, then fill what you need. */
struct vgpio_drv_config {
    const struct vgpio_dialect *dialect; /**< the protocol; NULL: the standard's */
    const struct vgpio_bus_ops *bus;     /**< the transport; must outlive the driver */
    void *bus_ctx;                       /**< first argument of its functions */
    void *dma;                           /**< the arena, as the driver reaches it */
    /** The same bytes as the device reaches them (physical or bus address). It must be
     *  aligned like `dma`, as far as `VGPIO_DMA_ALIGN` goes. */
    uint64_t dma_addr;
    uint32_t dma_size;            /**< #VGPIO_DMA_SIZE(nreq, nirq) or more */
    struct vgpio_drv_slot *slots; /**< nreq + nirq of them */
    struct vgpio_drvq_slot *ring; /**< 2 * (nreq + nirq) of them */
    uint16_t nreq;                /**< requests in flight, 1 .. 16384, a power of two */
    /** Lines with an interrupt (the draft: receive buffers, see #vgpio_draft_dialect), a
     *  power of two up to 16384; 0: no interrupts, F_IRQ is
     *  not negotiated and there is no event queue. */
    uint16_t nirq;
    /** One word a line, or NULL. With it, finding a line's interrupt slot takes the same
     *  time for any `nirq`, and lines known to be outputs are remembered; without it the
     *  search is linear in `nirq`. */
    uint16_t *irq_map;
    uint32_t irq_map_len; /**< its length; lines beyond are searched */
    /** Features to use if offered; 0: all that are known, `~(A | B)`: all but A and B.
     *  VERSION_1 is always wanted, so it alone is the word for none of the others. */
    uint64_t features;
    uint32_t flags;       /**< VGPIO_DRV_* */
    vgpio_trace_fn trace; /**< optional */
    void *trace_ctx;      /**< its first argument */
};

/** A driver. Opaque by contract. */
struct vgpio_drv {
    /** @cond PRIVATE */
    /* Whole words, and those first that are needed often: small CPUs reach these with
     * short instructions. */
    unsigned state, status;
    int err; /* while it runs the sticky one, else VGPIO_ERR_STATE */
    unsigned ngpio, cursor;
    unsigned free_slot[2];
    unsigned later; /* slot to stage once the dialect returned, and 1 */
    unsigned owed;
    uint32_t kick_data[2];
    uint8_t *cells;
    uint64_t features;
    struct vgpio_drv_config cfg; /* `dma`, `dma_addr`: behind the padding */
    unsigned queues, indirect, turn;
    uint8_t *names;
    uint32_t names_size;
    uint16_t own[6]; /* the dialect's */
    struct vgpio_drvq q[2];
    /** @endcond */
};

/**
 * @brief Prepare a driver. The device is not touched.
 *
 * @param drv  caller's memory, any contents; must not be in use. After an error its
 *             contents are undefined.
 * @param cfg  copied; the arrays, the arena and the bus must outlive the driver. A config
 *             of an older header is shorter and counts as zero beyond its end.
 * @retval VGPIO_OK         done
 * @retval VGPIO_ERR_INVAL  something required is NULL, `nreq` or `nirq` is not a power of
 *                          two in range, or `dma` and `dma_addr` are aligned differently
 * @retval VGPIO_ERR_NOSPC  `dma_size` is too small
 * @retval VGPIO_ERR_ABI    header and library disagree on a struct, or the bus's table
 *                          ends early
 * @context any
 */
#define vgpio_drv_init(drv, cfg)                                                         \
    vgpio_drv_init_abi((drv), (cfg),                                                     \
                       VGPIO_ABI(sizeof *(drv), sizeof *(cfg),                           \
                                 sizeof(struct vgpio_drv_slot),                          \
                                 sizeof(struct vgpio_drvq_slot)))
/** What vgpio_drv_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_drv_init_abi(struct vgpio_drv *drv,
                                 const struct vgpio_drv_config *cfg, uint64_t abi);

/**
 * @brief Bring the device up: from reset to DRIVER_OK (virtio 3.1.1).
 *
 * Resets the device, negotiates features, reads the configuration, hands over the queues.
 * On any failure FAILED is shown to the device; start may be called again, and begins
 * with a reset.
 *
 * @retval 0                running (also if it was)
 * @retval 1                the device does not show yet that it was reset: call again,
 *                          give up when you like. There is no clock inside.
 * @retval VGPIO_ERR_STATE  stopping; or stopped, but vgpio_drv_poll() did not hand back
 *                          every cookie yet; or running with a fatal error: stop first
 * @retval VGPIO_ERR_NOTSUP another kind of device, no VERSION_1, our features refused, a
 *                          queue missing or too small; or interrupts are compiled out and
 *                          the dialect cannot do without their queue
 * @retval VGPIO_ERR_PROTO  the configuration never stands still
 * @retval VGPIO_ERR_BROKEN the device asks for a reset (DEVICE_NEEDS_RESET) right away
 * @return anything else below 0: what the bus said
 * @context object lock
 */
VGPIO_API int vgpio_drv_start(struct vgpio_drv *drv);

/**
 * @brief Reset the device and take the arena back.
 *
 * Afterwards vgpio_drv_poll() yields one #VGPIO_DONE with #VGPIO_ERR_STALE for each
 * request whose event was not polled before; cancelled ones are silent.
 *
 * @retval 0  the arena is the caller's again (also if it was)
 * @retval 1  the device does not show yet that it was reset: the arena is still the
 *            device's, call again
 * @return below 0: what the bus said; call again. A bus whose device is gone for good
 *         and cannot reach the arena any more should report status 0.
 * @context object lock
 */
VGPIO_API int vgpio_drv_stop(struct vgpio_drv *drv);

/**
 * @brief Number of lines.
 * @return as the device's configuration says, 0 before the first vgpio_drv_start()
 * @context object lock
 */
VGPIO_API uint16_t vgpio_drv_ngpio(const struct vgpio_drv *drv);

/**
 * @brief Size of the names block in bytes.
 * @return as the device's configuration says, 0: no names, as in a build without
 *         VGPIO_CFG_NAMES. A hostile device may say anything: bound it before you
 *         allocate.
 * @context object lock
 */
VGPIO_API uint32_t vgpio_drv_names_size(const struct vgpio_drv *drv);

/**
 * @brief Stage a request.
 *
 * Requests for one line are answered in the order submitted, others in any order
 * (GPIO-DEV-06, GPIO-DEV-07). Nothing reaches the device before vgpio_drv_flush().
 *
 * @param drv    the driver
 * @param type   #vgpio_msg, but names are read by vgpio_drv_read_names()
 * @param line   0 .. ngpio - 1
 * @param value  direction 0..2, value 0..1 or #vgpio_irq_type; not used by the messages
 *               that get
 * @param cookie comes back in the event; any value, need not be unique
 * @retval VGPIO_OK         staged: exactly one #VGPIO_DONE will carry `cookie`, unless
 *                          it is cancelled
 * @retval VGPIO_ERR_INVAL  no such message, line or value
 * @retval VGPIO_ERR_NOTSUP SET_IRQ_TYPE without negotiated F_IRQ (GPIO-DRV-06)
 * @retval VGPIO_ERR_NOSPC  too many in flight (poll first), or all interrupt slots in use
 * @retval VGPIO_ERR_STATE  not running; or the line's interrupt is enabled and this is
 *                          another type (NONE must come first, GPIO-DRV-09; it may still
 *                          be in flight) or a direction other than IN; or a type for a
 *                          line that SET_DIRECTION last made an output (GPIO-DRV-07; only
 *                          known with `irq_map`, else the device says ERR)
 * @return #VGPIO_ERR_FATAL or below: the sticky error
 * @context object lock
 */
VGPIO_API int vgpio_drv_submit(struct vgpio_drv *drv, unsigned type, uint16_t line,
                               uint32_t value, void *cookie);

/**
 * @brief Stage the request for all line names, into memory of the caller.
 *
 * The device writes a status byte and then the block, so the block starts at `buf + 1`.
 * The device can write there until the driver is stopped, also after the event: copy the
 * block, then check it with vgpio_names_check(). One at a time.
 *
 * @param drv      the driver
 * @param buf      1 + vgpio_drv_names_size() bytes; not touched by the caller until the
 *                 event, or, if the request is cancelled, until vgpio_drv_stop()
 *                 returned 0. Not coherent caches: alone on its cache lines.
 * @param dma_addr the same bytes as the device reaches them
 * @param len      bytes there
 * @param cookie   comes back in the event; the result is the size of the block
 * @retval VGPIO_OK         staged
 * @retval VGPIO_ERR_INVAL  `buf` is NULL
 * @retval VGPIO_ERR_NOTSUP the device has no names, or a block larger than INT32_MAX - 1;
 *                          or names are compiled out
 * @retval VGPIO_ERR_NOSPC  `len` is too small; or too many requests in flight; or the
 *                          last one of this kind is not answered (a cancelled one counts)
 * @retval VGPIO_ERR_STATE  not running
 * @return #VGPIO_ERR_FATAL or below: the sticky error
 * @context object lock
 */
VGPIO_API int vgpio_drv_read_names(struct vgpio_drv *drv, uint8_t *buf, uint64_t dma_addr,
                                   uint32_t len, void *cookie);

/**
 * @brief Forget requests: no event will come for this cookie.
 *
 * This is what a timeout does. The device still owns the buffers, so the slot stays busy
 * until it answers or is reset: nothing is used twice. What was sent still happens.
 *
 * @param drv     the driver
 * @param cookie  all requests that carry it are forgotten
 * @retval VGPIO_OK        at least one was in flight
 * @retval VGPIO_ERR_STALE none was: its event came already
 * @context object lock; takes time in proportion to `nreq`
 */
VGPIO_API int vgpio_drv_cancel(struct vgpio_drv *drv, void *cookie);

/**
 * @brief Let a line interrupt, once.
 *
 * Stages the line's buffer pair. It is an *intent*: while SET_IRQ_TYPE is not answered,
 * it is remembered, and carried out when the device says OK (the two queues are not
 * ordered; GPIO-DRV-11). A line unmasked already is left as it is (GPIO-DRV-13). For
 * level triggers, quiet the source first.
 *
 * @param drv   the driver
 * @param line  0 .. ngpio - 1
 * @retval VGPIO_OK         unmasked, or will be
 * @retval VGPIO_ERR_INVAL  no such line
 * @retval VGPIO_ERR_NOTSUP F_IRQ is not negotiated
 * @retval VGPIO_ERR_STATE  not running; or no trigger type was submitted for the line, or
 *                          the device refused it
 * @return #VGPIO_ERR_FATAL or below: the sticky error
 * @context object lock
 */
VGPIO_API int vgpio_drv_unmask(struct vgpio_drv *drv, uint16_t line);

/**
 * @brief Publish all that is staged and ring the doorbells owed.
 *
 * One store, one fence and at most one doorbell a queue, however many requests.
 *
 * @retval VGPIO_OK         done, or there was nothing
 * @retval VGPIO_ERR_STATE  not running
 * @return #VGPIO_ERR_FATAL or below: the sticky error. Anything else below 0: what the
 *         bus said to a doorbell; all is published, the doorbell stays owed, flush again.
 * @context object lock
 */
VGPIO_API int vgpio_drv_flush(struct vgpio_drv *drv);

/**
 * @brief Take the next event.
 *
 * The two queues take turns, so that neither starves the other. Events of one queue come
 * in the order in which the device answered; between the queues there is no order.
 *
 * @param drv      the driver
 * @param[out] ev  filled if 1 is returned
 * @retval 1  one event
 * @retval 0  none now; after vgpio_drv_stop(): all cookies are handed back
 * @return #VGPIO_ERR_FATAL or below: the sticky error. Stop, poll what comes back, start.
 * @context object lock
 */
VGPIO_API int vgpio_drv_poll(struct vgpio_drv *drv, struct vgpio_drv_event *ev);

/**
 * @brief Ask for an interrupt with the next event, before going to sleep.
 *
 * @retval 1  there is something to poll already: do not sleep
 * @retval 0  sleep: whatever comes from now on interrupts
 * @retval VGPIO_ERR_STATE  not running
 * @return #VGPIO_ERR_FATAL or below: the sticky error
 * @context object lock
 */
VGPIO_API int vgpio_drv_rearm(struct vgpio_drv *drv);

/**
 * @brief Look at the device after a configuration interrupt.
 *
 * A GPIO device changes nothing in its configuration, but says in this way that it needs
 * a reset.
 *
 * @retval VGPIO_OK         nothing to do
 * @retval VGPIO_ERR_STATE  not running
 * @retval VGPIO_ERR_BROKEN the device wants a reset; sticky
 * @return anything else below 0: the sticky error, or what the bus said
 * @context object lock
 */
VGPIO_API int vgpio_drv_config_changed(struct vgpio_drv *drv);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_DRIVER_H */
