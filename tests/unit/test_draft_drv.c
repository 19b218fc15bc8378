/* SPDX-License-Identifier: BSD-3-Clause */
/* The draft's dialect of the driver, against the draft's device of this library and a
 * double of the one that was posted for QEMU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu_draft.h"
#include "world.h"

#define STALE_TRIES 8

struct stage {
    struct world w;
    struct vgpio_draft_dev ours;
    struct vgpio_draft_id id;
    struct qemu_draft theirs;
    unsigned trace[64];
    struct vgpio_bus_ops bus; /* of a stage with join_badly() */
    uint32_t gen_moves;
    int config_left; /* good calls from now on; below 0: all */
};

static void trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct stage *s = ctx;

    (void)a, (void)b;
    assert_true(id < 64);
    s->trace[id]++;
}

static struct stage *stage_new(void)
{
    struct stage *s = calloc(1, sizeof *s);

    assert_non_null(s);
    world_new(&s->w);
    s->w.rc.dialect = &vgpio_draft_dialect;
    s->w.rc.trace = trace;
    s->w.rc.trace_ctx = s;
    s->id.size = sizeof s->id;
    return s;
}

static void lines(struct stage *s, struct vgpio_sink sink)
{
    struct vgpio_sim_config sc = {sink, s->w.sim_lines, WORLD_LINES, NULL, NULL};

    assert_int_equal(vgpio_sim_init(&s->w.sim, &sc), 0);
}

static struct stage *with_ours(uint32_t flags)
{
    struct stage *s = stage_new();

    s->id.flags = flags;
    lines(s, vgpio_draft_dev_sink(&s->ours));
    assert_int_equal(vgpio_draft_dev_init(&s->ours, &s->w.dc, &s->id), 0);
    s->w.dev = vgpio_draft_dev_vdev(&s->ours);
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    return s;
}

static struct stage *theirs_new(void)
{
    struct stage *s = stage_new();

    lines(s, qemu_draft_sink(&s->theirs));
    qemu_draft_init(&s->theirs, &vgpio_sim_ops, &s->w.sim, WORLD_LINES, s->w.names,
                    s->w.names_size);
    s->w.dev = qemu_draft_vdev(&s->theirs);
    return s;
}

static struct stage *with_theirs(void)
{
    struct stage *s = theirs_new();

    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    return s;
}

static void stage_free(struct stage *s)
{
    world_free(&s->w);
    free(s);
}

/* The next event, with as many turns of the device as it takes. */
static int next(struct stage *s, struct vgpio_drv_event *ev)
{
    int n, tries;

    for (tries = 0; tries < STALE_TRIES; tries++) {
        n = vgpio_drv_poll(&s->w.drv, ev);
        assert_true(n >= 0);
        if (n > 0) {
            return 1;
        }
        assert_int_equal(vgpio_drv_flush(&s->w.drv), 0);
        (void)world_serve(&s->w);
    }
    return 0;
}

static int ask(struct stage *s, unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_drv_event ev;
    int err = vgpio_drv_submit(&s->w.drv, type, line, value, s);

    if (err < 0) {
        return err;
    }
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_DONE);
    assert_int_equal(ev.type, type);
    assert_int_equal(ev.line, line);
    assert_ptr_equal(ev.cookie, s);
    return ev.result;
}

static void expect_irq(struct stage *s, uint16_t line, unsigned type)
{
    struct vgpio_drv_event ev;

    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_IRQ);
    assert_int_equal(ev.line, line);
    assert_int_equal(ev.type, type);
    assert_int_equal(ev.result, 0);
}

static void expect_none(struct stage *s)
{
    struct vgpio_drv_event ev;

    assert_int_equal(next(s, &ev), 0);
}

static void expect_got(struct stage *s, unsigned n, const char *hex)
{
    const uint8_t *m = s->theirs.got[(s->theirs.ngot - 1u - n) % 64];
    char text[32];
    unsigned i;

    for (i = 0; i < 8; i++) {
        (void)snprintf(text + 3 * i, 4, "%02x ", m[i]);
    }
    text[23] = '\0';
    assert_string_equal(text, hex);
}

/* The outside acts, or the device says something: its turn. */
static void set_pull(struct stage *s, uint16_t line, unsigned level)
{
    twomap_turn(&s->w.m, TWOMAP_DEVICE);
    assert_int_equal(vgpio_sim_pull(&s->w.sim, line, level), 0);
    twomap_turn(&s->w.m, TWOMAP_DRIVER);
}

static void say(struct stage *s, unsigned type, uint16_t line, int32_t value)
{
    twomap_turn(&s->w.m, TWOMAP_DEVICE);
    qemu_draft_say(&s->theirs, type, line, value);
    twomap_turn(&s->w.m, TWOMAP_DRIVER);
}

/* ---- bytes ---- */

