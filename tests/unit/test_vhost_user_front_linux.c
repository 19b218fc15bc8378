/* SPDX-License-Identifier: BSD-3-Clause */
/* The Linux half of the vhost-user front end, against sockets whose other end is in this
 * test: what stalls, hangs up, babbles, or keeps memory that is no longer its own. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/vhost_user_front.h>

static struct vgpio_vuf_linux f;
static int peer;
static int fds_before;

static int open_fds(void)
{
    int n = 0;
    int fd;

    for (fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void adopt(uint32_t timeout_ms)
{
    struct vgpio_vuf_linux_config c = {0};
    int s[2];

    c.timeout_ms = timeout_ms;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    peer = s[1];
    assert_int_equal(vgpio_vuf_linux_adopt(&f, s[0], &c), 0);
}

static int setup(void **state)
{
    (void)state;
    fds_before = open_fds();
    adopt(20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vgpio_vuf_linux_close(&f);
    vgpio_vuf_linux_close(&f);
    if (peer >= 0) {
        close(peer);
    }
    assert_int_equal(open_fds(), fds_before);
    return 0;
}

static void say_bytes(const void *p, size_t n)
{
    assert_int_equal(send(peer, p, n, MSG_NOSIGNAL), n);
}

static void answer_u64(uint32_t request, uint64_t v)
{
    uint32_t head[3] = {request, 5, 8};

    say_bytes(head, sizeof head);
    say_bytes(&v, sizeof v);
}

static void make_dir(char dir[32])
{
    memset(dir, 0, 32);
    strcpy(dir, "/tmp/vgpio-test-");
    memset(dir + strlen(dir), 'X', 6); /* for mkdtemp() to fill in */
    assert_non_null(mkdtemp(dir));
}

static void test_answer(void **state)
{
    uint32_t got[16];
    uint64_t v = 0;

    (void)state;
    answer_u64(1, 0x1234567890abcdefu);
    assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), 0);
    assert_true(v == 0x1234567890abcdefu);
    assert_int_equal(recv(peer, got, sizeof got, 0), 12);
    assert_int_equal(got[0], 1);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "");
}

static void test_stalls(void **state)
{
    const uint32_t half[2] = {1, 5};
    uint64_t v;

    (void)state;
    assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), VGPIO_ERR_TIMEOUT);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "GET_FEATURES: no answer in time");
    /* Too late: not taken for the answer to anything. */
    answer_u64(1, 1);
    assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), VGPIO_ERR_TIMEOUT);
    assert_int_equal(vgpio_vuf_linux_wait(&f, 0), VGPIO_ERR_TIMEOUT);
    teardown(state);

    setup(state);
    say_bytes(half, sizeof half);
    assert_int_equal(vgpio_vuf_get(&f.vuf, 17, &v), VGPIO_ERR_TIMEOUT);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "GET_QUEUE_NUM: no answer in time");
}

static void test_takes_nothing(void **state)
{
    uint8_t payload[4096] = {0};
    int err = 0;
    int i;

    (void)state;
    for (i = 0; i < 10000 && err == 0; i++) {
        err = vgpio_vuf_send(&f.vuf, 2, 1, payload, sizeof payload, NULL, 0);
    }
    assert_int_equal(err, VGPIO_ERR_TIMEOUT);
}

static void test_hangs_up(void **state)
{
    uint64_t v;

    (void)state;
    close(peer);
    peer = -1;
    assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), VGPIO_ERR_IO);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "GET_FEATURES: hung up");
}

static void test_absurd_size(void **state)
{
    const uint32_t head[3] = {1, 5, UINT32_MAX};
    uint64_t v;

    (void)state;
    say_bytes(head, sizeof head);
    assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), VGPIO_ERR_PROTO);
    assert_string_equal(vgpio_vuf_linux_reason(&f),
                        "GET_FEATURES: an answer of the wrong size");
}

static void test_descriptors_come(void **state)
{
    const uint32_t head[5] = {1, 5, 8, 0, 0};
    struct iovec iov = {(void *)(uintptr_t)head, sizeof head};
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(12 * sizeof(int))];
    } control;
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    int fds[12];
    uint64_t v;
    int i;

    (void)state;
#ifdef VGPIO_TEST_IN_QEMU
    skip(); /* as test_recv_closes_fds_beyond_the_eighth says */
#endif
    for (i = 0; i < 12; i++) {
        fds[i] = peer;
    }
    memset(&control, 0, sizeof control);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(c), fds, sizeof fds);
    assert_int_equal(sendmsg(peer, &h, 0), sizeof head);
    assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), VGPIO_ERR_PROTO);
    /* teardown() counts that they are closed */
}

