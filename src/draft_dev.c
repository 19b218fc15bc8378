/* SPDX-License-Identifier: BSD-3-Clause */
/* The draft's device as an object: configuration, its faces, the outermost entry. */
#include "draft_impl.h"

#if VGPIO_CFG_INDIRECT
#define CAN_INDIRECT VGPIO_F_INDIRECT
#else
#define CAN_INDIRECT 0u
#endif
#if VGPIO_CFG_PACKED
#define CAN_PACKED VGPIO_F_PACKED
#else
#define CAN_PACKED 0u
#endif
#define CAN_DO (CAN_INDIRECT | VGPIO_F_VERSION_1)

/* The old drivers live for one queue size of requests. */
#define DEFAULT_QUEUE_MAX 32768u

/* ---- the outermost entry ------------------------------------------------- */

void vgpio_draft_broken(struct vgpio_draft_dev *dev, unsigned q, int err)
{
    TRACE(dev, VGPIO_TR_QUEUE_BROKEN, q, err);
    dev->err[q] = (int8_t)err;
    dev->broken = 1;
    dev->events |= VGPIO_EV_NEEDS_RESET;
}

/* Is there a buffer for what could not be sent, now that we asked to be told? */
static int rx_came(struct vgpio_draft_dev *dev)
{
    int got = vgpio_devq_rearm(&dev->q[RX]);

    if (got < 0) {
        vgpio_draft_broken(dev, RX, got);
    }
    return got > 0 && dev->rx_short && dev->rx_bad < dev->q[RX].at.size;
}

/* A report goes out, the backend hears of it and may complete requests: so again. */
static void settle(struct vgpio_draft_dev *dev)
{
    do {
        vgpio_draft_req_rescan(dev);
        vgpio_draft_send(dev);
    } while (dev->rescan);
}

/* Take requests and send answers until there is no more to take, no slot to take it in,
 * or one ring size was served: 1 = there is more. */
int vgpio_draft_pump(struct vgpio_draft_dev *dev)
{
    uint32_t budget = dev->q[TX].at.size;
    int got;

    for (;;) {
        settle(dev);
        if (!draft_takes(dev)) {
            return 0;
        }
        if (dev->req_count == dev->nreqs) {
            dev->starved = 1; /* goes on when an answer goes out */
            if (!rx_came(dev)) {
                return 0;
            }
            continue;
        }
        if (budget-- == 0) {
            return 1;
        }
        got = vgpio_draft_req_take(dev);
        if (got == 0) {
            got = vgpio_devq_rearm(&dev->q[TX]);
        }
        if (got < 0) {
            vgpio_draft_broken(dev, TX, got);
        } else if (got == 0 && !rx_came(dev)) {
            return 0;
        }
    }
}

/* Queue 0 first: whoever is called for queue 1 must find the message and see that his
 * request came back. */
static void publish(struct vgpio_draft_dev *dev)
{
    if (vgpio_devq_publish(&dev->q[RX]) == 1) {
        dev->events |= VGPIO_EV_QUEUE(RX);
    }
    if (vgpio_devq_publish(&dev->q[TX]) == 1) {
        dev->events |= VGPIO_EV_QUEUE(TX);
    }
    if (dev->call) {
        dev->events |= VGPIO_EV_QUEUE(TX);
        dev->call = 0;
    }
    dev->rx_bad = 0;
}

/* Send what can be sent, and go on where slots had run out. */
void vgpio_draft_leave(struct vgpio_draft_dev *dev)
{
    settle(dev);
    if (dev->starved && dev->req_count < dev->nreqs) {
        dev->starved = 0;
        if (vgpio_draft_pump(dev)) {
            dev->events |= VGPIO_EV_MORE;
        }
    }
    publish(dev);
    dev->busy = 0;
}

/* ---- calls of transports and backends ------------------------------------- */

static int dev_kick(void *obj, unsigned q)
{
    struct vgpio_draft_dev *dev = obj;
    int more = 0;

    if (q > TX) {
        return VGPIO_ERR_INVAL;
    }
    if (dev->broken) {
        return dev->err[q];
    }
    if (dev->busy) {
        return VGPIO_ERR_STATE;
    }
    dev->busy = 1;
    vgpio_draft_heard(dev);
    if ((dev->queue_flags[RX] & QUEUE_RUN) != 0) {
        vgpio_draft_look(dev);
    }
    if (draft_sends(dev)) {
        more = vgpio_draft_pump(dev);
    }
    vgpio_draft_leave(dev);
    return dev->err[q] != 0 ? dev->err[q] : more;
}

