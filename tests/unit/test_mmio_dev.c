/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers of virtio-mmio as a guest finds them: first over a device that only
 * writes down what it is told, then over a real one that a guest sets up by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/mmio.h>

#include "device_bench.h"
#include "mmio_regs.h"

#define ACK_DRIVER (VGPIO_S_ACKNOWLEDGE | VGPIO_S_DRIVER)
#define SETTLED (ACK_DRIVER | VGPIO_S_FEATURES_OK)
#define RUNNING (SETTLED | VGPIO_S_DRIVER_OK)

/* ---- a device that only takes notes ---- */

struct notes {
    uint64_t offered, acked;
    struct vgpio_vq_setup vq[2];
    unsigned started, starts, stops, how, resets, kicked, irq_acks, events;
    int refuse_features, refuse_queue, kick_answer;
};

static uint32_t note_id(const void *obj)
{
    (void)obj;
    return 77;
}

static uint64_t note_features(const void *obj)
{
    return ((const struct notes *)obj)->offered;
}

static int note_ack(void *obj, uint64_t acked)
{
    struct notes *n = obj;

    n->acked = acked;
    return n->refuse_features ? VGPIO_ERR_NOTSUP : 0;
}

static uint32_t note_config_size(const void *obj)
{
    (void)obj;
    return 6;
}

/* Byte i is 0x10 + i; zeros past the end. */
static void note_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    uint8_t *to = dst;

    for (; len != 0; len--, off++) {
        *to++ = off < note_config_size(obj) ? (uint8_t)(0x10 + off) : 0;
    }
}

static uint16_t note_queue_max(const void *obj, unsigned q)
{
    (void)obj;
    assert_true(q < VGPIO_MMIO_QUEUES);
    return q == 0 ? 8 : 4;
}

static int note_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                            const struct vgpio_vq_setup *vq)
{
    struct notes *n = obj;

    assert_non_null(mem);
    assert_int_equal(vq->flags, 0);
    assert_int_equal(vq->avail_pos, 0);
    n->starts++;
    if (n->refuse_queue == (int)q + 1) {
        return VGPIO_ERR_FAULT;
    }
    n->vq[q] = *vq;
    n->started |= 1u << q;
    return 0;
}

static int note_queue_run(void *obj, unsigned q, int on)
{
    (void)obj;
    (void)q;
    (void)on;
    fail();
    return 0;
}

static int note_queue_stop(void *obj, unsigned q, unsigned how,
                           struct vgpio_vq_setup *where)
{
    struct notes *n = obj;

    assert_null(where);
    assert_true((n->started & 1u << q) != 0);
    n->started &= ~(1u << q);
    n->stops++;
    n->how = how;
    return 0;
}

static void note_reset(void *obj)
{
    struct notes *n = obj;

    n->started = 0;
    n->resets++;
}

static int note_kick(void *obj, unsigned q)
{
    struct notes *n = obj;

    assert_true((n->started & 1u << q) != 0);
    n->kicked |= 1u << q;
    return n->kick_answer;
}

static unsigned note_take_events(void *obj)
{
    struct notes *n = obj;
    unsigned events = n->events;

    n->events = 0;
    return events;
}

static void note_irq_acked(void *obj)
{
    ((struct notes *)obj)->irq_acks++;
}

static unsigned note_in_flight(const void *obj)
{
    (void)obj;
    return 0;
}

static int note_error(const void *obj, unsigned q)
{
    (void)obj;
    (void)q;
    return 0;
}

static const struct vgpio_vdev_ops note_ops = {
    sizeof note_ops,  note_id,          note_features,  note_ack,
    note_config_size, note_config_read, note_queue_max, note_queue_start,
    note_queue_run,   note_queue_stop,  note_reset,     note_kick,
    note_take_events, note_irq_acked,   note_in_flight, note_error,
};

struct alone {
    struct notes n;
    struct vgpio_mem mem;
    struct vgpio_mmio_dev m;
};

static int alone_setup(void **state)
{
    struct alone *a = calloc(1, sizeof *a);
    struct vgpio_vdev face = {&note_ops, &a->n};

    assert_non_null(a);
    a->n.offered = VGPIO_F_VERSION_1 | VGPIO_F_EVENT_IDX;
    memset(&a->m, 0xa5, sizeof a->m);
    assert_int_equal(vgpio_mmio_dev_init(&a->m, face, &a->mem), 0);
    *state = a;
    return 0;
}

static int alone_teardown(void **state)
{
    free(*state);
    return 0;
}

/* ---- a guest by hand ---- */

static uint32_t rd(struct vgpio_mmio_dev *m, uint32_t off)
{
    return vgpio_mmio_dev_read(m, off, 4);
}

static unsigned wr(struct vgpio_mmio_dev *m, uint32_t off, uint32_t v)
{
    unsigned kicks = vgpio_mmio_dev_write(m, off, 4, v);

    /* Nothing else gives the device work. */
    assert_true(kicks == 0 || off == R_QUEUE_READY || off == R_QUEUE_NOTIFY ||
                off == R_STATUS);
    return kicks;
}

static void wr64(struct vgpio_mmio_dev *m, uint32_t off, uint64_t v)
{
    assert_int_equal(wr(m, off, (uint32_t)v), 0);
    assert_int_equal(wr(m, off + 4, (uint32_t)(v >> 32)), 0);
}

static void accept(struct vgpio_mmio_dev *m, uint64_t features)
{
    wr(m, R_DRIVER_FEATURES_SEL, 1);
    wr(m, R_DRIVER_FEATURES, (uint32_t)(features >> 32));
    wr(m, R_DRIVER_FEATURES_SEL, 0);
    wr(m, R_DRIVER_FEATURES, (uint32_t)features);
}

/* From reset to FEATURES_OK: did it stay? */
static int negotiate(struct vgpio_mmio_dev *m, uint64_t features)
{
    wr(m, R_STATUS, 0);
    wr(m, R_STATUS, VGPIO_S_ACKNOWLEDGE);
    wr(m, R_STATUS, ACK_DRIVER);
    accept(m, features);
    assert_int_equal(wr(m, R_STATUS, SETTLED), 0);
    return (rd(m, R_STATUS) & VGPIO_S_FEATURES_OK) != 0;
}

static void place(struct vgpio_mmio_dev *m, unsigned q, const struct vgpio_vq_setup *at)
{
    wr(m, R_QUEUE_SEL, q);
    wr(m, R_QUEUE_SIZE, at->size);
    wr64(m, R_QUEUE_DESC, at->desc);
    wr64(m, R_QUEUE_DRIVER, at->driver);
    wr64(m, R_QUEUE_DEVICE, at->device);
}

