/* SPDX-License-Identifier: BSD-3-Clause */
/* Real lines over a kernel that is not one: what is asked of it, word by word, and what
 * becomes of each of its answers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/gpio.h>

#include <virtiogpio/gpiochip.h>
#include <virtiogpio/wire.h>

#define CHIPS 2u
#define PINS 8u
#define CHIP_FD 100 /* of chip n: 100 + n; of a line: 1000 + 100 * chip + pin */
#define LINE_FD 1000
#define IN GPIO_V2_LINE_FLAG_INPUT
#define OUT GPIO_V2_LINE_FLAG_OUTPUT
#define RISE GPIO_V2_LINE_FLAG_EDGE_RISING
#define FALL GPIO_V2_LINE_FLAG_EDGE_FALLING
#define LOW GPIO_V2_LINE_FLAG_ACTIVE_LOW

struct pin {
    uint64_t flags;    /* as line info tells, without USED */
    unsigned physical; /* the level of the wire */
    uint32_t debounce, buffer;
    int held;
    uint32_t seq;
    struct gpio_v2_line_event queue[64];
    unsigned nqueue;
    unsigned configs; /* how often it was set up */
};

struct kernel {
    struct pin pin[CHIPS][PINS];
    char label[CHIPS][GPIO_MAX_NAME_SIZE];
    int gone[CHIPS];
    unsigned long fail_request; /* this request answers... */
    int fail_with;              /* ... this, from the (fail_after + 1)st on */
    unsigned fail_after;
    int fail_once; /* after half of what was asked for has been done */
    int open_fds;
    int read_error;
    char consumer[GPIO_MAX_NAME_SIZE];
};

struct told {
    char who; /* 'd' device, 'w' watch, 'v' value, 'n' news */
    uint16_t line;
    unsigned a, b;
};

struct lab {
    struct kernel k;
    struct vgpio_gpiochip g;
    struct vgpio_gpiochip_config cfg;
    struct vgpio_gpiochip_line lines[4];
    struct told told[400];
    unsigned n, seen;
};

/* --- the kernel --- */

static int fk_open(void *ctx, const char *path)
{
    struct kernel *k = ctx;
    unsigned chip = (unsigned)(path[strlen(path) - 1] - '0');

    if (chip >= CHIPS || k->gone[chip]) {
        return -ENOENT;
    }
    k->open_fds++;
    return CHIP_FD + (int)chip;
}

static void apply(struct pin *p, const struct gpio_v2_line_config *c)
{
    unsigned i;

    p->debounce = 0;
    for (i = 0; i < c->num_attrs; i++) {
        assert_int_equal(c->attrs[i].mask, 1);
        if (c->attrs[i].attr.id == GPIO_V2_LINE_ATTR_ID_DEBOUNCE) {
            assert_int_equal(c->flags & IN, IN);
            p->debounce = c->attrs[i].attr.debounce_period_us;
        } else {
            assert_int_equal(c->attrs[i].attr.id, GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES);
            assert_int_equal(c->flags & OUT, OUT);
            p->physical =
                (unsigned)(c->attrs[i].attr.values & 1) ^ ((c->flags & LOW) != 0);
        }
    }
}

/* As the kernel judges them. */
static int judge(uint64_t f)
{
    uint64_t bias =
        f & (GPIO_V2_LINE_FLAG_BIAS_PULL_UP | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN |
             GPIO_V2_LINE_FLAG_BIAS_DISABLED);
    uint64_t drive = f & (GPIO_V2_LINE_FLAG_OPEN_DRAIN | GPIO_V2_LINE_FLAG_OPEN_SOURCE);

    if ((f & IN && f & OUT) || ((f & (RISE | FALL)) != 0 && !(f & IN)) ||
        (drive != 0 && !(f & OUT)) || (bias & (bias - 1)) != 0 ||
        (bias != 0 && !(f & (IN | OUT)))) {
        return -EINVAL;
    }
    return 0;
}

static int fk_config(struct pin *p, const struct gpio_v2_line_config *c)
{
    if (judge(c->flags) < 0) {
        return -EINVAL;
    }
    if ((c->flags & (IN | OUT)) == 0) {
        p->flags = (p->flags & (IN | OUT)) | (c->flags & LOW);
        return 0;
    }
    p->configs++;
    p->flags = c->flags;
    apply(p, c);
    return 0;
}

static int fk_request(struct kernel *k, unsigned chip, struct gpio_v2_line_request *r)
{
    struct pin *p = &k->pin[chip][r->offsets[0]];

    assert_int_equal(r->num_lines, 1);
    if (p->held) {
        return -EBUSY;
    }
    assert_int_equal(r->config.flags & (IN | OUT), 0); /* taken as it is */
    if (fk_config(p, &r->config) < 0) {
        return -EINVAL;
    }
    p->held = 1;
    p->seq = 0;
    p->nqueue = 0;
    p->buffer = r->event_buffer_size;
    memcpy(k->consumer, r->consumer, sizeof k->consumer);
    k->open_fds++;
    r->fd = LINE_FD + (int)(100 * chip + r->offsets[0]);
    return 0;
}

static int fk_chip(struct kernel *k, unsigned chip, unsigned long request, void *arg)
{
    if (k->gone[chip]) {
        return -ENODEV;
    }
    if (request == GPIO_GET_CHIPINFO_IOCTL) {
        struct gpiochip_info *info = arg;

        memcpy(info->label, k->label[chip], sizeof info->label);
        info->lines = PINS;
        return 0;
    }
    if (request == GPIO_V2_GET_LINEINFO_IOCTL) {
        struct gpio_v2_line_info *info = arg;
        const struct pin *p = &k->pin[chip][info->offset];

        info->flags = p->flags | (p->held ? GPIO_V2_LINE_FLAG_USED : 0);
        snprintf(info->name, sizeof info->name, "c%u-p%u", chip, info->offset);
        return 0;
    }
    assert_int_equal(request, GPIO_V2_GET_LINE_IOCTL);
    return fk_request(k, chip, arg);
}

