/* SPDX-License-Identifier: BSD-3-Clause */
#include "vcd_read.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wiring.h>

struct reader {
    struct vcd_file *f;
    char *at, *end;
    unsigned line;
    char *line_start;
    struct lex_error *err;
    char *word; /* the last one taken */
    unsigned word_line, word_col;
    uint64_t unit_ps; /* 0: not known yet */
    uint64_t tick, now_us;
    bool begun; /* behind $enddefinitions */
    uint16_t *sorted;
    uint32_t nsorted;
};

static int fail(struct reader *r, const char *what)
{
    return lex_fail_at(r->err, r->word_line, r->word_col, "'%.40s' %s",
                       r->word != NULL ? r->word : "", what);
}

static int no_memory(struct reader *r)
{
    return lex_fail_at(r->err, r->line, 1, "out of memory, expected a smaller file");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word, or NULL at the end. Cut in place. */
static char *take(struct reader *r)
{
    while (r->at < r->end && is_blank(*r->at)) {
        if (*r->at++ == '\n') {
            r->line++;
            r->line_start = r->at;
        }
    }
    r->word = NULL;
    r->word_line = r->line;
    r->word_col = (unsigned)(r->at - r->line_start) + 1;
    if (r->at == r->end) {
        return NULL;
    }
    r->word = r->at;
    while (r->at < r->end && !is_blank(*r->at) && *r->at != '\0') {
        r->at++;
    }
    if (r->at < r->end && *r->at == '\0') {
        r->at++; /* a byte that belongs nowhere; what is before it will be refused */
    } else if (r->at < r->end && *r->at == '\n') {
        r->line++;
        r->line_start = r->at + 1;
        *r->at++ = '\0';
    } else {
        *r->at = '\0'; /* there is room behind the end */
        r->at += r->at < r->end;
    }
    return r->word;
}

static int skip_to_end(struct reader *r)
{
    unsigned line = r->word_line, col = r->word_col;

    while (take(r) != NULL) {
        if (strcmp(r->word, "$end") == 0) {
            return 0;
        }
    }
    return lex_fail_at(r->err, line, col, "begun and never ended, expected $end");
}

/* "1 ns" or "10ps". */
static int take_timescale(struct reader *r)
{
    static const struct {
        const char *name;
        uint64_t ps;
    } units[] = {{"s", UINT64_C(1000000000000)},
                 {"ms", 1000000000},
                 {"us", 1000000},
                 {"ns", 1000},
                 {"ps", 1},
                 {"fs", 0}};
    const char *unit;
    uint64_t n = 0;
    size_t i;

    if (take(r) == NULL) {
        return fail(r, "is no time scale, expected one like 1 ns");
    }
    unit = r->word;
    while (*unit >= '0' && *unit <= '9' && n < 1000) {
        n = n * 10 + (unsigned)(*unit++ - '0');
    }
    if (*unit == '\0' && take(r) != NULL) {
        unit = r->word;
    }
    for (i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) == 0 && (n == 1 || n == 10 || n == 100)) {
            r->unit_ps = units[i].ps * n;
            return units[i].ps != 0 ? skip_to_end(r)
                                    : fail(r, "is too fine, expected ps or longer");
        }
    }
    return fail(r, "is no time scale, expected 1, 10 or 100 and s, ms, us, ns or ps");
}

static void *grow(void *table, uint32_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0) {
        return table;
    }
    return realloc(table, (n == 0 ? 1u : 2u * (size_t)n) * size);
}

/* $var wire 1 CODE NAME [range] $end */
static int take_var(struct reader *r)
{
    struct vcd_file *f = r->f;
    struct vcd_signal s = {NULL, NULL};
    bool one;
    void *table = grow(f->signals, f->nsignals, sizeof s);

    if (table == NULL || f->nsignals == VCD_SIGNALS_MAX) {
        f->signals = table != NULL ? table : f->signals;
        return no_memory(r);
    }
    f->signals = table;
    (void)take(r); /* wire, reg and so on are all the same here */
    if (take(r) == NULL) {
        return fail(r, "ends a $var, expected a width");
    }
    one = strcmp(r->word, "1") == 0;
    s.code = take(r);
    s.name = s.code != NULL ? take(r) : NULL;
    if (s.name == NULL || strcmp(s.name, "$end") == 0 || strcmp(s.code, "$end") == 0) {
        return fail(r, "ends a $var, expected a code and a name");
    }
    if (!one) {
        s.code = NULL;
    }
    f->signals[f->nsignals++] = s;
    return skip_to_end(r);
}

/* --- changes --- */

static int by_code(const void *a, const void *b, void *ctx)
{
    const struct vcd_signal *s = ctx;

    return strcmp(s[*(const uint16_t *)a].code, s[*(const uint16_t *)b].code);
}

static int sort_codes(struct reader *r)
{
    uint32_t i;

    r->sorted = calloc(r->f->nsignals + 1u, sizeof *r->sorted);
    if (r->sorted == NULL) {
        return no_memory(r);
    }
    for (i = 0; i < r->f->nsignals; i++) {
        if (r->f->signals[i].code != NULL) {
            r->sorted[r->nsorted++] = (uint16_t)i;
        }
    }
    qsort_r(r->sorted, r->nsorted, sizeof *r->sorted, by_code, r->f->signals);
    return 0;
}

