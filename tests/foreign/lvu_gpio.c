/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtio-gpio back end on somebody else's virtqueues: eight simulated lines, wired in
 * pairs, served with QEMU's libvhost-user. run.sh fetches and builds that library outside
 * the tree; nothing of this project is linked in, so that the tools meet a stranger.
 * usage: lvu_gpio [-b] [-i] [-n] [-v] SOCKET
 *   -b  break a rule: edges are forgotten while their line is masked
 *   -i  no interrupts
 *   -n  the lines have no names
 *   -v  print each change of a line, and what the library complains of
 * Each SIGUSR1 pulls line 1 the other way. */
#include <errno.h>
#include <libvhost-user.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINES = 8,
    REQUESTQ = 0,
    EVENTQ = 1,
    QUEUES = 2
};
enum {
    GET_NAMES = 1,
    GET_DIR,
    SET_DIR,
    GET_VALUE,
    SET_VALUE,
    SET_IRQ
};
enum {
    OK = 0,
    ERR = 1,
    INVALID = 0,
    VALID = 1
};
enum {
    NONE = 0,
    OUT = 1,
    IN = 2
};
enum {
    RISING = 1,
    FALLING = 2,
    HIGH = 4,
    LOW = 8
};

#define FEATURE_IRQ 1u
#define NAMES "led\0button\0relay\0\0reset\0\0fan-1\0last" /* the literal ends the last */

struct line {
    unsigned dir, staged, level, trigger;
    bool latched;
    VuVirtqElement *pair; /* of the eventq, while unmasked */
    uint64_t status; /* where its answer goes, as the driver counts: memory may move */
};

static struct line lines[LINES];
static VuDev dev;
static struct {
    int fd;
    vu_watch_cb call;
    void *data;
} watched[QUEUES] = {{-1, NULL, NULL}, {-1, NULL, NULL}};
static bool to_notify[QUEUES];
static int at_work = -1; /* the queue that is looked at, or -1 */
static bool with_names = true, with_irq = true, breaks = false, tells = false;
static unsigned pulled; /* the levels from outside, a bit a line */

/* ---- lines: the even one of a pair is wired to the odd one ---- */

static unsigned sense(unsigned i)
{
    const struct line *l = &lines[i], *other = &lines[i ^ 1u];

    return l->dir == OUT       ? l->staged
           : other->dir == OUT ? other->staged
                               : pulled >> i & 1u;
}

static void look_at_lines(void)
{
    unsigned i;

    for (i = 0; i < LINES; i++) {
        struct line *l = &lines[i];
        unsigned now = sense(i);

        if (now != l->level && (l->trigger & (now != 0 ? RISING : FALLING)) != 0) {
            l->latched = l->pair != NULL || !breaks;
        }
        if (now != l->level && tells) {
            printf("line %u is %u\n", i, now);
        }
        l->level = now;
    }
}

static bool is_live(int q)
{
    VuVirtq *vq = vu_get_queue(&dev, q);

    return !dev.broken && vu_queue_started(&dev, vq) && vu_queue_enabled(&dev, vq) &&
           vq->vring.num != 0 && vq->vring.avail != NULL;
}

static void give(int q, VuVirtqElement *e, unsigned len)
{
    vu_queue_push(&dev, vu_get_queue(&dev, q), e, len);
    to_notify[q] = true;
    free(e);
}

/* Gives back the event buffers for which something has happened. */
static void settle(void)
{
    unsigned i;

    for (i = 0; i < LINES; i++) {
        struct line *l = &lines[i];
        bool level = (l->trigger & (l->level != 0 ? HIGH : LOW)) != 0;
        uint64_t one = 1;
        uint8_t *status;

        if (l->pair == NULL || !is_live(EVENTQ) ||
            (l->trigger != NONE && !l->latched && !level)) {
            continue;
        }
        status = vu_gpa_to_va(&dev, &one, l->status);
        if (status != NULL) {
            *status = l->trigger != NONE ? VALID : INVALID;
        }
        l->latched = false;
        give(EVENTQ, l->pair, status != NULL);
        l->pair = NULL;
    }
}

static bool set_direction(struct line *l, uint32_t value)
{
    if (value > IN || (value == OUT && l->trigger != NONE)) {
        return false;
    }
    l->dir = value;
    if (value == NONE) {
        l->staged = l->trigger = 0;
        l->latched = false;
    }
    return true;
}

