/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device posted for QEMU does, as a driver of the draft sees it: made from
 * observed behaviour, with its faults. It answers each 8 bytes on queue 1 at once, loses
 * the answer if queue 0 has no buffer, answers types that nobody knows, says that it
 * wrote 8 bytes to a request, and drops reports that find no buffer. */
#ifndef TESTS_QEMU_DRAFT_H
#define TESTS_QEMU_DRAFT_H

#include <virtiogpio/queue.h>

struct qemu_draft {
    struct vgpio_devq q[2];
    const struct vgpio_line_ops *ops;
    void *ctx;
    uint8_t config[64 + 256];
    uint32_t config_size, device_id;
    uint16_t mask; /* 0x8000, or 0xf000 with the older header */
    uint16_t queue_max;
    uint64_t features;
    int32_t refuse;   /* what it answers to `refused`, if not 0 */
    unsigned refused; /* a type */
    int mute;         /* takes requests, answers nothing */
    unsigned running, owed, lost;
    uint8_t got[64][8]; /* the last requests */
    unsigned ngot;
};

/* `n` lines, names as the config has them: may be NULL. */
void qemu_draft_init(struct qemu_draft *d, const struct vgpio_line_ops *ops, void *ctx,
                     uint16_t n, const uint8_t *names, uint32_t names_size);
struct vgpio_vdev qemu_draft_vdev(struct qemu_draft *d);
struct vgpio_sink qemu_draft_sink(struct qemu_draft *d);
/* Any message to the driver, from nowhere. */
void qemu_draft_say(struct qemu_draft *d, unsigned type, uint16_t line, int32_t value);

#endif /* TESTS_QEMU_DRAFT_H */
