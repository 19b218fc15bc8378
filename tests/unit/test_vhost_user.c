/* SPDX-License-Identifier: BSD-3-Clause */
/* The vhost-user engine with a device and an os table that count everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vu_fake.h"
#include "vu_peer.h" /* the numbers of the requests */

#define NEED 8u
#define GPA UINT64_C(0x1000)
#define UVA UINT64_C(0x700000)
#define F30 (UINT64_C(1) << 30)
#define V1 (UINT64_C(1) << 32)
#define PACKED (UINT64_C(1) << 34)
#define OFFERED (V1 | PACKED | 1)
#define PROTOCOL UINT64_C(0x229) /* MQ, REPLY_ACK, BACKEND_REQ, CONFIG */

struct world {
    struct fake_os os;
    struct fake_dev dev;
    struct vgpio_vu vu;
    struct vgpio_vu_msg in, out;
    int fds[16]; /* of the last message */
};

static struct vgpio_vdev vdev_of(struct fake_dev *d)
{
    struct vgpio_vdev v = {&fake_dev_ops, d};

    return v;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->dev.offered = OFFERED;
    w->dev.max[0] = w->dev.max[1] = 256;
    w->dev.q[0].running = w->dev.q[1].running = 1;
    assert_int_equal(vgpio_vu_init(&w->vu, vdev_of(&w->dev), &fake_os_ops, &w->os), 0);
    *state = w;
    return 0;
}

/* Whatever a test did: after the end of the connection nothing is left. */
static int teardown(void **state)
{
    struct world *w = *state;

    vgpio_vu_close(&w->vu);
    assert_int_equal(w->os.open, 0);
    assert_int_equal(w->os.nmaps, 0);
    assert_false(w->os.polled[0] || w->os.polled[1]);
    assert_false(w->dev.q[0].started || w->dev.q[1].started);
    free(w);
    return 0;
}

/* One message; the engine's answer. Of more than 8 fds only 8 exist, as recv does it. */
static int msg(struct world *w, uint32_t request, uint32_t flags, const void *payload,
               uint32_t size, unsigned nfds)
{
    uint32_t head[3] = {request, flags | 1, size};
    unsigned i;
    int n;

    memcpy(w->in.buf, head, sizeof head);
    if (size != 0) {
        memcpy(w->in.buf + 12, payload, size);
    }
    w->in.len = w->in.done = 12 + size;
    w->in.nfds = nfds;
    for (i = 0; i < nfds && i < 8; i++) {
        w->in.fds[i] = w->fds[i] = fake_fd_new(&w->os);
    }
    w->out.done = w->out.nfds = 5; /* of a reply before */
    n = vgpio_vu_input(&w->vu, &w->in, &w->out);
    if (n != VGPIO_ERR_STATE) {
        assert_int_equal(w->in.len, 0);
        assert_int_equal(w->in.nfds, 0);
    }
    if (n == 1) {
        memcpy(head, w->out.buf, sizeof head);
        assert_int_equal(head[0], request);
        assert_int_equal(head[1], 5);
        assert_int_equal(head[2] + 12, w->out.len);
        assert_int_equal(w->out.done, 0);
        assert_int_equal(w->out.nfds, 0);
    } else {
        assert_int_equal(w->out.len, 0);
    }
    return n;
}

static uint64_t reply_u64(struct world *w)
{
    uint64_t v;

    assert_int_equal(w->out.len, 20);
    memcpy(&v, w->out.buf + 12, 8);
    w->out.len = 0;
    return v;
}

/* The same with need_reply: 0 done, 1 refused, with a reason. */
static int ack(struct world *w, uint32_t request, const void *payload, uint32_t size,
               unsigned nfds)
{
    uint64_t v;

    assert_int_equal(msg(w, request, NEED, payload, size, nfds), 1);
    v = reply_u64(w);
    assert_true(v <= 1);
    assert_int_equal(v == 1, vgpio_vu_reason(&w->vu) != NULL);
    return (int)v;
}

static int ack64(struct world *w, uint32_t request, uint64_t v)
{
    return ack(w, request, &v, 8, 0);
}

static int vring(struct world *w, uint32_t request, uint32_t q, uint32_t num)
{
    uint32_t v[2] = {q, num};

    return ack(w, request, v, 8, 0);
}

/* One of SET_VRING_KICK, _CALL, _ERR: the fd, which must have been taken. */
static int vring_fd(struct world *w, uint32_t request, uint32_t q)
{
    uint64_t v = q;

    assert_int_equal(ack(w, request, &v, 8, 1), 0);
    assert_true(fake_fd_is_open(&w->os, w->fds[0]));
    return w->fds[0];
}

static uint64_t desc_of(uint32_t q)
{
    return 0x2000 + 0x4000 * (uint64_t)q;
}

static int addr_at(struct world *w, uint32_t q, uint64_t desc)
{
    uint64_t v[5] = {vu_two32(q, 0), UVA + desc, UVA + desc + 0x1800, UVA + desc + 0x1000,
                     UINT64_MAX};

    return ack(w, VU_SET_VRING_ADDR, v, 40, 0);
}

static int addr(struct world *w, uint32_t q)
{
    return addr_at(w, q, desc_of(q));
}

static int table1(struct world *w, uint64_t gpa, uint64_t size, uint64_t uva,
                  uint64_t off)
{
    uint64_t v[5] = {vu_two32(1, 0), gpa, size, uva, off};

    return ack(w, VU_SET_MEM_TABLE, v, 40, 1);
}

static int table(struct world *w)
{
    return table1(w, GPA, FAKE_FILE, UVA, 0);
}

static void protocol(struct world *w)
{
    uint64_t v = PROTOCOL;

    assert_int_equal(msg(w, VU_SET_OWNER, 0, NULL, 0, 0), 0);
    assert_int_equal(msg(w, VU_SET_PROTOCOL_FEATURES, 0, &v, 8, 0), 0);
}

static void none_of(struct world *w, uint32_t request, uint32_t q)
{
    uint64_t word = 0x100u | q;

    assert_int_equal(ack(w, request, &word, 8, 0), 0);
}

static void greet(struct world *w, uint64_t features)
{
    protocol(w);
    assert_int_equal(ack64(w, VU_SET_FEATURES, features), 0);
    assert_int_equal(table(w), 0);
}

static void ring_up(struct world *w, uint32_t q, uint32_t base)
{
    assert_int_equal(vring(w, VU_SET_VRING_NUM, q, 64), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, q, base), 0);
    assert_int_equal(addr(w, q), 0);
    (void)vring_fd(w, VU_SET_VRING_KICK, q);
    (void)vring_fd(w, VU_SET_VRING_CALL, q);
    (void)vring_fd(w, VU_SET_VRING_ERR, q);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, q, 1), 0);
    assert_true(w->dev.q[q].started && w->dev.q[q].running);
}

static void both_up(struct world *w)
{
    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    ring_up(w, 1, 0);
}

static void expect_log(struct world *w, const char *log)
{
    assert_string_equal(w->dev.log, log);
    w->dev.log[0] = '\0';
}

static int get_base(struct world *w, uint32_t q)
{
    uint32_t v[2] = {q, 77};

    return msg(w, VU_GET_VRING_BASE, 0, v, 8, 0);
}

static uint32_t base_in_reply(struct world *w, uint32_t q)
{
    uint32_t v[2];

    assert_int_equal(w->out.len, 20);
    memcpy(v, w->out.buf + 12, 8);
    assert_int_equal(v[0], q);
    w->out.len = 0;
    return v[1];
}

/* ---- greeting ---- */

