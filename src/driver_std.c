/* SPDX-License-Identifier: BSD-3-Clause */
/* The standard's dialect of the driver (virtio 1.2, GPIO device). */
#include <virtiogpio/wire.h>

#include "bytes.h"
#include "dialect.h"
#include "port.h"

#define CONFIG_TRIES 8
#define OFF_NGPIO 0u
#define OFF_PADDING 2u
#define OFF_NAMES_SIZE 4u

/* An event slot is bound to its line from SET_IRQ_TYPE on. Its `type` is the last one
 * submitted, `pending` counts the SET_IRQ_TYPE requests not answered yet: as the device
 * answers in order, only the last answer decides. */
enum {
    IRQ_ENABLED = VGPIO_SLOT_USER,     /* the device said OK to `type` */
    IRQ_POSTED = VGPIO_SLOT_USER << 1, /* the pair is the device's */
    IRQ_OLD = VGPIO_SLOT_USER << 2,    /* it was, when the line was disabled */
    IRQ_WANT = VGPIO_SLOT_USER << 3    /* unmask as soon as that is possible */
};

/* Of a request slot: its answer counts in the event slot of its line. */
#define REQ_COUNTED VGPIO_SLOT_USER

/* A word of irq_map: event slot + 1, and what SET_DIRECTION said last. */
#define MAP_SLOT 0x7fffu
#define MAP_OUTPUT 0x8000u

static int generation(const struct vgpio_drv *drv, uint32_t *gen)
{
    const struct vgpio_bus_ops *bus = drv->cfg.bus;

    return bus->config_gen != NULL ? bus->config_gen(drv->cfg.bus_ctx, gen) : 0;
}

/* Field by field: there are devices that take no other width. */
static int read_field(const struct vgpio_drv *drv, uint8_t *raw, uint32_t off,
                      uint32_t len)
{
    return drv->cfg.bus->config_read(drv->cfg.bus_ctx, off, raw + off, len);
}

static int read_config(const struct vgpio_drv *drv, uint8_t *raw)
{
    uint32_t before = 0;
    uint32_t after = 0;
    unsigned tries = CONFIG_TRIES;

    do {
        int err = generation(drv, &before);

        if (err == VGPIO_OK) {
            err = read_field(drv, raw, OFF_NGPIO, 2);
        }
        if (VGPIO_CFG_NAMES && err == VGPIO_OK) {
            err = read_field(drv, raw, OFF_NAMES_SIZE, 4);
        }
        if (err == VGPIO_OK) {
            err = generation(drv, &after);
        }
        if (err != VGPIO_OK || before == after) {
            return err;
        }
    } while (--tries != 0);
    return VGPIO_ERR_PROTO;
}

int vgpio_std_configure(struct vgpio_drv *drv)
{
    uint8_t raw[VGPIO_CONFIG_SIZE];
    uint32_t i;
    int err = read_config(drv, raw);

    if (err != VGPIO_OK) {
        return err;
    }
    drv->ngpio = get16(raw + OFF_NGPIO);
    if (VGPIO_CFG_NAMES) {
        drv->names_size = get32(raw + OFF_NAMES_SIZE);
    }
    for (i = 0; VGPIO_CFG_IRQ && i < drv->ngpio && i < drv->cfg.irq_map_len; i++) {
        drv->cfg.irq_map[i] = 0;
    }
    if (drv->ngpio != 1) {
        return VGPIO_OK;
    }
    /* A device of the draft has a version where a standard one has its number of lines,
     * and that number behind it, where ours has two bytes of padding. It would never
     * answer. */
    err = read_field(drv, raw, OFF_PADDING, 2);
    if (err == VGPIO_OK && get16(raw + OFF_PADDING) != 0) {
        vgpio_drv_trace(drv, VGPIO_TR_DIALECT, 0, 0);
        err = VGPIO_ERR_NOTSUP;
    }
    return err;
}

/* ---- the event slot of a line ---- */

static struct vgpio_drv_slot *irq_find(const struct vgpio_drv *drv, uint16_t line)
{
    struct vgpio_drv_slot *irq = drv->cfg.slots + drv->cfg.nreq;
    unsigned i;

    if (!VGPIO_CFG_IRQ) {
        return NULL;
    }
    if (line < drv->cfg.irq_map_len) {
        i = drv->cfg.irq_map[line] & MAP_SLOT;
        return i != 0 ? &irq[i - 1u] : NULL;
    }
    for (i = 0; i < drv->cfg.nirq; i++) {
        if (irq[i].state != VGPIO_SLOT_FREE && irq[i].line == line) {
            return &irq[i];
        }
    }
    return NULL;
}

