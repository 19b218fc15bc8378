/* SPDX-License-Identifier: BSD-3-Clause */
/* Board files: what each statement puts into the table, and the place and the words of
 * every error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/board.h"

#define TWO "device a lines=4 socket=x\ndevice b lines=2 socket=y\n"

static struct board board;
static struct lex_error err;

static int parse(const char *text)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(&err, 0, sizeof err);
    return board_parse(&board, copy, len, &err);
}

static void good(const char *text)
{
    if (parse(text) != 0) {
        fail_msg("%u:%u: %s", err.line, err.col, err.text);
    }
}

/* The words must say what is wrong and what was expected. */
static void bad(const char *text, unsigned line, unsigned col, const char *words)
{
    if (parse(text) != -1) {
        fail_msg("taken: %s", text);
    }
    if (err.line != line || err.col != col || strstr(err.text, words) == NULL ||
        (strstr(err.text, "expected ") == NULL)) {
        fail_msg("%s\n%u:%u: %s, not %u:%u: %s", text, err.line, err.col, err.text, line,
                 col, words);
    }
    board_free(&board);
}

static uint16_t pin_of(const char *text)
{
    char copy[80], why[200];
    uint16_t pin = 0;

    snprintf(copy, sizeof copy, "%s", text);
    assert_int_equal(board_pin_text(&board, copy, &pin, why, sizeof why), 0);
    return pin;
}

static void test_devices_and_lines(void **state)
{
    char name[80];

    (void)state;
    good("# a comment\r\n\n"
         "device a lines=4 socket=/tmp/a control=ctl dialect=draft  # and another\r\n"
         "device b-2 lines=300 socket=/tmp/b\n"
         "line a.led 2 pull-up open-drain\n"
         "line \"a.big button\" 0\n"
         "line b-2.x.y 299\n"
         "pin a.1 pull-down open-source\n"
         "pin b-2.x.y pull-none push-pull");
    assert_int_equal(board.ndevices, 2);
    assert_int_equal(board.npins, 304);
    assert_string_equal(board.devices[0].name, "a");
    assert_string_equal(board.devices[0].socket, "/tmp/a");
    assert_string_equal(board.devices[0].control, "ctl");
    assert_int_equal(board.devices[0].dialect, BANK_DRAFT);
    assert_null(board.devices[1].control);
    assert_string_equal(board.devices[0].names[2], "led");
    assert_string_equal(board.devices[0].names[0], "big button");
    assert_string_equal(board.devices[0].names[1], "");
    assert_int_equal(pin_of("a.led"), 2);
    assert_int_equal(pin_of("a.2"), 2);
    assert_int_equal(pin_of("a.big button"), 0);
    assert_int_equal(pin_of("b-2.x.y"), 4 + 299);
    assert_int_equal(board.pins[2].pull, 1);
    assert_int_equal(board.pins[2].kind, VGPIO_OPEN_DRAIN);
    assert_int_equal(board.pins[1].pull, 0);
    assert_int_equal(board.pins[1].kind, VGPIO_OPEN_SOURCE);
    assert_int_equal(board.pins[303].pull, VGPIO_FLOATING);
    assert_string_equal(board_pin_name(&board, 2, name, sizeof name), "a.led");
    assert_string_equal(board_pin_name(&board, 3, name, sizeof name), "a.3");
    board_free(&board);
}

static void test_wires(void **state)
{
    (void)state;
    good(TWO "node n pull-up\n"
             "wire a.0 -> b.0\nwire not a.1 -> n\nwire a.2 -> not b.1 open-drain\n"
             "wire not n -> not a.3\n"
             "wire feedback a.3 -> n open-source\n"
             "wired-or or a.0 pull-down\n"
             "join a.1 a.2 or\n");
    assert_int_equal(board.nwires, 5);
    assert_int_equal(board.wires[0].from, 0);
    assert_int_equal(board.wires[0].to, 4);
    assert_int_equal(board.wires[0].flags, 0);
    assert_int_equal(board.wires[1].flags, VGPIO_WIRE_NOT);
    assert_int_equal(board.wires[1].to, pin_of("n"));
    assert_int_equal(board.wires[2].flags, VGPIO_WIRE_NOT);
    assert_int_equal(board.wires[2].kind, VGPIO_OPEN_DRAIN);
    assert_int_equal(board.wires[3].flags, 0);
    assert_true(board.wires[4].feedback);
    assert_int_equal(board.njoins, 3);
    assert_int_equal(board.pins[0].kind, VGPIO_OPEN_SOURCE);
    assert_int_equal(board.pins[pin_of("or")].pull, 0);
    board_free(&board);
    good(TWO "wired-and bus a.0 b.0\nhog a.1 output-high\nhog a.2 input\n");
    assert_int_equal(board.pins[0].kind, VGPIO_OPEN_DRAIN);
    assert_int_equal(board.pins[pin_of("bus")].pull, 1);
    assert_int_equal(board.pins[1].hog, HOG_HIGH);
    assert_int_equal(board.pins[2].hog, HOG_INPUT);
    board_free(&board);
}

