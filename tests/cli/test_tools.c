/* SPDX-License-Identifier: BSD-3-Clause */
/* detect, info, get, set and mon as users run them, on the lines of a `vgpio serve`:
 * what they print to the letter, what they do to the lines, how they end. */
#include "server_run.h"
#include "tool_run.h"

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

#define C "-c", run.socket

static struct server_run run;

static int setup(void **state)
{
    (void)state;
    run_make_dir(&run);
    run_serve(&run, "led,button,,reset", NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run_remove_dir(&run);
    return 0;
}

static void asks(const char *command, const char *reply)
{
    assert_string_equal(run_ask(&run, command), reply);
}

static void prints(int status, const char *out)
{
    assert_string_equal(tool_err, "");
    assert_string_equal(tool_out, out);
    assert_int_equal(status, 0);
}

/* Exit 1, nothing on stdout, one line with that text. */
static void fails(int status, const char *text)
{
    assert_int_equal(status, 1);
    assert_string_equal(tool_out, "");
    assert_int_equal(strncmp(tool_err, "vgpio: ", 7), 0);
    assert_non_null(strchr(tool_err, '\n'));
    assert_int_equal(strchr(tool_err, '\n')[1], '\0');
    if (strstr(tool_err, text) == NULL) {
        fail_msg("no '%s' in: %s", text, tool_err);
    }
}

/* A tool that ended has let go of its lines. */
static void all_released(void)
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        char command[16];

        snprintf(command, sizeof command, "dir %u", i);
        asks(command, "ok none");
    }
    assert_int_equal(run_stat(&run, "errors"), 0);
    assert_string_equal(run_log(&run), "");
}

static const char *with_chip(const char *fmt)
{
    static char text[512];

    snprintf(text, sizeof text, fmt, run.socket, run.socket, run.socket);
    return text;
}

/* --- detect and info --- */

static void test_detect(void **state)
{
    (void)state;
    prints(TOOL("detect", run.socket), with_chip("%s [virtio-gpio] (4 lines)\n"));
    fails(TOOL("detect", "/nowhere/s"), "/nowhere/s: connect: No such file or directory");
    assert_int_equal(TOOL("detect", "/nowhere/s", run.socket), 1);
    assert_string_equal(tool_out, with_chip("%s [virtio-gpio] (4 lines)\n"));
    setenv("VGPIO_DIR", "/nowhere", 1);
    prints(TOOL("detect"), "");
    all_released();
}

static void test_info(void **state)
{
    (void)state;
    prints(TOOL("info", C), with_chip("%s - 4 lines:\n"
                                      "\tline   0:\t\"led\"           \tnone\n"
                                      "\tline   1:\t\"button\"        \tnone\n"
                                      "\tline   2:\tunnamed         \tnone\n"
                                      "\tline   3:\t\"reset\"         \tnone\n"));
    prints(TOOL("info", C, "--unquoted", "3", "led", "2"),
           with_chip("%s 3\treset           \tnone\n"
                     "%s 0\tled             \tnone\n"
                     "%s 2\tunnamed         \tnone\n"));
    fails(TOOL("info", C, "--by-name", "3"), "info: cannot find line '3'");
    fails(TOOL("info", C, "4"), "info: offset 4 is out of range on chip '");
    all_released();
}

/* A folder of sockets: names are looked for in all of them. */
static void test_folder(void **state)
{
    (void)state;
    unlink(run.control);
    setenv("VGPIO_DIR", run.dir, 1);
    prints(TOOL("detect"), "gpio [virtio-gpio] (4 lines)\n");
    prints(TOOL("detect", "gpio"), "gpio [virtio-gpio] (4 lines)\n");
    prints(TOOL("get", "--numeric", "led", "reset"), "0 0\n");
    prints(TOOL("info", "-c", "gpio", "1"), "gpio 1\t\"button\"        \tnone\n");
    prints(TOOL("info", "reset"), "gpio 3\t\"reset\"         \tnone\n");
    fails(TOOL("get", "0"), "get: cannot find line '0'");
    setenv("VGPIO_DIR", "/nowhere", 1);
    fails(TOOL("get", "led"), "get: no chip");
}

/* --- get --- */

static void test_get(void **state)
{
    (void)state;
    asks("pull button 1", "ok");
    prints(TOOL("get", C, "led", "1", "reset"),
           "\"led\"=inactive \"1\"=active \"reset\"=inactive\n");
    prints(TOOL("get", C, "--unquoted", "button"), "button=active\n");
    prints(TOOL("get", C, "--numeric", "0", "button"), "0 1\n");
    prints(TOOL("get", C, "--numeric", "-l", "0", "button"), "1 0\n");
    prints(TOOL("get", C, "-a", "-C", "me", "-b", "as-is", "-p", "1us", "2"),
           "\"2\"=inactive\n");
    all_released();
}