static const struct vgpio_vq_setup places[2] = {
    {0x1234500001000, 0x1234500002000, 0x1234500003000, 0, 8, 0, 0, 0},
    {0x4000, 0x5000, 0x6000, 0, 4, 0, 0, 0},
};

static unsigned make_ready(struct vgpio_mmio_dev *m, unsigned q)
{
    place(m, q, &places[q]);
    return wr(m, R_QUEUE_READY, 1);
}

/* Both queues run. */
static void bring_up(struct alone *a, uint64_t features)
{
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | features), 1);
    assert_int_equal(make_ready(&a->m, 0), 0);
    assert_int_equal(make_ready(&a->m, 1), 0);
    assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 3);
    assert_int_equal(a->n.started, 3);
}

/* ---- what is there, and what is not ---- */

static void test_init_refuses_what_cannot_work(void **state)
{
    struct vgpio_mmio_dev m;
    struct vgpio_mem mem = {0};
    struct vgpio_vdev_ops few = note_ops;
    struct vgpio_vdev none = {NULL, NULL}, some = {&few, NULL};

    (void)state;
    assert_int_equal(vgpio_mmio_dev_init(&m, none, &mem), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_mmio_dev_init(&m, some, NULL), VGPIO_ERR_INVAL);
    few.ops_size = offsetof(struct vgpio_vdev_ops, take_events);
    assert_int_equal(vgpio_mmio_dev_init(&m, some, &mem), VGPIO_ERR_ABI);
    few = note_ops;
    few.take_events = NULL;
    assert_int_equal(vgpio_mmio_dev_init(&m, some, &mem), VGPIO_ERR_ABI);
    few = note_ops;
    few.ops_size = offsetof(struct vgpio_vdev_ops, irq_acked);
    assert_int_equal(vgpio_mmio_dev_init(&m, some, &mem), 0);
    assert_int_equal(
        vgpio_mmio_dev_init_abi(&m, some, &mem, VGPIO_ABI(sizeof m - 1, 0, 0, 0)),
        VGPIO_ERR_ABI);
}

static void test_identity(void **state)
{
    struct alone *a = *state;

    assert_int_equal(rd(&a->m, 0x000), 0x74726976);
    assert_int_equal(rd(&a->m, 0x004), 2);
    assert_int_equal(rd(&a->m, 0x008), 77);
    assert_int_equal(rd(&a->m, 0x00c), VGPIO_MMIO_VENDOR);
    vgpio_mmio_dev_set_vendor(&a->m, 0x12345678);
    assert_int_equal(rd(&a->m, 0x00c), 0x12345678);
    assert_int_equal(a->n.resets, 0); /* looking is free */
}

/* What 32 bits read as once both queues run and nothing happened; the rest is 0. */
static uint32_t expected(uint32_t off)
{
    switch (off) {
    case 0x000:
        return 0x74726976;
    case 0x004:
        return 2;
    case 0x008:
        return 77;
    case 0x00c:
        return VGPIO_MMIO_VENDOR;
    case 0x010:
        return (uint32_t)VGPIO_F_EVENT_IDX;
    case 0x034:
        return 4;
    case 0x044:
        return 1;
    case 0x070:
        return RUNNING;
    case 0x0b0:
    case 0x0b4:
    case 0x0b8:
    case 0x0bc:
        return 0xffffffff;
    case 0x100:
        return 0x13121110;
    case 0x104:
        return 0x1514;
    default:
        return 0;
    }
}

static void test_every_register_by_every_width(void **state)
{
    struct alone *a = *state;
    uint32_t off;
    unsigned size;

    bring_up(a, 0);
    for (off = 0; off < 0x300; off += 4) {
        assert_int_equal(rd(&a->m, off), expected(off));
    }
    for (off = 0; off < 0x100; off++) {
        for (size = 0; size < 20; size++) {
            if (size != 4 || off % 4 != 0) {
                assert_int_equal(vgpio_mmio_dev_read(&a->m, off, size), 0);
            }
        }
    }
    for (size = 0; size < 20; size++) {
        assert_int_equal(vgpio_mmio_dev_read(&a->m, UINT32_MAX, size), 0);
        assert_int_equal(vgpio_mmio_dev_read(&a->m, UINT32_MAX - 3, size), 0);
    }
    assert_int_equal(vgpio_mmio_dev_read(&a->m, 0, UINT32_MAX), 0);
}

static void test_config_by_every_width(void **state)
{
    struct alone *a = *state;
    uint32_t off, byte[16] = {0};
    unsigned i;

    for (i = 0; i < 6; i++) {
        byte[i] = 0x10u + i;
    }
    for (off = 0; off < 10; off++) {
        uint32_t two = byte[off] | byte[off + 1] << 8;

        assert_int_equal(vgpio_mmio_dev_read(&a->m, 0x100 + off, 1), byte[off]);
        assert_int_equal(vgpio_mmio_dev_read(&a->m, 0x100 + off, 2), two);
        assert_int_equal(vgpio_mmio_dev_read(&a->m, 0x100 + off, 4),
                         two | byte[off + 2] << 16 | byte[off + 3] << 24);
        assert_int_equal(vgpio_mmio_dev_read(&a->m, 0x100 + off, 0), 0);
        assert_int_equal(vgpio_mmio_dev_read(&a->m, 0x100 + off, 3), 0);
        assert_int_equal(vgpio_mmio_dev_read(&a->m, 0x100 + off, 8), 0);
    }
}

static int writable(uint32_t off)
{
    static const uint16_t w[] = {0x014, 0x020, 0x024, 0x030, 0x038, 0x044, 0x050, 0x064,
                                 0x070, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0c0};
    unsigned i;

    for (i = 0; i < sizeof w / sizeof *w; i++) {
        if (w[i] == off) {
            return 1;
        }
    }
    return 0;
}

static void test_other_writes_do_nothing(void **state)
{
    struct alone *a = *state;
    struct vgpio_mmio_dev before;
    uint32_t off;
    unsigned size;

    bring_up(a, 0);
    a->m.isr = 3;
    before = a->m;
    for (off = 0; off < 0x204; off++) {
        for (size = 0; size < 10; size++) {
            if (size != 4 || !writable(off)) {
                assert_int_equal(vgpio_mmio_dev_write(&a->m, off, size, 0), 0);
                assert_int_equal(vgpio_mmio_dev_write(&a->m, off, size, 0xffffffff), 0);
            }
        }
    }
    assert_int_equal(vgpio_mmio_dev_write(&a->m, UINT32_MAX - 3, 4, 0), 0);
    assert_memory_equal(&before, &a->m, sizeof before);
    assert_int_equal(a->n.resets, 1);
    assert_int_equal(a->n.stops, 0);
}

