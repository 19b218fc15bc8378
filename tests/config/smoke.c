/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver and a device through public headers alone, with whatever options the library
 * was built with: the one program that every trimmed build must still run. */
#include <stdio.h>

#include <virtiogpio/virtiogpio.h>

enum {
    LINES = 3,
    NREQ = 4,
    NIRQ = 2
};
static const uint8_t names[] = "button\0led\0"; /* the third line has none */

static struct {
    struct vgpio_dev dev;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[NREQ];
    struct vgpio_sim sim;
    struct vgpio_sim_line sim_lines[LINES];
    struct vgpio_loop loop;
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[NREQ + NIRQ];
    struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
    uint64_t dma[VGPIO_DMA_SIZE(NREQ, NIRQ) / 8 + 1];
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    unsigned traces, interrupts;
} w;

static int bad;

static void check(const char *what, int got, int wanted)
{
    if (got != wanted) {
        printf("%s: got %d, wanted %d\n", what, got, wanted);
        bad = 1;
    }
}

static void trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    (void)ctx, (void)id, (void)a, (void)b;
    w.traces++;
}

static void device_runs(void)
{
    unsigned kicked = vgpio_loop_take_kicks(&w.loop), q;

    for (q = 0; q < 2; q++) {
        if ((kicked >> q & 1u) != 0) {
            check("kick", vgpio_dev_kick(&w.dev, q), 0);
        }
    }
    (void)vgpio_dev_take_events(&w.dev);
}

static int wait(void *ctx)
{
    (void)ctx;
    device_runs();
    return 0;
}

static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    (void)ctx;
    if (ev->kind == VGPIO_IRQ && ev->result >= 0 && ev->line == 0) {
        w.interrupts++;
    }
}

static void set_up(void)
{
    struct vgpio_sim_config sim = {0};
    struct vgpio_dev_config dev = {0};
    struct vgpio_drv_config drv = {0};

    sim.sink = vgpio_dev_sink(&w.dev);
    sim.lines = w.sim_lines;
    sim.nlines = LINES;
    check("vgpio_sim_init", vgpio_sim_init(&w.sim, &sim), 0);

    dev.ops = &vgpio_sim_ops;
    dev.ctx = &w.sim;
    dev.lines = w.lines;
    dev.ngpio = LINES;
    dev.reqs = w.reqs;
    dev.nreqs = NREQ;
    dev.trace = trace;
#if VGPIO_CFG_NAMES
    dev.names = names;
    dev.names_size = sizeof names;
#endif
    check("vgpio_dev_init", vgpio_dev_init(&w.dev, &dev), 0);

    /* Another address than ours, but the same place in a cache line. */
    w.region.gpa = 0x10000 + ((uintptr_t)w.dma & (VGPIO_DMA_ALIGN - 1));
    w.region.size = sizeof w.dma;
    w.region.hva = w.dma;
    w.table.region = &w.region;
    w.table.n = 1;
    w.mem.ops_size = sizeof w.mem;
    w.mem.ctx = &w.table;
    w.mem.map = vgpio_mem_table_map;
    check("vgpio_loop_init", vgpio_loop_init(&w.loop, vgpio_dev_vdev(&w.dev), &w.mem), 0);

    drv.bus = &vgpio_loop_bus_ops;
    drv.bus_ctx = &w.loop;
    drv.dma = w.dma;
    drv.dma_addr = w.region.gpa;
    drv.dma_size = sizeof w.dma;
    drv.slots = w.slots;
    drv.ring = w.ring;
    drv.nreq = NREQ;
    drv.nirq = NIRQ;
    check("vgpio_drv_init", vgpio_drv_init(&w.drv, &drv), 0);
    check("vgpio_drv_start", vgpio_drv_start(&w.drv), 0);
}

static void use_lines(struct vgpio_sync *sync)
{
    check("ngpio", vgpio_drv_ngpio(&w.drv), LINES);
    check("names", (int)vgpio_drv_names_size(&w.drv),
          VGPIO_CFG_NAMES * (int)sizeof names);
    check("pull", vgpio_sim_pull(&w.sim, 0, VGPIO_PULL_UP), 0);
    check("in", vgpio_sync_call(sync, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_IN), 0);
    check("get", vgpio_sync_call(sync, VGPIO_MSG_GET_VALUE, 0, 0), 1);
    check("set", vgpio_sync_call(sync, VGPIO_MSG_SET_VALUE, 1, 1), 0);
    check("out", vgpio_sync_call(sync, VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT), 0);
    check("level", vgpio_sim_level(&w.sim, 1), 1);
    check("dir", vgpio_sync_call(sync, VGPIO_MSG_GET_DIRECTION, 1, 0), VGPIO_DIR_OUT);
}

static void use_interrupt(struct vgpio_sync *sync)
{
    int armed = vgpio_sync_call(sync, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_FALLING);
#if VGPIO_CFG_IRQ
    check("irq type", armed, 0);
    check("unmask", vgpio_drv_unmask(&w.drv, 0), 0);
    check("flush", vgpio_drv_flush(&w.drv), 0);
    device_runs();
    check("pull", vgpio_sim_pull(&w.sim, 0, VGPIO_PULL_DOWN), 0);
    check("get", vgpio_sync_call(sync, VGPIO_MSG_GET_VALUE, 0, 0), 0);
    check("interrupts", (int)w.interrupts, 1);
#else
    check("irq type", armed, VGPIO_ERR_NOTSUP);
#endif
}

int main(void)
{
    struct vgpio_sync sync = {0};

    set_up();
    sync.ops_size = sizeof sync;
    sync.drv = &w.drv;
    sync.wait = wait;
    sync.on_event = on_event;
    use_lines(&sync);
    use_interrupt(&sync);
    check("traces come where they are compiled in", w.traces > 0, VGPIO_CFG_TRACE);
    check("vgpio_drv_stop", vgpio_drv_stop(&w.drv), 0);
    return bad;
}
