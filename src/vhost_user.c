/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-user: messages in, answers out. Memory and rings are in vhost_user_ring.c. */
#include "internal.h"
#include "port.h"
#include "vhost_user_priv.h"

#define HEADER 12u
#define CONFIG_HEADER 12u
#define CONFIG_MAX 4096u

enum {
    GET_FEATURES = 1,
    SET_FEATURES,
    SET_OWNER,
    RESET_OWNER,
    SET_MEM_TABLE,
    SET_LOG_BASE,
    SET_LOG_FD,
    SET_VRING_NUM,
    SET_VRING_ADDR,
    SET_VRING_BASE,
    GET_VRING_BASE,
    SET_VRING_KICK,
    SET_VRING_CALL,
    SET_VRING_ERR,
    GET_PROTOCOL_FEATURES,
    SET_PROTOCOL_FEATURES,
    GET_QUEUE_NUM,
    SET_VRING_ENABLE,
    SEND_RARP,
    NET_SET_MTU,
    SET_BACKEND_REQ_FD,
    IOTLB_MSG,
    SET_VRING_ENDIAN,
    GET_CONFIG,
    SET_CONFIG,
    VRING_KICK = 35,
    SET_STATUS = 39,
    RESET_DEVICE = 34
};

enum {
    FLAG_VERSION = 1, /* of two bits: the only version there is */
    FLAG_REPLY = 4,
    FLAG_NEED_REPLY = 8
};

#define P_MQ (UINT64_C(1) << 0)
#define P_REPLY_ACK (UINT64_C(1) << 3)
#define P_BACKEND_REQ (UINT64_C(1) << 5)
#define P_CONFIG (UINT64_C(1) << 9)
#define P_OFFERED (P_MQ | P_REPLY_ACK | P_BACKEND_REQ | P_CONFIG)

#define VRING_FD_NONE 0x100u

struct vu_message {
    uint32_t request, flags, size;
    const uint8_t *p;
    struct vu_fds fds;
};

uint32_t vgpio_vu_get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

uint64_t vgpio_vu_get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static void trace(const struct vgpio_vu *vu, unsigned id, uint32_t a, uint32_t b)
{
#if VGPIO_CFG_TRACE
    vgpio_trace_fn fn = VGPIO_OP(vu->os, struct vgpio_vu_os, trace);

    if (fn != NULL) {
        fn(vu->ctx, id, a, b);
    }
#else
    (void)vu, (void)id, (void)a, (void)b;
#endif
}

