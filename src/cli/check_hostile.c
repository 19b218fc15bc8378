/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains, rings and requests that no driver may send. */
#include "check.h"

#include "evloop.h"

#include <poll.h>
#include <string.h>

#define TABLE 0x8000u
#define AVAIL 0x80u /* on the first lap of a packed ring */
#define USED 0x8000u

static struct check_piece piece(struct check *c, unsigned from, unsigned len, bool in)
{
    uint32_t at = in ? check_in(0, 0) : check_out(0, 0);

    return (struct check_piece){check_gpa(c, at + from), len, in ? CHECK_WRITE : 0};
}

static uint8_t kept[CHECK_NAMES];

/* GET_DIRECTION of line 0 as bytes in slot 0; the pieces are the caller's. */
static void prepare(struct check *c)
{
    memset(check_at(c, check_out(0, 0)), 0, 64);
    *check_at(c, check_out(0, 0)) = VGPIO_MSG_GET_DIRECTION;
    memset(check_at(c, check_in(0, 0)), CHECK_UNTOUCHED, 64);
}

/* What the device must leave alone: everything but rings and the answers of two slots. */
static bool intact(struct check *c)
{
    uint32_t in0 = check_in(0, 0), in1 = check_in(0, 1), at;

    for (at = TABLE; at < CHECK_NAMES; at++) {
        bool answer = (at >= in0 && at < in0 + 64) || (at >= in1 && at < in1 + 64);

        if (!answer && kept[at] != *check_at(c, at)) {
            return check_saw(c, "byte 0x%x of the shared memory was written", at);
        }
    }
    return true;
}

/* Waits a while for a reaction. A device that does one thing after the other, and answers
 * a message, has had it by then, however slow it is. */
static void await_reaction(struct check *c)
{
    uint64_t ignored;

    if (!check_called(c, 0, 200) &&
        vgpio_vuf_get(&c->front.vuf, VGPIO_VU_GET_FEATURES, &ignored) == 0) {
        (void)vgpio_vuf_get(&c->front.vuf, VGPIO_VU_GET_FEATURES, &ignored);
    }
}

/* Whatever the device makes of it, it writes to nothing else. */
static bool left_alone(struct check *c)
{
    memcpy(kept, c->front.mem, sizeof kept);
    check_kick(c, 0);
    await_reaction(c);
    return intact(c);
}

/* What a device may do: nothing, end the connection, break the ring, answer ERR. Waits
 * for any of that a while; the verdict does not depend on how long. */
static bool not_obeyed(struct check *c)
{
    unsigned slot;
    uint32_t len = 0;

    if (!left_alone(c)) {
        return false;
    }
    if (!check_look(c, 0, &slot, &len)) {
        return true;
    }
    if (slot >= CHECK_SLOTS) {
        return check_saw(c, "the used ring has a buffer that cannot be");
    }
    return len == 0 || *check_at(c, check_in(0, 0)) != VGPIO_STATUS_OK ||
           check_saw(c, "the device answered OK");
}

/* ---- chains of split rings ---- */

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

static bool avail_back(struct check *c)
{
    uint8_t a[2];
    unsigned i, slot;
    uint32_t len;

    for (i = 0; i < 3; i++) {
        if (!check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a)) {
            return false;
        }
    }
    check_put16(c, c->ring[0].at.driver + 2, 1);
    check_kick(c, 0);
    await_reaction(c); /* the call of the last answer may come only now */
    await_reaction(c);
    return !check_look(c, 0, &slot, &len) ||
           check_saw(c, "what was answered is answered again");
}

/* A ring that broke is told of, or it goes on. */
static bool error_told(struct check *c)
{
    const struct vgpio_vuf_config *cfg = &c->front.vuf.cfg;
    struct pollfd p[2] = {{.fd = cfg->err[0], .events = POLLIN},
                          {.fd = c->front.sock, .events = POLLIN}};
    uint64_t due = evloop_now() + (uint64_t)c->timeout_ms * 1000u;
    unsigned slot;
    uint32_t len;

    check_head(c, 0, CHECK_RING);
    check_kick(c, 0);
    (void)check_called(c, 0, 50);
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    while (poll(p, 2, 1) == 0 && !check_look(c, 0, &slot, &len)) {
        if (evloop_now() > due) {
            return check_saw(c, "no answer to a good request, and no word of an error");
        }
    }
    return true;
}

