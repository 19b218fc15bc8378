/* SPDX-License-Identifier: BSD-3-Clause */
/* A script at work on a rig. */
#ifndef VGPIO_CLI_SCRIPT_RUN_H
#define VGPIO_CLI_SCRIPT_RUN_H

#include "rig.h"
#include "script.h"

struct script_run {
    const struct script *script;
    struct rig *rig;
    const char *file;
    struct vclock *machine; /* how long one waits while a virtual clock stands still */
    uint32_t pc;
    uint32_t *left;         /* of each repeat: rounds still to go */
    uint8_t was;            /* what was done to a line before it was pressed */
    uint32_t change;        /* of the play under way */
    uint64_t start_us;      /* where `at` counts from */
    uint64_t time_us;       /* where sleeps count from: late is not added up */
    struct vtimer go;       /* of rig->clock */
    struct vtimer patience; /* of machine, or of rig->clock */
    bool waits, active, failed, quits;
    void (*ended)(void *ctx); /* it failed, or it quits */
    void *ctx;
};

/* -1: out of memory; script_stop() it in either case. */
int script_start(struct script_run *, const struct script *, struct rig *,
                 const char *file, struct vclock *machine);
void script_stop(struct script_run *);
/* What happened. */
void script_value(struct script_run *, uint16_t pin, unsigned level);
void script_guest(struct script_run *, uint32_t device);
void script_armed(struct script_run *, uint16_t pin);

#endif /* VGPIO_CLI_SCRIPT_RUN_H */
