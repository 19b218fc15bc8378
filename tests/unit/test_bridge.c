/* SPDX-License-Identifier: BSD-3-Clause */
/* Any driver on any device, through the bridge: one model of lines foresees each answer
 * and each interrupt, whatever is spoken on the two links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/virtiogpio.h>

#include "old_draft.h"
#include "qemu_draft.h"

#define LINES 6u
#define NREQ 8u
#define NIRQ 16u
#define GPA 0x100000u

enum dialect {
    STANDARD,
    DRAFT,
    DRAFT_2021,
    QEMU /* the double of its device; only downstream */
};

/* A device, and a driver in front of it. */
struct link {
    enum dialect dialect;
    struct vgpio_vdev vdev;
    struct vgpio_sink sink;
    struct vgpio_dev std;
    struct vgpio_draft_dev draft;
    struct qemu_draft qemu;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[NREQ];
    struct vgpio_loop loop;
    struct vgpio_drv drv;
    struct vgpio_drv_config rc;
    struct vgpio_drv_slot slots[NREQ + NIRQ];
    struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
    uint16_t irq_map[LINES];
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    uint8_t dma[VGPIO_DMA_SIZE(NREQ, NIRQ)] __attribute__((aligned(64)));
};

struct model {
    unsigned dir, value, pull, type;
    int unmasked, latched;
};

struct chain {
    struct link up, down;
    struct vgpio_bridge bridge;
    struct vgpio_bridge_line lines[LINES];
    struct vgpio_sim sim;
    struct vgpio_sim_line sim_lines[LINES];
    struct model model[LINES];
    uint32_t seed;
    unsigned fired[LINES]; /* since the last look */
    int result;            /* of the last request */
    int done;
    int down_dead; /* downstream does not move */
};

/* ---- building ---- */

static void make_device(struct link *k, enum dialect dialect,
                        const struct vgpio_line_ops *ops, void *ctx)
{
    struct vgpio_dev_config dc;
    struct vgpio_draft_id id = {sizeof id, 0, 0, NULL};

    k->dialect = dialect;
    memset(&dc, 0, sizeof dc);
    dc.ops = ops;
    dc.ctx = ctx;
    dc.lines = k->lines;
    dc.ngpio = LINES;
    dc.reqs = k->reqs;
    dc.nreqs = NREQ;
    id.flags = dialect == DRAFT_2021 ? VGPIO_DRAFT_2021 : 0;
    if (dialect == STANDARD) {
        assert_int_equal(vgpio_dev_init(&k->std, &dc), 0);
    } else if (dialect == QEMU) {
        qemu_draft_init(&k->qemu, ops, ctx, LINES, NULL, 0);
    } else {
        assert_int_equal(vgpio_draft_dev_init(&k->draft, &dc, &id), 0);
    }
}

static void faces(struct link *k, enum dialect dialect)
{
    switch (dialect) {
    case STANDARD:
        k->vdev = vgpio_dev_vdev(&k->std);
        k->sink = vgpio_dev_sink(&k->std);
        break;
    case QEMU:
        k->vdev = qemu_draft_vdev(&k->qemu);
        k->sink = qemu_draft_sink(&k->qemu);
        break;
    default:
        k->vdev = vgpio_draft_dev_vdev(&k->draft);
        k->sink = vgpio_draft_dev_sink(&k->draft);
        break;
    }
}

