/* SPDX-License-Identifier: BSD-3-Clause */
/* The standard device where few come by: nobody listens to its trace, backends that leave
 * ops out or answer twice, memory that goes away, chains that change while being read. */
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

/* A chain of its own, at descriptors that the bench does not come to. */
#define OWN 60u
#define OWN_NEXT 61u
#define OWN_LAST 62u

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

static uint64_t cell(const struct bench *b, unsigned q, uint16_t head)
{
    return b->cells + (q * BENCH_CHAINS + head / 2u) * 64u;
}

static void change(struct bench *b, uint16_t line, unsigned edges)
{
    assert_int_equal(vgpio_dev_change(&b->dev, line, edges, 1), 0);
}

/* A table of its own for a test; static, since it must outlive the device. */
static struct vgpio_line_ops *other_ops(struct bench *b)
{
    static struct vgpio_line_ops ops;

    ops = *b->cfg.ops;
    b->cfg.ops = &ops;
    return &ops;
}

/* Message of 8 bytes at offset 0 of the cell, and two bytes for the answer that do not
 * lie side by side: at 16 and at 32. */
static uint16_t post_apart(struct bench *b, unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_request m = {(uint16_t)type, line, value};
    uint64_t gpa = cell(b, REQ, OWN);

    memset(peer_at(&b->mem, gpa, 64), 0xee, 64);
    vgpio_request_encode(peer_at(&b->mem, gpa, 8), &m);
    ring_peer_desc(&b->q[REQ], OWN, gpa, 8, PEER_NEXT, OWN_NEXT);
    ring_peer_desc(&b->q[REQ], OWN_NEXT, gpa + 16, 1, PEER_NEXT | PEER_WRITE, OWN_LAST);
    ring_peer_desc(&b->q[REQ], OWN_LAST, gpa + 32, 1, PEER_WRITE, 0);
    ring_peer_post(&b->q[REQ], OWN);
    b->used[REQ][OWN / 2] = BENCH_NONE;
    return OWN;
}

/* ---- trace --------------------------------------------------------------------- */

/* Something of everything that is traced. Ends with a broken ring. */
static void be_untidy(struct bench *b)
{
    struct vgpio_vq_setup s;

    b->refuse = 1; /* a pair held for a type that failed, NONE overruled */
    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_BOTH);
    (void)bench_pair(b, 1);
    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
    b->refuse = 0;
    (void)bench_pair(b, 7);
    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
    change(b, 0, VGPIO_RISING);
    change(b, 0, VGPIO_RISING);
    change(b, 0, VGPIO_FALLING);
    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_FALLING);
    (void)bench_pair(b, 0);
    change(b, 0, VGPIO_FALLING);
    (void)bench_post_sized(b, "short", 5, 2);
    (void)vgpio_dev_kick(&b->dev, REQ);
    (void)bench_call(b, VGPIO_MSG_GET_VALUE, 99, 0);
    ring_peer_desc(&b->q[EVT], OWN, cell(b, EVT, OWN), 2, 0, 0); /* no room */
    b->used[EVT][OWN / 2] = BENCH_NONE;
    ring_peer_post(&b->q[EVT], OWN);
    (void)vgpio_dev_kick(&b->dev, EVT);
    assert_int_equal(vgpio_dev_complete(&b->dev, 0xffff, 0), VGPIO_ERR_STALE);
    b->pend = 1;
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 2, 0);
    (void)vgpio_dev_kick(&b->dev, REQ);
    (void)b->vdev.ops->queue_stop(b->vdev.obj, EVT, VGPIO_STOP_NOW, &s);
    assert_int_equal(b->vdev.ops->queue_start(b->vdev.obj, EVT, &b->mem.ops, &s), 0);
    (void)b->vdev.ops->queue_stop(b->vdev.obj, REQ, VGPIO_STOP_RESET, NULL);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 0), 0);
    ring_peer_set_avail_idx(&b->q[EVT], 999);
    assert_int_equal(vgpio_dev_kick(&b->dev, EVT), VGPIO_ERR_PROTO);
}

