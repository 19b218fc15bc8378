/* SPDX-License-Identifier: BSD-3-Clause */
#include "serial.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { /* registers; the others only keep what is written */
    DATA = 0,
    INTERRUPT_ENABLE = 1,
    INTERRUPT_ID = 2, /* written: FIFO control */
    LINE_CONTROL = 3,
    LINE_STATUS = 5,
    MODEM_STATUS = 6
};
enum {
    ON_RECEIVED = 1,
    ON_SENT = 2,
    DIVISOR_ACCESS = 0x80,
    FIFO_ENABLE = 1,
    ID_NONE = 1,
    ID_SENT = 2,
    ID_RECEIVED = 4,
    ID_HAS_FIFO = 0xc0,
    STATUS_RECEIVED = 1,
    STATUS_SENT = 0x60, /* at once: a byte is gone before the guest looks */
    STATUS_READY = 0xb0 /* carrier, ready, clear to send */
};

int serial_init(struct serial *s, struct vm *vm, int in, int out)
{
    pthread_mutex_init(&s->lock, NULL);
    s->vm = vm;
    s->in = in;
    s->out = out;
    s->drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s->drained < 0 ? failed("eventfd") : EXIT_OK;
}

/* No bytes are kept here: who is typed to faster than the guest reads has to wait. */
static bool has_input(struct serial *s)
{
    struct pollfd in = {s->in, POLLIN, 0};
    const uint64_t one = 1;

    if (s->ready && poll(&in, 1, 0) <= 0) {
        s->ready = false;
        (void)!write(s->drained, &one, sizeof one);
    }
    return s->ready;
}

static uint8_t take_input(struct serial *s)
{
    uint8_t byte = 0;
    ssize_t n = has_input(s) ? read(s->in, &byte, 1) : 1;

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        s->in = -1; /* nothing is ready from now on */
        s->ready = false;
    }
    return byte;
}

static uint8_t interrupt_id(struct serial *s)
{
    unsigned wanted = s->reg[INTERRUPT_ENABLE];

    return (wanted & ON_RECEIVED) != 0 && has_input(s) ? ID_RECEIVED
           : (wanted & ON_SENT) != 0 && s->sent        ? ID_SENT
                                                       : ID_NONE;
}

/* An edge on the ISA bus is one from low to high, so KVM is told the level. */
static void update_irq(struct serial *s)
{
    bool level = interrupt_id(s) != ID_NONE;

    if (level != s->raised) {
        s->raised = level;
        vm_set_irq(s->vm, SERIAL_IRQ, level);
    }
}

static uint8_t read_register(struct serial *s, unsigned reg)
{
    uint8_t value = s->reg[reg];

    switch (reg) {
    case DATA:
        return take_input(s);
    case INTERRUPT_ID:
        value = (value & FIFO_ENABLE) != 0 ? ID_HAS_FIFO : 0;
        value |= interrupt_id(s);
        s->sent = s->sent && (value & ID_SENT) == 0; /* told */
        return value;
    case LINE_STATUS:
        return STATUS_SENT | (has_input(s) ? STATUS_RECEIVED : 0);
    case MODEM_STATUS:
        return STATUS_READY;
    default:
        return value;
    }
}

static void write_register(struct serial *s, unsigned reg, uint8_t value)
{
    if (reg == DATA) {
        while (write(s->out, &value, 1) < 0 && errno == EINTR) {
        }
        s->sent = true;
    } else if (reg == INTERRUPT_ENABLE) {
        value &= 0xf;
        /* Enabled anew, it says that it is idle. */
        s->sent = s->sent || (value & ~s->reg[reg] & ON_SENT) != 0;
    }
    s->reg[reg] = value;
}

void serial_access(struct serial *s, unsigned reg, uint8_t *data, bool write)
{
    pthread_mutex_lock(&s->lock);
    if (reg <= INTERRUPT_ENABLE && (s->reg[LINE_CONTROL] & DIVISOR_ACCESS) != 0) {
        if (write) {
            s->divisor[reg] = *data;
        } else {
            *data = s->divisor[reg];
        }
    } else if (write) {
        write_register(s, reg, *data);
    } else {
        *data = read_register(s, reg);
    }
    update_irq(s);
    pthread_mutex_unlock(&s->lock);
}

void serial_ready(struct serial *s)
{
    pthread_mutex_lock(&s->lock);
    s->ready = true;
    update_irq(s);
    pthread_mutex_unlock(&s->lock);
}
