/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting in the gpiod-style commands: whatever is first, and time is not forgotten while
 * a chip or an input has something to say all the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/evloop.h"
#include "cli/tool.h"

#define HOUR UINT64_C(3600000000)

static char name[] = "chip";

static int ready(void)
{
    int p[2];

    assert_int_equal(pipe(p), 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    close(p[1]);
    return p[0];
}

static void test_time_passes_while_a_chip_talks(void **state)
{
    struct chip chip = {.name = name};
    struct tool t = {.chips = &chip, .nchips = 1, .signal_fd = -1};
    uint64_t now = evloop_now();
    int fd = ready();

    (void)state;
    chip.front.poll_fd = fd;
    assert_int_equal(tool_wait(&t, UINT64_MAX, -1), TOOL_CHIP);
    assert_int_equal(tool_wait(&t, now + HOUR, -1), TOOL_CHIP);
    assert_int_equal(tool_wait(&t, now, -1), TOOL_CHIP | TOOL_TIME);
    assert_int_equal(tool_wait(&t, now, fd), TOOL_CHIP | TOOL_INPUT | TOOL_TIME);
    assert_int_equal(tool_wait(&t, now + HOUR, fd), TOOL_CHIP | TOOL_INPUT);
    chip.name = NULL; /* closed */
    assert_int_equal(tool_wait(&t, now, -1), TOOL_TIME);
    assert_int_equal(tool_wait(&t, evloop_now() + 1000, -1), TOOL_TIME);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_passes_while_a_chip_talks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
