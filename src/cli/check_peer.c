/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver that says anything: connection, raw rings, requests, all with a deadline. */
#include "check.h"

#include "evloop.h"

#include <endian.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WRAP CHECK_WRAP

bool check_saw(struct check *c, const char *fmt, ...)
{
    va_list ap;

    if (c->saw[0] == '\0') {
        va_start(ap, fmt);
        vsnprintf(c->saw, sizeof c->saw, fmt, ap);
        va_end(ap);
    }
    return false;
}

bool check_skip(struct check *c, enum check_skip why)
{
    c->skip = why;
    return false;
}

static bool front_ok(struct check *c, int err)
{
    const char *why = vgpio_vuf_linux_reason(&c->front);

    return err == 0 || check_saw(c, "%s", why[0] != '\0' ? why : vgpio_strerror(err));
}

/* ---- connection ---- */

#define ANEW_MS 1000u /* the time that a device has for that */

static int reach(struct check *c, const struct vgpio_vuf_linux_config *fc)
{
    int err = vgpio_vuf_linux_open(&c->front, c->path, fc);

    return err != 0 ? err : vgpio_vuf_negotiate(&c->front.vuf);
}

/* A device that was started just now may not listen yet; one that makes its socket anew
 * for each front end does not for a moment, or hangs up on who came too early. */
bool check_connect(struct check *c)
{
    struct vgpio_vuf_linux_config fc = {0};
    struct vgpio_vuf_facts facts;
    struct vgpio_vuf *f = &c->front.vuf;
    uint32_t grace = c->fresh ? c->timeout_ms : c->gone ? 0 : ANEW_MS;
    uint64_t due = evloop_now() + (uint64_t)grace * 1000u;
    int err;

    memset(c->ring, 0, sizeof c->ring);
    fc.mem_size = CHECK_NAMES + CHECK_NAMES_MAX;
    fc.timeout_ms = c->timeout_ms;
    while ((err = reach(c, &fc)) == VGPIO_ERR_IO && evloop_now() < due) {
        vgpio_vuf_linux_close(&c->front);
        (void)poll(NULL, 0, 1);
    }
    c->fresh = false;
    c->gone = err == VGPIO_ERR_IO;
    if (!front_ok(c, err)) {
        return false;
    }
    vgpio_vuf_get_facts(f, &facts);
    c->offered = facts.offered;
    memset(c->config_bytes, 0, sizeof c->config_bytes);
    if (!front_ok(c, vgpio_vuf_bus_ops.config_read(f, 0, c->config_bytes, 8))) {
        return false;
    }
    vgpio_config_decode(&c->config, c->config_bytes);
    return true;
}

int check_features(struct check *c, uint64_t features)
{
    const struct vgpio_bus_ops *bus = &vgpio_vuf_bus_ops;
    struct vgpio_vuf *f = &c->front.vuf;
    uint8_t status = 0;
    int n;

    c->features = features;
    (void)bus->set_status(f, 0); /* of what came before, if anything did */
    (void)bus->set_features(f, features);
    n = bus->set_status(f, VGPIO_S_ACKNOWLEDGE | VGPIO_S_DRIVER | VGPIO_S_FEATURES_OK);
    (void)bus->get_status(f, &status);
    return n < 0 ? n : (status & VGPIO_S_FEATURES_OK) == 0;
}

void check_lay_ring(struct check *c, unsigned q, uint16_t size, uint32_t off)
{
    struct check_ring *r = &c->ring[q];
    uint64_t gpa = check_gpa(c, off);

    memset(r, 0, sizeof *r);
    memset(check_at(c, off), 0, 0x4000);
    r->at.desc = gpa;
    r->at.driver = gpa + 0x1000;
    r->at.device = gpa + 0x2000;
    r->at.size = size;
    r->at.features = c->features;
    r->avail = r->used = c->packed ? WRAP : 0;
    if (!c->packed) { /* used elements that nobody wrote are no answers */
        memset(check_at(c, off + 0x2004), 0xee, 8u * size);
    }
}

bool check_tell_ring(struct check *c, unsigned q, bool where)
{
    struct check_ring *r = &c->ring[q];

    r->at.flags = where ? VGPIO_VQ_TOLD : 0;
    r->at.avail_pos = r->avail;
    r->at.used_pos = r->used;
    return front_ok(c, vgpio_vuf_ring_start(&c->front.vuf, q, &r->at));
}

