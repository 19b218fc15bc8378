/* SPDX-License-Identifier: BSD-3-Clause */
/* The gpiod-style commands on back ends that misbehave: every lie in every answer, and
 * devices that lie about their size, names and rings. Each time: one line that names the
 * fault, exit status 1, and an end. */
#include "server_run.h"
#include "tool_run.h"
#include "vuf_fake.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/device.h>
#include <virtiogpio/sim.h>
#include <virtiogpio/vhost_user.h>

#define LINES 4u

static struct server_run run;
static int listener;

static int setup(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    (void)state;
    run_make_dir(&run);
    strncpy(a.sun_path, run.socket, sizeof a.sun_path - 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 4), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(listener);
    run_remove_dir(&run);
    return 0;
}

/* One line that has the text, and exit status 1. */
static void names_it(int status, const char *text)
{
    assert_int_equal(status, 1);
    assert_int_equal(strncmp(tool_err, "vgpio: ", 7), 0);
    assert_non_null(strchr(tool_err, '\n'));
    assert_int_equal(strchr(tool_err, '\n')[1], '\0');
    if (strstr(tool_err, text) == NULL) {
        fail_msg("no '%s' in: %s", text, tool_err);
    }
}

/* ---- lies in answers ---- */

static void send_answer(int sock, const struct vgpio_vu_msg *m)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(16 * sizeof(int))];
    } control;
    struct iovec iov = {(void *)(uintptr_t)m->buf, m->len};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned i;

    if (m->nfds != 0) {
        struct cmsghdr *c;

        memset(&control, 0, sizeof control);
        h.msg_control = control.buf;
        h.msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
        c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
        for (i = 0; i < m->nfds; i++) {
            memcpy(CMSG_DATA(c) + i * sizeof(int), &sock, sizeof sock);
        }
    }
    (void)sendmsg(sock, &h, MSG_NOSIGNAL);
}

/* The scripted back end, now behind a socket; its device never answers. */
static void serve_fake(struct vuf_fake *b, int sock)
{
    struct vgpio_vu_msg in = {0}, out = {0};
    struct pollfd p = {.fd = sock, .events = POLLIN};
    int n;

    for (;;) {
        (void)poll(&p, 1, -1);
        n = vgpio_vu_linux_recv(sock, &in);
        if (n < 0) {
            return;
        }
        if (n == 0) {
            continue;
        }
        in.done = 0;
        if (vuf_fake_os.send(b, &in) < 0 && b->lie == LIE_HANG_UP) {
            return;
        }
        vgpio_vu_linux_drop(&in);
        memset(&out, 0, sizeof out);
        if (vuf_fake_os.recv(b, &out) == 0) {
            send_answer(sock, &out);
        } else if (b->lie == LIE_HANG_UP && b->lie_nth == UINT32_MAX) {
            return; /* told */
        }
    }
}

static pid_t start_fake(struct vuf_fake *b)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        serve_fake(b, accept(listener, NULL, NULL));
        _exit(0);
    }
    return pid;
}

