/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings as a suspicious device sees them: every descriptor is read here, word for word,
 * and used elements are written without asking whether they are true. */
#include "trap.h"

#include <endian.h>
#include <stdatomic.h>
#include <string.h>

#define WRAP 0x8000u
#define F_NEXT 1u
#define F_WRITE 2u
#define F_TABLE 4u
#define F_AVAIL 0x80u
#define F_USED 0x8000u

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next; /* packed: next is the buffer id */
};

/* ---- memory ---- */

/* NULL: not all of it is there in one piece. */
static void *map(const struct trap_ring *r, uint64_t gpa, uint32_t len)
{
    uint32_t got = len;
    void *p;

    if (r->mem == NULL || len == 0 || gpa > UINT64_MAX - (len - 1)) {
        return NULL;
    }
    p = r->mem->map(r->mem->ctx, gpa, &got, VGPIO_MEM_READ | VGPIO_MEM_WRITE);
    return got == len ? p : NULL;
}

static bool copy(const struct trap_ring *r, uint64_t gpa, uint8_t *buf, uint32_t len,
                 bool out)
{
    while (len > 0) {
        uint32_t got = len;
        void *p =
            gpa > UINT64_MAX - (len - 1)
                ? NULL
                : r->mem->map(r->mem->ctx, gpa, &got, VGPIO_MEM_READ | VGPIO_MEM_WRITE);

        if (p == NULL) {
            return false;
        }
        memcpy(out ? p : buf, out ? buf : p, got);
        gpa += got;
        buf += got;
        len -= got;
    }
    return true;
}

static uint16_t get16(const struct trap_ring *r, uint64_t gpa)
{
    _Atomic uint16_t *p = map(r, gpa, 2);

    /* Acquire: pairs with the driver's release of an index or of flags. */
    return p == NULL ? 0 : le16toh(atomic_load_explicit(p, memory_order_acquire));
}

static void put16(const struct trap_ring *r, uint64_t gpa, uint16_t v)
{
    _Atomic uint16_t *p = map(r, gpa, 2);

    if (p != NULL) {
        /* Release: pairs with the driver's acquire of an index or of flags. */
        atomic_store_explicit(p, htole16(v), memory_order_release);
    }
}

static void put32(const struct trap_ring *r, uint64_t gpa, uint32_t v)
{
    put16(r, gpa, (uint16_t)v);
    put16(r, gpa + 2, (uint16_t)(v >> 16));
}

static struct desc decode(const uint8_t raw[16])
{
    struct desc d;

    memcpy(&d.addr, raw, 8);
    memcpy(&d.len, raw + 8, 4);
    memcpy(&d.flags, raw + 12, 2);
    memcpy(&d.next, raw + 14, 2);
    d.addr = le64toh(d.addr);
    d.len = le32toh(d.len);
    d.flags = le16toh(d.flags);
    d.next = le16toh(d.next);
    return d;
}

/* In a packed ring the two last fields stand the other way round. */
static struct desc packed_desc(const uint8_t raw[16])
{
    struct desc d = decode(raw);
    uint16_t id = d.flags;

    d.flags = d.next;
    d.next = id;
    return d;
}

static uint64_t hash(uint64_t sum, const uint8_t *p, uint32_t len)
{
    while (len-- > 0) {
        sum = (sum ^ *p++) * UINT64_C(0x100000001b3);
    }
    return sum;
}

/* Of all that the driver filled, tables included: no byte may change while we have it. */
static uint64_t sum_of(const struct trap_ring *r, const struct trap_chain *c)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    uint8_t buf[64];
    unsigned i;

    for (i = 0; i < c->npieces; i++) {
        const struct trap_piece *p = &c->piece[i];
        uint32_t len = p->len < sizeof buf ? p->len : (uint32_t)sizeof buf;

        if ((!p->write || p->table) && copy(r, p->at, buf, len, false)) {
            sum = hash(sum, buf, len);
        }
    }
    return sum;
}

/* ---- the layout ---- */

