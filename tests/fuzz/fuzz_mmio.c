/* SPDX-License-Identifier: BSD-3-Clause */
/* A hostile guest at the registers of a virtio-mmio device, with lines that answer when
 * they like.
 *
 * Input: a list of actions; `step` says which byte makes which. Raw accesses have any
 * offset, width and value; others do what a sane guest does, so that queues run, requests
 * are pending and events are owed while the registers go mad. Asserted:
 * - guest memory is mapped only inside calls that serve a running queue or start one, and
 *   nothing stays mapped, or is mapped, once no queue is started: after a reset, after a
 *   queue is stopped, after DEVICE_NEEDS_RESET for a register's sake,
 * - what registers show hangs together: identity, known status bits, DRIVER_OK only on
 *   FEATURES_OK, features only that were offered, the line is high exactly while
 *   InterruptStatus is not 0, and asking twice gives the same,
 * - an edge is told once a cause, and again after an incomplete acknowledgement,
 * - work is named for started queues alone,
 * - a token of before a reset is dead,
 * - whatever happened, a reset and a proper bring-up give a device that works. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/device.h>
#include <virtiogpio/mmio.h>
#include <virtiogpio/wire.h>

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#define NGPIO 4u
#define NREQS 3u
#define RING_MAX 16u
#define GPA 0x4000u
#define SIZE 0x1000u
#define TOKENS 16u
#define KNOWN_STATUS 0xcfu

#define R_STATUS 0x070u
#define R_ISR 0x060u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzz {
    const uint8_t *in;
    size_t left;
    uint8_t *ram; /* of exactly SIZE bytes */
    struct vgpio_mem mem;
    struct vgpio_dev dev;
    struct vgpio_mmio_dev m;
    struct vgpio_line lines[NGPIO];
    struct vgpio_req reqs[NREQS];
    unsigned live, may_map;
    vgpio_token token[TOKENS];
    unsigned ntokens, resets;
    uint8_t pend;
    uint16_t avail[2];
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

/* ---- memory and lines ---- */

static void *map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    (void)ctx;
    (void)access;
    MUST(f.may_map);
    MUST(*len != 0);
    if (gpa < GPA || gpa - GPA >= SIZE) {
        return NULL;
    }
    if (*len > SIZE - (uint32_t)(gpa - GPA)) {
        *len = SIZE - (uint32_t)(gpa - GPA);
    }
    f.live += VGPIO_CFG_UNMAP;
    return f.ram + (gpa - GPA);
}

static void unmap(void *ctx, void *p, uint32_t len)
{
    (void)ctx;
    MUST(f.live != 0);
    MUST((uint8_t *)p >= f.ram && (uint8_t *)p + len <= f.ram + SIZE);
    f.live--;
}

static int line_op(vgpio_token token, int answer)
{
    if (!f.pend || f.ntokens == TOKENS) {
        return answer;
    }
    f.token[f.ntokens++] = token;
    return VGPIO_PENDING;
}

static int get(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx;
    MUST(line < NGPIO);
    return line_op(token, line & 1);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token token)
{
    (void)ctx;
    MUST(line < NGPIO && dir <= VGPIO_DIR_IN && out <= 1);
    return line_op(token, 0);
}

static int set(void *ctx, uint16_t line, unsigned v, vgpio_token token)
{
    (void)ctx;
    MUST(line < NGPIO && v <= VGPIO_IRQ_LEVEL_LOW);
    return line_op(token, 0);
}

static void lines_reset(void *ctx)
{
    (void)ctx;
    f.resets++;
}

static const struct vgpio_line_ops ops = {sizeof ops, get, set_direction, get,
                                          set,        set, NULL,          lines_reset};

/* ---- what must always hold ---- */

static uint32_t peek(uint32_t off)
{
    unsigned was = f.may_map;
    uint32_t v;

    f.may_map = 0;
    v = vgpio_mmio_dev_read(&f.m, off, 4);
    f.may_map = was;
    return v;
}

static void check(void)
{
    uint32_t status = peek(R_STATUS), isr = peek(R_ISR);
    int level;

    f.may_map = 0;
    MUST(peek(0x000) == 0x74726976 && peek(0x004) == 2 && peek(0x008) == 41);
    MUST((status & ~KNOWN_STATUS) == 0);
    MUST((status & VGPIO_S_DRIVER_OK) == 0 || (status & VGPIO_S_FEATURES_OK) != 0);
    MUST((isr & ~3u) == 0);
    MUST(isr == 0 || (status & VGPIO_S_DRIVER_OK) != 0);
    level = vgpio_mmio_dev_irq(&f.m);
    MUST(level == (isr != 0) && level == vgpio_mmio_dev_irq(&f.m));
    MUST(peek(0x0c0) == 0);
    MUST((f.m.started & ~f.m.ready) == 0);
    MUST(f.m.started == 0 || (status & VGPIO_S_DRIVER_OK) != 0);
    MUST(f.m.started != 0 || f.live == 0);
    MUST((f.m.driver_features &
          ~(f.m.extra | vgpio_dev_vdev(&f.dev).ops->features(&f.dev))) == 0 ||
         (status & VGPIO_S_FEATURES_OK) == 0);
}

