/* SPDX-License-Identifier: BSD-3-Clause */
/* Every state, nearest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_impl.h"

/* How each state was reached, for traces. */
struct origin {
    uint32_t parent;
    uint8_t side, option;
};

static uint8_t first_local[2][MODEL_LOCAL];
static uint8_t packed[sizeof(struct state)];

static uint64_t hash(const uint8_t *p, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;

    while (n != 0) {
        uint64_t v = 0;
        size_t k = n < 8 ? n : 8;

        memcpy(&v, p, k);
        h = (h ^ v) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
        p += k;
        n -= k;
    }
    h *= 0xc4ceb9fe1a85ec53u;
    h ^= h >> 29;
    return h != 0 ? h : 1;
}

static uint64_t *seen; /* open addressing; 0 is empty */
static size_t seen_size, seen_used;

static struct origin *origins;
static size_t norigins, origins_size;

/* States met and not yet left, of this level and of the next. */
static struct frontier {
    uint8_t *bytes;
    size_t used, size;
} level[2];

static void *grown(void *p, size_t n, size_t size)
{
    void *q = realloc(p, n * size);

    if (q == NULL) {
        model_broken("no memory");
    }
    return q;
}

static void seen_put(uint64_t h)
{
    size_t i = (size_t)h & (seen_size - 1);

    while (seen[i] != 0) {
        i = (i + 1) & (seen_size - 1);
    }
    seen[i] = h;
}

static int seen_before(uint64_t h)
{
    size_t i;

    for (i = (size_t)h & (seen_size - 1); seen[i] != 0; i = (i + 1) & (seen_size - 1)) {
        if (seen[i] == h) {
            return 1;
        }
    }
    if (2 * ++seen_used > seen_size) {
        uint64_t *old = seen;
        size_t old_size = seen_size;

        seen_size *= 2;
        seen = calloc(seen_size, sizeof *seen);
        if (seen == NULL) {
            model_broken("no memory");
        }
        for (i = 0; i < old_size; i++) {
            if (old[i] != 0) {
                seen_put(old[i]);
            }
        }
        free(old);
    }
    seen_put(h);
    return 0;
}

static uint32_t remember(uint32_t parent, unsigned side, unsigned option)
{
    if (norigins == origins_size) {
        origins_size = origins_size ? 2 * origins_size : 4096;
        origins = grown(origins, origins_size, sizeof *origins);
    }
    origins[norigins].parent = parent;
    origins[norigins].side = (uint8_t)side;
    origins[norigins].option = (uint8_t)option;
    return (uint32_t)norigins++;
}

static void push(struct frontier *f, uint32_t id, const uint8_t *bytes, size_t n)
{
    uint32_t head[2] = {id, (uint32_t)n};

    if (f->size - f->used < n + sizeof head) {
        f->size = 2 * f->size + n + sizeof head;
        f->bytes = grown(f->bytes, f->size, 1);
    }
    memcpy(f->bytes + f->used, head, sizeof head);
    memcpy(f->bytes + f->used + sizeof head, bytes, n);
    f->used += n + sizeof head;
}

static void first_state(void)
{
    unsigned i;

    memset(&machine.now, 0, sizeof machine.now);
    for (i = 0; i < machine.nwords; i++) {
        machine.now.word[i].n = 1;
        memcpy(&machine.now.word[i].value[0], machine.words[i].at,
               machine.words[i].width);
    }
    for (i = 0; i < 2; i++) {
        memcpy(machine.now.side[i].local.bytes, first_local[i],
               machine.setup->program[i].size);
    }
}

/* Both private memories as after their last whole steps, for checks. */
static void show_locals(void)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        memcpy(machine.setup->program[i].local, machine.now.side[i].local.bytes,
               machine.setup->program[i].size);
    }
}

static void begin(void)
{
    first_state();
    model_advance(0, -1);
    model_advance(1, -1);
    show_locals();
}

static void begin_well(void)
{
    if (setjmp(machine.failed) != 0) {
        model_broken(machine.failure);
    }
    begin();
    model_normalise();
}

/* One way on from `now`: the thread goes on with that option, or begins (-1). */
static void go(unsigned side, int option)
{
    model_advance(side, option);
    show_locals();
    if (machine.setup->check != NULL) {
        machine.setup->check();
    }
}

/* The same; 0 if that was a violation. */
static int go_well(unsigned side, unsigned option)
{
    if (setjmp(machine.failed) != 0) {
        return 0;
    }
    go(side, (int)option);
    model_normalise();
    return 1;
}

