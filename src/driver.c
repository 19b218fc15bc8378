/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's engine: virtio, but no GPIO. What the bytes mean is the dialect's. */
#include <virtiogpio/driver.h>
#include <virtiogpio/wire.h>

#include "dialect.h"
#include "internal.h"
#include "port.h"

enum drv_state {
    IDLE = 0,
    RESETTING, /* start: waiting for status 0 */
    RUNNING,
    HALF,     /* bring-up failed somewhere: the device may know the arena */
    STOPPING, /* stop: waiting for status 0 */
    STOPPED   /* the arena is ours; cookies may be left to hand back */
};

#define MAX_SLOTS 16384u
#define NO_SLOT 0xffffu
/* Without interrupts the second queue and all that belongs to it is left out. */
#define QUEUES (VGPIO_CFG_IRQ ? 2u : 1u)

#if VGPIO_CFG_INDIRECT
#define F_INDIRECT VGPIO_F_INDIRECT
#else
#define F_INDIRECT 0u
#endif
#if VGPIO_CFG_EVENT_IDX
#define F_EVENT_IDX VGPIO_F_EVENT_IDX
#else
#define F_EVENT_IDX 0u
#endif
#if VGPIO_CFG_PACKED && VGPIO_DMA_COHERENT
#define F_PACKED VGPIO_F_PACKED
#else
#define F_PACKED 0u
#endif
#if VGPIO_CFG_SPLIT
#define F_MUST VGPIO_F_VERSION_1
#else
#define F_MUST (VGPIO_F_VERSION_1 | F_PACKED)
#endif

/* What the engine and the ring code can keep, whatever the dialect. RING_RESET is not
 * here: stop resets the device. */
#define RING_FEATURES                                                                    \
    (VGPIO_F_VERSION_1 | VGPIO_F_ACCESS_PLATFORM | VGPIO_F_ORDER_PLATFORM |              \
     VGPIO_F_NOTIFICATION_DATA | F_INDIRECT | F_EVENT_IDX | F_PACKED)

void vgpio_drv_trace(const struct vgpio_drv *drv, unsigned id, uint32_t a, uint32_t b)
{
#if VGPIO_CFG_TRACE
    if (drv->trace != NULL) {
        drv->trace(drv->trace_ctx, id, a, b);
    }
#else
    (void)drv;
    (void)id;
    (void)a;
    (void)b;
#endif
}

/* ---- slots and cells ---- */

static uint16_t first_slot(const struct vgpio_drv *drv, unsigned kind)
{
    return !VGPIO_CFG_IRQ || kind == VGPIO_SLOT_REQ ? (uint16_t)0 : drv->nreq;
}

static uint16_t nslots(const struct vgpio_drv *drv, unsigned kind)
{
    return kind == VGPIO_SLOT_REQ ? drv->nreq : drv->nirq;
}

/* All slots free, but only the first `usable` ones on the list: what is in flight then
 * always fits the ring. */
static void slots_reset(struct vgpio_drv *drv, unsigned kind, uint16_t usable)
{
    static const struct vgpio_drv_slot none = {NULL, 0, NO_SLOT, 0, 0, VGPIO_SLOT_FREE};
    uint16_t first = first_slot(drv, kind);
    uint16_t i;

    for (i = nslots(drv, kind); i-- > 0;) {
        drv->slots[first + i] = none;
        if (i + 1u < usable) {
            drv->slots[first + i].next = (uint16_t)(first + i + 1u);
        }
    }
    drv->free_slot[kind] = usable != 0 ? first : (uint16_t)NO_SLOT;
}

int vgpio_drv_take(struct vgpio_drv *drv, unsigned kind, void *cookie)
{
    uint16_t slot = drv->free_slot[kind];
    struct vgpio_drv_slot *s;

    if (slot == NO_SLOT) {
        return VGPIO_ERR_NOSPC;
    }
    s = &drv->slots[slot];
    drv->free_slot[kind] = s->next;
    s->cookie = cookie;
    s->line = 0;
    s->pending = 0;
    s->type = 0;
    s->state = VGPIO_SLOT_BUSY;
    return slot;
}

