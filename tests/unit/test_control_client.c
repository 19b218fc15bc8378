/* SPDX-License-Identifier: BSD-3-Clause */
/* The client of the control protocol, against a server that is a string: what it says is
 * in the socket before the question is asked, so no thread is needed. */
#include <virtiogpio/control.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/wire.h>

#define EVENTS 4

static struct world {
    struct vgpio_ctl c;
    struct vgpio_ctl_event events[EVENTS], e;
    int peer; /* the server's end */
    char heard[2048];
} w;

static void server_says(const char *text)
{
    assert_int_equal(write(w.peer, text, strlen(text)), strlen(text));
}

/* What the client has sent since the last call. */
static const char *heard(void)
{
    ssize_t n = recv(w.peer, w.heard, sizeof w.heard - 1, MSG_DONTWAIT);

    w.heard[n > 0 ? n : 0] = '\0';
    return w.heard;
}

static int open_with(const char *greeting)
{
    int fds[2];

    memset(&w, 0x5a, sizeof w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    w.peer = fds[0];
    if (greeting != NULL) {
        server_says(greeting);
    } else {
        assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
    }
    return vgpio_ctl_adopt(&w.c, fds[1], w.events, EVENTS, 0);
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(open_with("ok protocol=1 version=9.9.9 commands=x\n"), 0);
    assert_string_equal(heard(), "hello\n");
    w.c.answer_ms = 0; /* it is there, or it does not come */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vgpio_ctl_close(&w.c);
    vgpio_ctl_close(&w.c);
    (void)close(w.peer);
    return 0;
}

static void expect_event(uint64_t number, enum vgpio_ctl_kind kind, unsigned line,
                         uint64_t a, uint64_t b)
{
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), 1);
    assert_int_equal(w.e.number, number);
    assert_int_equal(w.e.kind, kind);
    assert_int_equal(w.e.line, line);
    assert_int_equal(w.e.a, a);
    assert_int_equal(w.e.b, b);
}

/* --- hello --- */

static void refused(const char *greeting, int err, const char *reason)
{
    assert_int_equal(open_with(greeting), err);
    assert_string_equal(vgpio_ctl_reason(&w.c), reason);
    assert_int_equal(vgpio_ctl_barrier(&w.c), err);
    vgpio_ctl_close(&w.c);
    (void)close(w.peer);
}

static void test_other_servers(void **state)
{
    (void)state;
    refused("error unknown command 'hello'; try 'help'\n", VGPIO_ERR_NOTSUP,
            "unknown command 'hello'; try 'help'");
    refused("error too many clients\n", VGPIO_ERR_BROKEN, "too many clients");
    refused("ok protocol=2 version=1\n", VGPIO_ERR_NOTSUP,
            "the server speaks version 2 of the protocol");
    refused("ok protocol=11\n", VGPIO_ERR_NOTSUP,
            "the server speaks version 11 of the protocol");
    refused("ok what\n", VGPIO_ERR_PROTO, "not an answer to 'hello': 'what'");
    refused("HTTP/1.0 400\n", VGPIO_ERR_PROTO, "not an answer: 'HTTP/1.0 400'");
    refused(NULL, VGPIO_ERR_BROKEN, "the server hung up");
}

/* --- questions --- */

static void test_each_command(void **state)
{
    uint64_t n;

    (void)state;
    server_says("ok\nok 1\nok none\nok out\nok in\nok 1\nok 3 pulses\nok\n"
                "ok requests=5 interrupts=18446744073709551615 x=1\n"
                "ok\nok\nok\n");
    assert_int_equal(vgpio_ctl_pull(&w.c, "button", 1), 0);
    assert_string_equal(heard(), "pull button 1\n");
    assert_int_equal(vgpio_ctl_value(&w.c, "ethernet reset"), 1);
    assert_string_equal(heard(), "value \"ethernet reset\"\n");
    assert_int_equal(vgpio_ctl_direction(&w.c, "3"), VGPIO_DIR_NONE);
    assert_int_equal(vgpio_ctl_direction(&w.c, "3"), VGPIO_DIR_OUT);
    assert_int_equal(vgpio_ctl_direction(&w.c, "3"), VGPIO_DIR_IN);
    assert_string_equal(heard(), "dir 3\ndir 3\ndir 3\n");
    assert_int_equal(vgpio_ctl_wait(&w.c, "led", 1, 70000), 1);
    assert_string_equal(heard(), "wait led 1 70000\n");
    assert_int_equal(vgpio_ctl_toggle(&w.c, "led", 3, 0), 0);
    assert_string_equal(heard(), "toggle led 3 0\n");
    assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
    assert_int_equal(vgpio_ctl_stat(&w.c, "interrupts", &n), 0);
    assert_true(n == UINT64_MAX);
    assert_string_equal(heard(), "barrier\nstats\n");
    assert_int_equal(vgpio_ctl_watch(&w.c, NULL), 0);
    assert_int_equal(vgpio_ctl_watch(&w.c, "led"), 0);
    assert_int_equal(vgpio_ctl_watch_messages(&w.c), 0);
    assert_string_equal(heard(), "watch changes\nwatch changes led\nwatch messages\n");
}

