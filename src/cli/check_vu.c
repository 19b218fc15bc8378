/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of vhost-user: wrong sizes, numbers, descriptors, orders. */
#include "check.h"

#include "evloop.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 12u
#define ASKS (VGPIO_VU_VERSION | VGPIO_VU_NEED_REPLY)

enum {
    SET_CONFIG = 25,
    LAST_KNOWN = 44
};

enum outcome {
    IGNORED,
    TAKEN,
    REFUSED, /* or hung up */
    STUCK
};

struct message {
    uint32_t request, flags, size; /* size: as the header has it */
    uint8_t payload[640];
    uint32_t len; /* bytes that are sent of it */
    int fd[9];
    unsigned nfds;
};

static struct message message(uint32_t request, const void *payload, uint32_t len)
{
    struct message m = {.request = request, .flags = ASKS, .size = len, .len = len};

    if (len != 0) {
        memcpy(m.payload, payload, len);
    }
    return m;
}

static struct message state(uint32_t request, uint32_t a, uint32_t b)
{
    uint32_t words[2] = {a, b};

    return message(request, words, sizeof words);
}

/* As it is, without any check. */
static void send_raw(struct check *c, const struct message *m)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(9 * sizeof(int))];
    } control;
    uint8_t bytes[HEADER + sizeof m->payload];
    struct iovec iov = {bytes, HEADER + m->len};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    memcpy(bytes, &m->request, 4);
    memcpy(bytes + 4, &m->flags, 4);
    memcpy(bytes + 8, &m->size, 4);
    memcpy(bytes + HEADER, m->payload, m->len);
    if (m->nfds != 0) {
        struct cmsghdr *to;

        memset(&control, 0, sizeof control);
        h.msg_control = control.buf;
        h.msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
        to = CMSG_FIRSTHDR(&h);
        to->cmsg_level = SOL_SOCKET;
        to->cmsg_type = SCM_RIGHTS;
        to->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
        memcpy(CMSG_DATA(to), m->fd, m->nfds * sizeof(int));
    }
    (void)sendmsg(c->front.sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What comes of a message. A question that any device answers is sent behind it, so that
 * nothing waits for an ack that does not come. */
static enum outcome try(struct check *c, const struct message *m)
{
    struct vgpio_vuf *f = &c->front.vuf;
    uint32_t ask = m->request == VGPIO_VU_GET_FEATURES ? VGPIO_VU_GET_PROTOCOL_FEATURES
                                                       : VGPIO_VU_GET_FEATURES;
    enum outcome out = IGNORED;
    struct vgpio_vu_msg *in;
    unsigned i;

    send_raw(c, m);
    if (vgpio_vuf_send(f, ask, VGPIO_VU_VERSION, NULL, 0, NULL, 0) != 0) {
        return REFUSED;
    }
    for (i = 0; i < 2; i++) {
        uint32_t request;
        uint64_t value = 0;
        int err = vgpio_vuf_recv(f, &in);

        if (err != 0) {
            return err == VGPIO_ERR_IO ? REFUSED : STUCK;
        }
        memcpy(&request, in->buf, sizeof request);
        if (request == ask) {
            return out;
        }
        if (in->len >= HEADER + 8) {
            memcpy(&value, in->buf + HEADER, sizeof value);
        }
        out = value != 0 ? REFUSED : TAKEN;
    }
    return STUCK;
}

static bool fresh(struct check *c)
{
    check_close(c);
    return check_connect(c);
}

/* On a connection of its own, with features taken and memory shared. */
static bool refused(struct check *c, const struct message *m, const char *what)
{
    enum outcome out;

    if (!fresh(c) || check_features(c, c->features) != 0 ||
        vgpio_vuf_share(&c->front.vuf) != 0) {
        return check_saw(c, "no connection after %s", what);
    }
    out = try(c, m);
    if (out == STUCK) {
        return check_saw(c, "%s: no answer to what follows", what);
    }
    return out != TAKEN || check_saw(c, "%s is taken", what);
}

/* ---- numbers ---- */

static bool ring_size(struct check *c)
{
    static const uint32_t sizes[] = {0, 32769, 0x10000, 0x10040, 0x80000000, 0xffffffff};
    char what[48];
    unsigned i;

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct message m = state(VGPIO_VU_SET_VRING_NUM, 0, sizes[i]);

        snprintf(what, sizeof what, "ring size 0x%x", sizes[i]);
        if (!refused(c, &m, what)) {
            return false;
        }
    }
    return true;
}