void vgpio_drv_give(struct vgpio_drv *drv, uint16_t slot)
{
    struct vgpio_drv_slot *s = &drv->slots[slot];
    unsigned kind = vgpio_drv_kind(drv, slot);

    s->state = VGPIO_SLOT_FREE;
    s->cookie = NULL;
    s->next = drv->free_slot[kind];
    drv->free_slot[kind] = slot;
}

/* Where the event ring begins in the arena, and, behind it, the cells. One function, for
 * the arithmetic is longer than a call. */
static uint32_t ring_end(const struct vgpio_drv *drv, unsigned kind)
{
    uint32_t bytes = 0;
    unsigned k;

    for (k = 0; k <= kind; k++) {
        uint32_t n = 2u * nslots(drv, k);

        bytes += VGPIO_RING_BYTES(n);
    }
    return bytes;
}

uint8_t *vgpio_drv_cell(const struct vgpio_drv *drv, uint16_t slot)
{
    return drv->dma + ring_end(drv, VGPIO_SLOT_EVENT) + slot * VGPIO_DMA_CELL;
}

/* The two parts of a slot's cell as the device sees them, and the number of its queue.
 * Apart from what stages, for that stands at the end of the deepest chain of calls. */
static PORT_NOINLINE unsigned cell_parts(const struct vgpio_drv *drv, uint16_t slot,
                                         const uint8_t *cell, struct vgpio_seg seg[2])
{
    const struct vgpio_dialect *d = drv->dialect;
    unsigned kind = vgpio_drv_kind(drv, slot);

    seg[0].addr = drv->dma_addr + (uint32_t)(cell - drv->dma);
    seg[0].len = d->out[kind];
    seg[1].addr = seg[0].addr + VGPIO_CELL_WRITE;
    seg[1].len = d->in[kind];
    return d->queue[kind];
}

int vgpio_drv_stage(struct vgpio_drv *drv, uint16_t slot, const struct vgpio_seg *answer)
{
    uint8_t *cell = vgpio_drv_cell(drv, slot);
    struct vgpio_seg seg[2];
    unsigned q = cell_parts(drv, slot, cell, seg);
    const struct vgpio_seg *first = seg[0].len != 0 ? seg : seg + 1;
    unsigned nread = seg[0].len != 0;
    int err;

    if (VGPIO_CFG_NAMES && answer != NULL) {
        seg[1] = *answer;
    }
    if (F_INDIRECT != 0 && (drv->indirect & 1u << q) != 0) {
        err = vgpio_drvq_add_indirect(&drv->q[q], cell + VGPIO_CELL_TABLE,
                                      seg[0].addr + VGPIO_CELL_TABLE, first, nread,
                                      seg[1].len != 0, slot);
    } else {
        err = vgpio_drvq_add(&drv->q[q], first, nread, seg[1].len != 0, slot);
    }
    /* After the table is in it, and before publish shows it to the device. */
    VGPIO_DMA_CLEAN(cell, VGPIO_DMA_CELL);
    return err;
}

/* No event carries this slot's cookie from now on. */
static void make_zombie(struct vgpio_drv_slot *s)
{
    s->state = (uint8_t)((s->state & ~(unsigned)VGPIO_SLOT_STATE) | VGPIO_SLOT_ZOMBIE);
}

static int is_busy(const struct vgpio_drv_slot *s)
{
    return (s->state & VGPIO_SLOT_STATE) == VGPIO_SLOT_BUSY;
}

int vgpio_drv_answer(struct vgpio_drv *drv, uint16_t slot, int result,
                     struct vgpio_drv_event *ev)
{
    struct vgpio_drv_slot *s = &drv->slots[slot];

