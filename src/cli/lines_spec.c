/* SPDX-License-Identifier: BSD-3-Clause */
#include "lines_spec.h"

#include "bank.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/gpiochip.h>

struct parser {
    struct lines_spec *spec;
    const char *source;
    const char *at, *end;
    const char *row; /* where the line of text begins that `at` is in */
    uint32_t line;
    char *why;
    size_t why_size;
};

/* What was read of an entry, before it becomes one item or many. */
struct entry {
    const char *begin;
    uint32_t chip, from, to;
    struct lines_item item;
    bool has_name;
    unsigned given; /* which options, bit by bit */
};

static int fail(const struct parser *p, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(const struct parser *p, const char *where, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(p->why, p->why_size, "%s:%u:%u: ", p->source, p->line,
                     (unsigned)(where - p->row) + 1);

    va_start(ap, fmt);
    if (n >= 0 && (size_t)n < p->why_size) {
        vsnprintf(p->why + n, p->why_size - (size_t)n, fmt, ap);
    }
    va_end(ap);
    return -1;
}

/* --- characters --- */

static bool at_end(const struct parser *p)
{
    return p->at == p->end || *p->at == '\n' || *p->at == ',';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->end && is_blank(*p->at)) {
        p->at++;
    }
    if (p->at < p->end && *p->at == '#') { /* a comment begins where a word could */
        while (p->at < p->end && *p->at != '\n') {
            p->at++;
        }
    }
}

/* The end of the word that begins here. */
static const char *word_end(const struct parser *p, const char *from)
{
    while (from < p->end && !is_blank(*from) && *from != '\n' && *from != ',') {
        from++;
    }
    return from;
}

static bool is_word(const char *from, const char *to, const char *word)
{
    return (size_t)(to - from) == strlen(word) && memcmp(from, word, strlen(word)) == 0;
}

/* At most 20 characters of a word, for a message; what cannot be shown becomes '?'. */
struct shown {
    char text[24];
};

