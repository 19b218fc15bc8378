/* SPDX-License-Identifier: BSD-3-Clause */
/* The Linux pieces alone, and whole sessions of the real device over a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <virtiogpio/device.h>
#include <virtiogpio/sim.h>
#include <virtiogpio/vhost_user.h>
#include <virtiogpio/wire.h>

#include "vu_peer.h"

static int open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

/* Lines that hold our pages of shared memory. */
static int mappings(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512];
    int n = 0;

    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        n += strstr(line, "memfd:guest") != NULL;
    }
    fclose(f);
    return n;
}

static int fds_before, maps_before;

static int count_before(void **state)
{
    (void)state;
    fds_before = open_fds();
    maps_before = mappings();
    return 0;
}

static int count_after(void **state)
{
    (void)state;
    assert_int_equal(open_fds(), fds_before);
    assert_int_equal(mappings(), maps_before);
    return 0;
}

/* ---- the pieces ---- */

static void pair(int *s)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
}

/* Two halves of a message, however they are cut, make one; and recv never waits. */
static void test_recv_in_pieces(void **state)
{
    uint8_t bytes[20] = {0};
    uint32_t head[3] = {2, 1, 8};
    struct vgpio_vu_msg *m = calloc(1, sizeof *m);
    unsigned cut, i;
    int s[2];

    (void)state;
    pair(s);
    memcpy(bytes, head, sizeof head);
    for (i = 12; i < 20; i++) {
        bytes[i] = (uint8_t)i;
    }
    for (cut = 1; cut < 20; cut++) {
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 0);
        assert_int_equal(write(s[1], bytes, cut), cut);
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 0);
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 0);
        assert_int_equal(write(s[1], bytes + cut, 20 - cut), 20 - cut);
        assert_int_equal(write(s[1], bytes, 20), 20); /* the next one stays out of it */
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1);
        assert_int_equal(m->len, 20);
        assert_memory_equal(m->buf, bytes, 20);
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1); /* whole until it is taken */
        vgpio_vu_linux_drop(m);
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1);
        vgpio_vu_linux_drop(m);
    }
    close(s[0]);
    close(s[1]);
    free(m);
}

static void test_recv_until_the_peer_is_gone(void **state)
{
    uint32_t head[3] = {5, 1, 40};
    struct vgpio_vu_msg *m = calloc(1, sizeof *m);
    struct vu_peer p;
    int s[2], extra;

    (void)state;
    pair(s);
    close(s[1]);
    assert_int_equal(vgpio_vu_linux_recv(s[0], m), VGPIO_ERR_IO);
    close(s[0]);

    /* In the middle of a message that brought a file descriptor. */
    pair(s);
    vu_peer_open(&p, s[1]);
    extra = dup(0);
    assert_int_equal(vu_peer_send(&p, 5, 1, NULL, 0, &extra, 1), 0);
    assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1);
    assert_int_equal(m->nfds, 1);
    assert_int_equal(fcntl(m->fds[0], F_GETFD), FD_CLOEXEC);
    vgpio_vu_linux_drop(m);
    assert_int_equal(vu_peer_send(&p, head[0], 1, head, 12, &extra, 1), 0);
    assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1);
    vgpio_vu_linux_drop(m);
    close(extra);
    extra = dup(0);
    {
        struct iovec iov = {head, sizeof head};
        union {
            struct cmsghdr align;
            char buf[CMSG_SPACE(sizeof(int))];
        } control = {{0}};
        struct msghdr h = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.buf,
                           .msg_controllen = sizeof control.buf};
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &extra, sizeof extra);
        assert_int_equal(sendmsg(s[1], &h, 0), sizeof head);
    }
    assert_int_equal(vgpio_vu_linux_recv(s[0], m), 0);
    assert_int_equal(m->nfds, 1);
    close(extra);
    vu_peer_close(&p);
    assert_int_equal(vgpio_vu_linux_recv(s[0], m), VGPIO_ERR_IO);
    assert_int_equal(m->nfds, 0);
    close(s[0]);
    free(m);
}

