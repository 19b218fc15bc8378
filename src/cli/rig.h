/* SPDX-License-Identifier: BSD-3-Clause */
/* A board at work: the lines of its devices, wired as the board says. */
#ifndef VGPIO_CLI_RIG_H
#define VGPIO_CLI_RIG_H

#include "board.h"
#include "faults.h"
#include "server.h"

struct rig;

struct rig_device {
    struct rig *rig;
    struct bank *bank;     /* NULL: not there yet */
    struct server *server; /* NULL: nobody to tell of interrupts */
    uint32_t index;
};

struct rig {
    struct board *board;
    const char *file; /* what the board was read from */
    struct vgpio_wiring wiring;
    struct vgpio_wiring_pin *pins;
    struct vgpio_wiring_wire *wires;
    struct rig_device *devices;
    struct faults faults;
    bool *armed; /* of each pin: its driver waits for an interrupt */
    struct vclock *clock;
    uint32_t alarms; /* that were told */
    bool running, muted;
    /* Told of each value that changes; may be NULL. */
    void (*on_value)(void *ctx, uint16_t pin, unsigned level);
    /* A device has a driver, or one of its lines can interrupt; may be NULL. */
    void (*on_guest)(void *ctx, uint32_t device);
    void (*on_armed)(void *ctx, uint16_t pin);
    void *watch_ctx;
};

/* Reads and checks a board file. 0; -1: said why on stderr. */
int rig_load(const char *file, struct board *);

/* Board and clock stay the caller's. -1: out of memory; rig_free() it in either case. */
int rig_init(struct rig *, struct board *, const char *file, struct vclock *);
void rig_free(struct rig *);
/* Makes the bank of a device. As bank_init(). */
int rig_bank(struct rig *, uint32_t device, struct bank *, uint64_t features, char *why,
             size_t why_size);
/* Brings power: from here on levels follow. */
void rig_start(struct rig *);

/* Reads the file again and rewires, with guests attached. `nodes`: these may be others
 * than before. -1: said why not, and all is as it was. */
int rig_reload(struct rig *, bool nodes);

/* What the outside does to a pin; VGPIO_FLOATING lets go. Level and pulse as in sim.h. */
void rig_outside(struct rig *, uint16_t pin, unsigned level);
void rig_pulse(struct rig *, uint16_t pin);
/* What is done to it now, and the level that results. */
unsigned rig_outside_of(const struct rig *, uint16_t pin);
unsigned rig_level(const struct rig *, uint16_t pin);
/* What a watcher sees: an output shows what it drives. */
unsigned rig_value(const struct rig *, uint16_t pin);

#endif /* VGPIO_CLI_RIG_H */
