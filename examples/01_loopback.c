/* SPDX-License-Identifier: BSD-3-Clause */
/* Driver, device and lines in one process: a unit test of GPIO software needs no more.
 *
 * It prints:
 *     led: its level is 1
 *     button: reads 0
 *     button: interrupt, reads 1
 */
#include <stdio.h>
#include <stdlib.h>

#include <virtiogpio/virtiogpio.h>

enum {
    BUTTON,
    LED,
    NLINES
};
enum {
    NREQ = 4,
    NIRQ = 2
};

/* The outside world, and the device that shows it to a guest. */
static struct vgpio_sim sim;
static struct vgpio_sim_line sim_lines[NLINES];
static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES];
static struct vgpio_req reqs[NREQ];

/* "Guest" memory: all that the device may touch, at an address that only it uses. */
#define ARENA_GPA 0x80000000u
static _Alignas(VGPIO_DMA_ALIGN) uint8_t arena[VGPIO_DMA_SIZE(NREQ, NIRQ)];
static const struct vgpio_mem_region ram = {ARENA_GPA, sizeof arena, arena};
static struct vgpio_mem_table table = {&ram, 1};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

/* The bus between both, and the driver. */
static struct vgpio_loop bus;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];

static int must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, vgpio_strerror(result));
        exit(1);
    }
    return result;
}

static void make_device(void)
{
    struct vgpio_sim_config sc = {
        .sink = vgpio_dev_sink(&dev), .lines = sim_lines, .nlines = NLINES};
    struct vgpio_dev_config dc = {.ops = &vgpio_sim_ops,
                                  .ctx = &sim,
                                  .lines = lines,
                                  .ngpio = NLINES,
                                  .reqs = reqs,
                                  .nreqs = NREQ};

    must(vgpio_sim_init(&sim, &sc), "simulator");
    must(vgpio_dev_init(&dev, &dc), "device");
}

static void make_driver(void)
{
    struct vgpio_drv_config rc = {.bus = &vgpio_loop_bus_ops,
                                  .bus_ctx = &bus,
                                  .dma = arena,
                                  .dma_addr = ARENA_GPA,
                                  .dma_size = sizeof arena,
                                  .slots = slots,
                                  .ring = ring,
                                  .nreq = NREQ,
                                  .nirq = NIRQ};

    must(vgpio_loop_init(&bus, vgpio_dev_vdev(&dev), &mem), "loop");
    must(vgpio_drv_init(&drv, &rc), "driver");
    must(vgpio_drv_start(&drv), "start");
}

/* The loop only records doorbells; the device runs when the test wants it to. */
static void device_runs(void)
{
    unsigned kicked = vgpio_loop_take_kicks(&bus);

    if (kicked & 1u << VGPIO_REQUESTQ) {
        must(vgpio_dev_kick(&dev, VGPIO_REQUESTQ), "request queue");
    }
    if (kicked & 1u << VGPIO_EVENTQ) {
        must(vgpio_dev_kick(&dev, VGPIO_EVENTQ), "event queue");
    }
    /* What is owed now would be an interrupt of the guest: here polling will do. */
    (void)vgpio_dev_take_events(&dev);
}

/* A request and its answer; interrupts are the business of main(). */
static int ask(unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_drv_event ev;

    must(vgpio_drv_submit(&drv, type, line, value, NULL), "submit");
    must(vgpio_drv_flush(&drv), "flush");
    device_runs();
    if (must(vgpio_drv_poll(&drv, &ev), "poll") != 1 || ev.kind != VGPIO_DONE) {
        fprintf(stderr, "no answer\n");
        exit(1);
    }
    return must(ev.result, "answer");
}

int main(void)
{
    struct vgpio_drv_event ev;

    make_device();
    make_driver();

    ask(VGPIO_MSG_SET_VALUE, LED, 1); /* before it is an output: it never drives a 0 */
    ask(VGPIO_MSG_SET_DIRECTION, LED, VGPIO_DIR_OUT);
    printf("led: its level is %d\n", vgpio_sim_level(&sim, LED));

    ask(VGPIO_MSG_SET_DIRECTION, BUTTON, VGPIO_DIR_IN);
    printf("button: reads %d\n", ask(VGPIO_MSG_GET_VALUE, BUTTON, 0));

    ask(VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_EDGE_RISING);
    must(vgpio_drv_unmask(&drv, BUTTON), "unmask"); /* lets one interrupt through */
    must(vgpio_drv_flush(&drv), "flush");
    device_runs();

    must(vgpio_sim_pull(&sim, BUTTON, VGPIO_PULL_UP), "pull");
    while (must(vgpio_drv_poll(&drv, &ev), "poll") > 0) {
        if (ev.kind == VGPIO_IRQ && ev.line == BUTTON && ev.result >= 0) {
            printf("button: interrupt, reads %d\n", ask(VGPIO_MSG_GET_VALUE, BUTTON, 0));
        }
    }
    return must(vgpio_drv_stop(&drv), "stop");
}
