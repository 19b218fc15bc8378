/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs one engine in one shape, and says how long it took where that is of interest.
 * usage: bench count ENGINE SHAPE BATCH SIZE OPS    for a profiler: nothing but the ops
 *        bench pace ENGINE SHAPE BATCH              ratios to the split floor
 *        bench shapes                               what this library can do
 * ENGINE: floor, ring, whole. SHAPE: split or packed, with -indirect or -event after it.
 * SIZE is that of the ring, for `whole` the number of lines. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <virtiogpio/wire.h>

#include "bench.h"

#ifndef VGPIO_CFG_PACKED
#define VGPIO_CFG_PACKED 0
#endif

#define RING 256u
#define BRACKETS 9u

_Alignas(4096) uint8_t bench_ram[BENCH_RAM_BYTES];
struct bench_side bench_driver, bench_device;

void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void open_engine(const struct bench_engine *e, const struct bench_shape *shape)
{
    memset(bench_ram, 0, sizeof bench_ram);
    memset(&bench_driver, 0, sizeof bench_driver);
    memset(&bench_device, 0, sizeof bench_device);
    bench_driver.mask = shape->size / 2u - 1u;
    e->open(shape);
}

static void check_done(const char *name)
{
    if (bench_driver.wrong != 0 || bench_device.wrong != 0) {
        bench_die(name);
    }
}

/* One CPU does everything, batch after batch. */
static void run_alone(const struct bench_engine *e, unsigned batch, uint32_t ops)
{
    uint32_t done;

    for (done = 0; done < ops; done += batch) {
        e->add(batch);
        if (e->serve(batch) != batch || e->reap(batch) != batch) {
            bench_die("a batch got lost");
        }
    }
    check_done(e->name);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Times are medians of slices that are short against what a scheduler gives at once: what
 * comes in between spoils some slices and not the result. */
#define SLICES 101u

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *of, unsigned n)
{
    qsort(of, n, sizeof *of, by_size);
    return of[n / 2];
}

static double time_alone(const struct bench_engine *e, const struct bench_shape *shape,
                         unsigned batch)
{
    uint32_t ops = batch == 1 ? 512u : 4096u;
    double slice[SLICES];
    unsigned i;

    open_engine(e, shape);
    run_alone(e, batch, ops);
    for (i = 0; i < SLICES; i++) {
        double start = now();

        run_alone(e, batch, ops);
        slice[i] = (now() - start) / ops;
    }
    return median(slice, SLICES);
}

/* ---- two CPUs, one side each, both polling ---- */

struct pair {
    const struct bench_engine *engine;
    unsigned batch;
    atomic_int over, ready;
};

static cpu_set_t cpus; /* that this process may use */

static void pin(unsigned which)
{
    cpu_set_t one;
    unsigned cpu, seen = 0;

    for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &cpus) && seen++ == which) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
            return;
        }
    }
}

static void *serve_all(void *arg)
{
    struct pair *p = arg;

    pin(1);
    atomic_store(&p->ready, 1);
    while (!atomic_load_explicit(&p->over, memory_order_relaxed)) {
        p->engine->serve(p->batch);
    }
    return NULL;
}

/* `window` requests are under way at once: those of one batch (closed), or as many as the
 * ring has room for (pipe). */
static void drive(const struct pair *p, unsigned window, uint32_t ops)
{
    uint32_t added = 0, reaped = 0;

    while (reaped < ops) {
        if (added < ops && added - reaped + p->batch <= window) {
            p->engine->add(p->batch);
            added += p->batch;
        }
        reaped += p->engine->reap(p->batch);
    }
}

static double time_pair(const struct bench_engine *e, const struct bench_shape *shape,
                        unsigned batch, int pipe)
{
    struct pair p = {e, batch, 0, 0};
    unsigned i, window = pipe ? shape->size / 2u : batch;
    uint32_t ops = batch == 1 ? 128u : 2048u;
    double slice[SLICES];
    pthread_t device;

    open_engine(e, shape);
    if (pthread_create(&device, NULL, serve_all, &p) != 0) {
        bench_die("no thread");
    }
    while (!atomic_load(&p.ready)) {
    }
    drive(&p, window, ops);
    for (i = 0; i < SLICES; i++) {
        double start = now();

        drive(&p, window, ops);
        slice[i] = (now() - start) / ops;
    }
    atomic_store(&p.over, 1);
    pthread_join(device, NULL);
    check_done(e->name);
    return median(slice, SLICES);
}

