/* SPDX-License-Identifier: BSD-3-Clause */
#include "board.h"

#include "cli.h"
#include "sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define DEVICES_MAX 256u

struct parser {
    struct board *b;
    struct lex lex;
};

static int no_memory(struct parser *p)
{
    return lex_fail(&p->lex, 0, "out of memory");
}

/* Room for one more behind `n`, by doubling; NULL: none, and the table is as it was. */
static void *grow(void *table, uint32_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0) {
        return table;
    }
    return realloc(table, (n == 0 ? 1u : 2u * (size_t)n) * size);
}

/* --- names --- */

static uint32_t bucket_of(uint32_t device, const char *name)
{
    uint32_t h = 2166136261u ^ device;

    for (; *name != '\0'; name++) {
        h = (h ^ (uint8_t)*name) * 16777619u;
    }
    return (h ^ h >> 16) % BOARD_BUCKETS;
}

uint32_t board_find(const struct board *b, uint32_t device, const char *name)
{
    uint32_t i = b->bucket[bucket_of(device, name)];

    while (i != NONE &&
           (b->pins[i].device != device || strcmp(b->pins[i].name, name) != 0)) {
        i = b->pins[i].next;
    }
    return i;
}

void board_enter(struct board *b, uint32_t pin)
{
    uint32_t *bucket = &b->bucket[bucket_of(b->pins[pin].device, b->pins[pin].name)];

    b->pins[pin].next = *bucket;
    *bucket = pin;
}

static uint32_t find_device(const struct board *b, const char *name, size_t len)
{
    uint32_t i;

    for (i = 0; i < b->ndevices; i++) {
        if (strlen(b->devices[i].name) == len &&
            memcmp(b->devices[i].name, name, len) == 0) {
            return i;
        }
    }
    return NONE;
}

/* A word that may stand before a dot, and alone. */
static int check_word(struct parser *p, unsigned word)
{
    const char *name = lex_word(&p->lex, word);
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789_-");

    if (n == 0 || name[n] != '\0' || name[strspn(name, "0123456789")] == '\0' ||
        n > BANK_NAME_MAX) {
        return lex_fail(&p->lex, word,
                        "'%.40s' cannot be a name, expected letters, digits, '_' and '-'",
                        name);
    }
    return 0;
}

static int say_line(const struct board_device *d, const char *name, char *why,
                    size_t size)
{
    snprintf(why, size, "device '%.60s' has no line '%.60s', expected a name or 0 to %u",
             d->name, name, d->nlines - 1u);
    return -1;
}

int board_pin_text(const struct board *b, char *text, uint16_t *pin, char *why,
                   size_t size)
{
    char *dot = strchr(text, '.');
    uint32_t device, found = NONE;
    uint64_t n;

    if (dot == NULL) {
        found = board_find(b, BOARD_NODE, text);
        if (found == NONE) {
            snprintf(why, size, "'%.60s' is no node, expected DEVICE.LINE or a node",
                     text);
            return -1;
        }
        *pin = (uint16_t)found;
        return 0;
    }
    device = find_device(b, text, (size_t)(dot - text));
    if (device == NONE) {
        snprintf(why, size, "no device '%.*s' so far, expected DEVICE.LINE",
                 (int)(dot - text < 60 ? dot - text : 60), text);
        return -1;
    }
    if (dot[1] != '\0' && dot[1 + strspn(dot + 1, "0123456789")] == '\0') {
        if (!cli_number(dot + 1, b->devices[device].nlines - 1u, &n)) {
            return say_line(&b->devices[device], dot + 1, why, size);
        }
        *pin = (uint16_t)(b->devices[device].first + n);
        return 0;
    }
    found = dot[1] == '\0' ? NONE : board_find(b, device, dot + 1);
    if (found == NONE) {
        return say_line(&b->devices[device], dot + 1, why, size);
    }
    *pin = (uint16_t)found;
    return 0;
}

