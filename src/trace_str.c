/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/types.h>

/* In the order of enum vgpio_trace_id, each with its 0. One array rather than an array of
 * pointers: these need relocation, which position-independent code does in .data. */
static const char names[] = "reset\0"
                            "features\0"
                            "queue fresh\0"
                            "queue resumed\0"
                            "queue stop\0"
                            "queue broken\0"
                            "chain bad\0"
                            "request\0"
                            "answer\0"
                            "answer dropped\0"
                            "none overruled\0"
                            "token stale\0"
                            "irq parked\0"
                            "irq held\0"
                            "irq valid\0"
                            "irq invalid\0"
                            "edge latched\0"
                            "edge merged\0"
                            "edge dropped\0"
                            "vhost-user message\0"
                            "vhost-user refused\0"
                            "other dialect\0"
                            "level report\0"
                            "call again";

const char *vgpio_trace_str(unsigned id)
{
    const char *name = names;
    const char *end = names + sizeof names;

    if (id == 0) {
        return "?";
    }
    while (--id > 0 && name < end) {
        while (*name != '\0') {
            name++;
        }
        name++;
    }
    return name < end ? name : "?";
}
