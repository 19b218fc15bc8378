/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest with two CPUs: while the device serves the rings, another thread rewrites what
 * it serves, descriptors and requests. Nothing can be said of the answers; what holds
 * whatever the guest does can be. What is read twice and believed once shows here, under
 * ASan at the latest; the same rewriting at each map() makes part of it repeatable. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_bench.h"
#include "world.h"

#define ROUNDS 3000u
#define DEADLY 4096u /* one scribble of so many breaks a ring for sure */

/* Behind the cells of bench: what descriptors are made to name. Between and around them
 * nothing may change. */
#define AREA 0x8000u
#define SENT (AREA + 0x100u)   /* requests, and tables of descriptors */
#define ANSWER (AREA + 0x400u) /* answers: only the device writes there */
#define ANSWER_LEN 16u
#define END (AREA + 0x800u)
#define CANARY 0xc5u
#define BLANK 0xeeu

struct race {
    struct bench *b;
    uint32_t seed;
    atomic_int stop;
    uint64_t base; /* gpa of guest memory */
    uint64_t desc[2];
    unsigned used, broken;
};

static uint32_t draw(struct race *r)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 17;
    r->seed ^= r->seed << 5;
    return r->seed;
}

/* The other side of a data race that is wanted: TSan need not tell of it. Addresses and
 * lengths are stored whole: half of an old address and half of a new one could name a
 * canary, and then the device would be right to write there. */
__attribute__((no_sanitize_thread)) static void store(uint8_t *p, uint64_t v,
                                                      unsigned bytes)
{
    unsigned i;

    if (bytes == 8) {
        __atomic_store_n((uint64_t *)(void *)p, v, __ATOMIC_RELAXED);
        return;
    }
    if (bytes == 4) {
        __atomic_store_n((uint32_t *)(void *)p, (uint32_t)v, __ATOMIC_RELAXED);
        return;
    }
    for (i = 0; i < bytes; i++) {
        ((volatile uint8_t *)p)[i] = (uint8_t)(v >> 8 * i);
    }
}

/* One field of one descriptor, in a ring or a table, to something that may be right. */
static void rewrite_desc(struct race *r, uint64_t table, unsigned n)
{
    static const uint32_t lens[] = {0, 1, 2, 8, 9, 16, 32, 48, 0x7fffffff};
    uint64_t addr[6] = {
        r->base + SENT, r->base + SENT + 8, r->base + SENT + 64, r->base + ANSWER,
        0x10,           UINT64_MAX - 3};
    uint8_t *d = peer_at(&r->b->mem, table + draw(r) % n * 16u, 16);
    uint32_t what = draw(r);

    switch (what % 8) {
    case 0:
    case 1:
        store(d, addr[draw(r) % 6], 8);
        break;
    case 2:
    case 3:
        store(d + 8, lens[draw(r) % (sizeof lens / sizeof lens[0])], 4);
        break;
    case 4:
    case 5:
        store(d + 12, draw(r) % 8, 2);
        break;
    default:
        store(d + 14, draw(r) % (what % DEADLY == 7 ? 0xffffu : n), 2);
        break;
    }
}

static void scribble(struct race *r)
{
    uint8_t *p;

    switch (draw(r) % 4) {
    case 0:
        rewrite_desc(r, r->desc[draw(r) % 2], 8);
        break;
    case 1:
        rewrite_desc(r, r->base + SENT + 64, 3);
        break;
    default: /* type, line, value */
        p = peer_at(&r->b->mem, r->base + SENT + draw(r) % 9, 8);
        store(p + draw(r) % 3 * 2, draw(r) % 9, 2);
        break;
    }
}

static void *other_cpu(void *arg)
{
    struct race *r = arg;

    while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        scribble(r);
    }
    return NULL;
}

/* Everything that no descriptor names is a canary; the rings are at the front. */
static void lay_out(struct race *r)
{
    uint8_t *area = peer_at(&r->b->mem, r->base + AREA, END - AREA);

    memset(area, CANARY, END - AREA);
    memset(area + (SENT - AREA), 0, 0x100);
    memset(area + (ANSWER - AREA), BLANK, ANSWER_LEN);
}

