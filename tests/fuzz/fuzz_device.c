/* SPDX-License-Identifier: BSD-3-Clause */
/* A hostile driver, a careless transport and a backend with moods, against the device.
 *
 * Input: a list of calls; `step` says which byte makes which. Asserted is what
 * docs/security.md promises:
 * - memory is touched only where `map` gave it, only while it is mapped (ASan: all else
 *   is poisoned; without it, nothing unmapped has changed); of queues whose memory is a
 *   plain table of regions, where the short ways are taken, only in these regions,
 * - written are only used rings, and bytes that the descriptors of a popped chain called
 *   device-writable,
 * - one call does a bounded number of things,
 * - with both rings stopped, broken or reset, no memory is asked for and none changes,
 * - a head goes back at most once, and never with more bytes than it had room for,
 * - an error stays until reset, and is announced once,
 * - the backend is asked one thing at a time a line, with legal arguments only, and a
 *   token is good exactly once. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/device.h>
#include <virtiogpio/wire.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#define NGPIO 5u
#define NREQS 3u
#define RING_MAX 16u
#define TOKENS 64u
#define HEADS 256u
#define LIVE 16u
#define RANGES 64u
/* Per call: two turns of a ring, each chain walked at most three times over a table of
 * 1024 entries, each entry in two pieces at a region's end. */
#define MAPS_MAX (2u * RING_MAX * 3u * 2u * (1024u + RING_MAX + 64u))

/* fuzz_device_packed.c says 1. */
#ifndef FUZZ_PACKED
#define FUZZ_PACKED 0
#endif
#define WRAP 0x8000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Guest memory: regions at some distance here, some of them neighbours in the guest. */
static const struct region {
    uint64_t gpa;
    uint32_t size, host;
    int rom;
} regions[] = {
    {0x4000, 0x1000, 0x0100, 0},
    {0x5000, 0x0400, 0x1200, 0}, /* goes on where the first ends */
    {0x6000, 0x0100, 0x1700, 1},
    {UINT64_MAX - 0x1ff, 0x0200, 0x1900, 0},
};
#define NREGIONS (sizeof regions / sizeof regions[0])
#define HOST_SIZE 0x1c00u

struct range {
    uint64_t gpa;
    uint32_t len;
};

struct ring {
    struct vgpio_vq_setup at;
    int started, run, draining;
    int plain;   /* its memory is a table of regions: nobody sees what is mapped */
    int spoiled; /* somebody wrote where the rings are: their contents mean nothing */
    int resumed; /* the last start: what was not known before is not known now */
    uint16_t begin, seen; /* where this call began, and what was known to be posted */
    uint16_t avail, used;
    unsigned nheads;
    struct {
        uint16_t id, ndesc;
        uint32_t room;
        int sound;
    } heads[HEADS]; /* popped and not given back */
};

static struct fuzz {
    const uint8_t *in;
    size_t left;

    struct vgpio_dev dev;
    struct vgpio_vdev face;
    struct vgpio_line lines[NGPIO];
    struct vgpio_req reqs[NREQS];
    struct ring q[2];
    uint16_t posted[2];
    int err[2], was_broken, needs_reset;

    /* memory */
    unsigned maps, nlive, map_fails_at, map_chunk;
    struct {
        uint8_t *p;
        uint32_t len;
    } live[LIVE];
    int inside, open; /* open: a queue with plain memory may touch all of that */

    /* backend */
    vgpio_token tokens[TOKENS];
    uint16_t token_line[TOKENS];
    unsigned ntokens;
    uint8_t busy[NGPIO];
    uint8_t mood, mood_result;
} f;

static uint8_t host[HOST_SIZE] __attribute__((aligned(16)));
static uint8_t before[HOST_SIZE];
static uint8_t allowed[HOST_SIZE]; /* found writable in a chain since the last start */
static uint8_t writing[HOST_SIZE]; /* mapped for writing in this call */

/* ---- input ---------------------------------------------------------------- */

static unsigned in8(void)
{
    if (f.left == 0) {
        return 0;
    }
    f.left--;
    return *f.in++;
}

static uint16_t in16(void)
{
    unsigned low = in8();

    return (uint16_t)(low | in8() << 8);
}

static uint64_t in64(void)
{
    uint64_t v = 0;
    unsigned i;

    for (i = 0; i < 8; i++) {
        v |= (uint64_t)in8() << 8 * i;
    }
    return v;
}

/* An address, as a rule one that is memory. */
static uint64_t in_addr(void)
{
    uint16_t w = in16();

    switch (w >> 13) {
    case 0:
        return in64();
    case 1:
        return UINT64_MAX - (w & 0x3ffu);
    case 2:
        return 0x6000u + (w & 0x1ffu);
    default:
        return 0x4000u + (w & 0x1fffu) % 0x1500u;
    }
}

/* ---- memory ---------------------------------------------------------------- */

static const struct region *region_of(uint64_t gpa)
{
    size_t i;

    for (i = 0; i < NREGIONS; i++) {
        if (gpa >= regions[i].gpa && gpa - regions[i].gpa < regions[i].size) {
            return &regions[i];
        }
    }
    return NULL;
}

/* Index into host[], or HOST_SIZE. */
static uint32_t at(uint64_t gpa)
{
    const struct region *r = region_of(gpa);

    return r == NULL ? HOST_SIZE : r->host + (uint32_t)(gpa - r->gpa);
}

/* What peek() looks at; in a packed ring chains are read as they were before the call,
 * for answers to others overwrite them. */
static const volatile uint8_t *view = host;

/* The map hook looks at memory while it is poisoned for everybody else. */
__attribute__((no_sanitize_address)) static unsigned peek8(uint64_t gpa)
{
    uint32_t i = at(gpa);

    return i < HOST_SIZE ? view[i] : 0u;
}

static uint64_t peek(uint64_t gpa, unsigned bytes)
{
    uint64_t v = 0;
    unsigned i;

    for (i = 0; i < bytes; i++) {
        v |= (uint64_t)peek8(gpa + i) << 8 * i;
    }
    return v;
}

