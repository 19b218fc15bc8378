/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver that breaks one rule at a time: `vgpio trap` has to name that rule, and to
 * find nothing wrong with one that breaks none. */
#include "server_run.h"
#include "tool_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/check.h"

#define PLAIN (VGPIO_F_VERSION_1 | VGPIO_F_IRQ)
#define EVENT (PLAIN | VGPIO_F_EVENT_IDX)
#define TABLES (PLAIN | VGPIO_F_INDIRECT)
#define PACKED (PLAIN | VGPIO_F_PACKED)
#define PTABLES (PACKED | VGPIO_F_INDIRECT)

static struct server_run dir;
static struct check c;

static int setup(void **state)
{
    (void)state;
    run_make_dir(&dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run_remove_dir(&dir);
    return 0;
}

/* ---- words ---- */

/* A request that is not in the ring yet: its two parts. */
static struct check_piece *request(unsigned type, unsigned line, uint32_t value)
{
    static struct check_piece p[4];
    uint8_t *b = check_at(&c, check_out(0, 1));

    memset(b, 0, 128);
    b[0] = (uint8_t)type;
    b[2] = (uint8_t)line;
    memcpy(b + 4, &value, 4); /* small ones only */
    memset(p, 0, sizeof p);
    p[0].at = check_gpa(&c, check_out(0, 1));
    p[0].len = 8;
    p[1].at = check_gpa(&c, check_in(0, 1));
    p[1].len = 2;
    p[1].flags = CHECK_WRITE;
    return p;
}

static struct check_piece *get(void)
{
    return request(VGPIO_MSG_GET_VALUE, 0, 0);
}

static void post(unsigned q, const struct check_piece *p, unsigned n)
{
    check_post(&c, q, 1, p, n);
    check_kick(&c, q);
}

static void ok(unsigned type, unsigned line, uint32_t value)
{
    if (!check_ok(&c, type, line, value, 0)) {
        fail_msg("%s", c.saw);
    }
}

/* Two entries of a table that is a request, and the descriptor of it. */
static struct check_piece table(unsigned flags0, unsigned next0, unsigned flags1)
{
    const struct check_piece *p = get();
    struct check_piece t = {check_gpa(&c, 0x18000), 32, CHECK_TABLE};

    if (c.packed) { /* id and flags stand the other way round */
        check_desc(&c, t.at, &p[0], 0, (uint16_t)flags0);
        check_desc(&c, t.at + 16, &p[1], 0, (uint16_t)flags1);
        check_put16(&c, t.at + 16 + 12, 0);
    } else {
        check_desc(&c, t.at, &p[0], flags0, (uint16_t)next0);
        check_desc(&c, t.at + 16, &p[1], flags1, 0);
    }
    return t;
}

static void arm(unsigned line)
{
    ok(VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING);
}

/* ---- what is done wrong ---- */

static void nothing(void)
{
    ok(VGPIO_MSG_SET_VALUE, 2, 1);
    ok(VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT);
    if ((c.features & VGPIO_F_IRQ) != 0) {
        arm(1);
        check_unmask(&c, 2, 1);
        assert_true(check_event(&c, 2, VGPIO_IRQ_STATUS_VALID));
        ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
    }
}

static void good_table(void)
{
    struct check_piece t =
        table(c.packed ? 0 : CHECK_NEXT, 1, c.packed ? CHECK_WRITE : 0);

    post(0, &t, 1);
}

static void wrong_queue(void)
{
    post(1, get(), 2);
}

static void one_part(void)
{
    post(0, get(), 1);
}

static void short_request(void)
{
    struct check_piece *p = get();

    p[0].len = 7;
    post(0, p, 2);
}

static void unknown_type(void)
{
    post(0, request(9, 0, 0), 2);
}

static void small_room(void)
{
    struct check_piece *p = get();

    p[1].len = 1;
    post(0, p, 2);
}

static void irq_type(void)
{
    post(0, request(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE), 2);
}

static void irq_on_output(void)
{
    ok(VGPIO_MSG_SET_VALUE, 2, 1);
    ok(VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT);
    arm(2);
    ok(VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_NONE);
}

static void left_enabled(void)
{
    arm(1);
}

static void type_after_type(void)
{
    arm(1);
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_LEVEL_LOW);
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
}

static void never_enabled(void)
{
    check_unmask(&c, 2, 1);
}

