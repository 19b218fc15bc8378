/* SPDX-License-Identifier: BSD-3-Clause */
/* The draft's device where few come by: calls from inside an op, backends that leave ops
 * out, answer twice or with nonsense, rings that come and go one at a time, buffers that
 * change while they are read, and time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draft_room.h"

#define RX VGPIO_DRAFT_TO_DRIVER
#define TX VGPIO_DRAFT_FROM_DRIVER
#define EIO_ (-5)
#define EBUSY_ (-16)
#define EOPNOTSUPP_ (-95)

static void buffers(struct room *w, uint16_t from, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        room_rx(w, (uint16_t)(from + i), 8);
    }
}

static int kick(struct room *w)
{
    return w->o->dev.ops->kick(&w->dev, TX);
}

static int stop(struct room *w, unsigned q, unsigned how, struct vgpio_vq_setup *at)
{
    return w->o->dev.ops->queue_stop(&w->dev, q, how, at);
}

static int start(struct room *w, unsigned q, const struct vgpio_vq_setup *at)
{
    return w->o->dev.ops->queue_start(&w->dev, q, &w->o->mem.ops, at);
}

static int change(struct room *w, uint16_t line, unsigned edges, unsigned level)
{
    struct vgpio_sink sink = vgpio_draft_dev_sink(&w->dev);

    return sink.ops->change(sink.obj, line, edges, level);
}

static int complete(struct room *w, vgpio_token token, int result)
{
    struct vgpio_sink sink = vgpio_draft_dev_sink(&w->dev);

    return sink.ops->complete(sink.obj, token, result);
}

/* The next message is this one. */
static void expect(struct room *w, unsigned type, uint16_t line, int32_t value)
{
    unsigned got;
    uint16_t of = 0;
    int32_t v = room_next(w, &got, &of);

    assert_int_equal(got, type);
    assert_int_equal(of, line);
    assert_int_equal(v, value);
}

static void expect_nothing(struct room *w)
{
    unsigned type;
    uint16_t of;

    (void)room_next(w, &type, &of);
    assert_int_equal(type, 0);
}

/* ---- who may call what, and when ---- */

/* Every call of a transport from inside an op is refused, or does nothing. */
static int call_everything(struct room *w, char op, uint16_t line, vgpio_token token)
{
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    struct vgpio_vq_setup at = w->o->q[RX].setup;
    unsigned resets = w->resets;

    (void)op, (void)line, (void)token;
    w->inside = NULL;
    assert_int_equal(ops->ack_features(&w->dev, VGPIO_F_VERSION_1), VGPIO_ERR_STATE);
    assert_int_equal(ops->queue_start(&w->dev, RX, &w->o->mem.ops, &at), VGPIO_ERR_STATE);
    assert_int_equal(ops->queue_run(&w->dev, RX, 0), VGPIO_ERR_STATE);
    assert_int_equal(ops->queue_stop(&w->dev, RX, VGPIO_STOP_NOW, &at), VGPIO_ERR_STATE);
    assert_int_equal(ops->kick(&w->dev, TX), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_draft_dev_tick(&w->dev, 1000), 0);
    ops->irq_acked(&w->dev);
    ops->reset(&w->dev);
    assert_int_equal(w->resets, resets);
    return 0;
}

static void test_calls_from_inside_an_op(void **state)
{
    struct room *w = room_raw(0, 0);

    (void)state;
    buffers(w, 100, 4);
    w->inside = call_everything;
    assert_int_equal(room_call(w, 5, 1, 0), 0);
    assert_null(w->inside);
    assert_int_equal(room_call(w, 5, 2, 0), 0); /* and all is as it was */
    room_free(w);
}

