#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds vgpio and runs scripts/judge.py, which says what its arguments are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
need_packages python3 gcc libc6-dev make cmake pkg-config libcmocka-dev

log=build/logs/judge-build.log
mkdir -p build/logs
{ cmake --preset default && cmake --build build --target vgpio -j "$(nproc)"; } > "$log" 2>&1 ||
    { cat "$log" && die "The build failed"; }
exec python3 scripts/judge.py "$@"
