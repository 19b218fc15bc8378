/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting and stopping the rings of the draft, and telling a guest that goes on from a
 * new one. A request lives in both rings, so the verdict is about the pair. */
#include "draft_impl.h"

int vgpio_draft_ack_features(void *obj, uint64_t acked)
{
    struct vgpio_draft_dev *dev = obj;

    if (dev->busy) {
        return VGPIO_ERR_STATE;
    }
    if ((acked & ~dev->offered) != 0 || (acked & VGPIO_F_VERSION_1) == 0) {
        return VGPIO_ERR_NOTSUP;
    }
    if (dev->acked && acked == dev->features) {
        return 0; /* a front end that starts again says the same again */
    }
    if (((dev->queue_flags[0] | dev->queue_flags[1]) & QUEUE_STARTED) != 0) {
        return VGPIO_ERR_STATE;
    }
    TRACE(dev, VGPIO_TR_FEATURES, acked, acked >> 32);
    dev->last[0].size = 0; /* another driver */
    dev->last[1].size = 0;
    vgpio_draft_req_drop(dev);
    dev->features = acked;
    dev->acked = 1;
    return 0;
}

void vgpio_draft_reset(void *obj)
{
    struct vgpio_draft_dev *dev = obj;
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
    vgpio_draft_forget(dev);
    dev->events = 0;
    dev->busy = 0;
}

/* ---- start --------------------------------------------------------------------- */

/* One ring is new: neither knows of what was before. The old drivers come back after
 * their removal in this way, without a reset. */
static void start_fresh(struct vgpio_draft_dev *dev, unsigned q,
                        const struct vgpio_vq_setup *setup)
{
    TRACE(dev, VGPIO_TR_QUEUE_FRESH, q, dev->q[q].at.avail_pos);
    dev->last[0].size = 0;
    dev->last[1].size = 0;
    if ((setup->flags & VGPIO_VQ_TOLD) != 0) {
        vgpio_draft_forget(dev);
    } else {
        vgpio_draft_req_drop(dev);
        vgpio_draft_pace_reset(dev);
        vgpio_draft_unreport_all(dev);
    }
}

static int start_refused(const struct vgpio_draft_dev *dev, unsigned q,
                         const struct vgpio_mem *mem, const struct vgpio_vq_setup *setup)
{
    if (q > TX || mem == NULL || setup == NULL || setup->size == 0 ||
        setup->size > dev->queue_max[q]) {
        return VGPIO_ERR_INVAL;
    }
    if (dev->busy || !dev->acked || dev->broken ||
        (dev->queue_flags[q] & QUEUE_STARTED) != 0) {
        return VGPIO_ERR_STATE;
    }
    return 0;
}

int vgpio_draft_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                            const struct vgpio_vq_setup *setup)
{
    struct vgpio_draft_dev *dev = obj;
    struct vgpio_vq_setup s;
    int err = start_refused(dev, q, mem, setup);

    if (err != 0) {
        return err;
    }
    s = *setup;
    s.features = dev->features;
    dev->busy = 1;
    err = vgpio_devq_restart(&dev->q[q], mem, &s, &dev->last[q]);
    if (err < 0) {
        dev->busy = 0;
        return err;
    }
    if (err > 0) {
        TRACE(dev, VGPIO_TR_QUEUE_RESUMED, q, dev->q[q].at.avail_pos);
    } else {
        start_fresh(dev, q, setup);
    }
    dev->queue_flags[q] = QUEUE_STARTED | QUEUE_RUN;
    vgpio_draft_leave(dev);
    return 0;
}

/* ---- run and stop ------------------------------------------------------------------ */

int vgpio_draft_queue_run(void *obj, unsigned q, int on)
{
    struct vgpio_draft_dev *dev = obj;

    if (q > TX) {
        return VGPIO_ERR_INVAL;
    }
    if ((dev->queue_flags[q] & QUEUE_STARTED) == 0 || dev->busy) {
        return VGPIO_ERR_STATE;
    }
    dev->busy = 1;
    if (on) {
        dev->queue_flags[q] |= QUEUE_RUN;
    } else {
        dev->queue_flags[q] &= (uint8_t)~QUEUE_RUN;
    }
    vgpio_draft_leave(dev);
    return 0;
}

static void let_go(struct vgpio_draft_dev *dev, unsigned q, unsigned how)
{
    TRACE(dev, VGPIO_TR_QUEUE_STOP, q, how);
    if (q == TX && dev->tx_open) { /* read again from its start, up to where we were */
        vgpio_devq_unpop(&dev->q[TX], dev->tx.head);
        dev->tx_skip = dev->tx_units;
        dev->tx_open = 0;
    }
    vgpio_devq_leave(&dev->q[q], &dev->last[q]);
    dev->queue_flags[q] = 0;
    if (how == VGPIO_STOP_RESET) {
        dev->last[q].size = 0;
        vgpio_draft_req_drop(dev);
        vgpio_draft_pace_reset(dev);
    }
}

/* Answers go out by both rings, so each waits for them. */
static int drained(struct vgpio_draft_dev *dev, unsigned q)
{
    if (dev->broken) {
        return 1;
    }
    dev->queue_flags[q] |= QUEUE_DRAINING;
    if (vgpio_draft_pump(dev)) { /* a large buffer: the rest of it at the next visit */
        dev->events |= VGPIO_EV_MORE;
    }
    vgpio_draft_leave(dev);
    dev->busy = 1;
    return !draft_sends(dev) || vgpio_draft_req_drained(dev);
}

int vgpio_draft_queue_stop(void *obj, unsigned q, unsigned how,
                           struct vgpio_vq_setup *where)
{
    struct vgpio_draft_dev *dev = obj;

    if (q > TX || how < VGPIO_STOP_DRAIN || how > VGPIO_STOP_RESET) {
        return VGPIO_ERR_INVAL;
    }
    if (dev->busy) {
        return VGPIO_ERR_STATE;
    }
    dev->busy = 1;
    if ((dev->queue_flags[q] & QUEUE_STARTED) != 0) {
        if (how == VGPIO_STOP_DRAIN && !drained(dev, q)) {
            vgpio_draft_leave(dev);
            return VGPIO_PENDING;
        }
        let_go(dev, q, how);
    }
    vgpio_devq_left(&dev->last[q], where);
    vgpio_draft_leave(dev);
    return 0;
}
