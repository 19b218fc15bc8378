/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a device and a bus whose every byte is fuzz input.
 *
 * The input is a program: each byte chooses an action of the driver's user or of the
 * device, the bytes after it are its arguments. What must hold whatever the program: no
 * access outside of the memory that was given, every loop ends, and every cookie comes
 * back exactly once, unless it was cancelled. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/driver.h>
#include <virtiogpio/wire.h>

#define NREQ 4u
#define NIRQ 4u
#define ARENA VGPIO_DMA_SIZE(NREQ, NIRQ)
#define NAMES 64u
#define GPA UINT64_C(0x123480000)
#define NAMES_GPA (GPA + 0x100000)
#define MAP_LEN 32u
#define COOKIES 64u
#define MAX_STEPS 2048u

#define CHECK(x)                                                                         \
    do {                                                                                 \
        if (!(x)) {                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                      \
            abort();                                                                     \
        }                                                                                \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t in8(struct input *in)
{
    if (in->n == 0) {
        return 0;
    }
    in->n--;
    return *in->p++;
}

static uint32_t in32(struct input *in)
{
    uint32_t v = in8(in);

    v |= (uint32_t)in8(in) << 8;
    v |= (uint32_t)in8(in) << 16;
    return v | (uint32_t)in8(in) << 24;
}

struct fuzz {
    struct input in;
    int good; /* the bus behaves, so that the end can be checked */
    uint8_t status;
    uint64_t features;
    struct vgpio_vq_setup vq[2];
    struct vgpio_devq q[2];
    struct vgpio_mem_region region[2];
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    /* each of these has exactly the size that the driver was told */
    uint8_t *arena, *names;
    struct vgpio_drv_slot *slots;
    struct vgpio_drvq_slot *ring;
    uint16_t *map;
    struct vgpio_drv drv;
    uint8_t live[COOKIES]; /* the address of an element is a cookie */
    unsigned nlive;
};

/* ---- the bus ---- */

static int says_no(struct fuzz *f)
{
    return !f->good && in8(&f->in) == 0xff ? VGPIO_ERR_IO : 0;
}

static int bus_id(void *ctx, uint32_t *id)
{
    *id = VGPIO_DEVICE_ID;
    return says_no(ctx);
}

static int bus_get_features(void *ctx, uint64_t *features)
{
    struct fuzz *f = ctx;

    *features = f->good ? UINT64_MAX : ~(uint64_t)in32(&f->in);
    return says_no(f);
}

static int bus_set_features(void *ctx, uint64_t features)
{
    struct fuzz *f = ctx;

    f->features = features;
    return says_no(f);
}

static int bus_get_status(void *ctx, uint8_t *status)
{
    struct fuzz *f = ctx;

    *status = f->status;
    if (!f->good && in8(&f->in) == 0xfe) {
        *status ^= in8(&f->in);
    }
    return says_no(f);
}

static int bus_set_status(void *ctx, uint8_t status)
{
    struct fuzz *f = ctx;
    unsigned q;

    f->status = status;
    for (q = 0; q < 2; q++) {
        if (status == 0) {
            vgpio_devq_stop(&f->q[q], NULL);
            memset(&f->vq[q], 0, sizeof f->vq[q]);
        } else if ((status & VGPIO_S_DRIVER_OK) != 0 && f->vq[q].size != 0) {
            (void)vgpio_devq_start(&f->q[q], &f->mem, &f->vq[q]);
        }
    }
    return says_no(f);
}

static int bus_config_gen(void *ctx, uint32_t *gen)
{
    struct fuzz *f = ctx;

    *gen = f->good ? 0 : in8(&f->in) & 1u;
    return says_no(f);
}

static int bus_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    struct fuzz *f = ctx;
    uint8_t *to = dst;

    CHECK(off + len <= 8);
    while (len-- > 0) {
        *to++ = in8(&f->in);
    }
    return says_no(f);
}

static int bus_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    struct fuzz *f = ctx;

    CHECK(q < 2);
    *max = (uint16_t)(f->good ? 256 : in8(&f->in) | in8(&f->in) << 8);
    return says_no(f);
}

static int bus_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    struct fuzz *f = ctx;

    CHECK(q < 2 && vq->size != 0);
    f->vq[q] = *vq;
    return says_no(f);
}

static int bus_notify(void *ctx, unsigned q, uint32_t data)
{
    (void)q;
    (void)data;
    return says_no(ctx);
}

static const struct vgpio_bus_ops bus_ops = {
    sizeof bus_ops, bus_id,         bus_get_features, bus_set_features, bus_get_status,
    bus_set_status, bus_config_gen, bus_config_read,  bus_queue_max,    bus_queue_start,
    NULL,           bus_notify,
};

