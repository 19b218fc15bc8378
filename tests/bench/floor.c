/* SPDX-License-Identifier: BSD-3-Clause */
/* The floor: the least that moves a request over a ring and its answer back. Nothing is
 * checked, descriptors are a fixed function of a counter, answers come in order, and a
 * step is one piece of code for the compiler. It is no engine; it is what the cost of an
 * engine is compared with. Little-endian hosts only. */
#include <string.h>

#include "bench.h"

typedef uint64_t __attribute__((may_alias)) u64;
typedef uint32_t __attribute__((may_alias)) u32;
typedef uint16_t __attribute__((may_alias)) u16;

#define LOAD(type, p) __atomic_load_n((const type *)(p), __ATOMIC_RELAXED)
#define STORE(type, p, v) __atomic_store_n((type *)(p), (type)(v), __ATOMIC_RELAXED)
#define ACQUIRE(p) __atomic_load_n((const u16 *)(p), __ATOMIC_ACQUIRE)
#define RELEASE(p, v) __atomic_store_n((u16 *)(p), (u16)(v), __ATOMIC_RELEASE)
#define FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#define NEXT 1u
#define WRITE 2u
#define AVAIL 0x80u
#define USED 0x8000u

/* What one side knows of its ring. */
struct floor_side {
    _Alignas(2 * BENCH_LINE) uint8_t *desc;
    uint8_t *driver, *device;
    uint32_t size;
    uint16_t next, seen, reaped;  /* split: indices */
    uint16_t put, take;           /* packed: positions to write and to read next, */
    uint16_t put_wrap, take_wrap; /* and AVAIL and USED there, as this side writes them */
};
static struct floor_side drv, dev;

static void floor_open(const struct bench_shape *shape)
{
    memset(&drv, 0, sizeof drv);
    drv.size = shape->size;
    drv.desc = bench_ram;
    drv.driver = drv.desc + 16u * (size_t)shape->size;
    drv.device = drv.driver + ((6u + 2u * shape->size + 63u) & ~63u);
    drv.put_wrap = AVAIL;
    drv.take_wrap = AVAIL | USED;
    dev = drv;
    dev.put_wrap = AVAIL | USED;
    dev.take_wrap = AVAIL;
}

/* As a device in another address space has to: an offset away. */
static uint8_t *at(uint64_t gpa)
{
    return bench_ram + (gpa - BENCH_GPA);
}

static void serve_one(uint64_t request_gpa, uint64_t answer_gpa)
{
    uint64_t request;
    uint16_t answer;

    memcpy(&request, at(request_gpa), sizeof request);
    answer = bench_answer(request);
    memcpy(at(answer_gpa), &answer, sizeof answer);
}

static uint64_t reap_one(uint32_t slot, uint32_t len, uint32_t i)
{
    uint16_t answer;

    memcpy(&answer, bench_cell(slot) + 8, sizeof answer);
    return (len ^ 2u) | (uint16_t)(answer ^ bench_answer(bench_request(i)));
}

/* ---- split ---- */

#define IDX 2u
#define RING 4u

static BENCH_NOINLINE void floor_split_add(unsigned n)
{
    uint32_t mask = drv.size - 1u, cells = bench_driver.mask;
    uint16_t next = drv.next;
    unsigned i;

    for (i = 0; i < n; i++, next++) {
        uint32_t slot = next & cells;
        uint8_t *d = drv.desc + 32u * (size_t)slot;
        uint64_t gpa = bench_cell_gpa(slot), request = bench_request(next);

        memcpy(bench_cell(slot), &request, sizeof request);
        STORE(u64, d, gpa);
        STORE(u64, d + 8, 8u | (u64)NEXT << 32 | (u64)(2u * slot + 1u) << 48);
        STORE(u64, d + 16, gpa + 8);
        STORE(u64, d + 24, 2u | (u64)WRITE << 32);
        STORE(u16, drv.driver + RING + 2u * (next & mask), 2u * slot);
    }
    drv.next = next;
    RELEASE(drv.driver + IDX, next);
    FENCE();
    bench_driver.notified += (LOAD(u16, drv.device) & 1u) == 0;
}

static BENCH_NOINLINE unsigned floor_split_serve(unsigned n)
{
    uint32_t mask = dev.size - 1u;
    uint16_t next = dev.next, seen = dev.seen;
    unsigned i;

    if (next == seen) {
        seen = dev.seen = ACQUIRE(dev.driver + IDX);
    }
    for (i = 0; i < n && next != seen; i++, next++) {
        uint32_t head = LOAD(u16, dev.driver + RING + 2u * (next & mask));
        const uint8_t *d = dev.desc + 16u * (size_t)head;

        serve_one(LOAD(u64, d), LOAD(u64, dev.desc + 16u * (size_t)LOAD(u16, d + 14)));
        STORE(u64, dev.device + RING + 8u * (next & mask), head | (u64)2u << 32);
    }
    if (i != 0) {
        dev.next = next;
        RELEASE(dev.device + IDX, next);
        FENCE();
        bench_device.notified += (LOAD(u16, dev.driver) & 1u) == 0;
    }
    return i;
}

