/* SPDX-License-Identifier: BSD-3-Clause */
/* The real `vgpio serve` between a front end, clients of its control socket, and signals:
 * polite ones and rude ones, at the same time. */
#include "server_run.h"
#include "vu_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/wire.h>

#define WANT (VGPIO_F_VERSION_1 | VGPIO_F_IRQ | VU_F_PROTOCOL_FEATURES)

static struct server_run run;
static struct vu_peer peer;

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

static int exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* A guest that has come up. */
static void join(struct vu_peer *p)
{
    int sock = run_connect(run.socket);

    vu_peer_open(p, sock);
    assert_int_equal(vu_peer_negotiate(p, WANT), 0);
    assert_int_equal(vu_peer_share(p), 0);
    assert_int_equal(vu_peer_start(p, 0, 16, 0), 0);
    assert_int_equal(vu_peer_start(p, 1, 16, 0), 0);
}

static void asks(const char *command, const char *reply)
{
    assert_string_equal(run_ask(&run, command), reply);
}

static int request(uint16_t type, uint16_t line, uint32_t value)
{
    uint8_t answer = 0xff;
    int status = vu_peer_request(&peer, type, line, value, &answer);

    return status == VGPIO_STATUS_OK ? answer : -1;
}

/* Armed for rising edges, buffer posted, and surely taken. */
static void arm(uint16_t slot, uint16_t line)
{
    assert_int_equal(request(VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN), 0);
    assert_int_equal(request(VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING), 0);
    vu_peer_unmask(&peer, slot, line);
}

static void expect_event(uint16_t slot)
{
    uint32_t id;

    assert_int_equal(vu_peer_used(&peer, 1, &id), 1);
    assert_int_equal(id, slot * 2u);
    assert_int_equal(vu_peer_event_status(&peer, slot), VGPIO_IRQ_STATUS_VALID);
}

/* --- what is offered --- */

static void test_features_left_out(void **state)
{
    static const struct {
        const char *option, *features;
    } known[] = {
        {NULL, " features=0x130000001 "},
        {"--split", " features=0x130000001 "},
        {"--packed", " features=0x530000001 "},
        {"--no-event-idx", " features=0x110000001 "},
        {"--no-indirect-desc", " features=0x120000001 "},
        {"--no-irq", " features=0x130000000 "},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        run_serve(&run, "4", known[i].option);
        assert_non_null(strstr(run_ask(&run, "info"), known[i].features));
        assert_int_equal(run_end(&run, SIGTERM), 0);
    }
}

static void test_what_is_left_out_is_refused(void **state)
{
    (void)state;
    run_serve(&run, "4", "--no-irq");
    vu_peer_open(&peer, run_connect(run.socket));
    assert_int_equal(vu_peer_negotiate(&peer, WANT), 0);
    assert_non_null(strstr(run_ask(&run, "info"), " acked=0x100000000 "));
    assert_int_not_equal(vu_peer_u64(&peer, VU_SET_FEATURES, peer.features | VGPIO_F_IRQ),
                         0);
    assert_int_equal(run_stat(&run, "refused"), 1);
    assert_non_null(strstr(run_ask(&run, "info"), " acked=0x100000000 "));
    vu_peer_close(&peer);
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

/* --- one guest --- */

static void test_both_ends(void **state)
{
    (void)state;
    run_serve(&run, "led,button,,reset", NULL);
    asks("info", "ok lines=4 connected=0 features=0x130000001 acked=0x0 "
                 "names=led,button,,reset");
    join(&peer);
    asks("info", "ok lines=4 connected=1 features=0x130000001 acked=0x100000001 "
                 "names=led,button,,reset");

    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 1, 0), 0);
    asks("pull button 1", "ok");
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 1, 0), 1);

    assert_int_equal(request(VGPIO_MSG_SET_VALUE, 0, 1), 0);
    asks("value led", "ok 0");
    assert_int_equal(request(VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT), 0);
    asks("wait led 1 120000", "ok 1");
    asks("dir led", "ok out");
    asks("pull led 0", "ok");
    asks("value led", "ok 1");
    run_rests(&run);

    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 4, 0), -1);
    assert_int_equal(request(99, 0, 0), -1);
    assert_int_equal(run_stat(&run, "requests"), 6);
    assert_int_equal(run_stat(&run, "error_answers"), 2);
    assert_int_equal(run_stat(&run, "errors"), 2);
    vu_peer_close(&peer);
    assert_int_equal(run_end(&run, SIGTERM), 0);
    assert_string_equal(run_log(&run), "");
}