static void test_init_checks_what_it_is_given(void **state)
{
    struct world *w = *state;
    struct vgpio_vu_os os = fake_os_ops;
    struct vgpio_vdev none = {NULL, NULL}, dev = vdev_of(&w->dev);
    uint64_t abi = VGPIO_ABI(sizeof w->vu, sizeof w->in, 0, 0);
    unsigned i;

    assert_int_equal(vgpio_vu_init_abi(NULL, dev, &os, NULL, abi), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vu_init(&w->vu, none, &os, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vu_init(&w->vu, dev, NULL, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vu_init_abi(&w->vu, dev, &os, NULL, abi - 1), VGPIO_ERR_ABI);
    assert_int_equal(vgpio_vu_init_abi(&w->vu, dev, &os, NULL, abi + 0x10000),
                     VGPIO_ERR_ABI);
    os.ops_size = offsetof(struct vgpio_vu_os, watch);
    assert_int_equal(vgpio_vu_init(&w->vu, dev, &os, NULL), VGPIO_ERR_ABI);
    os.ops_size = offsetof(struct vgpio_vu_os, send); /* the optional tail is missing */
    assert_int_equal(vgpio_vu_init(&w->vu, dev, &os, &w->os), 0);
    w->os.traced = 0;
    assert_int_equal(msg(w, VU_SET_OWNER, 0, NULL, 0, 0), 0);
    assert_int_equal(w->os.traced, 0);
    for (i = 0; i < 5; i++) {
        os = fake_os_ops;
        os.map = i == 0 ? NULL : os.map;
        os.unmap = i == 1 ? NULL : os.unmap;
        os.close = i == 2 ? NULL : os.close;
        os.signal = i == 3 ? NULL : os.signal;
        os.watch = i == 4 ? NULL : os.watch;
        assert_int_equal(vgpio_vu_init(&w->vu, dev, &os, NULL), VGPIO_ERR_INVAL);
    }
    assert_int_equal(vgpio_vu_init(&w->vu, dev, &fake_os_ops, &w->os), 0);
}

static void test_features_and_queue_number(void **state)
{
    struct world *w = *state;

    assert_int_equal(msg(w, VU_GET_FEATURES, 0, NULL, 0, 0), 1);
    assert_int_equal(reply_u64(w), OFFERED | F30);
    assert_int_equal(msg(w, VU_GET_PROTOCOL_FEATURES, 0, NULL, 0, 0), 1);
    assert_int_equal(reply_u64(w), PROTOCOL);
    assert_int_equal(msg(w, VU_GET_QUEUE_NUM, 0, NULL, 0, 0), 1);
    assert_int_equal(reply_u64(w), 2);
    w->dev.max[1] = 0;
    assert_int_equal(vgpio_vu_init(&w->vu, vdev_of(&w->dev), &fake_os_ops, &w->os), 0);
    assert_int_equal(msg(w, VU_GET_QUEUE_NUM, 0, NULL, 0, 0), 1);
    assert_int_equal(reply_u64(w), 1);
}

static void test_features_not_offered_are_refused(void **state)
{
    struct world *w = *state;

    protocol(w);
    assert_int_equal(ack64(w, VU_SET_PROTOCOL_FEATURES, PROTOCOL | 2), 1);
    assert_int_equal(ack64(w, VU_SET_FEATURES, F30), 1); /* no VERSION_1 */
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30 | 2), 1);
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30), 0);
    assert_int_equal(w->dev.acked, V1);
}

static void test_ack_only_where_negotiated(void **state)
{
    struct world *w = *state;
    uint64_t v = V1 | 2, p = 0;

    /* Not negotiated: need_reply means nothing, a refusal is silent but has a reason. */
    assert_int_equal(msg(w, VU_SET_OWNER, NEED, NULL, 0, 0), 0);
    assert_int_equal(msg(w, VU_SET_FEATURES, NEED, &v, 8, 0), 0);
    assert_non_null(vgpio_vu_reason(&w->vu));
    assert_int_equal(w->os.refused, VGPIO_CFG_TRACE);
    /* User-Mode Linux asks for the ack of the very message that brings acks. */
    assert_int_equal(ack64(w, VU_SET_PROTOCOL_FEATURES, PROTOCOL), 0);
    assert_null(vgpio_vu_reason(&w->vu));
    assert_int_equal(msg(w, VU_SET_PROTOCOL_FEATURES, NEED, &p, 8, 0), 0);
}

/* ---- config space (B16) ---- */

static int config(struct world *w, uint32_t off, uint32_t size)
{
    uint32_t p[(12 + 4096) / 4] = {off, size, 0};

    return msg(w, VU_GET_CONFIG, 0, p, 12 + size, 0);
}

static void test_config_reads(void **state)
{
    static const struct {
        uint32_t off, size;
    } good[] = {{0, 8}, {0, 0}, {0, 2}, {4, 4}, {7, 9}, {0, 4096}, {4095, 1}, {4096, 0}};
    struct world *w = *state;
    unsigned i;
    uint32_t k;

    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t p[3] = {good[i].off, good[i].size, 0};

        assert_int_equal(config(w, good[i].off, good[i].size), 1);
        assert_int_equal(w->out.len, 24 + good[i].size);
        assert_memory_equal(w->out.buf + 12, p, 12);
        for (k = 0; k < good[i].size; k++) {
            uint32_t at = good[i].off + k;

            assert_int_equal(w->out.buf[24 + k], at < 8 ? at + 1 : 0);
        }
        w->out.len = 0;
    }
}

static void test_config_beyond_the_end_is_size_0(void **state)
{
    static const struct {
        uint32_t off, size;
    } bad[] = {
        {1, 4096}, {4096, 1}, {UINT32_MAX, 8}, {UINT32_MAX - 7, 8}, {0x80000000, 1}};
    struct world *w = *state;
    unsigned i;

    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(config(w, bad[i].off, bad[i].size), 1);
        assert_int_equal(w->out.len, 12);
        assert_non_null(vgpio_vu_reason(&w->vu));
        w->out.len = 0;
    }
}

static void test_config_sizes_must_agree(void **state)
{
    struct world *w = *state;
    uint32_t p[5] = {0, 9, 0, 0, 0};

    assert_int_equal(msg(w, VU_GET_CONFIG, 0, p, 20, 0), VGPIO_ERR_PROTO);
    p[1] = 7;
    assert_int_equal(msg(w, VU_GET_CONFIG, 0, p, 20, 0), VGPIO_ERR_PROTO);
    p[1] = UINT32_MAX;
    assert_int_equal(msg(w, VU_GET_CONFIG, 0, p, 20, 0), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_GET_CONFIG, 0, p, 11, 0), VGPIO_ERR_PROTO);
}

static void test_config_is_not_writable(void **state)
{
    struct world *w = *state;
    uint32_t p[5] = {0, 8, 0, 0, 0};

    protocol(w);
    assert_int_equal(ack(w, VU_SET_CONFIG, p, 20, 0), 1);
    assert_int_equal(msg(w, VU_SET_CONFIG, 0, p, 20, 0), 0);
    assert_non_null(vgpio_vu_reason(&w->vu));
}

/* ---- starting a ring ---- */

enum step {
    S_FEATURES,
    S_TABLE,
    S_NUM,
    S_BASE,
    S_ADDR,
    S_KICK,
    S_CALL,
    S_ENABLE,
    STEPS
};

static void do_step(struct world *w, enum step s, uint32_t q)
{
    switch (s) {
    case S_FEATURES:
        assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30), 0);
        break;
    case S_TABLE:
        assert_int_equal(table(w), 0);
        break;
    case S_NUM:
        assert_int_equal(vring(w, VU_SET_VRING_NUM, q, 64), 0);
        break;
    case S_BASE:
        assert_int_equal(vring(w, VU_SET_VRING_BASE, q, 7), 0);
        break;
    case S_ADDR:
        assert_int_equal(addr(w, q), 0);
        break;
    case S_KICK:
        assert_true(fake_fd_at(&w->os, vring_fd(w, VU_SET_VRING_KICK, q))->watched);
        break;
    case S_CALL:
        (void)vring_fd(w, VU_SET_VRING_CALL, q);
        break;
    default:
        assert_int_equal(vring(w, VU_SET_VRING_ENABLE, q, 1), 0);
        break;
    }
}

static void one_order(struct world *w, const enum step *order)
{
    unsigned i, missing = STEPS - 1; /* the call fd is not needed to start */

    memset(&w->os, 0, sizeof w->os);
    w->dev.log[0] = '\0';
    protocol(w);
    for (i = 0; i < STEPS; i++) {
        do_step(w, order[i], 1);
        missing -= order[i] != S_CALL;
        assert_int_equal(w->dev.q[1].started, missing == 0);
    }
    expect_log(w, "ack start1@7 kick1 ");
    assert_int_equal(w->dev.q[1].setup.desc, GPA + desc_of(1));
    assert_int_equal(w->dev.q[1].setup.driver, GPA + desc_of(1) + 0x1000);
    assert_int_equal(w->dev.q[1].setup.device, GPA + desc_of(1) + 0x1800);
    assert_int_equal(w->dev.q[1].setup.size, 64);
    vgpio_vu_close(&w->vu);
    expect_log(w, "now1 ");
    assert_int_equal(w->os.open, 0);
    assert_int_equal(w->os.nmaps, 0);
}

static void permute(struct world *w, enum step *order, unsigned n)
{
    unsigned i;

    if (n == STEPS) {
        one_order(w, order);
        return;
    }
    for (i = n; i < STEPS; i++) {
        enum step t = order[n];

        order[n] = order[i];
        order[i] = t;
        permute(w, order, n + 1);
        order[i] = order[n];
        order[n] = t;
    }
}

static void test_a_ring_starts_in_every_order(void **state)
{
    enum step order[STEPS];
    unsigned i;

    for (i = 0; i < STEPS; i++) {
        order[i] = (enum step)i;
    }
    permute(*state, order, 0); /* 40320 of them */
}