/* At the latest when the ring starts. */
static bool odd_size(struct check *c)
{
    static const uint16_t sizes[] = {3, 63, 65};
    unsigned i;

    for (i = 0; i < 3; i++) {
        if (!fresh(c) || check_features(c, c->features) != 0 ||
            vgpio_vuf_share(&c->front.vuf) != 0) {
            return false;
        }
        check_lay_ring(c, 0, sizes[i], 0);
        if (vgpio_vuf_ring_start(&c->front.vuf, 0, &c->ring[0].at) == 0) {
            return check_saw(c, "a split ring of %u entries is taken", sizes[i]);
        }
    }
    return true;
}

/* The ring goes on as it began, or the connection ends. */
static bool size_running(struct check *c)
{
    static const uint32_t requests[] = {VGPIO_VU_SET_VRING_NUM, VGPIO_VU_SET_VRING_BASE};
    unsigned i, k;
    uint8_t a[2];

    for (i = 0; i < 2; i++) {
        struct message m = state(requests[i], 0, 16);

        if (!fresh(c) || !check_begin(c, c->features) ||
            !check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a)) {
            return false;
        }
        (void)try(c, &m);
        for (k = 0; k < 2 * CHECK_RING && vgpio_vuf_error(&c->front.vuf) == 0; k++) {
            if (!check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a)) {
                return false;
            }
        }
    }
    return true;
}

static bool queue_range(struct check *c)
{
    static const uint32_t requests[] = {VGPIO_VU_SET_VRING_NUM, VGPIO_VU_SET_VRING_BASE,
                                        VGPIO_VU_SET_VRING_ENABLE,
                                        VGPIO_VU_GET_VRING_BASE, VGPIO_VU_SET_VRING_ADDR};
    struct vgpio_vuf_facts facts;
    char what[48];
    unsigned i, k;

    vgpio_vuf_get_facts(&c->front.vuf, &facts);
    for (i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        /* QEMU enables both queues of whatever device: a back end may take that. */
        uint32_t first = requests[i] == VGPIO_VU_SET_VRING_ENABLE && facts.queues < 2
                             ? 2
                             : (uint32_t)facts.queues;
        const uint32_t queues[] = {first, 0xff, 0x10000, 0x7fffffff, 0xffffffff};

        for (k = 0; k < 5; k++) {
            struct message m = state(requests[i], queues[k], 1);

            m.size = m.len = requests[i] == VGPIO_VU_SET_VRING_ADDR ? 40 : 8;
            snprintf(what, sizeof what, "queue 0x%x in request %u", queues[k],
                     requests[i]);
            if (!refused(c, &m, what)) {
                return false;
            }
        }
    }
    for (i = VGPIO_VU_SET_VRING_KICK; i <= VGPIO_VU_SET_VRING_ERR; i++) {
        struct message m = state(i, facts.queues | 0x100, 0);

        snprintf(what, sizeof what, "queue %u in request %u", facts.queues, i);
        if (!refused(c, &m, what)) {
            return false;
        }
    }
    return true;
}

static bool addr_nowhere(struct check *c)
{
    const uint64_t uva = c->front.vuf.cfg.uva;
    const uint64_t bad[] = {0, 1, uva - 0x1000, uva + c->front.mem_size, UINT64_MAX - 15};
    unsigned i, k;

    for (i = 0; i < 5; i++) {
        for (k = 0; k < 3; k++) {
            struct vgpio_vuf *f = &c->front.vuf;
            uint64_t v[5] = {0, uva, uva + 0x2000, uva + 0x1000, 0};
            struct message m;

            v[1 + k] = bad[i];
            m = message(VGPIO_VU_SET_VRING_ADDR, v, sizeof v);
            if (!fresh(c) || !check_begin(c, c->features) ||
                !check_stop_ring(c, 0, NULL)) {
                return false;
            }
            (void)try(c, &m); /* it may also be refused when the ring starts */
            if (vgpio_vuf_error(f) == 0) {
                m = state(VGPIO_VU_SET_VRING_KICK, 0, 0);
                m.fd[0] = f->cfg.kick[0];
                m.nfds = 1;
                (void)try(c, &m);
                check_kick(c, 0);
            }
        }
    }
    return true;
}

