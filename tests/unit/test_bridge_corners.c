/* SPDX-License-Identifier: BSD-3-Clause */
/* What a bridge does where nothing is as usual. Its operations are called as a device
 * calls them; the device downstream answers only when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <virtiogpio/virtiogpio.h>

#define LINES 4u   /* downstream */
#define BRIDGED 6u /* more than there are */
#define FEW 2u     /* requests that have room downstream */
#define GPA 0x100000u

/* Lines that keep each request until it is answered by hand. */
struct held {
    unsigned op, line, arg, out;
    vgpio_token token;
};

static struct {
    struct held held[16];
    unsigned nheld;
    struct vgpio_dev dev;
    struct vgpio_line lines[LINES];
    struct vgpio_req reqs[8];
    struct vgpio_loop loop;
    struct vgpio_mem_region region;
    struct vgpio_mem_table table;
    struct vgpio_mem mem;
    struct vgpio_drv drv;
    struct vgpio_drv_slot slots[FEW + LINES];
    struct vgpio_drvq_slot ring[2 * (FEW + LINES)];
    uint16_t irq_map[LINES];
    struct vgpio_bridge bridge;
    struct vgpio_bridge_line bridged[BRIDGED];
    /* What upstream was told. */
    vgpio_token done[16];
    int result[16];
    unsigned ndone;
    unsigned changed_line, changed_edges, changed_level, nchanged;
    /* Upstream's next requests, each of which comes while one is completed. */
    unsigned ask_again;
    uint16_t again_line;
    int reset_inside; /* upstream is reset while a request is completed */
} w;

static uint8_t dma[VGPIO_DMA_SIZE(FEW, LINES)] __attribute__((aligned(64)));

/* ---- downstream's lines ---- */

static int hold(unsigned op, unsigned line, unsigned arg, unsigned out, vgpio_token token)
{
    struct held *h = &w.held[w.nheld++];

    assert_true(w.nheld <= 16);
    h->op = op;
    h->line = line;
    h->arg = arg;
    h->out = out;
    h->token = token;
    return VGPIO_PENDING;
}

static int get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx;
    return hold(VGPIO_MSG_GET_DIRECTION, line, 0, 0, token);
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out,
                         vgpio_token token)
{
    (void)ctx;
    return hold(VGPIO_MSG_SET_DIRECTION, line, dir, out, token);
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx;
    return hold(VGPIO_MSG_GET_VALUE, line, 0, 0, token);
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    (void)ctx;
    return hold(VGPIO_MSG_SET_VALUE, line, value, 0, token);
}

static int set_irq_type(void *ctx, uint16_t line, unsigned type, vgpio_token token)
{
    (void)ctx;
    return hold(VGPIO_MSG_SET_IRQ_TYPE, line, type, 0, token);
}

static void unmask(void *ctx, uint16_t line)
{
    (void)ctx, (void)line;
}

static void reset(void *ctx)
{
    (void)ctx;
}

static const struct vgpio_line_ops line_ops = {
    sizeof line_ops, get_direction, set_direction, get_value,
    set_value,       set_irq_type,  unmask,        reset};

/* ---- upstream ---- */

static int told(void *obj, vgpio_token token, int result)
{
    (void)obj;
    w.done[w.ndone % 16] = token;
    w.result[w.ndone++ % 16] = result;
    if (w.reset_inside) {
        w.reset_inside = 0;
        vgpio_bridge_ops.reset(&w.bridge);
    }
    if (w.ask_again != 0) {
        w.ask_again--;
        assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, w.again_line, token + 1),
                         VGPIO_PENDING);
    }
    return 0;
}

static int changed(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    (void)obj;
    w.changed_line = line;
    w.changed_edges = edges;
    w.changed_level = level;
    w.nchanged++;
    return 0;
}

static const struct vgpio_sink_ops sink_ops = {sizeof sink_ops, told, changed};

/* ---- building ---- */

