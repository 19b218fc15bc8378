#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# SIGHUP: a board is read again with guests attached.
# usage: reload.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
server='' holder=''
trap 'kill $server $holder 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

board() { # STATEMENT...
    printf 'device a lines=4 socket=a.sock\ndevice b lines=4 socket=b.sock\n' > new
    printf 'line a.out 0\nline b.in 0\nline b.other 1\n' >> new
    printf '%s\n' "$@" >> new
    mv new board
}

# The signal is dealt with before the next front end is: both wait in one loop.
reload() {
    kill -HUP "$server"
    "$vgpio" info --timeout 100s -c ./b.sock > /dev/null || fail "no answer after a SIGHUP"
}

gets() { # LINE VALUE
    got=$("$vgpio" get --timeout 100s -c ./b.sock --unquoted "$1") || fail "get $1"
    [ "$got" = "$1=$2" ] || fail "$got, expected $1=$2"
}

board 'wire a.out -> b.in'
mkfifo log orders
"$vgpio" serve -v --board board 2> log &
server=$!
exec 3< log
read -r ready <&3
read -r ready <&3
case $ready in *ready*) ;; *) fail "the server says $ready" ;; esac
cat <&3 > rest &
exec 3<&-

# A guest that drives a line all the time.
"$vgpio" set --timeout 100s -c ./a.sock --interactive out=1 < orders > said &
holder=$!
exec 4> orders
echo get >&4
while ! grep -q out said; do
    kill -0 "$holder" || fail "set --interactive ended"
done
gets in active
gets other inactive

board 'wire not a.out -> b.in' 'node n' 'wire a.out -> n' 'wire n -> b.other' \
    'pin b.2 pull-up' 'hog b.3 output-high'
reload
gets in inactive
gets other active
gets 2 active
gets 3 active

# It still drives, and is heard.
: > said
echo "set out=0" >&4
echo get >&4
while ! grep -q inactive said; do
    kill -0 "$holder" || fail "set --interactive ended"
done
gets in active
gets other inactive

# Faults come and go.
board 'fault b.in get-value err'
reload
"$vgpio" get --timeout 100s -c ./b.sock in 2> err && fail "a fault that came later"
board 'pin b.in pull-up'
reload
gets in active

# What may not change, and what is wrong, changes nothing.
refused() { # WORDS
    reload
    until grep -q "$1" rest; do
        kill -0 "$server" || fail "no '$1' in: $(cat rest)"
    done
    gets in active
    gets other inactive
}
printf 'device a lines=4 socket=a.sock\n' > board
refused 'vgpio: board: the number of devices changed'
board 'line a.new 3'
refused 'vgpio: board: the name of a line changed'
board 'wire a.out => b.other'
refused "vgpio: board:6:12: '=>' is wrong here, expected '->'"
sed -i 's/device b lines=4/device b lines=5/; /=>/d' board
refused 'the number of lines of a device changed'
rm board
refused 'vgpio: board: No such file'
exec 4>&-
wait "$holder"
holder=''
kill "$server"
wait "$server" || fail "exit status $?"
server=''
echo "all as expected"
