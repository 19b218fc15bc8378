/* SPDX-License-Identifier: BSD-3-Clause */
/* The standard device against a driver that writes ring bytes by hand: messages,
 * interrupts, asynchronous lines, bad input. Stop and resume: test_device_queue.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_bench.h"

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

#define OUT(b, line)                                                                     \
    assert_int_equal(bench_call((b), VGPIO_MSG_SET_DIRECTION, (line), VGPIO_DIR_OUT), 0)
#define TYPE(b, line, type)                                                              \
    assert_int_equal(bench_call((b), VGPIO_MSG_SET_IRQ_TYPE, (line), (type)), 0)
#define CHANGE(b, line, edges, level)                                                    \
    assert_int_equal(vgpio_dev_change(&(b)->dev, (line), (edges), (level)), 0)

/* ---- the six messages ------------------------------------------------------- */

static void test_get_value_follows_the_line(void **state)
{
    struct bench *b = *state;

    b->level[5] = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 1);
    b->level[5] = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 0);
}

static void test_direction_goes_there_and_back(void **state)
{
    struct bench *b = *state;
    unsigned dir;

    assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, 2, 0), VGPIO_DIR_NONE);
    for (dir = VGPIO_DIR_NONE; dir <= VGPIO_DIR_IN; dir++) {
        assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 2, dir), 0);
        assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, 2, 0), dir);
    }
}

static void test_value_set_before_output_is_staged(void **state)
{
    struct bench *b = *state;

    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 1), 0);
    assert_int_equal(b->nlog, 0); /* the pin was not driven */
    OUT(b, 1);
    assert_int_equal(b->log[0].op, 'G');
    assert_int_equal(b->log[0].b, 1);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 0), 0);
    assert_int_equal(b->log[1].op, 'V'); /* now it is driven */
}

static void test_driven_value_is_kept_over_input(void **state)
{
    struct bench *b = *state;

    OUT(b, 1);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 1), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    OUT(b, 1);
    assert_int_equal(b->log[b->nlog - 1].b, 1);
}

static void test_direction_none_discards_the_staged_value(void **state)
{
    struct bench *b = *state;

    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 1), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_NONE), 0);
    OUT(b, 1);
    assert_int_equal(b->log[b->nlog - 1].b, 0);
}

static void test_get_direction_teaches_the_device(void **state)
{
    struct bench *b = *state;

    b->dir[3] = VGPIO_DIR_OUT; /* set up by somebody before us */
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, 3, 0), VGPIO_DIR_OUT);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 3, 1), 0);
    assert_int_equal(b->log[b->nlog - 1].op, 'V'); /* not staged for ever */
}

static void names_bench(struct bench *b, const char *block, uint32_t size)
{
    b->cfg.names = (const uint8_t *)block;
    b->cfg.names_size = size;
    bench_restart(b);
}

static uint16_t post_names(struct bench *b, uint32_t room)
{
    static const uint8_t ask[VGPIO_REQUEST_SIZE] = {VGPIO_MSG_GET_LINE_NAMES};
    uint16_t head = bench_post_sized(b, ask, sizeof ask, room);

    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    return head;
}

static void test_names_come_from_the_block(void **state)
{
    static const char block[] = "led\0\0\0reset\0\0\0\0"; /* and the last one's own 0 */
    struct bench *b = *state;
    uint8_t config[10];
    uint16_t head;

    names_bench(b, block, sizeof block);
    b->vdev.ops->config_read(b->vdev.obj, 0, config, sizeof config);
    assert_memory_equal(config, "\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00", 10);
    head = post_names(b, 1 + sizeof block);
    assert_int_equal(bench_used_len(b, head), 1 + sizeof block);
    assert_int_equal(bench_cell(b, head)[16], VGPIO_STATUS_OK);
    assert_memory_equal(bench_cell(b, head) + 17, block, sizeof block);
    head = post_names(b, sizeof block); /* one byte short */
    assert_int_equal(bench_used_len(b, head), 1);
    assert_int_equal(bench_cell(b, head)[16], VGPIO_STATUS_ERR);
}

static void test_names_where_there_are_none(void **state)
{
    struct bench *b = *state;
    uint16_t head = post_names(b, 2);

    assert_int_equal(bench_answer(b, head), BENCH_ERR);
    head = post_names(b, 1);
    assert_int_equal(bench_used_len(b, head), 1);
    assert_int_equal(bench_cell(b, head)[16], VGPIO_STATUS_ERR);
}

static void test_config_read_stays_inside(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[4];
    uint32_t off;

    assert_int_equal(b->vdev.ops->config_size(b->vdev.obj), 8);
    for (off = 0; off < 4; off++) { /* any window, zero past the end */
        static const uint32_t offs[] = {6, 8, 4096, UINT32_MAX};

        memset(bytes, 0xee, sizeof bytes);
        b->vdev.ops->config_read(b->vdev.obj, offs[off], bytes, sizeof bytes);
        assert_memory_equal(bytes, "\0\0\0\0", 4);
    }
    b->vdev.ops->config_read(b->vdev.obj, 0, bytes, 1);
    assert_int_equal(bytes[0], BENCH_LINES);
}

