/* SPDX-License-Identifier: BSD-3-Clause */
/* What several rooms share and no user sees. */
#ifndef VGPIO_INTERNAL_H
#define VGPIO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* A vtable member, or NULL where the definer's table ends before it. */
#define VGPIO_OP(ops, type, member)                                                      \
    ((ops)->ops_size >= offsetof(type, member) + sizeof(ops)->member ? (ops)->member     \
                                                                     : NULL)

/* The four sizes of VGPIO_ABI(). */
static inline unsigned vgpio_abi_size(uint64_t abi, unsigned i)
{
    return (unsigned)(abi >> (16u * i)) & 0xffffu;
}

#endif /* VGPIO_INTERNAL_H */
