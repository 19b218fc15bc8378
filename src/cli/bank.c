/* SPDX-License-Identifier: BSD-3-Clause */
#include "bank.h"

#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wire.h>

#define QUEUE_MAX 32768u /* costs us nothing: the front end brings the ring */

static int fail(char *why, size_t size, const char *text)
{
    snprintf(why, size, "%s", text);
    return -1;
}

/* --- the list of names --- */

static int by_name(const void *a, const void *b, void *ctx)
{
    const char *const *names = ctx;

    return strcmp(names[*(const uint16_t *)a], names[*(const uint16_t *)b]);
}

int bank_check_name(const char *name, char *why, size_t size)
{
    const char *p;

    if (strlen(name) > BANK_NAME_MAX) {
        snprintf(why, size, "a name longer than %u characters", BANK_NAME_MAX);
        return -1;
    }
    if (name[0] != '\0' && name[strspn(name, "0123456789")] == '\0') {
        /* The control socket could not tell it from a line number. */
        snprintf(why, size, "'%.20s' is a number, not a name", name);
        return -1;
    }
    for (p = name; *p != '\0'; p++) {
        if (*p < ' ' || *p > '~' || *p == '"') {
            return fail(why, size, "a name with a quote or not in printable ASCII");
        }
    }
    return 0;
}

static int sort_names(struct bank *b, char *why, size_t size)
{
    uint32_t i;

    for (i = 0; i < b->nlines; i++) {
        if (b->names[i][0] != '\0') {
            b->sorted[b->nsorted++] = (uint16_t)i;
        }
    }
    qsort_r(b->sorted, b->nsorted, sizeof b->sorted[0], by_name, b->names);
    for (i = 1; i < b->nsorted; i++) {
        const char *name = b->names[b->sorted[i]];

        if (strcmp(b->names[b->sorted[i - 1]], name) == 0) {
            snprintf(why, size, "two lines are named '%s'", name);
            return -1;
        }
    }
    return 0;
}

/* Cuts `b->text` at the commas. */
static int cut_names(struct bank *b, char *why, size_t size)
{
    char *p = b->text;
    uint32_t i;

    for (i = 0; i < b->nlines; i++) {
        char *end = p + strcspn(p, ",");

        *end = '\0';
        b->names[i] = p;
        if (bank_check_name(p, why, size) < 0) {
            return -1;
        }
        p = end + 1;
    }
    return sort_names(b, why, size);
}

static int build_block(struct bank *b, char *why, size_t size)
{
    uint32_t i;
    int n;

    if (b->nsorted == 0) {
        return 0;
    }
    for (i = 0; i < b->nlines; i++) {
        b->block_size += (uint32_t)strlen(b->names[i]) + 1;
    }
    b->block = malloc(b->block_size);
    if (b->block == NULL) {
        return fail(why, size, "out of memory");
    }
    n = vgpio_names_build(b->block, b->block_size, b->names, b->nlines);
    return n < 0 ? fail(why, size, vgpio_strerror(n)) : 0;
}

/* --- the number of lines --- */

static int count_lines(const char *spec, bool *is_number, char *why, size_t size)
{
    uint64_t n;

    if (spec[0] == '\0') {
        return fail(why, size, "an empty list");
    }
    *is_number = spec[strspn(spec, "0123456789")] == '\0';
    if (*is_number) {
        if (!cli_number(spec, UINT16_MAX, &n) || n == 0) {
            return fail(why, size, "the number of lines is 1 to 65535");
        }
        return (int)n;
    }
    for (n = 1; *spec != '\0'; spec++) {
        n += *spec == ',';
    }
    return n > UINT16_MAX ? fail(why, size, "more than 65535 lines") : (int)n;
}

