/* SPDX-License-Identifier: BSD-3-Clause */
/* A VCD file. */
#include "cli/vcd_read.h"

#define VGPIO_WAVE_PARSE vcd_parse
#include "wave_target.h"
