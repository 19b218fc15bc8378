/* SPDX-License-Identifier: BSD-3-Clause */
/* One piece of memory seen at two addresses by two sides, at a third one on the wire.
 *
 * Whoever mixes up a driver's pointer, a device's pointer and a bus address gets a
 * segmentation fault. With twomap_turn() the side that does not run cannot even be
 * touched through its own view. */
#ifndef TESTS_TWOMAP_H
#define TESTS_TWOMAP_H

#include <virtiogpio/types.h>

#define TWOMAP_GPA UINT64_C(0x123480000)

struct twomap {
    uint8_t *driver; /* the driver's view */
    uint8_t *device; /* the device's view */
    size_t size;     /* whole pages; unmapped pages lie around each view */
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem; /* for the device */
};

enum twomap_side {
    TWOMAP_BOTH,
    TWOMAP_DRIVER,
    TWOMAP_DEVICE
};

/* At least `size` bytes; aborts the test program if the system cannot. */
void twomap_open(struct twomap *m, size_t size);
void twomap_close(struct twomap *m);

/* Take the view away from the side whose turn it is not. */
void twomap_turn(struct twomap *m, enum twomap_side side);

#endif /* TESTS_TWOMAP_H */
