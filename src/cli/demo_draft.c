/* SPDX-License-Identifier: BSD-3-Clause */
#include "demo_draft.h"

#include "cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/loop.h>
#include <virtiogpio/sync.h>

#define NREQ 4u
#define NIRQ 8u
#define LINES 3u
#define GPA UINT64_C(0x100000)

enum {
    LED,
    BUTTON,
    UNNAMED
};

struct draft_demo {
    FILE *out;
    bool utf8;
    struct bank bank;
    struct vgpio_loop loop;
    struct vgpio_drv drv;
    struct vgpio_sync sync;
    struct vgpio_drv_slot slots[NREQ + NIRQ];
    struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
    uint16_t irq_map[LINES];
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    uint8_t arena[VGPIO_DMA_SIZE(NREQ, NIRQ)];
    unsigned irqs, failures;
};

/* ---- telling ---- */

static const char *meaning(const struct vgpio_draft_msg *m)
{
    static const char *const names[] = {
        "",          "REQUEST",   "DIRECTION_INPUT", "DIRECTION_OUTPUT", "GET_DIRECTION",
        "GET_LEVEL", "SET_LEVEL", "RELEASE",         "SET_IRQ"};
    unsigned type = m->type & ~(unsigned)VGPIO_DRAFT_REPLY;

    return type == VGPIO_DRAFT_LEVEL ? "LEVEL" : type <= 8 ? names[type] : "?";
}

/* What the device read from its rings, or wrote to them. */
static void tell(struct draft_demo *d, bool from_driver, unsigned type, uint16_t line,
                 int32_t value)
{
    static const char *const arrows[2][2] = {{"<", ">"}, {"\u2190", "\u2192"}};
    struct vgpio_draft_msg m = {(uint16_t)type, line, value};
    uint8_t bytes[VGPIO_DRAFT_MSG_SIZE];
    unsigned i;

    vgpio_draft_msg_encode(bytes, &m);
    fprintf(d->out, "  %s queue %d  ", arrows[d->utf8][from_driver], from_driver);
    for (i = 0; i < sizeof bytes; i++) {
        fprintf(d->out, " %02x", bytes[i]);
    }
    fprintf(d->out, "  %s line %u%s %" PRId32 "\n", meaning(&m), line,
            from_driver                       ? ", value"
            : (type & VGPIO_DRAFT_REPLY) != 0 ? ": answer"
                                              : " is",
            value);
}

static void on_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct draft_demo *d = ctx;

    if (id == VGPIO_TR_REQUEST) {
        tell(d, true, a >> 16, (uint16_t)a, (int32_t)b);
    } else if (id == VGPIO_TR_ANSWER) {
        tell(d, false, a >> 16 | VGPIO_DRAFT_REPLY, (uint16_t)a, (int32_t)b);
    } else if (id == VGPIO_TR_LEVEL) {
        tell(d, false, VGPIO_DRAFT_LEVEL, (uint16_t)a, (int32_t)b);
    }
}

static void say(struct draft_demo *d, const char *text)
{
    fprintf(d->out, "\n%s\n", text);
}

static void expect(struct draft_demo *d, const char *what, long got, long wanted)
{
    if (got != wanted) {
        fflush(d->out);
        cli_error("%s: got %ld, wanted %ld", what, got, wanted);
        d->failures++;
    }
}

/* ---- the world ---- */

static int turn(void *ctx)
{
    struct draft_demo *d = ctx;
    const struct vgpio_vdev *dev = &d->bank.vdev;
    unsigned kicks = vgpio_loop_take_kicks(&d->loop);
    unsigned q;

    for (q = 0; q < 2; q++) {
        while ((kicks >> q & 1u) != 0 && dev->ops->kick(dev->obj, q) > 0) {
        }
    }
    return dev->ops->take_events(dev->obj) != 0 || kicks != 0 ? 0 : -1;
}

static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    struct draft_demo *d = ctx;

    if (ev->kind == VGPIO_IRQ) {
        d->irqs++;
        fprintf(d->out, "    the driver has an interrupt of line %u\n", ev->line);
    }
}

static void ask(struct draft_demo *d, unsigned type, uint16_t line, uint32_t value,
                int wanted)
{
    expect(d, "answer", vgpio_sync_call(&d->sync, type, line, value), wanted);
}

static void pull(struct draft_demo *d, unsigned level, unsigned irqs, const char *text)
{
    struct vgpio_drv_event ev;

    fprintf(d->out, "    %s\n", text);
    expect(d, "pull", bank_pull(&d->bank, BUTTON, level), 0);
    d->irqs = 0;
    do {
        while (vgpio_drv_poll(&d->drv, &ev) > 0) {
            on_event(d, &ev);
        }
        expect(d, "flush", vgpio_drv_flush(&d->drv), 0);
    } while (turn(d) == 0);
    expect(d, "interrupts", (long)d->irqs, (long)irqs);
}

