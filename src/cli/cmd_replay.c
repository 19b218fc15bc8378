/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "evloop.h"
#include "outside.h"
#include "vcd.h"
#include "wavelog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_MS 30000u
#define NOWHERE (-1)

static const char help[] =
    "usage: vgpio replay [options] FILE SOCKET [LINE]...\n"
    "Applies to lines from outside what was recorded: a text log of 'vgpio record', or "
    "a\n"
    "VCD file of anybody. Signals go to the lines of the same names.\n"
    "\n"
    "      --fast     do not wait between changes\n"
    "      --advance  do not wait either, but move the server's virtual clock\n"
    "  -h, --help     print this and exit\n"
    "  -V, --version  print the version and exit\n"
    "\n"
    "With LINEs (numbers or names) only these are touched. x and z are left alone.\n"
    "\n"
    "Example: vgpio replay press.vcd /tmp/ctl button\n";

enum {
    OPT_FAST = 256,
    OPT_ADVANCE
};

static const struct option longs[] = {
    {"fast", no_argument, NULL, OPT_FAST},
    {"advance", no_argument, NULL, OPT_ADVANCE},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "replay",
    .help = help,
    .longs = longs,
};

enum pace {
    PACE_REAL,
    PACE_FAST,
    PACE_ADVANCE
};

struct replay {
    struct outside out;
    struct vcd_file file;
    int *line_of; /* of each signal, or NOWHERE */
    enum pace pace;
    uint64_t start_us, now_us;
};

/* --- which signal is which line --- */

/* A line without a name is called by its number, in one way or another. */
static int by_number(const struct replay *r, const char *signal)
{
    bool ours = strncmp(signal, "line", 4) == 0;
    uint64_t n;

    if (!cli_number(ours ? signal + 4 : signal, r->out.nlines - 1u, &n)) {
        return NOWHERE;
    }
    /* There may be a line that somebody named line3. */
    return ours && r->out.names[n][0] != '\0' ? NOWHERE : (int)n;
}

static int find_line(const struct replay *r, const char *signal)
{
    const struct wave w = {.names = r->out.names, .nlines = r->out.nlines};
    int line = by_number(r, signal);
    char word[64];
    uint16_t i;

    for (i = 0; line == NOWHERE && i < r->out.nlines; i++) {
        if (strcmp(signal, r->out.names[i]) == 0) {
            line = i;
        }
    }
    /* A waveform of ours says names as far as VCD can. */
    for (i = 0; line == NOWHERE && i < r->out.nlines; i++) {
        wave_word(&w, i, word, sizeof word);
        if (strcmp(signal, word) == 0) {
            line = i;
        }
    }
    return line;
}

/* Only the lines of the command line, if it names some. -1: said why. */
static int choose(struct replay *r, char **lines, int nlines)
{
    bool *chosen = calloc(r->out.nlines, sizeof *chosen);
    uint32_t i;
    int k;

    if (chosen == NULL) {
        cli_error("out of memory");
        return -1;
    }
    for (k = 0; k < nlines; k++) {
        int line = outside_line(&r->out, lines[k]);

        if (line < 0) {
            free(chosen);
            return -1;
        }
        chosen[line] = true;
    }
    for (i = 0; nlines > 0 && i < r->file.nsignals; i++) {
        if (r->line_of[i] != NOWHERE && !chosen[r->line_of[i]]) {
            r->line_of[i] = NOWHERE;
        }
    }
    free(chosen);
    return 0;
}

static int map_signals(struct replay *r, const char *path, char **lines, int nlines)
{
    uint32_t found = 0, i;

    r->line_of = calloc(r->file.nsignals + 1u, sizeof *r->line_of);
    if (r->line_of == NULL) {
        cli_error("out of memory");
        return -1;
    }
    for (i = 0; i < r->file.nsignals; i++) {
        r->line_of[i] = r->file.signals[i].code == NULL
                            ? NOWHERE
                            : find_line(r, r->file.signals[i].name);
    }
    if (choose(r, lines, nlines) < 0) {
        return -1;
    }
    for (i = 0; i < r->file.nsignals; i++) {
        found += r->line_of[i] != NOWHERE;
    }
    if (found == 0) {
        cli_error("%s: no signal has the name of a line of %s", path, r->out.path);
        return -1;
    }
    return 0;
}

/* --- the file --- */

static int read_file(struct replay *r, const char *path)
{
    struct lex_error err = {0};
    size_t len = 0;
    char *text = lex_read_file(path, WAVELOG_FILE_MAX, &len);
    int code;

    if (text == NULL) {
        return -1;
    }
    code = len >= 9 && memcmp(text, "vgpio-log", 9) == 0
               ? wavelog_parse(&r->file, text, len, &err)
               : vcd_parse(&r->file, text, len, &err);
    if (code < 0) {
        cli_error("%s:%u:%u: %s", path, err.line, err.col, err.text);
    }
    return code;
}

/* --- playing --- */

static int wait_for(struct replay *r, uint64_t us)
{
    uint64_t due = r->start_us + us;
    struct timespec t = {(time_t)(due / 1000000u), (long)(due % 1000000u) * 1000};
    char command[64];

    if (us == r->now_us || r->pace == PACE_FAST) {
        return 0;
    }
    if (r->pace == PACE_REAL) {
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
        }
    } else {
        snprintf(command, sizeof command, "clock advance %" PRIu64 "us", us - r->now_us);
        if (vgpio_ctl_ask(&r->out.ctl, command, NULL, 0) < 0) {
            return outside_fault(&r->out);
        }
    }
    r->now_us = us;
    return 0;
}

static int play(struct replay *r)
{
    char line[16];
    uint32_t i;

    r->start_us = evloop_now();
    for (i = 0; i < r->file.nchanges; i++) {
        const struct vcd_change *c = &r->file.changes[i];
        int to = r->line_of[c->signal];

        if (to == NOWHERE || c->level > 1) {
            continue;
        }
        snprintf(line, sizeof line, "%d", to);
        if (wait_for(r, c->us) < 0) {
            return -1;
        }
        if (vgpio_ctl_pull(&r->out.ctl, line, c->level) < 0) {
            return outside_fault(&r->out);
        }
    }
    if (wait_for(r, r->file.end_us) < 0) {
        return -1;
    }
    return vgpio_ctl_barrier(&r->out.ctl) < 0 ? outside_fault(&r->out) : 0;
}

static int run(enum pace pace, char **argv, int argc)
{
    struct replay r = {.pace = pace};
    int code = CLI_FAILED;

    r.out.ctl.fd = -1;
    if (read_file(&r, argv[0]) == 0 && outside_open(&r.out, argv[1], ANSWER_MS) == 0 &&
        map_signals(&r, argv[0], argv + 2, argc - 2) == 0 && play(&r) == 0) {
        code = CLI_OK;
    }
    outside_close(&r.out);
    vcd_free(&r.file);
    free(r.line_of);
    return code;
}

static int take_option(void *ctx, int option)
{
    *(enum pace *)ctx = option == OPT_FAST ? PACE_FAST : PACE_ADVANCE;
    return CLI_OK;
}

int cmd_replay(int argc, char **argv)
{
    enum pace pace = PACE_REAL;
    int code = cli_options(&grammar, argc, argv, take_option, &pace);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (argc - optind < 2) {
        return cli_usage_error("replay", "%s is missing",
                               argc == optind ? "FILE" : "SOCKET");
    }
    return run(pace, argv + optind, argc - optind);
}
