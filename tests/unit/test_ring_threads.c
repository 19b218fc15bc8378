/* SPDX-License-Identifier: BSD-3-Clause */
/* Both ends of a ring on a CPU of its own. Each side works only when the other has called
 * it, so a notification that is lost, by a fence or a second look that is missing, ends
 * in the time-out of the test. Run by the thread sanitizer it proves the pairs of
 * barriers: both sides use one mapping, through two it would see nothing.
 *
 * usage: unit_ring_threads [TRIPS]   so many requests in each test */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define SIZE 16u
#define DMA UINT64_C(0x1000)
#define CELL 64u
#define HELD 4u

struct plan {
    uint64_t features;
    uint16_t size, depth; /* entries; requests in flight */
    uint8_t indirect;
    uint8_t hold; /* so many are taken before any is answered, and the last one first */
};

struct world {
    _Alignas(64) uint8_t ram[VGPIO_RING_BYTES(SIZE) + SIZE * CELL];
    struct plan plan;
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_vq_setup setup;
    struct vgpio_drvq_slot slots[SIZE];
    struct vgpio_drvq drv;
    struct vgpio_devq dev;
    struct vgpio_head held[HELD];
    atomic_int kicked, interrupted, over;
    unsigned posted, answered, nheld;
};

static unsigned trips = 40000;

/* cmocka's asserts belong to the main thread. */
static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "test_ring_threads: %s\n", what);
        abort();
    }
}

static uint64_t cell(uint32_t slot)
{
    return DMA + VGPIO_RING_BYTES(SIZE) + slot * CELL;
}

static void give_back(struct world *w)
{
    while (w->nheld != 0) {
        must(vgpio_devq_push(&w->dev, w->held[--w->nheld], 2) == 0, "push");
    }
}

static void answer(struct world *w, struct vgpio_chain *c)
{
    uint8_t out[8], in[2];

    must(vgpio_chain_read(c, out, 8) == 8, "request");
    in[0] = out[7];
    in[1] = (uint8_t)~out[0];
    must(vgpio_chain_write(c, in, 2) == 2, "answer");
    must(vgpio_chain_finish(c, NULL) == 0, "chain");
    w->held[w->nheld++] = c->head;
    if (w->nheld > w->plan.hold) {
        give_back(w);
    }
}

static void serve(struct world *w)
{
    struct vgpio_chain c;
    int n;

    do {
        while ((n = vgpio_devq_pop(&w->dev, &c)) > 0) {
            answer(w, &c);
        }
        must(n == 0, "pop");
        give_back(w);
        if (vgpio_devq_publish(&w->dev) > 0) {
            atomic_store(&w->interrupted, 1);
        }
    } while ((n = vgpio_devq_rearm(&w->dev)) > 0);
    must(n == 0, "device rearm");
}