static const char *show(struct shown *s, const char *from, const char *to)
{
    size_t i, n = (size_t)(to - from);

    for (i = 0; i < n && i < 20; i++) {
        s->text[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    }
    s->text[i] = '\0';
    return s->text;
}

/* Decimal digits; false if there are none or the number does not fit. */
static bool number(const char **at, const char *end, uint32_t *out)
{
    const char *p = *at;
    uint64_t n = 0;

    while (p < end && *p >= '0' && *p <= '9' && n <= UINT32_MAX) {
        n = n * 10 + (uint64_t)(*p++ - '0');
    }
    if (p == *at || n > UINT32_MAX) {
        return false;
    }
    *at = p;
    *out = (uint32_t)n;
    return true;
}

/* --- CHIP:OFFSET[-OFFSET][=NAME] --- */

static int out_of_memory(const struct parser *p)
{
    return fail(p, p->at, "out of memory");
}

static int add_chip(struct parser *p, const char *from, const char *to, uint32_t *index)
{
    const char *prefix = memchr(from, '/', (size_t)(to - from)) != NULL ? "" : "/dev/";
    size_t size = strlen(prefix) + (size_t)(to - from) + 1;
    struct lines_spec *s = p->spec;
    char *path = malloc(size);
    char **grown;

    if (path == NULL) {
        return out_of_memory(p);
    }
    snprintf(path, size, "%s%.*s", prefix, (int)(to - from), from);
    for (*index = 0; *index < s->nchips; ++*index) {
        if (strcmp(s->chips[*index], path) == 0) {
            free(path);
            return 0;
        }
    }
    grown = realloc(s->chips, (s->nchips + 1) * sizeof *grown);
    if (grown == NULL) {
        free(path);
        return out_of_memory(p);
    }
    s->chips = grown;
    s->chips[s->nchips++] = path;
    return 0;
}

static int take_place(struct parser *p, struct entry *e)
{
    const char *end = word_end(p, p->at);
    const char *equals = memchr(p->at, '=', (size_t)(end - p->at));
    const char *stop = equals != NULL ? equals : end;
    const char *colon = stop;
    struct shown s;

    /* Behind the last one: a path may have others. */
    while (colon > p->at && colon[-1] != ':') {
        colon--;
    }
    if (colon - p->at <= 1 || memchr(p->at, '\0', (size_t)(stop - p->at)) != NULL) {
        return fail(p, p->at, "'%s', expected CHIP:OFFSET", show(&s, p->at, stop));
    }
    if (colon - p->at > 4001) {
        return fail(p, p->at, "a chip's path of more than 4000 characters");
    }
    if (add_chip(p, p->at, colon - 1, &e->chip) < 0) {
        return -1;
    }
    p->at = colon;
    if (!number(&p->at, stop, &e->from)) {
        return fail(p, p->at, "'%s', expected the number of a line of the chip",
                    show(&s, p->at, stop));
    }
    e->to = e->from;
    if (p->at < stop && *p->at == '-') {
        p->at++;
        if (!number(&p->at, stop, &e->to) || e->to < e->from) {
            return fail(p, p->at,
                        "'%s', expected the last line of a range that begins "
                        "with %u",
                        show(&s, p->at, stop), e->from);
        }
    }
    if (p->at < stop) {
        return fail(p, p->at, "'%s', expected '-', '=', a blank, a comma or the end",
                    show(&s, p->at, stop));
    }
    return 0;
}

static int check_name(const struct parser *p, const char *from, const char *to)
{
    const char *c;
    bool digits = from < to;

    if (to - from > (ptrdiff_t)BANK_NAME_MAX) {
        return fail(p, from, "a name longer than %u characters", BANK_NAME_MAX);
    }
    for (c = from; c < to; c++) {
        if (*c < ' ' || *c > '~' || *c == '"') {
            return fail(p, c, "not a character for a name, expected printable ASCII");
        }
        digits = digits && *c >= '0' && *c <= '9';
    }
    return digits ? fail(p, from, "a number, expected a name") : 0;
}

static int take_name(struct parser *p, struct entry *e)
{
    const char *from = p->at + 1, *to, *after;

    if (at_end(p) || *p->at != '=') {
        return 0;
    }
    if (e->from != e->to) {
        return fail(p, p->at, "a name for a range, expected a blank, a comma or the end");
    }
    if (from < p->end && *from == '"') {
        from++;
        for (to = from; to < p->end && *to != '"' && *to != '\n';) {
            to++;
        }
        if (to == p->end || *to != '"') {
            return fail(p, from - 1, "a quote without its end");
        }
        after = to + 1;
    } else {
        to = after = word_end(p, from);
    }
    if (check_name(p, from, to) < 0) {
        return -1;
    }
    e->has_name = true;
    e->item.name = strndup(from, (size_t)(to - from));
    p->at = after;
    if (!at_end(p) && !is_blank(*p->at)) {
        return fail(p, p->at, "expected a blank, a comma or the end after the quote");
    }
    return e->item.name == NULL ? out_of_memory(p) : 0;
}

/* --- options --- */

enum {
    OPT_ACTIVE_LOW,
    OPT_BIAS,
    OPT_DRIVE,
    OPT_DIRECTION,
    OPT_DEBOUNCE
};

static const struct choice {
    const char *word;
    unsigned option;
    uint32_t flag;
} choices[] = {
    {"active-low", OPT_ACTIVE_LOW, VGPIO_GPIOCHIP_ACTIVE_LOW},
    {"bias=as-is", OPT_BIAS, 0},
    {"bias=pull-up", OPT_BIAS, VGPIO_GPIOCHIP_PULL_UP},
    {"bias=pull-down", OPT_BIAS, VGPIO_GPIOCHIP_PULL_DOWN},
    {"bias=disabled", OPT_BIAS, VGPIO_GPIOCHIP_NO_BIAS},
    {"drive=push-pull", OPT_DRIVE, 0},
    {"drive=open-drain", OPT_DRIVE, VGPIO_GPIOCHIP_OPEN_DRAIN},
    {"drive=open-source", OPT_DRIVE, VGPIO_GPIOCHIP_OPEN_SOURCE},
    {"direction=as-is", OPT_DIRECTION, 0},
    {"direction=input", OPT_DIRECTION, VGPIO_GPIOCHIP_START_IN},
    {"direction=output-low", OPT_DIRECTION, VGPIO_GPIOCHIP_START_LOW},
    {"direction=output-high", OPT_DIRECTION, VGPIO_GPIOCHIP_START_HIGH},
};

static const char expected_option[] =
    "expected active-low, bias=as-is|pull-up|pull-down|disabled, "
    "drive=push-pull|open-drain|open-source, debounce=N{us|ms|s} or "
    "direction=as-is|input|output-low|output-high";

static int take_debounce(const struct parser *p, struct entry *e, const char *value,
                         const char *end)
{
    const char *at = value;
    uint32_t n, factor;

    if (!number(&at, end, &n)) {
        return fail(p, value, "not a time, expected one like 5ms, up to %us",
                    UINT32_MAX / 1000000u);
    }
    factor = is_word(at, end, "us")   ? 1
             : is_word(at, end, "ms") ? 1000
             : is_word(at, end, "s")  ? 1000000
                                      : 0;
    if (factor == 0) {
        return fail(p, at, "not a unit of time, expected us, ms or s");
    }
    if (n > UINT32_MAX / factor) {
        return fail(p, value, "a time too long, expected up to %us",
                    UINT32_MAX / 1000000u);
    }
    e->item.debounce_us = n * factor;
    return 0;
}

static int take_option(struct parser *p, struct entry *e)
{
    const char *begin = p->at, *end = word_end(p, p->at);
    unsigned option = OPT_DEBOUNCE, i;
    struct shown s;

    if (end - begin > 9 && memcmp(begin, "debounce=", 9) == 0) {
        if (take_debounce(p, e, begin + 9, end) < 0) {
            return -1;
        }
    } else {
        for (i = 0; i < sizeof choices / sizeof choices[0]; i++) {
            if (is_word(begin, end, choices[i].word)) {
                option = choices[i].option;
                e->item.flags |= choices[i].flag;
            }
        }
        if (option == OPT_DEBOUNCE) {
            return fail(p, begin, "'%s', %s", show(&s, begin, end), expected_option);
        }
    }
    if ((e->given & 1u << option) != 0) {
        return fail(p, begin, "'%s', but that was said before, expected it once",
                    show(&s, begin, end));
    }
    e->given |= 1u << option;
    p->at = end;
    return 0;
}

/* --- the table --- */

/* Is nothing of it in the table already? */
static int check_entry(const struct parser *p, const struct entry *e)
{
    const struct lines_spec *s = p->spec;
    const char *name = e->item.name;
    uint32_t i;

    for (i = 0; i < s->n; i++) {
        const struct lines_item *old = &s->items[i];

        if (old->chip == e->chip && old->offset >= e->from && old->offset <= e->to) {
            return fail(p, e->begin, "line %u of %s again, it is at %u:%u already",
                        old->offset, s->chips[e->chip], old->line, old->column);
        }
        if (name != NULL && name[0] != '\0' && old->name != NULL &&
            strcmp(old->name, name) == 0) {
            return fail(p, e->begin, "the name '%s' again, it is at %u:%u already", name,
                        old->line, old->column);
        }
    }
    return 0;
}

static int add_items(struct parser *p, struct entry *e)
{
    struct lines_spec *s = p->spec;
    uint64_t count = (uint64_t)e->to - e->from + 1;
    struct lines_item *grown;
    uint32_t offset = e->from;

    if (count > LINES_MAX - s->n) {
        return fail(p, e->begin, "more than %u lines", LINES_MAX);
    }
    if (check_entry(p, e) < 0) {
        return -1;
    }
    grown = realloc(s->items, (s->n + (size_t)count) * sizeof *grown);
    if (grown == NULL) {
        return out_of_memory(p);
    }
    s->items = grown;
    e->item.chip = e->chip;
    e->item.line = p->line;
    e->item.column = (uint32_t)(e->begin - p->row) + 1;
    while (count-- > 0) {
        e->item.offset = offset++;
        s->items[s->n++] = e->item;
        e->item.name = NULL; /* the table's now; a range has none */
    }
    return 0;
}

static int take_entry(struct parser *p, struct entry *e)
{
    e->begin = p->at;
    if (take_place(p, e) < 0 || take_name(p, e) < 0) {
        return -1;
    }
    for (skip_blanks(p); !at_end(p); skip_blanks(p)) {
        if (take_option(p, e) < 0) {
            return -1;
        }
    }
    return add_items(p, e);
}

static int parse(struct parser *p)
{
    for (;;) {
        bool comma = p->at > p->row && p->at[-1] == ',';

        skip_blanks(p);
        if (!at_end(p)) {
            struct entry e = {0};
            int err = take_entry(p, &e);

            free(e.item.name); /* what did not become the table's */
            if (err < 0) {
                return -1;
            }
        } else if (comma || (p->at < p->end && *p->at == ',')) {
            return fail(p, p->at, "nothing, expected CHIP:OFFSET");
        }
        if (p->at == p->end) {
            return 0;
        }
        if (*p->at++ == '\n') {
            p->row = p->at;
            p->line++;
        }
    }
}

int lines_parse(struct lines_spec *spec, const char *source, const char *text, size_t len,
                char *why, size_t why_size)
{
    struct parser p = {spec, source, text, text + len, text, 1, why, why_size};
    int err;

    memset(spec, 0, sizeof *spec);
    spec->source = source;
    err = parse(&p);
    if (err == 0 && spec->n == 0) {
        err = fail(&p, p.at, "no line, expected at least one CHIP:OFFSET");
    }
    if (err < 0) {
        lines_free(spec);
    }
    return err;
}

void lines_free(struct lines_spec *spec)
{
    uint32_t i;

    for (i = 0; i < spec->n; i++) {
        free(spec->items[i].name);
    }
    for (i = 0; i < spec->nchips; i++) {
        free(spec->chips[i]);
    }
    free(spec->items);
    free(spec->chips);
    memset(spec, 0, sizeof *spec);
}
