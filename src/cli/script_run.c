/* SPDX-License-Identifier: BSD-3-Clause */
#include "script_run.h"

#include "cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_A_TURN 1000u /* then guests and clients have theirs */

enum outcome {
    NEXT, /* go on at once */
    STAY  /* something will call again */
};

static const struct script_step *step_of(const struct script_run *r)
{
    return &r->script->steps[r->pc];
}

static void fail(struct script_run *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void fail(struct script_run *r, const char *fmt, ...)
{
    const struct script_step *s = step_of(r);
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cli_error("%s:%u:%u: %s", r->file, s->line, s->col, text);
    r->failed = true;
    r->active = false;
    r->ended(r->ctx);
}

static void call_at(struct script_run *r, uint64_t due_us)
{
    vclock_set(r->rig->clock, &r->go, due_us);
    vclock_allow(r->rig->clock, due_us);
}

/* --- waiting for the guest --- */

static struct vclock *patience_clock(const struct script_run *r)
{
    return r->rig->clock->is_virtual ? r->machine : r->rig->clock;
}

static void wait_for(struct script_run *r, uint64_t us)
{
    r->waits = true;
    vclock_set(patience_clock(r), &r->patience, vclock_now(patience_clock(r)) + us);
}

/* What the script waited for is there. */
static void arrived(struct script_run *r)
{
    r->waits = false;
    vclock_cancel(patience_clock(r), &r->patience);
    r->time_us = vclock_now(r->rig->clock);
    r->pc++;
    call_at(r, r->time_us); /* not from in here: somebody's lines are moving */
}

static void out_of_patience(void *ctx)
{
    struct script_run *r = ctx;
    const struct script_step *s = step_of(r);
    char name[80];

    r->waits = false;
    if (s->op == SCRIPT_GUEST) {
        fail(r, "device '%s' has no driver, expected one within %" PRIu64 " ms",
             r->rig->board->devices[s->pin].name, s->time_us / 1000u);
    } else if (s->op == SCRIPT_ARMED) {
        fail(r, "no interrupt of %s is waited for, expected that within %" PRIu64 " ms",
             board_pin_name(r->rig->board, s->pin, name, sizeof name),
             s->time_us / 1000u);
    } else {
        fail(r, "%s is %u, expected %u within %" PRIu64 " ms",
             board_pin_name(r->rig->board, s->pin, name, sizeof name),
             rig_value(r->rig, s->pin), s->level, s->time_us / 1000u);
    }
}

void script_value(struct script_run *r, uint16_t pin, unsigned level)
{
    if (r->waits && step_of(r)->op == SCRIPT_WAIT && step_of(r)->pin == pin &&
        step_of(r)->level == level) {
        arrived(r);
    }
}

void script_guest(struct script_run *r, uint32_t device)
{
    if (r->waits && step_of(r)->op == SCRIPT_GUEST && step_of(r)->pin == device) {
        arrived(r);
    }
}

void script_armed(struct script_run *r, uint16_t pin)
{
    if (r->waits && step_of(r)->op == SCRIPT_ARMED && step_of(r)->pin == pin) {
        arrived(r);
    }
}

/* --- the steps --- */

static enum outcome do_wait(struct script_run *r, const struct script_step *s)
{
    bool there = s->op == SCRIPT_GUEST   ? r->rig->devices[s->pin].bank->acked != 0
                 : s->op == SCRIPT_ARMED ? r->rig->armed[s->pin]
                                         : rig_value(r->rig, s->pin) == s->level;

    if (there) {
        return NEXT;
    }
    wait_for(r, s->time_us);
    return STAY;
}

static enum outcome do_expect(struct script_run *r, const struct script_step *s)
{
    unsigned level = rig_value(r->rig, s->pin);
    char name[80];

    if (level == s->level) {
        return NEXT;
    }
    fail(r, "%s is %u, expected %u",
         board_pin_name(r->rig->board, s->pin, name, sizeof name), level, s->level);
    return STAY;
}

/* Until then. */
static enum outcome do_until(struct script_run *r, uint64_t due_us)
{
    r->time_us = due_us;
    if (due_us <= vclock_now(r->rig->clock)) {
        return NEXT;
    }
    r->pc++;
    call_at(r, due_us);
    return STAY;
}

static enum outcome do_at(struct script_run *r, const struct script_step *s)
{
    uint64_t now = vclock_now(r->rig->clock) - r->start_us;

    /* On the machine's clock the script may be late; on its own it is wrong. */
    if (r->rig->clock->is_virtual && now > s->time_us) {
        fail(r, "%" PRIu64 " us are over, expected a time from %" PRIu64 " us on",
             s->time_us, now);
        return STAY;
    }
    return do_until(r, r->start_us + s->time_us);
}

static enum outcome do_repeat(struct script_run *r, const struct script_step *s)
{
    if (s->op == SCRIPT_REPEAT) {
        r->left[r->pc] = s->count;
    } else if (--r->left[s->jump] > 0) {
        r->pc = s->jump; /* the step behind it is the next */
    }
    return NEXT;
}

static enum outcome do_play(struct script_run *r, const struct script_step *s)
{
    const struct script_play *p = &r->script->plays[s->jump];

    for (; r->change < p->vcd.nchanges; r->change++) {
        const struct vcd_change *c = &p->vcd.changes[r->change];

        if (p->pin[c->signal] == UINT16_MAX) {
            continue;
        }
        if (r->time_us + c->us > vclock_now(r->rig->clock)) {
            call_at(r, r->time_us + c->us);
            return STAY;
        }
        rig_outside(r->rig, p->pin[c->signal], c->level);
    }
    r->change = 0;
    return do_until(r, r->time_us + p->vcd.end_us);
}

static enum outcome do_say(struct script_run *r, const struct script_step *s)
{
    uint64_t us = vclock_now(r->rig->clock) - r->start_us;

    printf("%" PRIu64 ".%06" PRIu64 " %s\n", us / 1000000u, us % 1000000u, s->text);
    fflush(stdout);
    return NEXT;
}

static enum outcome do_fault(struct script_run *r, const struct script_step *s)
{
    if (s->op == SCRIPT_HEAL) {
        faults_clear(&r->rig->faults, s->pin);
    } else if (faults_add(&r->rig->faults, s->pin, &r->script->rules[s->jump]) < 0) {
        fail(r, "out of memory");
        return STAY;
    }
    return NEXT;
}

static enum outcome do_quit(struct script_run *r)
{
    r->quits = true;
    r->active = false;
    r->ended(r->ctx);
    return STAY;
}

static enum outcome do_lines(struct script_run *r, const struct script_step *s)
{
    switch (s->op) {
    case SCRIPT_SET:
        rig_outside(r->rig, s->pin, s->level);
        break;
    case SCRIPT_PRESS:
        r->was = (uint8_t)rig_outside_of(r->rig, s->pin);
        rig_outside(r->rig, s->pin, rig_level(r->rig, s->pin) ^ 1u);
        break;
    case SCRIPT_LET_GO:
        rig_outside(r->rig, s->pin, r->was);
        break;
    default:
        rig_pulse(r->rig, s->pin);
        break;
    }
    return NEXT;
}

static enum outcome do_step(struct script_run *r, const struct script_step *s)
{
    switch (s->op) {
    case SCRIPT_SLEEP:
        return do_until(r, r->time_us + s->time_us);
    case SCRIPT_AT:
        return do_at(r, s);
    case SCRIPT_WAIT:
    case SCRIPT_GUEST:
    case SCRIPT_ARMED:
        return do_wait(r, s);
    case SCRIPT_EXPECT:
        return do_expect(r, s);
    case SCRIPT_REPEAT:
    case SCRIPT_END:
        return do_repeat(r, s);
    case SCRIPT_PLAY:
        return do_play(r, s);
    case SCRIPT_SAY:
        return do_say(r, s);
    case SCRIPT_FAULT:
    case SCRIPT_HEAL:
        return do_fault(r, s);
    case SCRIPT_QUIT:
        return do_quit(r);
    default:
        return do_lines(r, s);
    }
}

static void go(void *ctx)
{
    struct script_run *r = ctx;
    unsigned budget = STEPS_A_TURN;

    while (r->active && r->pc < r->script->nsteps) {
        if (budget-- == 0) {
            call_at(r, vclock_now(r->rig->clock));
            return;
        }
        if (do_step(r, step_of(r)) == STAY) {
            return;
        }
        r->pc++;
    }
    r->active = false;
}

int script_start(struct script_run *r, const struct script *s, struct rig *rig,
                 const char *file, struct vclock *machine)
{
    r->script = s;
    r->rig = rig;
    r->file = file;
    r->machine = machine;
    vtimer_init(&r->go, go, r);
    vtimer_init(&r->patience, out_of_patience, r);
    r->left = calloc(s->nsteps + 1u, sizeof *r->left);
    if (r->left == NULL) {
        return -1;
    }
    r->start_us = r->time_us = vclock_now(rig->clock);
    r->active = true;
    call_at(r, r->start_us);
    return 0;
}

void script_stop(struct script_run *r)
{
    if (r->left != NULL) {
        vclock_cancel(r->rig->clock, &r->go);
        vclock_cancel(patience_clock(r), &r->patience);
    }
    free(r->left);
    r->left = NULL;
    r->active = false;
}
