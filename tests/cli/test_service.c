/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio serve` as a service: sockets from whoever starts it, another user, a filter on
 * its system calls, and a log that nobody can flood. */
#include "server_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/sandbox.h"

static struct server_run run;

static int setup(void **state)
{
    (void)state;
    run_make_dir(&run);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run_remove_dir(&run);
    return 0;
}

/* --- sockets from whoever starts it --- */

static int listener(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* As systemd does it: descriptors from 3 on, and the number of the process itself. */
static void start_handed(const char *names, const int *fds, int nfds, const char *pid)
{
    int log[2];

    assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
    run.pid = fork();
    assert_true(run.pid >= 0);
    if (run.pid == 0) {
        char text[32], count[16];
        int i;

        (void)dup2(log[1], STDERR_FILENO);
        for (i = 0; i < nfds; i++) {
            (void)fcntl(fds[i], F_DUPFD, 200 + i); /* out of the way of each other */
        }
        for (i = 0; i < nfds; i++) {
            (void)dup2(200 + i, 3 + i);
            (void)close(200 + i);
        }
        snprintf(text, sizeof text, "%d", (int)getpid());
        snprintf(count, sizeof count, "%d", nfds);
        (void)setenv("LISTEN_PID", pid != NULL ? pid : text, 1);
        (void)setenv("LISTEN_FDS", count, 1);
        (void)setenv("LISTEN_FDNAMES", names, 1);
        (void)execl(VGPIO_PATH, "vgpio", "serve", "--sim", "led,button", (char *)NULL);
        _exit(127);
    }
    (void)close(log[1]);
    run.log = log[0];
}

static void test_handed_sockets(void **state)
{
    struct stat st;
    int fds[2];
    int front;

    (void)state;
    fds[0] = listener(run.control);
    fds[1] = listener(run.socket);
    start_handed("control:gpio", fds, 2, NULL);
    assert_string_equal(run_ask(&run, "value button"), "ok 0");
    front = run_connect(run.socket);
    while (strstr(run_ask(&run, "info"), " connected=1 ") == NULL) {
    }
    (void)close(front);
    assert_int_equal(run_end(&run, SIGTERM), 0);
    assert_string_equal(run_log(&run), "");
    /* They are not its own, so it leaves them. */
    assert_int_equal(stat(run.socket, &st), 0);
    assert_int_equal(stat(run.control, &st), 0);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

/* The next one that is started on them has clients that came in between. */
static void test_handed_sockets_wait(void **state)
{
    int fds[2];
    int client, round;

    (void)state;
    fds[0] = listener(run.socket);
    fds[1] = listener(run.control);
    for (round = 0; round < 2; round++) {
        client = run_connect(run.control);
        run_send(client, "pull led 1\n");
        start_handed("gpio:control", fds, 2, NULL);
        assert_string_equal(run_line(client), "ok");
        (void)close(client);
        assert_int_equal(run_end(&run, SIGTERM), 0);
        (void)close(run.log);
        run.log = -1;
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_handed_to_somebody_else(void **state)
{
    int fd;

    (void)state;
    fd = listener(run.socket);
    start_handed("gpio", &fd, 1, "1");
    assert_int_equal(run_end(&run, 0), 2);
    assert_non_null(strstr(run_log(&run), "--socket-path PATH"));
    (void)close(fd);
}

/* --- less than it started with --- */

/* A field of /proc/PID/status, in a static buffer. */
static const char *status_of(const char *field)
{
    static char text[4096];
    char path[64];
    ssize_t n;
    char *p;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/status", (int)run.pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    p = strstr(text, field);
    assert_non_null(p);
    p += strlen(field);
    p[strcspn(p, "\n")] = '\0';
    return p;
}

static void test_sandbox(void **state)
{
    const char *const args[] = {"-s", run.socket, "--sim", "1", "--sandbox", NULL};

    (void)state;
    if (!sandbox_exists()) {
        run_start(&run, args, -1);
        assert_int_equal(run_end(&run, 0), 1);
        assert_string_equal(run_log(&run), "vgpio: --sandbox: this build has none\n");
        skip();
    }
    run_serve(&run, "1", "--sandbox");
    run_rests(&run);
    assert_string_equal(status_of("\nSeccomp:\t"), "2");
    assert_string_equal(status_of("\nNoNewPrivs:\t"), "1");
    assert_int_equal(run_end(&run, SIGTERM), 0);
    assert_string_equal(run_log(&run), "");
    /* Without a word as well, ... */
    run_serve(&run, "1", NULL);
    run_rests(&run);
    assert_string_equal(status_of("\nSeccomp:\t"), "2");
    assert_int_equal(run_end(&run, SIGTERM), 0);
    /* ... and not against one. */
    run_serve(&run, "1", "--no-sandbox");
    run_rests(&run);
    assert_string_equal(status_of("\nSeccomp:\t"), "0");
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

static void test_user(void **state)
{
    const struct passwd *p = getpwnam("nobody");
    char wanted[128];

    (void)state;
    if (geteuid() != 0 || p == NULL) {
        skip();
    }
    run_serve(&run, "1", "--user=nobody");
    run_rests(&run);
    snprintf(wanted, sizeof wanted, "%u\t%u\t%u\t%u", p->pw_uid, p->pw_uid, p->pw_uid,
             p->pw_uid);
    assert_string_equal(status_of("\nUid:\t"), wanted);
    snprintf(wanted, sizeof wanted, "%u\t%u\t%u\t%u", p->pw_gid, p->pw_gid, p->pw_gid,
             p->pw_gid);
    assert_string_equal(status_of("\nGid:\t"), wanted);
    assert_string_equal(status_of("\nCapEff:\t"), "0000000000000000");
    assert_string_equal(run_ask(&run, "pull 0 1"), "ok");
    assert_int_equal(run_end(&run, SIGTERM), 0);
    (void)unlink(run.socket);
    (void)unlink(run.control);
    run_serve(&run, "1", "--user=12345:54321");
    run_rests(&run);
    assert_string_equal(status_of("\nUid:\t"), "12345\t12345\t12345\t12345");
    assert_string_equal(status_of("\nGid:\t"), "54321\t54321\t54321\t54321");
    assert_string_equal(status_of("\nGroups:\t"), " ");
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

static void test_user_that_is_none(void **state)
{
    const char *args[] = {"-s", run.socket, "--sim", "1", "--user", "no such user", NULL};

    (void)state;
    run_start(&run, args, -1);
    assert_int_equal(run_end(&run, 0), 1);
    assert_string_equal(run_log(&run),
                        "vgpio: --user: there is no user 'no such user'\n");
    args[5] = "0:no such group";
    run_start(&run, args, -1);
    assert_int_equal(run_end(&run, 0), 1);
    assert_string_equal(run_log(&run),
                        "vgpio: --user: there is no group 'no such group'\n");
}

/* --- the log --- */

/* Rounded up. */
static unsigned seconds_since(const struct timespec *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)(now.tv_sec - t->tv_sec) + 1;
}

/* A front end that comes again and again, each time with something to complain of. */
static void test_log_cannot_be_flooded(void **state)
{
    static const uint8_t junk[12] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const unsigned visits = 400;
    unsigned lines = 0, said, i;
    struct timespec began;
    long suppressed;
    const char *p;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &began);
    run_serve(&run, "1", NULL);
    for (i = 0; i < visits; i++) {
        int fd = run_connect(run.socket);
        char byte;

        assert_int_equal(send(fd, junk, sizeof junk, MSG_NOSIGNAL), sizeof junk);
        assert_true(recv(fd, &byte, 1, 0) <= 0);
        (void)close(fd);
    }
    suppressed = run_stat(&run, "suppressed");
    assert_true(suppressed > 0);
    assert_int_equal(run_stat(&run, "connects"), visits);
    while (*(p = run_log(&run)) != '\0') {
        for (; (p = strchr(p, '\n')) != NULL; p++) {
            lines++;
        }
    }
    /* 64 at once, then two a second, each perhaps with one that counts the others. */
    said = 64 + 2 * seconds_since(&began);
    assert_in_range(lines, 10, 2 * said);
    /* Nothing is missing: what was not said is counted. */
    assert_in_range((unsigned)suppressed + lines, visits, 4 * visits);
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_handed_sockets),
        TEST(test_handed_sockets_wait),
        TEST(test_handed_to_somebody_else),
        TEST(test_sandbox),
        TEST(test_user),
        TEST(test_user_that_is_none),
        TEST(test_log_cannot_be_flooded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
