/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory: copies through map hooks of every temper, and the region table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/types.h>

#include "mem.h"

#define SIZE 32u
#define BASE UINT64_C(0x123456789000)

/* What the hook does instead of answering, at call number `odd_at`. */
enum odd {
    ODD_NULL,
    ODD_LATER,
    ODD_ZERO,
    ODD_GROW,
    ODD_GROW_TO_MAX
};

struct guest {
    struct vgpio_mem mem;
    uint64_t base;
    uint32_t piece; /* longest piece that map gives */
    unsigned odd_at;
    enum odd odd;
    unsigned calls;
    unsigned open; /* mapped, not yet unmapped */
    uint32_t open_len;
    unsigned access;
    uint8_t bytes[SIZE];
    uint8_t dirty[SIZE];
};

static void *odd_answer(struct guest *g, void *p, uint32_t asked, uint32_t *len)
{
    switch (g->odd) {
    case ODD_NULL:
        return NULL;
    case ODD_LATER:
        return VGPIO_MAP_LATER;
    case ODD_ZERO:
        *len = 0;
        break;
    case ODD_GROW:
        *len = asked + 1;
        break;
    case ODD_GROW_TO_MAX:
        *len = UINT32_MAX;
        break;
    }
    g->open += VGPIO_CFG_UNMAP;
    g->open_len = *len;
    return p;
}

static void *guest_map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    struct guest *g = ctx;
    uint64_t off = gpa - g->base;
    uint32_t asked = *len;

    assert_int_equal(g->open, 0); /* one piece at a time */
    assert_true(*len > 0);
    assert_true(gpa <= UINT64_MAX - (*len - 1));
    g->calls++;
    g->access = access;
    if (off >= SIZE) {
        return NULL;
    }
    if (*len > SIZE - off) {
        *len = (uint32_t)(SIZE - off);
    }
    if (*len > g->piece) {
        *len = g->piece;
    }
    if (g->calls == g->odd_at) {
        return odd_answer(g, g->bytes + off, asked, len);
    }
    g->open += VGPIO_CFG_UNMAP;
    g->open_len = *len;
    return g->bytes + off;
}

static void guest_unmap(void *ctx, void *p, uint32_t len)
{
    struct guest *g = ctx;

    assert_true((uint8_t *)p >= g->bytes && (uint8_t *)p < g->bytes + SIZE);
    assert_int_equal(g->open, 1);
    assert_int_equal(len, g->open_len);
    g->open--;
}

static void guest_dirty(void *ctx, uint64_t gpa, uint32_t len)
{
    struct guest *g = ctx;

    assert_int_equal(g->open, VGPIO_CFG_UNMAP);
    assert_int_equal(g->access, VGPIO_MEM_WRITE);
    assert_true(len <= SIZE && gpa - g->base <= SIZE - len);
    memset(g->dirty + (gpa - g->base), 1, len);
}

static void guest_init(struct guest *g)
{
    uint32_t i;

    memset(g, 0, sizeof *g);
    g->mem.ops_size = sizeof g->mem;
    g->mem.ctx = g;
    g->mem.map = guest_map;
    g->mem.unmap = VGPIO_CFG_UNMAP ? guest_unmap : NULL;
    g->mem.dirty = VGPIO_CFG_DIRTY ? guest_dirty : NULL;
    g->base = BASE;
    g->piece = SIZE;
    for (i = 0; i < SIZE; i++) {
        g->bytes[i] = (uint8_t)(0x40 + i);
    }
}

static void fill(uint8_t *p, uint8_t first)
{
    uint32_t i;

    for (i = 0; i < SIZE; i++) {
        p[i] = (uint8_t)(first + i);
    }
}

static void assert_dirty(const struct guest *g, uint32_t from, uint32_t to)
{
    uint32_t i;

    for (i = 0; i < SIZE; i++) {
        assert_int_equal(g->dirty[i], VGPIO_CFG_DIRTY && i >= from && i < to);
    }
}