static int overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return alen != 0 && blen != 0 && a <= b + (blen - 1) && b <= a + (alen - 1);
}

static uint32_t driver_bytes(uint16_t size)
{
    return FUZZ_PACKED ? 4u : 6u + 2u * size;
}

static uint32_t device_bytes(uint16_t size)
{
    return FUZZ_PACKED ? 4u : 6u + 8u * size;
}

static void poke(uint64_t gpa, uint64_t v, unsigned bytes)
{
    unsigned i;

    for (i = 0; i < bytes; i++) {
        uint32_t where = at(gpa + i);

        if (where < HOST_SIZE) {
            host[where] = (uint8_t)(v >> 8 * i);
        }
    }
    for (i = 0; i < 2 && !FUZZ_PACKED; i++) {
        /* a driver that writes what is the device's to write */
        f.q[i].spoiled |=
            overlap(gpa, bytes, f.q[i].at.device, device_bytes(f.q[i].at.size));
    }
}

static void poison_again(uint8_t *p, uint32_t len)
{
    uint8_t *from = host + (size_t)(p - host) / 8 * 8;
    unsigned i;

    if (f.open) {
        return;
    }
    ASAN_POISON_MEMORY_REGION(from, (size_t)(p + len - from + 7) / 8 * 8);
    for (i = 0; i < f.nlive; i++) {
        ASAN_UNPOISON_MEMORY_REGION(f.live[i].p, f.live[i].len);
    }
}

/* ---- what a chain may be written to ------------------------------------------ */

struct chain {
    struct range write[RANGES], table;
    unsigned n;
    uint64_t room, total;
    int sound;
};

/* The rules of one descriptor in a chain, written a second time. */
static int piece(const struct ring *q, struct chain *c, uint64_t d, int *in_writes)
{
    uint32_t len = (uint32_t)peek(d + 8, 4);
    unsigned flags = (unsigned)peek(d + (FUZZ_PACKED ? 14 : 12), 2);

    if (FUZZ_PACKED && c->table.len != 0) {
        flags &= 2u;
    }
    if ((flags & 4u) != 0) {
        c->table.gpa = peek(d, 8);
        if (c->table.len != 0 || (flags & 1u) != 0 || len == 0 || len % 16u != 0 ||
            (q->at.features & VGPIO_F_INDIRECT) == 0) {
            return 0;
        }
        c->table.len = len;
        return 1;
    }
    if (*in_writes && (flags & 2u) == 0) {
        return 0;
    }
    *in_writes = (flags & 2u) != 0;
    c->total += len;
    if (*in_writes && len != 0) {
        c->room += len;
        if (c->n < RANGES) {
            c->write[c->n].gpa = peek(d, 8);
            c->write[c->n++].len = len;
        }
    }
    return c->total <= UINT32_MAX;
}

/* Walks a chain as far as it is sound. */
static void walk(const struct ring *q, uint16_t head, struct chain *c)
{
    uint32_t n = q->at.size, i = head, hops = 0;
    int in_writes = 0;

    memset(c, 0, sizeof *c);
    for (;;) {
        int was_table = c->table.len != 0;
        uint64_t d = (was_table ? c->table.gpa : q->at.desc) + 16u * (uint64_t)i;

        if (i >= n || hops++ == (was_table ? 1024u : n) || at(d) == HOST_SIZE ||
            at(d + 15) == HOST_SIZE || !piece(q, c, d, &in_writes)) {
            return;
        }
        if (!was_table && c->table.len != 0) {
            n = c->table.len / 16u;
            i = hops = 0;
            continue;
        }
        if ((peek(d + 12, 2) & 1u) == 0) {
            c->sound = 1;
            return;
        }
        i = (uint32_t)peek(d + 14, 2);
    }
}

/* A position of a packed ring and `n` more, n <= size. */
static uint16_t plus(const struct ring *q, uint16_t pos, unsigned n)
{
    unsigned off = (pos & (WRAP - 1u)) + n, wrap = pos & WRAP;

    return (uint16_t)(off >= q->at.size ? (off - q->at.size) | (wrap ^ WRAP)
                                        : off | wrap);
}

static uint64_t slot_at(const struct ring *q, uint16_t pos)
{
    return q->at.desc + 16u * (uint64_t)(pos & (WRAP - 1u));
}

/* The chain at `pos` of a packed ring, and where the next one begins. */
static uint16_t walk_packed(const struct ring *q, uint16_t pos, struct chain *c,
                            uint16_t *id)
{
    unsigned n = 0, more, sound = 1;
    int in_writes = 0;
    uint64_t d;
    uint32_t i;

    memset(c, 0, sizeof *c);
    do {
        d = slot_at(q, pos);
        MUST(n++ < q->at.size); /* it was taken, so it has an end */
        MUST((peek(d + 14, 2) & 0x8080u) == (pos & WRAP ? 0x80u : 0x8000u));
        sound = sound && piece(q, c, d, &in_writes);
        more = peek(d + 14, 1) & 1u;
        pos = plus(q, pos, 1);
    } while (more);
    *id = (uint16_t)peek(d + 12, 2);
    sound = sound && (c->table.len == 0 || n == 1) && c->table.len <= 1024 * 16u;
    for (i = 0; sound && i < c->table.len; i += 16) {
        d = c->table.gpa + i;
        sound =
            at(d) != HOST_SIZE && at(d + 15) != HOST_SIZE && piece(q, c, d, &in_writes);
    }
    c->sound = (int)sound;
    return pos;
}

static uint16_t head_at(const struct ring *q, uint16_t pos)
{
    return (uint16_t)peek(q->at.driver + 4 + 2u * (uint64_t)(pos % q->at.size), 2);
}

static int touches(const struct ring *q, uint64_t gpa, uint32_t len)
{
    uint32_t n = q->at.size;

    return q->started && (overlap(gpa, len, q->at.desc, 16u * n) ||
                          overlap(gpa, len, q->at.driver, driver_bytes(q->at.size)) ||
                          overlap(gpa, len, q->at.device, device_bytes(q->at.size)));
}

