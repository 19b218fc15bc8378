/* SPDX-License-Identifier: BSD-3-Clause */
/* Stimulus scripts: what the outside of a board does, and what it expects. docs/board.md
 * has the language. Here is the table that a script becomes, without any effect. */
#ifndef VGPIO_CLI_SCRIPT_H
#define VGPIO_CLI_SCRIPT_H

#include "board.h"
#include "vcd_read.h"

#define SCRIPT_DEPTH 16u
#define SCRIPT_WAIT_US 10000000u /* where a script does not say how long */

enum script_op {
    SCRIPT_SET,    /* level of the outside; VGPIO_FLOATING: release */
    SCRIPT_PRESS,  /* the opposite of what there is, */
    SCRIPT_LET_GO, /* and what was done to it before */
    SCRIPT_PULSE,
    SCRIPT_SLEEP,  /* time_us */
    SCRIPT_AT,     /* time_us from the beginning */
    SCRIPT_WAIT,   /* until pin has level; time_us */
    SCRIPT_EXPECT, /* pin has level */
    SCRIPT_GUEST,  /* until device `pin` has a driver; time_us */
    SCRIPT_ARMED,  /* until the driver waits for an interrupt of pin; time_us */
    SCRIPT_REPEAT, /* count; jump: behind its end */
    SCRIPT_END,    /* jump: its repeat */
    SCRIPT_PLAY,   /* play `jump` */
    SCRIPT_SAY,    /* text */
    SCRIPT_FAULT,  /* rule `jump` */
    SCRIPT_HEAL,
    SCRIPT_QUIT
};

struct script_step {
    enum script_op op;
    uint16_t pin;
    uint8_t level;
    uint32_t count, jump;
    uint64_t time_us;
    const char *text;
    unsigned line, col;
};

/* A VCD file and where its signals go. */
struct script_play {
    const char *file;
    uint32_t device; /* signals go to the lines of their names, unless there is a map */
    struct vcd_file vcd;
    uint16_t *pin; /* of each signal; UINT16_MAX: none */
    uint32_t step; /* that names it, for errors */
};

struct script {
    char *text;
    struct script_step *steps;
    struct script_play *plays;
    struct fault_rule *rules;
    uint32_t nsteps, nplays, nrules;
};

/* Takes `text` (malloc, with room for one byte behind `len`). 0, or -1 and `err`;
 * script_free() it in either case. No file is opened: plays are empty. */
int script_parse(struct script *, const struct board *, char *text, size_t len,
                 struct lex_error *err);
void script_free(struct script *);
/* Where the signals of a play's file go. 0, or -1: not one of them goes anywhere. */
int script_map(const struct board *, struct script_play *);

#endif /* VGPIO_CLI_SCRIPT_H */
