/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests: from the chain through the line's queue and the backend to the answer. */
#include "codec.h"
#include "device_impl.h"

/* ---- slots and the queue of a line -------------------------------------- */

/* Free every slot; tokens that are out become stale. */
void vgpio_req_forget(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        struct vgpio_req *r = &dev->reqs[i];

        if (r->state != REQ_FREE) {
            r->gen++;
        }
        r->state = REQ_FREE;
        r->next = (uint16_t)(i + 1u == dev->nreqs ? VGPIO_NIL : i + 1u);
    }
    dev->req_free = 0;
}

/* Put a request at the end of its line's queue. */
static void link_last(struct vgpio_dev *dev, struct vgpio_line *l, uint16_t i)
{
    dev->reqs[i].next = VGPIO_NIL;
    if (l->q_first == VGPIO_NIL) {
        l->q_first = i;
    } else {
        dev->reqs[l->q_last].next = i;
    }
    l->q_last = i;
}

static struct vgpio_req *append(struct vgpio_dev *dev, uint16_t line)
{
    uint16_t i = dev->req_free;
    struct vgpio_req *r = &dev->reqs[i];

    dev->req_free = r->next;
    link_last(dev, &dev->lines[line], i);
    r->line = line;
    r->flags = 0;
    return r;
}

/* The token of a slot that is freed means nothing any more. */
static void free_slot(struct vgpio_dev *dev, uint16_t i)
{
    struct vgpio_req *r = &dev->reqs[i];

    r->state = REQ_FREE;
    r->gen++;
    r->next = dev->req_free;
    dev->req_free = i;
}

/* Take the first request of a line out and free its slot. */
static void free_first(struct vgpio_dev *dev, struct vgpio_line *l)
{
    uint16_t i = l->q_first;

    l->q_first = dev->reqs[i].next;
    free_slot(dev, i);
}

/* ---- what is told of them -------------------------------------------------- */

#if VGPIO_CFG_TRACE

static int tells_each(const struct vgpio_dev *dev)
{
    return dev->counts == NULL || dev->counts->each != 0;
}

static void count(struct vgpio_dev *dev, unsigned requests, unsigned answers,
                  unsigned errors)
{
    struct vgpio_dev_counts *c = dev->counts;

    if (c != NULL) {
        c->requests += requests;
        c->answers += answers;
        c->errors += errors;
    }
}

#else
#define tells_each(dev) 0
#define count(dev, requests, answers, errors) ((void)0)
#endif

static void tell_request(struct vgpio_dev *dev, const struct vgpio_request *m)
{
    count(dev, 1, 0, 0);
    if (tells_each(dev)) {
        TRACE(dev, VGPIO_TR_REQUEST, TRACE_T(m->type, m->line), m->value);
    }
}

/* `t`: as the trace has it. */
static void tell_answer(struct vgpio_dev *dev, uint32_t t, unsigned status,
                        unsigned value)
{
    count(dev, 0, 1, status != VGPIO_STATUS_OK);
    if (tells_each(dev)) {
        TRACE(dev, VGPIO_TR_ANSWER, t, status << 8 | value);
    }
}

/* ---- answers -------------------------------------------------------------- */

/* Give a chain back with as much of {status, value} as it has room for. */
static void answer(struct vgpio_dev *dev, struct vgpio_taken *t,
                   const struct vgpio_response *response)
{
    int err;

    vgpio_response_encode(t->answer, response);
    err = vgpio_devq_answer(&dev->q[VGPIO_REQUESTQ], t, 1);
    if (err == VGPIO_ERR_IO) { /* the memory went away since it was seen */
        TRACE(dev, VGPIO_TR_CHAIN_BAD, VGPIO_REQUESTQ, t->head.id);
    } else {
        vgpio_dev_staged(dev, VGPIO_REQUESTQ, err);
    }
}

