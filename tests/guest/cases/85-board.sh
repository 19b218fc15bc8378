# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# A board: what the guest drives on one line is an edge on another one that it watches.

case_board_wires() {
    board 'wire l.0 -> l.1' 'wire not l.0 -> l.2' 'wired-and bus l.3 l.4' \
        'hog l.5 output-high' 'pin l.6 pull-up'
    serve_board
    boot
    guest 'gpioget gpiochip0 1 2 3 4 5 6'
    expect "lines that nobody drives" "$output" "0 1 1 1 1 1"
    guest mon plain 1
    guest mon turned 2
    guest hold h 0=1
    guest seen plain 1
    expect "the wire's edges" "$output" "1 1;"
    guest seen turned 1
    expect "the inverter's edges" "$output" "0 2;"
    guest stop h
    guest stop plain
    guest stop turned
    guest mon bus 4 --falling-edge
    guest hold h 3=0
    guest seen bus 1
    expect "the bus" "$output" "0 4;"
    guest stop h
    guest stop bus
    guest '! gpioset gpiochip0 5=0 2> /dev/null'
    guest 'gpioget gpiochip0 5'
    expect "a line that the board holds" "$output" 1
    guest 'dmesg -c | grep -c "GPIO request failed"' # as it was to be; nothing else may be said
    expect "refusals" "$output" 1
    halt
    end_server
}

# The board is read again while the guest watches and drives.
case_board_reload() {
    board 'wire l.0 -> l.1'
    serve_board
    boot
    guest hold h 0=1
    ctl "wait 0 1 60000"
    guest mon m 1
    board 'wire not l.0 -> l.1' 'pin l.2 pull-up'
    kill -HUP "$server"
    guest seen m 1
    expect "the edge of a new wire" "$output" "0 1;"
    guest 'gpioget gpiochip0 2'
    expect "a new pull" "$output" 1
    guest stop m
    guest stop h
    halt
    end_server
}

# Stimuli on a clock that stands still while the guest works: no press is lost, however slow it is.
case_board_script() {
    board 'pin l.1 pull-up'
    {
        echo 'armed l.1 60s'
        echo 'repeat 5'
        echo '    press l.1 50ms'
        echo '    armed l.1 60s'
        echo 'end'
        echo 'wait l.2=1 60s'
        echo 'quit'
    } > "$work/script"
    serve_board --script "$work/script" --virtual-time
    boot
    guest mon m 1 --falling-edge
    guest seen m 5
    expect "the presses" "$output" "0 1;0 1;0 1;0 1;0 1;"
    guest stop m
    # The server may be gone before the guest has done with the line.
    guest 'gpioset gpiochip0 2=1 > /dev/null 2>&1 &'
    server_ends
    kill_guest
}
