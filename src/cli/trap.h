/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio trap`: a virtio-gpio device that watches every rule its driver must keep, and
 * can tell lies. It is a vgpio_vdev of its own behind the library's vhost-user server;
 * rings are read and written here, for the library's own would refuse to do wrong. */
#ifndef VGPIO_CLI_TRAP_H
#define VGPIO_CLI_TRAP_H

#include "evloop.h"
#include "report.h"
#include "sockets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <virtiogpio/vhost_user.h>
#include <virtiogpio/wire.h>

#define TRAP_RING 1024u /* most entries of a ring */
#define TRAP_CHAINS 2048u
#define TRAP_PIECES 16u /* of a chain that are remembered */
#define TRAP_LINES 64u
#define TRAP_NONE UINT16_MAX
#define TRAP_TICK_US 2000u

/* ---- rules ---- */

enum trap_rule_id {
    RULE_REQUESTQ,
    RULE_TWO_PARTS,
    RULE_REQUEST_BYTES,
    RULE_RESPONSE_ROOM,
    RULE_IRQ_FEATURE,
    RULE_IRQ_ON_OUTPUT,
    RULE_IRQ_NONE_AT_END,
    RULE_NONE_BETWEEN,
    RULE_ENABLE_FIRST,
    RULE_PAIR_SHAPE,
    RULE_PAIR_MEMORY,
    RULE_ONE_PAIR,
    RULE_NAMES_ROOM,
    RULE_NAMES_OFFERED,
    RULE_VALUE_FIRST,
    RULE_ZERO_FIELDS,
    RULE_KNOWN_LINE,
    RULE_KNOWN_VALUE,
    RULE_QUEUES,
    RULE_SPLIT_ALIGN,
    RULE_SPLIT_ORDER,
    RULE_SPLIT_TOTAL,
    RULE_SPLIT_INDIRECT,
    RULE_SPLIT_NESTED,
    RULE_SPLIT_LENGTH,
    RULE_SPLIT_TABLE_NEXT,
    RULE_SPLIT_INDEX,
    RULE_SPLIT_FLAGS,
    RULE_SPLIT_FLAGS_EVENT,
    RULE_SPLIT_USED_FLAGS,
    RULE_SPLIT_KICK,
    RULE_SPLIT_KICK_EVENT,
    RULE_PACKED_ALIGN,
    RULE_PACKED_KEEP,
    RULE_PACKED_LENGTH,
    RULE_PACKED_ORDER,
    RULE_PACKED_ROOM,
    RULE_PACKED_FIRST_LAST,
    RULE_PACKED_INDIRECT,
    RULE_PACKED_TABLE,
    RULE_PACKED_TABLE_NEXT,
    RULE_PACKED_ID,
    RULE_PACKED_EVENT,
    RULE_PACKED_KICK,
    RULE_OFFERED,
    RULE_UNKNOWN,
    RULE_VERSION_1,
    RULE_ADDRESS,
    RULE_FEATURES_ONCE,
    RULE_CONFIG_WRITE,
    RULE_EARLY_KICK,
    RULE_KEEP,
    RULE_AWAKE,
    TRAP_RULES
};

struct trap_rule {
    const char *id, *rule;
    const char *did; /* what the driver is to do */
    const char *unseen;
};
extern const struct trap_rule trap_rules[TRAP_RULES];

struct trap_seen {
    unsigned kept, broken;
    char where[224]; /* the first time it was broken */
};

/* ---- lies ---- */

enum trap_occasion {
    AT_NEVER, /* the honest run */
    AT_FEATURES,
    AT_CONFIG,
    AT_NAMES, /* the answer to GET_LINE_NAMES; the others below are answers as well */
    AT_DIRECTION,
    AT_VALUE, /* GET_VALUE */
    AT_SET_VALUE,
    AT_SET_DIRECTION,
    AT_IRQ_TYPE, /* but NONE */
    AT_IRQ_NONE,
    AT_EVENT, /* an event is about to be sent */
    AT_PAIR   /* a pair came */
};

enum trap_trick {
    TRICK_NONE,
    TRICK_LEN,        /* arg: used length */
    TRICK_STATUS,     /* arg */
    TRICK_VALUE,      /* arg */
    TRICK_SILENT,     /* no answer, ever */
    TRICK_LATE,       /* long after */
    TRICK_UNTOUCHED,  /* the length says two bytes, nothing is written */
    TRICK_ID,         /* arg: the used id; the buffer itself never comes back */
    TRICK_ID_BEFORE,  /* the same, then the true one */
    TRICK_TWICE,      /* the same id again */
    TRICK_INDEX,      /* arg is added to the used index */
    TRICK_CALLS,      /* arg interrupts for nothing */
    TRICK_NO_CALL,    /* none though it was asked for */
    TRICK_BACKWARDS,  /* what waits is answered last first */
    TRICK_HANG_UP,    /* the device leaves */
    TRICK_AGAIN,      /* a second time after it ended: VALID after NONE */
    TRICK_KEEP_PAIR,  /* the pair does not come back with NONE */
    TRICK_PAIR_LATE,  /* it does, after the answer */
    TRICK_FEATURES,   /* features that nobody knows are offered */
    TRICK_WITHOUT,    /* VERSION_1 is not */
    TRICK_NO_EVENTQ,  /* F_IRQ is offered, its queue is not there */
    TRICK_NGPIO,      /* arg */
    TRICK_NAMES_SIZE, /* arg */
    TRICK_PADDING,    /* arg */
    TRICK_NAMES,      /* arg: enum trap_names */
    TRICK_FLAGS       /* used flags say "no kicks" with the event index negotiated */
};

enum trap_names {
    NAMES_NO_END,
    NAMES_FEW,
    NAMES_MANY,
    NAMES_CONTROL,
    NAMES_HIGH,
    NAMES_TWICE
};

struct trap_lie {
    const char *id, *rule;
    const char *did, *expected;
    uint8_t at, trick;
    uint32_t arg;
    unsigned times; /* 0: each time */
};
extern const struct trap_lie trap_lies[]; /* id NULL: end; the first one is no lie */

/* ---- rings ---- */

struct trap_piece {
    uint64_t at;
    uint32_t len;
    bool write, table;
};

struct trap_chain {
    bool busy;
    uint8_t q;
    uint16_t id;    /* split: the head; packed: the buffer id */
    uint16_t ndesc; /* packed: places in the ring */
    uint16_t npieces;
    uint32_t in, out;   /* bytes the driver wrote; bytes it gives to write */
    uint64_t sum;       /* over all that must not change while we have it */
    uint8_t request[8]; /* its first bytes */
    struct trap_piece piece[TRAP_PIECES];
    uint16_t line; /* ... of a message or a pair that was understood */
    uint64_t due_us;
    uint32_t turn; /* how long it waits already */
};

struct trap_ring {
    bool runs, paused, ever, packed;
    struct vgpio_vq_setup at;
    const struct vgpio_mem *mem;
    uint16_t avail, used; /* split: indices; packed: places, bit 15 the wrap counter */
    uint16_t seen;        /* split: the available index as it was last */
    uint16_t told; /* where `used` stood at the last look at whether to interrupt */
    bool stuck;    /* it makes no sense any more ... */
    bool bent;     /* ... through a lie of ours, perhaps */
    bool silent;   /* the last answer was not to be told */
    bool later;    /* ... because only a later one was asked for */
    bool rung;     /* the driver kicked since we last looked */
    uint64_t unkicked_us;      /* since when something waits that nobody kicked for */
    uint16_t owner[TRAP_RING]; /* split: the chain + 1 whose descriptor this is */
    uint8_t shadow[TRAP_RING][16];
};

struct trap_line {
    uint8_t dir, out, type, asked; /* asked: the type on its way */
    bool asking, valued, refused;
    bool was;       /* enabled once; then NONE was answered ... */
    unsigned since; /* ... after so many messages */
    uint8_t level;
    uint16_t pair; /* a chain, or TRAP_NONE */
    unsigned fired;
};

/* ---- the device ---- */

struct trap {
    /* what is offered */
    uint64_t offer;
    uint16_t nlines;
    uint32_t names_size;
    uint16_t shown_lines; /* ... as the configuration had it */
    uint32_t shown_names;
    uint8_t names[TRAP_LINES * 8 + 64];
    unsigned events; /* a line fires so often each time it is enabled */
    uint32_t kick_ms;

    uint64_t features;
    bool acked;
    bool bye;  /* a lie wants the connection closed */
    bool mute; /* ... or the next interrupt not to come */
    struct trap_ring ring[2];
    struct trap_chain chain[TRAP_CHAINS];
    uint16_t order[TRAP_CHAINS]; /* messages in the order they came */
    unsigned norder;
    struct trap_line line[TRAP_LINES];
    unsigned owed, calls[2];
    uint64_t last_us; /* of the last word of the driver */

    const struct trap_lie *lie;
    unsigned told;             /* so often in this run */
    unsigned requests;         /* messages and pairs in this run ... */
    unsigned after;            /* ... since the lie */
    unsigned session;          /* messages since the rings were new */
    bool lied;                 /* in this session */
    void (*on_end)(void *ctx); /* of a session that had messages, or a lie */
    void *end_ctx;
    struct trap_seen seen[TRAP_RULES];
};

void trap_init(struct trap *, uint16_t nlines, uint64_t offer);
struct vgpio_vdev trap_vdev(struct trap *);
/* A rule was kept, or broken: then what was seen. */
void trap_kept(struct trap *, enum trap_rule_id);
void trap_broken(struct trap *, enum trap_rule_id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same in one: returns `ok`. */
bool trap_rule(struct trap *, enum trap_rule_id, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Time passes: what waits is answered, lines fire. True: interrupts may be owed. */
bool trap_tick(struct trap *, uint64_t now_us);
/* The rings are new, or (then a lie counts as told even if nothing followed) their owner
 * is gone. */
void trap_session_ends(struct trap *, bool gone);
/* Looks at a message of the front end before the server does. */
void trap_message(struct trap *, const struct vgpio_vu_msg *);

/* ---- rings (trap_ring.c) ---- */

void trap_ring_start(struct trap *, unsigned q);
bool trap_ring_layout(struct trap *, const struct vgpio_vq_setup *);
/* Something is available that was not taken yet. */
bool trap_ring_waiting(struct trap *, unsigned q);
/* Takes the next chain: its number, or TRAP_NONE. */
uint16_t trap_ring_take(struct trap *, unsigned q);
/* What the driver must leave alone is as it was. */
void trap_ring_verify(struct trap *, unsigned q);
void trap_chain_verify(struct trap *, const struct trap_chain *);
/* Writes into the first bytes of a chain's writable part. */
void trap_write(struct trap *, const struct trap_chain *, const uint8_t *, uint32_t len);
/* One used element. */
void trap_use(struct trap *, unsigned q, uint32_t id, uint32_t len, unsigned ndesc);
/* The chain goes back, and is forgotten. */
void trap_give_back(struct trap *, uint16_t chain, uint32_t len);
void trap_forget(struct trap *, uint16_t chain);
void trap_bump(struct trap *, unsigned q, uint16_t n);
/* Whether the driver wants to hear of what was used since the last call. */
bool trap_ring_wants_call(struct trap *, unsigned q);
/* It has slept through the last one, and would sleep through the next. */
bool trap_ring_asleep(struct trap *, unsigned q);
/* Whether it must kick when it makes something available now; and asks it to. */
void trap_ring_rearm(struct trap *, unsigned q);

/* ---- lies (trap_lies.c) ---- */

/* The lie, if this is its time; counts it as told. */
const struct trap_lie *trap_tells(struct trap *, enum trap_occasion);
bool trap_plans(const struct trap *, enum trap_occasion, enum trap_trick);
/* The device's side of each message: all but what the lie changes. */
void trap_answer(struct trap *, uint16_t chain, const uint8_t *bytes, uint32_t len,
                 enum trap_occasion);
void trap_event(struct trap *, uint16_t line, unsigned status);
/* The names block as it is, or as the lie has it. */
const uint8_t *trap_names_block(struct trap *, uint32_t *size);

/* ---- the run (trap_run.c) ---- */

#define TRAP_LIES 96

struct trap_run {
    struct trap t;
    const char *path, *spawn, *only;
    const struct trap_lie *todo[TRAP_LIES];
    unsigned ntodo, at;
    uint32_t timeout_ms;
    struct report report;

    struct evloop loop;
    struct sock_listener listener;
    struct ev_source listen_source, front_source, kick_source[2], signal_source;
    struct vgpio_vu vu;
    struct vgpio_vu_msg in, out;
    bool have_in, have_out, over;
    char dir[64], socket[96];
    pid_t pid;
    int status; /* of the command, as waitpid() has it */
};

void trap_list(const char *only);
/* Adds the lies that match to what is to be done; false: there is none. */
bool trap_choose(struct trap_run *, const char *pattern);
/* 0: nothing was broken; 1: something was, or (then said why) could not begin. */
int trap_all(struct trap_run *);

#endif /* VGPIO_CLI_TRAP_H */
