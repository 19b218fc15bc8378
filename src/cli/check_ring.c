/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of the rings, and chains that no driver may send. */
#include "check.h"

#include <string.h>

static bool ask(struct check *c)
{
    uint8_t a[2];

    return check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a);
}

/* GET_DIRECTION of line 0 as bytes in slot 0; the pieces are the caller's. */
static void prepare(struct check *c)
{
    memset(check_at(c, check_out(0, 0)), 0, 64);
    *check_at(c, check_out(0, 0)) = VGPIO_MSG_GET_DIRECTION;
    memset(check_at(c, check_in(0, 0)), CHECK_UNTOUCHED, 64);
}

static bool answered(struct check *c, uint32_t want)
{
    unsigned slot;
    uint32_t len;

    check_kick(c, 0);
    return check_used(c, 0, &slot, &len) &&
           ((len == want && *check_at(c, check_in(0, 0)) == VGPIO_STATUS_OK) ||
            check_saw(c, "used length %u, not %u; status %u", len, want,
                      *check_at(c, check_in(0, 0))));
}

static struct check_piece piece(struct check *c, unsigned from, unsigned len, bool in)
{
    uint32_t at = in ? check_in(0, 0) : check_out(0, 0);

    return (struct check_piece){check_gpa(c, at + from), len, in ? CHECK_WRITE : 0};
}

/* ---- rules ---- */

static bool framing(struct check *c)
{
    struct check_piece p[10];
    unsigned i;

    for (i = 0; i < 10; i++) {
        p[i] = piece(c, i < 8 ? i : i - 8, 1, i >= 8);
    }
    prepare(c);
    check_post(c, 0, 0, p, 10);
    if (!answered(c, 2)) {
        return false;
    }
    p[0] = piece(c, 0, 1, false);
    p[1] = piece(c, 1, 7, false);
    p[2] = piece(c, 0, 2, true);
    prepare(c);
    check_post(c, 0, 0, p, 3);
    return answered(c, 2);
}

static bool long_answer(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 64, true)};
    const uint8_t *a = check_at(c, check_in(0, 0));
    unsigned i;

    prepare(c);
    check_post(c, 0, 0, p, 2);
    if (!answered(c, 2)) {
        return false;
    }
    for (i = 2; i < 64; i++) {
        if (a[i] != CHECK_UNTOUCHED) {
            return check_saw(c, "byte %u of the answer was written", i);
        }
    }
    return true;
}

static bool untouched(struct check *c)
{
    uint8_t before[64], ring[CHECK_RING * 16];
    uint8_t *desc = check_at(c, 0);

    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    memcpy(before, check_at(c, check_out(0, 0)), 64);
    memcpy(ring, desc, sizeof ring);
    if (!answered(c, 2)) {
        return false;
    }
    if (memcmp(before, check_at(c, check_out(0, 0)), 64) != 0) {
        return check_saw(c, "the request was written to");
    }
    return memcmp(ring, desc, sizeof ring) == 0 ||
           check_saw(c, "the descriptor table was written to");
}

static bool indirect(struct check *c)
{
    uint64_t table = check_gpa(c, 0x8000);
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};
    struct check_piece t = {table, 32, CHECK_TABLE};

    prepare(c);
    check_desc(c, table, &p[0], CHECK_NEXT, 1);
    check_desc(c, table + 16, &p[1], 0, 0);
    check_post(c, 0, 0, &t, 1);
    return answered(c, 2);
}

static bool laps(struct check *c)
{
    unsigned i;

    for (i = 0; i < 3 * CHECK_RING; i++) {
        if (!ask(c)) {
            return false;
        }
    }
    return true;
}

static bool spurious(struct check *c)
{
    unsigned i, slot;
    uint32_t len;

    for (i = 0; i < 5; i++) {
        check_kick(c, 0);
    }
    return (!check_look(c, 0, &slot, &len) || check_saw(c, "an answer to nothing")) &&
           ask(c);
}

/* The round trip on the socket comes after the interrupt, if there is one. */
static bool quiet(struct check *c)
{
    uint32_t base;

    return !check_called(c, 0, 0) && vgpio_vuf_ring_stop(&c->front.vuf, 0, &base) == 0 &&
           !check_called(c, 0, 0);
}