static void end_server(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static const char *fault_of(enum vuf_lie lie)
{
    switch (lie) {
    case LIE_HANG_UP:
        return "hung up";
    case LIE_STALL:
    case LIE_SHORT:
    case LIE_SIZE_FIELD:
        return "no answer in time"; /* or the bytes that were announced */
    case LIE_REQUEST:
        return "an answer to another request";
    case LIE_FLAGS:
    case LIE_VERSION:
        return "an answer with wrong flags";
    case LIE_FDS:
    case LIE_FDS_MANY:
        return "an answer with file descriptors";
    case LIE_REFUSE:
        return "refused";
    default:
        return "an answer of the wrong size";
    }
}

/* Where nothing comes the tool's patience must end, and it is the only thing that may: so
 * a machine that is too busy for a short one is given a longer one. */
static int ask_fake(struct vuf_fake *b, uint32_t request, enum vuf_lie lie,
                    const char *text)
{
    static const char *const patience[] = {"30ms", "300ms", "3s", "100s"};
    unsigned i = strstr(text, "in time") != NULL ? 0 : 3;
    int status;

    do {
        pid_t pid;

        vuf_fake_init(b);
        b->lie = lie;
        b->lie_at = request;
        pid = start_fake(b);
        status = TOOL("info", "-c", run.socket, "--timeout", patience[i]);
        end_server(pid);
    } while (strstr(tool_err, text) == NULL && ++i < 4);
    return status;
}

static void test_lies_in_answers(void **state)
{
    static const uint32_t requests[] = {
        VGPIO_VU_GET_FEATURES,  VGPIO_VU_GET_PROTOCOL_FEATURES, VGPIO_VU_GET_QUEUE_NUM,
        VGPIO_VU_SET_OWNER,     VGPIO_VU_SET_FEATURES,          VGPIO_VU_GET_CONFIG,
        VGPIO_VU_SET_MEM_TABLE, VGPIO_VU_SET_VRING_NUM,         VGPIO_VU_SET_VRING_KICK};
    struct vuf_fake b;
    unsigned i, lie;

    (void)state;
    for (i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (lie = LIE_HANG_UP; lie < LIE_CONTENTS; lie++) {
            char text[128];

            if (lie == LIE_REFUSE && i < 3) {
                continue; /* any number is a fine answer to these */
            }
            snprintf(text, sizeof text, "%s: %s: %s\n", run.socket,
                     vgpio_vu_request_str(requests[i]), fault_of(lie));
            names_it(ask_fake(&b, requests[i], lie, text), text);
            assert_string_equal(tool_out, "");
        }
    }
}

/* Everything right, but no request is ever answered. */
static void test_device_sleeps(void **state)
{
    struct vuf_fake b;
    pid_t pid;

    (void)state;
    vuf_fake_init(&b);
    pid = start_fake(&b);
    names_it(TOOL("get", "-c", run.socket, "--timeout", "500ms", "0", "1"), "no answer ");
    end_server(pid);
    pid = start_fake(&b);
    names_it(TOOL("mon", "-c", run.socket, "--timeout", "500ms", "0"), "no answer ");
    end_server(pid);
}

/* ---- devices that lie ---- */

enum device_lie {
    NOTHING,
    NAMES_HUGE,
    NAMES_FEWER,
    NAMES_LONGER,
    NAMES_BINARY,
    NAMES_ESCAPE,
    NO_LINES,
    RING_BROKEN
};

struct liar {
    enum device_lie lie;
    struct vgpio_dev dev;
    struct vgpio_sim sim;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[4];
    struct vgpio_sim_line sim_lines[LINES];
    uint8_t names[64];
    struct vgpio_vu vu;
    struct vgpio_vu_msg in, out;
    int kick[2];
};

static struct liar liar;

static void lie_config(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    static const uint32_t sizes[] = {
        [NAMES_HUGE] = 0xfffffff0u, [NAMES_FEWER] = LINES - 1, [NAMES_LONGER] = 40};
    struct vgpio_config c = {.ngpio = LINES};
    uint8_t bytes[8];

    (void)obj;
    c.names_size = liar.dev.names_size;
    if (liar.lie == NAMES_HUGE || liar.lie == NAMES_FEWER || liar.lie == NAMES_LONGER) {
        c.names_size = sizes[liar.lie];
    }
    if (liar.lie == NO_LINES) {
        c.ngpio = 0;
    }
    vgpio_config_encode(bytes, &c);
    memset(dst, 0, len);
    if (off < 8) {
        memcpy(dst, bytes + off, len < 8 - off ? len : 8 - off);
    }
}

static void watch(void *ctx, int fd, unsigned q, int on)
{
    (void)ctx;
    liar.kick[q] = on ? fd : -1;
}

static const struct vgpio_vu_os liar_os = {
    .ops_size = sizeof liar_os,
    .map = vgpio_vu_linux_map,
    .unmap = vgpio_vu_linux_unmap,
    .close = vgpio_vu_linux_close,
    .signal = vgpio_vu_linux_signal,
    .watch = watch,
};

static void make_liar(struct vgpio_vdev_ops *ops, enum device_lie lie)
{
    static const char *const names[LINES] = {"led", "button", NULL, "reset"};
    struct vgpio_sim_config sc = {0};
    struct vgpio_dev_config dc = {0};
    struct vgpio_vdev face;

    liar.lie = lie;
    sc.lines = liar.sim_lines;
    sc.nlines = LINES;
    sc.sink = vgpio_dev_sink(&liar.dev);
    dc.ops = &vgpio_sim_ops;
    dc.ctx = &liar.sim;
    dc.lines = liar.lines;
    dc.ngpio = LINES;
    dc.reqs = liar.reqs;
    dc.nreqs = 4;
    dc.names = liar.names;
    dc.names_size =
        (uint32_t)vgpio_names_build(liar.names, sizeof liar.names, names, LINES);
    if (vgpio_sim_init(&liar.sim, &sc) != 0 || vgpio_dev_init(&liar.dev, &dc) != 0) {
        _exit(1);
    }
    if (lie == NAMES_BINARY || lie == NAMES_ESCAPE) {
        liar.names[1] = lie == NAMES_BINARY ? 0xff : 0x1b;
    }
    face = vgpio_dev_vdev(&liar.dev);
    *ops = *face.ops;
    ops->config_read = lie_config;
    face.ops = ops;
    liar.kick[0] = liar.kick[1] = -1;
    if (vgpio_vu_init(&liar.vu, face, &liar_os, NULL) != 0) {
        _exit(1);
    }
}

/* Memory of the front end, as it is mapped here. */
static void break_ring(void)
{
    uint32_t len = 64;
    uint8_t *used = liar.vu.mem.map(liar.vu.mem.ctx, liar.dev.last[0].device, &len,
                                    VGPIO_MEM_READ | VGPIO_MEM_WRITE);

    if (used == NULL) {
        len = 4096;
        used = liar.vu.region[0].hva;
    }
    memset(used, 0xee, len);
}

static void serve_kicks(const struct pollfd *p)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        uint64_t n;

        if (p[1 + q].revents == 0 || read(p[1 + q].fd, &n, sizeof n) != sizeof n) {
            continue;
        }
        if (liar.lie == RING_BROKEN) {
            break_ring();
            vgpio_vu_linux_signal(NULL, liar.vu.ring[0].call);
            continue;
        }
        while (vgpio_vu_kick(&liar.vu, q) > 0) {
        }
    }
    vgpio_vu_flush(&liar.vu);
}

