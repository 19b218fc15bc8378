/* SPDX-License-Identifier: BSD-3-Clause */
#include "ring_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return alen != 0 && blen != 0 && a < b + blen && b < a + alen;
}

static void *lend(struct peer_mem *m, void *p, uint32_t len)
{
    size_t i = 0;

    if (!VGPIO_CFG_UNMAP) {
        return p; /* for good */
    }
    while (i < sizeof m->mapped / sizeof m->mapped[0] && m->mapped[i].p != NULL) {
        i++;
    }
    if (i == sizeof m->mapped / sizeof m->mapped[0]) {
        fprintf(stderr, "ring_peer: too many mappings at a time\n");
        abort();
    }
    m->mapped[i].p = p;
    m->mapped[i].len = len;
    m->live++;
    return p;
}

static void *peer_map(void *ctx, uint64_t gpa, uint32_t *len, unsigned access)
{
    struct peer_mem *m = ctx;

    m->maps++;
    if (m->on_map != NULL) {
        m->on_map(m->arg, gpa);
    }
    if (m->fail_at != 0 && --m->fail_at == 0) {
        m->fail_at = m->fail_rest ? 1 : 0;
        return NULL;
    }
    if (gpa < m->gpa || gpa - m->gpa >= m->size) {
        return NULL;
    }
    if (m->chunk != 0 && gpa >= m->chunk_from && *len > m->chunk) {
        *len = m->chunk;
    }
    if (*len > m->size - (gpa - m->gpa)) {
        *len = (uint32_t)(m->size - (gpa - m->gpa));
    }
    if (overlaps(gpa, *len, m->hole, m->hole_len)) {
        return NULL;
    }
    if ((access & VGPIO_MEM_WRITE) && overlaps(gpa, *len, m->rom, m->rom_len)) {
        return NULL;
    }
    return lend(m, m->base + (gpa - m->gpa), *len);
}

static void peer_unmap(void *ctx, void *p, uint32_t len)
{
    struct peer_mem *m = ctx;

    size_t i;

    for (i = 0; i < sizeof m->mapped / sizeof m->mapped[0]; i++) {
        if (m->mapped[i].p == p && m->mapped[i].len == len) {
            m->mapped[i].p = NULL;
            m->live--;
            return;
        }
    }
    fprintf(stderr, "ring_peer: unmap of what was not mapped\n");
    abort();
}

static void peer_dirty(void *ctx, uint64_t gpa, uint32_t len)
{
    struct peer_mem *m = ctx;
    uint32_t i;

    (void)peer_at(m, gpa, len);
    for (i = 0; i < len; i++) {
        m->dirty[gpa - m->gpa + i] = 1;
    }
}

void peer_mem_init(struct peer_mem *m, uint64_t gpa, uint32_t size)
{
    *m = (struct peer_mem){.gpa = gpa, .size = size};
    m->base = calloc(1, size);
    m->dirty = calloc(1, size);
    if (m->base == NULL || m->dirty == NULL) {
        fprintf(stderr, "ring_peer: no memory\n");
        abort();
    }
    m->ops = (struct vgpio_mem){sizeof m->ops, m, peer_map,
                                VGPIO_CFG_UNMAP ? peer_unmap : NULL,
                                VGPIO_CFG_DIRTY ? peer_dirty : NULL};
}

void peer_mem_free(struct peer_mem *m)
{
    free(m->base);
    free(m->dirty);
    m->base = m->dirty = NULL;
}

uint8_t *peer_at(struct peer_mem *m, uint64_t gpa, uint32_t len)
{
    if (gpa < m->gpa || gpa - m->gpa > m->size || len > m->size - (gpa - m->gpa)) {
        fprintf(stderr, "ring_peer: %#llx + %u is outside guest memory\n",
                (unsigned long long)gpa, (unsigned)len);
        abort();
    }
    return m->base + (gpa - m->gpa);
}

uint16_t peer_get16(struct peer_mem *m, uint64_t gpa)
{
    const uint8_t *b = peer_at(m, gpa, 2);

    return (uint16_t)(b[0] | b[1] << 8);
}

uint32_t peer_get32(struct peer_mem *m, uint64_t gpa)
{
    return peer_get16(m, gpa) | (uint32_t)peer_get16(m, gpa + 2) << 16;
}

/* Whole where the address allows it: another thread may be storing to the same field, and
 * half of each would be an address that neither of them wrote. */
#define PUT_WHOLE(type, p, bytes)                                                        \
    do {                                                                                 \
        type word_;                                                                      \
        memcpy(&word_, bytes, sizeof word_);                                             \
        __atomic_store_n((type *)(void *)(p), word_, __ATOMIC_RELAXED);                  \
    } while (0)