static void expect_canaries(struct race *r)
{
    const uint8_t *area = peer_at(&r->b->mem, r->base + AREA, END - AREA);
    uint32_t i, at;

    for (i = 0; i < END - AREA; i++) {
        at = AREA + i;
        if (at >= SENT && at < SENT + 0x100) {
            continue; /* the driver's own */
        }
        if (at >= ANSWER && at < ANSWER + ANSWER_LEN) {
            /* a status, a value or a direction: nothing else was ever written */
            assert_true(area[i] <= 2 || area[i] == BLANK);
            continue;
        }
        if (area[i] != CANARY) {
            fail_msg("%#x was written: %#x", (unsigned)at, (unsigned)area[i]);
        }
    }
}

/* What the driver means to say; the other CPU is at it from the first byte on. */
static void good_chain(struct race *r, unsigned q, uint16_t head, unsigned i)
{
    struct vgpio_request m = {(uint16_t)(2 + i % 5), (uint16_t)(i % BENCH_LINES), i % 3};
    uint8_t bytes[VGPIO_REQUEST_SIZE];

    vgpio_request_encode(bytes, &m);
    memcpy(peer_at(&r->b->mem, r->base + SENT, 8), bytes, 8);
    if (i % 4 == 0 && VGPIO_CFG_INDIRECT) {
        ring_peer_entry(&r->b->mem, r->base + SENT + 64, 0, r->base + SENT, 8, 1, 1);
        ring_peer_entry(&r->b->mem, r->base + SENT + 64, 1, r->base + ANSWER, 2, 2, 0);
        ring_peer_desc(&r->b->q[q], head, r->base + SENT + 64, 32, 4, 0);
        return;
    }
    ring_peer_desc(&r->b->q[q], head, r->base + SENT, q == 0 ? 8 : 2, 1,
                   (uint16_t)(head + 4));
    ring_peer_desc(&r->b->q[q], (uint16_t)(head + 4), r->base + ANSWER, q == 0 ? 2 : 1, 2,
                   0);
}

/* Posts heads 0..3, as often as it has them back. Whatever becomes of a chain: its head
 * comes back at most once, and no other ever. */
static void turn(struct race *r, unsigned q, uint8_t owned[4], unsigned i)
{
    struct bench *b = r->b;
    uint32_t id, len;
    uint16_t head;

    for (head = 0; head < 4; head++) {
        if (!owned[head]) {
            owned[head] = 1;
            good_chain(r, q, head, i + head);
            ring_peer_post(&b->q[q], head);
        }
    }
    (void)vgpio_dev_kick(&b->dev, q);
    while (ring_peer_used(&b->q[q], &id, &len)) {
        assert_true(id < 4 && owned[id]);
        assert_true(len <= (q == VGPIO_REQUESTQ ? 2u : 1u));
        owned[id] = 0;
        r->used += len != 0;
    }
}

/* The backend answers some of what it was asked, in any order. */
static void answer_some(struct bench *b)
{
    unsigned i;

    for (i = 0; i < b->nlog; i++) {
        assert_true(b->log[i].line < BENCH_LINES);
        if (b->log[i].op != 'u' && b->log[i].op != 'R') {
            (void)vgpio_dev_complete(&b->dev, b->log[i].token, (int)(i % 3) - 1);
        }
    }
    b->nlog = 0;
}

static void run(struct race *r)
{
    struct bench *b = r->b;
    uint8_t owned[2][4] = {{0}};
    unsigned i, q;

    for (i = 0; i < ROUNDS; i++) {
        b->pend = i % 5 == 0;
        for (q = 0; q < 2; q++) {
            turn(r, q, owned[q], i);
        }
        (void)vgpio_dev_change(&b->dev, (uint16_t)(i % BENCH_LINES), 3, i & 1u);
        answer_some(b);
        if (b->vdev.ops->error(b->vdev.obj, 0) != 0 ||
            b->vdev.ops->error(b->vdev.obj, 1) != 0) {
            assert_true(bench_events(b) & VGPIO_EV_NEEDS_RESET);
            r->broken++;
            bench_restart(b);
            memset(owned, 0, sizeof owned);
        }
        if (i % 64 == 0) {
            expect_canaries(r);
        }
    }
    expect_canaries(r);
}

