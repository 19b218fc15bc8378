/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctlserver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ctl_conn {
    struct ctl_client client;
    struct ev_source source;
    struct ctlserver *server;
    struct ctl_conn *next;
    char out[];
};

static void conn_close(struct ctl_conn *conn)
{
    struct ctlserver *s = conn->server;
    struct ctl_conn **p = &s->clients;
    int fd = conn->source.fd;

    while (*p != conn) {
        p = &(*p)->next;
    }
    *p = conn->next;
    s->nclients--;
    ev_remove(s->loop, &conn->source);
    close(fd);
    free(conn);
}

/* Sends what there is; true when some of it went. */
static bool conn_send(struct ctl_conn *conn)
{
    struct ctl_client *c = &conn->client;
    ssize_t n;

    if (c->out_len == 0) {
        return false;
    }
    n = send(conn->source.fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        /* Nobody reads any more. What remains to be said is dropped, and so is what it
         * still wanted. */
        c->state = CTL_CLOSING;
        n = (ssize_t)c->out_len;
    }
    if (n > 0) {
        ctl_sent(c, (size_t)n);
    }
    return n > 0;
}

/* Closes the connection when it has come to its end; `conn` may be gone then. */
static void conn_run(struct ctl_conn *conn, uint64_t now_us)
{
    struct ctl_client *c = &conn->client;

    do {
        ctl_run(c, now_us);
    } while (conn_send(conn));
    if (ctl_done(c)) {
        conn_close(conn);
        return;
    }
    ev_want(conn->server->loop, &conn->source,
            (ctl_room(c) > 0 ? (uint32_t)EPOLLIN : 0u) |
                (c->out_len > 0 ? (uint32_t)EPOLLOUT : 0u));
}

static void conn_ready(void *ctx, uint32_t events)
{
    struct ctl_conn *conn = ctx;
    struct ctl_client *c = &conn->client;
    char data[CTL_LINE_MAX];
    size_t room = ctl_room(c);
    ssize_t n = -1;

    if (conn->server->on_activity != NULL) {
        conn->server->on_activity(conn->server->activity_ctx);
    }
    if (room > 0) {
        n = recv(conn->source.fd, data, room, MSG_DONTWAIT);
        if (n > 0) {
            ctl_input(c, data, (size_t)n);
        } else if (n == 0) {
            ctl_eof(c);
        }
    }
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && n <= 0) {
        /* Gone altogether: whole lines are still obeyed, answers have no reader. */
        ctl_run(c, vclock_now(conn->server->clock));
        conn_close(conn);
        return;
    }
    conn_run(conn, vclock_now(conn->server->clock));
}

static void conn_open(struct ctlserver *s, int fd)
{
    static const char sorry[] = "error too many clients\n";
    size_t out_size = s->ctl->reply_max + CTL_REPLY_MAX + CTLSERVER_EVENTS;
    struct ctl_conn *conn = NULL;

    if (s->nclients < CTLSERVER_MAX_CLIENTS) {
        conn = malloc(sizeof *conn + out_size);
    }
    if (conn == NULL) {
        (void)send(fd, sorry, sizeof sorry - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
        return;
    }
    if (ev_add(s->loop, &conn->source, fd, EPOLLIN, conn_ready, conn) < 0) {
        free(conn);
        close(fd);
        return;
    }
    ctl_init(&conn->client, s->ctl, conn->out, out_size);
    conn->server = s;
    conn->next = s->clients;
    s->clients = conn;
    s->nclients++;
}

static void accept_one(void *ctx, uint32_t events)
{
    struct ctlserver *s = ctx;
    int fd = sock_accept(s->listener);

    (void)events;
    if (fd >= 0) {
        conn_open(s, fd);
    }
}

int ctlserver_start(struct ctlserver *s, struct evloop *loop, const struct ctl *ctl,
                    struct sock_listener *listener)
{
    s->loop = loop;
    s->ctl = ctl;
    s->listener = listener;
    s->clients = NULL;
    s->nclients = 0;
    s->on_activity = NULL;
    s->clock = NULL;
    return ev_add(loop, &s->source, s->listener->fd, EPOLLIN, accept_one, s);
}

void ctlserver_stop(struct ctlserver *s)
{
    while (s->clients != NULL) {
        conn_close(s->clients);
    }
    ev_remove(s->loop, &s->source);
}

void ctlserver_changed(struct ctlserver *s, uint16_t line, unsigned level, uint64_t ns)
{
    struct ctl_conn *conn;

    for (conn = s->clients; conn != NULL; conn = conn->next) {
        ctl_changed(&conn->client, line, level, ns);
    }
}

void ctlserver_traced(struct ctlserver *s, unsigned id, uint32_t a, uint32_t b)
{
    struct ctl_conn *conn;
    uint64_t ns = 0;

    for (conn = s->clients; conn != NULL; conn = conn->next) {
        if (conn->client.watch.messages) {
            /* The clock is asked once, and only if somebody wants to know. */
            ns = ns == 0 ? vclock_now_ns(s->clock) : ns;
            ctl_traced(&conn->client, id, a, b, ns);
        }
    }
}

uint64_t ctlserver_due(const struct ctlserver *s)
{
    const struct ctl_conn *conn;
    uint64_t due = CTL_NEVER;

    for (conn = s->clients; conn != NULL; conn = conn->next) {
        uint64_t d = ctl_due(&conn->client);

        due = d < due ? d : due;
    }
    return due;
}

void ctlserver_tick(struct ctlserver *s, uint64_t now_us)
{
    struct ctl_conn *conn = s->clients;

    while (conn != NULL) {
        struct ctl_conn *next = conn->next;

        if (ctl_due(&conn->client) <= now_us) {
            conn_run(conn, now_us);
        }
        conn = next;
    }
}
