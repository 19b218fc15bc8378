/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of the draft: from the buffer through the backend to a value. */
#include "draft_impl.h"

/* ---- the ring of requests ------------------------------------------------- */

static uint16_t nth(const struct vgpio_draft_dev *dev, uint16_t n)
{
    uint32_t i = (uint32_t)dev->req_first + n;

    return (uint16_t)(i >= dev->nreqs ? i - dev->nreqs : i);
}

/* All slots free; tokens that are out become stale. */
void vgpio_draft_req_forget(struct vgpio_draft_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        if (dev->reqs[i].state != REQ_FREE) {
            dev->reqs[i].gen++;
            dev->reqs[i].state = REQ_FREE;
        }
    }
    dev->req_first = 0;
    dev->req_count = 0;
    dev->in_flight = 0;
    dev->rescan = 0;
}

static struct vgpio_req *slot_new(struct vgpio_draft_dev *dev)
{
    struct vgpio_req *r = &dev->reqs[nth(dev, dev->req_count)];

    dev->req_count++;
    r->state = REQ_DONE;
    r->flags = 0;
    r->status = 0; /* the step it is at */
    r->line = 0;
    r->type = 0;
    r->arg = 0;
    r->value_gpa = 0;
    r->next = VGPIO_NIL;
    return r;
}

/* The oldest request if its turn has come to be answered, or NULL. */
struct vgpio_req *vgpio_draft_req_answered(struct vgpio_draft_dev *dev)
{
    struct vgpio_req *r = &dev->reqs[dev->req_first];

    return dev->req_count != 0 && r->state == REQ_DONE ? r : NULL;
}

void vgpio_draft_req_free(struct vgpio_draft_dev *dev)
{
    struct vgpio_req *r = &dev->reqs[dev->req_first];

    r->state = REQ_FREE;
    r->gen++;
    dev->req_first = nth(dev, 1);
    dev->req_count--;
}

/* What the answer will say: a value, or an error without its sign. */
static void set_result(struct vgpio_req *r, int result)
{
    r->flags &= (uint8_t)~REQ_FAILED;
    r->value_gpa = (uint32_t)result;
    if (result < 0) {
        r->flags |= REQ_FAILED;
        r->value_gpa = result > INT8_MIN ? (uint32_t)-result : (uint32_t)INT8_MAX;
    }
}

/* ---- the backend ------------------------------------------------------------ */

static int set_direction(struct vgpio_draft_dev *dev, uint16_t line, unsigned dir,
                         unsigned value, vgpio_token token)
{
    dev->lines[line].flags |= LINE_TURNING;
    return DEV_OP(dev, set_direction) == NULL
               ? VGPIO_ERR_NOTSUP
               : dev->ops->set_direction(dev->ctx, line, dir, value, token);
}

static int set_irq_type(struct vgpio_draft_dev *dev, uint16_t line, unsigned type,
                        vgpio_token token)
{
    return DEV_OP(dev, set_irq_type) == NULL
               ? VGPIO_ERR_NOTSUP
               : dev->ops->set_irq_type(dev->ctx, line, type, token);
}

static int get(struct vgpio_draft_dev *dev, const struct vgpio_req *r, vgpio_token token)
{
    if (r->type == VGPIO_DRAFT_GET_DIRECTION) {
        return DEV_OP(dev, get_direction) == NULL
                   ? VGPIO_ERR_NOTSUP
                   : dev->ops->get_direction(dev->ctx, r->line, token);
    }
    return DEV_OP(dev, get_value) == NULL ? VGPIO_ERR_NOTSUP
                                          : dev->ops->get_value(dev->ctx, r->line, token);
}