static void make_driver(struct link *k)
{
    k->region.gpa = GPA;
    k->region.size = sizeof k->dma;
    k->region.hva = k->dma;
    k->table.region = &k->region;
    k->table.n = 1;
    k->mem.ops_size = sizeof k->mem;
    k->mem.ctx = &k->table;
    k->mem.map = vgpio_mem_table_map;
    assert_int_equal(vgpio_loop_init(&k->loop, k->vdev, &k->mem), 0);
    if (k->rc.nreq == 0) {
        k->rc.nreq = NREQ;
        k->rc.nirq = NIRQ;
    }
    k->rc.dialect = k->dialect != STANDARD ? &vgpio_draft_dialect : NULL;
    k->rc.bus = &vgpio_loop_bus_ops;
    k->rc.bus_ctx = &k->loop;
    k->rc.dma = k->dma;
    k->rc.dma_addr = GPA;
    k->rc.dma_size = sizeof k->dma;
    k->rc.slots = k->slots;
    k->rc.ring = k->ring;
    k->rc.irq_map = k->irq_map;
    k->rc.irq_map_len = LINES;
    assert_int_equal(vgpio_drv_init(&k->drv, &k->rc), 0);
    assert_int_equal(vgpio_drv_start(&k->drv), 0);
}

static struct chain *chain_parts(enum dialect up, enum dialect down, uint16_t down_nreq)
{
    struct chain *c = aligned_alloc(64, (sizeof *c + 63u) / 64u * 64u);
    struct vgpio_sim_config sc;
    struct vgpio_bridge_config bc;

    assert_non_null(c);
    memset(c, 0, sizeof *c);
    faces(&c->up, up);
    faces(&c->down, down);
    memset(&sc, 0, sizeof sc);
    sc.sink = c->down.sink;
    sc.lines = c->sim_lines;
    sc.nlines = LINES;
    assert_int_equal(vgpio_sim_init(&c->sim, &sc), 0);
    make_device(&c->down, down, &vgpio_sim_ops, &c->sim);
    if (down_nreq != 0) {
        c->down.rc.nreq = down_nreq;
        c->down.rc.nirq = NIRQ;
    }
    make_driver(&c->down);
    memset(&bc, 0, sizeof bc);
    bc.drv = &c->down.drv;
    bc.sink = c->up.sink;
    bc.lines = c->lines;
    bc.nlines = LINES;
    assert_int_equal(vgpio_bridge_init(&c->bridge, &bc), 0);
    make_device(&c->up, up, &vgpio_bridge_ops, &c->bridge);
    return c;
}

static struct chain *chain_new(enum dialect up, enum dialect down)
{
    struct chain *c = chain_parts(up, down, 0);

    make_driver(&c->up);
    return c;
}

/* ---- moving ---- */

static int serve(struct link *k)
{
    unsigned kicks = vgpio_loop_take_kicks(&k->loop);
    unsigned q;
    int moved = kicks != 0;

    for (q = 0; q < 2; q++) {
        while ((kicks & 1u << q) != 0 && k->vdev.ops->kick(k->vdev.obj, q) > 0) {
        }
    }
    while (k->vdev.ops->take_events(k->vdev.obj) != 0) {
        moved = 1;
        k->vdev.ops->irq_acked(k->vdev.obj);
    }
    return moved;
}

/* Bridge and downstream, until nothing moves. */
static void settle_down(struct chain *c)
{
    int n, moved, turns = 0;

    do {
        n = vgpio_bridge_run(&c->bridge);
        moved = c->down_dead ? 0 : serve(&c->down);
        assert_true(++turns < 1000);
    } while (n > 0 || moved);
}

static void settle(struct chain *c)
{
    struct vgpio_drv_event ev;
    int n, moved, turns = 0;

    do {
        assert_int_equal(vgpio_drv_flush(&c->up.drv), 0);
        moved = serve(&c->up);
        settle_down(c);
        moved |= serve(&c->up);
        while ((n = vgpio_drv_poll(&c->up.drv, &ev)) > 0) {
            moved = 1;
            assert_in_range(ev.line, 0, LINES - 1);
            if (ev.kind == VGPIO_IRQ) {
                assert_int_equal(ev.result, 0);
                assert_int_equal(ev.type, c->model[ev.line].type);
                c->fired[ev.line]++;
            } else {
                c->result = ev.result;
                c->done++;
            }
        }
        assert_int_equal(n, 0);
        assert_true(++turns < 1000);
    } while (moved);
}

