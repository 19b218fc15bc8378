/* SPDX-License-Identifier: BSD-3-Clause */
/* The device of `vgpio trap`: lines that are not there, and an eye on the driver. */
#include "trap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <virtiogpio/vhost_user_front.h>

#define SETTLE_US 8000u /* lines fire when the driver was silent for so long */
#define LATE_US 300000u
#define VU_SET_CONFIG 25u
/* Of no device type and no transport: 24 to 43 are, and 30 is vhost-user's. */
#define UNKNOWN_BITS (UINT64_C(0xfffffe) | UINT64_C(0xfffff) << 44)

/* ---- rules ---- */

void trap_kept(struct trap *t, enum trap_rule_id rule)
{
    t->seen[rule].kept++;
}

static void broken(struct trap *t, enum trap_rule_id rule, const char *fmt, va_list ap)
{
    struct trap_seen *s = &t->seen[rule];
    size_t n;

    if (s->broken++ == 0) {
        vsnprintf(s->where, sizeof s->where, fmt, ap);
        n = strlen(s->where);
        if (t->lied) {
            snprintf(s->where + n, sizeof s->where - n, " (after %s)", t->lie->id);
        }
    }
}

void trap_broken(struct trap *t, enum trap_rule_id rule, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    broken(t, rule, fmt, ap);
    va_end(ap);
}

bool trap_rule(struct trap *t, enum trap_rule_id rule, bool ok, const char *fmt, ...)
{
    va_list ap;

    if (ok) {
        trap_kept(t, rule);
    } else {
        va_start(ap, fmt);
        broken(t, rule, fmt, ap);
        va_end(ap);
    }
    return ok;
}

/* ---- sessions ---- */

/* Whatever was out stays with a driver that is gone. */
static void drop(struct trap *t, unsigned q)
{
    unsigned i;

    for (i = 0; i < TRAP_CHAINS; i++) {
        t->chain[i].busy = t->chain[i].busy && t->chain[i].q != q;
    }
    if (q == VGPIO_REQUESTQ) {
        t->norder = 0;
    }
    for (i = 0; i < TRAP_LINES && q == VGPIO_EVENTQ; i++) {
        t->line[i].pair = TRAP_NONE;
    }
}

void trap_session_ends(struct trap *t, bool gone)
{
    bool ended;
    unsigned i;

    for (i = 0; i < t->nlines && t->session > 0 && !t->lied; i++) {
        if (t->line[i].type != VGPIO_IRQ_NONE) {
            trap_broken(t, RULE_IRQ_NONE_AT_END, "line %u: still enabled at the end", i);
        }
    }
    memset(t->line, 0, sizeof t->line);
    for (i = 0; i < TRAP_LINES; i++) {
        t->line[i].pair = TRAP_NONE;
    }
    drop(t, VGPIO_REQUESTQ);
    drop(t, VGPIO_EVENTQ);
    ended = t->session > 0 || (gone && t->told > 0);
    if (t->session > 0) {
        trap_kept(t, RULE_AWAKE);
    }
    t->session = 0;
    t->lied = false;
    if (ended && t->on_end != NULL) {
        t->on_end(t->end_ctx);
    }
}

/* ---- the interrupt side of a line ---- */

static void return_pair(struct trap *t, uint16_t line)
{
    if (t->line[line].pair != TRAP_NONE) {
        trap_event(t, line, VGPIO_IRQ_STATUS_INVALID);
    }
}

static void fire(struct trap *t, uint16_t line)
{
    struct trap_line *l = &t->line[line];

    if (l->type == VGPIO_IRQ_EDGE_BOTH) {
        l->level = !l->level;
    } else {
        l->level = l->type == VGPIO_IRQ_EDGE_RISING || l->type == VGPIO_IRQ_LEVEL_HIGH;
    }
    l->fired++;
    trap_event(t, line, VGPIO_IRQ_STATUS_VALID);
}

/* ---- messages ---- */

