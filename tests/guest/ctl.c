/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Speak with the control socket of `vgpio serve`, one line a command, one line an answer:
 *     vgpio-ctl SOCKET "pull 3 1" "wait 4 0 1000"
 * Prints the answers; exit status 1 as soon as one is not "ok ...", 2 for trouble with
 * the socket. The server may still be starting: up to 5 seconds are spent on connecting.
 * An answer may take 30 seconds, or VGPIO_CTL_SECONDS of the environment.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECT_TRIES = 500,
    CONNECT_PAUSE_NS = 10000000,
    ANSWER_S = 30
};

static int connect_to(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const struct timespec pause = {0, CONNECT_PAUSE_NS};
    const char *seconds = getenv("VGPIO_CTL_SECONDS");
    const struct timeval patience = {seconds ? strtol(seconds, NULL, 10) : ANSWER_S, 0};
    int fd;

    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(sa.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    for (int i = 0; i < CONNECT_TRIES; i++) {
        if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
            return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)
                       ? -1
                       : fd;
        if (errno != ENOENT && errno != ECONNREFUSED)
            break;
        nanosleep(&pause, NULL);
    }
    return -1;
}

static int answer(FILE *in)
{
    char line[65536];

    if (!fgets(line, sizeof line, in) || !strchr(line, '\n')) {
        fprintf(stderr, "vgpio-ctl: no answer\n");
        return 2;
    }
    fputs(line, stdout);
    return strncmp(line, "ok", 2) == 0 && strchr(" \n", line[2]) ? 0 : 1;
}

int main(int argc, char **argv)
{
    int fd, err = 0;
    FILE *in;

    if (argc < 3) {
        fprintf(stderr, "usage: vgpio-ctl SOCKET COMMAND...\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    fd = connect_to(argv[1]);
    in = fd < 0 ? NULL : fdopen(fd, "r");
    if (!in) {
        fprintf(stderr, "vgpio-ctl: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    for (int i = 2; i < argc && !err; i++) {
        if (dprintf(fd, "%s\n", argv[i]) < 0) {
            fprintf(stderr, "vgpio-ctl: %s: %s\n", argv[1], strerror(errno));
            return 2;
        }
        err = answer(in);
    }
    fclose(in);
    return err;
}