static void test_faults(void **state)
{
    (void)state;
    good(TWO "fault a.0 any err\n"
             "fault a.1 set-value delay 20ms after 3 times 2\n"
             "fault a.1 get-direction never times 1 after 4\n"
             "fault a.1 glitch every 2s times 5\n"
             "fault b.0 storm 1000 every 10us times 7\n");
    assert_int_equal(board.nfaults, 5);
    assert_int_equal(board.faults[0].rule.messages, FAULT_ANY);
    assert_int_equal(board.faults[0].rule.kind, FAULT_ERR);
    assert_int_equal(board.faults[0].rule.times, 0);
    assert_int_equal(board.faults[1].pin, 1);
    assert_int_equal(board.faults[1].rule.kind, FAULT_DELAY);
    assert_int_equal(board.faults[1].rule.time_us, 20000);
    assert_int_equal(board.faults[1].rule.skip, 3);
    assert_int_equal(board.faults[1].rule.times, 2);
    assert_int_equal(board.faults[2].rule.kind, FAULT_NEVER);
    assert_int_equal(board.faults[2].rule.skip, 4);
    assert_int_equal(board.faults[3].rule.pulses, 1);
    assert_int_equal(board.faults[3].rule.times, 5);
    assert_int_equal(board.faults[4].rule.kind, FAULT_STORM);
    assert_int_equal(board.faults[4].rule.pulses, 1000);
    assert_int_equal(board.faults[4].rule.time_us, 10);
    board_free(&board);
}

static void test_errors_of_words(void **state)
{
    (void)state;
    bad("", 1, 1, "no device");
    bad("# only this\n", 1, 1, "no device");
    bad("devise a", 1, 1, "'devise' is unknown");
    bad("device a lines=1 \"socket=x", 1, 18, "a quote without its end");
    bad("device a lines=1\n\x01", 2, 1, "byte 0x01");
    bad("device \xc3\xa4", 1, 8, "byte 0xc3");
    bad("\n  device\ta  lines=1 sockt=x", 2, 21, "'sockt=x' is unknown");
}

static void test_errors_of_devices(void **state)
{
    (void)state;
    bad("device", 1, 7, "cannot be a name");
    bad("device a.b lines=1", 1, 8, "'a.b' cannot be a name");
    bad("device 12 lines=1", 1, 8, "'12' cannot be a name");
    bad("device a", 1, 9, "expected lines=N");
    bad("device a lines=0", 1, 10, "expected 1 to 65535");
    bad("device a lines=65536", 1, 10, "expected 1 to 65535");
    bad("device a lines=18446744073709551617", 1, 10, "expected 1 to 65535");
    bad("device a lines=1 lines=1", 1, 18, "given twice");
    bad("device a lines=1 socket=", 1, 18, "empty");
    bad("device a lines=1 socket=x socket=y", 1, 27, "given twice");
    bad("device a lines=1 control=x control=y", 1, 28, "given twice");
    bad("device a lines=1 socket=x control=x", 1, 1, "are one path");
    bad("device a lines=1 dialect=old", 1, 18, "'old' is no dialect");
    bad("device a lines=1\ndevice a lines=1", 2, 8, "device 'a' is there already");
    bad("device a lines=1 socket=x\ndevice b lines=1 control=x", 2, 1,
        "a path of device 'a' again");
    bad("device a lines=65000\ndevice b lines=535", 2, 1, "too much");
}

static void test_errors_of_lines(void **state)
{
    (void)state;
    bad("line a.x 0", 1, 6, "'a.x' names no device");
    bad(TWO "line x 0", 3, 6, "'x' names no device");
    bad(TWO "line a. 0", 3, 6, "an empty name");
    bad(TWO "line a.12 0", 3, 6, "is a number, not a name");
    bad(TWO "line a.x", 3, 9, "expected a number from 0 to 3");
    bad(TWO "line a.x 4", 3, 10, "expected a number from 0 to 3");
    bad(TWO "line a.x 1\nline a.x 2", 4, 6, "'a.x' is there already");
    bad(TWO "line a.x 1\nline a.y 1", 4, 10, "line 1 is 'x' already");
    bad(TWO "line a.x 1 up", 3, 12, "'up' is unknown");
    bad(TWO "line a.x 1 pull-up pull-up", 3, 20, "says again");
    bad(TWO "line a.x 1 pull-up\npin a.x pull-down", 4, 9, "says again");
    bad(TWO "pin a.0", 3, 8, "expected pull-up");
    bad(TWO "pin a.9 pull-up", 3, 5, "device 'a' has no line '9'");
    bad(TWO "pin c.0 pull-up", 3, 5, "no device 'c'");
    bad(TWO "pin a. pull-up", 3, 5, "has no line ''");
    bad(TWO "node n\nnode n", 4, 6, "node 'n' is there already");
    bad(TWO "node", 3, 5, "cannot be a name");
    bad(TWO "node n up", 3, 8, "'up' is unknown");
}

