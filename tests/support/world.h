/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole world in one process: a driver and a device of any dialect over the loop, on
 * two mappings of one memory, with simulated lines behind the device. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <virtiogpio/virtiogpio.h>

#include "twomap.h"

#define WORLD_LINES 16u
#define WORLD_NREQ 8u
#define WORLD_NIRQ 8u
#define WORLD_NAMES_AT 0x8000u /* free shared memory behind the arena, one page */

struct world {
    struct vgpio_vdev dev;
    struct vgpio_loop bus;
    struct vgpio_drv drv;
    struct vgpio_sim sim;

    struct twomap m;
    struct vgpio_dev std; /* what `dev` is, unless a test put another one there */
    struct vgpio_line lines[WORLD_LINES];
    struct vgpio_req reqs[WORLD_NREQ];
    struct vgpio_sim_line sim_lines[WORLD_LINES];
    struct vgpio_drv_slot slots[WORLD_NREQ + WORLD_NIRQ];
    struct vgpio_drvq_slot ring[2 * (WORLD_NREQ + WORLD_NIRQ)];
    uint16_t irq_map[WORLD_LINES];
    uint8_t names[256];
    uint32_t names_size;
    struct vgpio_dev_config dc; /* change before world_start() */
    struct vgpio_drv_config rc; /* likewise */
};

/* Memory and configs of a standard device with 16 lines; nothing is initialised yet. With
 * VGPIO_TEST_SPLIT in the environment the driver does not ask for packed rings. */
void world_new(struct world *w);
void world_free(struct world *w);

/* The lines and the standard device from `dc`; `dev` is its face. 0 or < 0. */
int world_make_dev(struct world *w);
/* Bus and driver for `dev`, from `rc`; started. Any dialect. 0 or < 0. */
int world_join(struct world *w, struct vgpio_drv_config *rc, const struct vgpio_mem *mem);
/* Both, with success asserted. */
void world_start(struct world *w);

/* The driver asks for interrupts and sleeps; it is the device's turn until it has served
 * every kick; afterwards the driver's. The side that is not at its turn finds its view of
 * the memory gone. Returns the events taken. */
unsigned world_serve(struct world *w);
/* Pull a line, in the device's turn. Returns the events taken. */
unsigned world_pull(struct world *w, uint16_t line, unsigned level);
/* Submit, flush, serve, poll: the result of a request that must be answered at once. */
int world_call(struct world *w, unsigned type, uint16_t line, uint32_t value);

/* cmocka fixtures: *state is a started world of the standard dialect. */
int world_setup(void **state);
int world_teardown(void **state);

/* What no driver, or no device, can have meant, at the beginning of ring q. */
void world_break_avail(struct world *w, unsigned q);
void world_break_used(struct world *w, unsigned q);

#endif /* TESTS_WORLD_H */
