/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's driver, led through everything that a rule could be broken by: for
 * `vgpio trap --spawn 'trap_driver "$SOCKET" [FLAGS [LAPS [MS]]]'`. It asks for what is
 * forbidden, too, which the driver has to refuse by itself. FLAGS are those of
 * vgpio_drv_config; MS is how long it waits for anything, and then it works only
 * once. Exit 0: all went as it does with an honest device; 1: not, and said
 * why; whatever the device does, each wait has an end. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <virtiogpio/driver.h>
#include <virtiogpio/vhost_user_front.h>

#define NREQ 8u
#define NIRQ 8u
#define NAMES_AT 0x10000u
#define NAMES_MAX (1u << 20)
#define INPUT 1
#define OUTPUT 2
#define OTHER 5

static struct vgpio_vuf_linux front;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static uint16_t irq_map[65536];
static unsigned flying, complaints, irqs[16], wait_ms = 20000;
static int last_result;
static bool over; /* nothing can be asked any more */

static void complain(const char *what, int err)
{
    complaints++;
    fprintf(stderr, "trap_driver: %s: %s (%s)\n", what, vgpio_strerror(err),
            vgpio_vuf_linux_reason(&front));
    over = over || err <= VGPIO_ERR_FATAL || vgpio_vuf_error(&front.vuf) != 0;
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void on_event(const struct vgpio_drv_event *ev)
{
    if (ev->kind == VGPIO_DONE) {
        flying--;
        last_result = ev->result;
        if (ev->result < 0) {
            complain("an answer", ev->result);
        }
    } else {
        irqs[ev->line % 16]++;
        if (ev->result < 0) {
            complain("an event", ev->result);
        }
    }
}

/* Flushes, takes what there is, sleeps once if that is nothing: for an interrupt only. */
static void turn(int ms)
{
    struct vgpio_drv_event ev;
    int n = vgpio_drv_flush(&drv);
    bool got = false;

    while (n >= 0 && (n = vgpio_drv_poll(&drv, &ev)) > 0) {
        on_event(&ev);
        got = true;
    }
    if (n >= 0 && !got) {
        n = vgpio_drv_rearm(&drv);
    }
    if (n == 0 && !got) {
        n = vgpio_vuf_linux_wait(&front, ms);
        n = n < 0 ? n : 0;
    }
    if (n < 0) {
        complain("the device", n);
        over = true;
    }
}

/* Until so many requests are in flight at most, and a line has interrupted so often. */
static void until(unsigned left, unsigned line, unsigned events)
{
    uint64_t due = now_ms() + wait_ms;

    turn(0);
    while (!over && (flying > left || irqs[line] < events) && now_ms() < due) {
        turn((int)wait_ms);
    }
    if (!over && (flying > left || irqs[line] < events)) {
        complain("waiting", VGPIO_ERR_TIMEOUT);
        over = flying > left; /* its slot may never come back */
    }
}

static int submit(unsigned type, uint16_t line, uint32_t value)
{
    int err = over ? VGPIO_ERR_STATE : vgpio_drv_submit(&drv, type, line, value, &drv);

    flying += err == 0;
    return err;
}

static void send(unsigned type, uint16_t line, uint32_t value)
{
    int err = submit(type, line, value);

    if (err != 0 && !over) {
        complain("a request", err);
    }
}

static void ask(unsigned type, uint16_t line, uint32_t value)
{
    send(type, line, value);
    until(0, 0, 0);
}

/* What no driver may send is refused before it leaves. */
static void forbidden(unsigned type, uint16_t line, uint32_t value)
{
    if (submit(type, line, value) == 0) {
        complain("a forbidden request was sent", VGPIO_ERR_INVAL);
    }
    if (flying > 0) {
        until(0, 0, 0);
    }
}

static void unmask(uint16_t line)
{
    int err = over ? 0 : vgpio_drv_unmask(&drv, line);

    if (err != 0) {
        complain("unmask", err);
    }
}

/* ---- the steps ---- */

static void read_names(void)
{
    uint32_t size = vgpio_drv_names_size(&drv);
    int err;

    if (size == 0 || over) {
        return;
    }
    if (size > NAMES_MAX) {
        complain("names", VGPIO_ERR_NOSPC);
        return;
    }
    err = vgpio_drv_read_names(&drv, front.mem + NAMES_AT, front.vuf.cfg.gpa + NAMES_AT,
                               size + 1, &drv);
    if (err != 0) {
        complain("names", err);
        return;
    }
    flying++;
    until(0, 0, 0);
    if (last_result >= 0 &&
        vgpio_names_at(front.mem + NAMES_AT + 1, size,
                       (uint16_t)(vgpio_drv_ngpio(&drv) - 1)) == NULL) {
        complain("names: fewer than lines", VGPIO_ERR_PROTO);
    }
}

static void many(void)
{
    uint16_t line;

    for (line = 0; line < NREQ; line++) {
        send(VGPIO_MSG_GET_DIRECTION, line, 7); /* which it does not have */
    }
    if (submit(VGPIO_MSG_GET_VALUE, 0, 0) == 0) {
        complain("more in flight than there is room for", VGPIO_ERR_NOSPC);
    }
    until(0, 0, 0);
    for (line = 0; line < NREQ; line++) {
        send(VGPIO_MSG_GET_VALUE, line, 9);
        turn(20);
    }
    until(0, 0, 0);
}

static void drive(void)
{
    send(VGPIO_MSG_SET_VALUE, OUTPUT, 1);
    send(VGPIO_MSG_SET_DIRECTION, OUTPUT, VGPIO_DIR_OUT);
    send(VGPIO_MSG_GET_VALUE, OUTPUT, 0);
    until(0, 0, 0);
    if (!over && complaints == 0 && last_result != 1) {
        complain("the output is not 1", VGPIO_ERR_IO);
    }
    forbidden(VGPIO_MSG_SET_IRQ_TYPE, OUTPUT, VGPIO_IRQ_EDGE_RISING);
    ask(VGPIO_MSG_SET_VALUE, OUTPUT, 0);
    forbidden(VGPIO_MSG_SET_VALUE, OUTPUT, 2);
    forbidden(VGPIO_MSG_SET_DIRECTION, OUTPUT, 3);
    forbidden(VGPIO_MSG_SET_DIRECTION, OUTPUT, 0x101);
    forbidden(VGPIO_MSG_SET_IRQ_TYPE, INPUT, 5);
    forbidden(VGPIO_MSG_GET_VALUE, vgpio_drv_ngpio(&drv), 0);
    forbidden(7, INPUT, 0);
    forbidden(0, INPUT, 0);
}

/* A pair leaves once, and after the answer, however often it is asked for. */
static void listen(uint16_t line, unsigned type)
{
    ask(VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN);
    send(VGPIO_MSG_SET_IRQ_TYPE, line, type);
    unmask(line);
    turn(20);
    unmask(line);
    until(0, 0, 0);
    unmask(line);
    forbidden(VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_LEVEL_LOW);
    forbidden(VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_OUT);
    forbidden(VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_NONE);
}

static void events(void)
{
    listen(INPUT, VGPIO_IRQ_EDGE_RISING);
    listen(OTHER, VGPIO_IRQ_LEVEL_HIGH);
    until(0, INPUT, 1);
    unmask(INPUT);
    until(0, INPUT, 2);
    until(0, OTHER, 1);
    /* A change of type, with the pair of the old one still out. */
    unmask(INPUT);
    turn(20);
    send(VGPIO_MSG_SET_IRQ_TYPE, INPUT, VGPIO_IRQ_NONE);
    send(VGPIO_MSG_SET_IRQ_TYPE, INPUT, VGPIO_IRQ_EDGE_FALLING);
    unmask(INPUT);
    irqs[INPUT] = 0;
    until(0, INPUT, 1);
    ask(VGPIO_MSG_SET_IRQ_TYPE, INPUT, VGPIO_IRQ_NONE);
    ask(VGPIO_MSG_SET_IRQ_TYPE, OTHER, VGPIO_IRQ_NONE);
    ask(VGPIO_MSG_GET_VALUE, INPUT, 0);
    if (!over && vgpio_drv_unmask(&drv, INPUT) == 0) {
        complain("unmasked, and not enabled", VGPIO_ERR_STATE);
    }
    ask(VGPIO_MSG_GET_VALUE, OTHER, 0);
}

/* Nobody waits for the answer any more; its memory is the device's until it comes. */
static void give_up_on_one(void)
{
    unsigned i;
    int err;

    if (over || submit(VGPIO_MSG_SET_IRQ_TYPE, OTHER, VGPIO_IRQ_EDGE_BOTH) != 0) {
        return;
    }
    err = vgpio_drv_flush(&drv);
    err = err < 0 ? err : vgpio_drv_cancel(&drv, &drv);
    flying -= err == 0;
    for (i = 0; i < NREQ - 1u; i++) {
        send(VGPIO_MSG_GET_VALUE, (uint16_t)i, 0);
    }
    until(0, 0, 0);
    ask(VGPIO_MSG_SET_IRQ_TYPE, OTHER, VGPIO_IRQ_NONE);
}

static void laps(unsigned n)
{
    while (n-- > 0 && !over) {
        while (submit(VGPIO_MSG_GET_VALUE, (uint16_t)(n % 3), 0) == 0) {
        }
        until(n % NREQ, 0, 0);
    }
    until(0, 0, 0);
}

static int start(unsigned flags)
{
    struct vgpio_drv_config c = {0};
    int err;

    c.bus = &vgpio_vuf_bus_ops;
    c.bus_ctx = &front.vuf;
    c.dma = front.mem;
    c.dma_addr = front.vuf.cfg.gpa;
    c.dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ);
    c.slots = slots;
    c.ring = ring;
    c.nreq = NREQ;
    c.nirq = NIRQ;
    c.irq_map = irq_map;
    c.irq_map_len = 65536;
    c.flags = flags;
    err = vgpio_drv_init(&drv, &c);
    return err < 0 ? err : vgpio_drv_start(&drv);
}

