/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include <virtiogpio/config.h>

#include "model.h"
#include "mutant.h"

static const struct mutant *mutant;
static struct mutant_memory *memory[2];
static enum step step;
static int fences;
static int32_t wanted;
static unsigned platform, packed;

/* What orders, where: [packed][platform][side][step][mutation that takes it away]
 * [which]. */
static uint8_t orders[2][2][2][STEPS][M_UNACQUIRED + 1][4];

/* The order of fences within a step: release (platform only), full, acquire (platform
 * only). */
const struct mutant mutants[] = {
    /* B2, B7: between index and the look at what the peer waits for */
    {"driver publish: no fence", M_NO_FENCE, DRIVER, S_PUBLISH, 0, 0, 0, NEED_EVENT_IDX},
    {"device publish: no fence", M_NO_FENCE, DEVICE, S_PUBLISH, 0, 0, 0, NEED_EVENT_IDX},
    {"driver publish: no fence, flags", M_NO_FENCE, DRIVER, S_PUBLISH, 0, 0, 0,
     NEED_FLAGS},
    {"device publish: no fence, flags", M_NO_FENCE, DEVICE, S_PUBLISH, 0, 0, 0,
     NEED_FLAGS},
    /* B4, B8: between the request to be notified and the second look */
    {"driver rearm: no fence", M_NO_FENCE, DRIVER, S_REARM, 0, 0, 0, NEED_EVENT_IDX},
    {"device rearm: no fence", M_NO_FENCE, DEVICE, S_REARM, 0, 0, 0, NEED_EVENT_IDX},
    {"driver rearm: no fence, flags", M_NO_FENCE, DRIVER, S_REARM, 0, 0, 0, NEED_FLAGS},
    {"device rearm: no fence, flags", M_NO_FENCE, DEVICE, S_REARM, 0, 0, 0, NEED_FLAGS},
    /* B1, B6 */
    {"driver publish: relaxed index", M_RELAXED, DRIVER, S_PUBLISH, 0, 0, 0, 0},
    {"device publish: relaxed index", M_RELAXED, DEVICE, S_PUBLISH, 0, 0, 0, 0},
    /* B3, B5 */
    {"driver get: index not acquired", M_UNACQUIRED, DRIVER, S_TAKE, 0, 0, 0, 0},
    {"driver rearm: index not acquired", M_UNACQUIRED, DRIVER, S_REARM, 0, 0, 0,
     NEED_SPLIT},
    {"device pop: index not acquired", M_UNACQUIRED, DEVICE, S_TAKE, 0, 0, 0, 0},
    {"device rearm: index not acquired", M_UNACQUIRED, DEVICE, S_REARM, 0, 0, 0,
     NEED_SPLIT},
    /* the same with VIRTIO_F_ORDER_PLATFORM, where only its fences count */
    {"platform, driver publish: no release fence", M_NO_FENCE, DRIVER, S_PUBLISH, 0, 0, 0,
     NEED_PLATFORM},
    {"platform, driver publish: no full fence", M_NO_FENCE, DRIVER, S_PUBLISH, 0, 0, 1,
     NEED_PLATFORM | NEED_EVENT_IDX},
    {"platform, device publish: no release fence", M_NO_FENCE, DEVICE, S_PUBLISH, 0, 0, 0,
     NEED_PLATFORM},
    {"platform, device publish: no full fence", M_NO_FENCE, DEVICE, S_PUBLISH, 0, 0, 1,
     NEED_PLATFORM | NEED_EVENT_IDX},
    {"platform, driver rearm: no full fence", M_NO_FENCE, DRIVER, S_REARM, 0, 0, 0,
     NEED_PLATFORM | NEED_EVENT_IDX},
    {"platform, device rearm: no full fence", M_NO_FENCE, DEVICE, S_REARM, 0, 0, 0,
     NEED_PLATFORM | NEED_EVENT_IDX},
    {"platform, driver get: no acquire fence", M_NO_FENCE, DRIVER, S_TAKE, 0, 0, 0,
     NEED_PLATFORM},
    {"platform, device pop: no acquire fence", M_NO_FENCE, DEVICE, S_TAKE, 0, 0, 0,
     NEED_PLATFORM},
    {"platform, driver rearm: no acquire fence", M_NO_FENCE, DRIVER, S_REARM, 0, 0, 1,
     NEED_PLATFORM | NEED_SPLIT},
    {"platform, device rearm: no acquire fence", M_NO_FENCE, DEVICE, S_REARM, 0, 0, 1,
     NEED_PLATFORM | NEED_SPLIT},
    /* publish and rearm with one fence between all the stores and all the looks */
    {"device settle: no fence", M_NO_FENCE, DEVICE, S_SETTLE, 0, 0, 0, NEED_EVENT_IDX},
    {"device settle: no fence, flags", M_NO_FENCE, DEVICE, S_SETTLE, 0, 0, 0, NEED_FLAGS},
    {"device settle: relaxed index", M_RELAXED, DEVICE, S_SETTLE, 0, 0, 0, 0},
    {"platform, device settle: no release fence", M_NO_FENCE, DEVICE, S_SETTLE, 0, 0, 0,
     NEED_PLATFORM},
    {"platform, device settle: no full fence", M_NO_FENCE, DEVICE, S_SETTLE, 0, 0, 1,
     NEED_PLATFORM | NEED_EVENT_IDX},
    {"device settle: index one ahead", M_ADD, DEVICE, S_SETTLE, W_USED_IDX, 0, 1, 0},
    {"device settle: no second look", M_BLIND, DEVICE, S_SETTLE, W_AVAIL_IDX, 0, 0,
     NEED_EVENT_IDX},
    {"device settle: no second look, flags", M_BLIND, DEVICE, S_SETTLE, W_AVAIL_IDX, 0, 0,
     NEED_FLAGS},
    {"device settle: flag stays", M_LOST, DEVICE, S_SETTLE, W_USED_FLAGS, 0, 0,
     NEED_FLAGS},
    {"device settle: does not ask", M_LOST, DEVICE, S_SETTLE, W_AVAIL_EVENT, 0, 0,
     NEED_EVENT_IDX},
    {"device settle: asks for one later", M_ADD, DEVICE, S_SETTLE, W_AVAIL_EVENT, 0, 1,
     NEED_EVENT_IDX},
    {"device settle: no second look", M_BLIND, DEVICE, S_SETTLE, W_FLAGS, 0, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device settle: no second look, DISABLE", M_BLIND, DEVICE, S_SETTLE, W_FLAGS, 0, 0,
     NEED_PACKED | NEED_FLAGS},
    {"device settle: DISABLE stays", M_LOST, DEVICE, S_SETTLE, W_DEVICE_EVENT, 0, 0,
     NEED_PACKED | NEED_FLAGS},
    {"device settle: asks for one later", M_ADD, DEVICE, S_SETTLE, W_DEVICE_EVENT, 0, 1,
     NEED_PACKED | NEED_EVENT_IDX},
    /* published too early */
    {"driver: descriptor after the index", M_LATE, DRIVER, 0, W_DESC, W_AVAIL_IDX, 0, 0},
    {"driver: table after the index", M_LATE, DRIVER, 0, W_TABLE, W_AVAIL_IDX, 0,
     NEED_INDIRECT},
    {"driver: head after the index", M_LATE, DRIVER, 0, W_HEAD, W_AVAIL_IDX, 0, 0},
    {"driver: request after the index", M_LATE, DRIVER, 0, W_REQUEST, W_AVAIL_IDX, 0, 0},
    {"driver: index one ahead", M_ADD, DRIVER, S_PUBLISH, W_AVAIL_IDX, 0, 1, 0},
    {"device: used element after the index", M_LATE, DEVICE, 0, W_ELEM, W_USED_IDX, 0, 0},
    {"device: answer after the index", M_LATE, DEVICE, 0, W_ANSWER, W_USED_IDX, 0, 0},
    {"device: index one ahead", M_ADD, DEVICE, S_PUBLISH, W_USED_IDX, 0, 1, 0},
    /* asked too early whether the peer waits */
    {"driver: index after the look", M_LATE, DRIVER, 0, W_AVAIL_IDX, W_AVAIL_EVENT, 0,
     NEED_EVENT_IDX},
    {"device: index after the look", M_LATE, DEVICE, 0, W_USED_IDX, W_USED_EVENT, 0,
     NEED_EVENT_IDX},
    {"driver: index after the look, flags", M_LATE, DRIVER, 0, W_AVAIL_IDX, W_USED_FLAGS,
     0, NEED_FLAGS},
    {"device: index after the look, flags", M_LATE, DEVICE, 0, W_USED_IDX, W_AVAIL_FLAGS,
     0, NEED_FLAGS},
    /* fell asleep wrongly */
    {"driver rearm: no second look", M_BLIND, DRIVER, S_REARM, W_USED_IDX, 0, 0,
     NEED_EVENT_IDX},
    {"device rearm: no second look", M_BLIND, DEVICE, S_REARM, W_AVAIL_IDX, 0, 0,
     NEED_EVENT_IDX},
    {"driver rearm: no second look, flags", M_BLIND, DRIVER, S_REARM, W_USED_IDX, 0, 0,
     NEED_FLAGS},
    {"device rearm: no second look, flags", M_BLIND, DEVICE, S_REARM, W_AVAIL_IDX, 0, 0,
     NEED_FLAGS},
    {"driver rearm: looks before it asks", M_LATE, DRIVER, 0, W_USED_EVENT, W_USED_IDX, 0,
     NEED_EVENT_IDX},
    {"device rearm: looks before it asks", M_LATE, DEVICE, 0, W_AVAIL_EVENT, W_AVAIL_IDX,
     0, NEED_EVENT_IDX},
    {"device rearm: flag stays", M_LOST, DEVICE, S_REARM, W_USED_FLAGS, 0, 0, NEED_FLAGS},
    {"driver rearm: does not ask", M_LOST, DRIVER, S_REARM, W_USED_EVENT, 0, 0,
     NEED_EVENT_IDX},
    {"device rearm: does not ask", M_LOST, DEVICE, S_REARM, W_AVAIL_EVENT, 0, 0,
     NEED_EVENT_IDX},
    {"driver rearm: asks for one later", M_ADD, DRIVER, S_REARM, W_USED_EVENT, 0, 1,
     NEED_EVENT_IDX},
    {"device rearm: asks for one later", M_ADD, DEVICE, S_REARM, W_AVAIL_EVENT, 0, 1,
     NEED_EVENT_IDX},
    {"driver rearm: asks for one earlier", M_ADD, DRIVER, S_REARM, W_USED_EVENT, 0, -1,
     NEED_EVENT_IDX},
    {"device rearm: asks for one earlier", M_ADD, DEVICE, S_REARM, W_AVAIL_EVENT, 0, -1,
     NEED_EVENT_IDX},
    /* the same in a packed ring, where the flags of a descriptor are the index */
    {"driver: descriptor after its flags", M_LATE, DRIVER, 0, W_DESC, W_FLAGS, 0,
     NEED_PACKED},
    {"driver: table after the flags", M_LATE, DRIVER, 0, W_TABLE, W_FLAGS, 0,
     NEED_PACKED | NEED_INDIRECT},
    {"driver: request after the flags", M_LATE, DRIVER, 0, W_REQUEST, W_FLAGS, 0,
     NEED_PACKED},
    {"device: id and length after the flags", M_LATE, DEVICE, 0, W_DESC, W_FLAGS, 0,
     NEED_PACKED},
    {"device: answer after the flags", M_LATE, DEVICE, 0, W_ANSWER, W_FLAGS, 0,
     NEED_PACKED},
    {"driver: flags after the look", M_LATE, DRIVER, 0, W_FLAGS, W_DEVICE_EVENT, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device: flags after the look", M_LATE, DEVICE, 0, W_FLAGS, W_DRIVER_EVENT, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"driver: flags after the look, DISABLE", M_LATE, DRIVER, 0, W_FLAGS, W_DEVICE_EVENT,
     0, NEED_PACKED | NEED_FLAGS},
    {"device: flags after the look, DISABLE", M_LATE, DEVICE, 0, W_FLAGS, W_DRIVER_EVENT,
     0, NEED_PACKED | NEED_FLAGS},
    {"driver rearm: no second look", M_BLIND, DRIVER, S_REARM, W_FLAGS, 0, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device rearm: no second look", M_BLIND, DEVICE, S_REARM, W_FLAGS, 0, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"driver rearm: no second look, DISABLE", M_BLIND, DRIVER, S_REARM, W_FLAGS, 0, 0,
     NEED_PACKED | NEED_FLAGS},
    {"device rearm: no second look, DISABLE", M_BLIND, DEVICE, S_REARM, W_FLAGS, 0, 0,
     NEED_PACKED | NEED_FLAGS},
    {"driver rearm: looks before it asks", M_LATE, DRIVER, 0, W_DRIVER_EVENT, W_FLAGS, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device rearm: looks before it asks", M_LATE, DEVICE, 0, W_DEVICE_EVENT, W_FLAGS, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device rearm: DISABLE stays", M_LOST, DEVICE, S_REARM, W_DEVICE_EVENT, 0, 0,
     NEED_PACKED | NEED_FLAGS},
    {"driver rearm: asks for one later", M_ADD, DRIVER, S_REARM, W_DRIVER_EVENT, 0, 1,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device rearm: asks for one later", M_ADD, DEVICE, S_REARM, W_DEVICE_EVENT, 0, 1,
     NEED_PACKED | NEED_EVENT_IDX},
    {"driver rearm: asks for one earlier", M_ADD, DRIVER, S_REARM, W_DRIVER_EVENT, 0, -1,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device rearm: asks for one earlier", M_ADD, DEVICE, S_REARM, W_DEVICE_EVENT, 0, -1,
     NEED_PACKED | NEED_EVENT_IDX},
    {"driver rearm: asks a lap too late", M_ADD, DRIVER, S_REARM, W_DRIVER_EVENT, 0,
     0x8000, NEED_PACKED | NEED_EVENT_IDX},
    {"device rearm: asks a lap too late", M_ADD, DEVICE, S_REARM, W_DEVICE_EVENT, 0,
     0x8000, NEED_PACKED | NEED_EVENT_IDX},
    {"driver event: whatever the lap", M_EVENT_LAP, DRIVER, 0, 0, 0, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"device event: whatever the lap", M_EVENT_LAP, DEVICE, 0, 0, 0, 0,
     NEED_PACKED | NEED_EVENT_IDX},
    {"driver: wraps one late", M_WRAP_LATE, DRIVER, 0, 0, 0, 0, NEED_PACKED},
    {"device: wraps one late", M_WRAP_LATE, DEVICE, 0, 0, 0, 0, NEED_PACKED},
    {"driver: wrap counter stays", M_WRAP_STUCK, DRIVER, 0, 0, 0, 0, NEED_PACKED},
    {"device: wrap counter stays", M_WRAP_STUCK, DEVICE, 0, 0, 0, 0, NEED_PACKED},
    {"driver get: < for <=", M_DIST_LESS, DRIVER, 0, 0, 0, 0, NEED_PACKED},
    {"device push: < for <=", M_DIST_LESS, DEVICE, 0, 0, 0, 0, NEED_PACKED},
    /* in order */
    {"in order, device: push in any order", M_DISORDER, DEVICE, 0, 0, 0, 0, NEED_ORDER},
    {"in order, driver: as they come", M_DISORDER, DRIVER, 0, 0, 0, 0, NEED_BATCH},
    {"in order, driver get: an element each", M_BATCH_FORGOT, DRIVER, 0, 0, 0, 0,
     NEED_BATCH},
    {"in order, driver get: past the last one", M_BATCH_KEPT, DRIVER, 0, 0, 0, 0,
     NEED_BATCH},
    {"in order, driver get: one length for all", M_BATCH_LENGTH, DRIVER, 0, 0, 0, 0,
     NEED_BATCH},
    {"in order, driver rearm: batch forgotten", M_BATCH_MUTE, DRIVER, 0, 0, 0, 0,
     NEED_BATCH | NEED_PACKED},
    {"in order, device: index counts the last one", M_BATCH_SHORT, DEVICE, 0, 0, 0, 0,
     NEED_BATCH},
    {"in order, device: element behind the batch", M_BATCH_BEHIND, DEVICE, 0, 0, 0, 0,
     NEED_BATCH},
    {"in order, device: names the first one", M_BATCH_FIRST, DEVICE, 0, 0, 0, 0,
     NEED_BATCH},
    {"driver init: ring not emptied", M_KEEP, DRIVER, 0, 0, 0, 0, NEED_RESET},
    /* the comparison */
    {"driver event: the entry behind", M_EVENT_NEXT, DRIVER, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"device event: the entry behind", M_EVENT_NEXT, DEVICE, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"driver event: the entry before", M_EVENT_PREV, DRIVER, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"device event: the entry before", M_EVENT_PREV, DEVICE, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"driver event: <= for <", M_EVENT_EQUAL, DRIVER, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"device event: <= for <", M_EVENT_EQUAL, DEVICE, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"driver event: last of the batch", M_EVENT_LAST, DRIVER, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"device event: last of the batch", M_EVENT_LAST, DEVICE, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"driver event: never", M_EVENT_NEVER, DRIVER, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"device event: never", M_EVENT_NEVER, DEVICE, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"driver event: always", M_EVENT_ALWAYS, DRIVER, 0, 0, 0, 0, NEED_EVENT_IDX},
    {"device event: always", M_EVENT_ALWAYS, DEVICE, 0, 0, 0, 0, NEED_EVENT_IDX},
};
const unsigned nmutants = sizeof mutants / sizeof mutants[0];

