/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of a board's pins, and one board in place of another. */
#include "board.h"

#include <stdlib.h>
#include <string.h>

static void renumber(struct board *b, const uint16_t *to)
{
    uint32_t i;

    for (i = 0; i < b->nwires; i++) {
        b->wires[i].from = to[b->wires[i].from];
        b->wires[i].to = to[b->wires[i].to];
    }
    for (i = 0; i < b->njoins; i++) {
        b->joins[i].a = to[b->joins[i].a];
        b->joins[i].b = to[b->joins[i].b];
    }
    for (i = 0; i < b->nfaults; i++) {
        b->faults[i].pin = to[b->faults[i].pin];
    }
    for (i = 0; i < b->ndevices; i++) {
        b->devices[i].first = to[b->devices[i].first];
    }
    memset(b->bucket, 0xff, sizeof b->bucket);
    for (i = 0; i < b->npins; i++) {
        if (b->pins[i].name[0] != '\0') {
            board_enter(b, i);
        }
    }
}

int board_order(struct board *b, struct lex_error *err)
{
    struct board_pin *pins = calloc(b->npins, sizeof *pins);
    uint16_t *to = calloc(b->npins, sizeof *to);
    uint16_t n = 0;
    unsigned nodes;
    uint32_t i;

    if (pins == NULL || to == NULL) {
        free(pins);
        free(to);
        return lex_fail_at(err, 1, 1, "out of memory, expected a smaller board");
    }
    for (nodes = 0; nodes < 2; nodes++) {
        for (i = 0; i < b->npins; i++) {
            if ((b->pins[i].device == BOARD_NODE) == (nodes == 1)) {
                pins[n] = b->pins[i];
                to[i] = n++;
            }
        }
    }
    free(b->pins);
    b->pins = pins;
    renumber(b, to);
    free(to);
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

const char *board_differs(const struct board *a, const struct board *b)
{
    uint32_t i, line;

    if (a->ndevices != b->ndevices) {
        return "the number of devices";
    }
    for (i = 0; i < a->ndevices; i++) {
        const struct board_device *x = &a->devices[i], *y = &b->devices[i];

        if (strcmp(x->name, y->name) != 0 || x->dialect != y->dialect) {
            return "a device";
        }
        if (!same_text(x->socket, y->socket) || !same_text(x->control, y->control)) {
            return "the path of a socket";
        }
        if (x->nlines != y->nlines) {
            return "the number of lines of a device";
        }
        for (line = 0; line < x->nlines; line++) {
            if (strcmp(x->names[line], y->names[line]) != 0) {
                return "the name of a line";
            }
        }
    }
    return NULL;
}

void board_take(struct board *b, struct board *from)
{
    free(b->pins);
    free(b->wires);
    free(b->joins);
    free(b->faults);
    free(b->text_anew);
    b->pins = from->pins;
    b->wires = from->wires;
    b->joins = from->joins;
    b->faults = from->faults;
    b->text_anew = from->text;
    b->npins = from->npins;
    b->nwires = from->nwires;
    b->njoins = from->njoins;
    b->nfaults = from->nfaults;
    memcpy(b->bucket, from->bucket, sizeof b->bucket);
    from->pins = NULL;
    from->wires = NULL;
    from->joins = NULL;
    from->faults = NULL;
    from->text = NULL;
    board_free(from);
}