static void begin(struct race *r, uint32_t seed)
{
    unsigned q;

    memset(r, 0, sizeof *r);
    r->b = bench_make(VGPIO_F_IRQ | (VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0u),
                      BENCH_REQS);
    r->seed = seed;
    r->base = r->b->mem.gpa;
    for (q = 0; q < 2; q++) {
        r->desc[q] = r->b->q[q].setup.desc;
    }
    assert_true(r->b->cells < r->base + AREA);
    lay_out(r);
    bench_start(r->b);
}

/* A check that fails leaves the test by a jump, and the other CPU is to end all the same:
 * what it writes to must be there until then. */
static struct {
    pthread_t thread;
    atomic_int *stop; /* NULL: there is none */
} cpu;

static void cpu_start(void *(*fn)(void *), void *arg, atomic_int *stop)
{
    assert_int_equal(pthread_create(&cpu.thread, NULL, fn, arg), 0);
    cpu.stop = stop;
}

static void cpu_stop(void)
{
    atomic_store(cpu.stop, 1);
    pthread_join(cpu.thread, NULL);
    cpu.stop = NULL;
}

static int cpu_gone(void **state)
{
    (void)state;
    if (cpu.stop != NULL) {
        cpu_stop();
    }
    return 0;
}

static void test_another_cpu_rewrites_what_is_served(void **state)
{
    static struct race r;

    (void)state;
    begin(&r, 0x1234567);
    cpu_start(other_cpu, &r, &r.stop);
    run(&r);
    cpu_stop();
    bench_free(r.b);
}

static void rude(void *arg, uint64_t gpa)
{
    (void)gpa;
    scribble(arg);
    scribble(arg);
}

static void test_each_map_rewrites_what_is_served(void **state)
{
    struct race r;
    uint32_t seed;

    (void)state;
    for (seed = 1; seed <= 8; seed++) {
        begin(&r, seed * 0x9e3779b9u);
        r.b->mem.on_map = rude;
        r.b->mem.arg = &r;
        run(&r);
        assert_true(r.used > ROUNDS / 10 && r.broken > ROUNDS / 100);
        bench_free(r.b);
    }
}

/* ---- packed rings: driver and device are ours, and the ring is a third one's ---- */

/* In the page behind the arena, as in the other tests. */
#define SPARE WORLD_NAMES_AT

struct ring_race {
    struct world w;
    struct race r; /* only its dice */
    atomic_int stop;
    uint8_t *desc[2];
    unsigned answers, broken;
};

/* One field of a descriptor; now and then its turn, so that either side finds what the
 * other one never wrote. */
static void scribble_packed(struct ring_race *x)
{
    static const uint32_t lens[] = {0, 1, 2, 8, 9, 16, 0x7fffffff};
    static const uint64_t addrs[] = {TWOMAP_GPA + SPARE, TWOMAP_GPA + SPARE + 8,
                                     TWOMAP_GPA + SPARE + (ANSWER - AREA), 0x10,
                                     UINT64_MAX - 3};
    uint32_t what = draw(&x->r);
    uint8_t *d = x->desc[what & 1] + 16u * (what >> 1 & 15u);

    switch (what >> 8 & 7u) {
    case 0:
    case 1:
        store(d, addrs[draw(&x->r) % (sizeof addrs / sizeof addrs[0])], 8);
        break;
    case 2:
    case 3:
        store(d + 8, lens[draw(&x->r) % (sizeof lens / sizeof lens[0])], 4);
        break;
    case 4:
        store(d + 12, draw(&x->r) % 18, 2);
        break;
    default:
        if (what % DEADLY < 256) {
            store(d + 14, draw(&x->r) & 0x8087u, 2);
        }
        break;
    }
}