struct message {
    unsigned type;
    uint16_t line;
    uint32_t value;
};

static bool known_value(unsigned type, uint32_t v)
{
    switch (type) {
    case VGPIO_MSG_SET_DIRECTION:
        return v <= VGPIO_DIR_IN;
    case VGPIO_MSG_SET_VALUE:
        return v <= 1;
    case VGPIO_MSG_SET_IRQ_TYPE:
        return v <= VGPIO_IRQ_LEVEL_HIGH || v == VGPIO_IRQ_LEVEL_LOW;
    default:
        return true;
    }
}

static bool sane(struct trap *t, const struct trap_chain *c, const struct message *m)
{
    uint64_t room =
        m->type == VGPIO_MSG_GET_LINE_NAMES ? UINT64_C(1) + t->shown_names : 2;
    bool names = m->type == VGPIO_MSG_GET_LINE_NAMES;
    bool set = m->type == VGPIO_MSG_SET_DIRECTION || m->type == VGPIO_MSG_SET_VALUE ||
               m->type == VGPIO_MSG_SET_IRQ_TYPE;
    bool ok = trap_rule(t, names ? RULE_NAMES_ROOM : RULE_RESPONSE_ROOM, c->out == room,
                        "type %u: room for %u bytes, not %llu", m->type, c->out,
                        (unsigned long long)room);

    if (names) {
        ok = trap_rule(t, RULE_NAMES_OFFERED, t->shown_names != 0,
                       "GET_LINE_NAMES of a device without names") &&
             ok;
        return trap_rule(t, RULE_ZERO_FIELDS, m->line == 0 && m->value == 0,
                         "GET_LINE_NAMES with line %u, value %u", m->line, m->value) &&
               ok;
    }
    if (!set) {
        ok = trap_rule(t, RULE_ZERO_FIELDS, m->value == 0, "type %u with value %u",
                       m->type, m->value) &&
             ok;
    } else {
        ok = trap_rule(t, RULE_KNOWN_VALUE, known_value(m->type, m->value),
                       "type %u with value 0x%x", m->type, m->value) &&
             ok;
    }
    return trap_rule(t, RULE_KNOWN_LINE, m->line < t->shown_lines,
                     "type %u, line %u of %u", m->type, m->line, t->shown_lines) &&
           m->line < t->nlines && ok;
}

static void watch_irq_type(struct trap *t, const struct message *m)
{
    struct trap_line *l = &t->line[m->line];
    unsigned now = l->asking ? l->asked : l->type;

    (void)trap_rule(t, RULE_IRQ_FEATURE, (t->features & VGPIO_F_IRQ) != 0,
                    "line %u: SET_IRQ_TYPE without F_IRQ", m->line);
    if (m->value == VGPIO_IRQ_NONE) {
        trap_kept(t, RULE_IRQ_NONE_AT_END);
        return;
    }
    (void)trap_rule(t, RULE_IRQ_ON_OUTPUT, l->dir != VGPIO_DIR_OUT,
                    "line %u: SET_IRQ_TYPE %u of an output", m->line, m->value);
    (void)trap_rule(t, RULE_NONE_BETWEEN, now == VGPIO_IRQ_NONE,
                    "line %u: type %u after type %u", m->line, m->value, now);
}

static void watch_direction(struct trap *t, const struct message *m)
{
    struct trap_line *l = &t->line[m->line];
    unsigned now = l->asking ? l->asked : l->type;

    if (m->value == VGPIO_DIR_OUT) {
        (void)trap_rule(t, RULE_VALUE_FIRST, l->valued,
                        "line %u: an output before any SET_VALUE", m->line);
    }
    if (m->value != VGPIO_DIR_IN && now != VGPIO_IRQ_NONE) {
        trap_broken(t, RULE_IRQ_NONE_AT_END,
                    "line %u: direction %u while its interrupt is enabled", m->line,
                    m->value);
    }
}

