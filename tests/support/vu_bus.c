/* SPDX-License-Identifier: BSD-3-Clause */
#include "vu_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the back end ---- */

static void watch(void *ctx, int fd, unsigned q, int on)
{
    struct vu_bus *b = ctx;

    b->kick[q] = on ? fd : -1;
}

static const struct vgpio_vu_os os = {
    .ops_size = sizeof os,
    .map = vgpio_vu_linux_map,
    .unmap = vgpio_vu_linux_unmap,
    .close = vgpio_vu_linux_close,
    .signal = vgpio_vu_linux_signal,
    .watch = watch,
};

static int serve_message(struct vu_bus *b)
{
    int n = vgpio_vu_linux_recv(b->sock, &b->in);

    if (n > 0) {
        n = vgpio_vu_input(&b->vu, &b->in, &b->out);
        if (n > 0) {
            assert_int_equal(vgpio_vu_linux_send(b->sock, &b->out), 1);
        }
        assert_true(n >= 0);
        return 1;
    }
    return 0;
}

static int serve_kick(struct vu_bus *b, unsigned q)
{
    uint64_t n;

    if (b->kick[q] < 0 || read(b->kick[q], &n, sizeof n) != (ssize_t)sizeof n) {
        return 0;
    }
    while (vgpio_vu_kick(&b->vu, q) > 0) {
    }
    return 1;
}

void vu_bus_serve(void *bus)
{
    struct vu_bus *b = bus;

    while (serve_message(b) | serve_kick(b, 0) | serve_kick(b, 1)) {
    }
    vgpio_vu_flush(&b->vu);
}

/* ---- the front end ---- */

void vu_bus_open(struct vu_bus *b, struct vgpio_vdev dev, uint32_t device_id)
{
    int s[2];

    memset(b, 0, sizeof *b);
    b->device_id = device_id;
    b->kick[0] = b->kick[1] = -1;
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
    b->sock = s[1];
    assert_int_equal(vgpio_vu_init(&b->vu, dev, &os, b), 0);
    vu_peer_open(&b->peer, s[0]);
    b->peer.pump = vu_bus_serve;
    b->peer.pump_ctx = b;
    assert_int_equal(vu_peer_negotiate(&b->peer, VGPIO_F_VERSION_1), 0);
    assert_int_equal(vu_peer_share(&b->peer), 0);
}

void vu_bus_close(struct vu_bus *b)
{
    vu_peer_close(&b->peer);
    vgpio_vu_close(&b->vu);
    close(b->sock);
}

static int bus_device_id(void *ctx, uint32_t *id)
{
    *id = ((struct vu_bus *)ctx)->device_id;
    return 0;
}

static int bus_get_features(void *ctx, uint64_t *features)
{
    struct vu_bus *b = ctx;

    if (vu_peer_get(&b->peer, VU_GET_FEATURES, features) != 0) {
        return VGPIO_ERR_IO;
    }
    *features &= ~VU_F_PROTOCOL_FEATURES;
    return 0;
}

static int bus_set_features(void *ctx, uint64_t features)
{
    ((struct vu_bus *)ctx)->features = features;
    return 0;
}

static int bus_get_status(void *ctx, uint8_t *status)
{
    *status = ((struct vu_bus *)ctx)->status;
    return 0;
}

static int stop_rings(struct vu_bus *b)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        if ((b->status & VGPIO_S_DRIVER_OK) != 0 && (b->latched & 1u << q) != 0 &&
            vu_peer_stop(&b->peer, q) == -1) {
            return VGPIO_ERR_IO;
        }
    }
    b->latched = 0;
    return 0;
}

static int start_rings(struct vu_bus *b)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        if ((b->latched & 1u << q) != 0 &&
            vu_peer_start(&b->peer, q, 0, b->fresh_base) != 0) {
            return VGPIO_ERR_IO;
        }
    }
    return 0;
}

static int bus_set_status(void *ctx, uint8_t status)
{
    struct vu_bus *b = ctx;
    unsigned fresh = status & ~(unsigned)b->status;
    int err = status == 0 ? stop_rings(b) : 0;

    if ((fresh & VGPIO_S_FEATURES_OK) != 0) {
        b->peer.features = b->features | VU_F_PROTOCOL_FEATURES;
        if (vu_peer_u64(&b->peer, VU_SET_FEATURES, b->peer.features) != 0) {
            status &= (uint8_t)~VGPIO_S_FEATURES_OK;
        }
    }
    if ((fresh & VGPIO_S_DRIVER_OK) != 0) {
        err = start_rings(b);
    }
    b->status = status;
    return err;
}

static int bus_config_read(void *ctx, uint32_t off, void *dst, uint32_t len)
{
    struct vu_bus *b = ctx;

    return vu_peer_config(&b->peer, off, len, dst) == (int)len ? 0 : VGPIO_ERR_IO;
}

static int bus_queue_max(void *ctx, unsigned q, uint16_t *max)
{
    struct vu_bus *b = ctx;
    uint64_t n;

    if (vu_peer_get(&b->peer, VU_GET_QUEUE_NUM, &n) != 0) {
        return VGPIO_ERR_IO;
    }
    *max = q < n ? 64 : 0; /* how large a ring may be is not told either */
    return 0;
}

static int bus_queue_start(void *ctx, unsigned q, const struct vgpio_vq_setup *vq)
{
    struct vu_bus *b = ctx;

    b->peer.ring[q].m = &b->peer.mem;
    b->peer.ring[q].setup = *vq;
    b->latched |= 1u << q;
    return 0;
}

static int bus_notify(void *ctx, unsigned q, uint32_t data)
{
    struct vu_bus *b = ctx;
    const uint64_t one = 1;

    (void)data;
    return write(b->peer.kick[q], &one, sizeof one) == sizeof one ? 0 : VGPIO_ERR_IO;
}

const struct vgpio_bus_ops vu_bus_ops = {
    sizeof vu_bus_ops,
    bus_device_id,
    bus_get_features,
    bus_set_features,
    bus_get_status,
    bus_set_status,
    NULL,
    bus_config_read,
    bus_queue_max,
    bus_queue_start,
    NULL,
    bus_notify,
};
