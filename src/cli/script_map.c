/* SPDX-License-Identifier: BSD-3-Clause */
/* Which signal of a VCD file is which line. */
#include "script.h"

#include "vcd.h"

#include <stdio.h>
#include <stdlib.h>

#define WORD 64

int script_map(const struct board *b, struct script_play *p)
{
    const struct board_device *d = &b->devices[p->device];
    struct wave w = {.names = d->names, .nlines = d->nlines};
    char word[WORD], whole[WORD + BANK_NAME_MAX + 2];
    uint32_t i;
    int mapped = -1;

    p->pin = calloc(p->vcd.nsignals + 1u, sizeof *p->pin);
    if (p->pin == NULL) {
        return -1;
    }
    for (i = 0; i < p->vcd.nsignals; i++) {
        p->pin[i] = UINT16_MAX;
    }
    for (i = 0; i < d->nlines; i++) {
        int signal;

        wave_word(&w, (uint16_t)i, word, sizeof word);
        signal = vcd_find(&p->vcd, word);
        if (signal < 0) { /* as a board's own recording calls it */
            snprintf(whole, sizeof whole, "%s_%s", d->name, word);
            signal = vcd_find(&p->vcd, whole);
        }
        if (signal >= 0) {
            p->pin[signal] = (uint16_t)(d->first + i);
            mapped = 0;
        }
    }
    return mapped;
}
