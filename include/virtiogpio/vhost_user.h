/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The vhost-user back end: serves a device to QEMU, User-Mode Linux and others.
 *
 * A *front end* (the virtual machine monitor) connects to a Unix socket and tells where
 * guest memory is and where the rings lie in it; the guest then talks to the *back end*
 * through them. Here is the back end: a message engine that makes no system call itself,
 * so it runs in any event loop, under any fuzzer and on any system, and, in an object
 * file of its own, what it needs on Linux (`vgpio_vu_linux_*`).
 *
 * The engine serves any #vgpio_vdev. It never looks into a ring: it starts, stops and
 * kicks the queues of the device, which does.
 *
 * @par What it speaks
 * The vhost-user protocol, version 1, of QEMU's docs/interop/vhost-user. Offered: virtio
 * feature bit 30 and what the device offers; of the protocol features MQ (0), REPLY_ACK
 * (3), BACKEND_REQ (5: User-Mode Linux gives interrupts to no device without it) and
 * CONFIG (9). Memory comes by SET_MEM_TABLE, up to #VGPIO_VU_MAX_REGIONS regions, from
 * descriptors that can be mapped. Not offered: dirty logging, IOTLB, inflight regions,
 * single memory slots, status, device reset, in-band notifications.
 *
 * @par Life
 * One object serves one front end at a time and any number in turn:
 * vgpio_vu_init() once, then for each connection vgpio_vu_input() per message and
 * vgpio_vu_kick() per kick, vgpio_vu_flush() and vgpio_vu_output() after anything that
 * may have moved the device, vgpio_vu_close() when the connection ends. Accept a
 * connection only when you can serve it: QEMU does not come back after one that was
 * closed at once.
 *
 * @par Example
 * @code
 * static void after_anything(struct server *s)      // a message, a kick, a completion
 * {
 *     vgpio_vu_flush(&s->vu);
 *     if (vgpio_vu_output(&s->vu, &s->out) > 0)     // a GET_VRING_BASE that had to wait
 *         want_write(s, vgpio_vu_linux_send(s->sock, &s->out) == 0);
 * }
 * static int on_readable(struct server *s)          // < 0: close the socket
 * {
 *     int n = vgpio_vu_linux_recv(s->sock, &s->in); // never blocks
 *     if (n > 0)
 *         n = vgpio_vu_input(&s->vu, &s->in, &s->out);
 *     if (n == VGPIO_ERR_STATE)
 *         return 0;                                 // again, once s->out has been sent
 *     if (n > 0)
 *         want_write(s, (n = vgpio_vu_linux_send(s->sock, &s->out)) == 0);
 *     if (n == VGPIO_ERR_PROTO)
 *         log_line(vgpio_vu_reason(&s->vu));        // else it simply went away
 *     if (n < 0) {
 *         vgpio_vu_close(&s->vu);
 *         vgpio_vu_linux_drop(&s->in);
 *         memset(&s->out, 0, sizeof s->out);
 *     }
 *     after_anything(s);
 *     return n;
 * }
 * static void on_kick(struct server *s, unsigned q) // see vgpio_vu_os.watch
 * {
 *     if (vgpio_vu_kick(&s->vu, q) > 0)
 *         come_back_to(s, q);
 *     after_anything(s);
 * }
 * @endcode
 *
 * @par Good messages, refused messages, violations
 * - A message that can be done is done, and acknowledged by 0 if the front end asked for
 *   that (need_reply, with REPLY_ACK negotiated).
 * - A *well-formed message that cannot be done* changes nothing and is acknowledged by 1:
 *   a queue number or size that does not exist, an address in no region, a feature that
 *   was not offered, memory that cannot be mapped, a write to config space, a change of a
 *   ring that runs, and every request that is not offered. Without need_reply it is
 *   ignored. A message that completes a ring which then cannot be started is refused in
 *   the same way and may be sent again. The exceptions are SET_MEM_TABLE and
 *   SET_FEATURES: they hold even where a ring has no place in the new memory or does not
 *   start with the features; that ring waits for the next table, or to be set up again.
 * - A *violation* ends the connection: vgpio_vu_input() answers #VGPIO_ERR_PROTO. These
 *   are a wrong version or flag, a size that is not that of the request or more than any
 *   message has, a wrong number of descriptors, more than 8 regions. So is a request not
 *   offered, or a GET_VRING_BASE of no queue, without need_reply, if its sender waits for
 *   a reply that cannot be given: better hung up on than waiting for ever.
 *
 * In both bad cases vgpio_vu_reason() says why in one line, and the trace hook hears of
 * it. Whatever becomes of a message, each of its descriptors is kept or closed.
 *
 * @par Rings
 * A ring starts as soon as features, memory, size, base, addresses and a kick are known
 * and it is enabled, in whichever order that was told. Where bit 30 is not negotiated
 * rings need no enabling. A ring that nobody told a base starts at its first kick, at 0.
 * What the guest made available before is looked at then, without a kick. A disabled ring
 * keeps its place, and takes a new setup without GET_VRING_BASE: that is how User-Mode
 * Linux binds a driver again. SET_MEM_TABLE lets running rings go and starts them again
 * in the new memory; what the device holds (armed lines, requests in flight) stays, and
 * counts again once all of them run: one that is disabled in between has the rest wait.
 * GET_VRING_BASE waits until every request the device took has been answered. When the
 * rings come back, on this connection or the next, the device decides by their contents
 * whether it is the same guest going on (`VGPIO_VQ_TOLD` in seams.h).
 *
 * vhost-user cannot say "device needs reset": a ring that the guest broke has its error
 * descriptor written, and is dead until every ring was stopped and set up again; then the
 * device is reset.
 *
 * @par Trust
 * The front end is not trusted with more than its guest's memory: no byte, order or
 * descriptor it sends leads out of the mapped regions, to a leak or to a wait. Two things
 * no back end can prevent: a front end may shrink a file after it was mapped (SIGBUS),
 * and may, by a race of its own making, have a write to a call descriptor wait or raise
 * SIGPIPE; ignore that signal in your program.
 */
