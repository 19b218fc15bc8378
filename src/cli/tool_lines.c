/* SPDX-License-Identifier: BSD-3-Clause */
/* Which chips there are, and which of their lines are meant. */
#include "cli.h"
#include "tool.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- chips ---- */

/* Where sockets are looked for that nobody named; the caller frees. */
static char *usual_place(void)
{
    const char *dir = getenv("VGPIO_DIR");
    const char *run = getenv("XDG_RUNTIME_DIR");
    char *out = NULL;

    if (dir != NULL && dir[0] != '\0') {
        return strdup(dir);
    }
    if (run != NULL && run[0] != '\0') {
        return asprintf(&out, "%s/vgpio", run) < 0 ? NULL : out;
    }
    return strdup("/run/vgpio");
}

static bool is_socket(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static size_t sockets_of(const char *dir, struct dirent **found, size_t n, char **paths)
{
    size_t used = 0;
    size_t i;

    for (i = 0; i < n; i++) {
        char *path = NULL;

        if (asprintf(&path, "%s/%s", dir, found[i]->d_name) >= 0 && is_socket(path)) {
            paths[used++] = path;
        } else {
            free(path);
        }
        free(found[i]);
    }
    return used;
}

size_t tool_chip_paths(char ***paths)
{
    struct dirent **found = NULL;
    char *dir = usual_place();
    int n = dir == NULL ? -1 : scandir(dir, &found, NULL, alphasort);
    size_t used = 0;

    *paths = n > 0 ? calloc((size_t)n, sizeof **paths) : NULL;
    if (*paths != NULL) {
        used = sockets_of(dir, found, (size_t)n, *paths);
    }
    free(found);
    free(dir);
    return used;
}

void tool_free_paths(char **paths, size_t n)
{
    while (n-- > 0) {
        free(paths[n]);
    }
    free(paths);
}

char *tool_chip_path(const char *name)
{
    char *dir, *path = NULL;

    if (strchr(name, '/') == NULL && !is_socket(name)) {
        dir = usual_place();
        if (dir != NULL && asprintf(&path, "%s/%s", dir, name) >= 0 && is_socket(path)) {
            free(dir);
            return path;
        }
        free(dir);
        free(path);
    }
    path = strdup(name);
    if (path == NULL) {
        cli_error("%s: %s", name, strerror(errno));
    }
    return path;
}

static int open_paths(struct tool *t, char **paths, size_t n, unsigned nirq)
{
    size_t i;

    t->chips = calloc(n, sizeof *t->chips);
    if (t->chips == NULL) {
        return tool_wrong(t, "%s", strerror(errno));
    }
    for (i = 0; i < n; i++) {
        const char *name = t->chip_arg != NULL ? t->chip_arg : strrchr(paths[i], '/') + 1;
        struct chip *c = &t->chips[t->nchips];

        if (chip_open(c, paths[i], name, nirq, t->timeout_ms) < 0) {
            chip_close(c);
            t->some_closed = true;
        } else {
            t->nchips++;
        }
    }
    return t->nchips > 0 ? CLI_OK : CLI_FAILED;
}

int tool_open(struct tool *t, unsigned nirq)
{
    char **paths = NULL;
    char *path;
    size_t n;
    int code;

    if (t->chip_arg != NULL) {
        path = tool_chip_path(t->chip_arg);
        code = path != NULL ? open_paths(t, &path, 1, nirq) : CLI_FAILED;
        free(path);
        return code;
    }
    n = tool_chip_paths(&paths);
    code = n > 0 ? open_paths(t, paths, n, nirq)
                 : tool_wrong(t, "no chip; name its socket by --chip");
    tool_free_paths(paths, n);
    return code;
}

/* ---- lines ---- */

static struct chip *chip_with(struct tool *t, const char *name, uint16_t *offset,
                              unsigned *how_often)
{
    struct chip *first = NULL;
    size_t i;
    uint16_t line;

    *how_often = 0;
    for (i = 0; i < t->nchips; i++) {
        for (line = 0; line < t->chips[i].nlines; line++) {
            if (strcmp(t->chips[i].names[line], name) != 0) {
                continue;
            }
            if ((*how_often)++ == 0) {
                first = &t->chips[i];
                *offset = line;
            }
        }
    }
    return first;
}

static int find_one(struct tool *t, struct tool_line *l)
{
    unsigned how_often;
    uint64_t n;

    if (t->chip_arg != NULL && !t->by_name && cli_number(l->id, UINT16_MAX, &n)) {
        if (n >= t->chips[0].nlines) {
            return tool_wrong(t, "offset %s is out of range on chip '%s'", l->id,
                              t->chips[0].name);
        }
        l->chip = &t->chips[0];
        l->offset = (uint16_t)n;
        return CLI_OK;
    }
    l->chip = l->id[0] != '\0' ? chip_with(t, l->id, &l->offset, &how_often) : NULL;
    if (l->chip == NULL) {
        return tool_wrong(t, "cannot find line '%s'", l->id);
    }
    if (t->strict && how_often > 1) {
        return tool_wrong(t, "line '%s' is not unique", l->id);
    }
    if (t->strict && t->some_closed) {
        return tool_wrong(t, "line '%s' may be on the chip that cannot be used, too",
                          l->id);
    }
    return CLI_OK;
}

static int find_twice(const struct tool *t)
{
    size_t i, j;

    for (i = 0; i < t->nlines; i++) {
        for (j = 0; j < i; j++) {
            if (t->lines[i].chip == t->lines[j].chip &&
                t->lines[i].offset == t->lines[j].offset) {
                return tool_wrong(t, "'%s' and '%s' are the same line", t->lines[j].id,
                                  t->lines[i].id);
            }
        }
    }
    return CLI_OK;
}

static void close_unused(struct tool *t)
{
    size_t i, j;

    for (i = 0; i < t->nchips; i++) {
        bool used = false;

        for (j = 0; j < t->nlines; j++) {
            used = used || t->lines[j].chip == &t->chips[i];
        }
        if (!used) {
            chip_close(&t->chips[i]);
        }
    }
}

int tool_find(struct tool *t, char **ids, size_t n)
{
    size_t i;

    t->lines = calloc(n, sizeof *t->lines);
    if (t->lines == NULL) {
        return tool_wrong(t, "%s", strerror(errno));
    }
    for (i = 0; i < n; i++) {
        t->lines[i].id = ids[i];
        if (find_one(t, &t->lines[i]) != CLI_OK) {
            return CLI_FAILED; /* nlines is still 0: nothing to give back */
        }
    }
    t->nlines = n;
    if (find_twice(t) != CLI_OK) {
        return CLI_FAILED;
    }
    close_unused(t);
    return CLI_OK;
}
