/* SPDX-License-Identifier: BSD-3-Clause */
/* The config file of a machine whose device does not see the CPU's caches, and whose
 * registers are reached by instructions of its own. */
#ifndef TESTS_CACHE_CONFIG_H
#define TESTS_CACHE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#define VGPIO_CFG_SPLIT 1
#define VGPIO_CFG_PACKED 1
#define VGPIO_CFG_EVENT_IDX 1
#define VGPIO_CFG_INDIRECT 1
#define VGPIO_CFG_IN_ORDER 1
#define VGPIO_CFG_IRQ 1
#define VGPIO_CFG_NAMES 1
#define VGPIO_CFG_TRACE 1
#define VGPIO_CFG_DIRTY 1
#define VGPIO_CFG_UNMAP 1
#define VGPIO_CFG_DIALECTS 1
#define VGPIO_CFG_MMIO_IO 1
#define VGPIO_CFG_QUEUE_STOP 1
#define VGPIO_CFG_FAST 1

void cache_clean(const void *p, size_t len);
void cache_invalidate(const void *p, size_t len);
#define VGPIO_DMA_CLEAN(p, len) cache_clean((p), (len))
#define VGPIO_DMA_INVALIDATE(p, len) cache_invalidate((p), (len))

uint32_t board_read(const volatile void *p, unsigned size);
void board_write(volatile void *p, uint32_t v);
#define VGPIO_MMIO_READ32(p) board_read((p), 4)
#define VGPIO_MMIO_READ16(p) ((uint16_t)board_read((p), 2))
#define VGPIO_MMIO_READ8(p) ((uint8_t)board_read((p), 1))
#define VGPIO_MMIO_WRITE32(p, v) board_write((p), (v))

#endif /* TESTS_CACHE_CONFIG_H */
