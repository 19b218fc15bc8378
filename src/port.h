/* SPDX-License-Identifier: BSD-3-Clause */
/* What the compiler and the target must supply: the mem functions, single-copy atomic
 * loads and stores of ring words, and fences. Private.
 *
 * Nothing else in the library touches a word that the peer may touch at the same time.
 * A target without the builtins, or a test that wants to see every access, names a file
 * in VGPIO_PORT_FILE which defines the port_* functions of the first block below. */
#ifndef VGPIO_PORT_H
#define VGPIO_PORT_H

#include <stddef.h>
#include <stdint.h>

/* For a switch, gcc on Thumb-1 calls helpers of libgcc, which a freestanding build does
 * not have; chains of compares are as small there. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__thumb__) && !defined(__thumb2__)
#pragma GCC optimize("no-jump-tables")
/* There, a register for what is known to be 0, or does not change in a loop, mostly costs
 * another one that is saved and restored. */
#pragma GCC optimize("no-tree-dominator-opts", "no-move-loop-invariants")
#endif

/* <string.h> is not a freestanding header, but compilers emit calls to these four
 * anyway, so every target has them. Declared as C does, hosted builds agree. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* ---- 1. Native words: to be replaced as a whole ---------------------------------------
 * port_ldN, port_stN     relaxed, single-copy atomic, N = 16, 32; naturally aligned
 * port_ld64, port_st64   optional, announced by PORT_HAS_64: no ring word of this size is
 *                        polled, so two halves do as well
 * port_ld16_acquire      nothing later in program order is seen to happen before it
 * port_st16_release      everything earlier is seen to happen before it
 * port_fence             full: an earlier store is visible before a later load is done
 * port_fence_platform    the same, also against a device that is no CPU of this system
 *                        (VIRTIO_F_ORDER_PLATFORM)
 * PORT_ONE_ORDER         optional: 1 where port_fence_platform() is every barrier, and so
 *                        VIRTIO_F_ORDER_PLATFORM makes no difference
 * PORT_COPIED            optional: the compiler may not read again, behind it, what a
 *                        memcpy before it took out of shared memory */

#if defined(VGPIO_PORT_FILE)

#include VGPIO_PORT_FILE

#elif defined(__GNUC__)

#define PORT_COPIED() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Rings lie in memory that others declared as bytes. */
typedef uint16_t __attribute__((may_alias)) port_u16;
typedef uint32_t __attribute__((may_alias)) port_u32;

static inline uint16_t port_ld16(const void *p)
{
    return __atomic_load_n((const port_u16 *)p, __ATOMIC_RELAXED);
}

static inline uint32_t port_ld32(const void *p)
{
    return __atomic_load_n((const port_u32 *)p, __ATOMIC_RELAXED);
}

static inline void port_st16(void *p, uint16_t v)
{
    __atomic_store_n((port_u16 *)p, v, __ATOMIC_RELAXED);
}

#if defined(__riscv) && !defined(__clang__)
/* For these, though not for 16 bits, gcc before 14 takes a read-modify-write instruction;
 * a plain store is as whole. */
#define PORT_STORE(type, p, v) (*(volatile type *)(p) = (v))
#else
#define PORT_STORE(type, p, v) __atomic_store_n((type *)(p), (v), __ATOMIC_RELAXED)
#endif

static inline void port_st32(void *p, uint32_t v)
{
    PORT_STORE(port_u32, p, v);
}

static inline uint16_t port_ld16_acquire(const void *p)
{
    return __atomic_load_n((const port_u16 *)p, __ATOMIC_ACQUIRE);
}

static inline void port_st16_release(void *p, uint16_t v)
{
    __atomic_store_n((port_u16 *)p, v, __ATOMIC_RELEASE);
}

/* Worth having where it is one instruction; on small targets it is a library call. */
#if UINTPTR_MAX > 0xffffffffu
#define PORT_HAS_64 1
typedef uint64_t __attribute__((may_alias)) port_u64;

static inline uint64_t port_ld64(const void *p)
{
    return __atomic_load_n((const port_u64 *)p, __ATOMIC_RELAXED);
}

static inline void port_st64(void *p, uint64_t v)
{
    PORT_STORE(port_u64, p, v);
}
#endif

#if defined(__SANITIZE_THREAD__)
#define PORT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PORT_TSAN 1
#endif
#endif

