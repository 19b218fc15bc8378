#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The mutation run itself, on a sample of one function whose mutants' fates are known.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
need_packages python3 gcc libc6-dev

exec python3 scripts/mutate.py --self-check