static int fk_control(void *ctx, int fd, unsigned long request, void *arg)
{
    struct kernel *k = ctx;
    struct gpio_v2_line_values *v = arg;
    struct pin *p;
    unsigned low;

    if (request == k->fail_request && k->fail_after-- == 0) {
        k->fail_after = 0;
        if (k->fail_once) {
            k->fail_request = 0;
            k->pin[(fd - LINE_FD) / 100][(fd - LINE_FD) % 100].flags = 0;
        }
        return k->fail_with;
    }
    if (fd < LINE_FD) {
        return fk_chip(k, (unsigned)(fd - CHIP_FD), request, arg);
    }
    p = &k->pin[(fd - LINE_FD) / 100][(fd - LINE_FD) % 100];
    assert_true(p->held);
    if (k->gone[(fd - LINE_FD) / 100]) {
        return -ENODEV;
    }
    low = (p->flags & LOW) != 0;
    switch (request) {
    case GPIO_V2_LINE_GET_VALUES_IOCTL:
        assert_int_equal(v->mask, 1);
        v->bits = p->physical ^ low;
        return 0;
    case GPIO_V2_LINE_SET_VALUES_IOCTL:
        assert_int_equal(v->mask, 1);
        if ((p->flags & OUT) == 0) {
            return -EPERM;
        }
        p->physical = (unsigned)(v->bits & 1) ^ low;
        return 0;
    default:
        assert_int_equal(request, GPIO_V2_LINE_SET_CONFIG_IOCTL);
        return fk_config(p, arg);
    }
}

static int fk_read(void *ctx, int fd, void *buf, uint32_t size)
{
    struct kernel *k = ctx;
    struct pin *p = &k->pin[(fd - LINE_FD) / 100][(fd - LINE_FD) % 100];
    unsigned n = size / (unsigned)sizeof p->queue[0];

    if (k->read_error != 0) {
        return k->read_error > 0 ? 0 : k->read_error;
    }
    if (k->gone[(fd - LINE_FD) / 100]) {
        return -ENODEV;
    }
    if (p->nqueue == 0) {
        return -EAGAIN;
    }
    n = n < p->nqueue ? n : p->nqueue;
    memcpy(buf, p->queue, n * sizeof p->queue[0]);
    p->nqueue -= n;
    memmove(p->queue, p->queue + n, p->nqueue * sizeof p->queue[0]);
    return (int)(n * sizeof p->queue[0]);
}

static void fk_close(void *ctx, int fd)
{
    struct kernel *k = ctx;

    k->open_fds--;
    if (fd >= LINE_FD) {
        struct pin *p = &k->pin[(fd - LINE_FD) / 100][(fd - LINE_FD) % 100];

        assert_true(p->held);
        p->held = 0;
        p->flags &= IN | OUT; /* the rest is the request's */
    }
}

/* The wire changes; the kernel notes what it was asked to. */
static void wire(struct lab *lab, unsigned chip, unsigned n, unsigned physical)
{
    struct pin *p = &lab->k.pin[chip][n];
    unsigned rising = physical ^ ((p->flags & LOW) != 0);

    if (p->physical == physical) {
        return;
    }
    p->physical = physical;
    if (p->held && (p->flags & (rising ? RISE : FALL)) != 0) {
        struct gpio_v2_line_event e = {0};

        e.id = rising ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE;
        e.offset = n;
        e.line_seqno = e.seqno = ++p->seq;
        if (p->nqueue == sizeof p->queue / sizeof p->queue[0]) { /* the oldest goes */
            memmove(p->queue, p->queue + 1, --p->nqueue * sizeof p->queue[0]);
        }
        p->queue[p->nqueue++] = e;
    }
}

/* --- who is told --- */

static void tell(struct lab *lab, char who, uint16_t line, unsigned a, unsigned b)
{
    struct told t = {who, line, a, b};

    assert_true(lab->n < sizeof lab->told / sizeof lab->told[0]);
    lab->told[lab->n++] = t;
}

static int to_device(void *obj, uint16_t line, unsigned edges, unsigned level)
{
    tell(obj, 'd', line, edges, level);
    return 0;
}

static void to_watch(void *ctx, uint16_t line, int fd, int on)
{
    tell(ctx, 'w', line, (unsigned)fd, (unsigned)on);
}

static void to_value(void *ctx, uint16_t line, unsigned level)
{
    tell(ctx, 'v', line, level, 0);
}

static void to_news(void *ctx, uint16_t line, unsigned news, uint32_t n)
{
    tell(ctx, 'n', line, news, n);
}

static void expect(struct lab *lab, char who, uint16_t line, unsigned a, unsigned b)
{
    const struct told *t = &lab->told[lab->seen];

    assert_true(lab->seen < lab->n);
    assert_int_equal(t->who, who);
    assert_int_equal(t->line, line);
    assert_int_equal(t->a, a);
    assert_int_equal(t->b, b);
    lab->seen++;
}

static void quiet(struct lab *lab)
{
    assert_int_equal(lab->seen, lab->n);
    lab->seen = lab->n = 0;
}

static void forget(struct lab *lab)
{
    lab->seen = lab->n = 0;
}

/* --- words of the tests --- */

static const struct vgpio_line_ops *const ops = &vgpio_gpiochip_ops;

static int direction(struct lab *lab, uint16_t line, unsigned dir, unsigned out)
{
    return ops->set_direction(&lab->g, line, dir, out, 0);
}

