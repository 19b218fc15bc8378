# SPDX-License-Identifier: BSD-3-Clause
# The files of the library, for builds of other projects as well (Zephyr, NuttX, ...). All
# but LINUX is freestanding C99. A set needs nothing of another but what its comment says,
# and a file that the options leave out compiles to nothing.

# A driver; then the way to its device, and calls that block.
set(VGPIO_SOURCES_DRIVER
    wire.c drvq.c drvq_fast.c drvq_packed.c drvq_split.c driver.c driver_std.c)
set(VGPIO_SOURCES_DRAFT_DRIVER draft_wire.c draft_drv.c) # the original draft, on DRIVER
set(VGPIO_SOURCES_MMIO_BUS mmio_bus.c)
set(VGPIO_SOURCES_SYNC sync.c) # on DRIVER
set(VGPIO_SOURCES_BRIDGE bridge.c) # on DRIVER

# A device; then the transports in front of it.
set(VGPIO_SOURCES_DEVICE
    wire.c mem.c devq.c devq_fast.c devq_packed.c devq_resume.c devq_split.c
    device.c device_config.c device_irq.c device_queue.c device_req.c)
set(VGPIO_SOURCES_DRAFT_DEVICE # of the original draft's protocol, on files of DEVICE
    draft_wire.c draft_dev.c draft_queue.c draft_req.c draft_pace.c)
set(VGPIO_SOURCES_MMIO_DEV mmio_dev.c)
set(VGPIO_SOURCES_VHOST_USER vhost_user.c vhost_user_ring.c vhost_user_str.c)
set(VGPIO_SOURCES_VHOST_USER_FRONT vhost_user_front.c vhost_user_str.c)

# Simulated lines, a bus in memory, texts for errors and traces.
set(VGPIO_SOURCES_SIM sim.c)
set(VGPIO_SOURCES_WIRING wiring.c) # wires between lines; needs SIM only to be of use
set(VGPIO_SOURCES_LOOP loop.c)
set(VGPIO_SOURCES_TEXT types.c trace_str.c)

set(VGPIO_CORE_SOURCES
    ${VGPIO_SOURCES_TEXT} ${VGPIO_SOURCES_DEVICE} ${VGPIO_SOURCES_DRIVER}
    ${VGPIO_SOURCES_DRAFT_DEVICE} ${VGPIO_SOURCES_DRAFT_DRIVER}
    ${VGPIO_SOURCES_SYNC} ${VGPIO_SOURCES_BRIDGE} ${VGPIO_SOURCES_SIM} ${VGPIO_SOURCES_WIRING}
    ${VGPIO_SOURCES_LOOP}
    ${VGPIO_SOURCES_MMIO_DEV} ${VGPIO_SOURCES_MMIO_BUS}
    ${VGPIO_SOURCES_VHOST_USER} ${VGPIO_SOURCES_VHOST_USER_FRONT})
list(REMOVE_DUPLICATES VGPIO_CORE_SOURCES)
set(VGPIO_LINUX_SOURCES
    vhost_user_linux.c vhost_user_front_linux.c control_linux.c gpiochip_linux.c
    gpiochip_sys_linux.c)
