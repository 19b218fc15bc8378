/* SPDX-License-Identifier: BSD-3-Clause */
/* One access at a time: words, views, and the steps that make accesses. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_impl.h"

_Alignas(64) uint8_t model_arena[MODEL_ARENA];
struct machine machine;

static uint8_t word_at[MODEL_ARENA]; /* number + 1 */
static unsigned self, at;            /* running thread, and where in its log */
static int granted; /* option for the first access behind the log, or -1 */
static jmp_buf blocked;
static const char *label;

/* ---- words ---- */

void model_begin(void)
{
    memset(machine.words, 0, sizeof machine.words);
    memset(word_at, 0, sizeof word_at);
    memset(model_arena, 0, sizeof model_arena);
    machine.nwords = machine.nrels = 0;
}

_Noreturn void model_broken(const char *what)
{
    fprintf(stderr, "the model itself: %s\n", what);
    abort();
}

void model_word(const void *p, unsigned width, unsigned kind, enum model_class class,
                const char *name)
{
    size_t off = (size_t)((const uint8_t *)p - model_arena);
    struct word *w = &machine.words[machine.nwords];

    if (machine.nwords == MODEL_WORDS || machine.nrels == RELS ||
        off + width > MODEL_ARENA || off % width != 0) {
        model_broken("no room for a word");
    }
    w->at = p;
    w->width = (uint8_t)width;
    w->kind = (uint8_t)kind;
    w->guarded = class == MODEL_GUARDED;
    w->rel = class == MODEL_INDEX ? (int8_t)machine.nrels++ : -1;
    snprintf(w->name, sizeof w->name, "%s", name);
    word_at[off] = (uint8_t)++machine.nwords;
}

int model_is_word(const void *p)
{
    uintptr_t off = (uintptr_t)p - (uintptr_t)model_arena;

    return off < MODEL_ARENA && word_at[off] != 0;
}

static unsigned find(const void *p, unsigned width)
{
    unsigned i;

    if (!model_is_word(p)) {
        model_fail("access of %u bytes outside of all words", width);
    }
    i = word_at[(const uint8_t *)p - model_arena] - 1u;
    if (machine.words[i].width != width) {
        model_fail("%s is accessed with %u bytes", machine.words[i].name, width);
    }
    return i;
}

unsigned model_width(const void *p)
{
    return model_is_word(p)
               ? machine.words[word_at[(const uint8_t *)p - model_arena] - 1u].width
               : 1;
}

unsigned model_kind(const void *p)
{
    return model_is_word(p)
               ? machine.words[word_at[(const uint8_t *)p - model_arena] - 1u].kind
               : UINT8_MAX;
}

/* ---- memory ---- */

_Noreturn void model_fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(machine.failure, sizeof machine.failure, format, list);
    va_end(list);
    longjmp(machine.failed, 1);
}

static void join(struct view *to, const struct view *from)
{
    unsigned i;

    for (i = 0; i < machine.nwords; i++) {
        if (from->ts[i] > to->ts[i]) {
            to->ts[i] = from->ts[i];
        }
    }
    for (i = 0; i < 2; i++) {
        if (from->epoch[i] > to->epoch[i]) {
            to->epoch[i] = from->epoch[i];
        }
    }
}

/* The view is about to leave the thread: loads from here on are not covered by it. */
static void end_epoch(void)
{
    if (machine.now.side[self].is.read) {
        machine.now.side[self].is.read = 0;
        machine.now.cur[self].epoch[self]++;
    }
}

static unsigned readable(unsigned side, unsigned word)
{
    return (unsigned)machine.now.word[word].n - machine.now.cur[side].ts[word];
}

static uint64_t do_load(unsigned word, unsigned option, int acquire)
{
    struct history *h = &machine.now.word[word];
    const struct word *w = &machine.words[word];
    unsigned i = h->n - 1u - option;

    if (w->guarded) {
        if (machine.setup->strict && readable(self, word) != 1) {
            model_fail("race: %s is loaded, its last store need not be visible", w->name);
        }
        h->read_at[self] = (uint8_t)(machine.now.cur[self].epoch[self] + 1u);
        machine.now.side[self].is.read = 1;
    }
    machine.now.cur[self].ts[word] = (uint8_t)i;
    if (acquire && w->rel >= 0 && machine.now.released[w->rel][i]) {
        join(&machine.now.cur[self], &machine.now.carried[w->rel][i]);
    }
    return h->value[i];
}

static void do_store(unsigned word, uint64_t value, int release)
{
    struct history *h = &machine.now.word[word];
    struct word *w = &machine.words[word];
    struct view *mine = &machine.now.cur[self];

    if (w->guarded && machine.setup->strict && h->read_at[!self] > mine->epoch[!self]) {
        model_fail("race: %s is stored, a load of it need not be over", w->name);
    }
    if (mine->ts[word] != h->n - 1u && machine.setup->strict) {
        model_fail("race: %s is stored, its last store need not be visible", w->name);
    }
    if (h->n == HIST) {
        model_broken("a history is too short");
    }
    h->value[h->n] = value;
    mine->ts[word] = h->n++;
    if (release && w->rel < 0) {
        model_broken("a release of another word");
    }
    if (release) {
        end_epoch();
        machine.now.released[w->rel][h->n - 1u] = 1;
        machine.now.carried[w->rel][h->n - 1u] = *mine;
    }
}

static void do_fence(void)
{
    end_epoch();
    join(&machine.now.fence, &machine.now.cur[self]);
    machine.now.cur[self] = machine.now.fence;
}

