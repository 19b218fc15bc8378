/* SPDX-License-Identifier: BSD-3-Clause */
/* The vhost-user front end against a scripted back end: what it sends, in which order,
 * and what each possible lie of the answers leads to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/driver.h>
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/wire.h>

#include "vuf_fake.h"

#define NREQ 4u
#define NIRQ 4u
#define GPA 0x10000u

static struct vuf_fake fake;
static struct vgpio_vuf front;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static uint8_t arena[VGPIO_DMA_SIZE(NREQ, NIRQ)] __attribute__((aligned(4096)));

static int setup(void **state)
{
    struct vgpio_drv_config c = {0};

    (void)state;
    vuf_fake_init(&fake);
    assert_int_equal(vuf_fake_front(&fake, &front), 0);
    c.bus = &vgpio_vuf_bus_ops;
    c.bus_ctx = &front;
    c.dma = arena;
    c.dma_addr = GPA;
    c.dma_size = sizeof arena;
    c.slots = slots;
    c.ring = ring;
    c.nreq = NREQ;
    c.nirq = NIRQ;
    assert_int_equal(vgpio_drv_init(&drv, &c), 0);
    return 0;
}

static void sent(const uint32_t *want, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        assert_int_equal(fake.seen[i], want[i]);
    }
    assert_int_equal(fake.nseen, n);
}

/* --- what is said --- */

static void test_whole_life(void **state)
{
    static const uint32_t want[] = {
        VGPIO_VU_GET_FEATURES,
        VGPIO_VU_GET_PROTOCOL_FEATURES,
        VGPIO_VU_SET_PROTOCOL_FEATURES,
        VGPIO_VU_GET_QUEUE_NUM,
        VGPIO_VU_SET_OWNER,
        VGPIO_VU_SET_FEATURES,
        VGPIO_VU_GET_CONFIG,
        VGPIO_VU_GET_CONFIG,
        VGPIO_VU_SET_MEM_TABLE,
        VGPIO_VU_SET_VRING_NUM,
        VGPIO_VU_SET_VRING_BASE,
        VGPIO_VU_SET_VRING_ADDR,
        VGPIO_VU_SET_VRING_ERR,
        VGPIO_VU_SET_VRING_CALL,
        VGPIO_VU_SET_VRING_KICK,
        VGPIO_VU_SET_VRING_ENABLE,
        VGPIO_VU_SET_VRING_NUM,
        VGPIO_VU_SET_VRING_BASE,
        VGPIO_VU_SET_VRING_ADDR,
        VGPIO_VU_SET_VRING_ERR,
        VGPIO_VU_SET_VRING_CALL,
        VGPIO_VU_SET_VRING_KICK,
        VGPIO_VU_SET_VRING_ENABLE,
        VGPIO_VU_GET_VRING_BASE,
        VGPIO_VU_GET_VRING_BASE,
    };
    struct vgpio_vuf_facts facts;

    (void)state;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vgpio_drv_ngpio(&drv), 8);
    assert_int_equal(vgpio_drv_submit(&drv, VGPIO_MSG_GET_VALUE, 1, 0, NULL), 0);
    assert_int_equal(vgpio_drv_flush(&drv), 0);
    assert_int_equal(fake.kicks[0], 1);
    assert_int_equal(fake.kicks[1], 0);
    vgpio_vuf_get_facts(&front, &facts);
    assert_int_equal(facts.queues, 2);
    assert_true(facts.features == (fake.features & ~VGPIO_VU_F_PROTOCOL));
    assert_true(facts.protocol == fake.acked_protocol);
    assert_true(facts.offered == fake.offered);
    assert_true(facts.protocol_offered == UINT64_MAX);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    sent(want, sizeof want / sizeof want[0]);
    assert_int_equal(fake.fds_seen, 1 + 6);
    assert_int_equal(fake.fds_closed, 0);
    assert_int_equal(fake.cuts, 0);
    assert_null(vgpio_vuf_reason(&front, NULL));
}

