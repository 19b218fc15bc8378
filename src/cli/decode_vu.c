/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of vhost-user in words. */
#include "decode.h"
#include "demo_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <virtiogpio/vhost_user_front.h>

#define HEADER 12u
#define SHOWN 32u /* bytes of a payload that has no words */

static uint32_t word(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t word64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

void decode_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < ' ' || c > '~' || c == '"' || c == '\\') {
            printf("\\x%02x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void protocol_features(uint64_t bits)
{
    static const char *const names[] = {
        "MQ",        "LOG_SHMFD",    "RARP",          "REPLY_ACK",
        "MTU",       "BACKEND_REQ",  "CROSS_ENDIAN",  "CRYPTO_SESSION",
        "PAGEFAULT", "CONFIG",       "SEND_FD",       "HOST_NOTIFIER",
        "INFLIGHT",  "RESET_DEVICE", "INBAND",        "MEM_SLOTS",
        "STATUS",    "XEN_MMAP",     "SHARED_OBJECT", "DEVICE_STATE"};
    unsigned i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((bits >> i & 1u) != 0) {
            printf(" %s", names[i]);
            bits &= ~(UINT64_C(1) << i);
        }
    }
    if (bits != 0) {
        printf(" 0x%" PRIx64, bits);
    }
}

static void virtio_features(uint64_t bits)
{
    char text[256];

    text_of_features(text, sizeof text, bits & ~VGPIO_VU_F_PROTOCOL);
    printf(" %s%s", text, (bits & VGPIO_VU_F_PROTOCOL) != 0 ? " PROTOCOL_FEATURES" : "");
}

static void mem_table(const uint8_t *p, uint32_t size)
{
    uint32_t n = word(p);
    uint32_t i;

    printf(" %" PRIu32 " regions", n);
    for (i = 0; i < n && 8 + 32 * (i + 1) <= size && i < VGPIO_VU_MAX_REGIONS; i++) {
        const uint8_t *r = p + 8 + 32 * i;

        printf("\n    guest 0x%" PRIx64 " size 0x%" PRIx64 " user 0x%" PRIx64
               " offset 0x%" PRIx64,
               word64(r), word64(r + 8), word64(r + 16), word64(r + 24));
    }
}

static void config(const uint8_t *p, uint32_t size)
{
    printf(" offset %" PRIu32 " size %" PRIu32 ": ", word(p), word(p + 4));
    decode_hex(p + 12, size - 12 < SHOWN ? size - 12 : SHOWN);
}

static void vring(uint32_t request, const uint8_t *p, uint32_t size)
{
    printf(" queue %" PRIu32, word(p));
    if (request == VGPIO_VU_SET_VRING_ADDR && size >= 40) {
        printf(" desc 0x%" PRIx64 " used 0x%" PRIx64 " avail 0x%" PRIx64, word64(p + 8),
               word64(p + 16), word64(p + 24));
    } else if (request == VGPIO_VU_SET_VRING_BASE || request == VGPIO_VU_GET_VRING_BASE) {
        printf(" position 0x%" PRIx32, word(p + 4));
    } else {
        printf(" %s %" PRIu32, request == VGPIO_VU_SET_VRING_NUM ? "size" : "to",
               word(p + 4));
    }
}

static void vring_fd(uint64_t v)
{
    printf(" queue %" PRIu64 "%s", v & 0xff,
           (v & 0x100) != 0 ? ", no descriptor: polled" : "");
}

/* What a front end tells; 8 bytes at least. */
static void demand(uint32_t request, const uint8_t *p, uint32_t size)
{
    switch (request) {
    case VGPIO_VU_SET_FEATURES:
        virtio_features(word64(p));
        break;
    case VGPIO_VU_SET_PROTOCOL_FEATURES:
        protocol_features(word64(p));
        break;
    case VGPIO_VU_SET_MEM_TABLE:
        mem_table(p, size);
        break;
    case VGPIO_VU_SET_VRING_KICK:
    case VGPIO_VU_SET_VRING_CALL:
    case VGPIO_VU_SET_VRING_ERR:
        vring_fd(word64(p));
        break;
    case VGPIO_VU_SET_VRING_NUM:
    case VGPIO_VU_SET_VRING_BASE:
    case VGPIO_VU_SET_VRING_ADDR:
    case VGPIO_VU_SET_VRING_ENABLE:
        vring(request, p, size);
        break;
    default:
        putchar(' ');
        decode_hex(p, size < SHOWN ? size : SHOWN);
        break;
    }
}

/* Either way; 8 bytes at least. */
static void payload(uint32_t request, const uint8_t *p, uint32_t size, bool reply)
{
    switch (request) {
    case VGPIO_VU_GET_FEATURES:
        virtio_features(word64(p));
        return;
    case VGPIO_VU_GET_PROTOCOL_FEATURES:
        protocol_features(word64(p));
        return;
    case VGPIO_VU_GET_QUEUE_NUM:
        printf(" %" PRIu64, word64(p));
        return;
    case VGPIO_VU_GET_VRING_BASE:
        vring(request, p, size);
        return;
    case VGPIO_VU_GET_CONFIG:
        if (size >= 12) {
            config(p, size);
        }
        return;
    default:
        break;
    }
    if (reply) {
        printf(" %s", word64(p) == 0 ? "done" : "refused");
    } else {
        demand(request, p, size);
    }
}

static void show(const uint8_t *p, uint32_t size)
{
    uint32_t request = word(p);
    uint32_t flags = word(p + 4);

    printf("%s %s (%" PRIu32 ")", (flags & VGPIO_VU_REPLY) != 0 ? "<" : ">",
           vgpio_vu_request_str(request), request);
    if ((flags & 3u) != VGPIO_VU_VERSION) {
        printf(" [version %" PRIu32 "]", flags & 3u);
    }
    if ((flags & VGPIO_VU_NEED_REPLY) != 0) {
        printf(" [wants an ack]");
    }
    if ((flags & ~15u) != 0) {
        printf(" [flags 0x%" PRIx32 "]", flags);
    }
    if (size >= 8) {
        payload(request, p + HEADER, size, (flags & VGPIO_VU_REPLY) != 0);
    } else if (size != 0) {
        putchar(' ');
        decode_hex(p + HEADER, size);
    }
    putchar('\n');
}

/* Bytes of the whole message there, or 0. */
static size_t whole(const uint8_t *p, size_t n)
{
    if (n < HEADER || word(p + 8) > VGPIO_VU_MSG_MAX - HEADER ||
        n - HEADER < word(p + 8)) {
        return 0;
    }
    return HEADER + word(p + 8);
}

bool decode_is_vhost_user(const uint8_t *p, size_t n)
{
    size_t at = 0;
    size_t len;

    while (at < n && (len = whole(p + at, n - at)) != 0 && word(p + at) >= 1 &&
           word(p + at) <= 64 && (word(p + at + 4) & 3u) == VGPIO_VU_VERSION) {
        at += len;
    }
    return n > 0 && at == n;
}

size_t decode_vhost_user(const uint8_t *p, size_t n)
{
    size_t at = 0;
    size_t len;

    while (at < n && (len = whole(p + at, n - at)) != 0) {
        show(p + at, (uint32_t)(len - HEADER));
        at += len;
    }
    return at;
}
