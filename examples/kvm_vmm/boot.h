/* SPDX-License-Identifier: BSD-3-Clause */
/* What a PC's boot loader and firmware leave in memory for Linux. */
#ifndef KVM_VMM_BOOT_H
#define KVM_VMM_BOOT_H

#include "vm.h"

enum {
    BOOT_PARAMS = 0x7000, /* what RSI points to at the kernel's first instruction */
    MPTABLE = 0x9fc00,    /* in the last KiB below 640 KiB, where Linux looks for it */
    HIGH_MEMORY = 0x100000
};

/* Loads a bzImage or an ELF file (vmlinux), and the initial RAM disk unless it is NULL.
 * Prints what is wrong and returns EXIT_.... */
int boot_load(const struct vm *, const char *kernel, const char *initrd,
              const char *cmdline, uint64_t *entry);

/* How interrupts reach the processors: Intel's MultiProcessor table. Line `level_irq` is
 * a level, the other ones are edges as they were on the ISA bus. */
void mptable_write(const struct vm *, unsigned level_irq);

#endif /* KVM_VMM_BOOT_H */
