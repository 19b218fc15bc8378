/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver whose cache the device does not see. The driver, built with the hooks of
 * cache_config.h, works on one copy of the arena, the device (of the library, built
 * without) on another; between them there is nothing but lines that the hooks move, and
 * lines that a cache moves because it likes to: any one may be written back once it was
 * written to, or fetched anew while it was not. A hook too few, and somebody reads what
 * is old; two sides' bytes in one line, and somebody's are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/virtiogpio.h>

#include "mmio_shim.h"

#define LINE VGPIO_DMA_ALIGN
#define GPA UINT64_C(0x80000000)
#define NLINES 8u
#define NREQ 16u
#define NIRQ 4u
#define ARENA (VGPIO_DMA_SIZE(NREQ, NIRQ) / LINE * LINE + LINE)
#define NAMES_AT ARENA
#define SIZE (ARENA + 2 * LINE)

static struct {
    _Alignas(LINE) uint8_t cpu[SIZE]; /* what the driver sees */
    uint8_t ram[SIZE];                /* what the device sees */
    uint8_t same[SIZE];               /* of `cpu`, what RAM had or got */
    uint32_t seed;

    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_sim sim;
    struct vgpio_sim_line sim_lines[NLINES];
    struct vgpio_dev dev;
    struct vgpio_line lines[NLINES];
    struct vgpio_req reqs[NREQ];
    struct mmio_shim mmio;
    struct vgpio_mmio_bus bus;
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[NREQ + NIRQ];
    struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
} w;

/* ---- the cache ---- */

static unsigned toss(unsigned n)
{
    w.seed = w.seed * 1664525u + 1013904223u;
    return (w.seed >> 16) % n;
}

static int is_dirty(size_t at)
{
    return memcmp(w.cpu + at, w.same + at, LINE) != 0;
}

static void write_back(size_t at)
{
    if (is_dirty(at)) {
        memcpy(w.ram + at, w.cpu + at, LINE);
        memcpy(w.same + at, w.cpu + at, LINE);
    }
}

static void fetch(size_t at)
{
    memcpy(w.cpu + at, w.ram + at, LINE);
    memcpy(w.same + at, w.ram + at, LINE);
}

static void each_line(const void *p, size_t len, void (*f)(size_t at))
{
    size_t at = (size_t)((const uint8_t *)p - w.cpu), end = at + len;

    assert_true(at < SIZE && len <= SIZE - at);
    for (at = at / LINE * LINE; at < end; at += LINE) {
        f(at);
    }
}

void cache_clean(const void *p, size_t len)
{
    each_line(p, len, write_back);
}

static void drop(size_t at)
{
    assert_false(is_dirty(at)); /* what was written would be lost */
    fetch(at);
}

void cache_invalidate(const void *p, size_t len)
{
    each_line(p, len, drop);
}

/* A cache does as it likes. */
static void live(void)
{
    unsigned n = toss(6);

    while (n-- != 0) {
        size_t at = (size_t)toss(SIZE / LINE) * LINE;

        if (is_dirty(at)) {
            write_back(at);
        } else {
            fetch(at);
        }
    }
}

/* ---- registers, at an address where nothing is ---- */

static _Alignas(4) uint8_t registers[VGPIO_MMIO_SIZE];

/* As the bytes lie in the register, lowest first. */
static uint32_t little_endian(uint32_t v, unsigned size)
{
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
                    (uint8_t)(v >> 24)};
    uint16_t half;

    if (size == 4) {
        memcpy(&v, b, 4);
    } else if (size == 2) {
        memcpy(&half, b, 2);
        v = half;
    }
    return v;
}

uint32_t board_read(const volatile void *p, unsigned size)
{
    uint32_t off = (uint32_t)((uintptr_t)p - (uintptr_t)registers);

    return little_endian(mmio_shim_io.read(&w.mmio, off, size), size);
}

static void expect_clean(void);

void board_write(volatile void *p, uint32_t v)
{
    uint32_t off = (uint32_t)((uintptr_t)p - (uintptr_t)registers);

    if (off == VGPIO_MMIO_QUEUE_NOTIFY) {
        expect_clean(); /* nothing may be told of that is not there yet */
    }
    mmio_shim_io.write(&w.mmio, off, little_endian(v, 4));
}

/* ---- the world ---- */

