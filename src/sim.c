/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/sim.h>
#include <virtiogpio/wire.h>

#include "internal.h"
#include "port.h"

int vgpio_sim_init_abi(struct vgpio_sim *sim, const struct vgpio_sim_config *cfg,
                       uint64_t abi)
{
    struct vgpio_sim_config c;
    uint16_t i;

    if (vgpio_abi_size(abi, 0) < sizeof *sim || vgpio_abi_size(abi, 1) > sizeof c ||
        vgpio_abi_size(abi, 2) != sizeof *c.lines) {
        return VGPIO_ERR_ABI;
    }
    memset(&c, 0, sizeof c);
    memcpy(&c, cfg, vgpio_abi_size(abi, 1));
    if (c.lines == NULL || c.nlines == 0) {
        return VGPIO_ERR_INVAL;
    }
    sim->sink = c.sink;
    sim->lines = c.lines;
    sim->nlines = c.nlines;
    sim->on_change = c.on_change;
    sim->ctx = c.ctx;
    for (i = 0; i < sim->nlines; i++) {
        static const struct vgpio_sim_line idle = {0, VGPIO_DIR_NONE, 0, 0, 0};
        sim->lines[i] = idle;
    }
    return 0;
}

static unsigned level_of(const struct vgpio_sim_line *l)
{
    return l->dir == VGPIO_DIR_OUT ? l->out : l->pull;
}

static void report(struct vgpio_sim *sim, uint16_t line, unsigned edges, unsigned level)
{
    /* A line the device does not have, or a device in reset: nothing to do about it. */
    if (sim->sink.ops != NULL) {
        (void)sim->sink.ops->change(sim->sink.obj, line, edges, level);
    }
}

/* Those who watch hear of a level that is not what it was. */
static void show(struct vgpio_sim *sim, uint16_t line, struct vgpio_sim_line *l,
                 unsigned now)
{
    l->changes++;
    if (sim->on_change != NULL) {
        sim->on_change(sim->ctx, line, now);
    }
}

/* And so does the device. */
static void moved(struct vgpio_sim *sim, uint16_t line, struct vgpio_sim_line *l)
{
    unsigned now = level_of(l);

    show(sim, line, l, now);
    report(sim, line, now != 0 ? VGPIO_RISING : VGPIO_FALLING, now);
}

/* Tell of a direction, whatever it did to the level, which was `before`. */
static void turned(struct vgpio_sim *sim, uint16_t line, unsigned before)
{
    struct vgpio_sim_line *l = &sim->lines[line];

    if (level_of(l) != before) {
        moved(sim, line, l);
    } else if (sim->on_change != NULL) {
        sim->on_change(sim->ctx, line, before);
    }
}

int vgpio_sim_pull(struct vgpio_sim *sim, uint16_t line, unsigned level)
{
    struct vgpio_sim_line *l;
    unsigned before;

    if (line >= sim->nlines || level > VGPIO_PULL_UP) {
        return VGPIO_ERR_INVAL;
    }
    l = &sim->lines[line];
    before = level_of(l);
    l->pull = (uint8_t)level;
    if (level_of(l) != before) {
        moved(sim, line, l);
    }
    return 0;
}

int vgpio_sim_pulse(struct vgpio_sim *sim, uint16_t line)
{
    struct vgpio_sim_line *l;
    unsigned level;

    if (line >= sim->nlines) {
        return VGPIO_ERR_INVAL;
    }
    l = &sim->lines[line];
    if (l->dir != VGPIO_DIR_OUT) {
        level = l->pull;
        l->changes += 2;
        if (sim->on_change != NULL) {
            sim->on_change(sim->ctx, line, level ^ 1u);
            sim->on_change(sim->ctx, line, level);
        }
        report(sim, line, VGPIO_RISING | VGPIO_FALLING, level);
    }
    return 0;
}

int vgpio_sim_level(const struct vgpio_sim *sim, uint16_t line)
{
    return line < sim->nlines ? (int)level_of(&sim->lines[line]) : VGPIO_ERR_INVAL;
}

int vgpio_sim_direction(const struct vgpio_sim *sim, uint16_t line)
{
    return line < sim->nlines ? (int)sim->lines[line].dir : VGPIO_ERR_INVAL;
}

/* --- as a backend: `line` comes from a device that may have more lines than we --- */

static int sim_get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    (void)token;
    return vgpio_sim_direction(ctx, line);
}

static int sim_set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out_value,
                             vgpio_token token)
{
    struct vgpio_sim *sim = ctx;
    struct vgpio_sim_line *l;
    unsigned before;

    (void)token;
    if (line >= sim->nlines) {
        return VGPIO_ERR_INVAL;
    }
    l = &sim->lines[line];
    before = level_of(l);
    l->dir = (uint8_t)dir;
    l->out = dir == VGPIO_DIR_OUT ? (uint8_t)out_value : 0;
    turned(sim, line, before);
    return 0;
}

static int sim_get_value(void *ctx, uint16_t line, vgpio_token token)
{
    (void)token;
    return vgpio_sim_level(ctx, line);
}

static int sim_set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    struct vgpio_sim *sim = ctx;
    struct vgpio_sim_line *l;
    unsigned before;

    (void)token;
    if (line >= sim->nlines) {
        return VGPIO_ERR_INVAL;
    }
    l = &sim->lines[line];
    before = l->out;
    l->out = (uint8_t)value;
    if (value != before && l->dir == VGPIO_DIR_OUT) {
        show(sim, line, l, value); /* the device knows what it set */
    }
    return 0;
}

static int sim_set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    struct vgpio_sim *sim = ctx;

    (void)token;
    if (line >= sim->nlines) {
        return VGPIO_ERR_INVAL;
    }
    if (type == VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW) {
        report(sim, line, 0, level_of(&sim->lines[line]));
    }
    return 0;
}

static void sim_reset(void *ctx)
{
    struct vgpio_sim *sim = ctx;
    uint16_t i;

    for (i = 0; i < sim->nlines; i++) {
        struct vgpio_sim_line *l = &sim->lines[i];
        unsigned before = level_of(l);
        int moved = l->dir != VGPIO_DIR_NONE;

        l->dir = VGPIO_DIR_NONE;
        l->out = 0;
        if (moved) {
            turned(sim, i, before);
        }
    }
}

const struct vgpio_line_ops vgpio_sim_ops = {sizeof(struct vgpio_line_ops),
                                             sim_get_direction,
                                             sim_set_direction,
                                             sim_get_value,
                                             sim_set_value,
                                             sim_set_irq_type,
                                             NULL,
                                             sim_reset};
