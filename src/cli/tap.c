/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"

#include <stdbool.h>
#include <string.h>
#include <virtiogpio/wire.h>

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define DESC_AVAIL 0x80u
#define DESC_USED 0x8000u
#define DESC_BYTES 16u
#define WRAP 0x8000u

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

/* The same fields in another order: `next` is the buffer's id. */
static struct desc packed_order(struct desc d)
{
    uint16_t id = d.flags;

    d.flags = d.next;
    d.next = id;
    return d;
}

/* --- reading the rings: little-endian, through the device's view --- */

static uint64_t read_le(const struct tap *t, uint64_t gpa, uint32_t bytes)
{
    uint8_t raw[8] = {0};
    uint64_t v = 0;

    (void)vgpio_mem_read(t->mem, gpa, raw, bytes);
    while (bytes-- > 0) {
        v = v << 8 | raw[bytes];
    }
    return v;
}

static struct desc read_desc(const struct tap *t, uint64_t table, uint16_t i)
{
    uint64_t gpa = table + (uint64_t)i * DESC_BYTES;
    struct desc d;

    d.addr = read_le(t, gpa, 8);
    d.len = (uint32_t)read_le(t, gpa + 8, 4);
    d.flags = (uint16_t)read_le(t, gpa + 12, 2);
    d.next = (uint16_t)read_le(t, gpa + 14, 2);
    return d;
}

static void append(const struct tap *t, struct tap_bytes *b, uint64_t gpa, uint32_t len)
{
    uint32_t room = TAP_BYTES - b->len;

    len = len < room ? len : room;
    if (vgpio_mem_read(t->mem, gpa, b->at + b->len, len) == 0) {
        b->len += len;
    }
}

static void take_piece(const struct tap *t, const struct desc *d, struct tap_chain *c)
{
    if ((d->flags & DESC_WRITE) == 0) {
        append(t, &c->request, d->addr, d->len);
    } else if (c->npieces < TAP_PIECES) {
        c->piece[c->npieces].gpa = d->addr;
        c->piece[c->npieces++].len = d->len;
    }
}

static void walk(const struct tap *t, uint64_t table, uint16_t i, struct tap_chain *c)
{
    unsigned left = TAP_HEADS; /* a loop would be the driver's bug, not our end */
    struct desc d;

    memset(c, 0, sizeof *c);
    do {
        d = read_desc(t, table, i);
        if ((d.flags & DESC_INDIRECT) != 0) {
            table = d.addr;
            i = 0;
            d.flags = DESC_NEXT;
            continue;
        }
        take_piece(t, &d, c);
        i = d.next;
    } while ((d.flags & DESC_NEXT) != 0 && --left > 0);
}

static void split_requests(struct tap *t, unsigned q)
{
    const struct vgpio_vq_setup *at = &t->q[q].at;

    while (t->q[q].avail != (uint16_t)read_le(t, at->driver + 2, 2)) {
        uint64_t entry = at->driver + 4 + 2u * (t->q[q].avail % at->size);
        uint16_t head = (uint16_t)read_le(t, entry, 2);

        t->q[q].avail++;
        if (head < TAP_HEADS) {
            walk(t, at->desc, head, &t->q[q].chain[head]);
            t->on_request(t->ctx, q, &t->q[q].chain[head].request);
        }
    }
}

/* A table's descriptors follow each other, whatever their flags say of NEXT. */
static void walk_table(const struct tap *t, const struct desc *table, struct tap_chain *c)
{
    uint32_t i, n = table->len / DESC_BYTES;
    struct desc d;

    for (i = 0; i < n && i < TAP_HEADS; i++) {
        d = packed_order(read_desc(t, table->addr, (uint16_t)i));
        take_piece(t, &d, c);
    }
}

static uint16_t packed_step(const struct vgpio_vq_setup *at, uint16_t pos, uint16_t n)
{
    uint16_t i = (uint16_t)((pos & ~WRAP) + n);

    return i < at->size ? (uint16_t)((pos & WRAP) | i)
                        : (uint16_t)((~pos & WRAP) | (uint16_t)(i - at->size));
}

/* The buffer at `pos`; its id is in its last descriptor, *d. */
static void walk_packed(const struct tap *t, const struct vgpio_vq_setup *at,
                        uint16_t pos, struct desc *d, struct tap_chain *c)
{
    memset(c, 0, sizeof *c);
    do {
        *d = packed_order(read_desc(t, at->desc, (uint16_t)(pos & ~WRAP)));
        if ((d->flags & DESC_INDIRECT) != 0) {
            walk_table(t, d, c);
        } else {
            take_piece(t, d, c);
        }
        pos = packed_step(at, pos, 1);
        c->ndesc++;
    } while ((d->flags & DESC_NEXT) != 0 && c->ndesc < at->size);
}

static void packed_requests(struct tap *t, unsigned q)
{
    const struct vgpio_vq_setup *at = &t->q[q].at;

    for (;;) {
        uint16_t pos = t->q[q].avail;
        uint16_t fresh = (pos & WRAP) != 0 ? DESC_AVAIL : DESC_USED;
        struct tap_chain c;
        struct desc d = packed_order(read_desc(t, at->desc, (uint16_t)(pos & ~WRAP)));

        if ((d.flags & (DESC_AVAIL | DESC_USED)) != fresh) {
            return;
        }
        walk_packed(t, at, pos, &d, &c);
        t->q[q].avail = packed_step(at, pos, c.ndesc);
        if (d.next < TAP_HEADS) {
            t->q[q].chain[d.next] = c;
            t->on_request(t->ctx, q, &c.request);
        }
    }
}

