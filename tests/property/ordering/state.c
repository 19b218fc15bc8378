/* SPDX-License-Identifier: BSD-3-Clause */
/* States as bytes: without what makes no difference, so that equal ones are equal. */
#include <string.h>

#include "model_impl.h"

static void lower_views(unsigned word, unsigned by)
{
    struct view *all[5 + RELS * HIST];
    unsigned n = 0, i, k;

    all[n++] = &machine.now.cur[0];
    all[n++] = &machine.now.cur[1];
    all[n++] = &machine.now.fence;
    all[n++] = &machine.now.bell[0];
    all[n++] = &machine.now.bell[1];
    for (i = 0; i < machine.nrels; i++) {
        for (k = 0; k < HIST; k++) {
            all[n++] = &machine.now.carried[i][k];
        }
    }
    for (i = 0; i < n; i++) {
        uint8_t *ts =
            word < MODEL_WORDS ? &all[i]->ts[word] : &all[i]->epoch[word - MODEL_WORDS];

        *ts = *ts > by ? (uint8_t)(*ts - by) : 0;
    }
}

/* Forgets values that nobody can see any more. */
static void forget(unsigned word)
{
    struct history *h = &machine.now.word[word];
    unsigned a = machine.now.cur[0].ts[word], b = machine.now.cur[1].ts[word];
    unsigned by = a < b ? a : b, i;
    int rel = machine.words[word].rel;

    if (by == 0) {
        return;
    }
    for (i = 0; i < HIST; i++) {
        unsigned from = i + by;

        h->value[i] = from < HIST ? h->value[from] : 0;
        if (rel < 0) {
            continue;
        }
        if (from < HIST) {
            machine.now.released[rel][i] = machine.now.released[rel][from];
            machine.now.carried[rel][i] = machine.now.carried[rel][from];
        } else {
            machine.now.released[rel][i] = 0;
            memset(&machine.now.carried[rel][i], 0, sizeof machine.now.carried[rel][i]);
        }
    }
    h->n = (uint8_t)(h->n - by);
    lower_views(word, by);
}

void model_normalise(void)
{
    unsigned i, t;

    for (i = 0; i < machine.nwords; i++) {
        forget(i);
    }
    for (t = 0; t < 2; t++) {
        unsigned by = machine.now.cur[!t].epoch[t];

        if (by == 0) {
            continue;
        }
        lower_views(MODEL_WORDS + t, by);
        for (i = 0; i < machine.nwords; i++) {
            uint8_t *r = &machine.now.word[i].read_at[t];

            *r = *r > by ? (uint8_t)(*r - by) : 0;
        }
    }
}

/* ---- states as bytes ---- */

struct packer {
    uint8_t *p;
    int out; /* from `now` to bytes, or back */
};

static void move(struct packer *k, void *field, size_t n)
{
    if (k->out) {
        memcpy(k->p, field, n);
    } else {
        memcpy(field, k->p, n);
    }
    k->p += n;
}

static void move_view(struct packer *k, struct view *v)
{
    move(k, v->ts, machine.nwords);
    move(k, v->epoch, 2);
}

static void move_word(struct packer *k, unsigned i)
{
    struct history *h = &machine.now.word[i];
    unsigned n;

    move(k, &h->n, 1);
    if (machine.words[i].guarded) {
        move(k, h->read_at, 2);
    }
    for (n = 0; n < h->n; n++) {
        move(k, &h->value[n], machine.words[i].width); /* low byte first: main() */
        if (machine.words[i].rel >= 0) {
            uint8_t *released = &machine.now.released[machine.words[i].rel][n];

            move(k, released, 1);
            if (*released) {
                move_view(k, &machine.now.carried[machine.words[i].rel][n]);
            }
        }
    }
}

size_t model_pack(uint8_t *bytes, int out)
{
    struct packer k = {bytes, out};
    unsigned i;

    if (!out) {
        memset(&machine.now, 0, sizeof machine.now);
    }
    for (i = 0; i < machine.nwords; i++) {
        move_word(&k, i);
    }
    move_view(&k, &machine.now.cur[0]);
    move_view(&k, &machine.now.cur[1]);
    move_view(&k, &machine.now.fence);
    for (i = 0; i < 2; i++) {
        struct side *s = &machine.now.side[i];

        move(&k, &s->is, sizeof s->is);
        if (s->is.raised && machine.setup->bell_orders) {
            move_view(&k, &machine.now.bell[i]);
        }
        move(&k, s->log, s->is.nlog * sizeof s->log[0]);
        move(&k, s->local.bytes, machine.setup->program[i].size);
    }
    return (size_t)(k.p - bytes);
}
