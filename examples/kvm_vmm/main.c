/* SPDX-License-Identifier: BSD-3-Clause */
/* A small hypervisor with a virtio-gpio device: the command line, and the console. */
#include "boot.h"
#include "control.h"
#include "gpio.h"
#include "lines.h"
#include "serial.h"
#include "vm.h"

#include <errno.h>
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
    "Runs Linux in a virtual machine on /dev/kvm, with a GPIO controller whose lines "
    "are\n"
    "simulated. The console is standard input and output. The guest ends with `reboot`, "
    "or\n"
    "when this program gets SIGTERM.\n"
    "\n"
    "  -k, --kernel FILE      a bzImage, or an uncompressed ELF kernel (vmlinux)\n"
    "  -i, --initrd FILE      its initial RAM disk\n"
    "  -a, --append TEXT      more words for its command line\n"
    "  -c, --cpus N           processors, 1 to 16 (2)\n"
    "  -m, --memory MIB       memory, 64 to 3072 (256)\n"
    "  -g, --gpio N|NAME,...  number of lines, or their names (8)\n"
    "      --without WORD,... what the device does not offer: irq, event_idx, indirect,\n"
    "                         packed, ring_reset\n"
    "      --control PATH     a socket to pull and read the lines, as of `vgpio serve`;\n"
    "                         send it `help`\n"
    "  -h, --help             this text\n"
    "\n"
    "The guest's kernel needs CONFIG_GPIO_VIRTIO, CONFIG_X86_MPPARSE and\n"
    "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES; it finds the device by its command line.\n"
    "\n"
    "Exit status: 0 the guest has rebooted, or a signal ended us; 1 a failure, or the\n"
    "guest crashed; 2 the command line is wrong; 3 this machine cannot run guests: no\n"
    "/dev/kvm, or the processor has neither vmx nor svm.\n";

static const char base_cmdline[] = "console=ttyS0 reboot=k panic=-1";

struct options {
    const char *kernel, *initrd, *append, *gpio, *control;
    unsigned cpus, memory;
    uint64_t features;
    bool help;
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
    case 'k':
        o->kernel = optarg;
        return EXIT_OK;
    case 'i':
        o->initrd = optarg;
        return EXIT_OK;
    case 'a':
        o->append = optarg;
        return EXIT_OK;
    case 'g':
        o->gpio = optarg;
        return EXIT_OK;
    case 'c':
        return take_number("--cpus", optarg, 1, VM_MAX_CPUS, &o->cpus);
    case 'm':
        return take_number("--memory", optarg, 64, VM_MAX_MEMORY_MIB, &o->memory);
    case 'w':
        return take_without(optarg, &o->features);
    case 's':
        o->control = optarg;
        return EXIT_OK;
    case 'h':
        o->help = true;
        return EXIT_OK;
    default:
        return usage_error(c == ':' ? "no value for" : "unknown option",
                           argv[optind - 1]);
    }
}

