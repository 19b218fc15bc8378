/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/wiring.h>

#include "internal.h"
#include "port.h"

#define NONE 0xffffu

/* Strengths: rows of `says`. */
#define PULLED 0u
#define OUTSIDE 1u
#define DRIVEN 2u

/* Flags of a net. */
#define F_DIRTY 1u
#define F_SEEN 2u
#define F_CONFLICT 4u
#define F_WIRED 8u

#define UNTOLD 2u /* the pins of a net were told different levels */
#define SPARE_ROUNDS 64u

int vgpio_wiring_init_abi(struct vgpio_wiring *w, const struct vgpio_wiring_config *cfg,
                          uint64_t abi)
{
    struct vgpio_wiring_config c;
    uint16_t i;

    if (vgpio_abi_size(abi, 0) < sizeof *w || vgpio_abi_size(abi, 1) > sizeof c ||
        vgpio_abi_size(abi, 2) != sizeof *c.pins ||
        vgpio_abi_size(abi, 3) != sizeof *c.wires) {
        return VGPIO_ERR_ABI;
    }
    memset(&c, 0, sizeof c);
    memcpy(&c, cfg, vgpio_abi_size(abi, 1));
    /* The sum bounds how many can drive one net, so the counters hold it. */
    if (c.pins == NULL || c.npins == 0 || (c.wires == NULL && c.nwires != 0) ||
        (uint32_t)c.npins + c.nwires > VGPIO_WIRING_MAX) {
        return VGPIO_ERR_INVAL;
    }
    if (c.max_rounds == 0) {
        c.max_rounds = c.nwires + SPARE_ROUNDS;
    }
    memset(w, 0, sizeof *w);
    w->cfg = c;
    w->dirty = w->dirty_end = w->seen = w->seen_end = NONE;
    for (i = 0; i < c.npins; i++) {
        struct vgpio_wiring_pin *p = &c.pins[i];

        memset(p, 0, sizeof *p);
        p->net = i;
        p->next = p->wires = NONE;
        p->drive = p->outside = p->pull = VGPIO_FLOATING;
    }
    return 0;
}

static struct vgpio_wiring_pin *net_of(const struct vgpio_wiring *w, uint16_t pin)
{
    return &w->cfg.pins[w->cfg.pins[pin].net];
}

/* What a kind of driver really does where it wants a level. */
static unsigned effect(unsigned kind, unsigned level)
{
    if ((kind == VGPIO_OPEN_DRAIN && level == 1) ||
        (kind == VGPIO_OPEN_SOURCE && level == 0)) {
        return VGPIO_FLOATING;
    }
    return level;
}

static void mark(struct vgpio_wiring *w, uint16_t net)
{
    struct vgpio_wiring_pin *n = &w->cfg.pins[net];

    if ((n->flags & F_DIRTY) != 0) {
        return;
    }
    n->flags |= F_DIRTY;
    n->next_dirty = NONE;
    if (w->dirty == NONE) {
        w->dirty = net;
    } else {
        w->cfg.pins[w->dirty_end].next_dirty = net;
    }
    w->dirty_end = net;
}

/* Somebody on a net said `before` and now says `now`. */
static void says(struct vgpio_wiring *w, uint16_t net, unsigned strength, unsigned before,
                 unsigned now)
{
    struct vgpio_wiring_pin *n = &w->cfg.pins[net];

    if (before == now) {
        return;
    }
    if (before != VGPIO_FLOATING) {
        n->says[strength][before]--;
    }
    if (now != VGPIO_FLOATING) {
        n->says[strength][now]++;
    }
    mark(w, net);
}

/* The level that is said of a net. */
static unsigned resolve(const struct vgpio_wiring_pin *n)
{
    unsigned strength = DRIVEN;

    while (strength > PULLED && n->says[strength][0] == 0 && n->says[strength][1] == 0) {
        strength--;
    }
    return n->says[strength][0] == 0 && n->says[strength][1] != 0;
}

static void wire_follows(struct vgpio_wiring *w, struct vgpio_wiring_wire *wire,
                         unsigned level)
{
    unsigned now = effect(wire->flags >> 1, level ^ (wire->flags & 1u));

    says(w, w->cfg.pins[wire->to].net, DRIVEN, wire->says, now);
    wire->says = (uint8_t)now;
}

/* --- laying it --- */

/* The wires of one net become another's, which may have another level. */
static void move_wires(struct vgpio_wiring *w, struct vgpio_wiring_pin *into,
                       struct vgpio_wiring_pin *from)
{
    while (from->wires != NONE) {
        uint16_t i = from->wires;
        struct vgpio_wiring_wire *wire = &w->cfg.wires[i];

        from->wires = wire->next;
        wire->next = into->wires;
        into->wires = i;
        wire_follows(w, wire, into->level);
    }
}

