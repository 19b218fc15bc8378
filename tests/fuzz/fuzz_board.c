/* SPDX-License-Identifier: BSD-3-Clause */
/* A board file, any bytes. Asserted: memory stays inside its bounds (ASan); an error has
 * a place inside the file and says what was expected; a board that is taken can be wired,
 * comes to rest, and all that its table names is there. */
#include "cli/board.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good) {
        abort();
    }
}

static void check_error(const struct lex_error *err, const uint8_t *data, size_t size)
{
    size_t i;
    unsigned lines = 1;

    for (i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    check(err->line >= 1 && err->line <= lines && err->col >= 1 && err->col <= size + 2);
    check(strstr(err->text, "expected ") != NULL || strlen(err->text) > 200);
}

static void check_table(const struct board *b)
{
    uint32_t i;

    check(b->ndevices > 0 && b->npins + b->nwires <= VGPIO_WIRING_MAX);
    for (i = 0; i < b->npins; i++) {
        const struct board_pin *p = &b->pins[i];

        check(p->device == BOARD_NODE || p->device < b->ndevices);
        check(p->pull <= VGPIO_FLOATING && p->kind <= VGPIO_OPEN_SOURCE);
        check(p->name[0] == '\0' || board_find(b, p->device, p->name) == i);
    }
    for (i = 0; i < b->nwires; i++) {
        check(b->wires[i].from < b->npins && b->wires[i].to < b->npins);
    }
    for (i = 0; i < b->nfaults; i++) {
        check(b->faults[i].pin < b->npins);
        check(b->faults[i].rule.kind != FAULT_STORM ||
              (b->faults[i].rule.time_us > 0 && b->faults[i].rule.times > 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lex_error err;
    struct board b;
    char *text = malloc(size + 1);

    check(text != NULL);
    memcpy(text, data, size);
    if (board_parse(&b, text, size, &err) < 0) {
        check_error(&err, data, size);
    } else {
        check_table(&b);
    }
    board_free(&b);
    return 0;
}
