/* SPDX-License-Identifier: BSD-3-Clause */
#include "mon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_seconds(const struct timespec *when)
{
    printf("%" PRId64 ".%09ld", (int64_t)when->tv_sec, when->tv_nsec);
}

static void print_date(const struct timespec *when, enum mon_time how)
{
    char text[64] = "";
    struct tm tm;

    if ((how == MON_UTC ? gmtime_r(&when->tv_sec, &tm)
                        : localtime_r(&when->tv_sec, &tm)) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    printf("%s.%09ld%s", text, when->tv_nsec, how == MON_UTC ? "Z" : "");
}

static void print_time(const struct timespec *when, enum mon_time how)
{
    if (how == MON_SECONDS) {
        print_seconds(when);
    } else {
        print_date(when, how);
    }
}

static const char *edge_word(unsigned edge)
{
    return edge == MON_RISING ? "rising" : "falling";
}

static void print_letter(char letter, const struct tool_line *l, unsigned edge,
                         const struct timespec *when)
{
    const char *name = l->chip->names[l->offset];

    switch (letter) {
    case '%':
        putchar('%');
        break;
    case 'o':
        printf("%u", l->offset);
        break;
    case 'l':
        fputs(name[0] != '\0' ? name : "unnamed", stdout);
        break;
    case 'c':
        fputs(l->chip->name, stdout);
        break;
    case 'e':
        printf("%u", edge);
        break;
    case 'E':
        fputs(edge_word(edge), stdout);
        break;
    case 'S':
        print_seconds(when);
        break;
    case 'U':
        print_date(when, MON_UTC);
        break;
    case 'L':
        print_date(when, MON_LOCAL);
        break;
    default: /* not a letter of ours: as it stands */
        printf("%%%c", letter);
        break;
    }
}

void mon_print(const struct mon *m, const struct tool_line *l, unsigned edge,
               const struct timespec *when)
{
    const char *p;

    if (m->format == NULL) {
        print_time(when, m->time);
        printf("\t%s\t", edge_word(edge));
        tool_print_line(&m->tool, l);
    } else {
        for (p = m->format; *p != '\0'; p++) {
            if (*p == '%' && p[1] != '\0') {
                print_letter(*++p, l, edge, when);
            } else {
                putchar(*p);
            }
        }
    }
    putchar('\n');
}

bool mon_wants_date(const struct mon *m)
{
    const char *p = m->format;

    if (p == NULL) {
        return m->time != MON_SECONDS;
    }
    while ((p = strchr(p, '%')) != NULL && p[1] != '\0') {
        if (p[1] == 'U' || p[1] == 'L') {
            return true;
        }
        p += 2;
    }
    return false;
}

bool mon_before(const struct mon_irq *a, const struct mon_irq *b)
{
    return a->when.tv_sec < b->when.tv_sec ||
           (a->when.tv_sec == b->when.tv_sec && a->when.tv_nsec < b->when.tv_nsec);
}
