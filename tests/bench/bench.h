/* SPDX-License-Identifier: BSD-3-Clause */
/* What scripts/bench.sh measures, in the same three steps for everybody: a driver that
 * adds, a device that serves, a driver that reaps. One op is one request of 8 bytes with
 * an answer of 2: written, read, answered and checked. */
#ifndef VGPIO_BENCH_H
#define VGPIO_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_NOINLINE __attribute__((noinline))
#define BENCH_LINE 64u /* bytes of a cache line, and of a request's cell */
#define BENCH_GPA UINT64_C(0x140000000) /* of the ring: above the hole of a PC */
#define BENCH_SIZE_MAX 32768u           /* entries of a ring */
#define BENCH_RING_BYTES 0x100000u      /* then come the cells, one for two entries */
#define BENCH_RAM_BYTES (BENCH_RING_BYTES + BENCH_SIZE_MAX / 2u * BENCH_LINE)

struct bench_shape {
    uint64_t features; /* of the ring: VGPIO_F_* */
    uint32_t size;     /* entries */
    uint32_t lines;    /* of a whole device */
};

/* add does n ops; the others do at most n and return how many. Each has a name of its own
 * for the profiler to find. */
struct bench_engine {
    const char *name;
    void (*open)(const struct bench_shape *shape);
    void (*add)(unsigned n);
    unsigned (*serve)(unsigned n);
    unsigned (*reap)(unsigned n);
};

extern const struct bench_engine bench_floor_split, bench_floor_packed, bench_ring,
    bench_whole;

/* Memory that both sides see. */
extern uint8_t bench_ram[BENCH_RAM_BYTES];

/* What the harness of one side counts, on cache lines of its own. */
struct bench_side {
    _Alignas(2 * BENCH_LINE) uint32_t added, reaped; /* ops */
    uint32_t mask;                                   /* of a cell's number */
    uint64_t notified, wrong;
};
extern struct bench_side bench_driver, bench_device;

_Noreturn void bench_die(const char *what);

/* The op itself: request number i, and its answer. */
static inline uint64_t bench_request(uint32_t i)
{
    return (uint64_t)i << 20 | 4u;
}

static inline uint16_t bench_answer(uint64_t request)
{
    return (uint16_t)((request >> 20) + 1u);
}

static inline uint8_t *bench_cell(uint32_t i)
{
    return bench_ram + BENCH_RING_BYTES + (size_t)BENCH_LINE * i;
}

static inline uint64_t bench_cell_gpa(uint32_t i)
{
    return BENCH_GPA + BENCH_RING_BYTES + (uint64_t)BENCH_LINE * i;
}

#endif /* VGPIO_BENCH_H */
