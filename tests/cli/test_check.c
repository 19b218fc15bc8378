/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio check`: our own server passes all of it, and devices that break one rule each
 * are caught by the test that names it. */
#include "server_run.h"
#include "tool_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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
#define PATIENCE "--timeout", "19s"
#define SERVE                                                                            \
    VGPIO_PATH " serve -s \"$SOCKET\" --control \"$CONTROL\" --sim led,button,,r"

static struct server_run run;

static int setup(void **state)
{
    (void)state;
    run_make_dir(&run);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run_remove_dir(&run);
    return 0;
}

static void assert_says(const char *text)
{
    if (strstr(tool_out, text) == NULL) {
        fail_msg("no '%s' in: %s%s", text, tool_out, tool_err);
    }
}

/* ---- our own server ---- */

static void test_all_pass(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--spawn", SERVE " --packed", PATIENCE), 0);
    assert_says(" PASS, ");
    assert_says(" 2 SKIP, 0 FAIL, 0 WEDGED, 0 CRASHED\n");
    assert_says("Not tried:\n       2 the lines have names\n");
    assert_says("PASS     order@packed ");
    assert_says("REJECT   loop ");
    assert_null(strstr(tool_err, "draft")); /* hostile, but of no other dialect */
}

static void test_other_dialect(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--spawn",
                          VGPIO_PATH " serve -s \"$SOCKET\" --sim 2 --dialect draft"),
                     1);
    assert_non_null(strstr(tool_err, "speaks the draft that was before the standard"));
    assert_string_equal(tool_out, "");
    /* One line looks like the draft's version, and still that is not what this is. */
    assert_int_equal(TOOL("check", "--spawn", VGPIO_PATH " serve -s \"$SOCKET\" --sim 1",
                          "--only", "B[34]", PATIENCE),
                     0);
    assert_null(strstr(tool_err, "driver of the draft"));
}

static void test_skips_say_why(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--spawn",
                          VGPIO_PATH " serve -s \"$SOCKET\" --sim 3 --no-irq", PATIENCE),
                     0);
    assert_says("F_IRQ is not offered");
    assert_says("packed rings are not offered");
    assert_int_equal(TOOL("check", "--spawn", VGPIO_PATH " serve -s \"$SOCKET\" --sim 3",
                          "--only", "edge", PATIENCE),
                     0);
    assert_says("SKIP     edge ");
    assert_says("nothing changes a line from outside (--control, --loop)");
    assert_says("Not tried:\n       1 nothing changes");
}

static void test_socket_and_control(void **state)
{
    (void)state;
    run_serve(&run, "2", NULL);
    assert_int_equal(TOOL("check", "-s", run.socket, "--control", run.control, "--only",
                          "edge*", PATIENCE),
                     0);
    assert_says("PASS     edge-latched ");
}

static void test_formats(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--list", "--only", "B1"), 0);
    assert_says("head-range ");
    assert_int_equal(TOOL("check", "--spawn", SERVE, "--only", "config", "--json"), 0);
    assert_string_equal(
        tool_out,
        "[\n  {\"verdict\": \"PASS\", \"id\": \"config\", \"rule\": \"GPIO-DEV-02\", "
        "\"did\": \"read the config space\", \"expected\": \"padding 0, at least "
        "one line, a names block with a byte a line, or none\", \"saw\": "
        "\"that\"}\n]\n");
    assert_int_equal(TOOL("check", "--spawn", SERVE, "--only", "config", "--junit"), 0);
    assert_string_equal(tool_out, "<?xml version=\"1.0\"?>\n<testsuite name=\"vgpio "
                                  "check\">\n  <testcase name=\"config\" "
                                  "classname=\"GPIO-DEV-02\"/>\n</testsuite>\n");
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check"), 2);
    assert_int_equal(TOOL("check", "-s", "a", "--spawn", "b"), 2);
    assert_int_equal(TOOL("check", "-s", "a", "--loop", "1=1"), 2);
    assert_int_equal(TOOL("check", "-s", "a", "--loop", "1"), 2);
    assert_int_equal(TOOL("check", "-s", "a", "--timeout", "x"), 2);
    assert_int_equal(TOOL("check", "-s", "a", "b"), 2);
    assert_int_equal(TOOL("check", "-s", run.socket), 1); /* nobody there */
    assert_int_equal(TOOL("check", "--spawn", "exit 3"), 1);
    assert_int_equal(TOOL("check", "--spawn", SERVE, "--only", "nonsense"), 1);
}

/* ---- devices that break a rule ---- */

enum lie {
    NONE,
    PADDING,        /* config padding is not 0 */
    TWO_NAMES,      /* two lines of one name */
    SHORT_USED,     /* used length 1 for an answer of 2 bytes */
    SWAPPED,        /* two answers at a time come the wrong way round */
    EVENT_KEPT,     /* event buffers never come back */
    VALUE_UNSTAGED, /* a value set before the line is an output is lost */
    DEAF,           /* never notifies */
    WIRED,          /* no lie: line 0 drives line 1 */
    CUT,            /* the same, and the wire is cut */
    HANGS,          /* a broken ring hangs it ... */
    DIES            /* ... or kills it */
};

struct liar {
    enum lie lie;
    struct vgpio_dev dev;
    struct vgpio_sim sim;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[16];
    struct vgpio_sim_line sim_lines[LINES];
    struct vgpio_line_ops ops;
    struct vgpio_vdev_ops face;
    uint8_t names[64];
    struct vgpio_vu vu;
    struct vgpio_vu_msg in, out;
    int kick[2];
    uint8_t *used[2];
    int (*queue_start)(void *, unsigned, const struct vgpio_mem *,
                       const struct vgpio_vq_setup *);
    uint16_t seen[2]; /* used elements that were looked at */
};

static struct liar liar;

static void lie_config(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    uint8_t bytes[8] = {LINES, 0, 0, 7, (uint8_t)liar.dev.names_size};

    (void)obj;
    memset(dst, 0, len);
    if (off < 8) {
        memcpy(dst, bytes + off, len < 8 - off ? len : 8 - off);
    }
}

static int lie_set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out_value,
                             vgpio_token token)
{
    (void)out_value;
    return vgpio_sim_ops.set_direction(ctx, line, dir, 0, token);
}

/* Where the ring is, as the device is told when it starts one. */
static int lie_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                           const struct vgpio_vq_setup *setup)
{
    const struct vgpio_mem_region *r = &liar.vu.region[0];

    liar.used[q] = (uint8_t *)r->hva + (setup->device - r->gpa);
    liar.seen[q] = 0;
    return liar.queue_start(obj, q, mem, setup);
}

/* What is in the used ring changes on the way from the device to its interrupt. */
static void twist(unsigned q)
{
    uint8_t *used = liar.used[q];
    uint16_t n, idx = (uint16_t)(used[2] | used[3] << 8);

    n = (uint16_t)(idx - liar.seen[q]);
    if (liar.lie == SHORT_USED && q == 0 && n > 0) {
        used[4 + 8 * ((idx - 1) % 64) + 4] = 1;
    }
    if (liar.lie == SWAPPED && q == 0 && n > 1) {
        uint8_t *a = used + 4 + 8 * ((idx - 1) % 64),
                *b = used + 4 + 8 * ((idx - 2) % 64);
        uint8_t id = *a;

        *a = *b;
        *b = id;
    }
    if (liar.lie == EVENT_KEPT && q == 1) {
        used[2] = used[3] = 0;
    }
    liar.seen[q] = idx;
}

static void lie_signal(void *ctx, int fd)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        if (fd == liar.vu.ring[q].call && liar.lie >= SHORT_USED &&
            liar.lie <= EVENT_KEPT) {
            twist(q);
        }
    }
    if (liar.lie != DEAF) {
        vgpio_vu_linux_signal(ctx, fd);
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
    .signal = lie_signal,
    .watch = watch,
};

static void on_change(void *ctx, uint16_t line, unsigned level)
{
    (void)ctx;
    if (line == 0 && liar.lie == WIRED) {
        (void)vgpio_sim_pull(&liar.sim, 1, level);
    }
}

static void make_liar(enum lie lie)
{
    static const char *const names[LINES] = {"led", "btn", NULL, "rst"};
    struct vgpio_sim_config sc = {0};
    struct vgpio_dev_config dc = {0};
    struct vgpio_vdev face;

    memset(&liar, 0, sizeof liar);
    liar.lie = lie;
    liar.kick[0] = liar.kick[1] = -1;
    liar.ops = vgpio_sim_ops;
    sc.lines = liar.sim_lines;
    sc.nlines = LINES;
    sc.sink = vgpio_dev_sink(&liar.dev);
    sc.on_change = on_change;
    if (lie == VALUE_UNSTAGED) {
        liar.ops.set_direction = lie_set_direction;
    }
    dc.ops = &liar.ops;
    dc.ctx = &liar.sim;
    dc.lines = liar.lines;
    dc.ngpio = LINES;
    dc.reqs = liar.reqs;
    dc.nreqs = 16;
    dc.names = liar.names;
    dc.names_size =
        (uint32_t)vgpio_names_build(liar.names, sizeof liar.names, names, LINES);
    if (vgpio_sim_init(&liar.sim, &sc) != 0 || vgpio_dev_init(&liar.dev, &dc) != 0) {
        _exit(1);
    }
    if (lie == TWO_NAMES) {
        memcpy(liar.names + 9, "led", 3);
    }
    face = vgpio_dev_vdev(&liar.dev);
    liar.face = *face.ops;
    liar.queue_start = liar.face.queue_start;
    liar.face.queue_start = lie_queue_start;
    if (lie == PADDING) {
        liar.face.config_read = lie_config;
    }
    face.ops = &liar.face;
    if (vgpio_vu_init(&liar.vu, face, &liar_os, NULL) != 0) {
        _exit(1);
    }
}

static void serve_kicks(const struct pollfd *p)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        uint64_t n;

        if (p[1 + q].revents == 0 || read(p[1 + q].fd, &n, sizeof n) != sizeof n) {
            continue;
        }
        while (vgpio_vu_kick(&liar.vu, q) > 0) {
        }
        if (liar.face.error(&liar.dev, q) != 0 && liar.lie == DIES) {
            abort();
        }
        while (liar.face.error(&liar.dev, q) != 0 && liar.lie == HANGS) {
            (void)pause();
        }
    }
    vgpio_vu_flush(&liar.vu);
}

static void serve(int sock)
{
    int n = 0;

    while (n >= 0) {
        struct pollfd p[3] = {{.fd = sock, .events = POLLIN},
                              {.fd = liar.kick[0], .events = POLLIN},
                              {.fd = liar.kick[1], .events = POLLIN}};

        (void)poll(p, 3, -1);
        serve_kicks(p);
        n = p[0].revents != 0 ? vgpio_vu_linux_recv(sock, &liar.in) : 0;
        if (n > 0 && (n = vgpio_vu_input(&liar.vu, &liar.in, &liar.out)) > 0) {
            n = vgpio_vu_linux_send(sock, &liar.out);
        }
    }
    vgpio_vu_close(&liar.vu);
    close(sock);
}

static int listen_on(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)unlink(path);
    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    return bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0 ? fd : -1;
}

static void lie_for_ever(int listener, enum lie lie)
{
    for (;;) {
        int sock = accept(listener, NULL, NULL);

        if (sock < 0) {
            _exit(1);
        }
        make_liar(lie);
        serve(sock);
    }
}

static pid_t start_liar(enum lie lie)
{
    int listener = listen_on(run.socket);
    pid_t pid;

    assert_true(listener >= 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        lie_for_ever(listener, lie);
    }
    close(listener);
    return pid;
}

/* Runs the tests named, and expects `text` in the report. Where a device keeps silent a
 * deadline must end, and it is the only one that may: so a machine that is too busy for a
 * short one is given a longer one. */
static void caught(enum lie lie, const char *only, int status, const char *text)
{
    static const char *const patience[] = {"200ms", "2s", "19s"};
    bool silent = lie == EVENT_KEPT || lie == DEAF || lie == HANGS;
    unsigned i = silent ? 0 : 2;
    int got;

    do {
        pid_t pid = start_liar(lie);

        got = TOOL("check", "-s", run.socket, "--only", only, "--timeout", patience[i],
                   "--patience", patience[i]);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    } while (strstr(tool_out, text) == NULL && ++i < 3);
    assert_says(text);
    assert_int_equal(got, status);
}

static void test_liars_are_caught(void **state)
{
    (void)state;
    caught(NONE, "*[!g]", 0, " 0 FAIL, 0 WEDGED, 0 CRASHED\n");
    caught(PADDING, "config", 1, "FAIL     config                   GPIO-DEV-02");
    caught(PADDING, "config", 1, "saw:      padding 00 07");
    caught(TWO_NAMES, "names", 1, "FAIL     names                    GPIO-DEV-05");
    caught(SHORT_USED, "get-direction", 1,
           "FAIL     get-direction            GPIO-DEV-P1");
    caught(SHORT_USED, "long-answer", 1, "saw:      used length 1, not 2");
    caught(SWAPPED, "order", 1, "FAIL     order                    GPIO-DEV-06");
    caught(SWAPPED, "order", 1, "answered in place of request");
    caught(EVENT_KEPT, "irq-disable", 1, "FAIL     irq-disable              GPIO-DEV-13");
    caught(EVENT_KEPT, "irq-not-enabled", 1, "saw:      no answer on queue 1");
    caught(VALUE_UNSTAGED, "staged-value", 1,
           "FAIL     staged-value             GPIO-DEV-P4");
    caught(DEAF, "get-direction", 1, "FAIL     get-direction            GPIO-DEV-P1");
    caught(DEAF, "get-direction", 1, "an answer on queue 0, but no interrupt for it");
    caught(HANGS, "loop", 1, "WEDGED   loop                     B2");
    caught(DIES, "loop", 1, "CRASHED  loop                     B2");
}

/* ---- a device that is started by the suite ---- */

static const char *self;

/* This program as a device: --device LIE, on the socket of the suite. */
static const char *device(enum lie lie)
{
    static char command[512];

    snprintf(command, sizeof command, "exec '%s' --device %d", self, (int)lie);
    return command;
}

static unsigned count(const char *text)
{
    const char *at = tool_out;
    unsigned n = 0;

    while ((at = strstr(at, text)) != NULL) {
        at += strlen(text);
        n++;
    }
    return n;
}

/* Each of these kills it, and finds it alive: it was started again. */
static void test_crashes(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--spawn", device(DIES), "--only", "[hl]*", PATIENCE),
                     1);
    assert_says("CRASHED  head-range ");
    assert_says("CRASHED  loop ");
    assert_says("PASS     long-answer ");
    assert_says("PASS     laps ");
    assert_true(count("CRASHED  ") >= 2);
    assert_int_equal(count("cannot be started"), 0);
    assert_says(" 0 WEDGED, ");
}

/* Where nothing ever answers, every deadline says the same. It is waited for to its end
 * six times, so a long one is only for a machine on which no device starts in a short
 * one. */
static void test_hangs(void **state)
{
    static const char *const patience[] = {"500ms", "3s", "19s"};
    unsigned i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_int_equal(TOOL("check", "--spawn", device(HANGS), "--only", "B[12]",
                              "--timeout", patience[i], "--patience", "200ms"),
                         1);
        if (count("WEDGED   head-range ") != 0 && count("WEDGED   loop ") != 0 &&
            count("cannot be started") == 0 && count(" 0 CRASHED\n") != 0) {
            break;
        }
    }
    assert_says("WEDGED   head-range ");
    assert_says("WEDGED   loop ");
    assert_int_equal(count("cannot be started"), 0);
    assert_says(" 0 CRASHED\n");
}

static void test_loop(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--spawn", device(WIRED), "--loop", "0=1", PATIENCE),
                     0);
    assert_says("PASS     edge-latched ");
    assert_says("PASS     level-not-latched@packed ");
    assert_says(" 0 FAIL, 0 WEDGED, 0 CRASHED\n");
    assert_int_equal(count("nothing changes a line"), 0);
    assert_int_equal(TOOL("check", "--spawn", device(CUT), "--loop", "0=1", "--only",
                          "edge", "--timeout", "300ms"),
                     1);
    assert_says("FAIL     edge ");
    assert_says("line 1 does not follow line 0");
}

/* A board of our own server with a wire between two lines of one device. */
static void test_loop_on_a_board(void **state)
{
    char command[512], board[128];
    FILE *f;

    (void)state;
    snprintf(board, sizeof board, "%s/board", run.dir);
    f = fopen(board, "w");
    assert_non_null(f);
    fputs("device gpio lines=4\nwire gpio.0 -> gpio.1\n", f);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command,
             VGPIO_PATH " serve -s \"$SOCKET\" --packed --board %s", board);
    assert_int_equal(TOOL("check", "--spawn", command, "--loop", "0=1", PATIENCE), 0);
    assert_says("PASS     level-not-latched ");
    assert_says("PASS     edge-storm@packed ");
    assert_int_equal(count("nothing changes a line"), 0);
    unlink(board);
}

/* The whole of both forms, as other programs read them. */
static void test_forms_are_valid(void **state)
{
    static const char json[] =
        "import json, sys; rows = json.load(sys.stdin); "
        "assert len(rows) > 200 and all(set(r) == {'verdict', 'id', 'rule', 'did', "
        "'expected', 'saw'} and all(r.values()) for r in rows); "
        "assert {'PASS', 'REJECT', 'SKIP'} == {r['verdict'] for r in rows}";
    static const char junit[] =
        "import sys, xml.etree.ElementTree as e; s = e.parse(sys.stdin).getroot(); "
        "assert s.tag == 'testsuite' and len(s.findall('testcase')) > 200 and "
        "s.find('testcase/skipped') is not None";
    static const char *const forms[][2] = {{"json", json}, {"junit", junit}};
    unsigned i;

    (void)state;
    if (system("command -v python3 > /dev/null") != 0) {
        skip();
    }
    for (i = 0; i < 2; i++) {
        char command[2048];

        snprintf(command, sizeof command,
                 "'%s' check --spawn '%s serve -s \"$SOCKET\" --packed --sim 2' "
                 "--timeout 19s --%s 2> /dev/null | python3 -c \"%s\"",
                 VGPIO_PATH, VGPIO_PATH, forms[i][0], forms[i][1]);
        assert_int_equal(system(command), 0);
    }
}

/* A server that ends with its first front end: the look before the tests is that one, the
 * first test finds nobody, and the second one a server again. */
static void test_spawn_starts_again(void **state)
{
    (void)state;
    assert_int_equal(TOOL("check", "--spawn",
                          VGPIO_PATH " serve -s \"$SOCKET\" --sim 2 --once", "--only",
                          "[gs]et-direction", PATIENCE),
                     1);
    assert_says("CRASHED  get-direction ");
    assert_says("PASS     set-direction ");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_dialect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_skips_say_why, setup, teardown),
        cmocka_unit_test_setup_teardown(test_socket_and_control, setup, teardown),
        cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_liars_are_caught, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spawn_starts_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_on_a_board, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forms_are_valid, setup, teardown),
    };

    if (argc == 3 && strcmp(argv[1], "--device") == 0) {
        lie_for_ever(listen_on(getenv("SOCKET")), (enum lie)strtol(argv[2], NULL, 10));
    }
    self = argv[0];

    return cmocka_run_group_tests(tests, NULL, NULL);
}