/* All that the chains which this call took from a packed ring let a device write to. */
static void allow_packed(unsigned n)
{
    struct ring *q = &f.q[n];
    uint16_t pos = q->avail, id;
    struct chain c;
    unsigned i;
    uint32_t k;

    view = before;
    while (q->started && !q->spoiled && pos != f.dev.q[n].at.avail_pos) {
        pos = walk_packed(q, pos, &c, &id);
        for (i = 0; i < c.n; i++) {
            for (k = 0; k < c.write[i].len && k < HOST_SIZE; k++) {
                if (at(c.write[i].gpa + k) < HOST_SIZE) {
                    allowed[at(c.write[i].gpa + k)] = 1;
                }
            }
        }
        q->spoiled |= c.n == RANGES;
    }
    view = host;
}

/* Somebody asks for bytes to write to, and it is not for a ring. */
static void check_write(uint64_t gpa, uint32_t len)
{
    struct chain c[2];
    unsigned q, i;
    uint32_t k;

    for (q = 0; q < 2; q++) {
        c[q].n = 0;
        if (FUZZ_PACKED) {
            allow_packed(q);
            continue;
        }
        if (!f.q[q].started || f.dev.q[q].at.avail_pos == f.q[q].begin) {
            continue;
        }
        walk(&f.q[q], head_at(&f.q[q], (uint16_t)(f.dev.q[q].at.avail_pos - 1u)), &c[q]);
        if (overlap(gpa, len, c[q].table.gpa, c[q].table.len)) {
            f.q[0].spoiled = f.q[1].spoiled = 1;
        }
    }
    for (k = 0; k < len; k++) {
        int good = allowed[at(gpa + k)];

        for (q = 0; q < 2; q++) {
            for (i = 0; i < c[q].n; i++) {
                good |= gpa + k - c[q].write[i].gpa < c[q].write[i].len;
            }
        }
        MUST(good || f.q[0].spoiled || f.q[1].spoiled || c[0].n == RANGES ||
             c[1].n == RANGES);
        allowed[at(gpa + k)] = 1;
    }
    for (q = 0; q < 2; q++) {
        if (touches(&f.q[q], gpa, len)) {
            f.q[q].spoiled = 1;
        }
    }
}

/* ---- hooks of the memory ------------------------------------------------------ */

static int starting = -1; /* the queue that is being started: its rings are mapped */

static void *map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    const struct region *r = region_of(gpa);

    (void)ctx;
    MUST(f.inside && *len != 0 && gpa + (*len - 1) >= gpa);
    MUST(access != 0 && access <= (VGPIO_MEM_READ | VGPIO_MEM_WRITE));
    MUST(++f.maps < MAPS_MAX);
    if (r == NULL || (r->rom && (access & VGPIO_MEM_WRITE) != 0)) {
        return NULL;
    }
    if (f.map_fails_at != 0 && --f.map_fails_at == 0) {
        return f.maps % 2 == 0 ? VGPIO_MAP_LATER : NULL;
    }
    if (starting < 0 && f.map_chunk != 0 && *len > f.map_chunk) {
        *len = f.map_chunk;
    }
    if (*len > r->size - (gpa - r->gpa)) {
        *len = (uint32_t)(r->size - (gpa - r->gpa));
    }
    if (access == VGPIO_MEM_WRITE) {
        check_write(gpa, *len);
    }
    if ((access & VGPIO_MEM_WRITE) != 0) {
        memset(writing + at(gpa), 1, *len);
    }
    MUST(f.nlive < LIVE);
    f.live[f.nlive].p = host + at(gpa);
    f.live[f.nlive].len = *len;
    f.nlive += VGPIO_CFG_UNMAP;
    ASAN_UNPOISON_MEMORY_REGION(host + at(gpa), *len);
    return host + at(gpa);
}

static void unmap(void *ctx, void *p, uint32_t len)
{
    unsigned i = 0;

    (void)ctx;
    while (i < f.nlive && (f.live[i].p != p || f.live[i].len != len)) {
        i++;
    }
    MUST(i < f.nlive);
    f.live[i] = f.live[--f.nlive];
    poison_again(p, len);
}

static void dirty(void *ctx, uint64_t gpa, uint32_t len)
{
    uint32_t i;

    (void)ctx;
    for (i = 0; i < len; i++) {
        MUST(at(gpa + i) < HOST_SIZE);
    }
}

static const struct vgpio_mem mem = {sizeof mem, NULL, map,
                                     VGPIO_CFG_UNMAP ? unmap : NULL,
                                     VGPIO_CFG_DIRTY ? dirty : NULL};

/* All but what cannot be written to, which such a table does not know. */
static struct vgpio_mem_region plain_regions[NREGIONS];
static struct vgpio_mem_table plain_table = {plain_regions, 0};
static const struct vgpio_mem plain_mem = {sizeof plain_mem, &plain_table,
                                           vgpio_mem_table_map, NULL, NULL};

static void plain_init(void)
{
    struct vgpio_mem_region *r = plain_regions;
    size_t i;

    for (i = 0; i < NREGIONS; i++) {
        if (!regions[i].rom) {
            *r++ = (struct vgpio_mem_region){regions[i].gpa, regions[i].size,
                                             host + regions[i].host};
        }
    }
    plain_table.n = (uint32_t)(r - plain_regions);
}

static void plain_open(void)
{
    uint32_t i;

    f.open = 1;
    for (i = 0; i < plain_table.n; i++) {
        ASAN_UNPOISON_MEMORY_REGION(plain_regions[i].hva, (size_t)plain_regions[i].size);
    }
}

static int any_allowed(uint64_t gpa, uint32_t len)
{
    uint32_t k;

    for (k = 0; k < len && k < HOST_SIZE; k++) {
        if (at(gpa + k) < HOST_SIZE && allowed[at(gpa + k)]) {
            return 1;
        }
    }
    return 0;
}

