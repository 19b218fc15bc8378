# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# What a case of run.sh can say; sourced in a subshell of its own for each case, with set -eu, in
# an empty folder $work. The words for the guest's side are in initrd/guest.sh.
#
#   serve SIM [OPTIONS]       start `vgpio serve --sim SIM`, wait until it answers
#   board STATEMENT...        write a board with one device "l" of 8 lines, and these statements
#   serve_board [OPTIONS]     the same with that board
#   boot                      start a guest on it, wait until it takes commands
#   ctl COMMAND...            the host's side: each a line to the control socket; answer in $answer
#   guest COMMAND             the guest's side: its shell runs COMMAND; output in $output
#   expect WHAT GOT WANTED    fails the case unless they are equal
#   halt                      end the guest, look for complaints of its kernel
#   patience N                N times the usual seconds for each guest of this case
#   within N                  N seconds, and no more
#   freeze, thaw              stop every process of the guest, which no guest can notice; go on
#   toggling LINE             toggle a line in the background, in bursts
#   toggled                   until now: adds the edges that it made to $edges
#   grows KEY                 wait until a counter of the server has grown
#   accounted                 fails unless each of $edges is delivered, merged or dropped
#   kill_server, end_server   SIGKILL; SIGTERM with exit status 0 and no socket left
#   fail REASON, skip REASON
#
# Nothing here sleeps to let something happen: each step ends when the other side has seen it, or
# fails when its time is over.

# From boot to halt, with all that a case does in between; a halt without a case is at 0.6 s.
guest_seconds=${VGPIO_GUEST_SECONDS:-60}
server='' guest_pid='' from='' to='' left='' output='' answer='' toggler='' edges=0
socket=$work/gpio control=$work/control

fail() {
    echo "FAILED: $*"
    exit 1
}

skip() {
    echo "SKIPPED: $*"
    exit 77
}

expect() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

patience() { guest_seconds=$((guest_seconds * $1)); }
within() { guest_seconds=$1; }

wait_gone() { # PID SECONDS
    timeout "$2" tail -f --pid="$1" -s 0.02 /dev/null
}

serve() {
    local sim=$1
    shift
    echo "# serve --sim $sim $*"
    "$VGPIO" serve --socket-path "$socket" --sim "$sim" --control "$control" "$@" \
        "${rings_options[@]}" >> "$work/server.log" 2>&1 &
    server=$!
    ctl info
}

board() {
    {
        echo 'device l lines=8'
        printf '%s\n' "$@"
    } > "$work/board.new"
    mv "$work/board.new" "$work/board"
}

serve_board() {
    echo "# serve --board $(tr '\n' ';' < "$work/board") $*"
    "$VGPIO" serve --socket-path "$socket" --board "$work/board" --control "$control" "$@" \
        "${rings_options[@]}" >> "$work/server.log" 2>&1 &
    server=$!
    ctl info
}

