/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__ && defined __AARCH64EL__
#define ARCH AUDIT_ARCH_AARCH64
#elif defined __arm__ && defined __ARMEL__ && defined __ARM_EABI__
#define ARCH AUDIT_ARCH_ARM
#elif defined __riscv && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined __riscv && __riscv_xlen == 32
#define ARCH AUDIT_ARCH_RISCV32
#endif /* i386, s390x: arguments of some calls are in memory, where no filter looks */

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||               \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#define FILTER_MAX 400
#define GPIO_IOCTLS 0xb400u /* the type in a request's number */
#define X32_CALLS 0x40000000u

/* A program that counts its lines writes files as it ends. Not there: NULL. */
extern void gcov_init(void *) __asm__("__gcov_init") __attribute__((weak));

/* --- the program --- */

struct program {
    struct sock_filter at[FILTER_MAX];
    unsigned short n;
};

static void put(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    if (p->n < FILTER_MAX) {
        p->at[p->n] = (struct sock_filter){code, yes, no, k};
    }
    p->n++; /* beyond the end: sandbox_enter() sees it */
}

static void load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The low half of an argument. */
static void load_arg(struct program *p, unsigned i)
{
    size_t offset = offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    offset += sizeof(uint32_t);
#endif
    load(p, offset);
}

static void answer(struct program *p, uint32_t verdict)
{
    put(p, BPF_RET | BPF_K, 0, 0, verdict);
}

static void if_call(struct program *p, long call, uint32_t verdict)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)call);
    answer(p, verdict);
}

/* This call, unless one of the bits is in its argument. */
static void if_call_without(struct program *p, long call, unsigned arg, uint32_t bits,
                            uint32_t otherwise)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)call);
    load_arg(p, arg);
    put(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    answer(p, otherwise);
    answer(p, SECCOMP_RET_ALLOW);
}

#ifdef __NR_ioctl
static void if_gpio_ioctl(struct program *p)
{
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, __NR_ioctl);
    load_arg(p, 1);
    put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff00u);
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, GPIO_IOCTLS);
    answer(p, SECCOMP_RET_ALLOW);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
}
#endif

/* --- which calls --- */

/* CPUs have different ones: the 32-bit ones several generations of some, or only the
 * last one. */
static const long allowed[] = {
    /* the loop, and what it wakes up for */
    __NR_read,
    __NR_write,
    __NR_writev,
    __NR_close,
    __NR_recvmsg,
    __NR_sendmsg,
    __NR_recvfrom,
    __NR_sendto,
    __NR_accept4,
    __NR_shutdown,
    __NR_epoll_ctl,
    __NR_epoll_pwait,
#ifdef __NR_timerfd_settime
    __NR_timerfd_settime,
#endif
    __NR_getsockopt,
#ifdef __NR_ppoll
    __NR_ppoll,
#endif
#ifdef __NR_epoll_wait
    __NR_epoll_wait,
#endif
#ifdef __NR_epoll_pwait2
    __NR_epoll_pwait2,
#endif
#ifdef __NR_timerfd_settime64
    __NR_timerfd_settime64,
#endif
#ifdef __NR_ppoll_time64
    __NR_ppoll_time64,
#endif
#ifdef __NR_poll
    __NR_poll,
#endif
#ifdef __NR_recv
    __NR_recv,
#endif
#ifdef __NR_send
    __NR_send,
#endif
    /* a guest's memory, and ours; mmap and mprotect are looked at below */
    __NR_munmap,
    __NR_mremap,
    __NR_madvise,
    __NR_brk,
#ifdef __NR_fstatfs
    __NR_fstatfs,
#endif
#ifdef __NR_fstatfs64
    __NR_fstatfs64,
#endif
#ifdef __NR_fstat
    __NR_fstat,
#endif
#ifdef __NR_fstat64
    __NR_fstat64,
#endif
#ifdef __NR_fcntl
    __NR_fcntl,
#endif
#ifdef __NR_fcntl64
    __NR_fcntl64,
#endif
#ifdef __NR_lseek
    __NR_lseek,
#endif
#ifdef __NR__llseek
    __NR__llseek,
#endif
/* files there are */
#ifdef __NR_newfstatat
    __NR_newfstatat,
#endif
#ifdef __NR_fstatat64
    __NR_fstatat64,
#endif
#ifdef __NR_stat
    __NR_stat,
    __NR_lstat,
#endif
#ifdef __NR_stat64
    __NR_stat64,
    __NR_lstat64,
#endif
    __NR_statx,
    __NR_getcwd,
    __NR_readlinkat,
/* time, chance, signals, the end */
#ifdef __NR_clock_gettime
    __NR_clock_gettime,
#endif
#ifdef __NR_clock_gettime64
    __NR_clock_gettime64,
#endif
#ifdef __NR_gettimeofday
    __NR_gettimeofday,
#endif
#ifdef __NR_clock_nanosleep
    __NR_clock_nanosleep,
#endif
#ifdef __NR_clock_nanosleep_time64
    __NR_clock_nanosleep_time64,
#endif
    __NR_getrandom,
    __NR_getpid,
#ifdef __NR_futex
    __NR_futex,
#endif
#ifdef __NR_futex_time64
    __NR_futex_time64,
#endif
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
#ifdef __NR_sigreturn
    __NR_sigreturn,
#endif
    __NR_restart_syscall,
    __NR_exit,
    __NR_exit_group,
};

