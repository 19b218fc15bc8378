/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include "board.h"
#include "cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <virtiogpio/types.h>
#include <virtiogpio/wire.h>

#define MAX_WORDS 9
#define PULSES_A_RUN 256 /* then other clients and the guest have their turn */

static const char help_text[] =
    "commands: info | pull LINE 0|1 | value LINE | dir LINE | "
    "wait LINE 0|1 TIMEOUT_MS | toggle LINE COUNT PERIOD_US (COUNT pulses, two edges "
    "each; period 0: both edges in one step) | barrier | stats | values | "
    "watch changes [LINE] | watch messages | unwatch | clock | "
    "clock advance TIME | fault LINE ... | heal LINE | hello | help; "
    "LINE is a number or a name, \"in quotes\" if it has blanks";

static void reply(struct ctl_client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* --- events --- */

/* Bytes that events may use: a reply, and word of lost events before it, always fit. */
static size_t event_room(const struct ctl_client *c)
{
    size_t used = c->out_len + c->ctl->reply_max + CTL_EVENT_MAX;

    return used < c->out_size ? c->out_size - used : 0;
}

static void tell_lost(struct ctl_client *c)
{
    if (c->watch.lost > 0) {
        c->out_len += ctl_event_lost(c->out + c->out_len, c->watch.count, c->watch.lost);
        c->watch.lost = 0;
    }
}

/* Can there be another event? After a loss not at once: every other one would be word of
 * a lost one. */
static bool can_tell(const struct ctl_client *c)
{
    size_t room = event_room(c);

    return room >= 2u * CTL_EVENT_MAX &&
           (c->watch.lost == 0 || room >= (c->out_size - c->ctl->reply_max) / 2);
}

/* Counts one; false when there is no room to tell it. */
static bool begin_event(struct ctl_client *c)
{
    if (!can_tell(c)) {
        c->watch.count++;
        c->watch.lost++;
        return false;
    }
    tell_lost(c);
    c->watch.count++;
    c->fresh = true;
    return true;
}

static void reply(struct ctl_client *c, const char *fmt, ...)
{
    va_list ap;
    size_t room;
    int n;

    tell_lost(c);
    room = c->out_size - c->out_len;
    va_start(ap, fmt);
    n = vsnprintf(c->out + c->out_len, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        n = 0;
    }
    /* vsnprintf counts what it would have written, and ends with a NUL of its own. */
    c->out_len += (size_t)n < room ? (size_t)n : room - 1;
    c->out[c->out_len++] = '\n';
}

static void reply_text(struct ctl_client *c, size_t (*fill)(void *, char *, size_t))
{
    size_t room = c->ctl->reply_max - 4;
    size_t n;

    tell_lost(c);
    memcpy(c->out + c->out_len, "ok ", 3);
    n = fill(c->ctl->ctx, c->out + c->out_len + 3, room);
    c->out_len += 3 + (n < room ? n : room);
    c->out[c->out_len++] = '\n';
}

/* --- the words of a command --- */

/* Splits in place; a word in double quotes may hold blanks. -1: too many words, -2: a
 * quote without its end. */
static int split(char *text, char **words)
{
    int n = 0;

    for (;;) {
        char stop = ' ';

        text += strspn(text, " \t");
        if (*text == '\0') {
            return n;
        }
        if (n == MAX_WORDS) {
            return -1;
        }
        if (*text == '"') {
            stop = '"';
            text++;
        }
        words[n++] = text;
        text += stop == '"' ? strcspn(text, "\"") : strcspn(text, " \t");
        if (*text == '\0') {
            return stop == '"' ? -2 : n;
        }
        *text++ = '\0';
    }
}

static bool get_line(struct ctl_client *c, const char *word, uint16_t *line)
{
    uint64_t number;
    int found;

    if (word[0] != '\0' && word[strspn(word, "0123456789")] == '\0') {
        if (cli_number(word, UINT16_MAX, &number) && number < c->ctl->nlines) {
            *line = (uint16_t)number;
            return true;
        }
        reply(c, "error no line %.24s, the last is %u", word, c->ctl->nlines - 1u);
        return false;
    }
    found = word[0] == '\0' ? -1 : c->ctl->ops->line_of(c->ctl->ctx, word);
    if (found < 0 || found >= c->ctl->nlines) {
        reply(c, "error no line is named '%.255s'", word);
        return false;
    }
    *line = (uint16_t)found;
    return true;
}

static bool get_level(struct ctl_client *c, const char *word, unsigned *level)
{
    if (strcmp(word, "0") != 0 && strcmp(word, "1") != 0) {
        reply(c, "error '%.24s' is not 0 or 1", word);
        return false;
    }
    *level = word[0] == '1';
    return true;
}

static bool get_number(struct ctl_client *c, const char *what, const char *word,
                       uint64_t min, uint64_t max, uint64_t *out)
{
    if (!cli_number(word, max, out) || *out < min) {
        reply(c, "error %s is a number from %" PRIu64 " to %" PRIu64 ", not '%.24s'",
              what, min, max, word);
        return false;
    }
    return true;
}

/* --- the commands --- */

static void do_info(struct ctl_client *c, char **arg, uint64_t now)
{
    (void)arg;
    (void)now;
    reply_text(c, c->ctl->ops->info);
}

static void do_stats(struct ctl_client *c, char **arg, uint64_t now)
{
    (void)arg;
    (void)now;
    reply_text(c, c->ctl->ops->stats);
}

static void do_help(struct ctl_client *c, char **arg, uint64_t now)
{
    (void)arg;
    (void)now;
    reply(c, "ok %s", help_text);
}

static void do_barrier(struct ctl_client *c, char **arg, uint64_t now)
{
    (void)arg;
    (void)now;
    c->ctl->ops->barrier(c->ctl->ctx);
    reply(c, "ok");
}

static void do_pull(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t line;
    unsigned level;
    int err;

    (void)now;
    if (!get_line(c, arg[0], &line) || !get_level(c, arg[1], &level)) {
        return;
    }
    err = c->ctl->ops->pull(c->ctl->ctx, line, level);
    if (err < 0) {
        reply(c, "error %s", vgpio_strerror(err));
    } else {
        reply(c, "ok");
    }
}

static void do_value(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t line;

    (void)now;
    if (get_line(c, arg[0], &line)) {
        int value = c->ctl->ops->value(c->ctl->ctx, line);

        if (value < 0) { /* a line of the host may be gone */
            reply(c, "error %s", vgpio_strerror(value));
        } else {
            reply(c, "ok %d", value);
        }
    }
}

static void do_dir(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t line;
    int dir;

    (void)now;
    if (!get_line(c, arg[0], &line)) {
        return;
    }
    dir = c->ctl->ops->direction(c->ctl->ctx, line);
    reply(c, "ok %s", dir == VGPIO_DIR_OUT ? "out" : dir == VGPIO_DIR_IN ? "in" : "none");
}

static void do_wait(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t line;
    unsigned level;
    uint64_t ms;

    if (!get_line(c, arg[0], &line) || !get_level(c, arg[1], &level) ||
        !get_number(c, "TIMEOUT_MS", arg[2], 0, CTL_MAX_TIMEOUT_MS, &ms)) {
        return;
    }
    c->state = CTL_WAIT;
    c->line = line;
    c->level = (uint8_t)level;
    c->hit = c->ctl->ops->value(c->ctl->ctx, line) == (int)level;
    c->due_us = now + ms * 1000;
}

static void do_toggle(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t line;
    uint64_t count, period;

    if (!get_line(c, arg[0], &line) ||
        !get_number(c, "COUNT", arg[1], 1, CTL_MAX_COUNT, &count) ||
        !get_number(c, "PERIOD_US", arg[2], 0, CTL_MAX_PERIOD_US, &period)) {
        return;
    }
    c->state = CTL_TOGGLE;
    c->line = line;
    c->count = count;
    c->period_us = period;
    c->done = 0;
    c->edges = 0;
    c->away = false;
    c->due_us = now;
}

static void do_values(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t i;

    (void)arg;
    (void)now;
    if (c->ctl->nlines > c->ctl->reply_max - 4) {
        reply(c, "error too many lines for one reply");
        return;
    }
    tell_lost(c);
    memcpy(c->out + c->out_len, "ok ", 3);
    c->out_len += 3;
    for (i = 0; i < c->ctl->nlines; i++) {
        int value = c->ctl->ops->value(c->ctl->ctx, i);

        c->out[c->out_len++] = value == 1 ? '1' : value == 0 ? '0' : 'x';
    }
    c->out[c->out_len++] = '\n';
}

static void do_watch(struct ctl_client *c, char **arg, uint64_t now)
{
    const char *wrong = NULL;
    uint16_t line;

    (void)now;
    if (strcmp(arg[0], "messages") == 0 && arg[1] == NULL) {
        c->watch.messages = true;
    } else if (strcmp(arg[0], "changes") != 0) {
        reply(c, "error usage: watch changes [LINE] | watch messages");
        return;
    } else if (arg[1] == NULL) {
        c->watch.all_changes = true;
    } else if (get_line(c, arg[1], &line)) {
        wrong = ctl_watch_line(&c->watch, line);
    } else {
        return;
    }
    reply(c, wrong == NULL ? "ok" : "error %s", wrong);
}

static void do_unwatch(struct ctl_client *c, char **arg, uint64_t now)
{
    (void)arg;
    (void)now;
    ctl_watch_stop(&c->watch);
    reply(c, "ok");
}

/* clock | clock advance TIME */
static void do_clock(struct ctl_client *c, char **arg, uint64_t now)
{
    const struct ctl *ctl = c->ctl;
    uint64_t us = 0;
    int err;

    if (arg[0] == NULL) {
        reply(c, "ok %" PRIu64, now);
        return;
    }
    if (strcmp(arg[0], "advance") != 0 || arg[1] == NULL) {
        reply(c, "error usage: clock | clock advance TIME");
        return;
    }
    if (lex_time_text(arg[1], &us) < 0) {
        reply(c, "error '%.24s' is not a time like 10us, 50ms, 2s or 3min", arg[1]);
        return;
    }
    err = ctl->ops->advance != NULL ? ctl->ops->advance(ctl->ctx, us, &c->due_us)
                                    : VGPIO_ERR_NOTSUP;
    if (err < 0) {
        reply(c, "error %s",
              err == VGPIO_ERR_STATE ? "the script moves the clock"
                                     : "the clock is the machine's; see --virtual-time");
        return;
    }
    c->state = CTL_CLOCK;
}

static void set_fault(struct ctl_client *c, uint16_t line, const struct fault_rule *rule)
{
    const struct ctl *ctl = c->ctl;
    int err = ctl->ops->fault != NULL ? ctl->ops->fault(ctl->ctx, line, rule)
                                      : VGPIO_ERR_NOTSUP;

    if (err == VGPIO_ERR_NOTSUP) {
        reply(c, "error only lines of a board have faults; see --board");
    } else if (err < 0) {
        reply(c, "error no room for one more fault of this line; see 'heal'");
    } else {
        reply(c, "ok");
    }
}

/* The words behind the line are those of a board file. */
static void do_fault(struct ctl_client *c, char **arg, uint64_t now)
{
    struct lex_error err;
    struct lex l = {.err = &err};
    struct fault_rule rule;
    uint16_t line;

    (void)now;
    if (!get_line(c, arg[0], &line)) {
        return;
    }
    for (; arg[l.n] != NULL; l.n++) {
        l.word[l.n].text = arg[l.n];
    }
    if (board_fault_words(&l, 1, &rule) < 0) {
        reply(c, "error %s", err.text);
    } else {
        set_fault(c, line, &rule);
    }
}

static void do_heal(struct ctl_client *c, char **arg, uint64_t now)
{
    uint16_t line;

    (void)now;
    if (get_line(c, arg[0], &line)) {
        set_fault(c, line, NULL);
    }
}

static void do_hello(struct ctl_client *c, char **arg, uint64_t now);

static const struct command {
    const char *name, *usage;
    int nargs, more; /* and how many more it may have */
    void (*run)(struct ctl_client *, char **arg, uint64_t now);
} commands[] = {
    {"info", "info", 0, 0, do_info},
    {"pull", "pull LINE 0|1", 2, 0, do_pull},
    {"value", "value LINE", 1, 0, do_value},
    {"dir", "dir LINE", 1, 0, do_dir},
    {"wait", "wait LINE 0|1 TIMEOUT_MS", 3, 0, do_wait},
    {"toggle", "toggle LINE COUNT PERIOD_US", 3, 0, do_toggle},
    {"barrier", "barrier", 0, 0, do_barrier},
    {"stats", "stats", 0, 0, do_stats},
    {"values", "values", 0, 0, do_values},
    {"watch", "watch changes [LINE] | watch messages", 1, 1, do_watch},
    {"unwatch", "unwatch", 0, 0, do_unwatch},
    {"clock", "clock | clock advance TIME", 0, 2, do_clock},
    {"fault", "fault LINE MESSAGE err | fault LINE glitch every TIME times N | ...", 3, 5,
     do_fault},
    {"heal", "heal LINE", 1, 0, do_heal},
    {"hello", "hello", 0, 0, do_hello},
    {"help", "help", 0, 0, do_help},
};

static void do_hello(struct ctl_client *c, char **arg, uint64_t now)
{
    char list[CTL_REPLY_MAX / 2];
    uint32_t v = vgpio_version();
    size_t used = 0;
    size_t i;

    (void)arg;
    (void)now;
    for (i = 0; i < sizeof commands / sizeof commands[0] && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i > 0 ? "," : "", commands[i].name);
    }
    reply(c, "ok protocol=%u version=%u.%u.%u commands=%s", CTL_PROTOCOL, v >> 16 & 0xffu,
          v >> 8 & 0xffu, v & 0xffu, list);
}

