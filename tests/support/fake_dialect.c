/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_dialect.h"

#include <string.h>
#include <virtiogpio/wire.h>

#include "dialect.h"

enum {
    INBOX = 0,
    OUTBOX = 1,
    MSG = 4
};

/* ---- the device ---- */

static int ask_line(struct toy_dev *t, const uint8_t m[MSG])
{
    uint16_t line = m[1];

    if (line >= TOY_LINES) {
        return VGPIO_ERR_INVAL;
    }
    switch (m[0]) {
    case TOY_GET:
        return t->ops->get_value(t->ctx, line, 0);
    case TOY_SET:
        return t->ops->set_direction(t->ctx, line, VGPIO_DIR_OUT, m[2] & 1u, 0);
    case TOY_WATCH:
        t->watched = (uint8_t)((t->watched & ~(1u << line)) | (m[2] & 1u) << line);
        return t->ops->set_irq_type(t->ctx, line,
                                    m[2] & 1u ? VGPIO_IRQ_EDGE_BOTH : VGPIO_IRQ_NONE, 0);
    default:
        return VGPIO_ERR_INVAL;
    }
}

static void put(struct toy_dev *t, struct vgpio_chain *in, const uint8_t m[MSG])
{
    struct vgpio_head head = in->head;

    (void)vgpio_devq_push(&t->q[INBOX], head, vgpio_chain_write(in, m, MSG));
}

static void answer(struct toy_dev *t, struct vgpio_chain *out, struct vgpio_chain *in)
{
    struct vgpio_head head = out->head;
    uint8_t m[MSG] = {0};
    int r = VGPIO_ERR_INVAL;

    if (vgpio_chain_read(out, m, MSG) == MSG) {
        r = ask_line(t, m);
    }
    (void)vgpio_devq_push(&t->q[OUTBOX], head, 0);
    m[0] |= TOY_ANSWER;
    m[2] = r < 0 || r == VGPIO_PENDING ? TOY_ERR : (uint8_t)r;
    put(t, in, m);
}

/* One message, as long as the inbox has room for what it leads to: 1, or 0. */
static int step(struct toy_dev *t)
{
    struct vgpio_chain in, out;
    unsigned line;

    if (vgpio_devq_pop(&t->q[INBOX], &in) != 1) {
        return 0;
    }
    for (line = 0; line < TOY_LINES; line++) {
        if ((t->edges & 1u << line) != 0) {
            const uint8_t level = (uint8_t)((t->levels & 1u << line) != 0);
            const uint8_t m[MSG] = {TOY_EDGE, (uint8_t)line, level, 0};

            t->edges = (uint8_t)(t->edges & ~(1u << line));
            put(t, &in, m);
            return 1;
        }
    }
    if (vgpio_devq_pop(&t->q[OUTBOX], &out) != 1) {
        vgpio_devq_unpop(&t->q[INBOX], in.head);
        return 0;
    }
    answer(t, &out, &in);
    return 1;
}

/* 1 = a message can go now that could not before we asked to be told. */
static int rearm(struct toy_dev *t)
{
    int out = vgpio_devq_rearm(&t->q[OUTBOX]) > 0;
    int in = vgpio_devq_rearm(&t->q[INBOX]) > 0;

    return in && (out || t->edges != 0);
}

static int toy_kick(void *obj, unsigned q)
{
    struct toy_dev *t = obj;

    (void)q;
    if (t->running != 3) {
        return 0;
    }
    do {
        while (step(t) != 0) {
        }
    } while (rearm(t) != 0);
    for (q = 0; q < 2; q++) {
        t->owed |= vgpio_devq_publish(&t->q[q]) > 0 ? VGPIO_EV_QUEUE(q) : 0u;
    }
    return 0;
}

static int toy_change(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    struct toy_dev *t = obj;

    t->levels = (uint8_t)((t->levels & ~(1u << line)) | (level & 1u) << line);
    if (edges != 0 && (t->watched & 1u << line) != 0) {
        t->edges = (uint8_t)(t->edges | 1u << line);
    }
    return toy_kick(t, INBOX);
}

