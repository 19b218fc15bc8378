/* SPDX-License-Identifier: BSD-3-Clause */
#include "vcd.h"

#include <inttypes.h>
#include <string.h>

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

static char to_word(char c)
{
    return word_char(c) || c == '\0' ? c : '_';
}

/* The name with '_' for what a word cannot have; an unnamed line is called by number. */
static void plain_word(const struct wave *w, uint16_t line, char *out, size_t size)
{
    const char *name = w->names[line];
    size_t i;

    if (name[0] == '\0') {
        snprintf(out, size, "line%u", line);
        return;
    }
    for (i = 0; name[i] != '\0' && i < size - 1; i++) {
        out[i] = to_word(name[i]);
    }
    out[i] = '\0';
}

static bool same_word(const char *a, const char *b)
{
    while (*a != '\0' && to_word(*a) == to_word(*b)) {
        a++;
        b++;
    }
    return to_word(*a) == to_word(*b);
}

/* Could another line's word be the same? Names are unique, so of those that are words as
 * they stand only one that looks like an unnamed line's. */
static bool needs_number(const struct wave *w, uint16_t line, size_t size)
{
    const char *name = w->names[line];
    size_t len = strlen(name);
    size_t i;

    if (len >= size || (strncmp(name, "line", 4) == 0 && len > 4 &&
                        name[4 + strspn(name + 4, "0123456789")] == '\0')) {
        return true;
    }
    for (i = 0; word_char(name[i]); i++) {
    }
    if (i == len) {
        return false;
    }
    for (i = 0; i < w->nlines; i++) {
        if (i != line && same_word(w->names[i], name)) {
            return true;
        }
    }
    return false;
}

void wave_word(const struct wave *w, uint16_t line, char *out, size_t size)
{
    plain_word(w, line, out, size);
    if (w->names[line][0] != '\0' && needs_number(w, line, size)) {
        /* "a b" and "a_b" are two lines, and a viewer would show only one. No word has
         * a '-' of its own. */
        size_t keep = strlen(out) < size - 8 ? strlen(out) : size - 8;

        snprintf(out + keep, size - keep, "-%u", line);
    }
}

/* Identifier codes are numbers in base 94, from '!' on. */
static void code_of(uint16_t line, char out[4])
{
    unsigned n = line;
    unsigned i = 0;

    do {
        out[i++] = (char)('!' + n % 94u);
        n /= 94u;
    } while (n-- != 0);
    out[i] = '\0';
}

static void put_value(FILE *f, uint16_t line, char value)
{
    char code[4];

    code_of(line, code);
    fprintf(f, "%c%s\n", value, code);
}

void wave_write_header(const struct wave *w, FILE *f)
{
    char word[64];
    char code[4];
    uint16_t i;

    /* No $date: the same run gives the same file. */
    fputs("$version libvirtiogpio $end\n$timescale 1 ns $end\n", f);
    fputs("$scope module gpio $end\n", f);
    for (i = 0; i < w->nlines; i++) {
        wave_word(w, i, word, sizeof word);
        code_of(i, code);
        fprintf(f, "$var wire 1 %s %s $end\n", code, word);
    }
    fputs("$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n", f);
    for (i = 0; i < w->nlines; i++) {
        put_value(f, i, w->initial[i]);
    }
    fputs("$end\n", f);
}

void wave_write_time(FILE *f, uint64_t *now, uint64_t ns)
{
    /* A clock that goes back would end the file for every reader. */
    if (ns > *now) {
        *now = ns;
        fprintf(f, "#%" PRIu64 "\n", ns);
    }
}

void wave_write_change(FILE *f, uint64_t *now, const struct wave_change *c)
{
    wave_write_time(f, now, c->ns);
    put_value(f, c->line, c->value);
}

bool wave_write_vcd(const struct wave *w, FILE *f)
{
    uint64_t now = 0;
    uint32_t i;

    wave_write_header(w, f);
    for (i = 0; i < w->nchanges; i++) {
        wave_write_change(f, &now, &w->changes[i]);
    }
    wave_write_time(f, &now, w->end_ns);
    return fflush(f) == 0 && !ferror(f);
}

static const char *glyph(char value, bool utf8)
{
    switch (value) {
    case '0':
        return utf8 ? "\u2581" : "_";
    case '1':
        return utf8 ? "\u2594" : "-";
    case 'z':
        return utf8 ? "\u00b7" : ".";
    default:
        return "x";
    }
}

static void draw_line(const struct wave *w, FILE *f, uint16_t line, uint64_t step,
                      bool utf8)
{
    char value = w->initial[line];
    uint32_t i = 0;
    uint64_t t;

    for (t = 0; t <= w->end_ns; t += step) {
        char before = value;
        unsigned changes = 0;

        for (; i < w->nchanges && w->changes[i].ns < t + step; i++) {
            if (w->changes[i].line == line) {
                value = w->changes[i].value;
                changes++;
            }
        }
        if (changes > 1 && value == before) {
            /* A pulse shorter than a column must not vanish. */
            fputs(utf8 ? "\u2503" : "|", f);
        } else {
            fputs(glyph(value, utf8), f);
        }
    }
    fputc('\n', f);
}

void wave_draw(const struct wave *w, FILE *f, uint64_t ns_a_column, bool utf8)
{
    char word[64];
    int width = 0;
    uint16_t i;

    for (i = 0; i < w->nlines; i++) {
        plain_word(w, i, word, sizeof word);
        width = (int)strlen(word) > width ? (int)strlen(word) : width;
    }
    for (i = 0; i < w->nlines; i++) {
        plain_word(w, i, word, sizeof word);
        fprintf(f, "  %-*s  ", width, word);
        draw_line(w, f, i, ns_a_column, utf8);
    }
}
