/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration of a guest's kernel. */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (4u << 20)

/* 'y', 'm', or 'n' for everything else. */
static char option(const char *config, const char *name)
{
    size_t len = strlen(name);
    const char *p = config;

    while ((p = strstr(p, name)) != NULL) {
        if ((p == config || p[-1] == '\n') && p[len] == '=') {
            return p[len + 1] == 'y' || p[len + 1] == 'm' ? p[len + 1] : 'n';
        }
        p += len;
    }
    return 'n';
}

static bool on(const char *config, const char *name)
{
    return option(config, name) != 'n';
}

static bool is_config(const char *text)
{
    return strstr(text, "\nCONFIG_") != NULL || strncmp(text, "CONFIG_", 7) == 0;
}

/* "# Linux/x86 6.1.100 Kernel Configuration": false if it does not say. */
static bool version_of(const char *config, unsigned version[3])
{
    const char *p = strstr(config, "# Linux/");

    p = p != NULL ? strchr(p, ' ') : NULL;
    p = p != NULL ? strchr(p + 1, ' ') : NULL;
    return p != NULL && doctor_version(p + 1, version) >= 2;
}

static void judge_version(struct doctor *d, const char *path, const char *config)
{
    unsigned v[3] = {0, 0, 0};
    unsigned major, minor;

    if (!version_of(config, v)) {
        return;
    }
    major = v[0];
    minor = v[1];
    if (major < 5 || (major == 5 && minor < 15)) {
        doctor_say(d, BAD, "use Linux 5.16 or later",
                   "%s: Linux %u.%u has no virtio-gpio driver", path, major, minor);
    } else if (major == 5 && minor < 16) {
        doctor_say(d, BAD, "use Linux 5.16 or later",
                   "%s: the driver of Linux %u.%u has no interrupts", path, major, minor);
    } else if (major < 6 || (major == 6 && minor <= 12)) {
        doctor_say(d, NOTE, NULL,
                   "%s: Linux %u.%u: one virtio-gpio device with interrupts, not two",
                   path, major, minor);
    }
}

static void judge_driver(struct doctor *d, const char *path, const char *config)
{
    char how = option(config, "CONFIG_GPIO_VIRTIO");

    if (how == 'n') {
        doctor_say(d, BAD, "set CONFIG_GPIO_VIRTIO=y (or =m) and build it",
                   "%s: the driver is left out (CONFIG_GPIO_VIRTIO)", path);
    } else {
        doctor_say(d, FINE, NULL, "%s: has the driver%s", path,
                   how == 'm' ? ", as the module gpio-virtio" : "");
    }
    if (!on(config, "CONFIG_GPIO_CDEV")) {
        doctor_say(d, WARN, "set CONFIG_GPIO_CDEV=y",
                   "%s: no /dev/gpiochipN for programs (CONFIG_GPIO_CDEV)", path);
    }
}

static void judge_bus(struct doctor *d, const char *path, const char *config)
{
    bool pci = on(config, "CONFIG_VIRTIO_PCI");
    bool mmio = on(config, "CONFIG_VIRTIO_MMIO");
    bool uml = on(config, "CONFIG_VIRTIO_UML");

    if (!pci && !mmio && !uml) {
        doctor_say(d, BAD, "set CONFIG_VIRTIO_PCI=y, or CONFIG_VIRTIO_MMIO=y",
                   "%s: no bus that brings the device", path);
        return;
    }
    doctor_say(d, FINE, NULL, "%s: buses of virtio:%s%s%s", path, pci ? " PCI" : "",
               mmio ? " mmio" : "", uml ? " User-Mode Linux" : "");
    if (uml && !on(config, "CONFIG_UML_PCI_OVER_VIRTIO")) {
        doctor_say(d, WARN, "set CONFIG_UML_PCI_OVER_VIRTIO=y",
                   "%s: User-Mode Linux has too few interrupt numbers left for lines",
                   path);
    }
}

static int read_config(const struct doctor *d, const char *path, char *text)
{
    const char *const unzip[] = {"gzip", "-dc", path, NULL};
    FILE *f = fopen(path, "rb");
    size_t n;

    if (f == NULL) {
        return -1;
    }
    n = fread(text, 1, CONFIG_MAX - 1, f);
    text[n] = '\0';
    fclose(f);
    if (n > 2 && (unsigned char)text[0] == 0x1f && (unsigned char)text[1] == 0x8b) {
        errno = EINVAL;
        return doctor_run(d, unzip, text, CONFIG_MAX);
    }
    return 0;
}

void doctor_kernel(struct doctor *d, const char *path)
{
    char *text = malloc(CONFIG_MAX);

    if (text == NULL || read_config(d, path, text) < 0) {
        doctor_say(d, BAD, "give the .config of the guest's kernel", "%s: %s", path,
                   strerror(errno));
    } else if (!is_config(text)) {
        doctor_say(d, BAD, "give the .config of the guest's kernel",
                   "%s: is no configuration of a kernel", path);
    } else {
        judge_version(d, path, text);
        judge_driver(d, path, text);
        judge_bus(d, path, text);
    }
    free(text);
}