static const struct command *command_of(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool printable(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if ((text[i] < ' ' && text[i] != '\t') || text[i] > '~') {
            return false;
        }
    }
    return true;
}

/* `text` has `len` bytes without the newline, and room for one more. */
static void execute(struct ctl_client *c, char *text, size_t len, uint64_t now)
{
    char *words[MAX_WORDS + 1];
    const struct command *cmd;
    int n;

    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    if (!printable(text, len)) {
        reply(c, "error a byte that is not printable ASCII");
        return;
    }
    text[len] = '\0';
    n = split(text, words);
    if (n > 0) {
        words[n] = NULL; /* an argument that may be missing */
    }
    if (n <= 0) {
        reply(c, "error %s",
              n == 0    ? "an empty line; try 'help'"
              : n == -1 ? "too many words; try 'help'"
                        : "a quote without its end");
        return;
    }
    cmd = command_of(words[0]);
    if (cmd == NULL) {
        reply(c, "error unknown command '%.24s'; try 'help'", words[0]);
    } else if (n - 1 < cmd->nargs || n - 1 > cmd->nargs + cmd->more) {
        reply(c, "error usage: %s", cmd->usage);
    } else {
        cmd->run(c, words + 1, now);
    }
}

/* --- commands that take time --- */

/* One edge of the outside; a guest that drives the line hides it. */
static int toggle_edge(struct ctl_client *c, unsigned level)
{
    const struct ctl *ctl = c->ctl;
    int before = ctl->ops->value(ctl->ctx, c->line);
    int err = ctl->ops->pull(ctl->ctx, c->line, level);

    if (ctl->ops->value(ctl->ctx, c->line) != before) {
        c->edges++;
    }
    return err;
}

