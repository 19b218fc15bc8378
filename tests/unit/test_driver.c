/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a bus and a device written by hand: what it sends, what it makes of
 * answers good and bad, and that every cookie comes back exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/driver.h>
#include <virtiogpio/wire.h>

#include "twomap.h"

#define NREQ 4u
#define NIRQ 4u
#define NGPIO 16u
#define NAMES_AT 0x4000u /* in the shared memory, behind the arena */
#define ARENA_MAX 0x4000u

#define F_ALL (VGPIO_F_IRQ | VGPIO_F_INDIRECT | VGPIO_F_EVENT_IDX | VGPIO_F_VERSION_1)
#define F_FOREIGN (UINT64_C(1) << 24 | UINT64_C(1) << 45 | VGPIO_F_IN_ORDER)

struct peer {
    struct twomap m;
    /* what the device is */
    uint32_t id;
    uint64_t offered;
    uint8_t config[8];
    uint16_t queue_max[2];
    int reset_reads;    /* this many looks at the status after a reset show it busy */
    int refuse;         /* FEATURES_OK does not stick */
    int sick_at_ok;     /* ... as soon as it is switched on */
    int sick;           /* DEVICE_NEEDS_RESET */
    uint32_t gen;       /* configuration generation; moves on by itself */
    int gen_moves;      /* this many times */
    int calls, fail_at; /* the bus call of this number fails */
    int notify_fails;
    /* what became of it */
    uint64_t acked;
    uint8_t status, log[16];
    unsigned nlog;
    int resetting;
    struct vgpio_vq_setup vq[2];
    struct vgpio_devq q[2];
    unsigned started, kicks[2];
    uint32_t kick_data[2];
};

struct box { /* a driver and its peer */
    struct peer p;
    struct vgpio_drv drv;
    struct vgpio_drv_config cfg;
    struct vgpio_drv_slot slots[64];
    struct vgpio_drvq_slot ring[128];
    uint16_t map[NGPIO + 1]; /* the last word is not the driver's */
};

/* ---- the bus ---- */

static int call(struct peer *p)
{
    return ++p->calls == p->fail_at ? VGPIO_ERR_IO : 0;
}

static int bus_id(void *ctx, uint32_t *id)
{
    struct peer *p = ctx;

    *id = p->id;
    return call(p);
}

static int bus_get_features(void *ctx, uint64_t *f)
{
    struct peer *p = ctx;

    *f = p->offered;
    return call(p);
}

static int bus_set_features(void *ctx, uint64_t f)
{
    struct peer *p = ctx;

    assert_int_equal(p->status, VGPIO_S_ACKNOWLEDGE | VGPIO_S_DRIVER);
    p->acked = f;
    return call(p);
}

static int bus_get_status(void *ctx, uint8_t *status)
{
    struct peer *p = ctx;

    if (p->resetting > 0) {
        p->resetting--;
        *status = 0xff;
    } else {
        *status = (uint8_t)(p->status | (p->sick ? VGPIO_S_NEEDS_RESET : 0));
    }
    return call(p);
}

static int bus_set_status(void *ctx, uint8_t status)
{
    struct peer *p = ctx;
    unsigned q;

    if (call(p) != 0) {
        return VGPIO_ERR_IO;
    }
    if (p->nlog < sizeof p->log) {
        p->log[p->nlog++] = status;
    }
    if (status == 0) {
        p->resetting = p->reset_reads;
        for (q = 0; q < 2; q++) {
            if ((p->started & 1u << q) != 0) {
                vgpio_devq_stop(&p->q[q], NULL);
            }
            p->vq[q].size = 0;
        }
        p->started = 0;
        p->sick = 0;
    } else {
        /* CORE-DRV-02: no bit is ever cleared but by a reset. */
        assert_int_equal(p->status & ~status, 0);
    }
    p->sick |= p->sick_at_ok && (status & VGPIO_S_DRIVER_OK) != 0;
    p->status = status;
    if (p->refuse) {
        p->status &= (uint8_t)~VGPIO_S_FEATURES_OK;
    }
    for (q = 0; q < 2 && (status & VGPIO_S_DRIVER_OK) != 0; q++) {
        if (p->vq[q].size != 0 && (p->started & 1u << q) == 0) {
            assert_int_equal(vgpio_devq_start(&p->q[q], &p->m.mem, &p->vq[q]), 0);
            p->started |= 1u << q;
        }
    }
    return 0;
}

static int bus_config_gen(void *ctx, uint32_t *gen)
{
    struct peer *p = ctx;

    if (p->gen_moves > 0) {
        p->gen_moves--;
        p->gen++;
    }
    *gen = p->gen;
    return call(p);
}

static int bus_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    struct peer *p = ctx;

    /* Nothing but whole fields: strict devices know no other access. */
    assert_true((off % 4 == 0 || off == 2) && off < 8 && len == (off == 4 ? 4 : 2));
    memcpy(dst, p->config + off, len);
    return call(p);
}

static int bus_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    struct peer *p = ctx;

    *max = p->queue_max[q];
    return call(p);
}

static int bus_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    struct peer *p = ctx;

    assert_int_not_equal(p->status & VGPIO_S_FEATURES_OK, 0);
    assert_int_equal(p->status & VGPIO_S_DRIVER_OK, 0);
    assert_true(vq->size <= p->queue_max[q]);
    assert_int_equal(vq->features, p->acked);
    assert_int_equal(vq->flags | vq->avail_pos | vq->used_pos, 0);
    p->vq[q] = *vq;
    return call(p);
}

static int bus_notify(void *ctx, unsigned q, uint32_t data)
{
    struct peer *p = ctx;

    assert_int_not_equal(p->status & VGPIO_S_DRIVER_OK, 0);
    if (p->notify_fails > 0) {
        p->notify_fails--;
        return VGPIO_ERR_IO;
    }
    p->kicks[q]++;
    p->kick_data[q] = data;
    return call(p);
}

static const struct vgpio_bus_ops bus_ops = {
    sizeof bus_ops, bus_id,         bus_get_features, bus_set_features, bus_get_status,
    bus_set_status, bus_config_gen, bus_config_read,  bus_queue_max,    bus_queue_start,
    NULL,           bus_notify,
};

/* ---- set up ---- */

static void set_config(struct peer *p, uint16_t ngpio, uint32_t names_size)
{
    const struct vgpio_config c = {ngpio, names_size};

    vgpio_config_encode(p->config, &c);
}

static void box_config(struct box *b, uint16_t nreq, uint16_t nirq)
{
    memset(&b->cfg, 0, sizeof b->cfg);
    b->cfg.bus = &bus_ops;
    b->cfg.bus_ctx = &b->p;
    b->cfg.dma = b->p.m.driver;
    b->cfg.dma_addr = TWOMAP_GPA;
    b->cfg.dma_size = ARENA_MAX;
    b->cfg.slots = b->slots;
    b->cfg.ring = b->ring;
    b->cfg.nreq = nreq;
    b->cfg.nirq = nirq;
    b->cfg.irq_map = b->map;
    b->cfg.irq_map_len = NGPIO;
    assert_true(VGPIO_DMA_SIZE((uint32_t)nreq, (uint32_t)nirq) <= ARENA_MAX);
}

static int setup(void **state)
{
    struct box *b = calloc(1, sizeof *b);

    assert_non_null(b);
    twomap_open(&b->p.m, 0x8000);
    memset(b->slots, 0xa5, sizeof b->slots);
    memset(b->ring, 0xa5, sizeof b->ring);
    memset(b->map, 0xa5, sizeof b->map);
    b->map[NGPIO] = 0x1234;
    memset(b->p.m.driver, 0xa5, b->p.m.size);
    b->p.id = VGPIO_DEVICE_ID;
    b->p.offered = F_ALL | F_FOREIGN;
    b->p.queue_max[0] = b->p.queue_max[1] = 256;
    set_config(&b->p, NGPIO, 0);
    box_config(b, NREQ, NIRQ);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct box *b = *state;

    assert_int_equal(b->map[NGPIO], 0x1234);
    twomap_close(&b->p.m);
    free(b);
    return 0;
}

static void up(struct box *b)
{
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(b->p.kicks[0] + b->p.kicks[1], 0);
}

/* ---- the device by hand ---- */

struct got { /* one buffer that the device took */
    struct vgpio_head head;
    struct vgpio_chain chain;
    struct vgpio_request req;
    uint8_t raw[8];
};

static int take(struct peer *p, struct got *g)
{
    int n = vgpio_devq_pop(&p->q[0], &g->chain);

    if (n == 1) {
        g->head = g->chain.head;
        assert_int_equal(vgpio_chain_read(&g->chain, g->raw, 8), 8);
        assert_int_equal(vgpio_chain_read(&g->chain, (uint8_t[1]){0}, 1), 0);
        vgpio_request_decode(&g->req, g->raw);
    }
    return n;
}

static void publish(struct peer *p, unsigned q, struct vgpio_head head, uint32_t len)
{
    assert_int_equal(vgpio_devq_push(&p->q[q], head, len), 0);
    assert_true(vgpio_devq_publish(&p->q[q]) >= 0);
}

