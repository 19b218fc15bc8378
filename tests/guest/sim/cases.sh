# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# What a guest may do with lines of the machine that its server runs on, and what the machine may
# do to it. The words are those of inside.sh.

case_output() {
    chip a
    serve "$a:3=LED"
    drive dir=0,out
    expect "answer" "$answer" 0
    drive set=0,1 dir=0,out get=0 where=0 "sh=cat $(sim_lines a)/sim_gpio3/value > $work/v" \
        set=0,0 get=0
    expect "answers" "$answer" "0 0 1 1 0 0"
    expect "the wire, with 1" "$(cat "$work/v")" 1
    wire a 3
    expect "the wire, with 0" "$answer" 0
    host a 3
    expect "what the host says" "$answer" 'unnamed "vgpio" output active-high [used]'
    host a 2
    expect "another line" "$answer" "unnamed unused input active-high"
    drive dir=0,none where=0
    expect "answers" "$answer" "0 0"
    host a 3
    expect "given back" "$answer" "unnamed unused input active-high"
}

case_input() {
    chip a
    serve "$a:5"
    drive dir=0,in get=0 where=0
    expect "answers" "$answer" "0 0 2"
    host a 5
    expect "what the host says" "$answer" 'unnamed "vgpio" input active-high [used]'
    drive dir=0,in "sh=echo pull-up > $(sim_lines a)/sim_gpio5/pull" get=0
    expect "pulled up" "$answer" "0 1"
    ctl "value 0" "dir 0"
    expect "control" "$answer" $'ok 1\nok in'
}

# Reading a line that nobody configured leaves it alone.
case_value_of_a_free_line() {
    chip a
    serve "$a:0,$a:1 active-low"
    pull a 0 up
    pull a 1 up
    drive get=0 get=1 where=0 where=1
    expect "answers" "$answer" "1 0 0 0"
    host a 0
    expect "what the host says" "$answer" "unnamed unused input active-high"
}

# Many of several chips, renumbered and renamed; what is not listed is not touched.
case_some_of_two_chips() {
    local line
    chip a 8 1=one 2=two 7=two
    chip b 16 0=zero 15=123
    serve "$b:14-15,$a:2=second,$a:1,$b:0=,$a:7"
    ctl info
    expect "names" "${answer##* names=}" ",,second,one,,two"
    expect "number" "$(grep -o 'lines=[0-9]*' <<< "$answer")" lines=6
    drive dir={0..5},out set={0..5},1
    for line in a:1:1 a:2:1 a:7:1 a:0:0 a:6:0 b:0:1 b:14:1 b:15:1 b:1:0; do
        IFS=: read -r on n value <<< "$line"
        wire "$on" "$n"
        expect "line $line" "$answer" "$value"
    done
}

case_biases() {
    chip a
    serve "$a:0 bias=pull-up,$a:1 bias=pull-down,$a:2 bias=disabled,$a:3"
    pull a 1 up
    pull a 3 up
    drive dir=0,in dir=1,in dir=2,in dir=3,in get=0 get=1 get=2 get=3
    expect "answers" "$answer" "0 0 0 0 1 0 0 1"
    expect "pull of 0" "$(cat "$(sim_lines a)/sim_gpio0/pull")" pull-up
    expect "pull of 1" "$(cat "$(sim_lines a)/sim_gpio1/pull")" pull-down
    host_is a 0 "[used pull-up]" || fail "0: $answer"
    host_is a 1 "[used pull-down]" || fail "1: $answer"
    host_is a 2 "[used bias-disabled]" || host_is a 2 "[used]" || fail "2: $answer"
    host_is a 3 "[used]" || fail "3: $answer"
}