/* ---- the user ---- */

static void came_back(struct fuzz *f, const void *cookie)
{
    size_t i = (size_t)((const uint8_t *)cookie - f->live);

    CHECK(i < COOKIES && f->live[i]);
    f->live[i] = 0;
    f->nlive--;
}

static uint8_t *new_cookie(struct fuzz *f)
{
    unsigned i;

    for (i = 0; f->live[i]; i++) {
        CHECK(i + 1 < COOKIES);
    }
    return &f->live[i];
}

static void submitted(struct fuzz *f, uint8_t *cookie, int err)
{
    if (err == 0) {
        *cookie = 1;
        f->nlive++;
        CHECK(f->nlive <= NREQ);
    }
}

static void user_submit(struct fuzz *f)
{
    unsigned type = in8(&f->in) % 8u;
    uint16_t line = in8(&f->in) % 40u;
    uint8_t *cookie = new_cookie(f);

    submitted(f, cookie,
              vgpio_drv_submit(&f->drv, type, line, in8(&f->in) % 10u, cookie));
}

static void user_names(struct fuzz *f)
{
    uint8_t *cookie = new_cookie(f);

    submitted(f, cookie,
              vgpio_drv_read_names(&f->drv, f->names, NAMES_GPA, NAMES, cookie));
}

static void user_cancel(struct fuzz *f)
{
    uint8_t *cookie = &f->live[in8(&f->in) % COOKIES];

    if (vgpio_drv_cancel(&f->drv, cookie) == 0) {
        came_back(f, cookie);
    }
}

static int user_poll(struct fuzz *f)
{
    struct vgpio_drv_event ev;
    int n = vgpio_drv_poll(&f->drv, &ev);

    if (n <= 0) {
        return n;
    }
    CHECK(n == 1);
    if (ev.kind == VGPIO_DONE) {
        CHECK(ev.result >= 0 || ev.result == VGPIO_ERR_IO ||
              ev.result == VGPIO_ERR_STALE);
        CHECK(ev.type != VGPIO_MSG_GET_VALUE || ev.result <= 1);
        CHECK(ev.type != VGPIO_MSG_GET_DIRECTION || ev.result <= VGPIO_DIR_IN);
        CHECK(ev.type != VGPIO_MSG_GET_LINE_NAMES || ev.result < (int)NAMES);
        came_back(f, ev.cookie);
    } else {
        CHECK(ev.kind == VGPIO_IRQ && ev.cookie == NULL);
        CHECK(ev.line < vgpio_drv_ngpio(&f->drv));
        CHECK(ev.result == 0 || ev.result == VGPIO_ERR_IO);
    }
    return 1;
}

/* ---- the device ---- */

/* As a device should, but for the bytes and the length of the answer. */
static void device_answer(struct fuzz *f, unsigned q)
{
    struct vgpio_chain c;
    struct vgpio_head head;
    uint8_t how = in8(&f->in);
    uint8_t raw[2] = {0, 0};

    if (vgpio_devq_pop(&f->q[q], &c) != 1) {
        return;
    }
    head = c.head;
    if (how & 1) {
        raw[0] = in8(&f->in);
        raw[1] = in8(&f->in);
    } else {
        raw[0] = q == VGPIO_EVENTQ;
    }
    (void)vgpio_chain_write(&c, raw, sizeof raw);
    if ((how & 2) == 0) {
        (void)vgpio_devq_push(&f->q[q], head, how & 4 ? in8(&f->in) : 2u - q);
        (void)vgpio_devq_publish(&f->q[q]);
    }
}

static void device_scribble(struct fuzz *f)
{
    uint32_t at = in32(&f->in) % ARENA;
    unsigned n = in8(&f->in) % 16u;

    while (n-- > 0 && at < ARENA) {
        f->arena[at++] = in8(&f->in);
    }
}

/* A used descriptor of any content, where the driver looks for one. */
static void device_used_packed(struct fuzz *f, unsigned q)
{
    uint16_t pos = (uint16_t)f->drv.q[q].last_used;
    uint8_t *d = f->arena + (f->vq[q].desc - f->region[0].gpa) + 16u * (pos & 0x7fffu);
    uint8_t how = in8(&f->in);
    unsigned i;

    CHECK((pos & 0x7fff) < f->vq[q].size);
    for (i = 8; i < 14; i++) {
        d[i] = in8(&f->in);
    }
    if (how & 1) { /* an id that may well be out */
        d[12] = (uint8_t)(d[12] % (f->vq[q].size + 1u));
        d[13] = 0;
    }
    d[14] = (uint8_t)((how & 6) | (pos & 0x8000 ? 0x80 : 0));
    d[15] = (uint8_t)((how & 0x70) | (pos & 0x8000 ? 0x80 : 0));
}

