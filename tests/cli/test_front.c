/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's driver over its vhost-user front end, against the real `vgpio serve` as
 * another process: requests, interrupts, an orderly stop, servers that die or stall. */
#include "server_run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <virtiogpio/sync.h>
#include <virtiogpio/vhost_user_front.h>

#define NREQ 4u
#define NIRQ 4u
#define NAMES_AT 0x10000u

static struct server_run run;
static struct vgpio_vuf_linux front;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ + NIRQ];
static struct vgpio_drvq_slot ring[2 * (NREQ + NIRQ)];
static unsigned irqs;
static uint16_t irq_line;

static int setup(void **state)
{
    (void)state;
    run_make_dir(&run);
    irqs = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vgpio_vuf_linux_close(&front);
    run_remove_dir(&run);
    return 0;
}

static int patient(void *ctx)
{
    return vgpio_vuf_linux_wait(ctx, RUN_PATIENCE_MS) > 0 ? 0 : -1;
}

static void on_event(void *ctx, const struct vgpio_drv_event *ev)
{
    (void)ctx;
    if (ev->kind == VGPIO_IRQ && ev->result == 0) {
        irqs++;
        irq_line = ev->line;
    }
}

static struct vgpio_sync waits = {sizeof waits, &drv, patient, on_event, &front};

static int call(unsigned type, uint16_t line, uint32_t value)
{
    return vgpio_sync_call(&waits, type, line, value);
}

static void make_driver(void)
{
    struct vgpio_drv_config c = {0};

    c.bus = &vgpio_vuf_bus_ops;
    c.bus_ctx = &front.vuf;
    c.dma = front.mem;
    c.dma_addr = front.vuf.cfg.gpa;
    c.dma_size = VGPIO_DMA_SIZE(NREQ, NIRQ);
    c.slots = slots;
    c.ring = ring;
    c.nreq = NREQ;
    c.nirq = NIRQ;
    assert_int_equal(vgpio_drv_init(&drv, &c), 0);
}

static void join(uint64_t protocol)
{
    struct vgpio_vuf_linux_config c = {0};

    c.timeout_ms = RUN_PATIENCE_MS;
    c.protocol = protocol;
    assert_int_equal(vgpio_vuf_linux_open(&front, run.socket, &c), 0);
    make_driver();
    assert_int_equal(vgpio_drv_start(&drv), 0);
}

static void wait_irq(unsigned n)
{
    struct vgpio_drv_event ev;
    int got;

    while (irqs < n) {
        assert_int_equal(vgpio_drv_flush(&drv), 0);
        while ((got = vgpio_drv_poll(&drv, &ev)) > 0) {
            on_event(NULL, &ev);
        }
        assert_int_equal(got, 0);
        if (irqs < n && vgpio_drv_rearm(&drv) == 0) {
            assert_true(vgpio_vuf_linux_wait(&front, RUN_PATIENCE_MS) > 0);
        }
    }
}

static void asks(const char *command, const char *reply)
{
    assert_string_equal(run_ask(&run, command), reply);
}

static void use_lines(void)
{
    asks("pull 1 0", "ok");
    assert_int_equal(call(VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_IN), 0);
    assert_int_equal(call(VGPIO_MSG_GET_VALUE, 1, 0), 0);
    asks("pull 1 1", "ok");
    assert_int_equal(call(VGPIO_MSG_GET_VALUE, 1, 0), 1);
    assert_int_equal(call(VGPIO_MSG_SET_VALUE, 0, 1), 0);
    assert_int_equal(call(VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT), 0);
    asks("value 0", "ok 1");
    assert_int_equal(call(VGPIO_MSG_SET_VALUE, 0, 0), 0);
    asks("value 0", "ok 0");
}

