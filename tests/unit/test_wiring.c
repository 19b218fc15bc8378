/* SPDX-License-Identifier: BSD-3-Clause */
/* Wires between lines: each rule by hand, then random nets beside a reference that looks
 * at everything in every round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/wiring.h>

#define PINS 8u
#define WIRES 12u
#define Z VGPIO_FLOATING
#define NOT VGPIO_WIRE_NOT

struct lab {
    struct vgpio_wiring w;
    struct vgpio_wiring_config cfg;
    struct vgpio_wiring_pin pins[PINS + 1];
    struct vgpio_wiring_wire wires[WIRES + 1];
    unsigned shown[PINS]; /* as told */
    unsigned told, alarms;
    uint16_t alarm_pin;
    unsigned alarm;
    int react; /* pin that does the opposite of pin 0 from inside on_level, or -1 */
    int inner; /* what a settle or join in there said */
};

static void on_level(void *ctx, uint16_t pin, unsigned level)
{
    struct lab *lab = ctx;

    assert_in_range(pin, 0, PINS - 1);
    lab->shown[pin] = level;
    lab->told++;
    if (lab->react >= 0 && pin == 0) {
        assert_int_equal(vgpio_wiring_drive(&lab->w, (uint16_t)lab->react, level ^ 1u),
                         0);
        assert_int_equal(vgpio_wiring_settle(&lab->w), 0);
        lab->inner = vgpio_wiring_join(&lab->w, 0, 1);
    }
}

static void on_alarm(void *ctx, unsigned alarm, uint16_t pin)
{
    struct lab *lab = ctx;

    lab->alarms++;
    lab->alarm = alarm;
    lab->alarm_pin = pin;
}

static void start(struct lab *lab, uint32_t max_rounds)
{
    memset(lab, 0, sizeof *lab);
    memset(lab->pins, 0xa5, sizeof lab->pins);
    memset(lab->wires, 0xa5, sizeof lab->wires);
    lab->react = -1;
    lab->cfg.pins = lab->pins;
    lab->cfg.npins = PINS;
    lab->cfg.wires = lab->wires;
    lab->cfg.nwires = WIRES;
    lab->cfg.max_rounds = max_rounds;
    lab->cfg.on_level = on_level;
    lab->cfg.on_alarm = on_alarm;
    lab->cfg.ctx = lab;
    assert_int_equal(vgpio_wiring_init(&lab->w, &lab->cfg), 0);
}

static void drive(struct lab *lab, uint16_t pin, unsigned level)
{
    assert_int_equal(vgpio_wiring_drive(&lab->w, pin, level), 0);
    assert_int_equal(vgpio_wiring_settle(&lab->w), 0);
}

static void wire(struct lab *lab, uint16_t from, uint16_t to, unsigned flags)
{
    assert_int_equal(vgpio_wiring_connect(&lab->w, from, to, flags, VGPIO_PUSH_PULL), 0);
}

static void shows(struct lab *lab, uint16_t pin, unsigned level)
{
    assert_int_equal(vgpio_wiring_level(&lab->w, pin), level);
    assert_int_equal(lab->shown[pin], level);
}

static void test_a_pin_alone(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    assert_int_equal(lab.told, 0);
    drive(&lab, 2, 1);
    assert_int_equal(lab.told, 1);
    shows(&lab, 2, 1);
    drive(&lab, 2, 1);
    assert_int_equal(lab.told, 1);
    drive(&lab, 2, Z);
    assert_int_equal(lab.told, 2);
    shows(&lab, 2, 0);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, 2), 0);
}

static void test_the_stronger_wins(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    assert_int_equal(vgpio_wiring_pull(&lab.w, 0, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 0, 1);
    assert_int_equal(vgpio_wiring_outside(&lab.w, 0, 0), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 0, 0);
    drive(&lab, 0, 1);
    shows(&lab, 0, 1);
    drive(&lab, 0, Z);
    shows(&lab, 0, 0);
    assert_int_equal(vgpio_wiring_outside(&lab.w, 0, Z), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 0, 1);
    assert_int_equal(lab.alarms, 0);
}

static void test_a_wire_and_an_inverter(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    wire(&lab, 0, 1, 0);
    wire(&lab, 1, 2, NOT);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 1, 0);
    shows(&lab, 2, 1);
    drive(&lab, 0, 1);
    shows(&lab, 1, 1);
    shows(&lab, 2, 0);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, 0), 1);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, 2), 1);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, 3), 0);
}

