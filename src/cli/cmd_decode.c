/* SPDX-License-Identifier: BSD-3-Clause */
/* `vgpio decode`: bytes that somebody captured, in words. */
#include "cli.h"
#include "decode.h"
#include "demo_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/draft.h>
#include <virtiogpio/wire.h>

static const char help[] =
    "usage: vgpio decode [-t TYPE] [OPTIONS] [HEX]...\n"
    "Says what captured bytes mean. They come as hexadecimal digits, with blanks, "
    "colons,\n"
    "commas or 0x between them, from the command line or else from stdin.\n"
    "\n"
    "  -t, --type TYPE     what they are:\n"
    "      request         messages to the request queue, 8 bytes each\n"
    "      response        the answer to one of them, given by --to\n"
    "      irq             buffers on the event queue, 2 bytes each\n"
    "      irq-status      a byte the device wrote into one of them\n"
    "      config          the configuration space, 8 bytes\n"
    "      names           the block of line names\n"
    "      features        the number of a feature word, not bytes\n"
    "      vhost-user      messages on the socket, one behind the other\n"
    "      draft           messages of the protocol's draft, 8 bytes each\n"
    "                      Without it: vhost-user or request, whichever fits.\n"
    "      --to HEX        the request that a response answers\n"
    "  -b, --binary FILE   the bytes are in FILE, as they are (-: stdin)\n"
    "  -h, --help          print this and exit\n"
    "  -V, --version       print the version and exit\n"
    "\n"
    "Exit status 1 if the bytes are not what they should be.\n"
    "\n"
    "Example: vgpio decode 05 00 03 00 01 00 00 00\n";

enum {
    OPT_TO = 256
};

static const struct option longs[] = {
    {"type", required_argument, NULL, 't'},
    {"to", required_argument, NULL, OPT_TO},
    {"binary", required_argument, NULL, 'b'},
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "decode",
    .help = help,
    .longs = longs,
};

struct decode {
    const char *type, *to, *file;
    uint8_t *bytes;
    size_t len, room;
};

/* ---- bytes in ---- */

static bool add(struct decode *d, uint8_t byte)
{
    if (d->len == d->room) {
        size_t room = d->room == 0 ? 256 : 2 * d->room;
        uint8_t *p = realloc(d->bytes, room);

        if (p == NULL) {
            cli_error("%s", strerror(errno));
            return false;
        }
        d->bytes = p;
        d->room = room;
    }
    d->bytes[d->len++] = byte;
    return true;
}

#define NO_DIGIT 16u

static unsigned digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *p = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

    return p == NULL ? NO_DIGIT : (unsigned)(p - digits);
}

/* False: not hexadecimal, or no memory (and said so). */
static bool add_hex(struct decode *d, const char *text)
{
    while (*text != '\0') {
        if (strchr(" \t\r\n:,", *text) != NULL) {
            text++;
        } else if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
            text += 2;
        } else if (digit(text[0]) < NO_DIGIT && digit(text[1]) < NO_DIGIT) {
            if (!add(d, (uint8_t)(digit(text[0]) << 4 | digit(text[1])))) {
                return false;
            }
            text += 2;
        } else {
            return false;
        }
    }
    return true;
}

static int add_file(struct decode *d, FILE *f)
{
    int c;

    while ((c = getc(f)) != EOF) {
        if (!add(d, (uint8_t)c)) {
            return CLI_FAILED;
        }
    }
    return ferror(f) ? CLI_FAILED : CLI_OK;
}

static int read_binary(struct decode *d)
{
    FILE *f = strcmp(d->file, "-") == 0 ? stdin : fopen(d->file, "rb");
    int code = f == NULL ? CLI_FAILED : add_file(d, f);

    if (code != CLI_OK) {
        cli_error("%s: %s", d->file, strerror(errno));
    }
    if (f != NULL && f != stdin) {
        fclose(f);
    }
    return code;
}

static int read_stdin(struct decode *d)
{
    char *line = NULL;
    size_t size = 0;
    int code = CLI_OK;

    while (code == CLI_OK && getline(&line, &size, stdin) >= 0) {
        if (!add_hex(d, line)) {
            line[strcspn(line, "\n")] = '\0';
            code = cli_usage_error("decode", "not hexadecimal: '%.40s'", line);
        }
    }
    free(line);
    return code;
}

static int read_bytes(struct decode *d, char **args, int n)
{
    int i;

    if (d->file != NULL) {
        return n == 0 ? read_binary(d)
                      : cli_usage_error("decode", "unexpected argument '%s'", args[0]);
    }
    if (n == 0) {
        return read_stdin(d);
    }
    for (i = 0; i < n; i++) {
        if (!add_hex(d, args[i])) {
            return cli_usage_error("decode", "not hexadecimal: '%.40s'", args[i]);
        }
    }
    return CLI_OK;
}