static bool set_trigger(struct line *l, uint32_t type)
{
    if (!with_irq || (dev.features & FEATURE_IRQ) == 0 ||
        (type != NONE && l->dir == OUT) ||
        (type > RISING + FALLING && type != HIGH && type != LOW)) {
        return false;
    }
    if (type != l->trigger) {
        l->latched = false;
    }
    l->trigger = type;
    return true;
}

static bool carry_out(unsigned type, unsigned line, uint32_t value, uint8_t *answer)
{
    struct line *l = &lines[line % LINES];
    bool good = line < LINES;

    if (!good) {
        return false;
    }
    switch (type) {
    case GET_DIR:
        *answer = (uint8_t)l->dir;
        break;
    case SET_DIR:
        good = set_direction(l, value);
        break;
    case GET_VALUE:
        *answer = (uint8_t)l->level;
        break;
    case SET_VALUE:
        good = value <= 1;
        l->staged = good ? value : l->staged;
        break;
    case SET_IRQ:
        good = set_trigger(l, value);
        break;
    default:
        good = false;
    }
    look_at_lines();
    return good;
}

/* ---- buffers, cut in whatever way ---- */

static size_t copy(const struct iovec *v, unsigned n, void *bytes, size_t size, bool out)
{
    uint8_t *p = bytes;
    size_t done = 0;

    for (; n > 0 && done < size; n--, v++) {
        size_t part = v->iov_len < size - done ? v->iov_len : size - done;

        if (out) {
            memcpy(v->iov_base, p + done, part);
        } else {
            memcpy(p + done, v->iov_base, part);
        }
        done += part;
    }
    return done;
}

static size_t room(const VuVirtqElement *e)
{
    size_t sum = 0;
    unsigned i;

    for (i = 0; i < e->in_num; i++) {
        sum += e->in_sg[i].iov_len;
    }
    return sum;
}

static void serve_request(VuVirtqElement *e)
{
    uint8_t in[8], answer[1 + sizeof NAMES] = {ERR};
    size_t len = 2;
    unsigned type;

    if (copy(e->out_sg, e->out_num, in, sizeof in, false) == sizeof in) {
        type = in[0] | in[1] << 8u;
        len = type == GET_NAMES && with_names ? sizeof answer : 2;
        if (room(e) < len) {
            /* Nothing is done that cannot be answered. */
        } else if (len > 2) {
            memcpy(answer + 1, NAMES, sizeof NAMES);
            answer[0] = OK;
        } else if (carry_out(type, in[2] | (unsigned)in[3] << 8u,
                             in[4] | (uint32_t)in[5] << 8u | (uint32_t)in[6] << 16u |
                                 (uint32_t)in[7] << 24u,
                             &answer[1])) {
            answer[0] = OK;
        }
    }
    settle(); /* an event buffer is back before the request that ended its use */
    give(REQUESTQ, e, (unsigned)copy(e->in_sg, e->in_num, answer, len, true));
}

/* Where the first byte of the answer is, in the driver's terms. */
static uint64_t driver_address(const VuVirtqElement *e)
{
    uint64_t at = (uintptr_t)e->in_sg[0].iov_base;
    unsigned i;

    for (i = 0; i < dev.nregions; i++) {
        const VuDevRegion *r = &dev.regions[i];
        uint64_t start = r->mmap_addr + r->mmap_offset;

        if (at >= start && at - start < r->size) {
            return r->gpa + (at - start);
        }
    }
    return 0;
}

static void serve_pair(VuVirtqElement *e)
{
    uint8_t in[2], status = INVALID;
    bool whole = copy(e->out_sg, e->out_num, in, sizeof in, false) == sizeof in;
    unsigned line = whole ? in[0] | (unsigned)in[1] << 8u : LINES;

    if (line >= LINES || lines[line].trigger == NONE || lines[line].pair != NULL ||
        room(e) == 0) {
        give(EVENTQ, e, (unsigned)copy(e->in_sg, e->in_num, &status, 1, true));
        return;
    }
    lines[line].pair = e;
    lines[line].status = driver_address(e);
    settle();
}

static bool serve(int q)
{
    VuVirtq *vq = vu_get_queue(&dev, q);
    VuVirtqElement *e;
    bool any = false;

    at_work = q;
    while (is_live(q) && !vu_queue_empty(&dev, vq)) {
        vu_queue_set_notification(&dev, vq, 0);
        while ((e = vu_queue_pop(&dev, vq, sizeof *e)) != NULL) {
            (q == REQUESTQ ? serve_request : serve_pair)(e);
        }
        vu_queue_set_notification(&dev, vq, 1);
        any = true;
    }
    at_work = -1;
    return any;
}

