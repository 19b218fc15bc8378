/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of --lines and --lines-file: what they make, what is said of wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/cli/lines_spec.h"
#include <virtiogpio/gpiochip.h>

static void parse(struct lines_spec *s, const char *text)
{
    char why[512] = "";

    if (lines_parse(s, "f", text, strlen(text), why, sizeof why) < 0) {
        fail_msg("%s: %s", text, why);
    }
}

static void item(const struct lines_spec *s, uint32_t i, const char *chip,
                 uint32_t offset, const char *name, uint32_t flags, uint32_t debounce)
{
    const struct lines_item *it = &s->items[i];

    assert_true(i < s->n);
    assert_string_equal(s->chips[it->chip], chip);
    assert_int_equal(it->offset, offset);
    if (name == NULL) {
        assert_null(it->name);
    } else {
        assert_string_equal(it->name, name);
    }
    assert_int_equal(it->flags, flags);
    assert_int_equal(it->debounce_us, debounce);
}

static void test_the_command_line(void **state)
{
    struct lines_spec s;
    uint32_t i;

    (void)state;
    parse(&s, "gpiochip0:3=RESET,gpiochip0:7=LED,gpiochip1:0-15");
    assert_int_equal(s.n, 18);
    assert_int_equal(s.nchips, 2);
    item(&s, 0, "/dev/gpiochip0", 3, "RESET", 0, 0);
    item(&s, 1, "/dev/gpiochip0", 7, "LED", 0, 0);
    for (i = 0; i < 16; i++) {
        item(&s, 2 + i, "/dev/gpiochip1", i, NULL, 0, 0);
    }
    assert_int_equal(s.items[2].line, 1);
    assert_int_equal(s.items[2].column, 35);
    lines_free(&s);
    parse(&s, "/dev/gpio/a:b:3 bias=pull-up, ./x:4=");
    item(&s, 0, "/dev/gpio/a:b", 3, NULL, VGPIO_GPIOCHIP_PULL_UP, 0);
    item(&s, 1, "./x", 4, "", 0, 0);
    lines_free(&s);
}

static void test_a_file(void **state)
{
    struct lines_spec s;

    (void)state;
    parse(&s, "# a board\n"
              "\n"
              "a:0=RESET  direction=output-high drive=open-drain # why\n"
              "\ta:1=\"the button\" active-low bias=pull-up debounce=5ms\r\n"
              "a:2 direction=output-low drive=open-source bias=disabled\n"
              "a:3 direction=input bias=pull-down debounce=7us\n"
              "a:4 direction=as-is bias=as-is drive=push-pull debounce=4294s");
    assert_int_equal(s.n, 5);
    item(&s, 0, "/dev/a", 0, "RESET",
         VGPIO_GPIOCHIP_START_HIGH | VGPIO_GPIOCHIP_OPEN_DRAIN, 0);
    item(&s, 1, "/dev/a", 1, "the button",
         VGPIO_GPIOCHIP_ACTIVE_LOW | VGPIO_GPIOCHIP_PULL_UP, 5000);
    item(&s, 2, "/dev/a", 2, NULL,
         VGPIO_GPIOCHIP_START_LOW | VGPIO_GPIOCHIP_OPEN_SOURCE | VGPIO_GPIOCHIP_NO_BIAS,
         0);
    item(&s, 3, "/dev/a", 3, NULL, VGPIO_GPIOCHIP_START_IN | VGPIO_GPIOCHIP_PULL_DOWN, 7);
    item(&s, 4, "/dev/a", 4, NULL, 0, 4294000000u);
    assert_int_equal(s.items[1].line, 4);
    assert_int_equal(s.items[1].column, 2);
    lines_free(&s);
}

