/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver's end of a ring, split or packed, that writes the bytes itself, and guest
 * memory with knobs. It shares no line with the library, so a mistake there is not made
 * here too. */
#ifndef RING_PEER_H
#define RING_PEER_H

#include <stdint.h>
#include <virtiogpio/seams.h>

#define PEER_NEXT 1u
#define PEER_WRITE 2u
#define PEER_INDIRECT 4u

/* One region of guest memory. Give `ops` to the device. */
struct peer_mem {
    struct vgpio_mem ops;
    uint8_t *base;
    uint64_t gpa;
    uint32_t size;
    /* knobs, zero = off */
    uint32_t chunk;          /* map() never gives more bytes than this ... */
    uint64_t chunk_from;     /* ... from this address on: rings must map whole */
    unsigned fail_at;        /* the n-th map() from now fails, n >= 1 */
    int fail_rest;           /* and every one after it */
    uint64_t hole, hole_len; /* addresses that do not map */
    uint64_t rom, rom_len;   /* addresses that do not map for writing */
    void (*on_map)(void *arg, uint64_t gpa); /* before each map(): time to be rude */
    void *arg;
    /* what happened */
    unsigned maps;
    int live; /* mappings not given back; unmap() of anything else ends the program */
    struct {
        const void *p;
        uint32_t len;
    } mapped[8];
    uint8_t *dirty; /* one byte for each of memory, 1 = reported */
};

/* Zeroed memory of `size` bytes at `gpa`; fails the test program if there is none. */
void peer_mem_init(struct peer_mem *m, uint64_t gpa, uint32_t size);
void peer_mem_free(struct peer_mem *m);
/* Host pointer to `len` bytes of it; out of range ends the program. */
uint8_t *peer_at(struct peer_mem *m, uint64_t gpa, uint32_t len);

uint16_t peer_get16(struct peer_mem *m, uint64_t gpa);
uint32_t peer_get32(struct peer_mem *m, uint64_t gpa);
void peer_put16(struct peer_mem *m, uint64_t gpa, uint16_t v);
void peer_put32(struct peer_mem *m, uint64_t gpa, uint32_t v);
void peer_put64(struct peer_mem *m, uint64_t gpa, uint64_t v);

struct ring_peer {
    struct peer_mem *m;
    struct vgpio_vq_setup setup; /* for queue_start(): fresh, positions 0 */
    uint16_t avail_idx;          /* heads posted so far */
    uint16_t used_seen;          /* used elements taken so far */
};

/* Lays a zeroed ring out from `gpa` on (aligned up); returns the first address after
 * it. */
uint64_t ring_peer_init(struct ring_peer *p, struct peer_mem *m, uint64_t gpa,
                        uint16_t size, uint64_t features);
/* Both indices, here and in memory: a ring that has been running for a while. */
void ring_peer_wind(struct ring_peer *p, uint16_t idx);

void ring_peer_desc(struct ring_peer *p, uint16_t i, uint64_t addr, uint32_t len,
                    uint16_t flags, uint16_t next);
/* An entry of an indirect table at `table`. */
void ring_peer_entry(struct peer_mem *m, uint64_t table, uint16_t i, uint64_t addr,
                     uint32_t len, uint16_t flags, uint16_t next);
/* Makes a head available: ring slot, then index. */
void ring_peer_post(struct ring_peer *p, uint16_t head);
/* The usual request: descriptor `head` readable, `head + 1` writable, posted. */
void ring_peer_request(struct ring_peer *p, uint16_t head, uint64_t out, uint32_t out_len,
                       uint64_t in, uint32_t in_len);
/* The next used element: 1, or 0 if there is none. */
int ring_peer_used(struct ring_peer *p, uint32_t *id, uint32_t *len);

uint16_t ring_peer_used_idx(struct ring_peer *p);
uint16_t ring_peer_used_flags(struct ring_peer *p);
uint16_t ring_peer_avail_event(struct ring_peer *p);
void ring_peer_set_avail_idx(struct ring_peer *p, uint16_t idx);
void ring_peer_set_avail_flags(struct ring_peer *p, uint16_t flags);
void ring_peer_set_used_event(struct ring_peer *p, uint16_t idx);
void ring_peer_set_avail_event(struct ring_peer *p, uint16_t idx);

/* The same for a packed ring. Positions have the wrap counter in bit 15. */
struct packed_peer {
    struct peer_mem *m;
    struct vgpio_vq_setup setup; /* for queue_start(): fresh */
    uint16_t avail;              /* where the next descriptor goes */
    uint16_t used;               /* where the next used one is looked for */
};

#define PEER_EVENT_ENABLE 0u
#define PEER_EVENT_DISABLE 1u
#define PEER_EVENT_DESC 2u

uint64_t packed_peer_init(struct packed_peer *p, struct peer_mem *m, uint64_t gpa,
                          uint16_t size, uint64_t features);
/* Both positions, here and for the device: a ring that has been running for a while, its
 * descriptors as such a one would have left them. */
void packed_peer_wind(struct packed_peer *p, uint16_t pos);
/* `pos` and n more, n <= size. */
uint16_t packed_peer_plus(const struct packed_peer *p, uint16_t pos, uint16_t n);
/* Where a descriptor lies. */
uint64_t packed_peer_at(const struct packed_peer *p, uint16_t pos);
/* Writes the next descriptor and makes it available. */
void packed_peer_desc(struct packed_peer *p, uint64_t addr, uint32_t len, uint16_t flags,
                      uint16_t id);
/* The usual request: readable, writable. */
void packed_peer_request(struct packed_peer *p, uint16_t id, uint64_t out,
                         uint32_t out_len, uint64_t in, uint32_t in_len);
/* Flags of the descriptor at `pos`. */
uint16_t packed_peer_flags(const struct packed_peer *p, uint16_t pos);
/* The next used descriptor, of a chain of n: 1, or 0 if there is none. */
int packed_peer_used(struct packed_peer *p, uint16_t n, uint16_t *id, uint32_t *len);
/* The driver's event area; the device's one as it is, position below mode. */
void packed_peer_set_event(struct packed_peer *p, uint16_t pos, uint16_t mode);
uint32_t packed_peer_event(const struct packed_peer *p);

#endif /* RING_PEER_H */
