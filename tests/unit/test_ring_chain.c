/* SPDX-License-Identifier: BSD-3-Clause */
/* Chains that are broken, chains that are odd but legal, and buffers that are no
 * memory. */
#include "devq_world.h"

/* Takes the one head that was posted and walks all of its chain: the queue breaks, at
 * once or on the way, stays broken, and no byte of memory changes from beginning to
 * end. */
static void breaks(struct world *w, int err)
{
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
    assert_int_equal(vgpio_devq_push(&w->q, w->c.head, 0), err);
    assert_int_equal(vgpio_devq_publish(&w->q), err);
    assert_int_equal(vgpio_devq_rearm(&w->q), err);
    assert_untouched(w);
    world_end(w);
}

/* The chain is sound and has room for `room` bytes of answer. */
static void sound(struct world *w, uint32_t room)
{
    uint32_t got = 12345;

    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), 1);
    assert_int_equal(vgpio_chain_finish(&w->c, &got), 0);
    assert_int_equal(got, room);
    assert_int_equal(vgpio_devq_push(&w->q, w->c.head, 0), 0);
    assert_int_equal(vgpio_devq_publish(&w->q), 1);
}

static void test_head_is_the_ring_size(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_post(&w.p, 4);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_head_is_65535(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_post(&w.p, 65535);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_next_is_the_ring_size(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, PEER_NEXT, 4);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_next_is_65535(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, PEER_NEXT, 65535);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_descriptor_names_itself(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 1, OUT, 8, PEER_NEXT, 1);
    ring_peer_post(&w.p, 1);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_empty_descriptor_names_itself(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 1, OUT, 0, PEER_NEXT, 1);
    ring_peer_post(&w.p, 1);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_loop_of_two(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, IN, 2, PEER_NEXT | PEER_WRITE, 1);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_loop_at_the_end_of_a_full_ring(void **state)
{
    struct world w;
    uint16_t i;

    (void)state;
    world_start(&w, 4, 0);
    for (i = 0; i < 4; i++) {
        ring_peer_desc(&w.p, i, OUT, 0, PEER_NEXT, (uint16_t)((i + 1) % 4));
    }
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_chain_as_long_as_the_ring_is_legal(void **state)
{
    struct world w;
    uint16_t i;

    (void)state;
    world_start(&w, 4, 0);
    for (i = 0; i < 4; i++) {
        ring_peer_desc(&w.p, (uint16_t)(3 - i), IN, 1,
                       PEER_WRITE | (i < 3 ? PEER_NEXT : 0), (uint16_t)(2 - i));
    }
    ring_peer_post(&w.p, 3);
    sound(&w, 4);
    world_end(&w);
}

static void test_readable_after_writable(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, IN, 2, PEER_NEXT | PEER_WRITE, 1);
    ring_peer_desc(&w.p, 1, OUT, 8, 0, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_empty_readable_after_empty_writable(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, IN, 0, PEER_NEXT | PEER_WRITE, 2);
    ring_peer_desc(&w.p, 2, OUT, 0, 0, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

/* A reader takes what it asked for, also where the last piece has more: nothing
 * beyond. */
static void test_a_copy_ends_inside_a_piece(void **state)
{
    uint8_t buf[16], bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    memcpy(peer_at(&w.m, OUT, 8), bytes, 8);
    ring_peer_desc(&w.p, 0, OUT, 3, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, OUT + 3, 16, PEER_NEXT, 2);
    ring_peer_desc(&w.p, 2, IN, 3, PEER_NEXT | PEER_WRITE, 3);
    ring_peer_desc(&w.p, 3, IN + 3, 16, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    memset(buf, 0xee, sizeof buf);
    memset(peer_at(&w.m, IN, 20), 0xee, 20);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_memory_equal(buf, bytes, 8);
    assert_int_equal(buf[8], 0xee);
    assert_int_equal(vgpio_chain_write(&w.c, bytes, 8), 8);
    assert_memory_equal(peer_at(&w.m, IN, 8), bytes, 8);
    assert_int_equal(*peer_at(&w.m, IN + 8, 1), 0xee);
    world_end(&w);
}

/* Descriptors are fetched when the cursor gets there, and not before: what was asked for
 * is all there. */
static void test_a_copy_stops_before_a_bad_descriptor(void **state)
{
    struct world w;
    uint8_t buf[8];
    unsigned k;

    (void)state;
    for (k = 0; k < 2; k++) {
        world_start(&w, 4, 0);
        ring_peer_desc(&w.p, 0, OUT, 8, k ? PEER_NEXT | PEER_WRITE : PEER_NEXT, 4);
        ring_peer_post(&w.p, 0);
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
        assert_int_equal(k ? vgpio_chain_write(&w.c, "12345678", 8)
                           : vgpio_chain_read(&w.c, buf, 8),
                         8);
        assert_int_equal(vgpio_devq_error(&w.q), 0);
        assert_int_equal(vgpio_chain_finish(&w.c, NULL), VGPIO_ERR_PROTO);
        world_end(&w);
    }
}

/* At the end of a chain there is nothing more to read, also where it was not read. */
static void test_nothing_is_left_after_the_end(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint32_t room = 1;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, 0, 0);
    ring_peer_post(&w.p, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
    assert_int_equal(room, 0);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 0);
    world_end(&w);
}

static void test_lengths_sum_past_32_bits(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 0x80000000u, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, IN, 0x80000000u, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_lengths_sum_to_32_bits_exactly(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 0x80000000u, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, IN, 0x7fffffffu, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    sound(&w, 0x7fffffffu);
    world_end(&w);
}

static void test_indirect_without_the_feature(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, 4, EVENT_IDX);
    ring_peer_entry(&w.m, TABLE, 0, IN, 1, PEER_WRITE, 0);
    ring_peer_desc(&w.p, 0, TABLE, 16, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

#if VGPIO_CFG_INDIRECT

static void indirect_start(struct world *w, uint16_t size)
{
    world_start(w, size, VGPIO_F_INDIRECT);
    ring_peer_entry(&w->m, TABLE, 0, OUT, 8, PEER_NEXT, 1);
    ring_peer_entry(&w->m, TABLE, 1, IN, 2, PEER_WRITE, 0);
}

static void indirect_breaks(uint64_t table, uint32_t len, uint16_t flags, int err)
{
    struct world w;

    indirect_start(&w, 4);
    ring_peer_desc(&w.p, 0, table, len, PEER_INDIRECT | flags, 1);
    ring_peer_desc(&w.p, 1, IN, 1, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, err);
}

static void test_indirect_with_next(void **state)
{
    (void)state;
    indirect_breaks(TABLE, 32, PEER_NEXT, VGPIO_ERR_PROTO);
}

static void test_indirect_of_no_length(void **state)
{
    (void)state;
    indirect_breaks(TABLE, 0, 0, VGPIO_ERR_PROTO);
    indirect_breaks(UINT64_MAX, 0, 0, VGPIO_ERR_PROTO);
}

static void test_indirect_of_half_an_entry(void **state)
{
    (void)state;
    indirect_breaks(TABLE, 8, 0, VGPIO_ERR_PROTO);
}

static void test_indirect_of_a_byte_too_many(void **state)
{
    (void)state;
    indirect_breaks(TABLE, 33, 0, VGPIO_ERR_PROTO);
}

static void test_indirect_of_no_memory(void **state)
{
    (void)state;
    indirect_breaks(NOWHERE, 32, 0, VGPIO_ERR_FAULT);
}

static void test_indirect_half_in_memory(void **state)
{
    (void)state;
    indirect_breaks(WORLD_GPA + WORLD_SIZE - 8, 16, 0, VGPIO_ERR_FAULT);
}

static void test_indirect_past_the_address_space(void **state)
{
    (void)state;
    indirect_breaks(UINT64_MAX - 14, 16, 0, VGPIO_ERR_FAULT);
}

/* Its first entry is there, and all that is needed; but so long a table cannot be. */
static void test_indirect_wraps_after_its_first_entry(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, VGPIO_F_INDIRECT);
    w.m.gpa = UINT64_MAX - WORLD_SIZE + 1;
    ring_peer_init(&w.p, &w.m, w.m.gpa, 4, VGPIO_F_INDIRECT);
    assert_int_equal(vgpio_devq_start(&w.q, &w.m.ops, &w.p.setup), 0);
    ring_peer_entry(&w.m, UINT64_MAX - 15, 0, w.m.gpa + 0x1000, 1, PEER_WRITE, 0);
    ring_peer_desc(&w.p, 0, UINT64_MAX - 15, 16, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    sound(&w, 1);
    ring_peer_desc(&w.p, 0, UINT64_MAX - 15, 32, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_FAULT);
}

static void test_indirect_next_past_the_table(void **state)
{
    /* The entry is there in memory, but the table ends before it. */
    (void)state;
    indirect_breaks(TABLE, 16, 0, VGPIO_ERR_PROTO);
}

static void test_indirect_nested(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    ring_peer_entry(&w.m, TABLE + 64, 0, TABLE, 32, PEER_INDIRECT, 0);
    ring_peer_desc(&w.p, 0, TABLE + 64, 16, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_indirect_table_names_itself(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    ring_peer_entry(&w.m, TABLE, 0, TABLE, 16, PEER_INDIRECT, 0);
    ring_peer_desc(&w.p, 0, TABLE, 16, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_indirect_loop(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    ring_peer_entry(&w.m, TABLE, 0, OUT, 0, PEER_NEXT, 1);
    ring_peer_entry(&w.m, TABLE, 1, OUT, 0, PEER_NEXT, 0);
    ring_peer_desc(&w.p, 0, TABLE, 32, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
    assert_true(w.m.maps < 1100);
}

static void test_indirect_readable_after_plain_writable(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    ring_peer_desc(&w.p, 0, IN, 1, PEER_NEXT | PEER_WRITE, 1);
    ring_peer_desc(&w.p, 1, TABLE, 32, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

static void test_indirect_sum_past_32_bits(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 4);
    ring_peer_desc(&w.p, 0, OUT, UINT32_MAX - 9, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, TABLE, 32, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    breaks(&w, VGPIO_ERR_PROTO);
}

/* RING-DEV-05 */
static void test_write_flag_of_a_table_means_nothing(void **state)
{
    struct world w;
    uint8_t buf[9];

    (void)state;
    indirect_start(&w, 4);
    memcpy(peer_at(&w.m, OUT, 8), "ABCDEFGH", 8);
    ring_peer_desc(&w.p, 0, TABLE, 32, PEER_INDIRECT | PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 9), 8);
    assert_memory_equal(buf, "ABCDEFGH", 8);
    assert_int_equal(vgpio_chain_write(&w.c, "xyz", 3), 2);
    assert_memory_equal(peer_at(&w.m, IN, 3), "xy\0", 3);
    world_end(&w);
}

/* RING-DEV-06 */
static void test_plain_descriptors_then_a_table(void **state)
{
    struct world w;
    uint8_t buf[16];

    (void)state;
    indirect_start(&w, 4);
    memcpy(peer_at(&w.m, OUT, 13), "ABCDEFGHijklm", 13);
    ring_peer_desc(&w.p, 3, OUT + 8, 2, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, OUT + 10, 3, PEER_NEXT, 2);
    ring_peer_desc(&w.p, 2, TABLE, 32, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 3);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 16), 13);
    assert_memory_equal(buf, "ijklmABCDEFGH", 13);
    assert_int_equal(vgpio_chain_finish(&w.c, NULL), 0);
    world_end(&w);
}

static void test_table_longer_than_a_ring_of_one(void **state)
{
    struct world w;

    (void)state;
    indirect_start(&w, 1);
    ring_peer_desc(&w.p, 0, TABLE, 32, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    sound(&w, 2);
    world_end(&w);
}

static void test_table_of_65536_entries(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, VGPIO_F_INDIRECT);
    peer_mem_free(&w.m);
    peer_mem_init(&w.m, WORLD_GPA, 0x200000);
    ring_peer_init(&w.p, &w.m, WORLD_GPA, 4, VGPIO_F_INDIRECT);
    assert_int_equal(vgpio_devq_start(&w.q, &w.m.ops, &w.p.setup), 0);
    ring_peer_entry(&w.m, TABLE, 0, OUT, 8, PEER_NEXT, 65535);
    ring_peer_entry(&w.m, TABLE, 65535, IN, 3, PEER_WRITE, 0);
    ring_peer_desc(&w.p, 0, TABLE, 16 * 65536, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    sound(&w, 3);
    world_end(&w);
}

/* How far a table is followed: 1024 entries, or the ring's size if that is more. */
static void long_table(unsigned entries, int ok)
{
    struct world w;
    unsigned i;

    world_start(&w, 4, VGPIO_F_INDIRECT);
    for (i = 0; i < entries; i++) {
        ring_peer_entry(&w.m, TABLE, (uint16_t)i, IN, 1,
                        PEER_WRITE | (i + 1 < entries ? PEER_NEXT : 0),
                        (uint16_t)(i + 1));
    }
    ring_peer_desc(&w.p, 0, TABLE, 16 * entries, PEER_INDIRECT, 0);
    ring_peer_post(&w.p, 0);
    if (ok) {
        sound(&w, entries);
        world_end(&w);
    } else {
        breaks(&w, VGPIO_ERR_PROTO);
    }
}

static void test_table_of_1024_entries_is_followed(void **state)
{
    (void)state;
    long_table(1024, 1);
}

static void test_table_of_1025_entries_is_not(void **state)
{
    (void)state;
    long_table(1025, 0);
}

/* For every n: the request is served, or found without memory, or the queue breaks for
 * want of its table; and never is anything stored but where the answer belongs. */
static void test_map_fails_at_every_call_of_a_request(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t gpa;
    unsigned n;
    int err;

    (void)state;
    for (n = 1; n <= 6; n++) {
        indirect_start(&w, 4);
        ring_peer_desc(&w.p, 0, TABLE, 32, PEER_INDIRECT, 0);
        ring_peer_post(&w.p, 0);
        world_snap(&w);
        w.m.fail_at = n;
        /* Calls: entry 0, request, entry 1, answer, answer. */
        err = vgpio_devq_pop(&w.q, &w.c);
        assert_int_equal(err, n == 1 ? VGPIO_ERR_FAULT : 1);
        if (n > 1) {
            assert_int_equal(vgpio_chain_read(&w.c, buf, 8), n == 2 ? 0 : 8);
            err = vgpio_chain_where(&w.c, &gpa);
            assert_int_equal(err, n == 3 ? VGPIO_ERR_FAULT : n == 4 ? VGPIO_ERR_IO : 0);
        }
        if (n > 4) {
            err = vgpio_chain_where(&w.c, &gpa);
            assert_int_equal(err, n == 5 ? VGPIO_ERR_IO : 0);
        }
        assert_int_equal(vgpio_devq_error(&w.q), n == 1 || n == 3 ? VGPIO_ERR_FAULT : 0);
        assert_untouched(&w);
        world_end(&w);
    }
}

#endif /* VGPIO_CFG_INDIRECT */

/* A buffer that is no memory is a bad request and not a bad ring. */
static void test_request_is_no_memory(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t gpa;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_request(&w.p, 0, NOWHERE, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 0);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), 0); /* there is room to say so */
    assert_int_equal(gpa, IN);
    assert_int_equal(vgpio_chain_finish(&w.c, NULL), 0);
    assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 1), 0);
    ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
    sound(&w, 2);
    world_end(&w);
}

static void test_request_past_the_address_space(void **state)
{
    struct world w;
    uint8_t buf[8];

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_request(&w.p, 0, UINT64_MAX - 3, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 0);
    assert_int_equal(vgpio_chain_finish(&w.c, NULL), 0);
    world_end(&w);
}

static void test_answer_is_no_memory(void **state)
{
    struct world w;
    uint64_t gpa;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_request(&w.p, 0, OUT, 8, NOWHERE, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), VGPIO_ERR_IO);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), VGPIO_ERR_IO);
    assert_int_equal(vgpio_chain_write(&w.c, "ab", 2), 0);
    assert_int_equal(vgpio_chain_finish(&w.c, NULL), 0);
    assert_int_equal(vgpio_devq_error(&w.q), 0);
    world_end(&w);
}

static void test_answer_in_memory_that_cannot_be_written(void **state)
{
    struct world w;
    uint64_t gpa;

    (void)state;
    world_start(&w, 4, 0);
    w.m.rom = IN;
    w.m.rom_len = 16;
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), VGPIO_ERR_IO);
    world_end(&w);
}

/* Status has a place, the value has not: one byte can be said. */
static void test_second_answer_byte_is_no_memory(void **state)
{
    struct world w;
    uint64_t gpa;

    (void)state;
    world_start(&w, 4, 0);
    w.m.hole = IN + 1;
    w.m.hole_len = 1;
    ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), 0);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), VGPIO_ERR_IO);
    assert_int_equal(gpa, IN); /* not overwritten by the failure */
    world_end(&w);
}

