/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings of a real device over vhost-user that stop, go on, change their memory, lose
 * their front end and begin anew, in both layouts: what the front end is told of a
 * position, and what it says of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/virtiogpio.h>

#include "vu_bus.h"

#define LINES 8u
#define NREQ 4u
#define NIRQ 4u
#define OUTPUT 5u
#define START 0x80008000u /* of a packed ring: both positions 0, both wrap counters 1 */
#define ROUNDS 20u        /* requests until a ring of 8 is back at both wrap counters */

struct guest {
    struct vu_bus bus;
    struct vgpio_dev dev;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[NREQ];
    struct vgpio_sim sim;
    struct vgpio_sim_line sim_lines[LINES];
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[NREQ + NIRQ];
    struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
    struct vgpio_sync sync;
    unsigned idle; /* waits in a row: an answer that does not come must not hang us */
    unsigned irqs[LINES];
    unsigned fresh, resumed;  /* traces */
    unsigned added[2], ended; /* chains: put into either ring, come back on the eventq */
};

static struct guest guest;

/* Each layout with and without each feature. */
static const uint64_t worlds[] = {
#if VGPIO_CFG_SPLIT
    0,
    VGPIO_F_EVENT_IDX,
    VGPIO_F_INDIRECT,
    VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT,
#endif
#if VGPIO_CFG_PACKED
    VGPIO_F_PACKED,
    VGPIO_F_PACKED | VGPIO_F_EVENT_IDX,
    VGPIO_F_PACKED | VGPIO_F_INDIRECT,
    VGPIO_F_PACKED | VGPIO_F_EVENT_IDX | VGPIO_F_INDIRECT,
#endif
};
#define NWORLDS (sizeof worlds / sizeof worlds[0])

static void trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct guest *g = ctx;

    (void)a;
    (void)b;
    g->fresh += id == VGPIO_TR_QUEUE_FRESH;
    g->resumed += id == VGPIO_TR_QUEUE_RESUMED;
}

static int wait_for_device(void *ctx)
{
    struct guest *g = ctx;

    vu_bus_serve(&g->bus);
    return ++g->idle > 3 ? -1 : 0;
}

static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    struct guest *g = ctx;

    assert_int_equal(ev->kind, VGPIO_IRQ);
    assert_int_equal(ev->result, 0);
    g->irqs[ev->line]++;
    g->ended++;
}

static int call(struct guest *g, unsigned type, uint16_t line, uint32_t value)
{
    g->idle = 0;
    g->added[VGPIO_REQUESTQ]++;
    return vgpio_sync_call(&g->sync, type, line, value);
}

static void take_irqs(struct guest *g)
{
    struct vgpio_drv_event ev;
    int n;

    vu_bus_serve(&g->bus);
    while ((n = vgpio_drv_poll(&g->drv, &ev)) > 0) {
        on_event(g, &ev);
    }
    assert_int_equal(n, 0);
    assert_int_equal(vgpio_drv_rearm(&g->drv), 0);
}

static void unmask(struct guest *g, uint16_t line)
{
    g->added[VGPIO_EVENTQ]++;
    assert_int_equal(vgpio_drv_unmask(&g->drv, line), 0);
    assert_int_equal(vgpio_drv_flush(&g->drv), 0);
    take_irqs(g);
}

static void pull(struct guest *g, uint16_t line, unsigned level)
{
    assert_int_equal(vgpio_sim_pull(&g->sim, line, level), 0);
}

static void make_device(struct guest *g)
{
    struct vgpio_sim_config sc = {vgpio_dev_sink(&g->dev), g->sim_lines, LINES, NULL,
                                  NULL};
    struct vgpio_dev_config dc = {.ops = &vgpio_sim_ops,
                                  .ctx = &g->sim,
                                  .lines = g->lines,
                                  .ngpio = LINES,
                                  .reqs = g->reqs,
                                  .nreqs = NREQ,
                                  .trace = trace,
                                  .trace_ctx = g};

    assert_int_equal(vgpio_sim_init(&g->sim, &sc), 0);
    assert_int_equal(vgpio_dev_init(&g->dev, &dc), 0);
}

