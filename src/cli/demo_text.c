/* SPDX-License-Identifier: BSD-3-Clause */
#include "demo_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <virtiogpio/wire.h>

static const char *name_of(char *buf, size_t size, unsigned line,
                           const char *const *names, uint16_t nlines)
{
    if (line < nlines && names[line][0] != '\0') {
        return names[line];
    }
    snprintf(buf, size, "line %u", line);
    return buf;
}

static const char *direction(uint32_t dir)
{
    static const char *const words[] = {"none", "out", "in"};

    return dir < 3 ? words[dir] : "?";
}

static const char *level(uint32_t value)
{
    return value == 0 ? "low" : value == 1 ? "high" : "?";
}

static const char *trigger(uint32_t type)
{
    switch (type) {
    case VGPIO_IRQ_NONE:
        return "none";
    case VGPIO_IRQ_EDGE_RISING:
        return "rising edges";
    case VGPIO_IRQ_EDGE_FALLING:
        return "falling edges";
    case VGPIO_IRQ_EDGE_BOTH:
        return "both edges";
    case VGPIO_IRQ_LEVEL_HIGH:
        return "while high";
    case VGPIO_IRQ_LEVEL_LOW:
        return "while low";
    default:
        return "?";
    }
}

static bool decode(struct vgpio_request *m, const struct tap_bytes *b)
{
    if (b->len < VGPIO_REQUEST_SIZE) {
        return false;
    }
    vgpio_request_decode(m, b->at);
    return true;
}

void text_of_request(char *out, size_t size, unsigned q, const struct tap_bytes *request,
                     const char *const *names, uint16_t nlines)
{
    struct vgpio_request m;
    char number[16];
    const char *name;

    if (q == VGPIO_EVENTQ && request->len >= VGPIO_IRQ_REQUEST_SIZE) {
        struct vgpio_irq_request irq;

        vgpio_irq_request_decode(&irq, request->at);
        name = name_of(number, sizeof number, irq.line, names, nlines);
        snprintf(out, size, "unmask %s: ready for the next", name);
        return;
    }
    if (!decode(&m, request)) {
        snprintf(out, size, "?");
        return;
    }
    name = name_of(number, sizeof number, m.line, names, nlines);
    switch (m.type) {
    case VGPIO_MSG_GET_LINE_NAMES:
        snprintf(out, size, "GET_LINE_NAMES");
        break;
    case VGPIO_MSG_GET_DIRECTION:
        snprintf(out, size, "GET_DIRECTION %s", name);
        break;
    case VGPIO_MSG_SET_DIRECTION:
        snprintf(out, size, "SET_DIRECTION %s: %s", name, direction(m.value));
        break;
    case VGPIO_MSG_GET_VALUE:
        snprintf(out, size, "GET_VALUE %s", name);
        break;
    case VGPIO_MSG_SET_VALUE:
        snprintf(out, size, "SET_VALUE %s: %s", name, level(m.value));
        break;
    case VGPIO_MSG_SET_IRQ_TYPE:
        snprintf(out, size, "SET_IRQ_TYPE %s: %s", name, trigger(m.value));
        break;
    default:
        snprintf(out, size, "unknown message %u", m.type);
        break;
    }
}

static void text_of_names(char *out, size_t size, const struct tap_bytes *answer)
{
    size_t used = (size_t)snprintf(out, size, "OK:");
    const char *name;
    uint32_t off = 0;

    while (used < size &&
           (name = vgpio_names_next(answer->at + 1, answer->len - 1, &off)) != NULL) {
        used += (size_t)snprintf(out + used, size - used, " '%s'", name);
    }
}

static void text_of_irq(char *out, size_t size, const struct tap_bytes *request,
                        uint8_t status, const char *const *names, uint16_t nlines)
{
    struct vgpio_irq_request irq;
    char number[16];
    const char *name;

    vgpio_irq_request_decode(&irq, request->at);
    name = name_of(number, sizeof number, irq.line, names, nlines);
    snprintf(out, size,
             status == VGPIO_IRQ_STATUS_VALID ? "VALID: %s interrupts"
                                              : "INVALID: %s is disabled",
             name);
}

void text_of_answer(char *out, size_t size, unsigned q, const struct tap_bytes *request,
                    const struct tap_bytes *answer, const char *const *names,
                    uint16_t nlines)
{
    struct vgpio_request m;
    const uint8_t *b = answer->at;

    if (q == VGPIO_EVENTQ && request->len >= VGPIO_IRQ_REQUEST_SIZE && answer->len == 1) {
        text_of_irq(out, size, request, b[0], names, nlines);
    } else if (!decode(&m, request) || answer->len < VGPIO_RESPONSE_SIZE) {
        snprintf(out, size, "?");
    } else if (b[0] != VGPIO_STATUS_OK) {
        snprintf(out, size, "ERR");
    } else if (m.type == VGPIO_MSG_GET_LINE_NAMES) {
        text_of_names(out, size, answer);
    } else if (m.type == VGPIO_MSG_GET_DIRECTION) {
        snprintf(out, size, "OK: %s", direction(b[1]));
    } else if (m.type == VGPIO_MSG_GET_VALUE) {
        snprintf(out, size, "OK: %s", level(b[1]));
    } else {
        snprintf(out, size, "OK");
    }
}

void text_of_features(char *out, size_t size, uint64_t features)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } known[] = {
        {VGPIO_F_IRQ, "IRQ"},
        {VGPIO_F_INDIRECT, "INDIRECT_DESC"},
        {VGPIO_F_EVENT_IDX, "EVENT_IDX"},
        {VGPIO_F_VERSION_1, "VERSION_1"},
        {VGPIO_F_PACKED, "RING_PACKED"},
    };
    size_t used = 0;
    size_t i;

    out[0] = '\0';
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((features & known[i].bit) != 0 && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     used == 0 ? "" : " ", known[i].name);
            features &= ~known[i].bit;
        }
    }
    if (features != 0 && used < size) {
        snprintf(out + used, size - used, " 0x%" PRIx64, features);
    }
}
