/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the draft's device.
 *
 * Requests stand in reqs[] in the order in which they came, and are answered in that
 * order: `req_first`, `req_count`, a ring. Each line has a list of those that are not
 * done, through `next`; its first one is with the backend. What an op changes inside
 * itself (complete, change) only sets states and marks; the outermost entry looks again
 * (`rescan`) and sends. */
#ifndef VGPIO_DRAFT_IMPL_H
#define VGPIO_DRAFT_IMPL_H

#include <virtiogpio/draft.h>
#include <virtiogpio/wire.h>

#include "vdev.h"

#define VGPIO_NIL 0xffffu /* end of a list of lines or requests */

#define RX VGPIO_DRAFT_TO_DRIVER
#define TX VGPIO_DRAFT_FROM_DRIVER
#define MSG_SIZE VGPIO_DRAFT_MSG_SIZE
#define F_2021 (VGPIO_DRAFT_F_ARBITRATION | VGPIO_DRAFT_F_IRQ)

enum req_state {
    REQ_FREE,
    REQ_QUEUED, /* behind others of its line, or with a step to go */
    REQ_ACTIVE, /* with the backend */
    REQ_DONE    /* the value of its answer is known */
};

#define REQ_SILENT 1u /* nobody gets an answer */
#define REQ_LAST 2u   /* its buffer goes back with it: `head` */
#define REQ_FAILED 4u
#define REQ_NO_LINE 8u

#define LINE_CHANGED 1u /* a report is to be sent, with `level` */
#define LINE_LISTED 2u  /* on the list of changed lines */
#define LINE_ARMED 4u   /* the backend was asked to watch it */
#define LINE_TURNING 8u /* its direction is at the backend: changes are its own doing */

#define DEV_OP(dev, member) VGPIO_OP((dev)->ops, struct vgpio_line_ops, member)

static inline int draft_2021(const struct vgpio_draft_dev *dev)
{
    return (dev->features & F_2021) != 0;
}

/* May messages go to the driver now? Both queues are needed for one. */
static inline int draft_sends(const struct vgpio_draft_dev *dev)
{
    return !dev->broken && (dev->queue_flags[RX] & (QUEUE_RUN | QUEUE_DRAINING)) != 0 &&
           (dev->queue_flags[TX] & (QUEUE_RUN | QUEUE_DRAINING)) != 0;
}

/* May new requests be taken now? A buffer in hand is finished even while draining: who
 * gets the ring's position cannot be told of half a buffer. */
static inline int draft_takes(const struct vgpio_draft_dev *dev)
{
    unsigned draining = (dev->queue_flags[RX] | dev->queue_flags[TX]) & QUEUE_DRAINING;

    return draft_sends(dev) && (draining == 0 || dev->tx_open);
}

/* --- draft_dev.c --- */
void vgpio_draft_broken(struct vgpio_draft_dev *dev, unsigned q, int err);
int vgpio_draft_pump(struct vgpio_draft_dev *dev);
void vgpio_draft_leave(struct vgpio_draft_dev *dev);
void vgpio_draft_forget(struct vgpio_draft_dev *dev);

/* --- draft_queue.c: the queue part of the vdev face --- */
int vgpio_draft_ack_features(void *obj, uint64_t acked);
int vgpio_draft_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                            const struct vgpio_vq_setup *setup);
int vgpio_draft_queue_run(void *obj, unsigned q, int on);
int vgpio_draft_queue_stop(void *obj, unsigned q, unsigned how,
                           struct vgpio_vq_setup *where);
void vgpio_draft_reset(void *obj);

/* --- draft_req.c: requests, from the buffer through the backend --- */
void vgpio_draft_req_forget(struct vgpio_draft_dev *dev);
int vgpio_draft_req_take(struct vgpio_draft_dev *dev);
void vgpio_draft_req_rescan(struct vgpio_draft_dev *dev);
int vgpio_draft_req_complete(struct vgpio_draft_dev *dev, vgpio_token token, int result,
                             int inside);
struct vgpio_req *vgpio_draft_req_answered(struct vgpio_draft_dev *dev);
void vgpio_draft_req_free(struct vgpio_draft_dev *dev);
void vgpio_draft_req_drop(struct vgpio_draft_dev *dev);
int vgpio_draft_req_drained(const struct vgpio_draft_dev *dev);

/* --- draft_pace.c: messages to the driver, and when --- */
void vgpio_draft_change(struct vgpio_draft_dev *dev, uint16_t line, unsigned edges,
                        unsigned level);
void vgpio_draft_unreport_all(struct vgpio_draft_dev *dev);
void vgpio_draft_unreport(struct vgpio_draft_dev *dev, uint16_t line);
void vgpio_draft_unmask(struct vgpio_draft_dev *dev, uint16_t line);
void vgpio_draft_look(struct vgpio_draft_dev *dev);
void vgpio_draft_send(struct vgpio_draft_dev *dev);
void vgpio_draft_pace_reset(struct vgpio_draft_dev *dev);
void vgpio_draft_call(struct vgpio_draft_dev *dev);
void vgpio_draft_heard(struct vgpio_draft_dev *dev);

#endif /* VGPIO_DRAFT_IMPL_H */