    vgpio_drv_trace(drv, VGPIO_TR_ANSWER, (uint32_t)s->type << 16 | s->line,
                    (uint32_t)result);
    if (!is_busy(s)) {
        return 0;
    }
    ev->kind = VGPIO_DONE;
    ev->line = s->line;
    ev->type = s->type;
    ev->result = result;
    ev->cookie = s->cookie;
    make_zombie(s);
    return 1;
}

/* Of the time since the last start. */
static void forget(struct vgpio_drv *drv)
{
    drv->features = 0;
    drv->names = NULL;
    drv->queues = 0;
    drv->indirect = 0;
    drv->owed = 0;
    drv->err = 0;
    slots_reset(drv, VGPIO_SLOT_REQ, 0);
    slots_reset(drv, VGPIO_SLOT_EVENT, 0);
}

/* ---- init ---- */

static int count_ok(uint32_t n)
{
    return n <= MAX_SLOTS && (n & (n - 1u)) == 0;
}

/* All there but config_gen, which may be NULL. */
static int bus_ok(const struct vgpio_bus_ops *b)
{
    return VGPIO_OP(b, struct vgpio_bus_ops, notify) != NULL && b->device_id != NULL &&
           b->get_features != NULL && b->set_features != NULL && b->get_status != NULL &&
           b->set_status != NULL && b->config_read != NULL && b->queue_max != NULL &&
           b->queue_start != NULL;
}

static int config_check(const struct vgpio_drv_config *c)
{
    if (c->bus == NULL || c->dma == NULL || c->slots == NULL || c->ring == NULL ||
        (c->irq_map == NULL && c->irq_map_len != 0) ||
        (c->flags & ~(VGPIO_DRV_INDIRECT_REQUESTQ | VGPIO_DRV_DIRECT_EVENTQ)) != 0 ||
        c->nreq == 0 || !count_ok(c->nreq) || !count_ok(c->nirq)) {
        return VGPIO_ERR_INVAL;
    }
    if (!bus_ok(c->bus)) {
        return VGPIO_ERR_ABI;
    }
    return VGPIO_OK;
}

static void config_take(struct vgpio_drv *drv, const struct vgpio_drv_config *c)
{
    drv->dialect = c->dialect != NULL ? c->dialect : &vgpio_std_dialect;
    drv->bus = c->bus;
    drv->bus_ctx = c->bus_ctx;
    drv->slots = c->slots;
    drv->ring = c->ring;
    drv->nreq = c->nreq;
    drv->nirq = c->nirq;
    drv->irq_map = c->irq_map;
    drv->irq_map_len = c->irq_map_len;
    drv->want = c->features != 0 ? c->features : UINT64_MAX;
    drv->flags = (uint8_t)c->flags;
    drv->trace = c->trace;
    drv->trace_ctx = c->trace_ctx;
}

/* Both views of the arena begin on the same place of a cache line. */
static int arena_take(struct vgpio_drv *drv, const struct vgpio_drv_config *c)
{
    const uint32_t mask = VGPIO_DMA_ALIGN - 1u;
    uint32_t low = (uint32_t)c->dma_addr & mask;
    uint32_t pad = (0u - low) & mask;

    if (((uint32_t)(uintptr_t)c->dma & mask) != low) {
        return VGPIO_ERR_INVAL;
    }
    /* The size of an arena counts the worst padding, whatever it is here. */
    if (c->dma_size < VGPIO_DMA_ALIGN + ring_end(drv, VGPIO_SLOT_EVENT) +
                          ((uint32_t)c->nreq + c->nirq) * VGPIO_DMA_CELL ||
        c->dma_addr > UINT64_MAX - c->dma_size) {
        return VGPIO_ERR_NOSPC;
    }
    drv->dma = (uint8_t *)c->dma + pad;
    drv->dma_addr = c->dma_addr + pad;
    return VGPIO_OK;
}

