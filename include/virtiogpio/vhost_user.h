/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief The vhost-user back end: a message engine without system calls.
 */
#ifndef VIRTIOGPIO_VHOST_USER_H
#define VIRTIOGPIO_VHOST_USER_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vgpio_vu_os {  /* every system call the engine needs */
    uint32_t ops_size;
    void *(*map)(void *ctx, int fd, uint64_t off, uint64_t len);
    void (*unmap)(void *ctx, void *p, uint64_t len);
    void (*close)(void *ctx, int fd);
    void (*signal)(void *ctx, int fd);  /* eventfd write */
    void (*watch)(void *ctx, int fd, unsigned q, int on);  /* your loop */
    int (*send)(void *ctx, int fd, const uint8_t *msg, uint32_t len);  /* back channel; optional */
    int (*shm)(void *ctx, uint64_t len);  /* fd for inflight; optional */
    vgpio_trace_fn trace;  /* optional */
};
#define VGPIO_VU_MAX_REGIONS 8
#define VGPIO_VU_MSG_MAX (12 + 12 + 4096)  /* GET_CONFIG of 4096 bytes */
struct vgpio_vu_msg {  /* one message on its way; the caller owns it */
    uint32_t len, done;  /* bytes of it; bytes moved so far */
    unsigned nfds;
    int fds[VGPIO_VU_MAX_REGIONS];
    uint8_t buf[VGPIO_VU_MSG_MAX];
};
#define VGPIO_VU_MAX_QUEUES 2
struct vgpio_vu_region { uint64_t gpa, size, uva; uint8_t *hva; };
struct vgpio_vu_ring {
    uint64_t desc, avail, used;
    int kick, call, err;
    uint16_t size, avail_pos, used_pos, flags;
};
struct vgpio_vu {
    struct vgpio_vdev dev;
    const struct vgpio_vu_os *os;
    void *ctx;
    const char *reason;
    struct vgpio_mem mem;
    struct vgpio_vu_region region[VGPIO_VU_MAX_REGIONS];
    struct vgpio_vu_ring ring[VGPIO_VU_MAX_QUEUES];
    uint64_t features, protocol;
    uint32_t nregions, hint, owed;
    int back_fd;
    uint8_t nrings, draining, look, acked;
};
#define vgpio_vu_init(vu, vdev, os, ctx) vgpio_vu_init_abi((vu), (vdev), (os), (ctx), \
    VGPIO_ABI(sizeof *(vu), sizeof(struct vgpio_vu_msg), 0, 0))
VGPIO_API int vgpio_vu_init_abi(struct vgpio_vu *, struct vgpio_vdev, const struct vgpio_vu_os *,
        void *ctx, uint64_t abi);
VGPIO_API int vgpio_vu_input(struct vgpio_vu *, struct vgpio_vu_msg *in, struct vgpio_vu_msg *reply);
        /* 1 = reply filled, 0 = none (yet), STATE = later, other <0 = hang up */
VGPIO_API int vgpio_vu_output(struct vgpio_vu *, struct vgpio_vu_msg *reply);  /* 1 = a late reply */
VGPIO_API int vgpio_vu_kick(struct vgpio_vu *, unsigned q);  /* kick fd became readable */
VGPIO_API void vgpio_vu_flush(struct vgpio_vu *);  /* signal call and err fds owed */
VGPIO_API void vgpio_vu_close(struct vgpio_vu *);  /* peer went away */
VGPIO_API const char *vgpio_vu_reason(const struct vgpio_vu *);  /* why the last message was refused */
/* Linux helpers, own object file: pieces for your own os table, no state. */
VGPIO_API void *vgpio_vu_linux_map(void *ctx, int fd, uint64_t off, uint64_t len);
VGPIO_API void vgpio_vu_linux_unmap(void *ctx, void *p, uint64_t len);
VGPIO_API void vgpio_vu_linux_close(void *ctx, int fd);
VGPIO_API void vgpio_vu_linux_signal(void *ctx, int fd);
VGPIO_API int vgpio_vu_linux_push(void *ctx, int fd, const uint8_t *msg, uint32_t len);
VGPIO_API int vgpio_vu_linux_shm(void *ctx, uint64_t len);
VGPIO_API int vgpio_vu_linux_recv (int sock, struct vgpio_vu_msg *);  /* 1 whole, 0 not yet, <0 gone */
VGPIO_API int vgpio_vu_linux_send (int sock, struct vgpio_vu_msg *);  /* 1 sent, 0 not yet, <0 gone */
VGPIO_API void vgpio_vu_linux_drop(struct vgpio_vu_msg *);  /* forget a half message, close its fds */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_VHOST_USER_H */
