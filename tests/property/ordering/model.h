/* SPDX-License-Identifier: BSD-3-Clause */
/* Two threads over a weak memory, every order of them.
 *
 * Memory. A word is a list of the values that were stored to it, oldest first. Each
 * thread has a *view*: for every word, the oldest value it may still see. A load takes
 * any value from there on, so a thread that was told nothing may see old values for
 * ever; taking one moves the view up to it. A release store carries the storing thread's
 * view, and an acquire load of that value joins it to the loader's. A full fence joins
 * the thread's view with one that all fences share. That is the view machine of
 * release/acquire atomics with sequentially consistent fences, and a little weaker:
 * relaxed accesses and fences together order nothing unless both sides have a fence. It
 * shows all that store buffers show (a later load before an earlier store), stores that
 * overtake each other, and loads that do. The one thing it does not show by value, a
 * store that overtakes an earlier load, is found as a race instead:
 *
 * Guarded words (all but indices, flags and event words) must be free of races. In strict
 * mode, to load one whose newest value need not be seen, or to store one while a load of
 * the other thread need not be over, is a violation at once. Without strict mode such a
 * load takes each value that it may.
 *
 * A word has one writer at a time: in a split ring it always is the same, in a packed one
 * the descriptors go to and fro. That is checked (in strict mode, whoever stores must see
 * the newest value): a list then grows only at its end, and each slot has one owner.
 *
 * Threads. A program is a function that does one *step* (about one call of the library)
 * on a block of private memory. To take a step back it is run again from the start of the
 * step, on a copy of that memory, with the answers it had got; so a state is plain bytes,
 * there is no stack to keep, and states that were met before are recognised. */
#ifndef VGPIO_TEST_MODEL_H
#define VGPIO_TEST_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define MODEL_ARENA 2048u /* bytes of memory with words in it */
#define MODEL_WORDS 80u
#define MODEL_LOCAL 768u /* most private memory of a program */

/* Where words live. What stands here when model_explore() begins is their first value. */
extern uint8_t model_arena[MODEL_ARENA];

struct model_program {
    const char *name;
    void (*step)(void);
    void *local; /* private memory; what stands there is its first state */
    size_t size;
};

struct model_setup {
    struct model_program program[2];
    /* May call model_fail(); both private memories are as after the last whole step. */
    void (*check)(void);  /* in every state; may be NULL */
    void (*final)(void);  /* in every state that nothing leads out of; may be NULL */
    unsigned strict;      /* see above */
    unsigned reduce;      /* do what commutes with all of the other thread at once */
    unsigned bell_orders; /* does a notification make stores before it visible? */
    uint64_t limit;       /* states; reaching it is no result */
};

struct model_result {
    uint64_t states, edges, finals;
    uint64_t final_hash; /* of the set of final states */
    unsigned length;     /* accesses in the counterexample */
    int complete;        /* every state was visited */
    char violation[200]; /* empty if there is none */
};

/* ---- before exploring ---- */
void model_begin(void);
enum model_class {
    MODEL_GUARDED, /* what an index covers: free of races */
    MODEL_SHARED,  /* polled by both */
    MODEL_INDEX    /* the same, and may be stored with release */
};
/* `kind` is the caller's. */
void model_word(const void *at, unsigned width, unsigned kind, enum model_class class,
                const char *name);

/* Visits every state, nearest first, so that a counterexample is a shortest one. */
void model_explore(const struct model_setup *setup, struct model_result *result);
/* Prints the way to the violation that was found last. */
void model_trace(void);

/* ---- in a step (a load outside of all finds what stands in the arena) ---- */
uint64_t model_load(const void *at, unsigned width, int acquire);
void model_store(const void *at, unsigned width, uint64_t value, int release);
void model_fence(void);
unsigned model_choose(unsigned n); /* 0 .. n-1, each of them */
void model_raise(void);            /* notifies the other thread */
/* Waits for a notification (0), or for `other` things as well (1) if that is not 0. */
unsigned model_sleep(int other);
/* Names the step in traces; call it first. */
void model_label(const char *label);
unsigned model_self(void);
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- anywhere ---- */
int model_is_word(const void *at);
unsigned model_kind(const void *at);
unsigned model_width(const void *at);

/* ---- in a check ---- */
int model_asleep(unsigned side); /* and nothing that is raised would wake it */

#endif /* VGPIO_TEST_MODEL_H */