static void test_recv_hands_over_absurd_sizes(void **state)
{
    static const uint32_t sizes[] = {VGPIO_VU_MSG_MAX - 11, UINT32_MAX, 0x80000000u};
    struct vgpio_vu_msg *m = calloc(1, sizeof *m);
    struct vu_peer p;
    int s[2];
    unsigned i;

    (void)state;
    pair(s);
    vu_peer_open(&p, s[1]);
    for (i = 0; i < 3; i++) {
        uint32_t head[3] = {1, 1, 0};

        head[2] = sizes[i];
        assert_int_equal(write(s[1], head, sizeof head), sizeof head);
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1);
        assert_int_equal(m->len, 12);
        vgpio_vu_linux_drop(m);
    }
    vu_peer_close(&p);
    close(s[0]);
    free(m);
}

static void test_recv_closes_fds_beyond_the_eighth(void **state)
{
    struct vgpio_vu_msg *m;
    struct vu_peer p;
    int s[2], fds[16];
    unsigned i;

    (void)state;
#ifdef VGPIO_TEST_IN_QEMU
    skip(); /* fds that do not fit stay open there, and MSG_CTRUNC is not set */
#endif
    m = calloc(1, sizeof *m);
    pair(s);
    vu_peer_open(&p, s[1]);
    for (i = 0; i < 16; i++) {
        fds[i] = dup(0);
    }
    for (i = 0; i <= 16; i++) {
        int n = open_fds();
        unsigned kept;

        assert_int_equal(vu_peer_send(&p, 1, 1, NULL, 0, fds, i), 0);
        assert_int_equal(vgpio_vu_linux_recv(s[0], m), 1);
        kept = i <= 8 ? i : 8;
        assert_int_equal(m->nfds, i <= 8 ? i : 9);
        assert_int_equal(open_fds(), n + (int)kept);
        vgpio_vu_linux_drop(m);
        assert_int_equal(open_fds(), n);
    }
    for (i = 0; i < 16; i++) {
        close(fds[i]);
    }
    vu_peer_close(&p);
    close(s[0]);
    free(m);
}