/* Words of one layout only are in mutants of that layout only. */
int mutant_applies(const struct mutant *m, unsigned is_packed, unsigned is_short)
{
    int any = m->what < M_LATE || m->what == M_KEEP || m->what >= M_FIRST_ORDER ||
              (m->what >= M_EVENT_NEXT && m->what <= M_EVENT_ALWAYS);

    if (is_short && m->what >= M_FIRST_ORDER) {
        return 0;
    }
    if (m->step == S_SETTLE && !(is_short && VGPIO_CFG_FAST)) {
        return 0;
    }
    if (is_short &&
        !(m->side == DEVICE && (m->step == S_TAKE || m->step == S_SETTLE ||
                                m->what == M_LATE || m->what >= M_WRAP_LATE))) {
        return 0;
    }
    if (is_packed) {
        return (m->needs & NEED_PACKED) != 0 || (any && !(m->needs & NEED_SPLIT));
    }
    return (m->needs & NEED_PACKED) == 0;
}

void mutant_select(const struct mutant *m, unsigned is_platform, unsigned is_packed,
                   struct mutant_memory *driver, struct mutant_memory *device)
{
    platform = is_platform;
    packed = is_packed;
    mutant = m;
    memory[DRIVER] = driver;
    memory[DEVICE] = device;
}

