#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Lines of a machine's own chips, for real: a machine (QEMU, emulated) whose kernel has
# simulated chips, gpio-sim, and in it `vgpio serve --lines` on these, with drivers on the other
# end of its socket.
#
# usage: run.sh [-l] [CASE]...         all cases, some; -l lists them
#        VGPIO=FILE, VGPIO_CTL=FILE, VGPIO_DRIVE=FILE   the programs (build/vgpio, build/tests/...)
#        VGPIO_GUEST_CACHE=FOLDER      where the kernel is kept: see ../kvm/build.sh
#        VGPIO_SIM_SECONDS=N           time for the machine from start to end (300)
#        VGPIO_SIM_EDGES=N             edges of the case "many_edges" (100000)
#
# Lines and exit status as of ../run.sh. The cases are in cases.sh, their words in inside.sh, which
# runs in the machine.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
guest_dir=$(dirname "$here")
top=$(realpath "$here/../../..")

mapfile -t cases < <(sed -n 's/^case_\([a-z0-9_]*\)() {.*/\1/p' "$here/cases.sh")
if [ "${1:-}" = -l ]; then
    printf '%s\n' "${cases[@]}"
    exit 0
fi
for name in "$@"; do
    [[ " ${cases[*]} " == *" $name "* ]] || { echo "run.sh: no case $name" >&2; exit 2; }
done
[ $# = 0 ] || cases=("$@")
if [ "$(uname -m)" != x86_64 ]; then
    echo "skip sim: its kernel is for x86-64, this is $(uname -m)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
programs=("${VGPIO:-$top/build/vgpio}" "${VGPIO_CTL:-$top/build/tests/vgpio-ctl}"
    "${VGPIO_DRIVE:-$top/build/tests/vgpio-drive}")
for program in "${programs[@]}"; do
    [ -x "$program" ] || { echo "run.sh: no $program: build the project first" >&2; exit 2; }
done
mapfile -t programs < <(realpath "${programs[@]}")

# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
need_packages "${guest_packages[@]}" "${kvm_packages[@]}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$guest_dir/kvm/build.sh" | tee "$work/build.log"
kernel=$(tail -n 1 "$work/build.log")

# With the host's bash, and the libraries of all that is linked to some.
pack() {
    local root=$work/root program lib
    mkdir -p "$root"/{bin,host,dev,proc,sys,tmp}
    cp "$(command -v busybox)" "$root/bin/"
    cp "$(command -v bash)" "$(command -v timeout)" "${programs[@]}" "$root/host/"
    for program in info get set mon; do
        cp "$(command -v gpio$program)" "$root/host/"
    done
    for program in "$root"/host/*; do
        for lib in $({ ldd "$program" 2> /dev/null || true; } | grep -o '/[^ ]*'); do
            mkdir -p "$root${lib%/*}"
            cp -L "$lib" "$root$lib"
        done
    done
    cp "$here"/{inside.sh,cases.sh} "$root/"
    cp "$here/init" "$root/"
    printf 'edges_wanted=%s\ncases=(%s)\n' "${VGPIO_SIM_EDGES:-100000}" "${cases[*]}" \
        > "$root/words"
    (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) > "$work/initrd"
}

# One processor: an edge is then seen by the kernel before the next one is made, so that none is
# merged where nothing counts it.
machine() {
    local khz
    khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
    timeout --foreground -k 5 "${VGPIO_SIM_SECONDS:-300}" setpriv --pdeathsig KILL \
        qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
        -accel tcg -cpu max,-xsave -smp 1 -m 256M -M pc -serial stdio \
        -kernel "$kernel/vmlinux" -initrd "$work/initrd" \
        -append "console=ttyS0 quiet mitigations=off nokaslr panic=-1 no_timer_check \
            tsc=reliable tsc_early_khz=$khz" \
        < /dev/null 2> "$work/qemu.log" | tr -d '\r' | tee "$work/console" |
        grep --line-buffered -v '^=== \|^reboot: ' || true
}

pack
machine
status=$(sed -n 's/^=== \([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
if [ -z "$status" ]; then
    cat "$work/qemu.log"
    echo "the machine's time is over, or it ended early"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
exit "$status"
