#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the tree without one option (or ALL of them but a ring layout) and runs its tests.
# usage: run.sh OPTION (by ctest, which sets VGPIO_OUT and CC)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
opt=$1
if [ "$opt" = ALL ]; then
    off=(PACKED EVENT_IDX INDIRECT IN_ORDER IRQ NAMES DIALECTS TRACE DIRTY MMIO_IO
        QUEUE_STOP FAST UNMAP)
else
    off=("$opt")
fi
defs=("${off[@]/#/-DVGPIO_CFG_}")
defs=("${defs[@]/%/=OFF}")
# No debug information: these builds are thrown away, and half as long without.
cmake -S "$root" -B "$VGPIO_OUT/$opt" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 \
    -DCMAKE_COMPILE_WARNING_AS_ERROR=ON "${defs[@]}" > /dev/null
cmake --build "$VGPIO_OUT/$opt" > "$VGPIO_OUT/$opt/build.log" 2>&1 || {
    cat "$VGPIO_OUT/$opt/build.log"
    exit 1
}
ctest --test-dir "$VGPIO_OUT/$opt" --output-on-failure --no-tests=error
