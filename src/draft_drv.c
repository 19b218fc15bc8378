/* SPDX-License-Identifier: BSD-3-Clause */
/* The draft's dialect of the driver.
 *
 * Requests stand in a queue in the order of submission, through the `next` of their
 * slots, until they are answered: by the device, or, for what the draft has no message
 * for, here, once all before them are. A slot is free after both its answer and its
 * buffer came. */
#include <virtiogpio/draft.h>

#include "dialect.h"
#include "port.h"

#define CONFIG_TRIES 8
#define NO_SLOT 0xffffu
#define NO_LINE 0x10000u

/* Of a request's state. */
enum {
    REQ_RETURNED = VGPIO_SLOT_USER,      /* its buffer came back */
    REQ_ANSWERED = VGPIO_SLOT_USER << 1, /* not in the queue any more */
    REQ_LOCAL = VGPIO_SLOT_USER << 2,    /* the device does not hear of it */
    REQ_HIDDEN = VGPIO_SLOT_USER << 3,   /* sent for the sake of the next one */
    REQ_SPOILT = VGPIO_SLOT_USER << 4    /* the hidden one before it was refused */
};

/* Words of vgpio_drv::own. */
enum {
    FIRST,    /* of the queue */
    LAST,     /* ... valid if there is a first */
    ASKED,    /* requests the device has not answered */
    TOLD,     /* levels told in this turn: 1 some, 2 and since then nothing else */
    NREADY,   /* lines with an interrupt to deliver */
    LOOK_FROM /* the line to look for one from */
};

/* A line's word of irq_map. */
#define LINE_OUT 0x0001u
#define LINE_IN 0x0002u
#define LINE_VALUE 0x0004u /* what SET_VALUE said last */
#define LINE_TYPE(word) ((word) >> 3 & 15u)
#define LINE_SET_TYPE(type) ((unsigned)(type) << 3)
#define LINE_ENABLED 0x0080u
#define LINE_UNMASKED 0x0100u
#define LINE_LATCHED 0x0200u
#define LINE_HIGH 0x0400u  /* the level as last reported */
#define LINE_KNOWN 0x0800u /* ... if it is known */
#define LINE_READY 0x1000u
#define LINE_REQUESTED 0x2000u
#define LINE_TOLD 0x4000u /* its level was, in this turn */
#define LINE_IRQ (LINE_SET_TYPE(15) | LINE_ENABLED | LINE_UNMASKED | LINE_LATCHED)

static void set_bits(uint16_t *word, unsigned clear, unsigned set)
{
    *word = (uint16_t)((*word & ~clear) | set);
}

static int text2021(const struct vgpio_drv *drv)
{
    return (drv->features & (VGPIO_DRAFT_F_ARBITRATION | VGPIO_DRAFT_F_IRQ)) != 0;
}

/* ---- configuration ---------------------------------------------------- */

static int read_config(struct vgpio_drv *drv, uint8_t raw[VGPIO_DRAFT_CONFIG_SIZE])
{
    static const uint8_t fields[][2] = {{0, 1}, {2, 2}, {4, 4}};
    const struct vgpio_bus_ops *bus = drv->cfg.bus;
    uint32_t before = 0;
    uint32_t after = 0;
    unsigned i, tries = 0;
    int err = 0;

    do {
        if (tries++ == CONFIG_TRIES) {
            return VGPIO_ERR_PROTO;
        }
        if (bus->config_gen != NULL) {
            err = bus->config_gen(drv->cfg.bus_ctx, &before);
        }
        for (i = 0; i < 3 && err >= 0; i++) {
            err = bus->config_read(drv->cfg.bus_ctx, fields[i][0], raw + fields[i][0],
                                   fields[i][1]);
        }
        if (err >= 0 && bus->config_gen != NULL) {
            err = bus->config_gen(drv->cfg.bus_ctx, &after);
        }
        if (err < 0) {
            return err;
        }
    } while (before != after);
    return VGPIO_OK;
}

