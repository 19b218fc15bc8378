/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#include "devq.h"
#include "sides.h"

#undef memcpy /* the port's are for the library */
#undef memset

#define GPA 0x40000000u /* of the arena */
#define RING_BYTES 512u
#define CELL_BYTES 64u

/* What a buffer consists of. */
struct cell {
    uint32_t request[2]; /* serial number, and its complement */
    uint32_t answer;
    uint32_t unused;
    uint64_t table[4];
};

struct driver {
    struct vgpio_drvq q;
    struct vgpio_drvq_slot slots[SIDES_SIZE_MAX];
    uint8_t step;
    uint8_t serial[SIDES_SIZE_MAX]; /* in flight in that cell, or 0 */
    uint8_t next;                   /* serial number */
    uint8_t got;                    /* one bit a serial number */
    uint8_t told, filled;           /* likewise: with a length, and without */
    uint8_t empty;                  /* get() found nothing */
    uint8_t armed;                  /* and rearm() neither */
    uint8_t looked;                 /* in order: rearm() found something */
    uint8_t user;                   /* woken to submit */
    uint8_t resets;
    struct mutant_memory mutant; /* last */
};

struct held {
    union {
        uint64_t answer;
        struct vgpio_taken taken;
    } at;
    struct vgpio_head head;
    uint8_t serial;
};

struct device {
    struct vgpio_devq q;
    struct held held[SIDES_SIZE_MAX];
    uint8_t step;
    uint8_t nheld, taken;
    uint8_t empty, armed;
    uint8_t settled; /* and there was more, to be taken first */
    uint8_t starved; /* sleeps without asking for kicks, for it can take no more */
    uint8_t backend; /* woken because an answer is ready */
    uint8_t restarts, resets, down;
    uint8_t left_out; /* of used elements: one bit a serial number */
    struct mutant_memory mutant;
};

static struct sides_config cfg;
static struct vgpio_vq_setup ring; /* as at the beginning */
static uint64_t published, notified;
static struct driver drv;
static struct device dev;

static struct vgpio_mem_region region = {GPA, MODEL_ARENA, model_arena};
static struct vgpio_mem_table table = {&region, 1};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};

static const char *const step_name[] = {"chooses", "stage",  "publish", "take",
                                        "rearm",   "settle", "sleep",   "suppress",
                                        "restart", "reset",  "wait",    "control"};

static struct cell *cell(unsigned i)
{
    return (struct cell *)(void *)(model_arena + RING_BYTES + CELL_BYTES * (size_t)i);
}

/* The registers of a transport: resets that the driver asked for, and made the ring for
 * (so two for each); and those that the device did. */
static uint32_t *control(unsigned side)
{
    return (uint32_t *)(void *)(model_arena + MODEL_ARENA - 16 + 4 * (size_t)side);
}

static uint64_t gpa(const void *p)
{
    return GPA + (uint64_t)((const uint8_t *)p - model_arena);
}

static unsigned answer_len(void)
{
    return cfg.fast ? 2u : 4u;
}

static uint32_t answer_to(unsigned serial)
{
    return (cfg.fast ? 0xa500u : 0xa5000000u) + serial;
}

static void begin_step(enum step step)
{
    model_label(step_name[step]);
    mutant_step(step);
}

/* Which of the steps that make sense now. */
static uint8_t choose(const uint8_t *steps, unsigned n)
{
    return steps[model_choose(n)];
}

static uint16_t next_position(uint16_t at)
{
    if (!cfg.packed) {
        return (uint16_t)(at + 1u);
    }
    return (at & 0x7fffu) + 1u < cfg.size ? (uint16_t)(at + 1u)
                                          : (uint16_t)(~at & 0x8000u);
}

/* Does the peer say in that word that it need not be told? */
static int declined(int32_t word)
{
    return cfg.packed ? (word >> 16 & 3) == 1 : (word & 1) != 0;
}