/* What the driver may know as soon as the message is out. */
static void watch(struct trap *t, const struct message *m)
{
    struct trap_line *l = &t->line[m->line];

    if (m->type == VGPIO_MSG_SET_IRQ_TYPE) {
        watch_irq_type(t, m);
        l->asking = true;
        l->asked = (uint8_t)m->value;
    } else if (m->type == VGPIO_MSG_SET_DIRECTION) {
        watch_direction(t, m);
    } else if (m->type == VGPIO_MSG_SET_VALUE) {
        l->valued = true;
    }
}

static struct message decode(const struct trap_chain *c)
{
    struct vgpio_request req;
    struct message m;

    vgpio_request_decode(&req, c->request);
    m.type = req.type;
    m.line = req.line;
    m.value = req.value;
    return m;
}

static bool take_message(struct trap *t, struct trap_chain *c)
{
    struct message m;

    if (!trap_rule(t, RULE_TWO_PARTS, c->in > 0 && c->out > 0,
                   "%u bytes to read, %u to write", c->in, c->out)) {
        return false;
    }
    trap_kept(t, RULE_REQUESTQ);
    m = decode(c);
    if (!trap_rule(t, RULE_REQUEST_BYTES,
                   c->in == 8 && m.type >= VGPIO_MSG_GET_LINE_NAMES &&
                       m.type <= VGPIO_MSG_SET_IRQ_TYPE,
                   "%u bytes, type %u", c->in, m.type) ||
        !sane(t, c, &m)) {
        return false;
    }
    c->line = m.type == VGPIO_MSG_GET_LINE_NAMES ? TRAP_NONE : m.line;
    if (c->line != TRAP_NONE) {
        watch(t, &m);
    }
    return true;
}

/* A message of vhost-user, before the server takes it: header of three words, payload. */
void trap_message(struct trap *t, const struct vgpio_vu_msg *in)
{
    bool runs = false;
    uint32_t request;
    uint64_t word;
    unsigned q;

    if (in->len < 12) {
        return;
    }
    memcpy(&request, in->buf, 4);
    for (q = 0; q < 2; q++) {
        runs = runs || (t->ring[q].runs && !t->ring[q].paused);
    }
    if (request == VGPIO_VU_SET_FEATURES && in->len >= 20) {
        memcpy(&word, in->buf + 12, 8);
        (void)trap_rule(t, RULE_FEATURES_ONCE,
                        !runs || (word & ~(UINT64_C(1) << 30)) == t->features,
                        "0x%llx after 0x%llx", (unsigned long long)word,
                        (unsigned long long)t->features);
    } else if (request == VGPIO_VU_GET_CONFIG || request == VU_SET_CONFIG) {
        (void)trap_rule(t, RULE_CONFIG_WRITE, request == VGPIO_VU_GET_CONFIG,
                        "the configuration was written");
    }
}

static bool overlaps(const struct trap_chain *a, const struct trap_chain *b)
{
    unsigned i, k;

    for (i = 0; i < a->npieces; i++) {
        for (k = 0; k < b->npieces; k++) {
            const struct trap_piece *x = &a->piece[i], *y = &b->piece[k];

            if ((x->write || y->write) && x->at < y->at + y->len &&
                y->at < x->at + x->len) {
                return true;
            }
        }
    }
    return false;
}

/* No two buffers that are out may share what the device writes. */
static void watch_memory(struct trap *t, const struct trap_chain *c)
{
    unsigned i;

    for (i = 0; i < TRAP_CHAINS; i++) {
        const struct trap_chain *o = &t->chain[i];

        if (o->busy && o != c && overlaps(o, c)) {
            trap_broken(t, c->q == VGPIO_EVENTQ ? RULE_PAIR_MEMORY : RULE_KEEP,
                        "queue %u: memory of a buffer that is out", c->q);
            return;
        }
    }
    trap_kept(t, c->q == VGPIO_EVENTQ ? RULE_PAIR_MEMORY : RULE_KEEP);
}

