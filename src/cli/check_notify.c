/* SPDX-License-Identifier: BSD-3-Clause */
/* Who notifies whom, and when not. */
#include "check.h"

#include <stdatomic.h>
#include <string.h>

/* What the driver asks for: all interrupts, none, or at a place. */
#define ENABLE 0u
#define DISABLE 1u
#define AT 2u

static void want(struct check *c, unsigned q, unsigned how)
{
    check_put16(c, c->ring[q].at.driver + (c->packed ? 2 : 0), (uint16_t)how);
}

/* The position of the ring's driver, `n` answers of two descriptors further on. */
static uint16_t further(const struct check *c, unsigned q, unsigned n)
{
    const struct check_ring *r = &c->ring[q];

    return c->packed ? check_plus(r, r->used, 2 * n) : (uint16_t)(r->used + n);
}

/* The answer at which to interrupt, the n-th from now on. */
static void want_at(struct check *c, unsigned n)
{
    const struct check_ring *r = &c->ring[0];
    uint16_t at = further(c, 0, n - 1);

    if (c->packed) {
        check_put16(c, r->at.driver, at);
        check_put16(c, r->at.driver + 2, AT);
    } else {
        check_put16(c, r->at.driver + 4 + 2u * r->at.size, at);
    }
    /* Before any kick, so that the device cannot have looked already. */
    atomic_thread_fence(memory_order_seq_cst);
}

static bool ask(struct check *c)
{
    uint8_t a[2];

    return check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a);
}

static void post(struct check *c, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        check_stage(c, i, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    }
    check_kick(c, 0);
}

/* n answers, whatever the interrupt does. */
static bool watch(struct check *c, unsigned n)
{
    while (n > 0 && check_watch(c)) {
        n--;
    }
    return n == 0;
}

/* The round trip on the socket comes after the interrupt, if there is one. */
static bool quiet(struct check *c, unsigned q)
{
    return (!check_called(c, q, 0) && check_stop_ring(c, q, NULL) &&
            !check_called(c, q, 0)) ||
           check_saw(c, "an interrupt nobody asked for");
}

static bool called(struct check *c, const char *after)
{
    return check_called(c, 0, c->timeout_ms) ||
           check_saw(c, "no interrupt after %s", after);
}

/* ---- interrupts, without the event index ---- */

static bool no_interrupt(struct check *c)
{
    want(c, 0, DISABLE);
    post(c, 1);
    return watch(c, 1) && quiet(c, 0);
}

static bool interrupt_again(struct check *c)
{
    want(c, 0, DISABLE);
    post(c, 1);
    if (!watch(c, 1) || !check_sync(c)) {
        return false;
    }
    want(c, 0, ENABLE);
    return ask(c);
}

/* Whatever stands where the event index would be. */
static bool event_ignored(struct check *c)
{
    const struct check_ring *r = &c->ring[0];
    unsigned i;

    for (i = 0; i < 8; i++) {
        check_put16(c, c->packed ? r->at.driver : r->at.driver + 4 + 2u * r->at.size,
                    (uint16_t)(0x1111u * i));
        if (!ask(c)) {
            return false;
        }
    }
    return true;
}

static bool events_quiet(struct check *c)
{
    want(c, 1, DISABLE);
    check_unmask(c, 0, c->config.ngpio); /* comes back at once */
    return check_watch_for(c, 1, &(unsigned){0}, &(uint32_t){0}) && quiet(c, 1);
}

static bool used_flags(struct check *c)
{
    unsigned i, f;

    for (i = 0; i < 20; i++) {
        f = check_get16(c, c->ring[0].at.device);
        if (f > ((c->features & VGPIO_F_EVENT_IDX) != 0 ? 0u : 1u)) {
            return check_saw(c, "flags %u in the used ring", f);
        }
        if (!ask(c)) {
            return false;
        }
    }
    return true;
}

/* ---- interrupts, with it ---- */

/* The first answer is told in any case: a device that starts has no last notification to
 * compare with. */
static bool event_index(struct check *c)
{
    unsigned i;

    if (!ask(c)) {
        return false;
    }
    want_at(c, 3);
    for (i = 1; i < 4; i++) {
        post(c, 1);
        if (!watch(c, 1) || (i < 3 && !check_sync(c))) {
            return false;
        }
        if (i < 3 && check_called(c, 0, 0)) {
            return check_saw(c, "an interrupt after answer %u, not 3", i);
        }
    }
    return called(c, "answer 3");
}

static bool event_batch(struct check *c)
{
    unsigned i;

    if (!ask(c)) {
        return false;
    }
    for (i = 1; i <= 8; i++) {
        want_at(c, i);
        post(c, 8);
        if (!watch(c, 8) || !called(c, "eight answers, one of which was asked for")) {
            return false;
        }
    }
    return true;
}

static bool event_beyond(struct check *c)
{
    if (!ask(c)) {
        return false;
    }
    want_at(c, 9);
    post(c, 8);
    return watch(c, 8) && quiet(c, 0);
}

