/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Everything of libvirtiogpio but the transports, in one include; and the
 * conventions that hold in every header.
 *
 * @par What you need
 * - *Hypervisor, back end:* device.h, over mmio.h (in the hypervisor itself),
 *   vhost_user.h (in a process of its own) or a transport of your own (#vgpio_vdev_ops in
 *   seams.h). How guest memory is reached: types.h, #vgpio_mem.
 * - *RTOS, firmware, tool (you use lines):* driver.h, sync.h if calls may block; the way
 *   to the device is mmio.h, or any #vgpio_bus_ops of seams.h. In an ordinary process
 *   that wants the lines of a vhost-user back end: vhost_user_front.h.
 * - *Backend (you have real lines):* #vgpio_line_ops and #vgpio_sink of seams.h.
 * - *The protocol before the standard:* draft.h, both sides. *Between the two:* bridge.h.
 * - *Test:* sim.h for lines and loop.h for a bus that exist in memory only; wiring.h for
 *   wires between such lines.
 * - *Decoder, fuzzer, other device:* wire.h, pure functions over bytes.
 * - *Other virtio device:* queue.h, the ring engine. Level 2: no promise before 1.0.
 *
 * @par Results
 * Below 0: one of #vgpio_err, text by vgpio_strerror(). 0: done. Above 0 only where the
 * name asks a question ("is there more?", "how many?"), or another call is needed:
 * `start` and `stop` say 1 for *not yet, call again*, and #VGPIO_PENDING is *the outcome
 * comes later*. So `< 0` is the test for failure everywhere.
 *
 * @par Errors that pass and errors that stay
 * After an error above #VGPIO_ERR_FATAL the object is as it was before the call; where a
 * function differs (a copy that stops half way) it says so. From #VGPIO_ERR_FATAL down
 * the *peer* broke the rules: the error sticks, calls on that object repeat it, shared
 * memory is no longer touched, until the device is reset or the driver stopped and
 * started. What a peer writes never leads to an assertion. A mere bad request is no error
 * of yours: it is answered, and all goes on.
 *
 * @par Ownership
 * You allocate, statically if you like; the library never does. `init` takes no resource
 * and there is no `destroy`: stop or reset, then forget the memory. Never copy or move an
 * object after `init`. Configs are copied by `init` and may be forgotten; the arrays,
 * tables and contexts they point to must outlive the object. Strings returned are
 * constant or lie in the block you passed.
 *
 * @par NULL and zero
 * Zero is the default of every config field: clear the struct, then fill what you need.
 * `init` answers #VGPIO_ERR_INVAL to a NULL in the config that it cannot do without. The
 * object and the config themselves are not checked. Other pointers may be NULL only where
 * it says so.
 *
 * @par Tables of functions
 * The first member of each, `ops_size`, is `sizeof` the table as *you* were compiled;
 * what a newer library would like to find behind it counts as NULL. Optional members may
 * be NULL. Init macros hand over the sizes of your structs in the same spirit: a mismatch
 * is #VGPIO_ERR_ABI and not a corrupted heap. Structs that are *opaque by contract* have
 * their bodies in headers for `sizeof` alone.
 *
 * @par Threads
 * No globals, no hidden locks. Calls on one object must not overlap: each function's
 * *Context* says "object lock" where you need one. A device, the transport around it and
 * the backend's calls into its sink are *one* object; driver and device at the two ends
 * of a ring are two and may run at the same time. "any" needs no lock, "ISR" may be
 * called in an interrupt handler. Nothing blocks, sleeps or reads a clock, except your
 * own hooks.
 *
 * @par Callbacks
 * Hooks run inside your call: on your thread, under your lock. A backend op may complete
 * requests and report changes, also from inside another op; these only leave a mark that
 * the outermost call works off, so the stack does not grow. Anything else that re-enters
 * gets #VGPIO_ERR_STATE. The library never calls you to notify: ask what is owed after
 * your calls (`take_events`), or `flush`.
 *
 * @par Versions and options
 * #VGPIO_VERSION is this header, vgpio_version() the library that was linked. Options are
 * 0/1 macros of config.h, baked in when the library is built; none changes a struct, and
 * what is compiled out answers #VGPIO_ERR_NOTSUP.
 */
#ifndef VIRTIOGPIO_VIRTIOGPIO_H
#define VIRTIOGPIO_VIRTIOGPIO_H

#include <virtiogpio/bridge.h>
#include <virtiogpio/device.h>
#include <virtiogpio/draft.h>
#include <virtiogpio/driver.h>
#include <virtiogpio/loop.h>
#include <virtiogpio/seams.h>
#include <virtiogpio/sim.h>
#include <virtiogpio/sync.h>
#include <virtiogpio/types.h>
#include <virtiogpio/wire.h>
#include <virtiogpio/wiring.h>

#endif /* VIRTIOGPIO_VIRTIOGPIO_H */
