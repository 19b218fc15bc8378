/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a packed queue, against a device that writes bytes, mostly
 * rude. */
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
#define WRAP 0x8000u

#define NEXT 1u
#define WRITE 2u
#define TABLE 4u

#define EVENT_IDX (VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0)
#define IN_ORDER (VGPIO_CFG_IN_ORDER ? VGPIO_F_IN_ORDER : 0)
#define INDIRECT (VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0)

struct world {
    _Alignas(64) uint8_t ram[VGPIO_RING_BYTES(MAX) + 64];
    struct vgpio_drvq_slot slots[MAX + 1];
    struct vgpio_vq_setup setup;
    struct vgpio_drvq q;
    uint16_t used; /* the device's position, wrap counter in bit 15 */
};

static const struct vgpio_seg two[2] = {{BUF, 8}, {BUF + 8, 2}};
static const struct vgpio_seg many[5] = {
    {BUF, 1}, {BUF + 1, 2}, {BUF + 2, 3}, {BUF + 3, 4}, {BUF + 4, 5}};

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
    w->used = WRAP;
    w->setup.size = size;
    w->setup.features = features | VGPIO_F_PACKED;
    w->setup.desc = DMA;
}

static void world_start(struct world *w, uint16_t size, uint64_t features)
{
    world_init(w, size, features);
    assert_int_equal(vgpio_drvq_init(&w->q, w->ram, w->slots, &w->setup), 0);
}

static uint64_t desc_at(struct world *w, uint16_t pos)
{
    return w->setup.desc + 16u * (uint64_t)(pos & (WRAP - 1));
}

static uint16_t flags_at(struct world *w, uint16_t pos)
{
    return get16(w, desc_at(w, pos) + 14);
}

static uint16_t plus(struct world *w, uint16_t pos, unsigned n)
{
    unsigned off = (pos & (WRAP - 1)) + n;

    return (uint16_t)(off >= w->setup.size ? (off - w->setup.size) | ((pos & WRAP) ^ WRAP)
                                           : off | (pos & WRAP));
}

/* What the device sees at `pos`: {addr, len, id, flags}; available, by the turn. */
static void assert_desc(struct world *w, uint16_t pos, uint64_t addr, uint32_t len,
                        uint16_t id, unsigned flags)
{
    uint8_t want[16];
    unsigned i;

    flags |= pos & WRAP ? 0x0080u : 0x8000u;
    for (i = 0; i < 8; i++) {
        want[i] = (uint8_t)(addr >> (8 * i));
    }
    for (i = 0; i < 4; i++) {
        want[8 + i] = (uint8_t)(len >> (8 * i));
    }
    for (i = 0; i < 2; i++) {
        want[12 + i] = (uint8_t)(id >> (8 * i));
        want[14 + i] = (uint8_t)(flags >> (8 * i));
    }
    assert_memory_equal(at(w, desc_at(w, pos)), want, 16);
}

/* Is the descriptor at `pos` available? */
static int available(struct world *w, uint16_t pos)
{
    return (flags_at(w, pos) & 0x8080) == (pos & WRAP ? 0x0080 : 0x8000);
}

/* The device gives a chain of n back, with these flags beside the turn. */
static void give_flags(struct world *w, uint16_t id, uint32_t len, unsigned n,
                       unsigned flags)
{
    uint64_t d = desc_at(w, w->used);

    put16(w, d + 8, (uint16_t)len);
    put16(w, d + 10, (uint16_t)(len >> 16));
    put16(w, d + 12, id);
    put16(w, d + 14, (uint16_t)(flags | (w->used & WRAP ? 0x8080 : 0)));
    w->used = plus(w, w->used, n);
}

static void give(struct world *w, uint16_t id, uint32_t len, unsigned n)
{
    give_flags(w, id, len, n, len ? WRITE : 0);
}

/* Position and mode, as a device writes them. */
static void set_event(struct world *w, uint16_t pos, uint16_t mode)
{
    put16(w, w->setup.device, pos);
    put16(w, w->setup.device + 2, mode);
}

static void gets(struct world *w, uint16_t want_slot, uint32_t want_written)
{
    uint16_t slot = 0xeeee;
    uint32_t written = 0xeeeeeeee;

    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), 1);
    assert_int_equal(slot, want_slot);
    assert_int_equal(written, want_written);
}

