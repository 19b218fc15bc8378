/* SPDX-License-Identifier: BSD-3-Clause */
/* Error and trace texts, version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/types.h>

static const int codes[] = {VGPIO_OK,          VGPIO_PENDING,    VGPIO_ERR_INVAL,
                            VGPIO_ERR_STATE,   VGPIO_ERR_NOSPC,  VGPIO_ERR_NOTSUP,
                            VGPIO_ERR_STALE,   VGPIO_ERR_ABI,    VGPIO_ERR_IO,
                            VGPIO_ERR_TIMEOUT, VGPIO_ERR_FATAL,  VGPIO_ERR_PROTO,
                            VGPIO_ERR_FAULT,   VGPIO_ERR_BROKEN, -1000};

static void test_every_error_has_a_text_of_its_own(void **state)
{
    size_t i;
    size_t j;

    (void)state;
    for (i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const char *text = vgpio_strerror(codes[i]);

        assert_non_null(text);
        assert_true(strlen(text) > 3);
        for (j = 0; j < i; j++) {
            assert_string_not_equal(text, vgpio_strerror(codes[j]));
        }
    }
}

static void test_results_that_are_no_errors_are_success(void **state)
{
    (void)state;
    assert_string_equal(vgpio_strerror(0), "success");
    assert_string_equal(vgpio_strerror(1), "success");
    assert_string_equal(vgpio_strerror(41), "success");
    assert_string_equal(vgpio_strerror(INT32_MAX), "success");
}

static void test_codes_nobody_defined_are_unknown(void **state)
{
    static const int holes[] = {-9, -63, -68, INT32_MIN};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        assert_string_equal(vgpio_strerror(holes[i]), "unknown error");
    }
}

static void test_fatal_errors_are_below_the_border(void **state)
{
    (void)state;
    assert_true(VGPIO_ERR_PROTO <= VGPIO_ERR_FATAL);
    assert_true(VGPIO_ERR_FAULT <= VGPIO_ERR_FATAL);
    assert_true(VGPIO_ERR_BROKEN <= VGPIO_ERR_FATAL);
    assert_true(VGPIO_ERR_TIMEOUT > VGPIO_ERR_FATAL);
}

static void test_version_is_that_of_the_header(void **state)
{
    uint32_t v = vgpio_version();

    (void)state;
    assert_int_equal(v, VGPIO_VERSION);
    assert_int_equal(v >> 16, VGPIO_VERSION_MAJOR);
    assert_int_equal(v >> 8 & 0xff, VGPIO_VERSION_MINOR);
    assert_int_equal(v & 0xff, VGPIO_VERSION_PATCH);
}

static void test_every_trace_id_has_a_text_of_its_own(void **state)
{
    unsigned id;
    unsigned other;

    (void)state;
    for (id = VGPIO_TR_RESET; id < VGPIO_TR_END; id++) {
        const char *text = vgpio_trace_str(id);

        assert_true(strlen(text) > 2);
        for (other = VGPIO_TR_RESET; other < id; other++) {
            assert_string_not_equal(text, vgpio_trace_str(other));
        }
    }
}

/* Text and id are kept in two files: the ends and the middle show that they agree. */
static void test_trace_texts_belong_to_their_ids(void **state)
{
    (void)state;
    assert_string_equal(vgpio_trace_str(VGPIO_TR_RESET), "reset");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_QUEUE_BROKEN), "queue broken");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_REQUEST), "request");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_NONE_OVERRULED), "none overruled");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_IRQ_VALID), "irq valid");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_EDGE_MERGED), "edge merged");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_VU_REFUSED), "vhost-user refused");
}

static void test_unknown_trace_ids_are_a_question_mark(void **state)
{
    (void)state;
    assert_string_equal(vgpio_trace_str(0), "?");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_END), "?");
    assert_string_equal(vgpio_trace_str(VGPIO_TR_END + 1), "?");
    assert_string_equal(vgpio_trace_str(UINT32_MAX), "?");
}

static void test_abi_word_keeps_four_sizes(void **state)
{
    (void)state;
    assert_true(VGPIO_ABI(1, 2, 3, 0xffff) == UINT64_C(0xffff000300020001));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_has_a_text_of_its_own),
        cmocka_unit_test(test_results_that_are_no_errors_are_success),
        cmocka_unit_test(test_codes_nobody_defined_are_unknown),
        cmocka_unit_test(test_fatal_errors_are_below_the_border),
        cmocka_unit_test(test_version_is_that_of_the_header),
        cmocka_unit_test(test_every_trace_id_has_a_text_of_its_own),
        cmocka_unit_test(test_trace_texts_belong_to_their_ids),
        cmocka_unit_test(test_unknown_trace_ids_are_a_question_mark),
        cmocka_unit_test(test_abi_word_keeps_four_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