static void test_what_a_transport_may_not_ask(void **state)
{
    struct room *w = room_new(4, 256);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    struct vgpio_vq_setup s;
    unsigned q;

    (void)state;
    for (q = 0; q < 2; q++) {
        (void)ring_peer_init(&w->o->q[q], &w->o->mem, 0x10000 + 0x8000 * q, 64, 0);
    }
    s = w->o->q[RX].setup;
    assert_int_equal(start(w, RX, &s), VGPIO_ERR_STATE); /* no features yet */
    assert_int_equal(ops->ack_features(&w->dev, VGPIO_F_VERSION_1), 0);
    assert_int_equal(start(w, 2, &s), VGPIO_ERR_INVAL);
    assert_int_equal(start(w, RX, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(ops->queue_start(&w->dev, RX, NULL, &s), VGPIO_ERR_INVAL);
    s.size = 0;
    assert_int_equal(start(w, RX, &s), VGPIO_ERR_INVAL);
    s.size = 65535;
    assert_int_equal(start(w, RX, &s), VGPIO_ERR_INVAL);
    s.size = 64;
    w->o->mem.hole = s.device; /* gone for a moment: nothing stays of it */
    w->o->mem.hole_len = 4;
    assert_int_equal(start(w, RX, &s), VGPIO_ERR_FAULT);
    assert_int_equal(w->o->mem.live, 0);
    w->o->mem.hole_len = 0;
    assert_int_equal(ops->queue_run(&w->dev, RX, 1), VGPIO_ERR_STATE);
    assert_int_equal(start(w, RX, &s), 0);
    assert_int_equal(start(w, RX, &s), VGPIO_ERR_STATE);
    assert_int_equal(ops->ack_features(&w->dev, VGPIO_F_VERSION_1), 0);
    assert_int_equal(ops->ack_features(&w->dev, VGPIO_F_VERSION_1 | VGPIO_F_INDIRECT),
                     VGPIO_ERR_STATE);
    assert_int_equal(ops->queue_run(&w->dev, 2, 1), VGPIO_ERR_INVAL);
    assert_int_equal(stop(w, 2, VGPIO_STOP_NOW, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(stop(w, RX, VGPIO_STOP_DRAIN - 1, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(stop(w, RX, VGPIO_STOP_RESET + 1, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(ops->kick(&w->dev, 2), VGPIO_ERR_INVAL);
    assert_int_equal(ops->error(&w->dev, 2), VGPIO_ERR_INVAL);
    assert_int_equal(stop(w, RX, VGPIO_STOP_DRAIN, NULL), 0); /* the other one is not */
    assert_int_equal(stop(w, RX, VGPIO_STOP_NOW, NULL), 0);   /* stopped already */
    room_free(w);
}

/* ---- lines that are less than the draft wants ---- */

static void test_lines_without_ops(void **state)
{
    struct room *w = room_new(4, 256);
    static const unsigned types[] = {2, 3, 4, 5, 6};
    unsigned i;

    (void)state;
    room_free(w);
    w = room_raw(0, 0);
    buffers(w, 100, 16);
    w->lines[3].dir = VGPIO_DIR_OUT; /* SET_LEVEL looks there first */
    w->ops.ops_size = sizeof w->ops.ops_size;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_int_equal(room_call(w, types[i], 3, 0), EOPNOTSUPP_);
    }
    assert_int_equal(room_call(w, 1, 3, 0), 0); /* nobody need be asked for this */
    w->o->dev.ops->reset(&w->dev);
    assert_int_equal(w->o->dev.ops->in_flight(&w->dev), 0);
    room_free(w);
}

/* Lines that cannot interrupt are inputs all the same, and report without unmask. */
static void test_lines_without_interrupts(void **state)
{
    struct room *w = room_raw(0, 0);

    (void)state;
    buffers(w, 100, 16);
    w->ops.set_irq_type = NULL;
    w->ops.unmask = NULL;
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    assert_int_equal(w->types[1], 0);
    assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    expect(w, 0x11, 1, 1);
    room_free(w);
    w = room_modern();
    w->ops.set_irq_type = NULL;
    assert_int_equal(room_call(w, 8, 1, 0x24), -VGPIO_DRAFT_E_INVAL);
    room_free(w);
}

/* A failure stays one, whatever its number is; so does nonsense. */
static void test_answers_that_cannot_be(void **state)
{
    static const struct {
        unsigned type;
        int answer;
        int32_t value;
    } cases[] = {
        {5, 2, EIO_},
        {5, 1, 1},
        {5, INT32_MAX - 1, EIO_},
        {5, -1000, EIO_},
        {5, -128, EIO_},
        {5, INT32_MIN, EIO_},
        {4, 3, EIO_},
        {4, -1000, EIO_},
        {4, VGPIO_ERR_STATE, EBUSY_},
        {4, 1, 0},
        {4, VGPIO_DIR_IN, 1},
    };
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    buffers(w, 100, 32);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        w->answer = cases[i].answer;
        assert_int_equal(room_call(w, cases[i].type, 1, 0), cases[i].value);
    }
    w->answer = 0;
    w->refuse = INT32_MIN;
    for (i = 2; i <= 3; i++) {
        assert_int_equal(room_call(w, i, 1, 0), EIO_);
    }
    room_free(w);
    w = room_modern();
    w->answer = -1000;
    assert_int_equal(room_call(w, 5, 1, 0), -VGPIO_DRAFT_E_FAULT);
    room_free(w);
}

/* An output that is refused leaves the watched input that there was. */
static int refuse_output(struct room *w, char op, uint16_t line, vgpio_token token)
{
    (void)line, (void)token;
    if (op != 'D') {
        return 0;
    }
    w->inside = NULL;
    return VGPIO_ERR_STATE;
}

static void test_output_refused(void **state)
{
    struct room *w = room_raw(0, 0);

    (void)state;
    buffers(w, 100, 16);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    assert_int_equal(w->types[1], VGPIO_IRQ_EDGE_BOTH);
    w->inside = refuse_output;
    assert_int_equal(room_call(w, 3, 1, 1), EBUSY_);
    assert_int_equal(w->types[1], VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(w->unmasks, 2);
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    expect(w, 0x11, 1, 1);
    w->inside = refuse_output; /* nothing was watched here: nothing is to be put back */
    assert_int_equal(room_call(w, 3, 2, 1), EBUSY_);
    assert_int_equal(w->types[2], 0);
    room_free(w);
    w = room_modern(); /* the driver arms lines itself */
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    w->inside = refuse_output;
    assert_int_equal(room_call(w, 3, 1, 1), -VGPIO_DRAFT_E_INVAL);
    assert_int_equal(w->types[1], 0);
    room_free(w);
}

static void test_masks_of_2021(void **state)
{
    static const struct {
        unsigned mask, type;
    } cases[] = {
        {0x21, VGPIO_IRQ_LEVEL_HIGH}, {0x22, VGPIO_IRQ_LEVEL_LOW},
        {0x23, VGPIO_IRQ_EDGE_BOTH},  {0x25, VGPIO_IRQ_EDGE_BOTH},
        {0x2a, VGPIO_IRQ_EDGE_BOTH},  {0x14, VGPIO_IRQ_EDGE_RISING},
        {0x0f, VGPIO_IRQ_NONE},       {0x20, VGPIO_IRQ_NONE},
    };
    struct room *w = room_modern();
    unsigned i;

    (void)state;
    w->answer = 0;
    assert_int_equal(room_call(w, 3, 2, 0), 0);
    assert_int_equal(room_call(w, 8, 2, 0), 0); /* an output may be told not to */
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        w->types[1] = 99;
        (void)vgpio_sim_pull(&w->sim, 1, 0);
        while (w->o->q[RX].used_seen != room_used(w, RX)) { /* what is on its way */
            uint32_t id, len;

            (void)ring_peer_used(&w->o->q[RX], &id, &len);
        }
        room_put(w, 0, 8, 1);
        peer_put32(&w->o->mem, w->o->tx_gpa + 0x204, cases[i].mask);
        room_post(w, 8);
        (void)kick(w);
        assert_int_equal(w->types[1], cases[i].type);
        expect(w, 0x8008, 1, 0);
    }
    room_free(w);
}

/* ---- backends that answer early ---- */

/* Pending, and completed already: before the op returns. */
static int complete_inside(struct room *w, char op, uint16_t line, vgpio_token token)
{
    (void)op, (void)line;
    assert_int_equal(complete(w, token, 0), 0);
    assert_int_equal(complete(w, token, 0), VGPIO_ERR_STALE);
    return VGPIO_PENDING;
}

/* ... and the op says something else on top of it. */
static int complete_twice(struct room *w, char op, uint16_t line, vgpio_token token)
{
    (void)op, (void)line;
    assert_int_equal(complete(w, token, 0), 0);
    return VGPIO_ERR_IO;
}

static void test_completed_inside_its_op(void **state)
{
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    buffers(w, 100, 16);
    for (i = 0; i < 2; i++) {
        w->inside = i == 0 ? complete_inside : complete_twice;
        assert_int_equal(room_call(w, 2, 1, 0), 0); /* both its steps */
        assert_int_equal(room_call(w, 3, 1, 0), 0);
        assert_int_equal(room_call(w, 5, 1, 0), 0);
        assert_int_equal(w->o->dev.ops->in_flight(&w->dev), 0);
    }
    room_free(w);
}

/* The op for one line completes what is on the way for another, whose next one and whose
 * second step must go on. */
static int complete_the_others(struct room *w, char op, uint16_t line, vgpio_token token)
{
    unsigned i, n = w->nheld;

    (void)op, (void)token;
    if (line != 7) {
        return 0;
    }
    w->inside = NULL;
    for (i = 0; i < n; i++) {
        assert_int_equal(room_release(w, 0), 0);
    }
    w->pend = 0;
    return 0;
}

static void test_completed_inside_the_op_of_another_line(void **state)
{
    struct room *w = room_raw(0, 0);

    (void)state;
    buffers(w, 100, 16);
    w->pend = 1;
    room_put(w, 0, 2, 1); /* two steps */
    room_put(w, 1, 5, 1); /* behind it */
    room_put(w, 2, 5, 2);
    room_post(w, 24);
    assert_int_equal(kick(w), 0);
    assert_int_equal(w->nheld, 2);
    w->inside = complete_the_others;
    room_put(w, 0, 5, 7);
    room_post(w, 8);
    assert_int_equal(kick(w), 0);
    expect(w, 0x8002, 1, 0);
    expect(w, 0x8005, 1, 0);
    expect(w, 0x8005, 2, 0);
    expect(w, 0x8005, 7, 0);
    assert_int_equal(w->types[1], VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(w->o->dev.ops->in_flight(&w->dev), 0);
    room_free(w);
}

/* A report goes out, the lines hear that the guest listens, and by the way answer what
 * was asked before: nobody comes again for it. */
static void complete_at_unmask(struct room *w, uint16_t line)
{
    (void)line;
    w->on_unmask = NULL;
    w->pend = 0;
    assert_int_equal(room_release(w, 0), 0);
}

static void test_completed_inside_unmask(void **state)
{
    struct room *w = room_raw(0, 0);

    (void)state;
    buffers(w, 100, 16);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    w->pend = 1;
    room_put(w, 0, 5, 2);
    room_put(w, 1, 5, 2); /* behind it */
    room_post(w, 16);
    assert_int_equal(kick(w), 0);
    assert_int_equal(w->nheld, 1);
    w->on_unmask = complete_at_unmask;
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    assert_null(w->on_unmask);
    expect(w, 0x11, 1, 1);
    expect(w, 0x8005, 2, 0);
    expect(w, 0x8005, 2, 0);
    assert_int_equal(room_used(w, TX), 2);
    room_free(w);
}

/* ---- rings that come and go ---- */

/* Queue 0 alone is reset: its answers are lost, but the requests' buffers are not. */
static void test_reset_of_the_other_queue(void **state)
{
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    buffers(w, 100, 4);
    w->pend = 1;
    for (i = 0; i < 3; i++) {
        room_put(w, i, 5, 1); /* one with the lines, two behind it */
    }
    room_post(w, 24);
    assert_int_equal(kick(w), 0);
    assert_int_equal(stop(w, RX, VGPIO_STOP_RESET, NULL), 0);
    assert_int_equal(room_release(w, 0), 0);
    assert_int_equal(w->nheld, 0); /* the others are not asked for any more */
    (void)ring_peer_init(&w->o->q[RX], &w->o->mem, 0x10000, 256, 0);
    assert_int_equal(start(w, RX, &w->o->q[RX].setup), 0);
    assert_int_equal(room_used(w, RX), 0);
    assert_int_equal(room_used(w, TX), 1);
    w->pend = 0;
    buffers(w, 100, 4);
    assert_int_equal(room_call(w, 5, 1, 0), 0);
    room_free(w);
}

/* Queue 1 alone: what is with the lines ends unheard, and they are not asked again. */
static void test_reset_with_requests_waiting(void **state)
{
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    buffers(w, 100, 8);
    w->pend = 1;
    for (i = 0; i < 3; i++) {
        room_put(w, i, 5, (uint16_t)(1 + i / 2)); /* lines 1, 1, 2 */
    }
    room_post(w, 24);
    assert_int_equal(kick(w), 0);
    assert_int_equal(w->nheld, 2);
    assert_int_equal(stop(w, TX, VGPIO_STOP_RESET, NULL), 0);
    assert_int_equal(w->o->dev.ops->in_flight(&w->dev), 2);
    (void)ring_peer_init(&w->o->q[TX], &w->o->mem, 0x18000, 256, 0);
    assert_int_equal(start(w, TX, &w->o->q[TX].setup), 0);
    w->o->sent = 0;
    room_put(w, 0, 5, 2);
    room_post(w, 8);
    assert_int_equal(kick(w), 0);
    assert_int_equal(w->nheld, 2); /* line 2 is still busy with the old one */
    assert_int_equal(room_release(w, 1), 0);
    assert_int_equal(w->nheld, 2);
    w->pend = 0;
    assert_int_equal(room_release(w, 0), 0);
    expect_nothing(w); /* requests are answered in their turn */
    assert_int_equal(room_release(w, 0), 0);
    expect(w, 0x8005, 2, 0);
    expect_nothing(w);
    assert_int_equal(room_used(w, TX), 1);
    room_free(w);
}

/* Nothing can be answered without a buffer: a drain does not wait for one. It comes with
 * the ring, later. */
static void test_drain_without_a_buffer(void **state)
{
    struct room *w = room_raw(0, 0);
    struct vgpio_vq_setup at[2];

    (void)state;
    room_put(w, 0, 5, 1);
    room_post(w, 8);
    assert_int_equal(kick(w), 0);
    assert_int_equal(w->dev.rx_short, 1);
    assert_int_equal(stop(w, TX, VGPIO_STOP_DRAIN, &at[TX]), 0);
    assert_int_equal(stop(w, RX, VGPIO_STOP_DRAIN, &at[RX]), 0);
    assert_int_equal(start(w, RX, &at[RX]), 0);
    buffers(w, 100, 1);
    assert_int_equal(start(w, TX, &at[TX]), 0);
    expect(w, 0x8005, 1, 0);
    room_free(w);
}

/* Who learns a position cannot be told of half a buffer: more messages in one than a
 * visit takes are all answered before the drain ends. */
static void test_drain_finishes_the_buffer(void **state)
{
    struct room *w = room_raw(0, 0);
    struct vgpio_vq_setup at;
    unsigned i, visits = 0;

    (void)state;
    assert_int_equal(stop(w, TX, VGPIO_STOP_RESET, NULL), 0);
    (void)ring_peer_init(&w->o->q[TX], &w->o->mem, 0x18000, 2, 0);
    assert_int_equal(start(w, TX, &w->o->q[TX].setup), 0);
    buffers(w, 100, 40);
    for (i = 0; i < 20; i++) {
        room_put(w, i, 5, (uint16_t)(i % ROOM_LINES));
    }
    room_post(w, 160);
    assert_int_equal(kick(w), 1);
    while (stop(w, TX, VGPIO_STOP_DRAIN, &at) == VGPIO_PENDING) {
        assert_int_equal(w->o->dev.ops->take_events(&w->dev) & VGPIO_EV_MORE,
                         VGPIO_EV_MORE);
        visits++;
    }
    assert_in_range(visits, 1, 20);
    for (i = 0; i < 20; i++) {
        expect(w, 0x8005, (uint16_t)(i % ROOM_LINES), 0);
    }
    assert_int_equal(at.avail_pos, 1);
    assert_int_equal(room_used(w, TX), 1);
    room_free(w);
}

/* Slots ran out in the middle of a visit that ends at one ring size: there is more. */
static void test_more_after_slots_ran_out(void **state)
{
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    assert_int_equal(stop(w, TX, VGPIO_STOP_RESET, NULL), 0);
    (void)ring_peer_init(&w->o->q[TX], &w->o->mem, 0x18000, 4, 0);
    assert_int_equal(start(w, TX, &w->o->q[TX].setup), 0);
    buffers(w, 100, 40);
    for (i = 0; i < 20; i++) {
        room_put(w, i, 5, 1);
    }
    w->pend = 1;
    room_post(w, 160);
    assert_int_equal(kick(w), 0); /* goes on by itself */
    w->pend = 0;
    assert_int_equal(room_release(w, 0), 0);
    assert_int_equal(w->o->dev.ops->take_events(&w->dev) & VGPIO_EV_MORE, VGPIO_EV_MORE);
    while (kick(w) > 0) {
    }
    for (i = 0; i < 20; i++) {
        expect(w, 0x8005, 1, 0);
    }
    room_free(w);
}

/* ---- rings that change while they are read ---- */

/* A buffer in hand, of two pieces; the second one becomes what it must not be. */
static void test_buffer_changes_in_hand(void **state)
{
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    buffers(w, 100, 16);
    for (i = 0; i < 8; i++) {
        room_put(w, i, 5, (uint16_t)i);
    }
    ring_peer_desc(&w->o->q[TX], 10, w->o->tx_gpa + 0x200, 40, PEER_NEXT, 11);
    ring_peer_desc(&w->o->q[TX], 11, w->o->tx_gpa + 0x200 + 40, 24, 0, 0);
    ring_peer_post(&w->o->q[TX], 10);
    w->pend = 1;
    assert_int_equal(kick(w), 0);
    assert_int_equal(w->nheld, ROOM_REQS);
    ring_peer_desc(&w->o->q[TX], 10, w->o->tx_gpa + 0x200, 40, PEER_NEXT, 999);
    ring_peer_desc(&w->o->q[TX], 11, w->o->tx_gpa + 0x200 + 40, 24, PEER_NEXT, 999);
    w->pend = 0;
    while (w->nheld != 0) {
        assert_int_equal(room_release(w, 0), 0);
    }
    assert_true(w->o->dev.ops->error(&w->dev, TX) <= VGPIO_ERR_FATAL);
    assert_int_equal(w->o->dev.ops->take_events(&w->dev) & VGPIO_EV_NEEDS_RESET,
                     VGPIO_EV_NEEDS_RESET);
    assert_int_equal(stop(w, TX, VGPIO_STOP_DRAIN, NULL), 0); /* nothing to wait for */
    assert_int_equal(w->o->mem.live, 3 * VGPIO_CFG_UNMAP);
    w->o->dev.ops->reset(&w->dev);
    assert_int_equal(w->o->mem.live, 0);
    room_free(w);
}

/* A buffer for answers goes bad at each possible moment. Those before it are good. */
static void test_queue_of_answers_breaks(void **state)
{
    unsigned step;

    (void)state;
    for (step = 0; step < 4; step++) {
        struct room *w = room_raw(0, 0);
        const struct vgpio_vdev_ops *ops = w->o->dev.ops;

        if (step == 0) { /* at the first look */
            ring_peer_post(&w->o->q[RX], 999);
            assert_true(ops->kick(&w->dev, RX) <= VGPIO_ERR_FATAL);
        } else if (step == 1) { /* at the next answer */
            buffers(w, 100, 1);
            assert_int_equal(room_call(w, 5, 1, 0), 0);
            ring_peer_post(&w->o->q[RX], 999);
            room_put(w, 0, 5, 1);
            room_post(w, 8);
            (void)kick(w);
        } else if (step == 2) { /* at the look for a buffer that is missing */
            room_put(w, 0, 5, 1);
            room_post(w, 8);
            assert_int_equal(kick(w), 0);
            ring_peer_set_avail_idx(&w->o->q[RX], 999);
            (void)kick(w);
        } else { /* at a report */
            buffers(w, 100, 1);
            assert_int_equal(room_call(w, 2, 1, 0), 0);
            ring_peer_set_avail_idx(&w->o->q[RX], 999);
            assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
            (void)kick(w);
        }
        assert_true(ops->error(&w->dev, RX) <= VGPIO_ERR_FATAL);
        assert_int_equal(ops->error(&w->dev, TX), 0);
        assert_int_equal(ops->take_events(&w->dev) & VGPIO_EV_NEEDS_RESET,
                         VGPIO_EV_NEEDS_RESET);
        (void)vgpio_draft_dev_tick(&w->dev, 5000);
        assert_int_equal(vgpio_draft_dev_tick(&w->dev, 6000), VGPIO_DRAFT_NEVER);
        assert_int_equal(start(w, RX, &w->o->q[RX].setup), VGPIO_ERR_STATE);
        room_free(w);
    }
}

/* Buffers of a driver of the standard between good ones go back empty. */
static void test_standard_buffers_between(void **state)
{
    struct room *w = room_raw(0, 0);
    uint32_t id, len;

    (void)state;
    buffers(w, 100, 1);
    ring_peer_request(&w->o->q[RX], 20, w->o->tx_gpa, 8, w->o->rx_gpa, 2);
    buffers(w, 101, 1);
    room_put(w, 0, 5, 1);
    room_put(w, 1, 5, 2);
    room_post(w, 16);
    assert_int_equal(kick(w), 0);
    expect(w, 0x8005, 1, 0);
    assert_int_equal(ring_peer_used(&w->o->q[RX], &id, &len), 1);
    assert_int_equal(id, 20);
    assert_int_equal(len, 0);
    expect(w, 0x8005, 2, 0);
    assert_int_equal(w->trace[VGPIO_TR_DIALECT], 1);
    room_free(w);
}

/* An answer waits; the buffers that come are no good, then one is. */
static void test_bad_buffers_for_a_waiting_answer(void **state)
{
    struct room *w = room_raw(0, 0);
    uint32_t id, len;

    (void)state;
    room_put(w, 0, 5, 1);
    room_post(w, 8);
    assert_int_equal(kick(w), 0);
    room_rx(w, 100, 7);
    room_rx(w, 101, 0);
    assert_int_equal(w->o->dev.ops->kick(&w->dev, RX), 0);
    for (id = 0; ring_peer_used(&w->o->q[RX], &id, &len);) {
        assert_int_equal(len, 0);
    }
    assert_int_equal(room_used(w, RX), 2);
    assert_int_equal(room_used(w, TX), 0);
    buffers(w, 102, 1);
    assert_int_equal(w->o->dev.ops->kick(&w->dev, RX), 0);
    expect(w, 0x8005, 1, 0);
    assert_int_equal(room_used(w, TX), 1);
    /* and a report that finds none but such is not lost */
    buffers(w, 103, 1);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    room_rx(w, 110, 7);
    room_rx(w, 111, 7);
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    (void)kick(w);
    assert_int_equal(ring_peer_used(&w->o->q[RX], &id, &len), 1);
    assert_int_equal(len, 0);
    assert_int_equal(ring_peer_used(&w->o->q[RX], &id, &len), 1);
    assert_int_equal(len, 0);
    buffers(w, 112, 1);
    (void)kick(w);
    expect(w, 0x11, 1, 1);
    room_free(w);
}

/* ---- levels, and when they are told ---- */

/* What is reported says where the line is, also if only the edge is known. */
static void test_levels_that_are_not_told(void **state)
{
    struct room *w = room_raw(0, 0);
    unsigned i;

    (void)state;
    buffers(w, 100, 32);
    assert_int_equal(room_call(w, 5, 1, 0), 0);
    assert_int_equal(change(w, 1, 0, 1), 0); /* the first word about it is no change */
    expect_nothing(w);
    assert_int_equal(change(w, 1, VGPIO_FALLING, VGPIO_LEVEL_UNKNOWN), 0);
    expect(w, 0x11, 1, 0);
    assert_int_equal(change(w, 1, VGPIO_RISING, VGPIO_LEVEL_UNKNOWN), 0);
    expect(w, 0x11, 1, 1);
    assert_int_equal(change(w, 1, VGPIO_RISING | VGPIO_FALLING, VGPIO_LEVEL_UNKNOWN), 0);
    expect(w, 0x11, 1, 1); /* there and back */
    assert_int_equal(change(w, 1, 0, VGPIO_LEVEL_UNKNOWN), 0);
    assert_int_equal(change(w, 1, 0, 1), 0);
    expect_nothing(w); /* no news */
    assert_int_equal(change(w, 1, 0, 0), 0);
    expect(w, 0x11, 1, 0);
    /* an output's changes are the driver's own */
    assert_int_equal(room_call(w, 3, 2, 0), 0);
    i = w->trace[VGPIO_TR_EDGE_DROPPED];
    assert_int_equal(change(w, 2, VGPIO_RISING, 1), 0);
    assert_int_equal(w->trace[VGPIO_TR_EDGE_DROPPED], i + 1);
    assert_int_equal(change(w, 2, 0, 0), 0); /* ... and no edge can be lost of this */
    assert_int_equal(w->trace[VGPIO_TR_EDGE_DROPPED], i + 1);
    expect_nothing(w);
    room_free(w);
}

/* While a line turns, what moves is its own doing, also when the turn takes time. */
static void test_changes_while_a_line_turns(void **state)
{
    struct room *w = room_raw(0, 0);

    (void)state;
    buffers(w, 100, 8);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    w->pend = 1;
    room_put(w, 0, 2, 1);
    room_post(w, 8);
    assert_int_equal(kick(w), 0);
    assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    w->pend = 0;
    assert_int_equal(room_release(w, 0), 0);
    expect(w, 0x8002, 1, 0);
    expect_nothing(w);
    room_free(w);
}

/* A backend that interrupts once for each unmask hears of one also after a change that
 * is not reported; else it would be silent for ever. */
static void test_unmask_without_a_report(void **state)
{
    struct room *w = room_modern();

    (void)state;
    /* What the mask does not want, of what its trigger brings along. */
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    assert_int_equal(room_call(w, 8, 1, 0x25), 0); /* rising, or while it is high */
    assert_int_equal(w->types[1], VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(w->unmasks, 1);
    assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    expect(w, 0x11, 1, 1);
    assert_int_equal(w->unmasks, 2);
    assert_int_equal(change(w, 1, VGPIO_FALLING, 0), 0);
    expect_nothing(w);
    assert_int_equal(w->unmasks, 3);
    assert_int_equal(change(w, 2, VGPIO_FALLING, 0), 0); /* nobody watches this one */
    assert_int_equal(w->unmasks, 3);
    room_free(w);
    /* What comes while the line turns to what it is. */
    w = room_raw(0, 0);
    buffers(w, 100, 8);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    assert_int_equal(w->unmasks, 1);
    w->pend = 1;
    room_put(w, 0, 2, 1);
    room_post(w, 8);
    assert_int_equal(kick(w), 0);
    assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    w->pend = 0;
    assert_int_equal(room_release(w, 0), 0);
    expect(w, 0x8002, 1, 0);
    expect_nothing(w);
    assert_int_equal(w->unmasks, 2);
    room_free(w);
}

/* ... and after one whose report found no buffer before the rings were made anew. */
static void test_unmask_on_new_rings(void **state)
{
    struct room *w = room_raw(0, 0);
    struct vgpio_vq_setup at = w->o->q[RX].setup;

    (void)state;
    buffers(w, 100, 2);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    assert_int_equal(room_call(w, 5, 1, 0), 0);
    assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(w->unmasks, 1);
    assert_int_equal(stop(w, RX, VGPIO_STOP_RESET, NULL), 0);
    (void)ring_peer_init(&w->o->q[RX], &w->o->mem, 0x10000, at.size, 0);
    at = w->o->q[RX].setup;
    assert_int_equal(start(w, RX, &at), 0);
    buffers(w, 100, 4);
    assert_int_equal(room_call(w, 5, 1, 0), 0);
    expect_nothing(w);
    assert_int_equal(w->unmasks, 2);
    room_free(w);
}

/* A driver that posts one buffer in place of each that it read, as the old ones do, and
 * a clock: calls come again at distances that double, up to a limit, and stop. */
static void test_calls_come_again_ever_later(void **state)
{
    static const uint32_t waits[] = {5, 10, 20, 40, 80, 160, 320, 640, 640, 640};
    struct room *w = room_raw(0, 0);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    uint32_t now = 1000;
    unsigned i;

    (void)state;
    buffers(w, 100, 2);
    assert_int_equal(vgpio_draft_dev_tick(&w->dev, now), VGPIO_DRAFT_NEVER);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    (void)vgpio_draft_dev_tick(&w->dev, now += 20);
    (void)vgpio_draft_dev_tick(&w->dev, now += 20);
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    assert_int_equal(vgpio_draft_dev_tick(&w->dev, now), waits[0]);
    expect(w, 0x11, 1, 1);
    (void)ops->take_events(&w->dev);
    for (i = 0; i + 1 < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(vgpio_draft_dev_tick(&w->dev, now + waits[i] - 1), 1);
        assert_int_equal(ops->take_events(&w->dev), 0);
        now += waits[i];
        assert_int_equal(vgpio_draft_dev_tick(&w->dev, now), waits[i + 1]);
        assert_int_equal(ops->take_events(&w->dev), VGPIO_EV_QUEUE(TX));
    }
    buffers(w, 110, 1); /* read at last */
    (void)ops->kick(&w->dev, RX);
    (void)vgpio_draft_dev_tick(&w->dev, now += 700);
    assert_int_equal(vgpio_draft_dev_tick(&w->dev, now + 700), VGPIO_DRAFT_NEVER);
    room_free(w);
}

/* Changes wait for the distance to the last answer, and the clock is told how long. */
static void test_reports_wait_for_their_time(void **state)
{
    struct room *w = room_raw(0, 0);
    uint32_t now = UINT32_MAX - 12u; /* it wraps */

    (void)state;
    buffers(w, 100, 2);
    (void)vgpio_draft_dev_tick(&w->dev, now);
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    expect_nothing(w);
    assert_int_equal(vgpio_draft_dev_tick(&w->dev, now += 2), 10);
    assert_int_equal(vgpio_draft_dev_tick(&w->dev, now += 6), 4);
    expect_nothing(w);
    (void)vgpio_draft_dev_tick(&w->dev, now + 4);
    expect(w, 0x11, 1, 1);
    room_free(w);
}

/* A driver that posts many is not paced, with a clock or without. */
static void test_no_pace_for_many_buffers(void **state)
{
    unsigned clock, i;

    (void)state;
    for (clock = 0; clock < 2; clock++) {
        struct room *w = room_raw(0, 0);

        buffers(w, 100, 40);
        if (clock) {
            (void)vgpio_draft_dev_tick(&w->dev, 10);
        }
        assert_int_equal(room_call(w, 2, 1, 0), 0);
        for (i = 1; i < 8; i++) {
            assert_int_equal(vgpio_sim_pull(&w->sim, 1, i & 1u), 0);
            expect(w, 0x11, 1, i & 1u);
            buffers(w, (uint16_t)(140 + i), 1); /* in place of that one */
        }
        if (clock) {
            assert_int_equal(vgpio_draft_dev_tick(&w->dev, 10), VGPIO_DRAFT_NEVER);
        }
        room_free(w);
    }
}

/* ---- nobody listens to the trace ---- */

static void test_without_a_trace(void **state)
{
    struct room *w = room_raw(VGPIO_DRAFT_2021, 0);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    struct vgpio_vq_setup at[2];
    unsigned q;

    (void)state;
    w->dev.trace = NULL;
    memset(w->trace, 0, sizeof w->trace);
    ring_peer_request(&w->o->q[RX], 20, w->o->tx_gpa, 8, w->o->rx_gpa, 2);
    (void)ops->kick(&w->dev, RX);
    buffers(w, 100, 2);
    ring_peer_request(&w->o->q[RX], 22, w->o->tx_gpa, 8, w->o->rx_gpa, 2);
    room_rx(w, 102, 7);
    buffers(w, 103, 8);
    (void)room_next(w, &q, &(uint16_t){0});
    assert_int_equal(room_call(w, 2, 1, 0), 0);
    room_post(w, 3);
    (void)kick(w);
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    for (q = 0; q < 4; q++) {
        assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    }
    assert_int_equal(room_used(w, TX), 2);
    room_put(w, 0, 3, 1);
    room_post(w, 8);
    (void)kick(w);
    assert_int_equal(change(w, 1, VGPIO_RISING, 1), 0);
    assert_int_equal(complete(w, 0xffffffffu, 0), VGPIO_ERR_STALE);
    for (q = 0; q < 2; q++) {
        assert_int_equal(stop(w, q, VGPIO_STOP_NOW, &at[q]), 0);
    }
    for (q = 0; q < 2; q++) {
        assert_int_equal(start(w, q, &at[q]), 0);
    }
    ring_peer_post(&w->o->q[TX], 999);
    (void)kick(w);
    assert_true(ops->error(&w->dev, TX) <= VGPIO_ERR_FATAL);
    ops->reset(&w->dev);
    assert_int_equal(ops->ack_features(&w->dev, VGPIO_F_VERSION_1), 0);
    (void)ring_peer_init(&w->o->q[RX], &w->o->mem, 0x10000, 64, 0);
    assert_int_equal(start(w, RX, &w->o->q[RX].setup), 0);
    for (q = 0; q < 64; q++) {
        assert_int_equal(w->trace[q], 0);
    }
    room_free(w);
}

/* Posts one more of `len` bytes for each that comes back. */
static void post_another(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct room *w = ctx;

    (void)a, (void)b;
    w->trace[id]++;
    if ((id == VGPIO_TR_CHAIN_BAD || id == VGPIO_TR_DIALECT) && w->trace[id] < 2000) {
        ring_peer_post(&w->o->q[0], 1);
    }
}

static void test_bad_buffers_without_end(void **state)
{
    static const unsigned said[] = {VGPIO_TR_CHAIN_BAD, VGPIO_TR_DIALECT};
    unsigned i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct room *w = room_raw(VGPIO_DRAFT_2021, 3u);

        w->dev.trace = post_another;
        room_rx(w, 1, 4); /* too short, or to be read */
        if (said[i] == VGPIO_TR_DIALECT) {
            ring_peer_desc(&w->o->q[0], 1, w->o->rx_gpa, 8, 0, 0);
        }
        room_put(w, 0, VGPIO_DRAFT_GET_LEVEL, 0);
        room_post(w, 8);
        (void)kick(w);
        assert_in_range(w->trace[said[i]], 2, 3 * 256);
        assert_true(w->o->dev.ops->take_events(&w->dev) & VGPIO_EV_MORE);
        room_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_from_inside_an_op),
        cmocka_unit_test(test_what_a_transport_may_not_ask),
        cmocka_unit_test(test_lines_without_ops),
        cmocka_unit_test(test_lines_without_interrupts),
        cmocka_unit_test(test_answers_that_cannot_be),
        cmocka_unit_test(test_output_refused),
        cmocka_unit_test(test_masks_of_2021),
        cmocka_unit_test(test_completed_inside_its_op),
        cmocka_unit_test(test_completed_inside_the_op_of_another_line),
        cmocka_unit_test(test_completed_inside_unmask),
        cmocka_unit_test(test_reset_of_the_other_queue),
        cmocka_unit_test(test_reset_with_requests_waiting),
        cmocka_unit_test(test_drain_without_a_buffer),
        cmocka_unit_test(test_drain_finishes_the_buffer),
        cmocka_unit_test(test_more_after_slots_ran_out),
        cmocka_unit_test(test_buffer_changes_in_hand),
        cmocka_unit_test(test_queue_of_answers_breaks),
        cmocka_unit_test(test_standard_buffers_between),
        cmocka_unit_test(test_bad_buffers_for_a_waiting_answer),
        cmocka_unit_test(test_bad_buffers_without_end),
        cmocka_unit_test(test_levels_that_are_not_told),
        cmocka_unit_test(test_changes_while_a_line_turns),
        cmocka_unit_test(test_unmask_without_a_report),
        cmocka_unit_test(test_unmask_on_new_rings),
        cmocka_unit_test(test_calls_come_again_ever_later),
        cmocka_unit_test(test_reports_wait_for_their_time),
        cmocka_unit_test(test_no_pace_for_many_buffers),
        cmocka_unit_test(test_without_a_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
