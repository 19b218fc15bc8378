/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's calls for many requests at once, and the short way of the single ones:
 * what they stage and take back is what the general way would, refusals included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define MAX 16u
#define DMA UINT64_C(0x1000)
#define MANY 5u

struct world {
    _Alignas(64) uint8_t ram[VGPIO_RING_BYTES(MAX) + 512u];
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_vq_setup setup;
    struct vgpio_drvq_slot slots[MAX];
    struct vgpio_drvq drv;
    struct vgpio_devq dev;
};

static void begin(struct world *w, uint16_t size, uint64_t features)
{
    memset(w, 0, sizeof *w);
    w->region = (struct vgpio_mem_region){DMA, sizeof w->ram, w->ram};
    w->table = (struct vgpio_mem_table){&w->region, 1};
    w->mem =
        (struct vgpio_mem){sizeof w->mem, &w->table, vgpio_mem_table_map, NULL, NULL};
    w->setup.size = size;
    w->setup.features = features;
    w->setup.desc = DMA;
    assert_int_equal(vgpio_drvq_init(&w->drv, w->ram, w->slots, &w->setup), 0);
    assert_int_equal(vgpio_devq_start(&w->dev, &w->mem, &w->setup), 0);
}

/* Both layouts, as far as they are built in. */
static void on_each(void (*test)(uint64_t features))
{
    if (VGPIO_CFG_SPLIT) {
        test(0);
        test(VGPIO_F_ORDER_PLATFORM);
    }
    if (VGPIO_CFG_PACKED) {
        test(VGPIO_F_PACKED);
        test(VGPIO_F_PACKED | VGPIO_F_ORDER_PLATFORM);
    }
}

static struct vgpio_pair pair(uint16_t slot)
{
    return (struct vgpio_pair){{{DMA + slot, 8}, {DMA + slot + 8u, 2}}, slot};
}

/* The device finds a chain of those two pieces. */
static void expect_chain(struct world *w, const struct vgpio_pair *p,
                         struct vgpio_head *head)
{
    struct vgpio_chain c;
    uint64_t gpa;
    uint32_t room;

    assert_int_equal(vgpio_devq_pop(&w->dev, &c), 1);
    assert_true(c.piece.gpa == p->seg[0].addr && c.piece.left == p->seg[0].len);
    *head = c.head;
    assert_int_equal(vgpio_chain_where(&c, &gpa), 0);
    assert_true(gpa == p->seg[1].addr);
    assert_int_equal(vgpio_chain_finish(&c, &room), 0);
    assert_int_equal(room + 1, p->seg[1].len);
}

/* Round and round, so that the ring wraps between and within requests; out of order. */
static void go_round(uint64_t features, uint16_t size)
{
    struct world w;
    unsigned round, i;

    begin(&w, size, features);
    for (round = 0; round < 200; round++) {
        unsigned n = 1 + round % (size / 2u < MANY ? size / 2u : MANY), back = 0;
        struct vgpio_pair p[MANY];
        struct vgpio_head head[MANY];
        struct vgpio_back b[MANY];

        for (i = 0; i < n; i++) {
            p[i] = pair((uint16_t)(round + i));
        }
        assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, n), (int)n);
        assert_int_equal(w.drv.nfree, size - 2 * n);
        assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
        for (i = 0; i < n; i++) {
            expect_chain(&w, &p[i], &head[i]);
        }
        for (i = n; i-- > 0;) {
            assert_int_equal(vgpio_devq_push(&w.dev, head[i], i), 0);
        }
        assert_int_equal(vgpio_drvq_get_many(&w.drv, b, n), 0);
        assert_true(vgpio_devq_publish(&w.dev) >= 0);
        while (back < n) {
            int got = vgpio_drvq_get_many(&w.drv, b, 1 + round % MANY);

            assert_true(got > 0 && back + (unsigned)got <= n);
            for (i = 0; i < (unsigned)got; i++, back++) {
                assert_int_equal(b[i].slot, round + n - 1 - back);
                assert_int_equal(b[i].written, n - 1 - back);
            }
        }
        assert_int_equal(w.drv.nfree, size);
    }
}