static void take_request(struct trap *t, uint16_t n, uint64_t now)
{
    struct trap_chain *c = &t->chain[n];
    struct message m;

    watch_memory(t, c);
    t->requests++;
    t->session++;
    t->after += t->told > 0;
    if (!take_message(t, c)) {
        static const uint8_t no[2] = {VGPIO_STATUS_ERR, 0};

        trap_write(t, c, no, c->out < 2 ? c->out : 2);
        trap_give_back(t, n, c->out < 2 ? c->out : 2);
        return;
    }
    m = decode(c);
    /* So that a driver that does not wait for the answer is seen not to. */
    c->due_us = now + (m.type == VGPIO_MSG_SET_IRQ_TYPE ? 2 * TRAP_TICK_US : 0);
    if (trap_plans(t, AT_VALUE, TRICK_BACKWARDS)) {
        c->due_us = now + 4 * TRAP_TICK_US;
    } else if (m.type == VGPIO_MSG_GET_VALUE && trap_plans(t, AT_VALUE, TRICK_LATE)) {
        c->due_us = now + LATE_US;
    }
    t->order[t->norder++] = n;
}

/* ---- answers ---- */

static void set_irq_type(struct trap *t, const struct message *m, bool refused)
{
    struct trap_line *l = &t->line[m->line];
    bool late =
        m->value == VGPIO_IRQ_NONE && (trap_plans(t, AT_IRQ_NONE, TRICK_PAIR_LATE) ||
                                       trap_plans(t, AT_IRQ_NONE, TRICK_KEEP_PAIR) ||
                                       trap_plans(t, AT_IRQ_NONE, TRICK_AGAIN));

    l->asking = false;
    l->fired = 0;
    l->refused = refused;
    l->was = l->was || l->type != VGPIO_IRQ_NONE;
    l->since = t->session;
    l->type = refused ? VGPIO_IRQ_NONE : (uint8_t)m->value;
    if (l->type == VGPIO_IRQ_NONE && !late) {
        return_pair(t, m->line);
    }
}

/* Carries it out; the value of the answer. */
static uint8_t obey(struct trap *t, const struct message *m)
{
    struct trap_line *l = &t->line[m->line];

    switch (m->type) {
    case VGPIO_MSG_GET_DIRECTION:
        return l->dir;
    case VGPIO_MSG_SET_DIRECTION:
        if (m->value != VGPIO_DIR_IN && l->type != VGPIO_IRQ_NONE) {
            l->type = VGPIO_IRQ_NONE;
            return_pair(t, m->line);
        }
        if (!trap_plans(t, AT_SET_DIRECTION, TRICK_STATUS)) {
            l->dir = (uint8_t)m->value; /* else the driver will hear that it is not so */
        }
        l->valued = l->valued && m->value != VGPIO_DIR_NONE;
        return 0;
    case VGPIO_MSG_GET_VALUE:
        return l->dir == VGPIO_DIR_OUT ? l->out : l->level;
    case VGPIO_MSG_SET_VALUE:
        l->out = (uint8_t)m->value;
        return 0;
    default:
        set_irq_type(
            t, m, trap_plans(t, AT_IRQ_TYPE, TRICK_STATUS) && m->value != VGPIO_IRQ_NONE);
        return 0;
    }
}

static enum trap_occasion occasion_of(const struct message *m)
{
    static const uint8_t of[] = {AT_NEVER,         AT_NAMES, AT_DIRECTION,
                                 AT_SET_DIRECTION, AT_VALUE, AT_SET_VALUE};

    return m->type < sizeof of          ? (enum trap_occasion)of[m->type]
           : m->value == VGPIO_IRQ_NONE ? AT_IRQ_NONE
                                        : AT_IRQ_TYPE;
}

