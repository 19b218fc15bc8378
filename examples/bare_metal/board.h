/* SPDX-License-Identifier: BSD-3-Clause */
/* What guest.c wants of a machine; virt_*.c and start_*.S are the "virt" ones of QEMU. */
#ifndef BARE_METAL_BOARD_H
#define BARE_METAL_BOARD_H

#include <stdint.h>

/* Where the i-th virtio-mmio device is, if there is one; 0: no further place. A real
 * board takes it from its manual or from the device tree. */
uintptr_t board_slot(unsigned i);
/* From now on the interrupt of that place calls gpio_isr(). */
void board_irq_on(unsigned slot);
/* Sleeps until there was an interrupt; not at all if *flag is set. That is looked at with
 * interrupts off, or one between the look and the sleep would be slept through. */
void board_sleep_unless(const volatile uint8_t *flag);

void board_putc(char c);
void board_off(void);

/* What the machine calls: after its start, and in its interrupt handler. */
void guest_main(void);
void gpio_isr(void);

/* What start_*.S calls. */
void board_irq(void);
void board_fault(void);

#endif /* BARE_METAL_BOARD_H */