#define TR(type, line) ((uint32_t)(type) << 16 | (line))

static const struct bench_trace untidy_trace[] = {
    {VGPIO_TR_REQUEST, TR(VGPIO_MSG_SET_IRQ_TYPE, 1), VGPIO_IRQ_EDGE_BOTH},
    {VGPIO_TR_ANSWER, TR(VGPIO_MSG_SET_IRQ_TYPE, 1), VGPIO_STATUS_ERR << 8},
    {VGPIO_TR_IRQ_HELD, 1, 0},
    {VGPIO_TR_REQUEST, TR(VGPIO_MSG_SET_IRQ_TYPE, 1), VGPIO_IRQ_NONE},
    {VGPIO_TR_IRQ_INVALID, 1, VGPIO_IRQ_NONE}, /* the pair, before the answer */
    {VGPIO_TR_NONE_OVERRULED, TR(VGPIO_MSG_SET_IRQ_TYPE, 1), (uint32_t)VGPIO_ERR_IO},
    {VGPIO_TR_ANSWER, TR(VGPIO_MSG_SET_IRQ_TYPE, 1), 0},
    {VGPIO_TR_IRQ_INVALID, 7, 0},
    {VGPIO_TR_REQUEST, TR(VGPIO_MSG_SET_IRQ_TYPE, 0), VGPIO_IRQ_EDGE_RISING},
    {VGPIO_TR_ANSWER, TR(VGPIO_MSG_SET_IRQ_TYPE, 0), 0},
    {VGPIO_TR_EDGE_LATCHED, 0, 1},
    {VGPIO_TR_EDGE_MERGED, 0, 1},
    {VGPIO_TR_EDGE_DROPPED, 0, 1},
    {VGPIO_TR_REQUEST, TR(VGPIO_MSG_SET_IRQ_TYPE, 0), VGPIO_IRQ_EDGE_FALLING},
    {VGPIO_TR_EDGE_DROPPED, 0, 1}, /* the one that was kept */
    {VGPIO_TR_ANSWER, TR(VGPIO_MSG_SET_IRQ_TYPE, 0), 0},
    {VGPIO_TR_IRQ_PARKED, 0, VGPIO_IRQ_EDGE_FALLING},
    {VGPIO_TR_IRQ_VALID, 0, VGPIO_IRQ_EDGE_FALLING},
    {VGPIO_TR_CHAIN_BAD, REQ, 0},
    {VGPIO_TR_REQUEST, TR(VGPIO_MSG_GET_VALUE, 99), 0},
    {VGPIO_TR_ANSWER, TR(VGPIO_MSG_GET_VALUE, 99), VGPIO_STATUS_ERR << 8},
    {VGPIO_TR_CHAIN_BAD, EVT, OWN},
    {VGPIO_TR_TOKEN_STALE, 0xffff, 0},
    {VGPIO_TR_REQUEST, TR(VGPIO_MSG_GET_VALUE, 2), 0},
    {VGPIO_TR_QUEUE_STOP, EVT, VGPIO_STOP_NOW},
    {VGPIO_TR_QUEUE_RESUMED, EVT, 4},
    {VGPIO_TR_QUEUE_STOP, REQ, VGPIO_STOP_RESET},
    {VGPIO_TR_ANSWER_DROPPED, TR(VGPIO_MSG_GET_VALUE, 2), 0},
    {VGPIO_TR_QUEUE_BROKEN, EVT, (uint32_t)VGPIO_ERR_PROTO},
    {VGPIO_TR_RESET, 0, 0},
    /* and the next driver */
    {VGPIO_TR_FEATURES, VGPIO_F_IRQ, VGPIO_F_VERSION_1 >> 32},
    {VGPIO_TR_QUEUE_FRESH, REQ, 0},
    {VGPIO_TR_QUEUE_FRESH, EVT, 0},
};