static void answer(struct trap *t, uint16_t n)
{
    struct message m = decode(&t->chain[n]);
    uint8_t bytes[2] = {VGPIO_STATUS_OK, 0};
    const uint8_t *block;
    static uint8_t names[1 + sizeof t->names];
    uint32_t size;

    if (m.type == VGPIO_MSG_GET_LINE_NAMES) {
        block = trap_names_block(t, &size);
        memset(names, 0, sizeof names);
        memcpy(names + 1, block, size < sizeof names - 1 ? size : sizeof names - 1);
        trap_answer(t, n, names, 1 + size, AT_NAMES);
        return;
    }
    /* What is refused has no effect; a trigger type is told that it was. */
    if (m.type == VGPIO_MSG_SET_IRQ_TYPE ||
        !trap_plans(t, occasion_of(&m), TRICK_STATUS)) {
        bytes[1] = obey(t, &m);
    }
    trap_answer(t, n, bytes, sizeof bytes, occasion_of(&m));
}

/* Whether an earlier message of its line waits, too. */
static bool line_waits(const struct trap *t, unsigned i)
{
    unsigned k;

    for (k = 0; k < i; k++) {
        if (t->chain[t->order[k]].line == t->chain[t->order[i]].line) {
            return true;
        }
    }
    return false;
}

static void answer_at(struct trap *t, unsigned i)
{
    uint16_t n = t->order[i];

    t->norder--;
    memmove(&t->order[i], &t->order[i + 1], (t->norder - i) * sizeof t->order[0]);
    answer(t, n);
}

/* All that is due; `now` UINT64_MAX: all. */
static void answer_due(struct trap *t, uint64_t now)
{
    bool back = trap_plans(t, AT_VALUE, TRICK_BACKWARDS), more = true;

    while (more && t->norder > 0) {
        unsigned i, n = t->norder;

        more = false;
        for (i = 0; i < n && !more; i++) {
            unsigned k = back ? n - 1 - i : i;

            if (t->chain[t->order[k]].due_us <= now && !line_waits(t, k)) {
                answer_at(t, k);
                more = true;
            }
        }
    }
}

/* ---- pairs ---- */

static void take_pair(struct trap *t, uint16_t n)
{
    struct trap_chain *c = &t->chain[n];
    uint16_t line = (uint16_t)(c->request[0] | c->request[1] << 8);
    static const uint8_t invalid = VGPIO_IRQ_STATUS_INVALID;
    struct trap_line *l;
    bool racing, early;

    t->requests++;
    t->after += t->told > 0;
    (void)trap_rule(t, RULE_REQUESTQ, c->in != 8, "a message on the eventq");
    watch_memory(t, c);
    if (!trap_rule(t, RULE_PAIR_SHAPE, c->in == 2 && c->out == 1 && line < t->nlines,
                   "%u bytes to read, %u to write, line %u of %u", c->in, c->out, line,
                   t->nlines) ||
        !trap_rule(t, RULE_ONE_PAIR, t->line[line].pair == TRAP_NONE,
                   "line %u: a second pair", line)) {
        trap_write(t, c, &invalid, c->out > 0);
        trap_give_back(t, n, c->out > 0);
        return;
    }
    c->line = line;
    l = &t->line[line];
    l->pair = n;
    /* It may have been on its way when NONE was: no later message has come yet. */
    racing = l->type == VGPIO_IRQ_NONE && l->was && t->session == l->since &&
             !l->refused && !l->asking;
    early = !trap_rule(t, RULE_ENABLE_FIRST, l->type != VGPIO_IRQ_NONE || racing,
                       "line %u: unmasked %s", line,
                       l->asking    ? "before the answer to SET_IRQ_TYPE"
                       : l->refused ? "after SET_IRQ_TYPE was refused"
                                    : "and not enabled");
    if (racing || (early && !l->asking && !l->refused)) {
        return_pair(t, line); /* after a refusal it is kept: some would never stop */
    } else if (!early && trap_tells(t, AT_PAIR) != NULL) {
        trap_event(t, line, (uint8_t)t->lie->arg);
    }
}

