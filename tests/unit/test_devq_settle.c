/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes before sleep in one call, vgpio_devq_settle(): both layouts, the short way
 * (memory is a table of regions) and the general one. All orders in which it and a driver
 * can meet: tests/property/ordering. */
#include "devq_world.h"
#include "ring.h"

#if VGPIO_CFG_FAST

#define NOTHING 0u
#define INTERRUPT VGPIO_SETTLE_INTERRUPT
#define MORE VGPIO_SETTLE_MORE
#define SIZE 8u

struct side {
    struct world w;
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    int packed;
    uint16_t next; /* head, or buffer id */
};

static void begin(struct side *s, int packed, int quick, uint64_t features)
{
    memset(s, 0, sizeof *s);
    if (packed) {
        packed_init(&s->w, SIZE, features);
    } else {
        world_init(&s->w, SIZE, features);
    }
    s->packed = packed;
    s->region = (struct vgpio_mem_region){WORLD_GPA, WORLD_SIZE, s->w.m.base};
    s->table = (struct vgpio_mem_table){&s->region, 1};
    s->mem =
        (struct vgpio_mem){sizeof s->mem, &s->table, vgpio_mem_table_map, NULL, NULL};
    assert_int_equal(vgpio_devq_start(&s->w.q, quick ? &s->mem : &s->w.m.ops,
                                      packed ? &s->w.k.setup : &s->w.p.setup),
                     0);
}

static void post(struct side *s)
{
    if (s->packed) {
        packed_peer_request(&s->w.k, s->next, OUT, 8, IN, 2);
    } else {
        ring_peer_request(&s->w.p, s->next, OUT, 8, IN, 2);
    }
    s->next = (uint16_t)((s->next + 2u) % SIZE);
}

static void serve(struct side *s)
{
    struct vgpio_taken t;

    assert_int_equal(vgpio_devq_take(&s->w.q, &t, 8, 1), 1);
    t.answer[0] = t.answer[1] = 1;
    assert_int_equal(vgpio_devq_answer(&s->w.q, &t, 1), 0);
}

/* How many answers the driver finds. */
static unsigned answers(struct side *s)
{
    uint32_t id, len;
    uint16_t buffer;
    unsigned n = 0;

    while (s->packed ? packed_peer_used(&s->w.k, 2, &buffer, &len)
                     : ring_peer_used(&s->w.p, &id, &len)) {
        n++;
    }
    return n;
}

/* Is that what the device waits for now: the chain behind those that were posted? */
static int asks_for_the_next(struct side *s)
{
    if (s->packed) {
        return packed_peer_event(&s->w.k) ==
               (s->w.k.avail | (uint32_t)PEER_EVENT_DESC << 16);
    }
    return ring_peer_avail_event(&s->w.p) == s->w.p.avail_idx;
}

/* The driver wants to hear of the chain it posts next. */
static void wish(struct side *s)
{
    if (s->packed) {
        packed_peer_set_event(&s->w.k, s->w.k.avail, PEER_EVENT_DESC);
    } else {
        ring_peer_set_used_event(&s->w.p, s->w.p.avail_idx);
    }
}

/* A driver that misleads: what it posted is not there any more, or is again. */
static void take_back(struct side *s, int back)
{
    if (s->packed) {
        peer_put16(&s->w.m, packed_peer_at(&s->w.k, s->w.k.avail) + 14,
                   (uint16_t)(back ? 0 : 0x80u | PEER_NEXT));
    } else {
        ring_peer_set_avail_idx(&s->w.p, (uint16_t)(s->w.p.avail_idx + !back));
    }
}

static void each(uint64_t features, void (*test)(struct side *s))
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        int packed = (i & 1u) != 0;
        struct side s;

        if (packed ? VGPIO_CFG_PACKED : VGPIO_CFG_SPLIT) {
            begin(&s, packed, (i & 2u) != 0, features | (packed ? VGPIO_F_PACKED : 0));
            test(&s);
            world_end(&s.w);
        }
    }
}

static void one_at_a_time(struct side *s)
{
    unsigned i;

    assert_int_equal(vgpio_devq_settle(&s->w.q), NOTHING);
    for (i = 0; i < 3 * SIZE; i++) {
        assert_true(!EVENT_IDX || asks_for_the_next(s));
        wish(s);
        post(s);
        serve(s);
        assert_int_equal(answers(s), 0);
        assert_int_equal(vgpio_devq_settle(&s->w.q), INTERRUPT);
        assert_int_equal(answers(s), 1);
        assert_int_equal(vgpio_devq_settle(&s->w.q), NOTHING);
    }
    assert_int_equal(vgpio_devq_publish(&s->w.q), 0); /* nothing is left for it */
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    each(EVENT_IDX, one_at_a_time);
}

