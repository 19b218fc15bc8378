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

static const struct check_test *const tables[] = {
    check_gpio_tests,  check_irq_tests,     check_ring_tests,   check_notify_tests,
    check_state_tests, check_hostile_tests, check_misuse_tests, check_vu_tests};
#define TABLES (sizeof tables / sizeof tables[0])

/* The whole list, see docs/check.md. */
static const char *const skips[CHECK_SKIPS] = {
    [CHECK_SKIP_PACKED] = "packed rings are not offered",
    [CHECK_SKIP_IRQ] = "F_IRQ is not offered",
    [CHECK_SKIP_INDIRECT] = "indirect descriptors are not offered",
    [CHECK_SKIP_EVENT_IDX] = "the event index is not offered",
    [CHECK_SKIP_STIMULUS] = "nothing changes a line from outside (--control, --loop)",
    [CHECK_SKIP_ACK] = "without REPLY_ACK nobody learns what the device refuses",
    [CHECK_SKIP_NAMES] = "the lines have no names",
    [CHECK_SKIP_NAMELESS] = "the lines have names",
    [CHECK_SKIP_ONE_LINE] = "there is one line only",
    [CHECK_SKIP_LEVEL] = "the device refuses interrupts by level, as it may",
    [CHECK_SKIP_HIGH] = "line 0 is high by itself, and that may be what is driven",
    [CHECK_SKIP_UNKNOWN] = "the device does not know the level of an input",
    [CHECK_SKIP_PROC] = "nobody may look into the device's process",
};

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

/* Its end by itself, within a second where nobody listens any more: a process that
 * crashed needs some time to go. */
static bool has_died(struct check_run *r)
{
    uint64_t due = evloop_now() + (r->c.gone ? 1000000 : 0);
    pid_t got = 0;

    while (r->pid > 0 && (got = waitpid(r->pid, NULL, WNOHANG)) == 0 &&
           evloop_now() < due) {
        (void)poll(NULL, 0, 1);
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

/* The draft has its version where the standard has the number of lines, and that number
 * where padding is; and it has no features of GPIO. */
static bool is_standard(struct check *c)
{
    const uint8_t *b = c->config_bytes;

    return b[0] != 1 || b[1] != 0 || (b[2] | b[3]) == 0 ||
           (c->offered & VGPIO_F_IRQ) != 0 ||
           check_saw(c, "speaks the draft that was before the standard, "
                        "and check tries the rules of the standard");
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
    reached = check_connect(&r->c) && is_standard(&r->c);
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

static const struct {
    unsigned flag;
    uint64_t feature;
    enum check_skip why;
} needs[] = {{CHECK_IRQ, VGPIO_F_IRQ, CHECK_SKIP_IRQ},
             {CHECK_INDIRECT, VGPIO_F_INDIRECT, CHECK_SKIP_INDIRECT},
             {CHECK_EVENT_IDX, VGPIO_F_EVENT_IDX, CHECK_SKIP_EVENT_IDX}};

static enum check_skip reason_to_skip(const struct check *c, const struct check_test *t)
{
    struct vgpio_vuf_facts facts;
    size_t i;

    if (c->packed && (c->offered & VGPIO_F_PACKED) == 0) {
        return CHECK_SKIP_PACKED;
    }
    for (i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if ((t->flags & needs[i].flag) != 0 && (c->offered & needs[i].feature) == 0) {
            return needs[i].why;
        }
    }
    if ((t->flags & CHECK_STIMULUS) != 0 && c->control == NULL && c->loop[0] < 0) {
        return CHECK_SKIP_STIMULUS;
    }
    vgpio_vuf_get_facts(&c->front.vuf, &facts);
    if ((t->flags & CHECK_ACK) != 0 && (facts.protocol & VGPIO_VU_P_REPLY_ACK) == 0) {
        return CHECK_SKIP_ACK;
    }
    if ((t->flags & CHECK_PAIR) != 0 && c->config.ngpio < 2) {
        return CHECK_SKIP_ONE_LINE;
    }
    if ((t->flags & CHECK_NAMED) != 0 && c->config.names_size == 0) {
        return CHECK_SKIP_NAMES;
    }
    return (t->flags & CHECK_NAMELESS) != 0 && c->config.names_size != 0
               ? CHECK_SKIP_NAMELESS
               : CHECK_SKIP_NOT;
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
    bool ok;

    c->saw[0] = '\0';
    c->skip = CHECK_SKIP_NOT;
    ok = check_connect(c);
    if (ok) {
        c->skip = reason_to_skip(c, t);
    }
    if (ok && c->skip == CHECK_SKIP_NOT) {
        c->features = features_for(c, t);
        ok = ((t->flags & CHECK_RAW) != 0 || check_begin(c, c->features)) && t->run(c);
    }
    check_close(c);
    if (c->skip != CHECK_SKIP_NOT) {
        c->saw[0] = '\0';
        (void)check_saw(c, "%s", skips[c->skip]);
        r->skipped[c->skip]++;
        return REPORT_SKIP;
    }
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

static void all(struct check_run *r)
{
    const struct check_test *t;
    size_t i;

    for (i = 0; i < TABLES; i++) {
        for (t = tables[i]; t->id != NULL; t++) {
            if ((t->flags & CHECK_PACKED) == 0) {
                one(r, t, false);
            }
            if ((t->flags & (CHECK_BOTH | CHECK_PACKED)) != 0) {
                one(r, t, true);
            }
        }
    }
}

static void report_skips(const struct check_run *r)
{
    unsigned i;

    if (r->report.format != REPORT_TEXT || r->report.count[REPORT_SKIP] == 0) {
        return;
    }
    printf("Not tried:\n");
    for (i = CHECK_SKIP_NOT + 1; i < CHECK_SKIPS; i++) {
        if (r->skipped[i] != 0) {
            printf("%8u %s\n", r->skipped[i], skips[i]);
        }
    }
}

int check_all(struct check_run *r)
{
    if (begin(r)) {
        all(r);
        if (r->report.n > 0) {
            report_skips(r);
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
    size_t i;

    for (i = 0; i < TABLES; i++) {
        for (t = tables[i]; t->id != NULL; t++) {
            if (report_wanted(only, t->id, t->rule)) {
                printf("%-20s %-13s %s\n", t->id, t->rule, t->did);
            }
        }
    }
}
