#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real guest: boot a stock Linux kernel (User-Mode Linux, no root, no KVM, 0.6 s from start to
# halt) against `vgpio serve` and check from both ends that its own gpio-virtio driver and the
# ordinary gpiod tools do with our lines what they should.
#
# usage: run.sh [-l|-L] [CASE|@RINGS|FILE...]   all cases, some, or those in files of your own
#        -l                           list them
#        -L, or VGPIO_GUEST_LONG=1    with all cases also those called long_..., some minutes
#        VGPIO=FILE                   the command under test (build/vgpio)
#        VGPIO_CTL=FILE               the control socket's client (build/tests/vgpio-ctl)
#        VGPIO_GUEST_CACHE=FOLDER     where the guest kernel is kept: see build.sh
#        VGPIO_GUEST_SECONDS=N        time for one guest from boot to halt (60)
#
# One line a case: "ok NAME", "not ok NAME" or "skip NAME", then "N passed, N failed, N skipped";
# exit status 1 if any failed. What a failed case did and said is shown, and kept in a folder that
# is named. A case is a function case_NAME in cases/*.sh, made of the words of harness.sh; it has a
# server and a guest of its own. NAME runs on split rings, NAME@RINGS on those that rings.sh says;
# @RINGS is all that run there. The kernel is built by build.sh when it is not there yet.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../..")
VGPIO=$(realpath "${VGPIO:-$top/build/vgpio}")
CTL=$(realpath "${VGPIO_CTL:-$top/build/tests/vgpio-ctl}")

# shellcheck source=tests/guest/rings.sh
. "$here/rings.sh"

# In the order of the files' names, which is from simple to hard.
files=("$here"/cases/*.sh)
cases_in() { sed -n 's/^case_\([a-z0-9_]*\)() {.*/\1/p' "$@"; }
mapfile -t all < <(cases_in "${files[@]}")
# All of them with split rings, and with packed; a few in every other combination.
mapfile -t -O ${#all[@]} all < <(printf '%s@packed\n' "${all[@]}")
for rings in "${every_rings[@]:1}"; do
    [ "$rings" != packed ] || continue
    mapfile -t -O ${#all[@]} all < <(printf "%s@$rings\n" "${rings_cases[@]}")
done
long=${VGPIO_GUEST_LONG:-0}
case ${1:-} in
    -l) printf '%s\n' "${all[@]}"; exit 0 ;;
    -L) long=1; shift ;;
esac
short=()
for name in "${all[@]}"; do
    if [ "$long" = 1 ] || [ "${name#long_}" = "$name" ]; then short+=("$name"); fi
done
chosen=()
for name in "$@"; do
    if [ "${name#@}" != "$name" ]; then
        before=${#chosen[@]}
        mapfile -t -O "$before" chosen < <(printf '%s\n' "${short[@]}" | grep -- "[^@]$name\$")
        [ ${#chosen[@]} -gt "$before" ] || { echo "run.sh: no case on $name" >&2; exit 2; }
    elif [ -f "$name" ]; then
        files+=("$(realpath "$name")")
        mapfile -t -O ${#chosen[@]} chosen < <(cases_in "$name")
    elif printf '%s\n' "${all[@]}" | grep -x -- "$name" > /dev/null; then
        chosen+=("$name")
    else
        echo "run.sh: no case $name" >&2
        exit 2
    fi
done
[ $# -gt 0 ] || chosen=("${short[@]}")
for program in "$VGPIO" "$CTL"; do
    [ -x "$program" ] || { echo "run.sh: no $program: build the project first" >&2; exit 2; }
done

# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
need_packages "${guest_packages[@]}"

logs=$(mktemp -d)
"$here/build.sh" | tee "$logs/build.log"
KERNEL=$(tail -1 "$logs/build.log")
INITRD=$logs/initrd.gz
"$here/initrd.sh" "$INITRD" "$KERNEL/irqcount.ko"

run_case() (
    set -eu
    work=$logs/$1
    mkdir "$work"
    # shellcheck source=tests/guest/harness.sh
    . "$here/harness.sh"
    # shellcheck disable=SC1090
    for file in "${files[@]}"; do . "$file"; done
    choose_rings "$1"
    "case_$case_name" > "$work/case.log" 2>&1
)

passed=0 failed=0 skipped=0
for name in "${chosen[@]}"; do
    start=${EPOCHREALTIME/./}
    status=0
    set +e
    run_case "$name"
    status=$?
    set -e
    took=$(((${EPOCHREALTIME/./} - start) / 10000))
    took=$((took / 100)).$(printf %02d $((took % 100)))
    case $status in
        0) echo "ok $name ($took s)"; passed=$((passed + 1)); rm -r "${logs:?}/$name" ;;
        77) echo "skip $name: $(sed -n 's/^SKIPPED: //p' "$logs/$name/case.log")"
            skipped=$((skipped + 1)) ;;
        *) echo "not ok $name ($took s)"; failed=$((failed + 1))
           tail -n 15 "$logs/$name"/*.log | sed 's/^/    /' ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
if [ $failed = 0 ]; then
    rm -rf "$logs"
else
    echo "what the failed cases said is in $logs"
    exit 1
fi
