/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots of requests, and the borders of the tables: what is used again carries nothing
 * over, what lies behind the last one is never touched, and each one counts, not the
 * first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "device_bench.h"

#define REQ VGPIO_REQUESTQ
#define EVT VGPIO_EVENTQ
#define NIL 0xffffu /* of lines and slots: none */
#define ACTIVE 2u   /* a slot's state: the backend has it */

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

static void kick(struct bench *b)
{
    assert_int_equal(vgpio_dev_kick(&b->dev, REQ), 0);
}

static struct bench_op *last_op(struct bench *b)
{
    assert_true(b->nlog > 0);
    return &b->log[b->nlog - 1];
}

/* Asks a line that does not answer at once; the token of that. */
static vgpio_token ask(struct bench *b, uint16_t line, uint16_t *head)
{
    unsigned before = b->nlog;

    b->pend = 1;
    *head = bench_post(b, VGPIO_MSG_GET_VALUE, line, 0);
    kick(b);
    assert_int_equal(b->nlog, before + 1);
    assert_int_equal(last_op(b)->op, 'v');
    return last_op(b)->token;
}

static void stop_both(struct bench *b, struct vgpio_vq_setup where[2])
{
    unsigned q;

    for (q = REQ; q <= EVT; q++) {
        assert_int_equal(
            b->vdev.ops->queue_stop(b->vdev.obj, q, VGPIO_STOP_NOW, &where[q]), 0);
    }
}

static void start_both(struct bench *b, const struct vgpio_vq_setup where[2])
{
    unsigned q;

    for (q = REQ; q <= EVT; q++) {
        assert_int_equal(b->vdev.ops->queue_start(b->vdev.obj, q, &b->mem.ops, &where[q]),
                         0);
    }
}

/* A driver with empty rings at the same place. */
static void another_driver(struct bench *b)
{
    unsigned q, i;

    for (q = REQ; q <= EVT; q++) {
        ring_peer_wind(&b->q[q], 0);
        for (i = 0; i < BENCH_CHAINS; i++) {
            b->used[q][i] = BENCH_FREE;
        }
    }
}

static void start_fresh(struct bench *b)
{
    const struct vgpio_vq_setup at[2] = {b->q[REQ].setup, b->q[EVT].setup};

    another_driver(b);
    start_both(b, at);
}

static void test_an_answer_at_once_ends_its_token(void **state)
{
    struct bench *b = *state;
    vgpio_token first;
    uint16_t head;

    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 3, 0), 0);
    first = last_op(b)->token;
    assert_int_not_equal(ask(b, 3, &head), first);
    assert_int_equal(vgpio_dev_complete(&b->dev, first, 1), VGPIO_ERR_STALE);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
}

static void test_a_reset_ends_every_token(void **state)
{
    struct bench *b = *state;
    vgpio_token old, now;
    uint16_t head;

    old = ask(b, 5, &head);
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
    start_fresh(b);
    now = ask(b, 5, &head);
    assert_int_not_equal(now, old);
    assert_int_equal(vgpio_dev_complete(&b->dev, old, 1), VGPIO_ERR_STALE);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    assert_int_equal(vgpio_dev_complete(&b->dev, now, 1), 0);
    assert_int_equal(bench_answer(b, head), 1);
}

/* It is not the device's, however busy it looks. */
static void test_no_token_of_a_slot_behind_the_last(void **state)
{
    struct bench *b = *state;
    struct vgpio_req *behind = &b->reqs[BENCH_REQS], guard = *behind, busy;

    memset(&busy, 0, sizeof busy);
    busy.state = ACTIVE;
    *behind = busy;
    assert_int_equal(vgpio_dev_complete(&b->dev, BENCH_REQS, 1), VGPIO_ERR_STALE);
    assert_memory_equal(behind, &busy, sizeof busy);
    *behind = guard;
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 0);
}

static void test_no_request_of_a_line_behind_the_last(void **state)
{
    struct bench *b = *state;
    struct vgpio_line *behind = &b->lines[BENCH_LINES], guard = *behind;
    unsigned before = b->nlog;

    memset(behind, 0, sizeof *behind);
    behind->q_first = NIL; /* as an idle line has it */
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, BENCH_LINES, 0), BENCH_ERR);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, BENCH_LINES, 1), BENCH_ERR);
    assert_int_equal(b->nlog, before);
    assert_int_equal(behind->out_value, 0);
    *behind = guard;
}

