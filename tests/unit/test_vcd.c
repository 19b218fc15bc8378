/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/vcd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"led", "", "a b", "a_b"};
static const struct wave_change changes[] = {
    {0, 0, '0'},    {2000, 0, '1'}, {2000, 1, '1'},
    {3100, 2, '1'}, {3200, 2, '0'}, {4000, 0, 'z'},
};
static const struct wave wave = {names, "zz00", 4, changes, 6, 6000};

/* What `print` writes, for the caller to free. */
static char *text_of(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    print(f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void print_vcd(FILE *f)
{
    assert_true(wave_write_vcd(&wave, f));
}

static void print_ascii(FILE *f)
{
    wave_draw(&wave, f, 1000, false);
}

static void print_utf8(FILE *f)
{
    wave_draw(&wave, f, 1000, true);
}

static void test_vcd(void **state)
{
    char *text = text_of(print_vcd);

    (void)state;
    assert_string_equal(text, "$version libvirtiogpio $end\n"
                              "$timescale 1 ns $end\n"
                              "$scope module gpio $end\n"
                              "$var wire 1 ! led $end\n"
                              "$var wire 1 \" line1 $end\n"
                              "$var wire 1 # a_b-2 $end\n"
                              "$var wire 1 $ a_b $end\n"
                              "$upscope $end\n"
                              "$enddefinitions $end\n"
                              "#0\n"
                              "$dumpvars\n"
                              "z!\n"
                              "z\"\n"
                              "0#\n"
                              "0$\n"
                              "$end\n"
                              "0!\n"
                              "#2000\n"
                              "1!\n"
                              "1\"\n"
                              "#3100\n"
                              "1#\n"
                              "#3200\n"
                              "0#\n"
                              "#4000\n"
                              "z!\n"
                              "#6000\n");
    free(text);
}

static void test_picture(void **state)
{
    char *text = text_of(print_ascii);

    (void)state;
    /* The pulse of 100 ns in the third column of "a_b" does not vanish. */
    assert_string_equal(text, "  led    __--...\n"
                              "  line1  ..-----\n"
                              "  a_b    ___|___\n"
                              "  a_b    _______\n");
    free(text);
    text = text_of(print_utf8);
    assert_non_null(
        strstr(text, "  led    \u2581\u2581\u2594\u2594\u00b7\u00b7\u00b7\n"));
    free(text);
}

static void test_words(void **state)
{
    static const char *const odd[] = {
        "line5",
        "x y",
        "",
        "x+y",
        "12",
        "p q",
        "a name that is longer than any word a viewer can show"};
    static const char *const words[] = {"line5-0", "x_y-1", "line2",
                                        "x_y-3",   "12",    "p_q"};
    const struct wave w = {odd, "0000000", 7, NULL, 0, 0};
    char word[32];
    uint16_t i;

    (void)state;
    for (i = 0; i < 6; i++) {
        wave_word(&w, i, word, sizeof word);
        assert_string_equal(word, words[i]);
    }
    wave_word(&w, 6, word, sizeof word);
    assert_string_equal(word, "a_name_that_is_longer_th-6");
}

/* Codes are unique over the whole range and never hold a blank. */
static void test_codes(void **state)
{
    static char seen[95 * 95 * 95];
    struct wave many = {NULL, NULL, 9000, NULL, 0, 0}; /* three letters */
    const char **unnamed = calloc(many.nlines, sizeof *unnamed);
    char *initial = malloc(many.nlines);
    char *text = NULL;
    size_t size = 0;
    unsigned n = 0;
    char *p;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    for (n = 0; n < many.nlines; n++) {
        unnamed[n] = "";
        initial[n] = '0';
    }
    many.names = unnamed;
    many.initial = initial;
    assert_true(wave_write_vcd(&many, f));
    fclose(f);
    for (n = 0, p = strstr(text, "$dumpvars\n") + 10; *p == '0'; n++) {
        unsigned code = 0;

        for (p++; *p != '\n'; p++) {
            assert_in_range(*p, '!', '~');
            code = code * 95u + (unsigned)(*p - '!') + 1u;
        }
        assert_int_equal(seen[code]++, 0);
        p++;
    }
    assert_int_equal(n, many.nlines);
    free(text);
    free(initial);
    free((void *)unnamed);
}

static void test_write_error(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_false(wave_write_vcd(&wave, full));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vcd),         cmocka_unit_test(test_picture),
        cmocka_unit_test(test_words),       cmocka_unit_test(test_codes),
        cmocka_unit_test(test_write_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
