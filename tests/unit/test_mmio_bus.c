/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's side of virtio-mmio: what it does to registers in memory, to a device that
 * lies, and, through a whole driver, to this library's own device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mmio_regs.h"
#include "mmio_shim.h"
#include "world.h"

#define expect_ok(x) assert_int_equal((x), 0)
#define expect_eq(x, y) assert_int_equal((x), (y))

static const struct vgpio_bus_ops *const bus = &vgpio_mmio_bus_ops;

/* ---- registers that are memory ---- */

struct flat {
    _Alignas(8) uint8_t byte[VGPIO_MMIO_SIZE + 8];
    struct vgpio_mmio_bus bus;
};

static void put32(struct flat *f, uint32_t off, uint32_t v)
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        f->byte[off + i] = (uint8_t)(v >> 8 * i);
    }
}

static uint32_t get32(const struct flat *f, uint32_t off)
{
    return (uint32_t)f->byte[off] | (uint32_t)f->byte[off + 1] << 8 |
           (uint32_t)f->byte[off + 2] << 16 | (uint32_t)f->byte[off + 3] << 24;
}

static void flat_new(struct flat *f)
{
    memset(f, 0xa5, sizeof *f);
    put32(f, R_MAGIC, 0x74726976);
    put32(f, R_VERSION, 2);
    put32(f, R_DEVICE_ID, 41);
}

static void test_registers_are_little_endian(void **state)
{
    struct flat f;
    uint64_t features;
    uint32_t v;
    uint16_t max;
    uint8_t status;

    (void)state;
    flat_new(&f);
    expect_ok(vgpio_mmio_bus_init(&f.bus, f.byte));
    expect_ok(bus->device_id(&f.bus, &v));
    expect_eq(v, 41);
    put32(&f, R_DEVICE_FEATURES, 0x12345678);
    expect_ok(bus->get_features(&f.bus, &features));
    assert_true(features == 0x1234567812345678);
    expect_eq(get32(&f, R_DEVICE_FEATURES_SEL), 0);
    put32(&f, R_STATUS, 0x1234560b);
    expect_ok(bus->get_status(&f.bus, &status));
    expect_eq(status, 0x0b);
    expect_ok(bus->set_status(&f.bus, 0x83));
    expect_eq(get32(&f, R_STATUS), 0x83);
    put32(&f, R_CONFIG_GENERATION, 0x12345678);
    expect_ok(bus->config_gen(&f.bus, &v));
    expect_eq(v, 0x12345678);
    put32(&f, R_QUEUE_SIZE_MAX, 0x100);
    expect_ok(bus->queue_max(&f.bus, 0, &max));
    expect_eq(max, 0x100);
    put32(&f, R_QUEUE_SIZE_MAX, 0xffff0001);
    expect_ok(bus->queue_max(&f.bus, 1, &max));
    expect_eq(max, 32768);
    expect_eq(get32(&f, R_QUEUE_SEL), 1);
    expect_ok(bus->notify(&f.bus, 1, 0x80050001));
    expect_eq(get32(&f, R_QUEUE_NOTIFY), 0x80050001);
    put32(&f, R_INTERRUPT_STATUS, 0xfffffffe);
    expect_eq(vgpio_mmio_bus_ack(&f.bus), VGPIO_MMIO_CONFIG);
    expect_eq(get32(&f, R_INTERRUPT_ACK), VGPIO_MMIO_CONFIG);
}

static void test_config_of_any_shape(void **state)
{
    struct flat f;
    uint8_t got[12];
    uint32_t off, len;
    unsigned i;

    (void)state;
    flat_new(&f);
    for (i = 0; i < 24; i++) {
        f.byte[R_CONFIG + i] = (uint8_t)(i + 1);
    }
    expect_ok(vgpio_mmio_bus_init(&f.bus, f.byte));
    for (off = 0; off < 8; off++) {
        for (len = 0; len <= 8; len++) {
            memset(got, 0xee, sizeof got);
            expect_ok(bus->config_read(&f.bus, off, got, len));
            assert_memory_equal(got, f.byte + R_CONFIG + off, len);
            expect_eq(got[len], 0xee);
        }
    }
}

