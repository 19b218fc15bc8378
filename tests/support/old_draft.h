/* SPDX-License-Identifier: BSD-3-Clause */
/* What the four posted versions of the draft's Linux driver do, as seen by a device: a
 * double made from observed behaviour, with its faults. It shares no line with the
 * library.
 *
 * Faults that it has: the length announced for a receive buffer is that of something
 * larger; one buffer (v1, v2) or one more for each request (v3, v4); the handler hangs on
 * queue 1, does nothing before the first request came back, and takes one message a call;
 * answers are matched by type alone; the first buffer is kicked before DRIVER_OK;
 * requests are never taken back from the ring; a caller that is interrupted frees its
 * request while it is in the ring. Bytes around each receive buffer are looked at after
 * each message.
 */
#ifndef TESTS_OLD_DRAFT_H
#define TESTS_OLD_DRAFT_H

#include <virtiogpio/wire.h>

#include "ring_peer.h"

#define OLD_HUNG (-10000)  /* no answer within a second: the caller hangs */
#define OLD_NOSPC (-10001) /* the request ring is full, for ever */
#define OLD_RX 256u
#define OLD_RX_BLOCK 1024u
#define OLD_LINES 64u

enum old_wiring {
    OLD_SHARED, /* one interrupt for all queues: any event calls the handler */
    OLD_MSIX    /* queue 0 has no vector */
};

struct old_draft {
    unsigned version; /* 1 .. 4 */
    enum old_wiring wiring;
    struct vgpio_vdev dev;
    /* Called with virtual milliseconds and returns how long to wait; NULL: no time. */
    uint32_t (*tick)(void *ctx, uint32_t now);
    void *tick_ctx;
    uint32_t now;
    uint32_t seed; /* not 0: the handler and the waiter run late, by up to 4 ms */
    void (*idle)(void *ctx); /* called each virtual millisecond */
    void *idle_ctx;

    struct peer_mem mem;
    struct ring_peer q[2];
    uint16_t size;
    uint64_t rx_gpa, tx_gpa;
    uint8_t rx_busy[OLD_RX]; /* posted */
    uint8_t rx_used[OLD_RX]; /* its descriptor, 1 + */
    uint32_t sent;           /* requests in the ring, for ever */

    uint16_t ngpio;
    uint32_t names_size;
    uint8_t config[64 + 4096];

    uint64_t bits; /* answers that came, by type */
    int32_t last;  /* the value of the last message, whatever it was */
    uint16_t last_line;
    unsigned warnings; /* handler calls with nothing to read */
    unsigned unmasked[OLD_LINES], fired[OLD_LINES], level[OLD_LINES];
    unsigned events;
    int pending; /* handler calls due */
    uint32_t handler_at;
    uint8_t wire[64][8]; /* the last messages from the device */
    unsigned nwire;
};

/* `size` entries a ring. The device must not have been reset: new does it. */
struct old_draft *old_draft_new(unsigned version, uint16_t size, struct vgpio_vdev dev);
void old_draft_free(struct old_draft *o);
/* Configuration, rings, early kick, DRIVER_OK, GET_DIRECTION for each line: 0, or what
 * probe fails with. */
int old_draft_probe(struct old_draft *o);
/* New rings without a reset, as the module does that is loaded again. */
void old_draft_restart(struct old_draft *o);
/* A request; its value, OLD_HUNG, OLD_NOSPC. */
int old_draft_call(struct old_draft *o, unsigned type, uint16_t line, uint32_t value);
/* A request whose caller is interrupted before the device ran (`late` 0), or before the
 * answer is handled. */
void old_draft_interrupted(struct old_draft *o, unsigned type, uint16_t line, int late);
/* Post a request and ring, no more; wait for an answer of this type. */
int old_draft_post(struct old_draft *o, unsigned type, uint16_t line, uint32_t value);
int old_draft_wait(struct old_draft *o, unsigned type);
/* Time passes: events are delivered, the handler runs. */
void old_draft_run(struct old_draft *o, unsigned ms);
/* The sequences of gpiolib. */
int old_draft_get(struct old_draft *o, uint16_t line);
int old_draft_set(struct old_draft *o, uint16_t line, unsigned level);
int old_draft_monitor(struct old_draft *o, uint16_t line);
/* The n-th last message from the device (0: the last one). */
const uint8_t *old_draft_wire(const struct old_draft *o, unsigned n);
unsigned old_draft_posted(const struct old_draft *o);

#endif /* TESTS_OLD_DRAFT_H */
