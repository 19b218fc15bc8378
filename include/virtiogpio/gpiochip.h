/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Real lines of a Linux host, through the kernel's GPIO character devices.
 *
 * A backend over `/dev/gpiochipN`, version 2 of its interface (Linux 5.10 and later).
 * Which lines a device gets is a table: any lines of any chips in any order, and none
 * but those. It needs no library, allocates nothing, and starts no thread.
 *
 * @code
 * static struct vgpio_gpiochip_line lines[2] = {
 *     {.chip = "/dev/gpiochip0", .offset = 3},
 *     {.chip = "/dev/gpiochip1", .offset = 7, .flags = VGPIO_GPIOCHIP_PULL_UP}};
 * struct vgpio_gpiochip_config gc = { 0 };
 * gc.sink = vgpio_dev_sink(&dev);
 * gc.lines = lines;
 * gc.nlines = 2;
 * gc.watch = watch;                       // epoll_ctl() in your loop
 * if (vgpio_gpiochip_init(&g, &gc) == 0 && vgpio_gpiochip_open(&g, &bad, &err) == 0) {
 *     dev_config.ops = &vgpio_gpiochip_ops;
 *     dev_config.ctx = &g;
 *     // ... vgpio_dev_init(), a transport; a line's descriptor is readable:
 *     vgpio_gpiochip_service(&g, line);
 * }
 * vgpio_gpiochip_close(&g);
 * @endcode
 *
 * @par Whose a line is
 * It is requested from the kernel when the guest makes it an input or an output, or wants
 * its interrupts, and given back when the guest sets its direction to NONE or is reset.
 * (A guest whose front end goes without a word keeps its lines: it may come back.)
 * Otherwise a line is free for others on the host, unless the table says how it
 * starts (VGPIO_GPIOCHIP_START_*): then it is held from vgpio_gpiochip_open() to
 * vgpio_gpiochip_close(), in that state whenever no guest says otherwise. The value of a
 * free line can be read all the same.
 *
 * A line is given back as it was found: its direction, and the value of an output. What
 * the kernel does not tell (a bias that the firmware set) stays as it was set last.
 * Nothing is put back when the process is killed.
 *
 * @par When the host says no
 * A line that somebody else holds, that the kernel cannot set up as asked, or whose chip
 * is gone, answers STATUS_ERR. Each later request of the guest tries again. A line that
 * was *lost* while it was held (unplugged, driver unbound) comes back with the guest's
 * settings at the guest's next request or at the next vgpio_gpiochip_refresh(), which is
 * for when something happened in `/dev`. A chip is known again by its label and size: no
 * other that got its number is taken for it.
 *
 * @par Edges and levels
 * For an edge type only the edges asked for are requested from the kernel, and each that
 * comes is one report to the device. The kernel keeps 1024 for each line until they are
 * read, and drops the oldest beyond that: this is seen in the sequence numbers, counted
 * and told. Levels are made from both edges and a sample: after any number of edges the
 * line is read, and what it is then is reported; a level that was is not.
 *
 * @par Context
 * Lines and the device above them are one object: every call needs that object's lock.
 * Calls take as long as the kernel takes; a chip behind a slow bus (I2C) is slow here.
 */
#ifndef VIRTIOGPIO_GPIOCHIP_H
#define VIRTIOGPIO_GPIOCHIP_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the host wants a line, an or of these; 0: as the kernel has it. */
enum vgpio_gpiochip_flag {
    VGPIO_GPIOCHIP_ACTIVE_LOW = 0x001,  /**< 1 for the guest is low on the line */
    VGPIO_GPIOCHIP_PULL_UP = 0x002,     /**< bias: at most one of these three */
    VGPIO_GPIOCHIP_PULL_DOWN = 0x004,   /**< bias */
    VGPIO_GPIOCHIP_NO_BIAS = 0x008,     /**< bias: off */
    VGPIO_GPIOCHIP_OPEN_DRAIN = 0x010,  /**< as an output it only pulls low */
    VGPIO_GPIOCHIP_OPEN_SOURCE = 0x020, /**< as an output it only pulls high */
    VGPIO_GPIOCHIP_START_IN = 0x040,    /**< held as an input from the beginning */
    VGPIO_GPIOCHIP_START_LOW = 0x080,   /**< held as an output with the value 0 */
    VGPIO_GPIOCHIP_START_HIGH = 0x100   /**< held as an output with the value 1 */
};

/** Longest name of a line, with its NUL. */
#define VGPIO_GPIOCHIP_NAME_SIZE 32u

/** One line: what you fill in, then what is kept of it. Zero it first. */
struct vgpio_gpiochip_line {
    const char *chip;     /**< path of its chip; must outlive the backend */
    uint32_t offset;      /**< its number there */
    uint32_t flags;       /**< enum vgpio_gpiochip_flag */
    uint32_t debounce_us; /**< as an input: changes shorter than this are no changes */
    /** @cond PRIVATE */
    int32_t fd;
    uint32_t seq, chip_id, found;
    uint8_t dir, out, irq, level;
    uint8_t found_value, state;
    uint16_t reserved;
    /** @endcond */
};

