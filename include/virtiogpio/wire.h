/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The bytes of virtio-gpio: constants, structures, names block; no state.
 *
 * Everything that a virtio-gpio device and its driver say to each other, as the GPIO
 * chapter of the virtio specification defines it (1.2, 1.3 and 1.4 are the same).
 *
 * Structures here are *decoded* forms in the byte order of the host. They are never laid
 * over shared memory: the codecs below read and write the little-endian bytes one by one,
 * so alignment, padding and byte order of the host play no part.
 *
 * Codecs only move bytes. They judge nothing, because what is valid depends on who asks
 * (line numbers on the device's size, messages on the negotiated features).
 *
 * @context All functions: any, an interrupt handler included. They touch what their
 * arguments name and nothing else. Pointers must not be NULL unless it says so.
 */
#ifndef VIRTIOGPIO_WIRE_H
#define VIRTIOGPIO_WIRE_H

#include <virtiogpio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Identification (spec: GPIO Device, Device ID and Virtqueues) */
/** @{ */
/** Numbers by which transports find the device and its queues. */
enum {
    /** Virtio device id, decimal. Linux and devicetree write it in hexadecimal
     * (`virtio,device29`), PCI as 0x1040 + 41 = 0x1069. */
    VGPIO_DEVICE_ID = 41,
    /** Queue of requests: always there. */
    VGPIO_REQUESTQ = 0,
    /** Queue of interrupts: there if #VGPIO_F_IRQ was negotiated. */
    VGPIO_EVENTQ = 1
};
/** @} */

/** @name Sizes on the wire, in bytes */
/** @{ */
/** Sizes of the structures as bytes. Each is also the exact used length of an answer. */
enum {
    VGPIO_REQUEST_SIZE = 8,     /**< every request on the requestq */
    VGPIO_RESPONSE_SIZE = 2,    /**< every answer but the one to GET_LINE_NAMES */
    VGPIO_CONFIG_SIZE = 8,      /**< configuration space */
    VGPIO_IRQ_REQUEST_SIZE = 2, /**< readable part of an eventq buffer pair */
    VGPIO_IRQ_RESPONSE_SIZE = 1 /**< writable part of an eventq buffer pair: status */
};
/** Used length of the answer to GET_LINE_NAMES: one status byte, then the names block. */
#define VGPIO_NAMES_RESPONSE_SIZE(names_size) (1u + (uint64_t)(names_size))
/** @} */

/**
 * @brief Message types (spec: requestq Operation).
 *
 * The comment gives `value` of the request, then `value` of a good answer.
 */
enum vgpio_msg {
    /** 0; the names block of `names_size` bytes. Field `line` is 0. */
    VGPIO_MSG_GET_LINE_NAMES = 1,
    /** 0; #vgpio_dir. */
    VGPIO_MSG_GET_DIRECTION = 2,
    /** #vgpio_dir; 0. Direction NONE lets go of the line and forgets all its state. */
    VGPIO_MSG_SET_DIRECTION = 3,
    /** 0; 0 low or 1 high: the level sensed at the pin. */
    VGPIO_MSG_GET_VALUE = 4,
    /** 0 low or 1 high; 0. Sent before SET_DIRECTION(OUT): the first value driven. */
    VGPIO_MSG_SET_VALUE = 5,
    /** #vgpio_irq_type; 0. Only if #VGPIO_F_IRQ was negotiated. */
    VGPIO_MSG_SET_IRQ_TYPE = 6
};

/** Status of an answer. */
enum vgpio_status {
    VGPIO_STATUS_OK = 0, /**< done */
    VGPIO_STATUS_ERR = 1 /**< not done; the value of the answer means nothing */
};

/** Direction of a line. */
enum vgpio_dir {
    VGPIO_DIR_NONE = 0, /**< nobody uses the line */
    VGPIO_DIR_OUT = 1,  /**< the driver drives it */
    VGPIO_DIR_IN = 2    /**< the driver senses it */
};

/** When a line interrupts. Numbers not listed are invalid, also sums of those listed. */
enum vgpio_irq_type {
    VGPIO_IRQ_NONE = 0,         /**< never: interrupt disabled */
    VGPIO_IRQ_EDGE_RISING = 1,  /**< low to high */
    VGPIO_IRQ_EDGE_FALLING = 2, /**< high to low */
    VGPIO_IRQ_EDGE_BOTH = 3,    /**< either edge; which one is not told */
    VGPIO_IRQ_LEVEL_HIGH = 4,   /**< as long as it is high */
    VGPIO_IRQ_LEVEL_LOW = 8     /**< as long as it is low */
};

/** Status of an eventq buffer pair that the device gives back. */
enum vgpio_irq_status {
    /** No interrupt: the line was disabled, or was not enabled. */
    VGPIO_IRQ_STATUS_INVALID = 0,
    /** The line interrupted; it is masked until the next pair is queued for it. */
    VGPIO_IRQ_STATUS_VALID = 1
};

/**
 * @name Feature bits
 * As masks of the 64-bit feature word. Bit 0 is the only one of the GPIO device, the
 * others are the ring and transport features that this library knows by name.
 */
/** @{ */
/** GPIO: interrupts, and with them the eventq and SET_IRQ_TYPE. */
#define VGPIO_F_IRQ (UINT64_C(1) << 0)
/** Descriptor tables outside the ring. */
#define VGPIO_F_INDIRECT (UINT64_C(1) << 28)
/** Notification only when an index is passed (used_event, avail_event). */
#define VGPIO_F_EVENT_IDX (UINT64_C(1) << 29)
/** Virtio 1.0 or later. Without it neither side of this library starts. */
#define VGPIO_F_VERSION_1 (UINT64_C(1) << 32)
/** Addresses go through an IOMMU or need other platform treatment. */
#define VGPIO_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
/** Packed virtqueue layout. */
#define VGPIO_F_PACKED (UINT64_C(1) << 34)
/** Buffers come back in the order queued; impossible together with #VGPIO_F_IRQ. */
#define VGPIO_F_IN_ORDER (UINT64_C(1) << 35)
/** The device is not a CPU of this machine: barriers for real hardware. */
#define VGPIO_F_ORDER_PLATFORM (UINT64_C(1) << 36)
/** The doorbell carries the ring position. */
#define VGPIO_F_NOTIFICATION_DATA (UINT64_C(1) << 38)
/** One queue can be reset without the device. */
#define VGPIO_F_RING_RESET (UINT64_C(1) << 40)
/** @} */

/** @brief A request, decoded. #VGPIO_REQUEST_SIZE bytes on the wire. */
struct vgpio_request {
    uint16_t type;  /**< #vgpio_msg; any number may come from a peer */
    uint16_t line;  /**< 0 .. ngpio-1 if the peer is honest; spec name: gpio */
    uint32_t value; /**< meaning by `type`; 0 where the message has none */
};

/** @brief An answer of fixed size, decoded. #VGPIO_RESPONSE_SIZE bytes on the wire. */
struct vgpio_response {
    uint8_t status; /**< #vgpio_status */
    uint8_t value;  /**< meaning by the type of the request; 0 with an error */
};

/** @brief Configuration space, decoded. #VGPIO_CONFIG_SIZE bytes on the wire. */
struct vgpio_config {
    uint16_t ngpio;      /**< number of lines; `le16` at offset 0 */
    uint32_t names_size; /**< bytes of the names block, 0: no names; `le32` at offset 4 */
};

/**
 * @brief Readable part of an eventq buffer pair, decoded.
 *
 * #VGPIO_IRQ_REQUEST_SIZE bytes on the wire. The writable part is a single byte, one of
 * #vgpio_irq_status, and needs no codec.
 */
struct vgpio_irq_request {
    uint16_t line; /**< the line that this pair unmasks; spec name: gpio */
};

/**
 * @brief Writes a request as bytes.
 * @param[out] out #VGPIO_REQUEST_SIZE bytes, any alignment
 * @param[in] req what to write; every value is representable, nothing is checked
 */
VGPIO_API void vgpio_request_encode(uint8_t out[8], const struct vgpio_request *req);

/**
 * @brief Reads a request from bytes.
 * @param[out] req the fields as they came: check before use
 * @param[in] in #VGPIO_REQUEST_SIZE bytes, any alignment. Private ones: a peer may change
 * shared memory while it is read.
 */
VGPIO_API void vgpio_request_decode(struct vgpio_request *req, const uint8_t in[8]);

/**
 * @brief Writes an answer of fixed size as bytes.
 * @param[out] out #VGPIO_RESPONSE_SIZE bytes, any alignment
 * @param[in] rsp what to write
 */
VGPIO_API void vgpio_response_encode(uint8_t out[2], const struct vgpio_response *rsp);

/**
 * @brief Reads an answer of fixed size from bytes.
 * @param[out] rsp the fields as they came: check before use
 * @param[in] in #VGPIO_RESPONSE_SIZE bytes, any alignment, private
 */
VGPIO_API void vgpio_response_decode(struct vgpio_response *rsp, const uint8_t in[2]);

/**
 * @brief Writes the configuration space as bytes; its two padding bytes become 0.
 * @param[out] out #VGPIO_CONFIG_SIZE bytes, any alignment
 * @param[in] cfg what to write
 */
VGPIO_API void vgpio_config_encode(uint8_t out[8], const struct vgpio_config *cfg);

/**
 * @brief Reads the configuration space from bytes; the padding is ignored.
 * @param[out] cfg the fields as they came: `names_size` is a hostile number until checked
 * @param[in] in #VGPIO_CONFIG_SIZE bytes, any alignment
 */
VGPIO_API void vgpio_config_decode(struct vgpio_config *cfg, const uint8_t in[8]);

/**
 * @brief Writes the readable part of an eventq pair as bytes.
 * @param[out] out #VGPIO_IRQ_REQUEST_SIZE bytes, any alignment
 * @param[in] req what to write
 */
VGPIO_API void vgpio_irq_request_encode(uint8_t out[2],
                                        const struct vgpio_irq_request *req);

/**
 * @brief Reads the readable part of an eventq pair from bytes.
 * @param[out] req the line as it came: check against ngpio before use
 * @param[in] in #VGPIO_IRQ_REQUEST_SIZE bytes, any alignment, private
 */
VGPIO_API void vgpio_irq_request_decode(struct vgpio_irq_request *req,
                                        const uint8_t in[2]);

/**
 * @name The names block
 *
 * Names of all lines as they go over the wire (spec: Get Line Names): for each line in
 * ascending order one string of 7-bit bytes with its terminating 0; an unnamed line is
 * the terminating 0 alone. So a block of n lines has at least n bytes. Names that are
 * not empty are unique in the device. Letter case matters; no length limit is defined.
 *
 * A library built with `VGPIO_CFG_NAMES` 0 keeps these functions, but they know no block:
 * vgpio_names_build() and vgpio_names_check() return #VGPIO_ERR_NOTSUP, the other two
 * NULL.
 */
/** @{ */

/**
 * @brief Makes a names block from C strings.
 *
 * Call it with `out` NULL and `cap` 0 to learn the size; it checks as thoroughly then.
 * On every error `out` is as it was. The time grows with the square of the number of
 * *named* lines: some ten milliseconds for a thousand.
 *
 * @param[out] out where the block goes, or NULL with `cap` 0; it must not overlap a name
 * @param[in] cap bytes there
 * @param[in] names `n` strings; NULL or "" is an unnamed line. NULL if `n` is 0.
 * @param[in] n number of lines
 * @return the size of the block in bytes, 0 if `n` is 0;
 * #VGPIO_ERR_INVAL: a byte above 127, the same name twice, `out` NULL with `cap` not 0,
 * or a size beyond INT32_MAX;
 * #VGPIO_ERR_NOSPC: `cap` is too small (and `out` not NULL);
 * #VGPIO_ERR_NOTSUP: compiled out
 */
VGPIO_API int vgpio_names_build(uint8_t *out, uint32_t cap, const char *const *names,
                                uint16_t n);

/**
 * @brief Checks a names block whoever it came from.
 *
 * A device checks the block it is configured with; a driver may check what the device
 * sent (Linux and this library live with a block that fails, see vgpio_names_next()).
 * A device without names has size 0; that is not a block, do not check it.
 *
 * @param[in] block the bytes, private ones; NULL if `size` is 0
 * @param[in] size bytes in it
 * @param[in] n number of lines
 * @param[out] scratch `n` words for sorting: comparisons grow with n log n. NULL: they
 * grow with the square of the number of named lines. Contents afterwards mean nothing.
 * @retval VGPIO_OK exactly `n` terminated strings fill exactly `size` bytes, every byte
 * is 7-bit, and no name is there twice
 * @retval VGPIO_ERR_INVAL one of these is not so
 * @retval VGPIO_ERR_NOTSUP compiled out
 */
VGPIO_API int vgpio_names_check(const uint8_t *block, uint32_t size, uint16_t n,
                                uint32_t *scratch);

/**
 * @brief Walks a names block, line after line, without ever leaving it.
 *
 * @code
 * uint32_t off = 0;
 * uint16_t line = 0;
 * const char *name;
 * while (line < ngpio && (name = vgpio_names_next(block, size, &off)) != NULL) {
 *     show(line++, name);   // "" is an unnamed line
 * }
 * @endcode
 *
 * The block may be any bytes, checked or not: a string returned is terminated inside it,
 * nothing else is promised (bytes above 127 and control characters come through).
 *
 * @param[in] block the bytes; NULL if `size` is 0
 * @param[in] size bytes in it
 * @param[in,out] off where to look, 0 at first; afterwards behind the string returned.
 * Unchanged with NULL. Any number is safe.
 * @return the string, inside the block and as long-lived; NULL: nothing terminated is
 * left, or compiled out
 */
VGPIO_API const char *vgpio_names_next(const uint8_t *block, uint32_t size,
                                       uint32_t *off);

/**
 * @brief Finds the name of one line; linear in the block, so walk for a listing.
 *
 * @param[in] block the bytes, checked or not; NULL if `size` is 0
 * @param[in] size bytes in it
 * @param[in] line which
 * @return its name, "" if it has none, inside the block and as long-lived; NULL: the
 * block ends before that line, or compiled out
 */
VGPIO_API const char *vgpio_names_at(const uint8_t *block, uint32_t size, uint16_t line);
/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_WIRE_H */
