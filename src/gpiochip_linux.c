/* SPDX-License-Identifier: BSD-3-Clause */
/* Real lines: what the guest wants of them, in the words of the kernel's GPIO character
 * device, version 2. System calls go through a table; gpiochip_sys_linux.c has the real
 * one. Each line is a kernel request of its own: one can only be given back whole. */
#include <errno.h>
#include <linux/gpio.h>
#include <string.h>

#include <virtiogpio/gpiochip.h>
#include <virtiogpio/wire.h>

#include "internal.h"

#define KERNEL_BUFFER 1024u /* the most edges that it keeps for a line */
#define BATCH 16u
#define BATCHES 16u /* then others have their turn */

enum {
    LINE_LOST = 1,   /* it was held, and should be */
    LINE_WATCHED = 2 /* `watch` was told */
};

#define BIAS (VGPIO_GPIOCHIP_PULL_UP | VGPIO_GPIOCHIP_PULL_DOWN | VGPIO_GPIOCHIP_NO_BIAS)
#define DRIVE (VGPIO_GPIOCHIP_OPEN_DRAIN | VGPIO_GPIOCHIP_OPEN_SOURCE)
#define START                                                                            \
    (VGPIO_GPIOCHIP_START_IN | VGPIO_GPIOCHIP_START_LOW | VGPIO_GPIOCHIP_START_HIGH)
#define ALL_FLAGS (VGPIO_GPIOCHIP_ACTIVE_LOW | BIAS | DRIVE | START)

#define K_BIAS                                                                           \
    (GPIO_V2_LINE_FLAG_BIAS_PULL_UP | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN |                 \
     GPIO_V2_LINE_FLAG_BIAS_DISABLED)
#define K_DRIVE (GPIO_V2_LINE_FLAG_OPEN_DRAIN | GPIO_V2_LINE_FLAG_OPEN_SOURCE)

static struct vgpio_gpiochip_line *line_of(const struct vgpio_gpiochip *g, uint16_t line)
{
    return line < g->nlines ? &g->lines[line] : NULL;
}

static uint16_t number_of(const struct vgpio_gpiochip *g,
                          const struct vgpio_gpiochip_line *l)
{
    return (uint16_t)(l - g->lines);
}

static void tell(struct vgpio_gpiochip *g, const struct vgpio_gpiochip_line *l,
                 unsigned news, uint32_t n)
{
    if (g->tell != NULL) {
        g->tell(g->ctx, number_of(g, l), news, n);
    }
}

static void value_seen(struct vgpio_gpiochip *g, const struct vgpio_gpiochip_line *l,
                       unsigned level)
{
    if (g->on_change != NULL) {
        g->on_change(g->ctx, number_of(g, l), level);
    }
}

static void report(struct vgpio_gpiochip *g, const struct vgpio_gpiochip_line *l,
                   unsigned edges, unsigned level)
{
    if (g->sink.ops != NULL) {
        (void)g->sink.ops->change(g->sink.obj, number_of(g, l), edges, level);
    }
}

static int is_level(unsigned type)
{
    return type == VGPIO_IRQ_LEVEL_HIGH || type == VGPIO_IRQ_LEVEL_LOW;
}

/* --- the kernel's words --- */

static uint64_t line_flags(const struct vgpio_gpiochip_line *l)
{
    return (l->flags & VGPIO_GPIOCHIP_ACTIVE_LOW) != 0 ? GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0;
}

static uint64_t bias_flags(const struct vgpio_gpiochip_line *l)
{
    switch (l->flags & BIAS) {
    case VGPIO_GPIOCHIP_PULL_UP:
        return GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
    case VGPIO_GPIOCHIP_PULL_DOWN:
        return GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN;
    case VGPIO_GPIOCHIP_NO_BIAS:
        return GPIO_V2_LINE_FLAG_BIAS_DISABLED;
    default:
        return 0;
    }
}

static uint64_t drive_flags(const struct vgpio_gpiochip_line *l)
{
    switch (l->flags & DRIVE) {
    case VGPIO_GPIOCHIP_OPEN_DRAIN:
        return GPIO_V2_LINE_FLAG_OPEN_DRAIN;
    case VGPIO_GPIOCHIP_OPEN_SOURCE:
        return GPIO_V2_LINE_FLAG_OPEN_SOURCE;
    default:
        return 0;
    }
}

