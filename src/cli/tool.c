/* SPDX-License-Identifier: BSD-3-Clause */
#include "tool.h"

#include "cli.h"
#include "evloop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PERIOD_MAX_US (UINT64_C(1) << 50) /* some 35 years */

int tool_wrong(const struct tool *t, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cli_error("%s: %s", t->command, text);
    return CLI_FAILED;
}

static int take_timeout(struct tool *t, const char *text)
{
    return tool_period_ms(text, TOOL_TIMEOUT_MAX_MS, &t->timeout_ms)
               ? CLI_OK
               : tool_wrong(t, "invalid timeout: %s", text);
}

int tool_option(struct tool *t, int c, char **argv)
{
    char fault[256];

    switch (c) {
    case 'c':
        t->chip_arg = optarg;
        return CLI_OK;
    case 'C':
        return CLI_OK; /* nobody behind a socket asks who we are */
    case 'h':
        fputs(t->help, stdout);
        return TOOL_DONE;
    case 'l':
        t->active_low = true;
        return CLI_OK;
    case 's':
        t->strict = true;
        return CLI_OK;
    case 'v':
    case 'V':
        cli_version();
        return TOOL_DONE;
    case 'b':
        return strcmp(optarg, "as-is") == 0
                   ? CLI_OK
                   : tool_wrong(t, "bias '%s': virtio-gpio has none to set", optarg);
    case OPT_BANNER:
        t->banner = true;
        return CLI_OK;
    case OPT_BY_NAME:
        t->by_name = true;
        return CLI_OK;
    case OPT_NUMERIC:
        t->numeric = true;
        return CLI_OK;
    case OPT_UNQUOTED:
        t->unquoted = true;
        return CLI_OK;
    case OPT_TIMEOUT:
        return take_timeout(t, optarg);
    default:
        return tool_wrong(t, "%s", cli_option_fault(fault, sizeof fault, argv, c));
    }
}

bool tool_period(const char *text, uint64_t *us)
{
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"", 1000}, {"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}};
    size_t digits = strspn(text, "0123456789");
    char number[24];
    uint64_t n;
    size_t i;

    if (digits == 0 || digits >= sizeof number) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].name) == 0) {
            if (!cli_number(number, PERIOD_MAX_US / units[i].us, &n)) {
                return false;
            }
            *us = n * units[i].us;
            return true;
        }
    }
    return false;
}

bool tool_period_ms(const char *text, uint32_t max, uint32_t *ms)
{
    uint64_t us;

    if (!tool_period(text, &us) || us < 1000 || us > 1000u * (uint64_t)max) {
        return false;
    }
    *ms = (uint32_t)(us / 1000u);
    return true;
}

bool tool_value(const char *text, unsigned *value)
{
    static const char *const words[2][4] = {{"0", "inactive", "off", "false"},
                                            {"1", "active", "on", "true"}};
    unsigned v, i;

    for (v = 0; v < 2; v++) {
        for (i = 0; i < 4; i++) {
            if (strcmp(text, words[v][i]) == 0) {
                *value = v;
                return true;
            }
        }
    }
    return false;
}

/* ---- the end ---- */

static void give_back(struct tool_line *l)
{
    if (l->armed && !l->chip->stuck) {
        (void)chip_ask(l->chip, VGPIO_MSG_SET_IRQ_TYPE, l->offset, VGPIO_IRQ_NONE);
    }
    if (l->requested && !l->chip->stuck) {
        (void)chip_ask(l->chip, VGPIO_MSG_SET_DIRECTION, l->offset, VGPIO_DIR_NONE);
    }
}