static void work(void)
{
    int q;

    settle();
    while (serve(REQUESTQ) || serve(EVENTQ)) {
    }
    for (q = EVENTQ; q >= REQUESTQ; q--) {
        if (to_notify[q] && is_live(q) && dev.vq[q].call_fd >= 0) {
            vu_queue_notify(&dev, vu_get_queue(&dev, q));
            to_notify[q] = false;
        }
    }
}

static void forget_pairs(void)
{
    unsigned i;

    for (i = 0; i < LINES; i++) {
        free(lines[i].pair);
        dev.vq[EVENTQ].inuse -= lines[i].pair != NULL;
        lines[i].pair = NULL;
    }
}

static void reset(void)
{
    forget_pairs();
    memset(lines, 0, sizeof lines);
    look_at_lines();
}

/* ---- messages: what the library leaves to its user ---- */

static void end_connection(void)
{
    dev.broken = true;
}

static void close_files(VhostUserMsg *m)
{
    while (m->fd_num > 0) {
        close(m->fds[--m->fd_num]);
    }
}

static bool read_all(int fd, void *to, size_t size)
{
    uint8_t *p = to;
    ssize_t n;

    while (size > 0) {
        n = recv(fd, p, size, 0);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return false;
        }
        if (n > 0) {
            p += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* Whole messages; the end of the connection is none. */
static bool read_message(VuDev *d, int fd, VhostUserMsg *m)
{
    char control[CMSG_SPACE(sizeof m->fds)];
    struct iovec v = {m, VHOST_USER_HDR_SIZE};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *c;
    ssize_t n;

    (void)d;
    do {
        n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return false;
    }
    for (c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            m->fd_num = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(m->fds, CMSG_DATA(c), (size_t)m->fd_num * sizeof(int));
        }
    }
    if (!read_all(fd, (uint8_t *)m + n, VHOST_USER_HDR_SIZE - (size_t)n) ||
        m->size > sizeof m->payload || !read_all(fd, &m->payload, m->size)) {
        close_files(m);
        return false;
    }
    return true;
}

static bool in_regions(uint64_t at, uint64_t len, uint64_t align)
{
    unsigned i;

    for (i = 0; i < dev.nregions; i++) {
        const VuDevRegion *r = &dev.regions[i];

        if (at % align == 0 && at >= r->qva && at - r->qva < r->size &&
            len <= r->size - (at - r->qva)) {
            return true;
        }
    }
    return false;
}

static bool good_ring(struct vhost_vring_addr a)
{
    uint64_t n = a.index < QUEUES ? dev.vq[a.index].vring.num : 0;

    return n != 0 && in_regions(a.desc_user_addr, 16 * n, 16) &&
           in_regions(a.avail_user_addr, 6 + 2 * n, 2) &&
           in_regions(a.used_user_addr, 6 + 8 * n, 4);
}

static bool good_memory(const VhostUserMsg *m)
{
    const VhostUserMemory table = m->payload.memory, *t = &table;
    uint32_t i, k;

    if (m->size < 8 || t->nregions > VHOST_MEMORY_BASELINE_NREGIONS ||
        m->size != 8 + t->nregions * sizeof t->regions[0] ||
        m->fd_num != (int)t->nregions) {
        return false;
    }
    for (i = 0; i < t->nregions; i++) {
        VhostUserMemoryRegion r = t->regions[i];
        struct stat st;

        if (r.memory_size == 0 || r.guest_phys_addr + r.memory_size < r.memory_size ||
            r.userspace_addr + r.memory_size < r.memory_size ||
            fstat(m->fds[i], &st) != 0 || !S_ISREG(st.st_mode) ||
            r.mmap_offset > (uint64_t)st.st_size ||
            r.memory_size > (uint64_t)st.st_size - r.mmap_offset) {
            return false;
        }
        for (k = 0; k < i; k++) {
            VhostUserMemoryRegion o = t->regions[k];

            if ((r.guest_phys_addr < o.guest_phys_addr + o.memory_size &&
                 o.guest_phys_addr < r.guest_phys_addr + r.memory_size) ||
                (r.userspace_addr < o.userspace_addr + o.memory_size &&
                 o.userspace_addr < r.userspace_addr + r.memory_size)) {
                return false;
            }
        }
    }
    return true;
}

static uint64_t offered(VuDev *d)
{
    (void)d;
    return with_irq ? FEATURE_IRQ : 0;
}

/* A size, with the rings it may have, while nobody works with another one. */
static bool good_size(uint32_t q, uint32_t n)
{
    return !dev.vq[q].started && n != 0 && n <= VIRTQUEUE_MAX_SIZE && (n & (n - 1)) == 0;
}

static bool good_files(const VhostUserMsg *m)
{
    bool none = (m->payload.u64 & VHOST_USER_VRING_NOFD_MASK) != 0;

    return m->size == 8 && (m->payload.u64 & ~(uint64_t)0x1ff) == 0 &&
           (m->payload.u64 & 0xff) < QUEUES && m->fd_num == (none ? 0 : 1);
}

static bool is_good(const VhostUserMsg *m)
{
    const uint64_t all = 1ull << VIRTIO_F_VERSION_1 | 1u << VIRTIO_F_NOTIFY_ON_EMPTY |
                         1u << VIRTIO_RING_F_INDIRECT_DESC |
                         1u << VIRTIO_RING_F_EVENT_IDX | 1u << VHOST_F_LOG_ALL |
                         1u << VHOST_USER_F_PROTOCOL_FEATURES | offered(&dev);
    uint32_t q = m->payload.state.index, num = m->payload.state.num;

    if (m->request == VHOST_USER_SET_MEM_TABLE) {
        return good_memory(m);
    }
    if (m->request >= VHOST_USER_SET_VRING_KICK &&
        m->request <= VHOST_USER_SET_VRING_ERR) {
        return good_files(m);
    }
    if (m->fd_num != 0) {
        return false;
    }
    switch (m->request) {
    case VHOST_USER_GET_FEATURES:
    case VHOST_USER_SET_OWNER:
    case VHOST_USER_RESET_OWNER:
    case VHOST_USER_GET_PROTOCOL_FEATURES:
    case VHOST_USER_GET_QUEUE_NUM:
        return m->size == 0;
    case VHOST_USER_SET_FEATURES:
        return m->size == 8 && (m->payload.u64 & ~all) == 0 &&
               (m->payload.u64 >> VIRTIO_F_VERSION_1 & 1u) != 0;
    case VHOST_USER_SET_PROTOCOL_FEATURES:
        return m->size == 8;
    case VHOST_USER_SET_VRING_NUM:
        return m->size == 8 && q < QUEUES && good_size(q, num);
    case VHOST_USER_SET_VRING_BASE:
        return m->size == 8 && q < QUEUES && num <= UINT16_MAX && !dev.vq[q].started;
    case VHOST_USER_GET_VRING_BASE:
        return m->size == 8 && q < QUEUES;
    case VHOST_USER_SET_VRING_ENABLE:
        return m->size == 8 && q < QUEUES && num <= 1;
    case VHOST_USER_SET_VRING_ADDR:
        return m->size == sizeof m->payload.addr && good_ring(m->payload.addr);
    case VHOST_USER_GET_CONFIG:
    case VHOST_USER_SET_CONFIG:
        return m->size >= 12 && m->payload.config.size <= VHOST_USER_MAX_CONFIG_SIZE &&
               m->size == 12 + m->payload.config.size;
    default:
        return false;
    }
}

static int answer_with(VhostUserMsg *m, uint64_t value, int *do_reply)
{
    close_files(m);
    m->flags = 0; /* the library fills in the rest */
    m->size = 8;
    m->payload.u64 = value;
    *do_reply = 1;
    return 1;
}

static bool wants_more_than_yes(int request)
{
    return request == VHOST_USER_GET_VRING_BASE || request == VHOST_USER_GET_CONFIG ||
           request == VHOST_USER_GET_FEATURES || request == VHOST_USER_GET_QUEUE_NUM ||
           request == VHOST_USER_GET_PROTOCOL_FEATURES;
}

/* Returns 1 for a message that the library shall not see. */
static int on_message(VuDev *d, VhostUserMsg *m, int *do_reply)
{
    bool told = (m->flags & VHOST_USER_NEED_REPLY_MASK) != 0;

    (void)d;
    if ((m->flags & VHOST_USER_VERSION_MASK) != 1 ||
        (m->flags & ~(uint32_t)VHOST_USER_NEED_REPLY_MASK) != 1 || !is_good(m)) {
        if (told && !wants_more_than_yes(m->request)) {
            return answer_with(m, 1, do_reply);
        }
        close_files(m);
        end_connection();
        return 1;
    }
    if (m->request == VHOST_USER_GET_PROTOCOL_FEATURES) {
        return answer_with(m,
                           1u << VHOST_USER_PROTOCOL_F_MQ |
                               1u << VHOST_USER_PROTOCOL_F_REPLY_ACK |
                               1u << VHOST_USER_PROTOCOL_F_CONFIG,
                           do_reply);
    }
    if (m->request == VHOST_USER_SET_FEATURES || m->request == VHOST_USER_RESET_OWNER) {
        reset();
    } else if (m->request == VHOST_USER_SET_VRING_BASE &&
               m->payload.state.index == EVENTQ &&
               m->payload.state.num != dev.vq[EVENTQ].last_avail_idx) {
        forget_pairs(); /* the ring begins elsewhere */
    }
    return 0;
}

static int get_config(VuDev *d, uint8_t *to, uint32_t size)
{
    const uint32_t names = with_names ? sizeof NAMES : 0;
    const uint8_t config[8] = {LINES, 0, 0, 0, (uint8_t)names, 0, 0, 0};

    (void)d;
    memset(to, 0, size);
    memcpy(to, config, size < sizeof config ? size : sizeof config);
    return 0;
}

static int set_config(VuDev *d, const uint8_t *from, uint32_t offset, uint32_t size,
                      uint32_t flags)
{
    (void)d;
    (void)from;
    (void)offset;
    (void)size;
    (void)flags;
    return 0; /* nothing of it can be written */
}

/* ---- one front end after the other ---- */

static void on_kick(VuDev *d, int q) /* work() looks at all queues anyway */
{
    (void)d;
    (void)q;
}

/* The library says that it cannot go on: whoever waits for the ring hears of it. */
static void on_panic(VuDev *d, const char *why)
{
    if (at_work >= 0 && d->vq[at_work].err_fd >= 0) {
        (void)eventfd_write(d->vq[at_work].err_fd, 1);
    }
    if (tells) {
        printf("library: %s\n", why);
    }
}

static void watch(VuDev *d, int fd, int events, vu_watch_cb call, void *data)
{
    (void)d;
    (void)events;
    watched[(intptr_t)data].fd = fd;
    watched[(intptr_t)data].call = call;
    watched[(intptr_t)data].data = data;
}

static void unwatch(VuDev *d, int fd)
{
    int q;

    (void)d;
    for (q = 0; q < QUEUES; q++) {
        watched[q].fd = watched[q].fd == fd ? -1 : watched[q].fd;
    }
}

static void serve_front_end(int fd, int pulls)
{
    static const VuDevIface iface = {.get_features = offered,
                                     .process_msg = on_message,
                                     .get_config = get_config,
                                     .set_config = set_config};
    int q;

    if (!vu_init(&dev, QUEUES, fd, on_panic, read_message, watch, unwatch, &iface)) {
        exit(1);
    }
    for (q = 0; q < QUEUES; q++) {
        vu_set_queue_handler(&dev, vu_get_queue(&dev, q), on_kick);
        to_notify[q] = false;
    }
    while (!dev.broken) {
        struct pollfd p[2 + QUEUES] = {{fd, POLLIN, 0},
                                       {watched[0].fd, POLLIN, 0},
                                       {watched[1].fd, POLLIN, 0},
                                       {pulls, POLLIN, 0}};
        struct signalfd_siginfo ignored;

        if (poll(p, 2 + QUEUES, -1) < 0) {
            continue;
        }
        if (p[1 + QUEUES].revents != 0 &&
            read(pulls, &ignored, sizeof ignored) == sizeof ignored) {
            pulled ^= 2u;
            look_at_lines();
        }
        for (q = 0; q < QUEUES; q++) {
            if (p[1 + q].revents != 0) {
                watched[q].call(&dev, VU_WATCH_IN, watched[q].data);
            }
        }
        work();
        if (p[0].revents != 0 && (dev.broken || !vu_dispatch(&dev))) {
            break;
        }
        work();
    }
    reset();
    vu_deinit(&dev);
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c, fd, pulls;
    sigset_t mask;

    while ((c = getopt(argc, argv, "binv")) != -1) {
        breaks = breaks || c == 'b';
        with_irq = with_irq && c != 'i';
        with_names = with_names && c != 'n';
        tells = tells || c == 'v';
    }
    if (optind + 1 != argc || strlen(argv[optind]) >= sizeof a.sun_path) {
        fprintf(stderr, "usage: lvu_gpio [-b] [-i] [-n] [-v] SOCKET\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    pulls = signalfd(-1, &mask, SFD_CLOEXEC);
    strcpy(a.sun_path, argv[optind]);
    if (pulls < 0 || s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(s, 8) != 0) {
        perror(argv[optind]);
        return 1;
    }
    while ((fd = accept(s, NULL, NULL)) >= 0) {
        serve_front_end(fd, pulls);
    }
    return 1;
}