static void make_device(void)
{
    struct vgpio_dev_config dc;

    memset(&dc, 0, sizeof dc);
    dc.ops = &line_ops;
    dc.lines = w.lines;
    dc.ngpio = LINES;
    dc.reqs = w.reqs;
    dc.nreqs = 8;
    dc.features = VGPIO_F_IRQ | VGPIO_F_EVENT_IDX; /* split rings */
    assert_int_equal(vgpio_dev_init(&w.dev, &dc), 0);
    w.region.gpa = GPA;
    w.region.size = sizeof dma;
    w.region.hva = dma;
    w.table.region = &w.region;
    w.table.n = 1;
    w.mem.ops_size = sizeof w.mem;
    w.mem.ctx = &w.table;
    w.mem.map = vgpio_mem_table_map;
    assert_int_equal(vgpio_loop_init(&w.loop, vgpio_dev_vdev(&w.dev), &w.mem), 0);
}

static int build(uint16_t nirq)
{
    struct vgpio_drv_config rc;
    struct vgpio_bridge_config bc;

    memset(&w, 0, sizeof w);
    memset(dma, 0, sizeof dma);
    make_device();
    memset(&rc, 0, sizeof rc);
    rc.bus = &vgpio_loop_bus_ops;
    rc.bus_ctx = &w.loop;
    rc.dma = dma;
    rc.dma_addr = GPA;
    rc.dma_size = sizeof dma;
    rc.slots = w.slots;
    rc.ring = w.ring;
    rc.nreq = FEW;
    rc.nirq = nirq;
    rc.irq_map = w.irq_map;
    rc.irq_map_len = LINES;
    assert_int_equal(vgpio_drv_init(&w.drv, &rc), 0);
    assert_int_equal(vgpio_drv_start(&w.drv), 0);
    memset(&bc, 0, sizeof bc);
    bc.drv = &w.drv;
    bc.sink.ops = &sink_ops;
    bc.lines = w.bridged;
    bc.nlines = BRIDGED;
    return vgpio_bridge_init(&w.bridge, &bc);
}

static int setup(void **state)
{
    (void)state;
    return build(LINES);
}

static void serve(void)
{
    unsigned kicks = vgpio_loop_take_kicks(&w.loop);
    unsigned q;

    for (q = 0; q < 2; q++) {
        while ((kicks & 1u << q) != 0 && vgpio_dev_kick(&w.dev, q) > 0) {
        }
    }
    (void)vgpio_dev_take_events(&w.dev);
}

/* Both sides work until nothing can move any more. */
static void settle(void)
{
    unsigned i;
    int n = 0;

    for (i = 0; i < 8; i++) {
        n = vgpio_bridge_run(&w.bridge);
        assert_true(n >= 0);
        serve();
    }
    assert_int_equal(n, 0);
}

/* Downstream answers what it holds, the oldest first; that is what it was. */
static struct held answer(int result)
{
    struct vgpio_sink sink = vgpio_dev_sink(&w.dev);
    struct held h = w.held[0];

    assert_true(w.nheld > 0);
    w.nheld--;
    memmove(w.held, w.held + 1, w.nheld * sizeof w.held[0]);
    assert_int_equal(sink.ops->complete(sink.obj, h.token, result), 0);
    settle();
    return h;
}

static void expect_held(unsigned op, unsigned line, unsigned arg)
{
    assert_true(w.nheld > 0);
    assert_int_equal(w.held[0].op, op);
    assert_int_equal(w.held[0].line, line);
    assert_int_equal(w.held[0].arg, arg);
}

static void arm(uint16_t line, unsigned type)
{
    w.ndone = 0;
    assert_int_equal(vgpio_bridge_ops.set_irq_type(&w.bridge, line, type, 7),
                     VGPIO_PENDING);
    settle();
    expect_held(VGPIO_MSG_SET_IRQ_TYPE, line, type);
    (void)answer(0);
    assert_int_equal(w.ndone, 1);
    assert_int_equal(w.result[0], 0);
    vgpio_bridge_ops.unmask(&w.bridge, line);
    settle();
}

static void change(uint16_t line, unsigned edges, unsigned level)
{
    struct vgpio_sink sink = vgpio_dev_sink(&w.dev);

    (void)sink.ops->change(sink.obj, line, edges, level);
    settle();
}

/* ---- requests ---- */

/* A device has its own idea of its number of lines: what downstream lacks is an error at
 * once, what the bridge lacks is refused. */
