/* SPDX-License-Identifier: BSD-3-Clause */
/* The standard device against a driver that writes ring bytes by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_bench.h"

static int setup(void **state)
{
    *state = bench_new();
    return 0;
}

static int teardown(void **state)
{
    bench_free(*state);
    return 0;
}

/* ---- the six messages ------------------------------------------------------- */

static void test_get_value_follows_the_line(void **state)
{
    struct bench *b = *state;

    b->level[5] = 1;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 1);
    b->level[5] = 0;
    assert_int_equal(bench_call(b, VGPIO_MSG_GET_VALUE, 5, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get_value_follows_the_line, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