void mutant_step(enum step s)
{
    step = s;
    fences = 0;
    wanted = -1;
}

int32_t mutant_wanted(void)
{
    return wanted;
}

/* Is it this mutant and side? */
static int is(enum mutation what)
{
    return mutant != NULL && mutant->what == what && mutant->side == model_self();
}

/* It stands here in the library; returns whether the mutant leaves it out. */
static int left_out(enum mutation what, int which)
{
    if (mutant == NULL) {
        orders[packed][platform][model_self()][step][what][which & 3] = 1;
    }
    return is(what) && step == mutant->step && which == mutant->nth;
}

/* What get and pop find in a packed ring they acquire themselves; rearm only looks. */
static int needless(unsigned in_packed, unsigned on_platform, unsigned at, unsigned what,
                    int which)
{
    return in_packed && at == S_REARM &&
           (on_platform ? what == M_NO_FENCE && which == 1 : what == M_UNACQUIRED);
}

static int covered(unsigned in_packed, unsigned on_platform, unsigned side, unsigned at,
                   unsigned what, int which)
{
    unsigned i;

    for (i = 0; i < nmutants; i++) {
        const struct mutant *m = &mutants[i];

        if (m->side == side && m->step == at && m->what == what && m->nth == which &&
            mutant_applies(m, in_packed, at == S_SETTLE) &&
            !(m->needs & NEED_PLATFORM) == !on_platform) {
            return 1;
        }
    }
    return 0;
}