static uint64_t edge_flags(unsigned type)
{
    switch (type) {
    case VGPIO_IRQ_NONE:
        return 0;
    case VGPIO_IRQ_EDGE_RISING:
        return GPIO_V2_LINE_FLAG_EDGE_RISING;
    case VGPIO_IRQ_EDGE_FALLING:
        return GPIO_V2_LINE_FLAG_EDGE_FALLING;
    default: /* a level changes by either */
        return GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
    }
}

static void add_attr(struct gpio_v2_line_config *c, uint32_t id, uint64_t value)
{
    struct gpio_v2_line_config_attribute *a = &c->attrs[c->num_attrs++];

    a->attr.id = id;
    a->mask = 1;
    if (id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE) {
        a->attr.debounce_period_us = (uint32_t)value;
    } else {
        a->attr.values = value;
    }
}

/* What the line should be: the guest's word, else how the host wants it to start. */
static unsigned goal(const struct vgpio_gpiochip_line *l)
{
    if (l->irq != VGPIO_IRQ_NONE) {
        return VGPIO_DIR_IN;
    }
    if (l->dir != VGPIO_DIR_NONE || (l->flags & START) == 0) {
        return l->dir;
    }
    return (l->flags & VGPIO_GPIOCHIP_START_IN) != 0 ? VGPIO_DIR_IN : VGPIO_DIR_OUT;
}

static void to_config(const struct vgpio_gpiochip_line *l, struct gpio_v2_line_config *c)
{
    memset(c, 0, sizeof *c);
    c->flags = line_flags(l) | bias_flags(l);
    if (goal(l) == VGPIO_DIR_OUT) {
        unsigned high = l->dir == VGPIO_DIR_OUT
                            ? l->out
                            : (l->flags & VGPIO_GPIOCHIP_START_HIGH) != 0;

        c->flags |= GPIO_V2_LINE_FLAG_OUTPUT | drive_flags(l);
        add_attr(c, GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES, high);
    } else {
        c->flags |= GPIO_V2_LINE_FLAG_INPUT | edge_flags(l->irq);
        if (l->debounce_us != 0) {
            add_attr(c, GPIO_V2_LINE_ATTR_ID_DEBOUNCE, l->debounce_us);
        }
    }
}

/* As it was when we came; `found_value` is that of the wire, without a polarity. */
static void to_found_config(const struct vgpio_gpiochip_line *l,
                            struct gpio_v2_line_config *c)
{
    memset(c, 0, sizeof *c);
    c->flags = l->found & (GPIO_V2_LINE_FLAG_ACTIVE_LOW | K_BIAS);
    if ((l->found & GPIO_V2_LINE_FLAG_OUTPUT) != 0) {
        c->flags |= GPIO_V2_LINE_FLAG_OUTPUT | (l->found & K_DRIVE);
        add_attr(c, GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES,
                 l->found_value ^ ((c->flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW) != 0));
    } else {
        c->flags |= GPIO_V2_LINE_FLAG_INPUT;
    }
}

/* --- calls on a line that is held: each answers 0 or more, or minus an errno --- */

static int control(struct vgpio_gpiochip *g, int fd, unsigned long request, void *arg)
{
    return g->sys->control(g->sys_ctx, fd, request, arg);
}

static int read_value(struct vgpio_gpiochip *g, const struct vgpio_gpiochip_line *l)
{
    struct gpio_v2_line_values v;
    int err;

    v.bits = 0;
    v.mask = 1;
    err = control(g, l->fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &v);
    return err < 0 ? err : (int)(v.bits & 1);
}

static int configure(struct vgpio_gpiochip *g, const struct vgpio_gpiochip_line *l)
{
    struct gpio_v2_line_config c;

    to_config(l, &c);
    return control(g, l->fd, GPIO_V2_LINE_SET_CONFIG_IOCTL, &c);
}