# Fails unless the guest's driver took the rings that the case is about.
rings_taken() {
    local acked
    ctl info
    acked=${answer#* acked=}
    acked=$(rings_as_chosen "${acked%% *}") || fail "$acked"
}

ctl() {
    answer=$("$CTL" "$control" "$@") || fail "control socket: $*: ${answer:-no answer}"
    echo "# ctl $*: $answer"
}

# stat KEY: one counter of `stats`, in $stat: what this case added where it shares a server
declare -A counted_before=()
stat() {
    answer=$("$CTL" "$control" stats)
    stat=$(tr ' ' '\n' <<< "$answer" | sed -n "s/^$1=//p")
    [ -n "$stat" ] || fail "stats has no $1: $answer"
    stat=$((stat - ${counted_before[$1]:-0}))
}

grows() {
    local before
    stat "$1"
    before=$stat
    while [ "$stat" = "$before" ]; do
        time_left "$1 does not grow: $answer"
        stat "$1"
    done
}

# Short bursts, so that none outlives the order to stop by much, and no edge is uncounted.
toggling() {
    : > "$work/toggles"
    while [ ! -e "$work/toggled" ]; do
        "$CTL" "$control" "toggle $1 100 200" >> "$work/toggles" || exit 1
    done &
    toggler=$!
}

toggled() {
    local made
    : > "$work/toggled"
    wait "$toggler" || fail "toggling: $(tail -n 1 "$work/toggles")"
    toggler=''
    rm "$work/toggled"
    made=$(awk '{ n += $4 } END { print n + 0 }' "$work/toggles")
    edges=$((edges + made))
    echo "# toggled: $made edges"
}

# Nothing may be latched any more: no consumer, or one that is idle.
accounted() {
    local interrupts merged
    stat errors
    expect "errors: $answer" "$stat" 0
    stat interrupts
    interrupts=$stat
    stat merged
    merged=$stat
    stat dropped
    echo "# $edges edges: $interrupts delivered, $merged merged, $stat dropped"
    expect "delivered, merged or dropped" $((interrupts + merged + stat)) "$edges"
}

boot() {
    local tmp device=${1-virtio_uml.device=$socket:41}
    guest_end=$((${EPOCHREALTIME/./} / 1000 + guest_seconds * 1000))
    mkfifo "$work/to" "$work/from"
    exec {to}<> "$work/to" {tmp}<> "$work/from"
    # UML has child processes, ignores SIGTERM and can spin: only SIGKILL to its own group ends it.
    # If we are killed ourselves, the end of file on its console halts it.
    setsid "$KERNEL/linux" mem=64M "initrd=$INITRD" rdinit=/init \
        "uml_dir=$work" con=null con0=null,fd:1 con1=fd:3,fd:4 "$device" \
        < /dev/null >> "$work/console.log" 2>&1 3< "$work/to" 4>&$tmp &
    guest_pid=$!
    exec {from}< "$work/from" {tmp}<&-
    hear "the guest's boot"
    rm "$work/to" "$work/from"
    rings_taken
}

# The guest's remaining seconds, in $left.
time_left() {
    local ms=$((guest_end - ${EPOCHREALTIME/./} / 1000))
    [ $ms -gt 0 ] || fail "$1: the guest's $guest_seconds seconds are over"
    left=$((ms / 1000)).$(printf %03d $((ms % 1000)))
}

# Read the guest's answer up to its status.
hear() {
    local line
    output=''
    while :; do
        time_left "$1"
        IFS= read -r -t "$left" -u "$from" line ||
            fail "$1: the guest ended, or did not answer in time; got '$output'"
        case $line in "=== "*) break ;; esac
        output+=$line$'\n'
    done
    while [ "${output%$'\n'}" != "$output" ]; do output=${output%$'\n'}; done
    return "${line#=== }"
}

guest() {
    local status=0
    printf '%s\n' "$*" >&"$to"
    hear "$*" || status=$?
    echo "# guest $*: $output"
    [ $status = 0 ] || fail "guest: $*: status $status: $output"
}

close_guest() {
    exec {to}<&- {from}<&-
    guest_pid=''
}

halt() {
    guest complaints
    expect "complaints of the guest's kernel" "$output" ""
    printf 'halt\n' >&"$to"
    time_left halt
    wait_gone "$guest_pid" "$left" || fail "the guest does not halt"
    local status=0
    wait "$guest_pid" || status=$?
    # UML's own process, now and then, aborts on its way out when its kernel is down already.
    if [ "$status" -ne 0 ]; then
        grep -q 'System halted' "$work/console.log" || fail "the guest's exit status is $status"
        echo "# the guest halted; its process then ended with status $status"
    fi
    close_guest
}

# Not the whole group by one signal: the guest's programs are traced by its kernel's process, which
# takes a program's SIGSTOP for a fault. They stop at their next system call, for want of a tracer.
freeze() {
    local states=''
    kill -STOP "$guest_pid"
    while :; do
        time_left "the guest does not stop: $states"
        states=$({ cat /proc/[0-9]*/stat 2> /dev/null || true; } |
            awk -v group="$guest_pid" '{ sub(/.*\) /, "") } $3 == group { printf "%s", $1 }')
        [ -z "$states" ] || [ -n "${states//[TtZ]/}" ] || return 0
    done
}

thaw() { kill -CONT "$guest_pid"; }

# What is left of a guest that hangs, or that a case wants dead at once.
kill_guest() {
    [ -n "$guest_pid" ] || return 0
    kill -KILL -- "-$guest_pid" 2> /dev/null || true
    wait "$guest_pid" 2> /dev/null || true
    close_guest
}

kill_server() {
    kill -KILL "$server"
    wait "$server" 2> /dev/null || true
    server=''
}

end_server() {
    kill -TERM "$server" 2> /dev/null || true
    server_ends
}

# The server ends by itself, or was told to.
server_ends() {
    local status=0
    wait_gone "$server" 60 || fail "the server does not end"
    wait "$server" || status=$?
    server=''
    expect "the server's exit status" "$status" 0
    [ ! -e "$socket" ] || fail "the server left its socket behind"
    [ ! -e "$control" ] || fail "the server left its control socket behind"
}

cleanup() {
    local status=$?
    [ -z "$toggler" ] || kill "$toggler" 2> /dev/null || true
    kill_guest
    [ -z "$server" ] || kill_server
    exit $status
}
trap cleanup EXIT
