/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-user: guest memory, the life of a ring, notifications. */
#include "internal.h"
#include "port.h"
#include "vhost_user_priv.h"

#define RING_TOLD (RING_NUM | RING_ADDR | RING_BASE | RING_KICK)

void vgpio_vu_drop_fd(struct vgpio_vu *vu, int *fd)
{
    if (*fd >= 0) {
        vu->os->close(vu->ctx, *fd);
        *fd = -1;
    }
}

static int within(uint64_t start, uint64_t size, uint64_t addr)
{
    return addr >= start && addr - start < size;
}

int vgpio_vu_gpa(const struct vgpio_vu *vu, uint64_t uva, uint64_t *gpa)
{
    uint32_t i;

    for (i = 0; i < vu->table.n; i++) {
        if (within(vu->uva[i], vu->region[i].size, uva)) {
            *gpa = vu->region[i].gpa + (uva - vu->uva[i]);
            return 1;
        }
    }
    return 0;
}

static void unmap_all(struct vgpio_vu *vu, const struct vgpio_mem_region *g, uint32_t n)
{
    while (n-- != 0) {
        vu->os->unmap(vu->ctx, g[n].hva, g[n].size);
    }
}

void vgpio_vu_mem_forget(struct vgpio_vu *vu)
{
    unmap_all(vu, vu->region, vu->table.n);
    vu->table.n = 0;
}

/* A memory table that may become the one in use. */
struct fresh {
    struct vgpio_mem_region region[VGPIO_VU_MAX_REGIONS];
    uint64_t uva[VGPIO_VU_MAX_REGIONS];
};

/* Reads one region, and says what is wrong with it beside those before it. */
static const char *read_region(struct fresh *f, uint32_t i, const uint8_t *p,
                               uint64_t *off)
{
    struct vgpio_mem_region *g = f->region, *r = &g[i];
    uint32_t k;

    r->gpa = vgpio_vu_get64(p);
    r->size = vgpio_vu_get64(p + 8);
    f->uva[i] = vgpio_vu_get64(p + 16);
    *off = vgpio_vu_get64(p + 24);
    if (r->size == 0) {
        return "a memory region is empty";
    }
    /* A region may end exactly at 2^64, so it is its last byte that must exist. */
    if (r->gpa > UINT64_MAX - (r->size - 1) || f->uva[i] > UINT64_MAX - (r->size - 1) ||
        *off > UINT64_MAX - (r->size - 1)) {
        return "a memory region wraps around";
    }
    for (k = 0; k < i; k++) {
        if (within(g[k].gpa, g[k].size, r->gpa) || within(r->gpa, r->size, g[k].gpa)) {
            return "memory regions overlap";
        }
    }
    return NULL;
}

static const char *map_regions(struct vgpio_vu *vu, struct fresh *f, uint32_t n,
                               const uint8_t *p, const struct vu_fds *fds)
{
    struct vgpio_mem_region *g = f->region;
    const char *wrong = NULL;
    uint64_t off;
    uint32_t i;

    for (i = 0; i < n && wrong == NULL; i++) {
        wrong = read_region(f, i, p + 32u * i, &off);
        if (wrong == NULL) {
            g[i].hva = vu->os->map(vu->ctx, fds->fd[i], off, g[i].size);
            wrong = g[i].hva == NULL ? "a memory region cannot be mapped" : NULL;
        }
    }
    if (wrong != NULL) {
        unmap_all(vu, g, i - 1);
    }
    return wrong;
}

enum vu_verdict vgpio_vu_mem_table(struct vgpio_vu *vu, const uint8_t *payload,
                                   uint32_t size, struct vu_fds *fds)
{
    struct fresh fresh;
    const char *wrong;
    uint32_t n;
    unsigned q;

    if (size < 8) {
        return vu_hangup(vu, "memory table: payload too short");
    }
    n = vgpio_vu_get32(payload);
    if (n > VGPIO_VU_MAX_REGIONS) {
        return vu_hangup(vu, "memory table: more than 8 regions");
    }
    /* User-Mode Linux sends room for two regions and fills one. */
    if (size < 8 + 32 * n || (size - 8) % 32 != 0 ||
        size > 8 + 32 * VGPIO_VU_MAX_REGIONS) {
        return vu_hangup(vu, "memory table: payload size does not match its regions");
    }
    if (fds->n != n) {
        return vu_hangup(vu, "memory table: one file descriptor a region, please");
    }
    wrong = map_regions(vu, &fresh, n, payload + 8, fds);
    if (wrong != NULL) {
        return vu_refuse(vu, wrong); /* the old table stays as it was */
    }
    for (q = 0; q < vu->nrings; q++) {
        vgpio_vu_let_go(vu, q);
    }
    vgpio_vu_mem_forget(vu);
    if (n != 0) {
        memcpy(vu->region, fresh.region, n * sizeof vu->region[0]);
        memcpy(vu->uva, fresh.uva, n * sizeof vu->uva[0]);
    }
    vu->table.n = n;
    return vgpio_vu_try_all(vu);
}