static void answer_first(struct vgpio_dev *dev, struct vgpio_line *l)
{
    const struct vgpio_req *r = &dev->reqs[l->q_first];
    struct vgpio_response response;
    struct vgpio_taken t;

    response.status = r->status;
    response.value = r->answer;
    t.head = r->head;
    t.gpa[0] = r->status_gpa;
    t.gpa[1] = r->value_gpa;
    t.room = 2;
    tell_answer(dev, TRACE_T(r->type, r->line), r->status, r->answer);
    answer(dev, &t, &response);
    free_first(dev, l);
}

/* ---- running a line ------------------------------------------------------- */

static int start_direction(struct vgpio_dev *dev, const struct vgpio_req *r,
                           vgpio_token token)
{
    struct vgpio_line *l = &dev->lines[r->line];

    if (r->arg == VGPIO_DIR_OUT && l->irq_type != VGPIO_IRQ_NONE) {
        return VGPIO_ERR_STATE;
    }
    if (r->arg == VGPIO_DIR_NONE) { /* "discard all state of that line" (GPIO-DEV-08) */
        vgpio_irq_off(dev, r->line);
        l->dir = VGPIO_DIR_NONE;
        l->out_value = 0;
    }
    return DEV_OP(dev, set_direction) == NULL
               ? VGPIO_ERR_NOTSUP
               : dev->ops->set_direction(dev->ctx, r->line, r->arg, l->out_value, token);
}

static int start_value(struct vgpio_dev *dev, const struct vgpio_req *r,
                       vgpio_token token)
{
    struct vgpio_line *l = &dev->lines[r->line];

    if (l->dir != VGPIO_DIR_OUT) { /* staged until the line becomes an output */
        l->out_value = r->arg;
        return 0;
    }
    return DEV_OP(dev, set_value) == NULL
               ? VGPIO_ERR_NOTSUP
               : dev->ops->set_value(dev->ctx, r->line, r->arg, token);
}

static int start_irq_type(struct vgpio_dev *dev, const struct vgpio_req *r,
                          vgpio_token token)
{
    if (r->arg == VGPIO_IRQ_NONE) {
        vgpio_irq_off(dev, r->line);
    } else if (dev->lines[r->line].dir == VGPIO_DIR_OUT) {
        return VGPIO_ERR_STATE;
    } else {
        vgpio_irq_arm(dev, r->line);
    }
    return dev->ops->set_irq_type(dev->ctx, r->line, r->arg, token);
}

static int read_value(struct vgpio_dev *dev, const struct vgpio_req *r, vgpio_token token)
{
    return DEV_OP(dev, get_value) == NULL ? VGPIO_ERR_NOTSUP
                                          : dev->ops->get_value(dev->ctx, r->line, token);
}

static int call_op(struct vgpio_dev *dev, const struct vgpio_req *r, vgpio_token token)
{
    switch (r->type) {
    case VGPIO_MSG_GET_DIRECTION:
        return DEV_OP(dev, get_direction) == NULL
                   ? VGPIO_ERR_NOTSUP
                   : dev->ops->get_direction(dev->ctx, r->line, token);
    case VGPIO_MSG_GET_VALUE:
        return read_value(dev, r, token);
    case VGPIO_MSG_SET_DIRECTION:
        return start_direction(dev, r, token);
    case VGPIO_MSG_SET_VALUE:
        return start_value(dev, r, token);
    default:
        return start_irq_type(dev, r, token);
    }
}

/* What a backend's result means for the line and for the answer. */
static void settle(struct vgpio_dev *dev, struct vgpio_req *r, int result)
{
    struct vgpio_line *l = &dev->lines[r->line];
    int ok = result >= 0;

    r->answer = 0;
    switch (r->type) {
    case VGPIO_MSG_GET_DIRECTION:
        ok = ok && result <= VGPIO_DIR_IN;
        if (ok) {
            l->dir = r->answer = (uint8_t)result;
        }
        break;
    case VGPIO_MSG_GET_VALUE:
        ok = ok && result <= 1;
        r->answer = ok ? (uint8_t)result : 0;
        break;
    case VGPIO_MSG_SET_VALUE:
        l->out_value = ok ? r->arg : l->out_value;
        break;
    default:
        if (r->arg == 0) { /* NONE cannot fail, whatever the backend says */
            if (!ok) {
                TRACE(dev, VGPIO_TR_NONE_OVERRULED, TRACE_T(r->type, r->line), result);
            }
            ok = 1;
        } else if (r->type == VGPIO_MSG_SET_IRQ_TYPE) {
            vgpio_irq_armed(dev, r->line, r->arg, ok);
        } else if (ok) {
            l->dir = r->arg;
        }
        break;
    }
    r->status = ok ? VGPIO_STATUS_OK : VGPIO_STATUS_ERR;
    r->state = REQ_DONE;
}

