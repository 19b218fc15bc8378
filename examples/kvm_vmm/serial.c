/* SPDX-License-Identifier: BSD-3-Clause */
#include "serial.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { /* registers */
    DATA = 0,
    INTERRUPT_ENABLE = 1,
    INTERRUPT_ID = 2, /* written: FIFO control */
    LINE_CONTROL = 3,
    MODEM_CONTROL = 4,
    LINE_STATUS = 5,
    MODEM_STATUS = 6,
    SCRATCH = 7
};
enum {
    ON_RECEIVED = 1,
    ON_SENT = 2,
    DIVISOR_ACCESS = 0x80,
    CLEAR_RECEIVED = 2,
    ID_NONE = 1,
    ID_SENT = 2,
    ID_RECEIVED = 4,
    ID_HAS_FIFO = 0xc0,
    STATUS_RECEIVED = 1,
    STATUS_SENT = 0x60, /* at once: a byte is gone before the guest looks */
    STATUS_READY = 0xb0 /* carrier, ready, clear to send */
};

int serial_init(struct serial *s, struct vm *vm, int out)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->vm = vm;
    s->out = out;
    s->room = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->room < 0) {
        complain("eventfd: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static uint8_t interrupt_id(const struct serial *s)
{
    if ((s->interrupts & ON_RECEIVED) != 0 && s->count > 0) {
        return ID_RECEIVED;
    }
    return (s->interrupts & ON_SENT) != 0 && s->sent ? ID_SENT : ID_NONE;
}

/* An edge on the ISA bus is one from low to high, so KVM is told the level. */
static void update_irq(struct serial *s)
{
    bool level = interrupt_id(s) != ID_NONE;

    if (level != s->raised) {
        s->raised = level;
        (void)vm_set_irq(s->vm, SERIAL_IRQ, level);
    }
}

static void send_byte(struct serial *s, uint8_t byte)
{
    ssize_t n;

    do {
        n = write(s->out, &byte, 1);
    } while (n < 0 && errno == EINTR);
    s->sent = true;
}

static uint8_t take_byte(struct serial *s)
{
    const uint64_t one = 1;
    uint8_t byte;

    if (s->count == 0) {
        return 0;
    }
    byte = s->fifo[s->first];
    s->first = (s->first + 1) % SERIAL_FIFO;
    if (s->count-- == SERIAL_FIFO) {
        (void)!write(s->room, &one, sizeof one);
    }
    return byte;
}

static uint8_t read_register(struct serial *s, unsigned reg)
{
    uint8_t id;

    switch (reg) {
    case DATA:
        return take_byte(s);
    case INTERRUPT_ENABLE:
        return s->interrupts;
    case INTERRUPT_ID:
        id = interrupt_id(s);
        if (id == ID_SENT) {
            s->sent = false;
        }
        return (uint8_t)(id | (s->fifo_control & 1u ? ID_HAS_FIFO : 0u));
    case LINE_CONTROL:
        return s->line_control;
    case MODEM_CONTROL:
        return s->modem_control;
    case LINE_STATUS:
        return STATUS_SENT | (s->count > 0 ? STATUS_RECEIVED : 0);
    case MODEM_STATUS:
        return STATUS_READY;
    default:
        return s->scratch;
    }
}

static void write_register(struct serial *s, unsigned reg, uint8_t value)
{
    switch (reg) {
    case DATA:
        send_byte(s, value);
        break;
    case INTERRUPT_ENABLE:
        /* Enabled anew, it says that it is idle. */
        s->sent = s->sent || (value & ~s->interrupts & ON_SENT) != 0;
        s->interrupts = value & 0xf;
        break;
    case INTERRUPT_ID:
        s->fifo_control = value;
        if ((value & CLEAR_RECEIVED) != 0) {
            while (s->count > 0) {
                (void)take_byte(s);
            }
        }
        break;
    case LINE_CONTROL:
        s->line_control = value;
        break;
    case MODEM_CONTROL:
        s->modem_control = value;
        break;
    case SCRATCH:
        s->scratch = value;
        break;
    default:
        break;
    }
}

void serial_access(struct serial *s, unsigned reg, uint8_t *data, bool write)
{
    pthread_mutex_lock(&s->lock);
    if (reg <= INTERRUPT_ENABLE && (s->line_control & DIVISOR_ACCESS) != 0) {
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

unsigned serial_room(struct serial *s)
{
    unsigned room;

    pthread_mutex_lock(&s->lock);
    room = SERIAL_FIFO - s->count;
    pthread_mutex_unlock(&s->lock);
    return room;
}

void serial_input(struct serial *s, const uint8_t *data, unsigned len)
{
    pthread_mutex_lock(&s->lock);
    while (len-- > 0 && s->count < SERIAL_FIFO) {
        s->fifo[(s->first + s->count++) % SERIAL_FIFO] = *data++;
    }
    update_irq(s);
    pthread_mutex_unlock(&s->lock);
}
