/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-user from the other side: the messages that a driver's bus is made of. */
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/wire.h>

#include "internal.h"
#include "port.h"

#define HEADER 12u
#define CONFIG_HEADER 12u
#define CONFIG_MAX 4096u
#define PAYLOAD_MAX (VGPIO_VU_MSG_MAX - HEADER)
#define QUEUE_SIZE 256u /* what every back end known takes */

#define P_KNOWN (VGPIO_VU_P_MQ | VGPIO_VU_P_REPLY_ACK | VGPIO_VU_P_CONFIG)

/* What vhost-user can carry for a driver: features of the device type, and of the rings
 * those that need no help of the transport. */
#define F_CARRIED                                                                        \
    (UINT64_C(0xffffff) | VGPIO_F_INDIRECT | VGPIO_F_EVENT_IDX | VGPIO_F_VERSION_1 |     \
     VGPIO_F_PACKED | VGPIO_F_IN_ORDER | VGPIO_F_ORDER_PLATFORM)

#define WRAPS 0x80008000u /* packed: both positions 0, both wrap counters 1 */

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static int dead(struct vgpio_vuf *f, uint32_t request, int err, const char *reason)
{
    f->reason = reason;
    f->reason_request = request;
    f->err = (int8_t)err;
    f->status |= VGPIO_S_NEEDS_RESET;
    return err;
}

static int refused(struct vgpio_vuf *f, uint32_t request)
{
    f->reason = "refused";
    f->reason_request = request;
    return VGPIO_ERR_IO;
}

int vgpio_vuf_init_abi(struct vgpio_vuf *f, const struct vgpio_vuf_config *cfg,
                       uint64_t abi)
{
    struct vgpio_vuf_config c;

    if (vgpio_abi_size(abi, 0) < sizeof *f || vgpio_abi_size(abi, 1) > sizeof c ||
        vgpio_abi_size(abi, 2) != sizeof(struct vgpio_vu_msg)) {
        return VGPIO_ERR_ABI;
    }
    if (f == NULL || cfg == NULL) {
        return VGPIO_ERR_INVAL;
    }
    memset(&c, 0, sizeof c);
    memcpy(&c, cfg, vgpio_abi_size(abi, 1));
    if (c.os == NULL || VGPIO_OP(c.os, struct vgpio_vuf_os, cut) == NULL ||
        c.os->send == NULL || c.os->recv == NULL || c.os->close == NULL ||
        c.os->signal == NULL || c.config_size > CONFIG_MAX) {
        return VGPIO_ERR_INVAL;
    }
    c.device_id = c.device_id != 0 ? c.device_id : VGPIO_DEVICE_ID;
    c.config_size = c.config_size != 0 ? c.config_size : 8u;
    c.protocol = c.protocol != 0 ? c.protocol & P_KNOWN : P_KNOWN;
    c.queue_size = c.queue_size != 0 ? c.queue_size : (uint16_t)QUEUE_SIZE;
    memset(f, 0, sizeof *f);
    f->cfg = c;
    return VGPIO_OK;
}

/* ---- messages ---- */

/* Descriptors of the last message that came, which nobody took. */
static void drop_fds(struct vgpio_vuf *f)
{
    unsigned n = f->msg.nfds;

    f->msg.nfds = 0;
    while (n-- > 0) {
        if (n < VGPIO_VU_MAX_REGIONS) {
            f->cfg.os->close(f->cfg.ctx, f->msg.fds[n]);
        }
    }
}

static int moved(struct vgpio_vuf *f, uint32_t request, int err)
{
    if (err >= 0) {
        return VGPIO_OK;
    }
    drop_fds(f);
    return err == VGPIO_ERR_TIMEOUT ? dead(f, request, err, "no answer in time")
                                    : dead(f, request, VGPIO_ERR_IO, "hung up");
}

