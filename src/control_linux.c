/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of the control protocol (docs/control.md): one line a command, one line an
 * answer, and lines that begin with "event" between them. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <virtiogpio/control.h>
#include <virtiogpio/wire.h>

#define PAUSE_NS 5000000 /* between two tries to connect */

enum line_kind {
    LINE_EVENT = 1,
    LINE_OK,
    LINE_ERROR
};

/* ---- time, and what went wrong ---- */

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static int fail(struct vgpio_ctl *c, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct vgpio_ctl *c, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(c->reason, sizeof c->reason, fmt, ap);
    va_end(ap);
    if (err <= VGPIO_ERR_FATAL) {
        c->dead = err;
    }
    return err;
}

const char *vgpio_ctl_reason(const struct vgpio_ctl *c)
{
    return c->reason;
}

/* Until the socket is ready: 1, or 0 when the time is over. */
static int ready(struct vgpio_ctl *c, short events, uint64_t due)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int n;

    do {
        uint64_t now = now_ms();
        uint64_t left = now < due ? due - now : 0;

        n = poll(&p, 1, left < 1000000u ? (int)left : 1000000);
        if (n == 0 && left == 0) {
            return 0;
        }
    } while (n == 0 || (n < 0 && errno == EINTR));
    return n > 0 ? 1 : fail(c, VGPIO_ERR_BROKEN, "%s", strerror(errno));
}

/* ---- an event ---- */

/* Takes a decimal or 0x... number and the blank behind it; 0 if there is none. */
static int take_number(const char **text, uint64_t *out)
{
    const char *p = *text;
    unsigned base = p[0] == '0' && p[1] == 'x' ? 16 : 10;
    uint64_t n = 0;

    p += base == 16 ? 2 : 0;
    *out = 0;
    for (;; p++) {
        unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
                         : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10u
                                                  : 16u;

        if (digit >= base) {
            break;
        }
        n = n * base + digit;
    }
    if (p == *text || (*p != ' ' && *p != '\0')) {
        return 0;
    }
    *text = *p == ' ' ? p + 1 : p;
    *out = n;
    return 1;
}

/* Does the text go on with this word? Takes it, and the blank behind it. */
static int take_word(const char **text, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*text, word, n) != 0 || ((*text)[n] != ' ' && (*text)[n] != '\0')) {
        return 0;
    }
    *text += (*text)[n] == ' ' ? n + 1 : n;
    return 1;
}

static enum vgpio_ctl_kind take_kind(const char **text)
{
    /* In the order of enum vgpio_ctl_kind. */
    static const char words[][12] = {
        "change", "request", "answer",    "unmasked", "interrupt", "returned", "latched",
        "merged", "dropped", "malformed", "broken",   "reset",     "features", "lost"};
    unsigned i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (take_word(text, words[i])) {
            return (enum vgpio_ctl_kind)(VGPIO_CTL_CHANGE + i);
        }
    }
    return VGPIO_CTL_OTHER;
}

/* "event NUMBER NS KIND LINE|- ..." */
static int parse_event(const char *text, struct vgpio_ctl_event *e)
{
    uint64_t line = 0;

    memset(e, 0, sizeof *e);
    if (!take_word(&text, "event") || !take_number(&text, &e->number) ||
        !take_number(&text, &e->ns)) {
        return 0;
    }
    e->kind = take_kind(&text);
    if (e->kind == VGPIO_CTL_OTHER) {
        return 1; /* newer than we are */
    }
    if (!take_word(&text, "-") && (!take_number(&text, &line) || line > UINT16_MAX)) {
        return 0;
    }
    e->line = (uint16_t)line;
    (void)take_number(&text, &e->a);
    if (e->kind == VGPIO_CTL_ANSWER) {
        e->ok = (uint8_t)take_word(&text, "ok");
        (void)(e->ok != 0 || take_word(&text, "err"));
    }
    (void)take_number(&text, &e->b);
    return 1;
}