static void watch(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l, int on)
{
    if (g->watch != NULL && ((l->state & LINE_WATCHED) != 0) != on) {
        l->state ^= LINE_WATCHED;
        g->watch(g->ctx, number_of(g, l), l->fd, on);
    }
}

static void drop(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    if (l->fd >= 0) {
        watch(g, l, 0);
        g->sys->close(g->sys_ctx, l->fd);
        l->fd = -1;
    }
}

static void give_back(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    struct gpio_v2_line_config c;

    if (l->fd >= 0) {
        to_found_config(l, &c);
        (void)control(g, l->fd, GPIO_V2_LINE_SET_CONFIG_IOCTL, &c);
        drop(g, l);
    }
    l->state &= (uint8_t)~LINE_LOST;
}

/* --- events --- */

/* How many came, at most BATCH; the numbers tell how many did not. */
static int read_events(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l,
                       struct gpio_v2_line_event e[BATCH])
{
    int n = g->sys->read(g->sys_ctx, l->fd, e, BATCH * (uint32_t)sizeof e[0]);
    uint32_t dropped = 0;
    int i;

    if (n < 0) {
        return n;
    }
    n /= (int)sizeof e[0];
    for (i = 0; i < n; i++) {
        dropped += e[i].line_seqno - l->seq - 1;
        l->seq = e[i].line_seqno;
    }
    g->stats.events += (uint64_t)n;
    g->stats.dropped += dropped;
    if (dropped != 0) {
        tell(g, l, VGPIO_GPIOCHIP_DROPPED, dropped);
    }
    return n;
}

/* Nothing new comes any more: what is left belongs to a type that is over. */
static void discard_events(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    struct gpio_v2_line_event e[BATCH];
    unsigned turns = KERNEL_BUFFER / BATCH + 1;
    int n;

    do {
        n = read_events(g, l, e);
        if (n > 0) {
            g->stats.discarded += (uint64_t)n;
        }
    } while (n > 0 && --turns > 0);
}

/* The level as it is, for a type that is one. */
static int sample(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    int now = read_value(g, l);

    if (now >= 0) {
        if (now != l->level) {
            value_seen(g, l, (unsigned)now);
        }
        l->level = (uint8_t)now;
        report(g, l, 0, (unsigned)now);
    }
    return now;
}

/* --- taking lines, losing them --- */

/* Another chip may have the number of one that is gone: FNV-1a of what it says. */
static uint32_t chip_id(const struct gpiochip_info *info)
{
    uint32_t h = 2166136261u ^ info->lines;
    unsigned i;

    for (i = 0; i < sizeof info->label && info->label[i] != '\0'; i++) {
        h = (h ^ (uint8_t)info->label[i]) * 16777619u;
    }
    return h != 0 ? h : 1;
}

/* A descriptor of its chip, with the line in `info`; the caller closes it. */
static int open_chip(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l,
                     struct gpio_v2_line_info *info)
{
    struct gpiochip_info chip;
    int fd = g->sys->open(g->sys_ctx, l->chip);
    int err;

    if (fd < 0) {
        return fd;
    }
    memset(&chip, 0, sizeof chip);
    memset(info, 0, sizeof *info);
    info->offset = l->offset;
    err = control(g, fd, GPIO_GET_CHIPINFO_IOCTL, &chip);
    if (err == 0 && l->chip_id != 0 && l->chip_id != chip_id(&chip)) {
        err = -ENODEV;
    }
    if (err == 0) {
        err = l->offset < chip.lines ? control(g, fd, GPIO_V2_GET_LINEINFO_IOCTL, info)
                                     : -EINVAL;
    }
    if (err < 0) {
        g->sys->close(g->sys_ctx, fd);
        return err;
    }
    l->chip_id = chip_id(&chip);
    return fd;
}

static int check_line(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    struct gpio_v2_line_info info;
    int fd = open_chip(g, l, &info);

    if (fd < 0) {
        return fd;
    }
    g->sys->close(g->sys_ctx, fd);
    return 0;
}

