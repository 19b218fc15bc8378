/* SPDX-License-Identifier: BSD-3-Clause */
/* Both faces on one ring: random batches, out of order, across the wrap of the indices,
 * and never a wake-up lost although each side only works when it was told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define MAX 64u
#define DMA UINT64_C(0x1000)
#define CELL 64u
#define POSTS 70000u /* more than the indices can count */

/* What a device keeps of a chain: in a packed ring its descriptors may be overwritten by
 * the answer to another one. */
struct held {
    struct vgpio_head head;
    uint8_t out[8];
    uint64_t in[2];
    uint8_t short_way; /* taken by vgpio_devq_take(), goes back by vgpio_devq_answer() */
};

struct world {
    _Alignas(64) uint8_t ram[VGPIO_RING_BYTES(MAX) + MAX * CELL];
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_vq_setup setup;
    struct vgpio_drvq_slot slots[MAX];
    struct vgpio_drvq drv;
    struct vgpio_devq dev;
    uint32_t seed;
    /* the model */
    uint8_t busy[MAX], tag[MAX];
    struct held held[MAX];
    unsigned nheld, in_flight;
    unsigned long posted, answered;
    int kicked, interrupted;
};

static uint32_t rnd(struct world *w, uint32_t below)
{
    w->seed = w->seed * 1664525u + 1013904223u;
    return (w->seed >> 8) % below;
}

static uint64_t cell(struct world *w, uint16_t slot)
{
    return DMA + VGPIO_RING_BYTES((uint32_t)w->setup.size) + slot * CELL;
}

static uint8_t *host(struct world *w, uint64_t dma)
{
    return w->ram + (dma - DMA);
}

static void world_start(struct world *w, uint16_t size, uint64_t features, uint32_t seed)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->region = (struct vgpio_mem_region){DMA, sizeof w->ram, w->ram};
    w->table = (struct vgpio_mem_table){&w->region, 1};
    w->mem =
        (struct vgpio_mem){sizeof w->mem, &w->table, vgpio_mem_table_map, NULL, NULL};
    w->setup.size = size;
    w->setup.features = features;
    w->setup.desc = DMA;
    assert_int_equal(vgpio_drvq_init(&w->drv, w->ram, w->slots, &w->setup), 0);
    assert_int_equal(vgpio_devq_start(&w->dev, &w->mem, &w->setup), 0);
    assert_int_equal(vgpio_devq_rearm(&w->dev), 0);
    assert_int_equal(vgpio_drvq_rearm(&w->drv), 0);
}

/* The request carries a tag which must come back in the answer of the same slot. */
static int post_one(struct world *w)
{
    struct vgpio_seg segs[2];
    uint8_t *c;
    uint16_t slot = (uint16_t)rnd(w, w->setup.size);
    int err;

    while (w->busy[slot]) {
        slot = (uint16_t)((slot + 1u) % w->setup.size);
    }
    c = host(w, cell(w, slot));
    memset(c, 0xee, CELL);
    memset(c, (int)(w->posted & 0xff), 8);
    segs[0] = (struct vgpio_seg){cell(w, slot), 8};
    segs[1] = (struct vgpio_seg){cell(w, slot) + 8, 2};
    err = (w->setup.features & VGPIO_F_INDIRECT) && (w->setup.size == 1 || rnd(w, 2))
              ? vgpio_drvq_add_indirect(&w->drv, c + 16, cell(w, slot) + 16, segs, 1, 1,
                                        slot)
              : vgpio_drvq_add(&w->drv, segs, 1, 1, slot);
    if (err) {
        assert_int_equal(err, VGPIO_ERR_NOSPC);
        return 0;
    }
    w->busy[slot] = 1;
    w->tag[slot] = (uint8_t)w->posted++;
    w->in_flight++;
    return 1;
}

static void driver_posts(struct world *w)
{
    uint32_t n = rnd(w, w->setup.size + 1u);
    int kick;

    while (n-- > 0 && w->in_flight < w->setup.size && post_one(w)) {
    }
    kick = vgpio_drvq_publish(&w->drv, NULL);
    assert_true(kick >= 0);
    w->kicked |= kick;
}