static void keep_event(struct vgpio_ctl *c, const struct vgpio_ctl_event *e)
{
    if (c->lost == 0 && c->used < c->nevents) {
        uint32_t at = c->first + c->used++;

        c->events[at < c->nevents ? at : at - c->nevents] = *e;
        return;
    }
    /* Behind a gap nothing is kept, or the order would be lost as well. */
    c->lost += e->kind == VGPIO_CTL_LOST ? e->a : 1;
    c->lost_number = e->number;
}

static int kept_event(struct vgpio_ctl *c, struct vgpio_ctl_event *e)
{
    if (c->used > 0) {
        *e = c->events[c->first];
        c->first = c->first + 1 < c->nevents ? c->first + 1 : 0;
        c->used--;
        return 1;
    }
    if (c->lost > 0) {
        memset(e, 0, sizeof *e);
        e->kind = VGPIO_CTL_LOST;
        e->number = c->lost_number;
        e->a = c->lost;
        c->lost = 0;
        return 1;
    }
    return 0;
}

/* ---- lines from the server ---- */

/* One byte of a line that may be longer than our room: of an answer, what follows "ok "
 * goes to whoever waits for it. */
static void take_byte(struct vgpio_ctl *c, char byte)
{
    uint32_t at = c->line_len++;

    if (at < sizeof c->line - 1) {
        c->line[at] = byte;
    }
    if (at >= 3 && c->owed == 0 && c->line[0] == 'o' && at - 3 + 1 < c->reply_size) {
        c->reply[at - 3] = byte;
        c->reply[at - 3 + 1] = '\0';
    }
}

/* A whole line is in c->line. */
static int line_kind(struct vgpio_ctl *c)
{
    const char *text = c->line;

    c->line[c->line_len < sizeof c->line ? c->line_len : sizeof c->line - 1] = '\0';
    if (take_word(&text, "ok")) {
        return LINE_OK;
    }
    if (take_word(&text, "error")) {
        return LINE_ERROR;
    }
    if (take_word(&text, "event")) {
        return LINE_EVENT;
    }
    return fail(c, VGPIO_ERR_PROTO, "not an answer: '%.60s'", c->line);
}

static int receive(struct vgpio_ctl *c)
{
    ssize_t n;

    do {
        n = recv(c->fd, c->in, sizeof c->in, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        return fail(c, VGPIO_ERR_BROKEN, "the server hung up");
    }
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        return fail(c, VGPIO_ERR_BROKEN, "%s", strerror(errno));
    }
    c->in_at = 0;
    c->in_len = n > 0 ? (uint32_t)n : 0;
    return 0;
}

/* The next whole line: its kind; 0: none came until `due`; or a sticky error. */
static int next_line(struct vgpio_ctl *c, uint64_t due)
{
    for (;;) {
        int err;

        while (c->in_at < c->in_len) {
            char byte = c->in[c->in_at++];

            if (byte == '\n') {
                err = line_kind(c);
                return err;
            }
            if (c->line_len < INT32_MAX) {
                take_byte(c, byte);
            }
        }
        err = ready(c, POLLIN, due);
        if (err > 0) {
            err = receive(c);
        } else if (err == 0) {
            return 0;
        }
        if (err < 0) {
            return err;
        }
    }
}

/* Takes the line off; an event goes to the ring. 1: it was the answer to a question
 * nobody asks any more, or an event. */
static int done_with(struct vgpio_ctl *c, int kind)
{
    struct vgpio_ctl_event e;

    c->line_len = 0;
    if (kind == LINE_EVENT) {
        if (!parse_event(c->line, &e)) {
            return fail(c, VGPIO_ERR_PROTO, "not an event: '%.60s'", c->line);
        }
        keep_event(c, &e);
        return 1;
    }
    if (c->owed > 0) {
        c->owed--;
        return 1;
    }
    return 0;
}

/* ---- questions ---- */

