/* SPDX-License-Identifier: BSD-3-Clause */
/* A GET_VALUE all the way: driver, ring, device, simulated lines, and back. */
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/virtiogpio.h>

#include "bench.h"

#define NREQ 64u
#define NLINES_MAX 65535u

static struct vgpio_sim sim;
static struct vgpio_sim_line sim_lines[NLINES_MAX];
static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES_MAX];
static struct vgpio_req reqs[NREQ];
static struct vgpio_loop bus;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ];
static struct vgpio_drvq_slot ring[2 * NREQ];
static uint32_t nlines;

static const struct vgpio_mem_region regions[] = {
    {0, 0xc0000000u, bench_ram},
    {BENCH_GPA, BENCH_RAM_BYTES, bench_ram},
};
static struct vgpio_mem_table table = {regions, 2};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

static void must(int result)
{
    if (result < 0) {
        bench_die(vgpio_strerror(result));
    }
}

static void whole_open(const struct bench_shape *shape)
{
    struct vgpio_sim_config sc = {.sink = vgpio_dev_sink(&dev), .lines = sim_lines};
    struct vgpio_dev_config dc = {
        .ops = &vgpio_sim_ops, .ctx = &sim, .lines = lines, .reqs = reqs, .nreqs = NREQ};
    struct vgpio_drv_config rc = {.bus = &vgpio_loop_bus_ops,
                                  .bus_ctx = &bus,
                                  .dma = bench_ram,
                                  .dma_addr = BENCH_GPA,
                                  .dma_size = BENCH_RAM_BYTES,
                                  .slots = slots,
                                  .ring = ring,
                                  .nreq = NREQ};

    nlines = shape->lines;
    sc.nlines = dc.ngpio = (uint16_t)nlines;
    rc.features = shape->features | VGPIO_F_VERSION_1;
    must(vgpio_sim_init(&sim, &sc));
    must(vgpio_dev_init(&dev, &dc));
    must(vgpio_loop_init(&bus, vgpio_dev_vdev(&dev), &mem));
    must(vgpio_drv_init(&drv, &rc));
    must(vgpio_drv_start(&drv));
}

/* Lines far apart, one after the other. */
static uint16_t line_of(uint32_t i)
{
    return (uint16_t)((i * 40503u & 0xffffu) * (uint64_t)nlines >> 16);
}

static BENCH_NOINLINE void whole_add(unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        bench_driver.wrong |=
            vgpio_drv_submit(&drv, VGPIO_MSG_GET_VALUE, line_of(bench_driver.added++), 0,
                             &drv) < 0;
    }
    bench_driver.wrong |= vgpio_drv_flush(&drv) < 0;
}

static BENCH_NOINLINE unsigned whole_serve(unsigned n)
{
    if (vgpio_loop_take_kicks(&bus) != 0) {
        bench_device.wrong |= vgpio_dev_kick(&dev, VGPIO_REQUESTQ) < 0;
    }
    bench_device.notified += vgpio_dev_take_events(&dev) != 0;
    return n;
}

static BENCH_NOINLINE unsigned whole_reap(unsigned n)
{
    struct vgpio_drv_event ev;
    unsigned i;

    for (i = 0; i < n && vgpio_drv_poll(&drv, &ev) > 0; i++) {
        bench_driver.wrong |= ev.kind != VGPIO_DONE || ev.result != 0 ||
                              ev.line != line_of(bench_driver.reaped++);
    }
    return i;
}

const struct bench_engine bench_whole = {"whole", whole_open, whole_add, whole_serve,
                                         whole_reap};
