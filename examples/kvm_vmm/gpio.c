/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-gpio device in a hypervisor, by virtio-mmio.
 *
 * Two kinds of threads come here: those of the guest's processors, when they touch the
 * registers (gpio_access), and the device's own thread, which serves the queues (run).
 * The library has no lock; its rule is that calls on one device do not overlap. So there
 * is one mutex, taken around each visit, and nothing waits while it is held.
 *
 * Doorbells. A write to QueueNotify is not worth an exit to this program: KVM turns it
 * into an eventfd (ioeventfd), by its value one a queue, and lets the processor go on at
 * once. All other registers are exits.
 *
 * The interrupt of virtio-mmio is a level: high while InterruptStatus is not 0. As an
 * edge it would get lost: the guest reads 1 (a used buffer), the device adds 2
 * (configuration), the guest acknowledges 1; the status has never been 0, so there is no
 * further edge, and nobody looks at the 2. Therefore the interrupt controller's pin is a
 * level (mptable_write), and the eventfd that raises it (irqfd) has a second one beside
 * it (resample): when the guest ends its handler, KVM lowers the line and tells us, and
 * if the device is still not content, we raise it again. So no exit and no system call is
 * spent on lowering it, and KVM_IRQ_LINE, a call into the kernel on each change of the
 * level, is not needed. (An interrupt that can only be an edge, such as a message, is
 * what vgpio_mmio_dev_take_irq() is for.)
 */
#include "gpio.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void signal_fd(int fd)
{
    const uint64_t one = 1;

    (void)!write(fd, &one, sizeof one);
}

static bool take_signal(int fd)
{
    uint64_t n;

    return read(fd, &n, sizeof n) == (ssize_t)sizeof n;
}

/* Tells the device's thread to serve these queues. */
static void ring(const struct gpio *g, unsigned queues)
{
    unsigned q;

    for (q = 0; q < VGPIO_MMIO_QUEUES; q++) {
        if ((queues >> q & 1u) != 0) {
            signal_fd(g->kick[q]);
        }
    }
}

/* Lock held, after every visit to the device: what it owes to the guest, and what one
 * turn left over. A ring that is filled all the time takes turns with everything else. */
void gpio_settle(struct gpio *g)
{
    if (vgpio_mmio_dev_irq(&g->mmio) && !g->raised) {
        g->raised = true;
        signal_fd(g->raise);
    }
    ring(g, vgpio_mmio_dev_take_kicks(&g->mmio));
}

/* --- the registers --- */

void gpio_access(struct gpio *g, uint32_t off, void *data, unsigned len, bool write)
{
    uint32_t value = 0;

    pthread_mutex_lock(&g->lock);
    if (write) {
        memcpy(&value, data, len < sizeof value ? len : sizeof value);
        g->kick_exits += off == VGPIO_MMIO_QUEUE_NOTIFY;
        /* Queues to look at: all when they start; or a doorbell whose value KVM did not
         * know. A processor of the guest has better things to do than to serve them. */
        ring(g, vgpio_mmio_dev_write(&g->mmio, off, len, value));
        /* A reset changes lines, and somebody may wait for that. */
        if (g->lines->due(g->lines->ctx) == 0) {
            signal_fd(g->wake);
        }
    } else {
        value = vgpio_mmio_dev_read(&g->mmio, off, len);
        memset(data, 0, len);
        memcpy(data, &value, len < sizeof value ? len : sizeof value);
    }
    gpio_settle(g);
    pthread_mutex_unlock(&g->lock);
}

/* --- the device's thread --- */

static void serve(struct gpio *g)
{
    unsigned q;

    for (q = 0; q < VGPIO_MMIO_QUEUES; q++) {
        if (take_signal(g->kick[q])) {
            (void)vgpio_mmio_dev_kick(&g->mmio, q);
        }
    }
    if (take_signal(g->lowered)) {
        g->raised = false;
    }
    (void)take_signal(g->wake);
    g->lines->work(g->lines->ctx);
    gpio_settle(g);
}