int vgpio_vu_init_abi(struct vgpio_vu *vu, struct vgpio_vdev dev,
                      const struct vgpio_vu_os *os, void *ctx, uint64_t abi)
{
    unsigned q;

    if (vu == NULL || dev.ops == NULL || os == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (vgpio_abi_size(abi, 0) < sizeof *vu ||
        vgpio_abi_size(abi, 1) != sizeof(struct vgpio_vu_msg) ||
        os->ops_size < offsetof(struct vgpio_vu_os, send) ||
        dev.ops->ops_size < sizeof *dev.ops) {
        return VGPIO_ERR_ABI;
    }
    if (os->map == NULL || os->unmap == NULL || os->close == NULL || os->signal == NULL ||
        os->watch == NULL) {
        return VGPIO_ERR_INVAL;
    }
    memset(vu, 0, sizeof *vu);
    vu->dev = dev;
    vu->os = os;
    vu->ctx = ctx;
    vu->mem.ops_size = sizeof vu->mem;
    vu->table.region = vu->region;
    vu->mem.ctx = &vu->table;
    vu->mem.map = vgpio_mem_table_map; /* plain, so that queues know the way by heart */
    vu->back_fd = -1;
    for (q = 0; q < VGPIO_VU_MAX_QUEUES && dev.ops->queue_max(dev.obj, q) != 0; q++) {
        vu->nrings++;
    }
    for (q = 0; q < VGPIO_VU_MAX_QUEUES; q++) {
        vu->ring[q].kick = vu->ring[q].call = vu->ring[q].err = -1;
    }
    return VGPIO_OK;
}

const char *vgpio_vu_reason(const struct vgpio_vu *vu)
{
    return vu->reason;
}

/* The header of an answer whose payload stands already in its place. */
static void answer(struct vgpio_vu_msg *reply, uint32_t request, uint32_t size)
{
    uint32_t head[3];

    head[0] = request;
    head[1] = FLAG_VERSION | FLAG_REPLY;
    head[2] = size;
    memcpy(reply->buf, head, sizeof head);
    reply->len = HEADER + size;
    reply->done = 0;
    reply->nfds = 0;
}

static enum vu_verdict answer_u64(struct vgpio_vu_msg *reply, uint32_t request,
                                  uint64_t value)
{
    memcpy(reply->buf + HEADER, &value, sizeof value);
    answer(reply, request, sizeof value);
    return VU_REPLIED;
}

static void answer_base(struct vgpio_vu *vu, unsigned q, struct vgpio_vu_msg *reply)
{
    const struct vgpio_vu_ring *r = &vu->ring[q];
    uint32_t state[2];

    state[0] = q;
    state[1] = r->avail_pos;
    if ((vu->features & VU_F_PACKED) != 0) {
        state[1] |= (uint32_t)r->used_pos << 16;
    }
    memcpy(reply->buf + HEADER, state, sizeof state);
    answer(reply, GET_VRING_BASE, sizeof state);
}

/* Rings that run keep what they were started with; one that is only disabled may have
 * been left behind by a driver that is gone, and is let go for the new one. */
static int keeps_running(struct vgpio_vu *vu, unsigned q)
{
    if (vgpio_vu_runs(vu, q)) {
        return 1;
    }
    vgpio_vu_let_go(vu, q);
    return 0;
}

static enum vu_verdict set_features(struct vgpio_vu *vu, uint64_t features)
{
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        if (vgpio_vu_runs(vu, q)) {
            return features == vu->features
                       ? VU_DONE
                       : vu_refuse(vu, "features cannot change while a ring runs");
        }
    }
    for (q = 0; q < vu->nrings; q++) {
        vgpio_vu_let_go(vu, q);
    }
    if (vu->dev.ops->ack_features(vu->dev.obj, features & ~VU_F_PROTOCOL) < 0) {
        return vu_refuse(vu, "features: not offered, or VERSION_1 is missing");
    }
    vu->features = features;
    vu->acked = 1;
    return vgpio_vu_try_all(vu);
}

static enum vu_verdict set_protocol_features(struct vgpio_vu *vu, uint64_t features)
{
    if ((features & ~P_OFFERED) != 0) {
        return vu_refuse(vu, "protocol features: not offered");
    }
    vu->protocol = features;
    return VU_DONE;
}

static enum vu_verdict set_num(struct vgpio_vu *vu, unsigned q, uint32_t num)
{
    struct vgpio_vu_ring *r = &vu->ring[q];

    if (num == 0 || num > vu->dev.ops->queue_max(vu->dev.obj, q)) {
        return vu_refuse(vu, "ring size: 0, or more than the device allows");
    }
    if (vu->acked && (vu->features & VU_F_PACKED) == 0 && (num & (num - 1)) != 0) {
        return vu_refuse(vu, "ring size: not a power of two");
    }
    if (keeps_running(vu, q)) {
        return num == r->size ? VU_DONE : vu_refuse(vu, "ring size: the ring runs");
    }
    r->size = (uint16_t)num;
    return vgpio_vu_told(vu, q, RING_NUM);
}

static enum vu_verdict set_base(struct vgpio_vu *vu, unsigned q, uint32_t base)
{
    struct vgpio_vu_ring *r = &vu->ring[q];

    if (vu->acked && (vu->features & VU_F_PACKED) == 0 && base > 0xffff) {
        return vu_refuse(vu, "ring base: a split ring has 16 bits");
    }
    if (keeps_running(vu, q)) {
        return vu_refuse(vu, "ring base: the ring runs");
    }
    r->avail_pos = (uint16_t)base;
    r->used_pos = (uint16_t)(base >> 16);
    return vgpio_vu_told(vu, q, RING_BASE);
}

static enum vu_verdict set_addr(struct vgpio_vu *vu, unsigned q, const uint8_t *p)
{
    struct vgpio_vu_ring *r = &vu->ring[q];
    uint64_t desc = vgpio_vu_get64(p + 8), used = vgpio_vu_get64(p + 16);
    uint64_t avail = vgpio_vu_get64(p + 24), gpa;

