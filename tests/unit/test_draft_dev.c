/* SPDX-License-Identifier: BSD-3-Clause */
/* The draft's device in front of doubles of the four old drivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/draft.h>
#include <virtiogpio/sim.h>

#include "draft_room.h"

static void expect_wire(struct room *w, unsigned n, const char *hex)
{
    char text[32];
    unsigned i;

    for (i = 0; i < 8; i++) {
        (void)snprintf(text + 3 * i, 4, "%02x ", old_draft_wire(w->o, n)[i]);
    }
    text[23] = '\0';
    assert_string_equal(text, hex);
}

/* ---- the session that was recorded with the fourth driver ---- */

static void test_transcript_probe(void **state)
{
    static const uint8_t golden[77] = {
        0x01, 0x00, 0x04, 0x00, 0x0d, 0x00,         0x00, 0x00, [0x20] = 'd',
        'r',  'a',  'f',  't',  'y',  [0x40] = 'b', 't',  'n',  0,
        'l',  'e',  'd',  0,    0,    'r',          's',  't',  0};
    struct room *w = room_new(4, 256);
    const struct vgpio_vdev_ops *ops;
    uint8_t config[100];
    unsigned i;

    (void)state;
    w->cfg.ngpio = 4;
    room_make(w);
    ops = w->o->dev.ops;
    assert_int_equal(ops->config_size(w->o->dev.obj), 77);
    memset(config, 0xff, sizeof config);
    ops->config_read(w->o->dev.obj, 0, config, sizeof config);
    assert_memory_equal(config, golden, sizeof golden);
    for (i = sizeof golden; i < sizeof config; i++) {
        assert_int_equal(config[i], 0);
    }
    assert_int_equal(old_draft_probe(w->o), 0);
    assert_memory_equal(w->o->config, golden, sizeof golden);
    expect_wire(w, 3, "04 80 00 00 01 00 00 00");
    expect_wire(w, 2, "04 80 01 00 01 00 00 00");
    expect_wire(w, 1, "04 80 02 00 01 00 00 00");
    expect_wire(w, 0, "04 80 03 00 01 00 00 00");
    assert_int_equal(w->o->nwire, 4);
    assert_int_equal(w->o->warnings, 0);
    room_free(w);
}

static void test_transcript_get(void **state)
{
    struct room *w = room_probed(4, 256);

    (void)state;
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    assert_int_equal(old_draft_get(w->o, 1), 1);
    expect_wire(w, 3, "01 80 01 00 00 00 00 00");
    expect_wire(w, 2, "04 80 01 00 01 00 00 00");
    expect_wire(w, 1, "02 80 01 00 00 00 00 00");
    expect_wire(w, 0, "05 80 01 00 01 00 00 00");
    room_free(w);
}

static void test_transcript_set(void **state)
{
    struct room *w = room_probed(4, 256);

    (void)state;
    assert_int_equal(old_draft_set(w->o, 2, 1), 0);
    expect_wire(w, 2, "01 80 02 00 00 00 00 00");
    expect_wire(w, 1, "04 80 02 00 01 00 00 00");
    expect_wire(w, 0, "03 80 02 00 00 00 00 00");
    assert_int_equal(vgpio_sim_level(&w->sim, 2), 1);
    assert_int_equal(old_draft_call(w->o, 4, 2, 0), 0); /* an output now */
    assert_int_equal(old_draft_call(w->o, 6, 2, 1), 1);
    expect_wire(w, 0, "06 80 02 00 01 00 00 00");
    assert_int_equal(old_draft_call(w->o, 6, 2, 0), 0);
    expect_wire(w, 0, "06 80 02 00 00 00 00 00");
    assert_int_equal(vgpio_sim_level(&w->sim, 2), 0);
    w->refuse = VGPIO_ERR_IO;
    assert_int_equal(old_draft_call(w->o, 6, 2, 0), -5);
    expect_wire(w, 0, "06 80 02 00 fb ff ff ff");
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 0); /* what a guest drives is no news to it */
    room_free(w);
}

static void test_transcript_event(void **state)
{
    struct room *w = room_probed(4, 256);

    (void)state;
    assert_int_equal(old_draft_monitor(w->o, 0), 0);
    old_draft_run(w->o, 20);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    old_draft_run(w->o, 0);
    expect_wire(w, 0, "11 00 00 00 01 00 00 00");
    assert_int_equal(w->o->fired[0], 1);
    assert_int_equal(old_draft_call(w->o, 5, 0, 0), 1);
    expect_wire(w, 0, "05 80 00 00 01 00 00 00");
    assert_int_equal(old_draft_posted(w->o), 1);
    assert_int_equal(w->o->warnings, 0);
    room_free(w);
}

/* ---- every version, on both wirings ---- */

