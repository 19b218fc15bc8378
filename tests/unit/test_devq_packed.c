/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a packed queue, against a driver that writes bytes: positions,
 * order, notifications, and everything that breaks it. */
#include "devq_world.h"
#include "ring.h"
#include "vdev.h"

#define WRAP 0x8000u

static int start(struct world *w)
{
    return vgpio_devq_start(&w->q, &w->m.ops, &w->k.setup);
}

static void refused(struct world *w, int err)
{
    assert_int_equal(start(w), err);
    assert_int_equal(w->m.live, 0);
    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_devq_rearm(&w->q), VGPIO_ERR_STATE);
}

/* One chain taken and answered, not published. */
static void serve_one(struct world *w)
{
    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), 1);
    assert_int_equal(vgpio_devq_push(&w->q, w->c.head, 2), 0);
}

static int publish_one(struct world *w)
{
    packed_peer_request(&w->k, 0, OUT, 8, IN, 2);
    serve_one(w);
    return vgpio_devq_publish(&w->q);
}

static void test_request_and_answer(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t status, value;
    uint32_t len, room;
    uint16_t id;

    (void)state;
    packed_start(&w, 5, 0);
    memcpy(peer_at(&w.m, OUT, 8), "abcdefgh", 8);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
    packed_peer_request(&w.k, 3, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(w.c.head.id, 3);
    assert_int_equal(w.c.head.ndesc, 2);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_memory_equal(buf, "abcdefgh", 8);
    assert_int_equal(vgpio_chain_where(&w.c, &status), 0);
    assert_int_equal(vgpio_chain_where(&w.c, &value), 0);
    assert_int_equal(status, IN);
    assert_int_equal(value, IN + 1);
    assert_int_equal(vgpio_chain_where(&w.c, &value), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
    assert_int_equal(room, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
    assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 2), 0);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
    assert_int_equal(id, 3);
    assert_int_equal(len, 2);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 0);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    world_end(&w);
}

static void test_any_size(void **state)
{
    static const uint16_t bad[] = {0, 32769, 65535};
    static const uint16_t good[] = {1, 2, 3, 7, 12, 255, 256, 257, 32767, 32768};
    struct peer_mem m;
    struct packed_peer p;
    struct vgpio_devq q = {0};
    size_t i;

    (void)state;
    peer_mem_init(&m, WORLD_GPA, 0x200000);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        packed_peer_init(&p, &m, WORLD_GPA, bad[i], 0);
        assert_int_equal(vgpio_devq_start(&q, &m.ops, &p.setup), VGPIO_ERR_INVAL);
        assert_int_equal(m.maps, 0);
    }
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        packed_peer_init(&p, &m, WORLD_GPA, good[i], 0);
        assert_int_equal(vgpio_devq_start(&q, &m.ops, &p.setup), 0);
        assert_int_equal(m.live, 3 * VGPIO_CFG_UNMAP);
        vgpio_devq_stop(&q, NULL);
        assert_int_equal(m.live, 0);
    }
    peer_mem_free(&m);
}

static void test_misaligned_areas(void **state)
{
    struct vgpio_vq_setup good;
    struct world w;
    uint64_t off;

    (void)state;
    packed_init(&w, 4, 0);
    good = w.k.setup;
    for (off = 1; off < 16; off++) {
        w.k.setup.desc = good.desc + off;
        refused(&w, VGPIO_ERR_FAULT);
    }
    for (off = 1; off < 4; off++) {
        w.k.setup = good;
        w.k.setup.driver += off;
        refused(&w, VGPIO_ERR_FAULT);
        w.k.setup = good;
        w.k.setup.device += off;
        refused(&w, VGPIO_ERR_FAULT);
    }
    w.k.setup = good;
    assert_int_equal(start(&w), 0);
    world_end(&w);
}

/* Each area whole; the ring and the device's own for writing, the driver's not. */
static void test_areas_as_they_are_used(void **state)
{
    struct world w;
    unsigned i;

    (void)state;
    packed_init(&w, 8, 0);
    w.k.setup.driver = w.k.setup.desc + 0x400;
    w.k.setup.device = w.k.setup.desc + 0x800;
    for (i = 0; i < 3; i++) {
        const uint64_t at[3] = {w.k.setup.desc, w.k.setup.driver, w.k.setup.device};
        const uint32_t bytes[3] = {16 * 8, 4, 4};

        w.m.hole = at[i] + bytes[i] - 1;
        w.m.hole_len = 1;
        refused(&w, VGPIO_ERR_FAULT);
        w.m.hole = at[i] + bytes[i];
        assert_int_equal(start(&w), 0);
        vgpio_devq_stop(&w.q, NULL);
        w.m.hole_len = 0;
        w.m.rom = at[i];
        w.m.rom_len = 1;
        if (i == 1) {
            assert_int_equal(start(&w), 0);
            vgpio_devq_stop(&w.q, NULL);
        } else {
            refused(&w, VGPIO_ERR_FAULT);
        }
        w.m.rom_len = 0;
    }
    world_end(&w);
}