static void test_requests_on_the_wire(void **state)
{
    struct stage *s = with_theirs();

    (void)state;
    assert_int_equal(s->theirs.ngot, 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_DIRECTION, 3, 0), VGPIO_DIR_IN);
    expect_got(s, 0, "04 00 03 00 00 00 00 00");
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN), 0);
    expect_got(s, 1, "01 00 03 00 00 00 00 00");
    expect_got(s, 0, "02 00 03 00 00 00 00 00");
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 3, 0), 0);
    expect_got(s, 0, "05 00 03 00 00 00 00 00");
    assert_int_equal(ask(s, VGPIO_MSG_SET_VALUE, 3, 1), 0); /* kept here */
    assert_int_equal(s->theirs.ngot, 4);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT), 0);
    expect_got(s, 0, "03 00 03 00 01 00 00 00");
    assert_int_equal(s->theirs.ngot, 5); /* requested once */
    assert_int_equal(vgpio_sim_level(&s->w.sim, 3), 1);
    assert_int_equal(ask(s, VGPIO_MSG_SET_VALUE, 3, 0), 0);
    expect_got(s, 0, "06 00 03 00 00 00 00 00");
    assert_int_equal(vgpio_sim_level(&s->w.sim, 3), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_DIRECTION, 3, 0), VGPIO_DIR_OUT);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_NONE), 0);
    assert_int_equal(s->theirs.ngot, 7); /* no message for it */
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT), 0);
    expect_got(s, 1, "01 00 03 00 00 00 00 00");
    expect_got(s, 0, "03 00 03 00 00 00 00 00");
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 5, VGPIO_DIR_IN), 0);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 5, VGPIO_IRQ_EDGE_BOTH), 0);
    expect_got(s, 0, "05 00 05 00 00 00 00 00");
    stage_free(s);
}

static void test_masks_of_answers(void **state)
{
    struct stage *s = with_theirs();

    (void)state;
    s->theirs.mask = 0xf000;
    set_pull(s, 1, 1);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), 1);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    stage_free(s);
}

static void test_errors(void **state)
{
    static const struct {
        int32_t wire;
        int result;
    } t[] = {{-22, VGPIO_ERR_INVAL}, {-16, VGPIO_ERR_STATE},   {-95, VGPIO_ERR_NOTSUP},
             {-5, VGPIO_ERR_IO},     {-1, VGPIO_ERR_IO},       {INT32_MIN, VGPIO_ERR_IO},
             {2, VGPIO_ERR_IO},      {INT32_MAX, VGPIO_ERR_IO}};
    struct stage *s = with_theirs();
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof t / sizeof t[0]; i++) {
        s->theirs.refuse = t[i].wire;
        s->theirs.refused = 5;
        assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), t[i].result);
        assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_BOTH),
                         t[i].result);
        assert_int_equal(vgpio_drv_unmask(&s->w.drv, 1), VGPIO_ERR_STATE);
        s->theirs.refused = 4;
        assert_int_equal(ask(s, VGPIO_MSG_GET_DIRECTION, 1, 0), t[i].result);
        s->theirs.refused = 2;
        assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), t[i].result);
    }
    s->theirs.refuse = -16; /* somebody else has the line */
    s->theirs.refused = 1;
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), VGPIO_ERR_STATE);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), VGPIO_ERR_STATE);
    s->theirs.refuse = 0;
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), 0);
    s->theirs.refuse = 7; /* SET_LEVEL may say what it likes */
    s->theirs.refused = 6;
    assert_int_equal(ask(s, VGPIO_MSG_SET_VALUE, 2, 1), 0);
    s->theirs.refuse = -5;
    assert_int_equal(ask(s, VGPIO_MSG_SET_VALUE, 2, 1), VGPIO_ERR_IO);
    stage_free(s);
}

static void test_what_is_refused_here(void **state)
{
    struct stage *s = with_ours(0);
    struct vgpio_drv *drv = &s->w.drv;

    (void)state;
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_VALUE, 0, 2, s),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_DIRECTION, 0, 3, s),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_IRQ_TYPE, 0, 5, s),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_GET_LINE_NAMES, 0, 0, s),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_GET_VALUE, WORLD_LINES, 0, s),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_unmask(drv, 1), VGPIO_ERR_STATE);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING), 0);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_IRQ_TYPE, 1, 2, s),
                     VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT, s),
                     VGPIO_ERR_STATE);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE), 0);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT), 0);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_IRQ_TYPE, 1, 2, s),
                     VGPIO_ERR_STATE);
    stage_free(s);
}

/* ---- in flight ---- */

static void test_many_in_flight(void **state)
{
    struct stage *s = with_ours(0);
    struct vgpio_drv_event ev;
    unsigned round, i;

    (void)state;
    for (round = 0; round < 300; round++) {
        for (i = 0; i < WORLD_NIRQ - 1; i++) { /* one buffer is kept */
            set_pull(s, (uint16_t)i, round >> i & 1u);
            assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, (uint16_t)i,
                                              0, &s->w.slots[i]),
                             0);
        }
        assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 0, 0, s),
                         VGPIO_ERR_NOSPC);
        for (i = 0; i < WORLD_NIRQ - 1; i++) {
            assert_int_equal(next(s, &ev), 1);
            assert_int_equal(ev.line, i);
            assert_ptr_equal(ev.cookie, &s->w.slots[i]);
            assert_int_equal(ev.result, round >> i & 1u);
        }
    }
    stage_free(s);
}