/* An op has returned. The request may have been completed inside it: then the result says
 * nothing new. */
static void returned(struct vgpio_dev *dev, struct vgpio_req *r, int result)
{
    if (result != VGPIO_PENDING && r->state == REQ_ACTIVE) {
        dev->in_flight--;
        settle(dev, r, result);
    }
}

static void start(struct vgpio_dev *dev, uint16_t i)
{
    struct vgpio_req *r = &dev->reqs[i];

    r->state = REQ_ACTIVE;
    dev->in_flight++;
    returned(dev, r, call_op(dev, r, (vgpio_token)r->gen << 16 | i));
}

/* Do what can be done for a line: answer what is known, start what is next. */
void vgpio_req_run(struct vgpio_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    while (l->q_first != VGPIO_NIL) {
        struct vgpio_req *r = &dev->reqs[l->q_first];

        if ((r->flags & REQ_OLD) != 0 || dev->broken) {
            return;
        }
        if (r->state == REQ_QUEUED) {
            start(dev, l->q_first);
            vgpio_irq_run(dev, line);
        }
        if (r->state != REQ_DONE || !vgpio_dev_answers(dev, VGPIO_REQUESTQ)) {
            return;
        }
        answer_first(dev, l);
    }
}

int vgpio_req_complete(struct vgpio_dev *dev, vgpio_token token, int result)
{
    uint32_t i = token & 0xffffu;
    struct vgpio_req *r = i < dev->nreqs ? &dev->reqs[i] : NULL;
    unsigned state = r != NULL && r->gen == token >> 16 ? r->state : REQ_FREE;

    if (state != REQ_ACTIVE && state != REQ_ZOMBIE) {
        TRACE(dev, VGPIO_TR_TOKEN_STALE, token, result);
        return VGPIO_ERR_STALE;
    }
    if (result == VGPIO_PENDING) {
        return VGPIO_ERR_INVAL;
    }
    dev->in_flight--;
    settle(dev, r, result);
    if (state == REQ_ZOMBIE) {
        TRACE(dev, VGPIO_TR_ANSWER_DROPPED, TRACE_T(r->type, r->line), result);
        free_first(dev, &dev->lines[r->line]);
    }
    vgpio_dev_mark(dev, r->line);
    return 0;
}

/* ---- from the ring -------------------------------------------------------- */

/* A status, then the names; returns bytes written. */
static uint32_t write_names(struct vgpio_dev *dev, struct vgpio_chain *chain)
{
    struct vgpio_devq *q = &dev->q[VGPIO_REQUESTQ];
    uint8_t status = VGPIO_STATUS_OK;
    uint64_t gpa;
    uint32_t len;

    if (vgpio_chain_where(chain, &gpa) != 0) {
        return 0;
    }
    len = vgpio_mem_write(q->mem, gpa, &status, 1) == 0;
    len += vgpio_chain_write(chain, dev->names, dev->names_size);
    /* No room: the status alone is certain. Unless it was no room but a guest that
     * changed the chain after it was seen to be good: a broken ring is written to no
     * more. */
    if (len != 1u + dev->names_size && vgpio_devq_error(q) == 0) {
        status = VGPIO_STATUS_ERR;
        len = vgpio_mem_write(q->mem, gpa, &status, 1) == 0 ? 1 : 0;
    }
    tell_answer(dev, TRACE_T(VGPIO_MSG_GET_LINE_NAMES, 0), status, 0);
    return len;
}

