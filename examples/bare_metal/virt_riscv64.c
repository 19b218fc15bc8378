/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's "virt" for riscv64, in machine mode: a PLIC, a 16550, 8 places. */
#include "board.h"

#define REG8(at) (*(volatile uint8_t *)(uintptr_t)(at))
#define REG32(at) (*(volatile uint32_t *)(uintptr_t)(at))

#define POWER UINT32_C(0x00100000)
#define PLIC UINT32_C(0x0c000000)
#define UART UINT32_C(0x10000000)
#define SLOT0 UINT32_C(0x10001000)

enum {
    SLOTS = 8,
    SLOT_SIZE = 0x1000,
    SLOT_IRQ = 1, /* of the first */
    POWER_OFF = 0x5555,
    MIE_MEIE = 1 << 11, /* external interrupts */
    MSTATUS_MIE = 1 << 3
};

uintptr_t board_slot(unsigned i)
{
    return i < SLOTS ? SLOT0 + i * SLOT_SIZE : 0;
}

void board_irq_on(unsigned slot)
{
    unsigned irq = SLOT_IRQ + slot;

    REG32(PLIC + irq * 4) = 1;                  /* its priority, */
    REG32(PLIC + 0x2000) |= UINT32_C(1) << irq; /* for us, */
    REG32(PLIC + 0x200000) = 0;                 /* who take every one */
    __asm__ volatile("csrs mie, %0\n\tcsrs mstatus, %1" ::"r"((uintptr_t)MIE_MEIE),
                     "r"((uintptr_t)MSTATUS_MIE)
                     : "memory");
}

/* The interrupt is a level: it ends after gpio_isr() has taken its causes away. */
void board_irq(void)
{
    uint32_t irq = REG32(PLIC + 0x200004);

    if (irq != 0) { /* else spurious */
        gpio_isr();
        REG32(PLIC + 0x200004) = irq;
    }
}

/* What waits while masked ends wfi, too. */
void board_sleep_unless(const volatile uint8_t *flag)
{
    __asm__ volatile("csrc mstatus, %0" ::"r"((uintptr_t)MSTATUS_MIE) : "memory");
    if (!*flag) {
        __asm__ volatile("wfi" ::: "memory");
    }
    __asm__ volatile("csrs mstatus, %0" ::"r"((uintptr_t)MSTATUS_MIE) : "memory");
}

void board_putc(char c)
{
    while ((REG8(UART + 5) & 0x20) == 0) {
    }
    REG8(UART) = (unsigned char)c;
}

void board_off(void)
{
    for (;;) {
        REG32(POWER) = POWER_OFF;
    }
}