static void *third(void *arg)
{
    struct ring_race *x = arg;

    while (!atomic_load_explicit(&x->stop, memory_order_relaxed)) {
        scribble_packed(x);
    }
    return NULL;
}

static void expect_spare_untouched(const struct ring_race *x)
{
    const uint8_t *spare = x->w.m.device + SPARE;
    uint32_t i;

    for (i = 0x10; i < 0x1000; i++) {
        if (i < ANSWER - AREA || i >= ANSWER - AREA + ANSWER_LEN) {
            assert_int_equal(spare[i], CANARY);
        }
    }
}

static int poll_all(struct ring_race *x)
{
    struct vgpio_drv_event ev;
    int n;

    while ((n = vgpio_drv_poll(&x->w.drv, &ev)) > 0) {
        x->answers++;
    }
    return n;
}

static void one_round(struct ring_race *x, unsigned i)
{
    const struct vgpio_vdev_ops *dev = x->w.dev.ops;
    struct vgpio_drv *drv = &x->w.drv;
    unsigned q;

    (void)vgpio_drv_submit(drv, VGPIO_MSG_GET_VALUE, (uint16_t)(i % 8), 0, x);
    (void)vgpio_drv_submit(drv, VGPIO_MSG_SET_IRQ_TYPE, (uint16_t)(i % 8), i % 2 * 3, x);
    (void)vgpio_drv_unmask(drv, (uint16_t)(i % 8));
    (void)vgpio_drv_flush(drv);
    for (q = 0; q < 2; q++) {
        (void)dev->kick(x->w.dev.obj, q);
    }
    (void)vgpio_sim_pull(&x->w.sim, (uint16_t)(i % 8), i / 8 % 2);
    (void)dev->take_events(x->w.dev.obj);
    if (poll_all(x) < 0 || dev->error(x->w.dev.obj, 0) != 0 ||
        dev->error(x->w.dev.obj, 1) != 0 || i % 64 == 0) {
        x->broken++;
        assert_int_equal(vgpio_drv_stop(drv), 0);
        (void)poll_all(x); /* the cookies of what was in flight */
        assert_int_equal(vgpio_drv_start(drv), 0);
    }
}

static void test_a_third_one_rewrites_packed_rings(void **state)
{
    struct ring_race *x = calloc(1, sizeof *x);
    unsigned i;

    (void)state;
    assert_non_null(x);
    world_new(&x->w);
    x->w.dc.names = NULL; /* then no answer has more than two bytes */
    x->w.dc.names_size = 0;
    world_start(&x->w);
    assert_true((x->w.drv.features & VGPIO_F_PACKED) != 0);
    x->r.seed = 0x7654321;
    for (i = 0; i < 2; i++) {
        assert_true(x->w.drv.q[i].size >= 16);
        x->desc[i] = x->w.drv.q[i].desc;
    }
    memset(x->w.m.driver + SPARE, CANARY, 0x1000);
    cpu_start(third, x, &x->stop);
    for (i = 0; i < ROUNDS; i++) {
        one_round(x, i);
    }
    cpu_stop();
    expect_spare_untouched(x);
    /* With the ring its own again, it works. */
    assert_int_equal(vgpio_drv_stop(&x->w.drv), 0);
    (void)poll_all(x);
    world_start(&x->w);
    assert_int_equal(world_call(&x->w, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_IN), 0);
    assert_true(x->answers > 0 && x->broken > 0);
    world_free(&x->w);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_another_cpu_rewrites_what_is_served, cpu_gone),
        cmocka_unit_test(test_each_map_rewrites_what_is_served),
        cmocka_unit_test_teardown(test_a_third_one_rewrites_packed_rings, cpu_gone),
    };

    return cmocka_run_group_tests_name("racing", tests, NULL, NULL);
}