static void assert_starts_at(struct world *w, uint16_t avail, uint16_t used)
{
    struct vgpio_vq_setup where;

    assert_int_equal(start(w), 0);
    vgpio_devq_stop(&w->q, &where);
    assert_int_equal(where.avail_pos, avail);
    assert_int_equal(where.used_pos, used);
    assert_int_equal(where.flags, VGPIO_VQ_TOLD);
    assert_int_equal(where.desc, w->k.setup.desc);
    assert_int_equal(where.driver, w->k.setup.driver);
    assert_int_equal(where.device, w->k.setup.device);
    assert_int_equal(where.size, w->k.setup.size);
}

static void test_positions(void **state)
{
    static const uint16_t some[] = {0,        1,        2,        4,        5,     77,
                                    WRAP + 0, WRAP + 1, WRAP + 4, WRAP + 5, 0xffff};
    const size_t n = sizeof some / sizeof some[0];
    struct world w;
    struct vgpio_vq_setup *s = &w.k.setup;
    size_t i;

    (void)state;
    packed_init(&w, 5, 0);
    s->avail_pos = 3;
    s->used_pos = 77;
    assert_starts_at(&w, WRAP, WRAP); /* not told: from the beginning */
    s->flags = VGPIO_VQ_TOLD;
    /* At most a whole ring lies between them, and avail is the one ahead. */
    for (i = 0; i < n * n; i++) {
        unsigned a, u;

        s->avail_pos = some[i / n];
        s->used_pos = some[i % n];
        a = s->avail_pos & (WRAP - 1);
        u = s->used_pos & (WRAP - 1);
        if (a >= 5 || u >= 5 || ((s->avail_pos ^ s->used_pos) & WRAP ? a > u : a < u)) {
            refused(&w, VGPIO_ERR_INVAL);
        } else {
            assert_starts_at(&w, s->avail_pos, s->used_pos);
        }
    }
    world_end(&w);
}

/* All zero may mean "from the beginning": the first descriptor tells. */
static void test_a_vague_zero(void **state)
{
    static const struct {
        uint16_t flags, pos;
    } known[] = {{0, WRAP}, {0x0080, WRAP}, {0x8080, 0}, {0x8000, 0}, {0x0083, WRAP}};
    struct world w;
    size_t i;

    (void)state;
    packed_init(&w, 4, 0);
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        peer_put16(&w.m, w.k.setup.desc + 14, known[i].flags);
        w.k.setup.flags = VGPIO_VQ_TOLD | VGPIO_VQ_VAGUE;
        assert_starts_at(&w, known[i].pos, known[i].pos);
        w.k.setup.flags = VGPIO_VQ_TOLD;
        assert_starts_at(&w, 0, 0);
    }
    /* Only zero is vague. */
    peer_put16(&w.m, w.k.setup.desc + 14, 0);
    w.k.setup.flags = VGPIO_VQ_TOLD | VGPIO_VQ_VAGUE;
    w.k.setup.avail_pos = 1;
    assert_starts_at(&w, 1, 0);
    world_end(&w);
}

/* Nothing but the hand-written peer's bytes: every size, chains of every length, far
 * beyond the end of the ring in both wrap counters. */
static void test_laps(void **state)
{
    struct world w;
    uint32_t len;
    uint16_t size, n, i, k, id;

    (void)state;
    for (size = 1; size <= 9; size++) {
        for (n = 1; n <= size; n++) {
            packed_start(&w, size, EVENT_IDX);
            for (i = 0; i < 5 * size; i++) {
                for (k = 0; k < n; k++) {
                    packed_peer_desc(&w.k, IN, 1,
                                     PEER_WRITE | (k + 1 < n ? PEER_NEXT : 0),
                                     k + 1 < n ? (uint16_t)0xdead : i);
                }
                serve_one(&w);
                assert_int_equal(w.c.head.id, i);
                assert_int_equal(w.c.head.ndesc, n);
                assert_int_equal(vgpio_chain_finish(&w.c, &len), 0);
                assert_int_equal(len, n);
                assert_int_equal(vgpio_devq_rearm(&w.q), 0);
                assert_true(vgpio_devq_publish(&w.q) >= 0);
                assert_int_equal(packed_peer_used(&w.k, n, &id, &len), 1);
                assert_int_equal(id, i);
                assert_int_equal(packed_peer_used(&w.k, n, &id, &len), 0);
            }
            world_end(&w);
        }
    }
}

static void test_the_largest_ring(void **state)
{
    struct peer_mem m;
    struct packed_peer p;
    struct vgpio_devq q = {0};
    struct vgpio_chain c;
    uint32_t len;
    uint16_t id, i;

    (void)state;
    peer_mem_init(&m, WORLD_GPA, 0x200000);
    packed_peer_init(&p, &m, WORLD_GPA, 32768, 0);
    packed_peer_wind(&p, 32760);
    assert_int_equal(vgpio_devq_start(&q, &m.ops, &p.setup), 0);
    for (i = 0; i < 20; i++) {
        packed_peer_request(&p, i, WORLD_GPA + 0x100000, 8, WORLD_GPA + 0x100010, 2);
        assert_int_equal(vgpio_devq_pop(&q, &c), 1);
        assert_int_equal(vgpio_devq_push(&q, c.head, 2), 0);
        assert_int_equal(vgpio_devq_publish(&q), 1);
        assert_int_equal(packed_peer_used(&p, 2, &id, &len), 1);
        assert_int_equal(id, i);
    }
    assert_int_equal(p.avail, 0x8000 + 32);
    assert_int_equal(q.at.avail_pos, p.avail);
    assert_int_equal(q.at.used_pos, p.used);
    vgpio_devq_stop(&q, NULL);
    peer_mem_free(&m);
}

