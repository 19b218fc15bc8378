# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# Runs the cases in the machine, and is the words they are made of. Each case has chips, a server
# and an empty folder $work of its own.
#
#   chip N NAME[:LINES]       makes simulated chip N (a or b) of so many lines, 8 if it is not said
#   serve LIST [OPTION...]    starts `vgpio serve --lines LIST`, waits until it answers
#   drive WORD...             a driver: see drive.c; its answers in $answer
#   ctl COMMAND...            the control socket; answer in $answer
#   pull CHIP LINE up|down    the outside
#   wire CHIP LINE            the level of a line, from outside, in $answer
#   host CHIP LINE            what the kernel says of a line: its words of gpioinfo, in $answer
#   expect WHAT GOT WANTED    fails the case unless they are equal
#   until_true COMMAND...     waits until it succeeds, some seconds at most
cases=()
# shellcheck disable=SC1091
. /words
# shellcheck disable=SC1091
. /cases.sh

passed=0 failed=0
socket='' server='' work='' answer='' log=''

fail() {
    echo "FAILED: $*"
    exit 1
}

expect() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

until_true() {
    local end=$((SECONDS + 20))
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "never: $*"
        usleep 5000
    done
}

config=/sys/kernel/config/gpio-sim

# The folder of a chip's lines, and its name in /dev.
sim_device() { cat "$config/$1/dev_name"; }
sim_chip() { cat "$config/$1/bank/chip_name"; }
sim_lines() { echo "/sys/devices/platform/$(sim_device "$1")/$(sim_chip "$1")"; }

chip() { # NAME [LINES [LINE=NAME]...]
    local name=$1 n=${2:-8} word
    shift $(($# > 2 ? 2 : $#))
    mkdir -p "$config/$name/bank"
    echo "sim $name" > "$config/$name/bank/label"
    echo "$n" > "$config/$name/bank/num_lines"
    for word in "$@"; do
        mkdir "$config/$name/bank/line${word%%=*}"
        echo "${word#*=}" > "$config/$name/bank/line${word%%=*}/name"
    done
    echo 1 > "$config/$name/live"
    declare -g "$name=$(sim_chip "$name")"
}

remove_chips() {
    local dir
    for dir in "$config"/*/; do
        [ -d "$dir" ] || continue
        echo 0 > "${dir}live"
        find "$dir" -mindepth 1 -depth -type d -exec rmdir {} \;
        rmdir "$dir"
    done
}

pull() { echo "pull-$3" > "$(sim_lines "$1")/sim_gpio$2/pull"; }
wire() { answer=$(cat "$(sim_lines "$1")/sim_gpio$2/value"); }
host() {
    answer=$(gpioinfo "$(sim_chip "$1")" |
        sed -n "s/^[[:space:]]*line  *$2:[[:space:]]*\(.*\)/\1/p" | tr -s ' \t' ' ')
    answer=${answer% }
}
host_is() { # CHIP LINE WORDS: at the end of what gpioinfo says
    host "$1" "$2"
    [[ $answer == *"$3" ]]
}

serve() {
    local list=$1
    shift
    vgpio serve -s "$work/gpio" --lines "$list" --control "$work/ctl" -v "$@" \
        2>> "$work/server.log" &
    server=$!
    ctl info
}

drive() {
    answer=$(timeout 60 vgpio-drive "$work/gpio" "$@" 2>> "$work/drive.log") ||
        fail "drive $*: status $?: $(cat "$work/drive.log")"
    answer=${answer% }
    echo "# drive $*: $answer"
}

ctl() {
    answer=$(vgpio-ctl "$work/ctl" "$@") || fail "control: $*: ${answer:-no answer}"
    echo "# ctl $*: $answer"
}

# stat KEY...: the sum of counters, in $stat
stat() {
    local key
    answer=$(vgpio-ctl "$work/ctl" stats)
    stat=0
    for key; do
        stat=$((stat + $(tr ' ' '\n' <<< "$answer" | sed -n "s/^$key=//p")))
    done
}

end_server() {
    local status=0
    kill -TERM "$server"
    wait "$server" || status=$?
    server=''
    expect "the server's exit status" $status 0
}

run_case() (
    set -eu
    trap '[ -z "$server" ] || kill -KILL "$server"' EXIT
    "case_$1"
    [ -z "$server" ] || end_server
) > "$work/case.log" 2>&1

for name in "${cases[@]}"; do
    work=/tmp/$name
    mkdir "$work"
    start=${EPOCHREALTIME/./}
    status=0
    run_case "$name" || status=$?
    remove_chips
    # Of a chip that leaves while somebody has an interrupt of it, 6.1 says so.
    complaints=$(dmesg -c | sed '/WARNING: .* remove_proc_entry/,/end trace/d' |
        grep -E 'BUG|WARNING|Oops|Call Trace|blocked for more than') && status=1
    took=$(((${EPOCHREALTIME/./} - start) / 10000))
    took=$((took / 100)).$(printf %02d $((took % 100)))
    if [ $status = 0 ]; then
        echo "ok $name ($took s)"
        passed=$((passed + 1))
        sed -n 's/^: /    /p' "$work/case.log"
    else
        echo "not ok $name ($took s)"
        failed=$((failed + 1))
        tail -n 20 "$work"/*.log | sed 's/^/    /'
        [ -z "$complaints" ] || printf '    kernel: %s\n' "${complaints//$'\n'/; }"
    fi
    rm -rf "$work"
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
