/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Level 2: the ring engine. One queue as its device sees it (`devq`), and as its
 * driver does (`drvq`).
 *
 * You need this header to write another virtio device or driver; to use GPIO lines you do
 * not. There is no promise about its structs before 1.0.
 *
 * @par Three steps
 * Both sides work in the same three steps, each with one full memory fence at most:
 *
 * | Step        | Device                               | Driver                         |
 * |-------------|--------------------------------------|--------------------------------|
 * | stage       | vgpio_devq_push()                    | vgpio_drvq_add()               |
 * | publish     | vgpio_devq_publish(): 1 = interrupt  | vgpio_drvq_publish(): 1 = kick |
 * | go to sleep | vgpio_devq_rearm(): 1 = do not       | vgpio_drvq_rearm(): 1 = do not |
 *
 * What is staged the peer cannot see. Publish once for a batch, at the end of whatever
 * woke you. Before you sleep, rearm; if that says 1, something came in the meantime and
 * nobody will wake you for it: work on, then rearm again. While you work, suppression of
 * notifications costs nothing: with #VGPIO_F_EVENT_IDX the event word is simply left
 * behind until the next rearm.
 *
 * @code
 * while ((n = vgpio_devq_take(&q, t, 8, 16)) > 0) {        // device, on a kick
 *     ...                                        // t[0] to t[n - 1]: request to answer
 *     vgpio_devq_answer(&q, t, n);
 * }
 * if (vgpio_devq_publish(&q) > 0) interrupt_the_driver();
 * if (vgpio_devq_rearm(&q) > 0) goto again;
 * @endcode
 *
 * @par Trust
 * The device's side believes nothing it reads: indices, heads, addresses, lengths and
 * flags are loaded once into private memory, checked there and used from there. The
 * driver's side keeps its books in private memory and never reads a descriptor back; of
 * what the device can write it reads used elements and event words only.
 *
 * @par Errors that stay
 * A ring that cannot be makes the call that notices it, and every later one, return the
 * same #VGPIO_ERR_PROTO or #VGPIO_ERR_FAULT, without touching memory: in such a ring
 * nobody can tell what comes next. It lasts until the queue is stopped and started (or
 * initialised) again. A *buffer* that does not map is no such error: it concerns one
 * chain only, and the caller decides what to answer.
 *
 * @par Layouts
 * Split rings, and packed ones with #VGPIO_F_PACKED; #VGPIO_CFG_SPLIT and
 * #VGPIO_CFG_PACKED leave one out. Rings are little-endian, as #VGPIO_F_VERSION_1 has it,
 * whatever the host is. Where the layouts differ for you:
 *
 * |                        | Split           | Packed                                  |
 * |------------------------|-----------------|-----------------------------------------|
 * | sizes                  | powers of two   | 1 .. 32768                              |
 * | a position             | a running index | a descriptor; bit 15: its wrap counter  |
 * | used position at start | in the ring     | told only                               |
 * | room a chain takes     | one entry       | one a descriptor; 1 with a table        |
 * | descriptors            | stay            | a push overwrites those of other chains |
 * | descriptors of a table | linked          | in a row, all of them                   |
 * | a table behind others  | fine            | breaks the queue                        |
 *
 * So in a packed ring read a chain to its end before you push another one that was popped
 * after it. Its ring must be coherent memory: both sides write to the same cache lines,
 * see #VGPIO_DMA_COHERENT.
 *
 * @par In order
 * With #VGPIO_F_IN_ORDER a device pushes in the order in which it popped; another order
 * is refused, and each chain gets a used element of its own. A driver takes what a device
 * did not mention in a batch as #VGPIO_WRITTEN_ALL. One that breaks the promise breaks
 * the driver's queue, or looks like a batch: no chain comes back twice or out of order.
 * The GPIO device and driver never negotiate it: events do not come in order.
 *
 * @par Order of memory accesses
 * Acquire and release on the indices, one full fence in publish and rearm; with
 * #VGPIO_F_ORDER_PLATFORM negotiated those that also order against devices. Every access
 * to a word that both sides touch is single-copy atomic.
 *
 * @par Context
 * "object lock" for every function unless it says otherwise: calls on one queue must not
 * overlap. The two ends of one ring are two objects and may run in parallel.
 */
#ifndef VIRTIOGPIO_QUEUE_H
#define VIRTIOGPIO_QUEUE_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @name The device's side
 */
