#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The reference manual builds without a warning: every public name is documented.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

cmake --preset default > /dev/null
cmake --build build --target doc
