/* SPDX-License-Identifier: BSD-3-Clause */
/* A device queue, a hand-written driver and the memory between them, for unit tests. */
#ifndef DEVQ_WORLD_H
#define DEVQ_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <virtiogpio/queue.h>
#include <virtiogpio/wire.h>

#include "ring_peer.h"
#include "vdev.h"

#define WORLD_GPA 0x80000000u
#define WORLD_SIZE 0x10000u
#define OUT (WORLD_GPA + 0x8000u) /* requests */
#define IN (WORLD_GPA + 0x9000u)  /* answers */
#define TABLE (WORLD_GPA + 0xa000u)
#define NOWHERE 0x10u /* an address that is no memory */

/* What this build can negotiate. */
#define EVENT_IDX (VGPIO_CFG_EVENT_IDX ? VGPIO_F_EVENT_IDX : 0)
#define INDIRECT (VGPIO_CFG_INDIRECT ? VGPIO_F_INDIRECT : 0)

struct world {
    struct peer_mem m;
    struct ring_peer p;
    struct packed_peer k; /* in place of it, in a world that began as a packed one */
    struct vgpio_devq q;
    struct vgpio_chain c;
    uint8_t *before; /* memory as it was at world_snap() */
};

/* Ring laid out, queue not started. */
static inline void world_init(struct world *w, uint16_t size, uint64_t features)
{
    memset(w, 0, sizeof *w);
    peer_mem_init(&w->m, WORLD_GPA, WORLD_SIZE);
    assert_true(ring_peer_init(&w->p, &w->m, WORLD_GPA, size, features) <= OUT);
    w->before = malloc(WORLD_SIZE);
    assert_non_null(w->before);
}

static inline void packed_init(struct world *w, uint16_t size, uint64_t features)
{
    memset(w, 0, sizeof *w);
    peer_mem_init(&w->m, WORLD_GPA, WORLD_SIZE);
    assert_true(packed_peer_init(&w->k, &w->m, WORLD_GPA, size, features) <= OUT);
    w->before = malloc(WORLD_SIZE);
    assert_non_null(w->before);
}

static inline void packed_start(struct world *w, uint16_t size, uint64_t features)
{
    packed_init(w, size, features);
    assert_int_equal(vgpio_devq_start(&w->q, &w->m.ops, &w->k.setup), 0);
}

static inline void world_start(struct world *w, uint16_t size, uint64_t features)
{
    world_init(w, size, features);
    assert_int_equal(vgpio_devq_start(&w->q, &w->m.ops, &w->p.setup), 0);
}

static inline void world_end(struct world *w)
{
    vgpio_devq_stop(&w->q, NULL);
    assert_int_equal(w->m.live, 0);
    peer_mem_free(&w->m);
    free(w->before);
}

static inline void world_snap(struct world *w)
{
    memcpy(w->before, w->m.base, WORLD_SIZE);
    memset(w->m.dirty, 0, WORLD_SIZE);
}

static inline void assert_untouched(struct world *w)
{
    assert_memory_equal(w->before, w->m.base, WORLD_SIZE);
}

/* Since the last snap these bytes were reported, and no other was or changed. */
static inline void assert_stored(struct world *w, uint64_t gpa, uint32_t len)
{
    uint32_t i;

    for (i = 0; i < WORLD_SIZE; i++) {
        int here = WORLD_GPA + (uint64_t)i - gpa < len;

        if (w->m.dirty[i] != (VGPIO_CFG_DIRTY && here)) {
            fail_msg("byte %#x is reported wrongly", (unsigned)i);
        }
        if (!here && w->before[i] != w->m.base[i]) {
            fail_msg("byte %#x changed", (unsigned)i);
        }
    }
    world_snap(w);
}

/* Is it the same ring if this byte was not 0 when its queue stopped, and is when it
 * starts again? It is if nothing changed; the queue runs afterwards. */
static inline int world_resumes_without(struct world *w, uint8_t *byte)
{
    struct vgpio_vq_setup last, told, record;

    *byte = 1;
    vgpio_devq_leave(&w->q, &last);
    vgpio_devq_left(&last, &told);
    assert_int_equal(told.flags, VGPIO_VQ_TOLD);
    record = last;
    assert_int_equal(vgpio_devq_restart(&w->q, &w->m.ops, &told, &record), 1);
    vgpio_devq_stop(&w->q, NULL);
    *byte = 0;
    record = last;
    return vgpio_devq_restart(&w->q, &w->m.ops, &told, &record);
}

#endif /* DEVQ_WORLD_H */