/* ---- features ---- */

static uint64_t offered(struct vgpio_mmio_dev *m)
{
    uint64_t high;

    wr(m, R_DEVICE_FEATURES_SEL, 1);
    high = rd(m, R_DEVICE_FEATURES);
    wr(m, R_DEVICE_FEATURES_SEL, 0);
    return high << 32 | rd(m, R_DEVICE_FEATURES);
}

static void test_features_are_in_banks(void **state)
{
    struct alone *a = *state;
    uint32_t bank;

    assert_true(offered(&a->m) == (a->n.offered | VGPIO_F_RING_RESET));
    for (bank = 2; bank != 0; bank *= 2) {
        wr(&a->m, R_DEVICE_FEATURES_SEL, bank);
        assert_int_equal(rd(&a->m, R_DEVICE_FEATURES), 0);
    }
    assert_int_equal(negotiate(&a->m, a->n.offered), 1);
    assert_true(a->n.acked == a->n.offered);
}

/* A bank that a driver does not write is 0, whatever the driver before it wrote. */
static void test_features_end_with_a_reset(void **state)
{
    struct alone *a = *state;

    assert_int_equal(negotiate(&a->m, a->n.offered), 1);
    wr(&a->m, R_STATUS, 0);
    wr(&a->m, R_STATUS, ACK_DRIVER);
    wr(&a->m, R_DRIVER_FEATURES_SEL, 1);
    wr(&a->m, R_DRIVER_FEATURES, (uint32_t)(VGPIO_F_VERSION_1 >> 32));
    wr(&a->m, R_STATUS, SETTLED);
    assert_int_equal(rd(&a->m, R_STATUS), SETTLED);
    assert_true(a->n.acked == VGPIO_F_VERSION_1);
}

static void test_features_of_the_transport(void **state)
{
    struct alone *a = *state;
    uint64_t all =
        VGPIO_F_RING_RESET | VGPIO_F_NOTIFICATION_DATA | VGPIO_F_ACCESS_PLATFORM;

    assert_int_equal(vgpio_mmio_dev_set_features(&a->m, VGPIO_F_PACKED),
                     VGPIO_ERR_NOTSUP);
    assert_true(offered(&a->m) == (a->n.offered | VGPIO_F_RING_RESET));
    assert_int_equal(vgpio_mmio_dev_set_features(&a->m, all), 0);
    assert_true(offered(&a->m) == (a->n.offered | all));
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | all), 1);
    assert_true(a->n.acked == VGPIO_F_VERSION_1); /* none of the device's business */
    assert_int_equal(vgpio_mmio_dev_set_features(&a->m, 0), 0);
    assert_true(offered(&a->m) == a->n.offered);
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | all), 0);
    a->n.offered |= VGPIO_F_RING_RESET; /* a device that cares hears of it */
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | VGPIO_F_RING_RESET), 1);
    assert_true(a->n.acked == (VGPIO_F_VERSION_1 | VGPIO_F_RING_RESET));
}

/* ADMIN_VQ has no registers here, NOTIF_CONFIG_DATA no value, SR_IOV no meaning. */
static void test_features_that_mmio_cannot_have(void **state)
{
    struct alone *a = *state;
    unsigned i;

    a->n.offered |= UINT64_C(1) << 37 | UINT64_C(1) << 39 | UINT64_C(1) << 41;
    for (i = 37; i <= 41; i += 2) {
        assert_true((offered(&a->m) & UINT64_C(1) << i) == 0);
        assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | UINT64_C(1) << i), 0);
    }
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
}

static void test_features_not_offered_are_refused(void **state)
{
    struct alone *a = *state;
    unsigned i;

    for (i = 0; i < 64; i++) {
        uint64_t bit = UINT64_C(1) << i;
        int ok = (bit & (a->n.offered | VGPIO_F_RING_RESET)) != 0;

        assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | bit), ok);
        wr(&a->m, R_STATUS, RUNNING); /* a guest that does not look */
        assert_int_equal(rd(&a->m, R_STATUS), ok ? RUNNING : ACK_DRIVER);
    }
    wr(&a->m, R_STATUS, 0);
    wr(&a->m, R_DRIVER_FEATURES_SEL, 2);
    wr(&a->m, R_DRIVER_FEATURES, 1);
    wr(&a->m, R_STATUS, ACK_DRIVER);
    accept(&a->m, VGPIO_F_VERSION_1);
    wr(&a->m, R_STATUS, SETTLED);
    assert_int_equal(rd(&a->m, R_STATUS), ACK_DRIVER);
    wr(&a->m, R_STATUS, 0);
    accept(&a->m, a->n.offered);
    wr(&a->m, R_DRIVER_FEATURES_SEL, 2);
    wr(&a->m, R_DRIVER_FEATURES, 0); /* nothing of nothing is no harm */
    wr(&a->m, R_STATUS, SETTLED);
    assert_int_equal(rd(&a->m, R_STATUS), SETTLED);
    assert_true(a->n.acked == a->n.offered);
    a->n.refuse_features = 1;
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 0);
    a->n.refuse_features = 0;
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
}

static void test_features_may_be_corrected_until_they_stand(void **state)
{
    struct alone *a = *state;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | VGPIO_F_PACKED), 0);
    accept(&a->m, VGPIO_F_VERSION_1);
    wr(&a->m, R_STATUS, SETTLED);
    assert_int_equal(rd(&a->m, R_STATUS), SETTLED);
    accept(&a->m, VGPIO_F_VERSION_1 | VGPIO_F_PACKED | VGPIO_F_NOTIFICATION_DATA);
    make_ready(&a->m, 0);
    wr(&a->m, R_STATUS, RUNNING);
    assert_true(a->n.vq[0].features == VGPIO_F_VERSION_1);
}

/* ---- status ---- */

static void test_status_bits(void **state)
{
    struct alone *a = *state;

    assert_int_equal(rd(&a->m, R_STATUS), 0);
    wr(&a->m, R_STATUS, VGPIO_S_ACKNOWLEDGE);
    wr(&a->m, R_STATUS, VGPIO_S_DRIVER); /* does not take the other one back */
    assert_int_equal(rd(&a->m, R_STATUS), ACK_DRIVER);
    wr(&a->m, R_STATUS, 0xffffff00u | VGPIO_S_NEEDS_RESET | 0x30);
    assert_int_equal(rd(&a->m, R_STATUS), ACK_DRIVER);
    wr(&a->m, R_STATUS, VGPIO_S_DRIVER_OK); /* features were never settled */
    assert_int_equal(rd(&a->m, R_STATUS), ACK_DRIVER);
    wr(&a->m, R_STATUS, VGPIO_S_FAILED);
    assert_int_equal(rd(&a->m, R_STATUS), ACK_DRIVER | VGPIO_S_FAILED);
    assert_int_equal(a->n.resets, 0);
    wr(&a->m, R_STATUS, 0);
    assert_int_equal(rd(&a->m, R_STATUS), 0);
    assert_int_equal(a->n.resets, 1);
}