#ifndef VIRTIOGPIO_VHOST_USER_H
#define VIRTIOGPIO_VHOST_USER_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most regions of guest memory, and most descriptors in one message. */
#define VGPIO_VU_MAX_REGIONS 8
/** Most queues served; a device with more shows its first ones. */
#define VGPIO_VU_MAX_QUEUES 2
/** Bytes of the longest message: GET_CONFIG of 4096 bytes. */
#define VGPIO_VU_MSG_MAX (12 + 12 + 4096)

/**
 * @brief Every system call the engine needs, given by you.
 *
 * All run inside your calls of the engine, under your lock, with the `ctx` of
 * vgpio_vu_init(); none may call the engine. `vgpio_vu_linux_*` fit all of them except
 * `watch`, which is your event loop, and `trace`.
 */
struct vgpio_vu_os {
    uint32_t ops_size; /**< sizeof(struct vgpio_vu_os) */
    /** Map `len` bytes of the file `fd` from byte `off` on, shared, to read and write.
     *  `off` need not be aligned; `off + len` does not wrap. The result must be good for
     *  all of `len` until `unmap`; `fd` is closed before. NULL: not possible. */
    void *(*map)(void *ctx, int fd, uint64_t off, uint64_t len);
    /** Undo one `map`: its result and its `len`. */
    void (*unmap)(void *ctx, void *p, uint64_t len);
    /** Close a descriptor that came with a message. Each is closed exactly once. */
    void (*close)(void *ctx, int fd);
    /** Add 1 to an eventfd (or write the 8 bytes of it to a pipe or socket). Must not
     *  block, whatever the peer did to `fd`; a failure is nobody's concern. */
    void (*signal)(void *ctx, int fd);
    /** `on` 1: call vgpio_vu_kick() for queue `q` whenever `fd` becomes readable, from
     *  now on; 0: no longer, `fd` is about to be closed. Watch it edge-triggered and
     *  never read it (it is the front end's: a read may block), or read it without
     *  blocking. `fd` -1: the front end will not kick queue `q`; poll by vgpio_vu_kick()
     *  at a pace of your choice until `on` is 0; do the same if your loop cannot take
     *  `fd`. At most one is on for a queue at a time, and it ends with its own `fd`. */
    void (*watch)(void *ctx, int fd, unsigned q, int on);
    /** Send `len` bytes on the back channel, all or nothing, without blocking: 1 sent, 0
     *  not now (asked again at the next flush), < 0 gone (`fd` is closed then). NULL:
     *  changes of the config space are not reported. */
    int (*send)(void *ctx, int fd, const uint8_t *msg, uint32_t len);
    /** A descriptor of `len` bytes of shared memory, or < 0. Not called yet: reserved for
     *  the inflight region. May be NULL. */
    int (*shm)(void *ctx, uint64_t len);
    /** Hears #VGPIO_TR_VU_MESSAGE (a = request, b = bytes of payload) and
     *  #VGPIO_TR_VU_REFUSED (a = request, b = 1 for a violation; the reason is in
     *  vgpio_vu_reason()). May be NULL. */
    vgpio_trace_fn trace;
};

