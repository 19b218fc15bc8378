/* SPDX-License-Identifier: BSD-3-Clause */
#include "tool_run.h"

#include "server_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

char tool_out[65536], tool_err[8192];

static void give_up(struct tool_run *t, const char *what)
{
    kill(t->pid, SIGKILL);
    (void)waitpid(t->pid, NULL, 0);
    fail_msg("%s within %d ms", what, RUN_PATIENCE_MS);
}

/* As users call it, but with more patience than they have; a --timeout of the test's own
 * comes later, and counts. */
static void fill(const char **argv, const char *const *args)
{
    static const char *const with_deadline[] = {"get", "set", "info", "mon"};
    size_t i, n = 0;

    argv[n++] = VGPIO_PATH;
    argv[n++] = args[0];
    for (i = 0; i < sizeof with_deadline / sizeof with_deadline[0]; i++) {
        if (strcmp(args[0], with_deadline[i]) == 0) {
            argv[n++] = "--timeout";
            argv[n++] = "100s";
        }
    }
    for (i = 1; args[i] != NULL; i++) {
        argv[n++] = args[i];
    }
}

void tool_begin(struct tool_run *t, const char *const *args)
{
    const char *argv[64] = {NULL};
    int in[2], out[2], err[2];

    fill(argv, args);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    t->pid = fork();
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    t->in = in[1];
    t->out = out[0];
    t->err = err[0];
}

/* One byte: 1; the end: 0. */
static ssize_t next(struct tool_run *t, int fd, char *c)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, RUN_PATIENCE_MS) != 1) {
        give_up(t, "nothing more from the tool");
    }
    return read(fd, c, 1);
}

const char *tool_says(struct tool_run *t)
{
    size_t n = 0;

    while (n < sizeof t->line - 1 && next(t, t->out, &t->line[n]) == 1) {
        if (t->line[n] == '\n') {
            t->line[n] = '\0';
            return t->line;
        }
        n++;
    }
    assert_int_equal(n, 0);
    return NULL;
}

void tool_tell(struct tool_run *t, const char *text)
{
    assert_int_equal(write(t->in, text, strlen(text)), strlen(text));
}

static void take_rest(struct tool_run *t, int fd, char *to, size_t size)
{
    size_t n = 0;

    while (n < size - 1 && next(t, fd, to + n) == 1) {
        n++;
    }
    to[n] = '\0';
    close(fd);
}

int tool_finish(struct tool_run *t, int sig)
{
    long left = RUN_PATIENCE_MS;
    int status = 0;

    if (sig != 0) {
        kill(t->pid, sig);
    }
    if (t->in >= 0) {
        close(t->in);
    }
    take_rest(t, t->out, tool_out, sizeof tool_out);
    take_rest(t, t->err, tool_err, sizeof tool_err);
    while (waitpid(t->pid, &status, WNOHANG) != t->pid) {
        struct timespec ms = {0, 1000000};

        if (left-- <= 0) {
            give_up(t, "the tool did not end");
        }
        nanosleep(&ms, NULL);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int tool_all(const char *const *args)
{
    struct tool_run t;

    tool_begin(&t, args);
    close(t.in);
    t.in = -1;
    return tool_finish(&t, 0);
}
