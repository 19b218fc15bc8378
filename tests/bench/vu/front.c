/* SPDX-License-Identifier: BSD-3-Clause */
/* A front end that asks a back end as fast as that one answers, by interrupts alone: half
 * GET_VALUE, half SET_VALUE of an output, which changes each time. LINES is at least 64.
 * usage: front count BATCH OPS LINES SOCKET...  the requests, each from the next guest
 *        front pace BATCH OPS FLOOR SOCKET      rates, latencies, ratios to the floor
 *        front armed LINES SOCKET               arms them, says so, waits for EOF
 */
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vu.h"

#define MEM (UINT64_C(8) << 20)
#define GPA UINT64_C(0x40000000)
#define UVA UINT64_C(0x7f1000000000)
#define QUEUE 0x100000u /* bytes from one ring to the next */
#define CELLS 0x400000u /* 64 bytes each: a request, and its answer 8 bytes on */
#define SIZE 256u
#define EVENT_SIZE 32768u
#define LINES_USED 64u

struct guest {
    int sock, epfd, kick[2], call[2];
    uint8_t *mem;
    uint16_t next;
    uint32_t op, lines;
};

static uint8_t *cell(struct guest *g, uint32_t i)
{
    return g->mem + CELLS + 64u * (size_t)i;
}

/* ---- set up ---- */

static void say(struct guest *g, uint32_t request, struct vu_msg *m, uint32_t size,
                int fd)
{
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {m, VU_HEADER + size};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    m->request = request;
    m->flags = 1;
    m->size = size;
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
        h.msg_control = control.buf;
        h.msg_controllen = sizeof control.buf;
    }
    if (sendmsg(g->sock, &h, MSG_NOSIGNAL) != (ssize_t)(VU_HEADER + size)) {
        vu_die("front: send");
    }
}

static uint64_t avail_of(uint32_t size)
{
    return 16u * (uint64_t)size;
}

static uint64_t used_of(uint32_t size)
{
    return avail_of(size) + ((6u + 2u * size + 63u) & ~63u);
}

static void start_queue(struct guest *g, uint32_t q, uint32_t size)
{
    uint64_t at = UVA + q * QUEUE;
    struct vu_msg m;

    memset(&m, 0, sizeof m);
    m.u.state.q = q;
    m.u.state.num = size;
    say(g, VU_SET_VRING_NUM, &m, 8, -1);
    m.u.state.num = 0;
    say(g, VU_SET_VRING_BASE, &m, 8, -1);
    m.u.addr.flags = 0;
    m.u.addr.desc = at;
    m.u.addr.avail = at + avail_of(size);
    m.u.addr.used = at + used_of(size);
    m.u.addr.log = 0;
    say(g, VU_SET_VRING_ADDR, &m, 40, -1);
    m.u.u64 = q;
    g->kick[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g->call[q] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    say(g, VU_SET_VRING_CALL, &m, 8, g->call[q]);
    say(g, VU_SET_VRING_KICK, &m, 8, g->kick[q]);
}

/* The chain of slot i is descriptors 2i and 2i + 1, for ever. */
static void fill_table(struct guest *g, uint32_t q, uint32_t size, uint32_t out,
                       uint32_t in)
{
    uint8_t *d = g->mem + q * QUEUE;
    uint32_t i;

    for (i = 0; i < size / 2; i++, d += 32) {
        uint64_t at = GPA + CELLS + 64u * (uint64_t)(i + q * SIZE);

        STORE(u64, d, at);
        STORE(u64, d + 8, out | (u64)NEXT << 32 | (u64)(2u * i + 1u) << 48);
        STORE(u64, d + 16, at + 8);
        STORE(u64, d + 24, in | (u64)WRITE << 32);
    }
}

/* A back end that has its socket but does not listen yet is waited for. */
static int dial(int sock, const struct sockaddr_un *a)
{
    const struct timespec nap = {0, 10000000};
    int tries = 1000;

    while (connect(sock, (const struct sockaddr *)a, sizeof *a) < 0) {
        if (errno != ECONNREFUSED || tries-- == 0) {
            return -1;
        }
        (void)nanosleep(&nap, NULL);
    }
    return 0;
}

static void open_guest(struct guest *g, const char *path, uint32_t lines, int irq)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    struct sockaddr_un a;
    struct vu_msg m;
    int fd = memfd_create("bench", MFD_CLOEXEC);

    memset(g, 0, sizeof *g);
    g->lines = lines;
    g->sock = vu_socket(path, &a);
    if (dial(g->sock, &a) < 0 || ftruncate(fd, MEM) < 0) {
        vu_die(path);
    }
    g->mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fill_table(g, 0, SIZE, 8, 2);
    fill_table(g, 1, EVENT_SIZE, 2, 1);
    say(g, VU_SET_OWNER, &m, 0, -1);
    say(g, VU_GET_FEATURES, &m, 0, -1);
    if (recv(g->sock, &m, VU_HEADER + 8, MSG_WAITALL) != (ssize_t)VU_HEADER + 8) {
        vu_die("front: features");
    }
    m.u.u64 = VU_VERSION_1 | (irq ? VU_F_IRQ : 0);
    say(g, VU_SET_FEATURES, &m, 8, -1);
    m.u.table.n = 1;
    m.u.table.padding = 0;
    m.u.table.gpa = GPA;
    m.u.table.size = MEM;
    m.u.table.uva = UVA;
    m.u.table.off = 0;
    say(g, VU_SET_MEM_TABLE, &m, 40, fd);
    close(fd);
    start_queue(g, 1, EVENT_SIZE);
    start_queue(g, 0, SIZE);
    g->epfd = epoll_create1(EPOLL_CLOEXEC);
    (void)epoll_ctl(g->epfd, EPOLL_CTL_ADD, g->call[0], &ev);
}