static void gets_nothing(struct world *w)
{
    uint16_t slot = 0xeeee;
    uint32_t written = 0xeeeeeeee;

    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), 0);
    assert_int_equal(slot, 0xeeee);
    assert_int_equal(written, 0xeeeeeeee);
}

static int post(struct world *w, unsigned nread, unsigned nwrite, uint16_t slot)
{
    assert_int_equal(vgpio_drvq_add(&w->q, many, nread, nwrite, slot), 0);
    return vgpio_drvq_publish(&w->q, NULL);
}

static void test_add_and_get(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 5, 0);
    gets_nothing(&w);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 7), 0);
    assert_false(available(&w, WRAP)); /* only staged */
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_desc(&w, WRAP, BUF, 8, 0, NEXT);
    assert_desc(&w, WRAP + 1, BUF + 8, 2, 0, WRITE);
    assert_false(available(&w, WRAP + 2));
    gets_nothing(&w);
    give(&w, 0, 2, 2);
    gets(&w, 7, 2);
    gets_nothing(&w);
}

/* Each mix of up to five parts: readable ones first, NEXT on all but the last. */
static void test_flags_of_chains(void **state)
{
    static struct world w;
    unsigned nread, nwrite, k;

    (void)state;
    for (nread = 0; nread <= 5; nread++) {
        for (nwrite = nread == 0; nread + nwrite <= 5; nwrite++) {
            unsigned n = nread + nwrite;

            world_start(&w, 5, 0);
            assert_int_equal(post(&w, nread, nwrite, 3), 1);
            for (k = 0; k < n; k++) {
                assert_desc(&w, (uint16_t)(WRAP + k), many[k].addr, many[k].len, 0,
                            (k < nread ? 0 : WRITE) | (k + 1 < n ? NEXT : 0));
            }
            assert_int_equal(w.q.nfree, 5 - n);
        }
    }
}

static void test_layout_fits_and_is_cleared(void **state)
{
    static struct world w;
    uint16_t n;
    size_t i;

    (void)state;
    for (n = 1; n <= MAX; n++) {
        world_start(&w, n, 0);
        assert_int_equal(w.setup.desc, DMA);
        assert_int_equal(w.setup.driver % VGPIO_DMA_ALIGN, 0);
        assert_int_equal(w.setup.device % VGPIO_DMA_ALIGN, 0);
        assert_true(w.setup.driver >= DMA + 16u * n);
        assert_true(w.setup.device >= w.setup.driver + 4);
        assert_true(w.setup.device + 4 <= DMA + VGPIO_RING_BYTES((uint32_t)n));
        for (i = 0; i < 16u * n; i++) {
            assert_int_equal(w.ram[i], 0);
        }
        for (i = 0; i < 4; i++) {
            assert_int_equal(*at(&w, w.setup.driver + i), 0);
            assert_int_equal(*at(&w, w.setup.device + i), 0);
        }
        assert_int_equal(*at(&w, w.setup.device + 4), 0xa5);
        assert_int_equal(w.slots[n].slot, 0xa5a5);
    }
}

static void test_init_refuses(void **state)
{
    static struct world w;
    static const uint16_t sizes[] = {0, 32769, 65535};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        world_init(&w, sizes[i], 0);
        assert_int_equal(vgpio_drvq_init(&w.q, w.ram, w.slots, &w.setup),
                         VGPIO_ERR_INVAL);
    }
    world_init(&w, 7, 0);
    assert_int_equal(vgpio_drvq_init(&w.q, w.ram + 4, w.slots, &w.setup),
                     VGPIO_ERR_INVAL);
    w.setup.desc += 8;
    assert_int_equal(vgpio_drvq_init(&w.q, w.ram, w.slots, &w.setup), VGPIO_ERR_INVAL);
}

static void test_add_refuses(void **state)
{
    static struct world w;
    struct vgpio_seg bad[3] = {{BUF, 8}, {BUF, 0}, {BUF, 1}};
    uint8_t before[sizeof w.ram];

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(post(&w, 1, 0, 0), 1);
    memcpy(before, w.ram, sizeof before);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 0, 0, 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 0xffff), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 2, UINT32_MAX, 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add(&w.q, many, 2, 2, 1), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drvq_add(&w.q, bad, 2, 1, 1), VGPIO_ERR_INVAL);
    bad[1].len = UINT32_MAX - 7;
    assert_int_equal(vgpio_drvq_add(&w.q, bad, 2, 0, 1), VGPIO_ERR_INVAL);
    bad[1].len--;
    assert_int_equal(vgpio_drvq_add(&w.q, bad, 2, 1, 1), VGPIO_ERR_INVAL);
    /* Half a chain behind the next one would be taken for a whole one. */
    assert_memory_equal(before, w.ram, sizeof before);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, bad, 2, 0, 1), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 0, 1), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 0, 1), VGPIO_ERR_NOSPC);
}