int vgpio_drv_init_abi(struct vgpio_drv *drv, const struct vgpio_drv_config *cfg,
                       uint64_t abi)
{
    struct vgpio_drv_config c;
    int err;

    if (vgpio_abi_size(abi, 0) < sizeof *drv || vgpio_abi_size(abi, 1) > sizeof c ||
        vgpio_abi_size(abi, 2) != sizeof(struct vgpio_drv_slot) ||
        vgpio_abi_size(abi, 3) != sizeof(struct vgpio_drvq_slot)) {
        return VGPIO_ERR_ABI;
    }
    if (drv == NULL || cfg == NULL) {
        return VGPIO_ERR_INVAL;
    }
    memset(&c, 0, sizeof c);
    memcpy(&c, cfg, vgpio_abi_size(abi, 1));
    err = config_check(&c);
    if (err != VGPIO_OK) {
        return err;
    }
    memset(drv, 0, sizeof *drv);
    config_take(drv, &c);
    err = arena_take(drv, &c);
    if (err == VGPIO_OK) {
        forget(drv);
    }
    return err;
}

/* ---- bring-up ---- */

static int set_status(struct vgpio_drv *drv, unsigned bits)
{
    drv->status = (uint8_t)(bits != 0 ? drv->status | bits : 0);
    return drv->bus->set_status(drv->bus_ctx, drv->status);
}

/* From here on the driver only repeats the error, until stop. */
static int fatal(struct vgpio_drv *drv, int err)
{
    drv->err = (int8_t)err;
    vgpio_drv_trace(drv, VGPIO_TR_QUEUE_BROKEN, (uint32_t)err, 0);
    (void)set_status(drv, VGPIO_S_FAILED); /* the bus may be what failed */
    return err;
}

static int negotiate(struct vgpio_drv *drv)
{
    uint64_t known = RING_FEATURES | drv->dialect->features;
    uint64_t offered;
    uint8_t status;
    int err = drv->bus->get_features(drv->bus_ctx, &offered);

    if (err < 0) {
        return err;
    }
    if (drv->nirq == 0) {
        known &= ~drv->dialect->event_feature;
    }
    drv->features = offered & known & (drv->want | F_MUST);
    vgpio_drv_trace(drv, VGPIO_TR_FEATURES, (uint32_t)drv->features,
                    (uint32_t)(drv->features >> 32));
    if ((drv->features & F_MUST) != F_MUST) {
        return VGPIO_ERR_NOTSUP;
    }
    err = drv->bus->set_features(drv->bus_ctx, drv->features);
    if (err >= 0) {
        err = set_status(drv, VGPIO_S_FEATURES_OK);
    }
    if (err >= 0) {
        err = drv->bus->get_status(drv->bus_ctx, &status);
    }
    if (err < 0) {
        return err;
    }
    return (status & VGPIO_S_FEATURES_OK) != 0 ? VGPIO_OK : VGPIO_ERR_NOTSUP;
}

/* How many slots of this kind the device's queue can hold, and its size. */
static uint16_t fit(struct vgpio_drv *drv, unsigned kind, uint16_t max, uint16_t *size)
{
    unsigned q = drv->dialect->queue[kind];
    unsigned ndesc = drv->dialect->out[kind] != 0 && drv->dialect->in[kind] != 0 ? 2 : 1;
    unsigned flag =
        kind == VGPIO_SLOT_REQ ? VGPIO_DRV_INDIRECT_REQUESTQ : VGPIO_DRV_DIRECT_EVENTQ;
    int indirect = ((drv->flags & flag) != 0) == (kind == VGPIO_SLOT_REQ);
    unsigned usable = nslots(drv, kind);
    unsigned n = 2u * usable;

    while (n > max) {
        n >>= 1;
    }
    /* A queue of one entry holds a request of two descriptors only in this way. */
    if ((drv->features & F_INDIRECT) == 0 || ndesc < 2) {
        indirect = 0;
    } else if (n < ndesc) {
        indirect = 1;
    }
    if (indirect) {
        drv->indirect = (uint8_t)(drv->indirect | 1u << q);
        ndesc = 1;
    }
    *size = (uint16_t)n;
    /* By halves: a division would be a call of libgcc on small machines. */
    while (usable * ndesc > n) {
        usable >>= 1;
    }
    return (uint16_t)usable;
}

