/* SPDX-License-Identifier: BSD-3-Clause */
#include "old_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOUNCED 920u /* what v3 and v4 say of a buffer of 8 bytes */
#define GUARD 32u
#define PATTERN 0xa5
#define PATIENCE 1000u

static void die(const char *why)
{
    fprintf(stderr, "the old driver's guest: %s\n", why);
    abort();
}

static uint32_t chance(struct old_draft *o, uint32_t n)
{
    o->seed = o->seed * 1664525u + 1013904223u;
    return (o->seed >> 8) % n;
}

static void lay_out(struct old_draft *o)
{
    uint64_t at = 0x10000;

    at = ring_peer_init(&o->q[0], &o->mem, at, o->size, o->dev.ops->features(o->dev.obj));
    at = ring_peer_init(&o->q[1], &o->mem, at, o->size, o->dev.ops->features(o->dev.obj));
    o->rx_gpa = (at + 63u) & ~UINT64_C(63);
    o->tx_gpa = o->rx_gpa + OLD_RX * (uint64_t)OLD_RX_BLOCK;
    memset(o->rx_busy, 0, sizeof o->rx_busy);
    o->sent = 0;
    o->bits = 0;
    o->pending = 0;
}

struct old_draft *old_draft_new(unsigned version, uint16_t size, struct vgpio_vdev dev)
{
    struct old_draft *o = calloc(1, sizeof *o);

    if (o == NULL) {
        abort();
    }
    o->version = version;
    o->size = size;
    o->dev = dev;
    peer_mem_init(&o->mem, 0x10000, 0x40000u + 80u * size + OLD_RX * OLD_RX_BLOCK);
    return o;
}

void old_draft_free(struct old_draft *o)
{
    o->dev.ops->reset(o->dev.obj);
    peer_mem_free(&o->mem);
    free(o);
}

/* ---- receive buffers ---- */

static uint64_t block(const struct old_draft *o, unsigned i)
{
    return o->rx_gpa + i * (uint64_t)OLD_RX_BLOCK;
}

static void post(struct old_draft *o, unsigned i)
{
    memset(peer_at(&o->mem, block(o, i), OLD_RX_BLOCK), PATTERN, OLD_RX_BLOCK);
    o->rx_busy[i] = 1;
    ring_peer_desc(&o->q[0], (uint16_t)i, block(o, i) + GUARD,
                   o->version >= 3 ? ANNOUNCED : 8, PEER_WRITE, 0);
    ring_peer_post(&o->q[0], (uint16_t)i);
}

static void post_new(struct old_draft *o)
{
    unsigned i;

    for (i = 0; i < OLD_RX && i < o->size && o->rx_busy[i]; i++) {
    }
    if (i == OLD_RX || i == o->size) {
        die("receive buffers leak");
    }
    post(o, i);
}

unsigned old_draft_posted(const struct old_draft *o)
{
    unsigned i, n = 0;

    for (i = 0; i < OLD_RX; i++) {
        n += o->rx_busy[i];
    }
    return n;
}

static void check_guards(struct old_draft *o, unsigned i)
{
    const uint8_t *p = peer_at(&o->mem, block(o, i), OLD_RX_BLOCK);
    unsigned n;

    for (n = 0; n < OLD_RX_BLOCK; n++) {
        if ((n < GUARD || n >= GUARD + 8) && p[n] != PATTERN) {
            die("its memory is overwritten");
        }
    }
}

/* ---- the handler ---- */

static int32_t get32(const uint8_t *p)
{
    return (int32_t)(p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                     (uint32_t)p[3] << 24);
}

static void level_event(struct old_draft *o, uint16_t line, int32_t value)
{
    o->events++;
    if (line >= o->ngpio || line >= OLD_LINES) {
        return;
    }
    o->level[line] = value != 0;
    o->fired[line] += o->version == 4 && o->unmasked[line];
}

