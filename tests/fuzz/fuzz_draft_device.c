/* SPDX-License-Identifier: BSD-3-Clause */
/* A hostile driver of the draft, a careless transport and a backend with moods.
 *
 * Input: a list of calls; `step` says which byte makes which. Asserted: memory is touched
 * only where `map` gave it and only during a call; with the rings stopped or the device
 * reset none is; what comes back in the receive queue has 8 bytes or none, and those are
 * an answer to a known type or a level report; a request goes back once, with length 0;
 * one call does a bounded number of things; the backend is asked one thing at a time a
 * line, with legal arguments, and a token is good exactly once; errors stay. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/draft.h>

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#define NGPIO 4u
#define NREQS 3u
#define RING 16u
#define TOKENS 64u
#define BASE 0x4000u
#define MEMORY 0x1000u
#define MAPS_MAX 400000u

#define DESC(q) (BASE + (q)*0x400u)
#define AVAIL(q) (DESC(q) + 0x100u)
#define USED(q) (DESC(q) + 0x200u)
#define DATA (BASE + 0x800u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzz {
    const uint8_t *in;
    size_t left;
    struct vgpio_draft_dev dev;
    struct vgpio_vdev face;
    struct vgpio_sink sink;
    struct vgpio_line lines[NGPIO];
    struct vgpio_req reqs[NREQS];
    uint8_t memory[MEMORY], names[NGPIO];
    int inside, running[2], honest;
    unsigned maps, map_fails_at;
    uint16_t seen[2], posted[2];
    uint8_t busy[NGPIO], mood;
    vgpio_token tokens[TOKENS];
    uint16_t token_line[TOKENS];
    unsigned ntokens;
    uint32_t now;
} f;

static unsigned in8(void)
{
    if (f.left == 0) {
        return 0;
    }
    f.left--;
    return *f.in++;
}

static uint32_t in32(void)
{
    uint32_t v = in8();

    v |= in8() << 8;
    v |= in8() << 16;
    return v | (uint32_t)in8() << 24;
}

/* ---- memory ---- */

static void *map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    (void)ctx;
    MUST(f.inside && *len != 0 && gpa + (*len - 1) >= gpa);
    MUST(access != 0 && access <= (VGPIO_MEM_READ | VGPIO_MEM_WRITE));
    MUST(++f.maps < MAPS_MAX);
    if (gpa < BASE || gpa - BASE >= MEMORY ||
        (f.map_fails_at != 0 && --f.map_fails_at == 0)) {
        return NULL;
    }
    if (*len > MEMORY - (gpa - BASE)) {
        *len = (uint32_t)(MEMORY - (gpa - BASE));
    }
    return f.memory + (gpa - BASE);
}

static const struct vgpio_mem mem = {sizeof mem, NULL, map, NULL, NULL};

static void poke(uint32_t at, uint64_t v, unsigned bytes)
{
    unsigned i;

    for (i = 0; i < bytes; i++) {
        f.memory[(at - BASE + i) % MEMORY] = (uint8_t)(v >> 8 * i);
    }
}

static uint32_t peek(uint32_t at, unsigned bytes)
{
    uint32_t v = 0;
    unsigned i;

    for (i = 0; i < bytes; i++) {
        v |= (uint32_t)f.memory[(at - BASE + i) % MEMORY] << 8 * i;
    }
    return v;
}

/* ---- backend ---- */

static int ask(uint16_t line, vgpio_token token)
{
    MUST(f.inside && line < NGPIO && !f.busy[line]);
    switch (f.mood & 3u) {
    case 0:
        return f.mood >> 7;
    case 1:
        return (f.mood & 4u) != 0 ? -1000 : VGPIO_ERR_STATE;
    case 2:
        return f.mood >> 2; /* an answer that may be none */
    default:
        break;
    }
    if (f.ntokens == TOKENS) {
        return 0;
    }
    if ((f.mood & 4u) != 0) {
        MUST(f.sink.ops->complete(f.sink.obj, token, (f.mood >> 3) & 1) == 0);
        MUST(f.sink.ops->complete(f.sink.obj, token, 0) == VGPIO_ERR_STALE);
        return VGPIO_PENDING;
    }
    f.busy[line] = 1;
    f.token_line[f.ntokens] = line;
    f.tokens[f.ntokens++] = token;
    if ((f.mood & 8u) != 0) {
        MUST(f.sink.ops->change(f.sink.obj, line, 1, 1) == 0);
    }
    return VGPIO_PENDING;
}