static void test_a_trace_is_complete_and_changes_nothing(void **state)
{
    struct bench *b = *state;
    uint8_t *first = malloc(b->mem.size);
    unsigned ops;
    size_t i;

    assert_non_null(first);
    b->ntraced = 0;
    be_untidy(b);
    ops = b->nlog;
    memcpy(first, b->mem.base, b->mem.size);
    b->pend = 0;
    bench_restart(b);
    for (i = 0; i < sizeof untidy_trace / sizeof untidy_trace[0]; i++) {
        assert_true(i < b->ntraced);
        assert_int_equal(b->traced[i].id, untidy_trace[i].id);
        assert_int_equal(b->traced[i].a, untidy_trace[i].a);
        assert_int_equal(b->traced[i].b, untidy_trace[i].b);
    }
    assert_int_equal(b->ntraced, i);

    b->cfg.trace = NULL;
    b->vdev.ops->reset(b->vdev.obj);
    memset(b->mem.base, 0, b->mem.size);
    bench_restart(b);
    b->ntraced = b->nlog = 0;
    be_untidy(b);
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->ntraced, 0);
    assert_memory_equal(b->mem.base, first, b->mem.size);
    assert_int_equal(b->nlog, ops + 1); /* the reset */
    free(first);
}

/* ---- backends ------------------------------------------------------------------ */

static int says_output(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx, (void)line, (void)token;
    return VGPIO_DIR_OUT;
}

static void test_an_output_that_cannot_be_set(void **state)
{
    struct bench *b = *state;
    struct vgpio_line_ops *ops = other_ops(b);
    unsigned i;

    for (i = 0; i < 2; i++) { /* not there, or in a table that ends before it */
        ops->get_direction = says_output;
        ops->set_value = NULL;
        ops->ops_size = i == 0 ? sizeof *ops : offsetof(struct vgpio_line_ops, set_value);
        if (i == 1) {
            b->features &= ~VGPIO_F_IRQ; /* set_irq_type is not in that table either */
        }
        bench_restart(b);
        assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 4, 1), 0); /* staged */
        assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, 4, 0), VGPIO_DIR_OUT);
        assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 4, 1), BENCH_ERR);
    }
}

static void test_a_backend_need_not_hear_of_unmasking(void **state)
{
    struct bench *b = *state;
    struct vgpio_line_ops *ops = other_ops(b);
    uint16_t pair;
    unsigned i;

    for (i = 0; i < 2; i++) {
        ops->unmask = NULL;
        ops->ops_size = i == 0 ? sizeof *ops : offsetof(struct vgpio_line_ops, unmask);
        bench_restart(b);
        (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
        pair = bench_pair(b, 0);
        change(b, 0, VGPIO_RISING);
        assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    }
}

static int completes_and_returns(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    (void)line;
    assert_int_equal(vgpio_dev_complete(&b->dev, token, 1), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, token, 0), VGPIO_ERR_STALE);
    return 0;
}

static void test_the_first_of_two_results_counts(void **state)
{
    struct bench *b = *state;

    other_ops(b)->get_value = completes_and_returns;
    bench_restart(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 3, 0), 1);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 3, 0), 1); /* the slot is whole */
}

static int starts_inside(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    (void)line, (void)token;
    assert_int_equal(
        b->vdev.ops->queue_start(b->vdev.obj, EVT, &b->mem.ops, &b->q[EVT].setup),
        VGPIO_ERR_STATE);
    return 1;
}

static void test_a_queue_does_not_start_inside_an_op(void **state)
{
    struct bench *b = *state;

    other_ops(b)->get_value = starts_inside;
    bench_restart(b);
    assert_int_equal(b->vdev.ops->queue_stop(b->vdev.obj, EVT, VGPIO_STOP_NOW, NULL), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 3, 0), 1);
}

static void kicks_at_reset(void *ctx)
{
    struct bench *b = ctx;

    b->nlog++;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_STATE);
}