    if (vgpio_vu_get32(p + 4) != 0) {
        return vu_refuse(vu, "ring addresses: dirty logging is not offered");
    }
    if (vu->table.n != 0 &&
        (!vgpio_vu_gpa(vu, desc, &gpa) || !vgpio_vu_gpa(vu, used, &gpa) ||
         !vgpio_vu_gpa(vu, avail, &gpa))) {
        return vu_refuse(vu, "ring addresses: not in any memory region");
    }
    if (keeps_running(vu, q)) {
        return desc == r->desc && used == r->used && avail == r->avail
                   ? VU_DONE
                   : vu_refuse(vu, "ring addresses: the ring runs");
    }
    r->desc = desc;
    r->used = used;
    r->avail = avail;
    return vgpio_vu_told(vu, q, RING_ADDR);
}

static enum vu_verdict set_vring_fd(struct vgpio_vu *vu, struct vu_message *m)
{
    uint64_t word = vgpio_vu_get64(m->p);
    unsigned q = (unsigned)(word & 0xff);
    int *slot, fd = -1;

    if (m->fds.n != ((word & VRING_FD_NONE) != 0 ? 0u : 1u)) {
        return vu_hangup(vu, "ring fd: wrong number of file descriptors");
    }
    if (q >= vu->nrings) {
        return vu_refuse(vu, "no such queue");
    }
    if ((word & ~(uint64_t)0x1ff) != 0) {
        return vu_refuse(vu, "ring fd: unknown bits");
    }
    if (m->fds.n != 0) {
        fd = m->fds.fd[0];
        m->fds.fd[0] = -1;
    }
    if (m->request == SET_VRING_KICK) {
        return vgpio_vu_set_kick(vu, q, fd);
    }
    slot = m->request == SET_VRING_CALL ? &vu->ring[q].call : &vu->ring[q].err;
    if (slot == &vu->ring[q].err && (vu->ring[q].flags & RING_STARTED) != 0) {
        vu->owed |= VGPIO_EV_NEEDS_RESET; /* an error may have come before it */
    }
    vgpio_vu_drop_fd(vu, slot);
    *slot = fd;
    return VU_DONE;
}

static enum vu_verdict get_base(struct vgpio_vu *vu, unsigned q,
                                struct vgpio_vu_msg *reply)
{
    if (!vgpio_vu_drain(vu, q)) {
        vu->draining = (uint8_t)(q + 1);
        return VU_LATER;
    }
    answer_base(vu, q, reply);
    return VU_REPLIED;
}

static int wants_ack(const struct vgpio_vu *vu, const struct vu_message *m)
{
    return (m->flags & FLAG_NEED_REPLY) != 0 && (vu->protocol & P_REPLY_ACK) != 0;
}

/* SET_VRING_NUM, _BASE, _ADDR, _ENABLE, GET_VRING_BASE: they all begin with the index. */
static enum vu_verdict on_vring(struct vgpio_vu *vu, const struct vu_message *m,
                                struct vgpio_vu_msg *reply)
{
    uint32_t q = vgpio_vu_get32(m->p), num = vgpio_vu_get32(m->p + 4);

    if (q >= vu->nrings) {
        /* QEMU enables both queues, though a device without interrupts has but one. */
        if (m->request == SET_VRING_ENABLE && q < VGPIO_VU_MAX_QUEUES && num <= 1) {
            return VU_DONE;
        }
        /* GET_VRING_BASE has an answer of its own, which cannot say no. */
        return m->request == GET_VRING_BASE && !wants_ack(vu, m)
                   ? vu_hangup(vu, "no such queue, and its sender waits")
                   : vu_refuse(vu, "no such queue");
    }
    switch (m->request) {
    case SET_VRING_NUM:
        return set_num(vu, q, num);
    case SET_VRING_BASE:
        return set_base(vu, q, num);
    case SET_VRING_ADDR:
        return set_addr(vu, q, m->p);
    case SET_VRING_ENABLE:
        return num > 1 ? vu_refuse(vu, "ring enable: neither 0 nor 1")
                       : vgpio_vu_enable(vu, q, num != 0);
    default:
        return get_base(vu, q, reply);
    }
}

static enum vu_verdict on_config(struct vgpio_vu *vu, const struct vu_message *m,
                                 struct vgpio_vu_msg *reply)
{
    uint32_t off, len;

