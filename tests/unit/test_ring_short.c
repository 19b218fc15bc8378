/* SPDX-License-Identifier: BSD-3-Clause */
/* Short requests: whatever a driver writes, the short way through the engine does exactly
 * what the general way does. Two devices have a memory each with the same bytes in it,
 * and hooks that only differ in what the library knows of them. A driver by hand writes
 * good chains most of the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define SIZE_MAX_ 16u
#define RAM 0x3000u
#define LOW 0x1000u  /* the ring, then cells */
#define HIGH 0x8000u /* cells */
#define LOW_BYTES 0x2000u
#define HIGH_BYTES 0x1000u
#define CELLS (LOW + 0x1000u)
#define HELD 8u
#ifdef VGPIO_TEST_IN_QEMU
#define STEPS 10000u
#else
#define STEPS 30000u
#endif

#define NEXT 1u
#define WRITE 2u
#define TABLE 4u

struct device {
    _Alignas(64) uint8_t ram[RAM];
    struct vgpio_mem_region regions[2];
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_devq q;
    struct vgpio_taken held[HELD];
};

/* The driver's side of things; one for both. */
static struct world {
    struct device quick, plain;
    struct vgpio_vq_setup setup;
    uint32_t seed;
    unsigned nheld;
    uint16_t avail;     /* split: index; packed: position with wrap */
    unsigned in_flight; /* descriptors, packed */
    unsigned ndesc[HELD];
    unsigned good, bad, broken, short_way, slept;
} w;

static uint32_t rnd(uint32_t below)
{
    w.seed = w.seed * 1664525u + 1013904223u;
    return (w.seed >> 8) % below;
}

/* One in `n`. */
static int seldom(uint32_t n)
{
    return rnd(n) == 0;
}

/* The same, but not known to the library. */
static void *some_map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    return vgpio_mem_table_map(ctx, gpa, len, access);
}

static void device_init(struct device *d, int quick)
{
    memset(d, 0, sizeof *d);
    d->regions[0] = (struct vgpio_mem_region){LOW, LOW_BYTES, d->ram};
    d->regions[1] = (struct vgpio_mem_region){HIGH, HIGH_BYTES, d->ram + LOW_BYTES};
    d->table = (struct vgpio_mem_table){d->regions, 2};
    d->mem = (struct vgpio_mem){sizeof d->mem, &d->table,
                                quick ? vgpio_mem_table_map : some_map, NULL, NULL};
}

static uint32_t offset(uint64_t gpa)
{
    return (uint32_t)(gpa >= HIGH ? gpa - HIGH + LOW_BYTES : gpa - LOW);
}

static void put(uint64_t gpa, const void *bytes, size_t n)
{
    memcpy(w.quick.ram + offset(gpa), bytes, n);
    memcpy(w.plain.ram + offset(gpa), bytes, n);
}

static void put_le(uint64_t gpa, uint64_t v, unsigned n)
{
    uint8_t b[8];
    unsigned i;

    for (i = 0; i < n; i++) {
        b[i] = (uint8_t)(v >> 8 * i);
    }
    put(gpa, b, n);
}

static int packed(void)
{
    return (w.setup.features & VGPIO_F_PACKED) != 0;
}

static void begin(uint16_t size, uint64_t features)
{
    device_init(&w.quick, 1);
    device_init(&w.plain, 0);
    memset(&w.setup, 0, sizeof w.setup);
    w.setup.size = size;
    w.setup.features = features;
    w.nheld = w.in_flight = 0;
    w.avail = (uint16_t)(features & VGPIO_F_PACKED ? 0x8000u : 0u);
    w.setup.desc = LOW;
    w.setup.driver = w.setup.desc + VGPIO_DMA_UP(16u * size);
    w.setup.device = w.setup.driver + VGPIO_DMA_UP(6u + 2u * size);
    assert_int_equal(vgpio_devq_start(&w.quick.q, &w.quick.mem, &w.setup), 0);
    assert_int_equal(vgpio_devq_start(&w.plain.q, &w.plain.mem, &w.setup), 0);
}