static void give(struct peer *p, struct got *g, unsigned status, unsigned value,
                 uint32_t len)
{
    const uint8_t raw[2] = {(uint8_t)status, (uint8_t)value};

    assert_int_equal(vgpio_chain_write(&g->chain, raw, 2), 2);
    assert_int_equal(vgpio_chain_write(&g->chain, raw, 1), 0);
    publish(p, 0, g->head, len);
}

/* Answer the next request, which must be this one, with OK. */
static void answer(struct box *b, unsigned type, unsigned line, unsigned value)
{
    struct got g;

    assert_int_equal(take(&b->p, &g), 1);
    assert_int_equal(g.req.type, type);
    assert_int_equal(g.req.line, line);
    give(&b->p, &g, VGPIO_STATUS_OK, value, 2);
}

static int take_pair(struct peer *p, struct got *g)
{
    int n = vgpio_devq_pop(&p->q[1], &g->chain);
    struct vgpio_irq_request r;

    if (n == 1) {
        g->head = g->chain.head;
        assert_int_equal(vgpio_chain_read(&g->chain, g->raw, 2), 2);
        assert_int_equal(vgpio_chain_read(&g->chain, (uint8_t[1]){0}, 1), 0);
        vgpio_irq_request_decode(&r, g->raw);
        g->req.line = r.line;
    }
    return n;
}

static void give_pair(struct peer *p, struct got *g, unsigned status, uint32_t len)
{
    const uint8_t raw = (uint8_t)status;

    assert_int_equal(vgpio_chain_write(&g->chain, &raw, 1), 1);
    assert_int_equal(vgpio_chain_write(&g->chain, &raw, 1), 0);
    publish(p, 1, g->head, len);
}

static void submit(struct box *b, unsigned type, unsigned line, unsigned value,
                   void *cookie)
{
    assert_int_equal(vgpio_drv_submit(&b->drv, type, (uint16_t)line, value, cookie), 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
}

static void expect_done(struct box *b, void *cookie, int result)
{
    struct vgpio_drv_event ev = {0, 0, 0, 0, NULL};

    assert_int_equal(vgpio_drv_poll(&b->drv, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_DONE);
    assert_ptr_equal(ev.cookie, cookie);
    assert_int_equal(ev.result, result);
}

static void expect_irq(struct box *b, unsigned line, int result)
{
    struct vgpio_drv_event ev = {0, 0, 0, 0, b};

    assert_int_equal(vgpio_drv_poll(&b->drv, &ev), 1);
    assert_int_equal(ev.kind, VGPIO_IRQ);
    assert_int_equal(ev.line, line);
    assert_int_equal(ev.result, result);
    assert_null(ev.cookie);
}

static void expect_nothing(struct box *b)
{
    struct vgpio_drv_event ev;

    assert_int_equal(vgpio_drv_poll(&b->drv, &ev), 0);
}

/* Set the trigger of a line and take the answer's event. */
static void set_type(struct box *b, unsigned line, unsigned type)
{
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, line, type, b);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, line, 0);
    expect_done(b, b, 0);
}

static void unmask(struct box *b, unsigned line)
{
    assert_int_equal(vgpio_drv_unmask(&b->drv, (uint16_t)line), 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
}

static int submit_err(struct box *b, unsigned type, unsigned line, unsigned value)
{
    return vgpio_drv_submit(&b->drv, type, (uint16_t)line, value, b);
}

/* ---- init ---- */

static void test_init_abi(void **state)
{
    struct box *b = *state;
    const unsigned d = sizeof b->drv, c = sizeof b->cfg;
    const unsigned s = sizeof b->slots[0], r = sizeof b->ring[0];
    struct vgpio_drv_config cfg = b->cfg;

    assert_int_equal(vgpio_drv_init_abi(&b->drv, &cfg, VGPIO_ABI(d, c, s, r)), 0);
    assert_int_equal(vgpio_drv_init_abi(&b->drv, &cfg, VGPIO_ABI(d + 8, c, s, r)), 0);
    assert_int_equal(vgpio_drv_init_abi(&b->drv, &cfg, VGPIO_ABI(d - 1, c, s, r)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_drv_init_abi(&b->drv, &cfg, VGPIO_ABI(d, c + 8, s, r)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_drv_init_abi(&b->drv, &cfg, VGPIO_ABI(d, c, s + 1, r)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_drv_init_abi(&b->drv, &cfg, VGPIO_ABI(d, c, s, r - 1)),
                     VGPIO_ERR_ABI);
}

static void count_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    (void)id;
    (void)a;
    (void)b;
    ++*(unsigned *)ctx;
}

/* A caller with an older header knows fewer fields; what lies behind is no config. */
static void test_init_short_config(void **state)
{
    struct box *b = *state;
    unsigned traces = 0;
    uint64_t abi = VGPIO_ABI(sizeof b->drv, offsetof(struct vgpio_drv_config, features),
                             sizeof b->slots[0], sizeof b->ring[0]);

    b->cfg.features = VGPIO_F_VERSION_1;
    b->cfg.flags = ~0u;
    b->cfg.trace = count_trace;
    b->cfg.trace_ctx = &traces;
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_init_abi(&b->drv, &b->cfg, abi), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(b->p.acked, F_ALL);
    assert_int_equal(traces, 0);
}

static int init_with(struct box *b, void (*spoil)(struct vgpio_drv_config *))
{
    struct vgpio_drv_config cfg = b->cfg;

    spoil(&cfg);
    return vgpio_drv_init(&b->drv, &cfg);
}

#define SPOIL(name, what)                                                                \
    static void name(struct vgpio_drv_config *c)                                         \
    {                                                                                    \
        what;                                                                            \
    }
SPOIL(no_bus, c->bus = NULL)
SPOIL(no_dma, c->dma = NULL)
SPOIL(no_slots, c->slots = NULL)
SPOIL(no_ring, c->ring = NULL)
SPOIL(no_map, c->irq_map = NULL)
SPOIL(nreq_0, c->nreq = 0)
SPOIL(nreq_3, c->nreq = 3)
SPOIL(nreq_most, c->nreq = 16384)
SPOIL(nreq_big, c->nreq = 32768)
SPOIL(nirq_3, c->nirq = 3)
SPOIL(skewed, c->dma_addr += 4)
SPOIL(tight, c->dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ) - 1)
SPOIL(wraps, c->dma_addr = UINT64_MAX - 0xfff)
SPOIL(no_irq, c->nirq = 0)
SPOIL(last_place, c->dma_addr = UINT64_MAX - 0x7fff; c->dma_size = 0x7fff)
SPOIL(one_more, c->dma_addr = UINT64_MAX - 0x7fff; c->dma_size = 0x8000)

static void test_init_arguments(void **state)
{
    static void (*const bad[])(struct vgpio_drv_config *) = {
        no_bus, no_dma, no_slots, no_ring, no_map,
        nreq_0, nreq_3, nreq_big, nirq_3,  skewed,
    };
    struct box *b = *state;
    struct vgpio_bus_ops ops = bus_ops;
    unsigned i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(init_with(b, bad[i]), VGPIO_ERR_INVAL);
    }
    assert_int_equal(init_with(b, tight), VGPIO_ERR_NOSPC);
    assert_int_equal(init_with(b, nreq_most), VGPIO_ERR_NOSPC); /* of the arena only */
    assert_int_equal(init_with(b, wraps), VGPIO_ERR_NOSPC);
    assert_int_equal(init_with(b, one_more), VGPIO_ERR_NOSPC);
    assert_int_equal(init_with(b, last_place), 0);
    assert_int_equal(init_with(b, no_irq), 0);
    assert_int_equal(vgpio_drv_init(&b->drv, (struct vgpio_drv_config *)NULL),
                     VGPIO_ERR_INVAL);
    b->cfg.bus = &ops;
    ops.ops_size = offsetof(struct vgpio_bus_ops, notify);
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), VGPIO_ERR_ABI);
    ops = bus_ops;
    ops.get_status = NULL;
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), VGPIO_ERR_ABI);
    assert_int_equal(b->p.calls, 0);
}

/* An arena that starts anywhere still fits: the padding is part of VGPIO_DMA_SIZE. */
static void test_unaligned_arena(void **state)
{
    struct box *b = *state;
    const uint32_t size = VGPIO_DMA_SIZE(NREQ, NIRQ);
    unsigned off;

    for (off = 0; off < VGPIO_DMA_ALIGN; off++) {
        uint8_t *dma = b->p.m.driver + 64 + off;

        memset(b->p.m.driver, 0xa5, 0x4000);
        b->cfg.dma = dma;
        b->cfg.dma_addr = TWOMAP_GPA + 64 + off;
        b->cfg.dma_size = size;
        up(b);
        submit(b, VGPIO_MSG_GET_VALUE, 3, 0, b);
        answer(b, VGPIO_MSG_GET_VALUE, 3, 1);
        expect_done(b, b, 1);
        set_type(b, 3, VGPIO_IRQ_EDGE_BOTH);
        unmask(b, 3);
        assert_int_equal(dma[-1], 0xa5);
        assert_int_equal(dma[size], 0xa5);
        assert_int_equal(vgpio_drv_stop(&b->drv), 0);
        memset(b->p.kicks, 0, sizeof b->p.kicks);
    }
}

/* ---- bring-up ---- */

