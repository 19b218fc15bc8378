/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: vgpio COMMAND [options]\n"
    "Virtual GPIO lines over virtio.\n"
    "\n"
    "  serve   serve simulated lines to a virtual machine (vhost-user)\n"
    "  ctl     say commands to the control socket of serve\n"
    "  record  record what lines do, as a waveform or as text\n"
    "  replay  apply to lines what was recorded\n"
    "  bridge  serve the lines of one back end as another, in either dialect\n"
    "  demo    show a driver and a device talking, message by message\n"
    "  decode  say what captured bytes mean\n"
    "  check   try the rules of the standard on a back end\n"
    "  trap    be a device that watches and deceives a driver\n"
    "  doctor  look for what keeps a guest from its lines, and say the mend\n"
    "\n"
    "On the lines of any vhost-user GPIO back end, as the tools of libgpiod do it:\n"
    "  detect  list chips: sockets of back ends\n"
    "  info    show lines\n"
    "  get     read lines\n"
    "  set     drive lines\n"
    "  mon     wait for edges\n"
    "\n"
    "  -h, --help     print this and exit; 'vgpio COMMAND --help' tells more\n"
    "  -V, --version  print the version and exit\n";

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"ctl", cmd_ctl},       {"record", cmd_record}, {"replay", cmd_replay},
    {"bridge", cmd_bridge}, {"serve", cmd_serve},   {"demo", cmd_demo},
    {"check", cmd_check},   {"decode", cmd_decode}, {"doctor", cmd_doctor},
    {"detect", cmd_detect}, {"info", cmd_info},     {"get", cmd_get},
    {"set", cmd_set},       {"mon", cmd_mon},       {"trap", cmd_trap},
};

static const struct command *find(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* A link named gpioget is `vgpio get`: scripts that know the one find the other. */
static const struct command *find_by_link(const char *self)
{
    const char *name = strrchr(self, '/');

    name = name != NULL ? name + 1 : self;
    if (strcmp(name, CLI_VHOST_USER_LINK) == 0) {
        return find("serve");
    }
    return strncmp(name, "gpio", 4) == 0 ? find(name + 4) : NULL;
}

/* Else a socket gets the number of an output that the caller closed, and what is printed
 * goes there. For the wrong direction, so that to use one is an error as before. */
static bool fill_standard_fds(void)
{
    static const int how[3] = {O_WRONLY, O_RDONLY, O_RDONLY};
    int fd;

    for (fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", how[fd]) != fd) {
            return false;
        }
    }
    return true;
}

static int run(int argc, char **argv)
{
    const struct command *command = find_by_link(argc > 0 ? argv[0] : "");

    if (command != NULL) {
        return command->run(argc, argv);
    }
    if (argc < 2) {
        return cli_usage_error("", "a command is missing");
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
        cli_version();
        return CLI_OK;
    }
    command = find(argv[1]);
    if (command != NULL) {
        return command->run(argc - 1, argv + 1);
    }
    return cli_usage_error("", "unknown command '%s'", argv[1]);
}

int main(int argc, char **argv)
{
    int code;

    if (!fill_standard_fds()) {
        cli_error("/dev/null: %s", strerror(errno));
        return CLI_FAILED;
    }
    code = run(argc, argv);
    if (code == CLI_OK && fflush(stdout) != 0) {
        cli_error("stdout: %s", strerror(errno));
        code = CLI_FAILED;
    }
    return code;
}