/* ---- what gets ERR ------------------------------------------------------------- */

static void test_bad_requests_get_err_and_do_nothing(void **state)
{
    static const struct vgpio_request bad[] = {
        {VGPIO_MSG_GET_VALUE, BENCH_LINES, 0},
        {VGPIO_MSG_SET_DIRECTION, 0xffff, VGPIO_DIR_OUT},
        {0, 0, 0},
        {7, 0, 0},
        {0xffff, 0, 0},
        {VGPIO_MSG_SET_DIRECTION, 0, 3},
        {VGPIO_MSG_SET_DIRECTION, 0, 0x100}, /* all 32 bits count */
        {VGPIO_MSG_SET_DIRECTION, 0, 0x80000001u},
        {VGPIO_MSG_SET_VALUE, 0, 2},
        {VGPIO_MSG_SET_VALUE, 0, 0x100},
        {VGPIO_MSG_SET_IRQ_TYPE, 0, 5},
        {VGPIO_MSG_SET_IRQ_TYPE, 0, 6},
        {VGPIO_MSG_SET_IRQ_TYPE, 0, 7},
        {VGPIO_MSG_SET_IRQ_TYPE, 0, 9},
        {VGPIO_MSG_SET_IRQ_TYPE, 0, 0x101},
    };
    struct bench *b = *state;
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(bench_call(b, bad[i].type, bad[i].line, bad[i].value),
                         BENCH_ERR);
    }
    assert_int_equal(b->nlog, 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 77), 0); /* value is ignored */
}

static void test_irq_type_needs_the_feature(void **state)
{
    struct bench *b = bench_make(0, 1);

    (void)state;
    bench_start(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING),
                     BENCH_ERR);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_NONE), BENCH_ERR);
    bench_free(b);
}

static void test_backend_errors_become_err(void **state)
{
    struct bench *b = *state;

    b->refuse = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0), BENCH_ERR);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, 0, 0), BENCH_ERR);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT), BENCH_ERR);
    b->refuse = 0;
    b->answer = 2;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0),
                     BENCH_ERR); /* not 0 or 1 */
    b->answer = 3;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_DIRECTION, 0, 0), BENCH_ERR);
    b->answer = 0;
    /* The refused OUT left the line as it was: this is staged, not driven. */
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 0, 1), 0);
    assert_int_not_equal(b->log[b->nlog - 1].op, 'V');
}

static void test_none_is_ok_whatever_the_backend_says(void **state)
{
    struct bench *b = *state;

    b->refuse = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_NONE), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_NONE), 0);
    assert_int_equal(b->trace[VGPIO_TR_NONE_OVERRULED], 2);
}

static void test_missing_ops_answer_err(void **state)
{
    static const struct vgpio_line_ops none = {sizeof none, NULL, NULL, NULL,
                                               NULL,        NULL, NULL, NULL};
    static const struct vgpio_line_ops old = {
        sizeof(uint32_t), NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    struct bench *b = *state;
    const struct vgpio_line_ops *tables[] = {&none, &old};
    unsigned i, type;

    for (i = 0; i < 2; i++) {
        b->cfg.ops = tables[i];
        b->features = VGPIO_F_VERSION_1;
        bench_restart(b);
        /* Lines that cannot interrupt do not offer to. */
        assert_false(b->vdev.ops->features(b->vdev.obj) & VGPIO_F_IRQ);
        assert_int_equal(b->vdev.ops->queue_max(b->vdev.obj, VGPIO_EVENTQ), 0);
        for (type = VGPIO_MSG_GET_DIRECTION; type <= VGPIO_MSG_SET_IRQ_TYPE; type++) {
            int want = type == VGPIO_MSG_SET_VALUE ? 0 : BENCH_ERR; /* staged */
            assert_int_equal(bench_call(b, type, 0, 1), want);
        }
    }
}

static void test_short_requests_and_short_room(void **state)
{
    static const uint8_t out[8] = {VGPIO_MSG_SET_DIRECTION, 0, 0, 0, VGPIO_DIR_OUT};
    struct bench *b = *state;
    uint32_t len, room;

    for (len = 0; len <= 8; len++) {
        for (room = 0; room <= 2; room++) {
            uint16_t head = bench_post_sized(b, out, len, room);
            int whole = len == 8 && room == 2;

            assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
            assert_int_equal(bench_used_len(b, head), room);
            if (room > 0) {
                assert_int_equal(bench_cell(b, head)[16],
                                 whole ? VGPIO_STATUS_OK : VGPIO_STATUS_ERR);
            }
            assert_int_equal(bench_cell(b, head)[16 + room], 0xee);
            assert_int_equal(b->nlog, whole ? 1 : 0); /* no answer, no side effect */
        }
    }
}

static void test_longer_requests_and_room_are_fine(void **state)
{
    static const uint8_t in[12] = {VGPIO_MSG_GET_VALUE, 0, 3, 0, 0, 0, 0, 0, 9, 9, 9, 9};
    struct bench *b = *state;
    uint16_t head = bench_post_sized(b, in, sizeof in, 9);

    b->level[3] = 1;
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_used_len(b, head), 2);
    assert_memory_equal(bench_cell(b, head) + 16, "\x00\x01\xee", 3);
}