/* The whole ring one chain, then the whole ring chains of one. */
static void test_a_full_ring(void **state)
{
    struct world w;
    struct vgpio_chain c[7];
    uint32_t len;
    uint16_t i, id;

    (void)state;
    packed_start(&w, 7, 0);
    for (i = 0; i < 7; i++) {
        packed_peer_desc(&w.k, IN, 1, PEER_WRITE, (uint16_t)(100 + i));
    }
    for (i = 0; i < 7; i++) {
        assert_int_equal(vgpio_devq_pop(&w.q, &c[i]), 1);
    }
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    for (i = 7; i-- > 0;) { /* backwards, in one batch */
        assert_int_equal(vgpio_devq_push(&w.q, c[i].head, 1), 0);
    }
    assert_int_equal(packed_peer_used(&w.k, 1, &id, &len), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    for (i = 7; i-- > 0;) {
        assert_int_equal(packed_peer_used(&w.k, 1, &id, &len), 1);
        assert_int_equal(id, 100 + i);
    }
    assert_int_equal(packed_peer_used(&w.k, 1, &id, &len), 0);
    world_end(&w);
}

/* RING-DEV-31: in the order of completion, over slots that still hold other chains. */
static void test_out_of_order(void **state)
{
    struct world w;
    struct vgpio_chain c[3];
    uint32_t len;
    uint16_t id;

    (void)state;
    packed_start(&w, 8, 0);
    packed_peer_request(&w.k, 10, OUT, 8, IN, 2);
    packed_peer_desc(&w.k, IN, 5, PEER_WRITE, 11);
    packed_peer_request(&w.k, 12, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &c[0]), 1);
    assert_int_equal(vgpio_devq_pop(&w.q, &c[1]), 1);
    assert_int_equal(vgpio_devq_pop(&w.q, &c[2]), 1);
    assert_int_equal(vgpio_devq_push(&w.q, c[1].head, 5), 0); /* where 10 begins */
    assert_int_equal(vgpio_devq_push(&w.q, c[2].head, 2), 0); /* where 10 goes on */
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(packed_peer_used(&w.k, 1, &id, &len), 1);
    assert_int_equal(id, 11);
    assert_int_equal(len, 5);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
    assert_int_equal(id, 12);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 0);
    assert_int_equal(vgpio_devq_push(&w.q, c[0].head, 2), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
    assert_int_equal(id, 10);
    world_end(&w);
}

/* Of a batch, the driver sees nothing before all of it is there. */
static void test_the_first_flags_come_last(void **state)
{
    struct world w;
    uint16_t i;

    (void)state;
    packed_start(&w, 8, 0);
    for (i = 0; i < 3; i++) {
        packed_peer_desc(&w.k, IN, 1, PEER_WRITE, i);
    }
    for (i = 0; i < 3; i++) {
        serve_one(&w);
        assert_int_equal(packed_peer_flags(&w.k, WRAP), 0x82);
        assert_int_equal(w.q.at.used_pos, WRAP);
    }
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    for (i = 0; i < 3; i++) {
        assert_int_equal(packed_peer_flags(&w.k, (uint16_t)(WRAP + i)), 0x8082);
    }
    world_end(&w);
}

/* "Written" and nothing else is in the flags: not what the driver put there. */
static void test_flags_of_used_descriptors(void **state)
{
    struct world w;
    unsigned lap;

    (void)state;
    packed_start(&w, 2, INDIRECT);
    for (lap = 0; lap < 3; lap++) {
        uint16_t turn = lap % 2 ? 0 : 0x8080;

        packed_peer_request(&w.k, 5, OUT, 8, IN, 2);
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
        assert_int_equal(vgpio_devq_push(&w.q, w.c.head, lap), 0);
        assert_int_equal(vgpio_devq_publish(&w.q), 1);
        assert_int_equal(packed_peer_flags(&w.k, 0), turn | (lap ? 2 : 0));
        assert_int_equal(peer_get32(&w.m, w.k.setup.desc + 8), lap);
        assert_int_equal(peer_get16(&w.m, w.k.setup.desc + 12), 5);
    }
    world_end(&w);
}

