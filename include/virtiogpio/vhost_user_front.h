/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The vhost-user front end: a driver's bus to a device behind a socket.
 *
 * With it a driver (driver.h) in an ordinary process uses the lines that any vhost-user
 * GPIO back end serves, without a virtual machine: this library's, rust-vmm's, one made
 * with libvhost-user. The other end of the socket is vhost_user.h.
 *
 * Here is an engine that makes no system call, and apart from it, in an object file of
 * its own, what it needs on Linux (`vgpio_vuf_linux_*`): socket, shared memory, eventfds
 * and a deadline. Most programs need the second part only:
 *
 * @code
 * static struct vgpio_vuf_linux f;
 * int err = vgpio_vuf_linux_open(&f, "/tmp/gpio.sock", NULL);
 * if (err < 0) return say(vgpio_vuf_linux_reason(&f));
 * cfg.bus = &vgpio_vuf_bus_ops;
 * cfg.bus_ctx = &f.vuf;
 * cfg.dma = f.mem;                       // the arena: memory that both sides see
 * cfg.dma_addr = f.vuf.cfg.gpa;
 * cfg.dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ);
 * ...                                    // vgpio_drv_init(), vgpio_drv_start()
 * while (vgpio_drv_poll(&drv, &ev) == 0)
 *     if (vgpio_drv_rearm(&drv) == 0 && vgpio_vuf_linux_wait(&f, 1000) < 0)
 *         return say(vgpio_vuf_linux_reason(&f));
 * ...                                    // vgpio_drv_stop()
 * vgpio_vuf_linux_close(&f);
 * @endcode
 *
 * @par What it speaks
 * Version 1 of the vhost-user protocol. Everything but GET_FEATURES is optional for the
 * back end. Of the protocol features MQ, REPLY_ACK and CONFIG are used if offered:
 *
 * | Not offered | What the front end does |
 * |---|---|
 * | bit 30: no protocol features | rings need no enabling; no config space, as below |
 * | CONFIG | `config` of #vgpio_vuf_config stands for it, else it cannot be read |
 * | REPLY_ACK | a GET_FEATURES makes sure that the rings were taken |
 * | MQ | both queues are taken to be there |
 *
 * Virtio features that this transport cannot keep are hidden from the driver:
 * ACCESS_PLATFORM, NOTIFICATION_DATA, RING_RESET and the like. Guest state is reset as
 * vhost-user has it: by stopping the rings (GET_VRING_BASE) and starting them at 0.
 *
 * @par The back end is not trusted
 * An answer counts only if its request, flags, size and contents are those that were
 * asked for. Anything else, a descriptor that comes with it, the end of the connection,
 * or no answer by the deadline ends the connection for good (*dead*): every later call
 * returns the same error at once, and vgpio_vuf_reason() says why in one line. A dead
 * connection still lets vgpio_drv_stop() succeed, since `cut` first takes the memory away
 * from the back end.
 *
 * One thing no front end can prevent: eventfds are shared with their flags, so a back end
 * that makes a kick descriptor blocking, fills it, and wins a race against each look at
 * it, can have one kick wait.
 *
 * @par Below the bus
 * A tool that tests back ends needs messages and rings that no driver would send:
 * vgpio_vuf_send() and vgpio_vuf_recv() move any message, vgpio_vuf_call(),
 * vgpio_vuf_share(), vgpio_vuf_ring_start() and vgpio_vuf_ring_stop() are the steps that
 * the bus is made of, and the memory with the rings in it is the caller's own.
 *
 * @par Context
 * A front end and the driver above it are one object: all calls need one lock.
 */
#ifndef VIRTIOGPIO_VHOST_USER_FRONT_H
#define VIRTIOGPIO_VHOST_USER_FRONT_H

#include <virtiogpio/vhost_user.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Queues a front end carries. */
#define VGPIO_VUF_QUEUES 2

