/* SPDX-License-Identifier: BSD-3-Clause */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_MAX (1u << 20)

/* ---- the program ---- */

static void judge_version(struct doctor *d, const char *program, const unsigned v[3])
{
    if (v[0] < 7 || (v[0] == 7 && v[1] < 2)) {
        doctor_say(d, BAD, "use QEMU 9.0 or later",
                   "%s: QEMU %u.%u.%u has no vhost-user-gpio", program, v[0], v[1], v[2]);
    } else if (v[0] < 9) {
        doctor_say(d, BAD, "use QEMU 9.0 or later",
                   "%s: QEMU %u.%u.%u gives guests lines, but never their interrupts",
                   program, v[0], v[1], v[2]);
    } else {
        doctor_say(d, FINE, NULL, "%s: QEMU %u.%u.%u passes interrupts on", program, v[0],
                   v[1], v[2]);
        doctor_say(d, NOTE, NULL,
                   "%s: does not connect again to a back end that was restarted",
                   program);
    }
}

static void judge_devices(struct doctor *d, const char *program)
{
    const char *const argv[] = {program, "-device", "help", NULL};
    char *text = malloc(HELP_MAX);

    if (text == NULL || doctor_run(d, argv, text, HELP_MAX) < 0) {
        doctor_say(d, WARN, NULL, "%s: does not list its devices", program);
    } else if (strstr(text, "\"vhost-user-gpio-pci\"") == NULL &&
               strstr(text, "\"vhost-user-gpio-device\"") == NULL) {
        doctor_say(d, BAD, "use a build with vhost-user support (Debian: qemu-system-*)",
                   "%s: was built without vhost-user-gpio", program);
    } else {
        doctor_say(
            d, FINE, NULL, "%s: has%s%s", program,
            strstr(text, "\"vhost-user-gpio-pci\"") != NULL ? " vhost-user-gpio-pci" : "",
            strstr(text, "\"vhost-user-gpio-device\"") != NULL ? " vhost-user-gpio-device"
                                                               : "");
    }
    free(text);
}

void doctor_qemu(struct doctor *d, const char *program)
{
    const char *const argv[] = {program, "--version", NULL};
    unsigned v[3] = {0, 0, 0};
    char text[512];
    const char *p;

    if (doctor_run(d, argv, text, sizeof text) < 0) {
        doctor_say(d, WARN, "install it, or name another one by --qemu",
                   "%s: cannot be run", program);
        return;
    }
    p = strstr(text, "version ");
    if (p == NULL || doctor_version(p + strlen("version "), v) < 2) {
        doctor_say(d, WARN, "name a QEMU by --qemu", "%s: is no QEMU", program);
        return;
    }
    judge_version(d, program, v);
    judge_devices(d, program);
}

/* ---- a command line ---- */

struct qemu_line {
    bool device, pci, mmio, modern, chardev, shared, placed;
    char chardev_id[64], memory_id[64];
};

/* The value of KEY=VALUE among words with commas, or false. */
static bool value_of(const char *words, const char *key, char *out, size_t size)
{
    size_t len = strlen(key);
    const char *p = words;

    while (p != NULL) {
        if (strncmp(p, key, len) == 0 && p[len] == '=') {
            snprintf(out, size, "%.*s", (int)strcspn(p + len + 1, ","), p + len + 1);
            return true;
        }
        p = strchr(p, ',');
        p = p != NULL ? p + 1 : NULL;
    }
    return false;
}

static bool has(const char *words, const char *key, const char *want)
{
    char value[64];

    return value_of(words, key, value, sizeof value) && strcmp(value, want) == 0;
}

static void take_device(struct qemu_line *l, const char *v)
{
    if (strncmp(v, "vhost-user-gpio", 15) == 0) {
        l->device = true;
        l->pci = strncmp(v, "vhost-user-gpio-pci", 19) == 0;
        l->mmio = strncmp(v, "vhost-user-gpio-device", 22) == 0;
        (void)value_of(v, "chardev", l->chardev_id, sizeof l->chardev_id);
    }
}

static void take_object(struct qemu_line *l, const char *v)
{
    if (strncmp(v, "memory-backend-", 15) == 0 &&
        (has(v, "share", "on") || has(v, "share", "true") || has(v, "share", "yes"))) {
        l->shared = true;
        (void)value_of(v, "id", l->memory_id, sizeof l->memory_id);
    }
}

static void take_pair(struct qemu_line *l, const char *option, const char *v)
{
    option += option[0] == '-' && option[1] == '-';
    if (strcmp(option, "-device") == 0) {
        take_device(l, v);
    } else if (strcmp(option, "-object") == 0) {
        take_object(l, v);
    } else if (strcmp(option, "-global") == 0) {
        l->modern = l->modern || strcmp(v, "virtio-mmio.force-legacy=false") == 0 ||
                    strcmp(v, "virtio-mmio.force-legacy=off") == 0;
    }
}

/* Needs the names that take_pair() found. */
static void take_use(struct qemu_line *l, const char *option, const char *v)
{
    option += option[0] == '-' && option[1] == '-';
    if ((strcmp(option, "-M") == 0 || strcmp(option, "-machine") == 0) &&
        l->memory_id[0] != '\0') {
        l->placed = l->placed || has(v, "memory-backend", l->memory_id);
    } else if (strcmp(option, "-numa") == 0 && l->memory_id[0] != '\0') {
        l->placed = l->placed || has(v, "memdev", l->memory_id);
    } else if (strcmp(option, "-chardev") == 0 && l->chardev_id[0] != '\0') {
        l->chardev =
            l->chardev || (strncmp(v, "socket,", 7) == 0 && has(v, "id", l->chardev_id));
    }
}

static void judge_line(struct doctor *d, const struct qemu_line *l)
{
    if (!l->device) {
        doctor_say(d, BAD, "-device vhost-user-gpio-pci,chardev=gpio",
                   "the command line has no vhost-user-gpio device");
    } else if (!l->chardev) {
        doctor_say(d, BAD, "-chardev socket,id=gpio,path=SOCKET",
                   "the device has no socket: no '-chardev socket' of its name");
    } else {
        doctor_say(d, FINE, NULL, "the command line has a device and its socket");
    }
    if (!l->shared) {
        doctor_say(d, BAD, "-object memory-backend-memfd,id=ram,size=SIZE,share=on",
                   "the guest's memory is not shared: the back end cannot see it");
    } else if (!l->placed) {
        doctor_say(d, BAD, "-machine MACHINE,memory-backend=ram",
                   "the shared memory is not the guest's: nothing refers to it");
    } else {
        doctor_say(d, FINE, NULL, "the guest's memory is shared");
    }
    if (l->mmio && !l->modern) {
        doctor_say(d, BAD, "-global virtio-mmio.force-legacy=false",
                   "virtio-mmio is legacy, and a GPIO device is not: no VERSION_1");
    }
}

void doctor_qemu_line(struct doctor *d, char *const *words, size_t n)
{
    struct qemu_line l = {0};
    size_t i;

    for (i = 0; i + 1 < n; i++) {
        take_pair(&l, words[i], words[i + 1]);
    }
    for (i = 0; i + 1 < n; i++) {
        take_use(&l, words[i], words[i + 1]);
    }
    judge_line(d, &l);
}
