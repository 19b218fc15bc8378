/* SPDX-License-Identifier: BSD-3-Clause */
/* A stimulus script for a small board, any bytes. Asserted: memory stays inside its
 * bounds (ASan); an error has a place inside the file and says what was expected; in a
 * script that is taken every step names what there is, and every repeat has its end. */
#include "cli/script.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char board_text[] = "device panel lines=8\nline panel.button 0 pull-up\n"
                                 "line panel.led 3\ndevice other lines=2\nnode n\n";

static void check(int good)
{
    if (!good) {
        abort();
    }
}

static char *copy_of(const void *data, size_t size)
{
    char *text = malloc(size + 1);

    check(text != NULL);
    memcpy(text, data, size);
    return text;
}

static void check_steps(const struct script *s, const struct board *b)
{
    uint32_t i;

    for (i = 0; i < s->nsteps; i++) {
        const struct script_step *p = &s->steps[i];

        check(p->line >= 1 && p->time_us <= LEX_TIME_MAX_US);
        switch (p->op) {
        case SCRIPT_GUEST:
            check(p->pin < b->ndevices);
            break;
        case SCRIPT_REPEAT:
            check(p->count > 0 && p->jump > i && p->jump <= s->nsteps &&
                  s->steps[p->jump - 1].op == SCRIPT_END);
            break;
        case SCRIPT_END:
            check(p->jump < i && s->steps[p->jump].op == SCRIPT_REPEAT);
            break;
        case SCRIPT_PLAY:
            check(p->jump < s->nplays && s->plays[p->jump].device < b->ndevices);
            break;
        case SCRIPT_FAULT:
            check(p->jump < s->nrules && p->pin < b->npins);
            break;
        case SCRIPT_SAY:
            check(p->text != NULL);
            break;
        default:
            check(p->pin < b->npins && p->level <= VGPIO_FLOATING);
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lex_error err;
    struct script s;
    struct board b;
    size_t i;
    unsigned lines = 1;

    check(board_parse(&b, copy_of(board_text, sizeof board_text - 1),
                      sizeof board_text - 1, &err) == 0);
    if (script_parse(&s, &b, copy_of(data, size), size, &err) == 0) {
        check_steps(&s, &b);
    } else {
        for (i = 0; i < size; i++) {
            lines += data[i] == '\n';
        }
        check(err.line >= 1 && err.line <= lines && err.col >= 1 && err.col <= size + 2);
        check(strstr(err.text, "expected ") != NULL || strlen(err.text) > 200);
    }
    script_free(&s);
    board_free(&b);
    return 0;
}