/* What the chains which this call took let a device write to. A table that one of them
 * may write to says nothing after the call. */
static void plain_allow(unsigned n)
{
    struct ring *q = &f.q[n];
    uint16_t pos = q->avail, end = f.dev.q[n].at.avail_pos, id, left = RING_MAX;
    struct chain c;
    unsigned i;
    uint32_t k;

    view = before;
    while (!q->spoiled && pos != end) {
        if (FUZZ_PACKED) {
            pos = walk_packed(q, pos, &c, &id);
        } else {
            walk(q, head_at(q, pos++), &c);
        }
        for (i = 0; i < c.n; i++) {
            for (k = 0; k < c.write[i].len && k < HOST_SIZE; k++) {
                if (at(c.write[i].gpa + k) < HOST_SIZE) {
                    allowed[at(c.write[i].gpa + k)] = 1;
                }
            }
        }
        q->spoiled |=
            c.n == RANGES || left-- == 0 || any_allowed(c.table.gpa, c.table.len);
    }
    view = host;
}

/* So does a ring. */
static void plain_spoil(struct ring *q)
{
    q->spoiled |= any_allowed(q->at.desc, 16u * q->at.size) ||
                  any_allowed(q->at.driver, driver_bytes(q->at.size)) ||
                  any_allowed(q->at.device, device_bytes(q->at.size));
}

/* Each byte that changed, and not in a ring, is one that some chain let be written to. */
static void plain_changes(void)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        if (f.q[i].started && f.q[i].plain) {
            plain_allow(i);
        }
    }
    for (i = 0; i < 2; i++) {
        if (f.q[i].started) {
            plain_spoil(&f.q[i]);
        }
    }
    for (i = 0; i < HOST_SIZE; i++) {
        if (host[i] != before[i] && !writing[i]) {
            MUST(allowed[i] || f.q[0].spoiled || f.q[1].spoiled);
            writing[i] = 1;
        }
    }
}

/* ---- the backend ---------------------------------------------------------------- */

static void token_gone(unsigned i)
{
    f.busy[f.token_line[i]] = 0;
    f.ntokens--;
    f.tokens[i] = f.tokens[f.ntokens];
    f.token_line[i] = f.token_line[f.ntokens];
}

/* Calls from inside an op that are not allowed change nothing. */
static void reenter(uint16_t line)
{
    MUST(vgpio_dev_kick(&f.dev, line & 1u) != 0);
    MUST(f.face.ops->queue_stop(f.face.obj, 0, VGPIO_STOP_NOW, NULL) == VGPIO_ERR_STATE);
    MUST(f.face.ops->queue_run(f.face.obj, 0, 0) == VGPIO_ERR_STATE);
    f.face.ops->reset(f.face.obj);
}

/* How an op ends: what it was, that it failed, nonsense, or later. */
static int op(uint16_t line, vgpio_token token)
{
    unsigned mood = f.mood;
    int result = (int)(int8_t)f.mood_result;

    MUST(f.inside && line < NGPIO && !f.busy[line]);
    f.mood = (uint8_t)(mood >> 2 | mood << 6);
    if ((mood & 0x10u) != 0) {
        (void)vgpio_dev_change(&f.dev, line, mood & 3u, mood & 1u);
    }
    if ((mood & 0x20u) != 0) {
        reenter(line);
    }
    switch (mood & 3u) {
    case 0:
        return result & 1;
    case 1:
        return result;
    case 2:
        MUST(vgpio_dev_complete(&f.dev, token, result) == 0);
        MUST(vgpio_dev_complete(&f.dev, token, 0) == VGPIO_ERR_STALE);
        return VGPIO_PENDING;
    default:
        MUST(f.ntokens < TOKENS);
        f.tokens[f.ntokens] = token;
        f.token_line[f.ntokens++] = line;
        f.busy[line] = 1;
        return VGPIO_PENDING;
    }
}

static int get_op(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx;
    return op(line, token);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token token)
{
    (void)ctx;
    MUST(dir <= VGPIO_DIR_IN && out <= 1);
    return op(line, token);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    (void)ctx;
    MUST(value <= 1);
    return op(line, token);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    (void)ctx;
    MUST(type <= VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW);
    MUST((f.dev.features & VGPIO_F_IRQ) != 0);
    return op(line, token);
}

static void unmask(void *ctx, uint16_t line)
{
    (void)ctx;
    MUST(f.inside && line < NGPIO);
    if ((f.mood & 0x40u) != 0) {
        (void)vgpio_dev_change(&f.dev, line, 3, f.mood & 1u);
    }
}

static void backend_reset(void *ctx)
{
    (void)ctx;
    while (f.ntokens != 0) {
        token_gone(0);
    }
}

static const struct vgpio_line_ops ops = {sizeof ops, get_op,       set_direction,
                                          get_op,     set_value,    set_irq_type,
                                          unmask,     backend_reset};

/* ---- around every call ------------------------------------------------------------ */

static void trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    (void)ctx;
    MUST(id != 0 && id < VGPIO_TR_END);
    if (id == VGPIO_TR_QUEUE_FRESH || id == VGPIO_TR_QUEUE_RESUMED) {
        MUST(a < 2);
        f.q[a].avail = f.q[a].seen = (uint16_t)b;
        f.q[a].nheads = id == VGPIO_TR_QUEUE_FRESH ? 0 : f.q[a].nheads;
        f.q[a].resumed = id == VGPIO_TR_QUEUE_RESUMED;
        if (FUZZ_PACKED) {
            f.q[a].used = f.dev.q[a].at.used_pos;
        }
    }
}

