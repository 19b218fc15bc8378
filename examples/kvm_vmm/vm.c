/* SPDX-License-Identifier: BSD-3-Clause */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Three pages that Intel's processors want for themselves. */
#define TSS_ADDRESS 0xfffbd000u
enum {
    CPUID_ENTRIES = 256,
    /* Below 0x10000: what the boot protocol for 64 bits wants to be there. */
    GDT = 0x500,
    PML4 = 0x9000,
    PDPT = 0xa000,
    PAGES = 0xb000
};

void complain(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("kvm_vmm: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

int failed(const char *what)
{
    complain("%s: %s", what, strerror(errno));
    return EXIT_FAILED;
}

/* --- can this machine do it? --- */

/* A host that is itself a guest without nested virtualisation may have a /dev/kvm that
 * opens and makes machines, in which no ordinary kernel runs: only the flags tell. They
 * are asked of the kernel, since CPUID may answer for the host below. */
static bool cpu_has_virtualisation(void)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[8192];
    bool found = false;

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "flags", 5) == 0) {
            line[strcspn(line, "\n")] = ' ';
            found = strstr(line, " vmx ") != NULL || strstr(line, " svm ") != NULL;
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

static int open_kvm(struct vm *vm)
{
    static const struct {
        int cap;
        const char *name;
    } needed[] = {{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
                  {KVM_CAP_PIT2, "KVM_CAP_PIT2"},
                  {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
                  {KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE"},
                  {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"}};
    size_t i;

    vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (vm->kvm < 0) {
        complain("/dev/kvm: %s", strerror(errno));
        return EXIT_NO_KVM;
    }
    if (!cpu_has_virtualisation()) {
        complain("/dev/kvm is there, but the processor has neither vmx nor svm (see "
                 "/proc/cpuinfo): it cannot run an ordinary kernel");
        return EXIT_NO_KVM;
    }
    for (i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, needed[i].cap) <= 0) {
            complain("/dev/kvm has no %s", needed[i].name);
            return EXIT_NO_KVM;
        }
    }
    return EXIT_OK;
}

/* --- the machine --- */

static int add_memory(struct vm *vm, uint64_t size)
{
    struct kvm_userspace_memory_region region = {.memory_size = size};
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    region.userspace_addr = (uintptr_t)p;
    if (p == MAP_FAILED || ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        return failed("the guest's memory");
    }
    vm->memory = p;
    vm->memory_size = size;
    return EXIT_OK;
}

/* The features of the host's processor, but the topology of ours: as many processors of
 * one core each as there are. */
static void adapt_cpuid(struct kvm_cpuid2 *all, unsigned apic_id, unsigned ncpus)
{
    uint32_t i;

    for (i = 0; i < all->nent; i++) {
        struct kvm_cpuid_entry2 *e = &all->entries[i];

        switch (e->function) {
        case 0x1:
            e->ebx = (e->ebx & 0xffffu) | ncpus << 16 | apic_id << 24;
            /* In a virtual machine, whose APIC can count by the TSC. */
            e->ecx |= 1u << 31 | 1u << 24;
            break;
        case 0x4:
            e->eax = (e->eax & 0x3fffu) | (e->eax != 0 ? (ncpus - 1) << 26 : 0);
            break;
        case 0xb:
        case 0x1f: /* only the APIC's number: then 0x1 and 0x4 count */
            e->eax = e->ebx = e->ecx = 0;
            e->edx = apic_id;
            break;
        case 0x80000001:
            e->ecx &= ~(1u << 22); /* no leaf 0x8000001e */
            break;
        case 0x80000008:
            e->ecx = ncpus - 1;
            break;
        default:
            break;
        }
    }
}

static int set_cpuid(struct vm *vm, unsigned index)
{
    struct kvm_cpuid2 *all =
        calloc(1, sizeof *all + CPUID_ENTRIES * sizeof all->entries[0]);
    int err = -1;

    if (all != NULL) {
        all->nent = CPUID_ENTRIES;
        err = ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, all);
    }
    if (err == 0) {
        adapt_cpuid(all, index, vm->ncpus);
        err = ioctl(vm->cpu[index].fd, KVM_SET_CPUID2, all);
    }
    free(all);
    return err < 0 ? failed("CPUID") : EXIT_OK;
}

static int add_cpu(struct vm *vm, unsigned index)
{
    struct vcpu *cpu = &vm->cpu[index];
    int size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    void *p = MAP_FAILED;

    cpu->vm = vm;
    cpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
    if (cpu->fd >= 0 && size > 0) {
        p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    }
    if (p == MAP_FAILED) {
        return failed("a processor");
    }
    cpu->run = p;
    return set_cpuid(vm, index);
}

int vm_init(struct vm *vm, unsigned ncpus, unsigned memory_mib)
{
    struct kvm_pit_config pit = {0};
    int code = open_kvm(vm);
    unsigned i;

    if (code != EXIT_OK) {
        return code;
    }
    vm->exit_code = -1;
    vm->ncpus = ncpus;
    vm->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
    if (vm->ended < 0 || vm->fd < 0) {
        return failed("KVM_CREATE_VM");
    }
    /* Interrupt controllers and the timer in the kernel, as irqfd needs. */
    if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0 ||
        ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 ||
        ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0) {
        return failed("KVM's interrupt controllers");
    }
    code = add_memory(vm, (uint64_t)memory_mib << 20);
    for (i = 0; i < ncpus && code == EXIT_OK; i++) {
        code = add_cpu(vm, i);
    }
    return code;
}

void *vm_at(const struct vm *vm, uint64_t addr, uint64_t len)
{
    return addr <= vm->memory_size && len <= vm->memory_size - addr ? vm->memory + addr
                                                                    : NULL;
}

void vm_set_irq(struct vm *vm, unsigned irq, unsigned level)
{
    struct kvm_irq_level l = {.irq = irq, .level = level};

    (void)ioctl(vm->fd, KVM_IRQ_LINE, &l);
}

/* --- a processor's first state --- */

/* 64 bits, flat segments, the first GiB mapped to itself by pages of 2 MiB. The other
 * processors wait until the guest starts them. */
static void write_tables(const struct vm *vm)
{
    uint64_t *gdt = vm_at(vm, GDT, 32), *pages = vm_at(vm, PAGES, 4096), i;

    gdt[2] = 0x00af9b000000ffffu;
    gdt[3] = 0x00cf93000000ffffu;
    *(uint64_t *)vm_at(vm, PML4, 8) = PDPT | 3;
    *(uint64_t *)vm_at(vm, PDPT, 8) = PAGES | 3;
    for (i = 0; i < 512; i++) {
        pages[i] = i << 21 | 0x83;
    }
}

static int set_registers(struct vm *vm, uint64_t entry, uint64_t boot_params)
{
    struct kvm_segment code = {.selector = 0x10, .type = 11, .l = 1};
    struct kvm_segment data = {.selector = 0x18, .type = 3, .db = 1};
    struct kvm_regs regs = {.rip = entry, .rsi = boot_params, .rflags = 2};
    struct kvm_sregs sregs;

    write_tables(vm);
    if (ioctl(vm->cpu[0].fd, KVM_GET_SREGS, &sregs) < 0) {
        return failed("KVM_GET_SREGS");
    }
    code.limit = data.limit = 0xffffffffu;
    code.present = code.s = code.g = data.present = data.s = data.g = 1;
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.gdt.base = GDT;
    sregs.gdt.limit = 31;
    sregs.cr3 = PML4;
    sregs.cr4 |= 1u << 5;             /* PAE */
    sregs.cr0 |= 1u << 31 | 1u;       /* paging, protected mode */
    sregs.efer |= 1u << 10 | 1u << 8; /* long mode */
    return ioctl(vm->cpu[0].fd, KVM_SET_SREGS, &sregs) < 0 ||
                   ioctl(vm->cpu[0].fd, KVM_SET_REGS, &regs) < 0
               ? failed("a processor's registers")
               : EXIT_OK;
}

/* --- running --- */

static void handle_port(struct vm *vm, struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    uint32_t i;

    for (i = 0; i < run->io.count; i++) {
        vm->port(vm->ctx, run->io.port, data, run->io.size,
                 run->io.direction == KVM_EXIT_IO_OUT);
        data += run->io.size;
    }
}

static bool crashed(const struct vcpu *cpu, const char *how)
{
    struct kvm_regs regs = {0};

    (void)ioctl(cpu->fd, KVM_GET_REGS, &regs);
    complain("processor %d at 0x%llx: %s", (int)(cpu - cpu->vm->cpu), regs.rip, how);
    vm_end(cpu->vm, EXIT_FAILED);
    return false;
}

/* False: this processor runs no more. */
static bool handle_exit(struct vm *vm, struct vcpu *cpu)
{
    struct kvm_run *run = cpu->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        handle_port(vm, run);
        return true;
    case KVM_EXIT_MMIO:
        vm->mmio(vm->ctx, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
                 run->mmio.is_write);
        return true;
    case KVM_EXIT_INTR:
        return true;
    case KVM_EXIT_SHUTDOWN:
        return crashed(cpu, "triple fault");
    case KVM_EXIT_FAIL_ENTRY:
        return crashed(cpu, "the processor refuses to run the guest");
    case KVM_EXIT_INTERNAL_ERROR:
        return crashed(cpu, "KVM cannot run this instruction");
    default:
        complain("exit reason %u", run->exit_reason);
        return crashed(cpu, "KVM wants something unknown");
    }
}

static void *run_cpu(void *arg)
{
    struct vcpu *cpu = arg;
    bool runs = true;

    while (runs) {
        if (ioctl(cpu->fd, KVM_RUN, 0) == 0) {
            runs = handle_exit(cpu->vm, cpu);
        } else if (errno != EINTR && errno != EAGAIN) {
            runs = crashed(cpu, strerror(errno));
        } else { /* vm_stop() */
            runs = __atomic_load_n(&cpu->run->immediate_exit, __ATOMIC_ACQUIRE) == 0;
        }
    }
    return NULL;
}

static void interrupted(int sig)
{
    (void)sig; /* it has ended KVM_RUN, which is all it is for */
}

int vm_start(struct vm *vm, uint64_t entry, uint64_t boot_params)
{
    struct sigaction action = {.sa_handler = interrupted};
    int code = set_registers(vm, entry, boot_params);

    sigaction(SIGUSR1, &action, NULL);
    for (; code == EXIT_OK && vm->nthreads < vm->ncpus; vm->nthreads++) {
        struct vcpu *cpu = &vm->cpu[vm->nthreads];

        errno = pthread_create(&cpu->thread, NULL, run_cpu, cpu);
        if (errno != 0) {
            return failed("a processor's thread");
        }
    }
    return code;
}

void vm_stop(struct vm *vm)
{
    unsigned i;

    for (i = 0; i < vm->nthreads; i++) {
        /* The flag for a processor on its way into KVM_RUN, the signal for one inside. */
        __atomic_store_n(&vm->cpu[i].run->immediate_exit, 1, __ATOMIC_RELEASE);
        pthread_kill(vm->cpu[i].thread, SIGUSR1);
    }
    while (vm->nthreads > 0) {
        pthread_join(vm->cpu[--vm->nthreads].thread, NULL);
    }
}

void vm_end(struct vm *vm, int exit_code)
{
    const uint64_t one = 1;
    int none = -1;

    __atomic_compare_exchange_n(&vm->exit_code, &none, exit_code, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    (void)!write(vm->ended, &one, sizeof one);
}
