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

/* With so much more room than they need. */
static bool read_names(struct check *c, uint32_t more)
{
    uint32_t size = c->config.names_size, len;
    struct check_piece p[2] = {{check_gpa(c, check_out(0, 0)), 8, 0},
                               {check_gpa(c, CHECK_NAMES), size + 1 + more, CHECK_WRITE}};
    unsigned slot;

    if (size >= CHECK_NAMES_MAX - 64) {
        return check_saw(c, "a block of %u bytes", size);
    }

    memset(check_at(c, check_out(0, 0)), 0, 8);
    *check_at(c, check_out(0, 0)) = VGPIO_MSG_GET_LINE_NAMES;
    memset(check_at(c, CHECK_NAMES), CHECK_UNTOUCHED, size + 1 + more);
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
        size_t n = strnlen(at, (size_t)(end - at));

        if (at + n >= end) {
            return check_saw(c, "no name, or no end of it, for line %u", line);
        }
        name[line] = at;
        at += n + 1;
    }
    return at == end || check_saw(c, "%ld bytes behind the last name", (long)(end - at));
}

static bool ascii(struct check *c)
{
    const uint8_t *at = check_at(c, CHECK_NAMES + 1);
    uint32_t i;

    for (i = 0; i < c->config.names_size; i++) {
        if (at[i] > 127) {
            return check_saw(c, "byte %u of the names is not 7-bit ASCII", i);
        }
    }
    return true;
}

static bool with_names(struct check *c, bool (*judge)(struct check *, const char **))
{
    const char **name = calloc(c->config.ngpio + 1u, sizeof *name);
    bool ok = name != NULL && read_names(c, 0) && judge(c, name);

    free(name);
    return ok;
}

static bool names_count(struct check *c)
{
    return with_names(c, split);
}

static bool good_names(struct check *c, const char **name)
{
    return split(c, name) && ascii(c) && unique(c, name);
}

static bool names(struct check *c)
{
    return with_names(c, good_names);
}

static bool names_size(struct check *c)
{
    const uint8_t *at = check_at(c, CHECK_NAMES + 1u + c->config.names_size);
    unsigned i;

    if (!read_names(c, 32)) {
        return false;
    }
    for (i = 0; i < 32; i++) {
        if (at[i] != CHECK_UNTOUCHED) {
            return check_saw(c, "byte %u behind the names was written", i);
        }
    }
    return true;
}

static bool no_names(struct check *c)
{
    return check_err(c, VGPIO_MSG_GET_LINE_NAMES, 0, 0);
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

static bool not_driven(struct check *c)
{
    unsigned level;

    return check_sense(c, 0, &level) && check_ok(c, VGPIO_MSG_SET_VALUE, 0, !level, 0) &&
           check_ok(c, VGPIO_MSG_GET_VALUE, 0, 0, level) &&
           direction(c, 0, VGPIO_DIR_NONE);
}

/* After NONE nothing is staged: what is driven then is low, or the level there was. A
 * device may also refuse to drive what nobody set. */
static bool none_unstages(struct check *c)
{
    unsigned level;
    uint8_t a[2];

    if (!check_sense(c, 0, &level)) {
        return false;
    }
    if (level != 0) {
        return check_skip(c, CHECK_SKIP_HIGH);
    }
    if (!check_ok(c, VGPIO_MSG_SET_VALUE, 0, 1, 0) || !direction(c, 0, VGPIO_DIR_NONE) ||
        !check_ask(c, VGPIO_MSG_SET_DIRECTION, 0, OUT, a)) {
        return false;
    }
    return (a[0] == VGPIO_STATUS_ERR || check_ok(c, VGPIO_MSG_GET_VALUE, 0, 0, 0)) &&
           direction(c, 0, VGPIO_DIR_NONE);
}

static bool drives(struct check *c)
{
    unsigned i;

    if (!check_ok(c, VGPIO_MSG_SET_VALUE, 0, 0, 0) || !direction(c, 0, OUT)) {
        return false;
    }
    for (i = 1; i < 6; i++) {
        if (!check_ok(c, VGPIO_MSG_SET_VALUE, 0, i % 2, 0) ||
            !check_ok(c, VGPIO_MSG_GET_VALUE, 0, 0, i % 2)) {
            return false;
        }
    }
    return check_ok(c, VGPIO_MSG_SET_VALUE, 0, 0, 0) && direction(c, 0, VGPIO_DIR_NONE);
}

static bool senses(struct check *c)
{
    unsigned line = check_irq_line(c), i;

    if (!check_source(c, 0)) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        if (!check_level(c, i % 2) || !check_ok(c, VGPIO_MSG_GET_VALUE, line, 0, i % 2)) {
            return false;
        }
    }
    return check_level(c, 0);
}

static bool last_line(struct check *c)
{
    unsigned line = c->config.ngpio - 1u;

    return direction(c, line, IN) && check_ok(c, VGPIO_MSG_GET_DIRECTION, line, 0, IN) &&
           direction(c, line, VGPIO_DIR_NONE) &&
           check_ok(c, VGPIO_MSG_GET_DIRECTION, line, 0, VGPIO_DIR_NONE);
}