/* Local answers do not overtake those of the device. */
static void test_local_answers_wait_their_turn(void **state)
{
    struct stage *s = with_ours(0);
    struct vgpio_drv_event ev;

    (void)state;
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 1, 0, NULL), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_VALUE, 1, 1, NULL), 0);
    assert_int_equal(
        vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT, NULL), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_VALUE, 2, 0, NULL), 0);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 0);
    assert_int_equal(vgpio_drv_flush(&s->w.drv), 0);
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.type, VGPIO_MSG_GET_VALUE);
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.type, VGPIO_MSG_SET_VALUE);
    assert_int_equal(ev.line, 1);
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.type, VGPIO_MSG_SET_DIRECTION);
    assert_int_equal(ev.result, 0);
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.line, 2);
    assert_int_equal(vgpio_sim_level(&s->w.sim, 1), 1);
    /* alone it is there at once, and nobody may sleep over it */
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_VALUE, 2, 0, NULL), 0);
    assert_int_equal(vgpio_drv_rearm(&s->w.drv), 1);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 1);
    assert_int_equal(vgpio_drv_rearm(&s->w.drv), 0);
    /* cancelled: silent, and it stops nobody */
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_VALUE, 2, 0, &ev), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_VALUE, 3, 0, NULL), 0);
    assert_int_equal(vgpio_drv_cancel(&s->w.drv, &ev), 0);
    assert_int_equal(vgpio_drv_rearm(&s->w.drv), 1);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 1);
    assert_int_equal(ev.line, 3);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 0);
    stage_free(s);
}

/* A late answer is that of the request it was asked with, and of no other line's. */
static void test_cancel_and_late_answers(void **state)
{
    struct stage *s = with_theirs();
    struct vgpio_drv_event ev;
    unsigned i;

    (void)state;
    s->theirs.mute = 1;
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 1, 0, s), 0);
    assert_int_equal(next(s, &ev), 0);
    assert_int_equal(vgpio_drv_cancel(&s->w.drv, s), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 1, 0, &ev), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 2, 0, s), 0);
    assert_int_equal(next(s, &ev), 0);
    say(s, 0x8005, 3, 1); /* nobody asked */
    say(s, 0x8006, 1, 1);
    say(s, 0x8000, 1, 1);
    say(s, 0x9005, 1, 1);
    say(s, 0x0005, 1, 1);
    assert_int_equal(next(s, &ev), 0);
    assert_int_equal(s->trace[VGPIO_TR_ANSWER_DROPPED], 5);
    say(s, 0x8005, 1, 0); /* the cancelled one's */
    assert_int_equal(next(s, &ev), 0);
    say(s, 0x8005, 2, 0); /* out of order: by its line */
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.line, 2);
    assert_int_equal(ev.result, 0);
    say(s, 0x8005, 1, 1);
    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.line, 1);
    assert_int_equal(ev.result, 1);
    say(s, 0x8005, 1, 1); /* twice */
    assert_int_equal(next(s, &ev), 0);
    s->theirs.mute = 0;
    for (i = 0; i < 40; i++) { /* every slot is whole again */
        assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), 0);
    }
    assert_int_equal(s->theirs.lost, 0);
    stage_free(s);
}

/* ---- interrupts ---- */

static struct stage *armed(uint32_t flags, unsigned type)
{
    struct stage *s = with_ours(flags);

    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_IN), 0);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), VGPIO_ERR_STATE);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 4, type), 0);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    return s;
}

static void pull(struct stage *s, unsigned level)
{
    assert_int_equal(vgpio_drv_flush(&s->w.drv), 0);
    (void)world_pull(&s->w, 4, level);
}

static void test_edges(void **state)
{
    static const unsigned types[] = {VGPIO_IRQ_EDGE_RISING, VGPIO_IRQ_EDGE_FALLING,
                                     VGPIO_IRQ_EDGE_BOTH};
    unsigned i, flags, round;

    (void)state;
    for (flags = 0; flags < 2; flags++) {
        for (i = 0; i < 3; i++) {
            struct stage *s = armed(flags, types[i]);

            for (round = 0; round < 20; round++) {
                pull(s, 1);
                if ((types[i] & VGPIO_IRQ_EDGE_RISING) != 0) {
                    expect_irq(s, 4, types[i]);
                    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
                }
                expect_none(s);
                pull(s, 0);
                if ((types[i] & VGPIO_IRQ_EDGE_FALLING) != 0) {
                    expect_irq(s, 4, types[i]);
                    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
                }
                expect_none(s);
            }
            stage_free(s);
        }
    }
}

static void test_masked_edges_latch_once(void **state)
{
    struct stage *s = armed(0, VGPIO_IRQ_EDGE_RISING);

    (void)state;
    pull(s, 1);
    expect_irq(s, 4, VGPIO_IRQ_EDGE_RISING);
    pull(s, 0);
    expect_none(s);
    pull(s, 1);
    pull(s, 0);
    pull(s, 1);
    expect_none(s);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    expect_irq(s, 4, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    expect_none(s);
    pull(s, 0);
    pull(s, 1);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_NONE), 0);
    expect_none(s); /* what was to be delivered is not */
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_EDGE_RISING), 0);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    expect_none(s);
    stage_free(s);
}

/* Up and down before anybody looked is one report, and both edges. */
static void test_pulse(void **state)
{
    struct stage *s = armed(0, VGPIO_IRQ_EDGE_RISING);

    (void)state;
    assert_int_equal(vgpio_drv_flush(&s->w.drv), 0);
    (void)world_serve(&s->w);
    twomap_turn(&s->w.m, TWOMAP_DEVICE);
    assert_int_equal(vgpio_sim_pulse(&s->w.sim, 4), 0);
    twomap_turn(&s->w.m, TWOMAP_DRIVER);
    expect_irq(s, 4, VGPIO_IRQ_EDGE_RISING);
    expect_none(s);
    stage_free(s);
}

