/* SPDX-License-Identifier: BSD-3-Clause */
#include "bank.h"
#include "chip.h"
#include "cli.h"
#include "features.h"
#include "guests.h"
#include "sockets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/bridge.h>

#define TIMEOUT_MS 30000u
#define NIRQ_MAX 16384u
#define TURNS 64 /* of the bridge, before the loop gets its turn */

static const char help[] =
    "usage: vgpio bridge -c PATH -s PATH [options]\n"
    "Serves the lines of one vhost-user GPIO back end as another one, in the same "
    "dialect\n"
    "or in the other: a guest with an old driver on a new device, or the other way "
    "round.\n"
    "\n"
    "  -c, --chip PATH         the back end whose lines these are; what it speaks is "
    "found\n"
    "                          out\n"
    "  -s, --socket-path PATH  listen on this UNIX socket for a front end\n"
    "      --dialect D         what it is served: standard (as without it), draft, or\n"
    "                          draft-2021\n" FEATURES_HELP
    "      --once              end when the first front end is gone\n"
    "  -v, --verbose           tell on stderr who comes and goes; twice: every event\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "It ends with the back end; a signal ends it and removes its socket.\n";

enum {
    OPT_ONCE = 256,
    OPT_DIALECT
};

static const struct option longs[] = {
    {"chip", required_argument, NULL, 'c'},
    {"socket-path", required_argument, NULL, 's'},
    {"dialect", required_argument, NULL, OPT_DIALECT},
    FEATURES_LONGS,
    {"once", no_argument, NULL, OPT_ONCE},
    {"verbose", no_argument, NULL, 'v'},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "bridge",
    .help = help,
    .longs = longs,
};

struct options {
    const char *chip, *socket;
    enum bank_dialect dialect;
    struct features features;
    bool once;
    unsigned verbose;
};

/* The two links, and what joins them. */
struct joint {
    struct chip chip;
    struct bank bank;
    struct vgpio_bridge bridge;
    struct vgpio_bridge_line *lines;
    struct sock_listener front, control;
    struct guests guests;
    struct server server;
    struct ev_source chip_source;
    bool failed;
};

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;

    switch (option) {
    case 'c':
        o->chip = optarg;
        return CLI_OK;
    case 's':
        o->socket = optarg;
        return CLI_OK;
    case OPT_DIALECT:
        return bank_dialect_of(optarg, &o->dialect)
                   ? CLI_OK
                   : cli_usage_error("bridge", "--dialect: there is no '%s'", optarg);
    case OPT_ONCE:
        o->once = true;
        return CLI_OK;
    case 'v':
        o->verbose++;
        return CLI_OK;
    default:
        (void)features_option(&o->features, option);
        return CLI_OK;
    }
}

/* ---- downstream moves ---- */

static void dead(struct joint *j, const char *why)
{
    if (!j->failed) {
        cli_error("%s: %s", j->chip.name, why);
    }
    j->failed = true;
    j->guests.stop = true;
}

static void run(void *ctx)
{
    struct joint *j = ctx;
    int turns = TURNS;
    int n;

    if (j->failed) {
        return;
    }
    n = vgpio_vuf_linux_wait(&j->chip.front, 0);
    if (n < 0 || (n & (int)(VGPIO_VUF_ERR(0) | VGPIO_VUF_ERR(1))) != 0) {
        dead(j, "the back end is gone");
        return;
    }
    do {
        n = vgpio_bridge_run(&j->bridge);
        if (n == 0) {
            n = vgpio_drv_rearm(&j->chip.drv);
        }
    } while (n > 0 && --turns > 0);
    if (n < 0) {
        dead(j, vgpio_strerror(n));
    }
}

static void chip_ready(void *ctx, uint32_t events)
{
    struct joint *j = ctx;

    (void)events;
    guests_touch(&j->server);
}

/* ---- the whole ---- */

static int open_chip(struct joint *j, const struct options *o)
{
    unsigned nlines;

    if (chip_open(&j->chip, o->chip, o->chip, 0, TIMEOUT_MS) < 0) {
        return -1;
    }
    /* Now that the number of lines is known: again, with an interrupt for each. */
    nlines = j->chip.nlines;
    chip_close(&j->chip);
    return chip_open(&j->chip, o->chip, o->chip, nlines < NIRQ_MAX ? nlines : NIRQ_MAX,
                     TIMEOUT_MS);
}

static int join(struct joint *j, const struct options *o)
{
    struct vgpio_bridge_config bc = {0};
    const struct bank_lines lines = {.names = j->chip.names,
                                     .n = (uint16_t)j->chip.nlines,
                                     .ops = &vgpio_bridge_ops,
                                     .ctx = &j->bridge};
    char why[256];

    j->lines = calloc(j->chip.nlines, sizeof *j->lines);
    if (j->lines == NULL) {
        cli_error("%s", strerror(errno));
        return -1;
    }
    if (bank_init_over(&j->bank, o->dialect, &lines, features_mask(&o->features), why,
                       sizeof why) < 0) {
        cli_error("%s: %s", o->chip, why);
        return -1;
    }
    j->bank.run = run;
    j->bank.run_ctx = j;
    bc.drv = &j->chip.drv;
    bc.sink = bank_sink(&j->bank);
    bc.lines = j->lines;
    bc.nlines = j->chip.nlines;
    return vgpio_bridge_init(&j->bridge, &bc) == 0 ? 0 : -1;
}

static int serve(struct joint *j, const struct options *o)
{
    char why[256];

    if (sock_listen(&j->front, o->socket, why, sizeof why) < 0) {
        cli_error("--socket-path %s", why);
        return -1;
    }
    if (server_init(&j->server, &j->guests, &j->bank, &j->front, &j->control) < 0 ||
        ev_add(&j->guests.loop, &j->chip_source, j->chip.front.poll_fd, EPOLLIN,
               chip_ready, j) < 0) {
        return -1;
    }
    j->server.once = o->once;
    j->server.verbose = o->verbose;
    if (o->verbose > 0) {
        cli_error("ready: %u lines", j->bank.nlines);
    }
    return 0;
}

static int bridge(const struct options *o)
{
    struct joint *j = calloc(1, sizeof *j);
    int code = CLI_FAILED;

    if (j == NULL || guests_init(&j->guests, &j->server, 1) < 0) {
        cli_error("%s", strerror(errno));
        free(j);
        return CLI_FAILED;
    }
    j->front.fd = j->control.fd = j->chip_source.fd = -1;
    if (open_chip(j, o) == 0 && join(j, o) == 0 && serve(j, o) == 0) {
        code = guests_run(&j->guests);
    }
    ev_remove(&j->guests.loop, &j->chip_source);
    server_free(&j->server);
    sock_unlisten(&j->front);
    guests_free(&j->guests);
    code = j->failed ? CLI_FAILED : code;
    chip_close(&j->chip);
    bank_free(&j->bank);
    free(j->lines);
    free(j);
    return code;
}

int cmd_bridge(int argc, char **argv)
{
    struct options o = {0};
    int code = cli_options(&grammar, argc, argv, take_option, &o);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (optind < argc) {
        return cli_usage_error("bridge", "unexpected argument '%s'", argv[optind]);
    }
    if (o.chip == NULL || o.socket == NULL) {
        return cli_usage_error("bridge", "--chip PATH and --socket-path PATH are needed");
    }
    if (!sock_path_fits(o.socket) || strcmp(o.chip, o.socket) == 0) {
        return cli_usage_error("bridge", "--socket-path: empty, too long, or the chip's");
    }
    sock_block_signals();
    return bridge(&o);
}
