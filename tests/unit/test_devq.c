/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a split queue, against a driver that writes bytes: starting and
 * stopping, positions, notifications, errors that stay. Chains: test_ring_chain.c. */
#include "devq_world.h"
#include "ring.h"
#include "vdev.h"

static int start(struct world *w)
{
    return vgpio_devq_start(&w->q, &w->m.ops, &w->p.setup);
}

static void refused(struct world *w, int err)
{
    struct vgpio_chain c;

    assert_int_equal(start(w), err);
    assert_int_equal(w->m.live, 0);
    assert_int_equal(vgpio_devq_pop(&w->q, &c), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_devq_publish(&w->q), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_devq_rearm(&w->q), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_devq_waiting(&w->q), VGPIO_ERR_STATE);
}

/* One request taken and answered, not published. */
static void serve_one(struct world *w)
{
    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), 1);
    assert_int_equal(vgpio_devq_push(&w->q, w->c.head, 2), 0);
}

static void test_request_and_answer(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t status, value;
    uint32_t id, len, room;

    (void)state;
    world_start(&w, 4, 0);
    memcpy(peer_at(&w.m, OUT, 8), "abcdefgh", 8);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
    ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_memory_equal(buf, "abcdefgh", 8);
    assert_int_equal(vgpio_chain_where(&w.c, &status), 0);
    assert_int_equal(vgpio_chain_where(&w.c, &value), 0);
    assert_int_equal(status, IN);
    assert_int_equal(value, IN + 1);
    assert_int_equal(vgpio_chain_where(&w.c, &value), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
    assert_int_equal(room, 0);
    assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 2), 0);
    assert_int_equal(ring_peer_used_idx(&w.p), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
    assert_int_equal(id, 2);
    assert_int_equal(len, 2);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    world_end(&w);
}

static void test_sizes(void **state)
{
    static const uint16_t bad[] = {0, 3, 5, 6, 7, 12, 255, 257, 32767, 32769, 65535};
    struct peer_mem m;
    struct ring_peer p;
    struct vgpio_devq q = {0};
    size_t i;

    (void)state;
    peer_mem_init(&m, WORLD_GPA, 0x200000);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ring_peer_init(&p, &m, WORLD_GPA, bad[i], 0);
        assert_int_equal(vgpio_devq_start(&q, &m.ops, &p.setup), VGPIO_ERR_INVAL);
        assert_int_equal(m.maps, 0);
    }
    for (i = 0; i < 16; i++) {
        ring_peer_init(&p, &m, WORLD_GPA, (uint16_t)(1u << i), 0);
        assert_int_equal(vgpio_devq_start(&q, &m.ops, &p.setup), 0);
        assert_int_equal(m.live, 3 * VGPIO_CFG_UNMAP);
        vgpio_devq_stop(&q, NULL);
        assert_int_equal(m.live, 0);
    }
    peer_mem_free(&m);
}

static void test_misaligned_areas(void **state)
{
    struct world w;
    struct vgpio_vq_setup good;
    uint64_t off;

    (void)state;
    world_init(&w, 4, 0);
    good = w.p.setup;
    for (off = 1; off < 16; off++) {
        w.p.setup.desc = good.desc + off;
        refused(&w, VGPIO_ERR_FAULT);
    }
    w.p.setup = good;
    w.p.setup.driver++;
    refused(&w, VGPIO_ERR_FAULT);
    for (off = 1; off < 4; off++) {
        w.p.setup = good;
        w.p.setup.device += off;
        refused(&w, VGPIO_ERR_FAULT);
    }
    w.p.setup = good;
    assert_int_equal(start(&w), 0);
    world_end(&w);
}

/* Well aligned for the guest, but where the host put it no word can be loaded at once. */
static void test_misaligned_host_memory(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, 0);
    w.m.base++;
    w.m.size--;
    refused(&w, VGPIO_ERR_FAULT);
    w.m.base--;
    world_end(&w);
}

/* The last byte of each area must map, in one piece, for what is done there. */
static void test_area_not_whole(void **state)
{
    struct world w;
    unsigned i;

    (void)state;
    world_init(&w, 8, 0);
    w.p.setup.driver = w.p.setup.desc + 0x400;
    w.p.setup.device = w.p.setup.desc + 0x800;
    for (i = 0; i < 3; i++) {
        const uint64_t at[3] = {w.p.setup.desc, w.p.setup.driver, w.p.setup.device};
        const uint32_t bytes[3] = {16 * 8, 6 + 2 * 8, 6 + 8 * 8};

        w.m.hole = at[i] + bytes[i] - 1;
        w.m.hole_len = 1;
        refused(&w, VGPIO_ERR_FAULT);
        w.m.hole = at[i] + bytes[i];
        assert_int_equal(start(&w), 0);
        vgpio_devq_stop(&w.q, NULL);
        w.m.hole_len = 0;
        w.m.chunk = bytes[i] - 1;
        w.m.chunk_from = at[i];
        refused(&w, VGPIO_ERR_FAULT);
        w.m.chunk = 0;
    }
    w.m.rom = w.p.setup.device;
    w.m.rom_len = 1;
    refused(&w, VGPIO_ERR_FAULT);
    w.m.rom = w.p.setup.desc;
    w.m.rom_len = 0x800;
    assert_int_equal(start(&w), 0);
    world_end(&w);
}

