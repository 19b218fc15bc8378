# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# What QEMU does to a device and User-Mode Linux does not; the words are in harness.sh.

# Read and drive a line, and watch one where there are interrupts.
lines_work() {
    local level
    for level in 1 0; do
        ctl "pull 1 $level"
        guest 'gpioget $chip 1'
        expect "line 1" "$output" $level
    done
    guest hold works 7=1
    ctl "wait 7 1 60000"
    guest stop works
    ctl "wait 7 0 60000"
    if [ "$interrupts" = yes ]; then
        guest mon works 1
        press 1 1
        events works "1 1;"
        press 1 0
        events works "1 1;0 1;"
        guest stop works
    fi
}

# The rings have the size that the front end is known for; without interrupts there is only the
# one of the requests.
case_ring_size() {
    local want=$ring
    [ "$interrupts" = no ] || want+=,$ring
    serve 8
    boot
    guest 'insmod /ringsize.ko; cat /sys/module/ringsize/parameters/sizes; rmmod ringsize'
    expect "sizes of the rings" "$output" "$want"
    # Once around, and some more: each line that is read takes two requests at least.
    guest "for i in \$(seq $((ring / 16 + 1))); do
        gpioget \$chip 0 1 2 3 4 5 6 7; done | uniq -c"
    expect "reads of 8 lines" "${output// /}" $((ring / 16 + 1))00000000
    lines_work
    halt
    end_server
}

case_many_lines() {
    serve 1000
    boot
    guest 'gpioinfo | grep -c "input *active-high"'
    expect "lines in gpioinfo" "$output" 1000
    ctl "pull 999 1"
    guest 'gpioget $chip 998 999'
    expect "lines 998 and 999" "$output" "0 1"
    guest hold h 998=1 999=0
    ctl "wait 998 1 60000" "wait 999 0 60000"
    guest stop h
    halt
    end_server
}

case_stop_cont() {
    local level resumed
    serve 8
    boot
    guest hold h 5=1
    ctl "wait 5 1 60000"
    resumed=$(logged 'queue resumed 0x0 ')
    for level in 1 0 1; do
        qmp stop
        ctl "pull 3 $level" "pull 6 $((1 - level))"
        ctl "value 5"
        expect "line 5 of a stopped guest" "$answer" "ok 1"
        ctl "dir 5"
        expect "direction of line 5 of a stopped guest" "$answer" "ok out"
        qmp cont
        guest 'gpioget $chip 3 6'
        expect "lines 3 and 6" "$output" "$level $((1 - level))"
    done
    expect "times that the requests' ring went on" \
        $(($(logged 'queue resumed 0x0 ') - resumed)) 3
    # Requests under way at the moment of the stop are answered after it.
    ask 'for i in 1 2 3 4 5 6 7 8; do gpioget $chip 3 6; done | uniq'
    for _ in 1 2 3 4 5; do
        qmp stop
        qmp cont
    done
    told
    expect "lines 3 and 6 while stopped and started" "$output" "1 0"
    guest stop h
    ctl "wait 5 0 60000"
    lines_work
    halt
    end_server
}

# What happens to armed lines while the guest is stopped is told when it goes on: once.
case_stop_cont_armed() {
    local latched merged
    serve 8
    boot
    guest mon a 2 --rising-edge
    guest mon b 4
    # From now on the pairs are not in the order of the ring any more.
    press 2 1
    press 2 0
    events a "1 2;"
    stat latched
    latched=$stat
    stat merged
    merged=$stat
    qmp stop
    ctl "pull 2 1" "pull 2 0" "pull 2 1" "pull 4 1" barrier
    stat latched
    expect "latched" $((stat - latched)) 2
    stat merged
    expect "merged" $((stat - merged)) 1
    qmp cont
    events a "1 2;1 2;"
    events b "1 4;"
    # Quiet ones are not told.
    qmp stop
    qmp cont
    press 2 0
    press 2 1
    events a "1 2;1 2;1 2;"
    press 4 0
    events b "1 4;0 4;"
    guest stop a
    guest stop b
    halt
    end_server
}

# What the outside did stays, what the guest did goes.
case_reboot() {
    serve 8
    ctl "pull 3 1"
    boot
    guest hold h 5=1
    ctl "wait 5 1 60000"
    if [ "$interrupts" = yes ]; then
        guest mon m 2
        press 2 1
        events m "1 2;"
    fi
    qmp system_reset
    ctl "pull 2 0" "pull 2 1" "pull 6 1"
    hear_boot
    guest until_true find_chip
    ctl "value 5"
    expect "line 5, which the guest drove before" "$answer" "ok 0"
    ctl "dir 5"
    expect "direction of line 5" "$answer" "ok none"
    guest 'gpioget $chip 3 6'
    expect "lines 3 and 6, pulled up outside" "$output" "1 1"
    if [ "$interrupts" = yes ]; then
        guest mon m 2
        events m ""
        press 2 0
        events m "0 2;"
        guest stop m
    fi
    lines_work
    halt
    end_server
}