static void enter(void)
{
    unsigned i;

    memcpy(before, host, sizeof host);
    memset(writing, 0, sizeof writing);
    f.maps = 0;
    f.inside = 1;
    for (i = 0; i < 2; i++) {
        f.q[i].begin = f.dev.q[i].at.avail_pos;
        f.q[i].seen = f.dev.q[i].u.avail_seen;
    }
    ASAN_POISON_MEMORY_REGION(host, sizeof host);
    for (i = 0; i < f.nlive; i++) {
        ASAN_UNPOISON_MEMORY_REGION(f.live[i].p, f.live[i].len);
    }
    f.open = 0;
    if ((f.q[0].started && f.q[0].plain) || (f.q[1].started && f.q[1].plain)) {
        plain_open();
    }
}

/* Did this call write to guest memory there, other than into used rings? */
static int written(uint64_t gpa, uint32_t len)
{
    uint32_t k;

    for (k = 0; k < len && k < HOST_SIZE; k++) {
        if (at(gpa + k) < HOST_SIZE && writing[at(gpa + k)]) {
            return 1;
        }
    }
    return 0;
}

static void took(struct ring *q, uint16_t id)
{
    struct chain c;

    walk(q, id, &c);
    if (q->nheads == HEADS || written(c.table.gpa, c.table.len)) {
        q->spoiled = 1; /* more than this test remembers, or can know */
        return;
    }
    q->heads[q->nheads].id = id;
    q->heads[q->nheads].ndesc = 1;
    q->heads[q->nheads].sound = c.sound;
    q->heads[q->nheads++].room = c.room < UINT32_MAX ? (uint32_t)c.room : UINT32_MAX;
}

static void gave_back(struct ring *q, uint32_t id, uint32_t len)
{
    unsigned i, best = HEADS;

    for (i = 0; i < q->nheads; i++) {
        if (q->heads[i].id == id && q->heads[i].sound && q->heads[i].room >= len &&
            (best == HEADS || q->heads[i].room < q->heads[best].room)) {
            best = i; /* a head that was posted twice: the one that says least */
        }
    }
    MUST(best < HEADS); /* in flight, and with so much room */
    q->heads[best] = q->heads[--q->nheads];
}

/* No more than the driver posted, and nothing once it claims the impossible. */
static void check_taken(const struct ring *q, uint16_t taken)
{
    uint16_t known = (uint16_t)(q->seen - q->avail);
    uint16_t more = (uint16_t)((uint16_t)peek(q->at.driver + 2, 2) - q->seen);

    MUST(taken <= known + (more <= q->at.size ? more : 0u));
}

static void took_packed(struct ring *q, uint16_t *pos)
{
    uint16_t from = *pos, id;
    struct chain c;

    view = before;
    *pos = walk_packed(q, from, &c, &id);
    view = host;
    if (q->nheads == HEADS || written(c.table.gpa, c.table.len)) {
        q->spoiled = 1;
        return;
    }
    q->heads[q->nheads].id = id;
    q->heads[q->nheads].ndesc = (uint16_t)((*pos & (WRAP - 1u)) - (from & (WRAP - 1u)) +
                                           ((*pos ^ from) & WRAP ? q->at.size : 0u));
    q->heads[q->nheads].sound = c.sound;
    q->heads[q->nheads++].room = c.room < UINT32_MAX ? (uint32_t)c.room : UINT32_MAX;
}

/* How many descriptors the chain takes that went back with this id; 0: a driver that uses
 * an id twice made it impossible to say. */
static unsigned length_of(const struct ring *q, uint16_t id)
{
    unsigned i, n = 0;

    for (i = 0; i < q->nheads; i++) {
        if (q->heads[i].id == id) {
            if (n != 0 && n != q->heads[i].ndesc) {
                return 0;
            }
            n = q->heads[i].ndesc;
        }
    }
    MUST(n != 0); /* in flight */
    return n;
}

static void check_packed_ring(unsigned n, int was_run)
{
    struct ring *q = &f.q[n];
    uint16_t used = f.dev.q[n].at.used_pos;

    if (!q->started || q->spoiled) {
        q->used = used;
        return;
    }
    while (!q->spoiled && q->avail != f.dev.q[n].at.avail_pos) {
        took_packed(q, &q->avail);
    }
    MUST(was_run || q->draining || used == q->used);
    while (!q->spoiled && q->used != used) {
        uint64_t d = slot_at(q, q->used);
        uint16_t id = (uint16_t)peek(d + 12, 2);
        uint32_t len = (uint32_t)peek(d + 8, 4);
        unsigned ndesc = length_of(q, id);

        MUST(peek(d + 14, 2) == ((q->used & WRAP ? 0x8080u : 0u) | (len != 0 ? 2u : 0u)));
        q->spoiled = ndesc == 0;
        gave_back(q, id, len);
        q->used = plus(q, q->used, ndesc);
    }
    q->used = used;
}

static void check_ring(unsigned n, int was_run)
{
    struct ring *q = &f.q[n];
    uint16_t used = (uint16_t)peek(q->at.device + 2, 2);
    uint16_t now = f.dev.q[n].at.avail_pos;
    uint16_t i;

    if (FUZZ_PACKED) {
        check_packed_ring(n, was_run);
        return;
    }
    if (!q->started || q->spoiled) {
        q->used = used;
        return;
    }
    check_taken(q, (uint16_t)(now - q->avail));
    for (i = q->avail; i != now; i++) {
        took(q, head_at(q, i));
    }
    q->avail = now;
    MUST(was_run || q->draining || used == q->used);
    if ((uint16_t)(used - q->used) > q->at.size) {
        q->spoiled = 1; /* more heads posted than there are: elements were overwritten */
    }
    for (i = q->used; i != used && !q->spoiled; i++) {
        uint64_t e = q->at.device + 4 + 8u * (uint64_t)(i % q->at.size);

        gave_back(q, (uint32_t)peek(e, 4), (uint32_t)peek(e + 4, 4));
    }
    q->used = used;
}

/* What a device may write to in a ring: the used one, the second half of descriptors. */
static void mark_ring(const struct ring *q)
{
    unsigned i;

    memset(writing + at(q->at.device), 1, device_bytes(q->at.size));
    for (i = 0; i < q->at.size && FUZZ_PACKED; i++) {
        memset(writing + at(q->at.desc + 16u * i) + 8, 1, 8);
    }
}