static int type(struct lab *lab, uint16_t line, unsigned t)
{
    return ops->set_irq_type(&lab->g, line, t, 0);
}

static int get(struct lab *lab, uint16_t line)
{
    return ops->get_value(&lab->g, line, 0);
}

static int set(struct lab *lab, uint16_t line, unsigned value)
{
    return ops->set_value(&lab->g, line, value, 0);
}

static void start(struct lab *lab)
{
    uint16_t bad = 99;
    int error = 99;

    assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), 0);
    assert_int_equal(vgpio_gpiochip_open(&lab->g, &bad, &error), 0);
    assert_int_equal(bad, 99);
}

static struct vgpio_gpiochip_stats stats(struct lab *lab)
{
    struct vgpio_gpiochip_stats s;

    vgpio_gpiochip_get_stats(&lab->g, &s);
    return s;
}

/* Lines: chip 0 pin 3, chip 1 pin 7, chip 0 pin 1, chip 1 pin 0. */
static int setup(void **state)
{
    static const struct vgpio_sink_ops sink = {sizeof sink, NULL, to_device};
    static const struct vgpio_gpiochip_sys sys = {sizeof sys, fk_open, fk_control,
                                                  fk_read, fk_close};
    static struct lab lab;
    unsigned i, j;

    memset(&lab, 0, sizeof lab);
    for (i = 0; i < CHIPS; i++) {
        snprintf(lab.k.label[i], sizeof lab.k.label[i], "chip %u", i);
        for (j = 0; j < PINS; j++) {
            lab.k.pin[i][j].flags = IN;
        }
    }
    for (i = 0; i < 4; i++) {
        static const uint32_t offset[4] = {3, 7, 1, 0};

        lab.lines[i].chip = i % 2 == 0 ? "/dev/gpiochip0" : "/dev/gpiochip1";
        lab.lines[i].offset = offset[i];
    }
    lab.cfg.sink.ops = &sink;
    lab.cfg.sink.obj = &lab;
    lab.cfg.lines = lab.lines;
    lab.cfg.nlines = 4;
    lab.cfg.sys = &sys;
    lab.cfg.sys_ctx = &lab.k;
    lab.cfg.watch = to_watch;
    lab.cfg.on_change = to_value;
    lab.cfg.tell = to_news;
    lab.cfg.ctx = &lab;
    *state = &lab;
    return 0;
}

/* Whatever happened: in the end nothing is held. */
static int teardown(void **state)
{
    struct lab *lab = *state;

    vgpio_gpiochip_close(&lab->g);
    assert_int_equal(lab->k.open_fds, 0);
    return 0;
}

/* --- beginning --- */

static void test_init(void **state)
{
    struct lab *lab = *state;
    static const uint32_t wrong[] = {VGPIO_GPIOCHIP_PULL_UP | VGPIO_GPIOCHIP_PULL_DOWN,
                                     VGPIO_GPIOCHIP_PULL_DOWN | VGPIO_GPIOCHIP_NO_BIAS,
                                     VGPIO_GPIOCHIP_OPEN_DRAIN |
                                         VGPIO_GPIOCHIP_OPEN_SOURCE,
                                     VGPIO_GPIOCHIP_START_IN | VGPIO_GPIOCHIP_START_HIGH,
                                     VGPIO_GPIOCHIP_START_LOW | VGPIO_GPIOCHIP_START_HIGH,
                                     0x200};
    unsigned i;

    assert_int_equal(vgpio_gpiochip_init_abi(&lab->g, &lab->cfg, 0), VGPIO_ERR_ABI);
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        lab->lines[1].flags = wrong[i];
        assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), VGPIO_ERR_INVAL);
    }
    lab->lines[1].flags = 0;
    lab->lines[2].chip = NULL;
    assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), VGPIO_ERR_INVAL);
    lab->lines[2].chip = lab->lines[0].chip;
    lab->cfg.nlines = 0;
    assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), VGPIO_ERR_INVAL);
    lab->cfg.nlines = 4;
    assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), 0);
    assert_int_equal(get(lab, 0), VGPIO_ERR_INVAL); /* not open */
    assert_int_equal(vgpio_gpiochip_level(&lab->g, 0), VGPIO_ERR_IO);
    assert_int_equal(lab->k.open_fds, 0);
}

/* Looked at, all of them, and none of them touched. */
static void test_open_touches_nothing(void **state)
{
    struct lab *lab = *state;
    unsigned i;

    start(lab);
    for (i = 0; i < CHIPS * PINS; i++) {
        assert_int_equal(lab->k.pin[i / PINS][i % PINS].held, 0);
        assert_int_equal(lab->k.pin[i / PINS][i % PINS].configs, 0);
    }
    assert_int_equal(lab->k.open_fds, 0);
    quiet(lab);
}

static void open_fails(struct lab *lab, uint16_t line, int errnum)
{
    uint16_t bad = 99;
    int error = 0;
    unsigned i;

    assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), 0);
    assert_int_equal(vgpio_gpiochip_open(&lab->g, &bad, &error), VGPIO_ERR_IO);
    assert_int_equal(bad, line);
    assert_int_equal(error, errnum);
    assert_int_equal(lab->k.open_fds, 0);
    for (i = 0; i < CHIPS * PINS; i++) {
        assert_int_equal(lab->k.pin[i / PINS][i % PINS].held, 0);
    }
}

