/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong with a board as a whole: wires twice, loops, conflicts, unrest. */
#include "board.h"

#include <stdlib.h>
#include <string.h>

static int by_ends(const void *a, const void *b, void *ctx)
{
    const struct board_wire *wires = ctx;
    const struct board_wire *x = &wires[*(const uint32_t *)a];
    const struct board_wire *y = &wires[*(const uint32_t *)b];
    uint32_t ends_x = (uint32_t)x->from << 16 | x->to;
    uint32_t ends_y = (uint32_t)y->from << 16 | y->to;

    if (ends_x != ends_y) {
        return ends_x < ends_y ? -1 : 1;
    }
    return x->line < y->line ? -1 : x->line > y->line;
}

static int wires_twice(const struct board *b, struct lex_error *err)
{
    uint32_t *sorted = calloc(b->nwires, sizeof *sorted);
    int code = 0;
    uint32_t i;

    if (sorted == NULL) {
        return lex_fail_at(err, 1, 1, "out of memory");
    }
    for (i = 0; i < b->nwires; i++) {
        sorted[i] = i;
    }
    qsort_r(sorted, b->nwires, sizeof *sorted, by_ends, b->wires);
    for (i = 1; i < b->nwires && code == 0; i++) {
        const struct board_wire *x = &b->wires[sorted[i - 1]];
        const struct board_wire *y = &b->wires[sorted[i]];

        if (x->from == y->from && x->to == y->to) {
            code = lex_fail_at(err, y->line, y->col,
                               "these two have the wire of line %u already, expected one",
                               x->line);
        }
    }
    free(sorted);
    return code;
}

/* --- loops: nets that cannot be put in an order in which every wire leads forward --- */

struct order {
    const struct board *b;
    uint16_t *net;   /* of each pin: a pin that stands for it */
    uint32_t *into;  /* of each net: wires from nets that are not in the order yet */
    uint32_t *first; /* of each net: the first of its wires in `next` */
    uint32_t *next, *queue;
};

static uint16_t net_of(const struct order *o, uint16_t pin)
{
    while (o->net[pin] != pin) {
        pin = o->net[pin] = o->net[o->net[pin]];
    }
    return pin;
}

static void find_nets(struct order *o)
{
    uint32_t i;

    for (i = 0; i < o->b->npins; i++) {
        o->net[i] = (uint16_t)i;
        o->first[i] = UINT32_MAX;
    }
    for (i = 0; i < o->b->njoins; i++) {
        o->net[net_of(o, o->b->joins[i].a)] = net_of(o, o->b->joins[i].b);
    }
    for (i = o->b->nwires; i-- > 0;) {
        const struct board_wire *w = &o->b->wires[i];

        if (!w->feedback) {
            o->into[net_of(o, w->to)]++;
            o->next[i] = o->first[net_of(o, w->from)];
            o->first[net_of(o, w->from)] = i;
        }
    }
}

/* How many nets find a place in the order; what is left keeps its `into`. */
static uint32_t put_in_order(struct order *o)
{
    uint32_t done = 0, n = 0, i;

    for (i = 0; i < o->b->npins; i++) {
        if (o->into[i] == 0) {
            o->queue[n++] = i;
        }
    }
    while (done < n) {
        for (i = o->first[o->queue[done++]]; i != UINT32_MAX; i = o->next[i]) {
            uint16_t to = net_of(o, o->b->wires[i].to);

            if (--o->into[to] == 0) {
                o->queue[n++] = to;
            }
        }
    }
    return n;
}

/* From a net without a place backwards one never comes to an end, so after enough steps
 * one goes round in a loop. */
static const struct board_wire *wire_of_loop(const struct order *o)
{
    const struct board *b = o->b;
    uint32_t *from = calloc(b->npins, sizeof *from); /* of each net: a wire, from 1 on */
    uint32_t w = 0, i;

    for (i = 0; i < b->nwires && from != NULL; i++) {
        if (!b->wires[i].feedback && o->into[net_of(o, b->wires[i].from)] != 0 &&
            o->into[net_of(o, b->wires[i].to)] != 0) {
            from[net_of(o, b->wires[i].to)] = w = i + 1;
        }
    }
    for (i = 0; i < b->npins && w != 0; i++) {
        w = from[net_of(o, b->wires[w - 1].from)];
    }
    free(from);
    return w == 0 ? NULL : &b->wires[w - 1];
}

static int say_loop(const struct order *o, struct lex_error *err)
{
    const struct board_wire *w = wire_of_loop(o);
    char name[80];

    if (w == NULL) {
        return lex_fail_at(err, 1, 1, "out of memory");
    }
    return lex_fail_at(err, w->line, w->col,
                       "a loop: %s leads back to itself, expected 'wire feedback' on one "
                       "of its wires if that is meant",
                       board_pin_name(o->b, w->from, name, sizeof name));
}