static void test_queue_registers(void **state)
{
    const struct vgpio_vq_setup vq = {
        0x1122334455667780, 0x99aabbccddeeff02, 0x0123456789abcdec, 0, 64, 0, 0, 0};
    struct flat f;

    (void)state;
    flat_new(&f);
    expect_ok(vgpio_mmio_bus_init(&f.bus, f.byte));
    put32(&f, R_QUEUE_READY, 0);
    put32(&f, R_QUEUE_SIZE_MAX, 64);
    expect_ok(bus->queue_start(&f.bus, 1, &vq));
    expect_eq(get32(&f, R_QUEUE_SEL), 1);
    expect_eq(get32(&f, R_QUEUE_SIZE), 64);
    expect_eq(get32(&f, R_QUEUE_DESC), 0x55667780);
    expect_eq(get32(&f, R_QUEUE_DESC + 4), 0x11223344);
    expect_eq(get32(&f, R_QUEUE_DRIVER), 0xddeeff02);
    expect_eq(get32(&f, R_QUEUE_DRIVER + 4), 0x99aabbcc);
    expect_eq(get32(&f, R_QUEUE_DEVICE), 0x89abcdec);
    expect_eq(get32(&f, R_QUEUE_DEVICE + 4), 0x01234567);
    expect_eq(get32(&f, R_QUEUE_READY), 1);
}

static void test_init_refuses_what_cannot_work(void **state)
{
    struct flat f;
    struct vgpio_mmio_io few = mmio_shim_io;

    (void)state;
    flat_new(&f);
    expect_eq(vgpio_mmio_bus_init(&f.bus, NULL), VGPIO_ERR_INVAL);
    expect_eq(vgpio_mmio_bus_init(&f.bus, f.byte + 2), VGPIO_ERR_INVAL);
    expect_eq(vgpio_mmio_bus_init_io(&f.bus, NULL, NULL), VGPIO_ERR_INVAL);
    put32(&f, R_MAGIC, 0);
    expect_eq(vgpio_mmio_bus_init(&f.bus, f.byte), VGPIO_ERR_IO);
    few.ops_size = offsetof(struct vgpio_mmio_io, write);
    expect_eq(vgpio_mmio_bus_init_io(&f.bus, &few, NULL), VGPIO_ERR_ABI);
    few = mmio_shim_io;
    few.read = NULL;
    expect_eq(vgpio_mmio_bus_init_io(&f.bus, &few, NULL), VGPIO_ERR_ABI);
    few = mmio_shim_io;
    few.write = NULL;
    expect_eq(vgpio_mmio_bus_init_io(&f.bus, &few, NULL), VGPIO_ERR_ABI);
    expect_eq(
        vgpio_mmio_bus_init_abi(&f.bus, f.byte, VGPIO_ABI(sizeof f.bus - 1, 0, 0, 0)),
        VGPIO_ERR_ABI);
    expect_eq(vgpio_mmio_bus_init_io_abi(&f.bus, &mmio_shim_io, NULL,
                                         VGPIO_ABI(sizeof f.bus - 1, 0, 0, 0)),
              VGPIO_ERR_ABI);
}

/* ---- a device of which each register says what the test wants ---- */

struct liar {
    uint32_t reg[VGPIO_MMIO_SIZE / 4];
    uint64_t honest[VGPIO_MMIO_SIZE / 4 / 64]; /* a bit a register: writes stick */
    uint32_t random;                           /* if not 0: any bit may be any other */
    unsigned reads, writes;
    uint32_t last_read, last_write, last_value;
    struct vgpio_mmio_bus bus;
};