int board_pin_word(const struct board *b, struct lex *l, unsigned word, uint16_t *pin)
{
    char why[200];

    if (word >= l->n) {
        return lex_fail(l, word, "the line ends here, expected DEVICE.LINE or a node");
    }
    if (board_pin_text(b, l->word[word].text, pin, why, sizeof why) < 0) {
        return lex_fail(l, word, "%s", why);
    }
    return 0;
}

const char *board_pin_name(const struct board *b, uint16_t pin, char *out, size_t size)
{
    const struct board_pin *p = &b->pins[pin];

    if (p->device == BOARD_NODE) {
        snprintf(out, size, "%s", p->name);
    } else if (p->name[0] != '\0') {
        snprintf(out, size, "%s.%s", b->devices[p->device].name, p->name);
    } else {
        snprintf(out, size, "%s.%u", b->devices[p->device].name, p->line);
    }
    return out;
}

static int ends(struct parser *p, unsigned word)
{
    return p->lex.n <= word
               ? 0
               : lex_fail(&p->lex, word, "'%.40s' is too much, expected the line's end",
                          lex_word(&p->lex, word));
}

/* --- device, line, node --- */

static int add_pins(struct parser *p, uint32_t n, uint32_t device)
{
    struct board *b = p->b;
    struct board_pin *pins;
    uint32_t i;

    if (b->npins + b->nwires + n > VGPIO_WIRING_MAX) {
        return lex_fail(&p->lex, 0,
                        "too much, expected at most %u lines, nodes and wires",
                        VGPIO_WIRING_MAX);
    }
    pins = realloc(b->pins, (b->npins + (size_t)n) * sizeof *pins);
    if (pins == NULL) {
        return no_memory(p);
    }
    b->pins = pins;
    memset(pins + b->npins, 0, n * sizeof *pins);
    for (i = 0; i < n; i++) {
        pins[b->npins + i].name = "";
        pins[b->npins + i].device = (uint16_t)device;
        pins[b->npins + i].line = (uint16_t)i;
        pins[b->npins + i].pull = VGPIO_FLOATING;
        pins[b->npins + i].next = NONE;
    }
    b->npins += n;
    return 0;
}

static int take_path(struct parser *p, unsigned word, const char **at)
{
    const char *path = strchr(lex_word(&p->lex, word), '=') + 1;

    if (*at != NULL) {
        return lex_fail(&p->lex, word, "given twice, expected it once");
    }
    if (!sock_path_fits(path)) {
        return lex_fail(&p->lex, word,
                        "empty, or too long for a socket, expected a path");
    }
    *at = path;
    return 0;
}

static int take_dialect(struct parser *p, unsigned word, struct board_device *d)
{
    const char *name = lex_word(&p->lex, word) + strlen("dialect=");

    return bank_dialect_of(name, &d->dialect)
               ? 0
               : lex_fail(&p->lex, word,
                          "'%.40s' is no dialect, expected standard, draft or draft-2021",
                          name);
}

static int take_count(struct parser *p, unsigned word, struct board_device *d)
{
    const char *text = lex_word(&p->lex, word) + strlen("lines=");
    uint64_t n;

    if (d->nlines != 0) {
        return lex_fail(&p->lex, word, "given twice, expected it once");
    }
    if (!cli_number(text, UINT16_MAX, &n) || n == 0) {
        return lex_fail(&p->lex, word, "'%.40s' is wrong, expected 1 to 65535 lines",
                        text);
    }
    d->nlines = (uint16_t)n;
    return 0;
}

