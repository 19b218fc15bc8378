/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's books of a batch, open to mutants. */
#ifndef VGPIO_TEST_DRVQ_MUTABLE_H
#define VGPIO_TEST_DRVQ_MUTABLE_H

#include "ring_mutable.h"

#include "drvq.h"

static inline void hand_over_or_mutant(struct vgpio_drvq *q, unsigned head,
                                       uint16_t *slot, uint32_t *written)
{
    unsigned batch = q->batch;

    drvq_hand_over(q, head, slot, written);
    if (mutant_is(M_BATCH_FORGOT)) {
        q->batch = DRVQ_END;
    }
    if (mutant_is(M_BATCH_KEPT)) {
        q->batch = batch;
    }
    if (mutant_is(M_BATCH_LENGTH)) {
        *written = q->batch_len;
    }
}

#define drvq_hand_over hand_over_or_mutant

#endif /* VGPIO_TEST_DRVQ_MUTABLE_H */
