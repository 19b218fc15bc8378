/* SPDX-License-Identifier: BSD-3-Clause */
/* The vhost-user front end on Linux: where time, memory and descriptors are. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <virtiogpio/vhost_user_front.h>

#define TIMEOUT_MS 5000u
#define MEM_SIZE (UINT64_C(1) << 20)
/* Neither is 0 nor the other: who mixes them up finds nothing there. Nor is the second an
 * address of this process, which is nobody's business. */
#define GPA UINT64_C(0x40000000)
#define UVA UINT64_C(0x7f1000000000)

#define ON_SOCKET (2 * VGPIO_VUF_QUEUES) /* epoll: after the call and err descriptors */

/* ---- time ---- */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Until the socket is ready: 0, or VGPIO_ERR_TIMEOUT. */
static int ready(int sock, short events, uint64_t due)
{
    struct pollfd p = {.fd = sock, .events = events};
    int n;

    do {
        uint64_t now = now_ms();
        uint64_t left = now < due ? due - now : 0;

        n = poll(&p, 1, left < 1000000u ? (int)left : 1000000);
        if (n == 0 && left == 0) {
            return VGPIO_ERR_TIMEOUT;
        }
    } while (n == 0 || (n < 0 && errno == EINTR));
    return n > 0 ? 0 : VGPIO_ERR_IO;
}

/* ---- what the engine asks for ---- */

/* As much as goes now, the descriptors with the first byte. 0: nothing goes now. */
static ssize_t push(int sock, const struct vgpio_vu_msg *msg, uint32_t done)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(VGPIO_VU_MAX_REGIONS * sizeof(int))];
    } control;
    struct iovec iov = {(void *)(uintptr_t)(msg->buf + done), msg->len - done};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (done == 0 && msg->nfds != 0) {
        struct cmsghdr *c;

        memset(&control, 0, sizeof control);
        h.msg_control = control.buf;
        h.msg_controllen = CMSG_SPACE(msg->nfds * sizeof(int));
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(msg->nfds * sizeof(int));
        memcpy(CMSG_DATA(c), msg->fds, msg->nfds * sizeof(int));
    }
    do {
        n = sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : VGPIO_ERR_IO;
    }
    return n;
}

static int os_send(void *ctx, const struct vgpio_vu_msg *msg)
{
    struct vgpio_vuf_linux *f = ctx;
    uint64_t due = now_ms() + f->cfg.timeout_ms;
    uint32_t done = 0;

    while (done < msg->len) {
        ssize_t n = push(f->sock, msg, done);

        if (n == 0) {
            n = ready(f->sock, POLLOUT, due);
            if (n == 0) {
                continue;
            }
        }
        if (n < 0) {
            return (int)n;
        }
        done += (uint32_t)n;
    }
    return 0;
}

static int os_recv(void *ctx, struct vgpio_vu_msg *msg)
{
    struct vgpio_vuf_linux *f = ctx;
    uint64_t due = now_ms() + f->cfg.timeout_ms;

    for (;;) {
        int n = vgpio_vu_linux_recv(f->sock, msg);

        if (n == 0) {
            n = ready(f->sock, POLLIN, due);
            if (n == 0) {
                continue;
            }
            vgpio_vu_linux_drop(msg);
        }
        return n < 0 ? n : 0;
    }
}

static void hang_up(struct vgpio_vuf_linux *f)
{
    if (f->sock >= 0) {
        (void)close(f->sock);
        f->sock = -1;
    }
}

