/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Wires between lines: who drives what, and which level results.
 *
 * A *pin* is one end of a wire, mostly a line of a simulator. Pins that are joined are
 * one *net* and have one level. A *wire* leads from one net to another, one way: it
 * drives there the level that it finds here, or the opposite.
 *
 * What a net shows is decided by the strongest who say something:
 *
 * | Strength  | Who                                            |
 * |-----------|------------------------------------------------|
 * | driven    | pins by vgpio_wiring_drive(), wires            |
 * | outside   | vgpio_wiring_outside(): a finger, a test       |
 * | pulled    | vgpio_wiring_pull(): resistors                 |
 *
 * Nobody at all: 0. Of two equally strong who disagree the low one wins, and if both
 * drive it, that is an alarm: something would get hot. An *open drain* pin (or wire) that
 * says high lets go instead, and an *open source* one that says low: so several of the
 * first kind on a net with a pull-up are a wired AND, several of the second kind with a
 * pull-down a wired OR, and none of them can be in conflict.
 *
 * Time is counted in *rounds*: in each one all nets take, at once, the level that their
 * drivers gave them in the round before. Wires in a ring may never come to rest; so the
 * rounds are bounded, and what does not settle is stopped where it is and is an alarm.
 * Levels are told when all is at rest: what flickers for some rounds and ends where it
 * was is not seen.
 *
 * @par Example
 * Two lines of two simulators, of which the first drives the second:
 * @code
 * wc.pins = pins; wc.npins = 2;
 * wc.wires = wires; wc.nwires = 1;
 * wc.on_level = level_of_pin;              // calls vgpio_sim_pull()
 * if (vgpio_wiring_init(&w, &wc) == 0 &&
 *     vgpio_wiring_connect(&w, 0, 1, 0, VGPIO_PUSH_PULL) == 0) {
 *     vgpio_wiring_drive(&w, 0, 1);        // from on_change of the first simulator
 *     vgpio_wiring_settle(&w);             // level_of_pin(ctx, 0, 1), (ctx, 1, 1)
 * }
 * @endcode
 *
 * @par Context
 * One lock for the wiring, and for all that its callbacks touch. No function allocates,
 * blocks or recurses; the time of each call but vgpio_wiring_join() and
 * vgpio_wiring_settle() is constant.
 */
#ifndef VIRTIOGPIO_WIRING_H
#define VIRTIOGPIO_WIRING_H

#include <virtiogpio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Besides 0 and 1: says nothing. */
#define VGPIO_FLOATING 2u

/** Most pins and wires together. */
#define VGPIO_WIRING_MAX 65534u

/** How a pin or wire drives. */
enum vgpio_pin_kind {
    VGPIO_PUSH_PULL = 0, /**< both levels */
    VGPIO_OPEN_DRAIN,    /**< low only; high lets go */
    VGPIO_OPEN_SOURCE    /**< high only; low lets go */
};

/** Flag of vgpio_wiring_connect(): drive the opposite. */
#define VGPIO_WIRE_NOT 1u

/** What `on_alarm` is called for. */
enum vgpio_wiring_alarm {
    /** Two drive a net against each other. Once each time that this begins. */
    VGPIO_ALARM_CONFLICT = 1,
    /** A net did not come to rest; the pin is one of its. Once a vgpio_wiring_settle().
     */
    VGPIO_ALARM_UNSETTLED
};

/** One pin, 32 bytes; a net lives in one of its pins. Opaque by contract. */
struct vgpio_wiring_pin {
    /** @cond PRIVATE */
    uint16_t net, next;  /* the pin that is its net; the next pin of that net */
    uint16_t wires;      /* of a net: the first wire that leaves it */
    uint16_t next_dirty; /* of a net: in the queue of those to look at */
    uint16_t next_now;   /* of a net: in the list of those that move in this round */
    uint16_t next_seen;  /* of a net: in the list of those that were looked at */
    uint16_t says[3][2]; /* of a net: how many say 0 and 1, by strength */
    uint8_t drive, outside, pull, kind;
    uint8_t level, told; /* of a net: as it is, and as it was told last */
    uint8_t flags;
    uint8_t reserved;
    /** @endcond */
};

/** One wire, 6 bytes. Opaque by contract. */
struct vgpio_wiring_wire {
    /** @cond PRIVATE */
    uint16_t to, next;
    uint8_t flags, says;
    /** @endcond */
};

/** What a wiring is made of. Zero it, then fill what you need. */
struct vgpio_wiring_config {
    struct vgpio_wiring_pin *pins;   /**< caller's array, must outlive the wiring */
    uint16_t npins;                  /**< its length, at least 1 */
    uint16_t nwires;                 /**< how many wires there may be */
    struct vgpio_wiring_wire *wires; /**< caller's array; NULL if `nwires` is 0 */
    /** Rounds that one vgpio_wiring_settle() may take; 0: 64 more than there are wires,
     *  which is enough for anything without a ring. */
    uint32_t max_rounds;
    /** A pin's net came to rest at another level. Called inside vgpio_wiring_settle()
     *  for every pin of the net; may call vgpio_wiring_drive() and the like. May be
     *  NULL. */
    void (*on_level)(void *ctx, uint16_t pin, unsigned level);
    /** Something is wrong outside: an #vgpio_wiring_alarm. Called inside
     *  vgpio_wiring_settle(); must not call the wiring. May be NULL. */
    void (*on_alarm)(void *ctx, unsigned alarm, uint16_t pin);
    void *ctx; /**< first argument of both */
};

