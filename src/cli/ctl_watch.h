/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a control client wants to be told, and the text of each event.
 *
 * An event has a number of its own in this subscription, also when it cannot be told: so
 * a client that was too slow knows what it missed. Pure, as control.h is.
 */
#ifndef VGPIO_CLI_CTL_WATCH_H
#define VGPIO_CLI_CTL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_WATCH_LINES 32u /* named one by one; all of them need no list */
#define CTL_EVENT_MAX 128u  /* bytes of one event, newline included */

struct ctl_watch {
    bool all_changes, messages;
    uint8_t nlines;
    uint16_t line[CTL_WATCH_LINES];
    uint64_t count; /* events so far, told or not */
    uint64_t lost;  /* of these, the last ones that nobody was told */
};

/* NULL, or what is wrong. */
const char *ctl_watch_line(struct ctl_watch *, uint16_t line);
void ctl_watch_stop(struct ctl_watch *);
bool ctl_watches(const struct ctl_watch *, uint16_t line);

/* The text of an event, at most CTL_EVENT_MAX bytes; returns the length. 0: this is
 * nothing that a client is told. */
size_t ctl_event_change(char *out, uint64_t number, uint64_t ns, uint16_t line,
                        unsigned level);
size_t ctl_event_trace(char *out, uint64_t number, uint64_t ns, unsigned id, uint32_t a,
                       uint32_t b);
/* Events up to `number` are missing, `lost` of them. */
size_t ctl_event_lost(char *out, uint64_t number, uint64_t lost);

#endif /* VGPIO_CLI_CTL_WATCH_H */