static void test_answer_that_does_not_map_has_no_side_effect(void **state)
{
    static const uint8_t out[8] = {VGPIO_MSG_SET_DIRECTION, 0, 0, 0, VGPIO_DIR_OUT};
    struct bench *b = *state;
    uint16_t head;

    b->mem.rom = b->cells + 16 + 1; /* the value byte of the first cell */
    b->mem.rom_len = 1;
    head = bench_post_sized(b, out, sizeof out, 2);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_used_len(b, head), 1);
    assert_int_equal(bench_cell(b, head)[16], VGPIO_STATUS_ERR);
    b->mem.rom--; /* the status byte as well */
    b->mem.rom_len = 2;
    head = bench_post_sized(b, out, sizeof out, 2);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_used_len(b, head), 0);
    assert_int_equal(b->nlog, 0);
    b->mem.rom_len = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0), 0); /* the ring lives */
}

/* ---- a broken ring ---------------------------------------------------------------- */

static void test_broken_ring_freezes_both_but_good_answers_go_out(void **state)
{
    struct bench *b = *state;
    uint16_t good, pair;

    TYPE(b, 0, VGPIO_IRQ_EDGE_BOTH);
    pair = bench_pair(b, 0);
    (void)bench_events(b);
    good = bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    ring_peer_post(&b->q[0], BENCH_RING); /* no such descriptor */
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), VGPIO_ERR_PROTO);
    assert_int_equal(bench_answer(b, good), 0);
    assert_int_equal(bench_events(b), VGPIO_EV_NEEDS_RESET | VGPIO_EV_QUEUE(0));
    assert_int_equal(b->vdev.ops->error(b->vdev.obj, 0), VGPIO_ERR_PROTO);
    assert_int_equal(b->vdev.ops->error(b->vdev.obj, 1), 0);

    /* Sticky, told once, and the other queue is frozen. */
    CHANGE(b, 0, VGPIO_RISING, 1);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), VGPIO_ERR_PROTO);
    assert_int_equal(bench_events(b), 0);
}

static void test_reset_mends_a_broken_ring(void **state)
{
    struct bench *b = *state;

    ring_peer_set_avail_idx(&b->q[0], BENCH_RING + 1);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), VGPIO_ERR_PROTO);
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->vdev.ops->error(b->vdev.obj, 0), 0);
    assert_int_equal(bench_events(b), 0);
    ring_peer_wind(&b->q[0], 0);
    bench_start(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
}

/* ---- asynchronous lines ---------------------------------------------------------- */

static void test_answers_of_one_line_leave_in_order(void **state)
{
    struct bench *b = *state;
    uint16_t first, second, bad;

    b->pend = 1;
    first = bench_post(b, VGPIO_MSG_GET_VALUE, 3, 0);
    second = bench_post(b, VGPIO_MSG_GET_DIRECTION, 3, 0);
    bad = bench_post(b, VGPIO_MSG_SET_VALUE, 3, 9); /* refused, but in its turn */
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(b->nlog, 1); /* never two things at once about one line */
    assert_int_equal(bench_answer(b, first), BENCH_NONE);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 1);

    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 1), 0);
    assert_int_equal(bench_answer(b, first), 1);
    assert_int_equal(b->nlog, 2);
    assert_int_equal(bench_answer(b, second), BENCH_NONE);
    assert_int_equal(bench_answer(b, bad), BENCH_NONE);

    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[1].token, VGPIO_DIR_IN), 0);
    assert_int_equal(bench_answer(b, second), VGPIO_DIR_IN);
    assert_int_equal(bench_answer(b, bad), BENCH_ERR);
    assert_int_equal(b->vdev.ops->in_flight(b->vdev.obj), 0);
}

static void test_lines_overtake_each_other(void **state)
{
    struct bench *b = *state;
    uint16_t a, c;

    b->pend = 1;
    a = bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    c = bench_post(b, VGPIO_MSG_GET_VALUE, 2, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[1].token, 1), 0);
    assert_int_equal(bench_answer(b, c), 1);
    assert_int_equal(bench_answer(b, a), BENCH_NONE);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 0), 0);
    assert_int_equal(bench_answer(b, a), 0);
}

static void test_tokens_are_good_once(void **state)
{
    struct bench *b = *state;
    vgpio_token token;
    uint16_t head;

    b->pend = 1;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    token = b->log[0].token;
    assert_int_equal(vgpio_dev_complete(&b->dev, token, VGPIO_PENDING), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_dev_complete(&b->dev, token, 1), 0);
    assert_int_equal(bench_answer(b, head), 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, token, 0), VGPIO_ERR_STALE);
    assert_int_equal(vgpio_dev_complete(&b->dev, 0xffff, 0), VGPIO_ERR_STALE);
    /* The slot is used again: the old token still means nothing. */
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, token, 0), VGPIO_ERR_STALE);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    assert_int_equal(b->trace[VGPIO_TR_TOKEN_STALE], 3);
}

