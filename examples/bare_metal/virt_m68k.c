/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's "virt" for m68k, big-endian: goldfish devices, 128 places for virtio-mmio, of
 * which 32 share an interrupt controller and that a level of the CPU. */
#include "board.h"

#define REG32(at) (*(volatile uint32_t *)(uintptr_t)(at))

#define PIC0 UINT32_C(0xff000000)
#define TTY UINT32_C(0xff008000)
#define POWER UINT32_C(0xff009000)
#define SLOT0 UINT32_C(0xff010000)

enum {
    SLOTS = 128,
    SLOT_SIZE = 0x200,
    PIC_SIZE = 0x1000,
    PIC_PENDING = 4,
    PIC_DISABLE_ALL = 8,
    PIC_ENABLE = 16,
    POWER_COMMAND = 4,
    HALT = 2
};

static uint32_t pic; /* that of our device; the first serves no virtio-mmio */

uintptr_t board_slot(unsigned i)
{
    return i < SLOTS ? SLOT0 + i * SLOT_SIZE : 0;
}

void board_irq_on(unsigned slot)
{
    pic = PIC0 + (1 + slot / 32) * PIC_SIZE;
    REG32(pic + PIC_DISABLE_ALL) = 1;
    REG32(pic + PIC_ENABLE) = UINT32_C(1) << slot % 32;
    __asm__ volatile("move.w #0x2000, %%sr" ::: "memory");
}

void board_irq(void)
{
    if (REG32(pic + PIC_PENDING) != 0) {
        gpio_isr();
    }
}

/* stop lets interrupts in and waits for one, in one step. */
void board_sleep_unless(const volatile uint8_t *flag)
{
    __asm__ volatile("move.w #0x2700, %%sr" ::: "memory");
    if (!*flag) {
        __asm__ volatile("stop #0x2000" ::: "memory");
    }
    __asm__ volatile("move.w #0x2000, %%sr" ::: "memory");
}

void board_putc(char c)
{
    REG32(TTY) = (unsigned char)c;
}

void board_off(void)
{
    for (;;) {
        REG32(POWER + POWER_COMMAND) = HALT;
    }
}