/* ---- the configuration ---- */

struct part {
    uint32_t off, size, flags;
};

/* One GET_CONFIG: bytes of the configuration, zeros behind its end, or none at all. */
static bool read_part(struct check *c, const struct part *p, bool must)
{
    struct message m = {.request = VGPIO_VU_GET_CONFIG, .flags = VGPIO_VU_VERSION};
    struct vgpio_vu_msg *in;
    const uint8_t *got;
    uint32_t i;

    memcpy(m.payload, p, 12);
    m.size = m.len = 12 + p->size;
    send_raw(c, &m);
    if (vgpio_vuf_recv(&c->front.vuf, &in) != 0) {
        return (!must && vgpio_vuf_error(&c->front.vuf) == VGPIO_ERR_IO) ||
               check_saw(c, "no answer to GET_CONFIG of %u bytes at 0x%x", p->size,
                         p->off);
    }
    if (in->len != HEADER + 12 + p->size) {
        return (!must && in->len == HEADER) ||
               check_saw(c, "GET_CONFIG of %u bytes at 0x%x: an answer of %u bytes",
                         p->size, p->off, in->len);
    }
    got = in->buf + HEADER + 12;
    for (i = 0; i < p->size; i++) {
        uint64_t at = (uint64_t)p->off + i;

        if (got[i] != (at < 8 ? c->config_bytes[at] : 0)) {
            return check_saw(c, "GET_CONFIG of %u bytes at 0x%x: byte %u is 0x%02x",
                             p->size, p->off, i, got[i]);
        }
    }
    return true;
}

static bool config_parts(struct check *c)
{
    static const struct part parts[] = {{0, 8, 0}, {0, 2, 0}, {2, 2, 0}, {4, 4, 0},
                                        {0, 1, 0}, {7, 1, 0}, {1, 6, 0}, {0, 8, 1}};
    unsigned i;

    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!read_part(c, &parts[i], true)) {
            return false;
        }
    }
    return true;
}

static bool config_range(struct check *c)
{
    static const struct part parts[] = {
        {8, 8, 0},          {4, 8, 0},          {0, 0, 0},          {0, 256, 0},
        {8, 500, 0},        {0xfff, 2, 0},      {0x1000, 8, 0},     {0xfffffffc, 8, 0},
        {0xffffffff, 1, 0}, {0x80000000, 8, 0}, {0x7fffffff, 4, 0}, {0, 8, 0xffffffff}};
    unsigned i;

    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!fresh(c) || !read_part(c, &parts[i], false)) {
            return false;
        }
    }
    return true;
}

static bool config_write(struct check *c)
{
    struct message m = {.request = SET_CONFIG, .flags = ASKS, .size = 20, .len = 20};
    const struct part all = {0, 8, 0};
    uint8_t before[8];

    memcpy(before, c->config_bytes, sizeof before);
    memset(m.payload, 0, sizeof m.payload);
    m.payload[4] = 8;
    memset(m.payload + 12, 0xff, 8);
    (void)try(c, &m);
    return fresh(c) && read_part(c, &all, true) &&
           (memcmp(before, c->config_bytes, sizeof before) == 0 ||
            check_saw(c, "the configuration was written to"));
}

/* ---- the frame of a message ---- */

/* Payload of the requests that have one size. */
static int size_of(uint32_t request)
{
    switch (request) {
    case VGPIO_VU_SET_OWNER:
        return 0;
    case VGPIO_VU_SET_FEATURES:
    case VGPIO_VU_SET_VRING_NUM:
    case VGPIO_VU_SET_VRING_BASE:
    case VGPIO_VU_SET_PROTOCOL_FEATURES:
    case VGPIO_VU_SET_VRING_ENABLE:
        return 8;
    case VGPIO_VU_SET_VRING_ADDR:
        return 40;
    default:
        return -1; /* others are answered in their own way, or have many */
    }
}

