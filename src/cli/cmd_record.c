/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "evloop.h"
#include "outside.h"
#include "vcd.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ANSWER_MS 30000u
#define DURATION_MAX_MS 86400000000u

static const char help[] =
    "usage: vgpio record [options] SOCKET [LINE]...\n"
    "Records what the lines behind a control socket do, until it is interrupted.\n"
    "\n"
    "      --vcd FILE     as a waveform, for GTKWave, sigrok-cli, PulseView\n"
    "      --log FILE     as text, one event a line; - is stdout, as without --vcd\n"
    "  -m, --messages     also what guest and device say to each other (text only)\n"
    "  -n, --changes N    end after N changes\n"
    "      --duration MS  end after so many milliseconds\n"
    "  -h, --help         print this and exit\n"
    "  -V, --version      print the version and exit\n"
    "\n"
    "With LINEs (numbers or names) only these, 32 at most.\n"
    "\n"
    "Example: vgpio record --vcd press.vcd /tmp/ctl button led\n";

enum {
    OPT_VCD = 256,
    OPT_LOG,
    OPT_DURATION
};

static const struct option longs[] = {
    {"vcd", required_argument, NULL, OPT_VCD},
    {"log", required_argument, NULL, OPT_LOG},
    {"messages", no_argument, NULL, 'm'},
    {"changes", required_argument, NULL, 'n'},
    {"duration", required_argument, NULL, OPT_DURATION},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "record",
    .help = help,
    .longs = longs,
};

struct options {
    const char *vcd, *log;
    bool messages;
    uint64_t changes, duration_ms; /* 0: without end */
    const char *path;
    char **lines;
    int nlines;
};

struct record {
    struct outside out;
    const struct options *o;
    FILE *vcd, *log;
    struct wave wave;
    char *initial; /* a level per line, '0' or '1' */
    char *now;     /* the same as it is in the file; 'x': events were lost */
    uint64_t start_ns, last_ns, vcd_ns;
    uint64_t changes, lost;
    bool gone;   /* the server is */
    bool unsure; /* some of `now` are x, and `values` have not been asked */
};

/* --- the files --- */

static FILE *open_file(const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");

    if (f == NULL) {
        cli_error("%s: %s", path, strerror(errno));
    }
    return f;
}

static int open_files(struct record *r)
{
    if (r->o->vcd != NULL && (r->vcd = open_file(r->o->vcd)) == NULL) {
        return -1;
    }
    if (r->o->log != NULL && (r->log = open_file(r->o->log)) == NULL) {
        return -1;
    }
    return 0;
}

static int flush(FILE *f, const char *path)
{
    if (f != NULL && (fflush(f) != 0 || ferror(f))) {
        cli_error("%s: %s", path, strerror(errno));
        return -1;
    }
    return 0;
}

/* Whatever was told is in the files: who looks at them sees it. */
static int flush_files(struct record *r)
{
    return flush(r->vcd, r->o->vcd) < 0 || flush(r->log, r->o->log) < 0 ? -1 : 0;
}

static void write_heads(struct record *r)
{
    uint16_t i;

    r->wave.names = r->out.names;
    r->wave.initial = r->initial;
    r->wave.nlines = r->out.nlines;
    if (r->vcd != NULL) {
        wave_write_header(&r->wave, r->vcd);
    }
    if (r->log == NULL) {
        return;
    }
    fprintf(r->log, "vgpio-log 1\nstart %" PRIu64 "\n", r->start_ns);
    for (i = 0; i < r->out.nlines; i++) {
        const char *name = r->out.names[i];

        fprintf(r->log, name[0] != '\0' ? "line %u %c \"%s\"\n" : "line %u %c\n", i,
                r->initial[i], name);
    }
}

static void set_level(struct record *r, uint16_t line, char value)
{
    struct wave_change c = {r->last_ns - r->start_ns, line, value};

    r->now[line] = value;
    if (r->vcd != NULL) {
        wave_write_change(r->vcd, &r->vcd_ns, &c);
    }
}

/* --- events --- */

static void write_event(struct record *r, const struct vgpio_ctl_event *e)
{
    static const char *const words[] = {"other",    "change",    "request",   "answer",
                                        "unmasked", "interrupt", "returned",  "latched",
                                        "merged",   "dropped",   "malformed", "broken",
                                        "reset",    "features",  "lost"};
    char line[8];

    snprintf(line, sizeof line, "%u", e->line);
    fprintf(r->log, "event %" PRIu64 " %" PRIu64 " %s %s", e->number, e->ns,
            words[e->kind], e->kind >= VGPIO_CTL_MALFORMED ? "-" : line);
    switch (e->kind) {
    case VGPIO_CTL_REQUEST:
        fprintf(r->log, " %" PRIu64 " %" PRIu64, e->a, e->b);
        break;
    case VGPIO_CTL_ANSWER:
        fprintf(r->log, " %" PRIu64 " %s %" PRIu64, e->a, e->ok ? "ok" : "err", e->b);
        break;
    case VGPIO_CTL_FEATURES:
        fprintf(r->log, " 0x%" PRIx64, e->a);
        break;
    case VGPIO_CTL_RESET:
    case VGPIO_CTL_OTHER:
        break;
    default:
        fprintf(r->log, " %" PRIu64, e->a);
        break;
    }
    fputc('\n', r->log);
}