int tool_close(struct tool *t, int code)
{
    sigset_t set;
    size_t i;

    for (i = 0; i < t->nlines; i++) {
        give_back(&t->lines[i]);
    }
    for (i = 0; i < t->nchips; i++) {
        chip_close(&t->chips[i]);
    }
    free(t->chips);
    free(t->lines);
    t->chips = NULL;
    t->lines = NULL;
    t->nchips = t->nlines = 0;
    if (t->signal_fd >= 0) {
        close(t->signal_fd);
        t->signal_fd = -1;
    }
    if (t->caught != 0) {
        /* As if it had not been held up: the shell sees who ended us. */
        (void)fflush(stdout);
        signal(t->caught, SIG_DFL);
        (void)raise(t->caught);
        sigemptyset(&set);
        sigaddset(&set, t->caught);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
    return code;
}

int tool_catch_signals(struct tool *t)
{
    sigset_t set;

    t->pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (!cli_hangup_ignored()) {
        sigaddset(&set, SIGHUP);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return t->signal_fd < 0 ? tool_wrong(t, "signals: %s", strerror(errno)) : CLI_OK;
}

/* ---- waiting ---- */

static int poll_ms(uint64_t due_us)
{
    uint64_t now = evloop_now();
    uint64_t ms;

    if (due_us == UINT64_MAX) {
        return -1;
    }
    if (due_us <= now) {
        return 0;
    }
    ms = (due_us - now + 999u) / 1000u;
    return ms < 1000000000u ? (int)ms : 1000000000;
}

static bool take_signal(struct tool *t)
{
    struct signalfd_siginfo info;

    if (read(t->signal_fd, &info, sizeof info) != sizeof info) {
        return false;
    }
    t->caught = (int)info.ssi_signo;
    return true;
}

static int seen(struct tool *t, const struct pollfd *p)
{
    int bits = 0;
    size_t i;

    if (p[0].revents != 0 && take_signal(t)) {
        bits |= TOOL_SIGNAL;
    }
    if (p[1].revents != 0) {
        bits |= TOOL_INPUT;
    }
    for (i = 0; i < t->nchips; i++) {
        bits |= p[2 + i].revents != 0 ? TOOL_CHIP : 0;
    }
    return bits;
}

int tool_wait(struct tool *t, uint64_t due_us, int fd)
{
    struct pollfd *p = calloc(2 + t->nchips, sizeof *p);
    int bits = 0;
    size_t i;

    if (p == NULL) {
        cli_error("%s", strerror(errno));
        t->caught = SIGABRT;
        return TOOL_SIGNAL;
    }
    p[0].fd = t->signal_fd;
    p[1].fd = fd;
    for (i = 0; i < t->nchips; i++) {
        p[2 + i].fd = t->chips[i].name != NULL ? t->chips[i].front.poll_fd : -1;
    }
    for (i = 0; i < 2 + t->nchips; i++) {
        p[i].events = POLLIN;
    }
    do {
        if (poll(p, 2 + t->nchips, poll_ms(due_us)) > 0) {
            bits = seen(t, p);
        }
        if (poll_ms(due_us) == 0) {
            bits |= TOOL_TIME;
        }
    } while (bits == 0);
    free(p);
    return bits;
}

int tool_await_stdout(struct tool *t)
{
    struct pollfd p[2] = {{.fd = t->signal_fd, .events = POLLIN},
                          {.fd = STDOUT_FILENO, .events = POLLOUT}};

    do {
        if (poll(p, 2, -1) > 0 && p[0].revents != 0 && take_signal(t)) {
            return CLI_FAILED;
        }
    } while (p[1].revents == 0);
    return CLI_OK;
}

int tool_poll_chips(struct tool *t)
{
    size_t i;

    for (i = 0; i < t->nchips; i++) {
        if (t->chips[i].name != NULL && chip_poll(&t->chips[i]) < 0) {
            return CLI_FAILED;
        }
    }
    return CLI_OK;
}

int tool_hold(struct tool *t, uint64_t us)
{
    uint64_t due = us == UINT64_MAX ? UINT64_MAX : evloop_now() + us;
    int bits;

    do {
        bits = tool_wait(t, due, -1);
        if ((bits & TOOL_SIGNAL) != 0 ||
            ((bits & TOOL_CHIP) != 0 && tool_poll_chips(t) != CLI_OK)) {
            return CLI_FAILED;
        }
    } while ((bits & TOOL_TIME) == 0);
    return CLI_OK;
}

/* ---- words ---- */

void tool_banner(const struct tool *t, const char *words)
{
    size_t i;

    printf("%s %s ", words, t->nlines == 1 ? "line" : "lines");
    for (i = 0; i < t->nlines; i++) {
        printf("%s'%s'%s", i > 0 && i + 1 == t->nlines ? "and " : "", t->lines[i].id,
               i + 1 == t->nlines ? "...\n" : ", ");
    }
}

void tool_print_line(const struct tool *t, const struct tool_line *l)
{
    const char *quote = t->unquoted ? "" : "\"";
    const char *name = l->chip->names[l->offset];

    if (t->chip_arg != NULL || name[0] == '\0') {
        printf("%s %u", l->chip->name, l->offset);
        if (name[0] != '\0') {
            putchar(' ');
        }
    }
    if (name[0] != '\0') {
        printf("%s%s%s", quote, name, quote);
    }
}

void tool_print_id(const struct tool *t, const struct tool_line *l)
{
    const char *quote = t->unquoted ? "" : "\"";

    printf("%s%s%s", quote, l->id, quote);
}

bool tool_flush(struct tool *t)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno == EPIPE && t->signal_fd >= 0 && !t->pipe_ignored) {
            t->caught = SIGPIPE;
        } else {
            cli_error("stdout: %s", strerror(errno));
        }
        return false;
    }
    return true;
}