static void test_map_fails_at_every_call_of_start(void **state)
{
    struct world w;
    unsigned n;

    (void)state;
    world_init(&w, 4, 0);
    for (n = 1; n <= 3; n++) {
        w.m.fail_at = n;
        refused(&w, VGPIO_ERR_FAULT);
    }
    w.m.fail_at = 4;
    assert_int_equal(start(&w), 0);
    world_end(&w);
}

static void test_ring_at_the_top_of_the_address_space(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 2, 0);
    w.m.gpa = UINT64_MAX - WORLD_SIZE + 1;
    w.p.setup.desc = UINT64_MAX - 31; /* up to the very last byte */
    w.p.setup.driver = w.m.gpa;
    w.p.setup.device = w.m.gpa + 0x100;
    assert_int_equal(start(&w), 0);
    vgpio_devq_stop(&w.q, NULL);
    w.p.setup.desc += 16; /* now its second half is at 0 */
    refused(&w, VGPIO_ERR_FAULT);
    w.p.setup.desc = w.m.gpa + 0x200;
    w.p.setup.driver = UINT64_MAX - 9;
    assert_int_equal(start(&w), 0);
    vgpio_devq_stop(&w.q, NULL);
    w.p.setup.driver += 2;
    refused(&w, VGPIO_ERR_FAULT);
    world_end(&w);
}

static void test_features_that_cannot_be(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, 0);
    if (!VGPIO_CFG_PACKED) {
        w.p.setup.features = VGPIO_F_PACKED;
        refused(&w, VGPIO_ERR_NOTSUP);
    }
    if (!VGPIO_CFG_EVENT_IDX) {
        w.p.setup.features = VGPIO_F_EVENT_IDX;
        refused(&w, VGPIO_ERR_NOTSUP);
    }
    if (!VGPIO_CFG_INDIRECT) {
        w.p.setup.features = VGPIO_F_INDIRECT;
        refused(&w, VGPIO_ERR_NOTSUP);
    }
    world_end(&w);
}

static void test_bad_hooks(void **state)
{
    struct world w;
    struct vgpio_mem mem;

    (void)state;
    world_init(&w, 4, 0);
    mem = w.m.ops;
    mem.map = NULL;
    assert_int_equal(vgpio_devq_start(&w.q, &mem, &w.p.setup), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_devq_start(&w.q, NULL, &w.p.setup), VGPIO_ERR_INVAL);
    mem = w.m.ops;
    mem.ops_size = 4;
    assert_int_equal(vgpio_devq_start(&w.q, &mem, &w.p.setup), VGPIO_ERR_ABI);
    world_end(&w);
}

static void never_unmap(void *ctx, void *p, uint32_t len)
{
    (void)ctx;
    (void)p;
    (void)len;
    fail_msg("past ops_size");
}

static void never_dirty(void *ctx, uint64_t gpa, uint32_t len)
{
    (void)ctx;
    (void)gpa;
    (void)len;
    fail_msg("past ops_size");
}

/* Somebody compiled against a header that ended after map(). */
static void test_hooks_of_an_older_header(void **state)
{
    struct world w;
    struct vgpio_mem mem;

    (void)state;
    world_init(&w, 4, 0);
    mem = w.m.ops;
    mem.ops_size = offsetof(struct vgpio_mem, unmap);
    mem.unmap = never_unmap;
    mem.dirty = never_dirty;
    assert_int_equal(vgpio_devq_start(&w.q, &mem, &w.p.setup), 0);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    serve_one(&w);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    vgpio_devq_stop(&w.q, NULL);
    assert_int_equal(w.m.live, 3 * VGPIO_CFG_UNMAP);
    peer_mem_free(&w.m);
    free(w.before);
}

static void test_states(void **state)
{
    struct world w;
    struct vgpio_head head = {0, 1};

    (void)state;
    world_init(&w, 4, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_devq_push(&w.q, head, 0), VGPIO_ERR_STATE);
    vgpio_devq_stop(&w.q, NULL); /* harmless */
    assert_int_equal(start(&w), 0);
    assert_int_equal(start(&w), VGPIO_ERR_STATE);
    assert_int_equal(w.m.live, 3 * VGPIO_CFG_UNMAP);
    assert_int_equal(vgpio_devq_push(&w.q, head, 0), 0);
    vgpio_devq_stop(&w.q, NULL);
    vgpio_devq_stop(&w.q, NULL);
    assert_int_equal(vgpio_devq_publish(&w.q), VGPIO_ERR_STATE); /* staged, forgotten */
    assert_int_equal(vgpio_devq_push(&w.q, head, 0), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_devq_error(&w.q), 0);
    world_end(&w);
}