static void driver_reaps(struct world *w)
{
    uint16_t slot;
    uint32_t written;
    int n;

    do {
        while ((n = vgpio_drvq_get(&w->drv, &slot, &written)) > 0) {
            assert_true(w->busy[slot]);
            assert_int_equal(written, 2);
            assert_int_equal(host(w, cell(w, slot))[8], w->tag[slot]);
            assert_int_equal(host(w, cell(w, slot))[9], (uint8_t)~w->tag[slot]);
            w->busy[slot] = 0;
            w->in_flight--;
            w->answered++;
        }
        assert_int_equal(n, 0);
        n = vgpio_drvq_rearm(&w->drv);
    } while (n > 0);
    assert_int_equal(n, 0);
}

static int device_takes_short(struct world *w, struct held *h)
{
    struct vgpio_taken t;
    int n = vgpio_devq_take(&w->dev, &t, 8, 1);

    if (n > 0) {
        assert_true(t.got == 8 && t.room == 2);
        h->head = t.head;
        h->short_way = 1;
        memcpy(h->out, t.request, sizeof h->out);
        memcpy(h->in, t.gpa, sizeof h->in);
    }
    return n;
}

static int device_takes_one(struct world *w)
{
    struct held *h = &w->held[w->nheld];
    struct vgpio_chain c;
    uint8_t rest;
    int n;

    if (rnd(w, 2)) {
        return device_takes_short(w, h);
    }
    n = vgpio_devq_pop(&w->dev, &c);
    if (n <= 0) {
        return n;
    }
    if (rnd(w, 8) == 0) {
        vgpio_devq_unpop(&w->dev, c.head);
        assert_int_equal(vgpio_devq_pop(&w->dev, &c), 1);
    }
    assert_int_equal(vgpio_chain_read(&c, h->out, 8), 8);
    assert_int_equal(vgpio_chain_read(&c, &rest, 1), 0);
    assert_int_equal(vgpio_chain_where(&c, &h->in[0]), 0);
    assert_int_equal(vgpio_chain_where(&c, &h->in[1]), 0);
    assert_int_equal(vgpio_chain_finish(&c, NULL), 0);
    h->head = c.head;
    h->short_way = 0;
    return 1;
}

static void device_takes(struct world *w)
{
    int n = 0;

    do {
        while (w->nheld < MAX && (n = device_takes_one(w)) > 0) {
            w->nheld++;
            assert_true(w->nheld <= w->setup.size);
        }
        assert_true(w->nheld == MAX || n == 0);
        n = vgpio_devq_rearm(&w->dev);
    } while (n > 0);
    assert_int_equal(n, 0);
}

/* Some of what it holds, in any order. */
static void device_answers(struct world *w)
{
    uint32_t n = rnd(w, w->nheld + 1u);
    int irq;

    while (n-- > 0) {
        int in_order = (w->setup.features & VGPIO_F_IN_ORDER) != 0;
        uint32_t i = in_order ? 0 : rnd(w, w->nheld);
        struct held h = w->held[i];
        struct vgpio_taken t = {{0}, {h.in[0], h.in[1]}, h.head, 8, 2, {0}};
        uint8_t *in = t.answer;

        w->nheld--;
        memmove(&w->held[i], &w->held[i + 1], (w->nheld - i) * sizeof h);
        in[0] = h.out[7];
        in[1] = (uint8_t)~h.out[0];
        if (h.short_way) {
            assert_int_equal(vgpio_devq_answer(&w->dev, &t, 1), 0);
            continue;
        }
        assert_int_equal(vgpio_mem_write(&w->mem, h.in[0], &in[0], 1), 0);
        assert_int_equal(vgpio_mem_write(&w->mem, h.in[1], &in[1], 1), 0);
        assert_int_equal(vgpio_devq_push(&w->dev, h.head, 2), 0);
    }
    irq = vgpio_devq_publish(&w->dev);
    assert_true(irq >= 0);
    w->interrupted |= irq;
}

/* With chains in hand as well: heads outlive a stop. */
static void device_restarts(struct world *w)
{
    struct vgpio_vq_setup where;

    vgpio_devq_stop(&w->dev, &where);
    assert_int_equal(vgpio_devq_start(&w->dev, &w->mem, &where), 0);
    w->kicked = 1; /* a start counts as a kick: what came before it was heard by nobody */
}

