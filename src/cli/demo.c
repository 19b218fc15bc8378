/* SPDX-License-Identifier: BSD-3-Clause */
#include "demo.h"

#include "cli.h"
#include "demo_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <virtiogpio/wire.h>

#define ARENA_BYTES 4096u /* rings and cells of the driver, then the names */
#define NAMES_AT 3072u
#define BYTES_A_ROW 8u
#define TRIES 16 /* nobody else runs: what takes longer never comes */

_Static_assert(VGPIO_DMA_SIZE(DEMO_NREQ, DEMO_NIRQ) <= NAMES_AT,
               "the arena is too small");

/* --- printing --- */

void demo_title(struct demo *d, const char *title)
{
    fprintf(d->out, "\n%s\n", title);
}

void demo_say(struct demo *d, const char *text)
{
    fprintf(d->out, "  %s\n", text);
}

static void put_time(struct demo *d)
{
    fprintf(d->out, "%4" PRIu64 " %s  ", d->now_ns / 1000u, d->utf8 ? "\u00b5s" : "us");
}

/* One message: its bytes, eight a row, and the meaning beside the first. */
static void put_message(struct demo *d, unsigned q, bool from_driver,
                        const struct tap_bytes *b, const char *meaning)
{
    static const char *const arrows[2][2] = {{"<", ">"}, {"\u2190", "\u2192"}};
    uint32_t row, i;

    put_time(d);
    fprintf(d->out, "%s %s  ", arrows[d->utf8][from_driver],
            q == VGPIO_REQUESTQ ? "requestq" : "eventq  ");
    for (row = 0; row == 0 || row < b->len; row += BYTES_A_ROW) {
        if (row != 0) {
            fprintf(d->out, "%21s", "");
        }
        for (i = row; i < b->len && i < row + BYTES_A_ROW; i++) {
            fprintf(d->out, " %02x", b->at[i]);
        }
        if (row == 0) {
            fprintf(d->out, "%*s  %s", 3 * (int)(row + BYTES_A_ROW - i), "", meaning);
        }
        fputc('\n', d->out);
    }
}

static void on_request(void *ctx, unsigned q, const struct tap_bytes *request)
{
    struct demo *d = ctx;
    char text[128];

    text_of_request(text, sizeof text, q, request, d->bank.names, d->bank.nlines);
    put_message(d, q, true, request, text);
    d->now_ns += DEMO_STEP_NS;
}

static void on_answer(void *ctx, unsigned q, const struct tap_bytes *request,
                      const struct tap_bytes *answer)
{
    struct demo *d = ctx;
    char text[128];

    text_of_answer(text, sizeof text, q, request, answer, d->bank.names, d->bank.nlines);
    put_message(d, q, false, answer, text);
}

void demo_expect(struct demo *d, const char *what, long got, long wanted)
{
    if (got != wanted) {
        fflush(d->out); /* so that the complaint stands where it belongs */
        cli_error("%s: got %ld, wanted %ld", what, got, wanted);
        d->failures++;
    }
}

/* --- the world runs --- */

/* A line has a new level or direction: on with the waveform. */
static void on_change(void *ctx, uint16_t line, unsigned level)
{
    struct demo *d = ctx;
    char value = level != 0 ? '1' : '0';

    if (vgpio_sim_direction(&d->bank.sim, line) == VGPIO_DIR_NONE) {
        value = 'z';
    }
    if (d->shown[line] != value && d->wave.nchanges < DEMO_CHANGES) {
        struct wave_change *c = &d->changes[d->wave.nchanges++];

        d->shown[line] = value;
        c->ns = d->now_ns;
        c->line = line;
        c->value = value;
    }
}

/* The driver has rung, the device works, and both are overheard. False: nothing to do. */
static bool turn(struct demo *d)
{
    unsigned kicks, events, q;

    tap_look_requests(&d->tap);
    kicks = vgpio_loop_take_kicks(&d->loop);
    for (q = 0; q < 2; q++) {
        while ((kicks >> q & 1u) != 0 && vgpio_dev_kick(&d->bank.dev, q) > 0) {
        }
    }
    events = vgpio_dev_take_events(&d->bank.dev);
    tap_look_answers(&d->tap);
    return kicks != 0 || events != 0;
}

