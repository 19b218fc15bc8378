#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Run cases on this machine's own /dev/kvm: run.sh calls it, on the host or in the outer guest.
#
# usage: here.sh VARIANT/CASE[=LINES]...
#
# In the environment: VMM, CTL, the two programs; KERNEL, a folder with bzImage and vmlinux;
# INITRD; VGPIO_KVM_SECONDS and VGPIO_KVM_TOGGLES, see run.sh; in the outer guest OUTER, which
# leaves no files, and FORGIVEN, see outer.sh.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
guest_dir=$(dirname "$here")
files=("$guest_dir"/cases/*.sh "$here/cases.sh")
logs=$(mktemp -d)
variant=''

# shellcheck source=tests/guest/kvm/machine.sh
. "$here/machine.sh"
trap machine_kill EXIT

run_case() (
    trap - EXIT
    set -eu
    work=$machine_dir/$1
    mkdir "$work"
    # shellcheck source=tests/guest/harness.sh
    . "$guest_dir/harness.sh"
    # shellcheck source=tests/guest/kvm/harness.sh
    . "$here/harness.sh"
    # shellcheck disable=SC1090
    for file in "${files[@]}"; do . "$file"; done
    "case_$1" > "$work/case.log" 2>&1
)

passed=0 failed=0 skipped=0
result() { # STATUS NAME START-US
    local took=$(((${EPOCHREALTIME/./} - $3) / 10000))
    took=$((took / 100)).$(printf %02d $((took % 100)))
    case $1 in
        0) echo "ok $2 ($took s)"; passed=$((passed + 1)) ;;
        77) echo "skip $2: $(sed -n 's/^SKIPPED: //p' "$machine_dir/${2#*/}/case.log")"
            skipped=$((skipped + 1)) ;;
        *) echo "not ok $2 ($took s)"; failed=$((failed + 1)) ;;
    esac
}

# A machine ends well: a case of its own.
end_machine() {
    local start=${EPOCHREALTIME/./} status=0
    machine_runs || return 0
    machine_end || status=1
    result $status "$variant/reboot" "$start"
}

# So many failed cases may run again, on a new machine, which is printed: see outer.sh.
forgiven=${FORGIVEN:-0}

# Its status in $status. Not in a condition, where bash would ignore errors in the case as well.
one_try() { # CASE LINES
    [ "$lines" = "$2" ] || end_machine
    machine_runs || { machine_kill && machine_start "$2"; }
    set +e
    run_case "$1"
    status=$?
    set -e
}

try_case() { # CASE LINES
    local start=${EPOCHREALTIME/./} status
    one_try "$@"
    while [ "$status" != 0 ] && [ "$status" != 77 ] && [ "$forgiven" -gt 0 ]; do
        forgiven=$((forgiven - 1))
        tail -n 2 "$machine_dir/$1/case.log" "$machine_dir/vmm.log" | sed 's/^/# /'
        echo "# $variant/$1: once more, as the emulator may have failed"
        machine_kill
        rm -r "${machine_dir:?}/$1"
        one_try "$@"
    done
    result "$status" "$variant/$1" "$start"
    case "$status" in
        0 | 77) rm -r "${machine_dir:?}/$1" ;;
        *) tail -n 20 "$machine_dir/$1"/*.log "$machine_dir/vmm.log" | sed 's/^/    /'
           machine_kill ;;
    esac
}

for item in "$@"; do
    if [ "$variant" != "${item%%/*}" ]; then
        end_machine
        select_variant "${item%%/*}"
    fi
    name=${item#*/}
    case $name in
        *=*) try_case "${name%%=*}" "${name#*=}" ;;
        *) try_case "$name" 8 ;;
    esac
done
end_machine
echo "$passed passed, $failed failed, $skipped skipped"
if [ $failed = 0 ]; then
    rm -rf "$logs"
else
    [ -n "${OUTER:-}" ] || echo "what the failed cases said is in $logs"
    exit 1
fi
