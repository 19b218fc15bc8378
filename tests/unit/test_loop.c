/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop by itself, over a device that only writes down what it is told; then whole
 * worlds of driver, loop, device and simulated lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define expect_ok(x) assert_int_equal((x), 0)
#define expect_eq(x, y) assert_int_equal((x), (y))

/* ---- a device that only takes notes ---- */

struct notes {
    uint64_t acked;
    struct vgpio_vq_setup vq[2];
    unsigned started, resets, stops, taken;
    int refuse_features, refuse_queue, err, stop_answer;
};

static uint32_t note_id(const void *obj)
{
    (void)obj;
    return 77;
}

static uint64_t note_features(const void *obj)
{
    (void)obj;
    return VGPIO_F_VERSION_1 | VGPIO_F_RING_RESET;
}

static int note_ack(void *obj, uint64_t acked)
{
    struct notes *n = obj;

    n->acked = acked;
    return n->refuse_features ? VGPIO_ERR_NOTSUP : 0;
}

static uint32_t note_config_size(const void *obj)
{
    (void)obj;
    return 4;
}

static void note_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    (void)obj;
    memset(dst, (int)off, len);
}

static uint16_t note_queue_max(const void *obj, unsigned q)
{
    (void)obj;
    return q == 0 ? 8 : 4;
}

static int note_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                            const struct vgpio_vq_setup *vq)
{
    struct notes *n = obj;

    assert_non_null(mem);
    n->vq[q] = *vq;
    n->started |= 1u << q;
    return n->refuse_queue ? VGPIO_ERR_FAULT : 0;
}

static int note_queue_run(void *obj, unsigned q, int on)
{
    (void)obj;
    (void)q;
    (void)on;
    return 0;
}

static int note_queue_stop(void *obj, unsigned q, unsigned how,
                           struct vgpio_vq_setup *where)
{
    struct notes *n = obj;

    assert_null(where);
    assert_int_equal(how, VGPIO_STOP_RESET);
    n->started &= ~(1u << q);
    n->stops++;
    return n->stop_answer;
}

static void note_reset(void *obj)
{
    struct notes *n = obj;

    n->started = 0;
    n->resets++;
}

static int note_kick(void *obj, unsigned q)
{
    (void)obj;
    (void)q;
    fail(); /* the loop never does that by itself */
    return 0;
}

static unsigned note_take_events(void *obj)
{
    (void)obj;
    fail(); /* nor this */
    return 0;
}

static void note_irq_acked(void *obj)
{
    (void)obj;
    fail();
}

static unsigned note_in_flight(const void *obj)
{
    (void)obj;
    return 0;
}

static int note_error(const void *obj, unsigned q)
{
    const struct notes *n = obj;

    return q == 1 ? n->err : 0;
}

static const struct vgpio_vdev_ops note_ops = {
    sizeof note_ops,  note_id,          note_features,  note_ack,
    note_config_size, note_config_read, note_queue_max, note_queue_start,
    note_queue_run,   note_queue_stop,  note_reset,     note_kick,
    note_take_events, note_irq_acked,   note_in_flight, note_error,
};

static const struct vgpio_bus_ops *const bus = &vgpio_loop_bus_ops;

struct alone {
    struct notes n;
    struct vgpio_vdev dev;
    struct vgpio_mem mem;
    struct vgpio_loop loop;
};

static void alone_new(struct alone *a)
{
    memset(a, 0, sizeof *a);
    memset(&a->loop, 0xa5, sizeof a->loop);
    a->dev.ops = &note_ops;
    a->dev.obj = &a->n;
    expect_ok(vgpio_loop_init(&a->loop, a->dev, &a->mem));
}

static unsigned status(struct alone *a)
{
    uint8_t s = 0xff;

    expect_ok(bus->get_status(&a->loop, &s));
    return s;
}

static void set_status(struct alone *a, unsigned s)
{
    expect_ok(bus->set_status(&a->loop, (uint8_t)s));
}

static const struct vgpio_vq_setup some_vq = {0x1000, 0x2000,        0x3000, ~UINT64_C(0),
                                              8,      VGPIO_VQ_TOLD, 5,      6};

