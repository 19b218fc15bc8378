/* SPDX-License-Identifier: BSD-3-Clause */
/* The least hypervisor with GPIO lines: guest memory, a virtio-mmio device in it, and the
 * functions that a trap handler calls. For want of a virtual CPU, the guest is a function
 * too: its driver reaches the registers through the trap handler, its memory at an
 * address of its own. examples/kvm_vmm does the same with a real one.
 *
 * It prints:
 *     guest: a device with 2 lines
 *     vmm: button pressed
 *     guest: interrupt of line 0, reads 1
 *     vmm: led on
 *     guest: stops
 *     vmm: led off
 */
#include <stdio.h>
#include <stdlib.h>

#include <virtiogpio/device.h>
#include <virtiogpio/driver.h>
#include <virtiogpio/mmio.h>
#include <virtiogpio/sim.h>
#include <virtiogpio/sync.h>

enum {
    BUTTON,
    LED,
    NLINES
};

static int must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, vgpio_strerror(result));
        exit(1);
    }
    return result;
}

/* ---- the hypervisor ---- */

#define RAM_SIZE 0x4000u
#define RAM_AT 0x80000000u  /* where the guest sees its memory */
#define GPIO_AT 0x0a000000u /* and where the registers: VGPIO_MMIO_SIZE bytes */

static _Alignas(VGPIO_DMA_ALIGN) uint8_t ram[RAM_SIZE];
static const struct vgpio_mem_region regions[] = {{RAM_AT, RAM_SIZE, ram}};
static struct vgpio_mem_table table = {regions, 1};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

static struct vgpio_sim sim; /* in place of real lines */
static struct vgpio_sim_line sim_lines[NLINES];
static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES];
static struct vgpio_req reqs[8];
static struct vgpio_mmio_dev mmio;
static int irq; /* the wire to the interrupt controller */

static void show_led(void *ctx, uint16_t line, unsigned level)
{
    static unsigned shown;

    (void)ctx;
    if (line == LED && level != shown) {
        printf("vmm: led %s\n", level ? "on" : "off");
        shown = level;
    }
}

static void vmm_setup(void)
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
                                  .nreqs = 8};

    must(vgpio_sim_init(&sim, &sc), "lines");
    must(vgpio_dev_init(&dev, &dc), "device");
    must(vgpio_mmio_dev_init(&mmio, vgpio_dev_vdev(&dev), &mem), "registers");
}

/* Lock around the next three where more than one thread may come here: one lock for
 * device, lines and registers. */

/* Also what a thread does whose ioeventfd was written: kicks = 1u << queue. */
static void vmm_serve(unsigned kicks)
{
    unsigned q;

    for (; kicks != 0; kicks = vgpio_mmio_dev_take_kicks(&mmio)) {
        for (q = 0; q < VGPIO_MMIO_QUEUES; q++) {
            if ((kicks >> q & 1u) != 0) {
                (void)vgpio_mmio_dev_kick(&mmio, q); /* below 0: the guest finds out */
            }
        }
    }
    irq = vgpio_mmio_dev_irq(&mmio); /* a level: after whatever was done */
}

/* An access of the guest that hit no memory. */
static void vmm_trap(uint64_t addr, unsigned size, int is_write, uint32_t *value)
{
    uint32_t off = (uint32_t)(addr - GPIO_AT);

    if (addr < GPIO_AT || addr - GPIO_AT >= VGPIO_MMIO_SIZE) {
        *value = 0; /* somebody else's */
    } else if (is_write) {
        vmm_serve(vgpio_mmio_dev_write(&mmio, off, size, *value));
    } else {
        *value = vgpio_mmio_dev_read(&mmio, off, size);
        irq = vgpio_mmio_dev_irq(&mmio);
    }
}

static void vmm_button(unsigned level)
{
    printf("vmm: button %s\n", level ? "pressed" : "released");
    must(vgpio_sim_pull(&sim, BUTTON, level), "button");
    irq = vgpio_mmio_dev_irq(&mmio);
}

