/* SPDX-License-Identifier: BSD-3-Clause */
/* Features, and rings that start, stop, go on, move and change. */
#include "check.h"

#include <string.h>

#define SPARE 0xc000u /* room for a ring in another place */
#define INVALID VGPIO_IRQ_STATUS_INVALID

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

static bool silent(struct check *c, unsigned q, const char *who)
{
    unsigned slot;
    uint32_t len;

    return check_sync(c) &&
           (!check_look(c, q, &slot, &len) || check_saw(c, "an answer %s", who));
}

/* ---- features and configuration ---- */

/* What may be offered: bits of GPIO, of the transport, and of rings. */
#define KNOWN_LOW (VGPIO_F_IRQ | UINT64_C(0x7d000000)) /* bits 0, 24, 26 to 30 */
#define KNOWN_HIGH (UINT64_C(0x9df) << 32)             /* 32 to 36, 38 to 40, 43 */

static bool offers(struct check *c)
{
    uint64_t odd = c->offered & ~(KNOWN_LOW | KNOWN_HIGH);

    if (odd != 0) {
        return check_saw(c, "features 0x%llx, which no GPIO device here can have",
                         (unsigned long long)odd);
    }
    return true;
}

static bool prerequisites(struct check *c)
{
    const uint64_t data = UINT64_C(1) << 38, config_data = UINT64_C(1) << 39;

    if ((c->offered & config_data) != 0 && (c->offered & data) == 0) {
        return check_saw(c, "NOTIF_CONFIG_DATA without NOTIFICATION_DATA");
    }
    return (c->offered & VGPIO_F_IN_ORDER) == 0 || (c->offered & VGPIO_F_IRQ) == 0 ||
           check_saw(c, "IN_ORDER with F_IRQ: events cannot come in order");
}

static bool version_1(struct check *c)
{
    return (c->offered & VGPIO_F_VERSION_1) != 0 || check_saw(c, "it is not offered");
}

/* Each subset on the connection of the one before, with stopped rings. */
static bool subsets(struct check *c)
{
    static const uint64_t bits[] = {VGPIO_F_IRQ, VGPIO_F_INDIRECT, VGPIO_F_EVENT_IDX,
                                    VGPIO_F_PACKED};
    unsigned set, i;

    for (set = 0; set < 16; set++) {
        uint64_t features = VGPIO_F_VERSION_1;

        for (i = 0; i < 4; i++) {
            features |= (set >> i & 1u) != 0 ? bits[i] & c->offered : 0;
        }
        c->packed = (features & VGPIO_F_PACKED) != 0;
        if (!check_begin(c, features) || !asks(c, 3) || !check_stop_all(c)) {
            c->packed = false;
            return false;
        }
    }
    c->packed = false;
    return true;
}

static bool not_offered(struct check *c)
{
    unsigned bit;

    for (bit = 1; bit < 64; bit++) {
        uint64_t more = UINT64_C(1) << bit;

        if ((c->offered & more) == 0 &&
            check_features(c, VGPIO_F_VERSION_1 | more) == 0) {
            return check_saw(c, "feature bit %u was not offered, and is accepted", bit);
        }
        if (vgpio_vuf_error(&c->front.vuf) != 0) {
            c->saw[0] = '\0'; /* hung up, which is a refusal */
            check_close(c);
            if (!check_connect(c)) {
                return false;
            }
        }
    }
    return true;
}

/* Renegotiation after all rings were stopped. */
static bool restart(struct check *c)
{
    unsigned i;

    for (i = 0; i < 3; i++) {
        if (!asks(c, 2) || !check_stop_all(c) || !check_begin(c, c->features)) {
            return false;
        }
    }
    return ask(c);
}

/* What was kept for event buffers of the old rings is not written to the new ones: two
 * lines, the last one among them. */
static bool restart_forgets(struct check *c)
{
    const unsigned line[2] = {check_irq_line(c), c->config.ngpio - 1u};
    unsigned i, slot;
    uint32_t len;
    uint8_t a[2];

    for (i = 0; i < 2 && (i == 0 || line[1] != line[0]); i++) {
        if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, line[i], VGPIO_DIR_IN, 0) ||
            !check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line[i], VGPIO_IRQ_EDGE_RISING, 0)) {
            return false;
        }
        check_unmask(c, i, line[i]);
    }
    if (!check_no_event(c) || !check_stop_all(c) || !check_begin(c, c->features)) {
        return false;
    }
    for (i = 0; i < 2; i++) {
        if (!check_ask(c, VGPIO_MSG_SET_IRQ_TYPE, line[i], VGPIO_IRQ_NONE, a)) {
            return false;
        }
    }
    return ask(c) && (!check_look(c, 1, &slot, &len) ||
                      check_saw(c, "an event buffer of the rings before comes back on "
                                   "the new ones"));
}

