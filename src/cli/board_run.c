/* SPDX-License-Identifier: BSD-3-Clause */
#include "board_run.h"

#include "cli.h"

#include <string.h>

/* --- what is read --- */

static int load_play(struct board_run *b, struct script_play *p)
{
    const struct script_step *s = &b->script.steps[p->step];
    struct lex_error err;
    size_t len;
    char *text = lex_read_file(p->file, VCD_FILE_MAX, &len);

    if (text == NULL) {
        return -1;
    }
    if (vcd_parse(&p->vcd, text, len, &err) < 0) {
        cli_error("%s:%u:%u: %s", p->file, err.line, err.col, err.text);
        return -1;
    }
    if (script_map(&b->board, p) < 0) {
        cli_error("%s:%u:%u: %s has no signal of a line's name, expected one of device "
                  "'%s'",
                  b->script_file, s->line, s->col, p->file,
                  b->board.devices[p->device].name);
        return -1;
    }
    return 0;
}

static int load_script(struct board_run *b)
{
    struct lex_error err;
    uint32_t i;
    size_t len;
    char *text = lex_read_file(b->script_file, LEX_FILE_MAX, &len);

    if (text == NULL) {
        return -1;
    }
    if (script_parse(&b->script, &b->board, text, len, &err) < 0) {
        cli_error("%s:%u:%u: %s", b->script_file, err.line, err.col, err.text);
        return -1;
    }
    for (i = 0; i < b->script.nplays; i++) {
        if (load_play(b, &b->script.plays[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int board_run_load(struct board_run *b)
{
    if (rig_load(b->board_file, &b->board) < 0) {
        return -1;
    }
    return b->script_file != NULL ? load_script(b) : 0;
}

/* --- what runs --- */

static void on_value(void *ctx, uint16_t pin, unsigned level)
{
    struct board_run *b = ctx;

    recorder_note(&b->recorder, pin, level);
    script_value(&b->run, pin, level);
}

static void on_guest(void *ctx, uint32_t device)
{
    script_guest(&((struct board_run *)ctx)->run, device);
}

static void on_armed(void *ctx, uint16_t pin)
{
    script_armed(&((struct board_run *)ctx)->run, pin);
}

static void on_script_end(void *ctx)
{
    struct board_run *b = ctx;

    b->guests->stop = true;
}

/* Steps and recordings know nodes by their numbers. */
static int on_reload(void *ctx)
{
    struct board_run *b = ctx;

    return rig_reload(&b->rig, !b->run.active && b->vcd_file == NULL);
}

int board_run_init(struct board_run *b)
{
    if (b->vcd_file != NULL && recorder_open(&b->recorder, b->vcd_file) < 0) {
        return -1;
    }
    return rig_init(&b->rig, &b->board, b->board_file, &b->clock);
}

int board_run_start(struct board_run *b, struct guests *g)
{
    size_t i;

    b->guests = g;
    g->clock_taken = &b->run.active;
    g->reload = on_reload;
    g->reload_ctx = b;
    for (i = 0; i < g->n; i++) {
        b->rig.devices[i].server = &g->server[i];
    }
    rig_start(&b->rig);
    if (b->vcd_file != NULL && recorder_start(&b->recorder, &b->rig) < 0) {
        return -1;
    }
    b->rig.on_value = on_value;
    b->rig.on_guest = on_guest;
    b->rig.on_armed = on_armed;
    b->rig.watch_ctx = b;
    b->run.ended = on_script_end;
    b->run.ctx = b;
    if (b->script_file != NULL &&
        script_start(&b->run, &b->script, &b->rig, b->script_file, &g->machine) < 0) {
        cli_error("out of memory");
        return -1;
    }
    return 0;
}

int board_run_end(struct board_run *b)
{
    int code = recorder_end(&b->recorder);

    b->rig.on_value = NULL;
    b->rig.on_guest = NULL;
    b->rig.on_armed = NULL;
    script_stop(&b->run);
    return code < 0 || b->run.failed ? -1 : 0;
}

void board_run_free(struct board_run *b)
{
    recorder_free(&b->recorder);
    rig_free(&b->rig);
    script_free(&b->script);
    board_free(&b->board);
}
