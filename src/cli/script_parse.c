/* SPDX-License-Identifier: BSD-3-Clause */
#include "script.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct script *s;
    const struct board *b;
    struct lex lex;
    uint32_t open[SCRIPT_DEPTH]; /* repeats without their end */
    unsigned depth;
};

static void *grow(void *table, uint32_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0) {
        return table;
    }
    return realloc(table, (n == 0 ? 1u : 2u * (size_t)n) * size);
}

static int add(struct parser *p, const struct script_step *step)
{
    struct script *s = p->s;
    void *table = grow(s->steps, s->nsteps, sizeof *step);

    if (table == NULL) {
        return lex_fail(&p->lex, 0, "out of memory, expected a shorter script");
    }
    s->steps = table;
    s->steps[s->nsteps] = *step;
    s->steps[s->nsteps].line = p->lex.line;
    s->steps[s->nsteps++].col = p->lex.word[0].col;
    return 0;
}

static int ends(struct parser *p, unsigned word)
{
    return p->lex.n <= word
               ? 0
               : lex_fail(&p->lex, word, "'%.40s' is too much, expected the line's end",
                          lex_word(&p->lex, word));
}

static int pin_alone(struct parser *p, enum script_op op)
{
    struct script_step s = {.op = op};

    return board_pin_word(p->b, &p->lex, 1, &s.pin) < 0 || ends(p, 2) < 0 ? -1
                                                                          : add(p, &s);
}

/* LINE=0 or LINE=1: cut at the last '='. */
static int pin_level(struct parser *p, unsigned word, struct script_step *s)
{
    char *text = word < p->lex.n ? p->lex.word[word].text : NULL;
    char *equals = text != NULL ? strrchr(text, '=') : NULL;

    if (equals == NULL || (strcmp(equals, "=0") != 0 && strcmp(equals, "=1") != 0)) {
        return lex_fail(&p->lex, word, "'%.40s' is wrong here, expected LINE=0 or LINE=1",
                        lex_word(&p->lex, word));
    }
    s->level = equals[1] == '1';
    *equals = '\0';
    return board_pin_word(p->b, &p->lex, word, &s->pin);
}

static int do_set(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_SET};

    return pin_level(p, 1, &s) < 0 || ends(p, 2) < 0 ? -1 : add(p, &s);
}

static int do_release(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_SET, .level = VGPIO_FLOATING};

    return board_pin_word(p->b, &p->lex, 1, &s.pin) < 0 || ends(p, 2) < 0 ? -1
                                                                          : add(p, &s);
}

/* Pressed, held, let go. */
static int do_press(struct parser *p)
{
    struct script_step press = {.op = SCRIPT_PRESS};
    struct script_step hold = {.op = SCRIPT_SLEEP};
    struct script_step release = {.op = SCRIPT_LET_GO};

    if (board_pin_word(p->b, &p->lex, 1, &press.pin) < 0 ||
        lex_time(&p->lex, 2, &hold.time_us) < 0 || ends(p, 3) < 0) {
        return -1;
    }
    release.pin = press.pin;
    return add(p, &press) < 0 || add(p, &hold) < 0 ? -1 : add(p, &release);
}

static int do_pulse(struct parser *p)
{
    return pin_alone(p, SCRIPT_PULSE);
}

static int do_heal(struct parser *p)
{
    return pin_alone(p, SCRIPT_HEAL);
}

static int take_time(struct parser *p, enum script_op op)
{
    struct script_step s = {.op = op};

    return lex_time(&p->lex, 1, &s.time_us) < 0 || ends(p, 2) < 0 ? -1 : add(p, &s);
}

static int do_sleep(struct parser *p)
{
    return take_time(p, SCRIPT_SLEEP);
}

static int do_statement(struct parser *p, unsigned first);

/* at TIME [STATEMENT] */
static int do_at(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_AT};

    if (lex_time(&p->lex, 1, &s.time_us) < 0 || add(p, &s) < 0) {
        return -1;
    }
    return p->lex.n > 2 ? do_statement(p, 2) : 0;
}

static int take_patience(struct parser *p, struct script_step *s)
{
    s->time_us = SCRIPT_WAIT_US;
    if (p->lex.n > 2 && lex_time(&p->lex, 2, &s->time_us) < 0) {
        return -1;
    }
    return ends(p, 3) < 0 ? -1 : add(p, s);
}

static int do_wait(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_WAIT};

    return pin_level(p, 1, &s) < 0 ? -1 : take_patience(p, &s);
}

static int do_expect(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_EXPECT};

    return pin_level(p, 1, &s) < 0 || ends(p, 2) < 0 ? -1 : add(p, &s);
}

static int device_word(struct parser *p, unsigned word, uint32_t *device)
{
    uint32_t i;

    for (i = 0; i < p->b->ndevices; i++) {
        if (lex_is(&p->lex, word, p->b->devices[i].name)) {
            *device = i;
            return 0;
        }
    }
    return lex_fail(&p->lex, word, "'%.40s' is no device of the board, expected one",
                    lex_word(&p->lex, word));
}

static int do_guest(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_GUEST};
    uint32_t device = 0;

    if (device_word(p, 1, &device) < 0) {
        return -1;
    }
    s.pin = (uint16_t)device;
    return take_patience(p, &s);
}

static int do_armed(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_ARMED};

    if (board_pin_word(p->b, &p->lex, 1, &s.pin) < 0) {
        return -1;
    }
    if (p->b->pins[s.pin].device == BOARD_NODE) {
        return lex_fail(&p->lex, 1, "'%.60s' is a node, expected DEVICE.LINE",
                        lex_word(&p->lex, 1));
    }
    return take_patience(p, &s);
}

