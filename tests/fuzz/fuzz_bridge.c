/* SPDX-License-Identifier: BSD-3-Clause */
/* A bridge between a device that asks in any order and a hostile device of the draft.
 *
 * Asserted: each token is completed exactly once, unless upstream was reset; results are
 * those of the op; reports have legal arguments; nothing is touched outside the arena. */
#include <virtiogpio/bridge.h>

#include "hostile_bus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzz {
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[HB_NREQ + HB_NIRQ];
    struct vgpio_drvq_slot ring[2 * (HB_NREQ + HB_NIRQ)];
    uint16_t irq_map[HB_LINES];
    struct vgpio_bridge bridge;
    struct vgpio_bridge_line lines[HB_LINES];
    vgpio_token next, out[HB_LINES]; /* 0: none on its way */
    uint8_t inside;
} f;

static int complete(void *obj, vgpio_token token, int result)
{
    unsigned line = token & 3u;

    (void)obj;
    MUST(f.inside && token != 0 && f.out[line] == token);
    MUST(result <= VGPIO_DIR_IN && result != VGPIO_PENDING);
    f.out[line] = 0;
    return 0;
}

static int change(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    (void)obj;
    MUST(f.inside && line < HB_LINES && edges <= 3 && level <= 2);
    if ((hb_in() & 1u) != 0) {
        vgpio_bridge_ops.unmask(&f.bridge, line);
    }
    return 0;
}

static const struct vgpio_sink_ops sink_ops = {sizeof sink_ops, complete, change};

static void ask(unsigned what)
{
    static const uint8_t types[] = {0, 1, 2, 3, 4, 8};
    uint16_t line = (uint16_t)(what & 3u);
    unsigned arg = hb_in();
    vgpio_token t;
    int n;

    if (f.out[line] != 0) {
        return;
    }
    f.next += 4;
    t = f.next | line;
    f.out[line] = t;
    switch (what >> 2 & 7u) {
    case 0:
        n = vgpio_bridge_ops.get_direction(&f.bridge, line, t);
        break;
    case 1:
        n = vgpio_bridge_ops.set_direction(&f.bridge, line, arg % 3u,
                                           arg % 3u == 1 ? arg >> 7 : 0u, t);
        break;
    case 2:
        n = vgpio_bridge_ops.get_value(&f.bridge, line, t);
        break;
    case 3:
        n = vgpio_bridge_ops.set_value(&f.bridge, line, arg & 1u, t);
        break;
    default:
        n = vgpio_bridge_ops.set_irq_type(&f.bridge, line, types[arg % 6u], t);
        break;
    }
    MUST(n == VGPIO_PENDING || n <= 0);
    if (n != VGPIO_PENDING) {
        f.out[line] = 0;
    }
}

static void step(void)
{
    unsigned what = hb_in();

    switch (what & 7u) {
    case 0:
    case 1:
    case 2:
        hb_act(hb_in());
        break;
    case 3:
    case 4:
        ask(what >> 3);
        break;
    case 5:
        vgpio_bridge_ops.unmask(&f.bridge, what >> 3 & 3u);
        break;
    case 6:
        (void)vgpio_bridge_run(&f.bridge);
        break;
    default:
        if (what == 0xff) {
            memset(f.out, 0, sizeof f.out);
            vgpio_bridge_ops.reset(&f.bridge);
        } else {
            (void)vgpio_bridge_run(&f.bridge);
        }
        break;
    }
}

static void join(void)
{
    struct vgpio_bridge_config bc;
    struct vgpio_drv_config c;

    memset(&c, 0, sizeof c);
    c.dialect = &vgpio_draft_dialect;
    c.bus = &hb_ops;
    c.dma = hb.arena;
    c.dma_addr = HB_GPA;
    c.dma_size = HB_ARENA;
    c.slots = f.slots;
    c.ring = f.ring;
    c.nreq = HB_NREQ;
    c.nirq = HB_NIRQ;
    c.irq_map = f.irq_map;
    c.irq_map_len = HB_LINES;
    MUST(vgpio_drv_init(&f.drv, &c) == 0);
    MUST(vgpio_drv_start(&f.drv) == 0);
    memset(&bc, 0, sizeof bc);
    bc.drv = &f.drv;
    bc.sink.ops = &sink_ops;
    bc.lines = f.lines;
    bc.nlines = HB_LINES;
    MUST(vgpio_bridge_init(&f.bridge, &bc) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&f, 0, sizeof f);
    hb_begin(data, size);
    join();
    f.inside = 1;
    while (hb.left != 0) {
        step();
    }
    return 0;
}
