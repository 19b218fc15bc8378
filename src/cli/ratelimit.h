/* SPDX-License-Identifier: BSD-3-Clause */
/* A log that nobody can flood: a burst, then so many lines a second. What was not said is
 * counted, and told with the next line that is. No clock inside. */
#ifndef VGPIO_CLI_RATELIMIT_H
#define VGPIO_CLI_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
    uint32_t burst;
    uint64_t every_us; /* one line more */
    uint64_t full_us;  /* when the burst is whole again */
    uint64_t waiting;  /* not said, and nobody told of it yet */
    uint64_t total;    /* not said so far */
};

/* May this line be said? True also with *before lines that were not. */
bool ratelimit_take(struct ratelimit *, uint64_t now_us, uint64_t *before);

#endif /* VGPIO_CLI_RATELIMIT_H */
