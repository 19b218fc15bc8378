/* SPDX-License-Identifier: BSD-3-Clause */
/* The guests of one `vgpio serve`: one loop and one thread for all of them. What a turn
 * of the loop costs depends on the guests that something happened to, not on how many
 * there are. */
#ifndef VGPIO_CLI_GUESTS_H
#define VGPIO_CLI_GUESTS_H

#include "evloop.h"
#include "server.h"
#include "vclock.h"

struct guests {
    struct evloop loop;
    struct ev_source signal_source;
    struct server *server; /* `n` of them */
    size_t n;
    size_t timed;             /* how many have a time at which they are due */
    struct vclock machine;    /* for what must not wait for a virtual clock */
    struct vclock *clock;     /* for all else; `machine` unless somebody has another */
    const bool *clock_taken;  /* somebody moves it who must not be disturbed; or NULL */
    int (*reload)(void *ctx); /* on SIGHUP; NULL: it ends, unless ignored */
    void *reload_ctx;
    size_t ndone;           /* how many no front end will come to any more */
    struct server *touched; /* to be settled in this turn */
    bool hangup_ignored;
    bool stop;
};

/* -1 and errno. */
int guests_init(struct guests *, struct server *, size_t n);
/* Something happened to a guest. */
void guests_touch(struct server *);
/* Until a signal, or until no front end will come any more. Returns an exit code. */
int guests_run(struct guests *);
void guests_free(struct guests *);

#endif /* VGPIO_CLI_GUESTS_H */
