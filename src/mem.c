/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/types.h>

#include "internal.h"
#include "mem.h"
#include "port.h"

/* As many as are looked through in little time, and as a byte counts. */
#define TABLE_MAX 64u

int vgpio_mem_usable(const struct vgpio_mem *mem)
{
    if (mem == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (mem->ops_size < offsetof(struct vgpio_mem, unmap)) {
        return VGPIO_ERR_ABI;
    }
#if !VGPIO_CFG_UNMAP
    if (VGPIO_OP(mem, struct vgpio_mem, unmap) != NULL) {
        return VGPIO_ERR_NOTSUP; /* its books would never balance */
    }
#endif
#if !VGPIO_CFG_DIRTY
    if (VGPIO_OP(mem, struct vgpio_mem, dirty) != NULL) {
        return VGPIO_ERR_NOTSUP; /* what a migration would lose must not go unheard */
    }
#endif
    return mem->map == NULL ? VGPIO_ERR_INVAL : VGPIO_OK;
}

#if VGPIO_CFG_UNMAP

void vgpio_mem_unmap(const struct vgpio_mem *mem, void *p, uint32_t len)
{
    void (*unmap)(void *, void *, uint32_t) = VGPIO_OP(mem, struct vgpio_mem, unmap);

    if (unmap != NULL && p != NULL) {
        unmap(mem->ctx, p, len);
    }
}

#endif

#if VGPIO_CFG_DIRTY

int vgpio_mem_has_dirty(const struct vgpio_mem *mem)
{
    return VGPIO_OP(mem, struct vgpio_mem, dirty) != NULL;
}

void vgpio_mem_dirty(const struct vgpio_mem *mem, uint64_t gpa, uint32_t len)
{
    void (*dirty)(void *, uint64_t, uint32_t) = VGPIO_OP(mem, struct vgpio_mem, dirty);

    if (dirty != NULL) {
        dirty(mem->ctx, gpa, len);
    }
}

#endif

void *vgpio_mem_map(const struct vgpio_mem *mem, uint64_t gpa, uint32_t *len,
                    unsigned access)
{
    uint32_t want = *len;
    uint32_t got = want;
    void *p;

    *len = 0;
    /* The last byte is compared, not the end: that one is 2^64 for a range at the top. */
    if (want == 0 || gpa > UINT64_MAX - (want - 1)) {
        return NULL;
    }
    p = mem->map(mem->ctx, gpa, &got, access);
    if (p == NULL || p == VGPIO_MAP_LATER) {
        return NULL;
    }
    if (got == 0 || got > want) {
        /* The hook is wrong about its own memory: give back what it handed out, so that
         * its books still balance, and use none of it. */
        vgpio_mem_unmap(mem, p, got);
        return NULL;
    }
    *len = got;
    return p;
}

uint32_t vgpio_mem_step(const struct vgpio_mem *mem, struct vgpio_mem_span *span,
                        void *buf, uint32_t len)
{
    uint32_t n = len < span->left ? len : span->left;
    void *p = vgpio_mem_map(mem, span->gpa, &n, span->access);

    if (p != NULL) {
        if (span->access == VGPIO_MEM_READ) {
            memcpy(buf, p, n);
            PORT_COPIED(); /* with LTO, those who check it see the source too */
        } else if (buf != NULL) {
            memcpy(p, buf, n);
#if VGPIO_CFG_DIRTY
            vgpio_mem_dirty(mem, span->gpa, n);
#endif
        }
        vgpio_mem_unmap(mem, p, n);
        span->gpa += n; /* 0 after the very last byte, and then nothing is left */
        span->left -= n;
    }
    return n;
}

static int copy(const struct vgpio_mem *mem, uint32_t len, uint64_t gpa, uint8_t *buf,
                unsigned access)
{
    int err = vgpio_mem_usable(mem);
    struct vgpio_mem_span span;
    uint32_t n;

    if (err != VGPIO_OK) {
        return err;
    }
    /* Here and not only piece by piece: a piece that shrinks would hide the wrap until
     * half of the range is done. */
    if (len != 0 && gpa > UINT64_MAX - (len - 1)) {
        return VGPIO_ERR_FAULT;
    }
    span.gpa = gpa;
    span.left = len;
    span.access = access;
    for (; span.left != 0; buf += n) {
        n = vgpio_mem_step(mem, &span, buf, span.left);
        if (n == 0) {
            return VGPIO_ERR_FAULT;
        }
    }
    return VGPIO_OK;
}

int vgpio_mem_read(const struct vgpio_mem *mem, uint64_t gpa, void *dst, uint32_t len)
{
    return copy(mem, len, gpa, dst, VGPIO_MEM_READ);
}

int vgpio_mem_write(const struct vgpio_mem *mem, uint64_t gpa, const void *src,
                    uint32_t len)
{
    /* Where access is for writing, nothing is stored here. */
    return copy(mem, len, gpa, (uint8_t *)(uintptr_t)src, VGPIO_MEM_WRITE);
}

/* Host pointer of a range that lies inside the region. */
static void *region_at(const struct vgpio_mem_region *r, uint64_t gpa, uint32_t len)
{
    uint64_t first = r->hva == NULL ? gpa : gpa - r->gpa;
    uint64_t last = first + (len - 1);

    /* A 64-bit guest address need not fit a pointer of a 32-bit host. */
    if ((uint64_t)(uintptr_t)last != last) {
        return NULL;
    }
    return r->hva == NULL ? (void *)(uintptr_t)gpa : (uint8_t *)r->hva + (size_t)first;
}

void *vgpio_mem_table_map(void *table, uint64_t gpa, uint32_t *len, unsigned access)
{
    const struct vgpio_mem_table *t = table;
    uint32_t i;

    (void)access;
    if (*len == 0) {
        return NULL;
    }
    for (i = 0; i < t->n; i++) {
        const struct vgpio_mem_region *r = &t->region[i];
        uint64_t left;

        /* A region that wraps is a mistake, and half a mistake is not memory. */
        if (r->size == 0 || r->gpa > UINT64_MAX - (r->size - 1)) {
            continue;
        }
        if (gpa < r->gpa || gpa - r->gpa >= r->size) {
            continue;
        }
        left = r->size - (gpa - r->gpa);
        if (left < *len) {
            *len = (uint32_t)left;
        }
        return region_at(r, gpa, *len);
    }
    return NULL;
}

#if VGPIO_CFG_FAST

/* Is it no identity, large enough for a view, and over before addresses are? */
static int is_plain(const struct vgpio_mem_region *r)
{
    return r->hva != NULL && r->size >= MEM_VIEW_BYTES &&
           r->gpa <= UINT64_MAX - (r->size - 1) &&
           r->size - 1 <= SIZE_MAX - (uintptr_t)r->hva;
}

static int overlap(const struct vgpio_mem_region *a, const struct vgpio_mem_region *b)
{
    return a->gpa < b->gpa ? b->gpa - a->gpa < a->size : a->gpa - b->gpa < b->size;
}

int vgpio_mem_is_table(const struct vgpio_mem *mem)
{
    const struct vgpio_mem_table *t = mem->ctx;
    uint32_t i, k;

    if (mem->map != vgpio_mem_table_map ||
        VGPIO_OP(mem, struct vgpio_mem, unmap) != NULL ||
        VGPIO_OP(mem, struct vgpio_mem, dirty) != NULL || t->n == 0 || t->n > TABLE_MAX) {
        return 0;
    }
    for (i = 0; i < t->n; i++) {
        if (!is_plain(&t->region[i])) {
            return 0;
        }
        for (k = 0; k < i; k++) {
            if (overlap(&t->region[i], &t->region[k])) {
                return 0;
            }
        }
    }
    return 1;
}

uint8_t vgpio_mem_region_of(const struct vgpio_mem *mem, uint64_t gpa)
{
    const struct vgpio_mem_table *t = mem->ctx;
    uint8_t i;

    for (i = 0; i < t->n; i++) {
        if (gpa - t->region[i].gpa < t->region[i].size) {
            return i;
        }
    }
    return 0;
}

#endif
