/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Errors, guest memory, trace ids: what every other header uses.
 */
#ifndef VIRTIOGPIO_TYPES_H
#define VIRTIOGPIO_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <virtiogpio/config.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vgpio_err {
    VGPIO_OK = 0,
    /* caller-side: the object is unchanged */
    VGPIO_ERR_INVAL = -1, /* bad argument */
    VGPIO_ERR_STATE = -2, /* not allowed in this state / re-entered */
    VGPIO_ERR_NOSPC = -3, /* storage you gave is too small, or all in use*/
    VGPIO_ERR_NOTSUP = -4, /* not negotiated, or compiled out */
    VGPIO_ERR_STALE = -5, /* token from before a reset: ignore it */
    VGPIO_ERR_ABI = -6, /* header and library disagree on a struct */
    VGPIO_ERR_IO = -7, /* backend or bus said no */
    VGPIO_ERR_TIMEOUT = -8, /* only from sync.h */
    /* fatal: sticky in the queue/device/driver until it is reset */
    VGPIO_ERR_FATAL = -64, /* any e <= VGPIO_ERR_FATAL is fatal */
    VGPIO_ERR_PROTO = -65, /* the peer broke the virtio rules */
    VGPIO_ERR_FAULT = -66, /* the peer named ring memory that does not map*/
    VGPIO_ERR_BROKEN = -67 /* driver: the device shows NEEDS_RESET */
};
#define VGPIO_PENDING 0x100  /* accepted; the outcome comes later */
VGPIO_API const char *vgpio_strerror(int err);
VGPIO_API uint32_t vgpio_version(void);  /* 0xMMmmpp, run time */

#define VGPIO_MEM_READ 1u
#define VGPIO_MEM_WRITE 2u
#define VGPIO_MAP_LATER ((void *)(uintptr_t)1)  /* reserved: IOTLB miss */
struct vgpio_mem {  /* how the DEVICE side sees guest memory */
    uint32_t ops_size;  /* sizeof(struct vgpio_mem) */
    void *ctx;
    /* Pointer to gpa, good for *len bytes; may shrink *len at a region's end
     * (never grow it, never to 0). NULL: not accessible that way. */
    void *(*map)(void *ctx, uint64_t gpa, uint32_t *len, unsigned access);
    void (*unmap)(void *ctx, void *p, uint32_t len);  /* optional */
    void (*dirty)(void *ctx, uint64_t gpa, uint32_t len);  /* optional */
};
struct vgpio_mem_region { uint64_t gpa, size; void *hva; };
struct vgpio_mem_table { const struct vgpio_mem_region *region; uint32_t n; };
VGPIO_API void *vgpio_mem_table_map(void *table, uint64_t gpa, uint32_t *len,
        unsigned access);  /* ready-made map */
VGPIO_API int vgpio_mem_read(const struct vgpio_mem *, uint64_t gpa, void *dst, uint32_t len);
VGPIO_API int vgpio_mem_write(const struct vgpio_mem *, uint64_t gpa, const void *src, uint32_t len);

/* Trace: an id and two words; no format strings, no stdio in the library. Words:
 * queue + how/error/head, line + edges, or T = type << 16 | line + value/result.
 * Ids are only ever added, at the end. */
enum vgpio_trace_id {
    VGPIO_TR_RESET = 1, VGPIO_TR_FEATURES, VGPIO_TR_QUEUE_FRESH, VGPIO_TR_QUEUE_RESUMED,
    VGPIO_TR_QUEUE_STOP, VGPIO_TR_QUEUE_BROKEN, VGPIO_TR_CHAIN_BAD, VGPIO_TR_REQUEST,
    VGPIO_TR_ANSWER, VGPIO_TR_ANSWER_DROPPED, VGPIO_TR_NONE_OVERRULED, VGPIO_TR_TOKEN_STALE,
    VGPIO_TR_IRQ_PARKED, VGPIO_TR_IRQ_HELD, VGPIO_TR_IRQ_VALID, VGPIO_TR_IRQ_INVALID,
    VGPIO_TR_EDGE_LATCHED, VGPIO_TR_EDGE_MERGED, VGPIO_TR_EDGE_DROPPED,
    VGPIO_TR_VU_MESSAGE, VGPIO_TR_VU_REFUSED,
    VGPIO_TR_END /* one past the last id; grows when an id is added before it */
};
typedef void (*vgpio_trace_fn)(void *ctx, unsigned id, uint32_t a, uint32_t b);
VGPIO_API const char *vgpio_trace_str(unsigned id);  /* own object file */

/* Sizes the caller was compiled with; used by the init macros only. */
#define VGPIO_ABI(a, b, c, d) ((uint64_t)(a) | (uint64_t)(b) << 16 | \
        (uint64_t)(c) << 32 | (uint64_t)(d) << 48)

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_TYPES_H */
