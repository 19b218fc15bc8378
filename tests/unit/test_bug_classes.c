/* SPDX-License-Identifier: BSD-3-Clause */
/* Known classes of bugs in virtqueue code, as far as no other test is named after them.
 * docs/security.md has the whole list; the number in a name is the class. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_bench.h"

#define V(b) ((b)->vdev.ops)
#define OBJ(b) ((b)->vdev.obj)

static int setup(void **state)
{
    *state = bench_new();
    return 0;
}

static int teardown(void **state)
{
    bench_free(*state);
    return 0;
}

static void make_request(uint8_t bytes[VGPIO_REQUEST_SIZE], unsigned type, uint16_t line,
                         uint32_t value)
{
    struct vgpio_request m = {(uint16_t)type, line, value};

    vgpio_request_encode(bytes, &m);
}

static void expect_alive(struct bench *b)
{
    uint8_t level = (uint8_t)(b->level[7] ^ 1u);

    b->level[7] = level;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 7, 0), level);
    assert_int_equal(V(b)->error(OBJ(b), 0), 0);
    assert_int_equal(V(b)->error(OBJ(b), 1), 0);
}

/* ---- B9: ring sizes ------------------------------------------------------ */

static void test_b09_every_ring_size(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup s = b->q[0].setup;
    uint32_t size;

    V(b)->reset(OBJ(b));
    assert_int_equal(V(b)->ack_features(OBJ(b), b->features), 0);
    for (size = 0; size <= UINT16_MAX; size++) {
        int good = size != 0 && size <= 256 && (size & (size - 1)) == 0;

        s.size = (uint16_t)size;
        assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, &s),
                         good ? 0 : VGPIO_ERR_INVAL);
        if (good) { /* and cannot be changed under way */
            s.size = 1;
            assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, &s),
                             VGPIO_ERR_STATE);
            assert_int_equal(V(b)->queue_stop(OBJ(b), 0, VGPIO_STOP_RESET, NULL), 0);
        }
        assert_int_equal(b->mem.live, 0);
    }
}

/* ---- B10: queue numbers -------------------------------------------------- */

static void test_b10_queue_numbers_are_compared_unsigned(void **state)
{
    static const unsigned numbers[] = {2,       255,          256,     65536,
                                       INT_MAX, 1u + INT_MAX, UINT_MAX};
    struct bench *b = *state;
    struct vgpio_vq_setup s = b->q[0].setup;
    size_t i;

    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        unsigned q = numbers[i];

        assert_int_equal(vgpio_dev_kick(&b->dev, q), VGPIO_ERR_INVAL);
        assert_int_equal(V(b)->queue_max(OBJ(b), q), 0);
        assert_int_equal(V(b)->error(OBJ(b), q), VGPIO_ERR_INVAL);
        assert_int_equal(V(b)->queue_run(OBJ(b), q, 1), VGPIO_ERR_INVAL);
        assert_int_equal(V(b)->queue_stop(OBJ(b), q, VGPIO_STOP_NOW, NULL),
                         VGPIO_ERR_INVAL);
        assert_int_equal(V(b)->queue_start(OBJ(b), q, &b->mem.ops, &s), VGPIO_ERR_INVAL);
    }
    expect_alive(b);
}

/* ---- B14: two lengths that should agree ---------------------------------- */

/* What the message needs is known from the message alone; what it got never decides. */
static void test_b14_lengths_come_from_the_message(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[16];
    uint32_t len, room;

    for (len = 0; len <= 12; len++) {
        for (room = 0; room <= 6; room++) {
            uint32_t full = len < VGPIO_REQUEST_SIZE ? room : room > 2 ? 2 : room;
            uint16_t head;
            unsigned ops;

            memset(bytes, 0xff, sizeof bytes);
            make_request(bytes, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN);
            b->nlog = 0;
            head = bench_post_sized(b, bytes, len, room);
            assert_int_equal(vgpio_dev_kick(&b->dev, 0), 0);
            ops = len >= VGPIO_REQUEST_SIZE && room >= VGPIO_RESPONSE_SIZE;
            assert_int_equal(b->nlog, ops); /* no effect without an answer */
            assert_int_equal(bench_used_len(b, head), full > 2 ? 2 : (int)full);
            assert_int_equal(bench_cell(b, head)[16 + (full > 2 ? 2 : full)], 0xee);
        }
    }
    expect_alive(b);
}