static void test_no_base_starts_at_the_first_kick(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    do_step(w, S_NUM, 0);
    do_step(w, S_ADDR, 0);
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 0); /* nothing to kick yet */
    do_step(w, S_KICK, 0);
    do_step(w, S_ENABLE, 0);
    expect_log(w, "ack ");
    w->dev.q[0].more = 1;
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 1);
    expect_log(w, "start0@0 kick0 ");
    /* One that the device refuses may still be told its base. */
    do_step(w, S_NUM, 1);
    do_step(w, S_ADDR, 1);
    do_step(w, S_KICK, 1);
    do_step(w, S_ENABLE, 1);
    w->dev.q[1].refuse = VGPIO_ERR_FAULT;
    assert_int_equal(vgpio_vu_kick(&w->vu, 1), 0);
    w->dev.q[1].refuse = 0;
    do_step(w, S_BASE, 1);
    expect_log(w, "start1@7 kick1 ");
}

/* ... and not where the front end before was. */
static void test_no_base_after_another_front_end(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 41);
    vgpio_vu_close(&w->vu);
    w->dev.log[0] = '\0';
    greet(w, V1 | F30);
    do_step(w, S_NUM, 0);
    do_step(w, S_ADDR, 0);
    do_step(w, S_KICK, 0);
    do_step(w, S_ENABLE, 0);
    expect_log(w, "ack ");
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 0);
    expect_log(w, "start0@0 kick0 ");
    do_step(w, S_NUM, 1);
    do_step(w, S_ADDR, 1);
    do_step(w, S_KICK, 1);
    do_step(w, S_ENABLE, 1);
    assert_int_equal(vgpio_vu_kick(&w->vu, 1), 0);
    expect_log(w, "start1@0 kick1 ");
    protocol(w); /* whatever comes next: it was looked at already */
    expect_log(w, "");
}

/* Who asks for the base knows it: no kick is needed to begin there. */
static void test_a_base_that_was_asked_for(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    assert_int_equal(get_base(w, 0), 1);
    assert_int_equal(base_in_reply(w, 0), 0);
    do_step(w, S_NUM, 0);
    do_step(w, S_ADDR, 0);
    do_step(w, S_KICK, 0);
    do_step(w, S_ENABLE, 0);
    expect_log(w, "ack start0@0 kick0 ");
}

static void test_without_bit_30_rings_need_no_enable(void **state)
{
    struct world *w = *state;

    greet(w, V1);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    do_step(w, S_NUM, 0);
    do_step(w, S_BASE, 0);
    do_step(w, S_ADDR, 0);
    do_step(w, S_KICK, 0);
    expect_log(w, "ack start0@7 kick0 ");
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    expect_log(w, "");
}

/* QEMU enables both rings whether or not the device has interrupts. */
static void test_enabling_a_queue_that_is_not_there(void **state)
{
    struct world *w = *state;

    w->dev.max[1] = 0;
    assert_int_equal(vgpio_vu_init(&w->vu, vdev_of(&w->dev), &fake_os_ops, &w->os), 0);
    greet(w, V1 | F30);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 1), 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 0), 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 2), 1);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 2, 1), 1);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 1, 4), 1);
    assert_int_equal(vgpio_vu_kick(&w->vu, 1), VGPIO_ERR_INVAL);
}

static void test_ring_sizes(void **state)
{
    static const uint32_t bad[] = {0, 3, 255, 257, 65535, 65536, 0x10040, UINT32_MAX};
    struct world *w = *state;
    unsigned i;

    greet(w, V1 | F30);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, bad[i]), 1);
    }
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 1), 0);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 256), 0);
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30 | PACKED), 0);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 3), 0);
}

static void test_queue_numbers_out_of_range(void **state)
{
    static const uint32_t bad[] = {2, 255, 256, 0x80000000u, UINT32_MAX};
    struct world *w = *state;
    unsigned i, k;

    greet(w, V1 | F30);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t v[2] = {bad[i], 1};

        assert_int_equal(vring(w, VU_SET_VRING_NUM, bad[i], 1), 1);
        assert_int_equal(vring(w, VU_SET_VRING_BASE, bad[i], 1), 1);
        assert_int_equal(vring(w, VU_SET_VRING_ENABLE, bad[i], 1), 1);
        assert_int_equal(addr_at(w, bad[i], 0), 1);
        assert_int_equal(ack(w, VU_GET_VRING_BASE, v, 8, 0), 1);
        assert_int_equal(get_base(w, bad[i]), VGPIO_ERR_PROTO);
        for (k = VU_SET_VRING_KICK; k <= VU_SET_VRING_ERR; k++) {
            uint64_t word = bad[i];

            if ((word & 0xff) >= 2 && (word & 0x100) == 0) {
                assert_int_equal(ack(w, k, &word, 8, 1), 1);
            }
        }
        assert_int_equal(vgpio_vu_kick(&w->vu, bad[i]), VGPIO_ERR_INVAL);
    }
    assert_int_equal(w->os.open, 0); /* not even the memory's: it is mapped and closed */
}

static void test_addresses_outside_memory(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    assert_int_equal(addr_at(w, 0, FAKE_FILE), 1);
    assert_int_equal(addr_at(w, 0, (uint64_t)0 - 1), 1);
    assert_int_equal(addr_at(w, 0, FAKE_FILE - 0x1000), 1); /* avail lies outside */
    /* A start inside is not enough: the ring must lie there whole. */
    do_step(w, S_NUM, 0);
    do_step(w, S_BASE, 0);
    do_step(w, S_KICK, 0);
    do_step(w, S_ENABLE, 0);
    w->dev.q[0].refuse = VGPIO_ERR_FAULT;
    assert_int_equal(addr(w, 0), 1);
    assert_false(w->dev.q[0].started);
    /* What was refused was not taken; told again it is. */
    w->dev.q[0].refuse = 0;
    assert_int_equal(table(w), 0);
    assert_false(w->dev.q[0].started);
    assert_int_equal(addr(w, 0), 0);
    assert_true(w->dev.q[0].started);
}

/* Whichever message completes a ring that cannot start is the one refused, and the only
 * one: told again, it is taken. */
static void test_the_message_that_fails_to_start_is_undone(void **state)
{
    static const enum step last[] = {S_NUM, S_BASE, S_ADDR, S_KICK, S_ENABLE};
    struct world *w = *state;
    uint64_t word = 0;
    unsigned i, k;
    int n = -1;

    for (i = 0; i < 5; i++) {
        greet(w, V1 | F30);
        for (k = 0; k < 5; k++) {
            if (k != i) {
                do_step(w, last[k], 0);
            }
        }
        w->dev.q[0].refuse = VGPIO_ERR_FAULT;
        switch (last[i]) {
        case S_NUM:
            n = vring(w, VU_SET_VRING_NUM, 0, 64);
            break;
        case S_BASE:
            n = vring(w, VU_SET_VRING_BASE, 0, 7);
            break;
        case S_ADDR:
            n = addr(w, 0);
            break;
        case S_KICK:
            n = ack(w, VU_SET_VRING_KICK, &word, 8, 1);
            assert_false(fake_fd_is_open(&w->os, w->fds[0]));
            break;
        default:
            n = vring(w, VU_SET_VRING_ENABLE, 0, 1);
            break;
        }
        assert_int_equal(n, 1);
        w->dev.q[0].refuse = 0;
        for (k = 0; k < 5; k++) {
            assert_false(w->dev.q[0].started);
            if (k != i) {
                do_step(w, last[k], 0);
            }
        }
        do_step(w, last[i], 0);
        assert_true(w->dev.q[0].started);
        vgpio_vu_close(&w->vu);
    }
}

/* A ring that new memory left without a place takes a whole new setup. */
static void test_a_stranded_ring_is_set_up_anew(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    w->dev.q[0].refuse = VGPIO_ERR_FAULT;
    assert_int_equal(table(w), 1);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 32), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 9), 0);
    w->dev.q[0].refuse = 0;
    assert_int_equal(addr(w, 0), 0);
    assert_false(w->dev.q[0].started);
    do_step(w, S_KICK, 0);
    assert_true(w->dev.q[0].started);
    assert_int_equal(w->dev.q[0].setup.avail_pos, 9);
    assert_int_equal(w->dev.q[0].setup.size, 32);
}

static void test_log_and_enable_words_are_checked(void **state)
{
    struct world *w = *state;
    uint64_t v[5] = {vu_two32(0, 1), UVA, UVA, UVA, 0};

    greet(w, V1 | F30);
    assert_int_equal(ack(w, VU_SET_VRING_ADDR, v, 40, 0), 1);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 2), 1);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 0x10000), 1);
}

