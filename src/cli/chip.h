/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines behind a vhost-user socket, for commands that use them: one connection, one
 * driver, calls that wait with a deadline. Whatever goes wrong is said here, in one line
 * that names the socket; the caller only ends. */
#ifndef VGPIO_CLI_CHIP_H
#define VGPIO_CLI_CHIP_H

#include <stdbool.h>
#include <stdint.h>
#include <virtiogpio/sync.h>
#include <virtiogpio/vhost_user_front.h>

struct chip {
    char *name; /* what the user calls it */
    uint16_t nlines;
    const char **names; /* a name per line, "" = unnamed */
    /* Told of each interrupt; the line is masked then. result < 0: the device gave its
     * buffer back unused. */
    void (*on_irq)(void *ctx, uint16_t line, int result);
    void *ctx;

    struct vgpio_vuf_linux front;
    struct vgpio_drv drv;
    struct vgpio_sync sync;
    struct vgpio_drv_slot *slots;
    struct vgpio_drvq_slot *ring;
    uint16_t *irq_map;
    bool draft;     /* it speaks the draft */
    uint8_t *block; /* a copy of the names: the device can write to the original */
    uint32_t timeout_ms;
    uint64_t due_us; /* of the call that waits */
    bool stuck;      /* it did not answer once: nothing more is asked of it */
};

/* Connects, starts the driver, reads the names. `nirq`: how many lines will interrupt, 0
 * for none. -1: said why; close it in either case. */
int chip_open(struct chip *, const char *path, const char *name, unsigned nirq,
              uint32_t timeout_ms);
/* Stops the driver and forgets everything. */
void chip_close(struct chip *);

/* A request and its answer: 0 or more, or < 0 and nothing said: VGPIO_ERR_IO is the
 * device's "no". */
int chip_ask(struct chip *, unsigned type, uint16_t line, uint32_t value);
/* The same, but says why it failed. */
int chip_call(struct chip *, unsigned type, uint16_t line, uint32_t value);
/* Says why chip_ask() returned `err`; returns -1. */
int chip_say(struct chip *, int err, unsigned type, uint16_t line);

/* Lets a line interrupt once; takes effect with the next call or chip_poll(). */
int chip_unmask(struct chip *, uint16_t line);
/* Tells of all interrupts that came, and asks for the next: afterwards poll_fd of the
 * front end becomes readable when there is more. -1: said why. */
int chip_poll(struct chip *);

#endif /* VGPIO_CLI_CHIP_H */