/* Requests the line as it is, and remembers how that was. */
static int claim(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    struct gpio_v2_line_request r;
    struct gpio_v2_line_info info;
    int chip = open_chip(g, l, &info);
    int err, value;

    if (chip < 0) {
        return chip;
    }
    memset(&r, 0, sizeof r);
    r.offsets[0] = l->offset;
    r.num_lines = 1;
    r.event_buffer_size = KERNEL_BUFFER;
    r.config.flags = line_flags(l);
    strncpy(r.consumer, g->consumer, sizeof r.consumer - 1);
    err = control(g, chip, GPIO_V2_GET_LINE_IOCTL, &r);
    g->sys->close(g->sys_ctx, chip);
    if (err < 0) {
        return err;
    }
    l->fd = r.fd;
    l->seq = 0;
    l->found = (uint32_t)info.flags;
    value = read_value(g, l);
    if (value < 0) {
        drop(g, l);
        return value;
    }
    l->found_value = (uint8_t)((unsigned)value ^ (line_flags(l) != 0));
    return 0;
}

static void lose(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l, int err)
{
    drop(g, l);
    l->state |= LINE_LOST;
    g->stats.lost++;
    tell(g, l, VGPIO_GPIOCHIP_LOST, (uint32_t)-err);
    if (is_level(l->irq)) { /* a level that nobody can see does not interrupt */
        l->level = VGPIO_LEVEL_UNKNOWN;
        report(g, l, 0, VGPIO_LEVEL_UNKNOWN);
    }
}

/* Has the line be what it should be, which is not nothing. */
static int take(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    int err = 0;

    if (l->fd >= 0) {
        err = configure(g, l);
        if (err != -ENODEV) {
            return err;
        }
        lose(g, l, err); /* perhaps it is there again already */
    }
    err = claim(g, l);
    if (err < 0) {
        return err;
    }
    err = configure(g, l);
    if (err < 0) {
        uint8_t lost = l->state & LINE_LOST;

        give_back(g, l);
        l->state |= lost;
        return err;
    }
    watch(g, l, 1);
    if ((l->state & LINE_LOST) != 0) {
        l->state &= (uint8_t)~LINE_LOST;
        g->stats.returned++;
        tell(g, l, VGPIO_GPIOCHIP_RETURNED, 0);
        if (is_level(l->irq)) {
            (void)sample(g, l);
        }
    }
    return 0;
}

/* The guest wants nothing of it any more. */
static void idle(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    if (goal(l) == VGPIO_DIR_NONE) {
        give_back(g, l);
    } else {
        (void)take(g, l);
    }
}

static int refuse(struct vgpio_gpiochip *g, const struct vgpio_gpiochip_line *l, int err)
{
    g->stats.refused++;
    tell(g, l, VGPIO_GPIOCHIP_REFUSED, (uint32_t)-err);
    return VGPIO_ERR_IO;
}

/* Makes the line what `want` says; what it was stays when that cannot be. */
static int change_to(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l, uint8_t dir,
                     uint8_t out, uint8_t irq)
{
    uint8_t old_dir = l->dir, old_out = l->out, old_irq = l->irq;
    int err;

    l->dir = dir;
    l->out = out;
    l->irq = irq;
    err = take(g, l);
    if (err < 0) {
        l->dir = old_dir;
        l->out = old_out;
        l->irq = old_irq;
        if (l->fd >= 0) {
            idle(g, l); /* what the kernel did of it until it failed */
        }
        return refuse(g, l, err);
    }
    return 0;
}

static void end_irq(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    if (l->irq != VGPIO_IRQ_NONE) {
        l->irq = VGPIO_IRQ_NONE;
        if (l->fd >= 0) {
            (void)configure(g, l); /* an input without edges, whatever comes then */
            discard_events(g, l);
        }
    }
}

/* 0 or 1, or minus an errno. */
static int value_of(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    int n = -ENODEV;

    if (l->fd >= 0) {
        n = read_value(g, l);
    }
    if (n != -ENODEV) {
        return n;
    }
    if (l->fd >= 0 || (l->state & LINE_LOST) != 0) {
        n = take(g, l);
        return n < 0 ? n : read_value(g, l);
    }
    n = claim(g, l);
    if (n == 0) { /* which has read it */
        n = l->found_value ^ (line_flags(l) != 0);
        drop(g, l);
    }
    return n;
}

