/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue that comes back: is it the one that was stopped? For devices of any dialect. */
#include "devq.h"
#include "vdev.h"

static int same_ring(const struct vgpio_vq_setup *a, const struct vgpio_vq_setup *b)
{
    /* The three addresses come first, and nothing stands between them. */
    return a->size == b->size &&
           memcmp(a, b, offsetof(struct vgpio_vq_setup, features)) == 0;
}

/* After enough chains a queue stands where new rings begin. What then shows that its ring
 * was used, of what a driver's first chains do not write; that a split ring whose chains
 * are given back empty was used shows only in its first descriptor. */
#define MARK_ANSWER 0x100u /* in the flags of the record */
#define MARK_DESC 0x200u
#define MARKS (MARK_ANSWER | MARK_DESC)

static unsigned marks(const struct vgpio_devq *q)
{
    const uint8_t *desc = q->area[AREA_DESC];
    uint16_t begin = vq_is_packed(q) ? PACKED_START : 0;
    unsigned seen = 0;

    if (devq_dead(q) || q->at.avail_pos != begin || q->at.used_pos != begin) {
        return 0;
    }
    if (vq_is_packed(q)) {
        desc += DESC_BYTES * (q->at.size - 1u);
    } else {
        const uint8_t *elem = q->area[AREA_DEVICE] + USED_RING(0);

        seen = (ring_ld32(elem) | ring_ld32(elem + 4)) != 0 ? MARK_ANSWER : 0;
    }
    return (ring_ld64(desc) | ring_ld64(desc + 8)) != 0 ? seen | MARK_DESC : seen;
}

void vgpio_devq_leave(struct vgpio_devq *q, struct vgpio_vq_setup *last)
{
    unsigned seen = marks(q);

    vgpio_devq_stop(q, last);
    last->flags = (uint16_t)(last->flags | seen);
}

void vgpio_devq_left(const struct vgpio_vq_setup *last, struct vgpio_vq_setup *where)
{
    if (where != NULL) {
        *where = *last;
        where->flags = (uint16_t)(last->flags & ~MARKS);
    }
}

static int resume(struct vgpio_devq *q, const struct vgpio_mem *mem,
                  const struct vgpio_vq_setup *setup, const struct vgpio_vq_setup *last)
{
    int waiting;

    if ((setup->flags & VGPIO_VQ_TOLD) == 0 || !same_ring(last, setup)) {
        return 0;
    }
    /* No index in the ring's memory bears witness: the word of the peer has to do. */
    if (VGPIO_CFG_PACKED && (setup->features & RING_F_PACKED) != 0 &&
        (setup->avail_pos != last->avail_pos || setup->used_pos != last->used_pos)) {
        return 0;
    }
    if (vgpio_devq_start(q, mem, setup) != VGPIO_OK) {
        return 0;
    }
    q->at.avail_pos = last->avail_pos;
    waiting = vgpio_devq_waiting(q); /* from there on: what it saw before is forgotten */
    if (waiting < 0 || q->at.used_pos != last->used_pos ||
        (last->flags & MARKS & ~marks(q)) != 0 ||
        (setup->avail_pos != last->avail_pos && setup->avail_pos != last->used_pos)) {
        vgpio_devq_stop(q, NULL);
        return 0;
    }
    return 1;
}

int vgpio_devq_restart(struct vgpio_devq *q, const struct vgpio_mem *mem,
                       const struct vgpio_vq_setup *setup, struct vgpio_vq_setup *last)
{
    if (!resume(q, mem, setup, last)) {
        return vgpio_devq_start(q, mem, setup);
    }
    last->size = 0; /* a record serves once */
    return 1;
}
