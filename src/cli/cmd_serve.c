/* SPDX-License-Identifier: BSD-3-Clause */
#include "bank.h"
#include "board_run.h"
#include "cli.h"
#include "features.h"
#include "guests.h"
#include "host_lines.h"
#include "sandbox.h"
#include "service.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* What an option was given, in order. */
struct words {
    const char **at;
    size_t n;
};

struct options {
    struct words sockets, controls, sims;
    struct words lines, files; /* in place of sims */
    int fd;
    bool once;
    unsigned verbose;
    enum bank_dialect dialect;
    struct features features;
    struct service service;
    struct handed handed;   /* sockets in place of paths */
    struct board_run board; /* without a file: only its clock */
    bool virtual_time;
};

static const char help[] =
    "usage: vgpio serve -s PATH --sim N|NAME,NAME,... [options]\n"
    "       vgpio serve --board FILE [options]\n"
    "       vgpio serve -s PATH --lines CHIP:LINE[=NAME],... [options]\n"
    "Serves GPIO lines, simulated ones or this machine's, to a virtual machine, as a\n"
    "vhost-user back end.\n"
    "\n"
    "  -s, --socket-path PATH  listen on this UNIX socket for a front end; given more\n"
    "                          than once, each is a guest with lines of its own\n"
    "      --fd N              or: descriptor N is the socket, connected or listening\n"
    "      --sim N             N lines without names (1 to 65535)\n"
    "      --sim NAME,NAME,... a line for each name; an empty one has none\n"
    "      --lines LIST        lines of this machine, as "
    "gpiochip0:3=RESET,gpiochip1:0-15;\n"
    "                          behind each, options after blanks: see vgpio(1)\n"
    "      --lines-file FILE   such a list, one entry a line\n"
    "      --control PATH      listen there for control clients: pull lines, read\n"
    "                          values, wait, count interrupts (send 'help')\n"
    "                          With several guests, --sim and --control may be given\n"
    "                          once for each, in the order of the "
    "sockets; --lines\n"
    "                          must.\n"
    "      --board FILE        devices, their lines and what lies between these: see\n"
    "                          vgpio-board(5); --socket-path and --control may be given\n"
    "                          once for each device, in place of what the board says\n"
    "      --script FILE       what the outside does to the board, and what it expects:\n"
    "                          see vgpio-script(5)\n"
    "      --vcd FILE          write there what the lines of the board did\n"
    "      --virtual-time      time stands still unless the script, or 'clock advance' "
    "on\n"
    "                          the control socket, moves it: each run is the same\n"
    "      --dialect D         speak the standard (as without it), or draft, or "
    "draft-2021:\n"
    "                          the protocol before it, for its old "
    "drivers\n" FEATURES_HELP SERVICE_HELP
    "      --once              end when the first front end is gone\n"
    "      --print-capabilities  print what this back end is, as JSON, and exit\n"
    "  -v, --verbose           tell on stderr who comes and goes; twice: every event\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "One front end at a time on each socket; the next waits until it is gone. What was\n"
    "pulled stays.\n"
    "SIGTERM and SIGINT end it and remove its sockets.\n"
    "\n"
    "Example: vgpio serve -s /tmp/gpio.sock --sim led,button,,reset --control /tmp/ctl\n";

enum {
    OPT_SIM = 256,
    OPT_LINES,
    OPT_LINES_FILE,
    OPT_CONTROL,
    OPT_ONCE,
    OPT_FD,
    OPT_CAPS,
    OPT_DIALECT,
    OPT_BOARD,
    OPT_SCRIPT,
    OPT_VCD,
    OPT_VIRTUAL
};

