/* SPDX-License-Identifier: BSD-3-Clause */
/* Between devq.c and the two layouts below it. Private. */
#ifndef VGPIO_DEVQ_H
#define VGPIO_DEVQ_H

#include "mem.h"
#include "ring.h"

/* Cursor flags. WRITE says of what kind the piece in hand is, and stays set: nothing
 * readable may follow. */
#define CHAIN_NEXT 1u  /* there is a descriptor after this one */
#define CHAIN_WRITE 2u /* the piece in hand is device-writable */
#define CHAIN_TABLE 4u /* `next` counts entries of an indirect table */

/* An indirect table is not bound by the ring: a queue of one entry can only work that
 * way. It is bound all the same, because a guest chooses how long we walk. */
#define CHAIN_TABLE_MAX 1024u

/* Breaks the queue: the error stays and memory is not touched any more. */
static inline int devq_break(struct vgpio_devq *q, int err)
{
    q->err = (int8_t)err;
    return err;
}

/* 0, or why nothing may be done with this queue. */
static inline int devq_dead(const struct vgpio_devq *q)
{
    return q->started ? q->err : VGPIO_ERR_STATE;
}

int vgpio_devq_split_start(struct vgpio_devq *q, const struct vgpio_vq_setup *setup);
void vgpio_devq_split_unmap(struct vgpio_devq *q);
int vgpio_devq_split_pop(struct vgpio_devq *q, struct vgpio_chain *c);
int vgpio_devq_split_next(struct vgpio_chain *c);
int vgpio_devq_split_look(struct vgpio_devq *q);
int vgpio_devq_split_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written);
int vgpio_devq_split_publish(struct vgpio_devq *q);
int vgpio_devq_split_rearm(struct vgpio_devq *q);

#endif /* VGPIO_DEVQ_H */
