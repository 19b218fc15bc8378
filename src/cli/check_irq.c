/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of interrupts, seen from outside. */
#include "check.h"

#include <string.h>

#define IN VGPIO_DIR_IN
#define VALID VGPIO_IRQ_STATUS_VALID
#define INVALID VGPIO_IRQ_STATUS_INVALID

static bool type_of(struct check *c, unsigned line, unsigned type)
{
    return check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line, type, 0);
}

static bool irq_type(struct check *c, unsigned type)
{
    return type_of(c, check_irq_line(c), type);
}

static bool direction(struct check *c, unsigned line, unsigned dir)
{
    return check_ok(c, VGPIO_MSG_SET_DIRECTION, line, dir, 0);
}

static bool armed(struct check *c, unsigned type)
{
    return direction(c, check_irq_line(c), IN) && irq_type(c, type);
}

/* A device may have no level interrupts: a type it refuses is no fault. */
static bool level_armed(struct check *c, unsigned type)
{
    uint8_t a[2];

    if (!direction(c, check_irq_line(c), IN) ||
        !check_ask(c, VGPIO_MSG_SET_IRQ_TYPE, check_irq_line(c), type, a)) {
        return false;
    }
    return a[0] == VGPIO_STATUS_OK || check_skip(c, CHECK_SKIP_LEVEL);
}

static void unmask(struct check *c, unsigned slot)
{
    check_unmask(c, slot, check_irq_line(c));
}

static bool disabled(struct check *c)
{
    return irq_type(c, VGPIO_IRQ_NONE);
}

/* ---- types and pairs that mean nothing ---- */

static bool bad_irq_type(struct check *c)
{
    static const uint32_t types[] = {5, 6, 7, 9, 12, 0x101, 0x10001, 0x80000000u};
    unsigned i;

    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!check_err(c, VGPIO_MSG_SET_IRQ_TYPE, 0, types[i])) {
            return false;
        }
    }
    return true;
}