/** Requests of the protocol that a front end sends. */
enum vgpio_vu_request {
    VGPIO_VU_GET_FEATURES = 1,    /**< answered by a u64 */
    VGPIO_VU_SET_FEATURES = 2,    /**< u64 */
    VGPIO_VU_SET_OWNER = 3,       /**< no payload */
    VGPIO_VU_SET_MEM_TABLE = 5,   /**< u32 n, u32 0, n regions of 32 bytes; n fds */
    VGPIO_VU_SET_VRING_NUM = 8,   /**< u32 queue, u32 size */
    VGPIO_VU_SET_VRING_ADDR = 9,  /**< u32 queue, u32 0, u64 desc, used, avail, 0 */
    VGPIO_VU_SET_VRING_BASE = 10, /**< u32 queue, u32 position */
    VGPIO_VU_GET_VRING_BASE = 11, /**< u32 queue, u32 0; answered by the same */
    VGPIO_VU_SET_VRING_KICK = 12, /**< u64 queue; the fd */
    VGPIO_VU_SET_VRING_CALL = 13, /**< u64 queue; the fd */
    VGPIO_VU_SET_VRING_ERR = 14,  /**< u64 queue; the fd */
    VGPIO_VU_GET_PROTOCOL_FEATURES = 15, /**< answered by a u64 */
    VGPIO_VU_SET_PROTOCOL_FEATURES = 16, /**< u64 */
    VGPIO_VU_GET_QUEUE_NUM = 17,         /**< answered by a u64 */
    VGPIO_VU_SET_VRING_ENABLE = 18,      /**< u32 queue, u32 0 or 1 */
    VGPIO_VU_GET_CONFIG = 24             /**< u32 offset, size, flags, then the bytes */
};

/** @name Flags in the header of a message */
/** @{ */
#define VGPIO_VU_VERSION 1u    /**< always set, in both directions */
#define VGPIO_VU_REPLY 4u      /**< set in an answer */
#define VGPIO_VU_NEED_REPLY 8u /**< an ack is wanted (protocol feature REPLY_ACK) */
/** @} */

/** @name Protocol features */
/** @{ */
#define VGPIO_VU_P_MQ (UINT64_C(1) << 0)        /**< GET_QUEUE_NUM */
#define VGPIO_VU_P_REPLY_ACK (UINT64_C(1) << 3) /**< messages may ask for an ack */
#define VGPIO_VU_P_CONFIG (UINT64_C(1) << 9)    /**< GET_CONFIG */
/** @} */

/** The virtio feature bit that says: there are protocol features. */
#define VGPIO_VU_F_PROTOCOL (UINT64_C(1) << 30)

/**
 * @brief The name of a request as the protocol's documents spell it.
 * @return a constant, "request" for a number without a name
 * @context any
 */
VGPIO_API const char *vgpio_vu_request_str(uint32_t request);

/**
 * @brief Every system call the engine needs, given by you.
 *
 * All run inside your calls of the engine or of the driver above it; none may call them.
 * `send` and `recv` are where time is: they must come back, if need be with
 * #VGPIO_ERR_TIMEOUT after a deadline of yours.
 */
struct vgpio_vuf_os {
    uint32_t ops_size; /**< sizeof(struct vgpio_vuf_os) */
    /** Send `msg->len` bytes of `msg->buf` and with the first of them `msg->nfds`
     *  descriptors, which stay the engine's. 0; #VGPIO_ERR_IO: the peer is gone;
     *  #VGPIO_ERR_TIMEOUT. */
    int (*send)(void *ctx, const struct vgpio_vu_msg *msg);
    /** Receive one message into `msg`, which is empty, with the descriptors that came.
     *  A header that announces more than `buf` holds is handed over alone. 0;
     *  #VGPIO_ERR_IO: the peer is gone; #VGPIO_ERR_TIMEOUT. */
    int (*recv)(void *ctx, struct vgpio_vu_msg *msg);
    /** Close a descriptor that came with a message nobody wants. */
    void (*close)(void *ctx, int fd);
    /** Add 1 to the eventfd `fd`, a kick. */
    void (*signal)(void *ctx, int fd);
    /** The connection is dead and the driver wants its memory back: from now on the back
     *  end must not reach it any more, whatever it does. */
    void (*cut)(void *ctx);
};

/** What a front end is made of. Zero it, then fill what you need. */
struct vgpio_vuf_config {
    const struct vgpio_vuf_os *os; /**< must outlive the front end */
    void *ctx;                     /**< first argument of each of its functions */
    uint32_t device_id;            /**< what is behind the socket; 0: 41, GPIO */
    uint32_t config_size; /**< bytes of config space, up to 4096; 0: the 8 of GPIO */
    /** Stands for the config space where the back end has none: `config_size` bytes that
     *  outlive the front end. NULL: such a back end cannot be used. */
    const uint8_t *config;
    uint64_t protocol; /**< protocol features to use if offered; 0: all that are known */
    /** The one region of shared memory: as the rings name it (`gpa`, the driver's
     *  `dma_addr`), its bytes, and as messages name it (`uva`; any number, it need not be
     *  an address). */
    uint64_t gpa;
    uint64_t size;              /**< see `gpa` */
    uint64_t uva;               /**< see `gpa` */
    uint64_t mem_offset;        /**< where it begins in `mem_fd` */
    int mem_fd;                 /**< the file behind it */
    int kick[VGPIO_VUF_QUEUES]; /**< eventfds: written by `signal`, read by the device */
    int call[VGPIO_VUF_QUEUES]; /**< eventfds: written by the device, watched by you */
    int err[VGPIO_VUF_QUEUES];  /**< the same for a broken ring; -1: none */
    uint16_t queue_size; /**< most entries of a ring: vhost-user cannot ask. 0: 256 */
};

