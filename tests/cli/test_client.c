/* SPDX-License-Identifier: BSD-3-Clause */
/* The C client of the control protocol on the real server. */
#include "server_run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/control.h>
#include <virtiogpio/wire.h>

static struct world {
    struct server_run run;
    struct vgpio_ctl c;
    struct vgpio_ctl_event events[16], e;
} w;

static void open_client(struct vgpio_ctl *c, struct vgpio_ctl_event *events, uint32_t n)
{
    if (vgpio_ctl_open(c, w.run.control, events, n, RUN_PATIENCE_MS) < 0) {
        fail_msg("%s", vgpio_ctl_reason(c));
    }
    c->answer_ms = RUN_PATIENCE_MS;
}

static int setup(void **state)
{
    (void)state;
    run_make_dir(&w.run);
    run_serve(&w.run, "led,button,,ethernet reset", NULL);
    open_client(&w.c, w.events, 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vgpio_ctl_close(&w.c);
    assert_int_equal(run_end(&w.run, SIGTERM), 0);
    run_remove_dir(&w.run);
    return 0;
}

static void test_lines(void **state)
{
    char reply[512];
    uint64_t dropped;

    (void)state;
    assert_int_equal(vgpio_ctl_pull(&w.c, "ethernet reset", 1), 0);
    assert_int_equal(vgpio_ctl_value(&w.c, "3"), 1);
    assert_int_equal(vgpio_ctl_direction(&w.c, "3"), VGPIO_DIR_NONE);
    assert_int_equal(vgpio_ctl_wait(&w.c, "led", 1, 0), 0);
    assert_int_equal(vgpio_ctl_wait(&w.c, "3", 1, 0), 1);
    assert_int_equal(vgpio_ctl_toggle(&w.c, "button", 5, 0), 0);
    assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
    assert_int_equal(vgpio_ctl_stat(&w.c, "dropped", &dropped), 0);
    assert_int_equal(dropped, 11);
    assert_true(vgpio_ctl_ask(&w.c, "info", reply, sizeof reply) > 0);
    assert_non_null(strstr(reply, " names=led,button,,ethernet reset"));
    assert_int_equal(vgpio_ctl_value(&w.c, "nobody"), VGPIO_ERR_IO);
    assert_string_equal(vgpio_ctl_reason(&w.c), "no line is named 'nobody'");
}

/* What one client does another one sees, in order, and before the answer to a barrier. */
static void test_events(void **state)
{
    struct vgpio_ctl other;
    uint64_t ns = 0;
    unsigned i;

    (void)state;
    open_client(&other, NULL, 0);
    assert_int_equal(vgpio_ctl_watch(&w.c, "button"), 0);
    assert_int_equal(vgpio_ctl_watch(&w.c, "led"), 0);
    assert_int_equal(vgpio_ctl_pull(&other, "2", 1), 0);
    assert_int_equal(vgpio_ctl_toggle(&other, "button", 3, 0), 0);
    assert_int_equal(vgpio_ctl_pull(&other, "led", 1), 0);
    assert_int_equal(vgpio_ctl_barrier(&w.c), 0);
    for (i = 0; i < 6; i++) {
        assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), 1);
        assert_int_equal(w.e.number, i + 1);
        assert_int_equal(w.e.kind, VGPIO_CTL_CHANGE);
        assert_int_equal(w.e.line, 1);
        assert_int_equal(w.e.a, !(i & 1u));
        assert_true(w.e.ns >= ns);
        ns = w.e.ns;
    }
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), 1);
    assert_int_equal(w.e.line, 0);
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), 0);
    vgpio_ctl_close(&other);
}

/* A client that does not read holds up nobody, and is told what it missed. */
static void test_slow_client(void **state)
{
    const unsigned pulses = 50000;
    struct vgpio_ctl other;
    uint64_t told = 0, lost = 0;

    (void)state;
    open_client(&other, NULL, 0);
    assert_int_equal(vgpio_ctl_watch(&w.c, NULL), 0);
    assert_int_equal(vgpio_ctl_toggle(&other, "led", pulses, 0), 0);
    while (told + lost < 2u * pulses) {
        assert_int_equal(vgpio_ctl_next(&w.c, &w.e, RUN_PATIENCE_MS), 1);
        if (w.e.kind == VGPIO_CTL_LOST) {
            lost += w.e.a;
        } else {
            told++;
        }
        assert_int_equal(w.e.number, told + lost);
    }
    assert_in_range(told, 1000, 2u * pulses - 1);
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, 0), 0);
    run_rests(&w.run);
    vgpio_ctl_close(&other);
}

static void test_the_server_ends(void **state)
{
    (void)state;
    assert_int_equal(vgpio_ctl_watch(&w.c, NULL), 0);
    assert_int_equal(run_end(&w.run, SIGTERM), 0);
    assert_int_equal(vgpio_ctl_next(&w.c, &w.e, RUN_PATIENCE_MS), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_ctl_pull(&w.c, "led", 1), VGPIO_ERR_BROKEN);
    vgpio_ctl_close(&w.c);
    run_serve(&w.run, "1", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines),
        TEST(test_events),
        TEST(test_slow_client),
        TEST(test_the_server_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
