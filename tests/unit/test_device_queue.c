/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping and starting the standard device's rings: what is held, what goes on, what is
 * forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_bench.h"

#define REQ VGPIO_REQUESTQ
#define EVT VGPIO_EVENTQ

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

static struct vgpio_vq_setup where[2];

static int stop(struct bench *b, unsigned q, unsigned how)
{
    return b->vdev.ops->queue_stop(b->vdev.obj, q, how, &where[q]);
}

static void stop_both(struct bench *b, unsigned how)
{
    assert_int_equal(stop(b, REQ, how), 0);
    assert_int_equal(stop(b, EVT, how), 0);
    assert_int_equal(b->mem.live, 0);
}

static int start_at(struct bench *b, unsigned q, uint16_t base)
{
    struct vgpio_vq_setup s = b->q[q].setup;

    s.flags = VGPIO_VQ_TOLD;
    s.avail_pos = base;
    return b->vdev.ops->queue_start(b->vdev.obj, q, &b->mem.ops, &s);
}

/* Start as a transport does that tells no positions (mmio). */
static int start_untold(struct bench *b, unsigned q)
{
    struct vgpio_vq_setup s = b->q[q].setup;

    s.flags = 0;
    s.avail_pos = 77;        /* means nothing */
    s.features = UINT64_MAX; /* likewise: what counts was agreed on before */
    return b->vdev.ops->queue_start(b->vdev.obj, q, &b->mem.ops, &s);
}

/* The token of the last op of that name. */
static vgpio_token last_token(const struct bench *b, char op)
{
    unsigned i = b->nlog;

    while (i-- != 0) {
        if (b->log[i].op == op) {
            return b->log[i].token;
        }
    }
    fail_msg("no such op");
    return 0;
}

/* Go on where both said that they were. */
static void go_on(struct bench *b)
{
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(start_at(b, EVT, where[EVT].avail_pos), 0);
}

static void kick(struct bench *b, unsigned q)
{
    assert_int_equal(vgpio_dev_kick(&b->dev, q), 0);
}

/* A guest in the middle of things: lines 1 and 2 have pairs here that came in the order
 * 0, 1, 2 of which 0 is used already; line 3 has a latched edge; line 5 is asked for its
 * value and the backend has it; a second request for line 5 waits behind. */
struct busy {
    uint16_t pair1, pair2, get, get_again;
    vgpio_token token;
};

static struct busy make_busy(struct bench *b)
{
    struct busy g;
    uint16_t pair0, line;

    for (line = 0; line <= 3; line++) {
        assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH),
                         0);
    }
    g.pair1 = bench_pair(b, 1);
    pair0 = bench_pair(b, 0);
    g.pair2 = bench_pair(b, 2);
    assert_int_equal(vgpio_dev_change(&b->dev, 0, VGPIO_RISING, 1), 0);
    assert_int_equal(bench_pair_status(b, pair0), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(vgpio_dev_change(&b->dev, 3, VGPIO_RISING, 1), 0);
    b->pend = 1;
    g.get = bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    g.get_again = bench_post(b, VGPIO_MSG_GET_DIRECTION, 5, 0);
    kick(b, REQ);
    g.token = b->log[b->nlog - 1].token;
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 1);
    return g;
}

/* Nothing of it is lost, nothing comes twice. */
static void expect_goes_on(struct bench *b, struct busy g, int completed)
{
    uint16_t pair3;

    if (!completed) {
        assert_int_equal(bench_answer(b, g.get), BENCH_NONE);
        assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    }
    assert_int_equal(bench_answer(b, g.get), 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, last_token(b, 'g'), VGPIO_DIR_IN), 0);
    assert_int_equal(bench_answer(b, g.get_again), VGPIO_DIR_IN);
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_FALLING, 0), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(vgpio_dev_change(&b->dev, 2, VGPIO_FALLING, 0), 0);
    assert_int_equal(bench_pair_status(b, g.pair2), VGPIO_IRQ_STATUS_VALID);
    pair3 = bench_pair(b, 3);
    assert_int_equal(bench_pair_status(b, pair3), VGPIO_IRQ_STATUS_VALID);
}

