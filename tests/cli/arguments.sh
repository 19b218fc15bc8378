#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Wrong arguments: exit 2, a clear message on stderr, nothing on stdout, no socket made.
# usage: arguments.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0
checks=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# wrong TEXT ARGUMENT...: exit 2, TEXT somewhere in the first line of the message.
wrong() {
    text=$1
    shift
    checks=$((checks + 1))
    "$vgpio" "$@" > out 2> err < /dev/null
    status=$?
    [ $status = 2 ] || fail "$*: exit status $status"
    [ ! -s out ] || fail "$*: something on stdout"
    head -n 1 err | grep -q '^vgpio: ' || fail "$*: the message does not begin with 'vgpio: '"
    head -n 1 err | grep -qF -- "$text" || fail "$*: no '$text' in: $(cat err)"
    if [ -e s ] || [ -e c ]; then
        fail "$*: left a socket behind"
    fi
    rm -f out err
}

# right TEXT ARGUMENT...: exit 0, TEXT on stdout, nothing on stderr.
right() {
    text=$1
    shift
    checks=$((checks + 1))
    "$vgpio" "$@" > out 2> err < /dev/null
    status=$?
    [ $status = 0 ] || fail "$*: exit status $status"
    grep -qF -- "$text" out || fail "$*: no '$text' in: $(cat out)"
    [ ! -s err ] || fail "$*: on stderr: $(cat err)"
    rm -f out err
}

long=$(printf '%0200d' 0)

wrong "a command is missing"
wrong "unknown command 'frobnicate'" frobnicate
wrong "unknown command '--frobnicate'" --frobnicate

wrong "SOCKET is missing" record
wrong "--messages needs --log" record -m --vcd v s
wrong "--changes: '0' is not a number from 1" record -n 0 s
wrong "--duration: 'x' is not a number from 1" record --duration x s
wrong "option '--vcd' needs a value" record --vcd
wrong "FILE is missing" replay
wrong "SOCKET is missing" replay f
wrong "unknown option '-x'" replay -x
right "usage: vgpio record" record --help
right "usage: vgpio replay" replay -h
wrong "SOCKET is missing" ctl
wrong "COMMAND is missing" ctl s
wrong "option '-t' needs a value" ctl -t
wrong "--timeout: 'x' is not a number" ctl -t x s info
wrong "unknown or ambiguous option '--frob'" ctl --frob
right "usage: vgpio ctl" ctl --help
right "0." ctl -V
wrong "--socket-path PATH (or --fd N) is missing" serve
wrong "--socket-path PATH (or --fd N) is missing" serve --sim 8
wrong "--sim N or --sim NAME,NAME,... is missing" serve -s s
wrong "option '-s' needs a value" serve -s
wrong "exclude each other" serve -s s --sim 8 --lines a:1
wrong "exclude each other" serve -s s --lines a:1 --lines-file f
wrong "exclude each other" serve -s s --board f --lines a:1
wrong "give one for each --socket-path" serve -s s --lines a:1 --lines a:2
wrong "give one for each --socket-path" serve -s s -s t --lines a:1
wrong "--lines:1:5: nothing, expected CHIP:OFFSET" serve -s s --lines a:1,
wrong "--lines:1:5: 'wild', expected active-low" serve -s s --lines "a:1 wild"
wrong "no-such-file: No such file or directory" serve -s s --lines-file no-such-file
printf '# a comment\na:1\nb:1=x bias=up\n' > list
wrong "list:3:7: 'bias=up', expected" serve -s s --lines-file list
wrong "option '--lines' needs a value" serve -s s --lines
wrong "option '--sim' needs a value" serve -s s --sim
wrong "option '--control' needs a value" serve -s s --sim 8 --control
wrong "unknown or ambiguous option '--frobnicate'" serve --frobnicate
wrong "unknown option '-x'" serve -x
wrong "option '--once=yes' takes no value" serve --once=yes
wrong "unexpected argument 'more'" serve -s s --sim 8 more
wrong "empty, or too long" serve -s "" --sim 8
wrong "empty, or too long" serve -s "$long" --sim 8
wrong "empty, or too long" serve -s s --sim 8 --control "$long"
wrong "the same path" serve -s s --sim 8 --control s
wrong "exclude each other" serve -s s --fd 0 --sim 8
wrong "the same path is given twice" serve -s s -s s --sim 8
wrong "the same path is given twice" serve -s s -s t --control c --control c --sim 8
wrong "--control: give none, or one for each" serve -s s -s t --control c --sim 8
wrong "--control: give none, or one for each" serve -s s --control c --control d --sim 8
wrong "--sim: give one, or one for each" serve -s s -s t -s u --sim 8 --sim 9
wrong "two lines are named 'a'" serve -s s -s t --sim 8 --sim a,a
wrong "'x' is not a number" serve --fd x --sim 8
wrong "'-1' is not a number" serve --fd -1 --sim 8
wrong "--fd 0 is not a stream socket" serve --fd 0 --sim 8
wrong "--fd 999 is not a stream socket" serve --fd 999 --sim 8