static unsigned dev_take_events(void *obj)
{
    struct vgpio_draft_dev *dev = obj;
    unsigned events = dev->events;

    dev->events = 0;
    return events;
}

static int dev_complete(void *obj, vgpio_token token, int result)
{
    struct vgpio_draft_dev *dev = obj;
    int inside = dev->busy;
    int err;

    dev->busy = 1;
    err = vgpio_draft_req_complete(dev, token, result, inside);
    if (!inside) {
        vgpio_draft_leave(dev);
    }
    return err;
}

static int dev_change(void *obj, uint16_t line, unsigned edges, unsigned level_after)
{
    struct vgpio_draft_dev *dev = obj;
    int inside = dev->busy;

    if (line >= dev->ngpio || edges > (VGPIO_RISING | VGPIO_FALLING) ||
        level_after > VGPIO_LEVEL_UNKNOWN) {
        return VGPIO_ERR_INVAL;
    }
    dev->busy = 1;
    vgpio_draft_change(dev, line, edges, level_after);
    if (!inside) {
        vgpio_draft_leave(dev);
    }
    return 0;
}

static void dev_irq_acked(void *obj)
{
    struct vgpio_draft_dev *dev = obj;

    if (!dev->busy) {
        dev->busy = 1;
        vgpio_draft_heard(dev);
        vgpio_draft_leave(dev);
    }
}

/* ---- the vdev face: what is constant ---------------------------------------- */

static uint32_t dev_device_id(const void *obj)
{
    const struct vgpio_draft_dev *dev = obj;

    return dev->device_id;
}

static uint64_t dev_features(const void *obj)
{
    const struct vgpio_draft_dev *dev = obj;

    return dev->offered;
}

/* The old drivers write up to two bytes behind their copy of the names. Memory comes in
 * multiples of 8 bytes behind a header of such a size, so a block that is 1 to 6 bytes
 * longer than one leaves room for these two. */
static uint32_t padding(uint32_t size)
{
    static const uint8_t pad[8] = {1, 0, 0, 0, 0, 0, 0, 2};

    return size != 0 ? pad[size & 7u] : 0u;
}

static uint32_t dev_config_size(const void *obj)
{
    const struct vgpio_draft_dev *dev = obj;

    return VGPIO_DRAFT_CONFIG_SIZE + dev->names_size + padding(dev->names_size);
}

/* The part of `src`, which lies at `at`, that is asked for. */
static void copy_part(uint8_t *dst, uint32_t off, uint32_t len, uint32_t at,
                      const uint8_t *src, uint32_t size)
{
    uint32_t skip = off > at ? off - at : 0;
    uint32_t put = at > off ? at - off : 0;

    if (skip < size && put < len) {
        uint32_t n = size - skip < len - put ? size - skip : len - put;

        memcpy(dst + put, src + skip, n);
    }
}

static void dev_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    const struct vgpio_draft_dev *dev = obj;
    uint8_t fixed[VGPIO_DRAFT_CONFIG_SIZE];
    struct vgpio_draft_config config;

    config.version = VGPIO_DRAFT_VERSION;
    config.ngpio = dev->ngpio;
    config.names_size = dev->names_size + padding(dev->names_size);
    memcpy(config.name, dev->name, sizeof config.name);
    vgpio_draft_config_encode(fixed, &config);
    memset(dst, 0, len);
    copy_part(dst, off, len, 0, fixed, sizeof fixed);
    if (dev->names_size != 0) {
        copy_part(dst, off, len, sizeof fixed, dev->names, dev->names_size);
    }
}

static uint16_t dev_queue_max(const void *obj, unsigned q)
{
    const struct vgpio_draft_dev *dev = obj;

    return q > TX ? (uint16_t)0 : dev->queue_max[q];
}

static unsigned dev_in_flight(const void *obj)
{
    const struct vgpio_draft_dev *dev = obj;

    return dev->in_flight;
}

static int dev_error(const void *obj, unsigned q)
{
    const struct vgpio_draft_dev *dev = obj;

    return q > TX ? VGPIO_ERR_INVAL : dev->err[q];
}

static const struct vgpio_vdev_ops vdev_ops = {sizeof(struct vgpio_vdev_ops),
                                               dev_device_id,
                                               dev_features,
                                               vgpio_draft_ack_features,
                                               dev_config_size,
                                               dev_config_read,
                                               dev_queue_max,
                                               vgpio_draft_queue_start,
                                               vgpio_draft_queue_run,
                                               vgpio_draft_queue_stop,
                                               vgpio_draft_reset,
                                               dev_kick,
                                               dev_take_events,
                                               dev_irq_acked,
                                               dev_in_flight,
                                               dev_error};

