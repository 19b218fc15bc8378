/* SPDX-License-Identifier: BSD-3-Clause */
/* A bank of simulated lines with the device in front of it, its names and counters. */
#ifndef VGPIO_CLI_BANK_H
#define VGPIO_CLI_BANK_H

#include <stdbool.h>
#include <stddef.h>
#include <virtiogpio/device.h>
#include <virtiogpio/draft.h>
#include <virtiogpio/sim.h>

#define BANK_NREQS 256u
#define BANK_NAME_MAX 255u

struct fault_rule; /* board.h */

struct bank_stats {
    uint64_t irqs, invalid, latched, merged, dropped;
    uint64_t bad_chains, broken_queues;
};

/* Lines of somebody else's; what is NULL is not there. */
struct bank_lines {
    const char *const *names;
    uint16_t n;
    const struct vgpio_line_ops *ops;
    void *ctx;
    bool lookup; /* lines are looked up by name */
    int (*value)(void *outside, uint16_t line);
    int (*direction)(void *outside, uint16_t line);
    size_t (*stats)(void *outside, char *out, size_t size); /* " key=N" and so on */
    void (*before_events)(void *outside); /* the guest rang its event queue */
    void *outside;
};

/* What the device in front of the lines speaks. */
enum bank_dialect {
    BANK_STANDARD,
    BANK_DRAFT,
    BANK_DRAFT_2021
};

struct bank {
    enum bank_dialect dialect;
    uint16_t nlines;
    char *text;         /* every name, NUL-terminated; what `names` points into */
    const char **names; /* one a line, "" = unnamed */
    uint16_t *sorted;   /* the named lines by name */
    uint32_t nsorted;
    uint8_t *block; /* the names as the wire wants them, NULL: no line has one */
    uint32_t block_size;
    uint8_t *pulls; /* what the outside applied, one byte a line */
    struct vgpio_sim_line *sim_lines;
    struct vgpio_line *lines;
    struct vgpio_req *reqs;
    struct vgpio_sim sim;
    struct bank_lines over; /* in place of it */
    struct vgpio_dev dev;
    struct vgpio_draft_dev draft;   /* this one, or the one above */
    struct vgpio_vdev vdev;         /* its face */
    struct vgpio_dev_counts counts; /* `each`: on_trace wants to hear of every request */
    struct bank_stats stats;
    uint64_t acked; /* the features that the driver took, at last */
    /* For those who watch; may be NULL. */
    void (*on_change)(void *ctx, uint16_t line, unsigned level);
    void (*on_trace)(void *ctx, unsigned id, uint32_t a, uint32_t b);
    void *watch_ctx;
    /* Of a board that has these lines, told before those who watch; NULL: alone. */
    void (*on_line)(void *ctx, uint16_t line, unsigned level);
    int (*pull_line)(void *ctx, uint16_t line, unsigned level);
    int (*pulse_line)(void *ctx, uint16_t line);
    int (*fault_line)(void *ctx, uint16_t line, const struct fault_rule *);
    void (*on_event)(void *ctx, unsigned id, uint32_t a); /* as the trace has them */
    void *line_ctx;
    void (*run)(void *ctx); /* the lines want a turn; NULL: they never do */
    void *run_ctx;
};

/* `spec` is a number of lines or a list of names, `features` the most that is offered.
 * Returns 0, or fills `why` (one sentence for the user) and returns -1. What bank_init()
 * took, bank_free() gives back, also after a failure. */
int bank_init(struct bank *, enum bank_dialect, const char *spec, uint64_t features,
              char *why, size_t why_size);
/* The same with a name for each line; operations, if there are some, stand between the
 * device and the simulator. */
int bank_init_named(struct bank *, enum bank_dialect, const struct bank_lines *,
                    uint64_t features, char *why, size_t why_size);
/* The same over lines of somebody else's: no simulator, so no pulls. */
int bank_init_over(struct bank *, enum bank_dialect, const struct bank_lines *,
                   uint64_t features, char *why, size_t why_size);
struct vgpio_sink bank_sink(struct bank *);
void bank_free(struct bank *);

/* -1: no line is named so. */
int bank_line_of(const struct bank *, const char *name);
int bank_pull(struct bank *, uint16_t line, unsigned level);
int bank_pulse(struct bank *, uint16_t line);
/* Fills `why` and returns -1 if no line may be named so. */
int bank_check_name(const char *name, char *why, size_t why_size);
int bank_value(struct bank *, uint16_t line);
int bank_direction(struct bank *, uint16_t line);
size_t bank_more_stats(struct bank *, char *out, size_t size);
void bank_before_events(struct bank *);

/* The names as a list with commas; returns the length, at most `size`. */
size_t bank_names(const struct bank *, char *out, size_t size);
size_t bank_names_size(const struct bank *);
uint64_t bank_offered(struct bank *);
/* Tells the device the time, if it wants to know; returns when it wants to hear again. */
uint64_t bank_tick(struct bank *, uint64_t now_us);

/* "standard", "draft", "draft-2021": false for anything else. */
bool bank_dialect_of(const char *name, enum bank_dialect *);

#endif /* VGPIO_CLI_BANK_H */