static void test_copies_at_every_offset_in_pieces_of_every_size(void **state)
{
    uint32_t piece;
    uint32_t off;

    (void)state;
    for (piece = 1; piece <= SIZE; piece++) {
        for (off = 0; off < SIZE; off++) {
            uint8_t in[SIZE];
            uint8_t out[SIZE] = {0};
            uint32_t len = SIZE - off;
            struct guest g;

            guest_init(&g);
            g.piece = piece;
            fill(in, 0x80);
            assert_int_equal(vgpio_mem_read(&g.mem, BASE + off, out, len), VGPIO_OK);
            assert_memory_equal(out, g.bytes + off, len);
            assert_int_equal(g.access, VGPIO_MEM_READ);
            assert_dirty(&g, 0, 0);
            assert_int_equal(g.calls, (len + piece - 1) / piece);

            assert_int_equal(vgpio_mem_write(&g.mem, BASE + off, in, len), VGPIO_OK);
            assert_memory_equal(in, g.bytes + off, len);
            assert_int_equal(g.access, VGPIO_MEM_WRITE);
            assert_dirty(&g, off, SIZE);
            assert_true(off == 0 || g.bytes[off - 1] == 0x40 + off - 1);
            assert_int_equal(g.open, 0);
        }
    }
}

static void test_nothing_is_asked_for_no_bytes(void **state)
{
    struct guest g;

    (void)state;
    guest_init(&g);
    assert_int_equal(vgpio_mem_read(&g.mem, BASE, NULL, 0), VGPIO_OK);
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, NULL, 0), VGPIO_OK);
    assert_int_equal(vgpio_mem_write(&g.mem, UINT64_MAX, NULL, 0), VGPIO_OK);
    assert_int_equal(vgpio_mem_read(&g.mem, UINT64_MAX, NULL, 0), VGPIO_OK);
    assert_int_equal(g.calls, 0);
}

static void test_bytes_outside_do_not_map(void **state)
{
    uint8_t buf[SIZE + 1] = {0};
    struct guest g;

    (void)state;
    guest_init(&g);
    assert_int_equal(vgpio_mem_read(&g.mem, BASE - 1, buf, 1), VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_mem_read(&g.mem, BASE + SIZE, buf, 1), VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_mem_write(&g.mem, BASE + SIZE, buf, 1), VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_mem_read(&g.mem, BASE, buf, SIZE + 1), VGPIO_ERR_FAULT);
    assert_int_equal(g.open, 0);
}

/* B21: an answer of map is checked, also when the hook is the user's own. The n-th call
 * goes wrong in every way; what came before is done, nothing behind it is touched. */
static void test_map_goes_wrong_at_every_call(void **state)
{
    static const enum odd odds[] = {ODD_NULL, ODD_LATER, ODD_ZERO, ODD_GROW,
                                    ODD_GROW_TO_MAX};
    unsigned n;
    size_t k;

    (void)state;
    for (k = 0; k < sizeof odds / sizeof odds[0]; k++) {
        for (n = 1; n <= SIZE / 4; n++) {
            uint8_t in[SIZE];
            uint8_t out[SIZE];
            uint8_t want[SIZE];
            uint32_t done = (n - 1) * 4;
            struct guest g;

            guest_init(&g);
            g.piece = 4;
            g.odd_at = n;
            g.odd = odds[k];
            memset(out, 0xee, sizeof out);
            assert_int_equal(vgpio_mem_read(&g.mem, BASE, out, SIZE), VGPIO_ERR_FAULT);
            assert_memory_equal(out, g.bytes, done);
            assert_true(out[done] == 0xee && out[SIZE - 1] == 0xee);
            assert_int_equal(g.calls, n);
            assert_int_equal(g.open, 0);

            g.calls = 0;
            fill(in, 0x80);
            memcpy(want, g.bytes, SIZE);
            memcpy(want, in, done);
            assert_int_equal(vgpio_mem_write(&g.mem, BASE, in, SIZE), VGPIO_ERR_FAULT);
            assert_memory_equal(g.bytes, want, SIZE);
            assert_dirty(&g, 0, done);
            assert_int_equal(g.calls, n);
            assert_int_equal(g.open, 0);
        }
    }
}