static int take_setting(struct parser *p, unsigned i, struct board_device *d)
{
    const char *word = lex_word(&p->lex, i);

    if (strncmp(word, "lines=", 6) == 0) {
        return take_count(p, i, d);
    }
    if (strncmp(word, "socket=", 7) == 0) {
        return take_path(p, i, &d->socket);
    }
    if (strncmp(word, "control=", 8) == 0) {
        return take_path(p, i, &d->control);
    }
    if (strncmp(word, "dialect=", 8) == 0) {
        return take_dialect(p, i, d);
    }
    return lex_fail(
        &p->lex, i,
        "'%.40s' is unknown, expected lines=, socket=, control= or dialect=", word);
}

static int same_socket(struct parser *p, const struct board_device *d)
{
    const struct board *b = p->b;
    const char *mine[2] = {d->socket, d->control};
    uint32_t i;
    unsigned m;

    if (d->socket != NULL && d->control != NULL && strcmp(d->socket, d->control) == 0) {
        return lex_fail(&p->lex, 0, "socket= and control= are one path, expected two");
    }
    for (i = 0; i < b->ndevices; i++) {
        const char *theirs[2] = {b->devices[i].socket, b->devices[i].control};

        for (m = 0; m < 4; m++) {
            if (mine[m & 1] != NULL && theirs[m >> 1] != NULL &&
                strcmp(mine[m & 1], theirs[m >> 1]) == 0) {
                return lex_fail(&p->lex, 0,
                                "a path of device '%.60s' again, expected another",
                                b->devices[i].name);
            }
        }
    }
    return 0;
}

static int do_device(struct parser *p)
{
    struct board *b = p->b;
    struct board_device *d;
    void *table;
    unsigned i;

    if (check_word(p, 1) < 0) {
        return -1;
    }
    if (find_device(b, lex_word(&p->lex, 1), strlen(lex_word(&p->lex, 1))) != NONE) {
        return lex_fail(&p->lex, 1,
                        "device '%.60s' is there already, expected a new name",
                        lex_word(&p->lex, 1));
    }
    table = b->ndevices < DEVICES_MAX ? grow(b->devices, b->ndevices, sizeof *d) : NULL;
    if (table == NULL) {
        return lex_fail(&p->lex, 0, "no room for it, expected at most %u devices",
                        DEVICES_MAX);
    }
    b->devices = table;
    d = &b->devices[b->ndevices];
    memset(d, 0, sizeof *d);
    d->name = lex_word(&p->lex, 1);
    for (i = 2; i < p->lex.n; i++) {
        if (take_setting(p, i, d) < 0) {
            return -1;
        }
    }
    if (d->nlines == 0) {
        return lex_fail(&p->lex, p->lex.n, "the line ends here, expected lines=N");
    }
    d->first = (uint16_t)b->npins;
    if (same_socket(p, d) < 0 || add_pins(p, d->nlines, b->ndevices) < 0) {
        return -1;
    }
    b->ndevices++;
    d->names = malloc(d->nlines * sizeof *d->names);
    if (d->names == NULL) {
        return no_memory(p);
    }
    for (i = 0; i < d->nlines; i++) {
        d->names[i] = "";
    }
    return 0;
}

/* "pull-up" and so on; -2: it is none of them. */
static int take_attribute(struct parser *p, unsigned word, struct board_pin *pin)
{
    static const struct {
        const char *name;
        bool is_pull;
        uint8_t value;
    } words[] = {
        {"pull-up", true, 1},
        {"pull-down", true, 0},
        {"pull-none", true, VGPIO_FLOATING},
        {"push-pull", false, VGPIO_PUSH_PULL},
        {"open-drain", false, VGPIO_OPEN_DRAIN},
        {"open-source", false, VGPIO_OPEN_SOURCE},
    };
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!lex_is(&p->lex, word, words[i].name)) {
            continue;
        }
        if (words[i].is_pull ? pin->has_pull : pin->has_kind) {
            return lex_fail(&p->lex, word,
                            "'%s' says again what is said, expected it once",
                            words[i].name);
        }
        *(words[i].is_pull ? &pin->pull : &pin->kind) = words[i].value;
        *(words[i].is_pull ? &pin->has_pull : &pin->has_kind) = true;
        return 0;
    }
    return -2;
}

