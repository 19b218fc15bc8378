/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages to the driver, and when they may go.
 *
 * The drivers of 2020/21 hang their handler on queue 1, take one message an interrupt,
 * give each request one buffer more, and keep the value of an answer where the next
 * message overwrites it. What is done here about it survived a stress run of the fourth
 * version; docs/dialects.md tells the story. */
#include "draft_impl.h"

#define GUARD_MS 10u     /* from an answer to the next report */
#define CALL_MS 5u       /* until something unread is called for again ... */
#define CALL_MAX_MS 640u /* ... at distances that double up to this */
#define MANY 4u          /* buffers more than an old driver can have posted */
#define OWED_MAX 8u      /* a driver that sends more at once reads more at once */

/* ---- one message ----------------------------------------------------------- */

/* A buffer with something to read in it is no buffer of the draft: it is a request of the
 * standard, whose driver would wait for ever. Short answers are errors to it. */
static int is_standard(const struct vgpio_chain *c)
{
    struct vgpio_chain copy = *c;
    uint8_t byte;

    return vgpio_chain_read(&copy, &byte, 1) == 1;
}

/* Is this buffer good for a message? 1, 0, or the error of the queue. */
static int usable(struct vgpio_draft_dev *dev, const struct vgpio_chain *c)
{
    struct vgpio_chain all = *c;
    uint32_t room;
    int err = vgpio_chain_finish(&all, &room);

    if (err < 0) {
        return err;
    }
    if (is_standard(c)) {
        TRACE(dev, VGPIO_TR_DIALECT, RX, 0);
        return 0;
    }
    if (room < MSG_SIZE) {
        TRACE(dev, VGPIO_TR_CHAIN_BAD, RX, c->head.id);
        return 0;
    }
    return 1;
}

static void give_back(struct vgpio_draft_dev *dev, struct vgpio_head head, uint32_t len)
{
    int err = vgpio_devq_push(&dev->q[RX], head, len);

    if (err < 0) {
        vgpio_draft_broken(dev, RX, err);
    }
}

/* The next buffer, but no more bad ones on one visit than a ring holds: a driver can add
 * them as fast as they are given back. */
static int next_buffer(struct vgpio_draft_dev *dev, struct vgpio_chain *c)
{
    if (dev->rx_bad >= dev->q[RX].at.size) {
        dev->events |= VGPIO_EV_MORE;
        return 0;
    }
    return vgpio_devq_pop(&dev->q[RX], c);
}

/* Into the next buffer that is one: exactly 8 bytes of it, whatever its length. 1; 0:
 * there is none, or the queue broke. */
static int send(struct vgpio_draft_dev *dev, const struct vgpio_draft_msg *m)
{
    uint8_t bytes[MSG_SIZE];
    struct vgpio_chain c;
    int got;

    vgpio_draft_msg_encode(bytes, m);
    while ((got = next_buffer(dev, &c)) > 0) {
        dev->rx_taken++;
        got = usable(dev, &c);
        if (got < 0) {
            break;
        }
        if (got > 0 && vgpio_chain_write(&c, bytes, MSG_SIZE) == MSG_SIZE) {
            give_back(dev, c.head, MSG_SIZE);
            dev->unread = 1;
            dev->call = 1;
            return 1;
        }
        give_back(dev, c.head, 0);
        dev->rx_bad++;
    }
    if (got < 0) {
        vgpio_draft_broken(dev, RX, got);
    }
    return 0;
}

/* A driver of the standard shows itself by its first buffer, before anything is sent. */
void vgpio_draft_look(struct vgpio_draft_dev *dev)
{
    struct vgpio_chain c;

    while (!dev->rx_seen && next_buffer(dev, &c) > 0) {
        if (!is_standard(&c)) {
            vgpio_devq_unpop(&dev->q[RX], c.head);
            dev->rx_seen = 1;
            return;
        }
        TRACE(dev, VGPIO_TR_DIALECT, RX, 0);
        give_back(dev, c.head, 0);
        dev->rx_bad++;
    }
    if (vgpio_devq_error(&dev->q[RX]) < 0) {
        vgpio_draft_broken(dev, RX, vgpio_devq_error(&dev->q[RX]));
    }
}

/* ---- what kind of driver ------------------------------------------------------ */

enum pace {
    PACE_NONE,  /* send what there is room for */
    PACE_READ,  /* an old driver that has read all reports */
    PACE_UNREAD /* ... that may not have */
};