static int do_repeat(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_REPEAT};
    uint64_t n;

    if (lex_number(&p->lex, 1, 1, 1000000000, &n) < 0 || ends(p, 2) < 0) {
        return -1;
    }
    if (p->depth == SCRIPT_DEPTH) {
        return lex_fail(&p->lex, 0, "inside %u others, expected fewer", SCRIPT_DEPTH);
    }
    s.count = (uint32_t)n;
    p->open[p->depth++] = p->s->nsteps;
    return add(p, &s);
}

static int do_end(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_END};

    if (p->depth == 0) {
        return lex_fail(&p->lex, 0, "ends nothing, expected a repeat before it");
    }
    s.jump = p->open[--p->depth];
    p->s->steps[s.jump].jump = p->s->nsteps + 1;
    return ends(p, 1) < 0 ? -1 : add(p, &s);
}

/* play FILE DEVICE */
static int do_play(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_PLAY, .jump = p->s->nplays};
    struct script *sc = p->s;
    void *table = grow(sc->plays, sc->nplays, sizeof *sc->plays);
    struct script_play *play;

    if (table == NULL) {
        return lex_fail(&p->lex, 0, "out of memory, expected a shorter script");
    }
    sc->plays = table;
    if (p->lex.n < 2 || lex_word(&p->lex, 1)[0] == '\0') {
        return lex_fail(&p->lex, 1, "no file, expected play FILE DEVICE");
    }
    play = &sc->plays[sc->nplays];
    memset(play, 0, sizeof *play);
    play->file = lex_word(&p->lex, 1);
    play->step = sc->nsteps;
    if (device_word(p, 2, &play->device) < 0 || ends(p, 3) < 0) {
        return -1;
    }
    sc->nplays++;
    return add(p, &s);
}

static int do_fault(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_FAULT, .jump = p->s->nrules};
    struct script *sc = p->s;
    void *table = grow(sc->rules, sc->nrules, sizeof *sc->rules);

    if (table == NULL) {
        return lex_fail(&p->lex, 0, "out of memory, expected a shorter script");
    }
    sc->rules = table;
    if (board_pin_word(p->b, &p->lex, 1, &s.pin) < 0 ||
        board_fault_words(&p->lex, 2, &sc->rules[sc->nrules]) < 0) {
        return -1;
    }
    sc->nrules++;
    return add(p, &s);
}

/* The words, joined where they stand: each ends before the next one begins. */
static int do_say(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_SAY, .text = ""};
    unsigned i;

    for (i = 1; i + 1 < p->lex.n; i++) {
        char *word = p->lex.word[i].text;
        char *next = p->lex.word[i + 1].text;
        size_t len = strlen(word), len_next = strlen(next);

        word[len] = ' ';
        memmove(word + len + 1, next, len_next + 1);
        p->lex.word[i + 1].text = word;
    }
    if (p->lex.n > 1) {
        s.text = p->lex.word[p->lex.n - 1].text;
    }
    return add(p, &s);
}

static int do_quit(struct parser *p)
{
    struct script_step s = {.op = SCRIPT_QUIT};

    return ends(p, 1) < 0 ? -1 : add(p, &s);
}

static const struct {
    const char *name;
    int (*run)(struct parser *);
} statements[] = {
    {"set", do_set},       {"release", do_release}, {"press", do_press},
    {"pulse", do_pulse},   {"sleep", do_sleep},     {"at", do_at},
    {"wait", do_wait},     {"expect", do_expect},   {"guest", do_guest},
    {"repeat", do_repeat}, {"end", do_end},         {"play", do_play},
    {"fault", do_fault},   {"heal", do_heal},       {"say", do_say},
    {"quit", do_quit},     {"armed", do_armed},
};

/* The statement of which the first word is number `first`; those before it are done. */
static int do_statement(struct parser *p, unsigned first)
{
    size_t i;

    memmove(&p->lex.word[0], &p->lex.word[first],
            (p->lex.n - first) * sizeof p->lex.word[0]);
    p->lex.n -= first;
    for (i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (lex_is(&p->lex, 0, statements[i].name)) {
            return statements[i].run(p);
        }
    }
    return lex_fail(
        &p->lex, 0,
        "'%.40s' is unknown, expected set, release, press, pulse, sleep, at, "
        "wait, expect, guest, armed, repeat, end, play, fault, heal, say or quit",
        lex_word(&p->lex, 0));
}

int script_parse(struct script *s, const struct board *b, char *text, size_t len,
                 struct lex_error *err)
{
    struct parser p = {.s = s, .b = b};
    int n;

    memset(s, 0, sizeof *s);
    s->text = text;
    lex_init(&p.lex, text, len, err);
    while ((n = lex_next(&p.lex)) > 0) {
        if (do_statement(&p, 0) < 0) {
            return -1;
        }
    }
    if (n == 0 && p.depth > 0) {
        const struct script_step *open = &s->steps[p.open[p.depth - 1]];

        return lex_fail_at(err, open->line, open->col,
                           "a repeat without its end, expected one");
    }
    return n;
}

void script_free(struct script *s)
{
    uint32_t i;

    for (i = 0; i < s->nplays; i++) {
        vcd_free(&s->plays[i].vcd);
        free(s->plays[i].pin);
    }
    free(s->steps);
    free(s->plays);
    free(s->rules);
    free(s->text);
    memset(s, 0, sizeof *s);
}