static void too_early(void)
{
    check_stage(&c, 0, VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_BOTH, 2);
    check_kick(&c, 0);
    check_unmask(&c, 2, 1);
    assert_true(check_event(&c, 2, VGPIO_IRQ_STATUS_VALID));
    assert_true(check_watch(&c));
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
}

static void long_pair(void)
{
    struct check_piece *p = get();

    p[0].len = 2;
    post(1, p, 2);
}

static void two_pairs(void)
{
    arm(1);
    check_unmask(&c, 2, 1);
    check_unmask(&c, 3, 1);
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
}

static void shared_pair(void)
{
    struct check_piece *p = get();

    arm(1);
    check_unmask(&c, 2, 1);
    p[1].at = check_gpa(&c, check_in(1, 2));
    post(0, p, 2);
    assert_true(check_watch(&c));
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
}

static void shared_pairs(void)
{
    struct check_piece *p = get();

    arm(1);
    arm(3);
    check_unmask(&c, 2, 1);
    memset(check_at(&c, check_out(0, 1)), 3, 1);
    p[0].len = 2;
    p[1].len = 1;
    p[1].at = check_gpa(&c, check_in(1, 2));
    post(1, p, 2);
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
    ok(VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE);
}

static void names(void)
{
    post(0, request(VGPIO_MSG_GET_LINE_NAMES, 0, 0), 2);
}

static void output_first(void)
{
    ok(VGPIO_MSG_SET_DIRECTION, 2, VGPIO_DIR_OUT);
}

static void value_of_get(void)
{
    post(0, request(VGPIO_MSG_GET_DIRECTION, 0, 1), 2);
}

static void no_such_line(void)
{
    post(0, request(VGPIO_MSG_GET_DIRECTION, 8, 0), 2);
}

static void no_such_value(void)
{
    post(0, request(VGPIO_MSG_SET_VALUE, 0, 2), 2);
}

static void eventq(void)
{
    assert_true(check_start_ring(&c, 1));
}

static void misaligned(void)
{
    assert_true(check_stop_ring(&c, 1, NULL));
    check_lay_ring(&c, 1, 32, 0x4000);
    c.ring[1].at.device += 2;
    (void)check_tell_ring(&c, 1, false);
}

static void write_first(void)
{
    struct check_piece *p = get(), back[2] = {p[1], p[0]};

    post(0, back, 2);
}

static void nested(void)
{
    struct check_piece t = table(CHECK_NEXT, 1, CHECK_TABLE);

    post(0, &t, 1);
}

static void odd_table(void)
{
    struct check_piece t = table(CHECK_NEXT, 1, 0);

    t.len = 31;
    post(0, &t, 1);
}

static void loop(void)
{
    const struct check_piece *p = get();

    check_desc(&c, c.ring[0].at.desc, &p[0], CHECK_NEXT, 0);
    check_head(&c, 0, 0);
    check_kick(&c, 0);
}

static void outside(void)
{
    check_head(&c, 0, CHECK_RING);
    check_kick(&c, 0);
}

static void table_and_next(void)
{
    struct check_piece t[2] = {table(CHECK_NEXT, 1, 0), get()[1]};

    post(0, t, 2);
}

static void index_jumps(void)
{
    check_put16(&c, c.ring[0].at.driver + 2, CHECK_RING + 1);
    check_kick(&c, 0);
}

static void index_back(void)
{
    ok(VGPIO_MSG_GET_VALUE, 0, 0);
    check_put16(&c, c.ring[0].at.driver + 2, 0);
    check_kick(&c, 0);
}

static void flags_2(void)
{
    check_put16(&c, c.ring[0].at.driver, 2);
    post(0, get(), 2);
}

static void flags_1(void)
{
    check_put16(&c, c.ring[0].at.driver, 1);
    post(0, get(), 2);
}

static void used_flags(void)
{
    assert_true(check_stop_ring(&c, 1, NULL));
    check_lay_ring(&c, 1, 32, 0x4000);
    check_put16(&c, c.ring[1].at.device, 1);
    assert_true(check_tell_ring(&c, 1, false));
}

static void no_kick(void)
{
    check_post(&c, 0, 1, get(), 2);
    assert_true(check_watch(&c));
}

static void while_out(uint64_t at, uint16_t value)
{
    arm(1);
    check_unmask(&c, 2, 1);
    assert_true(check_sync(&c)); /* it has been read */
    check_put16(&c, at, value);
    assert_true(check_event(&c, 2, VGPIO_IRQ_STATUS_VALID));
    ok(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE);
}

static void changes_bytes(void)
{
    while_out(check_gpa(&c, check_out(1, 2)), 2);
}

