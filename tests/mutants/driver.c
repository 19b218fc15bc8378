/* SPDX-License-Identifier: BSD-3-Clause */
/* A user of the driver who asks for all that a driver must not do, and works its rings
 * around several times. `vgpio trap` watches what reaches the device.
 * usage: driver SOCKET MILLISECONDS: for how long to wait for an answer */
#include <stdio.h>
#include <stdlib.h>

#include "cli/chip.h"

#define ROUNDS 100u

static unsigned events;

static void on_irq(void *ctx, uint16_t line, int result)
{
    struct chip *c = ctx;

    events += result >= 0;
    /* Twice, and only once may it be posted. */
    (void)chip_unmask(c, line);
    (void)vgpio_drv_unmask(&c->drv, line);
}

static void poll_until(struct chip *c, unsigned n)
{
    unsigned i;

    for (i = 0; i < 40 && events < n && !c->stuck; i++) {
        (void)vgpio_vuf_linux_wait(&c->front, 50);
        (void)chip_poll(c);
    }
}

/* Several requests in one publication, again and again. */
static void laps(struct chip *c)
{
    unsigned i;

    for (i = 0; i < ROUNDS && !c->stuck; i++) {
        uint16_t line = (uint16_t)(i % c->nlines);

        (void)vgpio_drv_submit(&c->drv, VGPIO_MSG_GET_DIRECTION, line, 77, NULL);
        (void)vgpio_drv_submit(&c->drv, VGPIO_MSG_GET_VALUE, line, UINT32_MAX, NULL);
        (void)chip_ask(c, VGPIO_MSG_GET_VALUE, line, 0x10000);
    }
}

static void wrong(struct chip *c)
{
    if (vgpio_drv_names_size(&c->drv) == 0) { /* their room is free then */
        uint64_t at = c->front.vuf.cfg.size - 64;

        (void)vgpio_drv_read_names(&c->drv, c->front.mem + at, c->front.vuf.cfg.gpa + at,
                                   64, c);
    }
    (void)chip_ask(c, VGPIO_MSG_SET_VALUE, 0, 2);
    (void)chip_ask(c, VGPIO_MSG_SET_DIRECTION, 0, 3);
    (void)chip_ask(c, VGPIO_MSG_SET_IRQ_TYPE, 1, 7);
    (void)chip_ask(c, VGPIO_MSG_GET_VALUE, c->nlines, 0);
    (void)vgpio_drv_unmask(&c->drv, 1);
    (void)chip_ask(c, VGPIO_MSG_SET_VALUE, 0, 1);
    (void)chip_ask(c, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT);
    (void)chip_ask(c, VGPIO_MSG_SET_IRQ_TYPE, 0, VGPIO_IRQ_EDGE_RISING);
    (void)chip_ask(c, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_NONE);
}

static void interrupts(struct chip *c)
{
    uint16_t line;

    for (line = 1; line < 4; line++) {
        (void)chip_ask(c, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN);
        /* Unmasked before the answer can be there. */
        (void)vgpio_drv_submit(&c->drv, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_BOTH,
                               NULL);
        (void)vgpio_drv_unmask(&c->drv, line);
        (void)vgpio_drv_unmask(&c->drv, line);
        (void)vgpio_drv_flush(&c->drv);
        (void)chip_ask(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_LEVEL_HIGH);
    }
    poll_until(c, 9);
    for (line = 1; line < 4; line++) {
        (void)chip_ask(c, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE);
    }
}

int main(int argc, char **argv)
{
    static struct chip c;

    if (argc != 3 ||
        chip_open(&c, argv[1], argv[1], 4, (uint32_t)strtoul(argv[2], NULL, 10)) < 0) {
        return 1;
    }
    c.on_irq = on_irq;
    c.ctx = &c;
    laps(&c);
    wrong(&c);
    interrupts(&c);
    laps(&c);
    chip_close(&c);
    return 0;
}