static void test_init(void **state)
{
    struct vgpio_vdev_ops ops = note_ops;
    struct vgpio_vdev none = {NULL, NULL};
    struct alone a;

    (void)state;
    alone_new(&a);
    expect_eq(vgpio_loop_init(&a.loop, none, &a.mem), VGPIO_ERR_INVAL);
    expect_eq(vgpio_loop_init(&a.loop, a.dev, NULL), VGPIO_ERR_INVAL);
    expect_eq(vgpio_loop_init_abi(&a.loop, a.dev, &a.mem, sizeof a.loop - 1u),
              VGPIO_ERR_ABI);
    ops.ops_size = offsetof(struct vgpio_vdev_ops, error);
    a.dev.ops = &ops;
    expect_eq(vgpio_loop_init(&a.loop, a.dev, &a.mem), VGPIO_ERR_ABI);
    ops = note_ops;
    ops.error = NULL;
    expect_eq(vgpio_loop_init(&a.loop, a.dev, &a.mem), VGPIO_ERR_ABI);
    expect_eq(a.n.resets, 0);
}

static void test_passes_through(void **state)
{
    struct alone a;
    uint8_t bytes[3];
    uint16_t max;
    uint32_t id;
    uint64_t f;

    (void)state;
    alone_new(&a);
    expect_ok(bus->device_id(&a.loop, &id));
    expect_eq(id, 77);
    expect_ok(bus->get_features(&a.loop, &f));
    expect_eq(f, VGPIO_F_VERSION_1 | VGPIO_F_RING_RESET);
    expect_ok(bus->config_read(&a.loop, 6, bytes, 3));
    expect_eq(bytes[2], 6);
    expect_ok(bus->queue_max(&a.loop, 1, &max));
    expect_eq(max, 4);
    expect_ok(bus->queue_max(&a.loop, 2, &max));
    expect_eq(max, 0);
    expect_eq(bus->notify(&a.loop, 2, 0), VGPIO_ERR_INVAL);
    expect_eq(bus->queue_stop(&a.loop, 2), VGPIO_ERR_INVAL);
    assert_null(bus->config_gen);
}

static void test_bring_up(void **state)
{
    struct vgpio_vq_setup small = some_vq;
    struct alone a;

    (void)state;
    alone_new(&a);
    set_status(&a, 0);
    expect_eq(a.n.resets, 1);
    expect_eq(status(&a), 0);
    set_status(&a, 1);
    set_status(&a, 3);
    expect_ok(bus->set_features(&a.loop, 5));
    expect_ok(bus->set_features(&a.loop, VGPIO_F_VERSION_1));
    expect_eq(bus->queue_start(&a.loop, 0, &some_vq), VGPIO_ERR_STATE);
    set_status(&a, 11);
    expect_eq(status(&a), 11);
    expect_eq(a.n.acked, VGPIO_F_VERSION_1);
    expect_eq(bus->set_features(&a.loop, 0), VGPIO_ERR_STATE);

    small.size = 0;
    expect_eq(bus->queue_start(&a.loop, 0, &small), VGPIO_ERR_INVAL);
    expect_eq(bus->queue_start(&a.loop, 1, &some_vq), VGPIO_ERR_INVAL); /* 8 > 4 */
    expect_eq(bus->queue_start(&a.loop, 2, &some_vq), VGPIO_ERR_INVAL);
    expect_ok(bus->queue_start(&a.loop, 0, &some_vq));
    expect_eq(bus->queue_start(&a.loop, 0, &some_vq), VGPIO_ERR_STATE);
    expect_eq(a.n.started, 0); /* latched, CORE-DEV-01 */
    expect_ok(bus->notify(&a.loop, 0, 0));
    expect_eq(vgpio_loop_take_kicks(&a.loop), 0);
    set_status(&a, 15);
    expect_eq(a.n.started, 1);
    expect_eq(a.n.vq[0].driver, some_vq.driver);
    expect_eq(a.n.vq[0].features, VGPIO_F_VERSION_1); /* what was negotiated */
    expect_eq(a.n.vq[0].flags, 0);                    /* never told, always fresh */
    expect_eq(a.n.vq[0].avail_pos, 0);
    expect_eq(a.n.vq[0].used_pos, 0);
    expect_eq(vgpio_loop_take_kicks(&a.loop), 1);
    expect_eq(vgpio_loop_take_kicks(&a.loop), 0);
    small.size = 4;
    a.n.refuse_queue = 1;
    expect_eq(bus->queue_start(&a.loop, 1, &small), VGPIO_ERR_FAULT);
    a.n.refuse_queue = 0;                            /* that one may be tried again */
    expect_ok(bus->queue_start(&a.loop, 1, &small)); /* late, so at once */
    expect_eq(a.n.started, 3);
    expect_eq(bus->queue_start(&a.loop, 1, &small), VGPIO_ERR_STATE);
    a.n.started = 0;
    set_status(&a, 15 | VGPIO_S_FAILED); /* another bit starts nothing again */
    expect_eq(a.n.started, 0);
    set_status(&a, 1); /* no way to clear a bit */
    expect_eq(status(&a), 15 | VGPIO_S_FAILED);
    expect_ok(bus->notify(&a.loop, 1, 0));
    set_status(&a, 0);
    expect_eq(a.n.resets, 2);
    set_status(&a, 11);
    set_status(&a, 15);
    expect_eq(a.n.started, 0); /* forgotten: queues, kicks */
    expect_eq(vgpio_loop_take_kicks(&a.loop), 0);
}