static int draft_configure(struct vgpio_drv *drv)
{
    uint8_t raw[VGPIO_DRAFT_CONFIG_SIZE];
    struct vgpio_draft_config c;
    uint32_t i;
    int err;

    memset(raw, 0, sizeof raw);
    err = read_config(drv, raw);
    if (err < 0) {
        return err;
    }
    vgpio_draft_config_decode(&c, raw);
    if (c.version != VGPIO_DRAFT_VERSION) {
        vgpio_drv_trace(drv, VGPIO_TR_DIALECT, 0, 0);
        return VGPIO_ERR_NOTSUP;
    }
    if (drv->cfg.nirq == 0) {
        return VGPIO_ERR_NOTSUP;
    }
    if (drv->cfg.irq_map_len < c.ngpio) {
        return VGPIO_ERR_NOSPC;
    }
    drv->ngpio = c.ngpio;
    drv->names_size = c.names_size;
    for (i = 0; i < c.ngpio; i++) {
        drv->cfg.irq_map[i] = 0;
    }
    memset(drv->own, 0, sizeof drv->own);
    drv->own[FIRST] = NO_SLOT;
    return VGPIO_OK;
}

/* ---- receive buffers -------------------------------------------------- */

static int post(struct vgpio_drv *drv, unsigned slot)
{
    uint8_t *cell = vgpio_drv_cell(drv, slot);

    /* A device that writes nothing says nothing: type 0 is no message. */
    memset(cell + VGPIO_CELL_WRITE, 0, VGPIO_DRAFT_MSG_SIZE);
    return vgpio_drv_stage(drv, slot, NULL);
}

/* All of them are posted. */
static unsigned buffers(const struct vgpio_drv *drv)
{
    unsigned n = drv->q[VGPIO_DRAFT_TO_DRIVER].size;

    return n < drv->cfg.nirq ? n : drv->cfg.nirq;
}

static int draft_ready(struct vgpio_drv *drv)
{
    int err = VGPIO_OK;
    int slot;

    while (err >= 0 && (slot = vgpio_drv_take(drv, VGPIO_SLOT_EVENT, NULL)) >= 0) {
        err = post(drv, (uint16_t)slot);
    }
    return err;
}

/* ---- interrupts, made here from levels -------------------------------- */

static int deliverable(unsigned word)
{
    unsigned type = LINE_TYPE(word);

    if ((word & (LINE_ENABLED | LINE_UNMASKED)) != (LINE_ENABLED | LINE_UNMASKED)) {
        return 0;
    }
    if (type == VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW) {
        /* Known: that came with what enabled it. */
        return ((word & LINE_HIGH) != 0) == (type == VGPIO_IRQ_LEVEL_HIGH);
    }
    return (word & LINE_LATCHED) != 0;
}

static void irq_update(struct vgpio_drv *drv, uint16_t line)
{
    uint16_t *word = &drv->cfg.irq_map[line];
    int was = (*word & LINE_READY) != 0;
    int now = deliverable(*word);

    if (now && !was) {
        drv->own[NREADY]++;
        drv->own[LOOK_FROM] = line;
        set_bits(word, 0, LINE_READY);
    } else if (was && !now) {
        drv->own[NREADY]--;
        set_bits(word, LINE_READY, 0);
    }
}

/* A report: the level is `level` now. As each change is reported, one that repeats the
 * level stands for two changes or more. */
static void level_report(struct vgpio_drv *drv, uint16_t line, unsigned level)
{
    uint16_t *word = &drv->cfg.irq_map[line];
    unsigned before = (*word & LINE_HIGH) != 0;
    unsigned edges = level != 0 ? VGPIO_RISING : VGPIO_FALLING;

    if ((*word & LINE_KNOWN) != 0 && before == level) {
        edges = VGPIO_RISING | VGPIO_FALLING;
    }
    set_bits(word, LINE_HIGH, LINE_KNOWN | (level != 0 ? LINE_HIGH : 0u));
    if ((*word & LINE_ENABLED) != 0 && LINE_TYPE(*word) <= VGPIO_IRQ_EDGE_BOTH &&
        (LINE_TYPE(*word) & edges) != 0) {
        set_bits(word, 0, LINE_LATCHED);
    }
    irq_update(drv, line);
}