static int take_memory(struct bank *b, const char *spec, bool is_number)
{
    size_t n = b->nlines;

    b->text = is_number ? calloc(n, 1) : strdup(spec);
    b->names = calloc(n, sizeof b->names[0]);
    b->sorted = calloc(n, sizeof b->sorted[0]);
    b->pulls = calloc(n, 1);
    b->sim_lines = calloc(n, sizeof b->sim_lines[0]);
    b->lines = calloc(n, sizeof b->lines[0]);
    b->reqs = calloc(BANK_NREQS, sizeof b->reqs[0]);
    return b->text && b->names && b->sorted && b->pulls && b->sim_lines && b->lines &&
                   b->reqs
               ? 0
               : -1;
}

/* --- the device --- */

/* What the draft's device does not count itself. */
static void count_draft(struct vgpio_dev_counts *c, unsigned id, uint32_t v)
{
    if (id == VGPIO_TR_REQUEST) {
        c->requests++;
    } else if (id == VGPIO_TR_ANSWER) {
        c->answers++;
        c->errors += v >> 8 != 0; /* status << 8 | value */
    }
}

static void count(struct bank *b, unsigned id, uint32_t a, uint32_t v)
{
    struct bank_stats *s = &b->stats;

    switch (id) {
    case VGPIO_TR_RESET:
        b->acked = 0;
        break;
    case VGPIO_TR_FEATURES:
        b->acked = (uint64_t)v << 32 | a;
        break;
    case VGPIO_TR_CHAIN_BAD:
        s->bad_chains++;
        break;
    case VGPIO_TR_QUEUE_BROKEN:
        s->broken_queues++;
        break;
    case VGPIO_TR_IRQ_VALID:
    case VGPIO_TR_LEVEL:
        s->irqs++;
        break;
    case VGPIO_TR_IRQ_INVALID:
        s->invalid++;
        break;
    case VGPIO_TR_EDGE_LATCHED:
        s->latched++;
        break;
    case VGPIO_TR_EDGE_MERGED:
        s->merged += v;
        break;
    case VGPIO_TR_EDGE_DROPPED:
        s->dropped += v;
        break;
    default:
        if (b->dialect != BANK_STANDARD) {
            count_draft(&b->counts, id, v);
        }
        break;
    }
}

static void traced(void *ctx, unsigned id, uint32_t a, uint32_t v)
{
    struct bank *b = ctx;

    count(b, id, a, v);
    if (!b->counts.each && (id == VGPIO_TR_REQUEST || id == VGPIO_TR_ANSWER ||
                            id == VGPIO_TR_EDGE_DROPPED)) {
        return; /* what comes with each request */
    }
    if (b->on_event != NULL) {
        b->on_event(b->line_ctx, id, a);
    }
    if (b->on_trace != NULL) {
        b->on_trace(b->watch_ctx, id, a, v);
    }
}

static void __attribute__((noinline))
tell_change(struct bank *b, uint16_t line, unsigned level)
{
    if (b->on_line != NULL) {
        b->on_line(b->line_ctx, line, level);
    }
    if (b->on_change != NULL) {
        b->on_change(b->watch_ctx, line, level);
    }
}

/* Each request that sets a line comes here, and most banks have nobody to tell. */
static void changed(void *ctx, uint16_t line, unsigned level)
{
    struct bank *b = ctx;

    if (b->on_line != NULL || b->on_change != NULL) {
        tell_change(b, line, level);
    }
}

static int make_device(struct bank *b, const struct vgpio_dev_config *dc)
{
    struct vgpio_draft_id id = {.size = sizeof id, .name = "vgpio"};

    if (b->dialect == BANK_STANDARD) {
        b->vdev = vgpio_dev_vdev(&b->dev);
        return vgpio_dev_init(&b->dev, dc);
    }
    id.flags = b->dialect == BANK_DRAFT_2021 ? VGPIO_DRAFT_2021 : 0;
    b->vdev = vgpio_draft_dev_vdev(&b->draft);
    return vgpio_draft_dev_init(&b->draft, dc, &id);
}