/* RING-DRV-38, and across the end of the ring: the first descriptor comes last, and the
 * batch with it. */
static void test_a_batch_comes_at_once(void **state)
{
    static struct world w;
    uint16_t slot;

    (void)state;
    world_start(&w, 7, 0);
    (void)post(&w, 2, 2, 9);
    give(&w, 0, 4, 4);
    gets(&w, 9, 4);
    for (slot = 0; slot < 3; slot++) {
        assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, slot), 0);
        assert_false(available(&w, WRAP + 4));
    }
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    assert_desc(&w, WRAP + 4, BUF, 8, 0, NEXT);
    assert_desc(&w, WRAP + 5, BUF + 8, 2, 0, WRITE);
    assert_desc(&w, WRAP + 6, BUF, 8, 1, NEXT);
    assert_desc(&w, 0, BUF + 8, 2, 1, WRITE); /* behind the end: the other turn */
    assert_desc(&w, 1, BUF, 8, 2, NEXT);
    assert_desc(&w, 2, BUF + 8, 2, 2, WRITE);
    assert_int_equal(w.q.next_avail, 3);
}

/* Each size, all lengths of chains, many laps, answers in any order. */
static void test_laps(void **state)
{
    static struct world w;
    uint16_t size, len, lap, i;

    (void)state;
    for (size = 1; size <= 9; size++) {
        for (len = 1; len <= size && len <= 5; len++) {
            unsigned chains = size / len;

            world_start(&w, size, EVENT_IDX);
            for (lap = 0; lap < 12; lap++) {
                uint16_t id[9];

                for (i = 0; i < chains; i++) {
                    uint16_t pos = plus(&w, (uint16_t)w.q.next_avail, len - 1u);

                    assert_true(post(&w, 0, len, (uint16_t)(100 + i)) >= 0);
                    id[i] = get16(&w, desc_at(&w, pos) + 12);
                    assert_true(id[i] < size);
                    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
                }
                assert_int_equal(vgpio_drvq_add(&w.q, many, 0, size % len + 1u, 0),
                                 VGPIO_ERR_NOSPC);
                for (i = 0; i < chains; i++) {
                    unsigned k = (i * 5u + lap) % chains;

                    if (chains % 5 == 0) {
                        k = chains - 1u - i;
                    }
                    give(&w, id[k], k, len);
                    assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
                    gets(&w, (uint16_t)(100 + k), k);
                    gets_nothing(&w);
                }
                assert_int_equal(w.q.nfree, size);
            }
        }
    }
}

/* A device that gives back several at once shows the first one last. */
static void test_used_in_a_batch_over_others(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 8, 0);
    (void)post(&w, 1, 2, 10); /* id 0, 3 descriptors */
    (void)post(&w, 1, 0, 11); /* id 1 */
    (void)post(&w, 1, 1, 12); /* id 2 */
    give(&w, 2, 1, 2);        /* over the first two of id 0 */
    give(&w, 0, 3, 3);
    gets(&w, 12, 1);
    gets(&w, 10, 3);
    gets_nothing(&w);
    assert_int_equal(w.q.nfree, 7);
    give(&w, 1, 0, 1);
    gets(&w, 11, 0);
    gets_nothing(&w);
}

/* WRITE should say whether the length counts; some devices leave it out. */
static void test_written_with_and_without_the_flag(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 4, 0);
    (void)post(&w, 1, 1, 1);
    give_flags(&w, 0, 2, 2, WRITE);
    gets(&w, 1, 2);
    (void)post(&w, 1, 1, 2);
    give_flags(&w, 0, 2, 2, 0);
    gets(&w, 2, 2);
    (void)post(&w, 1, 1, 3);
    give_flags(&w, 0, UINT32_MAX, 2, 0x7f7f & ~0x80u); /* reserved ones mean nothing */
    gets(&w, 3, UINT32_MAX);
}