static uint32_t toss(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static uint32_t liar_read(void *ctx, uint32_t off, unsigned size)
{
    struct liar *l = ctx;
    uint32_t v = l->reg[off / 4] >> off % 4 * 8;

    assert_true(off < VGPIO_MMIO_SIZE && off % size == 0);
    l->reads++;
    l->last_read = off;
    if (l->random != 0 && toss(&l->random) % 4 == 0) {
        v ^= toss(&l->random) & toss(&l->random);
    }
    return v;
}

static void liar_write(void *ctx, uint32_t off, uint32_t v)
{
    struct liar *l = ctx;

    assert_true(off < R_CONFIG && off % 4 == 0);
    l->writes++;
    l->last_write = off;
    l->last_value = v;
    if ((l->honest[off / 256] & UINT64_C(1) << off / 4 % 64) != 0) {
        l->reg[off / 4] = v;
    }
}

static const struct vgpio_mmio_io liar_io = {sizeof liar_io, liar_read, liar_write};

static void liar_new(struct liar *l)
{
    memset(l, 0, sizeof *l);
    l->reg[R_MAGIC / 4] = 0x74726976;
    l->reg[R_VERSION / 4] = 2;
    l->reg[R_DEVICE_ID / 4] = 41;
    l->reg[R_DEVICE_FEATURES / 4] = 1; /* in both banks: VERSION_1 and F_IRQ */
    l->reg[R_QUEUE_SIZE_MAX / 4] = 64;
    l->reg[R_CONFIG / 4] = 16;
    l->honest[R_STATUS / 256] |= UINT64_C(1) << R_STATUS / 4;
    memset(&l->bus, 0xa5, sizeof l->bus); /* init is to set it all */
}

static void test_probe_order(void **state)
{
    static const struct {
        uint32_t off, wrong;
        int err;
    } step[] = {{R_MAGIC, 0x76697274, VGPIO_ERR_IO}, {R_MAGIC, 0, VGPIO_ERR_IO},
                {R_MAGIC, 0xffffffff, VGPIO_ERR_IO}, {R_VERSION, 1, VGPIO_ERR_NOTSUP},
                {R_VERSION, 3, VGPIO_ERR_NOTSUP},    {R_DEVICE_ID, 0, VGPIO_ERR_STATE}};
    struct liar l;
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof step / sizeof *step; i++) {
        liar_new(&l);
        l.reg[step[i].off / 4] = step[i].wrong;
        expect_eq(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l), step[i].err);
        expect_eq(l.last_read, step[i].off); /* and nothing after it */
        expect_eq(l.reads, step[i].off / 4 + 1);
        expect_eq(l.writes, 0);
    }
    liar_new(&l);
    l.reg[R_DEVICE_ID / 4] = 1; /* somebody else's: that is for the driver to say */
    expect_ok(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l));
    expect_eq(l.reads, 3);
    expect_eq(l.writes, 0);
}

static void test_interrupts_without_cause(void **state)
{
    struct liar l;
    unsigned i;

    (void)state;
    liar_new(&l);
    expect_ok(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l));
    for (i = 0; i < 100; i++) {
        expect_eq(vgpio_mmio_bus_ack(&l.bus), 0);
    }
    l.reg[R_INTERRUPT_STATUS / 4] = 0xfffffffc; /* causes that nobody knows */
    expect_eq(vgpio_mmio_bus_ack(&l.bus), 0);
    expect_eq(l.writes, 0);
    l.reg[R_INTERRUPT_STATUS / 4] = 0xffffffff;
    expect_eq(vgpio_mmio_bus_ack(&l.bus), VGPIO_MMIO_USED | VGPIO_MMIO_CONFIG);
    expect_eq(l.last_write, R_INTERRUPT_ACK);
    expect_eq(l.last_value, VGPIO_MMIO_USED | VGPIO_MMIO_CONFIG);
}

