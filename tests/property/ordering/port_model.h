/* SPDX-License-Identifier: BSD-3-Clause */
/* The VGPIO_PORT_FILE of this test: every access of a shared word goes to the model, by
 * way of the mutants. */
#ifndef VGPIO_TEST_PORT_MODEL_H
#define VGPIO_TEST_PORT_MODEL_H

#include "mutant.h"

#define PORT_HAS_64 1

static inline uint16_t port_ld16(const void *p)
{
    return (uint16_t)mutant_load(p, 2, 0);
}

static inline uint32_t port_ld32(const void *p)
{
    return (uint32_t)mutant_load(p, 4, 0);
}

static inline uint64_t port_ld64(const void *p)
{
    return mutant_load(p, 8, 0);
}

static inline void port_st16(void *p, uint16_t v)
{
    mutant_store(p, 2, v, 0);
}

static inline void port_st32(void *p, uint32_t v)
{
    mutant_store(p, 4, v, 0);
}

static inline void port_st64(void *p, uint64_t v)
{
    mutant_store(p, 8, v, 0);
}

static inline uint16_t port_ld16_acquire(const void *p)
{
    return (uint16_t)mutant_load(p, 2, 1);
}

static inline void port_st16_release(void *p, uint16_t v)
{
    mutant_store(p, 2, v, 1);
}

static inline void port_fence(void)
{
    mutant_fence(0);
}

static inline void port_fence_platform(void)
{
    mutant_fence(1);
}

/* Payloads and indirect tables are copied. */
#define memcpy(to, from, n) mutant_copy(to, from, n)
#define memset(to, c, n) mutant_set(to, c, n)

#endif /* VGPIO_TEST_PORT_MODEL_H */
