/* SPDX-License-Identifier: BSD-3-Clause */
#include "server.h"

#include "cli.h"
#include "guests.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <virtiogpio/draft.h>
#include <virtiogpio/wire.h>

#define MESSAGES_A_TURN 16
#define COMPLAINTS_MAX 16u
#define LOG_BURST 64u
#define LOG_EVERY_US 500000u
#define HALF_MESSAGE_US 1000000u /* a front end sends a message in one piece */

static void front_close(struct server *s, const char *why);

/* One line on stderr, which tells the guests apart. */
static void say(struct server *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Whatever a peer can cause without end; who asked for every event gets every event. */
static void say(struct server *s, const char *fmt, ...)
{
    const char *name = s->name != NULL ? s->name : "";
    const char *colon = s->name != NULL ? ": " : "";
    uint64_t before = 0;
    char text[512];
    va_list ap;

    if (s->verbose < 2 && !ratelimit_take(&s->log, evloop_now(), &before)) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (before > 0) {
        cli_error("%s%s%" PRIu64 " messages suppressed", name, colon, before);
    }
    cli_error("%s%s%s", name, colon, text);
}

/* --- what the engine asks of the system --- */

/* A kick that is worked off at once, and that nobody else waits for, needs no settling:
 * only the guest hears of it. */
static void on_kick(struct server *s, unsigned q)
{
    if (q == VGPIO_EVENTQ) {
        bank_before_events(s->bank);
    }
    if (vgpio_vu_kick(&s->vu, q) == 1) {
        s->kicked |= 1u << q;
    }
    if (s->kicked != 0 || s->have_in || s->have_out || s->bank->run != NULL ||
        s->bank->dialect != BANK_STANDARD || s->control.nclients > 0) {
        guests_touch(s);
    } else {
        vgpio_vu_flush(&s->vu);
    }
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
    struct server *s = ctx;

    ev_remove(s->loop, &s->kick_source[q]);
    if (!on) {
        s->kicked &= ~(1u << q);
        return;
    }
    /* Edge-triggered and never read: it is the front end's descriptor, so a read of it
     * could block, and each write to an eventfd is an edge. */
    if (ev_add(s->loop, &s->kick_source[q], fd, EPOLLIN | EPOLLET, ready[q], s) < 0) {
        say(s, "queue %u: its kick descriptor cannot be watched: %s", q, strerror(errno));
    }
}

/* A buffer to be filled where requests belong: old drivers post one, and nothing before.
 * No driver that keeps the standard ever does, whatever its framing; one that breaks it
 * may, by mistake or malice, so this stays a guess. Old ones know no interrupts, and
 * take a device only if its first byte is the draft's version, in ours the number of
 * lines. */
static bool of_other_dialect(const struct server *s)
{
    return s->bank->dialect != BANK_STANDARD ||
           ((s->bank->nlines & 0xffu) == VGPIO_DRAFT_VERSION && !s->had_chain &&
            (s->bank->acked & VGPIO_F_IRQ) == 0);
}

static void os_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct server *s = ctx;

    if (s->has_control) {
        ctlserver_traced(&s->control, id, a, b);
    }
    if (s->verbose > 1) {
        say(s, "%s 0x%" PRIx32 " 0x%" PRIx32, vgpio_trace_str(id), a, b);
    }
    if (id == VGPIO_TR_DIALECT && !s->told_dialect && of_other_dialect(s)) {
        s->told_dialect = true;
        say(s, "queue %" PRIu32 ": it looks like a driver of %s; see --dialect", a,
            s->bank->dialect == BANK_STANDARD ? "the draft" : "the standard");
    }
    if (id == VGPIO_TR_REQUEST || id == VGPIO_TR_CHAIN_BAD) {
        s->had_chain = true;
        s->bank->counts.each =
            s->verbose > 1 || (s->has_control && s->control.nclients > 0);
    }
    if (id != VGPIO_TR_VU_REFUSED) {
        return;
    }
    s->refused++;
    if (s->complaints < COMPLAINTS_MAX || s->verbose > 0) {
        say(s, "message %" PRIu32 " refused: %s%s", a, vgpio_vu_reason(&s->vu),
            ++s->complaints == COMPLAINTS_MAX && s->verbose == 0
                ? " (no more of this front end's are told)"
                : "");
    }
}

/* A write to an eventfd that does not block needs no look before; to anything else of the
 * front end's it could block, or raise a signal. */
static bool never_blocks(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat st;

    return flags >= 0 && (flags & O_NONBLOCK) != 0 && fstat(fd, &st) == 0 &&
           (st.st_mode & S_IFMT) == 0; /* no file, pipe or socket */
}

/* Which of the two descriptors last written to; one that is new comes in place of the
 * other. */
