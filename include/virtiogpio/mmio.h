/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief virtio-mmio, version 2: the register file as a hypervisor plays it, and as a
 * guest uses it.
 *
 * The two halves know nothing of each other and are linked apart: a hypervisor wants
 * #vgpio_mmio_dev over any #vgpio_vdev, a guest #vgpio_mmio_bus under any driver.
 *
 * @par The device side in a trap handler
 * A write to a register may ask for work: the queues to look at are its return value.
 * After *every* call into the device or this transport, set the interrupt line to
 * vgpio_mmio_dev_irq(): it is a level, and setting it again does no harm.
 *
 * @code
 * void hv_trap(uint32_t off, unsigned size, int is_write, uint32_t *data)
 * {
 *     hv_lock();
 *     if (is_write) {
 *         unsigned kicks = vgpio_mmio_dev_write(&mmio, off, size, *data);
 *         while (kicks != 0) {
 *             if (kicks & 1u) (void)vgpio_mmio_dev_kick(&mmio, 0);
 *             if (kicks & 2u) (void)vgpio_mmio_dev_kick(&mmio, 1);
 *             kicks = vgpio_mmio_dev_take_kicks(&mmio);
 *         }
 *     } else {
 *         *data = vgpio_mmio_dev_read(&mmio, off, size);
 *     }
 *     hv_set_irq(42, vgpio_mmio_dev_irq(&mmio));
 *     hv_unlock();
 * }
 * @endcode
 *
 * The loop runs in the trap of the virtual CPU that rang, and ends when the ring is
 * empty: another virtual CPU that goes on adding requests keeps it there. A hypervisor
 * that cannot have that leaves the rest (vgpio_mmio_dev_take_kicks()) to a thread of its
 * own.
 *
 * @par With ioeventfd and irqfd
 * A doorbell may be taken away from the trap handler: register an eventfd for writes of 4
 * bytes at #VGPIO_MMIO_QUEUE_NOTIFY, one a queue (the value written is the queue's
 * number) or one for all, and let the thread that reads it call vgpio_mmio_dev_kick()
 * under the lock. With #VGPIO_F_NOTIFICATION_DATA the value carries more than the number:
 * offer it (vgpio_mmio_dev_set_features()) only if one eventfd serves all values. Write
 * an irqfd whenever vgpio_mmio_dev_take_irq() returns 1, for such an interrupt is an
 * edge. Doorbells before DRIVER_OK are harmless and not lost: the write that starts the
 * queues says that all of them are to be looked at.
 *
 * @par What a guest can do wrong
 * Offset, width and value of an access may be anything. Features that were not offered,
 * or without VERSION_1: FEATURES_OK does not stay set. A queue that has no valid size,
 * does not lie in guest memory, overlaps another area or is changed while it is ready:
 * DEVICE_NEEDS_RESET, and a configuration interrupt if the driver is running. Nothing is
 * served until the guest resets the device; then all is as new.
 *
 * @par The guest side
 * #vgpio_mmio_bus is a #vgpio_bus_ops for a driver, at the address of the registers.
 * vgpio_mmio_bus_ack() belongs into the interrupt handler.
 *
 * @code
 * static struct vgpio_mmio_bus bus;
 * void gpio_isr(void)
 * {
 *     uint32_t why = vgpio_mmio_bus_ack(&bus);
 *     if (why & VGPIO_MMIO_CONFIG) look = 1; // the task: vgpio_drv_config_changed()
 *     if (why) os_sem_give();                // the task: vgpio_drv_poll()
 * }
 * ...
 * if (vgpio_mmio_bus_init(&bus, (volatile void *)0x0a000000) < 0) return;
 * cfg.bus = &vgpio_mmio_bus_ops;
 * cfg.bus_ctx = &bus;
 * @endcode
 *
 * References like "MMIO-DEV-03" are this project's numbers for rules of the standard's
 * clause "Virtio Over MMIO".
 */
#ifndef VIRTIOGPIO_MMIO_H
#define VIRTIOGPIO_MMIO_H

#include <virtiogpio/seams.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of address space of a device: registers, and configuration from 0x100 on. */
#define VGPIO_MMIO_SIZE 0x200u
/** Offset of the doorbell, for hypervisors that turn writes to it into an eventfd. */
#define VGPIO_MMIO_QUEUE_NOTIFY 0x050u
/** Queues of a device; every GPIO dialect has at most two. */
#define VGPIO_MMIO_QUEUES 2
/** VendorID unless another one is set: "VGPI". */
#define VGPIO_MMIO_VENDOR 0x49504756u