/**
 * @brief One message on its way, in or out. Yours; all zero is "none".
 *
 * `linux_recv` fills one, vgpio_vu_input() takes it and leaves it empty; the engine fills
 * one, `linux_send` empties it. With sockets of your own: `in` is handed over with `len`
 * bytes in `buf`, header included, and the descriptors that came; of a reply send `len`
 * bytes, then set `len` to 0.
 */
struct vgpio_vu_msg {
    uint32_t len;  /**< bytes of the whole message, 0: none or not known yet */
    uint32_t done; /**< bytes received or sent so far */
    /** Descriptors in `fds`. More than #VGPIO_VU_MAX_REGIONS: so many are there, and
     *  others came that did not fit and are closed already; the engine hangs up. */
    unsigned nfds;
    int fds[VGPIO_VU_MAX_REGIONS]; /**< incoming: owned by the message until taken */
    uint8_t buf[VGPIO_VU_MSG_MAX]; /**< header of 12 bytes and payload, native order */
};

/** @cond PRIVATE */
struct vgpio_vu_ring {
    uint64_t desc, avail, used;
    int kick, call, err;
    uint16_t size, avail_pos, used_pos, flags;
};
/** @endcond */

/** A back end, some 500 bytes. Opaque by contract. */
struct vgpio_vu {
    /** @cond PRIVATE */
    struct vgpio_vdev dev;
    const struct vgpio_vu_os *os;
    void *ctx;
    const char *reason;
    struct vgpio_mem mem;
    struct vgpio_mem_table table;
    struct vgpio_mem_region region[VGPIO_VU_MAX_REGIONS]; /* as the device sees them */
    uint64_t uva[VGPIO_VU_MAX_REGIONS];                   /* the front end's addresses */
    struct vgpio_vu_ring ring[VGPIO_VU_MAX_QUEUES];
    uint64_t features, protocol;
    uint32_t owed;
    int back_fd;
    uint8_t nrings, draining, look, acked;
    uint32_t reserved[3];
    /** @endcond */
};

/**
 * @brief Make a back end that waits for its first front end.
 *
 * @param vu    caller's memory, any contents
 * @param vdev  the device to serve; must be initialised and must outlive `vu`
 * @param os    must outlive `vu`; `send`, `shm` and `trace` are optional
 * @param ctx   first argument of each function in `os`
 * @return 0; #VGPIO_ERR_INVAL: a pointer or a function is missing; #VGPIO_ERR_ABI: header
 *         and library disagree about a struct
 * @context any; `vu` must not be in use. From here on `vu` and its device are one object.
 */
#define vgpio_vu_init(vu, vdev, os, ctx)                                                 \
    vgpio_vu_init_abi((vu), (vdev), (os), (ctx),                                         \
                      VGPIO_ABI(sizeof *(vu), sizeof(struct vgpio_vu_msg), 0, 0))
