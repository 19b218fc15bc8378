/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine for 04_rtos_guest.c: a virtio-mmio device with a button, an LED and a
 * sensor, and the least RTOS there is. Tasks run until they sleep; interrupts come at
 * once. When all tasks sleep, time goes on, and then the story outside. */
#define _XOPEN_SOURCE 700 /* ucontext.h */
#include "04_board.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <virtiogpio/device.h>
#include <virtiogpio/sim.h>

enum {
    BUTTON = 0,
    LED = 1,
    SENSOR = 2,
    NLINES = 3,
    NREQ = 8
};

static struct vgpio_sim sim;
static struct vgpio_sim_line sim_lines[NLINES];
static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES];
static struct vgpio_req reqs[NREQ];
static struct vgpio_mmio_dev mmio;

/* Guest and device share one address space, so an address is the same for both. */
static const struct vgpio_mem_region all = {0, UINT64_MAX, NULL};
static struct vgpio_mem_table table = {&all, 1};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

/* --- the lines: the simulator's, but the sensor may fall silent --- */

static int silent;
static vgpio_token asked;

static void show_led(void *ctx, uint16_t line, unsigned level)
{
    static unsigned shown;

    (void)ctx;
    if (line == LED && level != shown) {
        printf("led %s\n", level ? "on" : "off");
        shown = level;
    }
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    if (line == SENSOR && silent) {
        asked = token;
        return VGPIO_PENDING;
    }
    return vgpio_sim_ops.get_value(ctx, line, token);
}

static void make_device(void)
{
    static struct vgpio_line_ops ops;
    struct vgpio_sim_config sc = {.sink = vgpio_dev_sink(&dev),
                                  .lines = sim_lines,
                                  .nlines = NLINES,
                                  .on_change = show_led};
    struct vgpio_dev_config dc = {.ops = &ops,
                                  .ctx = &sim,
                                  .lines = lines,
                                  .ngpio = NLINES,
                                  .reqs = reqs,
                                  .nreqs = NREQ};

    ops = vgpio_sim_ops;
    ops.get_value = get_value;
    must(vgpio_sim_init(&sim, &sc) == 0 && vgpio_dev_init(&dev, &dc) == 0 &&
             vgpio_mmio_dev_init(&mmio, vgpio_dev_vdev(&dev), &mem) == 0,
         "no device");
    must(vgpio_sim_pull(&sim, SENSOR, 1) == 0, "no sensor");
}

/* --- the registers, of a device that can break --- */

enum {
    INTERRUPT_STATUS = 0x60,
    INTERRUPT_ACK = 0x64,
    STATUS = 0x70
};

static int broken, broken_irq;

static void interrupt(void)
{
    static int inside;

    while (!inside && (vgpio_mmio_dev_irq(&mmio) || broken_irq)) {
        inside = 1;
        gpio_isr();
        inside = 0;
    }
}

static uint32_t load(void *ctx, uint32_t off, unsigned size)
{
    uint32_t value = vgpio_mmio_dev_read(&mmio, off, size);

    (void)ctx;
    if (off == STATUS && broken) {
        value |= VGPIO_S_NEEDS_RESET;
    }
    if (off == INTERRUPT_STATUS && broken_irq) {
        value |= VGPIO_MMIO_CONFIG;
    }
    return value;
}

/* The device works while the CPU waits for its store, and interrupts at once. */
static void store(void *ctx, uint32_t off, uint32_t value)
{
    unsigned q, kicks = vgpio_mmio_dev_write(&mmio, off, 4, value);

    (void)ctx;
    broken = broken && !(off == STATUS && value == 0);
    broken_irq = broken_irq && off != INTERRUPT_ACK;
    for (; kicks != 0; kicks = vgpio_mmio_dev_take_kicks(&mmio)) {
        for (q = 0; q < VGPIO_MMIO_QUEUES; q++) {
            if (kicks >> q & 1u) {
                must(vgpio_mmio_dev_kick(&mmio, q) >= 0, "the driver broke a ring");
            }
        }
    }
    interrupt();
}

int board_find_gpio(struct vgpio_mmio_bus *bus)
{
    static const struct vgpio_mmio_io io = {sizeof io, load, store};

    return vgpio_mmio_bus_init_io(bus, &io, NULL);
}

void board_print(const char *text, int number)
{
    printf("%s %d\n", text, number);
}

/* --- the world outside --- */

static void something_happens(void)
{
    static const char story[] = "pspapbp";
    static unsigned now;

    switch (story[now++]) {
    case 'p':
        printf("button pressed\n");
        must(vgpio_sim_pulse(&sim, BUTTON) == 0, "no button");
        break;
    case 's':
        printf("sensor is silent\n");
        silent = 1;
        break;
    case 'a': /* starts the next request for the line, which now is answered at once */
        printf("sensor answers\n");
        silent = 0;
        must(vgpio_dev_sink(&dev).ops->complete(&dev, asked, 1) == 0, "nobody asked");
        break;
    case 'b':
        printf("device broken\n");
        broken = broken_irq = 1;
        break;
    default:
        exit(0);
    }
    interrupt();
}

/* --- an RTOS --- */

enum {
    NTASKS = 2,
    STACK = 65536
};

struct task {
    ucontext_t context;
    struct os_sem *waits; /* NULL: it can run */
    int ticks;            /* that it waits at most */
    _Alignas(16) char stack[STACK];
};

static struct task tasks[NTASKS], *current;
static ucontext_t scheduler;
static int locked;

void os_sem_give(struct os_sem *sem)
{
    sem->given = 1;
}

int os_sem_take(struct os_sem *sem, int ticks)
{
    must(!locked, "a task sleeps with the lock");
    if (!sem->given) {
        current->waits = sem;
        current->ticks = ticks;
        swapcontext(&current->context, &scheduler);
    }
    if (!sem->given) {
        return -1;
    }
    sem->given = 0;
    return 0;
}

void os_lock(void)
{
    must(!locked, "locked twice");
    locked = 1;
}

void os_unlock(void)
{
    must(locked, "unlocked twice");
    locked = 0;
}

void os_yield(void)
{
    must(!locked, "a task yields with the lock");
    swapcontext(&current->context, &scheduler);
}

/* The first whose time is over, if all sleep and nothing else is left to happen. */
static int time_goes_on(void)
{
    struct task *t, *first = NULL;

    for (t = tasks; t < tasks + NTASKS; t++) {
        if (t->ticks != OS_FOREVER && (first == NULL || t->ticks < first->ticks)) {
            first = t;
        }
    }
    if (first != NULL) {
        first->waits = NULL;
        first->ticks = OS_FOREVER;
    }
    return first != NULL;
}

static int run_tasks(void)
{
    struct task *t;
    int ran = 0;

    for (t = tasks; t < tasks + NTASKS; t++) {
        if (t->waits == NULL || t->waits->given) {
            t->waits = NULL;
            t->ticks = OS_FOREVER;
            current = t;
            swapcontext(&scheduler, &t->context);
            ran = 1;
        }
    }
    return ran;
}

static void make_task(struct task *t, void (*entry)(void))
{
    must(getcontext(&t->context) == 0, "no task");
    t->context.uc_stack.ss_sp = t->stack;
    t->context.uc_stack.ss_size = sizeof t->stack;
    t->ticks = OS_FOREVER;
    makecontext(&t->context, entry, 0); /* when a task ends, so does the program */
}

int main(void)
{
    make_device();
    make_task(&tasks[0], gpio_task);
    make_task(&tasks[1], app_task);
    for (;;) {
        while (run_tasks()) {
        }
        if (!time_goes_on()) {
            something_happens();
        }
    }
}
