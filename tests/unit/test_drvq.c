/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a split queue, against a device that writes bytes, mostly rude. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define MAX 64u
#define DMA UINT64_C(0x4000000000)
#define BUF (DMA + 0x10000u)

#define EVENT_IDX (VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0)
#define INDIRECT (VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0)

struct world {
    _Alignas(64) uint8_t ram[VGPIO_RING_BYTES(MAX) + 64];
    struct vgpio_drvq_slot slots[MAX + 1];
    struct vgpio_vq_setup setup;
    struct vgpio_drvq q;
    uint16_t used; /* the device's index */
};

static const struct vgpio_seg two[2] = {{BUF, 8}, {BUF + 8, 2}};

static uint8_t *at(struct world *w, uint64_t dma)
{
    assert_true(dma >= DMA && dma - DMA < sizeof w->ram);
    return w->ram + (dma - DMA);
}

static uint16_t get16(struct world *w, uint64_t dma)
{
    const uint8_t *b = at(w, dma);

    return (uint16_t)(b[0] | b[1] << 8);
}

static void put16(struct world *w, uint64_t dma, uint16_t v)
{
    at(w, dma)[0] = (uint8_t)v;
    at(w, dma)[1] = (uint8_t)(v >> 8);
}

static void world_init(struct world *w, uint16_t size, uint64_t features)
{
    memset(w, 0xa5, sizeof *w);
    memset(&w->setup, 0, sizeof w->setup);
    memset(&w->q, 0, sizeof w->q);
    w->used = 0;
    w->setup.size = size;
    w->setup.features = features;
    w->setup.desc = DMA;
}

static void world_start(struct world *w, uint16_t size, uint64_t features)
{
    world_init(w, size, features);
    assert_int_equal(vgpio_drvq_init(&w->q, w->ram, w->slots, &w->setup), 0);
}

/* What the device sees: descriptor i, as {addr, len, flags, next}. */
static void assert_desc(const uint8_t *b, uint64_t addr, uint32_t len, uint16_t flags,
                        uint16_t next)
{
    uint8_t want[16];
    unsigned i;

    for (i = 0; i < 8; i++) {
        want[i] = (uint8_t)(addr >> (8 * i));
    }
    for (i = 0; i < 4; i++) {
        want[8 + i] = (uint8_t)(len >> (8 * i));
    }
    for (i = 0; i < 2; i++) {
        want[12 + i] = (uint8_t)(flags >> (8 * i));
        want[14 + i] = (uint8_t)(next >> (8 * i));
    }
    assert_memory_equal(b, want, 16);
}

static uint16_t avail_idx(struct world *w)
{
    return get16(w, w->setup.driver + 2);
}

static uint16_t avail_head(struct world *w, uint16_t idx)
{
    return get16(w, w->setup.driver + 4 + 2u * (uint64_t)(idx % w->setup.size));
}

/* The device writes a used element, and shows it. */
static void give(struct world *w, uint32_t id, uint32_t len)
{
    uint64_t e = w->setup.device + 4 + 8u * (uint64_t)(w->used % w->setup.size);

    put16(w, e, (uint16_t)id);
    put16(w, e + 2, (uint16_t)(id >> 16));
    put16(w, e + 4, (uint16_t)len);
    put16(w, e + 6, (uint16_t)(len >> 16));
    put16(w, w->setup.device + 2, ++w->used);
}

static void set_avail_event(struct world *w, uint16_t v)
{
    put16(w, w->setup.device + 4 + 8u * (uint64_t)w->setup.size, v);
}

static void test_add_and_get(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 7), 0);
    assert_int_equal(avail_idx(&w), 0); /* only staged */
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_int_equal(avail_idx(&w), 1);
    assert_int_equal(avail_head(&w, 0), 0);
    assert_desc(at(&w, w.setup.desc), BUF, 8, 1, 1);
    assert_desc(at(&w, w.setup.desc + 16), BUF + 8, 2, 2, 0);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 0);
    give(&w, 0, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    assert_int_equal(slot, 7);
    assert_int_equal(written, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 0);
}

