/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver without an operating system: finds its device, lists the lines, blinks, lets a
 * button switch the light, takes a refusal, and starts the device again.
 *
 * The same on every CPU; what is a machine's own is behind board.h. */
#include <virtiogpio/driver.h>
#include <virtiogpio/mmio.h>

#include "board.h"

enum {
    NREQ = 4, /* requests in flight */
    NIRQ = 4, /* lines with an interrupt */
    BLINKS = 100,
    NAMES_MAX = 128,
    NO_LINE = 0xffff
};

static _Alignas(VGPIO_DMA_ALIGN) uint8_t dma[VGPIO_DMA_SIZE(NREQ, NIRQ)];
/* Shared with the device as well; the block begins behind a byte for the status. */
static _Alignas(VGPIO_DMA_ALIGN) uint8_t names[1 + NAMES_MAX];
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static struct vgpio_mmio_bus bus;
static struct vgpio_drv drv;

static uint16_t led, button, stop;
static unsigned last; /* level of the button */

static void put(const char *s)
{
    while (*s != '\0') {
        board_putc(*s++);
    }
}

static void put_number(unsigned n)
{
    if (n >= 10) {
        put_number(n / 10);
    }
    board_putc((char)('0' + n % 10));
}

/* --- the interrupt handler, and what it tells --- */

static volatile uint8_t given, config_irq;

/* Acknowledges and wakes, nothing else: the driver may be in the middle of anything. */
void gpio_isr(void)
{
    uint32_t why = vgpio_mmio_bus_ack(&bus);

    if (why & VGPIO_MMIO_CONFIG) {
        config_irq = 1;
    }
    if (why) {
        given = 1;
    }
}

static void sleep(void)
{
    while (!given) {
        board_sleep_unless(&given);
    }
    given = 0;
}

/* --- waiting --- */

static uint8_t changed; /* a line interrupted, and nobody looked yet */

/* Edges from here on are kept by the device, or interrupt. */
static void line_interrupted(const struct vgpio_drv_event *ev)
{
    changed = 1;
    if (ev->result >= 0) {
        (void)vgpio_drv_unmask(&drv, ev->line);
    }
}

/* Until the request with this cookie is over, whose result it returns; without a cookie,
 * until a line interrupted. Polls until there is nothing, flushes, asks *again* with
 * rearm(), and only then sleeps. Below VGPIO_ERR_FATAL: the device is broken. */
static int wait_for(const void *cookie)
{
    struct vgpio_drv_event ev;
    int n;

    for (;;) {
        while ((n = vgpio_drv_poll(&drv, &ev)) > 0) {
            if (ev.kind == VGPIO_IRQ) {
                line_interrupted(&ev);
            } else if (ev.cookie == cookie) {
                return ev.result;
            }
        }
        n = n < 0 ? n : vgpio_drv_flush(&drv);
        if (n == 0 && cookie == NULL && changed) {
            return 0;
        }
        n = n < 0 ? n : vgpio_drv_rearm(&drv);
        if (n == 0) {
            sleep();
        }
        if (n >= 0 && config_irq) {
            config_irq = 0;
            n = vgpio_drv_config_changed(&drv);
        }
        if (n < 0) {
            return n;
        }
    }
}

/* One request and its answer. */
static int ask(unsigned type, uint16_t line, uint32_t value)
{
    static const char cookie;
    int n = vgpio_drv_submit(&drv, type, line, value, (void *)(uintptr_t)&cookie);

    return n < 0 ? n : wait_for(&cookie);
}

/* --- the device --- */

static int start(void)
{
    int n;

    while ((n = vgpio_drv_start(&drv)) > 0) {
        /* Not reset yet. There is no clock: how often to ask is up to you. */
    }
    return n;
}

/* Empty places say nothing; other kinds of devices are not ours. */
static int find(void)
{
    const struct vgpio_drv_config cfg = {.bus = &vgpio_mmio_bus_ops,
                                         .bus_ctx = &bus,
                                         .dma = dma,
                                         .dma_addr = (uintptr_t)dma,
                                         .dma_size = sizeof dma,
                                         .slots = slots,
                                         .ring = ring,
                                         .nreq = NREQ,
                                         .nirq = NIRQ};
    uintptr_t at;
    unsigned i;

    for (i = 0; (at = board_slot(i)) != 0; i++) {
        if (vgpio_mmio_bus_init(&bus, (volatile void *)at) == VGPIO_OK &&
            vgpio_drv_init(&drv, &cfg) == VGPIO_OK && start() == 0) {
            board_irq_on(i);
            return (int)i;
        }
    }
    return -1;
}

static uint16_t line_called(const char *wanted, const char *name, uint16_t line)
{
    while (*wanted != '\0' && *wanted == *name) {
        wanted++;
        name++;
    }
    return *wanted == *name ? line : NO_LINE;
}