static void test_contents(void **state)
{
    uint32_t n;

    (void)state;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_true(fake.acked_protocol ==
                (VGPIO_VU_P_MQ | VGPIO_VU_P_REPLY_ACK | VGPIO_VU_P_CONFIG));
    /* What an eventfd cannot carry is not negotiated; the packed ring is not offered. */
    assert_true(fake.features == (VGPIO_F_VERSION_1 | VGPIO_F_IRQ | VGPIO_F_INDIRECT |
                                  VGPIO_F_EVENT_IDX | VGPIO_VU_F_PROTOCOL));
    memcpy(&n, fake.mem_table, sizeof n);
    assert_int_equal(n, 1);
    memcpy(&n, (uint8_t *)fake.mem_table + 4, sizeof n);
    assert_int_equal(n, 0);
    assert_int_equal(fake.mem_table[1], GPA);
    assert_int_equal(fake.mem_table[2], 0x10000);
    assert_int_equal(fake.mem_table[3], 0x7000000);
    assert_int_equal(fake.mem_table[4], 0);
    assert_int_equal(fake.num[0], 2 * NREQ);
    memcpy(&n, (uint8_t *)fake.addr[1] + 4, sizeof n);
    assert_int_equal(n, 0); /* no dirty log */
    assert_int_equal(fake.addr[0][4], 0);
    assert_int_equal(fake.addr[1][4], 0);
    assert_int_equal(fake.addr[0][1], 0x7000000);
    assert_true(fake.addr[0][3] > fake.addr[0][1] && fake.addr[0][3] < 0x7010000);
    assert_true(fake.addr[0][2] > fake.addr[0][3] && fake.addr[0][2] < 0x7010000);
    assert_true(fake.addr[1][1] > fake.addr[0][2] && fake.addr[1][1] < 0x7010000);
    assert_int_equal(fake.base_told[0], 0);
    assert_int_equal(fake.enabled[0], 1);
    assert_int_equal(fake.enabled[1], 1);
    /* The whole config space, from its beginning, as every back end expects. */
    assert_int_equal(fake.config_off, 0);
    assert_int_equal(fake.config_len, 8);
    assert_int_equal(fake.config_rest, 0);
    /* Acks are asked for once they are agreed on, not before. */
    assert_int_equal(fake.acks, 3 + 2 * 7);
}

static void test_no_protocol_features(void **state)
{
    static const uint8_t config[8] = {4, 0, 0, 0, 0, 0, 0, 0};
    struct vgpio_vuf_config c = front.cfg;
    uint32_t about = 1;

    (void)state;
    fake.offered &= ~VGPIO_VU_F_PROTOCOL;
    assert_int_equal(vgpio_drv_start(&drv), VGPIO_ERR_NOTSUP);
    assert_non_null(strstr(vgpio_vuf_reason(&front, &about), "no config space"));
    assert_int_equal(about, 0);

    c.config = config;
    assert_int_equal(vgpio_vuf_init(&front, &c), 0);
    fake.nseen = 0;
    fake.acks = 0;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vgpio_drv_ngpio(&drv), 4);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_PROTOCOL_FEATURES), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_ENABLE), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_CONFIG), 0);
    assert_int_equal(fake.acks, 0);
    /* One to learn, and one after each ring in place of acks. */
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_FEATURES), 3);
    assert_true((fake.features & VGPIO_VU_F_PROTOCOL) == 0);
}

static void test_each_protocol_feature_missing(void **state)
{
    static const uint64_t bits[] = {VGPIO_VU_P_MQ, VGPIO_VU_P_REPLY_ACK};
    unsigned i;

    for (i = 0; i < 2; i++) {
        setup(state);
        fake.protocol = ~bits[i];
        assert_int_equal(vgpio_drv_start(&drv), 0);
        assert_true((fake.acked_protocol & bits[i]) == 0);
        assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_QUEUE_NUM), i == 1);
        assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_NUM), 2);
        assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_ENABLE), 2);
    }
}

