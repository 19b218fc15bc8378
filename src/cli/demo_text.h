/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages in words: what the bytes on the wire mean. */
#ifndef VGPIO_CLI_DEMO_TEXT_H
#define VGPIO_CLI_DEMO_TEXT_H

#include "tap.h"

#include <stdbool.h>
#include <stddef.h>

/* `names` has a name per line, "" = unnamed; other lines are called by number. */
void text_of_request(char *out, size_t size, unsigned q, const struct tap_bytes *request,
                     const char *const *names, uint16_t nlines);
void text_of_answer(char *out, size_t size, unsigned q, const struct tap_bytes *request,
                    const struct tap_bytes *answer, const char *const *names,
                    uint16_t nlines);
/* "IRQ EVENT_IDX ..." for the bits that are known, hex for the rest. */
void text_of_features(char *out, size_t size, uint64_t features);

#endif /* VGPIO_CLI_DEMO_TEXT_H */
