/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver's bus over vhost-user, both ends in one thread: a front end that asks, and a
 * back end (the library's engine on real sockets, eventfds and mappings) that is run
 * whenever the front end waits. */
#ifndef TESTS_VU_BUS_H
#define TESTS_VU_BUS_H

#include <virtiogpio/vhost_user.h>
#include <virtiogpio/wire.h>

#include "vu_peer.h"

struct vu_bus {
    struct vu_peer peer;
    uint32_t device_id; /* vhost-user does not carry it */
    uint64_t features;
    uint8_t status;
    unsigned latched;
    uint32_t fresh_base; /* what is said of rings that begin */
    /* the back end */
    struct vgpio_vu vu;
    struct vgpio_vu_msg in, out;
    int sock, kick[2]; /* -1: not watched */
};

/* Connects to `dev`. Guest memory is peer.mem, for the driver's arena from the start. */
void vu_bus_open(struct vu_bus *b, struct vgpio_vdev dev, uint32_t device_id);
void vu_bus_close(struct vu_bus *b);
/* Runs the back end until it has nothing to do. Kicks are eventfds, so it knows. */
void vu_bus_serve(void *bus);

extern const struct vgpio_bus_ops vu_bus_ops; /* ctx: the struct vu_bus */

#endif /* TESTS_VU_BUS_H */