static void test_refusals_show_in_the_status(void **state)
{
    struct alone a;

    (void)state;
    alone_new(&a);
    a.n.refuse_features = 1;
    set_status(&a, 3);
    set_status(&a, 11);
    expect_eq(status(&a), 3);
    set_status(&a, 15);
    expect_eq(status(&a), 3); /* no DRIVER_OK without FEATURES_OK */
    a.n.refuse_features = 0;
    set_status(&a, 11);
    expect_ok(bus->queue_start(&a.loop, 0, &some_vq));
    a.n.refuse_queue = 1;
    set_status(&a, 15);
    expect_eq(status(&a), 15 | VGPIO_S_NEEDS_RESET);
    set_status(&a, 15 | VGPIO_S_FAILED);
    expect_eq(status(&a), 15 | VGPIO_S_NEEDS_RESET | VGPIO_S_FAILED);
    set_status(&a, 0);
    expect_eq(status(&a), 0);
    set_status(&a, 3);
    expect_eq(status(&a), 3);
    a.n.err = VGPIO_ERR_PROTO;
    expect_eq(status(&a), 3 | VGPIO_S_NEEDS_RESET);
}

static void test_queue_reset(void **state)
{
    struct vgpio_vq_setup small = some_vq;
    struct alone a;

    (void)state;
    alone_new(&a);
    expect_ok(bus->queue_stop(&a.loop, 0));
    set_status(&a, 11);
    expect_ok(bus->queue_start(&a.loop, 0, &some_vq));
    expect_ok(bus->queue_stop(&a.loop, 0)); /* only latched */
    expect_eq(a.n.stops, 0);
    expect_ok(bus->queue_start(&a.loop, 0, &some_vq));
    set_status(&a, 15);
    expect_eq(bus->queue_stop(&a.loop, 0), VGPIO_ERR_NOTSUP); /* not negotiated */
    set_status(&a, 0);
    expect_ok(bus->set_features(&a.loop, VGPIO_F_RING_RESET | VGPIO_F_VERSION_1));
    set_status(&a, 11);
    expect_ok(bus->queue_start(&a.loop, 0, &some_vq));
    set_status(&a, 15);
    expect_ok(bus->notify(&a.loop, 0, 0));
    a.n.stop_answer = VGPIO_PENDING;
    expect_eq(bus->queue_stop(&a.loop, 0), 1);
    a.n.stop_answer = 0;
    expect_ok(bus->queue_stop(&a.loop, 0));
    expect_eq(vgpio_loop_take_kicks(&a.loop), 0);
    expect_ok(bus->queue_start(&a.loop, 0, &some_vq));
    expect_eq(a.n.started, 1);
    small.size = 4;
    expect_ok(bus->queue_start(&a.loop, 1, &small));
    expect_ok(bus->notify(&a.loop, 0, 0));
    expect_ok(bus->notify(&a.loop, 1, 0));
    expect_ok(bus->queue_stop(&a.loop, 1));
    expect_eq(vgpio_loop_take_kicks(&a.loop), 1); /* of the one that still runs */
    a.n.stops = 0;
    expect_ok(bus->queue_stop(&a.loop, 1)); /* stopped already */
    expect_eq(a.n.stops, 0);
}

/* ---- worlds ---- */

