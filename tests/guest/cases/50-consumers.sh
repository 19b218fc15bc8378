# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# Consumers inside the guest's kernel: level interrupts, interrupts while the line is masked
# (module/irqcount.c), and keys and LEDs from a device tree.

# consumer LINE TYPE: irqcount on the line, holding each interrupt until `release`
consumer() {
    guest "insmod /irqcount.ko line=$1 type=$2 hold=1 && until_true armed irqcount 1"
    counted 0
}

release() { guest 'echo 1 > /sys/module/irqcount/parameters/release'; }

# counted N: exactly so many interrupts, once everything sent has arrived
counted() {
    ctl barrier
    guest "until_true count_is $1; round_trip; count"
    expect "interrupts taken" "$output" "$1"
}

level() { # TYPE ACTIVE
    local idle=$((1 - $2))
    serve 4
    ctl "pull 1 $idle"
    boot
    consumer 1 "$1"
    ctl "pull 1 $2"
    counted 1
    # Still active when the guest unmasks: once more, and no more than that while it is masked.
    release
    counted 2
    # Quiet before the guest unmasks: nothing to tell.
    ctl "pull 1 $idle"
    release
    counted 2
    ctl "pull 1 $2"
    counted 3
    # It came and went while masked.
    ctl "pull 1 $idle" "pull 1 $2" "pull 1 $idle"
    release
    counted 3
    guest rmmod irqcount
    halt
    end_server
}

case_level_high() { level 4 1; }
case_level_low() { level 8 0; }

# Armed while it is active already.
case_level_from_start() {
    serve 4
    ctl "pull 3 1"
    boot
    guest "insmod /irqcount.ko line=3 type=4 hold=1"
    counted 1
    ctl "pull 3 0"
    release
    counted 1
    guest rmmod irqcount
    halt
    end_server
}

# Edges while the guest has the line masked: one is kept for it, the others merge into that one.
# Both edges of a pulse are made in one step, so no guest can come between them.
masked_edges() { # TYPE IDLE MATCHING-EDGES-A-PULSE
    local n taken=1 latched=0 merged=0
    serve 4
    ctl "pull 2 $2"
    edges=$2
    boot
    consumer 2 "$1"
    # The first one is taken, and held until it is released.
    ctl "pull 2 $((1 - $2))"
    counted 1
    edges=$((edges + 1))
    for n in 1 3 100; do
        ctl "toggle 2 $n 0"
        edges=$((edges + 2 * n))
        latched=$((latched + 1))
        merged=$((merged + n * $3 - 1))
        counted $taken
        counters $taken $latched $merged
        release
        taken=$((taken + 1))
        counted $taken
        counters $taken $latched $merged
    done
    release
    counted $taken
    # Quiet again, and open for the next one.
    ctl "pull 2 $2"
    if [ "$3" = 2 ]; then
        taken=$((taken + 1))
        counted $taken
        release
    fi
    ctl "pull 2 $((1 - $2))"
    counted $((taken + 1))
    guest rmmod irqcount
    edges=$((edges + 2))
    accounted
    halt
    end_server
}

counters() { # DELIVERED LATCHED MERGED
    stat interrupts
    expect "delivered" "$stat" "$1"
    stat latched
    expect "latched" "$stat" "$2"
    stat merged
    expect "merged" "$stat" "$3"
}

case_masked_rising() { masked_edges 1 0 1; }
case_masked_falling() { masked_edges 2 1 1; }
case_masked_both() { masked_edges 3 0 2; }

# An edge kept for a consumer that goes away is not told to the next one.
case_latch_forgotten() {
    serve 4
    boot
    consumer 2 1
    ctl "pull 2 1"
    counted 1
    ctl "pull 2 0" "pull 2 1"
    guest rmmod irqcount
    guest mon m 2
    guest seen m 0
    expect "events" "$output" ""
    ctl "pull 2 0" barrier
    guest seen m 1
    expect "events" "$output" "0 2;"
    guest stop m
    halt
    end_server
}

# The consumers that a board has: the key's press and the LED's light arrive.
case_device_tree() {
    serve 4
    device_tree > "$work/board.dts"
    dtc -q -I dts -O dtb -o "$work/board.dtb" "$work/board.dts"
    boot "dtb=$work/board.dtb"
    guest 'until_true test -e /dev/input/event0; until_true armed enter 1'
    # Opened by the shell, so that no event is before it and none looked for too early.
    guest 'exec 5< /dev/input/event0 6> /tmp/keys; cat <&5 >&6 & echo $! > /tmp/keys.pid'
    ctl "pull 0 1" barrier
    key 1 1
    ctl "pull 0 0" barrier
    key 2 0
    guest 'echo 1 > /sys/class/leds/lamp/brightness'
    ctl "wait 1 1 60000"
    guest 'echo 0 > /sys/class/leds/lamp/brightness'
    ctl "wait 1 0 60000"
    guest stop keys
    halt
    end_server
}

# key N VALUE: the N-th event is Enter (28) with that value; 24 bytes each, each followed by a
# synchronising one.
key() {
    guest "until_true size_is /tmp/keys $(($1 * 48)); tail -c 48 /tmp/keys | od -An -tu2 -j16 -N6"
    expect "key event" "$(tr -s ' ' <<< "$output")" " 1 28 $2"
}

device_tree() {
    cat << DTS
/dts-v1/;
/ {
    #address-cells = <1>;
    #size-cells = <0>;
    uml {
        compatible = "virtio,uml";
        socket-path = "$socket";
        virtio-device-id = <41>;
        lines: gpio {
            compatible = "virtio,device29";
            gpio-controller;
            #gpio-cells = <2>;
            interrupt-controller;
            #interrupt-cells = <2>;
        };
    };
    keys {
        compatible = "gpio-keys";
        enter {
            label = "enter";
            gpios = <&lines 0 0>;
            linux,code = <28>;
            debounce-interval = <0>;
        };
    };
    leds {
        compatible = "gpio-leds";
        lamp {
            label = "lamp";
            gpios = <&lines 1 0>;
        };
    };
};
DTS
}