static void test_lines_that_are_not(void **state)
{
    (void)state;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, LINES, 1), VGPIO_PENDING);
    settle();
    assert_int_equal(w.ndone, 1);
    assert_true(w.result[0] < 0);
    assert_int_equal(w.nheld, 0);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, BRIDGED, 2), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_bridge_ops.set_irq_type(&w.bridge, BRIDGED, VGPIO_IRQ_NONE, 3),
                     VGPIO_ERR_INVAL);
    vgpio_bridge_ops.unmask(&w.bridge, BRIDGED);
    settle();
    assert_int_equal(w.ndone, 1);
}

/* More requests than there is room for downstream wait their turn, in order. */
static void test_room(void **state)
{
    uint16_t line;

    (void)state;
    for (line = 0; line < LINES; line++) {
        assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, line, line),
                         VGPIO_PENDING);
    }
    settle();
    assert_int_equal(w.nheld, FEW);
    for (line = 0; line < LINES; line++) {
        expect_held(VGPIO_MSG_GET_VALUE, line, 0);
        (void)answer(line & 1);
        assert_int_equal(w.ndone, line + 1u);
        assert_int_equal(w.done[line], line);
        assert_int_equal(w.result[line], line & 1);
    }
}

/* What upstream asks from inside of a completion is sent in the same turn. */
static void test_asked_anew(void **state)
{
    (void)state;
    w.ask_again = 1;
    w.again_line = 1;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 10), VGPIO_PENDING);
    settle();
    (void)answer(1);
    expect_held(VGPIO_MSG_GET_VALUE, 1, 0);
    (void)answer(0);
    assert_int_equal(w.ndone, 2);
    assert_int_equal(w.done[1], 11);
    /* Also where the first one failed without having been sent: line 4 is not there. */
    w.ndone = 0;
    w.ask_again = 3;
    w.again_line = LINES;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, LINES, 20), VGPIO_PENDING);
    settle();
    assert_int_equal(w.ndone, 4);
    assert_int_equal(w.done[3], 23);
}

/* An armed line is read and written as any other: only its direction or another trigger
 * takes the interrupt off first. */