/* The interface's own example: each step of a request is a line of test code. */
static void test_get_value(void **state)
{
    struct world *w = *state;
    const struct vgpio_vdev_ops *dev = w->dev.ops;
    struct vgpio_drv_event ev;

    expect_ok(vgpio_sim_pull(&w->sim, 5, VGPIO_PULL_UP));
    expect_ok(vgpio_drv_submit(&w->drv, VGPIO_MSG_GET_VALUE, 5, 0, w));
    expect_eq(vgpio_loop_take_kicks(&w->bus), 0); /* only staged */
    expect_ok(vgpio_drv_flush(&w->drv));
    expect_eq(vgpio_loop_take_kicks(&w->bus), 1u << VGPIO_REQUESTQ);
    expect_ok(dev->kick(w->dev.obj, VGPIO_REQUESTQ));
    expect_eq(dev->take_events(w->dev.obj), VGPIO_EV_QUEUE(VGPIO_REQUESTQ));
    expect_eq((unsigned)vgpio_drv_poll(&w->drv, &ev), 1);
    expect_eq((unsigned)ev.result, 1);
    expect_eq((unsigned)vgpio_drv_poll(&w->drv, &ev), 0);
}

static void test_values_and_directions(void **state)
{
    struct world *w = *state;

    expect_eq(vgpio_drv_ngpio(&w->drv), WORLD_LINES);
    expect_eq(world_call(w, VGPIO_MSG_GET_DIRECTION, 3, 0), VGPIO_DIR_NONE);
    expect_eq(world_call(w, VGPIO_MSG_SET_VALUE, 3, 1), 0);
    expect_eq(vgpio_sim_level(&w->sim, 3), 0); /* staged by the device */
    expect_eq(world_call(w, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT), 0);
    expect_eq(vgpio_sim_level(&w->sim, 3), 1);
    expect_eq(world_call(w, VGPIO_MSG_GET_VALUE, 3, 0), 1);
    expect_eq(world_call(w, VGPIO_MSG_SET_VALUE, 3, 0), 0);
    expect_eq(vgpio_sim_level(&w->sim, 3), 0);
    expect_eq(world_call(w, VGPIO_MSG_GET_DIRECTION, 3, 0), VGPIO_DIR_OUT);
    expect_eq(world_call(w, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN), 0);
    world_pull(w, 3, VGPIO_PULL_UP);
    expect_eq(world_call(w, VGPIO_MSG_GET_VALUE, 3, 0), 1);
    world_pull(w, 3, VGPIO_PULL_DOWN);
    expect_eq(world_call(w, VGPIO_MSG_GET_VALUE, 3, 0), 0);
}

static void test_names(void **state)
{
    struct world *w = *state;
    uint8_t *buf = w->m.driver + WORLD_NAMES_AT;
    struct vgpio_drv_event ev;
    uint32_t n = vgpio_drv_names_size(&w->drv);

    expect_eq(n, w->names_size);
    expect_ok(vgpio_drv_read_names(&w->drv, buf, TWOMAP_GPA + WORLD_NAMES_AT, 0x1000, w));
    expect_ok(vgpio_drv_flush(&w->drv));
    (void)world_serve(w);
    expect_eq(vgpio_drv_poll(&w->drv, &ev), 1);
    expect_eq(ev.result, n);
    assert_memory_equal(buf + 1, w->names, n);
    expect_ok(vgpio_names_check(buf + 1, n, WORLD_LINES, NULL));
    assert_string_equal(vgpio_names_at(buf + 1, n, 2), "button");
}

static void expect_irq(struct world *w, uint16_t line)
{
    struct vgpio_drv_event ev = {0, 0, 0, 0, NULL};

    expect_eq(vgpio_drv_poll(&w->drv, &ev), 1);
    expect_eq(ev.kind, VGPIO_IRQ);
    expect_eq(ev.line, line);
    expect_eq(ev.result, 0);
}

static void expect_quiet(struct world *w)
{
    struct vgpio_drv_event ev;

    expect_eq(vgpio_drv_poll(&w->drv, &ev), 0);
}

static unsigned unmask(struct world *w, uint16_t line)
{
    expect_ok(vgpio_drv_unmask(&w->drv, line));
    expect_ok(vgpio_drv_flush(&w->drv));
    return world_serve(w);
}

static void test_edges(void **state)
{
    struct world *w = *state;

    expect_eq(world_call(w, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_RISING), 0);
    expect_eq(unmask(w, 2), 0);
    expect_eq(world_pull(w, 2, 1), VGPIO_EV_QUEUE(VGPIO_EVENTQ));
    expect_irq(w, 2);
    expect_eq(world_pull(w, 2, 0), 0);
    expect_eq(world_pull(w, 2, 1), 0); /* masked: latched */
    expect_quiet(w);
    expect_eq(unmask(w, 2), VGPIO_EV_QUEUE(VGPIO_EVENTQ));
    expect_irq(w, 2);
    expect_eq(unmask(w, 2), 0);
    expect_eq(world_call(w, VGPIO_MSG_GET_VALUE, 2, 0), 1);
    expect_quiet(w);
}