bool check_start_ring(struct check *c, unsigned q)
{
    check_lay_ring(c, q, CHECK_RING, q * 0x4000u);
    return check_tell_ring(c, q, false);
}

bool check_has_events(const struct check *c)
{
    return (c->features & VGPIO_F_IRQ) != 0;
}

bool check_begin(struct check *c, uint64_t features)
{
    int n = check_features(c, features);

    if (n > 0) {
        return check_saw(c, "features 0x%llx are refused", (unsigned long long)features);
    }
    if (!front_ok(c, n) || !front_ok(c, vgpio_vuf_share(&c->front.vuf)) ||
        !check_start_ring(c, 0) || (check_has_events(c) && !check_start_ring(c, 1)) ||
        !check_sync(c)) {
        return false;
    }
    /* Some call as soon as they can, in case something was missed: that is no answer. */
    (void)check_called(c, 0, 0);
    (void)check_called(c, 1, 0);
    return true;
}

bool check_stop_ring(struct check *c, unsigned q, uint32_t *base)
{
    return front_ok(c, vgpio_vuf_ring_stop(&c->front.vuf, q, base));
}

bool check_stop_all(struct check *c)
{
    return check_stop_ring(c, 0, NULL) &&
           (!check_has_events(c) || check_stop_ring(c, 1, NULL));
}

bool check_sync(struct check *c)
{
    struct vgpio_vuf *f = &c->front.vuf;
    uint64_t ignored;
    int err = vgpio_vuf_get(f, VGPIO_VU_GET_FEATURES, &ignored);

    /* What woke the device together with the first message is done before the second. */
    return front_ok(c,
                    err == 0 ? vgpio_vuf_get(f, VGPIO_VU_GET_FEATURES, &ignored) : err);
}

void check_close(struct check *c)
{
    vgpio_vuf_linux_close(&c->front);
}

/* A deadline of its own: what is slow is not wedged. */
bool check_alive(struct check *c)
{
    uint32_t timeout = c->timeout_ms;
    bool packed = c->packed, ok;

    c->packed = false;
    c->timeout_ms = c->patience_ms;
    ok = check_connect(c) && check_begin(c, VGPIO_F_VERSION_1);
    if (ok) {
        check_stage(c, 0, VGPIO_MSG_GET_DIRECTION, 0, 0, 2);
        check_kick(c, 0);
        ok = check_watch(c);
    }
    c->gone = c->gone || vgpio_vuf_error(&c->front.vuf) == VGPIO_ERR_IO;
    check_close(c);
    c->packed = packed;
    c->timeout_ms = timeout;
    return ok;
}

/* ---- memory ---- */

uint8_t *check_at(struct check *c, uint32_t off)
{
    return c->front.mem + off;
}

uint64_t check_gpa(const struct check *c, uint32_t off)
{
    return c->front.vuf.cfg.gpa + off;
}

static _Atomic uint16_t *shared(struct check *c, uint64_t gpa)
{
    return (_Atomic uint16_t *)(void *)check_at(c, (uint32_t)(gpa - check_gpa(c, 0)));
}

/* Release: pairs with the device's acquire of an index or of flags. */
void check_put16(struct check *c, uint64_t gpa, uint16_t v)
{
    atomic_store_explicit(shared(c, gpa), htole16(v), memory_order_release);
}

/* Acquire: pairs with the device's release of an index or of flags. */
uint16_t check_get16(struct check *c, uint64_t gpa)
{
    return le16toh(atomic_load_explicit(shared(c, gpa), memory_order_acquire));
}

static uint32_t get32(struct check *c, uint64_t gpa)
{
    return check_get16(c, gpa) | (uint32_t)check_get16(c, gpa + 2) << 16;
}

uint32_t check_out(unsigned q, unsigned slot)
{
    return CHECK_DATA + q * 0x2000u + slot * 128u;
}

uint32_t check_in(unsigned q, unsigned slot)
{
    return check_out(q, slot) + 64u;
}

/* ---- rings ---- */

static void describe(struct check *c, uint64_t gpa, const struct check_piece *p)
{
    uint64_t at = htole64(p->at);
    uint32_t len = htole32(p->len);
    uint8_t *to = check_at(c, (uint32_t)(gpa - check_gpa(c, 0)));

    memcpy(to, &at, 8);
    memcpy(to + 8, &len, 4);
}

void check_desc(struct check *c, uint64_t gpa, const struct check_piece *p,
                unsigned flags, uint16_t next)
{
    describe(c, gpa, p);
    check_put16(c, gpa + 12, (uint16_t)(p->flags | flags));
    check_put16(c, gpa + 14, next);
}