/* Also where the device is reset because a queue starts that is a new guest's. */
static void test_reset_is_told_inside_of_an_entry(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup s = b->q[REQ].setup;

    other_ops(b)->reset = kicks_at_reset;
    bench_restart(b);
    b->nlog = 0;
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->nlog, 1);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
    s.flags = VGPIO_VQ_TOLD;
    assert_int_equal(b->vdev.ops->queue_start(b->vdev.obj, REQ, &b->mem.ops, &s), 0);
    assert_int_equal(b->nlog, 2);
}

/* What lies in a ring is taken when it is kicked, not before. */
static void test_a_start_takes_nothing_by_itself(void **state)
{
    struct bench *b = bench_make(VGPIO_F_IRQ, BENCH_REQS);
    uint16_t head = bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0);

    (void)state;
    bench_start(b);
    assert_int_equal(vgpio_dev_kick(&b->dev, EVT), 0);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    assert_int_equal(bench_events(b), 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(bench_answer(b, head), 0);
    bench_free(b);
}

/* Tells of lines 1 and 2, in the order of the value. */
static int changes_two(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    struct bench *b = ctx;

    (void)line, (void)token;
    change(b, value ? 1 : 2, VGPIO_RISING);
    change(b, value ? 2 : 1, VGPIO_RISING);
    return 0;
}

/* What has something to do is worked off once, whatever was worked off before. */
static void test_lines_change_inside_an_op_in_any_order(void **state)
{
    struct bench *b = *state;
    unsigned i;
    uint16_t line, pair[3];

    other_ops(b)->set_value = changes_two;
    bench_restart(b);
    (void)bench_call(b, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT);
    for (line = 1; line <= 2; line++) {
        (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING);
    }
    for (i = 0; i < 4; i++) {
        for (line = 1; line <= 2; line++) {
            pair[line] = bench_pair(b, line);
        }
        assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 0, i & 1u), 0);
        for (line = 1; line <= 2; line++) {
            assert_int_equal(bench_pair_status(b, pair[line]), VGPIO_IRQ_STATUS_VALID);
        }
    }
}

static unsigned count_ops(const struct bench *b, char op)
{
    unsigned i, n = 0;

    for (i = 0; i < b->nlog; i++) {
        n += b->log[i].op == op;
    }
    return n;
}

static void test_unmask_is_told_once_for_each_time_the_guest_waits(void **state)
{
    struct bench *b = *state;

    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
    (void)bench_pair(b, 0);
    assert_int_equal(count_ops(b, 'u'), 1);
    change(b, 0, VGPIO_FALLING); /* not what it waits for */
    assert_int_equal(count_ops(b, 'u'), 1);
    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(count_ops(b, 'u'), 2); /* it waits for something else now */
}

/* Refused before the backend hears of it: the line is not one whose type failed, and a
 * pair for it does not stay. */
static void test_a_type_for_an_output_leaves_no_trace_in_the_line(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    (void)bench_call(b, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_BOTH),
                     BENCH_ERR);
    pair = bench_pair(b, 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
}

static int kicks_inside(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    (void)line;
    b->nlog++;
    b->log[0].token = token;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_STATE);
    return VGPIO_PENDING;
}

/* Nor inside of one that a completion brings about. */
static void test_reentry_from_the_next_request_of_a_line(void **state)
{
    struct bench *b = *state;

    other_ops(b)->get_value = kicks_inside;
    bench_restart(b);
    b->nlog = 0;
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 0), 0);
    assert_int_equal(b->nlog, 2);
}

static void test_a_value_that_was_refused_is_not_kept(void **state)
{
    struct bench *b = *state;

    (void)bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT);
    b->refuse = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 2, 1), BENCH_ERR);
    b->refuse = 0;
    (void)bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_IN);
    (void)bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT);
    assert_int_equal(b->log[b->nlog - 1].op, 'G');
    assert_int_equal(b->log[b->nlog - 1].b, 0); /* driven as before */
}

/* A guest that is always one request ahead, of the same chain. */
static int post_again(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    (void)token;
    ring_peer_post(&b->q[REQ], line);
    return 0;
}

/* One slot, and a ring full of requests behind it: the turn that the completion brings
 * ends after one ring size and says that there is more. */
