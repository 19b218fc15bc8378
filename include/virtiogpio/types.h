/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Errors, guest memory, trace ids: what every other header uses.
 *
 * The conventions behind all of it (results, ownership, threads) stand once, on top of
 * virtiogpio.h.
 */
#ifndef VIRTIOGPIO_TYPES_H
#define VIRTIOGPIO_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include <virtiogpio/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Results */
/** @{ */

/**
 * @brief Error codes: every function that can fail returns one of these, as an `int`.
 *
 * Two classes. After an error above #VGPIO_ERR_FATAL the object is as it was before the
 * call, and the next call is judged on its own. Errors from there down are fatal: they
 * stick to the queue, device or driver that met them, which does nothing but repeat them
 * until it is reset (device) or stopped and started (driver).
 */
enum vgpio_err {
    /** Done. */
    VGPIO_OK = 0,
    /** An argument is wrong: NULL, out of range, or contradicts another. */
    VGPIO_ERR_INVAL = -1,
    /** Not allowed in this state, or called from inside a callback that may not. */
    VGPIO_ERR_STATE = -2,
    /** The storage given is too small or all in use. Finish something, then try again. */
    VGPIO_ERR_NOSPC = -3,
    /** Not negotiated with the peer, or compiled out of this library. */
    VGPIO_ERR_NOTSUP = -4,
    /** A token or request from before a reset, or already done. Harmless: ignore it. */
    VGPIO_ERR_STALE = -5,
    /** The header that the caller was compiled with and the library disagree on the size
     * of a struct; also a table whose `ops_size` was left 0. Nothing was touched. */
    VGPIO_ERR_ABI = -6,
    /** The backend or the bus said no. */
    VGPIO_ERR_IO = -7,
    /** Nobody answered in time. Only sync.h knows of time. */
    VGPIO_ERR_TIMEOUT = -8,

    /** Border, not a code of its own: every `e <= VGPIO_ERR_FATAL` is fatal. */
    VGPIO_ERR_FATAL = -64,
    /** The peer broke the rules of virtio: a ring that cannot be, an answer too long. */
    VGPIO_ERR_PROTO = -65,
    /** The peer named memory that does not map. From vgpio_mem_read() and
     * vgpio_mem_write() themselves it sticks to nothing; only ring memory is fatal. */
    VGPIO_ERR_FAULT = -66,
    /** Driver only: the device shows DEVICE_NEEDS_RESET. */
    VGPIO_ERR_BROKEN = -67
};

/**
 * @brief Accepted, the outcome comes later.
 *
 * An operation of a backend returns it and calls `complete` once, then or later; a
 * `queue_stop` that drains returns it while requests are in flight. Positive, but no
 * value that a line could have.
 */
#define VGPIO_PENDING 0x100

/**
 * @brief A short English text for a result.
 * @context any
 * @param[in] err what a function returned
 * @return text without full stop or newline, for ever valid, never NULL. All codes have
 * different ones; 0 and positive results are "success", #VGPIO_PENDING has its own, an
 * unknown code gives "unknown error".
 */
VGPIO_API const char *vgpio_strerror(int err);

/**
 * @brief Version of the library at run time.
 * @context any
 * @return 0xMMmmpp: major, minor, patch. Compare with #VGPIO_VERSION, which is the
 * version of the header. Before 1.0 they must agree in major and minor.
 */
VGPIO_API uint32_t vgpio_version(void);
/** @} */

/**
 * @name Guest memory, as the device side sees it
 *
 * A device is handed *guest physical addresses* (gpa) by a driver that it must not trust.
 * Only one hook turns them into pointers. Rings are mapped once, from queue start to
 * queue stop, and must come back in one piece; all else is copied in and out during a
 * call, piece by piece as the hook maps it.
 */
/** @{ */
#define VGPIO_MEM_READ 1u  /**< access: the device will read there */
#define VGPIO_MEM_WRITE 2u /**< access: the device will write there */

/**
 * @brief Reserved answer of `map`: not known now, ask again later (an IOTLB miss).
 *
 * No version so far asks again: it counts as NULL today. It is no mapping, so `unmap`
 * does not hear of it.
 */
#define VGPIO_MAP_LATER ((void *)(uintptr_t)1)

/**
 * @brief How to reach guest memory: hooks that you write, or the ready-made table.
 *
 * The struct and what `ctx` points to must live as long as a queue that was started with
 * it. Hooks run inside calls of the device, on that thread and under that lock; they must
 * not call the device.
 */