/* All zero but for what belongs there, and nothing outside of what the size says. */
static void test_layout_fits_and_is_cleared(void **state)
{
    static struct world w;
    uint16_t n;
    size_t i;

    (void)state;
    for (n = 1; n <= MAX; n = (uint16_t)(2 * n)) {
        world_start(&w, n, 0);
        assert_int_equal(w.setup.desc, DMA);
        assert_int_equal(w.setup.driver % VGPIO_DMA_ALIGN, 0);
        assert_int_equal(w.setup.device % VGPIO_DMA_ALIGN, 0);
        assert_true(w.setup.driver >= DMA + 16u * n);
        assert_true(w.setup.device >= w.setup.driver + 6u + 2u * n);
        assert_true(w.setup.device + 6u + 8u * n <= DMA + VGPIO_RING_BYTES((uint32_t)n));
        for (i = 0; i < 16u * n; i++) {
            assert_int_equal(w.ram[i], 0);
        }
        for (i = 0; i < 6u + 2u * n; i++) {
            assert_int_equal(*at(&w, w.setup.driver + i), 0);
        }
        for (i = 0; i < 6u + 8u * n; i++) {
            assert_int_equal(*at(&w, w.setup.device + i), 0);
        }
        assert_int_equal(w.ram[VGPIO_RING_BYTES((uint32_t)n)], 0xa5);
        assert_int_equal(w.slots[n].slot, 0xa5a5);
    }
}

static void test_init_refuses(void **state)
{
    static struct world w;
    static const uint16_t sizes[] = {0, 3, 6, 65535};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world_init(&w, sizes[i], 0);
        assert_int_equal(vgpio_drvq_init(&w.q, w.ram, w.slots, &w.setup),
                         VGPIO_ERR_INVAL);
    }
    world_init(&w, 4, 0);
    assert_int_equal(vgpio_drvq_init(&w.q, NULL, w.slots, &w.setup), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_init(&w.q, w.ram, NULL, &w.setup), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_init(&w.q, w.ram + 2, w.slots, &w.setup),
                     VGPIO_ERR_INVAL);
    w.setup.desc = DMA + 8;
    assert_int_equal(vgpio_drvq_init(&w.q, w.ram, w.slots, &w.setup), VGPIO_ERR_INVAL);
    assert_int_equal(w.setup.driver, 0);
    assert_int_equal(w.setup.device, 0);
    if (!VGPIO_CFG_IN_ORDER) {
        world_init(&w, 4, VGPIO_F_IN_ORDER);
        assert_int_equal(vgpio_drvq_init(&w.q, w.ram, w.slots, &w.setup),
                         VGPIO_ERR_NOTSUP);
    }
    assert_int_equal(vgpio_drvq_error(&w.q), 0); /* it never began */
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 0), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_drvq_rearm(&w.q), VGPIO_ERR_STATE);
}

static void test_add_refuses(void **state)
{
    static struct world w;
    const struct vgpio_seg empty[2] = {{BUF, 8}, {BUF + 8, 0}};
    const struct vgpio_seg huge[2] = {{BUF, 0x80000000u}, {BUF, 0x80000000u}};
    const struct vgpio_seg large[2] = {{BUF, 0x80000000u}, {BUF, 0x7fffffffu}};

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 0, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 0xffff), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, two, UINT32_MAX, 2, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 4, 1, 0), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drvq_add(&w.q, empty, 1, 1, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, huge, 1, 1, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, w.ram, DMA, two, 1, 1, 0),
                     VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 0); /* nothing was taken */
    assert_int_equal(vgpio_drvq_add(&w.q, large, 1, 1, 0), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 1), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 0, 2), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_int_equal(avail_idx(&w), 2);
}