static void test_no_answer_at_all(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t gpa;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 8, 0, 0);
    ring_peer_post(&w.p, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), VGPIO_ERR_NOSPC);
    /* Asking for the answer's place did not use up the request. */
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_int_equal(vgpio_chain_write(&w.c, "a", 1), 0);
    world_end(&w);
}

static void test_longer_request_is_skipped_over(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t gpa;

    (void)state;
    world_start(&w, 4, 0);
    ring_peer_desc(&w.p, 0, OUT, 100, PEER_NEXT, 1);
    ring_peer_desc(&w.p, 1, NOWHERE, 5, PEER_NEXT, 2); /* never looked at */
    ring_peer_desc(&w.p, 2, IN, 7, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_int_equal(vgpio_chain_where(&w.c, &gpa), 0);
    assert_int_equal(gpa, IN);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 0); /* that part is over */
    world_end(&w);
}

/* A long answer goes to its pieces in order, one region or call at a time. */
static void test_write_across_pieces_and_regions(void **state)
{
    struct world w;
    uint8_t names[300];
    uint32_t i;

    (void)state;
    world_start(&w, 8, 0);
    w.m.chunk = 7;
    w.m.chunk_from = OUT;
    for (i = 0; i < sizeof names; i++) {
        names[i] = (uint8_t)(i * 7);
    }
    ring_peer_desc(&w.p, 0, IN + 200, 100, PEER_NEXT | PEER_WRITE, 1);
    ring_peer_desc(&w.p, 1, IN + 100, 100, PEER_NEXT | PEER_WRITE, 2);
    ring_peer_desc(&w.p, 2, IN, 90, PEER_WRITE, 0);
    ring_peer_post(&w.p, 0);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_write(&w.c, names, 150), 150);
    assert_int_equal(vgpio_chain_write(&w.c, names + 150, 150), 140);
    assert_memory_equal(peer_at(&w.m, IN + 200, 100), names, 100);
    assert_memory_equal(peer_at(&w.m, IN + 100, 100), names + 100, 100);
    assert_memory_equal(peer_at(&w.m, IN, 90), names + 200, 90);
    assert_int_equal(*peer_at(&w.m, IN + 90, 1), 0);
    world_end(&w);
}

