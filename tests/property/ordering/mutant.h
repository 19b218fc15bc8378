/* SPDX-License-Identifier: BSD-3-Clause */
/* Mistakes that the test must find. Those of order are made here, on the way from the
 * port to the model; those of arithmetic take the place of functions in ring.h (see
 * ring_mutable.h). The code of the library is the same with and without them. */
#ifndef VGPIO_TEST_MUTANT_H
#define VGPIO_TEST_MUTANT_H

#include <stddef.h>
#include <stdint.h>

enum {
    DRIVER,
    DEVICE
};

/* What the words of the arena are. */
enum word_kind {
    W_DESC,
    W_TABLE,
    W_HEAD, /* entry of the available ring */
    W_AVAIL_IDX,
    W_AVAIL_FLAGS,
    W_USED_EVENT,
    W_ELEM, /* half an element of the used ring */
    W_USED_IDX,
    W_USED_FLAGS,
    W_AVAIL_EVENT,
    W_FLAGS, /* packed: of a descriptor; the rest of it is W_DESC */
    W_DRIVER_EVENT,
    W_DEVICE_EVENT,
    W_REQUEST,
    W_ANSWER
};

/* What a side does: one step each. */
enum step {
    S_TOP,
    S_STAGE, /* driver: payload and drvq_add; device: answer and devq_push */
    S_PUBLISH,
    S_TAKE, /* drvq_get; devq_pop and reading the request */
    S_REARM,
    S_SETTLE, /* device, by the calls for short requests: publish and rearm in one */
    S_SLEEP,
    S_SUPPRESS, /* plays a peer that sets the flag against notifications */
    S_RESTART,  /* device: stops, and starts where it stopped */
    S_RESET,    /* driver: asks for a reset of the queue */
    S_WAIT,     /* driver: waits for it, then makes the ring anew */
    S_CONTROL,  /* device: looks for such a request */
    STEPS
};

enum mutation {
    M_NONE,
    M_NO_FENCE,     /* the nth fence of the step is left out */
    M_RELAXED,      /* the index is stored without release */
    M_UNACQUIRED,   /* the index is loaded without acquire, in that step */
    M_LATE,         /* stores of that word wait until `until` was stored or loaded */
    M_LOST,         /* stores of that word are left out in that step */
    M_BLIND,        /* the second look at the index is left out: as seen before */
    M_ADD,          /* `nth` is added to what is stored to that word in that step */
    M_KEEP,         /* a ring made anew keeps what stood in it */
    M_EVENT_NEXT,   /* asks for the entry behind the right one: now - event - 2 */
    M_EVENT_PREV,   /* asks for the entry before the right one: now - event */
    M_EVENT_EQUAL,  /* <= in place of < */
    M_EVENT_LAST,   /* compares the last entry of a batch only */
    M_EVENT_NEVER,  /* no entry is waited for */
    M_EVENT_ALWAYS, /* every one is */
    M_EVENT_LAP,    /* packed: the wrap counter of the event is not looked at */
    M_WRAP_LATE,    /* packed: a position wraps one descriptor late */
    M_WRAP_STUCK,   /* packed: and its wrap counter does not change */
    M_DIST_LESS,    /* packed: distances are one too small */
    M_FIRST_ORDER,  /* from here on IN_ORDER */
    M_DISORDER = M_FIRST_ORDER, /* nothing is done in order on that side */
    M_BATCH_FORGOT,             /* driver: an element for each chain of a batch */
    M_BATCH_KEPT,               /* driver: goes on behind the end of one */
    M_BATCH_LENGTH,             /* driver: all are as long as the last one */
    M_BATCH_MUTE,               /* driver: rearm knows nothing of one that is begun */
    M_BATCH_SHORT,              /* device: counts the chain that it names only */
    M_BATCH_BEHIND,             /* device: the element lies behind the others' places */
    M_BATCH_FIRST               /* device: names the first one */
};

struct mutant {
    const char *name;
    enum mutation what;
    unsigned side;
    enum step step;
    enum word_kind word, until;
    int nth;
    unsigned needs; /* NEED_*: the ring that shows it */
};

#define NEED_EVENT_IDX 1u
#define NEED_FLAGS 2u /* no EVENT_IDX, and peers that set the flags */
#define NEED_PLATFORM 4u
#define NEED_INDIRECT 8u
#define NEED_RESET 64u
#define NEED_ORDER 128u
#define NEED_BATCH 256u /* IN_ORDER with a device that makes batches */
#define NEED_SPLIT 16u
#define NEED_PACKED 32u /* without one of the two: either layout shows it */

extern const struct mutant mutants[];
extern const unsigned nmutants;

/* Stores kept back by M_LATE: part of the private memory of a side. */
struct mutant_memory {
    uint16_t index; /* last seen of the peer's, for M_BLIND */
    uint8_t nlate;
    struct {
        void *at;
        uint64_t value;
        uint32_t width;
        int release;
    } late[12];
};

/* The mutant at work, or NULL, and the memory of each side. With ORDER_PLATFORM the two
 * are no CPUs of one system: only fences meant for that order anything. */
void mutant_select(const struct mutant *m, unsigned is_platform, unsigned is_packed,
                   struct mutant_memory *driver, struct mutant_memory *device);
/* Does that layout have what the mutant changes? And when the device reads and writes by
 * the calls for short requests, is it another place than else? */
int mutant_applies(const struct mutant *m, unsigned is_packed, unsigned is_short);
/* The running side begins a step. */
void mutant_step(enum step step);
/* The event or flags word that was loaded in this step, or -1. */
int32_t mutant_wanted(void);
/* What was kept back by the code of this step is done at its end. */
void mutant_step_over(void);

/* Everything that orders was noted as it passed here without a mutant: prints what no
 * mutant takes away and returns how many those are. */
unsigned mutant_uncovered(void);

uint64_t mutant_load(const void *p, unsigned width, int acquire);
void mutant_store(void *p, unsigned width, uint64_t value, int release);
void mutant_fence(int for_platform);
void *mutant_copy(void *to, const void *from, size_t n);
void *mutant_set(void *to, int c, size_t n);
/* Is the arithmetic of the running side changed in that way? */
int mutant_is(enum mutation what);
/* Is its comparison of events to be replaced by that one? */
int mutant_event_is_mutated(void);
int mutant_need_event(uint16_t event, uint16_t now, uint16_t old);

#endif /* VGPIO_TEST_MUTANT_H */