static void test_longer_chains(void **state)
{
    static struct world w;
    const struct vgpio_seg segs[4] = {{BUF, 1}, {BUF + 1, 2}, {BUF + 3, 3}, {BUF + 6, 4}};
    uint16_t slot;
    uint32_t written;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 2, 2, 9), 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_desc(at(&w, w.setup.desc), BUF, 1, 1, 1);
    assert_desc(at(&w, w.setup.desc + 16), BUF + 1, 2, 1, 2);
    assert_desc(at(&w, w.setup.desc + 32), BUF + 3, 3, 3, 3);
    assert_desc(at(&w, w.setup.desc + 48), BUF + 6, 4, 2, 0);
    give(&w, 0, 7);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    assert_int_equal(slot, 9);
    /* All four are free again, in pieces of one. */
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 1, 0, 0), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 1, 0, 1), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 0, 1, 2), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 0, 1, 3), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 1, 0, 4), VGPIO_ERR_NOSPC);
}

#if VGPIO_CFG_INDIRECT
static void test_indirect(void **state)
{
    static struct world w;
    static _Alignas(16) uint8_t table[2][32];
    const struct vgpio_seg huge[2] = {{BUF, 0x80000000u}, {BUF, 0x80000000u}};
    uint16_t slot, i;
    uint32_t written;

    (void)state;
    world_start(&w, 2, VGPIO_F_INDIRECT);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF + 64, two, 1, 1, 5), 0);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[1], BUF + 96, two, 0, 1, 6), 0);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[1], BUF, two, 1, 1, 7),
                     VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_desc(at(&w, w.setup.desc), BUF + 64, 32, 4, 0);
    assert_desc(at(&w, w.setup.desc + 16), BUF + 96, 16, 4, 0);
    assert_desc(table[0], BUF, 8, 1, 1);
    assert_desc(table[0] + 16, BUF + 8, 2, 2, 0);
    assert_desc(table[1], BUF, 8, 2, 0);
    for (i = 2; i-- > 0;) {
        give(&w, i, i);
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
        assert_int_equal(slot, 5 + i);
    }
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0] + 4, BUF, two, 1, 1, 7),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 2, 1, 7),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 1, 1, 0xffff),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 0, 0, 7),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 2, UINT32_MAX, 7),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, huge, 1, 1, 7),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 0); /* nothing was taken */
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 2, 0, 7), 0);
    assert_desc(table[0] + 16, BUF + 8, 2, 0, 0); /* nothing to write */
    world_start(&w, 1, VGPIO_F_INDIRECT);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 1, 2, 7),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table[0], BUF, two, 1, 1, 7), 0);
}
#endif

static int publish_one(struct world *w, uint32_t *data)
{
    uint16_t slot;
    uint32_t written;
    int kick;

    assert_int_equal(vgpio_drvq_add(&w->q, two, 1, 1, 3), 0);
    kick = vgpio_drvq_publish(&w->q, data);
    give(w, avail_head(w, (uint16_t)(avail_idx(w) - 1)), 2);
    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), 1);
    return kick;
}

/* RING-DRV-17: the flag counts, avail_event does not. */
static void test_kicks_without_event_idx(void **state)
{
    static struct world w;
    uint32_t data = 99;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, &data), 0);
    assert_int_equal(data, 99);
    set_avail_event(&w, 1000);
    assert_int_equal(publish_one(&w, &data), 1);
    assert_int_equal(data, 0);
    put16(&w, w.setup.device, 1);
    assert_int_equal(publish_one(&w, NULL), 0);
    put16(&w, w.setup.device, 0);
    assert_int_equal(publish_one(&w, NULL), 1);
}

#if VGPIO_CFG_EVENT_IDX
/* RING-DRV-18: avail_event counts, the flag does not; the first goes out regardless. */
static void test_kicks_with_event_idx(void **state)
{
    static struct world w;
    uint32_t i;

    (void)state;
    world_start(&w, 4, VGPIO_F_EVENT_IDX);
    put16(&w, w.setup.device, 1);
    set_avail_event(&w, 1000);
    assert_int_equal(publish_one(&w, NULL), 1);
    assert_int_equal(publish_one(&w, NULL), 0);
    set_avail_event(&w, 2);
    assert_int_equal(publish_one(&w, NULL), 1);
    assert_int_equal(publish_one(&w, NULL), 0);
    set_avail_event(&w, 1); /* entry 65536 + 1 is the next of that number */
    for (i = 4; i < 0x10001u; i++) {
        assert_int_equal(publish_one(&w, NULL), 0);
    }
    assert_int_equal(publish_one(&w, NULL), 1);
    assert_int_equal(publish_one(&w, NULL), 0);
}

