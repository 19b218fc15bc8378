#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# examples/bare_metal/ on QEMU's "virt" machines, with `vgpio serve` behind them: the driver without
# an operating system, on CPUs of several kinds.
#
# usage: run.sh [-l] [ARCH|ARCH/CASE]...    all, some; -l lists. The cases:
#     interrupts   QEMU 10: the guest sleeps until a line interrupts
#     packed       the same with packed rings
#     asking       the machine's own QEMU, and a device without interrupts: the guest asks
#        VGPIO, VGPIO_CTL             the programs, if not those of build/
#        VGPIO_GUEST_CACHE=FOLDER     where QEMU 10 is kept: see ../qemu/cache.sh
#        VGPIO_METAL_SECONDS=N        time for one case (30)
#
# What cannot be had here, a compiler or a QEMU, skips its cases by name. Exit status 0 if none
# failed; the last line is the sum.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../../..")
VGPIO=$(realpath "${VGPIO:-$top/build/vgpio}")
CTL=$(realpath "${VGPIO_CTL:-$top/build/tests/vgpio-ctl}")

archs=(aarch64 arm riscv64 m68k)
declare -A compiler=([aarch64]=aarch64-linux-gnu-gcc [arm]=arm-none-eabi-gcc
    [riscv64]=riscv64-unknown-elf-gcc [m68k]=m68k-linux-gnu-gcc)
declare -A machine=([aarch64]="-cpu cortex-a53" [arm]="-cpu cortex-a15" [riscv64]="-bios none"
    [m68k]="")

mapfile -t all < <(for arch in "${archs[@]}"; do
    printf '%s\n' "$arch"/{interrupts,packed,asking}
done)
if [ "${1:-}" = -l ]; then
    printf '%s\n' "${all[@]}"
    exit 0