static void test_wired_and(void **state)
{
    struct lab lab;
    uint16_t i;

    (void)state;
    start(&lab, 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_wiring_kind(&lab.w, i, VGPIO_OPEN_DRAIN), 0);
        assert_int_equal(vgpio_wiring_join(&lab.w, 0, i), 0);
    }
    assert_int_equal(vgpio_wiring_pull(&lab.w, 1, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 2, 1);
    drive(&lab, 0, 1);
    drive(&lab, 2, 0);
    for (i = 0; i < 3; i++) {
        shows(&lab, i, 0);
    }
    drive(&lab, 1, 0);
    drive(&lab, 2, 1);
    shows(&lab, 2, 0); /* 1 still holds it */
    drive(&lab, 1, Z);
    shows(&lab, 0, 1);
    /* A finger on one of them is of the same kind. */
    assert_int_equal(vgpio_wiring_outside(&lab.w, 0, 1), 0);
    assert_int_equal(vgpio_wiring_outside(&lab.w, 1, 0), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 2, 0);
    assert_int_equal(lab.alarms, 0);
}

static void test_wired_or(void **state)
{
    struct lab lab;
    uint16_t i;

    (void)state;
    start(&lab, 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_wiring_kind(&lab.w, i, VGPIO_OPEN_SOURCE), 0);
        assert_int_equal(vgpio_wiring_join(&lab.w, i, 2), 0);
    }
    drive(&lab, 0, 0);
    drive(&lab, 2, 1);
    shows(&lab, 0, 1);
    drive(&lab, 2, 0);
    shows(&lab, 0, 0);
    assert_int_equal(vgpio_wiring_outside(&lab.w, 0, 0), 0);
    assert_int_equal(vgpio_wiring_outside(&lab.w, 1, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 2, 1);
    assert_int_equal(lab.alarms, 0);
    /* As a push-pull pin it would have meant its 0. */
    assert_int_equal(vgpio_wiring_kind(&lab.w, 0, VGPIO_PUSH_PULL), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 2, 0);
}

static void test_two_against_each_other(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    assert_int_equal(vgpio_wiring_join(&lab.w, 3, 4), 0);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, 4), 1);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, 5), 0);
    drive(&lab, 3, 1);
    drive(&lab, 4, 0);
    assert_int_equal(lab.alarms, 1);
    assert_int_equal(lab.alarm, VGPIO_ALARM_CONFLICT);
    assert_int_equal(lab.alarm_pin, 3);
    shows(&lab, 3, 0);
    assert_int_equal(vgpio_wiring_pull(&lab.w, 3, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    assert_int_equal(lab.alarms, 1); /* it goes on */
    drive(&lab, 3, Z);
    drive(&lab, 3, 1);
    assert_int_equal(lab.alarms, 2); /* it begins again */
    drive(&lab, 3, Z);
    drive(&lab, 4, 1);
    drive(&lab, 4, 0);
    assert_int_equal(lab.alarms, 2);
    assert_int_equal(vgpio_wiring_alarms(&lab.w, VGPIO_ALARM_CONFLICT), 2);
    assert_int_equal(vgpio_wiring_alarms(&lab.w, VGPIO_ALARM_UNSETTLED), 0);
    assert_int_equal(vgpio_wiring_alarms(&lab.w, 77), 0);
}

static void test_what_flickers_is_not_seen(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    /* A wired AND of pin 0 and of its inverse, which comes a round later. */
    assert_int_equal(vgpio_wiring_pull(&lab.w, 2, 1), 0);
    assert_int_equal(vgpio_wiring_connect(&lab.w, 0, 2, 0, VGPIO_OPEN_DRAIN), 0);
    wire(&lab, 0, 1, NOT);
    assert_int_equal(vgpio_wiring_connect(&lab.w, 1, 2, 0, VGPIO_OPEN_DRAIN), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 2, 0);
    lab.told = 0;
    drive(&lab, 0, 1); /* both say high for one round */
    shows(&lab, 2, 0);
    assert_int_equal(lab.told, 2);
}

static void test_a_ring_never_rests(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 5);
    wire(&lab, 0, 1, NOT);
    wire(&lab, 1, 0, 0);
    wire(&lab, 2, 3, 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), VGPIO_ERR_TIMEOUT);
    assert_int_equal(lab.alarms, 1);
    assert_int_equal(lab.alarm, VGPIO_ALARM_UNSETTLED);
    assert_int_equal(vgpio_wiring_alarms(&lab.w, VGPIO_ALARM_UNSETTLED), 1);
    assert_in_range(lab.alarm_pin, 0, 1);
    /* It stands still now; the rest works. */
    lab.told = 0;
    drive(&lab, 2, 1);
    shows(&lab, 3, 1);
    assert_int_equal(lab.told, 2);
    assert_int_equal(lab.alarms, 1);
    /* Held it rests, let go it does not. */
    drive(&lab, 1, 0);
    shows(&lab, 0, 0);
    assert_int_equal(vgpio_wiring_drive(&lab.w, 1, Z), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), VGPIO_ERR_TIMEOUT);
    assert_int_equal(vgpio_wiring_alarms(&lab.w, VGPIO_ALARM_UNSETTLED), 2);
}