/* Of one step on one side: places that order, and those without a mutant. */
static void check_step(unsigned in_packed, unsigned on_platform, unsigned side,
                       unsigned at, unsigned *seen, unsigned *missing)
{
    static const char *const name[] = {"", "fence", "release", "acquire"};
    unsigned what;
    int which;

    for (what = M_NO_FENCE; what <= M_UNACQUIRED; what++) {
        for (which = 0; which < 4; which++) {
            if (!orders[in_packed][on_platform][side][at][what][which] ||
                needless(in_packed, on_platform, at, what, which)) {
                continue;
            }
            ++*seen;
            if (!covered(in_packed, on_platform, side, at, what, which)) {
                ++*missing;
                printf(
                    "FAIL  no mutant: packed %u, platform %u, side %u, step %u, %s %d\n",
                    in_packed, on_platform, side, at, name[what], which);
            }
        }
    }
}

unsigned mutant_uncovered(void)
{
    unsigned side, at, seen = 0, missing = 0;

    for (side = 0; side < 2; side++) {
        for (at = 0; at < STEPS; at++) {
            unsigned i;

            for (i = 0; i < 4; i++) {
                check_step(i & 1u, i >> 1, side, at, &seen, &missing);
            }
        }
    }
    printf("%-5s each of %u places that order has a mutant\n", missing ? "FAIL" : "ok",
           seen);
    return missing;
}

