/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "evloop.h"
#include "mon.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED_MAX 5u /* in a row, of one line */

static const char help[] =
    "usage: vgpio mon [OPTIONS] LINE...\n"
    "Waits for edges of lines and tells of each. A LINE is a name, or an offset if "
    "--chip\n"
    "is given.\n"
    "\n"
    "      --banner          say when the lines are watched\n"
    "  -b, --bias BIAS       as-is; virtio-gpio has no other\n"
    "      --by-name         a LINE is a name even if it looks like an offset\n"
    "  -c, --chip SOCKET     only this chip\n"
    "  -C, --consumer NAME   ignored: nobody is there to be told\n"
    "  -e, --edges EDGES     rising, falling or both (both)\n"
    "  -E, --event-clock CLOCK  monotonic, or realtime, which prints times as UTC\n"
    "                        (monotonic)\n"
    "  -F, --format FMT      how an event is printed, see below\n"
    "      --idle-timeout PERIOD  exit when so long nothing happened\n"
    "  -l, --active-low      a low level is active\n"
    "      --localtime       print times as local time\n"
    "  -n, --num-events N    exit after N events\n"
    "  -p, --debounce-period PERIOD  0; virtio-gpio has none to set\n"
    "  -q, --quiet, --silent  print nothing\n"
    "  -s, --strict          fail if a name is there twice\n"
    "      --timeout PERIOD  wait so long for each answer (5s)\n"
    "      --unquoted        no quotes around names\n"
    "      --utc             print times as UTC\n"
    "  -h, --help            print this and exit\n"
    "  -v, --version         print the version and exit\n"
    "\n"
    "FMT: %o offset  %l name  %c chip  %e 1 for rising, 2 for falling  %E rising, "
    "falling\n"
    "     %S seconds  %U UTC  %L local time  %% a percent sign\n"
    "PERIOD is a number with us, ms, s or m behind it; ms if there is none.\n"
    "The time is that of seeing the interrupt, for virtio-gpio carries none; edges that\n"
    "follow each other faster than the device is told to go on are one.\n";

enum {
    OPT_IDLE = 600,
    OPT_LOCAL,
    OPT_UTC
};