/* Enable and unmask in one batch: the pair goes out when the answer is seen, and nothing
 * of what happens in between is lost. */
static void test_edge_before_the_pair(void **state)
{
    struct world *w = *state;
    struct vgpio_drv_event ev;

    expect_ok(
        vgpio_drv_submit(&w->drv, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_BOTH, w));
    expect_ok(vgpio_drv_unmask(&w->drv, 2));
    expect_ok(vgpio_drv_flush(&w->drv));
    expect_eq(world_serve(w), VGPIO_EV_QUEUE(VGPIO_REQUESTQ));
    expect_eq(world_pull(w, 2, 1), 0);
    expect_eq(vgpio_drv_poll(&w->drv, &ev), 1);
    expect_ok(vgpio_drv_flush(&w->drv));
    expect_eq(world_serve(w), VGPIO_EV_QUEUE(VGPIO_EVENTQ));
    expect_irq(w, 2);
}

static void test_levels(void **state)
{
    struct world *w = *state;

    world_pull(w, 2, 1);
    expect_eq(world_call(w, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_LEVEL_HIGH), 0);
    expect_eq(unmask(w, 2), VGPIO_EV_QUEUE(VGPIO_EVENTQ));
    expect_irq(w, 2);
    expect_eq(unmask(w, 2), VGPIO_EV_QUEUE(VGPIO_EVENTQ)); /* still high */
    expect_irq(w, 2);
    world_pull(w, 2, 0);
    expect_eq(unmask(w, 2), 0);
    expect_quiet(w);
}

static void test_disable(void **state)
{
    struct world *w = *state;
    struct vgpio_drv_event ev;
    unsigned i;

    for (i = 0; i < 3 * WORLD_NIRQ; i++) {
        uint16_t line = (uint16_t)(i % WORLD_LINES);

        expect_eq(world_call(w, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH), 0);
        expect_eq(unmask(w, line), 0);
        expect_ok(
            vgpio_drv_submit(&w->drv, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE, w));
        expect_ok(vgpio_drv_flush(&w->drv));
        expect_eq(world_serve(w), 3);
        expect_eq(vgpio_drv_poll(&w->drv, &ev), 1);
        expect_eq(ev.kind, VGPIO_DONE);
        expect_eq(ev.result, 0);
        expect_quiet(w);
        expect_eq(world_pull(w, line, 1), 0);
        expect_eq(world_pull(w, line, 0), 0);
    }
}

/* What a driver that went away had asked for is answered by nobody, and the next start
 * finds a clean device. */
static void test_stop_and_start(void **state)
{
    struct world *w = *state;
    struct vgpio_drv_event ev;
    unsigned i;

    for (i = 0; i < 3; i++) {
        twomap_turn(&w->m, TWOMAP_BOTH);
        expect_eq(world_call(w, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_RISING), 0);
        expect_eq(unmask(w, 2), 0);
        expect_ok(vgpio_drv_submit(&w->drv, VGPIO_MSG_GET_VALUE, 5, 0, &ev));
        expect_ok(vgpio_drv_flush(&w->drv));
        twomap_turn(&w->m, TWOMAP_BOTH);
        expect_ok(vgpio_drv_stop(&w->drv));
        memset(w->m.driver, 0xee, w->m.size); /* it is ours again */
        expect_eq(vgpio_drv_poll(&w->drv, &ev), 1);
        expect_eq(ev.result, VGPIO_ERR_STALE);
        assert_ptr_equal(ev.cookie, &ev);
        expect_quiet(w);
        expect_eq(w->dev.ops->kick(w->dev.obj, 0), 0);
        world_pull(w, 2, 1);
        world_pull(w, 2, 0);
        twomap_turn(&w->m, TWOMAP_BOTH);
        expect_eq(w->m.driver[0], 0xee);
        expect_ok(vgpio_drv_start(&w->drv));
    }
}