wrong "--packed and --split exclude each other" serve -s s --sim 8 --packed --split
wrong "unknown or ambiguous option '--no'" serve -s s --sim 8 --no
wrong "option '--packed=on' takes no value" serve -s s --sim 8 --packed=on

wrong "an empty list" serve -s s --sim ""
wrong "1 to 65535" serve -s s --sim 0
wrong "1 to 65535" serve -s s --sim 65536
wrong "1 to 65535" serve -s s --sim 99999999999999999999999
wrong "two lines are named 'led'" serve -s s --sim led,button,led
wrong "'7' is a number, not a name" serve -s s --sim led,7
wrong "printable ASCII" serve -s s --sim "led,bl$(printf '\303\274')te"
wrong "printable ASCII" serve -s s --sim "led,a$(printf '\t')b"
wrong "printable ASCII" serve -s s --sim 'led,"b"'
wrong "longer than 255" serve -s s --sim "led,n$long$long"
wrong "more than 65535 lines" serve -s s --sim "$(printf '%066000d' 0 | tr 0 ,)"

wrong "unknown option '-x'" demo -x
wrong "option '--vcd' needs a value" demo --vcd
wrong "unexpected argument 'more'" demo more
wrong "--packed and --split exclude each other" demo --packed --split
wrong "unknown or ambiguous option '--no-frobnicate'" demo --no-frobnicate

wrong "one of --socket-path and --spawn is needed" trap
wrong "one of --socket-path and --spawn is needed" trap -s s --spawn true
wrong "option '--spawn' needs a value" trap --spawn
wrong "empty, or too long" trap -s "$long"
wrong "none is called 'frobnicate'" trap -s s --lie frobnicate
wrong "--watch and --lie do not go together" trap -s s --watch --lie len-0
wrong "--lines: not a number from 1 to 64: '65'" trap -s s --lines 65
wrong "--lines: not a number from 1 to 64: '0'" trap -s s --lines 0
wrong "--events: not a number from 1 to 1000000: 'x'" trap -s s --events x
wrong "--timeout: invalid period 'soon'" trap -s s --timeout soon
wrong "--packed and --split exclude each other" trap -s s --packed --split
wrong "unexpected argument 'more'" trap -s s more
wrong "unknown option '-x'" trap -x
right "lie   honest" trap --list
right "rule  enable-first       GPIO-DRV-11" trap --list --only 'GPIO-DRV-*'

for command in "" serve demo decode doctor trap detect info get set mon; do
    # shellcheck disable=SC2086
    right "usage: vgpio" $command --help
    # shellcheck disable=SC2086
    right "usage: vgpio" $command -h
    # shellcheck disable=SC2086
    right "vgpio 0." $command --version
    # shellcheck disable=SC2086
    right "vgpio 0." $command -V
done

# As the standard for back ends has it: whatever else is on the line.
for more in "" "--frobnicate" "-s /nowhere/s more" "--sim 0"; do
    # shellcheck disable=SC2086
    right '"type": "gpio"' serve $more --print-capabilities
done

# What the system refuses is no mistake on the command line: exit 1.
"$vgpio" serve -s nowhere/s --sim 8 2> err
status=$?
[ $status = 1 ] || fail "no such folder: exit status $status"
grep -q '^vgpio: --socket-path nowhere/s: ' err || fail "no such folder: $(cat err)"

echo "$checks checks, $failures failed"
[ $failures = 0 ]
