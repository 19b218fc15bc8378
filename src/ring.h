/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout of virtqueues and what both faces of the engine share. Private. */
#ifndef VGPIO_RING_H
#define VGPIO_RING_H

#include <virtiogpio/queue.h>

#include "port.h"

/* Feature bits of rings; wire.h, which has them for users, is no room below this one. */
#define RING_F_INDIRECT (UINT64_C(1) << 28)
#define RING_F_EVENT_IDX (UINT64_C(1) << 29)
#define RING_F_PACKED (UINT64_C(1) << 34)
#define RING_F_IN_ORDER (UINT64_C(1) << 35)
#define RING_F_ORDER_PLATFORM (UINT64_C(1) << 36)
#define RING_F_NOTIFICATION_DATA (UINT64_C(1) << 38)

/* Queue flags: what was negotiated, one byte to test instead of a 64-bit word. */
#define VQ_PACKED 0x01u
#define VQ_EVENT_IDX 0x02u
#define VQ_INDIRECT 0x04u
#define VQ_PLATFORM 0x08u
#define VQ_NOTIFY_DATA 0x10u
#define VQ_SIGNALLED 0x20u /* this side published since its start */
#define VQ_DIRTY 0x40u     /* the memory hooks have a dirty log */

#define DESC_BYTES 16u
#define DESC_F_NEXT 1u
#define DESC_F_WRITE 2u
#define DESC_F_INDIRECT 4u

#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY 1u

/* Offsets in the driver area (available ring) and the device area (used ring). */
#define AVAIL_FLAGS 0u
#define AVAIL_IDX 2u
#define AVAIL_RING(i) (4u + 2u * (uint32_t)(i))
#define USED_FLAGS 0u
#define USED_IDX 2u
#define USED_RING(i) (4u + 8u * (uint32_t)(i))

#define SPLIT_DESC_BYTES(n) (DESC_BYTES * (uint32_t)(n))
#define SPLIT_AVAIL_BYTES(n) (AVAIL_RING(n) + 2u)
#define SPLIT_USED_BYTES(n) (USED_RING(n) + 2u)

#define USED_EVENT(n) AVAIL_RING(n)
#define AVAIL_EVENT(n) USED_RING(n)

#ifndef VGPIO_CFG_PACKED
#define VGPIO_CFG_PACKED 0
#endif

#if !VGPIO_CFG_PACKED && !VGPIO_CFG_SPLIT
#error "no ring layout is compiled in"
#endif

/* Folds to a constant unless both layouts are compiled in: then the calls of the other
 * one vanish, which a table of functions would prevent. */
#if VGPIO_CFG_PACKED && VGPIO_CFG_SPLIT
#define vq_is_packed(q) (((q)->flags & VQ_PACKED) != 0)
#else
#define vq_is_packed(q) (VGPIO_CFG_PACKED != 0)
#endif

/* Likewise for the options: a queue that negotiated what is compiled out never starts. */
#if VGPIO_CFG_EVENT_IDX
#define vq_has_event_idx(q) (((q)->flags & VQ_EVENT_IDX) != 0)
#else
#define vq_has_event_idx(q) 0
#endif
#if VGPIO_CFG_INDIRECT
#define vq_has_indirect(q) (((q)->flags & VQ_INDIRECT) != 0)
#else
#define vq_has_indirect(q) 0
#endif

#define vq_platform(q) ((q)->flags & VQ_PLATFORM)

/* Was the entry that the peer waits for among those published, old .. now - 1? All
 * indices count modulo 2^16 and so does the arithmetic. */
static inline int vq_need_event(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1u) < (uint16_t)(now - old);
}

/* VQ_* of a negotiated feature word in *flags, or VGPIO_ERR_NOTSUP. */
static inline int vq_flags(uint64_t features, uint8_t *flags)
{
    unsigned f = 0;

    if (features & RING_F_PACKED) {
        f |= VQ_PACKED;
    }
    if (features & RING_F_EVENT_IDX) {
        f |= VQ_EVENT_IDX;
    }
    if (features & RING_F_INDIRECT) {
        f |= VQ_INDIRECT;
    }
    if (features & RING_F_ORDER_PLATFORM) {
        f |= VQ_PLATFORM;
    }
    if (features & RING_F_NOTIFICATION_DATA) {
        f |= VQ_NOTIFY_DATA;
    }
    if ((f & VQ_PACKED) ? !VGPIO_CFG_PACKED : !VGPIO_CFG_SPLIT) {
        return VGPIO_ERR_NOTSUP;
    }
    if ((f & VQ_EVENT_IDX) && !VGPIO_CFG_EVENT_IDX) {
        return VGPIO_ERR_NOTSUP;
    }
    if ((f & VQ_INDIRECT) && !VGPIO_CFG_INDIRECT) {
        return VGPIO_ERR_NOTSUP;
    }
    *flags = (uint8_t)f;
    return VGPIO_OK;
}

/* A split ring has a power of two of entries; 16 bits hold no such size above 32768. */
static inline int vq_split_size_ok(uint16_t size)
{
    return size != 0 && (size & (size - 1u)) == 0;
}

#endif /* VGPIO_RING_H */
