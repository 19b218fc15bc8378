/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's console: a 16550A at the first serial port of a PC. */
#ifndef KVM_VMM_SERIAL_H
#define KVM_VMM_SERIAL_H

#include "vm.h"

enum {
    SERIAL_PORT = 0x3f8,
    SERIAL_PORTS = 8,
    SERIAL_IRQ = 4,
    SERIAL_FIFO = 64
};

struct serial {
    pthread_mutex_t lock;
    struct vm *vm;
    int out;  /* what the guest says goes there */
    int room; /* eventfd: the guest has read, there is room for more */
    uint8_t interrupts, line_control, modem_control, scratch, fifo_control;
    uint8_t divisor[2];
    bool sent;   /* an interrupt that says so is owed */
    bool raised; /* the level of its line */
    uint8_t fifo[SERIAL_FIFO];
    unsigned first, count;
};

int serial_init(struct serial *, struct vm *, int out); /* EXIT_... */

/* The guest's access to port SERIAL_PORT + reg. */
void serial_access(struct serial *, unsigned reg, uint8_t *data, bool write);

/* How many bytes serial_input() takes now; 0: when `room` is readable, ask again. */
unsigned serial_room(struct serial *);
void serial_input(struct serial *, const uint8_t *data, unsigned len);

#endif /* KVM_VMM_SERIAL_H */