/* What the lines are now is anybody's guess, until they are asked. */
static void take_loss(struct record *r, uint64_t lost)
{
    uint16_t i;

    r->lost += lost;
    r->unsure = true;
    for (i = 0; i < r->out.nlines; i++) {
        set_level(r, i, 'x');
    }
}

static void take_event(struct record *r, const struct vgpio_ctl_event *e)
{
    if (e->ns > r->last_ns) {
        r->last_ns = e->ns;
    }
    if (r->log != NULL) {
        write_event(r, e);
    }
    if (e->kind == VGPIO_CTL_LOST) {
        take_loss(r, e->a);
    } else if (e->kind == VGPIO_CTL_CHANGE && e->line < r->out.nlines) {
        r->changes++;
        set_level(r, e->line, e->a != 0 ? '1' : '0');
    }
}

static bool wants_more(const struct record *r)
{
    return r->o->changes == 0 || r->changes < r->o->changes;
}

/* All that came. -1: said why; 1: that was the end. */
static int take_events(struct record *r)
{
    struct vgpio_ctl_event e;
    int n = 0;

    while (wants_more(r) && (n = vgpio_ctl_next(&r->out.ctl, &e, 0)) > 0) {
        take_event(r, &e);
    }
    if (n == VGPIO_ERR_BROKEN) {
        (void)outside_fault(&r->out); /* the recording is whole all the same */
        r->gone = true;
        return 1;
    }
    return n < 0 ? outside_fault(&r->out) : !wants_more(r);
}

/* After a loss: the lines that did not change since then. */
static int make_sure(struct record *r)
{
    uint16_t i;
    int code;

    r->unsure = false;
    if (vgpio_ctl_ask(&r->out.ctl, "values", r->initial, r->out.nlines + 1u) !=
        r->out.nlines) {
        return outside_fault(&r->out);
    }
    code = take_events(r);
    for (i = 0; i < r->out.nlines && !r->unsure; i++) {
        if (r->now[i] == 'x') {
            set_level(r, i, r->initial[i]);
        }
    }
    return code;
}

/* --- the recording --- */

static int watch(struct record *r)
{
    struct vgpio_ctl *c = &r->out.ctl;
    char number[8];
    int i;

    if (r->o->nlines == 0 && vgpio_ctl_watch(c, NULL) < 0) {
        return outside_fault(&r->out);
    }
    for (i = 0; i < r->o->nlines; i++) {
        int line = outside_line(&r->out, r->o->lines[i]);

        snprintf(number, sizeof number, "%d", line);
        if (line < 0 || vgpio_ctl_watch(c, number) < 0) {
            return line < 0 ? -1 : outside_fault(&r->out);
        }
    }
    return r->o->messages && vgpio_ctl_watch_messages(c) < 0 ? outside_fault(&r->out) : 0;
}

/* The levels from which the first events lead on. An answer to `values` has in it what
 * was told before, and nobody says what that was: but a line that changed had the other
 * level before its first change. */
static int take_start(struct record *r)
{
    struct vgpio_ctl_event *first = malloc(OUTSIDE_EVENTS * sizeof *first);
    uint32_t n = 0, i;
    int more = 1;

    if (first == NULL) {
        cli_error("out of memory");
        return -1;
    }
    while (n < OUTSIDE_EVENTS && (more = vgpio_ctl_next(&r->out.ctl, &first[n], 0)) > 0) {
        n++;
    }
    for (i = n; i-- > 0;) {
        if (first[i].kind == VGPIO_CTL_CHANGE && first[i].line < r->out.nlines) {
            r->initial[first[i].line] = first[i].a != 0 ? '0' : '1';
        }
    }
    memcpy(r->now, r->initial, r->out.nlines);
    write_heads(r);
    for (i = 0; i < n && wants_more(r); i++) {
        take_event(r, &first[i]);
    }
    free(first);
    return more < 0 && more != VGPIO_ERR_BROKEN ? outside_fault(&r->out) : 0;
}