/* What to ask the backend for, so that it reports what the mask wants. */
static unsigned trigger_of(unsigned mask)
{
    unsigned edges =
        ((mask & VGPIO_DRAFT_IRQ_RISING) != 0 ? VGPIO_IRQ_EDGE_RISING : 0u) |
        ((mask & VGPIO_DRAFT_IRQ_FALLING) != 0 ? VGPIO_IRQ_EDGE_FALLING : 0u);
    unsigned levels = mask & (VGPIO_DRAFT_IRQ_HIGH | VGPIO_DRAFT_IRQ_LOW);

    if ((mask & (VGPIO_DRAFT_IRQ_ARMED | VGPIO_DRAFT_IRQ_ALWAYS)) == 0) {
        return VGPIO_IRQ_NONE;
    }
    if (levels == 0) {
        return edges;
    }
    if (edges != 0 || levels == (VGPIO_DRAFT_IRQ_HIGH | VGPIO_DRAFT_IRQ_LOW)) {
        return VGPIO_IRQ_EDGE_BOTH; /* no one trigger has both */
    }
    return levels == VGPIO_DRAFT_IRQ_HIGH ? VGPIO_IRQ_LEVEL_HIGH : VGPIO_IRQ_LEVEL_LOW;
}

/* Steps of the messages that need more than one op; `status` counts them. Nobody on the
 * other side arms a line, so turning it to an input does. */
enum {
    IN_TURN = 0,
    IN_ARM = 1,
    OUT_DISARM = 0,
    OUT_TURN = 1,
    OUT_REARM = 2 /* refused: it is the input that it was */
};

static int arms(const struct vgpio_draft_dev *dev)
{
    return DEV_OP(dev, set_irq_type) != NULL && (dev->features & VGPIO_DRAFT_F_IRQ) == 0;
}

static int call_output(struct vgpio_draft_dev *dev, const struct vgpio_req *r,
                       vgpio_token token)
{
    switch (r->status) {
    case OUT_DISARM:
        return set_irq_type(dev, r->line, VGPIO_IRQ_NONE, token);
    case OUT_TURN:
        return set_direction(dev, r->line, VGPIO_DIR_OUT, r->arg & 1u, token);
    default:
        return set_irq_type(dev, r->line, VGPIO_IRQ_EDGE_BOTH, token);
    }
}

static int call_op(struct vgpio_draft_dev *dev, const struct vgpio_req *r,
                   vgpio_token token)
{
    const struct vgpio_line *l = &dev->lines[r->line];

    switch (r->type) {
    case VGPIO_DRAFT_DIRECTION_INPUT:
        return r->status == IN_TURN
                   ? set_direction(dev, r->line, VGPIO_DIR_IN, 0, token)
                   : set_irq_type(dev, r->line, VGPIO_IRQ_EDGE_BOTH, token);
    case VGPIO_DRAFT_DIRECTION_OUTPUT:
        return call_output(dev, r, token);
    case VGPIO_DRAFT_RELEASE:
        return set_direction(dev, r->line, VGPIO_DIR_NONE, 0, token);
    case VGPIO_DRAFT_SET_LEVEL:
        if (l->dir != VGPIO_DIR_OUT) {
            return VGPIO_ERR_STATE;
        }
        return DEV_OP(dev, set_value) == NULL
                   ? VGPIO_ERR_NOTSUP
                   : dev->ops->set_value(dev->ctx, r->line, r->arg & 1u, token);
    case VGPIO_DRAFT_SET_IRQ:
        return l->dir == VGPIO_DIR_OUT && trigger_of(r->arg) != VGPIO_IRQ_NONE
                   ? VGPIO_ERR_STATE
                   : set_irq_type(dev, r->line, trigger_of(r->arg), token);
    case VGPIO_DRAFT_REQUEST:
        return 0;
    default:
        return get(dev, r, token);
    }
}

/* ---- results ----------------------------------------------------------------- */

static void turned(struct vgpio_draft_dev *dev, uint16_t line, unsigned dir, int ok)
{
    struct vgpio_line *l = &dev->lines[line];

    l->flags &= (uint16_t)~LINE_TURNING;
    if (ok) {
        l->dir = (uint8_t)dir;
        if (dir != VGPIO_DIR_IN) {
            vgpio_draft_unreport(dev, line);
        }
        if (dir == VGPIO_DIR_NONE) {
            l->flags &= (uint16_t)~LINE_ARMED; /* implied by the direction */
            l->irq_type = 0;
        }
    }
}

static void armed(struct vgpio_draft_dev *dev, uint16_t line, int ok)
{
    if (ok) {
        dev->lines[line].flags |= LINE_ARMED;
        vgpio_draft_unmask(dev, line);
    }
}

