/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of the draft; no state. */
#include <virtiogpio/draft.h>

#include "bytes.h"
#include "port.h"

#define OFF_NGPIO 2
#define OFF_NAMES_SIZE 4
#define OFF_NAME 0x20

void vgpio_draft_msg_encode(uint8_t out[8], const struct vgpio_draft_msg *msg)
{
    put16(out, msg->type);
    put16(out + 2, msg->line);
    put32(out + 4, (uint32_t)msg->value);
}

void vgpio_draft_msg_decode(struct vgpio_draft_msg *msg, const uint8_t in[8])
{
    uint32_t value = get32(in + 4);

    msg->type = get16(in);
    msg->line = get16(in + 2);
    /* Not a cast: what that does above INT32_MAX is the compiler's choice. */
    msg->value =
        value > (uint32_t)INT32_MAX ? -(int32_t)(UINT32_MAX - value) - 1 : (int32_t)value;
}

void vgpio_draft_config_encode(uint8_t out[64], const struct vgpio_draft_config *cfg)
{
    memset(out, 0, VGPIO_DRAFT_CONFIG_SIZE);
    out[0] = cfg->version;
    put16(out + OFF_NGPIO, cfg->ngpio);
    put32(out + OFF_NAMES_SIZE, cfg->names_size);
    memcpy(out + OFF_NAME, cfg->name, VGPIO_DRAFT_NAME_SIZE);
}

void vgpio_draft_config_decode(struct vgpio_draft_config *cfg, const uint8_t in[64])
{
    cfg->version = in[0];
    cfg->ngpio = get16(in + OFF_NGPIO);
    cfg->names_size = get32(in + OFF_NAMES_SIZE);
    memcpy(cfg->name, in + OFF_NAME, VGPIO_DRAFT_NAME_SIZE);
}

/* Numbers of Linux on most CPUs: the draft means those, whatever the hosts' are. */
static const struct {
    int8_t err;
    uint8_t number;
} errors[] = {
    {VGPIO_ERR_IO, 5},     {VGPIO_ERR_INVAL, 22},  {VGPIO_ERR_STATE, 16},
    {VGPIO_ERR_NOSPC, 28}, {VGPIO_ERR_NOTSUP, 95}, {VGPIO_ERR_TIMEOUT, 110},
};
#define NERRORS (sizeof errors / sizeof errors[0])

static int32_t error_2021(int err)
{
    switch (err) {
    case VGPIO_ERR_INVAL:
    case VGPIO_ERR_STATE:
    case VGPIO_ERR_NOTSUP:
        return -VGPIO_DRAFT_E_INVAL;
    case VGPIO_ERR_IO:
    case VGPIO_ERR_TIMEOUT:
        return -VGPIO_DRAFT_E_COMM;
    default:
        return -VGPIO_DRAFT_E_FAULT;
    }
}

int32_t vgpio_draft_value(int result, int text2021)
{
    unsigned i;

    if (result >= 0) {
        return result;
    }
    if (text2021) {
        return error_2021(result);
    }
    for (i = 0; i < NERRORS; i++) {
        if (errors[i].err == result) {
            return -(int32_t)errors[i].number;
        }
    }
    return -(int32_t)errors[0].number;
}

int vgpio_draft_result(int32_t value, int text2021)
{
    unsigned i;

    if (value >= 0) {
        return value;
    }
    if (text2021) {
        return value == -VGPIO_DRAFT_E_INVAL || value == -VGPIO_DRAFT_E_NO_PIN
                   ? VGPIO_ERR_INVAL
                   : VGPIO_ERR_IO;
    }
    for (i = 0; i < NERRORS; i++) {
        if (value == -(int32_t)errors[i].number) {
            return errors[i].err;
        }
    }
    return VGPIO_ERR_IO;
}