/* The rule, not as a subtraction: is the entry waited for among old .. now - 1? */
static void check_rule(int first, uint16_t now, uint16_t old, int notify)
{
    int32_t wanted = mutant_wanted();
    int must = first;

    if (notify < 0) {
        model_fail("publish: error %d", notify);
    }
    published++;
    notified += notify != 0;
    if (cfg.no_rule) {
        return;
    }
    if (!first && wanted < 0) {
        model_fail("publish: did not look what the peer waits for");
    }
    if (!cfg.event_idx) {
        must = !declined(wanted);
    } else if (cfg.packed && wanted >> 16 != 2) {
        must = 1; /* no entry was asked for yet: all are wanted */
    } else {
        for (; old != now; old = next_position(old)) {
            must |= old == (uint16_t)wanted;
        }
    }
    if (notify != must) {
        model_fail(must ? "rule: a notification was due and not sent"
                        : "rule: a notification was sent that is not due");
    }
}

uint64_t sides_published(void)
{
    return published;
}

uint64_t sides_notified(void)
{
    return notified;
}

/* ---- driver ---- */

static int can_add(void)
{
    unsigned need = cfg.indirect ? 1u : 2u;

    return drv.next <= cfg.buffers && drv.q.nfree >= need;
}

static void driver_top(void)
{
    uint8_t steps[6];
    unsigned n = 0;
    int staged = drv.q.published != drv.q.next_avail;

    if (drv.resets < cfg.reset) {
        steps[n++] = S_RESET;
    }

    if (drv.user || (can_add() && (!drv.armed || staged))) {
        steps[n++] = S_STAGE;
    }
    if (staged && !drv.user) {
        steps[n++] = S_PUBLISH;
    }
    if (!drv.armed) {
        steps[n++] = drv.empty ? S_REARM : S_TAKE;
        if (cfg.order && !drv.empty && !drv.looked) {
            steps[n++] = S_REARM; /* in the middle of a batch */
        }
    } else if (!staged && !drv.user) {
        steps[n++] = S_SLEEP;
    }
    drv.step = choose(steps, n);
}

static void driver_stage(void)
{
    struct vgpio_seg seg[2];
    struct cell *c;
    uint16_t i = 0;
    int err;

    while (drv.serial[i] != 0) {
        i++;
    }
    c = cell(i);
    mutant_store(&c->request[0], 4, drv.next, 0);
    mutant_store(&c->request[1], 4, ~(uint32_t)drv.next, 0);
    seg[0].addr = gpa(c->request);
    seg[0].len = sizeof c->request;
    seg[1].addr = gpa(&c->answer);
    seg[1].len = answer_len();
    err = cfg.indirect
              ? vgpio_drvq_add_indirect(&drv.q, c->table, gpa(c->table), seg, 1, 1, i)
              : vgpio_drvq_add(&drv.q, seg, 1, 1, i);
    if (err != VGPIO_OK) {
        model_fail("add: error %d", err);
    }
    drv.serial[i] = drv.next++;
    drv.user = 0;
    drv.step = S_TOP;
}

static void driver_publish(void)
{
    uint16_t old = (uint16_t)drv.q.published, now = (uint16_t)drv.q.next_avail;
    int first = cfg.event_idx && !(drv.q.flags & VQ_SIGNALLED);
    int kick = vgpio_drvq_publish(&drv.q, NULL);

    mutant_step_over();
    check_rule(first, now, old, kick);
    if (kick) {
        model_raise();
    }
    drv.step = S_TOP;
}

/* Of those that a batch leaves out the driver knows no length. */
static int right_length(unsigned serial, uint32_t written)
{
    if (cfg.order < 2) {
        return written == answer_len();
    }
    if (written == VGPIO_WRITTEN_ALL) {
        drv.filled = (uint8_t)(drv.filled | 1u << serial);
    } else {
        drv.told = (uint8_t)(drv.told | 1u << serial);
    }
    return written == VGPIO_WRITTEN_ALL || written == answer_len();
}