/* A broken ring shows in the status and in an event, and neither takes the other's. */
static void test_needs_reset(void **state)
{
    struct world *w = *state;
    const struct vgpio_vdev_ops *dev = w->dev.ops;

    expect_ok(vgpio_drv_submit(&w->drv, VGPIO_MSG_GET_VALUE, 5, 0, w));
    expect_ok(vgpio_drv_flush(&w->drv));
    world_break_avail(w, 0);
    expect_eq(dev->kick(w->dev.obj, 0), VGPIO_ERR_PROTO);
    expect_eq(vgpio_drv_config_changed(&w->drv), VGPIO_ERR_BROKEN);
    expect_eq(dev->take_events(w->dev.obj) & VGPIO_EV_NEEDS_RESET, VGPIO_EV_NEEDS_RESET);
    expect_eq(vgpio_drv_poll(&w->drv, &(struct vgpio_drv_event){0}), VGPIO_ERR_BROKEN);
    expect_ok(vgpio_drv_stop(&w->drv));
    expect_eq(vgpio_drv_poll(&w->drv, &(struct vgpio_drv_event){0}), 1);
    expect_ok(vgpio_drv_start(&w->drv));
    expect_ok(vgpio_drv_config_changed(&w->drv));
    expect_eq(world_call(w, VGPIO_MSG_GET_VALUE, 5, 0), 0);
}

/* Packed rings wherever both sides can, and split ones if either of them is told so. */
static void test_layouts(void **state)
{
    struct world *w = *state;
    unsigned i;

    for (i = 0; i < 4; i++) {
        uint64_t want = i == 0 ? VGPIO_F_PACKED : 0;

        twomap_turn(&w->m, TWOMAP_BOTH);
        expect_ok(vgpio_drv_stop(&w->drv));
        w->dc.features = i & 1 ? ~VGPIO_F_PACKED : 0;
        w->rc.features = i & 2 ? ~VGPIO_F_PACKED : 0;
        world_start(w);
        assert_true((w->drv.features & VGPIO_F_PACKED) == want);
        assert_true((w->std.features & VGPIO_F_PACKED) == want);
        expect_eq(world_call(w, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN), 0);
        world_pull(w, 3, 1);
        expect_eq(world_call(w, VGPIO_MSG_GET_VALUE, 3, 0), 1);
    }
}

/* ---- worlds that do anything in any order ---- */

struct line_model {
    unsigned dir, staged, pull;
    int enabled;  /* an edge type was answered with OK */
    int asked;    /* ... or is on its way */
    int unmasked; /* one interrupt may come */
};

struct expected { /* of a request in flight; its address is the cookie */
    int busy, result;
    unsigned type;
    uint16_t line;
    uint32_t value;
};

struct chaos {
    struct world *w;
    uint32_t seed;
    struct line_model line[WORLD_LINES];
    struct expected req[WORLD_NREQ];
    unsigned order[WORLD_NREQ], nflight; /* flushed or not, in order; not served yet */
    unsigned irqs, answers;
};

static uint32_t roll(struct chaos *c, uint32_t n)
{
    c->seed = c->seed * 1664525u + 1013904223u;
    return (c->seed >> 16) % n;
}

static unsigned model_level(const struct line_model *l)
{
    return l->dir == VGPIO_DIR_OUT ? l->staged : l->pull;
}

/* What the standard says that the device answers, at the time when it is served. */
static void model_serve(struct chaos *c, struct expected *e)
{
    struct line_model *l = &c->line[e->line];

    switch (e->type) {
    case VGPIO_MSG_GET_VALUE:
        e->result = (int)model_level(l);
        break;
    case VGPIO_MSG_GET_DIRECTION:
        e->result = (int)l->dir;
        break;
    case VGPIO_MSG_SET_VALUE:
        l->staged = e->value;
        break;
    case VGPIO_MSG_SET_DIRECTION:
        l->dir = e->value;
        l->staged = l->dir == VGPIO_DIR_NONE ? 0 : l->staged;
        break;
    default:
        break; /* SET_IRQ_TYPE is asked for inputs only */
    }
}

static void chaos_submit(struct chaos *c, unsigned type, uint16_t line, uint32_t value)
{
    unsigned i;

    for (i = 0; i < WORLD_NREQ && c->req[i].busy; i++) {
    }
    if (i == WORLD_NREQ) {
        expect_eq(vgpio_drv_submit(&c->w->drv, VGPIO_MSG_GET_VALUE, 0, 0, NULL),
                  VGPIO_ERR_NOSPC);
        return;
    }
    expect_ok(vgpio_drv_submit(&c->w->drv, type, line, value, &c->req[i]));
    c->req[i] = (struct expected){1, 0, type, line, value};
    c->order[c->nflight++] = i;
}

