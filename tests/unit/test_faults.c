/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines that misbehave: what the device is told, when, and how often, on a clock that the
 * test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/wire.h>

#include "cli/faults.h"

static struct {
    struct board board;
    struct vclock clock;
    struct faults faults;
    unsigned asked, resets; /* of the lines */
    vgpio_token token;      /* the last that was completed, how often, and with what */
    unsigned completed, touched, pulses;
    int result;
} w;

static int complete(void *obj, vgpio_token token, int result)
{
    (void)obj;
    w.token = token;
    w.result = result;
    w.completed++;
    return 0;
}

static int change(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    (void)obj;
    (void)line;
    (void)edges;
    (void)level;
    return 0;
}

static const struct vgpio_sink_ops sink_ops = {sizeof sink_ops, complete, change};

static int line_get(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx;
    (void)line;
    (void)token;
    w.asked++;
    return 1;
}

static int line_direct(void *ctx, uint16_t line, unsigned dir, unsigned value,
                       vgpio_token token)
{
    (void)value;
    (void)dir;
    return line_get(ctx, line, token) - 1;
}

static int line_set(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    (void)value;
    return line_get(ctx, line, token) - 1;
}

static void line_reset(void *ctx)
{
    (void)ctx;
    w.resets++;
}

static const struct vgpio_line_ops lines = {
    sizeof lines, line_get, line_direct, line_get, line_set, line_set, NULL, line_reset};

static void touch(void *ctx, uint32_t device)
{
    (void)ctx;
    assert_int_equal(device, 0);
    w.touched++;
}

static void pulse(void *ctx, uint16_t pin)
{
    (void)ctx;
    assert_int_equal(pin, 2);
    w.pulses++;
}

static int setup(void **state)
{
    static const char text[] = "device a lines=4\nhog a.3 output-high\n";
    struct lex_error err;
    char *copy = malloc(sizeof text);

    (void)state;
    memset(&w, 0, sizeof w);
    assert_non_null(copy);
    memcpy(copy, text, sizeof text);
    assert_int_equal(board_parse(&w.board, copy, sizeof text - 1, &err), 0);
    vclock_init(&w.clock, true);
    assert_int_equal(faults_init(&w.faults, &w.board, &w.clock), 0);
    w.faults.touch = touch;
    w.faults.pulse = pulse;
    w.faults.devices[0].ops = &lines;
    w.faults.devices[0].sink.ops = &sink_ops;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_free(&w.faults);
    assert_int_equal(vclock_due(&w.clock), VCLOCK_NEVER); /* no timer is left */
    board_free(&w.board);
    return 0;
}

static void add(uint16_t pin, enum fault_kind kind, unsigned messages, uint32_t skip,
                uint32_t times)
{
    struct fault_rule rule = {kind, messages, skip, times, 3, 5000};

    assert_int_equal(faults_add(&w.faults, pin, &rule), 0);
}

static int get(uint16_t line, vgpio_token token)
{
    return fault_ops.get_value(&w.faults.devices[0], line, token);
}

static void until(uint64_t us)
{
    while (vclock_due(&w.clock) <= us) {
        w.clock.now_us = vclock_due(&w.clock);
        vclock_fire(&w.clock);
    }
    w.clock.now_us = us;
}

static void test_refused(void **state)
{
    (void)state;
    add(1, FAULT_ERR, FAULT_GET_VALUE, 2, 1);
    assert_int_equal(get(1, 7), 1);
    assert_int_equal(get(0, 7), 1);
    assert_int_equal(fault_ops.get_direction(&w.faults.devices[0], 1, 7), 1);
    assert_int_equal(get(1, 7), 1);
    assert_int_equal(w.asked, 4);
    assert_int_equal(get(1, 7), VGPIO_ERR_IO);
    assert_int_equal(w.asked, 4);
    assert_int_equal(get(1, 7), 1);
    assert_int_equal(get(4, 7), VGPIO_ERR_INVAL);
}

static void test_each_message(void **state)
{
    struct fault_device *d = &w.faults.devices[0];

    (void)state;
    add(0, FAULT_ERR, FAULT_ANY, 0, 5);
    assert_int_equal(fault_ops.get_direction(d, 0, 7), VGPIO_ERR_IO);
    assert_int_equal(fault_ops.set_direction(d, 0, VGPIO_DIR_IN, 0, 7), VGPIO_ERR_IO);
    assert_int_equal(fault_ops.get_value(d, 0, 7), VGPIO_ERR_IO);
    assert_int_equal(fault_ops.set_value(d, 0, 1, 7), VGPIO_ERR_IO);
    assert_int_equal(fault_ops.set_irq_type(d, 0, 1, 7), VGPIO_ERR_IO);
    assert_int_equal(w.asked, 0);
    assert_int_equal(fault_ops.set_direction(d, 0, VGPIO_DIR_IN, 0, 7), 0);
    assert_int_equal(fault_ops.set_value(d, 0, 1, 7), 0);
    assert_int_equal(fault_ops.set_irq_type(d, 0, 1, 7), 0);
    assert_int_equal(w.asked, 3);
}