static void make_driver(struct guest *g, uint64_t features)
{
    struct vgpio_drv_config rc = {.bus = &vu_bus_ops,
                                  .bus_ctx = &g->bus,
                                  .dma = g->bus.peer.mem.base,
                                  .dma_addr = VU_PEER_GPA,
                                  .dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ),
                                  .slots = g->slots,
                                  .ring = g->ring,
                                  .nreq = NREQ,
                                  .nirq = NIRQ,
                                  .features = features | VGPIO_F_IRQ | VGPIO_F_VERSION_1};

    assert_int_equal(vgpio_drv_init(&g->drv, &rc), 0);
    assert_int_equal(vgpio_drv_start(&g->drv), 0);
    assert_true(g->bus.features == rc.features);
    g->sync = (struct vgpio_sync){sizeof g->sync, &g->drv, wait_for_device, on_event, g};
}

static struct guest *guest_up(uint64_t features)
{
    struct guest *g = &guest;

    memset(g, 0, sizeof *g);
    make_device(g);
    vu_bus_open(&g->bus, vgpio_dev_vdev(&g->dev), VGPIO_DEVICE_ID);
    make_driver(g, features);
    assert_int_equal(g->fresh, 2);
    return g;
}

static void drive(struct guest *g)
{
    assert_int_equal(call(g, VGPIO_MSG_SET_VALUE, OUTPUT, 1), 0);
    assert_int_equal(call(g, VGPIO_MSG_SET_DIRECTION, OUTPUT, VGPIO_DIR_OUT), 0);
    assert_int_equal(vgpio_sim_level(&g->sim, OUTPUT), 1);
}

/* Three lines wait for a rising edge, in another order than that of the ring. */
static void arm(struct guest *g)
{
    uint16_t line;

    for (line = 1; line <= 3; line++) {
        assert_int_equal(call(g, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN), 0);
        assert_int_equal(call(g, VGPIO_MSG_SET_IRQ_TYPE, line, VGPIO_IRQ_EDGE_RISING), 0);
        unmask(g, line);
    }
    pull(g, 2, 1);
    take_irqs(g);
    assert_int_equal(g->irqs[2], 1);
    g->irqs[2] = 0;
    unmask(g, 2);
    pull(g, 2, 0);
}

static void requests(struct guest *g, unsigned n)
{
    while (n-- > 0) {
        assert_int_equal(call(g, VGPIO_MSG_GET_VALUE, 4, 0), 0);
    }
}

/* --- positions --- */

static uint16_t position(const struct guest *g, unsigned q, unsigned chains)
{
    unsigned size = g->bus.peer.ring[q].setup.size;
    unsigned each =
        q == VGPIO_EVENTQ && (g->bus.features & VGPIO_F_INDIRECT) != 0 ? 1 : 2;

    if ((g->bus.features & VGPIO_F_PACKED) == 0) {
        return (uint16_t)chains;
    }
    return (uint16_t)(chains * each % size |
                      (chains * each / size % 2 == 0 ? 0x8000u : 0));
}

/* What a front end is to hear of ring q where all chains were taken. */
static uint32_t base(const struct guest *g, unsigned q)
{
    uint32_t taken = position(g, q, g->added[q]);
    uint32_t used = position(g, q, q == VGPIO_EVENTQ ? g->ended : g->added[q]);

    return (g->bus.features & VGPIO_F_PACKED) != 0 ? taken | used << 16 : taken;
}

static void stop(struct guest *g)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        assert_int_equal((uint32_t)vu_peer_stop(&g->bus.peer, q), base(g, q));
    }
}

/* Goes on where it was told that the rings are. */
static void start(struct guest *g, unsigned first)
{
    assert_int_equal(vu_peer_start(&g->bus.peer, first, 0, base(g, first)), 0);
    assert_int_equal(vu_peer_start(&g->bus.peer, first ^ 1u, 0, base(g, first ^ 1u)), 0);
}