/* They do not fit a short answer: a cursor writes them, so the chain is walked again.
 * What it asks for was decided the first time. */
static int answer_names(struct vgpio_dev *dev, struct vgpio_head head)
{
    struct vgpio_devq *q = &dev->q[VGPIO_REQUESTQ];
    struct vgpio_chain chain;
    int got;

    vgpio_devq_unpop(q, head);
    got = vgpio_devq_pop(q, &chain);
    if (got > 0) {
        vgpio_dev_push(dev, VGPIO_REQUESTQ, chain.head, write_names(dev, &chain));
    }
    return got;
}

/* All 32 bits of the value count. */
static int value_valid(const struct vgpio_dev *dev, const struct vgpio_request *m)
{
    switch (m->type) {
    case VGPIO_MSG_GET_DIRECTION:
    case VGPIO_MSG_GET_VALUE:
        return 1;
    case VGPIO_MSG_SET_DIRECTION:
        return m->value <= VGPIO_DIR_IN;
    case VGPIO_MSG_SET_VALUE:
        return m->value <= 1;
    case VGPIO_MSG_SET_IRQ_TYPE:
        return (dev->features & VGPIO_F_IRQ) != 0 &&
               (m->value <= VGPIO_IRQ_LEVEL_HIGH || m->value == VGPIO_IRQ_LEVEL_LOW);
    default:
        return 0;
    }
}

static void take(struct vgpio_dev *dev, const struct vgpio_taken *t,
                 const struct vgpio_request *m)
{
    struct vgpio_req *r = append(dev, m->line);

    r->head = t->head;
    r->status_gpa = t->gpa[0];
    r->value_gpa = t->gpa[1];
    r->type = (uint8_t)m->type;
    r->arg = (uint8_t)m->value;
    r->state = REQ_QUEUED;
    if (!value_valid(dev, m)) { /* answered in its turn, like any other */
        r->status = VGPIO_STATUS_ERR;
        r->answer = 0;
        r->state = REQ_DONE;
    }
    vgpio_dev_mark(dev, m->line);
}

/* One request, whatever it is. Room for the answer was found, and seen to map, before
 * anything is done. */
static PORT_NOINLINE int work_off(struct vgpio_dev *dev, struct vgpio_taken *t)
{
    static const struct vgpio_response refused = {VGPIO_STATUS_ERR, 0};
    struct vgpio_request m;

    vgpio_request_decode(&m, t->request);
    if (t->got < VGPIO_REQUEST_SIZE || t->room == 0) {
        TRACE(dev, t->got == 0 && t->room != 0 ? VGPIO_TR_DIALECT : VGPIO_TR_CHAIN_BAD,
              VGPIO_REQUESTQ, t->head.id);
        answer(dev, t, &refused);
        return 1;
    }
    tell_request(dev, &m);
    if (m.type == VGPIO_MSG_GET_LINE_NAMES && dev->names_size != 0) {
        return answer_names(dev, t->head);
    }
    if (m.line >= dev->ngpio || t->room < 2 || m.type == VGPIO_MSG_GET_LINE_NAMES) {
        tell_answer(dev, TRACE_T(m.type, m.line), VGPIO_STATUS_ERR, 0);
        answer(dev, t, &refused);
    } else {
        take(dev, t, &m);
    }
    return 1;
}

#if VGPIO_CFG_FAST

/* Stack is dear where addresses are short. */
#define MANY (UINTPTR_MAX > 0xffffffffu ? 32u : 8u)

/* Not answered at once: it waits in the queue of its line. */
static void queue_up(struct vgpio_dev *dev, uint16_t i, const struct vgpio_taken *t)
{
    struct vgpio_req *r = &dev->reqs[i];

    dev->req_free = r->next;
    link_last(dev, &dev->lines[r->line], i);
    r->head = t->head;
    r->status_gpa = t->gpa[0];
    r->value_gpa = t->gpa[1];
    vgpio_dev_mark(dev, r->line);
}

