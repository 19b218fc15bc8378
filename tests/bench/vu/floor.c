/* SPDX-License-Identifier: BSD-3-Clause */
/* The floor of a back end: the least that serves GPIO requests over vhost-user. Nothing
 * is checked, one front end, lines are an array of bytes, one edge-triggered descriptor
 * that is never read. What a real back end costs is compared with this.
 * usage: floor SOCKET */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vu.h"

static uint8_t *mem, *desc, *avail, *used, line[65536];
static uint64_t gpa, uva, addr[3];
static uint32_t mask;
static uint16_t next;
static int sock, kick = -1, call = -1, epfd;

static void serve(void)
{
    uint16_t seen = ACQUIRE(avail + IDX);
    static const uint64_t one = 1;

    if (next == seen) {
        return;
    }
    for (; next != seen; next++) {
        uint32_t head = LOAD(u16, avail + RING + 2u * (next & mask));
        const uint8_t *d = desc + 16u * (size_t)head;
        uint64_t request = LOAD(u64, mem + (LOAD(u64, d) - gpa));
        uint8_t *answer = mem + (LOAD(u64, desc + 16u * (size_t)LOAD(u16, d + 14)) - gpa);
        uint8_t *at = &line[(uint16_t)(request >> 16)];

        if ((request & 0xffff) == SET_VALUE) {
            *at = (uint8_t)(request >> 32);
            STORE(u16, answer, 0);
        } else {
            STORE(u16, answer, *at << 8);
        }
        STORE(u64, used + RING + 8u * (next & mask), head | (u64)2u << 32);
    }
    RELEASE(used + IDX, next);
    FENCE();
    if ((LOAD(u16, avail) & 1u) == 0 && write(call, &one, sizeof one) < 0) {
        vu_die("call");
    }
}

static void watch(int fd, uint32_t events, uint32_t what)
{
    struct epoll_event ev = {.events = events, .data.u32 = what};

    if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        vu_die("epoll");
    }
}

static void message(struct vu_msg *m, int fd)
{
    switch (m->request) {
    case VU_GET_FEATURES:
        m->u.u64 = VU_VERSION_1;
        m->flags = 5;
        m->size = 8;
        if (send(sock, m, VU_HEADER + 8, 0) < 0) {
            vu_die("send");
        }
        break;
    case VU_SET_MEM_TABLE:
        gpa = m->u.table.gpa;
        uva = m->u.table.uva;
        mem = mmap(NULL, m->u.table.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        break;
    case VU_SET_VRING_NUM:
        mask = m->u.state.q == 0 ? m->u.state.num - 1 : mask;
        break;
    case VU_SET_VRING_ADDR:
        if (m->u.addr.q == 0) {
            addr[0] = m->u.addr.desc;
            addr[1] = m->u.addr.avail;
            addr[2] = m->u.addr.used;
        }
        break;
    case VU_SET_VRING_CALL:
        call = (m->u.u64 & 0xff) == 0 ? fd : call;
        break;
    case VU_SET_VRING_KICK:
        if ((m->u.u64 & 0xff) == 0) {
            kick = fd;
            desc = mem + (addr[0] - uva);
            avail = mem + (addr[1] - uva);
            used = mem + (addr[2] - uva);
            next = 0;
            watch(kick, EPOLLIN | EPOLLET, 0);
        }
        break;
    default:
        break;
    }
}

/* 0: the front end is gone. */
static int receive(void)
{
    struct vu_msg m;
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {&m, VU_HEADER};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
    int fd = -1;

    memset(&m, 0, sizeof m);
    if (recvmsg(sock, &h, 0) != (ssize_t)VU_HEADER) {
        return 0;
    }
    if (CMSG_FIRSTHDR(&h) != NULL) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof fd);
    }
    if (m.size != 0 && recv(sock, &m.u, m.size, MSG_WAITALL) != (ssize_t)m.size) {
        return 0;
    }
    message(&m, fd);
    return 1;
}

int main(int argc, char **argv)
{
    struct sockaddr_un a;
    int s = vu_socket(argc == 2 ? argv[1] : "", &a);
    struct epoll_event ev;

    if (argc != 2 || bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 1) < 0) {
        vu_die("floor: socket");
    }
    sock = accept(s, NULL, NULL);
    epfd = epoll_create1(EPOLL_CLOEXEC);
    watch(sock, EPOLLIN, 1);
    for (;;) {
        if (epoll_wait(epfd, &ev, 1, -1) != 1) {
            continue;
        }
        if (ev.data.u32 == 0) {
            serve();
        } else if (!receive()) {
            return 0;
        }
    }
}