/* ---- what is waiting ---- */

static void serve(struct trap *t, unsigned q, uint64_t now)
{
    bool took;
    uint16_t n;

    do {
        took = false;
        while ((n = trap_ring_take(t, q)) != TRAP_NONE) {
            took = true;
            t->last_us = now;
            if (q == VGPIO_REQUESTQ) {
                take_request(t, n, now);
            } else {
                take_pair(t, n);
            }
        }
        trap_ring_rearm(t, q);
    } while (took && trap_ring_waiting(t, q));
    t->ring[q].unkicked_us = 0;
    answer_due(t, now);
}

/* Found by looking, and not because the driver said so: it may be about to. */
static void watch_kick(struct trap *t, unsigned q, uint64_t now)
{
    struct trap_ring *r = &t->ring[q];
    bool event = (r->at.features & VGPIO_F_EVENT_IDX) != 0;

    if (!trap_ring_waiting(t, q)) {
        r->unkicked_us = 0;
    } else if (r->unkicked_us == 0) {
        r->unkicked_us = now;
    } else if (now - r->unkicked_us > (uint64_t)t->kick_ms * 1000u) {
        trap_broken(t,
                    r->packed ? RULE_PACKED_KICK
                    : event   ? RULE_SPLIT_KICK_EVENT
                              : RULE_SPLIT_KICK,
                    "queue %u: a buffer is available, and no kick for %u ms", q,
                    t->kick_ms);
        serve(t, q, now);
    }
}

/* Nothing has come for long, and the last answer was not to be told. */
static void watch_sleep(struct trap *t, unsigned q, uint64_t now)
{
    if (!t->lied && now - t->last_us > (uint64_t)t->kick_ms * 1000u &&
        trap_ring_asleep(t, q)) {
        trap_broken(t, RULE_AWAKE,
                    "queue %u: nothing for %u ms, and it was not to be told", q,
                    t->kick_ms);
    }
}

static void fire_due(struct trap *t, uint64_t now)
{
    uint16_t i;

    if (t->norder > 0 || now - t->last_us < SETTLE_US) {
        return;
    }
    for (i = 0; i < t->nlines; i++) {
        const struct trap_line *l = &t->line[i];

        if (l->pair != TRAP_NONE && l->type != VGPIO_IRQ_NONE && !l->asking &&
            l->fired < t->events) {
            fire(t, i);
        }
    }
}

bool trap_tick(struct trap *t, uint64_t now)
{
    unsigned q;

    for (q = 0; q < 2; q++) {
        if (t->ring[q].runs && !t->ring[q].paused) {
            trap_ring_verify(t, q);
            watch_kick(t, q, now);
            watch_sleep(t, q, now);
        }
    }
    if (t->ring[VGPIO_REQUESTQ].runs && !t->ring[VGPIO_REQUESTQ].paused) {
        answer_due(t, now);
    }
    if (t->ring[VGPIO_EVENTQ].runs && !t->ring[VGPIO_EVENTQ].paused) {
        fire_due(t, now);
    }
    return t->owed != 0;
}

/* ---- seen by the transport ---- */

static uint32_t vd_device_id(const void *obj)
{
    (void)obj;
    return VGPIO_DEVICE_ID;
}

static uint64_t offered(const struct trap *t)
{
    uint64_t f = t->offer;

    if (trap_plans(t, AT_FEATURES, TRICK_FEATURES)) {
        f |= UNKNOWN_BITS;
    }
    if (trap_plans(t, AT_FEATURES, TRICK_WITHOUT)) {
        f &= ~VGPIO_F_VERSION_1;
    }
    return f;
}

/* A driver that begins anew, where the one before only had its rings disabled. */
static void another(struct trap *t)
{
    if (t->ring[VGPIO_REQUESTQ].paused && t->session > 0) {
        t->ring[0].ever = t->ring[1].ever = false;
        trap_session_ends(t, true);
    }
}