static void test_start_sequence(void **state)
{
    static const uint8_t steps[] = {0, 1, 3, 11, 15};
    struct box *b = *state;

    set_config(&b->p, NGPIO, 41);
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(b->p.calls, 0);
    assert_int_equal(vgpio_drv_ngpio(&b->drv), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(b->p.nlog, sizeof steps);
    assert_memory_equal(b->p.log, steps, sizeof steps);
    assert_int_equal(b->p.acked, F_ALL);
    assert_int_equal(vgpio_drv_ngpio(&b->drv), NGPIO);
    assert_int_equal(vgpio_drv_names_size(&b->drv), 41);
    assert_int_equal(b->p.vq[0].size, 2 * NREQ);
    assert_int_equal(b->p.vq[1].size, 2 * NIRQ);
    /* once more is harmless and does nothing */
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(b->p.nlog, sizeof steps);
}

static void test_start_features(void **state)
{
    struct box *b = *state;

    b->cfg.features = VGPIO_F_EVENT_IDX;
    up(b);
    assert_int_equal(b->p.acked, VGPIO_F_EVENT_IDX | VGPIO_F_VERSION_1);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    b->cfg.features = 0;
    b->cfg.nirq = 0;
    memset(b->p.vq, 0, sizeof b->p.vq);
    up(b);
    assert_int_equal(b->p.acked, F_ALL & ~VGPIO_F_IRQ);
    assert_int_equal(b->p.vq[1].size, 0);
    assert_int_equal(vgpio_drv_unmask(&b->drv, 0), VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    b->cfg.features = ~(VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT);
    memset(b->p.vq, 0, sizeof b->p.vq);
    up(b);
    assert_int_equal(b->p.acked,
                     F_ALL & ~(VGPIO_F_IRQ | VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT));
}

static void test_start_waits_for_reset(void **state)
{
    struct box *b = *state;

    b->p.reset_reads = 2;
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), 1);
    assert_int_equal(vgpio_drv_submit(&b->drv, VGPIO_MSG_GET_VALUE, 0, 0, NULL),
                     VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_start(&b->drv), 1);
    assert_int_equal(b->p.nlog, 1);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(b->p.nlog, 5);
}

static void expect_refused(struct box *b, int err)
{
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    b->p.nlog = 0;
    assert_int_equal(vgpio_drv_start(&b->drv), err);
    assert_int_equal(b->p.log[b->p.nlog - 1] & VGPIO_S_FAILED, VGPIO_S_FAILED);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_STATE);
    expect_nothing(b);
}

static void test_start_refused(void **state)
{
    struct box *b = *state;

    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    for (b->p.id = 0; b->p.id <= 2; b->p.id++) {
        assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_NOTSUP);
        assert_int_equal(b->p.nlog, 0); /* somebody else's device is left alone */
    }
    b->p.id = VGPIO_DEVICE_ID;

    b->p.offered = F_ALL & ~VGPIO_F_VERSION_1;
    expect_refused(b, VGPIO_ERR_NOTSUP);
    b->p.offered = F_ALL;
    b->p.refuse = 1;
    expect_refused(b, VGPIO_ERR_NOTSUP);
    b->p.refuse = 0;
    b->p.queue_max[1] = 0;
    expect_refused(b, VGPIO_ERR_NOTSUP);
    b->p.queue_max[1] = 256;
    b->p.queue_max[0] = 0;
    expect_refused(b, VGPIO_ERR_NOTSUP);
    b->p.queue_max[0] = 1; /* too small without indirect descriptors */
    b->p.offered = F_ALL & ~VGPIO_F_INDIRECT;
    expect_refused(b, VGPIO_ERR_NOTSUP);
    b->p.queue_max[0] = 256;
    b->p.gen_moves = 1000;
    expect_refused(b, VGPIO_ERR_PROTO);
    b->p.gen_moves = 2 * 8; /* each of 8 tries sees it change */
    expect_refused(b, VGPIO_ERR_PROTO);
    b->p.gen_moves = 2 * 8 - 1; /* but it may change while it is read */
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
}

/* A device that breaks as it is switched on, after it was told where the arena is. */
static void test_start_broken(void **state)
{
    struct box *b = *state;

    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    b->p.reset_reads = 1;
    assert_int_equal(vgpio_drv_start(&b->drv), 1);
    b->p.sick = 1;
    assert_int_equal(vgpio_drv_start(&b->drv), 1); /* not 0, so not reset */
    b->p.sick = 0;
    b->p.sick_at_ok = 1;
    assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_BROKEN);
    assert_int_equal(b->p.status & VGPIO_S_FAILED, VGPIO_S_FAILED);
    assert_int_equal(vgpio_drv_stop(&b->drv), 1); /* it knows where the arena is */
    assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    b->p.sick_at_ok = 0;
    b->p.reset_reads = 0;
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    b->p.sick = 1;
    assert_int_equal(vgpio_drv_config_changed(&b->drv), VGPIO_ERR_BROKEN);
    assert_int_equal(b->p.status & VGPIO_S_FAILED, VGPIO_S_FAILED);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_flush(&b->drv), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_rearm(&b->drv), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_STATE);
    b->p.reset_reads = 0;
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(vgpio_drv_config_changed(&b->drv), 0);
}

/* Whatever the call on which the bus says no: an error, and the next start is clean. */
static void start_bus_errors(struct box *b)
{
    int n, total;

    b->p.calls = 0;
    up(b);
    total = b->p.calls;
    assert_true(total > 12);
    for (n = 1; n <= total; n++) {
        assert_int_equal(vgpio_drv_stop(&b->drv), 0);
        b->p.calls = 0;
        b->p.fail_at = n;
        assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_IO);
        assert_int_equal(vgpio_drv_flush(&b->drv), VGPIO_ERR_STATE);
        b->p.fail_at = 0;
        assert_int_equal(vgpio_drv_start(&b->drv), 0);
        submit(b, VGPIO_MSG_GET_VALUE, 0, 0, b);
        answer(b, VGPIO_MSG_GET_VALUE, 0, 1);
        expect_done(b, b, 1);
    }
}

static void test_start_bus_errors(void **state)
{
    struct box *b = *state;

    start_bus_errors(b);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    memset(b->p.kicks, 0, sizeof b->p.kicks);
    set_config(&b->p, 1, 0); /* then one more field is read */
    start_bus_errors(b);
}

static unsigned fill(struct box *b)
{
    unsigned n = 0;

    while (vgpio_drv_submit(&b->drv, VGPIO_MSG_GET_VALUE, 0, 0, b) == 0) {
        n++;
    }
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_NOSPC);
    return n;
}

static unsigned fill_irq(struct box *b)
{
    unsigned n = 0;

    while (n < NGPIO && vgpio_drv_submit(&b->drv, VGPIO_MSG_SET_IRQ_TYPE, (uint16_t)n,
                                         VGPIO_IRQ_LEVEL_HIGH, b) == 0) {
        assert_int_equal(vgpio_drv_flush(&b->drv), 0);
        answer(b, VGPIO_MSG_SET_IRQ_TYPE, n, 0);
        expect_done(b, b, 0);
        unmask(b, n);
        n++;
    }
    return n;
}

/* size = min(2 n, max) rounded down; in flight size / 2, or size if indirect */
static void test_queue_sizes(void **state)
{
    static const struct {
        uint16_t n, max, size, direct, indirect;
    } t[] = {
        {4, 256, 8, 4, 4}, {4, 8, 8, 4, 4},     {4, 7, 4, 2, 4},
        {4, 4, 4, 2, 4},   {4, 3, 2, 1, 2},     {4, 2, 2, 1, 2},
        {1, 256, 2, 1, 1}, {16, 16, 16, 8, 16}, {8, 32768, 16, 8, 8},
    };
    struct box *b = *state;
    unsigned i, ind;

    for (i = 0; i < sizeof t / sizeof t[0]; i++) {
        for (ind = 0; ind < 2; ind++) {
            box_config(b, t[i].n, t[i].n);
            b->p.queue_max[0] = b->p.queue_max[1] = t[i].max;
            b->cfg.flags = ind ? VGPIO_DRV_INDIRECT_REQUESTQ : VGPIO_DRV_DIRECT_EVENTQ;
            memset(b->p.kicks, 0, sizeof b->p.kicks);
            up(b);
            assert_int_equal(b->p.vq[0].size, t[i].size);
            assert_int_equal(b->p.vq[1].size, t[i].size);
            assert_int_equal(fill_irq(b), ind ? t[i].indirect : t[i].direct);
            assert_int_equal(fill(b), ind ? t[i].indirect : t[i].direct);
        }
    }
}

/* One entry holds a request of two descriptors only as a table, also against flags. */
static void test_queue_of_one(void **state)
{
    struct box *b = *state;

    b->p.queue_max[0] = b->p.queue_max[1] = 1;
    b->cfg.flags = VGPIO_DRV_DIRECT_EVENTQ;
    up(b);
    assert_int_equal(b->p.vq[0].size, 1);
    assert_int_equal(fill_irq(b), 1);
    assert_int_equal(fill(b), 1);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    answer(b, VGPIO_MSG_GET_VALUE, 0, 0);
    expect_done(b, b, 0);
}

static uint16_t desc_flags(const struct peer *p, unsigned q)
{
    const uint8_t *d = p->m.device + (p->vq[q].desc - TWOMAP_GPA);

    return (uint16_t)(d[12] | d[13] << 8);
}

