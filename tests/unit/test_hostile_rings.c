/* SPDX-License-Identifier: BSD-3-Clause */
/* Both faces of a ring of either layout against a peer on another CPU that writes
 * whatever it likes, wherever it may, while it is read; the same peer without a CPU of
 * its own, so that part of it can be repeated; and what it may leave in words that are
 * only looked at. Nothing can be said of answers; what holds whatever it does can be. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#include "world.h"

#define GPA UINT64_C(0x40000000)
#define SIZE_MAX_HERE 8u
#define RING 0x400u   /* at most, from the front */
#define SENT 0x800u   /* requests, and a table; the peer's own */
#define ANSWER 0xa00u /* only a device writes there */
#define ANSWER_LEN 16u
#define RAM 0x1000u
#define CANARY 0xc5u
#define ROUNDS 20000u
#define BASE (VGPIO_F_INDIRECT * (VGPIO_CFG_INDIRECT != 0))
#define EVENTS (VGPIO_F_EVENT_IDX * (VGPIO_CFG_EVENT_IDX != 0))

struct arena {
    _Alignas(64) uint8_t ram[RAM];
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_vq_setup setup;
    struct vgpio_devq dev;
    struct vgpio_drvq drv;
    struct vgpio_drvq_slot books[SIZE_MAX_HERE];
    uint32_t seed;
    int as_driver; /* what the peer plays */
    atomic_int stop;
};

static struct arena a;

static uint32_t draw(void)
{
    a.seed ^= a.seed << 13;
    a.seed ^= a.seed >> 17;
    a.seed ^= a.seed << 5;
    return a.seed >> 3;
}

/* The other side of a data race that is wanted: TSan need not tell of it. Addresses are
 * stored whole, or half of an old one and half of a new one could name a canary. */
__attribute__((no_sanitize_thread)) static void store(uint32_t at, uint64_t v,
                                                      unsigned bytes)
{
    unsigned i;

    if (bytes == 8) {
        __atomic_store_n((uint64_t *)(void *)(a.ram + at), v, __ATOMIC_RELAXED);
        return;
    }
    for (i = 0; i < bytes; i++) {
        ((volatile uint8_t *)a.ram)[at + i] = (uint8_t)(v >> 8 * i);
    }
}

static uint64_t le64(uint64_t v)
{
    const uint16_t one = 1;
    uint64_t r = 0;
    unsigned i;

    for (i = 0; i < 8 && *(const uint8_t *)&one == 0; i++) {
        r |= (v >> 8 * i & 0xffu) << 8 * (7 - i);
    }
    return *(const uint8_t *)&one == 0 ? r : v;
}

static int packed(void)
{
    return (a.setup.features & VGPIO_F_PACKED) != 0;
}

static uint32_t off_of(uint64_t gpa)
{
    return (uint32_t)(gpa - GPA);
}

/* One field of one descriptor, of ring or table, to something that may be right. */
static void scribble_desc(uint32_t d)
{
    static const uint64_t where[] = {GPA + SENT,   GPA + SENT + 8, GPA + SENT + 0x80,
                                     GPA + ANSWER, 0x10,           UINT64_MAX - 3};
    static const uint32_t lens[] = {0, 1, 2, 8, 9, 16, 32, 48, 0x7fffffff};
    uint32_t what = draw();

    switch (what % 4) {
    case 0:
        if (a.as_driver) {
            store(d, le64(where[draw() % 6]), 8);
        }
        break;
    case 1:
        store(d + 8, lens[draw() % (sizeof lens / sizeof *lens)], 4);
        break;
    case 2:
        store(d + 12, draw() % (what % 64 == 2 ? 0xffffu : a.setup.size), 2);
        break;
    default: /* packed: flags and whose it is; split: flags, or the next one */
        store(d + (packed() || what % 8 == 3 ? 14 : 12),
              (draw() & 7u) | (packed() ? (draw() & 1u) << 7 | (draw() & 1u) << 15 : 0u),
              2);
        break;
    }
}

