/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs `vgpio` with any arguments and looks at what it prints. Whatever goes wrong here
 * fails the running cmocka test; nothing waits longer than RUN_PATIENCE_MS. */
#ifndef TOOL_RUN_H
#define TOOL_RUN_H

#include <sys/types.h>

struct tool_run {
    pid_t pid;
    int in, out, err; /* our ends */
    char line[4096];
};

/* `args` behind "vgpio", NULL at the end. */
void tool_begin(struct tool_run *, const char *const *args);
/* The next line on stdout, without its newline; NULL at the end. */
const char *tool_says(struct tool_run *);
void tool_tell(struct tool_run *, const char *text);
/* Waits for the end: the exit status, 128 + n for signal n. What is left on stdout and
 * stderr goes to the two static buffers below. */
int tool_finish(struct tool_run *, int signal);
/* Both, with nothing on stdin. */
int tool_all(const char *const *args);

extern char tool_out[65536], tool_err[8192];

#define TOOL(...) tool_all((const char *const[]){__VA_ARGS__, NULL})
#define TOOL_BEGIN(t, ...) tool_begin((t), (const char *const[]){__VA_ARGS__, NULL})

#endif /* TOOL_RUN_H */