static void test_a_completion_serves_at_most_one_ring_size(void **state)
{
    struct bench *b = bench_make(VGPIO_F_IRQ, 1);
    static struct vgpio_line_ops ops;

    (void)state;
    ops = *b->cfg.ops;
    b->cfg.ops = &ops;
    bench_restart(b);
    b->nlog = 0;
    b->pend = 1;
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    ops.get_value = post_again;
    assert_int_equal(bench_post(b, VGPIO_MSG_GET_VALUE, 2, 0), 2);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 0), 0);
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), BENCH_RING + 1);
    assert_int_equal(bench_events(b), VGPIO_EV_MORE | VGPIO_EV_QUEUE(REQ));
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 1);
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), 2 * BENCH_RING + 1);
    assert_int_equal(bench_events(b), VGPIO_EV_QUEUE(REQ));
    bench_free(b);
}

/* ---- memory that goes away ------------------------------------------------------- */

static void test_answer_in_two_places(void **state)
{
    struct bench *b = *state;
    uint16_t head = post_apart(b, VGPIO_MSG_GET_VALUE, 5, 0);

    b->level[5] = 1;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(bench_used_len(b, head), 2);
    assert_int_equal(bench_cell(b, head)[16], VGPIO_STATUS_OK);
    assert_int_equal(bench_cell(b, head)[17], 0xee);
    assert_int_equal(bench_cell(b, head)[32], 1);
}

/* Side by side, but the value first. */
static void test_answer_in_two_places_the_other_way_round(void **state)
{
    struct bench *b = *state;
    uint16_t head = post_apart(b, VGPIO_MSG_GET_VALUE, 5, 0);

    ring_peer_desc(&b->q[REQ], OWN_NEXT, cell(b, REQ, OWN) + 33, 1,
                   PEER_NEXT | PEER_WRITE, OWN_LAST);
    b->level[5] = 1;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(bench_used_len(b, head), 2);
    assert_memory_equal(bench_cell(b, head) + 31, "\xee\x01\x00\xee", 4);
}

static void test_answer_memory_that_went_away(void **state)
{
    struct bench *b = *state;
    unsigned turn, apart, bad;

    for (turn = 0; turn < 3; turn++) {
        uint16_t head;

        apart = turn == 1;
        if (turn == 2) { /* nobody is told */
            b->cfg.trace = NULL;
            bench_restart(b);
        }
        b->pend = 1;
        head = apart ? post_apart(b, VGPIO_MSG_GET_VALUE, 5, 0)
                     : bench_post(b, VGPIO_MSG_GET_VALUE, 5, 0);
        assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
        b->mem.rom = cell(b, REQ, head) + 16;
        b->mem.rom_len = 1;
        bad = b->trace[VGPIO_TR_CHAIN_BAD];
        assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 1), 0);
        assert_int_equal(bench_used_len(b, head), 0); /* back all the same, and empty */
        assert_int_equal(b->trace[VGPIO_TR_CHAIN_BAD], bad + (turn != 2));
        assert_int_equal(bench_cell(b, head)[32], 0xee);
        b->pend = 0;
        b->mem.rom_len = 0;
        assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0),
                         0); /* the ring lives */
    }
}

