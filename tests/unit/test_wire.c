/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of virtio-gpio. Golden bytes are written by hand from the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/wire.h>

/* The example of "Get Line Names" for ten lines, in the bytes of its listing. */
static const char *const spec_names[10] = {
    "MMC-CD", NULL, NULL, NULL, NULL, "Red LED Vdd", NULL, "Ethernet reset", NULL, NULL,
};
/* clang-format off */
static const uint8_t spec_block[] = {
    0x4d, 0x4d, 0x43, 0x2d, 0x43, 0x44, 0,
    0, 0, 0, 0,
    0x52, 0x65, 0x64, 0x20, 0x4c, 0x45, 0x44, 0x20, 0x56, 0x64, 0x64, 0,
    0,
    0x45, 0x74, 0x68, 0x65, 0x72, 0x6e, 0x65, 0x74, 0x20, 0x72, 0x65, 0x73, 0x65, 0x74, 0,
    0, 0,
};
/* clang-format on */

static void test_request_bytes(void **state)
{
    static const uint8_t golden[8] = {0x05, 0x00, 0x34, 0x12, 0x01, 0x00, 0x00, 0x00};
    static const uint8_t odd[8] = {0x02, 0x81, 0xff, 0xfe, 0x01, 0x02, 0x83, 0xf4};
    struct vgpio_request req = {VGPIO_MSG_SET_VALUE, 0x1234, 1};
    uint8_t bytes[10];

    (void)state;
    memset(bytes, 0xee, sizeof bytes);
    vgpio_request_encode(bytes + 1, &req);
    assert_memory_equal(bytes + 1, golden, 8);
    assert_true(bytes[0] == 0xee && bytes[9] == 0xee);
    vgpio_request_decode(&req, odd);
    assert_int_equal(req.type, 0x8102);
    assert_int_equal(req.line, 0xfeff);
    assert_true(req.value == 0xf4830201u);
    vgpio_request_encode(bytes + 1, &req);
    assert_memory_equal(bytes + 1, odd, 8);
}

static void test_response_bytes(void **state)
{
    struct vgpio_response rsp = {VGPIO_STATUS_ERR, 0xa5};
    uint8_t bytes[4] = {0xee, 0xee, 0xee, 0xee};

    (void)state;
    vgpio_response_encode(bytes + 1, &rsp);
    assert_memory_equal(bytes, "\xee\x01\xa5\xee", 4);
    vgpio_response_decode(&rsp, (const uint8_t *)"\x80\xff");
    assert_int_equal(rsp.status, 0x80);
    assert_int_equal(rsp.value, 0xff);
}

static void test_config_bytes(void **state)
{
    static const uint8_t golden[8] = {0x0a, 0x00, 0x00, 0x00, 0x29, 0x00, 0x00, 0x00};
    static const uint8_t odd[8] = {0xfe, 0xff, 0xaa, 0xbb, 0x04, 0x03, 0x02, 0x81};
    struct vgpio_config cfg = {10, 41};
    uint8_t bytes[10];

    (void)state;
    memset(bytes, 0xee, sizeof bytes); /* the padding must become 0 */
    vgpio_config_encode(bytes + 1, &cfg);
    assert_memory_equal(bytes + 1, golden, 8);
    assert_true(bytes[0] == 0xee && bytes[9] == 0xee);
    vgpio_config_decode(&cfg, odd);
    assert_int_equal(cfg.ngpio, 0xfffe);
    assert_true(cfg.names_size == 0x81020304u);
}

static void test_irq_request_bytes(void **state)
{
    struct vgpio_irq_request req = {0x8001};
    uint8_t bytes[4] = {0xee, 0xee, 0xee, 0xee};

    (void)state;
    vgpio_irq_request_encode(bytes + 1, &req);
    assert_memory_equal(bytes, "\xee\x01\x80\xee", 4);
    vgpio_irq_request_decode(&req, (const uint8_t *)"\xff\x7f");
    assert_int_equal(req.line, 0x7fff);
}