static int toggle_step(struct ctl_client *c)
{
    const struct ctl *ctl = c->ctl;

    if (c->period_us == 0) {
        if (ctl->ops->direction(ctl->ctx, c->line) != VGPIO_DIR_OUT) {
            c->edges += 2;
        }
        c->done++;
        return ctl->ops->pulse(ctl->ctx, c->line);
    }
    c->away = !c->away;
    if (c->away) {
        c->level = ctl->ops->pulled(ctl->ctx, c->line) == 1;
        return toggle_edge(c, !c->level);
    }
    c->done++;
    return toggle_edge(c, c->level);
}

static void run_toggle(struct ctl_client *c, uint64_t now)
{
    unsigned budget = PULSES_A_RUN;

    while (c->due_us <= now && budget-- > 0 && c->state == CTL_TOGGLE) {
        int err = toggle_step(c);

        if (err < 0) {
            c->state = CTL_IDLE;
            reply(c, "error %s", vgpio_strerror(err));
        } else if (c->done == c->count) {
            c->state = CTL_IDLE;
            reply(c, "ok %" PRIu64 " pulses %" PRIu64 " edges", c->done, c->edges);
        } else {
            uint64_t half = c->period_us / 2;

            c->due_us += c->away ? c->period_us - half : half;
            if (c->period_us != 0 && c->due_us <= now) {
                /* Late: the next edge comes in its own time, never as a burst. */
                c->due_us = now + 1;
            }
        }
    }
}