static void make(uint64_t features, unsigned flags)
{
    static const uint8_t names[] = "a\0bc\0\0\0\0\0\0\0";
    struct vgpio_sim_config sc = {vgpio_dev_sink(&w.dev), w.sim_lines, NLINES, NULL,
                                  NULL};
    struct vgpio_dev_config dc;
    struct vgpio_drv_config rc;

    memset(&w, 0xa5, sizeof w);
    w.seed = 1;
    w.region = (struct vgpio_mem_region){GPA, SIZE, w.ram};
    w.table = (struct vgpio_mem_table){&w.region, 1};
    w.mem = (struct vgpio_mem){sizeof w.mem, &w.table, vgpio_mem_table_map, NULL, NULL};
    memset(&dc, 0, sizeof dc);
    dc.ops = &vgpio_sim_ops;
    dc.ctx = &w.sim;
    dc.lines = w.lines;
    dc.ngpio = NLINES;
    dc.reqs = w.reqs;
    dc.nreqs = NREQ;
    dc.names = names;
    dc.names_size = sizeof names - 1;
    assert_int_equal(vgpio_sim_init(&w.sim, &sc), 0);
    assert_int_equal(vgpio_dev_init(&w.dev, &dc), 0);
    mmio_shim_open(&w.mmio, vgpio_dev_vdev(&w.dev), &w.mem);
    w.mmio.nlog = 0; /* here comes a second one that looks for a device */
    assert_int_equal(vgpio_mmio_bus_init(&w.bus, registers), 0);
    memset(&rc, 0, sizeof rc);
    rc.bus = &vgpio_mmio_bus_ops;
    rc.bus_ctx = &w.bus;
    rc.dma = w.cpu;
    rc.dma_addr = GPA;
    rc.dma_size = ARENA;
    rc.slots = w.slots;
    rc.ring = w.ring;
    rc.nreq = NREQ;
    rc.nirq = NIRQ;
    rc.features = features;
    rc.flags = flags;
    assert_int_equal(vgpio_drv_init(&w.drv, &rc), 0);
    assert_int_equal(vgpio_drv_start(&w.drv), 0);
    /* Both sides write to one line of a packed ring. */
    assert_true((w.mmio.dev.driver_features & VGPIO_F_PACKED) == 0);
}

static void device_runs(void)
{
    live();
    mmio_shim_serve(&w.mmio);
    live();
    while (w.mmio.line && vgpio_mmio_bus_ack(&w.bus) != 0) {
    }
}

static void submit(unsigned type, uint16_t line, uint32_t value)
{
    assert_int_equal(vgpio_drv_submit(&w.drv, type, line, value, &w), 0);
    live();
}

/* All that was written is where the device sees it. */
static void expect_clean(void)
{
    size_t at;

    for (at = 0; at < SIZE; at += LINE) {
        assert_false(is_dirty(at));
    }
}

static void flush(void)
{
    assert_int_equal(vgpio_drv_flush(&w.drv), 0);
    expect_clean();
}

static void poll_one(struct vgpio_drv_event *ev)
{
    live();
    assert_int_equal(vgpio_drv_poll(&w.drv, ev), 1);
}

static void nothing_to_poll(void)
{
    struct vgpio_drv_event ev;

    live();
    assert_int_equal(vgpio_drv_poll(&w.drv, &ev), 0);
    assert_int_equal(vgpio_drv_rearm(&w.drv), 0);
    expect_clean();
}

/* ---- what works ---- */

static void requests(void)
{
    struct vgpio_drv_event ev;
    unsigned i, n = 1 + toss(NREQ);

    for (i = 0; i < n; i++) {
        submit(VGPIO_MSG_GET_VALUE, (uint16_t)toss(NLINES), 0);
    }
    flush();
    device_runs();
    for (i = 0; i < n; i++) {
        poll_one(&ev);
        assert_int_equal(ev.kind, VGPIO_DONE);
        assert_int_equal(ev.result, vgpio_sim_level(&w.sim, ev.line));
    }
    nothing_to_poll();
}

static void interrupt(uint16_t line)
{
    struct vgpio_drv_event ev;

    assert_int_equal(vgpio_drv_unmask(&w.drv, line), 0);
    flush();
    device_runs();
    nothing_to_poll();
    assert_int_equal(vgpio_sim_pull(&w.sim, line, !vgpio_sim_level(&w.sim, line)), 0);
    device_runs();
    poll_one(&ev);
    assert_int_equal(ev.kind, VGPIO_IRQ);
    assert_int_equal(ev.line, line);
    assert_int_equal(ev.result, 0);
    nothing_to_poll();
}