static bool bad_sizes(struct check *c)
{
    static const uint32_t sizes[] = {0, 1, 4, 7, 9, 12, 39, 41, 264, 600};
    uint32_t request;
    char what[48];
    unsigned i;

    for (request = 1; request <= LAST_KNOWN; request++) {
        for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct message m = {.request = request, .flags = ASKS};
            int right = size_of(request);

            m.size = m.len = sizes[i];
            snprintf(what, sizeof what, "request %u with %u bytes", request, sizes[i]);
            if (right >= 0 && (uint32_t)right != sizes[i]) {
                if (!refused(c, &m, what)) {
                    return false;
                }
            } else if (!fresh(c)) {
                return check_saw(c, "no connection before %s", what);
            } else {
                send_raw(c, &m);
            }
        }
    }
    return true;
}

static bool bad_header(struct check *c)
{
    static const uint32_t flags[] = {0, 2, 3, 5, 9 | 4, 0x11, 0xffffffff};
    static const uint32_t sizes[] = {5000, 0x10000, 0x7fffffff, 0xfffffff4, 0xffffffff};
    struct message m = message(VGPIO_VU_SET_OWNER, NULL, 0);
    unsigned i;

    for (i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        m.flags = flags[i];
        if (!fresh(c)) {
            return false;
        }
        send_raw(c, &m);
        (void)vgpio_vuf_send(&c->front.vuf, VGPIO_VU_GET_FEATURES, VGPIO_VU_VERSION, NULL,
                             0, NULL, 0);
    }
    m.flags = ASKS;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        m.size = sizes[i];
        m.len = 100;
        if (!fresh(c)) {
            return false;
        }
        send_raw(c, &m);
    }
    return true;
}

static bool half_message(struct check *c)
{
    static const uint8_t bytes[20] = {VGPIO_VU_SET_FEATURES, 0, 0, 0, 1, 0, 0, 0, 8};
    size_t n;

    for (n = 1; n < sizeof bytes; n++) {
        if (!fresh(c) || send(c->front.sock, bytes, n, MSG_NOSIGNAL) != (ssize_t)n) {
            return false;
        }
    }
    return true;
}

static bool unknown_request(struct check *c)
{
    static const uint32_t requests[] = {0, 100, 255, 0x10001, 0x7fffffff, 0xffffffff};
    char what[48];
    unsigned i;

    for (i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct message m = {.request = requests[i], .flags = ASKS, .size = 8, .len = 8};

        snprintf(what, sizeof what, "request 0x%x", requests[i]);
        if (!refused(c, &m, what)) {
            return false;
        }
    }
    return true;
}

/* ---- descriptors ---- */

/* A message with so many descriptors of one kind. */
static struct message with_fds(struct message m, int fd, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        m.fd[i] = fd;
    }
    m.nfds = n;
    return m;
}

static bool bad_fds(struct check *c)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct message all[] = {
        with_fds(state(VGPIO_VU_SET_VRING_KICK, 0, 0), null, 0),
        with_fds(state(VGPIO_VU_SET_VRING_KICK, 0, 0), null, 2),
        with_fds(state(VGPIO_VU_SET_VRING_CALL, 0, 0), null, 9),
        with_fds(state(VGPIO_VU_SET_VRING_CALL, 0x100, 0), null, 1),
        with_fds(state(VGPIO_VU_SET_VRING_NUM, 0, 64), null, 1),
        with_fds(message(VGPIO_VU_SET_OWNER, NULL, 0), null, 8),
        with_fds(state(VGPIO_VU_SET_MEM_TABLE, 0, 0), null, 3)};
    unsigned i;
    bool ok = null >= 0;

    for (i = 0; ok && i < sizeof all / sizeof all[0]; i++) {
        ok = refused(c, &all[i], "a message with the wrong number of descriptors");
    }
    (void)close(null);
    return ok;
}

/* Descriptors that are no eventfds, where the rings run by them. */
static bool odd_kick(struct check *c)
{
    int fd[2] = {-1, -1}, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned i, k;
    bool ok = null >= 0 && pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0;

    for (i = 0; ok && i < 4; i++) {
        const int odd[] = {null, fd[0], fd[1], c->front.vuf.cfg.mem_fd};

        for (k = VGPIO_VU_SET_VRING_KICK; ok && k <= VGPIO_VU_SET_VRING_ERR; k++) {
            struct message m = with_fds(state(k, 0, 0), i < 3 ? odd[i] : -1, 1);

            ok = fresh(c) && check_begin(c, c->features);
            if (i == 3) {
                m.fd[0] = c->front.vuf.cfg.mem_fd;
            }
            if (ok) {
                (void)try(c, &m);
                check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
                check_kick(c, 0);
            }
        }
    }
    for (i = 0; i < 2; i++) {
        if (fd[i] >= 0) {
            (void)close(fd[i]);
        }
    }
    (void)close(null);
    return ok;
}

