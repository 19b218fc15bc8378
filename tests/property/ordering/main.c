/* SPDX-License-Identifier: BSD-3-Clause */
/* Every order in which the accesses of a driver and a device to one ring can become
 * visible, on the library's own code; see model.h for what that means and sides.h for
 * what the two do.
 *
 * usage: property_ordering [--full] [--part I/N] [--trace] [--mutant NAME]
 *   --full    larger rings and more buffers, for minutes
 *   --part    the I-th of N parts, which can run at the same time
 *   --trace   print the counterexample of each mutant
 *   --mutant  only mutants with NAME in their names */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "litmus.h"
#include "sides.h"

/* Far beyond the largest configuration; to reach it is a failure. */
#define STATES_MAX 20000000u

struct config {
    struct sides_config sides;
    uint8_t full; /* only then */
};

/* size, buffers, indirect, event_idx, platform, hold, base, no_rule, packed, restart,
 * reset, fast, order */
static const struct config configs[] = {
    {{1, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {{1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0},
    {{2, 3, 0, 1, 0, 0, 0xfffe, 0, 0, 0, 0, 0, 0}, 0},
    {{2, 3, 0, 0, 0, 0, 0xfffe, 0, 0, 0, 0, 0, 0}, 0},
    {{2, 2, 1, 1, 0, 0, 0xffff, 0, 0, 0, 0, 0, 0}, 0},
    {{2, 2, 1, 0, 0, 0, 0xffff, 0, 0, 0, 0, 0, 0}, 0},
    {{4, 2, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0}, 0},
    {{4, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, 0},
    {{4, 2, 1, 1, 1, 0, 0xffff, 0, 0, 0, 0, 0, 0}, 0},
    {{4, 2, 1, 0, 1, 0, 0xffff, 0, 0, 0, 0, 0, 0}, 0},
    {{1, 4, 1, 1, 0, 0, 0xfffd, 0, 0, 0, 0, 0, 0}, 1},
    {{1, 4, 1, 0, 0, 0, 0xfffd, 0, 0, 0, 0, 0, 0}, 1},
    {{2, 4, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{2, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{2, 3, 1, 1, 0, 2, 0xfffe, 0, 0, 0, 0, 0, 0}, 1},
    {{2, 4, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{4, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{4, 3, 0, 0, 0, 0, 0xfffe, 0, 0, 0, 0, 0, 0}, 1},
    {{4, 3, 1, 1, 1, 0, 0xfffe, 0, 0, 0, 0, 0, 0}, 1},
    {{4, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{4, 2, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0}, 1},
    {{1, 3, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 0},
    {{1, 3, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 0},
    {{2, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 0},
    {{2, 2, 1, 1, 0, 0, 0x8001, 0, 1, 0, 0, 0, 0}, 0},
    {{2, 2, 1, 0, 0, 0, 0x8001, 0, 1, 0, 0, 0, 0}, 0},
    {{3, 2, 0, 1, 0, 0, 0x8002, 0, 1, 0, 0, 0, 0}, 0},
    {{3, 2, 0, 0, 0, 0, 0x8001, 0, 1, 0, 0, 0, 0}, 0},
    {{3, 2, 1, 1, 1, 2, 0x8002, 0, 1, 0, 0, 0, 0}, 0},
    {{3, 2, 1, 0, 0, 2, 0x8002, 0, 1, 0, 0, 0, 0}, 0},
    {{1, 4, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{1, 4, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{2, 4, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{2, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{2, 4, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{2, 3, 1, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{2, 3, 1, 1, 1, 2, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{3, 4, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{3, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1},
    {{3, 3, 1, 1, 0, 0, 0x8001, 0, 1, 0, 0, 0, 0}, 1},
    {{3, 3, 1, 0, 0, 0, 0x8001, 0, 1, 0, 0, 0, 0}, 1},
    {{4, 2, 0, 1, 0, 2, 0x8003, 0, 1, 0, 0, 0, 0}, 1},
    {{1, 2, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0}, 0},
    {{1, 2, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0}, 0},
    {{1, 2, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 0},
    {{1, 2, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0}, 0},
    {{2, 2, 1, 1, 0, 0, 0xffff, 0, 0, 1, 0, 0, 0}, 1},
    {{3, 2, 1, 0, 0, 0, 0x8002, 0, 1, 1, 0, 0, 0}, 1},
    {{2, 2, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 1},
    {{3, 2, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0}, 1},
    {{3, 2, 0, 1, 0, 0, 0x8002, 0, 1, 1, 1, 0, 0}, 1},
    {{2, 2, 0, 1, 0, 0, 0xffff, 0, 0, 0, 0, 1, 0}, 0},
    {{2, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0}, 0},
    {{2, 2, 1, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0}, 0},
    {{2, 2, 1, 0, 0, 2, 0x8001, 0, 1, 0, 0, 1, 0}, 0},
    {{3, 2, 0, 0, 1, 0, 0x8001, 0, 1, 0, 0, 1, 0}, 0},
    {{4, 3, 0, 1, 0, 2, 0, 0, 0, 0, 0, 1, 0}, 1},
    {{4, 2, 0, 1, 0, 2, 0x8001, 0, 1, 0, 0, 1, 0}, 1},
    {{3, 2, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0}, 1},
    {{2, 3, 0, 1, 0, 0, 0xffff, 0, 0, 0, 0, 0, 1}, 0},
    {{2, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1}, 0},
    {{2, 2, 1, 0, 0, 2, 0xffff, 0, 0, 0, 0, 0, 1}, 0},
    {{2, 2, 1, 0, 0, 2, 0x8001, 0, 1, 0, 0, 0, 1}, 0},
    {{4, 2, 0, 1, 0, 2, 0xfffe, 0, 0, 0, 0, 0, 2}, 0},
    {{2, 2, 1, 1, 0, 2, 0, 0, 0, 0, 0, 0, 2}, 0},
    {{3, 2, 1, 1, 0, 2, 0x8002, 0, 1, 0, 0, 0, 2}, 0},
    {{2, 2, 1, 0, 0, 2, 0, 0, 1, 0, 0, 0, 2}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}, 0},
    {{2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1}, 0},
    {{4, 3, 1, 1, 0, 3, 0, 0, 0, 0, 0, 0, 2}, 1},
    {{3, 3, 1, 1, 0, 3, 0x8002, 0, 1, 0, 0, 0, 2}, 1},
    {{4, 2, 0, 1, 0, 2, 0x8001, 0, 1, 0, 0, 0, 2}, 1},
    {{4, 3, 0, 0, 1, 2, 0xfffe, 0, 0, 0, 0, 0, 1}, 1},
    {{2, 2, 1, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2}, 1},
    {{2, 2, 1, 1, 0, 2, 0x8001, 0, 1, 1, 0, 0, 2}, 1},
};

static uint64_t total_states, total_edges;
static unsigned failures;
static int trace;

static void print_config(const struct sides_config *c)
{
    printf("%s, size %u %s, %s%s, from 0x%04x, %u buffers",
           c->packed ? "packed" : "split", c->size, c->indirect ? "indirect" : "direct",
           c->event_idx ? "EVENT_IDX" : "flags", c->platform ? ", ORDER_PLATFORM" : "",
           c->base, c->buffers);
    if (c->hold) {
        printf(", %u held back", c->hold);
    }
    if (c->fast) {
        printf(", short requests");
    }
    if (c->restart) {
        printf(", stopped and started %u time", c->restart);
    }
    if (c->reset) {
        printf(", reset %u time", c->reset);
    }
    if (c->order) {
        printf(c->order == 1 ? ", IN_ORDER" : ", IN_ORDER in batches");
    }
}

static void explore(const struct sides_config *c, const struct mutant *m, unsigned strict,
                    unsigned reduce, unsigned bell, struct model_result *r)
{
    static struct model_setup setup; /* model_trace() still needs it */

    sides_prepare(c, m, &setup);
    setup.strict = strict;
    setup.reduce = reduce;
    setup.bell_orders = bell;
    setup.limit = STATES_MAX;
    model_explore(&setup, r);
    total_states += r->states;
    total_edges += r->edges;
}

static void fail(const char *why)
{
    failures++;
    printf("FAIL  %s\n", why);
}

/* A notification orders nothing by itself here: the library must not need that. (Those of
 * a reset do, as a transport's do.) */
static void run_config(const struct sides_config *c)
{
    struct model_result r;
    clock_t start = clock();

    explore(c, NULL, 1, 1, c->reset, &r);
    printf("%-5s ", r.complete ? "ok" : "FAIL");
    print_config(c);
    printf(": %llu states, %llu steps, %llu ends, ", (unsigned long long)r.states,
           (unsigned long long)r.edges, (unsigned long long)r.finals);
    printf("%llu of %llu publications notify (%.1f s)\n",
           (unsigned long long)sides_notified(), (unsigned long long)sides_published(),
           (double)(clock() - start) / CLOCKS_PER_SEC);
    if (!r.complete) {
        fail(r.violation[0] != '\0' ? r.violation : "not every state was visited");
        model_trace();
    }
}

/* Leaving out orders that make no difference makes none: the same ends are reached. */
static void check_reduction(const struct sides_config *c)
{
    struct model_result all, some;

    explore(c, NULL, 1, 0, 0, &all);
    explore(c, NULL, 1, 1, 0, &some);
    printf("%-5s ", all.final_hash == some.final_hash ? "ok" : "FAIL");
    print_config(c);
    printf(": %llu ends with all %llu states, %llu with the reduced %llu\n",
           (unsigned long long)all.finals, (unsigned long long)all.states,
           (unsigned long long)some.finals, (unsigned long long)some.states);
    if (!all.complete || !some.complete) {
        fail(all.violation[0] != '\0' ? all.violation : some.violation);
    } else if (all.finals != some.finals || all.final_hash != some.final_hash) {
        fail("the reduction loses ends");
    }
}

/* First without the checks that see the mistake as such: what comes of it? */
static int find(const struct mutant *m, unsigned how, unsigned strict,
                struct model_result *r)
{
    struct sides_config c;
    uint8_t buffers;

    memset(&c, 0, sizeof c);
    c.size = 2;
    c.indirect = 1;
    c.event_idx = (m->needs & NEED_FLAGS) == 0;
    c.platform = (m->needs & NEED_PLATFORM) != 0;
    c.reset = (m->needs & NEED_RESET) != 0;
    c.order = (m->needs & NEED_ORDER) ? 1 : (m->needs & NEED_BATCH) ? 2 : 0;
    c.hold = c.order ? 2 : 0;
    c.no_rule = !strict;
    c.packed = how & 1u;
    c.fast = how >> 1 & 1u;
    for (buffers = 1; buffers <= 3; buffers++) {
        c.buffers = buffers;
        /* Harder than what the library itself must stand: notifications do order. */
        explore(&c, m, strict, 1, 1, r);
        if (r->violation[0] != '\0') {
            return buffers;
        }
    }
    return 0;
}

/* `how`: bit 0 packed, bit 1 by the calls for short requests. */
static void run_mutant(const struct mutant *m, unsigned how)
{
    const char *layout = how & 1u ? "packed" : "split";
    const char *way = how & 2u ? ", short requests" : "";
    struct model_result r;
    int buffers = 0;

    /* Of a notification too many nothing comes: that would try all states for nothing. */
    if (m->what != M_EVENT_EQUAL && m->what != M_EVENT_ALWAYS) {
        buffers = find(m, how, 0, &r);
    }
    if (buffers == 0) {
        buffers = find(m, how, 1, &r);
    }
    if (buffers == 0) {
        printf("FAIL  %s mutant survives%s: %s\n", layout, way, m->name);
        failures++;
        return;
    }
    printf("ok    %s mutant%s %s: %u accesses, %d buffers, %llu states: %s\n", layout,
           way, m->name, r.length, buffers, (unsigned long long)r.states, r.violation);
    if (trace) {
        model_trace();
    }
}

struct options {
    unsigned full, part, parts;
    const char *only; /* mutants with this in their names, and nothing else */
};

/* Every so many of what there is to do. */
static int is_mine(const struct options *o, unsigned i)
{
    return i % o->parts + 1 == o->part;
}

static int parse(int argc, char **argv, struct options *o)
{
    int i;

    memset(o, 0, sizeof *o);
    o->part = o->parts = 1;
    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0) {
            o->full = 1;
        } else if (strcmp(argv[i], "--trace") == 0) {
            trace = 1;
        } else if (strcmp(argv[i], "--mutant") == 0 && i + 1 < argc) {
            o->only = argv[++i];
        } else if (strcmp(argv[i], "--part") != 0 || i + 1 == argc ||
                   sscanf(argv[++i], "%u/%u", &o->part, &o->parts) != 2 || o->part == 0 ||
                   o->part > o->parts) {
            return 0;
        }
    }
    return 1;
}

static void run_configs(const struct options *o)
{
    static const struct sides_config small[] = {
        {1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
        {2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0},
        {1, 2, 1, 1, 1, 0, 0xffff, 0, 0, 0, 0, 0, 0},
        {1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},
        {2, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0},
        {1, 2, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}};
    unsigned i;

    for (i = 0; i < sizeof small / sizeof small[0]; i++) {
        if (is_mine(o, i)) {
            check_reduction(&small[i]);
        }
    }
    for (i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        if (is_mine(o, i) && (o->full || !configs[i].full)) {
            run_config(&configs[i].sides);
        }
    }
}

/* How many that were. */
static unsigned run_mutants(const struct options *o)
{
    unsigned i, how, ran = 0;

    for (i = 0; i < nmutants; i++) {
        for (how = 0; how < 4; how++) {
            if (is_mine(o, i) && mutant_applies(&mutants[i], how & 1u, how >> 1) &&
                (o->only == NULL || strstr(mutants[i].name, o->only) != NULL)) {
                run_mutant(&mutants[i], how);
                ran++;
            }
        }
    }
    return ran;
}

int main(int argc, char **argv)
{
    const uint16_t one = 1;
    struct options o;
    unsigned ran;

    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: %s [--full] [--part I/N] [--trace] [--mutant NAME]\n",
                argv[0]);
        return 2;
    }
    if (*(const uint8_t *)&one != 1) {
        puts("skipped: the model keeps values with the low byte first");
        return 77;
    }
    /* What was seen is seen, also if the library under test crashes. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (o.only == NULL) {
        failures = litmus_run();
        run_configs(&o);
    }
    ran = run_mutants(&o);
    failures += o.only == NULL ? mutant_uncovered() : ran == 0;
    printf("%llu states, %llu steps, %u mutants, %u failures\n",
           (unsigned long long)total_states, (unsigned long long)total_edges, ran,
           failures);
    return failures != 0;
}
