/* SPDX-License-Identifier: BSD-3-Clause */
/* The seams: one scenario, {the standard, the draft, a made-up protocol} x {loop, mmio,
 * vhost-user}, with the simulator behind and the same driver object in front. Neither
 * transport, simulator nor driver engine knows which dialect it carries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dialect.h"
#include "mmio_shim.h"
#include "vu_bus.h"
#include "world.h"

#define NREQ 8u
#define NIRQ 16u

struct stage {
    struct vgpio_drv drv;
    struct vgpio_drv_config rc;
    struct vgpio_drv_slot slots[NREQ + NIRQ];
    struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];

    struct vgpio_vdev dev;
    uint32_t device_id;
    struct vgpio_sim sim;
    struct vgpio_sim_line sim_lines[TOY_LINES];
    struct vgpio_dev std;
    struct vgpio_line lines[TOY_LINES];
    struct vgpio_req reqs[NREQ];
    struct vgpio_draft_dev draft;
    struct toy_dev toy;
    uint16_t irq_map[TOY_LINES];

    void (*serve)(struct stage *s);
    int asleep;
    struct twomap m;
    struct vgpio_loop loop;
    struct mmio_shim mmio;
    struct vu_bus vu;
};

/* ---- dialects ---- */

static void make_sim(struct stage *s, struct vgpio_sink sink)
{
    struct vgpio_sim_config sc = {sink, s->sim_lines, TOY_LINES, NULL, NULL};

    assert_int_equal(vgpio_sim_init(&s->sim, &sc), 0);
}

static void speak_standard(struct stage *s)
{
    struct vgpio_dev_config dc;

    memset(&dc, 0, sizeof dc);
    dc.ops = &vgpio_sim_ops;
    dc.ctx = &s->sim;
    dc.lines = s->lines;
    dc.ngpio = TOY_LINES;
    dc.reqs = s->reqs;
    dc.nreqs = NREQ;
    make_sim(s, vgpio_dev_sink(&s->std));
    assert_int_equal(vgpio_dev_init(&s->std, &dc), 0);
    s->dev = vgpio_dev_vdev(&s->std);
    s->device_id = VGPIO_DEVICE_ID;
}

static void speak_draft(struct stage *s)
{
    struct vgpio_dev_config dc;

    memset(&dc, 0, sizeof dc);
    dc.ops = &vgpio_sim_ops;
    dc.ctx = &s->sim;
    dc.lines = s->lines;
    dc.ngpio = TOY_LINES;
    dc.reqs = s->reqs;
    dc.nreqs = NREQ;
    make_sim(s, vgpio_draft_dev_sink(&s->draft));
    assert_int_equal(vgpio_draft_dev_init(&s->draft, &dc, NULL), 0);
    s->dev = vgpio_draft_dev_vdev(&s->draft);
    s->device_id = VGPIO_DRAFT_DEVICE_ID;
    s->rc.dialect = &vgpio_draft_dialect;
    s->rc.irq_map = s->irq_map;
    s->rc.irq_map_len = TOY_LINES;
}

static void speak_toy(struct stage *s)
{
    s->toy.ops = &vgpio_sim_ops;
    s->toy.ctx = &s->sim;
    make_sim(s, toy_sink(&s->toy));
    s->dev = toy_vdev(&s->toy);
    s->device_id = TOY_DEVICE_ID;
    s->rc.dialect = &toy_dialect;
}

/* ---- transports ---- */

static void serve_loop(struct stage *s)
{
    unsigned kicks = vgpio_loop_take_kicks(&s->loop);
    unsigned q;

    for (q = 0; q < 2; q++) {
        while ((kicks & 1u << q) != 0 && s->dev.ops->kick(s->dev.obj, q) > 0) {
        }
    }
    (void)s->dev.ops->take_events(s->dev.obj);
}

static void by_loop(struct stage *s)
{
    twomap_open(&s->m, 0x4000);
    assert_int_equal(vgpio_loop_init(&s->loop, s->dev, &s->m.mem), 0);
    s->rc.bus = &vgpio_loop_bus_ops;
    s->rc.bus_ctx = &s->loop;
    s->rc.dma = s->m.driver;
    s->rc.dma_addr = TWOMAP_GPA;
    s->serve = serve_loop;
}

/* The driver comes here to sleep, so something has to wake it: without an interrupt it
 * would not look again. */