static int send_all(struct vgpio_ctl *c, const char *text, size_t len, uint64_t due)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = send(c->fd, text + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        int err;

        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            return fail(c, VGPIO_ERR_BROKEN, "%s", strerror(errno));
        }
        err = ready(c, POLLOUT, due);
        if (err == 0) {
            /* Half a command cannot be taken back. */
            return fail(c, done > 0 ? VGPIO_ERR_BROKEN : VGPIO_ERR_TIMEOUT,
                        "the server takes no command");
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

/* The answer to the command that was sent: its length. */
static int hear(struct vgpio_ctl *c, uint64_t due)
{
    uint32_t len = 0;
    int kind, skip;

    do {
        kind = next_line(c, due);
        if (kind == 0) {
            c->owed++;
            return fail(c, VGPIO_ERR_TIMEOUT, "no answer in time");
        }
        len = c->line_len;
        skip = kind < 0 ? kind : done_with(c, kind);
        if (skip < 0) {
            return skip;
        }
    } while (skip > 0);
    if (kind == LINE_ERROR) {
        return fail(c, VGPIO_ERR_IO, "%s", len > 6 ? c->line + 6 : "error");
    }
    return len > 3 ? (int)(len - 3) : 0;
}

static int ask_until(struct vgpio_ctl *c, const char *command, char *reply, size_t size,
                     uint64_t due)
{
    char text[VGPIO_CTL_COMMAND_MAX];
    size_t len = 0;
    int err;

    while (command[len] != '\0' && command[len] != '\n' && len < sizeof text - 1) {
        text[len] = command[len];
        len++;
    }
    if (c->dead != 0) {
        return c->dead;
    }
    if (len == 0 || command[len] != '\0') {
        return fail(c, VGPIO_ERR_INVAL, "not a command of one line");
    }
    text[len] = '\n';
    if (size > 0) {
        reply[0] = '\0';
    }
    c->reason[0] = '\0';
    err = send_all(c, text, len + 1, due);
    if (err == 0) {
        c->reply = reply;
        c->reply_size = size;
        err = hear(c, due);
        c->reply_size = 0; /* the caller's memory is his again */
    }
    return err;
}

int vgpio_ctl_ask(struct vgpio_ctl *c, const char *command, char *reply, size_t size)
{
    return ask_until(c, command, reply, size, now_ms() + c->answer_ms);
}

/* ---- connecting ---- */

static int hello(struct vgpio_ctl *c, uint64_t due)
{
    char reply[64];
    const char *text = reply + 9;
    uint64_t version;
    int err = ask_until(c, "hello", reply, sizeof reply, due);

    if (err == VGPIO_ERR_IO) {
        /* An old server; or one that says why it hangs up. */
        int old = strncmp(c->reason, "unknown command", 15) == 0;

        c->dead = old ? VGPIO_ERR_NOTSUP : VGPIO_ERR_BROKEN;
        return c->dead;
    }
    if (err < 0) {
        return err;
    }
    if (strncmp(reply, "protocol=", 9) != 0 || !take_number(&text, &version)) {
        return fail(c, VGPIO_ERR_PROTO, "not an answer to 'hello': '%s'", reply);
    }
    if (version != VGPIO_CTL_PROTOCOL) {
        c->dead = VGPIO_ERR_NOTSUP;
        return fail(c, VGPIO_ERR_NOTSUP, "the server speaks version %u of the protocol",
                    (unsigned)version);
    }
    return 0;
}

static void forget(struct vgpio_ctl *c, struct vgpio_ctl_event *events, uint32_t nevents)
{
    memset(c, 0, sizeof *c);
    c->fd = -1;
    c->answer_ms = VGPIO_CTL_ANSWER_MS;
    c->events = events;
    c->nevents = nevents;
}

static int adopt(struct vgpio_ctl *c, int fd, uint64_t due)
{
    int flags = fcntl(fd, F_GETFL);

    c->fd = fd;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return fail(c, VGPIO_ERR_BROKEN, "%s", strerror(errno));
    }
    return hello(c, due);
}

