/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything that a device can say that is not so. */
#include "trap.h"

#include <string.h>

#define ERROR "an error for that request, or the end of the driver; no hang"
#define ENDS "an error, or the end of the driver; no hang, nothing out of bounds"
#define COPES "nothing: a driver has to cope with it"
#define NO_START "no lines, and a word why"
#define NO_NAMES "no names, or no lines, and a word why"
#define ONE_EVENT "the event is dropped or an error; other lines go on"

const struct trap_lie trap_lies[] = {
    {"honest", "CORE-DRV-15", "an honest device", "the driver does its work", AT_NEVER,
     TRICK_NONE, 0, 0},
    /* used lengths */
    {"len-0", "B13", "GET_VALUE is answered with used length 0", ERROR, AT_VALUE,
     TRICK_LEN, 0, 1},
    {"len-1", "B13", "... with used length 1", ERROR, AT_VALUE, TRICK_LEN, 1, 1},
    {"len-3", "B8", "... with a length of one byte more than there is", ENDS, AT_VALUE,
     TRICK_LEN, 3, 1},
    {"len-huge", "B8", "... with length 0xffffffff", ENDS, AT_VALUE, TRICK_LEN,
     UINT32_MAX, 1},
    {"untouched", "B13", "... with the right length, and no byte written", ERROR,
     AT_VALUE, TRICK_UNTOUCHED, 0, 1},
    /* answers */
    {"status-err", "GPIO-DEV-P1", "GET_VALUE: ERR", ERROR, AT_VALUE, TRICK_STATUS, 1, 1},
    {"status-unknown", "B15", "GET_VALUE: status 0x7f", ERROR, AT_VALUE, TRICK_STATUS,
     0x7f, 1},
    {"value-2", "B15", "GET_VALUE: value 2", ERROR, AT_VALUE, TRICK_VALUE, 2, 1},
    {"value-255", "B15", "GET_VALUE: value 255", ERROR, AT_VALUE, TRICK_VALUE, 255, 1},
    {"direction-3", "B15", "GET_DIRECTION: value 3", ERROR, AT_DIRECTION, TRICK_VALUE, 3,
     1},
    {"direction-err", "GPIO-DEV-P1", "GET_DIRECTION: ERR", ERROR, AT_DIRECTION,
     TRICK_STATUS, 1, 1},
    {"direction-len", "B13", "GET_DIRECTION: used length 1", ERROR, AT_DIRECTION,
     TRICK_LEN, 1, 1},
    {"set-value-err", "GPIO-DEV-P1", "SET_VALUE: ERR", ERROR, AT_SET_VALUE, TRICK_STATUS,
     1, 1},
    {"set-direction-err", "GPIO-DEV-P1", "SET_DIRECTION: ERR", ERROR, AT_SET_DIRECTION,
     TRICK_STATUS, 1, 1},
    {"irq-type-err", "GPIO-DRV-11", "SET_IRQ_TYPE: ERR",
     "an error, and no pair for that line", AT_IRQ_TYPE, TRICK_STATUS, 1, 1},
    {"irq-none-err", "GPIO-DEV-P1", "SET_IRQ_TYPE NONE: ERR", COPES, AT_IRQ_NONE,
     TRICK_STATUS, 1, 1},
    /* used elements */
    {"id-range", "B7", "a used id that no ring has", ENDS, AT_VALUE, TRICK_ID, UINT32_MAX,
     1},
    {"id-size", "B7", "a used id of the ring's size", ENDS, AT_VALUE, TRICK_ID, TRAP_RING,
     1},
    {"id-free", "B7", "the used id of no buffer that is out, then the right one", ENDS,
     AT_VALUE, TRICK_ID_BEFORE, 7, 1},
    {"id-twice", "B7", "a buffer is given back twice", ENDS, AT_VALUE, TRICK_TWICE, 0, 1},
    {"index-ahead", "B6", "the used index jumps ahead by 0x4000 (split)", ENDS, AT_VALUE,
     TRICK_INDEX, 0x4000, 1},
    {"index-back", "B6", "the used index goes back by one (split)", ENDS, AT_VALUE,
     TRICK_INDEX, 0xffff, 1},
    /* time and interrupts */
    {"late", "GPIO-DRV-05", "the answer comes 0.3 s later", COPES, AT_VALUE, TRICK_LATE,
     0, 1},
    {"any-order", "GPIO-DRV-05", "different lines are answered last first", COPES,
     AT_VALUE, TRICK_BACKWARDS, 0, 0},
    {"spurious", "RING-DRV-14", "200 interrupts for nothing", COPES, AT_VALUE,
     TRICK_CALLS, 200, 1},
    {"flag-noise", "RING-DRV-18", "used flags say no kicks, with the event index (split)",
     COPES, AT_NEVER, TRICK_FLAGS, 0, 0},
    {"no-interrupt", "B23", "an answer without the interrupt that was asked for", ERROR,
     AT_VALUE, TRICK_NO_CALL, 0, 1},
    {"silent", "B28", "GET_VALUE is never answered", ERROR, AT_VALUE, TRICK_SILENT, 0, 1},
    {"hang-up", "B27", "the device leaves instead of an answer", ENDS, AT_VALUE,
     TRICK_HANG_UP, 0, 1},
    /* events */
    {"event-invalid", "GPIO-DEV-13", "INVALID for a line that is enabled", ONE_EVENT,
     AT_PAIR, TRICK_STATUS, VGPIO_IRQ_STATUS_INVALID, 1},
    {"event-ping-pong", "B28", "INVALID 100 times, each time at once", ONE_EVENT, AT_PAIR,
     TRICK_STATUS, VGPIO_IRQ_STATUS_INVALID, 100},
    {"event-at-once", "GPIO-DEV-12", "VALID at once, without a trigger", COPES, AT_PAIR,
     TRICK_STATUS, VGPIO_IRQ_STATUS_VALID, 1},
    {"event-storm", "B28", "VALID 1000 times, each time at once", COPES, AT_PAIR,
     TRICK_STATUS, VGPIO_IRQ_STATUS_VALID, 1000},
    {"event-status", "B15", "an event with status 0x7f", ONE_EVENT, AT_EVENT,
     TRICK_STATUS, 0x7f, 1},
    {"event-len-0", "B13", "an event of length 0", ONE_EVENT, AT_EVENT, TRICK_LEN, 0, 1},
    {"event-len-2", "B8", "an event of length 2", ENDS, AT_EVENT, TRICK_LEN, 2, 1},
    {"event-id", "B7", "an event with a used id that no ring has", ENDS, AT_EVENT,
     TRICK_ID, UINT32_MAX, 1},
    {"event-twice", "B7", "an event that is given back twice", ENDS, AT_EVENT,
     TRICK_TWICE, 0, 1},
    {"event-spurious", "RING-DRV-14", "200 interrupts of the eventq for nothing", COPES,
     AT_EVENT, TRICK_CALLS, 200, 1},
    {"event-not-armed", "GPIO-DEV-12", "VALID after NONE was answered", COPES,
     AT_IRQ_NONE, TRICK_AGAIN, 0, 1},
    {"pair-late", "A24", "the pair comes back after the answer to NONE", COPES,
     AT_IRQ_NONE, TRICK_PAIR_LATE, 0, 1},
    {"pair-kept", "GPIO-DEV-13", "the pair does not come back with NONE", COPES,
     AT_IRQ_NONE, TRICK_KEEP_PAIR, 0, 1},
    /* features and configuration */
    {"unknown-features", "CORE-DRV-08", "features that nobody defined are offered", COPES,
     AT_FEATURES, TRICK_FEATURES, 0, 0},
    {"no-version-1", "CORE-DRV-07", "VERSION_1 is not offered", NO_START, AT_FEATURES,
     TRICK_WITHOUT, 0, 0},
    {"no-eventq", "CORE-DRV-07", "F_IRQ is offered, and there is no eventq", NO_START,
     AT_FEATURES, TRICK_NO_EVENTQ, 0, 0},
    {"ngpio-0", "B15", "no lines", NO_START, AT_CONFIG, TRICK_NGPIO, 0, 0},
    {"ngpio-65535", "B15", "65535 lines, with names for a few", NO_NAMES, AT_CONFIG,
     TRICK_NGPIO, 65535, 0},
    {"padding", "GPIO-DEV-02", "padding that is not 0", COPES, AT_CONFIG, TRICK_PADDING,
     0xff, 0},
    {"names-size-huge", "B15", "a names block of 0xffffffff bytes", NO_NAMES, AT_CONFIG,
     TRICK_NAMES_SIZE, UINT32_MAX, 0},
    {"names-size-1", "B15", "a names block of one byte", NO_NAMES, AT_CONFIG,
     TRICK_NAMES_SIZE, 1, 0},
    /* names */
    {"names-no-end", "GPIO-DEV-05", "the last name does not end", NO_NAMES, AT_NAMES,
     TRICK_NAMES, NAMES_NO_END, 0},
    {"names-few", "GPIO-DEV-04", "a name for every line but one", NO_NAMES, AT_NAMES,
     TRICK_NAMES, NAMES_FEW, 0},
    {"names-many", "GPIO-DEV-04", "more names than lines", NO_NAMES, AT_NAMES,
     TRICK_NAMES, NAMES_MANY, 0},
    {"names-control", "GPIO-DEV-05", "a name with control characters", NO_NAMES, AT_NAMES,
     TRICK_NAMES, NAMES_CONTROL, 0},
    {"names-high", "GPIO-DEV-05", "a name with bytes above 0x7f", NO_NAMES, AT_NAMES,
     TRICK_NAMES, NAMES_HIGH, 0},
    {"names-twice", "GPIO-DEV-05", "two lines of one name", COPES, AT_NAMES, TRICK_NAMES,
     NAMES_TWICE, 0},
    {"names-len", "B13", "the names come with used length 1", NO_NAMES, AT_NAMES,
     TRICK_LEN, 1, 0},
    {"names-err", "GPIO-DEV-P3", "GET_LINE_NAMES: ERR", NO_NAMES, AT_NAMES, TRICK_STATUS,
     1, 0},
    {NULL, NULL, NULL, NULL, 0, 0, 0, 0}};

