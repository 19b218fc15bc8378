/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio check`: rules of the standard, tried from outside on any device behind
 * vhost-user. A test is a row of a table; each gets a connection of its own. */
#ifndef VGPIO_CLI_CHECK_H
#define VGPIO_CLI_CHECK_H

#include "report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <virtiogpio/vhost_user_front.h>
#include <virtiogpio/wire.h>

#define CHECK_RING 64u       /* entries of each ring */
#define CHECK_SLOTS 16u      /* buffers of a queue at a time */
#define CHECK_DATA 0x10000u  /* where they lie in the shared memory */
#define CHECK_NAMES 0x20000u /* the names block */
#define CHECK_NAMES_MAX (16u << 20)
#define CHECK_UNTOUCHED 0xaau /* what answers hold before the device writes */
#define CHECK_WRAP 0x8000u    /* of a position on a packed ring */

enum {                     /* flags of a test */
    CHECK_IRQ = 1,         /* F_IRQ must be offered */
    CHECK_NO_IRQ = 2,      /* F_IRQ is not taken */
    CHECK_STIMULUS = 4,    /* somebody must be able to change a line from outside */
    CHECK_INDIRECT = 8,    /* takes indirect descriptors */
    CHECK_EVENT_IDX = 16,  /* takes the event index */
    CHECK_HOSTILE = 32,    /* input that no driver may send */
    CHECK_BOTH = 64,       /* runs on packed rings, too ... */
    CHECK_PACKED = 128,    /* ... or on these only */
    CHECK_RAW = 256,       /* begins by itself: there is a connection, no more */
    CHECK_ACK = 512,       /* the device must tell what it refuses */
    CHECK_NAMED = 1024,    /* the lines have names ... */
    CHECK_NAMELESS = 2048, /* ... or have none */
    CHECK_PAIR = 4096      /* there are two lines */
};

/* Why a test may be skipped: all there are (docs/check.md), each printed with a count. */
enum check_skip {
    CHECK_SKIP_NOT,
    CHECK_SKIP_PACKED,
    CHECK_SKIP_IRQ,
    CHECK_SKIP_INDIRECT,
    CHECK_SKIP_EVENT_IDX,
    CHECK_SKIP_STIMULUS,
    CHECK_SKIP_ACK,
    CHECK_SKIP_NAMES,
    CHECK_SKIP_NAMELESS,
    CHECK_SKIP_ONE_LINE,
    CHECK_SKIP_LEVEL,
    CHECK_SKIP_HIGH,
    CHECK_SKIP_UNKNOWN,
    CHECK_SKIP_PROC,
    CHECK_SKIPS
};

struct check_piece {
    uint64_t at; /* as the rings name it */
    uint32_t len;
    uint16_t flags; /* CHECK_WRITE and the like; NEXT is added */
};
#define CHECK_NEXT 1u
#define CHECK_WRITE 2u
#define CHECK_TABLE 4u

struct check_ring {
    struct vgpio_vq_setup at;
    uint16_t avail, used; /* split: indices; packed: positions with a wrap counter */
    uint16_t took[CHECK_SLOTS]; /* packed: descriptors of each buffer */
    bool woken; /* an interrupt came since the ring was last found empty */
};

struct check {
    const char *path, *control;
    uint32_t timeout_ms;  /* for each answer */
    uint32_t patience_ms; /* for a new connection, before the device is called wedged */
    int loop[2];          /* --loop, or -1 */
    bool packed;
    bool fresh; /* the device was started just now, and may not listen yet */
    struct vgpio_vuf_linux front;
    uint64_t offered, features;
    struct vgpio_config config;
    uint8_t config_bytes[8];
    struct check_ring ring[2];
    bool gone; /* check_alive(): nobody listens, or whoever did hung up */
    enum check_skip skip;
    char saw[256];
};

struct check_test {
    const char *id, *rule;
    const char *did, *expected;
    bool (*run)(struct check *); /* false: c->saw says what was wrong */
    unsigned flags;
};

/* id NULL: end */
extern const struct check_test check_gpio_tests[], check_irq_tests[], check_ring_tests[],
    check_notify_tests[], check_state_tests[], check_hostile_tests[],
    check_misuse_tests[], check_vu_tests[];

/* ---- verdicts ---- */

/* Returns false, so that a test can end with it. The first word stays. */
bool check_saw(struct check *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Returns false as well: nothing is wrong, but here it cannot be judged. */
bool check_skip(struct check *, enum check_skip);

/* ---- connection (check_peer.c) ---- */

/* Connects and reads features and config. False: said why in c->saw. */
bool check_connect(struct check *);
/* Takes features: 0, 1 if they are refused, < 0 if the connection is dead. */
int check_features(struct check *, uint64_t features);
/* Takes features, shares the memory, starts the rings. */
bool check_begin(struct check *, uint64_t features);
/* Clears a ring of so many entries at an offset of the memory that is its own. */
void check_lay_ring(struct check *, unsigned q, uint16_t size, uint32_t off);
/* Tells the device of a ring, and with `where` set where to go on. */
bool check_tell_ring(struct check *, unsigned q, bool where);
bool check_start_ring(struct check *, unsigned q); /* an ordinary one, at the beginning */
/* GET_VRING_BASE of a ring, or of all; the position must be the one that we know. */
bool check_stop_ring(struct check *, unsigned q, uint32_t *base);
bool check_stop_all(struct check *);
/* Is the eventq part of what was agreed? */
bool check_has_events(const struct check *);
/* Round trips on the socket: what was sent before has been worked off. */
bool check_sync(struct check *);
void check_close(struct check *);
/* A request on a new connection is answered, well or not. */
bool check_alive(struct check *);

/* ---- rings ---- */

uint8_t *check_at(struct check *, uint32_t off);
uint64_t check_gpa(const struct check *, uint32_t off);
uint32_t check_out(unsigned q, unsigned slot); /* 64 bytes for a request ... */
uint32_t check_in(unsigned q, unsigned slot);  /* ... and for its answer */
void check_put16(struct check *, uint64_t gpa, uint16_t v);
uint16_t check_get16(struct check *, uint64_t gpa);
/* A split descriptor, or an entry of a table. */
void check_desc(struct check *, uint64_t gpa, const struct check_piece *, unsigned flags,
                uint16_t next);
void check_head(struct check *, unsigned q, uint16_t head); /* split */
/* A buffer, but for the one store that makes it available. */
struct check_offer {
    uint64_t at;
    uint16_t value;
};
struct check_offer check_write(struct check *, unsigned q, unsigned slot,
                               const struct check_piece *, unsigned n);
void check_post(struct check *, unsigned q, unsigned slot, const struct check_piece *,
                unsigned n);
/* A position on a packed ring, n further on. */
uint16_t check_plus(const struct check_ring *, uint16_t pos, unsigned n);
void check_kick(struct check *, unsigned q);
/* Whether the call eventfd is or becomes readable; takes it. */
bool check_called(struct check *, unsigned q, uint32_t ms);
/* The next used element, without a look at interrupts. */
bool check_look(struct check *, unsigned q, unsigned *slot, uint32_t *len);
/* The same, waiting for it without the help of an interrupt; on the requestq. */
bool check_watch_for(struct check *, unsigned q, unsigned *slot, uint32_t *len);
bool check_watch(struct check *);
/* The next used element, with an interrupt, before the deadline. */
bool check_used(struct check *, unsigned q, unsigned *slot, uint32_t *len);

/* ---- requests ---- */

/* Stages a request in a slot, with room for `room` bytes of answer. */
void check_stage(struct check *, unsigned slot, unsigned type, unsigned line,
                 uint32_t value, uint32_t room);
/* Sends it and waits; the answer must be two bytes long. */
bool check_ask(struct check *, unsigned type, unsigned line, uint32_t value,
               uint8_t answer[2]);
/* The same, and these must be status and value. */
bool check_ok(struct check *, unsigned type, unsigned line, uint32_t value,
              unsigned want);
bool check_err(struct check *, unsigned type, unsigned line, uint32_t value);
/* A pair for a line on the eventq. */
void check_unmask(struct check *, unsigned slot, unsigned line);
bool check_event(struct check *, unsigned slot, unsigned want);
bool check_no_event(struct check *);
/* The level of its own that a line is at, as an input. A device may not know it. */
bool check_sense(struct check *, unsigned line, unsigned *level);
/* The level of the line that interrupts, from outside. */
unsigned check_irq_line(const struct check *);
bool check_level(struct check *, unsigned level);
/* Before that: the line is an input, and what changes it is ready, at a level. */
bool check_source(struct check *, unsigned level);

/* ---- the run (check_run.c) ---- */

struct check_run {
    struct check c;
    const char *spawn, *only;
    char dir[64], socket[96], control[96]; /* of a device that we start */
    pid_t pid;                             /* its group; 0: none */
    struct report report;
    unsigned skipped[CHECK_SKIPS];
};

void check_list(const char *only);
/* 0: all fine; 1: something failed, or (then said why) could not begin. */
int check_all(struct check_run *);

#endif /* VGPIO_CLI_CHECK_H */