/** What was counted since vgpio_gpiochip_init(). */
struct vgpio_gpiochip_stats {
    uint64_t events;    /**< edges read from the kernel */
    uint64_t dropped;   /**< edges that the kernel dropped before they could be read */
    uint64_t discarded; /**< edges read when nobody wanted them any more */
    uint64_t lost;      /**< times that a line was lost while it was held */
    uint64_t returned;  /**< times that one came back */
    uint64_t refused;   /**< requests of the guest that the kernel refused */
};

/** What vgpio_gpiochip_config::tell tells; `n` is in brackets. */
enum vgpio_gpiochip_news {
    VGPIO_GPIOCHIP_LOST = 1, /**< a line that was held is gone (errno) */
    VGPIO_GPIOCHIP_RETURNED, /**< it is back, with the guest's settings (0) */
    VGPIO_GPIOCHIP_REFUSED,  /**< the guest gets an error (errno; ENODEV: also a chip of
                                  another name or size in its place) */
    VGPIO_GPIOCHIP_DROPPED   /**< the kernel dropped edges (how many) */
};

/**
 * @brief The few system calls it makes, for tests and sandboxes to replace.
 *
 * Each answers 0 or above, or minus an errno.
 */
struct vgpio_gpiochip_sys {
    /** `sizeof(struct vgpio_gpiochip_sys)` as you see it. */
    uint32_t ops_size;
    /** Opens a chip: its descriptor. */
    int (*open)(void *ctx, const char *path);
    /** ioctl(). The descriptor that GPIO_V2_GET_LINE_IOCTL makes must not block. */
    int (*control)(void *ctx, int fd, unsigned long request, void *arg);
    /** read(): how many bytes. */
    int (*read)(void *ctx, int fd, void *buf, uint32_t size);
    /** close(). */
    void (*close)(void *ctx, int fd);
};

/** Those of Linux; `ctx` is not used. */
extern VGPIO_API const struct vgpio_gpiochip_sys vgpio_gpiochip_linux;

/** What the backend is made of. Zero it, then fill what you need. */
struct vgpio_gpiochip_config {
    struct vgpio_sink sink;            /**< the device to report to; may be all zero */
    struct vgpio_gpiochip_line *lines; /**< caller's array, must outlive the backend */
    uint16_t nlines;                   /**< its length, at least 1 */
    const char *consumer;              /**< who has the lines, for the host's tools, up to
                                            31 characters; NULL: "virtio-gpio" */
    const struct vgpio_gpiochip_sys *sys; /**< NULL: #vgpio_gpiochip_linux */
    void *sys_ctx;                        /**< first argument of its functions */
    /** Told to watch a line's descriptor for input and call vgpio_gpiochip_service(), and
     *  (`on` 0) to end that, before it is closed. May be NULL, if you need no
     *  interrupts. Must not call the backend. */
    void (*watch)(void *ctx, uint16_t line, int fd, int on);
    /** Told when a value is seen to change (control sockets, waveforms); may be NULL.
     *  Must not call the backend. */
    void (*on_change)(void *ctx, uint16_t line, unsigned level);
    /** Told what a log should have, #vgpio_gpiochip_news; may be NULL. A guest can cause
     *  any number of VGPIO_GPIOCHIP_REFUSED. Must not call the backend. */
    void (*tell)(void *ctx, uint16_t line, unsigned news, uint32_t n);
    void *ctx; /**< first argument of the three */
};

/** The backend. Opaque by contract; must not be moved. */
struct vgpio_gpiochip {
    /** @cond PRIVATE */
    struct vgpio_sink sink;
    struct vgpio_gpiochip_line *lines;
    const char *consumer;
    const struct vgpio_gpiochip_sys *sys;
    void *sys_ctx;
    void (*watch)(void *ctx, uint16_t line, int fd, int on);
    void (*on_change)(void *ctx, uint16_t line, unsigned level);
    void (*tell)(void *ctx, uint16_t line, unsigned news, uint32_t n);
    void *ctx;
    struct vgpio_gpiochip_stats stats;
    uint16_t nlines, is_open;
    uint16_t reserved[2];
    /** @endcond */
};

/**
 * @brief Make a backend. No system call is made, nothing is held.
 *
 * @param g    caller's memory, any contents
 * @param cfg  copied; its arrays, texts and tables must outlive the backend
 * @return 0; #VGPIO_ERR_INVAL: no lines, one without a chip, or with flags that
 *         contradict each other; #VGPIO_ERR_ABI: header and library disagree
 * @context any; `g` must not be in use
 */
#define vgpio_gpiochip_init(g, cfg)                                                      \
    vgpio_gpiochip_init_abi(                                                             \
        (g), (cfg),                                                                      \
        VGPIO_ABI(sizeof *(g), sizeof *(cfg), sizeof(struct vgpio_gpiochip_line), 0))