/* Reports that the driver may not have read yet, by what it posted: an old one gives one
 * buffer at first, one for each request, and one in place of each report that it read.
 * One that gives many at first, or replaces all of them, is none of these. */
static enum pace pace_of(struct vgpio_draft_dev *dev, int waiting)
{
    uint32_t read = dev->rx_taken + (uint32_t)waiting - 1u - dev->asked;
    uint32_t left = dev->told - read;

    if (draft_2021(dev)) {
        return PACE_NONE;
    }
    if (left <= UINT32_MAX / 2u) {
        return left == 0 ? PACE_READ : PACE_UNREAD;
    }
    if (left < (uint32_t)0 - 2u * MANY) { /* enough: do not drift until it wraps */
        dev->told = read - 2u * MANY;
    }
    return left <= (uint32_t)0 - MANY ? PACE_NONE : PACE_READ;
}

/* ---- answers ------------------------------------------------------------------ */

static int32_t answer_value(const struct vgpio_draft_dev *dev, const struct vgpio_req *r)
{
    int text2021 = draft_2021(dev);

    if ((r->flags & REQ_NO_LINE) != 0) {
        return text2021 ? -VGPIO_DRAFT_E_NO_PIN
                        : vgpio_draft_value(VGPIO_ERR_INVAL, text2021);
    }
    return vgpio_draft_value(
        (r->flags & REQ_FAILED) != 0 ? -(int)r->value_gpa : (int)r->value_gpa, text2021);
}

/* An answer went out. Its call may be used up by a report before it that was not read, or
 * be one with a call that was not taken yet (then the caller of the request before this
 * one was interrupted): one more call is owed. */
static void answered(struct vgpio_draft_dev *dev, int called)
{
    int waiting = vgpio_devq_waiting(&dev->q[RX]);
    enum pace pace = waiting < 0 ? PACE_NONE : pace_of(dev, waiting);

    dev->replied = 1;
    if (dev->owed < OWED_MAX && (pace == PACE_UNREAD || (pace == PACE_READ && called))) {
        dev->owed++;
    }
}

/* 1: the oldest request is answered and gone; 0: it has to wait. */
static int answer(struct vgpio_draft_dev *dev)
{
    struct vgpio_req *r = vgpio_draft_req_answered(dev);
    int called = dev->call || (dev->events & VGPIO_EV_QUEUE(TX)) != 0;
    struct vgpio_draft_msg m;
    int err = 0;

    if (r == NULL) {
        return 0;
    }
    if ((r->flags & REQ_SILENT) == 0) {
        m.type = (uint16_t)(r->type | VGPIO_DRAFT_REPLY);
        m.line = r->line;
        m.value = answer_value(dev, r);
        if (!send(dev, &m)) {
            dev->rx_short = 1;
            return 0;
        }
        TRACE(dev, VGPIO_TR_ANSWER, TRACE_T(r->type, r->line), m.value);
        answered(dev, called);
    }
    if ((r->flags & REQ_LAST) != 0) {
        err = vgpio_devq_push(&dev->q[TX], r->head, 0);
        dev->tx_done = 1;
    }
    vgpio_draft_req_free(dev);
    if (err < 0) {
        vgpio_draft_broken(dev, TX, err);
    }
    return 1;
}

/* ---- level reports --------------------------------------------------------------- */

/* Does the mask of 2021 want to hear of this? One that fires once is spent. */
static int mask_wants(struct vgpio_line *l, unsigned edges, unsigned level)
{
    unsigned mask = l->irq_type;
    unsigned hit = (edges & VGPIO_RISING) != 0 ? mask & VGPIO_DRAFT_IRQ_RISING : 0u;

    hit |= (edges & VGPIO_FALLING) != 0 ? mask & VGPIO_DRAFT_IRQ_FALLING : 0u;
    hit |= level == 1 ? mask & VGPIO_DRAFT_IRQ_HIGH : 0u;
    hit |= level == 0 ? mask & VGPIO_DRAFT_IRQ_LOW : 0u;
    if (hit == 0 || (mask & (VGPIO_DRAFT_IRQ_ARMED | VGPIO_DRAFT_IRQ_ALWAYS)) == 0) {
        return 0;
    }
    l->irq_type &= (uint8_t)~VGPIO_DRAFT_IRQ_ARMED;
    return 1;
}

static void list_line(struct vgpio_draft_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    if ((l->flags & LINE_LISTED) != 0) {
        return;
    }
    l->flags |= LINE_LISTED;
    l->mark_next = VGPIO_NIL;
    if (dev->changed_first == VGPIO_NIL) {
        dev->changed_first = line;
    } else {
        dev->lines[dev->changed_last].mark_next = line;
    }
    dev->changed_last = line;
}

