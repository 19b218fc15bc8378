/* SPDX-License-Identifier: BSD-3-Clause */
/* The GPIO device of the machine. Whoever adds virtio-gpio to a hypervisor needs what is
 * in gpio.c; the rest of this program is there to have something to add it to. */
#ifndef KVM_VMM_GPIO_H
#define KVM_VMM_GPIO_H

#include "vm.h"

#include <virtiogpio/device.h>
#include <virtiogpio/mmio.h>

#define GPIO_ADDRESS 0xd0000000u
enum {
    GPIO_IRQ = 5,
    GPIO_REQUESTS = 64 /* under way at once; more wait in the guest's ring */
};

/* What the lines really are, and what they have to do on the device's thread. */
struct gpio_lines {
    struct vgpio_dev_config config; /* their operations, number, names, and trace */
    /* When fd becomes readable, or due() microseconds have passed (-1: never),
     * the device's thread calls work(), with the lock held like every operation. */
    int fd;
    int64_t (*due)(void *ctx);
    void (*work)(void *ctx);
    void *ctx;
};

struct gpio {
    pthread_mutex_t lock; /* around every call into dev, mmio, and the lines */
    struct vgpio_dev dev;
    struct vgpio_mmio_dev mmio;
    struct vgpio_mem_region ram;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_line *line;
    struct vgpio_req req[GPIO_REQUESTS];
    const struct gpio_lines *lines;
    int kick[VGPIO_MMIO_QUEUES]; /* eventfds: the guest rang a queue's doorbell */
    int raise;                   /* eventfd: KVM raises the interrupt line */
    int lowered; /* eventfd: the guest has handled it, and KVM lowered the line */
    int wake;    /* eventfd: look at what is due, or end */
    bool raised; /* and KVM has not said that it lowered the line */
    bool running, ending;
    uint64_t kick_exits; /* doorbells that were exits, since KVM did not take them */
    pthread_t thread;
};

/* Makes the device and starts its thread. `features` are those it may offer. EXIT_...,
 * with a message. */
int gpio_init(struct gpio *, struct vm *, const struct gpio_lines *, uint64_t features);

/* The guest's processors have stopped. Also after a failure, and with nothing made. */
void gpio_free(struct gpio *);

/* The guest's access to GPIO_ADDRESS + off, on the thread of one of its processors. */
void gpio_access(struct gpio *, uint32_t off, void *data, unsigned len, bool write);

/* After each visit of yours to the device (its lock held), such as a call of its sink:
 * the guest's interrupt, if it is owed one. Lines that answer from a thread of their own
 * take the lock, complete, settle, and let go of it. */
void gpio_settle(struct gpio *);

#endif /* KVM_VMM_GPIO_H */
