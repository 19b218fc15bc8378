/* SPDX-License-Identifier: BSD-3-Clause */
/* Intel's MultiProcessor Specification 1.4: a pointer, a header, and a list of entries.
 * With ACPI tables in its place Linux would want an interpreter's byte code from us. */
#include "boot.h"

#include <string.h>

#define LOCAL_APIC 0xfee00000u
#define IO_APIC 0xfec00000u
enum {
    IRQS = 16, /* of the ISA bus, pin N of the I/O APIC each */

    ENTRY_CPU = 0,
    ENTRY_BUS = 1,
    ENTRY_IO_APIC = 2,
    ENTRY_IRQ = 3,
    ENTRY_LOCAL_IRQ = 4,

    CPU_ENABLED = 1,
    CPU_BOOTS = 2,
    IRQ_VECTORED = 0,
    IRQ_NMI = 1,
    IRQ_EXTERNAL = 3,      /* of the old interrupt controllers */
    AS_THE_BUS_HAS_IT = 0, /* ISA: edges, active high */
    LEVEL_HIGH = 3 << 2 | 1,
    ISA = 0,
    ALL_CPUS = 0xff
};

struct table {
    uint8_t *start, *p;
    unsigned entries;
};

static void put(struct table *t, unsigned size, uint32_t value)
{
    while (size-- > 0) {
        *t->p++ = (uint8_t)value;
        value >>= 8;
    }
}

static void put_text(struct table *t, const char *text)
{
    size_t n = strlen(text);

    memcpy(t->p, text, n);
    t->p += n;
}

/* Makes the sum of all bytes zero. */
static void sum(uint8_t *p, unsigned len, unsigned at)
{
    uint8_t total = 0;
    unsigned i;

    p[at] = 0;
    for (i = 0; i < len; i++) {
        total = (uint8_t)(total + p[i]);
    }
    p[at] = (uint8_t)-total;
}

static void put_cpu(struct table *t, unsigned id)
{
    put(t, 1, ENTRY_CPU);
    put(t, 1, id);
    put(t, 1, 0x14); /* the APIC's version */
    put(t, 1, CPU_ENABLED | (id == 0 ? CPU_BOOTS : 0));
    put(t, 4, 0x600);       /* family, model, stepping: Linux asks the processor itself */
    put(t, 4, 1u << 9 | 1); /* it has an APIC, and a floating point unit */
    put(t, 4, 0);
    put(t, 4, 0);
    t->entries++;
}

static void put_irq(struct table *t, unsigned entry, unsigned kind, unsigned how,
                    unsigned irq, unsigned to, unsigned pin)
{
    put(t, 1, entry);
    put(t, 1, kind);
    put(t, 2, how);
    put(t, 1, ISA);
    put(t, 1, irq);
    put(t, 1, to);
    put(t, 1, pin);
    t->entries++;
}

static void put_entries(struct table *t, unsigned ncpus, unsigned level_irq)
{
    unsigned i;

    for (i = 0; i < ncpus; i++) {
        put_cpu(t, i);
    }
    put(t, 1, ENTRY_BUS);
    put(t, 1, ISA);
    put_text(t, "ISA   ");
    put(t, 1, ENTRY_IO_APIC);
    put(t, 1, ncpus); /* its number, of those the processors have not */
    put(t, 1, 0x11);
    put(t, 1, 1); /* usable */
    put(t, 4, IO_APIC);
    t->entries += 2;
    for (i = 0; i < IRQS; i++) {
        put_irq(t, ENTRY_IRQ, IRQ_VECTORED,
                i == level_irq ? LEVEL_HIGH : AS_THE_BUS_HAS_IT, i, ncpus, i);
    }
    put_irq(t, ENTRY_LOCAL_IRQ, IRQ_EXTERNAL, AS_THE_BUS_HAS_IT, 0, ALL_CPUS, 0);
    put_irq(t, ENTRY_LOCAL_IRQ, IRQ_NMI, AS_THE_BUS_HAS_IT, 0, ALL_CPUS, 1);
}

void mptable_write(const struct vm *vm, unsigned level_irq)
{
    struct table head = {.start = vm->memory + MPTABLE, .p = vm->memory + MPTABLE};
    struct table t = {.start = head.p + 16, .p = head.p + 16};
    unsigned len;

    put_text(&t, "PCMP");
    put(&t, 4, 0); /* length, version and sum: below */
    put_text(&t, "VIRTGPIOkvm_vmm     ");
    put(&t, 4, 0);
    put(&t, 4, 0);
    put(&t, 4, LOCAL_APIC);
    put(&t, 4, 0);
    put_entries(&t, vm->ncpus, level_irq);
    len = (unsigned)(t.p - t.start);
    t.p = t.start + 4;
    put(&t, 2, len);
    put(&t, 1, 4); /* version 1.4 */
    t.p = t.start + 34;
    put(&t, 2, t.entries);
    sum(t.start, len, 7);

    put_text(&head, "_MP_");
    put(&head, 4, MPTABLE + 16);
    put(&head, 1, 1); /* of 16 bytes */
    put(&head, 1, 4);
    sum(head.start, 16, 10);
}