/* May this call touch guest memory? Only a queue that runs has any. */
static void enter(int starts)
{
    f.may_map = f.m.started != 0 || starts;
}

static void write_reg(uint32_t off, unsigned size, uint32_t v)
{
    unsigned kicks, resets = f.resets;

    enter(size == 4 && (off == R_STATUS || off == 0x044));
    kicks = vgpio_mmio_dev_write(&f.m, off, size, v);
    MUST((kicks & ~(unsigned)f.m.started) == 0);
    MUST(kicks == 0 || size == 4);
    if (size == 4 && off == R_STATUS && v == 0) {
        MUST(f.resets > resets && f.live == 0 && f.m.started == 0);
        MUST(peek(R_STATUS) == 0 && peek(R_ISR) == 0);
    } else {
        MUST(f.resets == resets);
    }
}

static void read_reg(uint32_t off, unsigned size)
{
    uint32_t v;

    enter(0);
    v = vgpio_mmio_dev_read(&f.m, off, size);
    MUST(size == 4 || (off >= 0x100 && (size == 1 || size == 2)) || v == 0);
    MUST(size != 1 || v <= 0xff);
    MUST(size != 2 || v <= 0xffff);
}

/* ---- a guest that knows what it does ---- */

static const uint32_t registers[] = {0x014, 0x020, 0x024, 0x030, 0x038, 0x044,
                                     0x050, 0x064, 0x070, 0x080, 0x084, 0x090,
                                     0x094, 0x0a0, 0x0a4, 0x0c0};

static void place(unsigned q, uint32_t at, uint32_t n)
{
    write_reg(0x030, 4, q);
    write_reg(0x038, 4, n);
    write_reg(0x080, 4, at);
    write_reg(0x084, 4, 0);
    write_reg(0x090, 4, at + 16 * n);
    write_reg(0x094, 4, 0);
    write_reg(0x0a0, 4, at + 20 * n);
    write_reg(0x0a4, 4, 0);
    f.avail[q & 1u] = 0;
    if (at >= GPA && at - GPA + 30 * n < SIZE) {
        memset(f.ram + (at - GPA), 0, 30 * n);
    }
    write_reg(0x044, 4, 1);
}

static void bring_up(uint32_t low, uint32_t high)
{
    write_reg(R_STATUS, 4, 0);
    write_reg(R_STATUS, 4, 3);
    write_reg(0x024, 4, 0);
    write_reg(0x020, 4, low);
    write_reg(0x024, 4, 1);
    write_reg(0x020, 4, high);
    write_reg(R_STATUS, 4, 11);
    place(0, GPA, RING_MAX);
    place(1, GPA + 0x200, RING_MAX);
    write_reg(R_STATUS, 4, 15);
}

static void put(uint32_t at, uint64_t v, unsigned bytes)
{
    unsigned i;

    for (i = 0; i < bytes; i++) {
        f.ram[(at + i) % SIZE] = (uint8_t)(v >> 8 * i);
    }
}

/* Cells of 16 bytes from 0x800 on: what is read, and from the 8th byte what is written.
 * */
static uint32_t post(unsigned q, uint64_t bytes, unsigned nread, unsigned nwrite)
{
    uint32_t ring = q * 0x200u, k = f.avail[q] % (RING_MAX / 2u);
    uint32_t cell = 0x800u + 0x100u * q + 16u * k, d = ring + 32u * k;

    put(cell, bytes, 8);
    put(cell + 8, 0xee, 2);
    put(d, GPA + cell, 8);
    put(d + 8, nread | (uint64_t)1 << 32 | (uint64_t)(2 * k + 1) << 48, 8);
    put(d + 16, GPA + cell + 8, 8);
    put(d + 24, nwrite | (uint64_t)2 << 32, 8);
    put(ring + 16 * RING_MAX + 4 + 2u * (f.avail[q] % RING_MAX), 2 * k, 2);
    f.avail[q]++;
    put(ring + 16 * RING_MAX + 2, f.avail[q], 2);
    return cell + 8;
}

static void kick(unsigned q)
{
    unsigned before = f.m.started;
    int n;

    enter(0);
    n = vgpio_mmio_dev_kick(&f.m, q);
    MUST(n <= 1);
    MUST(q < 2 ? n >= 0 || n <= VGPIO_ERR_FATAL : n == VGPIO_ERR_INVAL);
    MUST(q >= 2 || (before >> q & 1u) != 0 || n == 0);
}

static void edges(void)
{
    int told, due = peek(R_ISR) != 0;

    told = vgpio_mmio_dev_take_irq(&f.m);
    MUST(!told || due);
    MUST(vgpio_mmio_dev_take_irq(&f.m) == 0);
    write_reg(0x064, 4, in8());
    told = vgpio_mmio_dev_take_irq(&f.m);
    MUST(told == (peek(R_ISR) != 0));
    MUST((vgpio_mmio_dev_take_kicks(&f.m) & ~(unsigned)f.m.started) == 0);
}