/* Does its enable bit, or the lack of one, let it run? */
static int wanted(const struct vgpio_vu *vu, const struct vgpio_vu_ring *r)
{
    return (vu->features & VU_F_PROTOCOL) == 0 || (r->flags & RING_ENABLED) != 0;
}

int vgpio_vu_runs(const struct vgpio_vu *vu, unsigned q)
{
    const struct vgpio_vu_ring *r = &vu->ring[q];

    return (r->flags & RING_STARTED) != 0 && wanted(vu, r);
}

/* A broken queue keeps the whole device frozen until reset, and vhost-user has no message
 * for that. The rings being set up anew, with none of them running, is the nearest. */
static int revive(struct vgpio_vu *vu)
{
    const struct vgpio_vdev_ops *dev = vu->dev.ops;
    int broken = 0;
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        if ((vu->ring[q].flags & RING_STARTED) != 0) {
            return VGPIO_OK;
        }
        broken |= dev->error(vu->dev.obj, q);
    }
    if (broken == 0) {
        return VGPIO_OK;
    }
    dev->reset(vu->dev.obj);
    return dev->ack_features(vu->dev.obj, vu->features & ~VU_F_PROTOCOL);
}

static void run(struct vgpio_vu *vu, unsigned q, int on)
{
    struct vgpio_vu_ring *r = &vu->ring[q];

    (void)vu->dev.ops->queue_run(vu->dev.obj, q, on);
    r->flags = (uint16_t)((r->flags & ~RING_PAUSED) | (on ? 0 : RING_PAUSED));
}

static enum vu_verdict start(struct vgpio_vu *vu, unsigned q)
{
    struct vgpio_vu_ring *r = &vu->ring[q];
    struct vgpio_vq_setup at;
    int e;

    if (!vgpio_vu_gpa(vu, r->desc, &at.desc) || !vgpio_vu_gpa(vu, r->avail, &at.driver) ||
        !vgpio_vu_gpa(vu, r->used, &at.device)) {
        return vu_refuse(vu, "ring start: an address lies in no memory region");
    }
    at.features = vu->features & ~VU_F_PROTOCOL;
    at.size = r->size;
    at.flags = VGPIO_VQ_TOLD | VGPIO_VQ_VAGUE;
    at.avail_pos = r->avail_pos;
    at.used_pos = r->used_pos;
    e = revive(vu);
    if (e == VGPIO_OK) {
        e = vu->dev.ops->queue_start(vu->dev.obj, q, &vu->mem, &at);
    }
    if (e == VGPIO_ERR_FAULT) {
        return vu_refuse(vu,
                         "ring start: the ring does not lie in one piece, aligned, in "
                         "guest memory");
    }
    if (e < 0) {
        return vu_refuse(vu, "ring start: the device does not take this ring");
    }
    r->flags = (uint16_t)((r->flags & ~(RING_STRANDED | RING_ERROR_TOLD)) | RING_STARTED);
    if ((r->flags & RING_PAUSED) != 0) {
        run(vu, q, 1); /* it was disabled when it was let go */
    }
    vu->look |= (uint8_t)(1u << q);
    return VU_DONE;
}

/* Starts a ring of which all is known; one of which it is not is no error. */
static enum vu_verdict start_if_ready(struct vgpio_vu *vu, unsigned q)
{
    const struct vgpio_vu_ring *r = &vu->ring[q];

    if ((r->flags & RING_STARTED) != 0 || (r->flags & RING_TOLD) != RING_TOLD ||
        !vu->acked || vu->table.n == 0 || !wanted(vu, r)) {
        return VU_DONE;
    }
    return start(vu, q);
}

enum vu_verdict vgpio_vu_try_all(struct vgpio_vu *vu)
{
    enum vu_verdict worst = VU_DONE;
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        if (start_if_ready(vu, q) != VU_DONE) {
            vu->ring[q].flags |= RING_STRANDED;
            worst = VU_REFUSED;
        }
    }
    return worst;
}

/* A refused message leaves the ring as it was: what it told was the one thing missing. */
enum vu_verdict vgpio_vu_told(struct vgpio_vu *vu, unsigned q, unsigned flag)
{
    struct vgpio_vu_ring *r = &vu->ring[q];
    enum vu_verdict v;