/** @{ */

/**
 * @brief All that completing a chain needs: plain numbers, no address.
 *
 * May be kept as long as you like, over a stop and a start too if it is the same ring.
 */
struct vgpio_head {
    /** The head's descriptor index. Packed: the driver's number for the buffer, any of
     *  16 bits, given back as it came. With #VGPIO_F_IN_ORDER neither, but the chain's
     *  place in the order. */
    uint16_t id;
    uint16_t ndesc; /**< ring positions the chain takes; 1 in a split ring */
};

/**
 * @brief A queue as its device sees it. Opaque by contract; 80 bytes (64 with 32-bit
 * pointers). Zero it before the first start.
 */
struct vgpio_devq {
    /** @cond PRIVATE */
    const struct vgpio_mem *mem;
    uint8_t *area[3]; /* descriptors, driver, device: mapped from start to stop */
#if VGPIO_CFG_FAST || VGPIO_CFG_PACKED
    int8_t state;   /* 0: stopped; else 2 and the sticky error */
    uint8_t region; /* of a table of regions: the one that was hit last */
    union {
        uint16_t avail_seen;  /* split: avail.idx when last looked at */
        uint16_t first_flags; /* packed: of the batch that is staged, held back */
    } u;
#else
    int state; /* the same as a whole word, which takes shorter instructions */
#endif
    uint16_t next_used; /* where the next push goes; at.used_pos: published */
    uint8_t flags;
    int8_t err;               /* the sticky error, also after a stop */
    struct vgpio_vq_setup at; /* what stop() reports: positions are live */
    /** @endcond */
};

/**
 * @brief A chain on its way through the device: a cursor over its pieces.
 *
 * Plain data with nothing to free: copy it, keep several, drop it. Valid until the queue
 * stops; in a packed ring until another chain is pushed that was popped later. (After
 * that it is still safe, but what it finds is anybody's guess.) The readable pieces come
 * first, then the writable ones ("Message Framing"); the cursor only moves forward.
 * Descriptors are fetched one at a time when the cursor gets there, each once, and
 * checked against what came before. So the end of a chain is not known to be sound until
 * vgpio_chain_finish() has been there: call it before you act on
 * a request.
 */
struct vgpio_chain {
    /** @cond PRIVATE */
    struct vgpio_devq *q;
    struct vgpio_mem_span piece; /* what is left of the piece in hand */
    uint64_t table;              /* the indirect table, once in it */
    uint32_t table_len;          /* its entries, else 0 */
    uint32_t total;              /* bytes of all pieces so far */
    uint16_t next, ttl;          /* descriptor to fetch; how many more may be, 0: none */
    /** @endcond */
    struct vgpio_head head; /**< for vgpio_devq_push(); read only */
};

/**
 * @brief Start a queue: map its ring and find out where it stands.
 *
 * The used position is read from the ring itself; the available one is `avail_pos` with
 * #VGPIO_VQ_TOLD, else 0. A packed ring shows neither: both are as told, else the
 * beginning. Nothing is written. No notification is asked for and whatever
 * came before was heard by nobody: treat a start as a kick.
 *
 * @param q      zeroed, or stopped
 * @param mem    how to reach guest memory; it and all behind it must outlive the stop
 * @param setup  copied; `features` must be the negotiated word
 * @return 0. Above #VGPIO_ERR_FATAL: #VGPIO_ERR_INVAL: no `mem`, no `map`, the size is no
 * power of two from 1 to 32768 (packed: any from 1 to 32768), or such positions cannot
 * be in a packed ring; #VGPIO_ERR_STATE: is started; #VGPIO_ERR_NOTSUP: a layout or ring
 * feature that is not built in, a `dirty` without #VGPIO_CFG_DIRTY, or an `unmap` without
 * #VGPIO_CFG_UNMAP; #VGPIO_ERR_ABI: `mem` without `ops_size`.
 * #VGPIO_ERR_FAULT: an area is misaligned (16, 2, 4; packed 16, 4, 4), wraps, or does not
 * map in one piece; the queue stays stopped and this does not stick. An earlier error is
 * forgotten.
 * @context object lock
 */
VGPIO_API int vgpio_devq_start(struct vgpio_devq *q, const struct vgpio_mem *mem,
                               const struct vgpio_vq_setup *setup);