static void test_every_version(void **state)
{
    unsigned version, wiring, i;

    (void)state;
    for (version = 1; version <= 4; version++) {
        for (wiring = 0; wiring < 2; wiring++) {
            struct room *w = room_new(version, 4096);

            w->o->wiring = wiring == 0 ? OLD_SHARED : OLD_MSIX;
            assert_int_equal(old_draft_probe(w->o), 0);
            for (i = 0; i < 900; i++) {
                uint16_t line = (uint16_t)(i % ROOM_LINES);
                unsigned level = i / ROOM_LINES % 2;

                if (line < 4) {
                    assert_int_equal(vgpio_sim_pull(&w->sim, line, level), 0);
                    assert_int_equal(old_draft_get(w->o, line), level);
                } else {
                    assert_int_equal(old_draft_set(w->o, line, level), 0);
                    assert_int_equal(vgpio_sim_level(&w->sim, line), level);
                }
            }
            /* reports may lie in buffers, but the driver goes on */
            assert_int_equal(old_draft_get(w->o, 0), vgpio_sim_level(&w->sim, 0));
            room_free(w);
        }
    }
}

/* Its life is one ring size of requests, and not one less. */
static void test_life_of_a_ring(void **state)
{
    struct room *w = room_probed(4, 256);
    unsigned i;

    (void)state;
    for (i = ROOM_LINES; i < 256; i++) {
        assert_int_equal(old_draft_call(w->o, 1, 0, 0), 0);
    }
    for (i = 0; i < 5; i++) {
        assert_int_equal(old_draft_call(w->o, 1, 0, 0), OLD_NOSPC);
    }
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0); /* reports go on */
    old_draft_run(w->o, 20);
    assert_int_equal(w->o->events, 1);
    room_free(w);
}

static void test_defaults(void **state)
{
    struct room *w = room_new(4, 16);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    void *dev = w->o->dev.obj;

    (void)state;
    assert_int_equal(ops->device_id(dev), 41);
    assert_int_equal(ops->queue_max(dev, 0), 32768);
    assert_int_equal(ops->queue_max(dev, 1), 32768);
    assert_int_equal(ops->queue_max(dev, 2), 0);
    assert_true(ops->features(dev) == (VGPIO_F_VERSION_1 | VGPIO_F_INDIRECT));
    assert_int_equal(ops->ack_features(dev, VGPIO_F_VERSION_1 | VGPIO_F_EVENT_IDX),
                     VGPIO_ERR_NOTSUP);
    assert_int_equal(ops->ack_features(dev, VGPIO_F_INDIRECT), VGPIO_ERR_NOTSUP);
    w->cfg.queue_max[1] = 64;
    w->cfg.features = UINT64_MAX;
    w->id.device_id = VGPIO_DRAFT_OLD_DEVICE_ID;
    w->id.flags = VGPIO_DRAFT_2021;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, &w->id), 0);
    assert_int_equal(ops->device_id(dev), 30);
    assert_int_equal(ops->queue_max(dev, 1), 64);
    assert_int_equal(ops->features(dev) & 3u, 3);
    assert_int_equal(ops->features(dev) & (VGPIO_F_EVENT_IDX | VGPIO_F_IN_ORDER), 0);
    w->ops.set_irq_type = NULL;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, &w->id), 0);
    assert_int_equal(ops->features(dev) & 3u, 1);
    room_free(w);
}

static void test_init_refuses(void **state)
{
    struct room *w = room_new(4, 16);
    struct vgpio_dev_config good = w->cfg;
    uint64_t abi =
        VGPIO_ABI(sizeof w->dev, sizeof w->cfg, sizeof w->lines[0], sizeof w->reqs[0]);

    (void)state;
    w->cfg.ngpio = 0; /* a guest of 0 lines leaves a buffer behind that it frees */
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, NULL), VGPIO_ERR_INVAL);
    w->cfg = good;
    w->cfg.names_size--;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, NULL), VGPIO_ERR_INVAL);
    w->cfg = good;
    w->cfg.queue_max[0] = 3;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, NULL), VGPIO_ERR_INVAL);
    w->cfg = good;
    w->id.flags = 2;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, &w->id), VGPIO_ERR_INVAL);
    w->id.flags = 0;
    w->id.size--;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, &w->id), VGPIO_ERR_ABI);
    assert_int_equal(vgpio_draft_dev_init_abi(&w->dev, &w->cfg, NULL, abi - 1u),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, NULL), 0);
    room_free(w);
}

/* The old drivers write behind their copy of the block: it never ends where memory that
 * comes in eights does. */
static void test_names_are_padded(void **state)
{
    struct room *w = room_new(4, 16);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    unsigned n;

    (void)state;
    for (n = 1; n < 30; n++) {
        uint8_t size[4];
        uint32_t told;

        w->cfg.ngpio = 1;
        memset(w->names, 'a', sizeof w->names);
        w->names[n - 1] = 0;
        w->cfg.names_size = n;
        assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, NULL), 0);
        ops->config_read(&w->dev, 4, size, 4);
        told = size[0];
        assert_in_range(told, n, n + 2);
        assert_in_range(told % 8, 1, 6);
        assert_int_equal(ops->config_size(&w->dev), 64 + told);
    }
    w->cfg.names_size = 0;
    assert_int_equal(vgpio_draft_dev_init(&w->dev, &w->cfg, NULL), 0);
    assert_int_equal(ops->config_size(&w->dev), 64);
    room_free(w);
}

/* ---- what must not be answered, and how what is bad is ---- */

