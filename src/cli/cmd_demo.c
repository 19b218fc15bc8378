/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include "demo.h"
#include "demo_draft.h"
#include "features.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <virtiogpio/wire.h>

enum {
    LED,
    BUTTON,
    ALARM,
    UNNAMED
};
enum {
    OPT_VCD = 256,
    OPT_ASCII,
    OPT_DIALECT
};

static const char help[] =
    "usage: vgpio demo [--vcd FILE] [--ascii] [--packed] [--no-FEATURE]...\n"
    "       vgpio demo --dialect draft|draft-2021 [--ascii]\n"
    "Shows a virtio-gpio driver and device talking: both in this process, on real\n"
    "virtqueues. Prints each message with its bytes on the wire and what it means, then\n"
    "the waveform of the lines. Exit status 0 if every answer was as expected.\n"
    "\n"
    "      --vcd FILE  also write the waveform as a VCD file (GTKWave, PulseView)\n"
    "      --ascii     no other characters, whatever the locale says\n"
    "      --packed    on packed rings\n"
    "      --split     on split rings, as without either of the two\n"
    "      --no-event-idx, --no-indirect-desc, --no-irq\n"
    "                  without this feature; without interrupts, without those parts\n"
    "      --dialect D the protocol from before the standard: draft, or draft-2021\n"
    "  -h, --help      print this and exit\n"
    "  -V, --version   print the version and exit\n";

static const struct option longs[] = {
    {"vcd", required_argument, NULL, OPT_VCD},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"dialect", required_argument, NULL, OPT_DIALECT},
    FEATURES_LONGS,
    CLI_LONGS,
};

static const struct cli_command grammar = {
    .name = "demo",
    .help = help,
    .longs = longs,
};

static void drive_led(struct demo *d)
{
    demo_title(d,
               "4  An output: the value first, then the direction, so nothing flickers");
    demo_ask(d, VGPIO_MSG_SET_VALUE, LED, 1, 0);
    demo_expect(d, "not driven yet", vgpio_sim_level(&d->bank.sim, LED), 0);
    demo_ask(d, VGPIO_MSG_SET_DIRECTION, LED, VGPIO_DIR_OUT, 0);
    demo_expect(d, "driven", vgpio_sim_level(&d->bank.sim, LED), 1);
    demo_ask(d, VGPIO_MSG_SET_VALUE, LED, 0, 0);
    demo_ask(d, VGPIO_MSG_SET_VALUE, LED, 1, 0);
    demo_ask(d, VGPIO_MSG_GET_VALUE, LED, 0, 1);
}

static void take_edges(struct demo *d)
{
    demo_title(d, "5  An input with an edge interrupt");
    demo_ask(d, VGPIO_MSG_SET_DIRECTION, BUTTON, VGPIO_DIR_IN, 0);
    demo_ask(d, VGPIO_MSG_GET_VALUE, BUTTON, 0, 0);
    demo_ask(d, VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_EDGE_RISING, 0);
    demo_unmask(d, BUTTON);
    demo_pull(d, BUTTON, 1, "somebody presses the button");
    demo_expect_irqs(d, BUTTON, 1);
    demo_ask(d, VGPIO_MSG_GET_VALUE, BUTTON, 0, 1);
    demo_pull(d, BUTTON, 0, "releases it (a falling edge: not asked for)");
    demo_pull(d, BUTTON, 1, "and presses again, while it is masked: the edge is latched");
    demo_expect_irqs(d, BUTTON, 0);
    demo_unmask(d, BUTTON);
    demo_expect_irqs(d, BUTTON, 1);
    demo_pull(d, BUTTON, 0, "the button is released");
    demo_unmask(d, BUTTON);
    demo_expect_irqs(d, BUTTON, 0);
}

static void take_levels(struct demo *d)
{
    demo_title(d,
               "6  An input with a level interrupt: it comes again until all is quiet");
    demo_ask(d, VGPIO_MSG_SET_DIRECTION, ALARM, VGPIO_DIR_IN, 0);
    demo_ask(d, VGPIO_MSG_SET_IRQ_TYPE, ALARM, VGPIO_IRQ_LEVEL_HIGH, 0);
    demo_unmask(d, ALARM);
    demo_expect_irqs(d, ALARM, 0);
    demo_pull(d, ALARM, 1, "the alarm goes off");
    demo_expect_irqs(d, ALARM, 1);
    demo_unmask(d, ALARM);
    demo_expect_irqs(d, ALARM, 1);
    demo_pull(d, ALARM, 0, "the alarm is quiet again");
    demo_unmask(d, ALARM);
    demo_expect_irqs(d, ALARM, 0);
}