static void serve_mmio(struct stage *s)
{
    mmio_shim_serve(&s->mmio);
    s->asleep = mmio_shim_isr(&s->mmio) == 0;
}

static void by_mmio(struct stage *s)
{
    twomap_open(&s->m, 0x4000);
    mmio_shim_open(&s->mmio, s->dev, &s->m.mem);
    s->rc.bus = &vgpio_mmio_bus_ops;
    s->rc.bus_ctx = &s->mmio.bus;
    s->rc.dma = s->m.driver;
    s->rc.dma_addr = TWOMAP_GPA;
    s->serve = serve_mmio;
}

static void serve_vu(struct stage *s)
{
    vu_bus_serve(&s->vu);
}

static void by_vhost_user(struct stage *s)
{
    vu_bus_open(&s->vu, s->dev, s->device_id);
    s->rc.bus = &vu_bus_ops;
    s->rc.bus_ctx = &s->vu;
    s->rc.dma = s->vu.peer.mem.base;
    s->rc.dma_addr = VU_PEER_GPA;
    s->serve = serve_vu;
}

static struct stage *stage_new(void (*speak)(struct stage *), void (*by)(struct stage *))
{
    struct stage *s = calloc(1, sizeof *s);

    assert_non_null(s);
    speak(s);
    by(s);
    s->rc.dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ);
    s->rc.slots = s->slots;
    s->rc.ring = s->ring;
    s->rc.nreq = NREQ;
    s->rc.nirq = NIRQ;
    assert_int_equal(vgpio_drv_init(&s->drv, &s->rc), 0);
    return s;
}

static void stage_free(struct stage *s)
{
    if (s->serve == serve_vu) {
        vu_bus_close(&s->vu);
    } else {
        twomap_close(&s->m);
    }
    free(s);
}

/* ---- the scenario ---- */

static int next(struct stage *s, struct vgpio_drv_event *ev)
{
    int n, tries;

    s->asleep = 0;
    for (tries = 0; tries < 4 && !s->asleep; tries++) {
        assert_int_equal(vgpio_drv_flush(&s->drv), 0);
        n = vgpio_drv_poll(&s->drv, ev);
        assert_true(n >= 0);
        if (n > 0) {
            return 1;
        }
        if (vgpio_drv_rearm(&s->drv) == 0) {
            s->serve(s);
        }
    }
    return 0;
}

static int ask(struct stage *s, unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_drv_event ev;
    int err = vgpio_drv_submit(&s->drv, type, line, value, s);

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

static void expect_interrupt(struct stage *s, uint16_t line)
{
    struct vgpio_drv_event ev = {0, 0, 0, 0, NULL};

    assert_int_equal(next(s, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_IRQ);
    assert_int_equal(ev.line, line);
    assert_int_equal(ev.result, 0);
    assert_int_equal(vgpio_drv_unmask(&s->drv, line), 0);
    assert_int_equal(next(s, &ev), 0);
}

static void drive(struct stage *s, uint16_t line, unsigned value)
{
    int err;

    assert_int_equal(ask(s, VGPIO_MSG_SET_VALUE, line, value), 0);
    err = ask(s, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_OUT);
    /* the made-up protocol has no directions: who sets drives */
    assert_int_equal(err, s->rc.dialect == &toy_dialect ? VGPIO_ERR_NOTSUP : 0);
    assert_int_equal(vgpio_sim_level(&s->sim, line), value);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, line, 0), value);
}

static void lines_work(struct stage *s)
{
    struct vgpio_drv_event ev;
    unsigned i;

    assert_int_equal(vgpio_drv_ngpio(&s->drv), TOY_LINES);
    assert_int_equal(vgpio_sim_pull(&s->sim, 2, 1), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 2, 0), 1);
    assert_int_equal(vgpio_sim_pull(&s->sim, 2, 0), 0);
    assert_int_equal(ask(s, VGPIO_MSG_GET_VALUE, 2, 0), 0);
    drive(s, 3, 1);
    drive(s, 3, 0);

    assert_int_equal(vgpio_sim_pull(&s->sim, 2, 1), 0); /* nobody watches */
    assert_int_equal(next(s, &ev), 0);
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(vgpio_drv_unmask(&s->drv, 2), 0);
    assert_int_equal(next(s, &ev), 0);
    for (i = 0; i < 10; i++) {
        assert_int_equal(vgpio_sim_pull(&s->sim, 2, i & 1u), 0);
        expect_interrupt(s, 2);
    }
    assert_int_equal(ask(s, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_NONE), 0);
    assert_int_equal(vgpio_sim_pull(&s->sim, 2, 0), 0);
    assert_int_equal(next(s, &ev), 0);
}

