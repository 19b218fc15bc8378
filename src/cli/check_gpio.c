/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of the GPIO device, seen from outside. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define OUT VGPIO_DIR_OUT
#define IN VGPIO_DIR_IN

static bool direction(struct check *c, unsigned line, unsigned dir)
{
    return check_ok(c, VGPIO_MSG_SET_DIRECTION, line, dir, 0);
}

/* ---- configuration and names ---- */

static bool config(struct check *c)
{
    if (c->config_bytes[2] != 0 || c->config_bytes[3] != 0) {
        return check_saw(c, "padding %02x %02x", c->config_bytes[2], c->config_bytes[3]);
    }
    if (c->config.ngpio == 0) {
        return check_saw(c, "no lines");
    }
    return c->config.names_size == 0 || c->config.names_size >= c->config.ngpio ||
           check_saw(c, "%u bytes of names for %u lines", c->config.names_size,
                     c->config.ngpio);
}

static bool read_names(struct check *c)
{
    uint32_t size = c->config.names_size, len;
    struct check_piece p[2] = {{check_gpa(c, check_out(0, 0)), 8, 0},
                               {check_gpa(c, CHECK_NAMES), size + 1, CHECK_WRITE}};
    unsigned slot;

    memset(check_at(c, check_out(0, 0)), 0, 8);
    *check_at(c, check_out(0, 0)) = VGPIO_MSG_GET_LINE_NAMES;
    memset(check_at(c, CHECK_NAMES), CHECK_UNTOUCHED, size + 1);
    check_post(c, 0, 0, p, 2);
    check_kick(c, 0);
    if (!check_used(c, 0, &slot, &len)) {
        return false;
    }
    if (len != size + 1 || *check_at(c, CHECK_NAMES) != VGPIO_STATUS_OK) {
        return check_saw(c, "used length %u, not %u; status %u", len, size + 1,
                         *check_at(c, CHECK_NAMES));
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool unique(struct check *c, const char **name)
{
    unsigned i, n = c->config.ngpio;

    qsort(name, n, sizeof *name, compare);
    for (i = 1; i < n; i++) {
        if (name[i][0] != '\0' && strcmp(name[i - 1], name[i]) == 0) {
            return check_saw(c, "two lines of one name");
        }
    }
    return true;
}

/* The block, cut into lines; `name` has room for all. */
static bool split(struct check *c, const char **name)
{
    const char *at = (const char *)check_at(c, CHECK_NAMES + 1);
    const char *end = at + c->config.names_size;
    unsigned line;

    for (line = 0; line < c->config.ngpio; line++) {
        size_t i, n = strnlen(at, (size_t)(end - at));

        if (at + n >= end) {
            return check_saw(c, "no name, or no end of it, for line %u", line);
        }
        for (i = 0; i < n; i++) {
            if ((unsigned char)at[i] > 127) {
                return check_saw(c, "the name of line %u is not 7-bit ASCII", line);
            }
        }
        name[line] = at;
        at += n + 1;
    }
    return at == end || check_saw(c, "%ld bytes behind the last name", (long)(end - at));
}

static bool names(struct check *c)
{
    const char **name;
    bool ok;

    if (c->config.names_size == 0) {
        return check_err(c, VGPIO_MSG_GET_LINE_NAMES, 0, 0);
    }
    if (c->config.names_size >= CHECK_NAMES_MAX) {
        return check_saw(c, "a block of %u bytes", c->config.names_size);
    }
    name = calloc(c->config.ngpio + 1u, sizeof *name);
    ok = name != NULL && read_names(c) && split(c, name) && unique(c, name);
    free(name);
    return ok;
}

/* ---- requests ---- */

static bool get_direction(struct check *c)
{
    uint8_t a[2];

    return check_ask(c, VGPIO_MSG_GET_DIRECTION, 0, 0, a) &&
           ((a[0] == VGPIO_STATUS_OK && a[1] <= VGPIO_DIR_IN) ||
            check_saw(c, "status %u, value %u", a[0], a[1]));
}

static bool set_direction(struct check *c)
{
    static const uint8_t dirs[] = {VGPIO_DIR_IN, VGPIO_DIR_NONE};
    unsigned i;

    for (i = 0; i < sizeof dirs; i++) {
        if (!direction(c, 0, dirs[i]) ||
            !check_ok(c, VGPIO_MSG_GET_DIRECTION, 0, 0, dirs[i])) {
            return false;
        }
    }
    return check_ok(c, VGPIO_MSG_SET_VALUE, 0, 0, 0) && direction(c, 0, OUT) &&
           check_ok(c, VGPIO_MSG_GET_DIRECTION, 0, 0, OUT) &&
           direction(c, 0, VGPIO_DIR_NONE);
}

static bool bad_direction(struct check *c)
{
    return direction(c, 0, IN) && check_err(c, VGPIO_MSG_SET_DIRECTION, 0, 3) &&
           check_err(c, VGPIO_MSG_SET_DIRECTION, 0, 0x100) &&
           check_err(c, VGPIO_MSG_SET_DIRECTION, 0, 0x80000001u) &&
           check_ok(c, VGPIO_MSG_GET_DIRECTION, 0, 0, IN);
}

static bool staged(struct check *c, unsigned value)
{
    return check_ok(c, VGPIO_MSG_SET_VALUE, 0, value, 0) && direction(c, 0, OUT) &&
           check_ok(c, VGPIO_MSG_GET_VALUE, 0, 0, value) &&
           direction(c, 0, VGPIO_DIR_NONE);
}

static bool set_value(struct check *c)
{
    return direction(c, 0, VGPIO_DIR_NONE) && staged(c, 1) && staged(c, 0) &&
           staged(c, 1);
}

static bool bad_value(struct check *c)
{
    return check_ok(c, VGPIO_MSG_SET_VALUE, 0, 0, 0) && direction(c, 0, OUT) &&
           check_err(c, VGPIO_MSG_SET_VALUE, 0, 2) &&
           check_err(c, VGPIO_MSG_SET_VALUE, 0, 0x101) &&
           check_ok(c, VGPIO_MSG_GET_VALUE, 0, 0, 0) && direction(c, 0, VGPIO_DIR_NONE);
}

static bool bad_type(struct check *c)
{
    return check_err(c, 0, 0, 0) && check_err(c, 7, 0, 0) && check_err(c, 0x101, 0, 0) &&
           check_err(c, 0xffff, 0, 0) && get_direction(c);
}

static bool bad_line(struct check *c)
{
    unsigned type;

    for (type = VGPIO_MSG_GET_DIRECTION; type <= VGPIO_MSG_SET_VALUE; type++) {
        if (!check_err(c, type, c->config.ngpio, 0) || !check_err(c, type, 0xffff, 0)) {
            return false;
        }
    }
    return (c->features & VGPIO_F_IRQ) == 0 ||
           check_err(c, VGPIO_MSG_SET_IRQ_TYPE, c->config.ngpio, 0);
}

static bool order(struct check *c)
{
    unsigned i, slot;
    uint32_t len;

    if (!check_ok(c, VGPIO_MSG_SET_VALUE, 0, 0, 0) || !direction(c, 0, OUT)) {
        return false;
    }
    for (i = 0; i < 8; i++) {
        check_stage(c, i, i % 2 ? VGPIO_MSG_GET_VALUE : VGPIO_MSG_SET_VALUE, 0,
                    i % 4 == 0, 2);
    }
    check_kick(c, 0);
    for (i = 0; i < 8; i++) {
        const uint8_t *a = check_at(c, check_in(0, i));

        if (!check_used(c, 0, &slot, &len)) {
            return false;
        }
        if (slot != i || len != 2) {
            return check_saw(c, "request %u answered in place of request %u", slot, i);
        }
        if (a[0] != VGPIO_STATUS_OK || a[1] != (i % 4 == 1)) {
            return check_saw(c, "request %u: status %u, value %u", i, a[0], a[1]);
        }
    }
    return direction(c, 0, VGPIO_DIR_NONE);
}

const struct check_test check_gpio_tests[] = {
    {"config", "GPIO-DEV-02", "read the config space",
     "padding 0, at least one line, a names block with a byte a line, or none", config,
     0},
    {"names", "GPIO-DEV-05", "GET_LINE_NAMES",
     "status OK and length 1 + N, one 7-bit name a line, no two alike; ERR without names",
     names, CHECK_BOTH},
    {"get-direction", "GPIO-DEV-P1", "GET_DIRECTION of line 0",
     "status OK and a direction, length 2", get_direction, CHECK_BOTH},
    {"set-direction", "GPIO-DEV-P12", "line 0 to IN, NONE and OUT",
     "OK each time, and GET_DIRECTION says the same", set_direction, CHECK_BOTH},
    {"bad-direction", "GPIO-DEV-P1", "SET_DIRECTION with 3, 0x100, 0x80000001",
     "ERR, all of the answer set, the direction unchanged", bad_direction, 0},
    {"staged-value", "GPIO-DEV-P4", "SET_VALUE before the line becomes an output",
     "it is driven from then on", set_value, CHECK_BOTH},
    {"bad-value", "GPIO-DEV-P1", "SET_VALUE with 2 and 0x101",
     "ERR, all of the answer set, the value unchanged", bad_value, 0},
    {"bad-type", "GPIO-DEV-01", "requests of the types 0, 7, 0x101, 0xffff",
     "ERR, all of the answer set, length 2", bad_type, CHECK_BOTH},
    {"bad-line", "GPIO-DEV-01", "requests for lines that are not there",
     "ERR, all of the answer set, length 2", bad_line, CHECK_BOTH},
    {"order", "GPIO-DEV-06", "8 requests for line 0 with one notification",
     "worked off and answered in that order", order, CHECK_BOTH},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