/**
 * @brief Stop a queue: let go of its memory, without touching it.
 *
 * Staged elements that were not published are forgotten: publish first. Heads may be
 * completed after another start of the same ring; cursors are dead. vgpio_devq_error()
 * keeps its answer. Stopping a stopped queue does nothing.
 *
 * @param q      the queue
 * @param where  where it stood, ready for vgpio_devq_start(): setup as given, next head
 *               to pop, next used index as published, #VGPIO_VQ_TOLD. May be NULL. Of a
 *               queue that was stopped already: where it last stood, or what the last
 *               start that failed was given; that is no place to go on from
 * @context object lock
 */
VGPIO_API void vgpio_devq_stop(struct vgpio_devq *q, struct vgpio_vq_setup *where);

/**
 * @brief Take the next chain that the driver made available.
 *
 * The order is the driver's. With #VGPIO_CFG_FAST the ring's index is looked at again
 * only when all that it last promised was taken. Each chain must be pushed once, in any
 * order, unless unpopped.
 *
 * @param q  the queue
 * @param c  set to the first piece of the chain; undefined unless 1 is returned
 * @return 1: here is one; 0: none is waiting; #VGPIO_ERR_STATE: not started;
 * #VGPIO_ERR_PROTO, sticky: the index moved by more than the ring's size (RING-DRV-11), a
 * head is outside of the ring; in a packed ring, a part of the chain is not available, or
 * is where descriptors are that the driver did not get back; or a descriptor up to the
 * first with bytes in it cannot be (see vgpio_chain_finish()); #VGPIO_ERR_FAULT, sticky:
 * its indirect table is no memory.
 * @context object lock
 */
VGPIO_API int vgpio_devq_pop(struct vgpio_devq *q, struct vgpio_chain *c);

/**
 * @brief Give the last popped chain back to the ring, as if it had not been popped.
 *
 * For "not now": its cursor is dead, the next pop starts from its head again.
 *
 * @param q     the queue; nothing happens if it is broken or stopped
 * @param head  of the chain that the last pop or take gave, not pushed
 * @context object lock
 */
VGPIO_API void vgpio_devq_unpop(struct vgpio_devq *q, struct vgpio_head head);

/** Most bytes of a request that vgpio_devq_take() takes. */
#define VGPIO_TAKEN_BYTES 8u

/**
 * @brief A short request that was taken whole, and its answer: plain data, no pointer.
 *
 * May be kept as long as a #vgpio_head may, and answered in any order.
 */
struct vgpio_taken {
    uint8_t request[VGPIO_TAKEN_BYTES]; /**< a copy */
    uint64_t gpa[2];                    /**< where the bytes of the answer go */
    struct vgpio_head head;             /**< for push and unpop */
    uint8_t got;                        /**< bytes of the request: fewer if it is short */
    uint8_t room;      /**< how many of `gpa` there are, and map for writing: 0 to 2 */
    uint8_t answer[2]; /**< yours to fill in */
};

/**
 * @brief Take the next chains, with all there is to know of a short request each.
 *
 * What vgpio_devq_pop(), vgpio_chain_read(), vgpio_chain_where() twice and
 * vgpio_chain_finish() do, in that order, for whatever shape a chain has: it is sound
 * when it is taken. With #VGPIO_CFG_FAST there is a short way for the shape that every
 * driver sends, 8 bytes and 2, where memory is a table of regions (vgpio_mem_table_map(),
 * no `unmap`, no `dirty`); that way checks the same.
 *
 * For a longer answer, vgpio_devq_unpop() it and walk it with a cursor.
 *
 * @param q    the queue
 * @param t    room for `n`
 * @param len  bytes of a request, at most #VGPIO_TAKEN_BYTES
 * @param n    how many at most, not 0
 * @return how many were taken, in the order of the ring: 1 to `n`, and fewer than wait
 * there when it is easier; 0: none is waiting; else what vgpio_devq_pop() or
 * vgpio_chain_finish() say of the first one. One that breaks the queue does so when it is
 * the first.
 * @context object lock
 */
VGPIO_API int vgpio_devq_take(struct vgpio_devq *q, struct vgpio_taken *t, uint32_t len,
                              unsigned n);