static int get(void *ctx, uint16_t line, vgpio_token t)
{
    (void)ctx;
    return ask(line, t);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned v,
                         vgpio_token t)
{
    (void)ctx;
    MUST(dir <= VGPIO_DIR_IN && v <= (dir == VGPIO_DIR_OUT));
    return ask(line, t);
}

static int set_value(void *ctx, uint16_t line, unsigned v, vgpio_token t)
{
    (void)ctx;
    MUST(v <= 1);
    return ask(line, t);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token t)
{
    (void)ctx;
    MUST(type <= 4 || type == 8);
    return ask(line, t);
}

static void unmask(void *ctx, uint16_t line)
{
    (void)ctx;
    MUST(line < NGPIO);
}

static void forget(void *ctx)
{
    (void)ctx;
    f.ntokens = 0;
    memset(f.busy, 0, sizeof f.busy);
}

static const struct vgpio_line_ops ops = {
    sizeof ops, get, set_direction, get, set_value, set_irq_type, unmask, forget};

/* ---- what came back ---- */

static void check_message(uint32_t id)
{
    uint32_t at = peek(DESC(0) + 16u * (id % RING), 4);
    unsigned type = peek(at, 2);

    if (at < DATA || at + 8 > BASE + MEMORY || !f.honest) {
        return; /* a driver that hands over its rings, or writes where we look */
    }
    MUST(type == 0x11 ||
         ((type & 0x8000u) != 0 && (type & 0x7fffu) >= 1 && (type & 0x7fffu) <= 8));
}

static void check_used(unsigned q)
{
    uint16_t idx = (uint16_t)peek(USED(q) + 2, 2);

    if (!f.running[q] || !f.honest) {
        f.seen[q] = idx;
        return;
    }
    MUST((uint16_t)(idx - f.seen[q]) <= RING);
    for (; f.seen[q] != idx; f.seen[q]++) {
        uint32_t e = USED(q) + 4u + 8u * (f.seen[q] % RING);
        uint32_t len = peek(e + 4, 4);

        MUST(len == 0 || (q == 0 && len == 8));
        if (len == 8) {
            check_message(peek(e, 4));
        }
    }
    MUST((uint16_t)(f.posted[q] - idx) <= RING);
}

static void after(void)
{
    unsigned q;

    f.inside = 0;
    f.maps = 0;
    for (q = 0; q < 2; q++) {
        check_used(q);
    }
}

/* ---- calls ---- */

static void start(unsigned q, unsigned told)
{
    struct vgpio_vq_setup s = {DESC(q), AVAIL(q), USED(q), 0, RING, (uint16_t)told, 0, 0};

    if (told == 0) {
        memset(f.memory + (AVAIL(q) - BASE), 0, 0x200);
        f.posted[q] = f.seen[q] = 0;
    }
    s.avail_pos = told != 0 ? (uint16_t)peek(USED(q) + 2, 2) : (uint16_t)0;
    f.seen[q] = (uint16_t)peek(USED(q) + 2, 2);
    if (f.face.ops->queue_start(f.face.obj, q, &mem, &s) == 0) {
        f.running[q] = 1;
    }
}

static void bring_up(void)
{
    uint64_t features = f.face.ops->features(f.face.obj);

    f.face.ops->reset(f.face.obj);
    MUST(f.ntokens == 0);
    f.running[0] = f.running[1] = 0;
    f.honest = 1;
    if ((in8() & 1u) == 0) {
        features &= ~UINT64_C(3);
    }
    MUST(f.face.ops->ack_features(f.face.obj, features) == 0);
    start(0, 0);
    start(1, 0);
}

/* An honest buffer of either kind: 8 bytes or more, posted. */
static void post(unsigned q, unsigned what)
{
    uint16_t slot = (uint16_t)(f.posted[q] % RING);
    uint32_t at = DATA + (q * RING + slot) * 16u;

    if ((uint16_t)(f.posted[q] - (uint16_t)peek(USED(q) + 2, 2)) >= RING) {
        return;
    }
    if (q == 1) {
        poke(at, what & 15u, 2);
        poke(at + 2, (what >> 4) & 7u, 2);
        poke(at + 4, in8(), 4);
        poke(at + 8, (what >> 1) & 7u, 2);
    }
    poke(DESC(q) + 16u * slot, at, 8);
    poke(DESC(q) + 16u * slot + 4, 0, 4);
    poke(DESC(q) + 16u * slot + 8, q == 0 ? 8 + (what & 8u) : 8 + (what >> 7) * 8, 4);
    poke(DESC(q) + 16u * slot + 12, q == 0 ? 2 : 0, 2);
    poke(AVAIL(q) + 4 + 2u * slot, slot, 2);
    poke(AVAIL(q) + 2, ++f.posted[q], 2);
}