static void test_indirect(void **state)
{
    static struct world w;
    _Alignas(8) uint8_t table[16 * 6];
    const uint64_t addr = 0x123456789abcdef0u;
    struct vgpio_seg bad[2] = {{BUF, 8}, {BUF, 0}};
    unsigned i;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, two, 1, 1, 0),
                     VGPIO_ERR_NOTSUP);
    if (!INDIRECT) {
        return;
    }
    world_start(&w, 3, INDIRECT);
    memset(table, 0xa5, sizeof table);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, two, 0, 0, 0),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, two, 2, UINT32_MAX, 0),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, many, 2, 2, 0),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, two, 1, 1, 0xffff),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table + 4, addr, two, 1, 1, 0),
                     VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, bad, 1, 1, 0),
                     VGPIO_ERR_INVAL);
    assert_int_equal(w.q.nfree, 3);
    for (i = 0; i < 3; i++) {
        assert_int_equal(
            vgpio_drvq_add_indirect(&w.q, table, addr, many, 1, 2, (uint16_t)(i + 1)), 0);
    }
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, two, 1, 1, 0),
                     VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    for (i = 0; i < 3; i++) {
        assert_desc(&w, (uint16_t)(WRAP + i), addr, 48, (uint16_t)i, TABLE);
        /* In a table WRITE is the only flag there is. */
        assert_int_equal(table[16 * i], BUF % 256 + i);
        assert_int_equal(table[16 * i + 8], i + 1);
        assert_int_equal(table[16 * i + 14], i ? WRITE : 0);
        assert_int_equal(table[16 * i + 12] | table[16 * i + 13] | table[16 * i + 15], 0);
    }
    assert_int_equal(table[48], 0xa5);
    give(&w, 1, 2, 1);
    gets(&w, 2, 2);
    world_start(&w, 1, INDIRECT); /* two pieces always fit */
    assert_int_equal(vgpio_drvq_add_indirect(&w.q, table, addr, two, 1, 1, 5), 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
    give(&w, 0, 2, 1);
    gets(&w, 5, 2);
}

static void test_kicks_without_event_idx(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(post(&w, 1, 0, 0), 1);
    set_event(&w, WRAP, 1);
    assert_int_equal(post(&w, 1, 0, 0), 0);
    set_event(&w, 1, 2); /* not negotiated */
    assert_int_equal(post(&w, 1, 0, 0), 1);
    set_event(&w, 1, 0xfff3); /* reserved */
    assert_int_equal(post(&w, 1, 0, 0), 1);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 0); /* nothing is staged */
}

#if VGPIO_CFG_EVENT_IDX

static void test_kicks_with_event_idx(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 8, VGPIO_F_EVENT_IDX);
    set_event(&w, 5, 2);
    assert_int_equal(post(&w, 1, 0, 0), 1); /* the first, always */
    assert_int_equal(post(&w, 1, 0, 0), 0);
    set_event(&w, WRAP + 3, 2);
    assert_int_equal(post(&w, 1, 0, 0), 0); /* 2 */
    assert_int_equal(post(&w, 1, 1, 0), 1); /* 3 and 4 */
    assert_int_equal(post(&w, 1, 0, 0), 0); /* 5 */
    set_event(&w, WRAP + 3, 1);
    assert_int_equal(post(&w, 1, 0, 0), 0); /* 6: it looks itself */
    set_event(&w, 0, 0);
    assert_int_equal(post(&w, 1, 0, 0), 1); /* 7: all of them */
    world_start(&w, 8, VGPIO_F_EVENT_IDX);
    set_event(&w, 0, 1);
    assert_int_equal(post(&w, 1, 0, 0), 0); /* nor the first, if it does not want to */
}

static void test_rearm_names_the_next_chain(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 3, VGPIO_F_EVENT_IDX);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    assert_int_equal(get16(&w, w.setup.driver), WRAP);
    assert_int_equal(get16(&w, w.setup.driver + 2), 2);
    (void)post(&w, 1, 1, 0);
    give(&w, 0, 2, 2);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
    gets(&w, 0, 2);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    assert_int_equal(get16(&w, w.setup.driver), WRAP + 2);
    (void)post(&w, 1, 1, 0);
    give(&w, 0, 2, 2);
    gets(&w, 0, 2);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    assert_int_equal(get16(&w, w.setup.driver), 1);
    assert_int_equal(get16(&w, w.setup.driver + 2), 2);
}

#endif

static void test_rearm_without_event_idx_enables(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 3, 0);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
    assert_int_equal(get16(&w, w.setup.driver + 2), 0);
    (void)post(&w, 1, 1, 0);
    give(&w, 0, 2, 2);
    assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
}

