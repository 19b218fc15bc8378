/* SPDX-License-Identifier: BSD-3-Clause */
/* Driver and device, on rings of both layouts, against a model that predicts every answer
 * and every interrupt.
 *
 * Both run over the loop, on two mappings of one memory, and whoever does not run finds
 * its mapping gone. A seed makes a configuration and a script of calls: submit, unmask,
 * flush, poll, sleep, cancel, doorbells (also for nothing), completions (out of order,
 * late, twice), edges and levels, stop (NOW, DRAIN) and resume of a ring, disable and
 * enable, reset, a ring that breaks. The model is told each call first and says what
 * the lines will be asked, which used elements will appear, and whether the other side
 * will be notified; then the call is made and all of it compared. Ring positions begin
 * shortly before they wrap.
 *
 * With --layouts the same script runs on split and on packed rings, with direct and with
 * indirect descriptors, with and without EVENT_IDX; each time doorbells are rung whether
 * they are due or not, so that the same happens at the same time, and what the lines are
 * asked and what the driver reports must be the same step by step.
 *
 * usage: property_model [--layouts] [SEED [STEPS [RING_SIZE]]]; else some hundred seeds.
 * A failure prints its seed and the shortest script found that still fails. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/virtiogpio.h>

#include "twomap.h"

#define LINES 6u
#define MAX_STEPS 20000u
#define MAX_REQ (MAX_STEPS + 4096u)
#define MAX_RING 32768u
#define MAX_NIRQ 16u
#define MAX_DEV_REQS 8u
#define NONE (-1)

enum kind {
    SUBMIT,
    UNMASK,
    FLUSH,
    POLL,
    SLEEP,
    CANCEL,
    BELL,
    KICK,
    COMPLETE,
    AGAIN,
    CHANGE,
    STOP,
    START,
    RUN,
    RESET,
    BREAK,
    KINDS
};
static const char *const kind_name[KINDS] = {
    "submit",   "unmask", "flush",  "poll", "sleep", "cancel", "bell",  "kick",
    "complete", "again",  "change", "stop", "start", "run",    "reset", "break"};
/* How often, of 100. */
static const unsigned weight[KINDS] = {25, 8, 14, 14, 3, 2, 10, 2,
                                       9,  1, 6,  2,  1, 1, 1,  1};

struct op {
    uint8_t kind;
    uint16_t a, b, c;
};

struct config {
    uint32_t seed;
    uint16_t size, nreq, nirq, nreqs;
    uint64_t features;
    uint32_t flags;
    int map;
    uint16_t begin[2];  /* first ring positions */
    uint16_t event_max; /* entries of the event queue, at most */
    uint16_t ring[2];   /* entries, or 0: as many as the driver takes (split sizes) */
    int every_bell;     /* rung whether it is due or not */
};

/* ---- the model -------------------------------------------------------------------- */

enum state {
    IN_RING,
    QUEUED,
    ACTIVE,
    DONE,
    ANSWERED,
    OVER
};

struct mreq {
    uint8_t type, state, old, cancelled, counted;
    uint8_t mode; /* the lines answer 0 at once, 1 inside the call, 2 later */
    uint16_t line;
    uint32_t arg;
    int outcome; /* what the lines say */
    int result;  /* what the driver hears */
    int next;
    vgpio_token token;
};

/* A call of the lines that must come. */
struct call {
    char op;
    unsigned a, b;
    int req;
};

struct mline {
    /* the device's side */
    unsigned dir, staged, trig, level, latch, failed, arming;
    unsigned pair, ret, pair_old, unmask;
    int first, last;
    struct call call[8];
    unsigned ncalls;
    int answered[MAX_DEV_REQS * 64u];
    unsigned nanswered;
    int pair_status; /* given back and not seen in the used ring yet, or NONE */
    unsigned real;   /* the level at the pin */
    /* the driver's side */
    unsigned type, pending, bound, enabled, posted, want, posted_old, output;
};

struct mqueue {
    unsigned started, run, draining, stopped; /* stopped: with a record */
    int *ring;                                /* request or line of each head, in order */
    unsigned staged, published, popped, used;
    unsigned given; /* in this call */
    uint16_t used_event, avail_event;
    unsigned used_asked, avail_asked; /* packed: until then all are announced */
    unsigned signalled, kicked;       /* since the start: the first always notifies */
    int *fifo; /* used and not polled: request, or line << 1 | valid */
    unsigned fifo_in, fifo_out;
};

static struct model {
    struct mreq req[MAX_REQ];
    int nreqs;
    struct mline line[LINES];
    struct mqueue q[2];
    unsigned free, starved, active;
    unsigned drv_free, irq_free, turn, kicks, events;
    int has_irq, event_idx, packed;
} m;

static struct world {
    struct config c;
    struct twomap mem;
    struct vgpio_dev dev;
    struct vgpio_vdev face;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[MAX_DEV_REQS];
    struct vgpio_loop bus;
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[MAX_RING + MAX_NIRQ];
    struct vgpio_drvq_slot ring[2 * (MAX_RING + MAX_NIRQ)];
    uint16_t irq_map[LINES];
    struct vgpio_drvq_slot own[2][MAX_RING];
    struct vgpio_vq_setup where[2];
    uint16_t used_seen[2];
    unsigned wrapped[2];
} w;

static int rings[2][MAX_REQ], fifos[2][MAX_REQ];
static sigjmp_buf failed;
static char why[256];
static struct op script[MAX_STEPS];
static size_t step_now;

__attribute__((format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    siglongjmp(failed, 1);
}

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fail("line %d: %s", __LINE__, #cond);                                        \
        }                                                                                \
    } while (0)
/* For a ring that the test makes. */
#define RING_ROOM(q)                                                                     \
    (((size_t)VGPIO_RING_BYTES((size_t)w.c.ring[q]) + 4095) / 4096 * 4096)
#define SAME(got, want) same(__LINE__, #got, (long)(got), (long)(want))

static void same(int line, const char *what, long got, long want)
{
    if (got != want) {
        fail("line %d: %s is %ld, the model says %ld", line, what, got, want);
    }
}

/* What happened in each step, as far as lines and users of the driver can tell. */
static uint64_t happened[MAX_STEPS + 1];
static uint64_t *recording; /* where, or NULL */
static uint64_t notes;

static void note(unsigned what, unsigned a, unsigned b, long c)
{
    uint64_t h =
        ((uint64_t)what << 48) ^ ((uint64_t)a << 32) ^ ((uint64_t)b << 16) ^ (uint64_t)c;

    if (recording != NULL) {
        notes++;
        *recording = (*recording ^ h) * UINT64_C(0xff51afd7ed558ccd);
        *recording ^= *recording >> 29;
    }
}

/* Where the ring stands after so many chains: an index, or an offset with its lap. */
static uint16_t position(unsigned q, unsigned chains)
{
    unsigned size = w.drv.q[q].size, back = (uint16_t)(0u - w.c.begin[q]), at;

    if (!m.packed) {
        return (uint16_t)(w.c.begin[q] + chains);
    }
    at = 2 * size - back % (2 * size) + (w.c.seed & 1u) * size;
    at = (at + chains * (2u - ((unsigned)w.drv.indirect >> q & 1u))) % (2 * size);
    return (uint16_t)(at < size ? at | 0x8000u : at - size);
}

