/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine for 04_rtos_guest.c: a device with a button and an LED behind the loop, and
 * the least RTOS there is. While the task sleeps, the rest of the world runs. */
#include "04_board.h"

#include <stdio.h>
#include <stdlib.h>

#include <virtiogpio/device.h>
#include <virtiogpio/loop.h>
#include <virtiogpio/sim.h>

enum {
    BUTTON = 0,
    LED = 1,
    NLINES = 2,
    NREQ = 1
};

static struct vgpio_sim sim;
static struct vgpio_sim_line sim_lines[NLINES];
static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES];
static struct vgpio_req reqs[NREQ];
static struct vgpio_loop loop;
static int broken;

/* Guest and device share one address space, so an address is the same for both. */
static const struct vgpio_mem_region all = {0, UINT64_MAX, NULL};
static struct vgpio_mem_table table = {&all, 1};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

static void show_led(void *ctx, uint16_t line, unsigned level)
{
    static unsigned shown;

    (void)ctx;
    if (line == LED && level != shown) {
        printf("led %s\n", level ? "on" : "off");
        shown = level;
    }
}

static void must(int result)
{
    if (result < 0) {
        fprintf(stderr, "%s\n", vgpio_strerror(result));
        exit(1);
    }
}

/* --- a bus: here the loop, but with a device that can break --- */

static int get_status(void *ctx, uint8_t *status)
{
    int err = vgpio_loop_bus_ops.get_status(ctx, status);

    *status |= broken ? VGPIO_S_NEEDS_RESET : 0;
    return err;
}

static int set_status(void *ctx, uint8_t status)
{
    broken = broken && status != 0;
    return vgpio_loop_bus_ops.set_status(ctx, status);
}

void board_find_gpio(const struct vgpio_bus_ops **bus, void **bus_ctx)
{
    static struct vgpio_bus_ops ops;

    ops = vgpio_loop_bus_ops;
    ops.get_status = get_status;
    ops.set_status = set_status;
    *bus = &ops;
    *bus_ctx = &loop;
}

int board_gpio_ack(void)
{
    return broken;
}

/* --- an RTOS --- */

static unsigned given;

void os_sem_give(void)
{
    given = 1;
}

void os_yield(void)
{
}

/* Doorbells reach the device, and what it owes becomes an interrupt. */
static void device_runs(void)
{
    unsigned q, kicked = vgpio_loop_take_kicks(&loop);

    for (q = 0; q < VGPIO_LOOP_QUEUES; q++) {
        if (kicked >> q & 1u) {
            must(vgpio_dev_kick(&dev, q));
        }
    }
    if (vgpio_dev_take_events(&dev) != 0) {
        gpio_isr();
    }
}

static void something_happens(void)
{
    static const char story[] = "pbp";
    static unsigned now;

    switch (story[now++]) {
    case 'p':
        printf("button pressed\n");
        must(vgpio_sim_pulse(&sim, BUTTON));
        break;
    case 'b':
        printf("device broken\n");
        broken = 1;
        gpio_isr();
        break;
    default:
        exit(0);
    }
}

void os_sem_take(void)
{
    device_runs();
    while (!given) {
        something_happens();
        device_runs();
    }
    given = 0;
}

int main(void)
{
    struct vgpio_sim_config sc = {.sink = vgpio_dev_sink(&dev),
                                  .lines = sim_lines,
                                  .nlines = NLINES,
                                  .on_change = show_led};
    struct vgpio_dev_config dc = {.ops = &vgpio_sim_ops,
                                  .ctx = &sim,
                                  .lines = lines,
                                  .ngpio = NLINES,
                                  .reqs = reqs,
                                  .nreqs = NREQ};

    must(vgpio_sim_init(&sim, &sc));
    must(vgpio_dev_init(&dev, &dc));
    must(vgpio_loop_init(&loop, vgpio_dev_vdev(&dev), &mem));
    gpio_task();
    return 1; /* it does not come back */
}