/* `size` bytes of payload stand in their place already. */
static int push(struct vgpio_vuf *f, uint32_t request, uint32_t flags, uint32_t size,
                const int *fds, unsigned nfds)
{
    uint32_t head[3];
    int err;

    if (f->err != 0) {
        return f->err;
    }
    drop_fds(f);
    head[0] = request;
    head[1] = flags;
    head[2] = size;
    memcpy(f->msg.buf, head, sizeof head);
    if (nfds != 0) {
        memcpy(f->msg.fds, fds, nfds * sizeof *fds);
    }
    f->msg.nfds = nfds;
    f->msg.len = HEADER + size;
    f->msg.done = 0;
    err = f->cfg.os->send(f->cfg.ctx, &f->msg);
    f->msg.nfds = 0; /* lent, not given */
    return moved(f, request, err);
}

int vgpio_vuf_send(struct vgpio_vuf *f, uint32_t request, uint32_t flags,
                   const void *payload, uint32_t size, const int *fds, unsigned nfds)
{
    if (size > PAYLOAD_MAX || nfds > VGPIO_VU_MAX_REGIONS) {
        return VGPIO_ERR_INVAL;
    }
    if (size != 0) {
        memcpy(f->msg.buf + HEADER, payload, size);
    }
    return push(f, request, flags, size, fds, nfds);
}

/* The next message, about `request` as far as an error is concerned. */
static int receive(struct vgpio_vuf *f, uint32_t request)
{
    if (f->err != 0) {
        return f->err;
    }
    drop_fds(f);
    f->msg.len = f->msg.done = 0;
    return moved(f, request, f->cfg.os->recv(f->cfg.ctx, &f->msg));
}

int vgpio_vuf_recv(struct vgpio_vuf *f, struct vgpio_vu_msg **msg)
{
    *msg = &f->msg;
    return receive(f, 0);
}

/* What is wrong with the message that came as the answer to `request`, or NULL. */
static const char *fault_of(const struct vgpio_vu_msg *m, uint32_t request, uint32_t size)
{
    if (m->len < HEADER || m->len > sizeof m->buf) {
        return "an answer shorter than a header";
    }
    if (get32(m->buf) != request) {
        return "an answer to another request";
    }
    if (get32(m->buf + 4) != (VGPIO_VU_VERSION | VGPIO_VU_REPLY)) {
        return "an answer with wrong flags";
    }
    if (get32(m->buf + 8) != size || m->len != HEADER + size) {
        return "an answer of the wrong size";
    }
    return m->nfds != 0 ? "an answer with file descriptors" : NULL;
}

/* The answer to `request`, which has `size` bytes of payload. */
static int answer(struct vgpio_vuf *f, uint32_t request, uint32_t size)
{
    int err = receive(f, request);
    const char *fault;

    if (err < 0) {
        return err;
    }
    fault = fault_of(&f->msg, request, size);
    if (fault != NULL) {
        drop_fds(f);
        return dead(f, request, VGPIO_ERR_PROTO, fault);
    }
    return VGPIO_OK;
}

int vgpio_vuf_get(struct vgpio_vuf *f, uint32_t request, uint64_t *value)
{
    int err = vgpio_vuf_send(f, request, VGPIO_VU_VERSION, NULL, 0, NULL, 0);

    if (err >= 0) {
        err = answer(f, request, sizeof *value);
    }
    if (err >= 0) {
        memcpy(value, f->msg.buf + HEADER, sizeof *value);
    }
    return err;
}

int vgpio_vuf_call(struct vgpio_vuf *f, uint32_t request, const void *payload,
                   uint32_t size, const int *fds, unsigned nfds)
{
    int acks = (f->protocol & VGPIO_VU_P_REPLY_ACK) != 0;
    uint32_t flags = VGPIO_VU_VERSION | (acks ? VGPIO_VU_NEED_REPLY : 0u);
    uint64_t ack;
    int err = vgpio_vuf_send(f, request, flags, payload, size, fds, nfds);

    if (err < 0 || !acks) {
        return err;
    }
    err = answer(f, request, sizeof ack);
    if (err < 0) {
        return err;
    }
    memcpy(&ack, f->msg.buf + HEADER, sizeof ack);
    if (ack != 0) {
        (void)refused(f, request);
    }
    return ack != 0;
}