static void test_top_of_the_address_space(void **state)
{
    uint8_t out[SIZE + 1];
    struct guest g;

    (void)state;
    guest_init(&g);
    g.base = UINT64_MAX - (SIZE - 1); /* ends exactly at 2^64 */
    g.piece = 5;
    assert_int_equal(vgpio_mem_read(&g.mem, g.base, out, SIZE), VGPIO_OK);
    assert_memory_equal(out, g.bytes, SIZE);
    assert_int_equal(vgpio_mem_write(&g.mem, UINT64_MAX, out, 1), VGPIO_OK);
    assert_int_equal(g.bytes[SIZE - 1], out[0]);
    assert_dirty(&g, SIZE - 1, SIZE);
}

static void test_a_range_that_wraps_is_refused_whole(void **state)
{
    uint8_t buf[SIZE + 1] = {0};
    struct guest g;

    (void)state;
    guest_init(&g);
    g.base = UINT64_MAX - (SIZE - 1);
    assert_int_equal(vgpio_mem_read(&g.mem, g.base, buf, SIZE + 1), VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_mem_write(&g.mem, g.base, buf, SIZE + 1), VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_mem_read(&g.mem, UINT64_MAX, buf, 2), VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_mem_write(&g.mem, UINT64_MAX, buf, 2), VGPIO_ERR_FAULT);
    assert_int_equal(g.calls, 0);
    assert_dirty(&g, 0, 0);
}

static void test_hooks_that_cannot_be_used(void **state)
{
    uint8_t buf[4] = {0};
    struct guest g;

    (void)state;
    guest_init(&g);
    assert_int_equal(vgpio_mem_read(NULL, BASE, buf, 4), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_mem_write(NULL, BASE, buf, 4), VGPIO_ERR_INVAL);
    g.mem.map = NULL;
    assert_int_equal(vgpio_mem_read(&g.mem, BASE, buf, 4), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_ERR_INVAL);
    guest_init(&g);
    g.mem.ops_size = 0; /* the usual mistake */
    assert_int_equal(vgpio_mem_read(&g.mem, BASE, buf, 4), VGPIO_ERR_ABI);
    g.mem.ops_size = (uint32_t)offsetof(struct vgpio_mem, unmap) - 1;
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_ERR_ABI);
    assert_int_equal(g.calls, 0);
}

static void unmap_beyond_ops_size(void *ctx, void *p, uint32_t len)
{
    (void)ctx;
    (void)p;
    (void)len;
    fail_msg("called although ops_size says that it is not there");
}

static void dirty_beyond_ops_size(void *ctx, uint64_t gpa, uint32_t len)
{
    (void)ctx;
    (void)gpa;
    (void)len;
    fail_msg("called although ops_size says that it is not there");
}

static void test_hooks_beyond_ops_size_are_not_there(void **state)
{
    uint8_t buf[4] = {0};
    struct guest g;

    (void)state;
    guest_init(&g);
    g.mem.ops_size = offsetof(struct vgpio_mem, unmap);
    g.mem.unmap = unmap_beyond_ops_size;
    g.mem.dirty = dirty_beyond_ops_size;
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_OK);
    g.open = 0;
    assert_int_equal(vgpio_mem_read(&g.mem, BASE, buf, 4), VGPIO_OK);

    guest_init(&g);
    g.mem.ops_size = offsetof(struct vgpio_mem, dirty);
    g.mem.dirty = dirty_beyond_ops_size;
#if VGPIO_CFG_DIRTY
    assert_false(vgpio_mem_has_dirty(&g.mem));
#endif
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_OK);
    assert_int_equal(g.open, 0);
}

