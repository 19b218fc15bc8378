/* SPDX-License-Identifier: BSD-3-Clause */
#include "service.h"

#include "cli.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3 /* the first descriptor that is handed over */

/* --- sockets that were handed over --- */

/* The next of the names, which colons separate; the empty one if there is none. */
static size_t next_name(const char **names)
{
    size_t n = strcspn(*names, ":");

    *names += n + ((*names)[n] == ':' ? 1 : 0);
    return n;
}

static void sort_in(struct handed *h, int fd, bool control)
{
    if (control) {
        h->control[h->ncontrols++] = fd;
    } else {
        h->front[h->nfronts++] = fd;
    }
}

int service_handed(struct handed *h, pid_t pid, const char *listen_pid, const char *fds,
                   const char *names, char *why, size_t why_size)
{
    uint64_t whose, count, i;
    bool named = names != NULL && strstr(names, "control") != NULL;

    memset(h, 0, sizeof *h);
    if (listen_pid == NULL || fds == NULL || !cli_number(listen_pid, INT_MAX, &whose) ||
        (pid_t)whose != pid) {
        return 0; /* a parent's, who forgot to take them out */
    }
    if (!cli_number(fds, SERVICE_FDS_MAX, &count)) {
        snprintf(why, why_size, "LISTEN_FDS: '%.24s' is no number up to %d", fds,
                 SERVICE_FDS_MAX);
        return -1;
    }
    for (i = 0; i < count; i++) {
        const char *name = names != NULL ? names : "";
        size_t len = next_name(&name);
        bool control =
            named ? len == 7 && strncmp(names, "control", 7) == 0 : count == 2 && i == 1;

        names = names != NULL ? name : NULL;
        sort_in(h, FIRST_FD + (int)i, control);
    }
    if (count > 0 && h->nfronts == 0) {
        snprintf(why, why_size, "LISTEN_FDS: no socket for a front end");
        return -1;
    }
    if (h->ncontrols != 0 && h->ncontrols != h->nfronts) {
        snprintf(why, why_size,
                 "LISTEN_FDS: give no control socket, or one for each of the others");
        return -1;
    }
    for (i = 0; i < count; i++) {
        (void)fcntl(FIRST_FD + (int)i, F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

/* --- another user --- */

struct identity {
    uid_t uid;
    gid_t gid;
    const char *name; /* NULL: only a number is known */
};

static int get_group(const char *word, gid_t *gid)
{
    const struct group *g = getgrnam(word);
    uint64_t n;

    if (g != NULL) {
        *gid = g->gr_gid;
        return 0;
    }
    if (!cli_number(word, INT_MAX, &n)) {
        cli_error("--user: there is no group '%s'", word);
        return -1;
    }
    *gid = (gid_t)n;
    return 0;
}

static int get_identity(char *text, struct identity *id)
{
    char *colon = strchr(text, ':');
    const struct passwd *p;
    uint64_t n;

    if (colon != NULL) {
        *colon = '\0';
    }
    p = getpwnam(text);
    if (p != NULL) {
        id->uid = p->pw_uid;
        id->gid = p->pw_gid;
        id->name = text;
    } else if (cli_number(text, INT_MAX, &n)) {
        id->uid = (uid_t)n;
        id->gid = (gid_t)n;
        id->name = NULL;
    } else {
        cli_error("--user: there is no user '%s'", text);
        return -1;
    }
    return colon == NULL ? 0 : get_group(colon + 1, &id->gid);
}

static int become(const char *user)
{
    struct identity id;
    char text[256];
    int err;

    snprintf(text, sizeof text, "%s", user);
    if (get_identity(text, &id) < 0) {
        return -1;
    }
    /* Groups first: afterwards there is no right to change them. */
    err = id.name != NULL ? initgroups(id.name, id.gid) : setgroups(0, NULL);
    if (err < 0 || setresgid(id.gid, id.gid, id.gid) < 0 ||
        setresuid(id.uid, id.uid, id.uid) < 0) {
        cli_error("--user %s: %s", user, strerror(errno));
        return -1;
    }
    if (id.uid != 0 && setuid(0) == 0) {
        cli_error("--user %s: the way back is open", user);
        return -1;
    }
    return 0;
}

/* --- the whole --- */

bool service_option(struct service *s, int c, const char *arg)
{
    switch (c) {
    case OPT_USER:
        s->user = arg;
        return true;
    case OPT_SANDBOX:
        s->sandbox = true;
        s->no_sandbox = false;
        return true;
    case OPT_NO_SANDBOX:
        s->no_sandbox = true;
        s->sandbox = false;
        return true;
    default:
        return false;
    }
}

int service_drop(const struct service *s, const struct sandbox *box, bool verbose)
{
    char why[128];

    if (s->user != NULL && become(s->user) < 0) {
        return -1;
    }
    if (s->no_sandbox || (!s->sandbox && !sandbox_exists())) {
        return 0;
    }
    if (sandbox_enter(box, why, sizeof why) == 0) {
        return 0;
    }
    /* Emulators and old kernels have none: then it was only a wish. */
    if (s->sandbox || verbose) {
        cli_error("--sandbox: %s", why);
    }
    return s->sandbox ? -1 : 0;
}