static int answers(unsigned q)
{
    return m.q[q].started && (m.q[q].run || m.q[q].draining);
}

static int reads(unsigned q)
{
    return m.q[q].started && m.q[q].run && !m.q[q].draining;
}

static void expect_call(unsigned line, char op, unsigned a, unsigned b, int req)
{
    struct mline *l = &m.line[line];
    struct call c = {op, a, b, req};

    MUST(l->ncalls < 8);
    l->call[l->ncalls++] = c;
}

/* --- interrupts, as the device sees them */

static void give_pair(unsigned line, int status)
{
    MUST(m.line[line].pair_status == NONE);
    m.line[line].pair_status = status;
    m.q[1].given++;
}

static void irq_run(unsigned line)
{
    struct mline *l = &m.line[line];
    unsigned active = (l->trig == VGPIO_IRQ_LEVEL_HIGH && l->level == 1) ||
                      (l->trig == VGPIO_IRQ_LEVEL_LOW && l->level == 0);

    if (!l->pair || l->pair_old || !answers(1)) {
        return;
    }
    if (l->ret) {
        l->pair = l->ret = l->unmask = 0;
        give_pair(line, VGPIO_IRQ_STATUS_INVALID);
    } else if (l->trig == VGPIO_IRQ_NONE) {
        return;
    } else if (l->latch || active) {
        l->pair = l->latch = l->unmask = 0;
        give_pair(line, VGPIO_IRQ_STATUS_VALID);
    } else if (l->unmask) {
        l->unmask = 0;
        expect_call(line, 'u', 0, 0, NONE);
    }
}

static void irq_off(unsigned line)
{
    struct mline *l = &m.line[line];

    l->latch = l->arming = l->failed = 0;
    l->trig = VGPIO_IRQ_NONE;
    l->ret = l->pair;
    irq_run(line);
}

static void irq_change(unsigned line, unsigned edges, unsigned level)
{
    struct mline *l = &m.line[line];
    unsigned type = l->arming ? l->arming : l->trig;

    l->level = level;
    if (type <= VGPIO_IRQ_EDGE_BOTH && (edges & type) != 0) {
        l->latch = 1;
    }
}

/* --- requests, as the device sees them */

static void settle(int i, int result)
{
    struct mreq *r = &m.req[i];
    struct mline *l = &m.line[r->line];
    int ok = result >= 0;

    switch (r->type) {
    case VGPIO_MSG_GET_DIRECTION:
        ok = ok && result <= VGPIO_DIR_IN;
        l->dir = ok ? (unsigned)result : l->dir;
        break;
    case VGPIO_MSG_GET_VALUE:
        ok = ok && result <= 1;
        break;
    case VGPIO_MSG_SET_VALUE:
        l->staged = ok ? r->arg : l->staged;
        result = 0;
        break;
    case VGPIO_MSG_SET_DIRECTION:
        ok = ok || r->arg == VGPIO_DIR_NONE;
        l->dir = ok ? r->arg : l->dir;
        result = 0;
        break;
    default:
        ok = ok || r->arg == VGPIO_IRQ_NONE;
        if (l->arming) {
            l->trig = ok ? r->arg : VGPIO_IRQ_NONE;
            l->unmask |= ok && l->pair;
            l->latch = ok ? l->latch : 0;
            l->failed = !ok;
            l->arming = 0;
        }
        result = 0;
        break;
    }
    r->result = ok ? result : VGPIO_ERR_IO;
    r->state = DONE;
}

/* 1: the lines are asked. 0: settled here. */
static int start_request(int i)
{
    struct mreq *r = &m.req[i];
    struct mline *l = &m.line[r->line];

    switch (r->type) {
    case VGPIO_MSG_GET_DIRECTION:
        expect_call(r->line, 'g', 0, 0, i);
        return 1;
    case VGPIO_MSG_GET_VALUE:
        expect_call(r->line, 'v', 0, 0, i);
        return 1;
    case VGPIO_MSG_SET_VALUE:
        if (l->dir != VGPIO_DIR_OUT) {
            settle(i, 0);
            return 0;
        }
        expect_call(r->line, 'V', r->arg, 0, i);
        return 1;
    case VGPIO_MSG_SET_DIRECTION:
        if (r->arg == VGPIO_DIR_OUT && (l->trig != VGPIO_IRQ_NONE || l->arming)) {
            settle(i, VGPIO_ERR_STATE);
            return 0;
        }
        if (r->arg == VGPIO_DIR_NONE) {
            irq_off(r->line);
            l->dir = VGPIO_DIR_NONE;
            l->staged = 0;
        }
        expect_call(r->line, 'G', r->arg, l->staged, i);
        return 1;
    default:
        if (r->arg == VGPIO_IRQ_NONE) {
            irq_off(r->line);
        } else if (l->dir == VGPIO_DIR_OUT) {
            settle(i, VGPIO_ERR_STATE);
            return 0;
        } else {
            l->latch = l->failed = 0;
            l->trig = VGPIO_IRQ_NONE;
            l->level = VGPIO_LEVEL_UNKNOWN;
            l->arming = r->arg;
        }
        expect_call(r->line, 'T', r->arg, 0, i);
        if (r->arg >= VGPIO_IRQ_LEVEL_HIGH) { /* the lines report it inside */
            irq_change(r->line, 0, l->real);
        }
        return 1;
    }
}

static void advance(unsigned line)
{
    struct mline *l = &m.line[line];

    irq_run(line);
    while (l->first != NONE) {
        int i = l->first;
        struct mreq *r = &m.req[i];

        if (r->old) {
            return;
        }
        if (r->state == QUEUED) {
            r->state = ACTIVE;
            if (start_request(i)) {
                m.active++;
                if (r->mode != 2) {
                    m.active--;
                    settle(i, r->outcome);
                }
            }
            irq_run(line);
        }
        if (r->state != DONE || !answers(0)) {
            return;
        }
        r->state = ANSWERED;
        MUST(l->nanswered < sizeof l->answered / sizeof l->answered[0]);
        l->answered[l->nanswered++] = i;
        m.q[0].given++;
        l->first = r->next;
        m.free++;
    }
}

static void advance_all(void)
{
    unsigned i;

    for (i = 0; i < LINES; i++) {
        advance(i);
    }
}

static void pop_request(int i)
{
    struct mreq *r = &m.req[i];
    struct mline *l = &m.line[r->line];

    m.free--;
    r->state = QUEUED;
    r->next = NONE;
    if (l->first == NONE) {
        l->first = i;
    } else {
        m.req[l->last].next = i;
    }
    l->last = i;
}

static void pop_pair(unsigned line)
{
    struct mline *l = &m.line[line];

    MUST(!l->pair); /* the driver never has two (GPIO-DRV-13) */
    if (l->trig != VGPIO_IRQ_NONE || l->failed) {
        l->pair = l->unmask = 1;
        l->pair_old = l->ret = 0;
    } else {
        give_pair(line, VGPIO_IRQ_STATUS_INVALID);
    }
}