static void test_numbers_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(VGPIO_DEVICE_ID, 41);
    assert_int_equal(VGPIO_REQUESTQ, 0);
    assert_int_equal(VGPIO_EVENTQ, 1);
    assert_int_equal(VGPIO_MSG_GET_LINE_NAMES, 1);
    assert_int_equal(VGPIO_MSG_GET_DIRECTION, 2);
    assert_int_equal(VGPIO_MSG_SET_DIRECTION, 3);
    assert_int_equal(VGPIO_MSG_GET_VALUE, 4);
    assert_int_equal(VGPIO_MSG_SET_VALUE, 5);
    assert_int_equal(VGPIO_MSG_SET_IRQ_TYPE, 6);
    assert_int_equal(VGPIO_STATUS_OK, 0);
    assert_int_equal(VGPIO_STATUS_ERR, 1);
    assert_int_equal(VGPIO_DIR_NONE, 0);
    assert_int_equal(VGPIO_DIR_OUT, 1);
    assert_int_equal(VGPIO_DIR_IN, 2);
    assert_int_equal(VGPIO_IRQ_NONE, 0);
    assert_int_equal(VGPIO_IRQ_EDGE_RISING, 1);
    assert_int_equal(VGPIO_IRQ_EDGE_FALLING, 2);
    assert_int_equal(VGPIO_IRQ_EDGE_BOTH, 3);
    assert_int_equal(VGPIO_IRQ_LEVEL_HIGH, 4);
    assert_int_equal(VGPIO_IRQ_LEVEL_LOW, 8);
    assert_int_equal(VGPIO_IRQ_STATUS_INVALID, 0);
    assert_int_equal(VGPIO_IRQ_STATUS_VALID, 1);
    assert_int_equal(VGPIO_REQUEST_SIZE, 8);
    assert_int_equal(VGPIO_RESPONSE_SIZE, 2);
    assert_int_equal(VGPIO_CONFIG_SIZE, 8);
    assert_int_equal(VGPIO_IRQ_REQUEST_SIZE, 2);
    assert_int_equal(VGPIO_IRQ_RESPONSE_SIZE, 1);
    assert_true(VGPIO_NAMES_RESPONSE_SIZE(41) == 42);
    assert_true(VGPIO_NAMES_RESPONSE_SIZE(UINT32_MAX) == UINT64_C(0x100000000));
    assert_true(VGPIO_F_IRQ == 1);
    assert_true(VGPIO_F_INDIRECT == UINT64_C(0x10000000));
    assert_true(VGPIO_F_EVENT_IDX == UINT64_C(0x20000000));
    assert_true(VGPIO_F_VERSION_1 == UINT64_C(0x100000000));
    assert_true(VGPIO_F_ACCESS_PLATFORM == UINT64_C(0x200000000));
    assert_true(VGPIO_F_PACKED == UINT64_C(0x400000000));
    assert_true(VGPIO_F_IN_ORDER == UINT64_C(0x800000000));
    assert_true(VGPIO_F_ORDER_PLATFORM == UINT64_C(0x1000000000));
    assert_true(VGPIO_F_NOTIFICATION_DATA == UINT64_C(0x4000000000));
    assert_true(VGPIO_F_RING_RESET == UINT64_C(0x10000000000));
}

/* A sanitizer takes most of a minute to walk two gigabytes, and has nothing to find in
 * the sum of lengths: that test belongs to the other builds. */
#if defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW_BUILD 1
#endif
#endif

#if VGPIO_CFG_NAMES

static uint8_t *bytes(const char *s)
{
    return (uint8_t *)(uintptr_t)s;
}

/* Both ways of looking for duplicates must say the same. Exact-size copies of block and
 * scratch, so that a sanitizer sees the first byte too many. */
static int check(const void *block, uint32_t size, uint16_t n)
{
    uint8_t *copy = malloc(size + (size == 0));
    uint32_t *scratch = malloc(n * sizeof *scratch + (n == 0));
    int fast;
    int slow;

    assert_non_null(copy);
    assert_non_null(scratch);
    if (size != 0) {
        memcpy(copy, block, size);
    }
    slow = vgpio_names_check(copy, size, n, NULL);
    fast = vgpio_names_check(copy, size, n, scratch);
    assert_int_equal(slow, fast);
    assert_true(size == 0 || memcmp(copy, block, size) == 0);
    free(scratch);
    free(copy);
    return fast;
}