static void test_levels(void **state)
{
    struct stage *s = armed(0, VGPIO_IRQ_LEVEL_LOW);

    (void)state;
    expect_irq(s, 4, VGPIO_IRQ_LEVEL_LOW); /* it is low */
    expect_none(s);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    expect_irq(s, 4, VGPIO_IRQ_LEVEL_LOW); /* still */
    pull(s, 1);
    expect_none(s);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    expect_none(s);
    pull(s, 0);
    pull(s, 1);
    expect_none(s); /* gone before anybody looked */
    pull(s, 0);
    expect_irq(s, 4, VGPIO_IRQ_LEVEL_LOW);
    stage_free(s);
}

/* Who unmasks a level at once, before it is quiet, hears of it again, but not before he
 * had his turn to flush: what quiets it may be one of his requests. */
static void test_level_unmasked_at_once(void **state)
{
    struct stage *s = armed(0, VGPIO_IRQ_LEVEL_LOW);
    struct vgpio_drv_event ev;
    unsigned i, n;

    (void)state;
    expect_irq(s, 4, VGPIO_IRQ_LEVEL_LOW);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    for (i = 0; i < 3; i++) {
        for (n = 0; n < 10 && vgpio_drv_poll(&s->w.drv, &ev) > 0; n++) {
            assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
        }
        assert_in_range(n, 0, 1);
        assert_int_equal(vgpio_drv_flush(&s->w.drv), 0);
        assert_int_equal(vgpio_drv_rearm(&s->w.drv), 1); /* do not sleep */
    }
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_IRQ);
    stage_free(s);
}

/* ---- names, start, stop ---- */

static void test_names(void **state)
{
    struct stage *s = with_theirs();
    uint8_t buf[300];
    struct vgpio_drv_event ev;
    uint32_t off = 0;

    (void)state;
    assert_int_equal(vgpio_drv_ngpio(&s->w.drv), WORLD_LINES);
    assert_int_equal(vgpio_drv_names_size(&s->w.drv), s->w.names_size);
    assert_int_equal(vgpio_drv_read_names(&s->w.drv, NULL, 0, 10, s), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_read_names(&s->w.drv, buf, 0, s->w.names_size, s),
                     VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drv_read_names(&s->w.drv, buf, 0, sizeof buf, s), 0);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 1);
    assert_int_equal(ev.type, VGPIO_MSG_GET_LINE_NAMES);
    assert_int_equal(ev.result, s->w.names_size);
    assert_memory_equal(buf + 1, s->w.names, s->w.names_size);
    assert_string_equal(vgpio_names_next(buf + 1, s->w.names_size, &off), "led");
    stage_free(s);
}

static void test_start(void **state)
{
    struct stage *s = theirs_new();
    struct vgpio_drv_event ev;

    (void)state;
    s->theirs.device_id = 30;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_VALUE, 0, 0, s), 0);
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 0, 0, &ev), 0);
    assert_int_equal(vgpio_drv_stop(&s->w.drv), 0);
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 1);
    assert_int_equal(ev.result, VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 1);
    assert_int_equal(ev.result, VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 0);
    twomap_turn(&s->w.m, TWOMAP_BOTH);
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    assert_int_equal(vgpio_drv_stop(&s->w.drv), 0);
    s->theirs.device_id = 42;
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_NOTSUP);
    s->theirs.device_id = 41;
    s->theirs.config[0] = 2;
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_NOTSUP);
    assert_int_equal(s->trace[VGPIO_TR_DIALECT], 1);
    s->theirs.config[0] = 1;
    s->theirs.config[2] = WORLD_LINES + 1;
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_NOSPC);
    s->theirs.config[2] = WORLD_LINES;
    s->w.rc.nirq = 0;
    assert_int_equal(vgpio_drv_init(&s->w.drv, &s->w.rc), 0);
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_NOTSUP);
    stage_free(s);
}

/* The least there can be: one request, one buffer. */
static void test_smallest(void **state)
{
    struct stage *s = theirs_new();
    unsigned i;

    (void)state;
    s->w.rc.nreq = 1;
    s->w.rc.nirq = 1;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    for (i = 0; i < 50; i++) {
        assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
        set_pull(s, 1, i & 1u);
        assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), i & 1u);
    }
    stage_free(s);
}

/* The dialects do not mix, and say so. */
static void test_the_other_dialect(void **state)
{
    struct stage *s = stage_new();
    struct vgpio_draft_dev one;

    (void)state;
    assert_int_equal(world_make_dev(&s->w), 0); /* 16 lines: version 16 */
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), VGPIO_ERR_NOTSUP);
    assert_int_equal(s->trace[VGPIO_TR_DIALECT], 1);
    assert_int_equal(vgpio_draft_dev_init(&one, &s->w.dc, NULL), 0);
    s->w.dev = vgpio_draft_dev_vdev(&one);
    s->w.rc.dialect = NULL;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), VGPIO_ERR_NOTSUP);
    assert_int_equal(s->trace[VGPIO_TR_DIALECT], 2);
    stage_free(s);
}

/* A driver of the draft whose standard device has one line gets as far as its buffers:
 * the device survives them, and says whom it has before it. */