static void *run(void *arg)
{
    struct gpio *g = arg;
    struct pollfd fds[] = {{g->kick[0], POLLIN, 0},
                           {g->kick[1], POLLIN, 0},
                           {g->lowered, POLLIN, 0},
                           {g->wake, POLLIN, 0},
                           {g->lines->fd, POLLIN, 0}};
    struct timespec timeout;
    int64_t due;

    pthread_mutex_lock(&g->lock);
    while (!g->ending) {
        serve(g);
        due = g->lines->due(g->lines->ctx);
        pthread_mutex_unlock(&g->lock);
        timeout.tv_sec = due / 1000000;
        timeout.tv_nsec = due % 1000000 * 1000;
        (void)ppoll(fds, sizeof fds / sizeof fds[0], due < 0 ? NULL : &timeout, NULL);
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* --- making it --- */

static int make_device(struct gpio *g, struct vm *vm, uint64_t features)
{
    struct vgpio_dev_config cfg = g->lines->config;
    int err;

    g->line = calloc(cfg.ngpio, sizeof g->line[0]);
    cfg.lines = g->line;
    cfg.reqs = g->req;
    cfg.nreqs = GPIO_REQUESTS;
    cfg.features = features;
    /* One piece of memory from address 0 on. A device needs no more of the hypervisor
     * than where the guest's memory is. */
    g->ram = (struct vgpio_mem_region){0, vm->memory_size, vm->memory};
    g->table = (struct vgpio_mem_table){&g->ram, 1};
    g->mem =
        (struct vgpio_mem){sizeof g->mem, &g->table, vgpio_mem_table_map, NULL, NULL};
    err = vgpio_dev_init(&g->dev, &cfg); /* without memory for lines it says so */
    if (err == 0) {
        err = vgpio_mmio_dev_init(&g->mmio, vgpio_dev_vdev(&g->dev), &g->mem);
    }
    if (err == 0) {
        err = vgpio_mmio_dev_set_features(&g->mmio, features & VGPIO_F_RING_RESET);
    }
    if (err < 0) {
        complain("the GPIO device: %s", vgpio_strerror(err));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static int connect_kvm(struct gpio *g, struct vm *vm)
{
    struct kvm_irqfd irq = {.fd = (uint32_t)g->raise,
                            .gsi = GPIO_IRQ,
                            .flags = KVM_IRQFD_FLAG_RESAMPLE,
                            .resamplefd = (uint32_t)g->lowered};
    struct kvm_ioeventfd bell = {.addr = GPIO_ADDRESS + VGPIO_MMIO_QUEUE_NOTIFY,
                                 .len = 4,
                                 .flags = KVM_IOEVENTFD_FLAG_DATAMATCH};
    int err = ioctl(vm->fd, KVM_IRQFD, &irq);
    unsigned q;

    for (q = 0; q < VGPIO_MMIO_QUEUES && err == 0; q++) {
        bell.datamatch = q;
        bell.fd = g->kick[q];
        err = ioctl(vm->fd, KVM_IOEVENTFD, &bell);
    }
    return err < 0 ? failed("the GPIO device's doorbells and interrupt") : EXIT_OK;
}

int gpio_init(struct gpio *g, struct vm *vm, const struct gpio_lines *lines,
              uint64_t features)
{
    int *const fds[] = {&g->kick[0], &g->kick[1], &g->raise, &g->lowered, &g->wake};
    size_t i;
    int code;

    pthread_mutex_init(&g->lock, NULL);
    g->lines = lines;
    for (i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        *fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (*fds[i] < 0) {
            return failed("eventfd");
        }
    }
    code = make_device(g, vm, features);
    if (code == EXIT_OK) {
        code = connect_kvm(g, vm);
    }
    if (code == EXIT_OK && (errno = pthread_create(&g->thread, NULL, run, g)) != 0) {
        code = failed("the GPIO device's thread");
    }
    g->running = code == EXIT_OK;
    return code;
}

/* The eventfds are closed by the end of the process; KVM shares them until then. */
void gpio_free(struct gpio *g)
{
    if (g->running) {
        pthread_mutex_lock(&g->lock);
        g->ending = true;
        pthread_mutex_unlock(&g->lock);
        signal_fd(g->wake);
        pthread_join(g->thread, NULL);
    }
    free(g->line);
}
