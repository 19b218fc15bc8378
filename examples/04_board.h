/* SPDX-License-Identifier: BSD-3-Clause */
/* What 04_rtos_guest.c wants of its RTOS and its board: replace by yours. */
#ifndef EXAMPLES_04_BOARD_H
#define EXAMPLES_04_BOARD_H

#include <virtiogpio/mmio.h>

/* A semaphore that remembers one give. */
struct os_sem {
    volatile unsigned given;
};
#define OS_FOREVER (-1)

void os_sem_give(struct os_sem *sem); /* may be called in an interrupt handler */
/* Sleeps until it was given, which it takes back: 0. Below 0: not in so many ticks. */
int os_sem_take(struct os_sem *sem, int ticks);
void os_lock(void); /* a mutex; where tasks cannot interrupt each other, nothing */
void os_unlock(void);
void os_yield(void);

/* Here registers are reached through functions; on a real board this is
 * vgpio_mmio_bus_init() with their address. */
int board_find_gpio(struct vgpio_mmio_bus *bus);
void board_print(const char *text, int number);

/* What the board calls: two tasks, and the handler of the device's interrupt. */
void gpio_task(void);
void app_task(void);
void gpio_isr(void);

#endif /* EXAMPLES_04_BOARD_H */