static int ask(struct chain *c, unsigned type, uint16_t line, uint32_t value)
{
    int err = vgpio_drv_submit(&c->up.drv, type, line, value, c);

    if (err < 0) {
        return err;
    }
    c->done = 0;
    settle(c);
    assert_int_equal(c->done, 1);
    return c->result;
}

/* ---- the model ---- */

static unsigned chance(struct chain *c, unsigned n)
{
    c->seed = c->seed * 1664525u + 1013904223u;
    return (c->seed >> 8) % n;
}

static unsigned level(const struct model *m)
{
    return m->dir == VGPIO_DIR_OUT ? m->value : m->pull;
}

static int active(const struct model *m)
{
    return (m->type == VGPIO_IRQ_LEVEL_HIGH && level(m) == 1) ||
           (m->type == VGPIO_IRQ_LEVEL_LOW && level(m) == 0);
}

/* What must have fired by now; each interrupt masks. */
static void expect(struct chain *c)
{
    uint16_t i;

    for (i = 0; i < LINES; i++) {
        struct model *m = &c->model[i];
        unsigned due = m->unmasked && (m->latched || active(m));

        if (c->fired[i] != due) {
            fail_msg("line %u: %u interrupts, not %u (%u to %u, seed %u)", i, c->fired[i],
                     due, c->up.dialect, c->down.dialect, c->seed);
        }
        if (due != 0) {
            m->unmasked = 0;
            m->latched = 0;
        }
        c->fired[i] = 0;
    }
}

static void edges(struct model *m, unsigned what)
{
    if (m->type <= VGPIO_IRQ_EDGE_BOTH && (m->type & what) != 0) {
        m->latched = 1;
    }
}

/* Nowhere between is a link that cannot say NONE? */
static int knows_none(const struct link *k)
{
    return k->dialect == STANDARD || k->dialect == DRAFT_2021;
}

static void turn_direction(struct chain *c, uint16_t line)
{
    struct model *m = &c->model[line];
    unsigned dir = chance(c, 3);

    if (m->type != VGPIO_IRQ_NONE ||
        (dir == VGPIO_DIR_NONE && (!knows_none(&c->up) || !knows_none(&c->down)))) {
        return;
    }
    assert_int_equal(ask(c, VGPIO_MSG_SET_DIRECTION, line, dir), 0);
    m->dir = dir;
    if (dir == VGPIO_DIR_NONE) {
        m->value = 0;
    }
    assert_int_equal(vgpio_sim_direction(&c->sim, line), dir);
}

static void turn_trigger(struct chain *c, uint16_t line)
{
    static const unsigned types[] = {1, 2, 3, 4, 8};
    struct model *m = &c->model[line];

    if (m->type != VGPIO_IRQ_NONE) {
        m->type = VGPIO_IRQ_NONE;
        m->unmasked = m->latched = 0;
        assert_int_equal(ask(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE), 0);
    } else if (m->dir == VGPIO_DIR_IN) {
        m->type = types[chance(c, 5)];
        assert_int_equal(ask(c, VGPIO_MSG_SET_IRQ_TYPE, line, m->type), 0);
    }
}

static void turn_pull(struct chain *c, uint16_t line)
{
    struct model *m = &c->model[line];
    unsigned pull = chance(c, 2);

    if (chance(c, 5) == 0) {
        assert_int_equal(vgpio_sim_pulse(&c->sim, line), 0);
        if (m->dir != VGPIO_DIR_OUT) {
            edges(m, VGPIO_RISING | VGPIO_FALLING);
        }
    } else {
        assert_int_equal(vgpio_sim_pull(&c->sim, line, pull), 0);
        if (m->dir != VGPIO_DIR_OUT && pull != m->pull) {
            edges(m, pull != 0 ? VGPIO_RISING : VGPIO_FALLING);
        }
        m->pull = pull;
    }
    settle(c);
}

static void turn_mask(struct chain *c, uint16_t line)
{
    struct model *m = &c->model[line];

    if (m->type != VGPIO_IRQ_NONE) {
        assert_int_equal(vgpio_drv_unmask(&c->up.drv, line), 0);
        m->unmasked = 1;
        settle(c);
    }
}

