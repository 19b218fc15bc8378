/* SPDX-License-Identifier: BSD-3-Clause */
#include "draft_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- lines: the simulator, and knobs ---- */

static int hold(struct room *w, char op, uint16_t line, unsigned a, unsigned b,
                vgpio_token t)
{
    assert_true(w->nheld < 16);
    w->held[w->nheld].op = op;
    w->held[w->nheld].line = line;
    w->held[w->nheld].a = a;
    w->held[w->nheld].b = b;
    w->held[w->nheld++].token = t;
    return VGPIO_PENDING;
}

static int perform(struct room *w, char op, uint16_t line, unsigned a, unsigned b)
{
    switch (op) {
    case 'd':
        return vgpio_sim_ops.get_direction(&w->sim, line, 0);
    case 'D':
        return vgpio_sim_ops.set_direction(&w->sim, line, a, b, 0);
    case 'v':
        return vgpio_sim_ops.get_value(&w->sim, line, 0);
    case 'V':
        return vgpio_sim_ops.set_value(&w->sim, line, a, 0);
    default:
        w->types[line] = a;
        return vgpio_sim_ops.set_irq_type(&w->sim, line, a, 0);
    }
}

static int op(struct room *w, char name, uint16_t line, unsigned a, unsigned b,
              vgpio_token t)
{
    assert_true(line < ROOM_LINES);
    if (w->inside != NULL) {
        int done = w->inside(w, name, line, t);

        if (done != 0) {
            return done;
        }
    }
    if (w->refuse < 0 || (w->answer != 0 && (name == 'd' || name == 'v'))) {
        return w->refuse < 0 ? w->refuse : w->answer;
    }
    return w->pend ? hold(w, name, line, a, b, t) : perform(w, name, line, a, b);
}

static int get_direction(void *ctx, uint16_t line, vgpio_token t)
{
    return op(ctx, 'd', line, 0, 0, t);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned v,
                         vgpio_token t)
{
    return op(ctx, 'D', line, dir, v, t);
}

static int get_value(void *ctx, uint16_t line, vgpio_token t)
{
    return op(ctx, 'v', line, 0, 0, t);
}

static int set_value(void *ctx, uint16_t line, unsigned v, vgpio_token t)
{
    return op(ctx, 'V', line, v, 0, t);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token t)
{
    return op(ctx, 'T', line, type, 0, t);
}

static void unmask(void *ctx, uint16_t line)
{
    struct room *w = ctx;

    assert_true(line < ROOM_LINES);
    w->unmasks++;
    if (w->on_unmask != NULL) {
        w->on_unmask(w, line);
    }
}

static void reset(void *ctx)
{
    struct room *w = ctx;

    w->resets++;
    w->nheld = 0;
    vgpio_sim_ops.reset(&w->sim);
}

static void trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct room *w = ctx;

    (void)a, (void)b;
    assert_true(id < 64);
    w->trace[id]++;
}

int room_release(struct room *w, unsigned i)
{
    vgpio_token t = w->held[i].token;
    int result = perform(w, w->held[i].op, w->held[i].line, w->held[i].a, w->held[i].b);
    struct vgpio_sink sink = vgpio_draft_dev_sink(&w->dev);

    w->held[i] = w->held[--w->nheld];
    return sink.ops->complete(sink.obj, t, result);
}

static uint32_t tick(void *ctx, uint32_t now)
{
    return vgpio_draft_dev_tick(ctx, now);
}

void room_make(struct room *w)
{
    static const char *const names[ROOM_LINES] = {"btn", "led", NULL, "rst"};
    struct vgpio_sim_config sc = {vgpio_draft_dev_sink(&w->dev), w->sim_lines, ROOM_LINES,
                                  NULL, NULL};
    int n = vgpio_names_build(w->names, sizeof w->names, names, w->cfg.ngpio);

    assert_true(n > 0);
    assert_int_equal(vgpio_sim_init(&w->sim, &sc), 0);
    w->cfg.names = w->names;
    w->cfg.names_size = (uint32_t)n;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, &w->id), 0);
}

