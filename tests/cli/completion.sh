#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The bash completion: commands, options, values and names of lines.
# usage: completion.sh VGPIO
set -u
vgpio=$1
script=$(cd "$(dirname "$0")/../../completions" && pwd)/vgpio.bash
dir=$(mktemp -d)
trap 'kill $server; rm -rf "$dir"' EXIT
"$vgpio" serve -s "$dir/gpio" --sim led,button --control "$dir/ctl" &
server=$!

VGPIO_COMPLETION_TIMEOUT=20s # a busy machine is no failure
export VGPIO_COMPLETION_TIMEOUT

# completes EXPECTED WORD...: the last word is being typed.
failures=0
completes() {
    want=$1
    shift
    # shellcheck disable=SC2016
    got=$(bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vgpio
        echo "${COMPREPLY[*]}"' bash "$script" "$vgpio" "$@")
    [ "$got" = "$want" ] || {
        echo "FAILED: $*: '$got' in place of '$want'"
        failures=$((failures + 1))
    }
}

until "$vgpio" detect --timeout 1s "$dir/gpio" > /dev/null 2>&1; do :; done
completes "demo decode doctor detect" d
completes "mon" m
completes "check" ch
completes "--socket-path --spawn" check --s
completes "$dir/gpio" check -s "$dir/g"
completes "$dir/gpio" trap -s "$dir/g"
completes "--watch" trap --w
completes "--toggle --timeout" set --t
completes "--num-events" mon --num
completes "rising" mon -e r
completes "led button" get -c "$dir/gpio" ""
completes "button=" set -c "$dir/gpio" b
completes "$dir/gpio" info -c "$dir/g"
completes "--strict" info -c "$dir/gpio" --str
# As bash parts the words; --chip=PATH tells names, too.
completes "$dir/gpio" info --chip = "$dir/g"
completes "led button" get --chip = "$dir/gpio" ""
completes "rising" mon --edges = r
completes "rising falling both" mon --edges =
completes "active" set -c "$dir/gpio" led = a
completes "active inactive" set -c "$dir/gpio" led =

# Names come from a stranger: to bash they are words, never commands, patterns or variables.
kill $server
# shellcheck disable=SC2016
"$vgpio" serve -s "$dir/evil" --sim 'x$(touch${IFS}'"$dir"'/done),`id`,a$HOME,*,q\z,it'"'"'s,two words' &
server=$!
until "$vgpio" detect --timeout 1s "$dir/evil" > /dev/null 2>&1; do :; done
# shellcheck disable=SC2016,SC1003
completes 'x\$\(touch\$\{IFS\}'"$dir"'/done\) \`id\` a\$HOME \* q\\z it\'"'"'s two\ words' get -c "$dir/evil" ""
# shellcheck disable=SC2016
completes 'a\$HOME=' set -c "$dir/evil" a
[ ! -e "$dir/done" ] || {
    echo "FAILED: a name was run"
    failures=$((failures + 1))
}
exit $failures