/* Other memory takes the place of what is shared: nobody else has that. */
static void os_cut(void *ctx)
{
    struct vgpio_vuf_linux *f = ctx;

    hang_up(f);
    if (f->mem != NULL) {
        (void)mmap(f->mem, (size_t)f->mem_size, PROT_READ | PROT_WRITE,
                   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
}

static const struct vgpio_vuf_os os = {
    .ops_size = sizeof os,
    .send = os_send,
    .recv = os_recv,
    .close = vgpio_vu_linux_close,
    .signal = vgpio_vu_linux_signal,
    .cut = os_cut,
};

/* ---- open and close ---- */

static int say(struct vgpio_vuf_linux *f, const char *what)
{
    int err = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS
                  ? VGPIO_ERR_TIMEOUT
                  : VGPIO_ERR_IO;

    snprintf(f->reason, sizeof f->reason, "%s: %s", what,
             err == VGPIO_ERR_TIMEOUT ? "nobody accepts" : strerror(errno));
    return err;
}

/* The socket, or < 0. */
static int dial(struct vgpio_vuf_linux *f, const char *path)
{
    struct timeval patience = {.tv_sec = (time_t)(f->cfg.timeout_ms / 1000u),
                               .tv_usec =
                                   (suseconds_t)(f->cfg.timeout_ms % 1000u * 1000u)};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int sock, err;

    if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof a.sun_path) {
        snprintf(f->reason, sizeof f->reason, "empty, or too long for a socket");
        return VGPIO_ERR_INVAL;
    }
    memcpy(a.sun_path, path, strlen(path));
    sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock < 0) {
        return say(f, "socket");
    }
    /* To a queue that is full a connect waits as long as a send may. */
    (void)setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(sock, (struct sockaddr *)&a, sizeof a) < 0) {
        err = say(f, "connect");
        (void)close(sock);
        return err;
    }
    return sock;
}

static void close_fds(int *fd, unsigned n)
{
    while (n-- > 0) {
        if (fd[n] >= 0) {
            (void)close(fd[n]);
        }
        fd[n] = -1;
    }
}

static void close_all(struct vgpio_vuf_linux *f)
{
    struct vgpio_vuf_config *c = &f->vuf.cfg;

    hang_up(f);
    close_fds(&f->poll_fd, 1);
    close_fds(&c->mem_fd, 1);
    close_fds(c->kick, VGPIO_VUF_QUEUES);
    close_fds(c->call, VGPIO_VUF_QUEUES);
    close_fds(c->err, VGPIO_VUF_QUEUES);
}

/* Edge-triggered and never read: the back end has a copy of the descriptor and could make
 * a read of it block. Each write is an edge. */
