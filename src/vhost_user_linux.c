/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-user on Linux: sockets that carry fds, shared mappings, eventfds. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <virtiogpio/vhost_user.h>

#define HEADER 12u

static uint64_t page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

void *vgpio_vu_linux_map(void *ctx, int fd, uint64_t off, uint64_t len)
{
    uint64_t lead = off & (page_size() - 1);
    struct statfs fs;
    struct stat st;
    void *p;

    (void)ctx;
    if (len == 0 || off > INT64_MAX || len > INT64_MAX - off || lead + len > SIZE_MAX) {
        return NULL;
    }
    /* Beyond the end of a file a mapping is a SIGBUS; what is no file has no end. */
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < off + len) {
        return NULL;
    }
    if (fstatfs(fd, &fs) != 0) {
        return NULL;
    }
    /* Huge pages are unmapped whole, and unmap() does not know their size. The width and
     * the sign of f_type depend on the architecture. */
    if ((uint32_t)fs.f_type == HUGETLBFS_MAGIC &&
        ((off | len) & ((uint64_t)fs.f_bsize - 1)) != 0) {
        return NULL;
    }
    p = mmap(NULL, (size_t)(lead + len), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
             (off_t)(off - lead));
    return p == MAP_FAILED ? NULL : (uint8_t *)p + lead;
}

void vgpio_vu_linux_unmap(void *ctx, void *p, uint64_t len)
{
    size_t lead = (uintptr_t)p & (size_t)(page_size() - 1);

    (void)ctx;
    (void)munmap((uint8_t *)p - lead, (size_t)len + lead);
}

void vgpio_vu_linux_close(void *ctx, int fd)
{
    (void)ctx;
    (void)close(fd);
}

void vgpio_vu_linux_signal(void *ctx, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    const uint64_t one = 1;
    ssize_t n;

    (void)ctx;
    /* The peer chose the fd and whether it blocks. If it takes nothing now, the peer has
     * notifications enough to read, or nobody listens. */
    if (poll(&p, 1, 0) == 1 && p.revents == POLLOUT) {
        do {
            n = write(fd, &one, sizeof one);
        } while (n < 0 && errno == EINTR);
    }
}

int vgpio_vu_linux_push(void *ctx, int fd, const uint8_t *msg, uint32_t len)
{
    ssize_t n;

    (void)ctx;
    do {
        n = send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return 0;
    }
    return n == (ssize_t)len ? 1 : VGPIO_ERR_IO;
}

int vgpio_vu_linux_shm(void *ctx, uint64_t len)
{
    int fd = memfd_create("virtiogpio", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)ctx;
    if (fd < 0) {
        return VGPIO_ERR_IO;
    }
    /* Sealed, so that nobody who gets it can make our own mapping fault. */
    if (len > INT64_MAX || ftruncate(fd, (off_t)len) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        (void)close(fd);
        return VGPIO_ERR_IO;
    }
    return fd;
}

void vgpio_vu_linux_drop(struct vgpio_vu_msg *msg)
{
    unsigned i;

    for (i = 0; i < msg->nfds && i < VGPIO_VU_MAX_REGIONS; i++) {
        (void)close(msg->fds[i]);
    }
    msg->len = msg->done = msg->nfds = 0;
}

static void take_fds(struct vgpio_vu_msg *msg, const struct cmsghdr *c)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
    int fd;

    for (i = 0; i < n; i++) {
        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        if (msg->nfds < VGPIO_VU_MAX_REGIONS) {
            msg->fds[msg->nfds++] = fd;
        } else {
            (void)close(fd);
            msg->nfds = VGPIO_VU_MAX_REGIONS + 1; /* the engine says why it hangs up */
        }
    }
}

/* Up to `want` bytes: how many, 0 = none now, < 0 = the peer is gone. */
static ssize_t receive(int sock, struct vgpio_vu_msg *msg, uint32_t want)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(VGPIO_VU_MAX_REGIONS * sizeof(int))];
    } control;
    struct iovec iov = {msg->buf + msg->done, want};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
    struct cmsghdr *c;
    ssize_t n;

    do {
        n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : VGPIO_ERR_IO;
    }
    for (c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            take_fds(msg, c);
        }
    }
    if ((h.msg_flags & MSG_CTRUNC) != 0) {
        msg->nfds = VGPIO_VU_MAX_REGIONS + 1;
    }
    return n == 0 ? VGPIO_ERR_IO : n;
}

int vgpio_vu_linux_recv(int sock, struct vgpio_vu_msg *msg)
{
    for (;;) {
        uint32_t whole = HEADER, size;
        ssize_t n;

        if (msg->done >= HEADER) {
            memcpy(&size, msg->buf + 8, sizeof size);
            /* The engine refuses an absurd size by the header alone. */
            whole += size <= sizeof msg->buf - HEADER ? size : 0;
            if (msg->done == whole) {
                msg->len = whole;
                return 1;
            }
        }
        n = receive(sock, msg, whole - msg->done);
        if (n < 0) {
            vgpio_vu_linux_drop(msg);
        }
        if (n <= 0) {
            return (int)n;
        }
        msg->done += (uint32_t)n;
    }
}

int vgpio_vu_linux_send(int sock, struct vgpio_vu_msg *msg)
{
    while (msg->done < msg->len) {
        ssize_t n = send(sock, msg->buf + msg->done, msg->len - msg->done,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : VGPIO_ERR_IO;
        }
        msg->done += (uint32_t)n;
    }
    msg->len = msg->done = 0;
    return 1;
}
