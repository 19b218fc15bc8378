/* SPDX-License-Identifier: BSD-3-Clause */
/* Names blocks from anybody. Input: number of lines (le16), then the block.
 * Asserted: no read outside the block (sanitizer), both ways of checking agree, walking
 * and looking up agree, and a block found good is exactly what its names build. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <virtiogpio/wire.h>

#define MUST(cond)                                                                       \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A string returned lies inside the block with its end. */
static void inside(const uint8_t *block, uint32_t size, const char *name)
{
    size_t off = (size_t)((const uint8_t *)name - block);

    MUST(off < size);
    MUST(memchr(name, 0, size - off) != NULL);
}

/* Walks all there is; lines beyond what a line number can say are not looked up. */
static uint32_t walk(const uint8_t *block, uint32_t size, const char **names,
                     uint32_t max)
{
    uint32_t count = 0;
    uint32_t off = 0;
    uint32_t before = 0;
    const char *name;

    while ((name = vgpio_names_next(block, size, &off)) != NULL) {
        inside(block, size, name);
        MUST(name == (const char *)block + before);
        MUST(off == before + strlen(name) + 1);
        if (count < max) {
            names[count] = name;
        }
        before = off;
        count++;
    }
    MUST(off == before); /* NULL leaves the position alone */
    return count;
}

/* The rules once more, the plain way, for a block of `count` terminated strings. */
static int legal(const uint8_t *block, uint32_t size, const char **names, uint32_t count)
{
    uint32_t i;
    uint32_t j;

    for (i = 0; i < size; i++) {
        if ((block[i] & 0x80) != 0) {
            return 0;
        }
    }
    for (i = 0; i < count; i++) {
        for (j = 0; j < i; j++) {
            if (names[i][0] != '\0' && strcmp(names[i], names[j]) == 0) {
                return 0;
            }
        }
    }
    return size == 0 || block[size - 1] == 0;
}

static void rebuild(const uint8_t *block, uint32_t size, const char **names, uint16_t n)
{
    uint8_t *out = malloc(size + (size == 0));

    MUST(out != NULL);
    MUST(vgpio_names_build(NULL, 0, names, n) == (int)size);
    MUST(vgpio_names_build(out, size, names, n) == (int)size);
    MUST(size == 0 || memcmp(out, block, size) == 0);
    if (size != 0) {
        MUST(vgpio_names_build(out, size - 1, names, n) == VGPIO_ERR_NOSPC);
    }
    free(out);
}

static void any_offset(const uint8_t *block, uint32_t size, uint32_t off)
{
    uint32_t after = off;
    const char *name = vgpio_names_next(block, size, &after);

    if (name == NULL) {
        MUST(after == off);
    } else {
        inside(block, size, name);
        MUST(after > off && after <= size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *names[256];
    uint32_t scratch[256];
    uint32_t len;
    uint32_t count;
    uint16_t n;
    uint32_t i;
    int good;

    if (size < 2 || size > 1 << 16) {
        return 0;
    }
    n = (uint16_t)(data[0] | data[1] << 8);
    data += 2;
    len = (uint32_t)size - 2;

    good = vgpio_names_check(data, len, n, NULL);
#if !VGPIO_CFG_NAMES
    MUST(good == VGPIO_ERR_NOTSUP);
    return 0;
#endif
    MUST(good == VGPIO_OK || good == VGPIO_ERR_INVAL);
    if (n <= 256) {
        MUST(vgpio_names_check(data, len, n, scratch) == good);
    }
    count = walk(data, len, names, 256);
    for (i = 0; i < count && i < 256; i++) {
        MUST(vgpio_names_at(data, len, (uint16_t)i) == names[i]);
    }
    MUST(vgpio_names_at(data, len, (uint16_t)count) == NULL); /* size keeps it 16 bits */
    MUST(good != VGPIO_OK || count == n);
    if (count <= 256) {
        MUST((good == VGPIO_OK) == (count == n && legal(data, len, names, count)));
    }
    if (good == VGPIO_OK && count <= 256) {
        rebuild(data, len, names, n);
    }
    any_offset(data, len, (uint32_t)n * 0x10001u);
    any_offset(data, len, n);
    return 0;
}