/** What vgpio_gpiochip_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_gpiochip_init_abi(struct vgpio_gpiochip *g,
                                      const struct vgpio_gpiochip_config *cfg,
                                      uint64_t abi);

/**
 * @brief Look whether all lines exist, and take those that start in some state.
 *
 * All or nothing: after an error none is held. Whether a line that is taken later is free
 * is not asked.
 *
 * @param g         the backend
 * @param[out] bad  the line it failed for, and `*error` why, an errno: ENOENT and the
 *                  like: no such chip; EINVAL: the chip has no such line; EBUSY:
 *                  somebody has it; what the kernel says to a state it cannot set.
 *                  Unchanged after 0.
 * @param[out] error  see above
 * @return 0; #VGPIO_ERR_IO: see `bad` and `error`
 * @context object lock
 */
VGPIO_API int vgpio_gpiochip_open(struct vgpio_gpiochip *g, uint16_t *bad, int *error);

/**
 * @brief Give all lines back as they were found. The guest gets errors from then on,
 * until vgpio_gpiochip_open(), which leaves the counters as they are.
 *
 * @param g  the backend; also after a failed open, or twice
 * @context object lock
 */
VGPIO_API void vgpio_gpiochip_close(struct vgpio_gpiochip *g);

/**
 * @brief Ask the kernel for the name of a line, and so whether there is one.
 *
 * @param g          the backend
 * @param line       0 .. nlines - 1
 * @param[out] name  at least #VGPIO_GPIOCHIP_NAME_SIZE bytes; "" if it has none. It may
 *                   have any bytes, and another line may have the same.
 * @param[out] error why not: an errno, as of vgpio_gpiochip_open()
 * @return 0; #VGPIO_ERR_INVAL: no such line; #VGPIO_ERR_IO: see `error`
 * @context object lock
 */
VGPIO_API int vgpio_gpiochip_name(struct vgpio_gpiochip *g, uint16_t line, char *name,
                                  int *error);

/**
 * @brief Take what the kernel has for a line whose descriptor is readable, or hung up.
 *
 * Reports go to the device, which may owe its driver an interrupt afterwards. At most 256
 * edges are read in one call: a descriptor that is watched level-triggered shows that
 * there are more.
 *
 * @param g     the backend
 * @param line  as told to `watch`; one that is not held is no error
 * @return 1: there may be more; 0: there was no more; #VGPIO_ERR_INVAL: no such line
 * @context object lock, not from inside the device
 */
VGPIO_API int vgpio_gpiochip_service(struct vgpio_gpiochip *g, uint16_t line);

/**
 * @brief Look again at lines whose level is active and interrupts.
 *
 * Call it before the device hears that its driver rang the event queue. The driver does
 * that after it has quieted the source; the edge that came of it may still lie in the
 * kernel, and without a look the device would interrupt for a level that is over.
 *
 * @param g  the backend
 * @context object lock, not from inside the device
 */
VGPIO_API void vgpio_gpiochip_levels(struct vgpio_gpiochip *g);

/**
 * @brief Something may have come or gone: find out.
 *
 * Linux before 6.9 does not say when a chip goes, so a program that wants to know at once
 * watches `/dev` (inotify: IN_CREATE, IN_ATTRIB, IN_DELETE) and calls this. Lines that
 * went are let go of, so that their chip may have its number again; lost ones are tried.
 *
 * @param g  the backend
 * @return how many lines are lost now
 * @context object lock, not from inside the device
 */
VGPIO_API int vgpio_gpiochip_refresh(struct vgpio_gpiochip *g);

/**
 * @brief The value of a line, as the guest would read it.
 *
 * @param g     the backend
 * @param line  0 .. nlines - 1
 * @return 0 or 1; #VGPIO_ERR_INVAL: no such line; #VGPIO_ERR_IO: the host says no
 * @context object lock
 */
VGPIO_API int vgpio_gpiochip_level(struct vgpio_gpiochip *g, uint16_t line);

/**
 * @brief The direction the guest gave a line.
 *
 * @param g     the backend
 * @param line  0 .. nlines - 1
 * @return #VGPIO_DIR_NONE, #VGPIO_DIR_OUT or #VGPIO_DIR_IN of wire.h;
 *         #VGPIO_ERR_INVAL: no such line
 * @context object lock
 */
VGPIO_API int vgpio_gpiochip_direction(const struct vgpio_gpiochip *g, uint16_t line);

/**
 * @brief What was counted.
 *
 * Each edge that the kernel saw is in `events` or in `dropped`; of those in `events`, all
 * but `discarded` were reported to the device, which counts on (VGPIO_TR_EDGE_*).
 *
 * @param g           the backend
 * @param[out] stats  a copy
 * @context object lock
 */
VGPIO_API void vgpio_gpiochip_get_stats(const struct vgpio_gpiochip *g,
                                        struct vgpio_gpiochip_stats *stats);

/** The backend's operations: give them to a device with the backend as `ctx`. */
extern VGPIO_API const struct vgpio_line_ops vgpio_gpiochip_ops;

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_GPIOCHIP_H */