/* Everything is as it was: each edge since then is told, once, and lines stay driven. */
static void lives_on(struct guest *g)
{
    uint16_t line;

    take_irqs(g);
    assert_int_equal(g->irqs[1], 1);
    assert_int_equal(g->irqs[2], 0);
    assert_int_equal(g->irqs[3], 0);
    pull(g, 1, 0);
    unmask(g, 1);
    for (line = 2; line <= 3; line++) {
        pull(g, line, 1);
        take_irqs(g);
        pull(g, line, 0);
        unmask(g, line);
    }
    for (line = 1; line <= 3; line++) {
        assert_int_equal(g->irqs[line], 1);
        g->irqs[line] = 0;
    }
    assert_int_equal(vgpio_sim_level(&g->sim, OUTPUT), 1);
    assert_int_equal(call(g, VGPIO_MSG_GET_DIRECTION, OUTPUT, 0), VGPIO_DIR_OUT);
}

/* --- the tests --- */

static void test_stop_and_go_on(void **state)
{
    unsigned w, n, round;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        for (n = 0; n < ROUNDS; n++) {
            struct guest *g = guest_up(worlds[w]);

            arm(g);
            drive(g);
            requests(g, n);
            for (round = 0; round < 3; round++) {
                stop(g);
                pull(g, 1, 1);
                start(g, round % 2);
                assert_int_equal(g->resumed, 2 * (round + 1));
                lives_on(g);
            }
            assert_int_equal(g->fresh, 2);
            vu_bus_close(&g->bus);
        }
    }
}

/* The ring's position is not told again: it goes on by itself. */
static void test_other_memory_table(void **state)
{
    unsigned w, n;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        struct guest *g = guest_up(worlds[w]);

        arm(g);
        drive(g);
        for (n = 0; n < ROUNDS; n++) {
            pull(g, 1, 1);
            assert_int_equal(vu_peer_share(&g->bus.peer), 0);
            lives_on(g);
            requests(g, n % 3);
        }
        assert_int_equal(g->fresh, 2);
        assert_int_equal(g->resumed, 2 * ROUNDS);
        stop(g);
        vu_bus_close(&g->bus);
    }
}

static void test_disabled_rings_wait(void **state)
{
    struct vgpio_drv_event ev;
    unsigned w, n;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        struct guest *g = guest_up(worlds[w]);

        arm(g);
        drive(g);
        for (n = 0; n < ROUNDS; n++) {
            assert_int_equal(vu_peer_vring(&g->bus.peer, VU_SET_VRING_ENABLE, 0, 0), 0);
            assert_int_equal(vu_peer_vring(&g->bus.peer, VU_SET_VRING_ENABLE, 1, 0), 0);
            pull(g, 1, 1);
            g->added[VGPIO_REQUESTQ]++;
            assert_int_equal(
                vgpio_drv_submit(&g->drv, VGPIO_MSG_GET_VALUE, OUTPUT, 0, NULL), 0);
            assert_int_equal(vgpio_drv_flush(&g->drv), 0);
            take_irqs(g);
            assert_int_equal(g->irqs[1], 0);
            assert_int_equal(vu_peer_vring(&g->bus.peer, VU_SET_VRING_ENABLE, 0, 1), 0);
            vu_bus_serve(&g->bus);
            assert_int_equal(vgpio_drv_poll(&g->drv, &ev), 1);
            assert_int_equal(ev.kind, VGPIO_DONE);
            assert_int_equal(ev.result, 1);
            assert_int_equal(vu_peer_vring(&g->bus.peer, VU_SET_VRING_ENABLE, 1, 1), 0);
            lives_on(g);
        }
        stop(g);
        vu_bus_close(&g->bus);
    }
}