static void test_descriptor_shape(void **state)
{
    static const struct {
        uint32_t flags;
        uint16_t req, irq; /* flags of the first descriptor: 1 NEXT, 4 INDIRECT */
    } t[] = {{0, 1, 4},
             {VGPIO_DRV_INDIRECT_REQUESTQ, 4, 4},
             {VGPIO_DRV_DIRECT_EVENTQ, 1, 1},
             {VGPIO_DRV_INDIRECT_REQUESTQ | VGPIO_DRV_DIRECT_EVENTQ, 4, 1}};
    struct box *b = *state;
    unsigned i;

    for (i = 0; i < 4; i++) {
        b->cfg.flags = t[i].flags;
        memset(b->p.kicks, 0, sizeof b->p.kicks);
        up(b);
        set_type(b, 2, VGPIO_IRQ_EDGE_RISING);
        unmask(b, 2);
        assert_int_equal(desc_flags(&b->p, 0), t[i].req);
        assert_int_equal(desc_flags(&b->p, 1), t[i].irq);
    }
    /* The device that comes back may offer less. */
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    b->p.offered &= ~VGPIO_F_INDIRECT;
    memset(b->p.vq, 0, sizeof b->p.vq);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    set_type(b, 2, VGPIO_IRQ_EDGE_RISING);
    unmask(b, 2);
    assert_int_equal(desc_flags(&b->p, 0), 1);
    assert_int_equal(desc_flags(&b->p, 1), 1);
}

/* ---- requests ---- */

static void test_request_bytes(void **state)
{
    static const struct {
        unsigned type, line, value;
        uint8_t raw[8];
    } t[] = {
        {VGPIO_MSG_GET_DIRECTION, 3, 77, {2, 0, 3, 0, 0, 0, 0, 0}},
        {VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_IN, {3, 0, 4, 0, 2, 0, 0, 0}},
        {VGPIO_MSG_GET_VALUE, 15, 77, {4, 0, 15, 0, 0, 0, 0, 0}},
        {VGPIO_MSG_SET_VALUE, 0, 1, {5, 0, 0, 0, 1, 0, 0, 0}},
        {VGPIO_MSG_SET_IRQ_TYPE, 9, VGPIO_IRQ_LEVEL_LOW, {6, 0, 9, 0, 8, 0, 0, 0}},
        {VGPIO_MSG_SET_IRQ_TYPE, 8, VGPIO_IRQ_NONE, {6, 0, 8, 0, 0, 0, 0, 0}},
    };
    struct box *b = *state;
    struct got g;
    unsigned i;

    up(b);
    for (i = 0; i < sizeof t / sizeof t[0]; i++) {
        submit(b, t[i].type, t[i].line, t[i].value, b);
        assert_int_equal(take(&b->p, &g), 1);
        assert_memory_equal(g.raw, t[i].raw, 8);
        give(&b->p, &g, VGPIO_STATUS_OK, 0, 2);
        expect_done(b, b, 0);
    }
}

static void test_staged_until_flush(void **state)
{
    struct box *b = *state;
    struct got g;
    unsigned i;

    up(b);
    for (i = 0; i < 3; i++) {
        assert_int_equal(
            vgpio_drv_submit(&b->drv, VGPIO_MSG_GET_VALUE, (uint16_t)i, 0, &b->map[i]),
            0);
    }
    assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
    assert_int_equal(take(&b->p, &g), 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(b->p.kicks[0], 1); /* one doorbell for the batch */
    assert_int_equal(b->p.kick_data[0], VGPIO_REQUESTQ);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(b->p.kicks[0], 1);
    for (i = 0; i < 3; i++) {
        answer(b, VGPIO_MSG_GET_VALUE, i, i & 1u);
    }
    for (i = 0; i < 3; i++) {
        expect_done(b, &b->map[i], (int)(i & 1u));
    }
    expect_nothing(b);
}

/* The doorbell says which queue; with NOTIFICATION_DATA also how far it goes now. */
static void test_kick_data(void **state)
{
    struct box *b = *state;
    unsigned i;

    for (i = 0; i < 2; i++) {
        b->p.offered = F_ALL | (i != 0 ? VGPIO_F_NOTIFICATION_DATA : 0);
        memset(b->p.kicks, 0, sizeof b->p.kicks);
        up(b);
        set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
        unmask(b, 3);
        assert_int_equal(b->p.kick_data[1], i << 16 | 1);
        assert_int_equal(vgpio_devq_rearm(&b->p.q[0]), 0); /* wants to hear of more */
        submit(b, VGPIO_MSG_GET_VALUE, 3, 0, b);
        assert_int_equal(b->p.kick_data[0], 2 * i << 16);
        assert_int_equal(vgpio_drv_stop(&b->drv), 0);
        expect_done(b, b, VGPIO_ERR_STALE);
    }
}

static void test_notify_error_is_owed(void **state)
{
    struct box *b = *state;

    up(b);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    b->p.notify_fails = 1;
    assert_int_equal(vgpio_drv_flush(&b->drv), VGPIO_ERR_IO);
    assert_int_equal(b->p.kicks[0], 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(b->p.kicks[0], 1);
    answer(b, VGPIO_MSG_GET_VALUE, 0, 1);
    expect_done(b, b, 1);
}

static void test_nothing_is_owed_after_a_reset(void **state)
{
    struct box *b = *state;

    up(b);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    b->p.notify_fails = 1;
    assert_int_equal(vgpio_drv_flush(&b->drv), VGPIO_ERR_IO);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    expect_done(b, b, VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(b->p.kicks[0], 0);
}

/* A map of fewer lines than there are: the driver does not know the others' direction. */
static void test_a_short_map(void **state)
{
    struct box *b = *state;
    unsigned i;

    b->cfg.irq_map_len = 4;
    b->map[4] = 1;
    up(b);
    submit(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT, b);
    answer(b, VGPIO_MSG_SET_DIRECTION, 3, 0);
    expect_done(b, b, 0);
    submit(b, VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_OUT, b);
    answer(b, VGPIO_MSG_SET_DIRECTION, 4, 0);
    expect_done(b, b, 0);
    assert_int_equal(b->map[4], 1);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_STATE);
    set_type(b, 4, VGPIO_IRQ_EDGE_RISING); /* the device is the one to refuse it */
    unmask(b, 4);
    for (i = 5; i < 4 + NIRQ; i++) {
        set_type(b, i, VGPIO_IRQ_EDGE_RISING);
    }
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, i, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_NOSPC);
    assert_int_equal(b->map[4], 1);
}

/* A doorbell that was rung is not owed any more, whichever it was. */
static void test_each_doorbell_rings_once(void **state)
{
    struct box *b = *state;

    up(b);
    set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
    unmask(b, 3);
    assert_int_equal(b->p.kicks[0], 1);
    assert_int_equal(b->p.kicks[1], 1);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(b->p.kicks[0], 1);
    assert_int_equal(b->p.kicks[1], 1);
}

static void test_a_bus_must_be_whole(void **state)
{
    struct box *b = *state;
    struct vgpio_bus_ops ops = bus_ops;
    unsigned i;

    b->cfg.bus = &ops;
    for (i = 0; i < 9; i++) {
        ops = bus_ops;
        ops.device_id = i == 0 ? NULL : ops.device_id;
        ops.get_features = i == 1 ? NULL : ops.get_features;
        ops.set_features = i == 2 ? NULL : ops.set_features;
        ops.get_status = i == 3 ? NULL : ops.get_status;
        ops.set_status = i == 4 ? NULL : ops.set_status;
        ops.config_read = i == 5 ? NULL : ops.config_read;
        ops.queue_max = i == 6 ? NULL : ops.queue_max;
        ops.queue_start = i == 7 ? NULL : ops.queue_start;
        ops.notify = i == 8 ? NULL : ops.notify;
        assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), VGPIO_ERR_ABI);
    }
    ops = bus_ops;
    ops.config_gen = NULL; /* this one may be missing */
    ops.queue_stop = NULL;
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
}

/* Everything in flight that can be: no byte beyond the arena's size is touched. */
static void test_the_arena_is_as_large_as_it_says(void **state)
{
    struct box *b = *state;
    uint16_t nreq, nirq;

    for (nreq = 1; nreq <= 8; nreq = (uint16_t)(2 * nreq)) {
        for (nirq = 0; nirq <= 8; nirq = (uint16_t)(nirq != 0 ? 2 * nirq : 1)) {
            uint32_t size = VGPIO_DMA_SIZE((uint32_t)nreq, (uint32_t)nirq), i;

            box_config(b, nreq, nirq);
            b->cfg.dma_size = size;
            b->cfg.dma = b->p.m.driver + 1; /* so that all of the padding is needed */
            b->cfg.dma_addr = TWOMAP_GPA + 1;
            b->cfg.irq_map = nirq != 0 ? b->map : NULL;
            b->cfg.irq_map_len = nirq != 0 ? NGPIO : 0;
            memset(b->p.m.driver, 0xa5, b->p.m.size);
            memset(b->p.kicks, 0, sizeof b->p.kicks);
            up(b);
            for (i = 0; i < nirq; i++) {
                set_type(b, i, VGPIO_IRQ_EDGE_BOTH);
                unmask(b, i);
            }
            while (submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0) == 0) {
            }
            assert_int_equal(vgpio_drv_flush(&b->drv), 0);
            assert_int_equal(b->p.m.driver[0], 0xa5);
            for (i = size; i < ARENA_MAX; i++) {
                assert_int_equal(b->p.m.driver[1 + i], 0xa5);
            }
            assert_int_equal(vgpio_drv_stop(&b->drv), 0);
            while (vgpio_drv_poll(&b->drv, &(struct vgpio_drv_event){0}) == 1) {
            }
        }
    }
}

