#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every script is as shellcheck likes it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(find scripts tests examples -name '*.sh' 2> /dev/null | sort)
shellcheck "${files[@]}" .ci/run
echo "$((${#files[@]} + 1)) files checked"