case_drives() {
    chip a
    serve "$a:0 drive=open-drain,$a:1 drive=open-source,$a:2 active-low,$a:3 drive=push-pull"
    drive set=2,1 dir=0,out dir=1,out dir=2,out dir=3,out get=2
    expect "answers" "$answer" "0 0 0 0 0 1"
    host_is a 0 "output active-high [used open-drain]" || fail "0: $answer"
    host_is a 1 "output active-high [used open-source]" || fail "1: $answer"
    host_is a 2 "output active-low [used]" || fail "2: $answer"
    host_is a 3 "output active-high [used]" || fail "3: $answer"
    wire a 2
    expect "1 of an active-low line" "$answer" 0
}

# Taken at the start, and held so whenever no guest says otherwise.
case_start_states() {
    chip a
    cat > "$work/lines" << LINES
# what a board wants before its guest runs
$a:0=RESET direction=output-high
$a:1 direction=output-low
$a:2 direction=input bias=pull-up
$a:3 direction=output-high active-low
LINES
    vgpio serve -s "$work/gpio" --lines-file "$work/lines" --control "$work/ctl" \
        2> "$work/server.log" &
    server=$!
    ctl info
    until_true host_is a 3 "output active-low [used]"
    host_is a 0 "output active-high [used]" || fail "0: $answer"
    host_is a 2 "input active-high [used pull-up]" || fail "2: $answer"
    drive where=0 get=0 dir=0,out set=0,0
    expect "answers" "$answer" "0 1 0 0"
    drive dir=0,none
    wire a 0
    expect "RESET, when no guest drives it" "$answer" 1
    wire a 3
    expect "1 of an active-low line" "$answer" 0
    end_server
    host_is a 0 "unused input active-high" || fail "afterwards: $answer"
}

