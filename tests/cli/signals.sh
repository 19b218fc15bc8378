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
    "$vgpio" "$@" --timeout 50s --banner -c gpio > out 2> err 3>&- &
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

# Nobody reads any more: the end is the one that a pipe gives anybody, lines are given back.
begin mon 0
exec 3<&-
"$vgpio" ctl ctl "toggle 0 1 0" > /dev/null
ended 141 "mon whose reader has gone"
[ ! -s err ] || fail "mon whose reader has gone: $(cat err)"
# Unless whoever started it does not want to hear of pipes.
(trap '' PIPE && exec "$vgpio" mon --timeout 50s -c gpio -n 100 0 1 2> err | true) &
tool=$!
until "$vgpio" ctl ctl "dir 0" "toggle 0 1 0" > /dev/null && grep -q . err; do
    kill -0 $tool 2> /dev/null || break
done
wait $tool
case $(cat err) in *'stdout: Broken pipe') ;; *) fail "SIGPIPE ignored: '$(cat err)'" ;; esac

# nohup: what is ignored at the start is no order, the next one is.
ignoring() { # COMMAND...
    trap '' HUP
    exec "$@"
}
deaf() { # COMMAND OPTION...
    rm -f out
    mkfifo out
    exec 3<> out
    ignoring "$vgpio" "$@" > out 2>&1 &
    tool=$!
    read -r said <&3
    kill -HUP "$tool"
    kill -TERM "$tool"
}
deaf set --timeout 50s -c gpio --banner 0=1
ended 143 "set under nohup"
deaf mon --timeout 50s -c gpio --banner 0
ended 143 "mon under nohup"

ignoring "$vgpio" serve -s deaf --sim 4 --control deaf.ctl &
others=$!
listens deaf $others || exit 1
kill -HUP $others
"$vgpio" ctl deaf.ctl barrier > /dev/null || fail "serve under nohup ended"
ignoring "$vgpio" record --log log deaf.ctl 2> err &
tool=$!
until grep -q . log 2> /dev/null; do
    kill -0 $tool || break
done
kill -HUP $tool
"$vgpio" ctl deaf.ctl 'pull 1 1' barrier > /dev/null
until grep -q 'change 1' log; do
    kill -0 $tool 2> /dev/null || break
done
kill -TERM $others # and so the recorder, too, after it has told
wait $tool $others
tool='' others=''
grep -q 'change 1' log || fail "record under nohup ended"

ignoring "$vgpio" trap --watch -s deaf > said 2> err &
tool=$!
listens deaf $tool || fail "trap: $(cat err)"
kill -HUP $tool
"$vgpio" get --timeout 50s --numeric -c deaf 0 > /dev/null || fail "trap under nohup ended"
kill -TERM $tool 2> /dev/null
wait $tool
tool=

exit $failures
