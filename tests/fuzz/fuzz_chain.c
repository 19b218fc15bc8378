/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a queue under a hostile driver. Input: three bytes of set-up (the
 * second one says which layout, and which kind of memory), a length, so many bytes of
 * guest memory from address 0 on (the ring lies there), then calls of two bytes each,
 * among them changes to memory by the driver.
 *
 * Held to: no byte outside of guest memory is touched (it has guards left and right),
 * each changed byte is in the dirty log, mappings balance, work for one call is bounded,
 * errors stay, a broken queue stores nothing, the books of heads balance. Memory that is
 * a plain table of regions, where the short ways are taken, has no such log: there each
 * changed byte lies in what the call may write to. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define MEM 4096u
#define LOW 2112u /* bytes of the first of two regions; guards between them too */
#define HELD 8u
#define MAX_CALLS 400u
/* Entries of one table, each copied byte by byte, and some for the buffers. */
#define MAX_MAPS (1024u * 16u * 2u)

#define CHECK(x)                                                                         \
    do {                                                                                 \
        if (!(x)) {                                                                      \
            fprintf(stderr, "fuzz_chain: line %d: %s\n", __LINE__, #x);                  \
            abort();                                                                     \
        }                                                                                \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    uint8_t *ram, *high; /* of their own: the sanitizer guards both ends of each */
    uint8_t shadow[MEM], dirty[MEM];
    uint32_t chunk, fail_at, maps;
    int live;
    struct vgpio_mem mem;
    struct vgpio_mem_region region[2];
    struct vgpio_mem_table table;
    struct vgpio_vq_setup setup;
    struct vgpio_devq q;
    struct vgpio_chain held[HELD], last;
    struct vgpio_taken taken[HELD];
    unsigned nheld, ntaken;
    int last_poppable;            /* `last` was the last pop and may be undone */
    int last_takable;             /* so may the last of `taken` */
    int lost;                     /* one broke the queue while it was taken */
    unsigned long popped, pushed; /* packed: descriptors of chains, not chains */
    int err;
    int publishing; /* good answers from before the break may still go out */
};

static int is_plain(const struct fuzz *f)
{
    return f->mem.map == vgpio_mem_table_map;
}

static uint8_t *at(const struct fuzz *f, uint64_t gpa)
{
    return gpa < LOW ? f->ram + gpa : f->high + (gpa - LOW);
}

static void *map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    struct fuzz *f = ctx;
    uint64_t end = gpa < LOW ? LOW : MEM;

    (void)access;
    CHECK(*len != 0);
    f->maps++;
    if (f->fail_at != 0 && --f->fail_at == 0) {
        return NULL;
    }
    if (gpa >= MEM) {
        return NULL;
    }
    /* Above the rings everything comes in small pieces. */
    if (f->chunk != 0 && gpa >= MEM / 2 && *len > f->chunk) {
        *len = f->chunk;
    }
    if (*len > end - gpa) {
        *len = (uint32_t)(end - gpa);
    }
    f->live += VGPIO_CFG_UNMAP;
    return at(f, gpa);
}

static void unmap(void *ctx, void *p, uint32_t len)
{
    struct fuzz *f = ctx;
    size_t low = (size_t)((uint8_t *)p - f->ram), high = (size_t)((uint8_t *)p - f->high);

    CHECK(len != 0 && ((low < LOW && len <= LOW - low) ||
                       (high < MEM - LOW && len <= MEM - LOW - high)));
    f->live--;
}

static void dirty(void *ctx, uint64_t gpa, uint32_t len)
{
    struct fuzz *f = ctx;

    CHECK(gpa < MEM && len <= MEM - gpa && len != 0);
    memset(f->dirty + gpa, 1, len);
}

static int packed(const struct fuzz *f)
{
    return (f->setup.features & VGPIO_F_PACKED) != 0;
}

/* Where a position stands in two laps of a packed ring. */
static unsigned line_up(const struct fuzz *f, uint16_t pos)
{
    CHECK((pos & 0x7fff) < f->setup.size);
    return (pos & 0x7fffu) + (pos & 0x8000 ? 0u : f->setup.size);
}

/* A device holds a ring full at most, whatever it is made to believe. */
static void check_positions(const struct fuzz *f)
{
    unsigned avail = line_up(f, f->q.at.avail_pos);
    unsigned used = line_up(f, f->q.at.used_pos);
    unsigned n = f->setup.size;

    CHECK((avail + 2 * n - used) % (2 * n) <= n);
    CHECK((line_up(f, f->q.next_used) + 2 * n - used) % (2 * n) <=
          (avail + 2 * n - used) % (2 * n));
}

