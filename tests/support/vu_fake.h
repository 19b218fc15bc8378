/* SPDX-License-Identifier: BSD-3-Clause */
/* An os table and a device for the vhost-user engine that know what is right: every fd
 * closed exactly once, nothing used after, no mapping left or used, a ring started once
 * and stopped once. A wrong step ends the program. In a header, since the fuzz target is
 * linked without the support files. */
#ifndef VU_FAKE_H
#define VU_FAKE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/vhost_user.h>

#define FAKE_FDS 4096
#define FAKE_FIRST_FD 0 /* a good fd like any other */
#define FAKE_MAPS 64
#define FAKE_FILE (1u << 16) /* bytes in a file of guest memory */

#define FAKE_CHECK(x)                                                                    \
    do {                                                                                 \
        if (!(x)) {                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                      \
            abort();                                                                     \
        }                                                                                \
    } while (0)

struct fake_fd {
    unsigned char open, watched;
    unsigned q, signals;
};

struct fake_os {
    struct fake_fd fd[FAKE_FDS];
    int nfds;
    struct {
        uint8_t *p;
        uint64_t off, len;
    } map[FAKE_MAPS];
    uint8_t image[FAKE_FILE]; /* what a file holds when it is mapped */
    int nmaps, open, polled[2];
    int map_fails_at; /* the n-th map() from now, n >= 1 */
    int huge;         /* files hold something at every offset */
    int send_result;  /* of the next sends */
    unsigned sends, traced, refused, refused_request;
    uint8_t sent[12];
};

static inline int fake_fd_new(struct fake_os *os)
{
    FAKE_CHECK(os->nfds < FAKE_FDS);
    os->fd[os->nfds] = (struct fake_fd){.open = 1};
    os->open++;
    return FAKE_FIRST_FD + os->nfds++;
}

static inline struct fake_fd *fake_fd_at(struct fake_os *os, int fd)
{
    FAKE_CHECK(fd >= FAKE_FIRST_FD && fd < FAKE_FIRST_FD + os->nfds);
    FAKE_CHECK(os->fd[fd - FAKE_FIRST_FD].open);
    return &os->fd[fd - FAKE_FIRST_FD];
}

static inline int fake_fd_is_open(const struct fake_os *os, int fd)
{
    return os->fd[fd - FAKE_FIRST_FD].open;
}

/* A copy of the file for each mapping: ASan then sees a use after unmap(). */
static inline void *fake_map(void *ctx, int fd, uint64_t off, uint64_t len)
{
    struct fake_os *os = ctx;
    int i;

    (void)fake_fd_at(os, fd);
    FAKE_CHECK(len != 0 && off <= UINT64_MAX - (len - 1));
    if (os->map_fails_at != 0 && --os->map_fails_at == 0) {
        return NULL;
    }
    if (os->huge) {
        off = 0;
    }
    if (off > FAKE_FILE || len > FAKE_FILE - off) {
        return NULL;
    }
    for (i = 0; os->map[i].p != NULL; i++) {
        FAKE_CHECK(i + 1 < FAKE_MAPS);
    }
    os->map[i].p = malloc((size_t)len);
    os->map[i].off = off;
    os->map[i].len = len;
    FAKE_CHECK(os->map[i].p != NULL);
    memcpy(os->map[i].p, os->image + off, (size_t)len);
    os->nmaps++;
    return os->map[i].p;
}

static inline void fake_unmap(void *ctx, void *p, uint64_t len)
{
    struct fake_os *os = ctx;
    int i;

    for (i = 0; i < FAKE_MAPS && os->map[i].p != p; i++) {
    }
    FAKE_CHECK(i < FAKE_MAPS && p != NULL && os->map[i].len == len);
    free(p);
    os->map[i].p = NULL;
    os->nmaps--;
}

static inline void fake_close(void *ctx, int fd)
{
    struct fake_os *os = ctx;
    struct fake_fd *f = fake_fd_at(os, fd);

    FAKE_CHECK(!f->watched);
    f->open = 0;
    os->open--;
}

