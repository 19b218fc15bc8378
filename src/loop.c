/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/loop.h>
#include <virtiogpio/wire.h>

#include "internal.h"
#include "port.h"

int vgpio_loop_init_abi(struct vgpio_loop *l, struct vgpio_vdev vdev,
                        const struct vgpio_mem *mem, uint64_t abi)
{
    if (vgpio_abi_size(abi, 0) < sizeof *l) {
        return VGPIO_ERR_ABI;
    }
    if (vdev.ops == NULL || mem == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (VGPIO_OP(vdev.ops, struct vgpio_vdev_ops, error) == NULL) {
        return VGPIO_ERR_ABI;
    }
    memset(l, 0, sizeof *l);
    l->vdev = vdev;
    l->mem = mem;
    return VGPIO_OK;
}

unsigned vgpio_loop_take_kicks(struct vgpio_loop *l)
{
    unsigned kicks = l->kicks;

    if ((l->status & VGPIO_S_DRIVER_OK) == 0) {
        return 0;
    }
    l->kicks = 0;
    return kicks;
}

static int loop_device_id(void *ctx, uint32_t *id)
{
    const struct vgpio_loop *l = ctx;

    *id = l->vdev.ops->device_id(l->vdev.obj);
    return VGPIO_OK;
}

static int loop_get_features(void *ctx, uint64_t *features)
{
    const struct vgpio_loop *l = ctx;

    *features = l->vdev.ops->features(l->vdev.obj);
    return VGPIO_OK;
}

static int loop_set_features(void *ctx, uint64_t features)
{
    struct vgpio_loop *l = ctx;

    if ((l->status & VGPIO_S_FEATURES_OK) != 0) {
        return VGPIO_ERR_STATE;
    }
    l->features = features;
    return VGPIO_OK;
}

static int device_error(const struct vgpio_loop *l)
{
    unsigned q;
    int err = 0;

    for (q = 0; q < VGPIO_LOOP_QUEUES && err == 0; q++) {
        err = l->vdev.ops->error(l->vdev.obj, q);
    }
    return err;
}

static int loop_get_status(void *ctx, uint8_t *status)
{
    const struct vgpio_loop *l = ctx;

    *status = l->status;
    /* Asked of error() and not of take_events(): taking would lose the queue events that
     * whoever runs the device waits for. */
    if (l->broken != 0 || (l->status != 0 && device_error(l) != 0)) {
        *status |= VGPIO_S_NEEDS_RESET;
    }
    return VGPIO_OK;
}

static void reset(struct vgpio_loop *l)
{
    l->vdev.ops->reset(l->vdev.obj);
    l->features = 0;
    l->status = 0;
    l->latched = 0;
    l->kicks = 0;
    l->broken = 0;
}

static int start_queue(struct vgpio_loop *l, unsigned q)
{
    return l->vdev.ops->queue_start(l->vdev.obj, q, l->mem, &l->vq[q]);
}

static int loop_set_status(void *ctx, uint8_t status)
{
    struct vgpio_loop *l = ctx;
    unsigned fresh = status & ~(unsigned)l->status;
    unsigned q;

    if (status == 0) {
        reset(l);
        return VGPIO_OK;
    }
    if ((fresh & VGPIO_S_FEATURES_OK) != 0 &&
        l->vdev.ops->ack_features(l->vdev.obj, l->features) < 0) {
        fresh &= ~(unsigned)VGPIO_S_FEATURES_OK;
    }
    if (((l->status | fresh) & VGPIO_S_FEATURES_OK) == 0) {
        fresh &= ~(unsigned)VGPIO_S_DRIVER_OK;
    }
    l->status = (uint8_t)(l->status | fresh);
    if ((fresh & VGPIO_S_DRIVER_OK) == 0) {
        return VGPIO_OK;
    }
    for (q = 0; q < VGPIO_LOOP_QUEUES; q++) {
        if ((l->latched & 1u << q) != 0 && start_queue(l, q) < 0) {
            l->broken = 1;
        }
    }
    return VGPIO_OK;
}

static int loop_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    const struct vgpio_loop *l = ctx;

    l->vdev.ops->config_read(l->vdev.obj, off, dst, len);
    return VGPIO_OK;
}

static uint16_t queue_max(const struct vgpio_loop *l, unsigned q)
{
    return q < VGPIO_LOOP_QUEUES ? l->vdev.ops->queue_max(l->vdev.obj, q) : (uint16_t)0;
}

static int loop_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    *max = queue_max(ctx, q);
    return VGPIO_OK;
}

static int loop_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    struct vgpio_loop *l = ctx;
    int err = VGPIO_OK;

    if (vq->size == 0 || vq->size > queue_max(l, q)) {
        return VGPIO_ERR_INVAL;
    }
    if ((l->status & VGPIO_S_FEATURES_OK) == 0 || (l->latched & 1u << q) != 0) {
        return VGPIO_ERR_STATE;
    }
    l->vq[q] = *vq;
    l->vq[q].features = l->features;
    /* Nothing is told over a register file: each start is a fresh one. */
    l->vq[q].flags = 0;
    l->vq[q].avail_pos = 0;
    l->vq[q].used_pos = 0;
    if ((l->status & VGPIO_S_DRIVER_OK) != 0) {
        err = start_queue(l, q);
    }
    if (err == VGPIO_OK) {
        l->latched = (uint8_t)(l->latched | 1u << q);
    }
    return err;
}

static int loop_queue_stop(void *ctx, unsigned q)
{
    struct vgpio_loop *l = ctx;
    int err = VGPIO_OK;

    if (q >= VGPIO_LOOP_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    if ((l->latched & 1u << q) == 0) {
        return VGPIO_OK;
    }
    if ((l->status & VGPIO_S_DRIVER_OK) != 0) {
        if ((l->features & VGPIO_F_RING_RESET) == 0) {
            return VGPIO_ERR_NOTSUP;
        }
        err = l->vdev.ops->queue_stop(l->vdev.obj, q, VGPIO_STOP_RESET, NULL);
    }
    if (err == VGPIO_OK) {
        l->latched = (uint8_t)(l->latched & ~(1u << q));
        l->kicks = (uint8_t)(l->kicks & ~(1u << q));
    }
    return err == VGPIO_PENDING ? 1 : err;
}

static int loop_notify(void *ctx, unsigned q, uint32_t data)
{
    struct vgpio_loop *l = ctx;

    (void)data;
    if (q >= VGPIO_LOOP_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    l->kicks = (uint8_t)(l->kicks | 1u << q);
    return VGPIO_OK;
}

const struct vgpio_bus_ops vgpio_loop_bus_ops = {
    sizeof vgpio_loop_bus_ops,
    loop_device_id,
    loop_get_features,
    loop_set_features,
    loop_get_status,
    loop_set_status,
    NULL, /* the configuration of a device in this process does not change */
    loop_config_read,
    loop_queue_max,
    loop_queue_start,
    loop_queue_stop,
    loop_notify,
};
