/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file control.h
 * @brief The outside of simulated lines: a client of `vgpio serve --control`.
 *
 * A test presses a button with vgpio_ctl_pull(), waits for a lamp with vgpio_ctl_wait(),
 * and sees everything that happened with vgpio_ctl_watch() and vgpio_ctl_next(). The
 * protocol on the socket is lines of text; docs/control.md describes it, and says what in
 * it is stable. Linux only. No memory is allocated, no thread is made, and no call waits
 * longer than its time.
 *
 * @code
 * struct vgpio_ctl_event room[64];
 * struct vgpio_ctl c;
 *
 * if (vgpio_ctl_open(&c, "/tmp/ctl", room, 64, 5000) < 0 ||
 *     vgpio_ctl_pull(&c, "button", 1) < 0 || vgpio_ctl_wait(&c, "led", 1, 2000) != 1)
 *     fprintf(stderr, "%s\n", vgpio_ctl_reason(&c));
 * vgpio_ctl_close(&c);
 * @endcode
 *
 * **Lines** are named as the protocol does it: by a number, "3", or by the name that they
 * were given, "reset"; a name may have blanks in it.
 *
 * **Errors.** #VGPIO_ERR_IO: the server answered `error`; vgpio_ctl_reason() has its
 * words, and the connection goes on. #VGPIO_ERR_TIMEOUT: no answer came in time; it is
 * thrown away should it still come, and the connection goes on. #VGPIO_ERR_INVAL: what
 * cannot be said in the protocol, nothing was sent. #VGPIO_ERR_BROKEN: the connection
 * ended; #VGPIO_ERR_PROTO: the other side does not speak this protocol. The last two
 * stick: only vgpio_ctl_close() is left to do.
 *
 * **Context.** One thread at a time for each connection. Every call may block.
 */
#ifndef VIRTIOGPIO_CONTROL_H
#define VIRTIOGPIO_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <virtiogpio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the protocol that this client speaks. */
#define VGPIO_CTL_PROTOCOL 1u
/** Bytes of one command, its newline included. */
#define VGPIO_CTL_COMMAND_MAX 1024u
/** How long an answer may take unless you say otherwise, in milliseconds. */
#define VGPIO_CTL_ANSWER_MS 5000u

/** What an event tells. `a` and `b` are members of #vgpio_ctl_event. */
enum vgpio_ctl_kind {
    /** A kind that this version does not know. */
    VGPIO_CTL_OTHER = 0,
    /** The line has level `a` now. */
    VGPIO_CTL_CHANGE,
    /** The guest asks: message type `a` (VGPIO_MSG_*), value `b`. */
    VGPIO_CTL_REQUEST,
    /** It is answered: message type `a`, value `b`; `ok` is 1, or 0 for ERR. */
    VGPIO_CTL_ANSWER,
    /** The guest waits for an interrupt of trigger type `a` (VGPIO_IRQ_*). */
    VGPIO_CTL_UNMASKED,
    /** The guest is interrupted, trigger type `a`. */
    VGPIO_CTL_INTERRUPT,
    /** An event buffer goes back to the guest without an interrupt. */
    VGPIO_CTL_RETURNED,
    /** `a` edges are kept for the guest, which has the line masked. */
    VGPIO_CTL_LATCHED,
    /** `a` edges became one with a kept one. */
    VGPIO_CTL_MERGED,
    /** `a` edges that nobody asked for. */
    VGPIO_CTL_DROPPED,
    /** A buffer of queue `a` that has no room for an answer, or is not in memory. */
    VGPIO_CTL_MALFORMED,
    /** Queue `a` was broken by the guest. */
    VGPIO_CTL_QUEUE_BROKEN,
    /** The device was reset. */
    VGPIO_CTL_RESET,
    /** The driver took features `a`. */
    VGPIO_CTL_FEATURES,
    /** `a` events up to `number` are missing: nobody took them off in time. */
    VGPIO_CTL_LOST
};

