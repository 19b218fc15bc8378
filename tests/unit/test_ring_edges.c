/* SPDX-License-Identifier: BSD-3-Clause */
/* The edges of the short ways: where the next byte is another region's, behind the ring,
 * or of a chain that is not out. What goes on inside of them: test_ring_short.c. */
#include "devq_world.h"

#define OFF (WORLD_GPA + 0xb000u) /* where nothing is to be written */

/* The world as a table of one region, so that the short ways are taken. */
struct quick {
    struct world w;
    struct vgpio_mem_region region[2];
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
};

static void quick_mem(struct quick *k)
{
    k->region[0] = (struct vgpio_mem_region){WORLD_GPA, WORLD_SIZE, k->w.m.base};
    k->table = (struct vgpio_mem_table){k->region, 1};
    k->mem =
        (struct vgpio_mem){sizeof k->mem, &k->table, vgpio_mem_table_map, NULL, NULL};
}

static struct vgpio_taken take_one(struct quick *k)
{
    struct vgpio_taken t;

    assert_int_equal(vgpio_devq_take(&k->w.q, &t, 8, 1), 1);
    assert_int_equal(t.room, 2);
    memcpy(t.answer, "ok", 2);
    return t;
}

/* The status is the last byte of one region, the value the first of the next, as the
 * guest counts; in the host's memory they are far apart. */
static void test_an_answer_across_regions(void **state)
{
    const uint32_t half = WORLD_SIZE / 2; /* the second region: answers */
    struct vgpio_taken across, inside;
    uint8_t *far = malloc(half + 1);
    struct quick k;

    (void)state;
    assert_non_null(far);
    memset(far, 0x55, half + 1);
    world_init(&k.w, 8, 0);
    quick_mem(&k);
    k.region[0].size = half;
    k.region[1] = (struct vgpio_mem_region){WORLD_GPA + half, half, far + 1};
    k.table.n = 2;
    assert_int_equal(vgpio_devq_start(&k.w.q, &k.mem, &k.w.p.setup), 0);
    ring_peer_desc(&k.w.p, 0, WORLD_GPA + 0x7000u, 8, PEER_NEXT, 1);
    ring_peer_desc(&k.w.p, 1, WORLD_GPA + half - 1u, 1, PEER_NEXT | PEER_WRITE, 2);
    ring_peer_desc(&k.w.p, 2, WORLD_GPA + half, 1, PEER_WRITE, 0);
    ring_peer_post(&k.w.p, 0);
    across = take_one(&k);
    ring_peer_request(&k.w.p, 4, WORLD_GPA + 0x7000u, 8, WORLD_GPA + half + 64u, 2);
    inside = take_one(&k);
    assert_int_equal(vgpio_devq_answer(&k.w.q, &inside, 1), 0);
    assert_int_equal(vgpio_devq_answer(&k.w.q, &across, 1), 0);
    assert_int_equal(far[0], 0x55); /* before the region */
    assert_memory_equal(far + 1 + 64, "ok", 2);
    assert_int_equal(*peer_at(&k.w.m, WORLD_GPA + half - 1u, 1), 'o');
    assert_int_equal(far[1], 'k');
    world_end(&k.w);
    free(far);
}

/* One byte of an answer is written, the other one does not map any more: to the driver
 * that is no answer at all. */
static void test_half_an_answer_is_none(void **state)
{
    struct vgpio_taken t;
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, IN, 1, PEER_NEXT | PEER_WRITE, 2);
    ring_peer_desc(&w.p, 2, IN + 64, 1, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    assert_int_equal(vgpio_devq_take(&w.q, &t, 8, 1), 1);
    assert_int_equal(t.room, 2);
    w.m.rom = IN + 64;
    w.m.rom_len = 1;
    assert_int_equal(vgpio_devq_answer(&w.q, &t, 1), VGPIO_ERR_IO);
    assert_int_equal(peer_get32(&w.m, w.p.setup.device + 8), 0);
    world_end(&w);
}

