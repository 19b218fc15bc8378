/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the tests, judges, reports. */
#include "check.h"

#include "cli.h"
#include "evloop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct check_test *const tables[] = {check_gpio_tests, check_ring_tests};

/* ---- a device of our own ---- */

static void end_device(struct check_run *r)
{
    if (r->pid > 0) {
        kill(-r->pid, SIGKILL);
        while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        r->pid = 0;
    }
    (void)unlink(r->socket);
    (void)unlink(r->control);
}

/* Its end by itself, within a second: a process that crashed needs some time to go. */
static bool has_died(struct check_run *r)
{
    uint64_t due = evloop_now() + 1000000;
    pid_t got = 0;

    while (r->pid > 0 && got == 0 && evloop_now() < due) {
        got = waitpid(r->pid, NULL, WNOHANG);
        if (got == 0) {
            (void)poll(NULL, 0, 1);
        }
    }
    if (got <= 0) {
        return false;
    }
    kill(-r->pid, SIGKILL); /* what it left behind */
    r->pid = 0;
    return true;
}

static struct check_run *running; /* for the handler: there is one run a process */

/* The device is in a group of its own, and does not see the user's ^C. */
static void on_signal(int sig)
{
    if (running->pid > 0) {
        kill(-running->pid, SIGKILL);
    }
    (void)unlink(running->socket);
    (void)unlink(running->control);
    (void)rmdir(running->dir);
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static bool start_device(struct check_run *r)
{
    uint64_t due = evloop_now() + 10000000;

    end_device(r);
    r->pid = fork();
    if (r->pid == 0) {
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGTERM, SIG_DFL);
        (void)setpgid(0, 0);
        (void)setenv("SOCKET", r->socket, 1);
        (void)setenv("CONTROL", r->control, 1);
        execl("/bin/sh", "sh", "-c", r->spawn, (char *)NULL);
        _exit(127);
    }
    if (r->pid < 0) {
        r->pid = 0;
        return false;
    }
    (void)setpgid(r->pid, r->pid);
    while (access(r->socket, F_OK) != 0) {
        if (evloop_now() > due || waitpid(r->pid, NULL, WNOHANG) == r->pid) {
            return false;
        }
        (void)poll(NULL, 0, 1);
    }
    r->c.fresh = true;
    return true;
}

static bool begin(struct check_run *r)
{
    bool reached;

    if (r->spawn != NULL) {
        strcpy(r->dir, "/tmp/vgpio-check-");
        memset(r->dir + strlen(r->dir), 'X', 6); /* for mkdtemp() to fill in */
        if (mkdtemp(r->dir) == NULL) {
            cli_error("%s: %s", r->dir, strerror(errno));
            return false;
        }
        snprintf(r->socket, sizeof r->socket, "%s/gpio", r->dir);
        snprintf(r->control, sizeof r->control, "%s/control", r->dir);
        r->c.path = r->socket;
        running = r;
        (void)signal(SIGINT, on_signal);
        (void)signal(SIGTERM, on_signal);
        if (!start_device(r)) {
            cli_error("--spawn: the device made no socket: %s", r->spawn);
            return false;
        }
    }
    reached = check_connect(&r->c);
    check_close(&r->c);
    if (!reached) {
        cli_error("%s: %s", r->c.path, r->c.saw);
        return false;
    }
    if (r->spawn != NULL && r->c.control == NULL && access(r->control, F_OK) == 0) {
        r->c.control = r->control;
    }
    return true;
}

static void finish(struct check_run *r)
{
    if (r->dir[0] != '\0') {
        end_device(r);
        (void)rmdir(r->dir);
    }
}

/* ---- verdicts ---- */

static const char *reason_to_skip(const struct check *c, const struct check_test *t)
{
    if (c->packed && (c->offered & VGPIO_F_PACKED) == 0) {
        return "packed rings are not offered";
    }
    if ((t->flags & CHECK_IRQ) != 0 && (c->offered & VGPIO_F_IRQ) == 0) {
        return "F_IRQ is not offered";
    }
    if ((t->flags & CHECK_INDIRECT) != 0 && (c->offered & VGPIO_F_INDIRECT) == 0) {
        return "indirect descriptors are not offered";
    }
    if ((t->flags & CHECK_EVENT_IDX) != 0 && (c->offered & VGPIO_F_EVENT_IDX) == 0) {
        return "the event index is not offered";
    }
    if ((t->flags & CHECK_STIMULUS) != 0 && c->control == NULL && c->loop[0] < 0) {
        return "nothing changes a line from outside (--control, --loop)";
    }
    return NULL;
}

