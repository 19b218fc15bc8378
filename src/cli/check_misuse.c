/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and event buffers that are well-formed and wrong, or too many. */
#include "check.h"

#include <string.h>

#define INVALID VGPIO_IRQ_STATUS_INVALID
#define VALID VGPIO_IRQ_STATUS_VALID

static bool ask(struct check *c)
{
    uint8_t a[2];

    return check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a);
}

/* Any answer that is one, and no OK for a line that is not there. */
static bool sound(struct check *c, unsigned type, unsigned line, uint32_t value)
{
    uint8_t a[2];

    return check_ask(c, type, line, value, a) &&
           ((a[0] <= VGPIO_STATUS_ERR && a[1] != CHECK_UNTOUCHED &&
             (a[0] == VGPIO_STATUS_ERR || line < c->config.ngpio)) ||
            check_saw(c, "type %u, line %u, value %u: status %u, value %u", type, line,
                      value, a[0], a[1]));
}

static bool payload_range(struct check *c)
{
    const uint32_t values[] = {0, 1, 2, 3, 4, 8, 0x100, 0x10001, 0x80000000u, UINT32_MAX};
    const unsigned lines[] = {
        0, c->config.ngpio - 1u, c->config.ngpio, 0x7fff, 0x8000, 0xffff};
    unsigned type, l, v;

    for (type = VGPIO_MSG_GET_DIRECTION; type <= VGPIO_MSG_SET_IRQ_TYPE; type++) {
        for (l = 0; l < sizeof lines / sizeof lines[0]; l++) {
            for (v = 0; v < sizeof values / sizeof values[0]; v++) {
                if (!sound(c, type, lines[l], values[v])) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool pair_range(struct check *c)
{
    static const uint16_t lines[] = {0x7fff, 0x8000, 0xff00, 0xffff};
    unsigned i;

    for (i = 0; i < 4; i++) {
        if (lines[i] >= c->config.ngpio) {
            check_unmask(c, i, lines[i]);
            if (!check_event(c, i, INVALID)) {
                return false;
            }
        }
    }
    return ask(c);
}

/* One byte less than the names need. */
static bool names_room(struct check *c)
{
    uint32_t size = c->config.names_size, len = 0;
    struct check_piece p[2] = {{check_gpa(c, check_out(0, 0)), 8, 0},
                               {check_gpa(c, CHECK_NAMES), size, CHECK_WRITE}};
    uint8_t *at = check_at(c, CHECK_NAMES);
    unsigned slot;

    if (size >= CHECK_NAMES_MAX) {
        return check_saw(c, "a block of %u bytes", size);
    }
    memset(check_at(c, check_out(0, 0)), 0, 8);
    *check_at(c, check_out(0, 0)) = VGPIO_MSG_GET_LINE_NAMES;
    memset(at, CHECK_UNTOUCHED, size + 8u);
    check_post(c, 0, 0, p, 2);
    check_kick(c, 0);
    if (!check_used(c, 0, &slot, &len)) {
        return false;
    }
    if (at[size] != CHECK_UNTOUCHED) {
        return check_saw(c, "the device wrote behind the %u bytes of room", size);
    }
    return (len <= size && at[0] == VGPIO_STATUS_ERR) ||
           check_saw(c, "status %u, length %u, in %u bytes of room", at[0], len, size);
}

/* A line may have one event buffer: of many for one line all but one come back. */
static bool pairs_many(struct check *c)
{
    unsigned i, slot, valid = 0, back = 0;
    uint32_t len;
    bool seen[CHECK_SLOTS] = {false};

    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_IN, 0) ||
        !check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING, 0)) {
        return false;
    }
    for (i = 0; i < CHECK_SLOTS; i++) {
        check_unmask(c, i, 0);
    }
    if (!ask(c) || !check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_NONE, 0)) {
        return false;
    }
    while (back < CHECK_SLOTS && check_watch_for(c, 1, &slot, &len)) {
        if (slot >= CHECK_SLOTS || seen[slot]) {
            return check_saw(c, "an event buffer comes back twice");
        }
        seen[slot] = true;
        valid += *check_at(c, check_in(1, slot)) == VALID;
        back++;
    }
    return back == CHECK_SLOTS && (valid == 0 || check_saw(c, "%u events", valid));
}

/* ---- storms ---- */

static bool kick_storm(struct check *c)
{
    unsigned i;

    for (i = 0; i < 2000; i++) {
        check_kick(c, i % 2 != 0 && check_has_events(c) ? 1 : 0);
    }
    return ask(c);
}

/* After a refused type a driver may post a buffer that comes back INVALID again and
 * again; requests are answered in between. */
static bool invalid_storm(struct check *c)
{
    unsigned i, slot;
    uint32_t len;

    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_IN, 0) ||
        !check_err(c, VGPIO_MSG_SET_IRQ_TYPE, 0, 5)) {
        return false;
    }
    check_unmask(c, 0, 0);
    for (i = 0; i < 200; i++) {
        if (!ask(c)) {
            return false;
        }
        if (check_look(c, 1, &slot, &len)) {
            check_unmask(c, 0, 0);
        }
    }
    return true;
}