static struct mutant_memory *mine(void)
{
    return memory[model_self()];
}

static void catch_up(void)
{
    struct mutant_memory *m = mine();
    unsigned i;

    for (i = 0; i < m->nlate; i++) {
        model_store(m->late[i].at, m->late[i].width, m->late[i].value,
                    m->late[i].release);
    }
    memset(m->late, 0, sizeof m->late);
    m->nlate = 0;
}

void mutant_step_over(void)
{
    /* Payload goes on waiting for the index that covers it. */
    if (is(M_LATE) && mutant->until != W_AVAIL_IDX && mutant->until != W_USED_IDX &&
        mutant->until != W_FLAGS) {
        catch_up();
    }
}

/* Flags of a descriptor that went neither way yet. */
static uint16_t untouched(void)
{
    return model_self() == DRIVER ? 0x0080u : 0;
}

/* What a device looks at to know whether it is to interrupt. */
static int is_wish(unsigned kind)
{
    return kind == W_AVAIL_FLAGS || kind == W_USED_EVENT || kind == W_DRIVER_EVENT;
}

static uint64_t load_word(const void *p, unsigned width, int acquire)
{
    unsigned kind = model_kind(p);
    uint64_t v;

    if (is(M_BLIND) && step == mutant->step && kind == mutant->word) {
        return kind == W_FLAGS ? untouched() : mine()->index;
    }
    if (platform || (acquire && left_out(M_UNACQUIRED, 0))) {
        acquire = 0;
    }
    v = model_load(p, width, acquire);
    if (kind == W_AVAIL_IDX || kind == W_USED_IDX) {
        mine()->index = (uint16_t)v;
    }
    if (step == S_PUBLISH || (step == S_SETTLE && is_wish(kind))) {
        wanted = (int32_t)(v & 0x7fffffffu); /* publish loads nothing else */
    }
    if (is(M_LATE) && kind == mutant->until) {
        catch_up();
    }
    return v;
}