/* What a device may always write to, where nobody logs it. */
static void allow_ring(struct fuzz *f)
{
    unsigned i, n = f->setup.size;

    memset(f->dirty + f->setup.device, 1, packed(f) ? 4 : 6 + 8 * n);
    for (i = 0; packed(f) && i < n; i++) {
        memset(f->dirty + 16 * (size_t)i + 8, 1, 8);
    }
}

static void check_memory(struct fuzz *f)
{
    unsigned i;

    if (is_plain(f)) {
        allow_ring(f);
    }
    if (memcmp(f->shadow, f->ram, LOW) != 0 ||
        memcmp(f->shadow + LOW, f->high, MEM - LOW) != 0) {
        CHECK(f->err == 0 || f->publishing);
        for (i = 0; i < MEM; i++) {
            CHECK(f->shadow[i] == *at(f, i) || f->dirty[i]);
        }
        memcpy(f->shadow, f->ram, LOW);
        memcpy(f->shadow + LOW, f->high, MEM - LOW);
    }
    memset(f->dirty, 0, MEM);
}

/* After every call of the library. */
static void check(struct fuzz *f, int err)
{
    CHECK(f->maps <= MAX_MAPS);
    f->maps = 0;
    CHECK(f->live == (f->q.state != 0 && !is_plain(f) ? 3 : 0));
    check_memory(f);
    if (packed(f) && f->q.state != 0) {
        check_positions(f);
    }
    if (err <= VGPIO_ERR_FATAL) {
        CHECK(vgpio_devq_error(&f->q) == err);
    }
    if (f->err != 0 && f->q.state != 0) {
        CHECK(vgpio_devq_error(&f->q) == f->err);
    }
    f->err = vgpio_devq_error(&f->q);
}

static void pop(struct fuzz *f)
{
    int n;

    if (f->nheld == HELD) {
        return;
    }
    n = vgpio_devq_pop(&f->q, &f->last);
    check(f, n);
    CHECK(n <= 1);
    f->last_poppable = n == 1;
    f->last_takable = 0;
    if (n == 1) {
        CHECK(packed(f) || (f->last.head.id < f->setup.size && f->last.head.ndesc == 1));
        CHECK(f->last.head.ndesc - 1u < f->setup.size);
        f->held[f->nheld++] = f->last;
        f->popped += f->last.head.ndesc;
    }
}

static void unpop(struct fuzz *f)
{
    /* As the device does: only the last one, and only if it is still held. */
    if (f->last_poppable && f->nheld != 0 && f->err == 0) {
        vgpio_devq_unpop(&f->q, f->last.head);
        check(f, 0);
        f->nheld--;
        f->popped -= f->last.head.ndesc;
        f->last_poppable = 0;
    } else if (f->last_takable && f->ntaken != 0 && f->err == 0) {
        vgpio_devq_unpop(&f->q, f->taken[f->ntaken - 1].head);
        check(f, 0);
        f->popped -= f->taken[--f->ntaken].head.ndesc;
        f->last_takable = 0;
    }
}

static void check_taken(const struct fuzz *f, const struct vgpio_taken *t, unsigned len)
{
    unsigned i;

    CHECK(packed(f) || (t->head.id < f->setup.size && t->head.ndesc == 1));
    CHECK(t->head.ndesc - 1u < f->setup.size);
    CHECK(t->got <= len && t->room <= 2);
    for (i = 0; i < t->room; i++) {
        CHECK(t->gpa[i] < MEM);
    }
}

/* Short requests, some at once. */
static void take(struct fuzz *f, unsigned arg)
{
    unsigned len = arg & 1 ? arg / 2 % 9 : VGPIO_TAKEN_BYTES;
    unsigned most = 1 + arg / 32 % HELD;
    struct vgpio_taken *t = f->taken + f->ntaken;
    int n, i;

    if (f->ntaken + most > HELD) {
        return;
    }
    n = vgpio_devq_take(&f->q, t, len, most);
    check(f, n < 0 ? n : 0);
    CHECK(n <= (int)most);
    f->lost |= n < 0;
    f->last_poppable = 0;
    f->last_takable = n > 0;
    for (i = 0; i < n; i++) {
        check_taken(f, &t[i], len);
        f->popped += t[i].head.ndesc;
        f->ntaken++;
    }
}

