/* SPDX-License-Identifier: BSD-3-Clause */
/* Which lines of which chips: the words of --lines and of the files of --lines-file. Text
 * in, a table out; nothing is opened or asked here.
 *
 *   gpiochip0:3=RESET direction=output-high
 *   gpiochip0:7=LED,gpiochip1:0-15      # a comma is as good as a new line */
#ifndef VGPIO_CLI_LINES_SPEC_H
#define VGPIO_CLI_LINES_SPEC_H

#include <stddef.h>
#include <stdint.h>

#define LINES_MAX 4096u /* each may take a descriptor */

struct lines_item {
    uint32_t chip; /* of `chips` */
    uint32_t offset;
    uint32_t flags; /* enum vgpio_gpiochip_flag */
    uint32_t debounce_us;
    char *name;            /* NULL: the chip's; "": none */
    uint32_t line, column; /* where it was listed */
};

struct lines_spec {
    char **chips; /* paths, each once */
    uint32_t nchips;
    struct lines_item *items;
    uint32_t n;
    const char *source; /* as it was given, for messages */
};

/* `source` is what messages begin with: a file's name. Returns 0; or -1 with an empty
 * table, and "SOURCE:LINE:COLUMN: what, and what was expected" in `why`. */
int lines_parse(struct lines_spec *, const char *source, const char *text, size_t len,
                char *why, size_t why_size);
void lines_free(struct lines_spec *);

#endif /* VGPIO_CLI_LINES_SPEC_H */
