/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a queue: what does not depend on the layout. */
#include "devq.h"

/* What differs with the layout. A table of functions would keep both linked. */
#define LAYOUT(q, step)                                                                  \
    (vq_is_packed(q) ? vgpio_devq_packed_##step : vgpio_devq_split_##step)

/* Maps a ring area. It must come back whole, because ring words need single-copy
 * atomicity and a copy cannot give that, and aligned for the words in it. */
static uint8_t *map_area(const struct vgpio_mem *mem, uint32_t bytes, uint64_t gpa,
                         unsigned low, unsigned access)
{
    uint32_t got = bytes;
    uint8_t *p;

    if (gpa & low) {
        return NULL;
    }
    p = vgpio_mem_map(mem, gpa, &got, access);
    if (p != NULL && (got != bytes || ((uintptr_t)p & low & 7u) != 0)) {
        vgpio_mem_unmap(mem, p, got);
        p = NULL;
    }
    return p;
}

static uint32_t driver_bytes(const struct vgpio_devq *q)
{
    return vq_is_packed(q) ? PACKED_EVENT_BYTES : SPLIT_AVAIL_BYTES(q->at.size);
}

static uint32_t device_bytes(const struct vgpio_devq *q)
{
    return vq_is_packed(q) ? PACKED_EVENT_BYTES : SPLIT_USED_BYTES(q->at.size);
}

static int map_ring(struct vgpio_devq *q)
{
    const unsigned both = VGPIO_MEM_READ | VGPIO_MEM_WRITE;
    unsigned packed = vq_is_packed(q);

    q->desc = map_area(q->mem, DESC_BYTES * (uint32_t)q->at.size, q->at.desc, 15,
                       packed ? both : VGPIO_MEM_READ);
    q->driver =
        map_area(q->mem, driver_bytes(q), q->at.driver, packed ? 3 : 1, VGPIO_MEM_READ);
    q->device = map_area(q->mem, device_bytes(q), q->at.device, 3, both);
    return q->desc != NULL && q->driver != NULL && q->device != NULL;
}

int vgpio_devq_start(struct vgpio_devq *q, const struct vgpio_mem *mem,
                     const struct vgpio_vq_setup *setup)
{
    int err = vgpio_mem_usable(mem);

    if (err != VGPIO_OK) {
        return err;
    }
    if (q->state != 0) {
        return VGPIO_ERR_STATE;
    }
    err = vq_flags(setup->features, &q->flags);
    if (err != VGPIO_OK) { /* GCOVR_EXCL_BR_LINE: where all is compiled in, all goes */
        return err;
    }
    if (!vq_size_ok(q, setup->size)) {
        return VGPIO_ERR_INVAL;
    }
    q->mem = mem;
    q->err = 0;
    q->state = DEVQ_STATE(VGPIO_OK);
    q->at = *setup;
    q->at.flags = VGPIO_VQ_TOLD;
    err = map_ring(q) ? LAYOUT(q, start)(q, setup) : VGPIO_ERR_FAULT;
    if (err != VGPIO_OK) {
        vgpio_devq_stop(q, NULL);
        return err;
    }
    q->next_used = q->at.used_pos;
#if VGPIO_CFG_DIRTY
    q->flags &= (uint8_t)~VQ_DIRTY; /* a driver's feature has the same bit */
    if (vgpio_mem_has_dirty(mem)) {
        q->flags |= VQ_DIRTY;
    }
#endif
#if VGPIO_CFG_FAST
    q->region = 0;
    if (vgpio_mem_is_table(mem) && !vq_in_order(q)) {
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
    if (q->state != 0) {
        vgpio_mem_unmap(q->mem, q->desc, DESC_BYTES * (uint32_t)q->at.size);
        vgpio_mem_unmap(q->mem, q->driver, driver_bytes(q));
        vgpio_mem_unmap(q->mem, q->device, device_bytes(q));
        q->state = 0;
#if VGPIO_CFG_FAST
        q->flags &= (uint8_t)~VQ_FAST;
#endif
    }
}

int vgpio_devq_error(const struct vgpio_devq *q)
{
    return q->err;
}

#if VGPIO_CFG_PACKED && VGPIO_CFG_SPLIT

int vgpio_devq_pop(struct vgpio_devq *q, struct vgpio_chain *c)
{
    return LAYOUT(q, pop)(q, c);
}

void vgpio_devq_unpop(struct vgpio_devq *q, struct vgpio_head head)
{
    LAYOUT(q, unpop)(q, head);
}

int vgpio_devq_push(struct vgpio_devq *q, struct vgpio_head head, uint32_t written)
{
    return LAYOUT(q, push)(q, head, written);
}

int vgpio_devq_waiting(struct vgpio_devq *q)
{
    return LAYOUT(q, waiting)(q);
}

int vgpio_devq_publish(struct vgpio_devq *q)
{
    return LAYOUT(q, publish)(q);
}

int vgpio_devq_rearm(struct vgpio_devq *q)
{
    return LAYOUT(q, rearm)(q);
}

#endif

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

/* Moves up to `len` bytes between the piece in hand and `buf`, or with NULL past those
 * that map. Returns how many, 0 where none do. */
static PORT_NOINLINE uint32_t chain_step(struct vgpio_chain *c, void *buf, uint32_t len,
                                         unsigned access)
{
    uint32_t n =
        vgpio_mem_piece(c->q->mem, len < c->left ? len : c->left, c->gpa, buf, access);

    c->gpa += n;
    c->left -= n;
    return n;
}

/* One body for both directions: taken into both, it would be there twice. */
static PORT_NOINLINE uint32_t chain_move(struct vgpio_chain *c, uint8_t *buf,
                                         uint32_t len, unsigned kind)
{
    uint32_t done = 0, n = 1;

    while (done < len && n != 0 && chain_seek(c, kind) > 0) {
        n = chain_step(c, buf + done, len - done,
                       kind ? VGPIO_MEM_WRITE : VGPIO_MEM_READ);
        done += n;
    }
    return done;
}

uint32_t vgpio_chain_read(struct vgpio_chain *c, void *dst, uint32_t len)
{
    return chain_move(c, dst, len, 0);
}

uint32_t vgpio_chain_write(struct vgpio_chain *c, const void *src, uint32_t len)
{
    /* Where bytes go into the chain, nothing is stored here. */
    return chain_move(c, (uint8_t *)(uintptr_t)src, len, CHAIN_WRITE);
}

int vgpio_chain_where(struct vgpio_chain *c, uint64_t *gpa)
{
    int found = chain_seek(c, CHAIN_WRITE);

    if (found <= 0) {
        return found ? found : VGPIO_ERR_NOSPC;
    }
    if (chain_step(c, NULL, 1, VGPIO_MEM_WRITE) == 0) {
        return VGPIO_ERR_IO;
    }
    *gpa = c->gpa - 1;
    return VGPIO_OK;
}

int vgpio_chain_finish(struct vgpio_chain *c, uint32_t *room)
{
    uint32_t n = 0;
    int more;

    while ((more = chain_seek(c, CHAIN_WRITE)) > 0) {
        n += c->left; /* no wrap: the whole chain was seen to stay below 2^32 */
        c->left = 0;
    }
    c->left = 0; /* of a chain that nothing can be written to */
    if (more == 0 && room != NULL) {
        *room = n;
    }
    return more;
}