static void test_interrupts(void **state)
{
    (void)state;
    run_serve(&run, "4", NULL);
    join(&peer);
    arm(0, 2);
    asks("pull 2 1", "ok");
    expect_event(0);
    assert_int_equal(vu_peer_called(&peer, 1, peer.timeout_ms), 1);
    /* Masked now: one is latched, the others merge into it. */
    asks("toggle 2 5 0", "ok 5 pulses 10 edges");
    asks("barrier", "ok");
    assert_int_equal(run_stat(&run, "interrupts"), 1);
    assert_int_equal(run_stat(&run, "latched"), 1);
    assert_int_equal(run_stat(&run, "merged"), 4);
    assert_int_equal(run_stat(&run, "dropped"), 5);
    vu_peer_unmask(&peer, 0, 2);
    expect_event(0);
    assert_int_equal(run_stat(&run, "interrupts"), 2);
    vu_peer_close(&peer);
}

static void test_most_lines(void **state)
{
    (void)state;
    run_serve(&run, "65535", NULL);
    join(&peer);
    arm(3, 65534);
    asks("pull 65534 1", "ok");
    expect_event(3);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 65534, 0), 1);
    vu_peer_close(&peer);
}

/* --- one guest after the other --- */

static void test_reconnects_leak_nothing(void **state)
{
    unsigned before, i;
    int ctl;

    (void)state;
    run_serve(&run, "8", NULL);
    ctl = run_connect(run.control);
    assert_string_equal(run_ask_on(ctl, "pull 5 1"), "ok");
    before = run_fds(&run);
    for (i = 0; i < 20; i++) {
        join(&peer);
        assert_int_equal(request(VGPIO_MSG_GET_VALUE, 5, 0), 1);
        if (i % 3 == 0) {
            assert_true(vu_peer_stop(&peer, 0) >= 0);
        }
        vu_peer_close(&peer);
    }
    while (strstr(run_ask_on(ctl, "info"), "connected=1") != NULL) {
    }
    assert_int_equal(run_fds(&run), before);
    assert_non_null(strstr(run_ask_on(ctl, "stats"), " connects=20"));
    close(ctl);
}

static void test_same_guest_goes_on(void **state)
{
    int base[2];

    (void)state;
    run_serve(&run, "8", NULL);
    join(&peer);
    arm(0, 2);
    base[0] = vu_peer_stop(&peer, 0);
    base[1] = vu_peer_stop(&peer, 1);
    assert_true(base[0] >= 0 && base[1] >= 0);
    vu_peer_reopen(&peer, run_connect(run.socket));
    asks("pull 2 1", "ok"); /* while nobody is there, or just about to be */
    assert_int_equal(vu_peer_negotiate(&peer, WANT), 0);
    assert_int_equal(vu_peer_share(&peer), 0);
    assert_int_equal(vu_peer_start(&peer, 0, 0, (uint16_t)base[0]), 0);
    assert_int_equal(vu_peer_start(&peer, 1, 0, (uint16_t)base[1]), 0);
    expect_event(0);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 2, 0), 1);
    vu_peer_close(&peer);
}