/* What most requests are: nothing of their line is under way, and the lines are asked one
 * simple thing. */
static PORT_INLINE int is_simple(const struct vgpio_dev *dev, const struct vgpio_taken *t,
                                 const struct vgpio_request *m)
{
    return t->got == VGPIO_REQUEST_SIZE && t->room == 2 && m->line < dev->ngpio &&
           (m->type == VGPIO_MSG_GET_VALUE ||
            (m->type == VGPIO_MSG_SET_VALUE && m->value <= 1)) &&
           dev->lines[m->line].q_first == VGPIO_NIL &&
           (dev->lines[m->line].flags & LINE_MARKED) == 0;
}

/* What the lines say to the request in the first free slot, which stays there meanwhile:
 * nobody else can take one. 0 or 1 is all the answer there is; at anything else, and at a
 * report that the guest has to hear first, the request goes on the general way: -1. */
static PORT_INLINE int ask(struct vgpio_dev *dev, struct vgpio_req *r,
                           struct vgpio_line *l, vgpio_token token)
{
    int get = r->type == VGPIO_MSG_GET_VALUE;
    int result = get ? read_value(dev, r, token) : start_value(dev, r, token);

    if ((unsigned)result > 1 || r->state != REQ_ACTIVE || (l->flags & LINE_MARKED) != 0) {
        returned(dev, r, result);
        return -1;
    }
    r->gen++; /* the token means nothing any more */
    if (get) {
        return result;
    }
    l->out_value = r->arg;
    return 0;
}

/* Ask for as many of the simple requests as are answered at once; how many that were. The
 * next one may be under way: then its slot is not free any more. */
static PORT_INLINE unsigned ask_many(struct vgpio_dev *dev, struct vgpio_taken *t,
                                     unsigned n)
{
    uint16_t slot = dev->req_free;
    struct vgpio_req *r = &dev->reqs[slot];
    int level = 0, each = tells_each(dev);
    unsigned i;

    r->flags = 0;
    r->state = REQ_ACTIVE;
    dev->in_flight++;
    for (i = 0; i < n; i++, t++) {
        struct vgpio_request m;

        codec_request(&m, t->request);
        if (!is_simple(dev, t, &m)) {
            break;
        }
        if (each) {
            TRACE(dev, VGPIO_TR_REQUEST, TRACE_T(m.type, m.line), m.value);
        }
        r->line = m.line;
        r->type = (uint8_t)m.type;
        r->arg = (uint8_t)m.value;
        level = ask(dev, r, &dev->lines[m.line], (vgpio_token)r->gen << 16 | slot);
        if (level < 0) {
            queue_up(dev, slot, t);
            break;
        }
        t->answer[0] = VGPIO_STATUS_OK;
        t->answer[1] = (uint8_t)level;
        if (each) {
            TRACE(dev, VGPIO_TR_ANSWER, TRACE_T(m.type, m.line), level);
        }
    }
    count(dev, i + (level < 0), i, 0);
    if (level >= 0) {
        r->state = REQ_FREE;
        dev->in_flight--;
    }
    return i;
}

static PORT_INLINE void answer_all(struct vgpio_dev *dev, const struct vgpio_taken *t,
                                   unsigned n)
{
    int err = vgpio_devq_answer(&dev->q[VGPIO_REQUESTQ], t, n);

    if (err == VGPIO_ERR_IO) {
        TRACE(dev, VGPIO_TR_CHAIN_BAD, VGPIO_REQUESTQ, t->head.id);
    } else if (err != VGPIO_OK) {
        vgpio_dev_staged(dev, VGPIO_REQUESTQ, err);
    }
}

/* Simple requests go without the queues of lines, many in one go. The first that is not
 * simple is worked off the general way, after the answers to those before it; what was
 * taken behind it goes back to the ring. */