static void test_packed_base(void **state)
{
    struct vgpio_vq_setup vq = {.features = VGPIO_F_PACKED | VGPIO_F_VERSION_1};

    (void)state;
    vq.desc = GPA;
    vq.size = 8;
    assert_int_equal(vgpio_vuf_negotiate(&front), 0);
    assert_int_equal(vgpio_vuf_ring_start(&front, 0, &vq), 0);
    assert_int_equal(fake.base_told[0], 0x80008000u);
    vq.flags = VGPIO_VQ_TOLD;
    vq.avail_pos = 0x8002;
    vq.used_pos = 0x0001;
    assert_int_equal(vgpio_vuf_ring_start(&front, 0, &vq), 0);
    assert_int_equal(fake.base_told[0], 0x00018002u);
    vq.features = VGPIO_F_VERSION_1;
    assert_int_equal(vgpio_vuf_ring_start(&front, 0, &vq), 0);
    assert_int_equal(fake.base_told[0], 0x8002u);
    /* Outside of the region: as it is. */
    assert_int_equal(fake.addr[0][2], 0);
    vq.device = GPA + 0xffff;
    vq.driver = GPA + 0x10000;
    assert_int_equal(vgpio_vuf_ring_start(&front, 0, &vq), 0);
    assert_int_equal(fake.addr[0][2], 0x7000000 + 0xffff);
    assert_int_equal(fake.addr[0][3], GPA + 0x10000);
    assert_int_equal(vgpio_vuf_ring_start(&front, 2, &vq), VGPIO_ERR_INVAL);
}

static void test_base_told(void **state)
{
    uint32_t base = 0;

    (void)state;
    fake.base = 0xffff;
    fake.base_asked = 7;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vgpio_vuf_ring_stop(&front, 1, &base), 0);
    assert_int_equal(base, 0xffff);
    assert_int_equal(fake.base_asked, 0);
    assert_int_equal(vgpio_vuf_ring_stop(&front, 2, &base), VGPIO_ERR_INVAL);
    fake.base = 0x10000; /* a split ring has no such position */
    assert_int_equal(vgpio_vuf_ring_stop(&front, 0, &base), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_vuf_error(&front), VGPIO_ERR_PROTO);
}

static void test_one_queue(void **state)
{
    (void)state;
    fake.queues = 1;
    assert_int_equal(vgpio_drv_start(&drv), VGPIO_ERR_NOTSUP);
    setup(state);
    fake.queues = 1;
    fake.offered &= ~VGPIO_F_IRQ;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_NUM), 1);
}

static void test_features_refused(void **state)
{
    uint32_t request = 0;

    (void)state;
    fake.lie = LIE_REFUSE;
    fake.lie_at = VGPIO_VU_SET_FEATURES;
    assert_int_equal(vgpio_drv_start(&drv), VGPIO_ERR_NOTSUP);
    assert_string_equal(vgpio_vuf_reason(&front, &request), "refused");
    assert_int_equal(request, VGPIO_VU_SET_FEATURES);
    /* The connection lives: what a test of back ends needs. */
    assert_int_equal(vgpio_vuf_error(&front), 0);
    assert_int_equal(vgpio_drv_start(&drv), 0);
}

/* --- lies --- */

static const uint32_t answered[] = {
    VGPIO_VU_GET_FEATURES,   VGPIO_VU_GET_PROTOCOL_FEATURES, VGPIO_VU_GET_QUEUE_NUM,
    VGPIO_VU_SET_OWNER,      VGPIO_VU_SET_FEATURES,          VGPIO_VU_GET_CONFIG,
    VGPIO_VU_SET_MEM_TABLE,  VGPIO_VU_SET_VRING_NUM,         VGPIO_VU_SET_VRING_BASE,
    VGPIO_VU_SET_VRING_ADDR, VGPIO_VU_SET_VRING_ERR,         VGPIO_VU_SET_VRING_CALL,
    VGPIO_VU_SET_VRING_KICK, VGPIO_VU_SET_VRING_ENABLE,
};

