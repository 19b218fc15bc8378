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

/* Does a packed queue stand where new rings begin, in one that nobody has used? Of a
 * split ring its own indices say so. */
static int blank(const struct vgpio_devq *q)
{
#if VGPIO_CFG_PACKED
    return vq_is_packed(q) && vgpio_devq_packed_blank(q);
#else
    (void)q;
    return 0;
#endif
}

static int resume(struct vgpio_devq *q, const struct vgpio_mem *mem,
                  const struct vgpio_vq_setup *setup, const struct vgpio_vq_setup *last,
                  int used)
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
    if (waiting < 0 || (used && blank(q)) || q->at.used_pos != last->used_pos ||
        (setup->avail_pos != last->avail_pos && setup->avail_pos != last->used_pos)) {
        vgpio_devq_stop(q, NULL);
        return 0;
    }
    return 1;
}

int vgpio_devq_restart(struct vgpio_devq *q, const struct vgpio_mem *mem,
                       const struct vgpio_vq_setup *setup, struct vgpio_vq_setup *last,
                       int used)
{
    if (!resume(q, mem, setup, last, used)) {
        return vgpio_devq_start(q, mem, setup);
    }
    last->size = 0; /* a record serves once */
    return 1;
}
