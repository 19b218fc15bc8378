/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the standard device.
 *
 * How it works: every entry (kick, complete, change, stop ...) changes the state of lines
 * and *marks* those that have something to do; the outermost entry then works the marks
 * off in a loop. An op may therefore call complete() and change() at will: they mark and
 * return, and the stack stays as it is. */
#ifndef VGPIO_DEVICE_IMPL_H
#define VGPIO_DEVICE_IMPL_H

#include <virtiogpio/device.h>
#include <virtiogpio/wire.h>

#include "vdev.h"

#define VGPIO_NIL 0xffffu /* end of a list of lines or requests */

enum req_state {
    REQ_FREE,
    REQ_QUEUED, /* behind others of its line */
    REQ_ACTIVE, /* with the backend */
    REQ_DONE,   /* status and answer are known, not yet sent */
    REQ_ZOMBIE  /* with the backend, but nobody waits for the answer any more */
};

/* Of requests and of parked pairs: taken from a ring that was stopped since, and the
 * rings have not all been found to go on where they were (docs/design.md, "Stopping and
 * going on"). */
#define REQ_OLD 0x01u
#define LINE_OLD 0x01u

#define LINE_PARKED 0x02u /* an eventq pair is here: ev_head, ev_gpa */
#define LINE_RETURN 0x04u /* ... and goes back INVALID as soon as the ring runs */
#define LINE_LATCHED 0x08u
#define LINE_ARMING 0x10u /* a new type is on its way to the backend */
#define LINE_FAILED 0x20u /* the last type was refused: hold pairs, do not bounce them */
#define LINE_UNMASK 0x40u /* the backend is to be told that the guest waits */
#define LINE_MARKED 0x80u /* on the list of marks */

/* Of a queue, beside those of all devices: found to go on, the other one not yet. */
#define QUEUE_MATCHED 0x08u

/* Features without which nothing works here: with one layout compiled in, it is not the
 * driver's choice. */
#if VGPIO_CFG_SPLIT
#define DEV_MUST VGPIO_F_VERSION_1
#else
#define DEV_MUST (VGPIO_F_VERSION_1 | VGPIO_F_PACKED)
#endif

#define DEV_OP(dev, member) VGPIO_OP((dev)->ops, struct vgpio_line_ops, member)

/* --- device.c --- */
void vgpio_dev_mark(struct vgpio_dev *dev, uint16_t line);
void vgpio_dev_leave(struct vgpio_dev *dev);
void vgpio_dev_staged(struct vgpio_dev *dev, unsigned q, int err);
void vgpio_dev_push(struct vgpio_dev *dev, unsigned q, struct vgpio_head head,
                    uint32_t len);
void vgpio_dev_forget(struct vgpio_dev *dev);

static inline int vgpio_dev_enter(struct vgpio_dev *dev)
{
    if (dev->busy) {
        return VGPIO_ERR_STATE;
    }
    dev->busy = 1;
    return 0;
}

/* May answers be written to queue q now? */
static inline int vgpio_dev_answers(const struct vgpio_dev *dev, unsigned q)
{
    unsigned f = dev->queue_flags[q];

    return !dev->broken && (f & (QUEUE_RUN | QUEUE_DRAINING)) != 0;
}

/* May queue q be read now? */
static inline int vgpio_dev_reads(const struct vgpio_dev *dev, unsigned q)
{
    return !dev->broken &&
           (dev->queue_flags[q] & (QUEUE_RUN | QUEUE_DRAINING)) == QUEUE_RUN;
}

/* --- device_req.c: requests of the requestq --- */
void vgpio_req_forget(struct vgpio_dev *dev);
/* Works off up to `budget` requests; how many there were, 0: none waits. */
int vgpio_req_pop(struct vgpio_dev *dev, uint32_t budget);
void vgpio_req_run(struct vgpio_dev *dev, uint16_t line);
int vgpio_req_complete(struct vgpio_dev *dev, vgpio_token token, int result);
void vgpio_req_hold(struct vgpio_dev *dev);
void vgpio_req_mark_all(struct vgpio_dev *dev);
void vgpio_req_resume(struct vgpio_dev *dev);
void vgpio_req_drop(struct vgpio_dev *dev, int only_old);
int vgpio_req_drained(const struct vgpio_dev *dev);

/* --- device_irq.c: interrupts and the eventq --- */
int vgpio_irq_pop(struct vgpio_dev *dev);
void vgpio_irq_run(struct vgpio_dev *dev, uint16_t line);
void vgpio_irq_off(struct vgpio_dev *dev, uint16_t line);
void vgpio_irq_arm(struct vgpio_dev *dev, uint16_t line);
void vgpio_irq_armed(struct vgpio_dev *dev, uint16_t line, unsigned type, int ok);
void vgpio_irq_change(struct vgpio_dev *dev, uint16_t line, unsigned edges,
                      unsigned level);
void vgpio_irq_hold(struct vgpio_dev *dev);
void vgpio_irq_mark_all(struct vgpio_dev *dev);
void vgpio_irq_resume(struct vgpio_dev *dev);
void vgpio_irq_forget(struct vgpio_dev *dev);
void vgpio_irq_drop(struct vgpio_dev *dev, int only_old);

/* --- device_queue.c: the queue part of the vdev face --- */
int vgpio_dev_ack_features(void *obj, uint64_t acked);
int vgpio_dev_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                          const struct vgpio_vq_setup *setup);
int vgpio_dev_queue_run(void *obj, unsigned q, int on);
int vgpio_dev_queue_stop(void *obj, unsigned q, unsigned how,
                         struct vgpio_vq_setup *where);
void vgpio_dev_reset(void *obj);

#endif /* VGPIO_DEVICE_IMPL_H */