static void test_one_kick_for_a_batch(void **state)
{
    static struct world w;
    uint16_t event, i;

    (void)state;
    for (event = 0; event < 6; event++) {
        world_start(&w, 16, VGPIO_F_EVENT_IDX);
        (void)publish_one(&w, NULL);
        for (i = 0; i < 3; i++) {
            assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, i), 0);
        }
        set_avail_event(&w, event);
        assert_int_equal(vgpio_drvq_publish(&w.q, NULL), event >= 1 && event <= 3);
    }
}

static uint16_t used_event(struct world *w)
{
    return get16(w, w->setup.driver + 4 + 2u * (uint64_t)w->setup.size);
}

static void test_rearm_names_the_next_element(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 4, VGPIO_F_EVENT_IDX);
    (void)publish_one(&w, NULL);
    assert_int_equal(used_event(&w), 0); /* not before going to sleep */
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    assert_int_equal(used_event(&w), 1);
    assert_int_equal(get16(&w, w.setup.driver), 0);
}
#endif

/* Without EVENT_IDX, 0 asks for an interrupt each time, and is what was there before. */
static void test_rearm_leaves_the_flags_alone(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 4, 0);
    (void)publish_one(&w, NULL);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    assert_int_equal(get16(&w, w.setup.driver), 0);
    assert_int_equal(used_event(&w), 0);
}

static void test_rearm_sees_what_came(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    (void)state;
    world_start(&w, 4, EVENT_IDX);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 3), 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    give(&w, 0, 0);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
}

static void test_notification_data(void **state)
{
    static struct world w;
    uint32_t data, i;

    (void)state;
    world_start(&w, 4, VGPIO_F_NOTIFICATION_DATA);
    for (i = 1; i < 0x10010u; i++) {
        assert_int_equal(publish_one(&w, &data), 1);
        /* bits 16-30 index, 31 its wrap bit, and room for the queue number */
        assert_int_equal(data, (uint32_t)(i & 0x7fff) << 16 | (i >> 15 & 1) << 31);
    }
}

/* After hostile data: the error stays and nothing is stored any more. */
static void assert_broken(struct world *w)
{
    static struct world before;
    uint16_t slot = 77;
    uint32_t written = 77;
    _Alignas(16) uint8_t table[32];

    assert_int_equal(vgpio_drvq_error(&w->q), VGPIO_ERR_PROTO);
    memcpy(&before, w, sizeof before);
    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_add(&w->q, two, 1, 1, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_add_indirect(&w->q, table, BUF, two, 1, 1, 0),
                     VGPIO_CFG_INDIRECT ? VGPIO_ERR_PROTO : VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_drvq_publish(&w->q, NULL), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_rearm(&w->q), VGPIO_ERR_PROTO);
    assert_int_equal(slot, 77);
    assert_int_equal(written, 77);
    assert_memory_equal(&before, w, sizeof before);
}

static void in_flight(struct world *w, unsigned n)
{
    unsigned i;

    world_start(w, 8, EVENT_IDX);
    for (i = 0; i < n; i++) {
        assert_int_equal(vgpio_drvq_add(&w->q, two, 1, 1, (uint16_t)(10 + i)), 0);
    }
    assert_true(vgpio_drvq_publish(&w->q, NULL) >= 0);
}

static void hostile_id(uint32_t id)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    in_flight(&w, 2); /* heads 0 and 2 */
    give(&w, id, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
    assert_broken(&w);
}

static void test_used_id_is_the_size(void **state)
{
    (void)state;
    hostile_id(8);
}

static void test_used_id_has_high_bits(void **state)
{
    (void)state;
    hostile_id(0x10000); /* head 0 for who looks at 16 bits */
    hostile_id(UINT32_MAX);
}