static void test_reset_is_over_when_the_write_returns(void **state)
{
    struct alone *a = *state;
    unsigned q;

    bring_up(a, VGPIO_F_RING_RESET);
    a->n.events = VGPIO_EV_QUEUE(0) | VGPIO_EV_CONFIG;
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
    wr(&a->m, R_DEVICE_FEATURES_SEL, 1);
    wr(&a->m, R_DRIVER_FEATURES_SEL, 1);
    wr(&a->m, R_QUEUE_SEL, 1);
    a->n.events =
        VGPIO_EV_QUEUE(1) | VGPIO_EV_MORE | VGPIO_EV_NEEDS_RESET; /* of before */
    assert_int_equal(wr(&a->m, R_STATUS, 0), 0);
    assert_int_equal(rd(&a->m, R_DEVICE_FEATURES), (uint32_t)VGPIO_F_EVENT_IDX);
    assert_int_equal(rd(&a->m, R_QUEUE_SIZE_MAX), 8);
    wr(&a->m, R_DRIVER_FEATURES, (uint32_t)VGPIO_F_EVENT_IDX);
    assert_int_equal(a->n.resets, 2);
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), 0);
    assert_int_equal(rd(&a->m, R_STATUS), 0);
    for (q = 0; q < 2; q++) {
        wr(&a->m, R_QUEUE_SEL, q);
        assert_int_equal(rd(&a->m, R_QUEUE_READY), 0);
        assert_int_equal(rd(&a->m, R_QUEUE_RESET), 0);
        assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, q), 0);
        assert_int_equal(vgpio_mmio_dev_kick(&a->m, q), 0);
    }
    assert_int_equal(a->n.kicked, 0);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 0);
    /* Nothing is left of the features and addresses of before. */
    wr(&a->m, R_STATUS, SETTLED);
    assert_true(a->n.acked == VGPIO_F_EVENT_IDX);
    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
    wr(&a->m, R_QUEUE_READY, 1);
    wr(&a->m, R_STATUS, RUNNING);
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
    bring_up(a, 0);
}

/* ---- queues ---- */

static void test_queues_that_do_not_exist(void **state)
{
    struct alone *a = *state;
    uint32_t q;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
    for (q = 2; q != 0; q = q == 2 ? 3 : q * 2) {
        wr(&a->m, R_QUEUE_SEL, q);
        assert_int_equal(rd(&a->m, R_QUEUE_SIZE_MAX), 0);
        wr(&a->m, R_QUEUE_SIZE, 8);
        wr64(&a->m, R_QUEUE_DESC, 0x1000);
        assert_int_equal(wr(&a->m, R_QUEUE_READY, 1), 0);
        assert_int_equal(rd(&a->m, R_QUEUE_READY), 0);
        wr(&a->m, R_QUEUE_RESET, 1);
        assert_int_equal(rd(&a->m, R_QUEUE_RESET), 0);
    }
    assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 0);
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING);
    assert_int_equal(a->n.starts, 0);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 2), 0);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0x10000), 0);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, UINT32_MAX), 0);
    assert_int_equal(vgpio_mmio_dev_kick(&a->m, 2), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_mmio_dev_kick(&a->m, UINT32_MAX), VGPIO_ERR_INVAL);
}

static void test_queues_start_at_driver_ok(void **state)
{
    struct alone *a = *state;
    unsigned q;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
    for (q = 0; q < 2; q++) {
        wr(&a->m, R_QUEUE_SEL, q);
        assert_int_equal(rd(&a->m, R_QUEUE_SIZE_MAX), note_queue_max(NULL, q));
        assert_int_equal(rd(&a->m, R_QUEUE_READY), 0);
        assert_int_equal(make_ready(&a->m, q), 0);
        assert_int_equal(rd(&a->m, R_QUEUE_READY), 1);
        assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, q), 0); /* too early: not heard */
        assert_int_equal(vgpio_mmio_dev_kick(&a->m, q), 0);
    }
    assert_int_equal(a->n.starts, 0);
    assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 3); /* so all are to be looked at */
    for (q = 0; q < 2; q++) {
        assert_true(a->n.vq[q].desc == places[q].desc);
        assert_true(a->n.vq[q].driver == places[q].driver);
        assert_true(a->n.vq[q].device == places[q].device);
        assert_int_equal(a->n.vq[q].size, places[q].size);
        assert_true(a->n.vq[q].features == VGPIO_F_VERSION_1);
        assert_int_equal(vgpio_mmio_dev_kick(&a->m, q), 0);
    }
    assert_int_equal(a->n.kicked, 3);
    assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 0); /* once is enough */
    assert_int_equal(a->n.starts, 2);
}

static void test_one_queue_may_be_enough(void **state)
{
    struct alone *a = *state;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
    make_ready(&a->m, 0);
    assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 1);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 1), 0);
    assert_int_equal(vgpio_mmio_dev_kick(&a->m, 1), 0);
    assert_int_equal(make_ready(&a->m, 1), 2); /* late: starts, and is looked at */
    assert_int_equal(a->n.started, 3);
    assert_int_equal(wr(&a->m, R_QUEUE_READY, 1), 0);
    assert_int_equal(a->n.starts, 2);
}

static void test_a_queue_that_is_not_ready_any_more(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    wr(&a->m, R_QUEUE_SEL, 1);
    assert_int_equal(wr(&a->m, R_QUEUE_READY, 0), 0);
    assert_int_equal(rd(&a->m, R_QUEUE_READY), 0);
    assert_int_equal(a->n.started, 1);
    assert_int_equal(a->n.how, VGPIO_STOP_RESET);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 1), 0);
    assert_int_equal(wr(&a->m, R_QUEUE_READY, 0), 0);
    assert_int_equal(a->n.stops, 1);
    assert_int_equal(wr(&a->m, R_QUEUE_READY, 7), 2); /* not 0 is 1; and as it was */
    assert_int_equal(rd(&a->m, R_QUEUE_READY), 1);
    assert_int_equal(a->n.started, 3);
    assert_true(a->n.vq[1].desc == places[1].desc);
}

