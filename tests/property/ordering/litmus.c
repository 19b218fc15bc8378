/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "litmus.h"
#include "model.h"

/* Letters of a program: x, y plain words, f a word that may be released, g a guarded one.
 *   x=1 store    f!1 store with release    x? load    f?! load with acquire
 *   # fence      ^ notify                  ~ wait for a notification
 *   + stop here unless the last load gave 1                                            */
struct litmus {
    const char *name;
    const char *program[2];
    const char *outcomes; /* loads of the first, then of the second program; or "race" */
    unsigned bell_orders;
};

static const struct litmus tests[] = {
    {"store buffering", {"x=1 y?", "y=1 x?"}, "00 01 10 11", 0},
    {"store buffering, release and acquire", {"f!1 y?", "y=1 f?!"}, "00 01 10 11", 0},
    {"store buffering, one fence", {"x=1 # y?", "y=1 x?"}, "00 01 10 11", 0},
    {"store buffering, fences", {"x=1 # y?", "y=1 # x?"}, "01 10 11", 0},
    {"message, relaxed", {"x=1 f=1", "f? x?"}, "00 01 10 11", 0},
    {"message, release only", {"x=1 f!1", "f? x?"}, "00 01 10 11", 0},
    {"message, acquire only", {"x=1 f=1", "f?! x?"}, "00 01 10 11", 0},
    {"message, release and acquire", {"x=1 f!1", "f?! x?"}, "00 01 11", 0},
    {"message, fences", {"x=1 # f=1", "f? # x?"}, "00 01 11", 0},
    {"message, release too early", {"f!1 x=1", "f?! x?"}, "00 01 10 11", 0},
    {"one word never goes back", {"x=1 x=2", "x? x?"}, "00 01 02 11 12 22", 0},
    {"a notification that orders", {"x=1 ^", "~ x?"}, "1", 1},
    {"a notification that does not", {"x=1 ^", "~ x?"}, "0 1", 0},
    {"guarded message, relaxed", {"g=1 f=1", "f?! + g?"}, "race", 0},
    {"guarded message", {"g=1 f!1", "f?! + g?"}, "0 11", 0},
    {"guarded word used again, relaxed", {"g? f=1", "f?! + g=1"}, "race", 0},
    {"guarded word used again", {"g? f!1", "f?! + g=1"}, "00 01", 0},
    {"guarded word used again, load too late", {"f!1 g?", "f?! + g=1"}, "race", 0},
};

static struct thread {
    char loaded[4];
    uint8_t done;
} threads[2];

static const struct litmus *test;
static char found[16][8];
static unsigned nfound;

static const void *word(char letter)
{
    static const char letters[] = "xyfg";

    return model_arena + 8u * (size_t)(strchr(letters, letter) - letters);
}

static void step(void)
{
    struct thread *me = &threads[model_self()];
    const char *p = test->program[model_self()];
    unsigned n = 0;

    model_label("");
    if (me->done) {
        (void)model_sleep(0); /* for ever */
    }
    while (!me->done && *p != '\0') {
        char c = *p++;

        if (c == '#') {
            model_fence();
        } else if (c == '^') {
            model_raise();
        } else if (c == '~') {
            (void)model_sleep(0);
        } else if (c == '+') {
            me->done = me->loaded[n - 1] != '1';
        } else if (c != ' ') {
            char how = *p++;

            if (how == '?') {
                me->loaded[n++] = (char)('0' + model_load(word(c), 4, *p == '!'));
                p += *p == '!';
            } else {
                model_store(word(c), 4, (uint64_t)(*p++ - '0'), how == '!');
            }
        }
    }
    me->done = 1;
}

static void final(void)
{
    char outcome[8];
    unsigned i = 0;

    snprintf(outcome, sizeof outcome, "%.3s%.3s", threads[0].loaded, threads[1].loaded);
    while (i < nfound && strcmp(found[i], outcome) != 0) {
        i++;
    }
    if (i == nfound && nfound < sizeof found / sizeof found[0]) {
        memcpy(found[nfound++], outcome, sizeof outcome);
    }
}

static int good(const struct model_result *r)
{
    char list[64];
    unsigned i, n = 0;

    if (strcmp(test->outcomes, "race") == 0) {
        return strncmp(r->violation, "race", 4) == 0;
    }
    snprintf(list, sizeof list, " %s ", test->outcomes);
    for (i = 0; list[i] != '\0'; i++) {
        n += list[i] == ' ';
    }
    for (i = 0; i < nfound; i++) {
        char item[sizeof found[0] + 2];

        snprintf(item, sizeof item, " %.*s ", (int)sizeof found[0] - 1, found[i]);
        if (strstr(list, item) == NULL) {
            return 0;
        }
    }
    return r->complete && nfound == n - 1;
}

static int run_one(const struct litmus *t, unsigned reduce)
{
    struct model_setup setup;
    struct model_result r;
    unsigned i;
    int ok;

    test = t;
    nfound = 0;
    memset(threads, 0, sizeof threads);
    memset(&setup, 0, sizeof setup);
    model_begin();
    for (i = 0; i < 4; i++) {
        char name[2] = {"xyfg"[i], '\0'};

        model_word(word(name[0]), 4, i,
                   i == 2   ? MODEL_INDEX
                   : i == 3 ? MODEL_GUARDED
                            : MODEL_SHARED,
                   name);
    }
    for (i = 0; i < 2; i++) {
        setup.program[i] = (struct model_program){i ? "second" : "first", step, threads,
                                                  sizeof threads[0]};
        setup.program[i].local = &threads[i];
    }
    setup.final = final;
    setup.strict = 1;
    setup.reduce = reduce;
    setup.bell_orders = t->bell_orders;
    setup.limit = 100000;
    model_explore(&setup, &r);
    ok = good(&r);
    if (!ok || reduce) {
        printf("%-5s litmus %s: %s | %s =>", ok ? "ok" : "FAIL", t->name, t->program[0],
               t->program[1]);
        for (i = 0; i < nfound; i++) {
            printf(" %s", found[i]);
        }
        printf(" %s\n", r.violation);
    }
    return ok;
}

unsigned litmus_run(void)
{
    unsigned i, reduce, bad = 0;

    for (i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        for (reduce = 0; reduce < 2; reduce++) {
            bad += !run_one(&tests[i], reduce);
        }
    }
    return bad;
}