/* A used element of any content, and the index that shows it. */
static void device_used(struct fuzz *f, unsigned q)
{
    uint8_t *u;
    unsigned i, at;

    if (f->vq[q].size == 0) {
        return;
    }
    if ((f->vq[q].features & VGPIO_F_PACKED) != 0) {
        device_used_packed(f, q);
        return;
    }
    u = f->arena + (f->vq[q].device - f->region[0].gpa);
    at = u[2] | (unsigned)u[3] << 8;
    for (i = 0; i < 8; i++) {
        u[4 + 8 * (at % f->vq[q].size) + i] = in8(&f->in);
    }
    at += in8(&f->in) % 3u;
    u[2] = (uint8_t)at;
    u[3] = (uint8_t)(at >> 8);
}

/* ---- the program ---- */

static void step(struct fuzz *f)
{
    uint8_t op = in8(&f->in);

    switch (op % 16u) {
    case 0:
    case 1:
        user_submit(f);
        break;
    case 2:
        user_names(f);
        break;
    case 3:
        user_cancel(f);
        break;
    case 4:
        (void)vgpio_drv_unmask(&f->drv, in8(&f->in) % 40u);
        break;
    case 5:
    case 6:
        (void)vgpio_drv_flush(&f->drv);
        break;
    case 7:
    case 8:
        (void)user_poll(f);
        break;
    case 9:
        (void)vgpio_drv_rearm(&f->drv);
        break;
    case 10:
        (void)vgpio_drv_config_changed(&f->drv);
        break;
    case 11:
        (void)vgpio_drv_stop(&f->drv);
        break;
    case 12:
        (void)vgpio_drv_start(&f->drv);
        break;
    case 13:
        device_answer(f, op >> 4 & 1u);
        break;
    case 14:
        device_scribble(f);
        break;
    default:
        device_used(f, op >> 4 & 1u);
        break;
    }
}

/* After a stop on a bus that behaves, all comes back, and the driver is as new. */
static void finish(struct fuzz *f)
{
    unsigned polls = 0;
    int n;

    f->good = 1;
    CHECK(vgpio_drv_stop(&f->drv) == 0);
    while ((n = user_poll(f)) != 0) {
        CHECK(n == 1 && ++polls <= NREQ);
    }
    CHECK(f->nlive == 0);
    CHECK(vgpio_drv_start(&f->drv) == 0);
    CHECK(vgpio_drv_stop(&f->drv) == 0);
}

static void *block(size_t size)
{
    void *p = malloc(size);

    CHECK(p != NULL);
    memset(p, 0xa5, size);
    return p;
}

static void setup(struct fuzz *f, uint8_t flags)
{
    struct vgpio_drv_config c;
    size_t skew;

    f->arena = block(ARENA);
    f->names = block(NAMES);
    f->slots = block((NREQ + NIRQ) * sizeof *f->slots);
    f->ring = block(2 * (NREQ + NIRQ) * sizeof *f->ring);
    f->map = block(MAP_LEN * sizeof *f->map);
    skew = (size_t)((uintptr_t)f->arena % VGPIO_DMA_ALIGN);
    f->region[0] = (struct vgpio_mem_region){GPA + skew, ARENA, f->arena};
    f->region[1] = (struct vgpio_mem_region){NAMES_GPA, NAMES, f->names};
    f->table = (struct vgpio_mem_table){f->region, 2};
    f->mem =
        (struct vgpio_mem){sizeof f->mem, &f->table, vgpio_mem_table_map, NULL, NULL};
    memset(&c, 0, sizeof c);
    c.bus = &bus_ops;
    c.bus_ctx = f;
    c.dma = f->arena;
    c.dma_addr = GPA + skew;
    c.dma_size = ARENA;
    c.slots = f->slots;
    c.ring = f->ring;
    c.nreq = NREQ;
    c.nirq = flags & 1 ? 0 : NIRQ;
    c.irq_map = flags & 2 ? NULL : f->map;
    c.irq_map_len = flags & 2 ? 0 : MAP_LEN;
    c.flags = flags >> 2 & 3u;
    c.features = flags & 0x10 ? 0 : ~VGPIO_F_PACKED;
    CHECK(vgpio_drv_init(&f->drv, &c) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = calloc(1, sizeof *f);
    unsigned steps = 0;

    CHECK(f != NULL);
    f->in.p = data;
    f->in.n = size;
    setup(f, in8(&f->in));
    (void)vgpio_drv_start(&f->drv);
    while (f->in.n != 0 && steps++ < MAX_STEPS) {
        step(f);
    }
    finish(f);
    free(f->map);
    free(f->ring);
    free(f->slots);
    free(f->names);
    free(f->arena);
    free(f);
    return 0;
}