static void test_used_id_is_the_middle_of_a_chain(void **state)
{
    (void)state;
    hostile_id(1);
    hostile_id(3);
}

static void test_used_id_is_free(void **state)
{
    (void)state;
    hostile_id(4);
    hostile_id(7);
}

static void test_used_twice(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    (void)state;
    in_flight(&w, 2);
    give(&w, 0, 2);
    give(&w, 0, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
    assert_broken(&w);
}

static void test_used_index_jumps(void **state)
{
    static struct world w;
    static const uint16_t bad[] = {3, 4, 8, 0x7fff, 0x8000, 0xffff};
    uint16_t slot;
    uint32_t written;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        in_flight(&w, 2);
        put16(&w, w.setup.device + 2, bad[i]);
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
        assert_broken(&w);
        in_flight(&w, 2);
        put16(&w, w.setup.device + 2, bad[i]);
        assert_int_equal(vgpio_drvq_rearm(&w.q), VGPIO_ERR_PROTO);
        assert_broken(&w);
    }
}

/* Of two one came back already: there is one, not two, whatever the index says. */
static void test_used_index_counts_what_came_back_before(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;
    int asks;

    (void)state;
    for (asks = 0; asks < 2; asks++) {
        in_flight(&w, 2);
        give(&w, 0, 2);
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
        give(&w, 2, 2);
        put16(&w, w.setup.device + 2, 3);
        assert_int_equal(asks ? vgpio_drvq_rearm(&w.q)
                              : vgpio_drvq_get(&w.q, &slot, &written),
                         VGPIO_ERR_PROTO);
        assert_broken(&w);
    }
}

static void test_used_index_moves_with_nothing_offered(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    (void)state;
    world_start(&w, 8, EVENT_IDX);
    /* Staged only: the device cannot know of it. */
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 1), 0);
    give(&w, 0, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
    assert_broken(&w);
}

static void test_used_index_goes_backwards(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    (void)state;
    in_flight(&w, 2);
    give(&w, 2, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    put16(&w, w.setup.device + 2, 0);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
    assert_broken(&w);
}

/* Handed on as it is: only the owner of the slot knows how much was offered. */
static void test_any_written_length_is_reported(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    (void)state;
    in_flight(&w, 1);
    give(&w, 0, UINT32_MAX);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    assert_int_equal(written, UINT32_MAX);
}

/* The device overwrites all that it can write: descriptors, available ring, flags. The
 * driver's books are elsewhere. */
static void test_device_scribbles_over_the_ring(void **state)
{
    static struct world w;
    uint16_t slot, i;
    uint32_t written;

    (void)state;
    in_flight(&w, 4);
    memset(at(&w, w.setup.desc), 0xff, 16 * 8);
    memset(at(&w, w.setup.driver), 0xff, 6 + 2 * 8);
    for (i = 0; i < 4; i++) {
        give(&w, 2u * ((i + 1u) % 4u), i);
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
        assert_int_equal(slot, 10 + (i + 1) % 4);
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, i), 0);
    }
    assert_true(vgpio_drvq_publish(&w.q, NULL) >= 0);
    assert_int_equal(avail_idx(&w), 8);
}

/* As many bytes as a chain can have; and no entry behind the last one. */
static void test_the_longest_table(void **state)
{
    static struct world w;
    _Alignas(8) uint8_t table[48];
    const struct vgpio_seg segs[3] = {{BUF, 8}, {BUF + 8, UINT32_MAX - 8}, {BUF, 1}};
    unsigned i;

    (void)state;
    if (!INDIRECT) {
        return;
    }
    world_start(&w, 4, INDIRECT);
    memset(table, 0xa5, sizeof table);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, DMA, segs, 1, 2, 0),
                     VGPIO_ERR_INVAL);
    memset(table, 0xa5, sizeof table);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, DMA, segs, 1, 1, 0), 0);
    for (i = 32; i < sizeof table; i++) {
        assert_int_equal(table[i], 0xa5);
    }
}