    if (m->size < CONFIG_HEADER) {
        return vu_hangup(vu, "config: payload too short");
    }
    off = vgpio_vu_get32(m->p);
    len = vgpio_vu_get32(m->p + 4);
    if (len != m->size - CONFIG_HEADER) {
        return vu_hangup(vu, "config: payload size does not match its size field");
    }
    if (m->request == SET_CONFIG) {
        return vu_refuse(vu, "config: nothing in it is writable");
    }
    if (off > CONFIG_MAX || len > CONFIG_MAX - off) {
        vu->reason = "config: read beyond 4096 bytes"; /* size 0 is the protocol's no */
        answer(reply, GET_CONFIG, 0);
        return VU_REPLIED;
    }
    memcpy(reply->buf + HEADER, m->p, CONFIG_HEADER);
    vu->dev.ops->config_read(vu->dev.obj, off, reply->buf + HEADER + CONFIG_HEADER, len);
    answer(reply, GET_CONFIG, CONFIG_HEADER + len);
    return VU_REPLIED;
}

static enum vu_verdict set_back_fd(struct vgpio_vu *vu, struct vu_message *m)
{
    vgpio_vu_drop_fd(vu, &vu->back_fd);
    vu->back_fd = m->fds.fd[0];
    m->fds.fd[0] = -1;
    return VU_DONE;
}

/* A request that nobody offered. One whose sender waits for an answer of its own kind
 * can only be refused if it takes an ack as well: silence would hang it for ever. */
static enum vu_verdict on_other(struct vgpio_vu *vu, const struct vu_message *m)
{
    switch (m->request) {
    case RESET_OWNER:
    case SET_LOG_FD:
    case SEND_RARP:
    case NET_SET_MTU:
    case IOTLB_MSG:
    case SET_VRING_ENDIAN:
    case RESET_DEVICE:
    case VRING_KICK:
    case SET_STATUS:
        return vu_refuse(vu, "request not offered");
    default:
        return wants_ack(vu, m)
                   ? vu_refuse(vu, "request not offered")
                   : vu_hangup(vu, "request not offered, and its sender may wait");
    }
}

#define SIZE_ANY 0xffu
#define SIZE_OTHER 0xfeu /* not a request that is offered */

/* Bytes of payload, for requests where that is one number. */
static unsigned payload_size(uint32_t request)
{
    switch (request) {
    case GET_FEATURES:
    case SET_OWNER:
    case GET_PROTOCOL_FEATURES:
    case GET_QUEUE_NUM:
    case SET_BACKEND_REQ_FD:
        return 0;
    case SET_FEATURES:
    case SET_PROTOCOL_FEATURES:
    case SET_VRING_NUM:
    case SET_VRING_BASE:
    case GET_VRING_BASE:
    case SET_VRING_KICK:
    case SET_VRING_CALL:
    case SET_VRING_ERR:
    case SET_VRING_ENABLE:
        return 8;
    case SET_VRING_ADDR:
        return 40;
    case SET_MEM_TABLE:
    case GET_CONFIG:
    case SET_CONFIG:
        return SIZE_ANY;
    default:
        return SIZE_OTHER;
    }
}

static int fds_match(const struct vu_message *m)
{
    switch (m->request) {
    case SET_MEM_TABLE:
    case SET_VRING_KICK:
    case SET_VRING_CALL:
    case SET_VRING_ERR:
        return 1; /* depends on the payload: checked there */
    case SET_BACKEND_REQ_FD:
        return m->fds.n == 1;
    default:
        return m->fds.n == 0;
    }
}

static enum vu_verdict dispatch(struct vgpio_vu *vu, struct vu_message *m,
                                struct vgpio_vu_msg *reply)
{
    switch (m->request) {
    case GET_FEATURES:
        return answer_u64(reply, m->request,
                          vu->dev.ops->features(vu->dev.obj) | VU_F_PROTOCOL);
    case SET_FEATURES:
        return set_features(vu, vgpio_vu_get64(m->p));
    case SET_OWNER:
        return VU_DONE;
    case SET_MEM_TABLE:
        return vgpio_vu_mem_table(vu, m->p, m->size, &m->fds);
    case SET_VRING_KICK:
    case SET_VRING_CALL:
    case SET_VRING_ERR:
        return set_vring_fd(vu, m);
    case GET_PROTOCOL_FEATURES:
        return answer_u64(reply, m->request, P_OFFERED);
    case SET_PROTOCOL_FEATURES:
        return set_protocol_features(vu, vgpio_vu_get64(m->p));
    case GET_QUEUE_NUM:
        return answer_u64(reply, m->request, vu->nrings);
    case SET_BACKEND_REQ_FD:
        return set_back_fd(vu, m);
    case GET_CONFIG:
    case SET_CONFIG:
        return on_config(vu, m, reply);
    default:
        return on_vring(vu, m, reply);
    }
}