static void test_open_all_or_nothing(void **state)
{
    struct lab *lab = *state;

    lab->lines[0].flags = VGPIO_GPIOCHIP_START_HIGH;
    lab->k.gone[1] = 1;
    open_fails(lab, 1, ENOENT);
    assert_int_equal(lab->k.pin[0][3].configs, 0); /* not even for a moment */
    lab->k.gone[1] = 0;
    lab->lines[3].offset = PINS;
    open_fails(lab, 3, EINVAL);
    assert_int_equal(lab->k.pin[0][3].configs, 0);
    lab->lines[3].offset = 0;
    lab->lines[2].flags = VGPIO_GPIOCHIP_START_LOW;
    lab->k.pin[0][1].held = 1;
    {
        uint16_t bad = 99;
        int error = 0;

        assert_int_equal(vgpio_gpiochip_init(&lab->g, &lab->cfg), 0);
        assert_int_equal(vgpio_gpiochip_open(&lab->g, &bad, &error), VGPIO_ERR_IO);
        assert_int_equal(bad, 2);
        assert_int_equal(error, EBUSY);
        assert_int_equal(lab->k.pin[0][3].held, 0);
        assert_int_equal(lab->k.pin[0][3].flags, IN);
    }
    lab->k.pin[0][1].held = 0;
    forget(lab);
}

static void test_names(void **state)
{
    struct lab *lab = *state;
    char name[VGPIO_GPIOCHIP_NAME_SIZE];
    int error = 0;

    start(lab);
    assert_int_equal(vgpio_gpiochip_name(&lab->g, 1, name, &error), 0);
    assert_string_equal(name, "c1-p7");
    assert_int_equal(vgpio_gpiochip_name(&lab->g, 4, name, &error), VGPIO_ERR_INVAL);
    lab->k.gone[1] = 1;
    assert_int_equal(vgpio_gpiochip_name(&lab->g, 1, name, &error), VGPIO_ERR_IO);
    assert_int_equal(error, ENOENT);
    lab->k.gone[1] = 0;
}

/* --- directions and values --- */

static void test_output(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    expect(lab, 'w', 0, LINE_FD + 3, 1);
    expect(lab, 'v', 0, 1, 0);
    assert_int_equal(p->flags, OUT);
    assert_int_equal(p->physical, 1);
    assert_string_equal(lab->k.consumer, "virtio-gpio");
    assert_int_equal(set(lab, 0, 0), 0);
    expect(lab, 'v', 0, 0, 0);
    assert_int_equal(p->physical, 0);
    assert_int_equal(get(lab, 0), 0);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_OUT);
    assert_int_equal(vgpio_gpiochip_direction(&lab->g, 0), VGPIO_DIR_OUT);
    assert_int_equal(set(lab, 0, 1), 0);
    expect(lab, 'v', 0, 1, 0);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0);
    expect(lab, 'w', 0, LINE_FD + 3, 0);
    assert_int_equal(p->held, 0);
    assert_int_equal(p->flags, IN); /* as it was found */
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_NONE);
    quiet(lab);
}

static void test_input(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][1];

    lab->cfg.consumer = "a name that is longer than the kernel's 31 characters";
    start(lab);
    assert_int_equal(direction(lab, 2, VGPIO_DIR_IN, 0), 0);
    assert_int_equal(p->flags, IN);
    assert_int_equal(p->buffer, 1024);
    assert_int_equal(strlen(lab->k.consumer), GPIO_MAX_NAME_SIZE - 1);
    assert_int_equal(get(lab, 2), 0);
    wire(lab, 0, 1, 1);
    assert_int_equal(get(lab, 2), 1);
    assert_int_equal(vgpio_gpiochip_level(&lab->g, 2), 1);
    assert_int_equal(p->nqueue, 0); /* nobody asked for edges */
    forget(lab);
}

/* A line that the host left as an output gets back what it drove. */
static void test_given_back_as_found(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];
    unsigned low;

    for (low = 0; low < 2; low++) {
        p->flags = OUT;
        p->physical = 1;
        lab->lines[0].flags = low ? VGPIO_GPIOCHIP_ACTIVE_LOW : 0;
        start(lab);
        assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, low), 0);
        assert_int_equal(p->physical, 0);
        assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0);
        assert_int_equal(p->flags, OUT);
        assert_int_equal(p->physical, 1);
        assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
        assert_int_equal(p->flags & (IN | OUT), IN);
        ops->reset(&lab->g);
        assert_int_equal(p->flags, OUT);
        assert_int_equal(p->physical, 1);
        assert_int_equal(p->held, 0);
        assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
        vgpio_gpiochip_close(&lab->g);
        assert_int_equal(p->flags, OUT);
        assert_int_equal(p->held, 0);
        forget(lab);
    }
}

/* Reading a line that nobody took leaves it as it is. */
static void test_value_of_a_free_line(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    lab->lines[0].flags = VGPIO_GPIOCHIP_ACTIVE_LOW | VGPIO_GPIOCHIP_PULL_UP;
    start(lab);
    assert_int_equal(get(lab, 0), 1);
    p->physical = 1;
    assert_int_equal(get(lab, 0), 0);
    assert_int_equal(p->configs, 0);
    assert_int_equal(p->held, 0);
    quiet(lab);
    p->held = 1;
    assert_int_equal(get(lab, 0), VGPIO_ERR_IO);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_REFUSED, EBUSY);
    assert_int_equal(vgpio_gpiochip_level(&lab->g, 0), VGPIO_ERR_IO);
    quiet(lab);
    p->held = 0;
}

