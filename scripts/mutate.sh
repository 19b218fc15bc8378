#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the unit tests and runs scripts/mutate.py, which says what its arguments are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
need_packages python3 gcc libc6-dev make cmake pkg-config libcmocka-dev

log=build/logs/mutate-build.log
mkdir -p build/logs
folder=build
options=()
if [[ " $* " = *" --general "* ]]; then
    folder=build-general
    options=(-B "$folder" -DVGPIO_CFG_FAST=OFF -DVGPIO_TEST_BUILDS=OFF)
fi
{ cmake --preset default "${options[@]}" &&
    cmake --build "$folder" -j "$(nproc)"; } > "$log" 2>&1 ||
    { cat "$log" && die "The build failed"; }
exec python3 scripts/mutate.py "$@"