/* ---- B17: a peer that never lets go -------------------------------------- */

static void test_b17_nothing_grows_with_what_is_pending(void **state)
{
    struct bench *b = *state;
    uint16_t heads[BENCH_CHAINS];
    unsigned i, done = 0;

    b->pend = 1;
    for (i = 0; i < BENCH_CHAINS; i++) {
        heads[i] = bench_post(b, VGPIO_MSG_GET_VALUE, (uint16_t)(i % BENCH_LINES), 0);
    }
    for (i = 0; i < 100; i++) {
        assert_int_equal(vgpio_dev_kick(&b->dev, 0), 0);
        assert_true(V(b)->in_flight(OBJ(b)) <= BENCH_REQS);
    }
    for (i = 0; i < b->nlog && done < BENCH_CHAINS; i++) { /* each makes room for one */
        assert_int_equal(vgpio_dev_complete(&b->dev, b->log[i].token, 1), 0);
        assert_true(V(b)->in_flight(OBJ(b)) <= BENCH_REQS);
        done++;
    }
    assert_int_equal(done, BENCH_CHAINS);
    for (i = 0; i < BENCH_CHAINS; i++) {
        assert_int_equal(bench_answer(b, heads[i]), 1);
    }
}

/* ---- B20: use after reset ------------------------------------------------ */

static void busy_lines(struct bench *b)
{
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_BOTH), 0);
    (void)bench_pair(b, 1);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(vgpio_dev_change(&b->dev, 2, VGPIO_RISING, 1), 0);
    b->pend = 1;
    b->nlog = 0;
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 3, 0);
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 3, 0);
    (void)bench_post(b, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_LEVEL_LOW);
    assert_int_equal(vgpio_dev_kick(&b->dev, 0), 0);
    assert_int_equal(b->nlog, 2);
}

static void everything_late(struct bench *b, int want)
{
    unsigned i, n = b->nlog;

    for (i = 0; i < n; i++) {
        if (b->log[i].op != 'R') {
            assert_int_equal(vgpio_dev_complete(&b->dev, b->log[i].token, 1), want);
        }
    }
    for (i = 0; i < BENCH_LINES; i++) {
        assert_int_equal(vgpio_dev_change(&b->dev, (uint16_t)i, 3, i & 1u), 0);
    }
    (void)vgpio_dev_kick(&b->dev, 0);
    (void)vgpio_dev_kick(&b->dev, 1);
}

static void test_b20_nothing_touches_memory_after_reset(void **state)
{
    struct bench *b = *state;
    unsigned maps;
    uint8_t *copy = malloc(b->mem.size);

    assert_non_null(copy);
    busy_lines(b);
    V(b)->reset(OBJ(b));
    assert_int_equal(b->mem.live, 0);
    maps = b->mem.maps;
    memcpy(copy, b->mem.base, b->mem.size);
    everything_late(b, VGPIO_ERR_STALE);
    assert_int_equal(b->mem.maps, maps);
    assert_memory_equal(copy, b->mem.base, b->mem.size);
    assert_int_equal(bench_events(b), 0);
    b->pend = 0;
    bench_restart(b);
    expect_alive(b);
    free(copy);
}