static bool no_interrupt(struct check *c)
{
    check_put16(c, c->ring[0].at.driver, 1);
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    return check_watch(c) && (quiet(c) || check_saw(c, "an interrupt nobody asked for"));
}

/* The first answer is told in any case: a device that starts has no last notification to
 * compare with. */
static bool event_index(struct check *c)
{
    uint64_t used_event = c->ring[0].at.driver + 4 + 2u * CHECK_RING;
    unsigned i;

    if (!ask(c)) {
        return false;
    }
    check_put16(c, used_event, 3);
    for (i = 1; i < 4; i++) {
        check_stage(c, i, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        check_kick(c, 0);
        if (!check_watch(c)) {
            return false;
        }
        if (i < 3 && check_called(c, 0, 0)) {
            return check_saw(c, "an interrupt after answer %u, not 3", i);
        }
    }
    return check_called(c, 0, c->timeout_ms) ||
           check_saw(c, "no interrupt after answer 3");
}

static bool stop(struct check *c)
{
    uint32_t base = 0;
    unsigned slot;
    uint32_t len;

    if (!ask(c) || vgpio_vuf_ring_stop(&c->front.vuf, 0, &base) != 0) {
        return check_saw(c, "GET_VRING_BASE: no answer");
    }
    if (!c->packed && base != 1) {
        return check_saw(c, "position %u after one request", base);
    }
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    if (vgpio_vuf_get(&c->front.vuf, VGPIO_VU_GET_FEATURES, &c->offered) != 0) {
        return check_saw(c, "no answer to GET_FEATURES");
    }
    return !check_look(c, 0, &slot, &len) ||
           check_saw(c, "an answer from a stopped ring");
}

static bool restart(struct check *c)
{
    const struct vgpio_bus_ops *bus = &vgpio_vuf_bus_ops;
    unsigned i;

    for (i = 0; i < 3; i++) {
        if (!ask(c)) {
            return false;
        }
        if (!ask(c)) {
            return false;
        }
        if (bus->set_status(&c->front.vuf, 0) != 0 || !check_begin(c, c->features)) {
            return check_saw(c, "the device does not start again");
        }
    }
    return ask(c);
}

/* ---- hostile ---- */

/* What a device may do: nothing, end the connection, break the ring, answer ERR. Waits
 * for any of that a while; the verdict does not depend on how long. */
static bool not_obeyed(struct check *c)
{
    unsigned slot;
    uint32_t len = 0;

    check_kick(c, 0);
    (void)check_called(c, 0, 200);
    if (!check_look(c, 0, &slot, &len)) {
        return true;
    }
    if (slot >= CHECK_SLOTS) {
        return check_saw(c, "the used ring has a buffer that cannot be");
    }
    return len == 0 || *check_at(c, check_in(0, 0)) != VGPIO_STATUS_OK ||
           check_saw(c, "the device answered OK");
}

static bool head_range(struct check *c)
{
    check_head(c, 0, CHECK_RING);
    return not_obeyed(c);
}

static bool next_range(struct check *c)
{
    struct check_piece p = piece(c, 0, 8, false);

    prepare(c);
    check_desc(c, c->ring[0].at.desc, &p, CHECK_NEXT, 0xfff0);
    check_head(c, 0, 0);
    return not_obeyed(c);
}

static bool loop(struct check *c)
{
    struct check_piece p = piece(c, 0, 8, false);

    prepare(c);
    check_desc(c, c->ring[0].at.desc, &p, CHECK_NEXT, 1);
    check_desc(c, c->ring[0].at.desc + 16, &p, CHECK_NEXT, 0);
    check_head(c, 0, 0);
    return not_obeyed(c);
}

static bool unmapped(struct check *c)
{
    struct check_piece p[2] = {{check_gpa(c, 0) - 0x100000, 8, 0}, piece(c, 0, 2, true)};

    prepare(c);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

static bool past_end(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};

    prepare(c);
    p[0].at = check_gpa(c, (uint32_t)c->front.mem_size - 4);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

static bool wraps(struct check *c)
{
    struct check_piece p[2] = {{UINT64_MAX - 3, 8, 0}, piece(c, 0, 2, true)};

    prepare(c);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

static bool short_request(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 7, false), piece(c, 0, 2, true)};

    prepare(c);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

static bool no_room(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 1, true)};

    prepare(c);
    check_post(c, 0, 0, p, 1);
    if (!not_obeyed(c)) {
        return false;
    }
    check_post(c, 0, 1, p, 2);
    return not_obeyed(c) &&
           (check_at(c, check_in(0, 0))[1] == CHECK_UNTOUCHED ||
            check_saw(c, "the device wrote behind the answer's one byte"));
}

