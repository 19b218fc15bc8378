# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh disable=SC3043
# Words for the guest's side of a case; each waits for a condition, $patience seconds at most.

chip=gpiochip0

# until_true COMMAND...: does COMMAND succeed within $patience seconds?
patience=45
until_true() {
    local now end
    read -r now _ < /proc/uptime
    end=$((${now%.*} + patience))
    until "$@"; do
        read -r now _ < /proc/uptime
        [ "${now%.*}" -lt $end ] || return 1
        usleep 2000
    done
}

# irqs NAME: interrupts so far on the lines that consumers called NAME have now
irqs() {
    awk -v name="$1" '$NF == name { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i }
        END { print n + 0 }' /proc/interrupts
}
irqs_are() { [ "$(irqs "$1")" = "$2" ]; }

# irqs_grow NAME: wait until there is another one
irqs_grow() {
    local before
    before=$(irqs "$1")
    until_true irqs_over "$1" "$before"
}
irqs_over() { [ "$(irqs "$1")" -gt "$2" ]; }

# consumers NAME: how many interrupts are taken by one of that name, in $consumers. Its folder
# appears when request_irq is through: the trigger is set, the buffer sent.
consumers() {
    set -- /proc/irq/*/"$1"
    [ -e "$1" ] && consumers=$# || consumers=0
}
armed() {
    consumers "$1"
    [ "$consumers" = "$2" ]
}

# mon NAME LINES [OPTIONS]: gpiomon into /tmp/NAME; returns when it listens on all its lines
mon() {
    local name="$1" lines="$2" want
    shift 2
    consumers gpiomon
    want=$consumers
    for _ in $lines; do want=$((want + 1)); done
    # shellcheck disable=SC2086
    gpiomon --line-buffered --format="%e %o" "$@" "$chip" $lines > /tmp/"$name" 2>&1 &
    echo $! > /tmp/"$name".pid
    until_true armed gpiomon "$want"
}
mon_has() { [ "$(wc -l < /tmp/"$1")" -ge "$2" ]; }

# A request and its answer, on any line that is free: events sent before it have then been taken.
round_trip() {
    local line
    for line in 3 2 1 0; do
        ! gpioget "$chip" $line > /dev/null 2>&1 || return 0
    done
    return 1
}

# seen NAME COUNT: wait until COUNT events are printed, and for a stray one; then show all
seen() {
    until_true mon_has "$1" "$2"
    round_trip
    tr '\n' ';' < /tmp/"$1"
}

# stop NAME: end a program started by mon or hold, wait until it is gone
stop() {
    local pid
    pid=$(cat /tmp/"$1".pid)
    kill "${2:--TERM}" "$pid"
    wait "$pid" 2> /dev/null
    true
}

# hold NAME LINE=VALUE...: keep lines driven until `stop NAME`; the host sees when it is done
hold() {
    local name="$1"
    shift
    gpioset --mode=signal "$chip" "$@" > /tmp/"$name" 2>&1 &
    echo $! > /tmp/"$name".pid
}

# The driver leaves the device and comes back; or the device leaves the bus, as if pulled out.
# 6.1 never gives the number of a chip free that had a consumer when it left.
unbind() { echo virtio0 > /sys/bus/virtio/drivers/gpio_virtio/unbind; }
bind() { echo virtio0 > /sys/bus/virtio/drivers/gpio_virtio/bind && find_chip; }
unplug() { echo virtio-uml.0 > /sys/bus/platform/drivers/virtio-uml/unbind; }
plug() { echo virtio-uml.0 > /sys/bus/platform/drivers/virtio-uml/bind && find_chip; }
find_chip() {
    set -- /dev/gpiochip*
    [ $# = 1 ] && [ -e "$1" ] && chip=${1#/dev/}
}

# busy LINE: requests without end, until `idle`
busy() {
    while gpioget "$chip" "$1"; do :; done > /tmp/busy 2>&1 &
    echo $! > /tmp/busy.pid
    until_true test -s /tmp/busy
}
idle() {
    local size
    size=$(wc -c < /tmp/busy)
    until_true size_over /tmp/busy "$size"
    stop busy
    ! grep -v '^[01]$' /tmp/busy
}

# What the kernel, or the driver, would rather not have seen.
complaints() {
    dmesg | grep -E -e 'BUG|WARNING|Oops|Call Trace|blocked for more than|nobody cared' \
        -e 'scheduling while|GPIO (request|operation|names)|failed to' || true
}

# The consumer module's count.
count() { cat /sys/module/irqcount/parameters/count; }
count_is() { [ "$(count)" = "$1" ]; }

size_is() { [ "$(wc -c < "$1")" = "$2" ]; }
size_over() { [ "$(wc -c < "$1")" -gt "$2" ]; }