/* A new guest: every line is as after power on, nothing of the old one is answered. */
static void expect_fresh(struct bench *b, struct busy g)
{
    uint16_t pair;

    b->pend = 0;
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_FALLING, 0), 0);
    assert_int_equal(ring_peer_used_idx(&b->q[EVT]), 0);
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 0);
    pair = bench_pair(b, 3);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 0);
}

/* The guest's memory is that of one that just booted. */
static void reboot(struct bench *b)
{
    unsigned q, i;

    for (q = 0; q < 2; q++) {
        ring_peer_wind(&b->q[q], 0);
        for (i = 0; i < BENCH_CHAINS; i++) {
            b->used[q][i] = BENCH_FREE;
        }
    }
}

/* ---- resume ------------------------------------------------------------------- */

static void test_memory_change_while_running(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    stop_both(b, VGPIO_STOP_NOW);
    go_on(b);
    expect_goes_on(b, g, 0);
    assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 2);
}

static void test_completion_while_stopped_is_held(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    unsigned maps;

    stop_both(b, VGPIO_STOP_NOW);
    maps = b->mem.maps;
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(b->mem.maps, maps); /* never a write into a stopped ring */
    assert_int_equal(bench_answer(b, g.get), BENCH_NONE);
    go_on(b);
    assert_int_equal(bench_pair_status(b, g.pair1), VGPIO_IRQ_STATUS_VALID);
    g.pair1 = bench_pair(b, 1);
    expect_goes_on(b, g, 1);
}

static void test_told_used_idx_resumes_as_well(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    stop_both(b, VGPIO_STOP_NOW); /* the front end died and did not hear our position */
    b->trace_sum[VGPIO_TR_QUEUE_RESUMED] = 0;
    assert_int_equal(start_at(b, REQ, ring_peer_used_idx(&b->q[REQ])), 0);
    assert_int_equal(b->trace_sum[VGPIO_TR_QUEUE_RESUMED], where[REQ].avail_pos);
    assert_int_equal(start_at(b, EVT, ring_peer_used_idx(&b->q[EVT])), 0);
    expect_goes_on(b, g, 0);
}

/* What the device remembers besides is not for others. */
static void test_a_stop_says_where_and_no_more(void **state)
{
    struct bench *b = *state;

    *peer_at(&b->mem, b->q[REQ].setup.desc, 1) = 1; /* as if it had come around */
    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(where[REQ].flags, VGPIO_VQ_TOLD);
    assert_int_equal(where[EVT].flags, VGPIO_VQ_TOLD);
}

static void test_either_order_of_starting(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(start_at(b, EVT, where[EVT].avail_pos), 0);
    /* The other ring has not been seen: nothing taken before is used yet. */
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), BENCH_NONE);
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), VGPIO_IRQ_STATUS_VALID);
    g.pair1 = bench_pair(b, 1);
    expect_goes_on(b, g, 0);
}

static void test_new_work_while_one_ring_is_awaited(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t head;

    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    b->pend = 0;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 6, 0);
    kick(b, REQ);
    assert_int_equal(bench_answer(b, head), 0);
    b->pend = 1;
    assert_int_equal(start_at(b, EVT, where[EVT].avail_pos), 0);
    expect_goes_on(b, g, 0);
}

static void test_one_ring_stops_and_goes_on(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    assert_int_equal(stop(b, EVT, VGPIO_STOP_NOW), 0);
    assert_int_equal(start_at(b, EVT, where[EVT].avail_pos), 0);
    expect_goes_on(b, g, 0);
}

static void test_posted_while_stopped_is_served(void **state)
{
    struct bench *b = *state;
    uint16_t head;

    stop_both(b, VGPIO_STOP_NOW);
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 6, 0);
    kick(b, REQ); /* harmless */
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    go_on(b);
    kick(b, REQ);
    assert_int_equal(bench_answer(b, head), 0);
}

