/* SPDX-License-Identifier: BSD-3-Clause */
#include "lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wire.h>

static int refuse(const char *why)
{
    complain("--gpio: %s", why);
    return EXIT_USAGE;
}

/* --- what the socket's commands act on; all of it with the device's lock held --- */

static int op_line_of(void *ctx, const char *name)
{
    const struct lines *l = ctx;
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
    return vgpio_sim_level(&((struct lines *)ctx)->sim, line);
}

static int op_direction(void *ctx, uint16_t line)
{
    return vgpio_sim_direction(&((struct lines *)ctx)->sim, line);
}

static int op_pulled(void *ctx, uint16_t line)
{
    return ((struct lines *)ctx)->pulled[line];
}

static int op_pull(void *ctx, uint16_t line, unsigned level)
{
    struct lines *l = ctx;

    l->pulled[line] = (uint8_t)level;
    return vgpio_sim_pull(&l->sim, line, level);
}

static int op_pulse(void *ctx, uint16_t line)
{
    return vgpio_sim_pulse(&((struct lines *)ctx)->sim, line);
}

static void op_barrier(void *ctx)
{
    gpio_settle(((struct lines *)ctx)->gpio);
}

static size_t op_info(void *ctx, char *out, size_t size)
{
    const struct lines *l = ctx;
    const struct vgpio_vdev dev = vgpio_dev_vdev(&l->gpio->dev);
    size_t n = (size_t)snprintf(
        out, size, "lines=%u connected=1 features=0x%" PRIx64 " names=", l->n,
        dev.ops->features(dev.obj));
    unsigned i;

    for (i = 0; i < l->n && l->face.config.names != NULL && n < size; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "," : "", l->name[i]);
    }
    return n < size ? n : size;
}

static size_t op_stats(void *ctx, char *out, size_t size)
{
    const struct lines *l = ctx;
    const uint64_t *t = l->traced;

    return (size_t)snprintf(
        out, size,
        "requests=%" PRIu64 " answers=%" PRIu64 " interrupts=%" PRIu64 " latched=%" PRIu64
        " merged=%" PRIu64 " dropped=%" PRIu64 " errors=%" PRIu64
        " error_answers=%" PRIu64 " bad_chains=%" PRIu64 " broken_queues=%" PRIu64
        " returned=%" PRIu64 " connects=1 kick_exits=%" PRIu64,
        t[VGPIO_TR_REQUEST], t[VGPIO_TR_ANSWER], t[VGPIO_TR_IRQ_VALID],
        t[VGPIO_TR_EDGE_LATCHED], t[VGPIO_TR_EDGE_MERGED], t[VGPIO_TR_EDGE_DROPPED],
        l->error_answers + t[VGPIO_TR_CHAIN_BAD] + t[VGPIO_TR_QUEUE_BROKEN],
        l->error_answers, t[VGPIO_TR_CHAIN_BAD], t[VGPIO_TR_QUEUE_BROKEN],
        t[VGPIO_TR_IRQ_INVALID], l->gpio->kick_exits);
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

/* --- what happens to them, for those who watch --- */

static void on_change(void *ctx, uint16_t line, unsigned level)
{
    struct lines *l = ctx;

    if (l->serving) {
        ctlserver_changed(&l->server, line, level, evloop_now_ns());
    }
}

static void on_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct lines *l = ctx;

    if (id < VGPIO_TR_END) {
        l->traced[id] +=
            id == VGPIO_TR_EDGE_MERGED || id == VGPIO_TR_EDGE_DROPPED ? b : 1;
    }
    l->error_answers += id == VGPIO_TR_ANSWER && b >> 8 != 0; /* status << 8 | value */
    if (l->serving) {
        ctlserver_traced(&l->server, id, a, b);
    }
}

/* --- the device's thread --- */

static int64_t due(void *ctx)
{
    const struct lines *l = ctx;
    uint64_t at = l->serving ? ctlserver_due(&l->server) : CTL_NEVER;
    uint64_t now = evloop_now();

    return at == CTL_NEVER ? -1 : at <= now ? 0 : (int64_t)(at - now);
}