static void test_errors_of_wires(void **state)
{
    (void)state;
    bad(TWO "wire", 3, 5, "the line ends here");
    bad(TWO "wire a.0", 3, 9, "expected '->'");
    bad(TWO "wire a.0 b.0", 3, 10, "expected '->'");
    bad(TWO "wire a.0 ->", 3, 12, "the line ends here");
    bad(TWO "wire a.0 -> n", 3, 13, "'n' is no node");
    bad(TWO "wire a.0 -> b.0 fast", 3, 17, "'fast' is unknown");
    bad(TWO "wire a.0 -> b.0 pull-up", 3, 17, "'pull-up' is unknown");
    bad(TWO "wire a.0 -> b.0 open-drain x", 3, 28, "'x' is too much");
    bad(TWO "wire a.0 -> b.0\nwire not a.0 -> b.0", 4, 6, "the wire of line 3");
    bad(TWO "join a.0", 3, 9, "the line ends here");
    bad(TWO "wired-and n", 3, 12, "expected DEVICE.LINE");
    bad(TWO "wired-and n pull-up pull-up a.0", 3, 21, "says again");
    bad(TWO "wired-and n a.0\nwired-or m a.0", 4, 12, "expected open-source");
    bad(TWO "hog a.0", 3, 8, "expected input");
    bad(TWO "hog a.0 output-high now", 3, 21, "'now' is too much");
    bad(TWO "hog a.0 input\nhog a.0 input", 4, 5, "hogged already");
}

static void test_loops_and_conflicts(void **state)
{
    (void)state;
    bad(TWO "wire a.0 -> a.0", 3, 6, "a loop: a.0 leads back to itself");
    bad(TWO "wire a.0 -> a.1\nwire a.1 -> a.2\njoin a.3 a.2\nwire a.3 -> b.0\n"
            "wire a.3 -> a.1\nwire b.0 -> b.1\n",
        4, 6, "a loop: a.1");
    bad(TWO "wire a.0 -> a.1\nwire feedback not a.1 -> a.0", 4, 15,
        "never comes to rest");
    good(TWO "wire not a.0 -> a.1\nwire feedback not a.1 -> a.0");
    board_free(&board);
    bad(TWO "hog a.0 output-high\nhog a.1 output-low\njoin a.0 a.1", 4, 1,
        "driven high and low");
    bad(TWO "wire a.0 -> b.0\nwire not a.0 -> n\nnode n\n", 4, 17, "'n' is no node");
    bad(TWO "node n\nwire a.0 -> n\nwire not a.1 -> n\n", 5, 6, "n is driven high and");
}

static void test_errors_of_faults(void **state)
{
    (void)state;
    bad(TWO "fault a.0", 3, 10, "expected get-direction");
    bad(TWO "fault a.0 any", 3, 14, "expected err, delay");
    bad(TWO "fault a.0 any delay", 3, 20, "is not a time");
    bad(TWO "fault a.0 any delay 10", 3, 21, "is not a time");
    bad(TWO "fault a.0 any delay ms", 3, 21, "is not a time");
    bad(TWO "fault a.0 any delay 1440001min", 3, 21, "is too long");
    bad(TWO "fault a.0 any delay 99999999999999999999999999s", 3, 21, "is too long");
    bad(TWO "fault a.0 any err times 0", 3, 25, "expected a number from 1");
    bad(TWO "fault a.0 any err times 4294967296", 3, 25, "expected a number from 1");
    bad(TWO "fault a.0 any err times 1 times 1", 3, 27, "expected after N or times N");
    bad(TWO "fault a.0 any err after", 3, 24, "expected a number from 1");
    bad(TWO "fault a.0 glitch", 3, 17, "expected every TIME");
    bad(TWO "fault a.0 glitch every 1s", 3, 26, "expected times N");
    bad(TWO "fault a.0 glitch every 0s times 1", 3, 24, "no time at all");
    bad(TWO "fault a.0 storm 0 every 1s times 1", 3, 17, "expected a number from 1");
    bad(TWO "node n\nfault n any err", 4, 7, "'n' is a node");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_and_lines),
        cmocka_unit_test(test_wires),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_errors_of_words),
        cmocka_unit_test(test_errors_of_devices),
        cmocka_unit_test(test_errors_of_lines),
        cmocka_unit_test(test_errors_of_wires),
        cmocka_unit_test(test_loops_and_conflicts),
        cmocka_unit_test(test_errors_of_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