static void test_submit_arguments(void **state)
{
    struct box *b = *state;

    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_STATE);
    up(b);
    assert_int_equal(submit_err(b, 0, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_LINE_NAMES, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, 7, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, 0x10004, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, NGPIO, 0), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0xffff, 0), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_VALUE, 0, 2), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_DIRECTION, 0, 3), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_DIRECTION, 0, 0x101), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 0, 5), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 0, 9), VGPIO_ERR_INVAL);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 0, 0x108), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drv_unmask(&b->drv, NGPIO), VGPIO_ERR_INVAL);
    assert_int_equal(fill(b), NREQ); /* none of these cost anything */
}

/* What the device may answer to a request, byte for byte. */
static void test_answers(void **state)
{
    static const struct {
        unsigned type, status, value, len;
        int result;
    } t[] = {
        {VGPIO_MSG_GET_VALUE, 0, 0, 2, 0},
        {VGPIO_MSG_GET_VALUE, 0, 1, 2, 1},
        {VGPIO_MSG_GET_VALUE, 0, 2, 2, VGPIO_ERR_IO},
        {VGPIO_MSG_GET_VALUE, 0, 255, 2, VGPIO_ERR_IO},
        {VGPIO_MSG_GET_VALUE, 1, 1, 2, VGPIO_ERR_IO},
        {VGPIO_MSG_GET_VALUE, 2, 1, 2, VGPIO_ERR_IO},
        {VGPIO_MSG_GET_VALUE, 0, 1, 1, VGPIO_ERR_IO},
        {VGPIO_MSG_GET_VALUE, 0, 1, 0, VGPIO_ERR_IO},
        {VGPIO_MSG_GET_DIRECTION, 0, VGPIO_DIR_NONE, 2, VGPIO_DIR_NONE},
        {VGPIO_MSG_GET_DIRECTION, 0, VGPIO_DIR_IN, 2, VGPIO_DIR_IN},
        {VGPIO_MSG_GET_DIRECTION, 0, 3, 2, VGPIO_ERR_IO},
        {VGPIO_MSG_SET_VALUE, 0, 0, 2, 0},
        {VGPIO_MSG_SET_VALUE, 0, 9, 2, 0}, /* a value where there is none */
        {VGPIO_MSG_SET_DIRECTION, 1, 0, 2, VGPIO_ERR_IO},
    };
    struct box *b = *state;
    struct got g;
    unsigned i;

    up(b);
    for (i = 0; i < sizeof t / sizeof t[0]; i++) {
        submit(b, t[i].type, 1, 1, b);
        assert_int_equal(take(&b->p, &g), 1);
        give(&b->p, &g, t[i].status, t[i].value, t[i].len);
        expect_done(b, b, t[i].result);
    }
    expect_nothing(b);
}

static int read_names(struct box *b, uint32_t len)
{
    return vgpio_drv_read_names(&b->drv, b->p.m.driver + NAMES_AT, TWOMAP_GPA + NAMES_AT,
                                len, b);
}

/* A device that gives a buffer back unwritten does not answer with an old one. */
static void test_unwritten_answer(void **state)
{
    struct box *b = *state;
    struct got g;
    unsigned i;

    set_config(&b->p, NGPIO, 41);
    up(b);
    for (i = 0; i < NREQ; i++) {
        submit(b, VGPIO_MSG_GET_VALUE, 1, 0, b);
        answer(b, VGPIO_MSG_GET_VALUE, 1, 1);
        expect_done(b, b, 1);
        submit(b, VGPIO_MSG_GET_VALUE, 1, 0, b);
        assert_int_equal(take(&b->p, &g), 1);
        publish(&b->p, 0, g.head, 2);
        expect_done(b, b, VGPIO_ERR_IO);
    }
    b->p.m.driver[NAMES_AT] = VGPIO_STATUS_OK;
    assert_int_equal(read_names(b, 42), 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take(&b->p, &g), 1);
    publish(&b->p, 0, g.head, 42);
    expect_done(b, b, VGPIO_ERR_IO);
}

/* Answers come in any order, each to its own cookie. */
static void test_any_order(void **state)
{
    struct box *b = *state;
    struct got g[4];
    unsigned i;

    up(b);
    for (i = 0; i < 4; i++) {
        submit(b, VGPIO_MSG_GET_VALUE, i, 0, &g[i]);
        assert_int_equal(take(&b->p, &g[i]), 1);
    }
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_NOSPC);
    for (i = 4; i-- > 0;) {
        give(&b->p, &g[i], 0, i & 1u, 2);
    }
    for (i = 4; i-- > 0;) {
        expect_done(b, &g[i], (int)(i & 1u));
    }
    assert_int_equal(fill(b), NREQ);
}

/* Before the first start nothing is in flight, whatever the array of slots had in it. */
static void test_cancel_before_start(void **state)
{
    struct box *b = *state;

    memset(b->slots, 1, sizeof b->slots);
    memset(&b->slots[0].cookie, 0, sizeof b->slots[0].cookie);
    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(vgpio_drv_cancel(&b->drv, NULL), VGPIO_ERR_STALE);
    up(b);
}

static void test_cancel(void **state)
{
    struct box *b = *state;
    struct got g[4];
    unsigned i;

    up(b);
    for (i = 0; i < 4; i++) {
        submit(b, VGPIO_MSG_GET_VALUE, i, 0, i == 3 ? &g[2] : &g[i]);
        assert_int_equal(take(&b->p, &g[i]), 1);
    }
    assert_int_equal(vgpio_drv_cancel(&b->drv, b), VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_cancel(&b->drv, &g[1]), 0);
    assert_int_equal(vgpio_drv_cancel(&b->drv, &g[1]), VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_cancel(&b->drv, &g[2]), 0); /* both that carry it */
    /* The device still owns the buffers: the slots are not used again. */
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_NOSPC);
    give(&b->p, &g[1], 0, 1, 2);
    give(&b->p, &g[2], 0, 1, 2);
    give(&b->p, &g[0], 0, 1, 2);
    expect_done(b, &g[0], 1);
    expect_nothing(b);
    assert_int_equal(fill(b), 3);
}

static void test_stop_hands_back_cookies(void **state)
{
    struct box *b = *state;
    struct vgpio_drv_event ev;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_GET_VALUE, 5, 0, &b->map[0]); /* answered, not polled */
    submit(b, VGPIO_MSG_SET_VALUE, 6, 1, &b->map[1]); /* cancelled */
    submit(b, VGPIO_MSG_GET_VALUE, 7, 0, &b->map[2]); /* in flight */
    assert_int_equal(vgpio_drv_submit(&b->drv, VGPIO_MSG_GET_VALUE, 8, 0, &b->map[3]),
                     0); /* staged */
    answer(b, VGPIO_MSG_GET_VALUE, 5, 1);
    assert_int_equal(take(&b->p, &g), 1);
    assert_int_equal(vgpio_drv_cancel(&b->drv, &b->map[1]), 0);
    b->p.reset_reads = 1;
    assert_int_equal(vgpio_drv_stop(&b->drv), 1);
    expect_nothing(b);
    assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_flush(&b->drv), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    assert_int_equal(vgpio_drv_start(&b->drv), VGPIO_ERR_STATE); /* cookies first */
    expect_done(b, &b->map[0], VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_poll(&b->drv, &ev), 1);
    assert_int_equal(ev.line, 7);
    assert_int_equal(ev.type, VGPIO_MSG_GET_VALUE);
    assert_int_equal(vgpio_drv_cancel(&b->drv, &b->map[3]), 0); /* even now */
    expect_nothing(b);
    b->p.reset_reads = 0;
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(fill(b), NREQ);
}

static void test_stop_without_start(void **state)
{
    struct box *b = *state;

    assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    expect_nothing(b);
    assert_int_equal(vgpio_drv_rearm(&b->drv), VGPIO_ERR_STATE);
    assert_int_equal(read_names(b, sizeof b->map), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drv_config_changed(&b->drv), VGPIO_ERR_STATE);
    assert_int_equal(b->p.calls, 0);
    b->p.reset_reads = 1;
    assert_int_equal(vgpio_drv_start(&b->drv), 1);
    b->p.reset_reads = 0;
    assert_int_equal(vgpio_drv_stop(&b->drv), 0); /* in the middle of a start */
    expect_nothing(b);                            /* whatever the slots held before */
    up(b);
    b->p.fail_at = b->p.calls + 1;
    assert_int_equal(vgpio_drv_stop(&b->drv), VGPIO_ERR_IO);
    b->p.fail_at = b->p.calls + 2;
    assert_int_equal(vgpio_drv_stop(&b->drv), VGPIO_ERR_IO);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
}

/* ---- names ---- */

static void give_names(struct box *b, unsigned status, uint32_t room, uint32_t len)
{
    static const uint8_t request[8] = {1, 0, 0, 0, 0, 0, 0, 0};
    uint8_t block[64];
    struct got g;

    memset(block, 'x', sizeof block);
    block[0] = (uint8_t)status;
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take(&b->p, &g), 1);
    assert_memory_equal(g.raw, request, 8);
    assert_int_equal(vgpio_chain_write(&g.chain, block, sizeof block), room);
    publish(&b->p, 0, g.head, len);
}