/* ---- words out ---- */

static int bad(const char *what, size_t n)
{
    fflush(stdout);
    cli_error("decode: %zu%s", n, what);
    return CLI_FAILED;
}

void decode_hex(const uint8_t *p, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        printf("%02x ", p[i]);
    }
}

static void take(struct tap_bytes *b, const uint8_t *p, size_t n)
{
    b->len = (uint32_t)(n < TAP_BYTES ? n : TAP_BYTES);
    memcpy(b->at, p, b->len);
}

static int show_messages(const struct decode *d, unsigned q, size_t each)
{
    struct tap_bytes b;
    char text[256];
    size_t at;

    for (at = 0; at + each <= d->len; at += each) {
        take(&b, d->bytes + at, each);
        text_of_request(text, sizeof text, q, &b, NULL, 0);
        decode_hex(b.at, each);
        printf(" %s\n", text);
    }
    return at == d->len ? CLI_OK : bad(" bytes too many, or too few", d->len - at);
}

static int show_request(const struct decode *d)
{
    return show_messages(d, VGPIO_REQUESTQ, VGPIO_REQUEST_SIZE);
}

static int show_irq(const struct decode *d)
{
    return show_messages(d, VGPIO_EVENTQ, VGPIO_IRQ_REQUEST_SIZE);
}

static int show_names_of(const uint8_t *block, size_t size)
{
    const char *name;
    uint32_t off = 0;
    unsigned line = 0;

    while ((name = vgpio_names_next(block, (uint32_t)size, &off)) != NULL) {
        printf("line %3u:  ", line++);
        decode_text(name);
        putchar('\n');
    }
    return off == size ? CLI_OK : bad(" bytes of a name without an end", size - off);
}

static int show_names(const struct decode *d)
{
    return show_names_of(d->bytes, d->len);
}

static int show_response(const struct decode *d)
{
    struct decode to = {0};
    struct tap_bytes request, answer;
    char text[256];
    int code = CLI_OK;

    if (d->to == NULL || !add_hex(&to, d->to) || to.len < VGPIO_REQUEST_SIZE) {
        free(to.bytes);
        return cli_usage_error("decode",
                               "--to and the 8 bytes of the request are missing");
    }
    take(&request, to.bytes, to.len);
    take(&answer, d->bytes, d->len);
    free(to.bytes);
    if (d->len < 2) {
        return bad(" bytes are too few for an answer", d->len);
    }
    text_of_request(text, sizeof text, VGPIO_REQUESTQ, &request, NULL, 0);
    printf("%s\n", text);
    if (request.at[0] == VGPIO_MSG_GET_LINE_NAMES && d->bytes[0] == VGPIO_STATUS_OK) {
        puts("OK");
        code = show_names_of(d->bytes + 1, d->len - 1);
    } else {
        text_of_answer(text, sizeof text, VGPIO_REQUESTQ, &request, &answer, NULL, 0);
        decode_hex(answer.at, answer.len);
        printf(" %s\n", text);
    }
    return code;
}

static int show_irq_status(const struct decode *d)
{
    size_t i;

    for (i = 0; i < d->len; i++) {
        printf("%02x  %s\n", d->bytes[i],
               d->bytes[i] == VGPIO_IRQ_STATUS_VALID ? "VALID: the line interrupts"
               : d->bytes[i] == VGPIO_IRQ_STATUS_INVALID
                   ? "INVALID: the line is disabled, its buffer comes back"
                   : "?");
    }
    return CLI_OK;
}

static int show_config(const struct decode *d)
{
    struct vgpio_config c;

    if (d->len < VGPIO_CONFIG_SIZE) {
        return bad(" bytes are too few for a configuration", d->len);
    }
    vgpio_config_decode(&c, d->bytes);
    printf("ngpio            %u\n", c.ngpio);
    printf("padding          %02x %02x%s\n", d->bytes[2], d->bytes[3],
           d->bytes[2] != 0 || d->bytes[3] != 0 ? "  (must be 0)" : "");
    printf("gpio_names_size  %" PRIu32 "%s\n", c.names_size,
           c.names_size == 0        ? "  (no names)"
           : c.names_size < c.ngpio ? "  (impossible: each line has at least a 0)"
                                    : "");
    return d->len > VGPIO_CONFIG_SIZE
               ? bad(" bytes behind the configuration", d->len - VGPIO_CONFIG_SIZE)
               : CLI_OK;
}