/* What is not out cannot come back, so that we never pass ourselves. */
static void test_push_without_pop(void **state)
{
    struct world w;
    struct vgpio_head none = {0, 0}, one = {0, 1}, two = {0, 2}, huge = {0, 65535};

    (void)state;
    packed_start(&w, 4, 0);
    assert_int_equal(vgpio_devq_push(&w.q, one, 0), VGPIO_ERR_INVAL);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 1);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    world_snap(&w);
    assert_int_equal(vgpio_devq_push(&w.q, none, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_devq_push(&w.q, two, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_devq_push(&w.q, huge, 0), VGPIO_ERR_INVAL);
    assert_untouched(&w);
    assert_int_equal(vgpio_devq_error(&w.q), 0);
    assert_int_equal(vgpio_devq_push(&w.q, one, 0), 0);
    assert_int_equal(vgpio_devq_push(&w.q, one, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(vgpio_devq_push(&w.q, one, 0), VGPIO_ERR_INVAL);
    world_end(&w);
}

static void test_stop_and_resume(void **state)
{
    struct world w;
    struct vgpio_chain c[3];
    struct vgpio_vq_setup where;
    uint32_t len;
    uint16_t i, id;

    (void)state;
    packed_init(&w, 7, EVENT_IDX);
    packed_peer_wind(&w.k, 4); /* the end of the ring lies in the second request */
    assert_int_equal(start(&w), 0);
    for (i = 0; i < 3; i++) {
        packed_peer_request(&w.k, i, OUT, 8, IN, 2);
        assert_int_equal(vgpio_devq_pop(&w.q, &c[i]), 1);
    }
    assert_int_equal(vgpio_devq_push(&w.q, c[2].head, 2), 0);
    assert_true(vgpio_devq_publish(&w.q) >= 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 9);
    assert_int_equal(vgpio_devq_push(&w.q, c[1].head, 2), 0); /* forgotten by the stop */
    world_snap(&w);
    vgpio_devq_stop(&w.q, &where);
    assert_untouched(&w);
    assert_int_equal(where.avail_pos, WRAP + 3);
    assert_int_equal(where.used_pos, 6);
    assert_int_equal(vgpio_devq_start(&w.q, &w.m.ops, &where), 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(w.c.head.id, 9);
    assert_int_equal(vgpio_devq_push(&w.q, c[0].head, 3), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
    assert_int_equal(id, 2);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
    assert_int_equal(id, 0);
    assert_int_equal(len, 3);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 0);
    world_end(&w);
}

/* Nothing in the ring bears witness: both positions have to be those that were told. */
static void test_resume_takes_both_positions(void **state)
{
    struct vgpio_vq_setup last, told, record;
    struct world w;
    unsigned i;

    (void)state;
    packed_start(&w, 7, 0);
    packed_peer_request(&w.k, 0, OUT, 8, IN, 2);
    packed_peer_request(&w.k, 1, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    vgpio_devq_stop(&w.q, &last);
    for (i = 0; i < 4; i++) {
        told = last;
        told.avail_pos ^= i & 1u ? 4 : 0;
        told.used_pos ^= i & 2u ? 1 : 0;
        record = last;
        assert_int_equal(vgpio_devq_restart(&w.q, &w.m.ops, &told, &record), i == 0);
        assert_int_equal(record.size, i == 0 ? 0 : 7);
        assert_int_equal(w.m.live, 3 * VGPIO_CFG_UNMAP);
        vgpio_devq_stop(&w.q, NULL);
    }
    world_end(&w);
}

/* There a queue may also have come around: if the last descriptor had been written by
 * then and is all zero now, the ring is a new one. The others say nothing. */
static void test_resume_where_new_rings_begin(void **state)
{
    struct vgpio_vq_setup last;
    struct world w;
    unsigned i, size;

    (void)state;
    for (size = 1; size <= 7; size++) {
        packed_start(&w, (uint16_t)size, 0);
        for (i = 0; i < 16 * size; i++) {
            uint8_t *byte = w.m.base + (packed_peer_at(&w.k, WRAP) - WORLD_GPA) + i;

            assert_int_equal(world_resumes_without(&w, byte), i < 16 * (size - 1));
        }
        vgpio_devq_leave(&w.q, &last);
        assert_int_equal(last.flags, VGPIO_VQ_TOLD);
        world_end(&w);
    }
}

static void test_unpop(void **state)
{
    struct world w;
    uint16_t n, pos, k;
    uint8_t buf[4];

    (void)state;
    for (n = 1; n <= 5; n++) {
        for (pos = 0; pos < 5; pos++) {
            packed_init(&w, 5, 0);
            packed_peer_wind(&w.k, pos);
            assert_int_equal(start(&w), 0);
            for (k = 1; k <= n; k++) {
                packed_peer_desc(&w.k, OUT, 4, k < n ? PEER_NEXT : 0, 7);
            }
            assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
            assert_int_equal(vgpio_chain_read(&w.c, buf, 4), 4);
            vgpio_devq_unpop(&w.q, w.c.head);
            assert_int_equal(w.q.at.avail_pos, pos);
            assert_int_equal(vgpio_devq_rearm(&w.q), 1);
            assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
            assert_int_equal(w.c.head.ndesc, n);
            assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
            world_end(&w);
        }
    }
}

/* The mode counts; positions do not, nor a mode that was not negotiated. */
static void test_interrupts_without_event_idx(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, 0);
    assert_int_equal(publish_one(&w), 1);
    packed_peer_set_event(&w.k, WRAP, PEER_EVENT_ENABLE);
    assert_int_equal(publish_one(&w), 1);
    packed_peer_set_event(&w.k, WRAP, PEER_EVENT_DISABLE);
    assert_int_equal(publish_one(&w), 0);
    packed_peer_set_event(&w.k, 3, PEER_EVENT_DESC);
    assert_int_equal(publish_one(&w), 1);
    packed_peer_set_event(&w.k, 3, 3);
    assert_int_equal(publish_one(&w), 1);
    /* What else stands in that word is reserved. */
    packed_peer_set_event(&w.k, 3, 0xfffd);
    assert_int_equal(publish_one(&w), 0);
    world_end(&w);
}

#if VGPIO_CFG_EVENT_IDX

static void test_interrupts_with_event_idx(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, VGPIO_F_EVENT_IDX);
    packed_peer_set_event(&w.k, WRAP + 3, PEER_EVENT_DISABLE);
    assert_int_equal(publish_one(&w), 0); /* not even the first: it looks itself */
    packed_peer_set_event(&w.k, 0, PEER_EVENT_DESC);
    assert_int_equal(publish_one(&w), 0); /* entries 2 and 3 of the first lap */
    assert_int_equal(publish_one(&w), 1); /* 0 and 1 of the second */
    assert_int_equal(publish_one(&w), 0);
    packed_peer_set_event(&w.k, WRAP + 2, PEER_EVENT_DESC);
    assert_int_equal(publish_one(&w), 0);
    assert_int_equal(publish_one(&w), 1);
    packed_peer_set_event(&w.k, 77, PEER_EVENT_ENABLE);
    assert_int_equal(publish_one(&w), 1);
    packed_peer_set_event(&w.k, 77, 3);
    assert_int_equal(publish_one(&w), 1);
    packed_peer_set_event(&w.k, 1, PEER_EVENT_DISABLE);
    assert_int_equal(publish_one(&w), 0);
    world_end(&w);
}

static void test_the_first_after_a_restart_interrupts(void **state)
{
    struct world w;
    struct vgpio_vq_setup where;

    (void)state;
    packed_start(&w, 6, VGPIO_F_EVENT_IDX);
    packed_peer_set_event(&w.k, 1, PEER_EVENT_DESC);
    assert_int_equal(publish_one(&w), 1);
    assert_int_equal(publish_one(&w), 0);
    vgpio_devq_stop(&w.q, &where);
    assert_int_equal(vgpio_devq_start(&w.q, &w.m.ops, &where), 0);
    assert_int_equal(publish_one(&w), 1);
    assert_int_equal(publish_one(&w), 1); /* 0 and 1 of the second lap: asked for */
    assert_int_equal(publish_one(&w), 0);
    world_end(&w);
}

static void test_rearm_names_the_next_chain(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 3, VGPIO_F_EVENT_IDX);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(packed_peer_event(&w.k), 0x28000);
    packed_peer_request(&w.k, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_rearm(&w.q), 1);
    assert_int_equal(packed_peer_event(&w.k), 0x28000);
    serve_one(&w);
    /* Not before the device goes to sleep: until then every kick would be for nothing. */
    assert_int_equal(packed_peer_event(&w.k), 0x28000);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(packed_peer_event(&w.k), 0x28002);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    packed_peer_request(&w.k, 0, OUT, 8, IN, 2);
    serve_one(&w);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(packed_peer_event(&w.k), 0x20001);
    world_end(&w);
}

#endif

static void test_rearm_without_event_idx_enables(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, 0);
    peer_put32(&w.m, w.k.setup.device, 0x12345); /* DISABLE, by one that is gone */
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(packed_peer_event(&w.k), 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 0);
    assert_int_equal(vgpio_devq_rearm(&w.q), 1);
    world_end(&w);
}

/* "The descriptor at `event` is among old .. now - 1", counted out one by one. */
static int wanted_by_counting(uint16_t size, uint16_t event, uint16_t now, uint16_t old)
{
    struct packed_peer p = {.setup = {.size = size}};

    for (; old != now; old = packed_peer_plus(&p, old, 1)) {
        if (old == event) {
            return 1;
        }
    }
    return 0;
}

static void test_event_truth_table(void **state)
{
    static const uint16_t sizes[] = {1, 2, 3, 5, 8};
    size_t k;
    unsigned old, n, event;

    (void)state;
    for (k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct packed_peer p = {.setup = {.size = sizes[k]}};

        for (old = 0; old < 2u * sizes[k]; old++) {
            uint16_t from = packed_peer_plus(&p, WRAP, (uint16_t)old);

            for (n = 1; n <= sizes[k]; n++) {
                uint16_t now = packed_peer_plus(&p, from, (uint16_t)n);

                for (event = 0; event < 2u * sizes[k]; event++) {
                    uint16_t e = packed_peer_plus(&p, WRAP, (uint16_t)event);

                    assert_int_equal(packed_wanted(PACKED_EVENT(e, PACKED_MODE_DESC), 0,
                                                   sizes[k], now, from),
                                     wanted_by_counting(sizes[k], e, now, from));
                }
            }
        }
    }
}

/* The same at the end of the largest ring, whose offsets have no bit to spare. */
static void test_events_of_the_largest_ring(void **state)
{
    const uint16_t old = 32766, now = WRAP + 2; /* a batch of four across the end */
    static const struct {
        uint16_t event;
        int wanted;
    } known[] = {{32765, 0},    {32766, 1}, {32767, 1}, {WRAP, 1},         {WRAP + 1, 1},
                 {WRAP + 2, 0}, {0, 0},     {1, 0},     {WRAP + 32766, 0}, {0xffff, 0}};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(packed_wanted(PACKED_EVENT(known[i].event, PACKED_MODE_DESC), 0,
                                       32768, now, old),
                         known[i].wanted);
    }
}

