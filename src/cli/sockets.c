/* SPDX-License-Identifier: BSD-3-Clause */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    memcpy(a.sun_path, path, strlen(path));
    return a;
}

bool sock_path_fits(const char *path)
{
    return path[0] != '\0' && strlen(path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
}

static int say_errno(char *why, size_t size, const char *path, int err)
{
    snprintf(why, size, "%s: %s", path, strerror(err));
    return -1;
}

/* Somebody died and left its socket there: 1. In use or not a socket: -1. */
static int is_stale(const char *path, char *why, size_t size)
{
    struct sockaddr_un a = address(path);
    struct stat st;
    int fd, err;

    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 1 : say_errno(why, size, path, errno);
    }
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(why, size, "%s: exists and is not a socket", path);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return say_errno(why, size, path, errno);
    }
    err = connect(fd, (struct sockaddr *)&a, sizeof a) < 0 ? errno : 0;
    close(fd);
    if (err == ECONNREFUSED || err == ENOENT) {
        return 1;
    }
    if (err != 0 && err != EAGAIN) {
        return say_errno(why, size, path, err);
    }
    snprintf(why, size, "%s: somebody listens there already", path);
    return -1;
}

static int bind_path(int fd, const char *path, char *why, size_t size)
{
    struct sockaddr_un a = address(path);

    if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return say_errno(why, size, path, errno);
    }
    if (is_stale(path, why, size) < 0) {
        return -1;
    }
    if (unlink(path) < 0 && errno != ENOENT) {
        return say_errno(why, size, path, errno);
    }
    return bind(fd, (struct sockaddr *)&a, sizeof a) < 0
               ? say_errno(why, size, path, errno)
               : 0;
}

int sock_listen(struct sock_listener *l, const char *path, char *why, size_t why_size)
{
    struct stat st;

    l->path = NULL;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        return say_errno(why, why_size, path, errno);
    }
    if (bind_path(l->fd, path, why, why_size) < 0) {
        close(l->fd);
        l->fd = -1;
        return -1;
    }
    l->path = path;
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (lstat(path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    if (listen(l->fd, BACKLOG) < 0) {
        say_errno(why, why_size, path, errno);
        sock_unlisten(l);
        return -1;
    }
    return 0;
}

void sock_unlisten(struct sock_listener *l)
{
    struct stat st;

    if (l->fd < 0) {
        return;
    }
    if (l->path != NULL && lstat(l->path, &st) == 0 && st.st_dev == l->dev &&
        st.st_ino == l->ino) {
        (void)unlink(l->path);
    }
    close(l->fd);
    if (l->spare >= 0) {
        close(l->spare);
    }
    l->fd = -1;
}

int sock_adopt(struct sock_listener *l, int fd)
{
    l->path = NULL;
    l->fd = fd;
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return sock_nonblocking(fd);
}

int sock_accept(struct sock_listener *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && l->spare >= 0) {
        close(l->spare);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
        l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
        errno = EMFILE;
        fd = -1;
    }
    return fd;
}

int sock_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void sock_block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}