static void test_b20_nothing_touches_memory_after_stop(void **state)
{
    static const unsigned hows[] = {VGPIO_STOP_NOW, VGPIO_STOP_RESET};
    struct bench *b = *state;
    uint8_t *copy = malloc(b->mem.size);
    unsigned i, maps;

    assert_non_null(copy);
    for (i = 0; i < 2; i++) {
        busy_lines(b);
        assert_int_equal(V(b)->queue_stop(OBJ(b), 0, hows[i], NULL), 0);
        assert_int_equal(V(b)->queue_stop(OBJ(b), 1, hows[i], NULL), 0);
        assert_int_equal(b->mem.live, 0);
        maps = b->mem.maps;
        memcpy(copy, b->mem.base, b->mem.size);
        everything_late(b, 0); /* each token is still good once */
        assert_int_equal(b->mem.maps, maps);
        assert_memory_equal(copy, b->mem.base, b->mem.size);
        b->pend = 0;
        bench_restart(b);
        expect_alive(b);
    }
    free(copy);
}

/* ---- B24: ring indices as bytes ------------------------------------------ */

/* The peer's half of each test writes bytes, low one first, on any host. */
static void test_b24_indices_are_little_endian_and_whole(void **state)
{
    static const uint16_t starts[] = {0x00ff, 0x7fff, 0xfeff, 0xffff};
    struct bench *b = *state;
    size_t i;

    for (i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct ring_peer *p = &b->q[0];
        uint16_t at = starts[i];
        unsigned k;
        uint16_t head;

        assert_int_equal(V(b)->queue_stop(OBJ(b), 0, VGPIO_STOP_RESET, NULL), 0);
        ring_peer_wind(p, at);
        assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, &p->setup), 0);
        for (k = 0; k < 3; k++) {
            memset(b->mem.dirty, 0, b->mem.size);
            head = bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0);
            assert_int_equal(vgpio_dev_kick(&b->dev, 0), 0);
            assert_int_equal(bench_answer(b, head), 0);
            at++;
            assert_int_equal(ring_peer_used_idx(p), at);
            /* both bytes, whether or not they change, since it is one store */
            assert_int_equal(b->mem.dirty[p->setup.device + 2 - b->mem.gpa], 1);
            assert_int_equal(b->mem.dirty[p->setup.device + 3 - b->mem.gpa], 1);
        }
    }
}

/* ---- B26: steps in another order ----------------------------------------- */

static void test_b26_steps_in_another_order(void **state)
{
    struct bench *b = *state;
    uint64_t f = b->features;
    struct vgpio_vq_setup *s = &b->q[0].setup;

    assert_int_equal(V(b)->ack_features(OBJ(b), f & ~VGPIO_F_IRQ), VGPIO_ERR_STATE);
    assert_int_equal(V(b)->ack_features(OBJ(b), f), 0); /* the same again */
    V(b)->reset(OBJ(b));
    V(b)->reset(OBJ(b));
    assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, s), VGPIO_ERR_STATE);
    assert_int_equal(V(b)->queue_run(OBJ(b), 0, 1), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_dev_kick(&b->dev, 0), 0);
    assert_int_equal(V(b)->queue_stop(OBJ(b), 0, VGPIO_STOP_DRAIN, NULL), 0);
    assert_int_equal(V(b)->ack_features(OBJ(b), f & ~VGPIO_F_VERSION_1),
                     VGPIO_ERR_NOTSUP);
    assert_int_equal(V(b)->ack_features(OBJ(b), f | UINT64_C(1) << 63), VGPIO_ERR_NOTSUP);
    assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, s), VGPIO_ERR_STATE);
    assert_int_equal(V(b)->ack_features(OBJ(b), f & ~VGPIO_F_IRQ), 0);
    assert_int_equal(V(b)->ack_features(OBJ(b), f), 0); /* nothing runs yet */
    assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, s), 0);
    assert_int_equal(V(b)->ack_features(OBJ(b), f & ~VGPIO_F_IRQ), VGPIO_ERR_STATE);
    assert_int_equal(V(b)->queue_start(OBJ(b), 0, &b->mem.ops, s), VGPIO_ERR_STATE);
    bench_restart(b);
    expect_alive(b);
}

/* ---- B28: storms --------------------------------------------------------- */