static void show_config(struct draft_demo *d)
{
    uint8_t config[VGPIO_DRAFT_CONFIG_SIZE + 64];
    uint32_t size = d->bank.vdev.ops->config_size(d->bank.vdev.obj);
    uint32_t i;

    size = size < sizeof config ? size : (uint32_t)sizeof config;
    d->bank.vdev.ops->config_read(d->bank.vdev.obj, 0, config, size);
    say(d, "1  The configuration: version, lines, size of the names; a name; the names");
    for (i = 0; i < size; i++) {
        fprintf(d->out, "%s%02x%s", i % 16 == 0 ? "  " : " ", config[i],
                i % 16 == 15 || i + 1 == size ? "\n" : "");
    }
}

static void play(struct draft_demo *d)
{
    uint16_t line;

    show_config(d);
    expect(d, "start", vgpio_drv_start(&d->drv), 0);
    expect(d, "lines", vgpio_drv_ngpio(&d->drv), LINES);

    say(d, "2  Which way do they work? 0 is an output, 1 an input");
    for (line = 0; line < LINES; line++) {
        ask(d, VGPIO_MSG_GET_DIRECTION, line, 0, VGPIO_DIR_IN);
    }
    say(d, "3  An output: its first level goes with the direction");
    ask(d, VGPIO_MSG_SET_VALUE, LED, 1, 0);
    ask(d, VGPIO_MSG_SET_DIRECTION, LED, VGPIO_DIR_OUT, 0);
    expect(d, "driven", vgpio_sim_level(&d->bank.sim, LED), 1);
    ask(d, VGPIO_MSG_SET_VALUE, LED, 0, 0);
    expect(d, "driven", vgpio_sim_level(&d->bank.sim, LED), 0);

    say(d, "4  An input: every change is reported, the driver picks what was asked for");
    ask(d, VGPIO_MSG_SET_DIRECTION, BUTTON, VGPIO_DIR_IN, 0);
    ask(d, VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_EDGE_RISING, 0);
    expect(d, "unmask", vgpio_drv_unmask(&d->drv, BUTTON), 0);
    pull(d, 1, 1, "somebody presses the button");
    expect(d, "unmask", vgpio_drv_unmask(&d->drv, BUTTON), 0);
    pull(d, 0, 0, "and releases it");
    ask(d, VGPIO_MSG_GET_VALUE, BUTTON, 0, 0);
    ask(d, VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_NONE, 0);
    expect(d, "stop", vgpio_drv_stop(&d->drv), 0);
}

static int join(struct draft_demo *d)
{
    struct vgpio_drv_config c = {0};
    int err;

    d->region.gpa = GPA + ((uintptr_t)d->arena & (VGPIO_DMA_ALIGN - 1u));
    d->region.size = sizeof d->arena;
    d->region.hva = d->arena;
    d->table.region = &d->region;
    d->table.n = 1;
    d->mem.ops_size = sizeof d->mem;
    d->mem.ctx = &d->table;
    d->mem.map = vgpio_mem_table_map;
    c.dialect = &vgpio_draft_dialect;
    c.bus = &vgpio_loop_bus_ops;
    c.bus_ctx = &d->loop;
    c.dma = d->arena;
    c.dma_addr = d->region.gpa;
    c.dma_size = sizeof d->arena;
    c.slots = d->slots;
    c.ring = d->ring;
    c.nreq = NREQ;
    c.nirq = NIRQ;
    c.irq_map = d->irq_map;
    c.irq_map_len = LINES;
    d->sync.ops_size = sizeof d->sync;
    d->sync.drv = &d->drv;
    d->sync.wait = turn;
    d->sync.on_event = on_event;
    d->sync.ctx = d;
    err = vgpio_loop_init(&d->loop, d->bank.vdev, &d->mem);
    return err != 0 ? err : vgpio_drv_init(&d->drv, &c);
}

int demo_draft(FILE *out, bool utf8, enum bank_dialect dialect)
{
    struct draft_demo *d = calloc(1, sizeof *d);
    char why[256] = "out of memory";
    int code = CLI_FAILED;

    if (d == NULL ||
        bank_init(&d->bank, dialect, "led,button,", 0, why, sizeof why) < 0) {
        cli_error("%s", why);
    } else if (join(d) != 0) {
        cli_error("the demo's own driver does not start");
    } else {
        d->out = out;
        d->utf8 = utf8;
        d->bank.on_trace = on_trace;
        d->bank.counts.each = 1;
        d->bank.watch_ctx = d;
        play(d);
        code = d->failures == 0 ? CLI_OK : CLI_FAILED;
        fprintf(out, "\n%s\n",
                d->failures == 0 ? "Every answer was as expected."
                                 : "NOT every answer was as expected.");
    }
    if (d != NULL) {
        bank_free(&d->bank);
    }
    free(d);
    return code;
}