static inline void port_fence(void)
{
#ifdef PORT_TSAN
    /* That sanitizer knows no fences and says so as an error; this costs the same. */
    uint32_t dummy = 0;

    (void)__atomic_fetch_add(&dummy, 1, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* On these Arm CPUs all barriers are the same one; on small RISC-V ones the strongest
 * costs less than to ask which is needed. */
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && __ARM_ARCH < 8
#define PORT_ONE_ORDER 1
#elif defined(__riscv_xlen) && __riscv_xlen == 32
#define PORT_ONE_ORDER 1
#endif

static inline void port_fence_platform(void)
{
    /* Compilers order CPUs (inner shareable); a bus master stands further out. */
#if defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
    __asm__ volatile("dmb sy" ::: "memory");
#elif defined(__riscv)
    __asm__ volatile("fence iorw, iorw" ::: "memory");
#else
    port_fence();
#endif
}

#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L &&                        \
    !defined(__STDC_NO_ATOMICS__)

#include <stdatomic.h>

#define PORT_COPIED() atomic_signal_fence(memory_order_seq_cst)

static inline uint16_t port_ld16(const void *p)
{
    return atomic_load_explicit((const _Atomic uint16_t *)p, memory_order_relaxed);
}

static inline uint32_t port_ld32(const void *p)
{
    return atomic_load_explicit((const _Atomic uint32_t *)p, memory_order_relaxed);
}

static inline void port_st16(void *p, uint16_t v)
{
    atomic_store_explicit((_Atomic uint16_t *)p, v, memory_order_relaxed);
}

static inline void port_st32(void *p, uint32_t v)
{
    atomic_store_explicit((_Atomic uint32_t *)p, v, memory_order_relaxed);
}

static inline uint16_t port_ld16_acquire(const void *p)
{
    return atomic_load_explicit((const _Atomic uint16_t *)p, memory_order_acquire);
}

static inline void port_st16_release(void *p, uint16_t v)
{
    atomic_store_explicit((_Atomic uint16_t *)p, v, memory_order_release);
}

static inline void port_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

static inline void port_fence_platform(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#else
#error "no atomics: define VGPIO_PORT_FILE to a file with the port_* functions"
#endif

#ifndef PORT_HAS_64
#define PORT_HAS_64 0
#endif
#ifndef PORT_ONE_ORDER
#define PORT_ONE_ORDER 0
#endif

/* Of a general way beside a short one: taken into it, it would make that one save and
 * restore registers that it does not need. */
#if defined(__GNUC__)
#define PORT_NOINLINE __attribute__((noinline))
#else
#define PORT_NOINLINE
#endif

/* Of a short way that several calls share: a call in there costs what it saves. */
#if defined(__GNUC__)
#define PORT_INLINE inline __attribute__((always_inline))
#else
#define PORT_INLINE inline
#endif
#ifndef PORT_COPIED
#define PORT_COPIED() ((void)0)
#endif

/* A line that will be written to, and that the peer had: it comes while other things are
 * waited for. A hint; x86 compilers take another one unless told of the CPU. */
#if defined(__GNUC__) && defined(__x86_64__)
#define PORT_WILL_WRITE(p) __asm__ volatile("prefetchw %0" : : "m"(*(const uint8_t *)(p)))
#elif defined(__GNUC__)
#define PORT_WILL_WRITE(p) __builtin_prefetch((p), 1)
#else
#define PORT_WILL_WRITE(p) ((void)(p))
#endif

/* ---- 2. Little-endian words on top of them ---- */

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__)
#define PORT_IS_LE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#else
#define PORT_IS_LE 0
#endif

/* The same function serves both directions: it is its own inverse. */
static inline uint16_t port_le16(uint16_t v)
{
#if PORT_IS_LE
    return v;
#else
    /* Right on any byte order, for it only looks at the bytes in memory. */
    uint8_t b[2];

    memcpy(b, &v, sizeof b);
    return (uint16_t)(b[0] | b[1] << 8);
#endif
}

static inline uint32_t port_le32(uint32_t v)
{
#if PORT_IS_LE
    return v;
#else
    uint8_t b[4];

    memcpy(b, &v, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
#endif
}

static inline uint64_t port_le64(uint64_t v)
{
#if PORT_IS_LE
    return v;
#else
    uint32_t w[2];

    memcpy(w, &v, sizeof w);
    return port_le32(w[0]) | (uint64_t)port_le32(w[1]) << 32;
#endif
}

static inline uint16_t ring_ld16(const uint8_t *p)
{
    return port_le16(port_ld16(p));
}

static inline uint32_t ring_ld32(const uint8_t *p)
{
    return port_le32(port_ld32(p));
}

static inline uint64_t ring_ld64(const uint8_t *p)
{
#if PORT_HAS_64
    return port_le64(port_ld64(p));
#else
    return ring_ld32(p) | (uint64_t)ring_ld32(p + 4) << 32;
#endif
}

static inline void ring_st16(uint8_t *p, uint16_t v)
{
    port_st16(p, port_le16(v));
}

static inline void ring_st32(uint8_t *p, uint32_t v)
{
    port_st32(p, port_le32(v));
}

static PORT_INLINE void ring_st64(uint8_t *p, uint64_t v)
{
#if PORT_HAS_64
    port_st64(p, port_le64(v));
#else
    ring_st32(p, (uint32_t)v);
    ring_st32(p + 4, (uint32_t)(v >> 32));
#endif
}

/* ---- 3. Order, of the kind that was negotiated ---- */

static inline uint16_t ring_ld16_acquire(const uint8_t *p, unsigned platform)
{
    uint16_t v = PORT_ONE_ORDER ? port_ld16(p) : port_ld16_acquire(p);

    if (PORT_ONE_ORDER || platform) {
        port_fence_platform();
    }
    return port_le16(v);
}

static inline void ring_st16_release(uint8_t *p, uint16_t v, unsigned platform)
{
    if (PORT_ONE_ORDER || platform) {
        port_fence_platform();
    }
    if (PORT_ONE_ORDER) {
        port_st16(p, port_le16(v));
    } else {
        port_st16_release(p, port_le16(v));
    }
}

static inline void ring_fence(unsigned platform)
{
    if (PORT_ONE_ORDER || platform) {
        port_fence_platform();
    } else {
        port_fence();
    }
}

/* ---- 4. Registers of devices ----
 * Single accesses of exactly this width. The barrier before a store keeps what was
 * written to memory, rings above all, from coming after the doorbell, and register writes
 * in order; pairs with the device's acquire load of what was published. The barrier after
 * a load keeps memory from being read before it, so a ring that is looked at behind
 * InterruptStatus is as new as the interrupt. A target with needs of its own defines the
 * four VGPIO_MMIO_ words in its config file, barriers included; they see memory's byte
 * order, that is, little-endian values. */

#ifndef VGPIO_MMIO_READ32

#if defined(__GNUC__) && defined(__aarch64__)
/* A hypervisor is only told of plain accesses: none that also changes its address
 * register. */
static inline uint32_t port_io_ld32(const volatile void *p)
{
    uint32_t v;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(p) : "memory");
    port_fence_platform();
    return v;
}

static inline uint16_t port_io_ld16(const volatile void *p)
{
    uint32_t v;

    __asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(p) : "memory");
    port_fence_platform();
    return (uint16_t)v;
}

static inline uint8_t port_io_ld8(const volatile void *p)
{
    uint32_t v;

    __asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(p) : "memory");
    port_fence_platform();
    return (uint8_t)v;
}

static inline void port_io_st32(volatile void *p, uint32_t v)
{
    port_fence_platform();
    __asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(p) : "memory");
}
#else
static inline uint32_t port_io_ld32(const volatile void *p)
{
    uint32_t v = *(const volatile uint32_t *)p;

    port_fence_platform();
    return v;
}

static inline uint16_t port_io_ld16(const volatile void *p)
{
    uint16_t v = *(const volatile uint16_t *)p;

    port_fence_platform();
    return v;
}

static inline uint8_t port_io_ld8(const volatile void *p)
{
    uint8_t v = *(const volatile uint8_t *)p;

    port_fence_platform();
    return v;
}

static inline void port_io_st32(volatile void *p, uint32_t v)
{
    port_fence_platform();
    *(volatile uint32_t *)p = v;
}
#endif

#define VGPIO_MMIO_READ32(p) port_io_ld32(p)
#define VGPIO_MMIO_READ16(p) port_io_ld16(p)
#define VGPIO_MMIO_READ8(p) port_io_ld8(p)
#define VGPIO_MMIO_WRITE32(p, v) port_io_st32((p), (v))
#endif

#endif /* VGPIO_PORT_H */