static uint64_t vd_features(const void *obj)
{
    struct trap *t = (struct trap *)(uintptr_t)obj; /* a lie that is told is counted */
    uint64_t f = offered(t);

    (void)trap_tells(t, AT_FEATURES);
    return f;
}

static int vd_ack_features(void *obj, uint64_t acked)
{
    struct trap *t = obj;
    uint64_t offer;

    another(t);
    offer = offered(t);
    (void)trap_rule(t, RULE_OFFERED, (acked & ~offer) == 0, "0x%llx of 0x%llx",
                    (unsigned long long)acked, (unsigned long long)offer);
    (void)trap_rule(t, RULE_UNKNOWN, (acked & UNKNOWN_BITS) == 0, "0x%llx",
                    (unsigned long long)(acked & UNKNOWN_BITS));
    if ((offer & VGPIO_F_VERSION_1) != 0) {
        (void)trap_rule(t, RULE_VERSION_1, (acked & VGPIO_F_VERSION_1) != 0, "0x%llx",
                        (unsigned long long)acked);
    }
    t->features = acked;
    t->acked = true;
    return VGPIO_OK;
}

static uint32_t vd_config_size(const void *obj)
{
    (void)obj;
    return VGPIO_CONFIG_SIZE;
}

static void vd_config_read(const void *obj, uint32_t off, void *dst, uint32_t len)
{
    struct trap *t = (struct trap *)(uintptr_t)obj;
    struct vgpio_config c = {t->nlines, t->names_size};
    const struct trap_lie *lie;
    uint8_t raw[VGPIO_CONFIG_SIZE];
    uint32_t i;

    another(t);
    lie = trap_tells(t, AT_CONFIG);
    if (lie != NULL && lie->trick == TRICK_NGPIO) {
        c.ngpio = (uint16_t)lie->arg;
    } else if (lie != NULL && lie->trick == TRICK_NAMES_SIZE) {
        c.names_size = lie->arg;
    }
    if (trap_plans(t, AT_NAMES, TRICK_NAMES)) {
        (void)trap_names_block(t, &c.names_size);
    }
    t->shown_lines = c.ngpio;
    t->shown_names = c.names_size;
    vgpio_config_encode(raw, &c);
    if (lie != NULL && lie->trick == TRICK_PADDING) {
        raw[2] = raw[3] = (uint8_t)lie->arg;
    }
    for (i = 0; i < len; i++) {
        ((uint8_t *)dst)[i] = off + i < sizeof raw ? raw[off + i] : 0;
    }
}

static uint16_t vd_queue_max(const void *obj, unsigned q)
{
    const struct trap *t = obj;

    return q > 1 || (q == 1 && ((t->offer & VGPIO_F_IRQ) == 0 ||
                                trap_plans(t, AT_FEATURES, TRICK_NO_EVENTQ)))
               ? 0
               : TRAP_RING;
}

static bool same_place(const struct trap_ring *r, const struct vgpio_vq_setup *s)
{
    return r->ever && r->at.desc == s->desc && r->at.driver == s->driver &&
           r->at.device == s->device && r->at.size == s->size &&
           (s->flags & VGPIO_VQ_TOLD) != 0 && s->avail_pos == r->avail;
}

static int vd_queue_start(void *obj, unsigned q, const struct vgpio_mem *mem,
                          const struct vgpio_vq_setup *s)
{
    struct trap *t = obj;
    struct trap_ring *r = &t->ring[q];
    bool on = same_place(r, s);

    (void)trap_rule(t, RULE_QUEUES, q == 0 || (t->features & VGPIO_F_IRQ) != 0,
                    "the eventq was set up without F_IRQ");
    if (s->size == 0 || s->size > TRAP_RING || !trap_ring_layout(t, s)) {
        return VGPIO_ERR_FAULT;
    }
    r->mem = mem;
    r->runs = true;
    r->paused = false;
    if (!on) {
        if (q == VGPIO_REQUESTQ) {
            trap_session_ends(t, false);
        } else {
            drop(t, q);
        }
        r->at = *s;
        r->at.features = t->features;
        r->packed = (t->features & VGPIO_F_PACKED) != 0;
        trap_ring_start(t, q);
    }
    r->ever = true;
    return VGPIO_OK;
}