/* ---- the driver ---- */

/* An address that is good, on a border, or none. */
static uint64_t place(uint32_t len)
{
    static const uint64_t odd[] = {LOW + LOW_BYTES, HIGH + HIGH_BYTES, LOW, 0,
                                   UINT64_MAX,      HIGH - 1};

    if (!seldom(12)) {
        return (seldom(4) ? HIGH : CELLS) + 16 * rnd(HIGH_BYTES / 16 - 2);
    }
    return odd[rnd(6)] - rnd(2) * len - rnd(2) * rnd(40);
}

struct piece {
    uint64_t addr;
    uint32_t len;
    unsigned flags;
};

/* The usual pair, or something else. */
static unsigned make_pieces(struct piece *p)
{
    static const uint32_t lens[] = {8, 2, 0, 1, 3, 7, 9, 16, UINT32_MAX, 0x80000000u};
    unsigned n = seldom(10) ? 1 + rnd(3) : 2, k;

    for (k = 0; k < n; k++) {
        p[k].flags = (k == 0 ? 0u : WRITE) | (k + 1 < n ? NEXT : 0u);
        p[k].len = lens[seldom(10) ? rnd(10) : k != 0];
        p[k].addr = place(p[k].len);
        if (seldom(40)) {
            p[k].flags ^= 1u << rnd(16);
        }
    }
    return n;
}

static void put_desc(uint64_t at, const struct piece *p, unsigned third, unsigned fourth)
{
    put_le(at, p->addr, 8);
    put_le(at + 8, p->len, 4);
    put_le(at + 12, third, 2);
    put_le(at + 14, fourth, 2);
}

/* Where a table can be, and its descriptor. */
static void put_table(struct piece *whole, const struct piece *p, unsigned n)
{
    uint64_t at = (seldom(4) ? HIGH : CELLS) + 16 * rnd(HIGH_BYTES / 16 - 8);
    unsigned k;

    for (k = 0; k < n; k++) {
        if (packed()) {
            put_desc(at + 16 * k, &p[k], rnd(4),
                     seldom(9) ? p[k].flags : p[k].flags & WRITE);
        } else {
            put_desc(at + 16 * k, &p[k], p[k].flags, seldom(40) ? rnd(4) : k + 1);
        }
    }
    whole->addr = seldom(40) ? place(32) : at;
    whole->len = seldom(40) ? rnd(70) : 16 * n;
    whole->flags = TABLE | (seldom(9) ? WRITE : 0) | (seldom(60) ? NEXT : 0);
}

static void post_split(const struct piece *p, unsigned n)
{
    uint16_t first = (uint16_t)rnd(w.setup.size), i = first;
    unsigned k;

    for (k = 0; k < n; k++) {
        uint16_t next = (uint16_t)((i + 1u) % w.setup.size);

        put_desc(w.setup.desc + 16u * i, &p[k], p[k].flags,
                 seldom(40) ? rnd(w.setup.size + 2u) : next);
        i = next;
    }
    put_le(w.setup.driver + 4 + 2u * (w.avail % w.setup.size),
           seldom(200) ? rnd(w.setup.size + 2u) : first, 2);
    w.avail = (uint16_t)(w.avail + (seldom(200) ? 1 + rnd(w.setup.size + 2u) : 1u));
    put_le(w.setup.driver + 2, w.avail, 2);
}

