/* SPDX-License-Identifier: BSD-3-Clause */
#include "device_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GPA 0x40000000u
#define CELL 64u
#define GUARD 0x5a

static void die(const char *what)
{
    fprintf(stderr, "device_bench: %s\n", what);
    abort();
}

/* ---- the lines -------------------------------------------------------------- */

static int op(struct bench *b, char name, uint16_t line, unsigned a, unsigned v,
              vgpio_token token, int result)
{
    if (b->nlog < BENCH_LOG) {
        struct bench_op e = {name, line, a, v, token};
        b->log[b->nlog++] = e;
    }
    if (b->complete_inside) {
        if (vgpio_dev_complete(&b->dev, token, b->refuse ? VGPIO_ERR_IO : result) != 0) {
            die("complete inside an op failed");
        }
        return VGPIO_PENDING;
    }
    return b->pend ? VGPIO_PENDING : b->refuse ? VGPIO_ERR_IO : result;
}

static int get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    return op(b, 'g', line, 0, 0, token, b->answer ? b->answer : b->dir[line]);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token token)
{
    struct bench *b = ctx;

    b->dir[line] = (uint8_t)dir;
    b->driven[line] = (uint8_t)out;
    return op(b, 'G', line, dir, out, token, 0);
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    struct bench *b = ctx;

    return op(b, 'v', line, 0, 0, token, b->answer ? b->answer : b->level[line]);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    struct bench *b = ctx;

    b->driven[line] = (uint8_t)value;
    return op(b, 'V', line, value, 0, token, 0);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    struct bench *b = ctx;

    if (type == VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW) {
        (void)vgpio_dev_change(&b->dev, line, 0, b->level[line]);
    }
    return op(b, 'T', line, type, 0, token, 0);
}

static void note(struct bench *b, char name, uint16_t line)
{
    if (b->nlog < BENCH_LOG) {
        struct bench_op e = {name, line, 0, 0, 0};
        b->log[b->nlog++] = e;
    }
}

static void unmask(void *ctx, uint16_t line)
{
    note(ctx, 'u', line);
}

static void reset(void *ctx)
{
    note(ctx, 'R', 0);
}

static const struct vgpio_line_ops ops = {sizeof ops, get_direction, set_direction,
                                          get_value,  set_value,     set_irq_type,
                                          unmask,     reset};

static void trace(void *ctx, unsigned id, uint32_t a, uint32_t v)
{
    struct bench *b = ctx;

    if (b->ntraced < BENCH_LOG) {
        struct bench_trace t = {id, a, v};
        b->traced[b->ntraced] = t;
    }
    b->ntraced++;
    b->trace[id]++;
    b->trace_sum[id] += v;
}

/* ---- the world ----------------------------------------------------------------- */

struct bench *bench_make(uint64_t features, uint16_t nreqs)
{
    struct bench *b = calloc(1, sizeof *b);
    uint64_t at = GPA;
    unsigned q, i;

    if (b == NULL || nreqs > BENCH_REQS) {
        die("no memory, or too many requests");
    }
    /* Flags that would make something happen, if they were a line's or a request's. */
    memset(&b->lines[BENCH_LINES], GUARD, sizeof b->lines[0]);
    memset(&b->reqs[nreqs], GUARD, sizeof b->reqs[0]);
    peer_mem_init(&b->mem, GPA, 65536);
    b->features = features | VGPIO_F_VERSION_1;
    for (q = 0; q < 2; q++) {
        at = ring_peer_init(&b->q[q], &b->mem, at, BENCH_RING, b->features);
        for (i = 0; i < BENCH_CHAINS; i++) {
            b->used[q][i] = BENCH_FREE;
        }
    }
    b->cells = (at + CELL - 1) / CELL * CELL;
    b->cfg.ops = &ops;
    b->cfg.ctx = b;
    b->cfg.lines = b->lines;
    b->cfg.ngpio = BENCH_LINES;
    b->cfg.reqs = b->reqs;
    b->cfg.nreqs = nreqs;
    b->cfg.trace = trace;
    b->cfg.trace_ctx = b;
    if (vgpio_dev_init(&b->dev, &b->cfg) != 0) {
        die("vgpio_dev_init");
    }
    b->vdev = vgpio_dev_vdev(&b->dev);
    return b;
}

void bench_start(struct bench *b)
{
    unsigned q;

    if (b->vdev.ops->ack_features(b->vdev.obj, b->features) != 0) {
        die("ack_features");
    }
    for (q = 0; q < 2; q++) {
        if (b->vdev.ops->queue_start(b->vdev.obj, q, &b->mem.ops, &b->q[q].setup) != 0) {
            die("queue_start");
        }
    }
}

void bench_restart(struct bench *b)
{
    unsigned q, i;

    b->vdev.ops->reset(b->vdev.obj);
    if (vgpio_dev_init(&b->dev, &b->cfg) != 0) {
        die("vgpio_dev_init");
    }
    for (q = 0; q < 2; q++) {
        ring_peer_wind(&b->q[q], 0);
        for (i = 0; i < BENCH_CHAINS; i++) {
            b->used[q][i] = BENCH_FREE;
        }
    }
    bench_start(b);
}

struct bench *bench_new(void)
{
    struct bench *b = bench_make(VGPIO_F_IRQ, BENCH_REQS);