static void pump(unsigned q)
{
    struct mqueue *mq = &m.q[q];

    for (;;) {
        advance_all();
        if (!reads(q)) {
            return;
        }
        if (q == 0 && m.free == 0) {
            m.starved = 1;
            return;
        }
        if (mq->popped == mq->published) {
            mq->avail_event = position(q, mq->popped);
            mq->avail_asked = 1;
            return;
        }
        if (q == 0) {
            pop_request(mq->ring[mq->popped++]);
        } else {
            pop_pair((unsigned)mq->ring[mq->popped++]);
        }
    }
}

static void leave(void)
{
    advance_all();
    while (m.starved && m.free != 0) {
        m.starved = 0;
        pump(0);
    }
}

/* --- the driver */

static void stage(unsigned q, int what)
{
    m.q[q].ring[m.q[q].staged++] = what;
}

static void post_wanted(unsigned line)
{
    struct mline *l = &m.line[line];

    if (l->want && l->enabled && !l->posted) {
        l->want = 0;
        l->posted = 1;
        stage(1, (int)line);
    }
}

static void drv_disable(struct mline *l)
{
    l->type = VGPIO_IRQ_NONE;
    l->want = l->enabled = 0;
    l->posted_old |= l->posted;
}

static void unbind(struct mline *l)
{
    if (l->bound && l->type == VGPIO_IRQ_NONE && l->pending == 0 && !l->posted) {
        l->bound = 0;
        m.irq_free++;
    }
}

static int may_submit(unsigned type, const struct mline *l, uint32_t arg)
{
    if (type == VGPIO_MSG_SET_DIRECTION && arg != VGPIO_DIR_IN &&
        l->type != VGPIO_IRQ_NONE) {
        return VGPIO_ERR_STATE;
    }
    if (type == VGPIO_MSG_SET_IRQ_TYPE) {
        if (!m.has_irq) {
            return VGPIO_ERR_NOTSUP;
        }
        if (arg != VGPIO_IRQ_NONE && (l->type != VGPIO_IRQ_NONE || l->output)) {
            return VGPIO_ERR_STATE;
        }
    }
    if (m.drv_free == 0) {
        return VGPIO_ERR_NOSPC;
    }
    if (type == VGPIO_MSG_SET_IRQ_TYPE && arg != VGPIO_IRQ_NONE && !l->bound &&
        m.irq_free == 0) {
        return VGPIO_ERR_NOSPC;
    }
    return 0;
}

static void submitted(int i)
{
    struct mreq *r = &m.req[i];
    struct mline *l = &m.line[r->line];

    m.drv_free--;
    stage(0, i);
    if (r->type == VGPIO_MSG_SET_DIRECTION && w.c.map) {
        l->output = r->arg == VGPIO_DIR_OUT;
    }
    if (r->type != VGPIO_MSG_SET_IRQ_TYPE || (!l->bound && r->arg == VGPIO_IRQ_NONE)) {
        return;
    }
    m.irq_free -= !l->bound;
    l->bound = r->counted = 1;
    l->pending++;
    if (r->arg == VGPIO_IRQ_NONE) {
        drv_disable(l);
    } else {
        l->type = r->arg;
    }
}

/* What the driver makes of a used element: 1 and the event, or 0. */
static int used_request(int i, struct vgpio_drv_event *ev)
{
    struct mreq *r = &m.req[i];
    struct mline *l = &m.line[r->line];

    if (r->type == VGPIO_MSG_SET_DIRECTION && r->result < 0) {
        l->output = 0;
    }
    if (r->counted && --l->pending == 0) {
        if (l->type != VGPIO_IRQ_NONE && r->result >= 0) {
            l->enabled = 1;
            post_wanted(r->line);
        } else {
            drv_disable(l);
            unbind(l);
        }
    }
    m.drv_free++;
    r->state = OVER;
    *ev = (struct vgpio_drv_event){VGPIO_DONE, r->line, r->type, r->result, r};
    return !r->cancelled;
}

static int used_pair(unsigned line, int valid, struct vgpio_drv_event *ev)
{
    struct mline *l = &m.line[line];
    int tell = !l->posted_old || (valid && l->pending != 0);

    *ev = (struct vgpio_drv_event){VGPIO_IRQ, (uint16_t)line, (uint16_t)l->type,
                                   valid ? 0 : VGPIO_ERR_IO, NULL};
    l->posted = l->posted_old = 0;
    post_wanted(line);
    unbind(l);
    return tell;
}

