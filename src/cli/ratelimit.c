/* SPDX-License-Identifier: BSD-3-Clause */
#include "ratelimit.h"

bool ratelimit_take(struct ratelimit *r, uint64_t now_us, uint64_t *before)
{
    uint64_t full = r->full_us > now_us ? r->full_us : now_us;

    /* Each line puts off the time at which the whole burst is there again. */
    if (full + r->every_us - now_us > r->burst * r->every_us) {
        r->waiting++;
        r->total++;
        return false;
    }
    r->full_us = full + r->every_us;
    *before = r->waiting;
    r->waiting = 0;
    return true;
}