/* --- as a backend --- */

static int op_get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    struct vgpio_gpiochip *g = ctx;
    struct vgpio_gpiochip_line *l = line_of(g, line);
    int err = 0;

    (void)token;
    if (l == NULL || !g->is_open) {
        return VGPIO_ERR_INVAL;
    }
    if ((l->state & LINE_LOST) != 0) {
        err = take(g, l);
    } else if (l->fd < 0) { /* a guest that starts should hear what is not there */
        err = check_line(g, l);
    }
    return err < 0 ? refuse(g, l, err) : l->dir;
}

static int op_set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out_value,
                            vgpio_token token)
{
    struct vgpio_gpiochip *g = ctx;
    struct vgpio_gpiochip_line *l = line_of(g, line);
    int err;

    (void)token;
    if (l == NULL || !g->is_open) {
        return VGPIO_ERR_INVAL;
    }
    if (dir == VGPIO_DIR_NONE) {
        end_irq(g, l);
        l->dir = VGPIO_DIR_NONE;
        l->out = 0;
        idle(g, l);
        return 0;
    }
    err = change_to(g, l, (uint8_t)dir, (uint8_t)out_value, l->irq);
    if (err == 0 && dir == VGPIO_DIR_OUT) {
        value_seen(g, l, out_value);
    }
    return err;
}

static int op_get_value(void *ctx, uint16_t line, vgpio_token token)
{
    struct vgpio_gpiochip *g = ctx;
    struct vgpio_gpiochip_line *l = line_of(g, line);
    int n;

    (void)token;
    if (l == NULL || !g->is_open) {
        return VGPIO_ERR_INVAL;
    }
    n = value_of(g, l);
    return n < 0 ? refuse(g, l, n) : n;
}

static int op_set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    struct vgpio_gpiochip *g = ctx;
    struct vgpio_gpiochip_line *l = line_of(g, line);
    struct gpio_v2_line_values v;
    int err = -ENODEV;

    (void)token;
    if (l == NULL || !g->is_open) {
        return VGPIO_ERR_INVAL;
    }
    if (l->fd >= 0) {
        v.bits = value;
        v.mask = 1;
        err = control(g, l->fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &v);
    }
    if (err == 0) {
        l->out = (uint8_t)value;
    } else if (err == -ENODEV) {
        err = change_to(g, l, VGPIO_DIR_OUT, (uint8_t)value, VGPIO_IRQ_NONE);
    } else {
        err = refuse(g, l, err);
    }
    if (err == 0) {
        value_seen(g, l, value);
    }
    return err;
}

static int op_set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    struct vgpio_gpiochip *g = ctx;
    struct vgpio_gpiochip_line *l = line_of(g, line);
    int err;

    (void)token;
    if (l == NULL || !g->is_open) {
        return VGPIO_ERR_INVAL;
    }
    if (l->irq != type) {
        end_irq(g, l);
    }
    if (type == VGPIO_IRQ_NONE) {
        if (l->dir == VGPIO_DIR_NONE) {
            idle(g, l);
        }
        return 0;
    }
    l->level = VGPIO_LEVEL_UNKNOWN;
    err = change_to(g, l, l->dir, l->out, (uint8_t)type);
    if (err == 0 && is_level(type)) {
        /* After the edges were asked for: what changes from here on is one. */
        err = sample(g, l);
        err = err < 0 ? refuse(g, l, err) : 0;
    }
    if (err < 0) { /* the device takes it to be off, so it must be */
        end_irq(g, l);
        if (l->dir == VGPIO_DIR_NONE) {
            idle(g, l);
        }
    }
    return err;
}

static void op_reset(void *ctx)
{
    struct vgpio_gpiochip *g = ctx;
    uint16_t i;

    for (i = 0; g->is_open && i < g->nlines; i++) {
        struct vgpio_gpiochip_line *l = &g->lines[i];

        if (l->dir != VGPIO_DIR_NONE || l->irq != VGPIO_IRQ_NONE) {
            end_irq(g, l);
            l->dir = VGPIO_DIR_NONE;
            l->out = 0;
            idle(g, l);
        }
    }
}