static void use_interrupts(void)
{
    irqs = 0;
    assert_int_equal(call(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_EDGE_FALLING), 0);
    assert_int_equal(vgpio_drv_unmask(&drv, 1), 0);
    assert_int_equal(vgpio_drv_flush(&drv), 0);
    asks("pull 1 0", "ok");
    wait_irq(1);
    assert_int_equal(irq_line, 1);
    asks("pull 1 1", "ok");
    asks("pull 1 0", "ok"); /* latched */
    assert_int_equal(vgpio_drv_unmask(&drv, 1), 0);
    wait_irq(2);
    assert_int_equal(call(VGPIO_MSG_SET_IRQ_TYPE, 1, VGPIO_IRQ_NONE), 0);
}

static void test_all(void **state)
{
    struct vgpio_drv_event ev;
    uint8_t *names;

    (void)state;
    run_serve(&run, "led,button", NULL);
    join(0);
    assert_int_equal(vgpio_drv_ngpio(&drv), 2);
    names = front.mem + NAMES_AT;
    assert_int_equal(vgpio_drv_names_size(&drv), 11);
    assert_int_equal(
        vgpio_drv_read_names(&drv, names, front.vuf.cfg.gpa + NAMES_AT, 12, names), 0);
    assert_int_equal(vgpio_drv_flush(&drv), 0);
    while (vgpio_drv_poll(&drv, &ev) == 0) {
        assert_true(vgpio_drv_rearm(&drv) > 0 ||
                    vgpio_vuf_linux_wait(&front, RUN_PATIENCE_MS) > 0);
    }
    assert_int_equal(ev.result, 11);
    assert_memory_equal(names + 1, "led\0button", 11);
    use_lines();
    use_interrupts();
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(vgpio_vuf_error(&front.vuf), 0);

    /* The same connection, another bring-up: what a guest did is forgotten. */
    assert_int_equal(vgpio_drv_start(&drv), 0);
    assert_int_equal(call(VGPIO_MSG_GET_DIRECTION, 0, 0), VGPIO_DIR_NONE);
    use_lines();
    use_interrupts();
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(run_stat(&run, "errors"), 0);
    assert_string_equal(run_log(&run), "");
    assert_int_equal(run_end(&run, SIGTERM), 0);
}

static void test_without_acks(void **state)
{
    (void)state;
    run_serve(&run, "4", NULL);
    join(VGPIO_VU_P_CONFIG);
    use_lines();
    use_interrupts();
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(run_stat(&run, "errors"), 0);
}

/* What a back end may leave out, one thing at a time. */
static void test_every_feature_missing(void **state)
{
    static const char *const options[] = {"--no-event-idx", "--no-indirect-desc",
                                          "--split"};
    unsigned i;

    for (i = 0; i < sizeof options / sizeof options[0]; i++) {
        run_serve(&run, "4", options[i]);
        join(0);
        use_lines();
        use_interrupts();
        assert_int_equal(vgpio_drv_stop(&drv), 0);
        assert_int_equal(run_stat(&run, "errors"), 0);
        teardown(state);
        setup(state);
    }
    run_serve(&run, "4", "--no-irq");
    join(0);
    use_lines();
    assert_int_equal(vgpio_drv_unmask(&drv, 1), VGPIO_ERR_NOTSUP);
}

static void test_packed(void **state)
{
    struct vgpio_vuf_facts facts;

    (void)state;
    run_serve(&run, "4", "--packed");
    join(0);
    vgpio_vuf_get_facts(&front.vuf, &facts);
    assert_true((facts.features & VGPIO_F_PACKED) != 0);
    use_lines();
    use_interrupts();
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(vgpio_drv_start(&drv), 0);
    use_lines();
    use_interrupts();
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(run_stat(&run, "errors"), 0);
}

/* A ring outside of all memory is refused; connection and server live on. */
static void test_refused(void **state)
{
    struct vgpio_vq_setup vq = {.features = UINT64_C(1) << 32, .size = 8};
    uint32_t about = 0;

    (void)state;
    run_serve(&run, "4", NULL);
    join(0);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    vq.desc = vq.driver = vq.device = front.vuf.cfg.gpa + front.mem_size;
    assert_int_equal(vgpio_vuf_ring_start(&front.vuf, 0, &vq), VGPIO_ERR_IO);
    assert_string_equal(vgpio_vuf_reason(&front.vuf, &about), "refused");
    assert_int_equal(about, VGPIO_VU_SET_VRING_ADDR);
    assert_int_equal(vgpio_drv_start(&drv), 0);
    use_lines();
}