struct vgpio_mem {
    /** `sizeof(struct vgpio_mem)` as you see it. Members beyond it count as NULL. */
    uint32_t ops_size;
    /** First argument of every hook. */
    void *ctx;
    /**
     * @brief Makes guest memory accessible. Required.
     *
     * Called with `*len` from 1 to 2^32-1, and with `gpa + *len` never beyond 2^64.
     *
     * Returns the pointer to the byte at `gpa`, good for `*len` bytes; it may reduce
     * `*len` to what lies in one piece, but not to 0, and may not raise it: an answer
     * that does either counts as NULL. NULL: not accessible in that way.
     * No alignment is asked for; for rings it has to be that of `gpa`, up to 8 bytes.
     *
     * `access` is an or of #VGPIO_MEM_READ and #VGPIO_MEM_WRITE.
     */
    void *(*map)(void *ctx, uint64_t gpa, uint32_t *len, unsigned access);
    /**
     * @brief Ends one mapping; may be NULL, and must be without #VGPIO_CFG_UNMAP.
     *
     * Called once for every pointer that `map` returned, with the length that `map` left,
     * also if that length was unacceptable.
     */
    void (*unmap)(void *ctx, void *p, uint32_t len);
    /**
     * @brief Told after bytes were stored at `gpa` (a dirty log for migration); may be
     * NULL, and must be without #VGPIO_CFG_DIRTY. Called before the `unmap` of the same
     * piece.
     */
    void (*dirty)(void *ctx, uint64_t gpa, uint32_t len);
};

/** @brief A range of guest memory that is being worked through. Opaque by contract. */
struct vgpio_mem_span {
    /** @cond PRIVATE */
    uint64_t gpa;
    uint32_t left;   /* bytes */
    uint32_t access; /* VGPIO_MEM_READ or VGPIO_MEM_WRITE */
    /** @endcond */
};

/** @brief One piece of guest memory that is contiguous in both worlds. */
struct vgpio_mem_region {
    uint64_t gpa;  /**< guest address of its first byte */
    uint64_t size; /**< bytes; 0 switches the entry off */
    /** Where the first byte is here. NULL is *identity*: the guest address is the
     * pointer, as for a device and a driver in one address space without an MMU. (The
     * addresses 0 and 1 cannot be served that way: they are NULL and VGPIO_MAP_LATER.) */
    void *hva;
};

/** @brief Some regions: the `ctx` of vgpio_mem_table_map(). */
struct vgpio_mem_table {
    /** Not copied: must stay as long as used, and as it is while a queue is started. */
    const struct vgpio_mem_region *region;
    uint32_t n; /**< how many */
};

/**
 * @brief Ready-made `map` hook over a table of regions.
 *
 * @code
 * static const struct vgpio_mem_region ram[] = { { 0x80000000u, 64u << 20, ram_ptr } };
 * static struct vgpio_mem_table table = { ram, 1 };
 * static const struct vgpio_mem mem = {
 *     sizeof mem, &table, vgpio_mem_table_map, NULL, NULL };
 * @endcode
 *
 * The first region that contains `gpa` answers, and `*len` shrinks at its end: regions
 * that follow one another are not merged, so a ring may not lie across their border. A
 * region may end exactly at 2^64; one that goes on beyond matches nothing. All memory is
 * readable and writable.
 *
 * @context any, as long as nobody changes the table
 * @param[in] table a struct vgpio_mem_table, not NULL
 * @param[in] gpa guest address
 * @param[in,out] len bytes wanted; bytes in one piece
 * @param[in] access ignored
 * @return the pointer; NULL with `*len` unspecified: no region contains `gpa`, `*len` is
 * 0, or the bytes are beyond what a pointer of this host can reach
 */
VGPIO_API void *vgpio_mem_table_map(void *table, uint64_t gpa, uint32_t *len,
                                    unsigned access);

/**
 * @brief Copies guest memory here. Everything is read once, so check the copy.
 * @context object lock of whatever `mem` belongs to
 * @param[in] mem the hooks
 * @param[in] gpa guest address of the first byte
 * @param[out] dst `len` bytes; may be NULL if `len` is 0
 * @param[in] len bytes; 0 asks no hook
 * @retval VGPIO_OK all bytes are there
 * @retval VGPIO_ERR_FAULT some byte does not map for reading, the range passes 2^64, or
 * `map` broke its contract. Bytes before the hole may have been copied.
 * @retval VGPIO_ERR_INVAL `mem` or its `map` is NULL
 * @retval VGPIO_ERR_ABI `ops_size` is too small to contain `map`
 * @retval VGPIO_ERR_NOTSUP `mem` has a `dirty`, and #VGPIO_CFG_DIRTY is off, or an
 * `unmap`, and #VGPIO_CFG_UNMAP is off
 */
VGPIO_API int vgpio_mem_read(const struct vgpio_mem *mem, uint64_t gpa, void *dst,
                             uint32_t len);

