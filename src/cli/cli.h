/* SPDX-License-Identifier: BSD-3-Clause */
/* What the sub-commands of `vgpio` share: messages, numbers, exit codes. */
#ifndef VGPIO_CLI_CLI_H
#define VGPIO_CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By this name, vgpio is a back end as QEMU describes them, and nothing else. */
#define CLI_VHOST_USER_LINK "vhost-user-gpio"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* the system or a peer said no */
    CLI_USAGE = 2,  /* the command line is wrong */
    CLI_OVER = -1   /* none yet: all is done, as after --help */
};

/* Prints "vgpio: ..." and a newline on stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same with a hint to --help; returns CLI_USAGE. */
int cli_usage_error(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What getopt_long() disliked (opterr off, optstring begins with ':'), in words. */
const char *cli_option_fault(char *out, size_t size, char *const *argv, int returned);

/* The options of a command: what --help says, and the same for getopt_long(). One with a
 * letter for its value has that as a short form, too. */
struct cli_command {
    const char *name; /* as behind `vgpio` */
    const char *help;
    const struct option *longs;
    bool in_order; /* the first word that is no option ends them */
};

/* The last ones of each command. */
#define CLI_LONGS                                                                        \
    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'},               \
    {                                                                                    \
        NULL, 0, NULL, 0                                                                 \
    }

/* Has `take` called with the value of each option, `optarg` being its own; stops at the
 * first exit code that is not CLI_OK. It deals with --help and --version itself, and with
 * what is no option or lacks its value. CLI_OK: the other words begin at `optind`;
 * CLI_OVER: nothing is left to do; else the exit code. */
int cli_options(const struct cli_command *, int argc, char **argv,
                int (*take)(void *ctx, int option), void *ctx);

/* Decimal digits only, no sign, no blanks, at most max. */
bool cli_number(const char *text, uint64_t max, uint64_t *out);

/* SIGHUP was ignored when we began, as behind nohup. Who blocks it would be told of it
 * all the same. */
bool cli_hangup_ignored(void);

/* Prints the library's version on stdout. */
void cli_version(void);

int cmd_serve(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_bridge(int argc, char **argv);
int cmd_detect(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_mon(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_trap(int argc, char **argv);

#endif /* VGPIO_CLI_CLI_H */
