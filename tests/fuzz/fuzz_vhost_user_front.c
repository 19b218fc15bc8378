/* SPDX-License-Identifier: BSD-3-Clause */
/* The answers of any back end. Input: which features it offers (a byte), then for each
 * answer a byte that says how it bends: 0 as the protocol has it but with the payload
 * from the input, 1 all bytes from the input (le16 length first), 2 nothing in time,
 * 3 hung up, else as 0 with so many descriptors. Asserted: every descriptor is closed
 * exactly once, a dead connection stays dead and is spoken to no more, stopping always
 * succeeds, and what the driver learned is what was said. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/driver.h>
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/wire.h>

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#define GPA 0x10000u
#define NREQ 2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *in;
static size_t left;
static uint32_t asked, asked_size, asked_flags;
static unsigned fds_out, fds_closed, sent, cuts;
static int32_t ended;

static uint8_t next(void)
{
    if (left == 0) {
        return 0;
    }
    left--;
    return *in++;
}

static void fill(uint8_t *dst, uint32_t n)
{
    while (n-- > 0) {
        *dst++ = next();
    }
}

static int fake_send(void *ctx, const struct vgpio_vu_msg *m)
{
    (void)ctx;
    MUST(ended == 0);
    MUST(m->len >= 12 && m->len <= sizeof m->buf && m->nfds <= 1);
    memcpy(&asked, m->buf, 4);
    memcpy(&asked_flags, m->buf + 4, 4);
    memcpy(&asked_size, m->buf + 8, 4);
    MUST(asked_size == m->len - 12);
    sent++;
    return 0;
}

static void answer(struct vgpio_vu_msg *m)
{
    uint32_t head[3] = {asked, 5, 8};

    if (asked == VGPIO_VU_GET_CONFIG) {
        head[2] = asked_size;
        memcpy(m->buf + 16, &(uint32_t){asked_size - 12}, 4);
        fill(m->buf + 24, asked_size - 12);
    } else if ((asked_flags & VGPIO_VU_NEED_REPLY) != 0) {
        m->buf[12] = next() == 0xff;
    } else {
        fill(m->buf + 12, 8);
    }
    memcpy(m->buf, head, sizeof head);
    m->len = 12 + head[2];
}

static int fake_recv(void *ctx, struct vgpio_vu_msg *m)
{
    uint8_t how = next();
    unsigned i;

    (void)ctx;
    MUST(ended == 0);
    memset(m, 0, sizeof *m);
    if (how == 2 || how == 3) {
        ended = how == 2 ? VGPIO_ERR_TIMEOUT : VGPIO_ERR_IO;
        return ended;
    }
    if (how == 1) {
        m->len = next();
        m->len |= (uint32_t)next() << 8;
        fill(m->buf, m->len < sizeof m->buf ? m->len : (uint32_t)sizeof m->buf);
        return 0;
    }
    answer(m);
    m->nfds = how == 0 ? 0 : how % (VGPIO_VU_MAX_REGIONS + 2);
    for (i = 0; i < m->nfds && i < VGPIO_VU_MAX_REGIONS; i++) {
        m->fds[i] = (int)fds_out++;
    }
    return 0;
}

static void fake_close(void *ctx, int fd)
{
    (void)ctx;
    MUST(fd >= 0 && (unsigned)fd < fds_out);
    fds_closed++;
}

static void fake_signal(void *ctx, int fd)
{
    (void)ctx;
    MUST(fd == 0 || fd == 1);
}

static void fake_cut(void *ctx)
{
    (void)ctx;
    cuts++;
}

static const struct vgpio_vuf_os fake_os = {sizeof fake_os, fake_send,   fake_recv,
                                            fake_close,     fake_signal, fake_cut};

static void live(struct vgpio_vuf *f, struct vgpio_drv *drv)
{
    int err = vgpio_drv_start(drv);
    unsigned before;
    uint64_t v;

    if (err == 0) {
        if (vgpio_drv_ngpio(drv) > 0) {
            MUST(vgpio_drv_submit(drv, VGPIO_MSG_GET_VALUE, 0, 0, NULL) == 0);
        }
        MUST(vgpio_drv_flush(drv) == 0);
    } else {
        MUST(vgpio_vuf_error(f) == 0 || vgpio_vuf_reason(f, NULL) != NULL);
    }
    MUST(vgpio_drv_stop(drv) == 0);
    MUST((cuts != 0) == (vgpio_vuf_error(f) != 0));
    if (vgpio_vuf_error(f) != 0) {
        before = sent;
        MUST(vgpio_vuf_get(f, 1, &v) == vgpio_vuf_error(f));
        MUST(vgpio_drv_start(drv) < 0);
        MUST(sent == before);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t arena[VGPIO_DMA_SIZE(NREQ, NREQ)] __attribute__((aligned(64)));
    struct vgpio_drv_slot slots[2 * NREQ];
    struct vgpio_drvq_slot ring[4 * NREQ];
    struct vgpio_drv_config c = {0};
    struct vgpio_vuf_config fc = {0};
    struct vgpio_vuf f;
    struct vgpio_drv drv;

    in = data;
    left = size;
    fds_out = fds_closed = sent = cuts = 0;
    ended = 0;
    fc.os = &fake_os;
    fc.gpa = GPA;
    fc.size = sizeof arena;
    fc.protocol = next();
    fc.protocol |= (uint64_t)(fc.protocol & 0x10) << 5; /* CONFIG is bit 9 */
    fc.kick[1] = 1;
    fc.err[0] = -1;
    MUST(vgpio_vuf_init(&f, &fc) == 0);
    c.bus = &vgpio_vuf_bus_ops;
    c.bus_ctx = &f;
    c.dma = arena;
    c.dma_addr = GPA;
    c.dma_size = sizeof arena;
    c.slots = slots;
    c.ring = ring;
    c.nreq = c.nirq = NREQ;
    MUST(vgpio_drv_init(&drv, &c) == 0);
    live(&f, &drv);
    MUST(fds_closed == fds_out);
    return 0;
}
