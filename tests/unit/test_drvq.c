/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's face of a split queue, against a device that writes bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#define SIZE_MAX_TEST 256u
#define DMA 0x4000000000u

struct world {
    _Alignas(64) uint8_t ram[VGPIO_RING_BYTES(SIZE_MAX_TEST)];
    struct vgpio_drvq_slot slots[SIZE_MAX_TEST];
    struct vgpio_vq_setup setup;
    struct vgpio_drvq q;
};

static void world_start(struct world *w, uint16_t size, uint64_t features)
{
    memset(w, 0xa5, sizeof *w);
    memset(&w->setup, 0, sizeof w->setup);
    w->setup.size = size;
    w->setup.features = features;
    vgpio_drvq_layout(&w->setup, DMA);
    assert_int_equal(vgpio_drvq_init(&w->q, w->ram, w->slots, &w->setup), 0);
}

static void test_add_and_get(void **state)
{
    static struct world w;
    const struct vgpio_seg segs[2] = {{DMA + 0x1000, 8}, {DMA + 0x1008, 2}};
    uint16_t slot;
    uint32_t written;

    (void)state;
    world_start(&w, 4, 0);
    assert_int_equal(vgpio_drvq_get(&w.q, &slot, &written), 0);
    assert_int_equal(vgpio_drvq_add(&w.q, segs, 1, 1, 7), 0);
    assert_int_equal(vgpio_drvq_publish(&w.q, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_get),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
