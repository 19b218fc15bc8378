/* SPDX-License-Identifier: BSD-3-Clause */
/* Serves the trap to one driver after the other, judges, reports. */
#include "trap.h"

#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define HONEST (&trap_lies[0])

static void front_close(struct trap_run *r);

/* ---- verdicts ---- */

static void report(struct trap_run *r, const struct trap_lie *l, enum report_verdict v,
                   const char *saw)
{
    struct report_row row = {l->id, l->rule, l->did, l->expected, saw, v};

    report_row(&r->report, &row);
}

static const char *exit_text(const struct trap_run *r, char *text, size_t size)
{
    if (r->spawn == NULL) {
        return "";
    }
    if (WIFSIGNALED(r->status)) {
        snprintf(text, size, "; the command ended by signal %d", WTERMSIG(r->status));
    } else {
        snprintf(text, size, "; exit status %d", WEXITSTATUS(r->status));
    }
    return text;
}

static bool crashed(const struct trap_run *r)
{
    return r->spawn != NULL &&
           (WIFSIGNALED(r->status) ||
            (WIFEXITED(r->status) && WEXITSTATUS(r->status) > 128)); /* as a shell says */
}

static void judge(struct trap_run *r, bool hung)
{
    struct trap *t = &r->t;
    const struct trap_lie *l = t->lie;
    bool good = r->spawn == NULL || r->status == 0;
    enum report_verdict v;
    char saw[160], how[64];

    snprintf(saw, sizeof saw, "%u messages and pairs%s", t->requests,
             exit_text(r, how, sizeof how));
    if (hung) {
        v = REPORT_WEDGED;
        snprintf(saw, sizeof saw, "no end within %u ms; %u messages and pairs",
                 r->timeout_ms, t->requests);
    } else if (crashed(r)) {
        v = REPORT_CRASHED;
    } else if (l == HONEST) {
        v = t->requests > 0 && good ? REPORT_PASS : REPORT_FAIL;
    } else if (t->told == 0) {
        v = REPORT_SKIP;
        snprintf(saw, sizeof saw, "no occasion in %u messages and pairs%s", t->requests,
                 exit_text(r, how, sizeof how));
    } else {
        v = t->after > 0 ? REPORT_PASS : REPORT_REJECT;
        snprintf(saw, sizeof saw, "told %u times, then %u messages and pairs%s", t->told,
                 t->after, exit_text(r, how, sizeof how));
    }
    report(r, l, v, saw);
}

static void report_rules(struct trap_run *r)
{
    unsigned i;

    for (i = 0; i < TRAP_RULES; i++) {
        const struct trap_rule *rule = &trap_rules[i];
        const struct trap_seen *s = &r->t.seen[i];
        char saw[256];
        struct report_row row = {
            rule->id,
            rule->rule,
            rule->did,
            rule->did,
            saw,
            s->broken > 0 ? REPORT_FAIL : s->kept > 0 ? REPORT_PASS : REPORT_SKIP};

        if (!report_wanted(r->only, rule->id, rule->rule)) {
            continue;
        }
        if (s->broken > 0) {
            snprintf(saw, sizeof saw, "%s; %u of %u times", s->where, s->broken,
                     s->broken + s->kept);
        } else if (s->kept > 0) {
            snprintf(saw, sizeof saw, "%u times", s->kept);
        } else {
            snprintf(saw, sizeof saw, "%s", rule->unseen);
        }
        report_row(&r->report, &row);
    }
}

/* ---- what is next ---- */

static void take_lie(struct trap_run *r, const struct trap_lie *l)
{
    r->t.lie = l;
    r->t.told = r->t.after = r->t.requests = 0;
    r->t.lied = r->t.mute = r->t.bye = false;
    r->t.calls[0] = r->t.calls[1] = 0;
}

/* Without --spawn each session of a driver is a run. A watch goes on until the front end
 * leaves. */
