/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-mmio, guest side: the bus of a driver. What the registers say is the device's
 * word only: whatever they read as, no loop here waits for them. */
#include <virtiogpio/mmio.h>
#include <virtiogpio/wire.h>

#include "internal.h"
#include "mmio_regs.h"
#include "port.h"

#define CAUSES (VGPIO_MMIO_USED | VGPIO_MMIO_CONFIG)

static uint32_t rd(const struct vgpio_mmio_bus *b, uint32_t off, unsigned size)
{
    const volatile uint8_t *p = (const volatile uint8_t *)b->base + off;

    if (VGPIO_CFG_MMIO_IO && b->io != NULL) {
        return b->io->read(b->io_ctx, off, size);
    }
    switch (size) {
    case 1:
        return VGPIO_MMIO_READ8(p);
    case 2:
        return port_le16(VGPIO_MMIO_READ16(p));
    default:
        return port_le32(VGPIO_MMIO_READ32(p));
    }
}

static uint32_t rd32(const struct vgpio_mmio_bus *b, uint32_t off)
{
    return rd(b, off, 4);
}

static void wr32(const struct vgpio_mmio_bus *b, uint32_t off, uint32_t v)
{
    if (VGPIO_CFG_MMIO_IO && b->io != NULL) {
        b->io->write(b->io_ctx, off, v);
    } else {
        VGPIO_MMIO_WRITE32((volatile uint8_t *)b->base + off, port_le32(v));
    }
}

/* ---- finding a device ---- */

static int probe(const struct vgpio_mmio_bus *b)
{
    if (rd32(b, R_MAGIC) != MMIO_MAGIC) {
        return VGPIO_ERR_IO;
    }
    if (rd32(b, R_VERSION) != MMIO_VERSION) {
        return VGPIO_ERR_NOTSUP;
    }
    return rd32(b, R_DEVICE_ID) != 0 ? VGPIO_OK : VGPIO_ERR_STATE;
}

int vgpio_mmio_bus_init_abi(struct vgpio_mmio_bus *b, volatile void *base, uint64_t abi)
{
    if (vgpio_abi_size(abi, 0) < sizeof *b) {
        return VGPIO_ERR_ABI;
    }
    if (base == NULL || ((uintptr_t)base & 3u) != 0) {
        return VGPIO_ERR_INVAL;
    }
    b->base = base;
    if (VGPIO_CFG_MMIO_IO) {
        b->io = NULL;
    }
    if (VGPIO_CFG_QUEUE_STOP) {
        b->ring_reset = b->resetting = 0;
    }
    return probe(b);
}

int vgpio_mmio_bus_init_io_abi(struct vgpio_mmio_bus *b, const struct vgpio_mmio_io *io,
                               void *ctx, uint64_t abi)
{
#if VGPIO_CFG_MMIO_IO
    if (vgpio_abi_size(abi, 0) < sizeof *b) {
        return VGPIO_ERR_ABI;
    }
    if (io == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (VGPIO_OP(io, struct vgpio_mmio_io, write) == NULL || io->read == NULL) {
        return VGPIO_ERR_ABI;
    }
    memset(b, 0, sizeof *b);
    b->io = io;
    b->io_ctx = ctx;
    return probe(b);
#else
    (void)b;
    (void)io;
    (void)ctx;
    (void)abi;
    return VGPIO_ERR_NOTSUP;
#endif
}

/* ---- interrupts ---- */

uint32_t vgpio_mmio_bus_ack(struct vgpio_mmio_bus *b)
{
    uint32_t why = rd32(b, R_INTERRUPT_STATUS) & CAUSES;

    if (why != 0) {
        wr32(b, R_INTERRUPT_ACK, why);
    }
    return why;
}

/* ---- the bus ---- */

static int bus_device_id(void *ctx, uint32_t *id)
{
    *id = rd32(ctx, R_DEVICE_ID);
    return VGPIO_OK;
}

static int bus_get_features(void *ctx, uint64_t *features)
{
    uint64_t high;

    wr32(ctx, R_DEVICE_FEATURES_SEL, 1);
    high = rd32(ctx, R_DEVICE_FEATURES);
    wr32(ctx, R_DEVICE_FEATURES_SEL, 0);
    *features = high << 32 | rd32(ctx, R_DEVICE_FEATURES);
    return VGPIO_OK;
}

static int bus_set_features(void *ctx, uint64_t features)
{
    struct vgpio_mmio_bus *b = ctx;

    wr32(b, R_DRIVER_FEATURES_SEL, 1);
    wr32(b, R_DRIVER_FEATURES, (uint32_t)(features >> 32));
    wr32(b, R_DRIVER_FEATURES_SEL, 0);
    wr32(b, R_DRIVER_FEATURES, (uint32_t)features);
    if (VGPIO_CFG_QUEUE_STOP) {
        b->ring_reset = (features & VGPIO_F_RING_RESET) != 0;
    }
    return VGPIO_OK;
}

static int bus_get_status(void *ctx, uint8_t *status)
{
    *status = (uint8_t)rd32(ctx, R_STATUS);
    return VGPIO_OK;
}

static int bus_set_status(void *ctx, uint8_t status)
{
    struct vgpio_mmio_bus *b = ctx;

    if (VGPIO_CFG_QUEUE_STOP && status == 0) {
        b->resetting = 0; /* nor is any queue */
    }
    wr32(b, R_STATUS, status);
    return VGPIO_OK;
}

static int bus_config_gen(void *ctx, uint32_t *gen)
{
    *gen = rd32(ctx, R_CONFIG_GENERATION);
    return VGPIO_OK;
}

static int bus_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    unsigned width = ((off | len) & 3u) == 0 ? 4u : len == 2 && (off & 1u) == 0 ? 2u : 1u;
    uint8_t *to = dst;

    for (off += R_CONFIG; len != 0; len -= width, off += width) {
        uint32_t v = rd(ctx, off, width);
        unsigned i;

        for (i = 0; i < width; i++, v >>= 8) {
            *to++ = (uint8_t)v;
        }
    }
    return VGPIO_OK;
}