static void do_raise(void)
{
    machine.now.side[!self].is.raised = 1;
    if (machine.setup->bell_orders) {
        end_epoch();
        join(&machine.now.bell[!self], &machine.now.cur[self]);
    }
}

static void do_wake(unsigned option)
{
    if (option == 0) {
        machine.now.side[self].is.raised = 0;
        join(&machine.now.cur[self], &machine.now.bell[self]);
        memset(&machine.now.bell[self], 0, sizeof machine.now.bell[self]);
    }
}

/* ---- one access of a running step ---- */

static void print_access(enum kind kind, unsigned word, uint64_t value, unsigned option,
                         int order)
{
    static const char *const name[] = {"load",   "store",  "fence",
                                       "choose", "notify", "wakes"};

    printf("    %3u %-6s %-10s %s", machine.accesses, machine.setup->program[self].name,
           label, name[kind]);
    if (kind == LOAD || kind == STORE) {
        printf("%s %s = 0x%llx%s",
               !order         ? ""
               : kind == LOAD ? ".acq"
                              : ".rel",
               machine.words[word].name, (unsigned long long)value,
               kind == LOAD && option ? "   (not the newest)" : "");
    } else if (kind == CHOOSE) {
        printf(" %u", option);
    } else if (kind == SLEEP) {
        printf(option ? " by itself" : " by notification");
    }
    putchar('\n');
}

/* Nothing that the other thread does before it could make a difference, and nothing that
 * it does after it is taken away by it: a store adds a value and forces nobody to see
 * it; a notification stays; a load without races has one value. */
static int at_once(enum kind kind, unsigned word, unsigned arg)
{
    if (kind == CHOOSE) {
        return arg == 1;
    }
    if (!machine.setup->reduce) {
        return 0;
    }
    return kind == STORE || kind == RAISE ||
           (kind == LOAD && machine.words[word].guarded && machine.setup->strict);
}

static uint64_t access(enum kind kind, unsigned word, unsigned arg, uint64_t value,
                       int order)
{
    struct side *s = &machine.now.side[self];
    unsigned option = 0;

    if (at < s->is.nlog) {
        return s->log[at++];
    }
    if (granted >= 0) {
        option = (unsigned)granted;
        granted = -1;
    } else if (!at_once(kind, word, arg)) {
        s->is.kind = (uint8_t)kind;
        s->is.word = (uint8_t)word;
        s->is.arg = (uint8_t)arg;
        longjmp(blocked, 1);
    }
    if (kind != CHOOSE) {
        machine.accesses++;
    }
    switch (kind) {
    case LOAD:
        value = do_load(word, option, order);
        break;
    case STORE:
        do_store(word, value, order);
        break;
    case FENCE:
        do_fence();
        break;
    case CHOOSE:
        value = option;
        break;
    case RAISE:
        do_raise();
        break;
    case SLEEP:
        do_wake(option);
        value = option;
        break;
    }
    if (machine.tracing) {
        print_access(kind, word, value, option, order);
    }
    if (s->is.nlog == LOG) {
        model_broken("a step is too long");
    }
    s->log[s->is.nlog++] = value;
    at++;
    return value;
}

uint64_t model_load(const void *p, unsigned width, int acquire)
{
    uint64_t v = 0;

    if (!machine.running) {
        memcpy(&v, p, width);
        return v;
    }
    return access(LOAD, find(p, width), 0, 0, acquire);
}

void model_store(const void *p, unsigned width, uint64_t value, int release)
{
    (void)access(STORE, find(p, width), 0, value, release);
}

void model_fence(void)
{
    (void)access(FENCE, 0, 0, 0, 0);
}

unsigned model_choose(unsigned n)
{
    return (unsigned)access(CHOOSE, 0, n, 0, 0);
}

void model_raise(void)
{
    (void)access(RAISE, 0, 0, 0, 0);
}

unsigned model_sleep(int other)
{
    return (unsigned)access(SLEEP, 0, (unsigned)other, 0, 0);
}

void model_label(const char *text)
{
    label = text;
}

unsigned model_self(void)
{
    return self;
}

int model_asleep(unsigned side)
{
    return machine.now.side[side].is.kind == SLEEP && !machine.now.side[side].is.raised;
}

/* ---- steps ---- */

void model_advance(unsigned side, int option)
{
    struct side *s = &machine.now.side[side];
    const struct model_program *p = &machine.setup->program[side];

    self = side;
    granted = option;
    for (;;) {
        memcpy(p->local, s->local.bytes, p->size);
        at = 0;
        if (setjmp(blocked) != 0) {
            return;
        }
        p->step();
        memcpy(s->local.bytes, p->local, p->size);
        s->is.nlog = 0;
    }
}

/* Values that a thread may load, as a mask. Of equal ones that carry nothing the oldest
 * will do: whoever knows less may do all that one who knows more may. */
static unsigned values(unsigned side, unsigned word)
{
    const struct history *h = &machine.now.word[word];
    unsigned mask = 0, i, older;

    for (i = machine.now.cur[side].ts[word]; i < h->n; i++) {
        older = machine.now.cur[side].ts[word];
        while (h->value[older] != h->value[i]) {
            older++;
        }
        if (older == i || !machine.setup->reduce || machine.words[word].rel >= 0) {
            mask |= 1u << (h->n - 1u - i);
        }
    }
    return mask;
}

unsigned model_options(unsigned side)
{
    const struct side *s = &machine.now.side[side];

    switch (s->is.kind) {
    case LOAD:
        return values(side, s->is.word);
    case CHOOSE:
        return (1u << s->is.arg) - 1u;
    case SLEEP:
        return (s->is.raised ? 1u : 0u) | (s->is.arg ? 2u : 0u);
    default:
        return 1;
    }
}
