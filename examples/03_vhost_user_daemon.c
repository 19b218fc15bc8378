/* SPDX-License-Identifier: BSD-3-Clause */
/* A vhost-user back end in one file: four simulated lines, one thread, one epoll loop. On
 * the far side of the socket is QEMU, User-Mode Linux, or any other front end.
 *
 *     example_vhost_user_daemon /tmp/gpio.sock
 *
 * Lines 0 and 1 are wired together, and 2 and 3: what the guest drives on the even one,
 * the odd one reads, and interrupts for if it is asked to.
 */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <virtiogpio/device.h>
#include <virtiogpio/sim.h>
#include <virtiogpio/vhost_user.h>

enum {
    NLINES = 4,
    NREQ = 16,
    POLL_MS = 10
};
enum { /* what epoll says became ready: a queue's number, or */
    LISTENER = 2,
    FRONT_END = 3
};

static struct vgpio_sim sim;
static struct vgpio_sim_line sim_lines[NLINES];
static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES];
static struct vgpio_req reqs[NREQ];

static struct vgpio_vu vu;
static struct vgpio_vu_msg in, out; /* one of each is enough: requests take turns */
static int loop, listener, front_end = -1;
static unsigned more;   /* queues that have more to do than one turn allows */
static unsigned polled; /* queues that the front end does not kick */

static int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static int want(int op, int fd, uint32_t events, uint32_t source)
{
    struct epoll_event ev = {.events = events, .data.u32 = source};

    return epoll_ctl(loop, op, fd, &ev);
}

/* --- the lines --- */

static void wire(void *ctx, uint16_t line, unsigned level)
{
    (void)ctx;
    if (line % 2 == 0) {
        (void)vgpio_sim_pull(&sim, (uint16_t)(line + 1), level);
    }
}

/* --- what the engine needs of the event loop --- */

static void watch(void *ctx, int fd, unsigned q, int on)
{
    (void)ctx;
    more &= ~(1u << q);
    polled &= ~(1u << q);
    if (on && fd < 0) {
        polled |= 1u << q;
    } else if (on) {
        /* Edge-triggered, so that nobody has to read it: it is the front end's. */
        (void)want(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, q);
    } else if (fd >= 0) {
        (void)want(EPOLL_CTL_DEL, fd, 0, q);
    }
}

static const struct vgpio_vu_os os = {
    .ops_size = sizeof os,
    .map = vgpio_vu_linux_map,
    .unmap = vgpio_vu_linux_unmap,
    .close = vgpio_vu_linux_close,
    .signal = vgpio_vu_linux_signal,
    .watch = watch,
    .send = vgpio_vu_linux_push,
};

/* --- the connection --- */

static void hang_up(const char *why)
{
    fprintf(stderr, "connection closed: %s\n", why);
    vgpio_vu_close(&vu);
    vgpio_vu_linux_drop(&in);
    memset(&out, 0, sizeof out);
    close(front_end);
    front_end = -1;
    (void)want(EPOLL_CTL_MOD, listener, EPOLLIN, LISTENER);
}

static void accept_one(void)
{
    front_end = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (front_end >= 0) {
        must(want(EPOLL_CTL_ADD, front_end, EPOLLIN, FRONT_END), "epoll_ctl");
        /* The next one stays in the queue: QEMU gives up where it is hung up on. */
        (void)want(EPOLL_CTL_MOD, listener, 0, LISTENER);
    }
}

/* A step of the conversation: the answer that is owed goes first, then the message that
 * waited for it, then the next one. Never blocks; may be called for no reason. */
static void converse(void)
{
    int n = vgpio_vu_linux_send(front_end, &out);

    if (n > 0) {
        n = vgpio_vu_linux_recv(front_end, &in);
    }
    if (n > 0) {
        n = vgpio_vu_input(&vu, &in, &out);
    }
    if (n > 0) {
        n = vgpio_vu_linux_send(front_end, &out);
    }
    if (n < 0 && n != VGPIO_ERR_STATE) {
        hang_up(n == VGPIO_ERR_PROTO ? vgpio_vu_reason(&vu) : "the front end left");
        return;
    }
    /* A message that waits (ERR_STATE) is read already: epoll must not wake us for
     * more. */
    (void)want(EPOLL_CTL_MOD, front_end,
               out.len > 0            ? EPOLLOUT
               : n == VGPIO_ERR_STATE ? 0u
                                      : EPOLLIN,
               FRONT_END);
}

/* --- the loop --- */

/* Below 0 the guest broke its ring: flush tells the front end, and a reset mends it. */
static void kick(unsigned q)
{
    if (vgpio_vu_kick(&vu, q) > 0) {
        more |= 1u << q;
    }
}

static void serve(uint32_t source, uint32_t events)
{
    if (source == LISTENER) {
        accept_one();
    } else if (source != FRONT_END) {
        kick(source);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
        hang_up("the front end left");
    } else {
        converse();
    }
}

static void run(void)
{
    for (;;) {
        struct epoll_event ev;
        unsigned q, turn;
        int n = epoll_wait(loop, &ev, 1, more ? 0 : polled ? POLL_MS : -1);

        if (n < 0 && errno != EINTR) {
            must(n, "epoll_wait");
        }
        if (n > 0) {
            serve(ev.data.u32, ev.events);
        }
        turn = more | polled;
        more = 0;
        for (q = 0; turn >> q; q++) {
            if (turn >> q & 1u) {
                kick(q);
            }
        }
        /* Whatever happened: pass interrupts on, and an answer that had to wait. */
        vgpio_vu_flush(&vu);
        if (vgpio_vu_output(&vu, &out) > 0) {
            converse();
        }
    }
}

static void make_device(void)
{
    struct vgpio_sim_config sc = {.sink = vgpio_dev_sink(&dev),
                                  .lines = sim_lines,
                                  .nlines = NLINES,
                                  .on_change = wire};
    struct vgpio_dev_config dc = {.ops = &vgpio_sim_ops,
                                  .ctx = &sim,
                                  .lines = lines,
                                  .ngpio = NLINES,
                                  .reqs = reqs,
                                  .nreqs = NREQ};
    int err = vgpio_sim_init(&sim, &sc);

    err = err ? err : vgpio_dev_init(&dev, &dc);
    err = err ? err : vgpio_vu_init(&vu, vgpio_dev_vdev(&dev), &os, NULL);
    if (err) {
        fprintf(stderr, "device: %s\n", vgpio_strerror(err));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (argc != 2 || strlen(argv[1]) >= sizeof at.sun_path) {
        fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    make_device();
    strcpy(at.sun_path, argv[1]);
    loop = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    must(bind(listener, (struct sockaddr *)&at, sizeof at), argv[1]);
    must(listen(listener, 1), "listen");
    must(want(EPOLL_CTL_ADD, listener, EPOLLIN, LISTENER), "epoll_ctl");
    fprintf(stderr, "listening on %s\n", argv[1]);
    run();
    return 0;
}
