/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_draft.h"

#include <string.h>
#include <virtiogpio/wire.h>

void qemu_draft_say(struct qemu_draft *d, unsigned type, uint16_t line, int32_t value)
{
    uint32_t v = (uint32_t)value;
    uint8_t m[8] = {(uint8_t)type,        (uint8_t)(type >> 8), (uint8_t)line,
                    (uint8_t)(line >> 8), (uint8_t)v,           (uint8_t)(v >> 8),
                    (uint8_t)(v >> 16),   (uint8_t)(v >> 24)};
    struct vgpio_chain c;
    struct vgpio_head head;

    if (d->running != 3 || vgpio_devq_pop(&d->q[0], &c) != 1) {
        d->lost++;
        return;
    }
    head = c.head;
    (void)vgpio_devq_push(&d->q[0], head, vgpio_chain_write(&c, m, 8));
    if (vgpio_devq_publish(&d->q[0]) > 0) {
        d->owed |= VGPIO_EV_QUEUE(0);
    }
}

static int32_t perform(struct qemu_draft *d, const uint8_t m[8])
{
    unsigned type = m[0] | (unsigned)m[1] << 8;
    uint16_t line = (uint16_t)(m[2] | m[3] << 8);
    int r;

    if (d->refuse != 0 && d->refused == type) {
        return d->refuse;
    }
    switch (type) {
    case 1:
        return 0;
    case 2:
        return d->ops->set_direction(d->ctx, line, VGPIO_DIR_IN, 0, 0);
    case 3:
        return d->ops->set_direction(d->ctx, line, VGPIO_DIR_OUT, m[4] & 1u, 0);
    case 4:
        r = d->ops->get_direction(d->ctx, line, 0);
        return r < 0 ? r : r != VGPIO_DIR_OUT;
    case 5:
        return d->ops->get_value(d->ctx, line, 0);
    case 6:
        return d->ops->set_value(d->ctx, line, m[4] & 1u, 0); /* 0, not the level */
    default:
        return -22;
    }
}

static int d_kick(void *obj, unsigned q)
{
    struct qemu_draft *d = obj;
    struct vgpio_chain c;
    uint8_t m[8];

    if (q != 1 || d->running != 3) {
        return 0;
    }
    do {
        while (vgpio_devq_pop(&d->q[1], &c) == 1) {
            struct vgpio_head head = c.head;

            while (vgpio_chain_read(&c, m, 8) == 8) {
                memcpy(d->got[d->ngot++ % 64], m, 8);
                if (!d->mute) {
                    qemu_draft_say(d, (m[0] | (unsigned)m[1] << 8) | d->mask,
                                   (uint16_t)(m[2] | m[3] << 8), perform(d, m));
                }
            }
            (void)vgpio_devq_push(&d->q[1], head, 8);
            if (vgpio_devq_publish(&d->q[1]) > 0) {
                d->owed |= VGPIO_EV_QUEUE(1);
            }
        }
    } while (vgpio_devq_rearm(&d->q[1]) > 0);
    (void)vgpio_devq_rearm(&d->q[0]);
    return 0;
}

static int d_change(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    if (edges != 0) {
        qemu_draft_say(obj, 0x11, line, (int32_t)level);
    }
    return 0;
}

static int d_complete(void *obj, vgpio_token token, int result)
{
    (void)obj, (void)token, (void)result;
    return VGPIO_ERR_STALE; /* nothing is ever pending */
}

static uint32_t d_device_id(const void *obj)
{
    return ((const struct qemu_draft *)obj)->device_id;
}

static uint64_t d_features(const void *obj)
{
    return ((const struct qemu_draft *)obj)->features;
}

static int d_ack(void *obj, uint64_t acked)
{
    return (acked & ~d_features(obj)) == 0 ? 0 : VGPIO_ERR_NOTSUP;
}

static uint32_t d_config_size(const void *obj)
{
    return ((const struct qemu_draft *)obj)->config_size;
}

static void d_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    const struct qemu_draft *d = obj;
    uint32_t i;

    for (i = 0; i < len; i++) {
        ((uint8_t *)dst)[i] = off + i < d->config_size ? d->config[off + i] : (uint8_t)0;
    }
}

static uint16_t d_queue_max(const void *obj, unsigned q)
{
    return q < 2 ? ((const struct qemu_draft *)obj)->queue_max : (uint16_t)0;
}

static int d_queue_run(void *obj, unsigned q, int on)
{
    struct qemu_draft *d = obj;

    d->running = on ? d->running | 1u << q : d->running & ~(1u << q);
    return 0;
}

static int d_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                         const struct vgpio_vq_setup *vq)
{
    struct qemu_draft *d = obj;
    int err = vgpio_devq_start(&d->q[q], mem, vq);

    return err != 0 ? err : d_queue_run(d, q, 1);
}

static int d_queue_stop(void *obj, unsigned q, unsigned how, struct vgpio_vq_setup *where)
{
    struct qemu_draft *d = obj;

    (void)how;
    vgpio_devq_stop(&d->q[q], where);
    return d_queue_run(d, q, 0);
}

static void d_reset(void *obj)
{
    struct qemu_draft *d = obj;

    vgpio_devq_stop(&d->q[0], NULL);
    vgpio_devq_stop(&d->q[1], NULL);
    d->running = d->owed = 0;
    d->ops->reset(d->ctx);
}

static unsigned d_take_events(void *obj)
{
    struct qemu_draft *d = obj;
    unsigned owed = d->owed;

    d->owed = 0;
    return owed;
}

static void d_irq_acked(void *obj)
{
    (void)obj;
}

static unsigned d_in_flight(const void *obj)
{
    (void)obj;
    return 0;
}

static int d_error(const void *obj, unsigned q)
{
    return vgpio_devq_error(&((const struct qemu_draft *)obj)->q[q]);
}

static const struct vgpio_vdev_ops vdev_ops = {
    sizeof vdev_ops, d_device_id,   d_features,  d_ack,
    d_config_size,   d_config_read, d_queue_max, d_queue_start,
    d_queue_run,     d_queue_stop,  d_reset,     d_kick,
    d_take_events,   d_irq_acked,   d_in_flight, d_error,
};

static const struct vgpio_sink_ops sink_ops = {sizeof sink_ops, d_complete, d_change};

void qemu_draft_init(struct qemu_draft *d, const struct vgpio_line_ops *ops, void *ctx,
                     uint16_t n, const uint8_t *names, uint32_t names_size)
{
    memset(d, 0, sizeof *d);
    d->ops = ops;
    d->ctx = ctx;
    d->device_id = 41;
    d->mask = 0x8000;
    d->queue_max = 256;
    d->features = VGPIO_F_VERSION_1;
    d->config[0] = 1;
    d->config[2] = (uint8_t)n;
    d->config[3] = (uint8_t)(n >> 8);
    d->config[4] = (uint8_t)names_size;
    memcpy(d->config + 0x20, "qemu", 4);
    if (names_size != 0) {
        memcpy(d->config + 0x40, names, names_size);
    }
    d->config_size = 64 + names_size;
}

struct vgpio_vdev qemu_draft_vdev(struct qemu_draft *d)
{
    return (struct vgpio_vdev){&vdev_ops, d};
}

struct vgpio_sink qemu_draft_sink(struct qemu_draft *d)
{
    return (struct vgpio_sink){&sink_ops, d};
}