static void test_b28_kicks_for_nothing_do_nothing(void **state)
{
    struct bench *b = *state;
    unsigned i, maps = b->mem.maps, traced = 0, again = 0;

    for (i = 0; i < VGPIO_TR_END; i++) {
        traced += b->trace[i];
    }
    for (i = 0; i < 1000; i++) {
        assert_int_equal(vgpio_dev_kick(&b->dev, i & 1u), 0);
    }
    assert_int_equal(bench_events(b), 0);
    assert_int_equal(b->mem.maps, maps);
    for (i = 0; i < VGPIO_TR_END; i++) {
        again += b->trace[i];
    }
    assert_int_equal(again, traced); /* no line in a log either */
}

/* One pair in, at most one out: a guest that posts INVALID pairs again drives itself. */
static void test_b28_a_pair_comes_back_at_most_once_a_kick(void **state)
{
    struct bench *b = *state;
    unsigned i;

    for (i = 0; i < 100; i++) {
        uint16_t head = bench_pair(b, 5); /* not enabled */

        assert_int_equal(bench_events(b), VGPIO_EV_QUEUE(1));
        assert_int_equal(bench_pair_status(b, head), VGPIO_IRQ_STATUS_INVALID);
        assert_int_equal(vgpio_dev_kick(&b->dev, 1), 0);
        assert_int_equal(bench_events(b), 0);
    }
    b->refuse = 1; /* after a refused type it is kept: no ping-pong at all */
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 5, VGPIO_IRQ_LEVEL_LOW),
                     BENCH_ERR);
    (void)bench_events(b);
    (void)bench_pair(b, 5);
    assert_int_equal(bench_events(b), 0);
}

/* ---- B30: odd commands leave a legal state ------------------------------- */

static void test_b30_every_odd_message_leaves_a_legal_state(void **state)
{
    static const uint32_t values[] = {
        0, 1,  2,  3,          4,           5,           7,         8,
        9, 12, 15, 0x00010000, 0x00010001u, 0x80000000u, UINT32_MAX};
    static const uint16_t lines[] = {0, BENCH_LINES - 1, BENCH_LINES, 0x8000, 0xffff};
    struct bench *b = *state;
    size_t v, l;
    unsigned type;

    for (type = 0; type < 0x10000; type = type < 10 ? type + 1 : type * 3) {
        for (v = 0; v < sizeof values / sizeof values[0]; v++) {
            for (l = 0; l < sizeof lines / sizeof lines[0]; l++) {
                int got = bench_call(b, type, lines[l], values[v]);

                b->nlog = 0;
                assert_true(got == BENCH_ERR || (got >= 0 && got <= 2));
                assert_true(got == BENCH_ERR || (lines[l] < BENCH_LINES && type >= 2 &&
                                                 type <= VGPIO_MSG_SET_IRQ_TYPE));
                assert_int_equal(V(b)->in_flight(OBJ(b)), 0);
            }
        }
        expect_alive(b);
    }
    /* Whatever was set, NONE brings every line back. */
    for (l = 0; l < BENCH_LINES; l++) {
        uint16_t line = (uint16_t)l;

        assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_NONE), 0);
        assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, line, 0), VGPIO_DIR_NONE);
        assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH),
                         0);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_b09_every_ring_size),
        T(test_b10_queue_numbers_are_compared_unsigned),
        T(test_b14_lengths_come_from_the_message),
        T(test_b17_nothing_grows_with_what_is_pending),
        T(test_b20_nothing_touches_memory_after_reset),
        T(test_b20_nothing_touches_memory_after_stop),
        T(test_b24_indices_are_little_endian_and_whole),
        T(test_b26_steps_in_another_order),
        T(test_b28_kicks_for_nothing_do_nothing),
        T(test_b28_a_pair_comes_back_at_most_once_a_kick),
        T(test_b30_every_odd_message_leaves_a_legal_state),
    };

    return cmocka_run_group_tests_name("bug_classes", tests, NULL, NULL);
}