static int loops(const struct board *b, struct lex_error *err)
{
    struct order o = {.b = b};
    int code = -1;

    o.net = calloc(b->npins, sizeof *o.net);
    o.into = calloc(b->npins, sizeof *o.into);
    o.first = calloc(b->npins, sizeof *o.first);
    o.queue = calloc(b->npins, sizeof *o.queue);
    o.next = calloc(b->nwires + 1u, sizeof *o.next);
    if (o.net && o.into && o.first && o.queue && o.next) {
        find_nets(&o);
        code = put_in_order(&o) == b->npins ? 0 : say_loop(&o, err);
    } else {
        lex_fail_at(err, 1, 1, "out of memory");
    }
    free(o.net);
    free(o.into);
    free(o.first);
    free(o.queue);
    free(o.next);
    return code;
}

/* --- how it stands when nobody does anything --- */

/* Feedback comes last and one by one: two inverters in a ring that start at one moment
 * would follow each other for ever. */
static void lay_wires(const struct board *b, struct vgpio_wiring *w, bool feedback)
{
    uint32_t i;

    for (i = 0; i < b->nwires; i++) {
        const struct board_wire *x = &b->wires[i];

        if (x->feedback == feedback) {
            (void)vgpio_wiring_connect(w, x->from, x->to, x->flags, x->kind);
        }
        if (feedback && x->feedback) {
            (void)vgpio_wiring_settle(w);
        }
    }
}

void board_lay(const struct board *b, struct vgpio_wiring *w)
{
    uint32_t i;

    for (i = 0; i < b->npins; i++) {
        const struct board_pin *p = &b->pins[i];

        (void)vgpio_wiring_kind(w, (uint16_t)i, p->kind);
        (void)vgpio_wiring_pull(w, (uint16_t)i, p->pull);
        if (p->hog >= HOG_LOW) {
            (void)vgpio_wiring_drive(w, (uint16_t)i, p->hog == HOG_HIGH);
        }
    }
    for (i = 0; i < b->njoins; i++) {
        (void)vgpio_wiring_join(w, b->joins[i].a, b->joins[i].b);
    }
    lay_wires(b, w, false);
    (void)vgpio_wiring_settle(w);
    lay_wires(b, w, true);
}

/* Where the file says what the net of `pin` does: the last hog or wire. */
static void place_of(const struct board *b, const struct vgpio_wiring *w, uint16_t pin,
                     unsigned *line, unsigned *col)
{
    uint32_t i;

    *line = *col = 1;
    for (i = 0; i < b->nwires; i++) {
        if (vgpio_wiring_is_joined(w, b->wires[i].to, pin) == 1) {
            *line = b->wires[i].line;
            *col = b->wires[i].col;
        }
    }
    for (i = 0; i < b->npins; i++) {
        if (b->pins[i].hog >= HOG_LOW &&
            vgpio_wiring_is_joined(w, (uint16_t)i, pin) == 1 &&
            b->pins[i].hog_line > *line) {
            *line = b->pins[i].hog_line;
            *col = 1;
        }
    }
}

struct rest {
    unsigned alarm;
    uint16_t pin;
};

static void on_alarm(void *ctx, unsigned alarm, uint16_t pin)
{
    struct rest *r = ctx;

    if (r->alarm == 0) {
        r->alarm = alarm;
        r->pin = pin;
    }
}

static int at_rest(const struct board *b, struct vgpio_wiring_config *wc,
                   struct lex_error *err)
{
    struct vgpio_wiring w;
    struct rest rest = {0, 0};
    unsigned line, col;
    char name[80];

    wc->on_alarm = on_alarm;
    wc->ctx = &rest;
    if (vgpio_wiring_init(&w, wc) != 0) {
        return lex_fail_at(err, 1, 1, "too much, expected at most %u lines and wires",
                           VGPIO_WIRING_MAX);
    }
    board_lay(b, &w);
    if (rest.alarm == 0) {
        return 0;
    }
    place_of(b, &w, rest.pin, &line, &col);
    board_pin_name(b, rest.pin, name, sizeof name);
    return rest.alarm == VGPIO_ALARM_CONFLICT
               ? lex_fail_at(err, line, col,
                             "%s is driven high and low, expected one of them", name)
               : lex_fail_at(err, line, col,
                             "%s never comes to rest, expected feedback that holds still",
                             name);
}

int board_check(const struct board *b, struct lex_error *err)
{
    struct vgpio_wiring_config wc = {0};
    int code;

    wc.pins = calloc(b->npins, sizeof *wc.pins);
    wc.wires = calloc(b->nwires + 1u, sizeof *wc.wires);
    wc.npins = (uint16_t)b->npins;
    wc.nwires = (uint16_t)b->nwires;
    if (wc.pins == NULL || wc.wires == NULL) {
        code = lex_fail_at(err, 1, 1, "out of memory");
    } else if (b->nwires > 0 && (wires_twice(b, err) < 0 || loops(b, err) < 0)) {
        code = -1;
    } else {
        code = at_rest(b, &wc, err);
    }
    free(wc.pins);
    free(wc.wires);
    return code;
}