/* A log that nobody would write is refused, not forgotten. */
static void test_a_dirty_log(void **state)
{
    uint8_t buf[4] = {0};
    struct guest g;

    (void)state;
    guest_init(&g);
    g.mem.dirty = guest_dirty;
#if VGPIO_CFG_DIRTY
    assert_true(vgpio_mem_has_dirty(&g.mem));
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_OK);
#else
    assert_int_equal(vgpio_mem_usable(&g.mem), VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_ERR_NOTSUP);
    assert_int_equal(g.calls, 0);
#endif
}

/* Likewise what waits to be let go of. */
static void test_an_unmap(void **state)
{
    uint8_t buf[4] = {0};
    struct guest g;

    (void)state;
    guest_init(&g);
    g.mem.unmap = guest_unmap;
#if VGPIO_CFG_UNMAP
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_OK);
    assert_int_equal(g.calls, 1);
#else
    assert_int_equal(vgpio_mem_usable(&g.mem), VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_ERR_NOTSUP);
    assert_int_equal(g.calls, 0);
#endif
    assert_int_equal(g.open, 0);
}

static void test_optional_hooks_may_be_null(void **state)
{
    uint8_t buf[4] = {1, 2, 3, 4};
    struct guest g;

    (void)state;
    guest_init(&g);
    g.mem.unmap = NULL;
    g.mem.dirty = NULL;
#if VGPIO_CFG_DIRTY
    assert_false(vgpio_mem_has_dirty(&g.mem));
#endif
    assert_int_equal(vgpio_mem_write(&g.mem, BASE, buf, 4), VGPIO_OK);
    assert_memory_equal(g.bytes, buf, 4);
    assert_int_equal(g.open, VGPIO_CFG_UNMAP);
}

/* What the rings use: one piece, checked, whole or not at all. */
static void test_checked_map(void **state)
{
    struct guest g;
    uint32_t len = 8;
    void *p;

    (void)state;
    guest_init(&g);
    p = vgpio_mem_map(&g.mem, BASE + 1, &len, VGPIO_MEM_READ | VGPIO_MEM_WRITE);
    assert_ptr_equal(p, g.bytes + 1);
    assert_int_equal(len, 8);
    assert_int_equal(g.access, VGPIO_MEM_READ | VGPIO_MEM_WRITE);
    vgpio_mem_unmap(&g.mem, p, len);

    len = 0;
    assert_null(vgpio_mem_map(&g.mem, BASE, &len, VGPIO_MEM_READ));
    len = 2;
    assert_null(vgpio_mem_map(&g.mem, UINT64_MAX, &len, VGPIO_MEM_READ));
    assert_int_equal(len, 0);
    assert_int_equal(g.calls, 1);
    len = 2;
    assert_null(vgpio_mem_map(&g.mem, BASE + SIZE, &len, VGPIO_MEM_READ));
    assert_int_equal(len, 0);
    assert_int_equal(g.open, 0);
}

static void *lookup(const struct vgpio_mem_region *r, uint32_t n, uint64_t gpa,
                    uint32_t *len)
{
    struct vgpio_mem_table t = {r, n};

    return vgpio_mem_table_map(&t, gpa, len, VGPIO_MEM_READ);
}

static void test_table_finds_the_region_and_its_end(void **state)
{
    uint8_t a[16];
    uint8_t b[8];
    const struct vgpio_mem_region r[] = {{0x1000, 16, a}, {0x1010, 8, b}};
    uint32_t len = 4;

    (void)state;
    assert_ptr_equal(lookup(r, 2, 0x1000, &len), a);
    assert_int_equal(len, 4);
    len = 100;
    assert_ptr_equal(lookup(r, 2, 0x100f, &len), a + 15);
    assert_int_equal(len, 1);
    len = 8;
    assert_ptr_equal(lookup(r, 2, 0x1010, &len), b);
    assert_int_equal(len, 8);
    len = 1;
    assert_null(lookup(r, 2, 0xfff, &len));
    len = 1;
    assert_null(lookup(r, 2, 0x1018, &len));
    len = 1;
    assert_null(lookup(r, 0, 0x1000, &len));
    len = 0;
    assert_null(lookup(r, 2, 0x1000, &len));
}

