/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio check`: the command line. */
#include "check.h"
#include "cli.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_MAX_MS 3600000u

#define PATIENCE_MS 10000u

enum {
    OPT_SPAWN = 256,
    OPT_CONTROL,
    OPT_LOOP,
    OPT_ONLY,
    OPT_LIST,
    OPT_PATIENCE,
    OPT_JSON,
    OPT_JUNIT
};

static const char help[] =
    "usage: vgpio check --socket-path PATH [OPTIONS]\n"
    "       vgpio check --spawn COMMAND [OPTIONS]\n"
    "Tries rules of the standard, and input that breaks them, on the virtio-gpio device\n"
    "behind a vhost-user socket. It changes lines: let nothing that matters be on them.\n"
    "\n"
    "  -s, --socket-path PATH  the socket of the device; no guest may be on it\n"
    "      --spawn COMMAND     start the device, and start it again when it died: a "
    "shell\n"
    "                          command that listens on \"$SOCKET\"; if it also makes a\n"
    "                          control socket \"$CONTROL\", that is used\n"
    "      --control PATH      control socket of 'vgpio serve': pulls line 0\n"
    "      --loop A=B          line A is wired to line B: driving A changes B\n"
    "      --only PATTERN      only tests whose name or rule matches, as in a shell\n"
    "      --timeout PERIOD    wait so long for each answer (2s)\n"
    "      --patience PERIOD   wait so long for a new connection to be served after a\n"
    "                          test that failed or was hostile, before the device is\n"
    "                          called wedged (10s, or the timeout)\n"
    "      --json              print an array of objects\n"
    "      --junit             print JUnit's XML\n"
    "      --list              print the tests and exit\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "Exit status 1 if a test failed.\n";

static const struct option longs[] = {
    {"socket-path", required_argument, NULL, 's'},
    {"spawn", required_argument, NULL, OPT_SPAWN},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"loop", required_argument, NULL, OPT_LOOP},
    {"only", required_argument, NULL, OPT_ONLY},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"patience", required_argument, NULL, OPT_PATIENCE},
    {"json", no_argument, NULL, OPT_JSON},
    {"junit", no_argument, NULL, OPT_JUNIT},
    {"list", no_argument, NULL, OPT_LIST},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "check",
    .help = help,
    .longs = longs,
};

struct options {
    struct check_run *run;
    bool list;
};

static int take_loop(struct check *c, const char *text)
{
    const char *equals = strchr(text, '=');
    uint64_t a, b;
    char first[8];

    if (equals == NULL || (size_t)(equals - text) >= sizeof first) {
        return cli_usage_error("check", "--loop: not two lines: '%s'", text);
    }
    snprintf(first, sizeof first, "%.*s", (int)(equals - text), text);
    if (!cli_number(first, 65534, &a) || !cli_number(equals + 1, 65534, &b) || a == b) {
        return cli_usage_error("check", "--loop: not two lines: '%s'", text);
    }
    c->loop[0] = (int)a;
    c->loop[1] = (int)b;
    return CLI_OK;
}

static int take_period(const char *option, uint32_t *ms)
{
    return tool_period_ms(optarg, PERIOD_MAX_MS, ms)
               ? CLI_OK
               : cli_usage_error("check", "%s: invalid period '%s'", option, optarg);
}

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;
    struct check_run *r = o->run;

    switch (option) {
    case 's':
        r->c.path = optarg;
        return CLI_OK;
    case OPT_SPAWN:
        r->spawn = optarg;
        return CLI_OK;
    case OPT_CONTROL:
        r->c.control = optarg;
        return CLI_OK;
    case OPT_LOOP:
        return take_loop(&r->c, optarg);
    case OPT_ONLY:
        r->only = optarg;
        return CLI_OK;
    case OPT_TIMEOUT:
        return take_period("--timeout", &r->c.timeout_ms);
    case OPT_PATIENCE:
        return take_period("--patience", &r->c.patience_ms);
    case OPT_JSON:
    case OPT_JUNIT:
        r->report.format = option == OPT_JSON ? REPORT_JSON : REPORT_JUNIT;
        return CLI_OK;
    default:
        o->list = true;
        return CLI_OK;
    }
}

int cmd_check(int argc, char **argv)
{
    static struct check_run r;
    struct options o = {.run = &r};
    int code;

    r.report.suite = "vgpio check";
    r.c.timeout_ms = 2000;
    r.c.loop[0] = r.c.loop[1] = -1;
    code = cli_options(&grammar, argc, argv, take_option, &o);
    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (optind < argc) {
        return cli_usage_error("check", "unexpected argument '%s'", argv[optind]);
    }
    if (o.list) {
        check_list(r.only);
        return CLI_OK;
    }
    if ((r.c.path == NULL) == (r.spawn == NULL)) {
        return cli_usage_error("check", "one of --socket-path and --spawn is needed");
    }
    if (r.c.control != NULL && r.c.loop[0] >= 0) {
        return cli_usage_error("check", "--control and --loop do not go together");
    }
    if (r.c.patience_ms == 0) {
        r.c.patience_ms = r.c.timeout_ms > PATIENCE_MS ? r.c.timeout_ms : PATIENCE_MS;
    }
    return check_all(&r);
}
