/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocking calls: the wait hook runs the device, gives up, or stops the driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

struct sync_world {
    struct world w;
    struct vgpio_sync s;
    unsigned waits, give_up_at, events;
    int stop; /* the next wait stops the driver */
    struct vgpio_drv_event last;
};

static int wait_serve(void *ctx)
{
    struct sync_world *x = ctx;

    if (++x->waits == x->give_up_at) {
        return -1;
    }
    if (x->stop) {
        x->stop = 0;
        twomap_turn(&x->w.m, TWOMAP_BOTH);
        assert_int_equal(vgpio_drv_stop(&x->w.drv), 0);
        return 0;
    }
    (void)world_serve(&x->w);
    return 0;
}

/* Events of others; a line that interrupts is unmasked here, as a program would. */
static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    struct sync_world *x = ctx;

    x->events++;
    x->last = *ev;
    if (ev->kind == VGPIO_IRQ) {
        assert_int_equal(vgpio_drv_unmask(&x->w.drv, ev->line), 0);
    }
}

static int setup(void **state)
{
    struct sync_world *x = calloc(1, sizeof *x);
    struct vgpio_sync s = {sizeof s, NULL, wait_serve, on_event, NULL};

    assert_non_null(x);
    world_new(&x->w);
    world_start(&x->w);
    x->s = s;
    x->s.drv = &x->w.drv;
    x->s.ctx = x;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct sync_world *x = *state;

    world_free(&x->w);
    free(x);
    return 0;
}

static void test_call(void **state)
{
    struct sync_world *x = *state;

    world_pull(&x->w, 5, 1);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), 1);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_SET_VALUE, 6, 1), 0);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_SET_DIRECTION, 6, VGPIO_DIR_OUT),
                     0);
    assert_int_equal(vgpio_sim_level(&x->w.sim, 6), 1);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_DIRECTION, 6, 0),
                     VGPIO_DIR_OUT);
    /* the device says no: an output does not interrupt */
    x->w.drv.cfg.irq_map_len = 0; /* so that the driver does not know it */
    assert_int_equal(
        vgpio_sync_call(&x->s, VGPIO_MSG_SET_IRQ_TYPE, 6, VGPIO_IRQ_EDGE_BOTH),
        VGPIO_ERR_IO);
    assert_int_equal(x->waits, 5);
    assert_int_equal(x->events, 0);
}

static void test_arguments(void **state)
{
    struct sync_world *x = *state;

    assert_int_equal(vgpio_sync_call(&x->s, 9, 0, 0), VGPIO_ERR_INVAL);
    x->s.ops_size--;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_ABI);
    x->s.ops_size++;
    x->s.wait = NULL;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_INVAL);
    x->s.wait = wait_serve;
    x->s.drv = NULL;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_INVAL);
}

static void test_events_of_others(void **state)
{
    struct sync_world *x = *state;
    unsigned i;

    assert_int_equal(
        vgpio_sync_call(&x->s, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_RISING), 0);
    assert_int_equal(vgpio_drv_unmask(&x->w.drv, 2), 0);
    for (i = 1; i <= 3; i++) {
        /* goes out with the unmask, and again with what on_event staged */
        assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 2, 0), 0);
        world_pull(&x->w, 2, 1);
        world_pull(&x->w, 2, 0);
        assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 2, 0), 0);
        assert_int_equal(x->events, i);
        assert_int_equal(x->last.kind, VGPIO_IRQ);
    }
    assert_int_equal(vgpio_drv_submit(&x->w.drv, VGPIO_MSG_GET_VALUE, 7, 0, x), 0);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 2, 0), 0);
    assert_int_equal(x->last.kind, VGPIO_DONE);
    assert_ptr_equal(x->last.cookie, x);
    x->s.on_event = NULL;
    assert_int_equal(vgpio_drv_submit(&x->w.drv, VGPIO_MSG_GET_VALUE, 7, 0, x), 0);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 2, 0), 0);
    assert_int_equal(vgpio_drv_poll(&x->w.drv, &x->last), 0);
}

/* A call that gave up leaves nothing behind that could come back. */
static void test_timeout(void **state)
{
    struct sync_world *x = *state;

    x->give_up_at = 1;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_SET_VALUE, 5, 1),
                     VGPIO_ERR_TIMEOUT);
    (void)world_serve(&x->w); /* the late answer */
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), 0);
    assert_int_equal(x->events, 0);
    /* it was sent all the same: the value is staged now */
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_SET_DIRECTION, 5, VGPIO_DIR_OUT),
                     0);
    assert_int_equal(vgpio_sim_level(&x->w.sim, 5), 1);
}

static void test_timeouts_do_not_eat_slots_for_ever(void **state)
{
    struct sync_world *x = *state;
    unsigned i;

    for (i = 1; i <= WORLD_NREQ; i++) {
        x->give_up_at = i;
        assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0),
                         VGPIO_ERR_TIMEOUT);
    }
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_NOSPC);
    (void)world_serve(&x->w);
    assert_int_equal(vgpio_drv_poll(&x->w.drv, &x->last), 0); /* reaps the zombies */
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), 0);
}

static void test_stopped_meanwhile(void **state)
{
    struct sync_world *x = *state;

    x->stop = 1;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_STALE);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_start(&x->w.drv), 0);
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), 0);
}

static int wait_break(void *ctx)
{
    struct sync_world *x = ctx;

    world_break_used(&x->w, 0);
    return 0;
}