static void changes_descriptor(void)
{
    /* Split: of slot 2; packed: the first one of the ring. */
    while_out(c.ring[1].at.desc + (c.packed ? 0 : 16 * 8), 0x1234);
}

static void same_head(void)
{
    arm(1);
    check_unmask(&c, 2, 1);
    check_head(&c, 1, 8);
    check_kick(&c, 1);
}

static void no_memory(void)
{
    struct check_piece *p = get();

    p[1].at = UINT64_MAX - 1;
    post(0, p, 2);
}

static void other_features(void)
{
    uint64_t word = PLAIN & ~VGPIO_F_IRQ;

    (void)vgpio_vuf_call(&c.front.vuf, VGPIO_VU_SET_FEATURES, &word, sizeof word, NULL,
                         0);
}

static void writes_config(void)
{
    uint32_t m[5] = {0, 8, 0, 0, 0};

    (void)vgpio_vuf_call(&c.front.vuf, 25, m, sizeof m, NULL, 0);
}

static void endless(void)
{
    struct check_piece p[CHECK_RING];
    unsigned i;

    for (i = 0; i < CHECK_RING; i++) {
        p[i] = get()[0];
        p[i].flags = CHECK_NEXT;
    }
    post(0, p, CHECK_RING);
}

static void no_room(void)
{
    struct check_piece p[CHECK_RING];
    unsigned i;

    arm(1);
    check_unmask(&c, 2, 1);
    for (i = 0; i < CHECK_RING; i++) {
        p[i] = get()[0];
        p[i].flags = CHECK_NEXT;
    }
    assert_true(check_sync(&c));
    /* Over the first two, which are out; so they must be as they were. */
    for (i = 0; i < CHECK_RING - 2; i++) {
        uint64_t at = c.ring[1].at.desc + 16u * (i + 2);

        check_desc(&c, at, &p[i], 0, 0);
        check_put16(&c, at + 12, 9);
        check_put16(&c, at + 14, 0x80 | CHECK_NEXT);
    }
    check_kick(&c, 1);
}

static void second_late(void)
{
    struct check_offer o = check_write(&c, 0, 1, get(), 2);

    check_put16(&c, c.ring[0].at.desc + 16 + 14, 0x8000 | CHECK_WRITE);
    check_put16(&c, o.at, o.value);
    check_kick(&c, 0);
}

static void table_flags(void)
{
    struct check_piece t = table(CHECK_NEXT, 1, CHECK_WRITE);

    post(0, &t, 1);
}

static void long_table(void)
{
    struct check_piece t = table(0, 0, CHECK_WRITE);

    t.len = 16 * (CHECK_RING + 1);
    post(0, &t, 1);
}

static void same_id(void)
{
    arm(1);
    arm(3);
    check_unmask(&c, 2, 1);
    check_unmask(&c, 2, 3);
}

static void event_flags(void)
{
    check_put16(&c, c.ring[0].at.driver + 2, 3);
    post(0, get(), 2);
}

static void huge(void)
{
    struct check_piece *p = get();

    p[2] = p[1];
    p[1].len = p[2].len = 0xf0000000u;
    post(0, p, 3);
}

/* It asks to be told of a later answer only, and waits for this one. */
static void sleeps(void)
{
    check_put16(&c, c.ring[0].at.driver + 4 + 2 * CHECK_RING, 5);
    post(0, get(), 2);
    assert_false(check_called(&c, 0, 2000));
}

/* ---- each ---- */

struct wrong {
    const char *rule; /* NULL: none */
    uint64_t features;
    void (*run)(void);
    bool early; /* it kicks before there is a ring */
};

