/* SPDX-License-Identifier: BSD-3-Clause */
/* A hostile front end: messages with descriptors, kicks, guest memory, and disconnects at
 * any moment, against the engine with the real device and the simulator behind it.
 * Asserted (vu_fake.h): every descriptor is closed exactly once and never used after, no
 * mapping is left or used after, and after the last disconnect nothing is held.
 *
 * Input: a list of steps. First byte: what; then its arguments, missing bytes are 0.
 *   0  a message: request, flags, descriptors, length (le16), payload
 *   1  raw bytes as a message: descriptors, length (le16), bytes
 *   2  kick: queue                    5  pull a line: line, level
 *   3  write guest memory: offset (le16), length, bytes
 *   4  disconnect                     6  complete the slow request: value
 * Slow is line 7. Every reply counts as sent at once. */
#include <stdint.h>

#include <virtiogpio/device.h>
#include <virtiogpio/sim.h>

#include "vu_fake.h"

#define NLINES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct fake_os os;
    struct vgpio_vu vu;
    struct vgpio_dev dev;
    struct vgpio_sim sim;
    struct vgpio_line lines[NLINES];
    struct vgpio_sim_line sim_lines[NLINES];
    struct vgpio_req reqs[4];
    struct vgpio_vu_msg in, out;
    vgpio_token token;
    const uint8_t *p;
    size_t left;
};

static uint8_t byte(struct world *w)
{
    uint8_t b = 0;

    if (w->left != 0) {
        b = *w->p++;
        w->left--;
    }
    return b;
}

static uint32_t word(struct world *w)
{
    uint32_t lo = byte(w);

    return lo | (uint32_t)byte(w) << 8;
}

static uint32_t bytes(struct world *w, uint8_t *dst, uint32_t len)
{
    uint32_t i;

    for (i = 0; i < len && w->left != 0; i++) {
        dst[i] = byte(w);
    }
    return i;
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    struct world *w = ctx;

    if (line == 7) {
        w->token = token;
        return VGPIO_PENDING;
    }
    return vgpio_sim_ops.get_value(&w->sim, line, token);
}

static int get_direction(void *ctx, uint16_t line, vgpio_token t)
{
    return vgpio_sim_ops.get_direction(&((struct world *)ctx)->sim, line, t);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token t)
{
    return vgpio_sim_ops.set_direction(&((struct world *)ctx)->sim, line, dir, out, t);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token t)
{
    return vgpio_sim_ops.set_value(&((struct world *)ctx)->sim, line, value, t);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token t)
{
    return vgpio_sim_ops.set_irq_type(&((struct world *)ctx)->sim, line, type, t);
}

static void reset_lines(void *ctx)
{
    vgpio_sim_ops.reset(&((struct world *)ctx)->sim);
}

static const struct vgpio_line_ops line_ops = {
    sizeof line_ops, get_direction, set_direction, get_value,
    set_value,       set_irq_type,  NULL,          reset_lines};

static void build(struct world *w)
{
    struct vgpio_dev_config dc = {0};
    struct vgpio_sim_config sc = {0};

    sc.sink = vgpio_dev_sink(&w->dev);
    sc.lines = w->sim_lines;
    sc.nlines = NLINES;
    dc.ops = &line_ops;
    dc.ctx = w;
    dc.lines = w->lines;
    dc.ngpio = NLINES;
    dc.reqs = w->reqs;
    dc.nreqs = 4;
    FAKE_CHECK(vgpio_sim_init(&w->sim, &sc) == 0);
    FAKE_CHECK(vgpio_dev_init(&w->dev, &dc) == 0);
    FAKE_CHECK(vgpio_vu_init(&w->vu, vgpio_dev_vdev(&w->dev), &fake_os_ops, &w->os) == 0);
    w->os.send_result = 1;
}

/* The end of a connection, as a server does it. */
static void hang_up(struct world *w)
{
    unsigned i;

    for (i = 0; i < w->in.nfds && i < VGPIO_VU_MAX_REGIONS; i++) {
        fake_close(&w->os, w->in.fds[i]);
    }
    w->in.len = w->in.nfds = w->out.len = 0;
    vgpio_vu_close(&w->vu);
    FAKE_CHECK(w->os.open == 0 && w->os.nmaps == 0);
    FAKE_CHECK(!w->os.polled[0] && !w->os.polled[1]);
    w->os.nfds = 0;
}