static void test_a_queue_that_is_not_taken(void **state)
{
    struct liar l;
    struct vgpio_vq_setup vq = {0x1000, 0x2000, 0x3000, 0, 64, 0, 0, 0};

    (void)state;
    liar_new(&l);
    expect_ok(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l));
    l.reg[R_QUEUE_READY / 4] = 1;
    expect_eq(bus->queue_start(&l.bus, 0, &vq), VGPIO_ERR_STATE);
    expect_eq(l.writes, 1); /* the selection; no address, no size */
    l.reg[R_QUEUE_READY / 4] = 0;
    l.reg[R_QUEUE_SIZE_MAX / 4] = 63; /* it shrank */
    expect_eq(bus->queue_start(&l.bus, 0, &vq), VGPIO_ERR_NOTSUP);
    expect_eq(l.writes, 2);
    l.reg[R_QUEUE_SIZE_MAX / 4] = 64;
    expect_eq(bus->queue_start(&l.bus, 0, &vq), VGPIO_ERR_IO); /* reads 0 again */
    l.honest[R_QUEUE_READY / 256] |= UINT64_C(1) << R_QUEUE_READY / 4;
    expect_ok(bus->queue_start(&l.bus, 0, &vq));
}

static void test_queue_stop_has_patience(void **state)
{
    struct liar l;

    (void)state;
    liar_new(&l);
    expect_ok(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l));
    l.reg[R_QUEUE_READY / 4] = 1;
    expect_eq(bus->queue_stop(&l.bus, 0), 1);
    expect_eq(l.last_write, R_QUEUE_READY);
    expect_eq(l.last_value, 0);
    expect_eq(bus->queue_stop(&l.bus, 0), 1);
    l.reg[R_QUEUE_READY / 4] = 0;
    expect_ok(bus->queue_stop(&l.bus, 0));
    expect_eq(l.last_read, R_QUEUE_READY);

    expect_ok(bus->set_features(&l.bus, VGPIO_F_VERSION_1 | VGPIO_F_RING_RESET));
    l.reg[R_QUEUE_RESET / 4] = 1;
    expect_eq(bus->queue_stop(&l.bus, 1), 1);
    expect_eq(l.last_write, R_QUEUE_RESET);
    expect_eq(l.last_value, 1);
    expect_eq(bus->queue_stop(&l.bus, 1), 1);
    expect_eq(l.last_write, R_QUEUE_SEL); /* it was asked for once */
    l.reg[R_QUEUE_RESET / 4] = 0;
    expect_ok(bus->queue_stop(&l.bus, 1));
    expect_eq(l.last_read, R_QUEUE_RESET);
    l.reg[R_QUEUE_RESET / 4] = 1;
    expect_eq(bus->queue_stop(&l.bus, 1), 1); /* and again for the next reset */
    expect_eq(l.last_write, R_QUEUE_RESET);
    expect_ok(bus->set_status(&l.bus, 0));
    expect_eq(bus->queue_stop(&l.bus, 1), 1); /* a device reset ends them all */
    expect_eq(l.last_write, R_QUEUE_RESET);
}

/* ---- a driver on a device that lies ---- */

static int start_on(struct liar *l, struct world *w)
{
    w->rc.bus = bus;
    w->rc.bus_ctx = &l->bus;
    expect_ok(vgpio_drv_init(&w->drv, &w->rc));
    return vgpio_drv_start(&w->drv);
}

