/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's "virt" for arm and aarch64: a GICv2, a PL011, 32 places for virtio-mmio. */
#include "board.h"

#define REG32(at) (*(volatile uint32_t *)(uintptr_t)(at))

enum {
    SLOTS = 32,
    SLOT_SIZE = 0x200,
    SLOT_IRQ = 48, /* of the first */
    PSCI_SYSTEM_OFF = (int)0x84000008
};

#define GICD UINT32_C(0x08000000)
#define GICC UINT32_C(0x08010000)
#define UART UINT32_C(0x09000000)
#define SLOT0 UINT32_C(0x0a000000)

uintptr_t board_slot(unsigned i)
{
    return i < SLOTS ? SLOT0 + i * SLOT_SIZE : 0;
}

void board_irq_on(unsigned slot)
{
    unsigned irq = SLOT_IRQ + slot;

    REG32(GICD + 0x800 + irq / 4 * 4) |= UINT32_C(1) << irq % 4 * 8; /* to CPU 0 */
    REG32(GICD + 0x100 + irq / 32 * 4) = UINT32_C(1) << irq % 32;
    REG32(GICD) = 1;
    REG32(GICC + 4) = 0xff; /* every priority */
    REG32(GICC) = 1;
#ifdef __aarch64__
    __asm__ volatile("msr daifclr, #2" ::: "memory");
#else
    __asm__ volatile("cpsie i" ::: "memory");
#endif
}

/* The interrupt is a level: it ends after gpio_isr() has taken its causes away. */
void board_irq(void)
{
    uint32_t irq = REG32(GICC + 0xc);

    if ((irq & 0x3ff) < 1020) { /* else spurious */
        gpio_isr();
        REG32(GICC + 0x10) = irq;
    }
}

/* What waits while masked ends wfi, too. */
void board_sleep_unless(const volatile uint8_t *flag)
{
#ifdef __aarch64__
    __asm__ volatile("msr daifset, #2" ::: "memory");
    if (!*flag) {
        __asm__ volatile("dsb sy\n\twfi" ::: "memory");
    }
    __asm__ volatile("msr daifclr, #2" ::: "memory");
#else
    __asm__ volatile("cpsid i" ::: "memory");
    if (!*flag) {
        __asm__ volatile("dsb sy\n\twfi" ::: "memory");
    }
    __asm__ volatile("cpsie i" ::: "memory");
#endif
}

void board_putc(char c)
{
    while (REG32(UART + 0x18) & 1u << 5) {
    }
    REG32(UART) = (unsigned char)c;
}

void board_off(void)
{
#ifdef __aarch64__
    register uint64_t function __asm__("x0") = (uint32_t)PSCI_SYSTEM_OFF;
#else
    register uint32_t function __asm__("r0") = (uint32_t)PSCI_SYSTEM_OFF;
#endif

    __asm__ volatile("hvc #0" : "+r"(function)::"memory");
    for (;;) {
    }
}