static void test_garbage_is_not_answered(void **state)
{
    static const unsigned types[] = {0,      7,      8,      9,      0x11,   0x12,
                                     0x1478, 0x3478, 0x7478, 0xf478, 0x8001, 0xffff};
    struct room *w = room_probed(4, 256);
    unsigned i, seen = w->o->nwire;

    (void)state;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        uint16_t before = room_used(w, 1);

        assert_int_equal(old_draft_post(w->o, types[i] & 15, 0, 0), 0);
        peer_put16(&w->o->mem, w->o->tx_gpa + 8u * (w->o->sent - 1u), (uint16_t)types[i]);
        (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
        old_draft_run(w->o, 100);
        assert_int_equal(w->o->nwire, seen);
        assert_int_equal(room_used(w, 1), (uint16_t)(before + 1)); /* it goes back */
    }
    assert_int_equal(old_draft_get(w->o, 0), 0);
    room_free(w);
}

static void test_no_such_line(void **state)
{
    struct room *w = room_probed(4, 256);
    unsigned type;

    (void)state;
    for (type = 1; type <= 6; type++) {
        assert_int_equal(old_draft_call(w->o, type, ROOM_LINES, 0), -22);
        assert_int_equal(old_draft_call(w->o, type, 0xffff, 0), -22);
    }
    expect_wire(w, 0, "06 80 ff ff ea ff ff ff");
    assert_int_equal(old_draft_call(w->o, 6, 0, 1), -16); /* not an output */
    w->refuse = VGPIO_ERR_STATE;
    assert_int_equal(old_draft_call(w->o, 2, 0, 0), -16);
    w->refuse = -99;
    assert_int_equal(old_draft_call(w->o, 5, 0, 0), -5);
    w->refuse = 0;
    assert_int_equal(old_draft_call(w->o, 3, 0, 7), 0); /* only bit 0 counts */
    assert_int_equal(vgpio_sim_level(&w->sim, 0), 1);
    room_free(w);
}

static void test_interrupted_callers(void **state)
{
    unsigned version, i;

    (void)state;
    for (version = 2; version <= 4; version++) {
        struct room *w = room_probed(version, 4096);

        w->o->seed = 11 * version;
        for (i = 0; i < 200; i++) {
            assert_int_equal(vgpio_sim_pull(&w->sim, 1, i & 1u), 0);
            old_draft_interrupted(w->o, 4, 0, (int)(i & 1u));
            if (i % 3 == 0) {
                old_draft_interrupted(w->o, 2, 3, (int)(i & 2u));
            }
            old_draft_run(w->o, 30); /* a late answer that comes before is harmless */
            assert_int_equal(old_draft_call(w->o, 5, 1, 0), i & 1u);
        }
        room_free(w);
    }
}

/* ---- several messages in one buffer; buffers of all shapes ---- */

