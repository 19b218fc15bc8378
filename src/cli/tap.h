/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tap on the wire: a bus between a driver and its real bus that remembers where the
 * rings are, and then reads in them, as the device does, what either side said.
 * It changes nothing, and neither side knows of it.
 */
#ifndef VGPIO_CLI_TAP_H
#define VGPIO_CLI_TAP_H

#include <virtiogpio/seams.h>

#define TAP_HEADS 64u /* larger rings are not tapped */
#define TAP_BYTES 64u /* of each message; the rest is not shown */
#define TAP_PIECES 4u

struct tap_bytes {
    uint8_t at[TAP_BYTES];
    uint32_t len;
};

struct tap_chain {
    struct tap_bytes request;
    struct {
        uint64_t gpa;
        uint32_t len;
    } piece[TAP_PIECES]; /* where the answer will be */
    unsigned npieces;
    uint16_t ndesc; /* packed: the places of the ring that it took */
};

struct tap {
    const struct vgpio_bus_ops *bus;
    void *bus_ctx;
    const struct vgpio_mem *mem; /* a view of the shared memory */
    void (*on_request)(void *ctx, unsigned q, const struct tap_bytes *request);
    void (*on_answer)(void *ctx, unsigned q, const struct tap_bytes *request,
                      const struct tap_bytes *answer);
    void *ctx;
    uint64_t offered, taken; /* features */
    struct {
        struct vgpio_vq_setup at; /* size 0: not there */
        uint16_t avail, used;     /* how far we have read; packed: with a wrap counter */
        struct tap_chain chain[TAP_HEADS];
    } q[2];
};

extern const struct vgpio_bus_ops tap_bus_ops; /* ctx: the tap */

/* Reports what the driver has published since the last call, ... */
void tap_look_requests(struct tap *);
/* ... and what the device has. */
void tap_look_answers(struct tap *);

#endif /* VGPIO_CLI_TAP_H */