static void driver_take(void)
{
    uint32_t written = 0, answer;
    uint16_t i = 0;
    int got = vgpio_drvq_get(&drv.q, &i, &written);

    drv.step = S_TOP;
    drv.looked = 0;
    if (got < 0) {
        model_fail("get: error %d", got);
    }
    if (got == 0) {
        drv.empty = 1;
        return;
    }
    if (i >= SIDES_SIZE_MAX || drv.serial[i] == 0) {
        model_fail("get: buffer %u is not in flight", i);
    }
    answer = (uint32_t)mutant_load(&cell(i)->answer, answer_len(), 0);
    if (!right_length(drv.serial[i], written) || answer != answer_to(drv.serial[i])) {
        model_fail("get: answer 0x%x (%u bytes) to buffer %u", (unsigned)answer,
                   (unsigned)written, drv.serial[i]);
    }
    if (cfg.order && drv.got != (1u << drv.serial[i]) - 2u) {
        model_fail("get: buffer %u is not the next one", drv.serial[i]);
    }
    drv.got = (uint8_t)(drv.got | 1u << drv.serial[i]);
    drv.serial[i] = 0;
}

/* Without EVENT_IDX: wants to be told, or not. The device's side says the first by
 * itself. */
static void driver_wish(unsigned decline)
{
    if (cfg.packed) {
        mutant_store(drv.q.driver, 4, (uint64_t)decline << 16, 0);
    } else {
        mutant_store(drv.q.driver + AVAIL_FLAGS, 2, decline, 0);
    }
}

static void driver_rearm(void)
{
    unsigned batch = drv.q.batch;
    int more;

    if (!cfg.event_idx) {
        driver_wish(0);
    }
    if (mutant_is(M_BATCH_MUTE)) {
        drv.q.batch = UINT16_MAX;
    }
    more = vgpio_drvq_rearm(&drv.q);
    drv.q.batch = batch;
    mutant_step_over();
    if (more < 0) {
        model_fail("rearm: error %d", more);
    }
    drv.empty = more == 0;
    drv.armed = more == 0;
    drv.looked = more && cfg.order;
    drv.step = more && !cfg.event_idx ? S_SUPPRESS : S_TOP;
}

static void driver_sleep(void)
{
    drv.step = S_TOP;
    if (model_sleep(can_add()) != 0) {
        drv.user = 1;
        return;
    }
    drv.armed = drv.empty = 0;
    if (!cfg.event_idx) {
        drv.step = S_SUPPRESS;
    }
}

static void driver_reset(void)
{
    drv.resets++;
    model_store(control(DRIVER), 4, 2u * drv.resets - 1u, 1);
    model_raise();
    drv.step = S_WAIT;
}

/* What was in flight comes back unanswered; that counts as an answer here. */
static void driver_wait(void)
{
    unsigned iter = 0;
    uint16_t i;

    if (model_load(control(DEVICE), 4, 1) != drv.resets) {
        (void)model_sleep(0);
        return;
    }
    while (vgpio_drvq_drain(&drv.q, &iter, &i)) {
        if (i >= SIDES_SIZE_MAX || drv.serial[i] == 0) {
            model_fail("drain: buffer %u is not in flight", i);
        }
        drv.got = (uint8_t)(drv.got | 1u << drv.serial[i]);
        drv.serial[i] = 0;
    }
    if (vgpio_drvq_init(&drv.q, model_arena, drv.slots, &ring) != VGPIO_OK) {
        model_fail("init: error");
    }
    drv.armed = drv.empty = drv.looked = 0;
    model_store(control(DRIVER), 4, 2u * drv.resets, 1);
    model_raise();
    drv.step = cfg.event_idx ? S_TOP : S_SUPPRESS;
}

static void driver_step(void)
{
    begin_step(drv.step);
    switch ((enum step)drv.step) {
    case S_TOP:
        driver_top();
        break;
    case S_STAGE:
        driver_stage();
        break;
    case S_PUBLISH:
        driver_publish();
        break;
    case S_TAKE:
        driver_take();
        break;
    case S_REARM:
        driver_rearm();
        break;
    case S_SLEEP:
        driver_sleep();
        break;
    case S_SUPPRESS:
        driver_wish(1);
        drv.step = S_TOP;
        break;
    case S_RESET:
        driver_reset();
        break;
    case S_WAIT:
        driver_wait();
        break;
    default:
        abort();
    }
}

/* ---- device ---- */

