/* SPDX-License-Identifier: BSD-3-Clause */
/* Many guests of one `vgpio serve`: one thread, lines of their own, and none is heard by
 * another. */
#include "server_run.h"
#include "vu_peer.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/wire.h>

#define GUESTS 40u
#define WANT (VGPIO_F_VERSION_1 | VGPIO_F_IRQ | VU_F_PROTOCOL_FEATURES)

static struct server_run run;
static struct vu_peer peer[GUESTS];
static char path[2 * GUESTS][100];

static int setup(void **state)
{
    const char *args[4 * GUESTS + 3];
    unsigned n = 0;
    unsigned i;

    (void)state;
    run_make_dir(&run);
    for (i = 0; i < GUESTS; i++) {
        snprintf(path[2 * i], sizeof path[0], "%s/s%u", run.dir, i);
        snprintf(path[2 * i + 1], sizeof path[0], "%s/c%u", run.dir, i);
        args[n++] = "-s";
        args[n++] = path[2 * i];
        args[n++] = "--control";
        args[n++] = path[2 * i + 1];
    }
    args[n++] = "--sim";
    args[n++] = "8";
    args[n] = NULL;
    run_start(&run, args, -1);
    return 0;
}

static int teardown(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 2 * GUESTS; i++) {
        unlink(path[i]);
    }
    run_remove_dir(&run);
    return 0;
}

static const char *asked(unsigned guest, const char *command)
{
    int fd = run_connect(path[2 * guest + 1]);
    const char *reply = run_ask_on(fd, command);

    close(fd);
    return reply;
}

static void join(unsigned i)
{
    vu_peer_open(&peer[i], run_connect(path[2 * i]));
    assert_int_equal(vu_peer_negotiate(&peer[i], WANT), 0);
    assert_int_equal(vu_peer_share(&peer[i]), 0);
    assert_int_equal(vu_peer_start(&peer[i], 0, 16, 0), 0);
    assert_int_equal(vu_peer_start(&peer[i], 1, 16, 0), 0);
}

static int request(unsigned i, uint16_t type, uint16_t line, uint32_t value)
{
    uint8_t answer = 0xff;
    int status = vu_peer_request(&peer[i], type, line, value, &answer);

    return status == VGPIO_STATUS_OK ? answer : -1;
}

static void expect_event(unsigned i)
{
    uint32_t id;

    assert_int_equal(vu_peer_used(&peer[i], 1, &id), 1);
    assert_int_equal(vu_peer_event_status(&peer[i], 0), VGPIO_IRQ_STATUS_VALID);
}

static unsigned threads(void)
{
    char tasks[64];
    struct dirent *e;
    unsigned n = 0;
    DIR *dir;

    snprintf(tasks, sizeof tasks, "/proc/%d/task", (int)run.pid);
    dir = opendir(tasks);
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL) {
        n += e->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static void test_apart(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < GUESTS; i++) {
        join(i);
    }
    assert_int_equal(threads(), 1);
    for (i = 0; i < GUESTS; i++) {
        assert_int_equal(request(i, VGPIO_MSG_SET_VALUE, 0, i & 1u), 0);
        assert_int_equal(request(i, VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT), 0);
        assert_int_equal(request(i, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_RISING), 0);
        vu_peer_unmask(&peer[i], 0, 1);
    }
    for (i = 0; i < GUESTS; i++) {
        assert_string_equal(asked(i, "value 0"), (i & 1u) != 0 ? "ok 1" : "ok 0");
    }
    assert_string_equal(asked(7, "pull 1 1"), "ok");
    expect_event(7);
    for (i = 0; i < GUESTS; i++) {
        assert_int_equal(request(i, VGPIO_MSG_GET_VALUE, 1, 0), i == 7);
        assert_non_null(
            strstr(asked(i, "stats"), i == 7 ? " interrupts=1 " : " interrupts=0 "));
    }
    run_rests(&run);
    for (i = 0; i < GUESTS; i++) {
        vu_peer_close(&peer[i]);
    }
    run_rests(&run);
    assert_int_equal(run_end(&run, SIGTERM), 0);
    assert_int_equal(access(path[0], F_OK), -1);
    assert_int_equal(access(path[2 * GUESTS - 1], F_OK), -1);
}

/* One breaks its ring, one babbles, one only waits: the others are served, and a wait of
 * the control socket still ends. */
static void test_rude_neighbours(void **state)
{
    int waiting;

    (void)state;
    join(0);
    join(1);
    join(2);
    waiting = run_connect(path[7]);
    run_send(waiting, "wait 2 1 120000\n");
    vu_peer_post(&peer[0], 0, 999);
    vu_peer_kick(&peer[0], 0);
    assert_int_equal(vu_peer_send(&peer[1], 0xdead, 0xbeef, NULL, 0, NULL, 0), 0);
    assert_int_equal(request(2, VGPIO_MSG_GET_DIRECTION, 0, 0), VGPIO_DIR_NONE);
    join(3);
    assert_int_equal(request(3, VGPIO_MSG_SET_VALUE, 2, 1), 0);
    assert_int_equal(request(3, VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT), 0);
    assert_string_equal(run_line(waiting), "ok 1");
    close(waiting);
    assert_int_equal(strncmp(asked(5, "wait 2 1 1"), "error timeout", 13), 0);
    assert_non_null(strstr(asked(0, "stats"), " broken_queues=1 "));
    assert_non_null(strstr(asked(2, "stats"), " errors=0 "));
    assert_non_null(strstr(asked(1, "info"), " connected=0 "));
    assert_non_null(strstr(run_log(&run), "/s1: hung up on the front end: "));
    vu_peer_close(&peer[0]);
    vu_peer_close(&peer[1]);
    vu_peer_close(&peer[2]);
    vu_peer_close(&peer[3]);
    run_rests(&run);
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rude_neighbours, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