/* Whatever changed was mapped for writing, in this call or as a used ring. */
static void check_changes(void)
{
    unsigned i, k;

    if (memcmp(before, host, sizeof host) == 0 && !f.open) {
        return;
    }
    for (k = 0; k < 2; k++) {
        if (f.q[k].started) {
            mark_ring(&f.q[k]);
        }
    }
    if (f.open) {
        plain_changes();
    }
    for (i = 0; i < HOST_SIZE; i++) {
        MUST(host[i] == before[i] || writing[i]);
    }
}

/* After a call; `may_map`: one that may touch memory at all. */
static void leave(int may_map)
{
    unsigned i;

    f.inside = 0;
    ASAN_UNPOISON_MEMORY_REGION(host, sizeof host);
    check_changes();
    if (!may_map || f.was_broken) {
        MUST(f.maps == 0 && memcmp(before, host, sizeof host) == 0);
    }
    for (i = 0; i < 2; i++) {
        int err = f.face.ops->error(f.face.obj, i);

        MUST(f.err[i] == 0 || f.err[i] == err);
        MUST(err == 0 || err <= VGPIO_ERR_FATAL);
        f.needs_reset += f.err[i] == 0 && err != 0;
        f.err[i] = err;
        check_ring(i, f.q[i].run);
    }
    f.was_broken = f.err[0] != 0 || f.err[1] != 0;
    MUST(f.nlive == 3u * (unsigned)((f.q[0].started && !f.q[0].plain) +
                                    (f.q[1].started && !f.q[1].plain)));
    MUST(f.face.ops->in_flight(f.face.obj) == f.ntokens);
}

/* ---- what the driver does -------------------------------------------------------- */

static void default_ring(unsigned q, struct vgpio_vq_setup *s)
{
    memset(s, 0, sizeof *s);
    s->size = 8;
    s->desc = 0x4000u + 0x200u * q;
    s->driver = s->desc + 0xc0; /* apart, so that poison is in between */
    s->device = s->desc + 0x140;
    s->features = f.dev.features;
}

/* The driver's next descriptor in a packed ring. */
static void put(unsigned n, uint64_t addr, uint32_t len, unsigned flags, unsigned id)
{
    const struct ring *q = &f.q[n];
    uint16_t pos = f.posted[n];
    uint64_t d = slot_at(q, pos);

    poke(d, addr, 8);
    poke(d + 8, len, 4);
    poke(d + 12, id, 2);
    poke(d + 14, flags | (pos & WRAP ? 0x80u : 0x8000u), 2);
    f.posted[n] = q->at.size != 0 ? plus(q, pos, 1) : pos;
}

static void post(unsigned n, uint16_t head)
{
    const struct ring *q = &f.q[n];
    uint16_t size = q->at.size != 0 ? q->at.size : 8;

    if (FUZZ_PACKED) { /* what stands there, as it is */
        uint64_t d = slot_at(q, f.posted[n]);

        put(n, peek(d, 8), (uint32_t)peek(d + 8, 4), head & 7u, peek8(d + 12));
        return;
    }

    poke(q->at.driver + 4 + 2u * (uint64_t)(f.posted[n] % size), head, 2);
    poke(q->at.driver + 2, ++f.posted[n], 2);
}

static void desc(uint64_t at_gpa, uint64_t addr, uint32_t len, unsigned flags,
                 unsigned next)
{
    poke(at_gpa, addr, 8);
    poke(at_gpa + 8, len, 4);
    poke(at_gpa + (FUZZ_PACKED ? 14 : 12), flags, 2);
    poke(at_gpa + (FUZZ_PACKED ? 12 : 14), next, 2);
}

static void any_desc(uint64_t at_gpa)
{
    uint64_t addr = in_addr();
    uint32_t len = in16();
    unsigned flags = in8() % 8u;

    /* As a rule short, else enough for two of them to pass 2^32. */
    desc(at_gpa, addr, len < 0xf000u ? len % 80u : len << 16, flags,
         in8() % (RING_MAX + 2u));
}

/* A well-formed request or pair, cut in one of some ways. */
static void good(unsigned n, unsigned how)
{
    uint16_t head = (uint16_t)(in8() % 4 * 2);
    uint64_t d = f.q[n].at.desc + 16u * head;
    uint64_t cell = 0x4800u + 0x400u * n + 0x40u * head;
    uint32_t len = n == 0 ? 8 : 2, room = n == 0 ? 2 : 1;

    if (n == 0) {
        poke(cell, in8() % 8u, 2);
        poke(cell + 2, in8() % (NGPIO + 1u), 2);
        poke(cell + 4, in8() % 10u, 4);
        room = how % 8 == 7 ? 64 : 2;
    } else {
        poke(cell, in8() % (NGPIO + 1u), 2);
    }
    if (FUZZ_PACKED && (how & 0x10u) != 0) {
        desc(cell + 0x20, cell, len, 0, 0);
        desc(cell + 0x30, cell + 16, room > 16 ? 16 : room, 2, 0);
        put(n, cell + 0x20, 32, 4, head);
        return;
    }
    if (FUZZ_PACKED) {
        put(n, cell, len, 1, head);
        put(n, how & 0x20u ? 0x53ffu : cell + 16, room, 2, head);
        return;
    }
    if (how & 0x10u) {
        desc(d, cell + 0x20, 32, 4, 0);
        d = cell + 0x20;
        head = (uint16_t)(head & ~1u);
        desc(d, cell, len, 1, 1);
        desc(d + 16, cell + 16, room > 16 ? 16 : room, 2, 0);
    } else {
        desc(d, cell, len, 1, head + 1u);
        desc(d + 16, how & 0x20u ? 0x53ffu : cell + 16, room, 2, 0);
    }
    post(n, head);
}

