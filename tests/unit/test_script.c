/* SPDX-License-Identifier: BSD-3-Clause */
/* Stimulus scripts and VCD files as tables; the place and the words of every error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/script.h"

static struct board board;
static struct script script;
static struct vcd_file vcd;
static struct lex_error err;

static char *copy_of(const char *text)
{
    char *copy = malloc(strlen(text) + 1);

    assert_non_null(copy);
    memcpy(copy, text, strlen(text));
    return copy;
}

static int setup(void **state)
{
    static const char text[] = "device a lines=4 socket=x\nline a.button 0 pull-up\n"
                               "line a.led 1\nline \"a.x=y z\" 2\nnode n\n";

    (void)state;
    assert_int_equal(board_parse(&board, copy_of(text), strlen(text), &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    board_free(&board);
    return 0;
}

static void good(const char *text)
{
    if (script_parse(&script, &board, copy_of(text), strlen(text), &err) != 0) {
        fail_msg("%u:%u: %s", err.line, err.col, err.text);
    }
}

static void is_error(int result, const char *text, unsigned line, unsigned col,
                     const char *words)
{
    if (result != -1) {
        fail_msg("taken: %s", text);
    }
    if (err.line != line || err.col != col || strstr(err.text, words) == NULL ||
        strstr(err.text, "expected ") == NULL) {
        fail_msg("%s\n%u:%u: %s, not %u:%u: %s", text, err.line, err.col, err.text, line,
                 col, words);
    }
}

static void bad(const char *text, unsigned line, unsigned col, const char *words)
{
    int n = script_parse(&script, &board, copy_of(text), strlen(text), &err);

    is_error(n, text, line, col, words);
    script_free(&script);
}

static void step(unsigned i, enum script_op op, uint16_t pin, unsigned level,
                 uint64_t time_us)
{
    assert_in_range(i, 0, script.nsteps - 1);
    assert_int_equal(script.steps[i].op, op);
    assert_int_equal(script.steps[i].pin, pin);
    assert_int_equal(script.steps[i].level, level);
    assert_int_equal(script.steps[i].time_us, time_us);
}

static void test_statements(void **state)
{
    (void)state;
    good("guest a 5s\nset a.led=1\nrelease a.1\npress a.button 50ms\npulse n\n"
         "wait a.led=0 2s\nwait \"a.x=y z=1\"\nexpect n=1\nsleep 10us\n"
         "at 3min set a.0=0\narmed a.led 1s\nheal a.led\nquit\n");
    assert_int_equal(script.nsteps, 16);
    step(0, SCRIPT_GUEST, 0, 0, 5000000);
    step(1, SCRIPT_SET, 1, 1, 0);
    step(2, SCRIPT_SET, 1, VGPIO_FLOATING, 0);
    step(3, SCRIPT_PRESS, 0, 0, 0);
    step(4, SCRIPT_SLEEP, 0, 0, 50000);
    step(5, SCRIPT_LET_GO, 0, 0, 0);
    step(6, SCRIPT_PULSE, 4, 0, 0);
    step(7, SCRIPT_WAIT, 1, 0, 2000000);
    step(8, SCRIPT_WAIT, 2, 1, SCRIPT_WAIT_US);
    step(9, SCRIPT_EXPECT, 4, 1, 0);
    step(10, SCRIPT_SLEEP, 0, 0, 10);
    step(11, SCRIPT_AT, 0, 0, 180000000);
    step(12, SCRIPT_SET, 0, 0, 0);
    step(13, SCRIPT_ARMED, 1, 0, 1000000);
    step(14, SCRIPT_HEAL, 1, 0, 0);
    step(15, SCRIPT_QUIT, 0, 0, 0);
    assert_int_equal(script.steps[15].line, 13);
    script_free(&script);
}

static void test_repeats_and_words(void **state)
{
    (void)state;
    good("repeat 3\nrepeat 2\nsay \"a  b\"   c \"\" d\nend\nend\nsay\n"
         "fault a.led any err\nplay w.vcd a\n");
    assert_int_equal(script.steps[0].jump, 5);
    assert_int_equal(script.steps[1].jump, 4);
    assert_int_equal(script.steps[3].jump, 1);
    assert_int_equal(script.steps[4].jump, 0);
    assert_string_equal(script.steps[2].text, "a  b c  d");
    assert_string_equal(script.steps[5].text, "");
    assert_int_equal(script.rules[0].kind, FAULT_ERR);
    assert_string_equal(script.plays[0].file, "w.vcd");
    script_free(&script);
}

static void test_errors(void **state)
{
    char deep[SCRIPT_DEPTH * 9 + 10] = "";
    unsigned i;

    (void)state;
    bad("jump a.led", 1, 1, "'jump' is unknown");
    bad("set a.led", 1, 5, "expected LINE=0 or LINE=1");
    bad("set a.led=2", 1, 5, "expected LINE=0 or LINE=1");
    bad("set", 1, 4, "expected LINE=0 or LINE=1");
    bad("set a.lamp=1", 1, 5, "device 'a' has no line 'lamp'");
    bad("set a.led=1 now", 1, 13, "'now' is too much");
    bad("press a.led", 1, 12, "is not a time");
    bad("press a.led 5", 1, 13, "is not a time");
    bad("press b.led 5s", 1, 7, "no device 'b'");
    bad("\nsleep 1440001min", 2, 7, "is too long");
    bad("sleep 99999999999999999999s", 1, 7, "is too long");
    bad("at 1s jump", 1, 7, "'jump' is unknown");
    bad("wait a.led=1 1s 1s", 1, 17, "'1s' is too much");
    bad("guest b", 1, 7, "'b' is no device");
    bad("armed n", 1, 7, "'n' is a node");
    bad("repeat 0", 1, 8, "expected a number from 1");
    bad("repeat 1000000001", 1, 8, "expected a number from 1");
    bad("set a.led=1\n  repeat 2\n", 2, 3, "a repeat without its end");
    bad("end", 1, 1, "ends nothing");
    bad("play", 1, 5, "no file");
    bad("play w", 1, 7, "is no device");
    bad("fault a.led sometimes", 1, 13, "expected get-direction");
    bad("quit now", 1, 6, "'now' is too much");
    for (i = 0; i <= SCRIPT_DEPTH; i++) {
        strcat(deep, "repeat 2\n");
    }
    bad(deep, SCRIPT_DEPTH + 1, 1, "inside 16 others");
}

/* --- VCD --- */