/* Lies that cannot be seen as such in these answers: any number is a fine one. */
static int harmless(uint32_t request, enum vuf_lie lie)
{
    int number =
        request == VGPIO_VU_GET_FEATURES || request == VGPIO_VU_GET_PROTOCOL_FEATURES;

    return (number && (lie == LIE_CONTENTS || lie == LIE_REFUSE)) ||
           (request == VGPIO_VU_GET_QUEUE_NUM && lie == LIE_REFUSE);
}

static int expected(enum vuf_lie lie)
{
    return lie == LIE_HANG_UP ? VGPIO_ERR_IO
           : lie == LIE_STALL ? VGPIO_ERR_TIMEOUT
                              : VGPIO_ERR_PROTO;
}

static void tell(uint32_t request, enum vuf_lie lie)
{
    uint32_t about = 0;
    uint64_t ignored;
    int err = vgpio_drv_start(&drv);
    unsigned n = fake.nseen;

    assert_true(err < 0);
    assert_non_null(vgpio_vuf_reason(&front, &about));
    assert_int_equal(about, request);
    if (lie == LIE_REFUSE || (lie == LIE_CONTENTS && request != VGPIO_VU_GET_CONFIG &&
                              request != VGPIO_VU_GET_QUEUE_NUM)) {
        assert_string_equal(vgpio_vuf_reason(&front, NULL), "refused");
        return;
    }
    if (lie == LIE_SHORT) {
        assert_string_equal(vgpio_vuf_reason(&front, NULL),
                            "an answer shorter than a header");
    }
    assert_int_equal(err, expected(lie));
    assert_int_equal(vgpio_vuf_error(&front), err);
    assert_int_equal(vgpio_vuf_get(&front, VGPIO_VU_GET_FEATURES, &ignored), err);
    assert_int_equal(vgpio_vuf_call(&front, 2, &ignored, 8, NULL, 0), err);
    assert_int_equal(fake.nseen, n); /* nothing more is said to it */
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(fake.cuts, 1);
}

static void test_lies(void **state)
{
    unsigned i, lie;

    for (i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        for (lie = LIE_HANG_UP; lie < LIE_COUNT; lie++) {
            if (harmless(answered[i], lie)) {
                continue;
            }
            setup(state);
            fake.lie = lie;
            fake.lie_at = answered[i];
            tell(answered[i], lie);
            assert_int_equal(fake.fds_closed, fake.fds_out);
        }
    }
}

/* Where the driver stops: it must succeed whatever comes. */
static void test_lies_at_the_end(void **state)
{
    unsigned lie;

    for (lie = LIE_HANG_UP; lie < LIE_COUNT; lie++) {
        if (lie == LIE_REFUSE) {
            continue;
        }
        setup(state);
        assert_int_equal(vgpio_drv_start(&drv), 0);
        fake.lie = lie;
        fake.lie_at = VGPIO_VU_GET_VRING_BASE;
        assert_int_equal(vgpio_drv_stop(&drv), 0);
        assert_int_equal(vgpio_vuf_error(&front), expected(lie));
        assert_int_equal(fake.cuts, 1);
        assert_int_equal(fake.fds_closed, fake.fds_out);
        assert_int_equal(vgpio_drv_start(&drv), expected(lie));
    }
}

/* A back end may end the connection where nothing is asked, so nothing is awaited. */
static void test_send_fails(void **state)
{
    (void)state;
    fake.lie = LIE_HANG_UP;
    fake.lie_at = VGPIO_VU_SET_PROTOCOL_FEATURES;
    assert_int_equal(vgpio_drv_start(&drv), VGPIO_ERR_IO);
    setup(state);
    fake.lie = LIE_STALL;
    fake.lie_at = VGPIO_VU_SET_PROTOCOL_FEATURES;
    assert_int_equal(vgpio_drv_start(&drv), VGPIO_ERR_TIMEOUT);
}

