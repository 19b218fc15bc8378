/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shows the sizes of a GPIO device's rings, and where in memory they begin, which no file
 * of Linux does:
 *     insmod ringsize.ko; cat /sys/module/ringsize/parameters/{sizes,places}
 */
#include <linux/gpio/driver.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

static unsigned int sizes[2];
static unsigned long long places[2];
static int rings, nplaces;
static char *chip = "virtio0";

module_param_array(sizes, uint, &rings, 0444);
module_param_array(places, ullong, &nplaces, 0444);
module_param(chip, charp, 0444);

static int match(struct gpio_chip *gc, void *label)
{
    return !strcmp(gc->label, label);
}

static int __init ringsize_init(void)
{
    struct gpio_chip *gc = gpiochip_find(chip, match);
    struct virtqueue *vq;

    if (!gc)
        return -ENODEV;
    virtio_device_for_each_vq(dev_to_virtio(gc->parent), vq)
    {
        if (rings == (int)ARRAY_SIZE(sizes))
            break;
        sizes[rings++] = virtqueue_get_vring_size(vq);
        places[nplaces++] = virtqueue_get_desc_addr(vq);
    }
    return 0;
}

static void __exit ringsize_exit(void)
{
}

module_init(ringsize_init);
module_exit(ringsize_exit);
MODULE_DESCRIPTION("show the rings of a virtio GPIO device's rings");
MODULE_LICENSE("Dual BSD/GPL");
