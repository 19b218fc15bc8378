/* SPDX-License-Identifier: BSD-3-Clause */
/* Verdicts and how they are printed: what `vgpio check` and `vgpio trap` share. */
#ifndef VGPIO_CLI_REPORT_H
#define VGPIO_CLI_REPORT_H

#include <stdbool.h>

enum report_verdict {
    REPORT_PASS,
    REPORT_REJECT, /* hostile input was refused, and the peer lives on */
    REPORT_SKIP,
    REPORT_FAIL,
    REPORT_WEDGED,  /* afterwards the peer does not answer */
    REPORT_CRASHED, /* ... or is gone */
    REPORT_VERDICTS
};

enum report_format {
    REPORT_TEXT,
    REPORT_JSON,
    REPORT_JUNIT
};

struct report {
    const char *suite; /* "vgpio check" */
    enum report_format format;
    unsigned n, count[REPORT_VERDICTS];
};

struct report_row {
    const char *id, *rule;
    const char *did, *expected;
    const char *saw; /* empty: just that */
    enum report_verdict verdict;
};

void report_row(struct report *, const struct report_row *);
void report_end(const struct report *);
/* Something was tried, and nothing of it was bad. */
bool report_good(const struct report *);
/* Whether a test is meant by --only; NULL means all. */
bool report_wanted(const char *only, const char *id, const char *rule);

#endif /* VGPIO_CLI_REPORT_H */