static void report_later(struct vgpio_draft_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    if ((l->flags & LINE_CHANGED) != 0) {
        TRACE(dev, VGPIO_TR_EDGE_MERGED, line, 1);
    }
    l->flags |= LINE_CHANGED;
    list_line(dev, line);
}

/* Nobody hears of it, but a backend may wait for its unmask as after any other. */
static void drop_change(struct vgpio_draft_dev *dev, uint16_t line, unsigned edges)
{
    if (edges != 0) {
        TRACE(dev, VGPIO_TR_EDGE_DROPPED, line, 1);
        if ((dev->lines[line].flags & LINE_ARMED) != 0) {
            list_line(dev, line);
        }
    }
}

void vgpio_draft_unreport(struct vgpio_draft_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    if ((l->flags & LINE_CHANGED) != 0) {
        TRACE(dev, VGPIO_TR_EDGE_DROPPED, line, 1);
    }
    l->flags &= (uint16_t)~LINE_CHANGED;
}

/* What happened before there was a driver is no news to it. The lines stay in the list,
 * to be unmasked. */
void vgpio_draft_unreport_all(struct vgpio_draft_dev *dev)
{
    uint16_t line = dev->changed_first;

    for (; line != VGPIO_NIL; line = dev->lines[line].mark_next) {
        dev->lines[line].flags &= (uint16_t)~LINE_CHANGED;
    }
}

/* Where a line is after these edges, if it was there before. */
static unsigned level_after(unsigned before, unsigned edges)
{
    if (edges == VGPIO_RISING || edges == VGPIO_FALLING) {
        return edges == VGPIO_RISING;
    }
    return before;
}

void vgpio_draft_change(struct vgpio_draft_dev *dev, uint16_t line, unsigned edges,
                        unsigned level)
{
    struct vgpio_line *l = &dev->lines[line];
    unsigned before = l->level;
    unsigned now = level != VGPIO_LEVEL_UNKNOWN ? level : level_after(before, edges);
    int news = edges != 0 || (before != VGPIO_LEVEL_UNKNOWN && now != before);

    l->level = (uint8_t)now;
    if ((dev->features & VGPIO_DRAFT_F_IRQ) != 0) {
        news = mask_wants(l, edges, level);
    }
    if (!news || l->dir == VGPIO_DIR_OUT || (l->flags & LINE_TURNING) != 0) {
        drop_change(dev, line, edges);
    } else {
        report_later(dev, line);
    }
}

/* The draft has no mask: after each report the driver waits for the next one. */
void vgpio_draft_unmask(struct vgpio_draft_dev *dev, uint16_t line)
{
    const struct vgpio_line *l = &dev->lines[line];
    void (*unmask)(void *, uint16_t) = DEV_OP(dev, unmask);

    if (unmask != NULL && (l->flags & LINE_ARMED) != 0 &&
        ((dev->features & VGPIO_DRAFT_F_IRQ) == 0 ||
         (l->irq_type & (VGPIO_DRAFT_IRQ_ARMED | VGPIO_DRAFT_IRQ_ALWAYS)) != 0)) {
        unmask(dev->ctx, line);
    }
}

static int may_report(struct vgpio_draft_dev *dev)
{
    enum pace pace;
    int waiting;

    if (dev->changed_first == VGPIO_NIL) {
        return 0;
    }
    if ((dev->lines[dev->changed_first].flags & LINE_CHANGED) == 0) {
        return 1; /* all that is owed is its unmask */
    }
    if (!dev->tx_done) {
        return 0;
    }
    waiting = vgpio_devq_waiting(&dev->q[RX]);
    if (waiting <= dev->req_count) { /* one for each answer to come */
        return 0;
    }
    pace = pace_of(dev, waiting);
    if (pace != PACE_READ) {
        return pace == PACE_NONE;
    }
    return dev->ticking ? !dev->replied && !dev->guard && dev->owed == 0 : !dev->unread;
}

static void report(struct vgpio_draft_dev *dev)
{
    uint16_t line = dev->changed_first;
    struct vgpio_line *l = &dev->lines[line];
    struct vgpio_draft_msg m;

    if ((l->flags & LINE_CHANGED) != 0) {
        m.type = VGPIO_DRAFT_LEVEL;
        m.line = line;
        m.value = l->level == 1;
        if (!send(dev, &m)) {
            return;
        }
        TRACE(dev, VGPIO_TR_LEVEL, line, m.value);
        dev->told++;
    }
    dev->changed_first = l->mark_next;
    l->flags &= (uint16_t) ~(LINE_CHANGED | LINE_LISTED);
    vgpio_draft_unmask(dev, line);
}