static void test_send_in_pieces(void **state)
{
    static uint8_t back[VGPIO_VU_MSG_MAX];
    struct vgpio_vu_msg *m = calloc(1, sizeof *m);
    int s[2], small = 1, n, sent = 0;
    size_t got;
    unsigned i;

    (void)state;
    pair(s);
    assert_int_equal(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (i = 0; i < 100 && sent == 0; i++) { /* until its buffer is full */
        m->len = VGPIO_VU_MSG_MAX;
        memset(m->buf, (int)i, sizeof m->buf);
        n = vgpio_vu_linux_send(s[0], m);
        assert_true(n == 0 || n == 1);
        sent = n == 0;
    }
    assert_true(sent);
    assert_true(m->done < m->len);
    for (; i != 0; i--) { /* nothing is lost or doubled */
        for (got = 0; got < sizeof back;) {
            ssize_t k = read(s[1], back + got, sizeof back - got);

            assert_true(k > 0);
            got += (size_t)k;
            if (m->len != 0) {
                n = vgpio_vu_linux_send(s[0], m);
                assert_true(n == 0 || n == 1);
            }
        }
        assert_int_equal(back[0], back[sizeof back - 1]);
    }
    assert_int_equal(m->len, 0);
    assert_int_equal(vgpio_vu_linux_send(s[0], m), 1); /* nothing to send */
    close(s[1]);
    m->len = 12;
    assert_int_equal(vgpio_vu_linux_send(s[0], m), VGPIO_ERR_IO); /* and no SIGPIPE */
    close(s[0]);
    free(m);
}

static void test_map_stays_inside_the_file(void **state)
{
    int fd = memfd_create("guest", MFD_CLOEXEC), p[2], ro;
    char path[64];
    uint8_t *a, *b;

    (void)state;
    assert_int_equal(ftruncate(fd, 3 * 4096 + 100), 0);
    a = vgpio_vu_linux_map(NULL, fd, 0, 3 * 4096 + 100);
    b = vgpio_vu_linux_map(NULL, fd, 4096 + 17, 4096);
    assert_non_null(a);
    assert_non_null(b);
    a[4096 + 17] = 0x5a;
    assert_int_equal(b[0], 0x5a);
    vgpio_vu_linux_unmap(NULL, a, 3 * 4096 + 100);
    vgpio_vu_linux_unmap(NULL, b, 4096);
    assert_int_equal(mappings(), maps_before);
    assert_null(vgpio_vu_linux_map(NULL, fd, 0, 0));
    assert_null(vgpio_vu_linux_map(NULL, fd, 0, 3 * 4096 + 101));
    assert_null(vgpio_vu_linux_map(NULL, fd, 100, 3 * 4096 + 1));
    assert_null(vgpio_vu_linux_map(NULL, fd, UINT64_MAX - 4095, 4096));
    assert_null(vgpio_vu_linux_map(NULL, fd, 4096, UINT64_MAX - 4095));
    assert_null(vgpio_vu_linux_map(NULL, fd, (uint64_t)INT64_MAX, 1));
    assert_null(vgpio_vu_linux_map(NULL, -1, 0, 4096));
    /* What is no file, or may not be written. */
    assert_int_equal(pipe(p), 0);
    assert_null(vgpio_vu_linux_map(NULL, p[0], 0, 4096));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ro = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(ro >= 0);
    assert_null(vgpio_vu_linux_map(NULL, ro, 0, 4096));
    vgpio_vu_linux_close(NULL, ro);
    close(p[0]);
    close(p[1]);
    close(fd);
}

static void test_signal_never_waits_and_never_kills(void **state)
{
    uint64_t n, full = UINT64_MAX - 1;
    int e = eventfd(0, EFD_CLOEXEC), s[2], p[2]; /* blocking, as the peer may make it */
    unsigned i;

    (void)state;
    vgpio_vu_linux_signal(NULL, e);
    vgpio_vu_linux_signal(NULL, e);
    assert_int_equal(read(e, &n, 8), 8);
    assert_int_equal(n, 2);
    assert_int_equal(write(e, &full, 8), 8);
    vgpio_vu_linux_signal(NULL, e);
    close(e);
    pair(s); /* User-Mode Linux takes its interrupts by sockets */
    vgpio_vu_linux_signal(NULL, s[0]);
    assert_int_equal(read(s[1], &n, 8), 8);
    assert_int_equal(n, 1);
    for (i = 0; i < 100000; i++) {
        vgpio_vu_linux_signal(NULL, s[0]);
    }
    close(s[1]);
    vgpio_vu_linux_signal(NULL, s[0]);
    close(s[0]);
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    vgpio_vu_linux_signal(NULL, p[1]);
    close(p[1]);
    vgpio_vu_linux_signal(NULL, -1);
}

static void test_push_and_shm(void **state)
{
    uint8_t msg[12] = {2};
    int s[2], n = 1, fd;

    (void)state;
    pair(s);
    assert_int_equal(vgpio_vu_linux_push(NULL, s[0], msg, 12), 1);
    while (n == 1) {
        n = vgpio_vu_linux_push(NULL, s[0], msg, 12);
    }
    assert_int_equal(n, 0);
    close(s[1]);
    assert_int_equal(vgpio_vu_linux_push(NULL, s[0], msg, 12), VGPIO_ERR_IO);
    close(s[0]);
    fd = vgpio_vu_linux_shm(NULL, 5000);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 5000);
    assert_int_equal(ftruncate(fd, 0), -1);
    close(fd);
    assert_int_equal(vgpio_vu_linux_shm(NULL, UINT64_MAX), VGPIO_ERR_IO);
}

/* ---- sessions: device, simulator, engine and sockets, one thread ---- */

#define NLINES 8u

struct server {
    struct vgpio_vu vu;
    struct vgpio_dev dev;
    struct vgpio_sim sim;
    struct vgpio_line lines[NLINES];
    struct vgpio_sim_line sim_lines[NLINES];
    struct vgpio_req reqs[8];
    struct vgpio_vu_msg in, out;
    int sock, kick[2], hung_up;
    const char *reason;
    /* slow lines: GET_VALUE is answered when the test says so */
    int slow, resets;
    vgpio_token token;
};

