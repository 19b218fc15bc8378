/* SPDX-License-Identifier: BSD-3-Clause */
/* --packed, --split and --no-FEATURE: which features a command's device may offer. */
#ifndef VGPIO_CLI_FEATURES_H
#define VGPIO_CLI_FEATURES_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct features {
    bool packed, split; /* asked for by name */
    uint64_t off;       /* VGPIO_F_* */
};

enum {
    OPT_PACKED = 512,
    OPT_SPLIT,
    OPT_NO_EVENT_IDX,
    OPT_NO_INDIRECT,
    OPT_NO_IRQ
};

/* For the array of getopt_long(). */
#define FEATURES_LONGS                                                                   \
    {"packed", no_argument, NULL, OPT_PACKED}, {"split", no_argument, NULL, OPT_SPLIT},  \
        {"no-event-idx", no_argument, NULL, OPT_NO_EVENT_IDX},                           \
        {"no-indirect-desc", no_argument, NULL, OPT_NO_INDIRECT},                        \
    {                                                                                    \
        "no-irq", no_argument, NULL, OPT_NO_IRQ                                          \
    }

/* For --help. */
#define FEATURES_HELP                                                                    \
    "      --packed            offer packed rings too; the driver chooses\n"             \
    "      --split             offer split rings only, as without either of the two\n"   \
    "      --no-event-idx      do not offer the driver this feature, ...\n"              \
    "      --no-indirect-desc  ... nor this, ...\n"                                      \
    "      --no-irq            ... nor interrupts\n"

/* False: not one of ours. */
bool features_option(struct features *, int c);

/* What to ask the library for. */
uint64_t features_mask(const struct features *);

/* NULL, or why these features cannot be had, `offered` being what the device offers. */
const char *features_refused(const struct features *, uint64_t offered);

#endif /* VGPIO_CLI_FEATURES_H */
