/* SPDX-License-Identifier: BSD-3-Clause */
/* Waveforms of lines: a VCD file, and a picture for the terminal. */
#ifndef VGPIO_CLI_VCD_H
#define VGPIO_CLI_VCD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One change: from `ns` on, `line` shows `value`, one of '0' '1' 'x' 'z'. */
struct wave_change {
    uint64_t ns;
    uint16_t line;
    char value;
};

/* A recording. Times never go back; `initial` holds a value per line, at time 0. */
struct wave {
    const char *const *names; /* "" = unnamed */
    const char *initial;
    uint16_t nlines;
    const struct wave_change *changes;
    uint32_t nchanges;
    uint64_t end_ns;
};

/* false: writing failed (errno). */
bool wave_write_vcd(const struct wave *, FILE *);

/* The same piece by piece, for a recording that has no end yet: `changes`, `nchanges` and
 * `end_ns` are not looked at. `now` is where the file is, 0 behind the header. */
void wave_write_header(const struct wave *, FILE *);
void wave_write_change(FILE *, uint64_t *now, const struct wave_change *);
void wave_write_time(FILE *, uint64_t *now, uint64_t ns);

/* One column each `ns_a_column`, a row per line; `utf8` picks the better characters. */
void wave_draw(const struct wave *, FILE *, uint64_t ns_a_column, bool utf8);

/* The name of a line as VCD wants it: one word, unique. `size` >= 16. */
void wave_word(const struct wave *, uint16_t line, char *out, size_t size);

#endif /* VGPIO_CLI_VCD_H */