static void test_armed_line(void **state)
{
    (void)state;
    arm(2, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(vgpio_bridge_ops.set_value(&w.bridge, 2, 1, 1), VGPIO_PENDING);
    settle(); /* no output: downstream's device keeps the value for when it is one */
    assert_int_equal(w.ndone, 2);
    w.ndone = 0;
    assert_int_equal(
        vgpio_bridge_ops.set_irq_type(&w.bridge, 2, VGPIO_IRQ_EDGE_FALLING, 2),
        VGPIO_PENDING);
    settle();
    expect_held(VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_NONE);
    (void)answer(0);
    assert_int_equal(w.ndone, 0);
    expect_held(VGPIO_MSG_SET_IRQ_TYPE, 2, VGPIO_IRQ_EDGE_FALLING);
    (void)answer(VGPIO_ERR_IO); /* refused: the line is as one that was never armed */
    assert_int_equal(w.ndone, 1);
    assert_true(w.result[0] < 0);
    assert_int_equal(vgpio_bridge_ops.set_irq_type(&w.bridge, 2, VGPIO_IRQ_NONE, 3), 0);
    vgpio_bridge_ops.unmask(&w.bridge, 2);
    settle();
    assert_int_equal(w.nheld, 0);
}

/* The value goes ahead of an output; if it is refused, the direction is not touched. */
static void test_output(void **state)
{
    struct held h;

    (void)state;
    assert_int_equal(vgpio_bridge_ops.set_direction(&w.bridge, 1, VGPIO_DIR_OUT, 1, 1),
                     VGPIO_PENDING);
    settle();
    expect_held(VGPIO_MSG_SET_DIRECTION, 1, VGPIO_DIR_OUT);
    h = answer(0);
    assert_int_equal(h.out, 1);
    assert_int_equal(w.ndone, 1);
    assert_int_equal(vgpio_bridge_ops.set_direction(&w.bridge, 1, VGPIO_DIR_OUT, 0, 2),
                     VGPIO_PENDING);
    settle();
    expect_held(VGPIO_MSG_SET_VALUE, 1, 0);
    (void)answer(VGPIO_ERR_IO);
    assert_int_equal(w.nheld, 0);
    assert_int_equal(w.ndone, 2);
    assert_true(w.result[1] < 0);
}

/* ---- interrupts ---- */

/* Both edges: the level afterwards tells which; unless it cannot be had, or the line has
 * another trigger by then. */
static void test_both_edges(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    change(3, VGPIO_RISING, 1);
    expect_held(VGPIO_MSG_GET_VALUE, 3, 0);
    assert_int_equal(w.nchanged, 0);
    (void)answer(1);
    assert_int_equal(w.nchanged, 1);
    assert_int_equal(w.changed_line, 3);
    assert_int_equal(w.changed_edges, VGPIO_RISING);
    assert_int_equal(w.changed_level, 1);
    vgpio_bridge_ops.unmask(&w.bridge, 3);
    settle();
    change(3, VGPIO_FALLING, 0);
    (void)answer(VGPIO_ERR_IO);
    assert_int_equal(w.nchanged, 2);
    assert_int_equal(w.changed_edges, VGPIO_RISING | VGPIO_FALLING);
    assert_int_equal(w.changed_level, VGPIO_LEVEL_UNKNOWN);
}

static void test_trigger_changes_meanwhile(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    change(3, VGPIO_RISING, 1);
    expect_held(VGPIO_MSG_GET_VALUE, 3, 0);
    assert_int_equal(vgpio_bridge_ops.set_irq_type(&w.bridge, 3, VGPIO_IRQ_NONE, 9),
                     VGPIO_PENDING);
    settle();
    (void)answer(1); /* nobody wants to know any more, once this comes after the NONE */
    expect_held(VGPIO_MSG_SET_IRQ_TYPE, 3, VGPIO_IRQ_NONE);
    w.nchanged = 0;
    (void)answer(0);
    assert_int_equal(w.nchanged, 0);
}

/* The sample waits for room like everything else, and upstream's request on the same line
 * in the same turn goes along. */
static void test_sample_without_room(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 2), VGPIO_PENDING);
    settle();
    assert_int_equal(w.nheld, FEW);
    change(3, VGPIO_RISING, 1);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 3, 3), VGPIO_PENDING);
    settle();
    assert_int_equal(w.nheld, FEW);
    w.ndone = 0;
    (void)answer(0);
    (void)answer(0);
    assert_int_equal(w.ndone, 2);
    expect_held(VGPIO_MSG_GET_VALUE, 3, 0);
    (void)answer(1);
    assert_int_equal(w.nchanged, 1);
    expect_held(VGPIO_MSG_GET_VALUE, 3, 0);
    (void)answer(1);
    assert_int_equal(w.ndone, 3);
    assert_int_equal(w.done[2], 3);
}

/* The line is busy with upstream's own request when its interrupt comes. */
static void test_sample_beside_a_request(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    w.ndone = 0;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 3, 5), VGPIO_PENDING);
    settle();
    change(3, VGPIO_FALLING, 0);
    (void)answer(1);
    assert_int_equal(w.ndone, 1);
    assert_int_equal(w.result[0], 1);
    (void)answer(0);
    assert_int_equal(w.nchanged, 1);
    assert_int_equal(w.changed_edges, VGPIO_FALLING);
    assert_int_equal(w.nheld, 0);
}

/* A device that answers out of its order: the trigger is off when the sample comes. */
static void test_late_sample(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    change(3, VGPIO_RISING, 1);
    w.bridged[3].irq_type = VGPIO_IRQ_NONE;
    (void)answer(1);
    assert_int_equal(w.nchanged, 0);
}

/* The interrupt was on its way when the trigger was taken off. */
static void test_late_interrupt(void **state)
{
    struct vgpio_sink sink = vgpio_dev_sink(&w.dev);

    (void)state;
    arm(3, VGPIO_IRQ_EDGE_RISING);
    (void)sink.ops->change(sink.obj, 3, VGPIO_RISING, 1);
    w.bridged[3].irq_type = VGPIO_IRQ_EDGE_FALLING;
    settle();
    assert_int_equal(w.nchanged, 0);
}