static void post_packed(const struct piece *p, unsigned n)
{
    uint16_t id = (uint16_t)rnd(w.setup.size);
    unsigned k;

    if (w.in_flight + n > w.setup.size && !seldom(100)) {
        return;
    }
    for (k = 0; k < n; k++) {
        unsigned turn = w.avail & 0x8000u ? 0x0080u : 0x8000u;

        put_desc(w.setup.desc + 16u * (w.avail & 0x7fffu), &p[k], id,
                 p[k].flags | (seldom(300) ? rnd(0x10000) : turn));
        w.avail++;
        w.in_flight++;
        if ((w.avail & 0x7fffu) == w.setup.size) {
            w.avail = (uint16_t)((w.avail & 0x8000u) ^ 0x8000u);
        }
    }
}

static void post(void)
{
    struct piece p[3], whole;
    unsigned n = make_pieces(p);
    uint64_t request = rnd(1u << 24) * (uint64_t)0x10001;

    if (offset(p[0].addr) <= RAM - 8) {
        put(p[0].addr, &request, 8);
    }
    if (((w.setup.features & VGPIO_F_INDIRECT) && seldom(2)) || seldom(200)) {
        put_table(&whole, p, n);
        p[0] = whole;
        n = 1;
    }
    if (packed()) {
        post_packed(p, n);
    } else {
        post_split(p, n);
    }
}

/* ---- both devices ---- */

static void assert_same(void)
{
    assert_memory_equal(w.quick.ram, w.plain.ram, RAM);
    assert_int_equal(vgpio_devq_error(&w.quick.q), vgpio_devq_error(&w.plain.q));
    assert_int_equal(w.quick.q.at.avail_pos, w.plain.q.at.avail_pos);
    assert_int_equal(w.quick.q.next_used, w.plain.q.next_used);
}

static void assert_same_taken(const struct vgpio_taken *a, const struct vgpio_taken *b)
{
    assert_int_equal(a->head.id, b->head.id);
    assert_int_equal(a->head.ndesc, b->head.ndesc);
    assert_int_equal(a->got, b->got);
    assert_int_equal(a->room, b->room);
    assert_memory_equal(a->request, b->request, a->got);
    assert_memory_equal(a->gpa, b->gpa, a->room * sizeof a->gpa[0]);
}

/* The quick one may take many at once, the plain one follows. */
static int take(void)
{
    unsigned n = 1 + rnd(HELD - w.nheld), k;
    uint32_t len = seldom(20) ? rnd(9) : 8;
    int got = vgpio_devq_take(&w.quick.q, w.quick.held + w.nheld, len, n);

    if (got <= 0) {
        assert_int_equal(vgpio_devq_take(&w.plain.q, w.plain.held + w.nheld, len, n),
                         got);
        w.broken += got < 0;
        return got;
    }
    assert_true((unsigned)got <= n);
    w.short_way += got > 1;
    for (k = 0; k < (unsigned)got; k++) {
        struct vgpio_taken *t = &w.quick.held[w.nheld + k];

        assert_int_equal(vgpio_devq_take(&w.plain.q, w.plain.held + w.nheld + k, len, 1),
                         1);
        assert_same_taken(t, &w.plain.held[w.nheld + k]);
        w.good += t->got == len && t->room == 2;
        w.bad += t->got != len || t->room != 2;
    }
    if (seldom(8)) {
        k--;
        vgpio_devq_unpop(&w.quick.q, w.quick.held[w.nheld + k].head);
        vgpio_devq_unpop(&w.plain.q, w.plain.held[w.nheld + k].head);
    }
    w.nheld += k;
    return 1;
}