/* Answers the first ones of them. */
static void answer(struct fuzz *f, unsigned arg)
{
    unsigned n = arg % (HELD + 1), i, k;
    int err;

    n = n < f->ntaken ? n : f->ntaken;
    for (i = 0; i < n; i++) {
        f->taken[i].answer[0] = (uint8_t)arg;
        f->taken[i].answer[1] = (uint8_t)~arg;
        for (k = 0; is_plain(f) && k < f->taken[i].room; k++) {
            f->dirty[f->taken[i].gpa[k]] = 1;
        }
    }
    err = vgpio_devq_answer(&f->q, f->taken, n);
    check(f, err);
    CHECK(err == 0 || err == f->err || err == VGPIO_ERR_IO);
    CHECK(err != VGPIO_ERR_IO || !is_plain(f)); /* such memory does not go away */
    for (i = 0; i < n && (err == 0 || err == VGPIO_ERR_IO); i++) {
        f->pushed += f->taken[i].head.ndesc;
    }
    f->ntaken -= n;
    memmove(f->taken, f->taken + n, f->ntaken * sizeof f->taken[0]);
    f->last_poppable = f->last_takable = 0;
}

static void push(struct fuzz *f, unsigned which)
{
    int err;

    if (f->nheld == 0) {
        return;
    }
    which %= f->nheld;
    err = vgpio_devq_push(&f->q, f->held[which].head, 2);
    check(f, err);
    CHECK(err == 0 || err == f->err); /* it was popped, so it may be pushed */
    if (err == 0) {
        f->pushed += f->held[which].head.ndesc;
    }
    f->held[which] = f->held[--f->nheld];
    f->last_poppable = f->last_takable = 0;
}

static void use(struct fuzz *f, unsigned op, unsigned arg)
{
    struct vgpio_chain *c = &f->held[f->nheld ? arg % f->nheld : 0];
    uint8_t buf[64];
    uint32_t n = arg / HELD * 2u, got = 0, room;
    uint64_t gpa = 0;
    int err = 0;

    if (f->nheld == 0) {
        return;
    }
    memset(buf, 0x5a, sizeof buf);
    switch (op) {
    case 0:
        got = vgpio_chain_read(c, buf, n);
        break;
    case 1:
        memset(f->dirty, is_plain(f), MEM);
        got = vgpio_chain_write(c, buf, n);
        break;
    case 2:
        err = vgpio_chain_where(c, &gpa);
        CHECK(err != 0 || gpa < MEM);
        break;
    default:
        err = vgpio_chain_finish(c, &room);
        break;
    }
    CHECK(got <= n);
    check(f, err);
}

static void restart(struct fuzz *f)
{
    struct vgpio_vq_setup where;

    vgpio_devq_stop(&f->q, &where);
    if (f->lost) {
        f->lost = 0; /* and is as good as popped: how long it is nobody knows */
    } else if (packed(f)) {
        CHECK(line_up(f, where.avail_pos) ==
              (line_up(f, f->setup.avail_pos) + f->popped) % (2u * f->setup.size));
    } else {
        CHECK(where.avail_pos == (uint16_t)(f->setup.avail_pos + f->popped));
    }
    check(f, 0);
    f->nheld = f->ntaken = 0;
    f->last_poppable = f->last_takable = 0;
    f->popped = f->pushed = 0;
    f->err = 0;
    f->fail_at = 0;
    f->setup = where;
    CHECK(vgpio_devq_start(&f->q, &f->mem, &where) == 0);
    check(f, 0);
}

static void publish(struct fuzz *f)
{
    uint16_t before = f->q.at.used_pos;
    int n = vgpio_devq_publish(&f->q);

    f->publishing = 1;
    check(f, n);
    f->publishing = 0;
    CHECK(n <= 1);
    CHECK(f->q.at.used_pos == before || f->pushed != 0);
}

/* The driver makes the next descriptor available, or a whole chain of them. */
static void offer(struct fuzz *f, unsigned arg)
{
    uint16_t pos = f->q.at.avail_pos;
    unsigned i, n = f->setup.size;

    if (!packed(f)) {
        f->ram[f->setup.driver + 2] = f->shadow[f->setup.driver + 2] = (uint8_t)arg;
        return;
    }
    for (i = 0; i <= arg / 64; i++) {
        unsigned where = (line_up(f, pos) + i) % (2 * n);
        uint8_t *flags = f->ram + 16 * (where % n) + 14;

        flags[0] = (uint8_t)((arg & 7) | (i < arg / 64) | (where < n ? 0x80 : 0));
        flags[1] = where < n ? 0 : 0x80;
        memcpy(f->shadow, f->ram, LOW);
    }
}

