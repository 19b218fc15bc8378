/* SPDX-License-Identifier: BSD-3-Clause */
/* A log of `vgpio record`. */
#include "cli/wavelog.h"

#define VGPIO_WAVE_PARSE wavelog_parse
#include "wave_target.h"
