/* SPDX-License-Identifier: BSD-3-Clause */
/* A VCD file as stimulus: its one-bit signals and when they change. Pure. */
#ifndef VGPIO_CLI_VCD_READ_H
#define VGPIO_CLI_VCD_READ_H

#include "lex.h"

#include <stdint.h>

#define VCD_SIGNALS_MAX 65535u
#define VCD_CHANGES_MAX (UINT32_C(1) << 23)
#define VCD_FILE_MAX (UINT32_C(64) << 20)

struct vcd_signal {
    const char *name; /* without its scopes */
    const char *code; /* NULL: of more than one bit, so it is left out */
};

struct vcd_change {
    uint64_t us; /* from the beginning; never goes back */
    uint16_t signal;
    uint8_t level; /* 0, 1, or VGPIO_FLOATING for x and z */
};

struct vcd_file {
    char *text; /* what the names point into */
    struct vcd_signal *signals;
    struct vcd_change *changes;
    uint32_t nsignals, nchanges;
    uint64_t end_us;
};

/* Takes `text` (malloc, with room for one byte behind `len`). 0, or -1 and `err`;
 * vcd_free() it in either case. */
int vcd_parse(struct vcd_file *, char *text, size_t len, struct lex_error *err);
void vcd_free(struct vcd_file *);
/* The signal of that name, or -1. */
int vcd_find(const struct vcd_file *, const char *name);

#endif /* VGPIO_CLI_VCD_READ_H */
