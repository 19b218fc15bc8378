/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: vgpio COMMAND [options]\n"
    "Virtual GPIO lines over virtio.\n"
    "\n"
    "  serve   serve simulated lines to a virtual machine (vhost-user)\n"
    "  demo    show a driver and a device talking, message by message\n"
    "\n"
    "  -h, --help     print this and exit; 'vgpio COMMAND --help' tells more\n"
    "  -V, --version  print the version and exit\n";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", cmd_serve},
    {"demo", cmd_demo},
};

int main(int argc, char **argv)
{
    size_t i;

    if (argc < 2) {
        return cli_usage_error("", "a command is missing");
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
        cli_version();
        return CLI_OK;
    }
    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return cli_usage_error("", "unknown command '%s'", argv[1]);
}
