/* SPDX-License-Identifier: BSD-3-Clause */
#include "bank.h"
#include "cli.h"
#include "features.h"
#include "server.h"
#include "sockets.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct options {
    const char *socket_path, *control_path, *sim;
    int fd;
    bool once;
    unsigned verbose;
    struct features features;
};

static const char help[] =
    "usage: vgpio serve -s PATH --sim N|NAME,NAME,... [options]\n"
    "Serves simulated GPIO lines to a virtual machine, as a vhost-user back end.\n"
    "\n"
    "  -s, --socket-path PATH  listen on this UNIX socket for a front end\n"
    "      --fd N              or: descriptor N is the socket, connected or listening\n"
    "      --sim N             N lines without names (1 to 65535)\n"
    "      --sim NAME,NAME,... a line for each name; an empty one has none\n"
    "      --control PATH      listen there for control clients: pull lines, read\n"
    "                          values, wait, count interrupts (send "
    "'help')\n" FEATURES_HELP
    "      --once              end when the first front end is gone\n"
    "      --print-capabilities  print what this back end is, as JSON, and exit\n"
    "  -v, --verbose           tell on stderr who comes and goes; twice: every event\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "One front end at a time; the next waits until it is gone. What was pulled stays.\n"
    "SIGTERM and SIGINT end it and remove its sockets.\n"
    "\n"
    "Example: vgpio serve -s /tmp/gpio.sock --sim led,button,,reset --control /tmp/ctl\n";

enum {
    OPT_SIM = 256,
    OPT_CONTROL,
    OPT_ONCE,
    OPT_FD,
    OPT_CAPS,
    DONE
};

static const struct option longs[] = {
    {"socket-path", required_argument, NULL, 's'},
    {"sim", required_argument, NULL, OPT_SIM},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"once", no_argument, NULL, OPT_ONCE},
    {"fd", required_argument, NULL, OPT_FD},
    FEATURES_LONGS,
    {"print-capabilities", no_argument, NULL, OPT_CAPS},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int usage(const char *text)
{
    return cli_usage_error("serve", "%s", text);
}

static int take_fd(struct options *o, const char *text)
{
    uint64_t n;

    if (!cli_number(text, INT_MAX, &n)) {
        return cli_usage_error("serve", "--fd: '%s' is not a number", text);
    }
    o->fd = (int)n;
    return CLI_OK;
}

/* CLI_OK: go on; DONE: nothing left to do; else the exit code. */
static int take_option(struct options *o, int c, char **argv)
{
    switch (c) {
    case 's':
        o->socket_path = optarg;
        return CLI_OK;
    case OPT_SIM:
        o->sim = optarg;
        return CLI_OK;
    case OPT_CONTROL:
        o->control_path = optarg;
        return CLI_OK;
    case OPT_ONCE:
        o->once = true;
        return CLI_OK;
    case OPT_FD:
        return take_fd(o, optarg);
    case 'v':
        o->verbose++;
        return CLI_OK;
    case 'h':
        fputs(help, stdout);
        return DONE;
    case 'V':
        cli_version();
        return DONE;
    default:
        return features_option(&o->features, c) ? CLI_OK
                                                : cli_bad_option("serve", argv, c);
    }
}

static int check_options(const struct options *o, int argc, char **argv)
{
    if (optind < argc) {
        return cli_usage_error("serve", "unexpected argument '%s'", argv[optind]);
    }
    if (o->socket_path == NULL && o->fd < 0) {
        return usage("--socket-path PATH (or --fd N) is missing");
    }
    if (o->socket_path != NULL && o->fd >= 0) {
        return usage("--socket-path and --fd exclude each other");
    }
    if (o->socket_path != NULL && !sock_path_fits(o->socket_path)) {
        return usage("--socket-path: empty, or too long for a socket");
    }
    if (o->control_path != NULL && !sock_path_fits(o->control_path)) {
        return usage("--control: empty, or too long for a socket");
    }
    if (o->control_path != NULL && o->socket_path != NULL &&
        strcmp(o->control_path, o->socket_path) == 0) {
        return usage("--control and --socket-path are the same path");
    }
    if (o->sim == NULL) {
        return usage("--sim N or --sim NAME,NAME,... is missing");
    }
    return CLI_OK;
}

/* 1: listening, 0: connected. */
static int fd_listens(int fd)
{
    int type = 0, listens = 0;
    socklen_t len = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) {
        return -1;
    }
    len = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 ? -1 : listens;
}

static int open_listeners(const struct options *o, struct sock_listener *front,
                          struct sock_listener *control)
{
    char why[256];

    if (o->socket_path != NULL &&
        sock_listen(front, o->socket_path, why, sizeof why) < 0) {
        cli_error("--socket-path %s", why);
        return -1;
    }
    if (o->fd >= 0 && fd_listens(o->fd) > 0 && sock_adopt(front, o->fd) < 0) {
        cli_error("--fd %d: cannot be used", o->fd);
        return -1;
    }
    if (o->control_path != NULL &&
        sock_listen(control, o->control_path, why, sizeof why) < 0) {
        cli_error("--control %s", why);
        return -1;
    }
    return 0;
}

static int serve(const struct options *o, struct bank *bank)
{
    struct sock_listener front = {.fd = -1}, control = {.fd = -1};
    static struct server server; /* two messages of 4 KiB are much for a stack */
    int code = CLI_FAILED;

    if (open_listeners(o, &front, &control) == 0 &&
        server_init(&server, bank, &front, &control) == 0) {
        server.once = o->once;
        server.verbose = o->verbose;
        if (front.fd >= 0 || server_attach(&server, o->fd) == 0) {
            if (o->verbose > 0) {
                cli_error("ready: %u lines", bank->nlines);
            }
            code = server_run(&server);
        }
        server_free(&server);
    }
    sock_unlisten(&control);
    sock_unlisten(&front);
    return code;
}

/* Before any socket exists: from then on a signal must not leave one behind. */
static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int serve_bank(const struct options *o)
{
    struct bank bank;
    char why[256 + BANK_NAME_MAX];
    const char *refused;
    int code;

    if (bank_init(&bank, o->sim, features_mask(&o->features), why, sizeof why) < 0) {
        code = cli_usage_error("serve", "--sim: %s", why);
    } else if ((refused = features_refused(&o->features, bank_offered(&bank))) != NULL) {
        code = cli_usage_error("serve", "%s", refused);
    } else {
        code = serve(o, &bank);
    }
    bank_free(&bank);
    return code;
}

/* As the standard for back ends has it: everything else is ignored. */
static bool wants_capabilities(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--print-capabilities") == 0) {
            return true;
        }
    }
    return false;
}

int cmd_serve(int argc, char **argv)
{
    struct options o = {.fd = -1};
    int c, code;

    if (wants_capabilities(argc, argv)) {
        puts("{\"type\": \"gpio\", \"features\": []}");
        return CLI_OK;
    }
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":s:vhV", longs, NULL)) != -1) {
        code = take_option(&o, c, argv);
        if (code != CLI_OK) {
            return code == DONE ? CLI_OK : code;
        }
    }
    code = check_options(&o, argc, argv);
    if (code != CLI_OK) {
        return code;
    }
    if (o.fd >= 0 && fd_listens(o.fd) < 0) {
        return cli_usage_error("serve", "--fd %d is not a stream socket", o.fd);
    }
    block_signals();
    return serve_bank(&o);
}
