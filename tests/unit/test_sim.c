/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines that do not exist: what they tell a device, and who watches them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/sim.h>
#include <virtiogpio/wire.h>

#define LINES 4u
#define UP VGPIO_PULL_UP
#define DOWN VGPIO_PULL_DOWN
#define RISE VGPIO_RISING
#define FALL VGPIO_FALLING

/* What was told, in order: 'c' to the watcher (line, level), 'd' to the device (line,
 * edges, level). */
struct told {
    char who;
    uint16_t line;
    unsigned edges, level;
};

struct lab {
    struct vgpio_sim sim;
    struct vgpio_sim_config cfg;
    struct vgpio_sim_line lines[LINES + 1];
    struct told told[16];
    unsigned n, seen;
};

static void tell(struct lab *lab, char who, uint16_t line, unsigned edges, unsigned level)
{
    struct told t = {who, line, edges, level};

    assert_true(lab->n < sizeof lab->told / sizeof lab->told[0]);
    lab->told[lab->n++] = t;
}

static int to_device(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    tell(obj, 'd', line, edges, level);
    return 0;
}

static void to_watcher(void *ctx, uint16_t line, unsigned level)
{
    struct lab *lab = ctx;

    assert_int_equal(vgpio_sim_direction(&lab->sim, line) >= 0, 1); /* may be read */
    tell(lab, 'c', line, 0, level);
}

/* The next thing told. */
static void expect(struct lab *lab, char who, uint16_t line, unsigned edges,
                   unsigned level)
{
    const struct told *t = &lab->told[lab->seen];

    assert_true(lab->seen < lab->n);
    assert_int_equal(t->who, who);
    assert_int_equal(t->line, line);
    assert_int_equal(t->edges, edges);
    assert_int_equal(t->level, level);
    lab->seen++;
}

/* All was expected. */
static void quiet(struct lab *lab)
{
    assert_int_equal(lab->seen, lab->n);
    lab->seen = lab->n = 0;
}

static int setup(void **state)
{
    static const struct vgpio_sink_ops ops = {sizeof ops, NULL, to_device};
    static struct lab lab;

    memset(&lab, 0, sizeof lab);
    memset(lab.lines, 0xa5, sizeof lab.lines);
    lab.cfg.sink.ops = &ops;
    lab.cfg.sink.obj = &lab;
    lab.cfg.lines = lab.lines;
    lab.cfg.nlines = LINES;
    lab.cfg.on_change = to_watcher;
    lab.cfg.ctx = &lab;
    assert_int_equal(vgpio_sim_init(&lab.sim, &lab.cfg), 0);
    *state = &lab;
    return 0;
}

static int direction(struct lab *lab, uint16_t line, unsigned dir, unsigned out)
{
    return vgpio_sim_ops.set_direction(&lab->sim, line, dir, out, 0);
}

static int value(struct lab *lab, uint16_t line, unsigned v)
{
    return vgpio_sim_ops.set_value(&lab->sim, line, v, 0);
}

static void test_init(void **state)
{
    struct lab *lab = *state;
    uint16_t i;

    for (i = 0; i < LINES; i++) {
        assert_int_equal(vgpio_sim_level(&lab->sim, i), 0);
        assert_int_equal(vgpio_sim_direction(&lab->sim, i), VGPIO_DIR_NONE);
        assert_int_equal(lab->lines[i].changes, 0);
    }
    assert_int_equal(lab->lines[LINES].dir, 0xa5); /* not ours */
    quiet(lab);
    lab->cfg.lines = NULL;
    assert_int_equal(vgpio_sim_init(&lab->sim, &lab->cfg), VGPIO_ERR_INVAL);
    lab->cfg.lines = lab->lines;
    lab->cfg.nlines = 0;
    assert_int_equal(vgpio_sim_init(&lab->sim, &lab->cfg), VGPIO_ERR_INVAL);
}

