#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real guest of ../run.sh with QEMU as the front end: Debian's own kernel with the stock
# gpio-virtio driver as a module, emulated (no KVM is needed), on `vgpio serve`.
#
# usage: run.sh [-l] [FRONT|FRONT/CASE[@RINGS]]...    all, some; -l lists. The front ends:
#     qemu7.2-pci  qemu7.2-mmio    bookworm's QEMU: no interrupts, but it connects again
#     qemu10-pci   qemu10-mmio     that of bookworm-backports: interrupts
#        VGPIO, VGPIO_CTL             as for ../run.sh
#        VGPIO_GUEST_CACHE=FOLDER     where the kernel and QEMU 10 are kept: see cache.sh
#        VGPIO_QEMU_SECONDS=N         time for one case (90)
#
# Lines and exit status as of ../run.sh. The cases are those of cases.sh and those of ../cases
# that the front end can do; what a QEMU cannot do is skipped by name. The words are those of
# ../harness.sh, as harness.sh changes them; @RINGS is explained in ../rings.sh.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
guest_dir=$(dirname "$here")
top=$(realpath "$here/../../..")
VGPIO=$(realpath "${VGPIO:-$top/build/vgpio}")
CTL=$(realpath "${VGPIO_CTL:-$top/build/tests/vgpio-ctl}")

fronts=(qemu7.2-pci qemu7.2-mmio qemu10-pci qemu10-mmio)
files=("$guest_dir"/cases/*.sh "$here/cases.sh")
# shellcheck source=tests/guest/rings.sh
. "$guest_dir/rings.sh"
mapfile -t uml_cases < <(sed -n 's/^case_\([a-z0-9_]*\)() {.*/\1/p' "$guest_dir"/cases/*.sh)

# Those of ../cases that ask for no interrupt; and those that can do with what mmio has: a server of
# 8 lines that has counted before.
values=(detect names read drive drive_many rings)
eight_values=(read drive drive_many)
eight_edges=(retake rising falling both two_lines toggles_rising toggles_at_once level_high
    level_low latch_forgotten)
no_interrupts="QEMU 7.2 offers its guests no interrupts"
# With packed=on too: then the guest's rings are packed, and SET_FEATURES does not have the bit.
no_packed="QEMU 7.2 hands the feature of packed rings on to no back end"

# FRONT: its cases in their order, each with the reason where it is skipped. Linux 6.1 never gives
# the number of a chip free that had a consumer when it left: after the cases where that happens
# the chip is not gpiochip0 any more, until the machine reboots. Last are those that need a new one.
cases_of() {
    case $1 in
        qemu7.2-pci)
            printf '%s\n' "${values[@]}" ring_size many_lines stop_cont reconnect \
                hotplug_memory reboot poweroff
            uml_cases_but "${values[@]}" | skipped_edges
            printf '%s\n' stop_cont_armed armed_64 | skipped_edges
            on_other_rings rings stop_cont reconnect | sed "/@packed/s/\$/ $no_packed/"
            ;;
        qemu7.2-mmio)
            printf '%s\n' "${eight_values[@]}" ring_size stop_cont reconnect hotplug_memory reboot
            printf "%s@packed $no_packed\n" read ring_size stop_cont reconnect reboot
            printf '%s\n' "${eight_edges[@]}" stop_cont_armed | skipped_edges
            ;;
        qemu10-pci)
            uml_cases_but rebind_armed replug_armed guest_killed guest_killed_busy
            printf '%s\n' ring_size many_lines stop_cont stop_cont_armed armed_64 reconnect \
                hotplug_memory rebind_armed replug_armed reboot guest_killed_busy poweroff
            on_other_rings rings stop_cont stop_cont_armed
            ;;
        qemu10-mmio)
            printf '%s\n' "${eight_values[@]}" "${eight_edges[@]}" ring_size stop_cont \
                stop_cont_armed reconnect hotplug_memory reboot
            printf '%s@packed\n' read two_lines ring_size stop_cont_armed reboot
            ;;
    esac
}
on_other_rings() { # CASE...
    local rings
    for rings in "${every_rings[@]:1}"; do printf "%s@$rings\n" "$@"; done
}
# next_guest's part is done by poweroff, guest_killed's by guest_killed_busy; the trap's driver is the
# same one, and not behind QEMU's socket; boards are the server's business; the long ones are long
# enough with one front end.
uml_cases_but() {
    printf '%s\n' "${uml_cases[@]}" |
        grep -vxF -f <(printf '%s\n' next_guest "$@") | grep -v -e ^long_ -e ^trap_ -e ^board_
}
skipped_edges() { sed "s/\$/ $no_interrupts/"; }

list() {
    local front
    for front in "${fronts[@]}"; do cases_of "$front" | sed "s,^,$front/,"; done
}

if [ "${1:-}" = -l ]; then
    list | sed 's/ .*//'
    exit 0
