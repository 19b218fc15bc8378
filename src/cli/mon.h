/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio mon`: events, and how they are printed. */
#ifndef VGPIO_CLI_MON_H
#define VGPIO_CLI_MON_H

#include "tool.h"

#include <time.h>

enum { /* as %e prints them */
    MON_RISING = 1,
    MON_FALLING = 2
};

enum mon_time {
    MON_SECONDS,
    MON_UTC,
    MON_LOCAL
};

struct mon;

struct mon_chip {
    struct mon *mon;
    struct chip *chip;
};

struct mon_irq {
    bool due;
    int result;
    unsigned unused; /* so often in a row it came back for nothing */
    struct timespec when;
};

struct mon {
    struct tool tool;
    unsigned edges;
    clockid_t clock;
    bool clock_given, quiet, idles;
    enum mon_time time;
    const char *format;
    uint64_t idle_us, left;
    bool enough, told;
    struct mon_irq *irqs; /* one a line of the tool */
    struct mon_chip *chips;
};

/* The event in one line. */
void mon_print(const struct mon *, const struct tool_line *, unsigned edge,
               const struct timespec *when);
/* Times are wanted as dates, so the clock must know the date. */
bool mon_wants_date(const struct mon *);
bool mon_before(const struct mon_irq *a, const struct mon_irq *b);

#endif /* VGPIO_CLI_MON_H */