static void test_answers_that_are_none(void **state)
{
    uint64_t n;

    (void)state;
    server_says("ok requests=5\nok requests=\n");
    assert_int_equal(vgpio_ctl_stat(&w.c, "request", &n), VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_ctl_stat(&w.c, "requests", &n), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_ctl_barrier(&w.c), VGPIO_ERR_PROTO);
    teardown(state);
    setup(state);
    server_says("ok 2\n");
    assert_int_equal(vgpio_ctl_value(&w.c, "1"), VGPIO_ERR_PROTO);
    teardown(state);
    setup(state);
    server_says("ok sideways\n");
    assert_int_equal(vgpio_ctl_direction(&w.c, "1"), VGPIO_ERR_PROTO);
}

static void test_what_cannot_be_said(void **state)
{
    char much[2 * VGPIO_CTL_COMMAND_MAX];

    (void)state;
    memset(much, 'a', sizeof much);
    much[sizeof much - 1] = '\0';
    assert_int_equal(vgpio_ctl_ask(&w.c, "", NULL, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_ask(&w.c, "value 0\nvalue 1", NULL, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_ask(&w.c, much, NULL, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_value(&w.c, much), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_value(&w.c, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_value(&w.c, ""), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_value(&w.c, "a\"b"), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_value(&w.c, "a\nb"), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_pull(&w.c, "a", 2), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_wait(&w.c, "a", 2, 0), VGPIO_ERR_INVAL);
    assert_string_equal(heard(), "");
    server_says("ok\n");
    assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
    assert_string_equal(vgpio_ctl_reason(&w.c), "");
}

static void test_error_answers(void **state)
{
    (void)state;
    server_says("error no line 9, the last is 7\nok 0\nerror timeout\nerror\n");
    assert_int_equal(vgpio_ctl_value(&w.c, "9"), VGPIO_ERR_IO);
    assert_string_equal(vgpio_ctl_reason(&w.c), "no line 9, the last is 7");
    assert_int_equal(vgpio_ctl_value(&w.c, "7"), 0);
    assert_string_equal(vgpio_ctl_reason(&w.c), "");
    assert_int_equal(vgpio_ctl_wait(&w.c, "7", 1, 0), 0);
    assert_int_equal(vgpio_ctl_barrier(&w.c), VGPIO_ERR_IO);
}

/* An answer has no limit; what does not fit is counted and thrown away. */
static void test_long_answers(void **state)
{
    static char text[70000], reply[sizeof text];
    char small[4];

    (void)state;
    memset(text, 'n', sizeof text);
    memcpy(text, "ok ", 3);
    text[sizeof text - 2] = '\n';
    text[sizeof text - 1] = '\0';
    server_says(text);
    server_says(text);
    assert_int_equal(vgpio_ctl_ask(&w.c, "info", reply, sizeof reply),
                     sizeof text - 2 - 3);
    assert_int_equal(strlen(reply), sizeof text - 2 - 3);
    assert_int_equal(vgpio_ctl_ask(&w.c, "info", small, sizeof small),
                     sizeof text - 2 - 3);
    assert_string_equal(small, "nnn");
}

/* The answer that comes too late is not taken for that of the next question. */
static void test_late_answers(void **state)
{
    char reply[16] = "old";

    (void)state;
    assert_int_equal(vgpio_ctl_ask(&w.c, "one", reply, sizeof reply), VGPIO_ERR_TIMEOUT);
    assert_string_equal(vgpio_ctl_reason(&w.c), "no answer in time");
    assert_string_equal(reply, "");
    server_says("ok 1 2");
    assert_int_equal(vgpio_ctl_ask(&w.c, "two", reply, sizeof reply), VGPIO_ERR_TIMEOUT);
    assert_string_equal(reply, "");
    server_says("3\nevent 1 9 change 3 1\nok 4\nok 5\n");
    assert_int_equal(vgpio_ctl_ask(&w.c, "three", reply, sizeof reply), 1);
    assert_string_equal(reply, "5");
    expect_event(1, VGPIO_CTL_CHANGE, 3, 1, 0);
    /* And an answer to nothing ends it. */
    server_says("ok\n");
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_ctl_barrier(&w.c), VGPIO_ERR_PROTO);
}

static void test_the_end(void **state)
{
    (void)state;
    server_says("event 1 2 change 3 1\nok");
    assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
    assert_int_equal(vgpio_ctl_barrier(&w.c), VGPIO_ERR_BROKEN);
    assert_string_equal(vgpio_ctl_reason(&w.c), "the server hung up");
    /* What it said before is still there. */
    expect_event(1, VGPIO_CTL_CHANGE, 3, 1, 0);
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), VGPIO_ERR_BROKEN);
}

/* A server that does not read: nothing was said, or what was said cannot be unsaid. */
static void test_a_deaf_server(void **state)
{
    char command[VGPIO_CTL_COMMAND_MAX];
    int err, i;

    (void)state;
    memset(command, 'x', sizeof command);
    command[sizeof command - 1] = '\0';
    for (i = 0; i < 10000; i++) {
        err = vgpio_ctl_ask(&w.c, command, NULL, 0);
        if (strcmp(vgpio_ctl_reason(&w.c), "no answer in time") != 0) {
            break;
        }
    }
    assert_true(err == VGPIO_ERR_TIMEOUT || err == VGPIO_ERR_BROKEN);
    assert_string_equal(vgpio_ctl_reason(&w.c), "the server takes no command");
}

/* --- events --- */

static void test_every_kind(void **state)
{
    (void)state;
    server_says("event 1 11 change 7 1\n"
                "event 2 12 request 65535 6 3\n"
                "event 3 13 answer 7 4 ok 1\n");
    expect_event(1, VGPIO_CTL_CHANGE, 7, 1, 0);
    assert_int_equal(w.e.ns, 11);
    expect_event(2, VGPIO_CTL_REQUEST, 65535, VGPIO_MSG_SET_IRQ_TYPE, 3);
    expect_event(3, VGPIO_CTL_ANSWER, 7, VGPIO_MSG_GET_VALUE, 1);
    assert_int_equal(w.e.ok, 1);
    server_says("event 4 14 answer 7 4 err 0\n"
                "event 5 15 unmasked 7 3\n"
                "event 6 16 interrupt 7 3\n"
                "event 7 17 returned 7 0\n"
                "event 8 18 latched 7 1\n"
                "event 9 19 merged 7 2\n"
                "event 10 20 dropped 7 3\n");
    expect_event(4, VGPIO_CTL_ANSWER, 7, VGPIO_MSG_GET_VALUE, 0);
    assert_int_equal(w.e.ok, 0);
    expect_event(5, VGPIO_CTL_UNMASKED, 7, 3, 0);
    expect_event(6, VGPIO_CTL_INTERRUPT, 7, 3, 0);
    expect_event(7, VGPIO_CTL_RETURNED, 7, 0, 0);
    expect_event(8, VGPIO_CTL_LATCHED, 7, 1, 0);
    expect_event(9, VGPIO_CTL_MERGED, 7, 2, 0);
    expect_event(10, VGPIO_CTL_DROPPED, 7, 3, 0);
    server_says("event 11 21 malformed - 1\n"
                "event 12 22 broken - 0\n"
                "event 13 23 reset -\n"
                "event 14 24 features - 0x100000001\n"
                "event 18446744073709551615 0 lost - 18446744073709551600\n"
                "event 16 25 telepathy 3 of the third kind\n");
    expect_event(11, VGPIO_CTL_MALFORMED, 0, 1, 0);
    expect_event(12, VGPIO_CTL_QUEUE_BROKEN, 0, 0, 0);
    expect_event(13, VGPIO_CTL_RESET, 0, 0, 0);
    expect_event(14, VGPIO_CTL_FEATURES, 0, 0x100000001u, 0);
    expect_event(UINT64_MAX, VGPIO_CTL_LOST, 0, UINT64_MAX - 15, 0);
    expect_event(16, VGPIO_CTL_OTHER, 0, 0, 0);
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), 0);
}