static const struct option longs[] = {
    {"socket-path", required_argument, NULL, 's'},
    {"sim", required_argument, NULL, OPT_SIM},
    {"lines", required_argument, NULL, OPT_LINES},
    {"lines-file", required_argument, NULL, OPT_LINES_FILE},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"board", required_argument, NULL, OPT_BOARD},
    {"script", required_argument, NULL, OPT_SCRIPT},
    {"vcd", required_argument, NULL, OPT_VCD},
    {"virtual-time", no_argument, NULL, OPT_VIRTUAL},
    {"once", no_argument, NULL, OPT_ONCE},
    {"fd", required_argument, NULL, OPT_FD},
    {"dialect", required_argument, NULL, OPT_DIALECT},
    FEATURES_LONGS,
    SERVICE_LONGS,
    {"print-capabilities", no_argument, NULL, OPT_CAPS},
    {"verbose", no_argument, NULL, 'v'},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "serve",
    .help = help,
    .longs = longs,
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

static int add_word(struct words *w, const char *text)
{
    const char **p = realloc(w->at, (w->n + 1) * sizeof *p);

    if (p == NULL) {
        cli_error("%s", strerror(errno));
        return CLI_FAILED;
    }
    w->at = p;
    w->at[w->n++] = text;
    return CLI_OK;
}

/* False: it is none of these. */
static bool take_board_option(struct options *o, int c)
{
    switch (c) {
    case OPT_BOARD:
        o->board.board_file = optarg;
        return true;
    case OPT_SCRIPT:
        o->board.script_file = optarg;
        return true;
    case OPT_VCD:
        o->board.vcd_file = optarg;
        return true;
    case OPT_VIRTUAL:
        o->virtual_time = true;
        return true;
    default:
        return false;
    }
}

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;

    switch (option) {
    case 's':
        return add_word(&o->sockets, optarg);
    case OPT_SIM:
        return add_word(&o->sims, optarg);
    case OPT_LINES:
        return add_word(&o->lines, optarg);
    case OPT_LINES_FILE:
        return add_word(&o->files, optarg);
    case OPT_CONTROL:
        return add_word(&o->controls, optarg);
    case OPT_ONCE:
        o->once = true;
        return CLI_OK;
    case OPT_FD:
        return take_fd(o, optarg);
    case OPT_DIALECT:
        return bank_dialect_of(optarg, &o->dialect)
                   ? CLI_OK
                   : cli_usage_error("serve",
                                     "--dialect: '%s' is none; there are "
                                     "standard, draft and draft-2021",
                                     optarg);
    case 'v':
        o->verbose++;
        return CLI_OK;
    default:
        (void)(features_option(&o->features, option) ||
               service_option(&o->service, option, optarg) ||
               take_board_option(o, option));
        return CLI_OK;
    }
}

static int check_paths(const struct words *w, const char *option)
{
    size_t i;

    for (i = 0; i < w->n; i++) {
        if (w->at[i] != NULL && !sock_path_fits(w->at[i])) {
            return cli_usage_error("serve", "%s: empty, or too long for a socket",
                                   option);
        }
    }
    return CLI_OK;
}