static unsigned call_of(struct server *s, int fd)
{
    unsigned i;

    if (fd == s->call[0].fd) {
        return 0;
    }
    if (fd == s->call[1].fd) {
        return 1;
    }
    i = s->call[0].fd >= 0;
    s->call[i].fd = fd;
    s->call[i].quick = never_blocks(fd);
    return i;
}

static void signal_call(struct server *s, unsigned i)
{
    static const uint64_t one = 1;

    if (write(s->call[i].fd, &one, sizeof one) < 0) {
        s->call[i].fd = -1; /* full: notifications enough; or not what it was */
    }
}

static __attribute__((noinline)) void signal_other(struct server *s, int fd)
{
    unsigned i = call_of(s, fd);

    if (s->call[i].quick) {
        signal_call(s, i);
    } else {
        vgpio_vu_linux_signal(s, fd);
    }
}

static void os_signal(void *ctx, int fd)
{
    struct server *s = ctx;

    if (fd == s->call[0].fd && s->call[0].quick) {
        signal_call(s, 0);
    } else {
        signal_other(s, fd);
    }
}

static void os_close(void *ctx, int fd)
{
    struct server *s = ctx;
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (s->call[i].fd == fd) {
            s->call[i].fd = -1; /* the next one of this number is another */
        }
    }
    vgpio_vu_linux_close(ctx, fd);
}

static const struct vgpio_vu_os vu_os = {
    .ops_size = sizeof vu_os,
    .map = vgpio_vu_linux_map,
    .unmap = vgpio_vu_linux_unmap,
    .close = os_close,
    .signal = os_signal,
    .watch = os_watch,
    .send = vgpio_vu_linux_push,
    .trace = os_trace,
};

/* --- the front end --- */

static void front_want(struct server *s)
{
    /* Nothing is read while something is still to be sent: the next answer would have
     * no place. */
    ev_want(s->loop, &s->front_source,
            s->have_out  ? EPOLLOUT
            : s->have_in ? 0u
                         : EPOLLIN);
}

static void front_send(struct server *s)
{
    int n = vgpio_vu_linux_send(s->front_source.fd, &s->out);

    s->have_out = n == 0;
    if (n < 0) {
        front_close(s, NULL);
    }
}

/* One whole message waits in s->in. */
static void front_message(struct server *s)
{
    int n = vgpio_vu_input(&s->vu, &s->in, &s->out);

    s->spoke = true;
    s->have_in = n == VGPIO_ERR_STATE;
    if (n > 0) {
        front_send(s);
    } else if (n < 0 && n != VGPIO_ERR_STATE) {
        front_close(s, vgpio_vu_reason(&s->vu));
    }
}

static void front_read(struct server *s)
{
    int turns = MESSAGES_A_TURN;
    int n = 1;

    while (turns-- > 0 && s->front_source.fd >= 0 && !s->have_in && !s->have_out) {
        n = vgpio_vu_linux_recv(s->front_source.fd, &s->in);
        if (n <= 0) {
            break;
        }
        s->half_due_us = CTL_NEVER;
        front_message(s);
    }
    if (n < 0) {
        front_close(s, NULL);
    } else if (n == 0 && s->in.done > 0 && s->half_due_us == CTL_NEVER) {
        s->half_due_us = evloop_now() + HALF_MESSAGE_US;
    }
}

static void front_ready(void *ctx, uint32_t events)
{
    struct server *s = ctx;

    guests_touch(s);
    if (s->have_out) {
        front_send(s);
    } else if ((events & (EPOLLHUP | EPOLLERR)) != 0 && s->have_in) {
        front_close(s, NULL); /* its message waits for an answer nobody wants */
    } else {
        front_read(s);
    }
    front_want(s);
}

static int front_open(struct server *s, int fd)
{
    if (ev_add(s->loop, &s->front_source, fd, EPOLLIN, front_ready, s) < 0) {
        return -1;
    }
    ev_want(s->loop, &s->listen_source, 0);
    memset(&s->in, 0, sizeof s->in);
    memset(&s->out, 0, sizeof s->out);
    s->have_in = s->have_out = s->spoke = false;
    s->half_due_us = CTL_NEVER;
    s->connects++;
    s->complaints = 0;
    s->told_dialect = s->had_chain = false;
    s->bank->counts.each = 1; /* until its first request */
    if (s->verbose > 0) {
        say(s, "front end connected");
    }
    return 0;
}

static void front_close(struct server *s, const char *why)
{
    int fd = s->front_source.fd;

    if (fd < 0) {
        return;
    }
    if (why != NULL) {
        say(s, "hung up on the front end: %s", why);
    } else if (s->verbose > 0) {
        say(s, "front end gone");
    }
    ev_remove(s->loop, &s->front_source);
    vgpio_vu_close(&s->vu);
    vgpio_vu_linux_drop(&s->in);
    close(fd);
    s->kicked = 0;
    s->half_due_us = CTL_NEVER;
    if (s->listener->fd < 0 || (s->once && s->spoke)) {
        s->done = true;
    }
    /* Only now: everything of the old one is gone. */
    ev_want(s->loop, &s->listen_source, s->done ? 0u : EPOLLIN);
}

