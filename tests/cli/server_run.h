/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the real `vgpio serve` in a folder of its own, and speaks with its control socket.
 * Whatever goes wrong here fails the running cmocka test. */
#ifndef SERVER_RUN_H
#define SERVER_RUN_H

#include <stddef.h>
#include <sys/types.h>

/* For what must happen: a loaded machine may take long, and only a fault all of it. */
#define RUN_PATIENCE_MS 120000

struct server_run {
    pid_t pid; /* 0: none */
    int log;   /* what it says on stderr */
    char dir[64], socket[80], control[80];
};

void run_make_dir(struct server_run *);
void run_remove_dir(struct server_run *);

/* `args` come behind "serve", NULL at the end; a descriptor is inherited if >= 0. Does
 * not wait. */
void run_start(struct server_run *, const char *const *args, int inherit);
/* serve --socket-path ... --sim SIM --control ... [extra], and waits until it listens. */
void run_serve(struct server_run *, const char *sim, const char *extra);
/* Sends a signal (0: none) and waits for the end: the exit status, 128 + n for signal
 * n. */
int run_end(struct server_run *, int signal);
/* Everything it has said on stderr since the last call; in a static buffer. */
const char *run_log(struct server_run *);
/* How many descriptors it has open. */
unsigned run_fds(const struct server_run *);

/* Fails unless it comes to rest: a loop that spins never does. */
void run_rests(const struct server_run *);

/* Connects, with patience; sends; receives one line without its newline (static buffer).
 * NULL: the server hung up. */
int run_connect(const char *path);
void run_send(int fd, const char *text);
const char *run_line(int fd);
/* One command, one reply, on a connection of its own or a given one. */
const char *run_ask_on(int fd, const char *command);
const char *run_ask(struct server_run *, const char *command);
/* One number of `stats`. */
long run_stat(struct server_run *, const char *key);

#endif /* SERVER_RUN_H */
