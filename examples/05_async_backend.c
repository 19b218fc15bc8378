/* SPDX-License-Identifier: BSD-3-Clause */
/* Slow lines: a back end behind I2C, SPI or a network answers when that is done, and no
 * line of the guest waits for another. Here whatever concerns line 0 takes three ticks of
 * a clock, and line 1 takes one.
 *
 * It prints:
 *     tick 1: line 1, get value: 1
 *     tick 3: line 0, set direction: 0
 *     tick 6: line 0, set value: 0
 *     tick 9: line 0, get value: 1
 *     the guest goes: 1 job is dropped
 *     line 0, get value: stale: the request is gone
 */
#include <stdio.h>
#include <stdlib.h>

#include <virtiogpio/virtiogpio.h>

enum {
    NLINES = 2,
    NREQ = 4
};

/* --- the back end --- */

/* The device never has two requests for one line under way, so one job a line is all. */
struct job {
    vgpio_token token;
    unsigned ticks; /* until it is done; 0: there is none */
    int set;        /* the level to set, or -1 */
    int ask;        /* answer with the level, not with 0 */
};
struct expander {
    struct vgpio_sink up;
    struct job job[NLINES];
    int level[NLINES];
};

static int start_job(struct expander *x, uint16_t line, struct job job)
{
    job.ticks = line == 0 ? 3 : 1;
    x->job[line] = job;
    return VGPIO_PENDING; /* the answer comes from tick() */
}

static int get_direction(void *ctx, uint16_t line, vgpio_token token)
{
    (void)ctx, (void)token;
    return line == 0 ? VGPIO_DIR_OUT : VGPIO_DIR_IN; /* known: answered at once */
}

static int set_direction(void *ctx, uint16_t line, unsigned dir, unsigned out_value,
                         vgpio_token token)
{
    return start_job(
        ctx, line,
        (struct job){token, .set = dir == VGPIO_DIR_OUT ? (int)out_value : -1});
}

static int get_value(void *ctx, uint16_t line, vgpio_token token)
{
    return start_job(ctx, line, (struct job){token, .set = -1, .ask = 1});
}

static int set_value(void *ctx, uint16_t line, unsigned value, vgpio_token token)
{
    return start_job(ctx, line, (struct job){token, .set = (int)value});
}

/* All tokens are dead. A job that cannot be called back may run to its end, since to
 * complete a dead token does nothing; but it must not get mixed up with the next one. */
static void reset(void *ctx)
{
    struct expander *x = ctx;
    int line, n = 0;

    for (line = 0; line < NLINES; line++) {
        n += x->job[line].ticks > 0;
        x->job[line].ticks = 0;
    }
    if (n > 0) {
        printf("the guest goes: %d job is dropped\n", n);
    }
}

/* No set_irq_type: these lines cannot interrupt. */
static const struct vgpio_line_ops ops = {
    .ops_size = sizeof ops,
    .get_direction = get_direction,
    .set_direction = set_direction,
    .get_value = get_value,
    .set_value = set_value,
    .reset = reset,
};

/* A thread of a real back end would take the device's lock first, and would then raise
 * what is owed to the guest (vgpio_dev_take_events, or the transport's flush). */
static void tick(struct expander *x)
{
    uint16_t line;

    for (line = 0; line < NLINES; line++) {
        struct job job = x->job[line];

        if (job.ticks == 0 || --x->job[line].ticks > 0) {
            continue;
        }
        if (job.set >= 0) {
            x->level[line] = job.set;
        }
        /* May start the next job of this line: nothing of the old one is used after. */
        (void)x->up.ops->complete(x->up.obj, job.token, job.ask ? x->level[line] : 0);
    }
}

/* --- a device for it, and a guest in the same process: see 01_loopback.c --- */

static struct vgpio_dev dev;
static struct vgpio_line lines[NLINES];
static struct vgpio_req reqs[NREQ];
static struct expander expander = {.level = {0, 1}};

static _Alignas(VGPIO_DMA_ALIGN) uint8_t arena[VGPIO_DMA_SIZE(NREQ, 0)];
static const struct vgpio_mem_region ram = {0x80000000u, sizeof arena, arena};
static struct vgpio_mem_table table = {&ram, 1};
static const struct vgpio_mem mem = {sizeof mem, &table, vgpio_mem_table_map, NULL, NULL};
static struct vgpio_loop bus;
static struct vgpio_drv drv;
static struct vgpio_drv_slot slots[NREQ];
static struct vgpio_drvq_slot ring[2 * NREQ];

static void must(int result)
{
    if (result < 0) {
        fprintf(stderr, "%s\n", vgpio_strerror(result));
        exit(1);
    }
}

static void set_up(void)
{
    struct vgpio_dev_config dc = {.ops = &ops,
                                  .ctx = &expander,
                                  .lines = lines,
                                  .ngpio = NLINES,
                                  .reqs = reqs,
                                  .nreqs = NREQ,
                                  .features = ~VGPIO_F_IRQ};
    struct vgpio_drv_config rc = {.bus = &vgpio_loop_bus_ops,
                                  .bus_ctx = &bus,
                                  .dma = arena,
                                  .dma_addr = ram.gpa,
                                  .dma_size = sizeof arena,
                                  .slots = slots,
                                  .ring = ring,
                                  .nreq = NREQ};

    expander.up = vgpio_dev_sink(&dev);
    must(vgpio_dev_init(&dev, &dc));
    must(vgpio_loop_init(&bus, vgpio_dev_vdev(&dev), &mem));
    must(vgpio_drv_init(&drv, &rc));
    must(vgpio_drv_start(&drv));
}

/* The cookie comes back with the answer: here it names the question. */
static void request(unsigned type, uint16_t line, uint32_t value, const char *what)
{
    must(vgpio_drv_submit(&drv, type, line, value, (void *)(uintptr_t)what));
}

static void send_all(void)
{
    must(vgpio_drv_flush(&drv));
    if (vgpio_loop_take_kicks(&bus) & 1u << VGPIO_REQUESTQ) {
        must(vgpio_dev_kick(&dev, VGPIO_REQUESTQ));
    }
}

int main(void)
{
    struct vgpio_drv_event ev;
    int now, left = 4;

    set_up();
    request(VGPIO_MSG_SET_DIRECTION, 0, VGPIO_DIR_OUT, "set direction");
    request(VGPIO_MSG_SET_VALUE, 0, 1, "set value");
    request(VGPIO_MSG_GET_VALUE, 0, 0, "get value");
    request(VGPIO_MSG_GET_VALUE, 1, 0, "get value");
    send_all();
    for (now = 1; left > 0; now++) {
        tick(&expander);
        while (vgpio_drv_poll(&drv, &ev) > 0) {
            must(ev.result);
            printf("tick %d: line %u, %s: %d\n", now, ev.line, (const char *)ev.cookie,
                   ev.result);
            left--;
        }
    }

    request(VGPIO_MSG_GET_VALUE, 0, 0, "get value");
    send_all();
    must(vgpio_drv_stop(&drv)); /* resets the device */
    while (vgpio_drv_poll(&drv, &ev) > 0) {
        printf("line %u, %s: %s\n", ev.line, (const char *)ev.cookie,
               vgpio_strerror(ev.result));
    }
    return 0;
}
