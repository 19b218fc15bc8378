/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <virtiogpio/types.h>

static void say(const char *fmt, va_list ap)
{
    fputs("vgpio: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void cli_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
}

int cli_usage_error(const char *command, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try 'vgpio %s%s--help'.\n", command, command[0] ? " " : "");
    return CLI_USAGE;
}

int cli_bad_option(const char *command, char *const *argv, int returned)
{
    const char *word = argv[optind - 1];

    if (returned == ':') {
        return cli_usage_error(command, "option '%s' needs a value", word);
    }
    /* optopt is the letter of a short option; else 0 or the value of a long one that
     * got an argument it does not take. */
    if (optopt > ' ' && optopt < 127 && !(word[0] == '-' && word[1] == '-')) {
        return cli_usage_error(command, "unknown option '-%c'", optopt);
    }
    if (optopt != 0) {
        return cli_usage_error(command, "option '%s' takes no value", word);
    }
    return cli_usage_error(command, "unknown or ambiguous option '%s'", word);
}

bool cli_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        unsigned digit;

        if (*text < '0' || *text > '9') {
            return false;
        }
        digit = (unsigned)(*text - '0');
        if (digit > max || n > (max - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

void cli_version(void)
{
    uint32_t v = vgpio_version();

    printf("vgpio %u.%u.%u\n", v >> 16, v >> 8 & 0xffu, v & 0xffu);
}
