/* SPDX-License-Identifier: BSD-3-Clause */
#include "faults.h"

#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wire.h>

struct fault_active {
    struct fault_rule rule;
    uint32_t seen, hits;
    struct vtimer storm;
    struct faults *faults;
    uint16_t pin;
    struct fault_active *next;
};

static struct fault_pin *pin_of(struct fault_device *d, uint16_t line)
{
    return line < d->nlines ? &d->faults->pins[d->first + line] : NULL;
}

/* --- requests --- */

/* What the line itself says, or the hog in its place. */
static int perform(struct fault_device *d, const struct fault_pin *p, uint16_t line,
                   vgpio_token token)
{
    uint8_t hog = d->faults->board->pins[d->first + line].hog;

    switch (p->message) {
    case FAULT_GET_DIRECTION:
        return d->ops->get_direction(d->ctx, line, token);
    case FAULT_SET_DIRECTION:
        if (hog != HOG_NONE && p->arg == VGPIO_DIR_OUT) {
            return VGPIO_ERR_IO;
        }
        return d->ops->set_direction(d->ctx, line, p->arg, p->value, token);
    case FAULT_GET_VALUE:
        return d->ops->get_value(d->ctx, line, token);
    case FAULT_SET_VALUE:
        return d->ops->set_value(d->ctx, line, p->arg, token);
    default:
        return d->ops->set_irq_type(d->ctx, line, p->arg, token);
    }
}

/* The rule that hits this message, or NULL. Each counts the messages it looks at. */
static struct fault_active *hit(struct fault_pin *p, unsigned message)
{
    struct fault_active *a, *found = NULL;

    for (a = p->rules; a != NULL; a = a->next) {
        if (a->rule.kind == FAULT_STORM || (a->rule.messages & message) == 0) {
            continue;
        }
        if (a->seen < a->rule.skip) {
            a->seen++;
        } else if (found == NULL && (a->rule.times == 0 || a->hits < a->rule.times)) {
            a->hits += a->rule.times != 0;
            found = a;
        }
    }
    return found;
}

static int ask(void *ctx, uint16_t line, unsigned message, unsigned arg, unsigned value,
               vgpio_token token)
{
    struct fault_device *d = ctx;
    struct fault_pin *p = pin_of(d, line);
    struct fault_active *a;

    if (p == NULL) {
        return VGPIO_ERR_INVAL;
    }
    p->device = d;
    p->message = message;
    p->arg = arg;
    p->value = value;
    p->token = token;
    a = hit(p, message);
    if (a == NULL) {
        return perform(d, p, line, token);
    }
    if (a->rule.kind == FAULT_ERR) {
        return VGPIO_ERR_IO;
    }
    p->waits = true;
    if (a->rule.kind == FAULT_DELAY) {
        vclock_set(d->faults->clock, &p->answer,
                   vclock_now(d->faults->clock) + a->rule.time_us);
    }
    return VGPIO_PENDING;
}

static void complete(struct fault_pin *p, int result)
{
    struct fault_device *d = p->device;

    p->waits = false;
    (void)d->sink.ops->complete(d->sink.obj, p->token, result);
    if (d->faults->touch != NULL) {
        d->faults->touch(d->faults->ctx, d->index);
    }
}

static void late(void *ctx)
{
    struct fault_pin *p = ctx;
    struct fault_device *d = p->device;
    uint16_t line = (uint16_t)(p - d->faults->pins - d->first);
    int result = perform(d, p, line, p->token);

    if (result != VGPIO_PENDING) {
        complete(p, result);
    }
}

static int get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    return ask(ctx, line, FAULT_GET_DIRECTION, 0, 0, token);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned value,
                         vgpio_token token)
{
    return ask(ctx, line, FAULT_SET_DIRECTION, dir, value, token);
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    return ask(ctx, line, FAULT_GET_VALUE, 0, 0, token);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    return ask(ctx, line, FAULT_SET_VALUE, value, 0, token);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    return ask(ctx, line, FAULT_SET_IRQ_TYPE, type, 0, token);
}

/* Every token is dead: nothing that is late may come now. */
static void forget(struct faults *f, struct fault_pin *p)
{
    vclock_cancel(f->clock, &p->answer);
    p->waits = false;
}

