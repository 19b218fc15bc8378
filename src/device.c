/* SPDX-License-Identifier: BSD-3-Clause */
/* The device as an object: configuration, its faces, and the loop that works off
 * marks. */
#include "device_impl.h"

#if VGPIO_CFG_IRQ
#define CAN_IRQ VGPIO_F_IRQ
#else
#define CAN_IRQ 0u
#endif
#if VGPIO_CFG_INDIRECT
#define CAN_INDIRECT VGPIO_F_INDIRECT
#else
#define CAN_INDIRECT 0u
#endif
#if VGPIO_CFG_EVENT_IDX
#define CAN_EVENT_IDX VGPIO_F_EVENT_IDX
#else
#define CAN_EVENT_IDX 0u
#endif
#if VGPIO_CFG_PACKED
#define CAN_PACKED VGPIO_F_PACKED
#else
#define CAN_PACKED 0u
#endif
#define CAN_DO (CAN_PACKED | CAN_IRQ | CAN_INDIRECT | CAN_EVENT_IDX | VGPIO_F_VERSION_1)

#define DEFAULT_QUEUE_MAX 256u

/* ---- marks ------------------------------------------------------------- */

void vgpio_dev_mark(struct vgpio_dev *dev, uint16_t line)
{
    struct vgpio_line *l = &dev->lines[line];

    if ((l->flags & LINE_MARKED) != 0) {
        return;
    }
    l->flags |= LINE_MARKED;
    l->mark_next = VGPIO_NIL;
    if (dev->mark_first == VGPIO_NIL) {
        dev->mark_first = line;
    } else {
        dev->lines[dev->mark_last].mark_next = line;
    }
    dev->mark_last = line;
}

static void work_marks(struct vgpio_dev *dev)
{
    while (dev->mark_first != VGPIO_NIL) {
        uint16_t line = dev->mark_first;

        dev->mark_first = dev->lines[line].mark_next;
        dev->lines[line].flags &= (uint16_t)~LINE_MARKED;
        vgpio_irq_run(dev, line);
        vgpio_req_run(dev, line);
    }
}

/* ---- the outermost entry ----------------------------------------------- */

static void broken(struct vgpio_dev *dev, unsigned q, int err)
{
    TRACE(dev, VGPIO_TR_QUEUE_BROKEN, q, err);
    dev->err[q] = (int8_t)err;
    dev->broken = 1;
    dev->events |= VGPIO_EV_NEEDS_RESET;
}

/* What became of a head that was staged: a queue that broke while its chain was walked
 * takes none. */
void vgpio_dev_staged(struct vgpio_dev *dev, unsigned q, int err)
{
    if (err < 0) {
        broken(dev, q, err);
    }
}

void vgpio_dev_push(struct vgpio_dev *dev, unsigned q, struct vgpio_head head,
                    uint32_t len)
{
    vgpio_dev_staged(dev, q, vgpio_devq_push(&dev->q[q], head, len));
}

#if VGPIO_CFG_FAST
/* Before sleep answers go out: one fence does for both. 1: take again. */
static int look_again(struct vgpio_dev *dev, unsigned q, int got)
{
    unsigned what = vgpio_devq_settle(&dev->q[q]);

    (void)got;
    if (what & VGPIO_SETTLE_INTERRUPT) {
        dev->events |= VGPIO_EV_QUEUE(q);
    }
    return (what & VGPIO_SETTLE_MORE) != 0;
}
#else
static int look_again(struct vgpio_dev *dev, unsigned q, int got)
{
    return got != 0 ? 1 : vgpio_devq_rearm(&dev->q[q]);
}
#endif

/* May queue q be read, and is there a slot for what is read there? */
static int may_take(struct vgpio_dev *dev, unsigned q)
{
    if (!vgpio_dev_reads(dev, q)) {
        return 0;
    }
    if (q == VGPIO_REQUESTQ && dev->req_free == VGPIO_NIL) {
        dev->starved = 1; /* goes on when a request completes */
        return 0;
    }
    return 1;
}

/* Take chains until the ring is empty, requests run out, or one ring size was served:
 * 1 = there may be more. */
static PORT_INLINE int pump_queue(struct vgpio_dev *dev, unsigned q)
{
    uint32_t budget = dev->q[q].at.size;
    int got;

    if (!may_take(dev, q)) {
        return 0;
    }
    do {
        if (budget == 0) {
            return 1;
        }
        got = q == VGPIO_REQUESTQ ? vgpio_req_pop(dev, budget) : vgpio_irq_pop(dev);
        if (got >= 0) {
            work_marks(dev);
            if (!may_take(dev, q)) {
                return 0;
            }
            /* What a guest took back counts as well, or it could keep us here. */
            budget -= got != 0 ? (uint32_t)got : VGPIO_CFG_FAST;
            got = look_again(dev, q, got);
        }
    } while (got > 0);
    if (got < 0) {
        broken(dev, q, got);
    }
    return got;
}

