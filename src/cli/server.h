/* SPDX-License-Identifier: BSD-3-Clause */
/* One guest of `vgpio serve`: one bank, one front end at a time, and the control socket.
 * guests.h runs any number of them in one loop. */
#ifndef VGPIO_CLI_SERVER_H
#define VGPIO_CLI_SERVER_H

#include "bank.h"
#include "ctlserver.h"
#include "evloop.h"
#include "ratelimit.h"
#include "sockets.h"

#include <stdbool.h>
#include <virtiogpio/vhost_user.h>

struct guests;
struct server {
    struct guests *guests;
    struct evloop *loop;
    const char *name; /* what its messages begin with, NULL: nothing */
    struct bank *bank;
    bool once;        /* end when a front end that spoke is gone */
    unsigned verbose; /* 1: comings and goings, 2: every trace */
    bool done;        /* no front end will come any more */

    /* Of guests.c: something happened, so server_settle() is due. */
    bool touched, counted;
    struct server *next_touched;
    uint64_t due_us;         /* as server_settle() said last */
    uint64_t virtual_due_us; /* the same of its control clients, on a virtual clock */

    struct sock_listener *listener; /* fd -1: only one front end, given at the start */
    struct ev_source listen_source, front_source;
    struct ev_source kick_source[2];
    unsigned kicked; /* queues whose last kick left work behind */
    struct {
        int fd; /* written to not long ago, or -1 */
        bool quick;
    } call[2];
    struct vgpio_vu vu;
    struct vgpio_vu_msg in, out;
    bool have_in, have_out; /* in: whole, not yet taken; out: not wholly sent */
    bool spoke;
    uint64_t half_due_us; /* until then a message begun must be whole */
    uint64_t connects, refused, stalled;
    struct ratelimit log;
    bool told_dialect;   /* that its driver speaks another one */
    bool had_chain;      /* this front end's driver sent something of this dialect */
    unsigned complaints; /* about this front end, so that it cannot flood the log */

    struct ctl ctl;
    struct ctlserver control;
    bool has_control;
};

/* The listeners are open already, or have fd -1, and stay the caller's. -1: said why on
 * stderr; server_free() it in either case. */
int server_init(struct server *, struct guests *, struct bank *,
                struct sock_listener *front, struct sock_listener *control);
/* A front end that is connected already; there is no other one later. */
int server_attach(struct server *, int fd);
/* After anything may have happened: does what is due. Returns when it wants to be called
 * at the latest. */
uint64_t server_settle(struct server *, uint64_t now_us);
void server_free(struct server *);

#endif /* VGPIO_CLI_SERVER_H */