/** One event. */
struct vgpio_ctl_event {
    /** Counts the events that this connection asked for, from 1, also missing ones. */
    uint64_t number;
    /** When, in nanoseconds of the server's monotonic clock (or the time of its virtual
     *  clock); 0 for #VGPIO_CTL_LOST. */
    uint64_t ns;
    enum vgpio_ctl_kind kind; /**< what */
    /** Which line; 0 for what is about none. */
    uint16_t line;
    /** #VGPIO_CTL_ANSWER: 1, or 0 if it is ERR. */
    uint8_t ok;
    uint64_t a; /**< see #vgpio_ctl_kind */
    uint64_t b; /**< see #vgpio_ctl_kind */
};

/** A connection; caller's memory. Public fields may be changed between calls. */
struct vgpio_ctl {
    int fd; /**< the socket, non-blocking; -1: closed. For a poll() of yours */
    uint32_t answer_ms; /**< how long an answer may take */
    /** @cond PRIVATE */
    struct vgpio_ctl_event *events; /* a ring: what came while an answer was waited for */
    uint32_t nevents, first, used;
    uint64_t lost, lost_number; /* events behind these that found the ring full */
    uint32_t owed;              /* answers that are still to come, and nobody wants */
    int dead;                   /* a sticky error */
    uint32_t in_at, in_len;
    uint32_t line_len;
    char *reply;
    size_t reply_size;
    char line[320]; /* the beginning of the line that is being received */
    char in[1024];
    char reason[320];
    /** @endcond */
};

/**
 * @brief Connect, and see that the other side speaks the protocol.
 *
 * The server may still be starting: until the time is over it is tried again.
 *
 * @param[out] c       caller's memory, any contents; close it whatever is returned
 * @param[in] path     of the control socket
 * @param[in] events   room for events that come while an answer is waited for; must stay
 *                     until the connection is closed. NULL if `nevents` is 0
 * @param[in] nevents  how many; without any, those events are counted as lost
 * @param[in] timeout_ms  for all of this
 * @retval VGPIO_OK           connected; `answer_ms` is #VGPIO_CTL_ANSWER_MS
 * @retval VGPIO_ERR_INVAL    `path` is NULL, empty or too long for a socket
 * @retval VGPIO_ERR_TIMEOUT  nobody listened, or nobody answered
 * @retval VGPIO_ERR_NOTSUP   a server without this version of the protocol
 * @retval VGPIO_ERR_BROKEN   the system said no, or the connection ended
 * @retval VGPIO_ERR_PROTO    it speaks something else
 * @context any; blocks up to `timeout_ms`
 */
VGPIO_API int vgpio_ctl_open(struct vgpio_ctl *c, const char *path,
                             struct vgpio_ctl_event *events, uint32_t nevents,
                             uint32_t timeout_ms);

/**
 * @brief The same on a connected stream socket.
 *
 * The descriptor belongs to `c` from here on, also where this fails.
 *
 * @return as vgpio_ctl_open()
 * @context any; blocks up to `timeout_ms`
 */
VGPIO_API int vgpio_ctl_adopt(struct vgpio_ctl *c, int fd, struct vgpio_ctl_event *events,
                              uint32_t nevents, uint32_t timeout_ms);

/** Ends the connection. May be called again. @context object lock */
VGPIO_API void vgpio_ctl_close(struct vgpio_ctl *c);

/**
 * @brief What went wrong last, in words, without a full stop.
 * @return until the next call with this `c`; "" if nothing did
 * @context object lock
 */
VGPIO_API const char *vgpio_ctl_reason(const struct vgpio_ctl *c);

