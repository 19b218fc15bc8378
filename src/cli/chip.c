/* SPDX-License-Identifier: BSD-3-Clause */
#include "chip.h"

#include "cli.h"
#include "evloop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/draft.h>

#define NREQ 4u
#define CONFIG_DRAFT 4096u             /* with the names; vhost-user carries no more */
#define NIRQ_DRAFT 16u                 /* receive buffers; more than any old driver has */
#define NAMES_MAX (UINT32_C(16) << 20) /* 65535 lines, 255 bytes each */
#define QUEUE_SIZE 256u                /* what every back end takes */
#define QUEUE_MAX 32768u
#define ANEW_US 200000u /* for a back end to listen again */

static const char *request_name(unsigned type)
{
    static const char *const names[] = {"GET_LINE_NAMES", "GET_DIRECTION",
                                        "SET_DIRECTION",  "GET_VALUE",
                                        "SET_VALUE",      "SET_IRQ_TYPE"};

    return type >= 1 && type <= 6 ? names[type - 1] : "request";
}

/* What is wrong with the connection or the device as a whole, or NULL. */
static const char *fault(struct chip *c, int err)
{
    const char *reason = vgpio_vuf_linux_reason(&c->front);

    if (vgpio_vuf_error(&c->front.vuf) != 0 || (reason[0] != '\0' && err != 0)) {
        return reason;
    }
    return err <= VGPIO_ERR_FATAL ? "the device broke the rules of its rings" : NULL;
}

int chip_say(struct chip *c, int err, unsigned type, uint16_t line)
{
    const char *why = fault(c, err);

    if (why != NULL) {
        cli_error("%s: %s", c->name, why);
    } else if (err == VGPIO_ERR_TIMEOUT) {
        cli_error("%s: no answer to %s of line %u within %" PRIu32 " ms", c->name,
                  request_name(type), line, c->timeout_ms);
    } else if (err == VGPIO_ERR_IO) {
        cli_error("%s: %s of line %u: the device refused", c->name, request_name(type),
                  line);
    } else {
        cli_error("%s: %s of line %u: %s", c->name, request_name(type), line,
                  vgpio_strerror(err));
    }
    return -1;
}

static int say_device(struct chip *c, int err, const char *what)
{
    const char *why = fault(c, err);

    cli_error("%s: %s%s%s", c->name, why == NULL ? what : "", why == NULL ? ": " : "",
              why == NULL ? vgpio_strerror(err) : why);
    return -1;
}

/* ---- waiting ---- */

static void begin(struct chip *c)
{
    c->due_us = evloop_now() + (uint64_t)c->timeout_ms * 1000u;
}

/* vgpio_sync.wait: < 0 = give up. */
static int sleep_once(void *ctx)
{
    struct chip *c = ctx;
    uint64_t now = evloop_now();
    int n;

    if (now >= c->due_us) {
        return -1;
    }
    n = vgpio_vuf_linux_wait(&c->front, (int)((c->due_us - now) / 1000u + 1u));
    if (n >= 0 && (n & (int)(VGPIO_VUF_ERR(0) | VGPIO_VUF_ERR(1))) == 0) {
        return 0;
    }
    return -1;
}

static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    struct chip *c = ctx;

    if (ev->kind == VGPIO_IRQ && c->on_irq != NULL) {
        c->on_irq(c->ctx, ev->line, ev->result);
    }
}

int chip_ask(struct chip *c, unsigned type, uint16_t line, uint32_t value)
{
    int n;

    if (c->stuck) {
        return VGPIO_ERR_TIMEOUT;
    }
    begin(c);
    n = vgpio_sync_call(&c->sync, type, line, value);
    if (n == VGPIO_ERR_TIMEOUT || n <= VGPIO_ERR_FATAL) {
        c->stuck = true;
    }
    return n;
}

int chip_call(struct chip *c, unsigned type, uint16_t line, uint32_t value)
{
    int n = chip_ask(c, type, line, value);

    return n < 0 ? chip_say(c, n, type, line) : n;
}

int chip_unmask(struct chip *c, uint16_t line)
{
    int n = vgpio_drv_unmask(&c->drv, line);

    return n < 0 ? say_device(c, n, "interrupts") : 0;
}