static void call(struct fuzz *f, unsigned op, unsigned arg)
{
    switch (op % 12) {
    case 0:
    case 1:
        pop(f);
        break;
    case 2:
        push(f, arg);
        break;
    case 3:
        publish(f);
        break;
    case 4:
        check(f, vgpio_devq_rearm(&f->q));
        break;
    case 5:
        unpop(f);
        break;
    case 6:
        /* The driver: a byte of the first 256. */
        f->ram[arg] = f->shadow[arg] = (uint8_t)(op / 12 * 13);
        break;
    case 7:
        offer(f, arg);
        break;
    case 8:
        f->fail_at = arg % 16;
        break;
    case 9:
        if (arg == 0) {
            restart(f);
        } else if (op / 12 % 2 == 0) {
            take(f, arg);
        } else {
            answer(f, arg);
        }
        break;
    default:
        use(f, op / 12 % 4, arg);
        break;
    }
}

static void begin(struct fuzz *f, const uint8_t *set, const uint8_t *image, size_t len)
{
    uint16_t n = (uint16_t)(1u << set[0] % 5);

    f->ram = calloc(1, LOW);
    f->high = calloc(1, MEM - LOW);
    CHECK(f->ram != NULL && f->high != NULL);
    memcpy(f->ram, image, len < LOW ? len : LOW);
    memcpy(f->high, image + (len < LOW ? len : LOW), len < LOW ? 0 : len - LOW);
    memcpy(f->shadow, image, len);
    f->region[0] = (struct vgpio_mem_region){0, LOW, f->ram};
    f->region[1] = (struct vgpio_mem_region){LOW, MEM - LOW, f->high};
    f->table = (struct vgpio_mem_table){f->region, 2};
    f->mem = set[1] & 0x80 ? (struct vgpio_mem){sizeof f->mem, &f->table,
                                                vgpio_mem_table_map, NULL, NULL}
                           : (struct vgpio_mem){sizeof f->mem, f, map,
                                                VGPIO_CFG_UNMAP ? unmap : NULL,
                                                VGPIO_CFG_DIRTY ? dirty : NULL};
    f->chunk = set[0] / 5 % 4;
    f->setup.size = n;
    f->setup.features = (set[1] & VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0) |
                        (set[1] >> 1 & VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0) |
                        (set[1] & 4 ? VGPIO_F_ORDER_PLATFORM : 0);
    f->setup.flags = set[1] & 8 ? VGPIO_VQ_TOLD : 0;
    f->setup.avail_pos = (uint16_t)(set[1] & 8 ? 0xff00u + set[2] : 0);
    f->setup.desc = 0;
    f->setup.driver = 16u * n;
    f->setup.device = (f->setup.driver + 6u + 2u * n + 3u) & ~UINT64_C(3);
    if (set[1] & VGPIO_CFG_PACKED << 4) {
        n = (uint16_t)(1u + set[0] % 17);
        f->setup.size = n;
        f->setup.features |= VGPIO_F_PACKED;
        f->setup.avail_pos = (uint16_t)((unsigned)set[2] % n | (set[2] & 0x80u) << 8);
        f->setup.used_pos = f->setup.avail_pos;
        f->setup.driver = 16u * n;
        f->setup.device = f->setup.driver + 4;
    }
    CHECK(vgpio_devq_start(&f->q, &f->mem, &f->setup) == 0);
    f->setup.avail_pos = f->q.at.avail_pos;
    check(f, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    size_t len, i;

    if (size < 5) {
        return 0;
    }
    len = data[3] + 256u * data[4];
    if (len > MEM || len > size - 5) {
        return 0;
    }
    memset(&f, 0, sizeof f);
    begin(&f, data, data + 5, len);
    for (i = 5 + len; i + 1 < size && i < 5 + len + 2u * MAX_CALLS; i += 2) {
        call(&f, data[i], data[i + 1]);
    }
    vgpio_devq_stop(&f.q, NULL);
    check(&f, 0);
    free(f.ram);
    free(f.high);
    return 0;
}
