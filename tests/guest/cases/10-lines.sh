# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# Detection, names, values: each line is read, driven both ways, freed and taken again.

case_detect() {
    within 10 # more would be of little use in a test
    serve 8
    boot
    guest gpiodetect
    expect "gpiodetect" "$output" "gpiochip0 [virtio0] (8 lines)"
    guest 'gpioinfo gpiochip0 | grep -c "unnamed *unused *input *active-high"'
    expect "idle lines in gpioinfo" "$output" 8
    halt
    end_server
}

case_names() {
    serve alpha,beta,gamma-3
    boot
    guest 'gpioinfo gpiochip0 | awk "/line  / { print \$2 \$3 }" | tr "\n" " "'
    expect "names in gpioinfo" "$output" '0:"alpha" 1:"beta" 2:"gamma-3" '
    guest gpiofind gamma-3
    expect "gpiofind gamma-3" "$output" "gpiochip0 2"
    ctl "pull beta 1"
    guest 'gpioget $(gpiofind beta)'
    expect "beta" "$output" 1
    halt
    end_server
}

# What the outside applies is what the guest reads: one line at a time, all others the other way.
case_read() {
    local line level
    serve 8
    boot
    for level in 0 1; do
        for line in 0 1 2 3 4 5 6 7; do ctl "pull $line $((1 - level))"; done
        for line in 0 1 2 3 4 5 6 7; do
            ctl "pull $line $level"
            guest "gpioget gpiochip0 0 1 2 3 4 5 6 7"
            expect "lines with $line pulled to $level" "$output" "$(one_of_eight $line $level)"
            ctl "pull $line $((1 - level))"
        done
    done
    halt
    end_server
}

one_of_eight() { # LINE LEVEL: what gpioget prints if LINE alone has LEVEL
    local i out=''
    for i in 0 1 2 3 4 5 6 7; do out+=" $(($1 == i ? $2 : 1 - $2))"; done
    echo "${out# }"
}

# What the guest drives is what the outside sees, against the pull; freed, the pull is back.
case_drive() {
    local line level
    serve 8
    boot
    for line in 0 1 2 3 4 5 6 7; do
        for level in 0 1; do
            ctl "pull $line $((1 - level))"
            guest "hold h $line=$level"
            ctl "wait $line $level 3000"
            line_is "$line" "$level" out
            guest stop h
            line_is "$line" $((1 - level)) none
        done
    done
    halt
    end_server
}

line_is() { # LINE VALUE DIRECTION, on the control socket
    ctl "value $1"
    expect "value of line $1" "$answer" "ok $2"
    ctl "dir $1"
    expect "direction of line $1" "$answer" "ok $3"
}

case_drive_many() {
    serve 8
    boot
    guest hold h 0=1 1=0 2=1 3=1 4=0 5=0 6=1 7=0
    ctl "wait 0 1 60000" "wait 6 1 60000"
    guest stop h
    guest 'for i in 1 2 3; do gpioset gpiochip0 0=1 7=1; gpioget gpiochip0 0 7; done'
    expect "freed lines read the pull again" "$output" $'0 0\n0 0\n0 0'
    halt
    end_server
}

# A line freed and taken again: out, in, out with the other value, in; the old value does not stay.
case_retake() {
    serve 2
    boot
    ctl "pull 1 0"
    guest hold h 1=1
    ctl "wait 1 1 60000"
    guest stop h
    guest 'gpioget gpiochip0 1'
    expect "line 1 after it was driven high" "$output" 0
    ctl "pull 1 1"
    guest 'gpioget gpiochip0 1'
    expect "line 1 pulled up" "$output" 1
    guest hold h 1=0
    ctl "wait 1 0 60000"
    guest stop h
    ctl "wait 1 1 60000"
    guest 'mon m 1'
    guest stop m
    line_is 1 1 none
    guest hold h 1=0
    ctl "wait 1 0 60000"
    line_is 1 0 out
    guest stop h
    halt
    end_server
}