static void test_positions(void **state)
{
    struct world w;
    struct vgpio_vq_setup where;

    (void)state;
    world_init(&w, 4, VGPIO_F_VERSION_1);
    /* Not told: avail 0, but used as memory says. */
    peer_put16(&w.m, w.p.setup.device + 2, 7);
    w.p.setup.avail_pos = 99;
    w.p.setup.used_pos = 99;
    assert_int_equal(start(&w), 0);
    vgpio_devq_stop(&w.q, &where);
    assert_int_equal(where.avail_pos, 0);
    assert_int_equal(where.used_pos, 7);
    assert_int_equal(where.flags, VGPIO_VQ_TOLD);
    assert_int_equal(where.size, 4);
    assert_int_equal(where.features, VGPIO_F_VERSION_1);
    assert_int_equal(where.desc, w.p.setup.desc);
    assert_int_equal(where.driver, w.p.setup.driver);
    assert_int_equal(where.device, w.p.setup.device);
    /* Told: as told, but used as memory says. */
    w.p.setup.flags = VGPIO_VQ_TOLD;
    assert_int_equal(start(&w), 0);
    vgpio_devq_stop(&w.q, &where);
    assert_int_equal(where.avail_pos, 99);
    assert_int_equal(where.used_pos, 7);
    world_end(&w);
}

/* What stop() says is what start() wants; heads taken before come back afterwards. */
static void test_stop_and_resume(void **state)
{
    struct world w;
    struct vgpio_chain c[3];
    struct vgpio_vq_setup where;
    uint32_t id, len;
    uint16_t i;

    (void)state;
    world_start(&w, 8, EVENT_IDX);
    for (i = 0; i < 3; i++) {
        ring_peer_request(&w.p, (uint16_t)(2 * i), OUT, 8, IN, 2);
        assert_int_equal(vgpio_devq_pop(&w.q, &c[i]), 1);
    }
    assert_int_equal(vgpio_devq_push(&w.q, c[2].head, 2), 0);
    assert_true(vgpio_devq_publish(&w.q) >= 0);
    ring_peer_request(&w.p, 6, OUT, 8, IN, 2);
    world_snap(&w);
    vgpio_devq_stop(&w.q, &where);
    assert_untouched(&w);
    assert_int_equal(where.avail_pos, 3);
    assert_int_equal(where.used_pos, 1);
    assert_int_equal(vgpio_devq_start(&w.q, &w.m.ops, &where), 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(w.c.head.id, 6);
    assert_int_equal(vgpio_devq_push(&w.q, c[0].head, 3), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
    assert_int_equal(id, 4);
    assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
    assert_int_equal(id, 0);
    assert_int_equal(len, 3);
    world_end(&w);
}

static int resume(struct world *w, const struct vgpio_vq_setup *told,
                  const struct vgpio_vq_setup *last)
{
    struct vgpio_vq_setup record = *last;
    int got = vgpio_devq_restart(&w->q, &w->m.ops, told, &record);

    assert_int_equal(w->m.live, got >= 0 ? 3 * VGPIO_CFG_UNMAP : 0);
    assert_int_equal(record.size, got == 1 ? 0 : last->size);
    if (got == 1) {
        assert_int_equal(vgpio_devq_waiting(&w->q), 1);
    }
    vgpio_devq_stop(&w->q, NULL);
    assert_int_equal(w->m.live, 0);
    return got == 1;
}

/* Another ring, a position that nobody told or that cannot be, indices that moved: each
 * of them alone makes it a ring that is not the one that was stopped. */
static void test_resume_only_what_the_ring_bears_out(void **state)
{
    struct vgpio_vq_setup last, told;
    struct vgpio_chain c;
    struct world w;
    uint16_t i;

    (void)state;
    world_start(&w, 8, 0);
    for (i = 0; i < 3; i++) {
        ring_peer_request(&w.p, (uint16_t)(2 * i), OUT, 8, IN, 2);
        assert_int_equal(vgpio_devq_pop(&w.q, &c), 1);
    }
    assert_int_equal(vgpio_devq_push(&w.q, c.head, 2), 0);
    assert_true(vgpio_devq_publish(&w.q) >= 0);
    ring_peer_request(&w.p, 6, OUT, 8, IN, 2);
    vgpio_devq_stop(&w.q, &last);
    for (i = 0; i < 10; i++) {
        told = last;
        told.flags = i == 0 ? VGPIO_VQ_VAGUE : VGPIO_VQ_TOLD;
        told.size = i == 1 ? 4 : 8;
        told.desc += i == 2 ? 16 : 0;
        told.driver += i == 3 ? 2 : 0;
        told.device += i == 4 ? 4 : 0;
        told.avail_pos = i == 5 ? 2 : i == 6 ? 4 : i == 7 ? last.used_pos : 3;
        last.used_pos = (uint16_t)(i == 8 ? 2 : 1);
        assert_int_equal(resume(&w, &told, &last), i == 7 || i == 9);
    }
    ring_peer_set_avail_idx(&w.p, 12);
    assert_int_equal(resume(&w, &last, &last), 0);
    world_end(&w);
}

/* After 65536 chains a ring stands where new ones begin. What is zero then in its first
 * descriptor or its first used element, and was not before, says that it is a new one. */
static void test_resume_where_new_rings_begin(void **state)
{
    struct vgpio_vq_setup last;
    struct world w;
    unsigned i;

    (void)state;
    world_start(&w, 8, 0);
    for (i = 0; i < 16 + 8 + 4; i++) {
        uint64_t gpa = i < 16   ? w.p.setup.desc + i
                       : i < 24 ? w.p.setup.device + 4 + i - 16
                       : i < 26 ? w.p.setup.desc + 16 + i - 24
                                : w.p.setup.device + 12 + i - 26;

        assert_int_equal(world_resumes_without(&w, peer_at(&w.m, gpa, 1)), i >= 24);
    }
    vgpio_devq_leave(&w.q, &last);
    assert_int_equal(last.flags, VGPIO_VQ_TOLD);
    world_end(&w);
}

/* Of a ring that its driver broke nothing is read any more, not even for that. */
static void test_stop_leaves_a_broken_ring_alone(void **state)
{
    struct vgpio_vq_setup last;
    struct world w;

    (void)state;
    world_start(&w, 8, 0);
    *peer_at(&w.m, w.p.setup.desc, 1) = 1;
    ring_peer_set_avail_idx(&w.p, 9);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    assert_int_equal(w.q.at.avail_pos, 0);
    vgpio_devq_leave(&w.q, &last);
    assert_int_equal(last.flags, VGPIO_VQ_TOLD);
    world_end(&w);
}

/* Anywhere else the indices say enough, and a driver may clear what came back. */
static void test_resume_elsewhere_whatever_is_cleared(void **state)
{
    static const uint16_t from[] = {65535, 0, 1};
    struct vgpio_vq_setup last, told;
    struct world w;
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        world_init(&w, 8, 0);
        ring_peer_wind(&w.p, from[i]);
        assert_int_equal(start(&w), 0);
        ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1); /* and is not given back yet */
        vgpio_devq_leave(&w.q, &last);
        assert_int_equal(last.avail_pos, (uint16_t)(from[i] + 1));
        told = last;
        memset(peer_at(&w.m, w.p.setup.desc, 16), 0, 16);
        assert_int_equal(vgpio_devq_restart(&w.q, &w.m.ops, &told, &last), 1);
        vgpio_devq_stop(&w.q, NULL);
        world_end(&w);
    }
}