/* ---- memory tables ---- */

struct region {
    uint64_t gpa, size, uva, off;
};

static struct message table(uint32_t n, const struct region *r, unsigned sent, int fd)
{
    struct message m = state(VGPIO_VU_SET_MEM_TABLE, n, 0);
    unsigned i;

    for (i = 0; i < sent; i++) {
        memcpy(m.payload + 8 + 32 * i, &r[i], 32);
    }
    m.size = m.len = 8 + 32 * sent;
    return with_fds(m, fd, sent < 9 ? sent : 9);
}

static bool bad_memory(struct check *c)
{
    const uint64_t gpa = check_gpa(c, 0), uva = c->front.vuf.cfg.uva;
    const uint64_t size = c->front.mem_size;
    static const char what[] = "a memory table that is none";
    const struct region same[9] = {{gpa, 0x1000, uva, 0}, {gpa, 0x1000, uva, 0}};
    const struct region bad[] = {{gpa, 0, uva, 0},
                                 {UINT64_MAX - 0xfff, 0x2000, uva, 0},
                                 {gpa, 0x2000, UINT64_MAX - 0xfff, 0},
                                 {gpa, 0x2000, uva, UINT64_MAX - 0xfff},
                                 {gpa, size + 0x1000, uva, 0},
                                 {gpa, size, uva, size},
                                 {gpa, UINT64_C(1) << 62, uva, 0}};
    const uint32_t counts[] = {2, 9, 0x08000001, 0xffffffff};
    struct message m;
    unsigned i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        m = table(1, &bad[i], 1, c->front.vuf.cfg.mem_fd);
        if (!fresh(c)) {
            return false;
        }
        m.fd[0] = c->front.vuf.cfg.mem_fd;
        if (try(c, &m) == TAKEN) {
            return check_saw(c, "%s (%u) is taken", what, i);
        }
    }
    for (i = 0; i < 4; i++) {
        if (!fresh(c)) {
            return false;
        }
        m = table(counts[i], same, i == 0 ? 2 : 9, c->front.vuf.cfg.mem_fd);
        if (try(c, &m) == TAKEN) {
            return check_saw(c, "%s (%u regions) is taken", what, counts[i]);
        }
    }
    return true;
}

static bool memory_no_file(struct check *c)
{
    const struct region r = {check_gpa(c, 0), 0x1000, c->front.vuf.cfg.uva, 0};
    struct message m = table(1, &r, 1, c->front.vuf.cfg.kick[0]);

    return try(c, &m) != TAKEN || check_saw(c, "an eventfd is taken as memory");
}

/* The memory goes away under rings that run. */
static bool memory_gone(struct check *c)
{
    const struct region elsewhere = {UINT64_C(0x100000000), 0x1000, UINT64_C(0x200000000),
                                     0};
    struct message m[2] = {state(VGPIO_VU_SET_MEM_TABLE, 0, 0),
                           table(1, &elsewhere, 1, c->front.vuf.cfg.mem_fd)};
    uint64_t features = c->features;
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (!fresh(c) || !check_begin(c, features)) {
            return false;
        }
        m[1].fd[0] = c->front.vuf.cfg.mem_fd;
        check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        (void)try(c, &m[i]);
        check_kick(c, 0);
        (void)check_called(c, 0, 50);
        (void)check_sync(c);
        c->saw[0] = '\0';
    }
    return true;
}