static void test_a_latch_rests_on_both_sides(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    /* Two inverters, each of which a pin can push down: a memory of one bit. */
    assert_int_equal(vgpio_wiring_pull(&lab.w, 0, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    wire(&lab, 0, 1, NOT);
    assert_int_equal(vgpio_wiring_connect(&lab.w, 1, 0, NOT, VGPIO_OPEN_DRAIN), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 1, 0);
    drive(&lab, 0, 0);
    drive(&lab, 0, Z);
    shows(&lab, 0, 0);
    shows(&lab, 1, 1);
}

static void test_joining_nets_that_move(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    wire(&lab, 0, 4, 0);
    wire(&lab, 1, 5, NOT);
    wire(&lab, 1, 6, 0);
    drive(&lab, 0, 1);
    shows(&lab, 5, 1);
    /* Pin 1 and its two wires now follow pin 0. */
    assert_int_equal(vgpio_wiring_join(&lab.w, 0, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 1, 1);
    shows(&lab, 4, 1);
    shows(&lab, 5, 0);
    shows(&lab, 6, 1);
    assert_int_equal(vgpio_wiring_join(&lab.w, 1, 0), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    assert_int_equal(vgpio_wiring_is_joined(&lab.w, 0, 1), 1);
    assert_int_equal(vgpio_wiring_is_joined(&lab.w, 0, 2), 0);
    /* One that was to be looked at when it lost its net. */
    assert_int_equal(vgpio_wiring_drive(&lab.w, 7, 1), 0);
    assert_int_equal(vgpio_wiring_join(&lab.w, 0, 7), 0);
    drive(&lab, 0, Z);
    shows(&lab, 7, 1);
    drive(&lab, 7, Z);
    shows(&lab, 0, 0);
}

static void test_speaking_in_a_callback(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 9);
    lab.react = 3;
    drive(&lab, 0, 1);
    assert_int_equal(lab.inner, VGPIO_ERR_STATE);
    shows(&lab, 3, 0);
    drive(&lab, 0, 0);
    shows(&lab, 3, 1);
    /* Who answers to itself has no end, and is stopped. */
    lab.react = 0;
    assert_int_equal(vgpio_wiring_drive(&lab.w, 0, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), VGPIO_ERR_TIMEOUT);
    lab.react = -1;
    drive(&lab, 4, 1);
    shows(&lab, 4, 1);
    assert_int_equal(lab.alarms, 1);
}

static void test_speaking_when_the_rounds_are_over(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 9);
    drive(&lab, 3, 1);
    wire(&lab, 0, 0, NOT);
    lab.react = 3;
    assert_int_equal(vgpio_wiring_settle(&lab.w), VGPIO_ERR_TIMEOUT);
    shows(&lab, 0, 1); /* an odd number of rounds */
    shows(&lab, 3, 1); /* not heard yet, */
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    shows(&lab, 3, 0); /* and not forgotten */
}

static void test_without_callbacks(void **state)
{
    struct lab lab;

    (void)state;
    start(&lab, 0);
    lab.cfg.on_level = NULL;
    lab.cfg.on_alarm = NULL;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), 0);
    wire(&lab, 0, 0, NOT);
    assert_int_equal(vgpio_wiring_settle(&lab.w), VGPIO_ERR_TIMEOUT);
    assert_int_equal(vgpio_wiring_alarms(&lab.w, VGPIO_ALARM_UNSETTLED), 1);
    assert_int_equal(vgpio_wiring_drive(&lab.w, 1, 1), 0);
    assert_int_equal(vgpio_wiring_settle(&lab.w), 0);
    assert_int_equal(vgpio_wiring_level(&lab.w, 1), 1);
}