/* What it drove is forgotten with the direction: a value is staged again. */
static void test_direction_none_is_no_output(void **state)
{
    struct bench *b = *state;
    unsigned before;

    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_NONE), 0);
    before = b->nlog;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 2, 1), 0);
    assert_int_equal(b->nlog, before);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), 0);
    assert_int_equal(last_op(b)->b, 1); /* with the value staged meanwhile */
}

/* Behind another request of its line a value goes another way, to the same end. */
static void test_a_value_that_waits_its_turn(void **state)
{
    struct bench *b = *state;
    uint16_t get, set[2];
    unsigned value;
    vgpio_token t;

    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT), 0);
    t = ask(b, 1, &get);
    for (value = 0; value < 2; value++) {
        set[value] = bench_post(b, VGPIO_MSG_SET_VALUE, 1, value);
    }
    kick(b);
    b->pend = 0;
    assert_int_equal(vgpio_dev_complete(&b->dev, t, 0), 0);
    for (value = 0; value < 2; value++) {
        assert_int_equal(bench_answer(b, set[value]), 0);
    }
    assert_int_equal(b->driven[1], 1);
}

/* What the slot's last request was answered is nobody else's. */
static void test_an_error_carries_no_old_value(void **state)
{
    struct bench *b = *state;
    uint16_t head;

    assert_int_equal(vgpio_dev_complete(&b->dev, ask(b, 4, &head), 1), 0);
    assert_int_equal(bench_answer(b, head), 1);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 4, 7), BENCH_ERR);
}

/* An answer at once whose memory went away while the line was asked. */
static void test_no_memory_for_an_answer_at_once(void **state)
{
    struct bench *b = *state;
    unsigned maps, bad = b->trace[VGPIO_TR_CHAIN_BAD];
    uint16_t head;

    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 6, 0), 0);
    maps = b->mem.maps;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 6, 0), 0);
    maps = b->mem.maps - maps; /* of one such request */
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 6, 0);
    b->mem.fail_at = maps;
    kick(b);
    assert_int_equal(last_op(b)->op, 'v'); /* it was asked */
    assert_int_equal(bench_used_len(b, head), 0);
    assert_int_equal(b->trace[VGPIO_TR_CHAIN_BAD], bad + 1);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 6, 0), 0);
}

/* Three lines are asked, all three answer while the rings are stopped: nothing is written
 * before they go on, and then each of it. */
static void test_every_slot_is_held_and_goes_on(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup where[2];
    vgpio_token token[3];
    uint16_t head[3], i;

    for (i = 0; i < 3; i++) {
        token[i] = ask(b, i, &head[i]);
    }
    stop_both(b, where);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_dev_complete(&b->dev, token[i], 1), 0);
    }
    start_both(b, where);
    for (i = 0; i < 3; i++) {
        assert_int_equal(bench_answer(b, head[i]), 1);
    }
}

/* The same, but another driver comes: none of it is answered, every slot comes back, and
 * so do its lines. */
static void test_every_slot_is_forgotten(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup where[2];
    vgpio_token token[3];
    uint16_t head, i;

    for (i = 0; i < 3; i++) {
        token[i] = ask(b, i, &head);
    }
    stop_both(b, where);
    start_fresh(b);
    for (i = 0; i < 3; i++) {
        (void)vgpio_dev_complete(&b->dev, token[i], 1);
    }
    assert_int_equal(ring_peer_used_idx(&b->q[REQ]), 0);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 0);
    for (i = 0; i < BENCH_REQS; i++) {
        (void)ask(b, i, &head);
    }
}

/* Being held is no property of a slot: who gets it next is answered. */
static void test_a_slot_that_was_held_serves_again(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup where[2];
    uint16_t head[BENCH_REQS], i;
    vgpio_token t = ask(b, 7, &head[0]);

    stop_both(b, where);
    start_fresh(b);
    (void)vgpio_dev_complete(&b->dev, t, 0);
    for (i = 0; i < BENCH_REQS; i++) {
        head[i] =
            bench_post(b, i % 2 ? VGPIO_MSG_GET_DIRECTION : VGPIO_MSG_GET_VALUE, i, 0);
    }
    kick(b);
    for (i = 0; i < BENCH_REQS; i++) {
        t = b->log[b->nlog - BENCH_REQS + i].token;
        assert_int_equal(vgpio_dev_complete(&b->dev, t, 1), 0);
        assert_int_equal(bench_answer(b, head[i]), 1);
    }
}