static int queue_up(struct vgpio_drv *drv, unsigned kind)
{
    unsigned q = drv->dialect->queue[kind];
    uint32_t off = kind == VGPIO_SLOT_REQ ? 0 : ring_end(drv, VGPIO_SLOT_REQ);
    struct vgpio_vq_setup vq;
    uint16_t max = 0;
    uint16_t usable;
    int err = drv->bus->queue_max(drv->bus_ctx, q, &max);

    if (err < 0) {
        return err;
    }
    memset(&vq, 0, sizeof vq);
    usable = fit(drv, kind, max, &vq.size);
    if (usable == 0) {
        return VGPIO_ERR_NOTSUP;
    }
    vq.features = drv->features;
    vgpio_drvq_layout(&vq, drv->dma_addr + off);
    err = vgpio_drvq_init(&drv->q[q], drv->dma + off,
                          drv->ring + 2u * first_slot(drv, kind), &vq);
    if (err >= 0) {
        err = drv->bus->queue_start(drv->bus_ctx, q, &vq);
    }
    if (err < 0) {
        return err;
    }
    slots_reset(drv, kind, usable);
    drv->queues = (uint8_t)(drv->queues | 1u << q);
    vgpio_drv_trace(drv, VGPIO_TR_QUEUE_FRESH, q, vq.size);
    return VGPIO_OK;
}

static int has_events(const struct vgpio_drv *drv)
{
    uint64_t bit = drv->dialect->event_feature;

    return VGPIO_CFG_IRQ && drv->nirq != 0 && (drv->features & bit) == bit;
}

static int bring_up(struct vgpio_drv *drv)
{
    const struct vgpio_dialect *d = drv->dialect;
    uint8_t status = 0;
    int err = set_status(drv, VGPIO_S_ACKNOWLEDGE);

    if (err >= 0) {
        err = set_status(drv, VGPIO_S_DRIVER);
    }
    if (!VGPIO_CFG_IRQ && d->event_feature == 0) {
        err = VGPIO_ERR_NOTSUP; /* this dialect cannot do without the second queue */
    }
    if (err >= 0) {
        err = negotiate(drv);
    }
    if (err >= 0) {
        err = d->configure(drv);
    }
    if (err >= 0) {
        err = queue_up(drv, VGPIO_SLOT_REQ);
    }
    if (err >= 0 && has_events(drv)) {
        err = queue_up(drv, VGPIO_SLOT_EVENT);
    }
    if (err >= 0 && d->ready != NULL) {
        err = d->ready(drv);
    }
    if (err >= 0) {
        err = set_status(drv, VGPIO_S_DRIVER_OK);
    }
    if (err >= 0) {
        err = drv->bus->get_status(drv->bus_ctx, &status);
    }
    if (err >= 0 && (status & VGPIO_S_NEEDS_RESET) != 0) {
        err = VGPIO_ERR_BROKEN;
    }
    return err;
}

/* Moves the cursor to the next cookie that stop left over. */
static int stale_left(struct vgpio_drv *drv)
{
    while (drv->cursor < drv->nreq && !is_busy(&drv->slots[drv->cursor])) {
        drv->cursor++;
    }
    return drv->cursor < drv->nreq;
}

static int begin_reset(struct vgpio_drv *drv)
{
    uint32_t id = 0;
    int err = drv->bus->device_id(drv->bus_ctx, &id);

    if (err < 0) {
        return err;
    }
    if (id == 0 || (id != drv->dialect->device_id && id != drv->dialect->old_device_id)) {
        return VGPIO_ERR_NOTSUP;
    }
    vgpio_drv_trace(drv, VGPIO_TR_RESET, 0, 0);
    err = set_status(drv, 0);
    if (err < 0) {
        return err;
    }
    drv->state = RESETTING;
    return VGPIO_OK;
}