static void *device(void *arg)
{
    struct world *w = arg;

    while (!atomic_load(&w->over)) {
        if (atomic_exchange(&w->kicked, 0)) {
            serve(w);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void post(struct world *w, uint16_t slot)
{
    uint8_t *c = w->ram + (cell(slot) - DMA);
    struct vgpio_seg segs[2] = {{cell(slot), 8}, {cell(slot) + 8, 2}};

    memset(c, (int)(w->posted & 0xff), 8);
    c[8] = c[9] = 0x55;
    if (w->plan.indirect) {
        must(vgpio_drvq_add_indirect(&w->drv, c + 16, cell(slot) + 16, segs, 1, 1,
                                     slot) == 0,
             "add");
    } else {
        must(vgpio_drvq_add(&w->drv, segs, 1, 1, slot) == 0, "add");
    }
    w->posted++;
}

static void reap(struct world *w)
{
    uint16_t slot;
    uint32_t written;
    int n;

    do {
        while ((n = vgpio_drvq_get(&w->drv, &slot, &written)) > 0) {
            const uint8_t *c = w->ram + (cell(slot) - DMA);

            must(written == 2 && c[8] == c[0] && (c[8] ^ c[9]) == 0xff, "answer bytes");
            w->answered++;
            if (w->posted < trips) {
                post(w, slot);
            }
        }
        must(n == 0, "get");
        if (vgpio_drvq_publish(&w->drv, NULL) > 0) {
            atomic_store(&w->kicked, 1);
        }
    } while ((n = vgpio_drvq_rearm(&w->drv)) > 0);
    must(n == 0, "driver rearm");
}

static void trip(const struct plan *plan)
{
    static struct world w;
    pthread_t thread;
    uint16_t i;

    memset(&w, 0, sizeof w);
    w.plan = *plan;
    w.region = (struct vgpio_mem_region){DMA, sizeof w.ram, w.ram};
    w.table = (struct vgpio_mem_table){&w.region, 1};
    w.mem = (struct vgpio_mem){sizeof w.mem, &w.table, vgpio_mem_table_map, NULL, NULL};
    w.setup.size = plan->size;
    w.setup.features = plan->features;
    w.setup.desc = DMA;
    assert_int_equal(vgpio_drvq_init(&w.drv, w.ram, w.slots, &w.setup), 0);
    assert_int_equal(vgpio_devq_start(&w.dev, &w.mem, &w.setup), 0);
    atomic_store(&w.kicked, 1); /* a start counts as one */
    assert_int_equal(pthread_create(&thread, NULL, device, &w), 0);
    for (i = 0; i < plan->depth; i++) {
        post(&w, i);
    }
    atomic_store(&w.interrupted, 1);
    while (w.answered < trips) {
        if (atomic_exchange(&w.interrupted, 0)) {
            reap(&w);
        } else {
            sched_yield();
        }
    }
    atomic_store(&w.over, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.posted, trips);
}

#define E VGPIO_F_EVENT_IDX
#define I VGPIO_F_INDIRECT
#define P VGPIO_F_PACKED
#define O VGPIO_F_ORDER_PLATFORM

static void test_one_at_a_time(void **state)
{
    const struct plan plan = {0, SIZE, 1, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_a_full_ring(void **state)
{
    const struct plan plan = {0, SIZE, SIZE / 2, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_platform_order(void **state)
{
    const struct plan plan = {O, SIZE, 3, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_packed_one_at_a_time(void **state)
{
    const struct plan plan = {P, SIZE, 1, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_packed_a_full_ring(void **state)
{
    const struct plan plan = {P, 13, 6, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_packed_out_of_order(void **state)
{
    const struct plan plan = {P, 13, 6, 0, 3};

    (void)state;
    trip(&plan);
}

static void test_packed_platform_order(void **state)
{
    const struct plan plan = {P | O, 7, 3, 0, 0};

    (void)state;
    trip(&plan);
}

#if VGPIO_CFG_EVENT_IDX && VGPIO_CFG_INDIRECT
static void test_event_idx_one_at_a_time(void **state)
{
    const struct plan plan = {E, SIZE, 1, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_event_idx_a_full_ring(void **state)
{
    const struct plan plan = {E, SIZE, SIZE / 2, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_event_idx_out_of_order(void **state)
{
    const struct plan plan = {E | I, SIZE, SIZE, 1, 3};

    (void)state;
    trip(&plan);
}

static void test_packed_event_idx_one_at_a_time(void **state)
{
    const struct plan plan = {P | E, 13, 1, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_packed_event_idx_a_full_ring(void **state)
{
    const struct plan plan = {P | E, 13, 6, 0, 0};

    (void)state;
    trip(&plan);
}

static void test_packed_event_idx_out_of_order(void **state)
{
    const struct plan plan = {P | E, 13, 6, 0, 3};

    (void)state;
    trip(&plan);
}

static void test_packed_event_idx_indirect(void **state)
{
    const struct plan plan = {P | E | I, 3, 3, 1, 1};

    (void)state;
    trip(&plan);
}

static void test_packed_ring_of_one(void **state)
{
    const struct plan plan = {P | E | I, 1, 1, 1, 0};

    (void)state;
    trip(&plan);
}

#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_a_full_ring),
        cmocka_unit_test(test_platform_order),
        cmocka_unit_test(test_packed_one_at_a_time),
        cmocka_unit_test(test_packed_a_full_ring),
        cmocka_unit_test(test_packed_out_of_order),
        cmocka_unit_test(test_packed_platform_order),
#if VGPIO_CFG_EVENT_IDX && VGPIO_CFG_INDIRECT
        cmocka_unit_test(test_event_idx_one_at_a_time),
        cmocka_unit_test(test_event_idx_a_full_ring),
        cmocka_unit_test(test_event_idx_out_of_order),
        cmocka_unit_test(test_packed_event_idx_one_at_a_time),
        cmocka_unit_test(test_packed_event_idx_a_full_ring),
        cmocka_unit_test(test_packed_event_idx_out_of_order),
        cmocka_unit_test(test_packed_event_idx_indirect),
        cmocka_unit_test(test_packed_ring_of_one),
#endif
    };

    if (argc > 1) {
        trips = (unsigned)strtoul(argv[1], NULL, 0);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
