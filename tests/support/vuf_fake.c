/* SPDX-License-Identifier: BSD-3-Clause */
#include "vuf_fake.h"

#include <stddef.h>
#include <string.h>

#include <virtiogpio/wire.h>

#define HEADER 12u
#define FAKE_FD 1000

static uint32_t word(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t word64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static void put_answer(struct vuf_fake *b, uint32_t request, const void *payload,
                       uint32_t size)
{
    uint32_t head[3] = {request, 5, size};

    memset(&b->answer, 0, sizeof b->answer);
    memcpy(b->answer.buf, head, sizeof head);
    memcpy(b->answer.buf + HEADER, payload, size);
    b->answer.len = HEADER + size;
    b->have_answer = 1;
}

static void put_u64(struct vuf_fake *b, uint32_t request, uint64_t v)
{
    put_answer(b, request, &v, sizeof v);
}

static void note(struct vuf_fake *b, const struct vgpio_vu_msg *m, uint32_t request)
{
    const uint8_t *p = m->buf + HEADER;
    uint32_t q = word(p) & 1u;

    if (b->nseen < 64) {
        b->seen[b->nseen++] = request;
    }
    b->fds_seen += m->nfds;
    b->acks += (word(m->buf + 4) & VGPIO_VU_NEED_REPLY) != 0;
    switch (request) {
    case VGPIO_VU_SET_FEATURES:
        b->features = word64(p);
        break;
    case VGPIO_VU_SET_PROTOCOL_FEATURES:
        b->acked_protocol = word64(p);
        break;
    case VGPIO_VU_SET_MEM_TABLE:
        memcpy(b->mem_table, p, sizeof b->mem_table);
        break;
    case VGPIO_VU_SET_VRING_ADDR:
        memcpy(b->addr[q], p, sizeof b->addr[q]);
        break;
    case VGPIO_VU_SET_VRING_NUM:
        b->num[q] = word(p + 4);
        break;
    case VGPIO_VU_SET_VRING_BASE:
        b->base_told[q] = word(p + 4);
        break;
    case VGPIO_VU_SET_VRING_ENABLE:
        b->enabled[q] = word(p + 4);
        break;
    default:
        break;
    }
}

static void answer_config(struct vuf_fake *b, const uint8_t *p)
{
    uint8_t out[12 + 4096];
    uint32_t len = word(p + 4), shifted;
    unsigned i;

    for (i = 0; i < 4 + len; i++) {
        b->config_rest += p[8 + i] != 0;
    }
    b->config_off = word(p);
    b->config_len = len;
    memcpy(out, p, 12);
    for (i = 0; i < 2; i++) {
        shifted = word(p + 4u * i) + b->config_shift[i];
        memcpy(out + 4u * i, &shifted, sizeof shifted);
    }
    memcpy(out + 12, b->config, len);
    put_answer(b, VGPIO_VU_GET_CONFIG, out, 12 + len);
}

static void obey(struct vuf_fake *b, const struct vgpio_vu_msg *m, uint32_t request)
{
    uint32_t state[2];

    switch (request) {
    case VGPIO_VU_GET_FEATURES:
        put_u64(b, request, b->offered);
        break;
    case VGPIO_VU_GET_PROTOCOL_FEATURES:
        put_u64(b, request, b->protocol);
        break;
    case VGPIO_VU_GET_QUEUE_NUM:
        put_u64(b, request, b->queues);
        break;
    case VGPIO_VU_GET_VRING_BASE:
        state[0] = word(m->buf + HEADER);
        b->base_asked = word(m->buf + HEADER + 4);
        state[1] = (uint32_t)b->base;
        put_answer(b, request, state, sizeof state);
        break;
    case VGPIO_VU_GET_CONFIG:
        answer_config(b, m->buf + HEADER);
        break;
    default:
        if ((word(m->buf + 4) & VGPIO_VU_NEED_REPLY) != 0) {
            put_u64(b, request, 0);
        }
        break;
    }
}

static void set_head(struct vuf_fake *b, unsigned at, uint32_t v)
{
    memcpy(b->answer.buf + 4u * at, &v, sizeof v);
}

static void resize(struct vuf_fake *b, int by)
{
    b->answer.len += (uint32_t)by;
    set_head(b, 2, b->answer.len - HEADER);
}

static void give_fds(struct vuf_fake *b, unsigned n)
{
    unsigned i;

    b->answer.nfds = n;
    for (i = 0; i < n && i < VGPIO_VU_MAX_REGIONS; i++) {
        b->answer.fds[i] = FAKE_FD + (int)i;
        b->fds_out++;
    }
}

static void refuse(struct vuf_fake *b)
{
    const uint64_t no = 1;

    if (word(b->answer.buf) == VGPIO_VU_GET_CONFIG) {
        b->answer.len = HEADER;
        set_head(b, 2, 0);
    } else {
        memcpy(b->answer.buf + HEADER, &no, sizeof no);
    }
}

static void bend(struct vuf_fake *b)
{
    switch (b->lie) {
    case LIE_SHORT:
        b->answer.len = 11;
        break;
    case LIE_REQUEST:
        set_head(b, 0, word(b->answer.buf) + 1);
        break;
    case LIE_FLAGS:
        set_head(b, 1, 1);
        break;
    case LIE_VERSION:
        set_head(b, 1, 6);
        break;
    case LIE_SIZE_SMALL:
        resize(b, -1);
        break;
    case LIE_SIZE_LARGE:
        resize(b, 1);
        break;
    case LIE_SIZE_FIELD:
        set_head(b, 2, word(b->answer.buf + 8) + 1);
        break;
    case LIE_SIZE_ABSURD:
        b->answer.len = HEADER; /* as linux_recv hands it over */
        set_head(b, 2, UINT32_MAX);
        break;
    case LIE_FDS:
        give_fds(b, 1);
        break;
    case LIE_FDS_MANY:
        give_fds(b, VGPIO_VU_MAX_REGIONS + 1);
        break;
    case LIE_REFUSE:
        refuse(b);
        break;
    case LIE_CONTENTS:
        memset(b->answer.buf + HEADER, 0xff, b->answer.len - HEADER);
        break;
    default:
        b->have_answer = 0;
        break;
    }
}

static int fake_send(void *ctx, const struct vgpio_vu_msg *m)
{
    struct vuf_fake *b = ctx;
    uint32_t request = word(m->buf);

    if (m->done != 0) {
        return VGPIO_ERR_IO; /* begun, it says */
    }
    note(b, m, request);
    b->have_answer = 0;
    obey(b, m, request);
    if (b->lie != LIE_NONE && request == b->lie_at && b->lie_nth-- == 0) {
        if (!b->have_answer) {
            return b->lie == LIE_STALL ? VGPIO_ERR_TIMEOUT : VGPIO_ERR_IO;
        }
        bend(b);
    }
    return 0;
}

static int fake_recv(void *ctx, struct vgpio_vu_msg *m)
{
    struct vuf_fake *b = ctx;

    if (m->len != 0 || m->done != 0 || m->nfds != 0) {
        return VGPIO_ERR_IO; /* likewise */
    }
    if (!b->have_answer) {
        m->nfds = b->stall_fds;
        b->fds_out += b->stall_fds;
        return b->lie == LIE_HANG_UP ? VGPIO_ERR_IO : VGPIO_ERR_TIMEOUT;
    }
    b->have_answer = 0;
    *m = b->answer;
    m->done = m->len;
    return 0;
}

static void fake_close(void *ctx, int fd)
{
    (void)fd;
    ((struct vuf_fake *)ctx)->fds_closed++;
}

static void fake_signal(void *ctx, int fd)
{
    ((struct vuf_fake *)ctx)->kicks[fd & 7]++;
}

static void fake_cut(void *ctx)
{
    ((struct vuf_fake *)ctx)->cuts++;
}

const struct vgpio_vuf_os vuf_fake_os = {
    .ops_size = sizeof vuf_fake_os,
    .send = fake_send,
    .recv = fake_recv,
    .close = fake_close,
    .signal = fake_signal,
    .cut = fake_cut,
};

void vuf_fake_init(struct vuf_fake *b)
{
    const struct vgpio_config c = {.ngpio = 8};

    memset(b, 0, sizeof *b);
    b->offered = VGPIO_F_VERSION_1 | VGPIO_F_IRQ | VGPIO_F_INDIRECT | VGPIO_F_EVENT_IDX |
                 VGPIO_F_ACCESS_PLATFORM | VGPIO_F_NOTIFICATION_DATA |
                 VGPIO_F_RING_RESET | VGPIO_VU_F_PROTOCOL;
    b->protocol = UINT64_MAX;
    b->queues = 2;
    vgpio_config_encode(b->config, &c);
}

int vuf_fake_front(struct vuf_fake *b, struct vgpio_vuf *f)
{
    struct vgpio_vuf_config c = {0};

    c.os = &vuf_fake_os;
    c.ctx = b;
    c.gpa = 0x10000;
    c.size = 0x10000;
    c.uva = 0x7000000;
    c.mem_fd = 3;
    c.kick[0] = 0;
    c.kick[1] = 1;
    c.call[0] = 2;
    c.call[1] = 3;
    c.err[0] = 4;
    c.err[1] = 5;
    return vgpio_vuf_init(f, &c);
}

unsigned vuf_fake_count(const struct vuf_fake *b, uint32_t request)
{
    unsigned n = 0;
    unsigned i;

    for (i = 0; i < b->nseen; i++) {
        n += b->seen[i] == request;
    }
    return n;
}
