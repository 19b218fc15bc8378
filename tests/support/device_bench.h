/* SPDX-License-Identifier: BSD-3-Clause */
/* A standard device on hand-written rings, with lines that a test controls. */
#ifndef DEVICE_BENCH_H
#define DEVICE_BENCH_H

#include <virtiogpio/device.h>
#include <virtiogpio/wire.h>

#include "ring_peer.h"

#define BENCH_LINES 8u
#define BENCH_REQS 4u
#define BENCH_RING 64u
#define BENCH_CHAINS (BENCH_RING / 2u)
#define BENCH_ERR (-1000)  /* STATUS_ERR with value 0 */
#define BENCH_NONE (-1001) /* not answered yet */
#define BENCH_FREE (-1002) /* no such chain */
#define BENCH_LOG 64u

/* One op that the device called, or `op` 0. */
struct bench_op {
    char op; /* g/G get/set direction, v/V get/set value, T type, u unmask, R reset */
    uint16_t line;
    unsigned a, b;
    vgpio_token token;
};

struct bench {
    struct peer_mem mem;
    struct ring_peer q[2];
    struct vgpio_dev dev;
    struct vgpio_dev_config cfg;
    struct vgpio_line lines[BENCH_LINES + 1]; /* the last of both is not the device's */
    struct vgpio_req reqs[BENCH_REQS + 1];
    struct vgpio_vdev vdev;
    uint64_t features;
    uint64_t cells;            /* gpa of 64-byte cells, one a chain of each queue */
    int used[2][BENCH_CHAINS]; /* used length, or a BENCH_ word */

    /* the lines */
    uint8_t level[BENCH_LINES], dir[BENCH_LINES], driven[BENCH_LINES];
    int pend;            /* ops return VGPIO_PENDING */
    int complete_inside; /* ... having completed the request already */
    int refuse;          /* ops fail */
    int answer;          /* if not 0: what get ops return */
    struct bench_op log[BENCH_LOG];
    unsigned nlog;
    struct bench_trace {
        unsigned id;
        uint32_t a, b;
    } traced[BENCH_LOG];    /* the first of them ... */
    unsigned ntraced;       /* ... of so many */
    unsigned trace[64];     /* how often each id */
    uint32_t trace_sum[64]; /* sum of their second words */
};

struct bench *bench_new(void); /* F_IRQ, EVENT_IDX off, INDIRECT off; rings of 64 */
struct bench *bench_make(uint64_t features, uint16_t nreqs);
void bench_free(struct bench *b);
/* Reset, init again with b->cfg, rings empty, start. */
void bench_restart(struct bench *b);
/* Negotiate and start both rings, fresh and not told. */
void bench_start(struct bench *b);

/* Post a request, do not kick: its head. */
uint16_t bench_post(struct bench *b, unsigned type, uint16_t line, uint32_t value);
uint16_t bench_post_sized(struct bench *b, const void *bytes, uint32_t len,
                          uint32_t room);
/* A head's answer: value, BENCH_ERR or BENCH_NONE. Used elements are in any order. */
int bench_answer(struct bench *b, uint16_t head);
/* Its used length, or BENCH_NONE. */
int bench_used_len(struct bench *b, uint16_t head);
/* Post, kick, answer. */
int bench_call(struct bench *b, unsigned type, uint16_t line, uint32_t value);

/* Post an eventq pair and kick: its head. */
uint16_t bench_pair(struct bench *b, uint16_t line);
/* 0 INVALID, 1 VALID, BENCH_NONE: still at the device; forgets the answer. */
int bench_pair_status(struct bench *b, uint16_t head);
unsigned bench_events(struct bench *b); /* take_events */
uint8_t *bench_cell(struct bench *b, uint16_t head);

#endif /* DEVICE_BENCH_H */
