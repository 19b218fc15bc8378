/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two halves of the vhost-user engine share: messages (vhost_user.c), memory
 * and rings (vhost_user_ring.c). Private. */
#ifndef VGPIO_VHOST_USER_PRIV_H
#define VGPIO_VHOST_USER_PRIV_H

#include <virtiogpio/vhost_user.h>

/* The front end acknowledges the protocol features by this virtio feature bit. */
#define VU_F_PROTOCOL (UINT64_C(1) << 30)
#define VU_F_PACKED (UINT64_C(1) << 34)

/* vgpio_vu_ring.flags: what the front end has told, and what the device knows. */
enum {
    RING_NUM = 1,
    RING_ADDR = 2,
    RING_BASE = 4,
    RING_KICK = 8,        /* SET_VRING_KICK seen, with an fd or for polling */
    RING_ENABLED = 16,    /* the last SET_VRING_ENABLE */
    RING_STARTED = 32,    /* the device holds it: queue_start .. queue_stop */
    RING_PAUSED = 64,     /* the device was told queue_run 0, and remembers it */
    RING_STRANDED = 128,  /* ready, but new memory or features left no way to start it */
    RING_ERROR_TOLD = 256 /* since it was started */
};

/* What came of a message. */
enum vu_verdict {
    VU_DONE,
    VU_REFUSED, /* cannot be done: answered by a non-zero ack */
    VU_HANGUP,  /* not vhost-user any more */
    VU_REPLIED, /* the reply is filled */
    VU_LATER    /* the reply comes by vgpio_vu_output() */
};

/* The fds of one message; whoever keeps one puts -1 in its place. */
struct vu_fds {
    int fd[VGPIO_VU_MAX_REGIONS];
    unsigned n;
};

static inline enum vu_verdict vu_refuse(struct vgpio_vu *vu, const char *reason)
{
    vu->reason = reason;
    return VU_REFUSED;
}

static inline enum vu_verdict vu_hangup(struct vgpio_vu *vu, const char *reason)
{
    vu->reason = reason;
    return VU_HANGUP;
}

/* Closes *fd, if there is one. */
void vgpio_vu_drop_fd(struct vgpio_vu *vu, int *fd);

/* Memory. */
void vgpio_vu_mem_forget(struct vgpio_vu *vu);
enum vu_verdict vgpio_vu_mem_table(struct vgpio_vu *vu, const uint8_t *payload,
                                   uint32_t size, struct vu_fds *fds);
int vgpio_vu_gpa(const struct vgpio_vu *vu, uint64_t uva, uint64_t *gpa);

/* Rings. */
int vgpio_vu_runs(const struct vgpio_vu *vu, unsigned q); /* started, and not disabled */
enum vu_verdict vgpio_vu_try_all(struct vgpio_vu *vu);
void vgpio_vu_let_go(struct vgpio_vu *vu, unsigned q);
enum vu_verdict vgpio_vu_enable(struct vgpio_vu *vu, unsigned q, int on);
enum vu_verdict vgpio_vu_told(struct vgpio_vu *vu, unsigned q, unsigned flag);
enum vu_verdict vgpio_vu_set_kick(struct vgpio_vu *vu, unsigned q, int fd);
int vgpio_vu_drain(struct vgpio_vu *vu, unsigned q); /* 1 = stopped, 0 = not yet */
void vgpio_vu_look(struct vgpio_vu *vu);

/* Native byte order, any alignment. */
uint32_t vgpio_vu_get32(const uint8_t *p);
uint64_t vgpio_vu_get64(const uint8_t *p);

#endif /* VGPIO_VHOST_USER_PRIV_H */