static void test_flags(void **state)
{
    static const struct {
        uint32_t ours;
        uint64_t in, out;
    } word[] = {
        {0, 0, 0},
        {VGPIO_GPIOCHIP_ACTIVE_LOW, LOW, LOW},
        {VGPIO_GPIOCHIP_PULL_UP, GPIO_V2_LINE_FLAG_BIAS_PULL_UP,
         GPIO_V2_LINE_FLAG_BIAS_PULL_UP},
        {VGPIO_GPIOCHIP_PULL_DOWN, GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN,
         GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN},
        {VGPIO_GPIOCHIP_NO_BIAS, GPIO_V2_LINE_FLAG_BIAS_DISABLED,
         GPIO_V2_LINE_FLAG_BIAS_DISABLED},
        {VGPIO_GPIOCHIP_OPEN_DRAIN, 0, GPIO_V2_LINE_FLAG_OPEN_DRAIN},
        {VGPIO_GPIOCHIP_OPEN_SOURCE, 0, GPIO_V2_LINE_FLAG_OPEN_SOURCE},
    };
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[1][7];
    unsigned i;

    lab->lines[1].debounce_us = 5000;
    for (i = 0; i < sizeof word / sizeof word[0]; i++) {
        lab->lines[1].flags = word[i].ours;
        start(lab);
        assert_int_equal(direction(lab, 1, VGPIO_DIR_IN, 0), 0);
        assert_int_equal(p->flags, IN | word[i].in);
        assert_int_equal(p->debounce, 5000);
        assert_int_equal(direction(lab, 1, VGPIO_DIR_OUT, 1), 0);
        assert_int_equal(p->flags, OUT | word[i].out);
        assert_int_equal(p->physical, word[i].ours != VGPIO_GPIOCHIP_ACTIVE_LOW);
        assert_int_equal(p->debounce, 0);
        assert_int_equal(get(lab, 1), 1);
        vgpio_gpiochip_close(&lab->g);
        assert_int_equal(p->flags, IN);
        forget(lab);
    }
}

/* Held from the beginning, and whenever no guest says otherwise. */
static void test_start_states(void **state)
{
    struct lab *lab = *state;
    struct pin *high = &lab->k.pin[0][3], *in = &lab->k.pin[1][7],
               *low = &lab->k.pin[0][1];

    lab->lines[0].flags = VGPIO_GPIOCHIP_START_HIGH;
    lab->lines[1].flags = VGPIO_GPIOCHIP_START_IN | VGPIO_GPIOCHIP_PULL_UP;
    lab->lines[2].flags = VGPIO_GPIOCHIP_START_LOW | VGPIO_GPIOCHIP_ACTIVE_LOW;
    start(lab);
    assert_int_equal(high->flags, OUT);
    assert_int_equal(high->physical, 1);
    assert_int_equal(in->flags, IN | GPIO_V2_LINE_FLAG_BIAS_PULL_UP);
    assert_int_equal(low->flags, OUT | LOW);
    assert_int_equal(low->physical, 1);
    assert_int_equal(lab->k.pin[1][0].held, 0);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_NONE);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 0), 0);
    assert_int_equal(high->physical, 0);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0);
    assert_int_equal(high->physical, 1);
    assert_int_equal(high->held, 1);
    assert_int_equal(direction(lab, 2, VGPIO_DIR_IN, 0), 0);
    assert_int_equal(low->flags, IN | LOW);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(high->flags, IN | RISE | FALL);
    ops->reset(&lab->g);
    assert_int_equal(low->flags, OUT | LOW);
    assert_int_equal(high->flags, OUT);
    assert_int_equal(high->physical, 1);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), 0);
    assert_int_equal(high->flags, OUT);
    vgpio_gpiochip_close(&lab->g);
    assert_int_equal(high->flags, IN);
    assert_int_equal(low->flags, IN);
    forget(lab);
}

/* --- edges and levels --- */

static void test_edges(void **state)
{
    static const struct {
        unsigned type;
        uint64_t flags;
        unsigned events;
    } word[] = {{VGPIO_IRQ_EDGE_RISING, RISE, 1},
                {VGPIO_IRQ_EDGE_FALLING, FALL, 1},
                {VGPIO_IRQ_EDGE_BOTH, RISE | FALL, 2}};
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];
    unsigned i;

    start(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(type(lab, 0, word[i].type), 0);
        assert_int_equal(p->flags, IN | word[i].flags);
        forget(lab);
        wire(lab, 0, 3, 1);
        wire(lab, 0, 3, 0);
        assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
        if ((word[i].type & VGPIO_RISING) != 0) {
            expect(lab, 'v', 0, 1, 0);
            expect(lab, 'd', 0, VGPIO_RISING, 1);
        }
        if ((word[i].type & VGPIO_FALLING) != 0) {
            expect(lab, 'v', 0, 0, 0);
            expect(lab, 'd', 0, VGPIO_FALLING, 0);
        }
        quiet(lab);
        assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), 0);
        assert_int_equal(p->flags, IN);
        assert_int_equal(p->held, 1); /* it is an input still */
    }
    assert_int_equal(stats(lab).events, 4);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 1), 0); /* not held */
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 4), VGPIO_ERR_INVAL);
}

/* An interrupt makes a line an input for as long as it is wanted. */
static void test_edges_without_direction(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(p->flags, IN | RISE | FALL);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_NONE);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
    assert_int_equal(p->flags, IN | RISE | FALL);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0); /* ends it */
    assert_int_equal(p->held, 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), 0);
    assert_int_equal(p->held, 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), 0); /* NONE on NONE */
    forget(lab);
}

/* What the kernel dropped is seen in the numbers, also those at the very beginning. */
static void test_dropped_by_the_kernel(void **state)
{
    struct lab *lab = *state;
    unsigned i;

    start(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    forget(lab);
    for (i = 0; i < 70; i++) {
        wire(lab, 0, 3, i % 2 == 0);
    }
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_DROPPED, 6);
    for (i = 6; i < 70; i++) {
        expect(lab, 'v', 0, i % 2 == 0, 0);
        expect(lab, 'd', 0, i % 2 == 0 ? VGPIO_RISING : VGPIO_FALLING, i % 2 == 0);
    }
    quiet(lab);
    assert_int_equal(stats(lab).events, 64);
    assert_int_equal(stats(lab).dropped, 6);
    wire(lab, 0, 3, 1);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    assert_int_equal(stats(lab).dropped, 6);
    forget(lab);
    lab->k.pin[0][3].seq = UINT32_MAX - 1; /* the numbers wrap */
    lab->lines[0].seq = UINT32_MAX - 1;
    for (i = 0; i < 3; i++) {
        wire(lab, 0, 3, i % 2);
    }
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    assert_int_equal(stats(lab).dropped, 6);
    assert_int_equal(stats(lab).events, 68);
    forget(lab);
}

