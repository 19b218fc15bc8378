/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- what the commands act on; all of it with the device's lock held --- */

static struct lines *lines_of(void *ctx)
{
    return ((struct control *)ctx)->lines;
}

static int op_line_of(void *ctx, const char *name)
{
    const struct lines *l = lines_of(ctx);
    int i;

    for (i = 0; i < l->n; i++) {
        if (strcmp(l->name[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static int op_value(void *ctx, uint16_t line)
{
    return vgpio_sim_level(&lines_of(ctx)->sim, line);
}

static int op_direction(void *ctx, uint16_t line)
{
    return vgpio_sim_direction(&lines_of(ctx)->sim, line);
}

static int op_pulled(void *ctx, uint16_t line)
{
    return lines_of(ctx)->pulled[line];
}

static int op_pull(void *ctx, uint16_t line, unsigned level)
{
    lines_of(ctx)->pulled[line] = (uint8_t)level;
    return vgpio_sim_pull(&lines_of(ctx)->sim, line, level);
}

static int op_pulse(void *ctx, uint16_t line)
{
    return vgpio_sim_pulse(&lines_of(ctx)->sim, line);
}

static void op_barrier(void *ctx)
{
    gpio_settle(((struct control *)ctx)->gpio);
}

static size_t op_info(void *ctx, char *out, size_t size)
{
    const struct control *c = ctx;
    const struct vgpio_vdev dev = vgpio_dev_vdev(&c->gpio->dev);
    const struct lines *l = c->lines;
    size_t n = (size_t)snprintf(
        out, size, "lines=%u connected=1 features=0x%" PRIx64 " names=", l->n,
        dev.ops->features(dev.obj));
    unsigned i;

    for (i = 0; i < l->n && l->block_size > 0 && n < size; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "," : "", l->name[i]);
    }
    return n < size ? n : size;
}

static size_t op_stats(void *ctx, char *out, size_t size)
{
    const struct lines_stats *s = &lines_of(ctx)->stats;

    return (size_t)snprintf(
        out, size,
        "requests=%" PRIu64 " answers=%" PRIu64 " interrupts=%" PRIu64 " latched=%" PRIu64
        " merged=%" PRIu64 " dropped=%" PRIu64 " errors=%" PRIu64
        " error_answers=%" PRIu64 " bad_chains=%" PRIu64 " broken_queues=%" PRIu64
        " returned=%" PRIu64 " connects=1 kick_exits=%" PRIu64,
        s->requests, s->answers, s->interrupts, s->latched, s->merged, s->dropped,
        s->error_answers + s->bad_chains + s->broken_queues, s->error_answers,
        s->bad_chains, s->broken_queues, s->returned,
        ((const struct control *)ctx)->gpio->kick_exits);
}

static const struct ctl_ops ops = {
    .line_of = op_line_of,
    .value = op_value,
    .direction = op_direction,
    .pulled = op_pulled,
    .pull = op_pull,
    .pulse = op_pulse,
    .barrier = op_barrier,
    .info = op_info,
    .stats = op_stats,
};

static void on_change(void *ctx, uint16_t line, unsigned level)
{
    ctlserver_changed(&((struct control *)ctx)->server, line, level, evloop_now_ns());
}

/* --- the device's thread --- */

int control_fd(const struct control *c)
{
    return c->serving ? c->loop.epfd : -1;
}

int64_t control_due(void *control)
{
    const struct control *c = control;
    uint64_t due = c->serving ? ctlserver_due(&c->server) : CTL_NEVER;
    uint64_t now;

    if (due == CTL_NEVER) {
        return -1;
    }
    now = evloop_now();
    return due <= now ? 0 : (int64_t)(due - now);
}

void control_work(void *control)
{
    struct control *c = control;

    if (c->serving) {
        (void)evloop_poll(&c->loop);
        ctlserver_tick(&c->server, evloop_now());
    }
}

int control_init(struct control *c, const char *path, struct lines *lines,
                 struct gpio *gpio)
{
    char why[512];

    memset(c, 0, sizeof *c);
    c->lines = lines;
    c->gpio = gpio;
    c->listener.fd = c->listener.spare = -1;
    if (path == NULL) {
        return EXIT_OK;
    }
    c->ctl =
        (struct ctl){&ops, c, lines->n, CTL_REPLY_MAX + lines->block_size + lines->n};
    if (sock_listen(&c->listener, path, why, sizeof why) < 0) {
        complain("--control %s", why);
        return EXIT_FAILED;
    }
    if (evloop_init(&c->loop) < 0 ||
        ctlserver_start(&c->server, &c->loop, &c->ctl, &c->listener) < 0) {
        complain("--control: %s", strerror(errno));
        return EXIT_FAILED;
    }
    lines->changed = on_change;
    lines->ctx = c;
    c->serving = true;
    return EXIT_OK;
}

void control_free(struct control *c)
{
    if (c->serving) {
        ctlserver_stop(&c->server);
        evloop_close(&c->loop);
    }
    if (c->listener.fd >= 0) {
        sock_unlisten(&c->listener);
    }
}