static void test_a_running_ring_keeps_its_setup(void **state)
{
    struct world *w = *state;
    unsigned area;

    greet(w, V1 | F30);
    ring_up(w, 0, 5);
    expect_log(w, "ack start0@5 kick0 ");
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 32), 1);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 64), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 5), 1);
    assert_int_equal(addr_at(w, 0, 0), 1);
    for (area = 1; area <= 3; area++) { /* each of the three alone, and in pairs */
        uint64_t v[5] = {0, UVA + desc_of(0), UVA + desc_of(0) + 0x1800,
                         UVA + desc_of(0) + 0x1000, UINT64_MAX};

        v[area] += 0x40;
        assert_int_equal(ack(w, VU_SET_VRING_ADDR, v, 40, 0), 1);
        v[area % 3 + 1] += 0x40;
        assert_int_equal(ack(w, VU_SET_VRING_ADDR, v, 40, 0), 1);
    }
    assert_int_equal(addr(w, 0), 0);
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30 | 1), 1);
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1), 1);
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30), 0);
    expect_log(w, "");
}

static void test_enable_and_disable(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    expect_log(w, "ack start0@0 kick0 ");
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 1), 0);
    expect_log(w, "");
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    expect_log(w, "run0:0 ");
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 0);
    expect_log(w, "");
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 1), 0);
    expect_log(w, "run0:1 kick0 ");
}

/* A driver unbound and bound again under User-Mode Linux: no GET_VRING_BASE, and the old
 * ring's memory is somebody else's by the time of the new table. */
static void test_a_disabled_ring_takes_a_new_setup(void **state)
{
    struct world *w = *state;
    int old;

    both_up(w);
    w->dev.log[0] = '\0';
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 0), 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    expect_log(w, "run1:0 run0:0 ");
    old = w->vu.ring[0].call;
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30 | 1), 0);
    expect_log(w, "now0 now1 ack ");
    assert_int_equal(table(w), 0);
    ring_up(w, 0, 0);
    assert_false(fake_fd_is_open(&w->os, old));
    expect_log(w, "start0@0 run0:1 kick0 ");
    /* The same by the ring's own messages. */
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 32), 0);
    expect_log(w, "run0:0 now0 ");
}

/* ---- stopping ---- */

static void test_get_base_stops_and_closes(void **state)
{
    struct world *w = *state;
    int kick, call, err;

    greet(w, V1 | F30);
    assert_int_equal(get_base(w, 1), 1); /* never set up: nothing to stop */
    assert_int_equal(base_in_reply(w, 1), 0);
    ring_up(w, 0, 41);
    kick = w->vu.ring[0].kick;
    call = w->vu.ring[0].call;
    err = w->vu.ring[0].err;
    w->dev.events = VGPIO_EV_QUEUE(0); /* an answer given while it stops */
    assert_int_equal(get_base(w, 0), 1);
    assert_int_equal(base_in_reply(w, 0), 42); /* one kick at the start */
    assert_int_equal(w->os.fd[call - FAKE_FIRST_FD].signals, 1);
    assert_false(fake_fd_is_open(&w->os, kick) || fake_fd_is_open(&w->os, call));
    assert_true(fake_fd_is_open(&w->os, err));
    expect_log(w, "ack start0@41 kick0 drain0 ");
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 0);
    /* QEMU 7.2: not disabled, and everything told again. */
    ring_up(w, 0, 42);
    expect_log(w, "start0@42 kick0 ");
    /* A kick fd alone goes on where the ring was. */
    assert_int_equal(get_base(w, 0), 1);
    assert_int_equal(base_in_reply(w, 0), 43);
    do_step(w, S_KICK, 0);
    expect_log(w, "drain0 start0@43 kick0 ");
}

static void test_get_base_of_a_device_that_does_not_say(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30 | PACKED);
    ring_up(w, 0, 0x80298031);
    w->dev.q[0].mute = 1;
    assert_int_equal(get_base(w, 0), 1);
    assert_int_equal(base_in_reply(w, 0), 0x80298031); /* as it was told */
}

static void test_get_base_of_a_packed_ring(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30 | PACKED);
    ring_up(w, 0, 0x80058004);
    assert_int_equal(w->dev.q[0].setup.avail_pos, 0x8004);
    assert_int_equal(w->dev.q[0].setup.used_pos, 0x8005);
    assert_int_equal(get_base(w, 0), 1);
    assert_int_equal(base_in_reply(w, 0), 0x80068005);
}

static void test_get_base_waits_for_requests_in_flight(void **state)
{
    struct world *w = *state;
    uint32_t head[3] = {VU_GET_FEATURES, 1, 0};
    int call;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    call = w->vu.ring[0].call;
    w->dev.q[0].drains = 2;
    assert_int_equal(get_base(w, 0), 0);
    assert_int_equal(w->out.len, 0);
    /* The next message waits, whole. */
    memcpy(w->in.buf, head, 12);
    w->in.len = w->in.done = 12;
    w->in.nfds = 1;
    w->in.fds[0] = fake_fd_new(&w->os);
    assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), VGPIO_ERR_STATE);
    assert_int_equal(w->in.len, 12);
    assert_int_equal(w->in.nfds, 1);
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 0);
    assert_int_equal(vgpio_vu_output(&w->vu, &w->out), 0);
    assert_true(fake_fd_is_open(&w->os, call));
    w->dev.events = VGPIO_EV_QUEUE(0);
    assert_int_equal(vgpio_vu_output(&w->vu, &w->out), 1);
    assert_int_equal(w->os.fd[call - FAKE_FIRST_FD].signals, 1);
    assert_false(fake_fd_is_open(&w->os, call));
    /* The reply has not gone: nothing may overwrite it. */
    assert_int_equal(vgpio_vu_output(&w->vu, &w->out), 0);
    assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), VGPIO_ERR_STATE);
    assert_int_equal(base_in_reply(w, 0), 1);
    expect_log(w, "ack start0@0 kick0 pending0 pending0 drain0 ");
    w->in.nfds = 0;
    fake_close(&w->os, w->in.fds[0]);
    assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), 1);
}

static void test_the_peer_may_go_while_a_ring_drains(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    w->dev.q[0].drains = 1000;
    assert_int_equal(get_base(w, 0), 0);
    vgpio_vu_close(&w->vu);
    assert_int_equal(w->os.open, 0);
    assert_int_equal(vgpio_vu_output(&w->vu, &w->out), 0);
    w->dev.q[0].drains = 0;
    greet(w, V1 | F30);
    ring_up(w, 0, 0);
}

/* ---- memory ---- */

static void test_memory_changes_under_running_rings(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 10);
    ring_up(w, 1, 20);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 0), 0);
    w->dev.log[0] = '\0';
    assert_int_equal(table1(w, GPA + 0x10000, FAKE_FILE, UVA, 0), 0);
    /* The disabled one may have no memory any more: it waits for its enable bit. */
    expect_log(w, "now0 now1 start0@11 kick0 ");
    assert_int_equal(w->dev.q[0].setup.desc, GPA + 0x10000 + desc_of(0));
    assert_int_equal(w->os.nmaps, 1);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 1), 0);
    expect_log(w, "start1@21 run1:1 kick1 ");
    /* A table without the rings: they stop, and come back with the next. */
    assert_int_equal(table1(w, GPA, 0x1000, UVA, 0), 1);
    expect_log(w, "now0 now1 ");
    assert_int_equal(table(w), 0);
    expect_log(w, "start0@12 start1@22 kick0 kick1 ");
}

static void test_a_region_that_went_is_gone(void **state)
{
    struct world *w = *state;
    uint64_t two[9] = {vu_two32(2, 0), GPA,    0x4000,       UVA, 0,
                       GPA + 0x8000,   0x4000, UVA + 0x8000, 0};

    greet(w, V1 | F30);
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 0);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 64), 0);
    assert_int_equal(addr_at(w, 0, 0x8000), 0);
    assert_int_equal(table1(w, GPA, 0x4000, UVA, 0), 0);
    assert_int_equal(addr_at(w, 0, 0x8000), 1);
    assert_int_equal(addr_at(w, 0, 0), 0);
}

/* To disable a ring says nothing of its size. */
static void test_disabling_a_ring_is_no_size(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 0), 0);
    assert_int_equal(addr(w, 0), 0);
    (void)vring_fd(w, VU_SET_VRING_KICK, 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 1), 0);
    assert_false(w->dev.q[0].started);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 64), 0);
    assert_true(w->dev.q[0].started);
}

