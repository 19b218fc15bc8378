/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines behind the GPIO device: simulated, and pulled from outside by a socket whose
 * protocol and server are those of `vgpio serve`. They come from src/cli, which is no
 * part of the library; a hypervisor with lines of its own needs nothing of this. */
#ifndef KVM_VMM_LINES_H
#define KVM_VMM_LINES_H

#include "../../src/cli/ctlserver.h"
#include "gpio.h"

#include <virtiogpio/sim.h>

struct lines {
    struct gpio_lines face; /* for gpio_init() */
    struct gpio *gpio;
    struct vgpio_sim sim;
    struct vgpio_sim_line *line;
    uint16_t n;
    uint8_t *pulled;   /* what the outside applied, a byte a line */
    char *text;        /* all names; what `name` points into */
    const char **name; /* a line each, "" for none */
    uint8_t *block;    /* the names as the wire wants them */
    uint64_t traced[VGPIO_TR_END], error_answers;
    struct evloop loop;
    struct ctlserver server;
    struct sock_listener listener;
    struct ctl ctl;
    bool serving;
};

/* `spec` is a number of lines, or a name for each with commas between; `control` the
 * socket's path, or NULL. EXIT_..., with a message. */
int lines_init(struct lines *, const char *spec, const char *control, struct gpio *);
void lines_free(struct lines *);

#endif /* KVM_VMM_LINES_H */