struct vgpio_sink bank_sink(struct bank *b)
{
    return b->dialect == BANK_STANDARD ? vgpio_dev_sink(&b->dev)
                                       : vgpio_draft_dev_sink(&b->draft);
}

static int start_device(struct bank *b, const struct vgpio_line_ops *ops, void *ctx,
                        uint64_t features)
{
    struct vgpio_dev_config dc = {0};

    dc.ops = ops;
    dc.ctx = ctx;
    dc.lines = b->lines;
    dc.ngpio = b->nlines;
    dc.reqs = b->reqs;
    dc.nreqs = BANK_NREQS;
    dc.queue_max[VGPIO_REQUESTQ] = QUEUE_MAX;
    dc.queue_max[VGPIO_EVENTQ] = QUEUE_MAX;
    dc.names = b->block;
    dc.names_size = b->block_size;
    dc.features = features;
    dc.trace = traced;
    dc.trace_ctx = b;
    dc.counts = &b->counts;
    return make_device(b, &dc);
}

/* `ops` NULL: the device asks the simulator itself. */
static int start_sim(struct bank *b, const struct vgpio_line_ops *ops, void *ctx,
                     uint64_t features)
{
    struct vgpio_sim_config sc = {0};
    int err;

    sc.sink = bank_sink(b);
    sc.lines = b->sim_lines;
    sc.nlines = b->nlines;
    sc.on_change = changed;
    sc.ctx = b;
    err = vgpio_sim_init(&b->sim, &sc);
    if (ops == NULL) {
        ops = &vgpio_sim_ops;
        ctx = &b->sim;
    }
    return err < 0 ? err : start_device(b, ops, ctx, features);
}

int bank_init(struct bank *b, enum bank_dialect dialect, const char *spec,
              uint64_t features, char *why, size_t why_size)
{
    bool is_number;
    int n;

    memset(b, 0, sizeof *b);
    b->dialect = dialect;
    n = count_lines(spec, &is_number, why, why_size);
    if (n < 0) {
        return -1;
    }
    b->nlines = (uint16_t)n;
    if (take_memory(b, spec, is_number) < 0) {
        return fail(why, why_size, "out of memory");
    }
    if (is_number) {
        while (n-- > 0) {
            b->names[n] = b->text;
        }
    } else if (cut_names(b, why, why_size) < 0 || build_block(b, why, why_size) < 0) {
        return -1;
    }
    n = start_sim(b, NULL, NULL, features);
    return n < 0 ? fail(why, why_size, vgpio_strerror(n)) : 0;
}

int bank_init_named(struct bank *b, enum bank_dialect dialect,
                    const struct bank_lines *lines, uint64_t features, char *why,
                    size_t why_size)
{
    uint16_t i;
    int n;

    memset(b, 0, sizeof *b);
    b->dialect = dialect;
    b->nlines = lines->n;
    if (take_memory(b, "", true) < 0) {
        return fail(why, why_size, "out of memory");
    }
    for (i = 0; i < lines->n; i++) {
        b->names[i] = lines->names[i];
    }
    if (sort_names(b, why, why_size) < 0 || build_block(b, why, why_size) < 0) {
        return -1;
    }
    n = start_sim(b, lines->ops, lines->ctx, features);
    return n < 0 ? fail(why, why_size, vgpio_strerror(n)) : 0;
}

int bank_init_over(struct bank *b, enum bank_dialect dialect,
                   const struct bank_lines *lines, uint64_t features, char *why,
                   size_t why_size)
{
    uint16_t i;
    int n;

    memset(b, 0, sizeof *b);
    b->dialect = dialect;
    b->over = *lines;
    b->nlines = lines->n;
    if (take_memory(b, "", true) < 0) {
        return fail(why, why_size, "out of memory");
    }
    for (i = 0; i < lines->n; i++) {
        b->names[i] = lines->names[i];
        b->nsorted += lines->names[i][0] != '\0';
    }
    if (build_block(b, why, why_size) < 0) {
        return -1;
    }
    b->nsorted = 0;
    if (lines->lookup && sort_names(b, why, why_size) < 0) {
        return -1;
    }
    n = start_device(b, lines->ops, lines->ctx, features);
    return n < 0 ? fail(why, why_size, vgpio_strerror(n)) : 0;
}

