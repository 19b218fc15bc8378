#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures the ring engine and prints one table; scripts/bench.py says what its arguments are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
need_packages python3 gcc-12 libc6-dev binutils valgrind
exec python3 scripts/bench.py "$@"
