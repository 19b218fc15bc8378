# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# The driver leaves its device and comes back in the life of one guest, while lines toggle.

# works_again: the driver is there as if for the first time, and nothing is told from before
works_again() {
    guest gpiodetect
    expect "gpiodetect" "${output#gpiochip[0-9]* }" "[virtio0] (${lines:-4} lines)"
    guest mon n 3
    guest seen n 0
    expect "events before there were any" "$output" ""
    press 3 1
    events n "1 3;"
    press 3 0
    events n "1 3;0 3;"
    guest irqs gpiomon
    expect "interrupts" "$output" 2
    guest stop n
    edges=$((edges + 2))
}

leave_and_come() { # LEAVE COME FRONT-ENDS: two words of the guest
    local round
    patience 3
    serve 4
    boot
    toggling 2
    for round in 1 2 3 4; do
        echo "# round $round"
        guest mon m 2
        guest irqs_grow gpiomon
        guest stop m
        guest "$1"
        # The outside goes on without it.
        grows dropped
        guest "$2"
    done
    toggled
    guest "$1; $2"
    works_again
    accounted
    stat connects
    expect "front ends" "$stat" "$3"
    halt
    end_server
}

case_rebind() { leave_and_come unbind bind 1; }
case_replug() { leave_and_come unplug plug 6; }

# The driver goes while a line is armed and another one driven: it takes back neither. Its next
# life has new rings, and so the device lets go of both.
leave_armed() { # LEAVE COME
    local round
    patience 3
    serve 4
    boot
    for round in 1 2; do
        echo "# round $round"
        guest hold h 1=1
        ctl "wait 1 1 60000"
        guest mon m 2 --rising-edge
        press 2 1
        events m "1 2;"
        press 2 0
        guest "$1"
        ctl "toggle 2 50 0" "toggle 2 50 100" "value 1"
        expect "line 1 without a driver" "$(tail -n 1 <<< "$answer")" "ok 1"
        guest 'stop m; stop h; wc -l < /tmp/m'
        expect "events" "$output" 1
        guest "$2"
        ctl "value 1"
        expect "line 1 in the driver's next life" "$answer" "ok 0"
        stat returned
        expect "buffers given back" "$stat" $((round - 1))
        guest mon m 2 --rising-edge
        guest seen m 0
        expect "events from before" "$output" ""
        guest stop m
        stat returned
        expect "buffers given back" "$stat" "$round"
        # 100 pulses, one by hand, and line 1 driven and let go of.
        edges=$((edges + 204))
    done
    works_again
    accounted
    halt
    end_server
}

case_rebind_armed() { leave_armed unbind bind; }
case_replug_armed() { leave_armed unplug plug; }
