/* SPDX-License-Identifier: BSD-3-Clause */
/* The example daemon as its own process, and front ends that come and go. */
#include "vu_peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/wire.h>

#define WANT (VGPIO_F_VERSION_1 | VGPIO_F_IRQ | VU_F_PROTOCOL_FEATURES)

static char dir[] = "/tmp/vgpio-example-??????";
static char path[sizeof dir + 8];
static pid_t daemon_pid;
static FILE *daemon_says;
static struct vu_peer peer;

/* Waits for the next line, so nothing is left to chance or to a clock. */
static void says(const char *text)
{
    char line[256];

    assert_non_null(fgets(line, sizeof line, daemon_says));
    if (strstr(line, text) == NULL) {
        fail_msg("wanted \"%s\", got \"%s\"", text, line);
    }
}

static int setup(void **state)
{
    int err[2];

    (void)state;
    memset(strchr(dir, '?'), 'X', 6); /* what mkdtemp() wants */
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/gpio", dir);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    daemon_pid = fork();
    assert_true(daemon_pid >= 0);
    if (daemon_pid == 0) {
        dup2(err[1], STDERR_FILENO);
        execl(EXAMPLE_PATH, EXAMPLE_PATH, path, (char *)NULL);
        _exit(127);
    }
    close(err[1]);
    daemon_says = fdopen(err[0], "r");
    assert_non_null(daemon_says);
    says("listening on ");
    return 0;
}

static int teardown(void **state)
{
    int status = 0;

    (void)state;
    kill(daemon_pid, SIGTERM);
    assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
    fclose(daemon_says);
    unlink(path);
    rmdir(dir);
    /* It lived until now: neither a sanitizer nor a front end has ended it. */
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 0 : -1;
}

static void join(void)
{
    vu_peer_open(&peer, vu_peer_connect(path));
    assert_int_equal(vu_peer_negotiate(&peer, WANT), 0);
    assert_int_equal(vu_peer_share(&peer), 0);
    assert_int_equal(vu_peer_start(&peer, 0, 16, 0), 0);
    assert_int_equal(vu_peer_start(&peer, 1, 16, 0), 0);
}

static int request(uint16_t type, uint16_t line, uint32_t value)
{
    uint8_t answer = 0xff;
    int status = vu_peer_request(&peer, type, line, value, &answer);

    return status == VGPIO_STATUS_OK ? answer : -1;
}

static void test_wired_lines(void **state)
{
    uint32_t id;

    (void)state;
    join();
    assert_int_equal(request(VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 1, 0), 0);
    assert_int_equal(request(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING), 0);
    vu_peer_unmask(&peer, 0, 1);
    assert_int_equal(request(VGPIO_MSG_SET_VALUE, 0, 1), 0);
    assert_int_equal(request(VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT), 0);
    assert_int_equal(vu_peer_used(&peer, 1, &id), 1);
    assert_int_equal(vu_peer_event_status(&peer, 0), VGPIO_IRQ_STATUS_VALID);
    assert_int_equal(vu_peer_called(&peer, 1, peer.timeout_ms), 1);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 1, 0), 1);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 3, 0), 0);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 4, 0), -1);
    vu_peer_close(&peer);
    says("the front end left");
}

static void test_ring_without_kicks(void **state)
{
    int base, kick;

    (void)state;
    join();
    base = vu_peer_stop(&peer, 0);
    assert_true(base >= 0);
    kick = peer.kick[0];
    peer.kick[0] = -1; /* tells the back end so */
    assert_int_equal(vu_peer_start(&peer, 0, 0, (uint16_t)base), 0);
    peer.kick[0] = kick;
    assert_int_equal(request(VGPIO_MSG_SET_VALUE, 2, 1), 0);
    assert_int_equal(request(VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), 0);
    assert_int_equal(request(VGPIO_MSG_GET_VALUE, 3, 0), 1);
    vu_peer_close(&peer);
    says("the front end left");
}

/* The second waits until the first, which breaks the protocol, was hung up on. */
static void test_rude_front_end(void **state)
{
    struct vu_answer a;
    int next;

    (void)state;
    join();
    next = vu_peer_connect(path);
    assert_true(next >= 0);
    assert_int_equal(vu_peer_send(&peer, VU_SET_FEATURES, 0, NULL, 0, NULL, 0), 0);
    assert_int_equal(vu_peer_recv(&peer, &a), 0);
    vu_peer_close(&peer);
    says("header: ");
    vu_peer_open(&peer, next);
    assert_int_equal(vu_peer_negotiate(&peer, WANT), 0);
    vu_peer_close(&peer);
    says("the front end left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wired_lines),
        cmocka_unit_test(test_ring_without_kicks),
        cmocka_unit_test(test_rude_front_end),
        cmocka_unit_test(test_wired_lines),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