/* ---- when ---- */

static bool left(const struct trap *t)
{
    return t->lie->times == 0 || t->told < t->lie->times;
}

bool trap_plans(const struct trap *t, enum trap_occasion at, enum trap_trick trick)
{
    return t->lie->at == at && t->lie->trick == trick && left(t);
}

const struct trap_lie *trap_tells(struct trap *t, enum trap_occasion at)
{
    if (at == AT_NEVER || t->lie->at != at || !left(t)) {
        return NULL;
    }
    t->told++;
    t->lied = true;
    return t->lie;
}

/* ---- used elements ---- */

/* Gives a chain back as the lie has it: lengths, ids, indices, interrupts. */
static void give_back(struct trap *t, uint16_t n, uint32_t len,
                      const struct trap_lie *lie)
{
    struct trap_chain c = t->chain[n];

    switch (lie->trick) {
    case TRICK_LEN:
        trap_give_back(t, n, lie->arg);
        return;
    case TRICK_ID:
        t->ring[c.q].bent = true;
        trap_use(t, c.q, lie->arg, len, c.ndesc);
        return;
    case TRICK_ID_BEFORE:
        t->ring[c.q].bent = true;
        trap_use(t, c.q, c.id + lie->arg, len, c.ndesc);
        trap_give_back(t, n, len);
        return;
    case TRICK_TWICE:
        t->ring[c.q].bent = true;
        trap_give_back(t, n, len);
        trap_use(t, c.q, c.id, len, c.ndesc);
        return;
    case TRICK_INDEX:
        trap_give_back(t, n, len);
        trap_bump(t, c.q, (uint16_t)lie->arg);
        return;
    case TRICK_CALLS:
        t->calls[c.q] = lie->arg;
        break;
    case TRICK_NO_CALL:
        t->mute = true;
        break;
    default:
        break;
    }
    trap_give_back(t, n, len);
}