static int slow_get_value(void *ctx, uint16_t line, vgpio_token token)
{
    struct server *s = ctx;

    if (!s->slow) {
        return vgpio_sim_ops.get_value(&s->sim, line, token);
    }
    s->token = token;
    return VGPIO_PENDING;
}

static int get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    return vgpio_sim_ops.get_direction(&((struct server *)ctx)->sim, line, token);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token token)
{
    return vgpio_sim_ops.set_direction(&((struct server *)ctx)->sim, line, dir, out,
                                       token);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    return vgpio_sim_ops.set_value(&((struct server *)ctx)->sim, line, value, token);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    return vgpio_sim_ops.set_irq_type(&((struct server *)ctx)->sim, line, type, token);
}

static void reset_lines(void *ctx)
{
    struct server *s = ctx;

    s->resets++;
    vgpio_sim_ops.reset(&s->sim);
}

static const struct vgpio_line_ops line_ops = {
    sizeof line_ops, get_direction, set_direction, slow_get_value,
    set_value,       set_irq_type,  NULL,          reset_lines};

static void watch(void *ctx, int fd, unsigned q, int on)
{
    ((struct server *)ctx)->kick[q] = on ? fd : -1;
}

static const struct vgpio_vu_os os = {sizeof os,
                                      vgpio_vu_linux_map,
                                      vgpio_vu_linux_unmap,
                                      vgpio_vu_linux_close,
                                      vgpio_vu_linux_signal,
                                      watch,
                                      vgpio_vu_linux_push,
                                      vgpio_vu_linux_shm,
                                      NULL};

static void hang_up(struct server *s)
{
    s->hung_up = 1;
    s->reason = vgpio_vu_reason(&s->vu);
    vgpio_vu_close(&s->vu);
    vgpio_vu_linux_drop(&s->in);
    s->out.len = s->out.done = 0;
    close(s->sock);
    s->sock = -1;
}

/* 1 = there was a message. */
static int serve_message(struct server *s)
{
    int n = vgpio_vu_linux_recv(s->sock, &s->in);
    int got = n > 0;

    if (n > 0) {
        n = vgpio_vu_input(&s->vu, &s->in, &s->out);
    }
    if (n == VGPIO_ERR_STATE) {
        return 0;
    }
    if (n > 0) {
        n = vgpio_vu_linux_send(s->sock, &s->out);
    }
    if (n < 0) {
        hang_up(s);
        return 0;
    }
    return got;
}

static void serve(void *ctx)
{
    struct server *s = ctx;
    unsigned q;
    uint64_t n;

    while (s->sock >= 0 && serve_message(s)) {
    }
    for (q = 0; q < 2; q++) {
        if (s->kick[q] >= 0 && read(s->kick[q], &n, sizeof n) == sizeof n) {
            while (vgpio_vu_kick(&s->vu, q) == 1) {
            }
        }
    }
    vgpio_vu_flush(&s->vu);
    if (s->sock >= 0 && vgpio_vu_output(&s->vu, &s->out) > 0) {
        assert_int_equal(vgpio_vu_linux_send(s->sock, &s->out), 1);
    }
}

static struct server *server_new(void)
{
    struct server *s = calloc(1, sizeof *s);
    struct vgpio_dev_config dc = {0};
    struct vgpio_sim_config sc = {0};

    assert_non_null(s);
    sc.sink = vgpio_dev_sink(&s->dev);
    sc.lines = s->sim_lines;
    sc.nlines = NLINES;
    dc.ops = &line_ops;
    dc.ctx = s;
    dc.lines = s->lines;
    dc.ngpio = NLINES;
    dc.reqs = s->reqs;
    dc.nreqs = 8;
    dc.queue_max[0] = dc.queue_max[1] = 1024;
    assert_int_equal(vgpio_sim_init(&s->sim, &sc), 0);
    assert_int_equal(vgpio_dev_init(&s->dev, &dc), 0);
    assert_int_equal(vgpio_vu_init(&s->vu, vgpio_dev_vdev(&s->dev), &os, s), 0);
    s->sock = s->kick[0] = s->kick[1] = -1;
    return s;
}

