/* SPDX-License-Identifier: BSD-3-Clause */
/* What 04_rtos_guest.c wants of its RTOS and its board: replace by yours. */
#ifndef EXAMPLES_04_BOARD_H
#define EXAMPLES_04_BOARD_H

#include <virtiogpio/driver.h>

/* The way to the device: virtio-mmio at an address of the board, PCI, anything that can
 * fill in a vgpio_bus_ops. Call it before vgpio_drv_init(). */
void board_find_gpio(const struct vgpio_bus_ops **bus, void **bus_ctx);
/* Acknowledges the device's interrupt; says if it was one for its configuration. */
int board_gpio_ack(void);

void os_sem_give(void); /* may be called in an interrupt handler */
void os_sem_take(void); /* sleeps until it was given */
void os_yield(void);

/* What the board calls. */
void gpio_isr(void);
void gpio_task(void);

#endif /* EXAMPLES_04_BOARD_H */
