/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const char *const words[REPORT_VERDICTS] = {"PASS", "REJECT", "SKIP",
                                                   "FAIL", "WEDGED", "CRASHED"};

static void quote(const char *text, bool xml)
{
    for (; *text != '\0'; text++) {
        if (xml && strchr("<>&\"", *text) != NULL) {
            printf("&#%d;", *text);
        } else if (!xml && (*text == '"' || *text == '\\')) {
            printf("\\%c", *text);
        } else {
            putchar(*text >= ' ' && *text <= '~' ? *text : '?');
        }
    }
}

static void field(const char *before, const char *text, bool xml)
{
    fputs(before, stdout);
    quote(text, xml);
    putchar('"');
}

static void row_text(const struct report_row *t, const char *saw)
{
    printf("%-8s %-24s %-13s %s\n", words[t->verdict], t->id, t->rule, t->did);
    if (t->verdict == REPORT_SKIP) {
        printf("         %s\n", saw);
    } else if (t->verdict >= REPORT_FAIL) {
        printf("         expected: %s\n         saw:      %s\n", t->expected, saw);
    }
}

static void row_json(const struct report_row *t, const char *saw, bool first)
{
    printf("%s\n  {\"verdict\": \"%s\"", first ? "[" : ",", words[t->verdict]);
    field(", \"id\": \"", t->id, false);
    field(", \"rule\": \"", t->rule, false);
    field(", \"did\": \"", t->did, false);
    field(", \"expected\": \"", t->expected, false);
    field(", \"saw\": \"", saw, false);
    putchar('}');
}

static void row_junit(const struct report *r, const struct report_row *t, const char *saw)
{
    if (r->n == 0) {
        printf("<?xml version=\"1.0\"?>\n<testsuite name=\"%s\">\n", r->suite);
    }
    field("  <testcase name=\"", t->id, true);
    field(" classname=\"", t->rule, true);
    if (t->verdict == REPORT_SKIP) {
        field("><skipped message=\"", saw, true);
        printf("/></testcase>\n");
    } else if (t->verdict >= REPORT_FAIL) {
        printf("><failure type=\"%s\"", words[t->verdict]);
        field(" message=\"", saw, true);
        fputs(">did: ", stdout);
        quote(t->did, true);
        fputs("; expected: ", stdout);
        quote(t->expected, true);
        printf("</failure></testcase>\n");
    } else {
        printf("/>\n");
    }
}

void report_row(struct report *r, const struct report_row *t)
{
    const char *saw = t->saw[0] != '\0' || t->verdict >= REPORT_FAIL ? t->saw : "that";

    if (r->format == REPORT_JSON) {
        row_json(t, saw, r->n == 0);
    } else if (r->format == REPORT_JUNIT) {
        row_junit(r, t, saw);
    } else {
        row_text(t, saw);
    }
    (void)fflush(stdout);
    r->n++;
    r->count[t->verdict]++;
}

void report_end(const struct report *r)
{
    unsigned v;

    if (r->format == REPORT_JSON) {
        printf("%s]\n", r->n == 0 ? "[" : "\n");
    } else if (r->format == REPORT_JUNIT) {
        if (r->n == 0) {
            printf("<testsuite name=\"%s\">\n", r->suite);
        }
        printf("</testsuite>\n");
    } else {
        for (v = 0; v < REPORT_VERDICTS; v++) {
            printf("%u %s%s", r->count[v], words[v],
                   v + 1 < REPORT_VERDICTS ? ", " : "\n");
        }
    }
}

bool report_good(const struct report *r)
{
    return r->n > 0 &&
           r->count[REPORT_PASS] + r->count[REPORT_REJECT] + r->count[REPORT_SKIP] ==
               r->n;
}

bool report_wanted(const char *only, const char *id, const char *rule)
{
    return only == NULL || fnmatch(only, id, 0) == 0 || fnmatch(only, rule, 0) == 0;
}