static void test_queue_reset(void **state)
{
    struct alone *a = *state;
    struct vgpio_vq_setup other = places[1];

    bring_up(a, VGPIO_F_RING_RESET);
    wr(&a->m, R_QUEUE_SEL, 1);
    assert_int_equal(rd(&a->m, R_QUEUE_RESET), 0);
    wr(&a->m, R_QUEUE_RESET, 0);
    wr(&a->m, R_QUEUE_RESET, 2);
    assert_int_equal(a->n.stops, 0);
    a->m.more = 2;
    assert_int_equal(wr(&a->m, R_QUEUE_RESET, 1), 0);
    assert_int_equal(a->n.stops, 1);
    assert_int_equal(a->n.how, VGPIO_STOP_RESET);
    assert_int_equal(a->n.started, 1);
    assert_int_equal(rd(&a->m, R_QUEUE_RESET), 0);
    assert_int_equal(rd(&a->m, R_QUEUE_READY), 0);
    assert_int_equal(rd(&a->m, R_QUEUE_SIZE_MAX), 4);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 1), 0);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0), 1); /* the other one goes on */
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 0);
    other.size = 2;
    other.desc += 0x10000;
    place(&a->m, 1, &other);
    assert_int_equal(wr(&a->m, R_QUEUE_READY, 1), 2);
    assert_int_equal(rd(&a->m, R_QUEUE_RESET), 0);
    assert_int_equal(a->n.vq[1].size, 2);
    assert_true(a->n.vq[1].desc == other.desc);
    wr(&a->m, R_QUEUE_RESET, 1);
    wr(&a->m, R_QUEUE_READY, 1); /* nothing is left of where it was */
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
}

/* Without the feature there is no such register. */
static void test_queue_reset_has_to_be_negotiated(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    wr(&a->m, R_QUEUE_RESET, 1);
    assert_int_equal(rd(&a->m, R_QUEUE_READY), 1);
    assert_int_equal(a->n.stops, 0);
    wr(&a->m, R_STATUS, 0);
    accept(&a->m, VGPIO_F_VERSION_1 | VGPIO_F_RING_RESET); /* written, not settled */
    make_ready(&a->m, 0);
    wr(&a->m, R_QUEUE_RESET, 1);
    assert_int_equal(rd(&a->m, R_QUEUE_READY), 1);
}

/* A queue is where it was when it became ready, or nowhere. */
static void test_changed_while_ready(void **state)
{
    static const uint32_t regs[] = {
        R_QUEUE_SIZE,       R_QUEUE_DESC,   R_QUEUE_DESC + 4,  R_QUEUE_DRIVER,
        R_QUEUE_DRIVER + 4, R_QUEUE_DEVICE, R_QUEUE_DEVICE + 4};
    struct alone *a = *state;
    unsigned i, running;

    for (i = 0; i < 2 * sizeof regs / sizeof *regs; i++) {
        running = i & 1u;
        assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
        make_ready(&a->m, 0);
        make_ready(&a->m, 1);
        assert_int_equal(running ? wr(&a->m, R_STATUS, RUNNING) : 0, running ? 3 : 0);
        wr(&a->m, regs[i / 2], 2);
        assert_int_equal(rd(&a->m, R_STATUS),
                         VGPIO_S_NEEDS_RESET | (running ? RUNNING : SETTLED));
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), running);
        assert_int_equal(a->n.started, 0);
        assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0), 0);
        /* A guest that does not look is told now. */
        assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 0);
        assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_CONFIG);
        assert_int_equal(a->n.started, 0);
        wr(&a->m, R_QUEUE_READY, 0);
        assert_int_equal(wr(&a->m, R_QUEUE_READY, 1), 0); /* only a reset helps */
        assert_int_equal(a->n.started, 0);
    }
    assert_int_equal(a->n.how, VGPIO_STOP_NOW);
    bring_up(a, 0);
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING);
}

static void test_the_same_again_is_no_change(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    place(&a->m, 0, &places[0]);
    place(&a->m, 1, &places[1]);
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING);
}

static void test_sizes_do_not_wrap(void **state)
{
    struct alone *a = *state;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
    place(&a->m, 0, &places[0]);
    wr(&a->m, R_QUEUE_SIZE, 0x10008);
    wr(&a->m, R_QUEUE_READY, 1);
    wr(&a->m, R_STATUS, RUNNING);
    assert_int_equal(a->n.vq[0].size, 0); /* which a device refuses */
    assert_int_equal(a->n.starts, 1);
}

static void test_a_refused_queue_stops_all(void **state)
{
    struct alone *a = *state;
    unsigned q;

    for (q = 0; q < 2; q++) {
        a->n.refuse_queue = (int)q + 1;
        assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
        make_ready(&a->m, 0);
        make_ready(&a->m, 1);
        assert_int_equal(wr(&a->m, R_STATUS, RUNNING), 0);
        assert_int_equal(a->n.started, 0);
        assert_int_equal(rd(&a->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
        assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_CONFIG);
        assert_int_equal(vgpio_mmio_dev_kick(&a->m, 0), 0);
        assert_int_equal(vgpio_mmio_dev_kick(&a->m, 1), 0);
    }
    a->n.refuse_queue = 0;
    bring_up(a, 0);
}

/* Is a setup refused for its places? Queue 1 runs already, if it is to. */
static int overlaps(struct alone *a, uint64_t features, const struct vgpio_vq_setup *vq)
{
    unsigned status;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1 | features), 1);
    make_ready(&a->m, 1);
    wr(&a->m, R_STATUS, RUNNING);
    place(&a->m, 0, vq);
    wr(&a->m, R_QUEUE_READY, 1);
    status = rd(&a->m, R_STATUS);
    assert_int_equal(a->n.started, status == RUNNING ? 3 : 0);
    return status != RUNNING;
}

static void test_areas_do_not_overlap(void **state)
{
    struct alone *a = *state;
    struct vgpio_vq_setup at = {0x10000, 0x10080, 0x10094, 0, 8, 0, 0, 0};
    const struct vgpio_vq_setup tight = at;

    /* Without EVENT_IDX nobody reads the two words at the ends. */
    assert_int_equal(overlaps(a, 0, &at), 0);
    assert_int_equal(overlaps(a, VGPIO_F_EVENT_IDX, &at), 1);
    at.device = 0x10098;
    assert_int_equal(overlaps(a, VGPIO_F_EVENT_IDX, &at), 0);
    at.device = 0x10080;
    at.driver = 0x100c6; /* right behind */
    assert_int_equal(overlaps(a, VGPIO_F_EVENT_IDX, &at), 0);
    at.driver = 0x100c4;
    assert_int_equal(overlaps(a, VGPIO_F_EVENT_IDX, &at), 1);
    at = tight;
    at.driver = 0x1007e;
    assert_int_equal(overlaps(a, 0, &at), 1);
    at = tight;
    at.device = 0x10092;
    assert_int_equal(overlaps(a, 0, &at), 1);
    at = tight;
    at.device = 0xfffc;
    assert_int_equal(overlaps(a, 0, &at), 1);
    at.device = 0x10000 - 68;
    assert_int_equal(overlaps(a, 0, &at), 0);
    at.device = at.desc;
    assert_int_equal(overlaps(a, 0, &at), 1);
    at.driver = at.device = at.desc = 0;
    assert_int_equal(overlaps(a, 0, &at), 1);
    at.desc = UINT64_MAX - 15; /* over the top, onto the others */
    at.driver = 0x10;
    assert_int_equal(overlaps(a, 0, &at), 1);
}