static void test_late(void **state)
{
    (void)state;
    add(1, FAULT_DELAY, FAULT_GET_VALUE, 0, 0);
    assert_int_equal(get(1, 7), VGPIO_PENDING);
    until(4999);
    assert_int_equal(w.asked + w.completed, 0);
    until(5000);
    assert_int_equal(w.asked, 1);
    assert_int_equal(w.completed, 1);
    assert_int_equal(w.token, 7);
    assert_int_equal(w.result, 1);
    assert_int_equal(w.touched, 1);
    assert_int_equal(get(1, 8), VGPIO_PENDING); /* again and again */
    fault_ops.reset(&w.faults.devices[0]);
    until(100000);
    assert_int_equal(w.completed, 1); /* its token died with the reset */
    assert_int_equal(w.resets, 1);
}

static void test_never(void **state)
{
    (void)state;
    add(1, FAULT_NEVER, FAULT_ANY, 0, 0);
    assert_int_equal(get(1, 7), VGPIO_PENDING);
    until(UINT64_C(1) << 40);
    assert_int_equal(w.completed, 0);
    faults_clear(&w.faults, 1);
    assert_int_equal(w.completed, 1);
    assert_int_equal(w.token, 7);
    assert_int_equal(w.result, VGPIO_ERR_IO);
    assert_int_equal(get(1, 8), 1);
    faults_clear(&w.faults, 1);
    assert_int_equal(w.completed, 1);
}

static void test_the_first_rule_that_hits(void **state)
{
    (void)state;
    add(1, FAULT_ERR, FAULT_SET_VALUE, 0, 0);
    add(1, FAULT_DELAY, FAULT_GET_VALUE, 1, 1);
    add(1, FAULT_ERR, FAULT_GET_VALUE, 0, 1);
    assert_int_equal(get(1, 7), VGPIO_ERR_IO);
    assert_int_equal(get(1, 7), VGPIO_PENDING);
    until(5000);
    assert_int_equal(get(1, 7), 1);
}

static void test_a_storm_has_an_end(void **state)
{
    (void)state;
    add(2, FAULT_STORM, 0, 1, 2);
    until(9999);
    assert_int_equal(w.pulses, 0); /* the first one is spared */
    until(10000);
    assert_int_equal(w.pulses, 3);
    until(1000000);
    assert_int_equal(w.pulses, 6);
    add(2, FAULT_STORM, 0, 0, 2);
    faults_clear(&w.faults, 2);
    until(2000000);
    assert_int_equal(w.pulses, 6);
}

static void test_a_hog_is_not_driven(void **state)
{
    struct fault_device *d = &w.faults.devices[0];

    (void)state;
    assert_int_equal(fault_ops.set_direction(d, 3, VGPIO_DIR_OUT, 1, 7), VGPIO_ERR_IO);
    assert_int_equal(w.asked, 0);
    assert_int_equal(fault_ops.set_direction(d, 3, VGPIO_DIR_IN, 0, 7), 0);
    assert_int_equal(fault_ops.set_direction(d, 2, VGPIO_DIR_OUT, 1, 7), 0);
}

static void test_a_new_board_answers_all(void **state)
{
    struct fault_pin *pins = calloc(6, sizeof *pins);

    (void)state;
    assert_non_null(pins);
    add(0, FAULT_NEVER, FAULT_ANY, 0, 0);
    add(1, FAULT_DELAY, FAULT_ANY, 0, 0);
    add(2, FAULT_STORM, 0, 0, 9);
    assert_int_equal(get(0, 7), VGPIO_PENDING);
    assert_int_equal(get(1, 8), VGPIO_PENDING);
    faults_renew(&w.faults, pins, 6);
    assert_int_equal(w.completed, 2);
    assert_int_equal(w.token, 8);
    assert_int_equal(w.result, 1);
    assert_int_equal(vclock_due(&w.clock), VCLOCK_NEVER);
    assert_int_equal(get(0, 9), 1);
}

static unsigned order;

static void first(void *ctx)
{
    struct vtimer *second = ctx;

    assert_int_equal(order++, 0);
    vclock_set(&w.clock, second, w.clock.now_us); /* due at once, and not in this turn */
}

static void second(void *ctx)
{
    (void)ctx;
    assert_int_equal(order++, 1);
}

static void test_timers_in_their_order(void **state)
{
    struct vtimer a, b;

    (void)state;
    order = 0;
    vtimer_init(&b, second, NULL);
    vtimer_init(&a, first, &b);
    vclock_set(&w.clock, &b, 20);
    vclock_set(&w.clock, &a, 10);
    w.clock.now_us = 10;
    vclock_fire(&w.clock);
    assert_int_equal(order, 1);
    assert_int_equal(vclock_due(&w.clock), 10);
    vclock_fire(&w.clock);
    assert_int_equal(order, 2);
    vclock_allow(&w.clock, 5);
    vclock_allow(&w.clock, 3);
    assert_int_equal(w.clock.target_us, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_rule_that_hits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_storm_has_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_hog_is_not_driven, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_new_board_answers_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timers_in_their_order, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