const struct vgpio_line_ops vgpio_gpiochip_ops = {sizeof(struct vgpio_line_ops),
                                                  op_get_direction,
                                                  op_set_direction,
                                                  op_get_value,
                                                  op_set_value,
                                                  op_set_irq_type,
                                                  NULL,
                                                  op_reset};

/* --- for the loop around it --- */

static void edge(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l,
                 const struct gpio_v2_line_event *e)
{
    unsigned rising = e->id == GPIO_V2_LINE_EVENT_RISING_EDGE;

    value_seen(g, l, rising);
    report(g, l, rising ? VGPIO_RISING : VGPIO_FALLING, rising);
}

int vgpio_gpiochip_service(struct vgpio_gpiochip *g, uint16_t line)
{
    struct vgpio_gpiochip_line *l = line_of(g, line);
    struct gpio_v2_line_event e[BATCH];
    unsigned turns = BATCHES;
    int n = (int)BATCH, i, seen = 0;

    if (l == NULL) {
        return VGPIO_ERR_INVAL;
    }
    while (l->fd >= 0 && n == (int)BATCH && turns-- > 0) {
        n = read_events(g, l, e);
        if (n <= 0) {
            if (n != -EAGAIN) {
                lose(g, l, n != 0 ? n : -EIO);
            }
            break;
        }
        for (i = 0; i < n && !is_level(l->irq); i++) {
            edge(g, l, &e[i]);
        }
        seen = 1;
    }
    if (seen && l->fd >= 0 && is_level(l->irq)) {
        i = sample(g, l);
        if (i == -ENODEV) {
            lose(g, l, i);
        }
    }
    return l->fd >= 0 && n == (int)BATCH;
}

static int is_active(const struct vgpio_gpiochip_line *l)
{
    return is_level(l->irq) && l->level == (l->irq == VGPIO_IRQ_LEVEL_HIGH);
}

void vgpio_gpiochip_levels(struct vgpio_gpiochip *g)
{
    uint16_t i;

    for (i = 0; i < g->nlines; i++) {
        if (g->lines[i].fd >= 0 && is_active(&g->lines[i])) {
            (void)sample(g, &g->lines[i]);
        }
    }
}

int vgpio_gpiochip_refresh(struct vgpio_gpiochip *g)
{
    uint16_t i;
    int lost = 0;

    for (i = 0; g->is_open && i < g->nlines; i++) {
        struct vgpio_gpiochip_line *l = &g->lines[i];

        if (l->fd >= 0 && read_value(g, l) == -ENODEV) {
            lose(g, l, -ENODEV);
        }
    }
    /* Only now: while one line of a chip that is gone is held, so is its number. */
    for (i = 0; g->is_open && i < g->nlines; i++) {
        struct vgpio_gpiochip_line *l = &g->lines[i];

        lost += (l->state & LINE_LOST) != 0 && take(g, l) < 0;
    }
    return lost;
}

int vgpio_gpiochip_level(struct vgpio_gpiochip *g, uint16_t line)
{
    struct vgpio_gpiochip_line *l = line_of(g, line);
    int n;

    if (l == NULL) {
        return VGPIO_ERR_INVAL;
    }
    n = g->is_open ? value_of(g, l) : -ENODEV;
    return n < 0 ? VGPIO_ERR_IO : n;
}

int vgpio_gpiochip_direction(const struct vgpio_gpiochip *g, uint16_t line)
{
    const struct vgpio_gpiochip_line *l = line_of(g, line);

    return l != NULL ? l->dir : VGPIO_ERR_INVAL;
}

void vgpio_gpiochip_get_stats(const struct vgpio_gpiochip *g,
                              struct vgpio_gpiochip_stats *stats)
{
    *stats = g->stats;
}

int vgpio_gpiochip_name(struct vgpio_gpiochip *g, uint16_t line, char *name, int *error)
{
    struct vgpio_gpiochip_line *l = line_of(g, line);
    struct gpio_v2_line_info info;
    int fd;

    if (l == NULL) {
        return VGPIO_ERR_INVAL;
    }
    fd = open_chip(g, l, &info);
    if (fd < 0) {
        *error = -fd;
        return VGPIO_ERR_IO;
    }
    g->sys->close(g->sys_ctx, fd);
    memcpy(name, info.name, VGPIO_GPIOCHIP_NAME_SIZE);
    name[VGPIO_GPIOCHIP_NAME_SIZE - 1] = '\0';
    return 0;
}