/* Whether a state that nothing leads out of may be one. */
static int ends_well(void)
{
    if (setjmp(machine.failed) != 0) {
        return 0;
    }
    show_locals();
    if (machine.setup->final != NULL) {
        machine.setup->final();
    }
    return 1;
}

/* A choice has nothing to do with the other thread: no order has to be tried. */
static unsigned movers(void)
{
    if (machine.setup->reduce) {
        if (machine.now.side[0].is.kind == CHOOSE) {
            return 1;
        }
        if (machine.now.side[1].is.kind == CHOOSE) {
            return 2;
        }
    }
    return 3;
}

/* What happened is the way to a violation. */
static void violated(struct model_result *r, uint32_t id, unsigned side, unsigned option)
{
    (void)remember(id, side, option);
    snprintf(r->violation, sizeof r->violation, "%s", machine.failure);
}

static int leave(struct model_result *r, uint32_t id, uint8_t *bytes, unsigned side,
                 unsigned option, struct frontier *next)
{
    size_t n;

    model_pack(bytes, 0);
    r->edges++;
    if (!go_well(side, option)) {
        violated(r, id, side, option);
        return 0;
    }
    n = model_pack(packed, 1);
    if (!seen_before(hash(packed, n))) {
        push(next, remember(id, side, option), packed, n);
    }
    return 1;
}

static void visit(struct model_result *r, uint32_t id, uint8_t *bytes,
                  struct frontier *next)
{
    unsigned side, option, mask[2], who;
    size_t n = model_pack(bytes, 0);

    who = movers();
    for (side = 0; side < 2; side++) {
        mask[side] = who >> side & 1u ? model_options(side) : 0;
    }
    if ((mask[0] | mask[1]) == 0) {
        r->finals++;
        r->final_hash += hash(bytes, n);
        if (!ends_well()) {
            violated(r, id, 0, UINT8_MAX);
        }
        return;
    }
    for (side = 0; side < 2; side++) {
        for (option = 0; mask[side] >> option != 0; option++) {
            if ((mask[side] >> option & 1u) && !leave(r, id, bytes, side, option, next)) {
                return;
            }
        }
    }
}

static void visit_level(struct model_result *r, struct frontier *f, struct frontier *next)
{
    size_t i = 0;

    next->used = 0;
    while (i < f->used && r->violation[0] == '\0' && norigins < machine.setup->limit) {
        uint32_t head[2];

        memcpy(head, f->bytes + i, sizeof head);
        visit(r, head[0], f->bytes + i + sizeof head, next);
        i += head[1] + sizeof head;
    }
    r->complete = i == f->used;
}

static uint32_t way[4096];

/* Its last part may be the violation. */
static void go_way(unsigned n)
{
    unsigned i;

    if (setjmp(machine.failed) != 0) {
        return;
    }
    begin();
    for (i = n; i-- != 0;) {
        const struct origin *o = &origins[way[i]];

        if (o->option != UINT8_MAX) {
            go(o->side, o->option);
            model_normalise();
        }
    }
}

/* Goes the way to the newest origin again and counts, or prints, its accesses. */
static void replay(void)
{
    uint32_t id = (uint32_t)norigins - 1u;
    unsigned n = 0;

    for (; id != 0; id = origins[id].parent) {
        if (n == sizeof way / sizeof way[0]) {
            model_broken("a way is too long");
        }
        way[n++] = id;
    }
    machine.accesses = 0;
    go_way(n);
}

void model_trace(void)
{
    machine.tracing = machine.running = 1;
    replay();
    machine.tracing = machine.running = 0;
}

void model_explore(const struct model_setup *s, struct model_result *r)
{
    unsigned turn = 0, i;
    size_t n;

    memset(r, 0, sizeof *r);
    machine.setup = s;
    free(seen);
    seen_size = 4096;
    seen_used = 0;
    seen = calloc(seen_size, sizeof *seen);
    norigins = 0;
    level[0].used = 0;
    for (i = 0; i < 2; i++) {
        if (s->program[i].size > MODEL_LOCAL) {
            model_broken("a program with too much memory");
        }
        memcpy(first_local[i], s->program[i].local, s->program[i].size);
    }
    machine.running = 1;
    begin_well();
    n = model_pack(packed, 1);
    (void)seen_before(hash(packed, n));
    push(&level[0], remember(0, 0, 0), packed, n);
    while (level[turn].used != 0 && r->violation[0] == '\0') {
        visit_level(r, &level[turn], &level[!turn]);
        if (!r->complete) {
            break;
        }
        turn = !turn;
    }
    r->states = norigins;
    if (r->violation[0] != '\0') {
        replay();
        r->length = machine.accesses;
        r->complete = 0;
    }
    machine.running = 0;
}