static bool same_path(const struct words *a, const struct words *b)
{
    size_t i, j;

    for (i = 0; i < a->n; i++) {
        for (j = 0; j < b->n; j++) {
            if ((a != b || i != j) && a->at[i] != NULL && b->at[j] != NULL &&
                strcmp(a->at[i], b->at[j]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* One for all, or one for each. */
static const char *word_for(const struct words *w, size_t i)
{
    return w->at == NULL ? "" : w->at[w->n > 1 ? i : 0];
}

static bool fits(const struct words *w, size_t guests, size_t least)
{
    return w->n == guests || (w->n <= 1 && w->n >= least);
}

static int check_lines(const struct options *o, size_t guests)
{
    size_t hosts = o->lines.n + o->files.n;

    if (o->board.board_file != NULL) {
        return CLI_OK;
    }
    if (o->sims.n == 0 && hosts == 0) {
        return usage("--sim N or --sim NAME,NAME,... is missing, or --lines");
    }
    if ((o->sims.n != 0) + (o->lines.n != 0) + (o->files.n != 0) > 1) {
        return usage("--sim, --lines and --lines-file exclude each other");
    }
    if (hosts != 0 && hosts != guests) {
        return usage("--lines or --lines-file: give one for each --socket-path");
    }
    return hosts != 0 || fits(&o->sims, guests, 1)
               ? CLI_OK
               : usage("--sim: give one, or one for each --socket-path");
}

static size_t guests_of(const struct options *o)
{
    return o->fd >= 0 ? 1 : o->handed.nfronts > 0 ? o->handed.nfronts : o->sockets.n;
}

static int check_guests(const struct options *o)
{
    size_t n = guests_of(o);
    int code;

    if (same_path(&o->controls, &o->sockets)) {
        return usage("--control and --socket-path are the same path");
    }
    if (same_path(&o->sockets, &o->sockets) || same_path(&o->controls, &o->controls)) {
        return usage("the same path is given twice");
    }
    code = check_lines(o, n);
    if (code != CLI_OK) {
        return code;
    }
    return o->controls.n == 0 || o->controls.n == n
               ? CLI_OK
               : usage("--control: give none, or one for each --socket-path");
}

static int check_options(const struct options *o, int argc, char **argv)
{
    int code;

    if (optind < argc) {
        return cli_usage_error("serve", "unexpected argument '%s'", argv[optind]);
    }
    if (guests_of(o) == 0) {
        return usage("--socket-path PATH (or --fd N) is missing");
    }
    if (o->sockets.n != 0 && o->fd >= 0) {
        return usage("--socket-path and --fd exclude each other");
    }
    code = check_paths(&o->sockets, "--socket-path");
    if (code == CLI_OK) {
        code = check_paths(&o->controls, "--control");
    }
    return code == CLI_OK ? check_guests(o) : code;
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

/* One guest, and what it is made of. */
struct place {
    struct bank bank;
    struct host_lines *host; /* NULL: simulated lines */
    struct sock_listener front, control;
    char label[32]; /* its name where its socket has none */
};

static int open_listeners(const struct options *o, struct place *p, size_t i)
{
    char why[256];

    if (o->sockets.n != 0 &&
        sock_listen(&p->front, word_for(&o->sockets, i), why, sizeof why) < 0) {
        cli_error("--socket-path %s", why);
        return -1;
    }
    if (o->fd >= 0 && fd_listens(o->fd) > 0 && sock_adopt(&p->front, o->fd) < 0) {
        cli_error("--fd %d: cannot be used", o->fd);
        return -1;
    }
    if ((o->handed.nfronts > i && sock_adopt(&p->front, o->handed.front[i]) < 0) ||
        (o->handed.ncontrols > i && sock_adopt(&p->control, o->handed.control[i]) < 0)) {
        cli_error("LISTEN_FDS: %s", strerror(errno));
        return -1;
    }
    if (o->controls.n != 0 && word_for(&o->controls, i) != NULL &&
        sock_listen(&p->control, word_for(&o->controls, i), why, sizeof why) < 0) {
        cli_error("--control %s", why);
        return -1;
    }
    return 0;
}

static int start_guest(const struct options *o, struct guests *g, struct place *p,
                       size_t i)
{
    struct server *s = &g->server[i];

    if (open_listeners(o, p, i) < 0 ||
        server_init(s, g, &p->bank, &p->front, &p->control) < 0) {
        return -1;
    }
    s->once = o->once;
    s->verbose = o->verbose;
    snprintf(p->label, sizeof p->label, "guest %zu", i);
    s->name = g->n == 1 ? NULL : o->sockets.n > 0 ? word_for(&o->sockets, i) : p->label;
    if (p->front.fd < 0 && server_attach(s, o->fd) < 0) {
        return -1;
    }
    if (o->verbose > 0) {
        cli_error("%s%sready: %u lines", s->name != NULL ? s->name : "",
                  s->name != NULL ? ": " : "", p->bank.nlines);
    }
    return 0;
}

/* A guest takes some ten descriptors, and the usual limit is made for one program. */
static void raise_limit(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* The last thing before the loop: what could fail has not. */
static int start_hosts(struct place *place, struct server *server, size_t n)
{
    char why[256];
    size_t i;

    for (i = 0; i < n; i++) {
        if (place[i].host != NULL &&
            host_lines_start(place[i].host, &server[i], why, sizeof why) < 0) {
            cli_error("%s", why);
            return -1;
        }
    }
    return 0;
}

static void stop_host(struct place *p)
{
    if (p->host != NULL) {
        host_lines_stop(p->host);
    }
}

static int drop(const struct options *o)
{
    struct sandbox box = {.chips = o->lines.n + o->files.n > 0,
                          .remove = o->sockets.n > 0 || o->controls.n > 0};

    return service_drop(&o->service, &box, o->verbose > 0);
}

static int serve(struct options *o, struct place *place, size_t n)
{
    struct guests guests;
    struct server *server = calloc(n, sizeof *server);
    int code = CLI_FAILED;
    size_t i;

    if (server == NULL || guests_init(&guests, server, n) < 0) {
        cli_error("%s", strerror(errno));
        free(server);
        return CLI_FAILED;
    }
    guests.clock = &o->board.clock;
    if (n > 1) {
        raise_limit();
    }
    for (i = 0; i < n && start_guest(o, &guests, &place[i], i) == 0; i++) {
    }
    if (i == n && start_hosts(place, server, n) == 0 &&
        (o->board.board_file == NULL || board_run_start(&o->board, &guests) == 0)) {
        code = drop(o) < 0 ? CLI_FAILED : guests_run(&guests);
    }
    if (o->board.board_file != NULL && board_run_end(&o->board) < 0) {
        code = CLI_FAILED;
    }
    for (i = 0; i < n; i++) {
        stop_host(&place[i]);
        server_free(&server[i]);
        sock_unlisten(&place[i].control);
        sock_unlisten(&place[i].front);
    }
    guests_free(&guests);
    free(server);
    return code;
}

static int make_host_bank(const struct options *o, struct place *place,
                          struct host_lines *hosts, size_t i)
{
    const char *arg = word_for(o->files.n > 0 ? &o->files : &o->lines, i);
    char why[1024];

    place[i].host = &hosts[i];
    if (host_lines_read(&hosts[i], arg, o->files.n > 0, why, sizeof why) < 0) {
        return cli_usage_error("serve", "%s", why);
    }
    if (host_lines_check(&hosts[i], hosts, i, why, sizeof why) < 0 ||
        host_lines_bank(&hosts[i], &place[i].bank, o->dialect,
                        features_mask(&o->features), why, sizeof why) < 0) {
        cli_error("%s", why);
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* The lines of one guest. */
static int make_bank(struct options *o, struct place *place, struct host_lines *hosts,
                     size_t i)
{
    char why[256 + BANK_NAME_MAX];
    uint64_t mask = features_mask(&o->features);
    struct place *p = &place[i];
    const char *refused;

    p->front.fd = p->control.fd = -1;
    if (o->board.board_file != NULL) {
        if (rig_bank(&o->board.rig, (uint32_t)i, &p->bank, mask, why, sizeof why) < 0) {
            return cli_usage_error("serve", "--board: %s", why);
        }
    } else if (o->sims.n == 0) {
        int code = make_host_bank(o, place, hosts, i);

        if (code != CLI_OK) {
            return code;
        }
    } else if (bank_init(&p->bank, o->dialect, word_for(&o->sims, i), mask, why,
                         sizeof why) < 0) {
        return cli_usage_error("serve", "--sim: %s", why);
    }
    refused = features_refused(&o->features, bank_offered(&p->bank));
    return refused == NULL ? CLI_OK : cli_usage_error("serve", "%s", refused);
}

/* The lines of all guests first: wrong ones are a mistake on the command line. */
static int serve_banks(struct options *o)
{
    size_t n = guests_of(o) > 0 ? guests_of(o) : 1; /* parse() saw that there is one */
    struct place *place = calloc(n, sizeof *place);
    struct host_lines *hosts = calloc(n, sizeof *hosts);
    int code = CLI_OK;
    size_t i;

    if (place == NULL || hosts == NULL) {
        cli_error("%s", strerror(errno));
        code = CLI_FAILED;
    }
    if (o->board.board_file != NULL && board_run_init(&o->board) < 0) {
        code = CLI_FAILED;
    }
    for (i = 0; i < n && code == CLI_OK; i++) {
        code = make_bank(o, place, hosts, i);
    }
    if (code == CLI_OK) {
        code = serve(o, place, n);
    }
    for (i = 0; i < n && place != NULL && hosts != NULL; i++) {
        bank_free(&place[i].bank);
        host_lines_free(&hosts[i]);
    }
    free(hosts);
    free(place);
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

/* What the board says of sockets, unless the command line does. */
static int take_board(struct options *o)
{
    const struct board *b = &o->board.board;
    bool sockets = guests_of(o) == 0;
    bool controls = o->controls.n == 0 && o->handed.ncontrols == 0;
    uint32_t i;

    if (o->lines.n + o->files.n != 0) {
        return usage("--board and --lines exclude each other");
    }
    if (o->sims.n != 0 || o->dialect != BANK_STANDARD) {
        return usage("--board says what --sim and --dialect say: leave these out");
    }
    if (board_run_load(&o->board) < 0) {
        return CLI_FAILED;
    }
    for (i = 0; i < b->ndevices; i++) {
        if (sockets && b->devices[i].socket == NULL) {
            return cli_usage_error("serve",
                                   "device '%s' has no socket=; or give --socket-path "
                                   "once for each device",
                                   b->devices[i].name);
        }
        if ((sockets && add_word(&o->sockets, b->devices[i].socket) != CLI_OK) ||
            (controls && add_word(&o->controls, b->devices[i].control) != CLI_OK)) {
            return CLI_FAILED;
        }
    }
    return guests_of(o) == b->ndevices
               ? CLI_OK
               : usage("--socket-path: give none, or one for each device of the board");
}

/* Without a word about sockets: those of systemd. */
static int take_handed(struct options *o)
{
    char why[256];

    if (service_handed(&o->handed, getpid(), getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
                       getenv("LISTEN_FDNAMES"), why, sizeof why) < 0) {
        return cli_usage_error("serve", "%s", why);
    }
    return CLI_OK;
}

/* Those who start back ends by their description know no options of ours: by that name
 * there are lines without any. */
static int take_link(struct options *o, const char *self)
{
    const char *name = strrchr(self, '/');

    name = name != NULL ? name + 1 : self;
    return strcmp(name, CLI_VHOST_USER_LINK) != 0 ||
                   o->sims.n + o->lines.n + o->files.n != 0 || o->board.board_file != NULL
               ? CLI_OK
               : add_word(&o->sims, "8");
}

static int parse(struct options *o, int argc, char **argv)
{
    int code = cli_options(&grammar, argc, argv, take_option, o);

    if (code == CLI_OK && o->sockets.n == 0 && o->fd < 0) {
        code = take_handed(o);
    }
    if (code == CLI_OK) {
        code = take_link(o, argv[0]);
    }
    if (code != CLI_OK) {
        return code;
    }
    vclock_init(&o->board.clock, o->virtual_time);
    if (o->board.board_file == NULL &&
        (o->board.script_file != NULL || o->board.vcd_file != NULL)) {
        return usage("--script and --vcd need a --board");
    }
    code = o->board.board_file != NULL ? take_board(o) : CLI_OK;
    if (code == CLI_OK) {
        code = check_options(o, argc, argv);
    }
    if (code == CLI_OK && o->fd >= 0 && fd_listens(o->fd) < 0) {
        code = cli_usage_error("serve", "--fd %d is not a stream socket", o->fd);
    }
    return code;
}

int cmd_serve(int argc, char **argv)
{
    struct options o = {.fd = -1};
    int code;

    if (wants_capabilities(argc, argv)) {
        puts("{\"type\": \"gpio\", \"features\": []}");
        return CLI_OK;
    }
    code = parse(&o, argc, argv);
    if (code == CLI_OK) {
        sock_block_signals();
        code = serve_banks(&o);
    }
    free(o.sockets.at);
    free(o.controls.at);
    free(o.sims.at);
    board_run_free(&o.board);
    free(o.lines.at);
    free(o.files.at);
    return code == CLI_OVER ? CLI_OK : code;
}