static const long deadly[] = {
    __NR_execve, __NR_execveat,         __NR_clone,
#ifdef __NR_clone3
    __NR_clone3,
#endif
#ifdef __NR_fork
    __NR_fork,
#endif
#ifdef __NR_vfork
    __NR_vfork,
#endif
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev,
    __NR_socket, __NR_connect,          __NR_bind,
};

static void put_lists(struct program *p)
{
    size_t i;

    for (i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if_call(p, allowed[i], SECCOMP_RET_ALLOW);
    }
    for (i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        if_call(p, deadly[i], SECCOMP_RET_KILL_PROCESS);
    }
}

/* No memory with code in it, and no file that is changed or made. */
static void put_arguments(struct program *p, const struct sandbox *s)
{
    uint32_t no = O_CREAT | O_TRUNC | O_APPEND | O_WRONLY | (s->chips ? 0 : O_RDWR);

#ifdef __NR_mmap
    if_call_without(p, __NR_mmap, 2, PROT_EXEC, SECCOMP_RET_KILL_PROCESS);
#endif
#ifdef __NR_mmap2
    if_call_without(p, __NR_mmap2, 2, PROT_EXEC, SECCOMP_RET_KILL_PROCESS);
#endif
    if_call_without(p, __NR_mprotect, 2, PROT_EXEC, SECCOMP_RET_KILL_PROCESS);
    if_call_without(p, __NR_openat, 2, no, SECCOMP_RET_ERRNO | EPERM);
#ifdef __NR_open
    if_call_without(p, __NR_open, 1, no, SECCOMP_RET_ERRNO | EPERM);
#endif
}

static void put_choices(struct program *p, const struct sandbox *s)
{
    if (s->chips) {
        if_gpio_ioctl(p);
        if_call(p, __NR_inotify_add_watch, SECCOMP_RET_ALLOW);
        if_call(p, __NR_inotify_rm_watch, SECCOMP_RET_ALLOW);
        if_call(p, __NR_getdents64, SECCOMP_RET_ALLOW);
    }
    if (s->remove) {
        if_call(p, __NR_unlinkat, SECCOMP_RET_ALLOW);
#ifdef __NR_unlink
        if_call(p, __NR_unlink, SECCOMP_RET_ALLOW);
#endif
    }
}

#ifdef ARCH
static void build(struct program *p, const struct sandbox *s)
{
    p->n = 0;
    /* Numbers mean another thing in the other modes of the same CPU. */
    load(p, offsetof(struct seccomp_data, arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    put(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_CALLS);
    answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
    put_lists(p);
    put_choices(p, s);
    put_arguments(p, s);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
}
#endif

bool sandbox_exists(void)
{
#if defined ARCH && !defined SANITIZED
    return gcov_init == NULL;
#else
    return false;
#endif
}

int sandbox_enter(const struct sandbox *s, char *why, size_t why_size)
{
#ifdef ARCH
    struct program p;
    struct sock_fprog prog;

    build(&p, s);
    if (p.n > FILTER_MAX) {
        snprintf(why, why_size, "the filter is too long");
        return -1;
    }
    prog.len = p.n;
    prog.filter = p.at;
    if (!sandbox_exists()) {
        snprintf(why, why_size, "this build has none");
        return -1;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0) {
        snprintf(why, why_size, "%s", strerror(errno));
        return -1;
    }
    return 0;
#else
    (void)s;
    (void)put_lists;
    (void)put_choices;
    (void)put_arguments;
    snprintf(why, why_size, "there is none for this CPU");
    return -1;
#endif
}
