/* SPDX-License-Identifier: BSD-3-Clause */
#include "vu_peer.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define P_REPLY_ACK 3u
#define P_WANTED ((1u << 0) | (1u << P_REPLY_ACK) | (1u << 5) | (1u << 9))

static void need(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "vu_peer: %s: %s\n", what, strerror(errno));
        abort();
    }
}

static void pump(struct vu_peer *p)
{
    if (p->pump != NULL) {
        p->pump(p->pump_ctx);
    }
}

/* Waits until fd is readable; with a back end in this thread there is nothing to wait
 * for once it has run. */
static int readable(struct vu_peer *p, int fd, int ms)
{
    struct pollfd f = {.fd = fd, .events = POLLIN};
    int n;

    pump(p);
    do {
        n = poll(&f, 1, p->pump != NULL ? 0 : ms);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

int vu_peer_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    need(s >= 0, "socket");
    need(strlen(path) < sizeof a.sun_path, "socket path too long");
    strcpy(a.sun_path, path);
    if (connect(s, (struct sockaddr *)&a, sizeof a) != 0) {
        close(s);
        return -1;
    }
    return s;
}

void vu_peer_open(struct vu_peer *p, int sock)
{
    unsigned q;

    *p = (struct vu_peer){.sock = sock, .back = -1, .timeout_ms = 120000};
    p->memfd = memfd_create("guest", MFD_CLOEXEC);
    need(p->memfd >= 0 && ftruncate(p->memfd, VU_PEER_MEM) == 0, "memfd");
    p->mem.gpa = VU_PEER_GPA;
    p->mem.size = VU_PEER_MEM;
    p->mem.base =
        mmap(NULL, VU_PEER_MEM, PROT_READ | PROT_WRITE, MAP_SHARED, p->memfd, 0);
    need(p->mem.base != MAP_FAILED, "mmap");
    for (q = 0; q < 2; q++) {
        p->kick[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        p->call[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        p->err[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        need(p->kick[q] >= 0 && p->call[q] >= 0 && p->err[q] >= 0, "eventfd");
    }
}

void vu_peer_reopen(struct vu_peer *p, int sock)
{
    close(p->sock);
    if (p->back >= 0) {
        close(p->back);
    }
    p->back = -1;
    p->sock = sock;
    p->features = p->protocol = 0;
}

void vu_peer_close(struct vu_peer *p)
{
    unsigned q;

    vu_peer_reopen(p, -1);
    munmap(p->mem.base, VU_PEER_MEM);
    close(p->memfd);
    for (q = 0; q < 2; q++) {
        close(p->kick[q]);
        close(p->call[q]);
        close(p->err[q]);
    }
}

int vu_peer_send(struct vu_peer *p, uint32_t request, uint32_t flags, const void *payload,
                 uint32_t size, const int *fds, unsigned nfds)
{
    uint32_t head[3] = {request, flags, size};
    struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)payload, size}};
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct msghdr h = {.msg_iov = iov, .msg_iovlen = size != 0 ? 2 : 1};

    need(nfds <= 16, "too many fds");
    if (nfds != 0) {
        struct cmsghdr *c;

        memset(&control, 0, sizeof control);
        h.msg_control = control.buf;
        h.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
    }
    return sendmsg(p->sock, &h, MSG_NOSIGNAL) == (ssize_t)(sizeof head + size) ? 0 : -1;
}

/* 1 = all of it, 0 = hung up, -1 = not in time. */
static int read_all(struct vu_peer *p, void *dst, size_t len)
{
    uint8_t *to = dst;

    while (len != 0) {
        ssize_t n;

        if (!readable(p, p->sock, p->timeout_ms)) {
            return -1;
        }
        n = recv(p->sock, to, len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            return 0;
        }
        if (n > 0) {
            to += n;
            len -= (size_t)n;
        }
    }
    return 1;
}

int vu_peer_recv(struct vu_peer *p, struct vu_answer *a)
{
    int n = read_all(p, a, 12);

    if (n == 1) {
        need(a->size <= sizeof a->payload, "answer too long");
        n = read_all(p, a->payload, a->size);
    }
    return n;
}

int vu_peer_call(struct vu_peer *p, uint32_t request, const void *payload, uint32_t size,
                 const int *fds, unsigned nfds)
{
    uint32_t ack = (p->protocol >> P_REPLY_ACK) & 1u;
    struct vu_answer a;
    uint64_t v;

    if (vu_peer_send(p, request, 1u | (ack != 0 ? VU_NEED_REPLY : 0), payload, size, fds,
                     nfds) != 0) {
        return -1;
    }
    if (ack == 0) {
        pump(p);
        return 0;
    }
    if (vu_peer_recv(p, &a) != 1 || a.request != request || a.flags != 5 || a.size != 8) {
        return -1;
    }
    memcpy(&v, a.payload, sizeof v);
    return v != 0;
}

int vu_peer_get(struct vu_peer *p, uint32_t request, uint64_t *value)
{
    struct vu_answer a;

    if (vu_peer_send(p, request, 1, NULL, 0, NULL, 0) != 0 || vu_peer_recv(p, &a) != 1 ||
        a.request != request || a.flags != 5 || a.size != 8) {
        return -1;
    }
    memcpy(value, a.payload, sizeof *value);
    return 0;
}

int vu_peer_u64(struct vu_peer *p, uint32_t request, uint64_t value)
{
    return vu_peer_call(p, request, &value, sizeof value, NULL, 0);
}

int vu_peer_vring(struct vu_peer *p, uint32_t request, uint32_t q, uint32_t num)
{
    uint32_t state[2] = {q, num};

    return vu_peer_call(p, request, state, sizeof state, NULL, 0);
}

int vu_peer_vring_fd(struct vu_peer *p, uint32_t request, uint32_t q, int fd)
{
    uint64_t word = q | (fd < 0 ? 0x100u : 0u);

    return vu_peer_call(p, request, &word, sizeof word, &fd, fd < 0 ? 0 : 1);
}

int vu_peer_vring_addr(struct vu_peer *p, uint32_t q)
{
    const struct vgpio_vq_setup *s = &p->ring[q].setup;
    uint64_t v[5] = {vu_two32(q, 0), s->desc, s->device, s->driver, UINT64_MAX};
    unsigned i;

    for (i = 1; i <= 3; i++) {
        v[i] = v[i] - VU_PEER_GPA + VU_PEER_UVA;
    }
    return vu_peer_call(p, VU_SET_VRING_ADDR, v, sizeof v, NULL, 0);
}

int vu_peer_config(struct vu_peer *p, uint32_t off, uint32_t size, uint8_t *dst)
{
    uint8_t payload[12 + 4096] = {0};
    uint32_t head[3] = {off, size, 0};
    struct vu_answer a;

    need(size <= 4096, "config size");
    memcpy(payload, head, sizeof head);
    if (vu_peer_send(p, VU_GET_CONFIG, 1, payload, 12 + size, NULL, 0) != 0 ||
        vu_peer_recv(p, &a) != 1 || a.request != VU_GET_CONFIG || a.flags != 5) {
        return -1;
    }
    if (a.size < 12) {
        return 0;
    }
    memcpy(head, a.payload, sizeof head);
    if (a.size != 12 + head[1] || head[1] > size) {
        return -1;
    }
    memcpy(dst, a.payload + 12, head[1]);
    return (int)head[1];
}

int vu_peer_negotiate(struct vu_peer *p, uint64_t want)
{
    uint64_t protocol;

    if (vu_peer_call(p, VU_SET_OWNER, NULL, 0, NULL, 0) != 0 ||
        vu_peer_get(p, VU_GET_FEATURES, &p->offered) != 0) {
        return -1;
    }
    p->features = (want & p->offered) | (p->offered & VU_F_PROTOCOL_FEATURES);
    if ((p->offered & VU_F_PROTOCOL_FEATURES) != 0) {
        if (vu_peer_get(p, VU_GET_PROTOCOL_FEATURES, &protocol) != 0 ||
            vu_peer_u64(p, VU_SET_PROTOCOL_FEATURES, protocol & P_WANTED) != 0) {
            return -1;
        }
        p->protocol = protocol & P_WANTED;
    }
    return vu_peer_u64(p, VU_SET_FEATURES, p->features);
}

int vu_peer_share(struct vu_peer *p)
{
    uint64_t v[5] = {vu_two32(1, 0), VU_PEER_GPA, VU_PEER_MEM, VU_PEER_UVA, 0};

    return vu_peer_call(p, VU_SET_MEM_TABLE, v, sizeof v, &p->memfd, 1);
}

int vu_peer_start(struct vu_peer *p, unsigned q, uint16_t size, uint32_t base)
{
    int bad;

    if (size != 0) {
        ring_peer_init(&p->ring[q], &p->mem, VU_PEER_GPA + q * VU_PEER_RING, size,
                       p->features);
    }
    if ((bad = vu_peer_vring(p, VU_SET_VRING_NUM, q, p->ring[q].setup.size)) == 0 &&
        (bad = vu_peer_vring(p, VU_SET_VRING_BASE, q, base)) == 0 &&
        (bad = vu_peer_vring_addr(p, q)) == 0 &&
        (bad = vu_peer_vring_fd(p, VU_SET_VRING_KICK, q, p->kick[q])) == 0 &&
        (bad = vu_peer_vring_fd(p, VU_SET_VRING_CALL, q, p->call[q])) == 0 &&
        (bad = vu_peer_vring_fd(p, VU_SET_VRING_ERR, q, p->err[q])) == 0 &&
        (p->features & VU_F_PROTOCOL_FEATURES) != 0) {
        bad = vu_peer_vring(p, VU_SET_VRING_ENABLE, q, 1);
    }
    return bad;
}

int vu_peer_stop(struct vu_peer *p, unsigned q)
{
    uint32_t state[2] = {q, 0};
    struct vu_answer a;

    if (vu_peer_send(p, VU_GET_VRING_BASE, 1, state, sizeof state, NULL, 0) != 0 ||
        vu_peer_recv(p, &a) != 1 || a.request != VU_GET_VRING_BASE || a.flags != 5 ||
        a.size != sizeof state) {
        return -1;
    }
    memcpy(state, a.payload, sizeof state);
    return state[0] == q ? (int)state[1] : -1;
}

void vu_peer_post(struct vu_peer *p, unsigned q, uint16_t head)
{
    struct ring_peer *r = &p->ring[q];
    uint64_t avail = r->setup.driver;

    peer_put16(&p->mem, avail + 4 + 2u * (r->avail_idx % r->setup.size), head);
    r->avail_idx++;
    __atomic_store_n((uint16_t *)(void *)peer_at(&p->mem, avail + 2, 2),
                     htole16(r->avail_idx), __ATOMIC_SEQ_CST);
}

void vu_peer_kick(struct vu_peer *p, unsigned q)
{
    const uint64_t one = 1;

    need(write(p->kick[q], &one, sizeof one) == sizeof one, "kick");
    pump(p);
}

int vu_peer_called(struct vu_peer *p, unsigned q, int ms)
{
    uint64_t n;

    return readable(p, p->call[q], ms) && read(p->call[q], &n, sizeof n) == sizeof n;
}

int vu_peer_used(struct vu_peer *p, unsigned q, uint32_t *id)
{
    struct timespec t;
    time_t end;
    uint32_t len;
    const uint16_t *idx = (const void *)peer_at(&p->mem, p->ring[q].setup.device + 2, 2);

    clock_gettime(CLOCK_MONOTONIC, &t);
    end = t.tv_sec + (p->timeout_ms + 999) / 1000;
    while (le16toh(__atomic_load_n(idx, __ATOMIC_ACQUIRE)) == p->ring[q].used_seen) {
        /* An interrupt may belong to an element already taken: look again after each. */
        (void)vu_peer_called(p, q, 100);
        clock_gettime(CLOCK_MONOTONIC, &t);
        if (t.tv_sec > end) {
            return -1;
        }
    }
    (void)ring_peer_used(&p->ring[q], id, &len);
    return (int)len;
}

int vu_peer_request(struct vu_peer *p, uint16_t type, uint16_t line, uint32_t value,
                    uint8_t *answer)
{
    uint64_t out = VU_PEER_GPA + VU_PEER_DATA, in = out + 16;
    uint32_t id;
    int len;

    peer_put16(&p->mem, out, type);
    peer_put16(&p->mem, out + 2, line);
    peer_put32(&p->mem, out + 4, value);
    ring_peer_desc(&p->ring[0], 0, out, 8, PEER_NEXT, 1);
    ring_peer_desc(&p->ring[0], 1, in, 2, PEER_WRITE, 0);
    vu_peer_post(p, 0, 0);
    vu_peer_kick(p, 0);
    len = vu_peer_used(p, 0, &id);
    if (len < 1 || id != 0) {
        return -1;
    }
    if (answer != NULL) {
        *answer = *peer_at(&p->mem, in + 1, 1);
    }
    return *peer_at(&p->mem, in, 1);
}

void vu_peer_unmask(struct vu_peer *p, uint16_t slot, uint16_t line)
{
    uint64_t out = VU_PEER_GPA + VU_PEER_DATA + 0x1000u + 16u * slot;
    uint16_t head = (uint16_t)(2 * slot);

    peer_put16(&p->mem, out, line);
    *peer_at(&p->mem, out + 8, 1) = 0xee; /* neither VALID nor INVALID */
    ring_peer_desc(&p->ring[1], head, out, 2, PEER_NEXT, (uint16_t)(head + 1));
    ring_peer_desc(&p->ring[1], (uint16_t)(head + 1), out + 8, 1, PEER_WRITE, 0);
    vu_peer_post(p, 1, head);
    vu_peer_kick(p, 1);
}

uint8_t vu_peer_event_status(struct vu_peer *p, uint16_t slot)
{
    return *peer_at(&p->mem, VU_PEER_GPA + VU_PEER_DATA + 0x1008u + 16u * slot, 1);
}
