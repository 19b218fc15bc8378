#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Signals end what watches lines, whatever it is at, and the lines are given back.
# usage: signals.sh VGPIO
set -u
# shellcheck source=tests/support/listens.sh
. "$(dirname "$0")/../support/listens.sh"
vgpio=$1
dir=$(mktemp -d)
server='' tool='' others=''
# shellcheck disable=SC2086
trap 'kill -KILL $server $tool $others 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# ended STATUS WHAT: so the tool ended, and it has no line any more.
ended() {
    timeout 30 tail -s 0.02 --pid="$tool" -f /dev/null || kill -KILL "$tool"
    wait "$tool"
    status=$?
    [ $status = "$1" ] || fail "$2: exit status $status"
    for line in 0 1 2 3; do
        is=$("$vgpio" ctl ctl "dir $line")
        [ "$is" = "ok none" ] || fail "$2: line $line: $is"
    done
    tool=
}

# begin COMMAND OPTION...: it says on the pipe `out` that it has its lines.
begin() {
    rm -f out
    mkfifo out
    exec 3<> out
    "$vgpio" "$@" --timeout 50s --banner -c gpio > out 2> err &
    tool=$!
    read -r said <&3
    case $said in *...) ;; *) fail "$*: $said" ;; esac
}

"$vgpio" serve -s gpio --sim 4 --control ctl &
server=$!
listens gpio $server || exit 1

# Lines that never rest.
begin mon 0 1 2 3
for line in 0 1 2 3; do
    "$vgpio" ctl -t 100000 ctl "toggle $line 100000000 0" > /dev/null &
    others="$others $!"
done
for n in 1 2 3 4 5 6 7 8; do
    read -r said <&3 || fail "no event $n"
done
cat <&3 > rest &
others="$others $!"
kill -TERM "$tool"
ended 143 "mon of lines that never rest"
# shellcheck disable=SC2086
kill $others
# shellcheck disable=SC2086
wait $others
others=

# A pipe that nobody reads.
begin mon 0
dd if=/dev/zero of=out bs=4096 oflag=nonblock 2> /dev/null
asked() {
    "$vgpio" ctl ctl stats | sed 's/.*requests=\([0-9]*\) .*/\1/'
}
before=$(asked)
"$vgpio" ctl ctl "toggle 0 1 0" > /dev/null
until [ "$(asked)" -gt "$before" ]; do :; done
kill -TERM "$tool"
ended 143 "mon into a full pipe"

exit $failures