/**
 * @brief Write short answers, as much of each as there is room for, and stage the return
 * of their chains with that length.
 *
 * @param q  the queue
 * @param t  `n` chains that were taken and not pushed since, each with its `answer`
 * @param n  how many
 * @return 0; #VGPIO_ERR_IO: memory of at least one does not map any more, that chain is
 * staged with length 0; otherwise as vgpio_devq_push() says of the first that it refuses,
 * and none behind that is staged
 * @context object lock
 */
VGPIO_API int vgpio_devq_answer(struct vgpio_devq *q, const struct vgpio_taken *t,
                                unsigned n);

/**
 * @brief Copy the next readable bytes out of a chain, however it is cut up.
 *
 * @param c    moved past what was read
 * @param dst  room for `len` bytes
 * @param len  bytes wanted
 * @return bytes read. Fewer than `len`: the readable part ends, a buffer does not map, or
 * the queue is broken (vgpio_devq_error()).
 * @context object lock
 */
VGPIO_API uint32_t vgpio_chain_read(struct vgpio_chain *c, void *dst, uint32_t len);

/**
 * @brief Copy bytes into the next writable pieces of a chain.
 *
 * Skips what is left of the readable part. Stores go to the dirty log.
 *
 * @param c    moved past what was written
 * @param src  `len` bytes
 * @param len  how many
 * @return bytes written. Fewer than `len`: no more room, a buffer does not map, or the
 * queue is broken. A buffer that maps only in part may hold some more bytes than that:
 * used lengths may be too small, never too large (RING-DEV-11).
 * @context object lock
 */
VGPIO_API uint32_t vgpio_chain_write(struct vgpio_chain *c, const void *src,
                                     uint32_t len);

/**
 * @brief Find the next writable byte: for answers that will be written later.
 *
 * Skips what is left of the readable part, maps the byte for writing to see that this is
 * possible, and moves past it. Twice gives the places of two bytes, wherever the driver
 * cut between them. They are written with vgpio_mem_write(), also after the chain is
 * forgotten.
 *
 * @param c    the chain
 * @param gpa  the address; unchanged unless 0 is returned
 * @return 0; #VGPIO_ERR_NOSPC: the chain has no writable byte left; #VGPIO_ERR_IO: there
 * is one, but it does not map for writing (the cursor stays); at or below
 * #VGPIO_ERR_FATAL: the queue is broken.
 * @context object lock
 */
VGPIO_API int vgpio_chain_where(struct vgpio_chain *c, uint64_t *gpa);

/**
 * @brief Walk to the end of a chain and see that it is sound.
 *
 * Call it before a request has an effect: a broken chain must have none. These break the
 * queue, here or wherever the cursor meets them:
 * - next descriptor outside of the ring or table (B1)
 * - more descriptors than the ring has: a loop (B2). A table is followed for 1024 entries
 *   or the size of the ring, whichever is more; the ring does not bound it otherwise. A
 *   longer one breaks a packed ring at once
 * - lengths that sum to more than 2^32 - 1 (B3)
 * - readable after writable (RING-DRV-02)
 * - indirect: not negotiated, nested, together with NEXT, of length 0 or no multiple of
 *   16, or a table that is no memory (RING-DRV-06 to 09)
 *
 * Pieces of no length are fine, so are plain descriptors before a table in a split ring
 * (RING-DEV-06). In the table of a packed ring, flags other than WRITE mean nothing. A
 * WRITE flag on the descriptor that names a table means nothing (RING-DEV-05). Buffers
 * are not mapped here.
 *
 * @param c     moved to its end
 * @param room  writable bytes that were not used yet; may be NULL; unchanged on error
 * @return 0: sound; #VGPIO_ERR_PROTO or #VGPIO_ERR_FAULT, sticky; #VGPIO_ERR_STATE: the
 * queue is stopped
 * @context object lock
 */
VGPIO_API int vgpio_chain_finish(struct vgpio_chain *c, uint32_t *room);

/**
 * @brief How many heads wait to be popped, looking at the ring.
 *
 * @return 0 or more, at most 1 in a packed ring, where one would have to walk them;
 * #VGPIO_ERR_STATE: not started; a sticky error as vgpio_devq_pop() has for the index
 * @context object lock
 */
VGPIO_API int vgpio_devq_waiting(struct vgpio_devq *q);

/**
 * @brief Why a queue is broken.
 * @return the sticky error, or 0; kept by a stop, forgotten by the next start
 * @context any
 */