static void rude(void)
{
    uint32_t at = BASE + (in8() | in8() << 8) % MEMORY;

    f.honest = 0;
    poke(at, in32(), 4);
}

static void complete(unsigned i)
{
    vgpio_token t;

    if (f.ntokens == 0) {
        MUST(f.sink.ops->complete(f.sink.obj, (vgpio_token)i * 0x10001u, 0) ==
             VGPIO_ERR_STALE);
        return;
    }
    i %= f.ntokens;
    t = f.tokens[i];
    f.busy[f.token_line[i]] = 0;
    f.ntokens--;
    f.tokens[i] = f.tokens[f.ntokens];
    f.token_line[i] = f.token_line[f.ntokens];
    MUST(f.sink.ops->complete(f.sink.obj, t, (int)in8() - 8) == 0);
    MUST(f.sink.ops->complete(f.sink.obj, t, 0) == VGPIO_ERR_STALE);
}

static void transport(unsigned what)
{
    unsigned q = what & 1u;
    int n;

    switch ((what >> 1) & 7u) {
    case 0:
        n = f.face.ops->queue_stop(f.face.obj, q, 1u + in8() % 3u, NULL);
        MUST(n == 0 || n == VGPIO_PENDING);
        f.running[q] = n != 0 && f.running[q];
        break;
    case 1:
        start(q, VGPIO_VQ_TOLD);
        break;
    case 2:
        (void)f.face.ops->queue_run(f.face.obj, q, (int)(what >> 4) & 1);
        break;
    case 3:
        f.map_fails_at = in8();
        break;
    case 4:
        f.face.ops->irq_acked(f.face.obj);
        break;
    case 5:
        bring_up();
        break;
    default:
        (void)f.face.ops->take_events(f.face.obj);
        break;
    }
}

static void step(void)
{
    unsigned what = in8();
    int err[2] = {f.face.ops->error(f.face.obj, 0), f.face.ops->error(f.face.obj, 1)};

    f.inside = 1;
    switch (what & 7u) {
    case 0:
        post(0, what);
        break;
    case 1:
        post(1, in8());
        break;
    case 2:
        (void)f.face.ops->kick(f.face.obj, (what >> 3) & 1u);
        break;
    case 3:
        f.mood = (uint8_t)in8();
        break;
    case 4:
        complete(what >> 3);
        break;
    case 5:
        MUST(f.sink.ops->change(f.sink.obj, (what >> 3) & 3u, (what >> 5) & 3u,
                                in8() % 3u) == 0);
        break;
    case 6:
        f.now += what >> 3;
        (void)vgpio_draft_dev_tick(&f.dev, f.now);
        break;
    default:
        if ((what & 0x88u) == 0x88u) {
            rude();
        } else {
            transport(in8());
        }
        break;
    }
    after();
    if (err[0] != 0 && (what & 7u) != 7u) {
        MUST(f.face.ops->error(f.face.obj, 0) == err[0]);
    }
    if (err[1] != 0 && (what & 7u) != 7u) {
        MUST(f.face.ops->error(f.face.obj, 1) == err[1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vgpio_dev_config cfg;
    struct vgpio_draft_id id = {sizeof id, 0, VGPIO_DRAFT_2021, "fuzz"};

    memset(&f, 0, sizeof f);
    f.in = data;
    f.left = size;
    memset(&cfg, 0, sizeof cfg);
    cfg.ops = &ops;
    cfg.lines = f.lines;
    cfg.ngpio = NGPIO;
    cfg.reqs = f.reqs;
    cfg.nreqs = NREQS;
    cfg.names = f.names;
    cfg.names_size = sizeof f.names;
    MUST(vgpio_draft_dev_init(&f.dev, &cfg, &id) == 0);
    f.face = vgpio_draft_dev_vdev(&f.dev);
    f.sink = vgpio_draft_dev_sink(&f.dev);
    f.inside = 1;
    bring_up();
    f.inside = 0;
    while (f.left != 0) {
        step();
    }
    f.inside = 0; /* a reset does not look at memory */
    f.face.ops->reset(f.face.obj);
    return 0;
}