static BENCH_NOINLINE unsigned floor_split_reap(unsigned n)
{
    uint32_t mask = drv.size - 1u;
    uint16_t next = drv.reaped, seen = drv.seen;
    uint64_t wrong = 0;
    unsigned i;

    if (next == seen) {
        seen = drv.seen = ACQUIRE(drv.device + IDX);
    }
    for (i = 0; i < n && next != seen; i++, next++) {
        uint64_t elem = LOAD(u64, drv.device + RING + 8u * (next & mask));

        wrong |= reap_one((uint32_t)elem >> 1, (uint32_t)(elem >> 32), next);
    }
    drv.reaped = next;
    bench_driver.wrong |= wrong;
    return i;
}

const struct bench_engine bench_floor_split = {
    "floor, split", floor_open, floor_split_add, floor_split_serve, floor_split_reap};

/* ---- packed: the first flags of a batch are held back to its end. Sizes are even, so
 * that no chain wraps; two positions a request are two bits of nothing else. ---- */

static BENCH_NOINLINE void floor_packed_add(unsigned n)
{
    uint16_t first_flags = drv.put_wrap | NEXT, pos = drv.put, wrap = drv.put_wrap;
    uint8_t *first = drv.desc + 16u * (size_t)pos;
    uint32_t cells = bench_driver.mask, next = drv.next;
    unsigned i;

    for (i = 0; i < n; i++, next++) {
        uint32_t slot = next & cells;
        uint8_t *d = drv.desc + 16u * (size_t)pos;
        uint64_t gpa = bench_cell_gpa(slot), request = bench_request(next);

        memcpy(bench_cell(slot), &request, sizeof request);
        STORE(u64, d, gpa);
        STORE(u64, d + 16, gpa + 8);
        STORE(u64, d + 24, 2u | (u64)slot << 32 | (u64)(WRITE | wrap) << 48);
        if (d != first) {
            STORE(u64, d + 8, 8u | (u64)slot << 32 | (u64)(NEXT | wrap) << 48);
        } else {
            STORE(u32, d + 8, 8u);
            STORE(u16, d + 12, slot);
        }
        pos = (uint16_t)(pos + 2u);
        if (pos == drv.size) {
            pos = 0;
            wrap ^= AVAIL | USED;
        }
    }
    drv.put = pos;
    drv.put_wrap = wrap;
    drv.next = (uint16_t)next;
    RELEASE(first + 14, first_flags);
    FENCE();
    bench_driver.notified += (LOAD(u32, drv.device) >> 16 & 3u) == 0;
}

static BENCH_NOINLINE unsigned floor_packed_serve(unsigned n)
{
    uint16_t pos = dev.take, wrap = dev.take_wrap, used = dev.put_wrap;
    uint16_t first_flags = used | WRITE;
    uint8_t *first = dev.desc + 16u * (size_t)pos;
    unsigned i;

    for (i = 0; i < n; i++) {
        uint8_t *d = dev.desc + 16u * (size_t)pos;
        uint32_t id;

        if ((ACQUIRE(d + 14) & (AVAIL | USED)) != wrap) {
            break;
        }
        id = LOAD(u16, d + 28);
        serve_one(LOAD(u64, d), LOAD(u64, d + 16));
        if (i != 0) {
            STORE(u64, d + 8, 2u | (u64)id << 32 | (u64)(WRITE | used) << 48);
        } else {
            STORE(u32, d + 8, 2u);
            STORE(u16, d + 12, id);
        }
        pos = (uint16_t)(pos + 2u);
        if (pos == dev.size) {
            pos = 0;
            wrap ^= AVAIL | USED;
            used ^= AVAIL | USED;
        }
    }
    if (i != 0) {
        dev.take = pos;
        dev.take_wrap = wrap;
        dev.put_wrap = used;
        RELEASE(first + 14, first_flags);
        FENCE();
        bench_device.notified += (LOAD(u32, dev.driver) >> 16 & 3u) == 0;
    }
    return i;
}

static BENCH_NOINLINE unsigned floor_packed_reap(unsigned n)
{
    uint16_t pos = drv.take, wrap = drv.take_wrap, next = drv.reaped;
    uint64_t wrong = 0;
    unsigned i;

    for (i = 0; i < n; i++, next++) {
        const uint8_t *d = drv.desc + 16u * (size_t)pos;
        uint64_t rest;

        if ((ACQUIRE(d + 14) & (AVAIL | USED)) != wrap) {
            break;
        }
        rest = LOAD(u64, d + 8);
        wrong |= reap_one((uint32_t)(rest >> 32) & 0xffffu, (uint32_t)rest, next);
        pos = (uint16_t)(pos + 2u);
        if (pos == drv.size) {
            pos = 0;
            wrap ^= AVAIL | USED;
        }
    }
    drv.take = pos;
    drv.take_wrap = wrap;
    drv.reaped = next;
    bench_driver.wrong |= wrong;
    return i;
}

const struct bench_engine bench_floor_packed = {
    "floor, packed", floor_open, floor_packed_add, floor_packed_serve, floor_packed_reap};