static int take_attributes(struct parser *p, unsigned word, uint32_t pin)
{
    for (; word < p->lex.n; word++) {
        int n = take_attribute(p, word, &p->b->pins[pin]);

        if (n == -2) {
            return lex_fail(&p->lex, word,
                            "'%.40s' is unknown, expected pull-up, pull-down, pull-none, "
                            "push-pull, open-drain or open-source",
                            lex_word(&p->lex, word));
        }
        if (n < 0) {
            return -1;
        }
    }
    return 0;
}

static int do_line(struct parser *p)
{
    struct board *b = p->b;
    const char *word = lex_word(&p->lex, 1);
    const char *dot = strchr(word, '.');
    char why[200];
    uint32_t device, pin;
    uint64_t n;

    device = dot == NULL ? NONE : find_device(b, word, (size_t)(dot - word));
    if (device == NONE) {
        return lex_fail(&p->lex, 1,
                        "'%.60s' names no device so far, expected DEVICE.NAME", word);
    }
    if (dot[1] == '\0' || bank_check_name(dot + 1, why, sizeof why) < 0) {
        return lex_fail(&p->lex, 1, "%s, expected DEVICE.NAME",
                        dot[1] == '\0' ? "an empty name" : why);
    }
    if (board_find(b, device, dot + 1) != NONE) {
        return lex_fail(&p->lex, 1, "'%.60s' is there already, expected a new name",
                        word);
    }
    if (lex_number(&p->lex, 2, 0, b->devices[device].nlines - 1u, &n) < 0) {
        return -1;
    }
    pin = b->devices[device].first + (uint32_t)n;
    if (b->pins[pin].name[0] != '\0') {
        return lex_fail(&p->lex, 2, "line %u is '%.60s' already, expected another",
                        b->pins[pin].line, b->pins[pin].name);
    }
    b->pins[pin].name = b->devices[device].names[n] = dot + 1;
    board_enter(b, pin);
    return take_attributes(p, 3, pin);
}

static int add_node(struct parser *p)
{
    struct board *b = p->b;

    if (check_word(p, 1) < 0) {
        return -1;
    }
    if (board_find(b, BOARD_NODE, lex_word(&p->lex, 1)) != NONE) {
        return lex_fail(&p->lex, 1, "node '%.60s' is there already, expected a new name",
                        lex_word(&p->lex, 1));
    }
    if (add_pins(p, 1, BOARD_NODE) < 0) {
        return -1;
    }
    b->pins[b->npins - 1].name = lex_word(&p->lex, 1);
    board_enter(b, b->npins - 1);
    return 0;
}

static int do_node(struct parser *p)
{
    return add_node(p) < 0 ? -1 : take_attributes(p, 2, p->b->npins - 1);
}

static int do_pin(struct parser *p)
{
    uint16_t pin = 0;

    if (board_pin_word(p->b, &p->lex, 1, &pin) < 0) {
        return -1;
    }
    if (p->lex.n < 3) {
        return lex_fail(&p->lex, 2, "the line ends here, expected pull-up or the like");
    }
    return take_attributes(p, 2, pin);
}

/* --- what lies between them --- */

static int add_join(struct parser *p, uint16_t a, uint16_t c)
{
    struct board *b = p->b;
    void *table = grow(b->joins, b->njoins, sizeof *b->joins);

    if (table == NULL) {
        return no_memory(p);
    }
    b->joins = table;
    b->joins[b->njoins].a = a;
    b->joins[b->njoins++].b = c;
    return 0;
}

static int do_join(struct parser *p)
{
    uint16_t first = 0, pin = 0;
    unsigned i;

    if (board_pin_word(p->b, &p->lex, 1, &first) < 0) {
        return -1;
    }
    for (i = 2; i < p->lex.n || i == 2; i++) {
        if (board_pin_word(p->b, &p->lex, i, &pin) < 0 || add_join(p, first, pin) < 0) {
            return -1;
        }
    }
    return 0;
}

