#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The front end on a back end that shares no code with this project: the tools and `vgpio check` on
# lvu_gpio.c, whose rings and messages are those of QEMU's libvhost-user.
#
# usage: run.sh [-l] [CASE]...       all, some; -l lists
#        VGPIO                        the program, if not that of build/
#        VGPIO_GUEST_CACHE=FOLDER     where the library is kept: see get-libvhost-user.sh
#
# Where the library cannot be had all cases are skipped, by name. Exit status 0 if none failed; the
# last line is the sum.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
top=$(realpath "$here/../..")
VGPIO=$(realpath "${VGPIO:-$top/build/vgpio}")
# shellcheck source=tests/support/listens.sh
. "$top/tests/support/listens.sh"

# --- what is to be seen ---

# Verdicts of this back end, other than PASS, REJECT and what is skipped of packed rings. `check`
# is strict about what a device makes of drivers that break the rules.
usual='FAIL avail-back
FAIL config-parts
FAIL config-range
FAIL plain-then-table
FAIL table-and-next
FAIL table-unasked'

case_check() {
    verdicts_are "" "--loop 0=1 --timeout 20s" "$usual
SKIP no-names"
    grep -qE '^[1-9][0-9]+ PASS, [1-9][0-9]+ REJECT, ' "$dir/report" ||
        fail "that cannot be all: $(tail -n 1 "$dir/report")"
}

case_check_no_names() {
    verdicts_are "-n" "--loop 7=6 --timeout 20s" "$usual
SKIP names
SKIP names-count
SKIP names-room
SKIP names-size"
}

case_check_no_irq() {
    verdicts_are "-i" "--timeout 20s" "$usual
$(without_irq)
SKIP no-names"
}

# That a fault is found there, too.
case_check_broken() {
    verdicts_are "-b" "--loop 0=1 --only GPIO-DEV-09" "FAIL both-latched
FAIL edge-latched
FAIL falling-latched"
}

case_detect() {
    serve
    prints "$gpio [virtio-gpio] (8 lines)" detect "$gpio"
    serve -n
    prints "$gpio [virtio-gpio] (8 lines)" detect "$gpio"
}

case_info() {
    serve
    prints "$gpio - 8 lines:
	line   0:	\"led\"           	none
	line   1:	\"button\"        	none
	line   2:	\"relay\"         	none
	line   3:	unnamed         	none
	line   4:	\"reset\"         	none
	line   5:	unnamed         	none
	line   6:	\"fan-1\"         	none
	line   7:	\"last\"          	none" info -c "$gpio"
    serve -n -i
    prints "$gpio 7	unnamed         	none" info -c "$gpio" 7
}

case_get() {
    serve
    prints '"button"=inactive "3"=inactive' get -c "$gpio" button 3
    kill -USR1 "$server"
    prints '"button"=active "3"=inactive' get -c "$gpio" button 3
    prints '0 1' get -c "$gpio" --numeric -l 1 2
    fails 'get: cannot find line .nothing.' get -c "$gpio" nothing
}

# Both ends of the wires: what is driven is seen at the other end.
case_set() {
    serve -v
    prints '' set -c "$gpio" -t 1ms,1ms,0 led=1 3=1 4=0
    expect "what happened to the lines" "$(cat "$dir/log")" "line 0 is 1
line 1 is 1
line 2 is 1
line 3 is 1
line 0 is 0
line 1 is 0
line 2 is 0
line 3 is 0
line 4 is 1
line 5 is 1
line 0 is 1
line 1 is 1
line 2 is 1
line 3 is 1
line 4 is 0
line 5 is 0
line 0 is 0
line 1 is 0
line 2 is 0
line 3 is 0"
}

# Each edge is made when the last one was told of.
case_mon() {
    local line edges=(rising falling) i out
    serve
    mkfifo "$dir/out"
    "$VGPIO" mon -c "$gpio" --banner -F '%E %l' -n 40 button fan-1 > "$dir/out" 2> "$dir/err" &
    tool=$!
    exec {out}< "$dir/out"
    read -r -t 20 -u "$out" line || fail "mon says nothing: $(cat "$dir/err")"
    expect "the banner" "$line" "Monitoring lines 'button', and 'fan-1'..."
    for ((i = 0; i < 40; i++)); do
        kill -USR1 "$server"
        read -r -t 20 -u "$out" line || fail "no event $i: $(cat "$dir/err")"
        expect "event $i" "$line" "${edges[i % 2]} button"
    done
    wait "$tool" || fail "mon: exit status $?: $(cat "$dir/err")"
    tool=''
}

case_mon_no_irq() {
    serve -i
    fails ': SET_IRQ_TYPE of line 1: not negotiated' mon -c "$gpio" button
}

