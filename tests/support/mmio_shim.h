/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's side of the registers as functions, in place of a trap: each access is held
 * against the rules for drivers before the device sees it, and afterwards the interrupt
 * line is what the device says it is. */
#ifndef TESTS_MMIO_SHIM_H
#define TESTS_MMIO_SHIM_H

#include <virtiogpio/mmio.h>

#define MMIO_SHIM_LOG 256u

struct mmio_access {
    uint32_t off, value;
    uint8_t size, write;
};

struct mmio_shim {
    struct vgpio_mmio_dev dev;
    struct vgpio_vdev vdev;
    struct vgpio_mmio_bus bus;
    int line;       /* level of the interrupt line */
    unsigned kicks; /* queues that were rung and not served yet */
    /* what was seen of the driver */
    struct mmio_access log[MMIO_SHIM_LOG];
    unsigned nlog; /* all there ever were; the log has the last ones */
    uint64_t sel_seen;
    uint32_t isr_seen, queue_max, queue_ready;
};

/* Registers around `vdev`, and a bus on them that found a device. */
void mmio_shim_open(struct mmio_shim *s, struct vgpio_vdev vdev,
                    const struct vgpio_mem *mem);
/* The device serves what was rung until nothing is left; the line is as it says. */
void mmio_shim_serve(struct mmio_shim *s);
/* A guest's interrupt handler: what it was for, 0 while the line is low. */
uint32_t mmio_shim_isr(struct mmio_shim *s);
/* How often a register was written (or read), as far as the log goes back. */
unsigned mmio_shim_count(const struct mmio_shim *s, uint32_t off, int write);

extern const struct vgpio_mmio_io mmio_shim_io; /* ctx: the struct mmio_shim */

#endif /* TESTS_MMIO_SHIM_H */