/* 1: the device does not show status 0 yet. */
static int reset_pending(struct vgpio_drv *drv)
{
    uint8_t status = 0;
    int err = drv->bus->get_status(drv->bus_ctx, &status);

    return err < 0 ? err : status != 0;
}

int vgpio_drv_start(struct vgpio_drv *drv)
{
    int err;

    if (drv->state == RUNNING && drv->err == 0) {
        return VGPIO_OK;
    }
    if (drv->state == RUNNING || drv->state == STOPPING ||
        (drv->state == STOPPED && stale_left(drv))) {
        return VGPIO_ERR_STATE;
    }
    if (drv->state != RESETTING) {
        err = begin_reset(drv);
        if (err < 0) {
            return err;
        }
    }
    err = reset_pending(drv);
    if (err != 0) {
        return err;
    }
    forget(drv);
    err = bring_up(drv);
    if (err < 0) {
        (void)set_status(drv, VGPIO_S_FAILED);
        drv->state = HALF;
        return err;
    }
    drv->state = RUNNING;
    return vgpio_drv_flush(drv); /* no doorbell before DRIVER_OK (CORE-DRV-19) */
}

int vgpio_drv_stop(struct vgpio_drv *drv)
{
    int err;

    if (drv->state == IDLE || drv->state == STOPPED) {
        return VGPIO_OK;
    }
    if (drv->state != STOPPING) {
        err = set_status(drv, 0);
        if (err < 0) {
            return err;
        }
        drv->state = STOPPING;
    }
    err = reset_pending(drv);
    if (err == 0) {
        drv->state = STOPPED;
        drv->cursor = 0;
    }
    return err;
}

/* ---- running ---- */

uint16_t vgpio_drv_ngpio(const struct vgpio_drv *drv)
{
    return drv->ngpio;
}

uint32_t vgpio_drv_names_size(const struct vgpio_drv *drv)
{
    return drv->names_size;
}

/* 0, or why nothing can be asked of the device. */
static int ready(const struct vgpio_drv *drv)
{
    if (drv->state != RUNNING) {
        return VGPIO_ERR_STATE;
    }
    return drv->err;
}

int vgpio_drv_submit(struct vgpio_drv *drv, unsigned type, uint16_t line, uint32_t value,
                     void *cookie)
{
    struct vgpio_request req;
    int err = ready(drv);

    if (err != VGPIO_OK) {
        return err;
    }
    if (type > VGPIO_MSG_SET_IRQ_TYPE || line >= drv->ngpio) {
        return VGPIO_ERR_INVAL;
    }
    req.type = (uint16_t)type;
    req.line = line;
    req.value = value;
    vgpio_drv_trace(drv, VGPIO_TR_REQUEST, (uint32_t)type << 16 | line, value);
    return drv->dialect->submit(drv, &req, cookie);
}

int vgpio_drv_read_names(struct vgpio_drv *drv, uint8_t *buf, uint64_t dma_addr,
                         uint32_t len, void *cookie)
{
    int err = ready(drv);

    if (err != VGPIO_OK) {
        return err;
    }
    if (!VGPIO_CFG_NAMES) {
        return VGPIO_ERR_NOTSUP;
    }
    if (buf == NULL) {
        return VGPIO_ERR_INVAL;
    }
    return drv->dialect->read_names(drv, buf, dma_addr, len, cookie);
}

int vgpio_drv_cancel(struct vgpio_drv *drv, void *cookie)
{
    int err = VGPIO_ERR_STALE;
    uint16_t i;

    for (i = 0; i < drv->nreq; i++) {
        struct vgpio_drv_slot *s = &drv->slots[i];

        if (is_busy(s) && s->cookie == cookie) {
            make_zombie(s);
            err = VGPIO_OK;
        }
    }
    return err;
}