static uint64_t features_for(const struct check *c, const struct check_test *t)
{
    return VGPIO_F_VERSION_1 | (c->packed ? VGPIO_F_PACKED : 0) |
           ((t->flags & CHECK_NO_IRQ) == 0 ? c->offered & VGPIO_F_IRQ : 0) |
           ((t->flags & CHECK_INDIRECT) != 0 ? VGPIO_F_INDIRECT : 0) |
           ((t->flags & CHECK_EVENT_IDX) != 0 ? VGPIO_F_EVENT_IDX : 0);
}

static enum report_verdict judge(struct check_run *r, const struct check_test *t, bool ok)
{
    char saw[sizeof r->c.saw];
    bool alive;

    if (ok && (t->flags & CHECK_HOSTILE) == 0) {
        return REPORT_PASS;
    }
    memcpy(saw, r->c.saw, sizeof saw);
    r->c.saw[0] = '\0';
    alive = check_alive(&r->c);
    if (alive || saw[0] != '\0') {
        memcpy(r->c.saw, saw, sizeof saw);
    }
    if (alive) {
        return ok ? REPORT_REJECT : REPORT_FAIL;
    }
    return has_died(r) || r->c.gone ? REPORT_CRASHED : REPORT_WEDGED;
}

static enum report_verdict run_test(struct check_run *r, const struct check_test *t)
{
    struct check *c = &r->c;
    const char *why;
    bool ok;

    c->saw[0] = '\0';
    ok = check_connect(c);
    why = ok ? reason_to_skip(c, t) : NULL;
    if (why != NULL) {
        check_close(c);
        (void)check_saw(c, "%s", why);
        return REPORT_SKIP;
    }
    ok = ok && check_begin(c, features_for(c, t)) && t->run(c);
    check_close(c);
    return judge(r, t, ok);
}

/* ---- report ---- */

static void report(struct check_run *r, const char *id, const struct check_test *t,
                   enum report_verdict v)
{
    struct report_row row = {id, t->rule, t->did, t->expected, r->c.saw, v};

    report_row(&r->report, &row);
}

/* ---- all of them ---- */

static void one(struct check_run *r, const struct check_test *t, bool packed)
{
    enum report_verdict v;
    char id[48];

    snprintf(id, sizeof id, "%s%s", t->id, packed ? "@packed" : "");
    if (!report_wanted(r->only, id, t->rule)) {
        return;
    }
    if (r->spawn != NULL && r->pid == 0 && !start_device(r)) {
        r->c.saw[0] = '\0';
        (void)check_saw(&r->c, "the device cannot be started again");
        report(r, id, t, REPORT_CRASHED);
        return;
    }
    r->c.packed = packed;
    v = run_test(r, t);
    report(r, id, t, v);
    if (v == REPORT_WEDGED || v == REPORT_CRASHED) {
        end_device(r);
    }
}

int check_all(struct check_run *r)
{
    const struct check_test *t;
    unsigned i;

    if (begin(r)) {
        for (i = 0; i < 2; i++) {
            for (t = tables[i]; t->id != NULL; t++) {
                one(r, t, false);
                if ((t->flags & CHECK_BOTH) != 0) {
                    one(r, t, true);
                }
            }
        }
        if (r->report.n > 0) {
            report_end(&r->report);
        } else {
            cli_error("no test is called '%s'", r->only);
        }
    }
    finish(r);
    if (fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        return CLI_FAILED;
    }
    return report_good(&r->report) ? CLI_OK : CLI_FAILED;
}

void check_list(const char *only)
{
    const struct check_test *t;
    unsigned i;

    for (i = 0; i < 2; i++) {
        for (t = tables[i]; t->id != NULL; t++) {
            if (report_wanted(only, t->id, t->rule)) {
                printf("%-20s %-13s %s\n", t->id, t->rule, t->did);
            }
        }
    }
}