# A back end that dies is an error, and no tool hangs.
case_dies() {
    local status=0 out line
    serve
    mkfifo "$dir/out"
    "$VGPIO" mon -c "$gpio" --banner button > "$dir/out" 2> "$dir/err" &
    tool=$!
    exec {out}< "$dir/out"
    read -r -t 20 -u "$out" line || fail "mon says nothing: $(cat "$dir/err")"
    kill -KILL "$server"
    wait "$tool" || status=$?
    tool=''
    expect "mon's exit status" "$status" 1
    expect "its error" "$(cat "$dir/err")" "vgpio: $gpio: hung up"
    fails 'Connection refused' get -c "$gpio" 0
}

# --- words of the cases ---

fail() {
    echo "FAILED: $*"
    exit 1
}

expect() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }

serve() { # OPTION...
    [ -z "$server" ] || kill -KILL "$server"
    rm -f "$gpio"
    "$lvu" "$@" "$gpio" > "$dir/log" 2>&1 &
    server=$!
    listens "$gpio" "$server" || fail "the back end: $(cat "$dir/log")"
}

prints() { # TEXT COMMAND...
    local want=$1 got
    shift
    got=$(timeout 300 "$VGPIO" "$@" 2>&1) || fail "$*: exit status $?: $got"
    expect "$*" "$got" "$want"
}

fails() { # PATTERN COMMAND...
    local want=$1 got status=0
    shift
    got=$(timeout 300 "$VGPIO" "$@" 2>&1) || status=$?
    expect "$*: exit status" "$status" 1
    expect "$*: lines" "$(wc -l <<< "$got")" 1
    grep -q -- "$want" <<< "$got" || fail "$*: no '$want' in: $got"
}

# What a device without interrupts skips, as the one of this project does.
without_irq() {
    "$VGPIO" check --spawn "exec '$VGPIO' serve -s \"\$SOCKET\" --sim a,b --no-irq" |
        awk '$1 == "SKIP" && $2 !~ /@packed$/ { print $1, $2 }' | grep -v ' no-names$'
}

verdicts_are() { # OPTION CHECK-OPTIONS VERDICTS
    local words got status=0
    read -r -a words <<< "$2"
    # shellcheck disable=SC2016
    timeout 900 "$VGPIO" check --spawn "exec '$lvu' $1 \"\$SOCKET\"" "${words[@]}" \
        > "$dir/report" 2> "$dir/err" || status=$?
    expect "what check complains of" "$(cat "$dir/err")" ""
    expect "check's exit status" "$status" 1
    got=$(awk '/^(FAIL|WEDGED|CRASHED) / || (/^SKIP / && $2 !~ /@packed$/) { print $1, $2 }' \
        "$dir/report" | sort)
    diff <(sort <<< "$3") <(echo "$got") > "$dir/diff" || {
        cat "$dir/diff"
        grep -A 2 -E '^(FAIL|WEDGED|CRASHED)' "$dir/report"
        fail "the verdicts are others"
    }
}

# --- all of them ---

mapfile -t all < <(declare -F | sed -n 's/^declare -f case_//p')
if [ "${1:-}" = -l ]; then
    printf '%s\n' "${all[@]}"
    exit 0
fi
for name in "$@"; do
    declare -F "case_$name" > /dev/null || { echo "run.sh: no case $name" >&2; exit 2; }
done
[ $# -gt 0 ] || set -- "${all[@]}"
[ -x "$VGPIO" ] || { echo "run.sh: no $VGPIO: build the project first" >&2; exit 2; }

logs=$(mktemp -d)
lvu=$logs/lvu_gpio
passed=0 failed=0 skipped=0
got=$("$here/get-libvhost-user.sh" 2> "$logs/fetching") && missing='' || missing=${got##*$'\n'}
got=${got##*$'\n'}
if [ -z "$missing" ]; then
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror \
        -isystem "$got/subprojects/libvhost-user" "$here/lvu_gpio.c" "$got/libvhost-user.o" \
        -pthread -o "$lvu"
    echo "libvhost-user of $(< "$got/version")"
fi

cleanup() {
    local status=$? pid
    for pid in $server $tool; do
        kill -KILL "$pid" 2> /dev/null || true
    done
    exit $status
}

run_case() ( # CASE
    set -eu
    dir=$logs/$1 gpio=$logs/$1/gpio server='' tool=''
    mkdir "$dir"
    trap cleanup EXIT
    "case_$1" > "$dir/case.log" 2>&1
)

for name in "$@"; do
    start=${EPOCHREALTIME/./} status=0
    if [ -n "$missing" ]; then
        echo "skip $name: $missing"
        skipped=$((skipped + 1))
        continue
    fi
    set +e
    run_case "$name"
    status=$?
    set -e
    took=$(((${EPOCHREALTIME/./} - start) / 10000))
    took=$((took / 100)).$(printf %02d $((took % 100)))
    if [ $status = 0 ]; then
        echo "ok $name ($took s)"
        passed=$((passed + 1))
    else
        echo "not ok $name ($took s)"
        failed=$((failed + 1))
        tail -n 40 "$logs/$name/case.log" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
if [ $failed = 0 ]; then
    rm -rf "$logs"
else
    echo "what the failed cases said is in $logs"
fi
[ $failed = 0 ]