static void test_arguments(void **state)
{
    struct lab lab;
    uint16_t i;

    (void)state;
    start(&lab, 0);
    assert_int_equal(vgpio_wiring_drive(&lab.w, PINS, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_drive(&lab.w, 0, 3), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_outside(&lab.w, PINS, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_outside(&lab.w, 0, 3), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_pull(&lab.w, PINS, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_pull(&lab.w, 0, 3), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_kind(&lab.w, PINS, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_kind(&lab.w, 0, 3), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_join(&lab.w, 0, PINS), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_join(&lab.w, PINS, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_level(&lab.w, PINS), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_is_wired(&lab.w, PINS), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_is_joined(&lab.w, 0, PINS), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_is_joined(&lab.w, PINS, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_connect(&lab.w, PINS, 0, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_connect(&lab.w, 0, PINS, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_connect(&lab.w, 0, 1, 2, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_wiring_connect(&lab.w, 0, 1, 0, 3), VGPIO_ERR_INVAL);
    for (i = 0; i < WIRES; i++) {
        wire(&lab, 0, 1, 0);
    }
    assert_int_equal(vgpio_wiring_connect(&lab.w, 0, 1, 0, 0), VGPIO_ERR_NOSPC);
}

static void test_init(void **state)
{
    struct lab lab;
    uint64_t abi =
        VGPIO_ABI(sizeof lab.w, sizeof lab.cfg, sizeof lab.pins[0], sizeof lab.wires[0]);
    unsigned i;

    (void)state;
    start(&lab, 0);
    for (i = 0; i < 4; i++) {
        uint64_t one = UINT64_C(1) << (16 * i);
        int err = vgpio_wiring_init_abi(&lab.w, &lab.cfg, i == 0 ? abi - one : abi + one);

        assert_int_equal(err, VGPIO_ERR_ABI);
    }
    /* A caller who knows of no callbacks has none. */
    abi = VGPIO_ABI(sizeof lab.w, offsetof(struct vgpio_wiring_config, on_level),
                    sizeof lab.pins[0], sizeof lab.wires[0]);
    assert_int_equal(vgpio_wiring_init_abi(&lab.w, &lab.cfg, abi), 0);
    drive(&lab, 0, 1);
    assert_int_equal(lab.told, 0);
    lab.cfg.npins = 0;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), VGPIO_ERR_INVAL);
    lab.cfg.npins = PINS;
    lab.cfg.nwires = VGPIO_WIRING_MAX - PINS + 1;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), VGPIO_ERR_INVAL);
    lab.cfg.nwires--;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), 0);
    lab.cfg.wires = NULL;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), VGPIO_ERR_INVAL);
    lab.cfg.nwires = 0;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), 0);
    lab.cfg.pins = NULL;
    assert_int_equal(vgpio_wiring_init(&lab.w, &lab.cfg), VGPIO_ERR_INVAL);
}

/* --- beside a reference --- */

struct model {
    unsigned net[PINS], level[PINS];
    unsigned says[3][PINS], kind[PINS]; /* pull, outside, drive */
    unsigned nwires;
    struct {
        unsigned from, to, flags, kind;
    } wire[WIRES];
};

static unsigned real(unsigned kind, unsigned level)
{
    return kind == VGPIO_OPEN_DRAIN && level == 1    ? Z
           : kind == VGPIO_OPEN_SOURCE && level == 0 ? Z
                                                     : level;
}

/* Everybody who has something to say of `net`, asked one by one. */
static unsigned reference_level(const struct model *m, unsigned net, int *conflict)
{
    unsigned strength, i;

    for (strength = 3; strength-- > 0;) {
        unsigned any[3] = {0, 0, 0};

        for (i = 0; i < PINS; i++) {
            if (m->net[i] == net) {
                any[strength == 0 ? m->says[0][i]
                                  : real(m->kind[i], m->says[strength][i])] = 1;
            }
        }
        for (i = 0; i < m->nwires && strength == 2; i++) {
            if (m->net[m->wire[i].to] == net) {
                any[real(m->wire[i].kind,
                         m->level[m->net[m->wire[i].from]] ^ m->wire[i].flags)] = 1;
            }
        }
        *conflict = strength == 2 && any[0] && any[1];
        if (any[0] || any[1]) {
            return any[0] ? 0 : 1;
        }
    }
    return 0;
}

