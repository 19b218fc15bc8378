/* SPDX-License-Identifier: BSD-3-Clause */
/* A small epoll loop: descriptors with a function each, one timer, one thread. */
#ifndef VGPIO_CLI_EVLOOP_H
#define VGPIO_CLI_EVLOOP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define EVLOOP_BATCH 32

struct ev_source {
    int fd; /* -1: not in the loop */
    uint32_t events;
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
};

struct evloop {
    int epfd, timerfd;
    uint64_t armed_us; /* what the timer is set to */
    struct epoll_event batch[EVLOOP_BATCH];
    int nbatch; /* how many of it the last wait filled */
};

int evloop_init(struct evloop *); /* -1 and errno */
void evloop_close(struct evloop *);

/* The source must stay where it is until ev_remove(). -1 and errno. */
int ev_add(struct evloop *, struct ev_source *, int fd, uint32_t events,
           void (*ready)(void *ctx, uint32_t events), void *ctx);
/* Which events are wanted; nothing is done when that is so already. */
void ev_want(struct evloop *, struct ev_source *, uint32_t events);
/* No call of `ready` follows, not even for an event already fetched. */
void ev_remove(struct evloop *, struct ev_source *);

/* Sets the timer; for evloop_step(). */
void evloop_arm(struct evloop *, uint64_t due_us);

/* Waits for events, `timeout` as that of epoll_wait(), and calls who is ready. How many
 * were called, or -1 and errno. In a header since who serves one request a turn feels
 * every call. */
static inline int evloop_wait(struct evloop *loop, int timeout)
{
    int n = epoll_wait(loop->epfd, loop->batch, EVLOOP_BATCH, timeout);
    const struct epoll_event *e = loop->batch, *end;
    int called = 0;

    if (n < 0) {
        return errno == EINTR ? 0 : -1;
    }
    loop->nbatch = n;
    for (end = e + n; e != end; e++) {
        struct ev_source *s = e->data.ptr;

        if (s != NULL) {
            called++;
            s->ready(s->ctx, e->events);
        }
        /* NULL: removed meanwhile, or the timer. */
    }
    return called;
}

/* The same, at the latest until `due_us` (evloop_now(); UINT64_MAX: for ever). */
static inline int evloop_step(struct evloop *loop, uint64_t due_us)
{
    if (due_us != loop->armed_us) {
        evloop_arm(loop, due_us);
    }
    return evloop_wait(loop, -1);
}

/* The same without waiting: for somebody with a loop of his own, in which `epfd` is one
 * descriptor among others. */
static inline int evloop_poll(struct evloop *loop)
{
    return evloop_wait(loop, 0);
}

uint64_t evloop_now(void);    /* monotonic, microseconds */
uint64_t evloop_now_ns(void); /* the same clock, nanoseconds */

#endif /* VGPIO_CLI_EVLOOP_H */