/* ---- ratios ---- */

enum pace {
    ALONE,
    CLOSED,
    PIPE,
    PACES
};

static double pace(enum pace how, const struct bench_engine *e,
                   const struct bench_shape *shape, unsigned batch)
{
    return how == ALONE ? time_alone(e, shape, batch)
                        : time_pair(e, shape, batch, how == PIPE);
}

/* The median of ratios, each engine between two floors: a machine that changes its pace
 * in the middle spoils one bracket and not the result. */
static void compare(enum pace how, const struct bench_engine *e,
                    const struct bench_shape *shape, unsigned batch)
{
    static const char *const names[PACES] = {"alone", "closed", "pipe"};
    const struct bench_shape plain = {0, RING, 0};
    double ratio[BRACKETS], base[BRACKETS];
    unsigned i;

    if (how != ALONE && CPU_COUNT(&cpus) < 2) {
        printf("%s skipped: one CPU only\n", names[how]);
        return;
    }
    for (i = 0; i < BRACKETS; i++) {
        double before = pace(how, &bench_floor_split, &plain, batch);
        double mine = pace(how, e, shape, batch);
        double after = pace(how, &bench_floor_split, &plain, batch);

        ratio[i] = 2 * mine / (before + after);
        base[i] = before < after ? before : after;
    }
    printf("%s %.2f", names[how], median(ratio, BRACKETS));
    printf(" %.2f %.2f %.1f\n", ratio[BRACKETS / 4], ratio[BRACKETS * 3 / 4],
           median(base, BRACKETS));
}

/* ---- */

static const struct {
    const char *name;
    uint64_t features;
} shapes[] = {
    {"split", 0},
    {"split-indirect", VGPIO_F_INDIRECT},
    {"split-event", VGPIO_F_EVENT_IDX},
#if VGPIO_CFG_PACKED
    {"packed", VGPIO_F_PACKED},
    {"packed-indirect", VGPIO_F_PACKED | VGPIO_F_INDIRECT},
    {"packed-event", VGPIO_F_PACKED | VGPIO_F_EVENT_IDX},
#endif
};

static void find_shape(const char *name, struct bench_shape *shape)
{
    unsigned i;

    for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(name, shapes[i].name) == 0) {
            shape->features = shapes[i].features;
            return;
        }
    }
    /* The floor has both layouts whatever the library was built with. */
    if (strcmp(name, "packed") != 0) {
        bench_die("no such shape");
    }
}

static const struct bench_engine *find_engine(const char *name, const char *shape)
{
    if (strcmp(name, "floor") == 0) {
        return strcmp(shape, "packed") == 0 ? &bench_floor_packed : &bench_floor_split;
    }
    return strcmp(name, "whole") == 0 ? &bench_whole : &bench_ring;
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct bench_shape shape = {0, RING, 1};
    const struct bench_engine *e;
    unsigned i;

    if (argc == 2 && strcmp(argv[1], "shapes") == 0) {
        for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            puts(shapes[i].name);
        }
        return 0;
    }
    if (argc < 5) {
        bench_die("usage: bench count|pace ENGINE SHAPE BATCH [SIZE OPS]");
    }
    find_shape(argv[3], &shape);
    e = find_engine(argv[2], argv[3]);
    if (strcmp(argv[1], "count") == 0 && argc == 7) {
        if (e == &bench_whole) {
            shape.lines = number(argv[5]);
        } else {
            shape.size = number(argv[5]);
        }
        open_engine(e, &shape);
        run_alone(e, number(argv[4]), number(argv[6]));
        return 0;
    }
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) {
        bench_die("no affinity");
    }
    pin(0);
    for (i = 0; i < PACES; i++) {
        compare((enum pace)i, e, &shape, number(argv[4]));
    }
    return 0;
}
