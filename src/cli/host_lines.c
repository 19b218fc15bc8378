/* SPDX-License-Identifier: BSD-3-Clause */
#include "host_lines.h"

#include "cli.h"
#include "guests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1u << 20) /* a megabyte of lines is a mistake */
#define COMPLAINTS_MAX 16u

struct host_source {
    struct ev_source source;
    struct host_lines *h;
};

/* --- the table --- */

static char *read_file(const char *path, size_t *len, char *why, size_t why_size)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(FILE_MAX + 1);

    *len = f != NULL && text != NULL ? fread(text, 1, FILE_MAX + 1, f) : 0;
    if (f == NULL || text == NULL || ferror(f) != 0) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
    } else if (*len > FILE_MAX) {
        snprintf(why, why_size, "%s: longer than a megabyte", path);
    } else {
        fclose(f);
        return text;
    }
    if (f != NULL) {
        fclose(f);
    }
    free(text);
    return NULL;
}

int host_lines_read(struct host_lines *h, const char *arg, bool is_file, char *why,
                    size_t why_size)
{
    size_t len = strlen(arg);
    char *text = NULL;
    int err;

    memset(h, 0, sizeof *h);
    h->dev_source.fd = -1;
    if (!is_file) {
        return lines_parse(&h->spec, "--lines", arg, len, why, why_size);
    }
    text = read_file(arg, &len, why, why_size);
    if (text == NULL) {
        return -1;
    }
    err = lines_parse(&h->spec, arg, text, len, why, why_size);
    free(text);
    return err;
}

/* The chip and the number of a line, for messages. */
static const char *place(const struct host_lines *h, uint32_t i, char out[64])
{
    const struct lines_item *it = &h->spec.items[i];
    const char *path = h->spec.chips[it->chip];

    path = strncmp(path, "/dev/", 5) == 0 ? path + 5 : path;
    snprintf(out, 64, "%.40s:%" PRIu32, path, it->offset);
    return out;
}

/* Fills `why` with what is wrong about line `i`, and where it was listed; returns -1. */
static int fault(const struct host_lines *h, uint32_t i, const char *what, char *why,
                 size_t why_size)
{
    const struct lines_item *it = &h->spec.items[i];
    char where[64];

    snprintf(why, why_size, "%s:%" PRIu32 ":%" PRIu32 ": %s: %s", h->spec.source,
             it->line, it->column, place(h, i, where), what);
    return -1;
}

/* --- what the backend tells --- */

static void log_line(struct host_lines *h, uint16_t line, const char *text)
{
    char where[64];

    cli_error("%s%s%s: %s", h->name != NULL ? h->name : "", h->name != NULL ? ": " : "",
              place(h, line, where), text);
}

/* A guest may cause any number of these. */
static bool may_complain(struct host_lines *h, uint16_t line)
{
    if (h->verbose || ++h->complaints < COMPLAINTS_MAX) {
        return true;
    }
    if (h->complaints == COMPLAINTS_MAX) {
        log_line(h, line, "refused or dropped once more; no more of this is told");
    }
    return false;
}

static void on_tell(void *ctx, uint16_t line, unsigned news, uint32_t n)
{
    struct host_lines *h = ctx;
    char text[128];

    switch (news) {
    case VGPIO_GPIOCHIP_LOST:
        snprintf(text, sizeof text, "lost: %s", strerror((int)n));
        log_line(h, line, text);
        break;
    case VGPIO_GPIOCHIP_RETURNED:
        log_line(h, line, "is back");
        break;
    case VGPIO_GPIOCHIP_DROPPED:
        if (may_complain(h, line)) {
            snprintf(text, sizeof text, "the kernel dropped %" PRIu32 " edges", n);
            log_line(h, line, text);
        }
        break;
    default:
        if (may_complain(h, line)) {
            snprintf(text, sizeof text, "refused: %s", strerror((int)n));
            log_line(h, line, text);
        }
        break;
    }
}

static void on_value(void *ctx, uint16_t line, unsigned level)
{
    struct host_lines *h = ctx;

    if (h->bank->on_change != NULL) {
        h->bank->on_change(h->bank->watch_ctx, line, level);
    }
}

static void line_ready(void *ctx, uint32_t events)
{
    struct host_source *s = ctx;

    (void)events;
    guests_touch(s->h->server);
    (void)vgpio_gpiochip_service(&s->h->chip, (uint16_t)(s - s->h->sources));
}

static void on_watch(void *ctx, uint16_t line, int fd, int on)
{
    struct host_lines *h = ctx;
    struct host_source *s = &h->sources[line];

    if (!on) {
        ev_remove(h->loop, &s->source);
    } else if (ev_add(h->loop, &s->source, fd, EPOLLIN, line_ready, s) < 0) {
        log_line(h, line, strerror(errno));
    }
}

