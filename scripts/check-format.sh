#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every C file is as clang-format leaves it, and no line is longer than 90 columns.
# To mend: clang-format -i FILE
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(find include src tests examples -name '*.[ch]' 2> /dev/null | sort)
clang-format --dry-run -Werror "${files[@]}"
if grep -nE '^.{91,}$' "${files[@]}"; then
    die "the lines above are longer than 90 columns"
fi
echo "${#files[@]} files checked"