static void device_top(void)
{
    uint8_t steps[6];
    unsigned n = 0;
    int staged = dev.q.at.used_pos != dev.q.next_used;
    int full = dev.nheld >= (cfg.hold ? cfg.hold : 1u);

    if (!staged && dev.restarts < cfg.restart) {
        steps[n++] = S_RESTART;
    }
    if (dev.resets < cfg.reset) {
        steps[n++] = S_CONTROL;
    }

    if (dev.nheld != 0 && (dev.backend || !dev.armed || staged || !cfg.hold)) {
        steps[n++] = S_STAGE;
    }
    if (cfg.hold || dev.nheld == 0) {
        if (staged && !dev.backend) {
            steps[n++] = S_PUBLISH;
        }
        if (!dev.armed && !dev.backend && !dev.starved && !(full && !dev.empty)) {
            steps[n++] = dev.empty ? S_REARM : S_TAKE;
            if (cfg.fast && VGPIO_CFG_FAST && !dev.settled) {
                steps[n++] = S_SETTLE;
            }
        } else if (!staged && !dev.backend) {
            steps[n++] = S_SLEEP;
        }
    }
    dev.step = choose(steps, n);
    dev.starved = dev.step == S_SLEEP && !dev.armed;
}

/* The next request, in whatever way it was read: it is held until it is answered. */
static void hold(const uint32_t request[2], struct vgpio_head head)
{
    if (dev.resets != 0 && request[0] > dev.taken) {
        dev.taken = (uint8_t)(request[0] - 1u); /* those between were reset */
    }
    if (request[0] != dev.taken + 1u || request[1] != ~request[0]) {
        model_fail("pop: request %x %x, should be buffer %u", (unsigned)request[0],
                   (unsigned)request[1], dev.taken + 1u);
    }
    dev.taken++;
    dev.held[dev.nheld].head = head;
    dev.held[dev.nheld++].serial = dev.taken;
}

static void device_take_short(void)
{
    struct vgpio_taken t[SIDES_SIZE_MAX];
    uint32_t request[2];
    int got, i;

    memset(t, 0, sizeof t);
    got = vgpio_devq_take(&dev.q, t, VGPIO_TAKEN_BYTES,
                          (cfg.hold ? cfg.hold : 1u) - dev.nheld);
    dev.step = S_TOP;
    if (got < 0) {
        model_fail("take: error %d", got);
    }
    dev.empty = got == 0;
    dev.settled = 0;
    for (i = 0; i < got; i++) {
        if (t[i].got != VGPIO_TAKEN_BYTES || t[i].room != 2) {
            model_fail("take: a bad chain");
        }
        memcpy(request, t[i].request, sizeof request);
        dev.held[dev.nheld].at.taken.gpa[0] = t[i].gpa[0];
        dev.held[dev.nheld].at.taken.gpa[1] = t[i].gpa[1];
        dev.held[dev.nheld].at.taken.head = t[i].head;
        dev.held[dev.nheld].at.taken.got = t[i].got;
        dev.held[dev.nheld].at.taken.room = t[i].room;
        hold(request, t[i].head);
    }
}

static void device_take(void)
{
    struct vgpio_chain chain;
    struct held *h = &dev.held[dev.nheld];
    uint32_t request[2] = {0, 0}, room = 0;
    int got;

    memset(&chain, 0, sizeof chain);
    got = vgpio_devq_pop(&dev.q, &chain);
    dev.step = S_TOP;
    if (got < 0) {
        model_fail("pop: error %d", got);
    }
    if (got == 0) {
        dev.empty = 1;
        return;
    }
    if (vgpio_chain_read(&chain, request, sizeof request) != sizeof request ||
        vgpio_chain_where(&chain, &h->at.answer) != VGPIO_OK ||
        vgpio_chain_finish(&chain, &room) != VGPIO_OK || room != 3) {
        model_fail("pop: a bad chain");
    }
    hold(request, chain.head);
}

static int answer_one(struct held *h)
{
    uint32_t answer = answer_to(h->serial);
    int err;

    if (cfg.fast) {
        memcpy(h->at.taken.answer, &answer, 2);
        return vgpio_devq_answer(&dev.q, &h->at.taken, 1);
    }
    err = vgpio_mem_write(&mem, h->at.answer, &answer, sizeof answer);
    return err ? err : vgpio_devq_push(&dev.q, h->head, sizeof answer);
}

/* The answers to all but the last of a batch, and no used element for them: the position
 * of the batch is where that will lie, and `skip` on is where the next one will. */