/** A front end, some 4.4 KiB. Opaque by contract, but `cfg` may be read. */
struct vgpio_vuf {
    /** What it was made of; the defaults are filled in. */
    struct vgpio_vuf_config cfg;
    /** @cond PRIVATE */
    const char *reason;
    uint64_t offered, features, protocol_offered, protocol;
    uint32_t reason_request, queues;
    struct vgpio_vq_setup vq[VGPIO_VUF_QUEUES];
    uint8_t status, negotiated, shared, latched, started;
    int8_t err;
    struct vgpio_vu_msg msg;
    /** @endcond */
};

/** What was agreed with the back end. */
struct vgpio_vuf_facts {
    uint64_t offered;          /**< virtio features it offers, all bits */
    uint64_t features;         /**< those accepted by the last SET_FEATURES */
    uint64_t protocol_offered; /**< protocol features it offers */
    uint64_t protocol;         /**< those in use */
    uint32_t queues;           /**< its GET_QUEUE_NUM, or 2 */
};

/**
 * @brief Make a front end on a connection that nothing was sent on yet.
 *
 * Nothing is sent. For a new connection after a dead one call it again: the driver above
 * keeps its bus, and starts anew after vgpio_drv_stop().
 *
 * @param f    caller's memory, any contents; owns nothing
 * @param cfg  copied
 * @return 0; #VGPIO_ERR_INVAL: `os` or a required function is missing, or `config_size`
 *         is more than 4096; #VGPIO_ERR_ABI: header and library disagree about a struct
 * @context any; `f` must not be in use
 */
#define vgpio_vuf_init(f, cfg)                                                           \
    vgpio_vuf_init_abi(                                                                  \
        (f), (cfg),                                                                      \
        VGPIO_ABI(sizeof *(f), sizeof *(cfg), sizeof(struct vgpio_vu_msg), 0))
/** What vgpio_vuf_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_vuf_init_abi(struct vgpio_vuf *f, const struct vgpio_vuf_config *cfg,
                                 uint64_t abi);

/**
 * @brief The front end as a bus for a driver; its `ctx` is the front end.
 *
 * - Everything negotiates first (vgpio_vuf_negotiate()).
 * - `config_read`: one GET_CONFIG of the whole space from offset 0, as QEMU does; zeros
 *   past its end. #VGPIO_ERR_NOTSUP: the back end has none, nor was one given.
 * - `set_status` FEATURES_OK sends SET_FEATURES, and the bit is kept unless refused.
 *   DRIVER_OK shares the memory and starts the queues. 0 stops them by GET_VRING_BASE;
 *   it succeeds whatever the back end does, see `cut`.
 * - `get_status` shows DEVICE_NEEDS_RESET after vgpio_vuf_broken() and once the
 *   connection is dead.
 * - `queue_start`: latched until DRIVER_OK; after it, at once.
 * - `queue_stop`: GET_VRING_BASE.
 * - What a back end refuses is #VGPIO_ERR_IO; what makes a connection dead is that
 *   connection's error. vgpio_vuf_reason() tells in both cases.
 *
 * @context object lock
 */
extern VGPIO_API const struct vgpio_bus_ops vgpio_vuf_bus_ops;

/**
 * @brief Greet the back end: features, protocol features, number of queues, owner.
 *
 * Done once a connection; the bus does it by itself.
 *
 * @return 0; #VGPIO_ERR_IO, #VGPIO_ERR_TIMEOUT or #VGPIO_ERR_PROTO: the connection is
 *         dead, or the back end refused something
 * @context object lock
 */
VGPIO_API int vgpio_vuf_negotiate(struct vgpio_vuf *f);

/** What was agreed so far; all 0 before vgpio_vuf_negotiate(). @context object lock */
VGPIO_API void vgpio_vuf_get_facts(const struct vgpio_vuf *f,
                                   struct vgpio_vuf_facts *facts);