static void test_get_wrong(void **state)
{
    (void)state;
    fails(TOOL("get", C), "get: at least one line must be named");
    fails(TOOL("get", C, "lamp"), "get: cannot find line 'lamp'");
    fails(TOOL("get", C, ""), "get: cannot find line ''");
    fails(TOOL("get", C, "0", "led"), "get: '0' and 'led' are the same line");
    fails(TOOL("get", C, "99999"), "cannot find line '99999'");
    fails(TOOL("get", C, "--frob", "0"), "unknown or ambiguous option '--frob'");
    fails(TOOL("get", C, "-x", "0"), "unknown option '-x'");
    fails(TOOL("get", "-c"), "option '-c' needs a value");
    fails(TOOL("get", C, "-p", "10h", "0"), "invalid period: 10h");
    fails(TOOL("get", C, "-b", "pull-up", "0"), "bias 'pull-up'");
    fails(TOOL("get", C, "--timeout", "0", "0"), "invalid timeout: 0");
    fails(TOOL("get", "-c", "/nowhere/s", "0"), "/nowhere/s: connect: No such file");
    fails(TOOL("get", "-c", "", "0"), "empty, or too long");
    all_released();
}

static void test_strict(void **state)
{
    (void)state;
    prints(TOOL("get", C, "-s", "--numeric", "led"), "0\n");
}

/* --- set --- */

static void test_set_once(void **state)
{
    (void)state;
    asks("pull led 1", "ok");
    prints(TOOL("set", C, "-t", "0", "led=0", "3=on"), "");
    /* As after any user of a line: it is nobody's again. */
    all_released();
}

static void test_set_holds(void **state)
{
    struct tool_run t;

    (void)state;
    TOOL_BEGIN(&t, "set", C, "--banner", "led=active", "2=1", "reset=off");
    assert_string_equal(tool_says(&t), "Setting lines 'led', '2', and 'reset'...");
    asks("value led", "ok 1");
    asks("dir led", "ok out");
    asks("value 2", "ok 1");
    asks("value reset", "ok 0");
    asks("dir button", "ok none");
    assert_int_equal(tool_finish(&t, SIGTERM), 128 + SIGTERM);
    assert_string_equal(tool_err, "");
    all_released();

    TOOL_BEGIN(&t, "set", C, "--banner", "-l", "led=active");
    assert_string_equal(tool_says(&t), "Setting line 'led'...");
    asks("value led", "ok 0");
    assert_int_equal(tool_finish(&t, SIGINT), 128 + SIGINT);
    all_released();
}

static void test_set_toggles(void **state)
{
    struct tool_run t;

    (void)state;
    asks("pull led 1", "ok");
    TOOL_BEGIN(&t, "set", C, "--banner", "-p", "1ms", "-t", "1ms,2ms", "led=1");
    assert_string_equal(tool_says(&t), "Setting line 'led'...");
    asks("wait led 0 120000", "ok 0");
    asks("wait led 1 120000", "ok 1");
    asks("wait led 0 120000", "ok 0");
    assert_int_equal(tool_finish(&t, SIGTERM), 128 + SIGTERM);
    /* Three values, then the end by itself. */
    prints(TOOL("set", C, "-t", "1ms,1ms,0", "led=1"), "");
    all_released();
}

static void test_set_interactive(void **state)
{
    struct tool_run t;

    (void)state;
    TOOL_BEGIN(&t, "set", C, "-i", "led=1", "reset=0");
    tool_tell(&t, "get\n");
    assert_string_equal(tool_says(&t), "\"led\"=active \"reset\"=inactive");
    asks("value led", "ok 1");
    tool_tell(&t, "set led=0 \"reset\"=1\nget reset\n");
    assert_string_equal(tool_says(&t), "\"reset\"=active");
    asks("value reset", "ok 1");
    asks("value led", "ok 0");
    tool_tell(&t, "toggle\nget\ntoggle led\nget led\n");
    assert_string_equal(tool_says(&t), "\"led\"=active \"reset\"=inactive");
    assert_string_equal(tool_says(&t), "\"led\"=inactive");
    tool_tell(&t, "sleep 1ms\nfrob\nget lamp\nset led\nset led=2\nsleep\n\nhelp\n");
    assert_string_equal(tool_says(&t), "unknown command: 'frob'");
    assert_string_equal(tool_says(&t), "unknown line: 'lamp'");
    assert_string_equal(tool_says(&t), "invalid line value: 'led'");
    assert_string_equal(tool_says(&t), "invalid line value: 'led=2'");
    assert_string_equal(tool_says(&t), "one period must be given");
    assert_non_null(tool_says(&t));
    tool_tell(&t, "exit\n");
    assert_int_equal(tool_finish(&t, 0), 0);
    all_released();
    /* The end of stdin is one as well. */
    TOOL_BEGIN(&t, "set", C, "-i", "led=1");
    assert_int_equal(tool_finish(&t, 0), 0);
    all_released();
}