/* No line keeps the others waiting: 256 at once. */
static void test_bounded_turn(void **state)
{
    struct lab *lab = *state;
    unsigned i, calls = 0;

    start(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
    for (i = 0; i < 64; i++) {
        wire(lab, 0, 3, i % 2 == 0);
    }
    while (vgpio_gpiochip_service(&lab->g, 0) == 1) {
        calls++;
    }
    assert_int_equal(calls, 0); /* 64 fit a turn: nothing was left over */
    assert_int_equal(stats(lab).events, 64);
    forget(lab);
}

/* A new type has nothing of the old one's edges. */
static void test_retype(void **state)
{
    struct lab *lab = *state;

    start(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_RISING), 0);
    wire(lab, 0, 3, 1);
    wire(lab, 0, 3, 0);
    wire(lab, 0, 3, 1);
    forget(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_FALLING), 0);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    quiet(lab);
    assert_int_equal(stats(lab).events, 2);
    assert_int_equal(stats(lab).discarded, 2);
    wire(lab, 0, 3, 0);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    expect(lab, 'v', 0, 0, 0);
    expect(lab, 'd', 0, VGPIO_FALLING, 0);
    quiet(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_FALLING), 0); /* the same once more */
    wire(lab, 0, 3, 1);
    wire(lab, 0, 3, 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), 0);
    assert_int_equal(stats(lab).discarded, 3);
    expect(lab, 'w', 0, LINE_FD + 3, 0);
    quiet(lab);
}

static void test_levels(void **state)
{
    struct lab *lab = *state;

    start(lab);
    wire(lab, 0, 3, 1);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_LEVEL_HIGH), 0);
    expect(lab, 'w', 0, LINE_FD + 3, 1);
    expect(lab, 'v', 0, 1, 0);
    expect(lab, 'd', 0, 0, 1); /* the level as it is when the type is set */
    assert_int_equal(lab->k.pin[0][3].flags, IN | RISE | FALL);
    wire(lab, 0, 3, 0);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    expect(lab, 'v', 0, 0, 0);
    expect(lab, 'd', 0, 0, 0);
    wire(lab, 0, 3, 1); /* a level that is over is not told: it is not latched */
    wire(lab, 0, 3, 0);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    expect(lab, 'd', 0, 0, 0);
    quiet(lab);
    vgpio_gpiochip_levels(&lab->g); /* not active: nobody could be told too late */
    quiet(lab);
    wire(lab, 0, 3, 1);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    wire(lab, 0, 3, 0);
    forget(lab);
    vgpio_gpiochip_levels(&lab->g); /* the edge still lies in the kernel */
    expect(lab, 'v', 0, 0, 0);
    expect(lab, 'd', 0, 0, 0);
    quiet(lab);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    expect(lab, 'd', 0, 0, 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_LEVEL_LOW), 0);
    expect(lab, 'v', 0, 0, 0);
    expect(lab, 'd', 0, 0, 0);
    vgpio_gpiochip_levels(&lab->g);
    expect(lab, 'd', 0, 0, 0);
    quiet(lab);
}

/* --- when the host says no --- */

static void test_busy(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    p->held = 1;
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), VGPIO_ERR_IO);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_REFUSED, EBUSY);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), VGPIO_ERR_IO);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_REFUSED, EBUSY);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_NONE);
    quiet(lab);
    p->held = 0;
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    assert_int_equal(stats(lab).refused, 2);
    assert_int_equal(stats(lab).lost, 0);
    forget(lab);
}

/* Each error the kernel may answer to each thing that is asked of it: an error for the
 * guest, nothing held that was not before, and it works the next time. */
static void test_every_error(void **state)
{
    static const unsigned long requests[] = {
        GPIO_GET_CHIPINFO_IOCTL, GPIO_V2_GET_LINEINFO_IOCTL, GPIO_V2_GET_LINE_IOCTL,
        GPIO_V2_LINE_GET_VALUES_IOCTL, GPIO_V2_LINE_SET_CONFIG_IOCTL};
    static const int errors[] = {EPERM,  EINTR,  EIO,        EBADF,     EAGAIN,
                                 ENOMEM, EBUSY,  EACCES,     EINVAL,    ENODEV,
                                 ENXIO,  ENOTTY, EOPNOTSUPP, ETIMEDOUT, EREMOTEIO};
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];
    unsigned i, j;

    start(lab);
    for (i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (j = 0; j < sizeof errors / sizeof errors[0]; j++) {
            lab->k.fail_request = requests[i];
            lab->k.fail_with = -errors[j];
            lab->k.fail_after = 0;
            assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), VGPIO_ERR_IO);
            expect(lab, 'n', 0, VGPIO_GPIOCHIP_REFUSED, (unsigned)errors[j]);
            quiet(lab);
            assert_int_equal(p->held, 0);
            assert_int_equal(lab->k.open_fds, 0);
            lab->k.fail_request = 0;
            assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
            assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0);
            forget(lab);
        }
    }
}