static void test_a_refused_table_changes_nothing(void **state)
{
    struct world *w = *state;
    uint64_t two[9] = {vu_two32(2, 0), GPA,    0x4000,       UVA, 0,
                       GPA + 0x8000,   0x4000, UVA + 0x8000, 0};
    int at;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    w->dev.log[0] = '\0';
    for (at = 1; at <= 2; at++) {
        w->os.map_fails_at = at;
        assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 1);
        assert_int_equal(w->os.nmaps, 1);
    }
    assert_int_equal(table1(w, GPA, 0, UVA, 0), 1);
    assert_int_equal(table1(w, UINT64_MAX - 0xffe, 0x1000, UVA, 0), 1);
    assert_int_equal(table1(w, GPA, 0x1000, UINT64_MAX - 0xffe, 0), 1);
    assert_int_equal(table1(w, GPA, 0x1000, UVA, UINT64_MAX - 0xffe), 1);
    assert_int_equal(table1(w, GPA, UINT64_MAX, UVA, 2), 1);
    two[5] = GPA + 0x3fff; /* one byte of overlap, at either end */
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 1);
    two[1] = GPA + 0x8000;
    two[5] = two[1] - 0x3fff;
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 1);
    expect_log(w, "");
    assert_int_equal(w->os.nmaps, 1);
    w->os.huge = 1; /* not even an offset that wraps would be told from a good one */
    assert_int_equal(table1(w, GPA, 0x1000, UVA, UINT64_MAX - 0xffe), 1);
    assert_int_equal(table1(w, GPA, FAKE_FILE, UVA, UINT64_MAX - (FAKE_FILE - 1)), 0);
    w->os.huge = 0;
    w->dev.log[0] = '\0';
    /* Side by side is fine, and so is a region that ends at 2^64. */
    two[5] = two[1] - 0x4000;
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 0);
    two[1] = UINT64_MAX - 0x3fff;
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 0);
    assert_int_equal(w->os.nmaps, 2);
    assert_true(w->dev.q[0].started);
}

static void test_a_region_of_one_byte(void **state)
{
    struct world *w = *state;

    protocol(w);
    assert_int_equal(table1(w, GPA, 1, UVA, 0), 0);
    assert_int_equal(table1(w, 0, 0, 0, 0), 1);
}

/* Where the numbers would come out even if addresses were added. */
static void test_low_regions_overlap(void **state)
{
    const uint64_t two[9] = {vu_two32(2, 0), 0x1000, 0x3000, UVA, 0,
                             0x2000,         0x3000, UVA,    0};
    struct world *w = *state;

    protocol(w);
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, two, 72, 2), 1);
}

static void test_a_mapping_that_ends_at_the_top(void **state)
{
    struct world *w = *state;

    protocol(w);
    assert_int_equal(table1(w, GPA, FAKE_FILE, UINT64_MAX - (FAKE_FILE - 1), 0), 0);
}

/* As many regions as there can be; the last two overlap, and then they do not. */
static void test_a_full_memory_table(void **state)
{
    struct world *w = *state;
    uint64_t v[33] = {vu_two32(8, 0)};
    unsigned i;

    for (i = 0; i < 8; i++) {
        v[1 + 4 * i] = GPA + 0x1000 * i;
        v[2 + 4 * i] = 0x1000;
        v[3 + 4 * i] = UVA + 0x1000 * i;
        v[4 + 4 * i] = 0x1000 * i;
    }
    v[1 + 4 * 7]--;
    greet(w, V1);
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, v, sizeof v, 8), 1);
    assert_int_equal(w->os.nmaps, 1);
    v[1 + 4 * 7]++;
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, v, sizeof v, 8), 0);
    assert_int_equal(w->os.nmaps, 8);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 64), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 0), 0);
    assert_int_equal(addr(w, 0), 0); /* in the third region and the fourth */
    (void)vring_fd(w, VU_SET_VRING_KICK, 0);
    assert_true(w->dev.q[0].started);
    assert_int_equal(w->dev.q[0].setup.desc, GPA + desc_of(0));
}

static void test_memory_tables_that_are_no_tables(void **state)
{
    struct world *w = *state;
    uint64_t v[40] = {vu_two32(1, 0), GPA, FAKE_FILE, UVA, 0};

    protocol(w);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 40, 0), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 40, 2), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 41, 1), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 39, 1), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 8, 1), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 4, 1), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 8 + 9 * 32, 1), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 8 + 8 * 32 + 1, 1), VGPIO_ERR_PROTO);
    v[0] = vu_two32(9, 0);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 8 + 9 * 32, 9), VGPIO_ERR_PROTO);
    v[0] = vu_two32(UINT32_MAX, 0);
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 40, 1), VGPIO_ERR_PROTO);
    v[0] = vu_two32(0x08000001, 0); /* times 32 is 32 again */
    assert_int_equal(msg(w, VU_SET_MEM_TABLE, 0, v, 40, 1), VGPIO_ERR_PROTO);
    assert_int_equal(w->os.open, 0);
    v[0] = vu_two32(1, 0);
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, v, 72, 1), 0); /* as User-Mode Linux */
    v[0] = 0;
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, v, 8, 0), 0);
    assert_int_equal(w->os.nmaps, 0);
}

static void test_the_device_sees_memory_by_regions(void **state)
{
    struct world *w = *state;
    uint64_t v[9] = {vu_two32(2, 0), 0x1000, 0x1000,       UVA,   0x2000,
                     0x2000,         0x1000, UVA + 0x5000, 0x7000};
    const struct vgpio_mem *mem = &w->vu.mem;
    uint8_t *p;
    uint32_t len, i;

    for (i = 0; i < FAKE_FILE; i++) {
        w->os.image[i] = (uint8_t)(i >> 12);
    }
    protocol(w);
    assert_int_equal(ack(w, VU_SET_MEM_TABLE, v, 72, 2), 0);
    assert_true(mem->map == vgpio_mem_table_map); /* queues take their short ways */
    len = 8;
    p = mem->map(mem->ctx, 0x1ffe, &len, VGPIO_MEM_READ);
    assert_non_null(p);
    assert_int_equal(len, 2);
    assert_int_equal(*p, 2);
    len = 8;
    p = mem->map(mem->ctx, 0x2000, &len, VGPIO_MEM_WRITE);
    assert_non_null(p);
    assert_int_equal(len, 8);
    assert_int_equal(*p, 7);
    len = 1;
    assert_null(mem->map(mem->ctx, 0xfff, &len, VGPIO_MEM_READ));
    assert_null(mem->map(mem->ctx, 0x3000, &len, VGPIO_MEM_READ));
    assert_null(mem->map(mem->ctx, UINT64_MAX, &len, VGPIO_MEM_READ));
}

/* ---- fds and notifications ---- */

static void test_the_newest_call_fd_wins(void **state)
{
    struct world *w = *state;
    uint64_t none = 0x100;
    int a, b;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    a = w->vu.ring[0].call;
    b = vring_fd(w, VU_SET_VRING_CALL, 0);
    assert_false(fake_fd_is_open(&w->os, a));
    w->dev.events = VGPIO_EV_QUEUE(0) | VGPIO_EV_QUEUE(1);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, b)->signals, 1);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, b)->signals, 1);
    /* Owed while there is no call fd, paid to the next one. */
    assert_int_equal(ack(w, VU_SET_VRING_CALL, &none, 8, 0), 0);
    assert_false(fake_fd_is_open(&w->os, b));
    w->dev.events = VGPIO_EV_QUEUE(0);
    vgpio_vu_flush(&w->vu);
    a = vring_fd(w, VU_SET_VRING_CALL, 0);
    assert_int_equal(fake_fd_at(&w->os, a)->signals, 1);
    /* Ring 1 never ran: its event of above is still owed, and only once. */
    ring_up(w, 1, 0);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[1].call)->signals, 1);
}

/* Where stdin was closed, the first fd to come is 0. */
static void test_fd_0_is_an_fd(void **state)
{
    struct world *w = *state;
    int fd;

    protocol(w);
    fd = vring_fd(w, VU_SET_VRING_KICK, 0);
    assert_int_equal(fd, 0);
    assert_true(fake_fd_at(&w->os, fd)->watched);
    w->dev.events = VGPIO_EV_MORE;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
    w->dev.q[0].more = 1; /* the first look at the ring does not see all of it */
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1), 0);
    assert_int_equal(table(w), 0);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 64), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 0), 0);
    assert_int_equal(addr(w, 0), 0);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 2);
    vgpio_vu_close(&w->vu); /* the fake sees that it is not watched when it is closed */
    assert_int_equal(w->os.open, 0);
}

static void test_call_fd_0_is_an_fd(void **state)
{
    struct world *w = *state;
    int fd;

    protocol(w);
    fd = vring_fd(w, VU_SET_VRING_CALL, 0);
    assert_int_equal(fd, 0);
    assert_int_equal(ack64(w, VU_SET_FEATURES, V1), 0);
    assert_int_equal(table(w), 0);
    assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 64), 0);
    assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, 0), 0);
    assert_int_equal(addr(w, 0), 0);
    (void)vring_fd(w, VU_SET_VRING_KICK, 0);
    w->dev.events = VGPIO_EV_QUEUE(0) | VGPIO_EV_MORE;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
}

