/* SPDX-License-Identifier: BSD-3-Clause */
/* A board: devices with lines, and what lies between these. docs/board.md has the
 * language. Here is the table that a board file becomes, without any effect. */
#ifndef VGPIO_CLI_BOARD_H
#define VGPIO_CLI_BOARD_H

#include "bank.h"
#include "lex.h"

#include <stdbool.h>
#include <stdint.h>
#include <virtiogpio/wiring.h>

#define BOARD_NODE 0xffffu /* in place of a device: a pin of no device */
#define BOARD_BUCKETS 1024u

enum board_hog {
    HOG_NONE,
    HOG_INPUT,
    HOG_LOW,
    HOG_HIGH
};

struct board_device {
    const char *name;
    const char *socket, *control; /* NULL: not given */
    enum bank_dialect dialect;
    uint16_t nlines;
    uint16_t first;     /* pin of its line 0 */
    const char **names; /* one a line, "": none */
};

/* A line of a device, or a node. */
struct board_pin {
    const char *name;
    uint16_t device, line;
    uint8_t pull, kind; /* as wiring.h has them */
    uint8_t hog;
    unsigned hog_line; /* where it stands in the file */
    bool has_pull, has_kind;
    uint32_t next; /* of the same bucket */
};

struct board_wire {
    uint16_t from, to;
    uint8_t flags, kind;
    bool feedback;
    unsigned line, col; /* where it stands in the file */
};

struct board_join {
    uint16_t a, b;
};

/* Which message a fault hits: bits. */
enum {
    FAULT_GET_DIRECTION = 1,
    FAULT_SET_DIRECTION = 2,
    FAULT_GET_VALUE = 4,
    FAULT_SET_VALUE = 8,
    FAULT_SET_IRQ_TYPE = 16,
    FAULT_ANY = 31
};

enum fault_kind {
    FAULT_ERR,
    FAULT_DELAY,
    FAULT_NEVER,
    FAULT_STORM /* of pulses; a glitch is a storm of one */
};

struct fault_rule {
    enum fault_kind kind;
    unsigned messages;
    uint32_t skip;    /* so many first ones are spared */
    uint32_t times;   /* then it hits so many; 0: all */
    uint32_t pulses;  /* of a storm, each time */
    uint64_t time_us; /* a delay, or the distance of storms */
};

struct board_fault {
    uint16_t pin;
    struct fault_rule rule;
};

struct board {
    char *text;      /* what all names point into, */
    char *text_anew; /* and those of pins, once it was read again */
    struct board_device *devices;
    struct board_pin *pins;
    struct board_wire *wires;
    struct board_join *joins;
    struct board_fault *faults;
    uint32_t ndevices, npins, nwires, njoins, nfaults;
    uint32_t bucket[BOARD_BUCKETS];
};

/* Takes `text` (malloc, with room for one byte behind `len`). 0, or -1 and `err`;
 * board_free() it in either case. */
int board_parse(struct board *, char *text, size_t len, struct lex_error *err);
void board_free(struct board *);
/* Of the parser: a pin has its name now. */
void board_enter(struct board *, uint32_t pin);

/* The pin of a device's line by name; `device` BOARD_NODE: a node. UINT32_MAX: none. */
uint32_t board_find(const struct board *, uint32_t device, const char *name);
/* `DEVICE.LINE` or `NODE`, as files have it, in one word of a line. -1: said why. */
int board_pin_word(const struct board *, struct lex *, unsigned word, uint16_t *pin);
int board_pin_text(const struct board *, char *text, uint16_t *pin, char *why,
                   size_t why_size);
/* What people call a pin; returns `out`. */
const char *board_pin_name(const struct board *, uint16_t pin, char *out, size_t size);

/* `fault` statement from word `i` on, behind the pin. -1: said why. */
int board_fault_words(struct lex *, unsigned i, struct fault_rule *);

/* Lays what the table says of joins, wires, pulls, kinds and hogs in a wiring for as
 * many pins and wires, and lets it settle. */
void board_lay(const struct board *, struct vgpio_wiring *);
/* Puts nodes behind all lines, so that no line's number hangs on them. -1: `err`. */
int board_order(struct board *, struct lex_error *err);
/* NULL: the other has the same devices with the same lines; else what is not the same. */
const char *board_differs(const struct board *, const struct board *);
/* Takes pins and what lies between them from the other, of which nothing is left. */
void board_take(struct board *, struct board *from);
/* No loops but those marked, nobody against each other, and all at rest. -1: `err`. */
int board_check(const struct board *, struct lex_error *err);

#endif /* VGPIO_CLI_BOARD_H */