/* The connection is lost, the guest and the server live on. */
static void reconnect(struct guest *g)
{
    struct vu_bus *b = &g->bus;
    int s[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
    vgpio_vu_close(&b->vu);
    close(b->sock);
    b->sock = s[1];
    vu_peer_reopen(&b->peer, s[0]);
    assert_int_equal(vu_peer_negotiate(&b->peer, b->features), 0);
    assert_int_equal(vu_peer_share(&b->peer), 0);
}

static void test_reconnect(void **state)
{
    unsigned w, n;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        struct guest *g = guest_up(worlds[w]);

        arm(g);
        drive(g);
        for (n = 0; n < ROUNDS; n++) {
            reconnect(g);
            pull(g, 1, 1);
            start(g, n % 2);
            lives_on(g);
            requests(g, n % 3);
        }
        assert_int_equal(g->fresh, 2);
        assert_int_equal(g->resumed, 2 * ROUNDS);
        vu_bus_close(&g->bus);
    }
}

static void begins_anew(struct guest *g)
{
    assert_int_equal(vgpio_sim_level(&g->sim, OUTPUT), 0);
    assert_int_equal(call(g, VGPIO_MSG_GET_DIRECTION, OUTPUT, 0), VGPIO_DIR_NONE);
    assert_int_equal(call(g, VGPIO_MSG_GET_DIRECTION, 1, 0), VGPIO_DIR_NONE);
    memset(g->irqs, 0, sizeof g->irqs);
    arm(g);
    drive(g);
    pull(g, 1, 1);
    lives_on(g);
}

/* As a guest does that reboots: the same addresses, rings of zeros. */
static void restart(struct guest *g, uint32_t told)
{
    assert_int_equal(vgpio_drv_stop(&g->drv), 0);
    memset(g->bus.peer.mem.base, 0, VGPIO_DMA_SIZE(NREQ, NIRQ));
    g->bus.fresh_base = told;
    g->fresh = g->resumed = 0;
    memset(g->added, 0, sizeof g->added);
    g->ended = 0;
    assert_int_equal(vgpio_drv_start(&g->drv), 0);
    assert_int_equal(g->fresh, 2);
    assert_int_equal(g->resumed, 0);
}

/* Wherever the rings of its life before stood, also where a new one begins. */
static void test_reboot(void **state)
{
    unsigned w, n, armed;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        uint32_t first = (worlds[w] & VGPIO_F_PACKED) != 0 ? START : 0;

        for (n = 0; n < 2 * ROUNDS; n++) {
            struct guest *g = guest_up(worlds[w]);

            armed = n / ROUNDS;
            drive(g);
            requests(g, n % ROUNDS);
            if (armed != 0) {
                arm(g);
            }
            restart(g, first);
            begins_anew(g);
            restart(g, 0); /* not every front end knows the wrap counters */
            begins_anew(g);
            stop(g);
            vu_bus_close(&g->bus);
        }
    }
}

/* One that drove a line: once around all positions, each ring stands where new ones
 * begin. */
static struct guest *guest_around(uint64_t features)
{
    struct guest *g = guest_up(features);

    drive(g);
    if ((g->bus.features & VGPIO_F_PACKED) != 0) {
        requests(g, 8 - g->added[VGPIO_REQUESTQ] % 8);
        assert_int_equal(base(g, 0), START);
        assert_int_equal(base(g, 1), START);
    } else {
        requests(g, 65536 - g->added[VGPIO_REQUESTQ]);
        assert_int_equal(base(g, 0), 0);
        assert_int_equal(base(g, 1), 0);
    }
    return g;
}

static void test_reboot_once_around(void **state)
{
    unsigned w;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        struct guest *g = guest_around(worlds[w]);

        restart(g, base(g, 0));
        begins_anew(g);
        stop(g);
        vu_bus_close(&g->bus);
    }
}

