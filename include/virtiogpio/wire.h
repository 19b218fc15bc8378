/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The bytes of virtio-gpio: pure functions, no state.
 */
#ifndef VIRTIOGPIO_WIRE_H
#define VIRTIOGPIO_WIRE_H


#include <virtiogpio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { VGPIO_DEVICE_ID = 41, VGPIO_REQUESTQ = 0, VGPIO_EVENTQ = 1 };
enum { VGPIO_MSG_GET_LINE_NAMES = 1, VGPIO_MSG_GET_DIRECTION, VGPIO_MSG_SET_DIRECTION,
       VGPIO_MSG_GET_VALUE, VGPIO_MSG_SET_VALUE, VGPIO_MSG_SET_IRQ_TYPE };
enum { VGPIO_DIR_NONE = 0, VGPIO_DIR_OUT = 1, VGPIO_DIR_IN = 2 };
enum { VGPIO_IRQ_NONE = 0, VGPIO_IRQ_EDGE_RISING = 1, VGPIO_IRQ_EDGE_FALLING = 2,
       VGPIO_IRQ_EDGE_BOTH = 3, VGPIO_IRQ_LEVEL_HIGH = 4, VGPIO_IRQ_LEVEL_LOW = 8 };
#define VGPIO_F_IRQ (UINT64_C(1) << 0)
#define VGPIO_F_INDIRECT (UINT64_C(1) << 28)
#define VGPIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VGPIO_F_VERSION_1 (UINT64_C(1) << 32)
#define VGPIO_F_PACKED (UINT64_C(1) << 34)
#define VGPIO_F_IN_ORDER (UINT64_C(1) << 35)
#define VGPIO_F_ORDER_PLATFORM (UINT64_C(1) << 36)
#define VGPIO_F_NOTIFICATION_DATA (UINT64_C(1) << 38)
#define VGPIO_F_RING_RESET (UINT64_C(1) << 40)
struct vgpio_request { uint16_t type, line; uint32_t value; };
struct vgpio_response { uint8_t status, value; };
struct vgpio_config { uint16_t ngpio; uint32_t names_size; };
VGPIO_API void vgpio_request_encode (uint8_t out[8], const struct vgpio_request *);
VGPIO_API void vgpio_request_decode(struct vgpio_request *, const uint8_t in[8]);
VGPIO_API void vgpio_response_encode(uint8_t out[2], const struct vgpio_response *);
VGPIO_API void vgpio_response_decode(struct vgpio_response *, const uint8_t in[2]);
VGPIO_API void vgpio_config_encode (uint8_t out[8], const struct vgpio_config *);
VGPIO_API void vgpio_config_decode(struct vgpio_config *, const uint8_t in[8]);
VGPIO_API int vgpio_names_build(uint8_t *out, uint32_t cap, const char *const *names, uint16_t n);
VGPIO_API int vgpio_names_check(const uint8_t *block, uint32_t size, uint16_t n,
        uint32_t *scratch);  /* n words, or NULL: slow */
VGPIO_API const char *vgpio_names_next(const uint8_t *block, uint32_t size, uint32_t *off);
VGPIO_API const char *vgpio_names_at(const uint8_t *block, uint32_t size, uint16_t line);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_WIRE_H */
