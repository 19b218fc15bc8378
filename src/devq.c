/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a queue: what does not depend on the layout. */
#include "devq.h"

/* What differs with the layout. A table of functions would keep both linked. */
#define LAYOUT(q, step)                                                                  \
    (vq_is_packed(q) ? vgpio_devq_packed_##step : vgpio_devq_split_##step)

/* Maps a ring area. It must come back whole, because ring words need single-copy
 * atomicity and a copy cannot give that, and aligned for the words in it. */
static uint8_t *map_area(const struct vgpio_mem *mem, uint64_t gpa, uint32_t bytes,
                         uint32_t align, unsigned access)
{
    uint32_t got = bytes;
    uint8_t *p;

    if (gpa & (align - 1u)) {
        return NULL;
    }
    p = vgpio_mem_map(mem, gpa, &got, access);
    if (p != NULL && (got != bytes || ((uintptr_t)p & 7u & (align - 1u)) != 0)) {
        vgpio_mem_unmap(mem, p, got);
        p = NULL;
    }
    return p;
}

static void unmap_area(const struct vgpio_mem *mem, uint8_t *p, uint32_t bytes)
{
    if (p != NULL) {
        vgpio_mem_unmap(mem, p, bytes);
    }
}

static uint32_t driver_bytes(const struct vgpio_devq *q)
{
    return vq_is_packed(q) ? PACKED_EVENT_BYTES : SPLIT_AVAIL_BYTES(q->at.size);
}

static uint32_t device_bytes(const struct vgpio_devq *q)
{
    return vq_is_packed(q) ? PACKED_EVENT_BYTES : SPLIT_USED_BYTES(q->at.size);
}

static void unmap_ring(struct vgpio_devq *q)
{
    unmap_area(q->mem, q->desc, DESC_BYTES * (uint32_t)q->at.size);
    unmap_area(q->mem, q->driver, driver_bytes(q));
    unmap_area(q->mem, q->device, device_bytes(q));
    q->desc = q->driver = q->device = NULL;
}

static int map_ring(struct vgpio_devq *q)
{
    const unsigned both = VGPIO_MEM_READ | VGPIO_MEM_WRITE;
    unsigned packed = vq_is_packed(q);

    q->desc = map_area(q->mem, q->at.desc, DESC_BYTES * (uint32_t)q->at.size, 16,
                       packed ? both : VGPIO_MEM_READ);
    q->driver =
        map_area(q->mem, q->at.driver, driver_bytes(q), packed ? 4 : 2, VGPIO_MEM_READ);
    q->device = map_area(q->mem, q->at.device, device_bytes(q), 4, both);
    return q->desc == NULL || q->driver == NULL || q->device == NULL ? VGPIO_ERR_FAULT
                                                                     : VGPIO_OK;
}

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
    if (err != VGPIO_OK) { /* GCOVR_EXCL_BR_LINE: where all is compiled in, all goes */
        return err;
    }
    if (vgpio_mem_has_dirty(mem)) {
        flags |= VQ_DIRTY;
    }
    memset(q, 0, sizeof *q);
    q->mem = mem;
    q->flags = flags;
    if (!vq_size_ok(q, setup->size)) {
        return VGPIO_ERR_INVAL;
    }
    q->at = *setup;
    q->at.flags = VGPIO_VQ_TOLD;
    err = map_ring(q);
    if (err == VGPIO_OK) {
        err = LAYOUT(q, start)(q, setup);
    }
    if (err != VGPIO_OK) {
        unmap_ring(q);
        return err;
    }
    q->next_used = q->at.used_pos;
    q->started = 1;
#if VGPIO_CFG_FAST
    if (vgpio_mem_is_table(mem)) {
        q->flags |= VQ_FAST;
    }
#endif
    return VGPIO_OK;
}

void vgpio_devq_stop(struct vgpio_devq *q, struct vgpio_vq_setup *where)
{
    if (where != NULL) {
        *where = q->at;
    }
    if (q->started) {
        unmap_ring(q);
        q->started = 0;
        q->flags &= (uint8_t)~VQ_FAST;
    }
}

int vgpio_devq_error(const struct vgpio_devq *q)
{
    return q->err;
}

int vgpio_devq_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    int err = devq_dead(q);

    return err ? err : LAYOUT(q, pop)(q, c);
}

void vgpio_devq_unpop(struct vgpio_devq *q, struct vgpio_head head)
{
    if (devq_dead(q)) {
        return;
    }
    if (vq_is_packed(q)) {
        vgpio_devq_packed_unpop(q, head.ndesc);
    } else {
        q->at.avail_pos--;
    }
}

int vgpio_devq_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written)
{
    int err = devq_dead(q);

    return err ? err : LAYOUT(q, push)(q, head, written);
}

int vgpio_devq_waiting(struct vgpio_devq *q)
{
    int err = devq_dead(q);

    return err ? err : LAYOUT(q, look)(q);
}

/* Also where the queue broke after good chains were answered: the driver gets those. */
int vgpio_devq_publish(struct vgpio_devq *q)
{
    int notify = q->started ? LAYOUT(q, publish)(q) : VGPIO_ERR_STATE;

    return notify == 0 ? q->err : notify;
}

int vgpio_devq_rearm(struct vgpio_devq *q)
{
    int err = devq_dead(q);

    return err ? err : LAYOUT(q, rearm)(q);
}

#if VGPIO_CFG_INDIRECT

/* Entries of a table are copied out one by one: it may lie across regions. */
int vgpio_devq_table_entry(const struct vgpio_chain *c, uint64_t raw[2])
{
    int err = vgpio_mem_read(c->q->mem, c->table + DESC_BYTES * (uint32_t)c->next, raw,
                             DESC_BYTES);

    if (err != VGPIO_OK) {
        return VGPIO_ERR_FAULT;
    }
    raw[0] = port_le64(raw[0]);
    raw[1] = port_le64(raw[1]);
    return VGPIO_OK;
}

/* WRITE on the descriptor means nothing (RING-DEV-05). */
int vgpio_devq_enter_table(struct vgpio_chain *c, const struct desc *d)
{
    if (!vq_has_indirect(c->q) || d->len == 0 || d->len % DESC_BYTES != 0) {
        return VGPIO_ERR_PROTO;
    }
    if (d->addr > UINT64_MAX - (d->len - 1)) {
        return VGPIO_ERR_FAULT;
    }
    c->table = d->addr;
    c->table_len = d->len / DESC_BYTES;
    c->flags |= CHAIN_TABLE;
    c->next = 0;
    return VGPIO_OK;
}

#endif

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
        err = LAYOUT(c->q, next)(c);
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
        err = LAYOUT(c->q, next)(c);
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