static void test_draft_buffers_at_a_standard_device(void **state)
{
    struct stage *s = stage_new();
    struct vgpio_drvq q;
    struct vgpio_drvq_slot slots[8];
    struct vgpio_vq_setup vq;
    struct vgpio_seg seg = {TWOMAP_GPA + 0x1000, 920};
    const struct vgpio_vdev_ops *ops;
    uint16_t slot;
    uint32_t written;

    (void)state;
    s->w.dc.trace = trace;
    s->w.dc.trace_ctx = s;
    assert_int_equal(world_make_dev(&s->w), 0);
    ops = s->w.dev.ops;
    memset(&vq, 0, sizeof vq);
    vq.size = 8;
    vq.desc = TWOMAP_GPA;
    vq.features = VGPIO_F_VERSION_1;
    assert_int_equal(vgpio_drvq_init(&q, s->w.m.driver, slots, &vq), 0);
    assert_int_equal(vgpio_drvq_add(&q, &seg, 0, 1, 0), 0);
    (void)vgpio_drvq_publish(&q, NULL);
    assert_int_equal(ops->ack_features(s->w.dev.obj, VGPIO_F_VERSION_1), 0);
    assert_int_equal(ops->queue_start(s->w.dev.obj, 0, &s->w.m.mem, &vq), 0);
    assert_int_equal(ops->kick(s->w.dev.obj, 0), 0);
    assert_int_equal(s->trace[VGPIO_TR_DIALECT], 1);
    assert_int_equal(vgpio_drvq_get(&q, &slot, &written), 1);
    assert_in_range(written, 0, 2);
    stage_free(s);
}

/* ---- devices and buses that misbehave ---- */

static struct stage *stage_of(void *bus)
{
    return (void *)((char *)bus - offsetof(struct stage, w.bus));
}

static int moving_gen(void *ctx, uint32_t *gen)
{
    struct stage *s = stage_of(ctx);

    *gen = 7;
    if (s->gen_moves != 0) {
        *gen += s->gen_moves--;
    }
    return s->config_left-- == 0 ? VGPIO_ERR_IO : 0;
}

static int failing_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    struct stage *s = stage_of(ctx);

    return s->config_left-- == 0 ? VGPIO_ERR_IO
                                 : vgpio_loop_bus_ops.config_read(ctx, off, dst, len);
}

/* The bus of the loop, with a configuration that moves or cannot be read. */
static int join_badly(struct stage *s)
{
    s->bus = vgpio_loop_bus_ops;
    s->bus.config_gen = moving_gen;
    s->bus.config_read = failing_read;
    s->config_left = -1;
    assert_int_equal(vgpio_loop_init(&s->w.bus, s->w.dev, &s->w.m.mem), 0);
    s->w.rc.bus = &s->bus;
    s->w.rc.bus_ctx = &s->w.bus;
    return vgpio_drv_init(&s->w.drv, &s->w.rc);
}

static void test_configuration_that_moves(void **state)
{
    struct stage *s = theirs_new();
    int i;

    (void)state;
    assert_int_equal(join_badly(s), 0);
    for (i = 0; i < 5; i++) { /* a generation, three fields, the generation again */
        s->config_left = i;
        assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_IO);
    }
    s->config_left = -1;
    s->gen_moves = UINT32_MAX / 2;
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_PROTO);
    s->gen_moves = 5; /* it comes to rest */
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    assert_int_equal(vgpio_drv_ngpio(&s->w.drv), WORLD_LINES);
    assert_int_equal(vgpio_drv_stop(&s->w.drv), 0);
    s->bus.config_gen = NULL; /* a transport without one */
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    stage_free(s);
}

/* The first doorbell, for the buffers, is part of the start: without it nothing runs. */
static int no_notify(void *ctx, unsigned q, uint32_t data)
{
    (void)ctx, (void)q, (void)data;
    return VGPIO_ERR_IO;
}

static void test_first_doorbell_fails(void **state)
{
    struct stage *s = theirs_new();
    uint8_t status = 0;

    (void)state;
    assert_int_equal(join_badly(s), 0);
    s->bus.notify = no_notify;
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_IO);
    assert_int_equal(s->bus.get_status(&s->w.bus, &status), 0);
    assert_int_equal(status & VGPIO_S_FAILED, VGPIO_S_FAILED);
    assert_int_equal(vgpio_drv_flush(&s->w.drv), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_start(&s->w.drv), VGPIO_ERR_IO);
    s->bus.notify = vgpio_loop_bus_ops.notify;
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    stage_free(s);
}

static void test_names_that_cannot_be_read(void **state)
{
    struct stage *s = theirs_new();
    uint8_t buf[300];

    (void)state;
    assert_int_equal(join_badly(s), 0);
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    s->config_left = 0;
    assert_int_equal(vgpio_drv_read_names(&s->w.drv, buf, 0, sizeof buf, s),
                     VGPIO_ERR_IO);
    expect_none(s); /* no event for what was refused */
    twomap_turn(&s->w.m, TWOMAP_BOTH);
    assert_int_equal(vgpio_drv_stop(&s->w.drv), 0);
    memset(s->theirs.config + 4, 0xff, 4); /* no buffer is larger than that */
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    assert_int_equal(vgpio_drv_read_names(&s->w.drv, buf, 0, UINT32_MAX, s),
                     VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_drv_stop(&s->w.drv), 0);
    memset(s->theirs.config + 4, 0, 4);
    assert_int_equal(vgpio_drv_start(&s->w.drv), 0);
    assert_int_equal(vgpio_drv_read_names(&s->w.drv, buf, 0, sizeof buf, s),
                     VGPIO_ERR_NOTSUP);
    stage_free(s);
}