/**
 * @brief Say any command of the protocol, and wait for its answer.
 *
 * @param[in] c         the connection
 * @param[in] command   one line, without a newline
 * @param[out] reply    what follows "ok ", ended by a NUL; may be NULL if `size` is 0
 * @param[in] size      bytes of it; a longer answer is cut
 * @return the length of the whole answer, 0 or above, also of one that was cut; below 0:
 *         see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_ask(struct vgpio_ctl *c, const char *command, char *reply,
                            size_t size);

/**
 * @brief Apply a level to a line from the outside.
 * @param[in] c      the connection
 * @param[in] line   number or name
 * @param[in] level  0 or 1
 * @return 0, or below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_pull(struct vgpio_ctl *c, const char *line, unsigned level);

/**
 * @brief The level that a line shows: what the guest drives, or else the pull.
 * @return 0 or 1; below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_value(struct vgpio_ctl *c, const char *line);

/**
 * @brief The direction that the guest gave a line.
 * @return VGPIO_DIR_NONE, VGPIO_DIR_OUT or VGPIO_DIR_IN; below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_direction(struct vgpio_ctl *c, const char *line);

/**
 * @brief Wait until a line has a level, if only for an instant.
 *
 * @param[in] c           the connection
 * @param[in] line        number or name
 * @param[in] level       0 or 1
 * @param[in] timeout_ms  of the server's clock, up to 86400000; 0: only look
 * @retval 1 it had that level since the call began
 * @retval 0 it had not, and the time is over
 * @return below 0: see above; #VGPIO_ERR_TIMEOUT: the server itself did not answer
 * @context object lock; blocks up to `timeout_ms` plus `answer_ms`
 */
VGPIO_API int vgpio_ctl_wait(struct vgpio_ctl *c, const char *line, unsigned level,
                             uint32_t timeout_ms);

/**
 * @brief Make pulses: away from the pull and back.
 *
 * @param[in] c          the connection
 * @param[in] line       number or name
 * @param[in] count      pulses of two edges each, from 1 to 1000000000
 * @param[in] period_us  of one pulse, up to 3600000000; 0: both edges in one step
 * @return 0 when all are made; below 0: see above
 * @context object lock; blocks up to `count` times `period_us`, plus `answer_ms`
 */
VGPIO_API int vgpio_ctl_toggle(struct vgpio_ctl *c, const char *line, uint32_t count,
                               uint32_t period_us);

/**
 * @brief Wait until every change before it is delivered, kept, merged or dropped.
 *
 * Afterwards vgpio_ctl_next() has everything that those changes led to in the device.
 *
 * @return 0; below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_barrier(struct vgpio_ctl *c);

/**
 * @brief One counter of the server, as `stats` names them: "interrupts", "merged", ...
 * @param[in] c       the connection
 * @param[in] key     its name
 * @param[out] count  written only if the answer is 0
 * @return 0; #VGPIO_ERR_NOTSUP: the server has none of that name; below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_stat(struct vgpio_ctl *c, const char *key, uint64_t *count);

/**
 * @brief Ask to be told when lines change.
 * @param[in] c     the connection
 * @param[in] line  number or name; NULL: all lines. Up to 32 can be named, call by call
 * @return 0; below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_watch(struct vgpio_ctl *c, const char *line);

/**
 * @brief Ask to be told of messages and interrupts.
 * @return 0; below 0: see above
 * @context object lock; blocks up to `answer_ms`
 */
VGPIO_API int vgpio_ctl_watch_messages(struct vgpio_ctl *c);

/**
 * @brief The next event.
 *
 * Events come in order, each once. Who takes them off too late misses some: the server
 * keeps 64 KiB of them, this object what `events` has room for. In their place stands one
 * #VGPIO_CTL_LOST.
 *
 * @param[in] c           the connection
 * @param[out] e          written only if the answer is 1
 * @param[in] timeout_ms  0: only look
 * @retval 1 here is one
 * @retval 0 none came in time
 * @return below 0: see above
 * @context object lock; blocks up to `timeout_ms`
 */
VGPIO_API int vgpio_ctl_next(struct vgpio_ctl *c, struct vgpio_ctl_event *e,
                             uint32_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_CONTROL_H */
