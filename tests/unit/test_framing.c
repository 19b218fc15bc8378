/* SPDX-License-Identifier: BSD-3-Clause */
/* Framing (RING-DEV-01, B13, B22): 8 bytes out and 2 bytes in, in every cut there is,
 * with and without empty pieces between, direct, indirect and (split rings only) mixed,
 * whole and byte by byte. */
#include "devq_world.h"

enum how {
    DIRECT,
    TABLE_ONLY,
    MIXED,
    HOWS
};

struct piece {
    uint64_t gpa;
    uint32_t len;
    uint16_t write;
};

struct cut {
    struct piece piece[24];
    unsigned n;
};

static void add(struct cut *c, uint64_t gpa, uint32_t len, uint16_t write)
{
    c->piece[c->n].gpa = gpa;
    c->piece[c->n].len = len;
    c->piece[c->n].write = write;
    c->n++;
}

/* Bit i of `mask`: a cut after byte i. Each piece lies on its own, 16 bytes apart. */
static void cut_up(struct cut *c, unsigned mask, uint32_t total, uint64_t base,
                   uint16_t write, int empties)
{
    uint32_t from = 0, i;

    for (i = 0; i < total; i++) {
        if (i + 1 == total || (mask >> i & 1u)) {
            if (empties) {
                add(c, i % 2 ? NOWHERE : base, 0, write);
            }
            add(c, base + 16u * from, i + 1 - from, write);
            from = i + 1;
        }
    }
    if (empties) {
        add(c, NOWHERE, 0, write);
    }
}

static void post(struct world *w, const struct cut *c, enum how how)
{
    unsigned i, direct = how == DIRECT ? c->n : how == MIXED ? c->n / 2 : 0;

    for (i = 0; i < c->n; i++) {
        const struct piece *p = &c->piece[i];
        uint16_t flags =
            (uint16_t)((p->write ? PEER_WRITE : 0) | (i + 1 < c->n ? PEER_NEXT : 0));
        uint16_t at = (uint16_t)(i < direct ? i : i - direct);

        if (i < direct) {
            ring_peer_desc(&w->p, at, p->gpa, p->len, flags, (uint16_t)(at + 1));
        } else {
            ring_peer_entry(&w->m, TABLE, at, p->gpa, p->len, flags, (uint16_t)(at + 1));
        }
    }
    if (how != DIRECT) {
        ring_peer_desc(&w->p, (uint16_t)direct, TABLE, 16 * (c->n - direct),
                       PEER_INDIRECT, 0);
    }
    ring_peer_post(&w->p, 0);
}

static void post_packed(struct world *w, const struct cut *c, enum how how)
{
    unsigned i;

    for (i = 0; i < c->n; i++) {
        const struct piece *p = &c->piece[i];
        uint16_t flags = p->write ? PEER_WRITE : 0;

        if (how == DIRECT) {
            packed_peer_desc(&w->k, p->gpa, p->len,
                             (uint16_t)(flags | (i + 1 < c->n ? PEER_NEXT : 0)), 0);
        } else {
            ring_peer_entry(&w->m, TABLE, (uint16_t)i, p->gpa, p->len, 0xbeef, flags);
        }
    }
    if (how != DIRECT) {
        packed_peer_desc(&w->k, TABLE, 16 * c->n, PEER_INDIRECT, 0);
    }
}

/* Puts the request where the pieces are. */
static void fill(struct world *w, const struct cut *c, const uint8_t *request)
{
    unsigned i;

    for (i = 0; i < c->n; i++) {
        if (!c->piece[i].write && c->piece[i].len != 0) {
            memcpy(peer_at(&w->m, c->piece[i].gpa, c->piece[i].len), request,
                   c->piece[i].len);
            request += c->piece[i].len;
        }
    }
}