#if VGPIO_CFG_FAST
/* Each queue has its own, in which it is a constant. */
static PORT_NOINLINE int pump_requests(struct vgpio_dev *dev)
{
    return pump_queue(dev, VGPIO_REQUESTQ);
}

static PORT_NOINLINE int pump_events(struct vgpio_dev *dev)
{
    return pump_queue(dev, VGPIO_EVENTQ);
}

static int pump(struct vgpio_dev *dev, unsigned q)
{
    return q == VGPIO_REQUESTQ ? pump_requests(dev) : pump_events(dev);
}
#else
static int pump(struct vgpio_dev *dev, unsigned q)
{
    return pump_queue(dev, q);
}
#endif

static void publish(struct vgpio_dev *dev, unsigned q)
{
    struct vgpio_devq *vq = &dev->q[q];

    if (vq->next_used == vq->at.used_pos) {
        return; /* nothing is staged */
    }
    if (vgpio_devq_publish(vq) == 1) { /* refused by a queue that is stopped */
        dev->events |= VGPIO_EV_QUEUE(q);
    }
}

/* One publication a queue for all that this entry did. */
void vgpio_dev_leave(struct vgpio_dev *dev)
{
    work_marks(dev);
    while (dev->starved && dev->req_free != VGPIO_NIL) {
        dev->starved = 0;
        if (pump(dev, VGPIO_REQUESTQ) == 1) {
            dev->events |= VGPIO_EV_MORE;
        }
    }
    publish(dev, VGPIO_REQUESTQ);
    publish(dev, VGPIO_EVENTQ);
    dev->busy = 0;
}

/* ---- users' and backends' calls ---------------------------------------- */

static int dev_kick(void *obj, unsigned q)
{
    struct vgpio_dev *dev = obj;
    int err;

    if (q > VGPIO_EVENTQ) {
        return VGPIO_ERR_INVAL;
    }
    if (dev->broken) {
        return dev->err[q];
    }
    err = vgpio_dev_enter(dev);
    if (err == 0) {
        err = pump(dev, q);
        vgpio_dev_leave(dev);
    }
    return dev->err[q] != 0 ? dev->err[q] : err;
}

int vgpio_dev_kick(struct vgpio_dev *dev, unsigned q)
{
    return dev_kick(dev, q);
}

static unsigned dev_take_events(void *obj)
{
    struct vgpio_dev *dev = obj;
    unsigned events = dev->events;

    dev->events = 0;
    return events;
}

unsigned vgpio_dev_take_events(struct vgpio_dev *dev)
{
    return dev_take_events(dev);
}

static int dev_complete(void *obj, vgpio_token token, int result)
{
    struct vgpio_dev *dev = obj;
    int outermost = !dev->busy;
    int err;

    dev->busy = 1;
    err = vgpio_req_complete(dev, token, result);
    if (outermost) {
        vgpio_dev_leave(dev);
    }
    return err;
}

int vgpio_dev_complete(struct vgpio_dev *dev, vgpio_token token, int result)
{
    return dev_complete(dev, token, result);
}

static int dev_change(void *obj, uint16_t line, unsigned edges, unsigned level_after)
{
    struct vgpio_dev *dev = obj;

    if (line >= dev->ngpio || edges > (VGPIO_RISING | VGPIO_FALLING) ||
        level_after > VGPIO_LEVEL_UNKNOWN) {
        return VGPIO_ERR_INVAL;
    }
    vgpio_irq_change(dev, line, edges, level_after);
    if (!dev->busy && dev->mark_first != VGPIO_NIL) {
        dev->busy = 1;
        vgpio_dev_leave(dev);
    }
    return 0;
}

int vgpio_dev_change(struct vgpio_dev *dev, uint16_t line, unsigned edges,
                     unsigned level_after)
{
    return dev_change(dev, line, edges, level_after);
}

/* ---- the vdev face: what is constant ------------------------------------ */

static uint32_t dev_device_id(const void *obj)
{
    (void)obj;
    return VGPIO_DEVICE_ID;
}

static uint64_t dev_features(const void *obj)
{
    const struct vgpio_dev *dev = obj;

    return dev->offered;
}

static uint32_t dev_config_size(const void *obj)
{
    (void)obj;
    return VGPIO_CONFIG_SIZE;
}

static void dev_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    const struct vgpio_dev *dev = obj;
    struct vgpio_config config = {dev->ngpio, dev->names_size};
    uint8_t bytes[VGPIO_CONFIG_SIZE];

    vgpio_config_encode(bytes, &config);
    memset(dst, 0, len);
    if (off < sizeof bytes) {
        uint32_t n = (uint32_t)sizeof bytes - off;

        memcpy(dst, bytes + off, n < len ? n : len);
    }
}

