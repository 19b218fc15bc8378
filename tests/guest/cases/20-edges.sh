# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# Interrupts: gpiomon prints each press of the right edge and nothing else.

# press LINE LEVEL: change the outside, wait until the device is done with it
press() { ctl "pull $1 $2" barrier; }

# events NAME WANTED: what gpiomon printed
events() {
    local want=${2//[^;]/}
    guest "seen $1 ${#want}"
    expect "events of $1" "$output" "$2"
}

case_rising() {
    serve 4
    boot
    guest mon m 2 --rising-edge
    press 2 1
    events m "1 2;"
    press 2 0
    events m "1 2;"
    press 2 1
    events m "1 2;1 2;"
    press 1 1
    guest irqs gpiomon
    expect "interrupts" "$output" 2
    events m "1 2;1 2;"
    guest stop m
    halt
    end_server
}

case_falling() {
    serve 4
    ctl "pull 3 1"
    boot
    guest mon m 3 --falling-edge
    press 3 0
    events m "0 3;"
    press 3 1
    events m "0 3;"
    press 3 0
    events m "0 3;0 3;"
    guest irqs gpiomon
    expect "interrupts" "$output" 2
    guest stop m
    halt
    end_server
}

case_both() {
    local want='' i
    serve 4
    boot
    guest mon m 0
    for i in 1 2 3 4 5 6; do
        press 0 $((i % 2))
        want+="$((i % 2)) 0;"
        events m "$want"
    done
    guest irqs gpiomon
    expect "interrupts" "$output" 6
    guest stop m
    halt
    end_server
}

# The same level again is no edge.
case_same_level() {
    serve 4
    boot
    guest mon m 0
    press 0 0
    press 0 1
    events m "1 0;"
    press 0 1
    events m "1 0;"
    guest stop m
    halt
    end_server
}

# gpiomon killed and started again: what happened while nobody listened is not told.
case_mon_again() {
    local i
    serve 4
    boot
    for i in 1 2; do
        guest mon m 1 --rising-edge
        press 1 1
        press 1 0
        events m "1 1;"
        press 1 1
        press 1 0
        guest stop m -KILL
        ctl "pull 1 1" "pull 1 0" "pull 1 1" "pull 1 0" barrier
    done
    guest mon m 1 --falling-edge
    events m ""
    press 1 1
    press 1 0
    events m "0 1;"
    # The line's count goes on from one gpiomon to the next.
    guest irqs gpiomon
    expect "interrupts of all three" "$output" 5
    guest stop m
    halt
    end_server
}

case_two_lines() {
    serve 8
    boot
    guest mon a 1 --rising-edge
    guest mon b 6
    press 1 1
    events a "1 1;"
    press 6 1
    events b "1 6;"
    press 6 0
    press 1 0
    press 1 1
    events a "1 1;1 1;"
    guest stop a
    press 1 0
    press 1 1
    press 6 1
    events b "1 6;0 6;1 6;"
    guest seen a 2
    expect "events after the end" "$output" "1 1;1 1;"
    guest stop b
    # One program with both lines.
    ctl "pull 1 0" "pull 6 0" barrier
    guest "mon c '1 6'"
    press 6 1
    events c "1 6;"
    press 1 1
    events c "1 6;1 1;"
    guest stop c
    halt
    end_server
}

# A thousand toggles: every matching edge was either an interrupt of its own or merged into one that
# had not been taken yet. The guest counts in /proc/interrupts: gpiomon's queue of 16 drops.
toggles() { # COUNT PERIOD_US MATCHING-EDGES [GPIOMON-OPTION]
    local before merged delivered
    serve 4
    boot
    guest mon m 2 "${4:-}"
    stat interrupts
    before=$stat
    stat merged
    merged=$stat
    ctl "toggle 2 $1 $2" barrier
    expect "edges made" "$(head -n 1 <<< "$answer")" "ok $1 pulses $((2 * $1)) edges"
    # An edge may still be latched: then the guest has the line masked and will ask for it.
    settled "$before" "$merged" "$3"
    guest "until_true irqs_are gpiomon $delivered; irqs gpiomon"
    expect "interrupts that the guest took" "$output" "$delivered"
    # The first one, and the one that was kept when that came to its end.
    [ "$delivered" -gt 1 ] || fail "only $delivered of $3 edges delivered"
    guest stop m
    halt
    end_server
    echo "# $3 edges: $delivered delivered, $merged merged"
}

settled() { # DELIVERED-BEFORE MERGED-BEFORE EDGES: sets delivered, merged
    for _ in {1..100}; do
        stat interrupts
        delivered=$((stat - $1))
        stat merged
        merged=$((stat - $2))
        [ $((delivered + merged)) -lt "$3" ] || break
        guest round_trip
    done
    expect "delivered ($delivered) + merged ($merged)" $((delivered + merged)) "$3"
}

case_toggles_rising() { toggles 1000 500 1000 --rising-edge; }
case_toggles_both() { toggles 500 500 1000; }
case_toggles_at_once() { toggles 500 0 1000; }
case_toggles_falling_at_once() { toggles 1000 0 1000 --falling-edge; }

case_toggles_10k_rising() { patience 3 && toggles 10000 100 10000 --rising-edge; }
case_toggles_10k_both() { patience 3 && toggles 10000 100 20000; }
case_toggles_10k_at_once() { patience 3 && toggles 10000 0 20000; }

# A hundred thousand: only with -L, see run.sh.
case_long_toggles_rising() { patience 12 && toggles 100000 100 100000 --rising-edge; }
case_long_toggles_both() { patience 12 && toggles 100000 100 200000; }
case_long_toggles_at_once() { patience 12 && toggles 100000 0 200000; }