/* Each of these sees what the one before it did. */
static bool order_mixed(struct check *c)
{
    static const struct {
        uint8_t type, value, want;
    } step[] = {{VGPIO_MSG_SET_DIRECTION, IN, 0}, {VGPIO_MSG_GET_DIRECTION, 0, IN},
                {VGPIO_MSG_SET_VALUE, 1, 0},      {VGPIO_MSG_SET_DIRECTION, OUT, 0},
                {VGPIO_MSG_GET_VALUE, 0, 1},      {VGPIO_MSG_GET_DIRECTION, 0, OUT},
                {VGPIO_MSG_SET_VALUE, 0, 0},      {VGPIO_MSG_GET_VALUE, 0, 0},
                {VGPIO_MSG_SET_DIRECTION, 0, 0},  {VGPIO_MSG_GET_DIRECTION, 0, 0},
                {VGPIO_MSG_SET_DIRECTION, IN, 0}, {VGPIO_MSG_GET_DIRECTION, 0, IN}};
    const unsigned n = sizeof step / sizeof step[0];
    unsigned i, slot;
    uint32_t len;

    for (i = 0; i < n; i++) {
        check_stage(c, i, step[i].type, 0, step[i].value, 2);
    }
    check_kick(c, 0);
    for (i = 0; i < n; i++) {
        const uint8_t *a = check_at(c, check_in(0, i));

        if (!check_used(c, 0, &slot, &len)) {
            return false;
        }
        if (slot != i || len != 2 || a[0] != VGPIO_STATUS_OK || a[1] != step[i].want) {
            return check_saw(c,
                             "request %u: answered as number %u, length %u, status "
                             "%u, value %u",
                             i, slot, len, a[0], a[1]);
        }
    }
    return true;
}

/* Two lines may overtake each other, two requests of one line may not. */
static bool two_lines(struct check *c)
{
    unsigned i, slot, last[2] = {0, 0};
    uint32_t len;

    for (i = 0; i < CHECK_SLOTS; i++) {
        check_stage(c, i, VGPIO_MSG_GET_DIRECTION, i % 2, 0, 2);
    }
    check_kick(c, 0);
    for (i = 0; i < CHECK_SLOTS; i++) {
        if (!check_used(c, 0, &slot, &len)) {
            return false;
        }
        if (len != 2 || slot + 1 <= last[slot % 2] ||
            *check_at(c, check_in(0, slot)) != VGPIO_STATUS_OK) {
            return check_saw(c, "request %u of line %u: length %u, status %u, after %u",
                             slot, slot % 2, len, *check_at(c, check_in(0, slot)),
                             last[slot % 2]);
        }
        last[slot % 2] = slot + 1;
    }
    return true;
}

const struct check_test check_gpio_tests[] = {
    {"config", "GPIO-DEV-02", "read the config space",
     "padding 0, at least one line, a names block with a byte a line, or none", config,
     0},
    {"no-names", "GPIO-DEV-03", "GET_LINE_NAMES where their size is 0",
     "ERR, all of the answer set", no_names, CHECK_BOTH | CHECK_NAMELESS},
    {"names-size", "GPIO-DEV-04", "GET_LINE_NAMES with more room than they need",
     "status OK, length 1 + N, and the rest not written", names_size,
     CHECK_BOTH | CHECK_NAMED},
    {"names-count", "GPIO-DEV-P2", "GET_LINE_NAMES",
     "a string for each line, empty for one without a name, and no more", names_count,
     CHECK_BOTH | CHECK_NAMED},
    {"names", "GPIO-DEV-05", "GET_LINE_NAMES", "7-bit names that end, no two alike",
     names, CHECK_BOTH | CHECK_NAMED},
    {"get-direction", "GPIO-DEV-P1", "GET_DIRECTION of line 0",
     "status OK and a direction, length 2", get_direction, CHECK_BOTH},
    {"set-direction", "GPIO-DEV-P12", "line 0 to IN, NONE and OUT",
     "OK each time, and GET_DIRECTION says the same", set_direction, CHECK_BOTH},
    {"bad-direction", "GPIO-DEV-P1", "SET_DIRECTION with 3, 0x100, 0x80000001",
     "ERR, all of the answer set, the direction unchanged", bad_direction, CHECK_BOTH},
    {"staged-value", "GPIO-DEV-P4", "SET_VALUE before the line becomes an output",
     "it is driven from then on", set_value, CHECK_BOTH},
    {"bad-value", "GPIO-DEV-P1", "SET_VALUE with 2 and 0x101",
     "ERR, all of the answer set, the value unchanged", bad_value, CHECK_BOTH},
    {"bad-type", "GPIO-DEV-01", "requests of the types 0, 7, 0x101, 0xffff",
     "ERR, all of the answer set, length 2", bad_type, CHECK_BOTH},
    {"bad-line", "GPIO-DEV-01", "requests for lines that are not there",
     "ERR, all of the answer set, length 2", bad_line, CHECK_BOTH},
    {"order", "GPIO-DEV-06", "8 requests for line 0 with one notification",
     "worked off and answered in that order", order, CHECK_BOTH},
    {"order-mixed", "GPIO-DEV-06", "12 requests of four types with one notification",
     "each sees what the one before it did", order_mixed, CHECK_BOTH},
    {"two-lines", "GPIO-DEV-06", "16 requests for two lines in turn",
     "those of a line answered in their order", two_lines, CHECK_BOTH | CHECK_PAIR},
    {"not-driven", "GPIO-DEV-P4", "SET_VALUE of an input", "its level stays as it was",
     not_driven, CHECK_BOTH},
    {"none-unstages", "GPIO-DEV-08", "SET_VALUE 1, direction NONE, then OUT",
     "low, or ERR: the value is forgotten", none_unstages, CHECK_BOTH},
    {"drives", "GPIO-DEV-P12", "SET_VALUE of an output, and GET_VALUE",
     "the value that was set", drives, CHECK_BOTH},
    {"senses", "GPIO-DEV-P12", "GET_VALUE of an input that changes", "its level", senses,
     CHECK_BOTH | CHECK_STIMULUS},
    {"last-line", "GPIO-DEV-P12", "the last line to IN and NONE",
     "OK, and GET_DIRECTION says the same", last_line, CHECK_BOTH},
    {NULL, NULL, NULL, NULL, NULL, 0},
};