    r->flags = (uint16_t)(r->flags | flag);
    if ((r->flags & RING_STRANDED) != 0) {
        return VU_DONE; /* the rest may be stale: its kick or enable message decides */
    }
    v = start_if_ready(vu, q);
    if (v != VU_DONE) {
        r->flags = (uint16_t)(r->flags & ~flag);
    }
    return v;
}

static int stop(struct vgpio_vu *vu, unsigned q, unsigned how)
{
    struct vgpio_vu_ring *r = &vu->ring[q];
    struct vgpio_vq_setup where;
    int e;

    where.avail_pos = r->avail_pos; /* if the device will not say */
    where.used_pos = r->used_pos;
    e = vu->dev.ops->queue_stop(vu->dev.obj, q, how, &where);
    if (e == VGPIO_PENDING) {
        return 0;
    }
    r->avail_pos = where.avail_pos; /* there it goes on, unless told otherwise */
    r->used_pos = where.used_pos;
    r->flags = (uint16_t)(r->flags & ~RING_STARTED);
    return 1;
}

void vgpio_vu_let_go(struct vgpio_vu *vu, unsigned q)
{
    if ((vu->ring[q].flags & RING_STARTED) != 0) {
        (void)stop(vu, q, VGPIO_STOP_NOW);
    }
}

enum vu_verdict vgpio_vu_enable(struct vgpio_vu *vu, unsigned q, int on)
{
    struct vgpio_vu_ring *r = &vu->ring[q];
    uint16_t before = r->flags;
    int was = wanted(vu, r), is;
    enum vu_verdict v = VU_DONE;

    r->flags = (uint16_t)((before & ~RING_ENABLED) | (on ? RING_ENABLED : 0));
    is = wanted(vu, r);
    if ((before & RING_STARTED) == 0) {
        v = start_if_ready(vu, q);
        if (v != VU_DONE) {
            r->flags = before;
        }
    } else if (was != is) {
        run(vu, q, is);
        vu->look |= (uint8_t)(1u << q);
    }
    return v;
}

static void unwatch(struct vgpio_vu *vu, unsigned q)
{
    struct vgpio_vu_ring *r = &vu->ring[q];

    if ((r->flags & RING_KICK) != 0) {
        vu->os->watch(vu->ctx, r->kick, q, 0);
    }
    vgpio_vu_drop_fd(vu, &r->kick);
    r->flags = (uint16_t)(r->flags & ~RING_KICK);
}

enum vu_verdict vgpio_vu_set_kick(struct vgpio_vu *vu, unsigned q, int fd)
{
    struct vgpio_vu_ring *r = &vu->ring[q];
    enum vu_verdict v;

    unwatch(vu, q);
    r->kick = fd;
    r->flags |= RING_KICK;
    vu->os->watch(vu->ctx, fd, q, 1);
    vu->look |= (uint8_t)(1u << q); /* a kick may have gone to the old one */
    v = start_if_ready(vu, q);
    if (v != VU_DONE) {
        unwatch(vu, q);
    }
    return v;
}

static void notify(struct vgpio_vu *vu, unsigned q)
{
    if ((vu->owed & VGPIO_EV_QUEUE(q)) != 0 && vu->ring[q].call >= 0) {
        vu->owed &= ~VGPIO_EV_QUEUE(q);
        vu->os->signal(vu->ctx, vu->ring[q].call);
    }
}

int vgpio_vu_drain(struct vgpio_vu *vu, unsigned q)
{
    struct vgpio_vu_ring *r = &vu->ring[q];

    if ((r->flags & RING_STARTED) != 0) {
        if (!stop(vu, q, VGPIO_STOP_DRAIN)) {
            return 0;
        }
        /* The last answers deserve their interrupt before the call fd is closed. */
        vu->owed |= vu->dev.ops->take_events(vu->dev.obj);
        notify(vu, q);
    }
    r->flags |= RING_BASE;
    unwatch(vu, q);
    vgpio_vu_drop_fd(vu, &r->call);
    return 1;
}

/* A ring that starts or goes on may hold what was kicked before anybody listened. */
void vgpio_vu_look(struct vgpio_vu *vu)
{
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        struct vgpio_vu_ring *r = &vu->ring[q];

        if ((vu->look & (1u << q)) != 0 && vgpio_vu_runs(vu, q) &&
            vu->dev.ops->kick(vu->dev.obj, q) > 0 && r->kick >= 0) {
            vu->os->signal(vu->ctx, r->kick); /* the rest comes through the loop */
        }
    }
    vu->look = 0;
}

static int pass_kick(struct vgpio_vu *vu, unsigned q)
{
    return wanted(vu, &vu->ring[q]) ? vu->dev.ops->kick(vu->dev.obj, q) : 0;
}