static inline void fake_signal(void *ctx, int fd)
{
    fake_fd_at(ctx, fd)->signals++;
}

static inline void fake_watch(void *ctx, int fd, unsigned q, int on)
{
    struct fake_os *os = ctx;

    FAKE_CHECK(q < 2);
    if (fd == -1) {
        FAKE_CHECK(os->polled[q] == !on);
        os->polled[q] = on;
    } else {
        struct fake_fd *f = fake_fd_at(os, fd);

        FAKE_CHECK(f->watched == !on && (on || f->q == q));
        f->watched = (unsigned char)on;
        f->q = q;
    }
}

static inline int fake_send(void *ctx, int fd, const uint8_t *msg, uint32_t len)
{
    struct fake_os *os = ctx;

    (void)fake_fd_at(os, fd);
    FAKE_CHECK(len == sizeof os->sent);
    memcpy(os->sent, msg, len);
    os->sends++;
    return os->send_result;
}

static inline void fake_trace(void *ctx, unsigned id, uint32_t a, uint32_t b)
{
    struct fake_os *os = ctx;

    (void)b;
    os->traced += id == VGPIO_TR_VU_MESSAGE;
    os->refused += id == VGPIO_TR_VU_REFUSED;
    if (id == VGPIO_TR_VU_REFUSED) {
        os->refused_request = a;
    }
}

static const struct vgpio_vu_os fake_os_ops = {
    sizeof fake_os_ops, fake_map,  fake_unmap, fake_close, fake_signal,
    fake_watch,         fake_send, NULL,       fake_trace};

/* ---- the device ---- */

struct fake_dev {
    uint64_t offered, acked;
    uint16_t max[2];
    struct {
        int started, kicks, err;
        int running; /* begin with 1; survives stop and start */
        int drains;  /* so many DRAIN stops say PENDING first */
        int more;    /* kick() answers this */
        int refuse;  /* queue_start() answers this, if not 0 */
        int mute;    /* queue_stop() does not say where the ring was */
        const struct vgpio_mem *mem;
        struct vgpio_vq_setup setup;
        uint16_t at; /* position to report at the stop */
    } q[2];
    unsigned events;
    int resets, acks;
    char log[512]; /* one word a call */
};

static inline void fake_log(struct fake_dev *d, const char *fmt, ...)
{
    size_t n = strlen(d->log);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(d->log + n, sizeof d->log - n, fmt, ap);
    va_end(ap);
}

static inline uint32_t fake_device_id(const void *obj)
{
    (void)obj;
    return 41;
}

static inline uint64_t fake_features(const void *obj)
{
    return ((const struct fake_dev *)obj)->offered;
}

static inline int fake_ack(void *obj, uint64_t acked)
{
    struct fake_dev *d = obj;

    fake_log(d, "ack ");
    FAKE_CHECK(!d->q[0].started && !d->q[1].started);
    if ((acked & ~d->offered) != 0 || (acked >> 32 & 1) == 0) {
        return VGPIO_ERR_NOTSUP;
    }
    d->acked = acked;
    d->acks++;
    return 0;
}

static inline uint32_t fake_config_size(const void *obj)
{
    (void)obj;
    return 8;
}