static void test_err_fd_0_is_an_fd(void **state)
{
    struct world *w = *state;
    int fd;

    protocol(w);
    fd = vring_fd(w, VU_SET_VRING_ERR, 0);
    assert_int_equal(fd, 0);
    w->dev.q[0].err = VGPIO_ERR_PROTO;
    w->dev.events = VGPIO_EV_NEEDS_RESET;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
    w->dev.events = VGPIO_EV_MORE; /* still broken, but that was said */
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
}

/* Also not a ring that is only disabled, and would be let go of for a new driver. */
static void test_refused_features_change_no_ring(void **state)
{
    struct world *w = *state;

    both_up(w);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    assert_int_equal(ack64(w, VU_SET_FEATURES, F30), 1);
    assert_true(w->dev.q[0].started);
    assert_true(w->dev.q[1].started && w->dev.q[1].running);
}

/* Descriptors may come in any order, and an error may be first. */
static void test_an_error_waits_for_its_fd(void **state)
{
    struct world *w = *state;
    int fd;

    both_up(w);
    none_of(w, VU_SET_VRING_ERR, 1);
    w->dev.q[0].err = w->dev.q[1].err = VGPIO_ERR_PROTO;
    w->dev.events = VGPIO_EV_NEEDS_RESET;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].err)->signals, 1);
    fd = vring_fd(w, VU_SET_VRING_ERR, 1);
    vgpio_vu_flush(&w->vu);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].err)->signals, 1);
    fd = vring_fd(w, VU_SET_VRING_ERR, 1); /* another one: that was said */
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 0);
}

/* Each start has an error of its own, also on the connection that heard of one. */
static void test_an_error_after_a_restart(void **state)
{
    struct world *w = *state;
    unsigned i;

    greet(w, V1 | F30);
    for (i = 0; i < 2; i++) {
        ring_up(w, 0, 0);
        w->dev.q[0].err = VGPIO_ERR_PROTO;
        w->dev.events = VGPIO_EV_NEEDS_RESET;
        vgpio_vu_flush(&w->vu);
        assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].err)->signals, 1);
        assert_int_equal(get_base(w, 0), 1);
        w->out.len = 0;
    }
}

/* What a front end before left broken is not the next one's error. */
static void test_an_error_ends_with_its_connection(void **state)
{
    struct world *w = *state;
    int fd;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    none_of(w, VU_SET_VRING_ERR, 0);
    w->dev.q[0].err = VGPIO_ERR_PROTO;
    w->dev.events = VGPIO_EV_NEEDS_RESET;
    vgpio_vu_flush(&w->vu);
    vgpio_vu_close(&w->vu);
    greet(w, V1 | F30);
    fd = vring_fd(w, VU_SET_VRING_ERR, 0);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 0);
    ring_up(w, 0, 0); /* which revives the device, and gives a descriptor */
    w->dev.q[0].err = VGPIO_ERR_PROTO;
    w->dev.events = VGPIO_EV_NEEDS_RESET;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].err)->signals, 1);
}

static void test_a_new_kick_fd_is_looked_at(void **state)
{
    struct world *w = *state;

    both_up(w);
    w->dev.log[0] = '\0';
    (void)vring_fd(w, VU_SET_VRING_KICK, 1);
    expect_log(w, "kick1 ");
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 1), 0);
    expect_log(w, "run0:0 run0:1 kick0 ");
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 0), 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 1), 0);
    expect_log(w, "run1:0 run1:1 kick1 ");
}

/* A ring that does not run has nobody to interrupt, yet; what is owed is not lost. */
static void test_a_debt_waits_for_its_ring(void **state)
{
    struct world *w = *state;
    int fd;

    greet(w, V1 | F30);
    fd = vring_fd(w, VU_SET_VRING_CALL, 0);
    w->dev.events = VGPIO_EV_QUEUE(0);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 0);
    ring_up(w, 0, 0);
    fd = w->vu.ring[0].call;
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
    vgpio_vu_flush(&w->vu); /* and it is paid */
    assert_int_equal(fake_fd_at(&w->os, fd)->signals, 1);
}

static void test_a_message_pays_what_it_caused(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    w->dev.events = VGPIO_EV_QUEUE(0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 1), 0);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].call)->signals, 1);
    vgpio_vu_flush(&w->vu); /* once */
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].call)->signals, 1);
}

static void test_what_was_kicked_before_is_looked_at(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    w->dev.q[0].more = 1;
    ring_up(w, 0, 0);
    expect_log(w, "ack start0@0 kick0 ");
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].kick)->signals, 1);
    do_step(w, S_KICK, 0); /* the old one may have been written a moment ago */
    expect_log(w, "kick0 ");
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 1);
    w->dev.q[0].more = VGPIO_ERR_PROTO;
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), VGPIO_ERR_PROTO);
}

static void test_work_left_by_the_device_comes_back_as_a_kick(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    w->dev.events = VGPIO_EV_MORE; /* no ring, no kick fd: nothing to do yet */
    vgpio_vu_flush(&w->vu);
    ring_up(w, 0, 0);
    w->dev.events = VGPIO_EV_MORE;
    vgpio_vu_flush(&w->vu);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].kick)->signals, 1);
}

static void test_work_left_by_a_device_of_one_ring(void **state)
{
    struct world *w = *state;

    w->dev.max[1] = 0;
    assert_int_equal(vgpio_vu_init(&w->vu, vdev_of(&w->dev), &fake_os_ops, &w->os), 0);
    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    w->dev.events = VGPIO_EV_MORE;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].kick)->signals, 1);
}

static void test_rings_without_a_kick_fd(void **state)
{
    struct world *w = *state;
    uint64_t none = 0x100;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    assert_int_equal(ack(w, VU_SET_VRING_KICK, &none, 8, 0), 0);
    assert_true(w->os.polled[0]);
    w->dev.q[0].more = 1;
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 1);
    assert_int_equal(ack(w, VU_SET_VRING_ERR, &none, 8, 0), 0);
    do_step(w, S_KICK, 0);
    assert_false(w->os.polled[0]);
    assert_int_equal(ack(w, VU_SET_VRING_KICK, &none, 8, 0), 0);
    assert_int_equal(get_base(w, 0), 1);
    w->out.len = 0;
    assert_false(w->os.polled[0]);
}

static void test_fd_counts_must_match_bit_8(void **state)
{
    struct world *w = *state;
    uint32_t r;

    protocol(w);
    for (r = VU_SET_VRING_KICK; r <= VU_SET_VRING_ERR; r++) {
        uint64_t word = 0x100;

        assert_int_equal(msg(w, r, 0, &word, 8, 1), VGPIO_ERR_PROTO);
        word = 0;
        assert_int_equal(msg(w, r, 0, &word, 8, 0), VGPIO_ERR_PROTO);
        assert_int_equal(msg(w, r, 0, &word, 8, 2), VGPIO_ERR_PROTO);
        word = 0x200;
        assert_int_equal(ack(w, r, &word, 8, 1), 1);
    }
    assert_int_equal(w->os.open, 0);
}

static void test_a_broken_ring_is_reported_and_revived(void **state)
{
    struct world *w = *state;

    both_up(w);
    w->dev.q[1].err = VGPIO_ERR_PROTO;
    w->dev.events = VGPIO_EV_NEEDS_RESET;
    vgpio_vu_flush(&w->vu);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].err)->signals, 0);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[1].err)->signals, 1);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].kick)->signals, 0);
    w->dev.log[0] = '\0';
    assert_int_equal(get_base(w, 1), 1);
    w->out.len = 0;
    /* While the other ring is not stopped as well, the device stays as it is. */
    (void)vring_fd(w, VU_SET_VRING_CALL, 1);
    {
        uint64_t word = 1;

        assert_int_equal(ack(w, VU_SET_VRING_KICK, &word, 8, 1), 1);
    }
    expect_log(w, "drain1 frozen1 ");
    assert_int_equal(get_base(w, 0), 1);
    w->out.len = 0;
    ring_up(w, 0, 0);
    expect_log(w, "drain0 reset ack start0@0 kick0 ");
    assert_int_equal(w->dev.resets, 1);
}

