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

/* ---- slots and cells ---- */

static unsigned nirq(const struct vgpio_drv *drv)
{
    return VGPIO_CFG_IRQ ? drv->cfg.nirq : 0;
}

/* Puts the first `usable` slots of a kind, which are zeroed, on its list: what is in
 * flight then always fits the ring. Lists go by numbers of slots and 1; 0 ends them. */
static void slots_link(struct vgpio_drv *drv, unsigned kind, unsigned usable)
{
    unsigned i = kind == VGPIO_SLOT_REQ ? 0 : drv->cfg.nreq;
    struct vgpio_drv_slot *s = &drv->cfg.slots[i];

    for (drv->free_slot[kind] = i + 1u; --usable != 0; s++) {
        s->next = (uint16_t)(++i + 1u);
    }
}

int vgpio_drv_take(struct vgpio_drv *drv, unsigned kind, void *cookie)
{
    unsigned slot = drv->free_slot[kind] - 1u;
    struct vgpio_drv_slot *s;

    if (drv->free_slot[kind] == 0) {
        return VGPIO_ERR_NOSPC;
    }
    s = &drv->cfg.slots[slot];
    drv->free_slot[kind] = s->next;
    s->cookie = cookie;
    s->state = VGPIO_SLOT_BUSY;
    return (int)slot;
}

void vgpio_drv_give(struct vgpio_drv *drv, unsigned slot)
{
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];
    unsigned kind = vgpio_drv_kind(drv, slot);

    s->state = VGPIO_SLOT_FREE;
    s->next = (uint16_t)drv->free_slot[kind];
    drv->free_slot[kind] = slot + 1u;
}

/* Of the ring of so many slots, in the arena. */
static uint32_t ring_bytes(unsigned slots)
{
    uint32_t n = 2u * slots;

    return VGPIO_RING_BYTES(n);
}

uint8_t *vgpio_drv_cell(const struct vgpio_drv *drv, unsigned slot)
{
    return drv->cells + slot * VGPIO_DMA_CELL;
}

/* The two parts of a slot's cell as the device sees them. Apart from what stages, for
 * that stands near the end of the deepest chain of calls; likewise the one below. */
static SMALL_STACK unsigned cell_parts(const struct vgpio_drv *drv, unsigned slot,
                                       struct vgpio_seg seg[2])
{
    const struct vgpio_dialect *d = DRV_DIALECT(drv);
    unsigned kind = vgpio_drv_kind(drv, slot);

    seg[0].addr = drv->cfg.dma_addr +
                  (uint32_t)(vgpio_drv_cell(drv, slot) - (uint8_t *)drv->cfg.dma);
    seg[0].len = d->out[kind];
    seg[1].addr = seg[0].addr | VGPIO_CELL_WRITE; /* no carry */
    seg[1].len = d->in[kind];
    return d->queue[kind];
}

#if VGPIO_CFG_INDIRECT
/* Of both parts: fit() takes a table only for two. */
static PORT_NOINLINE int add_table(struct vgpio_drvq *q, uint8_t *cell,
                                   const struct vgpio_seg seg[2], unsigned slot)
{
    return vgpio_drvq_add_indirect(q, cell + VGPIO_CELL_TABLE,
                                   seg[0].addr + VGPIO_CELL_TABLE, seg, 1, 1,
                                   (uint16_t)slot);
}
#endif

