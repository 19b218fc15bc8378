/* SPDX-License-Identifier: BSD-3-Clause */
/* The control protocol on lines that are an array, with a clock that is a number. */
#include "cli/board.h"
#include "cli/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/types.h>
#include <virtiogpio/wire.h>

#define LINES 4

static struct world {
    uint8_t pull[LINES], dir[LINES], out[LINES];
    unsigned pulls, pulses, barriers;
    int fails;
    unsigned faults;
    struct fault_rule rule;
    struct ctl ctl;
    struct ctl_client c;
    char out_buf[4 * CTL_REPLY_MAX];
    char text[16384]; /* what the client was told */
    uint64_t now;
} w;

static int line_of(void *ctx, const char *name)
{
    static const char *const names[LINES] = {"led", "button", "", "ethernet reset"};
    int i;

    (void)ctx;
    assert_true(name[0] != '\0');
    for (i = 0; i < LINES; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static int value(void *ctx, uint16_t line)
{
    (void)ctx;
    assert_true(line < LINES);
    return w.dir[line] == VGPIO_DIR_OUT ? w.out[line]
           : w.pull[line] == 0xff       ? VGPIO_ERR_IO
                                        : w.pull[line];
}

static int direction(void *ctx, uint16_t line)
{
    (void)ctx;
    assert_true(line < LINES);
    return w.dir[line];
}

static int pulled(void *ctx, uint16_t line)
{
    (void)ctx;
    return w.pull[line];
}

static int pull(void *ctx, uint16_t line, unsigned level)
{
    (void)ctx;
    assert_true(line < LINES && level <= 1);
    w.pull[line] = (uint8_t)level;
    w.pulls++;
    ctl_changed(&w.c, line, (unsigned)value(NULL, line), w.now * 1000);
    return w.fails;
}

static int pulse(void *ctx, uint16_t line)
{
    (void)ctx;
    assert_true(line < LINES);
    w.pulses++;
    return w.fails;
}

static void barrier(void *ctx)
{
    (void)ctx;
    w.barriers++;
}

static size_t info(void *ctx, char *out, size_t size)
{
    (void)ctx;
    return (size_t)snprintf(out, size, "lines=%d", LINES);
}

static size_t too_much(void *ctx, char *out, size_t size)
{
    (void)ctx;
    memset(out, 'x', size);
    return size + 1;
}

static const struct ctl_ops ops = {line_of, value, direction, pulled, pull, pulse,
                                   barrier, info,  info,      NULL,   NULL};

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    w.ctl.ops = &ops;
    w.ctl.nlines = LINES;
    w.ctl.reply_max = CTL_REPLY_MAX;
    ctl_init(&w.c, &w.ctl, w.out_buf, sizeof w.out_buf);
    return 0;
}

static void run(void)
{
    size_t had;

    do {
        ctl_run(&w.c, w.now);
        had = w.c.out_len;
        assert_true(had <= w.c.out_size);
        strncat(w.text, w.c.out, had);
        ctl_sent(&w.c, had);
    } while (had > 0);
}

static void send_bytes(const char *data, size_t len)
{
    while (len > 0) {
        size_t n = ctl_room(&w.c);

        if (n == 0) {
            return; /* closing: the rest is nobody's */
        }
        n = n < len ? n : len;
        ctl_input(&w.c, data, n);
        data += n;
        len -= n;
        run();
    }
}

/* Sends one line, expects exactly one reply line. */
static void say(const char *line, const char *reply)
{
    char expected[CTL_REPLY_MAX];

    w.text[0] = '\0';
    send_bytes(line, strlen(line));
    send_bytes("\n", 1);
    snprintf(expected, sizeof expected, "%s\n", reply);
    assert_string_equal(w.text, expected);
}

static void test_pull_value_dir(void **state)
{
    (void)state;
    say("value 0", "ok 0");
    say("pull 0 1", "ok");
    say("value 0", "ok 1");
    say("value led", "ok 1");
    say("dir led", "ok none");
    w.dir[0] = VGPIO_DIR_OUT;
    say("dir led", "ok out");
    say("value led", "ok 0");
    w.dir[0] = VGPIO_DIR_IN;
    say("dir 0", "ok in");
    say("pull button 1", "ok");
    assert_int_equal(w.pull[1], 1);
}

static void test_words(void **state)
{
    (void)state;
    say("  pull\t 0   1  ", "ok");
    say("value 0\r", "ok 1");
    say("pull \"ethernet reset\" 1", "ok");
    assert_int_equal(w.pull[3], 1);
    say("value \"led\"", "ok 1");
    say("value \"led", "error a quote without its end");
    say("pull \"\" 1", "error no line is named ''");
    say("a b c d e f g h i j", "error too many words; try 'help'");
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    say("", "error an empty line; try 'help'");
    say("  ", "error an empty line; try 'help'");
    say("push 0 1", "error unknown command 'push'; try 'help'");
    say("PULL 0 1", "error unknown command 'PULL'; try 'help'");
    say("pull", "error usage: pull LINE 0|1");
    say("pull 0", "error usage: pull LINE 0|1");
    say("pull 0 1 1", "error usage: pull LINE 0|1");
    say("pull 0 2", "error '2' is not 0 or 1");
    say("pull 0 01", "error '01' is not 0 or 1");
    say("pull 4 1", "error no line 4, the last is 3");
    say("pull 65536 1", "error no line 65536, the last is 3");
    say("pull 99999999999999999999999 1",
        "error no line 99999999999999999999999, the last is 3");
    say("pull -1 1", "error no line is named '-1'");
    say("pull 0x0 1", "error no line is named '0x0'");
    say("pull nobody 1", "error no line is named 'nobody'");
    say("info please", "error usage: info");
    say("wait 0 1", "error usage: wait LINE 0|1 TIMEOUT_MS");
    say("wait 0 1 x", "error TIMEOUT_MS is a number from 0 to 86400000, not 'x'");
    say("wait 0 1 86400001",
        "error TIMEOUT_MS is a number from 0 to 86400000, not '86400001'");
    say("toggle 0 0 0", "error COUNT is a number from 1 to 1000000000, not '0'");
    say("toggle 0 1 3600000001",
        "error PERIOD_US is a number from 0 to 3600000000, not '3600000001'");
    say("toggle 0 18446744073709551617 0",
        "error COUNT is a number from 1 to 1000000000, not '18446744073709551617'");
    assert_int_equal(w.pulls + w.pulses, 0);
}

static void test_info_stats_barrier_help(void **state)
{
    (void)state;
    say("info", "ok lines=4");
    say("stats", "ok lines=4");
    say("barrier", "ok");
    assert_int_equal(w.barriers, 1);
    w.text[0] = '\0';
    send_bytes("help\n", 5);
    assert_memory_equal(w.text, "ok commands: ", 13);
    assert_ptr_equal(strchr(w.text, '\n'), w.text + strlen(w.text) - 1);
}

static void test_reply_too_large_is_cut(void **state)
{
    static const struct ctl_ops big = {line_of, value,    direction, pulled, pull, pulse,
                                       barrier, too_much, too_much,  NULL,   NULL};

    (void)state;
    w.ctl.ops = &big;
    send_bytes("info\n", 5);
    assert_int_equal(strlen(w.text), CTL_REPLY_MAX);
    assert_int_equal(w.text[CTL_REPLY_MAX - 1], '\n');
}

static void test_backend_error(void **state)
{
    char error[64];

    (void)state;
    snprintf(error, sizeof error, "error %s", vgpio_strerror(VGPIO_ERR_INVAL));
    w.fails = VGPIO_ERR_INVAL;
    say("pull 0 1", error);
    say("toggle 0 3 0", error);
    say("toggle 0 3 2", error);
    say("barrier", "ok");
}

static void test_wait_now_later_never(void **state)
{
    (void)state;
    say("wait 0 0 0", "ok 0");
    say("wait 0 1 0", "error timeout");

    w.text[0] = '\0';
    send_bytes("wait led 1 100\nvalue led\n", 25);
    assert_string_equal(w.text, "");
    assert_int_equal(ctl_due(&w.c), 100000);
    w.now = 99999;
    run();
    assert_string_equal(w.text, "");
    (void)pull(NULL, 0, 1);
    assert_int_equal(ctl_due(&w.c), 0);
    run();
    assert_string_equal(w.text, "ok 1\nok 1\n");
    assert_true(ctl_due(&w.c) == CTL_NEVER);

    w.text[0] = '\0';
    send_bytes("wait led 0 100\n", 15);
    w.now += 100000;
    run();
    assert_string_equal(w.text, "error timeout\n");
}

/* The level was there for an instant only, between two runs. */
static void test_wait_sees_a_pulse(void **state)
{
    (void)state;
    send_bytes("wait 0 1 100\n", 13);
    (void)pull(NULL, 1, 1);
    (void)pull(NULL, 0, 1);
    (void)pull(NULL, 0, 0);
    run();
    assert_string_equal(w.text, "ok 1\n");
}

static void test_toggle_in_one_step(void **state)
{
    (void)state;
    w.text[0] = '\0';
    send_bytes("toggle 0 1000 0\n", 16);
    while (ctl_due(&w.c) <= w.now) {
        run();
    }
    assert_string_equal(w.text, "ok 1000 pulses 2000 edges\n");
    assert_int_equal(w.pulses, 1000);
    assert_int_equal(w.pulls, 0);
}

/* One run does a part only, so that others have their turn. */
static void test_toggle_is_polite(void **state)
{
    (void)state;
    send_bytes("toggle 0 1000000 0\n", 19);
    assert_in_range(w.pulses, 1, 10000);
    assert_true(ctl_due(&w.c) <= w.now);
}

static void test_toggle_with_period(void **state)
{
    (void)state;
    w.pull[1] = 1;
    send_bytes("toggle button 3 100\n", 20);
    assert_int_equal(w.pull[1], 0);
    assert_int_equal(ctl_due(&w.c), 50);
    w.now = 49;
    run();
    assert_int_equal(w.pulls, 1);
    w.now = 50;
    run();
    assert_int_equal(w.pulls, 2);
    assert_int_equal(w.pull[1], 1);
    assert_int_equal(ctl_due(&w.c), 100);
    /* Very late: still one edge a run, for a burst would merge in the guest. */
    w.now = 1000;
    run();
    assert_int_equal(w.pulls, 3);
    assert_string_equal(w.text, "");
    while (ctl_due(&w.c) != CTL_NEVER) {
        w.now = ctl_due(&w.c);
        run();
    }
    assert_string_equal(w.text, "ok 3 pulses 6 edges\n");
    assert_int_equal(w.pulls, 6);
    assert_int_equal(w.pull[1], 1);
}

static void test_toggle_behind_an_output(void **state)
{
    (void)state;
    w.dir[0] = VGPIO_DIR_OUT;
    say("toggle 0 5 0", "ok 5 pulses 0 edges");
    w.text[0] = '\0';
    send_bytes("toggle 0 2 2\n", 13);
    while (ctl_due(&w.c) != CTL_NEVER) {
        w.now = ctl_due(&w.c);
        run();
    }
    assert_string_equal(w.text, "ok 2 pulses 0 edges\n");
}

/* --- events --- */

static int advance(void *ctx, uint64_t us, uint64_t *until)
{
    (void)ctx;
    if (us == 7000) {
        return VGPIO_ERR_STATE;
    }
    *until = w.now + us;
    return 0;
}

static void test_clock(void **state)
{
    struct ctl_ops moved = ops;

    (void)state;
    say("clock", "ok 0");
    w.now = 12;
    say("clock", "ok 12");
    say("clock advance 5ms", "error the clock is the machine's; see --virtual-time");
    say("clock advance", "error usage: clock | clock advance TIME");
    say("clock retreat 5ms", "error usage: clock | clock advance TIME");
    say("clock advance 5", "error '5' is not a time like 10us, 50ms, 2s or 3min");
    moved.advance = advance;
    w.ctl.ops = &moved;
    say("clock advance 7ms", "error the script moves the clock");
    w.text[0] = '\0';
    send_bytes("clock advance 5ms\nvalue 0\n", 26);
    assert_string_equal(w.text, "");
    assert_int_equal(ctl_due(&w.c), 5012);
    w.now = 5011;
    run();
    assert_string_equal(w.text, "");
    w.now = 5012;
    run();
    assert_string_equal(w.text, "ok 5012\nok 0\n");
}

static int fault(void *ctx, uint16_t line, const struct fault_rule *rule)
{
    (void)ctx;
    assert_int_equal(line, 1);
    if (rule == NULL) {
        w.faults = 0;
    } else if (w.faults == 2) {
        return VGPIO_ERR_NOSPC;
    } else {
        w.faults++;
        w.rule = *rule;
    }
    return 0;
}

static void test_fault(void **state)
{
    struct ctl_ops bad = ops;

    (void)state;
    say("fault 1 any err", "error only lines of a board have faults; see --board");
    say("heal 1", "error only lines of a board have faults; see --board");
    bad.fault = fault;
    w.ctl.ops = &bad;
    say("fault 1 get-value delay 20ms after 3 times 1", "ok");
    assert_int_equal(w.rule.kind, FAULT_DELAY);
    assert_int_equal(w.rule.messages, FAULT_GET_VALUE);
    assert_int_equal(w.rule.time_us, 20000);
    assert_int_equal(w.rule.skip, 3);
    assert_int_equal(w.rule.times, 1);
    say("fault 1 storm 10 every 5ms times 2", "ok");
    assert_int_equal(w.rule.kind, FAULT_STORM);
    assert_int_equal(w.rule.pulses, 10);
    say("fault 1 any err", "error no room for one more fault of this line; see 'heal'");
    say("heal 1", "ok");
    assert_int_equal(w.faults, 0);
    say("fault 9 any err", "error no line 9, the last is 3");
    say("fault 1 any", "error usage: fault LINE MESSAGE err | fault LINE glitch every "
                       "TIME times N | ...");
    say("fault 1 any maybe", "error 'maybe' is wrong, expected err, delay TIME or never");
    say("fault 1 any delay", "error '' is not a time, expected one like 10us, 50ms, 2s "
                             "or 3min");
    say("fault 1 any err times x",
        "error 'x' is not right here, expected a number from 1 to 4294967295");
    assert_int_equal(w.faults, 0);
}

static void test_hello(void **state)
{
    (void)state;
    w.text[0] = '\0';
    send_bytes("hello\n", 6);
    assert_memory_equal(w.text, "ok protocol=1 version=", 22);
    assert_non_null(strstr(w.text, " commands=info,pull,"));
    assert_non_null(strstr(w.text, ",watch,"));
    assert_non_null(strstr(w.text, ",help\n"));
    say("hello you", "error usage: hello");
}

static void test_values(void **state)
{
    (void)state;
    say("values", "ok 0000");
    w.pull[1] = 1;
    w.dir[3] = VGPIO_DIR_OUT;
    w.out[3] = 1;
    say("values", "ok 0101");
    w.pull[0] = 0xff; /* below 0: it cannot be read */
    say("values", "ok x101");
    w.ctl.nlines = CTL_REPLY_MAX - 3;
    say("values", "error too many lines for one reply");
}

static void test_watch_changes(void **state)
{
    (void)state;
    say("pull 0 1", "ok");
    say("watch changes", "ok");
    w.now = 5;
    /* The effect stands before the answer to its cause. */
    say("pull 0 0", "event 1 5000 change 0 0\nok");
    say("pull button 1", "event 2 5000 change 1 1\nok");
    w.text[0] = '\0';
    (void)pull(NULL, 2, 1);
    assert_int_equal(ctl_due(&w.c), 0);
    run();
    assert_string_equal(w.text, "event 3 5000 change 2 1\n");
    assert_true(ctl_due(&w.c) == CTL_NEVER);
    say("unwatch", "ok");
    say("pull 0 1", "ok");
}

static void test_watch_some_lines(void **state)
{
    unsigned i;

    (void)state;
    say("watch changes button", "ok");
    say("watch changes 3", "ok");
    say("watch changes 3", "ok");
    say("pull 0 1", "ok");
    say("pull 3 1", "event 1 0 change 3 1\nok");
    say("pull 1 1", "event 2 0 change 1 1\nok");
    say("watch changes nobody", "error no line is named 'nobody'");
    say("watch changes 1 2", "error usage: watch changes [LINE] | watch messages");
    say("watch", "error usage: watch changes [LINE] | watch messages");
    say("watch lines", "error usage: watch changes [LINE] | watch messages");
    say("watch messages 1", "error usage: watch changes [LINE] | watch messages");
    w.ctl.nlines = UINT16_MAX;
    for (i = 2; i < CTL_WATCH_LINES; i++) {
        char line[32];

        snprintf(line, sizeof line, "watch changes %u", 100 + i);
        say(line, "ok");
    }
    say("watch changes 9",
        "error too many lines one by one; 'watch changes' tells of all");
    say("watch changes 3", "ok");
}

static void test_watch_messages(void **state)
{
    static const struct {
        unsigned id;
        uint32_t a, b;
        const char *text;
    } events[] = {
        {VGPIO_TR_REQUEST, 3u << 16 | 7, 1, "request 7 3 1"},
        {VGPIO_TR_ANSWER, 4u << 16 | 7, 1, "answer 7 4 ok 1"},
        {VGPIO_TR_ANSWER, 4u << 16 | 7, 0x100, "answer 7 4 err 0"},
        {VGPIO_TR_IRQ_PARKED, 7, 3, "unmasked 7 3"},
        {VGPIO_TR_IRQ_VALID, 7, 3, "interrupt 7 3"},
        {VGPIO_TR_LEVEL, 7, 1, "interrupt 7 1"},
        {VGPIO_TR_IRQ_INVALID, 7, 0, "returned 7 0"},
        {VGPIO_TR_EDGE_LATCHED, 7, 1, "latched 7 1"},
        {VGPIO_TR_EDGE_MERGED, 7, 2, "merged 7 2"},
        {VGPIO_TR_EDGE_DROPPED, 7, 2, "dropped 7 2"},
        {VGPIO_TR_CHAIN_BAD, 1, 4, "malformed - 1"},
        {VGPIO_TR_QUEUE_BROKEN, 1, 4, "broken - 1"},
        {VGPIO_TR_RESET, 0, 0, "reset -"},
        {VGPIO_TR_FEATURES, 1, 1, "features - 0x100000001"},
    };
    char wanted[128];
    unsigned i;

    (void)state;
    ctl_traced(&w.c, VGPIO_TR_RESET, 0, 0, 1);
    say("watch messages", "ok");
    for (i = 0; i < sizeof events / sizeof events[0]; i++) {
        w.text[0] = '\0';
        /* What is no event takes no number. */
        ctl_traced(&w.c, VGPIO_TR_VU_MESSAGE, 1, 1, 2);
        ctl_traced(&w.c, events[i].id, events[i].a, events[i].b, 9);
        run();
        snprintf(wanted, sizeof wanted, "event %u 9 %s\n", i + 1, events[i].text);
        assert_string_equal(w.text, wanted);
    }
    say("pull 0 1", "ok");
}

/* The largest numbers there are stay inside an event's bytes. */
static void test_longest_event(void **state)
{
    char out[CTL_EVENT_MAX + 1];
    size_t n;

    (void)state;
    n = ctl_event_trace(out, UINT64_MAX, UINT64_MAX, VGPIO_TR_REQUEST, UINT32_MAX,
                        UINT32_MAX);
    assert_in_range(n, 2, CTL_EVENT_MAX);
    assert_memory_equal(out + n - 6, "67295\n", 6);
    n = ctl_event_trace(out, UINT64_MAX, UINT64_MAX, VGPIO_TR_FEATURES, UINT32_MAX,
                        UINT32_MAX);
    assert_memory_equal(out + n - 5, "ffff\n", 5);
    n = ctl_event_lost(out, UINT64_MAX, UINT64_MAX);
    assert_memory_equal(out + n - 5, "1615\n", 5);
}

/* A client that does not read: what it missed has numbers, and is told before the next
 * thing it is told; and the answers to its commands always have room. */
static void test_lost_events(void **state)
{
    unsigned told = 0;
    char wanted[64];
    char *p;

    (void)state;
    say("watch changes", "ok");
    while (w.c.watch.lost < 3) {
        assert_in_range(told++, 0, 1000);
        (void)pull(NULL, 0, told & 1u);
    }
    told -= 3;
    assert_in_range(told, 10, 400);
    assert_true(w.c.out_size - w.c.out_len >= CTL_REPLY_MAX + CTL_EVENT_MAX);
    w.text[0] = '\0';
    ctl_input(&w.c, "value 0\n", 8);
    run();
    snprintf(wanted, sizeof wanted, "event %u 0 lost - 3\nok ", told + 3);
    p = strstr(w.text, " lost ");
    assert_non_null(p);
    while (p[-1] != '\n') {
        p--;
    }
    assert_memory_equal(p, wanted, strlen(wanted));
    snprintf(wanted, sizeof wanted, "event %u 0 change 1 1\nok", told + 4);
    say("pull 1 1", wanted);
}

/* It reads again, says nothing, and nothing more happens: it is told all the same. */
static void test_lost_events_are_told_unasked(void **state)
{
    (void)state;
    say("watch changes", "ok");
    while (w.c.watch.lost == 0) {
        (void)pull(NULL, 0, 1);
    }
    w.text[0] = '\0';
    run();
    assert_string_equal(strrchr(w.text, 'l'), "lost - 1\n");
}

/* --- rude clients --- */

static void test_bad_bytes(void **state)
{
    (void)state;
    w.text[0] = '\0';
    send_bytes("pull\0 0 1\n", 10);
    send_bytes("pull 0 1\x80\n", 10);
    send_bytes("value 0\n", 8);
    assert_string_equal(w.text, "error a byte that is not printable ASCII\n"
                                "error a byte that is not printable ASCII\n"
                                "ok 0\n");
}

static void test_endless_line(void **state)
{
    char junk[3 * CTL_LINE_MAX];

    (void)state;
    memset(junk, 'a', sizeof junk);
    w.text[0] = '\0';
    send_bytes(junk, CTL_LINE_MAX - 1);
    assert_string_equal(w.text, "");
    assert_false(ctl_done(&w.c));
    send_bytes(junk, sizeof junk);
    assert_string_equal(w.text, "error a line longer than 1024 bytes\n");
    assert_int_equal(ctl_room(&w.c), 0);
    assert_true(ctl_done(&w.c));
}

static void test_longest_line(void **state)
{
    char line[CTL_LINE_MAX + 1];

    (void)state;
    memset(line, ' ', sizeof line);
    memcpy(line, "value 0", 7);
    line[CTL_LINE_MAX - 1] = '\n';
    w.text[0] = '\0';
    send_bytes(line, CTL_LINE_MAX);
    assert_string_equal(w.text, "ok 0\n");
}

static void test_half_line_is_not_obeyed(void **state)
{
    (void)state;
    send_bytes("pull 1 1\npull 0 1", 17);
    ctl_eof(&w.c);
    assert_int_equal(ctl_room(&w.c), 0);
    run();
    assert_string_equal(w.text, "ok\nerror the last line has no newline\n");
    assert_int_equal(w.pull[0], 0);
    assert_true(ctl_done(&w.c));
}

static void test_eof_waits_for_the_answer(void **state)
{
    (void)state;
    send_bytes("wait 0 1 100\nvalue 1\n", 21);
    ctl_eof(&w.c);
    run();
    assert_false(ctl_done(&w.c));
    (void)pull(NULL, 0, 1);
    run();
    assert_string_equal(w.text, "ok 1\nok 0\n");
    assert_true(ctl_done(&w.c));
}

/* Who never reads gets no more commands done than its answers have room for. */
static void test_stuck_reader(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 10000 && ctl_room(&w.c) > 0; i++) {
        size_t n = ctl_room(&w.c) < 9 ? ctl_room(&w.c) : 9;

        ctl_input(&w.c, "pull 0 1\n", n);
        ctl_run(&w.c, w.now);
        assert_true(w.c.out_len <= w.c.out_size);
    }
    assert_int_equal(ctl_room(&w.c), 0);
    assert_in_range(w.pulls, 1, sizeof w.out_buf / 3);
    i = w.pulls;
    /* It reads again: all that it sent is obeyed. */
    run();
    assert_true(w.pulls > i);
    assert_true(ctl_room(&w.c) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pull_value_dir, setup),
        cmocka_unit_test_setup(test_words, setup),
        cmocka_unit_test_setup(test_wrong_arguments, setup),
        cmocka_unit_test_setup(test_info_stats_barrier_help, setup),
        cmocka_unit_test_setup(test_reply_too_large_is_cut, setup),
        cmocka_unit_test_setup(test_backend_error, setup),
        cmocka_unit_test_setup(test_wait_now_later_never, setup),
        cmocka_unit_test_setup(test_wait_sees_a_pulse, setup),
        cmocka_unit_test_setup(test_toggle_in_one_step, setup),
        cmocka_unit_test_setup(test_toggle_is_polite, setup),
        cmocka_unit_test_setup(test_toggle_with_period, setup),
        cmocka_unit_test_setup(test_toggle_behind_an_output, setup),
        cmocka_unit_test_setup(test_clock, setup),
        cmocka_unit_test_setup(test_fault, setup),
        cmocka_unit_test_setup(test_hello, setup),
        cmocka_unit_test_setup(test_values, setup),
        cmocka_unit_test_setup(test_watch_changes, setup),
        cmocka_unit_test_setup(test_watch_some_lines, setup),
        cmocka_unit_test_setup(test_watch_messages, setup),
        cmocka_unit_test_setup(test_longest_event, setup),
        cmocka_unit_test_setup(test_lost_events, setup),
        cmocka_unit_test_setup(test_lost_events_are_told_unasked, setup),
        cmocka_unit_test_setup(test_bad_bytes, setup),
        cmocka_unit_test_setup(test_endless_line, setup),
        cmocka_unit_test_setup(test_longest_line, setup),
        cmocka_unit_test_setup(test_half_line_is_not_obeyed, setup),
        cmocka_unit_test_setup(test_eof_waits_for_the_answer, setup),
        cmocka_unit_test_setup(test_stuck_reader, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
