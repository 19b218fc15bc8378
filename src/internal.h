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

/* Starts a queue, where it stopped if the ring bears out that it is the one of `last`: 1;
 * else as a new one: 0, or the error of vgpio_devq_start(). `used`: the peer has used
 * that ring before, so one that is blank is another. */
struct vgpio_devq;
struct vgpio_mem;
struct vgpio_vq_setup;
int vgpio_devq_restart(struct vgpio_devq *q, const struct vgpio_mem *mem,
                       const struct vgpio_vq_setup *setup, struct vgpio_vq_setup *last,
                       int used);

/* What any device's init does with its config: a copy, checked. 0, or what the init
 * answers. The object has `size` bytes here; the caller's figures are in `abi`. */
struct vgpio_dev_config;
int vgpio_dev_config_take(struct vgpio_dev_config *c, const struct vgpio_dev_config *cfg,
                          size_t size, uint64_t abi);

#endif /* VGPIO_INTERNAL_H */