# The server is killed, and another takes its place: the guest goes on.
case_reconnect() {
    [ -n "$reconnect" ] || skip "QEMU 10 does not connect again"
    serve 8
    [ "$bus" = mmio ] || plug_options=', "reconnect": 1'
    boot
    guest hold h 5=1
    ctl "wait 5 1 60000"
    for _ in 1 2; do
        if [ "$bus" = pci ]; then
            kill_server
        else
            line_server_kill
        fi
        # In uninterruptible sleep it waits for its answer: the request is in the ring.
        guest 'gpioget $chip 3 > /tmp/late & late=$!'
        guest 'until_true grep -q "(gpioget) D" /proc/$late/stat'
        if [ "$bus" = pci ]; then
            uml_serve 8 -vv
        else
            line_server
        fi
        guest 'wait $late && cat /tmp/late'
        expect "line 3, asked for when there was no server" "$output" 0
        ctl info
        case $answer in *connected=1*) ;; *) fail "not connected" ;; esac
        lines_work
    done
    guest stop h
    guest hold h 5=1
    ctl "wait 5 1 60000"
    guest stop h
    rebind
    lines_work
    halt
    end_server
}

# The guest gets more memory while lines are armed and driven, then puts its rings there.
case_hotplug_memory() {
    local before total
    [ "$bus" = pci ] || skip "microvm has no slots for memory"
    serve 8
    boot
    guest hold h 5=1
    ctl "wait 5 1 60000"
    [ "$interrupts" = no ] || guest mon m 2
    rings_lie 0 $((1 << 28))
    guest 'total() { awk "/^MemTotal/ { print \$2 }" /proc/meminfo; }'
    guest 'total_is() { [ $(total) = $1 ]; }; total'
    total=$output
    before=$(memory_table)
    qmp object-add '"qom-type": "memory-backend-memfd", "id": "more", "size": 134217728,
        "share": true'
    qmp device_add '"driver": "pc-dimm", "id": "dimm", "memdev": "more"'
    [ "$(memory_table)" -gt "$before" ] || fail "the memory table did not grow"
    ctl "value 5"
    expect "line 5 after the change" "$answer" "ok 1"
    if [ "$interrupts" = yes ]; then
        press 2 1
        events m "1 2;"
        guest stop m
    fi
    lines_work
    guest 'for i in $(grep -l offline /sys/devices/system/memory/*/state); do
        echo online > $i; done'
    guest "until_true total_is $((total + 131072)); total"
    expect "the guest's memory" "$output" $((total + 131072))
    guest stop h
    rebind
    # The new memory begins at 4 GiB. Linux takes from the highest of its zones what may be there.
    rings_lie $((1 << 32)) $(((1 << 32) + (1 << 27)))
    lines_work
    halt
    end_server
}

# rings_lie FROM BEHIND: guest-physical addresses, between which each ring begins
rings_lie() {
    local place
    guest 'insmod /ringsize.ko; cat /sys/module/ringsize/parameters/places; rmmod ringsize'
    [ -n "$output" ] || fail "no rings"
    for place in ${output//,/ }; do
        if [ "$place" -lt "$1" ] || [ "$place" -ge "$2" ]; then
            fail "a ring lies at $(printf '0x%x' "$place")"
        fi
    done
}

# The last one the server heard of: bytes of the message, more for each region.
memory_table() {
    printf '%d\n' "$(sed -n 's/.*vhost-user message 0x5 //p' "$work/server.log" | tail -n 1)"
}

# As many armed lines as the ring of QEMU 10 on PCI has places.
case_armed_64() {
    local lines line want
    serve 64
    boot
    lines=$(seq -s ' ' 0 63)
    guest "mon m '$lines'"
    for line in $lines; do press "$line" 1 > /dev/null; done
    want=$(for line in $lines; do printf '1 %s;' "$line"; done)
    events m "$want"
    for line in $lines; do press "$line" 0 > /dev/null; done
    guest "until_true mon_has m 128; sort -u /tmp/m | wc -l; wc -l < /tmp/m"
    expect "different events, events" "$output" $'128\n128'
    guest stop m
    halt
    end_server
}

# The guest switches the machine off: the socket just closes. The next one finds what the outside
# did, and nothing of what the guest before it did.
case_poweroff() {
    serve 8
    ctl "pull 3 1"
    boot
    guest hold h 5=1
    ctl "wait 5 1 60000"
    no_complaints
    ask halt
    time_left halt
    wait_gone "$guest_pid" "$left" || fail "the machine does not switch itself off"
    kill_guest
    ctl "value 5"
    expect "line 5 when the guest is gone" "$answer" "ok 1"
    boot
    ctl "value 5"
    expect "line 5 in the next guest" "$answer" "ok 0"
    guest 'gpioget $chip 3'
    expect "line 3, pulled up before the first guest" "$output" 1
    lines_work
    halt
    end_server
}