static void turn_value(struct chain *c, uint16_t line)
{
    struct model *m = &c->model[line];

    m->value = chance(c, 2);
    assert_int_equal(ask(c, VGPIO_MSG_SET_VALUE, line, m->value), 0);
}

static void look(struct chain *c, uint16_t line)
{
    const struct model *m = &c->model[line];
    unsigned dir = m->dir;

    if (dir == VGPIO_DIR_NONE &&
        (c->up.dialect != STANDARD || c->down.dialect != STANDARD)) {
        dir = VGPIO_DIR_IN; /* the draft has two directions */
    }
    assert_int_equal(ask(c, VGPIO_MSG_GET_DIRECTION, line, 0), dir);
    assert_int_equal(ask(c, VGPIO_MSG_GET_VALUE, line, 0), level(m));
    assert_int_equal(vgpio_sim_level(&c->sim, line), level(m));
}

static void walk(enum dialect up, enum dialect down, uint32_t seed, unsigned steps)
{
    static void (*const turns[])(struct chain *, uint16_t) = {
        turn_direction, turn_trigger, turn_pull, turn_pull,
        turn_mask,      turn_mask,    look,      turn_value};
    struct chain *c = chain_new(up, down);

    c->seed = seed;
    while (steps-- != 0) {
        uint16_t line = (uint16_t)chance(c, LINES);

        turns[chance(c, 8)](c, line);
        expect(c);
    }
    free(c);
}

static void test_every_driver_on_every_device(void **state)
{
    unsigned up, down;
    uint32_t seed;

    (void)state;
    for (up = STANDARD; up <= DRAFT_2021; up++) {
        for (down = STANDARD; down <= QEMU; down++) {
            for (seed = 1; seed <= 8; seed++) {
                walk((enum dialect)up, (enum dialect)down, seed * 0x9e3779b9u, 400);
            }
        }
    }
}

/* ---- the old drivers upstream ---- */

static uint32_t tick(void *ctx, uint32_t now)
{
    struct chain *c = ctx;

    settle_down(c);
    return vgpio_draft_dev_tick(&c->up.draft, now);
}

static void old_guest(unsigned version, enum dialect down, uint32_t seed)
{
    struct chain *c = chain_parts(DRAFT, down, 0);
    struct old_draft *o = old_draft_new(version, 4096, c->up.vdev);
    unsigned i, fired = 0;
    int got;

    o->tick = tick;
    o->tick_ctx = c;
    c->seed = seed;
    assert_int_equal(old_draft_probe(o), 0);
    for (i = 0; i < 250; i++) {
        uint16_t line = (uint16_t)(1 + chance(c, LINES - 1));
        unsigned v = chance(c, 2);

        if (chance(c, 2) == 0) {
            assert_int_equal(vgpio_sim_pull(&c->sim, line, v), 0);
            old_draft_run(o, 40);
            assert_int_equal(old_draft_get(o, line), v);
        } else {
            assert_int_equal(old_draft_set(o, line, v), 0);
            assert_int_equal(vgpio_sim_level(&c->sim, line), v);
        }
    }
    assert_int_equal(old_draft_monitor(o, 0), 0);
    for (i = 0; i < 40; i++) {
        old_draft_run(o, 50);
        assert_int_equal(vgpio_sim_pull(&c->sim, 0, (i + 1) & 1u), 0);
        fired++;
        old_draft_run(o, 50);
        if (version == 4) {
            assert_int_equal(o->fired[0], fired);
            assert_int_equal(o->level[0], (i + 1) & 1u);
        }
        got = old_draft_get(o, 1); /* makes it an input */
        assert_int_equal(got, vgpio_sim_level(&c->sim, 1));
    }
    old_draft_free(o);
    free(c);
}