/* Sums of lengths that are more than a chain may have. */
static bool huge(struct check *c)
{
    struct check_piece p[4];
    unsigned i;

    for (i = 0; i < 4; i++) {
        p[i] = piece(c, 0, i < 3 ? 0xffffffffu : 2, i == 3);
    }
    prepare(c);
    check_post(c, 0, 0, p, 4);
    return not_obeyed(c);
}

static bool answer_nowhere(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};

    prepare(c);
    p[1].at = check_gpa(c, (uint32_t)c->front.mem_size - 1);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

/* The answer goes where the ring is: the device may write it, and see what it reads. */
static bool answer_in_ring(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};

    prepare(c);
    p[1].at = c->ring[0].at.device + (c->packed ? 0 : 2);
    check_post(c, 0, 0, p, 2);
    check_kick(c, 0);
    (void)check_called(c, 0, 200);
    return true;
}

static bool empty(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 0, false), piece(c, 0, 0, true)};

    prepare(c);
    check_post(c, 0, 0, p, 2);
    return not_obeyed(c);
}

/* ---- indirect tables ---- */

/* Entry i of the table: in a packed ring its flags stand last. */
static void entry(struct check *c, unsigned i, struct check_piece p, unsigned flags,
                  uint16_t next)
{
    uint64_t at = check_gpa(c, TABLE) + 16u * i;

    check_desc(c, at, &p, flags, next);
    if (c->packed) {
        check_put16(c, at + 12, 0);
        check_put16(c, at + 14, (uint16_t)(p.flags | flags));
    }
}

static bool table(struct check *c, uint32_t len, unsigned flags)
{
    struct check_piece t[2] = {
        {check_gpa(c, TABLE), len, (uint16_t)(CHECK_TABLE | flags)},
        piece(c, 0, 2, true)};

    prepare(c);
    check_post(c, 0, 0, t, (flags & CHECK_NEXT) != 0 ? 2 : 1);
    return not_obeyed(c);
}

static void good_table(struct check *c)
{
    entry(c, 0, piece(c, 0, 8, false), c->packed ? 0 : CHECK_NEXT, 1);
    entry(c, 1, piece(c, 0, 2, true), 0, 0);
}

static bool nested(struct check *c)
{
    struct check_piece t = {check_gpa(c, TABLE), 32, CHECK_TABLE};

    entry(c, 0, t, 0, 0);
    entry(c, 1, piece(c, 0, 2, true), 0, 0);
    return table(c, 32, 0);
}

static bool odd_table(struct check *c)
{
    good_table(c);
    return table(c, 24, 0);
}

static bool no_table(struct check *c)
{
    good_table(c);
    return table(c, 0, 0);
}

static bool table_and_next(struct check *c)
{
    good_table(c);
    return table(c, 32, CHECK_NEXT);
}

static bool table_unasked(struct check *c)
{
    good_table(c);
    return table(c, 32, 0);
}

static bool table_next_range(struct check *c)
{
    entry(c, 0, piece(c, 0, 8, false), CHECK_NEXT, 0x7777);
    entry(c, 1, piece(c, 0, 2, true), 0, 0);
    return table(c, 32, 0);
}

static bool table_loop(struct check *c)
{
    entry(c, 0, piece(c, 0, 8, false), CHECK_NEXT, 1);
    entry(c, 1, piece(c, 0, 8, false), CHECK_NEXT, 0);
    return table(c, 32, 0);
}

static bool table_nowhere(struct check *c)
{
    struct check_piece t = {check_gpa(c, 0) - 0x10000, 32, CHECK_TABLE};

    prepare(c);
    check_post(c, 0, 0, &t, 1);
    return not_obeyed(c);
}

