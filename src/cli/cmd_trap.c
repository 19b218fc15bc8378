/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio trap`: the command line. */
#include "cli.h"
#include "features.h"
#include "tool.h"
#include "trap.h"

#include <stdio.h>
#include <string.h>

#define PERIOD_MAX_MS 3600000u

enum {
    OPT_SPAWN = 256,
    OPT_LIE,
    OPT_WATCH,
    OPT_LINES,
    OPT_NO_NAMES,
    OPT_EVENTS,
    OPT_ONLY,
    OPT_LIST,
    OPT_JSON,
    OPT_JUNIT,
    OPT_PERIOD
};

static const char help[] =
    "usage: vgpio trap --socket-path PATH [OPTIONS]\n"
    "       vgpio trap --spawn COMMAND [OPTIONS]\n"
    "A virtio-gpio device that watches every rule its driver must keep, and tells lies:\n"
    "one to each driver that comes. Afterwards it says what was kept, and how the "
    "driver\n"
    "took the lies.\n"
    "\n"
    "  -s, --socket-path PATH  listen here for a front end (vhost-user); each driver "
    "that\n"
    "                          binds is told the next lie\n"
    "      --spawn COMMAND     start the driver, once for each lie: a shell command "
    "that\n"
    "                          uses the lines behind \"$SOCKET\", and ends\n"
    "      --lie PATTERN       tell these lies, as in a shell; again and again allowed\n"
    "      --watch             tell none\n"
    "      --only PATTERN      report, and tell, only what has this name or rule\n"
    "      --lines N           so many lines, at most 64 (8)\n"
    "      --no-names          they have no names\n"
    "      --events N          a line interrupts so often when it is enabled (3)\n"
    "      --timeout PERIOD    the command has so long for a run (20s)\n" FEATURES_HELP
    "      --json              print an array of objects\n"
    "      --junit             print JUnit's XML\n"
    "      --list              print the lies and the rules, and exit\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "Exit status 1 if a rule was broken, or a driver crashed or hung.\n";

static const struct option longs[] = {
    {"socket-path", required_argument, NULL, 's'},
    {"spawn", required_argument, NULL, OPT_SPAWN},
    {"lie", required_argument, NULL, OPT_LIE},
    {"watch", no_argument, NULL, OPT_WATCH},
    {"only", required_argument, NULL, OPT_ONLY},
    {"lines", required_argument, NULL, OPT_LINES},
    {"no-names", no_argument, NULL, OPT_NO_NAMES},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"timeout", required_argument, NULL, OPT_PERIOD},
    FEATURES_LONGS,
    {"json", no_argument, NULL, OPT_JSON},
    {"junit", no_argument, NULL, OPT_JUNIT},
    {"list", no_argument, NULL, OPT_LIST},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "trap",
    .help = help,
    .longs = longs,
};

struct options {
    struct trap_run *run;
    struct features features;
    uint64_t lines, events;
    bool watch, lies, list, no_names;
};

static int take_number(const char *name, const char *text, uint64_t max, uint64_t *to)
{
    return cli_number(text, max, to) && *to > 0
               ? CLI_OK
               : cli_usage_error("trap", "--%s: not a number from 1 to %llu: '%s'", name,
                                 (unsigned long long)max, text);
}

static int take_timeout(struct trap_run *r)
{
    return tool_period_ms(optarg, PERIOD_MAX_MS, &r->timeout_ms)
               ? CLI_OK
               : cli_usage_error("trap", "--timeout: invalid period '%s'", optarg);
}

static int take_lies(struct trap_run *r, struct options *o)
{
    o->lies = true;
    return trap_choose(r, optarg)
               ? CLI_OK
               : cli_usage_error("trap", "--lie: none is called '%s'", optarg);
}

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;
    struct trap_run *r = o->run;

    switch (option) {
    case 's':
        r->path = optarg;
        return CLI_OK;
    case OPT_SPAWN:
        r->spawn = optarg;
        return CLI_OK;
    case OPT_LIE:
        return take_lies(r, o);
    case OPT_WATCH:
        o->watch = true;
        return CLI_OK;
    case OPT_ONLY:
        r->only = optarg;
        return CLI_OK;
    case OPT_LINES:
        return take_number("lines", optarg, TRAP_LINES, &o->lines);
    case OPT_NO_NAMES:
        o->no_names = true;
        return CLI_OK;
    case OPT_EVENTS:
        return take_number("events", optarg, 1000000, &o->events);
    case OPT_PERIOD:
        return take_timeout(r);
    case OPT_JSON:
    case OPT_JUNIT:
        r->report.format = option == OPT_JSON ? REPORT_JSON : REPORT_JUNIT;
        return CLI_OK;
    case OPT_LIST:
        o->list = true;
        return CLI_OK;
    default:
        (void)features_option(&o->features, option);
        return CLI_OK;
    }
}

static int wrong(const struct trap_run *r, const struct options *o)
{
    const char *refused = features_refused(&o->features, VGPIO_F_PACKED);

    if ((r->path == NULL) == (r->spawn == NULL)) {
        return cli_usage_error("trap", "one of --socket-path and --spawn is needed");
    }
    if (r->path != NULL && !sock_path_fits(r->path)) {
        return cli_usage_error("trap", "--socket-path: empty, or too long");
    }
    if (o->watch && o->lies) {
        return cli_usage_error("trap", "--watch and --lie do not go together");
    }
    return refused != NULL ? cli_usage_error("trap", "%s", refused) : CLI_OK;
}

static int go(struct trap_run *r, const struct options *o)
{
    uint64_t offer = VGPIO_F_IRQ | VGPIO_F_INDIRECT | VGPIO_F_EVENT_IDX |
                     VGPIO_F_VERSION_1 | VGPIO_F_PACKED;
    int code = wrong(r, o);

    if (code != CLI_OK) {
        return code;
    }
    if (!o->lies && !trap_choose(r, o->watch ? "honest" : r->only)) {
        (void)trap_choose(r, "honest"); /* only rules are asked for */
    }
    r->t.kick_ms = 1000;
    r->t.events = (unsigned)o->events;
    trap_init(&r->t, (uint16_t)o->lines, offer & features_mask(&o->features));
    if (o->no_names) {
        r->t.names_size = 0;
    }
    return trap_all(r);
}

int cmd_trap(int argc, char **argv)
{
    static struct trap_run r;
    struct options o = {.run = &r, .lines = 8, .events = 3};
    int code;

    r.report.suite = "vgpio trap";
    r.timeout_ms = 20000;
    code = cli_options(&grammar, argc, argv, take_option, &o);
    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (optind < argc) {
        return cli_usage_error("trap", "unexpected argument '%s'", argv[optind]);
    }
    if (o.list) {
        trap_list(r.only);
        return CLI_OK;
    }
    return go(&r, &o);
}
