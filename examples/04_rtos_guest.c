/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver side in an RTOS: no heap, no C library, an interrupt handler that only wakes
 * a task. One task runs the driver. Another lives on its lines: a button switches a lamp
 * and has a sensor read, which does not always answer in time. When the device breaks, it
 * is started again.
 *
 * Nothing here knows the machine; 04_board.c plays it, so that this runs anywhere.
 *
 * It prints:
 *     button pressed
 *     led on
 *     sensor: 1
 *     sensor is silent
 *     button pressed
 *     led off
 *     requests that the device still has: 4
 *     sensor answers
 *     button pressed
 *     led on
 *     sensor: 1
 *     device broken
 *     led off
 *     led on
 *     button pressed
 *     led off
 *     sensor: 1
 */
#include <virtiogpio/driver.h>

#include "04_board.h"

enum {
    BUTTON = 0,
    LED = 1,
    SENSOR = 2,
    NREQ = 4,
    NIRQ = 4,
    PATIENCE = 10 /* ticks */
};

static _Alignas(VGPIO_DMA_ALIGN) uint8_t dma[VGPIO_DMA_SIZE(NREQ, NIRQ)];
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static struct vgpio_mmio_bus bus;
static struct vgpio_drv drv; /* os_lock() around every call */

static struct os_sem irq, press;
static volatile uint8_t config_irq;
static unsigned led;

/* --- interrupts --- */

/* Comes at any time, also in the middle of a call of the driver: of which nothing may be
 * called here. */
void gpio_isr(void)
{
    uint32_t why = vgpio_mmio_bus_ack(&bus);

    if (why & VGPIO_MMIO_CONFIG) {
        config_irq = 1;
    }
    if (why) {
        os_sem_give(&irq);
    }
}

/* --- requests of any task --- */

struct call {
    struct os_sem over;
    int result;
};

/* Whoever waits may give up, and the call is gone from the stack then. What was sent
 * stays with the device: vgpio_drv_cancel() makes the driver forget the call, but not the
 * slot. */
static int gpio_call(unsigned type, uint16_t line, uint32_t value, int ticks)
{
    struct call call = {{0}, 0};
    int n, cancelled;

    os_lock();
    n = vgpio_drv_submit(&drv, type, line, value, &call);
    if (n < 0) {
        os_unlock();
        return n;
    }
    n = vgpio_drv_flush(&drv);
    os_unlock();
    if (n == 0 && os_sem_take(&call.over, ticks) == 0) {
        return call.result;
    }
    os_lock();
    cancelled = vgpio_drv_cancel(&drv, &call);
    os_unlock();
    if (cancelled == VGPIO_ERR_STALE) {
        return call.result; /* it was answered after all, a moment ago */
    }
    return n < 0 ? n : VGPIO_ERR_TIMEOUT;
}

/* --- the task of the driver --- */

static void handle(const struct vgpio_drv_event *ev)
{
    struct call *call = ev->cookie;

    if (ev->kind == VGPIO_IRQ) {
        if (ev->result >= 0) {
            (void)vgpio_drv_unmask(&drv, ev->line);
            os_sem_give(&press);
        }
    } else if (call != NULL) {
        call->result = ev->result;
        os_sem_give(&call->over);
    }
}

/* 0: nothing is left, and whatever comes from now on interrupts: sleep. 1: do not. */
static int serve(void)
{
    struct vgpio_drv_event ev;
    int n;

    while ((n = vgpio_drv_poll(&drv, &ev)) > 0) {
        handle(&ev);
    }
    n = n < 0 ? n
              : vgpio_drv_flush(&drv); /* all that was staged, and first of all here */
    n = n < 0 ? n : vgpio_drv_rearm(&drv);
    if (n >= 0 && config_irq) {
        int err;

        config_irq = 0;
        err = vgpio_drv_config_changed(&drv);
        n = err < 0 ? err : n;
    }
    return n;
}

static int stage(unsigned type, uint16_t line, uint32_t value)
{
    return vgpio_drv_submit(&drv, type, line, value, NULL);
}

/* These four and the unmasking cost one doorbell a queue. The LED gets its value before
 * it becomes an output; unmasking waits in the driver until the device enabled the
 * line. */
static int set_up_lines(void)
{
    int n = stage(VGPIO_MSG_SET_VALUE, LED, led);

    n = n < 0 ? n : stage(VGPIO_MSG_SET_DIRECTION, LED, VGPIO_DIR_OUT);
    n = n < 0 ? n : stage(VGPIO_MSG_SET_DIRECTION, BUTTON, VGPIO_DIR_IN);
    n = n < 0 ? n : stage(VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_EDGE_RISING);
    return n < 0 ? n : vgpio_drv_unmask(&drv, BUTTON);
}

/* Goes on until something fails, and says what. */
static int work(void)
{
    int n;

    os_lock();
    n = set_up_lines();
    while (n >= 0) {
        n = serve();
        os_unlock();
        if (n == 0) {
            (void)os_sem_take(&irq, OS_FOREVER);
        }
        os_lock();
    }
    os_unlock();
    return n;
}

/* Until the device shows that it was reset it may still write to the arena. There is no
 * clock in the driver: how long to wait is up to you. */
static int reset(int (*start_or_stop)(struct vgpio_drv *))
{
    int n;

    for (;;) {
        os_lock();
        n = start_or_stop(&drv);
        os_unlock();
        if (n <= 0) {
            return n;
        }
        os_yield();
    }
}

void gpio_task(void)
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
    struct vgpio_drv_event ev;
    int n;

    if (board_find_gpio(&bus) < 0 || vgpio_drv_init(&drv, &cfg) < 0) {
        return;
    }
    do {
        n = reset(vgpio_drv_start);
        if (n < 0) {
            return; /* no such device */
        }
        n = work();
        (void)reset(vgpio_drv_stop);
        os_lock();
        while (vgpio_drv_poll(&drv, &ev) > 0) {
            handle(&ev); /* who still waits hears that the request is gone */
        }
        os_unlock();
        /* Only the device's faults are mended by a new start. */
    } while (n <= VGPIO_ERR_FATAL);
}

/* --- a task that lives on the lines --- */

static void read_sensor(void)
{
    int n, lost = 0;

    while ((n = gpio_call(VGPIO_MSG_GET_VALUE, SENSOR, 0, PATIENCE)) ==
           VGPIO_ERR_TIMEOUT) {
        lost++;
    }
    if (n == VGPIO_ERR_NOSPC) {
        board_print("requests that the device still has:", lost);
    } else {
        board_print("sensor:", n);
    }
}

void app_task(void)
{
    for (;;) {
        (void)os_sem_take(&press, OS_FOREVER);
        led = !led;
        /* Below 0: the device was started again, with the new level. */
        (void)gpio_call(VGPIO_MSG_SET_VALUE, LED, led, OS_FOREVER);
        read_sensor();
    }
}