static void test_names(void **state)
{
    struct box *b = *state;
    const uint8_t *buf = b->p.m.driver + NAMES_AT;

    set_config(&b->p, NGPIO, 41);
    up(b);
    assert_int_equal(read_names(b, 41), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drv_read_names(&b->drv, NULL, 0, 42, b), VGPIO_ERR_INVAL);
    assert_int_equal(read_names(b, 50), 0);
    assert_int_equal(read_names(b, 50), VGPIO_ERR_NOSPC); /* one at a time */
    give_names(b, VGPIO_STATUS_OK, 42, 42);
    expect_done(b, b, 41);
    assert_int_equal(buf[0], VGPIO_STATUS_OK);
    assert_int_equal(buf[41], 'x');
    assert_int_equal(buf[42], 0xa5);

    assert_int_equal(read_names(b, 42), 0);
    give_names(b, VGPIO_STATUS_ERR, 42, 1);
    expect_done(b, b, VGPIO_ERR_IO);
    assert_int_equal(read_names(b, 42), 0);
    give_names(b, VGPIO_STATUS_OK, 42, 41); /* short */
    expect_done(b, b, VGPIO_ERR_IO);
    assert_int_equal(read_names(b, 42), 0);
    assert_int_equal(vgpio_drv_cancel(&b->drv, b), 0);
    assert_int_equal(read_names(b, 42), VGPIO_ERR_NOSPC); /* the device may still write */
    give_names(b, VGPIO_STATUS_OK, 42, 42);
    expect_nothing(b);
    assert_int_equal(read_names(b, 42), 0);
    give_names(b, VGPIO_STATUS_OK, 42, 43);
    assert_int_equal(vgpio_drv_poll(&b->drv, &(struct vgpio_drv_event){0}),
                     VGPIO_ERR_PROTO);
}

static void test_names_need_a_slot(void **state)
{
    struct box *b = *state;
    unsigned i;

    set_config(&b->p, NGPIO, 41);
    up(b);
    for (i = 0; i < NREQ; i++) {
        assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, i, 0), 0);
    }
    assert_int_equal(read_names(b, 42), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    for (i = 0; i < NREQ; i++) {
        answer(b, VGPIO_MSG_GET_VALUE, i, 0);
        expect_done(b, b, 0);
    }
    assert_int_equal(read_names(b, 42), 0);       /* it was the slot, nothing else */
    assert_int_equal(vgpio_drv_stop(&b->drv), 0); /* never answered */
    expect_done(b, b, VGPIO_ERR_STALE);
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    assert_int_equal(read_names(b, 42), 0);
}

static void test_names_size(void **state)
{
    static const uint32_t sizes[] = {0, UINT32_MAX, UINT32_MAX - 1, INT32_MAX};
    struct box *b = *state;
    unsigned i;

    for (i = 0; i < 4; i++) {
        set_config(&b->p, NGPIO, sizes[i]);
        up(b);
        assert_int_equal(read_names(b, UINT32_MAX), VGPIO_ERR_NOTSUP);
    }
}

/* ---- a device that breaks the ring ---- */

static uint8_t *used(struct peer *p, unsigned q)
{
    return p->m.device + (p->vq[q].device - TWOMAP_GPA);
}

static void used_raw(struct peer *p, unsigned q, unsigned at, uint32_t id, uint32_t len)
{
    uint8_t *u = used(p, q);
    uint8_t *e = u + 4 + 8 * (at % p->vq[q].size);
    unsigned i;

    for (i = 0; i < 4; i++) {
        e[i] = (uint8_t)(id >> 8 * i);
        e[4 + i] = (uint8_t)(len >> 8 * i);
    }
    u[2] = (uint8_t)(at + 1);
    u[3] = (uint8_t)((at + 1) >> 8);
}

/* A ring that is found broken when the driver wants to sleep is broken for good. */
static void test_rearm_finds_it_broken(void **state)
{
    struct box *b = *state;

    up(b);
    used(&b->p, 0)[2] = 99;
    assert_int_equal(vgpio_drv_rearm(&b->drv), VGPIO_ERR_PROTO);
    assert_int_equal(b->p.status & VGPIO_S_FAILED, VGPIO_S_FAILED);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_PROTO);
}

static void expect_fatal(struct box *b)
{
    struct vgpio_drv_event ev;
    unsigned stale = 0;

    assert_int_equal(vgpio_drv_poll(&b->drv, &ev), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drv_poll(&b->drv, &ev), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drv_rearm(&b->drv), VGPIO_ERR_PROTO);
    assert_int_equal(submit_err(b, VGPIO_MSG_GET_VALUE, 0, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drv_unmask(&b->drv, 0), VGPIO_ERR_PROTO);
    assert_int_equal(b->p.status & VGPIO_S_FAILED, VGPIO_S_FAILED);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    while (vgpio_drv_poll(&b->drv, &ev) == 1) {
        assert_int_equal(ev.result, VGPIO_ERR_STALE);
        assert_ptr_equal(ev.cookie, b);
        stale++;
    }
    assert_int_equal(stale, 2);
    memset(b->p.kicks, 0, sizeof b->p.kicks);
}

/* B7, B8: identifiers and lengths that cannot be */
static void test_hostile_used(void **state)
{
    struct box *b = *state;
    struct got g;
    unsigned i;

    for (i = 0; i < 6; i++) {
        up(b);
        submit(b, VGPIO_MSG_GET_VALUE, 0, 0, b);
        submit(b, VGPIO_MSG_GET_VALUE, 1, 0, b);
        assert_int_equal(take(&b->p, &g), 1);
        switch (i) {
        case 0:
            used_raw(&b->p, 0, 0, 8, 2); /* no such descriptor */
            break;
        case 1:
            used_raw(&b->p, 0, 0, g.head.id + 0x10000u, 2); /* nor this one */
            break;
        case 2:
            used_raw(&b->p, 0, 0, g.head.id + 1u, 2); /* the middle of a chain */
            break;
        case 3:
            used_raw(&b->p, 0, 0, 7, 2); /* not in flight */
            break;
        case 4:
            used_raw(&b->p, 0, 0, g.head.id, 3); /* more than was offered */
            break;
        default:
            used_raw(&b->p, 0, 2, g.head.id, 2); /* more answers than requests */
            break;
        }
        expect_fatal(b);
    }
}

static void test_hostile_used_twice(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_GET_VALUE, 0, 0, b);
    submit(b, VGPIO_MSG_GET_VALUE, 1, 0, b);
    submit(b, VGPIO_MSG_GET_VALUE, 2, 0, b);
    assert_int_equal(take(&b->p, &g), 1);
    used_raw(&b->p, 0, 0, g.head.id, 2);
    used_raw(&b->p, 0, 1, g.head.id, 2);
    assert_int_equal(vgpio_drv_poll(&b->drv, &(struct vgpio_drv_event){0}), 1);
    expect_fatal(b);
}

static void test_hostile_pair(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
    unmask(b, 3);
    submit(b, VGPIO_MSG_GET_VALUE, 0, 0, b);
    submit(b, VGPIO_MSG_GET_VALUE, 1, 0, b);
    assert_int_equal(take_pair(&b->p, &g), 1);
    give_pair(&b->p, &g, VGPIO_IRQ_STATUS_VALID, 2);
    expect_fatal(b);
}

/* What the device scribbles over its own words and ours is never believed. */
static void test_hostile_scribble(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_GET_VALUE, 5, 0, b);
    assert_int_equal(take(&b->p, &g), 1);
    /* descriptors, available ring and every cell */
    memset(b->p.m.device, 0xff, (size_t)(used(&b->p, 0) - b->p.m.device));
    memset(b->p.m.device + VGPIO_RING_BYTES(2 * NREQ) + VGPIO_RING_BYTES(2 * NIRQ), 0xff,
           (NREQ + NIRQ) * VGPIO_DMA_CELL);
    used_raw(&b->p, 0, 0, g.head.id, 2);
    expect_done(b, b, VGPIO_ERR_IO); /* 0xff is no status */
    assert_int_equal(fill(b), NREQ);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
}

/* ---- interrupts ---- */

static void test_unmask_waits_for_the_answer(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    assert_int_equal(vgpio_drv_unmask(&b->drv, 3), VGPIO_ERR_STATE);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING, b);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &g), 0); /* GPIO-DRV-11 */
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    assert_int_equal(take_pair(&b->p, &g), 0);
    expect_done(b, b, 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(b->p.kicks[1], 1);
    assert_int_equal(take_pair(&b->p, &g), 1);
    assert_int_equal(g.req.line, 3);
    unmask(b, 3); /* GPIO-DRV-13: it is already */
    assert_int_equal(take_pair(&b->p, &(struct got){0}), 0);
    expect_nothing(b);
    give_pair(&b->p, &g, VGPIO_IRQ_STATUS_VALID, 1);
    expect_irq(b, 3, 0);
    expect_nothing(b);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 0); /* masked */
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &g), 1);
}

