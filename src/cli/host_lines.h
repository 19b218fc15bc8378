/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of this machine for one guest of `vgpio serve`: the table, the backend over it,
 * its descriptors in the loop, and what the log hears of them. */
#ifndef VGPIO_CLI_HOST_LINES_H
#define VGPIO_CLI_HOST_LINES_H

#include "bank.h"
#include "evloop.h"
#include "lines_spec.h"
#include "server.h"

#include <sys/types.h>
#include <virtiogpio/gpiochip.h>

struct host_source;
struct host_lines {
    struct lines_spec spec;
    struct vgpio_gpiochip chip;
    struct vgpio_gpiochip_line *lines;
    const char **names;
    dev_t *numbers;              /* of the chips, to tell one from another */
    struct host_source *sources; /* one a line, for its descriptor */
    struct ev_source dev_source; /* what comes and goes in the folders of the chips */
    struct evloop *loop;
    struct server *server;
    const char *name; /* what its messages begin with, NULL: nothing */
    struct bank *bank;
    bool started, verbose;
    unsigned complaints;
};

/* Reads the table: `arg` of --lines, or with `is_file` the file of that name. Nothing of
 * the host is touched. -1: `why` says it; host_lines_free() in either case. */
int host_lines_read(struct host_lines *, const char *arg, bool is_file, char *why,
                    size_t why_size);
/* Is a line listed twice, by different paths or for one of `others` as well? */
int host_lines_check(struct host_lines *, const struct host_lines *others, size_t n,
                     char *why, size_t why_size);
/* Asks whether all lines exist, learns their names, and makes a device over them. */
int host_lines_bank(struct host_lines *, struct bank *, enum bank_dialect,
                    uint64_t features, char *why, size_t why_size);
/* Takes the lines that start in some state, and joins the loop of `server`. */
int host_lines_start(struct host_lines *, struct server *, char *why, size_t why_size);
/* Gives everything back. */
void host_lines_stop(struct host_lines *);
void host_lines_free(struct host_lines *);

#endif /* VGPIO_CLI_HOST_LINES_H */
