/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver as lines.
 *
 * A device never asks two things at once of one line, so a line holds the whole state of
 * what is asked: `op`, and the `step` of it that is downstream. Lines that have something
 * to send stand in a list until the driver takes it. */
#include <virtiogpio/bridge.h>
#include <virtiogpio/wire.h>

#include "dialect.h"
#include "internal.h"
#include "port.h"

#define NIL 0xffffu

enum state {
    RUNNING,
    STOPPING, /* upstream was reset: so downstream has to be */
    STARTING, /* ... stopped, its cookies polled, not started yet */
    FAILED
};

/* Ops have the numbers of the messages they end with. */
enum {
    OP_NONE = 0
};

enum {
    STEP_BEGIN = 0, /* nothing sent */
    STEP_QUIET,     /* SET_IRQ_TYPE(NONE), because something else needs it */
    STEP_VALUE,     /* SET_VALUE before an output */
    STEP_LAST       /* the message itself */
};

#define LINE_LISTED 0x01u
#define LINE_SENT 0x02u   /* the step is downstream */
#define LINE_SAMPLE 0x04u /* the level is to be asked for after an interrupt */

#define TURN 64u /* events served in one run */

/* ---- the list of lines that have something to send --------------------------- */

static void list(struct vgpio_bridge *b, uint16_t line)
{
    struct vgpio_bridge_line *l = &b->lines[line];

    if ((l->flags & LINE_LISTED) != 0) {
        return;
    }
    l->flags |= LINE_LISTED;
    l->next = NIL;
    if (b->first == NIL) {
        b->first = line;
    } else {
        b->lines[b->last].next = line;
    }
    b->last = line;
}

static uint16_t take_first(struct vgpio_bridge *b)
{
    uint16_t line = b->first;
    struct vgpio_bridge_line *l = &b->lines[line];

    b->first = l->next;
    l->flags &= (uint8_t)~LINE_LISTED;
    return line;
}

static void put_first(struct vgpio_bridge *b, uint16_t line)
{
    struct vgpio_bridge_line *l = &b->lines[line];

    l->flags |= LINE_LISTED;
    l->next = b->first;
    if (b->first == NIL) {
        b->last = line;
    }
    b->first = line;
}

static void forget_lines(struct vgpio_bridge *b)
{
    uint16_t i;

    for (i = 0; i < b->nlines; i++) {
        memset(&b->lines[i], 0, sizeof b->lines[i]);
    }
    b->first = NIL;
}

/* ---- one step of an op ---------------------------------------------------------- */

static void finish(struct vgpio_bridge *b, uint16_t line, int result)
{
    struct vgpio_bridge_line *l = &b->lines[line];

    l->op = OP_NONE;
    l->flags &= (uint8_t)~LINE_SENT;
    (void)b->sink.ops->complete(b->sink.obj, l->token, result);
}

/* Which step comes after this one? */
static unsigned step_after(const struct vgpio_bridge_line *l)
{
    int quiet = l->irq_type != VGPIO_IRQ_NONE && l->arg != VGPIO_IRQ_NONE;

    if (l->op == VGPIO_MSG_SET_DIRECTION) {
        quiet = l->irq_type != VGPIO_IRQ_NONE && l->arg != VGPIO_DIR_IN;
    }
    if (l->step == STEP_BEGIN && quiet &&
        (l->op == VGPIO_MSG_SET_DIRECTION || l->op == VGPIO_MSG_SET_IRQ_TYPE)) {
        return STEP_QUIET;
    }
    if (l->step < STEP_VALUE && l->op == VGPIO_MSG_SET_DIRECTION &&
        l->arg == VGPIO_DIR_OUT) {
        return STEP_VALUE;
    }
    return STEP_LAST;
}

static int submit_step(struct vgpio_bridge *b, uint16_t line)
{
    struct vgpio_bridge_line *l = &b->lines[line];

    switch (l->step) {
    case STEP_QUIET:
        return vgpio_drv_submit(b->drv, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_NONE, l);
    case STEP_VALUE:
        return vgpio_drv_submit(b->drv, VGPIO_MSG_SET_VALUE, line, l->out, l);
    default:
        return vgpio_drv_submit(b->drv, l->op, line, l->arg, l);
    }
}

static void report(struct vgpio_bridge *b, uint16_t line, unsigned edges, unsigned level)
{
    (void)b->sink.ops->change(b->sink.obj, line, edges, level);
}

/* The level behind an interrupt of both edges tells which it was; of two or more it is
 * the last one. */
static void sampled(struct vgpio_bridge *b, uint16_t line, int level)
{
    if (b->lines[line].irq_type != VGPIO_IRQ_EDGE_BOTH) {
        return;
    }
    if (level < 0) {
        report(b, line, VGPIO_RISING | VGPIO_FALLING, VGPIO_LEVEL_UNKNOWN);
    } else {
        report(b, line, level == 1 ? VGPIO_RISING : VGPIO_FALLING, (unsigned)level);
    }
}

