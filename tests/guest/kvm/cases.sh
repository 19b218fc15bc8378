# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# What kvm_vmm adds to a device: features offered or not, and a guest with two processors.

# The bits that the guest's driver took, as a string of 64 digits.
case_features() {
    local bit
    serve 8
    boot
    guest cat /sys/bus/virtio/devices/virtio0/features
    for bit in 0:$((1 - $(offers -irq))) 28:$(offers +indirect) 29:$(offers +event) 32:1 34:$(offers packed); do
        expect "feature ${bit%:*}" "${output:${bit%:*}:1}" "${bit#*:}"
    done
    guest 'grep -c ^processor /proc/cpuinfo'
    expect "processors" "$output" 2
    halt
    end_server
}

offers() { [[ $variant == *$1* ]] && echo 1 || echo 0; }

# Requests without end, edges as fast as they are made, and an interrupt that goes from one
# processor to the other and back in the middle of that.
case_two_cpus() {
    local n=${VGPIO_KVM_TOGGLES:-100000} merged delivered
    patience 3
    serve 8
    boot
    guest mon m 2
    guest busy 0
    guest 'irq=$(awk "/ virtio0\$/ { print \$1 + 0 }" /proc/interrupts); [ $irq -gt 0 ]'
    guest 'while :; do for cpu in 1 2; do echo $cpu > /proc/irq/$irq/smp_affinity; usleep 2000;
        done; done & mover=$!'
    ctl "toggle 2 $n 100" barrier
    edges=$((2 * n))
    settled 0 0 $edges
    guest "until_true irqs_are gpiomon $delivered; irqs gpiomon"
    expect "interrupts that the guest took" "$output" "$delivered"
    guest 'kill $mover; wait $mover; idle'
    guest 'awk "/ virtio0\$/ { print (\$2 > 0), (\$3 > 0) }" /proc/interrupts'
    expect "processors that took interrupts" "$output" "1 1"
    guest stop m
    echo "# $edges edges: $delivered delivered, $merged merged"
    accounted
    halt
}

# A doorbell is an eventfd of the kernel's: no request, and no buffer for an interrupt, costs an
# exit to the hypervisor.
case_doorbells() {
    serve 8
    boot
    guest 'for i in 1 2 3 4 5 6 7 8 9 10; do gpioget gpiochip0 0 1 2 3 4 5 6 7 > /dev/null; done'
    guest mon m 2
    press 2 1
    events m "1 2;"
    guest stop m
    stat requests
    [ "$stat" -gt 80 ] || fail "$stat requests"
    ctl stats
    [[ $answer == *" kick_exits=0" ]] || fail "doorbells that were exits: $answer"
    edges=1
    accounted
    halt
}

# Who watches is told what guest and device say to each other: kind, line, and message. What the
# guest does next begins once the answer says that somebody watches.
case_watched() {
    local out events
    serve 8
    boot
    rm -f "$work/said"
    mkfifo "$work/said"
    "$CTL" "$control" "watch messages" "wait 5 1 60000" :event :event > "$work/said" &
    exec {out}< "$work/said"
    read -r -u "$out" answer
    expect "watch" "$answer" ok
    guest hold h 5=1
    events=$(cat <&"$out")
    exec {out}<&-
    # A request, its answer: the first message about the line, and the same again.
    [[ $events =~ ^"ok 1"$'\n'"event 2 5 "([0-9]+)" "[0-9]+$'\n'"event 3 5 "([0-9]+)" "[0-9]+$ ]] ||
        fail "events: $events"
    expect "message answered" "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
    guest stop h
    halt
}

# A driver that leaves resets the device: from that moment on nothing is driven, nobody listens,
# and what was armed is not told to the next one.
case_reset_armed() {
    local round
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
        guest unbind
        ctl "value 1" "dir 1" "toggle 2 50 0" "toggle 2 50 100"
        expect "line 1 without a driver" "$(head -n 2 <<< "$answer")" $'ok 0\nok none'
        guest 'stop m; stop h; wc -l < /tmp/m'
        expect "events" "$output" 1
        guest bind
        guest mon m 2 --rising-edge
        guest seen m 0
        expect "events from before" "$output" ""
        guest stop m
        edges=$((edges + 204))
    done
    works_again
    accounted
    halt
}

# The test of the command line, on a machine that can run guests.
case_command_line() {
    bash "$guest_dir/../examples/kvm_vmm.sh" "$VMM"
}

# What is no kernel, and what does not fit: said, and nothing is run.
case_refuses() {
    head -c 20000 /dev/zero > "$work/zeros"
    head -c 20000 "$KERNEL/vmlinux" > "$work/cut"
    cp "$work/cut" "$work/foreign"
    printf '\003' | dd of="$work/foreign" bs=1 seek=18 conv=notrunc 2> /dev/null
    truncate -s 64M "$work/big"
    refuses "too short for a kernel" "$work/note"
    refuses "neither an ELF file nor a bzImage" "$work/zeros"
    refuses "not for this machine" "$work/foreign"
    refuses "cut short, or too big" "$work/cut"
    refuses "cut short, or too big" "$KERNEL/bzImage" --initrd "$work/big"
    refuses "No such file" "$KERNEL/bzImage" --initrd "$work/none"
    refuses "somebody listens there" "$KERNEL/bzImage" --control "$control"
    serve 8
    boot
    halt
}

refuses() { # TEXT KERNEL [OPTION...]
    local text=$1 status=0
    shift
    echo note > "$work/note"
    "$VMM" --memory 64 --kernel "$@" > "$work/refused" 2>&1 < /dev/null || status=$?
    cat "$work/refused"
    expect "exit status" $status 1
    grep -qF -- "$text" "$work/refused" || fail "it does not say '$text'"
}
