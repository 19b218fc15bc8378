/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a queue under a hostile driver. Input: three bytes of set-up (the
 * second one says which layout), a length, so many bytes of guest memory from address 0
 * on (the ring lies there), then calls of two bytes each, among them changes to memory by
 * the driver.
 *
 * Held to: no byte outside of guest memory is touched (it has guards left and right),
 * each changed byte is in the dirty log, mappings balance, work for one call is bounded,
 * errors stay, a broken queue stores nothing, the books of heads balance. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define MEM 4096u
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
    uint8_t *ram; /* of its own: the sanitizer guards both ends */
    uint8_t shadow[MEM], dirty[MEM];
    uint32_t chunk, fail_at, maps;
    int live;
    struct vgpio_mem mem;
    struct vgpio_vq_setup setup;
    struct vgpio_devq q;
    struct vgpio_chain held[HELD], last;
    unsigned nheld;
    int last_poppable;            /* `last` was the last pop and may be undone */
    unsigned long popped, pushed; /* packed: descriptors of chains, not chains */
    int err;
    int publishing; /* good answers from before the break may still go out */
};

static void *map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    struct fuzz *f = ctx;

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
    if (*len > MEM - gpa) {
        *len = (uint32_t)(MEM - gpa);
    }
    f->live++;
    return f->ram + gpa;
}

static void unmap(void *ctx, void *p, uint32_t len)
{
    struct fuzz *f = ctx;
    size_t off = (size_t)((uint8_t *)p - f->ram);

    CHECK(off < MEM && len <= MEM - off && len != 0);
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

/* After every call of the library. */
static void check(struct fuzz *f, int err)
{
    unsigned i;

    CHECK(f->maps <= MAX_MAPS);
    f->maps = 0;
    CHECK(f->live == (f->q.state != 0 ? 3 : 0));
    if (memcmp(f->shadow, f->ram, MEM) != 0) {
        CHECK(f->err == 0 || f->publishing);
        for (i = 0; i < MEM; i++) {
            CHECK(f->shadow[i] == f->ram[i] || f->dirty[i]);
        }
        memcpy(f->shadow, f->ram, MEM);
    }
    memset(f->dirty, 0, MEM);
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
    }
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
    f->last_poppable = 0;
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
    if (packed(f)) {
        CHECK(line_up(f, where.avail_pos) ==
              (line_up(f, f->setup.avail_pos) + f->popped) % (2u * f->setup.size));
    } else {
        CHECK(where.avail_pos == (uint16_t)(f->setup.avail_pos + f->popped));
    }
    check(f, 0);
    f->nheld = 0;
    f->last_poppable = 0;
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
        unsigned at = (line_up(f, pos) + i) % (2 * n);
        uint8_t *flags = f->ram + 16 * (at % n) + 14;

        flags[0] = (uint8_t)((arg & 7) | (i < arg / 64) | (at < n ? 0x80 : 0));
        flags[1] = at < n ? 0 : 0x80;
        memcpy(f->shadow, f->ram, MEM);
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

    f->mem = (struct vgpio_mem){sizeof f->mem, f, map, unmap, dirty};
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
    f->ram = calloc(1, MEM);
    CHECK(f->ram != NULL);
    memcpy(f->ram, image, len);
    memcpy(f->shadow, f->ram, MEM);
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
    return 0;
}