static void work(void *ctx)
{
    struct lines *l = ctx;

    if (l->serving) {
        (void)evloop_poll(&l->loop);
        ctlserver_tick(&l->server, evloop_now());
    }
}

/* --- making them --- */

/* Cuts the list at its commas. */
static int take_names(struct lines *l)
{
    uint32_t size = (uint32_t)strlen(l->text) + 1; /* a NUL where there is a comma */
    char *p = l->text;
    unsigned i;

    for (i = 0; i < l->n; i++) {
        l->name[i] = p;
        p += strcspn(p, ",");
        *p++ = '\0';
    }
    l->face.config.names = l->block;
    l->face.config.names_size = size;
    return vgpio_names_build(l->block, size, l->name, l->n) < 0
               ? refuse("this list of names is not one that guests could read")
               : EXIT_OK;
}

static int make_lines(struct lines *l, const char *spec)
{
    bool numbered = spec[strspn(spec, "0123456789")] == '\0';
    unsigned long n = numbered ? strtoul(spec, NULL, 10) : 1;
    const char *p;

    for (p = spec; (p = strchr(p, ',')) != NULL; p++) {
        n++;
    }
    if (n == 0 || n > UINT16_MAX) {
        return refuse("1 to 65535 lines");
    }
    l->n = (uint16_t)n;
    l->line = calloc(n, sizeof l->line[0]);
    l->pulled = calloc(n, 1);
    l->name = calloc(n, sizeof l->name[0]);
    l->text = strdup(spec);
    l->block = calloc(1, strlen(spec) + 1);
    if (!l->line || !l->pulled || !l->name || !l->text || !l->block) {
        return refuse("out of memory");
    }
    while (n-- > 0) {
        l->name[n] = "";
    }
    return numbered ? EXIT_OK : take_names(l);
}

static int serve(struct lines *l, const char *path)
{
    char why[512];

    l->ctl =
        (struct ctl){&ops, l, l->n, CTL_REPLY_MAX + l->face.config.names_size + l->n};
    if (sock_listen(&l->listener, path, why, sizeof why) < 0) {
        complain("--control %s", why);
        return EXIT_FAILED;
    }
    if (evloop_init(&l->loop) < 0 ||
        ctlserver_start(&l->server, &l->loop, &l->ctl, &l->listener) < 0) {
        return failed("--control");
    }
    l->face.fd = l->loop.epfd;
    l->serving = true;
    return EXIT_OK;
}

int lines_init(struct lines *l, const char *spec, const char *control, struct gpio *gpio)
{
    struct vgpio_sim_config cfg = {
        .sink = vgpio_dev_sink(&gpio->dev), .on_change = on_change, .ctx = l};
    int code;

    l->gpio = gpio;
    l->listener.fd = l->listener.spare = l->face.fd = -1;
    code = make_lines(l, spec);
    if (code != EXIT_OK) {
        return code;
    }
    cfg.lines = l->line;
    cfg.nlines = l->n;
    if (vgpio_sim_init(&l->sim, &cfg) < 0) {
        return refuse("the simulator does not start");
    }
    l->face.config.ops = &vgpio_sim_ops;
    l->face.config.ctx = &l->sim;
    l->face.config.ngpio = l->n;
    l->face.config.trace = on_trace;
    l->face.config.trace_ctx = l;
    l->face.due = due;
    l->face.work = work;
    l->face.ctx = l;
    return control != NULL ? serve(l, control) : EXIT_OK;
}

void lines_free(struct lines *l)
{
    if (l->serving) {
        ctlserver_stop(&l->server);
        evloop_close(&l->loop);
    }
    if (l->listener.fd >= 0) {
        sock_unlisten(&l->listener);
    }
    free(l->line);
    free(l->pulled);
    free(l->name);
    free(l->text);
    free(l->block);
}
