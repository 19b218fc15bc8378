/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared memory, and the socket of a back end. */
#include "chip.h"
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <virtiogpio/wire.h>

#define ENOUGH_MIB 64u

/* ---- memory ---- */

void doctor_memory(struct doctor *d)
{
    int fd = memfd_create("vgpio-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct statvfs fs;

    if (fd < 0) {
        doctor_say(d, BAD, "memory-backend-file,mem-path=/dev/shm,share=on may do",
                   "this kernel gives no memfd: %s", strerror(errno));
    } else {
        doctor_say(d, FINE, NULL, "memory can be shared by memfd");
        close(fd);
    }
    if (statvfs("/dev/shm", &fs) != 0) {
        doctor_say(d, NOTE, NULL,
                   "there is no /dev/shm; memory-backend-memfd needs none");
        return;
    }
    if ((uint64_t)fs.f_bavail * fs.f_frsize >> 20 < ENOUGH_MIB) {
        doctor_say(d, WARN, "use memory-backend-memfd, or mount it larger",
                   "/dev/shm has %" PRIu64 " MiB left: little for memory-backend-file",
                   (uint64_t)fs.f_bavail * fs.f_frsize >> 20);
    }
}

/* ---- rights ---- */

static bool judge_rights(struct doctor *d, const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0) {
        doctor_say(d, BAD, "start the back end before the guest", "%s: %s", path,
                   strerror(errno));
        return false;
    }
    if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        doctor_say(d, BAD, "give the path that the back end listens on",
                   "%s: is no socket", path);
        return false;
    }
    if (access(path, W_OK) < 0) {
        doctor_say(d, BAD, "change its owner or mode: who connects must be able to write",
                   "%s: %s (mode %03o, owner %u)", path, strerror(errno),
                   (unsigned)(st.st_mode & 0777u), (unsigned)st.st_uid);
        return false;
    }
    if ((st.st_mode & 0022u) == 0 && getuid() == 0 && st.st_uid == 0) {
        doctor_say(d, NOTE, "chown it, or start QEMU as root",
                   "%s: is root's alone; a QEMU that runs as another user cannot connect",
                   path);
    }
    return true;
}

/* ---- what it offers ---- */

static void judge_offer(struct doctor *d, const char *path,
                        const struct vgpio_vuf_facts *f)
{
    if ((f->offered & VGPIO_F_VERSION_1) == 0) {
        doctor_say(d, BAD, "use another back end", "%s: does not offer VERSION_1", path);
    }
    if ((f->offered & VGPIO_F_IRQ) == 0) {
        doctor_say(d, BAD, "vgpio serve: leave --no-irq out",
                   "%s: does not offer interrupts (feature bit 0)", path);
    }
    if ((f->protocol & VGPIO_VU_P_CONFIG) == 0) {
        doctor_say(d, BAD, "use another back end",
                   "%s: has no config space (protocol feature CONFIG); QEMU needs it",
                   path);
    }
    if ((f->protocol & VGPIO_VU_P_MQ) == 0) {
        doctor_say(d, WARN, NULL,
                   "%s: does not tell how many queues it has (MQ); QEMU assumes one",
                   path);
    } else if (f->queues < 2 && (f->offered & VGPIO_F_IRQ) != 0) {
        doctor_say(d, BAD, "use another back end",
                   "%s: offers interrupts, but no queue for them", path);
    }
    if ((f->protocol_offered & UINT64_C(1) << 5) == 0) {
        doctor_say(d, NOTE, NULL,
                   "%s: no BACKEND_REQ: User-Mode Linux gives it no interrupts", path);
    }
}

static void judge_lines(struct doctor *d, const struct chip *c)
{
    doctor_say(d, FINE, NULL, "%s: a GPIO device with %u lines", c->name, c->nlines);
    if (c->nlines == 0) {
        doctor_say(d, BAD, NULL, "%s: no lines: Linux refuses it", c->name);
    } else if (c->nlines > 512) {
        doctor_say(d, WARN, NULL,
                   "%s: Linux up to 6.1 has numbers for 512 or 1024 lines in all",
                   c->name);
    }
}

void doctor_socket(struct doctor *d, const char *path)
{
    struct vgpio_vuf_facts facts;
    struct vgpio_vuf_linux_config fc = {.timeout_ms = d->timeout_ms};
    struct vgpio_vuf_linux front;
    struct chip chip;

    if (!judge_rights(d, path)) {
        return;
    }
    if (vgpio_vuf_linux_open(&front, path, &fc) < 0 ||
        vgpio_vuf_negotiate(&front.vuf) < 0) {
        doctor_say(d, BAD, "is the back end running, and is no guest connected to it?",
                   "%s: %s", path, vgpio_vuf_linux_reason(&front));
        vgpio_vuf_linux_close(&front);
        return;
    }
    vgpio_vuf_get_facts(&front.vuf, &facts);
    vgpio_vuf_linux_close(&front);
    judge_offer(d, path, &facts);
    if (chip_open(&chip, path, path, 0, d->timeout_ms) < 0) {
        doctor_say(d, BAD, NULL, "%s: its device does not work, as was just said", path);
    } else {
        judge_lines(d, &chip);
    }
    chip_close(&chip);
}