static void run_wait(struct ctl_client *c, uint64_t now)
{
    if (c->hit) {
        c->state = CTL_IDLE;
        reply(c, "ok %u", c->level);
    } else if (now >= c->due_us) {
        c->state = CTL_IDLE;
        reply(c, "error timeout");
    }
}

/* --- the client --- */

void ctl_init(struct ctl_client *c, const struct ctl *ctl, char *out, size_t out_size)
{
    memset(c, 0, sizeof *c);
    c->ctl = ctl;
    c->out = out;
    c->out_size = out_size;
}

size_t ctl_room(const struct ctl_client *c)
{
    return c->eof || c->state == CTL_CLOSING ? 0 : sizeof c->in - c->in_len;
}

void ctl_input(struct ctl_client *c, const char *data, size_t len)
{
    memcpy(c->in + c->in_len, data, len);
    c->in_len += len;
}

void ctl_eof(struct ctl_client *c)
{
    c->eof = true;
}

static bool has_room(const struct ctl_client *c)
{
    size_t events = c->watch.lost > 0 ? CTL_EVENT_MAX : 0;

    return c->out_size - c->out_len >= c->ctl->reply_max + events;
}

/* Takes one command off the input; false when there is none that can be taken now. */
static bool next_command(struct ctl_client *c, uint64_t now)
{
    char *end = memchr(c->in, '\n', c->in_len);
    size_t used;

    if (!has_room(c)) {
        return false;
    }
    if (end == NULL) {
        if (c->in_len == sizeof c->in) {
            /* The rest of it could be endless: no point in reading on. */
            reply(c, "error a line longer than %u bytes", CTL_LINE_MAX);
            c->state = CTL_CLOSING;
        } else if (c->eof && c->in_len > 0) {
            /* Half a number is a number as well, so nothing is done. */
            reply(c, "error the last line has no newline");
            c->state = CTL_CLOSING;
        }
        return false;
    }
    used = (size_t)(end - c->in) + 1;
    execute(c, c->in, used - 1, now);
    c->in_len -= used;
    memmove(c->in, c->in + used, c->in_len);
    return true;
}