static void test_queues_do_not_overlap(void **state)
{
    struct alone *a = *state;
    uint64_t theirs[3] = {places[1].desc, places[1].driver, places[1].device};
    uint32_t len[3] = {16 * 4, 4 + 2 * 4, 4 + 8 * 4};
    unsigned i, k;

    for (i = 0; i < 3; i++) {
        for (k = 0; k < 3; k++) {
            struct vgpio_vq_setup at = places[0];
            uint64_t *mine = i == 0 ? &at.desc : i == 1 ? &at.driver : &at.device;

            *mine = theirs[k] + len[k] - 1;
            assert_int_equal(overlaps(a, 0, &at), 1);
            *mine = theirs[k] + len[k];
            assert_int_equal(overlaps(a, 0, &at), 0);
        }
    }
}

/* In a packed ring two of the areas are four bytes. */
static void test_packed_areas(void **state)
{
    struct alone *a = *state;
    struct vgpio_vq_setup at = {0x10000, 0x10080, 0x10084, 0, 8, 0, 0, 0};

    a->n.offered |= VGPIO_F_PACKED;
    assert_int_equal(overlaps(a, VGPIO_F_PACKED, &at), 0);
    assert_int_equal(overlaps(a, VGPIO_F_PACKED | VGPIO_F_EVENT_IDX, &at), 0);
    at.device = 0x10080;
    assert_int_equal(overlaps(a, VGPIO_F_PACKED, &at), 1);
    at.device = 0x1007c;
    assert_int_equal(overlaps(a, VGPIO_F_PACKED, &at), 1);
    at.device = 0x10084;
    at.driver = 0x10088;
    assert_int_equal(overlaps(a, VGPIO_F_PACKED, &at), 0);
    at.driver = 0x10080;
    at.size = 5; /* which split rings cannot have */
    assert_int_equal(overlaps(a, VGPIO_F_PACKED, &at), 0);
    assert_int_equal(a->n.vq[0].size, 5);
}

/* ---- notifications ---- */

static void test_doorbells(void **state)
{
    struct alone *a = *state;
    uint64_t data = VGPIO_F_NOTIFICATION_DATA;

    assert_int_equal(vgpio_mmio_dev_set_features(&a->m, data), 0);
    bring_up(a, 0);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0), 1);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 1), 2);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0x80010001), 0);
    bring_up(a, data);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0x12340000), 1);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0x80010001), 2);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0x80010002), 0);
    assert_int_equal(wr(&a->m, R_QUEUE_NOTIFY, 0xffff), 0);
    assert_int_equal(a->n.kicked, 0); /* that is the caller's to do, when it likes */
}

/* An ioeventfd takes the write away; the kick is all that is left of it. */
static void test_kicks_without_a_write(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    assert_int_equal(vgpio_mmio_dev_kick(&a->m, 1), 0);
    assert_int_equal(a->n.kicked, 2);
    a->n.kick_answer = VGPIO_ERR_PROTO;
    assert_int_equal(vgpio_mmio_dev_kick(&a->m, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 0);
}

static void test_work_left_over_is_not_forgotten(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 0);
    a->n.kick_answer = 1;
    assert_int_equal(vgpio_mmio_dev_kick(&a->m, 1), 1);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 2);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 0);
    a->n.events = VGPIO_EV_MORE; /* does not say of which queue */
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 3);
    a->n.events = VGPIO_EV_MORE;
    wr(&a->m, R_QUEUE_SEL, 0);
    wr(&a->m, R_QUEUE_READY, 0);
    assert_int_equal(vgpio_mmio_dev_take_kicks(&a->m), 2);
}

static void test_interrupt_is_a_level(void **state)
{
    struct alone *a = *state;
    unsigned i;

    bring_up(a, 0);
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
    for (i = 0; i < 2; i++) {
        a->n.events = VGPIO_EV_QUEUE(i);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
        assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_USED);
        wr(&a->m, R_INTERRUPT_ACK, ~VGPIO_MMIO_USED);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
        assert_int_equal(a->n.irq_acks, i);
        wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_USED);
        assert_int_equal(a->n.irq_acks, i + 1);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
        assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), 0);
    }
    wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_USED); /* of nothing */
    assert_int_equal(a->n.irq_acks, 2);
    a->n.events = VGPIO_EV_QUEUE(0); /* a reader sees it before the line does */
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_USED);
}

/* A device may end its table before the member, or leave it out. */
static void test_an_acknowledgement_nobody_asks_for(void **state)
{
    struct alone *a = *state;
    struct vgpio_vdev_ops ops = note_ops;
    unsigned i;

    bring_up(a, 0);
    a->m.vdev.ops = &ops;
    ops.irq_acked = NULL;
    for (i = 0; i < 2; i++) {
        a->n.events = VGPIO_EV_QUEUE(0);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
        wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_USED);
        assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
        ops = note_ops;
        ops.ops_size = offsetof(struct vgpio_vdev_ops, irq_acked);
    }
    assert_int_equal(a->n.irq_acks, 0);
}

static void test_each_cause_is_acknowledged_by_itself(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    a->n.events = VGPIO_EV_QUEUE(0);
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_USED);
    a->n.events = VGPIO_EV_CONFIG; /* between the read and the acknowledgement */
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
    wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_USED);
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 1);
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_CONFIG);
    wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_CONFIG);
    assert_int_equal(a->n.irq_acks, 1);
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
}

static void test_interrupts_as_edges(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    a->n.events = VGPIO_EV_QUEUE(0);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 1);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    a->n.events = VGPIO_EV_QUEUE(1); /* the guest has not looked yet: one will do */
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_USED);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    a->n.events = VGPIO_EV_QUEUE(1);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 1);
    a->n.events = VGPIO_EV_CONFIG;
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    wr(&a->m, R_INTERRUPT_ACK, VGPIO_MMIO_USED); /* it saw only that one */
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 1);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    wr(&a->m, R_STATUS, 0);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 0);
    bring_up(a, 0);
    a->n.events = VGPIO_EV_QUEUE(1);
    assert_int_equal(vgpio_mmio_dev_take_irq(&a->m), 1);
}

