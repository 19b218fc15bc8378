/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Simulated lines: a backend whose outside world is a function call.
 *
 * The words are those of Linux gpio-sim. Each line has a *pull*, which is what the
 * outside applies to it, and a *value*, which is what results: the driven level while
 * the line is an output, else the pull. A test sets pulls and looks at values.
 *
 * Changes of a value are reported to the device through the sink, as edges with the
 * level after them. What the outside did (pulls, counters) survives every reset of the
 * device; what the guest did (direction, driven level, trigger) does not.
 *
 * @par Example
 * @code
 * struct vgpio_sim_config sc = { 0 };
 * sc.sink = vgpio_dev_sink(&dev);     // may be taken before vgpio_dev_init()
 * sc.lines = sim_lines;
 * sc.nlines = 16;
 * if (vgpio_sim_init(&sim, &sc) == 0) {
 *     dev_config.ops = &vgpio_sim_ops;
 *     dev_config.ctx = &sim;
 *     // ... vgpio_dev_init(), a transport, and then:
 *     vgpio_sim_pull(&sim, 3, VGPIO_PULL_UP);   // somebody presses a button
 * }
 * @endcode
 *
 * @par Context
 * A simulator and the device above it are one object: every call needs that object's
 * lock. No function allocates, blocks or starts a thread.
 */
#ifndef VIRTIOGPIO_SIM_H
#define VIRTIOGPIO_SIM_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the outside applies to a line; also the level that results. */
enum {
    VGPIO_PULL_DOWN = 0, /**< the outside holds the line low */
    VGPIO_PULL_UP = 1    /**< the outside holds the line high */
};

/** One simulated line, 8 bytes. Opaque by contract: look through vgpio_sim_level(). */
struct vgpio_sim_line {
    /** @cond PRIVATE */
    uint32_t changes;
    uint8_t dir, out, pull, reserved;
    /** @endcond */
};

/** What a simulator is made of. Zero it, then fill what you need. */
struct vgpio_sim_config {
    struct vgpio_sink sink;       /**< the device to report to; may be all zero */
    struct vgpio_sim_line *lines; /**< caller's array, must outlive the simulator */
    uint16_t nlines;              /**< its length, at least 1 */
    /** Told after each change of a line's value or direction (wiring, waveforms); may be
     *  NULL. Called inside the call that caused the change; may read the simulator, and
     *  may pull other lines. */
    void (*on_change)(void *ctx, uint16_t line, unsigned level);
    void *ctx; /**< first argument of on_change */
};

/** A simulator. Opaque by contract; may be copied while no device uses it. */
struct vgpio_sim {
    /** @cond PRIVATE */
    struct vgpio_sink sink;
    struct vgpio_sim_line *lines;
    void (*on_change)(void *ctx, uint16_t line, unsigned level);
    void *ctx;
    uint16_t nlines;
    uint16_t reserved[7];
    /** @endcond */
};

/**
 * @brief Make a simulator whose lines are all pulled down and have no direction.
 *
 * @param sim  caller's memory, any contents
 * @param cfg  copied; its arrays and tables must outlive the simulator
 * @return 0; #VGPIO_ERR_INVAL: no lines; #VGPIO_ERR_ABI: header and library disagree
 * @context any; `sim` must not be in use
 */
#define vgpio_sim_init(sim, cfg)                                                         \
    vgpio_sim_init_abi(                                                                  \
        (sim), (cfg),                                                                    \
        VGPIO_ABI(sizeof *(sim), sizeof *(cfg), sizeof(struct vgpio_sim_line), 0))
/** What vgpio_sim_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_sim_init_abi(struct vgpio_sim *sim,
                                 const struct vgpio_sim_config *cfg, uint64_t abi);

/**
 * @brief Apply a level to a line from the outside.
 *
 * An input (or a line without direction) follows at once, and an edge is reported; an
 * output keeps what the guest drives and shows the pull when it stops driving. The device
 * may owe its driver an interrupt afterwards: vgpio_dev_take_events(), vgpio_vu_flush().
 *
 * @param sim    the simulator; legal inside its `on_change`
 * @param line   0 .. nlines - 1
 * @param level  #VGPIO_PULL_DOWN or #VGPIO_PULL_UP
 * @return 0; #VGPIO_ERR_INVAL: no such line or level
 * @context object lock
 */
VGPIO_API int vgpio_sim_pull(struct vgpio_sim *sim, uint16_t line, unsigned level);

/**
 * @brief Pull a line away from its pull and back in one step.
 *
 * Both edges reach the device in one report, so no guest can act between them: the
 * sharpest test of edge latches there is. An output shows nothing. An interrupt may be
 * owed afterwards.
 *
 * @param sim   the simulator
 * @param line  0 .. nlines - 1
 * @return 0; #VGPIO_ERR_INVAL: no such line
 * @context object lock
 */
VGPIO_API int vgpio_sim_pulse(struct vgpio_sim *sim, uint16_t line);

/**
 * @brief The level of a line: driven if it is an output, else its pull.
 *
 * @param sim   the simulator
 * @param line  0 .. nlines - 1
 * @return 0 or 1; #VGPIO_ERR_INVAL: no such line
 * @context object lock
 */
VGPIO_API int vgpio_sim_level(const struct vgpio_sim *sim, uint16_t line);

/**
 * @brief The direction the guest gave a line.
 *
 * @param sim   the simulator
 * @param line  0 .. nlines - 1
 * @return #VGPIO_DIR_NONE, #VGPIO_DIR_OUT or #VGPIO_DIR_IN of wire.h;
 *         #VGPIO_ERR_INVAL: no such line
 * @context object lock
 */
VGPIO_API int vgpio_sim_direction(const struct vgpio_sim *sim, uint16_t line);

/** The simulator as a backend: give it to a device with the simulator as `ctx`. */
extern VGPIO_API const struct vgpio_line_ops vgpio_sim_ops;

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_SIM_H */