/* For the bus: a refusal is an error. */
static int must(struct vgpio_vuf *f, uint32_t request, const void *payload, uint32_t size,
                const int *fds, unsigned nfds)
{
    int n = vgpio_vuf_call(f, request, payload, size, fds, nfds);

    return n > 0 ? VGPIO_ERR_IO : n;
}

/* ---- the greeting ---- */

static int negotiate_protocol(struct vgpio_vuf *f)
{
    uint64_t queues = VGPIO_VUF_QUEUES;
    uint64_t use;
    int err = vgpio_vuf_get(f, VGPIO_VU_GET_PROTOCOL_FEATURES, &f->protocol_offered);

    if (err < 0) {
        return err;
    }
    use = f->protocol_offered & f->cfg.protocol;
    /* Never with an ack: whether there are any is only being agreed. */
    err = vgpio_vuf_send(f, VGPIO_VU_SET_PROTOCOL_FEATURES, VGPIO_VU_VERSION, &use,
                         sizeof use, NULL, 0);
    if (err < 0) {
        return err;
    }
    f->protocol = use;
    if ((use & VGPIO_VU_P_MQ) != 0) {
        err = vgpio_vuf_get(f, VGPIO_VU_GET_QUEUE_NUM, &queues);
    }
    if (err >= 0 && (queues == 0 || queues > UINT32_MAX)) {
        err = dead(f, VGPIO_VU_GET_QUEUE_NUM, VGPIO_ERR_PROTO,
                   "an impossible number of queues");
    }
    f->queues = (uint32_t)queues;
    return err;
}

int vgpio_vuf_negotiate(struct vgpio_vuf *f)
{
    int err;

    if (f->negotiated || f->err != 0) {
        return f->err;
    }
    f->queues = VGPIO_VUF_QUEUES;
    err = vgpio_vuf_get(f, VGPIO_VU_GET_FEATURES, &f->offered);
    if (err >= 0 && (f->offered & VGPIO_VU_F_PROTOCOL) != 0) {
        err = negotiate_protocol(f);
    }
    if (err >= 0) {
        err = must(f, VGPIO_VU_SET_OWNER, NULL, 0, NULL, 0);
    }
    f->negotiated = err >= 0;
    return err;
}

void vgpio_vuf_get_facts(const struct vgpio_vuf *f, struct vgpio_vuf_facts *facts)
{
    facts->offered = f->offered;
    facts->features = f->features;
    facts->protocol_offered = f->protocol_offered;
    facts->protocol = f->protocol;
    facts->queues = f->queues;
}

static int set_features(struct vgpio_vuf *f)
{
    uint64_t word = f->features | (f->offered & VGPIO_VU_F_PROTOCOL);

    return vgpio_vuf_call(f, VGPIO_VU_SET_FEATURES, &word, sizeof word, NULL, 0);
}

/* ---- memory and rings ---- */

int vgpio_vuf_share(struct vgpio_vuf *f)
{
    const uint32_t head[2] = {1, 0}; /* regions, padding */
    uint64_t table[5];
    int err;

    memcpy(table, head, sizeof head);
    table[1] = f->cfg.gpa;
    table[2] = f->cfg.size;
    table[3] = f->cfg.uva;
    table[4] = f->cfg.mem_offset;
    err = must(f, VGPIO_VU_SET_MEM_TABLE, table, sizeof table, &f->cfg.mem_fd, 1);
    f->shared = err >= 0;
    return err;
}

static uint64_t uva(const struct vgpio_vuf *f, uint64_t gpa)
{
    return gpa - f->cfg.gpa < f->cfg.size ? gpa - f->cfg.gpa + f->cfg.uva : gpa;
}