/* A device that gives the pair back without an interrupt, though the line is enabled. */
static void test_pair_comes_back(void **state)
{
    const struct vgpio_vdev v = vgpio_dev_vdev(&w.dev);

    (void)state;
    arm(3, VGPIO_IRQ_EDGE_RISING);
    assert_int_equal(v.ops->queue_run(v.obj, VGPIO_EVENTQ, 0), 0);
    w.lines[3].flags |= 0x04; /* it is to go back INVALID */
    assert_int_equal(v.ops->queue_run(v.obj, VGPIO_EVENTQ, 1), 0);
    settle();
    assert_int_equal(w.nchanged, 0);
    vgpio_bridge_ops.unmask(&w.bridge,
                            3); /* and is there again as soon as it is wanted */
    settle();
    change(3, VGPIO_RISING, 1);
    assert_int_equal(w.nchanged, 1);
}

static void test_levels(void **state)
{
    (void)state;
    arm(0, VGPIO_IRQ_LEVEL_LOW);
    change(0, 0, 0);
    assert_int_equal(w.nchanged, 2); /* it was so, and what it is now nobody knows */
    assert_int_equal(w.changed_level, VGPIO_LEVEL_UNKNOWN);
}

/* More interrupts than downstream's driver has slots for: that one is refused, for room
 * that comes only if upstream gives up another would never come to one that waits. */
static void test_no_interrupt_left(void **state)
{
    (void)state;
    assert_int_equal(build(1), 0);
    arm(0, VGPIO_IRQ_EDGE_RISING);
    w.ndone = 0;
    assert_int_equal(
        vgpio_bridge_ops.set_irq_type(&w.bridge, 1, VGPIO_IRQ_EDGE_RISING, 8),
        VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 2, 9), VGPIO_PENDING);
    settle();
    assert_int_equal(w.ndone, 1);
    assert_int_equal(w.done[0], 8);
    assert_int_equal(w.result[0], VGPIO_ERR_NOSPC);
    expect_held(VGPIO_MSG_GET_VALUE, 2, 0); /* others go on */
    (void)answer(1);
    assert_int_equal(vgpio_bridge_ops.set_irq_type(&w.bridge, 0, VGPIO_IRQ_NONE, 10),
                     VGPIO_PENDING);
    settle();
    (void)answer(0);
    arm(1, VGPIO_IRQ_EDGE_RISING);
    /* The same where requests have no room: that comes, so this waits for it. */
    w.ndone = 0;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 2, 11), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 3, 12), VGPIO_PENDING);
    assert_int_equal(
        vgpio_bridge_ops.set_irq_type(&w.bridge, 0, VGPIO_IRQ_EDGE_RISING, 13),
        VGPIO_PENDING);
    settle();
    assert_int_equal(w.ndone, 0);
    (void)answer(1);
    assert_int_equal(w.ndone, 2);
    assert_int_equal(w.result[1], VGPIO_ERR_NOSPC);
}

/* A bus may have codes of its own, of any size: a failure stays one. */
static int notify_512(void *ctx, unsigned q, uint32_t data)
{
    (void)ctx, (void)q, (void)data;
    return -512;
}

static void test_far_code(void **state)
{
    struct vgpio_bus_ops bus = vgpio_loop_bus_ops;

    (void)state;
    bus.notify = notify_512;
    w.drv.cfg.bus = &bus;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_run(&w.bridge), -512);
    assert_int_equal(vgpio_bridge_run(&w.bridge), -512);
}

/* ---- what is not the bridge's ---- */

/* Events of lines that it does not bridge, or that nobody asked for. */
static void test_foreign_events(void **state)
{
    (void)state;
    w.bridge.nlines = 2;
    assert_int_equal(vgpio_drv_submit(&w.drv, VGPIO_MSG_GET_VALUE, 3, 0, &w), 0);
    settle();
    (void)answer(1);
    assert_int_equal(vgpio_drv_submit(&w.drv, VGPIO_MSG_GET_VALUE, 1, 0, &w), 0);
    settle();
    (void)answer(1);
    assert_int_equal(w.ndone, 0);
    assert_int_equal(w.nchanged, 0);
}

/* ---- failure and reset ---- */

static void test_failed(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    settle();
    w.ndone = 0;
    w.drv.q[0].device[2] ^= 0x40; /* a used index that cannot be */
    assert_true(vgpio_bridge_run(&w.bridge) <= VGPIO_ERR_FATAL);
    assert_int_equal(w.ndone, 1);
    assert_int_equal(w.result[0], VGPIO_ERR_IO);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 2), VGPIO_ERR_IO);
    vgpio_bridge_ops.unmask(&w.bridge, 3);
    vgpio_bridge_ops.reset(&w.bridge);
    w.nheld = 0;
    while (vgpio_bridge_run(&w.bridge) > 0) {
    }
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 3), VGPIO_PENDING);
    settle();
    (void)answer(1);
    assert_int_equal(w.result[w.ndone - 1], 1);
}