static int add_change(struct reader *r, uint16_t signal, uint8_t level)
{
    struct vcd_file *f = r->f;
    void *table = f->nchanges < VCD_CHANGES_MAX
                      ? grow(f->changes, f->nchanges, sizeof *f->changes)
                      : NULL;

    if (table == NULL) {
        return no_memory(r);
    }
    f->changes = table;
    f->changes[f->nchanges].us = r->now_us;
    f->changes[f->nchanges].signal = signal;
    f->changes[f->nchanges++].level = level;
    return 0;
}

/* Several signals may have one code: one wire seen in several places. */
static int change_all(struct reader *r, const char *code, uint8_t level)
{
    uint32_t lo = 0, hi = r->nsorted;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (strcmp(r->f->signals[r->sorted[mid]].code, code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    for (; lo < r->nsorted && strcmp(r->f->signals[r->sorted[lo]].code, code) == 0;
         lo++) {
        if (add_change(r, r->sorted[lo], level) < 0) {
            return -1;
        }
    }
    return 0;
}

static int take_time(struct reader *r)
{
    uint64_t n, us;

    if (!cli_number(r->word + 1, UINT64_MAX, &n)) {
        return fail(r, "is no time, expected # and a number");
    }
    if (r->unit_ps >= 1000000) {
        uint64_t times = r->unit_ps / 1000000;

        if (n > LEX_TIME_MAX_US / times) {
            return fail(r, "is too late, expected at most 1000 days");
        }
        us = n * times;
    } else {
        us = n / (1000000 / r->unit_ps);
    }
    if (us > LEX_TIME_MAX_US) {
        return fail(r, "is too late, expected at most 1000 days");
    }
    if (n < r->tick) {
        return fail(r, "goes back in time, expected a later one");
    }
    r->tick = n;
    r->now_us = us;
    return 0;
}

static int take_value(struct reader *r)
{
    static const char levels[] = "01xXzZ";
    const char *found = strchr(levels, r->word[0]);

    if (found != NULL && r->word[0] != '\0') {
        unsigned level = (unsigned)(found - levels);

        if (r->word[1] == '\0') {
            return fail(r, "changes nothing, expected a code behind it");
        }
        return change_all(r, r->word + 1,
                          (uint8_t)(level > VGPIO_FLOATING ? VGPIO_FLOATING : level));
    }
    if (strchr("bBrR", r->word[0]) != NULL && r->word[0] != '\0') {
        return take(r) != NULL ? 0 : fail(r, "ends the file, expected a code");
    }
    return fail(r, "is nothing known, expected a time or a change");
}

static int take_section(struct reader *r)
{
    static const char *const inner[] = {"$dumpvars", "$dumpall", "$dumpon", "$dumpoff",
                                        "$end"};
    size_t i;

    for (i = 0; i < sizeof inner / sizeof inner[0] && r->begun; i++) {
        if (strcmp(r->word, inner[i]) == 0) {
            return 0; /* what is in it are changes like others */
        }
    }
    if (strcmp(r->word, "$timescale") == 0) {
        return r->unit_ps == 0 ? take_timescale(r) : fail(r, "again, expected it once");
    }
    if (strcmp(r->word, "$var") == 0) {
        return r->begun ? fail(r, "is too late, expected changes") : take_var(r);
    }
    if (strcmp(r->word, "$enddefinitions") == 0) {
        if (r->begun || r->unit_ps == 0) {
            return fail(r, "is wrong here, expected it once, and $timescale before it");
        }
        r->begun = true;
        return skip_to_end(r) < 0 ? -1 : sort_codes(r);
    }
    if (r->word[1] < 'a' || r->word[1] > 'z') {
        return fail(r, "is nothing known, expected $ and a word");
    }
    return skip_to_end(r);
}

static int take_all(struct reader *r)
{
    while (take(r) != NULL) {
        int code;

        if (r->word[0] == '$') {
            code = take_section(r);
        } else if (!r->begun) {
            code = fail(r, "is wrong here, expected $enddefinitions before it");
        } else {
            code = r->word[0] == '#' ? take_time(r) : take_value(r);
        }
        if (code < 0) {
            return -1;
        }
    }
    return r->begun ? 0 : fail(r, "is the end, expected $enddefinitions");
}

int vcd_parse(struct vcd_file *f, char *text, size_t len, struct lex_error *err)
{
    struct reader r = {.f = f, .at = text, .end = text + len, .line = 1, .err = err};
    int code;

    memset(f, 0, sizeof *f);
    f->text = text;
    r.line_start = text;
    *r.end = '\0';
    code = take_all(&r);
    f->end_us = r.now_us;
    free(r.sorted);
    return code;
}

void vcd_free(struct vcd_file *f)
{
    free(f->signals);
    free(f->changes);
    free(f->text);
    memset(f, 0, sizeof *f);
}

int vcd_find(const struct vcd_file *f, const char *name)
{
    uint32_t i;

    for (i = 0; i < f->nsignals; i++) {
        if (f->signals[i].code != NULL && strcmp(f->signals[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