/**
 * @brief Copies bytes into guest memory.
 *
 * Not all or nothing: if a later piece does not map, the pieces before it are written and
 * their `dirty` was called, the failing one and all behind it are untouched. A range that
 * passes 2^64 is refused before anything is written.
 *
 * @context object lock of whatever `mem` belongs to
 * @param[in] mem the hooks
 * @param[in] gpa guest address of the first byte
 * @param[in] src `len` bytes; may be NULL if `len` is 0
 * @param[in] len bytes; 0 asks no hook
 * @retval VGPIO_OK all bytes are written and reported as dirty
 * @retval VGPIO_ERR_FAULT some byte does not map for writing, the range passes 2^64, or
 * `map` broke its contract
 * @retval VGPIO_ERR_INVAL `mem` or its `map` is NULL
 * @retval VGPIO_ERR_ABI `ops_size` is too small to contain `map`
 * @retval VGPIO_ERR_NOTSUP `mem` has a `dirty`, and #VGPIO_CFG_DIRTY is off, or an
 * `unmap`, and #VGPIO_CFG_UNMAP is off
 */
VGPIO_API int vgpio_mem_write(const struct vgpio_mem *mem, uint64_t gpa, const void *src,
                              uint32_t len);
/** @} */

/**
 * @name Tracing
 *
 * One call per state change and per rejected input, no format strings. What to keep,
 * count or print is the hook's business. Without #VGPIO_CFG_TRACE hooks are never called.
 */
/** @{ */

/**
 * @brief What happened; the comment names the two words `a`, `b` of the hook.
 *
 * T stands for `type << 16 | line` of a request. Ids are only ever added, at the end.
 */
enum vgpio_trace_id {
    VGPIO_TR_RESET = 1,      /**< 0, 0: the device went back to its first state */
    VGPIO_TR_FEATURES,       /**< low and high word of the features agreed on */
    VGPIO_TR_QUEUE_FRESH,    /**< queue, ring position: starts with nothing outstanding */
    VGPIO_TR_QUEUE_RESUMED,  /**< queue, ring position: goes on where it stopped */
    VGPIO_TR_QUEUE_STOP,     /**< queue, enum vgpio_stop */
    VGPIO_TR_QUEUE_BROKEN,   /**< queue, error as uint32_t: sticky until reset */
    VGPIO_TR_CHAIN_BAD,      /**< queue, head: no room for an answer, given back empty */
    VGPIO_TR_REQUEST,        /**< T, value: read from the ring */
    VGPIO_TR_ANSWER,         /**< T, `status << 8 | value`: goes to the driver */
    VGPIO_TR_ANSWER_DROPPED, /**< T, result as uint32_t: nobody to answer any more */
    VGPIO_TR_NONE_OVERRULED, /**< T, result as uint32_t: NONE refused, done anyway */
    VGPIO_TR_TOKEN_STALE,    /**< token, result as uint32_t: late or twice, ignored */
    VGPIO_TR_IRQ_PARKED,     /**< line, irq type: unmasked, the pair waits */
    VGPIO_TR_IRQ_HELD,       /**< line, 0: the pair is kept, its type could not be set */
    VGPIO_TR_IRQ_VALID,      /**< line, irq type: interrupt delivered */
    VGPIO_TR_IRQ_INVALID,    /**< line, irq type: pair given back without interrupt */
    VGPIO_TR_EDGE_LATCHED,   /**< line, how many: masked, kept for the next pair */
    VGPIO_TR_EDGE_MERGED,    /**< line, how many: one is kept already */
    VGPIO_TR_EDGE_DROPPED,   /**< line, how many: no interrupt wanted; outputs: none */
    VGPIO_TR_VU_MESSAGE,     /**< request number, payload size: a vhost-user message */
    VGPIO_TR_VU_REFUSED,     /**< request number, 1 if the connection ends for it */
    VGPIO_TR_DIALECT,    /**< queue, 0: the peer speaks another dialect of virtio GPIO */
    VGPIO_TR_LEVEL,      /**< line, level: a report of the draft goes to the driver */
    VGPIO_TR_CALL_AGAIN, /**< queue, ms: the interrupt of the draft is repeated */
    VGPIO_TR_END         /**< one past the last id of this header; never traced */
};

/** Trace hook; runs inside the call it tells of and must not call the object. */
typedef void (*vgpio_trace_fn)(void *ctx, unsigned id, uint32_t a, uint32_t b);

/**
 * @brief Name of a trace id. In an object file of its own: unused, it is not linked.
 * @context any
 * @param[in] id enum vgpio_trace_id
 * @return one or two lower-case words, for ever valid, different for every id; "?" for
 * an id unknown to this library
 */
VGPIO_API const char *vgpio_trace_str(unsigned id);
/** @} */

/**
 * @brief Struct sizes that the caller was compiled with, packed into one word.
 *
 * Used by the init macros only. Sizes above 65535 do not fit and none is.
 */
#define VGPIO_ABI(a, b, c, d)                                                            \
    ((uint64_t)(a) | (uint64_t)(b) << 16 | (uint64_t)(c) << 32 | (uint64_t)(d) << 48)

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_TYPES_H */
