/* SPDX-License-Identifier: BSD-3-Clause */
#include "wavelog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wiring.h>

#define NS_MAX (LEX_TIME_MAX_US * 1000u) /* and so much behind the start at most */
#define NOWHERE UINT32_MAX

struct log {
    struct vcd_file *f;
    struct lex lex;
    uint32_t *signal_of; /* of each line number, or NOWHERE */
    uint64_t start_ns, now_us;
    bool started, ended;
};

/* Room for one more of `n` things, which doubles. */
static void *grow(void *old, uint32_t n, size_t each)
{
    if (n != 0 && (n & (n - 1)) != 0) {
        return old;
    }
    return realloc(old, (n == 0 ? 1u : 2u * (size_t)n) * each);
}

static int no_memory(struct log *l)
{
    return lex_fail(&l->lex, 0, "out of memory, expected a smaller file");
}

static int count_words(struct log *l, unsigned least, unsigned most)
{
    if (l->lex.n < least) {
        return lex_fail(&l->lex, l->lex.n, "nothing, expected more of '%.20s'",
                        lex_word(&l->lex, 0));
    }
    return l->lex.n <= most
               ? 0
               : lex_fail(&l->lex, most, "'%.40s', expected the end of the line",
                          lex_word(&l->lex, most));
}

static int level(struct log *l, unsigned word, uint8_t *out)
{
    uint64_t n;

    if (lex_number(&l->lex, word, 0, 1, &n) < 0) {
        return -1;
    }
    *out = (uint8_t)n;
    return 0;
}

/* Of a line that could not be read then, nobody knows. */
static int first_level(struct log *l, unsigned word, uint8_t *out)
{
    *out = VGPIO_FLOATING;
    return lex_is(&l->lex, word, "x") ? 0 : level(l, word, out);
}

static int add_change(struct log *l, uint16_t signal, uint8_t to)
{
    struct vcd_file *f = l->f;
    struct vcd_change *c;

    if (f->nchanges == VCD_CHANGES_MAX) {
        return lex_fail(&l->lex, 0, "one change too many, expected %u", VCD_CHANGES_MAX);
    }
    c = grow(f->changes, f->nchanges, sizeof *c);
    if (c == NULL) {
        return no_memory(l);
    }
    f->changes = c;
    f->changes[f->nchanges++] = (struct vcd_change){l->now_us, signal, to};
    return 0;
}

/* A time of the server's; from the start on, and it never goes back. */
static int take_time(struct log *l, unsigned word)
{
    uint64_t ns, us;

    if (lex_number(&l->lex, word, l->start_ns, UINT64_MAX, &ns) < 0) {
        return -1;
    }
    us = (ns - l->start_ns) / 1000u;
    if (us > LEX_TIME_MAX_US || us < l->now_us) {
        return lex_fail(&l->lex, word, "'%.40s', expected a time that goes on",
                        lex_word(&l->lex, word));
    }
    l->now_us = us;
    return 0;
}

static int take_start(struct log *l)
{
    if (l->started || l->f->nsignals != 0) {
        return lex_fail(&l->lex, 0, "a second 'start', expected 'line' or 'event'");
    }
    l->started = true;
    return count_words(l, 2, 2) < 0 ? -1
                                    : lex_number(&l->lex, 1, 0, UINT64_MAX, &l->start_ns);
}

static int take_line(struct log *l)
{
    struct vcd_file *f = l->f;
    struct vcd_signal *s;
    uint8_t first;
    uint64_t n;

    if (count_words(l, 3, 4) < 0 || lex_number(&l->lex, 1, 0, UINT16_MAX - 1, &n) < 0 ||
        first_level(l, 2, &first) < 0) {
        return -1;
    }
    if (l->signal_of[n] != NOWHERE) {
        return lex_fail(&l->lex, 1, "line %" PRIu64 " twice, expected another", n);
    }
    s = grow(f->signals, f->nsignals, sizeof *s);
    if (s == NULL) {
        return no_memory(l);
    }
    f->signals = s;
    s[f->nsignals].name = l->lex.word[l->lex.n == 4 ? 3 : 1].text;
    s[f->nsignals].code = l->lex.word[1].text;
    l->signal_of[n] = f->nsignals++;
    return add_change(l, (uint16_t)l->signal_of[n], first);
}

/* event NUMBER NS KIND ...: of those that are not known, nothing is known. */
static int take_event(struct log *l)
{
    uint64_t n;
    uint8_t to;

    if (count_words(l, 4, LEX_WORDS) < 0 ||
        lex_number(&l->lex, 1, 0, UINT64_MAX, &n) < 0) {
        return -1;
    }
    if (!lex_is(&l->lex, 3, "change")) {
        return 0;
    }
    if (count_words(l, 6, LEX_WORDS) < 0 || take_time(l, 2) < 0 ||
        lex_number(&l->lex, 4, 0, UINT16_MAX - 1, &n) < 0 || level(l, 5, &to) < 0) {
        return -1;
    }
    if (l->signal_of[n] == NOWHERE) {
        return lex_fail(&l->lex, 4, "line %" PRIu64 ", expected one that 'line' names",
                        n);
    }
    return add_change(l, (uint16_t)l->signal_of[n], to);
}

static int take_end(struct log *l)
{
    l->ended = true;
    return count_words(l, 2, 2) < 0 ? -1 : take_time(l, 1);
}

static int take(struct log *l)
{
    if (l->ended) {
        return lex_fail(&l->lex, 0, "'%.40s', expected nothing behind 'end'",
                        lex_word(&l->lex, 0));
    }
    if (lex_is(&l->lex, 0, "start")) {
        return take_start(l);
    }
    if (!l->started) {
        return lex_fail(&l->lex, 0, "'%.40s', expected 'start'", lex_word(&l->lex, 0));
    }
    if (lex_is(&l->lex, 0, "line")) {
        return take_line(l);
    }
    if (lex_is(&l->lex, 0, "event")) {
        return take_event(l);
    }
    return lex_is(&l->lex, 0, "end")
               ? take_end(l)
               : lex_fail(&l->lex, 0, "'%.40s', expected 'line', 'event' or 'end'",
                          lex_word(&l->lex, 0));
}

static int take_all(struct log *l)
{
    int more = lex_next(&l->lex);

    if (more <= 0) {
        return more < 0
                   ? -1
                   : lex_fail_at(l->lex.err, 1, 1, "nothing, expected 'vgpio-log 1'");
    }
    if (!lex_is(&l->lex, 0, "vgpio-log") || !lex_is(&l->lex, 1, "1") || l->lex.n != 2) {
        return lex_fail(&l->lex, 0, "'%.40s', expected 'vgpio-log 1'",
                        lex_word(&l->lex, 0));
    }
    while ((more = lex_next(&l->lex)) > 0) {
        if (take(l) < 0) {
            return -1;
        }
    }
    return more;
}

int wavelog_parse(struct vcd_file *f, char *text, size_t len, struct lex_error *err)
{
    struct log l = {.f = f};
    size_t i;
    int code;

    memset(f, 0, sizeof *f);
    f->text = text;
    lex_init(&l.lex, text, len, err);
    l.signal_of = malloc(UINT16_MAX * sizeof *l.signal_of);
    if (l.signal_of == NULL) {
        return lex_fail_at(err, 1, 1, "out of memory, expected a smaller file");
    }
    for (i = 0; i < UINT16_MAX; i++) {
        l.signal_of[i] = NOWHERE;
    }
    code = take_all(&l);
    f->end_us = l.now_us;
    free(l.signal_of);
    return code;
}