static void test_no_interrupt_before_driver_ok(void **state)
{
    struct alone *a = *state;

    assert_int_equal(negotiate(&a->m, VGPIO_F_VERSION_1), 1);
    a->n.events = VGPIO_EV_QUEUE(0) | VGPIO_EV_CONFIG;
    assert_int_equal(vgpio_mmio_dev_irq(&a->m), 0);
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), 0);
}

static void test_config_changes(void **state)
{
    struct alone *a = *state;
    uint32_t gen;

    bring_up(a, 0);
    gen = rd(&a->m, R_CONFIG_GENERATION);
    assert_int_equal(rd(&a->m, R_CONFIG_GENERATION), gen);
    a->n.events = VGPIO_EV_CONFIG;
    assert_int_not_equal(rd(&a->m, R_CONFIG_GENERATION), gen); /* before it is told */
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_CONFIG);
    gen = rd(&a->m, R_CONFIG_GENERATION);
    wr(&a->m, R_STATUS, 0);
    assert_int_equal(rd(&a->m, R_CONFIG_GENERATION), gen);
    a->n.events = VGPIO_EV_CONFIG; /* a driver that only looks sees it move as well */
    assert_int_not_equal(rd(&a->m, R_CONFIG_GENERATION), gen);
}

static void test_a_broken_device_shows(void **state)
{
    struct alone *a = *state;

    bring_up(a, 0);
    a->n.events = VGPIO_EV_NEEDS_RESET | VGPIO_EV_QUEUE(0); /* good answers go out */
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
    assert_int_equal(rd(&a->m, R_INTERRUPT_STATUS), VGPIO_MMIO_USED | VGPIO_MMIO_CONFIG);
    wr(&a->m, R_STATUS, RUNNING | VGPIO_S_NEEDS_RESET); /* does not mend it */
    assert_int_equal(rd(&a->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
    wr(&a->m, R_STATUS, 0);
    assert_int_equal(rd(&a->m, R_STATUS), 0);
}

/* ---- a real device, set up by hand ---- */

struct real {
    struct bench *b;
    struct vgpio_mmio_dev m;
};

static int real_setup(void **state)
{
    struct real *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->b = bench_make(VGPIO_F_IRQ, BENCH_REQS);
    assert_int_equal(vgpio_mmio_dev_init(&r->m, r->b->vdev, &r->b->mem.ops), 0);
    *state = r;
    return 0;
}

static int real_teardown(void **state)
{
    struct real *r = *state;

    bench_free(r->b);
    free(r);
    return 0;
}

/* As a guest that was just booted; queues as `at` says. */
static void boot(struct real *r, const struct vgpio_vq_setup at[2])
{
    unsigned q, i;

    assert_int_equal(negotiate(&r->m, r->b->features), 1);
    for (q = 0; q < 2; q++) {
        ring_peer_wind(&r->b->q[q], 0);
        for (i = 0; i < BENCH_CHAINS; i++) {
            r->b->used[q][i] = BENCH_FREE;
        }
        place(&r->m, q, &at[q]);
        wr(&r->m, R_QUEUE_READY, 1);
        assert_int_equal(rd(&r->m, R_QUEUE_READY), 1);
    }
    (void)wr(&r->m, R_STATUS, RUNNING);
}

static const uint8_t no_level[BENCH_LINES];

static void works(struct real *r)
{
    struct vgpio_vq_setup at[2] = {r->b->q[0].setup, r->b->q[1].setup};
    uint16_t head;

    boot(r, at);
    assert_int_equal(rd(&r->m, R_STATUS), RUNNING);
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 0);
    r->b->level[3] = 1;
    head = bench_post(r->b, VGPIO_MSG_GET_VALUE, 3, 0);
    assert_int_equal(wr(&r->m, R_QUEUE_NOTIFY, 0), 1);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 0), 0);
    assert_int_equal(bench_answer(r->b, head), 1);
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 1);
    wr(&r->m, R_INTERRUPT_ACK, rd(&r->m, R_INTERRUPT_STATUS));
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 0);
    memcpy(r->b->level, no_level, sizeof no_level);
}

static void test_a_request_through_registers(void **state)
{
    struct real *r = *state;

    works(r);
    works(r);
}

static void test_version_1_is_demanded(void **state)
{
    struct real *r = *state;

    assert_int_equal(negotiate(&r->m, 0), 0);
    assert_int_equal(negotiate(&r->m, VGPIO_F_IRQ), 0);
    assert_int_equal(wr(&r->m, R_STATUS, RUNNING), 0);
    assert_int_equal(rd(&r->m, R_STATUS), ACK_DRIVER);
    works(r);
}

/* Requests that were there before DRIVER_OK, with a kick that nobody heard. */
static void test_early_requests_are_found(void **state)
{
    struct real *r = *state;
    struct vgpio_vq_setup at[2] = {r->b->q[0].setup, r->b->q[1].setup};
    unsigned kicks, q;
    uint16_t head;

    assert_int_equal(negotiate(&r->m, r->b->features), 1);
    for (q = 0; q < 2; q++) {
        place(&r->m, q, &at[q]);
        wr(&r->m, R_QUEUE_READY, 1);
    }
    head = bench_post(r->b, VGPIO_MSG_GET_VALUE, 3, 0);
    assert_int_equal(wr(&r->m, R_QUEUE_NOTIFY, 0), 0);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 0), 0);
    assert_int_equal(bench_answer(r->b, head), BENCH_NONE);
    assert_int_equal(r->b->nlog, 1); /* the reset: no line was asked */
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 0);
    kicks = wr(&r->m, R_STATUS, RUNNING);
    assert_int_equal(kicks, 3);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 0), 0);
    assert_int_equal(bench_answer(r->b, head), 0);
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 1);
}

static void expect_refused(struct real *r, const struct vgpio_vq_setup at[2])
{
    unsigned maps;

    boot(r, at);
    assert_int_equal(rd(&r->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
    assert_int_equal(rd(&r->m, R_INTERRUPT_STATUS), VGPIO_MMIO_CONFIG);
    maps = r->b->mem.maps;
    assert_int_equal(r->b->mem.live, 0);
    assert_int_equal(wr(&r->m, R_QUEUE_NOTIFY, 0), 0);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 0), 0);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 1), 0);
    assert_int_equal(r->b->mem.maps, maps); /* guest memory is left alone */
    works(r);
}