/* Staged but not published is not there: not for the driver and not for stop(). */
static void test_stop_forgets_what_is_only_staged(void **state)
{
    struct world w;
    struct vgpio_vq_setup where;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    serve_one(&w);
    vgpio_devq_stop(&w.q, &where);
    assert_int_equal(where.used_pos, 0);
    assert_int_equal(ring_peer_used_idx(&w.p), 0);
    world_end(&w);
}

static void test_unpop(void **state)
{
    struct world w;
    uint8_t buf[4];

    (void)state;
    world_start(&w, 4, EVENT_IDX);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(w.c.head.id, 2);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 4), 4);
    vgpio_devq_unpop(&w.q, w.c.head);
    assert_int_equal(vgpio_devq_rearm(&w.q), 1);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(w.c.head.id, 2);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 4), 4);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
    world_end(&w);
}

/* Every size, across the wrap of the 16-bit indices, each head once and in order. */
static void test_index_wrap(void **state)
{
    struct world w;
    uint16_t size;
    uint32_t id, len, i;

    (void)state;
    for (size = 2; size <= 64; size = (uint16_t)(size * 2)) {
        world_init(&w, size, EVENT_IDX);
        ring_peer_wind(&w.p, 65530);
        assert_int_equal(start(&w), 0);
        for (i = 0; i < 3u * size + 12; i++) {
            uint16_t head = (uint16_t)(i % (size / 2) * 2);

            ring_peer_request(&w.p, head, OUT, 8, IN, 2);
            serve_one(&w);
            assert_int_equal(vgpio_devq_rearm(&w.q), 0);
            assert_true(vgpio_devq_publish(&w.q) >= 0);
            assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
            assert_int_equal(id, head);
            assert_int_equal(ring_peer_used(&w.p, &id, &len), 0);
        }
        assert_int_equal(ring_peer_used_idx(&w.p), (uint16_t)(65530 + i));
        world_end(&w);
    }
}