static void test_reset_makes_tokens_stale_and_touches_nothing(void **state)
{
    struct bench *b = *state;
    uint16_t head, pair;
    unsigned maps;

    TYPE(b, 2, VGPIO_IRQ_EDGE_BOTH);
    pair = bench_pair(b, 2);
    b->pend = 1;
    head = bench_post(b, VGPIO_MSG_GET_VALUE, 1, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    b->nlog = 1;
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->mem.live, 0);
    maps = b->mem.maps;
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 1), VGPIO_ERR_STALE);
    CHANGE(b, 2, VGPIO_RISING, 1);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    assert_int_equal(b->mem.maps, maps);
    assert_int_equal(b->log[b->nlog - 1].op, 'R');
}

static void test_requests_wait_in_the_ring_when_slots_run_out(void **state)
{
    struct bench *b = *state;
    uint16_t head[BENCH_REQS + 3];
    unsigned i;

    b->pend = 1;
    for (i = 0; i < BENCH_REQS + 3; i++) {
        head[i] = bench_post(b, VGPIO_MSG_GET_VALUE, (uint16_t)i, 0);
    }
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(b->nlog, BENCH_REQS);
    /* No other kick comes: each completion makes room for the next. */
    for (i = 0; i < BENCH_REQS + 3; i++) {
        assert_int_equal(vgpio_dev_complete(&b->dev, b->log[i].token, i & 1), 0);
        assert_int_equal(bench_answer(b, head[i]), i & 1);
    }
    assert_int_equal(b->nlog, BENCH_REQS + 3);
}

static void test_completion_inside_the_op(void **state)
{
    struct bench *b = *state;

    b->complete_inside = 1;
    b->level[1] = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 1, 0), 1);
    OUT(b, 1);
    b->refuse = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 1, 0), BENCH_ERR);
}

static int kick_inside(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    (void)line, (void)token;
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), VGPIO_ERR_STATE);
    assert_int_equal(b->vdev.ops->queue_stop(b->vdev.obj, 0, VGPIO_STOP_NOW, NULL),
                     VGPIO_ERR_STATE);
    assert_int_equal(b->vdev.ops->queue_run(b->vdev.obj, 0, 0), VGPIO_ERR_STATE);
    assert_int_equal(b->vdev.ops->ack_features(b->vdev.obj, b->features),
                     VGPIO_ERR_STATE);
    b->vdev.ops->reset(b->vdev.obj); /* ignored */
    return 1;
}

static void test_reentry_is_refused(void **state)
{
    struct bench *b = *state;
    static struct vgpio_line_ops ops; /* outlives the device, as it must */

    ops = *b->cfg.ops;
    ops.get_value = kick_inside;
    b->cfg.ops = &ops;
    bench_restart(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 1, 0), 1);
}

/* A guest that is always one request ahead. */
static int post_again(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    (void)token;
    ring_peer_post(&b->q[VGPIO_REQUESTQ], line);
    return 0;
}

static void test_one_kick_serves_at_most_one_ring_size(void **state)
{
    struct bench *b = *state;
    static struct vgpio_line_ops ops;
    unsigned i;

    ops = *b->cfg.ops;
    ops.get_value = post_again;
    b->cfg.ops = &ops;
    bench_restart(b);
    /* Its head is the number of its line. */
    assert_int_equal(bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    for (i = 1; i <= 3; i++) {
        assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 1);
        assert_int_equal(ring_peer_used_idx(&b->q[0]), i * BENCH_RING);
        assert_int_equal(bench_events(b), VGPIO_EV_QUEUE(VGPIO_REQUESTQ));
    }
}

static void test_one_notification_a_batch(void **state)
{
    struct bench *b = *state;
    unsigned i;

    for (i = 0; i < 5; i++) {
        (void)bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0);
    }
    ring_peer_set_avail_flags(&b->q[0], 1); /* the driver polls */
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_events(b), 0);
    ring_peer_set_avail_flags(&b->q[0], 0);
    (void)bench_post(b, VGPIO_MSG_GET_VALUE, 0, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_events(b), VGPIO_EV_QUEUE(0));
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0); /* spurious */
    assert_int_equal(bench_events(b), 0);
}

/* ---- edges ----------------------------------------------------------------------- */

