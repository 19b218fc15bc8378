/* SPDX-License-Identifier: BSD-3-Clause */
#include "evloop.h"

#include <stddef.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int evloop_init(struct evloop *loop)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

    loop->nbatch = 0;
    loop->armed_us = UINT64_MAX;
    loop->epfd = epoll_create1(EPOLL_CLOEXEC);
    loop->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epfd < 0 || loop->timerfd < 0) {
        return -1;
    }
    return epoll_ctl(loop->epfd, EPOLL_CTL_ADD, loop->timerfd, &ev);
}

void evloop_close(struct evloop *loop)
{
    close(loop->epfd);
    close(loop->timerfd);
}

int ev_add(struct evloop *loop, struct ev_source *s, int fd, uint32_t events,
           void (*ready)(void *ctx, uint32_t events), void *ctx)
{
    struct epoll_event ev = {.events = events, .data.ptr = s};

    s->fd = -1;
    s->events = events;
    s->ready = ready;
    s->ctx = ctx;
    if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        return -1;
    }
    s->fd = fd;
    return 0;
}

void ev_want(struct evloop *loop, struct ev_source *s, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = s};

    if (s->fd >= 0 && s->events != events) {
        s->events = events;
        (void)epoll_ctl(loop->epfd, EPOLL_CTL_MOD, s->fd, &ev);
    }
}

void ev_remove(struct evloop *loop, struct ev_source *s)
{
    int i;

    if (s->fd < 0) {
        return;
    }
    (void)epoll_ctl(loop->epfd, EPOLL_CTL_DEL, s->fd, NULL);
    s->fd = -1;
    for (i = 0; i < loop->nbatch; i++) {
        if (loop->batch[i].data.ptr == s) {
            loop->batch[i].data.ptr = NULL;
        }
    }
}

/* An absolute time: what was due while we worked comes at once, not never. */
void evloop_arm(struct evloop *loop, uint64_t due_us)
{
    struct itimerspec when = {0};

    loop->armed_us = due_us;
    if (due_us != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(due_us / 1000000u);
        when.it_value.tv_nsec = (long)(due_us % 1000000u * 1000u) + 1;
    }
    (void)timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &when, NULL);
}

uint64_t evloop_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t evloop_now(void)
{
    return evloop_now_ns() / 1000u;
}