/* --- what the loop saw --- */

static void test_broken_ring(void **state)
{
    (void)state;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vgpio_drv_config_changed(&drv), 0);
    vgpio_vuf_broken(&front);
    assert_int_equal(vgpio_drv_config_changed(&drv), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_VRING_BASE), 2);
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vgpio_drv_config_changed(&drv), 0);
    /* The memory is shared already. */
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_MEM_TABLE), 1);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_OWNER), 1);
}

static void test_gone(void **state)
{
    (void)state;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    vgpio_vuf_gone(&front, VGPIO_ERR_IO);
    vgpio_vuf_gone(&front, VGPIO_ERR_PROTO); /* the first reason stays */
    assert_int_equal(vgpio_vuf_error(&front), VGPIO_ERR_IO);
    assert_string_equal(vgpio_vuf_reason(&front, NULL), "hung up");
    assert_int_equal(vgpio_drv_config_changed(&drv), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(fake.cuts, 1);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_VRING_BASE), 0);
}

static void test_kick_without_anybody(void **state)
{
    (void)state;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    vgpio_vuf_gone(&front, VGPIO_ERR_IO);
    assert_int_equal(vgpio_drv_submit(&drv, VGPIO_MSG_GET_VALUE, 1, 0, NULL), 0);
    assert_int_equal(vgpio_drv_flush(&drv), VGPIO_ERR_IO);
    assert_int_equal(fake.kicks[0], 0);
    assert_int_equal(vgpio_vuf_bus_ops.notify(&front, 2, 0), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vuf_bus_ops.queue_start(&front, 2, NULL), VGPIO_ERR_INVAL);
}

/* --- below the bus --- */

static void test_raw(void **state)
{
    uint8_t payload[VGPIO_VU_MSG_MAX] = {0};
    struct vgpio_vu_msg *m;
    int fds[VGPIO_VU_MAX_REGIONS + 1] = {0};

    (void)state;
    assert_int_equal(vgpio_vuf_send(&front, 1, 0x77, NULL, 0, fds, 8), 0);
    assert_int_equal(vgpio_vuf_recv(&front, &m), 0);
    assert_int_equal(m->len, 20);
    assert_int_equal(
        vgpio_vuf_send(&front, 99, 1, payload, VGPIO_VU_MSG_MAX - 12, fds, 0), 0);
    assert_int_equal(
        vgpio_vuf_send(&front, 99, 1, payload, VGPIO_VU_MSG_MAX - 11, fds, 0),
        VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vuf_send(&front, 99, 1, payload, 0, fds, 9), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vuf_error(&front), 0);
    /* Descriptors nobody took are closed by the next call, taken ones are not. */
    fake.lie = LIE_FDS;
    fake.lie_at = 1;
    assert_int_equal(vgpio_vuf_send(&front, 1, 1, NULL, 0, NULL, 0), 0);
    assert_int_equal(vgpio_vuf_recv(&front, &m), 0);
    assert_int_equal(m->nfds, 1);
    assert_int_equal(vgpio_vuf_send(&front, 1, 1, NULL, 0, NULL, 0), 0);
    assert_int_equal(fake.fds_closed, 1);
    /* What nobody named is not blamed for a hang-up. */
    fake.lie = LIE_HANG_UP;
    assert_int_equal(vgpio_vuf_send(&front, 99, 1, NULL, 0, NULL, 0), 0);
    assert_int_equal(vgpio_vuf_recv(&front, &m), VGPIO_ERR_IO);
    assert_int_equal(front.reason_request, 0);
}

static void test_names_of_requests(void **state)
{
    (void)state;
    assert_string_equal(vgpio_vu_request_str(1), "GET_FEATURES");
    assert_string_equal(vgpio_vu_request_str(24), "GET_CONFIG");
    assert_string_equal(vgpio_vu_request_str(43), "CHECK_DEVICE_STATE");
    assert_string_equal(vgpio_vu_request_str(0), "request");
    assert_string_equal(vgpio_vu_request_str(44), "request");
    assert_string_equal(vgpio_vu_request_str(UINT32_MAX), "request");
}