static int draft_unmask(struct vgpio_drv *drv, uint16_t line)
{
    uint16_t *word = &drv->cfg.irq_map[line];

    if (LINE_TYPE(*word) == VGPIO_IRQ_NONE) {
        return VGPIO_ERR_STATE;
    }
    set_bits(word, 0, LINE_UNMASKED);
    irq_update(drv, line);
    return VGPIO_OK;
}

/* The next line to tell of, or NO_LINE. */
static uint32_t irq_next(const struct vgpio_drv *drv)
{
    uint32_t line = drv->own[LOOK_FROM];
    uint32_t i;

    for (i = 0; drv->own[NREADY] != 0 && i < drv->ngpio; i++) {
        if ((drv->cfg.irq_map[line] & (LINE_READY | LINE_TOLD)) == LINE_READY) {
            return line;
        }
        line = line + 1u < drv->ngpio ? line + 1u : 0u;
    }
    return NO_LINE;
}

/* A turn of the user's ends when he polled in vain, which asks here twice. Only then is a
 * level told again: who unmasks before it is quiet would poll for ever, and never flush
 * what quiets it. */
static void turn_ends(struct vgpio_drv *drv)
{
    uint32_t i;

    if (drv->own[TOLD] == 0 || drv->own[TOLD]++ == 1) {
        return;
    }
    for (i = 0; i < drv->ngpio; i++) {
        set_bits(&drv->cfg.irq_map[i], LINE_TOLD, 0);
    }
    drv->own[TOLD] = 0;
}

static void irq_event(struct vgpio_drv *drv, uint16_t line, struct vgpio_drv_event *ev)
{
    ev->kind = VGPIO_IRQ;
    ev->line = line;
    ev->type = (uint16_t)LINE_TYPE(drv->cfg.irq_map[line]);
    ev->result = 0;
    ev->cookie = NULL;
    if (ev->type > VGPIO_IRQ_EDGE_BOTH) {
        set_bits(&drv->cfg.irq_map[line], 0, LINE_TOLD);
        drv->own[TOLD] = 1;
    }
    set_bits(&drv->cfg.irq_map[line], LINE_UNMASKED | LINE_LATCHED, 0);
    irq_update(drv, line);
    drv->own[LOOK_FROM] = (uint16_t)(line + 1u < drv->ngpio ? line + 1u : 0u);
    vgpio_drv_trace(drv, VGPIO_TR_IRQ_VALID, line, 0);
}

/* ---- the queue of requests -------------------------------------------- */

static void enqueue(struct vgpio_drv *drv, uint16_t slot)
{
    drv->cfg.slots[slot].next = NO_SLOT;
    if (drv->own[FIRST] == NO_SLOT) {
        drv->own[FIRST] = slot;
    } else {
        drv->cfg.slots[drv->own[LAST]].next = slot;
    }
    drv->own[LAST] = slot;
}

static void dequeue(struct vgpio_drv *drv, uint16_t slot, uint16_t before)
{
    uint16_t next = drv->cfg.slots[slot].next;

    if (before == NO_SLOT) {
        drv->own[FIRST] = next;
    } else {
        drv->cfg.slots[before].next = next;
    }
    if (drv->own[LAST] == slot) {
        drv->own[LAST] = before;
    }
}

/* One of the two ends of a request. */
static void half_done(struct vgpio_drv *drv, unsigned slot, unsigned half)
{
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];

    s->state = (uint8_t)(s->state | half);
    if ((s->state & (REQ_RETURNED | REQ_ANSWERED)) == (REQ_RETURNED | REQ_ANSWERED)) {
        vgpio_drv_give(drv, slot);
    }
}

/* ---- what to ask for -------------------------------------------------- */

/* How a request of driver.h is made: a message, none, or one before it whose answer
 * matters only if it is bad. */
struct plan {
    uint16_t before, type; /* 0: none; no type: answered here */
    int32_t before_value, value;
};