/* Edges faster than they are handled: no more events than edges, none lost at the end. */
static bool edge_storm(struct check *c)
{
    unsigned line = check_irq_line(c), i, slot = 0, events = 0;
    uint32_t len;

    if (!check_source(c, 0) ||
        !check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING, 0)) {
        return false;
    }
    check_unmask(c, 0, line);
    for (i = 0; i < 100; i++) {
        if (!check_level(c, 1) || !check_level(c, 0)) {
            return false;
        }
        if (i % 3 == 2 && check_look(c, 1, &slot, &len)) {
            events++;
            check_unmask(c, 0, line);
        }
    }
    if (events > i) {
        return check_saw(c, "%u events for %u edges", events, i);
    }
    return check_event(c, 0, VALID) && ask(c) &&
           check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE, 0);
}

/* ---- odd orders ---- */

/* Whatever the answers are: afterwards everything works as if they had not been. */
static bool odd_orders(struct check *c)
{
    static const uint8_t step[][2] = {{VGPIO_MSG_SET_DIRECTION, VGPIO_DIR_OUT},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 1},
                                      {VGPIO_MSG_SET_DIRECTION, VGPIO_DIR_IN},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 1},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 2},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 2},
                                      {VGPIO_MSG_SET_DIRECTION, VGPIO_DIR_OUT},
                                      {VGPIO_MSG_SET_VALUE, 0},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 8},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 7},
                                      {VGPIO_MSG_SET_DIRECTION, 9},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 0},
                                      {VGPIO_MSG_SET_IRQ_TYPE, 0},
                                      {VGPIO_MSG_SET_DIRECTION, 0},
                                      {VGPIO_MSG_SET_DIRECTION, 0}};
    unsigned i;

    for (i = 0; i < sizeof step / sizeof step[0]; i++) {
        if (!sound(c, step[i][0], 0, step[i][1])) {
            return false;
        }
    }
    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_IN, 0) ||
        !check_ok(c, VGPIO_MSG_GET_DIRECTION, 0, 0, VGPIO_DIR_IN)) {
        return false;
    }
    if (!check_has_events(c)) {
        return true;
    }
    if (!check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING, 0)) {
        return false;
    }
    check_unmask(c, 0, 0);
    return check_no_event(c) &&
           check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_NONE, 0) &&
           check_event(c, 0, INVALID);
}

/* The front end is gone while the device is at work. */
static bool gone_at_work(struct check *c)
{
    uint64_t features = c->features;
    unsigned round, i;

    for (round = 0; round < 10; round++) {
        for (i = 0; i < CHECK_SLOTS; i++) {
            check_stage(c, i, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        }
        if (check_has_events(c)) {
            check_unmask(c, 0, 0);
        }
        check_kick(c, 0);
        check_close(c);
        if (!check_connect(c) || !check_begin(c, features)) {
            return false;
        }
    }
    return ask(c);
}

const struct check_test check_misuse_tests[] = {
    {"names-room", "B14", "GET_LINE_NAMES with a byte too little room",
     "ERR, nothing written behind it", names_room,
     CHECK_HOSTILE | CHECK_BOTH | CHECK_NAMED},
    {"payload-range", "B15", "every type with lines and values out of range",
     "a whole answer each, ERR where there is no line", payload_range,
     CHECK_HOSTILE | CHECK_BOTH},
    {"pair-range", "B15", "event buffers for lines out of range",
     "each comes back INVALID", pair_range, CHECK_HOSTILE | CHECK_BOTH | CHECK_IRQ},
    {"pairs-many", "B17", "16 event buffers for one line, then NONE",
     "each comes back once, without an event", pairs_many,
     CHECK_HOSTILE | CHECK_BOTH | CHECK_IRQ},
    {"gone-at-work", "B20", "the connection ends while requests are worked off, 10 times",
     "the next connection is served", gone_at_work, CHECK_HOSTILE | CHECK_BOTH},
    {"kick-storm", "B28", "2000 notifications without work, then a request",
     "it is answered", kick_storm, CHECK_HOSTILE | CHECK_BOTH},
    {"invalid-storm", "B28",
     "an event buffer after a refused type, posted again and again",
     "requests are answered", invalid_storm, CHECK_HOSTILE | CHECK_BOTH | CHECK_IRQ},
    {"edge-storm", "B28", "100 edges, handled more slowly",
     "no more events than edges, and none lost at the end", edge_storm,
     CHECK_BOTH | CHECK_IRQ | CHECK_STIMULUS},
    {"odd-orders", "B30", "directions and interrupt types in an odd order",
     "whole answers, and everything works afterwards", odd_orders,
     CHECK_HOSTILE | CHECK_BOTH},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
