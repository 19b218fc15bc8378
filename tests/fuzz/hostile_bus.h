/* SPDX-License-Identifier: BSD-3-Clause */
/* A bus with a device of the draft behind it that does what the input says: well-formed
 * or not. The rings are split ones, and read and written by hand. */
#ifndef TESTS_FUZZ_HOSTILE_BUS_H
#define TESTS_FUZZ_HOSTILE_BUS_H

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

#define HB_LINES 4u
#define HB_NREQ 4u
#define HB_NIRQ 4u
#define HB_GPA UINT64_C(0x10000)
#define HB_ARENA VGPIO_DMA_SIZE(HB_NREQ, HB_NIRQ)

static struct hostile_bus {
    const uint8_t *in;
    size_t left;
    uint8_t arena[HB_ARENA] __attribute__((aligned(64)));
    struct vgpio_vq_setup vq[2];
    uint16_t taken[2], used[2];
    uint8_t started[2], status, broken;
    uint64_t features;
    uint8_t config[64 + HB_LINES];
} hb;

static inline unsigned hb_in(void)
{
    if (hb.left == 0) {
        return 0;
    }
    hb.left--;
    return *hb.in++;
}

static inline uint8_t *hb_at(uint64_t gpa)
{
    return hb.arena + (gpa - HB_GPA) % (HB_ARENA - 16u);
}

static inline uint16_t hb_get16(uint64_t gpa)
{
    const uint8_t *p = hb_at(gpa);

    return (uint16_t)(p[0] | p[1] << 8);
}

static inline void hb_put32(uint64_t gpa, uint32_t v)
{
    uint8_t *p = hb_at(gpa);
    unsigned i;

    for (i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

/* ---- the bus ---- */

static int hb_device_id(void *ctx, uint32_t *id)
{
    (void)ctx;
    *id = 41;
    return 0;
}

static int hb_get_features(void *ctx, uint64_t *f)
{
    (void)ctx;
    *f = hb.features;
    return 0;
}

static int hb_set_features(void *ctx, uint64_t f)
{
    (void)ctx;
    MUST((f & ~hb.features) == 0);
    return 0;
}

static int hb_get_status(void *ctx, uint8_t *s)
{
    (void)ctx;
    *s = hb.status | (hb.status != 0 && hb.broken ? VGPIO_S_NEEDS_RESET : 0);
    return 0;
}

static int hb_set_status(void *ctx, uint8_t s)
{
    (void)ctx;
    hb.status = s;
    if (s == 0) {
        hb.started[0] = hb.started[1] = hb.broken = 0;
    }
    return 0;
}

static int hb_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    uint32_t i;

    (void)ctx;
    for (i = 0; i < len; i++) {
        ((uint8_t *)dst)[i] =
            off + i < sizeof hb.config ? hb.config[off + i] : (uint8_t)0;
    }
    return 0;
}

static int hb_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    (void)ctx;
    *max = q < 2 ? 64 : 0;
    return 0;
}

static int hb_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    (void)ctx;
    MUST(q < 2 && vq->size != 0 && vq->desc >= HB_GPA &&
         vq->device + 6u + 8u * vq->size <= HB_GPA + HB_ARENA);
    hb.vq[q] = *vq;
    hb.taken[q] = hb.used[q] = 0;
    hb.started[q] = 1;
    return 0;
}

static int hb_notify(void *ctx, unsigned q, uint32_t data)
{
    (void)ctx, (void)data;
    MUST(q < 2 && (hb.status & VGPIO_S_DRIVER_OK) != 0);
    return 0;
}

static const struct vgpio_bus_ops hb_ops = {
    sizeof hb_ops, hb_device_id, hb_get_features, hb_set_features, hb_get_status,
    hb_set_status, NULL,         hb_config_read,  hb_queue_max,    hb_queue_start,
    NULL,          hb_notify,
};

/* ---- the device ---- */

/* The next buffer of a queue goes back with `len`; its address, 0 if there is none. */
static inline uint64_t hb_give_back(unsigned q, uint32_t len)
{
    const struct vgpio_vq_setup *vq = &hb.vq[q];
    uint16_t head;
    uint64_t at, e;

    if (!hb.started[q] || hb_get16(vq->driver + 2) == hb.taken[q]) {
        return 0;
    }
    head = hb_get16(vq->driver + 4 + 2u * (hb.taken[q]++ % vq->size));
    at = hb_get16(vq->desc + 16u * (uint64_t)head) |
         (uint64_t)hb_get16(vq->desc + 16u * (uint64_t)head + 2) << 16;
    e = vq->device + 4 + 8u * (uint64_t)(hb.used[q]++ % vq->size);
    hb_put32(e, head);
    hb_put32(e + 4, len);
    return at;
}

static inline void hb_publish(unsigned q)
{
    if (hb.started[q]) {
        uint8_t *p = hb_at(hb.vq[q].device + 2);

        p[0] = (uint8_t)hb.used[q];
        p[1] = (uint8_t)(hb.used[q] >> 8);
    }
}

static inline void hb_say(unsigned type, unsigned line, uint32_t value, uint32_t len)
{
    uint64_t at = hb_give_back(0, len);

    if (at != 0) {
        hb_put32(at, type | (uint32_t)line << 16);
        hb_put32(at + 4, value);
    }
    hb_publish(0);
}

/* One act of the device. */
static inline void hb_act(unsigned what)
{
    static const uint16_t types[] = {0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8006,
                                     0x8007, 0x8008, 0x0011, 0xf005, 0xf002, 0x0005,
                                     0x8000, 0xffff, 0x0000, 0x8011};

    switch (what & 7u) {
    case 0:
        (void)hb_give_back(1, what >> 3 & 8u);
        hb_publish(1);
        break;
    case 1:
        hb_say(0x11, what >> 3 & 7u, what >> 6 & 1u, 8);
        break;
    case 2:
        hb_say(types[what >> 3 & 15u], hb_in() & 7u, (uint32_t)(int8_t)hb_in(), 8);
        break;
    case 3:
        hb_say(types[what >> 3 & 15u], hb_in(), hb_in(), hb_in() % 12u);
        break;
    case 4:
        *hb_at(HB_GPA + (hb_in() | hb_in() << 8)) = (uint8_t)hb_in();
        break;
    case 5:
        hb.broken = (what & 0xf8u) == 0xf8u;
        break;
    case 6:
        hb.used[what >> 3 & 1u] = (uint16_t)(hb.used[what >> 3 & 1u] + (what >> 4));
        hb_publish(what >> 3 & 1u);
        break;
    default: /* an honest answer to the oldest request */
        if (hb.started[1] && hb_get16(hb.vq[1].driver + 2) != hb.taken[1]) {
            uint64_t at = hb_give_back(1, 0);
            uint16_t type = hb_get16(at), line = hb_get16(at + 2);

            hb_say(type | 0x8000u, line, what >> 3 & 1u, 8);
            hb_publish(1);
        }
        break;
    }
}

static inline void hb_begin(const uint8_t *data, size_t size)
{
    memset(&hb, 0, sizeof hb);
    hb.in = data;
    hb.left = size;
    hb.features = VGPIO_F_VERSION_1 | (hb_in() & 3u);
    hb.config[0] = 1;
    hb.config[2] = HB_LINES;
    hb.config[4] = HB_LINES;
}

#endif /* TESTS_FUZZ_HOSTILE_BUS_H */
