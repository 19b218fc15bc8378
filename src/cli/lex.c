/* SPDX-License-Identifier: BSD-3-Clause */
#include "lex.h"

#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lex_init(struct lex *l, char *text, size_t len, struct lex_error *err)
{
    l->at = text;
    l->end = text + len;
    l->line = 0;
    l->n = 0;
    l->err = err;
    *l->end = '\n'; /* so that every line has one */
}

static int fail_va(struct lex_error *e, unsigned line, unsigned col, const char *fmt,
                   va_list ap)
{
    e->line = line;
    e->col = col;
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    return -1;
}

int lex_fail_at(struct lex_error *e, unsigned line, unsigned col, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_va(e, line, col, fmt, ap);
    va_end(ap);
    return -1;
}

int lex_fail(struct lex *l, unsigned word, const char *fmt, ...)
{
    unsigned col = 1;
    va_list ap;

    if (word < l->n) {
        col = l->word[word].col;
    } else if (l->n > 0) {
        const struct lex_word *last = &l->word[l->n - 1];

        col = last->col + (unsigned)strlen(last->text);
    }
    va_start(ap, fmt);
    fail_va(l->err, l->line, col, fmt, ap);
    va_end(ap);
    return -1;
}

/* One word from *p on; the bytes between quotes are taken as they are. */
static int take_word(struct lex *l, char **p, const char *start, const char *stop)
{
    char *out = *p;
    bool quoted = false;

    l->word[l->n].text = out;
    l->word[l->n].col = (unsigned)(*p - start) + 1;
    for (; *p < stop && (quoted || (**p != ' ' && **p != '\t')); (*p)++) {
        if (**p == '"') {
            quoted = !quoted;
        } else if (**p < ' ' || **p > '~') {
            return lex_fail_at(l->err, l->line, (unsigned)(*p - start) + 1,
                               "byte 0x%02x, expected printable ASCII", **p & 0xff);
        } else {
            *out++ = **p;
        }
    }
    if (quoted) {
        return lex_fail_at(l->err, l->line, l->word[l->n].col,
                           "a quote without its end, expected '\"' on this line");
    }
    if (*p < stop) {
        (*p)++;
    }
    *out = '\0'; /* on a quote, the blank, or the end of the line */
    l->n++;
    return 0;
}

static int take_line(struct lex *l)
{
    char *p = l->at;
    char *start = p;
    char *stop = memchr(p, '\n', (size_t)(l->end + 1 - p));

    l->at = stop + 1;
    l->line++;
    l->n = 0;
    if (stop > p && stop[-1] == '\r') {
        stop--;
    }
    for (;;) {
        while (p < stop && (*p == ' ' || *p == '\t')) {
            p++;
        }
        if (p >= stop || *p == '#') {
            return 0;
        }
        if (l->n == LEX_WORDS) {
            return lex_fail_at(l->err, l->line, (unsigned)(p - start) + 1,
                               "more than %u words, expected a line's end", LEX_WORDS);
        }
        if (take_word(l, &p, start, stop) < 0) {
            return -1;
        }
    }
}

int lex_next(struct lex *l)
{
    while (l->at <= l->end) {
        if (l->at == l->end) {
            return 0;
        }
        if (take_line(l) < 0) {
            return -1;
        }
        if (l->n > 0) {
            return 1;
        }
    }
    return 0;
}

const char *lex_word(const struct lex *l, unsigned word)
{
    return word < l->n ? l->word[word].text : "";
}

bool lex_is(const struct lex *l, unsigned word, const char *text)
{
    return word < l->n && strcmp(l->word[word].text, text) == 0;
}

int lex_time_text(const char *text, uint64_t *us)
{
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"min", 60000000}};
    size_t digits = strspn(text, "0123456789");
    char number[24];
    uint64_t n;
    size_t i;

    for (i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (digits > 0 && strcmp(text + digits, units[i].name) == 0) {
            snprintf(number, sizeof number, "%.*s", (int)(digits < 22 ? digits : 22),
                     text);
            if (!cli_number(number, LEX_TIME_MAX_US / units[i].us, &n)) {
                return -2;
            }
            *us = n * units[i].us;
            return 0;
        }
    }
    return -1;
}

int lex_time(struct lex *l, unsigned word, uint64_t *us)
{
    const char *text = lex_word(l, word);
    int n = lex_time_text(text, us);

    if (n == -2) {
        return lex_fail(l, word, "'%.40s' is too long, expected at most 1000 days", text);
    }
    return n == 0 ? 0
                  : lex_fail(l, word,
                             "'%.40s' is not a time, expected one like 10us, 50ms, 2s or "
                             "3min",
                             text);
}

int lex_number(struct lex *l, unsigned word, uint64_t min, uint64_t max, uint64_t *out)
{
    if (!cli_number(lex_word(l, word), max, out) || *out < min) {
        return lex_fail(l, word,
                        "'%.40s' is not right here, expected a number from %" PRIu64
                        " to %" PRIu64,
                        lex_word(l, word), min, max);
    }
    return 0;
}

char *lex_read_file(const char *path, size_t max, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *text = f != NULL ? malloc(max + 2u) : NULL;

    if (text == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        if (f != NULL) {
            fclose(f);
        }
        return NULL;
    }
    *len = fread(text, 1, max + 1u, f);
    if (ferror(f)) {
        cli_error("%s: %s", path, strerror(errno));
    } else if (*len > max) {
        cli_error("%s: larger than %u MiB", path, (unsigned)(max >> 20));
    } else {
        fclose(f);
        return text;
    }
    fclose(f);
    free(text);
    return NULL;
}