static void scribble(void)
{
    uint32_t side = off_of(a.as_driver ? a.setup.driver : a.setup.device);
    uint32_t n = packed()      ? 4
                 : a.as_driver ? 6 + 2u * a.setup.size
                               : 6 + 8u * a.setup.size;
    uint32_t what = draw();

    if (what % 8 == 0) {
        store(side + draw() % n / 2 * 2, what % 16 == 0 ? draw() % a.setup.size : draw(),
              2);
    } else if (a.as_driver && what % 8 == 1) {
        scribble_desc(SENT + 0x80 + draw() % 3 * 16);
    } else if (a.as_driver && what % 8 == 2) {
        store(SENT + draw() % 16, draw(), 1);
    } else if (a.as_driver || packed()) {
        scribble_desc(off_of(a.setup.desc) + draw() % a.setup.size * 16);
    } else {
        store(side + 4 + draw() % a.setup.size * 8, draw() % a.setup.size, 4);
    }
}

static void *other_cpu(void *arg)
{
    while (!atomic_load_explicit(&a.stop, memory_order_relaxed)) {
        scribble();
    }
    return arg;
}

static void begin(uint16_t size, uint64_t features, int as_driver)
{
    memset(&a, 0, sizeof a);
    a.seed = 0x9e3779b9u * (size + 1u) + (uint32_t)(features >> 28) + (uint32_t)as_driver;
    a.as_driver = as_driver;
    a.region = (struct vgpio_mem_region){GPA, RAM, a.ram};
    a.table = (struct vgpio_mem_table){&a.region, 1};
    a.mem = (struct vgpio_mem){sizeof a.mem, &a.table, vgpio_mem_table_map, NULL, NULL};
    a.setup.size = size;
    a.setup.features = VGPIO_F_VERSION_1 | features;
    a.setup.desc = GPA;
    a.setup.driver = a.setup.desc + VGPIO_DMA_UP(16u * size);
    a.setup.device = a.setup.driver + VGPIO_DMA_UP(6u + 2u * size);
    memset(a.ram + RING, CANARY, RAM - RING);
    memset(a.ram + SENT, 0, 0x100);
}

static void expect_canaries(void)
{
    uint32_t i;

    for (i = RING; i < RAM; i++) {
        int own = i >= SENT && i < SENT + 0x100;

        if (!own && !(i >= ANSWER && i < ANSWER + ANSWER_LEN)) {
            assert_int_equal(a.ram[i], CANARY);
        }
    }
}

/* ---- a hostile driver ---- */

/* What a device does with each chain. 1: here was one; 0: none; else the queue broke. */
static int serve(void)
{
    uint8_t request[8] = {0}, answer[2] = {0, 1};
    struct vgpio_chain c;
    uint64_t gpa[2];
    unsigned room = 0;
    int got = vgpio_devq_pop(&a.dev, &c);

    if (got <= 0) {
        return got;
    }
    assert_true(c.head.ndesc >= 1 && c.head.ndesc <= a.setup.size);
    (void)vgpio_chain_read(&c, request, sizeof request);
    while (room < 2 && vgpio_chain_where(&c, &gpa[room]) == 0) {
        room++;
    }
    got = vgpio_chain_finish(&c, NULL);
    if (got < 0) {
        return got;
    }
    if (room == 2 && request[0] % 4 != 0) {
        (void)vgpio_mem_write(&a.mem, gpa[0], answer, 1);
        (void)vgpio_mem_write(&a.mem, gpa[1], answer + 1, 1);
    }
    got = vgpio_devq_push(&a.dev, c.head, room);
    return got < 0 ? got : 1;
}

static int serve_short(void)
{
    struct vgpio_taken t[3];
    int got = vgpio_devq_take(&a.dev, t, VGPIO_TAKEN_BYTES, 3), i, err;

    for (i = 0; i < got; i++) {
        assert_true(t[i].got <= VGPIO_TAKEN_BYTES && t[i].room <= 2);
        assert_true(t[i].head.ndesc >= 1 && t[i].head.ndesc <= a.setup.size);
        t[i].answer[0] = t[i].answer[1] = 0;
    }
    err = got > 0 ? vgpio_devq_answer(&a.dev, t, (unsigned)got) : 0;
    return err < 0 ? err : got;
}

