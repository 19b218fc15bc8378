/* SPDX-License-Identifier: BSD-3-Clause */
/* What makes a command a service: sockets from systemd (without its library), another
 * user, and a filter on system calls. */
#ifndef VGPIO_CLI_SERVICE_H
#define VGPIO_CLI_SERVICE_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SERVICE_FDS_MAX 256

/* Listening sockets that were handed over at the start. */
struct handed {
    int front[SERVICE_FDS_MAX], control[SERVICE_FDS_MAX];
    size_t nfronts, ncontrols;
};

/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES: a socket named "control" is one, any
 * other is a front end's; without names, the second of two is the control socket. 0: as
 * `h` says, which is empty if these are not for `pid`; -1: why. */
int service_handed(struct handed *h, pid_t pid, const char *listen_pid, const char *fds,
                   const char *names, char *why, size_t why_size);

struct service {
    const char *user; /* NULL: stay who we are */
    bool sandbox, no_sandbox;
};

enum {
    OPT_USER = 600,
    OPT_SANDBOX,
    OPT_NO_SANDBOX
};

#define SERVICE_LONGS                                                                    \
    {"user", required_argument, NULL, OPT_USER},                                         \
        {"sandbox", no_argument, NULL, OPT_SANDBOX},                                     \
    {                                                                                    \
        "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX                                  \
    }

#define SERVICE_HELP                                                                     \
    "      --user NAME[:GROUP] be this user from the moment the sockets are there\n"     \
    "      --sandbox           fail where system calls cannot be filtered; without "     \
    "it,\n"                                                                              \
    "                          they are filtered where that can be had\n"                \
    "      --no-sandbox        do not filter them\n"

/* False: not one of ours. */
bool service_option(struct service *, int c, const char *arg);

struct sandbox;
/* Everything is open: from here on, less will do. 0, or -1 and said why. */
int service_drop(const struct service *, const struct sandbox *, bool verbose);

#endif /* VGPIO_CLI_SERVICE_H */
