/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-mmio, device side: the register file over a vdev. */
#include <virtiogpio/mmio.h>
#include <virtiogpio/wire.h>

#include "internal.h"
#include "mmio_regs.h"
#include "port.h"

#define CAN_ADD (VGPIO_F_RING_RESET | VGPIO_F_NOTIFICATION_DATA | VGPIO_F_ACCESS_PLATFORM)

/* SR_IOV, NOTIF_CONFIG_DATA and ADMIN_VQ have no registers here, whatever a device says
 * (MMIO-DEV-10). */
#define CANNOT (UINT64_C(1) << 37 | UINT64_C(1) << 39 | UINT64_C(1) << 41)

/* What a driver may set and keeps; FEATURES_OK and DRIVER_OK have to be earned. */
#define STATUS_NOTES (VGPIO_S_ACKNOWLEDGE | VGPIO_S_DRIVER | VGPIO_S_FAILED)

#define ANY_QUEUE 0xffffu /* the events that are a queue each */

int vgpio_mmio_dev_init_abi(struct vgpio_mmio_dev *m, struct vgpio_vdev vdev,
                            const struct vgpio_mem *mem, uint64_t abi)
{
    if (vgpio_abi_size(abi, 0) < sizeof *m) {
        return VGPIO_ERR_ABI;
    }
    if (vdev.ops == NULL || mem == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (VGPIO_OP(vdev.ops, struct vgpio_vdev_ops, take_events) == NULL) {
        return VGPIO_ERR_ABI;
    }
    memset(m, 0, sizeof *m);
    m->vdev = vdev;
    m->mem = mem;
    m->vendor = VGPIO_MMIO_VENDOR;
    m->extra = VGPIO_F_RING_RESET;
    return VGPIO_OK;
}

void vgpio_mmio_dev_set_vendor(struct vgpio_mmio_dev *m, uint32_t vendor)
{
    m->vendor = vendor;
}

int vgpio_mmio_dev_set_features(struct vgpio_mmio_dev *m, uint64_t features)
{
    if ((features & ~CAN_ADD) != 0) {
        return VGPIO_ERR_NOTSUP;
    }
    m->extra = features;
    return VGPIO_OK;
}

static int has(const struct vgpio_mmio_dev *m, unsigned status)
{
    return (m->status & status) != 0;
}

static uint8_t bit(unsigned q)
{
    return (uint8_t)(1u << q);
}

/* ---- trouble ---- */

/* A driver that does not run yet is told when it does. */
static void config_interrupt(struct vgpio_mmio_dev *m)
{
    if (has(m, VGPIO_S_DRIVER_OK)) {
        m->isr |= VGPIO_MMIO_CONFIG;
    }
}

static void needs_reset(struct vgpio_mmio_dev *m)
{
    m->status |= VGPIO_S_NEEDS_RESET;
    config_interrupt(m);
}

static void stop(struct vgpio_mmio_dev *m, unsigned q, unsigned how)
{
    if ((m->started & bit(q)) != 0) {
        (void)m->vdev.ops->queue_stop(m->vdev.obj, q, how, NULL);
        m->started = (uint8_t)(m->started & ~bit(q));
        m->more = (uint8_t)(m->more & ~bit(q));
    }
}

/* The guest broke a rule of the registers: its memory is let go of before the reset. */
static void freeze(struct vgpio_mmio_dev *m)
{
    unsigned q;

    for (q = 0; q < VGPIO_MMIO_QUEUES; q++) {
        stop(m, q, VGPIO_STOP_NOW);
    }
    needs_reset(m);
}

/* Turns what the device owes into what the registers show. */
static void sample(struct vgpio_mmio_dev *m)
{
    unsigned events = m->vdev.ops->take_events(m->vdev.obj);

    if ((events & VGPIO_EV_NEEDS_RESET) != 0) {
        needs_reset(m);
    }
    if ((events & VGPIO_EV_CONFIG) != 0) {
        m->generation++;
        config_interrupt(m);
    }
    if ((events & VGPIO_EV_MORE) != 0) {
        m->more |= m->started; /* it does not say whose, and kicks for nothing are free */
    }
    if ((events & ANY_QUEUE) != 0 && has(m, VGPIO_S_DRIVER_OK)) {
        m->isr |= VGPIO_MMIO_USED;
    }
}

/* ---- queues ---- */

static uint16_t queue_max(const struct vgpio_mmio_dev *m, uint32_t q)
{
    return q < VGPIO_MMIO_QUEUES ? m->vdev.ops->queue_max(m->vdev.obj, q) : (uint16_t)0;
}

struct area {
    uint64_t at;
    uint32_t len;
};

static void areas(const struct vgpio_vq_setup *vq, struct area a[3])
{
    uint32_t n = vq->size, event = (vq->features & VGPIO_F_EVENT_IDX) != 0 ? 2 : 0;
    int packed = (vq->features & VGPIO_F_PACKED) != 0;

    a[0].at = vq->desc;
    a[0].len = 16u * n;
    a[1].at = vq->driver;
    a[1].len = packed ? 4u : 4u + 2u * n + event;
    a[2].at = vq->device;
    a[2].len = packed ? 4u : 4u + 8u * n + event;
}

/* Modulo 2^64 an area at the top of memory is like any other. */
static int overlap(const struct area *a, const struct area *b)
{
    return b->at - a->at < a->len || a->at - b->at < b->len;
}

/* Do the areas of a queue overlap each other, or those of one that runs? Nothing would
 * break here, but the guest did not mean it. */
static int overlaps(const struct vgpio_mmio_dev *m, unsigned q)
{
    struct area a[3], b[3];
    unsigned other, i, k;

    areas(&m->vq[q], a);
    if (overlap(&a[0], &a[1]) || overlap(&a[0], &a[2]) || overlap(&a[1], &a[2])) {
        return 1;
    }
    for (other = 0; other < VGPIO_MMIO_QUEUES; other++) {
        if ((m->started & bit(other)) == 0) {
            continue;
        }
        areas(&m->vq[other], b);
        for (i = 0; i < 3; i++) {
            for (k = 0; k < 3; k++) {
                if (overlap(&a[i], &b[k])) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

/* Starts what QueueReady latched. */
static void start(struct vgpio_mmio_dev *m, unsigned q)
{
    struct vgpio_vq_setup *vq = &m->vq[q];

    vq->features = m->driver_features;
    if (overlaps(m, q) ||
        m->vdev.ops->queue_start(m->vdev.obj, q, m->mem, vq) != VGPIO_OK) {
        freeze(m);
        return;
    }
    m->started |= bit(q);
}

static unsigned write_ready(struct vgpio_mmio_dev *m, unsigned q, uint32_t v)
{
    if (v == 0) {
        stop(m, q, VGPIO_STOP_RESET);
        m->ready = (uint8_t)(m->ready & ~bit(q));
        return 0;
    }
    if ((m->ready & bit(q)) != 0) {
        return 0;
    }
    m->ready |= bit(q);
    if (has(m, VGPIO_S_DRIVER_OK) && !has(m, VGPIO_S_NEEDS_RESET)) {
        start(m, q);
    }
    return m->started & bit(q);
}

/* Done when the write returns, so that QueueReset never reads 1. */
static void write_reset(struct vgpio_mmio_dev *m, unsigned q, uint32_t v)
{
    if (v != 1 || !has(m, VGPIO_S_FEATURES_OK) ||
        (m->driver_features & VGPIO_F_RING_RESET) == 0) {
        return;
    }
    stop(m, q, VGPIO_STOP_RESET);
    m->ready = (uint8_t)(m->ready & ~bit(q));
    memset(&m->vq[q], 0, sizeof m->vq[q]);
}

/* The half of an address that `off` names. */
static uint64_t put_half(uint64_t old, uint32_t off, uint32_t v)
{
    return (off & 4u) != 0 ? (old & UINT32_MAX) | (uint64_t)v << 32
                           : (old & ~(uint64_t)UINT32_MAX) | v;
}

static void write_place(struct vgpio_mmio_dev *m, unsigned q, uint32_t off, uint32_t v)
{
    struct vgpio_vq_setup *vq = &m->vq[q];
    struct vgpio_vq_setup now = *vq;

    switch (off & ~4u) {
    case R_QUEUE_SIZE:
        /* Not cut to 16 bits: 0x10000 is no queue of size 0. */
        now.size = v <= 0xffffu ? (uint16_t)v : (uint16_t)0;
        break;
    case R_QUEUE_DESC:
        now.desc = put_half(now.desc, off, v);
        break;
    case R_QUEUE_DRIVER:
        now.driver = put_half(now.driver, off, v);
        break;
    default:
        now.device = put_half(now.device, off, v);
        break;
    }
    if ((m->ready & bit(q)) == 0) {
        *vq = now;
    } else if (memcmp(vq, &now, sizeof now) != 0) {
        freeze(m);
    }
}

/* ---- status ---- */

static uint64_t device_features(const struct vgpio_mmio_dev *m)
{
    return m->vdev.ops->features(m->vdev.obj) & ~CANNOT;
}

static int take_features(struct vgpio_mmio_dev *m)
{
    uint64_t theirs = device_features(m);
    uint64_t f = m->driver_features;

    if (m->bad_bank || (f & ~(theirs | m->extra)) != 0) {
        return 0;
    }
    /* Those of the transport are none of the device's business. */
    return m->vdev.ops->ack_features(m->vdev.obj, f & theirs) == VGPIO_OK;
}

static void reset(struct vgpio_mmio_dev *m)
{
    m->vdev.ops->reset(m->vdev.obj);
    (void)m->vdev.ops->take_events(m->vdev.obj);
    memset(m->vq, 0, sizeof m->vq);
    m->driver_features = 0;
    m->dev_sel = m->drv_sel = m->queue_sel = 0;
    m->status = m->isr = m->signalled = 0;
    m->ready = m->started = m->more = 0;
    m->bad_bank = 0;
}

static unsigned run(struct vgpio_mmio_dev *m)
{
    unsigned q;

    m->status |= VGPIO_S_DRIVER_OK;
    if (has(m, VGPIO_S_NEEDS_RESET)) {
        config_interrupt(m); /* it did not look before */
        return 0;
    }
    for (q = 0; q < VGPIO_MMIO_QUEUES && !has(m, VGPIO_S_NEEDS_RESET); q++) {
        if ((m->ready & bit(q)) != 0) {
            start(m, q);
        }
    }
    return m->started;
}

static unsigned write_status(struct vgpio_mmio_dev *m, uint32_t v)
{
    unsigned fresh = v & ~(unsigned)m->status;

    if (v == 0) {
        reset(m);
        return 0;
    }
    m->status = (uint8_t)(m->status | (fresh & STATUS_NOTES));
    if ((fresh & VGPIO_S_FEATURES_OK) != 0 && take_features(m)) {
        m->status |= VGPIO_S_FEATURES_OK;
    }
    if ((fresh & VGPIO_S_DRIVER_OK) != 0 && has(m, VGPIO_S_FEATURES_OK)) {
        return run(m);
    }
    return 0;
}

/* ---- registers ---- */

static void write_driver_features(struct vgpio_mmio_dev *m, uint32_t v)
{
    if (has(m, VGPIO_S_FEATURES_OK)) {
        return;
    }
    if (m->drv_sel > 1) {
        m->bad_bank |= v != 0; /* there is nothing to accept */
        return;
    }
    m->driver_features = put_half(m->driver_features, m->drv_sel * 4u, v);
}

static void write_ack(struct vgpio_mmio_dev *m, uint32_t v)
{
    void (*acked)(void *) = VGPIO_OP(m->vdev.ops, struct vgpio_vdev_ops, irq_acked);
    unsigned done = m->isr & v;

    m->isr = (uint8_t)(m->isr & ~done);
    m->signalled = 0;
    if ((done & VGPIO_MMIO_USED) != 0 && acked != NULL) {
        acked(m->vdev.obj);
    }
}

static unsigned write_notify(const struct vgpio_mmio_dev *m, uint32_t v)
{
    if ((m->driver_features & VGPIO_F_NOTIFICATION_DATA) != 0) {
        v &= 0xffffu; /* where the driver is we see in the ring */
    }
    return v < VGPIO_MMIO_QUEUES ? m->started & bit(v) : 0u;
}

/* The registers of one queue. */
static unsigned write_queue(struct vgpio_mmio_dev *m, uint32_t off, uint32_t v)
{
    unsigned q = m->queue_sel;

    if (queue_max(m, m->queue_sel) == 0) {
        return 0;
    }
    switch (off) {
    case R_QUEUE_READY:
        return write_ready(m, q, v);
    case R_QUEUE_RESET:
        write_reset(m, q, v);
        return 0;
    case R_QUEUE_SIZE:
    case R_QUEUE_DESC:
    case R_QUEUE_DESC + 4:
    case R_QUEUE_DRIVER:
    case R_QUEUE_DRIVER + 4:
    case R_QUEUE_DEVICE:
    case R_QUEUE_DEVICE + 4:
        write_place(m, q, off, v);
        return 0;
    default:
        return 0;
    }
}

unsigned vgpio_mmio_dev_write(struct vgpio_mmio_dev *m, uint32_t off, unsigned size,
                              uint32_t value)
{
    if (size != 4) {
        return 0;
    }
    switch (off) {
    case R_DEVICE_FEATURES_SEL:
        m->dev_sel = value;
        return 0;
    case R_DRIVER_FEATURES:
        write_driver_features(m, value);
        return 0;
    case R_DRIVER_FEATURES_SEL:
        m->drv_sel = value;
        return 0;
    case R_QUEUE_SEL:
        m->queue_sel = value;
        return 0;
    case R_QUEUE_NOTIFY:
        return write_notify(m, value);
    case R_INTERRUPT_ACK:
        write_ack(m, value);
        return 0;
    case R_STATUS:
        return write_status(m, value);
    default:
        return write_queue(m, off, value);
    }
}

static uint32_t read_features(const struct vgpio_mmio_dev *m)
{
    uint64_t f = device_features(m) | m->extra;

    /* No shift by a variable: small CPUs call the compiler's library for it. */
    return m->dev_sel == 0 ? (uint32_t)f : m->dev_sel == 1 ? (uint32_t)(f >> 32) : 0u;
}

static uint32_t read_config(const struct vgpio_mmio_dev *m, uint32_t off, unsigned size)
{
    uint8_t b[4] = {0, 0, 0, 0};

    if ((size == 1 || size == 2 || size == 4) &&
        off < m->vdev.ops->config_size(m->vdev.obj)) {
        m->vdev.ops->config_read(m->vdev.obj, off, b, size);
    }
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

static uint32_t read_register(struct vgpio_mmio_dev *m, uint32_t off)
{
    switch (off) {
    case R_MAGIC:
        return MMIO_MAGIC;
    case R_VERSION:
        return MMIO_VERSION;
    case R_DEVICE_ID:
        return m->vdev.ops->device_id(m->vdev.obj);
    case R_VENDOR_ID:
        return m->vendor;
    case R_DEVICE_FEATURES:
        return read_features(m);
    case R_QUEUE_SIZE_MAX:
        return queue_max(m, m->queue_sel);
    case R_QUEUE_READY:
        return m->queue_sel < VGPIO_MMIO_QUEUES ? (unsigned)m->ready >> m->queue_sel & 1u
                                                : 0u;
    case R_INTERRUPT_STATUS:
        sample(m);
        return m->isr;
    case R_STATUS:
        sample(m);
        return m->status;
    case R_SHM_LEN:
    case R_SHM_LEN + 4:
    case R_SHM_BASE:
    case R_SHM_BASE + 4:
        return UINT32_MAX; /* no shared memory of any id */
    case R_CONFIG_GENERATION:
        sample(m);
        return m->generation;
    default:
        return 0;
    }
}

uint32_t vgpio_mmio_dev_read(struct vgpio_mmio_dev *m, uint32_t off, unsigned size)
{
    if (off >= R_CONFIG) {
        return read_config(m, off - R_CONFIG, size);
    }
    return size == 4 ? read_register(m, off) : 0u;
}

/* ---- the rest of the world ---- */

int vgpio_mmio_dev_kick(struct vgpio_mmio_dev *m, unsigned q)
{
    int n;

    if (q >= VGPIO_MMIO_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    if ((m->started & bit(q)) == 0) {
        return 0;
    }
    n = m->vdev.ops->kick(m->vdev.obj, q);
    if (n > 0) {
        m->more |= bit(q);
    }
    return n;
}

unsigned vgpio_mmio_dev_take_kicks(struct vgpio_mmio_dev *m)
{
    unsigned more;

    sample(m);
    more = m->more;
    m->more = 0;
    return more;
}

int vgpio_mmio_dev_irq(struct vgpio_mmio_dev *m)
{
    sample(m);
    return m->isr != 0;
}

int vgpio_mmio_dev_take_irq(struct vgpio_mmio_dev *m)
{
    sample(m);
    if (m->isr == 0 || m->signalled != 0) {
        return 0;
    }
    m->signalled = 1;
    return 1;
}
