/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's console: a 16550A at the first serial port of a PC. */
#ifndef KVM_VMM_SERIAL_H
#define KVM_VMM_SERIAL_H

#include "vm.h"

enum {
    SERIAL_PORT = 0x3f8,
    SERIAL_PORTS = 8,
    SERIAL_IRQ = 4
};

struct serial {
    pthread_mutex_t lock;
    struct vm *vm;
    int in, out;               /* what is typed, and what the guest says */
    int drained;               /* eventfd: the guest has read all that was there */
    uint8_t reg[SERIAL_PORTS]; /* as the guest wrote them */
    uint8_t divisor[2];        /* in place of the first two, at times */
    bool ready;                /* there is something to read from `in` */
    bool sent;                 /* an interrupt that says so is owed */
    bool raised;               /* the level of its line */
};

int serial_init(struct serial *, struct vm *, int in, int out); /* EXIT_... */

/* The guest's access to port SERIAL_PORT + reg. */
void serial_access(struct serial *, unsigned reg, uint8_t *data, bool write);

/* `in` is readable: the guest is told, and reads it. Once `drained` is readable, too, it
 * is time to wait for `in` again; after the end of the input that does not happen. */
void serial_ready(struct serial *);

#endif /* KVM_VMM_SERIAL_H */