/* A request that lies in two regions that border on each other, and one in a hole. */
static bool two_regions(struct check *c)
{
    const struct vgpio_vuf_config *cfg = &c->front.vuf.cfg;
    const uint32_t edge = 0x11000; /* behind the slots of the requestq */
    const struct region r[2] = {
        {cfg->gpa, edge, cfg->uva, 0},
        {cfg->gpa + edge, 0x8000, cfg->uva + UINT64_C(0x10000000), edge}};
    struct message m = table(2, r, 2, cfg->mem_fd);
    struct check_piece p[2] = {{check_gpa(c, edge - 4), 8, 0},
                               {check_gpa(c, edge + 0x2000 - 1), 2, CHECK_WRITE}};
    uint8_t *b = check_at(c, edge - 4);
    unsigned slot;
    uint32_t len;

    if (check_features(c, c->features) != 0 || try(c, &m) == REFUSED) {
        return check_saw(c, "a memory table of two regions is refused");
    }
    if (!check_start_ring(c, 0)) {
        return false;
    }
    memset(b, 0, 8);
    b[0] = VGPIO_MSG_GET_DIRECTION;
    check_post(c, 0, 0, p, 2);
    check_kick(c, 0);
    if (!check_used(c, 0, &slot, &len)) {
        return false;
    }
    return (len == 2 && *check_at(c, edge + 0x2000 - 1) == VGPIO_STATUS_OK) ||
           check_saw(c, "length %u, status %u", len, *check_at(c, edge + 0x2000 - 1));
}

/* ---- orders ---- */

static void odd_step(struct check *c, unsigned step)
{
    const uint64_t uva = c->front.vuf.cfg.uva;
    const uint64_t addr[5] = {0, uva, uva + 0x2000, uva + 0x1000, 0};
    const uint64_t version = VGPIO_F_VERSION_1;
    const struct message all[] = {
        state(VGPIO_VU_SET_VRING_ENABLE, 0, 1),
        with_fds(state(VGPIO_VU_SET_VRING_KICK, 0, 0), c->front.vuf.cfg.kick[0], 1),
        message(VGPIO_VU_SET_VRING_ADDR, addr, sizeof addr),
        state(VGPIO_VU_SET_VRING_NUM, 0, 64),
        state(VGPIO_VU_SET_VRING_BASE, 0, 0),
        message(VGPIO_VU_SET_FEATURES, &version, 8),
        state(VGPIO_VU_GET_VRING_BASE, 0, 0),
        message(VGPIO_VU_SET_OWNER, NULL, 0),
        state(VGPIO_VU_SET_VRING_ENABLE, 0, 0)};

    (void)try(c, &all[step % (sizeof all / sizeof all[0])]);
    check_kick(c, 0);
}

/* Steps of starting a ring in orders that nobody would choose, the same in each run. */
static bool odd_steps(struct check *c)
{
    unsigned round, i, seed = 1;

    for (round = 0; round < 30; round++) {
        if (!fresh(c)) {
            return false;
        }
        for (i = 0; i < 12 && vgpio_vuf_error(&c->front.vuf) == 0; i++) {
            seed = seed * 1103515245u + 12345u;
            if (seed >> 16 & 1u) {
                (void)vgpio_vuf_share(&c->front.vuf);
            }
            odd_step(c, seed >> 20);
        }
        c->saw[0] = '\0';
    }
    return true;
}

/* ---- descriptors that stay open ---- */

/* A file of the device's process, whoever that is; false if it is not to be had. */
static bool proc(struct check *c, const char *name, char *path, size_t size)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(c->front.sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return false;
    }
    snprintf(path, size, "/proc/%d/%s", (int)peer.pid, name);
    return true;
}