static int model_poll(struct vgpio_drv_event *ev)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        struct mqueue *mq = &m.q[m.turn ^= 1u];

        while (mq->fifo_out != mq->fifo_in) {
            int what = mq->fifo[mq->fifo_out++];

            if (m.turn == 0 ? used_request(what, ev)
                            : used_pair((unsigned)what >> 1, what & 1, ev)) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- the lines, as the real device finds them ------------------------------------- */

static int asked(uint16_t line, char op, unsigned a, unsigned b, vgpio_token token)
{
    struct mline *l = &m.line[line];
    struct call c;

    MUST(line < LINES);
    if (l->ncalls == 0) {
        fail("line %u is asked '%c' and the model does not know why", line, op);
    }
    c = l->call[0];
    memmove(l->call, l->call + 1, --l->ncalls * sizeof c);
    SAME(op, c.op);
    SAME(a, c.a);
    SAME(b, c.b);
    note((unsigned)op, line, a, (long)b);
    if (op == 'u') {
        return 0;
    }
    m.req[c.req].token = token;
    if (m.req[c.req].mode == 1) { /* answered inside the call */
        SAME(vgpio_dev_complete(&w.dev, token, m.req[c.req].outcome), 0);
    }
    return m.req[c.req].mode == 0 ? m.req[c.req].outcome : VGPIO_PENDING;
}

static int get_direction(void *ctx, uint16_t line, vgpio_token t)
{
    (void)ctx;
    return asked(line, 'g', 0, 0, t);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token t)
{
    (void)ctx;
    return asked(line, 'G', dir, out, t);
}

static int get_value(void *ctx, uint16_t line, vgpio_token t)
{
    (void)ctx;
    return asked(line, 'v', 0, 0, t);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token t)
{
    (void)ctx;
    return asked(line, 'V', value, 0, t);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token t)
{
    (void)ctx;
    if (type >= VGPIO_IRQ_LEVEL_HIGH) {
        (void)vgpio_dev_change(&w.dev, line, 0, m.line[line].real);
    }
    return asked(line, 'T', type, 0, t);
}

static void unmask(void *ctx, uint16_t line)
{
    (void)ctx;
    (void)asked(line, 'u', 0, 0, 0);
}

static const struct vgpio_line_ops ops = {sizeof ops, get_direction, set_direction,
                                          get_value,  set_value,     set_irq_type,
                                          unmask,     NULL};

/* ---- calls into the device, compared ---------------------------------------------- */

static uint16_t peek16(uint64_t gpa)
{
    const uint8_t *p = w.mem.driver + (gpa - TWOMAP_GPA);

    return (uint16_t)(p[0] | p[1] << 8);
}

/* One element that the device made used: what the model holds ready. */
static void used_element(unsigned q, uint16_t id)
{
    struct mqueue *mq = &m.q[q];
    uint16_t slot;

    MUST(id < w.drv.q[q].size);
    slot = w.drv.q[q].ring[id].slot;
    MUST(slot < w.c.nreq + w.c.nirq);
    if (q == 0) {
        struct mreq *r = w.slots[slot].cookie;
        struct mline *l = &m.line[r->line];

        if (l->nanswered == 0 || &m.req[l->answered[0]] != r) {
            fail("request %d is answered out of turn", (int)(r - m.req));
        }
        mq->fifo[mq->fifo_in++] = l->answered[0];
        memmove(l->answered, l->answered + 1, --l->nanswered * sizeof l->answered[0]);
    } else {
        struct mline *l = &m.line[w.slots[slot].line];

        if (l->pair_status == NONE) {
            fail("a pair of line %u comes back unexpected", w.slots[slot].line);
        }
        mq->fifo[mq->fifo_in++] = w.slots[slot].line << 1 | l->pair_status;
        l->pair_status = NONE;
    }
}

/* The next element that the device made used, if it is there: the head or id in it. */
static int used_at(unsigned q, unsigned n, uint16_t *id)
{
    const struct vgpio_vq_setup *s = &w.bus.vq[q];
    uint16_t at = position(q, n), flags;

    if (!m.packed) {
        *id = peek16(s->device + 4 + 8u * (uint64_t)(at % s->size));
        return at != peek16(s->device + 2);
    }
    *id = peek16(s->desc + 16u * (uint64_t)(at & 0x7fffu) + 12);
    flags = peek16(s->desc + 16u * (uint64_t)(at & 0x7fffu) + 14) & 0x8080u;
    return flags == (at & 0x8000u ? 0x8080u : 0) && n < m.q[q].published;
}

static unsigned compare_used(unsigned q)
{
    struct mqueue *mq = &m.q[q];
    unsigned notify = 0, n = mq->used;
    uint16_t id;

    while (used_at(q, n, &id)) {
        used_element(q, id);
        notify |= position(q, n++) == mq->used_event;
    }
    SAME(n - mq->used, mq->given);
    if (mq->given != 0) {
        notify |= !m.event_idx || !mq->signalled || (m.packed && !mq->used_asked);
        mq->signalled = 1;
        w.wrapped[q] |= m.packed ? (position(q, n) ^ position(q, mq->used)) >> 15
                                 : position(q, n) < position(q, mq->used);
    }
    mq->used += mq->given;
    mq->given = 0;
    return notify << q;
}

/* After the real call: everything that the model foresaw, and nothing else. */
static void compare(void)
{
    unsigned more = 0, events, want, i;

    while (((events = vgpio_dev_take_events(&w.dev)) & VGPIO_EV_MORE) != 0) {
        more |= events & ~VGPIO_EV_MORE;
        (void)vgpio_dev_kick(&w.dev, 0);
    }
    events |= more;
    SAME(w.face.ops->in_flight(w.face.obj), m.active);
    twomap_turn(&w.mem, TWOMAP_DRIVER);
    for (i = 0; i < LINES; i++) {
        if (m.line[i].ncalls != 0) {
            fail("line %u was not asked '%c'", i, m.line[i].call[0].op);
        }
    }
    want = compare_used(0);
    want |= m.has_irq ? compare_used(1) : 0;
    SAME(events, want);
    for (i = 0; i < LINES; i++) {
        SAME(m.line[i].nanswered, 0);
        SAME(m.line[i].pair_status, NONE);
    }
}

static void device(void)
{
    twomap_turn(&w.mem, TWOMAP_DEVICE);
}

static void do_kick(unsigned q)
{
    int more;

    pump(q);
    leave();
    device();
    do {
        more = vgpio_dev_kick(&w.dev, q);
    } while (more == 1);
    SAME(more, 0);
    compare();
}

static void do_bell(void)
{
    unsigned kicks = vgpio_loop_take_kicks(&w.bus), q;

    SAME(kicks, m.kicks);
    m.kicks = 0;
    for (q = 0; q < 2; q++) {
        if ((kicks & 1u << q) != 0 || (w.c.every_bell && (q == 0 || m.has_irq))) {
            do_kick(q);
        }
    }
}

static int pick(int state, unsigned n)
{
    int i, found = NONE;
    unsigned k = 0, total = 0;

    for (i = 0; i < m.nreqs; i++) {
        total += m.req[i].state == state;
    }
    for (i = 0; i < m.nreqs && total != 0; i++) {
        if (m.req[i].state == state && k++ == n % total) {
            found = i;
        }
    }
    return found;
}

static void do_complete(unsigned n, int result)
{
    int i = pick(ACTIVE, n);
    vgpio_token token;

    if (i == NONE) {
        return;
    }
    token = m.req[i].token;
    m.active--;
    settle(i, result);
    leave();
    device();
    SAME(vgpio_dev_complete(&w.dev, token, VGPIO_PENDING), VGPIO_ERR_INVAL);
    SAME(vgpio_dev_complete(&w.dev, token, result), 0);
    SAME(vgpio_dev_complete(&w.dev, token, result), VGPIO_ERR_STALE);
    compare();
}

/* A completion that comes when all is over, perhaps after a reset. */
static void do_again(unsigned n)
{
    int i = pick(OVER, n);

    if (i == NONE || m.req[i].mode != 2 || m.req[i].token == 0) {
        return;
    }
    leave();
    device();
    SAME(vgpio_dev_complete(&w.dev, m.req[i].token, 1), VGPIO_ERR_STALE);
    compare();
}

static void do_change(unsigned line, unsigned how)
{
    struct mline *l = &m.line[line];
    unsigned edges = 0, level = l->real;

    if (how % 4 == 3) {
        edges = VGPIO_RISING | VGPIO_FALLING; /* there and back between two reports */
    } else {
        l->real = level ^= 1u;
        edges = level ? VGPIO_RISING : VGPIO_FALLING;
    }
    if (how % 16 == 0) {
        level = VGPIO_LEVEL_UNKNOWN;
    }
    irq_change(line, edges, level);
    leave();
    device();
    SAME(vgpio_dev_change(&w.dev, (uint16_t)line, edges, level), 0);
    compare();
}

/* ---- stop, resume, disable -------------------------------------------------------- */

static void hold(unsigned q)
{
    int i;

    for (i = 0; i < m.nreqs && q == 0; i++) {
        m.req[i].old |= m.req[i].state >= QUEUED && m.req[i].state <= DONE;
    }
    for (i = 0; i < (int)LINES && q == 1; i++) {
        m.line[i].pair_old |= m.line[i].pair;
    }
}

/* What waits for the other ring cannot be answered, nor what stands behind it. */
static int drained(void)
{
    int i;

    for (i = 0; i < m.nreqs; i++) {
        const struct mreq *r = &m.req[i];

        if (r->state >= QUEUED && r->state <= DONE && !m.req[m.line[r->line].first].old) {
            return 0;
        }
    }
    return 1;
}

static void do_stop(unsigned q, unsigned how)
{
    struct mqueue *mq = &m.q[q];
    int want = 0;

    if (!mq->started) {
        return;
    }
    if (how == VGPIO_STOP_DRAIN && q == 0) {
        mq->draining = 1;
        leave();
        want = drained() ? 0 : VGPIO_PENDING;
    }
    if (want == 0) {
        /* what this stop answered is in the ring before the ring is let go of */
        mq->stopped = 1;
        mq->started = mq->run = mq->draining = 0;
        hold(q);
    }
    leave();
    device();
    SAME(w.face.ops->queue_stop(w.face.obj, q, how, &w.where[q]), want);
    compare();
    if (want == 0) {
        SAME(w.where[q].avail_pos, position(q, mq->popped));
        SAME(w.where[q].used_pos, position(q, mq->used));
    }
}

/* The ring of events goes on: the lines are told once more who waits. */
static void goes_on(void)
{
    int i;

    for (i = 0; i < (int)LINES; i++) {
        m.line[i].unmask |= m.line[i].pair;
    }
}

static void all_matched(void)
{
    int i;

    for (i = 0; i < m.nreqs; i++) {
        m.req[i].old = 0;
    }
    for (i = 0; i < (int)LINES; i++) {
        m.line[i].pair_old = 0;
    }
    goes_on();
}

/* A transport that starts a ring looks into it, and so do we. */
static void do_start(unsigned q, unsigned how)
{
    struct mqueue *mq = &m.q[q];
    struct vgpio_vq_setup s = w.where[q];

    if (mq->started || !mq->stopped) {
        return;
    }
    s.flags = VGPIO_VQ_TOLD;
    s.avail_pos = how % 2 != 0 && !m.packed ? s.used_pos : s.avail_pos;
    mq->stopped = 0;
    mq->started = mq->run = 1;
    mq->signalled = 0;
    if (!m.q[q ^ 1u].stopped) {
        all_matched();
    }
    leave();
    device();
    SAME(w.face.ops->queue_start(w.face.obj, q, &w.mem.mem, &s), 0);
    compare();
    do_kick(q);
}

static void do_run(unsigned q, int on)
{
    if (!m.q[q].started) {
        return;
    }
    if (q == 1 && on && !m.q[q].run) {
        goes_on();
    }
    m.q[q].run = (unsigned)on;
    leave();
    device();
    SAME(w.face.ops->queue_run(w.face.obj, q, on), 0);
    compare();
    if (on) {
        do_kick(q);
    }
}

/* ---- the driver's calls ----------------------------------------------------------- */

/* How many chains of two the driver keeps in flight in a ring. */
static unsigned usable(unsigned n, unsigned max, unsigned flag, int when)
{
    unsigned size = 2 * n, ndesc;
    int indirect = (w.c.features & VGPIO_F_INDIRECT) != 0;

    while (size > max) {
        size /= 2;
    }
    indirect &= ((w.c.flags & flag) != 0) == when || size < 2;
    for (ndesc = indirect ? 1 : 2; n * ndesc > size;) {
        n /= 2;
    }
    return n;
}

static unsigned request_slots(void)
{
    return usable(w.c.nreq, w.c.size, VGPIO_DRV_INDIRECT_REQUESTQ, 1);
}

static void do_submit(const struct op *op)
{
    static const uint32_t triggers[] = {0, 0, 1, 2, 3, 3, 4, 8};
    struct mreq *r = &m.req[m.nreqs];
    unsigned outcome = op->c >> 8 & 15u;
    int want;

    MUST(m.nreqs < (int)MAX_REQ);
    memset(r, 0, sizeof *r);
    r->type = (uint8_t)(VGPIO_MSG_GET_DIRECTION + op->a % 5u);
    r->line = op->a / 5u % LINES;
    if (r->type == VGPIO_MSG_SET_VALUE) {
        r->arg = op->b & 1u;
    } else if (r->type == VGPIO_MSG_SET_DIRECTION) {
        r->arg = op->b % 3u;
    } else if (r->type == VGPIO_MSG_SET_IRQ_TYPE) {
        r->arg = triggers[op->b % 8u];
    }
    r->mode = (uint8_t)(op->c % 8u < 4 ? 2 : op->c & 1u);
    r->outcome = outcome < 13 ? (int)(outcome & 1u) : outcome == 13 ? 2 : VGPIO_ERR_IO;
    want = may_submit(r->type, &m.line[r->line], r->arg);
    note(r->type, r->line, r->arg, want);
    SAME(vgpio_drv_submit(&w.drv, r->type, r->line, r->arg, r), want);
    if (want == 0) {
        submitted(m.nreqs++);
    }
}

static void do_unmask(unsigned line)
{
    struct mline *l = &m.line[line];
    int want = 0;

    if (!m.has_irq) {
        want = VGPIO_ERR_NOTSUP;
    } else if (!l->bound || l->type == VGPIO_IRQ_NONE) {
        want = VGPIO_ERR_STATE;
    } else if (!l->posted || l->posted_old) {
        l->want = 1;
        post_wanted(line);
    }
    note('u', line, 0, want);
    SAME(vgpio_drv_unmask(&w.drv, (uint16_t)line), want);
}

static void do_flush(void)
{
    unsigned q, i;

    for (q = 0; q < 2; q++) {
        struct mqueue *mq = &m.q[q];
        unsigned kick = !m.event_idx || !mq->kicked || (m.packed && !mq->avail_asked);

        if (mq->staged == mq->published) {
            continue;
        }
        for (i = mq->published; i < mq->staged; i++) {
            kick |= position(q, i) == mq->avail_event;
        }
        mq->kicked = 1;
        mq->published = mq->staged;
        m.kicks |= kick << q;
    }
    SAME(vgpio_drv_flush(&w.drv), 0);
    SAME(w.bus.kicks, m.kicks);
}

static int do_poll(void)
{
    struct vgpio_drv_event got, want;
    int n = model_poll(&want);

    SAME(vgpio_drv_poll(&w.drv, &got), n);
    if (n == 1) {
        SAME(got.kind, want.kind);
        SAME(got.line, want.line);
        SAME(got.type, want.type);
        SAME(got.result, want.result);
        MUST(got.cookie == want.cookie);
        note(got.kind, got.line, got.type, got.result);
    }
    return n;
}

static void do_sleep(void)
{
    int more = 0;
    unsigned q;

    for (q = 0; q < (m.has_irq ? 2u : 1u) && !more; q++) {
        struct mqueue *mq = &m.q[q];

        mq->used_event = position(q, mq->fifo_out);
        mq->used_asked = 1;
        more = mq->fifo_out != mq->fifo_in;
    }
    note('s', 0, 0, more);
    SAME(vgpio_drv_rearm(&w.drv), more);
}

static void do_cancel(unsigned n)
{
    struct mreq *r;
    int want;

    if (m.nreqs == 0) {
        return;
    }
    r = &m.req[(unsigned)m.nreqs - 1u - n % (unsigned)m.nreqs];
    want = r->state == OVER || r->cancelled ? VGPIO_ERR_STALE : 0;
    r->cancelled = 1;
    SAME(vgpio_drv_cancel(&w.drv, r), want);
}

/* ---- bring-up and reset ----------------------------------------------------------- */

/* Rings that have been running for a while: positions shortly before 2^16. */
static void wind(unsigned q)
{
    struct vgpio_vq_setup s = w.bus.vq[q];
    struct vgpio_drvq *d = &w.drv.q[q];
    uint8_t *p = w.mem.driver;
    uint16_t at, i;

    SAME(w.face.ops->queue_stop(w.face.obj, q, VGPIO_STOP_RESET, NULL), 0);
    if (w.c.ring[q] != 0) {
        s.size = w.c.ring[q];
        s.desc = TWOMAP_GPA + w.mem.size - RING_ROOM(0) - q * RING_ROOM(1);
        SAME(vgpio_drvq_init(d, p + (s.desc - TWOMAP_GPA), w.own[q], &s), 0);
        w.bus.vq[q] = s;
    }
    at = position(q, 0);
    d->next_avail = d->published = d->last_used = at;
    if (m.packed) {
        /* All that is behind was used, in this lap or in the one before. */
        for (i = 0; i < s.size; i++) {
            unsigned lap = (i < (at & 0x7fffu) ? at : ~(unsigned)at) >> 15 & 1u;
            uint8_t *flags = p + (s.desc - TWOMAP_GPA) + 16u * (size_t)i + 14;

            flags[0] = flags[1] = lap != 0 ? 0x80 : 0;
        }
    } else {
        d->u.used_seen = at;
        p[s.driver - TWOMAP_GPA + 2] = p[s.device - TWOMAP_GPA + 2] = (uint8_t)at;
        p[s.driver - TWOMAP_GPA + 3] = p[s.device - TWOMAP_GPA + 3] = (uint8_t)(at >> 8);
    }
    s.flags = VGPIO_VQ_TOLD;
    s.avail_pos = s.used_pos = at;
    SAME(w.face.ops->queue_start(w.face.obj, q, &w.mem.mem, &s), 0);
}

static void begin(void)
{
    unsigned q, i;
    int k;

    for (k = 0; k < m.nreqs; k++) {
        m.req[k].state = OVER;
    }
    memset(m.line, 0, sizeof m.line);
    for (i = 0; i < LINES; i++) {
        m.line[i].first = NONE;
        m.line[i].pair_status = NONE;
        m.line[i].level = VGPIO_LEVEL_UNKNOWN;
    }
    m.has_irq = (w.c.features & VGPIO_F_IRQ) != 0 && w.c.nirq != 0;
    m.event_idx = (w.c.features & VGPIO_F_EVENT_IDX) != 0;
    m.packed = (w.c.features & VGPIO_F_PACKED) != 0;
    m.free = w.c.nreqs;
    m.starved = m.active = m.kicks = 0;
    m.drv_free = request_slots();
    m.irq_free =
        m.has_irq ? usable(w.c.nirq, w.c.event_max, VGPIO_DRV_DIRECT_EVENTQ, 0) : 0;
    m.turn = w.drv.turn;
    for (q = 0; q < 2; q++) {
        memset(&m.q[q], 0, sizeof m.q[q]);
        m.q[q].ring = rings[q];
        m.q[q].fifo = fifos[q];
        m.q[q].started = m.q[q].run = q == 0 || m.has_irq;
    }
    twomap_turn(&w.mem, TWOMAP_BOTH);
    SAME(vgpio_drv_start(&w.drv), 0);
    for (q = 0; q < (m.has_irq ? 2u : 1u); q++) {
        wind(q);
    }
    (void)vgpio_dev_take_events(&w.dev);
    twomap_turn(&w.mem, TWOMAP_DRIVER);
}

static void do_reset(void)
{
    struct vgpio_drv_event ev;
    int i, left = 0;

    for (i = 0; i < m.nreqs; i++) {
        left += m.req[i].state != OVER && !m.req[i].cancelled;
    }
    twomap_turn(&w.mem, TWOMAP_BOTH);
    SAME(vgpio_drv_stop(&w.drv), 0);
    while (vgpio_drv_poll(&w.drv, &ev) == 1) {
        struct mreq *r = ev.cookie;

        SAME(ev.kind, VGPIO_DONE);
        SAME(ev.result, VGPIO_ERR_STALE);
        MUST(r->state != OVER && !r->cancelled);
        r->state = OVER;
        left--;
    }
    SAME(left, 0);
    begin();
}

static void setup(void)
{
    struct vgpio_dev_config dc;
    struct vgpio_drv_config rc;

    memset(&dc, 0, sizeof dc);
    dc.ops = &ops;
    dc.lines = w.lines;
    dc.ngpio = LINES;
    dc.reqs = w.reqs;
    dc.nreqs = w.c.nreqs;
    dc.queue_max[0] = w.c.size;
    dc.queue_max[1] = w.c.event_max;
    dc.features = w.c.features;
    SAME(vgpio_dev_init(&w.dev, &dc), 0);
    w.face = vgpio_dev_vdev(&w.dev);
    SAME(vgpio_loop_init(&w.bus, w.face, &w.mem.mem), 0);
    memset(&rc, 0, sizeof rc);
    rc.bus = &vgpio_loop_bus_ops;
    rc.bus_ctx = &w.bus;
    rc.dma = w.mem.driver;
    rc.dma_addr = TWOMAP_GPA;
    rc.dma_size = (uint32_t)w.mem.size;
    rc.slots = w.slots;
    rc.ring = w.ring;
    rc.nreq = w.c.nreq;
    rc.nirq = w.c.nirq;
    rc.flags = w.c.flags;
    rc.irq_map = w.c.map ? w.irq_map : NULL;
    rc.irq_map_len = w.c.map ? LINES : 0;
    SAME(vgpio_drv_init(&w.drv, &rc), 0);
    m.nreqs = 0;
    memset(w.wrapped, 0, sizeof w.wrapped);
    begin();
}

/* Makes the next entry of a ring one that cannot be. */
static void spoil(unsigned q)
{
    const struct vgpio_vq_setup *s = &w.bus.vq[q];
    uint8_t *p = w.mem.driver;
    uint16_t at = position(q, m.q[q].popped);

    if (m.packed) { /* names a table of no length */
        p += s->desc - TWOMAP_GPA + 16u * (size_t)(at & 0x7fffu);
        memset(p + 8, 0, 4);
        p[14] = (at & 0x8000u) != 0 ? 0x84 : 0x04;
        p[15] = (at & 0x8000u) != 0 ? 0x00 : 0x80;
    } else { /* more than the ring holds */
        p += s->driver - TWOMAP_GPA + 2;
        at = (uint16_t)(at + s->size + 1u);
        p[0] = (uint8_t)at;
        p[1] = (uint8_t)(at >> 8);
    }
}

/* A broken ring is told of once, freezes the device, and goes with a reset. */
static void do_break(unsigned q)
{
    static uint8_t before[1u << 16];
    size_t n = w.mem.size < sizeof before ? w.mem.size : sizeof before;

    do_bell();
    do_kick(q);
    if (!reads(q) || (q == 0 && m.free == 0) || m.q[q].popped != m.q[q].published ||
        m.q[q].staged != m.q[q].published) {
        return;
    }
    spoil(q);
    device();
    SAME(vgpio_dev_kick(&w.dev, q), VGPIO_ERR_PROTO);
    SAME(vgpio_dev_take_events(&w.dev), VGPIO_EV_NEEDS_RESET);
    memcpy(before, w.mem.device, n);
    MUST(vgpio_dev_kick(&w.dev, q) < 0);
    SAME(vgpio_dev_kick(&w.dev, q ^ 1u), 0); /* frozen */
    (void)vgpio_dev_change(&w.dev, 0, VGPIO_RISING | VGPIO_FALLING, 1);
    SAME(vgpio_dev_take_events(&w.dev), 0);
    MUST(memcmp(before, w.mem.device, n) == 0);
    do_reset();
}

/* ---- one run ---------------------------------------------------------------------- */

static void do_op(const struct op *op)
{
    unsigned q = m.has_irq ? op->a & 1u : 0, i;

    switch (op->kind) {
    case SUBMIT:
        do_submit(op);
        break;
    case UNMASK:
        do_unmask(op->a % LINES);
        break;
    case FLUSH:
        do_flush();
        break;
    case POLL:
        for (i = 0; i <= op->a % 4u && do_poll(); i++) {
        }
        break;
    case SLEEP:
        do_sleep();
        break;
    case CANCEL:
        do_cancel(op->a % 16u);
        break;
    case BELL:
        do_bell();
        break;
    case KICK:
        do_kick(q);
        break;
    case COMPLETE:
        do_complete(op->a, op->b % 8u < 6 ? (int)(op->b & 1u) : VGPIO_ERR_IO);
        break;
    case AGAIN:
        do_again(op->a);
        break;
    case CHANGE:
        do_change(op->a % LINES, op->b);
        break;
    case STOP:
        do_stop(q, op->b % 3u == 0 ? VGPIO_STOP_DRAIN : VGPIO_STOP_NOW);
        break;
    case START:
        do_start(q, op->b);
        break;
    case RUN:
        do_run(q, op->b & 1);
        break;
    case BREAK:
        do_break(q);
        break;
    default:
        do_reset();
        break;
    }
}

/* Only what was owed is done: a doorbell or an interrupt that was lost leaves work. */
static void come_to_rest(void)
{
    unsigned q, i, rounds = 0;
    int progress = 1;

    for (q = 0; q < (m.has_irq ? 2u : 1u); q++) {
        while (m.q[q].draining) {
            MUST(rounds++ < MAX_REQ);
            do_complete(0, 1);
            do_stop(q, VGPIO_STOP_DRAIN);
        }
    }
    for (q = 0; q < (m.has_irq ? 2u : 1u); q++) {
        do_start(q, 0);
        do_run(q, 1);
    }
    while (progress) {
        MUST(rounds++ < MAX_REQ);
        progress = do_poll();
        for (q = 0; q < 2 && w.c.every_bell; q++) {
            progress |= m.q[q].staged != m.q[q].published;
        }
        do_flush();
        progress |= m.kicks != 0 || m.active != 0;
        do_bell();
        do_complete(0, 1);
    }
    for (i = 0; i < (unsigned)m.nreqs; i++) {
        if (m.req[i].state != OVER) {
            fail("request %u never came to an end", i);
        }
    }
    SAME(m.drv_free, request_slots());
}

static void must_submit(unsigned type, unsigned line, unsigned arg)
{
    struct op op = {SUBMIT, 0, (uint16_t)arg, 5}; /* the lines answer inside: 0 */

    op.a = (uint16_t)(type - VGPIO_MSG_GET_DIRECTION + 5u * line);
    do_submit(&op);
    come_to_rest();
}

/* Each index passes 2^16 in every run. */
static void wrap(void)
{
    unsigned line = 0, rounds = 0;

    while (!w.wrapped[0]) {
        must_submit(VGPIO_MSG_GET_VALUE, 0, 0);
    }
    if (!m.has_irq) {
        return;
    }
    while (m.irq_free == 0 && !m.line[line].bound) {
        line++; /* all slots are taken: by one of these */
    }
    must_submit(VGPIO_MSG_SET_IRQ_TYPE, line, 0);
    must_submit(VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN);
    must_submit(VGPIO_MSG_SET_IRQ_TYPE, line, 4); /* both edges */
    while (!w.wrapped[1]) {
        MUST(rounds++ < 16);
        do_unmask(line);
        come_to_rest();
        do_change(line, 1);
        come_to_rest();
    }
}

static void crashed(int sig)
{
    (void)sig;
    snprintf(why, sizeof why, "segmentation fault: somebody used the other side's view");
    siglongjmp(failed, 1);
}

/* 1 if the first n operations of the script go as the model says. */
static int run(size_t n)
{
    twomap_open(&w.mem, VGPIO_DMA_SIZE((size_t)w.c.nreq, (size_t)w.c.nirq) +
                            RING_ROOM(0) + RING_ROOM(1));
    recording = NULL;
    if (sigsetjmp(failed, 1) != 0) {
        twomap_close(&w.mem);
        return 0;
    }
    setup();
    memset(happened, 0, sizeof happened);
    for (step_now = 0; step_now < n; step_now++) {
        recording = &happened[step_now];
        do_op(&script[step_now]);
    }
    recording = &happened[n];
    come_to_rest();
    recording = NULL;
    wrap();
    twomap_close(&w.mem);
    return 1;
}

/* ---- seeds, scripts, shrinking ---------------------------------------------------- */

static uint32_t draw(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state >> 3;
}

/* Packed rings may be of any size. The driver makes powers of two, so they take the place
 * of smaller ones that it made. */
static void odd_rings(struct config *c, uint16_t size)
{
    uint16_t power = 1;

    while (power <= size / 2) {
        power = (uint16_t)(power * 2);
    }
    c->features |= VGPIO_F_PACKED;
    c->nreq = power / 2;
    c->nirq = 4;
    c->event_max = 16;
    c->size = (uint16_t)(power * 2);
    c->ring[0] = size;
    c->ring[1] = 11;
}

static void make(uint32_t seed, size_t steps, uint16_t size)
{
    uint32_t s = seed * 2654435761u + 97u;
    struct config *c = &w.c;
    size_t i;

    s += s == 0;
    memset(c, 0, sizeof *c);
    for (i = 0; i < 8; i++) {
        (void)draw(&s);
    }
    c->seed = seed;
    c->size = size;
    c->features = VGPIO_F_VERSION_1;
    c->features |= draw(&s) % 8 != 0 ? VGPIO_F_IRQ : 0;
    c->features |= draw(&s) % 2 != 0 ? VGPIO_F_EVENT_IDX : 0;
    c->features |= draw(&s) % 2 != 0 ? VGPIO_F_INDIRECT : 0;
    c->features |= size == 1 ? VGPIO_F_INDIRECT : 0;
    c->features |= draw(&s) % 2 != 0 ? VGPIO_F_PACKED : 0;
    c->flags = draw(&s) % 4u;
    c->map = draw(&s) % 2 != 0;
    c->nreq = (uint16_t)(size / 2u >> draw(&s) % 2u);
    c->nreq = c->nreq == 0 ? 1 : c->nreq;
    if ((c->features & VGPIO_F_INDIRECT) != 0 && size <= 16384 && draw(&s) % 4 == 0) {
        c->nreq = size; /* twice as many as fit without */
    }
    c->event_max = size;
    c->nirq = (uint16_t)(1u << draw(&s) % 5u);
    c->nreqs = (uint16_t)(1 + draw(&s) % MAX_DEV_REQS);
    c->begin[0] = (uint16_t)(0u - 1u - draw(&s) % 24u);
    c->begin[1] = (uint16_t)(0u - 1u - draw(&s) % 4u);
    if ((size & (size - 1u)) != 0) {
        odd_rings(c, size);
    }
    for (i = 0; i < steps; i++) {
        unsigned n = draw(&s) % 100u, kind = 0;

        while (n >= weight[kind]) {
            n -= weight[kind++];
        }
        script[i].kind = (uint8_t)kind;
        script[i].a = (uint16_t)draw(&s);
        script[i].b = (uint16_t)draw(&s);
        script[i].c = (uint16_t)draw(&s);
    }
}

/* Leaves out ever shorter pieces, as long as it still fails. */
static size_t shrink(size_t n)
{
    static struct op kept[MAX_STEPS];
    size_t piece, at;

    for (piece = n / 2 + 1; piece != 0; piece /= 2) {
        for (at = 0; at + piece <= n;) {
            memcpy(kept, script, sizeof kept);
            memmove(script + at, script + at + piece,
                    (n - at - piece) * sizeof script[0]);
            if (run(n - piece)) {
                memcpy(script, kept, sizeof kept);
                at += piece;
            } else {
                n -= piece;
            }
        }
    }
    return n;
}

static int report(size_t steps)
{
    size_t i, n = step_now < steps ? step_now + 1 : steps;

    printf("seed %u, %zu steps, ring size %u: step %zu: %s\n", (unsigned)w.c.seed, steps,
           w.c.size, step_now, why);
    n = shrink(n);
    (void)run(n);
    printf("shrunk to %zu steps: %s\n", n, why);
    printf("nreq %u nirq %u device requests %u features %llx flags %u map %d\n", w.c.nreq,
           w.c.nirq, w.c.nreqs, (unsigned long long)w.c.features, (unsigned)w.c.flags,
           w.c.map);
    for (i = 0; i < n; i++) {
        printf("  %s %u %u %u\n", kind_name[script[i].kind], script[i].a, script[i].b,
               script[i].c);
    }
    return 1;
}

static int seed_fails(uint32_t seed, size_t steps, uint16_t size)
{
    make(seed, steps, size);
    return run(steps) ? 0 : report(steps);
}

/* ---- the same on each layout ------------------------------------------------------ */

/* Sets up variant `v` of a seed: bit 0 packed, 1 EVENT_IDX, 2 indirect. 0: none such. */
static int vary(const struct config *first, unsigned v, uint16_t size)
{
    uint16_t power = 1;
    struct config *c = &w.c;

    while (power <= size / 2) {
        power = (uint16_t)(power * 2);
    }
    *c = *first;
    c->every_bell = 1;
    c->ring[0] = c->ring[1] = 0;
    c->nirq = 4;
    c->event_max = 16;
    c->nreq = power == 1 ? 1 : power / 2;
    c->size = power;
    c->features &= ~(VGPIO_F_PACKED | VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT);
    if (v & 1u) {
        c->features |= VGPIO_F_PACKED;
        if (power != size) {
            odd_rings(c, size);
        }
    }
    c->features |= (v & 2u) != 0 ? VGPIO_F_EVENT_IDX : 0;
    c->features |= (v & 4u) != 0 ? VGPIO_F_INDIRECT : 0;
    c->flags = (v & 4u) != 0 ? VGPIO_DRV_INDIRECT_REQUESTQ : 0;
    return power != 1 || (v & 4u) != 0;
}

static int layouts_differ(uint32_t seed, size_t steps, uint16_t size)
{
    static uint64_t want[MAX_STEPS + 1];
    struct config first;
    unsigned v, ran = 0;
    size_t i;

    make(seed, steps, size);
    first = w.c;
    for (v = 0; v < 8; v++) {
        if (!vary(&first, v, size)) {
            continue;
        }
        if (!run(steps)) {
            return report(steps);
        }
        if (ran++ == 0) {
            memcpy(want, happened, sizeof want);
        }
        for (i = 0; i <= steps; i++) {
            if (happened[i] != want[i]) {
                printf(
                    "seed %u, %zu steps, ring size %u: %s, %s, %s: step %zu (%s) is not "
                    "as in the first variant\n",
                    (unsigned)seed, steps, size, (v & 1u) ? "packed" : "split",
                    (v & 2u) ? "EVENT_IDX" : "flags", (v & 4u) ? "indirect" : "direct", i,
                    i < steps ? kind_name[script[i].kind] : "rest");
                return 1;
            }
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const uint16_t sizes[] = {2, 4, 8, 8, 16, 64, 256, 1024, 32768, 3, 7, 255, 1};
    static const uint16_t both[] = {1, 2, 3, 4, 7, 8, 255, 256, 32768};
    struct sigaction sa;
    unsigned long seed, n, steps = 600, size = 0;
    int bad = 0, layouts = argc > 1 && strcmp(argv[1], "--layouts") == 0;

    argc -= layouts;
    argv += layouts;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = crashed;
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    n = argc > 1 ? 1 : layouts ? 450 : 1500;
    steps = argc > 2 ? strtoul(argv[2], NULL, 0) : steps;
    size = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
    if (steps > MAX_STEPS || size > MAX_RING) {
        fprintf(stderr, "at most %u steps and a ring of %u\n", MAX_STEPS, MAX_RING);
        return 2;
    }
    for (; n-- != 0 && !bad; seed++) {
        uint16_t s = (uint16_t)size;

        if (layouts) {
            s = s != 0 ? s : both[seed % (sizeof both / sizeof *both)];
            bad = layouts_differ((uint32_t)seed, steps, s);
        } else {
            s = s != 0 ? s : sizes[seed % (sizeof sizes / sizeof *sizes)];
            bad = seed_fails((uint32_t)seed, steps, s);
        }
    }
    if (bad) {
        puts("FAILED");
    } else if (layouts) {
        printf("the same on each layout, %llu things that happened\n",
               (unsigned long long)notes);
    } else {
        puts("every answer and every interrupt as foreseen");
    }
    return bad;
}