static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    struct demo *d = ctx;

    /* INVALID comes for a line that was disabled: the driver keeps that to itself. */
    if (ev->kind == VGPIO_IRQ && ev->result == 0 && ev->line < DEMO_LINES) {
        d->irqs[ev->line]++;
    }
}

static int wait_for_device(void *ctx)
{
    return turn(ctx) ? 0 : -1;
}

/* What came without a call that waits for it. */
static void poll_events(struct demo *d)
{
    struct vgpio_drv_event ev;

    (void)turn(d);
    while (vgpio_drv_poll(&d->drv, &ev) > 0) {
        on_event(d, &ev);
    }
    demo_expect(d, "poll", vgpio_drv_poll(&d->drv, &ev), 0);
}

/* --- the driver's side --- */

bool demo_has_irq(const struct demo *d)
{
    return (d->tap.taken & VGPIO_F_IRQ) != 0;
}

void demo_start(struct demo *d)
{
    char text[128];
    int err, tries = TRIES;
    uint8_t config[VGPIO_CONFIG_SIZE];
    struct tap_bytes b = {.len = VGPIO_CONFIG_SIZE};

    do {
        err = vgpio_drv_start(&d->drv);
    } while (err == 1 && tries-- > 0);
    demo_expect(d, "start", err, 0);
    demo_expect(d, "lines", vgpio_drv_ngpio(&d->drv), DEMO_LINES);
    text_of_features(text, sizeof text, d->tap.offered);
    fprintf(d->out, "  features offered  %s\n", text);
    text_of_features(text, sizeof text, d->tap.taken);
    fprintf(d->out, "  features taken    %s\n", text);
    (void)tap_bus_ops.config_read(&d->tap, 0, config, sizeof config);
    memcpy(b.at, config, sizeof config);
    fprintf(d->out, "  configuration     ");
    for (unsigned i = 0; i < b.len; i++) {
        fprintf(d->out, "%02x ", b.at[i]);
    }
    fprintf(d->out, " %u lines, %" PRIu32 " bytes of names\n", vgpio_drv_ngpio(&d->drv),
            vgpio_drv_names_size(&d->drv));
    fprintf(d->out, "  rings             requestq of %u, ", d->tap.q[0].at.size);
    if (demo_has_irq(d)) {
        fprintf(d->out, "eventq of %u descriptors\n", d->tap.q[1].at.size);
    } else {
        fprintf(d->out, "no eventq\n");
    }
}

void demo_names(struct demo *d)
{
    uint8_t *buf = (uint8_t *)d->driver_view + NAMES_AT;
    uint32_t size = vgpio_drv_names_size(&d->drv);
    struct vgpio_drv_event ev = {0};
    uint8_t block[256];
    const char *name;
    uint32_t off = 0;
    unsigned i;

    demo_expect(d, "read names",
                vgpio_drv_read_names(&d->drv, buf, DEMO_GPA + NAMES_AT, size + 1, d), 0);
    demo_expect(d, "flush", vgpio_drv_flush(&d->drv), 0);
    (void)turn(d);
    demo_expect(d, "an answer", vgpio_drv_poll(&d->drv, &ev), 1);
    demo_expect(d, "bytes of names", ev.result, (long)size);
    /* Copy, then look: the device can still write there. */
    size = size < sizeof block ? size : sizeof block;
    memcpy(block, buf + 1, size);
    demo_expect(d, "names", vgpio_names_check(block, size, DEMO_LINES, NULL), 0);
    for (i = 0; i < DEMO_LINES; i++) {
        name = vgpio_names_next(block, size, &off);
        demo_expect(d, "a name", name != NULL && strcmp(name, d->bank.names[i]) == 0, 1);
    }
}

void demo_ask(struct demo *d, unsigned type, uint16_t line, uint32_t value, int wanted)
{
    char what[48];

    snprintf(what, sizeof what, "message %u to line %u", type, line);
    demo_expect(d, what, vgpio_sync_call(&d->sync, type, line, value), wanted);
}

void demo_unmask(struct demo *d, uint16_t line)
{
    demo_expect(d, "unmask", vgpio_drv_unmask(&d->drv, line), 0);
    demo_expect(d, "flush", vgpio_drv_flush(&d->drv), 0);
    poll_events(d);
}

void demo_stop(struct demo *d)
{
    int err, tries = TRIES;

    do {
        err = vgpio_drv_stop(&d->drv);
    } while (err == 1 && tries-- > 0);
    demo_expect(d, "stop", err, 0);
}