static void test_first_of_overlapping_regions_answers(void **state)
{
    uint8_t a[4];
    uint8_t b[16];
    const struct vgpio_mem_region r[] = {{0x1004, 4, a}, {0x1000, 16, b}};
    uint32_t len = 16;

    (void)state;
    assert_ptr_equal(lookup(r, 2, 0x1005, &len), a + 1);
    assert_int_equal(len, 3);
    len = 16;
    assert_ptr_equal(lookup(r, 2, 0x1008, &len), b + 8);
    assert_int_equal(len, 8);
}

static void test_empty_and_wrapping_regions_match_nothing(void **state)
{
    uint8_t a[16];
    const struct vgpio_mem_region r[] = {
        {0x1000, 0, a},
        {UINT64_MAX - 7, 9, a}, /* one byte too long for the address space */
        {1, UINT64_MAX, a},     /* ends at 2^64: fine, but see below */
        {0x10, UINT64_MAX, a},  /* wraps */
        {0, 0, a},
        {0x20, 1, a}, /* nearly nothing */
    };
    uint32_t len = 1;

    (void)state;
    assert_null(lookup(r, 1, 0x1000, &len));
    len = 1;
    assert_null(lookup(r + 1, 1, UINT64_MAX - 7, &len));
    len = 1;
    assert_null(lookup(r + 1, 1, 0, &len));
    len = 4;
    assert_ptr_equal(lookup(r + 2, 1, 1, &len), a);
    assert_int_equal(len, 4);
    len = 4;
    assert_null(lookup(r + 2, 1, 0, &len));
    len = 1;
    assert_null(lookup(r + 3, 2, 0x10, &len));
    len = 1;
    assert_null(lookup(r + 3, 2, 0, &len));
    len = 4;
    assert_ptr_equal(lookup(r + 5, 1, 0x20, &len), a);
    assert_int_equal(len, 1);
}

static void test_table_at_the_top_of_the_address_space(void **state)
{
    uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t got[9];
    const struct vgpio_mem_region r = {UINT64_MAX - 7, 8, a};
    struct vgpio_mem_table t = {&r, 1};
    const struct vgpio_mem mem = {sizeof mem, &t, vgpio_mem_table_map, NULL, NULL};
    uint32_t len = 100;

    (void)state;
    assert_ptr_equal(lookup(&r, 1, UINT64_MAX, &len), a + 7);
    assert_int_equal(len, 1);
    assert_int_equal(vgpio_mem_read(&mem, UINT64_MAX - 7, got, 8), VGPIO_OK);
    assert_memory_equal(got, a, 8);
    assert_int_equal(vgpio_mem_read(&mem, UINT64_MAX - 7, got, 9), VGPIO_ERR_FAULT);
}

