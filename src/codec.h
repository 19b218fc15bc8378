/* SPDX-License-Identifier: BSD-3-Clause */
/* The one message that comes so often that a call would show. Private; wire.h has it as a
 * function. */
#ifndef VGPIO_CODEC_H
#define VGPIO_CODEC_H

#include <virtiogpio/wire.h>

#include "bytes.h"

static inline void codec_request(struct vgpio_request *req, const uint8_t *in)
{
    req->type = get16(in);
    req->line = get16(in + 2);
    req->value = get32(in + 4);
}

#endif /* VGPIO_CODEC_H */