static void test_edges_are_delivered_by_type(void **state)
{
    static const struct {
        unsigned type, edge;
        int fires;
    } rows[] = {
        {VGPIO_IRQ_EDGE_RISING, VGPIO_RISING, 1},
        {VGPIO_IRQ_EDGE_RISING, VGPIO_FALLING, 0},
        {VGPIO_IRQ_EDGE_FALLING, VGPIO_FALLING, 1},
        {VGPIO_IRQ_EDGE_FALLING, VGPIO_RISING, 0},
        {VGPIO_IRQ_EDGE_BOTH, VGPIO_RISING, 1},
        {VGPIO_IRQ_EDGE_BOTH, VGPIO_FALLING, 1},
    };
    struct bench *b = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint16_t pair;

        TYPE(b, 4, rows[i].type);
        pair = bench_pair(b, 4);
        assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
        CHANGE(b, 4, rows[i].edge, rows[i].edge == VGPIO_RISING);
        assert_int_equal(bench_pair_status(b, pair),
                         rows[i].fires ? VGPIO_IRQ_STATUS_VALID : BENCH_NONE);
        TYPE(b, 4, VGPIO_IRQ_NONE);
        if (!rows[i].fires) {
            assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
        }
    }
}

static void test_masked_edges_latch_once(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 4, VGPIO_IRQ_EDGE_BOTH);
    CHANGE(b, 4, VGPIO_RISING, 1);
    CHANGE(b, 4, VGPIO_FALLING, 0);
    CHANGE(b, 4, VGPIO_RISING | VGPIO_FALLING, 0);
    assert_int_equal(b->trace[VGPIO_TR_EDGE_LATCHED], 1);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_MERGED], 3);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    pair = bench_pair(b, 4); /* delivered once, not twice */
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
}

static void test_two_edges_in_one_step_count_both(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 4, VGPIO_IRQ_EDGE_BOTH);
    pair = bench_pair(b, 4);
    CHANGE(b, 4, VGPIO_RISING | VGPIO_FALLING, 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_MERGED], 1); /* delivered + merged = 2 */
    assert_int_equal(b->trace[VGPIO_TR_EDGE_LATCHED], 0);
    TYPE(b, 4, VGPIO_IRQ_EDGE_FALLING);
    pair = bench_pair(b, 4);
    CHANGE(b, 4, VGPIO_RISING | VGPIO_FALLING, 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_MERGED], 1);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_DROPPED], 1);
}

static void test_disabling_drops_the_latch(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    CHANGE(b, 4, VGPIO_RISING, 1);
    TYPE(b, 4, VGPIO_IRQ_NONE);
    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
}

/* So that delivered + merged + dropped are all edges over the lives of several guests. */
static void test_reset_drops_the_latch_and_says_so(void **state)
{
    struct bench *b = *state;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_DROPPED], 0);
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_DROPPED], 1);
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_DROPPED], 1);
}

static void test_edges_before_enabling_do_not_count(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    CHANGE(b, 4, VGPIO_RISING, 1);
    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
}

static void test_none_returns_the_pair_before_its_own_answer(void **state)
{
    struct bench *b = *state;
    uint16_t head, pair;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    pair = bench_pair(b, 4);
    b->pend = 1; /* the backend takes its time: the pair does not wait for it */
    head = bench_post(b, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_NONE);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
    assert_int_equal(bench_answer(b, head), BENCH_NONE);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, 0), 0);
    assert_int_equal(bench_answer(b, head), 0);
}

static void test_direction_none_disables_the_interrupt(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_NONE), 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
}

static void test_output_and_interrupt_exclude_each_other(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    OUT(b, 4);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_EDGE_BOTH),
                     BENCH_ERR);
    TYPE(b, 4, VGPIO_IRQ_NONE); /* this is fine */
    TYPE(b, 3, VGPIO_IRQ_EDGE_BOTH);
    pair = bench_pair(b, 3);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT), BENCH_ERR);
    CHANGE(b, 3, VGPIO_RISING, 1); /* and changed nothing */
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
}

static void test_a_new_type_without_none_keeps_the_pair(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    pair = bench_pair(b, 4);
    TYPE(b, 4, VGPIO_IRQ_EDGE_FALLING);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    CHANGE(b, 4, VGPIO_FALLING, 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    /* A latch of the old type is not one of the new. */
    CHANGE(b, 4, VGPIO_FALLING, 0);
    TYPE(b, 4, VGPIO_IRQ_EDGE_BOTH);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
}

static void test_a_refused_type_holds_the_pair(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    b->refuse = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_LEVEL_HIGH),
                     BENCH_ERR);
    pair = bench_pair(b, 4); /* Linux posts it all the same, and again on INVALID */
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    b->refuse = 0;
    TYPE(b, 4, VGPIO_IRQ_NONE);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
    pair = bench_pair(b, 4); /* and now INVALID it is again */
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
}

static void test_a_held_pair_serves_the_next_good_type(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    b->refuse = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_LEVEL_HIGH),
                     BENCH_ERR);
    pair = bench_pair(b, 4);
    b->refuse = 0;
    b->nlog = 0;
    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(b->log[1].op, 'u'); /* the backend hears that the guest waits */
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
}

static void test_pairs_that_come_back_invalid(void **state)
{
    struct bench *b = *state;
    uint16_t pair = bench_pair(b, 4); /* not enabled */
    uint16_t second;

    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
    pair = bench_pair(b, BENCH_LINES); /* no such line */
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_INVALID);
    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    pair = bench_pair(b, 4);
    second = bench_pair(b, 4); /* one is here already: the new one goes back */
    assert_int_equal(bench_pair_status(b, second), VGPIO_IRQ_STATUS_INVALID);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
}

