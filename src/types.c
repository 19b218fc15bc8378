/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/types.h>

#include "port.h"

const char *vgpio_strerror(int err)
{
    switch (err) {
    case VGPIO_PENDING:
        return "accepted, the outcome comes later";
    case VGPIO_ERR_INVAL:
        return "invalid argument";
    case VGPIO_ERR_STATE:
        return "not allowed in this state";
    case VGPIO_ERR_NOSPC:
        return "no space left in the storage given";
    case VGPIO_ERR_NOTSUP:
        return "not negotiated or not compiled in";
    case VGPIO_ERR_STALE:
        return "stale: the request is gone";
    case VGPIO_ERR_ABI:
        return "header and library disagree on a struct";
    case VGPIO_ERR_IO:
        return "backend or bus failed";
    case VGPIO_ERR_TIMEOUT:
        return "timed out";
    case VGPIO_ERR_FATAL:
        return "fatal error";
    case VGPIO_ERR_PROTO:
        return "the peer broke the virtio rules";
    case VGPIO_ERR_FAULT:
        return "guest memory does not map";
    case VGPIO_ERR_BROKEN:
        return "the device needs a reset";
    default:
        return err < 0 ? "unknown error" : "success";
    }
}

uint32_t vgpio_version(void)
{
    return VGPIO_VERSION;
}
