/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include "cli.h"
#include "guests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wire.h>

#define ALARMS_TOLD 16u

int rig_load(const char *file, struct board *b)
{
    struct lex_error err;
    size_t len;
    char *text = lex_read_file(file, LEX_FILE_MAX, &len);

    if (text == NULL) {
        return -1;
    }
    if (board_parse(b, text, len, &err) < 0) {
        cli_error("%s:%u:%u: %s", file, err.line, err.col, err.text);
        board_free(b);
        return -1;
    }
    return 0;
}

/* --- levels --- */

static struct rig_device *device_of(struct rig *r, uint16_t pin)
{
    uint16_t device = r->board->pins[pin].device;

    return device == BOARD_NODE ? NULL : &r->devices[device];
}

static void touch(void *ctx, uint32_t device)
{
    struct rig *r = ctx;

    if (r->devices[device].server != NULL) {
        guests_touch(r->devices[device].server);
    }
}

static void on_level(void *ctx, uint16_t pin, unsigned level)
{
    struct rig *r = ctx;
    struct rig_device *d = device_of(r, pin);

    if (r->muted) {
        return;
    }
    if (d == NULL) {
        if (r->on_value != NULL) {
            r->on_value(r->watch_ctx, pin, level);
        }
        return;
    }
    if (d->bank == NULL) {
        return;
    }
    d->bank->pulls[r->board->pins[pin].line] = (uint8_t)level;
    (void)vgpio_sim_pull(&d->bank->sim, r->board->pins[pin].line, level);
    touch(r, d->index); /* its driver may be owed an interrupt */
}

static void on_alarm(void *ctx, unsigned alarm, uint16_t pin)
{
    struct rig *r = ctx;
    char name[80];

    if (r->alarms++ < ALARMS_TOLD) {
        cli_error("%s: %s %s%s", r->file,
                  board_pin_name(r->board, pin, name, sizeof name),
                  alarm == VGPIO_ALARM_CONFLICT ? "is driven high and low; it is low"
                                                : "never comes to rest; stopped",
                  r->alarms == ALARMS_TOLD ? " (no more of these are told)" : "");
    }
}

/* Something of a device's line changed: what it drives now. */
static void on_line(void *ctx, uint16_t line, unsigned level)
{
    struct rig_device *d = ctx;
    struct rig *r = d->rig;
    uint16_t pin = (uint16_t)(r->board->devices[d->index].first + line);
    bool drives = vgpio_sim_direction(&d->bank->sim, line) == VGPIO_DIR_OUT;

    if (!r->running) {
        return;
    }
    if (r->on_value != NULL) {
        r->on_value(r->watch_ctx, pin, level);
    }
    if (r->board->pins[pin].hog < HOG_LOW) {
        (void)vgpio_wiring_drive(&r->wiring, pin, drives ? level : VGPIO_FLOATING);
        (void)vgpio_wiring_settle(&r->wiring);
    }
}

void rig_outside(struct rig *r, uint16_t pin, unsigned level)
{
    (void)vgpio_wiring_outside(&r->wiring, pin, level);
    (void)vgpio_wiring_settle(&r->wiring);
}

void rig_pulse(struct rig *r, uint16_t pin)
{
    struct rig_device *d = device_of(r, pin);
    unsigned was = r->pins[pin].outside;
    unsigned level = (unsigned)vgpio_wiring_level(&r->wiring, pin);

    if (d != NULL && vgpio_wiring_is_wired(&r->wiring, pin) == 0) {
        (void)vgpio_sim_pulse(&d->bank->sim, r->board->pins[pin].line);
        touch(r, d->index);
        return;
    }
    rig_outside(r, pin, level ^ 1u);
    rig_outside(r, pin, was);
}

unsigned rig_outside_of(const struct rig *r, uint16_t pin)
{
    return r->pins[pin].outside;
}

unsigned rig_level(const struct rig *r, uint16_t pin)
{
    return (unsigned)vgpio_wiring_level(&r->wiring, pin);
}

unsigned rig_value(const struct rig *r, uint16_t pin)
{
    const struct board_pin *p = &r->board->pins[pin];

    return p->device == BOARD_NODE
               ? (unsigned)vgpio_wiring_level(&r->wiring, pin)
               : (unsigned)vgpio_sim_level(&r->devices[p->device].bank->sim, p->line);
}

/* --- what the control socket does --- */

static int pull_line(void *ctx, uint16_t line, unsigned level)
{
    struct rig_device *d = ctx;

    rig_outside(d->rig, (uint16_t)(d->rig->board->devices[d->index].first + line), level);
    return 0;
}