/* ---- fresh ---------------------------------------------------------------------- */

static void test_rebooted_guest(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    unsigned resets;

    stop_both(b, VGPIO_STOP_NOW);
    reboot(b);
    resets = b->trace[VGPIO_TR_QUEUE_FRESH];
    b->nlog = 0;
    assert_int_equal(start_at(b, REQ, 0), 0);
    assert_int_equal(start_at(b, EVT, 0), 0);
    assert_int_equal(b->trace[VGPIO_TR_QUEUE_FRESH], resets + 2);
    assert_int_equal(b->nlog, 1); /* the lines hear of it, once */
    assert_int_equal(b->log[0].op, 'R');
    expect_fresh(b, g);
}

static void test_one_mismatch_makes_all_fresh(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    unsigned q;

    for (q = 0; q < 2; q++) { /* whichever starts first */
        stop_both(b, VGPIO_STOP_NOW);
        assert_int_equal(start_at(b, q, where[q].avail_pos), 0);
        ring_peer_wind(&b->q[q ^ 1u], 7); /* positions that we never were at */
        assert_int_equal(start_at(b, q ^ 1u, 7), 0);
        assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
        assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
        assert_int_equal(ring_peer_used_idx(&b->q[q ^ 1u]), 7);
        b->vdev.ops->reset(b->vdev.obj);
        reboot(b);
        b->pend = 0;
        bench_start(b);
        g = make_busy(b);
    }
}

static void test_other_addresses_are_another_ring(void **state)
{
    struct bench *b = *state;
    unsigned what;

    for (what = 0; what < 4; what++) {
        struct busy g = make_busy(b);
        struct vgpio_vq_setup s = b->q[REQ].setup;

        stop_both(b, VGPIO_STOP_NOW);
        s.flags = VGPIO_VQ_TOLD;
        s.avail_pos = where[REQ].avail_pos;
        s.size = what == 0 ? s.size / 2 : s.size;
        s.desc += what == 1 ? 16 : 0;
        s.driver += what == 2 ? 128 : 0;
        s.device += what == 3 ? 512 : 0;
        if (what == 3) { /* its index is where the other one was */
            peer_put16(&b->mem, s.device + 2, where[REQ].used_pos);
        }
        assert_int_equal(b->vdev.ops->queue_start(b->vdev.obj, REQ, &b->mem.ops, &s), 0);
        assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
        assert_int_equal(bench_answer(b, g.get), BENCH_NONE);
        assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 0);
        b->pend = 0;
        bench_restart(b);
    }
}

/* Same ring, but not where we were: the told base is nowhere near, or somebody else
 * published answers. */
static void test_other_positions_are_another_ring(void **state)
{
    struct bench *b = *state;
    unsigned what;

    for (what = 0; what < 3; what++) {
        struct busy g = make_busy(b);
        uint16_t base;

        stop_both(b, VGPIO_STOP_NOW);
        base = where[REQ].avail_pos;
        assert_int_not_equal(base, where[REQ].used_pos);
        if (what == 2) {
            peer_put16(&b->mem, b->q[REQ].setup.device + 2,
                       (uint16_t)(where[REQ].used_pos + 1));
        } else {
            base = (uint16_t)(what == 0 ? base + 1 : where[REQ].used_pos - 1);
        }
        assert_int_equal(start_at(b, REQ, base), 0);
        assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
        assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 0);
        b->pend = 0;
        bench_restart(b);
    }
}

static void test_impossible_index_is_not_the_same_ring(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    stop_both(b, VGPIO_STOP_NOW);
    ring_peer_set_avail_idx(&b->q[REQ],
                            (uint16_t)(where[REQ].avail_pos + BENCH_RING + 1));
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_PROTO);
}

static void test_other_features_are_another_driver(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint64_t features = b->features | VGPIO_F_EVENT_IDX;

    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, features), VGPIO_ERR_STATE);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0); /* again */
    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, features), 0);
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
}

