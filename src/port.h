/* SPDX-License-Identifier: BSD-3-Clause */
/* What the compiler and the target must supply. Private. */
#ifndef VGPIO_PORT_H
#define VGPIO_PORT_H

#include <stddef.h>
#include <stdint.h>

/* For a switch, gcc on Thumb-1 calls helpers of libgcc, which a freestanding build does
 * not have; chains of compares are as small there. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__thumb__) && !defined(__thumb2__)
#pragma GCC optimize("no-jump-tables")
#endif

/* <string.h> is not a freestanding header, but compilers emit calls to these four
 * anyway, so every target has them. Declared as C does, hosted builds agree. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif /* VGPIO_PORT_H */