/* Of a split ring only the entries that the chain goes through count. */
static bool table_huge(struct check *c)
{
    struct check_piece t = {check_gpa(c, TABLE), 0xfffffff0u, CHECK_TABLE};

    good_table(c);
    prepare(c);
    check_post(c, 0, 0, &t, 1);
    return c->packed ? not_obeyed(c) : left_alone(c);
}

/* ---- packed rings ---- */

static void packed_desc(struct check *c, unsigned i, struct check_piece p, uint16_t id,
                        unsigned flags)
{
    uint64_t at = c->ring[0].at.desc + 16u * i;

    check_desc(c, at, &p, 0, 0);
    check_put16(c, at + 12, id);
    check_put16(c, at + 14, (uint16_t)(p.flags | flags));
}

static bool wrong_lap(struct check *c)
{
    prepare(c);
    packed_desc(c, 1, piece(c, 0, 2, true), 0, USED);
    packed_desc(c, 0, piece(c, 0, 8, false), 0, AVAIL | CHECK_NEXT);
    return not_obeyed(c);
}

static bool half_chain(struct check *c)
{
    prepare(c);
    packed_desc(c, 0, piece(c, 0, 8, false), 0, AVAIL | CHECK_NEXT);
    return not_obeyed(c);
}

static bool endless(struct check *c)
{
    unsigned i;

    prepare(c);
    for (i = CHECK_RING; i-- > 0;) {
        packed_desc(c, i, piece(c, 0, 8, false), 0, AVAIL | CHECK_NEXT);
    }
    return not_obeyed(c);
}

static bool skipped(struct check *c)
{
    prepare(c);
    packed_desc(c, 2, piece(c, 0, 2, true), 0, AVAIL);
    packed_desc(c, 1, piece(c, 0, 8, false), 0, AVAIL | CHECK_NEXT);
    return not_obeyed(c);
}

static bool used_already(struct check *c)
{
    prepare(c);
    packed_desc(c, 1, piece(c, 0, 2, true), 0, AVAIL);
    packed_desc(c, 0, piece(c, 0, 8, false), 0, AVAIL | USED | CHECK_NEXT);
    return left_alone(c) &&
           (*check_at(c, check_in(0, 0)) == CHECK_UNTOUCHED ||
            check_saw(c, "a descriptor that was not available was used"));
}

static bool id_range(struct check *c)
{
    prepare(c);
    packed_desc(c, 1, piece(c, 0, 2, true), 0xffff, AVAIL);
    packed_desc(c, 0, piece(c, 0, 8, false), 0xffff, AVAIL | CHECK_NEXT);
    check_kick(c, 0);
    (void)check_called(c, 0, 200);
    return true;
}

static bool id_twice(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};

    prepare(c);
    check_post(c, 0, 0, p, 2);
    check_post(c, 0, 0, p, 2);
    check_kick(c, 0);
    (void)check_called(c, 0, 200);
    return true;
}

static bool event_words(struct check *c)
{
    uint8_t a[2];
    unsigned i;

    for (i = 0; i < 4; i++) {
        check_put16(c, c->ring[0].at.driver, (uint16_t)(0x7ff0u + i));
        check_put16(c, c->ring[0].at.driver + 2, (uint16_t)(0xfff0u | i));
        check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        check_kick(c, 0);
        if (!check_watch(c)) {
            return false;
        }
    }
    check_put16(c, c->ring[0].at.driver + 2, 0);
    (void)check_sync(c);
    (void)check_called(c, 0, 0);
    return check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a);
}

/* ---- memory that changes while it is read ---- */

enum race_end {
    ANSWERED,
    SILENT, /* the ring broke, or nothing is to be expected */
};

/* Stores these words over and over while the device is at work. How long it may take to
 * stay silent decides nothing. */