static void test_other_features_where_only_one_ring_ran(void **state)
{
    struct bench *b = bench_make(VGPIO_F_IRQ, BENCH_REQS);
    uint64_t features = b->features | VGPIO_F_EVENT_IDX;

    (void)state;
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
    assert_int_equal(start_untold(b, EVT), 0);
    assert_int_equal(stop(b, EVT, VGPIO_STOP_NOW), 0);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, features), 0);
    assert_int_equal(start_at(b, EVT, where[EVT].avail_pos), 0);
    assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 0);
    bench_free(b);
}

static void test_start_without_being_told_is_fresh(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    stop_both(b, VGPIO_STOP_NOW);
    reboot(b);
    assert_int_equal(start_untold(b, REQ), 0);
    /* A transport that tells nothing has a reset of its own: lines are kept, heads not,
     * and what the backend works on is a zombie. */
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(b->trace[VGPIO_TR_ANSWER_DROPPED], 1);
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), 0);
    assert_int_equal(b->traced[b->ntraced - 2].id, VGPIO_TR_QUEUE_FRESH);
    assert_int_equal(b->traced[b->ntraced - 2].b, 0); /* the position begins anew */
}

/* Nothing of a ring is remembered over a reset, however small it was. */
static void test_a_reset_remembers_no_ring(void **state)
{
    struct bench *b = *state;
    unsigned size;

    for (size = 1; size <= BENCH_RING; size *= 2) {
        b->vdev.ops->reset(b->vdev.obj);
        assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
        b->q[REQ].setup.size = (uint16_t)size;
        assert_int_equal(start_at(b, REQ, 0), 0);
        assert_int_equal(stop(b, REQ, VGPIO_STOP_NOW), 0);
        b->vdev.ops->reset(b->vdev.obj);
        assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
        assert_int_equal(start_at(b, REQ, 0), 0);
        assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 0);
    }
}

/* The tokens of before stay stale, however the slots are used again. */
static void test_tokens_of_before_a_reset(void **state)
{
    struct bench *b = *state;
    vgpio_token old;
    uint16_t head;

    b->pend = 1;
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    kick(b, REQ);
    old = last_token(b, 'v');
    b->vdev.ops->reset(b->vdev.obj);
    reboot(b);
    bench_start(b);
    b->pend = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 0);
    b->pend = 1;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    kick(b, REQ);
    assert_int_equal(vgpio_dev_complete(&b->dev, old, 1), VGPIO_ERR_STALE);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
}

/* The first line and the first slot are lines and slots like any other. */
static void test_the_first_line_over_a_stop(void **state)
{
    struct bench *b = *state;
    uint16_t pair, head;

    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    pair = bench_pair(b, 0);
    b->pend = 1;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0); /* or the request would wake it */
    kick(b, REQ);
    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(vgpio_dev_complete(&b->dev, last_token(b, 'v'), 1), 0);
    assert_int_equal(vgpio_dev_change(&b->dev, 0, VGPIO_RISING, 1), 0);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    go_on(b);
    assert_int_equal(bench_answer(b, head), 1);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, EVT, 0), 0);
    pair = bench_pair(b, 0);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, EVT, 1), 0);
    kick(b, EVT);
    assert_int_equal(stop(b, EVT, VGPIO_STOP_RESET), 0);
    ring_peer_wind(&b->q[EVT], 0);
    b->used[EVT][pair / 2] = BENCH_FREE;
    assert_int_equal(start_untold(b, EVT), 0);
    assert_int_equal(vgpio_dev_change(&b->dev, 0, VGPIO_RISING, 1), 0);
    assert_int_equal(ring_peer_used_idx(&b->q[EVT]), 0);
}

/* A request of the new ring stood behind one of the old ring that is forgotten. */
static void test_new_work_behind_what_is_forgotten(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t head;

    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    b->pend = 0;
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    kick(b, REQ);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    ring_peer_wind(&b->q[EVT], 0);
    assert_int_equal(start_untold(b, EVT), 0);
    assert_int_equal(bench_answer(b, head), 0);
    assert_int_equal(bench_answer(b, g.get), BENCH_NONE);
}