static int bus_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    uint32_t n;

    wr32(ctx, R_QUEUE_SEL, q);
    n = rd32(ctx, R_QUEUE_SIZE_MAX);

    *max = (uint16_t)(n < 32768u ? n : 32768u);
    return VGPIO_OK;
}

/* By a pointer, for two halves are more to hand over on small CPUs. */
static void place(const struct vgpio_mmio_bus *b, uint32_t off, const uint64_t *addr)
{
    wr32(b, off, (uint32_t)*addr);
    wr32(b, off + 4u, (uint32_t)(*addr >> 32));
}

static int bus_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    const struct vgpio_mmio_bus *b = ctx;

    wr32(b, R_QUEUE_SEL, q);
    if (rd32(b, R_QUEUE_READY) != 0) {
        return VGPIO_ERR_STATE;
    }
    /* Once more: a size that is too large is a fault of ours, whatever it was before. */
    if (rd32(b, R_QUEUE_SIZE_MAX) < vq->size) {
        return VGPIO_ERR_NOTSUP;
    }
    wr32(b, R_QUEUE_SIZE, vq->size);
    place(b, R_QUEUE_DESC, &vq->desc);
    place(b, R_QUEUE_DRIVER, &vq->driver);
    place(b, R_QUEUE_DEVICE, &vq->device);
    wr32(b, R_QUEUE_READY, 1);
    return rd32(b, R_QUEUE_READY) == 1 ? VGPIO_OK : VGPIO_ERR_IO;
}

#if VGPIO_CFG_QUEUE_STOP
static int bus_queue_stop(void *ctx, unsigned q)
{
    struct vgpio_mmio_bus *b = ctx;
    uint8_t bit = (uint8_t)(1u << q);
    uint32_t reg = b->ring_reset ? R_QUEUE_RESET : R_QUEUE_READY;

    wr32(b, R_QUEUE_SEL, q);
    if ((b->resetting & bit) == 0) {
        wr32(b, reg, b->ring_reset);
        b->resetting |= bit;
    }
    if (rd32(b, reg) != 0) {
        return 1;
    }
    b->resetting = (uint8_t)(b->resetting & ~bit);
    return VGPIO_OK;
}

#else
#define bus_queue_stop NULL
#endif

static int bus_notify(void *ctx, unsigned q, uint32_t data)
{
    (void)q; /* the lower half of data */
    wr32(ctx, R_QUEUE_NOTIFY, data);
    return VGPIO_OK;
}

const struct vgpio_bus_ops vgpio_mmio_bus_ops = {
    sizeof vgpio_mmio_bus_ops,
    bus_device_id,
    bus_get_features,
    bus_set_features,
    bus_get_status,
    bus_set_status,
    bus_config_gen,
    bus_config_read,
    bus_queue_max,
    bus_queue_start,
    bus_queue_stop,
    bus_notify,
};