int vgpio_ctl_adopt(struct vgpio_ctl *c, int fd, struct vgpio_ctl_event *events,
                    uint32_t nevents, uint32_t timeout_ms)
{
    forget(c, events, nevents);
    return adopt(c, fd, now_ms() + timeout_ms);
}

/* A connected descriptor, or -1 and errno. */
static int try_connect(const struct sockaddr_un *sa)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int err;

    if (fd < 0 || connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0) {
        return fd;
    }
    err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

int vgpio_ctl_open(struct vgpio_ctl *c, const char *path, struct vgpio_ctl_event *events,
                   uint32_t nevents, uint32_t timeout_ms)
{
    const struct timespec pause = {0, PAUSE_NS};
    const uint64_t due = now_ms() + timeout_ms;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd;

    forget(c, events, nevents);
    if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof sa.sun_path) {
        return fail(c, VGPIO_ERR_INVAL, "not a path of a socket");
    }
    memcpy(sa.sun_path, path, strlen(path));
    for (;;) {
        fd = try_connect(&sa);
        if (fd >= 0) {
            return adopt(c, fd, due);
        }
        if (errno != ENOENT && errno != ECONNREFUSED && errno != EAGAIN) {
            return fail(c, VGPIO_ERR_BROKEN, "%s", strerror(errno));
        }
        if (now_ms() >= due) {
            return fail(c, VGPIO_ERR_TIMEOUT, "%s", strerror(errno));
        }
        (void)nanosleep(&pause, NULL);
    }
}

void vgpio_ctl_close(struct vgpio_ctl *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    c->fd = -1;
    if (c->dead == 0) {
        c->dead = VGPIO_ERR_BROKEN;
    }
}

/* ---- the commands ---- */

/* A command about a line; `rest` begins with a blank, or is empty. */
static int ask_line(struct vgpio_ctl *c, const char *verb, const char *line,
                    const char *rest, char *reply, size_t size, uint64_t due)
{
    char command[VGPIO_CTL_COMMAND_MAX];
    const char *quote;
    int n;

    if (line == NULL || line[0] == '\0' || strchr(line, '"') != NULL) {
        return fail(c, VGPIO_ERR_INVAL, "not a line");
    }
    quote = strpbrk(line, " \t") != NULL ? "\"" : "";
    n = snprintf(command, sizeof command, "%s %s%s%s%s", verb, quote, line, quote, rest);
    if (n < 0 || (size_t)n >= sizeof command) {
        return fail(c, VGPIO_ERR_INVAL, "not a line");
    }
    return ask_until(c, command, reply, size, due);
}

static uint64_t answer_due(const struct vgpio_ctl *c)
{
    return now_ms() + c->answer_ms;
}

/* "0" or "1". */
static int to_level(struct vgpio_ctl *c, int err, const char *reply)
{
    if (err < 0) {
        return err;
    }
    if (err != 1 || (reply[0] != '0' && reply[0] != '1')) {
        return fail(c, VGPIO_ERR_PROTO, "not a level: '%s'", reply);
    }
    return reply[0] - '0';
}

int vgpio_ctl_pull(struct vgpio_ctl *c, const char *line, unsigned level)
{
    int err;

    if (level > 1) {
        return fail(c, VGPIO_ERR_INVAL, "not a level");
    }
    err = ask_line(c, "pull", line, level != 0 ? " 1" : " 0", NULL, 0, answer_due(c));
    return err < 0 ? err : 0;
}

int vgpio_ctl_value(struct vgpio_ctl *c, const char *line)
{
    char reply[8] = "";
    int err = ask_line(c, "value", line, "", reply, sizeof reply, answer_due(c));

    return to_level(c, err, reply);
}

