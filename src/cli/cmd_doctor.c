/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio doctor`: what would keep a guest from its lines, and the mend. */
#include "cli.h"
#include "doctor.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "usage: vgpio doctor [OPTIONS] [-- QEMU ARGUMENT...]\n"
    "Looks for what would keep a guest from having GPIO lines, or their interrupts, and\n"
    "says how to mend it. Changes nothing.\n"
    "\n"
    "  -q, --qemu PROGRAM       look at this QEMU; if not given, at the one of this\n"
    "                           machine's architecture in PATH\n"
    "  -k, --kernel-config FILE look at the configuration of the guest's kernel (plain\n"
    "                           or compressed by gzip, as /proc/config.gz)\n"
    "  -s, --socket-path PATH   look at the socket of a back end; it is asked what it\n"
    "                           offers, so let no guest be on it\n"
    "      --timeout PERIOD     wait so long for each program and answer (5s)\n"
    "  -h, --help               print this and exit\n"
    "  -V, --version            print the version and exit\n"
    "\n"
    "Behind -- a whole command line of QEMU is looked at; it is not run.\n"
    "Exit status 1 if something is bad.\n";

static const struct option longs[] = {
    {"qemu", required_argument, NULL, 'q'},
    {"kernel-config", required_argument, NULL, 'k'},
    {"socket-path", required_argument, NULL, 's'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "doctor",
    .help = help,
    .longs = longs,
    .in_order = true,
};

/* ---- the report ---- */

void doctor_say(struct doctor *d, enum finding f, const char *mend, const char *fmt, ...)
{
    static const char *const words[] = {"fine", "note", "warn", "BAD "};
    va_list ap;

    d->bad += f == BAD;
    d->warned += f == WARN;
    printf("%s  ", words[f]);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    if (mend != NULL) {
        printf("      -> %s\n", mend);
    }
    (void)fflush(stdout);
}

unsigned doctor_version(const char *text, unsigned version[3])
{
    unsigned n = 0;
    char *end;

    while (n < 3 && text[0] >= '0' && text[0] <= '9') {
        unsigned long v = strtoul(text, &end, 10);

        version[n++] = v < 1000 ? (unsigned)v : 1000u;
        text = *end == '.' ? end + 1 : "";
    }
    return n;
}

/* ---- other programs ---- */

static pid_t start(const char *const *argv, int *out)
{
    int p[2];
    pid_t pid;

    if (pipe2(p, O_CLOEXEC) < 0) {
        return -1;
    }
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, STDIN_FILENO);
        dup2(p[1], STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(p[1]);
    *out = p[0];
    if (pid < 0) {
        close(p[0]);
    }
    return pid;
}

/* To the end of what it says: 0, or -1 if that does not come in time. */
static int listen_to(int fd, uint32_t timeout_ms, char *out, size_t size)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char rest[512];
    size_t used = 0;
    ssize_t n;

    for (;;) {
        bool room = used + 1 < size;

        if (poll(&p, 1, (int)timeout_ms) != 1) {
            return -1;
        }
        n = read(fd, room ? out + used : rest, room ? size - 1 - used : sizeof rest);
        if (n <= 0) {
            out[used] = '\0';
            return n == 0 ? 0 : -1;
        }
        used += room ? (size_t)n : 0;
    }
}

int doctor_run(const struct doctor *d, const char *const *argv, char *out, size_t size)
{
    int fd = -1, status = 1;
    pid_t pid = start(argv, &fd);
    int code;

    out[0] = '\0';
    if (pid < 0) {
        return -1;
    }
    code = listen_to(fd, d->timeout_ms, out, size);
    close(fd);
    if (code < 0) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return code < 0 || status != 0 ? -1 : 0;
}

/* ---- the command line ---- */

struct options {
    uint32_t timeout_ms;
    const char *qemu, *kernel, *socket;
};

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;

    switch (option) {
    case 'q':
        o->qemu = optarg;
        return CLI_OK;
    case 'k':
        o->kernel = optarg;
        return CLI_OK;
    case 's':
        o->socket = optarg;
        return CLI_OK;
    default:
        return tool_period_ms(optarg, TOOL_TIMEOUT_MAX_MS, &o->timeout_ms)
                   ? CLI_OK
                   : cli_usage_error("doctor", "--timeout: invalid period '%s'", optarg);
    }
}

static void look_at_qemu(struct doctor *d, const char *named, const char *on_the_line)
{
    char program[256];
    struct utsname u;

    if (named == NULL) {
        named = on_the_line;
    }
    if (named == NULL && uname(&u) == 0) {
        snprintf(program, sizeof program, "qemu-system-%s",
                 u.machine[0] == 'i' && strcmp(u.machine + 2, "86") == 0 ? "i386"
                                                                         : u.machine);
        named = program;
    }
    doctor_qemu(d, named);
}

static int look(struct doctor *d, const struct options *o, char **line, int n)
{
    look_at_qemu(d, o->qemu, n > 0 ? line[0] : NULL);
    if (n > 0) {
        doctor_qemu_line(d, line + 1, (size_t)n - 1);
    }
    doctor_memory(d);
    if (o->socket != NULL) {
        doctor_socket(d, o->socket);
    } else {
        doctor_say(d, NOTE, NULL, "no back end was looked at (--socket-path)");
    }
    if (o->kernel != NULL) {
        doctor_kernel(d, o->kernel);
    } else {
        doctor_say(d, NOTE, NULL, "no kernel was looked at (--kernel-config)");
    }
    printf("%u bad, %u to be warned of\n", d->bad, d->warned);
    if (fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        return CLI_FAILED;
    }
    return d->bad == 0 ? CLI_OK : CLI_FAILED;
}

int cmd_doctor(int argc, char **argv)
{
    struct options o = {.timeout_ms = TOOL_TIMEOUT_MS};
    struct doctor d = {0};
    int code = cli_options(&grammar, argc, argv, take_option, &o);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
        return cli_usage_error("doctor", "unexpected argument '%s'", argv[optind]);
    }
    d.timeout_ms = o.timeout_ms;
    return look(&d, &o, argv + optind, argc - optind);
}