static const struct option longs[] = {
    {"banner", no_argument, NULL, OPT_BANNER},
    {"bias", required_argument, NULL, 'b'},
    {"by-name", no_argument, NULL, OPT_BY_NAME},
    {"chip", required_argument, NULL, 'c'},
    {"consumer", required_argument, NULL, 'C'},
    {"debounce-period", required_argument, NULL, 'p'},
    {"edges", required_argument, NULL, 'e'},
    {"event-clock", required_argument, NULL, 'E'},
    {"format", required_argument, NULL, 'F'},
    {"idle-timeout", required_argument, NULL, OPT_IDLE},
    {"active-low", no_argument, NULL, 'l'},
    {"localtime", no_argument, NULL, OPT_LOCAL},
    {"num-events", required_argument, NULL, 'n'},
    {"quiet", no_argument, NULL, 'q'},
    {"silent", no_argument, NULL, 'q'},
    {"strict", no_argument, NULL, 's'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"unquoted", no_argument, NULL, OPT_UNQUOTED},
    {"utc", no_argument, NULL, OPT_UTC},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* ---- the command line ---- */

static int take_edges(struct mon *m, const char *text)
{
    if (strcmp(text, "rising") == 0) {
        m->edges = MON_RISING;
    } else if (strcmp(text, "falling") == 0) {
        m->edges = MON_FALLING;
    } else if (strcmp(text, "both") == 0) {
        m->edges = MON_RISING | MON_FALLING;
    } else {
        return tool_wrong(&m->tool, "invalid edges: %s", text);
    }
    return CLI_OK;
}

static int take_clock(struct mon *m, const char *text)
{
    if (strcmp(text, "monotonic") == 0) {
        m->clock = CLOCK_MONOTONIC;
    } else if (strcmp(text, "realtime") == 0) {
        m->clock = CLOCK_REALTIME;
    } else {
        return tool_wrong(&m->tool, "event clock '%s' is not there: monotonic, realtime",
                          text);
    }
    m->clock_given = true;
    return CLI_OK;
}

static int take_period(struct mon *m, const char *text, uint64_t *us)
{
    return tool_period(text, us) ? CLI_OK
                                 : tool_wrong(&m->tool, "invalid period: %s", text);
}

static int take_debounce(struct mon *m, const char *text)
{
    uint64_t us;
    int code = take_period(m, text, &us);

    return code == CLI_OK && us != 0
               ? tool_wrong(&m->tool, "debounce period: virtio-gpio has none to set")
               : code;
}

static int take_option(struct mon *m, int c, char **argv)
{
    switch (c) {
    case 'e':
        return take_edges(m, optarg);
    case 'E':
        return take_clock(m, optarg);
    case 'F':
        m->format = optarg;
        return CLI_OK;
    case 'n':
        return cli_number(optarg, UINT32_MAX, &m->left) && m->left > 0
                   ? CLI_OK
                   : tool_wrong(&m->tool, "invalid number: %s", optarg);
    case 'p':
        return take_debounce(m, optarg);
    case 'q':
        m->quiet = true;
        return CLI_OK;
    case OPT_IDLE:
        m->idles = true;
        return take_period(m, optarg, &m->idle_us);
    case OPT_LOCAL:
        m->time = MON_LOCAL;
        return CLI_OK;
    case OPT_UTC:
        m->time = MON_UTC;
        return CLI_OK;
    default:
        return tool_option(&m->tool, c, argv);
    }
}

/* ---- the lines ---- */

static struct tool_line *line_at(struct mon *m, const struct chip *c, uint16_t offset)
{
    size_t i;

    for (i = 0; i < m->tool.nlines; i++) {
        if (m->tool.lines[i].chip == c && m->tool.lines[i].offset == offset) {
            return &m->tool.lines[i];
        }
    }
    return NULL;
}

/* Inside a call that waits: only remembered. */
static void on_irq(void *ctx, uint16_t offset, int result)
{
    struct mon_chip *mc = ctx;
    struct mon *m = mc->mon;
    struct tool_line *l = line_at(m, mc->chip, offset);
    struct mon_irq *irq;

    if (l == NULL) {
        return;
    }
    irq = &m->irqs[l - m->tool.lines];
    irq->due = true;
    irq->result = result;
    clock_gettime(m->clock, &irq->when);
}

/* Levels of the wire: an active-low line rises when its level falls. */
static uint32_t trigger(const struct mon *m)
{
    if (m->edges == (MON_RISING | MON_FALLING)) {
        return VGPIO_IRQ_EDGE_BOTH;
    }
    return (m->edges == MON_RISING) != m->tool.active_low ? VGPIO_IRQ_EDGE_RISING
                                                          : VGPIO_IRQ_EDGE_FALLING;
}

static int arm(struct mon *m, struct tool_line *l)
{
    if (chip_call(l->chip, VGPIO_MSG_SET_DIRECTION, l->offset, VGPIO_DIR_IN) < 0) {
        return CLI_FAILED;
    }
    l->requested = true;
    if (chip_call(l->chip, VGPIO_MSG_SET_IRQ_TYPE, l->offset, trigger(m)) < 0) {
        return CLI_FAILED;
    }
    l->armed = true;
    return chip_unmask(l->chip, l->offset) < 0 ? CLI_FAILED : CLI_OK;
}

static int arm_all(struct mon *m)
{
    struct tool *t = &m->tool;
    size_t i;

    m->irqs = calloc(t->nlines, sizeof *m->irqs);
    m->chips = calloc(t->nchips, sizeof *m->chips);
    if (m->irqs == NULL || m->chips == NULL) {
        return tool_wrong(t, "no memory");
    }
    for (i = 0; i < t->nchips; i++) {
        m->chips[i].mon = m;
        m->chips[i].chip = &t->chips[i];
        t->chips[i].on_irq = on_irq;
        t->chips[i].ctx = &m->chips[i];
    }
    for (i = 0; i < t->nlines; i++) {
        if (arm(m, &t->lines[i]) != CLI_OK) {
            return CLI_FAILED;
        }
    }
    return CLI_OK;
}

/* Which edge it was: of both, the level tells, read before the next one may come. */
static int edge_of(struct mon *m, struct tool_line *l)
{
    int level;

    if (m->edges != (MON_RISING | MON_FALLING)) {
        return (int)m->edges;
    }
    level = chip_call(l->chip, VGPIO_MSG_GET_VALUE, l->offset, 0);
    if (level < 0) {
        return -1;
    }
    return (level != 0) != m->tool.active_low ? MON_RISING : MON_FALLING;
}

/* Asked for again a few times: to some devices the last interrupt is not over yet when
 * their driver hears of it. */
static int unused(struct mon *m, struct tool_line *l)
{
    if (m->irqs[l - m->tool.lines].unused++ == UNUSED_MAX) {
        cli_error("%s: line %u: the device gave the interrupt back unused", l->chip->name,
                  l->offset);
        return CLI_FAILED;
    }
    (void)poll(NULL, 0, 2);
    return chip_unmask(l->chip, l->offset) < 0 ? CLI_FAILED : CLI_OK;
}

static int tell(struct mon *m, struct tool_line *l, const struct mon_irq *irq)
{
    int edge;

    if (irq->result < 0) {
        return unused(m, l);
    }
    m->irqs[l - m->tool.lines].unused = 0;
    edge = edge_of(m, l);
    if (edge < 0 || chip_unmask(l->chip, l->offset) < 0) {
        return CLI_FAILED;
    }
    if (!m->quiet) {
        if (tool_await_stdout(&m->tool) != CLI_OK) {
            return CLI_FAILED;
        }
        mon_print(m, l, (unsigned)edge, &irq->when);
        if (!tool_flush(&m->tool)) {
            return CLI_FAILED;
        }
    }
    if (m->left > 0 && --m->left == 0) {
        m->enough = true;
    }
    return CLI_OK;
}

/* The oldest interrupt seen so far. */
static int tell_next(struct mon *m)
{
    struct mon_irq irq;
    size_t first = m->tool.nlines;
    size_t i;

    for (i = 0; i < m->tool.nlines; i++) {
        if (m->irqs[i].due &&
            (first == m->tool.nlines || mon_before(&m->irqs[i], &m->irqs[first]))) {
            first = i;
        }
    }
    if (first == m->tool.nlines) {
        return CLI_OK;
    }
    irq = m->irqs[first];
    m->irqs[first].due = false;
    m->told = true;
    return tell(m, &m->tool.lines[first], &irq);
}

static int watch(struct mon *m)
{
    uint64_t due = UINT64_MAX;
    bool late = false;
    int bits;

    m->told = true;
    for (;;) {
        if (m->told && m->idles) {
            due = evloop_now() + m->idle_us;
        }
        m->told = false;
        if (tool_poll_chips(&m->tool) != CLI_OK || tell_next(m) != CLI_OK) {
            return CLI_FAILED;
        }
        if (m->enough || (late && !m->told)) {
            return CLI_OK;
        }
        /* A call that told may have brought the next; a signal comes first even if
         * there is always one. */
        bits = tool_wait(&m->tool, m->told ? 0 : due, -1);
        if ((bits & TOOL_SIGNAL) != 0) {
            return CLI_FAILED;
        }
        /* One more look: what came in time is told. */
        late = (bits & TOOL_TIME) != 0 && !m->told;
    }
}

static int monitor(struct mon *m, char **ids, int n)
{
    struct tool *t = &m->tool;
    int code;

    if (n == 0) {
        return tool_wrong(t, "at least one line must be named");
    }
    code = n > 16384 ? tool_wrong(t, "more than 16384 lines") : tool_open(t, (unsigned)n);
    if (code == CLI_OK) {
        code = tool_find(t, ids, (size_t)n);
    }
    if (code == CLI_OK) {
        code = tool_catch_signals(t);
    }
    if (code == CLI_OK) {
        code = arm_all(m);
    }
    if (code == CLI_OK && tool_poll_chips(t) != CLI_OK) {
        code = CLI_FAILED;
    }
    if (code == CLI_OK && t->banner) {
        tool_banner(t, "Monitoring");
        code = tool_flush(t) ? CLI_OK : CLI_FAILED;
    }
    if (code == CLI_OK) {
        code = watch(m);
    }
    code = tool_close(t, code);
    free(m->irqs);
    free(m->chips);
    return code;
}

int cmd_mon(int argc, char **argv)
{
    struct mon m = {.tool = {.command = "mon", .help = help, .signal_fd = -1}};
    int c, code;

    m.tool.timeout_ms = TOOL_TIMEOUT_MS;
    m.edges = MON_RISING | MON_FALLING;
    m.clock = CLOCK_MONOTONIC;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":b:c:C:e:E:F:ln:p:qshvV", longs, NULL)) != -1) {
        code = take_option(&m, c, argv);
        if (code != CLI_OK) {
            return code == TOOL_DONE ? CLI_OK : code;
        }
    }
    if (!m.clock_given && mon_wants_date(&m)) {
        m.clock = CLOCK_REALTIME;
    } else if (m.clock == CLOCK_REALTIME && m.time == MON_SECONDS) {
        m.time = MON_UTC;
    }
    return monitor(&m, argv + optind, argc - optind);
}