static void test_set_daemon(void **state)
{
    (void)state;
    prints(TOOL("set", C, "-z", "led=1"), "");
    asks("value led", "ok 1");
    /* Nobody knows its number, but it ends with its server. */
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

static void test_set_wrong(void **state)
{
    (void)state;
    fails(TOOL("set", C), "set: at least one line and its value must be given");
    fails(TOOL("set", C, "led"), "set: invalid line value: 'led'");
    fails(TOOL("set", C, "led=2"), "set: invalid line value: 'led=2'");
    fails(TOOL("set", C, "=1"), "set: invalid line value: '=1'");
    fails(TOOL("set", C, "lamp=1"), "set: cannot find line 'lamp'");
    fails(TOOL("set", C, "-t", "0,1", "led=1"), "set: invalid periods: 0,1");
    fails(TOOL("set", C, "-t", "", "led=1"), "set: invalid periods: ");
    fails(TOOL("set", C, "-t", "1,x", "led=1"), "set: invalid periods: 1,x");
    fails(TOOL("set", C, "-d", "open-drain", "led=1"), "drive 'open-drain'");
    fails(TOOL("set", C, "-i", "-z", "led=1"), "exclude each other");
    fails(TOOL("set", C, "-i", "-t", "1", "led=1"), "exclude each other");
    all_released();
}

/* --- mon --- */

/* "SECONDS.NNNNNNNNN\t..." -> what follows the time. */
static const char *after_time(const char *line)
{
    size_t n;

    assert_non_null(line);
    n = strspn(line, "0123456789");
    assert_true(n > 0 && line[n] == '.');
    assert_int_equal(strspn(line + n + 1, "0123456789"), 9);
    assert_int_equal(line[n + 10], '\t');
    return line + n + 11;
}

static void test_mon(void **state)
{
    struct tool_run t;

    (void)state;
    TOOL_BEGIN(&t, "mon", C, "--banner", "-n", "3", "button", "2");
    assert_string_equal(tool_says(&t), "Monitoring lines 'button', and '2'...");
    asks("pull button 1", "ok");
    assert_string_equal(after_time(tool_says(&t)), with_chip("rising\t%s 1 \"button\""));
    asks("pull button 0", "ok");
    assert_string_equal(after_time(tool_says(&t)), with_chip("falling\t%s 1 \"button\""));
    asks("pull 2 1", "ok");
    assert_string_equal(after_time(tool_says(&t)), with_chip("rising\t%s 2"));
    assert_int_equal(tool_finish(&t, 0), 0);
    assert_string_equal(tool_err, "");
    all_released();
}

static void test_mon_format(void **state)
{
    struct tool_run t;

    (void)state;
    TOOL_BEGIN(&t, "mon", C, "--banner", "-e", "falling", "-n1", "-F", "%o %l %e %E%% %x",
               "button", "2");
    assert_non_null(tool_says(&t));
    asks("pull button 1", "ok");
    asks("pull button 0", "ok");
    assert_string_equal(tool_says(&t), "1 button 2 falling% %x");
    assert_int_equal(tool_finish(&t, 0), 0);

    TOOL_BEGIN(&t, "mon", C, "--banner", "-l", "-e", "falling", "-n1", "-F", "%c %l %e",
               "2");
    assert_non_null(tool_says(&t));
    asks("pull 2 1", "ok"); /* it falls, for it is active when low */
    assert_string_equal(tool_says(&t), with_chip("%s unnamed 2"));
    assert_int_equal(tool_finish(&t, 0), 0);

    TOOL_BEGIN(&t, "mon", C, "--banner", "--utc", "-n1", "button");
    assert_non_null(tool_says(&t));
    asks("pull button 1", "ok");
    {
        const char *line = tool_says(&t);

        assert_int_equal(strcspn(line, "\t"), strlen("2026-01-01T00:00:00.000000000Z"));
        assert_int_equal(line[10], 'T');
        assert_int_equal(line[29], 'Z');
    }
    assert_int_equal(tool_finish(&t, 0), 0);
    all_released();
}

static void test_mon_quiet_and_idle(void **state)
{
    struct tool_run t;

    (void)state;
    prints(TOOL("mon", C, "--idle-timeout", "10ms", "button"), "");
    TOOL_BEGIN(&t, "mon", C, "--banner", "-q", "-n", "1", "button");
    assert_non_null(tool_says(&t));
    asks("pull button 1", "ok");
    assert_null(tool_says(&t));
    assert_int_equal(tool_finish(&t, 0), 0);
    TOOL_BEGIN(&t, "mon", C, "--banner", "button");
    assert_non_null(tool_says(&t));
    asks("dir button", "ok in");
    assert_int_equal(tool_finish(&t, SIGINT), 128 + SIGINT);
    all_released();
}

/* Many edges from outside, and none is made up: what is told is at most what was. */
static void test_mon_many(void **state)
{
    struct tool_run t;
    unsigned n = 0;

    (void)state;
    TOOL_BEGIN(&t, "mon", C, "--banner", "-e", "rising", "-F", "%E", "button", "led");
    assert_non_null(tool_says(&t));
    asks("toggle button 100 0", "ok 100 pulses 200 edges");
    asks("pull led 1", "ok");
    asks("barrier", "ok");
    assert_string_equal(tool_says(&t), "rising");
    assert_string_equal(tool_says(&t), "rising"); /* led, or a latched one before it */
    (void)tool_finish(&t, SIGTERM);
    for (const char *p = tool_out; (p = strchr(p, '\n')) != NULL; p++) {
        n++;
    }
    assert_true(n <= 99);
    assert_int_equal(strspn(tool_out, "rising\n"), strlen(tool_out));
    all_released();
}

static void test_mon_wrong(void **state)
{
    (void)state;
    fails(TOOL("mon", C), "mon: at least one line must be named");
    fails(TOOL("mon", C, "-e", "up", "0"), "mon: invalid edges: up");
    fails(TOOL("mon", C, "-n", "0", "0"), "mon: invalid number: 0");
    fails(TOOL("mon", C, "-n", "x", "0"), "mon: invalid number: x");
    fails(TOOL("mon", C, "-E", "hte", "0"), "event clock 'hte' is not there");
    fails(TOOL("mon", C, "-p", "10ms", "0"), "virtio-gpio has none");
    fails(TOOL("mon", C, "--idle-timeout", "x", "0"), "mon: invalid period: x");
    all_released();
}

/* --- the server goes --- */

static void test_server_dies(void **state)
{
    struct tool_run t;

    (void)state;
    TOOL_BEGIN(&t, "mon", C, "--banner", "button");
    assert_non_null(tool_says(&t));
    run_end(&run, SIGKILL);
    fails(tool_finish(&t, 0), "hung up");

    run_serve(&run, "led,button", NULL);
    TOOL_BEGIN(&t, "set", C, "--banner", "led=1");
    assert_non_null(tool_says(&t));
    run_end(&run, SIGKILL);
    fails(tool_finish(&t, 0), "hung up");

    run_serve(&run, "led,button", NULL);
    TOOL_BEGIN(&t, "set", C, "-i", "led=1");
    tool_tell(&t, "get\n");
    assert_non_null(tool_says(&t));
    run_end(&run, SIGKILL);
    fails(tool_finish(&t, 0), "hung up");
}

static void test_server_stalls(void **state)
{
    int status;

    (void)state;
    kill(run.pid, SIGSTOP);
    assert_int_equal(waitpid(run.pid, &status, WUNTRACED), run.pid);
    fails(TOOL("get", C, "--timeout", "20ms", "0"), "GET_FEATURES: no answer in time");
    kill(run.pid, SIGCONT);
}

static void test_links(void **state)
{
    struct tool_run t;
    char link[100];

    (void)state;
    snprintf(link, sizeof link, "%s/gpioget", run.dir);
    assert_int_equal(symlink(VGPIO_PATH, link), 0);
    t.pid = fork();
    if (t.pid == 0) {
        execl(link, link, "-c", run.socket, "--numeric", "0", "1", NULL);
        _exit(127);
    }
    {
        int status = -1;

        assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
        assert_int_equal(status, 0);
    }
    unlink(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_detect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_info, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_get_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_toggles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_interactive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_daemon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mon_format, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mon_quiet_and_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mon_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mon_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