/**
 * @brief Share the memory region (SET_MEM_TABLE).
 * @return 0; #VGPIO_ERR_IO: refused; or the connection is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_share(struct vgpio_vuf *f);

/**
 * @brief Tell the back end everything about a ring, and enable it.
 *
 * In the order size, base, addresses, err, call, kick, enable. The base is 0 (packed: 0
 * with both wrap counters 1) unless `vq` has #VGPIO_VQ_TOLD. Addresses inside the region
 * are translated to its `uva`; others are sent as they are, for who shared other memory.
 *
 * @return 0; #VGPIO_ERR_INVAL: no such queue; #VGPIO_ERR_IO: refused; or the connection
 *         is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_ring_start(struct vgpio_vuf *f, unsigned q,
                                   const struct vgpio_vq_setup *vq);

/**
 * @brief Stop a ring (GET_VRING_BASE): from 0 on the back end leaves it alone.
 *
 * @param f     the front end
 * @param q     which
 * @param base  may be NULL; where the ring stood, as the message has it: split 16 bits,
 *              packed the used position in the upper half
 * @return 0; #VGPIO_ERR_INVAL: no such queue; or the connection is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_ring_stop(struct vgpio_vuf *f, unsigned q, uint32_t *base);

/**
 * @brief Send a message and wait for its ack, if acks are negotiated.
 *
 * @param f        the front end
 * @param request  any number
 * @param payload  `size` bytes, native byte order
 * @param size     up to #VGPIO_VU_MSG_MAX - 12
 * @param fds      `nfds` descriptors, still the caller's afterwards
 * @param nfds     up to #VGPIO_VU_MAX_REGIONS
 * @return 0: done, or nobody knows; 1: refused; #VGPIO_ERR_INVAL: too long; or the
 *         connection is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_call(struct vgpio_vuf *f, uint32_t request, const void *payload,
                             uint32_t size, const int *fds, unsigned nfds);

/**
 * @brief A request without payload that is answered by a number.
 * @return 0; or the connection is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_get(struct vgpio_vuf *f, uint32_t request, uint64_t *value);

/**
 * @brief Send any message; nothing is checked, nothing awaited.
 *
 * Parameters as for vgpio_vuf_call(); `flags` is what the header says, see
 * #VGPIO_VU_VERSION.
 *
 * @return 0; #VGPIO_ERR_INVAL: too long; or the connection is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_send(struct vgpio_vuf *f, uint32_t request, uint32_t flags,
                             const void *payload, uint32_t size, const int *fds,
                             unsigned nfds);

/**
 * @brief Receive any message; nothing is checked.
 *
 * @param f         the front end
 * @param[out] msg  the message, whole, until the next call. Its descriptors are closed
 *                  then, unless their taker sets `nfds` to 0.
 * @return 0; or the connection is dead
 * @context object lock
 */
VGPIO_API int vgpio_vuf_recv(struct vgpio_vuf *f, struct vgpio_vu_msg **msg);

/** The err eventfd was written: the device broke a ring, and shows it from now on as
 *  DEVICE_NEEDS_RESET. Follow it by vgpio_drv_config_changed(). @context object lock */
VGPIO_API void vgpio_vuf_broken(struct vgpio_vuf *f);

/**
 * @brief The connection ended, or something came on it that nobody asked for.
 *
 * For your event loop; the engine sees it by itself only when it speaks. Dead from now
 * on. Follow it by vgpio_drv_config_changed().
 *
 * @param f    the front end
 * @param err  #VGPIO_ERR_IO: the end; #VGPIO_ERR_PROTO: an answer to no question
 * @context object lock
 */
VGPIO_API void vgpio_vuf_gone(struct vgpio_vuf *f, int err);

/** Why the connection is dead: an error, or 0 while it is not. @context object lock */
VGPIO_API int vgpio_vuf_error(const struct vgpio_vuf *f);

/**
 * @brief What went wrong last, in words.
 *
 * @param f        the front end
 * @param request  may be NULL; the request it was about (vgpio_vu_request_str()), 0 if
 *                 none
 * @return a constant without a full stop: "no answer in time", "refused", ...; NULL:
 *         nothing did
 * @context object lock
 */
VGPIO_API const char *vgpio_vuf_reason(const struct vgpio_vuf *f, uint32_t *request);

/**
 * @name Linux
 * Socket, sealed shared memory, eventfds, deadlines.
 * @{
 */