/* With buffers for all: answers in order, one buffer back behind the last one. */
static void test_messages_in_one_buffer(void **state)
{
    struct room *w = room_probed(4, 256);
    uint16_t rx = room_used(w, 0), tx = room_used(w, 1);
    uint32_t id, len;
    unsigned i;

    (void)state;
    for (i = 0; i < 10; i++) { /* more than there are slots */
        room_put(w, i, i == 3 ? 0x99 : 4, (uint16_t)(i % ROOM_LINES));
    }
    room_post(w, 85); /* and 5 bytes that are no message */
    (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
    assert_int_equal(room_used(w, 0) - rx, 1); /* the idle buffer is used */
    assert_int_equal(room_used(w, 1), tx);
    for (i = 0; i < 8; i++) {
        room_rx(w, (uint16_t)(100 + i), 64);
        (void)w->o->dev.ops->kick(w->o->dev.obj, 0);
        assert_int_equal((uint16_t)(room_used(w, 0) - rx), i + 2);
        assert_int_equal((uint16_t)(room_used(w, 1) - tx), i == 7);
    }
    for (i = 0; i < 9; i++) {
        const uint8_t *p;

        assert_int_equal(ring_peer_used(&w->o->q[0], &id, &len), 1);
        assert_int_equal(len, 8);
        if (id >= 100) {
            p = peer_at(&w->o->mem, w->o->rx_gpa + 0x2000 + 64u * id, 64);
            assert_int_equal(p[0] | p[1] << 8, 0x8004);
            assert_int_equal(p[2], (i + (i >= 3)) % ROOM_LINES);
            assert_int_equal(p[8], 0xa5);
        }
    }
    room_free(w);
}

static void test_odd_buffers(void **state)
{
    struct room *w = room_probed(4, 256);
    uint32_t id, len;
    uint64_t table = w->o->tx_gpa + 0x400;

    (void)state;
    room_post(w, 7); /* too short for a message: goes back */
    (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
    assert_int_equal(w->trace[VGPIO_TR_CHAIN_BAD], 1);
    room_rx(w, 100, 7); /* behind the idle one: too short for an answer */
    room_rx(w, 101, 8);
    room_put(w, 0, 4, 1);
    room_put(w, 1, 4, 2);
    room_post(w, 16);
    (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
    while (ring_peer_used(&w->o->q[0], &id, &len)) {
        assert_int_equal(len, id == 100 ? 0 : 8);
    }
    assert_int_equal(w->trace[VGPIO_TR_CHAIN_BAD], 2);
    assert_int_equal(peer_at(&w->o->mem, w->o->rx_gpa + 0x2000 + 6400, 8)[6], 0xa5);
    /* a table, byte by byte */
    for (id = 0; id < 8; id++) {
        ring_peer_entry(&w->o->mem, table, (uint16_t)id, w->o->tx_gpa + 0x200 + id, 1,
                        id < 7 ? PEER_NEXT : 0, (uint16_t)(id + 1));
    }
    ring_peer_desc(&w->o->q[1], 200, table, 128, PEER_INDIRECT, 0);
    ring_peer_post(&w->o->q[1], 200);
    room_rx(w, 102, 64);
    (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
    assert_int_equal(ring_peer_used(&w->o->q[0], &id, &len), 1);
    assert_int_equal(peer_at(&w->o->mem, w->o->rx_gpa + 0x2000 + 64u * id, 8)[2], 1);
    /* a head that cannot be */
    ring_peer_post(&w->o->q[1], 256);
    assert_true(w->o->dev.ops->kick(w->o->dev.obj, 1) <= VGPIO_ERR_FATAL);
    assert_int_equal(w->o->dev.ops->take_events(w->o->dev.obj) & VGPIO_EV_NEEDS_RESET,
                     VGPIO_EV_NEEDS_RESET);
    assert_true(w->o->dev.ops->kick(w->o->dev.obj, 1) <= VGPIO_ERR_FATAL);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    assert_int_equal(old_draft_probe(w->o), 0); /* a reset mends it */
    room_free(w);
}

static void test_driver_of_the_standard(void **state)
{
    struct room *w = room_new(4, 256);
    uint32_t id, len;

    (void)state;
    assert_int_equal(old_draft_probe(w->o), 0);
    old_draft_restart(w->o);
    w->trace[VGPIO_TR_DIALECT] = 0;
    w->o->dev.ops->reset(w->o->dev.obj);
    assert_int_equal(w->o->dev.ops->ack_features(w->o->dev.obj, VGPIO_F_VERSION_1), 0);
    (void)ring_peer_init(&w->o->q[0], &w->o->mem, 0x10000, 64, 0);
    assert_int_equal(
        w->o->dev.ops->queue_start(w->o->dev.obj, 0, &w->o->mem.ops, &w->o->q[0].setup),
        0);
    /* It starts one queue; what it sends is looked at once it started both. */
    (void)ring_peer_init(&w->o->q[1], &w->o->mem, 0x18000, 64, 0);
    ring_peer_request(&w->o->q[0], 0, w->o->tx_gpa, 8, w->o->rx_gpa, 2);
    assert_int_equal(w->o->dev.ops->kick(w->o->dev.obj, 0), 0);
    assert_int_equal(w->trace[VGPIO_TR_DIALECT], 1);
    assert_int_equal(ring_peer_used(&w->o->q[0], &id, &len), 1);
    assert_int_equal(id, 0);
    assert_int_equal(len, 0); /* an error to it, and no waiting for ever */
    room_free(w);
}

/* ---- rings that cannot be: B1, B2, B3, B4, B6, B11, B12 on both queues ---- */

#define BAD 200u /* the descriptor where it begins */

static void bad_head(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w, (void)at;
    ring_peer_post(r, 256);
}

static void bad_next(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, 8, PEER_NEXT, 256);
    ring_peer_post(r, BAD);
}

static void bad_loop(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, 1, PEER_NEXT, BAD);
    ring_peer_post(r, BAD);
}

static void bad_sum(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, UINT32_MAX, PEER_NEXT | PEER_WRITE, BAD + 1);
    ring_peer_desc(r, BAD + 1, at, 1, PEER_WRITE, 0);
    ring_peer_post(r, BAD);
}

static void bad_order(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, 8, PEER_NEXT | PEER_WRITE, BAD + 1);
    ring_peer_desc(r, BAD + 1, at, 8, 0, 0);
    ring_peer_post(r, BAD);
}

static void bad_index(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w, (void)at;
    ring_peer_set_avail_idx(r, (uint16_t)(r->avail_idx + 300));
}

static void bad_table_nested(struct ring_peer *r, struct room *w, uint64_t at)
{
    ring_peer_entry(&w->o->mem, at, 0, at, 16, PEER_INDIRECT, 0);
    ring_peer_desc(r, BAD, at, 16, PEER_INDIRECT, 0);
    ring_peer_post(r, BAD);
}

static void bad_table_next(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, 16, PEER_INDIRECT | PEER_NEXT, BAD + 1);
    ring_peer_post(r, BAD);
}

static void bad_table_empty(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, 0, PEER_INDIRECT, 0);
    ring_peer_post(r, BAD);
}

static void bad_table_odd(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w;
    ring_peer_desc(r, BAD, at, 17, PEER_INDIRECT, 0);
    ring_peer_post(r, BAD);
}

static void bad_table_nowhere(struct ring_peer *r, struct room *w, uint64_t at)
{
    (void)w, (void)at;
    ring_peer_desc(r, BAD, UINT64_MAX - 31u, 64, PEER_INDIRECT, 0);
    ring_peer_post(r, BAD);
}

