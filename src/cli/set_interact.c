/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio set --interactive`: commands from stdin while the lines are held. */
#include "cli.h"
#include "set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 512
#define LINE_MAX_BYTES 16384

enum {
    GO_ON = CLI_OK,
    STOP = CLI_FAILED,
    EXIT = 2
};

static const char commands[] =
    "exit                   end; the lines are given back\n"
    "get [LINE]...          show the values that are set\n"
    "help                   this\n"
    "set LINE=VALUE...      set values\n"
    "sleep PERIOD           wait\n"
    "toggle [LINE]...       toggle all lines, or those named\n";

static struct tool_line *line_of(struct tool *t, const char *id)
{
    size_t i;

    for (i = 0; i < t->nlines; i++) {
        if (strcmp(t->lines[i].id, id) == 0) {
            return &t->lines[i];
        }
    }
    printf("unknown line: '%s'\n", id);
    return NULL;
}

static int do_get(struct set *s, char **words, size_t n)
{
    struct tool *t = &s->tool;
    size_t all = n == 0 ? t->nlines : n;
    size_t i;

    for (i = 0; i < n; i++) {
        if (line_of(t, words[i]) == NULL) {
            return GO_ON;
        }
    }
    for (i = 0; i < all; i++) {
        struct tool_line *l = n == 0 ? &t->lines[i] : line_of(t, words[i]);

        tool_print_id(t, l);
        printf("=%s%s", l->value ? "active" : "inactive", i + 1 < all ? " " : "\n");
    }
    return GO_ON;
}

static int do_set(struct set *s, char **words, size_t n)
{
    struct tool_line *lines[WORDS_MAX];
    unsigned values[WORDS_MAX];
    size_t i;

    if (n == 0) {
        puts("at least one line and its value must be given");
    }
    for (i = 0; i < n; i++) {
        if (set_split(words[i], &values[i]) < 0) {
            printf("invalid line value: '%s'\n", words[i]);
            return GO_ON;
        }
        lines[i] = line_of(&s->tool, words[i]);
        if (lines[i] == NULL) {
            return GO_ON;
        }
    }
    for (i = 0; i < n; i++) {
        if (set_line(&s->tool, lines[i], values[i]) != CLI_OK) {
            return STOP;
        }
    }
    return s->hold_us > 0 && n > 0 ? tool_hold(&s->tool, s->hold_us) : GO_ON;
}

static int do_toggle(struct set *s, char **words, size_t n)
{
    struct tool_line *lines[WORDS_MAX];
    size_t i;

    for (i = 0; i < n; i++) {
        lines[i] = line_of(&s->tool, words[i]);
        if (lines[i] == NULL) {
            return GO_ON;
        }
    }
    if (n == 0 && set_toggle(&s->tool) != CLI_OK) {
        return STOP;
    }
    for (i = 0; i < n; i++) {
        if (set_line(&s->tool, lines[i], !lines[i]->value) != CLI_OK) {
            return STOP;
        }
    }
    return s->hold_us > 0 ? tool_hold(&s->tool, s->hold_us) : GO_ON;
}

static int do_sleep(struct set *s, char **words, size_t n)
{
    uint64_t us;

    if (n != 1 || !tool_period(words[0], &us)) {
        puts("one period must be given");
        return GO_ON;
    }
    return tool_hold(&s->tool, us);
}

/* Blanks part words, but not inside double quotes. Returns how many, or -1. */
static int split(char *line, char **words)
{
    int n = 0;
    char *out;

    while (*(line += strspn(line, " \t\r\n")) != '\0') {
        int quoted = 0;

        if (n == WORDS_MAX) {
            return -1;
        }
        words[n++] = out = line;
        while (*line != '\0' && (quoted || strchr(" \t\r\n", *line) == NULL)) {
            if (*line == '"') {
                quoted = !quoted;
            } else {
                *out++ = *line;
            }
            line++;
        }
        if (*line != '\0') {
            line++;
        }
        *out = '\0';
    }
    return n;
}

static int obey(struct set *s, char *line)
{
    static const struct {
        const char *name;
        int (*run)(struct set *, char **words, size_t n);
    } verbs[] = {
        {"get", do_get}, {"set", do_set}, {"sleep", do_sleep}, {"toggle", do_toggle}};
    char *words[WORDS_MAX];
    int n = split(line, words);
    size_t i;

    if (n <= 0) {
        if (n < 0) {
            puts("too many words");
        }
        return GO_ON;
    }
    for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(words[0], verbs[i].name) == 0) {
            return verbs[i].run(s, words + 1, (size_t)n - 1);
        }
    }
    if (strcmp(words[0], "exit") == 0) {
        return EXIT;
    }
    if (strcmp(words[0], "help") == 0) {
        fputs(commands, stdout);
    } else {
        printf("unknown command: '%s'\n", words[0]);
    }
    return GO_ON;
}

/* Obeys every whole line of the buffer. */
static int obey_all(struct set *s, char *buf, size_t *used)
{
    char *end;
    int code = GO_ON;

    while (code == GO_ON && (end = memchr(buf, '\n', *used)) != NULL) {
        size_t len = (size_t)(end - buf) + 1;
        char line[LINE_MAX_BYTES];

        memcpy(line, buf, len);
        line[len - 1] = '\0';
        memmove(buf, buf + len, *used - len);
        *used -= len;
        code = obey(s, line);
    }
    return code;
}

static bool prompt(struct set *s, bool wanted)
{
    if (wanted) {
        fputs("vgpio> ", stdout);
    }
    return tool_flush(&s->tool);
}

/* The next bytes of stdin; meanwhile the lines are held. 0: end, < 0: no more. */
static ssize_t next_input(struct set *s, char *buf, size_t size)
{
    ssize_t n;
    int bits;

    do {
        bits = tool_wait(&s->tool, UINT64_MAX, STDIN_FILENO);
        if (((bits & TOOL_CHIP) != 0 && tool_poll_chips(&s->tool) != CLI_OK) ||
            (bits & TOOL_SIGNAL) != 0) {
            return -1;
        }
    } while ((bits & TOOL_INPUT) == 0);
    do {
        n = read(STDIN_FILENO, buf, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        cli_error("stdin: %s", strerror(errno));
    }
    return n;
}

int set_interact(struct set *s)
{
    bool tty = isatty(STDIN_FILENO) != 0;
    char buf[LINE_MAX_BYTES];
    size_t used = 0;

    for (;;) {
        ssize_t n;
        int code;

        if (!prompt(s, tty)) {
            return CLI_FAILED;
        }
        n = next_input(s, buf + used, sizeof buf - 1 - used);
        if (n == 0 && used > 0) {
            buf[used] = '\n'; /* the last line need not have one */
            n = 1;
        }
        if (n <= 0) {
            return n == 0 ? CLI_OK : CLI_FAILED;
        }
        used += (size_t)n;
        if (used == sizeof buf - 1 && memchr(buf, '\n', used) == NULL) {
            cli_error("set: a command longer than %d bytes", LINE_MAX_BYTES - 2);
            return CLI_FAILED;
        }
        code = obey_all(s, buf, &used);
        if (code != GO_ON) {
            (void)tool_flush(&s->tool);
            return code == EXIT ? CLI_OK : CLI_FAILED;
        }
    }
}