/* The last ones, some of them swapped with others before. */
static void answer(void)
{
    unsigned n = rnd(w.nheld + 1u), first = w.nheld - n, k;

    for (k = first; k < w.nheld; k++) {
        unsigned other = rnd(w.nheld);
        struct vgpio_taken t = w.quick.held[k], u = w.plain.held[k];

        w.quick.held[k] = w.quick.held[other];
        w.quick.held[other] = t;
        w.plain.held[k] = w.plain.held[other];
        w.plain.held[other] = u;
    }
    for (k = 0; k < w.nheld; k++) {
        w.quick.held[k].answer[0] = w.plain.held[k].answer[0] = (uint8_t)(w.seed + k);
        w.quick.held[k].answer[1] = w.plain.held[k].answer[1] = (uint8_t) ~(w.seed + k);
    }
    assert_int_equal(vgpio_devq_answer(&w.quick.q, w.quick.held + first, n), 0);
    for (k = first; k < w.nheld; k++) {
        w.in_flight -= packed() ? w.plain.held[k].head.ndesc : 0u;
        assert_int_equal(vgpio_devq_answer(&w.plain.q, w.plain.held + k, 1), 0);
    }
    w.nheld = first;
}

/* The short way does all of publish and rearm, or nothing: whether what it saw in the
 * ring can be the next take finds out. */
static int sleep_or_publish(void)
{
#if VGPIO_CFG_FAST
    unsigned what;

    if (w.nheld < HELD && !seldom(3)) {
        what = vgpio_devq_settle(&w.quick.q);
        if (what & VGPIO_SETTLE_MORE) {
            assert_int_equal(what, VGPIO_SETTLE_MORE);
            return take();
        }
        assert_int_equal(vgpio_devq_publish(&w.plain.q), what);
        assert_int_equal(vgpio_devq_rearm(&w.plain.q), 0);
        w.slept++;
        return 0;
    }
#endif
    assert_int_equal(vgpio_devq_publish(&w.quick.q), vgpio_devq_publish(&w.plain.q));
    return 0;
}

static int step(void)
{
    struct vgpio_vq_setup a, b;

    switch (rnd(8)) {
    case 0:
    case 1:
    case 2:
        post();
        return 0;
    case 3:
    case 4:
        return w.nheld < HELD ? take() : 0;
    case 5:
        answer();
        return 0;
    case 6:
        return sleep_or_publish();
    default:
        vgpio_devq_stop(&w.quick.q, &a);
        vgpio_devq_stop(&w.plain.q, &b);
        assert_int_equal(vgpio_devq_take(&w.quick.q, w.quick.held, 8, 1),
                         VGPIO_ERR_STATE);
        assert_int_equal(vgpio_devq_start(&w.quick.q, &w.quick.mem, &a),
                         vgpio_devq_start(&w.plain.q, &w.plain.mem, &b));
        return -seldom(4);
    }
}

static void compare(uint16_t size, uint64_t features)
{
    unsigned i;

    w.good = w.bad = w.broken = w.short_way = w.slept = 0;
    w.seed = size * 2654435761u + (uint32_t)(features >> 26);
    begin(size, features);
    for (i = 0; i < STEPS; i++) {
        if (step() < 0) {
            begin(size, features);
        }
        assert_same();
    }
    assert_true(w.bad > STEPS / 1000 && w.broken > 10);
    assert_true(size == 1 || w.good > STEPS / 100);
    assert_true(!VGPIO_CFG_FAST || w.slept > STEPS / 1000);
    assert_true(!VGPIO_CFG_FAST || size < 4 || w.short_way > STEPS / 1000);
}

static void compare_all(uint64_t features)
{
    static const uint16_t any[] = {2, 3, 5, 8, SIZE_MAX_};
    uint16_t size;
    size_t i;

    for (size = 1; VGPIO_CFG_SPLIT && size <= SIZE_MAX_; size = (uint16_t)(2 * size)) {
        compare(size, features);
    }
    for (i = 0; VGPIO_CFG_PACKED && i < sizeof any / sizeof any[0]; i++) {
        compare(any[i], features | VGPIO_F_PACKED);
    }
}

static void test_direct(void **state)
{
    (void)state;
    compare_all(0);
}

static void test_indirect(void **state)
{
    (void)state;
    compare_all(VGPIO_F_INDIRECT);
}

static void test_platform_order(void **state)
{
    (void)state;
    compare_all(VGPIO_F_ORDER_PLATFORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_platform_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
