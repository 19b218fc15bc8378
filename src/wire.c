/* SPDX-License-Identifier: BSD-3-Clause */
#include <virtiogpio/wire.h>

#include "codec.h"

void vgpio_request_encode(uint8_t out[8], const struct vgpio_request *req)
{
    put16(out, req->type);
    put16(out + 2, req->line);
    put32(out + 4, req->value);
}

void vgpio_request_decode(struct vgpio_request *req, const uint8_t in[8])
{
    codec_request(req, in);
}

void vgpio_response_encode(uint8_t out[2], const struct vgpio_response *rsp)
{
    out[0] = rsp->status;
    out[1] = rsp->value;
}

void vgpio_response_decode(struct vgpio_response *rsp, const uint8_t in[2])
{
    rsp->status = in[0];
    rsp->value = in[1];
}

void vgpio_config_encode(uint8_t out[8], const struct vgpio_config *cfg)
{
    put16(out, cfg->ngpio);
    put16(out + 2, 0);
    put32(out + 4, cfg->names_size);
}

void vgpio_config_decode(struct vgpio_config *cfg, const uint8_t in[8])
{
    cfg->ngpio = get16(in);
    cfg->names_size = get32(in + 4);
}

void vgpio_irq_request_encode(uint8_t out[2], const struct vgpio_irq_request *req)
{
    put16(out, req->line);
}

void vgpio_irq_request_decode(struct vgpio_irq_request *req, const uint8_t in[2])
{
    req->line = get16(in);
}

#if VGPIO_CFG_NAMES

/* Like strcmp, which is not there. Only for strings known to end. */
static int compare(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

/* Bytes of a name with its terminator, 0 if it is not 7-bit. */
static size_t measure(const char *name)
{
    size_t n = 0;

    if (name == NULL) {
        return 1;
    }
    for (; name[n] != '\0'; n++) {
        if ((unsigned char)name[n] > 127) {
            return 0;
        }
    }
    return n + 1;
}

static int taken_before(const char *const *names, uint16_t n)
{
    uint16_t i;

    if (names[n] == NULL || names[n][0] == '\0') {
        return 0;
    }
    for (i = 0; i < n; i++) {
        if (names[i] != NULL && compare(names[i], names[n]) == 0) {
            return 1;
        }
    }
    return 0;
}

int vgpio_names_build(uint8_t *out, uint32_t cap, const char *const *names, uint16_t n)
{
    uint32_t size = 0;
    uint16_t i;

    if (out == NULL && cap != 0) {
        return VGPIO_ERR_INVAL;
    }
    for (i = 0; i < n; i++) {
        size_t len = measure(names[i]);

        if (len == 0 || len > INT32_MAX - size || taken_before(names, i)) {
            return VGPIO_ERR_INVAL;
        }
        size += (uint32_t)len;
    }
    if (out == NULL) {
        return (int)size;
    }
    if (cap < size) {
        return VGPIO_ERR_NOSPC;
    }
    for (i = 0; i < n; i++) {
        const char *s = names[i];

        while (s != NULL && *s != '\0') {
            *out++ = (uint8_t)*s++;
        }
        *out++ = 0;
    }
    return (int)size;
}

/* Moves the root down until the heap of n offsets is one again: largest name on top. */
static void sift(const char *base, uint32_t *heap, uint32_t root, uint32_t n)
{
    for (;;) {
        uint32_t child = 2 * root + 1;
        uint32_t moved;

        if (child >= n) {
            return;
        }
        if (child + 1 < n && compare(base + heap[child], base + heap[child + 1]) < 0) {
            child++;
        }
        if (compare(base + heap[root], base + heap[child]) >= 0) {
            return;
        }
        moved = heap[root];
        heap[root] = heap[child];
        heap[child] = moved;
        root = child;
    }
}

/* Heap sort: no recursion and no bad case that a peer could choose. */
static void sort(const char *base, uint32_t *offs, uint32_t n)
{
    uint32_t i;

    for (i = n / 2; i-- > 0;) {
        sift(base, offs, i, n);
    }
    for (i = n; i-- > 1;) {
        uint32_t largest = offs[0];

        offs[0] = offs[i];
        offs[i] = largest;
        sift(base, offs, 0, i);
    }
}

/* The block is known to be well-formed in these two. */
static int unique_sorted(const uint8_t *block, uint32_t size, uint32_t *scratch)
{
    const char *base = (const char *)block;
    uint32_t off = 0;
    uint32_t named = 0;
    uint32_t i;

    while (off < size) {
        uint32_t start = off;

        if (vgpio_names_next(block, size, &off)[0] != '\0') {
            scratch[named++] = start;
        }
    }
    sort(base, scratch, named);
    for (i = 1; i < named; i++) {
        if (compare(base + scratch[i - 1], base + scratch[i]) == 0) {
            return 0;
        }
    }
    return 1;
}

static int unique_slow(const uint8_t *block, uint32_t size)
{
    uint32_t off = 0;

    while (off < size) {
        const char *name = vgpio_names_next(block, size, &off);
        uint32_t later = off;

        while (name[0] != '\0' && later < size) {
            if (compare(name, vgpio_names_next(block, size, &later)) == 0) {
                return 0;
            }
        }
    }
    return 1;
}

int vgpio_names_check(const uint8_t *block, uint32_t size, uint16_t n, uint32_t *scratch)
{
    uint32_t strings = 0;
    uint32_t i;
    int unique;

    for (i = 0; i < size; i++) {
        if (block[i] > 127) {
            return VGPIO_ERR_INVAL;
        }
        strings += block[i] == 0;
    }
    if (strings != n || (size != 0 && block[size - 1] != 0)) {
        return VGPIO_ERR_INVAL;
    }
    unique =
        scratch != NULL ? unique_sorted(block, size, scratch) : unique_slow(block, size);
    return unique ? VGPIO_OK : VGPIO_ERR_INVAL;
}

const char *vgpio_names_next(const uint8_t *block, uint32_t size, uint32_t *off)
{
    uint32_t i;

    for (i = *off; i < size; i++) {
        if (block[i] == 0) {
            const char *name = (const char *)block + *off;

            *off = i + 1;
            return name;
        }
    }
    return NULL;
}

const char *vgpio_names_at(const uint8_t *block, uint32_t size, uint16_t line)
{
    uint32_t off = 0;
    const char *name = vgpio_names_next(block, size, &off);

    while (name != NULL && line > 0) {
        name = vgpio_names_next(block, size, &off);
        line--;
    }
    return name;
}

#else /* the functions stay, so that callers link */

int vgpio_names_build(uint8_t *out, uint32_t cap, const char *const *names, uint16_t n)
{
    (void)out;
    (void)cap;
    (void)names;
    (void)n;
    return VGPIO_ERR_NOTSUP;
}

int vgpio_names_check(const uint8_t *block, uint32_t size, uint16_t n, uint32_t *scratch)
{
    (void)block;
    (void)size;
    (void)n;
    (void)scratch;
    return VGPIO_ERR_NOTSUP;
}

const char *vgpio_names_next(const uint8_t *block, uint32_t size, uint32_t *off)
{
    (void)block;
    (void)size;
    (void)off;
    return NULL;
}

const char *vgpio_names_at(const uint8_t *block, uint32_t size, uint16_t line)
{
    (void)block;
    (void)size;
    (void)line;
    return NULL;
}

#endif
