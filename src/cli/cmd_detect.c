/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: vgpio detect [OPTIONS] [SOCKET]...\n"
                           "Lists GPIO chips behind vhost-user sockets: those named, or "
                           "all sockets in $VGPIO_DIR\n"
                           "($XDG_RUNTIME_DIR/vgpio or /run/vgpio if that is not set).\n"
                           "\n"
                           "      --timeout PERIOD  wait so long for each answer (5s)\n"
                           "  -h, --help            print this and exit\n"
                           "  -v, --version         print the version and exit\n";

static const struct option longs[] = {
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int show(const struct tool *t, const char *path, const char *name)
{
    struct chip c;
    int code = chip_open(&c, path, name, 0, t->timeout_ms) < 0 ? CLI_FAILED : CLI_OK;

    if (code == CLI_OK) {
        printf("%s [virtio-gpio] (%u lines)\n", name, c.nlines);
    }
    chip_close(&c);
    return code;
}

static int show_named(const struct tool *t, char **names, int n)
{
    int code = CLI_OK;
    int i;

    for (i = 0; i < n; i++) {
        char *path = tool_chip_path(names[i]);

        if (path == NULL || show(t, path, names[i]) != CLI_OK) {
            code = CLI_FAILED;
        }
        free(path);
    }
    return code;
}

static int show_all(const struct tool *t)
{
    char **paths;
    size_t n = tool_chip_paths(&paths);
    int code = CLI_OK;
    size_t i;

    for (i = 0; i < n; i++) {
        if (show(t, paths[i], strrchr(paths[i], '/') + 1) != CLI_OK) {
            code = CLI_FAILED;
        }
    }
    tool_free_paths(paths, n);
    return code;
}

int cmd_detect(int argc, char **argv)
{
    struct tool t = {.command = "detect", .help = help, .signal_fd = -1};
    int c, code;

    t.timeout_ms = TOOL_TIMEOUT_MS;
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":hvV", longs, NULL)) != -1) {
        code = tool_option(&t, c, argv);
        if (code != CLI_OK) {
            return code == TOOL_DONE ? CLI_OK : code;
        }
    }
    code = optind < argc ? show_named(&t, argv + optind, argc - optind) : show_all(&t);
    return tool_flush(&t) ? code : CLI_FAILED;
}