static void names(void)
{
    struct vgpio_drv_event ev;
    uint8_t *buf = w.cpu + NAMES_AT;

    memset(buf, 0x55, LINE);
    assert_int_equal(vgpio_drv_read_names(&w.drv, buf, GPA + NAMES_AT, LINE, NULL), 0);
    flush();
    device_runs();
    poll_one(&ev);
    assert_int_equal(ev.result, 11);
    assert_memory_equal(buf + 1, "a\0bc\0\0\0\0\0\0", 11);
}

static void work(uint64_t features, unsigned flags)
{
    struct vgpio_drv_event ev;
    uint16_t line;
    unsigned i;

    make(features, flags);
    for (line = 0; line < NIRQ; line++) {
        submit(VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH);
    }
    flush();
    device_runs();
    for (i = 0; i < NIRQ; i++) {
        poll_one(&ev);
        assert_int_equal(ev.result, 0);
    }
    for (i = 0; i < 2000; i++) {
        requests();
        interrupt((uint16_t)toss(NIRQ));
        if (i % 16 == 0) {
            names();
        }
    }
    assert_int_equal(vgpio_drv_stop(&w.drv), 0);
}

static void test_event_idx_and_indirect(void **state)
{
    (void)state;
    work(0, VGPIO_DRV_INDIRECT_REQUESTQ);
}

static void test_plain(void **state)
{
    (void)state;
    work(VGPIO_F_IRQ, 0);
}

static void test_by_default(void **state)
{
    (void)state;
    work(0, 0);
}

static void test_order_platform(void **state)
{
    (void)state;
    work(VGPIO_F_IRQ | VGPIO_F_ORDER_PLATFORM | VGPIO_F_EVENT_IDX,
         VGPIO_DRV_DIRECT_EVENTQ);
}

/* The device gives back the chain that was posted `i + 2` chains after the first. */
static void ring_answers(uint8_t *used, unsigned i, unsigned size)
{
    const uint8_t *avail = w.ram + VGPIO_DMA_UP(16u * size);
    uint8_t *e = used + 4 + 8 * (i % size);

    memset(e, 0, 8);
    e[0] = avail[4 + 2 * ((i + 2) % size)];
    e[4] = (uint8_t)(i + 1);
    used[2] = (uint8_t)(i + 1);
    used[3] = 0;
}

/* The queue by itself: chains over several cache lines, a table of its own, and the flag
 * of a device that does not want to be rung. */
static void test_queue(void **state)
{
    struct vgpio_seg seg[6];
    struct vgpio_drvq_slot books[32];
    struct vgpio_vq_setup vq = {0, 0, 0, VGPIO_F_VERSION_1 | VGPIO_F_INDIRECT,
                                8, 0, 0, 0};
    struct vgpio_drvq q;
    uint32_t data, written;
    uint16_t slot;
    uint8_t *flags;
    unsigned i;

    (void)state;
    memset(&w, 0xa5, sizeof w);
    for (i = 0; i < 6; i++) {
        seg[i] = (struct vgpio_seg){GPA + 0x100000 * i, i + 1};
    }
    vq.desc = GPA;
    assert_int_equal(vgpio_drvq_init(&q, w.cpu, books, &vq), 0);
    flags = w.ram + (vq.device - GPA);
    expect_clean();
    assert_int_equal(vgpio_drvq_add(&q, seg, 3, 3, 0), 0);
    assert_int_equal(vgpio_drvq_publish(&q, &data), 1);
    expect_clean();
    *flags = 1;
    assert_int_equal(
        vgpio_drvq_add_indirect(&q, w.cpu + NAMES_AT, GPA + NAMES_AT, seg, 2, 2, 1), 0);
    assert_int_equal(vgpio_drvq_publish(&q, &data), 0);
    expect_clean();
    *flags = 0;
    /* On, until the available ring is in its second line. */
    for (i = 0; i < 40; i++) {
        assert_int_equal(vgpio_drvq_add(&q, seg, 0, 1, 2), 0);
        assert_int_equal(vgpio_drvq_publish(&q, &data), 1);
        expect_clean();
        ring_answers(flags, i, vq.size);
        assert_int_equal(vgpio_drvq_get(&q, &slot, &written), 1);
        assert_int_equal(written, i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_event_idx_and_indirect),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_by_default),
        cmocka_unit_test(test_order_platform),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