static uint16_t leave_out(unsigned n)
{
    uint16_t skip = 0;
    unsigned i;

    for (i = 0; i < n; i++) {
        const struct held *h = &dev.held[i];
        uint32_t answer = answer_to(h->serial);

        if (vgpio_mem_write(&mem, h->at.answer, &answer, sizeof answer) != VGPIO_OK) {
            model_fail("write: error");
        }
        dev.left_out = (uint8_t)(dev.left_out | 1u << h->serial);
        skip = (uint16_t)(skip + h->head.ndesc);
    }
    return skip;
}

static void advance(uint16_t n)
{
    dev.q.next_used = cfg.packed ? packed_add(cfg.size, dev.q.next_used, n)
                                 : (uint16_t)(dev.q.next_used + n);
}

/* One used element for as many as it likes of those that it holds. */
static void device_stage_batch(void)
{
    unsigned last = model_choose(dev.nheld), i;
    uint16_t skip = leave_out(last);
    struct held h = dev.held[last];
    int err;

    if (mutant_is(M_BATCH_FIRST)) {
        h.head.id = dev.held[0].head.id;
    }
    if (mutant_is(M_BATCH_BEHIND)) {
        advance(skip);
        skip = 0;
    }
    err = answer_one(&h);
    if (err != VGPIO_OK) {
        model_fail("push: error %d", err);
    }
    if (!mutant_is(M_BATCH_SHORT)) {
        advance(skip);
    }
    for (i = 0; last + 1u + i < dev.nheld; i++) {
        dev.held[i] = dev.held[last + 1u + i];
    }
    dev.nheld = (uint8_t)i;
    memset(&dev.held[i], 0, (last + 1u) * sizeof dev.held[0]);
    dev.backend = 0;
    dev.step = S_TOP;
}

/* In order, another one than the first is refused. */
static void push_out_of_order(void)
{
    if (dev.nheld > 1 &&
        vgpio_devq_push(&dev.q, dev.held[dev.nheld - 1u].head, 0) != VGPIO_ERR_INVAL) {
        model_fail("push: out of order, and not refused");
    }
}

static void device_stage(void)
{
    unsigned i = cfg.order ? 0 : model_choose(dev.nheld);
    struct held h = dev.held[i];
    int err;

    if (cfg.order) {
        push_out_of_order();
    }
    err = answer_one(&h);
    if (err != VGPIO_OK) {
        model_fail("push: error %d", err);
    }
    /* All that is not in use stays 0, so that equal states look equal. */
    dev.nheld--;
    for (; i < dev.nheld; i++) {
        dev.held[i] = dev.held[i + 1];
    }
    memset(&dev.held[dev.nheld], 0, sizeof dev.held[0]);
    dev.backend = 0;
    dev.step = S_TOP;
}

static void device_publish(void)
{
    uint16_t old = dev.q.at.used_pos, now = dev.q.next_used;
    int first = cfg.event_idx && !(dev.q.flags & VQ_SIGNALLED);
    int interrupt = vgpio_devq_publish(&dev.q);

    mutant_step_over();
    check_rule(first, now, old, interrupt);
    if (interrupt) {
        model_raise();
    }
    dev.step = S_TOP;
}

static void device_rearm(void)
{
    int more = vgpio_devq_rearm(&dev.q);

    mutant_step_over();
    if (more < 0) {
        model_fail("rearm: error %d", more);
    }
    dev.empty = more == 0;
    dev.armed = more == 0;
    dev.step = more && !cfg.event_idx ? S_SUPPRESS : S_TOP;
}

/* It publishes or not, as it finds the ring. */
static void device_settle(void)
{
#if VGPIO_CFG_FAST
    uint16_t old = dev.q.at.used_pos, now = dev.q.next_used;
    int first = cfg.event_idx && !(dev.q.flags & VQ_SIGNALLED);
    unsigned what = vgpio_devq_settle(&dev.q);
    int interrupt = (what & VGPIO_SETTLE_INTERRUPT) != 0;
    int more = (what & VGPIO_SETTLE_MORE) != 0;

    mutant_step_over();
    if (now != old && dev.q.at.used_pos == now) {
        check_rule(first, now, old, interrupt);
    } else if (interrupt || (!more && now != old)) {
        model_fail("settle: %u, and nothing was published", what);
    }
    if (interrupt) {
        model_raise();
    }
    dev.empty = dev.armed = !more;
    dev.settled = (uint8_t)more;
    dev.step = more && !cfg.event_idx ? S_SUPPRESS : S_TOP;
#endif
}

