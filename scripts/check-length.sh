#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# No function of the library or the tool is longer than 50 lines, braces included.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

find src -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
    FNR == 1 { start = 0 }
    /^{/ { start = FNR }
    /^}/ {
        if (start > 0) {
            n++
            if (FNR - start + 1 > 50) {
                printf "%s:%d: %d lines\n", FILENAME, start, FNR - start + 1
                bad = 1
            }
        }
        start = 0
    }
    END { printf "%d functions checked\n", n; exit bad }'