static int vring(struct vgpio_vuf *f, uint32_t request, unsigned q, uint32_t num)
{
    uint32_t state[2];

    state[0] = q;
    state[1] = num;
    return must(f, request, state, sizeof state, NULL, 0);
}

static int vring_fd(struct vgpio_vuf *f, uint32_t request, unsigned q, int fd)
{
    uint64_t word = q;

    return must(f, request, &word, sizeof word, &fd, 1);
}

static int vring_addr(struct vgpio_vuf *f, unsigned q, const struct vgpio_vq_setup *vq)
{
    uint64_t v[5];
    uint32_t head[2];

    head[0] = q;
    head[1] = 0;
    memcpy(v, head, sizeof head);
    v[1] = uva(f, vq->desc);
    v[2] = uva(f, vq->device);
    v[3] = uva(f, vq->driver);
    v[4] = 0;
    return must(f, VGPIO_VU_SET_VRING_ADDR, v, sizeof v, NULL, 0);
}

static uint32_t base_of(const struct vgpio_vq_setup *vq)
{
    int packed = (vq->features & VGPIO_F_PACKED) != 0;

    if ((vq->flags & VGPIO_VQ_TOLD) == 0) {
        return packed ? WRAPS : 0;
    }
    return vq->avail_pos | (packed ? (uint32_t)vq->used_pos << 16 : 0);
}

/* Everything is there before the kick descriptor: to some back ends that is the start. */
static int ring_tell(struct vgpio_vuf *f, unsigned q, const struct vgpio_vq_setup *vq)
{
    int err = vring(f, VGPIO_VU_SET_VRING_NUM, q, vq->size);

    if (err >= 0) {
        err = vring(f, VGPIO_VU_SET_VRING_BASE, q, base_of(vq));
    }
    if (err >= 0) {
        err = vring_addr(f, q, vq);
    }
    if (err >= 0 && f->cfg.err[q] >= 0) {
        err = vring_fd(f, VGPIO_VU_SET_VRING_ERR, q, f->cfg.err[q]);
    }
    if (err >= 0) {
        err = vring_fd(f, VGPIO_VU_SET_VRING_CALL, q, f->cfg.call[q]);
    }
    if (err >= 0) {
        err = vring_fd(f, VGPIO_VU_SET_VRING_KICK, q, f->cfg.kick[q]);
    }
    if (err >= 0 && (f->offered & VGPIO_VU_F_PROTOCOL) != 0) {
        err = vring(f, VGPIO_VU_SET_VRING_ENABLE, q, 1);
    }
    return err;
}

