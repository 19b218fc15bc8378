/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <virtiogpio/control.h>

#define ANSWER_MS 30000u
#define TIMEOUT_MAX_MS 86400000u
#define REPLY_MAX (1u << 20)

static const char help[] =
    "usage: vgpio ctl [options] SOCKET COMMAND...\n"
    "Says commands to the control socket of a server, and prints the answers.\n"
    "\n"
    "  -t, --timeout MS  how long to wait for the server and for each answer, 30000 if\n"
    "                    not given\n"
    "  -h, --help        print this and exit\n"
    "  -V, --version     print the version and exit\n"
    "\n"
    "Each COMMAND is one word of the shell. Ends at the first that is answered 'error'.\n"
    "\n"
    "Example: vgpio ctl /tmp/ctl 'pull button 1' 'wait led 1 2000'\n";

static const struct option longs[] = {
    {"timeout", required_argument, NULL, 't'},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "ctl",
    .help = help,
    .longs = longs,
    .in_order = true,
};

static int say(struct vgpio_ctl *c, const char *command, char *reply)
{
    int n = vgpio_ctl_ask(c, command, reply, REPLY_MAX);

    if (n < 0) {
        cli_error("%s: %s", command, vgpio_ctl_reason(c));
        return CLI_FAILED;
    }
    printf("ok%s%s\n", n > 0 ? " " : "", reply);
    return CLI_OK;
}

static int run(const char *path, uint32_t timeout_ms, char **commands)
{
    char *reply = malloc(REPLY_MAX);
    struct vgpio_ctl c;
    int code = CLI_OK;

    if (reply == NULL) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    if (vgpio_ctl_open(&c, path, NULL, 0, timeout_ms) < 0) {
        cli_error("%s: %s", path, vgpio_ctl_reason(&c));
        code = CLI_FAILED;
    }
    c.answer_ms = timeout_ms;
    for (; code == CLI_OK && *commands != NULL; commands++) {
        code = say(&c, *commands, reply);
    }
    vgpio_ctl_close(&c);
    free(reply);
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}

static int take_option(void *ctx, int option)
{
    (void)option; /* there is no other */
    return cli_number(optarg, TIMEOUT_MAX_MS, ctx)
               ? CLI_OK
               : cli_usage_error("ctl", "--timeout: '%s' is not a number up to %u",
                                 optarg, TIMEOUT_MAX_MS);
}

int cmd_ctl(int argc, char **argv)
{
    uint64_t timeout = ANSWER_MS;
    int code = cli_options(&grammar, argc, argv, take_option, &timeout);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (argc - optind < 2) {
        return cli_usage_error("ctl", "%s is missing",
                               argc == optind ? "SOCKET" : "COMMAND");
    }
    return run(argv[optind], (uint32_t)timeout, argv + optind + 1);
}