/* Used elements and indices as they come: each slot still comes back once. */
static void test_any_used_element(void **state)
{
    static struct world w;
    uint32_t seed, roll, written;
    uint16_t slot;
    unsigned iter, n;

    (void)state;
    for (seed = 1; seed < 400; seed++) {
        unsigned back = 0, out = 0;

        world_start(&w, (uint16_t)(1u << seed % 4),
                    EVENT_IDX |
                        (seed / 4 % 2 && VGPIO_CFG_IN_ORDER ? VGPIO_F_IN_ORDER : 0));
        roll = seed * 2654435761u;
        for (n = 0; n < 40; n++) {
            roll = roll * 1664525u + 1013904223u;
            out += vgpio_drvq_add(&w.q, two, roll >> 9 & 1, 1, 1) == 0;
            if (roll >> 12 & 1) {
                (void)vgpio_drvq_publish(&w.q, NULL);
            }
            if (roll >> 13 & 1) {
                give(&w, (roll >> 16) % (w.setup.size + 1u), roll >> 30);
                w.used = (uint16_t)(w.used + (roll >> 24 & roll >> 25 & 1));
                put16(&w, w.setup.device + 2, w.used);
            }
            while (vgpio_drvq_get(&w.q, &slot, &written) == 1) {
                assert_int_equal(slot, 1);
                back++;
            }
            (void)vgpio_drvq_rearm(&w.q);
        }
        for (iter = 0; vgpio_drvq_drain(&w.q, &iter, &slot) == 1; back++) {
            assert_int_equal(slot, 1);
        }
        assert_int_equal(back, out);
    }
}

static void test_drain_gives_each_slot_once(void **state)
{
    static struct world w;
    unsigned iter = 0, seen = 0;
    uint16_t slot;
    uint32_t written;

    (void)state;
    in_flight(&w, 3);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 13), 0); /* staged counts as well */
    give(&w, 2, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    assert_int_equal(slot, 11);
    give(&w, 99, 2);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
    memset(w.ram, 0xff, sizeof w.ram);
    while (vgpio_drvq_drain(&w.q, &iter, &slot) > 0) {
        assert_in_range(slot, 10, 13);
        assert_int_equal(seen & 1u << slot, 0);
        seen |= 1u << slot;
    }
    assert_int_equal(seen, 1u << 10 | 1u << 12 | 1u << 13);
    iter = 0;
    assert_int_equal(vgpio_drvq_drain(&w.q, &iter, &slot), 0);
    /* And from the beginning again. */
    assert_int_equal(vgpio_drvq_init(&w.q, w.ram, w.slots, &w.setup), 0);
    assert_int_equal(vgpio_drvq_error(&w.q), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 0), 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
}

/* ---- in order ---- */

#if VGPIO_CFG_IN_ORDER

/* One element for `n` chains, `id` being the last of them. */
static void give_batch(struct world *w, uint32_t id, uint32_t len, uint16_t n)
{
    give(w, id, len);
    w->used = (uint16_t)(w->used + n - 1u);
    put16(w, w->setup.device + 2, w->used);
}

static void gets(struct world *w, uint16_t want_slot, uint32_t want_written)
{
    uint16_t slot;
    uint32_t written;

    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), 1);
    assert_int_equal(slot, want_slot);
    assert_int_equal(written, want_written);
}

/* RING-DRV-05: for ever in the order of the table, across its end. */
static void test_in_order_descriptors(void **state)
{
    static struct world w;
    uint16_t i, at_desc = 0;

    (void)state;
    world_start(&w, 8, VGPIO_F_IN_ORDER);
    for (i = 0; i < 40; i++) {
        struct vgpio_seg segs[3] = {{BUF, 1}, {BUF, 2}, {BUF, 3}};
        unsigned n = 1u + i % 3u, k;

        assert_int_equal(vgpio_drvq_add(&w.q, segs, n, 0, i), 0);
        assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
        assert_int_equal(avail_head(&w, i), at_desc);
        for (k = 0; k < n; k++) {
            uint16_t next = (uint16_t)((at_desc + 1) % 8);

            assert_desc(at(&w, w.setup.desc + 16u * at_desc), BUF, k + 1, k + 1 < n,
                        k + 1 < n ? next : 0);
            at_desc = next;
        }
        give(&w, avail_head(&w, i), i);
        gets(&w, i, i);
    }
    assert_int_equal(w.q.nfree, 8);
}