static void test_init_refuses(void **state)
{
    struct vgpio_vuf_config c = front.cfg;
    struct vgpio_vuf_os o = vuf_fake_os;

    (void)state;
    c.config_size = 4097;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    c.config_size = 4096;
    assert_int_equal(vgpio_vuf_init(&front, &c), 0);
    c.os = NULL;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    c.os = &o;
    o.cut = NULL;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    o = vuf_fake_os;
    o.ops_size = offsetof(struct vgpio_vuf_os, cut);
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    o = vuf_fake_os;
    o.send = NULL;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    o = vuf_fake_os;
    o.recv = NULL;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    o = vuf_fake_os;
    o.close = NULL;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    o = vuf_fake_os;
    o.signal = NULL;
    assert_int_equal(vgpio_vuf_init(&front, &c), VGPIO_ERR_INVAL);
    o = vuf_fake_os;
    assert_int_equal(vgpio_vuf_init(&front, &c), 0);
}

static void test_init_checks_sizes(void **state)
{
    const size_t f = sizeof front, c = sizeof front.cfg, m = sizeof front.msg;
    struct vgpio_vuf_config cfg = front.cfg;

    (void)state;
    assert_int_equal(vgpio_vuf_init_abi(&front, &cfg, VGPIO_ABI(f, c, m, 0)), 0);
    assert_int_equal(vgpio_vuf_init_abi(&front, &cfg, VGPIO_ABI(f + 8, c, m, 0)), 0);
    assert_int_equal(vgpio_vuf_init_abi(&front, &cfg, VGPIO_ABI(f - 1, c, m, 0)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_vuf_init_abi(&front, &cfg, VGPIO_ABI(f, c + 1, m, 0)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_vuf_init_abi(&front, &cfg, VGPIO_ABI(f, c, m + 1, 0)),
                     VGPIO_ERR_ABI);
    assert_int_equal(vgpio_vuf_init_abi(&front, NULL, VGPIO_ABI(f, c, m, 0)),
                     VGPIO_ERR_INVAL);
    /* A caller whose header ends sooner did not give what comes behind. */
    cfg.queue_size = 77;
    assert_int_equal(
        vgpio_vuf_init_abi(
            &front, &cfg,
            VGPIO_ABI(f, offsetof(struct vgpio_vuf_config, queue_size), m, 0)),
        0);
    assert_int_equal(front.cfg.queue_size, 256);
}

static void test_config_past_its_end(void **state)
{
    uint8_t bytes[16];

    (void)state;
    memset(fake.config, 0xab, sizeof fake.config);
    assert_int_equal(vgpio_vuf_bus_ops.config_read(&front, 6, bytes, 16), 0);
    assert_int_equal(bytes[1], 0xab);
    assert_int_equal(bytes[2], 0);
    assert_int_equal(vgpio_vuf_bus_ops.config_read(&front, UINT32_MAX, bytes, 16), 0);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(fake.config_len, 8);
}

/* One that the caller gives for a back end without, and a caller who asks for less. */
static void test_config_of_the_caller(void **state)
{
    struct vgpio_vuf_config c = front.cfg;
    uint8_t config[32], bytes[16];

    (void)state;
    memset(config, 0xcd, sizeof config);
    c.config = config;
    c.protocol = UINT64_MAX & ~VGPIO_VU_P_CONFIG;
    assert_int_equal(vgpio_vuf_init(&front, &c), 0);
    assert_int_equal(vgpio_vuf_bus_ops.config_read(&front, 6, bytes, 16), 0);
    assert_int_equal(bytes[1], 0xcd);
    assert_int_equal(bytes[2], 0);
    assert_int_equal(bytes[15], 0);
    assert_int_equal(vgpio_vuf_bus_ops.config_read(&front, 6, bytes, 8), 0);
    assert_int_equal(bytes[1], 0xcd);
    assert_int_equal(bytes[2], 0);
    assert_int_equal(vgpio_vuf_bus_ops.config_read(&front, 8, bytes, 1), 0);
    assert_int_equal(bytes[0], 0);
    assert_true(fake.acked_protocol == (VGPIO_VU_P_MQ | VGPIO_VU_P_REPLY_ACK));
}

/* The steps below the bus say it themselves. */
static void test_negotiating_fails(void **state)
{
    uint16_t max = 0;
    uint64_t features;
    unsigned i;

    for (i = 0; i < 4; i++) {
        setup(state);
        fake.lie = LIE_HANG_UP;
        fake.lie_at = answered[i];
        assert_int_equal(vgpio_vuf_negotiate(&front), VGPIO_ERR_IO);
        assert_int_equal(vgpio_vuf_negotiate(&front), VGPIO_ERR_IO);
        assert_int_equal(vgpio_vuf_bus_ops.queue_max(&front, 0, &max), VGPIO_ERR_IO);
        assert_int_equal(vgpio_vuf_bus_ops.get_features(&front, &features), VGPIO_ERR_IO);
    }
}

/* After FEATURES_OK they are settled. */
static void test_features_too_late(void **state)
{
    (void)state;
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(vgpio_vuf_bus_ops.set_features(&front, 1), VGPIO_ERR_STATE);
    assert_int_equal(vgpio_vuf_bus_ops.queue_stop(&front, 0), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_VRING_BASE), 1);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_GET_VRING_BASE), 2);
}