static bool is_packed(const struct tap *t)
{
    return (t->taken & VGPIO_F_PACKED) != 0;
}

void tap_look_requests(struct tap *t)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        if (t->q[q].at.size == 0) {
            continue;
        }
        if (is_packed(t)) {
            packed_requests(t, q);
        } else {
            split_requests(t, q);
        }
    }
}

static void answer(const struct tap *t, unsigned q, const struct tap_chain *c,
                   uint32_t written)
{
    struct tap_bytes bytes = {.len = 0};
    unsigned i;

    for (i = 0; i < c->npieces; i++) {
        uint32_t len = c->piece[i].len < written ? c->piece[i].len : written;

        append(t, &bytes, c->piece[i].gpa, len);
        written -= len;
    }
    t->on_answer(t->ctx, q, &c->request, &bytes);
}

static void split_answers(struct tap *t, unsigned q)
{
    const struct vgpio_vq_setup *at = &t->q[q].at;

    while (t->q[q].used != (uint16_t)read_le(t, at->device + 2, 2)) {
        uint64_t entry = at->device + 4 + 8u * (t->q[q].used % at->size);
        uint32_t head = (uint32_t)read_le(t, entry, 4);

        t->q[q].used++;
        if (head < TAP_HEADS) {
            answer(t, q, &t->q[q].chain[head], (uint32_t)read_le(t, entry + 4, 4));
        }
    }
}

static void packed_answers(struct tap *t, unsigned q)
{
    const struct vgpio_vq_setup *at = &t->q[q].at;

    for (;;) {
        uint16_t pos = t->q[q].used;
        uint16_t fresh = (pos & WRAP) != 0 ? DESC_AVAIL | DESC_USED : 0;
        struct desc d = packed_order(read_desc(t, at->desc, (uint16_t)(pos & ~WRAP)));

        if (pos == t->q[q].avail || (d.flags & (DESC_AVAIL | DESC_USED)) != fresh ||
            d.next >= TAP_HEADS) {
            return;
        }
        t->q[q].used = packed_step(at, pos, t->q[q].chain[d.next].ndesc);
        answer(t, q, &t->q[q].chain[d.next], d.len);
    }
}

void tap_look_answers(struct tap *t)
{
    unsigned q;

    /* The eventq first: a pair that is given back precedes the answer to the request that
     * disabled it, and two rings cannot tell which of them moved first. */
    for (q = 2; q-- > 0;) {
        if (t->q[q].at.size == 0) {
            continue;
        }
        if (is_packed(t)) {
            packed_answers(t, q);
        } else {
            split_answers(t, q);
        }
    }
}

/* --- the bus: hands everything on --- */

static int tap_device_id(void *ctx, uint32_t *id)
{
    struct tap *t = ctx;

    return t->bus->device_id(t->bus_ctx, id);
}

static int tap_get_features(void *ctx, uint64_t *features)
{
    struct tap *t = ctx;
    int err = t->bus->get_features(t->bus_ctx, features);

    t->offered = *features;
    return err;
}

static int tap_set_features(void *ctx, uint64_t features)
{
    struct tap *t = ctx;

    t->taken = features;
    return t->bus->set_features(t->bus_ctx, features);
}

static int tap_get_status(void *ctx, uint8_t *status)
{
    struct tap *t = ctx;

    return t->bus->get_status(t->bus_ctx, status);
}

static int tap_set_status(void *ctx, uint8_t status)
{
    struct tap *t = ctx;

    if (status == 0) { /* a reset: the rings are gone */
        t->q[0].at.size = t->q[1].at.size = 0;
    }
    return t->bus->set_status(t->bus_ctx, status);
}

static int tap_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    struct tap *t = ctx;

    return t->bus->config_read(t->bus_ctx, off, dst, len);
}

static int tap_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    struct tap *t = ctx;

    return t->bus->queue_max(t->bus_ctx, q, max);
}

static int tap_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *at)
{
    struct tap *t = ctx;

    if (q < 2) {
        t->q[q].at = *at;
        t->q[q].avail = t->q[q].used = is_packed(t) ? WRAP : 0;
    }
    return t->bus->queue_start(t->bus_ctx, q, at);
}

static int tap_queue_stop(void *ctx, unsigned q)
{
    struct tap *t = ctx;

    return t->bus->queue_stop(t->bus_ctx, q);
}

static int tap_notify(void *ctx, unsigned q, uint32_t data)
{
    struct tap *t = ctx;

    return t->bus->notify(t->bus_ctx, q, data);
}

const struct vgpio_bus_ops tap_bus_ops = {
    .ops_size = sizeof tap_bus_ops,
    .device_id = tap_device_id,
    .get_features = tap_get_features,
    .set_features = tap_set_features,
    .get_status = tap_get_status,
    .set_status = tap_set_status,
    .config_gen = NULL,
    .config_read = tap_config_read,
    .queue_max = tap_queue_max,
    .queue_start = tap_queue_start,
    .queue_stop = tap_queue_stop,
    .notify = tap_notify,
};
