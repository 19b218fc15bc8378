/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of lines from anybody. Asserted: no read outside the text (sanitizer), nothing
 * leaked, a table that is good in itself, and with an error a place in the text and an
 * empty table. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/cli/lines_spec.h"

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_table(const struct lines_spec *s)
{
    uint32_t i, j;

    MUST(s->n > 0 && s->n <= LINES_MAX && s->nchips > 0);
    for (i = 0; i < s->n; i++) {
        const struct lines_item *a = &s->items[i];

        MUST(a->chip < s->nchips && strchr(s->chips[a->chip], '/') != NULL);
        MUST(a->line > 0 && a->column > 0);
        for (j = i + 1; j < s->n && j < i + 8; j++) {
            const struct lines_item *b = &s->items[j];

            MUST(a->chip != b->chip || a->offset != b->offset);
            MUST(a->name == NULL || b->name == NULL || a->name[0] == '\0' ||
                 strcmp(a->name, b->name) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lines_spec spec;
    unsigned line = 0, column = 0;
    char why[256] = "";
    char *text = malloc(size); /* its very size, for the sanitizer */

    if (text == NULL && size != 0) {
        return 0;
    }
    if (size != 0) {
        memcpy(text, data, size);
    }
    if (lines_parse(&spec, "file", text, size, why, sizeof why) == 0) {
        check_table(&spec);
        lines_free(&spec);
    } else {
        MUST(sscanf(why, "file:%u:%u: ", &line, &column) == 2 && line > 0 && column > 0);
        MUST(strchr(why, '\n') == NULL);
    }
    MUST(spec.n == 0 && spec.items == NULL && spec.chips == NULL);
    free(text);
    return 0;
}