static void test_nothing_staged_publishes_nothing(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, EVENT_IDX);
    world_snap(&w);
    assert_int_equal(vgpio_devq_publish(&w.q), 0);
    assert_untouched(&w);
    assert_int_equal(publish_one(&w), 1);
    world_snap(&w);
    assert_int_equal(vgpio_devq_publish(&w.q), 0);
    assert_untouched(&w);
    world_end(&w);
}

static void test_waiting(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, 0);
    assert_int_equal(vgpio_devq_waiting(&w.q), 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 1);
    assert_int_equal(vgpio_devq_waiting(&w.q), 1);
    serve_one(&w);
    assert_int_equal(vgpio_devq_waiting(&w.q), 1);
    serve_one(&w);
    assert_int_equal(vgpio_devq_waiting(&w.q), 0);
    world_end(&w);
}

/* ---- what breaks it ---- */

/* Takes the one chain that was posted and walks all of it: the queue breaks, at once or
 * on the way, stays broken, and no byte of memory changes from beginning to end. */
static void breaks(struct world *w, int err)
{
    struct vgpio_head head = {0, 1};
    uint8_t buf[64];
    int got;

    world_snap(w);
    got = vgpio_devq_pop(&w->q, &w->c);
    if (got == 1) {
        (void)vgpio_chain_read(&w->c, buf, sizeof buf);
        got = vgpio_chain_finish(&w->c, NULL);
    }
    assert_int_equal(got, err);
    assert_int_equal(vgpio_devq_error(&w->q), err);
    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), err);
    vgpio_devq_unpop(&w->q, w->c.head);
    assert_int_equal(vgpio_devq_push(&w->q, head, 0), err);
    assert_int_equal(vgpio_devq_publish(&w->q), err);
    assert_int_equal(vgpio_devq_rearm(&w->q), err);
    assert_int_equal(vgpio_devq_waiting(&w->q), err);
    assert_untouched(w);
    world_end(w);
}

