/* SPDX-License-Identifier: BSD-3-Clause */
#include "lines.h"

#include "vm.h"

#include <stdlib.h>
#include <string.h>
#include <virtiogpio/wire.h>

static int refuse(const char *why)
{
    complain("--gpio: %s", why);
    return EXIT_USAGE;
}

static void changed(void *ctx, uint16_t line, unsigned level)
{
    struct lines *l = ctx;

    if (l->changed != NULL) {
        l->changed(l->ctx, line, level);
    }
}

static int take_memory(struct lines *l, const char *spec)
{
    l->line = calloc(l->n, sizeof l->line[0]);
    l->pulled = calloc(l->n, 1);
    l->name = calloc(l->n, sizeof l->name[0]);
    l->text = strdup(spec);
    l->block = calloc(1, strlen(spec) + 1);
    return l->line && l->pulled && l->name && l->text && l->block
               ? EXIT_OK
               : refuse("out of memory");
}

/* Cuts the list at its commas. */
static int take_names(struct lines *l)
{
    char *p = l->text;
    unsigned i;
    int err;

    l->block_size = (uint32_t)strlen(l->text) + 1; /* a NUL where there is a comma */
    for (i = 0; i < l->n; i++) {
        l->name[i] = p;
        p += strcspn(p, ",");
        *p++ = '\0';
    }
    err = vgpio_names_build(l->block, l->block_size, l->name, l->n);
    return err < 0 ? refuse("this list of names is not one that guests could read")
                   : EXIT_OK;
}

int lines_init(struct lines *l, const char *spec, struct vgpio_sink sink)
{
    struct vgpio_sim_config cfg = {.sink = sink, .on_change = changed, .ctx = l};
    bool numbered = spec[strspn(spec, "0123456789")] == '\0';
    unsigned long n = 1;
    const char *p;
    int code;

    memset(l, 0, sizeof *l);
    if (numbered) {
        n = strtoul(spec, NULL, 10);
    } else {
        for (p = spec; (p = strchr(p, ',')) != NULL; p++) {
            n++;
        }
    }
    if (n == 0 || n > UINT16_MAX) {
        return refuse("1 to 65535 lines");
    }
    l->n = (uint16_t)n;
    code = take_memory(l, spec);
    if (code == EXIT_OK && numbered) {
        while (n-- > 0) {
            l->name[n] = "";
        }
    } else if (code == EXIT_OK) {
        code = take_names(l);
    }
    cfg.lines = l->line;
    cfg.nlines = l->n;
    if (code == EXIT_OK && vgpio_sim_init(&l->sim, &cfg) < 0) {
        code = refuse("the simulator does not start");
    }
    return code;
}

void lines_free(struct lines *l)
{
    free(l->line);
    free(l->pulled);
    free(l->name);
    free(l->text);
    free(l->block);
}

void lines_trace(void *lines, unsigned id, uint32_t a, uint32_t b)
{
    struct lines_stats *s = &((struct lines *)lines)->stats;

    (void)a;
    switch (id) {
    case VGPIO_TR_REQUEST:
        s->requests++;
        break;
    case VGPIO_TR_ANSWER:
        s->answers++;
        s->error_answers += b >> 8 != 0; /* status << 8 | value */
        break;
    case VGPIO_TR_IRQ_VALID:
        s->interrupts++;
        break;
    case VGPIO_TR_IRQ_INVALID:
        s->returned++;
        break;
    case VGPIO_TR_EDGE_LATCHED:
        s->latched++;
        break;
    case VGPIO_TR_EDGE_MERGED:
        s->merged += b;
        break;
    case VGPIO_TR_EDGE_DROPPED:
        s->dropped += b;
        break;
    case VGPIO_TR_CHAIN_BAD:
        s->bad_chains++;
        break;
    case VGPIO_TR_QUEUE_BROKEN:
        s->broken_queues++;
        break;
    default:
        break;
    }
}