static void test_example_of_the_specification(void **state)
{
    uint8_t out[41];
    uint16_t line;

    (void)state;
    assert_int_equal(sizeof spec_block, 41);
    assert_int_equal(vgpio_names_build(NULL, 0, spec_names, 10), 41);
    assert_int_equal(vgpio_names_build(out, sizeof out, spec_names, 10), 41);
    assert_memory_equal(out, spec_block, 41);
    assert_int_equal(check(spec_block, 41, 10), VGPIO_OK);
    for (line = 0; line < 10; line++) {
        const char *want = spec_names[line] == NULL ? "" : spec_names[line];

        assert_string_equal(vgpio_names_at(spec_block, 41, line), want);
    }
    assert_null(vgpio_names_at(spec_block, 41, 10));
}

static void test_build_says_what_it_needs_and_writes_no_more(void **state)
{
    static const char *const names[] = {"a", "", NULL, "bc"};
    uint8_t out[8];
    uint32_t cap;

    (void)state;
    assert_int_equal(vgpio_names_build(NULL, 0, names, 4), 7);
    for (cap = 0; cap < 7; cap++) {
        memset(out, 0xee, sizeof out);
        assert_int_equal(vgpio_names_build(out, cap, names, 4), VGPIO_ERR_NOSPC);
        assert_memory_equal(out, "\xee\xee\xee\xee\xee\xee\xee\xee", 8);
    }
    assert_int_equal(vgpio_names_build(out, 8, names, 4), 7);
    assert_memory_equal(out, "a\0\0\0bc\0\xee", 8);
}

static void test_build_of_nothing_and_of_no_names(void **state)
{
    static const char *const unnamed[3] = {NULL, "", NULL};
    uint8_t out[4] = {0xee, 0xee, 0xee, 0xee};

    (void)state;
    assert_int_equal(vgpio_names_build(NULL, 0, NULL, 0), 0);
    assert_int_equal(vgpio_names_build(out, 4, NULL, 0), 0);
    assert_int_equal(out[0], 0xee);
    assert_int_equal(vgpio_names_build(out, 4, unnamed, 3), 3);
    assert_memory_equal(out, "\0\0\0\xee", 4);
}

static void test_build_refuses_what_check_would(void **state)
{
    static const char *const twice[] = {"a", "b", NULL, "a"};
    static const char *const late[] = {"", "x", "a", "a", NULL};
    static const char *const eight_bit[] = {"a", "\xc3\xa4"};
    static const char *const del[] = {"\x7f\x01 ~"}; /* 7-bit is all that is asked */
    static const char *const case_matters[] = {"a", "A", "aa", "Aa"};
    uint8_t out[16];

    (void)state;
    memset(out, 0xee, sizeof out);
    assert_int_equal(vgpio_names_build(out, 16, twice, 4), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_names_build(NULL, 0, twice, 4), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_names_build(out, 16, late, 5), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_names_build(out, 16, late + 2, 2), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_names_build(out, 16, eight_bit, 2), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_names_build(NULL, 1, del, 1), VGPIO_ERR_INVAL);
    assert_int_equal(out[0], 0xee);
    assert_int_equal(vgpio_names_build(out, 16, del, 1), 5);
    assert_int_equal(vgpio_names_build(out, 16, case_matters, 4), 10);
    assert_int_equal(check(out, 10, 4), VGPIO_OK);
}