/** What vgpio_vu_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_vu_init_abi(struct vgpio_vu *vu, struct vgpio_vdev vdev,
                                const struct vgpio_vu_os *os, void *ctx, uint64_t abi);

/**
 * @brief Take one whole message.
 *
 * May run the backend's ops (rings that start hold requests already) and signals what is
 * owed. `in` is empty afterwards and its descriptors are the engine's or closed, whatever
 * is returned; only #VGPIO_ERR_STATE leaves it as it was.
 *
 * @param vu     initialised
 * @param in     a message; must not be the same as `reply`
 * @param reply  filled if there is one
 * @retval 1  `reply` is filled: send it before the next message
 * @retval 0  nothing to send, now (GET_VRING_BASE may reply later) or at all
 * @retval VGPIO_ERR_STATE  a late reply is still to come, or `reply` is not sent yet;
 *         call again with the same message after vgpio_vu_output() or after it was sent.
 *         No progress is possible before, so do not ask the socket for more, but do watch
 *         it for the end of the connection.
 * @retval VGPIO_ERR_PROTO  a violation: close the socket, then vgpio_vu_close()
 * @retval VGPIO_ERR_INVAL  a NULL pointer
 * @context object lock
 */
VGPIO_API int vgpio_vu_input(struct vgpio_vu *vu, struct vgpio_vu_msg *in,
                             struct vgpio_vu_msg *reply);

/**
 * @brief The reply that had to wait, if its time has come.
 *
 * A GET_VRING_BASE is answered once the device has answered every request it took; so
 * call this after each completion. Cheap when nothing is awaited.
 *
 * @param vu     initialised
 * @param reply  filled if there is one; one that is not yet sent is left alone
 * @return 1: `reply` is filled, send it, then go on with vgpio_vu_input(); 0: nothing;
 *         #VGPIO_ERR_INVAL: a NULL pointer
 * @context object lock
 */
VGPIO_API int vgpio_vu_output(struct vgpio_vu *vu, struct vgpio_vu_msg *reply);

/**
 * @brief A kick came for a queue: serve what the guest made available.
 *
 * Backend ops run in here. At most one ring size of requests is served in a call. Follow
 * it by vgpio_vu_flush(). A kick for a ring that is stopped or disabled is dropped; when
 * the ring starts it is looked at anyway.
 *
 * @param vu  initialised
 * @param q   as `watch` was told
 * @return 0: all served; 1: there is more, call again after your other work;
 *         #VGPIO_ERR_INVAL: no such queue; another error < 0: the device's, for instance
 *         #VGPIO_ERR_PROTO once the guest broke the ring (vgpio_vu_flush() tells the
 *         front end)
 * @context object lock
 */
VGPIO_API int vgpio_vu_kick(struct vgpio_vu *vu, unsigned q);

/**
 * @brief Pass on what the device owes the guest: interrupts, errors, config changes.
 *
 * One call serves a whole batch: after kicks, and after every completion or change that a
 * backend reported by the device's sink. What cannot be delivered now (no call descriptor
 * yet, ring stopped, no connection) is remembered and delivered once when it can be. What
 * a completion left to do (#VGPIO_EV_MORE) comes back to your loop as a kick.
 *
 * @context object lock
 */
VGPIO_API void vgpio_vu_flush(struct vgpio_vu *vu);

/**
 * @brief The connection is over: let go of everything that came by it.
 *
 * Rings stop at once, memory is unmapped, every descriptor closed, features forgotten.
 * The device keeps its lines, requests in flight and armed interrupts: they go on if the
 * next front end brings the same rings, and are dropped if it does not. Messages are the
 * caller's: vgpio_vu_linux_drop() the half received one, zero the reply. May be called
 * again, and without a connection.
 *
 * @context object lock; not from inside a backend op
 */
VGPIO_API void vgpio_vu_close(struct vgpio_vu *vu);