void check_head(struct check *c, unsigned q, uint16_t head)
{
    struct check_ring *r = &c->ring[q];

    check_put16(c, r->at.driver + 4 + 2u * (r->avail % r->at.size), head);
    check_put16(c, r->at.driver + 2, ++r->avail);
}

uint16_t check_plus(const struct check_ring *r, uint16_t pos, unsigned n)
{
    unsigned at = (pos & (WRAP - 1)) + n;

    return at < r->at.size ? (uint16_t)(pos + n)
                           : (uint16_t)((at - r->at.size) | ((pos & WRAP) ^ WRAP));
}

static struct check_offer write_packed(struct check *c, struct check_ring *r,
                                       unsigned slot, const struct check_piece *p,
                                       unsigned n)
{
    struct check_offer offer = {0, 0};
    unsigned i;

    for (i = 0; i < n; i++) {
        uint64_t at = r->at.desc + 16u * (r->avail & (WRAP - 1));
        unsigned flags = p[i].flags | (i + 1 < n ? CHECK_NEXT : 0) |
                         (r->avail & WRAP ? 0x80u : 0x8000u);

        describe(c, at, &p[i]);
        check_put16(c, at + 12, (uint16_t)(slot * 4));
        if (i == 0) {
            offer.at = at + 14;
            offer.value = (uint16_t)flags;
        } else {
            check_put16(c, at + 14, (uint16_t)flags);
        }
        r->avail = check_plus(r, r->avail, 1);
    }
    r->took[slot] = (uint16_t)n;
    return offer;
}

struct check_offer check_write(struct check *c, unsigned q, unsigned slot,
                               const struct check_piece *p, unsigned n)
{
    struct check_ring *r = &c->ring[q];
    struct check_offer offer = {r->at.driver + 2, 0};
    unsigned i;

    if (c->packed) {
        return write_packed(c, r, slot, p, n);
    }
    for (i = 0; i < n; i++) {
        check_desc(c, r->at.desc + 16u * (slot * 4 + i), &p[i],
                   i + 1 < n ? CHECK_NEXT : 0, (uint16_t)(slot * 4 + i + 1));
    }
    check_put16(c, r->at.driver + 4 + 2u * (r->avail % r->at.size), (uint16_t)(slot * 4));
    offer.value = ++r->avail;
    return offer;
}

void check_post(struct check *c, unsigned q, unsigned slot, const struct check_piece *p,
                unsigned n)
{
    struct check_offer offer = check_write(c, q, slot, p, n);

    check_put16(c, offer.at, offer.value);
}

void check_kick(struct check *c, unsigned q)
{
    const struct vgpio_vuf_config *cfg = &c->front.vuf.cfg;

    cfg->os->signal(cfg->ctx, cfg->kick[q]);
}

bool check_called(struct check *c, unsigned q, uint32_t ms)
{
    struct pollfd p[3] = {{.fd = c->front.vuf.cfg.call[q], .events = POLLIN},
                          {.fd = c->front.vuf.cfg.err[q], .events = POLLIN},
                          {.fd = c->front.sock, .events = POLLIN}};
    uint64_t n;

    (void)poll(p, 3, (int)ms);
    return (p[0].revents & POLLIN) != 0 && read(p[0].fd, &n, sizeof n) == sizeof n;
}

static bool look_packed(struct check *c, struct check_ring *r, uint32_t *id,
                        uint32_t *len)
{
    uint64_t at = r->at.desc + 16u * (r->used & (WRAP - 1));

    if ((check_get16(c, at + 14) & 0x8080) != (r->used & WRAP ? 0x8080 : 0)) {
        return false;
    }
    *len = get32(c, at + 8);
    *id = check_get16(c, at + 12);
    r->used = check_plus(r, r->used,
                         *id % 4 == 0 && *id / 4 < CHECK_SLOTS ? r->took[*id / 4] : 1);
    return true;
}

bool check_look(struct check *c, unsigned q, unsigned *slot, uint32_t *len)
{
    struct check_ring *r = &c->ring[q];
    uint32_t id;

    if (c->packed) {
        if (!look_packed(c, r, &id, len)) {
            return false;
        }
    } else {
        uint64_t at = r->at.device + 4 + 8u * (r->used % r->at.size);

        if (check_get16(c, r->at.device + 2) == r->used) {
            return false;
        }
        id = get32(c, at);
        *len = get32(c, at + 4);
        r->used++;
    }
    *slot = id % 4 == 0 && id / 4 < CHECK_SLOTS ? id / 4 : CHECK_SLOTS;
    return true;
}