#ifndef SLOW_BUILD
/* Names that lie inside one another: few megabytes are a block of two gigabytes. */
static void test_build_refuses_a_size_that_is_no_int(void **state)
{
    enum {
        NAMES = 121, /* all but the last are less than INT32_MAX bytes */
        LONG = 17 << 20
    };
    const char *names[NAMES];
    char *text = malloc(LONG);
    uint32_t left = INT32_MAX;
    uint16_t i;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', LONG - 1);
    text[LONG - 1] = '\0';
    for (i = 0; i < NAMES - 1; i++) {
        text[i] = (char)(i + 1); /* no two names start alike */
        names[i] = text + i;     /* LONG - i bytes with the terminator */
        left -= LONG - i;
    }
    assert_true(left < LONG - NAMES);
    names[NAMES - 1] = text + LONG - left;
    assert_int_equal(vgpio_names_build(NULL, 0, names, NAMES), INT32_MAX);
    names[NAMES - 1]--;
    assert_int_equal(vgpio_names_build(NULL, 0, names, NAMES), VGPIO_ERR_INVAL);
    free(text);
}
#endif

static void test_check_wants_exactly_n_strings(void **state)
{
    (void)state;
    assert_int_equal(check("", 0, 0), VGPIO_OK);
    assert_int_equal(vgpio_names_check(NULL, 0, 0, NULL), VGPIO_OK);
    assert_int_equal(check("", 0, 1), VGPIO_ERR_INVAL);
    assert_int_equal(check("\0", 1, 0), VGPIO_ERR_INVAL);
    assert_int_equal(check("\0", 1, 1), VGPIO_OK);
    assert_int_equal(check("\0\0\0", 3, 3), VGPIO_OK);
    assert_int_equal(check("a\0b\0", 4, 2), VGPIO_OK);
    assert_int_equal(check("a\0b\0", 4, 1), VGPIO_ERR_INVAL);
    assert_int_equal(check("a\0b\0", 4, 3), VGPIO_ERR_INVAL);
    assert_int_equal(check("a\0b", 3, 1), VGPIO_ERR_INVAL); /* bytes left over */
    assert_int_equal(check("a\0b", 3, 2), VGPIO_ERR_INVAL); /* not terminated */
    assert_int_equal(check("a", 1, 0), VGPIO_ERR_INVAL);
    assert_int_equal(check("a", 1, 1), VGPIO_ERR_INVAL);
}

static void test_check_wants_seven_bits(void **state)
{
    (void)state;
    assert_int_equal(check("\x7f\0", 2, 1), VGPIO_OK);
    assert_int_equal(check("\x80\0", 2, 1), VGPIO_ERR_INVAL);
    assert_int_equal(check("ok\0\xff\0", 5, 2), VGPIO_ERR_INVAL);
}

static void test_check_finds_duplicates_wherever_they_are(void **state)
{
    char block[3 * 7];
    unsigned i;
    unsigned j;

    (void)state;
    for (i = 0; i < 7; i++) {
        for (j = 0; j < 7; j++) {
            unsigned k;

            for (k = 0; k < 7; k++) {
                block[3 * k] = 'n';
                block[3 * k + 1] = (char)('0' + (k == j ? i : k) * 5 % 7);
                block[3 * k + 2] = 0;
            }
            assert_int_equal(check(block, sizeof block, 7),
                             i == j ? VGPIO_OK : VGPIO_ERR_INVAL);
        }
    }
}

static void test_check_lets_unnamed_and_similar_names_live(void **state)
{
    (void)state;
    assert_int_equal(check("\0a\0\0ab\0\0abc\0A\0", 14, 7), VGPIO_OK);
    assert_int_equal(check("b\0a\0", 4, 2), VGPIO_OK);
    assert_int_equal(check("\0a\0\0a\0", 6, 4), VGPIO_ERR_INVAL);
}

/* As many lines as there can be. In order, reversed and mixed, so that the sort meets
 * each; without scratch this would be two thousand million comparisons. */
static void test_check_of_65535_names(void **state)
{
    enum {
        N = 65535
    };
    static char block[N * 6];
    static uint32_t scratch[N];
    static const uint32_t factor[] = {1, 65534, 28657}; /* each coprime to N */
    uint32_t i;
    size_t f;

    (void)state;
    for (f = 0; f < 3; f++) {
        for (i = 0; i < N; i++) {
            uint32_t v = (uint32_t)((uint64_t)i * factor[f] % N);
            int d;

            for (d = 4; d >= 0; d--, v /= 10) {
                block[6 * i + (uint32_t)d] = (char)('0' + v % 10);
            }
            block[6 * i + 5] = 0;
        }
        assert_int_equal(vgpio_names_check(bytes(block), sizeof block, N, scratch),
                         VGPIO_OK);
        memcpy(block + 6 * (N - 1), block + 6 * 12345, 6);
        assert_int_equal(vgpio_names_check(bytes(block), sizeof block, N, scratch),
                         VGPIO_ERR_INVAL);
    }
}

