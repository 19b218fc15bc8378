/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

/* getopt_long() is still inside a word of several letters; else it is past the word. */
static bool inside(const char *word)
{
    const char *at = NULL;

    if (word != NULL && word[0] == '-' && word[1] != '-' && optopt > ' ' &&
        optopt < 127) {
        at = strchr(word + 1, optopt);
    }
    return at != NULL && at[1] != '\0';
}

const char *cli_option_fault(char *out, size_t size, char *const *argv, int returned)
{
    const char *word = inside(argv[optind]) ? argv[optind] : argv[optind - 1];

    if (returned == ':') {
        snprintf(out, size, "option '%s' needs a value", word);
    } else if (optopt > ' ' && optopt < 127 && !(word[0] == '-' && word[1] == '-')) {
        /* optopt is the letter of a short option; else 0 or the value of a long one that
         * got an argument it does not take. */
        snprintf(out, size, "unknown option '-%c'", optopt);
    } else if (optopt != 0) {
        snprintf(out, size, "option '%s' takes no value", word);
    } else {
        snprintf(out, size, "unknown or ambiguous option '%s'", word);
    }
    return out;
}

/* Says it, with a hint to --help; returns CLI_USAGE. */
static int bad_option(const char *command, char *const *argv, int returned)
{
    char fault[256];

    return cli_usage_error(command, "%s",
                           cli_option_fault(fault, sizeof fault, argv, returned));
}

/* As getopt() wants them: ":" says that a missing value is to be told apart. */
static void short_forms(const struct cli_command *c, char *out)
{
    const struct option *o;

    if (c->in_order) {
        *out++ = '+';
    }
    *out++ = ':';
    for (o = c->longs; o->name != NULL; o++) {
        if (o->val < 256) {
            *out++ = (char)o->val;
        }
        if (o->val < 256 && o->has_arg == required_argument) {
            *out++ = ':';
        }
    }
    *out = '\0';
}

int cli_options(const struct cli_command *command, int argc, char **argv,
                int (*take)(void *ctx, int option), void *ctx)
{
    char shorts[2 * 62 + 3]; /* each letter and digit with a ':' */
    int code = CLI_OK;
    int c;

    short_forms(command, shorts);
    opterr = 0;
    while (code == CLI_OK &&
           (c = getopt_long(argc, argv, shorts, command->longs, NULL)) != -1) {
        switch (c) {
        case 'h':
            fputs(command->help, stdout);
            return CLI_OVER;
        case 'V':
            cli_version();
            return CLI_OVER;
        case '?':
        case ':':
            return bad_option(command->name, argv, c);
        default:
            code = take(ctx, c);
            break;
        }
    }
    return code;
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

bool cli_hangup_ignored(void)
{
    struct sigaction was;

    return sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
}

void cli_version(void)
{
    uint32_t v = vgpio_version();

    printf("vgpio %u.%u.%u\n", v >> 16, v >> 8 & 0xffu, v & 0xffu);
}