static const struct wrong wrongs[] = {
    {NULL, PLAIN, nothing, false},
    {NULL, EVENT, nothing, false},
    {NULL, PACKED, nothing, false},
    {NULL, PACKED | VGPIO_F_EVENT_IDX, nothing, false},
    {NULL, VGPIO_F_VERSION_1, nothing, false},
    {NULL, TABLES, good_table, false},
    {NULL, PTABLES, good_table, false},
    {"requestq", PLAIN, wrong_queue, false},
    {"two-parts", PLAIN, one_part, false},
    {"request-bytes", PLAIN, short_request, false},
    {"request-bytes", PLAIN, unknown_type, false},
    {"response-room", PLAIN, small_room, false},
    {"irq-feature", VGPIO_F_VERSION_1, irq_type, false},
    {"irq-on-output", PLAIN, irq_on_output, false},
    {"irq-none-at-end", PLAIN, left_enabled, false},
    {"none-between", PLAIN, type_after_type, false},
    {"enable-first", PLAIN, never_enabled, false},
    {"enable-first", PLAIN, too_early, false},
    {"pair-shape", PLAIN, long_pair, false},
    {"one-pair", PLAIN, two_pairs, false},
    {"pair-memory", PLAIN, shared_pairs, false},
    {"keep", PLAIN, shared_pair, false},
    {"names-room", PLAIN, names, false},
    {"value-first", PLAIN, output_first, false},
    {"zero-fields", PLAIN, value_of_get, false},
    {"known-line", PLAIN, no_such_line, false},
    {"known-value", PLAIN, no_such_value, false},
    {"queues", VGPIO_F_VERSION_1, eventq, false},
    {"split-align", PLAIN, misaligned, false},
    {"split-order", PLAIN, write_first, false},
    {"split-indirect", PLAIN, good_table, false},
    {"split-nested", TABLES, nested, false},
    {"split-length", TABLES, odd_table, false},
    {"split-length", PLAIN, loop, false},
    {"split-length", PLAIN, outside, false},
    {"split-table-next", TABLES, table_and_next, false},
    {"split-index", PLAIN, index_jumps, false},
    {"split-index", PLAIN, index_back, false},
    {"split-flags", PLAIN, flags_2, false},
    {"split-flags-event", EVENT, flags_1, false},
    {"split-used-flags", PLAIN, used_flags, false},
    {"split-kick", PLAIN, no_kick, false},
    {"split-kick-event", EVENT, no_kick, false},
    {"keep", PLAIN, changes_bytes, false},
    {"keep", PLAIN, changes_descriptor, false},
    {"keep", PLAIN, same_head, false},
    {"keep", PACKED, changes_bytes, false},
    {"packed-align", PACKED, misaligned, false},
    {"packed-keep", PACKED, changes_descriptor, false},
    {"packed-length", PACKED, endless, false},
    {"packed-order", PACKED, write_first, false},
    {"packed-room", PACKED, no_room, false},
    {"packed-first-last", PACKED, second_late, false},
    {"packed-indirect", PACKED, good_table, false},
    {"packed-indirect", PTABLES, table_flags, false},
    {"packed-table", PTABLES, long_table, false},
    {"packed-table-next", PTABLES, table_and_next, false},
    {"packed-id", PACKED, same_id, false},
    {"packed-event", PACKED, event_flags, false},
    {"packed-kick", PACKED, no_kick, false},
    {"offered", PLAIN | VGPIO_F_IN_ORDER, nothing, false},
    {"unknown", PLAIN | UINT64_C(1) << 50, nothing, false},
    {"version-1", VGPIO_F_IRQ, nothing, false},
    {"address", PLAIN, no_memory, false},
    {"features-once", PLAIN, other_features, false},
    {"config-write", PLAIN, writes_config, false},
    {"split-total", PLAIN, huge, false},
    {"awake", EVENT, sleeps, false},
    {"early-kick", PLAIN, nothing, true},
};

/* How a rule fared in the report. */
static int is(const char *verdict, const char *rule)
{
    char line[64];

    snprintf(line, sizeof line, "%-8s %-24s ", verdict, rule);
    return strstr(tool_out, line) != NULL;
}

static void run(const struct wrong *w)
{
    const char *s = dir.socket;
    struct tool_run t;
    int status;

    print_message("%s\n", w->rule != NULL ? w->rule : "no rule");
    memset(&c, 0, sizeof c);
    c.path = s;
    c.timeout_ms = c.patience_ms = RUN_PATIENCE_MS;
    c.loop[0] = c.loop[1] = -1;
    c.fresh = true;
    c.packed = (w->features & VGPIO_F_PACKED) != 0;
    TOOL_BEGIN(&t, "trap", "--watch", "--events", "1", "--packed", "-s", s);
    assert_true(check_connect(&c));
    if (w->early) {
        check_kick(&c, 0);
    }
    if (!check_begin(&c, w->features)) {
        fail_msg("%s: %s", w->rule, c.saw);
    }
    w->run();
    (void)check_sync(&c);
    check_close(&c);
    status = tool_finish(&t, 0);
    if (w->rule != NULL ? !is("FAIL", w->rule)
                        : status != 0 && strstr(tool_out, "\nFAIL") != NULL) {
        fail_msg("%s: %s%s", w->rule, tool_out, tool_err);
    }
}

static void test_each_rule(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        run(&wrongs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