/* Slots of forgotten requests are all there again, and no more than those. */
static void test_slots_come_back(void **state)
{
    struct bench *b = *state;
    uint16_t head, i;

    b->pend = 1;
    for (i = 0; i < BENCH_REQS; i++) {
        (void)bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    }
    kick(b, REQ);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_RESET), 0);
    reboot(b);
    assert_int_equal(start_untold(b, REQ), 0);
    b->nlog = 0;
    for (i = 0; i < BENCH_REQS; i++) {
        head = bench_post(b, VGPIO_MSG_GET_VALUE, i, 0);
    }
    kick(b, REQ);
    assert_int_equal(b->nlog, BENCH_REQS - 1); /* one slot is a zombie's */
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), BENCH_REQS);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 1), 0);
    assert_int_equal(b->nlog, BENCH_REQS);
    assert_int_equal(vgpio_dev_complete(&b->dev, last_token(b, 'v'), 1), 0);
    assert_int_equal(bench_answer(b, head), 1);
}

/* Answered already, but forgotten before the answer could leave: the token was good once
 * all the same. */
static void test_a_token_of_a_forgotten_answer(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t head[BENCH_REQS], line;
    unsigned turn;

    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 0), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_RESET), 0);
    reboot(b);
    assert_int_equal(start_untold(b, REQ), 0);
    for (turn = 0; turn < 3; turn++) {
        b->nlog = 0;
        for (line = 0; line < BENCH_REQS; line++) { /* every slot is in use again */
            head[line] = bench_post(b, VGPIO_MSG_GET_VALUE, line, 0);
        }
        kick(b, REQ);
        assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), BENCH_REQS);
        assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
        for (line = 0; line < BENCH_REQS; line++) {
            assert_int_equal(bench_answer(b, head[line]), BENCH_NONE);
            assert_int_equal(vgpio_dev_complete(&b->dev, b->log[line].token, 1), 0);
            assert_int_equal(bench_answer(b, head[line]), 1);
        }
    }
}

/* Both went on: from then on each vouches for the guest when the other one is new. */
static void test_a_ring_that_went_on_vouches_for_the_guest(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    unsigned q;

    (void)g;
    for (q = 0; q < 2; q++) {
        stop_both(b, VGPIO_STOP_NOW);
        go_on(b);
        b->nlog = 0;
        assert_int_equal(stop(b, q, VGPIO_STOP_NOW), 0);
        assert_int_equal(start_at(b, q, 0x7777), 0);
        assert_int_equal(b->nlog, 0); /* not reset */
        b->vdev.ops->reset(b->vdev.obj);
        b->pend = 0;
        reboot(b);
        bench_start(b);
        (void)make_busy(b);
    }
}

/* What a fresh start forgot does not stand in the way of a later one. */
static void test_going_on_after_a_fresh_start(void **state)
{
    struct bench *b = *state;
    uint16_t pair;
    unsigned q;

    for (q = 0; q < 2; q++) { /* which is started first */
        stop_both(b, VGPIO_STOP_NOW);
        reboot(b);
        assert_int_equal(start_at(b, q, 0), 0);
        assert_int_equal(start_at(b, q ^ 1u, 0), 0);
        (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_BOTH);
        pair = bench_pair(b, 1);
        assert_int_equal(stop(b, EVT, VGPIO_STOP_NOW), 0);
        assert_int_equal(start_at(b, EVT, where[EVT].avail_pos), 0);
        assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
        assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
        assert_int_equal(stop(b, REQ, VGPIO_STOP_NOW), 0);
        assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
        assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 1, 0), 0);
    }
}

/* ---- disable, drain, queue reset --------------------------------------------------- */

static void test_disabled_ring_is_not_touched(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    unsigned maps;
    uint16_t head;

    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 0), 0);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, EVT, 0), 0);
    maps = b->mem.maps;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 6, 0);
    kick(b, REQ);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(b->mem.maps, maps);
    assert_int_equal(bench_answer(b, g.get), BENCH_NONE);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, EVT, 1), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 1), 0);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 1), 0); /* again */
    assert_int_equal(bench_answer(b, g.get), 1);
    kick(b, REQ);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 1), 0);
    assert_int_equal(bench_answer(b, head), 1);
}

