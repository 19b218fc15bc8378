/* SPDX-License-Identifier: BSD-3-Clause */
/* The little of vhost-user and of split rings that the front end and the floor back end
 * of scripts/bench.sh speak. Neither checks anything. Little-endian hosts only. */
#ifndef VGPIO_BENCH_VU_H
#define VGPIO_BENCH_VU_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    VU_GET_FEATURES = 1,
    VU_SET_FEATURES = 2,
    VU_SET_OWNER = 3,
    VU_SET_MEM_TABLE = 5,
    VU_SET_VRING_NUM = 8,
    VU_SET_VRING_ADDR = 9,
    VU_SET_VRING_BASE = 10,
    VU_SET_VRING_KICK = 12,
    VU_SET_VRING_CALL = 13
};

struct vu_msg {
    uint32_t request, flags, size;
    union {
        uint64_t u64;
        struct {
            uint32_t q, num;
        } state;
        struct {
            uint32_t q, flags;
            uint64_t desc, used, avail, log;
        } addr;
        struct {
            uint32_t n, padding;
            uint64_t gpa, size, uva, off;
        } table;
    } __attribute__((packed)) u;
} __attribute__((packed));

#define VU_HEADER 12u
#define VU_VERSION_1 (UINT64_C(1) << 32)
#define VU_F_IRQ UINT64_C(1)

typedef uint64_t __attribute__((may_alias)) u64;
typedef uint16_t __attribute__((may_alias)) u16;

#define LOAD(type, p) __atomic_load_n((const type *)(p), __ATOMIC_RELAXED)
#define STORE(type, p, v) __atomic_store_n((type *)(p), (type)(v), __ATOMIC_RELAXED)
#define ACQUIRE(p) __atomic_load_n((const u16 *)(p), __ATOMIC_ACQUIRE)
#define RELEASE(p, v) __atomic_store_n((u16 *)(p), (u16)(v), __ATOMIC_RELEASE)
#define FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#define IDX 2u
#define RING 4u
#define NEXT 1u
#define WRITE 2u

/* A GPIO request, as 8 bytes: type, line, value. */
#define SET_DIRECTION 3u
#define GET_VALUE 4u
#define SET_VALUE 5u
#define SET_IRQ_TYPE 6u

static inline uint64_t vu_request(unsigned type, unsigned line, uint32_t value)
{
    return type | (uint64_t)line << 16 | (uint64_t)value << 32;
}

_Noreturn static inline void vu_die(const char *what)
{
    perror(what);
    exit(1);
}

static inline int vu_socket(const char *path, struct sockaddr_un *a)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    strncpy(a->sun_path, path, sizeof a->sun_path - 1);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

#endif /* VGPIO_BENCH_VU_H */
