/* SPDX-License-Identifier: BSD-3-Clause */
/* A device of the draft in front of a double of an old driver, with simulated lines that
 * a test can slow down or break. */
#ifndef TESTS_DRAFT_ROOM_H
#define TESTS_DRAFT_ROOM_H

#include <virtiogpio/draft.h>
#include <virtiogpio/sim.h>

#include "old_draft.h"

#define ROOM_LINES 8u
#define ROOM_REQS 4u

struct room {
    struct old_draft *o;
    struct vgpio_draft_dev dev;
    struct vgpio_dev_config cfg;
    struct vgpio_draft_id id;
    struct vgpio_line lines[ROOM_LINES];
    struct vgpio_req reqs[ROOM_REQS];
    struct vgpio_sim sim;
    struct vgpio_sim_line sim_lines[ROOM_LINES];
    struct vgpio_line_ops ops;
    uint8_t names[64];

    int pend;   /* ops on the way: tokens below */
    int refuse; /* what ops answer, if below 0 */
    int answer; /* what the two that ask answer, if not 0 */
    /* Called inside each op: not 0 is its result. `op` is that of `held`. */
    int (*inside)(struct room *w, char op, uint16_t line, vgpio_token token);
    void (*on_unmask)(struct room *w, uint16_t line);
    unsigned nheld, toggles;
    struct {
        vgpio_token token;
        uint16_t line;
        char op; /* d/D get/set direction, v/V get/set value, T type */
        unsigned a, b;
    } held[16];
    unsigned types[ROOM_LINES]; /* the last trigger asked for */
    unsigned unmasks, resets;
    unsigned trace[64];
};

struct room *room_new(unsigned version, uint16_t size);
void room_free(struct room *w);
/* The device anew, from `cfg` and `id`. */
void room_make(struct room *w);
/* The same as new, and its driver is there. */
struct room *room_probed(unsigned version, uint16_t size);
/* Rings of 256 that are the test's own, with these features; no buffers. */
struct room *room_raw(uint32_t flags, uint64_t features);
/* ... with the features of 2021 and 64 buffers. */
struct room *room_modern(void);

/* The n-th op that is held is performed and completed: what complete() says. */
int room_release(struct room *w, unsigned i);
uint16_t room_used(struct room *w, unsigned q);
/* Message n of those that the next room_post() gives to the device, in `len` bytes. */
void room_put(struct room *w, unsigned n, unsigned type, uint16_t line);
void room_post(struct room *w, uint32_t len);
/* A buffer for the device to write to. */
void room_rx(struct room *w, uint16_t d, uint32_t len);
/* The next message from the device: its value; type 0: there is none. */
int32_t room_next(struct room *w, unsigned *type, uint16_t *line);
/* One message, and the value of its answer, which must be the next one. */
int32_t room_call(struct room *w, unsigned type, uint16_t line, uint32_t value);

#endif /* TESTS_DRAFT_ROOM_H */