static void test_in_order_batches(void **state)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;
    unsigned round;

    (void)state;
    world_start(&w, 8, VGPIO_F_IN_ORDER | EVENT_IDX);
    for (round = 0; round < 9; round++) {
        uint16_t first = (uint16_t)(3 * round);

        for (slot = 0; slot < 3; slot++) {
            assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, slot), 0);
        }
        (void)vgpio_drvq_publish(&w.q, NULL);
        give_batch(&w, avail_head(&w, (uint16_t)(first + 1)), 2, 2);
        assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
        gets(&w, 0, VGPIO_WRITTEN_ALL);
        assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
        gets(&w, 1, 2);
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 0);
        assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
        give(&w, avail_head(&w, (uint16_t)(first + 2)), 1);
        gets(&w, 2, 1);
        assert_int_equal(w.q.nfree, 8);
    }
}

static void in_order_breaks(uint32_t id, uint16_t n, unsigned good)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    world_start(&w, 8, VGPIO_F_IN_ORDER);
    for (slot = 0; slot < 3; slot++) {
        assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, slot), 0);
    }
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    give_batch(&w, id, 2, n);
    while (good-- > 0) {
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    }
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_error(&w.q), VGPIO_ERR_PROTO);
}

static void test_in_order_batches_that_cannot_be(void **state)
{
    (void)state;
    in_order_breaks(4, 2, 1); /* the index ends before it */
    in_order_breaks(2, 1, 0); /* it is not the next one */
    in_order_breaks(0, 2, 1); /* the element behind it names it again */
    in_order_breaks(3, 2, 0); /* the middle of a chain */
    in_order_breaks(6, 3, 0); /* free */
    in_order_breaks(8, 2, 0); /* just outside of the table */
    in_order_breaks(0x10000, 1, 0);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_get),
        cmocka_unit_test(test_layout_fits_and_is_cleared),
        cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_add_refuses),
        cmocka_unit_test(test_longer_chains),
#if VGPIO_CFG_INDIRECT
        cmocka_unit_test(test_indirect),
#endif
        cmocka_unit_test(test_kicks_without_event_idx),
#if VGPIO_CFG_EVENT_IDX
        cmocka_unit_test(test_kicks_with_event_idx),
        cmocka_unit_test(test_one_kick_for_a_batch),
        cmocka_unit_test(test_rearm_names_the_next_element),
#endif
        cmocka_unit_test(test_rearm_leaves_the_flags_alone),
        cmocka_unit_test(test_rearm_sees_what_came),
        cmocka_unit_test(test_notification_data),
        cmocka_unit_test(test_used_id_is_the_size),
        cmocka_unit_test(test_used_id_has_high_bits),
        cmocka_unit_test(test_used_id_is_the_middle_of_a_chain),
        cmocka_unit_test(test_used_id_is_free),
        cmocka_unit_test(test_used_twice),
        cmocka_unit_test(test_used_index_jumps),
        cmocka_unit_test(test_used_index_counts_what_came_back_before),
        cmocka_unit_test(test_used_index_moves_with_nothing_offered),
        cmocka_unit_test(test_used_index_goes_backwards),
        cmocka_unit_test(test_any_written_length_is_reported),
        cmocka_unit_test(test_device_scribbles_over_the_ring),
        cmocka_unit_test(test_the_longest_table),
        cmocka_unit_test(test_any_used_element),
        cmocka_unit_test(test_drain_gives_each_slot_once),
#if VGPIO_CFG_IN_ORDER
        cmocka_unit_test(test_in_order_descriptors),
        cmocka_unit_test(test_in_order_batches),
        cmocka_unit_test(test_in_order_batches_that_cannot_be),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
