#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio record` and `vgpio replay`: what was recorded is what happened, and played again it
# happens again, on a virtual clock to the bit.
# usage: record.sh VGPIO
# shellcheck disable=SC2016
set -u
vgpio=$1
dir=$(mktemp -d)
server=
trap 'kill $server 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

serve() { # OPTION...
    [ -z "$server" ] || kill "$server"
    wait
    "$vgpio" serve -s gpio --sim 'led,button,,a b' --control ctl "$@" &
    server=$!
    "$vgpio" ctl ctl 'pull button 1' > out || fail "the server does not answer"
}

# record OPTION...: in the background, and begun.
record() {
    rm -f log vcd
    "$vgpio" record --log log --vcd vcd "$@" 2> err &
    recorder=$!
    until grep -q '^line 3' log 2> /dev/null; do
        kill -0 $recorder 2> /dev/null || break # a short one may have ended since that look
    done
    grep -q '^line 3' log || fail "record ended: $(cat err)"
}

recorded() {
    wait $recorder || fail "record: status $?: $(cat err)"
    [ ! -s err ] || fail "record: $(cat err)"
}

# Line and level of each change.
log_changes() { awk '$4 == "change" { printf "%s=%s ", $5, $6 }' log; }

serve
record -n 6 ctl
"$vgpio" ctl ctl 'pull led 1' 'toggle button 2 1000' 'pull "a b" 1' > out || fail ctl
recorded
want='0=1 1=0 1=1 1=0 1=1 3=1 '
[ "$(log_changes)" = "$want" ] || fail "the log: $(log_changes)"
sed -n 1p log | grep -qx 'vgpio-log 1' || fail "the log's head: $(head -n 1 log)"
grep -qx 'line 1 1 "button"' log || fail "no first level: $(cat log)"
grep -qx 'line 2 0' log || fail "no line without a name: $(cat log)"
tail -n 1 log | grep -q '^end [0-9]*$' || fail "no end: $(tail -n 1 log)"
sed '1,/^\$end$/d; /^#/d' vcd | tr '\n' ' ' > got
[ "$(cat got)" = '1! 0" 1" 0" 1" 1$ ' ] || fail "the VCD: $(cat got)"
sed -n '/^\$dumpvars$/,/^\$end$/p' vcd | tr '\n' ' ' > got
[ "$(cat got)" = '$dumpvars 0! 1" 0# 0$ $end ' ] || fail "the first levels: $(cat got)"

# Played again, from either file, the same happens again.
cp log first.log
cp vcd first.vcd
for file in first.log first.vcd; do
    serve
    record -n 6 ctl
    "$vgpio" replay "$file" ctl > out 2>&1 || fail "replay $file: $(cat out)"
    recorded
    [ "$(log_changes)" = "$want" ] || fail "replay of $file: $(log_changes)"
done

# Only these; as fast as it goes.
serve
"$vgpio" replay --fast first.log ctl led 3 > out 2>&1 || fail "replay: $(cat out)"
[ "$("$vgpio" ctl ctl values)" = 'ok 1101' ] || fail "values: $("$vgpio" ctl ctl values)"
record --messages --duration 20 ctl led
"$vgpio" ctl ctl 'pull button 0' 'pull led 0' > out
recorded
if grep -q 'change 1' log; then fail "a line that nobody asked for: $(cat log)"; fi
record --messages ctl
"$vgpio" ctl ctl 'pull led 1' barrier > out
until grep -q 'dropped 0 1' log; do
    kill -0 $recorder || fail "no message in the log: $(cat err log)"
done
kill -INT $recorder
recorded
tail -n 1 log | grep -q '^end ' || fail "interrupted, it has no end: $(cat log)"

# The server ends: what was recorded stays.
record ctl
"$vgpio" ctl ctl 'pull led 0' barrier > out
kill $server
wait $server
server=
wait $recorder || fail "the server ended: status $?"
grep -q 'ctl: the server hung up' err || fail "not told: $(cat err)"
[ "$(log_changes)" = '0=0 ' ] || fail "the server ended: $(log_changes)"

# On a virtual clock two runs are the same to the bit.
for run in 1 2; do
    serve --virtual-time
    record -n 4 ctl
    "$vgpio" replay --advance first.log ctl led button > out 2>&1 || fail "replay: $(cat out)"
    # One more than changed there: the button was 1 already.
    "$vgpio" ctl ctl 'clock advance 1ms' 'pull 2 1' > out
    recorded
    mv vcd run$run.vcd
    mv log run$run.log
done
cmp run1.vcd run2.vcd || fail "two runs differ: $(cat run1.vcd run2.vcd)"
cmp run1.log run2.log || fail "two runs differ: $(cat run1.log run2.log)"

# A file that is wrong: where, and nothing was done.
before=$("$vgpio" ctl ctl values)
wrong() { # MESSAGE: the file is on stdin
    cat > wrong.log
    "$vgpio" replay wrong.log ctl > out 2>&1
    [ $? = 1 ] || fail "accepted: $(cat wrong.log)"
    grep -qF "vgpio: wrong.log:$1" out || fail "no '$1' in: $(cat out)"
    [ "$("$vgpio" ctl ctl values)" = "$before" ] || fail "half a file was played"
}
printf 'vgpio-log 2\n' | wrong "1:1: 'vgpio-log', expected 'vgpio-log 1'"
printf 'vgpio-log 1\nline 0 0\n' | wrong "2:1: 'line', expected 'start'"
printf 'vgpio-log 1\nstart 5\nline 0 0 led\nevent 1 9 change 0 1\nevent 2 9 change 0 2\n' |
    wrong "5:20: "
printf 'vgpio-log 1\nstart 5000\nline 0 0 led\nevent 1 4999 change 0 1\n' | wrong "4:9: "
printf 'vgpio-log 1\nstart 5\nline 0 0 led\nevent 1 9 change 1 1\n' |
    wrong "4:18: line 1, expected one that 'line' names"
printf 'vgpio-log 1\nstart 5\nline 0 0\nline 0 1\n' | wrong "4:6: line 0 twice"
printf '$timescale 1 us $end\n$var wire 1 ! a\n' | wrong "2:"
printf 'vgpio-log 1\nstart 5\nline 0 x led\n' > unknown.log
"$vgpio" replay unknown.log ctl || fail "a level that was not known"
[ "$("$vgpio" ctl ctl values)" = "$before" ] || fail "an unknown level was applied"
printf 'vgpio-log 1\nstart 5\nline 0 0 lamp\n' > other.log
"$vgpio" replay other.log ctl 2> err && fail "a file without a line of ours"
grep -q 'no signal has the name of a line' err || fail "not told: $(cat err)"
"$vgpio" replay none.log ctl 2> err && fail "a file that is not there"
grep -q 'none.log: No such file' err || fail "not told: $(cat err)"
"$vgpio" record ctl nobody > out 2> err && fail "a line that is not there"
grep -q "ctl: no line 'nobody'" err || fail "not told: $(cat err)"
"$vgpio" record --log /nowhere/log ctl 2> err && fail "a folder that is not there"
grep -q '/nowhere/log: No such file' err || fail "not told: $(cat err)"
exit 0