static int connect_to(struct server *s)
{
    int pr[2];

    pair(pr);
    s->sock = pr[0];
    s->hung_up = 0;
    return pr[1];
}

static struct server *server_with(struct vu_peer *p)
{
    struct server *s = server_new();

    vu_peer_open(p, connect_to(s));
    p->pump = serve;
    p->pump_ctx = s;
    return s;
}

static void finish(struct server *s, struct vu_peer *p)
{
    vu_peer_close(p);
    serve(s);
    assert_true(s->hung_up);
    free(s);
}

/* The connection goes away, and later there is another. */
static void reconnect(struct server *s, struct vu_peer *p)
{
    vu_peer_reopen(p, -1);
    serve(s);
    assert_true(s->hung_up);
    vu_peer_reopen(p, connect_to(s));
}

#define ALL_FEATURES (~(UINT64_C(1) << 34))

static void bring_up(struct vu_peer *p, uint16_t base0, uint16_t base1, int fresh)
{
    assert_int_equal(vu_peer_negotiate(p, ALL_FEATURES), 0);
    assert_int_equal(vu_peer_share(p), 0);
    assert_int_equal(vu_peer_start(p, 0, fresh ? 64 : 0, base0), 0);
    assert_int_equal(vu_peer_start(p, 1, fresh ? 64 : 0, base1), 0);
}

static void test_session(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);
    uint8_t config[16], v;
    int base0, resets;

    (void)state;
    bring_up(&p, 0, 0, 1);
    resets = s->resets;
    assert_int_equal(vu_peer_config(&p, 0, 16, config), 16);
    assert_int_equal(config[0], NLINES);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_SET_VALUE, 3, 1, NULL), 0);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_SET_DIRECTION, 3, VGPIO_DIR_OUT, &v),
                     0);
    assert_int_equal(vgpio_sim_level(&s->sim, 3), 1);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_GET_VALUE, NLINES, 0, &v), 1);
    assert_int_equal(
        vu_peer_request(&p, VGPIO_MSG_SET_IRQ_TYPE, 5, VGPIO_IRQ_EDGE_RISING, &v), 0);
    while (vu_peer_called(&p, 1, 0)) {
    }
    vu_peer_unmask(&p, 0, 5);
    assert_int_equal(vu_peer_event_status(&p, 0), 0xee);
    assert_int_equal(vgpio_sim_pull(&s->sim, 5, 1), 0);
    assert_int_equal(vu_peer_called(&p, 1, 0), 1);
    assert_int_equal(vu_peer_event_status(&p, 0), 1);
    /* Stop and go on: the lines are as they were. */
    base0 = vu_peer_stop(&p, 0);
    assert_int_equal(base0, p.ring[0].avail_idx);
    assert_int_equal(vu_peer_stop(&p, 1), 1);
    assert_int_equal(vu_peer_start(&p, 0, 0, (uint16_t)base0), 0);
    assert_int_equal(vu_peer_start(&p, 1, 0, 1), 0);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_GET_DIRECTION, 3, 0, &v), 0);
    assert_int_equal(v, VGPIO_DIR_OUT);
    assert_int_equal(s->resets, resets);
    finish(s, &p);
}

/* The connection breaks and comes back while a line is armed: same guest, same rings. */
static void test_an_armed_line_survives_a_reconnect(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);
    int resets;

    (void)state;
    bring_up(&p, 0, 0, 1);
    resets = s->resets;
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_IN, NULL),
                     0);
    assert_int_equal(
        vu_peer_request(&p, VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_FALLING, NULL), 0);
    assert_int_equal(vgpio_sim_pull(&s->sim, 2, 1), 0);
    vu_peer_unmask(&p, 0, 2);
    vu_peer_reopen(&p, -1);
    serve(s);
    assert_true(s->hung_up);
    assert_int_equal(mappings(), maps_before + 1);      /* the peer's own */
    assert_int_equal(vgpio_sim_pull(&s->sim, 2, 0), 0); /* while nobody is connected */
    vu_peer_reopen(&p, connect_to(s));
    /* QEMU tells the used index, since it got no GET_VRING_BASE. */
    bring_up(&p, p.ring[0].used_seen, p.ring[1].used_seen, 0);
    assert_int_equal(vu_peer_called(&p, 1, 0), 1);
    assert_int_equal(vu_peer_event_status(&p, 0), 1);
    assert_int_equal(s->resets, resets);
    finish(s, &p);
}