int chip_poll(struct chip *c)
{
    struct vgpio_drv_event ev;
    int n = vgpio_vuf_linux_wait(&c->front, 0);

    if (n < 0 || (n & (int)(VGPIO_VUF_ERR(0) | VGPIO_VUF_ERR(1))) != 0) {
        c->stuck = true;
        return say_device(c, VGPIO_ERR_BROKEN, "the device");
    }
    do {
        n = vgpio_drv_flush(&c->drv);
        while (n == 0 && (n = vgpio_drv_poll(&c->drv, &ev)) > 0) {
            on_event(c, &ev);
            n = 0;
        }
        if (n == 0) {
            n = vgpio_drv_rearm(&c->drv);
        }
    } while (n > 0);
    return n < 0 ? say_device(c, n, "the device") : 0;
}

/* ---- names ---- */

static int await(struct chip *c, const void *cookie, struct vgpio_drv_event *ev)
{
    begin(c);
    for (;;) {
        int n = vgpio_drv_flush(&c->drv);

        while (n == 0 && (n = vgpio_drv_poll(&c->drv, ev)) > 0) {
            if (ev->kind == VGPIO_DONE && ev->cookie == cookie) {
                return ev->result;
            }
            n = 0;
        }
        if (n == 0) {
            n = vgpio_drv_rearm(&c->drv);
        }
        if (n < 0 || (n == 0 && sleep_once(c) < 0)) {
            return n < 0 ? n : VGPIO_ERR_TIMEOUT;
        }
    }
}

static int bad_names(const struct chip *c, const char *why)
{
    cli_error("%s: the names of its lines: %s", c->name, why);
    return -1;
}

/* Two lines of one name are tolerated, as Linux does; --strict finds them. */
static int split_names(struct chip *c, uint32_t size)
{
    uint32_t off = 0;
    uint16_t line;
    uint32_t i;

    for (i = 0; i < size; i++) {
        if (c->block[i] != 0 && (c->block[i] < ' ' || c->block[i] > '~')) {
            return bad_names(c, "not printable ASCII");
        }
    }
    for (line = 0; line < c->nlines; line++) {
        c->names[line] = vgpio_names_next(c->block, size, &off);
        if (c->names[line] == NULL && c->draft) {
            c->names[line] = ""; /* the draft may name the first ones only */
        } else if (c->names[line] == NULL) {
            return bad_names(c, "fewer than lines");
        }
    }
    return off == size || c->draft ? 0 : bad_names(c, "more than lines");
}

static int read_names(struct chip *c, uint32_t arena)
{
    uint32_t size = vgpio_drv_names_size(&c->drv);
    uint8_t *at = c->front.mem + arena;
    struct vgpio_drv_event ev;
    uint16_t line;
    int n;

    c->names = calloc(c->nlines + 1u, sizeof *c->names);
    if (c->names == NULL) {
        return say_device(c, VGPIO_ERR_NOSPC, "memory");
    }
    for (line = 0; line < c->nlines; line++) {
        c->names[line] = "";
    }
    if (size == 0) {
        return 0;
    }
    if (size > NAMES_MAX || (size < c->nlines && !c->draft)) {
        return bad_names(c, "a block of an impossible size");
    }
    n = vgpio_drv_read_names(&c->drv, at, c->front.vuf.cfg.gpa + arena, size + 1, c);
    n = n == 0 ? await(c, c, &ev) : n;
    if (n < 0) {
        return chip_say(c, n, VGPIO_MSG_GET_LINE_NAMES, 0);
    }
    c->block = malloc(size);
    if (c->block == NULL) {
        return say_device(c, VGPIO_ERR_NOSPC, "memory");
    }
    memcpy(c->block, at + 1, size);
    return split_names(c, size);
}

/* ---- open and close ---- */

static unsigned power_of_two(unsigned n)
{
    unsigned p = 1;

    while (p < n) {
        p *= 2;
    }
    return p;
}

/* Some back ends make their socket anew for each front end: for a moment after the last
 * one has left, nobody listens. */