static void on_end(void *ctx)
{
    struct trap_run *r = ctx;

    if (r->t.lie == HONEST && r->ntodo == 1) {
        return;
    }
    if (r->at < r->ntodo) {
        judge(r, false);
        r->at++;
        take_lie(r, r->at < r->ntodo ? r->todo[r->at] : HONEST);
    }
}

/* ---- the front end ---- */

static void on_kick(struct trap_run *r, unsigned q)
{
    bool before = r->t.ring[q].ever;

    r->t.ring[q].rung = true;
    (void)vgpio_vu_kick(&r->vu, q);
    (void)trap_rule(&r->t, RULE_EARLY_KICK, before || r->t.ring[q].ever,
                    "queue %u: a kick before it was set up", q);
}

static void on_kick0(void *ctx, uint32_t events)
{
    (void)events;
    on_kick(ctx, 0);
}

static void on_kick1(void *ctx, uint32_t events)
{
    (void)events;
    on_kick(ctx, 1);
}

static void os_watch(void *ctx, int fd, unsigned q, int on)
{
    static void (*const ready[2])(void *, uint32_t) = {on_kick0, on_kick1};
    struct trap_run *r = ctx;
    struct pollfd p = {.fd = fd, .events = POLLIN};

    ev_remove(&r->loop, &r->kick_source[q]);
    if (!on || fd < 0) {
        return; /* without a descriptor the clock has to do */
    }
    if (!r->t.ring[q].ever && poll(&p, 1, 0) == 1) {
        trap_broken(&r->t, RULE_EARLY_KICK, "queue %u: a kick before it was set up", q);
    }
    if (ev_add(&r->loop, &r->kick_source[q], fd, EPOLLIN | EPOLLET, ready[q], r) < 0) {
        cli_error("queue %u: its kick descriptor cannot be watched: %s", q,
                  strerror(errno));
    }
}

static const struct vgpio_vu_os vu_os = {
    .ops_size = sizeof vu_os,
    .map = vgpio_vu_linux_map,
    .unmap = vgpio_vu_linux_unmap,
    .close = vgpio_vu_linux_close,
    .signal = vgpio_vu_linux_signal,
    .watch = os_watch,
    .send = vgpio_vu_linux_push,
};

static void front_send(struct trap_run *r)
{
    int n = vgpio_vu_linux_send(r->front_source.fd, &r->out);

    r->have_out = n == 0;
    if (n < 0) {
        front_close(r);
    }
}

static void front_message(struct trap_run *r)
{
    int n;

    trap_message(&r->t, &r->in);
    n = vgpio_vu_input(&r->vu, &r->in, &r->out);
    r->have_in = n == VGPIO_ERR_STATE;
    if (n > 0) {
        front_send(r);
    } else if (n < 0 && n != VGPIO_ERR_STATE) {
        cli_error("hung up on the front end: %s", vgpio_vu_reason(&r->vu));
        front_close(r);
    }
}

static void front_ready(void *ctx, uint32_t events)
{
    struct trap_run *r = ctx;
    int n = 1;

    (void)events;
    if (r->have_out) {
        front_send(r);
    }
    /* One at a time: a kick that came before the next one is to be seen before it. */
    if (r->front_source.fd >= 0 && !r->have_in && !r->have_out) {
        n = vgpio_vu_linux_recv(r->front_source.fd, &r->in);
        if (n > 0) {
            front_message(r);
        }
    }
    if (n < 0) {
        front_close(r);
    }
}

static void settle(struct trap_run *r)
{
    do {
        vgpio_vu_flush(&r->vu);
    } while ((r->t.calls[0] | r->t.calls[1]) > 0);
    if (r->front_source.fd < 0) {
        return;
    }
    if (!r->have_out && vgpio_vu_output(&r->vu, &r->out) > 0) {
        front_send(r);
    }
    if (r->have_in && !r->have_out && r->front_source.fd >= 0) {
        front_message(r);
    }
    if (r->t.bye) {
        front_close(r);
    }
    ev_want(&r->loop, &r->front_source,
            r->have_out  ? EPOLLOUT
            : r->have_in ? 0u
                         : EPOLLIN);
}