int vgpio_wiring_join(struct vgpio_wiring *w, uint16_t a, uint16_t b)
{
    struct vgpio_wiring_pin *pins = w->cfg.pins, *into, *from;
    uint16_t p, last;
    unsigned i;

    if (a >= w->cfg.npins || b >= w->cfg.npins) {
        return VGPIO_ERR_INVAL;
    }
    if (w->busy != 0) {
        return VGPIO_ERR_STATE;
    }
    a = pins[a].net;
    b = pins[b].net;
    if (a == b) {
        return 0;
    }
    into = &pins[a];
    from = &pins[b];
    for (i = 0; i < 3; i++) {
        into->says[i][0] = (uint16_t)(into->says[i][0] + from->says[i][0]);
        into->says[i][1] = (uint16_t)(into->says[i][1] + from->says[i][1]);
    }
    for (p = last = b; p != NONE; p = pins[p].next) {
        pins[p].net = a;
        last = p;
    }
    pins[last].next = into->next;
    into->next = b;
    into->told = into->told == from->told ? into->told : UNTOLD;
    into->flags |= F_WIRED;
    move_wires(w, into, from);
    mark(w, a);
    return 0;
}

int vgpio_wiring_connect(struct vgpio_wiring *w, uint16_t from, uint16_t to,
                         unsigned flags, unsigned kind)
{
    struct vgpio_wiring_wire *wire;
    struct vgpio_wiring_pin *n;

    if (from >= w->cfg.npins || to >= w->cfg.npins || flags > VGPIO_WIRE_NOT ||
        kind > VGPIO_OPEN_SOURCE) {
        return VGPIO_ERR_INVAL;
    }
    if (w->used >= w->cfg.nwires) {
        return VGPIO_ERR_NOSPC;
    }
    n = net_of(w, from);
    wire = &w->cfg.wires[w->used];
    wire->to = to;
    wire->next = n->wires;
    wire->flags = (uint8_t)(flags | kind << 1);
    wire->says = (uint8_t)effect(kind, n->level ^ flags);
    n->wires = w->used++;
    n->flags |= F_WIRED;
    n = net_of(w, to);
    n->flags |= F_WIRED;
    says(w, w->cfg.pins[to].net, DRIVEN, VGPIO_FLOATING, wire->says);
    return 0;
}

/* --- saying something --- */

int vgpio_wiring_kind(struct vgpio_wiring *w, uint16_t pin, unsigned kind)
{
    struct vgpio_wiring_pin *p;

    if (pin >= w->cfg.npins || kind > VGPIO_OPEN_SOURCE) {
        return VGPIO_ERR_INVAL;
    }
    p = &w->cfg.pins[pin];
    says(w, p->net, DRIVEN, effect(p->kind, p->drive), effect(kind, p->drive));
    says(w, p->net, OUTSIDE, effect(p->kind, p->outside), effect(kind, p->outside));
    p->kind = (uint8_t)kind;
    return 0;
}

int vgpio_wiring_drive(struct vgpio_wiring *w, uint16_t pin, unsigned level)
{
    struct vgpio_wiring_pin *p;

    if (pin >= w->cfg.npins || level > VGPIO_FLOATING) {
        return VGPIO_ERR_INVAL;
    }
    p = &w->cfg.pins[pin];
    says(w, p->net, DRIVEN, effect(p->kind, p->drive), effect(p->kind, level));
    p->drive = (uint8_t)level;
    return 0;
}

int vgpio_wiring_outside(struct vgpio_wiring *w, uint16_t pin, unsigned level)
{
    struct vgpio_wiring_pin *p;

    if (pin >= w->cfg.npins || level > VGPIO_FLOATING) {
        return VGPIO_ERR_INVAL;
    }
    p = &w->cfg.pins[pin];
    says(w, p->net, OUTSIDE, effect(p->kind, p->outside), effect(p->kind, level));
    p->outside = (uint8_t)level;
    return 0;
}

int vgpio_wiring_pull(struct vgpio_wiring *w, uint16_t pin, unsigned level)
{
    struct vgpio_wiring_pin *p;

    if (pin >= w->cfg.npins || level > VGPIO_FLOATING) {
        return VGPIO_ERR_INVAL;
    }
    p = &w->cfg.pins[pin];
    says(w, p->net, PULLED, p->pull, level);
    p->pull = (uint8_t)level;
    return 0;
}

/* --- letting it settle --- */

static void alarm(struct vgpio_wiring *w, unsigned what, uint16_t pin)
{
    if (what == VGPIO_ALARM_CONFLICT) {
        w->conflicts++;
    } else {
        w->unsettled++;
    }
    if (w->cfg.on_alarm != NULL) {
        w->cfg.on_alarm(w->cfg.ctx, what, pin);
    }
}