static void test_misshapen_pairs(void **state)
{
    struct bench *b = *state;
    uint32_t id, len;
    uint64_t cell = b->cells;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    while (ring_peer_used(&b->q[1], &id, &len)) {
    }
    peer_put16(&b->mem, cell, 4);
    peer_put16(&b->mem, cell + 16, 0xeeee);
    ring_peer_request(&b->q[1], 0, cell, 1, cell + 16, 1); /* one byte of a line number */
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_EVENTQ), 0);
    assert_int_equal(ring_peer_used(&b->q[1], &id, &len), 1);
    assert_int_equal(len, 1);
    assert_int_equal(peer_get16(&b->mem, cell + 16), 0xee00);
    ring_peer_request(&b->q[1], 2, cell, 2, cell + 16, 0); /* no room */
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_EVENTQ), 0);
    assert_int_equal(ring_peer_used(&b->q[1], &id, &len), 1);
    assert_int_equal(len, 0);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(ring_peer_used(&b->q[1], &id, &len), 0); /* neither was taken */
}

static void test_edges_while_the_type_is_on_its_way(void **state)
{
    struct bench *b = *state;
    uint16_t head, pair;

    b->pend = 1;
    head = bench_post(b, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    CHANGE(b, 4, VGPIO_RISING, 1); /* counts for the new type */
    CHANGE(b, 4, VGPIO_FALLING, 0);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[0].token, 0), 0);
    assert_int_equal(bench_answer(b, head), 0);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
    pair = bench_pair(b, 4);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    /* A type that fails in the end has latched nothing. */
    head = bench_post(b, VGPIO_MSG_SET_IRQ_TYPE, 5, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    CHANGE(b, 5, VGPIO_RISING, 1);
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, VGPIO_ERR_IO),
                     0);
    assert_int_equal(bench_answer(b, head), BENCH_ERR);
    assert_int_equal(b->trace_sum[VGPIO_TR_EDGE_DROPPED], 2); /* and the FALLING above */
}

static void test_eventq_notifies(void **state)
{
    struct bench *b = *state;

    TYPE(b, 4, VGPIO_IRQ_EDGE_RISING);
    (void)bench_events(b);
    (void)bench_pair(b, 4);
    assert_int_equal(bench_events(b), 0);
    CHANGE(b, 4, VGPIO_RISING, 1);
    assert_int_equal(bench_events(b), VGPIO_EV_QUEUE(VGPIO_EVENTQ));
}

/* ---- levels ---------------------------------------------------------------------- */

static void test_level_fires_while_active(void **state)
{
    struct bench *b = *state;
    unsigned high;

    for (high = 0; high < 2; high++) {
        uint16_t line = (uint16_t)(2 + high), pair;

        b->level[line] = (uint8_t)!high;
        TYPE(b, line, high ? VGPIO_IRQ_LEVEL_HIGH : VGPIO_IRQ_LEVEL_LOW);
        pair = bench_pair(b, line);
        assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
        CHANGE(b, line, high ? VGPIO_RISING : VGPIO_FALLING, high);
        assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
        pair = bench_pair(b, line); /* still active at unmask */
        assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
        CHANGE(b, line, high ? VGPIO_FALLING : VGPIO_RISING, !high);
        pair = bench_pair(b, line);
        assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    }
}

static void test_level_active_at_enabling(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    b->level[2] = 1;
    TYPE(b, 2, VGPIO_IRQ_LEVEL_HIGH);
    pair = bench_pair(b, 2);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
}

static void test_level_is_never_latched(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 2, VGPIO_IRQ_LEVEL_HIGH);
    CHANGE(b, 2, VGPIO_RISING, 1); /* masked */
    CHANGE(b, 2, VGPIO_FALLING, 0);
    pair = bench_pair(b, 2);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    assert_int_equal(b->trace[VGPIO_TR_EDGE_LATCHED], 0);
}

static void test_unknown_level_is_not_active(void **state)
{
    struct bench *b = *state;
    uint16_t pair;

    TYPE(b, 2, VGPIO_IRQ_LEVEL_LOW);
    CHANGE(b, 2, 0, VGPIO_LEVEL_UNKNOWN);
    pair = bench_pair(b, 2);
    assert_int_equal(bench_pair_status(b, pair), BENCH_NONE);
    CHANGE(b, 2, 0, 0);
    assert_int_equal(bench_pair_status(b, pair), VGPIO_IRQ_STATUS_VALID);
}

static void test_unmask_is_told_when_the_guest_waits(void **state)
{
    struct bench *b = *state;

    TYPE(b, 2, VGPIO_IRQ_EDGE_RISING);
    b->nlog = 0;
    CHANGE(b, 2, VGPIO_RISING, 1);
    (void)bench_pair(b, 2); /* a latched edge goes out at once: nobody waits */
    assert_int_equal(b->nlog, 0);
    (void)bench_pair(b, 2);
    assert_int_equal(b->nlog, 1);
    assert_int_equal(b->log[0].op, 'u');
    assert_int_equal(b->log[0].line, 2);
}