/* What a device gives back in place of a message: too much is a lie, too little nothing
 * but a buffer to post again. */
static void give_back(struct stage *s, uint32_t written)
{
    struct vgpio_chain c;

    twomap_turn(&s->w.m, TWOMAP_DEVICE);
    assert_int_equal(vgpio_devq_pop(&s->theirs.q[0], &c), 1);
    assert_int_equal(vgpio_devq_push(&s->theirs.q[0], c.head, written), 0);
    (void)vgpio_devq_publish(&s->theirs.q[0]);
    twomap_turn(&s->w.m, TWOMAP_DRIVER);
}

static void test_lengths_of_messages(void **state)
{
    struct stage *s = with_theirs();
    struct vgpio_drv_event ev;
    unsigned i;

    (void)state;
    for (i = 0; i < 3 * WORLD_NIRQ; i++) {
        give_back(s, i % VGPIO_DRAFT_MSG_SIZE);
        expect_none(s);
    }
    assert_int_equal(s->trace[VGPIO_TR_CHAIN_BAD], 3 * WORLD_NIRQ);
    say(s, 0x11, WORLD_LINES, 1); /* no such line, no such message */
    say(s, 0x11, 0xffff, 1);
    say(s, 0x12, 0, 1);
    expect_none(s);
    assert_int_equal(s->trace[VGPIO_TR_ANSWER_DROPPED], 3);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), 0);
    give_back(s, VGPIO_DRAFT_MSG_SIZE + 1);
    for (i = 0; i < 2; i++) { /* for good */
        assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), VGPIO_ERR_PROTO);
    }
    stage_free(s);
}

/* ---- who is short of slots or buffers ---- */

static void test_no_slot(void **state)
{
    struct stage *s = theirs_new();
    struct vgpio_drv *drv = &s->w.drv;
    unsigned i;

    (void)state;
    s->w.rc.nreq = 2;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    s->theirs.mute = 1;
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_GET_VALUE, 1, 0, s), 0);
    for (i = 0; i < 2; i++) { /* needs two: takes none */
        assert_int_equal(
            vgpio_drv_submit(drv, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT, s),
            VGPIO_ERR_NOSPC);
    }
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_GET_VALUE, 2, 0, s), 0);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_GET_VALUE, 3, 0, s),
                     VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_VALUE, 3, 0, s),
                     VGPIO_ERR_NOSPC);
    /* It looks for buffers that came back, and finds a ring that cannot be. */
    assert_int_equal(vgpio_drv_flush(drv), 0);
    world_break_used(&s->w, VGPIO_DRAFT_FROM_DRIVER);
    assert_int_equal(vgpio_drv_submit(drv, VGPIO_MSG_SET_VALUE, 3, 0, s),
                     VGPIO_ERR_PROTO);
    stage_free(s);
}

/* One slot, or two buffers, or one: as much is asked for at once as there is room for. */
static void test_few_slots_and_buffers(void **state)
{
    static const uint16_t have[][2] = {{1, 8}, {8, 2}, {8, 1}};
    unsigned i, flags;

    (void)state;
    for (i = 0; i < 6; i++) {
        struct stage *s = stage_new();

        flags = i % 2 ? VGPIO_DRAFT_2021 : 0;
        s->w.rc.nreq = have[i / 2][0];
        s->w.rc.nirq = have[i / 2][1];
        s->id.flags = flags;
        lines(s, vgpio_draft_dev_sink(&s->ours));
        assert_int_equal(vgpio_draft_dev_init(&s->ours, &s->w.dc, &s->id), 0);
        s->w.dev = vgpio_draft_dev_vdev(&s->ours);
        assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
        assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_IN), 0);
        if (have[i / 2][0] > 1 || flags == 0) {
            assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_EDGE_BOTH), 0);
            assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
            assert_int_equal(vgpio_drv_flush(&s->w.drv), 0);
            (void)world_pull(&s->w, 4, 1);
            expect_irq(s, 4, VGPIO_IRQ_EDGE_BOTH);
        } else { /* the mask goes in a slot of its own, which will never be */
            assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_SET_IRQ_TYPE, 4,
                                              VGPIO_IRQ_EDGE_BOTH, s),
                             VGPIO_ERR_NOTSUP);
        }
        assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 1, 0, s), 0);
        if (have[i / 2][1] < 3) { /* one is kept */
            assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, 2, 0, s),
                             VGPIO_ERR_NOSPC);
        }
        stage_free(s);
    }
}

/* ---- answers that overtake, or come in vain ---- */

static void expect_done(struct stage *s, unsigned type, uint16_t line, int result)
{
    struct vgpio_drv_event ev;

    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_DONE);
    assert_int_equal(ev.type, type);
    assert_int_equal(ev.line, line);
    assert_int_equal(ev.result, result);
}

static void post(struct stage *s, unsigned type, uint16_t line, uint32_t value)
{
    assert_int_equal(vgpio_drv_submit(&s->w.drv, type, line, value, s), 0);
}