static void test_refused_type(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_LEVEL_HIGH, b);
    unmask(b, 3);
    assert_int_equal(take(&b->p, &g), 1);
    give(&b->p, &g, VGPIO_STATUS_ERR, 0, 2);
    expect_done(b, b, VGPIO_ERR_IO);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 0);
    assert_int_equal(vgpio_drv_unmask(&b->drv, 3), VGPIO_ERR_STATE);
    assert_int_equal(fill_irq(b), NIRQ); /* its slot is free again */
}

/* INVALID of an enabled line is told, and never posted again by the driver (B28). */
static void test_invalid_while_enabled(void **state)
{
    static const struct {
        unsigned status, len;
    } t[] = {{VGPIO_IRQ_STATUS_INVALID, 1}, {7, 1}, {VGPIO_IRQ_STATUS_VALID, 0}};
    struct box *b = *state;
    struct got g;
    unsigned i;

    up(b);
    set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
    for (i = 0; i < 3; i++) {
        unmask(b, 3);
        assert_int_equal(take_pair(&b->p, &g), 1);
        give_pair(&b->p, &g, t[i].status, t[i].len);
        expect_irq(b, 3, VGPIO_ERR_IO);
        assert_int_equal(vgpio_drv_flush(&b->drv), 0);
        assert_int_equal(take_pair(&b->p, &g), 0);
    }
}

/* A device that gives a pair back unwritten does not say VALID with an old byte. */
static void test_unwritten_pair(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &g), 1);
    give_pair(&b->p, &g, VGPIO_IRQ_STATUS_VALID, 1);
    expect_irq(b, 3, 0);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &g), 1);
    publish(&b->p, 1, g.head, 1);
    expect_irq(b, 3, VGPIO_ERR_IO);
}

/* NONE hands the pair back without an event, whichever queue is faster. */
static void test_disable_returns_the_pair(void **state)
{
    struct box *b = *state;
    struct got pair, req;
    unsigned pair_first, line;

    up(b);
    for (line = 0; line < 2 * NIRQ; line++) { /* longer than there are slots */
        pair_first = line & 1u;
        set_type(b, line, VGPIO_IRQ_EDGE_BOTH);
        unmask(b, line);
        assert_int_equal(take_pair(&b->p, &pair), 1);
        submit(b, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE, b);
        assert_int_equal(vgpio_drv_unmask(&b->drv, (uint16_t)line), VGPIO_ERR_STATE);
        assert_int_equal(take(&b->p, &req), 1);
        if (pair_first) {
            give_pair(&b->p, &pair, VGPIO_IRQ_STATUS_INVALID, 1);
            expect_nothing(b);
        }
        give(&b->p, &req, VGPIO_STATUS_OK, 0, 2);
        expect_done(b, b, 0);
        if (!pair_first) {
            give_pair(&b->p, &pair, VGPIO_IRQ_STATUS_INVALID, 1);
        }
        expect_nothing(b);
    }
    assert_int_equal(fill_irq(b), NIRQ);
}

static void test_interrupt_races_with_disable(void **state)
{
    struct box *b = *state;
    struct got pair;

    up(b);
    set_type(b, 3, VGPIO_IRQ_EDGE_BOTH);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &pair), 1);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE, b);
    give_pair(&b->p, &pair, VGPIO_IRQ_STATUS_VALID, 1); /* it came before the NONE */
    expect_irq(b, 3, 0);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, b, 0);
    /* and again, but the answer to NONE is seen first: no interrupt after that */
    set_type(b, 3, VGPIO_IRQ_EDGE_BOTH);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &pair), 1);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE, b);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, b, 0);
    give_pair(&b->p, &pair, VGPIO_IRQ_STATUS_VALID, 1);
    expect_nothing(b);
}

/* Enabled again before the old pair came back: it counts for nothing, and the unmask is
 * carried out as soon as there is a pair to carry it out with. */
static void test_enable_again_with_old_pair(void **state)
{
    struct box *b = *state;
    struct got old, pair;

    up(b);
    set_type(b, 3, VGPIO_IRQ_EDGE_BOTH);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &old), 1);
    set_type(b, 3, VGPIO_IRQ_NONE);
    set_type(b, 3, VGPIO_IRQ_LEVEL_LOW);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &pair), 0);
    give_pair(&b->p, &old, VGPIO_IRQ_STATUS_INVALID, 1);
    expect_nothing(b);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &pair), 1);
    give_pair(&b->p, &pair, VGPIO_IRQ_STATUS_VALID, 1);
    expect_irq(b, 3, 0);
}

/* GPIO-DRV-09, with all of it in flight at once */
static void test_type_change(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING, &b->map[0]);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_FALLING),
                     VGPIO_ERR_STATE);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_STATE);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE, &b->map[1]);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_FALLING, &b->map[2]);
    unmask(b, 3);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, &b->map[0], 0);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, &b->map[1], 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 0); /* only the last answer enables */
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, &b->map[2], 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 1);
    give_pair(&b->p, &g, VGPIO_IRQ_STATUS_VALID, 1);
    expect_irq(b, 3, 0);
}

/* NONE for a line that never had a type, then a type: only the second answer counts. */
static void test_none_before_type(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE, &b->map[0]);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_LEVEL_LOW, &b->map[1]);
    unmask(b, 3);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, &b->map[0], 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 0);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_done(b, &b->map[1], 0);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 1);
}

/* Disabled and enabled again before the device said a word: what was unmasked before is
 * masked now. */
static void test_disable_takes_the_unmask_back(void **state)
{
    struct box *b = *state;
    struct got g;
    unsigned i;

    up(b);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING, b);
    unmask(b, 3);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE, b);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING, b);
    for (i = 0; i < 3; i++) {
        answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, i % 2 == 0 ? VGPIO_IRQ_EDGE_RISING : 0);
        expect_done(b, b, 0);
    }
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 0);
    unmask(b, 3);
    assert_int_equal(take_pair(&b->p, &g), 1);
}

static void test_cancelled_type_still_enables(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING, b);
    unmask(b, 3);
    assert_int_equal(vgpio_drv_cancel(&b->drv, b), 0);
    answer(b, VGPIO_MSG_SET_IRQ_TYPE, 3, 0);
    expect_nothing(b);
    assert_int_equal(vgpio_drv_flush(&b->drv), 0);
    assert_int_equal(take_pair(&b->p, &g), 1);
    assert_int_equal(vgpio_drv_cancel(&b->drv, NULL), VGPIO_ERR_STALE); /* no request */
}

/* GPIO-DRV-07 and its mirror image */
static void test_directions_and_interrupts(void **state)
{
    struct box *b = *state;
    struct got g;

    up(b);
    submit(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT, b);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_STATE);
    answer(b, VGPIO_MSG_SET_DIRECTION, 3, 0);
    expect_done(b, b, 0);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_STATE);
    submit(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN, b);
    answer(b, VGPIO_MSG_SET_DIRECTION, 3, 0);
    expect_done(b, b, 0);
    set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT),
                     VGPIO_ERR_STATE);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_NONE),
                     VGPIO_ERR_STATE);
    submit(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN, b);
    answer(b, VGPIO_MSG_SET_DIRECTION, 3, 0);
    expect_done(b, b, 0);
    set_type(b, 3, VGPIO_IRQ_NONE);
    submit(b, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT, b);
    assert_int_equal(take(&b->p, &g), 1);
    give(&b->p, &g, VGPIO_STATUS_ERR, 0, 2); /* it is no output then */
    expect_done(b, b, VGPIO_ERR_IO);
    set_type(b, 3, VGPIO_IRQ_EDGE_RISING);
}

static void test_without_irq_map(void **state)
{
    struct box *b = *state;
    struct got g;

    b->cfg.irq_map_len = 4; /* lines beyond are searched; one without a map at all */
    up(b);
    assert_int_equal(fill_irq(b), NIRQ);
    b->slots[NREQ + NIRQ] = b->slots[NREQ]; /* behind the driver's own */
    b->slots[NREQ + NIRQ].line = 9;
    assert_int_equal(vgpio_drv_unmask(&b->drv, 9), VGPIO_ERR_STATE);
    b->cfg.irq_map = NULL;
    b->cfg.irq_map_len = 0;
    memset(b->p.kicks, 0, sizeof b->p.kicks);
    up(b);
    assert_int_equal(fill_irq(b), NIRQ);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 9, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_NOSPC);
    set_type(b, 0, VGPIO_IRQ_NONE);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 9, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_NOSPC); /* the device has not given the pair back */
    assert_int_equal(take_pair(&b->p, &g), 1);
    give_pair(&b->p, &g, VGPIO_IRQ_STATUS_INVALID, 1);
    expect_nothing(b);
    set_type(b, 9, VGPIO_IRQ_EDGE_RISING);
    set_type(b, 1, VGPIO_IRQ_NONE);
    assert_int_equal(take_pair(&b->p, &g), 1);
    give_pair(&b->p, &g, VGPIO_IRQ_STATUS_INVALID, 1);
    expect_nothing(b);
    set_type(b, 1, VGPIO_IRQ_EDGE_RISING); /* not what line 1 left on the free list */
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 10, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_NOSPC);
}