static const struct vgpio_sink_ops sink_ops = {sizeof(struct vgpio_sink_ops),
                                               dev_complete, dev_change};

struct vgpio_vdev vgpio_draft_dev_vdev(struct vgpio_draft_dev *dev)
{
    struct vgpio_vdev vdev;

    vdev.ops = &vdev_ops;
    vdev.obj = dev;
    return vdev;
}

struct vgpio_sink vgpio_draft_dev_sink(struct vgpio_draft_dev *dev)
{
    struct vgpio_sink sink;

    sink.ops = &sink_ops;
    sink.obj = dev;
    return sink;
}

/* ---- guest state --------------------------------------------------------------- */

static void guest_state_init(struct vgpio_draft_dev *dev)
{
    uint16_t i;

    for (i = 0; i < dev->ngpio; i++) {
        struct vgpio_line *l = &dev->lines[i];

        memset(l, 0, sizeof *l);
        l->q_first = VGPIO_NIL;
        l->level = VGPIO_LEVEL_UNKNOWN;
    }
    dev->changed_first = VGPIO_NIL;
    dev->starved = 0;
    dev->tx_open = 0;
    dev->tx_skip = 0;
    vgpio_draft_req_forget(dev);
    vgpio_draft_pace_reset(dev);
}

/* All that a guest did, as if it had never been; nothing of its memory is touched. */
void vgpio_draft_forget(struct vgpio_draft_dev *dev)
{
    void (*reset)(void *) = DEV_OP(dev, reset);

    if (reset != NULL) {
        reset(dev->ctx); /* what that changes is nothing to the next guest */
    }
    guest_state_init(dev);
}

/* ---- init ------------------------------------------------------------------------ */

static void take_id(struct vgpio_draft_dev *dev, const struct vgpio_draft_id *id)
{
    unsigned i;

    dev->device_id = id->device_id != 0 ? id->device_id : VGPIO_DRAFT_DEVICE_ID;
    for (i = 0; id->name != NULL && i < sizeof dev->name && id->name[i] != '\0'; i++) {
        dev->name[i] = id->name[i];
    }
    if ((id->flags & VGPIO_DRAFT_2021) != 0) {
        dev->offered |= VGPIO_DRAFT_F_ARBITRATION;
        if (DEV_OP(dev, set_irq_type) != NULL) {
            dev->offered |= VGPIO_DRAFT_F_IRQ;
        }
    }
}

static void take_config(struct vgpio_draft_dev *dev, const struct vgpio_dev_config *c)
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
    for (q = 0; q < 2; q++) {
        dev->queue_max[q] = c->queue_max[q] != 0 ? c->queue_max[q] : DEFAULT_QUEUE_MAX;
    }
    /* Nobody has tried the old drivers on packed rings: only for who asks. */
    dev->offered = c->features == 0
                       ? CAN_DO
                       : (c->features & (CAN_DO | CAN_PACKED)) | VGPIO_F_VERSION_1;
#if VGPIO_CFG_NAMES
    dev->names = c->names;
    dev->names_size = c->names_size;
#endif
}

int vgpio_draft_dev_init_abi(struct vgpio_draft_dev *dev,
                             const struct vgpio_dev_config *cfg,
                             const struct vgpio_draft_id *id, uint64_t abi)
{
    static const struct vgpio_draft_id none = {sizeof none, 0, 0, NULL};
    struct vgpio_dev_config c;
    int err;

    if (id == NULL) {
        id = &none;
    } else if (id->size != sizeof *id) {
        return VGPIO_ERR_ABI;
    }
    err = vgpio_dev_config_take(&c, cfg, sizeof *dev, abi);
    if (err != VGPIO_OK) {
        return err;
    }
    if ((id->flags & ~VGPIO_DRAFT_2021) != 0) {
        return VGPIO_ERR_INVAL;
    }
    /* GCOVR_EXCL_BR_START: a test would need such a block, of 4 GiB */
    if (c.names_size > UINT32_MAX - 128u) { /* the configuration's size would wrap */
        return VGPIO_ERR_INVAL;
    }
    /* GCOVR_EXCL_BR_STOP */
    take_config(dev, &c);
    take_id(dev, id);
    memset(dev->reqs, 0, sizeof *dev->reqs * dev->nreqs);
    guest_state_init(dev);
    return 0;
}
