#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Scripts, faults, a waveform as stimulus, and a clock that is told to move: on boards of
# their own, with our own front end as the guest.
# usage: script.sh VGPIO
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

cat > board << 'END'
device a lines=4 socket=a.sock control=a.ctl
line a.in 0
line a.out 1
line a.copy 2
line a.odd 3 pull-up
wire a.in -> a.copy
fault a.out set-direction err times 1
fault a.copy get-value delay 1ms
fault a.odd get-value err after 1 times 1
END

# Ends by itself: what it says on stdout is compared, stderr kept.
runs() { # STATUS [OPTION...]
    wanted=$1
    shift
    timeout 60 "$vgpio" serve --board board --script script "$@" > out 2> err
    status=$?
    [ "$status" = "$wanted" ] || fail "exit status $status, expected $wanted: $(cat err)"
}

# Whatever the script does to the lines takes no time of ours.
cat > script << 'END'
expect a.in=0
set a.in=1
expect a.copy=1
release a.in
expect a.copy=0
press a.in 2s
press a.odd 1min
at 1000min expect a.odd=1
set a.odd=0
press a.odd 1s
expect a.odd=0
say at the end
quit
END
runs 0 --virtual-time --vcd one.vcd
[ "$(cat out)" = "60001.000000 at the end" ] || fail "says $(cat out)"
for time in 2000000000 62000000000 60000000000000; do
    grep -qx "#$time" one.vcd || fail "no $time in $(cat one.vcd)"
done

# What was recorded is a stimulus.
printf 'play one.vcd a\nsay played\nquit\n' > script
runs 0 --virtual-time --vcd two.vcd
[ "$(cat out)" = "60001.000000 played" ] || fail "says $(cat out)"
cmp one.vcd two.vcd || fail "what was played is not what was recorded"

# What is not as expected ends it, with the place.
printf 'set a.in=1\n\n  expect a.copy=0\nquit' > script
runs 1
grep -qx 'vgpio: script:3:3: a.copy is 1, expected 0' err || fail "says $(cat err)"
printf 'wait a.out=1 1ms\n' > script
for clock in "" --virtual-time; do
    runs 1 $clock
    grep -qx 'vgpio: script:1:1: a.out is 0, expected 1 within 1 ms' err ||
        fail "says $(cat err)"
done
printf 'guest a 1ms\n' > script
runs 1
grep -q "script:1:1: device 'a' has no driver" err || fail "says $(cat err)"
printf 'sleep 2s\nat 1s quit\n' > script
runs 1 --virtual-time
grep -q "script:2:1: 1000000 us are over" err || fail "says $(cat err)"
printf 'quit\nwait a.nothing=1\n' > script
runs 1
grep -q "script:2:6: device 'a' has no line 'nothing', expected" err || fail "says $(cat err)"
printf 'play nowhere.vcd a\n' > script
runs 1
grep -q '^vgpio: nowhere.vcd: ' err || fail "says $(cat err)"
# shellcheck disable=SC2016
printf '$timescale 1ns $end\n$enddefinitions $end\n#5\n#4\n' > bad.vcd
printf 'play bad.vcd a\n' > script
runs 1
grep -q '^vgpio: bad.vcd:4:1: .*back in time' err || fail "says $(cat err)"
[ ! -e a.sock ] || fail "a socket is left"

# A server that stays, on a clock that stands still.
rm -f out err
mkfifo log
"$vgpio" serve -v --board board --virtual-time --vcd clock.vcd 2> log &
server=$!
exec 3< log
read -r ready <&3
cat <&3 > rest &
exec 3<&-
case $ready in *ready*) ;; *) fail "the server says $ready" ;; esac

# Faults: once refused, then not; answered when the clock says so; refused the second time.
"$vgpio" set --timeout 100s -c ./a.sock out=1 2> err && fail "the first direction was to be refused"
grep -q 'SET_DIRECTION of line 1: the device refused' err || fail "says $(cat err)"
"$vgpio" get --timeout 100s -c ./a.sock odd > out || fail "the first value was to be spared"
"$vgpio" get --timeout 100s -c ./a.sock odd 2> err && fail "the second value was to be refused"
"$vgpio" get --timeout 100s -c ./a.sock odd > out || fail "the third value was to be right"
"$vgpio" get --timeout 100s -c ./a.sock --timeout 200ms copy 2> err && fail "answered before its time"
grep -q 'no answer to GET_VALUE of line 2' err || fail "says $(cat err)"
# The same, when a test says so.
get_odd() { "$vgpio" get --timeout 100s -c ./a.sock "$@" odd > out 2> err; }
tell() { "$vgpio" ctl a.ctl "$@" > out || fail "$*: $(cat out)"; }
tell 'fault odd get-value err times 1'
get_odd && fail "a new fault does not hit"
get_odd || fail "a new fault hits twice"
tell 'fault odd get-value err' 'heal odd'
get_odd || fail "a healed line has a fault"
tell 'fault odd get-value never'
get_odd --timeout 200ms && fail "a new fault lets an answer through"
tell 'heal odd'
get_odd || fail "what will never be answered stays"
cat > ask.py << 'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("a.ctl")
s.sendall("".join(w + "\n" for w in sys.argv[1:]).encode())
s.shutdown(socket.SHUT_WR)
text = b""
while (more := s.recv(4096)):
    text += more
print(text.decode(), end="")
END
if command -v python3 > /dev/null; then
    python3 ask.py clock "clock advance 5ms" clock > out
    [ "$(tr '\n' ' ' < out)" = "ok 0 ok 5000 ok 5000 " ] || fail "clock: $(cat out)"
    # Both wait for time, which another client gives them.
    python3 ask.py "toggle in 2 10" > pulses &
    asker=$!
    "$vgpio" get --timeout 100s -c ./a.sock copy > out &
    getter=$!
    while kill -0 "$getter" 2> /dev/null || kill -0 "$asker" 2> /dev/null; do
        python3 ask.py "clock advance 1ms" > /dev/null || fail "clock advance"
    done
    wait "$asker"
    [ "$(cat pulses)" = "ok 2 pulses 4 edges" ] || fail "toggle: $(cat pulses)"
    wait "$getter" || fail "the answer never came"
fi
kill "$server"
wait "$server" || fail "the server: exit status $?"
server=
[ ! -e a.sock ] || fail "a socket is left"
"$vgpio" serve --script script -s x --sim 3 2> err
[ $? = 2 ] || fail "--script without --board"
echo "all as expected"