static void test_another_guest_finds_the_lines_untouched(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);
    uint8_t v;
    int before;

    (void)state;
    bring_up(&p, 0, 0, 1);
    before = s->resets;
    assert_int_equal(vgpio_sim_pull(&s->sim, 4, 1), 0);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_SET_DIRECTION, 4, VGPIO_DIR_OUT, NULL),
                     0);
    assert_int_equal(vgpio_sim_level(&s->sim, 4), 0);
    reconnect(s, &p);
    memset(p.mem.base, 0, VU_PEER_MEM);
    bring_up(&p, 0, 0, 1);
    assert_true(s->resets > before);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_GET_DIRECTION, 4, 0, &v), 0);
    assert_int_equal(v, VGPIO_DIR_NONE);
    assert_int_equal(vgpio_sim_level(&s->sim, 4), 1); /* what the outside did stays */
    finish(s, &p);
}

static void test_memory_moves_under_an_armed_line(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);
    int resets;

    (void)state;
    bring_up(&p, 0, 0, 1);
    resets = s->resets;
    assert_int_equal(
        vu_peer_request(&p, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING, NULL), 0);
    vu_peer_unmask(&p, 3, 1);
    assert_int_equal(vu_peer_share(&p), 0);
    assert_int_equal(mappings(), maps_before + 2);
    assert_int_equal(vgpio_sim_pull(&s->sim, 1, 1), 0);
    assert_int_equal(vu_peer_called(&p, 1, 0), 1);
    assert_int_equal(vu_peer_event_status(&p, 3), 1);
    assert_int_equal(s->resets, resets);
    finish(s, &p);
}

static void post_get_value(struct vu_peer *p, uint16_t line)
{
    uint64_t out = VU_PEER_GPA + VU_PEER_DATA;

    peer_put16(&p->mem, out, VGPIO_MSG_GET_VALUE);
    peer_put16(&p->mem, out + 2, line);
    peer_put32(&p->mem, out + 4, 0);
    ring_peer_desc(&p->ring[0], 0, out, 8, PEER_NEXT, 1);
    ring_peer_desc(&p->ring[0], 1, out + 16, 2, PEER_WRITE, 0);
    *peer_at(&p->mem, out + 16, 1) = 0xee;
    vu_peer_post(p, 0, 0);
    vu_peer_kick(p, 0);
}

static void test_get_base_waits_for_a_slow_line(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);
    uint32_t q[2] = {0, 0}, head[3];
    struct vu_answer a;

    (void)state;
    bring_up(&p, 0, 0, 1);
    while (vu_peer_called(&p, 0, 0)) {
    }
    s->slow = 1;
    post_get_value(&p, 6);
    assert_int_equal(vu_peer_send(&p, VU_GET_VRING_BASE, 1, q, 8, NULL, 0), 0);
    /* Another request behind it waits its turn, and nothing blocks. */
    assert_int_equal(vu_peer_send(&p, VU_GET_FEATURES, 1, NULL, 0, NULL, 0), 0);
    p.timeout_ms = 0;
    assert_int_equal(vu_peer_recv(&p, &a), -1);
    p.timeout_ms = 120000;
    assert_int_equal(vgpio_dev_complete(&s->dev, s->token, 1), 0);
    assert_int_equal(vu_peer_recv(&p, &a), 1);
    memcpy(head, &a, sizeof head);
    assert_int_equal(head[0], VU_GET_VRING_BASE);
    memcpy(q, a.payload, 8);
    assert_int_equal(q[1], 1);
    assert_int_equal(*peer_at(&p.mem, VU_PEER_GPA + VU_PEER_DATA + 16, 1), 0);
    assert_int_equal(*peer_at(&p.mem, VU_PEER_GPA + VU_PEER_DATA + 17, 1), 1);
    assert_int_equal(vu_peer_called(&p, 0, 0), 1); /* told before the fd was closed */
    assert_int_equal(vu_peer_recv(&p, &a), 1);
    assert_int_equal(a.request, VU_GET_FEATURES);
    finish(s, &p);
}