bool trap_ring_layout(struct trap *t, const struct vgpio_vq_setup *s)
{
    bool packed = (s->features & VGPIO_F_PACKED) != 0;
    uint64_t driver = packed ? 3u : 1u;

    return trap_rule(t, packed ? RULE_PACKED_ALIGN : RULE_SPLIT_ALIGN,
                     s->desc % 16 == 0 && (s->driver & driver) == 0 && s->device % 4 == 0,
                     "areas at 0x%llx, 0x%llx, 0x%llx", (unsigned long long)s->desc,
                     (unsigned long long)s->driver, (unsigned long long)s->device);
}

static bool event_idx(const struct trap_ring *r)
{
    return (r->at.features & VGPIO_F_EVENT_IDX) != 0;
}

static uint16_t plus(const struct trap_ring *r, uint16_t pos, unsigned n)
{
    unsigned at = (pos & (WRAP - 1)) + n;

    return at < r->at.size ? (uint16_t)(pos + n)
                           : (uint16_t)((at - r->at.size) | ((pos & WRAP) ^ WRAP));
}

/* Places from the used position to the one where the next chain begins. */
static unsigned taken(const struct trap_ring *r)
{
    unsigned a = r->avail & (WRAP - 1), u = r->used & (WRAP - 1);
    unsigned n = ((r->avail ^ r->used) & WRAP) != 0 ? a + r->at.size - u : a - u;

    return n <= r->at.size ? n : 0; /* after a lie, what was used can be ahead */
}

/* A front end that says 0 for "from the beginning" whatever the layout is. */
static bool from_the_beginning(const struct trap_ring *r)
{
    unsigned bits = get16(r, r->at.desc + 14) & (F_AVAIL | F_USED);

    return r->at.avail_pos == 0 && (bits == 0 || bits == F_AVAIL);
}

void trap_ring_start(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    bool told = (r->at.flags & VGPIO_VQ_TOLD) != 0;

    memset(r->owner, 0, sizeof r->owner);
    memset(r->shadow, 0, sizeof r->shadow);
    r->stuck = r->bent = r->silent = false;
    r->unkicked_us = 0;
    if (r->packed) {
        r->avail = told && !from_the_beginning(r) ? r->at.avail_pos : WRAP;
        r->used = r->avail;
    } else {
        r->avail = told ? r->at.avail_pos : 0;
        r->used = get16(r, r->at.device + 2);
        r->seen = r->avail;
        if (r->avail == 0) {
            (void)trap_rule(t, RULE_SPLIT_USED_FLAGS, get16(r, r->at.device) == 0,
                            "queue %u: used flags 0x%x at the start", q,
                            get16(r, r->at.device));
        }
    }
    r->told = r->used;
    trap_ring_rearm(t, q);
}

/* ---- what a chain is made of ---- */

static void get_piece(struct trap *t, struct trap_chain *c, const struct desc *d)
{
    struct trap_ring *r = &t->ring[c->q];
    bool write = (d->flags & F_WRITE) != 0;
    enum trap_rule_id order = r->packed ? RULE_PACKED_ORDER : RULE_SPLIT_ORDER;
    uint64_t total = (uint64_t)c->in + c->out + d->len;
    uint8_t last = 0;

    (void)trap_rule(t, order, write || c->out == 0,
                    "queue %u: a part to read behind one to write", c->q);
    if (!r->packed) {
        (void)trap_rule(t, RULE_SPLIT_TOTAL, total <= UINT64_C(0x100000000),
                        "queue %u: a chain of %llu bytes", c->q,
                        (unsigned long long)total);
    }
    (void)trap_rule(t, RULE_ADDRESS,
                    d->len == 0 || (copy(r, d->addr, &last, 1, false) &&
                                    copy(r, d->addr + d->len - 1, &last, 1, false)),
                    "queue %u: %u bytes at 0x%llx", c->q, d->len,
                    (unsigned long long)d->addr);
    if (!write) {
        uint32_t have = c->in < 8 ? 8 - c->in : 0;

        if (have > 0) {
            (void)copy(r, d->addr, c->request + c->in, d->len < have ? d->len : have,
                       false);
        }
        c->in = total > UINT32_MAX ? UINT32_MAX : c->in + d->len;
    } else {
        c->out = total > UINT32_MAX ? UINT32_MAX : c->out + d->len;
    }
    if (c->npieces < TRAP_PIECES) {
        struct trap_piece p = {d->addr, d->len, write, false};

        c->piece[c->npieces++] = p;
    }
}