/* The model knows one change of a trigger at a time. */
static int may_change_trigger(const struct chaos *c, uint16_t line)
{
    unsigned i, busy = 0;

    for (i = 0; i < WORLD_NREQ; i++) {
        if (c->req[i].busy && c->req[i].line == line) {
            return 0;
        }
        busy += (unsigned)c->req[i].busy;
    }
    return busy < WORLD_NREQ;
}

/* A request that is legal for what was asked of the line before. Lines 0..7 play with
 * values and directions, the others with interrupts. */
static void chaos_request(struct chaos *c)
{
    static const unsigned types[] = {VGPIO_MSG_GET_VALUE, VGPIO_MSG_GET_DIRECTION,
                                     VGPIO_MSG_SET_VALUE, VGPIO_MSG_SET_DIRECTION};
    uint16_t line = (uint16_t)roll(c, WORLD_LINES);
    struct line_model *l = &c->line[line];
    unsigned type = types[roll(c, 4)];

    if (line < 8 || type == VGPIO_MSG_GET_VALUE) {
        uint32_t values = type == VGPIO_MSG_SET_DIRECTION ? 3
                          : type == VGPIO_MSG_SET_VALUE   ? 2
                                                          : 1;

        chaos_submit(c, type, line, roll(c, values));
        return;
    }
    if (may_change_trigger(c, line)) {
        l->asked = !l->enabled;
        chaos_submit(c, VGPIO_MSG_SET_IRQ_TYPE, line,
                     l->asked ? 1 + roll(c, 3) : VGPIO_IRQ_NONE);
    }
}

static void chaos_serve(struct chaos *c)
{
    unsigned i;

    expect_ok(vgpio_drv_flush(&c->w->drv));
    for (i = 0; i < c->nflight; i++) {
        model_serve(c, &c->req[c->order[i]]);
    }
    c->nflight = 0;
    (void)world_serve(c->w);
}

static void chaos_pull(struct chaos *c)
{
    uint16_t line = (uint16_t)roll(c, WORLD_LINES);
    unsigned level = roll(c, 2);

    /* world_pull() serves as well */
    expect_ok(vgpio_drv_flush(&c->w->drv));
    c->line[line].pull = level;
    twomap_turn(&c->w->m, TWOMAP_DEVICE);
    expect_ok(vgpio_sim_pull(&c->w->sim, line, level));
    twomap_turn(&c->w->m, TWOMAP_DRIVER);
}

static void chaos_done(struct chaos *c, const struct vgpio_drv_event *ev)
{
    struct expected *e = ev->cookie;
    struct line_model *l = &c->line[ev->line];

    assert_true(e->busy);
    expect_eq(ev->type, e->type);
    expect_eq(ev->line, e->line);
    expect_eq(ev->result, e->result);
    if (e->type == VGPIO_MSG_SET_IRQ_TYPE) {
        l->enabled = l->asked;
        /* until NONE is answered, an interrupt from before it may come */
        l->unmasked = l->asked && l->unmasked;
    }
    e->busy = 0;
    c->answers++;
}

static void chaos_poll(struct chaos *c)
{
    struct vgpio_drv_event ev;
    int n = vgpio_drv_poll(&c->w->drv, &ev);

    assert_true(n == 0 || n == 1);
    if (n == 1 && ev.kind == VGPIO_DONE) {
        chaos_done(c, &ev);
    } else if (n == 1) {
        /* no interrupt but of a line that asked for one */
        expect_ok(ev.result);
        assert_true(c->line[ev.line].unmasked);
        c->line[ev.line].unmasked = 0;
        c->irqs++;
    }
}

static void chaos_unmask(struct chaos *c)
{
    uint16_t line = (uint16_t)(8 + roll(c, 8));

    if (vgpio_drv_unmask(&c->w->drv, line) == 0) {
        assert_true(c->line[line].asked);
        c->line[line].unmasked = 1;
    }
}