static void test_copies_cross_regions_but_not_holes(void **state)
{
    uint8_t a[4] = {1, 2, 3, 4};
    uint8_t b[4] = {5, 6, 7, 8};
    uint8_t c[4] = {9, 9, 9, 9};
    uint8_t got[8];
    const struct vgpio_mem_region r[] = {{0x100, 4, a}, {0x109, 4, c}, {0x104, 4, b}};
    struct vgpio_mem_table t = {r, 3};
    const struct vgpio_mem mem = {sizeof mem, &t, vgpio_mem_table_map, NULL, NULL};

    (void)state;
    assert_int_equal(vgpio_mem_read(&mem, 0x100, got, 8), VGPIO_OK);
    assert_memory_equal(got, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(vgpio_mem_write(&mem, 0x102, "\xa\xb\xc\xd", 4), VGPIO_OK);
    assert_memory_equal(a, "\1\2\xa\xb", 4);
    assert_memory_equal(b, "\xc\xd\7\10", 4);
    /* 0x108 is nobody's; the bytes before it are written, those behind are not. */
    assert_int_equal(vgpio_mem_write(&mem, 0x106, "\x1\x2\x3\x4", 4), VGPIO_ERR_FAULT);
    assert_memory_equal(b, "\xc\xd\1\2", 4);
    assert_memory_equal(c, "\x9\x9\x9\x9", 4);
}

static void test_identity_region_uses_the_address_itself(void **state)
{
    uint8_t a[8];
    uint64_t at = (uint64_t)(uintptr_t)a;
    const struct vgpio_mem_region r = {at, 8, NULL};
    uint32_t len = 100;

    (void)state;
    assert_ptr_equal(lookup(&r, 1, at + 3, &len), a + 3);
    assert_int_equal(len, 5);
    len = 1;
    assert_null(lookup(&r, 1, at + 8, &len));
}

static void test_regions_larger_than_a_length_do_not_shrink_it(void **state)
{
    uint8_t a[8];
    const struct vgpio_mem_region r = {0, UINT64_C(1) << 40, a};
    uint32_t len = UINT32_MAX;

    (void)state;
    assert_ptr_equal(lookup(&r, 1, 0, &len), a);
    assert_true(len == UINT32_MAX);
}

#if VGPIO_CFG_FAST

static void no_unmap(void *ctx, void *p, uint32_t len)
{
    (void)ctx;
    (void)p;
    (void)len;
}

static void no_dirty(void *ctx, uint64_t gpa, uint32_t len)
{
    (void)ctx;
    (void)gpa;
    (void)len;
}

static void *other_map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    return vgpio_mem_table_map(ctx, gpa, len, access);
}

/* The short ways through the engine are for memory of which all is known. */
static void test_what_is_a_table(void **state)
{
    static uint8_t ram[64];
    struct vgpio_mem_region r[65];
    struct vgpio_mem_table t = {r, 2};
    struct vgpio_mem mem = {sizeof mem, &t, vgpio_mem_table_map, NULL, NULL};
    unsigned i;

    (void)state;
    for (i = 0; i < 65; i++) {
        r[i] = (struct vgpio_mem_region){0x1000u * (65 - i), 64, ram};
    }
    assert_true(vgpio_mem_is_table(&mem));
    t.n = 64;
    assert_true(vgpio_mem_is_table(&mem));
    t.n = 65;
    assert_false(vgpio_mem_is_table(&mem));
    t.n = 0;
    assert_false(vgpio_mem_is_table(&mem));
    t.n = 2;
    mem.map = other_map;
    assert_false(vgpio_mem_is_table(&mem));
    mem.map = vgpio_mem_table_map;
    mem.unmap = no_unmap;
    assert_false(vgpio_mem_is_table(&mem));
    mem.unmap = NULL;
    mem.dirty = no_dirty;
    assert_false(vgpio_mem_is_table(&mem));
    mem.ops_size = offsetof(struct vgpio_mem, unmap); /* then these count as NULL */
    mem.unmap = no_unmap;
    assert_true(vgpio_mem_is_table(&mem));
    r[0].hva = NULL; /* identity */
    assert_false(vgpio_mem_is_table(&mem));
}

static int is_table_with(uint64_t gpa, uint64_t size, void *hva)
{
    static uint8_t ram[64];
    struct vgpio_mem_region r[2] = {{0x1000, 64, ram}, {gpa, size, hva}};
    struct vgpio_mem_table t = {r, 2};
    struct vgpio_mem mem = {sizeof mem, &t, vgpio_mem_table_map, NULL, NULL};

    return vgpio_mem_is_table(&mem);
}

