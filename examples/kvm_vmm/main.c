/* SPDX-License-Identifier: BSD-3-Clause */
/* A small hypervisor with a virtio-gpio device: the command line, and the console. */
#include "boot.h"
#include "gpio.h"
#include "lines.h"
#include "serial.h"
#include "vm.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include <virtiogpio/wire.h>

static const char help[] =
    "usage: kvm_vmm --kernel FILE [OPTION]...\n"
    "\n"
    "Runs Linux in a virtual machine on /dev/kvm, with a GPIO controller whose lines\n"
    "are simulated. The console is standard input and output. The guest ends with\n"
    "`reboot`, or when this program gets SIGTERM.\n"
    "\n"
    "      --kernel FILE      a bzImage, or an uncompressed ELF kernel (vmlinux)\n"
    "      --initrd FILE      its initial RAM disk\n"
    "      --append TEXT      more words for its command line\n"
    "      --cpus N           processors, 1 to 16 (2)\n"
    "      --memory MIB       memory, 64 to 3072 (256)\n"
    "      --gpio N|NAME,...  number of lines, or their names (8)\n"
    "      --without WORD,... what the device does not offer: irq, event_idx, indirect,\n"
    "                         packed, ring_reset\n"
    "      --control PATH     a socket to pull and read the lines, as of `vgpio serve`;\n"
    "                         send it `help`\n"
    "      --help             this text\n"
    "\n"
    "The guest's kernel needs CONFIG_GPIO_VIRTIO, CONFIG_X86_MPPARSE and\n"
    "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES; it finds the device by its command line.\n"
    "\n"
    "Exit status: 0 the guest has rebooted, or a signal ended us; 1 a failure, or the\n"
    "guest crashed; 2 the command line is wrong; 3 this machine cannot run guests: no\n"
    "/dev/kvm, or the processor has neither vmx nor svm.\n";

static const char base_cmdline[] = "console=ttyS0 reboot=k panic=-1";

enum { /* the options; first those whose value is a text */
    KERNEL,
    INITRD,
    APPEND,
    GPIO,
    CONTROL,
    TEXTS,
    CPUS = TEXTS,
    MEMORY,
    WITHOUT,
    HELP
};

struct options {
    const char *text[TEXTS];
    unsigned cpus, memory;
    uint64_t features;
};

static int usage_error(const char *what, const char *value)
{
    complain("%s %s; --help says more", what, value);
    return EXIT_USAGE;
}

static int take_number(const char *name, const char *text, unsigned min, unsigned max,
                       unsigned *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < min || n > max) {
        complain("%s is a number from %u to %u, not '%s'", name, min, max, text);
        return EXIT_USAGE;
    }
    *out = (unsigned)n;
    return EXIT_OK;
}

static int take_without(char *text, uint64_t *features)
{
    static const struct {
        const char *word;
        uint64_t bit;
    } words[] = {{"irq", VGPIO_F_IRQ},
                 {"event_idx", VGPIO_F_EVENT_IDX},
                 {"indirect", VGPIO_F_INDIRECT},
                 {"packed", VGPIO_F_PACKED},
                 {"ring_reset", VGPIO_F_RING_RESET}};
    const size_t n = sizeof words / sizeof words[0];
    char *rest, *word;
    size_t i;

    for (word = strtok_r(text, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        for (i = 0; i < n && strcmp(word, words[i].word) != 0; i++) {
        }
        if (i == n) {
            return usage_error("--without: no feature", word);
        }
        *features &= ~words[i].bit;
    }
    return EXIT_OK;
}

static int take_option(struct options *o, int c, char **argv)
{
    switch (c) {
    case CPUS:
        return take_number("--cpus", optarg, 1, VM_MAX_CPUS, &o->cpus);
    case MEMORY:
        return take_number("--memory", optarg, 64, VM_MAX_MEMORY_MIB, &o->memory);
    case WITHOUT:
        return take_without(optarg, &o->features);
    case HELP:
        fputs(help, stdout);
        exit(EXIT_OK);
    case ':':
        return usage_error("no value for", argv[optind - 1]);
    case '?':
        return usage_error("unknown option", argv[optind - 1]);
    default:
        o->text[c] = optarg;
        return EXIT_OK;
    }
}

static int take_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {{"kernel", required_argument, NULL, KERNEL},
                                          {"initrd", required_argument, NULL, INITRD},
                                          {"append", required_argument, NULL, APPEND},
                                          {"gpio", required_argument, NULL, GPIO},
                                          {"control", required_argument, NULL, CONTROL},
                                          {"cpus", required_argument, NULL, CPUS},
                                          {"memory", required_argument, NULL, MEMORY},
                                          {"without", required_argument, NULL, WITHOUT},
                                          {"help", no_argument, NULL, HELP},
                                          {NULL, 0, NULL, 0}};
    int c, code = EXIT_OK;

    opterr = 0;
    while (code == EXIT_OK && (c = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        code = take_option(o, c, argv);
    }
    return code != EXIT_OK           ? code
           : optind < argc           ? usage_error("what is", argv[optind])
           : o->text[KERNEL] == NULL ? usage_error("no", "--kernel")
                                     : EXIT_OK;
}

/* --- the guest's accesses --- */

struct machine {
    struct vm vm;
    struct serial serial;
    struct gpio gpio;
    struct lines lines;
};

enum {
    KEYBOARD = 0x64, /* the controller that a PC's reset goes through */
    KEYBOARD_RESET = 0xfe
};

/* Nothing there reads as ones, but for the keyboard's controller: it is never busy. */
static void on_port(void *ctx, uint64_t port, void *data, unsigned len, bool write)
{
    struct machine *m = ctx;
    uint8_t *byte = data;

    if (port >= SERIAL_PORT && port < SERIAL_PORT + SERIAL_PORTS) {
        serial_access(&m->serial, (unsigned)(port - SERIAL_PORT), byte, write);
    } else if (write) {
        if (port == KEYBOARD && *byte == KEYBOARD_RESET) {
            vm_end(&m->vm, EXIT_OK);
        }
    } else {
        memset(data, port == KEYBOARD ? 0 : 0xff, len);
    }
}

static void on_mmio(void *ctx, uint64_t addr, void *data, unsigned len, bool write)
{
    struct machine *m = ctx;

    if (addr >= GPIO_ADDRESS && addr < GPIO_ADDRESS + VGPIO_MMIO_SIZE) {
        gpio_access(&m->gpio, (uint32_t)(addr - GPIO_ADDRESS), data, len, write);
    } else if (!write) {
        memset(data, 0xff, len);
    }
}

/* --- the console --- */

static struct termios saved;

static void restore_terminal(void)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

/* Each key is the guest's business: its shell gets ^C, we do not. */
static void raw_terminal(void)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &saved) == 0) {
        raw = saved;
        cfmakeraw(&raw);
        raw.c_oflag = saved.c_oflag;
        atexit(restore_terminal);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
}