static int is_output(const struct vgpio_drv *drv, uint16_t line)
{
    return line < drv->cfg.irq_map_len && (drv->cfg.irq_map[line] & MAP_OUTPUT) != 0;
}

static void set_output(struct vgpio_drv *drv, uint16_t line, int output)
{
    if (VGPIO_CFG_IRQ && line < drv->cfg.irq_map_len) {
        drv->cfg.irq_map[line] =
            (uint16_t)((drv->cfg.irq_map[line] & MAP_SLOT) | (output ? MAP_OUTPUT : 0u));
    }
}

static unsigned slot_of(const struct vgpio_drv *drv, const struct vgpio_drv_slot *s)
{
    return (unsigned)(s - drv->cfg.slots);
}

static int irq_bind(struct vgpio_drv *drv, uint16_t line, struct vgpio_drv_slot **irq)
{
    int slot = vgpio_drv_take(drv, VGPIO_SLOT_EVENT, NULL);

    if (slot < 0) {
        return slot;
    }
    *irq = &drv->cfg.slots[slot];
    (*irq)->line = line;
    if (line < drv->cfg.irq_map_len) {
        drv->cfg.irq_map[line] = (uint16_t)((drv->cfg.irq_map[line] & MAP_OUTPUT) |
                                            (unsigned)(slot - drv->cfg.nreq + 1));
    }
    return VGPIO_OK;
}

/* Lets go of the slot once neither the device nor an answer refers to it. */
static void irq_unbind(struct vgpio_drv *drv, struct vgpio_drv_slot *irq)
{
    if (irq->type != VGPIO_IRQ_NONE || irq->pending != 0 ||
        (irq->state & IRQ_POSTED) != 0) {
        return;
    }
    if (irq->line < drv->cfg.irq_map_len) {
        drv->cfg.irq_map[irq->line] &= MAP_OUTPUT;
    }
    vgpio_drv_give(drv, slot_of(drv, irq));
}

static void irq_fill(const struct vgpio_drv *drv, unsigned slot)
{
    uint8_t *cell = vgpio_drv_cell(drv, slot);
    struct vgpio_irq_request req;

    req.line = drv->cfg.slots[slot].line;
    vgpio_irq_request_encode(cell, &req);
    /* A device that writes nothing must not be taken to say VALID. */
    cell[VGPIO_CELL_WRITE] = VGPIO_IRQ_STATUS_INVALID;
}

/* Carries out an unmask, if it need not wait. */
static void irq_post_wanted(struct vgpio_drv *drv, struct vgpio_drv_slot *irq)
{
    if ((irq->state & (IRQ_WANT | IRQ_ENABLED | IRQ_POSTED)) ==
        (IRQ_WANT | IRQ_ENABLED)) {
        irq_fill(drv, slot_of(drv, irq));
        irq->state = (uint8_t)((irq->state & ~(unsigned)IRQ_WANT) | IRQ_POSTED);
        vgpio_drv_stage_later(drv, slot_of(drv, irq));
    }
}

static void irq_disable(struct vgpio_drv_slot *irq)
{
    irq->type = VGPIO_IRQ_NONE;
    irq->state = (uint8_t)(irq->state & ~(unsigned)(IRQ_WANT | IRQ_ENABLED));
    if ((irq->state & IRQ_POSTED) != 0) {
        irq->state |= IRQ_OLD;
    }
}

int vgpio_std_unmask(struct vgpio_drv *drv, uint16_t line)
{
    struct vgpio_drv_slot *irq = irq_find(drv, line);

    if (irq == NULL || irq->type == VGPIO_IRQ_NONE) {
        return VGPIO_ERR_STATE;
    }
    if ((irq->state & (IRQ_POSTED | IRQ_OLD)) == IRQ_POSTED) {
        return VGPIO_OK;
    }
    irq->state |= IRQ_WANT;
    irq_post_wanted(drv, irq);
    return VGPIO_OK;
}

/* ---- requests ---- */

static int type_ok(uint32_t type)
{
    return type <= VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW;
}

/* Is this request allowed, as far as the driver can know? Clears a value that the message
 * does not have. */