static void end_it(struct demo *d)
{
    uint16_t line;

    demo_title(d, "7  Tidy up: what is still unmasked comes back first");
    if (demo_has_irq(d)) {
        demo_ask(d, VGPIO_MSG_SET_IRQ_TYPE, BUTTON, VGPIO_IRQ_NONE, 0);
        demo_ask(d, VGPIO_MSG_SET_IRQ_TYPE, ALARM, VGPIO_IRQ_NONE, 0);
    }
    for (line = LED; line <= ALARM; line++) {
        demo_ask(d, VGPIO_MSG_SET_DIRECTION, line, VGPIO_DIR_NONE, 0);
        demo_expect_irqs(d, line, 0);
    }
    demo_stop(d);
    d->wave.end_ns = d->now_ns;
}

static void play(struct demo *d)
{
    uint16_t line;

    demo_title(d, "1  One process, two sides");
    demo_say(d, "The driver and the device see the same memory through two mappings at");
    demo_say(d, "different addresses; the bytes below are read from their virtqueues.");
    demo_say(d, d->utf8 ? "\u2192 driver to device   \u2190 device to driver"
                        : "> driver to device   < device to driver");
    demo_expect(d, "two mappings", d->driver_view != d->device_view, 1);
    demo_start(d);

    demo_title(d, "2  Which lines are there?");
    demo_names(d);

    demo_title(d, "3  Nobody uses them yet");
    for (line = LED; line <= UNNAMED; line++) {
        demo_ask(d, VGPIO_MSG_GET_DIRECTION, line, 0, VGPIO_DIR_NONE);
    }
    drive_led(d);
    if (demo_has_irq(d)) {
        take_edges(d);
        take_levels(d);
    } else {
        demo_title(d, "5, 6  Left out: no interrupts were agreed on");
    }
    end_it(d);
}

static int save_vcd(const struct wave *w, const char *path)
{
    FILE *f = fopen(path, "w");
    bool good;

    if (f == NULL) {
        cli_error("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }
    good = wave_write_vcd(w, f);
    good = fclose(f) == 0 && good;
    if (!good) {
        cli_error("%s: %s", path, strerror(errno));
    }
    return good ? CLI_OK : CLI_FAILED;
}

static int show(bool utf8, const char *vcd, const struct features *features)
{
    struct demo d;
    int code = demo_init(&d, stdout, utf8, features);

    if (code == CLI_OK) {
        play(&d);
        code = d.failures == 0 ? CLI_OK : CLI_FAILED;
        demo_title(&d, utf8 ? "The lines, a column a microsecond (\u00b7: not in use)"
                            : "The lines, a column a microsecond (.: not in use)");
        fputc('\n', stdout);
        wave_draw(&d.wave, stdout, DEMO_STEP_NS, utf8);
        if (vcd != NULL && save_vcd(&d.wave, vcd) != CLI_OK) {
            code = CLI_FAILED;
        }
        printf("\n%s\n", d.failures == 0 ? "Every answer was as expected."
                                         : "NOT every answer was as expected.");
    }
    if (fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        code = CLI_FAILED;
    }
    demo_free(&d);
    return code;
}

static int show_draft(bool utf8, enum bank_dialect dialect)
{
    int code = demo_draft(stdout, utf8, dialect);

    if (fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        code = CLI_FAILED;
    }
    return code;
}

static bool is_utf8(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

struct options {
    struct features features;
    enum bank_dialect dialect;
    const char *vcd;
    bool utf8;
};

static int take_option(void *ctx, int option)
{
    struct options *o = ctx;

    switch (option) {
    case OPT_VCD:
        o->vcd = optarg;
        return CLI_OK;
    case OPT_ASCII:
        o->utf8 = false;
        return CLI_OK;
    case OPT_DIALECT:
        return bank_dialect_of(optarg, &o->dialect)
                   ? CLI_OK
                   : cli_usage_error("demo", "--dialect: there is no '%s'", optarg);
    default:
        (void)features_option(&o->features, option);
        return CLI_OK;
    }
}

int cmd_demo(int argc, char **argv)
{
    struct options o = {.dialect = BANK_STANDARD, .utf8 = is_utf8()};
    int code = cli_options(&grammar, argc, argv, take_option, &o);

    if (code != CLI_OK) {
        return code == CLI_OVER ? CLI_OK : code;
    }
    if (optind < argc) {
        return cli_usage_error("demo", "unexpected argument '%s'", argv[optind]);
    }
    if (o.dialect != BANK_STANDARD && o.vcd != NULL) {
        return cli_usage_error("demo", "--vcd goes with the standard only");
    }
    return o.dialect == BANK_STANDARD ? show(o.utf8, o.vcd, &o.features)
                                      : show_draft(o.utf8, o.dialect);
}
