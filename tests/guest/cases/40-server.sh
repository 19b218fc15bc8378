# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# The server's life: guests come and go, and so does the server.

works() { # boot, and read, drive and watch a line
    boot
    ctl "pull 1 1"
    guest 'gpioget gpiochip0 1'
    expect "line 1" "$output" 1
    guest hold h 2=1
    ctl "wait 2 1 60000"
    guest stop h
    guest mon m 1
    ctl "pull 1 0" barrier
    guest seen m 1
    expect "events" "$output" "0 1;"
    guest stop m
}

# What the outside did stays; what the guest did stays until its rings prove to be another's.
case_next_guest() {
    serve 4
    ctl "pull 3 1"
    works
    guest hold h 0=1
    ctl "wait 0 1 60000"
    halt
    ctl "value 0"
    expect "line 0 after the halt" "$answer" "ok 1"
    works
    ctl "value 0"
    expect "line 0 in the next guest" "$answer" "ok 0"
    guest 'gpioget gpiochip0 3'
    expect "line 3, pulled up before the first guest" "$output" 1
    halt
    end_server
}

# A device without interrupts: lines are read and driven, and who asks for edges is told at once.
case_no_irq() {
    serve 4 --no-irq
    boot
    ctl "pull 1 1"
    guest 'gpioget gpiochip0 1'
    expect "line 1" "$output" 1
    guest hold h 2=1
    ctl "wait 2 1 60000"
    guest stop h
    guest '! gpiomon --num-events=1 gpiochip0 1 2>&1'
    guest 'gpioget gpiochip0 1'
    expect "line 1" "$output" 1
    stat interrupts
    expect "interrupts" "$stat" 0
    halt
    end_server
}

# A guest that dies with lines driven and armed leaves nothing to the next.
case_guest_killed() {
    serve 4
    works
    guest hold h 0=1
    ctl "wait 0 1 60000"
    guest mon m 3
    kill_guest
    ctl "pull 3 1" barrier
    works
    ctl "value 0"
    expect "line 0 in the next guest" "$answer" "ok 0"
    guest mon m 3
    guest seen m 0
    expect "events from the time of the dead guest" "$output" ""
    ctl "pull 3 0" barrier
    guest seen m 1
    expect "events" "$output" "0 3;"
    halt
    end_server
}

# SIGKILL leaves the sockets' files behind: the next server takes their place.
case_server_killed() {
    serve 4
    works
    halt
    kill_server
    [ -S "$socket" ] || fail "a killed server cannot have removed its socket"
    serve 4
    works
    halt
    end_server
}

case_once() {
    serve 4 --once
    works
    halt
    server_ends
}