static void bad_ring(void (*bad)(struct ring_peer *, struct room *, uint64_t), unsigned q)
{
    struct room *w = room_probed(4, 256);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    unsigned maps;

    bad(&w->o->q[q], w, w->o->tx_gpa + 0x600);
    if (q == 0) { /* the first answer has a good buffer, the second one this */
        room_put(w, 0, 4, 1);
        room_put(w, 1, 4, 2);
        room_post(w, 16);
    }
    (void)ops->kick(&w->dev, 1);
    assert_true(ops->error(&w->dev, q) <= VGPIO_ERR_FATAL);
    assert_int_equal(ops->error(&w->dev, q ^ 1u), 0);
    assert_int_equal(ops->take_events(&w->dev) & VGPIO_EV_NEEDS_RESET,
                     VGPIO_EV_NEEDS_RESET);
    maps = w->o->mem.maps;
    assert_int_equal(ops->kick(&w->dev, q), ops->error(&w->dev, q));
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    (void)vgpio_draft_dev_tick(&w->dev, w->o->now + 1000);
    assert_int_equal(ops->take_events(&w->dev), 0); /* once */
    assert_int_equal(w->o->mem.maps, maps);
    assert_int_equal(old_draft_probe(w->o), 0);
    room_free(w);
}

static void test_rings_that_cannot_be(void **state)
{
    static void (*const bad[])(struct ring_peer *, struct room *, uint64_t) = {
        bad_head,        bad_next,      bad_loop,         bad_sum,
        bad_order,       bad_index,     bad_table_next,   bad_table_nested,
        bad_table_empty, bad_table_odd, bad_table_nowhere};
    unsigned i, q;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (q = 0; q < 2; q++) {
            bad_ring(bad[i], q);
        }
    }
}

/* Memory goes away: at each map() once, and no message is done twice or in part. */
static void test_memory_that_fails(void **state)
{
    unsigned n;

    (void)state;
    for (n = 1; n < 30; n++) {
        struct room *w = room_probed(4, 256);
        const struct vgpio_vdev_ops *ops = w->o->dev.ops;
        uint32_t id, len, last = 0;
        uint64_t at;
        unsigned i;

        for (i = 0; i < 4; i++) {
            room_rx(w, (uint16_t)(100 + i), 8);
        }
        room_put(w, 0, 3, 1);
        room_put(w, 1, 4, 1);
        room_post(w, 16);
        w->o->mem.fail_at = n;
        (void)ops->kick(&w->dev, 1);
        w->o->mem.fail_at = 0;
        assert_int_equal(ops->error(&w->dev, 0), 0);
        assert_int_equal(ops->error(&w->dev, 1), 0);
        (void)ops->kick(&w->dev, 0);
        assert_int_equal(ops->in_flight(&w->dev), 0);
        assert_int_equal(w->o->mem.live, 6 * VGPIO_CFG_UNMAP); /* the rings */
        room_put(w, 0, 5, 3);
        room_rx(w, 104, 8);
        room_post(w, 8);
        (void)ops->kick(&w->dev, 1);
        while (ring_peer_used(&w->o->q[0], &id, &len)) {
            assert_true(len == 0 || len == 8);
            last = len == 8 ? id : last;
        }
        /* the idle buffer is the double's, the others are ours */
        at = w->o->rx_gpa + (last < 100 ? OLD_RX_BLOCK * (uint64_t)last + 32u
                                        : 0x2000 + 64u * (uint64_t)last);
        assert_int_equal(peer_get16(&w->o->mem, at), 0x8005);
        room_free(w);
    }
}

/* ---- reports ---- */

static void test_no_report_before_the_first_request(void **state)
{
    struct room *w = room_new(4, 256);

    (void)state;
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    assert_int_equal(old_draft_probe(w->o), 0);
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 0); /* older than the guest */
    old_draft_restart(w->o);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 0), 0);
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 0);
    assert_int_equal(old_draft_posted(w->o), 1);
    assert_int_equal(old_draft_get(w->o, 0), 0);
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 1);
    room_free(w);
}

/* A burst into one buffer: one report now, the latest level when there is room. */
static void test_burst(void **state)
{
    struct room *w = room_probed(4, 256);
    unsigned i;

    (void)state;
    assert_int_equal(old_draft_monitor(w->o, 0), 0);
    assert_int_equal(old_draft_monitor(w->o, 5), 0);
    old_draft_run(w->o, 20);
    for (i = 0; i < 5; i++) {
        assert_int_equal(vgpio_sim_pull(&w->sim, 0, (i + 1) & 1u), 0);
    }
    assert_int_equal(vgpio_sim_pulse(&w->sim, 5), 0);
    old_draft_run(w->o, 100);
    assert_int_equal(w->o->fired[0], 2); /* the first, and the latest */
    assert_int_equal(w->o->level[0], 1);
    assert_int_equal(w->o->fired[5], 1);
    assert_int_equal(w->o->level[5], 0);
    old_draft_run(w->o, 1000);
    assert_int_equal(w->o->events, 3); /* nothing twice */
    assert_int_equal(w->o->warnings, 0);
    assert_int_equal(old_draft_posted(w->o), 1);
    room_free(w);
}