static int irq_type_ok(uint32_t type)
{
    return type <= VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW;
}

static int plan_direction(const struct vgpio_drv *drv, const struct vgpio_request *req,
                          struct plan *p)
{
    unsigned word = drv->cfg.irq_map[req->line];

    if (req->value > VGPIO_DIR_IN) {
        return VGPIO_ERR_INVAL;
    }
    if (req->value != VGPIO_DIR_IN && LINE_TYPE(word) != VGPIO_IRQ_NONE) {
        return VGPIO_ERR_STATE;
    }
    if (req->value == VGPIO_DIR_NONE) {
        if ((drv->features & VGPIO_DRAFT_F_ARBITRATION) != 0) {
            p->type = VGPIO_DRAFT_RELEASE;
        }
        return VGPIO_OK;
    }
    p->type = req->value == VGPIO_DIR_IN ? VGPIO_DRAFT_DIRECTION_INPUT
                                         : VGPIO_DRAFT_DIRECTION_OUTPUT;
    p->value = req->value == VGPIO_DIR_OUT && (word & LINE_VALUE) != 0;
    if ((word & LINE_REQUESTED) == 0 && drv->cfg.nreq > 1 && buffers(drv) > 1) {
        p->before = VGPIO_DRAFT_REQUEST;
    }
    return VGPIO_OK;
}

static int plan_irq(const struct vgpio_drv *drv, const struct vgpio_request *req,
                    struct plan *p)
{
    unsigned word = drv->cfg.irq_map[req->line];
    int masks = (drv->features & VGPIO_DRAFT_F_IRQ) != 0;

    if (!irq_type_ok(req->value)) {
        return VGPIO_ERR_INVAL;
    }
    if (!VGPIO_CFG_IRQ) {
        return VGPIO_ERR_NOTSUP;
    }
    if (req->value == VGPIO_IRQ_NONE) {
        p->type = masks ? VGPIO_DRAFT_SET_IRQ : 0;
        return VGPIO_OK;
    }
    if (LINE_TYPE(word) != VGPIO_IRQ_NONE || (word & LINE_OUT) != 0) {
        return VGPIO_ERR_STATE;
    }
    /* The level is what edges are told from. */
    p->type = VGPIO_DRAFT_GET_LEVEL;
    if (masks && (drv->cfg.nreq == 1 || drv->q[VGPIO_DRAFT_FROM_DRIVER].size == 1)) {
        return VGPIO_ERR_NOTSUP; /* for two messages there is never room */
    }
    if (masks) {
        p->before = VGPIO_DRAFT_SET_IRQ;
        p->before_value =
            VGPIO_DRAFT_IRQ_RISING | VGPIO_DRAFT_IRQ_FALLING | VGPIO_DRAFT_IRQ_ALWAYS;
    }
    return VGPIO_OK;
}

static int plan_for(const struct vgpio_drv *drv, const struct vgpio_request *req,
                    struct plan *p)
{
    memset(p, 0, sizeof *p);
    switch (req->type) {
    case VGPIO_MSG_GET_DIRECTION:
        p->type = VGPIO_DRAFT_GET_DIRECTION;
        return VGPIO_OK;
    case VGPIO_MSG_GET_VALUE:
        p->type = VGPIO_DRAFT_GET_LEVEL;
        return VGPIO_OK;
    case VGPIO_MSG_SET_VALUE:
        if (req->value > 1) {
            return VGPIO_ERR_INVAL;
        }
        if ((drv->cfg.irq_map[req->line] & LINE_OUT) != 0) {
            p->type = VGPIO_DRAFT_SET_LEVEL;
            p->value = (int32_t)req->value;
        }
        return VGPIO_OK;
    case VGPIO_MSG_SET_DIRECTION:
        return plan_direction(drv, req, p);
    case VGPIO_MSG_SET_IRQ_TYPE:
        return plan_irq(drv, req, p);
    default:
        return VGPIO_ERR_INVAL;
    }
}