/* A broken queue stays so, and says the same of it, until it is started again. */
static void expect_broken(int err)
{
    struct vgpio_chain c;

    assert_true(err == VGPIO_ERR_PROTO || err == VGPIO_ERR_FAULT);
    assert_int_equal(vgpio_devq_error(&a.dev), err);
    assert_int_equal(vgpio_devq_pop(&a.dev, &c), err);
    assert_int_equal(vgpio_devq_rearm(&a.dev), err);
    assert_int_equal(vgpio_devq_waiting(&a.dev), err);
}

static void start_device(void)
{
    struct vgpio_vq_setup s = a.setup;

    assert_int_equal(vgpio_devq_start(&a.dev, &a.mem, &s), 0);
    s.size = 1; /* sizes changed after the start are nobody's business */
}

static unsigned run_device(int rude)
{
    unsigned i, k, broken = 0;

    start_device();
    for (i = 0; i < ROUNDS; i++) {
        int got, n = 0;

        for (k = 0; rude && k < 3; k++) {
            scribble();
        }
        do {
            got = i % 2 == 0 ? serve() : serve_short();
        } while (got > 0 && n++ < 16);
        (void)vgpio_devq_publish(&a.dev);
        if (got == 0) {
            got = vgpio_devq_rearm(&a.dev);
        }
        if (got < 0) {
            expect_broken(got);
            broken++;
            vgpio_devq_stop(&a.dev, NULL);
            start_device();
        }
        if (i % 256 == 0) {
            expect_canaries();
        }
    }
    expect_canaries();
    vgpio_devq_stop(&a.dev, NULL);
    return broken;
}

/* ---- a hostile device ---- */

static unsigned in_flight; /* one bit a slot */

static void fill(void)
{
    struct vgpio_seg segs[2] = {{GPA + SENT, 8}, {GPA + ANSWER, 2}};
    uint16_t slot;

    for (slot = 0; slot < SIZE_MAX_HERE; slot++) {
        if ((in_flight & 1u << slot) == 0 &&
            vgpio_drvq_add(&a.drv, segs, 1, 1, slot) == 0) {
            in_flight |= 1u << slot;
        }
    }
    assert_true(vgpio_drvq_publish(&a.drv, NULL) >= 0);
}

static void start_driver(void)
{
    struct vgpio_vq_setup own = a.setup; /* which the other thread reads */

    assert_int_equal(vgpio_drvq_init(&a.drv, a.ram, a.books, &own), 0);
    in_flight = 0;
}

/* What was in flight when it broke comes back once each, and nothing else does. */
static void drain(int err)
{
    unsigned iter = 0;
    uint16_t slot;
    uint32_t len;

    assert_int_equal(err, VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_error(&a.drv), err);
    assert_int_equal(vgpio_drvq_get(&a.drv, &slot, &len), err);
    assert_int_equal(vgpio_drvq_rearm(&a.drv), err);
    assert_int_equal(vgpio_drvq_publish(&a.drv, NULL), err);
    while (vgpio_drvq_drain(&a.drv, &iter, &slot)) {
        assert_true(slot < SIZE_MAX_HERE && (in_flight & 1u << slot) != 0);
        in_flight &= ~(1u << slot);
    }
    assert_int_equal(in_flight, 0);
}

static unsigned run_driver(int rude)
{
    unsigned i, k, broken = 0;
    uint32_t len;
    uint16_t slot;

    start_driver();
    for (i = 0; i < ROUNDS; i++) {
        int got;

        fill();
        for (k = 0; rude && k < 3; k++) {
            scribble();
        }
        while ((got = vgpio_drvq_get(&a.drv, &slot, &len)) > 0) {
            assert_true(slot < SIZE_MAX_HERE && (in_flight & 1u << slot) != 0);
            in_flight &= ~(1u << slot);
        }
        if (got == 0) {
            got = vgpio_drvq_rearm(&a.drv);
        }
        if (got < 0) {
            drain(got);
            broken++;
            start_driver();
        }
    }
    expect_canaries();
    return broken;
}

