# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# The words of ../harness.sh with kvm_vmm as hypervisor and server at once; sourced after it. One
# machine serves many cases, and what was a guest of a case's own becomes: serve gives the lines
# back their first pull and counts from there, boot has the guest's driver bound anew.

guest_seconds=${VGPIO_KVM_SECONDS:-30}
socket='' control=$machine_dir/control

# A program costs much where a processor is emulated: one for all lines.
serve() {
    local line before pulls=()
    [ "$1" = "$lines" ] || [ "$lines" = 8 ] || fail "$1 lines are wanted, there are $lines"
    ctl info
    answer=${answer#*lines=}
    for ((line = 0; line < ${answer%% *}; line++)); do pulls+=("pull $line 0"); done
    ctl "${pulls[@]}"
    ctl stats
    for before in ${answer#ok }; do
        [ "${before%=*}" = connects ] || counted_before["${before%=*}"]=${before#*=}
    done
}

# A guest inside a guest on a busy machine: its few seconds may take long.
eval "uml_$(declare -f ctl)"
ctl() {
    local word words=()
    for word; do
        [[ $word != wait\ * ]] || word=${word% *}" 30000"
        words+=("$word")
    done
    uml_ctl "${words[@]}"
}

eval "uml_$(declare -f guest)"
guest() { uml_guest "${*//$'\n'/ }"; }

boot() {
    [ -z "${1:-}" ] || skip "a PC has no device tree"
    guest_pid=$machine to=$con_to from=$con_from
    guest_end=$((${EPOCHREALTIME/./} / 1000 + guest_seconds * 1000))
    if [ ! -e "$machine_dir/booted" ]; then
        hear "the guest's boot"
        : > "$machine_dir/booted"
    fi
    guest 'unbind; bind'
}

# Of a driver that leaves while somebody has an interrupt of it, Linux says so: some cases do that.
halt() {
    guest complaints
    expect "complaints of the guest's kernel" \
        "$(sed '/WARNING: .* remove_proc_entry/,/Call Trace/d' <<< "$output")" ""
    # Programs that still run would hold the lines of a chip that is gone.
    guest 'killall -q -KILL gpioset gpiomon; wait; dmesg -c > /dev/null'
}

end_server() { :; }

kill_guest() { :; }

cleanup() {
    local status=$?
    [ -z "$toggler" ] || kill "$toggler" 2> /dev/null || true
    exit $status
}