static int check(const struct vgpio_drv *drv, struct vgpio_request *req)
{
    const struct vgpio_drv_slot *irq;

    switch (req->type) {
    case VGPIO_MSG_GET_DIRECTION:
    case VGPIO_MSG_GET_VALUE:
        req->value = 0;
        return VGPIO_OK;
    case VGPIO_MSG_SET_VALUE:
        return req->value <= 1 ? VGPIO_OK : VGPIO_ERR_INVAL;
    case VGPIO_MSG_SET_DIRECTION:
        if (req->value > VGPIO_DIR_IN) {
            return VGPIO_ERR_INVAL;
        }
        irq = irq_find(drv, req->line);
        return req->value != VGPIO_DIR_IN && irq != NULL && irq->type != VGPIO_IRQ_NONE
                   ? VGPIO_ERR_STATE
                   : VGPIO_OK;
    case VGPIO_MSG_SET_IRQ_TYPE:
        if (!type_ok(req->value)) {
            return VGPIO_ERR_INVAL;
        }
        if (!VGPIO_CFG_IRQ || (drv->features & VGPIO_F_IRQ) == 0) {
            return VGPIO_ERR_NOTSUP;
        }
        irq = irq_find(drv, req->line);
        return req->value != VGPIO_IRQ_NONE &&
                       ((irq != NULL && irq->type != VGPIO_IRQ_NONE) ||
                        is_output(drv, req->line))
                   ? VGPIO_ERR_STATE
                   : VGPIO_OK;
    default:
        return VGPIO_ERR_INVAL;
    }
}

/* What the driver remembers of a request that was staged in `slot`. */
static void remember(struct vgpio_drv *drv, const struct vgpio_request *req,
                     struct vgpio_drv_slot *s, struct vgpio_drv_slot *irq)
{
    if (req->type == VGPIO_MSG_SET_DIRECTION) {
        set_output(drv, req->line, req->value == VGPIO_DIR_OUT);
    }
    if (irq == NULL) {
        return;
    }
    irq->pending++;
    s->state |= REQ_COUNTED;
    if (req->value == VGPIO_IRQ_NONE) {
        irq_disable(irq);
    } else {
        irq->type = (uint8_t)req->value;
    }
}

static void fill_request(struct vgpio_drv *drv, unsigned slot,
                         const struct vgpio_request *req)
{
    uint8_t *cell = vgpio_drv_cell(drv, slot);
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];

    vgpio_request_encode(cell, req);
    /* A device that writes nothing must not repeat an old answer. */
    cell[VGPIO_CELL_WRITE] = VGPIO_STATUS_ERR;
    s->line = req->line;
    s->type = (uint8_t)req->type;
}

int vgpio_std_submit(struct vgpio_drv *drv, struct vgpio_request *req, void *cookie)
{
    struct vgpio_drv_slot *irq = NULL;
    int err = check(drv, req);
    int slot;

    if (err != VGPIO_OK) {
        return err;
    }
    slot = vgpio_drv_take(drv, VGPIO_SLOT_REQ, cookie);
    if (slot < 0) {
        return slot;
    }
    if (VGPIO_CFG_IRQ && req->type == VGPIO_MSG_SET_IRQ_TYPE) {
        irq = irq_find(drv, req->line);
        if (irq == NULL && req->value != VGPIO_IRQ_NONE) {
            err = irq_bind(drv, req->line, &irq);
        }
        if (err < 0) {
            vgpio_drv_give(drv, (unsigned)slot);
            return err;
        }
    }
    fill_request(drv, (unsigned)slot, req);
    remember(drv, req, &drv->cfg.slots[slot], irq);
    vgpio_drv_stage_later(drv, (unsigned)slot);
    return VGPIO_OK;
}

int vgpio_std_read_names(struct vgpio_drv *drv, uint8_t *buf, uint32_t len, void *cookie)
{
    struct vgpio_request req = {VGPIO_MSG_GET_LINE_NAMES, 0, 0};
    int slot;

    /* The size is a result as well, so it has to be an int. */
    if (!VGPIO_CFG_NAMES || drv->names_size == 0 ||
        drv->names_size >= (uint32_t)INT32_MAX) {
        return VGPIO_ERR_NOTSUP;
    }
    if (len <= drv->names_size || drv->names != NULL) {
        return VGPIO_ERR_NOSPC;
    }
    slot = vgpio_drv_take(drv, VGPIO_SLOT_REQ, cookie);
    if (slot < 0) {
        return slot;
    }
    buf[0] = VGPIO_STATUS_ERR;
    VGPIO_DMA_CLEAN(buf, 1 + drv->names_size);
    fill_request(drv, (unsigned)slot, &req);
    drv->names = buf;
    vgpio_drv_stage_later(drv, (unsigned)slot);
    return VGPIO_OK;
}

/* ---- what comes back ---- */

static int is_names(const struct vgpio_drv_slot *s)
{
    return VGPIO_CFG_NAMES && s->type == VGPIO_MSG_GET_LINE_NAMES;
}