static void one_step(struct world *w)
{
    switch (rnd(w, 5)) {
    case 0:
        driver_posts(w);
        break;
    case 1:
        if (w->interrupted) {
            w->interrupted = 0;
            driver_reaps(w);
        }
        break;
    case 2:
        if (w->kicked) {
            w->kicked = 0;
            device_takes(w);
        }
        break;
    case 3:
        device_answers(w);
        break;
    default:
        if (rnd(w, 16) == 0) {
            device_restarts(w);
        }
        break;
    }
}

/* Everything comes to rest with nothing left anywhere: no wake-up was lost. */
static void settle(struct world *w)
{
    unsigned rounds;

    for (rounds = 0; rounds < 1000 && (w->kicked || w->nheld || w->interrupted);
         rounds++) {
        if (w->kicked) {
            w->kicked = 0;
            device_takes(w);
        }
        device_answers(w);
        if (w->interrupted) {
            w->interrupted = 0;
            driver_reaps(w);
        }
    }
    assert_int_equal(w->in_flight, 0);
    assert_int_equal(w->posted, w->answered);
}

static void trip(uint16_t size, uint64_t features)
{
    static struct world w;
    /* Only the indices of a split ring count that far. */
    int far = !(features & VGPIO_F_PACKED) && (size == 8 || size == MAX);
    unsigned long posts = far ? POSTS : POSTS / 16;
    unsigned i;

    world_start(&w, size, features, size * 2654435761u + (uint32_t)(features >> 26));
    for (i = 0; w.posted < posts; i++) {
        one_step(&w);
        if (i % 97 == 0) {
            settle(&w);
        }
    }
    settle(&w);
}

static void trips(uint64_t features)
{
    static const uint16_t any[] = {1, 2, 3, 4, 5, 7, 8, 33, 63, MAX};
    uint16_t size;
    size_t i;

    for (size = features & VGPIO_F_INDIRECT ? 1 : 2; VGPIO_CFG_SPLIT && size <= MAX;
         size = (uint16_t)(2 * size)) {
        trip(size, features);
    }
    for (i = features & VGPIO_F_INDIRECT ? 0 : 1;
         VGPIO_CFG_PACKED && i < sizeof any / sizeof any[0]; i++) {
        trip(any[i], features | VGPIO_F_PACKED);
    }
}

static void test_plain(void **state)
{
    (void)state;
    trips(0);
}

static void test_platform_order(void **state)
{
    (void)state;
    trips(VGPIO_F_ORDER_PLATFORM);
}

static void test_event_idx(void **state)
{
    (void)state;
    trips(VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0);
}

static void test_indirect(void **state)
{
    (void)state;
    trips(VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0);
}

static void test_event_idx_and_indirect(void **state)
{
    (void)state;
    trips((VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0) |
          (VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0));
}

static void test_in_order(void **state)
{
    const uint64_t in_order = VGPIO_CFG_IN_ORDER ? VGPIO_F_IN_ORDER : 0;

    (void)state;
    trips(in_order);
    trips(in_order | (VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0) |
          (VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0));
}

/* Three chains on a ring whose device holds them all. */
static void three(struct world *w, uint64_t features, struct vgpio_taken t[3])
{
    unsigned i;

    for (i = 0; i < 3; i++) {
        const struct vgpio_seg segs[2] = {{cell(w, (uint16_t)i), 8},
                                          {cell(w, (uint16_t)i) + 8, 2}};

        assert_int_equal(
            features & VGPIO_F_INDIRECT
                ? vgpio_drvq_add_indirect(&w->drv, host(w, segs[0].addr) + 16,
                                          segs[0].addr + 16, segs, 1, 1, (uint16_t)i)
                : vgpio_drvq_add(&w->drv, segs, 1, 1, (uint16_t)i),
            0);
    }
    assert_int_equal(vgpio_drvq_publish(&w->drv, NULL), 1);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_devq_take(&w->dev, &t[i], 8, 1), 1);
    }
}

/* A device of ours does not break its promise, also after a restart: what is not the next
 * one is refused, and nothing changes. */
