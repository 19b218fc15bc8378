#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# clang-tidy over the library and the tool; .clang-tidy says which checks.
# usage: scripts/check-tidy.sh [FILE]...
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ -e build/compile_commands.json ] || cmake --preset default > /dev/null
[ $# -gt 0 ] || set -- src/*.c src/cli/*.c
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build
echo "$# files checked"