static bool read_config(struct check *c, const char *when)
{
    uint8_t b[8] = {0};

    return (vgpio_vuf_bus_ops.config_read(&c->front.vuf, 0, b, 8) == 0 &&
            memcmp(b, c->config_bytes, 8) == 0) ||
           check_saw(c, "another configuration %s", when);
}

static bool config_constant(struct check *c)
{
    return read_config(c, "before features are taken") && check_begin(c, c->features) &&
           read_config(c, "with running rings") && ask(c) &&
           read_config(c, "after a request") && check_stop_all(c) &&
           read_config(c, "with stopped rings");
}

/* ---- stopped and disabled ---- */

static bool enable(struct check *c, unsigned q, unsigned on)
{
    uint32_t state[2] = {q, on};

    if ((c->offered & VGPIO_VU_F_PROTOCOL) == 0) {
        return true;
    }
    return vgpio_vuf_call(&c->front.vuf, VGPIO_VU_SET_VRING_ENABLE, state, sizeof state,
                          NULL, 0) == 0
               ? check_sync(c)
               : check_saw(c, "SET_VRING_ENABLE %u is refused", on);
}

static bool disabled(struct check *c)
{
    if (!ask(c) || !enable(c, 0, 0)) {
        return false;
    }
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    if ((c->offered & VGPIO_VU_F_PROTOCOL) != 0 && !silent(c, 0, "of a disabled ring")) {
        return false;
    }
    if (!enable(c, 0, 1)) {
        return false;
    }
    check_kick(c, 0); /* the first one may count for nothing */
    return check_watch(c) && check_sync(c) && (check_called(c, 0, 0), ask(c));
}

static bool position(struct check *c, unsigned q, uint32_t base)
{
    const struct check_ring *r = &c->ring[q];
    uint32_t want = c->packed ? r->avail | (uint32_t)r->used << 16 : r->avail;

    return base == want || check_saw(c, "position 0x%x, not 0x%x", base, want);
}

static bool stop(struct check *c)
{
    uint32_t base = 0;

    if (!asks(c, 3) || !check_stop_ring(c, 0, &base) || !position(c, 0, base)) {
        return false;
    }
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    return silent(c, 0, "from a stopped ring");
}

/* The queues stop one by one. */
static bool stop_events(struct check *c)
{
    if (!ask(c) || !check_stop_ring(c, 1, NULL) || !asks(c, 3)) {
        return false;
    }
    check_unmask(c, 0, c->config.ngpio);
    return asks(c, 1) && silent(c, 1, "from a stopped ring");
}

/* Armed and unmasked, then stopped: neither an edge nor a message changes memory. */
static bool stopped_quiet(struct check *c)
{
    static uint8_t before[CHECK_NAMES];
    unsigned line = check_irq_line(c);

    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN, 0) ||
        !check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH, 0)) {
        return false;
    }
    check_unmask(c, 0, line);
    if (!check_no_event(c) || !check_stop_all(c)) {
        return false;
    }
    memcpy(before, c->front.mem, sizeof before);
    if (c->control != NULL && (!check_level(c, 1) || !check_level(c, 0))) {
        return false;
    }
    return check_sync(c) && (memcmp(before, c->front.mem, sizeof before) == 0 ||
                             check_saw(c, "memory changed while all rings were stopped"));
}

static bool not_begun(struct check *c)
{
    check_lay_ring(c, 0, CHECK_RING, 0);
    if (check_features(c, c->features) != 0 || vgpio_vuf_share(&c->front.vuf) != 0) {
        return check_saw(c, "features or memory are refused");
    }
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    if (!silent(c, 0, "before the ring was told of")) {
        return false;
    }
    return check_tell_ring(c, 0, false) && (check_kick(c, 0), check_watch(c)) && ask(c);
}

/* ---- stopped, and going on ---- */

