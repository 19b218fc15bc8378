/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Speak with the control socket of `vgpio serve`, one line a command, one line an answer:
 *     vgpio-ctl SOCKET "pull 3 1" "wait 4 0 1000"
 * Prints the answers; exit status 1 as soon as one is not "ok ...", 2 for trouble with
 * the socket. The word :event waits for what a `watch` before it asked for, and prints
 * the kind's number, the line, and the event's two values. The server may still be
 * starting: up to 60 seconds are spent on connecting.
 * An answer may take 60 seconds; VGPIO_CTL_SECONDS of the environment is for both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <virtiogpio/control.h>

enum {
    OPEN_MS = 60000,
    ANSWER_S = 60
};

static int say(struct vgpio_ctl *c, const char *command)
{
    static char reply[1 << 18];
    int n = vgpio_ctl_ask(c, command, reply, sizeof reply);

    if (n >= 0) {
        printf("ok%s%s\n", n > 0 ? " " : "", reply);
        return 0;
    }
    if (n == VGPIO_ERR_IO) {
        printf("error %s\n", vgpio_ctl_reason(c));
        return 1;
    }
    fprintf(stderr, "vgpio-ctl: %s: %s\n", command, vgpio_ctl_reason(c));
    return 2;
}

static int say_event(struct vgpio_ctl *c)
{
    struct vgpio_ctl_event e;

    if (vgpio_ctl_next(c, &e, c->answer_ms) != 1) {
        fprintf(stderr, "vgpio-ctl: no event: %s\n", vgpio_ctl_reason(c));
        return 2;
    }
    printf("event %d %u %" PRIu64 " %" PRIu64 "\n", (int)e.kind, e.line, e.a, e.b);
    return 0;
}

int main(int argc, char **argv)
{
    const char *seconds = getenv("VGPIO_CTL_SECONDS");
    struct vgpio_ctl_event events[64];
    struct vgpio_ctl c;
    uint32_t answer_ms;
    int i, status = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: vgpio-ctl SOCKET COMMAND...\n");
        return 2;
    }
    answer_ms =
        1000u * (seconds != NULL ? (uint32_t)strtoul(seconds, NULL, 10) : ANSWER_S);
    setvbuf(stdout, NULL, _IOLBF, 0); /* who reads along acts on the answers */
    if (vgpio_ctl_open(&c, argv[1], events, 64, seconds != NULL ? answer_ms : OPEN_MS) <
        0) {
        fprintf(stderr, "vgpio-ctl: %s: %s\n", argv[1], vgpio_ctl_reason(&c));
        vgpio_ctl_close(&c);
        return 2;
    }
    c.answer_ms = answer_ms;
    for (i = 2; i < argc && status == 0; i++) {
        status = strcmp(argv[i], ":event") == 0 ? say_event(&c) : say(&c, argv[i]);
    }
    vgpio_ctl_close(&c);
    return status;
}