static void guest_step(unsigned what)
{
    unsigned q = in8() & 1u;
    uint64_t base;
    unsigned i;

    switch (what % 8) {
    case 0:
        base = in_addr();
        for (i = in8() % 16u + 1u; i-- > 0;) {
            poke(base++, in8(), 1);
        }
        break;
    case 1:
        any_desc(f.q[q].at.desc + 16u * (in8() % RING_MAX));
        break;
    case 2:
        post(q, in8() % 10u == 9u ? in16() : (uint16_t)(in8() % 8u));
        break;
    case 3:
        f.posted[q] = (uint16_t)(f.posted[q] + (int8_t)in8());
        if (FUZZ_PACKED) {
            f.posted[q] = f.q[q].at.size != 0 ? plus(&f.q[q], f.dev.q[q].at.avail_pos, 0)
                                              : f.posted[q];
            break;
        }
        poke(f.q[q].at.driver + 2, f.posted[q], 2);
        break;
    case 4:
        if (FUZZ_PACKED) {
            poke(f.q[q].at.driver, in16(), 2);
            poke(f.q[q].at.driver + 2, in8() & 3u, 2);
            break;
        }
        poke(f.q[q].at.driver + 4 + 2u * (uint64_t)f.q[q].at.size, in16(), 2);
        poke(f.q[q].at.driver, in8() & 1u, 2);
        break;
    case 5: /* a table somewhere */
        base = in_addr();
        for (i = in8() % 6u; i-- > 0; base += 16) {
            any_desc(base);
        }
        break;
    default:
        good(q, in8());
        break;
    }
}

/* ---- what transport and backend do ------------------------------------------------- */

static void do_start(unsigned n, int plain)
{
    struct vgpio_vq_setup s, last = f.q[n].at;
    unsigned how = in8();
    struct ring *q = &f.q[n];
    int err, was = q->started;

    default_ring(n, &s);
    if ((how & 3u) == 1) {
        s.desc = in_addr() & ~(how & 4u ? 0u : 15u);
        s.driver = in_addr() & ~(how & 4u ? 0u : 1u);
        s.device = in_addr() & ~(how & 4u ? 0u : 3u);
        s.size = (uint16_t)(how & 8u ? in8() : 1u << in8() % 6u);
    } else if ((how & 3u) == 2 && last.size != 0) {
        s = last;
    }
    if ((how & 0x10u) != 0) {
        s.flags = VGPIO_VQ_TOLD;
        s.avail_pos = (uint16_t)(how & 0x20u   ? peek(s.device + 2, 2)
                                 : how & 0x40u ? in16()
                                               : f.dev.q[n].at.avail_pos);
    }
    s.used_pos = (how & 0x20u) != 0 ? s.avail_pos : f.dev.q[n].at.used_pos;
    if (FUZZ_PACKED && (how & 0xc0u) == 0xc0u) {
        s.flags |= VGPIO_VQ_VAGUE;
        s.avail_pos = s.used_pos = 0;
    }
    if ((how & 0x80u) != 0 && !was && !FUZZ_PACKED) {
        poke(s.driver + 2, s.avail_pos, 2); /* nothing waits, as after a reboot */
    }
    enter();
    if (plain) {
        plain_open();
    }
    starting = (int)n;
    if (!was) {
        q->at = s;
        q->plain = plain;
        q->used = (uint16_t)peek(s.device + 2, 2);
        q->begin = (uint16_t)(q->begin ^ 0x8000u); /* it will be set */
        q->started = 1;
    }
    err = f.face.ops->queue_start(f.face.obj, n, plain ? &plain_mem : &mem, &s);
    starting = -1;
    if (err == 0) {
        MUST(!was);
        q->run = 1;
        q->draining = 0;
        uint32_t ring = 16u * s.size;
        uint32_t driver = driver_bytes(s.size), device = device_bytes(s.size);

        f.posted[n] =
            FUZZ_PACKED ? f.dev.q[n].at.avail_pos : (uint16_t)peek(s.driver + 2, 2);
        q->spoiled = (q->resumed && q->spoiled) || touches(&f.q[n ^ 1u], s.desc, ring) ||
                     touches(&f.q[n ^ 1u], s.driver, driver) ||
                     touches(&f.q[n ^ 1u], s.device, device) ||
                     overlap(s.desc, ring, s.driver, driver) ||
                     overlap(s.desc, ring, s.device, device) ||
                     overlap(s.driver, driver, s.device, device);
        if (q->spoiled) {
            f.q[n ^ 1u].spoiled = 1;
        }
        q->spoiled |= !VGPIO_CFG_TRACE; /* then nobody says where it begins */
    }
    if (err != 0 && !was) {
        q->at = last;
        q->started = 0;
    }
    leave(1);
}

static void do_stop(unsigned n)
{
    unsigned how = in8() % 4u;
    struct vgpio_vq_setup where;
    struct ring *q = &f.q[n];
    int was_run = q->run, err;

    enter();
    q->draining |= how == VGPIO_STOP_DRAIN;
    err = f.face.ops->queue_stop(f.face.obj, n, how, how & 1u ? &where : NULL);
    MUST(err == 0 || err == VGPIO_PENDING || (how == 0 && err == VGPIO_ERR_INVAL));
    MUST(err != VGPIO_PENDING || (how == VGPIO_STOP_DRAIN && q->started));
    if (err == 0 && q->started) {
        check_ring(n, was_run); /* as long as it counts as started */
        mark_ring(q);
        q->started = q->run = q->draining = 0;
    }
    leave(1);
}

static void do_reset(void)
{
    unsigned i;

    enter();
    f.face.ops->reset(f.face.obj);
    for (i = 0; i < 2; i++) {
        f.q[i].started = f.q[i].run = f.q[i].draining = 0;
        f.q[i].nheads = 0;
        f.err[i] = 0;
    }
    f.was_broken = f.needs_reset = 0;
    memset(allowed, 0, sizeof allowed);
    leave(0);
    MUST(f.ntokens == 0);
    MUST(vgpio_dev_take_events(&f.dev) == 0);
}

