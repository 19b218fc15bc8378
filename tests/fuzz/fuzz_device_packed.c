/* SPDX-License-Identifier: BSD-3-Clause */
/* The same on packed rings. */
#define FUZZ_PACKED 1
#include "fuzz_device.c"