/* False: it did not come to rest. */
static int reference_settle(struct model *m, unsigned rounds, int *conflict)
{
    unsigned next[PINS], i;
    int moved, c = 0;

    for (;;) {
        moved = *conflict = 0;
        for (i = 0; i < PINS; i++) {
            next[i] = m->net[i] == i ? reference_level(m, i, &c) : m->level[i];
            *conflict |= m->net[i] == i && c;
            moved |= next[i] != m->level[i];
        }
        if (!moved) {
            return 1;
        }
        if (rounds-- == 0) {
            return 0;
        }
        memcpy(m->level, next, sizeof next);
    }
}

static uint32_t seed;

static unsigned pick(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void do_anything(struct lab *lab, struct model *m)
{
    uint16_t a = (uint16_t)pick(PINS), b = (uint16_t)pick(PINS);
    unsigned what = pick(12), level = pick(3), i, old;

    if (what < 6) {
        int (*const say[3])(struct vgpio_wiring *, uint16_t, unsigned) = {
            vgpio_wiring_pull, vgpio_wiring_outside, vgpio_wiring_drive};

        assert_int_equal(say[what % 3](&lab->w, a, level), 0);
        m->says[what % 3][a] = level;
    } else if (what < 8) {
        assert_int_equal(vgpio_wiring_kind(&lab->w, a, level), 0);
        m->kind[a] = level;
    } else if (what < 10 && m->nwires < WIRES) {
        m->wire[m->nwires].from = a;
        m->wire[m->nwires].to = b;
        m->wire[m->nwires].flags = pick(2);
        m->wire[m->nwires].kind = level;
        assert_int_equal(
            vgpio_wiring_connect(&lab->w, a, b, m->wire[m->nwires].flags, level), 0);
        m->nwires++;
    } else if (what == 10 && pick(3) == 0) {
        assert_int_equal(vgpio_wiring_join(&lab->w, a, b), 0);
        for (i = 0, old = m->net[b]; i < PINS; i++) {
            m->net[i] = m->net[i] == old ? m->net[a] : m->net[i];
        }
    }
}

static int run_model(uint32_t with)
{
    struct lab lab;
    struct model m = {.nwires = 0};
    unsigned step, i;

    seed = with;
    start(&lab, 20);
    for (i = 0; i < PINS; i++) {
        m.net[i] = i;
        m.says[0][i] = m.says[1][i] = m.says[2][i] = Z;
    }
    for (step = 0; step < 60; step++) {
        int settled, conflict;

        do_anything(&lab, &m);
        if (pick(3) == 0) {
            continue;
        }
        settled = reference_settle(&m, 20, &conflict);
        assert_int_equal(vgpio_wiring_settle(&lab.w), settled ? 0 : VGPIO_ERR_TIMEOUT);
        for (i = 0; i < PINS; i++) {
            assert_int_equal(vgpio_wiring_level(&lab.w, (uint16_t)i), m.level[m.net[i]]);
            assert_int_equal(lab.shown[i], m.level[m.net[i]]);
        }
        if (!settled) {
            return 1; /* what is left of it is not the reference's any more */
        }
        assert_false(conflict && vgpio_wiring_alarms(&lab.w, VGPIO_ALARM_CONFLICT) == 0);
    }
    return 0;
}

static void test_random_nets(void **state)
{
    unsigned unsettled = 0;
    uint32_t i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        unsettled += (unsigned)run_model(i);
    }
    assert_in_range(unsettled, 100, 19000); /* both outcomes were seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pin_alone),
        cmocka_unit_test(test_the_stronger_wins),
        cmocka_unit_test(test_a_wire_and_an_inverter),
        cmocka_unit_test(test_wired_and),
        cmocka_unit_test(test_wired_or),
        cmocka_unit_test(test_two_against_each_other),
        cmocka_unit_test(test_what_flickers_is_not_seen),
        cmocka_unit_test(test_a_ring_never_rests),
        cmocka_unit_test(test_a_latch_rests_on_both_sides),
        cmocka_unit_test(test_joining_nets_that_move),
        cmocka_unit_test(test_speaking_in_a_callback),
        cmocka_unit_test(test_speaking_when_the_rounds_are_over),
        cmocka_unit_test(test_without_callbacks),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_random_nets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