static bool irq_not_negotiated(struct check *c)
{
    return check_err(c, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
}

static bool irq_not_enabled(struct check *c)
{
    check_unmask(c, 0, 0);
    return check_event(c, 0, INVALID);
}

static bool irq_bad_line(struct check *c)
{
    check_unmask(c, 0, c->config.ngpio);
    return check_event(c, 0, INVALID);
}

static bool irq_disable(struct check *c)
{
    if (!armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    return check_no_event(c) && disabled(c) && check_event(c, 0, INVALID);
}

static bool irq_disable_once(struct check *c)
{
    uint8_t a[2];

    if (!irq_disable(c) || !armed(c, VGPIO_IRQ_EDGE_FALLING) || !disabled(c) ||
        !check_ask(c, VGPIO_MSG_SET_IRQ_TYPE, check_irq_line(c), VGPIO_IRQ_NONE, a)) {
        return false;
    }
    return check_no_event(c);
}

static bool none_discards(struct check *c)
{
    if (!armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    if (!direction(c, check_irq_line(c), VGPIO_DIR_NONE) || !check_event(c, 0, INVALID)) {
        return false;
    }
    unmask(c, 1);
    return check_event(c, 1, INVALID);
}

/* A line that is at rest: arming for an edge is none, and no level but its own is one. */
static bool at_rest(struct check *c)
{
    unsigned level;

    if (!check_sense(c, check_irq_line(c), &level) ||
        !irq_type(c, level ? VGPIO_IRQ_EDGE_RISING : VGPIO_IRQ_EDGE_FALLING)) {
        return false;
    }
    unmask(c, 0);
    return check_no_event(c) && disabled(c) && check_event(c, 0, INVALID);
}

static bool level_inactive(struct check *c)
{
    unsigned level;

    if (!check_sense(c, check_irq_line(c), &level) ||
        !level_armed(c, level ? VGPIO_IRQ_LEVEL_LOW : VGPIO_IRQ_LEVEL_HIGH)) {
        return false;
    }
    unmask(c, 0);
    return check_no_event(c) && disabled(c) && check_event(c, 0, INVALID);
}

/* The type that the line is at already. */
static bool active_armed(struct check *c)
{
    unsigned level;

    return check_sense(c, check_irq_line(c), &level) &&
           level_armed(c, level ? VGPIO_IRQ_LEVEL_HIGH : VGPIO_IRQ_LEVEL_LOW);
}

static bool level_active(struct check *c)
{
    if (!active_armed(c) || !check_no_event(c)) {
        return false;
    }
    unmask(c, 0);
    return check_event(c, 0, VALID) && disabled(c);
}

static bool level_again(struct check *c)
{
    unsigned i;

    if (!active_armed(c)) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        unmask(c, i);
        if (!check_event(c, i, VALID) || !check_no_event(c)) {
            return false;
        }
    }
    if (!disabled(c)) {
        return false;
    }
    unmask(c, 4);
    return check_event(c, 4, INVALID);
}

/* The pair of one line is not an answer for another. */
static bool own_pair(struct check *c)
{
    unsigned line = check_irq_line(c), other = line == 0 ? 1 : 0, level;

    if (!check_sense(c, other, &level) ||
        !type_of(c, other, level ? VGPIO_IRQ_EDGE_RISING : VGPIO_IRQ_EDGE_FALLING) ||
        !armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    check_unmask(c, 0, other);
    unmask(c, 1);
    return check_no_event(c) && disabled(c) && check_event(c, 1, INVALID) &&
           check_no_event(c) && type_of(c, other, VGPIO_IRQ_NONE) &&
           check_event(c, 0, INVALID);
}

/* The buffer that came first is done with last. */
static bool completion(struct check *c)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (!direction(c, i, IN) || !type_of(c, i, VGPIO_IRQ_EDGE_RISING)) {
            return false;
        }
        check_unmask(c, i, i);
    }
    return check_no_event(c) && type_of(c, 1, VGPIO_IRQ_NONE) &&
           check_event(c, 1, INVALID) && type_of(c, 0, VGPIO_IRQ_NONE) &&
           check_event(c, 0, INVALID);
}

/* ---- edges ---- */

static bool no_event_then_gone(struct check *c, unsigned slot)
{
    return check_no_event(c) && disabled(c) && check_event(c, slot, INVALID);
}

static bool edge(struct check *c)
{
    if (!check_source(c, 0) || !armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    return check_no_event(c) && check_level(c, 1) && check_event(c, 0, VALID) &&
           check_level(c, 0) && disabled(c);
}

static bool edge_falling(struct check *c)
{
    if (!check_source(c, 0) || !armed(c, VGPIO_IRQ_EDGE_FALLING)) {
        return false;
    }
    unmask(c, 0);
    return check_level(c, 1) && check_no_event(c) && check_level(c, 0) &&
           check_event(c, 0, VALID) && disabled(c);
}

static bool edge_both(struct check *c)
{
    if (!check_source(c, 0) || !armed(c, VGPIO_IRQ_EDGE_BOTH)) {
        return false;
    }
    unmask(c, 0);
    if (!check_no_event(c) || !check_level(c, 1) || !check_event(c, 0, VALID)) {
        return false;
    }
    unmask(c, 1);
    return check_no_event(c) && check_level(c, 0) && check_event(c, 1, VALID) &&
           disabled(c);
}

static bool edge_wrong_way(struct check *c)
{
    if (!check_source(c, 1) || !armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    return check_level(c, 0) && no_event_then_gone(c, 0);
}

static bool edge_before(struct check *c)
{
    if (!check_source(c, 0) || !direction(c, check_irq_line(c), IN) ||
        !check_level(c, 1) || !check_level(c, 0) || !irq_type(c, VGPIO_IRQ_EDGE_BOTH)) {
        return false;
    }
    unmask(c, 0);
    return no_event_then_gone(c, 0);
}

/* One edge of that type while masked: one event at unmasking, and no other. */
static bool latched(struct check *c, unsigned type)
{
    if (!check_source(c, 0) || !armed(c, type) || !check_level(c, 1) ||
        !check_level(c, 0) || !check_no_event(c)) {
        return false;
    }
    unmask(c, 0);
    if (!check_event(c, 0, VALID)) {
        return false;
    }
    unmask(c, 1);
    return no_event_then_gone(c, 1);
}

static bool edge_latched(struct check *c)
{
    return latched(c, VGPIO_IRQ_EDGE_RISING);
}

static bool falling_latched(struct check *c)
{
    return latched(c, VGPIO_IRQ_EDGE_FALLING);
}

/* Two edges may be one event or two. */
static bool both_latched(struct check *c)
{
    unsigned level = 1, slot;

    for (slot = 0; slot < 2; slot++) {
        if ((slot == 0 && (!check_source(c, 0) || !armed(c, VGPIO_IRQ_EDGE_BOTH))) ||
            !check_level(c, level) || !check_no_event(c)) {
            return false;
        }
        unmask(c, slot);
        if (!check_event(c, slot, VALID)) {
            return false;
        }
        level = 0;
    }
    return disabled(c);
}

static bool event_masks(struct check *c)
{
    if (!edge(c) || !irq_type(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    if (!check_level(c, 1) || !check_event(c, 0, VALID) || !check_level(c, 0) ||
        !check_level(c, 1) || !check_level(c, 0) || !check_no_event(c)) {
        return false;
    }
    unmask(c, 1);
    return check_event(c, 1, VALID) && disabled(c);
}

static bool disable_drops(struct check *c)
{
    if (!check_source(c, 0) || !armed(c, VGPIO_IRQ_EDGE_RISING) || !check_level(c, 1) ||
        !check_level(c, 0) || !disabled(c) || !irq_type(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    return no_event_then_gone(c, 0);
}

static bool none_drops(struct check *c)
{
    if (!check_source(c, 0) || !armed(c, VGPIO_IRQ_EDGE_RISING) || !check_level(c, 1) ||
        !check_level(c, 0) || !direction(c, check_irq_line(c), VGPIO_DIR_NONE) ||
        !armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    unmask(c, 0);
    return no_event_then_gone(c, 0);
}

static bool disabled_is_quiet(struct check *c)
{
    if (!check_source(c, 0) || !irq_disable(c) || !check_level(c, 1) ||
        !check_level(c, 0)) {
        return false;
    }
    return check_no_event(c);
}

/* ---- levels ---- */

static bool level(struct check *c, unsigned type, unsigned active)
{
    if (!check_source(c, !active) || !level_armed(c, type)) {
        return false;
    }
    unmask(c, 0);
    return check_no_event(c) && check_level(c, active) && check_event(c, 0, VALID) &&
           check_level(c, !active) && disabled(c) && check_level(c, 0);
}

static bool level_high(struct check *c)
{
    return level(c, VGPIO_IRQ_LEVEL_HIGH, 1);
}

static bool level_low(struct check *c)
{
    return level(c, VGPIO_IRQ_LEVEL_LOW, 0);
}

static bool not_latched(struct check *c, unsigned type, unsigned active)
{
    if (!check_source(c, !active) || !level_armed(c, type) || !check_level(c, active) ||
        !check_level(c, !active)) {
        return false;
    }
    unmask(c, 0);
    return check_no_event(c) && check_level(c, active) && check_event(c, 0, VALID) &&
           check_level(c, !active) && disabled(c) && check_level(c, 0);
}

static bool level_not_latched(struct check *c)
{
    return not_latched(c, VGPIO_IRQ_LEVEL_HIGH, 1);
}

static bool low_not_latched(struct check *c)
{
    return not_latched(c, VGPIO_IRQ_LEVEL_LOW, 0);
}

/* ---- the eventq as a ring ---- */

static bool pair_framing(struct check *c)
{
    struct check_piece p[3] = {{check_gpa(c, check_out(1, 0)), 1, 0},
                               {check_gpa(c, check_out(1, 0) + 1), 1, 0},
                               {check_gpa(c, check_in(1, 0)), 8, CHECK_WRITE}};
    uint8_t *b = check_at(c, check_out(1, 0));
    const uint8_t *a = check_at(c, check_in(1, 0));
    unsigned i;

    b[0] = (uint8_t)check_irq_line(c);
    b[1] = (uint8_t)(check_irq_line(c) >> 8);
    memset(check_at(c, check_in(1, 0)), CHECK_UNTOUCHED, 8);
    if (!armed(c, VGPIO_IRQ_EDGE_RISING)) {
        return false;
    }
    check_post(c, 1, 0, p, 3);
    check_kick(c, 1);
    if (!check_no_event(c) || !disabled(c) || !check_event(c, 0, INVALID)) {
        return false;
    }
    for (i = 1; i < 8; i++) {
        if (a[i] != CHECK_UNTOUCHED) {
            return check_saw(c, "byte %u of the answer was written", i);
        }
    }
    return true;
}

/* Without a line enabled each pair comes back: more of them than the ring has entries. */
static bool pair_laps(struct check *c)
{
    unsigned i;

    for (i = 0; i < 2 * CHECK_RING; i++) {
        check_unmask(c, i % CHECK_SLOTS, 0);
        if (!check_event(c, i % CHECK_SLOTS, INVALID)) {
            return false;
        }
    }
    return true;
}

#define EVENT (CHECK_IRQ | CHECK_STIMULUS | CHECK_BOTH)
#define QUIET (CHECK_IRQ | CHECK_BOTH)

const struct check_test check_irq_tests[] = {
    {"bad-irq-type", "GPIO-DEV-P1",
     "SET_IRQ_TYPE with 5, 6, 7, 9, 12, 0x101, 0x10001, 0x80000000",
     "ERR, all of the answer set", bad_irq_type, QUIET},
    {"irq-not-negotiated", "GPIO-DEV-P1", "SET_IRQ_TYPE without F_IRQ", "ERR",
     irq_not_negotiated, CHECK_NO_IRQ | CHECK_BOTH},
    {"irq-not-enabled", "GPIO-DEV-P8", "an event buffer, interrupt not enabled",
     "it comes back INVALID, length 1", irq_not_enabled, QUIET},
    {"irq-bad-line", "GPIO-DEV-P8", "an event buffer for a line that is not there",
     "it comes back INVALID, length 1", irq_bad_line, QUIET},
    {"irq-disable", "GPIO-DEV-13", "SET_IRQ_TYPE NONE while the line is unmasked",
     "its event buffer comes back INVALID", irq_disable, QUIET},
    {"irq-disable-once", "GPIO-DEV-13", "NONE again, with no event buffer there",
     "no event buffer comes back a second time", irq_disable_once, QUIET},
    {"none-discards", "GPIO-DEV-08", "SET_DIRECTION NONE with an interrupt enabled",
     "the event buffer comes back INVALID, and so does the next", none_discards, QUIET},
    {"at-rest", "GPIO-DEV-12", "an edge type for a line that is at its end already",
     "no event", at_rest, QUIET},
    {"level-inactive", "GPIO-DEV-12", "the level type that the line is not at",
     "no event", level_inactive, QUIET},
    {"level-active", "GPIO-DEV-P6", "the level type that the line is at, then unmasked",
     "one event, VALID, not before it is unmasked", level_active, QUIET},
    {"level-again", "GPIO-DEV-P9", "unmasked again and again at an active level",
     "one event each time, none after the interrupt is disabled", level_again, QUIET},
    {"own-pair", "GPIO-DEV-13", "two lines unmasked, then one and the other disabled",
     "each time the event buffer of that line comes back", own_pair, QUIET | CHECK_PAIR},
    {"completion", "RING-DEV-31", "two event buffers, the later one done with first",
     "they come back in the order in which they were done with", completion,
     QUIET | CHECK_PAIR},
    {"edge", "GPIO-DEV-12", "a rising edge on an enabled, unmasked line",
     "one event, VALID, not before", edge, EVENT},
    {"edge-falling", "GPIO-DEV-12", "a rising, then a falling edge, FALLING enabled",
     "one event, after the second", edge_falling, EVENT},
    {"edge-both", "GPIO-DEV-12", "a rising, then a falling edge, BOTH enabled",
     "an event for each", edge_both, EVENT},
    {"edge-wrong-way", "GPIO-DEV-12", "a falling edge, RISING enabled", "no event",
     edge_wrong_way, EVENT},
    {"edge-before", "GPIO-DEV-12", "edges, then BOTH enabled, then unmasked", "no event",
     edge_before, EVENT},
    {"edge-latched", "GPIO-DEV-09", "a rising edge while the line is masked",
     "one event as soon as it is unmasked, and no other", edge_latched, EVENT},
    {"falling-latched", "GPIO-DEV-09", "a falling edge while the line is masked",
     "one event as soon as it is unmasked, and no other", falling_latched, EVENT},
    {"both-latched", "GPIO-DEV-09", "an edge either way while masked, BOTH enabled",
     "an event as soon as it is unmasked", both_latched, EVENT},
    {"event-masks", "GPIO-DEV-P11", "edges after an event, before the line is unmasked",
     "nothing until it is unmasked, then an event at once", event_masks, EVENT},
    {"disable-drops", "GPIO-DEV-11", "a latched edge, NONE, enabled again, unmasked",
     "no event", disable_drops, EVENT},
    {"none-drops", "GPIO-DEV-08", "a latched edge, direction NONE, IN, enabled, unmasked",
     "no event", none_drops, EVENT},
    {"disabled-is-quiet", "GPIO-DEV-12", "edges after the interrupt was disabled",
     "no event", disabled_is_quiet, EVENT},
    {"level-high", "GPIO-DEV-P6", "a line that goes high, LEVEL_HIGH, unmasked",
     "one event, VALID, not before", level_high, EVENT},
    {"level-low", "GPIO-DEV-P6", "a line that goes low, LEVEL_LOW, unmasked",
     "one event, VALID, not before", level_low, EVENT},
    {"level-not-latched", "GPIO-DEV-10",
     "a high level that is over before the line is unmasked",
     "no event; one when the level comes again", level_not_latched, EVENT},
    {"low-not-latched", "GPIO-DEV-10",
     "a low level that is over before the line is unmasked",
     "no event; one when the level comes again", low_not_latched, EVENT},
    {"pair-framing", "RING-DEV-01", "an event buffer of 1 + 1 and 8 bytes",
     "length 1, and the rest not written", pair_framing, QUIET},
    {"pair-laps", "RING-DEV-09", "twice as many event buffers as the ring has entries",
     "each comes back INVALID, with an interrupt", pair_laps, QUIET},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