static void store_word(void *p, unsigned width, uint64_t value, int release)
{
    unsigned kind = model_kind(p);
    struct mutant_memory *m = mine();

    if (is(M_LATE) && kind == mutant->word) {
        m->late[m->nlate].at = p;
        m->late[m->nlate].width = width;
        m->late[m->nlate].value = value;
        m->late[m->nlate].release = release;
        m->nlate++;
        return;
    }
    if (is(M_LOST) && step == mutant->step && kind == mutant->word) {
        return;
    }
    if (is(M_ADD) && step == mutant->step && kind == mutant->word) {
        uint64_t position = (uint16_t)(value + (uint64_t)mutant->nth);

        value = (value & ~(uint64_t)UINT16_MAX) | position;
    }
    if (platform || (release && left_out(M_RELAXED, 0))) {
        release = 0;
    }
    model_store(p, width, value, release);
    if (is(M_LATE) && kind == mutant->until) {
        catch_up();
    }
}

/* An access of several words is one of each: nobody needs it to be atomic as a whole. */
static unsigned word_width(const void *p, unsigned width)
{
    unsigned w = model_is_word(p) ? model_width(p) : width;

    return w < width ? w : width;
}

uint64_t mutant_load(const void *p, unsigned width, int acquire)
{
    const uint8_t *from = p;
    unsigned done = 0, w;
    uint64_t v = 0;

    for (; done < width; done += w) {
        w = word_width(from + done, width - done);
        v |= load_word(from + done, w, acquire) << (8 * done);
    }
    return v;
}