static int pulse_line(void *ctx, uint16_t line)
{
    struct rig_device *d = ctx;

    rig_pulse(d->rig, (uint16_t)(d->rig->board->devices[d->index].first + line));
    return 0;
}

static int fault_line(void *ctx, uint16_t line, const struct fault_rule *rule)
{
    struct rig_device *d = ctx;
    struct faults *f = &d->rig->faults;
    uint16_t pin = (uint16_t)(d->rig->board->devices[d->index].first + line);

    if (rule == NULL) {
        faults_clear(f, pin);
        return 0;
    }
    if (faults_count(f, pin) >= FAULTS_MAX) {
        return VGPIO_ERR_NOSPC;
    }
    return faults_add(f, pin, rule) < 0 ? VGPIO_ERR_NOSPC : 0;
}

/* --- what the guest does --- */

static void on_event(void *ctx, unsigned id, uint32_t a)
{
    struct rig_device *d = ctx;
    struct rig *r = d->rig;
    const struct board_device *b = &r->board->devices[d->index];
    uint16_t pin = (uint16_t)(b->first + (a < b->nlines ? a : 0));

    if (id == VGPIO_TR_RESET) {
        memset(r->armed + b->first, 0, b->nlines * sizeof *r->armed);
    } else if (id == VGPIO_TR_FEATURES && r->on_guest != NULL) {
        r->on_guest(r->watch_ctx, d->index);
    } else if (id == VGPIO_TR_IRQ_VALID || id == VGPIO_TR_IRQ_INVALID) {
        r->armed[pin] = false;
    } else if (id == VGPIO_TR_IRQ_PARKED) {
        r->armed[pin] = true;
        if (r->on_armed != NULL) {
            r->on_armed(r->watch_ctx, pin);
        }
    }
}

/* --- making it --- */

static void pulse(void *ctx, uint16_t pin)
{
    rig_pulse(ctx, pin);
}

int rig_init(struct rig *r, struct board *b, const char *file, struct vclock *clock)
{
    uint32_t i;

    memset(r, 0, sizeof *r);
    r->board = b;
    r->file = file;
    r->pins = calloc(b->npins, sizeof *r->pins);
    r->wires = calloc(b->nwires + 1u, sizeof *r->wires);
    r->devices = calloc(b->ndevices, sizeof *r->devices);
    r->clock = clock;
    r->armed = calloc(b->npins, sizeof *r->armed);
    if (r->pins == NULL || r->wires == NULL || r->devices == NULL || r->armed == NULL ||
        faults_init(&r->faults, b, clock) < 0) {
        cli_error("%s", strerror(ENOMEM));
        return -1;
    }
    r->faults.touch = touch;
    r->faults.pulse = pulse;
    r->faults.ctx = r;
    for (i = 0; i < b->ndevices; i++) {
        r->devices[i].rig = r;
        r->devices[i].index = i;
    }
    return 0;
}

void rig_free(struct rig *r)
{
    if (r->board != NULL) {
        faults_free(&r->faults);
    }
    free(r->armed);
    free(r->pins);
    free(r->wires);
    free(r->devices);
    memset(r, 0, sizeof *r);
}

int rig_bank(struct rig *r, uint32_t device, struct bank *bank, uint64_t features,
             char *why, size_t why_size)
{
    const struct board_device *d = &r->board->devices[device];
    struct fault_device *f = &r->faults.devices[device];
    const struct bank_lines lines = {
        .names = d->names, .n = d->nlines, .ops = &fault_ops, .ctx = f};

    f->ops = &vgpio_sim_ops;
    f->ctx = &bank->sim;
    if (bank_init_named(bank, d->dialect, &lines, features, why, why_size) < 0) {
        return -1;
    }
    f->sink = bank_sink(bank);
    bank->on_line = on_line;
    bank->pull_line = pull_line;
    bank->pulse_line = pulse_line;
    bank->fault_line = fault_line;
    bank->on_event = on_event;
    bank->line_ctx = &r->devices[device];
    r->devices[device].bank = bank;
    return 0;
}

static void start_wiring(struct rig *r)
{
    struct vgpio_wiring_config wc = {0};

    wc.pins = r->pins;
    wc.npins = (uint16_t)r->board->npins;
    wc.wires = r->wires;
    wc.nwires = (uint16_t)r->board->nwires;
    wc.on_level = on_level;
    wc.on_alarm = on_alarm;
    wc.ctx = r;
    (void)vgpio_wiring_init(&r->wiring, &wc); /* board_check() did it before */
    board_lay(r->board, &r->wiring);
}