static void put(struct peer_mem *m, uint64_t gpa, uint64_t v, uint32_t size)
{
    uint8_t *at = peer_at(m, gpa, size), bytes[8];
    uint32_t i;

    for (i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(v >> 8 * i);
    }
    if ((uintptr_t)at % size != 0) {
        memcpy(at, bytes, size);
    } else if (size == 8) {
        PUT_WHOLE(uint64_t, at, bytes);
    } else if (size == 4) {
        PUT_WHOLE(uint32_t, at, bytes);
    } else {
        PUT_WHOLE(uint16_t, at, bytes);
    }
}

void peer_put16(struct peer_mem *m, uint64_t gpa, uint16_t v)
{
    put(m, gpa, v, 2);
}

void peer_put32(struct peer_mem *m, uint64_t gpa, uint32_t v)
{
    put(m, gpa, v, 4);
}

void peer_put64(struct peer_mem *m, uint64_t gpa, uint64_t v)
{
    put(m, gpa, v, 8);
}

uint64_t ring_peer_init(struct ring_peer *p, struct peer_mem *m, uint64_t gpa,
                        uint16_t size, uint64_t features)
{
    uint64_t desc = (gpa + 15) / 16 * 16;
    uint64_t avail = desc + 16u * (uint64_t)size;
    uint64_t used = (avail + 6 + 2u * (uint64_t)size + 3) / 4 * 4;
    uint64_t end = used + 6 + 8u * (uint64_t)size;
    uint64_t a;

    *p = (struct ring_peer){.m = m};
    p->setup.desc = desc;
    p->setup.driver = avail;
    p->setup.device = used;
    p->setup.features = features;
    p->setup.size = size;
    for (a = desc; a < end; a++) {
        *peer_at(m, a, 1) = 0;
    }
    return end;
}

void ring_peer_wind(struct ring_peer *p, uint16_t idx)
{
    p->avail_idx = p->used_seen = idx;
    ring_peer_set_avail_idx(p, idx);
    peer_put16(p->m, p->setup.device + 2, idx);
    p->setup.flags |= VGPIO_VQ_TOLD;
    p->setup.avail_pos = idx;
}

void ring_peer_entry(struct peer_mem *m, uint64_t table, uint16_t i, uint64_t addr,
                     uint32_t len, uint16_t flags, uint16_t next)
{
    uint64_t at = table + 16u * (uint64_t)i;

    peer_put64(m, at, addr);
    peer_put32(m, at + 8, len);
    peer_put16(m, at + 12, flags);
    peer_put16(m, at + 14, next);
}

void ring_peer_desc(struct ring_peer *p, uint16_t i, uint64_t addr, uint32_t len,
                    uint16_t flags, uint16_t next)
{
    ring_peer_entry(p->m, p->setup.desc, i, addr, len, flags, next);
}

void ring_peer_post(struct ring_peer *p, uint16_t head)
{
    uint16_t slot = (uint16_t)(p->avail_idx % p->setup.size);

    peer_put16(p->m, p->setup.driver + 4 + 2u * (uint64_t)slot, head);
    ring_peer_set_avail_idx(p, ++p->avail_idx);
}

void ring_peer_request(struct ring_peer *p, uint16_t head, uint64_t out, uint32_t out_len,
                       uint64_t in, uint32_t in_len)
{
    ring_peer_desc(p, head, out, out_len, PEER_NEXT, (uint16_t)(head + 1));
    ring_peer_desc(p, (uint16_t)(head + 1), in, in_len, PEER_WRITE, 0);
    ring_peer_post(p, head);
}

int ring_peer_used(struct ring_peer *p, uint32_t *id, uint32_t *len)
{
    uint64_t at = p->setup.device + 4 + 8u * (uint64_t)(p->used_seen % p->setup.size);

    if (ring_peer_used_idx(p) == p->used_seen) {
        return 0;
    }
    *id = peer_get32(p->m, at);
    *len = peer_get32(p->m, at + 4);
    p->used_seen++;
    return 1;
}

uint16_t ring_peer_used_idx(struct ring_peer *p)
{
    return peer_get16(p->m, p->setup.device + 2);
}

uint16_t ring_peer_used_flags(struct ring_peer *p)
{
    return peer_get16(p->m, p->setup.device);
}

uint16_t ring_peer_avail_event(struct ring_peer *p)
{
    return peer_get16(p->m, p->setup.device + 4 + 8u * (uint64_t)p->setup.size);
}

