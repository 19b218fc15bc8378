/* SPDX-License-Identifier: BSD-3-Clause */
#include "vclock.h"

void vclock_set(struct vclock *c, struct vtimer *t, uint64_t due_us)
{
    struct vtimer **p = &c->timers;

    vclock_cancel(c, t);
    t->due_us = due_us;
    t->number = c->count++;
    while (*p != NULL && (*p)->due_us <= due_us) {
        p = &(*p)->next;
    }
    t->next = *p;
    *p = t;
}

void vclock_cancel(struct vclock *c, struct vtimer *t)
{
    struct vtimer **p = &c->timers;

    if (t->due_us == VCLOCK_NEVER) {
        return;
    }
    while (*p != t) {
        p = &(*p)->next;
    }
    *p = t->next;
    t->due_us = VCLOCK_NEVER;
}

void vclock_fire_due(struct vclock *c)
{
    uint64_t until = c->count, now = vclock_now(c);
    struct vtimer *t = c->timers;

    while (t != NULL && t->due_us <= now) {
        if (t->number >= until) {
            t = t->next;
            continue;
        }
        vclock_cancel(c, t);
        t->fire(t->ctx);
        t = c->timers; /* it may have changed everything */
    }
}

void vclock_allow(struct vclock *c, uint64_t until_us)
{
    if (c->target_us < until_us) {
        c->target_us = until_us;
    }
}