static enum race_end race(struct check *c, const struct check_offer *flip, unsigned n,
                          unsigned *slot, uint32_t *len)
{
    struct pollfd err = {.fd = c->front.vuf.cfg.err[0], .events = POLLIN};
    uint64_t due = evloop_now() + 20000;
    unsigned i, k;

    check_kick(c, 0);
    for (i = 0; i < 400; i++) {
        for (k = 0; k < n; k++) {
            check_put16(c, flip[k].at, flip[k].value);
        }
        if (i % 16 == 15 && check_look(c, 0, slot, len)) {
            return ANSWERED;
        }
    }
    while (!check_look(c, 0, slot, len)) {
        if (poll(&err, 1, 1) != 0 || evloop_now() > due) {
            return SILENT;
        }
    }
    return ANSWERED;
}

/* A ring that broke is begun anew, on a connection of its own. */
static bool again(struct check *c)
{
    uint64_t features = c->features;

    check_close(c);
    return check_connect(c) && check_begin(c, features);
}

/* Where the k-th descriptor of the next buffer will be, in slot 0. */
static uint64_t next_desc(const struct check *c, unsigned k)
{
    const struct check_ring *r = &c->ring[0];

    return r->at.desc +
           16u * (c->packed ? check_plus(r, r->avail, k) & (CHECK_WRAP - 1u) : k);
}

/* The answer's descriptor: elsewhere, longer, another kind; and as it should be. */
static bool racing_chain(struct check *c)
{
    enum race_end end;
    unsigned round, slot;
    uint32_t len;

    for (round = 0; round < 60; round++) {
        uint64_t a = next_desc(c, 0), b = next_desc(c, 1);
        uint64_t flags = b + (c->packed ? 14 : 12);
        struct check_offer flip[] = {
            {b + 6, 0xffff}, {b + 6, 0}, {b + 10, 0xffff}, {b + 10, 0}, {a + 8, 0},
            {a + 8, 8},      {flags, 0}, {flags, 0},       {flags, 0},  {flags, 0}};

        check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        memcpy(kept, c->front.mem, sizeof kept);
        flip[7].value = flip[9].value = check_get16(c, flags);
        flip[6].value = (uint16_t)(flip[7].value ^ CHECK_WRITE);
        flip[8].value = (uint16_t)(flip[7].value | CHECK_TABLE | CHECK_NEXT);
        end = race(c, flip, sizeof flip / sizeof flip[0], &slot, &len);
        if (!intact(c)) {
            return false;
        }
        if (end == SILENT) {
            if (!again(c)) {
                return false;
            }
        } else if (!c->packed && (slot >= CHECK_SLOTS || len > 2)) {
            /* In a packed ring the race may have written over them. */
            return check_saw(c, "an answer of length %u in the used ring", len);
        }
    }
    return true;
}

/* Whatever the request says at the moment it is read: an answer, as long as any. */
static bool racing_request(struct check *c)
{
    uint64_t at = check_gpa(c, check_out(0, 0));
    const struct check_offer flip[] = {
        {at, 0x102}, {at, VGPIO_MSG_SET_DIRECTION}, {at + 2, 0xffff}, {at + 4, 0xffff},
        {at + 6, 1}, {at, VGPIO_MSG_GET_DIRECTION}, {at + 2, 0},      {at + 4, 0},
        {at + 6, 0}};
    const uint8_t *a = check_at(c, check_in(0, 0));
    unsigned round, slot;
    uint32_t len;

    for (round = 0; round < 200; round++) {
        check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        if (race(c, flip, sizeof flip / sizeof flip[0], &slot, &len) == SILENT &&
            !check_watch_for(c, 0, &slot, &len)) {
            return false;
        }
        if (slot != 0 || len != 2 || a[0] > VGPIO_STATUS_ERR) {
            return check_saw(c, "buffer %u, length %u, status %u", slot, len, a[0]);
        }
    }
    return true;
}

#define BAD CHECK_HOSTILE
#define EACH (CHECK_HOSTILE | CHECK_BOTH)
#define ONLY (CHECK_HOSTILE | CHECK_PACKED)
#define ALIVE                                                                            \
    "no answer OK, nothing else written, and the device serves the next connection"

