#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the core as another project's build system would: its list of files, a config.h
# from elsewhere, and a VGPIO_CONFIG_FILE that takes the place of the options in it.
# usage: foreign.sh SOURCE... (by ctest, which sets VGPIO_BUILD, VGPIO_OUT and CC)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$VGPIO_OUT/foreign
rm -rf "$out"
mkdir -p "$out/virtiogpio"
cp "$VGPIO_BUILD/include/virtiogpio/config.h" "$out/virtiogpio/"
cat > "$out/board_vgpio.h" <<'END'
#define VGPIO_CFG_SPLIT 1
#define VGPIO_CFG_PACKED 0
#define VGPIO_CFG_EVENT_IDX 0
#define VGPIO_CFG_INDIRECT 0
#define VGPIO_CFG_IN_ORDER 0
#define VGPIO_CFG_IRQ 1
#define VGPIO_CFG_NAMES 0
#define VGPIO_CFG_DIALECTS 0
#define VGPIO_CFG_MMIO_IO 0
#define VGPIO_CFG_QUEUE_STOP 0
#define VGPIO_CFG_TRACE 0
#define VGPIO_CFG_DIRTY 0
#define VGPIO_CFG_UNMAP 0
#define VGPIO_CFG_FAST 0
#define VGPIO_DMA_ALIGN 128u
#define VGPIO_DMA_CELL 128u
END
"$CC" -std=c99 -O1 -Wall -Wextra -Wpedantic -Wundef -Werror \
    -DVGPIO_CONFIG_FILE='"board_vgpio.h"' -I "$out" -I "$root/include" \
    "$@" "$root/tests/config/smoke.c" -o "$out/smoke"
"$out/smoke"