int vgpio_vuf_ring_start(struct vgpio_vuf *f, unsigned q, const struct vgpio_vq_setup *vq)
{
    uint64_t ignored;
    int err;

    if (q >= VGPIO_VUF_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    /* What was told half is stopped as well. */
    f->started = (uint8_t)(f->started | 1u << q);
    err = ring_tell(f, q, vq);
    /* No acks: this answer comes only after all before it was worked off. */
    if (err >= 0 && (f->protocol & VGPIO_VU_P_REPLY_ACK) == 0) {
        err = vgpio_vuf_get(f, VGPIO_VU_GET_FEATURES, &ignored);
    }
    return err;
}

int vgpio_vuf_ring_stop(struct vgpio_vuf *f, unsigned q, uint32_t *base)
{
    uint32_t state[2];
    int err;

    if (q >= VGPIO_VUF_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    state[0] = q;
    state[1] = 0;
    err = vgpio_vuf_send(f, VGPIO_VU_GET_VRING_BASE, VGPIO_VU_VERSION, state,
                         sizeof state, NULL, 0);
    if (err >= 0) {
        err = answer(f, VGPIO_VU_GET_VRING_BASE, sizeof state);
    }
    if (err < 0) {
        return err;
    }
    memcpy(state, f->msg.buf + HEADER, sizeof state);
    if (state[0] != q || ((f->features & VGPIO_F_PACKED) == 0 && state[1] > 0xffff)) {
        return dead(f, VGPIO_VU_GET_VRING_BASE, VGPIO_ERR_PROTO, "an impossible answer");
    }
    f->started = (uint8_t)(f->started & ~(1u << q));
    if (base != NULL) {
        *base = state[1];
    }
    return VGPIO_OK;
}

/* ---- the bus ---- */

static int bus_device_id(void *ctx, uint32_t *id)
{
    *id = ((struct vgpio_vuf *)ctx)->cfg.device_id;
    return VGPIO_OK;
}

static int bus_get_features(void *ctx, uint64_t *features)
{
    struct vgpio_vuf *f = ctx;
    int err = vgpio_vuf_negotiate(f);

    *features = f->offered & F_CARRIED;
    return err;
}

static int bus_set_features(void *ctx, uint64_t features)
{
    struct vgpio_vuf *f = ctx;

    if ((f->status & VGPIO_S_FEATURES_OK) != 0) {
        return VGPIO_ERR_STATE;
    }
    f->features = features;
    return VGPIO_OK;
}

static int bus_get_status(void *ctx, uint8_t *status)
{
    *status = ((struct vgpio_vuf *)ctx)->status;
    return VGPIO_OK;
}

/* Whatever the back end does about it: afterwards it does not reach the memory. */
static void reset(struct vgpio_vuf *f)
{
    unsigned q;

    for (q = 0; q < VGPIO_VUF_QUEUES && f->err == 0; q++) {
        if ((f->started & 1u << q) != 0) {
            (void)vgpio_vuf_ring_stop(f, q, NULL);
        }
    }
    if (f->err != 0) {
        f->cfg.os->cut(f->cfg.ctx);
    }
    f->started = f->latched = 0;
    f->status = 0;
    f->features = 0;
}

static int start_latched(struct vgpio_vuf *f)
{
    int err = f->shared ? VGPIO_OK : vgpio_vuf_share(f);
    unsigned q;

    for (q = 0; q < VGPIO_VUF_QUEUES && err >= 0; q++) {
        if ((f->latched & 1u << q) != 0) {
            err = vgpio_vuf_ring_start(f, q, &f->vq[q]);
        }
    }
    f->latched = 0;
    return err;
}

static int bus_set_status(void *ctx, uint8_t status)
{
    struct vgpio_vuf *f = ctx;
    unsigned fresh = status & ~(unsigned)f->status;
    int err = f->err;

    if (status == 0) {
        reset(f);
        return VGPIO_OK;
    }
    if (err >= 0 && (fresh & VGPIO_S_FEATURES_OK) != 0) {
        err = vgpio_vuf_negotiate(f);
        if (err >= 0) {
            err = set_features(f);
        }
        status = (uint8_t)(err == 0 ? status : status & ~VGPIO_S_FEATURES_OK);
    }
    if (err >= 0 && (fresh & VGPIO_S_DRIVER_OK) != 0) {
        err = start_latched(f);
    }
    f->status = (uint8_t)(status | (f->status & VGPIO_S_NEEDS_RESET));
    return err < 0 ? err : VGPIO_OK;
}

static int config_answer(struct vgpio_vuf *f)
{
    uint32_t size = CONFIG_HEADER + f->cfg.config_size;
    const char *fault = fault_of(&f->msg, VGPIO_VU_GET_CONFIG, size);

    /* Size 0 is the protocol's way to refuse this one. */
    if (fault_of(&f->msg, VGPIO_VU_GET_CONFIG, 0) == NULL) {
        return refused(f, VGPIO_VU_GET_CONFIG);
    }
    if (fault == NULL && (get32(f->msg.buf + HEADER) != 0 ||
                          get32(f->msg.buf + HEADER + 4) != f->cfg.config_size)) {
        fault = "an answer about other bytes";
    }
    if (fault != NULL) {
        drop_fds(f);
        return dead(f, VGPIO_VU_GET_CONFIG, VGPIO_ERR_PROTO, fault);
    }
    return VGPIO_OK;
}

/* All of it from offset 0, which is what every back end can do. */
static int get_config(struct vgpio_vuf *f)
{
    uint32_t head[3];
    int err;

    head[0] = 0;
    head[1] = f->cfg.config_size;
    head[2] = 0;
    memset(f->msg.buf, 0, sizeof f->msg.buf);
    memcpy(f->msg.buf + HEADER, head, sizeof head);
    err = push(f, VGPIO_VU_GET_CONFIG, VGPIO_VU_VERSION,
               CONFIG_HEADER + f->cfg.config_size, NULL, 0);
    if (err >= 0) {
        err = receive(f, VGPIO_VU_GET_CONFIG);
    }
    return err < 0 ? err : config_answer(f);
}

static int bus_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    struct vgpio_vuf *f = ctx;
    const uint8_t *from = f->cfg.config;
    uint32_t have = f->cfg.config_size;
    int err = vgpio_vuf_negotiate(f);

    memset(dst, 0, len);
    if (err >= 0 && (f->protocol & VGPIO_VU_P_CONFIG) != 0) {
        err = get_config(f);
        from = f->msg.buf + HEADER + CONFIG_HEADER;
    }
    if (err < 0) {
        return err;
    }
    if (from == NULL) {
        f->reason = "the back end has no config space (protocol feature CONFIG)";
        f->reason_request = 0;
        return VGPIO_ERR_NOTSUP;
    }
    if (off < have) {
        memcpy(dst, from + off, len < have - off ? len : have - off);
    }
    return VGPIO_OK;
}

static int bus_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    struct vgpio_vuf *f = ctx;
    int err = vgpio_vuf_negotiate(f);

    *max = q < f->queues && q < VGPIO_VUF_QUEUES ? f->cfg.queue_size : (uint16_t)0;
    return err;
}