static void front_close(struct trap_run *r)
{
    int fd = r->front_source.fd;

    if (fd < 0) {
        return;
    }
    ev_remove(&r->loop, &r->front_source);
    vgpio_vu_close(&r->vu);
    vgpio_vu_linux_drop(&r->in);
    close(fd);
    r->t.bye = false;
    r->t.ring[0].ever = r->t.ring[1].ever = false;
    trap_session_ends(&r->t, true);
    ev_want(&r->loop, &r->listen_source, EPOLLIN);
    if (r->spawn == NULL && (r->at == r->ntodo || r->ntodo == 1)) {
        r->over = true;
    }
}

static void front_accept(void *ctx, uint32_t events)
{
    struct trap_run *r = ctx;
    int fd = sock_accept(&r->listener);

    (void)events;
    if (fd < 0) {
        return;
    }
    if (vgpio_vu_init(&r->vu, trap_vdev(&r->t), &vu_os, r) < 0 ||
        ev_add(&r->loop, &r->front_source, fd, EPOLLIN, front_ready, r) < 0) {
        close(fd);
        return;
    }
    ev_want(&r->loop, &r->listen_source, 0);
    memset(&r->in, 0, sizeof r->in);
    memset(&r->out, 0, sizeof r->out);
    r->have_in = r->have_out = false;
}

/* ---- a driver of our own ---- */

static void start_driver(struct trap_run *r)
{
    sigset_t none;

    r->status = 0;
    (void)fflush(stdout);
    r->pid = fork();
    if (r->pid == 0) {
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)setpgid(0, 0);
        (void)setenv("SOCKET", r->path, 1);
        (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* stdout is the report's */
        execl("/bin/sh", "sh", "-c", r->spawn, (char *)NULL);
        _exit(127);
    }
    if (r->pid > 0) {
        (void)setpgid(r->pid, r->pid);
    }
}

static void end_driver(struct trap_run *r)
{
    if (r->pid > 0) {
        (void)kill(-r->pid, SIGKILL);
        while (waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR) {
        }
        r->pid = 0;
    }
}

static bool driver_ended(struct trap_run *r)
{
    if (r->pid > 0 && waitpid(r->pid, &r->status, WNOHANG) == r->pid) {
        (void)kill(-r->pid, SIGKILL); /* what it left behind */
        r->pid = 0;
    }
    return r->pid <= 0;
}

/* ---- the loop ---- */

static void step(struct trap_run *r)
{
    uint64_t now = evloop_now();

    if (evloop_step(&r->loop, now - now % TRAP_TICK_US + TRAP_TICK_US) < 0) {
        cli_error("%s", strerror(errno));
        r->over = true;
    }
    (void)trap_tick(&r->t, evloop_now());
    settle(r);
}

static void run_spawned(struct trap_run *r, const struct trap_lie *l)
{
    uint64_t due = evloop_now() + (uint64_t)r->timeout_ms * 1000u;
    bool hung = false;

    take_lie(r, l);
    start_driver(r);
    if (r->pid < 0) {
        cli_error("--spawn: %s", strerror(errno));
        r->over = true;
        return;
    }
    while (!r->over && !hung && !(driver_ended(r) && r->front_source.fd < 0)) {
        step(r);
        hung = evloop_now() > due;
    }
    if (hung) {
        r->t.session = 0; /* it had no time to end well */
    }
    end_driver(r);
    front_close(r);
    if (!r->over) {
        judge(r, hung);
    }
}