static void stop(void)
{
    struct vgpio_drv_event ev;
    unsigned tries = 0;

    while (vgpio_drv_stop(&drv) > 0 && tries++ < 100) {
    }
    while (vgpio_drv_poll(&drv, &ev) > 0) {
        flying -= ev.kind == VGPIO_DONE && flying > 0;
    }
}

static void work(unsigned nlaps, bool irq)
{
    read_names();
    if (vgpio_drv_ngpio(&drv) < NREQ) {
        complain("lines", VGPIO_ERR_NOTSUP);
        return;
    }
    many();
    drive();
    if (irq) {
        events();
        give_up_on_one();
    } else {
        forbidden(VGPIO_MSG_SET_IRQ_TYPE, INPUT, VGPIO_IRQ_EDGE_RISING);
        forbidden(VGPIO_MSG_SET_IRQ_TYPE, INPUT, VGPIO_IRQ_NONE);
    }
    laps(nlaps);
    ask(VGPIO_MSG_SET_DIRECTION, INPUT, VGPIO_DIR_NONE);
    ask(VGPIO_MSG_SET_DIRECTION, OUTPUT, VGPIO_DIR_NONE);
}

int main(int argc, char **argv)
{
    struct vgpio_vuf_linux_config fc = {.mem_size = NAMES_AT + NAMES_MAX + 4096,
                                        .timeout_ms = 30000};
    unsigned flags = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    unsigned nlaps = argc > 3 ? (unsigned)atoi(argv[3]) : 40, round;
    int err;

    wait_ms = argc > 4 ? (unsigned)atoi(argv[4]) : wait_ms;
    err = argc > 1 ? vgpio_vuf_linux_open(&front, argv[1], &fc) : VGPIO_ERR_INVAL;

    /* The second time on the same connection: rings that were used before. */
    for (round = 0; round < (argc > 4 ? 1u : 2u) && err == 0 && !over; round++) {
        err = start(flags);
        if (err == 0) {
            work(nlaps, (drv.features & VGPIO_F_IRQ) != 0);
            stop();
        }
    }
    if (err != 0) {
        complain("start", err);
    }
    vgpio_vuf_linux_close(&front);
    return complaints == 0 ? 0 : 1;
}
