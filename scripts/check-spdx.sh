#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every text file names its licence in its first two lines, and nothing is left for later.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# JSON has no comments, the licence is the licence, a list of symbols and a corpus are data.
mapfile -t files < <(find . -type f ! -path './.git*' ! -path './build*' ! -path '*/corpus/*' \
    ! -name LICENSE ! -name '*.json' ! -name '*.json.in' ! -name symbols.txt | sort)
bad=0
for file in "${files[@]}"; do
    if ! head -n 2 "$file" | grep 'SPDX-License-Identifier: BSD-3-Clause' > /dev/null; then
        echo "no licence: $file"
        bad=1
    fi
done
# Spelled so that this file does not find itself.
if grep -nE 'TO''DO|FIX''ME|XX''X' "${files[@]}"; then
    bad=1
fi
echo "${#files[@]} files checked"
exit "$bad"