static void rounds(uint64_t features)
{
    go_round(features, 2);
    go_round(features, 8);
    go_round(features, MAX);
    if (features & VGPIO_F_PACKED) {
        go_round(features, 3);
        go_round(features, 7);
    }
}

static void test_rounds(void **state)
{
    (void)state;
    on_each(rounds);
}

/* One is back of three: there is room for more, and it is not made up. */
static void some(uint64_t features)
{
    struct world w;
    struct vgpio_pair p[3] = {pair(0), pair(1), pair(2)};
    struct vgpio_head head[3];
    struct vgpio_back b[3];
    unsigned i;

    begin(&w, 8, features);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 3), 3);
    assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
    for (i = 0; i < 3; i++) {
        expect_chain(&w, &p[i], &head[i]);
    }
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_devq_push(&w.dev, head[i], 2), 0);
        assert_true(vgpio_devq_publish(&w.dev) >= 0);
        assert_int_equal(vgpio_drvq_get_many(&w.drv, b, 3), 1);
        assert_int_equal(b[0].slot, i);
        assert_int_equal(w.drv.nfree, 4 + 2 * i);
        assert_int_equal(vgpio_drvq_get_many(&w.drv, b, 3), 0);
    }
}

static void test_some(void **state)
{
    (void)state;
    on_each(some);
}

#if VGPIO_CFG_IN_ORDER
static void in_order(uint64_t features)
{
    struct world w;
    struct vgpio_pair p[2] = {pair(0), pair(1)};
    struct vgpio_head head[2];
    struct vgpio_back b[2];

    begin(&w, 4, features | VGPIO_F_IN_ORDER);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 2), 2);
    assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
    expect_chain(&w, &p[0], &head[0]);
    expect_chain(&w, &p[1], &head[1]);
    assert_int_equal(vgpio_devq_push(&w.dev, head[0], 1), 0);
    assert_int_equal(vgpio_devq_push(&w.dev, head[1], 2), 0);
    assert_true(vgpio_devq_publish(&w.dev) >= 0);
    assert_int_equal(vgpio_drvq_get_many(&w.drv, b, 2),
                     1); /* that one goes the long way */
    assert_int_equal(b[0].slot, 0);
    assert_int_equal(vgpio_drvq_get(&w.drv, &b[1].slot, &b[1].written), 1);
    assert_int_equal(b[1].slot, 1);
}

static void test_in_order(void **state)
{
    (void)state;
    on_each(in_order);
}
#endif

/* Nothing behind the first that is refused is staged. */
static void refusals(uint64_t features)
{
    struct world w;
    struct vgpio_pair p[3];
    unsigned bad;

    for (bad = 0; bad < 5; bad++) {
        unsigned k;

        for (k = 0; k < 3; k++) {
            unsigned i;

            begin(&w, 8, features);
            for (i = 0; i < 3; i++) {
                p[i] = pair((uint16_t)i);
            }
            p[k].slot = bad == 0 ? 65535 : p[k].slot;
            p[k].seg[0].len = bad == 1 ? 0 : bad == 3 ? UINT32_MAX - 1u : 8;
            p[k].seg[1].len = bad == 2 ? 0 : bad == 4 ? UINT32_MAX : 2;
            assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 3),
                             k == 0 ? VGPIO_ERR_INVAL : (int)k);
            assert_int_equal(w.drv.nfree, 8 - 2 * k);
            assert_int_equal(vgpio_drvq_add(&w.drv, p[k].seg, 1, 1, p[k].slot),
                             VGPIO_ERR_INVAL);
            assert_int_equal(w.drv.nfree, 8 - 2 * k);
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    on_each(refusals);
}

