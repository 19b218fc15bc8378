/* SPDX-License-Identifier: BSD-3-Clause */
/* Linux's boot protocol for 64 bits: the kernel's Documentation/arch/x86/boot.rst. */
#include "boot.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BOOT_PARAMS = 0x7000,
    CMDLINE = 0x20000,
    CMDLINE_MAX = 0x10000,
    HIGH_MEMORY = 0x100000,
    SETUP_HEADER = 0x1f1, /* in a bzImage */
    ENTRY_64 = 0x200,     /* behind the start of its part for protected mode */
    E820_RAM = 1,
    E820_RESERVED = 2
};

struct file {
    const uint8_t *data;
    uint64_t size;
};

static int refuse(const char *path, const char *why)
{
    complain("%s: %s", path, why);
    return EXIT_FAILED;
}

static int open_file(const char *path, struct file *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (p == MAP_FAILED) {
        return refuse(path, strerror(errno));
    }
    f->data = p;
    f->size = (uint64_t)st.st_size;
    return EXIT_OK;
}

static void close_file(struct file *f)
{
    munmap((void *)(uintptr_t)f->data, f->size);
}

/* A piece of the file, `offset` bytes into it, to an address of the guest. */
static bool load(const struct vm *vm, const struct file *f, uint64_t offset, uint64_t len,
                 uint64_t addr)
{
    void *to = vm_at(vm, addr, len);

    if (to == NULL || addr < HIGH_MEMORY || offset > f->size || len > f->size - offset) {
        return false;
    }
    memcpy(to, f->data + offset, len);
    return true;
}

/* --- the two forms of a kernel --- */

static int load_elf(const struct vm *vm, const char *path, const struct file *f,
                    uint64_t *entry, uint64_t *end)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    unsigned i;

    memcpy(&eh, f->data, sizeof eh);
    if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 ||
        eh.e_phentsize != sizeof ph) {
        return refuse(path, "an ELF file, but not for this machine");
    }
    for (i = 0; i < eh.e_phnum; i++) {
        uint64_t at = eh.e_phoff + i * sizeof ph;

        if (at > f->size || f->size - at < sizeof ph) {
            return refuse(path, "an ELF file that ends too early");
        }
        memcpy(&ph, f->data + at, sizeof ph);
        if (ph.p_type != PT_LOAD) {
            continue;
        }
        if (ph.p_memsz < ph.p_filesz || vm_at(vm, ph.p_paddr, ph.p_memsz) == NULL ||
            !load(vm, f, ph.p_offset, ph.p_filesz, ph.p_paddr)) {
            return refuse(path, "it is cut short, or too big for the guest's memory");
        }
        *end = ph.p_paddr + ph.p_memsz > *end ? ph.p_paddr + ph.p_memsz : *end;
    }
    *entry = eh.e_entry;
    return EXIT_OK;
}

static int load_bzimage(const struct vm *vm, const char *path, const struct file *f,
                        struct setup_header *h, uint64_t *entry, uint64_t *end)
{
    uint64_t setup;

    memcpy(h, f->data + SETUP_HEADER, sizeof *h);
    if (h->header != 0x53726448 /* HdrS */ || h->version < 0x20c) {
        return refuse(path, "neither an ELF file nor a bzImage of Linux 3.8 or later");
    }
    if ((h->xloadflags & XLF_KERNEL_64) == 0) {
        return refuse(path, "a kernel that does not start with 64 bits");
    }
    setup = ((h->setup_sects != 0 ? h->setup_sects : 4u) + 1u) * 512u;
    *entry = h->pref_address + ENTRY_64;
    *end = h->pref_address + h->init_size; /* it unpacks itself */
    if (setup > f->size || vm_at(vm, h->pref_address, h->init_size) == NULL ||
        !load(vm, f, setup, f->size - setup, h->pref_address)) {
        return refuse(path, "it is cut short, or too big for the guest's memory");
    }
    return EXIT_OK;
}

static int load_kernel(const struct vm *vm, const char *path, struct setup_header *h,
                       uint64_t *entry, uint64_t *end)
{
    struct file f;
    int code = open_file(path, &f);

    if (code != EXIT_OK) {
        return code;
    }
    if (f.size < 4096) {
        code = refuse(path, "too short for a kernel");
    } else if (memcmp(f.data, ELFMAG, SELFMAG) == 0) {
        code = load_elf(vm, path, &f, entry, end);
        h->header = 0x53726448;
        h->boot_flag = 0xaa55;
        h->version = 0x20c;
        h->initrd_addr_max = 0x7fffffff;
    } else {
        code = load_bzimage(vm, path, &f, h, entry, end);
    }
    close_file(&f);
    return code;
}

/* --- what it is told --- */

/* As high as it may be: out of the way of a kernel that unpacks itself. */
static int load_initrd(const struct vm *vm, const char *path, struct setup_header *h,
                       uint64_t kernel_end)
{
    uint64_t top = vm->memory_size, addr;
    struct file f;
    int code = open_file(path, &f);

    if (code != EXIT_OK) {
        return code;
    }
    if (top > (uint64_t)h->initrd_addr_max + 1) {
        top = (uint64_t)h->initrd_addr_max + 1;
    }
    addr = f.size < top ? (top - f.size) & ~(uint64_t)4095 : 0;
    if (addr < kernel_end || !load(vm, &f, 0, f.size, addr)) {
        code = refuse(path, "it is cut short, or too big for the guest's memory");
    }
    h->ramdisk_image = (uint32_t)addr;
    h->ramdisk_size = (uint32_t)f.size;
    close_file(&f);
    return code;
}

static void add_range(struct boot_params *p, uint64_t from, uint64_t to, uint32_t type)
{
    struct boot_e820_entry e = {.addr = from, .size = to - from, .type = type};

    p->e820_table[p->e820_entries++] = e;
}

int boot_load(const struct vm *vm, const char *kernel, const char *initrd,
              const char *cmdline, struct boot_where *where)
{
    static struct boot_params p; /* 4 KiB */
    uint64_t kernel_end = 0;
    int code;

    memset(&p, 0, sizeof p);
    if (strlen(cmdline) >= CMDLINE_MAX) {
        complain("the kernel's command line is too long");
        return EXIT_FAILED;
    }
    code = load_kernel(vm, kernel, &p.hdr, &where->entry, &kernel_end);
    if (code == EXIT_OK && initrd != NULL) {
        code = load_initrd(vm, initrd, &p.hdr, kernel_end);
    }
    if (code != EXIT_OK) {
        return code;
    }
    p.hdr.type_of_loader = 0xff; /* none that has a number */
    p.hdr.loadflags |= LOADED_HIGH;
    p.hdr.cmd_line_ptr = CMDLINE;
    p.hdr.cmdline_size = (uint32_t)strlen(cmdline);
    add_range(&p, 0, MPTABLE, E820_RAM);
    add_range(&p, MPTABLE, HIGH_MEMORY, E820_RESERVED);
    add_range(&p, HIGH_MEMORY, vm->memory_size, E820_RAM);
    memcpy(vm->memory + CMDLINE, cmdline, strlen(cmdline) + 1);
    memcpy(vm->memory + BOOT_PARAMS, &p, sizeof p);
    where->params = BOOT_PARAMS;
    return EXIT_OK;
}