static void test_no_irq_feature(void **state)
{
    struct box *b = *state;

    b->p.offered = F_ALL & ~VGPIO_F_IRQ;
    b->p.queue_max[1] = 0;
    up(b);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_EDGE_RISING),
                     VGPIO_ERR_NOTSUP);
    assert_int_equal(submit_err(b, VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE),
                     VGPIO_ERR_NOTSUP); /* GPIO-DRV-06 */
    assert_int_equal(vgpio_drv_unmask(&b->drv, 3), VGPIO_ERR_NOTSUP);
    submit(b, VGPIO_MSG_GET_VALUE, 3, 0, b);
    answer(b, VGPIO_MSG_GET_VALUE, 3, 1);
    expect_done(b, b, 1);
    assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
}

/* ---- sleep and fairness ---- */

/* A device that comes back with less: its second ring is no more than old memory. */
static void test_no_irq_feature_any_more(void **state)
{
    struct box *b = *state;

    up(b);
    assert_int_equal(vgpio_drv_stop(&b->drv), 0);
    used(&b->p, VGPIO_EVENTQ)[2] = 7;
    b->p.offered = F_ALL & ~VGPIO_F_IRQ;
    assert_int_equal(vgpio_drv_start(&b->drv), 0);
    expect_nothing(b);
    assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
}

static void test_rearm(void **state)
{
    struct box *b = *state;
    unsigned idx;

    for (idx = 0; idx < 2; idx++) {
        b->p.offered = idx ? F_ALL : F_ALL & ~VGPIO_F_EVENT_IDX;
        memset(b->p.kicks, 0, sizeof b->p.kicks);
        up(b);
        assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
        assert_int_equal(b->p.status & VGPIO_S_FAILED, 0);
        submit(b, VGPIO_MSG_GET_VALUE, 3, 0, b);
        assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
        answer(b, VGPIO_MSG_GET_VALUE, 3, 1);
        assert_int_equal(vgpio_drv_rearm(&b->drv), 1);
        expect_done(b, b, 1);
        assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
        set_type(b, 4, VGPIO_IRQ_EDGE_RISING);
        unmask(b, 4);
        assert_int_equal(vgpio_drv_rearm(&b->drv), 0);
        assert_int_equal(take_pair(&b->p, &(struct got){0}), 1);
        used_raw(&b->p, 1, 0, 0, 1);
        assert_int_equal(vgpio_drv_rearm(&b->drv), 1);
    }
}

/* A line that interrupts again as soon as it can does not hold up an answer. */
static void test_queues_take_turns(void **state)
{
    struct box *b = *state;
    struct vgpio_drv_event ev;
    struct got g;
    unsigned i, irqs = 0;

    up(b);
    set_type(b, 3, VGPIO_IRQ_LEVEL_HIGH);
    submit(b, VGPIO_MSG_GET_VALUE, 5, 0, b);
    answer(b, VGPIO_MSG_GET_VALUE, 5, 1);
    for (i = 0; i < 4; i++) {
        unmask(b, 3);
        assert_int_equal(take_pair(&b->p, &g), 1);
        give_pair(&b->p, &g, VGPIO_IRQ_STATUS_VALID, 1);
        assert_int_equal(vgpio_drv_poll(&b->drv, &ev), 1);
        if (ev.kind == VGPIO_DONE) {
            return;
        }
        irqs++;
        assert_true(irqs < 2);
    }
    fail();
}

/* More requests than 16 bits count. */
static void test_index_wrap(void **state)
{
    struct box *b = *state;
    unsigned i;

    up(b);
    for (i = 0; i < 70000; i++) {
        submit(b, VGPIO_MSG_GET_VALUE, i % NGPIO, 0, b);
        answer(b, VGPIO_MSG_GET_VALUE, i % NGPIO, i & 1u);
        expect_done(b, b, (int)(i & 1u));
    }
}

struct traced {
    unsigned n;
    unsigned id[16];
    uint32_t a[16], b[16];
};

static void keep_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct traced *t = ctx;

    assert_true(t->n < 16);
    t->id[t->n] = id;
    t->a[t->n] = a;
    t->b[t->n++] = b;
}

static void test_trace(void **state)
{
    static const uint32_t get = VGPIO_MSG_GET_VALUE << 16 | 5;
    static const uint32_t arm = VGPIO_MSG_SET_IRQ_TYPE << 16 | 6;
    static const uint32_t want[][3] = {
        {VGPIO_TR_RESET, 0, 0},
        {VGPIO_TR_FEATURES, (uint32_t)F_ALL, F_ALL >> 32},
        {VGPIO_TR_QUEUE_FRESH, 0, 2 * NREQ},
        {VGPIO_TR_QUEUE_FRESH, 1, 2 * NIRQ},
        {VGPIO_TR_REQUEST, get, 0},
        {VGPIO_TR_ANSWER, get, 1},
        {VGPIO_TR_REQUEST, arm, VGPIO_IRQ_EDGE_RISING},
        {VGPIO_TR_ANSWER, arm, 0},
        {VGPIO_TR_IRQ_VALID, 6, 0},
        {VGPIO_TR_IRQ_INVALID, 6, 0},
        {VGPIO_TR_QUEUE_BROKEN, (uint32_t)VGPIO_ERR_PROTO, 0},
    };
    struct box *b = *state;
    struct traced t = {0};
    struct got g;
    unsigned i;

    b->cfg.trace = keep_trace;
    b->cfg.trace_ctx = &t;
    up(b);
    submit(b, VGPIO_MSG_GET_VALUE, 5, 0, b);
    answer(b, VGPIO_MSG_GET_VALUE, 5, 1);
    expect_done(b, b, 1);
    set_type(b, 6, VGPIO_IRQ_EDGE_RISING);
    for (i = 0; i < 2; i++) {
        unmask(b, 6);
        assert_int_equal(take_pair(&b->p, &g), 1);
        give_pair(&b->p, &g, i == 0 ? 1 : 0, 1);
        expect_irq(b, 6, i == 0 ? 0 : VGPIO_ERR_IO);
    }
    used_raw(&b->p, 0, 99, 0, 0);
    assert_int_equal(vgpio_drv_poll(&b->drv, &(struct vgpio_drv_event){0}),
                     VGPIO_ERR_PROTO);
    assert_int_equal(t.n, sizeof want / sizeof want[0]);
    for (i = 0; i < t.n; i++) {
        assert_int_equal(t.id[i], want[i][0]);
        assert_int_equal(t.a[i], want[i][1]);
        assert_int_equal(t.b[i], want[i][2]);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* One line, or version 1 of the draft: what follows tells, and nothing else does. */
static void test_one_line_or_another_dialect(void **state)
{
    static const uint16_t behind[] = {0, 1, 0, 0x100, 0};
    struct box *b = *state;
    unsigned i;

    b->cfg.trace = keep_trace;
    set_config(&b->p, 1, 0);
    for (i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        struct traced t = {0};

        b->cfg.trace_ctx = &t;
        b->p.config[2] = (uint8_t)behind[i];
        b->p.config[3] = (uint8_t)(behind[i] >> 8);
        b->p.config[4] = 0xff; /* of another field */
        assert_int_equal(vgpio_drv_init(&b->drv, &b->cfg), 0);
        assert_int_equal(vgpio_drv_start(&b->drv), behind[i] ? VGPIO_ERR_NOTSUP : 0);
        if (behind[i] != 0) {
            assert_int_equal(t.id[t.n - 1], VGPIO_TR_DIALECT);
            assert_int_equal(t.a[t.n - 1] | t.b[t.n - 1], 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_init_abi),
        T(test_init_short_config),
        T(test_init_arguments),
        T(test_unaligned_arena),
        T(test_start_sequence),
        T(test_start_features),
        T(test_start_waits_for_reset),
        T(test_start_refused),
        T(test_start_broken),
        T(test_start_bus_errors),
        T(test_queue_sizes),
        T(test_queue_of_one),
        T(test_descriptor_shape),
        T(test_request_bytes),
        T(test_staged_until_flush),
        T(test_kick_data),
        T(test_notify_error_is_owed),
        T(test_nothing_is_owed_after_a_reset),
        T(test_a_short_map),
        T(test_rearm_finds_it_broken),
        T(test_each_doorbell_rings_once),
        T(test_a_bus_must_be_whole),
        T(test_the_arena_is_as_large_as_it_says),
        T(test_submit_arguments),
        T(test_answers),
        T(test_unwritten_answer),
        T(test_any_order),
        T(test_cancel),
        T(test_cancel_before_start),
        T(test_stop_hands_back_cookies),
        T(test_stop_without_start),
        T(test_names),
        T(test_names_need_a_slot),
        T(test_names_size),
        T(test_hostile_used),
        T(test_hostile_used_twice),
        T(test_hostile_pair),
        T(test_hostile_scribble),
        T(test_unmask_waits_for_the_answer),
        T(test_refused_type),
        T(test_invalid_while_enabled),
        T(test_unwritten_pair),
        T(test_disable_returns_the_pair),
        T(test_interrupt_races_with_disable),
        T(test_enable_again_with_old_pair),
        T(test_type_change),
        T(test_none_before_type),
        T(test_disable_takes_the_unmask_back),
        T(test_cancelled_type_still_enables),
        T(test_directions_and_interrupts),
        T(test_without_irq_map),
        T(test_no_irq_feature),
        T(test_no_irq_feature_any_more),
        T(test_rearm),
        T(test_queues_take_turns),
        T(test_index_wrap),
        T(test_one_line_or_another_dialect),
        T(test_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