static unsigned most(const struct trap_ring *r)
{
    return r->at.size > 2 ? r->at.size : 2; /* a request of two fits a ring of one */
}

static bool get_entry(struct trap *t, struct trap_chain *c, const struct desc *table,
                      unsigned i, struct desc *d)
{
    uint8_t raw[16];

    if (!copy(&t->ring[c->q], table->addr + 16u * i, raw, 16, false)) {
        trap_broken(t, RULE_ADDRESS, "queue %u: a table outside of memory", c->q);
        return false;
    }
    *d = t->ring[c->q].packed ? packed_desc(raw) : decode(raw);
    return true;
}

static bool table_shape(struct trap *t, struct trap_chain *c, const struct desc *table)
{
    struct trap_ring *r = &t->ring[c->q];
    bool offered = (r->at.features & VGPIO_F_INDIRECT) != 0;
    unsigned n = table->len / 16;

    if (c->npieces < TRAP_PIECES) {
        struct trap_piece p = {table->addr, table->len, false, true};

        c->piece[c->npieces++] = p;
    }
    return trap_rule(t, r->packed ? RULE_PACKED_INDIRECT : RULE_SPLIT_INDIRECT, offered,
                     "queue %u: an indirect descriptor", c->q) &&
           trap_rule(t, r->packed ? RULE_PACKED_TABLE : RULE_SPLIT_LENGTH,
                     table->len % 16 == 0 && n > 0 && n <= most(r),
                     "queue %u: a table of %u bytes, with a ring of %u", c->q, table->len,
                     r->at.size);
}

static bool get_table(struct trap *t, struct trap_chain *c, const struct desc *table)
{
    bool packed = t->ring[c->q].packed;
    unsigned n = table->len / 16, i = 0, steps;
    struct desc d;

    if (!table_shape(t, c, table)) {
        return false;
    }
    for (steps = 0; steps < n; steps++) {
        if (!get_entry(t, c, table, i, &d)) {
            return false;
        }
        if (packed) {
            (void)trap_rule(t, RULE_PACKED_INDIRECT, (d.flags & ~F_WRITE) == 0,
                            "queue %u: flags 0x%x in a table", c->q, d.flags);
        } else if (!trap_rule(t, RULE_SPLIT_NESTED, (d.flags & F_TABLE) == 0,
                              "queue %u: a table in a table", c->q)) {
            return false;
        }
        get_piece(t, c, &d);
        if (!packed && (d.flags & F_NEXT) == 0) {
            return true;
        }
        i = packed ? i + 1 : d.next;
        if (!packed && i >= n) {
            trap_broken(t, RULE_SPLIT_LENGTH, "queue %u: entry %u of a table of %u", c->q,
                        i, n);
            return false;
        }
    }
    return trap_rule(t, packed ? RULE_PACKED_TABLE : RULE_SPLIT_LENGTH, packed,
                     "queue %u: a loop in a table", c->q);
}

/* ---- split ---- */

static bool take_split_desc(struct trap *t, struct trap_chain *c, uint16_t i,
                            struct desc *d)
{
    struct trap_ring *r = &t->ring[c->q];
    uint16_t self = (uint16_t)(c - t->chain + 1);

    if (i >= r->at.size) {
        trap_broken(t, RULE_SPLIT_LENGTH, "queue %u: descriptor %u in a ring of %u", c->q,
                    i, r->at.size);
        return false;
    }
    if (r->owner[i] == self) {
        trap_broken(t, RULE_SPLIT_LENGTH, "queue %u: a chain that is a loop", c->q);
        return false;
    }
    if (!trap_rule(t, RULE_KEEP, r->owner[i] == 0,
                   "queue %u: descriptor %u belongs to a buffer that is out", c->q, i)) {
        return false;
    }
    r->owner[i] = self;
    (void)copy(r, r->at.desc + 16u * i, r->shadow[i], 16, false);
    *d = decode(r->shadow[i]);
    return true;
}