static void flags(struct side *s)
{
    uint64_t device = s->packed ? s->w.k.setup.device : s->w.p.setup.device;

    peer_put32(&s->w.m, device, s->packed ? 0x10000u : 1u); /* by a device that is gone */
    assert_int_equal(vgpio_devq_settle(&s->w.q), NOTHING);
    assert_int_equal(peer_get32(&s->w.m, device), 0);
    post(s);
    serve(s);
    assert_int_equal(vgpio_devq_settle(&s->w.q), INTERRUPT);
    if (s->packed) {
        packed_peer_set_event(&s->w.k, 0, PEER_EVENT_DISABLE);
    } else {
        ring_peer_set_avail_flags(&s->w.p, 1);
    }
    post(s);
    serve(s);
    assert_int_equal(vgpio_devq_settle(&s->w.q), NOTHING);
    assert_int_equal(answers(s), 2);
}

static void test_without_event_idx(void **state)
{
    (void)state;
    each(0, flags);
}

/* The first publication is always announced; then it is the driver's wish that counts. */
static void not_wanted(struct side *s)
{
    wish(s);
    post(s);
    serve(s);
    assert_int_equal(vgpio_devq_settle(&s->w.q), INTERRUPT);
    post(s);
    serve(s);
    assert_int_equal(vgpio_devq_settle(&s->w.q), NOTHING);
    assert_int_equal(answers(s), 2);
    assert_true(asks_for_the_next(s));
}

static void test_not_wanted(void **state)
{
    (void)state;
    if (EVENT_IDX) {
        each(EVENT_IDX, not_wanted);
    }
}

/* Then it is no time to sleep, nor to publish. */
static void more_is_waiting(struct side *s)
{
    post(s);
    post(s);
    serve(s);
    world_snap(&s->w);
    assert_int_equal(vgpio_devq_settle(&s->w.q), MORE);
    assert_untouched(&s->w);
    serve(s);
    assert_int_equal(vgpio_devq_settle(&s->w.q), INTERRUPT);
    assert_int_equal(answers(s), 2);
}

static void test_more_is_waiting(void **state)
{
    (void)state;
    each(EVENT_IDX, more_is_waiting);
}

/* What was there at one look is gone at the next: it is slept after all, and nothing that
 * is answered is lost. */
static void taken_back(struct side *s)
{
    struct vgpio_taken t;

    if (!(s->w.q.flags & VQ_FAST)) {
        return; /* the general way of a split ring keeps to the index that it saw */
    }
    post(s);
    serve(s);
    take_back(s, 0);
    assert_int_equal(vgpio_devq_settle(&s->w.q), MORE);
    take_back(s, 1);
    assert_int_equal(vgpio_devq_take(&s->w.q, &t, 8, 1), 0);
    assert_int_equal(vgpio_devq_settle(&s->w.q), INTERRUPT);
    assert_int_equal(answers(s), 1);
}

static void test_taken_back(void **state)
{
    (void)state;
    each(EVENT_IDX, taken_back);
}

/* It does not say why, the next take does; what is staged is published all the same. */
static void broken(struct side *s)
{
    struct vgpio_taken t;

    post(s);
    serve(s);
    if (s->packed) { /* a chain that ends nowhere */
        packed_peer_desc(&s->w.k, OUT, 8, PEER_NEXT, 0);
    } else {
        ring_peer_set_avail_idx(&s->w.p, SIZE + 2u);
    }
    assert_int_equal(vgpio_devq_settle(&s->w.q), MORE);
    assert_int_equal(vgpio_devq_take(&s->w.q, &t, 8, 1), VGPIO_ERR_PROTO);
    world_snap(&s->w);
    assert_int_equal(vgpio_devq_settle(&s->w.q), MORE);
    assert_untouched(&s->w);
    assert_int_equal(vgpio_devq_publish(&s->w.q), 1);
    assert_int_equal(answers(s), 1);
}

static void test_a_broken_queue(void **state)
{
    (void)state;
    each(EVENT_IDX, broken);
}

static void stopped(struct side *s)
{
    struct vgpio_taken t;

    post(s);
    serve(s);
    vgpio_devq_stop(&s->w.q, NULL);
    world_snap(&s->w);
    assert_int_equal(vgpio_devq_settle(&s->w.q), MORE);
    assert_untouched(&s->w);
    assert_int_equal(vgpio_devq_take(&s->w.q, &t, 8, 1), VGPIO_ERR_STATE);
}

static void test_a_stopped_queue(void **state)
{
    (void)state;
    each(EVENT_IDX, stopped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),   cmocka_unit_test(test_without_event_idx),
        cmocka_unit_test(test_not_wanted),      cmocka_unit_test(test_more_is_waiting),
        cmocka_unit_test(test_taken_back),      cmocka_unit_test(test_a_broken_queue),
        cmocka_unit_test(test_a_stopped_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* That library has no such call. */
int main(void)
{
    return 0;
}

#endif