/* --- the outside --- */

void demo_pull(struct demo *d, uint16_t line, unsigned level, const char *deed)
{
    d->now_ns += DEMO_STEP_NS;
    put_time(d);
    fprintf(d->out, "%s\n", deed);
    demo_expect(d, "pull", bank_pull(&d->bank, line, level), 0);
    poll_events(d);
}

void demo_expect_irqs(struct demo *d, uint16_t line, unsigned wanted)
{
    demo_expect(d, "interrupts", (long)d->irqs[line], (long)wanted);
    d->irqs[line] = 0;
}

/* --- setting the stage --- */

/* Two mappings of the same bytes: neither side can use a pointer of the other by
 * accident, exactly as if a machine lay between them. */
static int share_memory(struct demo *d)
{
    int fd = memfd_create("vgpio-demo", MFD_CLOEXEC);

    d->size = ARENA_BYTES;
    if (fd < 0 || ftruncate(fd, (off_t)d->size) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    d->driver_view = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    d->device_view = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return d->driver_view == MAP_FAILED || d->device_view == MAP_FAILED ? -1 : 0;
}

static int join(struct demo *d)
{
    struct vgpio_drv_config c = {0};
    int err = vgpio_loop_init(&d->loop, d->bank.vdev, &d->mem);

    if (err < 0) {
        return err;
    }
    d->tap.bus = &vgpio_loop_bus_ops;
    d->tap.bus_ctx = &d->loop;
    d->tap.mem = &d->mem;
    d->tap.on_request = on_request;
    d->tap.on_answer = on_answer;
    d->tap.ctx = d;
    c.bus = &tap_bus_ops;
    c.bus_ctx = &d->tap;
    c.dma = d->driver_view;
    c.dma_addr = DEMO_GPA;
    c.dma_size = VGPIO_DMA_SIZE(DEMO_NREQ, DEMO_NIRQ);
    c.slots = d->slots;
    c.ring = d->ring;
    c.nreq = DEMO_NREQ;
    c.nirq = DEMO_NIRQ;
    d->sync.ops_size = sizeof d->sync;
    d->sync.drv = &d->drv;
    d->sync.wait = wait_for_device;
    d->sync.on_event = on_event;
    d->sync.ctx = d;
    return vgpio_drv_init(&d->drv, &c);
}

int demo_init(struct demo *d, FILE *out, bool utf8, const struct features *features)
{
    static const char initial[DEMO_LINES + 1] = "zzzz";
    char why[128];
    const char *refused;
    int err;

    memset(d, 0, sizeof *d);
    d->out = out;
    d->utf8 = utf8;
    d->driver_view = d->device_view = MAP_FAILED;
    if (bank_init(&d->bank, BANK_STANDARD, "led,button,alarm,", features_mask(features),
                  why, sizeof why) < 0) {
        cli_error("%s", why);
        return CLI_FAILED;
    }
    refused = features_refused(features, bank_offered(&d->bank));
    if (refused != NULL) {
        return cli_usage_error("demo", "%s", refused);
    }
    d->bank.on_change = on_change;
    d->bank.watch_ctx = d;
    if (share_memory(d) < 0) {
        cli_error("shared memory: %s", strerror(errno));
        return CLI_FAILED;
    }
    d->region = (struct vgpio_mem_region){DEMO_GPA, d->size, d->device_view};
    d->table = (struct vgpio_mem_table){&d->region, 1};
    d->mem =
        (struct vgpio_mem){sizeof d->mem, &d->table, vgpio_mem_table_map, NULL, NULL};
    memcpy(d->shown, initial, sizeof d->shown);
    d->wave.names = d->bank.names;
    d->wave.initial = initial;
    d->wave.nlines = DEMO_LINES;
    d->wave.changes = d->changes;
    err = join(d);
    if (err < 0) {
        cli_error("the driver: %s", vgpio_strerror(err));
        return CLI_FAILED;
    }
    return CLI_OK;
}

void demo_free(struct demo *d)
{
    if (d->driver_view != MAP_FAILED) {
        munmap(d->driver_view, d->size);
    }
    if (d->device_view != MAP_FAILED) {
        munmap(d->device_view, d->size);
    }
    bank_free(&d->bank);
}