static bool wrong_order(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 2, true), piece(c, 0, 8, false)};

    prepare(c);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

static bool avail_jump(struct check *c)
{
    prepare(c);
    check_put16(c, c->ring[0].at.driver + 2, CHECK_RING + 1);
    return not_obeyed(c);
}

static bool nested(struct check *c)
{
    uint64_t table = check_gpa(c, 0x8000);
    struct check_piece t = {table, 16, CHECK_TABLE};

    prepare(c);
    check_desc(c, table, &t, 0, 0);
    check_post(c, 0, 0, &t, 1);
    return not_obeyed(c);
}

static bool odd_table(struct check *c)
{
    struct check_piece t = {check_gpa(c, 0x8000), 24, CHECK_TABLE};

    prepare(c);
    check_post(c, 0, 0, &t, 1);
    return not_obeyed(c);
}

#define BAD CHECK_HOSTILE
#define ALIVE "no answer OK, and the device serves the next connection"

const struct check_test check_ring_tests[] = {
    {"framing", "RING-DEV-01", "a request of 8 + 2 pieces, and one of 1 + 7 and 2 bytes",
     "OK, length 2", framing, CHECK_BOTH},
    {"long-answer", "RING-DEV-10", "a request with 64 bytes of room",
     "length 2, and the rest not written", long_answer, CHECK_BOTH},
    {"untouched", "RING-DEV-02", "a request",
     "neither it nor the descriptor table is written to", untouched, 0},
    {"indirect", "RING-DEV-06", "a request in an indirect table", "OK, length 2",
     indirect, CHECK_INDIRECT},
    {"laps", "RING-DEV-09", "three times as many requests as the ring has entries",
     "an answer and an interrupt for each", laps, CHECK_BOTH},
    {"spurious", "RING-DEV-14", "notifications without a request",
     "nothing; then a request is answered", spurious, CHECK_BOTH},
    {"no-interrupt", "RING-DEV-07", "a request with interrupts switched off",
     "an answer without an interrupt", no_interrupt, 0},
    {"event-index", "RING-DEV-08", "three more requests, used_event at the third",
     "an interrupt after the third only", event_index, CHECK_EVENT_IDX},
    {"stop", "CORE-DEV-19", "GET_VRING_BASE, then a request",
     "the position, and no answer", stop, CHECK_BOTH},
    {"restart", "CORE-DEV-16", "stop, features and rings anew, three times",
     "it works each time, from the beginning", restart, CHECK_BOTH},
    {"head-range", "B1", "a head behind the end of the ring", ALIVE, head_range, BAD},
    {"next-range", "B1", "a next that is behind the end of the ring", ALIVE, next_range,
     BAD},
    {"loop", "B2", "two descriptors that lead to each other", ALIVE, loop, BAD},
    {"wraps", "B3", "a buffer that wraps around the end of all addresses", ALIVE, wraps,
     BAD | CHECK_BOTH},
    {"unmapped", "B4", "a request outside the shared memory", ALIVE, unmapped,
     BAD | CHECK_BOTH},
    {"past-end", "B4", "a request that goes past the end of the shared memory", ALIVE,
     past_end, BAD | CHECK_BOTH},
    {"avail-jump", "B6", "an available index that is further on than the ring is long",
     ALIVE, avail_jump, BAD},
    {"nested", "B11", "an indirect table that points to itself", ALIVE, nested,
     BAD | CHECK_INDIRECT},
    {"odd-table", "B11", "an indirect table of one descriptor and a half", ALIVE,
     odd_table, BAD | CHECK_INDIRECT},
    {"wrong-order", "B12", "the writable piece before the readable one", ALIVE,
     wrong_order, BAD | CHECK_BOTH},
    {"short-request", "B13", "a request of 7 bytes", ALIVE, short_request,
     BAD | CHECK_BOTH},
    {"no-room", "B13", "no room for the answer, then room for one byte of it",
     "no answer OK, nothing written behind it, and the device serves on", no_room,
     BAD | CHECK_BOTH},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