/* The block may be anything; vgpio_names_next() does not leave it. Not copied: the device
 * could still write there, but a name that changes does no harm here. */
static int list_names(void)
{
    uint32_t size = vgpio_drv_names_size(&drv), off = 0;
    uint16_t line, ngpio = vgpio_drv_ngpio(&drv);
    const char *name;
    int n = vgpio_drv_read_names(&drv, names, (uintptr_t)names, sizeof names, names);

    n = n < 0 ? n : wait_for(names);
    if (n < 0) {
        return n;
    }
    led = button = stop = NO_LINE;
    for (line = 0; line < ngpio; line++) {
        name = vgpio_names_next(names + 1, size, &off);
        if (name == NULL) {
            break;
        }
        put("line ");
        put_number(line);
        put(": ");
        put(name);
        put("\n");
        led &= line_called("led", name, line);
        button &= line_called("button", name, line);
        stop &= line_called("stop", name, line);
    }
    return led != NO_LINE && button != NO_LINE && stop != NO_LINE ? 0 : VGPIO_ERR_INVAL;
}

/* --- what it does --- */

static int blink(void)
{
    unsigned i;
    int n = ask(VGPIO_MSG_SET_VALUE, led, 0); /* first the level, then the direction */

    n = n < 0 ? n : ask(VGPIO_MSG_SET_DIRECTION, led, VGPIO_DIR_OUT);
    for (i = 0; i < 2 * BLINKS && n >= 0; i++) {
        n = ask(VGPIO_MSG_SET_VALUE, led, ~i & 1u);
    }
    if (n >= 0) {
        put("blinked\n");
    }
    return n;
}

/* An output has no interrupt: the device says ERR. That is an answer like any other. */
static int ask_too_much(void)
{
    int n = ask(VGPIO_MSG_SET_IRQ_TYPE, led, VGPIO_IRQ_EDGE_RISING);

    if (n == VGPIO_ERR_IO) {
        put("refused\n");
        n = ask(VGPIO_MSG_GET_DIRECTION, led, 0) == VGPIO_DIR_OUT ? 0 : VGPIO_ERR_PROTO;
    }
    return n;
}

/* Returns 1 if this device has interrupts, 0 if not. */
static int watch(uint16_t line)
{
    int n = ask(VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN);

    n = n < 0 ? n : ask(VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH);
    n = n < 0 ? n : vgpio_drv_unmask(&drv, line);
    return n == VGPIO_ERR_NOTSUP ? 0 : n < 0 ? n : 1;
}

/* Edges while we look are kept by the device; several may have become one. */
static int look_at_button(void)
{
    static unsigned light;
    int level = ask(VGPIO_MSG_GET_VALUE, button, 0);

    if (level < 0 || (unsigned)level == last) {
        return level;
    }
    last = (unsigned)level;
    put(last ? "pressed\n" : "released\n");
    light ^= last;
    return ask(VGPIO_MSG_SET_VALUE, led, light);
}

/* Until the line "stop" is 1. */
static int obey_button(void)
{
    int irqs = watch(button);
    int n = irqs < 0 ? irqs : watch(stop);

    if (n >= 0) {
        put(irqs ? "waiting for interrupts\n" : "no interrupts here: asking\n");
    }
    while (n >= 0 && (n = ask(VGPIO_MSG_GET_VALUE, stop, 0)) == 0) {
        n = irqs ? wait_for(NULL) : 0;
        changed = 0; /* before the look: what comes after it is another change */
        n = n < 0 ? n : look_at_button();
    }
    return n;
}

/* With a request in flight, answered by now or not: it comes back as stale. */
static int restart(void)
{
    struct vgpio_drv_event ev;
    int n = vgpio_drv_submit(&drv, VGPIO_MSG_GET_VALUE, led, 0, NULL);

    n = n < 0 ? n : vgpio_drv_flush(&drv);
    while (n >= 0 && (n = vgpio_drv_stop(&drv)) > 0) {
    }
    if (n < 0 || vgpio_drv_poll(&drv, &ev) != 1 || ev.result != VGPIO_ERR_STALE) {
        return n < 0 ? n : VGPIO_ERR_PROTO;
    }
    n = start();
    n = n < 0 ? n : ask(VGPIO_MSG_GET_DIRECTION, led, 0);
    if (n == VGPIO_DIR_NONE) {
        put("started again\n");
    }
    return n;
}

void guest_main(void)
{
    int n = find();

    if (n < 0) {
        put("no GPIO device\n");
        return;
    }
    put("device in place ");
    put_number((unsigned)n);
    put("\n");
    n = list_names();
    n = n < 0 ? n : blink();
    n = n < 0 ? n : ask_too_much();
    n = n < 0 && n != VGPIO_ERR_NOTSUP ? n : obey_button();
    n = n < 0 ? n : restart();
    if (n < 0) {
        put("error -");
        put_number((unsigned)-n);
        put("\n");
    } else {
        put("done\n");
    }
}