/* RING-DRV-33: where the next descriptor goes, and its turn. */
static void test_notification_data(void **state)
{
    static struct world w;
    uint32_t data = 1;
    unsigned i;

    (void)state;
    world_start(&w, 3, 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 0, 0), 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, &data), 1);
    assert_int_equal(data, 0);
    world_start(&w, 3, VGPIO_F_NOTIFICATION_DATA);
    data = 77;
    assert_int_equal(vgpio_drvq_publish(&w.q, &data), 0);
    assert_int_equal(data, 77);
    for (i = 0; i < 6; i++) {
        static const uint32_t next[] = {0x80020000u, 0x00010000u, 0x80000000u};

        assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 0), 0);
        assert_int_equal(vgpio_drvq_publish(&w.q, &data), 1);
        assert_int_equal(data, next[i % 3]);
        give(&w, 0, 2, 2);
        gets(&w, 0, 2);
    }
}

/* ---- a device that cannot be ---- */

static void assert_broken(struct world *w)
{
    uint16_t slot = 0xeeee;
    uint32_t written = 0xeeeeeeee;

    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), VGPIO_ERR_PROTO);
    assert_int_equal(slot, 0xeeee);
    assert_int_equal(written, 0xeeeeeeee);
    assert_int_equal(vgpio_drvq_error(&w->q), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_get(&w->q, &slot, &written), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_add(&w->q, two, 1, 1, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_publish(&w->q, NULL), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_rearm(&w->q), VGPIO_ERR_PROTO);
}

static void used_id(uint16_t id)
{
    static struct world w;

    world_start(&w, 5, 0);
    w.slots[5] = (struct vgpio_drvq_slot){7, 2}; /* behind the books */
    (void)post(&w, 1, 1, 3);
    give(&w, id, 2, 2);
    assert_broken(&w);
}

static void test_used_id_that_cannot_be(void **state)
{
    (void)state;
    used_id(1); /* free */
    used_id(5); /* the size */
    used_id(0x8000);
    used_id(0xffff);
}

static void test_used_twice(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 5, 0);
    (void)post(&w, 1, 1, 3);
    (void)post(&w, 1, 1, 4);
    give(&w, 0, 2, 2);
    give(&w, 0, 2, 2);
    gets(&w, 3, 2);
    assert_broken(&w);
}

/* Nothing was offered where it stands. */
static void test_used_past_what_was_published(void **state)
{
    static struct world w;

    (void)state;
    world_start(&w, 4, 0);
    give(&w, 0, 0, 1);
    assert_broken(&w);
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 3), 0); /* but not shown */
    give(&w, 0, 2, 2);
    assert_broken(&w);
    world_start(&w, 6, 0);
    (void)post(&w, 1, 0, 3);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 4), 0);
    give(&w, 1, 2, 2); /* the one that is not shown, where the first begins */
    assert_broken(&w);
}

/* Whatever it writes over the ring, the books are ours: nothing is out of bounds, and
 * every slot still comes out of the drain once. */
