/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_watch.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <virtiogpio/types.h>

const char *ctl_watch_line(struct ctl_watch *w, uint16_t line)
{
    if (ctl_watches(w, line)) {
        return NULL;
    }
    if (w->nlines == CTL_WATCH_LINES) {
        return "too many lines one by one; 'watch changes' tells of all";
    }
    w->line[w->nlines++] = line;
    return NULL;
}

void ctl_watch_stop(struct ctl_watch *w)
{
    /* The numbers go on: a client that watches again can tell old from new. */
    w->all_changes = w->messages = false;
    w->nlines = 0;
}

bool ctl_watches(const struct ctl_watch *w, uint16_t line)
{
    uint8_t i;

    for (i = 0; i < w->nlines; i++) {
        if (w->line[i] == line) {
            return true;
        }
    }
    return w->all_changes;
}

static size_t event(char *out, uint64_t number, uint64_t ns, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static size_t event(char *out, uint64_t number, uint64_t ns, const char *fmt, ...)
{
    size_t n = (size_t)snprintf(out, CTL_EVENT_MAX, "event %" PRIu64 " %" PRIu64 " ",
                                number, ns);
    va_list ap;

    va_start(ap, fmt);
    /* Two numbers of 20 digits, a word and three numbers of 10: it always fits. */
    n += (size_t)vsnprintf(out + n, CTL_EVENT_MAX - n, fmt, ap);
    va_end(ap);
    out[n++] = '\n';
    return n;
}

size_t ctl_event_change(char *out, uint64_t number, uint64_t ns, uint16_t line,
                        unsigned level)
{
    return event(out, number, ns, "change %u %u", line, level);
}

size_t ctl_event_lost(char *out, uint64_t number, uint64_t lost)
{
    return event(out, number, 0, "lost - %" PRIu64, lost);
}

static size_t request(char *out, uint64_t number, uint64_t ns, uint32_t t, uint32_t value)
{
    return event(out, number, ns, "request %" PRIu32 " %" PRIu32 " %" PRIu32, t & 0xffffu,
                 t >> 16, value);
}

static size_t answer(char *out, uint64_t number, uint64_t ns, uint32_t t, uint32_t b)
{
    return event(out, number, ns, "answer %" PRIu32 " %" PRIu32 " %s %" PRIu32,
                 t & 0xffffu, t >> 16, b >> 8 != 0 ? "err" : "ok", b & 0xffu);
}

/* Events about a line with one number more. */
static const char *line_word(unsigned id)
{
    switch (id) {
    case VGPIO_TR_IRQ_PARKED:
        return "unmasked";
    case VGPIO_TR_IRQ_VALID:
    case VGPIO_TR_LEVEL:
        return "interrupt";
    case VGPIO_TR_IRQ_INVALID:
        return "returned";
    case VGPIO_TR_EDGE_LATCHED:
        return "latched";
    case VGPIO_TR_EDGE_MERGED:
        return "merged";
    case VGPIO_TR_EDGE_DROPPED:
        return "dropped";
    default:
        return NULL;
    }
}

size_t ctl_event_trace(char *out, uint64_t number, uint64_t ns, unsigned id, uint32_t a,
                       uint32_t b)
{
    const char *word = line_word(id);

    if (word != NULL) {
        return event(out, number, ns, "%s %" PRIu32 " %" PRIu32, word, a, b);
    }
    switch (id) {
    case VGPIO_TR_REQUEST:
        return request(out, number, ns, a, b);
    case VGPIO_TR_ANSWER:
        return answer(out, number, ns, a, b);
    case VGPIO_TR_CHAIN_BAD:
        return event(out, number, ns, "malformed - %" PRIu32, a);
    case VGPIO_TR_QUEUE_BROKEN:
        return event(out, number, ns, "broken - %" PRIu32, a);
    case VGPIO_TR_RESET:
        return event(out, number, ns, "reset -");
    case VGPIO_TR_FEATURES:
        return event(out, number, ns, "features - 0x%" PRIx64, (uint64_t)b << 32 | a);
    default:
        return 0;
    }
}
