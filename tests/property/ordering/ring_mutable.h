/* SPDX-License-Identifier: BSD-3-Clause */
/* The arithmetic of ring.h, open to mutants. Only without one is it the library's own. */
#ifndef VGPIO_TEST_RING_MUTABLE_H
#define VGPIO_TEST_RING_MUTABLE_H

#include "mutant.h"
#include "ring.h"

static inline int event_or_mutant(uint16_t event, uint16_t now, uint16_t old)
{
    return mutant_event_is_mutated() ? mutant_need_event(event, now, old)
                                     : vq_need_event(event, now, old);
}

static inline uint16_t add_or_mutant(unsigned size, unsigned pos, uint32_t n)
{
    uint16_t next = packed_add(size, pos, n);

    if (mutant_is(M_WRAP_LATE) && packed_off(pos) + n == size) {
        return (uint16_t)(pos + n);
    }
    return mutant_is(M_WRAP_STUCK)
               ? (uint16_t)((next & ~PACKED_WRAP) | (pos & PACKED_WRAP))
               : next;
}

static inline uint32_t dist_or_mutant(unsigned size, unsigned from, unsigned to)
{
    return packed_dist(size, from, to) - (mutant_is(M_DIST_LESS) ? 1u : 0u);
}

static inline int wanted_or_mutant(uint32_t word, int always, unsigned size, unsigned now,
                                   unsigned old)
{
    uint32_t at = packed_off(now), event = packed_off((uint16_t)word);

    if (always || (word >> 16 & 3u) != PACKED_MODE_DESC) {
        return packed_wanted(word, always, size, now, old);
    }
    if (mutant_is(M_EVENT_LAP)) {
        return packed_wanted((word & ~PACKED_WRAP) | (now & PACKED_WRAP), 0, size, now,
                             old);
    }
    if (!mutant_event_is_mutated()) {
        return packed_wanted(word, 0, size, now, old);
    }
    event -= ((word ^ now) & PACKED_WRAP) != 0 ? size : 0u;
    return mutant_need_event((uint16_t)event, (uint16_t)at,
                             (uint16_t)(at - packed_dist(size, old, now)));
}

static inline int order_or_mutant(int in_order)
{
    return in_order && !mutant_is(M_DISORDER);
}

#undef vq_in_order
#define vq_in_order(q) order_or_mutant(((q)->flags & VQ_IN_ORDER) != 0)

#define vq_need_event event_or_mutant
#define packed_add add_or_mutant
#define packed_dist dist_or_mutant
#define packed_wanted wanted_or_mutant

#endif /* VGPIO_TEST_RING_MUTABLE_H */
