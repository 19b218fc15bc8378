/* SPDX-License-Identifier: BSD-3-Clause */
/* A second protocol for GPIO lines, made up to see whether the seams hold: both sides of
 * it run over every transport and every backend without a change in any of them.
 *
 * It differs from the standard in all that it can. Configuration is one byte, the number
 * of lines. Every message has four bytes: kind, line, value, tag. The driver posts empty
 * buffers on queue 0, its inbox, and sends on queue 1; an answer is a message of its own
 * in the inbox, with 0x80 in its kind and the tag of the question; an edge of a watched
 * line is one that nobody asked for. While the inbox is empty, questions wait. */
#ifndef TESTS_FAKE_DIALECT_H
#define TESTS_FAKE_DIALECT_H

#include <virtiogpio/driver.h>

#define TOY_DEVICE_ID 0x77u
#define TOY_LINES 8u

enum {
    TOY_GET = 1,
    TOY_SET = 2,
    TOY_WATCH = 3,
    TOY_EDGE = 0x40,
    TOY_ANSWER = 0x80
};
#define TOY_ERR 0xffu

struct toy_dev {
    struct vgpio_devq q[2];
    const struct vgpio_line_ops *ops;
    void *ctx;
    unsigned running, owed;
    uint8_t watched, edges, levels; /* a bit a line */
};

struct vgpio_vdev toy_vdev(struct toy_dev *t);
struct vgpio_sink toy_sink(struct toy_dev *t);

/* SET_VALUE drives at once, there are no directions; SET_IRQ_TYPE knows BOTH and NONE,
 * and there is no mask. */
extern const struct vgpio_dialect toy_dialect;

#endif /* TESTS_FAKE_DIALECT_H */