static int count_fds(struct check *c)
{
    char path[48];
    int n = 0;
    DIR *dir;

    if (!proc(c, "fd", path, sizeof path) || (dir = opendir(path)) == NULL) {
        return -1;
    }
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static int count_maps(struct check *c)
{
    char path[48];
    int n = 0, got;
    FILE *f;

    if (!proc(c, "maps", path, sizeof path) || (f = fopen(path, "r")) == NULL) {
        return -1;
    }
    while ((got = getc(f)) != EOF) {
        n += got == '\n';
    }
    (void)fclose(f);
    return n > 0 ? n : -1;
}

/* Some more than before may be the device's own affair, one for each table is not. */
static bool map_leak(struct check *c)
{
    int before, after;
    unsigned i;

    if (!check_begin(c, c->features) || (before = count_maps(c)) < 0) {
        return check_skip(c, CHECK_SKIP_PROC);
    }
    for (i = 0; i < 40; i++) {
        if (vgpio_vuf_share(&c->front.vuf) != 0) {
            return check_saw(c, "SET_MEM_TABLE with running rings is refused");
        }
    }
    if (!check_sync(c)) {
        return false;
    }
    after = count_maps(c);
    return after < before + 20 ||
           check_saw(c, "%d mappings, not about %d", after, before);
}

/* As many as with any other connection; the last one may still be on its way out. */
static bool fd_leak(struct check *c)
{
    uint64_t due = evloop_now() + (uint64_t)c->timeout_ms * 1000u;
    int before, after;
    unsigned i;

    if (!check_begin(c, c->features) || (before = count_fds(c)) < 0) {
        return check_skip(c, CHECK_SKIP_PROC);
    }
    for (i = 0; i < 10; i++) {
        if (!bad_fds(c) || !memory_no_file(c) || !fresh(c)) {
            return false;
        }
        c->saw[0] = '\0';
    }
    if (!fresh(c) || !check_begin(c, c->features)) {
        return false;
    }
    while ((after = count_fds(c)) > before && evloop_now() < due) {
        (void)poll(NULL, 0, 1);
    }
    return after <= before ||
           check_saw(c, "%d descriptors are open, not %d", after, before);
}

#define BAD (CHECK_HOSTILE | CHECK_RAW)
#define TOLD (CHECK_HOSTILE | CHECK_RAW | CHECK_ACK)
#define GONE "refused, or the connection ends; the next one is served"

const struct check_test check_vu_tests[] = {
    {"ring-size", "B9", "SET_VRING_NUM 0, 32769, 0x10000, 0x10040 and more", GONE,
     ring_size, TOLD},
    {"odd-size", "B9", "split rings of 3, 63 and 65 entries", GONE, odd_size, TOLD},
    {"size-running", "B9", "another size and position for a ring that runs",
     "it goes on as it began, or the connection ends", size_running, BAD | CHECK_BOTH},
    {"queue-range", "B10", "queues that are not there, up to 0xffffffff", GONE,
     queue_range, TOLD},
    {"addr-nowhere", "B4", "rings outside the shared memory", GONE, addr_nowhere, BAD},
    {"config-parts", "GPIO-DEV-02", "GET_CONFIG of 1 to 8 bytes inside the config space",
     "the bytes of the whole", config_parts, CHECK_RAW},
    {"config-range", "B16", "GET_CONFIG up to and far behind the end",
     "zeros behind the end, none at all, or the connection ends", config_range, BAD},
    {"config-write", "B16", "SET_CONFIG", "the configuration stays as it was",
     config_write, BAD},
    {"bad-sizes", "B18", "every request with payloads of 0 to 600 bytes", GONE, bad_sizes,
     TOLD},
    {"bad-header", "B18", "wrong versions, flags and sizes in headers", GONE, bad_header,
     BAD},
    {"half-message", "B18", "connections that end in the middle of a message",
     "the next one is served", half_message, BAD},
    {"unknown-request", "B18", "requests 0, 100, 255 and more", GONE, unknown_request,
     TOLD},
    {"bad-fds", "B18", "messages with too few and too many descriptors", GONE, bad_fds,
     TOLD},
    {"odd-kick", "B18", "descriptors for rings that are no eventfds", GONE, odd_kick,
     BAD},
    {"bad-memory", "B18", "memory tables that overlap, wrap or go behind their file",
     GONE, bad_memory, TOLD},
    {"memory-no-file", "B18", "an eventfd as memory", GONE, memory_no_file, TOLD},
    {"memory-gone", "B20", "SET_MEM_TABLE without the memory of rings that run",
     "the next connection is served", memory_gone, BAD | CHECK_BOTH},
    {"two-regions", "B4", "a request and an answer over the border of two regions",
     "OK, length 2", two_regions, CHECK_RAW | CHECK_BOTH},
    {"odd-steps", "B26", "the steps of starting a ring in odd orders",
     "the next connection is served", odd_steps, BAD},
    {"fd-leak", "B18", "the same messages with descriptors, many times",
     "the device has no more of them open than before", fd_leak, BAD},
    {"map-leak", "B18", "40 memory tables, one after the other",
     "the device has no more memory mapped than before", map_leak, BAD},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
