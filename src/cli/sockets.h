/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening UNIX sockets that leave nothing behind. */
#ifndef VGPIO_CLI_SOCKETS_H
#define VGPIO_CLI_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sock_listener {
    int fd;           /* -1: none */
    int spare;        /* given up to turn a peer away when no descriptor is left */
    const char *path; /* caller's; NULL: not ours to remove */
    dev_t dev;
    ino_t ino;
};

/* False when the path does not fit a socket address. */
bool sock_path_fits(const char *path);

/* Listens, non-blocking. A socket nobody listens on is replaced; anything else in the way
 * is left alone. Returns 0, or -1 with the reason in `why`. */
int sock_listen(struct sock_listener *, const char *path, char *why, size_t why_size);

/* Closes, and removes the path unless somebody put another file there. */
void sock_unlisten(struct sock_listener *);

/* Takes over a listening socket that somebody else opened. */
int sock_adopt(struct sock_listener *, int fd);

/* A connection, non-blocking; -1 and errno. Out of descriptors, it hangs up on the peer,
 * who would else keep the listener readable and the loop spinning. */
int sock_accept(struct sock_listener *);

int sock_nonblocking(int fd);

/* Before any socket exists: from then on a signal must not leave one behind. */
void sock_block_signals(void);

#endif /* VGPIO_CLI_SOCKETS_H */