/* Full batches, often enough to go round each ring several times. */
static void batches_work(struct stage *s)
{
    struct vgpio_drv_event ev;
    unsigned i, n, seen;

    for (i = 0; i < 50; i++) {
        for (n = 0; n < NREQ; n++) {
            assert_int_equal(vgpio_drv_submit(&s->drv, VGPIO_MSG_GET_VALUE, (uint16_t)n,
                                              0, &s->slots[n]),
                             0);
        }
        assert_int_equal(vgpio_drv_submit(&s->drv, VGPIO_MSG_GET_VALUE, 0, 0, NULL),
                         VGPIO_ERR_NOSPC);
        for (seen = 0; seen < NREQ; seen++) {
            assert_int_equal(next(s, &ev), 1);
            assert_ptr_equal(ev.cookie, &s->slots[ev.line]);
            assert_int_equal(ev.result, vgpio_sim_level(&s->sim, ev.line));
        }
    }
}

static void scenario(void (*speak)(struct stage *), void (*by)(struct stage *))
{
    struct stage *s = stage_new(speak, by);
    struct vgpio_drv_event ev;
    unsigned round;

    for (round = 0; round < 3; round++) {
        assert_int_equal(vgpio_drv_start(&s->drv), 0);
        lines_work(s);
        batches_work(s);
        assert_int_equal(vgpio_drv_submit(&s->drv, VGPIO_MSG_GET_VALUE, 1, 0, &ev), 0);
        assert_int_equal(vgpio_drv_flush(&s->drv), 0);
        assert_int_equal(vgpio_drv_stop(&s->drv), 0);
        assert_int_equal(vgpio_drv_poll(&s->drv, &ev), 1);
        assert_int_equal(ev.result, VGPIO_ERR_STALE);
        assert_ptr_equal(ev.cookie, &ev);
        assert_int_equal(vgpio_drv_poll(&s->drv, &ev), 0);
    }
    stage_free(s);
}

static void test_standard_by_loop(void **state)
{
    (void)state;
    scenario(speak_standard, by_loop);
}

static void test_standard_by_vhost_user(void **state)
{
    (void)state;
    scenario(speak_standard, by_vhost_user);
}

static void test_standard_by_mmio(void **state)
{
    (void)state;
    scenario(speak_standard, by_mmio);
}

static void test_toy_by_mmio(void **state)
{
    (void)state;
    scenario(speak_toy, by_mmio);
}

static void test_draft_by_loop(void **state)
{
    (void)state;
    scenario(speak_draft, by_loop);
}

static void test_draft_by_mmio(void **state)
{
    (void)state;
    scenario(speak_draft, by_mmio);
}

static void test_draft_by_vhost_user(void **state)
{
    (void)state;
    scenario(speak_draft, by_vhost_user);
}

static void test_toy_by_loop(void **state)
{
    (void)state;
    scenario(speak_toy, by_loop);
}

static void test_toy_by_vhost_user(void **state)
{
    (void)state;
    scenario(speak_toy, by_vhost_user);
}

/* A driver leaves a device of another kind alone. */
static void test_dialects_do_not_mix(void **state)
{
    struct stage *s = stage_new(speak_toy, by_loop);
    uint8_t status = 0xff;

    (void)state;
    s->rc.dialect = NULL;
    assert_int_equal(vgpio_drv_init(&s->drv, &s->rc), 0);
    assert_int_equal(vgpio_drv_start(&s->drv), VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_loop_bus_ops.get_status(&s->loop, &status), 0);
    assert_int_equal(status, 0);
    stage_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_by_loop),
        cmocka_unit_test(test_standard_by_mmio),
        cmocka_unit_test(test_standard_by_vhost_user),
        cmocka_unit_test(test_draft_by_loop),
        cmocka_unit_test(test_draft_by_mmio),
        cmocka_unit_test(test_draft_by_vhost_user),
        cmocka_unit_test(test_toy_by_loop),
        cmocka_unit_test(test_toy_by_mmio),
        cmocka_unit_test(test_toy_by_vhost_user),
        cmocka_unit_test(test_dialects_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