static int take_options(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {{"kernel", required_argument, NULL, 'k'},
                                          {"initrd", required_argument, NULL, 'i'},
                                          {"append", required_argument, NULL, 'a'},
                                          {"cpus", required_argument, NULL, 'c'},
                                          {"memory", required_argument, NULL, 'm'},
                                          {"gpio", required_argument, NULL, 'g'},
                                          {"without", required_argument, NULL, 'w'},
                                          {"control", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c, code = EXIT_OK;

    opterr = 0;
    while (code == EXIT_OK && !o->help &&
           (c = getopt_long(argc, argv, ":k:i:a:c:m:g:h", longs, NULL)) != -1) {
        code = take_option(o, c, argv);
    }
    if (code != EXIT_OK || o->help) {
        return code;
    }
    if (optind < argc) {
        return usage_error("what is", argv[optind]);
    }
    return o->kernel == NULL ? usage_error("no", "--kernel") : EXIT_OK;
}

/* --- the guest's accesses --- */

struct machine {
    struct vm vm;
    struct serial serial;
    struct gpio gpio;
    struct lines lines;
    struct control control;
    struct gpio_lines face;
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

/* Until the guest is over: what comes in goes to the serial port, as it has room. */
static void console(struct machine *m, int signals)
{
    enum {
        ENDED,
        SIGNAL,
        ROOM,
        INPUT
    };
    struct pollfd fds[] = {{m->vm.ended, POLLIN, 0},
                           {signals, POLLIN, 0},
                           {m->serial.room, POLLIN, 0},
                           {STDIN_FILENO, POLLIN, 0}};
    bool open = true;
    uint8_t data[SERIAL_FIFO];
    uint64_t n;
    ssize_t got;

    for (;;) {
        unsigned room = serial_room(&m->serial);

        fds[INPUT].fd = open && room > 0 ? STDIN_FILENO : -1;
        if (poll(fds, sizeof fds / sizeof fds[0], -1) < 0) {
            continue;
        }
        if ((fds[ENDED].revents | fds[SIGNAL].revents) != 0) {
            vm_end(&m->vm, EXIT_OK);
            return;
        }
        (void)!read(m->serial.room, &n, sizeof n);
        if (fds[INPUT].revents != 0) {
            got = read(STDIN_FILENO, data, room);
            open = got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
            if (got > 0) {
                serial_input(&m->serial, data, (unsigned)got);
            }
        }
    }
}

/* --- the whole --- */

static int add_gpio(struct machine *m, const struct options *o)
{
    int code = lines_init(&m->lines, o->gpio, vgpio_dev_sink(&m->gpio.dev));

    if (code == EXIT_OK) {
        code = control_init(&m->control, o->control, &m->lines, &m->gpio);
    }
    m->face =
        (struct gpio_lines){.ops = &vgpio_sim_ops,
                            .ctx = &m->lines.sim,
                            .n = m->lines.n,
                            .names = m->lines.block_size > 0 ? m->lines.block : NULL,
                            .names_size = m->lines.block_size,
                            .trace = lines_trace,
                            .trace_ctx = &m->lines,
                            .fd = control_fd(&m->control),
                            .due = control_due,
                            .work = control_work,
                            .work_ctx = &m->control};
    return code == EXIT_OK ? gpio_init(&m->gpio, &m->vm, &m->face, o->features) : code;
}

static int boot(struct machine *m, const struct options *o)
{
    char cmdline[4096];
    struct boot_where where;
    int code, n;

    n = snprintf(cmdline, sizeof cmdline, "%s virtio_mmio.device=%u@0x%x:%d %s",
                 base_cmdline, VGPIO_MMIO_SIZE, GPIO_ADDRESS, GPIO_IRQ, o->append);
    if (n < 0 || (size_t)n >= sizeof cmdline) {
        return usage_error("too long:", "--append");
    }
    code = boot_load(&m->vm, o->kernel, o->initrd, cmdline, &where);
    if (code == EXIT_OK) {
        mptable_write(&m->vm, GPIO_IRQ);
        code = gpio_start(&m->gpio);
    }
    return code == EXIT_OK ? vm_start(&m->vm, where.entry, where.params) : code;
}

static int run(struct machine *m, const struct options *o)
{
    int signals = block_signals();
    int code = add_gpio(m, o);
    bool ran;

    if (code == EXIT_OK) {
        code = serial_init(&m->serial, &m->vm, STDOUT_FILENO);
    }
    m->vm.port = on_port;
    m->vm.mmio = on_mmio;
    m->vm.ctx = m;
    if (code == EXIT_OK) {
        code = boot(m, o);
    }
    ran = code == EXIT_OK;
    if (ran) {
        raw_terminal();
        console(m, signals);
    }
    /* First those who may ask for something, then those who are asked. */
    vm_stop(&m->vm);
    if (ran) {
        code = m->vm.exit_code;
    }
    gpio_stop(&m->gpio);
    control_free(&m->control);
    gpio_free(&m->gpio);
    lines_free(&m->lines);
    return code;
}

int main(int argc, char **argv)
{
    static struct machine machine;
    struct options o = {
        .append = "", .gpio = "8", .cpus = 2, .memory = 256, .features = ~UINT64_C(0)};
    int code = take_options(&o, argc, argv);

    if (code != EXIT_OK) {
        return code;
    }
    if (o.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    code = vm_init(&machine.vm, o.cpus, o.memory);
    if (code == EXIT_OK) {
        code = run(&machine, &o);
    }
    vm_free(&machine.vm);
    return code;
}