/* Is it for a request that there is no room? That comes by itself. For an interrupt it
 * comes when upstream gives up another, which may never be, and others would wait behind
 * this one. Only in the draft interrupts need no slot of their own. */
static int room_comes(const struct vgpio_drv *drv)
{
    return DRV_DIALECT(drv)->event_feature == 0 || drv->free_slot[VGPIO_SLOT_REQ] == 0;
}

/* Sends what a line has to send; 0: it waits for room. */
static int send(struct vgpio_bridge *b, uint16_t line)
{
    struct vgpio_bridge_line *l = &b->lines[line];
    int err;

    if ((l->flags & LINE_SAMPLE) != 0) {
        err = vgpio_drv_submit(b->drv, VGPIO_MSG_GET_VALUE, line, 0, b);
        if (err == VGPIO_ERR_NOSPC) {
            return 0;
        }
        l->flags &= (uint8_t)~LINE_SAMPLE;
        if (err < 0) {
            sampled(b, line, err);
        }
    }
    if (l->op != OP_NONE && (l->flags & LINE_SENT) == 0) {
        uint8_t before = l->step;

        l->step = (uint8_t)step_after(l);
        err = submit_step(b, line);
        b->dirty = 1;
        if (err == VGPIO_ERR_NOSPC && room_comes(b->drv)) {
            l->step = before;
            return 0;
        }
        l->flags |= LINE_SENT;
        if (err < 0) {
            finish(b, line, err);
        }
    }
    return 1;
}

static void send_all(struct vgpio_bridge *b)
{
    while (b->state == RUNNING && b->first != NIL) {
        /* Out of the list first: what upstream does now may change all of it. */
        uint16_t line = take_first(b);

        if (!send(b, line)) {
            put_first(b, line);
            return;
        }
    }
}

/* ---- what downstream says --------------------------------------------------------- */

static void step_done(struct vgpio_bridge *b, uint16_t line, int result)
{
    struct vgpio_bridge_line *l = &b->lines[line];

    l->flags &= (uint8_t)~LINE_SENT;
    if (l->step == STEP_QUIET) { /* final, whatever it says */
        l->irq_type = VGPIO_IRQ_NONE;
    } else if (l->step == STEP_LAST || result < 0) {
        if (l->op == VGPIO_MSG_SET_IRQ_TYPE) {
            l->irq_type = result >= 0 ? l->arg : (uint8_t)VGPIO_IRQ_NONE;
            l->flags &= (uint8_t)~LINE_SAMPLE;
        }
        finish(b, line, result);
        return;
    }
    list(b, line);
}

/* A pair that came back without an interrupt stays away until upstream unmasks again: to
 * post it at once could go on for ever. */
static void interrupted(struct vgpio_bridge *b, uint16_t line, unsigned type, int result)
{
    struct vgpio_bridge_line *l = &b->lines[line];

    if (result < 0 || type != l->irq_type) {
        return;
    }
    switch (type) {
    case VGPIO_IRQ_EDGE_RISING:
    case VGPIO_IRQ_EDGE_FALLING:
        report(b, line, type, VGPIO_LEVEL_UNKNOWN); /* edges have the triggers' numbers */
        break;
    case VGPIO_IRQ_EDGE_BOTH:
        l->flags |= LINE_SAMPLE;
        list(b, line);
        break;
    default:
        report(b, line, 0, type == VGPIO_IRQ_LEVEL_HIGH);
        report(b, line, 0, VGPIO_LEVEL_UNKNOWN);
        break;
    }
}

static void event(struct vgpio_bridge *b, const struct vgpio_drv_event *ev)
{
    if (ev->line >= b->nlines) {
        return;
    }
    if (ev->kind == VGPIO_IRQ) {
        interrupted(b, ev->line, ev->type, ev->result);
    } else if (ev->cookie == b) {
        sampled(b, ev->line, ev->result);
    } else if (b->lines[ev->line].op != OP_NONE) {
        step_done(b, ev->line, ev->result);
    }
}

/* ---- running ------------------------------------------------------------------- */

static int failed(struct vgpio_bridge *b, int err)
{
    uint16_t i;

    b->state = FAILED;
    b->err = err;
    b->first = NIL;
    for (i = 0; i < b->nlines; i++) {
        b->lines[i].flags = 0;
        if (b->lines[i].op != OP_NONE) {
            finish(b, i, VGPIO_ERR_IO);
        }
    }
    return err;
}

/* Downstream follows the reset of upstream: 0 once it runs again, 1 not yet. What
 * upstream asked for since then waits in the list. */
