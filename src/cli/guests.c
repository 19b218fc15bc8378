/* SPDX-License-Identifier: BSD-3-Clause */
#include "guests.h"

#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_signal(void *ctx, uint32_t events)
{
    struct guests *g = ctx;
    struct signalfd_siginfo info = {0};

    (void)events;
    if (read(g->signal_source.fd, &info, sizeof info) == (ssize_t)sizeof info &&
        info.ssi_signo == SIGHUP && g->reload != NULL) {
        g->reload(g->reload_ctx);
    } else if (info.ssi_signo != SIGHUP || !g->hangup_ignored) {
        g->stop = true;
    }
}

static int watch_signals(struct guests *g)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -1 : ev_add(&g->loop, &g->signal_source, fd, EPOLLIN, on_signal, g);
}

int guests_init(struct guests *g, struct server *server, size_t n)
{
    memset(g, 0, sizeof *g);
    g->server = server;
    g->n = n;
    g->signal_source.fd = -1;
    g->hangup_ignored = cli_hangup_ignored();
    vclock_init(&g->machine, false);
    g->clock = &g->machine;
    return evloop_init(&g->loop) < 0 || watch_signals(g) < 0 ? -1 : 0;
}

void guests_touch(struct server *s)
{
    if (!s->touched) {
        s->touched = true;
        s->next_touched = s->guests->touched;
        s->guests->touched = s;
    }
}

/* Few guests wait for a time, so most turns need not look. */
static uint64_t next_due(const struct guests *g)
{
    uint64_t due = vclock_due(&g->machine);
    size_t i;

    if (!g->clock->is_virtual && vclock_due(g->clock) < due) {
        due = vclock_due(g->clock);
    }
    if (g->timed == 0) {
        return due;
    }
    for (i = 0; i < g->n; i++) {
        due = g->server[i].due_us < due ? g->server[i].due_us : due;
    }
    return due;
}

static void touch_due(struct guests *g, uint64_t now)
{
    size_t i;

    for (i = 0; g->timed > 0 && i < g->n; i++) {
        if (g->server[i].due_us <= now) {
            guests_touch(&g->server[i]);
        }
    }
}

static void settle(struct guests *g, uint64_t now)
{
    while (g->touched != NULL) {
        struct server *s = g->touched;
        size_t was = s->due_us != CTL_NEVER;

        g->touched = s->next_touched;
        s->due_us = server_settle(s, now);
        g->timed = g->timed - was + (s->due_us != CTL_NEVER);
        g->ndone += s->done && !s->counted;
        s->counted = s->done;
        s->touched = false; /* only now: what settling does is no news */
    }
}

/* --- a virtual clock --- */

static bool may_move(const struct guests *g)
{
    return g->clock->is_virtual && (g->clock->now_us < g->clock->target_us ||
                                    vclock_due(g->clock) <= g->clock->now_us);
}

static uint64_t next_virtual_due(const struct guests *g)
{
    uint64_t due = vclock_due(g->clock);
    size_t i;

    for (i = 0; i < g->n; i++) {
        due = g->server[i].virtual_due_us < due ? g->server[i].virtual_due_us : due;
    }
    return due;
}

/* To the next moment at which something is due, or to the end of its way. */
static void move_clock(struct guests *g)
{
    struct vclock *c = g->clock;
    uint64_t due = next_virtual_due(g);
    size_t i;

    due = due < c->target_us ? due : c->target_us;
    c->now_us = due > c->now_us ? due : c->now_us;
    vclock_fire(c);
    for (i = 0; i < g->n; i++) {
        if (g->server[i].virtual_due_us <= c->now_us) {
            guests_touch(&g->server[i]);
        }
    }
}

/* Whatever is ready comes first: the clock moves when nobody has anything to do. */
static int turn_virtual(struct guests *g)
{
    int called = evloop_poll(&g->loop);

    if (called == 0 && next_due(g) > evloop_now()) {
        move_clock(g);
    }
    return called;
}

/* While nothing has a time, only a kick that leaves work behind, a signal or a new timer
 * can concern anybody but the guest that it came from. */
static int turn(struct guests *g)
{
    uint64_t due = next_due(g);
    bool timeless = due == CTL_NEVER && !g->clock->is_virtual;
    int err;

    do {
        err = evloop_step(&g->loop, due);
    } while (g->touched == NULL && timeless && g->machine.timers == NULL &&
             g->clock->timers == NULL && err >= 0 && !g->stop);
    return err;
}

int guests_run(struct guests *g)
{
    while (!g->stop && g->ndone < g->n) {
        uint64_t now;
        int err = may_move(g) ? turn_virtual(g) : turn(g);

        if (err < 0) {
            cli_error("%s", strerror(errno));
            return CLI_FAILED;
        }
        vclock_fire(&g->machine);
        if (!g->clock->is_virtual) {
            vclock_fire(g->clock);
        }
        if (g->touched == NULL && g->timed == 0) {
            continue; /* kicks that left nothing to be settled */
        }
        now = evloop_now();
        touch_due(g, now);
        settle(g, now);
    }
    return CLI_OK;
}

void guests_free(struct guests *g)
{
    int signals = g->signal_source.fd;

    ev_remove(&g->loop, &g->signal_source);
    if (signals >= 0) {
        close(signals);
    }
    if (g->loop.epfd >= 0) {
        evloop_close(&g->loop);
    }
}
