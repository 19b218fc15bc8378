/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's file, with its comparison of events open to mutants. Only without one is
 * it the library's own. */
#include "devq.h"

static inline int event_or_mutant(uint16_t event, uint16_t now, uint16_t old)
{
    return mutant_event_is_mutated() ? mutant_need_event(event, now, old)
                                     : vq_need_event(event, now, old);
}
#define vq_need_event event_or_mutant

#include "devq_split.c"