/* 1: there is another step. A line that cannot be watched is an input all the same. */
static int settle_input(struct vgpio_draft_dev *dev, struct vgpio_req *r, int result)
{
    const struct vgpio_line *l = &dev->lines[r->line];

    if (r->status == IN_ARM) {
        armed(dev, r->line, result >= 0);
        return 0;
    }
    turned(dev, r->line, VGPIO_DIR_IN, result >= 0);
    set_result(r, result < 0 ? result : 0);
    r->status = IN_ARM;
    return result >= 0 && arms(dev) && (l->flags & LINE_ARMED) == 0;
}

static int settle_output(struct vgpio_draft_dev *dev, struct vgpio_req *r, int result)
{
    struct vgpio_line *l = &dev->lines[r->line];

    switch (r->status) {
    case OUT_DISARM:
        l->flags &= (uint16_t)~LINE_ARMED; /* final, whatever the backend says */
        l->irq_type = 0;
        r->status = OUT_TURN;
        return 1;
    case OUT_TURN:
        turned(dev, r->line, VGPIO_DIR_OUT, result >= 0);
        set_result(r, result < 0 ? result : 0);
        r->status = OUT_REARM;
        return result < 0 && arms(dev) && l->dir == VGPIO_DIR_IN;
    default:
        armed(dev, r->line, result >= 0);
        return 0;
    }
}

static void settle_irq(struct vgpio_draft_dev *dev, struct vgpio_req *r, int result)
{
    struct vgpio_line *l = &dev->lines[r->line];
    int on = trigger_of(r->arg) != VGPIO_IRQ_NONE;

    if (!on) {
        result = 0; /* cannot fail */
    } else if (result < 0) {
        l->irq_type = 0;
        vgpio_draft_unreport(dev, r->line);
    }
    armed(dev, r->line, result >= 0 && on);
    set_result(r, result < 0 ? result : 0);
}

static int settle_get(struct vgpio_draft_dev *dev, const struct vgpio_req *r, int result)
{
    if (r->type == VGPIO_DRAFT_GET_LEVEL) {
        return result <= 1 ? result : VGPIO_ERR_IO;
    }
    if (result < 0 || result > VGPIO_DIR_IN) {
        return result < 0 ? result : VGPIO_ERR_IO;
    }
    dev->lines[r->line].dir = (uint8_t)result;
    return result == VGPIO_DIR_OUT ? VGPIO_DRAFT_OUTPUT : VGPIO_DRAFT_INPUT;
}

/* What a backend's result means; 1: there is another step. */
static int settle_one(struct vgpio_draft_dev *dev, struct vgpio_req *r, int result)
{
    switch (r->type) {
    case VGPIO_DRAFT_DIRECTION_INPUT:
        return settle_input(dev, r, result);
    case VGPIO_DRAFT_DIRECTION_OUTPUT:
        return settle_output(dev, r, result);
    case VGPIO_DRAFT_SET_IRQ:
        settle_irq(dev, r, result);
        return 0;
    case VGPIO_DRAFT_RELEASE:
        turned(dev, r->line, VGPIO_DIR_NONE, 1); /* given back, whatever it says */
        result = 0;
        break;
    case VGPIO_DRAFT_SET_LEVEL:
        result = result < 0 ? result : (int)(r->arg & 1u);
        break;
    case VGPIO_DRAFT_REQUEST:
        break;
    default:
        result = settle_get(dev, r, result);
        break;
    }
    set_result(r, result);
    return 0;
}

static void settle(struct vgpio_draft_dev *dev, struct vgpio_req *r, int result)
{
    struct vgpio_line *l = &dev->lines[r->line];

    dev->in_flight--;
    if (settle_one(dev, r, result)) {
        r->state = REQ_QUEUED;
        return;
    }
    r->state = REQ_DONE;
    l->q_first = r->next;
}

/* ---- running a line ------------------------------------------------------------ */