static void reset(void *ctx)
{
    struct fault_device *d = ctx;
    uint16_t i;

    for (i = 0; i < d->nlines; i++) {
        forget(d->faults, &d->faults->pins[d->first + i]);
    }
    d->ops->reset(d->ctx);
}

const struct vgpio_line_ops fault_ops = {
    .ops_size = sizeof fault_ops,
    .get_direction = get_direction,
    .set_direction = set_direction,
    .get_value = get_value,
    .set_value = set_value,
    .set_irq_type = set_irq_type,
    .unmask = NULL,
    .reset = reset,
};

/* --- storms --- */

static void blow(void *ctx)
{
    struct fault_active *a = ctx;
    struct faults *f = a->faults;
    uint32_t i;

    if (a->seen < a->rule.skip) {
        a->seen++;
    } else {
        a->hits++;
        for (i = 0; i < a->rule.pulses && f->pulse != NULL; i++) {
            f->pulse(f->ctx, a->pin);
        }
    }
    if (a->hits < a->rule.times) {
        vclock_set(f->clock, &a->storm, vclock_now(f->clock) + a->rule.time_us);
    }
}

/* --- rules come and go --- */

int faults_add(struct faults *f, uint16_t pin, const struct fault_rule *rule)
{
    struct fault_active *a = calloc(1, sizeof *a);
    struct fault_active **p = &f->pins[pin].rules;

    if (a == NULL) {
        return -1;
    }
    a->rule = *rule;
    a->faults = f;
    a->pin = pin;
    vtimer_init(&a->storm, blow, a);
    while (*p != NULL) {
        p = &(*p)->next;
    }
    *p = a;
    if (rule->kind == FAULT_STORM) {
        vclock_set(f->clock, &a->storm, vclock_now(f->clock) + rule->time_us);
    }
    return 0;
}

uint32_t faults_count(const struct faults *f, uint16_t pin)
{
    const struct fault_active *a;
    uint32_t n = 0;

    for (a = f->pins[pin].rules; a != NULL; a = a->next) {
        n++;
    }
    return n;
}

static void drop_rules(struct faults *f, uint16_t pin)
{
    struct fault_active *a;

    while ((a = f->pins[pin].rules) != NULL) {
        f->pins[pin].rules = a->next;
        vclock_cancel(f->clock, &a->storm);
        free(a);
    }
}

void faults_clear(struct faults *f, uint16_t pin)
{
    struct fault_pin *p = &f->pins[pin];

    drop_rules(f, pin);
    if (p->waits && p->answer.due_us == VCLOCK_NEVER) {
        complete(p, VGPIO_ERR_IO);
    }
}

static void init_pins(struct fault_pin *pins, uint32_t n)
{
    uint32_t i;

    memset(pins, 0, n * sizeof *pins);
    for (i = 0; i < n; i++) {
        vtimer_init(&pins[i].answer, late, &pins[i]);
    }
}

void faults_renew(struct faults *f, struct fault_pin *pins, uint32_t npins)
{
    uint32_t i;

    for (i = 0; i < f->board->npins; i++) {
        struct fault_pin *p = &f->pins[i];

        drop_rules(f, (uint16_t)i);
        if (p->waits && p->answer.due_us != VCLOCK_NEVER) {
            vclock_cancel(f->clock, &p->answer);
            late(p);
        } else if (p->waits) {
            complete(p, VGPIO_ERR_IO);
        }
    }
    free(f->pins);
    f->pins = pins;
    init_pins(pins, npins);
}

int faults_init(struct faults *f, const struct board *b, struct vclock *clock)
{
    uint32_t i;

    f->board = b;
    f->clock = clock;
    f->pins = calloc(b->npins, sizeof *f->pins);
    f->devices = calloc(b->ndevices, sizeof *f->devices);
    if (f->pins == NULL || f->devices == NULL) {
        return -1;
    }
    init_pins(f->pins, b->npins);
    for (i = 0; i < b->ndevices; i++) {
        f->devices[i].faults = f;
        f->devices[i].first = b->devices[i].first;
        f->devices[i].nlines = b->devices[i].nlines;
        f->devices[i].index = i;
    }
    return 0;
}

void faults_free(struct faults *f)
{
    uint32_t i;

    for (i = 0; f->pins != NULL && i < f->board->npins; i++) {
        drop_rules(f, (uint16_t)i);
        forget(f, &f->pins[i]);
    }
    free(f->pins);
    free(f->devices);
    memset(f, 0, sizeof *f);
}