/* Bytes the device was offered for its answer: more cannot have been written. */
static uint32_t offered(const struct vgpio_drv *drv, const struct vgpio_drv_slot *s)
{
    return is_names(s) ? 1 + drv->names_size : VGPIO_RESPONSE_SIZE;
}

static int names_result(struct vgpio_drv *drv, uint32_t written)
{
    uint8_t *buf = drv->names;

    VGPIO_DMA_INVALIDATE(buf, 1 + drv->names_size);
    drv->names = NULL;
    if (written != 1 + drv->names_size || vgpio_drv_byte(buf) != VGPIO_STATUS_OK) {
        return VGPIO_ERR_IO;
    }
    return (int)drv->names_size;
}

/* Status and value are each read once; they cannot belong together less than the device
 * wants them to. */
static int answer_result(const struct vgpio_drv *drv, unsigned slot, uint32_t written)
{
    const uint8_t *cell = vgpio_drv_cell(drv, slot) + VGPIO_CELL_WRITE;
    uint8_t status = vgpio_drv_byte(cell);
    uint8_t value = vgpio_drv_byte(cell + 1);
    uint8_t most = VGPIO_DIR_IN;

    switch (drv->cfg.slots[slot].type) {
    case VGPIO_MSG_GET_VALUE:
        most = 1;
        break;
    case VGPIO_MSG_GET_DIRECTION:
        break;
    default:
        value = 0; /* messages that set have none, whatever the byte says */
        break;
    }
    return written == VGPIO_RESPONSE_SIZE && status == VGPIO_STATUS_OK && value <= most
               ? value
               : VGPIO_ERR_IO;
}

static void irq_answered(struct vgpio_drv *drv, uint16_t line, int result)
{
    struct vgpio_drv_slot *irq = irq_find(drv, line);

    if (--irq->pending != 0) {
        return;
    }
    if (irq->type != VGPIO_IRQ_NONE && result >= 0) {
        irq->state |= IRQ_ENABLED;
        irq_post_wanted(drv, irq);
    } else {
        /* Refused, or disabled, which counts whatever the device answers. */
        irq_disable(irq);
        irq_unbind(drv, irq);
    }
}

static int req_used(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                    struct vgpio_drv_event *ev)
{
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];
    int result, tell;

    if (written > offered(drv, s)) {
        return VGPIO_ERR_PROTO;
    }
    result = is_names(s) ? names_result(drv, written) : answer_result(drv, slot, written);
    if (s->type == VGPIO_MSG_SET_DIRECTION && result < 0) {
        set_output(drv, s->line, 0); /* whatever it is now, the device knows */
    }
    if (VGPIO_CFG_IRQ && (s->state & REQ_COUNTED) != 0) {
        irq_answered(drv, s->line, result);
    }
    tell = vgpio_drv_answer(drv, slot, result, ev);
    vgpio_drv_give(drv, slot);
    return tell;
}

static int irq_used(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                    struct vgpio_drv_event *ev)
{
    struct vgpio_drv_slot *irq = &drv->cfg.slots[slot];
    const uint8_t *cell = vgpio_drv_cell(drv, slot) + VGPIO_CELL_WRITE;
    int valid = written == 1 && vgpio_drv_byte(cell) == VGPIO_IRQ_STATUS_VALID;
    /* After NONE the pair is expected back and is no news; an interrupt that came before
     * the device saw the NONE still is. */
    int tell = (irq->state & IRQ_OLD) == 0 || (valid && irq->pending != 0);

    if (written > VGPIO_IRQ_RESPONSE_SIZE) {
        return VGPIO_ERR_PROTO;
    }
    vgpio_drv_trace(drv, valid ? VGPIO_TR_IRQ_VALID : VGPIO_TR_IRQ_INVALID, irq->line, 0);
    if (tell) {
        ev->kind = VGPIO_IRQ;
        ev->line = irq->line;
        ev->type = irq->type;
        ev->result = valid ? 0 : VGPIO_ERR_IO;
        ev->cookie = NULL;
    }
    irq->state = (uint8_t)(irq->state & ~(unsigned)(IRQ_POSTED | IRQ_OLD));
    irq_post_wanted(drv, irq);
    irq_unbind(drv, irq);
    return tell;
}

int vgpio_std_used(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                   struct vgpio_drv_event *ev)
{
    return vgpio_drv_kind(drv, slot) == VGPIO_SLOT_REQ ? req_used(drv, slot, written, ev)
                                                       : irq_used(drv, slot, written, ev);
}