/* Sums beyond what the short way can tell are still good. */
static void large(uint64_t features)
{
    struct world w;
    struct vgpio_pair p = pair(3);
    struct vgpio_head head;

    begin(&w, 8, features);
    p.seg[0].len = 0x80000000u;
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, &p, 1), 1);
    p.seg[1].len = 0x80000000u;
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, &p, 1), VGPIO_ERR_INVAL);
    p.seg[0].len = 0x7fffffffu;
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, &p, 1), 1);
    assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
    p.seg[0].len = 0x80000000u;
    p.seg[1].len = 2;
    p.seg[1].addr = DMA + 11;
    expect_chain(&w, &p, &head);
}

static void test_large_pieces(void **state)
{
    (void)state;
    on_each(large);
}

static void full(uint64_t features)
{
    struct world w;
    struct vgpio_pair p[5] = {pair(0), pair(1), pair(2), pair(3), pair(4)};

    begin(&w, 8, features);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 0), 0);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 5), 4);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 1), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drvq_add(&w.drv, p[0].seg, 1, 1, 0), VGPIO_ERR_NOSPC);
    assert_int_equal(w.drv.nfree, 0);
}

static void test_full(void **state)
{
    (void)state;
    on_each(full);
}

/* ---- a device that lies ---- */

static void put(uint8_t *p, uint32_t v, unsigned n)
{
    while (n-- > 0) {
        *p++ = (uint8_t)v;
        v >>= 8;
    }
}

/* The device's answer number `i` says `id`; split: the index says `idx`. */
static void lie(struct world *w, unsigned i, uint32_t id, uint16_t idx)
{
    uint8_t *used = w->ram + (w->setup.device - DMA);
    uint8_t *d = w->ram + 32u * i;

    if (w->setup.features & VGPIO_F_PACKED) {
        put(d + 8, 2, 4);
        put(d + 12, id, 2);
        put(d + 14, 0x8080, 2);
    } else {
        put(used + 4 + 8 * i, id, 4);
        put(used + 8 + 8 * i, 2, 4);
        put(used + 2, idx, 2);
    }
}

static void expect_broken(struct world *w)
{
    struct vgpio_pair p = pair(7);
    struct vgpio_back b;

    assert_int_equal(vgpio_drvq_get_many(&w->drv, &b, 1), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_get(&w->drv, &b.slot, &b.written), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_add_pairs(&w->drv, &p, 1), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_add(&w->drv, p.seg, 1, 1, 7), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_error(&w->drv), VGPIO_ERR_PROTO);
}

/* The first answer is good, so it is handed over; the second one breaks the queue. */
static void lies(uint64_t features)
{
    /* beyond the ring; none of ours, never offered; again the first one */
    static const uint32_t ids[] = {8, 65535, 7, 0};
    struct world w;
    size_t k;

    for (k = 0; k < sizeof ids / sizeof ids[0]; k++) {
        struct vgpio_pair p[2] = {pair(10), pair(11)};
        struct vgpio_back b[4];

        begin(&w, 8, features);
        assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 2), 2);
        assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
        lie(&w, 0, 0, 1);
        lie(&w, 1, ids[k], 2);
        assert_int_equal(vgpio_drvq_get_many(&w.drv, b, 4), 1);
        assert_true(b[0].slot == 10 && b[0].written == 2);
        expect_broken(&w);
    }
}

static void test_lies(void **state)
{
    (void)state;
    on_each(lies);
}

/* More answers than there are requests. */
static void too_many(uint64_t features)
{
    struct world w;
    struct vgpio_pair p[2] = {pair(10), pair(11)};

    begin(&w, 8, features);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 1), 1);
    assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p + 1, 1), 1);
    if (features & VGPIO_F_PACKED) {
        struct vgpio_back b;

        lie(&w, 0, 0, 0);
        lie(&w, 1, 1, 0); /* staged, not published */
        assert_int_equal(vgpio_drvq_get_many(&w.drv, &b, 2), 1);
    } else {
        lie(&w, 0, 0, 2);
    }
    expect_broken(&w);
}