/** Interrupt cause: the device used buffers. */
#define VGPIO_MMIO_USED 1u
/** Interrupt cause: configuration, or the device needs a reset. */
#define VGPIO_MMIO_CONFIG 2u

/**
 * @name The device side: for hypervisors
 */
/** @{ */

/** The register file around a device. Opaque by contract. */
struct vgpio_mmio_dev {
    /** @cond PRIVATE */
    struct vgpio_vdev vdev;
    const struct vgpio_mem *mem;
    struct vgpio_vq_setup vq[VGPIO_MMIO_QUEUES];
    uint64_t extra;           /* features of the transport */
    uint64_t driver_features; /* as written so far */
    uint32_t vendor, generation;
    uint32_t dev_sel, drv_sel, queue_sel;
    uint8_t status, isr, signalled;
    uint8_t ready, started, more; /* a bit a queue */
    uint8_t bad_bank;
    uint8_t reserved[5];
    /** @endcond */
};

/**
 * @brief Put a register file around a device.
 *
 * The device is not touched before the guest's first write, and may be initialised after
 * this call. Of the transport's features #VGPIO_F_RING_RESET is offered.
 *
 * @param m     caller's memory, any contents
 * @param vdev  the device; its table and object must outlive `m`
 * @param mem   guest memory (#vgpio_mem); must outlive `m`
 * @return 0; #VGPIO_ERR_INVAL: no device or no memory; #VGPIO_ERR_ABI: header and library
 *         disagree, or the device's table ends before its `take_events`
 * @context any; `m` must not be in use
 */
#define vgpio_mmio_dev_init(m, vdev, mem)                                                \
    vgpio_mmio_dev_init_abi((m), (vdev), (mem), VGPIO_ABI(sizeof *(m), 0, 0, 0))
/** What vgpio_mmio_dev_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_mmio_dev_init_abi(struct vgpio_mmio_dev *m, struct vgpio_vdev vdev,
                                      const struct vgpio_mem *mem, uint64_t abi);

/**
 * @brief Another VendorID than #VGPIO_MMIO_VENDOR.
 *
 * @param m       the register file, before the guest sees it
 * @param vendor  any number; drivers do not look at it
 * @context object lock
 */
VGPIO_API void vgpio_mmio_dev_set_vendor(struct vgpio_mmio_dev *m, uint32_t vendor);

/**
 * @brief Which features of its own the transport offers; the device's are its own affair.
 *
 * @param m         the register file, before the guest sees it
 * @param features  an or of #VGPIO_F_RING_RESET (stop and restart one queue),
 *                  #VGPIO_F_NOTIFICATION_DATA (what ioeventfds make of it: see above) and
 *                  #VGPIO_F_ACCESS_PLATFORM (an IOMMU translates what `mem` maps); 0:
 *                  none
 * @return 0; #VGPIO_ERR_NOTSUP: any other bit, nothing is changed
 * @context object lock
 */
VGPIO_API int vgpio_mmio_dev_set_features(struct vgpio_mmio_dev *m, uint64_t features);

/**
 * @brief The guest reads a register.
 *
 * Control registers are read by aligned accesses of 4 bytes, configuration (from 0x100
 * on) by 1, 2 or 4 bytes at any offset. Everything else reads 0: other widths, registers
 * that are only written, holes, what lies behind the configuration.
 *
 * @param m     the register file
 * @param off   offset from the first register; any value
 * @param size  bytes of the access; any value
 * @return the value as a number: its lowest byte is the one at `off`. Above `size` bytes
 * 0.
 * @context object lock
 */
VGPIO_API uint32_t vgpio_mmio_dev_read(struct vgpio_mmio_dev *m, uint32_t off,
                                       unsigned size);

/**
 * @brief The guest writes a register.
 *
 * Only aligned writes of 4 bytes to registers that can be written have any effect. When a
 * write of 0 to the status returns, the device *is* reset: it touches no guest memory any
 * more, and every token of its lines is stale.
 *
 * @param m      the register file
 * @param off    offset from the first register; any value
 * @param size   bytes of the access; any value
 * @param value  as a number, like that of vgpio_mmio_dev_read()
 * @return queues to look at: for each bit q that is set call vgpio_mmio_dev_kick(), at
 *         once or on another thread. One for a doorbell; after DRIVER_OK all queues, for
 *         they may have been rung before.
 * @context object lock
 */