static void test_events_that_are_none(void **state)
{
    static const char *const bad[] = {
        "event\n",
        "event 1\n",
        "event x 1 change 1 1\n",
        "event 1 -1 change 1 1\n",
        "event 1 1 change 65536 1\n",
        "event 1 1 change one 1\n",
        "event 1 1 change\n",
    };
    size_t i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        server_says(bad[i]);
        assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), VGPIO_ERR_PROTO);
        teardown(state);
        setup(state);
        server_says(bad[i]);
        assert_int_equal(vgpio_ctl_barrier(&w.c), VGPIO_ERR_PROTO);
        teardown(state);
        setup(state);
    }
}

/* Events before an answer wait; those beyond the room are one gap in their order. */
static void test_more_events_than_room(void **state)
{
    unsigned i;

    (void)state;
    server_says("event 1 1 change 0 1\nevent 2 2 change 0 0\nevent 3 3 change 0 1\n"
                "event 4 4 change 0 0\nevent 5 5 change 0 1\nevent 8 0 lost - 3\n"
                "event 9 9 change 0 1\nok\nevent 10 10 change 0 0\n");
    assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
    for (i = 1; i <= EVENTS; i++) {
        expect_event(i, VGPIO_CTL_CHANGE, 0, i & 1u, 0);
    }
    expect_event(9, VGPIO_CTL_LOST, 0, 5, 0);
    expect_event(10, VGPIO_CTL_CHANGE, 0, 0, 0);
    /* The ring goes round. */
    for (i = 0; i < 3; i++) {
        server_says(
            "event 11 1 change 1 1\nevent 12 2 change 2 0\nevent 13 3 change 3 1\n"
            "ok\n");
        assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
        expect_event(11, VGPIO_CTL_CHANGE, 1, 1, 0);
        expect_event(12, VGPIO_CTL_CHANGE, 2, 0, 0);
        expect_event(13, VGPIO_CTL_CHANGE, 3, 1, 0);
    }
}

