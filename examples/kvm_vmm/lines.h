/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines behind the GPIO device: simulated, with names, and what happened to them. */
#ifndef KVM_VMM_LINES_H
#define KVM_VMM_LINES_H

#include <stdint.h>
#include <virtiogpio/sim.h>

struct lines_stats {
    uint64_t requests, answers, error_answers;
    uint64_t interrupts, returned, latched, merged, dropped;
    uint64_t bad_chains, broken_queues;
};

struct lines {
    struct vgpio_sim sim;
    struct vgpio_sim_line *line;
    uint16_t n;
    uint8_t *pulled;   /* what the outside applied, a byte a line */
    char *text;        /* all names; what `name` points into */
    const char **name; /* a line each, "" for none */
    uint8_t *block;    /* the names as the wire wants them, or NULL */
    uint32_t block_size;
    struct lines_stats stats;
    /* Told of each change of a level; may be NULL. */
    void (*changed)(void *ctx, uint16_t line, unsigned level);
    void *ctx;
};

/* `spec` is a number of lines, or a name for each with commas between. EXIT_..., with a
 * message. */
int lines_init(struct lines *, const char *spec, struct vgpio_sink);
void lines_free(struct lines *);

/* For the device's trace: counts. */
void lines_trace(void *lines, unsigned id, uint32_t a, uint32_t b);

#endif /* KVM_VMM_LINES_H */