VGPIO_API unsigned vgpio_mmio_dev_write(struct vgpio_mmio_dev *m, uint32_t off,
                                        unsigned size, uint32_t value);

/**
 * @brief Let the device serve a queue. Line ops run in here.
 *
 * For the bits that vgpio_mmio_dev_write() returned, and for doorbells that come another
 * way (ioeventfd). Calls for nothing are harmless, also before the queue runs.
 *
 * @param m  the register file
 * @param q  0 .. #VGPIO_MMIO_QUEUES - 1
 * @retval 1  a ring's worth is served and more is waiting: call again after your other
 *            work; vgpio_mmio_dev_take_kicks() will name the queue, too
 * @retval 0  done, or the queue does not run
 * @retval VGPIO_ERR_INVAL  no such queue
 * @return #VGPIO_ERR_FATAL or below: the guest broke the ring; it sees DEVICE_NEEDS_RESET
 * @context object lock
 */
VGPIO_API int vgpio_mmio_dev_kick(struct vgpio_mmio_dev *m, unsigned q);

/**
 * @brief Queues that are to be kicked although nobody will ring for them.
 *
 * What bounded turns left over: of vgpio_mmio_dev_kick(), and of completions that made
 * room for requests which had to wait. With asynchronous lines ask after each completion.
 *
 * @param m  the register file
 * @return bit q is set for queue q; the record is cleared
 * @context object lock
 */
VGPIO_API unsigned vgpio_mmio_dev_take_kicks(struct vgpio_mmio_dev *m);

/**
 * @brief Level of the interrupt line.
 *
 * 1 from an event on until the guest has acknowledged all of them (MMIO-DEV-03). Assign
 * it to the line after every call into the device or the transport.
 *
 * @param m  the register file
 * @return 0 or 1
 * @context object lock
 */
VGPIO_API int vgpio_mmio_dev_irq(struct vgpio_mmio_dev *m);

/**
 * @brief The same for an interrupt that is an edge or a message: is one to be sent now?
 *
 * Use either this or vgpio_mmio_dev_irq(). It says 1 once when a cause appears, and again
 * when the guest acknowledged but left a cause behind: an interrupt controller that sees
 * edges only would never hear of that one.
 *
 * @param m  the register file
 * @retval 1  send one (write the irqfd)
 * @retval 0  nothing to send
 * @context object lock
 */
VGPIO_API int vgpio_mmio_dev_take_irq(struct vgpio_mmio_dev *m);
/** @} */

/**
 * @name The guest side: for drivers
 */
/** @{ */

/**
 * @brief Access to registers by other means than loads and stores.
 *
 * For a guest whose hypervisor wants a call in place of a trap, and for tests. Values are
 * numbers: whoever implements this does what byte order demands.
 *
 * @context inside calls on the bus; `read` of InterruptStatus and `write` of InterruptACK
 *          also inside vgpio_mmio_bus_ack(), that is, in an interrupt handler
 */
struct vgpio_mmio_io {
    /** `sizeof(struct vgpio_mmio_io)` as you see it. */
    uint32_t ops_size;
    /** Read 1, 2 or 4 bytes at `off`, which is aligned. All memory accesses that come
     *  later in the program must happen after it. */
    uint32_t (*read)(void *ctx, uint32_t off, unsigned size);
    /** Write 4 bytes at `off`, which is aligned. All stores to memory that come earlier
     *  in the program must be visible to the device before. */
    void (*write)(void *ctx, uint32_t off, uint32_t value);
};

/** A device as a guest sees it. Opaque by contract. */
struct vgpio_mmio_bus {
    /** @cond PRIVATE */
    volatile void *base;
    const struct vgpio_mmio_io *io; /* NULL: loads and stores at base */
    void *io_ctx;
    uint8_t ring_reset; /* was negotiated */
    uint8_t resetting;  /* a bit a queue */
    uint8_t reserved[2];
    /** @endcond */
};

