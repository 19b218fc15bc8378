# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# Other numbers of lines: found, and the first and the last of them work both ways.

count() {
    local last=$(($1 - 1)) line
    serve "$1"
    boot
    guest gpiodetect
    expect "gpiodetect" "$output" "gpiochip0 [virtio0] ($1 lines)"
    guest 'gpioinfo | grep -c "input *active-high"'
    expect "lines in gpioinfo" "$output" "$1"
    for line in 0 $last; do
        ctl "pull $line 1"
        guest "gpioget gpiochip0 $line"
        expect "line $line" "$output" 1
        ctl "pull $line 0"
        guest "hold h $line=1"
        ctl "wait $line 1 60000"
        guest stop h
        guest "mon m $line --rising-edge"
        ctl "pull $line 1" barrier
        guest seen m 1
        expect "events" "$output" "1 $line;"
        guest stop m
    done
    halt
    end_server
}

case_count_1() { count 1; }
case_count_8() { count 8; }
case_count_64() { count 64; }
case_count_1000() { count 1000; }