bool check_used(struct check *c, unsigned q, unsigned *slot, uint32_t *len)
{
    uint64_t now = evloop_now(), due = now + (uint64_t)c->timeout_ms * 1000u;
    struct check_ring *r = &c->ring[q];

    while (!r->woken || !check_look(c, q, slot, len)) {
        now = evloop_now();
        r->woken = now < due && check_called(c, q, (uint32_t)((due - now) / 1000u + 1u));
        if (!r->woken) {
            return check_saw(c,
                             check_look(c, q, slot, len)
                                 ? "an answer on queue %u, but no interrupt for it"
                                 : "no answer on queue %u",
                             q);
        }
    }
    return *slot < CHECK_SLOTS ||
           check_saw(c, "queue %u gave back a buffer that it was never given", q);
}

bool check_watch_for(struct check *c, unsigned q, unsigned *slot, uint32_t *len)
{
    uint64_t due = evloop_now() + (uint64_t)c->timeout_ms * 1000u;
    unsigned looks = 0;

    while (!check_look(c, q, slot, len)) {
        if (++looks > 1000) { /* mostly it comes before a sleep would end */
            if (evloop_now() > due) {
                return check_saw(c, "no answer on queue %u", q);
            }
            (void)poll(NULL, 0, 1);
        }
    }
    return true;
}

bool check_watch(struct check *c)
{
    unsigned slot;
    uint32_t len;

    return check_watch_for(c, 0, &slot, &len);
}

/* ---- requests ---- */

void check_stage(struct check *c, unsigned slot, unsigned type, unsigned line,
                 uint32_t value, uint32_t room)
{
    uint8_t *b = check_at(c, check_out(0, slot));
    struct check_piece p[2] = {{check_gpa(c, check_out(0, slot)), 8, 0},
                               {check_gpa(c, check_in(0, slot)), room, CHECK_WRITE}};
    unsigned i;

    b[0] = (uint8_t)type;
    b[1] = (uint8_t)(type >> 8);
    b[2] = (uint8_t)line;
    b[3] = (uint8_t)(line >> 8);
    for (i = 0; i < 4; i++) {
        b[4 + i] = (uint8_t)(value >> 8 * i);
    }
    memset(check_at(c, check_in(0, slot)), CHECK_UNTOUCHED, 64);
    check_post(c, 0, slot, p, 2);
}

bool check_ask(struct check *c, unsigned type, unsigned line, uint32_t value,
               uint8_t answer[2])
{
    const struct check_ring *r = &c->ring[0];
    unsigned slot = 0;
    uint32_t len = 0;

    if (!c->packed && (c->features & VGPIO_F_EVENT_IDX) != 0) {
        check_put16(c, r->at.driver + 4 + 2u * r->at.size, r->used);
    }
    check_stage(c, 0, type, line, value, 2);
    check_kick(c, 0);
    if (!check_used(c, 0, &slot, &len)) {
        return false;
    }
    memcpy(answer, check_at(c, check_in(0, 0)), 2);
    if (slot != 0 || len != 2) {
        return check_saw(c, "type %u, line %u, value %u: used length %u, not 2", type,
                         line, value, len);
    }
    return true;
}

bool check_ok(struct check *c, unsigned type, unsigned line, uint32_t value,
              unsigned want)
{
    uint8_t a[2];

    return check_ask(c, type, line, value, a) &&
           ((a[0] == VGPIO_STATUS_OK && a[1] == want) ||
            check_saw(c, "type %u, line %u, value %u: status %u, value %u, not 0 and %u",
                      type, line, value, a[0], a[1], want));
}

bool check_err(struct check *c, unsigned type, unsigned line, uint32_t value)
{
    uint8_t a[2];

    return check_ask(c, type, line, value, a) &&
           ((a[0] == VGPIO_STATUS_ERR && a[1] != CHECK_UNTOUCHED) ||
            check_saw(c, "type %u, line %u, value %u: status %u, value %u%s", type, line,
                      value, a[0], a[1], a[1] == CHECK_UNTOUCHED ? " (not set)" : ""));
}

/* ---- interrupts ---- */

