/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The protocol before the standard: the draft of 2020/21, both sides.
 *
 * There is a virtio GPIO older than the standard: a Linux driver and a QEMU device,
 * posted in four versions from November 2020 to June 2021, with a formal text in July
 * 2021. It lives on in products. Its device ID is 41 as well (30 in its first three
 * versions), and nothing of it fits the standard: other configuration, other messages,
 * other queues.
 * Nothing on the wire tells the two apart, so a device is *configured* to speak one.
 *
 * docs/dialects.md has what became of each word of one in the other, what cannot be
 * translated, and the faults of the old drivers that shape this implementation.
 *
 * @par What is where
 * - The device: vgpio_draft_dev_init(), over the same lines (#vgpio_line_ops) as the
 *   standard's; a transport gets vgpio_draft_dev_vdev(). It needs to know the time:
 *   vgpio_draft_dev_tick().
 * - The driver: driver.h, with #vgpio_draft_dialect in its config.
 * - The bytes: structures and codecs, as in wire.h, for tools and tests.
 *
 * @par On the wire
 * Configuration is 64 bytes and the names block. Queue 0 carries messages to the driver,
 * queue 1 messages from it. Every message has 8 bytes, little-endian; an answer is a
 * message of its own with #VGPIO_DRAFT_REPLY in its type.
 *
 * | Offset | Bytes | Configuration          | Offset | Bytes | Message               |
 * |--------|-------|------------------------|--------|-------|-----------------------|
 * | 0x00   | 1     | version, 1             | 0      | 2     | type                  |
 * | 0x02   | 2     | number of lines        | 2      | 2     | line                  |
 * | 0x04   | 4     | size of the names block| 4      | 4     | value; below 0: error |
 * | 0x20   | 32    | name, NUL-padded       |        |       |                       |
 * | 0x40   | ...   | names of the lines     |        |       |                       |
 */
#ifndef VIRTIOGPIO_DRAFT_H
#define VIRTIOGPIO_DRAFT_H

#include <virtiogpio/device.h>
#include <virtiogpio/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @name The bytes
 * @context any, an interrupt handler included; pointers must not be NULL
 */
/** @{ */

/** Numbers of the draft. */
enum {
    VGPIO_DRAFT_DEVICE_ID = 41,     /**< since the fourth version of the driver */
    VGPIO_DRAFT_OLD_DEVICE_ID = 30, /**< before; the registry gave it to others */
    VGPIO_DRAFT_VERSION = 1,        /**< of the configuration; there is no other */
    VGPIO_DRAFT_TO_DRIVER = 0,      /**< queue: answers and level reports */
    VGPIO_DRAFT_FROM_DRIVER = 1,    /**< queue: requests */
    VGPIO_DRAFT_CONFIG_SIZE = 64,   /**< bytes of configuration before the names */
    VGPIO_DRAFT_NAME_SIZE = 32,     /**< bytes of the device's name */
    VGPIO_DRAFT_MSG_SIZE = 8        /**< bytes of every message */
};

/** Types of messages. The comment gives `value` of the request; `value` of a good
 *  answer. */
enum vgpio_draft_type {
    VGPIO_DRAFT_REQUEST = 1,          /**< 0; 0. Use the line; may be repeated. */
    VGPIO_DRAFT_DIRECTION_INPUT = 2,  /**< 0; 0 */
    VGPIO_DRAFT_DIRECTION_OUTPUT = 3, /**< the level to drive; 0 */
    VGPIO_DRAFT_GET_DIRECTION = 4,    /**< 0; #VGPIO_DRAFT_OUTPUT or _INPUT */
    VGPIO_DRAFT_GET_LEVEL = 5,        /**< 0; 0 or 1 */
    VGPIO_DRAFT_SET_LEVEL = 6,        /**< level; the new level */
    VGPIO_DRAFT_RELEASE = 7,          /**< 0; 0. Only with #VGPIO_DRAFT_F_ARBITRATION. */
    VGPIO_DRAFT_SET_IRQ = 8,    /**< #vgpio_draft_irq; 0. With #VGPIO_DRAFT_F_IRQ. */
    VGPIO_DRAFT_LEVEL = 0x11,   /**< from the device, unasked: level 0 or 1 */
    VGPIO_DRAFT_REPLY = 0x8000, /**< or-ed to the type of an answer */
    /** The mask that the first three versions of the driver took off; a device that
     *  answers with all of it cannot be told from one with #VGPIO_DRAFT_REPLY by them.
     *  A driver should take it off, a device must never send it. */
    VGPIO_DRAFT_REPLY_MASK = 0xf000
};

/** Directions in an answer: the other way round than one may expect. */
enum {
    VGPIO_DRAFT_OUTPUT = 0, /**< the driver drives it */
    VGPIO_DRAFT_INPUT = 1   /**< the driver senses it */
};

/** Bits of SET_IRQ. The text prints the last two as "0x0016" and "0x0032", which would
 *  overlap the others: decimal numbers under a wrong sign. */
enum vgpio_draft_irq {
    VGPIO_DRAFT_IRQ_HIGH = 0x01,    /**< while the level is high */
    VGPIO_DRAFT_IRQ_LOW = 0x02,     /**< while the level is low */
    VGPIO_DRAFT_IRQ_RISING = 0x04,  /**< low to high */
    VGPIO_DRAFT_IRQ_FALLING = 0x08, /**< high to low */
    VGPIO_DRAFT_IRQ_ARMED = 0x10,   /**< report once */
    VGPIO_DRAFT_IRQ_ALWAYS = 0x20   /**< report until the mask changes */
};

/** Feature of the text of 2021: RELEASE. (Bit 0 is F_IRQ in the standard.) */
#define VGPIO_DRAFT_F_ARBITRATION (UINT64_C(1) << 0)
/** Feature of the text of 2021: SET_IRQ; reports come only for lines that ask. */
#define VGPIO_DRAFT_F_IRQ (UINT64_C(1) << 1)

/** Errors of the text of 2021, negated on the wire. Used in place of errno values once
 *  one of its features is negotiated. */
enum vgpio_draft_error {
    VGPIO_DRAFT_E_FAULT = 1,  /**< anything else */
    VGPIO_DRAFT_E_NO_PIN = 2, /**< no such line */
    VGPIO_DRAFT_E_COMM = 3,   /**< the lines did not answer */
    VGPIO_DRAFT_E_INVAL = 4   /**< not allowed for this line, or no such value */
};

/** @brief A message, decoded. #VGPIO_DRAFT_MSG_SIZE bytes on the wire. */
struct vgpio_draft_msg {
    uint16_t type; /**< #vgpio_draft_type; any number may come from a peer */
    uint16_t line; /**< 0 .. ngpio-1 if the peer is honest */
    int32_t value; /**< meaning by `type`; below 0 in an answer: an error, negated */
};

/** @brief The fixed part of the configuration, decoded. */
struct vgpio_draft_config {
    uint8_t version;     /**< 1 */
    uint16_t ngpio;      /**< number of lines */
    uint32_t names_size; /**< bytes of the names block, 0: no names */
    char name[32];       /**< of the device; not terminated if it fills the field */
};

/** @brief Writes a message as bytes.
 *  @param[out] out 8 bytes, any alignment
 *  @param[in] msg every value is representable, nothing is checked */
VGPIO_API void vgpio_draft_msg_encode(uint8_t out[8], const struct vgpio_draft_msg *msg);

/** @brief Reads a message from bytes.
 *  @param[out] msg the fields as they came
 *  @param[in] in 8 bytes, any alignment, private */
VGPIO_API void vgpio_draft_msg_decode(struct vgpio_draft_msg *msg, const uint8_t in[8]);

/** @brief Writes the fixed part of the configuration; reserved bytes become 0.
 *  @param[out] out 64 bytes, any alignment
 *  @param[in] cfg what to write */
VGPIO_API void vgpio_draft_config_encode(uint8_t out[64],
                                         const struct vgpio_draft_config *cfg);

/** @brief Reads the fixed part of the configuration; reserved bytes are ignored.
 *  @param[out] cfg the fields as they came
 *  @param[in] in 64 bytes, any alignment */
VGPIO_API void vgpio_draft_config_decode(struct vgpio_draft_config *cfg,
                                         const uint8_t in[64]);

/**
 * @brief What the wire says for a result of a line.
 *
 * | Result               | Linux errno        | 2021   |
 * |----------------------|--------------------|--------|
 * | 0 and above          | itself             | itself |
 * | #VGPIO_ERR_INVAL     | -22 (EINVAL)       | -4     |
 * | #VGPIO_ERR_STATE     | -16 (EBUSY)        | -4     |
 * | #VGPIO_ERR_NOSPC     | -28 (ENOSPC)       | -1     |
 * | #VGPIO_ERR_NOTSUP    | -95 (EOPNOTSUPP)   | -4     |
 * | #VGPIO_ERR_TIMEOUT   | -110 (ETIMEDOUT)   | -3     |
 * | #VGPIO_ERR_IO, other | -5 (EIO)           | -3, -1 |
 *
 * @param[in] result as a line op returns it
 * @param[in] text2021 not 0: the numbers of #vgpio_draft_error
 */
VGPIO_API int32_t vgpio_draft_value(int result, int text2021);

/**
 * @brief What a value of an answer means: the same table from right to left.
 * @param[in] value as it came
 * @param[in] text2021 not 0: errors are #vgpio_draft_error
 * @return 0 or above: the value; below 0 a #vgpio_err, #VGPIO_ERR_IO for all numbers that
 * the table does not have. Never a fatal one.
 */
VGPIO_API int vgpio_draft_result(int32_t value, int text2021);
/** @} */

/**
 * @name The device
 *
 * Takes the config of the standard's device: the lines, the arrays, the names block. Of
 * `features`, only VERSION_1, INDIRECT and, if asked for by name, PACKED mean something;
 * 0 is the first two. EVENT_IDX and IN_ORDER are never offered: the old drivers hang with
 * them. `queue_max` 0 means 32768 here, because they never take a request back from the
 * ring and end when it is full. Requests are answered in the order in which they came,
 * whatever the lines do; `nreqs` of them can be worked on at once.
 */
/** @{ */

/** For vgpio_draft_id::flags: offer what the text of 2021 added (RELEASE, SET_IRQ). */
#define VGPIO_DRAFT_2021 1u

/** What the draft's device is asked to be. Zero it, then fill what you need. */
struct vgpio_draft_id {
    uint32_t size;      /**< sizeof(struct vgpio_draft_id) */
    uint32_t device_id; /**< 0: 41; drivers before the fourth version look for 30 */
    uint32_t flags;     /**< #VGPIO_DRAFT_2021 or 0 */
    const char *name;   /**< copied, as far as 32 bytes go; NULL: no name */
};

/** The device side of the draft. Opaque by contract; must not be moved. */
struct vgpio_draft_dev {
    /** @cond PRIVATE */
    const struct vgpio_line_ops *ops;
    void *ctx;
    struct vgpio_line *lines;
    struct vgpio_req *reqs;
    const uint8_t *names;
    vgpio_trace_fn trace;
    void *trace_ctx;
    struct vgpio_vq_setup last[2];
    struct vgpio_devq q[2];
    struct vgpio_chain tx; /* the buffer in hand, if tx_open */
    uint64_t offered, features;
    uint32_t names_size, device_id, events;
    uint32_t tx_units;              /* messages read from that buffer */
    uint32_t tx_skip;               /* ... of one that is to be read again */
    uint32_t rx_taken, asked, told; /* buffers, requests, reports since the start */
    uint32_t now, reply_at, call_at, call_wait;
    uint32_t owed;   /* calls for answers that others may have used up */
    uint32_t rx_bad; /* buffers without use, on this visit */
    uint16_t ngpio, nreqs, queue_max[2];
    uint16_t req_first, req_count, in_flight;
    uint16_t changed_first, changed_last; /* lines with a report to send */
    uint8_t queue_flags[2];
    int8_t err[2];
    uint8_t busy, acked, broken, starved, rescan, call;
    uint8_t tx_open, tx_done, rx_seen, rx_short;
    uint8_t ticking, replied, guard, unread;
    char name[32];
    uint8_t reserved[8];
    /** @endcond */
};

/**
 * @brief Make a device of the draft out of lines.
 *
 * @param dev  caller's memory, any contents
 * @param cfg  as for vgpio_dev_init(), see above for the differences
 * @param id   what only the draft has; NULL: all zero
 * @return 0; #VGPIO_ERR_INVAL: something is missing or out of range, or the names block
 *         does not hold exactly `ngpio` strings; #VGPIO_ERR_ABI: header and library
 *         disagree about a struct
 * @context any; `dev` must not be in use
 */
#define vgpio_draft_dev_init(dev, cfg, id)                                               \
    vgpio_draft_dev_init_abi((dev), (cfg), (id),                                         \
                             VGPIO_ABI(sizeof *(dev), sizeof *(cfg),                     \
                                       sizeof(struct vgpio_line),                        \
                                       sizeof(struct vgpio_req)))
/** What vgpio_draft_dev_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_draft_dev_init_abi(struct vgpio_draft_dev *dev,
                                       const struct vgpio_dev_config *cfg,
                                       const struct vgpio_draft_id *id, uint64_t abi);

/**
 * @brief The face a transport sees: kick, take_events and all the rest.
 *
 * `take_events` raises queue 1 once for every message to the driver, also where the
 * message went out on queue 0: there the old drivers hang their handler. `irq_acked`
 * should be called by transports that see the acknowledge.
 *
 * @param dev  need not be initialised yet: a face is two pointers
 * @return by value; good for as long as `dev` is
 * @context any
 */
VGPIO_API struct vgpio_vdev vgpio_draft_dev_vdev(struct vgpio_draft_dev *dev);

/**
 * @brief The face a backend sees: where it completes requests and reports changes.
 *
 * Every change of a line that is not an output becomes a level report to the driver,
 * unless #VGPIO_DRAFT_F_IRQ is negotiated. For a level report the level should be known;
 * with #VGPIO_LEVEL_UNKNOWN it is taken to be where the edge leads.
 *
 * @param dev  need not be initialised yet: a face is two pointers
 * @return by value; good for as long as `dev` is
 * @context any
 */
VGPIO_API struct vgpio_sink vgpio_draft_dev_sink(struct vgpio_draft_dev *dev);

/** vgpio_draft_dev_tick(): nothing waits for time to pass. */
#define VGPIO_DRAFT_NEVER 0xffffffffu

/**
 * @brief Tell the device what time it is.
 *
 * The fourth version of the driver loses messages that come too close together, and
 * handles one for each interrupt. So, as long as no feature of 2021 is negotiated, a
 * level report is sent only while the driver cannot have another unread, and no sooner
 * than 10 ms after the last answer; the interrupt is repeated, at growing distances from
 * 5 ms on, while something may be unread. A device that was never told the time paces by
 * what the driver does alone: a report then waits until the driver acknowledged or rang
 * after the last answer. That is enough for a driver that posts its buffers again, such
 * as the one of this library, and not for the old ones.
 *
 * Call it after your calls into the device, before you sleep, and when the time it
 * returns has passed; then see `take_events`.
 *
 * @param dev     the device
 * @param now_ms  milliseconds of any clock that does not jump; may wrap
 * @return how long you may sleep, in milliseconds; #VGPIO_DRAFT_NEVER: until something
 *         happens
 * @context object lock; not inside an op
 */
VGPIO_API uint32_t vgpio_draft_dev_tick(struct vgpio_draft_dev *dev, uint32_t now_ms);
/** @} */

/**
 * @name The driver
 */
/** @{ */

/**
 * @brief The draft, for vgpio_drv_config::dialect: the calls of driver.h as they are.
 *
 * What is different from the standard:
 * - `nirq` counts receive buffers, at least 2 (1 serves one request at a time). At most
 *   `nirq` - 1 requests are in flight, because old devices drop an answer that finds no
 *   buffer. Interrupts of any number of lines share the buffers.
 * - `irq_map` is required and has a word for each line of the device, else
 *   vgpio_drv_start() is #VGPIO_ERR_NOSPC.
 * - Devices with ID 30 are taken as well.
 * - SET_VALUE of a line that is not known to be an output, and SET_DIRECTION(NONE) where
 *   the device has no RELEASE, are kept here and answered without the device, in their
 *   turn. SET_DIRECTION(OUT) carries the value. The direction is known from
 *   SET_DIRECTION and from answers to GET_DIRECTION.
 * - SET_IRQ_TYPE asks the device for the level, to know edges from. With
 *   #VGPIO_DRAFT_F_IRQ that takes two requests at once: #VGPIO_ERR_NOTSUP if `nreq` or
 *   the device's queue has room for one only. Triggers, masks and
 *   latched edges are kept here: the draft reports every change to whoever is there.
 *   Two changes that the device merged into one report count as both edges.
 *   A level that is unmasked before it is quiet is told again, but not before
 *   vgpio_drv_poll() returned 0 once.
 * - Errors of a device come as the #vgpio_err of vgpio_draft_result().
 * - vgpio_drv_rearm() also flushes: buffers that were read go back to the device before
 *   you sleep.
 */
extern VGPIO_API const struct vgpio_dialect vgpio_draft_dialect;
/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_DRAFT_H */
