/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A consumer of one line's interrupt that can be told to dawdle, for the guest tests.
 *     insmod irqcount.ko line=3 type=4    type: 1 rising, 2 falling, 4 high, 8 low
 * and in /sys/module/irqcount/parameters: count, the interrupts taken; hold: while it is
 * 1, an interrupt stays masked until something is written to release (one write for one
 * interrupt). gpiomon cannot do that.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/gpio/consumer.h>
#include <linux/gpio/driver.h>
#include <linux/gpio/machine.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/string.h>

static unsigned int line, type = IRQF_TRIGGER_RISING, count;
static bool hold;
static char *chip = "virtio0";
static DECLARE_COMPLETION(released);
static struct gpio_desc *desc;
static int irq;

static int release_set(const char *val, const struct kernel_param *kp)
{
    complete(&released);
    return 0;
}

static const struct kernel_param_ops release_ops = {
    .set = release_set,
};

module_param(line, uint, 0444);
module_param(type, uint, 0444);
module_param(chip, charp, 0444);
module_param(count, uint, 0444);
module_param(hold, bool, 0644);
module_param_cb(release, &release_ops, NULL, 0200);

static irqreturn_t taken(int number, void *data)
{
    count++;
    return IRQ_WAKE_THREAD;
}

/* IRQF_ONESHOT: the line is masked until this returns. */
static irqreturn_t dawdle(int number, void *data)
{
    if (READ_ONCE(hold))
        wait_for_completion(&released);
    return IRQ_HANDLED;
}

static int match(struct gpio_chip *gc, void *label)
{
    return !strcmp(gc->label, label);
}

static int __init irqcount_init(void)
{
    struct gpio_chip *gc = gpiochip_find(chip, match);
    int err;

    if (!gc)
        return -ENODEV;
    desc = gpiochip_request_own_desc(gc, line, "irqcount", GPIO_ACTIVE_HIGH, GPIOD_IN);
    if (IS_ERR(desc))
        return PTR_ERR(desc);
    irq = gpiod_to_irq(desc);
    err = irq;
    if (err >= 0)
        err = request_threaded_irq(irq, taken, dawdle, type | IRQF_ONESHOT, "irqcount",
                                   &irq);
    if (err)
        gpiochip_free_own_desc(desc);
    return err;
}

/* Disabled before it is released: an edge that waits behind a held one is forgotten. */
static void __exit irqcount_exit(void)
{
    disable_irq_nosync(irq);
    complete_all(&released);
    free_irq(irq, &irq);
    gpiochip_free_own_desc(desc);
}

module_init(irqcount_init);
module_exit(irqcount_exit);
MODULE_DESCRIPTION("count and hold one GPIO line's interrupt");
MODULE_LICENSE("Dual BSD/GPL");