static void test_a_driver_on_a_device_that_lies(void **state)
{
    struct world w;
    struct liar l;
    unsigned i;

    (void)state;
    world_new(&w);
    liar_new(&l);
    expect_ok(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l));
    expect_eq(start_on(&l, &w), VGPIO_ERR_IO); /* its queues are never ready */
    expect_eq(l.last_write, R_STATUS);
    expect_eq(l.last_value & VGPIO_S_FAILED, VGPIO_S_FAILED);
    l.honest[R_QUEUE_READY / 256] |= UINT64_C(1) << R_QUEUE_READY / 4;
    expect_eq(start_on(&l, &w), VGPIO_ERR_STATE); /* the second one was ready before */

    l.honest[R_STATUS / 256] &= ~(UINT64_C(1) << R_STATUS / 4);
    l.reg[R_STATUS / 4] = 0x40; /* a reset that never ends */
    for (i = 0; i < 100; i++) {
        expect_eq(i == 0 ? start_on(&l, &w) : vgpio_drv_start(&w.drv), 1);
    }
    l.reg[R_STATUS / 4] = 0; /* FEATURES_OK does not stay */
    expect_eq(vgpio_drv_start(&w.drv), VGPIO_ERR_NOTSUP);
    l.reg[R_QUEUE_SIZE_MAX / 4] = 0;
    l.honest[R_STATUS / 256] |= UINT64_C(1) << R_STATUS / 4;
    expect_eq(start_on(&l, &w), VGPIO_ERR_NOTSUP); /* no queue */
    l.reg[R_DEVICE_ID / 4] = 42;
    expect_eq(start_on(&l, &w), VGPIO_ERR_NOTSUP); /* another one in its place */
    world_free(&w);
}

/* Registers and rings that say anything, at any time: an error code, or success, but
 * every call returns, and each request comes back. */
static void test_a_driver_on_a_device_that_raves(void **state)
{
    struct world w;
    struct liar l;
    struct vgpio_drv_event ev;
    unsigned round, i, started = 0;
    uint32_t seed = 7;

    (void)state;
    world_new(&w);
    for (round = 0; round < 3000; round++) {
        unsigned asked = 0, back = 0;

        liar_new(&l);
        l.honest[R_QUEUE_READY / 256] |= UINT64_C(1) << R_QUEUE_READY / 4;
        expect_ok(vgpio_mmio_bus_init_io(&l.bus, &liar_io, &l));
        l.random = round % 3 == 0 ? 0 : toss(&seed);
        if (start_on(&l, &w) != 0) {
            l.reg[R_QUEUE_READY / 4] = 0; /* so that the second queue starts, too */
        }
        for (i = 0; i < 50; i++) {
            if (vgpio_drv_start(&w.drv) == 0) {
                started++;
            }
            asked +=
                vgpio_drv_submit(&w.drv, toss(&seed) % 7, (uint16_t)(toss(&seed) % 20),
                                 toss(&seed) % 5, &w) == 0;
            (void)vgpio_drv_unmask(&w.drv, (uint16_t)(toss(&seed) % 20));
            (void)vgpio_drv_flush(&w.drv);
            w.m.device[toss(&seed) % w.rc.dma_size] = (uint8_t)toss(&seed);
            (void)vgpio_mmio_bus_ack(&l.bus);
            (void)vgpio_drv_config_changed(&w.drv);
            while (vgpio_drv_poll(&w.drv, &ev) > 0) {
                back += ev.kind == VGPIO_DONE;
            }
            (void)vgpio_drv_rearm(&w.drv);
            if (i % 16 == 15) {
                (void)vgpio_drv_stop(&w.drv);
            }
        }
        l.random = 0;
        expect_ok(vgpio_drv_stop(&w.drv));
        while (vgpio_drv_poll(&w.drv, &ev) > 0) {
            back += ev.kind == VGPIO_DONE;
        }
        expect_eq(asked, back);
    }
    assert_true(started > 1000); /* it was not all in vain */
    world_free(&w);
}

/* ---- both sides joined ---- */

struct joined {
    struct world w;
    struct mmio_shim s;
};

static int joined_setup(void **state)
{
    struct joined *j = malloc(sizeof *j);

    assert_non_null(j);
    world_new(&j->w);
    expect_ok(world_make_dev(&j->w));
    mmio_shim_open(&j->s, j->w.dev, &j->w.m.mem);
    j->w.rc.bus = bus;
    j->w.rc.bus_ctx = &j->s.bus;
    expect_ok(vgpio_drv_init(&j->w.drv, &j->w.rc));
    *state = j;
    return 0;
}