/* With the position that the device told. */
static bool go_on(struct check *c, unsigned q, uint32_t base)
{
    struct vgpio_vq_setup *at = &c->ring[q].at;

    at->avail_pos = (uint16_t)base;
    at->used_pos = (uint16_t)(base >> 16);
    at->flags = VGPIO_VQ_TOLD;
    return vgpio_vuf_ring_start(&c->front.vuf, q, at) == 0 ||
           check_saw(c, "queue %u does not start again", q);
}

static bool resume(struct check *c)
{
    uint32_t base = 0;
    unsigned i;

    for (i = 0; i < 40; i++) {
        if (!asks(c, i % 4) || !check_stop_ring(c, 0, &base) || !position(c, 0, base) ||
            !go_on(c, 0, base)) {
            return false;
        }
    }
    return ask(c);
}

static bool resume_pending(struct check *c)
{
    uint32_t base = 0, len;
    unsigned i, slot;

    if (!asks(c, 5) || !check_stop_ring(c, 0, &base)) {
        return false;
    }
    for (i = 0; i < 3; i++) {
        check_stage(c, i, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    }
    if (!go_on(c, 0, base)) {
        return false;
    }
    check_kick(c, 0);
    for (i = 0; i < 3; i++) {
        if (!check_used(c, 0, &slot, &len)) {
            return false;
        }
        if (slot != i || len != 2) {
            return check_saw(c, "buffer %u in place of buffer %u", slot, i);
        }
    }
    return ask(c);
}

/* In the same place, from the beginning, while the other queue goes on. */
static bool afresh(struct check *c)
{
    unsigned i;

    for (i = 0; i < 3; i++) {
        if (!asks(c, 3) || !check_stop_ring(c, 0, NULL) || !check_start_ring(c, 0)) {
            return false;
        }
    }
    return asks(c, 3);
}

static bool enabled(struct check *c, unsigned line)
{
    return check_ok(c, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN, 0) &&
           check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING, 0);
}

static bool taken_back(struct check *c, unsigned line, unsigned slot)
{
    return check_ok(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE, 0) &&
           check_event(c, slot, INVALID);
}

/* One event buffer is held and a later one came back, when both rings stop and go on: the
 * held one is neither lost nor given back twice, and no request is worked off again. */
static bool resume_held(struct check *c)
{
    uint32_t base[2] = {0, 0};

    if (!enabled(c, 0) || !enabled(c, 1)) {
        return false;
    }
    check_unmask(c, 0, 0);
    check_unmask(c, 1, 1);
    if (!check_no_event(c) || !taken_back(c, 1, 1) || !check_stop_ring(c, 0, &base[0]) ||
        !check_stop_ring(c, 1, &base[1])) {
        return false;
    }
    return go_on(c, 0, base[0]) && go_on(c, 1, base[1]) && check_no_event(c) &&
           taken_back(c, 0, 0) && check_no_event(c);
}

static bool resize(struct check *c)
{
    static const uint16_t sizes[] = {16, 32, 8, 64};
    unsigned i;

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!asks(c, 3) || !check_stop_ring(c, 0, NULL)) {
            return false;
        }
        check_lay_ring(c, 0, sizes[i], i % 2 == 0 ? SPARE : 0);
        if (!check_tell_ring(c, 0, false) || !asks(c, 3u * sizes[i])) {
            return false;
        }
    }
    return true;
}

/* A ring that begins where another left off: the index passes 0xff and 0xffff. */
static bool base_of(struct check *c)
{
    static const uint16_t bases[] = {0xfe, 0xfffd, 0x7fff};
    struct check_ring *r = &c->ring[0];
    unsigned i;

    for (i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (!asks(c, 2) || !check_stop_ring(c, 0, NULL)) {
            return false;
        }
        check_lay_ring(c, 0, CHECK_RING, i % 2 == 0 ? SPARE : 0);
        r->avail = r->used = bases[i];
        check_put16(c, r->at.driver + 2, bases[i]);
        check_put16(c, r->at.device + 2, bases[i]);
        if (!check_tell_ring(c, 0, true) || !asks(c, 5)) {
            return false;
        }
    }
    return true;
}

