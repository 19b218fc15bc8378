/* SPDX-License-Identifier: BSD-3-Clause */
#include "server_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void pause_ms(long ms)
{
    struct timespec t = {0, ms * 1000000};

    nanosleep(&t, NULL);
}

void run_make_dir(struct server_run *r)
{
    memset(r, 0, sizeof *r);
    r->log = -1;
    strcpy(r->dir, "/tmp/vgpio-test-");
    memset(r->dir + strlen(r->dir), 'X', 6); /* for mkdtemp() to fill in */
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->socket, sizeof r->socket, "%s/gpio", r->dir);
    snprintf(r->control, sizeof r->control, "%s/control", r->dir);
}

void run_remove_dir(struct server_run *r)
{
    if (r->pid > 0) {
        (void)run_end(r, SIGKILL);
    }
    if (r->log >= 0) {
        close(r->log);
    }
    unlink(r->socket);
    unlink(r->control);
    rmdir(r->dir);
}

void run_start(struct server_run *r, const char *const *args, int inherit)
{
    const char *argv[512] = {VGPIO_PATH, "serve"};
    int log[2];
    size_t i;

    for (i = 0; args[i] != NULL; i++) {
        argv[i + 2] = args[i];
    }
    if (r->log >= 0) {
        close(r->log);
    }
    assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        dup2(log[1], STDERR_FILENO);
        if (inherit >= 0) {
            fcntl(inherit, F_SETFD, 0);
        }
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(log[1]);
    r->log = log[0];
}

void run_serve(struct server_run *r, const char *sim, const char *extra)
{
    const char *args[] = {"-s",        r->socket,  "--sim", sim,
                          "--control", r->control, extra,   NULL};

    run_start(r, args, -1);
    close(run_connect(r->control));
}

int run_end(struct server_run *r, int sig)
{
    long left = RUN_PATIENCE_MS;
    int status = 0;
    pid_t got;

    if (sig != 0) {
        kill(r->pid, sig);
    }
    while ((got = waitpid(r->pid, &status, WNOHANG)) == 0 && left-- > 0) {
        pause_ms(1);
    }
    if (got != r->pid) {
        kill(r->pid, SIGKILL);
        (void)waitpid(r->pid, &status, 0);
        r->pid = 0;
        fail_msg("the server did not end");
    }
    r->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *run_log(struct server_run *r)
{
    static char text[8192];
    size_t used = 0;
    ssize_t n;

    while (used < sizeof text - 1 &&
           (n = read(r->log, text + used, sizeof text - 1 - used)) > 0) {
        used += (size_t)n;
    }
    text[used] = '\0';
    return text;
}

unsigned run_fds(const struct server_run *r)
{
    char path[64];
    unsigned n = 0;
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)r->pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL) {
        n += e->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static int is_asleep(const struct server_run *r)
{
    char path[64], text[512];
    const char *p;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)r->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    p = strrchr(text, ')');
    return p != NULL && p[2] == 'S';
}

void run_rests(const struct server_run *r)
{
    unsigned in_a_row = 0;
    long left = RUN_PATIENCE_MS;

    while (in_a_row < 20) {
        in_a_row = is_asleep(r) ? in_a_row + 1 : 0;
        if (left-- <= 0) {
            fail_msg("the server does not come to rest");
        }
        pause_ms(1);
    }
}

int run_connect(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    long left = RUN_PATIENCE_MS;
    int fd;

    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    for (;;) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
            return fd;
        }
        close(fd);
        if (left-- <= 0) {
            fail_msg("nobody listens on %s", path);
        }
        pause_ms(1);
    }
}

void run_send(int fd, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

const char *run_line(int fd)
{
    static char line[1 << 20];
    size_t used = 0;

    while (used < sizeof line - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&p, 1, RUN_PATIENCE_MS) != 1) {
            fail_msg("no reply");
        }
        n = recv(fd, line + used, 1, 0);
        if (n <= 0) {
            return NULL;
        }
        if (line[used] == '\n') {
            break;
        }
        used++;
    }
    line[used] = '\0';
    return line;
}

const char *run_ask_on(int fd, const char *command)
{
    run_send(fd, command);
    run_send(fd, "\n");
    return run_line(fd);
}

const char *run_ask(struct server_run *r, const char *command)
{
    int fd = run_connect(r->control);
    const char *reply = run_ask_on(fd, command);

    close(fd);
    assert_non_null(reply);
    return reply;
}

long run_stat(struct server_run *r, const char *key)
{
    const char *reply = run_ask(r, "stats");
    char word[48];
    const char *p;

    snprintf(word, sizeof word, " %s=", key);
    p = strstr(reply, word);
    if (p == NULL) {
        fail_msg("stats has no %s: %s", key, reply);
    }
    return strtol(p + strlen(word), NULL, 10);
}