/** Choices of vgpio_vuf_linux_open(). Zero it, then fill what you need. */
struct vgpio_vuf_linux_config {
    uint64_t mem_size;     /**< bytes of shared memory; 0: 1 MiB. Untouched pages cost
                          *   nothing. */
    uint32_t timeout_ms;   /**< for each answer, and to connect; 0: 5000 */
    uint16_t queue_size;   /**< as in #vgpio_vuf_config */
    uint64_t protocol;     /**< as in #vgpio_vuf_config */
    const uint8_t *config; /**< as in #vgpio_vuf_config */
    uint32_t config_size;  /**< as in #vgpio_vuf_config */
    uint32_t device_id;    /**< as in #vgpio_vuf_config */
};

/** A connection. Public fields are for reading. */
struct vgpio_vuf_linux {
    struct vgpio_vuf vuf; /**< the engine; its address is the `bus_ctx` */
    int sock;             /**< the connection, non-blocking; -1: closed */
    int poll_fd;          /**< readable when vgpio_vuf_linux_wait() has something to say:
                           *   one descriptor for your event loop */
    uint8_t *mem;         /**< the shared memory, page-aligned */
    uint64_t mem_size;    /**< bytes of it */
    /** @cond PRIVATE */
    struct vgpio_vuf_linux_config cfg;
    char reason[192];
    /** @endcond */
};

/** vgpio_vuf_linux_wait(): interrupt of queue `q`. */
#define VGPIO_VUF_CALL(q) (1u << (q))
/** vgpio_vuf_linux_wait(): queue `q` is broken. */
#define VGPIO_VUF_ERR(q) (4u << (q))

/**
 * @brief Connect to a back end and prepare to talk. Nothing is sent yet.
 *
 * The memory is a memfd that cannot change its size, so that a back end cannot make an
 * access of ours fault.
 *
 * @param f     caller's memory, any contents; close it whatever is returned
 * @param path  of the socket
 * @param cfg   NULL: all defaults
 * @return 0; #VGPIO_ERR_INVAL: no path that fits a socket address; #VGPIO_ERR_IO: nobody
 *         listens, or no memory or descriptors are left; #VGPIO_ERR_TIMEOUT: nobody
 *         accepts. vgpio_vuf_linux_reason() tells.
 * @context any; blocks up to `timeout_ms`
 */
VGPIO_API int vgpio_vuf_linux_open(struct vgpio_vuf_linux *f, const char *path,
                                   const struct vgpio_vuf_linux_config *cfg);

/** The same on a connected stream socket, which belongs to `f` from here on, also where
 *  this fails. @context any */
VGPIO_API int vgpio_vuf_linux_adopt(struct vgpio_vuf_linux *f, int sock,
                                    const struct vgpio_vuf_linux_config *cfg);

/**
 * @brief Connect once more, after a dead connection or to start from nothing.
 *
 * The old connection is closed. `mem` stays where it is in this process, but is new
 * memory behind (zeroed): what an old back end still has mapped is no longer ours. Stop
 * the driver before (vgpio_drv_stop()), start it afterwards.
 *
 * @return as vgpio_vuf_linux_open(); after an error it may be called again
 * @context object lock; blocks up to `timeout_ms`
 */
VGPIO_API int vgpio_vuf_linux_reconnect(struct vgpio_vuf_linux *f, const char *path);

/**
 * @brief Sleep until the device interrupts.
 *
 * Call it when vgpio_drv_rearm() said 0. With #VGPIO_VUF_ERR or an error call
 * vgpio_drv_config_changed(), and the driver knows.
 *
 * @param f           the front end
 * @param timeout_ms  0: do not sleep; < 0: for ever
 * @return an or of #VGPIO_VUF_CALL and #VGPIO_VUF_ERR; 0: time is over, or a signal
 *         handler ran; #VGPIO_ERR_IO: the connection ended; #VGPIO_ERR_PROTO: the back
 *         end sent what nobody asked for
 * @context object lock, which others may need while it sleeps: then use `poll_fd`, and
 *          `timeout_ms` 0
 */
VGPIO_API int vgpio_vuf_linux_wait(struct vgpio_vuf_linux *f, int timeout_ms);

/**
 * @brief What went wrong last, in one line: "GET_FEATURES: no answer in time".
 * @return until the next call with this `f`; "" if nothing did
 * @context object lock
 */
VGPIO_API const char *vgpio_vuf_linux_reason(struct vgpio_vuf_linux *f);

/**
 * @brief Close the connection and give everything back, the memory as well.
 *
 * Rings are not stopped: that is vgpio_drv_stop(). May be called again.
 *
 * @context object lock
 */
VGPIO_API void vgpio_vuf_linux_close(struct vgpio_vuf_linux *f);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_VHOST_USER_FRONT_H */