/* A line that is held stays what it was when it cannot become what is wanted. */
static void test_held_line_refused(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    forget(lab);
    lab->k.fail_request = GPIO_V2_LINE_SET_CONFIG_IOCTL;
    lab->k.fail_with = -EIO;
    lab->k.fail_once = 1;
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), VGPIO_ERR_IO);
    lab->k.fail_once = 0;
    assert_int_equal(p->flags, OUT);
    assert_int_equal(p->physical, 1);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_OUT);
    assert_int_equal(p->held, 1);
    lab->k.fail_request = GPIO_V2_LINE_SET_VALUES_IOCTL;
    assert_int_equal(set(lab, 0, 0), VGPIO_ERR_IO);
    lab->k.fail_request = GPIO_V2_LINE_GET_VALUES_IOCTL;
    assert_int_equal(get(lab, 0), VGPIO_ERR_IO);
    lab->k.fail_request = 0;
    assert_int_equal(get(lab, 0), 1);
    assert_int_equal(stats(lab).refused, 3);
    assert_int_equal(stats(lab).lost, 0);
    forget(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
    lab->k.fail_request = GPIO_V2_LINE_SET_CONFIG_IOCTL;
    lab->k.fail_with = -ENXIO; /* a chip without interrupts */
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), VGPIO_ERR_IO);
    lab->k.fail_request = GPIO_V2_LINE_GET_VALUES_IOCTL;
    assert_int_equal(type(lab, 0, VGPIO_IRQ_LEVEL_LOW), VGPIO_ERR_IO);
    lab->k.fail_request = 0;
    forget(lab);
}

static void unplug(struct lab *lab, unsigned chip, int gone)
{
    lab->k.gone[chip] = gone;
}

/* To the device a line whose trigger was refused has none, so the guest may turn it to an
 * output: which it then must be. */
static void test_refused_trigger_is_off(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    lab->k.fail_request = GPIO_V2_LINE_GET_VALUES_IOCTL;
    lab->k.fail_with = -EIO;
    lab->k.fail_after = 1; /* the edges are set up, the level cannot be read */
    assert_int_equal(type(lab, 0, VGPIO_IRQ_LEVEL_HIGH), VGPIO_ERR_IO);
    lab->k.fail_request = 0;
    assert_int_equal(p->held, 0); /* it was free before */
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    assert_int_equal(p->flags, OUT);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0);
    /* The trigger that it has, once more, when its chip is gone. */
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_RISING), 0);
    unplug(lab, 0, 1);
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 1);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_RISING), VGPIO_ERR_IO);
    unplug(lab, 0, 0);
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 0);
    assert_int_equal(p->flags, IN);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    assert_int_equal(p->flags, OUT);
    forget(lab);
}

/* Gone while it is held: errors, and back with the guest's settings when it is asked. */
static void test_lost_output(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    forget(lab);
    unplug(lab, 0, 1);
    assert_int_equal(set(lab, 0, 0), VGPIO_ERR_IO);
    expect(lab, 'w', 0, LINE_FD + 3, 0);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_LOST, ENODEV);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_REFUSED, ENOENT);
    quiet(lab);
    assert_int_equal(lab->k.open_fds, 0); /* so that the chip may have its number again */
    assert_int_equal(get(lab, 0), VGPIO_ERR_IO);
    assert_int_equal(set(lab, 0, 0), VGPIO_ERR_IO);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), VGPIO_ERR_IO);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_ERR_IO);
    assert_int_equal(ops->get_direction(&lab->g, 2, 0), VGPIO_ERR_IO); /* never held */
    assert_int_equal(stats(lab).lost, 1);
    forget(lab);
    p->physical = 0;
    unplug(lab, 0, 0);
    lab->k.fail_request =
        GPIO_V2_LINE_SET_CONFIG_IOCTL; /* there, but not fit for it yet */
    lab->k.fail_with = -EIO;
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 1);
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 1);
    assert_int_equal(lab->k.open_fds, 0);
    lab->k.fail_request = 0;
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_DIR_OUT);
    expect(lab, 'w', 0, LINE_FD + 3, 1);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_RETURNED, 0);
    assert_int_equal(p->flags, OUT);
    assert_int_equal(p->physical, 1);
    assert_int_equal(stats(lab).returned, 1);
    quiet(lab);
}

/* Gone and back between two requests: the second one does not even notice. */
static void test_lost_for_a_moment(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 0), 0);
    forget(lab);
    lab->k.fail_request = GPIO_V2_LINE_SET_VALUES_IOCTL;
    lab->k.fail_with = -ENODEV;
    lab->k.fail_after = 0;
    assert_int_equal(set(lab, 0, 1), 0);
    assert_int_equal(p->physical, 1);
    lab->k.fail_request = GPIO_V2_LINE_SET_CONFIG_IOCTL;
    lab->k.fail_after = 0;
    forget(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), VGPIO_ERR_IO);
    expect(lab, 'w', 0, LINE_FD + 3, 0);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_LOST, ENODEV);
    lab->k.fail_request = 0;
    forget(lab);
    assert_int_equal(get(lab, 0), 1); /* still the output that it was */
    assert_int_equal(p->flags, OUT);
    forget(lab);
}

/* Its descriptor hangs up (Linux 6.9), or somebody looks; then it comes back by itself,
 * with the interrupts that the guest waits for. */