static void test_pair_memory_that_went_away(void **state)
{
    struct bench *b = *state;
    uint32_t id, len;
    uint16_t pair;
    unsigned i;

    for (i = 0; i < 2; i++) {
        b->mem.hole_len = 0;
        bench_restart(b);
        (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
        pair = bench_pair(b, 0);
        b->mem.hole = cell(b, EVT, pair);
        b->mem.hole_len = 64;
        change(b, 0, VGPIO_RISING);
        assert_int_equal(b->trace[VGPIO_TR_CHAIN_BAD], 1);
        assert_int_equal(ring_peer_used(&b->q[EVT], &id, &len), 1);
        assert_int_equal(id, pair);
        assert_int_equal(len, 0);
        b->cfg.trace = NULL; /* and nobody is told */
    }
}

/* ---- chains that break --------------------------------------------------------- */

static void expect_broken(struct bench *b, unsigned q, unsigned ops)
{
    unsigned maps = b->mem.maps;

    assert_int_equal(ring_peer_used_idx(&b->q[q]), 0);
    assert_int_equal(bench_events(b), VGPIO_EV_NEEDS_RESET);
    assert_int_equal(b->vdev.ops->error(b->vdev.obj, q), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_dev_kick(&b->dev, q), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_dev_kick(&b->dev, q ^ 1u), 0);
    assert_int_equal(b->mem.maps, maps);
    assert_int_equal(b->nlog, ops);
}

/* A chain whose fault lies behind all that the device needs of it. */
static void test_a_request_with_a_bad_end_does_nothing(void **state)
{
    struct bench *b = *state;

    (void)post_apart(b, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT);
    ring_peer_desc(&b->q[REQ], OWN_LAST, cell(b, REQ, OWN) + 32, 4,
                   PEER_NEXT | PEER_WRITE, BENCH_RING);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_PROTO);
    assert_int_equal(bench_cell(b, OWN)[16], 0xee);
    expect_broken(b, REQ, 0);
}

static void test_a_pair_with_a_bad_end_is_not_parked(void **state)
{
    struct bench *b = *state;
    uint64_t gpa = cell(b, EVT, OWN);
    struct vgpio_irq_request m = {0};

    (void)bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
    (void)bench_events(b);
    vgpio_irq_request_encode(peer_at(&b->mem, gpa, 2), &m);
    ring_peer_desc(&b->q[EVT], OWN, gpa, 2, PEER_NEXT, OWN_NEXT);
    ring_peer_desc(&b->q[EVT], OWN_NEXT, gpa + 16, 1, PEER_NEXT | PEER_WRITE, OWN_LAST);
    ring_peer_desc(&b->q[EVT], OWN_LAST, gpa + 32, 1, 0, 0); /* readable again */
    ring_peer_post(&b->q[EVT], OWN);
    assert_int_equal(vgpio_dev_kick(&b->dev, EVT), VGPIO_ERR_PROTO);
    assert_int_equal(b->trace[VGPIO_TR_IRQ_PARKED], 0);
    expect_broken(b, EVT, b->nlog);
}

struct meddler {
    struct bench *b;
    uint64_t when; /* the address whose mapping gives the cue ... */
    unsigned nth;  /* ... the n-th time */
    int take_away; /* do not change the chain: that address itself, or so many before it,
                      cannot be written any more */
};

static void meddle(void *arg, uint64_t gpa)
{
    struct meddler *m = arg;

    if (gpa != m->when || m->nth-- != 1) {
        return;
    }
    if (m->take_away) {
        m->b->mem.rom = m->take_away > 1 ? gpa - (unsigned)m->take_away : gpa;
        m->b->mem.rom_len = (unsigned)m->take_away;
    } else {
        ring_peer_desc(&m->b->q[REQ], OWN_LAST, cell(m->b, REQ, OWN) + 32, 16, 0, 0);
    }
}

/* The block of names does not fit into an answer of two remembered bytes: that chain is
 * walked twice, and a guest may change it in between. */
static void test_names_into_a_chain_that_changes_under_way(void **state)
{
    static const uint8_t names[] = "a\0b\0c\0d\0e\0f\0g\0h";
    struct bench *b = *state;
    struct meddler m = {b, 0, 3, 0}; /* seen to map, twice, and then written */
    uint8_t *p;

    b->cfg.names = names;
    b->cfg.names_size = sizeof names;
    bench_restart(b);
    (void)post_apart(b, VGPIO_MSG_GET_LINE_NAMES, 0, 0);
    ring_peer_desc(&b->q[REQ], OWN_LAST, cell(b, REQ, OWN) + 32, 16, PEER_WRITE, 0);
    m.when = cell(b, REQ, OWN) + 16;
    b->mem.on_map = meddle;
    b->mem.arg = &m;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_PROTO);
    b->mem.on_map = NULL;
    p = bench_cell(b, OWN);
    assert_int_equal(p[16], VGPIO_STATUS_OK); /* from before; nothing is written after */
    assert_int_equal(p[32], 0xee);
    expect_broken(b, REQ, b->nlog);
}

