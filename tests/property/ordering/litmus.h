/* SPDX-License-Identifier: BSD-3-Clause */
/* The model itself under test: small programs whose outcomes are known. */
#ifndef VGPIO_TEST_LITMUS_H
#define VGPIO_TEST_LITMUS_H

/* Prints a line each; how many are wrong. */
unsigned litmus_run(void);

#endif /* VGPIO_TEST_LITMUS_H */