static void front_accept(void *ctx, uint32_t events)
{
    struct server *s = ctx;
    int fd;

    (void)events;
    guests_touch(s);
    if (s->front_source.fd >= 0 || s->done) {
        return;
    }
    fd = sock_accept(s->listener);
    if (fd >= 0 && front_open(s, fd) < 0) {
        say(s, "cannot serve a front end: %s", strerror(errno));
        close(fd);
    }
}

/* After anything may have happened: interrupts owed, an answer that came late. */
static void front_settle(struct server *s)
{
    vgpio_vu_flush(&s->vu);
    if (s->front_source.fd < 0) {
        return;
    }
    if (!s->have_out && vgpio_vu_output(&s->vu, &s->out) > 0) {
        front_send(s);
    }
    if (s->have_in && !s->have_out && s->front_source.fd >= 0) {
        front_message(s);
    }
    front_want(s);
}

/* --- what the control socket acts on --- */

static int op_line_of(void *ctx, const char *name)
{
    return bank_line_of(((struct server *)ctx)->bank, name);
}

static int op_value(void *ctx, uint16_t line)
{
    return bank_value(((struct server *)ctx)->bank, line);
}

static int op_direction(void *ctx, uint16_t line)
{
    return bank_direction(((struct server *)ctx)->bank, line);
}

static int op_pulled(void *ctx, uint16_t line)
{
    return ((struct server *)ctx)->bank->pulls[line];
}

static int op_pull(void *ctx, uint16_t line, unsigned level)
{
    return bank_pull(((struct server *)ctx)->bank, line, level);
}

static int op_pulse(void *ctx, uint16_t line)
{
    return bank_pulse(((struct server *)ctx)->bank, line);
}

static void op_barrier(void *ctx)
{
    /* The device settles a change inside the call that reports it; what is left is the
     * interrupt that tells the guest. */
    vgpio_vu_flush(&((struct server *)ctx)->vu);
}

static size_t op_info(void *ctx, char *out, size_t size)
{
    struct server *s = ctx;
    int n = snprintf(
        out, size,
        "lines=%u connected=%d features=0x%" PRIx64 " acked=0x%" PRIx64 " names=",
        s->bank->nlines, s->front_source.fd >= 0, bank_offered(s->bank), s->bank->acked);

    return (size_t)n + bank_names(s->bank, out + n, size - (size_t)n);
}

static size_t op_stats(void *ctx, char *out, size_t size)
{
    struct server *s = ctx;
    const struct vgpio_dev_counts *c = &s->bank->counts;
    const struct bank_stats *b = &s->bank->stats;
    uint64_t errors =
        c->errors + b->bad_chains + b->broken_queues + s->refused + s->stalled;
    int n = snprintf(out, size,
                     "requests=%" PRIu64 " answers=%" PRIu64 " interrupts=%" PRIu64
                     " latched=%" PRIu64 " merged=%" PRIu64 " dropped=%" PRIu64
                     " errors=%" PRIu64 " error_answers=%" PRIu64 " bad_chains=%" PRIu64
                     " broken_queues=%" PRIu64 " refused=%" PRIu64 " stalled=%" PRIu64
                     " returned=%" PRIu64 " connects=%" PRIu64 " suppressed=%" PRIu64,
                     c->requests, c->answers, b->irqs, b->latched, b->merged, b->dropped,
                     errors, c->errors, b->bad_chains, b->broken_queues, s->refused,
                     s->stalled, b->invalid, s->connects, s->log.total);

    return (size_t)n + bank_more_stats(s->bank, out + n, size - (size_t)n);
}

static int op_advance(void *ctx, uint64_t us, uint64_t *until)
{
    struct guests *g = ((struct server *)ctx)->guests;

    if (!g->clock->is_virtual) {
        return VGPIO_ERR_NOTSUP;
    }
    if (g->clock_taken != NULL && *g->clock_taken) {
        return VGPIO_ERR_STATE;
    }
    *until = vclock_now(g->clock) + us;
    vclock_allow(g->clock, *until);
    return 0;
}

static int op_fault(void *ctx, uint16_t line, const struct fault_rule *rule)
{
    const struct bank *b = ((struct server *)ctx)->bank;

    return b->fault_line != NULL ? b->fault_line(b->line_ctx, line, rule)
                                 : VGPIO_ERR_NOTSUP;
}