/* Each answer asked for by its place, over the end of the ring and of the index. */
static bool event_laps(struct check *c)
{
    unsigned i;

    for (i = 0; i < 5 * CHECK_RING; i++) {
        want_at(c, 1);
        post(c, 1);
        if (!watch(c, 1) || !called(c, "an answer that was asked for")) {
            return false;
        }
    }
    return true;
}

static bool event_wrap(struct check *c)
{
    struct check_ring *r = &c->ring[0];

    if (!check_stop_ring(c, 0, NULL)) {
        return false;
    }
    check_lay_ring(c, 0, CHECK_RING, 0);
    r->avail = r->used = 0xffd0;
    check_put16(c, r->at.driver + 2, 0xffd0);
    check_put16(c, r->at.device + 2, 0xffd0);
    return check_tell_ring(c, 0, true) && event_laps(c);
}

/* Bits that mean something else without the event index mean nothing with it. */
static bool flag_ignored(struct check *c)
{
    unsigned i;

    if (!ask(c)) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        want_at(c, 1);
        want(c, 0, c->packed ? ENABLE : DISABLE);
        post(c, 1);
        if (!watch(c, 1) || !called(c, "an answer that was asked for")) {
            return false;
        }
    }
    return true;
}

/* ---- notifications of the driver ---- */

/* Does the device ask to be told of the buffer that begins at this position, of one
 * descriptor in a split ring, of two in a packed one? */
static bool asked(struct check *c, uint16_t old)
{
    const struct check_ring *r = &c->ring[0];
    uint16_t word, off;

    /* Pairs with the device's fence between its event word and its look at the ring. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!c->packed && (c->features & VGPIO_F_EVENT_IDX) == 0) {
        return (check_get16(c, r->at.device) & 1u) == 0;
    }
    if (!c->packed) {
        return check_get16(c, r->at.device + 4 + 8u * r->at.size) == old;
    }
    word = check_get16(c, r->at.device + 2);
    if ((word & 3u) != AT) {
        return (word & 3u) != DISABLE;
    }
    off = check_get16(c, r->at.device);
    return off == old || off == check_plus(r, old, 1);
}

/* A driver that notifies only when it is asked to, and once: what the device says last
 * before it sleeps must be true. */
static bool kick_asked(struct check *c)
{
    unsigned i, slot;
    uint32_t len;

    for (i = 0; i < 4 * CHECK_RING; i++) {
        uint16_t old = c->ring[0].avail;

        check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        if (asked(c, old)) {
            check_kick(c, 0);
        }
        if (!check_watch_for(c, 0, &slot, &len)) {
            c->saw[0] = '\0';
            return check_saw(c,
                             "request %u: the device wanted no notification, and "
                             "does not answer",
                             i);
        }
    }
    return true;
}

/* Several published at once: one notification is enough. */
static bool one_kick(struct check *c)
{
    unsigned i;

    for (i = 0; i < 16; i++) {
        post(c, 8);
        if (!watch(c, 8)) {
            return false;
        }
    }
    return true;
}

#define INDEX (CHECK_EVENT_IDX | CHECK_BOTH)

const struct check_test check_notify_tests[] = {
    {"no-interrupt", "RING-DEV-07", "a request with interrupts switched off",
     "an answer without an interrupt", no_interrupt, CHECK_BOTH},
    {"interrupt-again", "RING-DEV-07", "interrupts switched off, and on again",
     "an interrupt for each answer from then on", interrupt_again, CHECK_BOTH},
    {"event-ignored", "RING-DEV-07", "anything in the event index, not negotiated",
     "an interrupt for each answer", event_ignored, CHECK_BOTH},
    {"events-quiet", "RING-DEV-07", "an event with interrupts switched off",
     "it is in the ring, without an interrupt", events_quiet, CHECK_IRQ | CHECK_BOTH},
    {"used-flags", "RING-DEV-12", "20 requests, no event index",
     "the used ring's flags are 0 or 1", used_flags, 0},
    {"used-flags-index", "RING-DEV-13", "20 requests, event index",
     "the used ring's flags are 0", used_flags, CHECK_EVENT_IDX},
    {"event-index", "RING-DEV-08", "three more requests, event index at the third",
     "an interrupt after the third only", event_index, INDEX},
    {"event-batch", "RING-DEV-08", "eight requests at once, event index at any of them",
     "an interrupt", event_batch, INDEX},
    {"event-beyond", "RING-DEV-08", "eight requests at once, event index at the ninth",
     "no interrupt", event_beyond, INDEX},
    {"event-laps", "RING-DEV-08", "five laps, event index at each answer",
     "an interrupt for each", event_laps, INDEX},
    {"event-wrap", "RING-DEV-08", "the same while the index passes 65535",
     "an interrupt for each", event_wrap, CHECK_EVENT_IDX},
    {"flag-ignored", "RING-DEV-08", "event index, and the flag of drivers without it",
     "an interrupt for each answer that was asked for", flag_ignored, INDEX},
    {"kick-asked", "B23", "requests, notified only if the device asks for it",
     "each is answered", kick_asked, CHECK_BOTH},
    {"kick-asked-index", "B23", "the same with the event index", "each is answered",
     kick_asked, INDEX},
    {"one-kick", "B23", "eight requests with one notification, 16 times",
     "each is answered", one_kick, CHECK_BOTH},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