static void handler(struct old_draft *o)
{
    uint32_t id, len;
    unsigned type, bit;
    uint8_t m[8];

    if (ring_peer_used_idx(&o->q[1]) == 0) {
        return; /* the core sees nothing used on queue 1: not ours */
    }
    if (!ring_peer_used(&o->q[0], &id, &len)) {
        o->warnings++;
        return;
    }
    if (id >= OLD_RX || !o->rx_busy[id]) {
        die("a buffer comes back that is not posted");
    }
    o->rx_busy[id] = 0;
    check_guards(o, id);
    if (len == 0) {
        return;
    }
    memcpy(m, peer_at(&o->mem, block(o, id) + GUARD, 8), 8);
    memcpy(o->wire[o->nwire++ % 64], m, 8);
    type = m[0] | (unsigned)m[1] << 8;
    bit = type & ~(o->version == 4 ? 0x8000u : 0xf000u);
    if (bit > 63) {
        die("a wild write");
    }
    o->last = get32(m + 4);
    o->last_line = (uint16_t)(m[2] | m[3] << 8);
    o->bits |= UINT64_C(1) << bit;
    if (type == 0x11) {
        level_event(o, o->last_line, o->last);
    }
    if (o->version <= 2) {
        post(o, id);
        (void)o->dev.ops->kick(o->dev.obj, 0);
    } else if (bit == 0x11) {
        post_new(o);
        (void)o->dev.ops->kick(o->dev.obj, 0);
        if (type != 0x11) {
            die("a report with the mask of an answer");
        }
    }
}

/* ---- time ---- */

static void take(struct old_draft *o)
{
    unsigned owed = o->dev.ops->take_events(o->dev.obj);

    if ((owed & VGPIO_EV_NEEDS_RESET) != 0) {
        die("the device broke");
    }
    if (o->wiring == OLD_MSIX) {
        owed &= VGPIO_EV_QUEUE(1);
    }
    if ((owed & (VGPIO_EV_QUEUE(0) | VGPIO_EV_QUEUE(1))) != 0 && !o->pending) {
        o->pending = 1; /* a status bit: what comes while it is set merges */
        o->handler_at = o->now + (o->seed != 0 ? chance(o, 4) : 0u);
    }
}

static void turn(struct old_draft *o)
{
    unsigned loops = 0;

    for (;;) {
        if (o->tick != NULL) {
            (void)o->tick(o->tick_ctx, o->now);
        }
        take(o);
        if (!o->pending || o->now < o->handler_at || loops++ > 1000) {
            return;
        }
        o->pending = 0;
        if (o->wiring == OLD_SHARED) {
            o->dev.ops->irq_acked(o->dev.obj);
        }
        handler(o);
    }
}

void old_draft_run(struct old_draft *o, unsigned ms)
{
    turn(o);
    while (ms-- > 0) {
        o->now++;
        if (o->idle != NULL) {
            o->idle(o->idle_ctx);
        }
        turn(o);
    }
}

/* ---- requests ---- */

int old_draft_post(struct old_draft *o, unsigned type, uint16_t line, uint32_t value)
{
    uint64_t at = o->tx_gpa + 8u * (o->sent % o->size);
    uint8_t *p;

    o->bits &= ~(UINT64_C(1) << type);
    if (o->version >= 3) {
        post_new(o);
        (void)o->dev.ops->kick(o->dev.obj, 0);
    }
    if (o->sent == o->size) {
        (void)o->dev.ops->kick(o->dev.obj, 1);
        return OLD_NOSPC;
    }
    p = peer_at(&o->mem, at, 8);
    p[0] = (uint8_t)type;
    p[1] = (uint8_t)(type >> 8);
    p[2] = (uint8_t)line;
    p[3] = (uint8_t)(line >> 8);
    p[4] = (uint8_t)value;
    p[5] = p[6] = p[7] = 0;
    ring_peer_desc(&o->q[1], (uint16_t)o->sent, at, 8, 0, 0);
    ring_peer_post(&o->q[1], (uint16_t)o->sent);
    o->sent++;
    return 0;
}

int old_draft_wait(struct old_draft *o, unsigned type)
{
    unsigned ms;

    for (ms = 0; ms < PATIENCE; ms++) {
        turn(o);
        if ((o->bits & UINT64_C(1) << type) != 0) {
            if (o->seed != 0) { /* the waiter is woken, and runs when it runs */
                old_draft_run(o, chance(o, 4));
            }
            return o->last;
        }
        old_draft_run(o, 1);
    }
    return OLD_HUNG;
}

int old_draft_call(struct old_draft *o, unsigned type, uint16_t line, uint32_t value)
{
    int err = old_draft_post(o, type, line, value);

    if (err != 0) {
        return err;
    }
    if (o->seed != 0) {
        old_draft_run(o, chance(o, 2));
    }
    (void)o->dev.ops->kick(o->dev.obj, 1);
    return old_draft_wait(o, type);
}

