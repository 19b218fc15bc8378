/* SPDX-License-Identifier: BSD-3-Clause */
#include "outside.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define INFO_MAX (UINT16_MAX * 256u + 256u) /* every line with the longest name */

int outside_fault(struct outside *o)
{
    cli_error("%s: %s", o->path, vgpio_ctl_reason(&o->ctl));
    return -1;
}

static int no_memory(const struct outside *o)
{
    cli_error("%s: out of memory", o->path);
    return -1;
}

static int not_info(const struct outside *o)
{
    cli_error("%s: not an answer to 'info'", o->path);
    return -1;
}

static int take_names(struct outside *o, char *list)
{
    uint32_t i;

    o->names = calloc(o->nlines, sizeof *o->names);
    if (o->names == NULL) {
        return no_memory(o);
    }
    for (i = 0; i < o->nlines; i++) {
        size_t n = strcspn(list, ",");

        o->names[i] = list;
        list += n;
        if (*list == ',') {
            *list++ = '\0';
        }
    }
    return 0;
}

/* lines=N ... names=A,B,,C */
static int take_info(struct outside *o)
{
    char *names = strstr(o->text, "names=");
    char *lines = strstr(o->text, "lines=");
    uint64_t n;

    if (names == NULL || lines != o->text) {
        return not_info(o);
    }
    names[-(names != o->text)] = '\0';
    lines += strlen("lines=");
    lines[strcspn(lines, " ")] = '\0';
    if (!cli_number(lines, UINT16_MAX, &n) || n == 0) {
        return not_info(o);
    }
    o->nlines = (uint16_t)n;
    return take_names(o, names + strlen("names="));
}

int outside_open(struct outside *o, const char *path, uint32_t timeout_ms)
{
    memset(o, 0, sizeof *o);
    o->path = path;
    o->ctl.fd = -1;
    o->events = malloc(OUTSIDE_EVENTS * sizeof *o->events);
    o->text = malloc(INFO_MAX);
    if (o->events == NULL || o->text == NULL) {
        return no_memory(o);
    }
    if (vgpio_ctl_open(&o->ctl, path, o->events, OUTSIDE_EVENTS, timeout_ms) < 0) {
        return outside_fault(o);
    }
    o->ctl.answer_ms = timeout_ms;
    if (vgpio_ctl_ask(&o->ctl, "info", o->text, INFO_MAX) < 0) {
        return outside_fault(o);
    }
    return take_info(o);
}

void outside_close(struct outside *o)
{
    vgpio_ctl_close(&o->ctl);
    free(o->events);
    free(o->names);
    free(o->text);
    memset(o, 0, sizeof *o);
    o->ctl.fd = -1;
}

int outside_line(const struct outside *o, const char *word)
{
    uint64_t n;
    uint16_t i;

    for (i = 0; i < o->nlines; i++) {
        if (word[0] != '\0' && strcmp(o->names[i], word) == 0) {
            return i;
        }
    }
    if (cli_number(word, o->nlines - 1u, &n)) {
        return (int)n;
    }
    cli_error("%s: no line '%s'", o->path, word);
    return -1;
}

int outside_clock(struct outside *o, uint64_t *us)
{
    char reply[32];

    if (vgpio_ctl_ask(&o->ctl, "clock", reply, sizeof reply) < 0) {
        return outside_fault(o);
    }
    if (!cli_number(reply, UINT64_MAX / 1000u, us)) {
        cli_error("%s: not a time: '%s'", o->path, reply);
        return -1;
    }
    return 0;
}
