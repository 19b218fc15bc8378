/* SPDX-License-Identifier: BSD-3-Clause */
/* The stage of `vgpio demo`: a driver, a device and the memory they share, in a world
 * whose clock moves by one microsecond a message, so that each run prints the same. */
#ifndef VGPIO_CLI_DEMO_H
#define VGPIO_CLI_DEMO_H

#include "bank.h"
#include "features.h"
#include "tap.h"
#include "vcd.h"

#include <stdbool.h>
#include <stdio.h>
#include <virtiogpio/driver.h>
#include <virtiogpio/loop.h>
#include <virtiogpio/sync.h>

#define DEMO_LINES 4u
#define DEMO_NREQ 4u
#define DEMO_NIRQ 2u
#define DEMO_CHANGES 128u
#define DEMO_GPA 0x40000000u /* where the device finds the shared memory */
#define DEMO_STEP_NS 1000u

struct demo {
    FILE *out;
    bool utf8;
    unsigned failures;
    uint64_t now_ns;

    struct bank bank;                /* the device, and the simulated lines behind it */
    void *driver_view, *device_view; /* two mappings of one memfd */
    size_t size;
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_loop loop;
    struct tap tap;
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[DEMO_NREQ + DEMO_NIRQ];
    struct vgpio_drvq_slot ring[2u * (DEMO_NREQ + DEMO_NIRQ)];
    struct vgpio_sync sync;
    unsigned irqs[DEMO_LINES]; /* interrupts the driver took and nobody asked for yet */

    char shown[DEMO_LINES + 1];
    struct wave_change changes[DEMO_CHANGES];
    struct wave wave;
};

/* 0, or an exit code: said why on stderr. demo_free() is due in any case. */
int demo_init(struct demo *, FILE *out, bool utf8, const struct features *);
void demo_free(struct demo *);

/* What is said between the messages. */
void demo_title(struct demo *, const char *title);
void demo_say(struct demo *, const char *text);
/* Counts a failure, and tells of it on stderr, unless both are the same. */
void demo_expect(struct demo *, const char *what, long got, long wanted);

/* The driver's side. */
bool demo_has_irq(const struct demo *);
void demo_start(struct demo *);
void demo_names(struct demo *);
void demo_ask(struct demo *, unsigned type, uint16_t line, uint32_t value, int wanted);
void demo_unmask(struct demo *, uint16_t line);
void demo_stop(struct demo *);

/* The outside's: `deed` says what happens, and how many interrupts must come of it. */
void demo_pull(struct demo *, uint16_t line, unsigned level, const char *deed);
void demo_expect_irqs(struct demo *, uint16_t line, unsigned wanted);

#endif /* VGPIO_CLI_DEMO_H */