/** A wiring. Opaque by contract. */
struct vgpio_wiring {
    /** @cond PRIVATE */
    struct vgpio_wiring_config cfg;
    uint32_t conflicts, unsettled;
    uint16_t used; /* wires */
    uint16_t dirty, dirty_end, seen, seen_end;
    uint8_t busy;
    /** @endcond */
};

/**
 * @brief Make a wiring: every pin a net of its own that nobody says anything of, at 0.
 *
 * @param w    caller's memory, any contents
 * @param cfg  copied; its arrays must outlive the wiring
 * @return 0; #VGPIO_ERR_INVAL: no pins, wires without an array, or more than
 *         #VGPIO_WIRING_MAX of both; #VGPIO_ERR_ABI: header and library disagree
 * @context any; `w` must not be in use
 */
#define vgpio_wiring_init(w, cfg)                                                        \
    vgpio_wiring_init_abi((w), (cfg),                                                    \
                          VGPIO_ABI(sizeof *(w), sizeof *(cfg),                          \
                                    sizeof(struct vgpio_wiring_pin),                     \
                                    sizeof(struct vgpio_wiring_wire)))
/** What vgpio_wiring_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_wiring_init_abi(struct vgpio_wiring *w,
                                    const struct vgpio_wiring_config *cfg, uint64_t abi);

/**
 * @brief Make the nets of two pins one.
 *
 * What both say counts from then on, and so do their wires. Takes time in proportion to
 * the pins and wires of the second net. The level may change: vgpio_wiring_settle().
 *
 * @return 0, also if they are one net already; #VGPIO_ERR_INVAL: no such pin;
 *         #VGPIO_ERR_STATE: called inside `on_level`
 * @context lock
 */
VGPIO_API int vgpio_wiring_join(struct vgpio_wiring *w, uint16_t a, uint16_t b);

/**
 * @brief Lay a wire: the net of `to` is driven as the net of `from` is.
 *
 * @param w      the wiring
 * @param from   a pin of the net that is listened to
 * @param to     a pin of the net that is driven; may be the same net
 * @param flags  #VGPIO_WIRE_NOT or 0
 * @param kind   of the end that drives, an #vgpio_pin_kind
 * @return 0; #VGPIO_ERR_INVAL: no such pin, flag or kind; #VGPIO_ERR_NOSPC: all wires are
 *         laid
 * @context lock
 */
VGPIO_API int vgpio_wiring_connect(struct vgpio_wiring *w, uint16_t from, uint16_t to,
                                   unsigned flags, unsigned kind);

/**
 * @brief How a pin drives; #VGPIO_PUSH_PULL unless told. Counts for what it says from
 * outside as well.
 *
 * @return 0; #VGPIO_ERR_INVAL: no such pin or kind
 * @context lock
 */
VGPIO_API int vgpio_wiring_kind(struct vgpio_wiring *w, uint16_t pin, unsigned kind);

/**
 * @brief What a pin drives: 0, 1 or #VGPIO_FLOATING (an input).
 *
 * The levels follow with the next vgpio_wiring_settle(); so several changes may be made
 * at one time.
 *
 * @return 0; #VGPIO_ERR_INVAL: no such pin or level
 * @context lock; also inside `on_level`
 */
VGPIO_API int vgpio_wiring_drive(struct vgpio_wiring *w, uint16_t pin, unsigned level);
/** @brief The same with what is done to it from outside. */
VGPIO_API int vgpio_wiring_outside(struct vgpio_wiring *w, uint16_t pin, unsigned level);
/** @brief The same with its resistor. */
VGPIO_API int vgpio_wiring_pull(struct vgpio_wiring *w, uint16_t pin, unsigned level);

/**
 * @brief Let levels follow what is said, and tell of those that changed.
 *
 * Inside `on_level` it does nothing and returns 0: the outer call goes on.
 *
 * @return 0; #VGPIO_ERR_TIMEOUT: it did not come to rest within the rounds it may take.
 *         Nets that were still moving then stay as they are until something is said of
 *         them again.
 * @context lock
 */
VGPIO_API int vgpio_wiring_settle(struct vgpio_wiring *w);

/**
 * @brief The level of a pin's net.
 *
 * @return 0 or 1; #VGPIO_ERR_INVAL: no such pin
 * @context lock
 */
VGPIO_API int vgpio_wiring_level(const struct vgpio_wiring *w, uint16_t pin);

/**
 * @brief Whether anything but the pin itself can move it: it is joined, or a wire leads
 * to it or away from it.
 *
 * @return 0 or 1; #VGPIO_ERR_INVAL: no such pin
 * @context lock
 */
VGPIO_API int vgpio_wiring_is_wired(const struct vgpio_wiring *w, uint16_t pin);

/**
 * @brief Whether two pins are of one net.
 *
 * @return 0 or 1; #VGPIO_ERR_INVAL: no such pin
 * @context lock
 */
VGPIO_API int vgpio_wiring_is_joined(const struct vgpio_wiring *w, uint16_t a,
                                     uint16_t b);

/**
 * @brief How often #VGPIO_ALARM_CONFLICT and #VGPIO_ALARM_UNSETTLED came so far.
 *
 * @context lock
 */
VGPIO_API uint32_t vgpio_wiring_alarms(const struct vgpio_wiring *w, unsigned alarm);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_WIRING_H */