static void test_no_room_at_all(void **state)
{
    (void)state;
    w.c.nevents = 0;
    server_says("event 1 1 change 0 1\nok\nevent 2 2 change 0 0\n");
    assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
    expect_event(1, VGPIO_CTL_LOST, 0, 1, 0);
    expect_event(2, VGPIO_CTL_CHANGE, 0, 0, 0);
}

/* --- opening --- */

static void test_nobody_there(void **state)
{
    char path[200] = "/tmp/vgpio-nobody-";
    struct vgpio_ctl c;

    (void)state;
    memset(path + strlen(path), 'X', 6); /* for mkdtemp() to fill in */
    assert_non_null(mkdtemp(path));
    assert_int_equal(vgpio_ctl_open(&c, NULL, NULL, 0, 0), VGPIO_ERR_INVAL);
    vgpio_ctl_close(&c);
    assert_int_equal(vgpio_ctl_open(&c, "", NULL, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_open(&c, path, NULL, 0, 20), VGPIO_ERR_TIMEOUT);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(vgpio_ctl_open(&c, path, NULL, 0, 20), VGPIO_ERR_TIMEOUT);
    assert_int_equal(vgpio_ctl_open(&c, "/dev/null/x", NULL, 0, 20), VGPIO_ERR_BROKEN);
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(vgpio_ctl_open(&c, path, NULL, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_ctl_barrier(&c), VGPIO_ERR_BROKEN);
    vgpio_ctl_close(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_servers),
        TEST(test_each_command),
        TEST(test_answers_that_are_none),
        TEST(test_what_cannot_be_said),
        TEST(test_error_answers),
        TEST(test_long_answers),
        TEST(test_late_answers),
        TEST(test_the_end),
        TEST(test_a_deaf_server),
        TEST(test_every_kind),
        TEST(test_events_that_are_none),
        TEST(test_more_events_than_room),
        TEST(test_no_room_at_all),
        cmocka_unit_test(test_nobody_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