static void test_wait(void **state)
{
    const uint64_t one = 1;
    int call = f.vuf.cfg.call[1];

    (void)state;
    assert_int_equal(vgpio_vuf_linux_wait(&f, 0), 0);
    assert_int_equal(write(call, &one, sizeof one), sizeof one);
    assert_int_equal(vgpio_vuf_linux_wait(&f, -1), VGPIO_VUF_CALL(1));
    assert_int_equal(vgpio_vuf_linux_wait(&f, 0), 0);
    assert_int_equal(write(call, &one, sizeof one), sizeof one);
    assert_int_equal(write(f.vuf.cfg.call[0], &one, sizeof one), sizeof one);
    assert_int_equal(vgpio_vuf_linux_wait(&f, -1), VGPIO_VUF_CALL(0) | VGPIO_VUF_CALL(1));
    assert_int_equal(write(f.vuf.cfg.err[0], &one, sizeof one), sizeof one);
    assert_int_equal(vgpio_vuf_linux_wait(&f, -1), VGPIO_VUF_ERR(0));
    assert_non_null(strstr(vgpio_vuf_linux_reason(&f), "broken"));
}

static void test_wait_sees_the_end(void **state)
{
    (void)state;
    close(peer);
    peer = -1;
    assert_int_equal(vgpio_vuf_linux_wait(&f, -1), VGPIO_ERR_IO);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "hung up");
    assert_int_equal(vgpio_vuf_linux_wait(&f, -1), VGPIO_ERR_IO);
}

static void test_wait_sees_babble(void **state)
{
    (void)state;
    answer_u64(1, 1);
    assert_int_equal(vgpio_vuf_linux_wait(&f, -1), VGPIO_ERR_PROTO);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "an answer to no question");
}

static void test_memory_is_sealed(void **state)
{
    int fd = f.vuf.cfg.mem_fd;

    (void)state;
    assert_int_equal(f.mem_size, 1 << 20);
    assert_true(ftruncate(fd, 0) < 0);
    assert_true(ftruncate(fd, 1 << 21) < 0);
    assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
    f.mem[0] = 1;
    f.mem[f.mem_size - 1] = 1;
}

/* An old back end keeps what it mapped; that is no longer what the driver reads. */
static void test_cut_and_reconnect(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char dir[32];
    uint8_t *mem = f.mem, *theirs;
    int listener;

    (void)state;
    theirs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f.vuf.cfg.mem_fd, 0);
    assert_true(theirs != MAP_FAILED);
    theirs[0] = 1;
    assert_int_equal(mem[0], 1);
    f.vuf.cfg.os->cut(f.vuf.cfg.ctx);
    theirs[0] = 2;
    assert_int_equal(mem[0], 0);

    make_dir(dir);
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
    assert_int_equal(vgpio_vuf_linux_reconnect(&f, a.sun_path), VGPIO_ERR_IO);
    assert_string_equal(vgpio_vuf_linux_reason(&f), "connect: No such file or directory");
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(vgpio_vuf_linux_reconnect(&f, a.sun_path), VGPIO_ERR_IO);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(vgpio_vuf_linux_reconnect(&f, a.sun_path), 0);
    assert_ptr_equal(f.mem, mem);
    mem[0] = 7;
    assert_int_equal(theirs[0], 2);
    munmap(theirs, 4096);

    close(peer);
    peer = accept(listener, NULL, NULL);
    answer_u64(1, 5);
    {
        uint64_t v = 0;

        assert_int_equal(vgpio_vuf_get(&f.vuf, 1, &v), 0);
        assert_int_equal(v, 5);
    }
    close(listener);
    unlink(a.sun_path);
    rmdir(dir);
}

/* The queue of a listener that never accepts fills up; then a connect must give up. */
static void test_nobody_accepts(void **state)
{
    struct vgpio_vuf_linux_config c = {.timeout_ms = 20};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char dir[32];
    static struct vgpio_vuf_linux many[8];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = 0;
    int i;

    (void)state;
    make_dir(dir);
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (i = 0; i < 8 && err == 0; i++) {
        err = vgpio_vuf_linux_open(&many[i], a.sun_path, &c);
    }
    assert_int_equal(err, VGPIO_ERR_TIMEOUT);
    assert_string_equal(vgpio_vuf_linux_reason(&many[i - 1]), "connect: nobody accepts");
    while (i-- > 0) {
        vgpio_vuf_linux_close(&many[i]);
    }
    close(listener);
    unlink(a.sun_path);
    rmdir(dir);
}

static void test_bad_paths(void **state)
{
    char path[300];
    struct vgpio_vuf_linux g;

    (void)state;
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(vgpio_vuf_linux_open(&g, path, NULL), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vuf_linux_open(&g, "", NULL), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_vuf_linux_open(&g, NULL, NULL), VGPIO_ERR_INVAL);
    vgpio_vuf_linux_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hangs_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absurd_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors_come, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_sees_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_sees_babble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_and_reconnect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_accepts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_paths, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