/* What the driver remembers of a request that was staged. */
static void remember(struct vgpio_drv *drv, const struct vgpio_request *req,
                     const struct plan *p)
{
    uint16_t *word = &drv->cfg.irq_map[req->line];

    switch (req->type) {
    case VGPIO_MSG_SET_VALUE:
        set_bits(word, LINE_VALUE, req->value != 0 ? LINE_VALUE : 0u);
        break;
    case VGPIO_MSG_SET_DIRECTION:
        set_bits(word, LINE_OUT | LINE_IN,
                 req->value == VGPIO_DIR_OUT  ? LINE_OUT
                 : req->value == VGPIO_DIR_IN ? LINE_IN
                                              : 0u);
        if (req->value == VGPIO_DIR_NONE) {
            set_bits(word, LINE_VALUE | LINE_REQUESTED, 0);
        } else if (p->before != 0) {
            set_bits(word, 0, LINE_REQUESTED);
        }
        break;
    case VGPIO_MSG_SET_IRQ_TYPE:
        set_bits(word, LINE_IRQ, LINE_SET_TYPE(req->value));
        irq_update(drv, req->line);
        break;
    default:
        break;
    }
}

/* ---- asking ----------------------------------------------------------- */

static int stage_message(struct vgpio_drv *drv, uint16_t slot,
                         const struct vgpio_request *req, uint16_t type, int32_t value)
{
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];
    struct vgpio_draft_msg m;
    uint8_t *cell = vgpio_drv_cell(drv, slot);
    int err;

    m.type = type;
    m.line = req->line;
    m.value = value;
    vgpio_draft_msg_encode(cell, &m);
    s->line = req->line;
    s->type = (uint8_t)req->type;
    s->pending = type;
    err = vgpio_drv_stage(drv, slot, NULL);
    if (err < 0) {
        vgpio_drv_give(drv, slot);
        return err;
    }
    drv->own[ASKED]++;
    enqueue(drv, slot);
    return VGPIO_OK;
}

/* Old devices drop an answer that finds no buffer: one is kept for what comes unasked. */
static int room_for(const struct vgpio_drv *drv, unsigned n)
{
    unsigned limit = buffers(drv) > 1 ? buffers(drv) - 1u : 1u;

    return drv->own[ASKED] + n <= limit || (drv->own[ASKED] == 0 && n <= limit + 1u);
}

/* A free slot. Buffers of answered requests may be waiting to be taken back: nobody polls
 * for them, as they bring no event. */
static int take_slot(struct vgpio_drv *drv, void *cookie)
{
    int slot = vgpio_drv_take(drv, VGPIO_SLOT_REQ, cookie);
    uint32_t written;
    uint16_t back;
    int got;

    if (slot != VGPIO_ERR_NOSPC) {
        return slot;
    }
    while ((got = vgpio_drvq_get(&drv->q[VGPIO_DRAFT_FROM_DRIVER], &back, &written)) >
           0) {
        half_done(drv, back, REQ_RETURNED);
    }
    return got < 0 ? got : vgpio_drv_take(drv, VGPIO_SLOT_REQ, cookie);
}

static int submit_local(struct vgpio_drv *drv, const struct vgpio_request *req,
                        void *cookie)
{
    int slot = take_slot(drv, cookie);
    struct vgpio_drv_slot *s;

    if (slot < 0) {
        return slot;
    }
    s = &drv->cfg.slots[slot];
    s->line = req->line;
    s->type = (uint8_t)req->type;
    s->pending = 0;
    s->state |= REQ_LOCAL | REQ_RETURNED;
    enqueue(drv, (uint16_t)slot);
    return VGPIO_OK;
}

