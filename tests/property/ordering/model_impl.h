/* SPDX-License-Identifier: BSD-3-Clause */
/* Between model.c (one access), state.c (states as bytes) and explore.c (all of them). */
#ifndef VGPIO_TEST_MODEL_IMPL_H
#define VGPIO_TEST_MODEL_IMPL_H

#include <setjmp.h>

#include "model.h"

#define HIST 16u /* values of one word that a thread may still see */
#define LOG 40u  /* answers in one step */
#define RELS 6u  /* words that may be stored with release, and one more */

enum kind {
    LOAD,
    STORE,
    FENCE,
    CHOOSE,
    RAISE,
    SLEEP
};

struct word {
    const uint8_t *at;
    uint8_t width, kind, guarded;
    int8_t rel; /* of a MODEL_INDEX: where its carried views are; else -1 */
    char name[24];
};

/* What a thread, or a message, knows: for each word the oldest value it may see; and for
 * each thread how many of its epochs are over, with all their loads. A thread begins an
 * epoch wherever its view leaves it. */
struct view {
    uint8_t ts[MODEL_WORDS];
    uint8_t epoch[2];
};

struct history {
    uint64_t value[HIST];
    uint8_t n;
    uint8_t read_at[2]; /* epoch, from 1, of a thread's last load; 0: both know of it */
};

struct side {
    struct {
        uint8_t kind, word, arg; /* what it waits to do */
        uint8_t read;            /* a guarded load happened in this epoch */
        uint8_t raised;          /* a notification for it */
        uint8_t nlog;
    } is;
    uint64_t log[LOG];
    union {
        uint8_t bytes[MODEL_LOCAL];
        uint64_t align;
    } local;
};

struct state {
    struct history word[MODEL_WORDS];
    struct view carried[RELS][HIST];
    uint8_t released[RELS][HIST];
    struct view cur[2], fence, bell[2];
    struct side side[2];
};

extern struct machine {
    struct state now;
    struct word words[MODEL_WORDS];
    unsigned nwords, nrels;
    const struct model_setup *setup;
    int running;       /* accesses go to the model */
    int tracing;       /* and are printed */
    unsigned accesses; /* done on the present way */
    jmp_buf failed;    /* where model_fail() goes, */
    char failure[200]; /* with this */
} machine;

_Noreturn void model_broken(const char *what);
/* Runs a thread of `machine.now` on, from the start of its step, until it has something
 * to do that depends on the other one. `option` is for what it waited to do, -1 at the
 * very beginning. */
void model_advance(unsigned side, int option);
/* Options of a thread in the present state, as a mask. */
unsigned model_options(unsigned side);

/* Makes equal what behaves in the same way. */
void model_normalise(void);
/* From `machine.now` to bytes (`out`), or back; how many. */
size_t model_pack(uint8_t *bytes, int out);

#endif /* VGPIO_TEST_MODEL_IMPL_H */