static int toy_complete(void *obj, vgpio_token token, int result)
{
    (void)obj;
    (void)token;
    (void)result;
    return VGPIO_ERR_STALE; /* nothing is ever pending */
}

static uint32_t toy_device_id(const void *obj)
{
    (void)obj;
    return TOY_DEVICE_ID;
}

static uint64_t toy_features(const void *obj)
{
    (void)obj;
    return VGPIO_F_VERSION_1 | VGPIO_F_EVENT_IDX;
}

static int toy_ack(void *obj, uint64_t acked)
{
    return (acked & ~toy_features(obj)) == 0 ? 0 : VGPIO_ERR_NOTSUP;
}

static uint32_t toy_config_size(const void *obj)
{
    (void)obj;
    return 1;
}

static void toy_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    (void)obj;
    memset(dst, 0, len);
    if (off == 0 && len != 0) {
        *(uint8_t *)dst = TOY_LINES;
    }
}

static uint16_t toy_queue_max(const void *obj, unsigned q)
{
    (void)obj;
    return q < 2 ? 64 : 0;
}

static int toy_queue_run(void *obj, unsigned q, int on)
{
    struct toy_dev *t = obj;

    t->running = on ? t->running | 1u << q : t->running & ~(1u << q);
    return 0;
}

static int toy_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                           const struct vgpio_vq_setup *vq)
{
    struct toy_dev *t = obj;
    int err = vgpio_devq_start(&t->q[q], mem, vq);

    return err != 0 ? err : toy_queue_run(t, q, 1);
}

static int toy_queue_stop(void *obj, unsigned q, unsigned how,
                          struct vgpio_vq_setup *where)
{
    struct toy_dev *t = obj;

    (void)how;
    vgpio_devq_stop(&t->q[q], where);
    return toy_queue_run(t, q, 0);
}

static void toy_reset(void *obj)
{
    struct toy_dev *t = obj;

    vgpio_devq_stop(&t->q[0], NULL);
    vgpio_devq_stop(&t->q[1], NULL);
    t->running = t->owed = t->watched = t->edges = 0;
    t->ops->reset(t->ctx);
}

static unsigned toy_take_events(void *obj)
{
    struct toy_dev *t = obj;
    unsigned owed = t->owed;

    t->owed = 0;
    return owed;
}

static void toy_irq_acked(void *obj)
{
    (void)obj;
}

static unsigned toy_in_flight(const void *obj)
{
    (void)obj;
    return 0;
}

static int toy_error(const void *obj, unsigned q)
{
    return vgpio_devq_error(&((const struct toy_dev *)obj)->q[q]);
}

static const struct vgpio_vdev_ops toy_ops = {
    sizeof toy_ops,  toy_device_id,   toy_features,  toy_ack,
    toy_config_size, toy_config_read, toy_queue_max, toy_queue_start,
    toy_queue_run,   toy_queue_stop,  toy_reset,     toy_kick,
    toy_take_events, toy_irq_acked,   toy_in_flight, toy_error,
};

static const struct vgpio_sink_ops toy_sink_ops = {sizeof toy_sink_ops, toy_complete,
                                                   toy_change};

struct vgpio_vdev toy_vdev(struct toy_dev *t)
{
    return (struct vgpio_vdev){&toy_ops, t};
}

struct vgpio_sink toy_sink(struct toy_dev *t)
{
    return (struct vgpio_sink){&toy_sink_ops, t};
}

/* ---- the driver's dialect ---- */

/* The answer and the return of what was sent come by two queues, in any order. */
enum {
    SENT = VGPIO_SLOT_USER,
    ANSWERED = VGPIO_SLOT_USER << 1
};

static int drv_configure(struct vgpio_drv *drv)
{
    uint8_t lines = 0;
    int err = drv->cfg.bus->config_read(drv->cfg.bus_ctx, 0, &lines, 1);

    drv->ngpio = lines;
    drv->names_size = 0;
    return err;
}

