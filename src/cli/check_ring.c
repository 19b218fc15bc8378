/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of the rings, and chains that no driver may send. */
#include "check.h"

#include <string.h>

static bool ask(struct check *c)
{
    uint8_t a[2];

    return check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a);
}

static bool asks(struct check *c, unsigned n)
{
    while (n > 0 && ask(c)) {
        n--;
    }
    return n == 0;
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
    uint8_t before[64];

    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    memcpy(before, check_at(c, check_out(0, 0)), 64);
    return answered(c, 2) && (memcmp(before, check_at(c, check_out(0, 0)), 64) == 0 ||
                              check_saw(c, "the request was written to"));
}

static bool laps(struct check *c)
{
    return asks(c, 3 * CHECK_RING);
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

static bool not_offered(struct check *c)
{
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};
    struct check_offer offer;
    unsigned slot;
    uint32_t len;

    prepare(c);
    offer = check_write(c, 0, 0, p, 2);
    check_kick(c, 0);
    if (!check_sync(c)) {
        return false;
    }
    if (check_look(c, 0, &slot, &len)) {
        return check_saw(c, "an answer to what was not offered");
    }
    check_put16(c, offer.at, offer.value);
    return answered(c, 2);
}

/* Without a pause, to see a ring at the moment it changes. */
static bool stare(struct check *c, unsigned *slot, uint32_t *len)
{
    unsigned i;

    for (i = 0; i < 200000; i++) {
        if (check_look(c, 0, slot, len)) {
            return true;
        }
    }
    return check_watch_for(c, 0, slot, len);
}

/* A used element, an answer and its length stand there before the index shows them. What
 * is left of the lap before is another buffer's: their number divides no ring. */
static bool used_order(struct check *c)
{
    const unsigned slots = 13, batch = 5;
    unsigned i, k, slot;
    uint32_t len;

    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_IN, 0)) {
        return false;
    }
    for (i = 0; i < 100 * batch; i += batch) {
        for (k = 0; k < batch; k++) {
            check_stage(c, (i + k) % slots, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        }
        check_kick(c, 0);
        for (k = 0; k < batch; k++) {
            unsigned want = (i + k) % slots;
            const uint8_t *a = check_at(c, check_in(0, want));

            if (!stare(c, &slot, &len)) {
                return false;
            }
            if (slot != want || len != 2 || a[0] != VGPIO_STATUS_OK ||
                a[1] != VGPIO_DIR_IN) {
                return check_saw(c,
                                 "used element of slot %u, length %u, status %u, "
                                 "value %u at the moment the ring shows it",
                                 slot, len, a[0], a[1]);
            }
        }
    }
    return true;
}

/* Of a split ring also the elements; its flags and event word may change at any time. */
static bool used_stays(struct check *c)
{
    uint8_t desc[16 * CHECK_RING], used[8 * CHECK_RING];
    const struct check_ring *r = &c->ring[0];

    if (!ask(c)) {
        return false;
    }
    if (!c->packed && check_get16(c, r->at.device + 2) != r->used) {
        return check_saw(c, "the used index is %u after one answer",
                         check_get16(c, r->at.device + 2));
    }
    memcpy(desc, check_at(c, 0), sizeof desc);
    memcpy(used, check_at(c, 0x2004), sizeof used);
    check_kick(c, 0);
    return check_sync(c) &&
           ((memcmp(desc, check_at(c, 0), sizeof desc) == 0 &&
             (c->packed || memcmp(used, check_at(c, 0x2004), sizeof used) == 0)) ||
            check_saw(c, "the ring changed after its elements were used"));
}