static void serve_liar(int sock, enum device_lie lie)
{
    struct vgpio_vdev_ops ops;

    make_liar(&ops, lie);
    for (;;) {
        struct pollfd p[3] = {{.fd = sock, .events = POLLIN},
                              {.fd = liar.kick[0], .events = POLLIN},
                              {.fd = liar.kick[1], .events = POLLIN}};
        int n;

        (void)poll(p, 3, -1);
        serve_kicks(p);
        n = p[0].revents != 0 ? vgpio_vu_linux_recv(sock, &liar.in) : 0;
        if (n > 0 && (n = vgpio_vu_input(&liar.vu, &liar.in, &liar.out)) > 0) {
            n = vgpio_vu_linux_send(sock, &liar.out);
        }
        if (n < 0) {
            return;
        }
    }
}

static pid_t start_liar(enum device_lie lie)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        serve_liar(accept(listener, NULL, NULL), lie);
        _exit(0);
    }
    return pid;
}

static int ask_liar(enum device_lie lie)
{
    pid_t pid = start_liar(lie);
    int status = TOOL("get", "-c", run.socket, "--timeout", "100s", "led", "0", "3");

    end_server(pid);
    return status;
}

static void test_devices_that_lie(void **state)
{
    pid_t pid;

    (void)state;
    pid = start_liar(NOTHING);
    assert_int_equal(TOOL("get", "-c", run.socket, "led", "3"), 0);
    assert_string_equal(tool_out, "\"led\"=inactive \"3\"=inactive\n");
    end_server(pid);

    names_it(ask_liar(NAMES_HUGE),
             "the names of its lines: a block of an impossible size");
    names_it(ask_liar(NAMES_FEWER),
             "the names of its lines: a block of an impossible size");
    names_it(ask_liar(NAMES_LONGER), "GET_LINE_NAMES of line 0: the device refused");
    names_it(ask_liar(NAMES_BINARY), "the names of its lines: not printable ASCII");
    names_it(ask_liar(NAMES_ESCAPE), "the names of its lines: not printable ASCII");
    names_it(ask_liar(RING_BROKEN), "the device broke the rules of its rings");
}

static void test_no_lines(void **state)
{
    pid_t pid;

    (void)state;
    pid = start_liar(NO_LINES);
    names_it(TOOL("info", "-c", run.socket, "0"), "");
    end_server(pid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lies_in_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_device_sleeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices_that_lie, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_lines, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