case_edges() {
    local type want
    chip a
    serve "$a:4"
    drive dir=0,in
    for type in rising:irq,none falling:none,irq both:irq,irq; do
        want=${type#*:}
        drive type=0,"${type%:*}" unmask=0 "sh=echo pull-up > $(sim_lines a)/sim_gpio4/pull" \
            irq=0,"$([ "${want%,*}" = irq ] && echo 5000 || echo 100)" unmask=0 \
            "sh=echo pull-down > $(sim_lines a)/sim_gpio4/pull" \
            irq=0,"$([ "${want#*,}" = irq ] && echo 5000 || echo 100)" type=0,none
        expect "$type" "$answer" "0 ${want/,/ } 0"
    done
}

# Masked, edges are latched, as one; disabled, they are nothing.
case_latch() {
    local up down
    chip a
    up="sh=echo pull-up > $(sim_lines a)/sim_gpio0/pull"
    down="sh=echo pull-down > $(sim_lines a)/sim_gpio0/pull"
    serve "$a:0"
    drive "$up" "$down" type=0,both irq=0,50 unmask=0 irq=0,50 type=0,none "$up" "$down" \
        type=0,both "$up" "$down" get=0 unmask=0 irq=0,5000 unmask=0 irq=0,50
    expect "answers" "$answer" "0 none none 0 0 0 irq none"
    stat host_edges
    expect "edges" "$stat" 2
    stat merged
    expect "merged" "$stat" 1
}

case_levels() {
    local up down
    chip a
    up="sh=echo pull-up > $(sim_lines a)/sim_gpio0/pull"
    down="sh=echo pull-down > $(sim_lines a)/sim_gpio0/pull"
    serve "$a:0"
    # Active when it is armed; again after each unmask; no more when it is over, not even
    # when nobody but the kernel knows; never latched.
    drive "$up" type=0,high unmask=0 irq=0,5000 unmask=0 irq=0,5000 "$down" unmask=0 irq=0,100 \
        "$up" irq=0,5000 "$down" "$up" "$down" unmask=0 irq=0,100 type=0,none
    expect "high" "$answer" "0 irq irq none irq none 0"
    drive type=0,low unmask=0 irq=0,5000 "$up" unmask=0 irq=0,100 "$down" irq=0,5000 type=0,none
    expect "low" "$answer" "0 irq none irq 0"
    # The server sees at once that the guest waits again and that there was an edge.
    drive "$up" type=0,high unmask=0 irq=0,5000 "sh=kill -STOP $server" unmask=0 "$down" \
        "sh=kill -CONT $server" irq=0,100 "$up" irq=0,5000 type=0,none
    expect "a level that is over when the guest is heard" "$answer" "0 irq none irq 0"
}

case_busy() {
    chip a
    serve "$a:3=LED,$a:4"
    gpioset --mode=signal "$a" 3=1 &
    held=$!
    until_true host_is a 3 "output active-high [used]"
    drive get=0 dir=0,out dir=0,in type=0,both where=0 dir=1,out
    expect "while it is busy" "$answer" "err err err err 0 0"
    kill $held
    wait $held || true
    drive dir=0,out set=0,1 get=0
    expect "afterwards" "$answer" "0 0 1"
    grep -q 'refused: Device or resource busy' "$work/server.log" || fail "nothing in the log"
    stat host_refused
    expect "refused" "$stat" 4
    # And the other way round.
    ! gpioget "$a" 3 2> /dev/null || fail "the host took a line that the guest has"
}

# 6.1 gives a chip another number if somebody had lines of it when it went: so its path is a link,
# which we change as udev would.
unplug() { echo "echo $(sim_device "$1") > /sys/bus/platform/drivers/gpio-sim/unbind"; }
plug() {
    echo "echo $(sim_device "$1") > /sys/bus/platform/drivers/gpio-sim/bind &&
        ln -sfn /dev/\$(cat $config/$1/bank/chip_name) $work/chip"
}
logged() { grep -q -- "$1" "$work/server.log"; }
# As a command: wait until the log has it so many times.
log_has() {
    echo "until [ \$(grep -c -- '$1' $work/server.log) = $2 ]; do usleep 5000; done"
}

# The chip goes while the guest drives a line of it: errors; it is back with what was driven.
case_unplugged_output() {
    local round words=()
    chip a
    ln -s "/dev/$a" "$work/chip"
    serve "$work/chip:3,$work/chip:4"
    for round in 1 2 3; do
        # shellcheck disable=SC2054
        words+=("sh=$(unplug a)" "sh=$(log_has lost: $round)" set=0,0 get=0 where=0 dir=0,in
            dir=1,in get=1 where=1 "sh=$(plug a)" "sh=$(log_has 'is back' $round)" get=0 where=0
            set=0,0 get=0 dir=1,in dir=1,none set=0,1)
    done
    drive dir=0,out set=0,1 "${words[@]}"
    for round in 1 2 3; do
        [[ $answer == *" err err err err err err err 1 1 0 0 0 0 0"* ]] || fail "$round: $answer"
        answer=${answer/ err err err err err err err 1 1 0 0 0 0 0/}
    done
    expect "the rest" "$answer" "0 0"
    wire a 3
    expect "driven again" "$answer" 1
    stat host_lost
    expect "lost" "$stat" 3
    stat host_returned
    expect "returned" "$stat" 3
}

# Nobody watches it come back: the guest's next request finds it.
case_unplugged_and_asked() {
    chip a
    mkdir "$work/there"
    ln -s "/dev/$a" "$work/there/chip"
    mkdir "$work/link"
    ln -s "$work/there/chip" "$work/link/chip"
    serve "$work/link/chip:3"
    drive dir=0,out set=0,1 "sh=$(unplug a)" set=0,0 get=0 "sh=$(plug a)" get=0 \
        "sh=ln -sfn $work/chip $work/there/chip" where=0 get=0
    expect "answers" "$answer" "0 0 err err err 1 1"
    wire a 3
    expect "driven again" "$answer" 1
}

# While the guest waits for interrupts: they come again when the chip does.
case_unplugged_interrupt() {
    chip a
    ln -s "/dev/$a" "$work/chip"
    serve "$work/chip:3,$work/chip:4"
    drive type=0,both type=1,low unmask=0 "sh=$(unplug a)" "sh=$(log_has lost: 2)" \
        unmask=1 irq=1,50 "sh=$(plug a)" irq=1,5000 "sh=$(log_has 'is back' 2)" \
        "sh=echo pull-up | tee /sys/devices/platform/$(sim_device a)/gpiochip*/sim_gpio3/pull \
            > /dev/null" irq=0,5000 type=0,none
    expect "answers" "$answer" "0 0 none irq irq 0"
}

# Another chip that has its path now is not touched.
case_another_chip() {
    chip a
    chip b
    ln -s "/dev/$a" "$work/chip"
    serve "$work/chip:3"
    drive dir=0,out set=0,1 "sh=$(unplug a)" "sh=ln -sfn /dev/$b $work/chip" \
        "sh=$(log_has lost: 1)" set=0,1 get=0 "sh=$(plug a)" "sh=$(log_has 'is back' 1)" get=0
    expect "answers" "$answer" "0 0 err err 1"
    host_is b 3 "unused input active-high" || fail "touched: $answer"
}

# A reset of the guest gives lines back as they were found: its driver that starts anew is one.
case_given_back() {
    chip a
    # An output, left behind: gpio-sim then shows the pull on it.
    pull a 2 up
    gpioset --mode=exit "$a" 2=0
    host_is a 2 "unused output active-high" || fail "before: $answer"
    serve "$a:1,$a:2"
    drive dir=0,out set=0,1 dir=1,in
    host_is a 2 "input active-high [used]" || fail "used: $answer"
    drive where=0 where=1
    expect "a driver that starts anew" "$answer" "0 0"
    host_is a 1 "unused input active-high" || fail "1: $answer"
    host_is a 2 "unused output active-high" || fail "2: $answer"
    wire a 2
    expect "its value" "$answer" 1
    drive dir=0,out dir=1,in
    end_server
    host_is a 1 "unused input active-high" || fail "1 after the end: $answer"
    host_is a 2 "unused output active-high" || fail "2 after the end: $answer"
}

# What the kernel drops while nobody reads is counted to the last edge.
case_dropped() {
    local edges=5000
    chip a
    serve "$a:0"
    drive type=0,both unmask=0 "sh=kill -STOP $server" \
        "sh=vgpio-drive --edges $(sim_lines a)/sim_gpio0/pull $edges" \
        "sh=kill -CONT $server" irq=0,5000 unmask=0 irq=0,5000 type=0,none
    expect "answers" "$answer" "0 irq irq 0"
    stat host_edges
    expect "kept by the kernel" "$stat" 1024
    stat host_dropped
    expect "dropped by the kernel" "$stat" $((edges - 1024))
    logged "the kernel dropped $((edges - 1024)) edges" || fail "nothing in the log"
    accounted $edges
}

accounted() {
    stat interrupts merged dropped host_discarded host_dropped
    expect "delivered, merged or dropped: $answer" "$stat" "$1"
    stat host_edges host_dropped
    expect "seen by the kernel: $answer" "$stat" "$1"
}

# With somebody who takes interrupts as fast as they come.
case_many_edges() {
    local delivered merged
    chip a
    serve "$a:0"
    drive type=0,both "count=0,vgpio-drive --edges $(sim_lines a)/sim_gpio0/pull $edges_wanted"
    delivered=${answer#0 }
    stat interrupts
    expect "interrupts that came" "$delivered" "$stat"
    stat merged dropped host_discarded
    merged=$stat
    stat host_dropped
    echo ": $edges_wanted edges: $delivered delivered, $merged merged, $stat dropped by the kernel"
    accounted "$edges_wanted"
    end_server
    logged "$delivered interrupts" || fail "not in the log: $(cat "$work/server.log")"
}

case_debounce() {
    chip a
    serve "$a:0 debounce=20ms"
    drive type=0,both "count=0,vgpio-drive --edges $(sim_lines a)/sim_gpio0/pull 11"
    expect "eleven edges in less than 20 ms" "$answer" "0 1"
}

# Lines that are not there: nothing is served, and no line touched.
refused() { # TEXT LIST...
    local text=$1 status=0 list options=()
    shift
    for list; do options+=(-s "$work/gpio${#options[@]}" --lines "$list"); done
    vgpio serve "${options[@]}" > "$work/refused" 2>&1 || status=$?
    expect "exit status of $*" $status 1
    expect "message" "$(cat "$work/refused")" "vgpio: $text"
    host_is a 0 "unused input active-high" || fail "touched: $answer"
    ! ls "$work"/gpio* 2> /dev/null || fail "a socket is left"
}

case_refuses() {
    local at
    chip a
    at=--lines:1:$((${#a} + 26)) # behind the first entry
    ln -s "/dev/$a" "$work/link"
    refused "$at: nochip:0: no such chip, expected the name or the path of one" \
        "$a:0 direction=output-high,nochip:0"
    refused "$at: $a:8: the chip has no such line" "$a:0 direction=output-high,$a:8"
    refused "$at: null:8: not a GPIO chip, expected one" \
        "$a:0 direction=output-high,null:8"
    refused "$at: $work/link:0: the same line again, by another path" \
        "$a:0 direction=output-high,$work/link:0"
    refused "$at: $a:2: another guest has it already, expected a line that is listed once" \
        "$a:1-3" "$a:0 direction=output-high,$a:2"
    gpioset --mode=signal "$a" 5=1 &
    held=$!
    until_true host_is a 5 "output active-high [used]"
    refused "$at: $a:5: Device or resource busy" \
        "$a:0 direction=output-high,$a:5 direction=input"
    kill $held
    wait $held || true
}

case_two_guests() {
    chip a
    vgpio serve -s "$work/gpio" --lines "$a:0-3" -s "$work/gpio2" --lines "$a:4-7" \
        --control "$work/ctl" --control "$work/ctl2" 2> "$work/server.log" &
    server=$!
    ctl info
    drive dir=3,out set=3,1
    wire a 3
    expect "of the first" "$answer" 1
    vgpio-drive "$work/gpio2" dir=3,out set=3,1 > /dev/null
    wire a 7
    expect "of the second" "$answer" 1
}

# The protocol before the standard, on the same lines.
case_draft() {
    chip a
    serve "$a:0-3" --dialect draft
    drive set=0,1 dir=0,out get=0 dir=1,in get=1
    expect "answers" "$answer" "0 0 1 0 0"
    wire a 0
    expect "the wire" "$answer" 1
    drive dir=1,in type=1,both unmask=1 "sh=echo pull-up > $(sim_lines a)/sim_gpio1/pull" irq=1,5000
    expect "an edge" "$answer" "0 0 irq"
}

# The tools of libgpiod's grammar, over the socket and on the chip itself.
case_tools() {
    chip a 8 3=LED 4=BUTTON
    serve "$a:3-4"
    pull a 4 up
    expect "get" "$(vgpio get -c "$work/gpio" --unquoted BUTTON)" "BUTTON=active"
    vgpio set -c "$work/gpio" -t 0 LED=1
    (until_true host_is a 4 "input active-high [used]"; pull a 4 down) &
    expect "mon" "$(timeout 20 vgpio mon -c "$work/gpio" -n 1 -F '%l %E' BUTTON)" \
        "BUTTON falling"
}

# As another user: what is held stays usable, what is taken later must be that user's to take.
case_another_user() {
    chip a
    chmod 777 "$work"
    serve "$a:0 direction=input,$a:1" --user 1:1
    drive dir=0,out set=0,1 get=0 dir=1,out "sh=chgrp 1 /dev/$a && chmod 660 /dev/$a" dir=1,out \
        set=1,1
    expect "answers" "$answer" "0 0 1 err 0 0"
    wire a 1
    expect "the wire" "$answer" 1
    logged "$a:1: refused: Permission denied" || fail "nothing in the log"
}