static const struct ctl_ops control_ops = {
    .line_of = op_line_of,
    .value = op_value,
    .direction = op_direction,
    .pulled = op_pulled,
    .pull = op_pull,
    .pulse = op_pulse,
    .barrier = op_barrier,
    .advance = op_advance,
    .fault = op_fault,
    .info = op_info,
    .stats = op_stats,
};

/* --- the whole --- */

static void on_line_change(void *ctx, uint16_t line, unsigned level)
{
    struct server *s = ctx;

    if (s->control.nclients > 0) {
        ctlserver_changed(&s->control, line, level, vclock_now_ns(s->guests->clock));
    }
}

static void on_control(void *ctx)
{
    struct server *s = ctx;

    s->bank->counts.each = 1; /* it may watch messages */
    guests_touch(s);
}

static int start(struct server *s, struct sock_listener *control)
{
    if (s->listener->fd >= 0 && ev_add(s->loop, &s->listen_source, s->listener->fd,
                                       EPOLLIN, front_accept, s) < 0) {
        return -1;
    }
    s->ctl.ops = &control_ops;
    s->ctl.ctx = s;
    s->ctl.nlines = s->bank->nlines;
    s->ctl.reply_max = CTL_REPLY_MAX + bank_names_size(s->bank) + s->bank->nlines;
    if (control->fd >= 0) {
        if (ctlserver_start(&s->control, s->loop, &s->ctl, control) < 0) {
            return -1;
        }
        s->has_control = true;
        s->bank->on_change = on_line_change;
        s->control.on_activity = on_control;
        s->control.clock = s->guests->clock;
        s->control.activity_ctx = s;
    }
    return 0;
}

int server_init(struct server *s, struct guests *guests, struct bank *bank,
                struct sock_listener *front, struct sock_listener *control)
{
    int err;

    memset(s, 0, sizeof *s);
    s->log.burst = LOG_BURST;
    s->log.every_us = LOG_EVERY_US;
    s->guests = guests;
    s->loop = &guests->loop;
    s->bank = bank;
    s->listener = front;
    s->half_due_us = s->due_us = s->virtual_due_us = CTL_NEVER;
    s->listen_source.fd = s->front_source.fd = -1;
    s->kick_source[0].fd = s->kick_source[1].fd = -1;
    s->call[0].fd = s->call[1].fd = -1;
    s->half_due_us = CTL_NEVER;
    bank->on_trace = os_trace;
    bank->watch_ctx = s;
    bank->counts.each = 1;
    err = vgpio_vu_init(&s->vu, bank->vdev, &vu_os, s);
    if (err < 0) {
        say(s, "vhost-user: %s", vgpio_strerror(err));
        return -1;
    }
    if (start(s, control) < 0) {
        say(s, "%s", strerror(errno));
        return -1;
    }
    return 0;
}

int server_attach(struct server *s, int fd)
{
    if (sock_nonblocking(fd) < 0 || front_open(s, fd) < 0) {
        say(s, "descriptor %d: %s", fd, strerror(errno));
        return -1;
    }
    return 0;
}

static uint64_t next_due(struct server *s, uint64_t device_due)
{
    uint64_t due = s->has_control ? ctlserver_due(&s->control) : CTL_NEVER;

    if (s->guests->clock->is_virtual) {
        /* What is due by that clock is no time of the machine's, unless it is now. */
        s->virtual_due_us = due;
        due = due <= vclock_now(s->guests->clock) ? 0 : CTL_NEVER;
    }
    if (device_due < due) {
        due = device_due;
    }

    if (s->kicked != 0) {
        return 0;
    }
    return s->half_due_us < due ? s->half_due_us : due;
}

static void kick_again(struct server *s)
{
    unsigned kicked = s->kicked;
    unsigned q;

    s->kicked = 0;
    for (q = 0; q < 2; q++) {
        if ((kicked >> q & 1u) != 0) {
            on_kick(s, q);
        }
    }
}

uint64_t server_settle(struct server *s, uint64_t now_us)
{
    uint64_t due;

    if (now_us >= s->half_due_us) {
        s->stalled++;
        front_close(s, "half a message, and nothing more");
    }
    kick_again(s);
    if (s->has_control) {
        ctlserver_tick(&s->control, vclock_now(s->guests->clock));
    }
    due = bank_tick(s->bank, now_us);
    front_settle(s);
    if (s->bank->run != NULL) { /* what the front end's messages led to */
        due = bank_tick(s->bank, now_us);
        vgpio_vu_flush(&s->vu);
    }
    return next_due(s, due);
}

void server_free(struct server *s)
{
    if (s->guests == NULL) {
        return;
    }
    front_close(s, NULL);
    if (s->has_control) {
        ctlserver_stop(&s->control);
    }
    ev_remove(s->loop, &s->listen_source);
}
