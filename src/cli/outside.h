/* SPDX-License-Identifier: BSD-3-Clause */
/* A control socket, and the lines behind it: what `record` and `replay` begin with. */
#ifndef VGPIO_CLI_OUTSIDE_H
#define VGPIO_CLI_OUTSIDE_H

#include <stdint.h>
#include <virtiogpio/control.h>

#define OUTSIDE_EVENTS 65536u

struct outside {
    struct vgpio_ctl ctl;
    struct vgpio_ctl_event *events;
    const char *path;
    char *text;         /* what the names point into */
    const char **names; /* one a line, "" = none */
    uint16_t nlines;
};

/* -1: said why; outside_close() it in either case. */
int outside_open(struct outside *, const char *path, uint32_t timeout_ms);
void outside_close(struct outside *);
/* The line that a user means by a number or a name, or -1: said so. */
int outside_line(const struct outside *, const char *word);
/* The time of the server, in microseconds. -1: said why. */
int outside_clock(struct outside *, uint64_t *us);
/* Says what went wrong with the connection; returns -1. */
int outside_fault(struct outside *);

#endif /* VGPIO_CLI_OUTSIDE_H */
