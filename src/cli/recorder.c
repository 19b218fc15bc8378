/* SPDX-License-Identifier: BSD-3-Clause */
#include "recorder.h"

#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int recorder_open(struct recorder *r, const char *path)
{
    memset(r, 0, sizeof *r);
    r->path = path;
    r->f = fopen(path, "w");
    if (r->f == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return -1;
    }
    return 0;
}

int recorder_start(struct recorder *r, const struct rig *rig)
{
    uint32_t npins = rig->board->npins;
    char name[2 * BANK_NAME_MAX + 2];
    uint32_t i;

    r->rig = rig;
    r->start_us = vclock_now(rig->clock);
    r->names = calloc(npins, sizeof *r->names);
    r->initial = calloc(npins, 1);
    r->shown = calloc(npins, 1);
    for (i = 0; r->names != NULL && r->initial != NULL && r->shown != NULL && i < npins;
         i++) {
        board_pin_name(rig->board, (uint16_t)i, name, sizeof name);
        r->names[i] = strdup(name);
        r->initial[i] = r->shown[i] = rig_value(rig, (uint16_t)i) != 0 ? '1' : '0';
        if (r->names[i] == NULL) {
            break;
        }
    }
    if (i < npins) {
        cli_error("%s", strerror(ENOMEM));
        return -1;
    }
    return 0;
}

void recorder_note(struct recorder *r, uint16_t pin, unsigned level)
{
    char value = level != 0 ? '1' : '0';
    struct wave_change *c;

    /* A direction alone is no change: when a guest sets it is nobody's stimulus. */
    if (r->shown == NULL || r->shown[pin] == value) {
        return;
    }
    r->shown[pin] = value;
    if (r->n == RECORDER_MAX) {
        r->lost++;
        return;
    }
    if (r->n == 0 || (r->n & (r->n - 1)) == 0) {
        c = realloc(r->changes, (r->n == 0 ? 1u : 2u * (size_t)r->n) * sizeof *c);
        if (c == NULL) {
            r->lost++;
            return;
        }
        r->changes = c;
    }
    c = &r->changes[r->n++];
    c->ns = (vclock_now(r->rig->clock) - r->start_us) * 1000u;
    c->line = pin;
    c->value = value;
}

int recorder_end(struct recorder *r)
{
    struct wave w = {0};
    bool good;

    if (r->f == NULL || r->names == NULL) {
        return 0;
    }
    w.names = (const char *const *)r->names;
    w.initial = r->initial;
    w.nlines = (uint16_t)r->rig->board->npins;
    w.changes = r->changes;
    w.nchanges = r->n;
    w.end_ns = (vclock_now(r->rig->clock) - r->start_us) * 1000u;
    good = wave_write_vcd(&w, r->f);
    good = fclose(r->f) == 0 && good;
    r->f = NULL;
    if (!good) {
        cli_error("%s: %s", r->path, strerror(errno));
    } else if (r->lost > 0) {
        cli_error("%s: the last %" PRIu64 " changes are missing", r->path, r->lost);
        good = false;
    }
    return good ? 0 : -1;
}

void recorder_free(struct recorder *r)
{
    uint32_t i;

    if (r->f != NULL) {
        fclose(r->f);
    }
    for (i = 0; r->names != NULL && i < r->rig->board->npins; i++) {
        free(r->names[i]);
    }
    free(r->names);
    free(r->initial);
    free(r->shown);
    free(r->changes);
    memset(r, 0, sizeof *r);
}