static PORT_INLINE int work_off_many(struct vgpio_dev *dev, struct vgpio_taken *t,
                                     unsigned n)
{
    uint16_t slot = dev->req_free;
    unsigned done = ask_many(dev, t, n);
    int got = (int)n;

    if (done != 0) {
        answer_all(dev, t, done);
    }
    if (done == n || dev->broken) {
        return got;
    }
    while (n > done + 1u) {
        vgpio_devq_unpop(&dev->q[VGPIO_REQUESTQ], t[--n].head);
    }
    got = dev->req_free != slot ? 1 : work_off(dev, &t[done]);
    return got > 0 ? (int)n : got;
}

/* In a loop; one that comes alone needs none. */
static PORT_NOINLINE int work_off_several(struct vgpio_dev *dev, struct vgpio_taken *t,
                                          unsigned n)
{
    return work_off_many(dev, t, n);
}

int vgpio_req_pop(struct vgpio_dev *dev, uint32_t budget)
{
    struct vgpio_taken t[MANY];
    int got = vgpio_devq_take(&dev->q[VGPIO_REQUESTQ], t, VGPIO_REQUEST_SIZE,
                              budget < MANY ? budget : MANY);

    if (got == 1) {
        return work_off_many(dev, t, 1);
    }
    return got > 0 ? work_off_several(dev, t, (unsigned)got) : got;
}

#else

int vgpio_req_pop(struct vgpio_dev *dev, uint32_t budget)
{
    struct vgpio_taken t;
    int got = vgpio_devq_take(&dev->q[VGPIO_REQUESTQ], &t, VGPIO_REQUEST_SIZE, 1);

    (void)budget;
    return got > 0 ? work_off(dev, &t) : got;
}

#endif

/* ---- stop and resume ------------------------------------------------------- */

/* The ring is let go of: what is here waits for the verdict. */
void vgpio_req_hold(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        dev->reqs[i].flags = REQ_OLD; /* to free slots and zombies it means nothing */
    }
}

void vgpio_req_mark_all(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        if (dev->reqs[i].state != REQ_FREE) {
            vgpio_dev_mark(dev, dev->reqs[i].line);
        }
    }
}

/* Every stopped ring goes on where it was: so does what was held. */
void vgpio_req_resume(struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        dev->reqs[i].flags = 0;
    }
    vgpio_req_mark_all(dev);
}

/* Forget a request, unless the backend has it: then it keeps its line and its slot. */
static int forget_one(struct vgpio_dev *dev, uint16_t i)
{
    struct vgpio_req *r = &dev->reqs[i];

    if (r->state == REQ_ACTIVE || r->state == REQ_ZOMBIE) {
        r->state = REQ_ZOMBIE;
        r->flags = 0;
        return 0;
    }
    free_slot(dev, i);
    return 1;
}

static void drop_of_line(struct vgpio_dev *dev, struct vgpio_line *l, int only_old)
{
    uint16_t i = l->q_first, next;

    l->q_first = VGPIO_NIL;
    for (; i != VGPIO_NIL; i = next) {
        next = dev->reqs[i].next;
        if ((only_old && (dev->reqs[i].flags & REQ_OLD) == 0) || !forget_one(dev, i)) {
            link_last(dev, l, i);
        }
    }
}

/* Forget the requests of a ring that is gone (only_old: of the ring before this one). */
void vgpio_req_drop(struct vgpio_dev *dev, int only_old)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        if (dev->reqs[i].state != REQ_FREE) {
            uint16_t line = dev->reqs[i].line;

            drop_of_line(dev, &dev->lines[line], only_old);
            vgpio_dev_mark(dev, line);
        }
    }
}

/* Is everything answered that can be? What waits for a verdict cannot, nor what stands
 * behind it in the queue of its line. */
int vgpio_req_drained(const struct vgpio_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->nreqs; i++) {
        const struct vgpio_req *r = &dev->reqs[i];

        if (r->state != REQ_FREE && r->state != REQ_ZOMBIE) {
            const struct vgpio_req *first = &dev->reqs[dev->lines[r->line].q_first];

            if (((r->flags | first->flags) & REQ_OLD) == 0) {
                return 0;
            }
        }
    }
    return 1;
}
