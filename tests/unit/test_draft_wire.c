/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of the draft, written by hand: every message in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/draft.h>

struct golden {
    uint8_t bytes[8];
    uint16_t type, line;
    int32_t value;
};

/* As on the wire between the fourth driver and a device; values of other versions are the
 * same but for the mask of answers. */
static const struct golden messages[] = {
    {{0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00}, VGPIO_DRAFT_REQUEST, 1, 0},
    {{0x01, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00}, 0x8001, 1, 0},
    {{0x01, 0xf0, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00}, 0xf001, 1, 0},
    {{0x01, 0x80, 0x01, 0x00, 0xf0, 0xff, 0xff, 0xff}, 0x8001, 1, -16},
    {{0x02, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00},
     VGPIO_DRAFT_DIRECTION_INPUT,
     256,
     0},
    {{0x02, 0x80, 0x00, 0x01, 0xea, 0xff, 0xff, 0xff}, 0x8002, 256, -22},
    {{0x03, 0x00, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00},
     VGPIO_DRAFT_DIRECTION_OUTPUT,
     2,
     1},
    {{0x03, 0x80, 0x02, 0x00, 0xff, 0xff, 0xff, 0xff}, 0x8003, 2, -1},
    {{0x04, 0x00, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00},
     VGPIO_DRAFT_GET_DIRECTION,
     65535,
     0},
    {{0x04, 0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00}, 0x8004, 3, VGPIO_DRAFT_INPUT},
    {{0x05, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00}, VGPIO_DRAFT_GET_LEVEL, 3, 0},
    {{0x05, 0x80, 0x03, 0x00, 0xfb, 0xff, 0xff, 0xff}, 0x8005, 3, -5},
    {{0x06, 0x00, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00}, VGPIO_DRAFT_SET_LEVEL, 2, 1},
    {{0x06, 0x80, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00}, 0x8006, 2, 1},
    {{0x07, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00}, VGPIO_DRAFT_RELEASE, 2, 0},
    {{0x08, 0x00, 0x02, 0x00, 0x2c, 0x00, 0x00, 0x00}, VGPIO_DRAFT_SET_IRQ, 2, 0x2c},
    {{0x11, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00}, VGPIO_DRAFT_LEVEL, 0, 1},
    {{0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x80}, 0xffff, 0xffff, INT32_MIN},
    {{0x34, 0x12, 0x78, 0x56, 0x78, 0x56, 0x34, 0x12}, 0x1234, 0x5678, 0x12345678},
    {{0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0x7f}, 0, 0, INT32_MAX},
};

static void test_messages(void **state)
{
    uint8_t out[10];
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        const struct golden *g = &messages[i];
        struct vgpio_draft_msg m = {g->type, g->line, g->value};

        memset(out, 0x5a, sizeof out);
        vgpio_draft_msg_encode(out + 1, &m);
        assert_memory_equal(out + 1, g->bytes, 8);
        assert_int_equal(out[0], 0x5a);
        assert_int_equal(out[9], 0x5a);
        memset(&m, 0, sizeof m);
        vgpio_draft_msg_decode(&m, out + 1);
        assert_int_equal(m.type, g->type);
        assert_int_equal(m.line, g->line);
        assert_int_equal(m.value, g->value);
    }
}

static void test_config(void **state)
{
    static const uint8_t golden[64] = {
        0x01, 0x00, 0x04, 0x00, 0x0d, 0x00, 0x00, 0x00, 0, 0, 0, 0, 0, 0, 0, 0,
        0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0,
        'd',  'r',  'a',  'f',  't',  'y',  0,    0,    0, 0, 0, 0, 0, 0, 0, 0,
    };
    static const uint8_t other[64] = {
        0x07, 0xee, 0xff, 0xee, 0x01, 0x02, 0x03, 0x84, 0xee, 0xee,
    };
    struct vgpio_draft_config c = {1, 4, 13, "drafty"};
    uint8_t out[66];

    (void)state;
    memset(out, 0x5a, sizeof out);
    vgpio_draft_config_encode(out + 1, &c);
    assert_memory_equal(out + 1, golden, 64);
    assert_int_equal(out[0], 0x5a);
    assert_int_equal(out[65], 0x5a);
    vgpio_draft_config_decode(&c, other);
    assert_int_equal(c.version, 7);
    assert_int_equal(c.ngpio, 0xeeff);
    assert_int_equal(c.names_size, 0x84030201u);
    assert_int_equal(c.name[0], 0);
    vgpio_draft_config_decode(&c, golden);
    assert_string_equal(c.name, "drafty");
    memset(c.name, 'x', sizeof c.name); /* no room for a terminator */
    vgpio_draft_config_encode(out + 1, &c);
    assert_int_equal(out[64], 'x');
    assert_int_equal(out[65], 0x5a);
}

static void test_errors(void **state)
{
    static const struct {
        int err, number, number_2021, back, back_2021;
    } t[] = {
        {VGPIO_ERR_INVAL, -22, -4, VGPIO_ERR_INVAL, VGPIO_ERR_INVAL},
        {VGPIO_ERR_STATE, -16, -4, VGPIO_ERR_STATE, VGPIO_ERR_INVAL},
        {VGPIO_ERR_NOSPC, -28, -1, VGPIO_ERR_NOSPC, VGPIO_ERR_IO},
        {VGPIO_ERR_NOTSUP, -95, -4, VGPIO_ERR_NOTSUP, VGPIO_ERR_INVAL},
        {VGPIO_ERR_TIMEOUT, -110, -3, VGPIO_ERR_TIMEOUT, VGPIO_ERR_IO},
        {VGPIO_ERR_IO, -5, -3, VGPIO_ERR_IO, VGPIO_ERR_IO},
        {VGPIO_ERR_STALE, -5, -1, VGPIO_ERR_IO, VGPIO_ERR_IO},
        {VGPIO_ERR_FAULT, -5, -1, VGPIO_ERR_IO, VGPIO_ERR_IO},
        {INT32_MIN, -5, -1, VGPIO_ERR_IO, VGPIO_ERR_IO},
    };
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof t / sizeof t[0]; i++) {
        assert_int_equal(vgpio_draft_value(t[i].err, 0), t[i].number);
        assert_int_equal(vgpio_draft_value(t[i].err, 1), t[i].number_2021);
        assert_int_equal(vgpio_draft_result(t[i].number, 0), t[i].back);
        assert_int_equal(vgpio_draft_result(t[i].number_2021, 1), t[i].back_2021);
    }
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_draft_value((int)i, 0), i);
        assert_int_equal(vgpio_draft_result((int32_t)i, 1), i);
    }
    assert_int_equal(vgpio_draft_result(-2, 1), VGPIO_ERR_INVAL); /* no such line */
    assert_int_equal(vgpio_draft_result(-12345, 0), VGPIO_ERR_IO);
    assert_int_equal(vgpio_draft_result(INT32_MIN, 1), VGPIO_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