static void test_lost_interrupt(void **state)
{
    struct lab *lab = *state;
    struct pin *p = &lab->k.pin[0][3];

    start(lab);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_LEVEL_HIGH), 0);
    assert_int_equal(type(lab, 2, VGPIO_IRQ_EDGE_BOTH), 0);
    assert_int_equal(direction(lab, 1, VGPIO_DIR_IN, 0), 0); /* of the other chip */
    wire(lab, 0, 1, 1);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 2), 0);
    forget(lab);
    unplug(lab, 0, 1);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
    expect(lab, 'w', 0, LINE_FD + 3, 0);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_LOST, ENODEV);
    expect(lab, 'd', 0, 0, VGPIO_LEVEL_UNKNOWN);
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 2);
    expect(lab, 'w', 2, LINE_FD + 1, 0);
    expect(lab, 'n', 2, VGPIO_GPIOCHIP_LOST, ENODEV);
    quiet(lab);
    assert_int_equal(lab->k.open_fds, 1);
    vgpio_gpiochip_levels(&lab->g); /* nothing to look at */
    p->physical = 1;
    unplug(lab, 0, 0);
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 0);
    expect(lab, 'w', 0, LINE_FD + 3, 1);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_RETURNED, 0);
    expect(lab, 'v', 0, 1, 0);
    expect(lab, 'd', 0, 0, 1); /* the level has become active meanwhile */
    expect(lab, 'w', 2, LINE_FD + 1, 1);
    expect(lab, 'n', 2, VGPIO_GPIOCHIP_RETURNED, 0);
    wire(lab, 0, 1, 0);
    assert_int_equal(vgpio_gpiochip_service(&lab->g, 2), 0);
    expect(lab, 'v', 2, 0, 0);
    expect(lab, 'd', 2, VGPIO_FALLING, 0);
    quiet(lab);
    assert_int_equal(stats(lab).dropped, 0); /* a new request counts from 1 */
}

static void test_read_errors(void **state)
{
    static const int errors[] = {-EIO, -EBADF, 1}; /* 1: end of file */
    struct lab *lab = *state;
    unsigned i;

    start(lab);
    for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_int_equal(type(lab, 0, VGPIO_IRQ_EDGE_BOTH), 0);
        forget(lab);
        lab->k.read_error = errors[i];
        assert_int_equal(vgpio_gpiochip_service(&lab->g, 0), 0);
        expect(lab, 'w', 0, LINE_FD + 3, 0);
        expect(lab, 'n', 0, VGPIO_GPIOCHIP_LOST, i == 1 ? EBADF : EIO);
        quiet(lab);
        lab->k.read_error = 0;
        assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 0);
        assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), 0);
        forget(lab);
    }
}

/* A lost line that nobody wants any more is not lost. */
static void test_lost_and_forgotten(void **state)
{
    struct lab *lab = *state;
    unsigned how;

    for (how = 0; how < 3; how++) {
        start(lab);
        assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), 0);
        unplug(lab, 0, 1);
        assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 1);
        if (how == 0) {
            assert_int_equal(direction(lab, 0, VGPIO_DIR_NONE, 0), 0);
        } else if (how == 1) {
            ops->reset(&lab->g);
        } else {
            vgpio_gpiochip_close(&lab->g);
        }
        unplug(lab, 0, 0);
        assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 0);
        assert_int_equal(lab->k.pin[0][3].held, 0);
        vgpio_gpiochip_close(&lab->g);
        forget(lab);
    }
}

/* Another chip that has the number now is not touched. */
static void test_another_chip(void **state)
{
    struct lab *lab = *state;

    start(lab);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_OUT, 1), 0);
    unplug(lab, 0, 1);
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 1);
    forget(lab);
    unplug(lab, 0, 0);
    strcpy(lab->k.label[0], "a relay of somebody else");
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 1);
    assert_int_equal(set(lab, 0, 1), VGPIO_ERR_IO);
    expect(lab, 'n', 0, VGPIO_GPIOCHIP_REFUSED, ENODEV);
    assert_int_equal(lab->k.pin[0][3].held, 0);
    strcpy(lab->k.label[0], "chip 0");
    assert_int_equal(vgpio_gpiochip_refresh(&lab->g), 0);
    assert_int_equal(lab->k.pin[0][3].flags, OUT);
    forget(lab);
}

/* Lines that a device asks for and that are not there. */
static void test_no_such_line(void **state)
{
    struct lab *lab = *state;

    start(lab);
    assert_int_equal(ops->get_direction(&lab->g, 4, 0), VGPIO_ERR_INVAL);
    assert_int_equal(direction(lab, 4, VGPIO_DIR_IN, 0), VGPIO_ERR_INVAL);
    assert_int_equal(get(lab, 4), VGPIO_ERR_INVAL);
    assert_int_equal(set(lab, 4, 0), VGPIO_ERR_INVAL);
    assert_int_equal(type(lab, 4, VGPIO_IRQ_NONE), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_gpiochip_level(&lab->g, 4), VGPIO_ERR_INVAL);
    assert_int_equal(vgpio_gpiochip_direction(&lab->g, 4), VGPIO_ERR_INVAL);
    vgpio_gpiochip_close(&lab->g);
    assert_int_equal(direction(lab, 0, VGPIO_DIR_IN, 0), VGPIO_ERR_INVAL);
    assert_int_equal(set(lab, 0, 0), VGPIO_ERR_INVAL);
    assert_int_equal(type(lab, 0, VGPIO_IRQ_NONE), VGPIO_ERR_INVAL);
    assert_int_equal(ops->get_direction(&lab->g, 0, 0), VGPIO_ERR_INVAL);
    ops->reset(&lab->g);
    quiet(lab);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_init),
        T(test_open_touches_nothing),
        T(test_open_all_or_nothing),
        T(test_names),
        T(test_output),
        T(test_input),
        T(test_given_back_as_found),
        T(test_value_of_a_free_line),
        T(test_flags),
        T(test_start_states),
        T(test_edges),
        T(test_edges_without_direction),
        T(test_dropped_by_the_kernel),
        T(test_bounded_turn),
        T(test_retype),
        T(test_levels),
        T(test_busy),
        T(test_every_error),
        T(test_held_line_refused),
        T(test_refused_trigger_is_off),
        T(test_lost_output),
        T(test_lost_for_a_moment),
        T(test_lost_interrupt),
        T(test_read_errors),
        T(test_lost_and_forgotten),
        T(test_another_chip),
        T(test_no_such_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