static int vd_queue_run(void *obj, unsigned q, int on)
{
    ((struct trap *)obj)->ring[q].paused = !on;
    return VGPIO_OK;
}

static int vd_queue_stop(void *obj, unsigned q, unsigned how,
                         struct vgpio_vq_setup *where)
{
    struct trap *t = obj;
    struct trap_ring *r = &t->ring[q];

    if (r->runs && how == VGPIO_STOP_DRAIN) {
        trap_ring_verify(t, q);
        answer_due(t, UINT64_MAX);
    }
    if (where != NULL) {
        where->avail_pos = r->avail;
        where->used_pos = r->used;
        where->flags = VGPIO_VQ_TOLD;
    }
    r->runs = false;
    return VGPIO_OK;
}

static void vd_reset(void *obj)
{
    struct trap *t = obj;

    t->ring[0].runs = t->ring[1].runs = false;
    t->ring[0].ever = t->ring[1].ever = false;
    trap_session_ends(t, true);
}

static int vd_kick(void *obj, unsigned q)
{
    struct trap *t = obj;
    struct trap_ring *r = &t->ring[q];

    if (r->runs && !r->paused) {
        if (r->rung && trap_ring_waiting(t, q)) {
            trap_kept(t, r->packed ? RULE_PACKED_KICK
                         : (r->at.features & VGPIO_F_EVENT_IDX) != 0
                             ? RULE_SPLIT_KICK_EVENT
                             : RULE_SPLIT_KICK);
        }
        serve(t, q, evloop_now());
    }
    r->rung = false;
    return 0;
}

static unsigned vd_take_events(void *obj)
{
    struct trap *t = obj;
    unsigned q, events = 0;

    for (q = 0; q < 2; q++) {
        if ((t->owed >> q & 1u) != 0 && t->ring[q].runs && trap_ring_wants_call(t, q) &&
            !t->mute) {
            events |= VGPIO_EV_QUEUE(q);
        }
        if (t->calls[q] > 0) {
            t->calls[q]--;
            events |= VGPIO_EV_QUEUE(q);
        }
    }
    t->owed = 0;
    t->mute = false;
    return events;
}

static unsigned vd_in_flight(const void *obj)
{
    return ((const struct trap *)obj)->norder;
}

static int vd_error(const void *obj, unsigned q)
{
    (void)obj;
    (void)q;
    return 0;
}

static const struct vgpio_vdev_ops ops = {
    .ops_size = sizeof ops,
    .device_id = vd_device_id,
    .features = vd_features,
    .ack_features = vd_ack_features,
    .config_size = vd_config_size,
    .config_read = vd_config_read,
    .queue_max = vd_queue_max,
    .queue_start = vd_queue_start,
    .queue_run = vd_queue_run,
    .queue_stop = vd_queue_stop,
    .reset = vd_reset,
    .kick = vd_kick,
    .take_events = vd_take_events,
    .in_flight = vd_in_flight,
    .error = vd_error,
};

struct vgpio_vdev trap_vdev(struct trap *t)
{
    struct vgpio_vdev v = {&ops, t};

    return v;
}

void trap_init(struct trap *t, uint16_t nlines, uint64_t offer)
{
    unsigned i;

    t->offer = offer;
    t->nlines = nlines;
    t->lie = trap_lies;
    t->names_size = 0;
    for (i = 0; i < nlines; i++) {
        t->names_size += (uint32_t)sprintf((char *)t->names + t->names_size, "trap%u", i);
        t->names_size++;
    }
    trap_session_ends(t, false);
}