static uint16_t dev_queue_max(const void *obj, unsigned q)
{
    const struct vgpio_dev *dev = obj;

    if (q > VGPIO_EVENTQ || (q == VGPIO_EVENTQ && (dev->offered & VGPIO_F_IRQ) == 0)) {
        return 0;
    }
    return dev->queue_max[q];
}

static void dev_irq_acked(void *obj)
{
    (void)obj; /* the standard does not count interrupts */
}

static unsigned dev_in_flight(const void *obj)
{
    const struct vgpio_dev *dev = obj;

    return dev->in_flight;
}

static int dev_error(const void *obj, unsigned q)
{
    const struct vgpio_dev *dev = obj;

    return q > VGPIO_EVENTQ ? VGPIO_ERR_INVAL : dev->err[q];
}

static const struct vgpio_vdev_ops vdev_ops = {sizeof(struct vgpio_vdev_ops),
                                               dev_device_id,
                                               dev_features,
                                               vgpio_dev_ack_features,
                                               dev_config_size,
                                               dev_config_read,
                                               dev_queue_max,
                                               vgpio_dev_queue_start,
                                               vgpio_dev_queue_run,
                                               vgpio_dev_queue_stop,
                                               vgpio_dev_reset,
                                               dev_kick,
                                               dev_take_events,
                                               dev_irq_acked,
                                               dev_in_flight,
                                               dev_error};

static const struct vgpio_sink_ops sink_ops = {sizeof(struct vgpio_sink_ops),
                                               dev_complete, dev_change};

struct vgpio_vdev vgpio_dev_vdev(struct vgpio_dev *dev)
{
    struct vgpio_vdev vdev;

    vdev.ops = &vdev_ops;
    vdev.obj = dev;
    return vdev;
}

struct vgpio_sink vgpio_dev_sink(struct vgpio_dev *dev)
{
    struct vgpio_sink sink;

    sink.ops = &sink_ops;
    sink.obj = dev;
    return sink;
}

/* ---- guest state --------------------------------------------------------- */

static void guest_state_init(struct vgpio_dev *dev)
{
    static const struct vgpio_line idle = {
        0, {0, 0},         VGPIO_NIL,           VGPIO_NIL, VGPIO_DIR_NONE,
        0, VGPIO_IRQ_NONE, VGPIO_LEVEL_UNKNOWN, 0,         VGPIO_NIL};
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        dev->lines[i] = idle;
    }
    dev->mark_first = VGPIO_NIL;
    dev->in_flight = 0;
    dev->starved = 0;
    vgpio_req_forget(dev);
}

/* All that a guest did, as if it had never been; nothing of its memory is touched. */
void vgpio_dev_forget(struct vgpio_dev *dev)
{
    void (*reset)(void *) = DEV_OP(dev, reset);

    vgpio_irq_forget(dev);
    guest_state_init(dev);
    if (reset != NULL) {
        reset(dev->ctx);
    }
}

/* ---- init ---------------------------------------------------------------- */

static void copy_config(struct vgpio_dev *dev, const struct vgpio_dev_config *c)
{
    unsigned q;

    memset(dev, 0, sizeof *dev);
    dev->ops = c->ops;
    dev->ctx = c->ctx;
    dev->lines = c->lines;
    dev->ngpio = c->ngpio;
    dev->reqs = c->reqs;
    dev->nreqs = c->nreqs;
    dev->trace = c->trace;
    dev->trace_ctx = c->trace_ctx;
    dev->counts = c->counts;
    for (q = 0; q < 2; q++) {
        dev->queue_max[q] = c->queue_max[q] != 0 ? c->queue_max[q] : DEFAULT_QUEUE_MAX;
    }
    dev->offered = c->features == 0 ? CAN_DO : (c->features & CAN_DO) | DEV_MUST;
    if (DEV_OP(dev, set_irq_type) == NULL) {
        dev->offered &= ~VGPIO_F_IRQ; /* lines that cannot interrupt */
    }
#if VGPIO_CFG_NAMES
    dev->names = c->names;
    dev->names_size = c->names_size;
#endif
}

int vgpio_dev_init_abi(struct vgpio_dev *dev, const struct vgpio_dev_config *cfg,
                       uint64_t abi)
{
    struct vgpio_dev_config c;
    int err = vgpio_dev_config_take(&c, cfg, sizeof *dev, abi);

    if (err != VGPIO_OK) {
        return err;
    }
    copy_config(dev, &c);
    memset(dev->reqs, 0, sizeof *dev->reqs * dev->nreqs);
    guest_state_init(dev);
    return 0;
}