static void test_disabled_when_stopped_is_enabled_when_started(void **state)
{
    struct bench *b = *state;

    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 0), 0);
    stop_both(b, VGPIO_STOP_DRAIN);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 1), VGPIO_ERR_STATE);
    go_on(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
}

static void test_pair_disabled_while_its_ring_is_stopped(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, EVT, 0), 0);
    b->pend = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), BENCH_NONE);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, EVT, 1), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), VGPIO_IRQ_STATUS_INVALID);
}

static void test_drain_answers_first(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t later;

    assert_int_equal(stop(b, EVT, VGPIO_STOP_DRAIN), 0); /* pairs do not hold it up */
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), VGPIO_PENDING);
    later = bench_post(b, VGPIO_MSG_GET_VALUE, 6, 0);
    kick(b, REQ); /* takes nothing new */
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(bench_answer(b, g.get), 1);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), VGPIO_PENDING); /* one is behind */
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 1), 0);
    assert_int_equal(bench_answer(b, g.get_again), 1);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0);
    assert_int_equal(where[REQ].avail_pos, where[REQ].used_pos);
    assert_int_equal(bench_answer(b, later), BENCH_NONE);
    assert_int_equal(b->mem.live, 0);
}

static void test_drain_of_a_disabled_ring(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 0), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), VGPIO_PENDING);
    assert_int_equal(bench_answer(b, g.get), 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 1), 0);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0);
}

/* What was held back because the ring was disabled goes out with the first asking. */
static void test_drain_that_need_not_wait(void **state)
{
    struct bench *b = *state;
    uint16_t head;

    b->pend = 1;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    kick(b, REQ);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, REQ, 0), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, last_token(b, 'v'), 1), 0);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0);
    assert_int_equal(bench_answer(b, head), 1);
}

static void test_stopping_a_stopped_ring_says_where_it_was(void **state)
{
    struct bench *b = *state;
    uint16_t at;

    (void)bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0);
    stop_both(b, VGPIO_STOP_NOW);
    at = where[REQ].avail_pos;
    assert_int_equal(at, 1);
    where[REQ].avail_pos = 99;
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0);
    assert_int_equal(where[REQ].avail_pos, at);
}

static void test_queue_reset_forgets_requests_but_not_lines(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t head;

    assert_int_equal(stop(b, REQ, VGPIO_STOP_RESET), 0);
    ring_peer_wind(&b->q[REQ], 0);
    b->used[REQ][g.get / 2] = b->used[REQ][g.get_again / 2] = BENCH_FREE;
    assert_int_equal(start_untold(b, REQ), 0);
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
    kick(b, REQ);
    assert_int_equal(bench_answer(b, head), BENCH_NONE); /* behind the zombie */
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(b->trace[VGPIO_TR_ANSWER_DROPPED], 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 1), 0);
    assert_int_equal(bench_answer(b, head), 1);
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), 1);
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(bench_pair_status(b, g.pair1), VGPIO_IRQ_STATUS_VALID);
}

/* The backend works on for a guest that is gone: that holds no stop up and survives any
 * number of them. */
static void test_zombies_through_stops_and_starts(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    assert_int_equal(stop(b, REQ, VGPIO_STOP_RESET), 0);
    ring_peer_wind(&b->q[REQ], 0);
    b->used[REQ][g.get / 2] = b->used[REQ][g.get_again / 2] = BENCH_FREE;
    assert_int_equal(start_untold(b, REQ), 0);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_NOW), 0);
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 1);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0); /* there is nobody to answer */
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_RESET), 0);
    ring_peer_wind(&b->q[REQ], 0);
    assert_int_equal(start_untold(b, REQ), 0);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), 0);
    assert_int_equal(b->trace[VGPIO_TR_ANSWER_DROPPED], 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, g.token, 1), VGPIO_ERR_STALE);
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), 0);
    b->pend = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 0); /* the line is free */
}

