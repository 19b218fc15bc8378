/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text log of `vgpio record`, as something to be played. Pure: a buffer in, a table
 * out, the same one that a VCD file becomes.
 *
 *     vgpio-log 1
 *     start 81723000000               time of the server, in nanoseconds
 *     line 0 1 led                    number, level at the start, name if it has one
 *     line 1 0 "ethernet reset"
 *     event 1 81723648123 change 0 0  as the control protocol has it
 *     end 81724000000                 missing if the recording was cut off
 */
#ifndef VGPIO_CLI_WAVELOG_H
#define VGPIO_CLI_WAVELOG_H

#include "vcd_read.h"

#define WAVELOG_FILE_MAX (UINT32_C(256) << 20)

/* Takes `text` (malloc, with room for one byte behind `len`). A line without a name is a
 * signal named by its number. 0, or -1 and `err`; vcd_free() it in either case. */
int wavelog_parse(struct vcd_file *, char *text, size_t len, struct lex_error *err);

#endif /* VGPIO_CLI_WAVELOG_H */
