# SPDX-License-Identifier: BSD-3-Clause
# The files of the library, for builds of other projects as well (Zephyr, NuttX, ...).
# CORE is freestanding C99; LINUX needs a hosted Linux.
set(VGPIO_CORE_SOURCES
    types.c mem.c wire.c trace_str.c
    devq.c devq_packed.c devq_split.c drvq.c drvq_packed.c drvq_split.c
    device.c device_irq.c device_queue.c device_req.c
    driver.c driver_std.c
    draft_wire.c draft_dev.c draft_queue.c draft_req.c draft_pace.c
    sync.c sim.c loop.c mmio_dev.c mmio_bus.c
    vhost_user.c vhost_user_ring.c vhost_user_front.c vhost_user_str.c)
set(VGPIO_LINUX_SOURCES vhost_user_linux.c vhost_user_front_linux.c)
