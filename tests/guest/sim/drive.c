/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver that does what the command line says, in order, on one connection:
 *     vgpio-drive SOCKET WORD...
 *   dir=LINE,none|out|in  set=LINE,0|1  get=LINE  where=LINE  type=LINE,TYPE
 *       an answer each, a number or "err"; types: none, rising, falling, both, high, low
 *   unmask=LINE           takes the next interrupt of the line
 *   irq=LINE,MS           waits for it: "irq", "invalid", or "none" when the time is over
 *   count=LINE,COMMAND    unmasks the line after each interrupt until the command has
 *                         ended and no more come: how many there were
 *   sh=COMMAND            nothing is printed, but for "failed"
 * All answers are on one line. And without a back end, edges as fast as they can be made:
 *     vgpio-drive --edges FILE N    writes pull-up and pull-down into it, in turn
 */
#include "../../../src/cli/chip.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <virtiogpio/wire.h>

#define TIMEOUT_MS 20000u
#define LINES 64
#define SETTLE_MS 300 /* how long no interrupt comes when none comes any more */

struct drive {
    struct chip chip;
    unsigned irqs[LINES], invalid[LINES];
    int counted; /* this line is unmasked again each time */
};

static void on_irq(void *ctx, uint16_t line, int result)
{
    struct drive *d = ctx;

    if (result < 0) {
        d->invalid[line % LINES]++;
        return;
    }
    d->irqs[line % LINES]++;
    if (line == d->counted) {
        (void)chip_unmask(&d->chip, line);
    }
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Takes interrupts until one of `line` is there, at most `ms`; 1: there is one. */
static int take(struct drive *d, unsigned line, int64_t ms)
{
    int64_t end = now_ms() + ms;

    for (;;) {
        struct pollfd p = {.fd = d->chip.front.poll_fd, .events = POLLIN};
        int64_t left;

        if (chip_poll(&d->chip) < 0) {
            exit(1);
        }
        left = end - now_ms();
        if (d->irqs[line] > 0 || d->invalid[line] > 0 || left <= 0) {
            return d->irqs[line] > 0 || d->invalid[line] > 0;
        }
        (void)poll(&p, 1, (int)left);
        (void)vgpio_vuf_linux_wait(&d->chip.front, 0);
    }
}

static unsigned number_of(const char *const *words, const char *word)
{
    unsigned i;

    for (i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    fprintf(stderr, "vgpio-drive: '%s'?\n", word);
    exit(2);
}

static void ask(struct drive *d, unsigned type, uint16_t line, unsigned value)
{
    int n = chip_ask(&d->chip, type, line, value);

    if (n >= 0) {
        printf("%d ", n);
    } else {
        printf("err ");
    }
}

static void count(struct drive *d, uint16_t line, const char *command)
{
    pid_t child = fork();
    unsigned total = 0;
    int status, running = 1;

    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    d->counted = line;
    if (chip_unmask(&d->chip, line) < 0) {
        exit(1);
    }
    while (take(d, line, SETTLE_MS) || running) {
        total += d->irqs[line];
        d->irqs[line] = 0;
        running = running && waitpid(child, &status, WNOHANG) == 0;
    }
    d->counted = -1;
    printf("%u ", total);
}

static void interrupt(struct drive *d, unsigned line, const char *rest)
{
    printf("%s ", !take(d, line, atoi(rest)) ? "none"
                  : d->irqs[line] > 0        ? "irq"
                                             : "invalid");
    d->irqs[line] = d->invalid[line] = 0;
}

static void step(struct drive *d, char *word)
{
    static const char *const words[] = {"dir",    "set", "get",   "where", "type",
                                        "unmask", "irq", "count", "sh",    NULL};
    static const char *const dirs[] = {"none", "out", "in", NULL};
    static const char *const types[] = {"none", "rising", "falling", "both", "high",
                                        "-",    "-",      "-",       "low",  NULL};
    char *arg = strchr(word, '=');
    char *rest = arg == NULL ? NULL : strchr(arg, ',');
    uint16_t line;

    if (arg == NULL) {
        exit(2);
    }
    *arg++ = '\0';
    if (strcmp(word, "sh") == 0) {
        fflush(stdout);
        printf("%s", system(arg) != 0 ? "failed " : "");
        return;
    }
    line = (uint16_t)(atoi(arg) % LINES);
    rest = rest == NULL ? arg + strlen(arg) : rest + 1;
    switch (number_of(words, word)) {
    case 0:
        ask(d, VGPIO_MSG_SET_DIRECTION, line, number_of(dirs, rest));
        break;
    case 1:
        ask(d, VGPIO_MSG_SET_VALUE, line, (unsigned)atoi(rest));
        break;
    case 2:
        ask(d, VGPIO_MSG_GET_VALUE, line, 0);
        break;
    case 3:
        ask(d, VGPIO_MSG_GET_DIRECTION, line, 0);
        break;
    case 4:
        ask(d, VGPIO_MSG_SET_IRQ_TYPE, line, number_of(types, rest));
        break;
    case 5:
        if (chip_unmask(&d->chip, line) < 0 || chip_poll(&d->chip) < 0) {
            exit(1);
        }
        break;
    case 6:
        interrupt(d, line, rest);
        break;
    default:
        count(d, line, rest);
        break;
    }
}

static int edges(const char *path, long n)
{
    static const char *const pulls[] = {"pull-up", "pull-down"};
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    long i;

    for (i = 0; fd >= 0 && i < n; i++) {
        const char *pull = pulls[i % 2];

        if (pwrite(fd, pull, strlen(pull), 0) < 0) {
            fd = -1;
        }
    }
    if (fd < 0) {
        perror(path);
        return 1;
    }
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    static struct drive d;
    int i;

    if (argc == 4 && strcmp(argv[1], "--edges") == 0) {
        return edges(argv[2], atol(argv[3]));
    }
    if (argc < 2) {
        return 2;
    }
    if (chip_open(&d.chip, argv[1], argv[1], 8, TIMEOUT_MS) < 0) {
        return 1;
    }
    d.counted = -1;
    d.chip.on_irq = on_irq;
    d.chip.ctx = &d;
    for (i = 2; i < argc; i++) {
        step(&d, argv[i]);
    }
    printf("\n");
    chip_close(&d.chip);
    return 0;
}
