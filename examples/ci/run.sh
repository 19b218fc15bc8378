#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs both examples, as a CI job would: kernel and root are made if they are not there yet.
# usage: run.sh     VGPIO=FILE (build/vgpio), KERNEL=FILE (tests/guest/build.sh's)
# Prints a line for each, then "N passed, N failed, N skipped".
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../..")
# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
need_packages "${guest_packages[@]}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export VGPIO INITRD=$work/initrd.gz PYTHONPATH=$top/src/python PYTHONDONTWRITEBYTECODE=1
VGPIO=$(realpath "${VGPIO:-$top/build/vgpio}")
if [ -z "${KERNEL:-}" ]; then
    KERNEL=$("$top/tests/guest/build.sh" | tail -n 1)/linux
fi
export KERNEL
"$here/make_guest.sh" "$INITRD"

passed=0 failed=0 skipped=0
for example in button_led.py button_led.sh; do
    if [ "${example%.py}" != "$example" ] && ! command -v python3 > /dev/null; then
        echo "skip $example: no python3"
        skipped=$((skipped + 1))
    elif "$here/$example" > "$work/log" 2>&1; then
        echo "ok $example"
        passed=$((passed + 1))
    else
        cat "$work/log"
        echo "not ok $example"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