/* The device that makes batches pushes what it likes. */
static int start_device(const struct vgpio_vq_setup *s)
{
    int err = vgpio_devq_start(&dev.q, &mem, s);

    if (cfg.order == 2) {
        dev.q.flags &= (uint8_t)~VQ_IN_ORDER;
    }
    return err;
}

/* Buffers that are held stay so, and a start is as good as a kick. */
static void device_restart(void)
{
    struct vgpio_vq_setup where;

    vgpio_devq_stop(&dev.q, &where);
    if (start_device(&where) != VGPIO_OK) {
        model_fail("start: error");
    }
    dev.restarts++;
    dev.armed = dev.empty = dev.starved = dev.backend = dev.settled = 0;
    dev.step = cfg.event_idx ? S_TOP : S_SUPPRESS;
}

/* Does the driver want a reset, or is the ring there again after one? */
static void device_control(void)
{
    uint32_t asked = (uint32_t)model_load(control(DRIVER), 4, 1);

    dev.step = S_TOP;
    if (!dev.down && asked == 2u * dev.resets + 1u) {
        vgpio_devq_stop(&dev.q, NULL);
        memset(dev.held, 0, sizeof dev.held);
        dev.nheld = dev.armed = dev.empty = dev.starved = dev.backend = 0;
        dev.settled = 0;
        dev.down = 1;
        model_store(control(DEVICE), 4, dev.resets + 1u, 1);
        model_raise();
    } else if (dev.down && asked == 2u * (dev.resets + 1u)) {
        if (start_device(&ring) != VGPIO_OK) {
            model_fail("start: error");
        }
        dev.down = 0;
        dev.resets++;
        dev.step = cfg.event_idx ? S_TOP : S_SUPPRESS;
        return;
    }
    if (dev.down) {
        (void)model_sleep(0);
        dev.step = S_CONTROL;
    }
}

static void device_sleep(void)
{
    dev.step = S_TOP;
    if (model_sleep(dev.nheld != 0) != 0) {
        dev.backend = 1;
        dev.starved = 0;
        return;
    }
    dev.armed = dev.empty = dev.starved = 0;
    if (dev.resets < cfg.reset) {
        dev.step = S_CONTROL;
    } else if (!cfg.event_idx) {
        dev.step = S_SUPPRESS;
    }
}

static void device_step(void)
{
    begin_step(dev.step);
    switch ((enum step)dev.step) {
    case S_TOP:
        device_top();
        break;
    case S_STAGE:
        if (cfg.order == 2) {
            device_stage_batch();
        } else {
            device_stage();
        }
        break;
    case S_PUBLISH:
        device_publish();
        break;
    case S_TAKE:
        if (cfg.fast) {
            device_take_short();
        } else {
            device_take();
        }
        break;
    case S_REARM:
        device_rearm();
        break;
    case S_SETTLE:
        device_settle();
        break;
    case S_SLEEP:
        device_sleep();
        break;
    case S_SUPPRESS:
        if (cfg.packed) {
            mutant_store(dev.q.area[AREA_DEVICE], 4, PACKED_EVENT(0, PACKED_MODE_DISABLE),
                         0);
        } else {
            mutant_store(dev.q.area[AREA_DEVICE] + USED_FLAGS, 2, USED_F_NO_NOTIFY, 0);
        }
        dev.step = S_TOP;
        break;
    case S_RESTART:
        device_restart();
        break;
    case S_CONTROL:
        device_control();
        break;
    default:
        abort();
    }
}

/* ---- in every state ---- */

