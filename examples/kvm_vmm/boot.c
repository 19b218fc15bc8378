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
    CMDLINE = 0x20000,
    CMDLINE_MAX = 0x10000,
    HEADER_MAGIC = 0x53726448, /* "HdrS" */
    SETUP_HEADER = 0x1f1,      /* in a bzImage */
    ENTRY_64 = 0x200,          /* behind the start of its part for protected mode */
    E820_RAM = 1,
    E820_RESERVED = 2
};

static const char too_big[] = "it is cut short, or too big for the guest's memory";

struct file {
    const char *path;
    const uint8_t *data;
    uint64_t size;
};

struct kernel {
    struct setup_header header;
    uint64_t entry, end; /* behind it: there the memory is free */
};

static int refuse(const struct file *f, const char *why)
{
    complain("%s: %s", f->path, why);
    return EXIT_FAILED;
}

static int open_file(struct file *f, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p = MAP_FAILED;

    f->path = path;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (p == MAP_FAILED) {
        return refuse(f, strerror(errno));
    }
    close(fd);
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

static int load_elf(const struct vm *vm, const struct file *f, struct kernel *k)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    unsigned i;

    memcpy(&eh, f->data, sizeof eh);
    if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 ||
        eh.e_phentsize != sizeof ph) {
        return refuse(f, "an ELF file, but not for this machine");
    }
    for (i = 0; i < eh.e_phnum; i++) {
        uint64_t at = eh.e_phoff + i * sizeof ph;

        if (at > f->size || f->size - at < sizeof ph) {
            return refuse(f, "an ELF file that ends too early");
        }
        memcpy(&ph, f->data + at, sizeof ph);
        if (ph.p_type != PT_LOAD) {
            continue;
        }
        if (ph.p_memsz < ph.p_filesz || vm_at(vm, ph.p_paddr, ph.p_memsz) == NULL ||
            !load(vm, f, ph.p_offset, ph.p_filesz, ph.p_paddr)) {
            return refuse(f, too_big);
        }
        k->end = ph.p_paddr + ph.p_memsz > k->end ? ph.p_paddr + ph.p_memsz : k->end;
    }
    k->entry = eh.e_entry;
    k->header.header = HEADER_MAGIC;
    k->header.boot_flag = 0xaa55;
    k->header.version = 0x20c;
    k->header.initrd_addr_max = 0x7fffffff;
    return EXIT_OK;
}

static int load_bzimage(const struct vm *vm, const struct file *f, struct kernel *k)
{
    struct setup_header *h = &k->header;
    uint64_t setup;

    memcpy(h, f->data + SETUP_HEADER, sizeof *h);
    if (h->header != HEADER_MAGIC || h->version < 0x20c) {
        return refuse(f, "neither an ELF file nor a bzImage of Linux 3.8 or later");
    }
    if ((h->xloadflags & XLF_KERNEL_64) == 0) {
        return refuse(f, "a kernel that does not start with 64 bits");
    }
    setup = ((h->setup_sects != 0 ? h->setup_sects : 4u) + 1u) * 512u;
    k->entry = h->pref_address + ENTRY_64;
    k->end = h->pref_address + h->init_size; /* it unpacks itself */
    return setup <= f->size && vm_at(vm, h->pref_address, h->init_size) != NULL &&
                   load(vm, f, setup, f->size - setup, h->pref_address)
               ? EXIT_OK
               : refuse(f, too_big);
}

static int load_kernel(const struct vm *vm, const char *path, struct kernel *k)
{
    struct file f;
    int code = open_file(&f, path);

    if (code != EXIT_OK) {
        return code;
    }
    code = f.size < 4096                          ? refuse(&f, "too short for a kernel")
           : memcmp(f.data, ELFMAG, SELFMAG) == 0 ? load_elf(vm, &f, k)
                                                  : load_bzimage(vm, &f, k);
    close_file(&f);
    return code;
}

/* As high as it may be: out of the way of a kernel that unpacks itself. */
static int load_initrd(const struct vm *vm, const char *path, struct kernel *k)
{
    uint64_t top = (uint64_t)k->header.initrd_addr_max + 1, addr;
    struct file f;
    int code = open_file(&f, path);

    if (code != EXIT_OK) {
        return code;
    }
    top = top < vm->memory_size ? top : vm->memory_size;
    addr = f.size < top ? (top - f.size) & ~(uint64_t)4095 : 0;
    if (addr < k->end || !load(vm, &f, 0, f.size, addr)) {
        code = refuse(&f, too_big);
    }
    k->header.ramdisk_image = (uint32_t)addr;
    k->header.ramdisk_size = (uint32_t)f.size;
    close_file(&f);
    return code;
}

int boot_load(const struct vm *vm, const char *kernel, const char *initrd,
              const char *cmdline, uint64_t *entry)
{
    struct boot_params *p = vm_at(vm, BOOT_PARAMS, sizeof *p);
    size_t len = strlen(cmdline);
    struct kernel k = {.end = 0};
    int code = load_kernel(vm, kernel, &k);

    if (code == EXIT_OK && initrd != NULL) {
        code = load_initrd(vm, initrd, &k);
    }
    if (code != EXIT_OK) {
        return code;
    }
    if (len >= CMDLINE_MAX) {
        complain("the kernel's command line is too long");
        return EXIT_FAILED;
    }
    memcpy(vm->memory + CMDLINE, cmdline, len + 1);
    p->hdr = k.header;
    p->hdr.type_of_loader = 0xff; /* none that has a number */
    p->hdr.loadflags |= LOADED_HIGH;
    p->hdr.cmd_line_ptr = CMDLINE;
    p->hdr.cmdline_size = (uint32_t)len;
    p->e820_entries = 3;
    p->e820_table[0] = (struct boot_e820_entry){0, MPTABLE, E820_RAM};
    p->e820_table[1] =
        (struct boot_e820_entry){MPTABLE, HIGH_MEMORY - MPTABLE, E820_RESERVED};
    p->e820_table[2] =
        (struct boot_e820_entry){HIGH_MEMORY, vm->memory_size - HIGH_MEMORY, E820_RAM};
    *entry = k.entry;
    return EXIT_OK;
}
