# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# A guest that stands still, and one that dies, in the middle of things: the server goes on.

# fds, memory: what the server has open, and its data in KiB
fds() { find "/proc/$server/fd" -type l | wc -l; }
memory() { sed -n 's/^VmData:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server/status"; }

# A client that is gone is noticed soon, not at once.
fds_are() {
    while [ "$(fds)" != "$1" ]; do
        time_left "the server has $(fds) descriptors open, before there were $1"
    done
}

# Eight clients at the same time, while one keeps the server busy without end: it toggles a line
# that nobody listens to. Were anyone made to wait for that, or for the guest, it would be for ever.
clients() {
    local endless pids=() pid n
    "$CTL" "$control" "toggle 1 1000000000 2" > /dev/null 2>&1 &
    endless=$!
    grows dropped
    for n in 1 2 3 4 5 6 7 8; do
        "$CTL" "$control" info "pull 0 1" "value 3" barrier "dir 2" stats "pull 0 0" \
            > "$work/client$n" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || fail "a client was not answered"; done
    kill "$endless" || fail "the endless toggling has ended"
    wait "$endless" || true
}

# Armed and quiet when it stops: one interrupt is delivered, which it will take; the next edge is
# kept for it, all others merge into that one.
case_stalled() {
    local round taken=1 merged=0 open data grown
    patience 3
    serve 4
    boot
    guest mon m 2 --rising-edge
    open=$(fds)
    press 2 1
    press 2 0
    events m "1 2;"
    clients
    data=$(memory)
    for round in 1 2 3; do
        echo "# round $round"
        freeze
        ctl "toggle 2 20000 0" "toggle 2 500 20" barrier
        clients
        merged=$((merged + 20498))
        counters $((taken + 1)) "$round" $merged
        fds_are "$open"
        thaw
        taken=$((taken + 2))
        guest "until_true irqs_are gpiomon $taken; irqs gpiomon"
        expect "interrupts that the guest took" "$output" $taken
        counters $taken "$round" $merged
    done
    # Each edge that was remembered one by one would have been 16 bytes or more.
    grown=$(($(memory) - data))
    [ $grown -lt 1024 ] || fail "the server's data has grown by $grown KiB"
    press 2 1
    guest "seen m $((taken + 1))"
    stat interrupts
    expect "interrupts" "$stat" $((taken + 1))
    guest stop m
    halt
    end_server
}

# Stopped wherever it happens to be: with requests on their way and edges coming in.
case_stalled_busy() {
    local round
    patience 3
    serve 4
    boot
    guest mon m 2
    guest busy 0
    toggling 2
    for round in 1 2 3 4 5; do
        echo "# round $round"
        guest irqs_grow gpiomon
        freeze
        ctl info "pull 3 1" "value 3" "pull 3 0" barrier
        edges=$((edges + 2))
        # The line is masked now, and the host goes on.
        grows merged
        thaw
    done
    toggled
    guest idle
    # The last that were delivered and kept.
    stat interrupts
    guest "until_true irqs_are gpiomon $stat"
    guest round_trip
    stat interrupts
    guest "until_true irqs_are gpiomon $stat; irqs gpiomon"
    expect "interrupts that the guest took" "$output" "$stat"
    guest stop m
    answered
    accounted
    halt
    end_server
}

answered() {
    local requests
    stat requests
    requests=$stat
    stat answers
    expect "answers" "$stat" "$requests"
}

# Killed in the middle of everything, several times; the outside never stops. Each next guest
# finds the lines as new, and what the dead one was owed is accounted, not told.
case_guest_killed_busy() {
    local round open
    patience 3
    serve 4
    boot
    guest round_trip
    open=$(fds)
    toggling 2
    for round in 1 2; do
        echo "# round $round"
        guest hold h 1=1
        ctl "wait 1 1 60000"
        guest busy 0
        guest mon m 2
        guest mon k 3
        guest irqs_grow gpiomon
        kill_guest
        ctl "pull 3 1" "pull 3 0" barrier
        grows merged
        boot
        ctl "value 1" "dir 1"
        expect "line 1 in the next guest" "$answer" $'ok 0\nok none'
        guest mon k 3
        guest seen k 0
        expect "events from the time of the dead guest" "$output" ""
        press 3 1
        events k "1 3;"
        press 3 0
        events k "1 3;0 3;"
        guest stop k
    done
    toggled
    # Per round: line 3 before and after the boot, and line 1 driven and let go of.
    edges=$((edges + 2 * 6))
    accounted
    fds_are "$open"
    halt
    end_server
}