void trap_answer(struct trap *t, uint16_t n, const uint8_t *bytes, uint32_t len,
                 enum trap_occasion at)
{
    const struct trap_chain *c = &t->chain[n];
    uint16_t line = c->line;
    bool pair = line < TRAP_LINES && t->line[line].pair != TRAP_NONE;
    bool of_pair = at == AT_IRQ_NONE && t->lie->trick != TRICK_STATUS;
    const struct trap_lie *lie = of_pair && !pair ? NULL : trap_tells(t, at);
    uint8_t two[2] = {bytes[0], bytes[1]};

    if (lie == NULL) {
        trap_write(t, c, bytes, len);
        trap_give_back(t, n, len);
        return;
    }
    if (lie->trick == TRICK_HANG_UP) {
        t->bye = true;
        return;
    }
    if (lie->trick == TRICK_SILENT) {
        return;
    }
    if (lie->trick == TRICK_STATUS || lie->trick == TRICK_VALUE) {
        two[0] = lie->trick == TRICK_STATUS ? (uint8_t)lie->arg : bytes[0];
        two[1] = lie->trick == TRICK_VALUE ? (uint8_t)lie->arg : 0;
        trap_write(t, c, two, 2);
    } else if (lie->trick != TRICK_UNTOUCHED) {
        trap_write(t, c, bytes, len);
    }
    give_back(t, n, len, lie);
    if (lie->trick == TRICK_PAIR_LATE || lie->trick == TRICK_AGAIN) {
        trap_event(t, line,
                   lie->trick == TRICK_AGAIN ? VGPIO_IRQ_STATUS_VALID
                                             : VGPIO_IRQ_STATUS_INVALID);
    }
}

void trap_event(struct trap *t, uint16_t line, unsigned status)
{
    const struct trap_lie *lie =
        status == VGPIO_IRQ_STATUS_VALID ? trap_tells(t, AT_EVENT) : NULL;
    uint16_t n = t->line[line].pair;
    uint8_t byte = (uint8_t)status;

    if (lie != NULL && lie->trick == TRICK_STATUS) {
        byte = (uint8_t)lie->arg;
    }
    t->line[line].pair = TRAP_NONE;
    trap_write(t, &t->chain[n], &byte, 1);
    if (lie != NULL) {
        give_back(t, n, 1, lie);
    } else {
        trap_give_back(t, n, 1);
    }
}

/* ---- names ---- */

const uint8_t *trap_names_block(struct trap *t, uint32_t *size)
{
    static uint8_t block[sizeof t->names];

    memcpy(block, t->names, sizeof block);
    *size = t->names_size;
    if (!trap_plans(t, AT_NAMES, TRICK_NAMES)) {
        return block;
    }
    switch (t->lie->arg) {
    case NAMES_NO_END:
        *size -= 1;
        break;
    case NAMES_FEW:
        *size -= 6;
        break;
    case NAMES_MANY:
        memcpy(block + *size, "more", 5);
        *size += 5;
        break;
    case NAMES_CONTROL:
        block[1] = '\033';
        break;
    case NAMES_HIGH:
        block[1] = 0xc3;
        break;
    default:
        memcpy(block + 6, block, 6);
        break;
    }
    return block;
}