static void test_config_change_goes_by_the_back_channel(void **state)
{
    static const uint32_t want[3] = {2, 1, 0};
    struct world *w = *state;
    int a;

    protocol(w);
    w->dev.events = VGPIO_EV_CONFIG;
    vgpio_vu_flush(&w->vu); /* nobody to tell */
    assert_int_equal(w->os.sends, 0);
    assert_int_equal(ack(w, VU_SET_BACKEND_REQ_FD, NULL, 0, 1), 0);
    a = w->fds[0];
    assert_int_equal(w->os.sends, 0);
    w->os.send_result = 0; /* its buffer is full */
    w->dev.events = VGPIO_EV_CONFIG;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(w->os.sends, 1);
    w->os.send_result = 1;
    vgpio_vu_flush(&w->vu);
    assert_int_equal(w->os.sends, 2);
    assert_memory_equal(w->os.sent, want, 12);
    vgpio_vu_flush(&w->vu);
    assert_int_equal(w->os.sends, 2);
    w->dev.events = VGPIO_EV_NEEDS_RESET; /* no change of the config */
    vgpio_vu_flush(&w->vu);
    assert_int_equal(w->os.sends, 2);
    assert_int_equal(ack(w, VU_SET_BACKEND_REQ_FD, NULL, 0, 1), 0);
    assert_false(fake_fd_is_open(&w->os, a));
    w->os.send_result = VGPIO_ERR_IO;
    w->dev.events = VGPIO_EV_CONFIG;
    vgpio_vu_flush(&w->vu);
    assert_false(fake_fd_is_open(&w->os, w->fds[0]));
    assert_int_equal(msg(w, VU_SET_BACKEND_REQ_FD, 0, NULL, 0, 0), VGPIO_ERR_PROTO);
    assert_int_equal(msg(w, VU_SET_BACKEND_REQ_FD, 0, NULL, 0, 2), VGPIO_ERR_PROTO);
}

/* ---- what is no message, or none of ours ---- */

static void test_headers(void **state)
{
    static const uint32_t bad_flags[] = {0, 2, 3, 5, 13, 0x11, 0x80000001u};
    struct world *w = *state;
    uint32_t head[3] = {VU_SET_OWNER, 1, 0};
    unsigned i;

    for (i = 0; i < sizeof bad_flags / sizeof bad_flags[0]; i++) {
        head[1] = bad_flags[i];
        memcpy(w->in.buf, head, 12);
        w->in.len = 12;
        assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), VGPIO_ERR_PROTO);
        assert_non_null(vgpio_vu_reason(&w->vu));
    }
    head[1] = 1;
    for (i = 0; i < 12; i++) {
        memcpy(w->in.buf, head, 12);
        w->in.len = i;
        assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), VGPIO_ERR_PROTO);
        assert_int_equal(w->os.refused_request, 0); /* it did not say */
        assert_string_equal(vgpio_vu_reason(&w->vu), "message shorter than a header");
    }
    for (i = 0; i < 3; i++) {
        head[2] = i == 0 ? 1 : i == 1 ? VGPIO_VU_MSG_MAX : UINT32_MAX;
        memcpy(w->in.buf, head, 12);
        w->in.len = 12;
        assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), VGPIO_ERR_PROTO);
        assert_int_equal(strcmp(vgpio_vu_reason(&w->vu),
                                "header: payload longer than any message") == 0,
                         i != 0);
    }
    w->in.len = sizeof w->in.buf + 1;
    assert_int_equal(vgpio_vu_input(&w->vu, &w->in, &w->out), VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_vu_input(NULL, &w->in, &w->out), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vu_output(NULL, &w->out), VGPIO_ERR_INVAL);
}

static void test_requests_that_are_not_offered(void **state)
{
    static const uint32_t silent[] = {4, 7, 19, 20, 22, 23, 34, 35, 39};
    static const uint32_t answered[] = {0, 6, 26, 28, 31, 36, 37, 38, 40, 44, 1000};
    struct world *w = *state;
    uint64_t v = 0;
    unsigned i;

    protocol(w);
    for (i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        assert_int_equal(ack(w, silent[i], &v, 8, 1), 1);
        assert_int_equal(msg(w, silent[i], 0, &v, 8, 0), 0);
        assert_non_null(vgpio_vu_reason(&w->vu));
    }
    for (i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        assert_int_equal(ack(w, answered[i], &v, 8, 2), 1);
        assert_int_equal(msg(w, answered[i], 0, &v, 8, 1), VGPIO_ERR_PROTO);
    }
    assert_int_equal(w->os.open, 0);
}

static void test_every_request_in_every_size(void **state)
{
    static const uint32_t sizes[] = {0,  1,  7,  8,  9,  11,  12,
                                     20, 39, 40, 41, 72, 264, 4108};
    static const unsigned fds[] = {0, 1, 2, 8, 9};
    struct world *w = *state;
    uint8_t p[4108];
    uint32_t r, s, f, flags, fill, hung = 0;

    for (r = 0; r <= 64; r++) {
        for (s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            for (f = 0; f < 5; f++) {
                for (fill = 0; fill < 3; fill++) {
                    int n;

                    flags = fill == 1 ? NEED : 0;
                    memset(p, (int)(fill == 2 ? 0xff : fill), sizeof p);
                    memset(&w->os.fd, 0, sizeof w->os.fd);
                    w->os.nfds = 0;
                    greet(w, V1 | F30);
                    ring_up(w, 0, 0);
                    n = msg(w, r, flags, p, sizes[s], fds[f]);
                    assert_true(n == 0 || n == 1 || n == VGPIO_ERR_PROTO);
                    hung += n < 0;
                    w->out.len = 0;
                    vgpio_vu_close(&w->vu);
                    assert_int_equal(w->os.open, 0);
                    assert_int_equal(w->os.nmaps, 0);
                    w->dev.log[0] = '\0';
                }
            }
        }
    }
    assert_true(hung > 1000);
}

/* ---- again and again ---- */

static void test_the_next_front_end_starts_from_nothing(void **state)
{
    struct world *w = *state;

    both_up(w);
    assert_int_equal(ack(w, VU_SET_BACKEND_REQ_FD, NULL, 0, 1), 0);
    w->dev.log[0] = '\0';
    vgpio_vu_close(&w->vu);
    vgpio_vu_close(&w->vu);
    expect_log(w, "now0 now1 ");
    assert_int_equal(w->os.open, 0);
    assert_int_equal(w->os.nmaps, 0);
    assert_int_equal(vgpio_vu_kick(&w->vu, 0), 0);
    /* Acks, features, enable bits, sizes: nothing of it holds any more. */
    assert_int_equal(msg(w, VU_SET_OWNER, NEED, NULL, 0, 0), 0);
    greet(w, V1 | F30);
    do_step(w, S_ADDR, 0);
    do_step(w, S_KICK, 0);
    do_step(w, S_BASE, 0);
    do_step(w, S_ENABLE, 0);
    expect_log(w, "ack ");
    do_step(w, S_NUM, 0);
    expect_log(w, "start0@7 kick0 ");
}

static void test_a_pause_does_not_outlive_the_front_end(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 0), 0);
    vgpio_vu_close(&w->vu);
    w->dev.log[0] = '\0';
    greet(w, V1);
    do_step(w, S_NUM, 0);
    do_step(w, S_BASE, 0);
    do_step(w, S_ADDR, 0);
    do_step(w, S_KICK, 0);
    expect_log(w, "ack start0@7 run0:1 kick0 ");
}

static void test_an_interrupt_owed_survives_the_connection(void **state)
{
    struct world *w = *state;

    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    vgpio_vu_close(&w->vu);
    w->dev.events = VGPIO_EV_QUEUE(0);
    vgpio_vu_flush(&w->vu);
    greet(w, V1 | F30);
    ring_up(w, 0, 0);
    assert_int_equal(fake_fd_at(&w->os, w->vu.ring[0].call)->signals, 1);
}

