/* SPDX-License-Identifier: BSD-3-Clause */
/* All that `vgpio serve --board` has besides guests: the board, its script, the clock,
 * and what is recorded. */
#ifndef VGPIO_CLI_BOARD_RUN_H
#define VGPIO_CLI_BOARD_RUN_H

#include "guests.h"
#include "recorder.h"
#include "rig.h"
#include "script_run.h"

struct board_run {
    const char *board_file, *script_file, *vcd_file; /* NULL: none */
    struct board board;
    struct script script;
    struct vclock clock;
    struct rig rig;
    struct recorder recorder;
    struct script_run run;
    struct guests *guests;
    bool failed;
};

/* Reads the files; nothing is opened for writing, nothing runs. 0; -1: said why. */
int board_run_load(struct board_run *);
/* Makes the rig; its banks come from rig_bank(). -1: said why. */
int board_run_init(struct board_run *);
/* All servers are there, on this clock: power. -1: said why. */
int board_run_start(struct board_run *, struct guests *);
/* 0; -1: the script failed, or something could not be written. */
int board_run_end(struct board_run *);
void board_run_free(struct board_run *);

#endif /* VGPIO_CLI_BOARD_RUN_H */