/* The owner stops the driver behind the bridge's back: everybody is told. */
static void test_stopped_by_its_owner(void **state)
{
    (void)state;
    arm(3, VGPIO_IRQ_EDGE_BOTH);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 2), VGPIO_PENDING);
    settle();
    change(3, VGPIO_RISING, 1); /* no room for its sample */
    assert_int_equal(w.nchanged, 0);
    w.ndone = 0;
    assert_int_equal(vgpio_drv_stop(&w.drv), 0);
    assert_true(vgpio_bridge_run(&w.bridge) < 0);
    assert_int_equal(w.nchanged, 1);
    assert_int_equal(w.changed_level, VGPIO_LEVEL_UNKNOWN);
    assert_int_equal(w.ndone, 2);
    assert_int_equal(w.result[0], VGPIO_ERR_IO);
}

static void test_failed_while_idle(void **state)
{
    (void)state;
    w.drv.q[0].device[2] ^= 0x40;
    assert_true(vgpio_bridge_run(&w.bridge) <= VGPIO_ERR_FATAL);
    vgpio_bridge_ops.reset(&w.bridge);
    while (vgpio_bridge_run(&w.bridge) > 0) {
    }
    assert_int_equal(vgpio_bridge_run(&w.bridge), 0);
}

/* Upstream is reset from inside of its own completion: what comes after is another
 * guest's. */
static void test_reset_inside(void **state)
{
    (void)state;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 2), VGPIO_PENDING);
    settle();
    w.reset_inside = 1;
    (void)answer(1);
    w.nheld = 0;
    assert_int_equal(w.ndone, 1);
    settle();
    assert_int_equal(w.ndone, 1);
    /* Also where the completion is an error at once, with more in the list. */
    w.reset_inside = 1;
    w.bridge.dirty = 1;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, LINES, 3), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 4), VGPIO_PENDING);
    settle();
    assert_int_equal(w.ndone, 2);
    assert_int_equal(w.nheld, 0);
}

/* Where nothing was done to a line, a reset upstream needs none downstream. */
static void test_clean_reset(void **state)
{
    (void)state;
    vgpio_bridge_ops.reset(&w.bridge);
    assert_int_equal(w.bridge.state, 0);
    assert_int_equal(vgpio_bridge_run(&w.bridge), 0);
}

/* Downstream refuses to come back: said until upstream tries again. */
static int refuse_start(void *ctx, uint32_t *id)
{
    (void)ctx;
    *id = 0;
    return VGPIO_ERR_IO;
}

static void test_does_not_come_back(void **state)
{
    struct vgpio_bus_ops bus = vgpio_loop_bus_ops;
    const struct vgpio_bus_ops *before = w.drv.cfg.bus;

    (void)state;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    settle();
    w.nheld = 0;
    vgpio_bridge_ops.reset(&w.bridge);
    bus.device_id = refuse_start;
    w.drv.cfg.bus = &bus;
    assert_true(vgpio_bridge_run(&w.bridge) < 0);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 2), VGPIO_ERR_IO);
    w.drv.cfg.bus = before;
    assert_true(vgpio_bridge_run(&w.bridge) < 0);
    vgpio_bridge_ops.reset(&w.bridge);
    while (vgpio_bridge_run(&w.bridge) > 0) {
    }
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 3), VGPIO_PENDING);
    settle();
    (void)answer(0);
    assert_int_equal(w.result[w.ndone - 1], 0);
}

/* A bit for each look at the status, the lowest first: is the reset still going on? Both
 * the stop and the start after it have to wait. */
static unsigned slow;

static int slow_status(void *ctx, uint8_t *status)
{
    int err = vgpio_loop_bus_ops.get_status(ctx, status);

    if (err >= 0 && *status == 0) {
        *status = (slow & 1u) != 0 ? VGPIO_S_NEEDS_RESET : 0;
        slow >>= 1;
    }
    return err;
}