static void test_batches_wrap_with_the_ring_full(void **state)
{
    struct world w;
    uint32_t id, len;
    uint16_t i, round;

    (void)state;
    world_init(&w, 8, EVENT_IDX);
    ring_peer_wind(&w.p, 65530);
    assert_int_equal(start(&w), 0);
    for (round = 0; round < 3; round++) {
        for (i = 0; i < 8; i++) {
            ring_peer_desc(&w.p, i, IN, 1, PEER_WRITE, 0);
            ring_peer_post(&w.p, i);
        }
        for (i = 0; i < 8; i++) {
            serve_one(&w);
        }
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
        assert_int_equal(ring_peer_used(&w.p, &id, &len), 0);
        assert_true(vgpio_devq_publish(&w.q) >= 0);
        for (i = 0; i < 8; i++) {
            assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
            assert_int_equal(id, i);
        }
    }
    world_end(&w);
}

/* "The entry `event` lies in old .. now - 1", counted out one by one. */
static int need_event_by_counting(uint16_t event, uint16_t now, uint16_t old)
{
    uint16_t i;

    for (i = old; i != now; i++) {
        if (i == event) {
            return 1;
        }
    }
    return 0;
}

static void test_need_event_truth_table(void **state)
{
    static const uint16_t olds[] = {0, 1, 100, 32767, 32768, 65530, 65535};
    static const uint16_t counts[] = {0, 1, 2, 3, 7, 255, 256, 32768};
    size_t i, j;
    unsigned d;

    (void)state;
    for (i = 0; i < sizeof olds / sizeof olds[0]; i++) {
        for (j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            uint16_t old = olds[i], now = (uint16_t)(old + counts[j]);

            for (d = 0; d < 64; d++) {
                /* around both ends of the range, where an error would be */
                uint16_t a = (uint16_t)(old + d - 32), b = (uint16_t)(now + d - 32);

                assert_int_equal(vq_need_event(a, now, old),
                                 need_event_by_counting(a, now, old));
                assert_int_equal(vq_need_event(b, now, old),
                                 need_event_by_counting(b, now, old));
            }
        }
    }
}

static int publish_one(struct world *w)
{
    ring_peer_request(&w->p, 0, OUT, 8, IN, 2);
    serve_one(w);
    return vgpio_devq_publish(&w->q);
}

static void test_nothing_staged_publishes_nothing(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, EVENT_IDX);
    world_snap(&w);
    assert_int_equal(vgpio_devq_publish(&w.q), 0);
    assert_untouched(&w);
    assert_int_equal(publish_one(&w), 1);
    world_snap(&w);
    assert_int_equal(vgpio_devq_publish(&w.q), 0);
    assert_untouched(&w);
    world_end(&w);
}

/* RING-DEV-07: the flag counts, used_event does not. */
static void test_interrupts_without_event_idx(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_set_used_event(&w.p, 1000);
    assert_int_equal(publish_one(&w), 1);
    assert_int_equal(publish_one(&w), 1);
    ring_peer_set_avail_flags(&w.p, 1);
    assert_int_equal(publish_one(&w), 0);
    ring_peer_set_avail_flags(&w.p, 0);
    assert_int_equal(publish_one(&w), 1);
    world_end(&w);
}

#if VGPIO_CFG_EVENT_IDX

/* RING-DEV-08: used_event counts, the flag does not; the first goes out regardless. */
static void test_interrupts_with_event_idx(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, VGPIO_F_EVENT_IDX);
    ring_peer_wind(&w.p, 65534);
    assert_int_equal(start(&w), 0);
    ring_peer_set_avail_flags(&w.p, 1);
    ring_peer_set_used_event(&w.p, 1000);
    assert_int_equal(publish_one(&w), 1); /* entry 65534 */
    assert_int_equal(publish_one(&w), 0);
    ring_peer_set_used_event(&w.p, 0);
    assert_int_equal(publish_one(&w), 1); /* entry 0 */
    assert_int_equal(publish_one(&w), 0);
    ring_peer_set_used_event(&w.p, 1); /* past already */
    assert_int_equal(publish_one(&w), 0);
    ring_peer_set_used_event(&w.p, 4);
    assert_int_equal(publish_one(&w), 0); /* entry 3 */
    assert_int_equal(publish_one(&w), 1); /* entry 4 */
    world_end(&w);
}

static void test_one_interrupt_for_a_batch(void **state)
{
    struct world w;
    uint16_t event, i;

    (void)state;
    for (event = 0; event < 6; event++) {
        world_start(&w, 8, VGPIO_F_EVENT_IDX);
        (void)publish_one(&w); /* entry 0 */
        for (i = 0; i < 3; i++) {
            ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
            serve_one(&w); /* entries 1, 2, 3 */
        }
        ring_peer_set_used_event(&w.p, event);
        assert_int_equal(vgpio_devq_publish(&w.q), event >= 1 && event <= 3);
        world_end(&w);
    }
}