/* Twice all slots, with one notification each time. */
static bool deep(struct check *c)
{
    unsigned i, k, slot;
    uint32_t len;

    for (k = 0; k < 8; k++) {
        for (i = 0; i < CHECK_SLOTS; i++) {
            check_stage(c, i, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        }
        check_kick(c, 0);
        for (i = 0; i < CHECK_SLOTS; i++) {
            if (!check_used(c, 0, &slot, &len)) {
                return false;
            }
            if (slot != i || len != 2) {
                return check_saw(c, "buffer %u, length %u in place of buffer %u", slot,
                                 len, i);
            }
        }
    }
    return true;
}

static bool every_cut(struct check *c)
{
    struct check_piece p[4];
    unsigned cut, n;

    for (cut = 1; cut < 8; cut++) {
        for (n = 1; n <= 2; n++) {
            p[0] = piece(c, 0, cut, false);
            p[1] = piece(c, cut, 8 - cut, false);
            p[2] = piece(c, 0, n == 1 ? 2 : 1, true);
            p[3] = piece(c, 1, 1, true);
            prepare(c);
            check_post(c, 0, 0, p, 2 + n);
            if (!answered(c, 2)) {
                return false;
            }
        }
    }
    return true;
}

static bool table_of(struct check *c, unsigned outer, unsigned inner)
{
    uint64_t table = check_gpa(c, 0x8000);
    struct check_piece p[2] = {piece(c, 0, 8, false), piece(c, 0, 2, true)};
    struct check_piece t = {table, 32, (uint16_t)(CHECK_TABLE | outer)};

    prepare(c);
    check_desc(c, table, &p[0], c->packed ? inner : CHECK_NEXT, 1);
    check_desc(c, table + 16, &p[1], 0, 0);
    if (c->packed) { /* id before the flags */
        check_put16(c, table + 12, 0);
        check_put16(c, table + 14, (uint16_t)(p[0].flags | inner));
        check_put16(c, table + 28, 0);
        check_put16(c, table + 30, p[1].flags);
    }
    check_post(c, 0, 0, &t, 1);
    return answered(c, 2);
}

static bool indirect(struct check *c)
{
    return table_of(c, 0, 0);
}

static bool table_flag(struct check *c)
{
    return table_of(c, CHECK_WRITE, 0);
}

static bool plain_then_table(struct check *c)
{
    uint64_t table = check_gpa(c, 0x8000);
    struct check_piece in = piece(c, 0, 2, true);
    struct check_piece p[2] = {piece(c, 0, 8, false), {table, 16, CHECK_TABLE}};

    prepare(c);
    check_desc(c, table, &in, 0, 0);
    check_post(c, 0, 0, p, 2);
    return answered(c, 2);
}

static bool table_untouched(struct check *c)
{
    uint8_t ring[CHECK_RING * 16];

    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    memcpy(ring, check_at(c, 0), sizeof ring);
    return answered(c, 2) && (memcmp(ring, check_at(c, 0), sizeof ring) == 0 ||
                              check_saw(c, "the descriptor table was written to"));
}

const struct check_test check_ring_tests[] = {
    {"framing", "RING-DEV-01", "a request of 8 + 2 pieces, and one of 1 + 7 and 2 bytes",
     "OK, length 2", framing, CHECK_BOTH},
    {"every-cut", "RING-DEV-01", "requests in two pieces, cut at each byte",
     "OK, length 2", every_cut, CHECK_BOTH},
    {"long-answer", "RING-DEV-10", "a request with 64 bytes of room",
     "length 2, and the rest not written", long_answer, CHECK_BOTH},
    {"untouched", "RING-DEV-02", "a request", "it is not written to", untouched,
     CHECK_BOTH},
    {"table-untouched", "RING-DEV-04", "a request",
     "the descriptor table is not written to", table_untouched, 0},
    {"table-flag", "RING-DEV-05", "WRITE on the descriptor of an indirect table",
     "OK, length 2", table_flag, CHECK_INDIRECT | CHECK_BOTH},
    {"indirect", "RING-DEV-06", "a request in an indirect table", "OK, length 2",
     indirect, CHECK_INDIRECT | CHECK_BOTH},
    {"plain-then-table", "RING-DEV-06", "a descriptor, then one of an indirect table",
     "OK, length 2", plain_then_table, CHECK_INDIRECT},
    {"laps", "RING-DEV-09", "three times as many requests as the ring has entries",
     "an answer and an interrupt for each", laps, CHECK_BOTH},
    {"used-order", "RING-DEV-09", "500 requests, and eyes on the ring",
     "answer, length and element are there as soon as the ring shows them", used_order,
     CHECK_BOTH},
    {"deep", "RING-DEV-30", "16 requests with one notification, eight times",
     "each answered, in the order of the ring", deep, CHECK_BOTH},
    {"not-offered", "RING-DEV-34", "descriptors that are not offered yet, a notification",
     "no answer before they are", not_offered, CHECK_BOTH},
    {"used-stays", "RING-DEV-35", "a notification after all was answered",
     "nothing in the ring changes", used_stays, CHECK_BOTH},
    {"spurious", "RING-DEV-14", "notifications without a request",
     "nothing; then a request is answered", spurious, CHECK_BOTH},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
