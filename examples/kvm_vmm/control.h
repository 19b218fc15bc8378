/* SPDX-License-Identifier: BSD-3-Clause */
/* The outside of the lines: a socket on which a test pulls and reads them. Protocol and
 * server are those of `vgpio serve`; they come from src/cli, which is no part of the
 * library. A hypervisor needs nothing of this file. */
#ifndef KVM_VMM_CONTROL_H
#define KVM_VMM_CONTROL_H

#include "../../src/cli/ctlserver.h"
#include "gpio.h"
#include "lines.h"

struct control {
    struct evloop loop;
    struct ctlserver server;
    struct sock_listener listener;
    struct ctl ctl;
    struct lines *lines;
    struct gpio *gpio;
    bool serving;
};

/* `path` may be NULL: no socket. EXIT_..., with a message. */
int control_init(struct control *, const char *path, struct lines *, struct gpio *);
void control_free(struct control *);

/* For struct gpio_lines: there is something to do when control_fd() becomes readable, and
 * after control_due() microseconds at the latest (-1: never). */
int control_fd(const struct control *);
int64_t control_due(void *control);
void control_work(void *control);

#endif /* KVM_VMM_CONTROL_H */