static void check(void)
{
    if ((drv.filled & ~dev.left_out) != 0 || (drv.told & dev.left_out) != 0) {
        model_fail("in order: the length of a buffer is that of another");
    }
    if (drv.step == S_WAIT || dev.down || drv.resets != dev.resets) {
        return; /* no ring that both have */
    }
    /* Who publishes may still be about to notify; nobody else is. */
    if (model_asleep(DEVICE) && !dev.starved && drv.step != S_PUBLISH &&
        (uint16_t)drv.q.published != dev.q.at.avail_pos) {
        model_fail("lost wake-up: the device sleeps, buffers wait");
    }
    if (model_asleep(DRIVER) && dev.step != S_PUBLISH && dev.step != S_SETTLE &&
        dev.q.at.used_pos != (uint16_t)drv.q.last_used) {
        model_fail("lost wake-up: the driver sleeps, answers wait");
    }
}

static void final(void)
{
    unsigned i;

    for (i = 1; i <= cfg.buffers; i++) {
        if (((unsigned)drv.got >> i & 1u) == 0) {
            model_fail("the end, and buffer %u was never answered", i);
        }
    }
}

/* ---- before ---- */

static void declare_ring(const struct vgpio_vq_setup *s)
{
    uint8_t *desc = model_arena, *avail = desc + (s->driver - s->desc);
    uint8_t *used = desc + (s->device - s->desc);
    unsigned i;
    char name[24];

    model_word(avail + AVAIL_FLAGS, 2, W_AVAIL_FLAGS, MODEL_SHARED, "avail.flags");
    model_word(avail + AVAIL_IDX, 2, W_AVAIL_IDX, MODEL_INDEX, "avail.idx");
    model_word(avail + USED_EVENT(s->size), 2, W_USED_EVENT, MODEL_SHARED, "used_event");
    model_word(used + USED_FLAGS, 2, W_USED_FLAGS, MODEL_SHARED, "used.flags");
    model_word(used + USED_IDX, 2, W_USED_IDX, MODEL_INDEX, "used.idx");
    model_word(used + AVAIL_EVENT(s->size), 2, W_AVAIL_EVENT, MODEL_SHARED,
               "avail_event");
    for (i = 0; i < s->size; i++) {
        snprintf(name, sizeof name, "desc[%u].addr", i);
        model_word(desc + DESC_BYTES * i, 8, W_DESC, MODEL_GUARDED, name);
        snprintf(name, sizeof name, "desc[%u].rest", i);
        model_word(desc + DESC_BYTES * i + 8, 8, W_DESC, MODEL_GUARDED, name);
        snprintf(name, sizeof name, "avail.ring[%u]", i);
        model_word(avail + AVAIL_RING(i), 2, W_HEAD, MODEL_GUARDED, name);
        snprintf(name, sizeof name, "used.ring[%u].id", i);
        model_word(used + USED_RING(i), 4, W_ELEM, MODEL_GUARDED, name);
        snprintf(name, sizeof name, "used.ring[%u].len", i);
        model_word(used + USED_RING(i) + 4, 4, W_ELEM, MODEL_GUARDED, name);
    }
}

/* Accesses of more than one of these words are taken apart. */
static void declare_packed(const struct vgpio_vq_setup *s)
{
    /* The short way loads a descriptor before it looks at the flags that it loaded first:
     * what it gets is forgotten if those say that it is not there. */
    enum model_class class = cfg.fast ? MODEL_SHARED : MODEL_GUARDED;
    uint8_t *desc = model_arena;
    unsigned i;
    char name[24];

    model_word(desc + (s->driver - s->desc), 4, W_DRIVER_EVENT, MODEL_SHARED,
               "driver event");
    model_word(desc + (s->device - s->desc), 4, W_DEVICE_EVENT, MODEL_SHARED,
               "device event");
    for (i = 0; i < s->size; i++, desc += DESC_BYTES) {
        snprintf(name, sizeof name, "desc[%u].addr", i);
        model_word(desc, 8, W_DESC, class, name);
        snprintf(name, sizeof name, "desc[%u].len", i);
        model_word(desc + 8, 4, W_DESC, class, name);
        snprintf(name, sizeof name, "desc[%u].id", i);
        model_word(desc + PACKED_ID, 2, W_DESC, class, name);
        snprintf(name, sizeof name, "desc[%u].flags", i);
        model_word(desc + PACKED_FLAGS, 2, W_FLAGS, MODEL_INDEX, name);
    }
}

