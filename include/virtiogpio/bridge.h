/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief A driver as the lines of a device: any guest on any device.
 *
 * A bridge stands between two virtio-gpio links. *Upstream* is a device of this library,
 * of any dialect, with a guest in front of it; the bridge is its lines (#vgpio_line_ops).
 * *Downstream* is a driver of this library, of any dialect, with somebody's device behind
 * it. So a guest with the standard's driver uses a device that speaks the draft, and the
 * other way round; and a device can be handed on from one transport to another.
 *
 * It is asynchronous and has no thread: requests that come in go out as soon as the
 * driver has room, and are completed when the answer comes back. Names and the number of
 * lines are not its business: read them from the driver, give them to the device.
 *
 * @code
 * vgpio_drv_start(&drv);                            // downstream
 * dc.ngpio = vgpio_drv_ngpio(&drv);
 * dc.ops = &vgpio_bridge_ops;                       // upstream
 * dc.ctx = &bridge;
 * bc.drv = &drv;
 * bc.sink = vgpio_draft_dev_sink(&dev);
 * bc.lines = bridge_lines;
 * bc.nlines = dc.ngpio;
 * vgpio_bridge_init(&bridge, &bc);
 * vgpio_draft_dev_init(&dev, &dc, NULL);
 * for (;;) {
 *     // upstream kicks, downstream interrupts, then:
 *     while ((n = vgpio_bridge_run(&bridge)) > 0) { }
 *     // upstream: take_events, as after every call
 *     // downstream: vgpio_drv_rearm(&drv) before you sleep
 * }
 * @endcode
 *
 * @par What becomes of what
 * | Upstream asks                | Downstream is asked                                  |
 * |------------------------------|------------------------------------------------------|
 * | direction, value             | the same                                             |
 * | output with a value          | SET_VALUE, then SET_DIRECTION(OUT)                   |
 * | a direction, with the interrupt on | SET_IRQ_TYPE(NONE) first, unless it is IN      |
 * | another trigger              | SET_IRQ_TYPE(NONE) first                             |
 * | unmask                       | unmask, and only then                                |
 * | reset                        | the driver is stopped and started                    |
 *
 * | Downstream says              | Upstream hears                                       |
 * |------------------------------|------------------------------------------------------|
 * | an answer, an error          | the same (errors by name: #vgpio_err)                |
 * | it has no interrupt slot left (vgpio_drv_config::nirq) | #VGPIO_ERR_NOSPC           |
 * | an interrupt of one edge     | that edge                                            |
 * | an interrupt of both edges   | which one, from the level, which is asked for first  |
 * | an interrupt of a level      | the level, and at once that it is unknown            |
 * | it failed for good           | errors, until a reset from upstream mends it         |
 *
 * docs/dialects.md says what is lost between the standard and the draft.
 *
 * @context The two links and the bridge between them are one object: every call of any of
 * the three needs the same lock.
 */
#ifndef VIRTIOGPIO_BRIDGE_H
#define VIRTIOGPIO_BRIDGE_H

#include <virtiogpio/driver.h>
#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One bridged line, 12 bytes. Opaque by contract. */
struct vgpio_bridge_line {
    /** @cond PRIVATE */
    vgpio_token token;
    uint16_t next;
    uint8_t op, arg;   /* what upstream waits for: op 0 is nothing */
    uint8_t out, step; /* value of an output; how far the op is */
    uint8_t irq_type, flags;
    /** @endcond */
};

/** What a bridge is made of. Zero it, then fill what you need. */
struct vgpio_bridge_config {
    struct vgpio_drv *drv;  /**< downstream; started, and from now on not polled by you */
    struct vgpio_sink sink; /**< upstream; may be taken before the device's init */
    struct vgpio_bridge_line *lines; /**< caller's array, any contents */
    uint16_t nlines; /**< its length: lines of the upstream device. The downstream one
                          should have as many: what it has not are errors. */
};

/** A bridge. Opaque by contract; must not be moved. */
struct vgpio_bridge {
    /** @cond PRIVATE */
    struct vgpio_drv *drv;
    struct vgpio_sink sink;
    struct vgpio_bridge_line *lines;
    uint16_t nlines, first, last;
    uint8_t state, dirty, busy;
    uint8_t reserved[3];
    int err;
    /** @endcond */
};

/**
 * @brief Join a driver to a device.
 *
 * @param b    caller's memory, any contents
 * @param cfg  copied; what it points to must outlive the bridge
 * @return 0; #VGPIO_ERR_INVAL: something is missing; #VGPIO_ERR_ABI: header and library
 *         disagree about a struct
 * @context any; `b` must not be in use
 */
#define vgpio_bridge_init(b, cfg)                                                        \
    vgpio_bridge_init_abi(                                                               \
        (b), (cfg),                                                                      \
        VGPIO_ABI(sizeof *(b), sizeof *(cfg), sizeof(struct vgpio_bridge_line), 0))
/** What vgpio_bridge_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_bridge_init_abi(struct vgpio_bridge *b,
                                    const struct vgpio_bridge_config *cfg, uint64_t abi);

/**
 * @brief Carry over what came: poll the driver, complete upstream, flush the driver.
 *
 * Call it after either side moved: after upstream's kick, reset or completion, and after
 * downstream's interrupt. Then see upstream's `take_events`.
 *
 * @param b  the bridge
 * @retval 0 done for now
 * @retval 1 not yet: more has come than one turn serves, or the downstream device is
 *           still being reset. Call again; for a reset, after something else got a turn.
 * @return below 0: downstream failed with this. Upstream is answered errors from here on,
 *         until its driver resets it; then downstream is stopped and started.
 *         #VGPIO_ERR_STATE: called from inside upstream's or its own call
 * @context object lock; not inside an op
 */
VGPIO_API int vgpio_bridge_run(struct vgpio_bridge *b);

/** The bridge as lines: give it to a device with the bridge as `ctx`. */
extern VGPIO_API const struct vgpio_line_ops vgpio_bridge_ops;

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_BRIDGE_H */