static void test_queues_at_impossible_places(void **state)
{
    static const uint64_t bad[] = {0,
                                   0x1000,
                                   0x3fffffff0,
                                   UINT64_C(0x40000000) + 65536 - 16,
                                   UINT64_C(0x40000000) + 65536,
                                   UINT64_C(0x140000000),
                                   UINT64_MAX - 15,
                                   UINT64_C(0x40000001)};
    struct real *r = *state;
    const struct vgpio_vq_setup good[2] = {r->b->q[0].setup, r->b->q[1].setup};
    unsigned i, q;

    for (i = 0; i < 3 * sizeof bad / sizeof *bad; i++) {
        for (q = 0; q < 2; q++) {
            struct vgpio_vq_setup at[2] = {good[0], good[1]};
            uint64_t *which = i % 3 == 0   ? &at[q].desc
                              : i % 3 == 1 ? &at[q].driver
                                           : &at[q].device;
            *which = bad[i / 3];
            expect_refused(r, at);
        }
    }
}

static void test_queues_on_top_of_each_other(void **state)
{
    struct real *r = *state;
    const struct vgpio_vq_setup good[2] = {r->b->q[0].setup, r->b->q[1].setup};
    struct vgpio_vq_setup at[2] = {good[0], good[0]};

    expect_refused(r, at);
    at[1] = good[1];
    at[1].device = good[0].device;
    expect_refused(r, at);
    at[1] = good[1];
    at[1].driver = good[1].desc;
    expect_refused(r, at);
}

static void test_impossible_sizes(void **state)
{
    static const uint16_t bad[] = {0, 3, 63, 512, 0x8000, 0xffff};
    struct real *r = *state;
    unsigned i, q;

    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (q = 0; q < 2; q++) {
            struct vgpio_vq_setup at[2] = {r->b->q[0].setup, r->b->q[1].setup};

            at[q].size = bad[i];
            expect_refused(r, at);
        }
    }
}

/* A ring that breaks while it runs. */
static void test_a_broken_ring_shows(void **state)
{
    struct real *r = *state;

    works(r);
    ring_peer_set_avail_idx(&r->b->q[0], 1000);
    assert_int_equal(wr(&r->m, R_QUEUE_NOTIFY, 0), 1);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 0), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 1);
    assert_int_equal(rd(&r->m, R_STATUS), RUNNING | VGPIO_S_NEEDS_RESET);
    assert_int_equal(rd(&r->m, R_INTERRUPT_STATUS), VGPIO_MMIO_CONFIG);
    works(r);
}

/* The device is reset, its queue is, or is stopped, while a line still works on
 * something: that answer is nobody's. */
static void gone_while_pending(struct real *r, uint32_t reg, uint32_t value, int err)
{
    struct bench_op *op;
    uint8_t before[65536];
    unsigned maps;

    works(r);
    r->b->pend = 1;
    r->b->nlog = 0;
    (void)bench_post(r->b, VGPIO_MSG_GET_VALUE, 3, 0);
    assert_int_equal(vgpio_mmio_dev_kick(&r->m, 0), 0);
    op = &r->b->log[r->b->nlog - 1];
    assert_int_equal(op->op, 'v');
    wr(&r->m, R_QUEUE_SEL, 0);
    wr(&r->m, reg, value);
    maps = r->b->mem.maps;
    memcpy(before, r->b->mem.base, sizeof before);
    assert_int_equal(r->b->mem.live > 0, reg != R_STATUS); /* the other queue's */
    assert_int_equal(vgpio_dev_complete(&r->b->dev, op->token, 1), err);
    assert_int_equal(vgpio_mmio_dev_irq(&r->m), 0);
    assert_int_equal(r->b->mem.maps, maps);
    assert_memory_equal(before, r->b->mem.base, sizeof before);
    r->b->pend = 0;
    works(r);
}

static void test_reset_while_pending(void **state)
{
    struct real *r = *state;

    gone_while_pending(r, R_STATUS, 0, VGPIO_ERR_STALE);
}

static void test_queue_stopped_while_pending(void **state)
{
    struct real *r = *state;

    gone_while_pending(r, R_QUEUE_READY, 0, 0);
}

static void test_queue_reset_while_pending(void **state)
{
    struct real *r = *state;

    r->b->features |= VGPIO_F_RING_RESET; /* of the transport */
    gone_while_pending(r, R_QUEUE_RESET, 1, 0);
}

#define alone(test) cmocka_unit_test_setup_teardown(test, alone_setup, alone_teardown)
#define real(test) cmocka_unit_test_setup_teardown(test, real_setup, real_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_refuses_what_cannot_work),
        alone(test_identity),
        alone(test_every_register_by_every_width),
        alone(test_config_by_every_width),
        alone(test_other_writes_do_nothing),
        alone(test_features_are_in_banks),
        alone(test_features_end_with_a_reset),
        alone(test_features_of_the_transport),
        alone(test_features_that_mmio_cannot_have),
        alone(test_features_not_offered_are_refused),
        alone(test_features_may_be_corrected_until_they_stand),
        alone(test_status_bits),
        alone(test_reset_is_over_when_the_write_returns),
        alone(test_queues_that_do_not_exist),
        alone(test_queues_start_at_driver_ok),
        alone(test_one_queue_may_be_enough),
        alone(test_a_queue_that_is_not_ready_any_more),
        alone(test_queue_reset),
        alone(test_queue_reset_has_to_be_negotiated),
        alone(test_changed_while_ready),
        alone(test_the_same_again_is_no_change),
        alone(test_sizes_do_not_wrap),
        alone(test_a_refused_queue_stops_all),
        alone(test_areas_do_not_overlap),
        alone(test_queues_do_not_overlap),
        alone(test_packed_areas),
        alone(test_doorbells),
        alone(test_kicks_without_a_write),
        alone(test_work_left_over_is_not_forgotten),
        alone(test_interrupt_is_a_level),
        alone(test_an_acknowledgement_nobody_asks_for),
        alone(test_each_cause_is_acknowledged_by_itself),
        alone(test_interrupts_as_edges),
        alone(test_no_interrupt_before_driver_ok),
        alone(test_config_changes),
        alone(test_a_broken_device_shows),
        real(test_a_request_through_registers),
        real(test_version_1_is_demanded),
        real(test_early_requests_are_found),
        real(test_queues_at_impossible_places),
        real(test_queues_on_top_of_each_other),
        real(test_impossible_sizes),
        real(test_a_broken_ring_shows),
        real(test_reset_while_pending),
        real(test_queue_stopped_while_pending),
        real(test_queue_reset_while_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