static void declare_cell(unsigned i)
{
    struct cell *c = cell(i);
    unsigned k;
    char name[24];

    for (k = 0; k < 2; k++) {
        snprintf(name, sizeof name, "request[%u].%u", i, k);
        model_word(&c->request[k], 4, W_REQUEST, MODEL_GUARDED, name);
    }
    snprintf(name, sizeof name, "answer[%u]", i);
    model_word(&c->answer, answer_len(), W_ANSWER, MODEL_GUARDED, name);
    for (k = 0; k < 4 && cfg.indirect; k++) {
        snprintf(name, sizeof name, "table[%u].%u", i, k);
        model_word(&c->table[k], 8, W_TABLE, MODEL_GUARDED, name);
    }
}

/* A packed ring that ran before: all behind the position is used, in its lap or the one
 * before. */
static void set_packed_base(struct vgpio_vq_setup *s)
{
    uint16_t start = cfg.base ? cfg.base : PACKED_START, i;

    drv.q.next_avail = drv.q.published = drv.q.last_used = start;
    s->avail_pos = s->used_pos = start;
    s->flags = VGPIO_VQ_TOLD;
    for (i = 0; i < cfg.size && start != PACKED_START; i++) {
        uint16_t lap = i < packed_off(start) ? start : (uint16_t)(start ^ PACKED_WRAP);
        uint16_t flags = packed_used_bits(lap);

        memcpy(drv.q.desc + DESC_BYTES * i + PACKED_FLAGS, &flags, sizeof flags);
    }
}

/* A ring that ran before: both sides stand at that index. */
static void set_base(struct vgpio_vq_setup *s)
{
    mutant_select(NULL, cfg.platform, cfg.packed, &drv.mutant, &dev.mutant);
    if (cfg.packed) {
        set_packed_base(s);
        return;
    }
    drv.q.next_avail = drv.q.published = cfg.base;
    drv.q.last_used = drv.q.u.used_seen = cfg.base;
    memcpy(drv.q.driver + AVAIL_IDX, &cfg.base, 2);
    memcpy(drv.q.device + USED_IDX, &cfg.base, 2);
    s->avail_pos = cfg.base;
    s->flags = VGPIO_VQ_TOLD;
    drv.mutant.index = dev.mutant.index = cfg.base;
}

void sides_prepare(const struct sides_config *c, const struct mutant *m,
                   struct model_setup *setup)
{
    struct vgpio_vq_setup s;
    unsigned i, cells = c->indirect ? c->size : c->size / 2u;

    cfg = *c;
    memset(&drv, 0, sizeof drv);
    memset(&dev, 0, sizeof dev);
    memset(&s, 0, sizeof s);
    s.size = cfg.size;
    s.features = (cfg.indirect ? VGPIO_F_INDIRECT : 0) |
                 (cfg.event_idx ? VGPIO_F_EVENT_IDX : 0) |
                 (cfg.platform ? VGPIO_F_ORDER_PLATFORM : 0) |
                 (cfg.packed ? VGPIO_F_PACKED : 0) | (cfg.order ? VGPIO_F_IN_ORDER : 0);
    s.desc = GPA;
    model_begin();
    if (vgpio_drvq_init(&drv.q, model_arena, drv.slots, &s) != VGPIO_OK) {
        abort();
    }
    ring = s;
    if (cfg.packed) {
        declare_packed(&s);
    } else {
        declare_ring(&s);
    }
    set_base(&s);
    if (start_device(&s) != VGPIO_OK) {
        abort();
    }
    for (i = 0; i < cells; i++) {
        declare_cell(i);
    }
    if (cfg.reset) {
        model_word(control(DRIVER), 4, UINT8_MAX, MODEL_INDEX, "resets asked for");
        model_word(control(DEVICE), 4, UINT8_MAX, MODEL_INDEX, "resets done");
    }
    drv.next = 1;
    published = notified = 0;
    mutant_select(m, cfg.platform, cfg.packed, &drv.mutant, &dev.mutant);
    memset(setup, 0, sizeof *setup);
    setup->program[DRIVER] = (struct model_program){
        "driver", driver_step, &drv, m ? sizeof drv : offsetof(struct driver, mutant)};
    setup->program[DEVICE] = (struct model_program){
        "device", device_step, &dev, m ? sizeof dev : offsetof(struct device, mutant)};
    setup->check = check;
    setup->final = final;
}
