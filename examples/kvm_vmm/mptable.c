/* SPDX-License-Identifier: BSD-3-Clause */
/* Intel's MultiProcessor Specification 1.4: a pointer, a header, and a list of entries.
 * With ACPI tables in its place Linux would want an interpreter's byte code from us. */
#include "boot.h"

#include <string.h>

#define LOCAL_APIC 0xfee00000u
#define IO_APIC 0xfec00000u
enum {
    IRQS = 16, /* of the ISA bus, pin N of the I/O APIC each */
    ISA = 0,
    AS_THE_BUS_HAS_IT = 0, /* ISA: edges, active high */
    LEVEL_HIGH = 3 << 2 | 1
};

struct pointer {
    char signature[4];
    uint32_t table;
    uint8_t paragraphs, version, sum, features[5];
};

struct header {
    char signature[4];
    uint16_t size;
    uint8_t version, sum;
    char who[20];
    uint32_t oem_table;
    uint16_t oem_size, entries;
    uint32_t local_apic, extended;
};

struct cpu { /* 0 */
    uint8_t type, id, apic_version, flags;
    uint32_t signature, features, reserved[2];
};

struct bus { /* 1 */
    uint8_t type, id;
    char name[6];
};

struct io_apic { /* 2 */
    uint8_t type, id, version, flags;
    uint32_t address;
};

struct irq { /* 3 */
    uint8_t type, kind;
    uint16_t how;
    uint8_t bus, irq, apic, pin;
};

static void put(struct header *h, const void *entry, size_t size)
{
    memcpy((uint8_t *)h + h->size, entry, size);
    h->size = (uint16_t)(h->size + size);
    h->entries++;
}

/* What makes the sum of all bytes zero, where there is zero for it now. */
static uint8_t sum(const void *data, unsigned len)
{
    const uint8_t *p = data;
    uint8_t total = 0;

    while (len-- > 0) {
        total = (uint8_t)(total - *p++);
    }
    return total;
}

void mptable_write(const struct vm *vm, unsigned level_irq)
{
    struct pointer *p = vm_at(vm, MPTABLE, HIGH_MEMORY - MPTABLE);
    struct header *h = (struct header *)(p + 1);
    /* It is told what Linux asks the processor itself; only the APIC's number counts. */
    struct cpu cpu = {.apic_version = 0x14, .signature = 0x600, .features = 1u << 9 | 1};
    struct bus bus = {.type = 1, .id = ISA, .name = "ISA   "};
    struct io_apic apic = {2, (uint8_t)vm->ncpus, 0x11, 1, IO_APIC};
    struct irq irq = {.type = 3, .bus = ISA, .apic = apic.id};
    unsigned i;

    *h = (struct header){.signature = "PCMP",
                         .size = sizeof *h,
                         .version = 4,
                         .who = "VIRTGPIOkvm_vmm     ",
                         .local_apic = LOCAL_APIC};
    for (i = 0; i < vm->ncpus; i++) {
        cpu.id = (uint8_t)i;
        cpu.flags = i == 0 ? 3 : 1; /* usable; the first one boots */
        put(h, &cpu, sizeof cpu);
    }
    put(h, &bus, sizeof bus);
    put(h, &apic, sizeof apic);
    for (i = 0; i < IRQS; i++) {
        irq.irq = irq.pin = (uint8_t)i;
        irq.how = i == level_irq ? LEVEL_HIGH : AS_THE_BUS_HAS_IT;
        put(h, &irq, sizeof irq);
    }
    h->sum = sum(h, h->size);
    *p = (struct pointer){"_MP_", MPTABLE + sizeof *p, 1, 4, 0, {0}};
    p->sum = sum(p, sizeof *p);
}