void ctl_run(struct ctl_client *c, uint64_t now_us)
{
    c->fresh = false;
    if (can_tell(c)) {
        tell_lost(c); /* perhaps nothing more happens */
    }
    do {
        if (c->state == CTL_WAIT) {
            run_wait(c, now_us);
        } else if (c->state == CTL_TOGGLE) {
            run_toggle(c, now_us);
        } else if (c->state == CTL_CLOCK && now_us >= c->due_us) {
            c->state = CTL_IDLE;
            reply(c, "ok %" PRIu64, now_us);
        }
    } while (c->state == CTL_IDLE && next_command(c, now_us));
}

uint64_t ctl_due(const struct ctl_client *c)
{
    if (c->fresh) {
        return 0;
    }
    if (c->state == CTL_WAIT) {
        return c->hit ? 0 : c->due_us;
    }
    return c->state == CTL_TOGGLE || c->state == CTL_CLOCK ? c->due_us : CTL_NEVER;
}

void ctl_changed(struct ctl_client *c, uint16_t line, unsigned level, uint64_t ns)
{
    if (c->state == CTL_WAIT && c->line == line && c->level == level) {
        c->hit = true;
    }
    if (ctl_watches(&c->watch, line) && begin_event(c)) {
        c->out_len +=
            ctl_event_change(c->out + c->out_len, c->watch.count, ns, line, level);
    }
}

void ctl_traced(struct ctl_client *c, unsigned id, uint32_t a, uint32_t b, uint64_t ns)
{
    char text[CTL_EVENT_MAX];

    /* Only what is an event is counted. */
    if (c->watch.messages && ctl_event_trace(text, 0, ns, id, a, b) > 0 &&
        begin_event(c)) {
        c->out_len += ctl_event_trace(c->out + c->out_len, c->watch.count, ns, id, a, b);
    }
}

void ctl_sent(struct ctl_client *c, size_t n)
{
    c->out_len -= n;
    memmove(c->out, c->out + n, c->out_len);
}

bool ctl_done(const struct ctl_client *c)
{
    return c->out_len == 0 && (c->state == CTL_CLOSING ||
                               (c->state == CTL_IDLE && c->eof && c->in_len == 0));
}