void mutant_store(void *p, unsigned width, uint64_t value, int release)
{
    uint8_t *to = p;
    unsigned done = 0, w;

    for (; done < width; done += w) {
        w = word_width(to + done, width - done);
        store_word(to + done, w, value >> (8 * done) & (UINT64_MAX >> (64 - 8 * w)),
                   release);
    }
}

void mutant_fence(int for_platform)
{
    /* What orders CPUs orders nothing there, as acquire and release above. */
    if (platform && !for_platform) {
        return;
    }
    if (!left_out(M_NO_FENCE, fences++)) {
        model_fence();
    }
}

void *mutant_copy(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    while (n != 0) {
        uint64_t v = 0;
        unsigned width = model_width(model_is_word(f) ? (const void *)f : t);

        if (model_is_word(f)) {
            v = mutant_load(f, width, 0);
            memcpy(t, &v, width);
        } else {
            memcpy(&v, f, width);
            mutant_store(t, width, v, 0);
        }
        t += width;
        f += width;
        n -= width;
    }
    return to;
}

/* A ring is emptied word by word, once there are words. */
void *mutant_set(void *to, int c, size_t n)
{
    uint8_t *t = to;

    while (n != 0) {
        unsigned width = model_is_word(t) ? model_width(t) : 1;

        if (model_is_word(t) && !is(M_KEEP)) {
            model_store(t, width, 0, 0);
        } else if (!model_is_word(t)) {
            *t = (uint8_t)c;
        }
        t += width;
        n -= width;
    }
    return to;
}

int mutant_is(enum mutation what)
{
    return is(what);
}

int mutant_event_is_mutated(void)
{
    return mutant != NULL && mutant->what >= M_EVENT_NEXT &&
           mutant->what <= M_EVENT_ALWAYS && mutant->side == model_self();
}

int mutant_need_event(uint16_t event, uint16_t now, uint16_t old)
{
    uint16_t behind = (uint16_t)(now - event - 1u);
    uint16_t batch = (uint16_t)(now - old);

    if (is(M_EVENT_NEXT)) {
        return (uint16_t)(behind - 1u) < batch;
    }
    if (is(M_EVENT_PREV)) {
        return (uint16_t)(behind + 1u) < batch;
    }
    if (is(M_EVENT_EQUAL)) {
        return behind <= batch;
    }
    if (is(M_EVENT_LAST)) {
        return behind == 0;
    }
    if (is(M_EVENT_NEVER)) {
        return 0;
    }
    return 1;
}