static int joined_teardown(void **state)
{
    struct joined *j = *state;

    world_free(&j->w);
    free(j);
    return 0;
}

/* The device's turn, while the driver sleeps; says why it wakes. */
static uint32_t serve(struct joined *j)
{
    (void)vgpio_drv_rearm(&j->w.drv);
    twomap_turn(&j->w.m, TWOMAP_DEVICE);
    mmio_shim_serve(&j->s);
    twomap_turn(&j->w.m, TWOMAP_DRIVER);
    return mmio_shim_isr(&j->s);
}

static int call(struct joined *j, unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_drv_event ev;
    int err = vgpio_drv_submit(&j->w.drv, type, line, value, j);

    if (err < 0) {
        return err;
    }
    expect_ok(vgpio_drv_flush(&j->w.drv));
    expect_eq(serve(j), VGPIO_MMIO_USED);
    expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 1);
    expect_eq(ev.kind, VGPIO_DONE);
    assert_ptr_equal(ev.cookie, j);
    return ev.result;
}

static void pull(struct joined *j, uint16_t line, unsigned level)
{
    twomap_turn(&j->w.m, TWOMAP_DEVICE);
    expect_ok(vgpio_sim_pull(&j->w.sim, line, level));
    j->s.line = vgpio_mmio_dev_irq(&j->s.dev);
    twomap_turn(&j->w.m, TWOMAP_DRIVER);
}

static void start(struct joined *j)
{
    twomap_turn(&j->w.m, TWOMAP_BOTH); /* both touch their rings in here */
    expect_ok(vgpio_drv_start(&j->w.drv));
    twomap_turn(&j->w.m, TWOMAP_DRIVER);
}

static void test_lines_over_registers(void **state)
{
    struct joined *j = *state;
    struct vgpio_drv_event ev;
    unsigned i;

    start(j);
    expect_eq(vgpio_drv_ngpio(&j->w.drv), WORLD_LINES);
    expect_eq(vgpio_drv_names_size(&j->w.drv), j->w.names_size);
    pull(j, 5, 1);
    expect_eq(call(j, VGPIO_MSG_GET_VALUE, 5, 0), 1);
    expect_eq(call(j, VGPIO_MSG_SET_VALUE, 0, 1), 0);
    expect_eq(call(j, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT), 0);
    expect_eq(vgpio_sim_level(&j->w.sim, 0), 1);
    expect_eq(call(j, VGPIO_MSG_SET_IRQ_TYPE, 5, VGPIO_IRQ_EDGE_BOTH), 0);
    for (i = 0; i < 100; i++) {
        expect_ok(vgpio_drv_unmask(&j->w.drv, 5));
        expect_ok(vgpio_drv_flush(&j->w.drv));
        expect_eq(serve(j), 0);
        pull(j, 5, i & 1u);
        expect_eq(mmio_shim_isr(&j->s), VGPIO_MMIO_USED);
        expect_eq(mmio_shim_isr(&j->s), 0);
        expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 1);
        expect_eq(ev.kind, VGPIO_IRQ);
        expect_eq(ev.line, 5);
        expect_eq(ev.result, 0);
        expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 0);
    }
}

