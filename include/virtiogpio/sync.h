/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Blocking calls on top of any driver.
 */
#ifndef VIRTIOGPIO_SYNC_H
#define VIRTIOGPIO_SYNC_H

#include <virtiogpio/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vgpio_sync {
    uint32_t ops_size;  /* sizeof(struct vgpio_sync) */
    struct vgpio_drv *drv;
    int (*wait)(void *ctx);  /* < 0: give up, the request is cancelled */
    void (*on_event)(void *ctx, const struct vgpio_drv_event *);  /* everybody else's */
    void *ctx;
};
VGPIO_API int vgpio_sync_call(struct vgpio_sync *, unsigned type, uint16_t line, uint32_t value);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_SYNC_H */
