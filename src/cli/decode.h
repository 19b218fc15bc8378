/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio decode`: what its types share. */
#ifndef VGPIO_CLI_DECODE_H
#define VGPIO_CLI_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "05 00 ", no newline. */
void decode_hex(const uint8_t *p, size_t n);
/* Quoted, with everything that is not printable as \xNN. */
void decode_text(const char *text);

/* Whole messages from the beginning of the bytes, to their end? */
bool decode_is_vhost_user(const uint8_t *p, size_t n);
/* Shows all whole messages; returns how many bytes these are. */
size_t decode_vhost_user(const uint8_t *p, size_t n);

#endif /* VGPIO_CLI_DECODE_H */