static void test_regions_of_a_table(void **state)
{
    static uint8_t ram[64];

    (void)state;
    assert_true(is_table_with(0x1040, 64, ram));
    assert_true(is_table_with(0xfc0, 64, ram));
    assert_true(is_table_with(UINT64_MAX - 63, 64, ram));
    assert_false(is_table_with(UINT64_MAX - 62, 64, ram)); /* wraps */
    assert_false(is_table_with(0x103f, 64, ram));          /* overlap */
    assert_false(is_table_with(0xfc1, 64, ram));
    assert_false(is_table_with(0x1000, 64, ram));
    assert_true(is_table_with(0x2000, 64, (void *)(UINTPTR_MAX - 63)));
    assert_false(is_table_with(0x2000, 64, (void *)(UINTPTR_MAX - 62)));
    assert_true(is_table_with(0x2000, 32, ram));
    assert_false(is_table_with(0x2000, 31, ram)); /* no room for a view */
    assert_false(is_table_with(0x2000, 0, ram));
    assert_false(is_table_with(0x2000, 64, NULL)); /* identity */
    assert_false(is_table_with(0x2000, SIZE_MAX, ram));
    assert_false(is_table_with(0, SIZE_MAX, ram)); /* longer than what is here */
}

/* Each is held against each, not against the first alone. */
static void test_later_regions_overlap(void **state)
{
    static uint8_t ram[64];
    struct vgpio_mem_region r[4] = {
        {0x1000, 64, ram}, {0x2000, 64, ram}, {0x3000, 64, ram}, {0x203f, 64, ram}};
    struct vgpio_mem_table t = {r, 3};
    const struct vgpio_mem mem = {sizeof mem, &t, vgpio_mem_table_map, NULL, NULL};

    (void)state;
    assert_true(vgpio_mem_is_table(&mem));
    t.n = 4;
    assert_false(vgpio_mem_is_table(&mem));
}

static void test_view_of_a_region(void **state)
{
    static uint8_t ram[64];
    struct vgpio_mem_region r[2] = {{0x1000, 64, ram}, {0x2000, 64, ram + 1}};
    struct vgpio_mem_table t = {r, 2};
    struct vgpio_mem mem = {sizeof mem, &t, vgpio_mem_table_map, NULL, NULL};
    struct vgpio_mem_view v;

    (void)state;
    assert_int_equal(vgpio_mem_region_of(&mem, 0x1000), 0);
    assert_int_equal(vgpio_mem_region_of(&mem, 0x203f), 1);
    assert_int_equal(vgpio_mem_region_of(&mem, 0x2040), 0); /* none */
    v = vgpio_mem_view(&mem, 1);
    assert_true(vgpio_mem_in_view(&v, 0x2000) && vgpio_mem_in_view(&v, 0x2020));
    assert_false(vgpio_mem_in_view(&v, 0x1fff) || vgpio_mem_in_view(&v, 0x2021));
    assert_ptr_equal(vgpio_mem_of_view(&v, 0x2020), ram + 33);
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_at_every_offset_in_pieces_of_every_size),
        cmocka_unit_test(test_nothing_is_asked_for_no_bytes),
        cmocka_unit_test(test_bytes_outside_do_not_map),
        cmocka_unit_test(test_map_goes_wrong_at_every_call),
        cmocka_unit_test(test_top_of_the_address_space),
        cmocka_unit_test(test_a_range_that_wraps_is_refused_whole),
        cmocka_unit_test(test_hooks_that_cannot_be_used),
        cmocka_unit_test(test_hooks_beyond_ops_size_are_not_there),
        cmocka_unit_test(test_a_dirty_log),
        cmocka_unit_test(test_an_unmap),
        cmocka_unit_test(test_optional_hooks_may_be_null),
        cmocka_unit_test(test_checked_map),
        cmocka_unit_test(test_table_finds_the_region_and_its_end),
        cmocka_unit_test(test_first_of_overlapping_regions_answers),
#if VGPIO_CFG_FAST
        cmocka_unit_test(test_what_is_a_table),
        cmocka_unit_test(test_regions_of_a_table),
        cmocka_unit_test(test_later_regions_overlap),
        cmocka_unit_test(test_view_of_a_region),
#endif
        cmocka_unit_test(test_empty_and_wrapping_regions_match_nothing),
        cmocka_unit_test(test_table_at_the_top_of_the_address_space),
        cmocka_unit_test(test_copies_cross_regions_but_not_holes),
        cmocka_unit_test(test_identity_region_uses_the_address_itself),
        cmocka_unit_test(test_regions_larger_than_a_length_do_not_shrink_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
