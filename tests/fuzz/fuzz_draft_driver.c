/* SPDX-License-Identifier: BSD-3-Clause */
/* A hostile device of the draft, and a user who calls in any order.
 *
 * Asserted: every cookie comes back exactly once, unless cancelled, with a result that
 * the request can have; interrupts come only for lines that are enabled and unmasked, and
 * mask them; an error that is fatal stays until stop; nothing is touched outside the
 * arena (ASan). */
#include "hostile_bus.h"

#define COOKIES 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fuzz {
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[HB_NREQ + HB_NIRQ];
    struct vgpio_drvq_slot ring[2 * (HB_NREQ + HB_NIRQ)];
    uint16_t irq_map[HB_LINES];
    uint8_t names[64];
    uint8_t out[COOKIES]; /* 1 + its type: on its way */
    uint8_t next;
    uint8_t irq[HB_LINES], unmasked[HB_LINES];
} f;

static void event(const struct vgpio_drv_event *ev)
{
    uintptr_t i = (uintptr_t)ev->cookie;

    MUST(ev->line < HB_LINES);
    if (ev->kind == VGPIO_IRQ) {
        MUST(ev->result == 0 && f.irq[ev->line] == ev->type && f.unmasked[ev->line]);
        f.unmasked[ev->line] = 0;
        return;
    }
    MUST(ev->kind == VGPIO_DONE && i < COOKIES && f.out[i] == 1 + ev->type);
    f.out[i] = 0;
    switch (ev->type) {
    case VGPIO_MSG_GET_DIRECTION:
        MUST(ev->result <= VGPIO_DIR_IN);
        break;
    case VGPIO_MSG_GET_VALUE:
        MUST(ev->result <= 1);
        break;
    case VGPIO_MSG_GET_LINE_NAMES:
        MUST(ev->result == HB_LINES || ev->result == VGPIO_ERR_STALE);
        break;
    default:
        MUST(ev->result <= 0);
        break;
    }
    if (ev->type == VGPIO_MSG_SET_IRQ_TYPE && ev->result < 0 &&
        vgpio_drv_unmask(&f.drv, ev->line) != 0) {
        f.irq[ev->line] = f.unmasked[ev->line] = 0; /* refused: off again */
    } else if (ev->type == VGPIO_MSG_SET_IRQ_TYPE && ev->result < 0) {
        f.unmasked[ev->line] = 1; /* a later one counts */
    }
}

static void submit(unsigned what)
{
    unsigned type = 1 + what % 6u, value = hb_in();
    uint16_t line = (uint16_t)(what >> 4 & 3u);
    uint8_t i = f.next++;
    int err;

    if (f.out[i] != 0) {
        return;
    }
    if (type == VGPIO_MSG_GET_LINE_NAMES) {
        err = vgpio_drv_read_names(&f.drv, f.names, 0, sizeof f.names,
                                   (void *)(uintptr_t)i);
    } else {
        err = vgpio_drv_submit(&f.drv, type, line, value & 15u, (void *)(uintptr_t)i);
    }
    if (err != 0) {
        return;
    }
    f.out[i] = (uint8_t)(1 + type);
    if (type == VGPIO_MSG_SET_IRQ_TYPE) {
        f.irq[line] = value & 15u;
        f.unmasked[line] = 0;
    }
}

static void restart(void)
{
    struct vgpio_drv_event ev;
    unsigned i;

    MUST(vgpio_drv_stop(&f.drv) == 0);
    while (vgpio_drv_poll(&f.drv, &ev) > 0) {
        MUST(ev.result == VGPIO_ERR_STALE);
        event(&ev);
    }
    for (i = 0; i < COOKIES; i++) {
        MUST(f.out[i] == 0);
    }
    memset(f.irq, 0, sizeof f.irq);
    memset(f.unmasked, 0, sizeof f.unmasked);
    (void)vgpio_drv_start(&f.drv);
}

static void cancel(uint8_t i)
{
    if (vgpio_drv_cancel(&f.drv, (void *)(uintptr_t)i) == 0) {
        MUST(f.out[i] != 0);
        f.out[i] = 0;
    }
}

static void step(void)
{
    struct vgpio_drv_event ev;
    unsigned what = hb_in();
    int n;

    switch (what & 7u) {
    case 0:
    case 1:
        hb_act(hb_in());
        break;
    case 2:
        submit(what >> 3 | hb_in() << 5);
        break;
    case 3:
        n = vgpio_drv_poll(&f.drv, &ev);
        if (n > 0) {
            event(&ev);
        } else if (n < 0) {
            MUST(n <= VGPIO_ERR_FATAL && vgpio_drv_flush(&f.drv) == n);
        }
        break;
    case 4:
        (void)vgpio_drv_flush(&f.drv);
        break;
    case 5:
        if (vgpio_drv_unmask(&f.drv, what >> 3 & 3u) == 0) {
            f.unmasked[what >> 3 & 3u] = 1;
        }
        break;
    case 6:
        (void)vgpio_drv_rearm(&f.drv);
        (void)vgpio_drv_config_changed(&f.drv);
        break;
    default:
        if (what >> 3 == 31) {
            restart();
        } else {
            cancel((uint8_t)hb_in());
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vgpio_drv_config c;

    memset(&f, 0, sizeof f);
    hb_begin(data, size);
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
    while (hb.left != 0) {
        step();
    }
    restart();
    return 0;
}