static bool take_split(struct trap *t, struct trap_chain *c)
{
    uint16_t i = c->id;
    struct desc d;

    for (;;) {
        if (!take_split_desc(t, c, i, &d)) {
            return false;
        }
        if ((d.flags & F_TABLE) != 0) {
            return trap_rule(t, RULE_SPLIT_TABLE_NEXT, (d.flags & F_NEXT) == 0,
                             "queue %u: INDIRECT and NEXT together", c->q) &&
                   get_table(t, c, &d);
        }
        get_piece(t, c, &d);
        if ((d.flags & F_NEXT) == 0) {
            trap_kept(t, RULE_SPLIT_LENGTH);
            return true;
        }
        i = d.next;
    }
}

static bool waiting_split(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    uint16_t now = get16(r, r->at.driver + 2);

    if (now != r->seen && !trap_rule(t, RULE_SPLIT_INDEX,
                                     (uint16_t)(now - r->avail) <= r->at.size &&
                                         (uint16_t)(now - r->seen) <= r->at.size,
                                     "queue %u: from %u to %u in a ring of %u", q,
                                     r->seen, now, r->at.size)) {
        r->stuck = true;
        return false;
    }
    r->seen = now;
    return now != r->avail;
}

/* ---- packed ---- */

static bool available(uint16_t pos, unsigned flags)
{
    return (flags & (F_AVAIL | F_USED)) == ((pos & WRAP) != 0 ? F_AVAIL : F_USED);
}

static bool waiting_packed(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];

    return taken(r) < r->at.size &&
           available(r->avail, get16(r, r->at.desc + 16u * (r->avail & (WRAP - 1)) + 14));
}

static bool take_packed_desc(struct trap *t, struct trap_chain *c, struct desc *d)
{
    struct trap_ring *r = &t->ring[c->q];
    unsigned i = r->avail & (WRAP - 1);

    if (taken(r) >= r->at.size) {
        trap_broken(t, c->ndesc >= r->at.size ? RULE_PACKED_LENGTH : RULE_PACKED_ROOM,
                    "queue %u: %u descriptors, and more to come, in a ring of %u", c->q,
                    c->ndesc, r->at.size);
        return false;
    }
    (void)copy(r, r->at.desc + 16u * i, r->shadow[i], 16, false);
    *d = packed_desc(r->shadow[i]);
    if (!trap_rule(t, RULE_PACKED_FIRST_LAST, available(r->avail, d->flags),
                   "queue %u: part %u of a chain is not available yet", c->q, c->ndesc)) {
        return false;
    }
    c->ndesc++;
    r->avail = plus(r, r->avail, 1);
    return true;
}

static bool fresh_id(struct trap *t, const struct trap_chain *c)
{
    unsigned i;

    for (i = 0; i < TRAP_CHAINS; i++) {
        const struct trap_chain *o = &t->chain[i];

        if (o != c && o->busy && o->q == c->q && o->id == c->id) {
            trap_broken(t, RULE_PACKED_ID, "queue %u: id %u, which is out", c->q, c->id);
            return false;
        }
    }
    trap_kept(t, RULE_PACKED_ID);
    return true;
}

static bool take_packed(struct trap *t, struct trap_chain *c)
{
    bool ok = true;
    struct desc d;

    do {
        if (!take_packed_desc(t, c, &d)) {
            return false;
        }
        if ((d.flags & F_TABLE) != 0) {
            ok = trap_rule(t, RULE_PACKED_TABLE_NEXT,
                           (d.flags & F_NEXT) == 0 && c->ndesc == 1,
                           "queue %u: an indirect descriptor in a chain", c->q) &&
                 get_table(t, c, &d);
        } else {
            get_piece(t, c, &d);
        }
    } while (ok && (d.flags & F_NEXT) != 0);
    c->id = d.next;
    trap_kept(t, RULE_PACKED_LENGTH);
    trap_kept(t, RULE_PACKED_ROOM);
    return ok && fresh_id(t, c);
}

/* ---- both ---- */

bool trap_ring_waiting(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];

    if (!r->runs || r->paused || r->stuck) {
        return false;
    }
    return r->packed ? waiting_packed(t, q) : waiting_split(t, q);
}

