# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# The words of ../harness.sh with QEMU as the front end; sourced after it. A guest takes seconds
# to boot here, so one machine serves many cases, and what was a guest of a case's own becomes:
#
#   PCI    serve starts a server, boot plugs the device into the running machine, halt pulls it
#          out again
#   mmio   the device was there from the start, and so was the server: serve gives its 8 lines
#          back their first pull and counts from there, boot has the guest's driver bound anew
#
# Further words:
#   qmp COMMAND [ARGUMENTS]    ask QEMU; what it returned, as JSON, in $answer
#   qmp_event NAME TEXT        wait until QEMU has told of NAME, with TEXT in it
#   ask COMMAND, told          `guest` in two halves, for what is to happen in between
#   hear_boot                  wait until the machine, started anew, takes commands
#   rebind                     the guest's driver lets go of the device and takes it again
#   logged TEXT                how often the server said TEXT
#
# What the front end is stands in the variables of select_front in machine.sh.

guest_seconds=${VGPIO_QEMU_SECONDS:-90}
plugged='' plug_options='' qmp_events=''
if [ "$bus" = mmio ]; then
    socket=$front_dir/gpio control=$front_dir/control
fi

# --- QMP ---

qmp() {
    printf '{"execute": "%s", "arguments": {%s}}\n' "$1" "${2:-}" >&"$qmp_to"
    while :; do
        qmp_line "$1"
        case $answer in
            '{"return"'*) break ;;
            '{"error"'*) fail "QEMU: $1: $answer" ;;
            *'"event"'*) qmp_events+=$answer$'\n' ;;
        esac
    done
    echo "# qmp $1 ${2:-}: $answer"
}

qmp_line() {
    time_left "$1"
    IFS= read -r -t "$left" -u "$qmp_from" answer || fail "QEMU ended, or does not answer: $1"
    answer=${answer%$'\r'}
}

qmp_event() {
    until grep "\"event\": \"$1\"" <<< "$qmp_events" | grep -F -- "$2" > /dev/null; do
        qmp_line "$1"
        qmp_events+=$answer$'\n'
    done
}

# --- the guest ---

# It boots in three seconds. Should a microvm hang before it looks for devices, run.sh tries the
# case once more: that cannot be our device's fault.
hear_boot() {
    local end=$guest_end
    if [ "$bus" = mmio ]; then
        guest_end=$((${EPOCHREALTIME/./} / 1000 + 20000))
        logged "queue fresh" > "$work/rings_before_boot"
    fi
    hear "the guest's boot"
    guest_end=$end
}

machine_ready() {
    guest_end=$((${EPOCHREALTIME/./} / 1000 + guest_seconds * 1000))
    [ ! -e "$front_dir/booted" ] || return 0
    hear_boot
    qmp qmp_capabilities
    touch "$front_dir/booted"
}

# One line for the guest's shell.
ask() { printf '%s\n' "${*//$'\n'/ }" >&"$to"; }

told() {
    hear "the answer" || fail "guest: status $?: $output"
    echo "# guest, at last: $output"
}

plug() {
    plugged=gpio${EPOCHREALTIME/./}
    qmp chardev-add "\"id\": \"c$plugged\", \"backend\": {\"type\": \"socket\", \"data\": {
        \"addr\": {\"type\": \"unix\", \"data\": {\"path\": \"$socket\"}},
        \"server\": false$plug_options}}"
    qmp device_add "\"driver\": \"vhost-user-gpio-pci\", \"id\": \"$plugged\",
        \"chardev\": \"c$plugged\""
}

unplug() {
    [ -n "$plugged" ] || return 0
    qmp device_del "\"id\": \"$plugged\""
    qmp_event DEVICE_DELETED "\"device\": \"$plugged\""
    qmp chardev-remove "\"id\": \"c$plugged\""
    plugged=''
}

rebind() { guest 'unbind; bind'; }

# --- the words of ../harness.sh ---

eval "uml_$(declare -f guest)"
guest() {
    case $1 in
        # The guest's own words for it know User-Mode Linux only.
        unplug) unplug ;;
        plug) plug && uml_guest until_true find_chip ;;
        "unplug; plug") unplug && plug && uml_guest until_true find_chip ;;
        *) uml_guest "${*//$'\n'/ }" ;;
    esac
}

eval "uml_$(declare -f serve)"
serve() {
    local line key
    if [ "$bus" = pci ]; then
        uml_serve "$@" -vv
    else
        for line in 0 1 2 3 4 5 6 7; do ctl "pull $line 0" > /dev/null; done
        ctl barrier
        for key in interrupts latched merged dropped errors; do
            stat "$key"
            counted_before["$key"]=$stat
        done
    fi
}

logged() {
    local log=$work/server.log
    [ "$bus" = pci ] || log=$front_dir/server.log
    grep -c -- "$1" "$log" || true
}

boot() {
    [ -z "${1:-}" ] || skip "a PC has no device tree"
    machine_runs || machine_start
    guest_pid=$machine to=$con_to from=$con_from
    machine_ready
    if [ "$bus" = pci ]; then
        plug
    else
        rebind
    fi
    guest until_true find_chip
    rings_taken
}

halt() {
    no_complaints
    unplug
    # Programs that still run would hold the lines of a chip that is gone.
    guest 'killall -q -KILL gpioset gpiomon; wait; dmesg -c > /dev/null'
}

# Of a driver that leaves while somebody has an interrupt of it, Linux says so: some cases do that.
no_complaints() {
    guest complaints
    expect "complaints of the guest's kernel" \
        "$(sed '/WARNING: .* remove_proc_entry/,/Call Trace/d' <<< "$output")" ""
}

freeze() {
    kill -STOP "$guest_pid"
    for _ in {1..2000}; do
        ! grep -q '^State:[[:space:]]T' "/proc/$guest_pid/status" || return 0
    done
    fail "QEMU does not stop"
}

kill_guest() {
    plugged=''
    machine_kill
}

eval "uml_$(declare -f end_server)"
end_server() { [ "$bus" = mmio ] || uml_end_server; }

cleanup() {
    local status=$?
    [ -z "$toggler" ] || kill "$toggler" 2> /dev/null || true
    case $status in
        0 | 77) (unplug) || machine_kill ;;
        *) machine_kill ;;
    esac
    [ -z "$server" ] || kill_server
    exit $status
}