int vgpio_ctl_direction(struct vgpio_ctl *c, const char *line)
{
    char reply[8] = "";
    int err = ask_line(c, "dir", line, "", reply, sizeof reply, answer_due(c));

    if (err < 0) {
        return err;
    }
    if (strcmp(reply, "none") == 0) {
        return VGPIO_DIR_NONE;
    }
    if (strcmp(reply, "out") == 0) {
        return VGPIO_DIR_OUT;
    }
    return strcmp(reply, "in") == 0
               ? VGPIO_DIR_IN
               : fail(c, VGPIO_ERR_PROTO, "not a direction: '%s'", reply);
}

int vgpio_ctl_wait(struct vgpio_ctl *c, const char *line, unsigned level,
                   uint32_t timeout_ms)
{
    char reply[8] = "", rest[32];
    int err;

    if (level > 1) {
        return fail(c, VGPIO_ERR_INVAL, "not a level");
    }
    (void)snprintf(rest, sizeof rest, " %u %lu", level, (unsigned long)timeout_ms);
    err =
        ask_line(c, "wait", line, rest, reply, sizeof reply, answer_due(c) + timeout_ms);
    if (err == VGPIO_ERR_IO && strcmp(c->reason, "timeout") == 0) {
        return 0;
    }
    err = to_level(c, err, reply);
    return err < 0 ? err : 1;
}

int vgpio_ctl_toggle(struct vgpio_ctl *c, const char *line, uint32_t count,
                     uint32_t period_us)
{
    const uint64_t ms = (uint64_t)count * period_us / 1000u;
    char rest[32];
    int err;

    (void)snprintf(rest, sizeof rest, " %lu %lu", (unsigned long)count,
                   (unsigned long)period_us);
    err = ask_line(c, "toggle", line, rest, NULL, 0, answer_due(c) + ms);
    return err < 0 ? err : 0;
}

int vgpio_ctl_barrier(struct vgpio_ctl *c)
{
    int err = vgpio_ctl_ask(c, "barrier", NULL, 0);

    return err < 0 ? err : 0;
}

int vgpio_ctl_stat(struct vgpio_ctl *c, const char *key, uint64_t *count)
{
    const size_t len = strlen(key);
    char reply[2048];
    const char *word = reply;
    int err = vgpio_ctl_ask(c, "stats", reply, sizeof reply);

    if (err < 0) {
        return err;
    }
    while (strncmp(word, key, len) != 0 || word[len] != '=') {
        word = strchr(word, ' ');
        if (word == NULL) {
            return fail(c, VGPIO_ERR_NOTSUP, "no counter '%.60s'", key);
        }
        word++;
    }
    word += len + 1;
    return take_number(&word, count) ? 0 : fail(c, VGPIO_ERR_PROTO, "not a number");
}

int vgpio_ctl_watch(struct vgpio_ctl *c, const char *line)
{
    int err = line == NULL
                  ? vgpio_ctl_ask(c, "watch changes", NULL, 0)
                  : ask_line(c, "watch changes", line, "", NULL, 0, answer_due(c));

    return err < 0 ? err : 0;
}

int vgpio_ctl_watch_messages(struct vgpio_ctl *c)
{
    int err = vgpio_ctl_ask(c, "watch messages", NULL, 0);

    return err < 0 ? err : 0;
}

int vgpio_ctl_next(struct vgpio_ctl *c, struct vgpio_ctl_event *e, uint32_t timeout_ms)
{
    const uint64_t due = now_ms() + timeout_ms;

    while (!kept_event(c, e)) {
        int kind, err;

        if (c->dead != 0) {
            return c->dead;
        }
        kind = next_line(c, due);
        if (kind <= 0) {
            return kind;
        }
        if (kind == LINE_EVENT && parse_event(c->line, e)) {
            c->line_len = 0;
            return 1; /* needs no place in the ring */
        }
        err = done_with(c, kind);
        if (err <= 0) {
            return err < 0 ? err : fail(c, VGPIO_ERR_PROTO, "an answer to no question");
        }
    }
    return 1;
}