uint16_t trap_ring_take(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    struct trap_chain *c;
    uint16_t n = 0;
    bool ok;

    while (n < TRAP_CHAINS && t->chain[n].busy) {
        n++;
    }
    if (n == TRAP_CHAINS || !trap_ring_waiting(t, q)) {
        return TRAP_NONE;
    }
    c = &t->chain[n];
    memset(c, 0, sizeof *c);
    c->busy = true;
    c->q = (uint8_t)q;
    if (r->packed) {
        ok = take_packed(t, c);
    } else {
        c->id = get16(r, r->at.driver + 4 + 2u * (r->avail % r->at.size));
        r->avail++;
        ok = take_split(t, c);
    }
    if (!ok) {
        /* Nobody knows any more what is whose. */
        c->busy = false;
        r->stuck = true;
        return TRAP_NONE;
    }
    c->sum = sum_of(r, c);
    return n;
}

void trap_chain_verify(struct trap *t, const struct trap_chain *c)
{
    const struct trap_ring *r = &t->ring[c->q];

    if (r->runs && !r->paused) {
        (void)trap_rule(t, RULE_KEEP, sum_of(r, c) == c->sum,
                        "queue %u: bytes of a buffer changed while it was out", c->q);
    }
}

void trap_ring_verify(struct trap *t, unsigned q)
{
    const struct trap_ring *r = &t->ring[q];
    uint8_t raw[16];
    unsigned i, n = r->packed ? taken(r) : r->at.size;

    if (!r->runs || r->paused || r->stuck || r->bent) {
        return;
    }
    for (i = 0; i < n; i++) {
        unsigned at = r->packed ? plus(r, r->used, i) & (WRAP - 1) : i;

        if (!r->packed && r->owner[at] == 0) {
            continue;
        }
        if (copy(r, r->at.desc + 16u * at, raw, 16, false)) {
            (void)trap_rule(t, r->packed ? RULE_PACKED_KEEP : RULE_KEEP,
                            memcmp(raw, r->shadow[at], 16) == 0,
                            "queue %u: descriptor %u changed while it was out", q, at);
        }
    }
}

/* ---- giving back ---- */

void trap_write(struct trap *t, const struct trap_chain *c, const uint8_t *bytes,
                uint32_t len)
{
    uint8_t *from = (uint8_t *)(uintptr_t)bytes;
    const struct trap_ring *r = &t->ring[c->q];
    unsigned i;

    for (i = 0; i < c->npieces && len > 0 && r->runs && !r->paused; i++) {
        const struct trap_piece *p = &c->piece[i];

        if (p->write && !p->table) {
            uint32_t n = p->len < len ? p->len : len;

            (void)copy(r, p->at, from, n, true);
            from += n;
            len -= n;
        }
    }
}

/* Before an element is used: does the driver ask to be told of a later one only? */
static bool wants_later(const struct trap_ring *r)
{
    unsigned event, used = r->used & (WRAP - 1), n;

    if (!event_idx(r) || (r->packed && get16(r, r->at.driver + 2) != 2)) {
        return false;
    }
    if (!r->packed) {
        event = get16(r, r->at.driver + 4 + 2u * r->at.size);
        n = (uint16_t)(event - r->used);
        return n != 0 && n <= r->at.size;
    }
    event = get16(r, r->at.driver);
    n = (event & (WRAP - 1)) + (((event ^ r->used) & WRAP) != 0 ? r->at.size : 0u) - used;
    return n != 0 && n <= taken(r);
}

void trap_use(struct trap *t, unsigned q, uint32_t id, uint32_t len, unsigned ndesc)
{
    struct trap_ring *r = &t->ring[q];
    uint64_t at;

    if (!r->runs || r->paused) {
        return; /* its owner may be gone, and the memory somebody else's */
    }
    r->later = wants_later(r);
    if (r->packed) {
        at = r->at.desc + 16u * (r->used & (WRAP - 1));
        put32(r, at + 8, len);
        put16(r, at + 12, (uint16_t)id);
        put16(r, at + 14,
              (uint16_t)(((r->used & WRAP) != 0 ? F_AVAIL | F_USED : 0u) |
                         (len != 0 ? F_WRITE : 0u)));
        r->used = plus(r, r->used, ndesc);
    } else {
        at = r->at.device + 4 + 8u * (r->used % r->at.size);
        put32(r, at, id);
        put32(r, at + 4, len);
        put16(r, r->at.device + 2, ++r->used);
    }
    t->owed |= 1u << q;
}

void trap_bump(struct trap *t, unsigned q, uint16_t n)
{
    struct trap_ring *r = &t->ring[q];

    if (r->runs && !r->paused && !r->packed) {
        put16(r, r->at.device + 2, (uint16_t)(r->used + n));
        t->owed |= 1u << q;
    }
}