static void test_chains_are_kept_and_used_in_any_order(void **state)
{
    struct world w;
    struct vgpio_chain c[4];
    uint8_t buf[2];
    uint32_t id, len;
    uint16_t i;

    (void)state;
    world_start(&w, 8, 0);
    for (i = 0; i < 4; i++) {
        memset(peer_at(&w.m, OUT + i, 1), 'a' + i, 1);
        ring_peer_request(&w.p, (uint16_t)(2 * i), OUT + i, 1, IN + 2 * i, 2);
        assert_int_equal(vgpio_devq_pop(&w.q, &c[i]), 1);
    }
    for (i = 4; i-- > 0;) {
        assert_int_equal(vgpio_chain_read(&c[i], buf, 2), 1);
        assert_int_equal(buf[0], 'a' + i);
        assert_int_equal(vgpio_chain_write(&c[i], buf, 1), 1);
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(vgpio_chain_write(&c[i], "!", 1), 1);
        assert_int_equal(vgpio_devq_push(&w.q, c[i].head, 2), 0);
    }
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    for (i = 0; i < 4; i++) {
        assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
        assert_int_equal(id, 2 * i);
    }
    assert_memory_equal(peer_at(&w.m, IN, 8), "a!b!c!d!", 8);
    world_end(&w);
}