static void complete(unsigned which)
{
    if (f.ntokens == 0) {
        return;
    }
    which %= f.ntokens;
    enter(0);
    (void)vgpio_dev_complete(&f.dev, f.token[which], (int)(which & 1u));
    MUST(vgpio_dev_complete(&f.dev, f.token[which], 0) == VGPIO_ERR_STALE);
    f.token[which] = f.token[--f.ntokens];
}

static void scribble(void)
{
    uint32_t at = in32() % SIZE, n = in8() % 16u;

    while (n-- != 0) {
        f.ram[at++ % SIZE] = (uint8_t)in8();
    }
}

static void message(unsigned arg)
{
    uint64_t irq = arg >> 4 & 3u;

    if ((arg & 0x80u) != 0) {
        (void)post(1, irq, 2, 1);
    } else {
        (void)post(0, (arg & 7u) | irq << 16 | (uint64_t)(in8() % 9u) << 32, 8, 2);
    }
}

static void step(void)
{
    unsigned what = in8(), arg;
    uint32_t off;

    switch (what % 16u) {
    case 0:
        off = in32();
        arg = in8();
        write_reg(what & 0x80u ? off : off % 0x110u, what & 0x40u ? arg : 4u, in32());
        break;
    case 1:
        off = in32();
        arg = in8();
        read_reg(what & 0x80u ? off : off % 0x110u, what & 0x40u ? arg : arg % 5u);
        break;
    case 2:
    case 3:
        write_reg(registers[what >> 4], 4, what % 16u == 2 ? in32() : in8());
        break;
    case 4:
        arg = in8(); /* RING_RESET, PACKED and IN_ORDER, too */
        bring_up(0x30000001u & ~(arg & 1u) & ~((arg & 6u) << 27),
                 1u | (arg & 8u) << 5 | (arg & 0x30u) >> 2);
        break;
    case 5:
        off = GPA - 0x10u + (in8() << 4);
        place(what >> 4 & 1u, off, in8());
        break;
    case 6:
    case 7:
        message(in8());
        break;
    case 8:
        scribble();
        break;
    case 9:
        kick(what & 0x80u ? in32() : what >> 4 & 1u);
        break;
    case 10:
        complete(in8());
        break;
    case 11:
        arg = in8();
        enter(0);
        (void)vgpio_dev_change(&f.dev, arg & 3u, arg >> 2 & 3u, arg >> 4 & 1u);
        break;
    case 12:
        edges();
        break;
    case 13:
        f.pend = (uint8_t)(what >> 4 & 1u);
        break;
    case 14:
        (void)vgpio_mmio_dev_set_features(&f.m, what & 0x80u ? VGPIO_F_RING_RESET
                                                             : VGPIO_F_NOTIFICATION_DATA);
        bring_up(0x30000001u, what & 0x80u ? 0x101u : 0x41u);
        break;
    default:
        write_reg(R_STATUS, 4, 0);
        break;
    }
    check();
}

/* A guest that behaves, after all that. */
static void recovers(void)
{
    unsigned n = f.ntokens;
    uint32_t answer;

    f.pend = 0;
    bring_up(1, 1);
    while (n-- != 0) {
        MUST(vgpio_dev_complete(&f.dev, f.token[n], 0) == VGPIO_ERR_STALE);
    }
    MUST(peek(R_STATUS) == 15 && f.m.started == 3);
    answer = post(0, VGPIO_MSG_GET_VALUE | 3u << 16, 8, 2);
    kick(0);
    MUST(f.ram[answer] == VGPIO_STATUS_OK && f.ram[answer + 1] == 1);
    check();
    MUST(peek(R_ISR) == VGPIO_MMIO_USED);
    write_reg(0x064, 4, VGPIO_MMIO_USED);
    check();
    write_reg(R_STATUS, 4, 0);
    MUST(f.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vgpio_dev_config cfg;

    memset(&f, 0, sizeof f);
    memset(&cfg, 0, sizeof cfg);
    f.ram = calloc(1, SIZE);
    MUST(f.ram != NULL);
    f.mem.ops_size = sizeof f.mem;
    f.mem.map = map;
    f.mem.unmap = VGPIO_CFG_UNMAP ? unmap : NULL;
    cfg.ops = &ops;
    cfg.lines = f.lines;
    cfg.ngpio = NGPIO;
    cfg.reqs = f.reqs;
    cfg.nreqs = NREQS;
    cfg.queue_max[0] = cfg.queue_max[1] = RING_MAX;
    MUST(vgpio_dev_init(&f.dev, &cfg) == 0);
    MUST(vgpio_mmio_dev_init(&f.m, vgpio_dev_vdev(&f.dev), &f.mem) == 0);
    f.in = data;
    f.left = size < 4096 ? size : 4096;
    while (f.left != 0) {
        step();
    }
    recovers();
    free(f.ram);
    return 0;
}
