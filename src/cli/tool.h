/* SPDX-License-Identifier: BSD-3-Clause */
/* What the commands in the grammar of the libgpiod tools share: options, chips, lines,
 * waiting. A chip is the socket of a vhost-user back end. */
#ifndef VGPIO_CLI_TOOL_H
#define VGPIO_CLI_TOOL_H

#include "chip.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options that mean the same wherever they are; `s`, `b` and so on say which a command
 * takes. Long ones without a letter have a number. */
enum {
    OPT_BANNER = 512,
    OPT_BY_NAME,
    OPT_NUMERIC,
    OPT_UNQUOTED,
    OPT_TIMEOUT,
    TOOL_DONE /* tool_option(): nothing left to do */
};

#define TOOL_TIMEOUT_MS 5000u
#define TOOL_TIMEOUT_MAX_MS 86400000u

struct tool_line {
    const char *id; /* as the user wrote it, without the value */
    struct chip *chip;
    uint16_t offset;
    unsigned value;
    bool requested; /* to be given back at the end */
    bool armed;     /* its interrupt is on */
};

struct tool {
    const char *command, *help;
    const char *chip_arg; /* -c */
    bool active_low, banner, by_name, numeric, strict, unquoted;
    uint32_t timeout_ms;
    struct chip *chips;
    size_t nchips;
    struct tool_line *lines;
    size_t nlines;
    bool some_closed;  /* not every chip could be opened */
    bool pipe_ignored; /* by whoever started us */
    int signal_fd;     /* -1: signals end the process as ever */
    int caught;        /* the signal that came */
};

/* One line on stderr; returns 1, as the gpiod tools have it for every error. */
int tool_wrong(const struct tool *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* For what getopt_long() returned and the command does not treat itself. 0: go on;
 * TOOL_DONE: end with 0; else the exit code. */
int tool_option(struct tool *, int c, char **argv);

/* PERIOD: a number and us, ms, s or m; ms if there is none. In microseconds. */
bool tool_period(const char *text, uint64_t *us);
/* The same from 1 to `max` milliseconds, and in these. */
bool tool_period_ms(const char *text, uint32_t max, uint32_t *ms);
/* 0 or 1, (in)active, on or off, true or false. */
bool tool_value(const char *text, unsigned *value);

/* Opens the chip of -c, or each of the usual place that can be, with room for so many
 * interrupts. 0, or 1: said why. */
int tool_open(struct tool *, unsigned nirq);
/* Finds the lines of `ids`; a chip no line is on is closed. 0, or 1: said why. */
int tool_find(struct tool *, char **ids, size_t n);
/* Gives all lines back, and ends with the signal if there was one. */
int tool_close(struct tool *, int code);

/* Paths of the chips that there are when none is named; the caller frees. */
size_t tool_chip_paths(char ***paths);
void tool_free_paths(char **paths, size_t n);
/* What the user called a chip, as a path; NULL and said so if there is no memory. */
char *tool_chip_path(const char *name);

/* From here on a signal does not end the process at once: lines are given back first. */
int tool_catch_signals(struct tool *);

enum { /* tool_wait(): an or of these */
    TOOL_SIGNAL = 1,
    TOOL_CHIP = 2, /* for tool_poll_chips() */
    TOOL_INPUT = 4,
    TOOL_TIME = 8 /* also while chips never stop talking */
};
/* Until `due_us` (UINT64_MAX: for ever), a signal, a word of a chip, or input on `fd`
 * (-1: none). */
int tool_wait(struct tool *, uint64_t due_us, int fd);
/* chip_poll() of each. 0, or 1: said why. */
int tool_poll_chips(struct tool *);
/* Until stdout takes something: a write to a pipe that nobody reads would keep signals
 * waiting, too. 1: a signal. */
int tool_await_stdout(struct tool *);
/* Keeps things as they are for so long. 0: time is over; 1: said why not, or a signal. */
int tool_hold(struct tool *, uint64_t us);

/* `'a', 'b', and 'c'` behind the words. */
void tool_banner(const struct tool *, const char *words);
/* `chip offset "name"`, without the chip if it was not named. */
void tool_print_line(const struct tool *, const struct tool_line *);
/* The id as the user wrote it, quoted unless --unquoted. */
void tool_print_id(const struct tool *, const struct tool_line *);
/* False, and said so, if stdout cannot be written. If nobody reads it any more nothing is
 * said, and tool_close() ends by SIGPIPE, unless that was ignored from the start. */
bool tool_flush(struct tool *);

#endif /* VGPIO_CLI_TOOL_H */
