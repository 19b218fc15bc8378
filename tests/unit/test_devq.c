/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's face of a split queue, against a driver that writes bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#include "ring_peer.h"

#define GPA 0x80000000u
#define MEM_SIZE 0x10000u
#define OUT (GPA + 0x8000u)
#define IN (GPA + 0x9000u)

struct world {
    struct peer_mem m;
    struct ring_peer p;
    struct vgpio_devq q;
    struct vgpio_chain c;
};

static void world_init(struct world *w, uint16_t size, uint64_t features)
{
    memset(w, 0, sizeof *w);
    peer_mem_init(&w->m, GPA, MEM_SIZE);
    ring_peer_init(&w->p, &w->m, GPA, size, features);
}

static void world_start(struct world *w, uint16_t size, uint64_t features)
{
    world_init(w, size, features);
    assert_int_equal(vgpio_devq_start(&w->q, &w->m.ops, &w->p.setup), 0);
}

static void world_end(struct world *w)
{
    vgpio_devq_stop(&w->q, NULL);
    assert_int_equal(w->m.live, 0);
    peer_mem_free(&w->m);
}

static void test_request_and_answer(void **state)
{
    struct world w;
    uint8_t buf[8];
    uint64_t status, value;
    uint32_t id, len, room;

    (void)state;
    world_start(&w, 4, 0);
    memcpy(peer_at(&w.m, OUT, 8), "abcdefgh", 8);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 0);
    ring_peer_request(&w.p, 2, OUT, 8, IN, 2);
    assert_int_equal(vgpio_devq_pop(&w.q, &w.c), 1);
    assert_int_equal(vgpio_chain_read(&w.c, buf, 8), 8);
    assert_memory_equal(buf, "abcdefgh", 8);
    assert_int_equal(vgpio_chain_where(&w.c, &status), 0);
    assert_int_equal(vgpio_chain_where(&w.c, &value), 0);
    assert_int_equal(status, IN);
    assert_int_equal(value, IN + 1);
    assert_int_equal(vgpio_chain_where(&w.c, &value), VGPIO_ERR_NOSPC);
    assert_int_equal(vgpio_chain_finish(&w.c, &room), 0);
    assert_int_equal(room, 0);
    assert_int_equal(vgpio_devq_push(&w.q, w.c.head, 2), 0);
    assert_int_equal(ring_peer_used_idx(&w.p), 0);
    assert_int_equal(vgpio_devq_publish(&w.q), 1);
    assert_int_equal(ring_peer_used(&w.p, &id, &len), 1);
    assert_int_equal(id, 2);
    assert_int_equal(len, 2);
    assert_int_equal(vgpio_devq_rearm(&w.q), 0);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