static void serve_sessions(struct trap_run *r)
{
    bool watch = r->ntodo == 1 && r->todo[0] == HONEST;

    r->t.on_end = on_end;
    r->t.end_ctx = r;
    take_lie(r, r->todo[0]);
    while (!r->over) {
        step(r);
    }
    front_close(r);
    if (watch) {
        judge(r, false);
        r->at++;
    }
    while (r->at < r->ntodo) {
        take_lie(r, r->todo[r->at++]);
        judge(r, false); /* no driver came for it */
    }
}

/* ---- the whole ---- */

static void on_signal(void *ctx, uint32_t events)
{
    struct trap_run *r = ctx;

    (void)events;
    r->over = true;
}

static bool begin(struct trap_run *r)
{
    char why[256];
    sigset_t set;

    r->listen_source.fd = r->front_source.fd = r->signal_source.fd = -1;
    r->kick_source[0].fd = r->kick_source[1].fd = -1;
    if (r->spawn != NULL) {
        strcpy(r->dir, "/tmp/vgpio-trap-");
        memset(r->dir + strlen(r->dir), 'X', 6); /* for mkdtemp() to fill in */
        if (mkdtemp(r->dir) == NULL) {
            cli_error("%s: %s", r->dir, strerror(errno));
            r->dir[0] = '\0';
            return false;
        }
        snprintf(r->socket, sizeof r->socket, "%s/gpio", r->dir);
        r->path = r->socket;
    }
    sock_block_signals();
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (!cli_hangup_ignored()) {
        sigaddset(&set, SIGHUP);
    }
    if (evloop_init(&r->loop) < 0 ||
        vgpio_vu_init(&r->vu, trap_vdev(&r->t), &vu_os, r) < 0 ||
        ev_add(&r->loop, &r->signal_source, signalfd(-1, &set, SFD_CLOEXEC), EPOLLIN,
               on_signal, r) < 0) {
        cli_error("%s", strerror(errno));
        return false;
    }
    if (sock_listen(&r->listener, r->path, why, sizeof why) < 0 ||
        ev_add(&r->loop, &r->listen_source, r->listener.fd, EPOLLIN, front_accept, r) <
            0) {
        cli_error("%s", why);
        return false;
    }
    return true;
}

static void finish(struct trap_run *r)
{
    if (r->signal_source.fd >= 0) {
        close(r->signal_source.fd);
    }
    sock_unlisten(&r->listener);
    evloop_close(&r->loop);
    if (r->dir[0] != '\0') {
        (void)rmdir(r->dir);
    }
}

int trap_all(struct trap_run *r)
{
    unsigned i;

    r->listener.fd = -1;
    if (begin(r)) {
        if (r->spawn == NULL) {
            serve_sessions(r);
        }
        for (i = 0; r->spawn != NULL && i < r->ntodo && !r->over; i++) {
            run_spawned(r, r->todo[i]);
        }
        report_rules(r);
        report_end(&r->report);
    }
    finish(r);
    if (fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        return CLI_FAILED;
    }
    return report_good(&r->report) ? CLI_OK : CLI_FAILED;
}

bool trap_choose(struct trap_run *r, const char *pattern)
{
    const struct trap_lie *l;
    unsigned before = r->ntodo;

    for (l = trap_lies; l->id != NULL && r->ntodo < TRAP_LIES; l++) {
        if (report_wanted(pattern, l->id, l->rule)) {
            r->todo[r->ntodo++] = l;
        }
    }
    return r->ntodo > before;
}

void trap_list(const char *only)
{
    const struct trap_lie *l;
    unsigned i;

    for (l = trap_lies; l->id != NULL; l++) {
        if (report_wanted(only, l->id, l->rule)) {
            printf("lie   %-18s %-13s %s\n", l->id, l->rule, l->did);
        }
    }
    for (i = 0; i < TRAP_RULES; i++) {
        if (report_wanted(only, trap_rules[i].id, trap_rules[i].rule)) {
            printf("rule  %-18s %-13s %s\n", trap_rules[i].id, trap_rules[i].rule,
                   trap_rules[i].did);
        }
    }
}