static void test_the_first_after_a_restart_interrupts(void **state)
{
    struct world w;
    struct vgpio_vq_setup where;

    (void)state;
    world_start(&w, 4, VGPIO_F_EVENT_IDX);
    ring_peer_set_used_event(&w.p, 1000);
    (void)publish_one(&w);
    assert_int_equal(publish_one(&w), 0);
    vgpio_devq_stop(&w.q, &where);
    assert_int_equal(vgpio_devq_start(&w.q, &w.m.ops, &where), 0);
    assert_int_equal(publish_one(&w), 1);
    assert_int_equal(publish_one(&w), 0);
    world_end(&w);
}

static void test_rearm_names_the_next_head(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, VGPIO_F_EVENT_IDX);
    ring_peer_wind(&w.p, 65535);
    assert_int_equal(start(&w), 0);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(ring_peer_avail_event(&w.p), 65535);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_rearm(&w.q), 1);
    assert_int_equal(ring_peer_avail_event(&w.p), 65535);
    serve_one(&w);
    /* Not before the device goes to sleep: until then every kick would be for nothing. */
    assert_int_equal(ring_peer_avail_event(&w.p), 65535);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(ring_peer_avail_event(&w.p), 0);
    assert_int_equal(ring_peer_used_flags(&w.p), 0);
    world_end(&w);
}

#endif

/* Another device may have asked for silence and died. */
static void test_rearm_without_event_idx_clears_the_flag(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, 0);
    peer_put16(&w.m, w.p.setup.device, 1);
    ring_peer_set_avail_event(&w.p, 77);
    assert_int_equal(start(&w), 0);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    assert_int_equal(ring_peer_used_flags(&w.p), 0);
    assert_int_equal(ring_peer_avail_event(&w.p), 77);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_rearm(&w.q), 1);
    world_end(&w);
}

/* Broken means: every call says so, nothing is mapped, nothing is stored. What was staged
 * before is the one exception, see test_good_answers_before_the_break. */
static void assert_broken(struct world *w, int err)
{
    struct vgpio_head head = {0, 1};
    uint8_t buf[8];
    uint64_t gpa;
    unsigned maps = w->m.maps;

    (void)vgpio_devq_publish(&w->q);
    world_snap(w);
    w->c.q = &w->q;
    w->c.piece.gpa = OUT;
    w->c.piece.left = 8;
    assert_int_equal(vgpio_devq_error(&w->q), err);
    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), err);
    vgpio_devq_unpop(&w->q, w->c.head);
    assert_int_equal(vgpio_chain_read(&w->c, buf, 8), 0);
    assert_int_equal(vgpio_chain_write(&w->c, buf, 8), 0);
    assert_int_equal(vgpio_chain_where(&w->c, &gpa), err);
    assert_int_equal(vgpio_chain_finish(&w->c, NULL), err);
    assert_int_equal(vgpio_devq_push(&w->q, head, 0), err);
    assert_int_equal(vgpio_devq_publish(&w->q), err);
    assert_int_equal(vgpio_devq_rearm(&w->q), err);
    assert_int_equal(w->m.maps, maps);
    assert_untouched(w);
    vgpio_devq_stop(&w->q, NULL);
    assert_int_equal(vgpio_devq_error(&w->q), err); /* one can still ask why */
    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), VGPIO_ERR_STATE);
}

static void test_avail_index_jumps_past_the_ring(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_set_avail_idx(&w.p, 5);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    assert_broken(&w, VGPIO_ERR_PROTO);
    /* A whole ring at once is fine; and a new start is a new chance. */
    ring_peer_set_avail_idx(&w.p, 4);
    assert_int_equal(start(&w), 0);
    assert_int_equal(vgpio_devq_error(&w.q), 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    world_end(&w);
}

/* The driver's cache line is left alone until all that it promised is taken; the builds
 * without the short ways look each time. */
static void test_avail_index_is_looked_at_when_needed(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
    serve_one(&w);
    ring_peer_set_avail_idx(&w.p, 77);
    if (VGPIO_CFG_FAST) {
        serve_one(&w);
    }
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    world_end(&w);
}

static void test_avail_index_goes_backwards(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    serve_one(&w);
    ring_peer_set_avail_idx(&w.p, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    assert_broken(&w, VGPIO_ERR_PROTO);
    world_end(&w);
}

/* A request that was carried out before its neighbour broke the queue is answered: the
 * line has changed, and the driver may as well know. */
static void test_good_answers_before_the_break(void **state)
{
    struct world w;
    uint32_t id, len;

    (void)state;
    world_start(&w, 4, EVENT_IDX);
    ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
    ring_peer_post(&w.p, 4);
    serve_one(&w);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
    assert_int_equal(id, 2);
    assert_int_equal(vgpio_devq_publish(&w.q), VGPIO_ERR_PROTO);
    assert_broken(&w, VGPIO_ERR_PROTO);
    world_end(&w);
}

static void test_waiting(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_devq_waiting(&w.q), 0);
    ring_peer_post(&w.p, 0);
    ring_peer_post(&w.p, 1);
    assert_int_equal(vgpio_devq_waiting(&w.q), 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_devq_waiting(&w.q), 1);
    ring_peer_set_avail_idx(&w.p, 77);
    assert_int_equal(vgpio_devq_waiting(&w.q), VGPIO_ERR_PROTO);
    assert_broken(&w, VGPIO_ERR_PROTO);
    world_end(&w);
}

static void test_avail_index_jumps_while_rearming(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, EVENT_IDX);
    ring_peer_set_avail_idx(&w.p, 0x8000);
    assert_int_equal(vgpio_devq_rearm(&w.q), VGPIO_ERR_PROTO);
    assert_broken(&w, VGPIO_ERR_PROTO);
    world_end(&w);
}