/* No room for the names, and then no memory for the status that says so. */
static void test_names_whose_status_went_away(void **state)
{
    static const uint8_t names[] = "a\0b\0c\0d\0e\0f\0g\0h";
    struct bench *b = *state;
    struct meddler m = {b, 0, 4, 1};

    b->cfg.names = names;
    b->cfg.names_size = sizeof names;
    bench_restart(b);
    (void)post_apart(b, VGPIO_MSG_GET_LINE_NAMES, 0, 0);
    m.when = cell(b, REQ, OWN) + 16;
    b->mem.on_map = meddle;
    b->mem.arg = &m;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(m.nth, 0);
    assert_int_equal(bench_used_len(b, OWN), 0);
    assert_int_equal(b->traced[b->ntraced - 1].id, VGPIO_TR_ANSWER);
    assert_int_equal(b->traced[b->ntraced - 1].a, TR(VGPIO_MSG_GET_LINE_NAMES, 0));
    assert_int_equal(b->traced[b->ntraced - 1].b, VGPIO_STATUS_ERR << 8);
    b->mem.on_map = NULL;
}

/* The second walk finds no place for a status where the first one did. */
static void test_names_without_a_place_for_the_status(void **state)
{
    static const uint8_t names[] = "a\0b\0c\0d\0e\0f\0g\0h";
    struct bench *b = *state;
    struct meddler m = {b, 0, 1, 16};

    b->cfg.names = names;
    b->cfg.names_size = sizeof names;
    bench_restart(b);
    (void)post_apart(b, VGPIO_MSG_GET_LINE_NAMES, 0, 0);
    m.when = cell(b, REQ, OWN) + 32; /* the second byte; from then on none maps */
    b->mem.on_map = meddle;
    b->mem.arg = &m;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(bench_used_len(b, OWN), 0);
    assert_int_equal(bench_cell(b, OWN)[16], 0xee);
    b->mem.on_map = NULL;
}

static void break_head(void *arg, uint64_t gpa)
{
    struct meddler *m = arg;

    if (gpa == m->when) {
        ring_peer_desc(&m->b->q[REQ], OWN, gpa, 8, PEER_INDIRECT, 0);
    }
}

/* ... or no chain at all. */
static void test_names_into_a_chain_that_breaks(void **state)
{
    static const uint8_t names[] = "a\0b\0c\0d\0e\0f\0g\0h";
    struct bench *b = *state;
    struct meddler m = {b, 0, 1, 0};

    b->cfg.names = names;
    b->cfg.names_size = sizeof names;
    bench_restart(b);
    (void)post_apart(b, VGPIO_MSG_GET_LINE_NAMES, 0, 0);
    m.when = cell(b, REQ, OWN) + 16;
    b->mem.on_map = break_head;
    b->mem.arg = &m;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_PROTO);
    assert_int_equal(bench_cell(b, OWN)[16], 0xee);
    b->mem.on_map = NULL;
    expect_broken(b, REQ, b->nlog);
}

/* A packed queue alone, of requests, behind all that the bench lays out. */
static void start_packed(struct bench *b, struct packed_peer *p)
{
    uint64_t features = VGPIO_F_VERSION_1 | VGPIO_F_PACKED;

    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(vgpio_dev_init(&b->dev, &b->cfg), 0);
    packed_peer_init(p, &b->mem, cell(b, EVT, BENCH_RING), 4, features);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, features), 0);
    assert_int_equal(b->vdev.ops->queue_start(b->vdev.obj, REQ, &b->mem.ops, &p->setup),
                     0);
}

struct taker {
    struct packed_peer p;
    uint64_t when; /* the address whose mapping gives the cue */
};

static void take_back(void *arg, uint64_t gpa)
{
    struct taker *t = arg;

    if (gpa == t->when) {
        peer_put16(t->p.m, t->p.setup.desc + 14, 0);
    }
}