static void test_second_front_end_waits(void **state)
{
    static struct vu_peer second;
    uint64_t features;
    int sock;

    (void)state;
    run_serve(&run, "8", NULL);
    join(&peer);
    sock = run_connect(run.socket);
    vu_peer_open(&second, sock);
    second.timeout_ms = 50;
    assert_int_equal(vu_peer_get(&second, VU_GET_FEATURES, &features), -1);
    run_rests(&run);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 0, 0), 0);
    vu_peer_close(&peer);
    /* Its message still waits; what answers it comes now. */
    second.timeout_ms = RUN_PATIENCE_MS;
    {
        struct vu_answer a;

        assert_int_equal(vu_peer_recv(&second, &a), 1);
        assert_int_equal(a.request, VU_GET_FEATURES);
    }
    vu_peer_close(&second);
}

/* --- rude front ends --- */

static void test_half_header_stalls_nobody(void **state)
{
    int rude;

    (void)state;
    run_serve(&run, "8", NULL);
    rude = run_connect(run.socket);
    assert_int_equal(send(rude, "\1\0\0\0\1", 5, MSG_NOSIGNAL), 5);
    asks("pull 3 1", "ok");
    asks("value 3", "ok 1");
    run_rests(&run);
    /* It never sends more and never closes; the next is served all the same. */
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 3, 0), 1);
    assert_int_equal(run_stat(&run, "stalled"), 1);
    assert_non_null(strstr(run_log(&run), "half a message"));
    vu_peer_close(&peer);
    close(rude);
}

/* Five bytes of a header, and a descriptor with them. */
static void send_half(int sock, int fd)
{
    char head[5] = {VU_SET_VRING_CALL, 0, 0, 0, 1};
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {head, sizeof head};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    assert_int_equal(sendmsg(sock, &m, MSG_NOSIGNAL), sizeof head);
}

static void test_half_header_leaks_nothing(void **state)
{
    unsigned before, i;
    int ctl, rude;

    (void)state;
    run_serve(&run, "8", NULL);
    ctl = run_connect(run.control);
    assert_string_equal(run_ask_on(ctl, "value 0"), "ok 0");
    before = run_fds(&run);
    for (i = 0; i < 3; i++) {
        rude = run_connect(run.socket);
        send_half(rude, ctl);
        if (i == 0) { /* stays until it is thrown out */
            char byte;

            assert_true(recv(rude, &byte, 1, 0) <= 0);
        }
        close(rude);
    }
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 3, 0), 0);
    vu_peer_close(&peer);
    while (strstr(run_ask_on(ctl, "info"), "connected=1") != NULL) {
    }
    assert_int_equal(run_fds(&run), before);
    close(ctl);
}

static void test_violation_hangs_up(void **state)
{
    static const uint8_t absurd[12] = {1, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f};
    char byte;
    int rude;

    (void)state;
    run_serve(&run, "8", NULL);
    rude = run_connect(run.socket);
    assert_int_equal(send(rude, absurd, sizeof absurd, MSG_NOSIGNAL), sizeof absurd);
    assert_true(recv(rude, &byte, 1, 0) <= 0);
    close(rude);
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 3, 0), 0);
    assert_true(run_stat(&run, "refused") == 1);
    assert_non_null(strstr(run_log(&run), "hung up on the front end: "));
    vu_peer_close(&peer);
}

/* A kick descriptor that no loop can watch: refused or useless, never the end. */
static void test_kick_is_a_file(void **state)
{
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    run_serve(&run, "8", NULL);
    join(&peer);
    (void)vu_peer_vring_fd(&peer, VU_SET_VRING_KICK, 0, file);
    asks("value 0", "ok 0");
    vu_peer_close(&peer);
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 3, 0), 0);
    vu_peer_close(&peer);
    close(file);
}

/* --- rude control clients --- */

