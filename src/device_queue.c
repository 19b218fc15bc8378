/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting and stopping rings, and telling a guest that goes on from a new one.
 *
 * A stop leaves a record: where the ring was and how far both sides were. A start that
 * the peer *told* a position for goes on from there if everything matches. The verdict is
 * about the device: what was taken from a ring before it stopped is used again only once
 * no ring with a record is left that did not match. */
#include "device_impl.h"

int vgpio_dev_ack_features(void *obj, uint64_t acked)
{
    struct vgpio_dev *dev = obj;
    unsigned started = (dev->queue_flags[0] | dev->queue_flags[1]) & QUEUE_STARTED;

    if (dev->busy) {
        return VGPIO_ERR_STATE;
    }
    if ((acked & ~dev->offered) != 0 || (acked & DEV_MUST) != DEV_MUST) {
        return VGPIO_ERR_NOTSUP;
    }
    if (dev->acked && acked == dev->features) {
        return 0; /* a front end that starts again says the same again */
    }
    if (started) {
        return VGPIO_ERR_STATE;
    }
    TRACE(dev, VGPIO_TR_FEATURES, acked, acked >> 32);
    dev->last[0].size = 0; /* another driver */
    dev->last[1].size = 0;
    vgpio_req_drop(dev, 1);
    vgpio_irq_drop(dev, 1);
    dev->features = acked;
    dev->acked = 1;
    return 0;
}

void vgpio_dev_reset(void *obj)
{
    struct vgpio_dev *dev = obj;
    unsigned q;

    if (dev->busy) {
        return; /* from inside an op: against the contract, and nothing is safe to do */
    }
    dev->busy = 1;
    TRACE(dev, VGPIO_TR_RESET, 0, 0);
    for (q = 0; q < 2; q++) {
        vgpio_devq_stop(&dev->q[q], NULL);
        dev->queue_flags[q] = 0;
        dev->last[q].size = 0;
        dev->err[q] = 0;
    }
    dev->broken = 0;
    dev->acked = 0;
    dev->features = 0;
    vgpio_dev_forget(dev);
    vgpio_dev_leave(dev);
    dev->events = 0;
}

/* ---- start ------------------------------------------------------------------- */

/* The peer's ring is a new one; so nothing taken before means anything any more. */
static void start_fresh(struct vgpio_dev *dev, unsigned q,
                        const struct vgpio_vq_setup *setup)
{
    unsigned other = dev->queue_flags[q ^ 1u];

    TRACE(dev, VGPIO_TR_QUEUE_FRESH, q, dev->q[q].at.avail_pos); /* not what was told */
    dev->last[0].size = 0;
    dev->last[1].size = 0;
    dev->queue_flags[q ^ 1u] &= (uint8_t)~QUEUE_MATCHED;
    if ((setup->flags & VGPIO_VQ_TOLD) != 0 &&
        ((other & QUEUE_STARTED) == 0 || (other & QUEUE_MATCHED) != 0)) {
        vgpio_dev_forget(dev); /* no ring vouches for the guest that set the lines */
    } else {
        vgpio_req_drop(dev, 1);
        vgpio_irq_drop(dev, 1);
    }
}

static void start_resumed(struct vgpio_dev *dev, unsigned q)
{
    TRACE(dev, VGPIO_TR_QUEUE_RESUMED, q, dev->q[q].at.avail_pos); /* not what was told */
    dev->queue_flags[q] |= QUEUE_MATCHED;
    if (dev->last[q ^ 1u].size == 0) {
        dev->queue_flags[0] &= (uint8_t)~QUEUE_MATCHED;
        dev->queue_flags[1] &= (uint8_t)~QUEUE_MATCHED;
        vgpio_req_resume(dev);
        vgpio_irq_resume(dev);
    }
}

static int start_refused(const struct vgpio_dev *dev, unsigned q,
                         const struct vgpio_mem *mem, const struct vgpio_vq_setup *setup)
{
    if (q > VGPIO_EVENTQ || mem == NULL || setup == NULL || setup->size == 0 ||
        setup->size > dev->queue_max[q]) {
        return VGPIO_ERR_INVAL;
    }
    if (dev->busy || !dev->acked || dev->broken ||
        (dev->queue_flags[q] & QUEUE_STARTED) != 0) {
        return VGPIO_ERR_STATE;
    }
    return 0;
}