/* The messages of real front ends, as observed. */
static void test_qemu_7_2(void **state)
{
    struct world *w = *state;
    uint64_t want = UINT64_C(0x170000000) & ~(UINT64_C(3) << 28);
    unsigned q;

    assert_int_equal(msg(w, VU_GET_FEATURES, 0, NULL, 0, 0), 1);
    w->out.len = 0;
    assert_int_equal(msg(w, VU_GET_PROTOCOL_FEATURES, 0, NULL, 0, 0), 1);
    w->out.len = 0;
    assert_int_equal(ack64(w, VU_SET_PROTOCOL_FEATURES, PROTOCOL), 0);
    assert_int_equal(msg(w, VU_GET_QUEUE_NUM, 0, NULL, 0, 0), 1);
    w->out.len = 0;
    assert_int_equal(ack(w, VU_SET_BACKEND_REQ_FD, NULL, 0, 1), 0);
    assert_int_equal(msg(w, VU_SET_OWNER, 0, NULL, 0, 0), 0);
    for (q = 0; q < 2; q++) {
        (void)vring_fd(w, VU_SET_VRING_CALL, q);
        (void)vring_fd(w, VU_SET_VRING_ERR, q);
    }
    assert_int_equal(config(w, 0, 8), 1);
    w->out.len = 0;
    for (q = 0; q < 2; q++) { /* start, stop, start on the same connection */
        assert_int_equal(ack64(w, VU_SET_FEATURES, want), 0);
        assert_int_equal(table(w), 0);
        assert_int_equal(vring(w, VU_SET_VRING_NUM, 0, 256), 0);
        assert_int_equal(vring(w, VU_SET_VRING_BASE, 0, q), 0);
        assert_int_equal(addr(w, 0), 0);
        (void)vring_fd(w, VU_SET_VRING_KICK, 0);
        (void)vring_fd(w, VU_SET_VRING_CALL, 0);
        /* The event ring is not set up, yet it is enabled and gets call fds. */
        (void)vring_fd(w, VU_SET_VRING_CALL, 1);
        assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 0, 1), 0);
        assert_int_equal(vring(w, VU_SET_VRING_ENABLE, 1, 1), 0);
        (void)vring_fd(w, VU_SET_VRING_CALL, 0);
        assert_true(w->dev.q[0].started && !w->dev.q[1].started);
        assert_int_equal(get_base(w, 0), 1);
        assert_true(base_in_reply(w, 0) > q);
        (void)vring_fd(w, VU_SET_VRING_CALL, 0);
    }
}

static void test_qemu_10(void **state)
{
    struct world *w = *state;
    unsigned round, q;

    protocol(w);
    for (q = 0; q < 2; q++) {
        (void)vring_fd(w, VU_SET_VRING_CALL, q);
        (void)vring_fd(w, VU_SET_VRING_ERR, q);
    }
    for (round = 0; round < 2; round++) {
        assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30 | 1), 0);
        assert_int_equal(table(w), 0);
        for (q = 0; q < 2; q++) {
            assert_int_equal(vring(w, VU_SET_VRING_NUM, q, 64), 0);
            assert_int_equal(vring(w, VU_SET_VRING_BASE, q, 0), 0);
            assert_int_equal(addr(w, q), 0);
            (void)vring_fd(w, VU_SET_VRING_KICK, q);
            (void)vring_fd(w, VU_SET_VRING_CALL, q);
        }
        for (q = 0; q < 2; q++) {
            assert_int_equal(vring(w, VU_SET_VRING_ENABLE, q, 1), 0);
            assert_int_equal(config(w, 0, 8), 1); /* at every access of the guest */
            w->out.len = 0;
        }
        assert_true(w->dev.q[0].running && w->dev.q[1].running);
        for (q = 0; q < 2; q++) {
            assert_int_equal(vring(w, VU_SET_VRING_ENABLE, q, 0), 0);
        }
        for (q = 0; q < 2; q++) {
            assert_int_equal(get_base(w, q), 1);
            (void)base_in_reply(w, q);
        }
        expect_log(w, round == 0 ? "ack start0@0 kick0 start1@0 kick1 run0:0 run1:0 "
                                   "drain0 drain1 "
                                 : "ack start0@0 run0:1 kick0 start1@0 run1:1 kick1 "
                                   "run0:0 run1:0 drain0 drain1 ");
    }
}

static void test_user_mode_linux(void **state)
{
    struct world *w = *state;
    uint64_t mem[9] = {vu_two32(1, 0), GPA, FAKE_FILE, UVA, 0};
    unsigned round, q;

    assert_int_equal(msg(w, VU_SET_OWNER, 0, NULL, 0, 0), 0);
    assert_int_equal(msg(w, VU_GET_FEATURES, 0, NULL, 0, 0), 1);
    w->out.len = 0;
    assert_int_equal(msg(w, VU_GET_PROTOCOL_FEATURES, 0, NULL, 0, 0), 1);
    w->out.len = 0;
    assert_int_equal(ack64(w, VU_SET_PROTOCOL_FEATURES, PROTOCOL & ~UINT64_C(1)), 0);
    assert_int_equal(ack(w, VU_SET_BACKEND_REQ_FD, NULL, 0, 1), 0);
    for (round = 0; round < 3; round++) { /* bind, unbind, bind ... */
        assert_int_equal(ack64(w, VU_SET_FEATURES, V1 | F30 | 1), 0);
        assert_int_equal(config(w, 0, 8), 1);
        w->out.len = 0;
        assert_int_equal(config(w, 0, 2), 1);
        w->out.len = 0;
        assert_int_equal(ack(w, VU_SET_MEM_TABLE, mem, 72, 1), 0);
        for (q = 0; q < 2; q++) {
            (void)vring_fd(w, VU_SET_VRING_CALL, q);
            assert_int_equal(vring(w, VU_SET_VRING_NUM, q, 256), 0);
            assert_int_equal(vring(w, VU_SET_VRING_BASE, q, 0), 0);
            assert_int_equal(addr(w, q), 0);
        }
        for (q = 0; q < 2; q++) {
            (void)vring_fd(w, VU_SET_VRING_KICK, q);
            assert_int_equal(vring(w, VU_SET_VRING_ENABLE, q, 1), 0);
        }
        assert_true(w->dev.q[0].running && w->dev.q[1].running);
        for (q = 2; q-- != 0;) {
            assert_int_equal(vring(w, VU_SET_VRING_ENABLE, q, 0), 0);
        }
        assert_int_equal(msg(w, VU_GET_FEATURES, 0, NULL, 0, 0), 1);
        w->out.len = 0;
        expect_log(w, round == 0 ? "ack start0@0 kick0 start1@0 kick1 run1:0 run0:0 "
                                 : "now0 now1 ack start0@0 run0:1 kick0 start1@0 "
                                   "run1:1 kick1 run1:0 run0:0 ");
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_init_checks_what_it_is_given),
        T(test_features_and_queue_number),
        T(test_features_not_offered_are_refused),
        T(test_ack_only_where_negotiated),
        T(test_config_reads),
        T(test_config_beyond_the_end_is_size_0),
        T(test_config_sizes_must_agree),
        T(test_config_is_not_writable),
        T(test_a_ring_starts_in_every_order),
        T(test_no_base_starts_at_the_first_kick),
        T(test_no_base_after_another_front_end),
        T(test_a_base_that_was_asked_for),
        T(test_without_bit_30_rings_need_no_enable),
        T(test_enabling_a_queue_that_is_not_there),
        T(test_ring_sizes),
        T(test_queue_numbers_out_of_range),
        T(test_addresses_outside_memory),
        T(test_the_message_that_fails_to_start_is_undone),
        T(test_a_stranded_ring_is_set_up_anew),
        T(test_log_and_enable_words_are_checked),
        T(test_a_running_ring_keeps_its_setup),
        T(test_enable_and_disable),
        T(test_a_disabled_ring_takes_a_new_setup),
        T(test_get_base_stops_and_closes),
        T(test_get_base_of_a_device_that_does_not_say),
        T(test_get_base_of_a_packed_ring),
        T(test_get_base_waits_for_requests_in_flight),
        T(test_the_peer_may_go_while_a_ring_drains),
        T(test_memory_changes_under_running_rings),
        T(test_a_refused_table_changes_nothing),
        T(test_a_mapping_that_ends_at_the_top),
        T(test_low_regions_overlap),
        T(test_a_region_that_went_is_gone),
        T(test_disabling_a_ring_is_no_size),
        T(test_a_region_of_one_byte),
        T(test_a_full_memory_table),
        T(test_memory_tables_that_are_no_tables),
        T(test_the_device_sees_memory_by_regions),
        T(test_the_newest_call_fd_wins),
        T(test_fd_0_is_an_fd),
        T(test_call_fd_0_is_an_fd),
        T(test_err_fd_0_is_an_fd),
        T(test_an_error_waits_for_its_fd),
        T(test_refused_features_change_no_ring),
        T(test_an_error_after_a_restart),
        T(test_an_error_ends_with_its_connection),
        T(test_a_new_kick_fd_is_looked_at),
        T(test_a_debt_waits_for_its_ring),
        T(test_a_message_pays_what_it_caused),
        T(test_what_was_kicked_before_is_looked_at),
        T(test_work_left_by_the_device_comes_back_as_a_kick),
        T(test_work_left_by_a_device_of_one_ring),
        T(test_rings_without_a_kick_fd),
        T(test_fd_counts_must_match_bit_8),
        T(test_a_broken_ring_is_reported_and_revived),
        T(test_config_change_goes_by_the_back_channel),
        T(test_headers),
        T(test_requests_that_are_not_offered),
        T(test_every_request_in_every_size),
        T(test_the_next_front_end_starts_from_nothing),
        T(test_a_pause_does_not_outlive_the_front_end),
        T(test_an_interrupt_owed_survives_the_connection),
        T(test_qemu_7_2),
        T(test_qemu_10),
        T(test_user_mode_linux),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
