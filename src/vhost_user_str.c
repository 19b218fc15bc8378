/* SPDX-License-Identifier: BSD-3-Clause */
/* In a file of its own, so that who does not print does not link it. */
#include <virtiogpio/vhost_user_front.h>

/* In the order of their numbers from 1, each with its 0. One array
 * rather than an array of pointers: these need relocation, which position-independent
 * code does in .data. */
static const char names[] = "GET_FEATURES\0"
                            "SET_FEATURES\0"
                            "SET_OWNER\0"
                            "RESET_OWNER\0"
                            "SET_MEM_TABLE\0"
                            "SET_LOG_BASE\0"
                            "SET_LOG_FD\0"
                            "SET_VRING_NUM\0"
                            "SET_VRING_ADDR\0"
                            "SET_VRING_BASE\0"
                            "GET_VRING_BASE\0"
                            "SET_VRING_KICK\0"
                            "SET_VRING_CALL\0"
                            "SET_VRING_ERR\0"
                            "GET_PROTOCOL_FEATURES\0"
                            "SET_PROTOCOL_FEATURES\0"
                            "GET_QUEUE_NUM\0"
                            "SET_VRING_ENABLE\0"
                            "SEND_RARP\0"
                            "NET_SET_MTU\0"
                            "SET_BACKEND_REQ_FD\0"
                            "IOTLB_MSG\0"
                            "SET_VRING_ENDIAN\0"
                            "GET_CONFIG\0"
                            "SET_CONFIG\0"
                            "CREATE_CRYPTO_SESSION\0"
                            "CLOSE_CRYPTO_SESSION\0"
                            "POSTCOPY_ADVISE\0"
                            "POSTCOPY_LISTEN\0"
                            "POSTCOPY_END\0"
                            "GET_INFLIGHT_FD\0"
                            "SET_INFLIGHT_FD\0"
                            "GPU_SET_SOCKET\0"
                            "RESET_DEVICE\0"
                            "VRING_KICK\0"
                            "GET_MAX_MEM_SLOTS\0"
                            "ADD_MEM_REG\0"
                            "REM_MEM_REG\0"
                            "SET_STATUS\0"
                            "GET_STATUS\0"
                            "GET_SHARED_OBJECT\0"
                            "SET_DEVICE_STATE_FD\0"
                            "CHECK_DEVICE_STATE";

const char *vgpio_vu_request_str(uint32_t request)
{
    const char *name = names;

    if (request == 0 || request > 43) {
        return "request";
    }
    while (--request > 0) {
        while (*name != '\0') {
            name++;
        }
        name++;
    }
    return name;
}
