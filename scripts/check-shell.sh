#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every script is as shellcheck likes it; and where a pipe fails with any of its parts, none of
# them ends before the one in front of it: by luck that is a SIGPIPE, and so a failure.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(find scripts tests examples -name '*.sh' 2> /dev/null | sort)
shellcheck "${files[@]}" .ci/run
mapfile -t bash < <(grep -lE 'pipefail|shellcheck shell=bash' "${files[@]}")
early='^[^#]*[^|#]\| *(grep +-[A-Za-z]*[qm]|head( |$)|sed +-?n? *.[0-9]*q)'
# A line that ends with a pipe goes on in the next one.
if awk '{ line = held $0; held = line ~ /[^|]\|$/ ? line : "" }
        held == "" { print FILENAME ":" FNR ":" line }' "${bash[@]}" |
    grep -E -- "^[^:]*:[0-9]*:${early#^}"; then
    die "these do not read all that is piped to them: grep > /dev/null and sed -n 1p do"
fi
echo "$((${#files[@]} + 1)) files checked"