/* ---- both, on every layout ---- */

static const struct {
    uint16_t size;
    uint64_t features;
} rings[] = {{8, BASE},
             {4, BASE | EVENTS},
             {7, BASE | VGPIO_F_PACKED},
             {8, BASE | EVENTS | VGPIO_F_PACKED},
             {2, EVENTS | VGPIO_F_PACKED},
             {1, BASE | EVENTS | VGPIO_F_PACKED}};

static void on_another_cpu(int as_driver, unsigned (*run)(int))
{
    pthread_t cpu;
    unsigned i;

    for (i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        begin(rings[i].size, rings[i].features, as_driver);
        assert_int_equal(pthread_create(&cpu, NULL, other_cpu, NULL), 0);
        (void)run(0);
        atomic_store(&a.stop, 1);
        pthread_join(cpu, NULL);
    }
}

static void in_turns(int as_driver, unsigned (*run)(int))
{
    unsigned i;

    for (i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        begin(rings[i].size, rings[i].features, as_driver);
        if (rings[i].size > 2) {
            assert_true(run(1) > ROUNDS / 1000);
        } else {
            (void)run(1);
        }
    }
}

static void test_a_driver_on_another_cpu(void **state)
{
    (void)state;
    on_another_cpu(1, run_device);
}

static void test_a_driver_in_turns(void **state)
{
    (void)state;
    in_turns(1, run_device);
}

static void test_a_device_on_another_cpu(void **state)
{
    (void)state;
    on_another_cpu(0, run_driver);
}

static void test_a_device_in_turns(void **state)
{
    (void)state;
    in_turns(0, run_driver);
}

/* ---- event areas full of garbage ---- */

/* One trip of an honest pair, whatever stands in both event areas: never an error, and a
 * notification at most. */
static void trip(uint16_t position, uint16_t mode)
{
    struct vgpio_seg segs[2] = {{GPA + SENT, 8}, {GPA + ANSWER, 2}};
    uint32_t driver = off_of(a.setup.driver), device = off_of(a.setup.device), len;
    uint32_t n = a.setup.size;
    struct vgpio_chain c;
    uint16_t slot;
    int said;

    if (packed()) {
        store(driver, position, 2);
        store(driver + 2, mode, 2);
        store(device, position, 2);
        store(device + 2, mode, 2);
    } else {
        store(driver, mode, 2);
        store(driver + 4 + 2 * n, position, 2);
        store(device, mode, 2);
        store(device + 4 + 8 * n, position, 2);
    }
    assert_int_equal(vgpio_drvq_add(&a.drv, segs, 1, 1, 0), 0);
    said = vgpio_drvq_publish(&a.drv, NULL);
    assert_true(said == 0 || said == 1);
    assert_int_equal(vgpio_devq_pop(&a.dev, &c), 1);
    assert_int_equal(vgpio_chain_finish(&c, NULL), 0);
    assert_int_equal(vgpio_devq_push(&a.dev, c.head, 2), 0);
    said = vgpio_devq_publish(&a.dev);
    assert_true(said == 0 || said == 1);
    assert_int_equal(vgpio_drvq_get(&a.drv, &slot, &len), 1);
    assert_int_equal(slot, 0);
}

static void test_garbage_in_event_areas(void **state)
{
    static const uint16_t modes[] = {0, 1, 2, 3, 0xfffc, 0xffff};
    uint32_t position;
    unsigned i, k;

    (void)state;
    for (i = 0; i < sizeof rings / sizeof rings[0]; i++) {
        if (rings[i].size < 2) {
            continue;
        }
        begin(rings[i].size, rings[i].features, 1);
        start_driver();
        start_device();
        for (position = 0; position < 0x10000; position += 3) {
            for (k = 0; k < 6; k++) {
                trip((uint16_t)position, modes[k]);
            }
        }
        vgpio_devq_stop(&a.dev, NULL);
    }
}