/* An event between the acknowledgement and the end of the poll interrupts again. */
static void test_no_event_is_lost_behind_an_acknowledgement(void **state)
{
    struct joined *j = *state;
    struct vgpio_drv_event ev;

    start(j);
    expect_eq(call(j, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING), 0);
    expect_eq(call(j, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_RISING), 0);
    expect_ok(vgpio_drv_unmask(&j->w.drv, 1));
    expect_ok(vgpio_drv_unmask(&j->w.drv, 2));
    expect_ok(vgpio_drv_flush(&j->w.drv));
    expect_eq(serve(j), 0);
    pull(j, 1, 1);
    expect_eq(mmio_shim_isr(&j->s), VGPIO_MMIO_USED);
    expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 1);
    expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 0);
    expect_eq(vgpio_drv_rearm(&j->w.drv), 0);
    pull(j, 2, 1);
    expect_eq(j->s.line, 1);
    expect_eq(mmio_shim_isr(&j->s), VGPIO_MMIO_USED);
    expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 1);
    expect_eq(ev.line, 2);
}

static void test_names_over_registers(void **state)
{
    struct joined *j = *state;
    struct vgpio_drv_event ev;
    uint8_t *buf = j->w.m.driver + WORLD_NAMES_AT;

    start(j);
    expect_ok(
        vgpio_drv_read_names(&j->w.drv, buf, TWOMAP_GPA + WORLD_NAMES_AT, 0x1000, NULL));
    expect_ok(vgpio_drv_flush(&j->w.drv));
    expect_eq(serve(j), VGPIO_MMIO_USED);
    expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 1);
    expect_eq(ev.result, j->w.names_size);
    assert_memory_equal(buf + 1, j->w.names, j->w.names_size);
}

static void test_start_and_stop_again(void **state)
{
    struct joined *j = *state;
    struct vgpio_drv_event ev;
    unsigned i;

    for (i = 0; i < 20; i++) {
        start(j);
        expect_eq(call(j, VGPIO_MSG_GET_VALUE, 3, 0), 0);
        expect_ok(vgpio_drv_submit(&j->w.drv, VGPIO_MSG_GET_VALUE, 1, 0, &ev));
        expect_ok(vgpio_drv_flush(&j->w.drv));
        twomap_turn(&j->w.m, TWOMAP_BOTH);
        expect_ok(vgpio_drv_stop(&j->w.drv));
        twomap_turn(&j->w.m, TWOMAP_DRIVER); /* the arena is the driver's again */
        expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 1);
        expect_eq(ev.result, VGPIO_ERR_STALE);
        mmio_shim_serve(&j->s);
        expect_eq(j->s.line, 0);
    }
}

static void test_a_broken_device_over_registers(void **state)
{
    struct joined *j = *state;
    struct vgpio_drv_event ev;

    start(j);
    twomap_turn(&j->w.m, TWOMAP_BOTH);
    world_break_avail(&j->w, 0);
    (void)vgpio_mmio_dev_write(&j->s.dev, R_QUEUE_NOTIFY, 4, 0);
    expect_eq(vgpio_mmio_dev_kick(&j->s.dev, 0), VGPIO_ERR_PROTO);
    j->s.line = vgpio_mmio_dev_irq(&j->s.dev);
    expect_eq(mmio_shim_isr(&j->s), VGPIO_MMIO_CONFIG);
    expect_eq(vgpio_drv_config_changed(&j->w.drv), VGPIO_ERR_BROKEN);
    expect_eq(vgpio_drv_flush(&j->w.drv), VGPIO_ERR_BROKEN);
    expect_ok(vgpio_drv_stop(&j->w.drv));
    expect_eq(vgpio_drv_poll(&j->w.drv, &ev), 0);
    start(j);
    expect_eq(call(j, VGPIO_MSG_GET_VALUE, 3, 0), 0);
}

/* Both ways to take a queue out of use, through the seam: no driver of this library does
 * that, for it resets the device. */