/* wired-and NAME LINE... [pull-up]: a node, and all of one kind. */
static int do_bus(struct parser *p, uint8_t kind, uint8_t pull)
{
    struct board *b = p->b;
    uint32_t node = b->npins;
    unsigned i, members = 0;

    if (add_node(p) < 0) {
        return -1;
    }
    for (i = 2; i < p->lex.n; i++) {
        int n = take_attribute(p, i, &b->pins[node]);
        uint16_t pin = 0;

        if (n == -1) {
            return -1;
        }
        if (n == 0) {
            continue;
        }
        if (board_pin_word(b, &p->lex, i, &pin) < 0 ||
            add_join(p, (uint16_t)node, pin) < 0) {
            return -1;
        }
        if (b->pins[pin].has_kind && b->pins[pin].kind != kind) {
            return lex_fail(&p->lex, i, "'%.60s' drives in another way, expected %s",
                            lex_word(&p->lex, i),
                            kind == VGPIO_OPEN_DRAIN ? "open-drain" : "open-source");
        }
        b->pins[pin].kind = kind;
        b->pins[pin].has_kind = true;
        members++;
    }
    if (members == 0) {
        return lex_fail(&p->lex, p->lex.n, "the line ends here, expected DEVICE.LINE");
    }
    if (!b->pins[node].has_pull) {
        b->pins[node].pull = pull;
    }
    return 0;
}

static int do_wired_and(struct parser *p)
{
    return do_bus(p, VGPIO_OPEN_DRAIN, 1);
}

static int do_wired_or(struct parser *p)
{
    return do_bus(p, VGPIO_OPEN_SOURCE, 0);
}

static int add_wire(struct parser *p, const struct board_wire *w)
{
    struct board *b = p->b;
    void *table = grow(b->wires, b->nwires, sizeof *w);

    if (table == NULL) {
        return no_memory(p);
    }
    b->wires = table;
    if (b->npins + b->nwires >= VGPIO_WIRING_MAX) {
        return lex_fail(&p->lex, 0,
                        "too much, expected at most %u lines, nodes and wires",
                        VGPIO_WIRING_MAX);
    }
    b->wires[b->nwires++] = *w;
    return 0;
}

static int take_kind(struct parser *p, unsigned i, struct board_wire *w)
{
    struct board_pin as = {.has_pull = true};
    int n = i < p->lex.n ? take_attribute(p, i, &as) : 0;

    if (n < 0) {
        return lex_fail(&p->lex, i,
                        "'%.40s' is unknown, expected push-pull, open-drain, open-source "
                        "or the line's end",
                        lex_word(&p->lex, i));
    }
    w->kind = as.kind;
    return ends(p, i + 1);
}

/* wire [feedback] [not] LINE -> [not] LINE [KIND] */
static int do_wire(struct parser *p)
{
    struct board_wire w = {0};
    unsigned i = 1;

    w.feedback = lex_is(&p->lex, i, "feedback");
    i += w.feedback;
    w.line = p->lex.line;
    w.col = i < p->lex.n ? p->lex.word[i].col : 1;
    if (lex_is(&p->lex, i, "not")) {
        w.flags ^= VGPIO_WIRE_NOT;
        i++;
    }
    if (board_pin_word(p->b, &p->lex, i++, &w.from) < 0) {
        return -1;
    }
    if (!lex_is(&p->lex, i, "->")) {
        return lex_fail(&p->lex, i, "'%.40s' is wrong here, expected '->'",
                        lex_word(&p->lex, i));
    }
    i++;
    if (lex_is(&p->lex, i, "not")) {
        w.flags ^= VGPIO_WIRE_NOT;
        i++;
    }
    return board_pin_word(p->b, &p->lex, i++, &w.to) < 0 || take_kind(p, i, &w) < 0
               ? -1
               : add_wire(p, &w);
}

