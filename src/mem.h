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

/* Ends what vgpio_mem_map() began, with the length it gave. */
void vgpio_mem_unmap(const struct vgpio_mem *mem, void *p, uint32_t len);

/* Tells the optional dirty log of bytes stored at `gpa`; whether there is one. */
int vgpio_mem_has_dirty(const struct vgpio_mem *mem);
void vgpio_mem_dirty(const struct vgpio_mem *mem, uint64_t gpa, uint32_t len);

#endif /* VGPIO_MEM_H */
