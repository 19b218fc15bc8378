/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Use the lines of a vhost-user back end from an ordinary program, without a guest: read
 * line 0, drive line 1, wait for an edge of line 0. Any back end will do, for instance
 *
 *     vgpio serve -s /tmp/gpio.sock --sim 8 --control /tmp/ctl &
 *     front_end /tmp/gpio.sock
 *     echo 'pull 0 1' | nc -N -U /tmp/ctl
 *
 * which prints
 *
 *     8 lines
 *     line 0 is 0
 *     line 1 drives 1
 *     line 0 rose
 *
 * Whatever the back end does wrong ends the program with a line that says what: each of
 * its answers is waited for five seconds at most, and nothing that it wrote is trusted.
 */
#include <stdio.h>
#include <virtiogpio/sync.h>
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/wire.h>

#define NREQ 4u
#define NIRQ 4u
#define PATIENCE_MS 5000

static struct vgpio_vuf_linux front;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];

/* For the calls that block: until an interrupt, but not for ever. */
static int wait_answer(void *ctx)
{
    (void)ctx;
    return vgpio_vuf_linux_wait(&front, PATIENCE_MS) > 0 ? 0 : -1;
}

static struct vgpio_sync blocking = {sizeof blocking, &drv, wait_answer, NULL, NULL};

static int say(const char *what, int err)
{
    const char *why = vgpio_vuf_linux_reason(&front);

    printf("%s: %s\n", what, why[0] != '\0' ? why : vgpio_strerror(err));
    return 1;
}

static int bring_up(const char *path)
{
    struct vgpio_drv_config cfg = {0};
    int err = vgpio_vuf_linux_open(&front, path, NULL);

    if (err < 0) {
        return err;
    }
    cfg.bus = &vgpio_vuf_bus_ops;
    cfg.bus_ctx = &front.vuf;
    cfg.dma = front.mem; /* memory that the back end sees as well */
    cfg.dma_addr = front.vuf.cfg.gpa;
    cfg.dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ);
    cfg.slots = slots;
    cfg.ring = ring;
    cfg.nreq = NREQ;
    cfg.nirq = NIRQ;
    err = vgpio_drv_init(&drv, &cfg);
    return err < 0 ? err : vgpio_drv_start(&drv);
}

static int ask(unsigned type, uint16_t line, uint32_t value)
{
    return vgpio_sync_call(&blocking, type, line, value);
}

/* An interrupt is enabled, unmasked, and masked again when it comes. */
static int wait_edge(uint16_t line)
{
    struct vgpio_drv_event ev;
    int n = ask(VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING);

    if (n >= 0) {
        n = vgpio_drv_unmask(&drv, line);
    }
    while (n >= 0) {
        n = vgpio_drv_flush(&drv);
        while (n == 0 && (n = vgpio_drv_poll(&drv, &ev)) > 0) {
            if (ev.kind == VGPIO_IRQ && ev.line == line) {
                return ev.result;
            }
            n = 0;
        }
        if (n == 0 && vgpio_drv_rearm(&drv) == 0) {
            n = vgpio_vuf_linux_wait(&front, -1); /* the button may take its time */
        }
    }
    return n;
}

static int use_lines(void)
{
    int n;

    printf("%u lines\n", vgpio_drv_ngpio(&drv));
    n = ask(VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_IN);
    if (n < 0 || (n = ask(VGPIO_MSG_GET_VALUE, 0, 0)) < 0) {
        return say("line 0", n);
    }
    printf("line 0 is %d\n", n);
    /* The value before the direction: so the line does not flicker. */
    if ((n = ask(VGPIO_MSG_SET_VALUE, 1, 1)) < 0 ||
        (n = ask(VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT)) < 0) {
        return say("line 1", n);
    }
    printf("line 1 drives 1\n");
    fflush(stdout);
    n = wait_edge(0);
    if (n < 0) {
        return say("line 0", n);
    }
    printf("line 0 rose\n");
    return 0;
}

int main(int argc, char **argv)
{
    int err, code;

    if (argc != 2) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return 2;
    }
    err = bring_up(argv[1]);
    code = err != 0 ? say(argv[1], err) : use_lines();
    (void)vgpio_drv_stop(&drv);
    vgpio_vuf_linux_close(&front);
    return code;
}