static void test_next_walks_and_stops(void **state)
{
    const uint8_t *block = bytes("ab\0\0c\0rest");
    uint32_t off = 0;

    (void)state;
    assert_string_equal(vgpio_names_next(block, 10, &off), "ab");
    assert_int_equal(off, 3);
    assert_string_equal(vgpio_names_next(block, 10, &off), "");
    assert_int_equal(off, 4);
    assert_string_equal(vgpio_names_next(block, 10, &off), "c");
    assert_int_equal(off, 6);
    assert_null(vgpio_names_next(block, 10, &off)); /* "rest" has no end */
    assert_int_equal(off, 6);
}

static void test_next_is_safe_from_any_offset(void **state)
{
    static const uint32_t offs[] = {2, 3, UINT32_MAX};
    uint32_t off;
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        off = offs[i];
        assert_null(vgpio_names_next(bytes("a"), 2, &off));
        assert_true(off == offs[i]);
    }
    off = 0;
    assert_null(vgpio_names_next(NULL, 0, &off));
}

static void test_at_counts_lines(void **state)
{
    (void)state;
    assert_string_equal(vgpio_names_at(bytes("a\0\0b"), 5, 0), "a");
    assert_string_equal(vgpio_names_at(bytes("a\0\0b"), 5, 1), "");
    assert_string_equal(vgpio_names_at(bytes("a\0\0b"), 5, 2), "b");
    assert_null(vgpio_names_at(bytes("a\0\0b"), 5, 3));
    assert_null(vgpio_names_at(bytes("a\0\0b"), 5, 65535));
    assert_null(vgpio_names_at(bytes("a\0\0b"), 4, 2));
    assert_null(vgpio_names_at(NULL, 0, 0));
}

#else /* compiled out: there, but know no block */

static void test_names_are_compiled_out(void **state)
{
    uint8_t out[41];
    uint32_t off = 0;

    (void)state;
    assert_int_equal(vgpio_names_build(out, 41, spec_names, 10), VGPIO_ERR_NOTSUP);
    assert_int_equal(vgpio_names_check(spec_block, 41, 10, NULL), VGPIO_ERR_NOTSUP);
    assert_null(vgpio_names_next(spec_block, 41, &off));
    assert_null(vgpio_names_at(spec_block, 41, 0));
}

#endif

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_bytes),
        cmocka_unit_test(test_response_bytes),
        cmocka_unit_test(test_config_bytes),
        cmocka_unit_test(test_irq_request_bytes),
        cmocka_unit_test(test_numbers_of_the_specification),
#if VGPIO_CFG_NAMES
        cmocka_unit_test(test_example_of_the_specification),
        cmocka_unit_test(test_build_says_what_it_needs_and_writes_no_more),
        cmocka_unit_test(test_build_of_nothing_and_of_no_names),
        cmocka_unit_test(test_build_refuses_what_check_would),
#ifndef SLOW_BUILD
        cmocka_unit_test(test_build_refuses_a_size_that_is_no_int),
#endif
        cmocka_unit_test(test_check_wants_exactly_n_strings),
        cmocka_unit_test(test_check_wants_seven_bits),
        cmocka_unit_test(test_check_finds_duplicates_wherever_they_are),
        cmocka_unit_test(test_check_lets_unnamed_and_similar_names_live),
        cmocka_unit_test(test_check_of_65535_names),
        cmocka_unit_test(test_next_walks_and_stops),
        cmocka_unit_test(test_next_is_safe_from_any_offset),
        cmocka_unit_test(test_at_counts_lines),
#else
        cmocka_unit_test(test_names_are_compiled_out),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