/**
 * @brief Why the last message was refused or was a violation.
 *
 * @return one line without a full stop, a constant; NULL: it was neither. Holds until the
 *         next vgpio_vu_input(), and over vgpio_vu_close(): so ask why a connection ended
 *         only if vgpio_vu_input() ended it (#VGPIO_ERR_PROTO).
 * @context object lock
 */
VGPIO_API const char *vgpio_vu_reason(const struct vgpio_vu *vu);

/**
 * @name Linux
 * Pieces for your os table and your loop. No state, no threads, `ctx` is not used. None
 * blocks (but see "Trust" above) and none raises SIGPIPE on a socket of its own.
 * @{
 */

/**
 * @brief vgpio_vu_os.map: a shared mapping.
 *
 * Regular files only (memfd, tmpfs, hugetlbfs), and only ranges that lie inside the file
 * now: beyond its end an access would be a SIGBUS. On hugetlbfs `off` and `len` must be
 * multiples of the huge page size.
 *
 * @return where the byte at `off` is, no better aligned than `off`; NULL: not possible
 * @context any
 */
VGPIO_API void *vgpio_vu_linux_map(void *ctx, int fd, uint64_t off, uint64_t len);

/** vgpio_vu_os.unmap, for what vgpio_vu_linux_map() gave. @context any */
VGPIO_API void vgpio_vu_linux_unmap(void *ctx, void *p, uint64_t len);

/** vgpio_vu_os.close. @context any */
VGPIO_API void vgpio_vu_linux_close(void *ctx, int fd);

/**
 * @brief vgpio_vu_os.signal: write 1 to an eventfd, or its 8 bytes to a socket or pipe.
 *
 * Asks first whether that can be done at once, and leaves it if not: then the peer has
 * notifications enough to read, or nobody is there.
 *
 * @context any
 */
VGPIO_API void vgpio_vu_linux_signal(void *ctx, int fd);

/**
 * @brief vgpio_vu_os.send: to a stream socket, all or nothing.
 *
 * @return 1: sent; 0: not now; #VGPIO_ERR_IO: the peer is gone
 * @context any
 */
VGPIO_API int vgpio_vu_linux_push(void *ctx, int fd, const uint8_t *msg, uint32_t len);

/**
 * @brief vgpio_vu_os.shm: a memfd of `len` bytes, sealed against a change of its size.
 *
 * @return the descriptor, yours; #VGPIO_ERR_IO
 * @context any
 */
VGPIO_API int vgpio_vu_linux_shm(void *ctx, uint64_t len);

/**
 * @brief Receive (the rest of) one message.
 *
 * Never more than one, never waits, goes on where the last call stopped: a peer that
 * sends half a header holds up nobody. Descriptors are received close-on-exec. A header
 * that announces more than any message has is handed over alone; the engine refuses it.
 *
 * @param sock  a connected stream socket, blocking or not
 * @param msg   zeroed before the first call for a connection
 * @return 1: `msg` is whole, for vgpio_vu_input() (called again before that: still 1);
 *         0: not yet, wait until readable; #VGPIO_ERR_IO: the peer is gone, descriptors
 *         of a half message are closed
 * @context the connection's; no lock
 */
VGPIO_API int vgpio_vu_linux_recv(int sock, struct vgpio_vu_msg *msg);

/**
 * @brief Send (the rest of) a reply.
 *
 * @return 1: all sent, `msg` is empty (also if it was before); 0: not yet, wait until
 *         writable and call again; #VGPIO_ERR_IO: the peer is gone
 * @context the connection's; no lock
 */
VGPIO_API int vgpio_vu_linux_send(int sock, struct vgpio_vu_msg *msg);

/**
 * @brief Forget an incoming message, close its descriptors.
 *
 * For the end of a connection in the middle of a message. Does nothing to an empty one.
 *
 * @context the connection's; no lock
 */
VGPIO_API void vgpio_vu_linux_drop(struct vgpio_vu_msg *msg);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_VHOST_USER_H */
