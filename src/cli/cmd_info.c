/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: vgpio info [OPTIONS] [LINE]...\n"
    "Shows lines: those named, or all. A LINE is a name, or an offset if --chip is "
    "given.\n"
    "\n"
    "      --by-name         a LINE is a name even if it looks like an offset\n"
    "  -c, --chip SOCKET     only this chip\n"
    "  -s, --strict          fail if a name is there twice\n"
    "      --timeout PERIOD  wait so long for each answer (5s)\n"
    "      --unquoted        no quotes around names\n"
    "  -h, --help            print this and exit\n"
    "  -v, --version         print the version and exit\n";

static const struct option longs[] = {
    {"by-name", no_argument, NULL, OPT_BY_NAME},
    {"chip", required_argument, NULL, 'c'},
    {"strict", no_argument, NULL, 's'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"unquoted", no_argument, NULL, OPT_UNQUOTED},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static void print_name(const struct tool *t, const char *name)
{
    char quoted[17];

    if (name[0] == '\0') {
        printf("%-16s\t", "unnamed");
    } else if (t->unquoted) {
        printf("%-16s\t", name);
    } else if (strlen(name) <= sizeof quoted - 3) {
        snprintf(quoted, sizeof quoted, "\"%s\"", name);
        printf("%-16s\t", quoted);
    } else {
        printf("\"%s\"\t", name);
    }
}

/* A device may refuse to tell; that is no reason not to show the other lines. */
static int print_line(const struct tool *t, struct chip *c, uint16_t offset)
{
    static const char *const words[] = {"none", "output", "input"};
    int dir = chip_ask(c, VGPIO_MSG_GET_DIRECTION, offset, 0);

    if (dir < 0 && dir != VGPIO_ERR_IO) {
        putchar('\n');
        (void)fflush(stdout);
        (void)chip_say(c, dir, VGPIO_MSG_GET_DIRECTION, offset);
        return CLI_FAILED;
    }
    print_name(t, c->names[offset]);
    puts(dir >= 0 && dir <= 2 ? words[dir] : "unknown");
    return CLI_OK;
}

static int print_all(const struct tool *t, struct chip *c)
{
    uint16_t line;

    printf("%s - %u lines:\n", c->name, c->nlines);
    for (line = 0; line < c->nlines; line++) {
        printf("\tline %3u:\t", line);
        if (print_line(t, c, line) != CLI_OK) {
            return CLI_FAILED;
        }
    }
    return CLI_OK;
}

static int show(struct tool *t, char **ids, int n)
{
    int code = tool_open(t, 0);
    size_t i;

    if (code == CLI_OK && n > 0) {
        code = tool_find(t, ids, (size_t)n);
        for (i = 0; i < t->nlines && code == CLI_OK; i++) {
            printf("%s %u\t", t->lines[i].chip->name, t->lines[i].offset);
            code = print_line(t, t->lines[i].chip, t->lines[i].offset);
        }
        return code;
    }
    for (i = 0; i < t->nchips && code == CLI_OK; i++) {
        code = print_all(t, &t->chips[i]);
    }
    return t->some_closed ? CLI_FAILED : code;
}

int cmd_info(int argc, char **argv)
{
    struct tool t = {.command = "info", .help = help, .signal_fd = -1};
    int c, code;

    t.timeout_ms = TOOL_TIMEOUT_MS;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":c:shvV", longs, NULL)) != -1) {
        code = tool_option(&t, c, argv);
        if (code != CLI_OK) {
            return code == TOOL_DONE ? CLI_OK : code;
        }
    }
    code = show(&t, argv + optind, argc - optind);
    if (!tool_flush(&t)) {
        code = CLI_FAILED;
    }
    return tool_close(&t, code);
}
