/* SPDX-License-Identifier: BSD-3-Clause */
/* Layout of virtqueues and what both faces of the engine share. Private. */
#ifndef VGPIO_RING_H
#define VGPIO_RING_H

#include <virtiogpio/queue.h>

#include "port.h"

/* Feature bits of rings; wire.h, which has them for users, is no room below this one. */
#define RING_F_PACKED (UINT64_C(1) << 34)
#define RING_F_IN_ORDER (UINT64_C(1) << 35)

/* Queue flags: what was negotiated, one byte to test instead of a 64-bit word. Each
 * feature stands where its bit falls if the word is folded, see vq_flags(). */
#define VQ_INDIRECT 0x01u
#define VQ_EVENT_IDX 0x02u
#define VQ_PACKED 0x04u
#define VQ_IN_ORDER 0x08u /* one used element may stand for several chains */
#define VQ_PLATFORM 0x10u
#define VQ_SIGNALLED 0x20u   /* this side published since its start */
#define VQ_NOTIFY_DATA 0x40u /* drivers */
#define VQ_DIRTY 0x40u       /* devices: the memory hooks have a dirty log */
#define VQ_FAST 0x80u        /* runs, is sound, and fit for the short ways */

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

/* Packed: id and flags of a descriptor stand where flags and next of a split one do. */
#define PACKED_ID 12u
#define PACKED_FLAGS 14u
#define DESC_F_AVAIL 0x0080u
#define DESC_F_USED 0x8000u
#define DESC_F_TURN (DESC_F_AVAIL | DESC_F_USED)

/* Either event suppression area: 16 bits of position, 16 of which two are the mode. */
#define PACKED_EVENT_BYTES 4u
#define PACKED_MODE_DISABLE 1u
#define PACKED_MODE_DESC 2u
#define PACKED_EVENT(pos, mode) ((uint32_t)(pos) | (uint32_t)(mode) << 16)

/* A position in a packed ring is an offset and the wrap counter that goes with it, in the
 * form of the event areas, of NOTIFICATION_DATA and of vhost-user: one word. */
#define PACKED_WRAP 0x8000u
#define PACKED_START PACKED_WRAP

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

#if VGPIO_CFG_IN_ORDER
#define vq_in_order(q) (((q)->flags & VQ_IN_ORDER) != 0)
#else
#define vq_in_order(q) 0
#endif

#if PORT_ONE_ORDER
#define vq_platform(q) 0
#else
#define vq_platform(q) ((q)->flags & VQ_PLATFORM)
#endif

static inline uint32_t packed_off(unsigned pos)
{
    return pos & (PACKED_WRAP - 1u);
}

/* AVAIL and USED of a descriptor that is available at this position: AVAIL as the wrap
 * counter, USED unlike it. */
static inline uint16_t packed_avail_bits(unsigned pos)
{
    return (uint16_t)(DESC_F_USED ^ (DESC_F_TURN & (0u - (unsigned)(pos >> 15))));
}

/* The same of one that is used: both as the wrap counter. */
static inline uint16_t packed_used_bits(unsigned pos)
{
    return (uint16_t)(DESC_F_TURN & (0u - (unsigned)(pos >> 15)));
}

/* The position `n` descriptors on, n <= size. */
static inline uint16_t packed_add(unsigned size, unsigned pos, uint32_t n)
{
    uint32_t off = packed_off(pos) + n;
    uint32_t wrap = pos & PACKED_WRAP;

    if (off >= size) {
        off -= size;
        wrap ^= PACKED_WRAP;
    }
    return (uint16_t)(off | wrap);
}

/* How many descriptors `to` is ahead of `from`: at most size, or a huge number if it is
 * behind. */
static inline uint32_t packed_dist(unsigned size, unsigned from, unsigned to)
{
    uint32_t d = packed_off(to) - packed_off(from);

    return ((from ^ to) & PACKED_WRAP) != 0 ? d + size : d;
}

/* Was the entry that the peer waits for among those published, old .. now - 1? All
 * indices count modulo 2^16 and so does the arithmetic. */
static inline int vq_need_event(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1u) < (uint16_t)(now - old);
}

/* Does the peer whose event area holds `word` want to hear of the descriptors old ..
 * now - 1? With `always`, positions in there do not count. */
static inline int packed_wanted(uint32_t word, int always, unsigned size, unsigned now,
                                unsigned old)
{
    unsigned mode = (unsigned)(word >> 16) & 3u;
    uint32_t at = packed_off(now);
    uint32_t event = packed_off((uint16_t)word);

    /* A reserved mode is no wish to sleep. */
    if (always || mode != PACKED_MODE_DESC) {
        return mode != PACKED_MODE_DISABLE;
    }
    /* Of the other wrap counter it lies a lap behind: ahead would be further than the
     * ring is long. */
    if (((word ^ now) & PACKED_WRAP) != 0) {
        event -= size;
    }
    return vq_need_event((uint16_t)event, (uint16_t)at,
                         (uint16_t)(at - packed_dist(size, old, now)));
}

/* VQ_* of a negotiated feature word in *flags, or VGPIO_ERR_NOTSUP. */
static inline int vq_flags(uint64_t features, unsigned *flags)
{
    const unsigned without =
        (VGPIO_CFG_PACKED ? 0u : VQ_PACKED) | (VGPIO_CFG_EVENT_IDX ? 0u : VQ_EVENT_IDX) |
        (VGPIO_CFG_INDIRECT ? 0u : VQ_INDIRECT) | (VGPIO_CFG_IN_ORDER ? 0u : VQ_IN_ORDER);
    unsigned low = (unsigned)(features >> 28) & (VQ_INDIRECT | VQ_EVENT_IDX);
    unsigned high = (unsigned)(features >> 32);
    unsigned f = low | (high & (VQ_PACKED | VQ_IN_ORDER | VQ_PLATFORM | VQ_NOTIFY_DATA));

#if !VGPIO_CFG_FAST && !VGPIO_CFG_EVENT_IDX && !VGPIO_CFG_INDIRECT &&                    \
    !VGPIO_CFG_DIRTY && !VGPIO_CFG_PACKED && !VGPIO_CFG_IN_ORDER
    /* Of all flags, nobody looks at any but those that are kept as they are. */
    if ((low | (high & (VQ_PACKED | VQ_IN_ORDER))) != 0) {
        return VGPIO_ERR_NOTSUP;
    }
    *flags = high;
    return VGPIO_OK;
#endif
    if ((f & without) != 0 || (!VGPIO_CFG_SPLIT && (f & VQ_PACKED) == 0)) {
        return VGPIO_ERR_NOTSUP;
    }
    *flags = f;
    return VGPIO_OK;
}

/* A split ring has a power of two of entries, and 16 bits hold none above 32768: one less
 * has other bits set, and is less than all of them together. */
static inline int vq_split_size_ok(unsigned size)
{
    return (size ^ (size - 1u)) > size - 1u;
}

static inline int vq_packed_size_ok(unsigned size)
{
    return size != 0 && size <= 32768u;
}

#define vq_size_ok(q, size)                                                              \
    (vq_is_packed(q) ? vq_packed_size_ok(size) : vq_split_size_ok(size))

#endif /* VGPIO_RING_H */