static void test_most_queues(void **state)
{
    struct vgpio_vuf_facts facts;

    (void)state;
    fake.queues = UINT32_MAX;
    assert_int_equal(vgpio_vuf_negotiate(&front), 0);
    vgpio_vuf_get_facts(&front, &facts);
    assert_int_equal(facts.queues, UINT32_MAX);
}

/* A bus may be used without looking at what is offered. */
static void test_features_before_anything_else(void **state)
{
    const struct vgpio_bus_ops *bus = &vgpio_vuf_bus_ops;
    struct vgpio_vuf_facts facts;

    (void)state;
    assert_int_equal(bus->set_features(&front, VGPIO_F_VERSION_1), 0);
    assert_int_equal(bus->set_status(&front, 11), 0);
    assert_int_equal(fake.seen[0], VGPIO_VU_GET_FEATURES);
    assert_true(fake.features == (VGPIO_F_VERSION_1 | VGPIO_VU_F_PROTOCOL));
    assert_int_equal(bus->set_status(&front, 0), 0);
    vgpio_vuf_get_facts(&front, &facts);
    assert_int_equal(facts.features, 0);
}

/* A queue is told once: at DRIVER_OK, or later by itself; and not after a reset. */
static void test_queues_are_told_once(void **state)
{
    const struct vgpio_bus_ops *bus = &vgpio_vuf_bus_ops;
    struct vgpio_vq_setup vq = {.desc = GPA, .size = 8, .features = VGPIO_F_VERSION_1};

    (void)state;
    assert_int_equal(bus->set_features(&front, VGPIO_F_VERSION_1), 0);
    assert_int_equal(bus->set_status(&front, 11), 0);
    assert_int_equal(bus->queue_start(&front, 0, &vq), 0);
    assert_int_equal(bus->set_status(&front, 0), 0);
    assert_int_equal(bus->set_status(&front, 11), 0);
    assert_int_equal(bus->set_status(&front, 15), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_KICK), 0);
    assert_int_equal(bus->queue_start(&front, 0, &vq), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_KICK), 1);
    assert_int_equal(bus->queue_start(&front, 1, &vq), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_KICK), 2);
    assert_int_equal(fake.num[1], 8);
}

