/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual machine on /dev/kvm: memory, processors, interrupts, and who is asked when
 * the guest touches a device. */
#ifndef KVM_VMM_VM_H
#define KVM_VMM_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    EXIT_OK = 0,     /* the guest ended by itself, or a signal ended us */
    EXIT_FAILED = 1, /* the system said no, or the guest crashed */
    EXIT_USAGE = 2,  /* the command line is wrong */
    EXIT_NO_KVM = 3  /* this machine cannot run guests */
};

enum {
    VM_MAX_CPUS = 16,
    VM_MAX_MEMORY_MIB = 3072 /* devices have addresses above */
};

/* A guest's access to a device: `len` bytes at `data`, which it wrote or waits for. */
typedef void vm_access(void *ctx, uint64_t addr, void *data, unsigned len, bool write);

struct vm;
struct vcpu {
    struct vm *vm;
    int fd;
    struct kvm_run *run; /* shared with the kernel */
    pthread_t thread;
};

struct vm {
    int kvm, fd;
    uint8_t *memory; /* the guest's, from its address 0 on */
    uint64_t memory_size;
    unsigned ncpus, nthreads;
    struct vcpu cpu[VM_MAX_CPUS];
    vm_access *port, *mmio; /* called on the thread of the processor that asks */
    void *ctx;
    int ended; /* eventfd: readable once the guest is over */
    int exit_code;
};

/* Each prints what is wrong and returns EXIT_...; vm_init() finds out whether the machine
 * can run guests at all. The machine is zero before. */
int vm_init(struct vm *, unsigned ncpus, unsigned memory_mib);
int vm_start(struct vm *, uint64_t entry, uint64_t boot_params);

/* Stops the processors and waits for their threads. What the machine has besides belongs
 * to the process: its devices' threads may still be in it. */
void vm_stop(struct vm *);

/* The guest is over; from any thread. The first code counts. */
void vm_end(struct vm *, int exit_code);

/* The level of an interrupt line, as its device sees it. */
void vm_set_irq(struct vm *, unsigned irq, unsigned level);

/* len bytes of the guest's memory, or NULL where there are not as many. */
void *vm_at(const struct vm *, uint64_t addr, uint64_t len);

void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int failed(const char *what); /* complains with what errno says; EXIT_FAILED */

#endif /* KVM_VMM_VM_H */