/* All that is under way arrives; then each enabled line still interrupts, and once. */
static void chaos_settle(struct chaos *c)
{
    uint16_t line;
    unsigned i, before;

    for (i = 0; i < 2 * (WORLD_NREQ + WORLD_NIRQ); i++) {
        chaos_serve(c);
        chaos_poll(c);
    }
    for (i = 0; i < WORLD_NREQ; i++) {
        expect_eq(c->req[i].busy, 0);
    }
    for (line = 8; line < WORLD_LINES; line++) {
        if (!c->line[line].enabled) {
            expect_eq(vgpio_drv_unmask(&c->w->drv, line), VGPIO_ERR_STATE);
            continue;
        }
        /* at most one latched edge, then quiet */
        for (i = 0; i < 3; i++) {
            expect_ok(vgpio_drv_unmask(&c->w->drv, line));
            c->line[line].unmasked = 1;
            chaos_serve(c);
            chaos_poll(c);
        }
        before = c->irqs;
        (void)world_pull(c->w, line, !c->line[line].pull);
        (void)world_pull(c->w, line, c->line[line].pull);
        chaos_poll(c);
        expect_eq(c->irqs, before + 1);
        chaos_poll(c);
        expect_eq(c->irqs, before + 1);
    }
}

/* A new driver on the same device: what the guest did is gone, pulls stay. */
static void chaos_restart(struct chaos *c)
{
    struct vgpio_drv_event ev;
    unsigned i, back = 0;

    twomap_turn(&c->w->m, TWOMAP_BOTH);
    expect_ok(vgpio_drv_stop(&c->w->drv));
    while (vgpio_drv_poll(&c->w->drv, &ev) == 1) {
        struct expected *e = ev.cookie;

        expect_eq(ev.result, VGPIO_ERR_STALE);
        assert_true(e->busy);
        e->busy = 0;
        back++;
    }
    for (i = 0; i < WORLD_NREQ; i++) {
        expect_eq(c->req[i].busy, 0);
    }
    assert_true(back <= WORLD_NREQ);
    expect_ok(vgpio_drv_start(&c->w->drv));
    twomap_turn(&c->w->m, TWOMAP_DRIVER);
    c->nflight = 0;
    for (i = 0; i < WORLD_LINES; i++) {
        c->line[i] = (struct line_model){.pull = c->line[i].pull};
    }
}

static void chaos_run(struct chaos *c, unsigned steps)
{
    while (steps-- > 0) {
        switch (roll(c, 8)) {
        case 0:
        case 1:
            chaos_request(c);
            break;
        case 2:
            chaos_serve(c);
            break;
        case 3:
            chaos_pull(c);
            break;
        case 4:
            chaos_unmask(c);
            break;
        default:
            chaos_poll(c);
            break;
        }
        if (roll(c, 400) == 0) {
            chaos_restart(c);
        }
    }
    chaos_settle(c);
}

static uint32_t failing_seed;

static int tell_seed(void **state)
{
    (void)state;
    if (failing_seed != 0) {
        print_message("failed with seed %u\n", (unsigned)failing_seed);
    }
    return 0;
}

static void test_any_interleaving(void **state)
{
    static const uint64_t features[] = {0, VGPIO_F_IRQ, VGPIO_F_IRQ | VGPIO_F_INDIRECT,
                                        VGPIO_F_IRQ | VGPIO_F_EVENT_IDX};
    struct world *w = malloc(sizeof *w);
    unsigned irqs = 0, answers = 0;
    uint32_t seed;

    (void)state;
    assert_non_null(w);
    for (seed = 1; seed <= 120; seed++) {
        struct chaos c = {.w = w, .seed = seed};

        world_new(w);
        w->rc.features = features[seed % 4];
        w->rc.flags = seed >> 2 & 3u;
        w->dc.queue_max[1] = (uint16_t)(WORLD_NIRQ << (seed >> 4 & 1u));
        if ((w->rc.flags & VGPIO_DRV_DIRECT_EVENTQ) != 0 || seed % 4 % 2 != 0) {
            w->dc.queue_max[1] = 2 * WORLD_NIRQ; /* room for all lines */
        }
        world_start(w);
        twomap_turn(&w->m, TWOMAP_DRIVER);
        failing_seed = seed;
        chaos_run(&c, 1500);
        irqs += c.irqs;
        answers += c.answers;
        world_free(w);
    }
    free(w);
    failing_seed = 0;
    /* it did happen */
    assert_true(irqs > 1000);
    assert_true(answers > 10000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_init),
    cmocka_unit_test(test_passes_through),
    cmocka_unit_test(test_bring_up),
    cmocka_unit_test(test_refusals_show_in_the_status),
    cmocka_unit_test(test_queue_reset),
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    T(test_get_value),
    T(test_values_and_directions),
    T(test_names),
    T(test_edges),
    T(test_edge_before_the_pair),
    T(test_levels),
    T(test_disable),
    T(test_stop_and_start),
    T(test_needs_reset),
    T(test_layouts),
    cmocka_unit_test_teardown(test_any_interleaving, tell_seed),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
