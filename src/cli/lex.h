/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files that people write have in common: words in lines, comments, quotes,
 * times; and errors that say where. Pure: a buffer in, words out. */
#ifndef VGPIO_CLI_LEX_H
#define VGPIO_CLI_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEX_WORDS 256u
#define LEX_FILE_MAX (UINT32_C(1) << 20)
#define LEX_TIME_MAX_US UINT64_C(86400000000000) /* 1000 days */

struct lex_error {
    unsigned line, col; /* from 1 on; a column is a byte */
    char text[256];     /* what is wrong, and what was expected */
};

struct lex_word {
    char *text;
    unsigned col;
};

struct lex {
    char *at, *end;
    unsigned line; /* of the words below */
    unsigned n;
    struct lex_word word[LEX_WORDS];
    struct lex_error *err;
};

/* `text` is cut up in place and has room for one byte behind `len`. */
void lex_init(struct lex *, char *text, size_t len, struct lex_error *);
/* The next line that has words: 1. 0: there is none; -1: said why. */
int lex_next(struct lex *);

/* Says what is wrong with a word of this line (one behind the last: its end); -1. */
int lex_fail(struct lex *, unsigned word, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int lex_fail_at(struct lex_error *, unsigned line, unsigned col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The word, or "" behind the last one. */
const char *lex_word(const struct lex *, unsigned word);
bool lex_is(const struct lex *, unsigned word, const char *text);

/* 10us, 50ms, 2s, 3min. -1: none of these; -2: more than LEX_TIME_MAX_US. */
int lex_time_text(const char *text, uint64_t *us);
/* The same; -1: said why. */
int lex_time(struct lex *, unsigned word, uint64_t *us);
/* A number from `min` to `max`. -1: said why. */
int lex_number(struct lex *, unsigned word, uint64_t min, uint64_t max, uint64_t *out);

/* A whole file, with room for one byte more; NULL: said why on stderr. */
char *lex_read_file(const char *path, size_t max, size_t *len);

#endif /* VGPIO_CLI_LEX_H */