/* --- beginning and end --- */

/* All of `step`, as far as the first that fails. */
static int each_line(struct vgpio_gpiochip *g,
                     int (*step)(struct vgpio_gpiochip *, struct vgpio_gpiochip_line *),
                     uint16_t *bad)
{
    uint16_t i;

    for (i = 0; i < g->nlines; i++) {
        int err = step(g, &g->lines[i]);

        if (err < 0) {
            *bad = i;
            return err;
        }
    }
    return 0;
}

static int start_line(struct vgpio_gpiochip *g, struct vgpio_gpiochip_line *l)
{
    return goal(l) != VGPIO_DIR_NONE ? take(g, l) : 0;
}

int vgpio_gpiochip_open(struct vgpio_gpiochip *g, uint16_t *bad, int *error)
{
    /* All are looked at before one is touched. */
    int err = each_line(g, check_line, bad);

    if (err == 0) {
        err = each_line(g, start_line, bad);
    }
    if (err < 0) {
        vgpio_gpiochip_close(g);
        *error = -err;
        return VGPIO_ERR_IO;
    }
    g->is_open = 1;
    return 0;
}

void vgpio_gpiochip_close(struct vgpio_gpiochip *g)
{
    uint16_t i;

    for (i = 0; i < g->nlines; i++) {
        struct vgpio_gpiochip_line *l = &g->lines[i];

        end_irq(g, l);
        give_back(g, l);
        l->dir = VGPIO_DIR_NONE;
        l->out = 0;
    }
    g->is_open = 0;
}

static int one_of(uint32_t flags, uint32_t group)
{
    flags &= group;
    return (flags & (flags - 1)) == 0;
}

static int begin_line(struct vgpio_gpiochip_line *l)
{
    if (l->chip == NULL || (l->flags & ~(uint32_t)ALL_FLAGS) != 0 ||
        !one_of(l->flags, BIAS) || !one_of(l->flags, DRIVE) || !one_of(l->flags, START)) {
        return VGPIO_ERR_INVAL;
    }
    l->fd = -1;
    l->seq = l->chip_id = l->found = 0;
    l->dir = l->out = l->irq = l->found_value = l->state = 0;
    l->level = VGPIO_LEVEL_UNKNOWN;
    return 0;
}

int vgpio_gpiochip_init_abi(struct vgpio_gpiochip *g,
                            const struct vgpio_gpiochip_config *cfg, uint64_t abi)
{
    struct vgpio_gpiochip_config c;
    uint16_t i;

    if (vgpio_abi_size(abi, 0) < sizeof *g || vgpio_abi_size(abi, 1) > sizeof c ||
        vgpio_abi_size(abi, 2) != sizeof *c.lines) {
        return VGPIO_ERR_ABI;
    }
    memset(&c, 0, sizeof c);
    memcpy(&c, cfg, vgpio_abi_size(abi, 1));
    memset(g, 0, sizeof *g);
    g->sys = c.sys != NULL ? c.sys : &vgpio_gpiochip_linux;
    if (g->sys->ops_size < sizeof *g->sys) {
        return VGPIO_ERR_ABI;
    }
    if (c.lines == NULL || c.nlines == 0) {
        return VGPIO_ERR_INVAL;
    }
    g->sink = c.sink;
    g->lines = c.lines;
    g->nlines = c.nlines;
    g->consumer = c.consumer != NULL ? c.consumer : "virtio-gpio";
    g->sys_ctx = c.sys_ctx;
    g->watch = c.watch;
    g->on_change = c.on_change;
    g->tell = c.tell;
    g->ctx = c.ctx;
    for (i = 0; i < g->nlines; i++) {
        if (begin_line(&g->lines[i]) < 0) {
            return VGPIO_ERR_INVAL;
        }
    }
    return 0;
}