static void queue_goes_and_comes(struct joined *j)
{
    struct vgpio_vq_setup vq = j->s.dev.vq[0];

    twomap_turn(&j->w.m, TWOMAP_BOTH);
    expect_ok(bus->queue_stop(&j->s.bus, 0));
    expect_ok(bus->queue_stop(&j->s.bus, 0));
    expect_eq(vgpio_mmio_dev_kick(&j->s.dev, 0), 0);
    memset(j->w.m.device + (vq.desc - TWOMAP_GPA), 0, 0x200);
    j->s.kicks = 0;
    expect_ok(bus->queue_start(&j->s.bus, 0, &vq));
    expect_eq(j->s.kicks, 1);
    expect_eq(bus->queue_start(&j->s.bus, 0, &vq), VGPIO_ERR_STATE);
    mmio_shim_serve(&j->s);
    expect_eq(vgpio_mmio_dev_read(&j->s.dev, R_STATUS, 4), 0x0f);
}

static void test_a_queue_goes_and_comes(void **state)
{
    struct joined *j = *state;

    start(j);
    queue_goes_and_comes(j);
    expect_eq(mmio_shim_count(&j->s, R_QUEUE_RESET, 1), 0);
    twomap_turn(&j->w.m, TWOMAP_BOTH);
    expect_ok(vgpio_drv_stop(&j->w.drv));
    start(j);
    j->s.dev.driver_features |= VGPIO_F_RING_RESET; /* as if it had been negotiated */
    j->s.bus.ring_reset = 1;
    queue_goes_and_comes(j);
    assert_true(mmio_shim_count(&j->s, R_QUEUE_RESET, 1) > 0);
}

static void test_notification_data(void **state)
{
    struct joined *j = *state;
    unsigned i;

    expect_ok(vgpio_mmio_dev_set_features(&j->s.dev, VGPIO_F_NOTIFICATION_DATA));
    start(j);
    for (i = 0; i < 40; i++) {
        expect_eq(call(j, VGPIO_MSG_GET_VALUE, 3, 0), 0);
    }
    for (i = 0; j->s.log[i].off != R_QUEUE_NOTIFY; i++) {
    }
    assert_true((j->s.log[i].value >> 16) != 0); /* the position is in it */
}

/* Control registers by 32 bits, and each field of the configuration by its own width; the
 * shim holds every access against the rules. */
static void test_what_the_driver_touched(void **state)
{
    struct joined *j = *state;
    unsigned i, n16 = 0, n32 = 0;

    start(j);
    expect_eq(call(j, VGPIO_MSG_GET_VALUE, 3, 0), 0);
    for (i = 0; i < j->s.nlog; i++) {
        const struct mmio_access *a = &j->s.log[i];

        n16 += a->off == R_CONFIG && a->size == 2;
        n32 += a->off == R_CONFIG + 4 && a->size == 4;
        assert_true(a->off < R_CONFIG || n16 + n32 > 0);
    }
    expect_eq(n16, 1);
    expect_eq(n32, 1);
    expect_eq(mmio_shim_count(&j->s, R_CONFIG_GENERATION, 0), 2);
    expect_eq(mmio_shim_count(&j->s, R_QUEUE_NOTIFY, 1), 1);
}

#define joined(test) cmocka_unit_test_setup_teardown(test, joined_setup, joined_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers_are_little_endian),
        cmocka_unit_test(test_config_of_any_shape),
        cmocka_unit_test(test_queue_registers),
        cmocka_unit_test(test_init_refuses_what_cannot_work),
        cmocka_unit_test(test_probe_order),
        cmocka_unit_test(test_interrupts_without_cause),
        cmocka_unit_test(test_a_queue_that_is_not_taken),
        cmocka_unit_test(test_queue_stop_has_patience),
        cmocka_unit_test(test_a_driver_on_a_device_that_lies),
        cmocka_unit_test(test_a_driver_on_a_device_that_raves),
        joined(test_lines_over_registers),
        joined(test_no_event_is_lost_behind_an_acknowledgement),
        joined(test_names_over_registers),
        joined(test_start_and_stop_again),
        joined(test_a_broken_device_over_registers),
        joined(test_a_queue_goes_and_comes),
        joined(test_notification_data),
        joined(test_what_the_driver_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
