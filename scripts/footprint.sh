#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the library takes on microcontrollers; scripts/footprint.py says what its arguments are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
need_packages python3 gcc-12 libc6-dev gcc-arm-none-eabi gcc-riscv64-unknown-elf
exec python3 scripts/footprint.py "$@"
