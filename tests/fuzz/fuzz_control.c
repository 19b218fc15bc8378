/* SPDX-License-Identifier: BSD-3-Clause */
/* The control protocol, byte stream in. First byte: how the stream is cut and how fast
 * time runs. Asserted: memory stays inside its bounds (ASan), every command line gets
 * exactly one reply line, "ok" or "error", and no command touches a line there is not. */
#include "cli/board.h"
#include "cli/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/types.h>
#include <virtiogpio/wire.h>

#define LINES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct lines {
    uint8_t pull[LINES];
    struct ctl_client *client;
};

static void check(int good)
{
    if (!good) {
        abort();
    }
}

static int line_of(void *ctx, const char *name)
{
    (void)ctx;
    check(name[0] != '\0');
    return strcmp(name, "led") == 0 ? 0 : strcmp(name, "a b") == 0 ? 2 : -1;
}

static int value(void *ctx, uint16_t line)
{
    check(line < LINES);
    return ((struct lines *)ctx)->pull[line];
}

static int direction(void *ctx, uint16_t line)
{
    (void)ctx;
    check(line < LINES);
    return line;
}

static int pull(void *ctx, uint16_t line, unsigned level)
{
    struct lines *l = ctx;

    check(line < LINES && level <= 1);
    l->pull[line] = (uint8_t)level;
    ctl_changed(l->client, line, level, 7);
    return 0;
}

static int pulse(void *ctx, uint16_t line)
{
    (void)ctx;
    check(line < LINES);
    return line == 2 ? -1 : 0;
}

static void barrier(void *ctx)
{
    (void)ctx;
}

static size_t fill(void *ctx, char *out, size_t size)
{
    (void)ctx;
    memset(out, 'i', size);
    return size;
}

static int advance(void *ctx, uint64_t us, uint64_t *until)
{
    check(us <= UINT64_MAX / 2);
    *until = us;
    return ((struct lines *)ctx)->pull[0] ? -1 : 0;
}

static int fault(void *ctx, uint16_t line, const struct fault_rule *rule)
{
    (void)ctx;
    check(line < LINES);
    check(rule == NULL || (rule->messages & ~(unsigned)FAULT_ANY) == 0);
    return rule == NULL ? 0 : -1;
}

static const struct ctl_ops ops = {line_of, value, direction, value,   pull, pulse,
                                   barrier, fill,  fill,      advance, fault};

/* Counts the replies; an event is a line of its own among them. */
static size_t take_replies(struct ctl_client *c, size_t at_most, char *first)
{
    size_t n = c->out_len < at_most ? c->out_len : at_most;
    size_t lines = 0;
    size_t i;

    check(c->out_len <= c->out_size);
    for (i = 0; i < n; i++) {
        if (c->out[i] == '\n') {
            lines += first[0] != 'e' || first[1] != 'v';
            first[0] = first[1] = '\0';
        } else if (first[0] == '\0' || first[1] == '\0') {
            first[first[0] != '\0'] = c->out[i];
        }
    }
    ctl_sent(c, n);
    return lines;
}

static void check_starts(const struct ctl_client *c, size_t from)
{
    if (c->out_len > from) {
        check(memcmp(c->out + from, "ok", 2) == 0 || memcmp(c->out + from, "e", 1) == 0);
        check(c->out[c->out_len - 1] == '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[3 * CTL_REPLY_MAX];
    struct lines lines = {{0}, NULL};
    struct ctl ctl = {&ops, &lines, LINES, CTL_REPLY_MAX};
    struct ctl_client c;
    size_t cut, commands = 0, replies = 0, turns = 0;
    char first[2] = {'\0', '\0'};
    uint64_t now = 0;

    if (size == 0) {
        return 0;
    }
    lines.client = &c;
    ctl_init(&c, &ctl, out, sizeof out);
    cut = 1u + data[0];
    for (data++, size--; size > 0 || c.in_len > 0 || c.out_len > 0;) {
        size_t n = ctl_room(&c);
        size_t before;

        n = n < cut ? n : cut;
        n = n < size ? n : size;
        ctl_input(&c, (const char *)data, n);
        for (before = 0; before < n; before++) {
            commands += data[before] == '\n';
        }
        data += n;
        size -= n;
        if (size == 0) {
            ctl_eof(&c);
        }
        ctl_traced(&c, 1u + (unsigned)cut % VGPIO_TR_END, (uint32_t)cut, 1, now);
        before = c.out_len;
        ctl_run(&c, now);
        check_starts(&c, before);
        replies += take_replies(&c, cut * 3, first);
        now += cut * 100000u;
        if (++turns > 2000 || (c.state == CTL_CLOSING && c.out_len == 0)) {
            break; /* a toggle that takes days */
        }
    }
    check(replies <= commands + 1);
    return 0;
}