/* What waits for the other ring's verdict cannot be answered; a drain does not wait. */
static void test_drain_while_one_ring_is_awaited(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);

    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0);
    go_on(b);
    expect_goes_on(b, g, 0);
}

/* A front end that tells the old position after a reset is told apart: heads taken before
 * are taken again, since nobody remembers them. */
static void test_nothing_is_resumed_after_a_reset(void **state)
{
    struct bench *b = *state;
    struct busy g;
    uint16_t at;
    unsigned all;

    for (all = 0; all < 2; all++) {
        b->pend = 0;
        bench_restart(b);
        g = make_busy(b);
        if (all) {
            b->vdev.ops->reset(b->vdev.obj);
            assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
        } else {
            assert_int_equal(stop(b, REQ, VGPIO_STOP_RESET), 0);
            b->pend = 0;
            (void)vgpio_dev_complete(&b->dev, g.token, 0);
        }
        b->pend = 0;
        b->trace[VGPIO_TR_QUEUE_FRESH] = b->trace[VGPIO_TR_QUEUE_RESUMED] = 0;
        at = ring_peer_used_idx(&b->q[REQ]);
        assert_int_equal(start_at(b, REQ, at), 0);
        assert_int_equal(b->trace[VGPIO_TR_QUEUE_FRESH], 1);
        assert_int_equal(b->trace[VGPIO_TR_QUEUE_RESUMED], 0);
        kick(b, REQ);
        assert_int_equal(bench_answer(b, g.get), 0);
        assert_int_equal(bench_answer(b, g.get_again), 0);
    }
}

/* A request of now behind one that waits for the other ring: waiting for it would be for
 * ever, as the front end says nothing else before it has its answer. */
static void test_drain_leaves_what_stands_behind(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t behind;

    stop_both(b, VGPIO_STOP_NOW);
    assert_int_equal(start_at(b, REQ, where[REQ].avail_pos), 0);
    behind = bench_post(b, VGPIO_MSG_GET_DIRECTION, 5, 0);
    kick(b, REQ);
    assert_int_equal(stop(b, REQ, VGPIO_STOP_DRAIN), 0);
    go_on(b);
    expect_goes_on(b, g, 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, last_token(b, 'g'), VGPIO_DIR_OUT), 0);
    assert_int_equal(bench_answer(b, behind), VGPIO_DIR_OUT);
}

