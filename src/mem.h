/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of the user's guest memory hooks, with their answers checked. Private. */
#ifndef VGPIO_MEM_H
#define VGPIO_MEM_H

#include <virtiogpio/types.h>

/* 0, or why these hooks cannot be used: VGPIO_ERR_INVAL, VGPIO_ERR_ABI. */
int vgpio_mem_usable(const struct vgpio_mem *mem);

/* One call of map(). Pointer good for 1 .. *len bytes (never more than asked), or NULL:
 * refused, wrapped, or the hook broke its contract. *len is 0 with NULL. A ring area
 * must come back whole: compare *len with what was asked, and unmap if it shrank. */
void *vgpio_mem_map(const struct vgpio_mem *mem, uint64_t gpa, uint32_t *len,
                    unsigned access);

/* Ends what vgpio_mem_map() began, with the length it gave. With NULL nothing did. */
#if VGPIO_CFG_UNMAP
void vgpio_mem_unmap(const struct vgpio_mem *mem, void *p, uint32_t len);
#else
static inline void vgpio_mem_unmap(const struct vgpio_mem *mem, void *p, uint32_t len)
{
    (void)mem, (void)p, (void)len;
}
#endif

/* Up to `len` of the bytes that are left, as far as they map in one piece: copies them to
 * `buf` (VGPIO_MEM_READ) or from there (VGPIO_MEM_WRITE; with NULL they are only seen to
 * map), and goes on behind them. Returns how many they were, 0 where nothing maps. */
uint32_t vgpio_mem_step(const struct vgpio_mem *mem, struct vgpio_mem_span *span,
                        void *buf, uint32_t len);

#if VGPIO_CFG_DIRTY
/* Tells the optional dirty log of bytes stored at `gpa`; whether there is one. */
int vgpio_mem_has_dirty(const struct vgpio_mem *mem);
void vgpio_mem_dirty(const struct vgpio_mem *mem, uint64_t gpa, uint32_t len);
#endif

#if VGPIO_CFG_FAST

/* Is all of it a table of regions, without hooks that want to hear of accesses, and with
 * regions that are neither tiny nor overlap? */
int vgpio_mem_is_table(const struct vgpio_mem *mem);

/* Of such a table: the region that holds `gpa`, or the first. */
uint8_t vgpio_mem_region_of(const struct vgpio_mem *mem, uint64_t gpa);

/* One region of such a table. */
struct vgpio_mem_view {
    uint64_t gpa, last; /* first and last address with MEM_VIEW_BYTES behind it */
    uint8_t *hva;
};

#define MEM_VIEW_BYTES 32u

static inline struct vgpio_mem_view vgpio_mem_view(const struct vgpio_mem *mem,
                                                   unsigned region)
{
    const struct vgpio_mem_table *t = mem->ctx;
    const struct vgpio_mem_region *r = &t->region[region];
    struct vgpio_mem_view v;

    v.gpa = r->gpa;
    v.last = r->size - MEM_VIEW_BYTES;
    v.hva = r->hva;
    return v;
}

/* Are MEM_VIEW_BYTES there? And then where? */
static inline int vgpio_mem_in_view(const struct vgpio_mem_view *v, uint64_t gpa)
{
    return gpa - v->gpa <= v->last;
}

static inline uint8_t *vgpio_mem_of_view(const struct vgpio_mem_view *v, uint64_t gpa)
{
    return v->hva + (size_t)(gpa - v->gpa);
}

#endif

#endif /* VGPIO_MEM_H */