int vgpio_drv_unmask(struct vgpio_drv *drv, uint16_t line)
{
    int err = ready(drv);

    if (err != VGPIO_OK) {
        return err;
    }
    if (line >= drv->ngpio) {
        return VGPIO_ERR_INVAL;
    }
    if (!has_events(drv)) {
        return VGPIO_ERR_NOTSUP;
    }
    return drv->dialect->unmask(drv, line);
}

int vgpio_drv_flush(struct vgpio_drv *drv)
{
    int err = ready(drv);
    unsigned q;

    if (err != VGPIO_OK) {
        return err;
    }
    for (q = 0; q < QUEUES; q++) {
        uint8_t bit = (uint8_t)(1u << q);
        uint32_t data;
        int rung;

        if ((drv->queues & bit) != 0 && vgpio_drvq_publish(&drv->q[q], &data) > 0) {
            drv->kick_data[q] = data | q;
            drv->owed |= bit;
        }
        if ((drv->owed & bit) == 0) {
            continue;
        }
        rung = drv->bus->notify(drv->bus_ctx, q, drv->kick_data[q]);
        if (rung >= 0) {
            drv->owed ^= bit;
        } else if (err == VGPIO_OK) {
            err = rung;
        }
    }
    return err;
}

/* One used buffer of the queue, or 0. */
static int poll_queue(struct vgpio_drv *drv, unsigned kind, struct vgpio_drv_event *ev)
{
    unsigned q = drv->dialect->queue[kind];
    uint32_t written;
    uint16_t slot;
    int r = 0;

    if ((drv->queues & 1u << q) == 0) {
        return 0;
    }
    while (r == 0) {
        r = vgpio_drvq_get(&drv->q[q], &slot, &written);
        if (r <= 0) {
            break;
        }
        VGPIO_DMA_INVALIDATE(vgpio_drv_cell(drv, slot), VGPIO_DMA_CELL);
        r = drv->dialect->used(drv, slot, written, ev);
    }
    return r < 0 ? fatal(drv, r) : r;
}

static int has_local(const struct vgpio_drv *drv)
{
    return VGPIO_CFG_IRQ && drv->dialect->local != NULL;
}

static int poll_local(struct vgpio_drv *drv, struct vgpio_drv_event *ev)
{
    return has_local(drv) ? drv->dialect->local(drv, ev) : 0;
}

int vgpio_drv_poll(struct vgpio_drv *drv, struct vgpio_drv_event *ev)
{
    unsigned i;
    int r = drv->err;

    if (drv->state == STOPPED && stale_left(drv)) {
        return vgpio_drv_answer(drv, drv->cursor, VGPIO_ERR_STALE, ev);
    }
    if (drv->state != RUNNING) {
        return 0;
    }
    if (r == 0) {
        r = poll_local(drv, ev);
    }
    for (i = 0; i < QUEUES && r == 0; i++) {
        drv->turn ^= QUEUES - 1u;
        r = poll_queue(drv, drv->turn, ev);
    }
    return r == 0 ? poll_local(drv, ev) : r; /* what the buffers brought about */
}

int vgpio_drv_rearm(struct vgpio_drv *drv)
{
    int r = ready(drv);
    unsigned q;

    if (r == 0 && has_local(drv)) {
        r = vgpio_drv_flush(drv);
        if (r == 0) {
            r = poll_local(drv, NULL);
        }
    }
    for (q = 0; q < QUEUES && r == 0; q++) {
        if ((drv->queues & 1u << q) != 0) {
            r = vgpio_drvq_rearm(&drv->q[q]);
            if (r < 0) {
                r = fatal(drv, r);
            }
        }
    }
    return r;
}

int vgpio_drv_config_changed(struct vgpio_drv *drv)
{
    uint8_t status = 0;
    int err = ready(drv);

    if (err == VGPIO_OK) {
        err = drv->bus->get_status(drv->bus_ctx, &status);
    }
    if (err < 0) {
        return err;
    }
    return (status & VGPIO_S_NEEDS_RESET) != 0 ? fatal(drv, VGPIO_ERR_BROKEN) : VGPIO_OK;
}