static void test_eventq_reset_forgets_pairs_but_not_latches(void **state)
{
    struct bench *b = *state;
    struct busy g = make_busy(b);
    uint16_t pair;

    (void)g;
    assert_int_equal(stop(b, EVT, VGPIO_STOP_RESET), 0);
    ring_peer_wind(&b->q[EVT], 0);
    assert_int_equal(start_untold(b, EVT), 0);
    assert_int_equal(vgpio_dev_change(&b->dev, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(ring_peer_used_idx(&b->q[EVT]), 0);
    pair = bench_pair(b, 3);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
}

/* ---- refusals ---------------------------------------------------------------------- */

static void test_start_refuses_bad_rings(void **state)
{
    struct bench *b = *state;
    const struct vgpio_vdev_ops *v = b->vdev.ops;
    static const uint16_t sizes[] = {0, 3, 512, 65535};
    struct vgpio_vq_setup s;
    size_t i;

    assert_int_equal(start_at(b, REQ, 0), VGPIO_ERR_STATE); /* runs already */
    stop_both(b, VGPIO_STOP_NOW);
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        s = b->q[REQ].setup;
        s.size = sizes[i];
        assert_int_equal(v->queue_start(b->vdev.obj, REQ, &b->mem.ops, &s),
                         VGPIO_ERR_INVAL);
    }
    assert_int_equal(v->queue_start(b->vdev.obj, 2, &b->mem.ops, &s), VGPIO_ERR_INVAL);
    assert_int_equal(v->queue_start(b->vdev.obj, REQ, NULL, &b->q[REQ].setup),
                     VGPIO_ERR_INVAL);
    assert_int_equal(v->queue_start(b->vdev.obj, REQ, &b->mem.ops, NULL),
                     VGPIO_ERR_INVAL);
    s = b->q[REQ].setup;
    s.device += 2; /* not aligned */
    assert_int_equal(v->queue_start(b->vdev.obj, REQ, &b->mem.ops, &s), VGPIO_ERR_FAULT);
    s = b->q[REQ].setup;
    s.driver = UINT64_MAX - 1; /* wraps */
    assert_int_equal(v->queue_start(b->vdev.obj, REQ, &b->mem.ops, &s), VGPIO_ERR_FAULT);
    assert_int_equal(b->mem.live, 0);
    go_on(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    v->reset(b->vdev.obj);
    assert_int_equal(start_at(b, REQ, 0), VGPIO_ERR_STATE); /* nothing negotiated */
    assert_int_equal(v->queue_stop(b->vdev.obj, 0, 0, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(v->queue_stop(b->vdev.obj, 0, 4, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(v->queue_stop(b->vdev.obj, 2, 1, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(v->queue_run(b->vdev.obj, 2, 1), VGPIO_ERR_INVAL);
}

static void test_start_survives_every_failing_map(void **state)
{
    struct bench *b = *state;
    unsigned n;

    stop_both(b, VGPIO_STOP_NOW);
    for (n = 1;; n++) {
        b->mem.fail_at = n;
        if (start_at(b, REQ, where[REQ].avail_pos) == 0) {
            if (b->mem.fail_at != 0) {
                break; /* it needs fewer than n */
            }
            kick(b, REQ); /* it runs, if it says so */
        }
        b->mem.fail_at = 0;
        if (stop(b, REQ, VGPIO_STOP_NOW) == 0) {
            where[REQ].avail_pos = 0;
        }
        assert_int_equal(b->mem.live, 0);
    }
    assert_true(n > 3);
    b->mem.fail_at = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_memory_change_while_running),
        T(test_completion_while_stopped_is_held),
        T(test_told_used_idx_resumes_as_well),
        T(test_a_stop_says_where_and_no_more),
        T(test_either_order_of_starting),
        T(test_new_work_while_one_ring_is_awaited),
        T(test_one_ring_stops_and_goes_on),
        T(test_posted_while_stopped_is_served),
        T(test_rebooted_guest),
        T(test_one_mismatch_makes_all_fresh),
        T(test_other_addresses_are_another_ring),
        T(test_other_positions_are_another_ring),
        T(test_impossible_index_is_not_the_same_ring),
        T(test_other_features_are_another_driver),
        cmocka_unit_test(test_other_features_where_only_one_ring_ran),
        T(test_start_without_being_told_is_fresh),
        T(test_a_reset_remembers_no_ring),
        T(test_tokens_of_before_a_reset),
        T(test_the_first_line_over_a_stop),
        T(test_new_work_behind_what_is_forgotten),
        T(test_slots_come_back),
        T(test_a_token_of_a_forgotten_answer),
        T(test_a_ring_that_went_on_vouches_for_the_guest),
        T(test_going_on_after_a_fresh_start),
        T(test_disabled_ring_is_not_touched),
        T(test_disabled_when_stopped_is_enabled_when_started),
        T(test_pair_disabled_while_its_ring_is_stopped),
        T(test_drain_answers_first),
        T(test_drain_of_a_disabled_ring),
        T(test_drain_that_need_not_wait),
        T(test_stopping_a_stopped_ring_says_where_it_was),
        T(test_queue_reset_forgets_requests_but_not_lines),
        T(test_zombies_through_stops_and_starts),
        T(test_drain_while_one_ring_is_awaited),
        T(test_drain_leaves_what_stands_behind),
        T(test_nothing_is_resumed_after_a_reset),
        T(test_eventq_reset_forgets_pairs_but_not_latches),
        T(test_start_refuses_bad_rings),
        T(test_start_survives_every_failing_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