/* ---- the guest ---- */

enum {
    NREQ = 4,
    NIRQ = 2
};

static struct vgpio_mmio_bus bus;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static unsigned led;

static uint32_t load(void *ctx, uint32_t off, unsigned size)
{
    uint32_t value = 0;

    (void)ctx;
    vmm_trap(GPIO_AT + off, size, 0, &value);
    return value;
}

static void store(void *ctx, uint32_t off, uint32_t value)
{
    (void)ctx;
    vmm_trap(GPIO_AT + off, 4, 1, &value);
}

/* A real guest needs none of this: vgpio_mmio_bus_init() and the address. */
static const struct vgpio_mmio_io io = {sizeof io, load, store};

/* Sleeping: the interrupt line is looked at, which is what a CPU does. */
static int wait_for_interrupt(void *ctx)
{
    (void)ctx;
    return irq && vgpio_mmio_bus_ack(&bus) != 0 ? 0 : -1;
}

static int interrupted; /* the button, and nobody looked yet */

/* Comes in the middle of a call of vgpio_sync_call(), where no other one may be made. */
static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    (void)ctx;
    interrupted |= ev->kind == VGPIO_IRQ && ev->result >= 0;
}

static struct vgpio_sync sync = {sizeof sync, &drv, wait_for_interrupt, on_event, NULL};

static int ask(unsigned type, uint16_t line, uint32_t value)
{
    return must(vgpio_sync_call(&sync, type, line, value), "request");
}

static void look_at_button(void)
{
    interrupted = 0;
    printf("guest: interrupt of line %d, reads %d\n", BUTTON,
           ask(VGPIO_MSG_GET_VALUE, BUTTON, 0));
    led = !led;
    ask(VGPIO_MSG_SET_VALUE, LED, led);
    must(vgpio_drv_unmask(&drv, BUTTON), "unmask");
}

static void guest_boots(void)
{
    struct vgpio_drv_config cfg = {.bus = &vgpio_mmio_bus_ops,
                                   .bus_ctx = &bus,
                                   .dma = ram,
                                   .dma_addr = RAM_AT,
                                   .dma_size = sizeof ram,
                                   .slots = slots,
                                   .ring = ring,
                                   .nreq = NREQ,
                                   .nirq = NIRQ};

    must(vgpio_mmio_bus_init_io(&bus, &io, NULL), "probe");
    must(vgpio_drv_init(&drv, &cfg), "driver");
    must(vgpio_drv_start(&drv), "start");
    printf("guest: a device with %u lines\n", vgpio_drv_ngpio(&drv));
    ask(VGPIO_MSG_SET_VALUE, LED, led);
    ask(VGPIO_MSG_SET_DIRECTION, LED, VGPIO_DIR_OUT);
    ask(VGPIO_MSG_SET_DIRECTION, BUTTON, VGPIO_DIR_IN);
    ask(VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_EDGE_RISING);
    must(vgpio_drv_unmask(&drv, BUTTON), "unmask");
    must(vgpio_drv_flush(&drv), "flush");
}

/* The guest's interrupt handler and the task that it wakes, in one. */
static void guest_is_interrupted(void)
{
    struct vgpio_drv_event ev;

    while (irq && vgpio_mmio_bus_ack(&bus) != 0) {
        do {
            while (must(vgpio_drv_poll(&drv, &ev), "poll") > 0) {
                on_event(NULL, &ev);
            }
            if (interrupted) {
                look_at_button();
            }
            must(vgpio_drv_flush(&drv), "flush");
        } while (must(vgpio_drv_rearm(&drv), "rearm") > 0);
    }
}

int main(void)
{
    vmm_setup();
    guest_boots();
    vmm_button(1);
    guest_is_interrupted();
    printf("guest: stops\n");
    return must(vgpio_drv_stop(&drv), "stop");
}