static void test_old_guests(void **state)
{
    unsigned version, down;

    (void)state;
    for (version = 1; version <= 4; version++) {
        for (down = STANDARD; down <= QEMU; down++) {
            old_guest(version, (enum dialect)down, version * 1000u + down);
        }
    }
}

/* ---- one thing at a time ---- */

static void test_little_room_downstream(void **state)
{
    unsigned down;

    (void)state;
    for (down = STANDARD; down <= QEMU; down++) {
        struct chain *c = chain_parts(STANDARD, (enum dialect)down, 1);
        uint16_t i;

        make_driver(&c->up);
        for (i = 0; i < LINES; i++) {
            assert_int_equal(vgpio_sim_pull(&c->sim, i, i & 1u), 0);
            assert_int_equal(vgpio_drv_submit(&c->up.drv, VGPIO_MSG_GET_VALUE, i, 0, c),
                             0);
        }
        c->done = 0;
        settle(c);
        assert_int_equal(c->done, LINES);
        assert_int_equal(c->result, (LINES - 1) & 1u);
        free(c);
    }
}

static void test_order_of_steps(void **state)
{
    struct chain *c = chain_new(STANDARD, QEMU);
    const struct vgpio_line_ops *ops = &vgpio_bridge_ops;
    const uint8_t(*got)[8] = (const uint8_t(*)[8])c->down.qemu.got;

    (void)state;
    assert_int_equal(ask(c, VGPIO_MSG_SET_VALUE, 2, 1), 0);
    assert_int_equal(ask(c, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), 0);
    assert_int_equal(c->down.qemu.ngot, 2); /* REQUEST, and the level in the direction */
    assert_int_equal(got[1][0], 3);
    assert_int_equal(got[1][4], 1);
    assert_int_equal(vgpio_sim_level(&c->sim, 2), 1);
    /* an interrupt that is off is off without a word */
    assert_int_equal(ops->set_irq_type(&c->bridge, 1, VGPIO_IRQ_NONE, 0), 0);
    assert_int_equal(ops->get_value(&c->bridge, LINES, 0), VGPIO_ERR_INVAL);
    free(c);
}