static int do_hog(struct parser *p)
{
    static const char *const names[] = {"", "input", "output-low", "output-high"};
    uint8_t hog = HOG_HIGH;
    uint16_t pin = 0;

    if (board_pin_word(p->b, &p->lex, 1, &pin) < 0) {
        return -1;
    }
    while (hog > HOG_NONE && !lex_is(&p->lex, 2, names[hog])) {
        hog--;
    }
    if (hog == HOG_NONE) {
        return lex_fail(&p->lex, 2,
                        "'%.40s' is wrong, expected input, output-low or output-high",
                        lex_word(&p->lex, 2));
    }
    if (p->b->pins[pin].hog != HOG_NONE) {
        return lex_fail(&p->lex, 1, "'%.60s' is hogged already, expected another line",
                        lex_word(&p->lex, 1));
    }
    p->b->pins[pin].hog = hog;
    p->b->pins[pin].hog_line = p->lex.line;
    return ends(p, 3);
}

/* --- faults --- */

static int do_fault(struct parser *p)
{
    struct board *b = p->b;
    void *table = grow(b->faults, b->nfaults, sizeof *b->faults);
    struct board_fault *f;

    if (table == NULL) {
        return no_memory(p);
    }
    b->faults = table;
    f = &b->faults[b->nfaults];
    memset(f, 0, sizeof *f);
    if (board_pin_word(b, &p->lex, 1, &f->pin) < 0 ||
        board_fault_words(&p->lex, 2, &f->rule) < 0) {
        return -1;
    }
    if (b->pins[f->pin].device == BOARD_NODE && f->rule.kind != FAULT_STORM) {
        return lex_fail(&p->lex, 1, "'%.60s' is a node, expected DEVICE.LINE",
                        lex_word(&p->lex, 1));
    }
    b->nfaults++;
    return 0;
}

/* --- the whole --- */

static const struct {
    const char *name;
    int (*run)(struct parser *);
} statements[] = {
    {"device", do_device},
    {"line", do_line},
    {"node", do_node},
    {"pin", do_pin},
    {"join", do_join},
    {"wire", do_wire},
    {"wired-and", do_wired_and},
    {"wired-or", do_wired_or},
    {"hog", do_hog},
    {"fault", do_fault},
};

static int do_statement(struct parser *p)
{
    size_t i;

    for (i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (lex_is(&p->lex, 0, statements[i].name)) {
            return statements[i].run(p);
        }
    }
    return lex_fail(&p->lex, 0,
                    "'%.40s' is unknown, expected device, line, node, pin, join, wire, "
                    "wired-and, wired-or, hog or fault",
                    lex_word(&p->lex, 0));
}

int board_parse(struct board *b, char *text, size_t len, struct lex_error *err)
{
    struct parser p = {.b = b};
    int n;

    memset(b, 0, sizeof *b);
    memset(b->bucket, 0xff, sizeof b->bucket);
    b->text = text;
    lex_init(&p.lex, text, len, err);
    while ((n = lex_next(&p.lex)) > 0) {
        if (do_statement(&p) < 0) {
            return -1;
        }
    }
    if (n == 0 && b->ndevices == 0) {
        return lex_fail_at(err, p.lex.line > 0 ? p.lex.line : 1, 1,
                           "no device, expected at least one");
    }
    return n < 0 || board_order(b, err) < 0 ? -1 : board_check(b, err);
}

void board_free(struct board *b)
{
    uint32_t i;

    for (i = 0; i < b->ndevices; i++) {
        free(b->devices[i].names);
    }
    free(b->devices);
    free(b->pins);
    free(b->wires);
    free(b->joins);
    free(b->faults);
    free(b->text);
    free(b->text_anew);
    memset(b, 0, sizeof *b);
}