/* ---- init ------------------------------------------------------------------------ */

static void test_init_refuses_what_cannot_work(void **state)
{
    struct bench *b = *state;
    struct vgpio_dev_config good = b->cfg, c;

#define REFUSES(change)                                                                  \
    do {                                                                                 \
        c = good;                                                                        \
        change;                                                                          \
        assert_int_equal(vgpio_dev_init(&b->dev, &c), VGPIO_ERR_INVAL);                  \
    } while (0)
    b->vdev.ops->reset(b->vdev.obj);
    REFUSES(c.ops = NULL);
    REFUSES(c.lines = NULL);
    REFUSES(c.reqs = NULL);
    REFUSES(c.ngpio = 0);
    REFUSES(c.nreqs = 0);
    REFUSES(c.queue_max[0] = 3);
    REFUSES(c.queue_max[1] = 0xffff);
    REFUSES(c.names_size = 8);
    REFUSES((c.names = (const uint8_t *)"\0\0\0\0\0\0\0", c.names_size = 7));
    REFUSES((c.names = (const uint8_t *)"\0\0\0\0\0\0\0\0\0", c.names_size = 9));
    REFUSES((c.names = (const uint8_t *)"\0\0\0\0\0\0\0\0x", c.names_size = 9));
    REFUSES((c.names = (const uint8_t *)"\0\0\0\0\0\0\0\xc3\0", c.names_size = 9));
#undef REFUSES
    assert_int_equal(vgpio_dev_init(&b->dev, &good), 0);
}

static void dirty_stack(void)
{
    volatile uint8_t waste[4096];
    size_t i;

    for (i = 0; i < sizeof waste; i++) {
        waste[i] = 0xa5;
    }
}

static void test_init_guards_the_abi(void **state)
{
    struct bench *b = *state;
    uint64_t good = VGPIO_ABI(sizeof b->dev, sizeof b->cfg, sizeof(struct vgpio_line),
                              sizeof(struct vgpio_req));

    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(vgpio_dev_init_abi(&b->dev, &b->cfg, good - 8), VGPIO_ERR_ABI);
    assert_int_equal(vgpio_dev_init_abi(&b->dev, &b->cfg, good + (UINT64_C(8) << 16)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_dev_init_abi(&b->dev, &b->cfg, good + (UINT64_C(8) << 32)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_dev_init_abi(&b->dev, &b->cfg, good - (UINT64_C(8) << 48)),
                     VGPIO_ERR_ABI);
    /* An older, shorter config: what it lacks is zero, whatever the stack held. */
    dirty_stack();
    good -= (uint64_t)(sizeof b->cfg - offsetof(struct vgpio_dev_config, trace)) << 16;
    assert_int_equal(vgpio_dev_init_abi(&b->dev, &b->cfg, good), 0);
    (void)vgpio_dev_kick(&b->dev, 7);
    assert_int_equal(b->trace[VGPIO_TR_RESET], 1); /* the trace hook was in that tail */
    b->vdev.ops->reset(b->vdev.obj);
    assert_int_equal(b->trace[VGPIO_TR_RESET], 1);
}

/* Counted whichever way a request goes; traced one by one only on demand. */
static void test_counts(void **state)
{
    struct bench *b = *state;
    struct vgpio_dev_counts c = {0, 0, 0, 0};
    uint16_t late;

    b->cfg.counts = &c;
    bench_restart(b);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 1), 0);
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 2), BENCH_ERR);
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 999, 0), BENCH_ERR);
    assert_int_equal(c.requests, 4);
    assert_int_equal(c.answers, 4);
    assert_int_equal(c.errors, 2);
    assert_int_equal(b->trace[VGPIO_TR_REQUEST] + b->trace[VGPIO_TR_ANSWER], 0);
    b->pend = 1;
    late = bench_post(b, VGPIO_MSG_GET_VALUE, 2, 0);
    assert_int_equal(vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ), 0);
    assert_int_equal(c.requests, 5);
    assert_int_equal(c.answers, 4);
    c.each = 1;
    assert_int_equal(vgpio_dev_complete(&b->dev, b->log[b->nlog - 1].token, VGPIO_ERR_IO),
                     0);
    assert_int_equal(bench_answer(b, late), BENCH_ERR);
    assert_int_equal(c.answers, 5);
    assert_int_equal(c.errors, 3);
    assert_int_equal(b->trace[VGPIO_TR_ANSWER], 1);
    b->pend = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_SET_VALUE, 1, 0), 0);
    assert_int_equal(c.requests, 6);
    assert_int_equal(b->trace[VGPIO_TR_REQUEST], 1);
    assert_int_equal(b->trace[VGPIO_TR_ANSWER], 2);
}

