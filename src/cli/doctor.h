/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio doctor`: a report of findings, and who makes them. */
#ifndef VGPIO_CLI_DOCTOR_H
#define VGPIO_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum finding {
    FINE,
    NOTE, /* good to know; nothing is wrong */
    WARN, /* works, but not as one may expect */
    BAD   /* keeps lines or their interrupts from working */
};

struct doctor {
    unsigned bad, warned;
    uint32_t timeout_ms; /* for each program and each answer */
};

/* One finding; `mend` is what to do about it, NULL: nothing. */
void doctor_say(struct doctor *, enum finding, const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What a program prints on stdout, to its end; cut at `size`. -1: it cannot be run, does
 * not end in time, or fails. */
int doctor_run(const struct doctor *, const char *const *argv, char *out, size_t size);

/* "10.0.2" and what follows it: how many numbers there are, at most three. */
unsigned doctor_version(const char *text, unsigned version[3]);

/* QEMU's version, and whether it has the devices. */
void doctor_qemu(struct doctor *, const char *program);
/* A command line of QEMU; `n` words. */
void doctor_qemu_line(struct doctor *, char *const *words, size_t n);
/* The configuration that a guest's kernel was built with. */
void doctor_kernel(struct doctor *, const char *path);
/* Memory that QEMU and a back end can share. */
void doctor_memory(struct doctor *);
/* A back end's socket: rights, and what it offers. */
void doctor_socket(struct doctor *, const char *path);

#endif /* VGPIO_CLI_DOCTOR_H */