void bank_free(struct bank *b)
{
    free(b->text);
    free(b->names);
    free(b->sorted);
    free(b->block);
    free(b->pulls);
    free(b->sim_lines);
    free(b->lines);
    free(b->reqs);
    memset(b, 0, sizeof *b);
}

int bank_line_of(const struct bank *b, const char *name)
{
    uint32_t lo = 0;
    uint32_t hi = b->nsorted;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        int cmp = strcmp(name, b->names[b->sorted[mid]]);

        if (cmp == 0) {
            return b->sorted[mid];
        }
        if (cmp < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return -1;
}

int bank_pull(struct bank *b, uint16_t line, unsigned level)
{
    int err = b->pull_line != NULL  ? b->pull_line(b->line_ctx, line, level)
              : b->over.ops != NULL ? VGPIO_ERR_NOTSUP
                                    : vgpio_sim_pull(&b->sim, line, level);

    if (err == 0) {
        b->pulls[line] = (uint8_t)level;
    }
    return err;
}

int bank_pulse(struct bank *b, uint16_t line)
{
    return b->pulse_line != NULL ? b->pulse_line(b->line_ctx, line)
           : b->over.ops != NULL ? VGPIO_ERR_NOTSUP
                                 : vgpio_sim_pulse(&b->sim, line);
}

int bank_value(struct bank *b, uint16_t line)
{
    if (b->over.ops == NULL) {
        return vgpio_sim_level(&b->sim, line);
    }
    return b->over.value != NULL ? b->over.value(b->over.outside, line)
                                 : VGPIO_ERR_NOTSUP;
}

int bank_direction(struct bank *b, uint16_t line)
{
    if (b->over.ops == NULL) {
        return vgpio_sim_direction(&b->sim, line);
    }
    return b->over.direction != NULL ? b->over.direction(b->over.outside, line)
                                     : VGPIO_ERR_NOTSUP;
}

size_t bank_more_stats(struct bank *b, char *out, size_t size)
{
    return b->over.stats != NULL ? b->over.stats(b->over.outside, out, size) : 0;
}

void bank_before_events(struct bank *b)
{
    if (b->over.before_events != NULL) {
        b->over.before_events(b->over.outside);
    }
}

size_t bank_names(const struct bank *b, char *out, size_t size)
{
    size_t used = 0;
    uint32_t i;

    if (b->nsorted == 0) {
        return 0;
    }
    for (i = 0; i < b->nlines; i++) {
        size_t len = strlen(b->names[i]);

        if (size - used < len + 1) {
            break;
        }
        memcpy(out + used, b->names[i], len);
        out[used + len] = ',';
        used += len + 1;
    }
    return used - 1;
}

size_t bank_names_size(const struct bank *b)
{
    return b->block_size;
}

uint64_t bank_offered(struct bank *b)
{
    return b->vdev.ops->features(b->vdev.obj);
}

uint64_t bank_tick(struct bank *b, uint64_t now_us)
{
    uint32_t ms;

    if (b->run != NULL) {
        b->run(b->run_ctx);
    }
    if (b->dialect == BANK_STANDARD) {
        return UINT64_MAX;
    }
    ms = vgpio_draft_dev_tick(&b->draft, (uint32_t)(now_us / 1000u));
    return ms == VGPIO_DRAFT_NEVER ? UINT64_MAX : now_us + 1000u * (uint64_t)ms;
}

bool bank_dialect_of(const char *name, enum bank_dialect *dialect)
{
    static const char *const names[] = {"standard", "draft", "draft-2021"};
    unsigned i;

    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *dialect = (enum bank_dialect)i;
            return true;
        }
    }
    return false;
}