static int bus_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    struct vgpio_vuf *f = ctx;

    if (q >= VGPIO_VUF_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    f->vq[q] = *vq;
    f->latched = (uint8_t)(f->latched | 1u << q);
    return (f->status & VGPIO_S_DRIVER_OK) != 0 ? start_latched(f) : VGPIO_OK;
}

static int bus_queue_stop(void *ctx, unsigned q)
{
    return vgpio_vuf_ring_stop(ctx, q, NULL);
}

static int bus_notify(void *ctx, unsigned q, uint32_t data)
{
    struct vgpio_vuf *f = ctx;

    (void)data;
    if (q >= VGPIO_VUF_QUEUES) {
        return VGPIO_ERR_INVAL;
    }
    if (f->err == 0) {
        f->cfg.os->signal(f->cfg.ctx, f->cfg.kick[q]);
    }
    return f->err;
}

const struct vgpio_bus_ops vgpio_vuf_bus_ops = {
    sizeof vgpio_vuf_bus_ops,
    bus_device_id,
    bus_get_features,
    bus_set_features,
    bus_get_status,
    bus_set_status,
    NULL,
    bus_config_read,
    bus_queue_max,
    bus_queue_start,
    bus_queue_stop,
    bus_notify,
};

/* ---- what the caller's loop saw ---- */

void vgpio_vuf_broken(struct vgpio_vuf *f)
{
    f->status |= VGPIO_S_NEEDS_RESET;
    f->reason = "the device says that a ring is broken";
    f->reason_request = 0;
}

void vgpio_vuf_gone(struct vgpio_vuf *f, int err)
{
    if (f->err == 0) {
        (void)dead(f, 0, err,
                   err == VGPIO_ERR_PROTO ? "an answer to no question" : "hung up");
    }
}

int vgpio_vuf_error(const struct vgpio_vuf *f)
{
    return f->err;
}

const char *vgpio_vuf_reason(const struct vgpio_vuf *f, uint32_t *request)
{
    if (request != NULL) {
        *request = f->reason_request;
    }
    return f->reason;
}