/* Ends that must not leave the control socket or a raw terminal behind. Blocked before
 * any thread is made, so that they come to the descriptor only. */
static int block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until the guest is over: tells the serial port when there is input. */
static void console(struct machine *m, int signals)
{
    enum {
        ENDED,
        SIGNAL,
        DRAINED,
        INPUT
    };
    struct pollfd fds[] = {{m->vm.ended, POLLIN, 0},
                           {signals, POLLIN, 0},
                           {m->serial.drained, POLLIN, 0},
                           {STDIN_FILENO, POLLIN, 0}};
    uint64_t n;

    while ((fds[ENDED].revents | fds[SIGNAL].revents) == 0) {
        if (poll(fds, sizeof fds / sizeof fds[0], -1) < 0) {
            continue;
        }
        if (fds[INPUT].revents != 0) {
            fds[INPUT].fd = -1;
            serial_ready(&m->serial);
        } else if (read(m->serial.drained, &n, sizeof n) > 0) {
            fds[INPUT].fd = STDIN_FILENO;
        }
    }
    vm_end(&m->vm, EXIT_OK);
}

/* --- the whole --- */

static int boot(struct machine *m, const struct options *o)
{
    char cmdline[4096];
    uint64_t entry;
    int code, n;

    n = snprintf(cmdline, sizeof cmdline, "%s virtio_mmio.device=%u@0x%x:%d %s",
                 base_cmdline, VGPIO_MMIO_SIZE, GPIO_ADDRESS, GPIO_IRQ, o->text[APPEND]);
    if (n < 0 || (size_t)n >= sizeof cmdline) {
        return usage_error("too long:", "--append");
    }
    code = boot_load(&m->vm, o->text[KERNEL], o->text[INITRD], cmdline, &entry);
    if (code == EXIT_OK) {
        mptable_write(&m->vm, GPIO_IRQ);
        code = vm_start(&m->vm, entry, BOOT_PARAMS);
    }
    return code;
}

static int run(struct machine *m, const struct options *o)
{
    int signals = block_signals();
    int code = lines_init(&m->lines, o->text[GPIO], o->text[CONTROL], &m->gpio);

    m->vm.port = on_port;
    m->vm.mmio = on_mmio;
    m->vm.ctx = m;
    if (code == EXIT_OK) {
        code = gpio_init(&m->gpio, &m->vm, &m->lines.face, o->features);
    }
    if (code == EXIT_OK) {
        code = serial_init(&m->serial, &m->vm, STDIN_FILENO, STDOUT_FILENO);
    }
    if (code == EXIT_OK) {
        code = boot(m, o);
    }
    if (code == EXIT_OK) {
        raw_terminal();
        console(m, signals);
        code = m->vm.exit_code;
    }
    /* First those who may ask for something, then those who are asked. */
    vm_stop(&m->vm);
    gpio_free(&m->gpio);
    lines_free(&m->lines);
    return code;
}

int main(int argc, char **argv)
{
    static struct machine machine;
    struct options o = {.text = {[APPEND] = "", [GPIO] = "8"},
                        .cpus = 2,
                        .memory = 256,
                        .features = ~UINT64_C(0)};
    int code = take_options(&o, argc, argv);

    if (code == EXIT_OK) {
        code = vm_init(&machine.vm, o.cpus, o.memory);
    }
    return code == EXIT_OK ? run(&machine, &o) : code;
}
