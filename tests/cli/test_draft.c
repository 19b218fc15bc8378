/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio serve --dialect`, used by the tools, which find out by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server_run.h"

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
    if (run.pid != 0) {
        (void)run_end(&run, 9);
    }
    run_remove_dir(&run);
    return 0;
}

/* What a tool says, first line; in a static buffer. */
static const char *tool(const char *words, int *code)
{
    static char line[256];
    char command[512];
    FILE *f;

    (void)snprintf(command, sizeof command, "%s %s -c %s 2>&1", VGPIO_PATH, words,
                   run.socket);
    f = popen(command, "r");
    assert_non_null(f);
    line[0] = '\0';
    if (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
    }
    while (fgetc(f) != EOF) {
    }
    *code = pclose(f);
    return line;
}

static void serve(const char *dialect)
{
    const char *args[] = {"--socket-path", run.socket,  "--sim",
                          "led,button,,",  "--control", run.control,
                          "--dialect",     dialect,     NULL};
    int fd;

    run_start(&run, args, -1);
    fd = run_connect(run.control);
    assert_true(fd >= 0);
    run_send(fd, "pull 1 1\n");
    assert_string_equal(run_line(fd), "ok");
    (void)close(fd);
}

static void speaks(const char *dialect)
{
    int code;

    serve(dialect);
    assert_string_equal(tool("get button led", &code),
                        "\"button\"=active \"led\"=inactive");
    assert_int_equal(code, 0);
    (void)tool("set -t 0 led=1", &code);
    assert_int_equal(code, 0);
    assert_string_equal(tool("get 2 button", &code), "\"2\"=inactive \"button\"=active");
    assert_int_equal(run_stat(&run, "errors"), 0);
    assert_int_equal(run_end(&run, 15), 0);
}

static void test_draft(void **state)
{
    (void)state;
    speaks("draft");
}

static void test_draft_2021(void **state)
{
    (void)state;
    speaks("draft-2021");
}

static void test_standard(void **state)
{
    (void)state;
    speaks("standard");
}

static void test_no_such_dialect(void **state)
{
    const char *args[] = {"--socket-path", run.socket,  "--sim", "2",
                          "--dialect",     "esperanto", NULL};

    (void)state;
    run_start(&run, args, -1);
    assert_int_equal(run_end(&run, 0), 2);
    assert_non_null(strstr(run_log(&run), "esperanto"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_draft, setup, teardown),
        cmocka_unit_test_setup_teardown(test_draft_2021, setup, teardown),
        cmocka_unit_test_setup_teardown(test_standard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_such_dialect, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
