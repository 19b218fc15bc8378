/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file
 * @brief Everything of libvirtiogpio but the transports, in one include.
 */
#ifndef VIRTIOGPIO_VIRTIOGPIO_H
#define VIRTIOGPIO_VIRTIOGPIO_H

#include <virtiogpio/device.h>
#include <virtiogpio/driver.h>
#include <virtiogpio/loop.h>
#include <virtiogpio/seams.h>
#include <virtiogpio/sim.h>
#include <virtiogpio/sync.h>
#include <virtiogpio/types.h>
#include <virtiogpio/wire.h>

#endif /* VIRTIOGPIO_VIRTIOGPIO_H */