static void test_hostile_device(void **state)
{
    struct sync_world *x = *state;

    x->s.wait = wait_break;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drv_stop(&x->w.drv), 0);
    /* the cookie was the call's own: it must not come back */
    assert_int_equal(vgpio_drv_poll(&x->w.drv, &x->last), 0);
}

static int deaf_notify(void *ctx, unsigned q, uint32_t data)
{
    (void)ctx, (void)q, (void)data;
    return VGPIO_ERR_IO;
}

static void test_a_bus_that_does_not_notify(void **state)
{
    struct sync_world *x = *state;
    struct vgpio_bus_ops deaf = *x->w.drv.cfg.bus;

    deaf.notify = deaf_notify;
    x->w.drv.cfg.bus = &deaf;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), VGPIO_ERR_IO);
    assert_int_equal(x->waits, 0);
    x->w.drv.cfg.bus = x->w.rc.bus;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 5, 0), 0);
}

/* ---- an answer between the last look and the sleep ---- */

/* The line that is asked answers when the driver has looked at the request queue and is
 * at the other one: in the trace of a pair that comes back and is no event. */
struct late {
    struct sync_world *x;
    vgpio_token token;
    int armed;
    int broken; /* it breaks the request queue instead */
};

static struct late late;

static int late_value(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx, (void)line;
    late.token = token;
    return VGPIO_PENDING;
}

static void late_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    (void)ctx, (void)a, (void)b;
    if (id == VGPIO_TR_IRQ_INVALID && late.armed) {
        late.armed = 0;
        if (late.broken) {
            world_break_used(&late.x->w, 0);
            return;
        }
        twomap_turn(&late.x->w.m, TWOMAP_BOTH);
        assert_int_equal(vgpio_dev_complete(&late.x->w.std, late.token, 1), 0);
    }
}

/* The pair of a line that was disabled comes back only now. */
static int late_wait(void *ctx)
{
    struct sync_world *x = ctx;
    const struct vgpio_vdev_ops *dev = x->w.dev.ops;

    if (++x->waits == x->give_up_at) {
        return -1;
    }
    (void)world_serve(&x->w);
    twomap_turn(&x->w.m, TWOMAP_BOTH);
    assert_int_equal(dev->queue_run(x->w.dev.obj, VGPIO_EVENTQ, 1), 0);
    late.armed = 1;
    return 0;
}

static void expect_kind(struct sync_world *x, unsigned kind)
{
    assert_int_equal(vgpio_drv_poll(&x->w.drv, &x->last), 1);
    assert_int_equal(x->last.kind, kind);
}

/* The driver takes turns: after an interrupt it looks at the request queue first. */
static void poll_interrupt(struct sync_world *x)
{
    world_pull(&x->w, 4, 1);
    world_pull(&x->w, 4, 0);
    expect_kind(x, VGPIO_IRQ);
    assert_int_equal(vgpio_drv_unmask(&x->w.drv, 4), 0);
    assert_int_equal(vgpio_drv_flush(&x->w.drv), 0);
    (void)world_serve(&x->w);
}

static void late_start(struct sync_world *x)
{
    static struct vgpio_line_ops ops;
    const struct vgpio_vdev_ops *dev;
    uint16_t line;

    late.x = x;
    ops = vgpio_sim_ops;
    ops.get_value = late_value;
    x->w.dc.ops = &ops;
    x->w.rc.trace = late_trace;
    world_start(&x->w);
    dev = x->w.dev.ops;
    for (line = 3; line <= 4; line++) {
        assert_int_equal(
            vgpio_sync_call(&x->s, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING),
            0);
        assert_int_equal(vgpio_drv_unmask(&x->w.drv, line), 0);
    }
    assert_int_equal(vgpio_drv_flush(&x->w.drv), 0);
    (void)world_serve(&x->w);
    poll_interrupt(x);
    world_pull(&x->w, 4, 1); /* the next one lies there already */
    assert_int_equal(dev->queue_run(x->w.dev.obj, VGPIO_EVENTQ, 0), 0);
    assert_int_equal(
        vgpio_drv_submit(&x->w.drv, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE, x), 0);
    assert_int_equal(vgpio_drv_flush(&x->w.drv), 0);
    (void)world_serve(&x->w);
    expect_kind(x, VGPIO_DONE);
    expect_kind(x, VGPIO_IRQ);
    x->s.wait = late_wait;
    x->give_up_at = x->waits + 2;
}

static void test_an_answer_just_before_the_sleep(void **state)
{
    struct sync_world *x = *state;

    late_start(x);
    late.broken = 0;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 3, 0), 1);
    assert_int_equal(x->waits, 3); /* two types and this one: it did not sleep again */
}

static void test_a_ring_that_breaks_just_before_the_sleep(void **state)
{
    struct sync_world *x = *state;

    x->w.rc.features =
        ~VGPIO_F_PACKED; /* of the other layout, a rearm reports no error */
    late_start(x);
    late.broken = 1;
    assert_int_equal(vgpio_sync_call(&x->s, VGPIO_MSG_GET_VALUE, 3, 0), VGPIO_ERR_PROTO);
    assert_int_equal(x->waits, 3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_call),
        T(test_arguments),
        T(test_events_of_others),
        T(test_timeout),
        T(test_timeouts_do_not_eat_slots_for_ever),
        T(test_stopped_meanwhile),
        T(test_hostile_device),
        T(test_a_bus_that_does_not_notify),
        T(test_an_answer_just_before_the_sleep),
        T(test_a_ring_that_breaks_just_before_the_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