static void test_slow_reset(void **state)
{
    struct vgpio_bus_ops bus = vgpio_loop_bus_ops;
    unsigned turns = 0;

    (void)state;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    settle();
    w.nheld = 0;
    bus.get_status = slow_status;
    w.drv.cfg.bus = &bus;
    slow = 0x1b; /* 1 1 0 1 1 */
    vgpio_bridge_ops.reset(&w.bridge);
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 2, 2), VGPIO_PENDING);
    while (vgpio_bridge_run(&w.bridge) > 0) {
        assert_true(++turns < 100);
    }
    assert_int_equal(slow, 0);
    assert_true(turns >= 2);
    settle();
    expect_held(VGPIO_MSG_GET_VALUE, 2, 0);
    (void)answer(1);
    assert_int_equal(w.done[w.ndone - 1], 2);
}

/* A bus that is cut when the doorbell is rung. */
static int no_notify(void *ctx, unsigned q, uint32_t data)
{
    (void)ctx, (void)q, (void)data;
    return VGPIO_ERR_IO;
}

static void test_doorbell_fails(void **state)
{
    struct vgpio_bus_ops bus = vgpio_loop_bus_ops;

    (void)state;
    bus.notify = no_notify;
    w.drv.cfg.bus = &bus;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 0, 1), VGPIO_PENDING);
    assert_int_equal(vgpio_bridge_run(&w.bridge), VGPIO_ERR_IO);
    assert_int_equal(w.ndone, 1);
    assert_int_equal(w.result[0], VGPIO_ERR_IO);
}

/* Downstream that answers inside the doorbell could keep one run busy for ever. */
static int instant(void *ctx, unsigned q, uint32_t data)
{
    struct vgpio_sink sink = vgpio_dev_sink(&w.dev);
    int err = vgpio_loop_bus_ops.notify(ctx, q, data);

    serve();
    while (w.nheld > 0) {
        (void)sink.ops->complete(sink.obj, w.held[--w.nheld].token, 1);
    }
    return err;
}

static void test_turn(void **state)
{
    struct vgpio_bus_ops bus = vgpio_loop_bus_ops;
    unsigned turns = 1;

    (void)state;
    bus.notify = instant;
    w.drv.cfg.bus = &bus;
    w.ask_again = 100;
    w.again_line = 1;
    assert_int_equal(vgpio_bridge_ops.get_value(&w.bridge, 1, 0), VGPIO_PENDING);
    while (vgpio_bridge_run(&w.bridge) > 0) {
        turns++;
    }
    assert_int_equal(turns, 2);
    assert_int_equal(w.ask_again, 0);
}

static void test_configs(void **state)
{
    struct vgpio_bridge_config good, c;
    struct vgpio_bridge b;

    (void)state;
    memset(&good, 0, sizeof good);
    good.drv = &w.drv;
    good.sink.ops = &sink_ops;
    good.lines = w.bridged;
    good.nlines = BRIDGED;
    c = good;
    c.sink.ops = NULL;
    assert_int_equal(vgpio_bridge_init(&b, &c), VGPIO_ERR_INVAL);
    c = good;
    c.lines = NULL;
    assert_int_equal(vgpio_bridge_init(&b, &c), VGPIO_ERR_INVAL);
    assert_int_equal(
        vgpio_bridge_init_abi(&b, &good,
                              VGPIO_ABI(sizeof b, sizeof c + 8, sizeof w.bridged[0], 0)),
        VGPIO_ERR_ABI);
    assert_int_equal(vgpio_bridge_init(&b, &good), 0);
}

#define T(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_lines_that_are_not),
        T(test_room),
        T(test_asked_anew),
        T(test_armed_line),
        T(test_output),
        T(test_both_edges),
        T(test_trigger_changes_meanwhile),
        T(test_sample_without_room),
        T(test_sample_beside_a_request),
        T(test_late_sample),
        T(test_late_interrupt),
        T(test_pair_comes_back),
        T(test_levels),
        T(test_no_interrupt_left),
        T(test_far_code),
        T(test_foreign_events),
        T(test_failed),
        T(test_clean_reset),
        T(test_does_not_come_back),
        T(test_stopped_by_its_owner),
        T(test_failed_while_idle),
        T(test_reset_inside),
        T(test_slow_reset),
        T(test_doorbell_fails),
        T(test_turn),
        T(test_configs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