/* A line that became an output takes its report along. */
static void test_report_of_a_former_input(void **state)
{
    struct room *w = room_probed(4, 256);

    (void)state;
    assert_int_equal(old_draft_monitor(w->o, 0), 0);
    assert_int_equal(w->types[0], VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(w->unmasks, 1);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0); /* 10 ms have not passed */
    assert_int_equal(old_draft_call(w->o, 3, 0, 0), 0);
    assert_int_equal(w->types[0], VGPIO_IRQ_NONE);
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 0);
    assert_int_equal(old_draft_call(w->o, 2, 0, 0),
                     0); /* back: 0 to 1 is its own doing */
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 0), 0);
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->events, 1);
    assert_int_equal(w->unmasks, 3);
    room_free(w);
}

static void toggle(void *ctx)
{
    struct room *w = ctx;

    if (w->o->now % 2 == 0) {
        w->toggles++;
        (void)vgpio_sim_pull(&w->sim, 0, w->toggles & 1u);
    }
}

/* The run in which other policies hung callers or gave them wrong values: events about
 * every 2 ms beside gets, interrupts that merge, handlers and waiters that run late. */
static void stress(unsigned version, enum old_wiring wiring, uint32_t seed)
{
    struct room *w = room_new(version, 4096);
    unsigned i;

    w->o->wiring = wiring;
    assert_int_equal(old_draft_probe(w->o), 0);
    assert_int_equal(old_draft_monitor(w->o, 0), 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 1, 1), 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 3, 1), 0);
    old_draft_run(w->o, 200);
    w->o->seed = seed;
    w->o->idle = toggle;
    w->o->idle_ctx = w;
    for (i = 0; i < 300; i++) {
        uint16_t line = (uint16_t)(1 + i % 4);

        assert_int_equal(old_draft_get(w->o, line), line & 1u);
        old_draft_run(w->o, i % 7 == 0 ? 150 : i % 30);
    }
    w->o->idle = NULL;
    old_draft_run(w->o, 3000);
    assert_int_equal(w->o->level[0], vgpio_sim_level(&w->sim, 0)); /* the latest came */
    assert_true(w->o->events > 200);
    assert_true(w->toggles > 4000);
    room_free(w);
}

static void test_stress(void **state)
{
    uint32_t seed;

    (void)state;
    for (seed = 1; seed <= 12; seed++) {
        stress(4, OLD_SHARED, seed);
        stress(4, OLD_MSIX, seed * 77);
        stress(3, OLD_MSIX, seed * 99);
    }
}

/* ---- lines that take their time ---- */