fi
mapfile -t all < <(list)
chosen=()
for name in "$@"; do
    before=${#chosen[@]}
    mapfile -t -O "$before" chosen < <(printf '%s\n' "${all[@]}" | grep -E "^$name(/| |\$)")
    [ ${#chosen[@]} -gt "$before" ] || { echo "run.sh: no front end or case $name" >&2; exit 2; }
done
[ $# -gt 0 ] || chosen=("${all[@]}")
for program in "$VGPIO" "$CTL"; do
    [ -x "$program" ] || { echo "run.sh: no $program: build the project first" >&2; exit 2; }
done

# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
need_packages "${guest_packages[@]}" "${qemu_packages[@]}"
logs=$(mktemp -d)

# What cannot be fetched is not there: result in $made, or the reason in $absent.
absent='' made=''
make_it() {
    local status=0
    "$1" | tee "$logs/make.log" || status=$?
    made=$(tail -n 1 "$logs/make.log")
    [ $status != 77 ] || { absent=$made; made=''; return 0; }
    [ $status = 0 ] || exit $status
}
make_it "$here/build.sh"
KERNEL=$made no_kernel=$absent
if [ -n "$KERNEL" ]; then
    INITRD=$logs/initrd.gz
    "$guest_dir/initrd.sh" "$INITRD" "$here/pc-init" "$KERNEL/modules" "$KERNEL"/*.ko
fi
absent=''
if printf '%s\n' "${chosen[@]}" | grep '^qemu10-.*/[^ ]*$' > /dev/null; then
    make_it "$here/get-qemu.sh"
fi
QEMU10=$made no_qemu10=$absent

# shellcheck source=tests/guest/qemu/machine.sh
. "$here/machine.sh"
trap machine_kill EXIT

run_case() (
    trap - EXIT
    set -eu
    work=$front_dir/$1
    mkdir "$work"
    # shellcheck source=tests/guest/harness.sh
    . "$guest_dir/harness.sh"
    # shellcheck source=tests/guest/qemu/harness.sh
    . "$here/harness.sh"
    # shellcheck disable=SC1090
    for file in "${files[@]}"; do . "$file"; done
    "case_$case_name" > "$work/case.log" 2>&1
)

passed=0 failed=0 skipped=0 hung=0
skip_case() { # FRONT/CASE REASON
    echo "skip $1: $2"
    skipped=$((skipped + 1))
}

# Only where no ring was started since: with one, it might be our device that it waits for.
boot_hung() { # CASE
    local folder=$front_dir/$1
    [ "$bus" = mmio ] && grep -q "^FAILED: the guest's boot" "$folder/case.log" &&
        [ "$(rings_started)" = "$(cat "$folder/rings_before_boot")" ]
}
rings_started() { grep -c "queue fresh" "$front_dir/server.log" || true; }

try_case() { # CASE
    local start=${EPOCHREALTIME/./} status=0 tries=0 took
    choose_rings "$1"
    # On mmio the machine has its server from the start.
    [ "$bus" = pci ] || [ "$machine_rings" = "${rings_options[*]}" ] || machine_kill
    set +e
    while :; do
        machine_runs || { machine_kill && machine_start; }
        run_case "$1"
        status=$?
        if [ $status != 1 ] || [ $((tries += 1)) = 4 ] || ! boot_hung "$1"; then
            break
        fi
        echo "# $front/$1: the machine hung while it booted, before it saw the device: once more"
        hung=$((hung + 1))
        machine_kill
        mv "$front_dir/$1" "$front_dir/$1-hung-$tries"
    done
    set -e
    took=$(((${EPOCHREALTIME/./} - start) / 10000))
    took=$((took / 100)).$(printf %02d $((took % 100)))
    case $status in
        0) echo "ok $front/$1 ($took s)"; passed=$((passed + 1)); rm -r "${front_dir:?}/$1" ;;
        77) skip_case "$front/$1" "$(sed -n 's/^SKIPPED: //p' "$front_dir/$1/case.log")" ;;
        *) echo "not ok $front/$1 ($took s)"; failed=$((failed + 1))
           tail -n 15 "$front_dir/$1"/*.log "$front_dir"/*.log | sed 's/^/    /' ;;
    esac
}

front=''
for item in "${chosen[@]}"; do
    read -r name reason <<< "$item"
    [ "${name%%-*}" != qemu10 ] || reason=${no_qemu10:-$reason}
    reason=${no_kernel:-$reason}
    if [ -n "$reason" ]; then
        skip_case "$name" "$reason"
        continue
    fi
    if [ "$front" != "${name%/*}" ]; then
        machine_kill
        select_front "${name%/*}"
    fi
    try_case "${name#*/}"
done
machine_kill
echo "$passed passed, $failed failed, $skipped skipped"
if [ $((failed + hung)) = 0 ]; then
    rm -rf "$logs"
else
    echo "what the failed cases and the boots that hung said is in $logs"
fi
[ $failed = 0 ]
