/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a queue: what does not depend on the layout. */
#include "devq.h"

int vgpio_devq_start(struct vgpio_devq *q, const struct vgpio_mem *mem,
                     const struct vgpio_vq_setup *setup)
{
    uint8_t flags;
    int err = vgpio_mem_usable(mem);

    if (err != VGPIO_OK) {
        return err;
    }
    if (q->started) {
        return VGPIO_ERR_STATE;
    }
    err = vq_flags(setup->features, &flags);
    if (err != VGPIO_OK) {
        return err;
    }
    if (vgpio_mem_has_dirty(mem)) {
        flags |= VQ_DIRTY;
    }
    memset(q, 0, sizeof *q);
    q->mem = mem;
    q->flags = flags;
    err = vgpio_devq_split_start(q, setup);
    q->started = err == VGPIO_OK;
    return err;
}

void vgpio_devq_stop(struct vgpio_devq *q, struct vgpio_vq_setup *where)
{
    if (where != NULL) {
        *where = q->at;
    }
    if (q->started) {
        vgpio_devq_split_unmap(q);
        q->started = 0;
    }
}

int vgpio_devq_error(const struct vgpio_devq *q)
{
    return q->err;
}

int vgpio_devq_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    int err = devq_dead(q);

    return err ? err : vgpio_devq_split_pop(q, c);
}

void vgpio_devq_unpop(struct vgpio_devq *q, const struct vgpio_chain *c)
{
    if (!devq_dead(q)) {
        q->at.avail_pos = (uint16_t)(q->at.avail_pos - c->head.ndesc);
    }
}

int vgpio_devq_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written)
{
    int err = devq_dead(q);

    return err ? err : vgpio_devq_split_push(q, head, written);
}

int vgpio_devq_waiting(struct vgpio_devq *q)
{
    int err = devq_dead(q);

    return err ? err : vgpio_devq_split_look(q);
}

/* Also where the queue broke after good chains were answered: the driver gets those. */
int vgpio_devq_publish(struct vgpio_devq *q)
{
    int notify = q->started ? vgpio_devq_split_publish(q) : VGPIO_ERR_STATE;

    return notify == 0 ? q->err : notify;
}

int vgpio_devq_rearm(struct vgpio_devq *q)
{
    int err = devq_dead(q);

    return err ? err : vgpio_devq_split_rearm(q);
}

/* Goes on to a piece of the wanted kind (0 or CHAIN_WRITE) with bytes left in it: 1, or 0
 * when there is none, or the queue's error. Pieces on the way are dropped unread. */
static int chain_seek(struct vgpio_chain *c, unsigned kind)
{
    int err = devq_dead(c->q);

    while (!err) {
        unsigned have = c->flags & CHAIN_WRITE;

        if (have == kind && c->left != 0) {
            return 1;
        }
        if (have > kind || !(c->flags & CHAIN_NEXT)) {
            return 0;
        }
        err = vgpio_devq_split_next(c);
    }
    return err;
}

static void chain_advance(struct vgpio_chain *c, uint32_t n)
{
    c->gpa += n;
    c->left -= n;
}

uint32_t vgpio_chain_read(struct vgpio_chain *c, void *dst, uint32_t len)
{
    const struct vgpio_mem *mem = c->q->mem;
    uint8_t *to = dst;
    uint32_t done = 0;

    while (done < len && chain_seek(c, 0) > 0) {
        uint32_t n = len - done < c->left ? len - done : c->left;
        void *p = vgpio_mem_map(mem, c->gpa, &n, VGPIO_MEM_READ);

        if (p == NULL) {
            break;
        }
        memcpy(to + done, p, n);
        vgpio_mem_unmap(mem, p, n);
        chain_advance(c, n);
        done += n;
    }
    return done;
}

uint32_t vgpio_chain_write(struct vgpio_chain *c, const void *src, uint32_t len)
{
    const uint8_t *from = src;
    uint32_t done = 0;

    while (done < len && chain_seek(c, CHAIN_WRITE) > 0) {
        uint32_t n = len - done < c->left ? len - done : c->left;

        if (vgpio_mem_write(c->q->mem, c->gpa, from + done, n) != VGPIO_OK) {
            break;
        }
        chain_advance(c, n);
        done += n;
    }
    return done;
}

int vgpio_chain_where(struct vgpio_chain *c, uint64_t *gpa)
{
    int found = chain_seek(c, CHAIN_WRITE);
    uint32_t one = 1;
    void *p;

    if (found <= 0) {
        return found ? found : VGPIO_ERR_NOSPC;
    }
    p = vgpio_mem_map(c->q->mem, c->gpa, &one, VGPIO_MEM_WRITE);
    if (p == NULL) {
        return VGPIO_ERR_IO;
    }
    vgpio_mem_unmap(c->q->mem, p, one);
    *gpa = c->gpa;
    chain_advance(c, 1);
    return VGPIO_OK;
}

int vgpio_chain_finish(struct vgpio_chain *c, uint32_t *room)
{
    int err = devq_dead(c->q);
    uint32_t n = 0;

    while (!err) {
        if (c->flags & CHAIN_WRITE) {
            n += c->left; /* no wrap: the whole chain was seen to stay below 2^32 */
        }
        if (!(c->flags & CHAIN_NEXT)) {
            break;
        }
        err = vgpio_devq_split_next(c);
    }
    if (err) {
        return err;
    }
    c->left = 0;
    if (room != NULL) {
        *room = n;
    }
    return VGPIO_OK;
}