static int submit_wire(struct vgpio_drv *drv, const struct vgpio_request *req,
                       const struct plan *p, void *cookie)
{
    int hidden = 0;
    int slot, err;

    if (!room_for(drv, p->before != 0 ? 2 : 1)) {
        return VGPIO_ERR_NOSPC;
    }
    slot = take_slot(drv, cookie);
    if (slot < 0) {
        return slot;
    }
    if (p->before != 0) {
        hidden = take_slot(drv, NULL);
        err = hidden;
        if (hidden >= 0) { /* no event carries it */
            drv->cfg.slots[hidden].state = VGPIO_SLOT_ZOMBIE | REQ_HIDDEN;
            err = stage_message(drv, (uint16_t)hidden, req, p->before, p->before_value);
        }
        if (err < 0) {
            vgpio_drv_give(drv, (uint16_t)slot);
            return err;
        }
    }
    return stage_message(drv, (uint16_t)slot, req, p->type, p->value);
}

static int draft_submit(struct vgpio_drv *drv, struct vgpio_request *req, void *cookie)
{
    struct plan p;
    int err = plan_for(drv, req, &p);

    if (err != VGPIO_OK) {
        return err;
    }
    err =
        p.type != 0 ? submit_wire(drv, req, &p, cookie) : submit_local(drv, req, cookie);
    if (err >= 0) {
        remember(drv, req, &p);
    }
    return err;
}

static int draft_read_names(struct vgpio_drv *drv, uint8_t *buf, uint32_t len,
                            void *cookie)
{
    struct vgpio_request req = {VGPIO_MSG_GET_LINE_NAMES, 0, 0};
    int err;

    if (!VGPIO_CFG_NAMES || drv->names_size == 0 ||
        drv->names_size >= (uint32_t)INT32_MAX) {
        return VGPIO_ERR_NOTSUP;
    }
    if (len <= drv->names_size) {
        return VGPIO_ERR_NOSPC;
    }
    buf[0] = VGPIO_STATUS_OK;
    err = drv->cfg.bus->config_read(drv->cfg.bus_ctx, VGPIO_DRAFT_CONFIG_SIZE, buf + 1,
                                    drv->names_size);
    return err < 0 ? err : submit_local(drv, &req, cookie);
}

/* ---- answers ---------------------------------------------------------- */

/* What was refused beforehand spoils the request it was sent for: the next one of its
 * kind on its line. */
static void spoil(struct vgpio_drv *drv, uint16_t hidden)
{
    const struct vgpio_drv_slot *h = &drv->cfg.slots[hidden];
    uint16_t slot = h->next;

    while (slot != NO_SLOT) {
        struct vgpio_drv_slot *s = &drv->cfg.slots[slot];

        if (s->line == h->line && s->type == h->type) {
            s->state |= REQ_SPOILT;
            break;
        }
        slot = s->next;
    }
    set_bits(&drv->cfg.irq_map[h->line], LINE_REQUESTED, 0);
}

/* Is no request of that type for the same line behind this one? Then what the driver
 * remembers of the line is this one's. */
static int last_of(const struct vgpio_drv *drv, uint16_t slot, unsigned type)
{
    const struct vgpio_drv_slot *s = &drv->cfg.slots[slot];
    uint16_t other = s->next;

    while (other != NO_SLOT && (drv->cfg.slots[other].line != s->line ||
                                drv->cfg.slots[other].type != type)) {
        other = drv->cfg.slots[other].next;
    }
    return other == NO_SLOT;
}

static int irq_answered(struct vgpio_drv *drv, uint16_t slot, int result)
{
    uint16_t line = drv->cfg.slots[slot].line;
    uint16_t *word = &drv->cfg.irq_map[line];

    if (LINE_TYPE(*word) != VGPIO_IRQ_NONE &&
        last_of(drv, slot, VGPIO_MSG_SET_IRQ_TYPE)) {
        if (result >= 0) {
            set_bits(word, LINE_HIGH | LINE_LATCHED,
                     LINE_ENABLED | LINE_KNOWN | (result != 0 ? LINE_HIGH : 0u));
        } else {
            set_bits(word, LINE_IRQ, 0);
        }
        irq_update(drv, line);
    }
    return result < 0 ? result : 0;
}

