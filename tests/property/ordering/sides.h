/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver and a device at one ring of either layout: not one program each but every
 * sensible use of the library's calls, by choice. */
#ifndef VGPIO_TEST_SIDES_H
#define VGPIO_TEST_SIDES_H

#include "model.h"
#include "mutant.h"

#define SIDES_SIZE_MAX 4u    /* entries */
#define SIDES_BUFFERS_MAX 7u /* in one run */

struct sides_config {
    uint16_t size;     /* entries of the ring */
    uint8_t buffers;   /* that the driver submits until it is done */
    uint8_t indirect;  /* one descriptor a buffer; else two */
    uint8_t event_idx; /* negotiated; without it peers set the flags while awake */
    uint8_t platform;  /* ORDER_PLATFORM */
    uint8_t hold;      /* so many buffers the device may keep and answer in any order */
    uint16_t base;     /* index that the ring begins with; packed: offset and lap */
    uint8_t no_rule;   /* do not check answers of publish against the rule, only what
                          comes of them */
    uint8_t packed;
    uint8_t restart; /* so many times the device stops and goes on, anywhere */
    uint8_t reset;   /* so many times the driver resets the queue, anywhere */
    uint8_t fast;    /* short requests: vgpio_devq_take() and _answer() */
    uint8_t order;   /* IN_ORDER; 2: and a device that makes batches, as ours does not */
};

/* Fills in both programs and the checks. */
void sides_prepare(const struct sides_config *c, const struct mutant *m,
                   struct model_setup *setup);

/* Calls of publish since then, counted once a way to reach them, and of these those that
 * notify. */
uint64_t sides_published(void);
uint64_t sides_notified(void);

#endif /* VGPIO_TEST_SIDES_H */