/**
 * @brief Look for a device at an address.
 *
 * Reads MagicValue, Version and DeviceID, in this order, and nothing behind the first
 * that is wrong; writes nothing (MMIO-DRV-04, MMIO-DRV-05, MMIO-DRV-06, MMIO-DRV-14).
 * Whether the device is one of GPIO lines is the driver's question.
 *
 * Registers are little-endian and are accessed by volatile loads and stores with a full
 * barrier before each store and after each load. A target that needs something else
 * defines `VGPIO_MMIO_READ32(p)`, `VGPIO_MMIO_READ16(p)`, `VGPIO_MMIO_READ8(p)` and
 * `VGPIO_MMIO_WRITE32(p, value)` in its config file.
 *
 * @param b     caller's memory, any contents; must not be in use
 * @param base  the first register, mapped as device memory (not cached, not reordered)
 * @retval VGPIO_OK          a device
 * @retval VGPIO_ERR_INVAL   `base` is NULL or not a multiple of 4
 * @retval VGPIO_ERR_IO      wrong MagicValue: no virtio device is there
 * @retval VGPIO_ERR_NOTSUP  another Version than 2
 * @retval VGPIO_ERR_STATE   DeviceID 0: a place without a device. Go on to the next one
 *                           and say nothing.
 * @retval VGPIO_ERR_ABI     header and library disagree
 * @context any
 */
#define vgpio_mmio_bus_init(b, base)                                                     \
    vgpio_mmio_bus_init_abi((b), (base), VGPIO_ABI(sizeof *(b), 0, 0, 0))
/** What vgpio_mmio_bus_init() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_mmio_bus_init_abi(struct vgpio_mmio_bus *b, volatile void *base,
                                      uint64_t abi);

/**
 * @brief The same for registers that are reached through functions.
 *
 * @param b    caller's memory, any contents; must not be in use
 * @param io   the functions; must outlive the bus
 * @param ctx  their first argument
 * @return as vgpio_mmio_bus_init(); #VGPIO_ERR_INVAL: `io` is NULL; #VGPIO_ERR_ABI also:
 *         the table ends early; #VGPIO_ERR_NOTSUP also: without #VGPIO_CFG_MMIO_IO
 * @context any
 */
#define vgpio_mmio_bus_init_io(b, io, ctx)                                               \
    vgpio_mmio_bus_init_io_abi((b), (io), (ctx), VGPIO_ABI(sizeof *(b), 0, 0, 0))
/** What vgpio_mmio_bus_init_io() calls, with the caller's sizes in `abi`. */
VGPIO_API int vgpio_mmio_bus_init_io_abi(struct vgpio_mmio_bus *b,
                                         const struct vgpio_mmio_io *io, void *ctx,
                                         uint64_t abi);

/**
 * @brief Take the causes of an interrupt, in the interrupt handler.
 *
 * Reads InterruptStatus and acknowledges what it showed *before* anybody looks at the
 * rings, so that what happens meanwhile interrupts again (MMIO-DRV-17). Let the task poll
 * then: all queues share the one interrupt.
 *
 * @param b  the bus
 * @return an or of #VGPIO_MMIO_USED (vgpio_drv_poll()) and #VGPIO_MMIO_CONFIG
 *         (vgpio_drv_config_changed()); 0: not this device's interrupt. Causes that the
 *         standard does not know are neither returned nor acknowledged (MMIO-DRV-11,
 *         MMIO-DRV-12).
 * @context ISR, also while another CPU is inside a call on bus or driver
 */
VGPIO_API uint32_t vgpio_mmio_bus_ack(struct vgpio_mmio_bus *b);

/**
 * @brief The bus for a driver; its `ctx` is the #vgpio_mmio_bus.
 *
 * Control registers are accessed by 32 bits only; configuration by 16 or 32 bits where
 * length and offset are such a field's, else byte by byte (MMIO-DRV-02, MMIO-DRV-03).
 *
 * - `queue_start`: #VGPIO_ERR_STATE: the device still uses the queue; #VGPIO_ERR_NOTSUP:
 *   it has no such queue, or a smaller one; #VGPIO_ERR_IO: it does not take it
 *   (QueueReady reads 0 again).
 * - `queue_stop`: queue reset where #VGPIO_F_RING_RESET was negotiated, else QueueReady
 *   is cleared and read back. 1: the device is not done. There is no clock: call again.
 *   NULL without #VGPIO_CFG_QUEUE_STOP.
 * - The others return 0: registers have no way to say no. A value that cannot be is the
 *   driver's to refuse.
 *
 * @context object lock of the driver
 */
extern VGPIO_API const struct vgpio_bus_ops vgpio_mmio_bus_ops;
/** @} */

#ifdef __cplusplus
}
#endif

#endif /* VIRTIOGPIO_MMIO_H */