static int direction_known(struct vgpio_drv *drv, uint16_t slot, int result)
{
    int dir = result == VGPIO_DRAFT_OUTPUT ? VGPIO_DIR_OUT : VGPIO_DIR_IN;

    if (result < 0 || result > VGPIO_DRAFT_INPUT) {
        return result < 0 ? result : VGPIO_ERR_IO;
    }
    if (last_of(drv, slot, VGPIO_MSG_SET_DIRECTION)) {
        set_bits(&drv->cfg.irq_map[drv->cfg.slots[slot].line], LINE_OUT | LINE_IN,
                 dir == VGPIO_DIR_OUT ? LINE_OUT : LINE_IN);
    }
    return dir;
}

/* The value of an answer in the words of driver.h. Only SET_LEVEL may say what it likes:
 * some devices answer with the level, some with 0. */
static int result_of(struct vgpio_drv *drv, uint16_t slot, int32_t value)
{
    const struct vgpio_drv_slot *s = &drv->cfg.slots[slot];
    int result = vgpio_draft_result(value, text2021(drv));

    if (text2021(drv) && result >= 0) {
        result &= 1; /* "only bit 0 counts" */
    }
    if ((s->state & REQ_SPOILT) != 0 && result >= 0) {
        result = VGPIO_ERR_STATE;
    }
    switch (s->type) {
    case VGPIO_MSG_GET_DIRECTION:
        return direction_known(drv, slot, result);
    case VGPIO_MSG_GET_VALUE:
        return result <= 1 ? result : VGPIO_ERR_IO;
    case VGPIO_MSG_SET_DIRECTION:
        if (result > 0) {
            result = VGPIO_ERR_IO;
        }
        if (result < 0 && last_of(drv, slot, VGPIO_MSG_SET_DIRECTION)) {
            set_bits(&drv->cfg.irq_map[s->line], LINE_OUT | LINE_IN, 0);
        }
        return result;
    case VGPIO_MSG_SET_IRQ_TYPE:
        return irq_answered(
            drv, slot,
            s->pending == VGPIO_DRAFT_GET_LEVEL && result > 1 ? VGPIO_ERR_IO : result);
    default:
        return result < 0 ? result : 0;
    }
}

/* An answer belongs to the oldest request of its type and line; one that belongs to none
 * is late or made up, and dropped. */
static int answered(struct vgpio_drv *drv, const struct vgpio_draft_msg *m,
                    struct vgpio_drv_event *ev)
{
    unsigned type = m->type & ~(unsigned)VGPIO_DRAFT_REPLY_MASK;
    uint16_t before = NO_SLOT;
    uint16_t slot = drv->own[FIRST];
    int result, tell;

    while (slot != NO_SLOT && (drv->cfg.slots[slot].pending != type ||
                               drv->cfg.slots[slot].line != m->line || type == 0)) {
        before = slot;
        slot = drv->cfg.slots[slot].next;
    }
    if (slot == NO_SLOT) {
        vgpio_drv_trace(drv, VGPIO_TR_ANSWER_DROPPED, (uint32_t)type << 16 | m->line,
                        (uint32_t)m->value);
        return 0;
    }
    drv->own[ASKED]--;
    if ((drv->cfg.slots[slot].state & REQ_HIDDEN) != 0) {
        result = m->value < 0 ? VGPIO_ERR_STATE : 0;
        if (result < 0) {
            spoil(drv, slot);
        }
    } else {
        result = result_of(drv, slot, m->value);
    }
    dequeue(drv, slot, before);
    tell = vgpio_drv_answer(drv, slot, result, ev);
    half_done(drv, slot, REQ_ANSWERED);
    return tell;
}

/* What needed no device and has nothing before it that does: 1 with *ev filled. Those
 * that were cancelled have nobody waiting for them, whatever they are. */