static void test_next_is_not_available(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, 0);
    packed_peer_desc(&w.k, OUT, 8, PEER_NEXT, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

/* The second part has the flags of the lap before. */
static void test_next_is_of_the_other_lap(void **state)
{
    struct world w;

    (void)state;
    packed_init(&w, 4, 0);
    packed_peer_wind(&w.k, 3);
    assert_int_equal(start(&w), 0);
    packed_peer_desc(&w.k, OUT, 8, PEER_NEXT, 0);
    w.k.avail ^= WRAP;
    packed_peer_desc(&w.k, IN, 2, PEER_WRITE, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_a_chain_without_end(void **state)
{
    struct world w;
    uint16_t i;

    (void)state;
    packed_start(&w, 4, 0);
    for (i = 0; i < 4; i++) {
        packed_peer_desc(&w.k, OUT, 0, PEER_NEXT, 0);
    }
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_a_chain_into_what_we_hold(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 2, 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    packed_peer_desc(&w.k, OUT, 8, PEER_NEXT, 1);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 1); /* over the one that is out */
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_more_than_the_ring_holds(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 2, 0);
    packed_peer_request(&w.k, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 1);
    breaks(&w, VGPIO_ERR_PROTO);
}

/* Given back but not shown: the driver cannot know that the slot is free. */
static void test_more_than_was_published(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 1, 0);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 0);
    serve_one(&w);
    packed_peer_desc(&w.k, IN, 1, PEER_WRITE, 1);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    world_end(&w);
}

static void test_readable_after_writable(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, 0);
    packed_peer_desc(&w.k, IN, 2, PEER_NEXT | PEER_WRITE, 0);
    packed_peer_desc(&w.k, OUT, 8, 0, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_lengths_sum_past_32_bits(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, 0);
    packed_peer_desc(&w.k, OUT, 0x80000000u, PEER_NEXT, 0);
    packed_peer_desc(&w.k, IN, 0x80000000u, PEER_WRITE, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_lengths_sum_to_32_bits_exactly(void **state)
{
    struct world w;
    uint32_t room;

    (void)state;
    packed_start(&w, 4, 0);
    packed_peer_desc(&w.k, OUT, 0x80000000u, PEER_NEXT, 0);
    packed_peer_desc(&w.k, IN, 0x7fffffffu, PEER_WRITE, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
    assert_int_equal(room, 0x7fffffffu);
    world_end(&w);
}

static void test_good_answers_before_the_break(void **state)
{
    struct world w;
    uint32_t len;
    uint16_t id;

    (void)state;
    packed_start(&w, 4, 0);
    packed_peer_request(&w.k, 2, OUT, 8, IN, 2);
    packed_peer_desc(&w.k, OUT, 8, PEER_NEXT, 3);
    serve_one(&w);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
    assert_int_equal(id, 2);
    assert_int_equal(vgpio_devq_publish(&w.q), VGPIO_ERR_PROTO);
    world_end(&w);
}

/* Where a chain ends is decided once, however often the driver thinks again. */
static void test_the_driver_thinks_again(void **state)
{
    struct world w;
    uint32_t room;
    uint8_t buf[8];

    (void)state;
    packed_start(&w, 4, 0);
    packed_peer_request(&w.k, 2, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    peer_put16(&w.m, w.k.setup.desc + 14, 0x80);      /* no second part? */
    peer_put16(&w.m, w.k.setup.desc + 16 + 14, 0x83); /* a third one? */
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
    assert_int_equal(room, 2);
    assert_int_equal(w.c.head.ndesc, 2);
    /* As a table it was not found in the first place. */
    packed_peer_request(&w.k, 3, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    peer_put16(&w.m, w.k.setup.desc + 48 + 14, 0x84);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), VGPIO_ERR_PROTO);
    world_end(&w);
}

static void test_any_id_comes_back(void **state)
{
    static const uint16_t ids[] = {0, 3, 4, 255, 32768, 65535};
    struct world w;
    uint32_t len;
    uint16_t id;
    size_t i;

    (void)state;
    packed_start(&w, 4, 0);
    for (i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        packed_peer_desc(&w.k, IN, 1, PEER_WRITE, ids[i]);
        serve_one(&w);
        assert_int_equal(vgpio_devq_publish(&w.q), 1);
        assert_int_equal(packed_peer_used(&w.k, 1, &id, &len), 1);
        assert_int_equal(id, ids[i]);
    }
    world_end(&w);
}

static void test_indirect_without_the_feature(void **state)
{
    struct world w;

    (void)state;
    packed_start(&w, 4, EVENT_IDX);
    ring_peer_entry(&w.m, TABLE, 0, IN, 1, 0, PEER_WRITE);
    packed_peer_desc(&w.k, TABLE, 16, PEER_INDIRECT, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

#if VGPIO_CFG_INDIRECT

/* In a table of this layout too the flags are the last field. */
static void entry(struct world *w, uint16_t i, uint64_t addr, uint32_t len,
                  uint16_t flags)
{
    ring_peer_entry(&w->m, TABLE, i, addr, len, 0xbeef, flags);
}

static void indirect_start(struct world *w, uint16_t size)
{
    packed_start(w, size, VGPIO_F_INDIRECT);
    entry(w, 0, OUT, 8, 0);
    entry(w, 1, IN, 2, PEER_WRITE);
}

/* NEXT and INDIRECT in a table mean nothing, WRITE on the descriptor neither. */
static void test_indirect(void **state)
{
    static const uint16_t flags[] = {0, PEER_NEXT, PEER_INDIRECT, 0xfffd};
    struct world w;
    uint32_t room, len;
    uint16_t id;
    uint8_t buf[9];
    size_t i;

    (void)state;
    indirect_start(&w, 1);
    for (i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        entry(&w, 0, OUT, 8, flags[i]);
        entry(&w, 1, IN, 2, (uint16_t)(flags[i] | PEER_WRITE));
        packed_peer_desc(&w.k, TABLE, 32, PEER_INDIRECT | (i % 2 ? PEER_WRITE : 0), 6);
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
        assert_int_equal(w.c.head.ndesc, 1);
        assert_int_equal(vgpio_chain_read(&w.c, buf, 9), 8);
        assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
        assert_int_equal(room, 2);
        assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 2), 0);
        assert_int_equal(vgpio_devq_publish(&w.q), 1);
        assert_int_equal(packed_peer_used(&w.k, 1, &id, &len), 1);
        assert_int_equal(id, 6);
    }
    world_end(&w);
}

static void indirect_breaks(uint64_t table, uint32_t len, int err)
{
    struct world w;

    indirect_start(&w, 4);
    packed_peer_desc(&w.k, table, len, PEER_INDIRECT, 1);
    breaks(&w, err);
}

static void test_indirect_that_cannot_be(void **state)
{
    (void)state;
    indirect_breaks(TABLE, 0, VGPIO_ERR_PROTO);
    indirect_breaks(TABLE, 8, VGPIO_ERR_PROTO);
    indirect_breaks(TABLE, 33, VGPIO_ERR_PROTO);
    indirect_breaks(NOWHERE, 32, VGPIO_ERR_FAULT);
    indirect_breaks(WORLD_GPA + WORLD_SIZE - 16, 32, VGPIO_ERR_FAULT);
    indirect_breaks(UINT64_MAX - 14, 16, VGPIO_ERR_FAULT);
}

/* RING-DRV-41: neither before nor behind another descriptor. */
static void test_indirect_in_a_chain(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    packed_peer_desc(&w.k, TABLE, 32, PEER_INDIRECT | PEER_NEXT, 1);
    packed_peer_desc(&w.k, IN, 2, PEER_WRITE, 1);
    breaks(&w, VGPIO_ERR_PROTO);
    indirect_start(&w, 4);
    packed_peer_desc(&w.k, OUT, 8, PEER_NEXT, 1);
    packed_peer_desc(&w.k, TABLE, 32, PEER_INDIRECT, 1);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_indirect_readable_after_writable(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    entry(&w, 2, OUT, 8, 0);
    packed_peer_desc(&w.k, TABLE, 48, PEER_INDIRECT, 1);
    breaks(&w, VGPIO_ERR_PROTO);
}

/* A guest chooses how long we walk, up to 1024 entries or the size of the ring. */
static void test_long_tables(void **state)
{
    static const struct {
        uint16_t size, entries;
        int ok;
    } known[] = {{1, 1024, 1}, {4, 1025, 0}, {1100, 1100, 1}, {1100, 1101, 0}};
    struct world w;
    uint32_t room;
    uint16_t k;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        packed_start(&w, known[i].size, VGPIO_F_INDIRECT);
        for (k = 0; k < known[i].entries; k++) {
            entry(&w, k, IN, 1, PEER_WRITE);
        }
        packed_peer_desc(&w.k, TABLE, 16u * known[i].entries, PEER_INDIRECT, 1);
        if (!known[i].ok) {
            breaks(&w, VGPIO_ERR_PROTO);
            continue;
        }
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
        assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
        assert_int_equal(room, known[i].entries);
        world_end(&w);
    }
}

#endif

/* ---- what is written ---- */

/* A pop does not care what was in the cursor. */
static void test_a_cursor_of_any_contents(void **state)
{
    struct world w;
    uint8_t buf[16];
    uint32_t room;
    unsigned i;

    (void)state;
    packed_start(&w, 4, 0);
    for (i = 0; i < 2; i++) {
        packed_peer_request(&w.k, 2, OUT, 8, IN, 2);
        memset(&w.c, i ? 0x00 : 0xff, sizeof w.c);
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
        assert_int_equal(vgpio_chain_read(&w.c, buf, sizeof buf), 8);
        assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
        assert_int_equal(room, 2);
    }
    world_end(&w);
}

static void test_every_store_is_reported(void **state)
{
    struct world w;
    unsigned i, k;

    (void)state;
    for (k = 0; k < 2; k++) {
        packed_start(&w, 5, k ? EVENT_IDX : 0);
        for (i = 0; i < 9; i++) {
            uint64_t at = packed_peer_at(&w.k, w.k.avail), second;

            packed_peer_request(&w.k, 2, OUT, 8, IN, 2);
            second = packed_peer_at(&w.k, w.k.avail);
            packed_peer_desc(&w.k, IN, 2, PEER_WRITE, 3);
            world_snap(&w);
            assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
            assert_int_equal(vgpio_chain_write(&w.c, "\1\2", 2), 2);
            assert_stored(&w, IN, 2);
            assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 2), 0);
            assert_stored(&w, at + 8, 8);
            serve_one(&w);
            assert_stored(&w, second + 8, 8);
            assert_true(vgpio_devq_publish(&w.q) >= 0);
            assert_stored(&w, at + 14, 2);
            assert_int_equal(vgpio_devq_rearm(&w.q), 0);
            assert_stored(&w, w.k.setup.device, 4);
        }
        world_end(&w);
    }
}

static void test_platform_order_serves_as_well(void **state)
{
    struct world w;
    uint32_t len;
    uint16_t id;
    unsigned i;

    (void)state;
    packed_start(&w, 3, VGPIO_F_ORDER_PLATFORM | EVENT_IDX);
    for (i = 0; i < 10; i++) {
        assert_true(publish_one(&w) >= 0);
        assert_int_equal(packed_peer_used(&w.k, 2, &id, &len), 1);
        assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer),
        cmocka_unit_test(test_any_size),
        cmocka_unit_test(test_misaligned_areas),
        cmocka_unit_test(test_areas_as_they_are_used),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_a_vague_zero),
        cmocka_unit_test(test_laps),
        cmocka_unit_test(test_the_largest_ring),
        cmocka_unit_test(test_a_full_ring),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_the_first_flags_come_last),
        cmocka_unit_test(test_flags_of_used_descriptors),
        cmocka_unit_test(test_push_without_pop),
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_resume_takes_both_positions),
        cmocka_unit_test(test_resume_where_new_rings_begin),
        cmocka_unit_test(test_unpop),
        cmocka_unit_test(test_interrupts_without_event_idx),