struct room *room_new(unsigned version, uint16_t size)
{
    static const struct vgpio_line_ops ops = {sizeof ops, get_direction, set_direction,
                                              get_value,  set_value,     set_irq_type,
                                              unmask,     reset};
    struct room *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->ops = ops;
    w->cfg.ops = &w->ops;
    w->cfg.ctx = w;
    w->cfg.lines = w->lines;
    w->cfg.ngpio = ROOM_LINES;
    w->cfg.reqs = w->reqs;
    w->cfg.nreqs = ROOM_REQS;
    w->cfg.trace = trace;
    w->cfg.trace_ctx = w;
    w->id.size = sizeof w->id;
    w->id.name = "drafty";
    room_make(w);
    w->o = old_draft_new(version, size, vgpio_draft_dev_vdev(&w->dev));
    w->o->tick = tick;
    w->o->tick_ctx = &w->dev;
    return w;
}

void room_free(struct room *w)
{
    old_draft_free(w->o);
    free(w);
}

struct room *room_probed(unsigned version, uint16_t size)
{
    struct room *w = room_new(version, size);

    assert_int_equal(old_draft_probe(w->o), 0);
    return w;
}

uint16_t room_used(struct room *w, unsigned q)
{
    return ring_peer_used_idx(&w->o->q[q]);
}

void room_put(struct room *w, unsigned n, unsigned type, uint16_t line)
{
    uint64_t at = w->o->tx_gpa + 0x200 + 8u * n;

    peer_put16(&w->o->mem, at, (uint16_t)type);
    peer_put16(&w->o->mem, at + 2, line);
    peer_put32(&w->o->mem, at + 4, 1);
}

void room_post(struct room *w, uint32_t len)
{
    uint16_t d = (uint16_t)w->o->sent++;

    ring_peer_desc(&w->o->q[1], d, w->o->tx_gpa + 0x200, len, 0, 0);
    ring_peer_post(&w->o->q[1], d);
}

void room_rx(struct room *w, uint16_t d, uint32_t len)
{
    memset(peer_at(&w->o->mem, w->o->rx_gpa + 0x2000 + 64u * d, 64), 0xa5, 64);
    ring_peer_desc(&w->o->q[0], d, w->o->rx_gpa + 0x2000 + 64u * d, len, PEER_WRITE, 0);
    ring_peer_post(&w->o->q[0], d);
}

struct room *room_raw(uint32_t flags, uint64_t features)
{
    struct room *w = room_new(4, 256);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    unsigned q;

    assert_int_equal(old_draft_probe(w->o), 0);
    ops->reset(&w->dev);
    w->id.flags = flags;
    room_make(w); /* one that was never told the time */
    w->unmasks = 0;
    assert_int_equal(ops->ack_features(&w->dev, VGPIO_F_VERSION_1 | features), 0);
    (void)ring_peer_init(&w->o->q[0], &w->o->mem, 0x10000, 256, 0);
    (void)ring_peer_init(&w->o->q[1], &w->o->mem, 0x18000, 256, 0);
    memset(w->o->rx_busy, 0, sizeof w->o->rx_busy);
    for (q = 0; q < 2; q++) {
        assert_int_equal(ops->queue_start(&w->dev, q, &w->o->mem.ops, &w->o->q[q].setup),
                         0);
    }
    w->o->sent = 0;
    (void)ops->take_events(&w->dev);
    return w;
}

struct room *room_modern(void)
{
    struct room *w = room_raw(VGPIO_DRAFT_2021, 3u);
    unsigned i;

    for (i = 0; i < 64; i++) {
        room_rx(w, (uint16_t)(100 + i), 8);
    }
    return w;
}

int32_t room_next(struct room *w, unsigned *type, uint16_t *line)
{
    uint32_t id, len;
    uint64_t at;

    if (!ring_peer_used(&w->o->q[0], &id, &len)) {
        *type = 0;
        return 0;
    }
    at = w->o->rx_gpa + 0x2000 + 64u * id;
    *type = peer_get16(&w->o->mem, at);
    *line = peer_get16(&w->o->mem, at + 2);
    return (int32_t)peer_get32(&w->o->mem, at + 4);
}

int32_t room_call(struct room *w, unsigned type, uint16_t line, uint32_t value)
{
    unsigned got;
    uint16_t of = 0;
    int32_t v;

    room_put(w, 0, type, line);
    peer_put32(&w->o->mem, w->o->tx_gpa + 0x204, value);
    room_post(w, 8);
    (void)w->o->dev.ops->kick(&w->dev, 1);
    v = room_next(w, &got, &of);
    assert_int_equal(got, 0x8000 | type);
    assert_int_equal(of, line);
    return v;
}
