/* SPDX-License-Identifier: BSD-3-Clause */
#include "twomap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *must(void *p, const char *what)
{
    if (p == MAP_FAILED) {
        perror(what);
        exit(1);
    }
    return p;
}

/* A view with a page that nobody may touch on either side. */
static uint8_t *view(int fd, size_t size, size_t page)
{
    uint8_t *hole =
        must(mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
             "mmap guard");

    return must(
        mmap(hole + page, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
        "mmap view");
}

void twomap_open(struct twomap *m, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int fd = memfd_create("vgpio-test", MFD_CLOEXEC);

    size = (size + page - 1) / page * page;
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        perror("memfd");
        exit(1);
    }
    m->size = size;
    m->driver = view(fd, size, page);
    m->device = view(fd, size, page);
    close(fd);
    m->region = (struct vgpio_mem_region){TWOMAP_GPA, size, m->device};
    m->table = (struct vgpio_mem_table){&m->region, 1};
    m->mem =
        (struct vgpio_mem){sizeof m->mem, &m->table, vgpio_mem_table_map, NULL, NULL};
}

void twomap_close(struct twomap *m)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    munmap(m->driver - page, m->size + 2 * page);
    munmap(m->device - page, m->size + 2 * page);
}

void twomap_turn(struct twomap *m, enum twomap_side side)
{
    int rw = PROT_READ | PROT_WRITE;

    if (mprotect(m->driver, m->size, side == TWOMAP_DEVICE ? PROT_NONE : rw) != 0 ||
        mprotect(m->device, m->size, side == TWOMAP_DRIVER ? PROT_NONE : rw) != 0) {
        perror("mprotect");
        exit(1);
    }
}