static void refuses(uint16_t size, uint64_t features)
{
    static struct world w;
    struct vgpio_taken t[3];
    unsigned round, i, k;
    uint32_t written;
    uint16_t slot;

    world_start(&w, size, features | VGPIO_F_IN_ORDER, 1);
    for (round = 0; round < 4u * size; round++) {
        three(&w, features, t);
        for (i = 0; i < 3; i++) {
            for (k = 0; k < 3; k++) {
                if (k != i) {
                    assert_int_equal(vgpio_devq_answer(&w.dev, &t[k], 1),
                                     VGPIO_ERR_INVAL);
                }
            }
            assert_int_equal(vgpio_devq_answer(&w.dev, &t[i], 1), 0);
            if (i == round % 4) {
                assert_true(vgpio_devq_publish(&w.dev) >= 0);
                device_restarts(&w);
            }
        }
        assert_true(vgpio_devq_publish(&w.dev) >= 0);
        for (i = 0; i < 3; i++) {
            assert_int_equal(vgpio_drvq_get(&w.drv, &slot, &written), 1);
            assert_int_equal(slot, i);
            assert_int_equal(written, 2);
        }
        assert_int_equal(vgpio_drvq_get(&w.drv, &slot, &written), 0);
    }
    /* One popped, given back and popped again has the same place. */
    three(&w, features, t);
    vgpio_devq_unpop(&w.dev, t[2].head);
    assert_int_equal(vgpio_devq_take(&w.dev, &t[1], 8, 1), 1);
    assert_int_equal(t[1].head.id, t[2].head.id);
}

static void test_out_of_order_is_refused(void **state)
{
    const uint64_t table = VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0;

    (void)state;
    if (VGPIO_CFG_IN_ORDER && VGPIO_CFG_SPLIT) {
        refuses(8, 0);
        refuses(8, table);
    }
    if (VGPIO_CFG_IN_ORDER && VGPIO_CFG_PACKED) {
        refuses(7, VGPIO_F_PACKED);
        refuses(7, VGPIO_F_PACKED | table);
    }
}

/* Three chains go back as `order` says, with a publication after those pushes whose bit
 * is set in `when`. Whatever a device makes of that promise, a driver gives its chains
 * back in the order in which it added them, none twice; all are back, or the queue is
 * broken. */
static void out_of_order(uint64_t layout, const uint8_t order[3], unsigned when)
{
    static struct world w;
    struct vgpio_taken t[3];
    unsigned i, back = 0, sorted = order[0] < order[1] && order[1] < order[2];
    struct vgpio_vq_setup freely;
    uint32_t written;
    uint16_t slot;
    int n = 0;

    world_start(&w, 8, layout | VGPIO_F_IN_ORDER, 1);
    freely = w.setup; /* a device that made that promise and knows nothing of it */
    freely.features = layout;
    vgpio_devq_stop(&w.dev, NULL);
    assert_int_equal(vgpio_devq_start(&w.dev, &w.mem, &freely), 0);
    three(&w, 0, t);
    for (i = 0; i < 3; i++) {
        assert_int_equal(vgpio_devq_answer(&w.dev, &t[order[i]], 1), 0);
        if ((when >> i & 1u) != 0 || i == 2) {
            assert_true(vgpio_devq_publish(&w.dev) >= 0);
            while ((n = vgpio_drvq_get(&w.drv, &slot, &written)) > 0) {
                assert_int_equal(slot, back++);
                assert_true(written == 2 || (!sorted && written == VGPIO_WRITTEN_ALL));
            }
        }
    }
    assert_true(n == VGPIO_ERR_PROTO ? !sorted : n == 0 && back == 3);
    /* One that goes back alone, before its turn, says more than the index does. */
    assert_true(order[0] == 0 || layout != 0 || (when & 1u) == 0 || n == VGPIO_ERR_PROTO);
    assert_int_equal(vgpio_drvq_get(&w.drv, &slot, &written), n);
}

static void test_out_of_order(void **state)
{
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    unsigned i, when;

    (void)state;
    for (i = 0; VGPIO_CFG_IN_ORDER && i < 6; i++) {
        for (when = 0; when < 4; when++) {
            if (VGPIO_CFG_SPLIT) {
                out_of_order(0, orders[i], when);
            }
            if (VGPIO_CFG_PACKED) {
                out_of_order(VGPIO_F_PACKED, orders[i], when);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_platform_order),
        cmocka_unit_test(test_event_idx),
        cmocka_unit_test(test_indirect),
        cmocka_unit_test(test_event_idx_and_indirect),
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_out_of_order_is_refused),
        cmocka_unit_test(test_out_of_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