static void test_a_slow_line_answers_the_guest_that_came_back(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);

    (void)state;
    bring_up(&p, 0, 0, 1);
    s->slow = 1;
    post_get_value(&p, 6);
    reconnect(s, &p);
    bring_up(&p, 0, 0, 0);
    assert_int_equal(vgpio_dev_complete(&s->dev, s->token, 1), 0);
    serve(s);
    assert_int_equal(*peer_at(&p.mem, VU_PEER_GPA + VU_PEER_DATA + 17, 1), 1);
    finish(s, &p);
}

static void test_unaligned_ring_is_refused(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);

    (void)state;
    assert_int_equal(vu_peer_negotiate(&p, ALL_FEATURES), 0);
    assert_int_equal(vu_peer_share(&p), 0);
    assert_int_equal(vu_peer_start(&p, 0, 64, 0), 0);
    assert_int_equal(vu_peer_stop(&p, 0), 0);
    p.ring[0].setup.desc += 8;
    assert_int_equal(vu_peer_start(&p, 0, 0, 0), 1);
    p.ring[0].setup.desc -= 8;
    assert_int_equal(vu_peer_start(&p, 0, 0, 0), 0);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_GET_VALUE, 0, 0, NULL), 0);
    finish(s, &p);
}

static void test_a_broken_ring_writes_its_error_fd(void **state)
{
    struct vu_peer p;
    struct server *s = server_with(&p);
    uint64_t n;

    (void)state;
    bring_up(&p, 0, 0, 1);
    vu_peer_post(&p, 0, 64); /* a head that no ring of 64 has */
    vu_peer_kick(&p, 0);
    assert_int_equal(read(p.err[0], &n, sizeof n), sizeof n);
    assert_int_equal(read(p.err[1], &n, sizeof n), -1);
    assert_true(vu_peer_stop(&p, 0) >= 0);
    assert_true(vu_peer_stop(&p, 1) >= 0);
    bring_up(&p, 0, 0, 1);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_GET_VALUE, 0, 0, NULL), 0);
    finish(s, &p);
}

static void test_rude_peers_are_hung_up_on(void **state)
{
    static const uint32_t bad[][3] = {{1, 0, 0}, {1, 5, 0}, {1, 1, 1u << 20},
                                      {1, 1, 4}, {9, 1, 8}, {5, 1, 8}};
    struct vu_peer p;
    struct server *s = server_with(&p);
    struct vu_answer a;
    uint8_t zero[8] = {1};
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bring_up(&p, 0, 0, 1);
        assert_int_equal(write(p.sock, bad[i], 12), 12);
        if (bad[i][2] <= 8) {
            assert_int_equal(write(p.sock, zero, bad[i][2]), bad[i][2]);
        }
        assert_int_equal(vu_peer_recv(&p, &a), 0);
        assert_true(s->hung_up);
        assert_non_null(s->reason);
        vu_peer_reopen(&p, connect_to(s));
    }
    bring_up(&p, 0, 0, 1);
    assert_int_equal(vu_peer_request(&p, VGPIO_MSG_GET_VALUE, 0, 0, NULL), 0);
    finish(s, &p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, count_before, count_after)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_recv_in_pieces),
        T(test_recv_until_the_peer_is_gone),
        T(test_recv_hands_over_absurd_sizes),
        T(test_recv_closes_fds_beyond_the_eighth),
        T(test_send_in_pieces),
        T(test_map_stays_inside_the_file),
        T(test_signal_never_waits_and_never_kills),
        T(test_push_and_shm),
        T(test_session),
        T(test_an_armed_line_survives_a_reconnect),
        T(test_another_guest_finds_the_lines_untouched),
        T(test_memory_moves_under_an_armed_line),
        T(test_get_base_waits_for_a_slow_line),
        T(test_a_slow_line_answers_the_guest_that_came_back),
        T(test_unaligned_ring_is_refused),
        T(test_a_broken_ring_writes_its_error_fd),
        T(test_rude_peers_are_hung_up_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