/* --- a bank of them --- */

static int value_of(void *ctx, uint16_t line)
{
    return vgpio_gpiochip_level(&((struct host_lines *)ctx)->chip, line);
}

static int direction_of(void *ctx, uint16_t line)
{
    return vgpio_gpiochip_direction(&((struct host_lines *)ctx)->chip, line);
}

static size_t stats_of(void *ctx, char *out, size_t size)
{
    struct vgpio_gpiochip_stats s;
    int n;

    vgpio_gpiochip_get_stats(&((struct host_lines *)ctx)->chip, &s);
    n = snprintf(out, size,
                 " host_edges=%" PRIu64 " host_dropped=%" PRIu64
                 " host_discarded=%" PRIu64 " host_lost=%" PRIu64
                 " host_returned=%" PRIu64 " host_refused=%" PRIu64,
                 s.events, s.dropped, s.discarded, s.lost, s.returned, s.refused);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void before_events(void *ctx)
{
    vgpio_gpiochip_levels(&((struct host_lines *)ctx)->chip);
}

/* One number for one chip, by whatever path. 0: it is none, which is found out later. */
static int number_chips(struct host_lines *h)
{
    struct stat st;
    uint32_t i;

    h->numbers = calloc(h->spec.nchips, sizeof *h->numbers);
    for (i = 0; h->numbers != NULL && i < h->spec.nchips; i++) {
        if (stat(h->spec.chips[i], &st) == 0 && S_ISCHR(st.st_mode)) {
            h->numbers[i] = st.st_rdev;
        }
    }
    return h->numbers == NULL ? -1 : 0;
}

static bool same_line(const struct host_lines *a, uint32_t i, const struct host_lines *b,
                      uint32_t j)
{
    const struct lines_item *x = &a->spec.items[i], *y = &b->spec.items[j];

    return x->offset == y->offset && a->numbers[x->chip] != 0 &&
           a->numbers[x->chip] == b->numbers[y->chip];
}

static int check_unique(const struct host_lines *h, const struct host_lines *others,
                        size_t n, char *why, size_t why_size)
{
    uint32_t i, j;
    size_t k;

    for (i = 0; i < h->spec.n; i++) {
        for (k = 0; k <= n; k++) {
            const struct host_lines *o = k < n ? &others[k] : h;

            for (j = 0; j < (k < n ? o->spec.n : i); j++) {
                if (same_line(h, i, o, j)) {
                    return fault(h, i,
                                 k < n ? "another guest has it already, expected a line "
                                         "that is listed once"
                                       : "the same line again, by another path",
                                 why, why_size);
                }
            }
        }
    }
    return 0;
}

static int make_backend(struct host_lines *h)
{
    struct vgpio_gpiochip_config gc = {0};
    uint32_t i;

    h->lines = calloc(h->spec.n, sizeof *h->lines);
    h->names = calloc(h->spec.n, sizeof *h->names);
    h->sources = calloc(h->spec.n, sizeof *h->sources);
    if (h->lines == NULL || h->names == NULL || h->sources == NULL) {
        return VGPIO_ERR_NOSPC;
    }
    for (i = 0; i < h->spec.n; i++) {
        h->sources[i].source.fd = -1;
        h->sources[i].h = h;
        h->lines[i].chip = h->spec.chips[h->spec.items[i].chip];
        h->lines[i].offset = h->spec.items[i].offset;
        h->lines[i].flags = h->spec.items[i].flags;
        h->lines[i].debounce_us = h->spec.items[i].debounce_us;
    }
    gc.sink = bank_sink(h->bank);
    gc.lines = h->lines;
    gc.nlines = (uint16_t)h->spec.n;
    gc.consumer = "vgpio";
    gc.watch = on_watch;
    gc.on_change = on_value;
    gc.tell = on_tell;
    gc.ctx = h;
    return vgpio_gpiochip_init(&h->chip, &gc);
}

/* Is the chip's name of a line one that a guest may see, and not taken? */
static bool usable(const struct host_lines *h, uint32_t line, const char *name)
{
    char why[80];
    uint32_t i;

    for (i = 0; i < h->spec.n; i++) {
        const char *other = h->spec.items[i].name;

        if (i != line && other != NULL && strcmp(other, name) == 0) {
            return false;
        }
    }
    return bank_check_name(name, why, sizeof why) == 0;
}

static const char *says(int error)
{
    return error == EINVAL   ? "the chip has no such line"
           : error == ENOTTY ? "not a GPIO chip, expected one"
           : error == ENOENT ? "no such chip, expected the name or the path of one"
                             : strerror(error);
}

/* Asking for a name also tells whether the line is there. */
static int learn_names(struct host_lines *h, char *why, size_t why_size)
{
    char name[VGPIO_GPIOCHIP_NAME_SIZE];
    uint32_t i;
    int error;

    for (i = 0; i < h->spec.n; i++) {
        struct lines_item *it = &h->spec.items[i];

        if (vgpio_gpiochip_name(&h->chip, (uint16_t)i, name, &error) < 0) {
            return fault(h, i, says(error), why, why_size);
        }
        if (it->name == NULL) {
            it->name = strdup(usable(h, i, name) ? name : "");
        }
        if (it->name == NULL) {
            snprintf(why, why_size, "out of memory");
            return -1;
        }
        h->names[i] = it->name;
    }
    return 0;
}

int host_lines_check(struct host_lines *h, const struct host_lines *others, size_t n,
                     char *why, size_t why_size)
{
    if (number_chips(h) < 0) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    return check_unique(h, others, n, why, why_size);
}

int host_lines_bank(struct host_lines *h, struct bank *bank, enum bank_dialect dialect,
                    uint64_t features, char *why, size_t why_size)
{
    struct bank_lines lines = {.n = (uint16_t)h->spec.n,
                               .ops = &vgpio_gpiochip_ops,
                               .ctx = &h->chip,
                               .lookup = true,
                               .value = value_of,
                               .direction = direction_of,
                               .stats = stats_of,
                               .before_events = before_events,
                               .outside = h};

    h->bank = bank;
    bank->dialect = dialect; /* a face may be taken before there is a device */
    if (make_backend(h) < 0) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    if (learn_names(h, why, why_size) < 0) {
        return -1;
    }
    lines.names = h->names;
    return bank_init_over(bank, dialect, &lines, features, why, why_size);
}

/* --- the loop --- */

static void dev_ready(void *ctx, uint32_t events)
{
    struct host_lines *h = ctx;
    char buf[4096];

    (void)events;
    while (read(h->dev_source.fd, buf, sizeof buf) > 0) {
    }
    guests_touch(h->server);
    (void)vgpio_gpiochip_refresh(&h->chip);
}

static void watch_folder(int fd, const char *path)
{
    int len = (int)(strrchr(path, '/') - path);
    char folder[4096];

    snprintf(folder, sizeof folder, "%.*s", len > 0 ? len : 1, path);
    (void)inotify_add_watch(fd, folder, IN_CREATE | IN_ATTRIB | IN_DELETE | IN_MOVED_TO);
}

/* Chips that come and go do so in the folders of their paths. Without it a line that was
 * lost is tried again when the guest asks something of it. */
static void watch_folders(struct host_lines *h)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    uint32_t i;

    if (fd < 0 || ev_add(h->loop, &h->dev_source, fd, EPOLLIN, dev_ready, h) < 0) {
        cli_error("chips that come and go are not watched: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (i = 0; i < h->spec.nchips; i++) {
        char *real = realpath(h->spec.chips[i], NULL);

        watch_folder(fd, h->spec.chips[i]);
        if (real != NULL) { /* the path may be a link, and the chip go from elsewhere */
            watch_folder(fd, real);
        }
        free(real);
    }
}

int host_lines_start(struct host_lines *h, struct server *server, char *why,
                     size_t why_size)
{
    uint16_t bad;
    int error;

    h->server = server;
    h->loop = server->loop;
    h->name = server->name;
    h->verbose = server->verbose > 0;
    h->started = true;
    if (vgpio_gpiochip_open(&h->chip, &bad, &error) < 0) {
        return fault(h, bad, says(error), why, why_size);
    }
    watch_folders(h);
    return 0;
}

void host_lines_stop(struct host_lines *h)
{
    struct vgpio_gpiochip_stats s;
    int fd = h->dev_source.fd;

    if (!h->started) {
        return;
    }
    h->started = false;
    if (fd >= 0) {
        ev_remove(h->loop, &h->dev_source);
        close(fd);
    }
    vgpio_gpiochip_close(&h->chip);
    vgpio_gpiochip_get_stats(&h->chip, &s);
    if (h->verbose) {
        const struct bank_stats *b = &h->bank->stats;

        cli_error("%s%slines: %" PRIu64 " edges: %" PRIu64 " interrupts, %" PRIu64
                  " merged, %" PRIu64 " not wanted; and %" PRIu64
                  " dropped by the kernel; lost %" PRIu64 " times, back %" PRIu64,
                  h->name != NULL ? h->name : "", h->name != NULL ? ": " : "", s.events,
                  b->irqs, b->merged, b->dropped + s.discarded, s.dropped, s.lost,
                  s.returned);
    }
}

void host_lines_free(struct host_lines *h)
{
    free(h->lines);
    free(h->names);
    free(h->sources);
    free(h->numbers);
    lines_free(&h->spec);
    memset(h, 0, sizeof *h);
}