static void test_more_answers_than_requests(void **state)
{
    (void)state;
    on_each(too_many);
}

/* One answer in the short way, the next one with room for a status only, then another. */
static void mixed_answers(uint64_t features)
{
    struct world w;
    struct vgpio_pair p[3] = {pair(0), pair(16), pair(32)};
    struct vgpio_taken t[3];
    struct vgpio_back b;
    unsigned i;

    begin(&w, 8, features);
    for (i = 0; i < 3; i++) { /* behind the ring */
        p[i].seg[0].addr = w.setup.device + 128u + 16u * i;
        p[i].seg[1].addr = p[i].seg[0].addr + 8u;
        p[i].seg[1].len = i == 1 ? 1 : 2;
    }
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, p, 3), 3);
    assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_devq_take(&w.dev, &t[i], 8, 1), 1);
        assert_int_equal(t[i].room, i == 1 ? 1 : 2);
        memset(t[i].answer, (int)i + 1, 2);
    }
    assert_int_equal(vgpio_devq_answer(&w.dev, t, 3), 0);
    assert_true(vgpio_devq_publish(&w.dev) >= 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_drvq_get_many(&w.drv, &b, 1), 1);
        assert_int_equal(b.slot, 16 * i);
        assert_int_equal(b.written, i == 1 ? 1 : 2);
        assert_int_equal(w.ram[p[i].seg[1].addr - DMA], i + 1);
    }
}

static void test_mixed_answers(void **state)
{
    (void)state;
    on_each(mixed_answers);
}

/* A head that no chain can have had, behind a good one: refused, and not staged. */
static void bad_head(uint64_t features)
{
    struct world w;
    struct vgpio_pair p = pair(0);
    struct vgpio_taken t[2];
    struct vgpio_back b;

    begin(&w, 8, features);
    p.seg[0].addr = w.setup.device + 128u;
    p.seg[1].addr = w.setup.device + 136u;
    assert_int_equal(vgpio_drvq_add_pairs(&w.drv, &p, 1), 1);
    assert_true(vgpio_drvq_publish(&w.drv, NULL) >= 0);
    assert_int_equal(vgpio_devq_take(&w.dev, t, 8, 1), 1);
    memset(t[0].answer, 0, 2);
    t[1] = t[0];
    t[1].head.ndesc = 0;
    assert_int_equal(vgpio_devq_answer(&w.dev, t + 1, 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_devq_answer(&w.dev, t, 2), VGPIO_ERR_INVAL);
    assert_true(vgpio_devq_publish(&w.dev) >= 0);
    assert_int_equal(vgpio_drvq_get_many(&w.drv, &b, 1), 1);
    assert_int_equal(vgpio_drvq_get_many(&w.drv, &b, 1), 0);
}

static void test_answer_to_no_chain(void **state)
{
    (void)state;
    if (VGPIO_CFG_PACKED) { /* a split ring does not know how long a chain is */
        bad_head(VGPIO_F_PACKED);
    }
}

static void test_not_begun(void **state)
{
    struct vgpio_drvq q;
    struct vgpio_pair p = pair(0);
    struct vgpio_back b;

    (void)state;
    memset(&q, 0, sizeof q);
    assert_int_equal(vgpio_drvq_add_pairs(&q, &p, 1), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drvq_get_many(&q, &b, 1), VGPIO_ERR_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_some),
#if VGPIO_CFG_IN_ORDER
        cmocka_unit_test(test_in_order),
#endif
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_large_pieces),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_more_answers_than_requests),
        cmocka_unit_test(test_mixed_answers),
        cmocka_unit_test(test_answer_to_no_chain),
        cmocka_unit_test(test_not_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