void trap_forget(struct trap *t, uint16_t chain)
{
    struct trap_ring *r = &t->ring[t->chain[chain].q];
    unsigned i;

    t->chain[chain].busy = false;
    for (i = 0; i < TRAP_RING && !r->packed; i++) {
        if (r->owner[i] == chain + 1) {
            r->owner[i] = 0;
        }
    }
}

void trap_give_back(struct trap *t, uint16_t chain, uint32_t len)
{
    struct trap_chain *c = &t->chain[chain];

    trap_chain_verify(t, c);
    trap_ring_verify(t, c->q);
    trap_forget(t, chain);
    trap_use(t, c->q, c->id, len, c->ndesc);
}

/* ---- notifications ---- */

static bool need_event(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static bool packed_wants(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    uint16_t mode = get16(r, r->at.driver + 2), event = get16(r, r->at.driver);
    uint16_t at = r->used & (WRAP - 1), old = r->told & (WRAP - 1);
    unsigned off = event & (WRAP - 1);

    (void)trap_rule(t, RULE_PACKED_EVENT, mode < 2 || (mode == 2 && event_idx(r)),
                    "queue %u: flags 0x%x", q, mode);
    if (mode != 2) {
        return mode != 1;
    }
    if (((event ^ r->used) & WRAP) != 0) {
        off -= r->at.size;
    }
    if (((r->told ^ r->used) & WRAP) != 0) {
        old = (uint16_t)(old - r->at.size);
    }
    return need_event((uint16_t)off, at, old);
}

bool trap_ring_wants_call(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    uint16_t flags;
    bool want;

    /* The driver's word is read after the used index was stored: pairs with its own
     * fence between asking for a call and looking at the ring again. */
    atomic_thread_fence(memory_order_seq_cst);
    if (r->packed) {
        want = packed_wants(t, q);
    } else {
        flags = get16(r, r->at.driver);
        (void)trap_rule(t, event_idx(r) ? RULE_SPLIT_FLAGS_EVENT : RULE_SPLIT_FLAGS,
                        flags <= (event_idx(r) ? 0 : 1), "queue %u: flags 0x%x", q,
                        flags);
        want = event_idx(r) ? need_event(get16(r, r->at.driver + 4 + 2u * r->at.size),
                                         r->used, r->told)
                            : (flags & 1u) == 0;
    }
    r->told = r->used;
    r->silent = !want;
    return want;
}

/* A driver that sleeps has asked to be told of the next used element, whatever it did
 * while it was awake. */
bool trap_ring_asleep(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    uint16_t event = get16(r, r->at.driver + 4 + 2u * r->at.size);

    if (!r->silent || !r->runs || r->paused || r->bent) {
        return false;
    }
    r->silent = false; /* once */
    if (r->packed) {
        uint16_t mode = get16(r, r->at.driver + 2);

        return mode == 1 ||
               (mode == 2 && (r->later || get16(r, r->at.driver) != r->used));
    }
    return event_idx(r) ? r->later || event != r->used
                        : (get16(r, r->at.driver) & 1u) != 0;
}

/* Asks to be kicked for the very next chain, and writes nonsense where the driver must
 * not look. */
void trap_ring_rearm(struct trap *t, unsigned q)
{
    struct trap_ring *r = &t->ring[q];
    uint64_t word = r->at.device + 4 + 8u * r->at.size;
    bool lie = trap_plans(t, AT_NEVER, TRICK_FLAGS);

    if (!r->runs || r->stuck) {
        return;
    }
    if (r->packed) {
        put16(r, r->at.device, event_idx(r) ? r->avail : 0x1234);
        put16(r, r->at.device + 2, event_idx(r) ? 2 : 0);
    } else if (event_idx(r)) {
        if (lie) {
            t->told = 1;
            t->lied = true;
        }
        put16(r, r->at.device, lie ? 1 : 0);
        put16(r, word, r->avail);
    } else {
        put16(r, word, (uint16_t)(r->avail + 0x4000));
    }
    atomic_thread_fence(memory_order_seq_cst); /* pairs with the driver's, before it asks
                                                * whether to kick */
}
