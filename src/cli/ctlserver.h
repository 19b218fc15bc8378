/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket: any number of clients of the control protocol, up to a limit. */
#ifndef VGPIO_CLI_CTLSERVER_H
#define VGPIO_CLI_CTLSERVER_H

#include "control.h"
#include "evloop.h"
#include "sockets.h"
#include "vclock.h"

#define CTLSERVER_MAX_CLIENTS 64
#define CTLSERVER_EVENTS 65536u /* bytes of events that a client may be behind */

struct ctl_conn;
struct ctlserver {
    struct evloop *loop;
    const struct ctl *ctl;
    struct sock_listener *listener;
    struct ev_source source;
    struct ctl_conn *clients;
    unsigned nclients;
    const struct vclock *clock;     /* that waits and pulses go by; NULL: the machine's */
    void (*on_activity)(void *ctx); /* a client said something; may be NULL */
    void *activity_ctx;
};

/* Serves on a listener that is open, and stays the caller's. -1 and errno. */
int ctlserver_start(struct ctlserver *, struct evloop *, const struct ctl *,
                    struct sock_listener *);
void ctlserver_stop(struct ctlserver *);

void ctlserver_changed(struct ctlserver *, uint16_t line, unsigned level, uint64_t ns);
void ctlserver_traced(struct ctlserver *, unsigned id, uint32_t a, uint32_t b);
/* When ctlserver_tick() is wanted at the latest, and the call that does what is due. */
uint64_t ctlserver_due(const struct ctlserver *);
void ctlserver_tick(struct ctlserver *, uint64_t now_us);

#endif /* VGPIO_CLI_CTLSERVER_H */