void vgpio_draft_send(struct vgpio_draft_dev *dev)
{
    dev->rx_short = 0;
    while (draft_sends(dev) && answer(dev)) {
    }
    while (draft_sends(dev) && !dev->rx_short && may_report(dev)) {
        report(dev);
    }
}

/* ---- time ----------------------------------------------------------------------- */

/* The rings are new. */
void vgpio_draft_pace_reset(struct vgpio_draft_dev *dev)
{
    dev->rx_taken = dev->asked = dev->told = dev->owed = 0;
    dev->tx_done = dev->rx_seen = dev->rx_short = 0;
    dev->replied = dev->guard = dev->unread = 0;
    dev->call_wait = 0;
}

/* The driver is alive: it rang, or acknowledged. Without a clock this is the time to call
 * again. */
void vgpio_draft_heard(struct vgpio_draft_dev *dev)
{
    dev->unread = 0;
    dev->call_wait = 0;
    if (!dev->ticking && dev->owed != 0) {
        vgpio_draft_call(dev);
    }
}

static int something_unread(struct vgpio_draft_dev *dev)
{
    int waiting;

    if (!draft_sends(dev) || !dev->tx_done) {
        return 0;
    }
    waiting = vgpio_devq_waiting(&dev->q[RX]);
    switch (waiting < 0 ? PACE_NONE : pace_of(dev, waiting)) {
    case PACE_NONE:
        dev->owed = 0;
        return 0;
    case PACE_READ:
        return dev->owed != 0 || dev->rx_short;
    default:
        return 1;
    }
}

/* A call beyond those that messages brought. While reports are unread it is theirs. */
void vgpio_draft_call(struct vgpio_draft_dev *dev)
{
    int waiting = vgpio_devq_waiting(&dev->q[RX]);

    if (dev->owed != 0 && (waiting < 0 || pace_of(dev, waiting) != PACE_UNREAD)) {
        dev->owed--;
    }
    dev->events |= VGPIO_EV_QUEUE(TX);
}

/* Call for what is unread; the distance grows, for the driver may be gone. It may be an
 * answer that is read now: what follows it has to wait once more. */
static void call_again(struct vgpio_draft_dev *dev)
{
    if (!something_unread(dev)) {
        dev->call_wait = 0;
    } else if (dev->call_wait == 0) {
        dev->call_wait = CALL_MS;
        dev->call_at = dev->now;
    } else if (dev->now - dev->call_at >= dev->call_wait) {
        TRACE(dev, VGPIO_TR_CALL_AGAIN, TX, dev->call_wait);
        vgpio_draft_call(dev);
        dev->call_at = dev->reply_at = dev->now;
        dev->guard = 1;
        dev->call_wait = dev->call_wait < CALL_MAX_MS ? 2 * dev->call_wait : CALL_MAX_MS;
    }
}

static uint32_t sooner(uint32_t wait, uint32_t since, uint32_t limit)
{
    uint32_t left = since < limit ? limit - since : 0;

    return left < wait ? left : wait;
}

/* How long nothing needs the time to be told. */
static uint32_t due(const struct vgpio_draft_dev *dev)
{
    uint32_t wait = VGPIO_DRAFT_NEVER;

    if (dev->changed_first != VGPIO_NIL && dev->replied) {
        wait = GUARD_MS;
    }
    if (dev->changed_first != VGPIO_NIL && dev->guard) {
        wait = sooner(wait, dev->now - dev->reply_at, GUARD_MS);
    }
    if (dev->call_wait != 0) {
        wait = sooner(wait, dev->now - dev->call_at, dev->call_wait);
    }
    return wait;
}

uint32_t vgpio_draft_dev_tick(struct vgpio_draft_dev *dev, uint32_t now_ms)
{
    if (dev->busy) {
        return 0;
    }
    dev->busy = 1;
    dev->now = now_ms;
    dev->ticking = 1;
    if (dev->guard && now_ms - dev->reply_at >= GUARD_MS) {
        dev->guard = 0;
    }
    if (dev->replied) { /* some time since the last tick: take it as now */
        dev->replied = 0;
        dev->guard = 1;
        dev->reply_at = now_ms;
    }
    vgpio_draft_leave(dev);
    call_again(dev);
    return due(dev);
}