static void remember(struct vgpio_wiring *w, uint16_t net)
{
    struct vgpio_wiring_pin *n = &w->cfg.pins[net];

    if ((n->flags & F_SEEN) != 0) {
        return;
    }
    n->flags |= F_SEEN;
    n->next_seen = NONE;
    if (w->seen == NONE) {
        w->seen = net;
    } else {
        w->cfg.pins[w->seen_end].next_seen = net;
    }
    w->seen_end = net;
}

/* Takes the queue and returns the list of the nets whose level changes. */
static uint16_t look(struct vgpio_wiring *w)
{
    uint16_t moving = NONE;
    uint16_t net = w->dirty;

    w->dirty = w->dirty_end = NONE;
    for (; net != NONE; net = w->cfg.pins[net].next_dirty) {
        struct vgpio_wiring_pin *n = &w->cfg.pins[net];

        n->flags &= (uint8_t)~F_DIRTY;
        if (n->net != net) {
            continue; /* joined to another one since, so it has no level of its own */
        }
        remember(w, net);
        if (resolve(n) != n->level) {
            n->next_now = moving;
            moving = net;
        }
    }
    return moving;
}

/* One round: none sees what another one does in it. */
static void step(struct vgpio_wiring *w)
{
    uint16_t net = look(w);

    for (; net != NONE; net = w->cfg.pins[net].next_now) {
        struct vgpio_wiring_pin *n = &w->cfg.pins[net];
        uint16_t i;

        n->level ^= 1u;
        for (i = n->wires; i != NONE; i = w->cfg.wires[i].next) {
            wire_follows(w, &w->cfg.wires[i], n->level);
        }
    }
}

static void tell_conflict(struct vgpio_wiring *w, uint16_t net)
{
    struct vgpio_wiring_pin *n = &w->cfg.pins[net];

    if (n->says[DRIVEN][0] == 0 || n->says[DRIVEN][1] == 0) {
        n->flags &= (uint8_t)~F_CONFLICT;
    } else if ((n->flags & F_CONFLICT) == 0) {
        n->flags |= F_CONFLICT;
        alarm(w, VGPIO_ALARM_CONFLICT, net);
    }
}

/* What the pins are told may make them say something else; that waits in the queue. */
static void tell(struct vgpio_wiring *w)
{
    while (w->seen != NONE) {
        uint16_t net = w->seen;
        struct vgpio_wiring_pin *n = &w->cfg.pins[net];
        uint16_t pin;

        w->seen = n->next_seen;
        n->flags &= (uint8_t)~F_SEEN;
        tell_conflict(w, net);
        if (n->level == n->told) {
            continue;
        }
        n->told = n->level;
        for (pin = net; pin != NONE && w->cfg.on_level != NULL;
             pin = w->cfg.pins[pin].next) {
            w->cfg.on_level(w->cfg.ctx, pin, n->level);
        }
    }
}

static void drop(struct vgpio_wiring *w)
{
    for (; w->dirty != NONE; w->dirty = w->cfg.pins[w->dirty].next_dirty) {
        w->cfg.pins[w->dirty].flags &= (uint8_t)~F_DIRTY;
    }
}

int vgpio_wiring_settle(struct vgpio_wiring *w)
{
    uint32_t left = w->cfg.max_rounds;
    int err = 0;

    if (w->busy != 0) {
        return 0;
    }
    w->busy = 1;
    do {
        for (; w->dirty != NONE && left > 0; left--) {
            step(w);
        }
        if (w->dirty != NONE) {
            alarm(w, VGPIO_ALARM_UNSETTLED, w->dirty);
            drop(w);
            err = VGPIO_ERR_TIMEOUT;
        }
        tell(w);
    } while (w->dirty != NONE && err == 0); /* else it waits for the next time */
    w->busy = 0;
    return err;
}

/* --- looking at it --- */

int vgpio_wiring_level(const struct vgpio_wiring *w, uint16_t pin)
{
    return pin < w->cfg.npins ? (int)net_of(w, pin)->level : VGPIO_ERR_INVAL;
}

int vgpio_wiring_is_wired(const struct vgpio_wiring *w, uint16_t pin)
{
    return pin < w->cfg.npins ? (net_of(w, pin)->flags & F_WIRED) != 0 : VGPIO_ERR_INVAL;
}

int vgpio_wiring_is_joined(const struct vgpio_wiring *w, uint16_t a, uint16_t b)
{
    if (a >= w->cfg.npins || b >= w->cfg.npins) {
        return VGPIO_ERR_INVAL;
    }
    return w->cfg.pins[a].net == w->cfg.pins[b].net;
}

uint32_t vgpio_wiring_alarms(const struct vgpio_wiring *w, unsigned what)
{
    return what == VGPIO_ALARM_CONFLICT    ? w->conflicts
           : what == VGPIO_ALARM_UNSETTLED ? w->unsettled
                                           : 0;
}
