#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What scripts for the libgpiod tools take for granted.
# usage: habits.sh VGPIO
set -u
# shellcheck source=tests/support/listens.sh
. "$(dirname "$0")/../support/listens.sh"
vgpio=$1
dir=$(mktemp -d)
trap 'kill $server; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
"$vgpio" serve -s gpio --sim led,button --control ctl &
server=$!
listens gpio $server || exit 1
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# A socket that a back end left behind is said, and in the way of nobody.
"$vgpio" serve -s a-dead --sim other & dead=$!
listens a-dead $dead || exit 1
kill -KILL $dead
wait $dead 2> /dev/null
usual() { # COMMAND...
    VGPIO_DIR=$dir "$vgpio" "$@" 2> err
}
got=$(usual get --numeric led button) || fail "beside a dead socket: exit status $?"
[ "$got" = '0 0' ] || fail "beside a dead socket: '$got'"
grep -q 'a-dead: ' err || fail "no word of the dead socket: $(cat err)"
usual get --strict led && fail "--strict beside a dead socket: exit status 0"
usual get other && fail "a line of a dead socket"
usual info > said && fail "info beside a dead socket: exit status 0"
grep -q '^gpio - 2 lines' said || fail "info beside a dead socket: $(cat said)"
usual info led > said || fail "info of a line beside a dead socket: exit status $?"
rm a-dead said

# The end of stdin ends its last command.
got=$(printf 'set led=1\nget' | "$vgpio" set --timeout 50s -c gpio --interactive led=0)
[ "$got" = '"led"=active' ] || fail "a last command without a newline: '$got'"
got=$(printf 'exit\nget' | "$vgpio" set --timeout 50s -c gpio --interactive led=0)
[ "$got" = '' ] || fail "a command behind exit: '$got'"

# event OPTION...: what mon prints of an edge.
mkfifo out
event() {
    "$vgpio" mon --timeout 50s -c gpio --banner -e rising -n 1 "$@" button > out &
    {
        read -r said
        "$vgpio" ctl ctl 'toggle button 1 0' > said
        read -r got
    } < out
    wait $!
}

# Of the real clock the date is printed, in UTC, unless a format says otherwise.
event -E realtime
case $got in 2*-*T*:*.*Z'	rising	'*) ;; *) fail "-E realtime: $got" ;; esac
event -E realtime --localtime
case $got in *Z*) fail "-E realtime --localtime: $got" ;; 2*T*) ;; *) fail "--localtime: $got" ;; esac
event -E monotonic
case $got in *T*:*) fail "-E monotonic: $got" ;; esac
event -E realtime -F %S
case $got in *T*) fail "-E realtime -F %S: $got" ;; esac

# A percent sign and a U are no date: seconds are still those since the start.
event -F '%S %%U'
up=$(sed 's/[. ].*//' /proc/uptime)
[ "${got%%.*}" -le "$up" ] || fail "-F '%S %%U': $got, up for $up s"
event -F '%S %U'
[ "${got%%.*}" -gt "$up" ] || fail "-F '%S %U': $got"

# faulty TEXT WORD...: the word that is wrong is named, not the one before it.
faulty() {
    text=$1
    shift
    said=$("$vgpio" "$@" 2>&1) && fail "$*: no failure"
    case $said in *"$text"*) ;; *) fail "$*: $said" ;; esac
}
faulty "unknown option '-X'" get --numeric -Xl led
faulty "unknown option '-X'" get --chip=gpio -lXs led
faulty "unknown option '-X'" get --numeric -X led
faulty "option '--numeric=1' takes no value" get --numeric=1 -l led
faulty "option '--help=1' takes no value" get -l --help=1 -s led
faulty "unknown option '-X'" serve --once -Xv

exit $failures