int vgpio_drv_stage(struct vgpio_drv *drv, unsigned slot, const struct vgpio_seg *answer)
{
    struct vgpio_seg seg[2];
    unsigned q = cell_parts(drv, slot, seg), skip = seg[0].len == 0;
    int err;

    if (VGPIO_CFG_NAMES && answer != NULL) {
        seg[1] = *answer;
    }
#if VGPIO_CFG_INDIRECT
    if ((drv->indirect & 1u << q) != 0) {
        err = add_table(&drv->q[q], vgpio_drv_cell(drv, slot), seg, slot);
    } else
#endif
    {
        err = vgpio_drvq_add(&drv->q[q], seg + skip, !skip, seg[1].len != 0,
                             (uint16_t)slot);
    }
    /* After the table is in it, and before publish shows it to the device. */
    VGPIO_DMA_CLEAN(vgpio_drv_cell(drv, slot), VGPIO_DMA_CELL);
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

int vgpio_drv_answer(struct vgpio_drv *drv, unsigned slot, int result,
                     struct vgpio_drv_event *ev)
{
    struct vgpio_drv_slot *s = &drv->cfg.slots[slot];

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
    if (VGPIO_CFG_NAMES) {
        drv->names = NULL;
    }
    if (VGPIO_CFG_INDIRECT) {
        drv->indirect = 0;
    }
    if (QUEUES > 1) {
        drv->queues = 0;
    }
    drv->owed = 0;
    memset(drv->cfg.slots, 0,
           sizeof(struct vgpio_drv_slot) * (drv->cfg.nreq + nirq(drv)));
}

/* ---- init ---- */

static int count_ok(uint32_t n)
{
    return n <= MAX_SLOTS && (n & (n - 1u)) == 0;
}

/* All there but config_gen and queue_stop, which may be NULL. */
static int bus_ok(const struct vgpio_bus_ops *b)
{
    return b->ops_size >= sizeof *b && b->device_id != NULL && b->get_features != NULL &&
           b->set_features != NULL && b->get_status != NULL && b->set_status != NULL &&
           b->config_read != NULL && b->queue_max != NULL && b->queue_start != NULL &&
           b->notify != NULL;
}

static int config_check(const struct vgpio_drv_config *c)
{
    if (c->bus == NULL || c->dma == NULL || c->slots == NULL || c->ring == NULL ||
        (VGPIO_CFG_IRQ && c->irq_map == NULL && c->irq_map_len != 0) ||
        (c->flags & ~(VGPIO_DRV_INDIRECT_REQUESTQ | VGPIO_DRV_DIRECT_EVENTQ)) != 0 ||
        c->nreq == 0 || !count_ok(c->nreq) || (VGPIO_CFG_IRQ && !count_ok(c->nirq))) {
        return VGPIO_ERR_INVAL;
    }
    if (!VGPIO_CFG_DIALECTS && c->dialect != NULL) {
        return VGPIO_ERR_NOTSUP;
    }
    return bus_ok(c->bus) ? VGPIO_OK : VGPIO_ERR_ABI;
}

/* Both views of the arena begin on the same place of a cache line. */
static int arena_take(struct vgpio_drv *drv)
{
    struct vgpio_drv_config *c = &drv->cfg;
    uint8_t *dma = c->dma;
    uint32_t low = (uint32_t)c->dma_addr;
    uint32_t pad = (0u - low) & (VGPIO_DMA_ALIGN - 1u);
    uint32_t cells = ring_bytes(c->nreq) + ring_bytes(nirq(drv));

    if ((((uint32_t)(uintptr_t)dma ^ low) & (VGPIO_DMA_ALIGN - 1u)) != 0) {
        return VGPIO_ERR_INVAL;
    }
    /* The size of an arena counts the worst padding, whatever it is here. */
    if (c->dma_size < VGPIO_DMA_ALIGN + cells + (c->nreq + nirq(drv)) * VGPIO_DMA_CELL ||
        c->dma_addr > UINT64_MAX - c->dma_size) {
        return VGPIO_ERR_NOSPC;
    }
    c->dma = dma + pad;
    c->dma_addr += pad;
    drv->cells = dma + pad + cells;
    return VGPIO_OK;
}

int vgpio_drv_init_abi(struct vgpio_drv *drv, const struct vgpio_drv_config *cfg,
                       uint64_t abi)
{
    const uint32_t slots = sizeof(struct vgpio_drv_slot) | sizeof(struct vgpio_drvq_slot)
                                                               << 16;
    unsigned given = vgpio_abi_size(abi, 1);
    int err;

    if (vgpio_abi_size(abi, 0) < sizeof *drv || given > sizeof *cfg ||
        (uint32_t)(abi >> 32) != slots) {
        return VGPIO_ERR_ABI;
    }
    if (drv == NULL || cfg == NULL) {
        return VGPIO_ERR_INVAL;
    }
    memset(drv, 0, sizeof *drv);
    memcpy(&drv->cfg, cfg, given);
    err = config_check(&drv->cfg);
    if (err == VGPIO_OK) {
        err = arena_take(drv);
    }
    if (err != VGPIO_OK) {
        return err;
    }
    if (VGPIO_CFG_DIALECTS && drv->cfg.dialect == NULL) {
        drv->cfg.dialect = &vgpio_std_dialect;
    }
    if (drv->cfg.features == 0) {
        drv->cfg.features = UINT64_MAX;
    }
    drv->err = VGPIO_ERR_STATE;
    return VGPIO_OK;
}

/* ---- bring-up ---- */

static int set_status(struct vgpio_drv *drv, unsigned bits)
{
    drv->status = bits != 0 ? drv->status | bits : 0;
    return drv->cfg.bus->set_status(drv->cfg.bus_ctx, (uint8_t)drv->status);
}

/* From here on the driver only repeats the error, until stop. */
static int fatal(struct vgpio_drv *drv, int err)
{
    drv->err = err;
    vgpio_drv_trace(drv, VGPIO_TR_QUEUE_BROKEN, (uint32_t)err, 0);
    (void)set_status(drv, VGPIO_S_FAILED); /* the bus may be what failed */
    return err;
}

/* The status, or an error. */
static int get_status(const struct vgpio_drv *drv)
{
    uint8_t status = 0;
    int err = drv->cfg.bus->get_status(drv->cfg.bus_ctx, &status);

    return err < 0 ? err : status;
}

/* Adds bits to the status. What it is then, or an error. */
static int show(struct vgpio_drv *drv, unsigned bits)
{
    int err = set_status(drv, bits);

    return err != VGPIO_OK ? err : get_status(drv);
}

/* Stages the slot that the dialect left to do so, if it did. That does not fail: the ring
 * has room for every slot there is. */
static int stage_left(struct vgpio_drv *drv, const struct vgpio_seg *answer)
{
    unsigned later = drv->later;

    drv->later = 0;
    return later == 0 ? VGPIO_OK : vgpio_drv_stage(drv, later - 1u, answer);
}

static int negotiate(struct vgpio_drv *drv)
{
    uint64_t known = RING_FEATURES | DRV_DIALECT(drv)->features;
    uint64_t offered;
    int err = drv->cfg.bus->get_features(drv->cfg.bus_ctx, &offered);

    if (err != VGPIO_OK) {
        return err;
    }
    if (VGPIO_CFG_IRQ && drv->cfg.nirq == 0) {
        known &= ~DRV_DIALECT(drv)->event_feature;
    }
    drv->features = offered & known & (drv->cfg.features | F_MUST);
    vgpio_drv_trace(drv, VGPIO_TR_FEATURES, (uint32_t)drv->features,
                    (uint32_t)(drv->features >> 32));
    if ((drv->features & F_MUST) != F_MUST) {
        return VGPIO_ERR_NOTSUP;
    }
    err = drv->cfg.bus->set_features(drv->cfg.bus_ctx, drv->features);
    if (err != VGPIO_OK) {
        return err;
    }
    err = show(drv, VGPIO_S_FEATURES_OK);
    if (err < 0) {
        return err;
    }
    return (err & VGPIO_S_FEATURES_OK) != 0 ? VGPIO_OK : VGPIO_ERR_NOTSUP;
}

/* How many slots of this kind the device's queue can hold, and its size. */
static unsigned fit(struct vgpio_drv *drv, unsigned kind, unsigned max, uint16_t *size)
{
    const struct vgpio_dialect *d = DRV_DIALECT(drv);
    unsigned ndesc = d->out[kind] != 0 && d->in[kind] != 0 ? 2 : 1;
    unsigned flag =
        kind == VGPIO_SLOT_REQ ? VGPIO_DRV_INDIRECT_REQUESTQ : VGPIO_DRV_DIRECT_EVENTQ;
    int indirect = ((drv->cfg.flags & flag) != 0) == (kind == VGPIO_SLOT_REQ);
    unsigned slots = kind == VGPIO_SLOT_REQ ? drv->cfg.nreq : nirq(drv);
    unsigned n = 2u * slots;

    while (n > max) {
        n >>= 1;
    }
    *size = (uint16_t)n;
    /* A queue of one entry holds a request of two descriptors only in this way. */
    if ((drv->features & F_INDIRECT) != 0 && ndesc == 2 && (indirect || n < ndesc)) {
        drv->indirect |= 1u << d->queue[kind];
        ndesc = 1;
    }
    n >>= ndesc - 1u;
    return n < slots ? n : slots;
}

static int queue_up(struct vgpio_drv *drv, unsigned kind)
{
    unsigned q = DRV_DIALECT(drv)->queue[kind];
    struct vgpio_drvq_slot *ring = drv->cfg.ring;
    uint32_t off = 0;
    struct vgpio_vq_setup vq;
    unsigned usable;
    uint16_t max = 0;
    int err = drv->cfg.bus->queue_max(drv->cfg.bus_ctx, q, &max);

    if (err != VGPIO_OK) {
        return err;
    }
    memset(&vq, 0, sizeof vq);
    usable = fit(drv, kind, max, &vq.size);
    if (usable == 0) {
        return VGPIO_ERR_NOTSUP;
    }
    if (kind != VGPIO_SLOT_REQ) {
        off = ring_bytes(drv->cfg.nreq);
        ring += 2u * drv->cfg.nreq;
    }
    vq.features = drv->features;
    vq.desc = drv->cfg.dma_addr + off;
    err = vgpio_drvq_init(&drv->q[q], (uint8_t *)drv->cfg.dma + off, ring, &vq);
    if (err == VGPIO_OK) {
        err = drv->cfg.bus->queue_start(drv->cfg.bus_ctx, q, &vq);
    }
    if (err != VGPIO_OK) {
        return err;
    }
    slots_link(drv, kind, usable);
    if (QUEUES > 1) {
        drv->queues |= 1u << q;
    }
    vgpio_drv_trace(drv, VGPIO_TR_QUEUE_FRESH, q, vq.size);
    return VGPIO_OK;
}

static int has_events(const struct vgpio_drv *drv)
{
    uint64_t bit = DRV_DIALECT(drv)->event_feature;

    return VGPIO_CFG_IRQ && drv->cfg.nirq != 0 && (drv->features & bit) == bit;
}

static int bring_up(struct vgpio_drv *drv)
{
    const struct vgpio_dialect *d = DRV_DIALECT(drv);
    int err = set_status(drv, VGPIO_S_ACKNOWLEDGE);

    if (err == VGPIO_OK) {
        err = set_status(drv, VGPIO_S_DRIVER);
    }
    if (!VGPIO_CFG_IRQ && d->event_feature == 0) {
        err = VGPIO_ERR_NOTSUP; /* this dialect cannot do without the second queue */
    }
    if (err == VGPIO_OK) {
        err = negotiate(drv);
    }
    if (err == VGPIO_OK) {
        err = d->configure(drv);
    }
    if (err == VGPIO_OK) {
        err = queue_up(drv, VGPIO_SLOT_REQ);
    }
    if (err == VGPIO_OK && has_events(drv)) {
        err = queue_up(drv, VGPIO_SLOT_EVENT);
    }
    if (VGPIO_CFG_DIALECTS && err == VGPIO_OK && d->ready != NULL) {
        err = d->ready(drv);
    }
    if (err == VGPIO_OK) {
        err = show(drv, VGPIO_S_DRIVER_OK);
        if (err >= 0) {
            err = (err & VGPIO_S_NEEDS_RESET) != 0 ? VGPIO_ERR_BROKEN : VGPIO_OK;
        }
    }
    return err;
}

/* Moves the cursor to the next cookie that stop left over. */
static PORT_NOINLINE int stale_left(struct vgpio_drv *drv)
{
    for (; drv->cursor < drv->cfg.nreq; drv->cursor++) {
        if (is_busy(&drv->cfg.slots[drv->cursor])) {
            return 1;
        }
    }
    return 0;
}

/* Resets the device, in `state`. 1: it does not show status 0 yet. */
static int reset(struct vgpio_drv *drv, unsigned state)
{
    int status;

    if (drv->state != state) {
        int err = set_status(drv, 0);

        if (err != VGPIO_OK) {
            return err;
        }
        drv->state = state;
        drv->err = VGPIO_ERR_STATE;
    }
    status = get_status(drv);
    return status > 0 ? 1 : status;
}

/* Is it a device for us? */
static int identify(const struct vgpio_drv *drv)
{
    const struct vgpio_dialect *d = DRV_DIALECT(drv);
    uint32_t id = 0;
    int err = drv->cfg.bus->device_id(drv->cfg.bus_ctx, &id);

    if (err != VGPIO_OK) {
        return err;
    }
    return id != 0 && (id == d->device_id || id == d->old_device_id) ? VGPIO_OK
                                                                     : VGPIO_ERR_NOTSUP;
}

int vgpio_drv_start(struct vgpio_drv *drv)
{
    int err;

    if (drv->err == VGPIO_OK) {
        return VGPIO_OK;
    }
    if (drv->state == RUNNING || drv->state == STOPPING ||
        (drv->state == STOPPED && stale_left(drv))) {
        return VGPIO_ERR_STATE;
    }
    if (drv->state != RESETTING) {
        err = identify(drv);
        if (err != VGPIO_OK) {
            return err;
        }
        forget(drv);
        vgpio_drv_trace(drv, VGPIO_TR_RESET, 0, 0);
    }
    err = reset(drv, RESETTING);
    if (err != 0) {
        return err;
    }
    err = bring_up(drv);
    drv->state = RUNNING;
    drv->err = VGPIO_OK;
    if (VGPIO_CFG_DIALECTS && err == VGPIO_OK) {
        /* What ready() staged; no doorbell before DRIVER_OK (CORE-DRV-19). */
        err = vgpio_drv_flush(drv);
    }
    if (err != VGPIO_OK) {
        (void)set_status(drv, VGPIO_S_FAILED);
        drv->state = HALF;
        drv->err = VGPIO_ERR_STATE;
    }
    return err;
}

int vgpio_drv_stop(struct vgpio_drv *drv)
{
    int err;

    if (drv->state == IDLE || drv->state == STOPPED) {
        return VGPIO_OK;
    }
    err = reset(drv, STOPPING);
    if (err == 0) {
        drv->state = STOPPED;
        drv->cursor = 0;
    }
    return err;
}

/* ---- running ---- */

uint16_t vgpio_drv_ngpio(const struct vgpio_drv *drv)
{
    return (uint16_t)drv->ngpio;
}

uint32_t vgpio_drv_names_size(const struct vgpio_drv *drv)
{
    return drv->names_size;
}

/* One queue alone is there as long as the driver runs; nobody keeps that in mind. */
static int has_queue(const struct vgpio_drv *drv, unsigned q)
{
    return QUEUES == 1 || (drv->queues & 1u << q) != 0;
}

/* 0, or why nothing can be asked of the device. */
static int ready(const struct vgpio_drv *drv)
{
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
    err = DRV_DIALECT(drv)->submit(drv, &req, cookie);
    return err < 0 ? err : stage_left(drv, NULL);
}

int vgpio_drv_read_names(struct vgpio_drv *drv, uint8_t *buf, uint64_t dma_addr,
                         uint32_t len, void *cookie)
{
    struct vgpio_seg answer;
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
    err = DRV_DIALECT(drv)->read_names(drv, buf, len, cookie);
    answer.addr = dma_addr;
    answer.len = 1 + drv->names_size;
    return err < 0 ? err : stage_left(drv, &answer);
}

int vgpio_drv_cancel(struct vgpio_drv *drv, void *cookie)
{
    int err = VGPIO_ERR_STALE;
    uint16_t i;

    if (drv->state == IDLE) {
        return err; /* nobody cleared the slots yet */
    }
    for (i = 0; i < drv->cfg.nreq; i++) {
        struct vgpio_drv_slot *s = &drv->cfg.slots[i];

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
    err = DRV_DIALECT(drv)->unmask(drv, line);
    return err < 0 ? err : stage_left(drv, NULL);
}

int vgpio_drv_flush(struct vgpio_drv *drv)
{
    int err = ready(drv);
    unsigned q;

    if (err != VGPIO_OK) {
        return err;
    }
    for (q = 0; q < QUEUES; q++) {
        unsigned bit = 1u << q;
        uint32_t data;
        int rung;

        if (has_queue(drv, q) && vgpio_drvq_publish(&drv->q[q], &data) > 0) {
            drv->kick_data[q] = data | q;
            drv->owed |= bit;
        }
        if ((drv->owed & bit) == 0) {
            continue;
        }
        rung = drv->cfg.bus->notify(drv->cfg.bus_ctx, q, drv->kick_data[q]);
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
    unsigned q = DRV_DIALECT(drv)->queue[kind];
    struct vgpio_back back;
    int r;

    if (!has_queue(drv, q)) {
        return 0;
    }
    do {
        r = vgpio_drvq_get_many(&drv->q[q], &back, 1);
        if (r <= 0) {
            break;
        }
        VGPIO_DMA_INVALIDATE(vgpio_drv_cell(drv, back.slot), VGPIO_DMA_CELL);
        r = DRV_DIALECT(drv)->used(drv, back.slot, back.written, ev);
        if (VGPIO_CFG_IRQ && r >= 0) {
            int err = stage_left(drv, NULL);

            r = err < 0 ? err : r;
        }
    } while (r == 0);
    return r < 0 ? fatal(drv, r) : r;
}

static int has_local(const struct vgpio_drv *drv)
{
    return VGPIO_CFG_DIALECTS && DRV_DIALECT(drv)->local != NULL;
}

static int poll_local(struct vgpio_drv *drv, struct vgpio_drv_event *ev)
{
    return has_local(drv) ? DRV_DIALECT(drv)->local(drv, ev) : 0;
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
        r = poll_queue(drv, QUEUES == 1 ? 0 : drv->turn, ev);
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
        if (has_queue(drv, q)) {
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
    int err = ready(drv);

    if (err == VGPIO_OK) {
        err = get_status(drv);
    }
    if (err < 0) {
        return err;
    }
    return (err & VGPIO_S_NEEDS_RESET) != 0 ? fatal(drv, VGPIO_ERR_BROKEN) : VGPIO_OK;
}