static const char *draft_word(unsigned type)
{
    static const struct {
        unsigned type;
        const char *word;
    } words[] = {{VGPIO_DRAFT_REQUEST, "REQUEST"},
                 {VGPIO_DRAFT_DIRECTION_INPUT, "DIRECTION_INPUT"},
                 {VGPIO_DRAFT_DIRECTION_OUTPUT, "DIRECTION_OUTPUT"},
                 {VGPIO_DRAFT_GET_DIRECTION, "GET_DIRECTION"},
                 {VGPIO_DRAFT_GET_LEVEL, "GET_LEVEL"},
                 {VGPIO_DRAFT_SET_LEVEL, "SET_LEVEL"},
                 {VGPIO_DRAFT_RELEASE, "RELEASE"},
                 {VGPIO_DRAFT_SET_IRQ, "SET_IRQ"},
                 {VGPIO_DRAFT_LEVEL, "LEVEL report"}};
    size_t i;

    for (i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].type == type) {
            return words[i].word;
        }
    }
    return "unknown message";
}

static int show_draft(const struct decode *d)
{
    size_t at;

    for (at = 0; at + VGPIO_DRAFT_MSG_SIZE <= d->len; at += VGPIO_DRAFT_MSG_SIZE) {
        struct vgpio_draft_msg m;
        unsigned type;

        vgpio_draft_msg_decode(&m, d->bytes + at);
        type = m.type & ~(unsigned)VGPIO_DRAFT_REPLY_MASK;
        decode_hex(d->bytes + at, VGPIO_DRAFT_MSG_SIZE);
        printf(" %s line %u%s: %" PRId32 "\n", draft_word(type), m.line,
               (m.type & VGPIO_DRAFT_REPLY_MASK) == VGPIO_DRAFT_REPLY ? ", answer" : "",
               (int32_t)m.value);
    }
    return at == d->len ? CLI_OK : bad(" bytes too many, or too few", d->len - at);
}

static int show_vhost_user(const struct decode *d)
{
    size_t done = decode_vhost_user(d->bytes, d->len);

    return done == d->len ? CLI_OK : bad(" bytes are no whole message", d->len - done);
}

/* ---- which ---- */

static int show_features(int n, char **args)
{
    char text[256];
    uint64_t word;
    char *end;

    if (n != 1) {
        return cli_usage_error("decode", "features: one number must be given");
    }
    errno = 0;
    word = strtoull(args[0], &end, 0);
    if (errno != 0 || end == args[0] || *end != '\0' || args[0][0] == '-') {
        return cli_usage_error("decode", "features: '%s' is not a number", args[0]);
    }
    text_of_features(text, sizeof text, word);
    printf("0x%" PRIx64 "  %s\n", word, text[0] != '\0' ? text : "none");
    return CLI_OK;
}

static const struct {
    const char *name;
    int (*show)(const struct decode *);
} types[] = {
    {"request", show_request},       {"response", show_response}, {"irq", show_irq},
    {"irq-status", show_irq_status}, {"config", show_config},     {"names", show_names},
    {"vhost-user", show_vhost_user}, {"draft", show_draft},
};

static int show(const struct decode *d)
{
    const char *type = d->type;
    size_t i;

    if (type == NULL) {
        if (decode_is_vhost_user(d->bytes, d->len)) {
            type = "vhost-user";
        } else if (d->len > 0 && d->len % VGPIO_REQUEST_SIZE == 0) {
            type = "request";
        } else {
            return bad(" bytes are neither vhost-user messages nor requests; see --type",
                       d->len);
        }
    }
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].name) == 0) {
            return types[i].show(d);
        }
    }
    return cli_usage_error("decode", "--type: unknown type '%s'", type);
}

static bool known_type(const char *type)
{
    size_t i;

    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].name) == 0) {
            return true;
        }
    }
    return strcmp(type, "features") == 0;
}

static int take_option(void *ctx, int option)
{
    struct decode *d = ctx;

    switch (option) {
    case 't':
        d->type = optarg;
        return known_type(optarg)
                   ? CLI_OK
                   : cli_usage_error("decode", "--type: unknown type '%s'", optarg);
    case OPT_TO:
        d->to = optarg;
        return CLI_OK;
    default:
        d->file = optarg;
        return CLI_OK;
    }
}

int cmd_decode(int argc, char **argv)
{
    struct decode d = {0};
    int code = cli_options(&grammar, argc, argv, take_option, &d);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (d.type != NULL && strcmp(d.type, "features") == 0) {
        return show_features(argc - optind, argv + optind);
    }
    code = read_bytes(&d, argv + optind, argc - optind);
    if (code == CLI_OK) {
        code = show(&d);
    }
    free(d.bytes);
    if (fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        code = CLI_FAILED;
    }
    return code;
}
