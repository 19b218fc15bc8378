/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets handed over, a log that cannot be flooded, a filter on system calls. */
#include "cli/ratelimit.h"
#include "cli/sandbox.h"
#include "cli/service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- sockets that were handed over --- */

static struct handed handed;
static char why[256];

static int take(const char *pid, const char *fds, const char *names)
{
    why[0] = '\0';
    return service_handed(&handed, 77, pid, fds, names, why, sizeof why);
}

static void test_handed_to_others(void **state)
{
    (void)state;
    assert_int_equal(take(NULL, NULL, NULL), 0);
    assert_int_equal(handed.nfronts, 0);
    assert_int_equal(take("78", "1", NULL), 0);
    assert_int_equal(handed.nfronts, 0);
    assert_int_equal(take("077x", "1", NULL), 0);
    assert_int_equal(handed.nfronts, 0);
    assert_int_equal(take("77", NULL, NULL), 0);
    assert_int_equal(take("77", "0", NULL), 0);
    assert_int_equal(handed.nfronts, 0);
}

static void test_handed_to_us(void **state)
{
    (void)state;
    assert_int_equal(take("77", "1", NULL), 0);
    assert_int_equal(handed.nfronts, 1);
    assert_int_equal(handed.front[0], 3);
    assert_int_equal(handed.ncontrols, 0);
    assert_int_equal(take("77", "2", "vgpio.socket:vgpio.socket"), 0);
    assert_int_equal(handed.nfronts, 1);
    assert_int_equal(handed.ncontrols, 1);
    assert_int_equal(handed.control[0], 4);
    assert_int_equal(take("77", "2", "control:gpio"), 0);
    assert_int_equal(handed.control[0], 3);
    assert_int_equal(handed.front[0], 4);
    assert_int_equal(take("77", "3", NULL), 0);
    assert_int_equal(handed.nfronts, 3);
    assert_int_equal(take("77", "4", "gpio:control:gpio:control"), 0);
    assert_int_equal(handed.nfronts, 2);
    assert_int_equal(handed.front[1], 5);
    assert_int_equal(handed.ncontrols, 2);
    assert_int_equal(handed.control[1], 6);
}

static void test_handed_wrongly(void **state)
{
    (void)state;
    assert_int_equal(take("77", "x", NULL), -1);
    assert_string_equal(why, "LISTEN_FDS: 'x' is no number up to 256");
    assert_int_equal(take("77", "257", NULL), -1);
    assert_int_equal(take("77", "256", NULL), 0);
    assert_int_equal(take("77", "1", "control"), -1);
    assert_string_equal(why, "LISTEN_FDS: no socket for a front end");
    assert_int_equal(take("77", "3", "gpio:control:gpio"), -1);
    assert_string_equal(
        why, "LISTEN_FDS: give no control socket, or one for each of the others");
    /* Fewer names than sockets: those without are front ends'. */
    assert_int_equal(take("77", "2", "control"), 0);
    assert_int_equal(handed.front[0], 4);
}

/* --- the log --- */

static void test_ratelimit(void **state)
{
    struct ratelimit r = {.burst = 3, .every_us = 100};
    uint64_t before = 99;
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_true(ratelimit_take(&r, 1000, &before));
        assert_int_equal(before, 0);
    }
    assert_false(ratelimit_take(&r, 1000, &before));
    assert_false(ratelimit_take(&r, 1099, &before));
    assert_true(ratelimit_take(&r, 1100, &before));
    assert_int_equal(before, 2);
    assert_false(ratelimit_take(&r, 1100, &before));
    assert_int_equal(r.total, 3);
    /* After a pause the whole burst, and no more than that. */
    for (i = 0; i < 3; i++) {
        assert_true(ratelimit_take(&r, 100000, &before));
        assert_int_equal(before, i == 0);
    }
    assert_false(ratelimit_take(&r, 100000, &before));
    assert_int_equal(r.total, 4);
}

/* --- the filter --- */

/* In a child behind the filter: what it returns, or 1000 + the signal that ended it. */
static int behind(const struct sandbox *box, int (*run)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        char text[128];

        if (sandbox_enter(box, text, sizeof text) < 0) {
            fprintf(stderr, "%s\n", text);
            _exit(99);
        }
        _exit(run());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int needs_filter(void)
{
    const struct sandbox box = {0};
    char text[128] = "";
    pid_t pid;
    int status = 0;

    if (!sandbox_exists()) {
        return 0;
    }
    pid = fork();
    if (pid == 0) {
        _exit(sandbox_enter(&box, text, sizeof text) < 0);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static int do_nothing(void)
{
    return 0;
}

static int do_exec(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static int do_fork(void)
{
    return fork() < 0 ? errno : 0;
}

static int do_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int do_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? errno
               : 0;
}

static int do_become_code(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED                            ? 98
           : mprotect(p, 4096, PROT_READ) < 0         ? 97
           : mprotect(p, 4096, PROT_READ | PROT_EXEC) ? errno
                                                      : 0;
}

static int do_read_file(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int do_use_chip(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC) < 0 ? errno : 0;
}

static int do_write_file(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int do_make_file(void)
{
    return open("/tmp/vgpio-test-never-made", O_RDONLY | O_CREAT | O_CLOEXEC, 0600) < 0
               ? errno
               : 0;
}

static int do_remove(void)
{
    return unlink("/tmp/vgpio-test-never-made") < 0 ? errno : 0;
}

/* Of GPIO chips the first is, of terminals the second. */
static int do_gpio_ioctl(void)
{
    return syscall(SYS_ioctl, -1, 0x8044b401ul, NULL) < 0 ? errno : 0;
}

static int do_other_ioctl(void)
{
    return syscall(SYS_ioctl, -1, 0x5412ul, NULL) < 0 ? errno : 0;
}

static int do_unknown(void)
{
    return syscall(SYS_getppid) < 0 ? errno : 0;
}

static void test_filter(void **state)
{
    const struct sandbox box = {0};
    const struct sandbox chips = {.chips = true};
    const struct sandbox remove_ = {.remove = true};

    (void)state;
    if (!needs_filter()) {
        skip();
    }
    assert_int_equal(behind(&box, do_nothing), 0);
    assert_int_equal(behind(&box, do_exec), 1000 + SIGSYS);
    assert_int_equal(behind(&box, do_fork), 1000 + SIGSYS);
    assert_int_equal(behind(&box, do_socket), 1000 + SIGSYS);
    assert_int_equal(behind(&box, do_code), 1000 + SIGSYS);
    assert_int_equal(behind(&box, do_become_code), 1000 + SIGSYS);
    assert_int_equal(behind(&box, do_unknown), EPERM);
    assert_int_equal(behind(&box, do_read_file), 0);
    assert_int_equal(behind(&box, do_write_file), EPERM);
    assert_int_equal(behind(&box, do_make_file), EPERM);
    assert_int_equal(behind(&box, do_use_chip), EPERM);
    assert_int_equal(behind(&chips, do_use_chip), 0);
    assert_int_equal(behind(&chips, do_make_file), EPERM);
    assert_int_equal(behind(&box, do_remove), EPERM);
    assert_int_equal(behind(&remove_, do_remove), ENOENT);
    assert_int_equal(behind(&box, do_gpio_ioctl), EPERM);
    assert_int_equal(behind(&chips, do_gpio_ioctl), EBADF);
    assert_int_equal(behind(&chips, do_other_ioctl), EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handed_to_others), cmocka_unit_test(test_handed_to_us),
        cmocka_unit_test(test_handed_wrongly),   cmocka_unit_test(test_ratelimit),
        cmocka_unit_test(test_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
