/* SPDX-License-Identifier: BSD-3-Clause */
/* The config file of a machine whose device does not see the CPU's caches. */
#ifndef TESTS_CACHE_CONFIG_H
#define TESTS_CACHE_CONFIG_H

#include <stddef.h>

#define VGPIO_CFG_SPLIT 1
#define VGPIO_CFG_PACKED 1
#define VGPIO_CFG_EVENT_IDX 1
#define VGPIO_CFG_INDIRECT 1
#define VGPIO_CFG_IN_ORDER 1
#define VGPIO_CFG_IRQ 1
#define VGPIO_CFG_NAMES 1
#define VGPIO_CFG_TRACE 1
#define VGPIO_CFG_FAST 1

void cache_clean(const void *p, size_t len);
void cache_invalidate(const void *p, size_t len);
#define VGPIO_DMA_CLEAN(p, len) cache_clean((p), (len))
#define VGPIO_DMA_INVALIDATE(p, len) cache_invalidate((p), (len))

#endif /* TESTS_CACHE_CONFIG_H */