static void test_features(void **state)
{
    struct bench *b = *state;
    const struct vgpio_vdev_ops *v = b->vdev.ops;
    uint64_t all;

    v->reset(b->vdev.obj);
    assert_int_equal(v->device_id(b->vdev.obj), 41);
    assert_true(v->features(b->vdev.obj) ==
                (VGPIO_F_IRQ | VGPIO_F_INDIRECT | VGPIO_F_EVENT_IDX | VGPIO_F_VERSION_1 |
                 VGPIO_F_PACKED));
    assert_int_equal(v->ack_features(b->vdev.obj, VGPIO_F_IRQ), VGPIO_ERR_NOTSUP);
    assert_int_equal(v->ack_features(b->vdev.obj, VGPIO_F_VERSION_1 | VGPIO_F_IN_ORDER),
                     VGPIO_ERR_NOTSUP);
    assert_int_equal(v->queue_max(b->vdev.obj, 0), 256);
    assert_int_equal(v->queue_max(b->vdev.obj, 1), 256);
    assert_int_equal(v->queue_max(b->vdev.obj, 2), 0);
    b->cfg.features = VGPIO_F_EVENT_IDX;
    assert_int_equal(vgpio_dev_init(&b->dev, &b->cfg), 0);
    assert_true(v->features(b->vdev.obj) == (VGPIO_F_EVENT_IDX | VGPIO_F_VERSION_1));
    assert_int_equal(v->queue_max(b->vdev.obj, 1), 0);
    assert_int_equal(v->error(b->vdev.obj, 2), VGPIO_ERR_INVAL);
    b->cfg.features = 0;
    assert_int_equal(vgpio_dev_init(&b->dev, &b->cfg), 0);
    all = v->features(b->vdev.obj);
    b->cfg.features = ~(VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT);
    assert_int_equal(vgpio_dev_init(&b->dev, &b->cfg), 0);
    assert_true(v->features(b->vdev.obj) ==
                (all & ~(VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT)));
    b->cfg.features = VGPIO_F_VERSION_1;
    assert_int_equal(vgpio_dev_init(&b->dev, &b->cfg), 0);
    assert_true(v->features(b->vdev.obj) == VGPIO_F_VERSION_1);
}

static void test_change_refuses_nonsense(void **state)
{
    struct bench *b = *state;

    assert_int_equal(vgpio_dev_change(&b->dev, BENCH_LINES, 1, 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_dev_change(&b->dev, 0, 4, 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_dev_change(&b->dev, 0, 1, 3), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_dev_kick(&b->dev, 2), VGPIO_ERR_INVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_get_value_follows_the_line),
        T(test_direction_goes_there_and_back),
        T(test_value_set_before_output_is_staged),
        T(test_driven_value_is_kept_over_input),
        T(test_direction_none_discards_the_staged_value),
        T(test_get_direction_teaches_the_device),
        T(test_names_come_from_the_block),
        T(test_names_where_there_are_none),
        T(test_config_read_stays_inside),
        T(test_bad_requests_get_err_and_do_nothing),
        cmocka_unit_test(test_irq_type_needs_the_feature),
        T(test_backend_errors_become_err),
        T(test_none_is_ok_whatever_the_backend_says),
        T(test_missing_ops_answer_err),
        T(test_short_requests_and_short_room),
        T(test_longer_requests_and_room_are_fine),
        T(test_answer_that_does_not_map_has_no_side_effect),
        T(test_broken_ring_freezes_both_but_good_answers_go_out),
        T(test_reset_mends_a_broken_ring),
        T(test_answers_of_one_line_leave_in_order),
        T(test_lines_overtake_each_other),
        T(test_tokens_are_good_once),
        T(test_reset_makes_tokens_stale_and_touches_nothing),
        T(test_requests_wait_in_the_ring_when_slots_run_out),
        T(test_completion_inside_the_op),
        T(test_reentry_is_refused),
        T(test_one_kick_serves_at_most_one_ring_size),
        T(test_one_notification_a_batch),
        T(test_edges_are_delivered_by_type),
        T(test_masked_edges_latch_once),
        T(test_two_edges_in_one_step_count_both),
        T(test_disabling_drops_the_latch),
        T(test_reset_drops_the_latch_and_says_so),
        T(test_edges_before_enabling_do_not_count),
        T(test_none_returns_the_pair_before_its_own_answer),
        T(test_direction_none_disables_the_interrupt),
        T(test_output_and_interrupt_exclude_each_other),
        T(test_a_new_type_without_none_keeps_the_pair),
        T(test_a_refused_type_holds_the_pair),
        T(test_a_held_pair_serves_the_next_good_type),
        T(test_pairs_that_come_back_invalid),
        T(test_misshapen_pairs),
        T(test_edges_while_the_type_is_on_its_way),
        T(test_eventq_notifies),
        T(test_level_fires_while_active),
        T(test_level_active_at_enabling),
        T(test_level_is_never_latched),
        T(test_unknown_level_is_not_active),
        T(test_unmask_is_told_when_the_guest_waits),
        T(test_init_refuses_what_cannot_work),
        T(test_init_guards_the_abi),
        T(test_counts),
        T(test_features),
        T(test_change_refuses_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