static int watch(struct vgpio_vuf_linux *f, int fd, uint32_t events, uint32_t what)
{
    struct epoll_event ev = {.events = events, .data.u32 = what};

    return epoll_ctl(f->poll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int make_fds(struct vgpio_vuf_linux *f, struct vgpio_vuf_config *c)
{
    unsigned q;

    f->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (f->poll_fd < 0 || watch(f, f->sock, EPOLLIN, ON_SOCKET) < 0) {
        return -1;
    }
    for (q = 0; q < VGPIO_VUF_QUEUES; q++) {
        c->kick[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        c->call[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        c->err[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (c->kick[q] < 0 || c->call[q] < 0 || c->err[q] < 0 ||
            watch(f, c->call[q], EPOLLIN | EPOLLET, q) < 0 ||
            watch(f, c->err[q], EPOLLIN | EPOLLET, VGPIO_VUF_QUEUES + q) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Where it was, if it was anywhere: the driver above has pointers into it. */
static int make_memory(struct vgpio_vuf_linux *f, struct vgpio_vuf_config *c)
{
    int again = f->mem != NULL ? MAP_FIXED : 0;
    void *p;

    c->mem_fd = vgpio_vu_linux_shm(NULL, f->mem_size);
    if (c->mem_fd < 0) {
        return -1;
    }
    p = mmap(f->mem, (size_t)f->mem_size, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_NORESERVE | again, c->mem_fd, 0);
    if (p == MAP_FAILED) {
        return -1;
    }
    f->mem = p;
    return 0;
}

static int make(struct vgpio_vuf_linux *f)
{
    struct vgpio_vuf_config c = f->vuf.cfg;
    int flags = fcntl(f->sock, F_GETFL);
    int err;

    if (flags < 0 || fcntl(f->sock, F_SETFL, flags | O_NONBLOCK) < 0) {
        return say(f, "socket");
    }
    err = make_fds(f, &c) < 0 ? say(f, "eventfd") : 0;
    if (err == 0 && make_memory(f, &c) < 0) {
        err = say(f, "shared memory");
    }
    c.os = &os;
    c.ctx = f;
    c.gpa = GPA;
    c.uva = UVA;
    c.size = f->mem_size;
    f->vuf.cfg = c; /* so that close_all() finds all of them */
    if (err == 0) {
        err = vgpio_vuf_init(&f->vuf, &c);
    }
    if (err < 0) {
        close_all(f);
    }
    return err;
}

static void prepare(struct vgpio_vuf_linux *f, const struct vgpio_vuf_linux_config *cfg)
{
    struct vgpio_vuf_config *c = &f->vuf.cfg;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    unsigned q;

    memset(f, 0, sizeof *f);
    f->sock = f->poll_fd = c->mem_fd = -1;
    for (q = 0; q < VGPIO_VUF_QUEUES; q++) {
        c->kick[q] = c->call[q] = c->err[q] = -1;
    }
    if (cfg != NULL) {
        f->cfg = *cfg;
    }
    f->cfg.timeout_ms = f->cfg.timeout_ms != 0 ? f->cfg.timeout_ms : TIMEOUT_MS;
    f->mem_size = f->cfg.mem_size != 0 ? f->cfg.mem_size : MEM_SIZE;
    f->mem_size = (f->mem_size + page - 1) & ~(page - 1);
    c->queue_size = f->cfg.queue_size;
    c->protocol = f->cfg.protocol;
    c->config = f->cfg.config;
    c->config_size = f->cfg.config_size;
    c->device_id = f->cfg.device_id;
}

int vgpio_vuf_linux_open(struct vgpio_vuf_linux *f, const char *path,
                         const struct vgpio_vuf_linux_config *cfg)
{
    prepare(f, cfg);
    f->sock = dial(f, path);
    return f->sock < 0 ? f->sock : make(f);
}

int vgpio_vuf_linux_adopt(struct vgpio_vuf_linux *f, int sock,
                          const struct vgpio_vuf_linux_config *cfg)
{
    prepare(f, cfg);
    f->sock = sock;
    return make(f);
}

int vgpio_vuf_linux_reconnect(struct vgpio_vuf_linux *f, const char *path)
{
    /* Nobody else's memory from here on, also where the rest fails. */
    os_cut(f);
    close_all(f);
    f->reason[0] = '\0';
    f->sock = dial(f, path);
    return f->sock < 0 ? f->sock : make(f);
}

void vgpio_vuf_linux_close(struct vgpio_vuf_linux *f)
{
    close_all(f);
    if (f->mem != NULL) {
        (void)munmap(f->mem, (size_t)f->mem_size);
        f->mem = NULL;
    }
}

/* ---- waiting ---- */

/* Between messages a back end has nothing to say. */
static int socket_spoke(struct vgpio_vuf_linux *f)
{
    char byte;
    ssize_t n = recv(f->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return 0;
    }
    vgpio_vuf_gone(&f->vuf, n > 0 ? VGPIO_ERR_PROTO : VGPIO_ERR_IO);
    return vgpio_vuf_error(&f->vuf);
}

int vgpio_vuf_linux_wait(struct vgpio_vuf_linux *f, int timeout_ms)
{
    struct epoll_event ev[ON_SOCKET + 1];
    unsigned bits = 0;
    int n, i;

    if (vgpio_vuf_error(&f->vuf) != 0) {
        return vgpio_vuf_error(&f->vuf);
    }
    n = epoll_wait(f->poll_fd, ev, ON_SOCKET + 1, timeout_ms);
    if (n < 0) {
        return errno == EINTR ? 0 : VGPIO_ERR_IO;
    }
    for (i = 0; i < n; i++) {
        uint32_t what = ev[i].data.u32;

        if (what == ON_SOCKET) {
            int err = socket_spoke(f);

            if (err < 0) {
                return err;
            }
        } else {
            bits |= 1u << what;
        }
    }
    if ((bits & (VGPIO_VUF_ERR(0) | VGPIO_VUF_ERR(1))) != 0) {
        vgpio_vuf_broken(&f->vuf);
    }
    return (int)bits;
}

const char *vgpio_vuf_linux_reason(struct vgpio_vuf_linux *f)
{
    uint32_t request = 0;
    const char *why = vgpio_vuf_reason(&f->vuf, &request);

    if (why != NULL && request != 0) {
        snprintf(f->reason, sizeof f->reason, "%s: %s", vgpio_vu_request_str(request),
                 why);
    } else if (why != NULL) {
        snprintf(f->reason, sizeof f->reason, "%s", why);
    }
    return f->reason;
}