static void test_device_scribbles_over_the_ring(void **state)
{
    static struct world w;
    uint32_t seed, roll, i, written;
    uint16_t slot;
    unsigned iter, n;

    (void)state;
    for (seed = 1; seed < 400; seed++) {
        unsigned back = 0, out = 0;

        world_start(&w, (uint16_t)(1 + seed % 9),
                    EVENT_IDX | (seed / 9 % 2 ? IN_ORDER : 0));
        roll = seed * 2654435761u;
        for (n = 0; n < 40; n++) {
            roll = roll * 1664525u + 1013904223u;
            out +=
                vgpio_drvq_add(&w.q, many, roll >> 9 & 1, 1 + (roll >> 10 & 1), 1) == 0;
            if (roll >> 12 & 1) {
                (void)vgpio_drvq_publish(&w.q, NULL);
            }
            for (i = 0; i < 3 && seed % 3 != 0; i++) {
                roll = roll * 1664525u + 1013904223u;
                w.ram[(roll >> 8) % (16u * w.setup.size)] =
                    (uint8_t)(roll >> 4 & 1 ? roll >> 24 & 0x83 : roll >> 29);
            }
            if (roll >> 13 & 1) { /* and one where the driver looks for it */
                w.used = (uint16_t)w.q.last_used;
                give(&w, (uint16_t)((roll >> 16) % (w.setup.size + 1u)), roll >> 30, 0);
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
    uint16_t slot, k;

    (void)state;
    world_start(&w, 8, 0);
    for (k = 0; k < 3; k++) {
        (void)post(&w, 1, 1, k);
    }
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 0, 3), 0); /* staged counts too */
    give(&w, 1, 2, 2);
    gets(&w, 1, 2);
    while (vgpio_drvq_drain(&w.q, &iter, &slot) > 0) {
        assert_int_equal(seen & 1u << slot, 0);
        seen |= 1u << slot;
    }
    assert_int_equal(seen, 0xd);
}

/* ---- in order ---- */

#if VGPIO_CFG_IN_ORDER

/* One used descriptor for chains of n descriptors in all, the last of them `id`. */
static void test_in_order_batches(void **state)
{
    static struct world w;
    unsigned round;
    uint16_t slot;

    (void)state;
    world_start(&w, 7, VGPIO_F_IN_ORDER | EVENT_IDX);
    for (round = 0; round < 20; round++) {
        uint16_t first = (uint16_t)w.q.next_avail, second = plus(&w, first, 2),
                 third = plus(&w, first, 4);

        for (slot = 0; slot < 3; slot++) {
            assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, slot), 0);
        }
        (void)vgpio_drvq_publish(&w.q, NULL);
        assert_desc(&w, second, BUF, 8, second & (WRAP - 1), NEXT);
        give(&w, second & (WRAP - 1), 2, 4);
        assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
        gets(&w, 0, VGPIO_WRITTEN_ALL);
        assert_int_equal(vgpio_drvq_rearm(&w.q), 1);
        /* What came back is used again at once, over the descriptor that said so. */
        assert_int_equal(vgpio_drvq_add(&w.q, many, 1, 2, 3), 0);
        gets(&w, 1, 2);
        gets_nothing(&w);
        assert_int_equal(vgpio_drvq_rearm(&w.q), 0);
        (void)vgpio_drvq_publish(&w.q, NULL);
        give(&w, third & (WRAP - 1), 1, 2);
        give(&w, plus(&w, first, 6) & (WRAP - 1), 5, 3);
        gets(&w, 2, 1);
        gets(&w, 3, 5);
        gets_nothing(&w);
        assert_int_equal(w.q.nfree, 7);
    }
}

static void in_order_breaks(uint16_t id, unsigned good)
{
    static struct world w;
    uint16_t slot;
    uint32_t written;

    world_start(&w, 8, VGPIO_F_IN_ORDER);
    (void)post(&w, 1, 1, 0);
    (void)post(&w, 1, 1, 1);
    assert_int_equal(vgpio_drvq_add(&w.q, two, 1, 1, 2), 0); /* not shown */
    give(&w, id, 2, 2);
    while (good-- > 0) {
        assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 1);
    }
    assert_broken(&w);
}

static void test_in_order_batches_that_cannot_be(void **state)
{
    (void)state;
    in_order_breaks(1, 0); /* the middle of a chain */
    in_order_breaks(6, 0); /* free */
    in_order_breaks(8, 0);
    in_order_breaks(0xffff, 0);
    in_order_breaks(4, 2); /* staged only */
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_get),
        cmocka_unit_test(test_flags_of_chains),
        cmocka_unit_test(test_layout_fits_and_is_cleared),
        cmocka_unit_test(test_init_refuses),
        cmocka_unit_test(test_add_refuses),
        cmocka_unit_test(test_a_batch_comes_at_once),
        cmocka_unit_test(test_laps),
        cmocka_unit_test(test_used_in_a_batch_over_others),
        cmocka_unit_test(test_written_with_and_without_the_flag),
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_kicks_without_event_idx),
#if VGPIO_CFG_EVENT_IDX
        cmocka_unit_test(test_kicks_with_event_idx),
        cmocka_unit_test(test_rearm_names_the_next_chain),
#endif
        cmocka_unit_test(test_rearm_without_event_idx_enables),
        cmocka_unit_test(test_notification_data),
        cmocka_unit_test(test_used_id_that_cannot_be),
        cmocka_unit_test(test_used_twice),
        cmocka_unit_test(test_used_past_what_was_published),
        cmocka_unit_test(test_device_scribbles_over_the_ring),
        cmocka_unit_test(test_drain_gives_each_slot_once),
#if VGPIO_CFG_IN_ORDER
        cmocka_unit_test(test_in_order_batches),
        cmocka_unit_test(test_in_order_batches_that_cannot_be),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