#if VGPIO_CFG_PACKED

/* A packed ring with room behind its descriptors, for somebody to lie in. */
static void packed_quick(struct quick *k, uint16_t size, uint64_t features)
{
    packed_init(&k->w, size, features | VGPIO_F_PACKED);
    k->w.k.setup.driver += 64;
    k->w.k.setup.device += 64;
    quick_mem(k);
    assert_int_equal(vgpio_devq_start(&k->w.q, &k->mem, &k->w.k.setup), 0);
}

/* The second half of a chain that begins with the last descriptor is the first one, not
 * what lies behind the ring, however good that looks. */
static void test_a_pair_does_not_leave_the_ring(void **state)
{
    struct vgpio_taken t;
    struct quick k;
    uint64_t behind;

    (void)state;
    packed_quick(&k, 3, 0);
    packed_peer_request(&k.w.k, 0, OUT, 8, IN, 2);
    t = take_one(&k);
    assert_int_equal(vgpio_devq_answer(&k.w.q, &t, 1), 0);
    assert_int_equal(vgpio_devq_publish(&k.w.q), 1);
    packed_peer_request(&k.w.k, 1, OUT, 8, IN + 8, 2);
    behind = k.w.k.setup.desc + 16u * 3u;
    peer_put64(&k.w.m, behind, OFF);
    peer_put32(&k.w.m, behind + 8, 2);
    peer_put16(&k.w.m, behind + 12, 9);
    peer_put16(&k.w.m, behind + 14, PEER_WRITE | 0x80u);
    t = take_one(&k);
    assert_int_equal(t.gpa[0], IN + 8);
    assert_int_equal(t.head.id, 1);
    assert_int_equal(t.head.ndesc, 2);
    world_end(&k.w);
}

/* Of two chains, of two descriptors and of one, the first is given back twice: there is
 * one descriptor out, and none is written beyond it. */
static void again(int in_one_call)
{
    struct vgpio_taken t[2];
    struct quick k;

    packed_quick(&k, 8, INDIRECT);
    packed_peer_request(&k.w.k, 0, OUT, 8, IN, 2);
    t[0] = t[1] = take_one(&k);
    packed_peer_desc(&k.w.k, OUT, 8, PEER_NEXT, 1); /* out, but not taken */
    if (INDIRECT != 0) {
        ring_peer_entry(&k.w.m, TABLE, 0, OUT, 8, 0, 0);
        /* Flags stand where a split entry has its next one. */
        ring_peer_entry(&k.w.m, TABLE, 1, IN + 8, 2, 0, PEER_WRITE);
        peer_put64(&k.w.m, packed_peer_at(&k.w.k, 2), TABLE);
        peer_put32(&k.w.m, packed_peer_at(&k.w.k, 2) + 8, 32);
        peer_put16(&k.w.m, packed_peer_at(&k.w.k, 2) + 14, PEER_INDIRECT | 0x80u);
        (void)take_one(&k);
    }
    if (!in_one_call) {
        assert_int_equal(vgpio_devq_answer(&k.w.q, t, 1), 0);
    }
    assert_int_equal(vgpio_devq_answer(&k.w.q, t, in_one_call ? 2 : 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_devq_publish(&k.w.q), 1);
    assert_int_equal(packed_peer_flags(&k.w.k, 0x8002u) & 0x8000u, 0); /* not used */
    world_end(&k.w);
}

static void test_given_back_twice(void **state)
{
    (void)state;
    again(0);
    again(1);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#if VGPIO_CFG_SPLIT
        cmocka_unit_test(test_an_answer_across_regions),
        cmocka_unit_test(test_half_an_answer_is_none),
#endif
#if VGPIO_CFG_PACKED
        cmocka_unit_test(test_a_pair_does_not_leave_the_ring),
        cmocka_unit_test(test_given_back_twice),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
