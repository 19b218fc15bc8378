/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock that stimuli and faults go by: the machine's, or one that moves only when it
 * is told to, so that a run can be repeated. Timers hang on it. */
#ifndef VGPIO_CLI_VCLOCK_H
#define VGPIO_CLI_VCLOCK_H

#include "evloop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VCLOCK_NEVER UINT64_MAX

struct vtimer {
    uint64_t due_us; /* VCLOCK_NEVER: not set */
    uint64_t number; /* of two that are due at once, the one that was set first */
    void (*fire)(void *ctx);
    void *ctx;
    struct vtimer *next;
};

struct vclock {
    bool is_virtual;
    uint64_t now_us;    /* of a virtual one */
    uint64_t target_us; /* as far as it was told to go */
    uint64_t count;
    struct vtimer *timers; /* by time */
};

static inline void vclock_init(struct vclock *c, bool is_virtual)
{
    c->is_virtual = is_virtual;
    c->now_us = c->target_us = c->count = 0;
    c->timers = NULL;
}

/* NULL is the machine's clock. */
static inline uint64_t vclock_now(const struct vclock *c)
{
    return c != NULL && c->is_virtual ? c->now_us : evloop_now();
}

static inline uint64_t vclock_now_ns(const struct vclock *c)
{
    return c != NULL && c->is_virtual ? c->now_us * 1000u : evloop_now_ns();
}

static inline void vtimer_init(struct vtimer *t, void (*fire)(void *ctx), void *ctx)
{
    t->due_us = VCLOCK_NEVER;
    t->fire = fire;
    t->ctx = ctx;
}

/* Sets it, or sets it anew; its memory must stay where it is until it fired or was
 * cancelled. */
void vclock_set(struct vclock *, struct vtimer *, uint64_t due_us);
void vclock_cancel(struct vclock *, struct vtimer *);
/* Fires what is due; what is set meanwhile waits for the next call. */
void vclock_fire_due(struct vclock *);

/* When the next one is due, VCLOCK_NEVER: none is set. */
static inline uint64_t vclock_due(const struct vclock *c)
{
    return c->timers != NULL ? c->timers->due_us : VCLOCK_NEVER;
}

/* Each turn of the loop comes here; without a timer the time is of no interest. */
static inline void vclock_fire(struct vclock *c)
{
    if (c->timers != NULL) {
        vclock_fire_due(c);
    }
}

/* A virtual clock may go as far as this; another one does not mind. */
void vclock_allow(struct vclock *, uint64_t until_us);

#endif /* VGPIO_CLI_VCLOCK_H */