/* The same memory told once more while rings run: what is held stays held. */
static bool memory_again(struct check *c)
{
    if (!enabled(c, 0)) {
        return false;
    }
    check_unmask(c, 0, 0);
    if (!check_no_event(c) || vgpio_vuf_share(&c->front.vuf) != 0) {
        return check_saw(c, "SET_MEM_TABLE with running rings is refused");
    }
    return asks(c, 3) && taken_back(c, 0, 0) && check_no_event(c);
}

static bool new_call(struct check *c)
{
    int *call = &c->front.vuf.cfg.call[0], other = call[1];
    uint64_t word = 0;
    bool ok;

    if (!ask(c) || vgpio_vuf_call(&c->front.vuf, VGPIO_VU_SET_VRING_CALL, &word,
                                  sizeof word, &other, 1) != 0) {
        return check_saw(c, "another descriptor for interrupts is refused");
    }
    if (!check_sync(c)) {
        return false;
    }
    check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
    check_kick(c, 0);
    ok = check_called(c, 1, c->timeout_ms); /* the eventq is not used here */
    return ok || check_saw(c, "no interrupt by the new descriptor");
}

#define QUIET (CHECK_IRQ | CHECK_BOTH)

const struct check_test check_state_tests[] = {
    {"offers", "CORE-DEV-06", "read the features", "none that is unknown or of PCI only",
     offers, CHECK_RAW},
    {"prerequisites", "CORE-DEV-04", "read the features",
     "none without what it needs, nor IN_ORDER with F_IRQ", prerequisites, CHECK_RAW},
    {"version-1", "CORE-DEV-08", "read the features", "VERSION_1 is among them",
     version_1, CHECK_RAW},
    {"subsets", "CORE-DEV-05", "each subset of F_IRQ, INDIRECT, EVENT_IDX and PACKED",
     "it is taken, and requests are answered", subsets, CHECK_RAW},
    {"unknown-features", "CORE-DEV-05", "features that were not offered, one at a time",
     "refused", not_offered, CHECK_RAW | CHECK_ACK},
    {"config-constant", "CORE-DEV-17", "read the config space before and after all",
     "it can be read each time, and is the same", config_constant, CHECK_RAW},
    {"restart", "CORE-DEV-07", "stop, the same features and rings anew, three times",
     "it works each time, from the beginning", restart, CHECK_BOTH},
    {"restart-forgets", "CORE-DEV-16", "new rings while event buffers were held",
     "nothing of them on the new ones", restart_forgets, QUIET},
    {"not-begun", "CORE-DEV-01", "a request and a notification before there is a ring",
     "nothing; with the ring, an answer", not_begun, CHECK_RAW | CHECK_BOTH},
    {"disabled", "CORE-DEV-01", "a request while the ring is disabled",
     "no answer until it is enabled", disabled, CHECK_BOTH},
    {"stop", "CORE-DEV-19", "GET_VRING_BASE, then a request",
     "the position, and no answer", stop, CHECK_BOTH},
    {"stop-events", "CORE-DEV-19", "GET_VRING_BASE of the eventq",
     "requests are answered, event buffers are not", stop_events, QUIET},
    {"stopped-quiet", "CORE-DEV-15", "stopped while an event buffer is held",
     "no memory changes", stopped_quiet, QUIET},
    {"afresh", "CORE-DEV-20", "stopped, and a new ring in the same place, three times",
     "it works from the beginning", afresh, CHECK_BOTH},
    {"resume", "B27", "stopped and started where it stood, 40 times",
     "the position each time, and answers", resume, CHECK_BOTH},
    {"resume-pending", "B27", "requests that came while the ring was stopped",
     "each answered once", resume_pending, CHECK_BOTH},
    {"resume-held", "B27", "both rings stop and go on while an event buffer is held",
     "it comes back once, when its interrupt is disabled", resume_held,
     QUIET | CHECK_PAIR},
    {"resize", "CORE-DEV-21", "stopped, and started with another size elsewhere",
     "requests are answered", resize, CHECK_BOTH},
    {"base", "B24", "rings that begin before 0x100, 0x8000 and 0x10000",
     "requests are answered over that", base_of, 0},
    {"memory-again", "B20", "SET_MEM_TABLE while rings run and a buffer is held",
     "requests are answered, and the buffer comes back when it should", memory_again,
     QUIET},
    {"new-call", "B23", "another descriptor for the interrupts of a running ring",
     "the next one comes by it", new_call, 0},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