static void bad_vcd(const char *text, unsigned line, unsigned col, const char *words)
{
    is_error(vcd_parse(&vcd, copy_of(text), strlen(text), &err), text, line, col, words);
    vcd_free(&vcd);
}

#define HEAD "$timescale 10ns $end $var wire 1 ! a $end\n$enddefinitions $end\n"

static void test_vcd(void **state)
{
    static const char text[] =
        "$date now $end\n$timescale 100 us $end\n$scope module x $end\n"
        "$var wire 1 ! a $end $var wire 1 \" b [3] $end\n$var reg 8 # c [7:0] $end\n"
        "$var wire 1 ! d $end\n$upscope $end\n$enddefinitions $end\n"
        "#0\n$dumpvars\n0!\n1\"\nb0101 #\n$end\n#3\n$comment 0! $end z!\nX\" #7\n";
    struct script_play play = {.device = 0};
    static const struct vcd_change wanted[] = {{0, 0, 0},   {0, 3, 0},   {0, 1, 1},
                                               {300, 0, 2}, {300, 3, 2}, {300, 1, 2}};
    unsigned i;

    (void)state;
    assert_int_equal(vcd_parse(&vcd, copy_of(text), strlen(text), &err), 0);
    assert_int_equal(vcd.nsignals, 4);
    assert_int_equal(vcd_find(&vcd, "b"), 1);
    assert_int_equal(vcd_find(&vcd, "c"), -1);
    assert_int_equal(vcd.nchanges, 6);
    assert_int_equal(vcd.end_us, 700);
    for (i = 0; i < vcd.nchanges; i++) {
        unsigned other = wanted[i].signal; /* those of one code come in any order */

        assert_int_equal(vcd.changes[i].us, wanted[i].us);
        assert_int_equal(vcd.changes[i].level, wanted[i].level);
        assert_true(vcd.changes[i].signal == other || other % 3 == 0);
    }
    play.vcd = vcd;
    assert_int_equal(script_map(&board, &play), -1); /* no line is called so */
    free(play.pin);
    vcd_free(&vcd);
}

static void test_vcd_goes_to_lines(void **state)
{
    static const char text[] = "$timescale 1us $end $var wire 1 ! led $end\n"
                               "$var wire 1 \" a_button $end $var wire 1 # x_y_z-2 $end\n"
                               "$var wire 1 $ nobody $end $enddefinitions $end\n";
    struct script_play play = {.device = 0};

    (void)state;
    assert_int_equal(vcd_parse(&play.vcd, copy_of(text), strlen(text), &err), 0);
    assert_int_equal(script_map(&board, &play), 0);
    assert_int_equal(play.pin[0], 1);
    assert_int_equal(play.pin[1], 0);
    assert_int_equal(play.pin[3], UINT16_MAX);
    free(play.pin);
    vcd_free(&play.vcd);
}

static void test_vcd_errors(void **state)
{
    (void)state;
    bad_vcd("", 1, 1, "expected $enddefinitions");
    bad_vcd("hello", 1, 1, "'hello' is wrong here");
    bad_vcd("$timescale 1 fs $end", 1, 14, "too fine");
    bad_vcd("$timescale 2 ns $end", 1, 14, "no time scale");
    bad_vcd("$timescale", 1, 11, "no time scale");
    bad_vcd("$timescale 1ns $end\n$timescale 1us $end", 2, 1, "expected it once");
    bad_vcd("\n$version 3", 2, 1, "never ended");
    bad_vcd("$enddefinitions $end", 1, 1, "$timescale before it");
    bad_vcd("$timescale 1ns $end $var wire $end", 1, 35, "expected a code");
    bad_vcd("$timescale 1ns $end $var wire 1 $end", 1, 37, "expected a code");
    bad_vcd(HEAD "$enddefinitions $end", 3, 1, "wrong here");
    bad_vcd(HEAD "$var wire 1 ! a $end", 3, 1, "too late");
    bad_vcd(HEAD "$9", 3, 1, "nothing known");
    bad_vcd(HEAD "hello", 3, 1, "nothing known");
    bad_vcd(HEAD "#x", 3, 1, "is no time");
    bad_vcd(HEAD "0", 3, 1, "expected a code");
    bad_vcd(HEAD "b01", 3, 4, "expected a code");
    bad_vcd(HEAD "#1000\n#900", 4, 1, "goes back in time");
    bad_vcd(HEAD "#18446744073709551615", 3, 1, "is too late");
    bad_vcd(HEAD "#99999999999999999999", 3, 1, "is no time");
    bad_vcd("$timescale 1s $end $enddefinitions $end #99999999", 1, 41, "is too late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_repeats_and_words),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_vcd),
        cmocka_unit_test(test_vcd_goes_to_lines),
        cmocka_unit_test(test_vcd_errors),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