const struct check_test check_hostile_tests[] = {
    {"head-range", "B1", "a head behind the end of the ring", ALIVE, head_range, BAD},
    {"error-told", "CORE-DEV-03", "a head behind the end of the ring, then a request",
     "an answer, an error by the descriptor for it, or the end of the connection",
     error_told, BAD},
    {"next-range", "B1", "a next that is behind the end of the ring", ALIVE, next_range,
     BAD},
    {"table-next-range", "B1", "a next that is behind the end of an indirect table",
     ALIVE, table_next_range, BAD | CHECK_INDIRECT},
    {"loop", "B2", "two descriptors that lead to each other", ALIVE, loop, BAD},
    {"table-loop", "B2", "two entries of a table that lead to each other", ALIVE,
     table_loop, BAD | CHECK_INDIRECT},
    {"endless", "B2", "a chain through the whole ring and on", ALIVE, endless, ONLY},
    {"wraps", "B3", "a buffer that wraps around the end of all addresses", ALIVE, wraps,
     EACH},
    {"huge", "B3", "a chain of more than 2^32 bytes", ALIVE, huge, EACH},
    {"table-huge", "B3", "an indirect table of almost 2^32 bytes", ALIVE, table_huge,
     EACH | CHECK_INDIRECT},
    {"unmapped", "B4", "a request outside the shared memory", ALIVE, unmapped, EACH},
    {"past-end", "B4", "a request that goes past the end of the shared memory", ALIVE,
     past_end, EACH},
    {"answer-nowhere", "B4", "an answer that goes past the end of the shared memory",
     ALIVE, answer_nowhere, EACH},
    {"table-nowhere", "B4", "an indirect table outside the shared memory", ALIVE,
     table_nowhere, EACH | CHECK_INDIRECT},
    {"answer-in-ring", "B5", "an answer that goes where the used ring is",
     "the device serves the next connection", answer_in_ring, EACH},
    {"racing-chain", "B5", "descriptors that change while they are read", ALIVE,
     racing_chain, EACH},
    {"racing-request", "B5", "a request that changes while it is read",
     "an answer of two bytes, and the device serves the next connection", racing_request,
     EACH},
    {"avail-jump", "B6", "an available index that is further on than the ring is long",
     ALIVE, avail_jump, BAD},
    {"avail-back", "B6", "an available index that goes back", ALIVE, avail_back, BAD},
    {"nested", "B11", "an indirect table that points to itself", ALIVE, nested,
     EACH | CHECK_INDIRECT},
    {"odd-table", "B11", "an indirect table of one descriptor and a half", ALIVE,
     odd_table, EACH | CHECK_INDIRECT},
    {"no-table", "B11", "an indirect table of no descriptor", ALIVE, no_table,
     EACH | CHECK_INDIRECT},
    {"table-and-next", "B11", "INDIRECT and NEXT in one descriptor", ALIVE,
     table_and_next, EACH | CHECK_INDIRECT},
    {"table-unasked", "B11", "an indirect table, not negotiated", ALIVE, table_unasked,
     EACH},
    {"wrong-order", "B12", "the writable piece before the readable one", ALIVE,
     wrong_order, EACH},
    {"short-request", "B13", "a request of 7 bytes", ALIVE, short_request, EACH},
    {"empty", "B13", "a request and an answer of no bytes", ALIVE, empty, EACH},
    {"no-room", "B13", "no room for the answer, then room for one byte of it", ALIVE,
     no_room, EACH},
    {"wrong-lap", "B25", "a chain into a descriptor of the lap before", ALIVE, wrong_lap,
     ONLY},
    {"half-chain", "B25", "a chain into a descriptor that is not available", ALIVE,
     half_chain, ONLY},
    {"skipped", "B25", "available descriptors behind one that is not", ALIVE, skipped,
     ONLY},
    {"used-already", "B25", "a descriptor marked available and used",
     "it is left alone, and the device serves the next connection", used_already, ONLY},
    {"id-range", "B25", "a buffer of the id 65535",
     "the device serves the next connection", id_range, ONLY},
    {"id-twice", "B25", "two buffers of one id at a time",
     "the device serves the next connection", id_twice, ONLY},
    {"event-words", "B25", "reserved modes and places in the driver's event words",
     "requests are answered", event_words, ONLY | CHECK_EVENT_IDX},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