/* A pop does not care what was in the cursor. */
static void test_a_cursor_of_any_contents(void **state)
{
    struct world w;
    uint8_t buf[16];
    uint32_t room;
    unsigned i;

    (void)state;
    world_start(&w, 4, 0);
    for (i = 0; i < 2; i++) {
        ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
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
        world_start(&w, 4, k ? EVENT_IDX : 0);
        memset(peer_at(&w.m, w.p.setup.device + 4, 8 * 4), 0xee, 8 * 4);
        for (i = 0; i < 9; i++) {
            ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
            world_snap(&w);
            assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
            assert_int_equal(vgpio_chain_write(&w.c, "\1\2", 2), 2);
            assert_stored(&w, IN, 2);
            assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 2), 0);
            assert_stored(&w, w.p.setup.device + 4 + 8 * (i % 4), 8);
            assert_true(vgpio_devq_publish(&w.q) >= 0);
            assert_stored(&w, w.p.setup.device + 2, 2);
            assert_int_equal(vgpio_devq_rearm(&w.q), 0);
            assert_stored(&w,
                          w.p.setup.device +
                              (w.p.setup.features & VGPIO_F_EVENT_IDX ? 4 + 8 * 4 : 0),
                          2);
        }
        world_end(&w);
    }
}

static void test_platform_order_serves_as_well(void **state)
{
    struct world w;
    uint32_t id, len;
    unsigned i;

    (void)state;
    world_start(&w, 4, VGPIO_F_ORDER_PLATFORM | EVENT_IDX);
    for (i = 0; i < 10; i++) {
        assert_true(publish_one(&w) >= 0);
        assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
        assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    }
    world_end(&w);
}

/* ---- short requests, with hooks that the library knows nothing of ---- */

static void test_take_and_answer(void **state)
{
    struct world w;
    struct vgpio_taken t;

    (void)state;
    world_start(&w, 8, 0);
    assert_int_equal(vgpio_devq_take(&w.q, &t, 8, 1), 0);
    memcpy(peer_at(&w.m, OUT, 8), "question", 8);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_take(&w.q, &t, 8, 4), 1);
    assert_int_equal(t.got, 8);
    assert_int_equal(t.room, 2);
    assert_memory_equal(t.request, "question", 8);
    assert_true(t.gpa[0] == IN && t.gpa[1] == IN + 1);
    t.answer[0] = 'o';
    t.answer[1] = 'k';
    assert_int_equal(vgpio_devq_answer(&w.q, &t, 1), 0);
    assert_memory_equal(peer_at(&w.m, IN, 2), "ok", 2);
    assert_true(vgpio_devq_publish(&w.q) >= 0);
    assert_int_equal(peer_get32(&w.m, w.p.setup.device + 8), 2);
    world_end(&w);
}

/* As much as there is, of both. */
static void test_take_too_short_and_too_long(void **state)
{
    struct world w;
    struct vgpio_taken t[3];
    unsigned i;

    (void)state;
    world_start(&w, 8, 0);
    ring_peer_request(&w.p, 0, OUT, 7, IN, 1);
    ring_peer_request(&w.p, 2, OUT, 8, NOWHERE, 2);
    ring_peer_desc(&w.p, 4, OUT, 8, PEER_NEXT, 5);
    ring_peer_desc(&w.p, 5, IN + 8, 1, PEER_NEXT | PEER_WRITE, 6);
    ring_peer_desc(&w.p, 6, IN, 9, PEER_WRITE, 0);
    ring_peer_post(&w.p, 4);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_devq_take(&w.q, &t[i], 8, 1), 1);
        t[i].answer[0] = 'a';
        t[i].answer[1] = 'b';
    }
    assert_true(t[0].got == 7 && t[0].room == 1 && t[1].got == 8 && t[1].room == 0);
    assert_true(t[2].gpa[0] == IN + 8 && t[2].gpa[1] == IN);
    assert_int_equal(vgpio_devq_answer(&w.q, t, 3), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(peer_get32(&w.m, w.p.setup.device + 8 + 8 * i), i == 0   ? 1
                                                                         : i == 1 ? 0
                                                                                  : 2);
    }
    assert_memory_equal(peer_at(&w.m, IN, 9), "b\0\0\0\0\0\0\0a", 9);
    world_end(&w);
}

