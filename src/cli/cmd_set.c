/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "evloop.h"
#include "set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: vgpio set [OPTIONS] LINE=VALUE...\n"
    "Makes lines outputs, and holds them until it is ended. A LINE is a name, or an "
    "offset\n"
    "if --chip is given. A VALUE is 1, active, on or true, or 0, inactive, off or "
    "false.\n"
    "\n"
    "      --banner          say when the lines are set\n"
    "  -b, --bias BIAS       as-is; virtio-gpio has no other\n"
    "      --by-name         a LINE is a name even if it looks like an offset\n"
    "  -c, --chip SOCKET     only this chip\n"
    "  -C, --consumer NAME   ignored: nobody is there to be told\n"
    "  -d, --drive DRIVE     push-pull; virtio-gpio has no other\n"
    "  -i, --interactive     then take commands from stdin ('help' lists them)\n"
    "  -l, --active-low      a low level is active\n"
    "  -p, --hold-period PERIOD  hold each value at least so long\n"
    "  -s, --strict          fail if a name is there twice\n"
    "  -t, --toggle PERIOD[,PERIOD]...\n"
    "                        toggle the lines after each period, again and again; a "
    "last\n"
    "                        period of 0 ends it: -t 0 sets the lines and exits\n"
    "      --timeout PERIOD  wait so long for each answer (5s)\n"
    "      --unquoted        no quotes around names\n"
    "  -z, --daemonize       set the lines, then go on in the background\n"
    "  -h, --help            print this and exit\n"
    "  -v, --version         print the version and exit\n"
    "\n"
    "PERIOD is a number with us, ms, s or m behind it; ms if there is none.\n";