/* ... or, in a packed ring, was never there. */
static void test_names_for_a_request_that_is_taken_back(void **state)
{
    static const uint8_t names[] = "a\0b\0c\0d\0e\0f\0g\0h";
    const struct vgpio_request m = {VGPIO_MSG_GET_LINE_NAMES, 0, 0};
    struct bench *b = *state;
    uint64_t gpa = cell(b, REQ, OWN);
    uint8_t *bytes = peer_at(&b->mem, gpa, 64);
    struct taker t;
    uint16_t id;
    uint32_t len;

    b->cfg.names = names;
    b->cfg.names_size = sizeof names;
    start_packed(b, &t.p);
    memset(bytes, 0xee, 64);
    vgpio_request_encode(bytes, &m);
    packed_peer_request(&t.p, 7, gpa, 8, gpa + 16, 1 + sizeof names);
    t.when = gpa + 16;
    b->mem.on_map = take_back;
    b->mem.arg = &t;
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    b->mem.on_map = NULL;
    assert_int_equal(b->trace[VGPIO_TR_ANSWER], 0);
    assert_int_equal(bytes[16], 0xee);
    assert_int_equal(packed_peer_used(&t.p, 2, &id, &len), 0);

    peer_put16(&b->mem, t.p.setup.desc + 14, PEER_NEXT | 0x80);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    assert_int_equal(packed_peer_used(&t.p, 2, &id, &len), 1);
    assert_int_equal(id, 7);
    assert_int_equal(len, 1 + sizeof names);
    assert_memory_equal(bytes + 17, names, sizeof names);
}

static void test_a_broken_ring_takes_no_late_answer(void **state)
{
    struct bench *b = *state;

    b->pend = 1;
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    (void)bench_post(b, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT); /* waits */
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
    ring_peer_post(&b->q[REQ], BENCH_RING);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 1), 0);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 0);
    expect_broken(b, REQ, 1);
}

static void test_a_broken_device_starts_no_queue(void **state)
{
    struct bench *b = *state;

    ring_peer_post(&b->q[REQ], BENCH_RING);
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), VGPIO_ERR_PROTO);
    assert_int_equal(b->vdev.ops->queue_stop(b->vdev.obj, EVT, VGPIO_STOP_NOW, NULL), 0);
    assert_int_equal(
        b->vdev.ops->queue_start(b->vdev.obj, EVT, &b->mem.ops, &b->q[EVT].setup),
        VGPIO_ERR_STATE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_trace_is_complete_and_changes_nothing),
        T(test_an_output_that_cannot_be_set),
        T(test_a_backend_need_not_hear_of_unmasking),
        T(test_the_first_of_two_results_counts),
        T(test_a_queue_does_not_start_inside_an_op),
        T(test_reset_is_told_inside_of_an_entry),
        cmocka_unit_test(test_a_start_takes_nothing_by_itself),
        T(test_lines_change_inside_an_op_in_any_order),
        T(test_unmask_is_told_once_for_each_time_the_guest_waits),
        T(test_a_type_for_an_output_leaves_no_trace_in_the_line),
        T(test_reentry_from_the_next_request_of_a_line),
        T(test_a_value_that_was_refused_is_not_kept),
        cmocka_unit_test(test_a_completion_serves_at_most_one_ring_size),
        T(test_answer_in_two_places),
        T(test_answer_in_two_places_the_other_way_round),
        T(test_answer_memory_that_went_away),
        T(test_pair_memory_that_went_away),
        T(test_a_request_with_a_bad_end_does_nothing),
        T(test_a_pair_with_a_bad_end_is_not_parked),
        T(test_names_into_a_chain_that_changes_under_way),
        T(test_names_whose_status_went_away),
        T(test_names_without_a_place_for_the_status),
        T(test_names_into_a_chain_that_breaks),
        T(test_names_for_a_request_that_is_taken_back),
        T(test_a_broken_ring_takes_no_late_answer),
        T(test_a_broken_device_starts_no_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