static void test_err_fd_0_is_an_fd(void **state)
{
    struct vgpio_vq_setup vq = {.desc = GPA, .size = 8};

    (void)state;
    front.cfg.err[0] = 0;
    front.cfg.err[1] = -1;
    assert_int_equal(vgpio_vuf_negotiate(&front), 0);
    assert_int_equal(vgpio_vuf_ring_start(&front, 0, &vq), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_ERR), 1);
    assert_int_equal(vgpio_vuf_ring_start(&front, 1, &vq), 0);
    assert_int_equal(vuf_fake_count(&fake, VGPIO_VU_SET_VRING_ERR), 1);
}

/* Each of the two words is looked at. */
static void test_config_of_other_bytes(void **state)
{
    uint8_t byte;
    unsigned i;

    for (i = 0; i < 2; i++) {
        setup(state);
        fake.config_shift[i] = 1;
        assert_int_equal(vgpio_vuf_bus_ops.config_read(&front, 0, &byte, 1),
                         VGPIO_ERR_PROTO);
        assert_string_equal(vgpio_vuf_reason(&front, NULL),
                            "an answer about other bytes");
    }
}

/* They came, and the rest of their message did not. */
static void test_descriptors_of_half_an_answer(void **state)
{
    (void)state;
    fake.lie = LIE_STALL;
    fake.lie_at = VGPIO_VU_GET_QUEUE_NUM;
    fake.stall_fds = 3;
    assert_int_equal(vgpio_vuf_negotiate(&front), VGPIO_ERR_TIMEOUT);
    assert_int_equal(fake.fds_closed, 3);
}

/* What was refused before is not what is said of a broken ring. */
static void test_broken_is_about_no_request(void **state)
{
    uint32_t about = 77;

    (void)state;
    fake.lie = LIE_REFUSE;
    fake.lie_at = VGPIO_VU_SET_OWNER;
    assert_int_equal(vgpio_vuf_negotiate(&front), VGPIO_ERR_IO);
    (void)vgpio_vuf_reason(&front, &about);
    assert_int_equal(about, VGPIO_VU_SET_OWNER);
    vgpio_vuf_broken(&front);
    (void)vgpio_vuf_reason(&front, &about);
    assert_int_equal(about, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole_life, setup),
        cmocka_unit_test_setup(test_contents, setup),
        cmocka_unit_test_setup(test_no_protocol_features, setup),
        cmocka_unit_test_setup(test_each_protocol_feature_missing, setup),
        cmocka_unit_test_setup(test_packed_base, setup),
        cmocka_unit_test_setup(test_base_told, setup),
        cmocka_unit_test_setup(test_one_queue, setup),
        cmocka_unit_test_setup(test_features_refused, setup),
        cmocka_unit_test_setup(test_lies, setup),
        cmocka_unit_test_setup(test_lies_at_the_end, setup),
        cmocka_unit_test_setup(test_send_fails, setup),
        cmocka_unit_test_setup(test_broken_ring, setup),
        cmocka_unit_test_setup(test_gone, setup),
        cmocka_unit_test_setup(test_kick_without_anybody, setup),
        cmocka_unit_test_setup(test_raw, setup),
        cmocka_unit_test_setup(test_names_of_requests, setup),
        cmocka_unit_test_setup(test_init_refuses, setup),
        cmocka_unit_test_setup(test_init_checks_sizes, setup),
        cmocka_unit_test_setup(test_config_past_its_end, setup),
        cmocka_unit_test_setup(test_config_of_the_caller, setup),
        cmocka_unit_test_setup(test_negotiating_fails, setup),
        cmocka_unit_test_setup(test_features_too_late, setup),
        cmocka_unit_test_setup(test_most_queues, setup),
        cmocka_unit_test_setup(test_features_before_anything_else, setup),
        cmocka_unit_test_setup(test_queues_are_told_once, setup),
        cmocka_unit_test_setup(test_err_fd_0_is_an_fd, setup),
        cmocka_unit_test_setup(test_config_of_other_bytes, setup),
        cmocka_unit_test_setup(test_descriptors_of_half_an_answer, setup),
        cmocka_unit_test_setup(test_broken_is_about_no_request, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