static void test_rude_clients_hurt_nobody(void **state)
{
    static const char nul[] = "pull 1 1\0\nvalue 1\n";
    char junk[4096];
    int stuck, endless, half, good, i;

    (void)state;
    run_serve(&run, "8", NULL);
    join(&peer);
    good = run_connect(run.control);
    memset(junk, 'x', sizeof junk);

    stuck = run_connect(run.control);
    for (i = 0; i < 100000 && send(stuck, "help\n", 5, MSG_NOSIGNAL | MSG_DONTWAIT) == 5;
         i++) {
    }
    assert_int_equal(errno, EAGAIN); /* the server reads no more of it */
    assert_string_equal(run_ask_on(good, "value 1"), "ok 0");

    endless = run_connect(run.control);
    while (send(endless, junk, sizeof junk, MSG_NOSIGNAL) > 0) {
    }
    assert_string_equal(run_line(endless), "error a line longer than 1024 bytes");
    assert_null(run_line(endless));

    half = run_connect(run.control);
    run_send(half, "pull 1 1");
    shutdown(half, SHUT_WR);
    assert_string_equal(run_line(half), "error the last line has no newline");
    assert_null(run_line(half));
    assert_int_equal(send(good, nul, sizeof nul - 1, MSG_NOSIGNAL), sizeof nul - 1);
    assert_string_equal(run_line(good), "error a byte that is not printable ASCII");
    assert_string_equal(run_line(good), "ok 0");

    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 1, 0), 0);
    run_rests(&run);
    /* The stuck one reads at last: its first answer is whole. */
    assert_memory_equal(run_line(stuck), "ok commands", 11);
    close(stuck);
    close(endless);
    close(half);
    close(good);
    vu_peer_close(&peer);
}

static void test_toggles_and_waits_beside_others(void **state)
{
    int toggler, instant, waiter;

    (void)state;
    run_serve(&run, "8", NULL);
    toggler = run_connect(run.control);
    instant = run_connect(run.control);
    waiter = run_connect(run.control);
    run_send(toggler, "toggle 0 1000000000 100\n");
    run_send(instant, "toggle 1 1000000000 0\n");
    run_send(waiter, "wait 0 1 120000\nwait 0 0 120000\nwait 2 1 120000\n");
    assert_string_equal(run_line(waiter), "ok 1");
    assert_string_equal(run_line(waiter), "ok 0");
    asks("pull 2 1", "ok");
    assert_string_equal(run_line(waiter), "ok 1");
    asks("value 2", "ok 1");
    /* Gone in the middle: nobody toggles any more. */
    close(toggler);
    close(instant);
    while (strcmp(run_ask(&run, "wait 0 1 100"), "ok 1") == 0) {
        asks("pull 0 0", "ok");
    }
    asks("toggle 3 10 10", "ok 10 pulses 20 edges");
    /* It sends no more, but still waits for its answer. */
    run_send(waiter, "wait 4 1 120000\n");
    shutdown(waiter, SHUT_WR);
    run_rests(&run);
    asks("pull 4 1", "ok");
    assert_string_equal(run_line(waiter), "ok 1");
    assert_null(run_line(waiter));
    close(waiter);
}

static void test_too_many_clients(void **state)
{
    int fd[64], one_more, i;

    (void)state;
    run_serve(&run, "8", NULL);
    for (i = 0; i < 64; i++) {
        fd[i] = run_connect(run.control);
        assert_string_equal(run_ask_on(fd[i], "value 0"), "ok 0");
    }
    one_more = run_connect(run.control);
    assert_string_equal(run_line(one_more), "error too many clients");
    assert_null(run_line(one_more));
    close(one_more);
    for (i = 0; i < 64; i++) {
        assert_string_equal(run_ask_on(fd[i], "value 0"), "ok 0");
        close(fd[i]);
    }
    /* Whoever asks before the server saw them go is told so, and asks again. */
    for (i = 0; i < RUN_PATIENCE_MS; i++) {
        if (strcmp(run_ask(&run, "value 0"), "ok 0") == 0) {
            return;
        }
    }
    fail_msg("no client is let in again");
}

/* --- coming and going --- */

static void test_signals_remove_the_sockets(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        run_serve(&run, "8", NULL);
        join(&peer);
        assert_int_equal(run_end(&run, signals[i]), 0);
        assert_false(exists(run.socket));
        assert_false(exists(run.control));
        vu_peer_close(&peer);
    }
}