void check_unmask(struct check *c, unsigned slot, unsigned line)
{
    uint8_t *b = check_at(c, check_out(1, slot));
    struct check_piece p[2] = {{check_gpa(c, check_out(1, slot)), 2, 0},
                               {check_gpa(c, check_in(1, slot)), 1, CHECK_WRITE}};

    b[0] = (uint8_t)line;
    b[1] = (uint8_t)(line >> 8);
    *check_at(c, check_in(1, slot)) = CHECK_UNTOUCHED;
    check_post(c, 1, slot, p, 2);
    check_kick(c, 1);
}

bool check_event(struct check *c, unsigned slot, unsigned want)
{
    unsigned got_slot, status;
    uint32_t len;

    if (!check_used(c, 1, &got_slot, &len)) {
        return false;
    }
    status = *check_at(c, check_in(1, slot));
    return (got_slot == slot && len == 1 && status == want) ||
           check_saw(c, "an event of length %u with status %u, not 1 and %u", len, status,
                     want);
}

/* What came before an answer, or with it, is there by then; nothing waits for more. */
bool check_no_event(struct check *c)
{
    unsigned slot;
    uint32_t len;
    uint8_t a[2];

    return check_ask(c, VGPIO_MSG_GET_DIRECTION, check_irq_line(c), 0, a) &&
           (!check_look(c, 1, &slot, &len) || check_saw(c, "an event nobody asked for"));
}

bool check_sense(struct check *c, unsigned line, unsigned *level)
{
    uint8_t a[2];

    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_IN, 0) ||
        !check_ask(c, VGPIO_MSG_GET_VALUE, line, 0, a)) {
        return false;
    }
    *level = a[1];
    if (a[0] == VGPIO_STATUS_ERR) {
        return check_skip(c, CHECK_SKIP_UNKNOWN);
    }
    return (a[0] == VGPIO_STATUS_OK && a[1] <= 1) ||
           check_saw(c, "GET_VALUE of an input: status %u, value %u", a[0], a[1]);
}

unsigned check_irq_line(const struct check *c)
{
    return c->loop[1] >= 0 ? (unsigned)c->loop[1] : 0;
}

static bool pull(struct check *c, unsigned level)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[64], reply[256] = "";
    struct pollfd p = {.fd = fd, .events = POLLIN};
    unsigned lines = 0;
    size_t used = 0;
    ssize_t n = 1;
    int len =
        snprintf(text, sizeof text, "pull %u %u\nbarrier\n", check_irq_line(c), level);

    snprintf(a.sun_path, sizeof a.sun_path, "%s", c->control);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        send(fd, text, (size_t)len, MSG_NOSIGNAL) == len) {
        while (lines < 2 && used < sizeof reply - 1 && n > 0 &&
               poll(&p, 1, (int)c->timeout_ms) == 1) {
            n = read(fd, reply + used, 1);
            lines += n > 0 && reply[used] == '\n';
            used += n > 0 ? 1 : 0;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return (lines == 2 && strncmp(reply, "ok", 2) == 0) ||
           check_saw(c, "the control socket did not obey");
}

/* The wire takes its time, and the device must have seen it before anything is judged. */
static bool follows(struct check *c, unsigned level)
{
    uint64_t due = evloop_now() + (uint64_t)c->timeout_ms * 1000u;
    uint8_t a[2];

    do {
        if (!check_ask(c, VGPIO_MSG_GET_VALUE, (unsigned)c->loop[1], 0, a)) {
            return false;
        }
        if (a[0] == VGPIO_STATUS_OK && a[1] == level) {
            return true;
        }
    } while (evloop_now() < due);
    return check_saw(c, "line %d does not follow line %d, which is driven to %u",
                     c->loop[1], c->loop[0], level);
}

bool check_level(struct check *c, unsigned level)
{
    return c->control != NULL
               ? pull(c, level)
               : check_ok(c, VGPIO_MSG_SET_VALUE, (unsigned)c->loop[0], level, 0) &&
                     follows(c, level);
}

bool check_source(struct check *c, unsigned level)
{
    unsigned from = (unsigned)c->loop[0];

    if (!check_ok(c, VGPIO_MSG_SET_DIRECTION, check_irq_line(c), VGPIO_DIR_IN, 0)) {
        return false;
    }
    if (c->control == NULL &&
        (!check_ok(c, VGPIO_MSG_SET_VALUE, from, level, 0) ||
         !check_ok(c, VGPIO_MSG_SET_DIRECTION, from, VGPIO_DIR_OUT, 0))) {
        return false;
    }
    return check_level(c, level);
}