    bench_start(b);
    return b;
}

static void expect_untouched(const void *p, size_t len)
{
    const uint8_t *bytes = p;

    while (len-- != 0) {
        if (bytes[len] != GUARD) {
            die("written beyond the end of an array");
        }
    }
}

void bench_free(struct bench *b)
{
    b->vdev.ops->reset(b->vdev.obj);
    expect_untouched(&b->lines[BENCH_LINES], sizeof b->lines[0]);
    expect_untouched(&b->reqs[b->cfg.nreqs], sizeof b->reqs[0]);
    if (b->mem.live != 0) {
        die("mappings were not given back");
    }
    peer_mem_free(&b->mem);
    free(b);
}

/* ---- chains --------------------------------------------------------------------- */

static uint64_t cell_gpa(struct bench *b, unsigned q, uint16_t chain)
{
    return b->cells + (q * BENCH_CHAINS + chain) * CELL;
}

uint8_t *bench_cell(struct bench *b, uint16_t head)
{
    return peer_at(&b->mem, cell_gpa(b, 0, head / 2u), CELL);
}

static uint16_t post(struct bench *b, unsigned q, const void *bytes, uint32_t len,
                     uint32_t room)
{
    uint16_t chain = 0;
    uint64_t gpa;

    while (b->used[q][chain] != BENCH_FREE) {
        if (++chain == BENCH_CHAINS) {
            die("too many chains in flight");
        }
    }
    b->used[q][chain] = BENCH_NONE;
    gpa = cell_gpa(b, q, chain);
    memset(peer_at(&b->mem, gpa, CELL), 0xee, CELL);
    memcpy(peer_at(&b->mem, gpa, CELL), bytes, len);
    ring_peer_request(&b->q[q], (uint16_t)(2u * chain), gpa, len, gpa + 16, room);
    return (uint16_t)(2u * chain);
}

static void collect(struct bench *b, unsigned q)
{
    uint32_t id, len;

    while (ring_peer_used(&b->q[q], &id, &len)) {
        if (id >= BENCH_RING || id % 2 != 0 || b->used[q][id / 2] != BENCH_NONE) {
            die("a head was used that is not in flight");
        }
        b->used[q][id / 2] = (int)len;
    }
}

uint16_t bench_post_sized(struct bench *b, const void *bytes, uint32_t len, uint32_t room)
{
    return post(b, VGPIO_REQUESTQ, bytes, len, room);
}

uint16_t bench_post(struct bench *b, unsigned type, uint16_t line, uint32_t value)
{
    struct vgpio_request m = {(uint16_t)type, line, value};
    uint8_t bytes[VGPIO_REQUEST_SIZE];

    vgpio_request_encode(bytes, &m);
    return post(b, VGPIO_REQUESTQ, bytes, sizeof bytes, VGPIO_RESPONSE_SIZE);
}

int bench_used_len(struct bench *b, uint16_t head)
{
    int len;

    collect(b, VGPIO_REQUESTQ);
    len = b->used[VGPIO_REQUESTQ][head / 2];
    if (len >= 0) {
        b->used[VGPIO_REQUESTQ][head / 2] = BENCH_FREE;
    }
    return len;
}

int bench_answer(struct bench *b, uint16_t head)
{
    int len = bench_used_len(b, head);
    const uint8_t *p = bench_cell(b, head) + 16;

    if (len < 0) {
        return len;
    }
    if (len != VGPIO_RESPONSE_SIZE || p[2] != 0xee || p[0] > VGPIO_STATUS_ERR ||
        (p[0] == VGPIO_STATUS_ERR && p[1] != 0)) {
        die("an answer of the wrong shape");
    }
    return p[0] == VGPIO_STATUS_OK ? p[1] : BENCH_ERR;
}

int bench_call(struct bench *b, unsigned type, uint16_t line, uint32_t value)
{
    uint16_t head = bench_post(b, type, line, value);

    if (vgpio_dev_kick(&b->dev, VGPIO_REQUESTQ) != 0) {
        die("kick");
    }
    return bench_answer(b, head);
}

uint16_t bench_pair(struct bench *b, uint16_t line)
{
    struct vgpio_irq_request m = {line};
    uint8_t bytes[VGPIO_IRQ_REQUEST_SIZE];
    uint16_t head;

    vgpio_irq_request_encode(bytes, &m);
    head = post(b, VGPIO_EVENTQ, bytes, sizeof bytes, VGPIO_IRQ_RESPONSE_SIZE);
    (void)vgpio_dev_kick(&b->dev, VGPIO_EVENTQ);
    return head;
}

int bench_pair_status(struct bench *b, uint16_t head)
{
    const uint8_t *p = peer_at(&b->mem, cell_gpa(b, VGPIO_EVENTQ, head / 2u), CELL) + 16;
    int len;

    collect(b, VGPIO_EVENTQ);
    len = b->used[VGPIO_EVENTQ][head / 2];
    if (len < 0) {
        return len;
    }
    b->used[VGPIO_EVENTQ][head / 2] = BENCH_FREE;
    if (len != VGPIO_IRQ_RESPONSE_SIZE || p[1] != 0xee || p[0] > 1) {
        die("a pair of the wrong shape");
    }
    return p[0];
}

unsigned bench_events(struct bench *b)
{
    return vgpio_dev_take_events(&b->dev);
}
