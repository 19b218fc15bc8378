#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio ctl`: commands said, answers printed, the first error ends it.
# usage: ctl.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
server=
trap 'kill $server 2> /dev/null; rm -rf "$dir"' EXIT

failures=0
gives() { # STATUS STDOUT STDERR ARGUMENT...
    status=$1 out=$2 err=$3
    shift 3
    "$vgpio" ctl "$@" > "$dir/out" 2> "$dir/err"
    got=$?
    if [ $got != "$status" ] || [ "$(cat "$dir/out")" != "$out" ] ||
        [ "$(cat "$dir/err")" != "$err" ]; then
        echo "FAILED: $*: status $got, stdout '$(cat "$dir/out")', stderr '$(cat "$dir/err")'"
        failures=$((failures + 1))
    fi
}

gives 1 '' "vgpio: $dir/none: No such file or directory" -t 20 "$dir/none" info
"$vgpio" serve -s "$dir/gpio" --sim led,button --control "$dir/ctl" &
server=$!
# It may still be starting.
gives 0 'ok 0' '' "$dir/ctl" 'value led'
gives 0 'ok
ok 1' '' "$dir/ctl" 'pull led 1' 'value led'
gives 1 'ok 1' "vgpio: value lamp: no line is named 'lamp'" "$dir/ctl" 'value led' 'value lamp' \
    'pull led 0'
gives 0 'ok 10' '' "$dir/ctl" values
gives 1 '' 'vgpio: wait led 0 10: timeout' "$dir/ctl" 'wait led 0 10'
# The deadline is also that of the connection: a machine that is too busy for a short one is
# given a longer one.
for ms in 30 1000 30000; do
    "$vgpio" ctl --timeout $ms "$dir/ctl" 'value led' 'wait led 0 60000' > "$dir/out" 2> "$dir/err"
    status=$?
    [ "$(cat "$dir/out")" = 'ok 1' ] && break
done
gives_up='vgpio: wait led 0 60000: no answer in time'
if [ "$status" != 1 ] || [ "$(cat "$dir/out")" != 'ok 1' ] ||
    [ "$(cat "$dir/err")" != "$gives_up" ]; then
    echo "FAILED: --timeout $ms: status $status, stdout '$(cat "$dir/out")', stderr '$(cat "$dir/err")'"
    failures=$((failures + 1))
fi
[ $failures = 0 ]