/* The direction goes although an interrupt is on: it is taken off first. */
static void test_none_takes_the_interrupt_off(void **state)
{
    struct chain *c = chain_new(STANDARD, STANDARD);

    (void)state;
    assert_int_equal(ask(c, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    c->model[1].type = VGPIO_IRQ_EDGE_RISING;
    assert_int_equal(ask(c, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING), 0);
    assert_int_equal(c->down.lines[1].irq_type, VGPIO_IRQ_EDGE_RISING);
    /* the standard's device passes NONE on by itself; a re-typing comes from Linux */
    assert_int_equal(
        vgpio_bridge_ops.set_irq_type(&c->bridge, 1, VGPIO_IRQ_EDGE_BOTH, 0xffffffffu),
        VGPIO_PENDING);
    settle(c);
    assert_int_equal(c->down.lines[1].irq_type, VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(
        vgpio_bridge_ops.set_direction(&c->bridge, 1, VGPIO_DIR_NONE, 0, 0xffffffffu),
        VGPIO_PENDING);
    settle(c);
    assert_int_equal(c->down.lines[1].irq_type, VGPIO_IRQ_NONE);
    assert_int_equal(vgpio_sim_direction(&c->sim, 1), VGPIO_DIR_NONE);
    free(c);
}

static void test_errors_travel(void **state)
{
    static const struct {
        int32_t number, result;
    } t[] = {{-16, -16}, {-22, -22}, {-95, -95}, {-5, -5}, {-1, -5}};
    struct chain *c = chain_parts(DRAFT, QEMU, 0);
    struct old_draft *o = old_draft_new(4, 256, c->up.vdev);
    unsigned i;

    (void)state;
    o->tick = tick;
    o->tick_ctx = c;
    assert_int_equal(old_draft_probe(o), 0);
    c->down.qemu.refused = 5;
    for (i = 0; i < sizeof t / sizeof t[0]; i++) {
        c->down.qemu.refuse = t[i].number;
        assert_int_equal(old_draft_call(o, 5, 1, 0), t[i].result);
    }
    old_draft_free(o);
    free(c);
    c = chain_new(STANDARD, QEMU);
    c->down.qemu.refused = 5;
    c->down.qemu.refuse = -16;
    assert_int_equal(ask(c, VGPIO_MSG_GET_VALUE, 1, 0), VGPIO_ERR_IO);
    free(c);
}

/* Upstream's guest comes anew: what it did to the lines is undone. */
static void test_reset(void **state)
{
    unsigned up, down;

    (void)state;
    for (up = STANDARD; up <= DRAFT_2021; up++) {
        for (down = STANDARD; down <= QEMU; down++) {
            struct chain *c = chain_new((enum dialect)up, (enum dialect)down);
            struct vgpio_drv_event ev;

            assert_int_equal(ask(c, VGPIO_MSG_SET_VALUE, 3, 1), 0);
            assert_int_equal(ask(c, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT), 0);
            assert_int_equal(ask(c, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
            c->model[1].type = VGPIO_IRQ_EDGE_RISING;
            assert_int_equal(ask(c, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING), 0);
            assert_int_equal(vgpio_drv_unmask(&c->up.drv, 1), 0);
            settle(c);
            assert_int_equal(vgpio_drv_submit(&c->up.drv, VGPIO_MSG_GET_VALUE, 3, 0, c),
                             0);
            assert_int_equal(vgpio_drv_flush(&c->up.drv), 0);
            (void)serve(&c->up); /* on its way */
            assert_int_equal(vgpio_drv_stop(&c->up.drv), 0);
            while (vgpio_drv_poll(&c->up.drv, &ev) > 0) {
            }
            assert_int_equal(vgpio_drv_start(&c->up.drv), 0);
            settle(c);
            assert_int_equal(vgpio_sim_direction(&c->sim, 3), VGPIO_DIR_NONE);
            assert_int_equal(vgpio_sim_level(&c->sim, 3), 0);
            assert_int_equal(vgpio_sim_pull(&c->sim, 1, 1), 0);
            settle(c);
            assert_int_equal(c->fired[1], 0);
            assert_int_equal(ask(c, VGPIO_MSG_GET_VALUE, 1, 0), 1);
            free(c);
        }
    }
}

/* A level comes while upstream's ring stands still: as it is not kept, downstream is
 * asked again when the ring goes on. */
static void test_level_while_upstream_pauses(void **state)
{
    struct chain *c = chain_new(STANDARD, STANDARD);
    struct vgpio_vdev up = c->up.vdev;
    struct vgpio_vq_setup at;
    unsigned how;

    (void)state;
    assert_int_equal(ask(c, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    c->model[1].type = VGPIO_IRQ_LEVEL_HIGH;
    assert_int_equal(ask(c, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_LEVEL_HIGH), 0);
    for (how = 0; how < 2; how++) {
        assert_int_equal(vgpio_sim_pull(&c->sim, 1, 0), 0);
        assert_int_equal(vgpio_drv_unmask(&c->up.drv, 1), 0);
        settle(c);
        if (how == 0) {
            assert_int_equal(up.ops->queue_run(up.obj, VGPIO_EVENTQ, 0), 0);
        } else {
            assert_int_equal(
                up.ops->queue_stop(up.obj, VGPIO_EVENTQ, VGPIO_STOP_NOW, &at), 0);
        }
        assert_int_equal(vgpio_sim_pull(&c->sim, 1, 1), 0);
        settle(c);
        assert_int_equal(c->fired[1], how);
        if (how == 0) {
            assert_int_equal(up.ops->queue_run(up.obj, VGPIO_EVENTQ, 1), 0);
        } else {
            assert_int_equal(up.ops->queue_start(up.obj, VGPIO_EVENTQ, &c->up.mem, &at),
                             0);
        }
        settle(c);
        assert_int_equal(c->fired[1], how + 1);
    }
    free(c);
}

/* Downstream breaks: errors upstream, until a reset there mends both. */
static void test_failure(void **state)
{
    struct chain *c = chain_new(STANDARD, DRAFT);

    (void)state;
    assert_int_equal(ask(c, VGPIO_MSG_GET_VALUE, 1, 0), 0);
    assert_int_equal(vgpio_drv_submit(&c->up.drv, VGPIO_MSG_GET_VALUE, 1, 0, c), 0);
    assert_int_equal(vgpio_drv_flush(&c->up.drv), 0);
    (void)serve(&c->up);
    c->down.drv.q[0].device[2] ^= 0x40; /* a used index that cannot be */
    c->down_dead = 1;
    assert_true(vgpio_bridge_run(&c->bridge) <= VGPIO_ERR_FATAL);
    assert_true(vgpio_bridge_run(&c->bridge) <= VGPIO_ERR_FATAL);
    c->done = 0;
    settle(c);
    assert_int_equal(c->done, 1);
    assert_int_equal(c->result, VGPIO_ERR_IO);
    assert_int_equal(ask(c, VGPIO_MSG_GET_VALUE, 2, 0), VGPIO_ERR_IO);
    c->down_dead = 0;
    assert_int_equal(vgpio_drv_stop(&c->up.drv), 0);
    assert_int_equal(vgpio_drv_start(&c->up.drv), 0);
    assert_int_equal(ask(c, VGPIO_MSG_GET_VALUE, 2, 0), 0);
    free(c);
}

static int no_complete(void *obj, vgpio_token t, int result)
{
    (void)obj, (void)t, (void)result;
    return VGPIO_ERR_STALE;
}

static int run_inside(void *obj, uint16_t line, unsigned e, unsigned after)
{
    (void)line, (void)e, (void)after;
    assert_int_equal(vgpio_bridge_run(obj), VGPIO_ERR_STATE);
    return 0;
}

static void test_init_and_reentry(void **state)
{
    static const struct vgpio_sink_ops sink_ops = {sizeof sink_ops, no_complete,
                                                   run_inside};
    struct chain *c = chain_new(STANDARD, STANDARD);
    struct vgpio_bridge_config bc;
    struct vgpio_bridge b;

    (void)state;
    memset(&bc, 0, sizeof bc);
    assert_int_equal(vgpio_bridge_init(&b, &bc), VGPIO_ERR_INVAL);
    bc.drv = &c->down.drv;
    bc.sink.ops = &sink_ops;
    bc.sink.obj = &c->bridge;
    bc.lines = c->lines;
    assert_int_equal(vgpio_bridge_init(&b, &bc), VGPIO_ERR_INVAL);
    bc.nlines = LINES;
    assert_int_equal(vgpio_bridge_init_abi(&b, &bc, VGPIO_ABI(1, 1, 12, 0)),
                     VGPIO_ERR_ABI);
    assert_int_equal(
        vgpio_bridge_init_abi(&b, &bc,
                              VGPIO_ABI(sizeof b, sizeof bc, sizeof c->lines[0] + 1u, 0)),
        VGPIO_ERR_ABI);
    bc.sink.obj = &c->bridge;
    assert_int_equal(vgpio_bridge_init(&c->bridge, &bc), 0);
    assert_int_equal(vgpio_bridge_ops.set_irq_type(&c->bridge, 1, VGPIO_IRQ_LEVEL_LOW, 0),
                     VGPIO_PENDING);
    settle_down(c);
    vgpio_bridge_ops.unmask(&c->bridge, 1);
    settle_down(c);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_driver_on_every_device),
        cmocka_unit_test(test_old_guests),
        cmocka_unit_test(test_little_room_downstream),
        cmocka_unit_test(test_order_of_steps),
        cmocka_unit_test(test_none_takes_the_interrupt_off),
        cmocka_unit_test(test_errors_travel),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_level_while_upstream_pauses),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_init_and_reentry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
