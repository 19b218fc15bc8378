/* SPDX-License-Identifier: BSD-3-Clause */
/* A small vhost-user front end for tests: one guest memory of one memfd, two split rings.
 * It shares no line with the library. Its own troubles (no memory, no fd) end the test
 * program; what the back end does comes back as a value. */
#ifndef VU_PEER_H
#define VU_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ring_peer.h"

/* Guest memory lies at this guest address, and here in the front end's own address space
 * as it tells it: neither is where it really is, so a mix-up shows. */
#define VU_PEER_GPA UINT64_C(0x40000000)
#define VU_PEER_UVA UINT64_C(0x7f1200000000)
#define VU_PEER_MEM (1u << 20)
/* Ring q begins VU_PEER_RING * q into it (room for 1024 entries), then buffers. */
#define VU_PEER_RING 0x10000u
#define VU_PEER_DATA 0x20000u

enum {
    VU_GET_FEATURES = 1,
    VU_SET_FEATURES = 2,
    VU_SET_OWNER = 3,
    VU_SET_MEM_TABLE = 5,
    VU_SET_VRING_NUM = 8,
    VU_SET_VRING_ADDR = 9,
    VU_SET_VRING_BASE = 10,
    VU_GET_VRING_BASE = 11,
    VU_SET_VRING_KICK = 12,
    VU_SET_VRING_CALL = 13,
    VU_SET_VRING_ERR = 14,
    VU_GET_PROTOCOL_FEATURES = 15,
    VU_SET_PROTOCOL_FEATURES = 16,
    VU_GET_QUEUE_NUM = 17,
    VU_SET_VRING_ENABLE = 18,
    VU_SET_BACKEND_REQ_FD = 21,
    VU_GET_CONFIG = 24,
    VU_SET_CONFIG = 25
};
#define VU_F_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define VU_NEED_REPLY 8u

struct vu_answer {
    uint32_t request, flags, size;
    uint8_t payload[4200];
};

struct vu_peer {
    int sock, memfd, back; /* back: our end of the back channel, or -1 */
    struct peer_mem mem;
    struct ring_peer ring[2];
    int kick[2], call[2], err[2];
    uint64_t offered, features, protocol;
    int timeout_ms; /* for every answer; 120000 */
    /* A back end in the same thread: runs it until it has nothing more to do. */
    void (*pump)(void *ctx);
    void *pump_ctx;
};

/* Messages have words of 32 and of 64 bits, in the order of the machine: the place of one
 * of 64 with two of 32 in it. */
static inline uint64_t vu_two32(uint32_t first, uint32_t second)
{
    uint32_t both[2] = {first, second};
    uint64_t v;

    memcpy(&v, both, sizeof v);
    return v;
}

/* Connects to a listening socket: the socket, or -1. */
int vu_peer_connect(const char *path);
/* Takes over a connected socket, makes the memory. Nothing is sent yet. */
void vu_peer_open(struct vu_peer *p, int sock);
/* The guest lives on while its connection is replaced: same memory, rings and fds. */
void vu_peer_reopen(struct vu_peer *p, int sock);
void vu_peer_close(struct vu_peer *p);

/* One message as it is: 0, or -1 when the back end hung up. */
int vu_peer_send(struct vu_peer *p, uint32_t request, uint32_t flags, const void *payload,
                 uint32_t size, const int *fds, unsigned nfds);
/* 1 = an answer, 0 = hung up, -1 = none in time. */
int vu_peer_recv(struct vu_peer *p, struct vu_answer *a);
/* Sends, with need_reply if that is negotiated, and waits for the ack: 0 = done (or no
 * ack was to be expected), 1 = refused, -1 = hung up or no answer. */
int vu_peer_call(struct vu_peer *p, uint32_t request, const void *payload, uint32_t size,
                 const int *fds, unsigned nfds);
/* A request answered by a number: 0 or -1. */
int vu_peer_get(struct vu_peer *p, uint32_t request, uint64_t *value);
int vu_peer_u64(struct vu_peer *p, uint32_t request, uint64_t value); /* as call() */
int vu_peer_vring(struct vu_peer *p, uint32_t request, uint32_t q, uint32_t num);
int vu_peer_vring_fd(struct vu_peer *p, uint32_t request, uint32_t q, int fd);
int vu_peer_vring_addr(struct vu_peer *p, uint32_t q);
/* Bytes of the config space: the number that came, or -1. */
int vu_peer_config(struct vu_peer *p, uint32_t off, uint32_t size, uint8_t *dst);

/* Owner, features, protocol features; takes of `want` what is offered. 0 or -1. */
int vu_peer_negotiate(struct vu_peer *p, uint64_t want);
int vu_peer_share(struct vu_peer *p); /* SET_MEM_TABLE */
/* Lays out ring q (size 0: leaves it as it is), tells of it, enables it. 0, 1 or -1. */
int vu_peer_start(struct vu_peer *p, unsigned q, uint16_t size, uint32_t base);
/* GET_VRING_BASE: the base, or -1; other negative numbers are bases of packed rings. */
int vu_peer_stop(struct vu_peer *p, unsigned q);

/* Makes head available with a store that no reader can see half of. */
void vu_peer_post(struct vu_peer *p, unsigned q, uint16_t head);
void vu_peer_kick(struct vu_peer *p, unsigned q);
/* Waits for a write to the call fd and takes it: 1, or 0 after `ms`. */
int vu_peer_called(struct vu_peer *p, unsigned q, int ms);
/* Waits for a used element: its length, or -1. */
int vu_peer_used(struct vu_peer *p, unsigned q, uint32_t *id);

/* One GPIO request on ring 0, descriptors 0 and 1: status, or -1; *value if not NULL. */
int vu_peer_request(struct vu_peer *p, uint16_t type, uint16_t line, uint32_t value,
                    uint8_t *answer);
/* Posts an event buffer for a line on ring 1 (descriptors 2*slot, 2*slot + 1). */
void vu_peer_unmask(struct vu_peer *p, uint16_t slot, uint16_t line);
/* The status byte of the event buffer in `slot`. */
uint8_t vu_peer_event_status(struct vu_peer *p, uint16_t slot);

#endif /* VU_PEER_H */