/* Before an op is called: what it depends on, and what it may report already. */
static void prepare(struct vgpio_draft_dev *dev, struct vgpio_req *r)
{
    struct vgpio_line *l = &dev->lines[r->line];

    if (r->type == VGPIO_DRAFT_DIRECTION_OUTPUT && r->status == OUT_DISARM &&
        (l->flags & LINE_ARMED) == 0) {
        r->status = OUT_TURN;
    }
    if (r->type == VGPIO_DRAFT_SET_IRQ) {
        vgpio_draft_unreport(dev, r->line);
        l->flags &= (uint16_t)~LINE_ARMED;
        l->irq_type = trigger_of(r->arg) != VGPIO_IRQ_NONE ? r->arg : (uint8_t)0;
    }
}

static void run_line(struct vgpio_draft_dev *dev, uint16_t line)
{
    const struct vgpio_line *l = &dev->lines[line];

    while (l->q_first != VGPIO_NIL) {
        uint16_t i = l->q_first;
        struct vgpio_req *r = &dev->reqs[i];
        uint8_t step;
        int result;

        if (r->state != REQ_QUEUED) {
            return;
        }
        prepare(dev, r);
        step = r->status;
        r->state = REQ_ACTIVE;
        dev->in_flight++;
        result = call_op(dev, r, (vgpio_token)r->gen << 16 | i);
        /* It may have been completed inside the op: then the result is no news. */
        if (result != VGPIO_PENDING && r->state == REQ_ACTIVE && r->status == step) {
            settle(dev, r, result);
        }
    }
}

/* Requests were completed inside ops of others: go on with their lines. */
void vgpio_draft_req_rescan(struct vgpio_draft_dev *dev)
{
    while (dev->rescan) {
        uint16_t n;

        dev->rescan = 0;
        for (n = 0; n < dev->req_count; n++) {
            const struct vgpio_req *r = &dev->reqs[nth(dev, n)];

            if (r->state == REQ_QUEUED) {
                run_line(dev, r->line);
            }
        }
    }
}

int vgpio_draft_req_complete(struct vgpio_draft_dev *dev, vgpio_token token, int result,
                             int inside)
{
    uint32_t i = token & 0xffffu;
    struct vgpio_req *r = i < dev->nreqs ? &dev->reqs[i] : NULL;

    if (r == NULL || r->gen != token >> 16 || r->state != REQ_ACTIVE) {
        TRACE(dev, VGPIO_TR_TOKEN_STALE, token, result);
        return VGPIO_ERR_STALE;
    }
    if (result == VGPIO_PENDING) {
        return VGPIO_ERR_INVAL;
    }
    settle(dev, r, result);
    r->gen = (uint16_t)(r->gen + (r->state == REQ_QUEUED)); /* a token is good for once */
    if (inside) {
        dev->rescan = 1;
    } else {
        run_line(dev, r->line);
    }
    return 0;
}

/* ---- from the ring --------------------------------------------------------------- */

static int type_known(const struct vgpio_draft_dev *dev, unsigned type)
{
    if (type == VGPIO_DRAFT_RELEASE) {
        return (dev->features & VGPIO_DRAFT_F_ARBITRATION) != 0;
    }
    if (type == VGPIO_DRAFT_SET_IRQ) {
        return (dev->features & VGPIO_DRAFT_F_IRQ) != 0;
    }
    return type >= VGPIO_DRAFT_REQUEST && type <= VGPIO_DRAFT_SET_LEVEL;
}

/* Puts a request at the end of its line's list. */
static void append(struct vgpio_draft_dev *dev, uint16_t line, uint16_t i)
{
    struct vgpio_line *l = &dev->lines[line];

    if (l->q_first == VGPIO_NIL) {
        l->q_first = i;
    } else {
        dev->reqs[l->q_last].next = i;
    }
    l->q_last = i;
}

static void enqueue(struct vgpio_draft_dev *dev, struct vgpio_req *r,
                    const struct vgpio_draft_msg *m)
{
    r->line = m->line;
    r->type = (uint8_t)m->type;
    r->arg = (uint8_t)m->value;
    r->state = REQ_QUEUED;
    append(dev, m->line, (uint16_t)(r - dev->reqs));
    run_line(dev, m->line);
}

/* The next buffer becomes the one in hand: 1; 0: there is none; < 0: the queue broke. A
 * chain is walked to its end before anything in it has an effect. */