VGPIO_API int vgpio_devq_error(const struct vgpio_devq *q);

/**
 * @brief Stage the return of a chain; the driver does not see it yet.
 *
 * @param q        the queue
 * @param head     of a chain that was popped and not pushed since. Nobody checks: a head
 *                 pushed twice confuses the driver. Packed: more descriptors than are
 *                 out are refused. In order: all but the one whose turn it is
 * @param written  bytes written to it, counted from its first writable one ("Used Ring");
 *                 all stores must be done. 0 says: could not be served.
 * @return 0; #VGPIO_ERR_STATE: not started; #VGPIO_ERR_INVAL: packed, so many descriptors
 * are not out; with #VGPIO_F_IN_ORDER, one that was popped earlier is not pushed yet, or
 * this one was already; the queue's error. After #VGPIO_ERR_INVAL all is as it was
 * @context object lock
 */
VGPIO_API int vgpio_devq_push(struct vgpio_devq *q, struct vgpio_head head,
                              uint32_t written);

/**
 * @brief Show the driver everything that is staged.
 *
 * One release store, one fence, one look at the driver's wish (RING-DEV-07, -08). With
 * #VGPIO_F_EVENT_IDX the first publication after a start is always announced: whoever
 * served the ring before may have died between the two. If nothing is staged, nothing is
 * done.
 *
 * This is the one call that still does its work on a broken queue: chains that were good
 * and are answered already go back, for their effects cannot be undone.
 *
 * @return 1: interrupt the driver; 0: do not; #VGPIO_ERR_STATE: not started; the queue's
 * error if it has one (and there is no interrupt to raise)
 * @context object lock
 */
VGPIO_API int vgpio_devq_publish(struct vgpio_devq *q);

/**
 * @brief Ask to be kicked for the next head, then look again.
 *
 * @return 0: none is waiting, the next one will be announced; 1: some are waiting, do not
 * sleep; #VGPIO_ERR_STATE: not started; the queue's error
 * @context object lock
 */
VGPIO_API int vgpio_devq_rearm(struct vgpio_devq *q);

/** @brief vgpio_devq_settle(): interrupt the driver. */
#define VGPIO_SETTLE_INTERRUPT 1u
/** @brief vgpio_devq_settle(): do not sleep, take again. */
#define VGPIO_SETTLE_MORE 2u

/**
 * @brief All that comes before sleep: look whether more came, publish, rearm.
 *
 * If a head is waiting already nothing else is done, so that a driver which is busy gets
 * its answers in one batch and need not kick. Where vgpio_devq_take() has its short way,
 * one fence serves both steps; else this is vgpio_devq_waiting(), vgpio_devq_publish()
 * and vgpio_devq_rearm(). Only in a library with #VGPIO_CFG_FAST.
 *
 * @param q  the queue
 * @return an or of #VGPIO_SETTLE_INTERRUPT: interrupt the driver (RING-DEV-07, -08), and
 * #VGPIO_SETTLE_MORE: do not sleep, take again. 0: none is waiting, the next head will be
 * announced. A queue that is broken or stopped has #VGPIO_SETTLE_MORE, and the next
 * vgpio_devq_take() or vgpio_devq_pop() says why; a hostile driver may have it come to
 * nothing as often as it likes. Without #VGPIO_SETTLE_INTERRUPT something may still be
 * staged: of a broken queue, and where more came; it waits for the next call, or for
 * vgpio_devq_publish().
 * @context object lock
 */
VGPIO_API unsigned vgpio_devq_settle(struct vgpio_devq *q);
/** @} */

/**
 * @name The driver's side
 *
 * Ring memory must be coherent, or config.h must define VGPIO_DMA_CLEAN and
 * VGPIO_DMA_INVALIDATE: the engine calls them for ring memory and for indirect tables;
 * buffers are the caller's.
 */
/** @{ */

/** One piece of a buffer, at its address as the device sees it. */
struct vgpio_seg {
    uint64_t addr; /**< device's address */
    uint32_t len;  /**< bytes, not 0 */
};

/** What vgpio_drvq_get() says was written to a buffer that a device, with
 *  #VGPIO_F_IN_ORDER, did not mention: it counts as filled, however long it is. */
#define VGPIO_WRITTEN_ALL 0xffffffffu

/** Private books about one descriptor, 4 bytes. Opaque by contract. */
struct vgpio_drvq_slot {
    /** @cond PRIVATE */
    uint16_t slot, link;
    /** @endcond */
};