static inline void fake_config_read(const void *obj, uint32_t off, void *dst,
                                    uint32_t len)
{
    static const uint8_t config[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t i;

    (void)obj;
    for (i = 0; i < len; i++) {
        ((uint8_t *)dst)[i] = off < 8 && i < 8 - off ? config[off + i] : 0;
    }
}

static inline uint16_t fake_queue_max(const void *obj, unsigned q)
{
    return q < 2 ? ((const struct fake_dev *)obj)->max[q] : 0;
}

static inline uint8_t *fake_ring_at(struct fake_dev *d, unsigned q)
{
    uint32_t len = 1;

    return d->q[q].mem->map(d->q[q].mem->ctx, d->q[q].setup.device, &len,
                            VGPIO_MEM_WRITE);
}

static inline int fake_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                             const struct vgpio_vq_setup *s)
{
    struct fake_dev *d = obj;
    uint32_t len = 16u * s->size;

    FAKE_CHECK(q < 2 && !d->q[q].started && (s->flags & VGPIO_VQ_TOLD) != 0);
    FAKE_CHECK(s->features == d->acked && s->size != 0 && s->size <= d->max[q]);
    if (d->q[0].err != 0 || d->q[1].err != 0) {
        fake_log(d, "frozen%u ", q);
        return VGPIO_ERR_STATE;
    }
    d->q[q].mem = mem;
    d->q[q].setup = *s;
    if (d->q[q].refuse != 0) {
        return d->q[q].refuse;
    }
    if (mem->map(mem->ctx, s->desc, &len, VGPIO_MEM_READ) == NULL ||
        len != 16u * s->size || fake_ring_at(d, q) == NULL) {
        fake_log(d, "fault%u ", q);
        return VGPIO_ERR_FAULT;
    }
    fake_log(d, "start%u@%u ", q, s->avail_pos);
    d->q[q].started = 1; /* but not running, if it was told so before */
    d->q[q].at = s->avail_pos;
    return 0;
}

static inline int fake_run(void *obj, unsigned q, int on)
{
    struct fake_dev *d = obj;

    FAKE_CHECK(q < 2 && d->q[q].started && d->q[q].running == !on);
    fake_log(d, "run%u:%d ", q, on);
    d->q[q].running = on;
    return 0;
}

static inline int fake_stop(void *obj, unsigned q, unsigned how,
                            struct vgpio_vq_setup *where)
{
    struct fake_dev *d = obj;

    FAKE_CHECK(q < 2 && d->q[q].started);
    if (how == VGPIO_STOP_DRAIN && d->q[q].drains > 0) {
        d->q[q].drains--;
        fake_log(d, "pending%u ", q);
        return VGPIO_PENDING;
    }
    fake_log(d, how == VGPIO_STOP_NOW ? "now%u " : "drain%u ", q);
    d->q[q].started = 0;
    if (d->q[q].mute) {
        return VGPIO_ERR_STATE;
    }
    *where = d->q[q].setup;
    where->avail_pos = d->q[q].at;
    where->used_pos = (uint16_t)(d->q[q].at + 1);
    return 0;
}

static inline void fake_reset(void *obj)
{
    struct fake_dev *d = obj;

    fake_log(d, "reset ");
    d->resets++;
    d->q[0].started = d->q[1].started = d->q[0].err = d->q[1].err = 0;
    d->q[0].running = d->q[1].running = 1;
}

static inline int fake_kick(void *obj, unsigned q)
{
    struct fake_dev *d = obj;

    FAKE_CHECK(q < 2 && d->q[q].started && d->q[q].running);
    fake_log(d, "kick%u ", q);
    *fake_ring_at(d, q) += 1; /* the memory is there, ASan sees to it */
    d->q[q].kicks++;
    d->q[q].at++;
    return d->q[q].more;
}

static inline unsigned fake_take_events(void *obj)
{
    struct fake_dev *d = obj;
    unsigned ev = d->events;

    d->events = 0;
    return ev;
}

static inline void fake_irq_acked(void *obj)
{
    (void)obj;
}

static inline unsigned fake_in_flight(const void *obj)
{
    (void)obj;
    return 0;
}

static inline int fake_error(const void *obj, unsigned q)
{
    return ((const struct fake_dev *)obj)->q[q].err;
}

static const struct vgpio_vdev_ops fake_dev_ops = {sizeof fake_dev_ops,
                                                   fake_device_id,
                                                   fake_features,
                                                   fake_ack,
                                                   fake_config_size,
                                                   fake_config_read,
                                                   fake_queue_max,
                                                   fake_start,
                                                   fake_run,
                                                   fake_stop,
                                                   fake_reset,
                                                   fake_kick,
                                                   fake_take_events,
                                                   fake_irq_acked,
                                                   fake_in_flight,
                                                   fake_error};

#endif /* VU_FAKE_H */