int vgpio_dev_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                          const struct vgpio_vq_setup *setup)
{
    struct vgpio_dev *dev = obj;
    struct vgpio_vq_setup s;
    int err = start_refused(dev, q, mem, setup);

    if (err != 0) {
        return err;
    }
    s = *setup;
    s.features = dev->features;
    dev->busy = 1;
    err = vgpio_devq_restart(&dev->q[q], mem, &s, &dev->last[q]);
    if (err >= 0) {
        dev->queue_flags[q] |= QUEUE_STARTED | QUEUE_RUN;
        if (err > 0) {
            start_resumed(dev, q);
        } else {
            start_fresh(dev, q, setup);
        }
    }
    vgpio_dev_leave(dev);
    return err < 0 ? err : 0;
}

/* ---- run and stop -------------------------------------------------------------- */

int vgpio_dev_queue_run(void *obj, unsigned q, int on)
{
    struct vgpio_dev *dev = obj;

    if (q > VGPIO_EVENTQ) {
        return VGPIO_ERR_INVAL;
    }
    if ((dev->queue_flags[q] & QUEUE_STARTED) == 0 || vgpio_dev_enter(dev) != 0) {
        return VGPIO_ERR_STATE;
    }
    if (!on) {
        dev->queue_flags[q] &= (uint8_t)~QUEUE_RUN;
    } else if ((dev->queue_flags[q] & QUEUE_RUN) == 0) {
        dev->queue_flags[q] |= QUEUE_RUN;
        if (q == VGPIO_REQUESTQ) { /* what was held back in the meantime */
            vgpio_req_mark_all(dev);
        } else {
            vgpio_irq_mark_all(dev);
        }
    }
    vgpio_dev_leave(dev);
    return 0;
}

/* Go on answering, take nothing new: 1 once nothing is left that could be answered. */
static int drained(struct vgpio_dev *dev, unsigned q)
{
    if (q != VGPIO_REQUESTQ || dev->broken) {
        return 1; /* parked pairs are not being worked on, they just lie there */
    }
    dev->queue_flags[q] |= QUEUE_DRAINING;
    vgpio_req_mark_all(dev);
    vgpio_dev_leave(dev);
    dev->busy = 1;
    return vgpio_req_drained(dev);
}

static void let_go(struct vgpio_dev *dev, unsigned q, unsigned how)
{
    TRACE(dev, VGPIO_TR_QUEUE_STOP, q, how);
    vgpio_devq_leave(&dev->q[q], &dev->last[q]);
    dev->queue_flags[q] = 0;
    if (how == VGPIO_STOP_RESET) {
        dev->last[q].size = 0;
        if (q == VGPIO_REQUESTQ) {
            vgpio_req_drop(dev, 0);
        } else {
            vgpio_irq_drop(dev, 0);
        }
    } else if (q == VGPIO_REQUESTQ) {
        vgpio_req_hold(dev);
    } else {
        vgpio_irq_hold(dev);
    }
}

int vgpio_dev_queue_stop(void *obj, unsigned q, unsigned how,
                         struct vgpio_vq_setup *where)
{
    struct vgpio_dev *dev = obj;

    if (q > VGPIO_EVENTQ || how < VGPIO_STOP_DRAIN || how > VGPIO_STOP_RESET) {
        return VGPIO_ERR_INVAL;
    }
    if (vgpio_dev_enter(dev) != 0) {
        return VGPIO_ERR_STATE;
    }
    if ((dev->queue_flags[q] & QUEUE_STARTED) != 0) {
        if (how == VGPIO_STOP_DRAIN && !drained(dev, q)) {
            vgpio_dev_leave(dev);
            return VGPIO_PENDING;
        }
        let_go(dev, q, how);
    }
    vgpio_devq_left(&dev->last[q], where);
    vgpio_dev_leave(dev);
    return 0;
}