/* The guest rewrites ring and table as soon as they were looked at. */
static void scribble(void *arg, uint64_t gpa)
{
    struct world *w = arg;
    uint32_t bytes = (uint32_t)(w->p.setup.device - w->p.setup.desc);

    if (gpa == OUT) {
        memset(peer_at(&w->m, w->p.setup.desc, bytes), 0xff, bytes);
        memset(peer_at(&w->m, TABLE, 16), 0xff, 16);
    }
}

/* B5: nothing that was checked is loaded a second time. What comes later, entry 1 here,
 * is checked as it stands when it is reached. */
static void test_descriptors_change_after_the_check(void **state)
{
    struct world w;
    uint8_t buf[8];
    unsigned indirect;

    (void)state;
    for (indirect = 0; indirect <= (INDIRECT ? 1 : 0); indirect++) {
        world_start(&w, 4, INDIRECT);
        ring_peer_entry(&w.m, TABLE, 0, OUT, 8, PEER_NEXT, 1);
        ring_peer_entry(&w.m, TABLE, 1, IN, 2, PEER_WRITE, 0);
        if (indirect) {
            ring_peer_desc(&w.p, 0, TABLE, 32, PEER_INDIRECT, 0);
            ring_peer_post(&w.p, 0);
        } else {
            ring_peer_request(&w.p, 0, OUT, 8, IN, 2);
        }
        memcpy(peer_at(&w.m, OUT, 8), "ABCDEFGH", 8);
        w.m.on_map = scribble;
        w.m.arg = &w;
        assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
        assert_int_equal(vgpio_chain_read(&w.c, buf, 4), 4);
        assert_int_equal(vgpio_chain_read(&w.c, buf + 4, 4), 4);
        assert_memory_equal(buf, "ABCDEFGH", 8);
        assert_int_equal(w.c.head.id, 0);
        assert_int_equal(vgpio_chain_finish(&w.c, NULL), indirect ? 0 : VGPIO_ERR_PROTO);
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_is_the_ring_size),
        cmocka_unit_test(test_head_is_65535),
        cmocka_unit_test(test_next_is_the_ring_size),
        cmocka_unit_test(test_next_is_65535),
        cmocka_unit_test(test_descriptor_names_itself),
        cmocka_unit_test(test_empty_descriptor_names_itself),
        cmocka_unit_test(test_loop_of_two),
        cmocka_unit_test(test_loop_at_the_end_of_a_full_ring),
        cmocka_unit_test(test_chain_as_long_as_the_ring_is_legal),
        cmocka_unit_test(test_readable_after_writable),
        cmocka_unit_test(test_empty_readable_after_empty_writable),
        cmocka_unit_test(test_a_copy_ends_inside_a_piece),
        cmocka_unit_test(test_a_copy_stops_before_a_bad_descriptor),
        cmocka_unit_test(test_nothing_is_left_after_the_end),
        cmocka_unit_test(test_lengths_sum_past_32_bits),
        cmocka_unit_test(test_lengths_sum_to_32_bits_exactly),
        cmocka_unit_test(test_indirect_without_the_feature),
#if VGPIO_CFG_INDIRECT
        cmocka_unit_test(test_indirect_with_next),
        cmocka_unit_test(test_indirect_of_no_length),
        cmocka_unit_test(test_indirect_of_half_an_entry),
        cmocka_unit_test(test_indirect_of_a_byte_too_many),
        cmocka_unit_test(test_indirect_of_no_memory),
        cmocka_unit_test(test_indirect_half_in_memory),
        cmocka_unit_test(test_indirect_past_the_address_space),
        cmocka_unit_test(test_indirect_wraps_after_its_first_entry),
        cmocka_unit_test(test_indirect_next_past_the_table),
        cmocka_unit_test(test_indirect_nested),
        cmocka_unit_test(test_indirect_table_names_itself),
        cmocka_unit_test(test_indirect_loop),
        cmocka_unit_test(test_indirect_readable_after_plain_writable),
        cmocka_unit_test(test_indirect_sum_past_32_bits),
        cmocka_unit_test(test_write_flag_of_a_table_means_nothing),
        cmocka_unit_test(test_plain_descriptors_then_a_table),
        cmocka_unit_test(test_table_longer_than_a_ring_of_one),
        cmocka_unit_test(test_table_of_65536_entries),
        cmocka_unit_test(test_table_of_1024_entries_is_followed),
        cmocka_unit_test(test_table_of_1025_entries_is_not),
        cmocka_unit_test(test_map_fails_at_every_call_of_a_request),
#endif
        cmocka_unit_test(test_request_is_no_memory),
        cmocka_unit_test(test_request_past_the_address_space),
        cmocka_unit_test(test_answer_is_no_memory),
        cmocka_unit_test(test_answer_in_memory_that_cannot_be_written),
        cmocka_unit_test(test_second_answer_byte_is_no_memory),
        cmocka_unit_test(test_no_answer_at_all),
        cmocka_unit_test(test_longer_request_is_skipped_over),
        cmocka_unit_test(test_write_across_pieces_and_regions),
        cmocka_unit_test(test_chains_are_kept_and_used_in_any_order),
        cmocka_unit_test(test_descriptors_change_after_the_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
