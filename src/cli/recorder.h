/* SPDX-License-Identifier: BSD-3-Clause */
/* What the lines of a board did, as a VCD file. */
#ifndef VGPIO_CLI_RECORDER_H
#define VGPIO_CLI_RECORDER_H

#include "rig.h"
#include "vcd.h"

#define RECORDER_MAX 8000000u

struct recorder {
    const char *path; /* NULL: nothing is recorded */
    FILE *f;
    const struct rig *rig;
    char **names;
    char *initial, *shown;
    struct wave_change *changes;
    uint32_t n;
    uint64_t lost;
    uint64_t start_us;
};

/* Opens the file. -1: said why; recorder_free() it in either case. */
int recorder_open(struct recorder *, const char *path);
/* From here on; the levels are those of now. -1: out of memory, said so. */
int recorder_start(struct recorder *, const struct rig *);
void recorder_note(struct recorder *, uint16_t pin, unsigned level);
/* Writes it. -1: said why. */
int recorder_end(struct recorder *);
void recorder_free(struct recorder *);

#endif /* VGPIO_CLI_RECORDER_H */