static enum vu_verdict check(struct vgpio_vu *vu, const struct vgpio_vu_msg *in,
                             struct vu_message *m)
{
    if (in->len < HEADER || in->len > sizeof in->buf) {
        return vu_hangup(vu, "message shorter than a header");
    }
    m->request = vgpio_vu_get32(in->buf);
    m->flags = vgpio_vu_get32(in->buf + 4);
    m->size = vgpio_vu_get32(in->buf + 8);
    m->p = in->buf + HEADER;
    trace(vu, VGPIO_TR_VU_MESSAGE, m->request, m->size);
    if ((m->flags & ~(uint32_t)FLAG_NEED_REPLY) != FLAG_VERSION) {
        return vu_hangup(vu, "header: wrong version or flags");
    }
    if (m->size > sizeof in->buf - HEADER) {
        return vu_hangup(vu, "header: payload longer than any message");
    }
    if (m->size != in->len - HEADER) {
        return vu_hangup(vu, "header: payload size differs from what arrived");
    }
    if (in->nfds > VGPIO_VU_MAX_REGIONS) {
        return vu_hangup(vu, "more file descriptors than any message has");
    }
    return VU_DONE;
}

static enum vu_verdict message(struct vgpio_vu *vu, const struct vgpio_vu_msg *in,
                               struct vu_message *m, struct vgpio_vu_msg *reply)
{
    enum vu_verdict v = check(vu, in, m);
    unsigned want;

    if (v != VU_DONE) {
        return v;
    }
    want = payload_size(m->request);
    if (want == SIZE_OTHER) {
        return on_other(vu, m);
    }
    if (want != SIZE_ANY && want != m->size) {
        return vu_hangup(vu, "payload size does not match the request");
    }
    if (!fds_match(m)) {
        return vu_hangup(vu, "wrong number of file descriptors");
    }
    return dispatch(vu, m, reply);
}

/* The fds are ours from here on, whatever becomes of the message. */
static void take_fds(struct vu_fds *fds, struct vgpio_vu_msg *in)
{
    unsigned i;

    fds->n = in->nfds < VGPIO_VU_MAX_REGIONS ? in->nfds : VGPIO_VU_MAX_REGIONS;
    for (i = 0; i < VGPIO_VU_MAX_REGIONS; i++) {
        fds->fd[i] = i < fds->n ? in->fds[i] : -1;
    }
}

int vgpio_vu_input(struct vgpio_vu *vu, struct vgpio_vu_msg *in,
                   struct vgpio_vu_msg *reply)
{
    struct vu_message m;
    enum vu_verdict v;
    unsigned i;

    if (vu == NULL || in == NULL || reply == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (vu->draining != 0 || reply->len != 0) {
        return VGPIO_ERR_STATE;
    }
    memset(&m, 0, sizeof m);
    vu->reason = NULL;
    take_fds(&m.fds, in);
    v = message(vu, in, &m, reply);
    for (i = 0; i < VGPIO_VU_MAX_REGIONS; i++) {
        vgpio_vu_drop_fd(vu, &m.fds.fd[i]);
    }
    in->len = in->done = in->nfds = 0;
    if (v == VU_REFUSED || v == VU_HANGUP) {
        trace(vu, VGPIO_TR_VU_REFUSED, m.request, v == VU_HANGUP);
    }
    if (v == VU_HANGUP) {
        return VGPIO_ERR_PROTO;
    }
    vgpio_vu_look(vu);
    vgpio_vu_flush(vu);
    /* Looked at only now: SET_PROTOCOL_FEATURES may ask for its own ack. */
    if (v <= VU_REFUSED && wants_ack(vu, &m)) {
        v = answer_u64(reply, m.request, v == VU_REFUSED);
    }
    return v == VU_REPLIED;
}

int vgpio_vu_output(struct vgpio_vu *vu, struct vgpio_vu_msg *reply)
{
    unsigned q;

    if (vu == NULL || reply == NULL) {
        return VGPIO_ERR_INVAL;
    }
    if (vu->draining == 0 || reply->len != 0) {
        return 0;
    }
    q = vu->draining - 1u;
    if (!vgpio_vu_drain(vu, q)) {
        return 0;
    }
    vu->draining = 0;
    answer_base(vu, q, reply);
    return 1;
}