static void test_stale_sockets_are_replaced(void **state)
{
    (void)state;
    run_serve(&run, "8", NULL);
    assert_int_equal(run_end(&run, SIGKILL), 128 + SIGKILL);
    assert_true(exists(run.socket) && exists(run.control));
    run_serve(&run, "8", NULL);
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 0, 0), 0);
    vu_peer_close(&peer);
    assert_int_equal(run_end(&run, SIGTERM), 0);
    assert_false(exists(run.socket) || exists(run.control));
}

static void test_nobody_is_pushed_aside(void **state)
{
    struct server_run other = run;
    const char *const same[] = {"-s", run.socket, "--sim", "8", NULL};
    const char *const folder[] = {"-s", run.dir, "--sim", "8", NULL};

    (void)state;
    run_serve(&run, "8", NULL);
    other.log = -1;
    run_start(&other, same, -1);
    assert_int_equal(run_end(&other, 0), 1);
    assert_non_null(strstr(run_log(&other), "somebody listens there already"));
    run_start(&other, folder, -1);
    assert_int_equal(run_end(&other, 0), 1);
    assert_non_null(strstr(run_log(&other), "not a socket"));
    close(other.log);
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 0, 0), 0);
    vu_peer_close(&peer);
}

static void test_once(void **state)
{
    (void)state;
    run_serve(&run, "8", "--once");
    close(run_connect(run.socket)); /* a look whether somebody is there does not count */
    join(&peer);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 0, 0), 0);
    vu_peer_close(&peer);
    assert_int_equal(run_end(&run, 0), 0);
    assert_false(exists(run.socket) || exists(run.control));
}

static void test_fd_connected(void **state)
{
    const char *args[] = {"--fd", NULL, "--sim", "8", "--control", run.control, NULL};
    char number[16];
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    snprintf(number, sizeof number, "%d", pair[1]);
    args[1] = number;
    run_start(&run, args, pair[1]);
    close(pair[1]);
    vu_peer_open(&peer, pair[0]);
    assert_int_equal(vu_peer_negotiate(&peer, WANT), 0);
    assert_int_equal(vu_peer_share(&peer), 0);
    assert_int_equal(vu_peer_start(&peer, 0, 16, 0), 0);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 7, 0), 0);
    vu_peer_close(&peer);
    /* The only front end there will ever be. */
    assert_int_equal(run_end(&run, 0), 0);
    assert_false(exists(run.control));
}

static void test_fd_listening(void **state)
{
    const char *args[] = {"--fd", NULL, "--sim", "8", NULL};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char number[16];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned i;

    (void)state;
    strncpy(a.sun_path, run.socket, sizeof a.sun_path - 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    snprintf(number, sizeof number, "%d", fd);
    args[1] = number;
    run_start(&run, args, fd);
    close(fd);
    for (i = 0; i < 2; i++) {
        join(&peer);
        assert_int_equal(request(VGPIO_MSG_GET_VALUE, 7, 0), 0);
        vu_peer_close(&peer);
    }
    assert_int_equal(run_end(&run, SIGTERM), 0);
    assert_true(exists(run.socket)); /* whoever made it removes it */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_features_left_out),
        T(test_what_is_left_out_is_refused),
        T(test_both_ends),
        T(test_interrupts),
        T(test_most_lines),
        T(test_reconnects_leak_nothing),
        T(test_same_guest_goes_on),
        T(test_second_front_end_waits),
        T(test_half_header_stalls_nobody),
        T(test_half_header_leaks_nothing),
        T(test_violation_hangs_up),
        T(test_kick_is_a_file),
        T(test_rude_clients_hurt_nobody),
        T(test_toggles_and_waits_beside_others),
        T(test_too_many_clients),
        T(test_signals_remove_the_sockets),
        T(test_stale_sockets_are_replaced),
        T(test_nobody_is_pushed_aside),
        T(test_once),
        T(test_fd_connected),
        T(test_fd_listening),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
