/* SPDX-License-Identifier: BSD-3-Clause */
#include "mmio_shim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mmio_regs.h"

static void note(struct mmio_shim *s, uint32_t off, unsigned size, int write, uint32_t v)
{
    struct mmio_access *a = &s->log[s->nlog++ % MMIO_SHIM_LOG];

    a->off = off;
    a->size = (uint8_t)size;
    a->write = (uint8_t)write;
    a->value = v;
}

static int may_read(uint32_t off)
{
    switch (off) {
    case R_MAGIC:
    case R_VERSION:
    case R_DEVICE_ID:
    case R_DEVICE_FEATURES:
    case R_QUEUE_SIZE_MAX:
    case R_QUEUE_READY:
    case R_INTERRUPT_STATUS:
    case R_STATUS:
    case R_QUEUE_RESET:
    case R_CONFIG_GENERATION:
        return 1;
    default:
        return 0;
    }
}

static int may_write(uint32_t off)
{
    switch (off) {
    case R_DEVICE_FEATURES_SEL:
    case R_DRIVER_FEATURES:
    case R_DRIVER_FEATURES_SEL:
    case R_QUEUE_SEL:
    case R_QUEUE_SIZE:
    case R_QUEUE_READY:
    case R_QUEUE_NOTIFY:
    case R_INTERRUPT_ACK:
    case R_STATUS:
    case R_QUEUE_DESC:
    case R_QUEUE_DESC + 4:
    case R_QUEUE_DRIVER:
    case R_QUEUE_DRIVER + 4:
    case R_QUEUE_DEVICE:
    case R_QUEUE_DEVICE + 4:
    case R_QUEUE_RESET:
        return 1;
    default:
        return 0;
    }
}

/* Magic, Version, DeviceID come first, before any write. */
static void check_order(struct mmio_shim *s, uint32_t off, int write)
{
    if (s->nlog < 3) {
        assert_false(write);
        assert_int_equal(off, 4u * s->nlog);
    }
}

static void check_read(struct mmio_shim *s, uint32_t off, unsigned size)
{
    check_order(s, off, 0);
    if (off < R_CONFIG) {
        assert_int_equal(size, 4);
        assert_true(may_read(off));
        assert_true(off != R_DEVICE_FEATURES || s->sel_seen != 0);
    } else {
        assert_true(size == 1 || size == 2 || size == 4);
        assert_int_equal(off % size, 0);
    }
}

/* What the driver may do depends on what the device showed it. */
static void check_write(struct mmio_shim *s, uint32_t off, uint32_t v)
{
    uint32_t status = vgpio_mmio_dev_read(&s->dev, R_STATUS, 4);

    check_order(s, off, 1);
    assert_true(may_write(off));
    switch (off) {
    case R_DRIVER_FEATURES:
        assert_false(status & VGPIO_S_FEATURES_OK);
        break;
    case R_INTERRUPT_ACK:
        assert_int_equal(v & ~s->isr_seen, 0);
        assert_int_not_equal(v, 0);
        break;
    case R_QUEUE_NOTIFY:
        assert_true(status & VGPIO_S_DRIVER_OK);
        break;
    case R_QUEUE_SIZE:
        assert_true(v <= s->queue_max);
        assert_int_equal(s->queue_ready, 0);
        break;
    case R_STATUS: /* bits are never cleared but by a reset */
        assert_true(v == 0 || (status & ~v & ~(uint32_t)VGPIO_S_NEEDS_RESET) == 0);
        break;
    default:
        assert_true(off < R_QUEUE_DESC || off >= R_QUEUE_RESET || s->queue_ready == 0);
        break;
    }
}

static uint32_t shim_read(void *ctx, uint32_t off, unsigned size)
{
    struct mmio_shim *s = ctx;
    uint32_t v;

    check_read(s, off, size);
    v = vgpio_mmio_dev_read(&s->dev, off, size);
    s->line = vgpio_mmio_dev_irq(&s->dev);
    note(s, off, size, 0, v);
    if (off == R_INTERRUPT_STATUS) {
        s->isr_seen = v;
    } else if (off == R_QUEUE_SIZE_MAX) {
        s->queue_max = v;
    } else if (off == R_QUEUE_READY) {
        s->queue_ready = v;
    }
    return v;
}

static void shim_write(void *ctx, uint32_t off, uint32_t v)
{
    struct mmio_shim *s = ctx;

    check_write(s, off, v);
    note(s, off, 4, 1, v);
    s->kicks |= vgpio_mmio_dev_write(&s->dev, off, 4, v);
    s->line = vgpio_mmio_dev_irq(&s->dev);
    if (off == R_DEVICE_FEATURES_SEL) {
        s->sel_seen = 1;
    } else if (off == R_QUEUE_SEL) {
        s->queue_max = 0; /* that was another queue's */
        s->queue_ready = 1;
    } else if (off == R_QUEUE_READY) {
        s->queue_ready = v;
    }
}

const struct vgpio_mmio_io mmio_shim_io = {sizeof mmio_shim_io, shim_read, shim_write};

void mmio_shim_open(struct mmio_shim *s, struct vgpio_vdev vdev,
                    const struct vgpio_mem *mem)
{
    memset(s, 0xa5, sizeof *s);
    s->line = 0;
    s->kicks = 0;
    s->nlog = 0;
    s->sel_seen = 0;
    s->isr_seen = 0;
    s->vdev = vdev;
    assert_int_equal(vgpio_mmio_dev_init(&s->dev, vdev, mem), 0);
    assert_int_equal(vgpio_mmio_bus_init_io(&s->bus, &mmio_shim_io, s), 0);
}

void mmio_shim_serve(struct mmio_shim *s)
{
    unsigned q;

    s->kicks |= vgpio_mmio_dev_take_kicks(&s->dev);
    while (s->kicks != 0) {
        for (q = 0; q < VGPIO_MMIO_QUEUES; q++) {
            if ((s->kicks >> q & 1u) != 0) {
                (void)vgpio_mmio_dev_kick(&s->dev, q);
            }
        }
        s->kicks = vgpio_mmio_dev_take_kicks(&s->dev);
    }
    s->line = vgpio_mmio_dev_irq(&s->dev);
}

uint32_t mmio_shim_isr(struct mmio_shim *s)
{
    return s->line ? vgpio_mmio_bus_ack(&s->bus) : 0;
}

unsigned mmio_shim_count(const struct mmio_shim *s, uint32_t off, int write)
{
    unsigned i, n = 0;

    for (i = 0; i < s->nlog && i < MMIO_SHIM_LOG; i++) {
        n += s->log[i].off == off && s->log[i].write == write;
    }
    return n;
}