#if VGPIO_CFG_EVENT_IDX
        cmocka_unit_test(test_interrupts_with_event_idx),
        cmocka_unit_test(test_the_first_after_a_restart_interrupts),
        cmocka_unit_test(test_rearm_names_the_next_chain),
#endif
        cmocka_unit_test(test_rearm_without_event_idx_enables),
        cmocka_unit_test(test_event_truth_table),
        cmocka_unit_test(test_events_of_the_largest_ring),
        cmocka_unit_test(test_nothing_staged_publishes_nothing),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_next_is_not_available),
        cmocka_unit_test(test_next_is_of_the_other_lap),
        cmocka_unit_test(test_a_chain_without_end),
        cmocka_unit_test(test_a_chain_into_what_we_hold),
        cmocka_unit_test(test_more_than_the_ring_holds),
        cmocka_unit_test(test_more_than_was_published),
        cmocka_unit_test(test_readable_after_writable),
        cmocka_unit_test(test_lengths_sum_past_32_bits),
        cmocka_unit_test(test_lengths_sum_to_32_bits_exactly),
        cmocka_unit_test(test_good_answers_before_the_break),
        cmocka_unit_test(test_the_driver_thinks_again),
        cmocka_unit_test(test_any_id_comes_back),
        cmocka_unit_test(test_indirect_without_the_feature),
#if VGPIO_CFG_INDIRECT
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_indirect_that_cannot_be),
        cmocka_unit_test(test_indirect_in_a_chain),
        cmocka_unit_test(test_indirect_readable_after_writable),
        cmocka_unit_test(test_long_tables),
#endif
        cmocka_unit_test(test_a_cursor_of_any_contents),
        cmocka_unit_test(test_every_store_is_reported),
        cmocka_unit_test(test_platform_order_serves_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