/* REQUEST is refused: that spoils the one it was sent for, and no other one. */
static void test_refused_request(void **state)
{
    struct stage *s = with_theirs();

    (void)state;
    s->theirs.mute = 1;
    post(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT);
    post(s, VGPIO_MSG_GET_VALUE, 1, 0);
    post(s, VGPIO_MSG_GET_VALUE, 2, 0);
    expect_none(s);
    say(s, 0x8003, 1, 0); /* before the one that had to come first */
    expect_done(s, VGPIO_MSG_SET_DIRECTION, 1, 0);
    say(s, 0x8001, 1, -16);
    expect_none(s);
    say(s, 0x8005, 1, 1);
    expect_done(s, VGPIO_MSG_GET_VALUE, 1, 1);
    say(s, 0x8005, 2, 1);
    expect_done(s, VGPIO_MSG_GET_VALUE, 2, 1);
    /* in order: spoilt, unless there is a better reason */
    post(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN);
    expect_none(s);
    say(s, 0x8001, 1, -16);
    say(s, 0x8002, 1, 0);
    expect_done(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_ERR_STATE);
    post(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN);
    expect_none(s);
    say(s, 0x8001, 1, -16);
    say(s, 0x8002, 1, -22);
    expect_done(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_ERR_INVAL);
    stage_free(s);
}

/* What the driver remembers of a line is what was asked for last, whatever becomes of
 * that which came before. */
static void test_memory_is_of_the_last_request(void **state)
{
    struct stage *s = with_theirs();

    (void)state;
    s->theirs.mute = 1;
    post(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN);
    post(s, VGPIO_MSG_GET_DIRECTION, 1, 0);
    post(s, VGPIO_MSG_GET_VALUE, 1, 0);
    post(s, VGPIO_MSG_GET_VALUE, 2, 0);
    post(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT);
    expect_none(s);
    say(s, 0x8001, 1, 0);
    say(s, 0x8002, 1, -5);
    expect_done(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_ERR_IO);
    say(s, 0x8004, 1, VGPIO_DRAFT_INPUT);
    expect_done(s, VGPIO_MSG_GET_DIRECTION, 1, VGPIO_DIR_IN);
    say(s, 0x8005, 1, 0);
    expect_done(s, VGPIO_MSG_GET_VALUE, 1, 0);
    say(s, 0x8005, 2, 0);
    expect_done(s, VGPIO_MSG_GET_VALUE, 2, 0);
    say(s, 0x8003, 1, 0);
    expect_done(s, VGPIO_MSG_SET_DIRECTION, 1, 0);
    s->theirs.mute = 0;
    assert_int_equal(ask(s, VGPIO_MSG_SET_VALUE, 1, 1), 0); /* to the device: an output */
    expect_got(s, 0, "06 00 01 00 01 00 00 00");
    stage_free(s);
}

/* An interrupt that was turned off, or changed, before the level came. */
static void test_type_changes_before_the_answer(void **state)
{
    struct stage *s = with_theirs();

    (void)state;
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_IN), 0);
    s->theirs.mute = 1;
    post(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_LEVEL_HIGH);
    post(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_NONE);
    expect_none(s);
    say(s, 0x8005, 4, 1); /* high, but nobody wants to know any more */
    expect_done(s, VGPIO_MSG_SET_IRQ_TYPE, 4, 0);
    expect_done(s, VGPIO_MSG_SET_IRQ_TYPE, 4, 0);
    expect_none(s);
    post(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_LEVEL_HIGH);
    post(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_NONE);
    post(s, VGPIO_MSG_SET_IRQ_TYPE, 4, VGPIO_IRQ_LEVEL_HIGH);
    assert_int_equal(vgpio_drv_unmask(&s->w.drv, 4), 0);
    expect_none(s);
    say(s, 0x8005, 4, 1); /* the first one's: the third is not acknowledged yet */
    expect_done(s, VGPIO_MSG_SET_IRQ_TYPE, 4, 0);
    expect_done(s, VGPIO_MSG_SET_IRQ_TYPE, 4, 0);
    expect_none(s);
    say(s, 0x8005, 4, 1);
    expect_done(s, VGPIO_MSG_SET_IRQ_TYPE, 4, 0);
    expect_irq(s, 4, VGPIO_IRQ_LEVEL_HIGH);
    stage_free(s);
}

/* An answer of type 0 is not for those that no message was sent for. */
static void test_answer_of_no_type(void **state)
{
    struct stage *s = with_theirs();

    (void)state;
    s->theirs.mute = 1;
    post(s, VGPIO_MSG_GET_VALUE, 2, 0);
    post(s, VGPIO_MSG_SET_VALUE, 1, 1); /* answered here, in its turn */
    expect_none(s);
    say(s, 0x8000, 1, -5);
    expect_none(s);
    assert_int_equal(s->trace[VGPIO_TR_ANSWER_DROPPED], 1);
    say(s, 0x8005, 2, 0);
    expect_done(s, VGPIO_MSG_GET_VALUE, 2, 0);
    expect_done(s, VGPIO_MSG_SET_VALUE, 1, 0);
    stage_free(s);
}

