/* SPDX-License-Identifier: BSD-3-Clause */
/* A small epoll loop: descriptors with a function each, one timer, one thread. */
#ifndef VGPIO_CLI_EVLOOP_H
#define VGPIO_CLI_EVLOOP_H

#include <stdbool.h>
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

/* Waits for events, at the latest until `due_us` (evloop_now(); UINT64_MAX: for ever),
 * and calls who is ready. How many were called, or -1 and errno. */
int evloop_step(struct evloop *, uint64_t due_us);

/* Calls who is ready, without waiting: for somebody with a loop of his own, in which
 * `epfd` is one descriptor among others. As evloop_step(). */
int evloop_poll(struct evloop *);

uint64_t evloop_now(void);    /* monotonic, microseconds */
uint64_t evloop_now_ns(void); /* the same clock, nanoseconds */

#endif /* VGPIO_CLI_EVLOOP_H */