static void do_complete(void)
{
    unsigned how = in8();
    int result = (how & 0x40u) != 0 ? VGPIO_PENDING : (int)(int8_t)in8();
    int running = f.q[0].started | f.q[1].started;
    int err;

    enter();
    if ((how & 0x80u) != 0 || f.ntokens == 0) {
        vgpio_token token = (vgpio_token)in16() << 16 | (how & 0x3fu);
        unsigned i;

        for (i = 0; i < f.ntokens && f.tokens[i] != token; i++) {
        }
        if (i == f.ntokens) {
            MUST(vgpio_dev_complete(&f.dev, token, result) == VGPIO_ERR_STALE);
        }
    } else {
        unsigned i = how % f.ntokens;
        vgpio_token token = f.tokens[i];

        if (result != VGPIO_PENDING) {
            token_gone(i); /* the line may be asked again inside the call */
        }
        err = vgpio_dev_complete(&f.dev, token, result);
        MUST(err == (result == VGPIO_PENDING ? VGPIO_ERR_INVAL : 0));
        if (result != VGPIO_PENDING) {
            MUST(vgpio_dev_complete(&f.dev, token, result) == VGPIO_ERR_STALE);
        }
    }
    leave(running);
}

static void do_events(void)
{
    unsigned ev;

    enter();
    ev = vgpio_dev_take_events(&f.dev);
    f.face.ops->irq_acked(f.face.obj);
    leave(0);
    MUST((ev & ~(7u << 16 | 3u)) == 0);
    MUST(((ev & VGPIO_EV_NEEDS_RESET) != 0) == (f.needs_reset != 0));
    MUST(f.needs_reset <= 1); /* the first to break freezes the other one */
    f.needs_reset = 0;
}

static void do_config(void)
{
    uint32_t off = in16(), len = in8() % 32u;
    uint8_t *dst = malloc(len + (len == 0));

    MUST(dst != NULL);
    if ((off & 0x8000u) != 0) {
        off = UINT32_MAX - (off & 15u);
    }
    f.face.ops->config_read(f.face.obj, off, dst, len);
    MUST(f.face.ops->config_size(f.face.obj) == VGPIO_CONFIG_SIZE);
    MUST(f.face.ops->queue_max(f.face.obj, off) <= RING_MAX);
    MUST(f.face.ops->error(f.face.obj, off | 2u) == VGPIO_ERR_INVAL);
    MUST(vgpio_dev_kick(&f.dev, off | 2u) == VGPIO_ERR_INVAL);
    free(dst);
}

static void do_run(unsigned n)
{
    int on = (int)(in8() & 1u), err;
    struct ring *q = &f.q[n];

    enter();
    q->run |= on && q->started;
    err = f.face.ops->queue_run(f.face.obj, n, on);
    MUST(err == (q->started ? 0 : VGPIO_ERR_STATE));
    leave(q->started);
    q->run = on && q->started;
}

static void step(void)
{
    unsigned what = in8(), q = what >> 7, arg;
    int err;

    switch (what % 32u) {
    case 16:
    case 17:
    case 18:
        enter();
        err = vgpio_dev_kick(&f.dev, q);
        leave(f.q[q].started && f.q[q].run && !f.q[q].draining);
        MUST(err <= 1 && (err <= VGPIO_ERR_FATAL || err >= 0) && (err >= 0 || f.err[q]));
        break;
    case 19:
    case 20:
        arg = in8();
        enter();
        err = vgpio_dev_change(&f.dev, (uint16_t)(arg >> 4), arg & 3u, arg >> 2 & 3u);
        leave(f.q[0].started | f.q[1].started);
        MUST(err == (arg >> 4 < NGPIO && (arg >> 2 & 3u) < 3 ? 0 : VGPIO_ERR_INVAL));
        break;
    case 21:
    case 22:
        do_complete();
        break;
    case 23:
        do_events();
        break;
    case 24:
        do_run(q);
        break;
    case 25:
        do_stop(q);
        break;
    case 26:
        do_start(q, (what & 0x20u) != 0);
        break;
    case 27:
        f.mood = (uint8_t)in8();
        f.mood_result = (uint8_t)in8();
        break;
    case 28:
        f.map_fails_at = in8() % 32u;
        break;
    case 29:
        f.map_chunk = in8() % 20u;
        break;
    case 30:
        if ((what & 0x80u) != 0) {
            do_reset();
        } else {
            do_config();
        }
        break;
    case 31:
        arg = in8();
        enter();
        (void)f.face.ops->ack_features(f.face.obj, f.face.ops->features(f.face.obj) ^
                                                       (arg & 1u) ^
                                                       (uint64_t)(arg & 0x38u) << 25);
        leave(0);
        break;
    default:
        guest_step(what);
        break;
    }
}

static void begin(void)
{
    static const uint8_t names[] = "a\0bb\0\0\0dddd";
    struct vgpio_dev_config cfg;

    memset(&f, 0, sizeof f);
    plain_init();
    memset(host, 0, sizeof host);
    memset(allowed, 0, sizeof allowed);
    memset(&cfg, 0, sizeof cfg);
    cfg.ops = &ops;
    cfg.lines = f.lines;
    cfg.ngpio = NGPIO;
    cfg.reqs = f.reqs;
    cfg.nreqs = NREQS;
    cfg.queue_max[0] = cfg.queue_max[1] = RING_MAX;
    cfg.names = names;
    cfg.names_size = sizeof names;
    cfg.features = FUZZ_PACKED ? 0 : ~VGPIO_F_PACKED;
    cfg.trace = trace;
    MUST(vgpio_dev_init(&f.dev, &cfg) == 0);
    f.face = vgpio_dev_vdev(&f.dev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t start[] = {31, 0, 26, 0, 26 | 0x80, 0};
    unsigned i;

    begin();
    f.in = start;
    f.left = sizeof start;
    for (i = 0; i < 3; i++) {
        step();
    }
    f.in = data;
    f.left = size < 4096 ? size : 4096;
    while (f.left != 0) {
        step();
    }
    do_reset();
    return 0;
}