/* With the numbers of 2021 an error is an error, and of a value only bit 0 counts. */
static void test_values_of_2021(void **state)
{
    struct stage *s = theirs_new();

    (void)state;
    s->theirs.features |= VGPIO_DRAFT_F_ARBITRATION;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    s->theirs.refused = 5;
    s->theirs.refuse = -VGPIO_DRAFT_E_INVAL;
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), VGPIO_ERR_INVAL);
    s->theirs.refuse = -VGPIO_DRAFT_E_COMM;
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), VGPIO_ERR_IO);
    s->theirs.refuse = 0x7ffffffe;
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), 0);
    s->theirs.refuse = 0x7fffffff;
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 1, 0), 1);
    stage_free(s);
}

/* ---- interrupts of many lines ---- */

/* Each in its turn, from the last one on, around the end; and each once. */
static void test_interrupts_of_many_lines(void **state)
{
    static const uint16_t lines_[] = {2, 9, 4, WORLD_LINES - 1};
    static const uint16_t order[] = {WORLD_LINES - 1, 2, 4, 9};
    struct stage *s = with_theirs();
    unsigned i;

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, lines_[i], VGPIO_DIR_IN), 0);
        assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, lines_[i], VGPIO_IRQ_EDGE_RISING),
                         0);
        assert_int_equal(vgpio_drv_unmask(&s->w.drv, lines_[i]), 0);
    }
    /* All reports are taken before the first event is: by a slot that is looked for. */
    for (i = 0; i < 4; i++) {
        say(s, 0x11, lines_[i], 1);
        say(s, 0x11, lines_[i], 1); /* while it is ready: still one */
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(vgpio_drv_rearm(&s->w.drv), 1);
        expect_irq(s, order[i], VGPIO_IRQ_EDGE_RISING);
    }
    expect_none(s);
    stage_free(s);
}

/* Receive buffers go back while the driver polls, of which its user knows nothing: who
 * has sent nothing need not flush before it sleeps. */
static void test_rearm_gives_buffers_back(void **state)
{
    struct stage *s = with_theirs();
    struct vgpio_drv_event ev;
    unsigned i, lap;

    (void)state;
    for (lap = 0; lap < 3; lap++) {
        for (i = 0; i < s->w.rc.nirq; i++) {
            say(s, 0x11, 1, i & 1);
        }
        assert_int_equal(vgpio_drv_poll(&s->w.drv, &ev), 0);
        assert_int_equal(vgpio_drv_rearm(&s->w.drv), 0);
        assert_int_equal(s->theirs.lost, 0);
    }
    say(s, 0x11, 1, 0);
    for (i = 0; i <= s->w.rc.nirq; i++) {
        say(s, 0x11, 1, 0);
    }
    assert_true(s->theirs.lost > 0); /* there were no more than those */
    stage_free(s);
}

/* One descriptor a message, either way: a device's small ring holds as many. Of requests
 * one less, for one buffer is kept for what the device has to say by itself. */
static void test_small_rings_hold_one_each(void **state)
{
    struct stage *s = theirs_new();
    struct vgpio_drv_event ev;
    uint16_t i;

    (void)state;
    s->theirs.queue_max = 4;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    for (i = 0; i < 4; i++) {
        say(s, 0x11, 1, i & 1);
    }
    assert_int_equal(s->theirs.lost, 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, i, 0, NULL), 0);
    }
    assert_int_equal(vgpio_drv_submit(&s->w.drv, VGPIO_MSG_GET_VALUE, i, 0, NULL),
                     VGPIO_ERR_NOSPC);
    for (i = 0; i < 3; i++) {
        assert_int_equal(next(s, &ev), 1);
    }
    stage_free(s);
}

/* ... and the smallest of all. */
static void test_ring_of_one(void **state)
{
    struct stage *s = theirs_new();

    (void)state;
    s->theirs.queue_max = 1;
    s->theirs.features |= VGPIO_DRAFT_F_IRQ;
    assert_int_equal(world_join(&s->w, &s->w.rc, &s->w.m.mem), 0);
    assert_int_equal(ask(s, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_BOTH),
                     VGPIO_ERR_NOTSUP);
    stage_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_on_the_wire),
        cmocka_unit_test(test_masks_of_answers),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_is_refused_here),
        cmocka_unit_test(test_many_in_flight),
        cmocka_unit_test(test_local_answers_wait_their_turn),
        cmocka_unit_test(test_cancel_and_late_answers),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_masked_edges_latch_once),
        cmocka_unit_test(test_pulse),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_level_unmasked_at_once),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_the_other_dialect),
        cmocka_unit_test(test_draft_buffers_at_a_standard_device),
        cmocka_unit_test(test_configuration_that_moves),
        cmocka_unit_test(test_first_doorbell_fails),
        cmocka_unit_test(test_names_that_cannot_be_read),
        cmocka_unit_test(test_lengths_of_messages),
        cmocka_unit_test(test_no_slot),
        cmocka_unit_test(test_few_slots_and_buffers),
        cmocka_unit_test(test_refused_request),
        cmocka_unit_test(test_memory_is_of_the_last_request),
        cmocka_unit_test(test_type_changes_before_the_answer),
        cmocka_unit_test(test_answer_of_no_type),
        cmocka_unit_test(test_values_of_2021),
        cmocka_unit_test(test_interrupts_of_many_lines),
        cmocka_unit_test(test_rearm_gives_buffers_back),
        cmocka_unit_test(test_small_rings_hold_one_each),
        cmocka_unit_test(test_ring_of_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
