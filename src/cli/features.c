/* SPDX-License-Identifier: BSD-3-Clause */
#include "features.h"

#include <virtiogpio/config.h>
#include <virtiogpio/wire.h>

bool features_option(struct features *f, int c)
{
    switch (c) {
    case OPT_PACKED:
        f->packed = true;
        return true;
    case OPT_SPLIT:
        f->split = true;
        return true;
    case OPT_NO_EVENT_IDX:
        f->off |= VGPIO_F_EVENT_IDX;
        return true;
    case OPT_NO_INDIRECT:
        f->off |= VGPIO_F_INDIRECT;
        return true;
    case OPT_NO_IRQ:
        f->off |= VGPIO_F_IRQ;
        return true;
    default:
        return false;
    }
}

uint64_t features_mask(const struct features *f)
{
    uint64_t mask = ~f->off;

    /* As with QEMU, packed rings are for those who ask for them. A library without the
     * others has no choice. */
    if (!f->packed && VGPIO_CFG_SPLIT) {
        mask &= ~VGPIO_F_PACKED;
    }
    return mask;
}

const char *features_refused(const struct features *f, uint64_t offered)
{
    if (f->packed && f->split) {
        return "--packed and --split exclude each other";
    }
    if (f->packed && (offered & VGPIO_F_PACKED) == 0) {
        return "--packed: this library was built without packed rings";
    }
    if (f->split && !VGPIO_CFG_SPLIT) {
        return "--split: this library was built without split rings";
    }
    return NULL;
}