void ring_peer_set_avail_idx(struct ring_peer *p, uint16_t idx)
{
    peer_put16(p->m, p->setup.driver + 2, idx);
}

void ring_peer_set_avail_flags(struct ring_peer *p, uint16_t flags)
{
    peer_put16(p->m, p->setup.driver, flags);
}

void ring_peer_set_used_event(struct ring_peer *p, uint16_t idx)
{
    peer_put16(p->m, p->setup.driver + 4 + 2u * (uint64_t)p->setup.size, idx);
}

void ring_peer_set_avail_event(struct ring_peer *p, uint16_t idx)
{
    peer_put16(p->m, p->setup.device + 4 + 8u * (uint64_t)p->setup.size, idx);
}

#define WRAP 0x8000u

uint64_t packed_peer_init(struct packed_peer *p, struct peer_mem *m, uint64_t gpa,
                          uint16_t size, uint64_t features)
{
    uint64_t a;

    *p = (struct packed_peer){.m = m};
    p->setup.desc = (gpa + 15) / 16 * 16;
    p->setup.driver = p->setup.desc + 16u * (uint64_t)size;
    p->setup.device = p->setup.driver + 4;
    p->setup.features = features | UINT64_C(1) << 34;
    p->setup.size = size;
    p->avail = p->used = WRAP;
    for (a = p->setup.desc; a < p->setup.device + 4; a++) {
        *peer_at(m, a, 1) = 0;
    }
    return p->setup.device + 4;
}

void packed_peer_wind(struct packed_peer *p, uint16_t pos)
{
    uint16_t i, wrap = pos & WRAP;

    /* Used in this lap before `pos`, in the last one from there on. */
    for (i = 0; i < p->setup.size; i++) {
        int one = i < (pos & (WRAP - 1)) ? wrap != 0 : wrap == 0;

        peer_put16(p->m, p->setup.desc + 16u * (uint64_t)i + 14, one ? 0x8080 : 0);
    }
    p->avail = p->used = pos;
    p->setup.flags = VGPIO_VQ_TOLD;
    p->setup.avail_pos = p->setup.used_pos = pos;
}

uint16_t packed_peer_plus(const struct packed_peer *p, uint16_t pos, uint16_t n)
{
    for (; n != 0; n--) {
        pos++;
        if ((pos & (WRAP - 1)) == p->setup.size % WRAP) {
            /* for a ring of 32768 the increment has changed the wrap counter already */
            pos = p->setup.size == WRAP ? (pos & WRAP) : (uint16_t)((pos & WRAP) ^ WRAP);
        }
    }
    return pos;
}

uint64_t packed_peer_at(const struct packed_peer *p, uint16_t pos)
{
    return p->setup.desc + 16u * (uint64_t)(pos & (WRAP - 1));
}

void packed_peer_desc(struct packed_peer *p, uint64_t addr, uint32_t len, uint16_t flags,
                      uint16_t id)
{
    uint64_t at = packed_peer_at(p, p->avail);

    peer_put64(p->m, at, addr);
    peer_put32(p->m, at + 8, len);
    peer_put16(p->m, at + 12, id);
    peer_put16(p->m, at + 14, (uint16_t)(flags | (p->avail & WRAP ? 0x80 : 0x8000)));
    p->avail = packed_peer_plus(p, p->avail, 1);
}

void packed_peer_request(struct packed_peer *p, uint16_t id, uint64_t out,
                         uint32_t out_len, uint64_t in, uint32_t in_len)
{
    packed_peer_desc(p, out, out_len, PEER_NEXT, id);
    packed_peer_desc(p, in, in_len, PEER_WRITE, id);
}

uint16_t packed_peer_flags(const struct packed_peer *p, uint16_t pos)
{
    return peer_get16(p->m, packed_peer_at(p, pos) + 14);
}

int packed_peer_used(struct packed_peer *p, uint16_t n, uint16_t *id, uint32_t *len)
{
    uint64_t at = packed_peer_at(p, p->used);

    if ((packed_peer_flags(p, p->used) & 0x8080) != (p->used & WRAP ? 0x8080 : 0)) {
        return 0;
    }
    *id = peer_get16(p->m, at + 12);
    *len = peer_get32(p->m, at + 8);
    p->used = packed_peer_plus(p, p->used, n);
    return 1;
}

void packed_peer_set_event(struct packed_peer *p, uint16_t pos, uint16_t mode)
{
    peer_put16(p->m, p->setup.driver, pos);
    peer_put16(p->m, p->setup.driver + 2, mode);
}

uint32_t packed_peer_event(const struct packed_peer *p)
{
    return peer_get32(p->m, p->setup.device);
}