static void test_most_lines(void **state)
{
    struct lines_spec s;

    (void)state;
    parse(&s, "a:1-4096");
    assert_int_equal(s.n, LINES_MAX);
    lines_free(&s);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "f:1:1: no line, expected at least one CHIP:OFFSET"},
        {"# nothing\n", "f:2:1: no line, expected"},
        {"a", "f:1:1: 'a', expected CHIP:OFFSET"},
        {":3", "f:1:1: ':3', expected CHIP:OFFSET"},
        {"a=b:3", "f:1:1: 'a', expected CHIP:OFFSET"},
        {"a:", "f:1:3: '', expected the number of a line"},
        {"a:x", "f:1:3: 'x', expected the number of a line"},
        {"a:-1", "f:1:3: '-1', expected the number of a line"},
        {"a:4294967296", "f:1:3: '4294967296', expected the number"},
        {"a:3x", "f:1:4: 'x', expected '-', '=', a blank, a comma or the end"},
        {"a:3-", "f:1:5: '', expected the last line of a range that begins with 3"},
        {"a:3-2", "f:1:6: '', expected the last line of a range that begins with 3"},
        {"a:3-4=b", "f:1:6: a name for a range"},
        {"a:1,,a:2", "f:1:5: nothing, expected CHIP:OFFSET"},
        {"a:1,", "f:1:5: nothing, expected CHIP:OFFSET"},
        {",a:1", "f:1:1: nothing, expected CHIP:OFFSET"},
        {"a:1,\na:2", "f:1:5: nothing, expected CHIP:OFFSET"},
        {"a:1=\"x", "f:1:5: a quote without its end"},
        {"a:1=\"x\ny\"", "f:1:5: a quote without its end"},
        {"a:1=\"x\"y", "f:1:8: expected a blank, a comma or the end after the quote"},
        {"a:1=x\"y", "f:1:6: not a character for a name"},
        {"a:1=x\x80", "f:1:6: not a character for a name"},
        {"a:1=12", "f:1:5: a number, expected a name"},
        {"a:1=x\na:2=x", "f:2:1: the name 'x' again, it is at 1:1 already"},
        {"a:1\nb:1,a:1", "f:2:5: line 1 of /dev/a again, it is at 1:1 already"},
        {"a:0-9,a:9", "f:1:7: line 9 of /dev/a again, it is at 1:1 already"},
        {"a:1,/dev/a:1", "f:1:5: line 1 of /dev/a again"},
        {"a:1 wild", "f:1:5: 'wild', expected active-low, bias="},
        {"a:1 bias=", "f:1:5: 'bias=', expected active-low, bias="},
        {"a:1 bias=up\x01", "f:1:5: 'bias=up?', expected"},
        {"a:1 debounce=", "f:1:5: 'debounce=', expected"},
        {"a:1 debounce=x", "f:1:14: not a time, expected one like 5ms"},
        {"a:1 debounce=5", "f:1:15: not a unit of time, expected us, ms or s"},
        {"a:1 debounce=5m", "f:1:15: not a unit of time, expected us, ms or s"},
        {"a:1 debounce=4295s", "f:1:14: a time too long, expected up to 4294s"},
        {"a:1 debounce=99999999999999999999us", "f:1:14: not a time, expected"},
        {"a:1 bias=pull-up  bias=as-is",
         "f:1:19: 'bias=as-is', but that was said before"},
        {"a:1 active-low active-low", "f:1:16: 'active-low', but that was said before"},
        {"a:0-4096", "f:1:1: more than 4096 lines"},
        {"b:1\na:0-4095", "f:2:1: more than 4096 lines"},
        {"a:0-4294967295", "f:1:1: more than 4096 lines"},
    };
    struct lines_spec s;
    char why[512];
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (lines_parse(&s, "f", wrong[i].text, strlen(wrong[i].text), why, sizeof why) ==
            0) {
            fail_msg("'%s' is taken", wrong[i].text);
        }
        if (strncmp(why, wrong[i].why, strlen(wrong[i].why)) != 0) {
            fail_msg("'%s': '%s', wanted '%s'", wrong[i].text, why, wrong[i].why);
        }
        assert_int_equal(s.n, 0); /* never half a table */
        assert_null(s.items);
        assert_null(s.chips);
    }
}

static void test_long_words(void **state)
{
    struct lines_spec s;
    char text[5000], why[64];

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "a:1=", 4);
    assert_int_equal(lines_parse(&s, "f", text, 4 + 255, why, sizeof why), 0);
    lines_free(&s);
    assert_int_equal(lines_parse(&s, "f", text, 4 + 256, why, sizeof why), -1);
    assert_string_equal(why, "f:1:5: a name longer than 255 characters");
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 2, ":1", 2);
    assert_int_equal(lines_parse(&s, "f", text, sizeof text, why, sizeof why), -1);
    assert_string_equal(why, "f:1:1: a chip's path of more than 4000 characters");
    assert_int_equal(lines_parse(&s, "f", "a\0b:1", 5, why, sizeof why), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_command_line), cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_most_lines),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
