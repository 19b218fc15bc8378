/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void world_new(struct world *w)
{
    static const char *const names[WORLD_LINES] = {"led", "", "button", "reset"};
    int n;

    /* Nothing may depend on memory that happened to be zero. */
    memset(w, 0xa5, sizeof *w);
    twomap_open(&w->m, WORLD_NAMES_AT + 0x1000);
    memset(w->m.driver, 0xa5, w->m.size);
    n = vgpio_names_build(w->names, sizeof w->names, names, WORLD_LINES);
    assert_true(n > 0);
    w->names_size = (uint32_t)n;

    memset(&w->dc, 0, sizeof w->dc);
    w->dc.ops = &vgpio_sim_ops;
    w->dc.ctx = &w->sim;
    w->dc.lines = w->lines;
    w->dc.ngpio = WORLD_LINES;
    w->dc.reqs = w->reqs;
    w->dc.nreqs = WORLD_NREQ;
    w->dc.names = w->names;
    w->dc.names_size = w->names_size;

    memset(&w->rc, 0, sizeof w->rc);
    w->rc.dma = w->m.driver;
    w->rc.dma_addr = TWOMAP_GPA;
    w->rc.dma_size = VGPIO_DMA_SIZE(WORLD_NREQ, WORLD_NIRQ);
    w->rc.slots = w->slots;
    w->rc.ring = w->ring;
    w->rc.nreq = WORLD_NREQ;
    w->rc.nirq = WORLD_NIRQ;
    w->rc.irq_map = w->irq_map;
    w->rc.irq_map_len = WORLD_LINES;
    if (getenv("VGPIO_TEST_SPLIT") != NULL) {
        w->rc.features = ~VGPIO_F_PACKED;
    }
    assert_true(w->rc.dma_size <= WORLD_NAMES_AT);
}

void world_free(struct world *w)
{
    twomap_close(&w->m);
}

int world_make_dev(struct world *w)
{
    struct vgpio_sim_config sc;
    int err;

    memset(&sc, 0, sizeof sc);
    sc.sink = vgpio_dev_sink(&w->std);
    sc.lines = w->sim_lines;
    sc.nlines = WORLD_LINES;
    err = vgpio_sim_init(&w->sim, &sc);
    w->dev = vgpio_dev_vdev(&w->std);
    return err ? err : vgpio_dev_init(&w->std, &w->dc);
}

int world_join(struct world *w, struct vgpio_drv_config *rc, const struct vgpio_mem *mem)
{
    int err = vgpio_loop_init(&w->bus, w->dev, mem);

    rc->bus = &vgpio_loop_bus_ops;
    rc->bus_ctx = &w->bus;
    if (!err) {
        err = vgpio_drv_init(&w->drv, rc);
    }
    return err ? err : vgpio_drv_start(&w->drv);
}

void world_start(struct world *w)
{
    assert_int_equal(world_make_dev(w), 0);
    assert_int_equal(world_join(w, &w->rc, &w->m.mem), 0);
}

/* The device has its turn because the driver sleeps. */
static void sleep_driver(struct world *w)
{
    (void)vgpio_drv_rearm(&w->drv); /* a driver that failed or stopped sleeps as well */
    twomap_turn(&w->m, TWOMAP_DEVICE);
}

static unsigned serve(struct world *w)
{
    const struct vgpio_vdev_ops *dev = w->dev.ops;
    unsigned kicks = vgpio_loop_take_kicks(&w->bus);
    unsigned events = 0;
    unsigned q;

    for (q = 0; q < VGPIO_LOOP_QUEUES; q++) {
        while ((kicks & 1u << q) != 0 && dev->kick(w->dev.obj, q) > 0) {
        }
    }
    do {
        events |= dev->take_events(w->dev.obj);
        if ((events & VGPIO_EV_MORE) != 0) {
            (void)dev->kick(w->dev.obj, VGPIO_REQUESTQ);
            events &= ~VGPIO_EV_MORE;
            events |= dev->take_events(w->dev.obj);
        }
    } while ((events & VGPIO_EV_MORE) != 0);
    dev->irq_acked(w->dev.obj);
    twomap_turn(&w->m, TWOMAP_DRIVER);
    return events;
}

unsigned world_serve(struct world *w)
{
    sleep_driver(w);
    return serve(w);
}

unsigned world_pull(struct world *w, uint16_t line, unsigned level)
{
    sleep_driver(w);
    assert_int_equal(vgpio_sim_pull(&w->sim, line, level), 0);
    return serve(w);
}

int world_call(struct world *w, unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_drv_event ev;
    int err = vgpio_drv_submit(&w->drv, type, line, value, w);

    if (err < 0) {
        return err;
    }
    assert_int_equal(vgpio_drv_flush(&w->drv), 0);
    assert_int_equal(world_serve(w), VGPIO_EV_QUEUE(VGPIO_REQUESTQ));
    assert_int_equal(vgpio_drv_poll(&w->drv, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_DONE);
    assert_int_equal(ev.type, type);
    assert_int_equal(ev.line, line);
    assert_ptr_equal(ev.cookie, w);
    return ev.result;
}

int world_setup(void **state)
{
    struct world *w = malloc(sizeof *w);

    assert_non_null(w);
    world_new(w);
    world_start(w);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    world_free(*state);
    free(*state);
    return 0;
}

void world_break_avail(struct world *w, unsigned q)
{
    const struct vgpio_drvq *d = &w->drv.q[q];
    unsigned i;

    if ((w->drv.features & VGPIO_F_PACKED) == 0) {
        d->driver[3] = 0x7f; /* an index 32000 ahead */
        return;
    }
    for (i = 0; i < d->size; i++) {
        d->desc[16 * i + 14] = 0x81; /* a chain without end */
        d->desc[16 * i + 15] = 0;
    }
}

void world_break_used(struct world *w, unsigned q)
{
    const struct vgpio_drvq *d = &w->drv.q[q];
    uint8_t *desc = w->m.device + (d->desc - w->m.driver);

    if ((w->drv.features & VGPIO_F_PACKED) == 0) {
        w->m.device[d->device - w->m.driver + 2] = 0x40; /* 64 answers to one request */
        return;
    }
    memset(desc + 12, 0xff, 2); /* nobody's id ... */
    memset(desc + 14, 0x80, 2); /* ... used */
}