/**
 * @brief A queue as its driver sees it. Opaque by contract; 80 bytes (60 with 32-bit
 * pointers), and 4 for each entry.
 */
struct vgpio_drvq {
    /** @cond PRIVATE */
    /* Whole words, which small CPUs reach with short instructions. Positions in a split
     * ring run on beyond 16 bits; only what is in the ring is cut off there. */
    uint8_t *desc, *driver, *device;
    struct vgpio_drvq_slot *ring;
    int state; /* 0: never began; else 2 and the sticky error */
    unsigned flags;
    unsigned size, free_head, nfree;
    unsigned next_avail, published; /* staged up to, visible up to */
    unsigned last_used;             /* taken up to */
    union {
        unsigned used_seen;   /* split: up to where used.idx was when last looked at */
        unsigned first_flags; /* packed: of the batch that is staged, held back */
    } u;
    unsigned batch;     /* IN_ORDER: the head that ends what is being taken, or none */
    uint32_t batch_len; /* ... and what was written to that one */
    /** @endcond */
};

/**
 * @brief Make an empty queue, and memory a ring that was never used.
 *
 * Lays the ring out: each of the three areas starts on a cache line of its own if the
 * memory does, and together they take #VGPIO_RING_BYTES of `size`, which are zeroed as
 * far as they are used. Before you tell the device of it, or after the device let go of
 * it by a reset.
 *
 * @param q      caller's memory, any contents
 * @param ring   the ring memory as the driver sees it, 8-aligned; where caches are not
 *               coherent, aligned to VGPIO_DMA_ALIGN like `desc`
 * @param slots  `size` elements, any contents; must outlive the queue
 * @param setup  in: `size`; `features`, the negotiated word; `desc`, the ring memory as
 *               the device sees it, 16-aligned. Out: `driver` and `device`, so that it is
 *               what the device is told; unchanged on error. Not kept
 * @return 0; #VGPIO_ERR_INVAL: NULL, a size that is no power of two from 1 to 32768
 * (packed: any from 1 to 32768), or memory that is not aligned; #VGPIO_ERR_NOTSUP: a
 * layout or feature that is not built in, or a packed ring where #VGPIO_DMA_COHERENT is 0
 * @context object lock
 */
VGPIO_API int vgpio_drvq_init(struct vgpio_drvq *q, void *ring,
                              struct vgpio_drvq_slot *slots,
                              struct vgpio_vq_setup *setup);

/**
 * @brief Stage a chain of one descriptor for each piece; the device does not see it yet.
 *
 * @param q       the queue
 * @param segs    `nread` pieces that the device reads, then `nwrite` that it writes
 * @param nread   0 or more
 * @param nwrite  0 or more; both together at least 1
 * @param slot    your number for this chain, not 65535; comes back from vgpio_drvq_get().
 *                May be in use already, nobody checks.
 * @return 0; #VGPIO_ERR_NOSPC: not so many descriptors are free; #VGPIO_ERR_INVAL: no
 * piece, an empty piece, more than 2^32 - 1 bytes, or `slot`; the queue's error. After
 * any error the queue is as it was.
 * @context object lock
 */
VGPIO_API int vgpio_drvq_add(struct vgpio_drvq *q, const struct vgpio_seg *segs,
                             unsigned nread, unsigned nwrite, uint16_t slot);

/** A request of two pieces: one that the device reads, one that it writes. */
struct vgpio_pair {
    struct vgpio_seg seg[2]; /**< read, write */
    uint16_t slot;           /**< as vgpio_drvq_add() has it */
};

/**
 * @brief Stage many requests of two pieces: vgpio_drvq_add() for each, and less work.
 *
 * @param q  the queue
 * @param p  the requests, in the order in which the device finds them
 * @param n  how many
 * @return how many were staged: fewer than `n` if one is refused, and none behind that
 * one is looked at. If the first one is: what vgpio_drvq_add() says of it. 0 if `n` is.
 * @context object lock
 */
VGPIO_API int vgpio_drvq_add_pairs(struct vgpio_drvq *q, const struct vgpio_pair *p,
                                   unsigned n);