/* A request behind one that the driver before it left is waited for. */
static void test_drain_behind_what_was_forgotten(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup where[2];
    uint16_t head;
    vgpio_token t = ask(b, 0, &head);

    stop_both(b, where);
    start_fresh(b);
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0);
    kick(b);
    b->pend = 0;
    assert_int_equal(
        b->vdev.ops->queue_stop(b->vdev.obj, REQ, VGPIO_STOP_DRAIN, &where[REQ]),
        VGPIO_PENDING);
    (void)vgpio_dev_complete(&b->dev, t, 1);
    assert_int_equal(bench_answer(b, head), 0);
    assert_int_equal(
        b->vdev.ops->queue_stop(b->vdev.obj, REQ, VGPIO_STOP_DRAIN, &where[REQ]), 0);
}

/* After a reset nothing is under way. */
static void test_drain_after_a_reset(void **state)
{
    struct bench *b = *state;
    struct vgpio_vq_setup where;
    uint16_t head;

    (void)ask(b, 0, &head);
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features), 0);
    start_fresh(b);
    assert_int_equal(b->vdev.ops->queue_stop(b->vdev.obj, REQ, VGPIO_STOP_DRAIN, &where),
                     0);
}

/* Too short a request, or too little room: whatever the bytes before it say, no line is
 * asked. */
static void test_no_line_is_asked_by_half_a_request(void **state)
{
    static const uint8_t get[8] = {VGPIO_MSG_GET_VALUE, 0, 1};
    static const struct {
        uint32_t len, room;
        unsigned bad, dialect, requests;
    } shape[] = {{4, 2, 1, 0, 0}, {7, 2, 1, 0, 0}, {8, 0, 1, 0, 0},
                 {8, 1, 0, 0, 1}, {0, 1, 0, 1, 0}, {0, 2, 0, 1, 0}};
    struct bench *b = *state;
    unsigned i;

    for (i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        unsigned bad = b->trace[VGPIO_TR_CHAIN_BAD], asked = b->nlog;
        unsigned dialect = b->trace[VGPIO_TR_DIALECT];
        unsigned requests = b->trace[VGPIO_TR_REQUEST];
        uint16_t head;

        assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 1, 0), 0); /* bytes before */
        head = bench_post_sized(b, get, shape[i].len, shape[i].room);
        kick(b);
        assert_int_equal(bench_used_len(b, head), shape[i].room);
        assert_int_equal(b->nlog, asked + 1);
        assert_int_equal(b->trace[VGPIO_TR_CHAIN_BAD], bad + shape[i].bad);
        assert_int_equal(b->trace[VGPIO_TR_DIALECT], dialect + shape[i].dialect);
        assert_int_equal(b->trace[VGPIO_TR_REQUEST], requests + 1 + shape[i].requests);
    }
}

/* In memory that is a table, where they are taken all at once. */
static void test_many_lines_in_one_kick(void **state)
{
    struct bench *b = *state;
    struct vgpio_mem_region region = {b->mem.gpa, b->mem.size, b->mem.base};
    struct vgpio_mem_table table = {&region, 1};
    const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};
    uint16_t head[BENCH_LINES], i;
    struct vgpio_vq_setup where;

    for (i = 0; i < BENCH_LINES; i++) {
        b->level[i] = i % 3 == 0;
    }
    assert_int_equal(b->vdev.ops->queue_stop(b->vdev.obj, REQ, VGPIO_STOP_NOW, &where),
                     0);
    assert_int_equal(b->vdev.ops->queue_start(b->vdev.obj, REQ, &mem, &where), 0);
    for (i = 0; i < BENCH_LINES; i++) {
        head[i] = bench_post(b, VGPIO_MSG_GET_VALUE, i, 0);
    }
    kick(b);
    for (i = 0; i < BENCH_LINES; i++) {
        assert_int_equal(bench_answer(b, head[i]), i % 3 == 0);
    }
    assert_int_equal(b->vdev.ops->queue_stop(b->vdev.obj, REQ, VGPIO_STOP_NOW, &where),
                     0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_answer_at_once_ends_its_token),
        T(test_a_reset_ends_every_token),
        T(test_no_token_of_a_slot_behind_the_last),
        T(test_no_request_of_a_line_behind_the_last),
        T(test_direction_none_is_no_output),
        T(test_a_value_that_waits_its_turn),
        T(test_an_error_carries_no_old_value),
        T(test_no_memory_for_an_answer_at_once),
        T(test_every_slot_is_held_and_goes_on),
        T(test_every_slot_is_forgotten),
        T(test_a_slot_that_was_held_serves_again),
        T(test_drain_behind_what_was_forgotten),
        T(test_drain_after_a_reset),
        T(test_no_line_is_asked_by_half_a_request),
        T(test_many_lines_in_one_kick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