static int restart(struct vgpio_bridge *b)
{
    struct vgpio_drv_event ev;
    int n = 0;

    if (b->state == STOPPING) {
        n = vgpio_drv_stop(b->drv);
        if (n == 0) {
            while (vgpio_drv_poll(b->drv, &ev) > 0) {
                /* all stale: what they were for is forgotten */
            }
            b->state = STARTING;
        }
    }
    if (n == 0) {
        n = vgpio_drv_start(b->drv);
    }
    if (n == 0) {
        b->state = RUNNING;
        b->dirty = 0;
    }
    return n;
}

static int run(struct vgpio_bridge *b)
{
    struct vgpio_drv_event ev;
    unsigned left = TURN;
    int n = 0;

    if (b->state == FAILED) {
        return b->err;
    }
    if (b->state != RUNNING) {
        n = restart(b);
        if (n != 0) {
            return n > 0 ? n : failed(b, n);
        }
    }
    do {
        send_all(b);
        n = vgpio_drv_flush(b->drv);
        if (n >= 0) {
            n = vgpio_drv_poll(b->drv, &ev);
        }
        if (n < 0) {
            return failed(b, n);
        }
        if (n > 0) {
            event(b, &ev);
        }
    } while (n > 0 && --left != 0 && b->state == RUNNING);
    return n;
}

int vgpio_bridge_run(struct vgpio_bridge *b)
{
    int n;

    if (b->busy) {
        return VGPIO_ERR_STATE;
    }
    b->busy = 1;
    n = run(b);
    b->busy = 0;
    return n;
}

/* ---- as lines: what upstream asks ---------------------------------------------- */

static int ask(struct vgpio_bridge *b, uint16_t line, unsigned op, unsigned arg,
               unsigned out, vgpio_token token)
{
    struct vgpio_bridge_line *l;

    if (line >= b->nlines) {
        return VGPIO_ERR_INVAL;
    }
    if (b->state == FAILED) {
        return VGPIO_ERR_IO;
    }
    l = &b->lines[line];
    l->token = token;
    l->op = (uint8_t)op;
    l->arg = (uint8_t)arg;
    l->out = (uint8_t)out;
    l->step = STEP_BEGIN;
    l->flags &= (uint8_t)~LINE_SENT;
    list(b, line);
    return VGPIO_PENDING;
}

static int get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    return ask(ctx, line, VGPIO_MSG_GET_DIRECTION, 0, 0, token);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out_value,
                         vgpio_token token)
{
    return ask(ctx, line, VGPIO_MSG_SET_DIRECTION, dir, out_value, token);
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    return ask(ctx, line, VGPIO_MSG_GET_VALUE, 0, 0, token);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    return ask(ctx, line, VGPIO_MSG_SET_VALUE, value, 0, token);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    struct vgpio_bridge *b = ctx;

    if (type == VGPIO_IRQ_NONE && line < b->nlines &&
        b->lines[line].irq_type == VGPIO_IRQ_NONE) {
        return 0;
    }
    return ask(b, line, VGPIO_MSG_SET_IRQ_TYPE, type, 0, token);
}

static void unmask(void *ctx, uint16_t line)
{
    struct vgpio_bridge *b = ctx;

    if (b->state == RUNNING && line < b->nlines &&
        b->lines[line].irq_type != VGPIO_IRQ_NONE) {
        (void)vgpio_drv_unmask(b->drv, line); /* if it fails, so does the next poll */
    }
}

static void reset(void *ctx)
{
    struct vgpio_bridge *b = ctx;

    forget_lines(b);
    if (b->dirty || b->state == FAILED) {
        b->state = STOPPING;
        b->err = 0;
    }
}

const struct vgpio_line_ops vgpio_bridge_ops = {sizeof(struct vgpio_line_ops),
                                                get_direction,
                                                set_direction,
                                                get_value,
                                                set_value,
                                                set_irq_type,
                                                unmask,
                                                reset};

int vgpio_bridge_init_abi(struct vgpio_bridge *b, const struct vgpio_bridge_config *cfg,
                          uint64_t abi)
{
    struct vgpio_bridge_config c;

    if (vgpio_abi_size(abi, 0) < sizeof *b || vgpio_abi_size(abi, 1) > sizeof c ||
        vgpio_abi_size(abi, 2) != sizeof(struct vgpio_bridge_line)) {
        return VGPIO_ERR_ABI;
    }
    memset(&c, 0, sizeof c);
    memcpy(&c, cfg, vgpio_abi_size(abi, 1));
    if (c.drv == NULL || c.sink.ops == NULL || c.lines == NULL || c.nlines == 0) {
        return VGPIO_ERR_INVAL;
    }
    memset(b, 0, sizeof *b);
    b->drv = c.drv;
    b->sink = c.sink;
    b->lines = c.lines;
    b->nlines = c.nlines;
    b->state = RUNNING;
    forget_lines(b);
    return VGPIO_OK;
}