static int connect_chip(struct chip *c, const char *path, uint32_t arena, unsigned nirq)
{
    struct vgpio_vuf_linux_config fc = {0};
    uint64_t due = evloop_now() + ANEW_US;

    fc.mem_size = (uint64_t)arena + NAMES_MAX + 1;
    fc.timeout_ms = c->timeout_ms;
    if (4u * nirq > QUEUE_SIZE) {
        fc.queue_size =
            (uint16_t)(4u * nirq < QUEUE_MAX ? 4u * nirq : (unsigned)QUEUE_MAX);
    }
    while (vgpio_vuf_linux_open(&c->front, path, &fc) < 0) {
        if (evloop_now() > due) {
            cli_error("%s: %s", c->name, vgpio_vuf_linux_reason(&c->front));
            return -1;
        }
        (void)poll(NULL, 0, 10);
    }
    return 0;
}

static int start_driver(struct chip *c, uint32_t arena, unsigned nirq)
{
    struct vgpio_drv_config dc = {0};
    int n;

    c->slots = calloc(NREQ + nirq + NIRQ_DRAFT, sizeof *c->slots);
    c->ring = calloc(2u * (NREQ + nirq + NIRQ_DRAFT), sizeof *c->ring);
    c->irq_map = calloc(UINT16_MAX, sizeof *c->irq_map);
    if (c->slots == NULL || c->ring == NULL || c->irq_map == NULL) {
        return say_device(c, VGPIO_ERR_NOSPC, "memory");
    }
    dc.bus = &vgpio_vuf_bus_ops;
    dc.bus_ctx = &c->front.vuf;
    dc.dma = c->front.mem;
    dc.dma_addr = c->front.vuf.cfg.gpa;
    dc.dma_size = arena;
    dc.slots = c->slots;
    dc.ring = c->ring;
    dc.nreq = NREQ;
    dc.nirq = (uint16_t)nirq;
    dc.irq_map = c->irq_map;
    dc.irq_map_len = UINT16_MAX;
    n = vgpio_drv_init(&c->drv, &dc);
    if (n == 0) {
        n = vgpio_drv_start(&c->drv);
    }
    if (n == VGPIO_ERR_NOTSUP && vgpio_vuf_error(&c->front.vuf) == 0) {
        c->draft = true;
        c->front.vuf.cfg.config_size = CONFIG_DRAFT;
        dc.dialect = &vgpio_draft_dialect;
        dc.nirq = NIRQ_DRAFT;
        n = vgpio_drv_init(&c->drv, &dc);
        if (n == 0) {
            n = vgpio_drv_start(&c->drv);
        }
    }
    if (n != 0) {
        return say_device(c, n, "not a GPIO device that can be used");
    }
    c->nlines = vgpio_drv_ngpio(&c->drv);
    return 0;
}

int chip_open(struct chip *c, const char *path, const char *name, unsigned nirq,
              uint32_t timeout_ms)
{
    uint32_t arena;

    memset(c, 0, sizeof *c);
    c->front.sock = c->front.poll_fd = -1;
    c->timeout_ms = timeout_ms;
    c->name = strdup(name);
    if (c->name == NULL) {
        cli_error("%s: %s", name, strerror(errno));
        return -1;
    }
    if (nirq > 0) {
        nirq = power_of_two(nirq);
    }
    arena = VGPIO_DMA_SIZE(NREQ, nirq > NIRQ_DRAFT ? nirq : NIRQ_DRAFT);
    if (connect_chip(c, path, arena, nirq) < 0 || start_driver(c, arena, nirq) < 0) {
        return -1;
    }
    c->sync.ops_size = sizeof c->sync;
    c->sync.drv = &c->drv;
    c->sync.wait = sleep_once;
    c->sync.on_event = on_event;
    c->sync.ctx = c;
    return read_names(c, arena);
}

void chip_close(struct chip *c)
{
    if (c->name == NULL) {
        return;
    }
    if (c->front.sock >= 0) {
        (void)vgpio_drv_stop(&c->drv);
    }
    if (c->front.mem != NULL) {
        vgpio_vuf_linux_close(&c->front);
    }
    free(c->slots);
    free(c->ring);
    free(c->irq_map);
    free(c->names);
    free(c->block);
    free(c->name);
    c->name = NULL;
}
