/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control protocol: one command a line, one reply line each.
 *
 * Pure: bytes in, bytes out, the time as an argument, no descriptor and no clock. So the
 * unit tests and the fuzzer drive exactly the code that the server runs.
 */
#ifndef VGPIO_CLI_CONTROL_H
#define VGPIO_CLI_CONTROL_H

#include "ctl_watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_PROTOCOL 1u     /* docs/control.md: what it promises, and when it grows */
#define CTL_LINE_MAX 1024u  /* bytes of one command, newline included */
#define CTL_REPLY_MAX 2048u /* bytes of one reply, but for the names in `info` */
#define CTL_MAX_COUNT 1000000000u
#define CTL_MAX_PERIOD_US 3600000000u
#define CTL_MAX_TIMEOUT_MS 86400000u
#define CTL_NEVER UINT64_MAX

struct fault_rule; /* board.h */

/* What the commands act on. Lines are checked against `nlines` before any call. */
struct ctl_ops {
    int (*line_of)(void *ctx, const char *name); /* -1: no line has that name */
    int (*value)(void *ctx, uint16_t line);      /* 0, 1 */
    int (*direction)(void *ctx, uint16_t line);  /* VGPIO_DIR_* */
    int (*pulled)(void *ctx, uint16_t line);     /* 0, 1: what was last applied */
    int (*pull)(void *ctx, uint16_t line, unsigned level);
    int (*pulse)(void *ctx, uint16_t line); /* away and back in one step */
    void (*barrier)(void *ctx);             /* every change so far has reached the peer */
    /* Text behind "ok ", no newline, at most `size` bytes; returns the length. */
    size_t (*info)(void *ctx, char *out, size_t size);
    size_t (*stats)(void *ctx, char *out, size_t size);
    /* Optional: a virtual clock may go on for so long; `until` is when that is over. An
     * error: it is none (NOTSUP), or somebody else moves it (STATE). */
    int (*advance)(void *ctx, uint64_t us, uint64_t *until);
    /* Optional: the line misbehaves by one more rule, or (NULL) by none at all. NOTSUP:
     * these lines cannot; NOSPC: no room for one more. */
    int (*fault)(void *ctx, uint16_t line, const struct fault_rule *);
};

struct ctl {
    const struct ctl_ops *ops;
    void *ctx;
    uint16_t nlines;
    size_t reply_max; /* at least CTL_REPLY_MAX, and room for `info` and `values` */
};

enum ctl_state {
    CTL_IDLE,
    CTL_WAIT,
    CTL_TOGGLE,
    CTL_CLOCK,
    CTL_CLOSING
};

struct ctl_client {
    const struct ctl *ctl;
    char *out; /* caller's memory, ctl->reply_max bytes or more */
    size_t out_size, out_len;
    size_t in_len;
    enum ctl_state state;
    bool eof;
    bool hit;  /* CTL_WAIT: the level was seen */
    bool away; /* CTL_TOGGLE: between the two edges of a pulse */
    uint16_t line;
    uint8_t level;
    uint64_t count, done, edges, period_us;
    uint64_t due_us; /* deadline of a wait, next edge of a toggle */
    struct ctl_watch watch;
    bool fresh; /* events came since ctl_run() */
    char in[CTL_LINE_MAX];
};

void ctl_init(struct ctl_client *, const struct ctl *, char *out, size_t out_size);

/* How many bytes ctl_input() takes now; 0 = come again after ctl_run(). */
size_t ctl_room(const struct ctl_client *);
void ctl_input(struct ctl_client *, const char *data, size_t len);
/* The peer sends no more; what it asked for is still answered. */
void ctl_eof(struct ctl_client *);

/* Works off commands until input ends, a reply has no room, or a command takes time. */
void ctl_run(struct ctl_client *, uint64_t now_us);
/* When ctl_run() is wanted again at the latest. */
uint64_t ctl_due(const struct ctl_client *);
/* A line has a new level, possibly only for an instant; `ns` as the events tell it. */
void ctl_changed(struct ctl_client *, uint16_t line, unsigned level, uint64_t ns);
/* What the device's trace hook tells. */
void ctl_traced(struct ctl_client *, unsigned id, uint32_t a, uint32_t b, uint64_t ns);

/* The first `n` bytes of `out` have been sent. */
void ctl_sent(struct ctl_client *, size_t n);
/* Nothing more will come: close the connection. */
bool ctl_done(const struct ctl_client *);

#endif /* VGPIO_CLI_CONTROL_H */