static int open_buffer(struct vgpio_draft_dev *dev)
{
    uint8_t skipped[MSG_SIZE];
    struct vgpio_chain all;
    int got = vgpio_devq_pop(&dev->q[TX], &dev->tx);

    if (got <= 0) {
        return got;
    }
    all = dev->tx;
    got = vgpio_chain_finish(&all, NULL);
    if (got < 0) {
        return got;
    }
    dev->tx_open = 1;
    for (dev->tx_units = 0; dev->tx_units < dev->tx_skip; dev->tx_units++) {
        (void)vgpio_chain_read(&dev->tx, skipped, MSG_SIZE);
    }
    dev->tx_skip = 0;
    return 1;
}

/* Reads a message of the buffer in hand; whether another follows. */
static int read_message(struct vgpio_draft_dev *dev, uint8_t bytes[MSG_SIZE],
                        uint32_t *len)
{
    uint8_t ahead[MSG_SIZE];
    struct vgpio_chain rest;

    *len = vgpio_chain_read(&dev->tx, bytes, MSG_SIZE);
    dev->tx_units++;
    rest = dev->tx;
    return *len == MSG_SIZE && vgpio_chain_read(&rest, ahead, MSG_SIZE) == MSG_SIZE;
}

/* One message into a slot, which there must be: 1; 0: none waits; < 0: the queue broke.
 *
 * Nothing but the known types gets an answer. A caller of the old driver that is
 * interrupted frees its buffer while it is in the ring, so what comes may be anything,
 * and an answer with that number in its type makes the driver write to a wild address. */
int vgpio_draft_req_take(struct vgpio_draft_dev *dev)
{
    struct vgpio_draft_msg m;
    struct vgpio_req *r;
    uint8_t bytes[MSG_SIZE];
    uint32_t len;
    int more, got = dev->tx_open ? 1 : open_buffer(dev);

    if (got <= 0) {
        return got;
    }
    more = read_message(dev, bytes, &len);
    got = vgpio_devq_error(&dev->q[TX]);
    if (got < 0) {
        return got;
    }
    dev->asked++;
    r = slot_new(dev);
    if (!more) {
        r->flags |= REQ_LAST;
        r->head = dev->tx.head;
        dev->tx_open = 0;
    }
    if (len < MSG_SIZE) {
        TRACE(dev, VGPIO_TR_CHAIN_BAD, TX, dev->tx.head.id);
        r->flags |= REQ_SILENT;
        return 1;
    }
    vgpio_draft_msg_decode(&m, bytes);
    TRACE(dev, VGPIO_TR_REQUEST, TRACE_T(m.type, m.line), m.value);
    if (!type_known(dev, m.type)) {
        r->flags |= REQ_SILENT;
    } else if (m.line >= dev->ngpio) {
        r->line = m.line;
        r->type = (uint8_t)m.type;
        r->flags |= REQ_NO_LINE;
    } else {
        enqueue(dev, r, &m);
    }
    return 1;
}

/* ---- stop and resume ------------------------------------------------------------ */

/* What is with the backend ends unheard, the rest is forgotten. The buffers are gone,
 * unless it was the other ring: then they go back, in their turn. */
void vgpio_draft_req_drop(struct vgpio_draft_dev *dev)
{
    uint8_t keep = (dev->queue_flags[TX] & QUEUE_STARTED) != 0 ? (uint8_t)REQ_LAST : 0u;
    uint16_t n;

    for (n = 0; n < dev->req_count; n++) {
        uint16_t i = nth(dev, n);
        struct vgpio_req *r = &dev->reqs[i];

        r->flags = (uint8_t)(REQ_SILENT | (r->flags & keep));
        if (r->state == REQ_ACTIVE) {
            dev->lines[r->line].q_first = dev->lines[r->line].q_last = i;
            r->next = VGPIO_NIL;
        } else { /* behind that one, if it was not done */
            r->state = REQ_DONE;
        }
    }
    if (keep == 0) {
        dev->tx_open = 0;
        dev->tx_skip = 0;
    }
}

/* Is everything answered that can be? Without a buffer to write to nothing can: then, and
 * only then, there are requests that are done and still here. */
int vgpio_draft_req_drained(const struct vgpio_draft_dev *dev)
{
    return dev->in_flight == 0 && (!dev->tx_open || dev->rx_short);
}