/* ---- positions moved backwards ---- */

/* A split ring shows positions: one that goes back is refused for good. In a packed one a
 * descriptor that was taken is not looked at again, whatever is written to it. */
static void test_the_driver_moves_back(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 4; i += 2) {
        struct vgpio_chain c;

        begin(rings[i].size, rings[i].features, 1);
        start_driver();
        start_device();
        trip(0, 0);
        trip(0, 0);
        if (packed()) {
            store(off_of(a.setup.desc) + 14, 0x0080, 2); /* the first once more */
            assert_int_equal(vgpio_devq_pop(&a.dev, &c), 0);
            trip(0, 0);
        } else {
            store(off_of(a.setup.driver) + 2, 1, 2);
            assert_int_equal(vgpio_devq_pop(&a.dev, &c), VGPIO_ERR_PROTO);
            expect_broken(VGPIO_ERR_PROTO);
        }
        vgpio_devq_stop(&a.dev, NULL);
    }
}

static void test_the_device_moves_back(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 4; i += 2) {
        uint16_t slot;
        uint32_t len;

        begin(rings[i].size, rings[i].features, 0);
        start_driver();
        start_device();
        trip(0, 0);
        trip(0, 0);
        in_flight = 0;
        if (packed()) {
            store(off_of(a.setup.desc) + 14, 0x8080, 2);
            assert_int_equal(vgpio_drvq_get(&a.drv, &slot, &len), 0);
            trip(0, 0);
        } else {
            store(off_of(a.setup.device) + 2, 1, 2);
            drain(vgpio_drvq_get(&a.drv, &slot, &len));
        }
        vgpio_devq_stop(&a.dev, NULL);
    }
}

/* ---- more written than was offered ---- */

/* Only who offered the buffer knows its room, so it is the driver that sees it. */
static void written_too_much(uint64_t features)
{
    struct world *w = malloc(sizeof *w);
    struct vgpio_drv_event ev;
    uint8_t *desc, *used;

    assert_non_null(w);
    world_new(w);
    w->dc.features = VGPIO_F_VERSION_1 | features;
    world_start(w);
    twomap_turn(&w->m, TWOMAP_BOTH);
    assert_int_equal(vgpio_drv_submit(&w->drv, VGPIO_MSG_GET_VALUE, 1, 0, w), 0);
    assert_int_equal(vgpio_drv_flush(&w->drv), 0);
    desc = w->drv.q[0].desc;
    used = w->drv.q[0].device;
    if (features != 0) {
        memcpy(desc + 12, desc + 16 + 12, 2); /* the id is in the last one */
        memcpy(desc + 8, (uint8_t[4]){3, 0, 0, 0}, 4);
        memcpy(desc + 14, (uint8_t[2]){0x82, 0x80}, 2);
    } else {
        memcpy(used + 8, (uint8_t[4]){3, 0, 0, 0}, 4);
        used[2] = 1;
    }
    assert_int_equal(vgpio_drv_poll(&w->drv, &ev), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drv_poll(&w->drv, &ev), VGPIO_ERR_PROTO);
    assert_true(vgpio_drv_submit(&w->drv, VGPIO_MSG_GET_VALUE, 1, 0, w) < 0);
    world_free(w);
    free(w);
}

static void test_more_written_than_offered(void **state)
{
    (void)state;
    written_too_much(0);
    written_too_much(VGPIO_F_PACKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_driver_in_turns),
        cmocka_unit_test(test_a_driver_on_another_cpu),
        cmocka_unit_test(test_a_device_in_turns),
        cmocka_unit_test(test_a_device_on_another_cpu),
        cmocka_unit_test(test_garbage_in_event_areas),
        cmocka_unit_test(test_the_driver_moves_back),
        cmocka_unit_test(test_the_device_moves_back),
        cmocka_unit_test(test_more_written_than_offered),
    };

    return cmocka_run_group_tests_name("hostile rings", tests, NULL, NULL);
}