static void close_guest(struct guest *g)
{
    close(g->sock);
}

/* ---- requests ---- */

static void put(struct guest *g, uint64_t request)
{
    uint32_t slot = g->next % (SIZE / 2);

    STORE(u64, cell(g, slot), request);
    STORE(u16, cell(g, slot) + 8, 0xffff);
    STORE(u16, g->mem + avail_of(SIZE) + RING + 2u * (g->next % SIZE), 2u * slot);
    g->next++;
}

/* One notification if the device wants it, and then interrupts until all is answered. */
static void await(struct guest *g)
{
    const uint8_t *used = g->mem + used_of(SIZE);
    static const uint64_t one = 1;
    struct epoll_event ev;

    RELEASE(g->mem + avail_of(SIZE) + IDX, g->next);
    FENCE();
    if ((LOAD(u16, used) & 1u) == 0 && write(g->kick[0], &one, sizeof one) < 0) {
        vu_die("front: kick");
    }
    do {
        if (epoll_wait(g->epfd, &ev, 1, 10000) != 1) {
            vu_die("front: no answer");
        }
    } while (ACQUIRE(used + IDX) != g->next);
}

static void check(struct guest *g, uint16_t from)
{
    for (; from != g->next; from++) {
        uint16_t answer = LOAD(u16, cell(g, from % (SIZE / 2)) + 8);

        if ((answer & 0xff) != 0) {
            fprintf(stderr, "front: answer %x\n", answer);
            exit(1);
        }
    }
}

/* One of a few lines far apart, however many there are. */
static uint32_t line_of(const struct guest *g, uint32_t i)
{
    return i % LINES_USED * (g->lines / LINES_USED);
}

static void batch(struct guest *g, uint32_t n)
{
    uint16_t from = g->next;
    uint32_t i;

    for (i = 0; i < n; i++, g->op++) {
        unsigned type = (g->op & 1u) != 0 ? GET_VALUE : SET_VALUE;

        put(g, vu_request(type, line_of(g, g->op / 2u), ~(g->op / 2u / LINES_USED) & 1u));
    }
    await(g);
    check(g, from);
}

/* A request for each of the first n lines, or of those that batch() uses. */
static void for_lines(struct guest *g, uint32_t n, unsigned type, uint32_t value)
{
    uint32_t i = 0, end = n != 0 ? n : LINES_USED;

    while (i < end) {
        uint16_t from = g->next;

        do {
            put(g, vu_request(type, n != 0 ? i : line_of(g, i), value));
        } while (++i < end && i % (SIZE / 2) != 0);
        await(g);
        check(g, from);
    }
}

/* ---- count ---- */

static void count(uint32_t n, uint32_t ops, uint32_t lines, char **path, int guests)
{
    struct guest *g = calloc((size_t)guests, sizeof *g);
    uint32_t done;
    int i;

    for (i = 0; i < guests; i++) {
        open_guest(&g[i], path[i], lines, 0);
        for_lines(&g[i], 0, SET_DIRECTION, 1); /* outputs */
        batch(&g[i], n);
    }
    for (done = 0, i = 0; done < ops; done += n, i = (i + 1) % guests) {
        batch(&g[i], n);
    }
    for (i = 0; i < guests; i++) {
        close_guest(&g[i]);
    }
    free(g);
}