fi
chosen=()
for name in "$@"; do
    before=${#chosen[@]}
    mapfile -t -O "$before" chosen < <(printf '%s\n' "${all[@]}" | grep -E "^$name(/|\$)")
    [ ${#chosen[@]} -gt "$before" ] || { echo "run.sh: no machine or case $name" >&2; exit 2; }
done
[ $# -gt 0 ] || chosen=("${all[@]}")
for program in "$VGPIO" "$CTL"; do
    [ -x "$program" ] || { echo "run.sh: no $program: build the project first" >&2; exit 2; }
done

# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
logs=$(mktemp -d)
(need_packages "${metal_packages[@]}") || true # each case says what it misses
QEMU10=$("$here/get-qemu.sh" 2> "$logs/get-qemu") && no_qemu10='' || no_qemu10=$QEMU10
QEMU10=${QEMU10##*$'\n'} no_qemu10=${no_qemu10##*$'\n'}

# --- what a case says ---

fail() {
    echo "FAILED: $*"
    exit 1
}

expect() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

ctl() {
    answer=$("$CTL" "$control" "$@") || fail "control socket: $*: ${answer:-no answer}"
    echo "# ctl $*: ${answer//$'\n'/, }"
}

# Of the counters, one.
counted() { # KEY WANTED
    ctl barrier stats
    expect "$1: $answer" "$(tr ' ' '\n' <<< "$answer" | sed -n "s/^$1=//p")" "$2"
}

# What the driver took of the offer.
rings_are() { # packed|split
    local acked
    ctl info
    acked=${answer#* acked=}
    expect "the rings of ${answer}" \
        "$([ $((${acked%% *} >> 34 & 1)) = 1 ] && echo packed || echo split)" "$1"
}

# The next line of the guest must be like this.
hear() { # PATTERN
    local line left=$((end - ${EPOCHREALTIME/./} / 1000))
    [ $left -gt 0 ] || fail "the guest's time is over, waiting for '$1'"
    left=$((left / 1000)).$(printf %03d $((left % 1000)))
    IFS= read -r -t "$left" -u "$from" line ||
        fail "the guest ended, or said nothing in time, instead of '$1'"
    echo "# guest: $line"
    line=${line%$'\r'}
    # shellcheck disable=SC2053
    [[ $line == $1 ]] || fail "the guest said '$line' instead of '$1'"
}

wait_gone() { timeout 60 tail -f --pid="$1" -s 0.02 /dev/null; }

cleanup() {
    local status=$? pid
    for pid in $guest $server; do
        kill -KILL "$pid" 2> /dev/null || true
    done
    exit $status
}

# --- server and machine ---

serve() {
    "$VGPIO" serve --socket-path "$work/gpio" --sim led,button,stop --control "$control" \
        "$@" >> "$work/server.log" 2>&1 &
    server=$!
    ctl info
}

# Another kind of device is on either side of ours: the guest must not take it.
boot() { # QEMU...
    local tmp
    end=$((${EPOCHREALTIME/./} / 1000 + ${VGPIO_METAL_SECONDS:-30} * 1000))
    mkfifo "$work/uart"
    exec {tmp}<> "$work/uart"
    # shellcheck disable=SC2086
    "$@" -nodefaults -no-user-config -display none -accel tcg,tb-size=32 -m 32M \
        -M virt,memory-backend=ram ${machine[$arch]} -object memory-backend-memfd,id=ram,size=32M,share=on \
        -global virtio-mmio.force-legacy=false \
        -device virtio-rng-device \
        -chardev "socket,id=gpio,path=$work/gpio" -device vhost-user-gpio-device,chardev=gpio \
        -device virtio-rng-device \
        -kernel "$logs/guest-$arch.elf" -serial stdio \
        < /dev/null > "$work/uart" 2> "$work/qemu.log" &
    guest=$!
    exec {from}< "$work/uart" {tmp}<&-
}

ended() {
    local status=0
    wait_gone "$guest" || fail "the machine does not switch itself off"
    wait "$guest" || status=$?
    guest=''
    expect "QEMU's exit status" "$status" 0
    kill -TERM "$server"
    wait "$server" || status=$?
    server=''
    expect "the server's exit status" "$status" 0
}

# --- the cases ---

# From its start until it waits for the button.
begins() { # RINGS WAY REFUSED
    local requests
    hear "device in place *"
    hear "line 0: led"
    hear "line 1: button"
    hear "line 2: stop"
    hear "blinked"
    [ "$3" = 0 ] || hear "refused"
    hear "$2"
    rings_are "$1"
    # The lamp went on and off a hundred times, by requests; an output has no edges to drop.
    counted dropped 0
    requests=$(sed -n 's/.* requests=\([0-9]*\) .*/\1/p' <<< "$answer")
    [ "$requests" -ge 200 ] || fail "$requests requests"
    counted error_answers "$3"
    ctl "dir led" "value led"
    expect "the lamp" "$answer" $'ok out\nok 0'
}

presses() {
    local i
    for i in 1 0 1 0; do
        ctl "pull button 1" barrier
        hear pressed
        ctl "wait led $i 10000" "pull button 0" barrier
        hear released
    done
}

ends() {
    ctl "pull stop 1" barrier
    hear "started again"
    hear "done"
    ctl "dir led" "dir button"
    expect "directions after the restart" "$answer" $'ok none\nok none'
    ended
}

with_interrupts() { # RINGS OPTIONS...
    local rings=$1
    shift
    serve "$@"
    boot "$QEMU10/usr/bin/qemu-system-$arch" -L /usr/share/qemu
    begins "$rings" "waiting for interrupts" 1
    presses
    counted interrupts 8
    counted errors 1 # the refusal
    ends
}

case_interrupts() { with_interrupts split; }

case_packed() { with_interrupts packed --packed; }

case_asking() {
    serve --no-irq
    boot "qemu-system-$arch"
    begins split "no interrupts here: asking" 0
    presses
    counted interrupts 0
    # (QEMU 7.2 sets up the queue of interrupts all the same; that is refused.)
    counted error_answers 0
    counted broken_queues 0
    ends
}

# --- one after the other ---

passed=0 failed=0 skipped=0

skip_case() { # ARCH/CASE REASON
    echo "skip $1: $2"
    skipped=$((skipped + 1))
}

build_guest() {
    [ ! -e "$logs/guest-$arch.elf" ] || return 0
    make -s -C "$top/examples/bare_metal" ARCH="$arch" CONFIG="$(dirname "$VGPIO")/include" \
        OUT="$logs" > "$logs/make-$arch.log" 2>&1
}

# Why a case cannot run here; nothing: it can.
reason() { # CASE
    local cc=${compiler[$arch]}
    if ! command -v "$cc" > /dev/null; then
        echo "no $cc"
    elif [ "$1" = asking ]; then
        command -v "qemu-system-$arch" > /dev/null || echo "no qemu-system-$arch"
    else
        echo "$no_qemu10"
    fi
}

run_case() ( # CASE
    set -eu
    work=$logs/$arch-$1 control=$logs/$arch-$1/control server='' guest=''
    mkdir "$work"
    trap cleanup EXIT
    "case_$1" > "$work/case.log" 2>&1
)

try_case() { # CASE
    local start=${EPOCHREALTIME/./} status=0 took
    set +e
    build_guest && run_case "$1"
    status=$?
    set -e
    took=$(((${EPOCHREALTIME/./} - start) / 10000))
    took=$((took / 100)).$(printf %02d $((took % 100)))
    if [ $status = 0 ]; then
        echo "ok $arch/$1 ($took s)"
        passed=$((passed + 1))
    else
        echo "not ok $arch/$1 ($took s)"
        failed=$((failed + 1))
        tail -n 25 "$logs/make-$arch.log" "$logs/$arch-$1"/*.log 2> /dev/null | sed 's/^/    /'
    fi
}

for item in "${chosen[@]}"; do
    arch=${item%/*}
    why=$(reason "${item#*/}")
    if [ -n "$why" ]; then
        skip_case "$item" "$why"
    else
        try_case "${item#*/}"
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
if [ $failed = 0 ]; then
    rm -rf "$logs"
else
    echo "what the failed cases said is in $logs"
fi
[ $failed = 0 ]