/* A kick for a ring that does not run. If nobody told it where to begin, the front end
 * works with it already. */
static PORT_NOINLINE int start_unasked(struct vgpio_vu *vu, unsigned q)
{
    struct vgpio_vu_ring *r = &vu->ring[q];

    if ((r->flags & RING_BASE) != 0) {
        return 0;
    }
    r->flags |= RING_BASE;
    if (start_if_ready(vu, q) != VU_DONE || (r->flags & RING_STARTED) == 0) {
        r->flags = (uint16_t)(r->flags & ~RING_BASE);
        return 0;
    }
    vu->look = (uint8_t)(vu->look & ~(1u << q));
    return pass_kick(vu, q);
}

int vgpio_vu_kick(struct vgpio_vu *vu, unsigned q)
{
    if (vu == NULL || q >= vu->nrings) {
        return VGPIO_ERR_INVAL;
    }
    if (vu->draining == q + 1) {
        return 0;
    }
    return (vu->ring[q].flags & RING_STARTED) != 0 ? pass_kick(vu, q)
                                                   : start_unasked(vu, q);
}

static void signal_errors(struct vgpio_vu *vu)
{
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        struct vgpio_vu_ring *r = &vu->ring[q];

        if (r->err >= 0 && (r->flags & RING_ERROR_TOLD) == 0 &&
            vu->dev.ops->error(vu->dev.obj, q) != 0) {
            r->flags |= RING_ERROR_TOLD;
            vu->os->signal(vu->ctx, r->err);
        }
    }
}

static void send_config_change(struct vgpio_vu *vu)
{
    int (*send)(void *, int, const uint8_t *, uint32_t) =
        VGPIO_OP(vu->os, struct vgpio_vu_os, send);
    const uint32_t msg[3] = {2, 1, 0}; /* CONFIG_CHANGE_MSG, version 1, no payload */
    uint8_t bytes[sizeof msg];
    int n = 1;

    if (send != NULL && vu->back_fd >= 0) {
        memcpy(bytes, msg, sizeof msg);
        n = send(vu->ctx, vu->back_fd, bytes, sizeof bytes);
    }
    if (n != 0) {
        vu->owed &= ~VGPIO_EV_CONFIG; /* sent, or nobody there to tell */
    }
    if (n < 0) {
        vgpio_vu_drop_fd(vu, &vu->back_fd);
    }
}

static PORT_NOINLINE void flush_all(struct vgpio_vu *vu)
{
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        /* A stopped ring's debt, and one without a call fd, waits. */
        if ((vu->ring[q].flags & RING_STARTED) != 0) {
            notify(vu, q);
        }
    }
    if ((vu->owed & VGPIO_EV_NEEDS_RESET) != 0) {
        vu->owed &= ~VGPIO_EV_NEEDS_RESET;
        signal_errors(vu);
    }
    if ((vu->owed & VGPIO_EV_CONFIG) != 0) {
        send_config_change(vu);
    }
    if ((vu->owed & VGPIO_EV_MORE) != 0) {
        vu->owed &= ~VGPIO_EV_MORE;
        if (vu->nrings != 0 && vu->ring[0].kick >= 0) {
            vu->os->signal(vu->ctx, vu->ring[0].kick); /* comes back through the loop */
        }
    }
}

void vgpio_vu_flush(struct vgpio_vu *vu)
{
    const struct vgpio_vu_ring *r = &vu->ring[0];
    uint32_t owed = vu->owed | vu->dev.ops->take_events(vu->dev.obj);

    /* Nearly always it is the interrupt of the first queue, and nothing else. */
    if (owed == VGPIO_EV_QUEUE(0) && (r->flags & RING_STARTED) != 0 && r->call >= 0) {
        vu->owed = 0;
        vu->os->signal(vu->ctx, r->call);
        return;
    }
    vu->owed = owed;
    if (owed != 0) {
        flush_all(vu);
    }
}

void vgpio_vu_close(struct vgpio_vu *vu)
{
    unsigned q;

    for (q = 0; q < vu->nrings; q++) {
        struct vgpio_vu_ring *r = &vu->ring[q];
        uint8_t paused = (uint8_t)(r->flags & RING_PAUSED);

        vgpio_vu_let_go(vu, q);
        unwatch(vu, q);
        vgpio_vu_drop_fd(vu, &r->call);
        vgpio_vu_drop_fd(vu, &r->err);
        memset(r, 0, sizeof *r);
        r->flags = paused;
        r->kick = r->call = r->err = -1;
    }
    vgpio_vu_mem_forget(vu);
    vgpio_vu_drop_fd(vu, &vu->back_fd);
    vu->features = vu->protocol = 0;
    vu->acked = vu->draining = vu->look = 0;
}