static void test_init_guards_the_abi(void **state)
{
    struct lab *lab = *state;
    const uint64_t abi =
        VGPIO_ABI(sizeof lab->sim, sizeof lab->cfg, sizeof(struct vgpio_sim_line), 0);

    assert_int_equal(vgpio_sim_init_abi(&lab->sim, &lab->cfg, abi), 0);
    assert_int_equal(vgpio_sim_init_abi(&lab->sim, &lab->cfg, abi + 8), 0); /* larger */
    assert_int_equal(vgpio_sim_init_abi(&lab->sim, &lab->cfg, abi - 1), VGPIO_ERR_ABI);
    assert_int_equal(vgpio_sim_init_abi(&lab->sim, &lab->cfg, abi + (1u << 16)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_sim_init_abi(&lab->sim, &lab->cfg, abi + (UINT64_C(1) << 32)),
                     VGPIO_ERR_ABI);
    /* A caller from before on_change was there: its config ends earlier. */
    assert_int_equal(
        vgpio_sim_init_abi(&lab->sim, &lab->cfg,
                           abi - ((uint64_t)(sizeof lab->cfg -
                                             offsetof(struct vgpio_sim_config, on_change))
                                  << 16)),
        0);
    assert_int_equal(vgpio_sim_pull(&lab->sim, 0, VGPIO_PULL_UP), 0);
}

static void test_no_such_line(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(vgpio_sim_pull(&lab->sim, LINES, UP), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_sim_pull(&lab->sim, 0, UP + 1), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_sim_pulse(&lab->sim, LINES), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_sim_level(&lab->sim, LINES), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_sim_direction(&lab->sim, LINES), VGPIO_ERR_INVAL);
    assert_true(direction(lab, LINES, VGPIO_DIR_OUT, 1) < 0);
    assert_true(value(lab, LINES, 1) < 0);
    assert_true(vgpio_sim_ops.get_value(&lab->sim, LINES, 0) < 0);
    assert_true(vgpio_sim_ops.get_direction(&lab->sim, LINES, 0) < 0);
    assert_true(vgpio_sim_ops.set_irq_type(&lab->sim, LINES, VGPIO_IRQ_LEVEL_LOW, 0) < 0);
    assert_int_equal(lab->lines[LINES].out, 0xa5);
    quiet(lab);
}

static void test_a_pull_is_an_edge(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(vgpio_sim_pull(&lab->sim, 1, UP), 0);
    expect(lab, 'c', 1, 0, 1);
    expect(lab, 'd', 1, RISE, 1);
    assert_int_equal(vgpio_sim_pull(&lab->sim, 1, UP), 0); /* nothing new */
    quiet(lab);
    assert_int_equal(vgpio_sim_level(&lab->sim, 1), 1);
    assert_int_equal(vgpio_sim_level(&lab->sim, 0), 0);
    assert_int_equal(vgpio_sim_ops.get_value(&lab->sim, 1, 0), 1);
    assert_int_equal(vgpio_sim_pull(&lab->sim, 1, DOWN), 0);
    expect(lab, 'c', 1, 0, 0);
    expect(lab, 'd', 1, FALL, 0);
    quiet(lab);
    assert_int_equal(lab->lines[1].changes, 2);
    assert_int_equal(lab->lines[0].changes, 0);
}

static void test_an_output_is_what_was_set(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(direction(lab, 2, VGPIO_DIR_OUT, 1), 0);
    expect(lab, 'c', 2, 0, 1);
    expect(lab, 'd', 2, RISE, 1);
    assert_int_equal(vgpio_sim_direction(&lab->sim, 2), VGPIO_DIR_OUT);
    assert_int_equal(vgpio_sim_ops.get_direction(&lab->sim, 2, 0), VGPIO_DIR_OUT);
    assert_int_equal(value(lab, 2, 0), 0);
    expect(lab, 'c', 2, 0, 0); /* the device knows: it said so */
    assert_int_equal(value(lab, 2, 0), 0);
    assert_int_equal(vgpio_sim_pull(&lab->sim, 2, UP), 0); /* driven against */
    assert_int_equal(vgpio_sim_pulse(&lab->sim, 2), 0);
    quiet(lab);
    assert_int_equal(lab->lines[2].changes, 2);
    assert_int_equal(direction(lab, 2, VGPIO_DIR_IN, 1), 0); /* let go: the pull wins */
    expect(lab, 'c', 2, 0, 1);
    expect(lab, 'd', 2, RISE, 1);
    assert_int_equal(vgpio_sim_direction(&lab->sim, 2), VGPIO_DIR_IN);
    quiet(lab);
    assert_int_equal(lab->lines[2].out, 0);
}

static void test_a_direction_alone_is_told_to_watchers_only(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
    expect(lab, 'c', 0, 0, 0);
    quiet(lab);
    assert_int_equal(lab->lines[0].changes, 0);
}

static void test_a_value_of_an_input_shows_nothing(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
    lab->n = 0;
    assert_int_equal(value(lab, 0, 1), 0);
    assert_int_equal(vgpio_sim_level(&lab->sim, 0), 0);
    quiet(lab);
}

static void test_a_pulse_is_two_edges(void **state)
{
    struct lab *lab = *state;
    unsigned level;

    for (level = 0; level < 2; level++) {
        assert_int_equal(vgpio_sim_pull(&lab->sim, 3, level), 0);
        lab->n = 0;
        assert_int_equal(vgpio_sim_pulse(&lab->sim, 3), 0);
        expect(lab, 'c', 3, 0, level ^ 1u);
        expect(lab, 'c', 3, 0, level);
        expect(lab, 'd', 3, RISE | FALL, level);
        quiet(lab);
    }
    assert_int_equal(lab->lines[3].changes, 5);
}

static void test_a_level_type_is_told_the_level(void **state)
{
    struct lab *lab = *state;
    unsigned type;

    assert_int_equal(vgpio_sim_pull(&lab->sim, 1, UP), 0);
    lab->n = 0;
    for (type = VGPIO_IRQ_NONE; type <= VGPIO_IRQ_EDGE_BOTH; type++) {
        assert_int_equal(vgpio_sim_ops.set_irq_type(&lab->sim, 1, type, 0), 0);
    }
    quiet(lab);
    assert_int_equal(vgpio_sim_ops.set_irq_type(&lab->sim, 1, VGPIO_IRQ_LEVEL_HIGH, 0),
                     0);
    expect(lab, 'd', 1, 0, 1);
    assert_int_equal(vgpio_sim_ops.set_irq_type(&lab->sim, 0, VGPIO_IRQ_LEVEL_LOW, 0), 0);
    expect(lab, 'd', 0, 0, 0);
    quiet(lab);
}

static void test_reset_lets_go_of_all_but_the_pulls(void **state)
{
    struct lab *lab = *state;

    assert_int_equal(vgpio_sim_pull(&lab->sim, 0, UP), 0);
    assert_int_equal(direction(lab, 1, VGPIO_DIR_OUT, 1), 0);
    assert_int_equal(direction(lab, 3, VGPIO_DIR_IN, 0), 0);
    lab->n = 0;
    vgpio_sim_ops.reset(&lab->sim);
    expect(lab, 'c', 1, 0, 0);
    expect(lab, 'd', 1, FALL, 0);
    expect(lab, 'c', 3, 0, 0); /* its direction went */
    quiet(lab);
    assert_int_equal(vgpio_sim_level(&lab->sim, 0), 1);
    assert_int_equal(vgpio_sim_direction(&lab->sim, 1), VGPIO_DIR_NONE);
    assert_int_equal(lab->lines[1].out, 0);
    assert_int_equal(lab->lines[LINES].dir, 0xa5);
    vgpio_sim_ops.reset(&lab->sim);
    quiet(lab);
}

/* No watcher and no device: nothing is told and everything works. */
static void test_alone(void **state)
{
    struct lab *lab = *state;

    lab->cfg.on_change = NULL;
    memset(&lab->cfg.sink, 0, sizeof lab->cfg.sink);
    assert_int_equal(vgpio_sim_init(&lab->sim, &lab->cfg), 0);
    assert_int_equal(vgpio_sim_pull(&lab->sim, 0, UP), 0);
    assert_int_equal(vgpio_sim_pulse(&lab->sim, 0), 0);
    assert_int_equal(lab->lines[0].changes, 3);
    assert_int_equal(vgpio_sim_ops.set_irq_type(&lab->sim, 0, VGPIO_IRQ_LEVEL_HIGH, 0),
                     0);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 0), 0);
    vgpio_sim_ops.reset(&lab->sim);
    assert_int_equal(vgpio_sim_level(&lab->sim, 0), 1);
    quiet(lab);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_init),
        T(test_init_guards_the_abi),
        T(test_no_such_line),
        T(test_a_pull_is_an_edge),
        T(test_an_output_is_what_was_set),
        T(test_a_direction_alone_is_told_to_watchers_only),
        T(test_a_value_of_an_input_shows_nothing),
        T(test_a_pulse_is_two_edges),
        T(test_a_level_type_is_told_the_level),
        T(test_reset_lets_go_of_all_but_the_pulls),
        T(test_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