static int drv_ready(struct vgpio_drv *drv)
{
    int slot;
    int err = 0;

    while (err == 0 && (slot = vgpio_drv_take(drv, VGPIO_SLOT_EVENT, NULL)) >= 0) {
        err = vgpio_drv_stage(drv, (uint16_t)slot, NULL);
    }
    return err;
}

static int drv_submit(struct vgpio_drv *drv, struct vgpio_request *req, void *cookie)
{
    static const uint8_t kind[] = {0, 0, 0, 0, TOY_GET, TOY_SET, TOY_WATCH};
    uint8_t *cell;
    int slot;

    if (kind[req->type] == 0) {
        return VGPIO_ERR_NOTSUP;
    }
    slot = vgpio_drv_take(drv, VGPIO_SLOT_REQ, cookie);
    if (slot < 0) {
        return slot;
    }
    drv->cfg.slots[slot].type = (uint8_t)req->type;
    drv->cfg.slots[slot].line = req->line;
    cell = vgpio_drv_cell(drv, (uint16_t)slot);
    cell[0] = kind[req->type];
    cell[1] = (uint8_t)req->line;
    cell[2] = req->value != 0;
    cell[3] = (uint8_t)slot;
    return vgpio_drv_stage(drv, (uint16_t)slot, NULL);
}

static int drv_read_names(struct vgpio_drv *drv, uint8_t *buf, uint32_t len, void *cookie)
{
    (void)drv;
    (void)buf;
    (void)len;
    (void)cookie;
    return VGPIO_ERR_NOTSUP;
}

static int drv_unmask(struct vgpio_drv *drv, uint16_t line)
{
    (void)drv;
    (void)line;
    return 0;
}

/* Half of a request is over; the slot is free after both. */
static void half_done(struct vgpio_drv *drv, unsigned slot, unsigned half)
{
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];

    s->state = (uint8_t)(s->state | half);
    if ((s->state & (SENT | ANSWERED)) == (SENT | ANSWERED)) {
        vgpio_drv_give(drv, slot);
    }
}

static int received(struct vgpio_drv *drv, const uint8_t m[MSG],
                    struct vgpio_drv_event *ev)
{
    uint16_t tag = m[3];
    int told;

    if (m[0] == TOY_EDGE && m[1] < drv->ngpio) {
        *ev = (struct vgpio_drv_event){VGPIO_IRQ, m[1], VGPIO_IRQ_EDGE_BOTH, 0, NULL};
        return 1;
    }
    if ((m[0] & TOY_ANSWER) == 0 || tag >= drv->cfg.nreq ||
        drv->cfg.slots[tag].state == VGPIO_SLOT_FREE ||
        (drv->cfg.slots[tag].state & ANSWERED) != 0) {
        return VGPIO_ERR_PROTO;
    }
    told = vgpio_drv_answer(drv, tag, m[2] == TOY_ERR ? VGPIO_ERR_IO : m[2], ev);
    half_done(drv, tag, ANSWERED);
    return told;
}

static int drv_used(struct vgpio_drv *drv, unsigned slot, uint32_t written,
                    struct vgpio_drv_event *ev)
{
    const uint8_t *cell = vgpio_drv_cell(drv, slot) + VGPIO_CELL_WRITE;
    uint8_t m[MSG];
    unsigned i;
    int told, err;

    if (vgpio_drv_kind(drv, slot) == VGPIO_SLOT_REQ) {
        half_done(drv, slot, SENT);
        return 0;
    }
    if (written != MSG) {
        return VGPIO_ERR_PROTO;
    }
    for (i = 0; i < MSG; i++) {
        m[i] = vgpio_drv_byte(cell + i);
    }
    told = received(drv, m, ev);
    err = vgpio_drv_stage(drv, slot, NULL);
    return err < 0 ? err : told;
}

const struct vgpio_dialect toy_dialect = {
    TOY_DEVICE_ID,
    0,
    0, /* the inbox is always there */
    {OUTBOX, INBOX},
    {MSG, 0},
    {0, MSG},
    drv_configure,
    drv_ready,
    drv_submit,
    drv_read_names,
    drv_unmask,
    drv_used,
    0,
    NULL,
};
