/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines that misbehave, within what the protocol allows: between a device and its lines,
 * so that neither knows. Also what a hog refuses. */
#ifndef VGPIO_CLI_FAULTS_H
#define VGPIO_CLI_FAULTS_H

#include "board.h"
#include "vclock.h"

#define FAULTS_MAX 64u /* that may be added to a pin while the server runs */

struct faults;
struct fault_active;

struct fault_pin {
    struct fault_active *rules; /* of several that hit, the first one does it */
    struct vtimer answer;       /* of a request that is delayed */
    struct fault_device *device;
    vgpio_token token;
    unsigned message, arg, value;
    bool waits; /* for an answer that is late, or never comes */
};

struct fault_device {
    struct faults *faults;
    const struct vgpio_line_ops *ops; /* the lines themselves */
    void *ctx;
    struct vgpio_sink sink;
    uint16_t first, nlines; /* pins */
    uint32_t index;
};

struct faults {
    const struct board *board;
    struct vclock *clock;
    struct fault_pin *pins;
    struct fault_device *devices;
    /* Told after an answer that came late: the driver is owed an interrupt. */
    void (*touch)(void *ctx, uint32_t device);
    void (*pulse)(void *ctx, uint16_t pin);
    void *ctx;
};

extern const struct vgpio_line_ops fault_ops; /* ctx: a fault_device */

/* -1: out of memory; faults_free() it in either case. */
int faults_init(struct faults *, const struct board *, struct vclock *);
void faults_free(struct faults *);
/* Adds a rule; storms count from now on. -1: out of memory. */
int faults_add(struct faults *, uint16_t pin, const struct fault_rule *);
/* How many rules a pin has, those included that have hit for the last time. */
uint32_t faults_count(const struct faults *, uint16_t pin);
/* Answers whatever waits, as if its time had come, and heals all pins; then there are so
 * many, in new memory. */
void faults_renew(struct faults *, struct fault_pin *pins, uint32_t npins);
/* Heals a pin: no rules; what would never be answered is refused now. */
void faults_clear(struct faults *, uint16_t pin);

#endif /* VGPIO_CLI_FAULTS_H */
