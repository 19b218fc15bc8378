/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver side in an RTOS: no heap, no C library, an interrupt handler that only wakes
 * a task. A button switches an LED; when the device breaks, it is started again.
 *
 * Nothing here knows the machine; 04_board.c plays it, so that this runs anywhere.
 *
 * It prints:
 *     button pressed
 *     led on
 *     device broken
 *     led off
 *     led on
 *     button pressed
 *     led off
 */
#include <virtiogpio/driver.h>

#include "04_board.h"

enum {
    BUTTON = 0,
    LED = 1,
    NREQ = 4,
    NIRQ = 2
};

static uint8_t dma[VGPIO_DMA_SIZE(NREQ, NIRQ)];
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static struct vgpio_drv drv;
static unsigned led;
static volatile uint8_t config_irq;

/* The driver belongs to the task: nothing of it may be called in an interrupt. */
void gpio_isr(void)
{
    if (board_gpio_ack()) {
        config_irq = 1;
    }
    os_sem_give();
}

/* These four and the unmasking cost one doorbell a queue. The LED gets its value before
 * it becomes an output; unmasking waits in the driver until the device enabled the
 * line. */
static int set_up_lines(void)
{
    int err = vgpio_drv_submit(&drv, VGPIO_MSG_SET_VALUE, LED, led, NULL);

    err = err ? err
              : vgpio_drv_submit(&drv, VGPIO_MSG_SET_DIRECTION, LED, VGPIO_DIR_OUT, NULL);
    err =
        err ? err
            : vgpio_drv_submit(&drv, VGPIO_MSG_SET_DIRECTION, BUTTON, VGPIO_DIR_IN, NULL);
    err = err ? err
              : vgpio_drv_submit(&drv, VGPIO_MSG_SET_IRQ_TYPE, BUTTON,
                                 VGPIO_IRQ_EDGE_RISING, NULL);
    return err ? err : vgpio_drv_unmask(&drv, BUTTON);
}

static void handle(const struct vgpio_drv_event *ev)
{
    if (ev->kind == VGPIO_IRQ && ev->result >= 0) {
        led = !led;
        (void)vgpio_drv_submit(&drv, VGPIO_MSG_SET_VALUE, LED, led, NULL);
        (void)vgpio_drv_unmask(&drv, ev->line);
    }
    /* VGPIO_DONE below 0: the device refused a request. This task can do without. */
}

/* Goes on until something fails, and says what. */
static int work(void)
{
    struct vgpio_drv_event ev;
    int n = set_up_lines();

    while (n >= 0) {
        while ((n = vgpio_drv_poll(&drv, &ev)) > 0) {
            handle(&ev);
        }
        if (n >= 0) {
            n = vgpio_drv_flush(
                &drv); /* all that was staged, here and in set_up_lines() */
        }
        if (n >= 0) {
            n = vgpio_drv_rearm(&drv);
        }
        if (n == 0) { /* nothing to poll, and whatever comes from now on interrupts */
            os_sem_take();
        }
        if (n >= 0 && config_irq) {
            config_irq = 0;
            n = vgpio_drv_config_changed(&drv);
        }
    }
    return n;
}

void gpio_task(void)
{
    struct vgpio_drv_config cfg = {.dma = dma,
                                   .dma_addr = (uintptr_t)dma, /* or an IOMMU's address */
                                   .dma_size = sizeof dma,
                                   .slots = slots,
                                   .ring = ring,
                                   .nreq = NREQ,
                                   .nirq = NIRQ};
    struct vgpio_drv_event ev;
    int n;

    board_find_gpio(&cfg.bus, &cfg.bus_ctx);
    if (vgpio_drv_init(&drv, &cfg) < 0) {
        return;
    }
    for (;;) {
        while ((n = vgpio_drv_start(&drv)) > 0) {
            os_yield(); /* the driver has no clock: how long to wait is up to you */
        }
        if (n < 0) {
            return; /* no such device */
        }
        n = work();
        while (vgpio_drv_stop(&drv) != 0) {
            os_yield(); /* until then the device may still write to the arena */
        }
        while (vgpio_drv_poll(&drv, &ev) > 0) {
            /* Requests that will not be answered; their cookies would be in here. */
        }
        if (n > VGPIO_ERR_FATAL) {
            return; /* not the device's fault: a new start would not mend it */
        }
    }
}
