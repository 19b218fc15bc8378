/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A filter on system calls: what `vgpio serve` needs once it runs, and no more.
 *
 * What only an intruder wants (a program, a process, a socket, code in memory) ends the
 * process. Anything else that is not on the list fails with EPERM, so that a C library
 * which has learned a new call does not end a server that has guests.
 */
#ifndef VGPIO_CLI_SANDBOX_H
#define VGPIO_CLI_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox {
    bool chips;  /* lines of this machine: opens and uses GPIO chips, watches /dev */
    bool remove; /* has sockets to remove at the end */
};

/* Whether there is a filter for this build: not on every CPU, and not where the compiler
 * put something into the program that has calls of its own. */
bool sandbox_exists(void);

/* Shuts the door, for ever. 0, or -1 with the reason. */
int sandbox_enter(const struct sandbox *, char *why, size_t why_size);

#endif /* VGPIO_CLI_SANDBOX_H */