/**
 * @brief The same with one descriptor of the ring, the pieces in a table of yours.
 *
 * @param q           the queue
 * @param table       16 bytes for each piece, 8-aligned, shared with the device. Yours
 *                    again when vgpio_drvq_get() gives `slot` back
 * @param table_addr  the same memory as the device sees it
 * @param segs        as vgpio_drvq_add() has it; no more pieces than the ring has entries
 *                    (RING-DRV-08), but always two
 * @param nread       likewise
 * @param nwrite      likewise
 * @param slot        likewise
 * @return as vgpio_drvq_add(); #VGPIO_ERR_NOTSUP: #VGPIO_F_INDIRECT is not negotiated, or
 * not built in and then whatever the queue's state; #VGPIO_ERR_INVAL also: too many
 * pieces, table misaligned
 * @context object lock
 */
VGPIO_API int vgpio_drvq_add_indirect(struct vgpio_drvq *q, void *table,
                                      uint64_t table_addr, const struct vgpio_seg *segs,
                                      unsigned nread, unsigned nwrite, uint16_t slot);

/**
 * @brief Why a queue is broken.
 * @return the sticky error, or 0
 * @context any
 */
VGPIO_API int vgpio_drvq_error(const struct vgpio_drvq *q);

/**
 * @brief Show the device everything that is staged.
 *
 * One release store, one fence, one look at the device's wish (RING-DRV-17, -18). With
 * #VGPIO_F_EVENT_IDX the first publication is always announced. If nothing is staged,
 * nothing is done. Kicks before DRIVER_OK are forbidden (CORE-DRV-19): publish after it,
 * or keep the answer.
 *
 * @param q     the queue
 * @param data  set unless nothing was staged: what belongs above the queue's number in
 *              the doorbell word, 0 without #VGPIO_F_NOTIFICATION_DATA. May be NULL.
 * @return 1: kick the device, with `number | *data`; 0: do not; the queue's error
 * @context object lock
 */
VGPIO_API int vgpio_drvq_publish(struct vgpio_drvq *q, uint32_t *data);

/**
 * @brief Take back the next chain that the device is done with.
 *
 * The device may answer in any order. Checked here: how far its index moved, and that the
 * chain is one in flight. *Not* checked is `written`, since only the owner of `slot`
 * knows how much room it had: more than that is a broken device (B8), and bytes beyond
 * `written` are to be ignored (RING-DRV-15).
 *
 * @param q        the queue
 * @param slot     your number of the chain; not NULL
 * @param written  bytes that the device says it wrote, from the first writable one on;
 *                 not NULL
 * @return 1: here is one; 0: none; #VGPIO_ERR_PROTO, sticky: the device cannot have meant
 * that; the queue's error. `slot` and `written` are unchanged unless 1 is returned.
 * @context object lock
 */
VGPIO_API int vgpio_drvq_get(struct vgpio_drvq *q, uint16_t *slot, uint32_t *written);

/** A chain that came back. */
struct vgpio_back {
    uint32_t written; /**< as vgpio_drvq_get() has it */
    uint16_t slot;    /**< your number of the chain */
};

/**
 * @brief Take back many chains: vgpio_drvq_get() for each, and less work.
 *
 * @param q  the queue
 * @param b  room for `n`, filled in order; undefined behind what was taken
 * @param n  how many at most, not 0
 * @return how many came back, 1 to `n`, and fewer than lie there when it is easier;
 * otherwise as vgpio_drvq_get()
 * @context object lock
 */
VGPIO_API int vgpio_drvq_get_many(struct vgpio_drvq *q, struct vgpio_back *b, unsigned n);

/**
 * @brief Ask to be interrupted for the next chain that comes back, then look again.
 *
 * @return 0: none came, the next one will be announced; 1: some came, do not sleep; the
 * queue's error
 * @context object lock
 */
VGPIO_API int vgpio_drvq_rearm(struct vgpio_drvq *q);

/**
 * @brief Take back what the device will not answer any more, one slot a call.
 *
 * Only after the device let go of the queue. Works on private memory and so on a broken
 * queue as well. Afterwards the queue must be initialised again.
 *
 * @param q     the queue
 * @param iter  0 at first, then as it was left
 * @param slot  your number of a chain that was staged or in flight
 * @return 1: here is one; 0: that was all
 * @context object lock
 */
VGPIO_API int vgpio_drvq_drain(struct vgpio_drvq *q, unsigned *iter, uint16_t *slot);
/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_QUEUE_H */