/* ---- pace ---- */

#define BRACKETS 9
#define OPS_MAX 4096u

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile(double *of, unsigned n, double q)
{
    qsort(of, n, sizeof *of, by_size);
    return of[(unsigned)(q * (n - 1))];
}

struct pace {
    double rate, p50, p99;
};

/* `ops` batches of n. */
static struct pace slice(struct guest *g, uint32_t n, unsigned ops)
{
    static double took[OPS_MAX];
    double start = now(), last = start;
    struct pace p;
    unsigned i;

    for (i = 0; i < ops; i++) {
        double t;

        batch(g, n);
        t = now();
        took[i] = t - last;
        last = t;
    }
    p.rate = (double)ops * n / (last - start) * 1e6;
    p.p50 = quantile(took, ops, 0.5);
    p.p99 = quantile(took, ops, 0.99);
    return p;
}

static double bracketed(const struct pace *p, size_t member)
{
    double v[3];
    int i;

    for (i = 0; i < 3; i++) {
        memcpy(&v[i], (const char *)&p[i] + member, sizeof v[i]);
    }
    return 2 * v[1] / (v[0] + v[2]);
}

/* Floor, back end, floor, again and again: a machine that changes its pace in the middle
 * spoils one bracket and not the result. */
static void pace(uint32_t n, unsigned ops, const char *floor_path, const char *path)
{
    static const size_t member[3] = {offsetof(struct pace, rate),
                                     offsetof(struct pace, p50),
                                     offsetof(struct pace, p99)};
    double base[3][BRACKETS], mine[3][BRACKETS], ratio[3][BRACKETS];
    struct guest f, g;
    int i, m;

    open_guest(&f, floor_path, 64, 0);
    open_guest(&g, path, 64, 0);
    for_lines(&g, 0, SET_DIRECTION, 1);
    (void)slice(&f, n, ops);
    (void)slice(&g, n, ops);
    for (i = 0; i < BRACKETS; i++) {
        struct pace p[3];

        p[0] = slice(&f, n, ops);
        p[1] = slice(&g, n, ops);
        p[2] = slice(&f, n, ops);
        for (m = 0; m < 3; m++) {
            memcpy(&base[m][i], (char *)&p[0] + member[m], sizeof(double));
            memcpy(&mine[m][i], (char *)&p[1] + member[m], sizeof(double));
            ratio[m][i] = bracketed(p, member[m]);
        }
    }
    for (m = 0; m < 3; m++) {
        printf("%.2f %.2f %.3f\n", quantile(base[m], BRACKETS, 0.5),
               quantile(mine[m], BRACKETS, 0.5), quantile(ratio[m], BRACKETS, 0.5));
    }
    close_guest(&f);
    close_guest(&g);
}

/* ---- armed ---- */

static void armed(uint32_t lines, const char *path)
{
    static const uint64_t one = 1;
    struct guest g;
    uint32_t line;

    open_guest(&g, path, lines, 1);
    for_lines(&g, lines, SET_DIRECTION, 2); /* inputs, */
    for_lines(&g, lines, SET_IRQ_TYPE, 1);  /* rising edge, */
    for (line = 0; line < lines; line++) {
        STORE(u16, cell(&g, line + SIZE), line);
        STORE(u16, g.mem + QUEUE + avail_of(EVENT_SIZE) + RING + 2u * line, 2u * line);
    }
    RELEASE(g.mem + QUEUE + avail_of(EVENT_SIZE) + IDX, lines);
    if (write(g.kick[1], &one, sizeof one) < 0) {
        vu_die("front: kick");
    }
    for_lines(&g, lines, GET_VALUE, 0);
    puts("armed");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    if (ACQUIRE(g.mem + QUEUE + used_of(EVENT_SIZE) + IDX) != 0) {
        puts("not all are armed");
        exit(1);
    }
    close_guest(&g);
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "count") == 0) {
        count(number(argv[2]), number(argv[3]), number(argv[4]), argv + 5, argc - 5);
    } else if (argc == 6 && strcmp(argv[1], "pace") == 0) {
        pace(number(argv[2]), number(argv[3]), argv[4], argv[5]);
    } else if (argc == 4 && strcmp(argv[1], "armed") == 0) {
        armed(number(argv[2]), argv[3]);
    } else {
        fprintf(stderr, "usage: see front.c\n");
        return 2;
    }
    return 0;
}