static int start(struct record *r)
{
    uint64_t us;

    r->initial = calloc(2, r->out.nlines + 1u);
    if (r->initial == NULL) {
        cli_error("out of memory");
        return -1;
    }
    r->now = r->initial + r->out.nlines + 1u;
    if (open_files(r) < 0 || outside_clock(&r->out, &us) < 0 || watch(r) < 0) {
        return -1;
    }
    r->start_ns = r->last_ns = us * 1000u;
    if (vgpio_ctl_ask(&r->out.ctl, "values", r->initial, r->out.nlines + 1u) !=
        r->out.nlines) {
        return outside_fault(&r->out);
    }
    return take_start(r) < 0 ? -1 : flush_files(r);
}

static int watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (!cli_hangup_ignored()) {
        sigaddset(&set, SIGHUP);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* 0: time is over, or a signal; 1: there may be events. */
static int sleep_until(struct record *r, int signals, uint64_t due_us)
{
    struct pollfd p[2] = {{.fd = r->out.ctl.fd, .events = POLLIN},
                          {.fd = signals, .events = POLLIN}};
    uint64_t now = evloop_now();
    int ms = -1;

    if (due_us != UINT64_MAX) {
        uint64_t left = due_us > now ? (due_us - now + 999u) / 1000u : 0;

        ms = left < 1000000u ? (int)left : 1000000;
    }
    if (poll(p, 2, ms) < 0 && errno != EINTR) {
        return 0;
    }
    return p[1].revents == 0 && (p[0].revents != 0 || evloop_now() < due_us);
}

static int loop(struct record *r, int signals)
{
    uint64_t due =
        r->o->duration_ms == 0 ? UINT64_MAX : evloop_now() + r->o->duration_ms * 1000u;
    int code;

    do {
        code = take_events(r);
        while (code == 0 && r->unsure) {
            code = make_sure(r);
        }
        if (flush_files(r) < 0) {
            return -1;
        }
    } while (code == 0 && sleep_until(r, signals, due));
    return code < 0 ? -1 : 0;
}

static int finish(struct record *r)
{
    uint64_t us;
    int code;

    /* How long nothing happened belongs to it; a server that is gone does not tell. */
    if (!r->gone && wants_more(r) && outside_clock(&r->out, &us) == 0) {
        (void)take_events(r);
        r->last_ns = us * 1000u > r->last_ns ? us * 1000u : r->last_ns;
    }
    if (r->vcd != NULL) {
        wave_write_time(r->vcd, &r->vcd_ns, r->last_ns - r->start_ns);
    }
    if (r->log != NULL) {
        fprintf(r->log, "end %" PRIu64 "\n", r->last_ns);
    }
    code = flush_files(r);
    if (r->lost > 0) {
        cli_error("%" PRIu64 " events are missing", r->lost);
        code = -1;
    }
    return code;
}

static void close_file(FILE *f)
{
    if (f != NULL && f != stdout) {
        (void)fclose(f);
    }
}

static int run(const struct options *o)
{
    struct record r = {.o = o};
    int signals = watch_signals();
    int code = CLI_FAILED;

    if (signals < 0) {
        cli_error("%s", strerror(errno));
        return CLI_FAILED;
    }
    if (outside_open(&r.out, o->path, ANSWER_MS) == 0 && start(&r) == 0 &&
        loop(&r, signals) == 0 && finish(&r) == 0) {
        code = CLI_OK;
    }
    close_file(r.vcd);
    close_file(r.log);
    outside_close(&r.out);
    free(r.initial);
    close(signals);
    return code;
}

static int number(const char *option, const char *text, uint64_t max, uint64_t *out)
{
    return cli_number(text, max, out) && *out > 0
               ? CLI_OK
               : cli_usage_error("record", "%s: '%s' is not a number from 1 to %" PRIu64,
                                 option, text, max);
}

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;

    switch (option) {
    case OPT_VCD:
        o->vcd = optarg;
        return CLI_OK;
    case OPT_LOG:
        o->log = optarg;
        return CLI_OK;
    case 'm':
        o->messages = true;
        return CLI_OK;
    case 'n':
        return number("--changes", optarg, UINT64_MAX, &o->changes);
    default:
        return number("--duration", optarg, DURATION_MAX_MS, &o->duration_ms);
    }
}

int cmd_record(int argc, char **argv)
{
    struct options o = {0};
    int code = cli_options(&grammar, argc, argv, take_option, &o);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (optind == argc) {
        return cli_usage_error("record", "SOCKET is missing");
    }
    if (o.vcd == NULL && o.log == NULL) {
        o.log = "-";
    }
    if (o.messages && o.log == NULL) {
        return cli_usage_error("record", "--messages needs --log");
    }
    o.path = argv[optind];
    o.lines = argv + optind + 1;
    o.nlines = argc - optind - 1;
    return run(&o);
}