/* Answered with nothing, and the others go on. */
static void test_answer_into_memory_that_went_away(void **state)
{
    struct world w;
    struct vgpio_taken t[3];
    unsigned i;

    (void)state;
    world_start(&w, 8, 0);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    ring_peer_request(&w.p, 2, OUT, 8, IN + 16, 1);
    ring_peer_request(&w.p, 4, OUT, 8, IN + 32, 2);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_devq_take(&w.q, &t[i], 8, 1), 1);
        memcpy(t[i].answer, "ok", 2);
    }
    w.m.rom = IN;
    w.m.rom_len = 32;
    assert_int_equal(vgpio_devq_answer(&w.q, t, 3), VGPIO_ERR_IO);
    for (i = 0; i < 3; i++) {
        assert_int_equal(peer_get32(&w.m, w.p.setup.device + 8 + 8 * i), i == 2 ? 2 : 0);
    }
    world_end(&w);
}

static void test_take_and_answer_of_a_broken_queue(void **state)
{
    struct world w;
    struct vgpio_taken t[2];

    (void)state;
    world_start(&w, 8, 0);
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_take(&w.q, &t[0], 8, 1), 1);
    t[1] = t[0];
    ring_peer_desc(&w.p, 2, OUT, 8, PEER_NEXT, 3); /* no side effect: its end is bad */
    ring_peer_desc(&w.p, 3, IN, 2, PEER_WRITE | PEER_NEXT, 8);
    ring_peer_post(&w.p, 2);
    assert_int_equal(vgpio_devq_take(&w.q, &t[1], 8, 1), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_devq_take(&w.q, &t[1], 8, 1), VGPIO_ERR_PROTO);
    world_snap(&w);
    assert_int_equal(vgpio_devq_answer(&w.q, t, 2), VGPIO_ERR_PROTO);
    assert_untouched(&w);
    vgpio_devq_stop(&w.q, NULL);
    assert_int_equal(vgpio_devq_answer(&w.q, t, 1), VGPIO_ERR_STATE);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_misaligned_areas),
        cmocka_unit_test(test_misaligned_host_memory),
        cmocka_unit_test(test_area_not_whole),
        cmocka_unit_test(test_map_fails_at_every_call_of_start),
        cmocka_unit_test(test_ring_at_the_top_of_the_address_space),
        cmocka_unit_test(test_features_that_cannot_be),
        cmocka_unit_test(test_bad_hooks),
        cmocka_unit_test(test_hooks_of_an_older_header),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_resume_only_what_the_ring_bears_out),
        cmocka_unit_test(test_resume_where_new_rings_begin),
        cmocka_unit_test(test_stop_leaves_a_broken_ring_alone),
        cmocka_unit_test(test_resume_elsewhere_whatever_is_cleared),
        cmocka_unit_test(test_stop_forgets_what_is_only_staged),
        cmocka_unit_test(test_unpop),
        cmocka_unit_test(test_take_and_answer),
        cmocka_unit_test(test_take_too_short_and_too_long),
        cmocka_unit_test(test_answer_into_memory_that_went_away),
        cmocka_unit_test(test_take_and_answer_of_a_broken_queue),
        cmocka_unit_test(test_index_wrap),
        cmocka_unit_test(test_batches_wrap_with_the_ring_full),
        cmocka_unit_test(test_need_event_truth_table),
        cmocka_unit_test(test_nothing_staged_publishes_nothing),
        cmocka_unit_test(test_interrupts_without_event_idx),
#if VGPIO_CFG_EVENT_IDX
        cmocka_unit_test(test_interrupts_with_event_idx),
        cmocka_unit_test(test_one_interrupt_for_a_batch),
        cmocka_unit_test(test_the_first_after_a_restart_interrupts),
        cmocka_unit_test(test_rearm_names_the_next_head),
#endif
        cmocka_unit_test(test_rearm_without_event_idx_clears_the_flag),
        cmocka_unit_test(test_avail_index_jumps_past_the_ring),
        cmocka_unit_test(test_avail_index_is_looked_at_when_needed),
        cmocka_unit_test(test_avail_index_goes_backwards),
        cmocka_unit_test(test_good_answers_before_the_break),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_avail_index_jumps_while_rearming),
        cmocka_unit_test(test_a_cursor_of_any_contents),
        cmocka_unit_test(test_every_store_is_reported),
        cmocka_unit_test(test_platform_order_serves_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