static const struct option longs[] = {
    {"banner", no_argument, NULL, OPT_BANNER},
    {"bias", required_argument, NULL, 'b'},
    {"by-name", no_argument, NULL, OPT_BY_NAME},
    {"chip", required_argument, NULL, 'c'},
    {"consumer", required_argument, NULL, 'C'},
    {"drive", required_argument, NULL, 'd'},
    {"interactive", no_argument, NULL, 'i'},
    {"active-low", no_argument, NULL, 'l'},
    {"hold-period", required_argument, NULL, 'p'},
    {"strict", no_argument, NULL, 's'},
    {"toggle", required_argument, NULL, 't'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"unquoted", no_argument, NULL, OPT_UNQUOTED},
    {"daemonize", no_argument, NULL, 'z'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* ---- the lines ---- */

int set_line(const struct tool *t, struct tool_line *l, unsigned value)
{
    if (chip_call(l->chip, VGPIO_MSG_SET_VALUE, l->offset, value ^ t->active_low) < 0) {
        return CLI_FAILED;
    }
    l->value = value;
    return CLI_OK;
}

/* The value first, then the direction: so nothing flickers. */
static int request_lines(struct tool *t)
{
    size_t i;

    for (i = 0; i < t->nlines; i++) {
        struct tool_line *l = &t->lines[i];

        if (set_line(t, l, l->value) != CLI_OK ||
            chip_call(l->chip, VGPIO_MSG_SET_DIRECTION, l->offset, VGPIO_DIR_OUT) < 0) {
            return CLI_FAILED;
        }
        l->requested = true;
    }
    return CLI_OK;
}

int set_toggle(struct tool *t)
{
    size_t i;

    for (i = 0; i < t->nlines; i++) {
        if (set_line(t, &t->lines[i], !t->lines[i].value) != CLI_OK) {
            return CLI_FAILED;
        }
    }
    return CLI_OK;
}

static uint64_t at_least(const struct set *s, uint64_t us)
{
    return us > s->hold_us ? us : s->hold_us;
}

static int toggle_lines(struct set *s)
{
    size_t i = 0;

    for (;;) {
        uint64_t us = s->period_us[i];

        if (us == 0 && i + 1 == s->nperiods) {
            return tool_hold(&s->tool, s->hold_us);
        }
        if (tool_hold(&s->tool, at_least(s, us)) != CLI_OK ||
            set_toggle(&s->tool) != CLI_OK) {
            return CLI_FAILED;
        }
        i = (i + 1) % s->nperiods;
    }
}

/* ---- the command line ---- */

/* Cuts LINE=VALUE in two; -1: it is not that. */
int set_split(char *text, unsigned *value)
{
    char *eq = strrchr(text, '=');

    if (eq == NULL || eq == text || !tool_value(eq + 1, value)) {
        return -1;
    }
    *eq = '\0';
    return 0;
}

static int take_periods(struct set *s, const char *text)
{
    char *copy = strdup(text);
    char *rest = copy;
    char *word;

    s->nperiods = 0;
    while (copy != NULL && (word = strsep(&rest, ",")) != NULL) {
        uint64_t *p = realloc(s->period_us, (s->nperiods + 1) * sizeof *p);

        if (p == NULL) {
            free(copy);
            return tool_wrong(&s->tool, "no memory");
        }
        s->period_us = p;
        if (!tool_period(word, &s->period_us[s->nperiods]) ||
            (s->period_us[s->nperiods++] == 0 && rest != NULL)) {
            free(copy);
            return tool_wrong(&s->tool, "invalid periods: %s", text);
        }
    }
    free(copy);
    return CLI_OK;
}

static int take_option(struct set *s, int c, char **argv)
{
    switch (c) {
    case 'd':
        return strcmp(optarg, "push-pull") == 0
                   ? CLI_OK
                   : tool_wrong(&s->tool, "drive '%s': virtio-gpio has push-pull only",
                                optarg);
    case 'i':
        s->interactive = true;
        return CLI_OK;
    case 'p':
        return tool_period(optarg, &s->hold_us)
                   ? CLI_OK
                   : tool_wrong(&s->tool, "invalid period: %s", optarg);
    case 't':
        return take_periods(s, optarg);
    case 'z':
        s->daemonize = true;
        return CLI_OK;
    default:
        return tool_option(&s->tool, c, argv);
    }
}

static int check(const struct set *s, int n)
{
    if (n == 0) {
        return tool_wrong(&s->tool, "at least one line and its value must be given");
    }
    if (s->interactive && s->nperiods != 0) {
        return tool_wrong(&s->tool, "--interactive and --toggle exclude each other");
    }
    if (s->interactive && s->daemonize) {
        return tool_wrong(&s->tool, "--interactive and --daemonize exclude each other");
    }
    return CLI_OK;
}

static int find_lines(struct set *s, char **args, size_t n)
{
    unsigned *values = calloc(n, sizeof *values);
    int code = CLI_OK;
    size_t i;

    if (values == NULL) {
        return tool_wrong(&s->tool, "no memory");
    }
    for (i = 0; i < n && code == CLI_OK; i++) {
        if (set_split(args[i], &values[i]) < 0) {
            code = tool_wrong(&s->tool, "invalid line value: '%s'", args[i]);
        }
    }
    if (code == CLI_OK) {
        code = tool_open(&s->tool, 0);
    }
    if (code == CLI_OK) {
        code = tool_find(&s->tool, args, n);
    }
    for (i = 0; i < n && code == CLI_OK; i++) {
        s->tool.lines[i].value = values[i];
    }
    free(values);
    return code;
}

/* The lines are the child's then: it has the connection. */
static int go_on(struct set *s)
{
    if (s->tool.banner) {
        tool_banner(&s->tool, "Setting");
        if (!tool_flush(&s->tool)) {
            return CLI_FAILED;
        }
    }
    if (s->daemonize && daemon(0, 0) < 0) {
        return tool_wrong(&s->tool, "cannot go on in the background: %s",
                          strerror(errno));
    }
    if (s->nperiods != 0) {
        return toggle_lines(s);
    }
    if (s->interactive) {
        return set_interact(s);
    }
    return tool_hold(&s->tool, UINT64_MAX);
}

int cmd_set(int argc, char **argv)
{
    struct set s = {.tool = {.command = "set", .help = help, .signal_fd = -1}};
    int c, code = CLI_OK;

    s.tool.timeout_ms = TOOL_TIMEOUT_MS;
    opterr = 0;
    while (code == CLI_OK &&
           (c = getopt_long(argc, argv, ":b:c:C:d:ilp:st:zhvV", longs, NULL)) != -1) {
        code = take_option(&s, c, argv);
    }
    if (code == CLI_OK) {
        code = check(&s, argc - optind);
    }
    if (code == CLI_OK) {
        code = find_lines(&s, argv + optind, (size_t)(argc - optind));
    }
    if (code == CLI_OK) {
        code = tool_catch_signals(&s.tool);
    }
    if (code == CLI_OK) {
        code = request_lines(&s.tool);
    }
    if (code == CLI_OK) {
        code = go_on(&s);
    }
    free(s.period_us);
    return tool_close(&s.tool, code == TOOL_DONE ? CLI_OK : code);
}
