/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "tool.h"

#include <stdio.h>

static const char help[] =
    "usage: vgpio get [OPTIONS] LINE...\n"
    "Reads lines. A LINE is a name, or an offset if --chip is given.\n"
    "\n"
    "  -a, --as-is           leave the direction; do not make the lines inputs\n"
    "  -b, --bias BIAS       as-is; virtio-gpio has no other\n"
    "      --by-name         a LINE is a name even if it looks like an offset\n"
    "  -c, --chip SOCKET     only this chip\n"
    "  -C, --consumer NAME   ignored: nobody is there to be told\n"
    "  -l, --active-low      a low level is active\n"
    "  -p, --hold-period PERIOD  wait so long between the request and the reading\n"
    "      --numeric         print 0 and 1\n"
    "  -s, --strict          fail if a name is there twice\n"
    "      --timeout PERIOD  wait so long for each answer (5s)\n"
    "      --unquoted        no quotes around names\n"
    "  -h, --help            print this and exit\n"
    "  -v, --version         print the version and exit\n"
    "\n"
    "PERIOD is a number with us, ms, s or m behind it; ms if there is none.\n";

static const struct option longs[] = {
    {"as-is", no_argument, NULL, 'a'},
    {"bias", required_argument, NULL, 'b'},
    {"by-name", no_argument, NULL, OPT_BY_NAME},
    {"chip", required_argument, NULL, 'c'},
    {"consumer", required_argument, NULL, 'C'},
    {"active-low", no_argument, NULL, 'l'},
    {"hold-period", required_argument, NULL, 'p'},
    {"numeric", no_argument, NULL, OPT_NUMERIC},
    {"strict", no_argument, NULL, 's'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"unquoted", no_argument, NULL, OPT_UNQUOTED},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct get {
    struct tool tool;
    bool as_is;
    uint64_t hold_us;
};

static int read_lines(struct get *g)
{
    struct tool *t = &g->tool;
    size_t i;

    for (i = 0; i < t->nlines && !g->as_is; i++) {
        struct tool_line *l = &t->lines[i];

        if (chip_call(l->chip, VGPIO_MSG_SET_DIRECTION, l->offset, VGPIO_DIR_IN) < 0) {
            return CLI_FAILED;
        }
        l->requested = true;
    }
    if (g->hold_us > 0 && tool_hold(t, g->hold_us) != CLI_OK) {
        return CLI_FAILED;
    }
    for (i = 0; i < t->nlines; i++) {
        struct tool_line *l = &t->lines[i];
        int n = chip_call(l->chip, VGPIO_MSG_GET_VALUE, l->offset, 0);

        if (n < 0) {
            return CLI_FAILED;
        }
        l->value = (unsigned)n ^ t->active_low;
    }
    return CLI_OK;
}

static void print_lines(const struct tool *t)
{
    size_t i;

    for (i = 0; i < t->nlines; i++) {
        const struct tool_line *l = &t->lines[i];

        if (t->numeric) {
            printf("%u", l->value);
        } else {
            tool_print_id(t, l);
            printf("=%s", l->value ? "active" : "inactive");
        }
        putchar(i + 1 < t->nlines ? ' ' : '\n');
    }
}

static int get(struct get *g, char **ids, int n)
{
    struct tool *t = &g->tool;
    int code;

    if (n == 0) {
        return tool_wrong(t, "at least one line must be named");
    }
    code = tool_open(t, 0);
    if (code == CLI_OK) {
        code = tool_find(t, ids, (size_t)n);
    }
    if (code == CLI_OK) {
        code = tool_catch_signals(t);
    }
    if (code == CLI_OK) {
        code = read_lines(g);
    }
    if (code == CLI_OK) {
        print_lines(t);
        code = tool_flush(t) ? CLI_OK : CLI_FAILED;
    }
    return tool_close(t, code);
}

static int take_option(struct get *g, int c, char **argv)
{
    switch (c) {
    case 'a':
        g->as_is = true;
        return CLI_OK;
    case 'p':
        return tool_period(optarg, &g->hold_us)
                   ? CLI_OK
                   : tool_wrong(&g->tool, "invalid period: %s", optarg);
    default:
        return tool_option(&g->tool, c, argv);
    }
}

int cmd_get(int argc, char **argv)
{
    struct get g = {.tool = {.command = "get", .help = help, .signal_fd = -1}};
    int c, code;

    g.tool.timeout_ms = TOOL_TIMEOUT_MS;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":ab:c:C:lp:shvV", longs, NULL)) != -1) {
        code = take_option(&g, c, argv);
        if (code != CLI_OK) {
            return code == TOOL_DONE ? CLI_OK : code;
        }
    }
    return get(&g, argv + optind, argc - optind);
}
