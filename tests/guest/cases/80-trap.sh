# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2034,SC2154,SC2317
# The stock driver on `vgpio trap`: which rules it keeps, how it takes lies. What it is known to
# do otherwise is in ../deviations.txt; any other deviation fails the case, and so does one of that
# list that is not seen any more.

# trap_driver OPTION...: in place of a server
trap_driver() {
    # The trap has no control socket to ask what was negotiated: its report tells.
    rings_taken() { :; }
    "$VGPIO" trap --socket-path "$socket" "${rings_options[@]}" "$@" \
        > "$work/report" 2>> "$work/server.log" &
    server=$!
    # Its file is there before it listens.
    until grep -q " 00010000 .* $socket\$" /proc/net/unix; do
        kill -0 "$server" 2> /dev/null || fail "the trap does not listen"
    done
}

# trap_ends CASE: the report is as the list of deviations has it for this case
trap_ends() {
    local wanted got
    wait_gone "$server" 60 || fail "the trap does not end"
    wait "$server" || true
    server=''
    cat "$work/report"
    got=$(sed -n 's/^FAIL *\([a-z0-9-]*\) *\([A-Z0-9-]*\) .*/\2 \1/p' "$work/report" | sort)
    wanted=$(sed -n "s/^$1 \([A-Z0-9-]* [a-z0-9-]*\):.*/\1/p" "$here/deviations.txt" | sort)
    expect "deviations" "$got" "$wanted"
    ! grep -E '^(WEDGED|CRASHED)' "$work/report" || fail "the driver is gone"
}

# kept RULE...: it came up, and was kept
kept() {
    local rule
    for rule in "$@"; do
        grep -q "^PASS *$rule " "$work/report" || fail "$rule did not come up"
    done
}

# Everything gpiod's tools do; the trap's lines interrupt by themselves, three times each time
# they are enabled.
use_all() {
    guest 'gpioinfo | grep -c "\"trap"'
    expect "names" "$output" 8
    guest 'gpioget "$chip" 0 1 7'
    expect "levels" "$output" "0 0 0"
    guest 'gpioset "$chip" 2=1 3=0'
    guest hold h 2=1
    guest stop h
    guest mon m 1
    guest seen m 3
    expect "both edges" "$output" "1 1;0 1;1 1;"
    guest stop m
    guest mon m 1 --falling-edge
    guest seen m 3
    guest stop m
    guest mon m '"4 5 6"' --rising-edge
    guest seen m 9
    guest stop m
    guest 'insmod /irqcount.ko line=3 type=4 && until_true count_is 3; rmmod irqcount'
}

case_trap_watch() {
    patience 3
    trap_driver --watch
    boot
    use_all
    guest unbind
    guest bind
    use_all
    guest complaints
    expect "complaints" "$output" ""
    halt
    trap_ends watch
    kept requestq two-parts request-bytes response-room irq-feature irq-on-output \
        irq-none-at-end none-between enable-first pair-shape pair-memory one-pair names-room \
        zero-fields known-line known-value queues version-1 keep address unknown
    case $rings_acked in
        $((1 << 29 | 1 << 28))) kept split-kick-event split-table-next split-index ;;
        $((1 << 34 | 1 << 29 | 1 << 28))) kept packed-kick packed-table-next packed-keep ;;
    esac
}

# The driver leaves while a line is armed and another one driven. The lines have no names, since
# 6.1 goes on to compare those of a chip that left while it was in use.
case_trap_leave_armed() {
    trap_driver --watch --no-names
    boot
    guest hold h 2=1
    guest mon m 1
    guest seen m 3
    guest unbind
    guest 'stop m; stop h; true'
    guest bind
    guest 'gpioget "$chip" 0'
    halt
    trap_ends leave_armed
}

# Lies that the stock driver goes on after, one each time it is bound. Not among them: used ids
# and lengths of the eventq that make it give up a queue, and silence, for it waits without an end.
lies=(unknown-features len-0 len-1 len-3 len-huge untouched status-err status-unknown value-2
    value-255 direction-3 direction-err direction-len set-value-err set-direction-err
    irq-type-err irq-none-err late any-order spurious event-invalid event-ping-pong
    event-at-once event-storm event-status event-len-0 event-len-2 event-spurious
    event-not-armed pair-late padding names-size-1 names-no-end names-few names-many
    names-twice names-len names-err)

# What the lie may hit, which may fail, then what it may not have hurt.
use_some() {
    guest 'gpioget "$chip" 0; gpioget "$chip" 1; gpioset "$chip" 2=1; true'
    guest 'timeout 1 gpiomon --num-events=2 "$chip" 3; true'
    guest 'timeout $patience gpiomon --num-events=1 --silent "$chip" 5 && gpioget "$chip" 6 7'
    expect "levels after $1" "$output" "0 0"
}

case_trap_lies() {
    local lie options=() first=1
    patience 12
    for lie in "${lies[@]}"; do options+=(--lie "$lie"); done
    trap_driver "${options[@]}"
    boot
    for lie in "${lies[@]}"; do
        echo "# $lie"
        [ $first = 1 ] || guest 'bind; true'
        first=0
        use_some "$lie"
        guest 'unbind; true'
    done
    guest 'dmesg -c | grep -v "GPIO \(request\|operation\)" | tail -n 60; true'
    ! grep -E 'BUG|Oops|blocked for more' <<< "$output" || fail "the guest's kernel"
    halt
    trap_ends lies
    for lie in "${lies[@]}"; do
        grep -qE "^(PASS|REJECT) *$lie " "$work/report" || fail "$lie was not told"
    done
}