static void test_answers_keep_their_order(void **state)
{
    struct room *w = room_probed(4, 256);
    uint16_t rx;
    unsigned i;

    (void)state;
    w->pend = 1;
    for (i = 0; i < 4; i++) {
        room_rx(w, (uint16_t)(100 + i), 8);
    }
    room_put(w, 0, 5, 1);
    room_put(w, 1, 5, 2);
    room_put(w, 2, 5, 1); /* the same line: one at a time */
    room_put(w, 3, 5, 3);
    room_put(w, 4, 5, 4); /* no slot for it yet */
    rx = room_used(w, 0);
    room_post(w, 40);
    (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
    assert_int_equal(w->nheld, 3);
    assert_int_equal(w->o->dev.ops->in_flight(w->o->dev.obj), 3);
    assert_int_equal(room_release(w, 2), 0); /* line 3 is done first and waits */
    assert_int_equal(room_release(w, 1), 0);
    assert_int_equal(room_used(w, 0), rx);
    assert_int_equal(room_release(w, 0), 0);
    assert_int_equal((uint16_t)(room_used(w, 0) - rx), 2); /* lines 1 and 2 */
    assert_int_equal(w->nheld, 2);                         /* 1 again, and 4 */
    assert_int_equal(room_release(w, 1), 0);
    assert_int_equal((uint16_t)(room_used(w, 0) - rx), 2);
    assert_int_equal(room_release(w, 0), 0);
    assert_int_equal((uint16_t)(room_used(w, 0) - rx), 5);
    room_free(w);
}

static void test_tokens(void **state)
{
    struct room *w = room_probed(4, 256);
    struct vgpio_sink sink = vgpio_draft_dev_sink(&w->dev);
    vgpio_token t;

    (void)state;
    w->pend = 1;
    assert_int_equal(old_draft_post(w->o, 2, 1, 0), 0);
    (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
    t = w->held[0].token;
    assert_int_equal(sink.ops->complete(sink.obj, t, VGPIO_PENDING), VGPIO_ERR_INVAL);
    assert_int_equal(room_release(w, 0), 0); /* and now the second step is on its way */
    assert_int_equal(w->nheld, 1);
    assert_int_equal(w->held[0].op, 'T');
    assert_int_equal(sink.ops->complete(sink.obj, t, 0), VGPIO_ERR_STALE);
    t = w->held[0].token;
    w->o->dev.ops->reset(w->o->dev.obj);
    assert_int_equal(sink.ops->complete(sink.obj, t, 0), VGPIO_ERR_STALE);
    assert_int_equal(sink.ops->complete(sink.obj, 0xffffffffu, 0), VGPIO_ERR_STALE);
    assert_int_equal(w->o->dev.ops->in_flight(w->o->dev.obj), 0);
    assert_int_equal(sink.ops->change(sink.obj, ROOM_LINES, 1, 1), VGPIO_ERR_INVAL);
    assert_int_equal(sink.ops->change(sink.obj, 0, 4, 1), VGPIO_ERR_INVAL);
    assert_int_equal(sink.ops->change(sink.obj, 0, 1, 3), VGPIO_ERR_INVAL);
    room_free(w);
}

/* ---- stop and go on ---- */

static void test_resume(void **state)
{
    struct room *w = room_probed(4, 256);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    struct vgpio_vq_setup at[2];
    unsigned q;

    (void)state;
    assert_int_equal(old_draft_monitor(w->o, 0), 0);
    w->pend = 1;
    assert_int_equal(old_draft_post(w->o, 5, 1, 0), 0);
    (void)ops->kick(&w->dev, 1);
    assert_int_equal(ops->queue_stop(&w->dev, 1, VGPIO_STOP_DRAIN, NULL), VGPIO_PENDING);
    for (q = 0; q < 2; q++) {
        assert_int_equal(ops->queue_stop(&w->dev, q, VGPIO_STOP_NOW, &at[q]), 0);
    }
    assert_int_equal(room_release(w, 0), 0); /* done while the rings are away */
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    for (q = 0; q < 2; q++) {
        assert_int_equal(ops->queue_start(&w->dev, q, &w->o->mem.ops, &at[q]), 0);
    }
    w->pend = 0;
    assert_int_equal(old_draft_wait(w->o, 5), 0);
    assert_int_equal(w->trace[VGPIO_TR_QUEUE_RESUMED], 2);
    old_draft_run(w->o, 50);
    assert_int_equal(w->o->fired[0], 1);
    assert_int_equal(w->resets, 1);
    assert_int_equal(ops->queue_run(&w->dev, 1, 0), 0);
    assert_int_equal(old_draft_post(w->o, 5, 1, 0), 0);
    (void)ops->kick(&w->dev, 1);
    assert_int_equal(room_used(w, 1) + 1, w->o->sent);
    assert_int_equal(ops->queue_run(&w->dev, 1, 1), 0);
    (void)ops->kick(&w->dev, 1);
    assert_int_equal(old_draft_wait(w->o, 5), 0);
    assert_int_equal(ops->queue_stop(&w->dev, 1, VGPIO_STOP_DRAIN, NULL), 0);
    assert_int_equal(ops->queue_run(&w->dev, 1, 1), VGPIO_ERR_STATE);
    room_free(w);
}

/* A buffer of several messages, stopped in its middle: none is done twice. */
static void test_resume_in_a_buffer(void **state)
{
    struct room *w = room_probed(4, 256);
    const struct vgpio_vdev_ops *ops = w->o->dev.ops;
    struct vgpio_vq_setup at[2];
    uint16_t rx = room_used(w, 0);
    unsigned i, q;

    (void)state;
    for (i = 0; i < 10; i++) {
        room_put(w, i, 4, (uint16_t)(i % ROOM_LINES));
    }
    room_post(w, 80);
    (void)ops->kick(&w->dev, 1);
    for (q = 0; q < 2; q++) {
        assert_int_equal(ops->queue_stop(&w->dev, q, VGPIO_STOP_NOW, &at[q]), 0);
    }
    for (q = 0; q < 2; q++) {
        assert_int_equal(ops->queue_start(&w->dev, q, &w->o->mem.ops, &at[q]), 0);
    }
    for (i = 0; i < 12; i++) {
        room_rx(w, (uint16_t)(100 + i), 8);
    }
    (void)ops->kick(&w->dev, 1);
    assert_int_equal((uint16_t)(room_used(w, 0) - rx), 10);
    for (i = 1; i < 10; i++) {
        assert_int_equal(
            peer_at(&w->o->mem, w->o->rx_gpa + 0x2000 + 64u * (99 + i), 8)[2],
            i % ROOM_LINES);
    }
    room_free(w);
}

/* The module is loaded again: new rings, no reset, and nothing of before. */
static void test_new_rings_without_reset(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 2; i++) {
        struct room *w = room_probed(4, 256);

        assert_int_equal(old_draft_monitor(w->o, 0), 0);
        w->pend = (int)i;
        assert_int_equal(old_draft_post(w->o, 5, 1, 0), 0);
        (void)w->o->dev.ops->kick(w->o->dev.obj, 1);
        assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
        w->o->nwire = 0;
        memset(w->o->unmasked, 0, sizeof w->o->unmasked);
        old_draft_restart(w->o);
        w->pend = 0;
        w->nheld = 0;
        assert_int_equal(w->resets, 3);
        assert_int_equal(old_draft_get(w->o, 0), 1);
        old_draft_run(w->o, 50);
        assert_int_equal(w->o->nwire, 4);
        room_free(w);
    }
}

/* ---- the text of 2021 ---- */

static void expect_report(struct room *w, uint16_t line, int32_t level)
{
    unsigned type;
    uint16_t of = 0;
    int32_t v = room_next(w, &type, &of);

    assert_int_equal(type, 0x11);
    assert_int_equal(of, line);
    assert_int_equal(v, level);
}

static void expect_silence(struct room *w)
{
    unsigned type;
    uint16_t of = 0;

    (void)room_next(w, &type, &of);
    assert_int_equal(type, 0);
}

static void test_2021_messages(void **state)
{
    struct room *w = room_modern();

    (void)state;
    assert_int_equal(room_call(w, 1, 0, 0), 0);
    assert_int_equal(room_call(w, 3, 0, 1), 0);
    assert_int_equal(vgpio_sim_direction(&w->sim, 0), VGPIO_DIR_OUT);
    assert_int_equal(room_call(w, 7, 0, 0), 0);
    assert_int_equal(vgpio_sim_direction(&w->sim, 0), VGPIO_DIR_NONE);
    assert_int_equal(room_call(w, 5, ROOM_LINES, 0), -VGPIO_DRAFT_E_NO_PIN);
    assert_int_equal(room_call(w, 6, 0, 0), -VGPIO_DRAFT_E_INVAL);
    w->refuse = VGPIO_ERR_IO;
    assert_int_equal(room_call(w, 5, 0, 0), -VGPIO_DRAFT_E_COMM);
    assert_int_equal(room_call(w, 7, 0, 0), 0); /* given back all the same */
    room_free(w);
}

static void test_2021_irq(void **state)
{
    struct room *w = room_modern();

    (void)state;
    assert_int_equal(room_call(w, 2, 0, 0), 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    expect_silence(w); /* all masks are 0 */
    assert_int_equal(room_call(w, 8, 0, VGPIO_DRAFT_IRQ_FALLING | VGPIO_DRAFT_IRQ_ALWAYS),
                     0);
    assert_int_equal(w->types[0], VGPIO_IRQ_EDGE_FALLING);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 0), 0);
    expect_report(w, 0, 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    expect_silence(w);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 0), 0);
    expect_report(w, 0, 0);
    assert_int_equal(room_call(w, 8, 0, VGPIO_DRAFT_IRQ_RISING | VGPIO_DRAFT_IRQ_ARMED),
                     0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    expect_report(w, 0, 1);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 0), 0);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 1), 0);
    expect_silence(w); /* once */
    /* a level that is there already: its report comes with the answer, in any order */
    room_put(w, 0, 8, 0);
    peer_put32(&w->o->mem, w->o->tx_gpa + 0x204,
               VGPIO_DRAFT_IRQ_HIGH | VGPIO_DRAFT_IRQ_ARMED);
    room_post(w, 8);
    (void)w->o->dev.ops->kick(&w->dev, 1);
    {
        unsigned type;
        uint16_t of = 0;

        assert_int_equal(room_next(w, &type, &of), 0);
        assert_int_equal(type, 0x8008);
    }
    expect_report(w, 0, 1);
    assert_int_equal(room_call(w, 8, 0, 0x2c), 0);
    assert_int_equal(w->types[0], VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(room_call(w, 8, 0, 0), 0);
    assert_int_equal(w->types[0], VGPIO_IRQ_NONE);
    assert_int_equal(vgpio_sim_pull(&w->sim, 0, 0), 0);
    expect_silence(w);
    assert_int_equal(room_call(w, 3, 1, 0), 0);
    assert_int_equal(room_call(w, 8, 1, 0x24), -VGPIO_DRAFT_E_INVAL); /* an output */
    w->refuse = VGPIO_ERR_IO;
    assert_int_equal(room_call(w, 8, 0, 0x24), -VGPIO_DRAFT_E_COMM);
    assert_int_equal(room_call(w, 8, 0, 0), 0);
    room_free(w);
}