void old_draft_interrupted(struct old_draft *o, unsigned type, uint16_t line, int late)
{
    static const char text[] = "txtxfreed memory";

    if (old_draft_post(o, type, line, 0) != 0) {
        return;
    }
    if (late) {
        (void)o->dev.ops->kick(o->dev.obj, 1);
    } else {
        memcpy(peer_at(&o->mem, o->tx_gpa + 8u * ((o->sent - 1u) % o->size), 8), text, 8);
        (void)o->dev.ops->kick(o->dev.obj, 1);
    }
    /* nobody waits */
}

int old_draft_get(struct old_draft *o, uint16_t line)
{
    int err = old_draft_call(o, 1, line, 0);

    if (err == 0) {
        err = old_draft_call(o, 4, line, 0);
    }
    if (err >= 0) {
        err = old_draft_call(o, 2, line, 0);
    }
    return err == 0 ? old_draft_call(o, 5, line, 0) : err;
}

int old_draft_set(struct old_draft *o, uint16_t line, unsigned level)
{
    int err = old_draft_call(o, 1, line, 0);

    if (err == 0) {
        err = old_draft_call(o, 4, line, 0);
    }
    return err >= 0 ? old_draft_call(o, 3, line, level) : err;
}

int old_draft_monitor(struct old_draft *o, uint16_t line)
{
    int err = old_draft_call(o, 1, line, 0);

    if (err == 0) {
        err = old_draft_call(o, 4, line, 0);
    }
    if (err >= 0) {
        err = old_draft_call(o, 2, line, 0);
    }
    o->unmasked[line] = err == 0;
    return err;
}

const uint8_t *old_draft_wire(const struct old_draft *o, unsigned n)
{
    return o->wire[(o->nwire - 1u - n) % 64];
}

/* ---- probe ---- */

static void read_config(struct old_draft *o)
{
    const struct vgpio_vdev_ops *ops = o->dev.ops;
    uint32_t i;

    ops->config_read(o->dev.obj, 0, o->config, 1);
    ops->config_read(o->dev.obj, 2, o->config + 2, 2);
    ops->config_read(o->dev.obj, 4, o->config + 4, 4);
    for (i = 0; i < 32; i++) {
        ops->config_read(o->dev.obj, 0x20 + i, o->config + 0x20 + i, 1);
    }
    o->ngpio = (uint16_t)(o->config[2] | o->config[3] << 8);
    o->names_size = (uint32_t)get32(o->config + 4);
    for (i = 0; i < o->names_size && i < 4096; i++) {
        ops->config_read(o->dev.obj, 0x40 + i, o->config + 0x40 + i, 1);
    }
}

static void start(struct old_draft *o, unsigned told)
{
    unsigned q;

    lay_out(o);
    /* The first buffer, kicked too early: at this point the device must not look. */
    ring_peer_set_avail_flags(&o->q[0], 1);
    post_new(o);
    (void)o->dev.ops->kick(o->dev.obj, 0);
    ring_peer_set_avail_flags(&o->q[0], 0);
    for (q = 0; q < 2; q++) {
        o->q[q].setup.flags = (uint16_t)told;
        if (o->dev.ops->queue_start(o->dev.obj, q, &o->mem.ops, &o->q[q].setup) != 0) {
            die("a queue does not start");
        }
    }
}

int old_draft_probe(struct old_draft *o)
{
    const struct vgpio_vdev_ops *ops = o->dev.ops;
    uint64_t f;
    uint16_t i;

    ops->reset(o->dev.obj);
    f = ops->features(o->dev.obj) & (VGPIO_F_VERSION_1 | VGPIO_F_INDIRECT);
    if (ops->ack_features(o->dev.obj, f) != 0) {
        die("features are refused");
    }
    read_config(o);
    if (o->config[0] != 1) {
        return -22;
    }
    start(o, 0);
    (void)ops->kick(o->dev.obj, 0);
    (void)ops->kick(o->dev.obj, 1);
    for (i = 0; i < o->ngpio; i++) {
        int dir = old_draft_call(o, 4, i, 0);

        if (dir < 0) {
            return dir;
        }
    }
    return 0;
}

void old_draft_restart(struct old_draft *o)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        (void)o->dev.ops->queue_stop(o->dev.obj, q, VGPIO_STOP_NOW, NULL);
    }
    start(o, VGPIO_VQ_TOLD);
    (void)o->dev.ops->kick(o->dev.obj, 0);
    (void)o->dev.ops->kick(o->dev.obj, 1);
}