static int local_answer(struct vgpio_drv *drv, struct vgpio_drv_event *ev)
{
    uint16_t before = NO_SLOT;
    uint16_t slot = drv->own[FIRST];

    while (slot != NO_SLOT) {
        struct vgpio_drv_slot *s = &drv->cfg.slots[slot];
        uint16_t next = s->next;
        int busy = (s->state & VGPIO_SLOT_STATE) == VGPIO_SLOT_BUSY;
        int local = (s->state & REQ_LOCAL) != 0;

        if (busy && (!local || ev == NULL)) {
            return local;
        }
        if (local && ev != NULL) {
            int names = s->type == VGPIO_MSG_GET_LINE_NAMES;

            dequeue(drv, slot, before);
            busy = vgpio_drv_answer(drv, slot, names ? (int)drv->names_size : 0, ev);
            half_done(drv, slot, REQ_ANSWERED);
            if (busy) {
                return 1;
            }
        } else {
            before = slot;
        }
        slot = next;
    }
    return 0;
}

/* Events made here. `ev` NULL: is there one? */
static int draft_local(struct vgpio_drv *drv, struct vgpio_drv_event *ev)
{
    uint32_t line = irq_next(drv);
    int tell;

    if (ev == NULL) {
        return drv->own[NREADY] != 0 || local_answer(drv, NULL);
    }
    if (line != NO_LINE) {
        irq_event(drv, (uint16_t)line, ev);
        return 1;
    }
    tell = local_answer(drv, ev);
    if (tell == 0) {
        turn_ends(drv);
    }
    return tell;
}

static int received(struct vgpio_drv *drv, const uint8_t raw[VGPIO_DRAFT_MSG_SIZE],
                    struct vgpio_drv_event *ev)
{
    struct vgpio_draft_msg m;
    unsigned mask;

    vgpio_draft_msg_decode(&m, raw);
    mask = m.type & (unsigned)VGPIO_DRAFT_REPLY_MASK;
    if (mask == VGPIO_DRAFT_REPLY || mask == VGPIO_DRAFT_REPLY_MASK) {
        return answered(drv, &m, ev);
    }
    if (m.type == VGPIO_DRAFT_LEVEL && m.line < drv->ngpio) {
        vgpio_drv_trace(drv, VGPIO_TR_LEVEL, m.line, (uint32_t)m.value);
        level_report(drv, m.line, (uint32_t)m.value & 1u);
        return 0;
    }
    vgpio_drv_trace(drv, VGPIO_TR_ANSWER_DROPPED, (uint32_t)m.type << 16 | m.line,
                    (uint32_t)m.value);
    return 0;
}

static int draft_used(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                      struct vgpio_drv_event *ev)
{
    const uint8_t *cell = vgpio_drv_cell(drv, slot) + VGPIO_CELL_WRITE;
    uint8_t raw[VGPIO_DRAFT_MSG_SIZE];
    unsigned i;
    int tell = 0;
    int err;

    if (vgpio_drv_kind(drv, slot) == VGPIO_SLOT_REQ) {
        half_done(drv, slot, REQ_RETURNED); /* devices say 0, or 8: nobody cares */
        return 0;
    }
    if (written > VGPIO_DRAFT_MSG_SIZE) {
        return VGPIO_ERR_PROTO;
    }
    for (i = 0; i < sizeof raw; i++) {
        raw[i] = vgpio_drv_byte(cell + i);
    }
    if (written == VGPIO_DRAFT_MSG_SIZE) {
        tell = received(drv, raw, ev);
    } else {
        vgpio_drv_trace(drv, VGPIO_TR_CHAIN_BAD, VGPIO_DRAFT_TO_DRIVER, slot);
    }
    err = post(drv, slot);
    return err < 0 ? err : tell;
}

const struct vgpio_dialect vgpio_draft_dialect = {
    VGPIO_DRAFT_DEVICE_ID,
    VGPIO_DRAFT_F_ARBITRATION | VGPIO_DRAFT_F_IRQ,
    0, /* receive buffers are always there */
    {VGPIO_DRAFT_FROM_DRIVER, VGPIO_DRAFT_TO_DRIVER},
    {VGPIO_DRAFT_MSG_SIZE, 0},
    {0, VGPIO_DRAFT_MSG_SIZE},
    draft_configure,
    draft_ready,
    draft_submit,
    draft_read_names,
    draft_unmask,
    draft_used,
    VGPIO_DRAFT_OLD_DEVICE_ID,
    draft_local,
};