static void check_reply(struct world *w)
{
    uint32_t head[3];

    FAKE_CHECK(w->out.len >= 12 && w->out.len <= sizeof w->out.buf && w->out.nfds == 0);
    memcpy(head, w->out.buf, sizeof head);
    FAKE_CHECK(head[1] == 5 && head[2] + 12 == w->out.len);
    w->out.len = 0;
}

static void input(struct world *w)
{
    int n = vgpio_vu_input(&w->vu, &w->in, &w->out);

    if (n == VGPIO_ERR_STATE) {
        return; /* it waits in w->in */
    }
    FAKE_CHECK(w->in.len == 0 && w->in.nfds == 0);
    FAKE_CHECK(n == 0 || n == 1 || n == VGPIO_ERR_PROTO);
    FAKE_CHECK(n >= 0 || vgpio_vu_reason(&w->vu) != NULL);
    if (n == 1) {
        check_reply(w);
    } else if (n < 0) {
        hang_up(w);
    }
}

static void after(struct world *w)
{
    vgpio_vu_flush(&w->vu);
    if (vgpio_vu_output(&w->vu, &w->out) == 1) {
        check_reply(w);
        if (w->in.len != 0) {
            input(w);
        }
    }
}

static void message(struct world *w, int raw)
{
    uint32_t head[3], nfds, len, i, at = 0;

    if (w->in.len != 0 || w->os.nfds > FAKE_FDS - 16) {
        hang_up(w); /* a peer that does not wait for its reply, or talks for ever */
    }
    head[0] = raw ? 0 : byte(w);
    head[1] = raw ? 0 : byte(w) | 1u;
    nfds = byte(w) % 11u;
    len = word(w) % (VGPIO_VU_MSG_MAX + 1);
    if (!raw) {
        at = 12;
        len = len > VGPIO_VU_MSG_MAX - 12 ? VGPIO_VU_MSG_MAX - 12 : len;
        memset(w->in.buf + 12, 0, len);
        (void)bytes(w, w->in.buf + 12, len);
        head[2] = len;
        memcpy(w->in.buf, head, sizeof head);
    } else {
        len = bytes(w, w->in.buf, len);
    }
    w->in.len = w->in.done = at + len;
    w->in.nfds = nfds;
    for (i = 0; i < nfds && i < VGPIO_VU_MAX_REGIONS; i++) {
        w->in.fds[i] = fake_fd_new(&w->os);
    }
    input(w);
}

/* The guest writes: into the file, and into what of it is mapped. */
static void poke(struct world *w)
{
    uint32_t off = word(w), len = byte(w), i, k;

    for (i = 0; i < len && off + i < FAKE_FILE; i++) {
        w->os.image[off + i] = byte(w);
        for (k = 0; k < FAKE_MAPS; k++) {
            if (w->os.map[k].p != NULL && off + i >= w->os.map[k].off &&
                off + i - w->os.map[k].off < w->os.map[k].len) {
                w->os.map[k].p[off + i - w->os.map[k].off] = w->os.image[off + i];
            }
        }
    }
}

static void step(struct world *w)
{
    uint32_t a;

    switch (byte(w) % 7u) {
    case 0:
        message(w, 0);
        break;
    case 1:
        message(w, 1);
        break;
    case 2:
        (void)vgpio_vu_kick(&w->vu, byte(w));
        break;
    case 3:
        poke(w);
        break;
    case 4:
        hang_up(w);
        break;
    case 5:
        a = byte(w);
        (void)vgpio_sim_pull(&w->sim, (uint16_t)(a % NLINES), byte(w) & 1u);
        break;
    default:
        (void)vgpio_dev_complete(&w->dev, w->token, byte(w));
        break;
    }
    after(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = calloc(1, sizeof *w);

    FAKE_CHECK(w != NULL);
    build(w);
    w->p = data;
    w->left = size;
    while (w->left != 0) {
        step(w);
    }
    hang_up(w);
    free(w);
    return 0;
}