/* A chain in a ring of zeros, as a driver does that asks before anybody looks. */
static void first_request(struct guest *g)
{
    struct peer_mem *m = &g->bus.peer.mem;
    const struct vgpio_vq_setup *s = &g->bus.peer.ring[VGPIO_REQUESTQ].setup;
    int packed = (g->bus.features & VGPIO_F_PACKED) != 0;

    memset(m->base, 0, VGPIO_DMA_SIZE(NREQ, NIRQ));
    ring_peer_entry(m, s->desc, 0, s->desc, 8, packed ? 0 : 1, packed ? 0x81 : 1);
    ring_peer_entry(m, s->desc, 1, s->desc, 2, packed ? 0 : 2, packed ? 0x82 : 0);
    if (!packed) {
        peer_put16(m, s->driver + 2, 1);
    }
}

static void test_reboot_once_around_asks_at_once(void **state)
{
    unsigned w;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        struct guest *g = guest_around(worlds[w]);
        uint32_t told = base(g, 0);

        stop(g);
        first_request(g);
        g->fresh = 0;
        assert_int_equal(vu_peer_start(&g->bus.peer, 0, 0, told), 0);
        assert_int_equal(g->fresh, 1);
        assert_int_equal(vgpio_sim_level(&g->sim, OUTPUT), 0);
        vu_bus_close(&g->bus);
    }
}

/* The same positions, and the same guest. */
static void test_around_is_no_reboot(void **state)
{
    unsigned w;

    (void)state;
    for (w = 0; w < NWORLDS; w++) {
        struct guest *g = guest_around(worlds[w]);

        stop(g);
        start(g, 0);
        assert_int_equal(g->resumed, 2);
        assert_int_equal(call(g, VGPIO_MSG_GET_DIRECTION, OUTPUT, 0), VGPIO_DIR_OUT);
        vu_bus_close(&g->bus);
    }
}

#if VGPIO_CFG_PACKED

/* A front end that was told nothing, and guesses: what the guest did before is gone. */
static void test_wrong_position_is_fresh(void **state)
{
    unsigned n;

    (void)state;
    for (n = 0; n < ROUNDS; n++) {
        struct guest *g = guest_up(VGPIO_F_PACKED);

        arm(g);
        drive(g);
        requests(g, n);
        reconnect(g);
        assert_int_equal(vu_peer_start(&g->bus.peer, 1, 0, base(g, 1)), 0);
        assert_int_equal(vu_peer_start(&g->bus.peer, 0, 0, base(g, 0) ^ 0x80008000u), 0);
        assert_int_equal(g->fresh, 3);
        vu_bus_serve(&g->bus);
        restart(g, START);
        begins_anew(g);
        vu_bus_close(&g->bus);
    }
}

/* Positions that cannot be are refused, each time; the right ones are not too late. */
static void test_impossible_positions(void **state)
{
    static const uint32_t bad[] = {
        0x80008008u,              /* taken up to behind the end of a ring of 8 */
        0x80088008u,              /* used, too */
        0xffffffffu, 0x80018000u, /* more used than taken */
        0x80000001u,              /* more than a lap between them */
        0x00008001u,
    };
    struct guest *g = guest_up(VGPIO_F_PACKED);
    size_t i;

    (void)state;
    assert_int_equal(g->bus.peer.ring[0].setup.size, 8);
    arm(g);
    drive(g);
    stop(g);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(vu_peer_start(&g->bus.peer, 0, 0, bad[i]), 1);
        assert_int_equal((uint32_t)vu_peer_stop(&g->bus.peer, 0), bad[i]);
    }
    pull(g, 1, 1);
    start(g, 0);
    lives_on(g);
    vu_bus_close(&g->bus);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_and_go_on),
        cmocka_unit_test(test_other_memory_table),
        cmocka_unit_test(test_disabled_rings_wait),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_reboot),
        cmocka_unit_test(test_reboot_once_around),
        cmocka_unit_test(test_reboot_once_around_asks_at_once),
        cmocka_unit_test(test_around_is_no_reboot),
#if VGPIO_CFG_PACKED
        cmocka_unit_test(test_wrong_position_is_fresh),
        cmocka_unit_test(test_impossible_positions),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
