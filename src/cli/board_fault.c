/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a fault: the same in a board, in a script and on the control socket. */
#include "board.h"

#include <string.h>

static const struct {
    const char *name;
    unsigned bit;
} messages[] = {
    {"get-direction", FAULT_GET_DIRECTION}, {"set-direction", FAULT_SET_DIRECTION},
    {"get-value", FAULT_GET_VALUE},         {"set-value", FAULT_SET_VALUE},
    {"set-irq-type", FAULT_SET_IRQ_TYPE},   {"any", FAULT_ANY},
};

static int fault_message(struct lex *l, unsigned i, struct fault_rule *r)
{
    size_t m;

    for (m = 0; m < sizeof messages / sizeof messages[0]; m++) {
        if (lex_is(l, i, messages[m].name)) {
            r->messages = messages[m].bit;
            return 0;
        }
    }
    return lex_fail(l, i,
                    "'%.40s' is wrong, expected get-direction, set-direction, get-value, "
                    "set-value, set-irq-type, any, glitch or storm",
                    lex_word(l, i));
}

static int fault_kind_word(struct lex *l, unsigned *i, struct fault_rule *r)
{
    if (lex_is(l, *i, "err")) {
        r->kind = FAULT_ERR;
    } else if (lex_is(l, *i, "never")) {
        r->kind = FAULT_NEVER;
    } else if (lex_is(l, *i, "delay")) {
        r->kind = FAULT_DELAY;
        (*i)++;
        if (lex_time(l, *i, &r->time_us) < 0) {
            return -1;
        }
    } else {
        return lex_fail(l, *i, "'%.40s' is wrong, expected err, delay TIME or never",
                        lex_word(l, *i));
    }
    (*i)++;
    return 0;
}

/* [after N] [times N] */
static int fault_bounds(struct lex *l, unsigned i, struct fault_rule *r)
{
    uint64_t n;

    for (; i < l->n; i += 2) {
        if (lex_is(l, i, "after") && r->skip == 0) {
            if (lex_number(l, i + 1, 1, UINT32_MAX, &n) < 0) {
                return -1;
            }
            r->skip = (uint32_t)n;
        } else if (lex_is(l, i, "times") && r->times == 0) {
            if (lex_number(l, i + 1, 1, UINT32_MAX, &n) < 0) {
                return -1;
            }
            r->times = (uint32_t)n;
        } else {
            return lex_fail(l, i, "'%.40s' is wrong here, expected after N or times N",
                            lex_word(l, i));
        }
    }
    return 0;
}

/* glitch every TIME times N, or storm PULSES every TIME times N: both have an end. */
static int fault_storm(struct lex *l, unsigned i, struct fault_rule *r)
{
    uint64_t n = 1;

    r->kind = FAULT_STORM;
    if (lex_is(l, i++, "storm") && lex_number(l, i++, 1, 100000, &n) < 0) {
        return -1;
    }
    r->pulses = (uint32_t)n;
    if (!lex_is(l, i, "every")) {
        return lex_fail(l, i, "'%.40s' is wrong here, expected every TIME",
                        lex_word(l, i));
    }
    if (lex_time(l, i + 1, &r->time_us) < 0) {
        return -1;
    }
    if (r->time_us == 0) {
        return lex_fail(l, i + 1, "no time at all, expected at least 1us");
    }
    if (!lex_is(l, i + 2, "times")) {
        return lex_fail(l, i + 2, "'%.40s' is wrong here, expected times N",
                        lex_word(l, i + 2));
    }
    return fault_bounds(l, i + 2, r);
}

int board_fault_words(struct lex *l, unsigned i, struct fault_rule *r)
{
    memset(r, 0, sizeof *r);
    if (lex_is(l, i, "glitch") || lex_is(l, i, "storm")) {
        return fault_storm(l, i, r);
    }
    if (fault_message(l, i++, r) < 0 || fault_kind_word(l, &i, r) < 0) {
        return -1;
    }
    return fault_bounds(l, i, r);
}