/* Without its features the types do not exist. */
static void test_2021_not_negotiated(void **state)
{
    struct room *w = room_new(4, 256);

    (void)state;
    w->id.flags = VGPIO_DRAFT_2021;
    room_make(w);
    assert_int_equal(old_draft_probe(w->o), 0);
    assert_int_equal(old_draft_call(w->o, 7, 0, 0), OLD_HUNG);
    assert_int_equal(old_draft_call(w->o, 8, 0, 0), OLD_HUNG);
    room_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcript_probe),
        cmocka_unit_test(test_transcript_get),
        cmocka_unit_test(test_transcript_set),
        cmocka_unit_test(test_transcript_event),
        cmocka_unit_test(test_every_version),
        cmocka_unit_test(test_life_of_a_ring),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_names_are_padded),
        cmocka_unit_test(test_garbage_is_not_answered),
        cmocka_unit_test(test_no_such_line),
        cmocka_unit_test(test_interrupted_callers),
        cmocka_unit_test(test_messages_in_one_buffer),
        cmocka_unit_test(test_odd_buffers),
        cmocka_unit_test(test_driver_of_the_standard),
        cmocka_unit_test(test_rings_that_cannot_be),
        cmocka_unit_test(test_memory_that_fails),
        cmocka_unit_test(test_no_report_before_the_first_request),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_report_of_a_former_input),
        cmocka_unit_test(test_stress),
        cmocka_unit_test(test_answers_keep_their_order),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_in_a_buffer),
        cmocka_unit_test(test_new_rings_without_reset),
        cmocka_unit_test(test_2021_messages),
        cmocka_unit_test(test_2021_irq),
        cmocka_unit_test(test_2021_not_negotiated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
