/* SPDX-License-Identifier: BSD-3-Clause */
/* The config of a device, whatever its dialect: is it one that can work? */
#include <virtiogpio/device.h>

#include "vdev.h"

/* Exactly one terminated string of 7-bit bytes a line. That they differ was seen to by
 * who built the block: finding out again takes memory or a long time. */
static int names_fit(const uint8_t *names, uint32_t size, uint16_t ngpio)
{
    uint32_t i, n = 0;

    if (names == NULL || names[size - 1] != 0) {
        return 0;
    }
    for (i = 0; i < size; i++) {
        if (names[i] > 127) {
            return 0;
        }
        n += names[i] == 0;
    }
    return n == ngpio;
}

static int queue_max_fits(uint16_t max)
{
    return max <= 32768u && (max & (max - 1u)) == 0;
}

static int config_ok(const struct vgpio_dev_config *c)
{
    return c->ops != NULL && c->lines != NULL && c->reqs != NULL && c->ngpio != 0 &&
           c->nreqs != 0 && queue_max_fits(c->queue_max[0]) &&
           queue_max_fits(c->queue_max[1]) &&
           (c->names_size == 0 || names_fit(c->names, c->names_size, c->ngpio));
}

int vgpio_dev_config_take(struct vgpio_dev_config *c, const struct vgpio_dev_config *cfg,
                          size_t size, uint64_t abi)
{
    if (vgpio_abi_size(abi, 0) < size || vgpio_abi_size(abi, 1) > sizeof *c ||
        vgpio_abi_size(abi, 2) != sizeof(struct vgpio_line) ||
        vgpio_abi_size(abi, 3) != sizeof(struct vgpio_req)) {
        return VGPIO_ERR_ABI;
    }
    memset(c, 0, sizeof *c);
    memcpy(c, cfg, vgpio_abi_size(abi, 1));
    return config_ok(c) ? VGPIO_OK : VGPIO_ERR_INVAL;
}
