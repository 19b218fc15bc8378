#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds vgpio and runs its demo: a driver and a device in one process, on real rings.
# usage: scripts/demo.sh [OPTION OF vgpio demo]...
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_packages gcc libc6-dev make cmake
say "Building build/vgpio"
# A build folder that somebody configured already stays as it is.
if [ ! -e build/Makefile ] && [ ! -e build/build.ninja ]; then
    cmake --preset default -DVGPIO_BUILD_TESTS=OFF
fi
cmake --build build --target vgpio -j "$(nproc)"

say "Running: build/vgpio demo --vcd build/demo.vcd $*"
build/vgpio demo --vcd build/demo.vcd "$@"
say "The waveform is in build/demo.vcd (GTKWave and PulseView open it)"