/* A message no driver would send: the server hangs up and says why. */
static void test_hostile_message(void **state)
{
    uint64_t v;

    (void)state;
    run_serve(&run, "4", NULL);
    join(0);
    assert_int_equal(
        vgpio_vuf_send(&front.vuf, VGPIO_VU_SET_VRING_NUM, 1, "x", 1, NULL, 0), 0);
    assert_int_equal(vgpio_vuf_get(&front.vuf, VGPIO_VU_GET_FEATURES, &v), VGPIO_ERR_IO);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_non_null(strstr(run_ask(&run, "info"), " connected=0 "));
}

/* A broken ring comes by the err descriptor, and the driver hears of it. */
static void test_broken_ring(void **state)
{
    int n;

    (void)state;
    run_serve(&run, "4", NULL);
    join(0);
    assert_int_equal(call(VGPIO_MSG_GET_VALUE, 0, 0), 0);
    memset(front.mem, 0xff, 4096); /* rings begin there, avail index included */
    vgpio_vu_linux_signal(NULL, front.vuf.cfg.kick[0]);
    do {
        n = vgpio_vuf_linux_wait(&front, RUN_PATIENCE_MS);
        assert_true(n > 0);
    } while ((n & (int)VGPIO_VUF_ERR(0)) == 0);
    assert_int_equal(vgpio_drv_config_changed(&drv), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(vgpio_vuf_error(&front.vuf), 0);
    assert_int_equal(vgpio_drv_start(&drv), 0);
    use_lines();
}

static void test_server_dies(void **state)
{
    (void)state;
    run_serve(&run, "4", NULL);
    join(0);
    use_lines();
    assert_int_equal(run_end(&run, SIGKILL), 128 + SIGKILL);
    assert_int_equal(call(VGPIO_MSG_GET_VALUE, 1, 0), VGPIO_ERR_TIMEOUT); /* gave up */
    assert_string_equal(vgpio_vuf_linux_reason(&front), "hung up");
    assert_int_equal(vgpio_drv_config_changed(&drv), VGPIO_ERR_BROKEN);
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    assert_int_equal(vgpio_vuf_linux_reconnect(&front, run.socket), VGPIO_ERR_IO);

    run_serve(&run, "4", NULL);
    assert_int_equal(vgpio_vuf_linux_reconnect(&front, run.socket), 0);
    assert_int_equal(vgpio_drv_start(&drv), 0);
    use_lines();
    use_interrupts();
}

/* It is there and accepted us, but does not run. */
static void test_server_stalls(void **state)
{
    struct vgpio_vuf_linux_config c = {.timeout_ms = 50};
    int status;

    (void)state;
    run_serve(&run, "4", NULL);
    assert_int_equal(vgpio_vuf_linux_open(&front, run.socket, &c), 0);
    make_driver();
    kill(run.pid, SIGSTOP);
    assert_int_equal(waitpid(run.pid, &status, WUNTRACED), run.pid);
    assert_int_equal(vgpio_drv_start(&drv), VGPIO_ERR_TIMEOUT);
    assert_string_equal(vgpio_vuf_linux_reason(&front),
                        "GET_FEATURES: no answer in time");
    assert_int_equal(vgpio_drv_stop(&drv), 0);
    kill(run.pid, SIGCONT);
}

/* One front end at a time: the second is not answered, and does not wait for ever. */
static void test_second_front_end(void **state)
{
    struct vgpio_vuf_linux_config c = {.timeout_ms = 50};
    struct vgpio_vuf_linux second;

    (void)state;
    run_serve(&run, "4", NULL);
    join(0);
    assert_int_equal(vgpio_vuf_linux_open(&second, run.socket, &c), 0);
    assert_int_equal(vgpio_vuf_negotiate(&second.vuf), VGPIO_ERR_TIMEOUT);
    vgpio_vuf_linux_close(&second);
    use_lines();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_acks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_feature_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_front_end, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