static void start_faults(struct rig *r)
{
    uint32_t i;

    for (i = 0; i < r->board->nfaults; i++) {
        if (faults_add(&r->faults, r->board->faults[i].pin, &r->board->faults[i].rule) <
            0) {
            cli_error("%s", strerror(ENOMEM));
        }
    }
}

void rig_start(struct rig *r)
{
    r->running = true;
    start_wiring(r);
    start_faults(r);
}

/* --- another board in its place --- */

/* What was said before, of lines and of nodes that are still there. */
static void say_again(struct rig *r, uint16_t pin, unsigned outside)
{
    const struct board_pin *p = &r->board->pins[pin];

    (void)vgpio_wiring_outside(&r->wiring, pin, outside);
    if (p->device != BOARD_NODE && p->hog < HOG_LOW) {
        const struct vgpio_sim *sim = &r->devices[p->device].bank->sim;

        if (vgpio_sim_direction(sim, p->line) == VGPIO_DIR_OUT) {
            (void)vgpio_wiring_drive(&r->wiring, pin,
                                     (unsigned)vgpio_sim_level(sim, p->line));
        }
    }
}

struct renewal {
    struct board board;
    struct vgpio_wiring_pin *pins;
    struct vgpio_wiring_wire *wires;
    struct fault_pin *faults;
    bool *armed;
    uint8_t *outside;
};

static void rewire(struct rig *r, struct renewal *n)
{
    uint32_t i;

    faults_renew(&r->faults, n->faults, n->board.npins);
    board_take(r->board, &n->board);
    free(r->pins);
    free(r->wires);
    free(r->armed);
    r->pins = n->pins;
    r->wires = n->wires;
    r->armed = n->armed;
    r->muted = true; /* until all have said what they said before */
    start_wiring(r);
    for (i = 0; i < r->board->npins; i++) {
        say_again(r, (uint16_t)i, n->outside[i]);
    }
    (void)vgpio_wiring_settle(&r->wiring);
    r->muted = false;
    for (i = 0; i < r->board->npins; i++) {
        on_level(r, (uint16_t)i, rig_level(r, (uint16_t)i));
    }
    start_faults(r);
}

/* What holds for a pin now, in the numbers of the board to come. */
static void carry_over(const struct rig *r, struct renewal *n)
{
    uint32_t i, old;

    for (i = 0; i < n->board.npins; i++) {
        const struct board_pin *p = &n->board.pins[i];

        old = p->device == BOARD_NODE ? board_find(r->board, BOARD_NODE, p->name) : i;
        n->outside[i] = old == UINT32_MAX ? VGPIO_FLOATING : r->pins[old].outside;
        n->armed[i] = old != UINT32_MAX && r->armed[old];
    }
}

static bool same_nodes(const struct board *a, const struct board *b)
{
    uint32_t i;

    for (i = 0; i < a->npins && a->npins == b->npins; i++) {
        if (a->pins[i].device == BOARD_NODE &&
            strcmp(a->pins[i].name, b->pins[i].name) != 0) {
            return false;
        }
    }
    return a->npins == b->npins;
}

int rig_reload(struct rig *r, bool nodes)
{
    struct renewal n = {.pins = NULL};
    const char *other;

    if (rig_load(r->file, &n.board) < 0) {
        return -1;
    }
    other = board_differs(r->board, &n.board);
    if (other == NULL && !nodes && !same_nodes(r->board, &n.board)) {
        other = "a node, while a script or a recording needs it,";
    }
    if (other != NULL) {
        cli_error("%s: %s changed; start anew for that, nothing was done", r->file,
                  other);
        board_free(&n.board);
        return -1;
    }
    n.pins = calloc(n.board.npins, sizeof *n.pins);
    n.wires = calloc(n.board.nwires + 1u, sizeof *n.wires);
    n.faults = calloc(n.board.npins, sizeof *n.faults);
    n.armed = calloc(n.board.npins, sizeof *n.armed);
    n.outside = calloc(n.board.npins, sizeof *n.outside);
    if (n.pins && n.wires && n.faults && n.armed && n.outside) {
        carry_over(r, &n);
        rewire(r, &n);
        free(n.outside);
        return 0;
    }
    cli_error("%s: %s; nothing was done", r->file, strerror(ENOMEM));
    free(n.pins);
    free(n.wires);
    free(n.faults);
    free(n.armed);
    free(n.outside);
    board_free(&n.board);
    return -1;
}
