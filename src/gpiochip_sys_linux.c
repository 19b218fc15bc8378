/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of gpiochip_linux.c, and nothing but them. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <virtiogpio/gpiochip.h>

static int sys_open(void *ctx, const char *path)
{
    int fd;

    (void)ctx;
    do {
        fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int sys_control(void *ctx, int fd, unsigned long request, void *arg)
{
    int n;

    (void)ctx;
    do {
        n = ioctl(fd, request, arg);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    if (request == GPIO_V2_GET_LINE_IOCTL) {
        struct gpio_v2_line_request *made = arg;

        n = set_nonblocking(made->fd);
        if (n < 0) {
            (void)close(made->fd);
        }
    }
    return n < 0 ? n : 0;
}

static int sys_read(void *ctx, int fd, void *buf, uint32_t size)
{
    ssize_t n;

    (void)ctx;
    do {
        n = read(fd, buf, size);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

static void sys_close(void *ctx, int fd)
{
    (void)ctx;
    (void)close(fd);
}

const struct vgpio_gpiochip_sys vgpio_gpiochip_linux = {
    sizeof(struct vgpio_gpiochip_sys), sys_open, sys_control, sys_read, sys_close};
