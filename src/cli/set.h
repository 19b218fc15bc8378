/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio set`: what its command line and its commands on stdin share. */
#ifndef VGPIO_CLI_SET_H
#define VGPIO_CLI_SET_H

#include "tool.h"

struct set {
    struct tool tool;
    bool interactive, daemonize;
    uint64_t hold_us;
    uint64_t *period_us;
    size_t nperiods;
};

/* Cuts LINE=VALUE in two; -1: it is not that. */
int set_split(char *text, unsigned *value);
/* CLI_OK, or CLI_FAILED and said why. */
int set_line(const struct tool *, struct tool_line *, unsigned value);
int set_toggle(struct tool *);
/* Commands from stdin, until its end. */
int set_interact(struct set *);

#endif /* VGPIO_CLI_SET_H */
