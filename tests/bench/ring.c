/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's ring engine, used as a device and a driver of one's own would use it. */
#include <string.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#include "bench.h"

#define BATCH_MAX 32u

static struct driver {
    _Alignas(2 * BENCH_LINE) struct vgpio_drvq q;
    unsigned indirect;
} drv;
static struct device {
    _Alignas(2 * BENCH_LINE) struct vgpio_devq q;
} dev;
static struct vgpio_drvq_slot slots[BENCH_SIZE_MAX];

/* Two regions, as a PC has: below the hole and above it, where the ring is. */
static const struct vgpio_mem_region regions[] = {
    {0, 0xc0000000u, bench_ram},
    {BENCH_GPA, BENCH_RAM_BYTES, bench_ram},
};
static struct vgpio_mem_table table = {regions, 2};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

static void ring_open(const struct bench_shape *shape)
{
    struct vgpio_vq_setup setup;

    memset(&setup, 0, sizeof setup);
    memset(&drv, 0, sizeof drv);
    memset(&dev, 0, sizeof dev);
    setup.features = shape->features | VGPIO_F_VERSION_1;
    setup.size = (uint16_t)shape->size;
    drv.indirect = (shape->features & VGPIO_F_INDIRECT) != 0;
    setup.desc = BENCH_GPA;
    if (vgpio_drvq_init(&drv.q, bench_ram, slots, &setup) != 0 ||
        vgpio_devq_start(&dev.q, &mem, &setup) != 0) {
        bench_die("the ring does not start");
    }
}

static void add_indirect(const struct vgpio_pair *p, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++, p++) {
        bench_driver.wrong |= (unsigned)vgpio_drvq_add_indirect(
            &drv.q, bench_cell(p->slot) + 32, bench_cell_gpa(p->slot) + 32, p->seg, 1, 1,
            p->slot);
    }
}

static BENCH_NOINLINE void ring_add(unsigned n)
{
    static struct vgpio_pair pairs[BATCH_MAX];
    uint32_t cells = bench_driver.mask, next = bench_driver.added;
    unsigned i;

    for (i = 0; i < n; i++, next++) {
        uint32_t slot = next & cells;
        uint64_t gpa = bench_cell_gpa(slot), request = bench_request(next);
        struct vgpio_pair *p = &pairs[i];

        memcpy(bench_cell(slot), &request, sizeof request);
        p->seg[0].addr = gpa;
        p->seg[0].len = 8;
        p->seg[1].addr = gpa + 8;
        p->seg[1].len = 2;
        p->slot = (uint16_t)slot;
    }
    bench_driver.added = next;
    if (drv.indirect) {
        add_indirect(pairs, n);
    } else {
        bench_driver.wrong |= (unsigned)vgpio_drvq_add_pairs(&drv.q, pairs, n) ^ n;
    }
    bench_driver.notified += vgpio_drvq_publish(&drv.q, NULL) > 0;
}

static BENCH_NOINLINE unsigned ring_serve(unsigned n)
{
    static struct vgpio_taken taken[BATCH_MAX];
    unsigned i = 0;
    int got;

    while (i < n && (got = vgpio_devq_take(&dev.q, taken, 8, n - i)) > 0) {
        unsigned k;

        for (k = 0; k < (unsigned)got; k++) {
            struct vgpio_taken *t = &taken[k];
            uint64_t request;
            uint16_t answer;

            memcpy(&request, t->request, sizeof request);
            answer = bench_answer(request);
            memcpy(t->answer, &answer, sizeof answer);
            bench_device.wrong |= (t->got ^ 8u) | (t->room ^ 2u);
        }
        bench_device.wrong |= (unsigned)vgpio_devq_answer(&dev.q, taken, k);
        i += k;
    }
    if (i != 0) {
        bench_device.notified += vgpio_devq_publish(&dev.q) > 0;
    }
    return i;
}

static BENCH_NOINLINE unsigned ring_reap(unsigned n)
{
    static struct vgpio_back back[BATCH_MAX];
    uint32_t next = bench_driver.reaped;
    uint64_t wrong = 0;
    unsigned i = 0;
    int got;

    while (i < n && (got = vgpio_drvq_get_many(&drv.q, back, n - i)) > 0) {
        unsigned k;

        for (k = 0; k < (unsigned)got; k++, next++) {
            uint16_t answer;

            memcpy(&answer, bench_cell(back[k].slot) + 8, sizeof answer);
            wrong |= (back[k].written ^ 2u) |
                     (uint16_t)(answer ^ bench_answer(bench_request(next)));
        }
        i += k;
    }
    bench_driver.reaped = next;
    bench_driver.wrong |= wrong;
    return i;
}

const struct bench_engine bench_ring = {"engine", ring_open, ring_add, ring_serve,
                                        ring_reap};