static void one_request(struct world *w, unsigned out_mask, unsigned in_mask, int empties,
                        enum how how)
{
    static const uint8_t request[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t got[9] = {0};
    uint64_t at[2];
    uint32_t id, len, room;
    uint16_t id16;
    struct cut c = {.n = 0};

    cut_up(&c, out_mask, 8, OUT, 0, empties);
    cut_up(&c, in_mask, 2, IN, 1, empties);
    if (w->k.m != NULL) {
        post_packed(w, &c, how);
    } else {
        post(w, &c, how);
    }
    memset(peer_at(&w->m, OUT, 256), 0, 256);
    fill(w, &c, request);

    assert_int_equal(vgpio_devq_pop(&w->q, &w->c), 1);
    assert_int_equal(vgpio_chain_read(&w->c, got, 9), 8);
    assert_memory_equal(got, request, 8);
    assert_int_equal(vgpio_chain_where(&w->c, &at[0]), 0);
    assert_int_equal(vgpio_chain_where(&w->c, &at[1]), 0);
    assert_int_equal(at[0], IN);
    assert_int_equal(at[1], IN + (in_mask ? 16 : 1));
    assert_int_equal(vgpio_chain_finish(&w->c, &room), 0);
    assert_int_equal(room, 0);
    assert_int_equal(vgpio_devq_push(&w->q, w->c.head, 2), 0);
    assert_int_equal(vgpio_devq_publish(&w->q), 1);
    if (w->k.m != NULL) {
        assert_int_equal(
            packed_peer_used(&w->k, how == DIRECT ? (uint16_t)c.n : 1, &id16, &len), 1);
    } else {
        assert_int_equal(ring_peer_used(&w->p, &id, &len), 1);
        assert_int_equal(id, 0);
    }
    assert_int_equal(len, 2);
}

static void every_cut_of(enum how how, uint32_t chunk, int packed)
{
    struct world w;
    unsigned out_mask, in_mask;
    int empties;

    if (packed) {
        packed_start(&w, 31, INDIRECT);
    } else {
        world_start(&w, 32, INDIRECT);
    }
    w.m.chunk = chunk;
    w.m.chunk_from = OUT;
    for (out_mask = 0; out_mask < 128; out_mask++) {
        for (in_mask = 0; in_mask < 2; in_mask++) {
            for (empties = 0; empties < 2; empties++) {
                one_request(&w, out_mask, in_mask, empties, how);
            }
        }
    }
    world_end(&w);
}

static void every_cut(enum how how, uint32_t chunk)
{
    every_cut_of(how, chunk, 0);
    if (how != MIXED && VGPIO_CFG_PACKED) {
        every_cut_of(how, chunk, 1);
    }
}

static void test_direct(void **state)
{
    (void)state;
    every_cut(DIRECT, 0);
}

static void test_direct_mapped_byte_by_byte(void **state)
{
    (void)state;
    every_cut(DIRECT, 1);
}

#if VGPIO_CFG_INDIRECT
static void test_indirect(void **state)
{
    (void)state;
    every_cut(TABLE_ONLY, 0);
}

static void test_indirect_mapped_byte_by_byte(void **state)
{
    (void)state;
    every_cut(TABLE_ONLY, 1);
}

static void test_plain_then_indirect(void **state)
{
    (void)state;
    every_cut(MIXED, 0);
}

static void test_plain_then_indirect_mapped_three_bytes_at_a_time(void **state)
{
    (void)state;
    every_cut(MIXED, 3);
}
#endif

/* Every request that is too short, in every cut: what there is, and no byte more. */
static void test_short_requests(void **state)
{
    struct world w;
    uint32_t total;
    unsigned mask;

    (void)state;
    world_start(&w, 32, 0);
    for (total = 1; total < 8; total++) {
        for (mask = 0; mask < 1u << (total - 1); mask++) {
            uint8_t got[8];
            struct cut c = {.n = 0};

            cut_up(&c, mask, total, OUT, 0, 1);
            cut_up(&c, 1, 2, IN, 1, 1);
            post(&w, &c, DIRECT);
            memset(got, 0xee, sizeof got);
            assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
            assert_int_equal(vgpio_chain_read(&w.c, got, 8), total);
            assert_int_equal(got[total], 0xee);
            assert_int_equal(vgpio_chain_finish(&w.c, NULL), 0);
            assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 0), 0);
            assert_int_equal(vgpio_devq_publish(&w.q), 1);
        }
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_direct_mapped_byte_by_byte),
#if VGPIO_CFG_INDIRECT
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_indirect_mapped_byte_by_byte),
        cmocka_unit_test(test_plain_then_indirect),
        cmocka_unit_test(test_plain_then_indirect_mapped_three_bytes_at_a_time),
#endif
        cmocka_unit_test(test_short_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
