#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio serve --board`: lines of two devices that hear of each other, and files that are
# wrong.
# usage: board.sh VGPIO
set -u
vgpio=$1
examples=$(cd "$(dirname "$0")/../../examples/boards" && pwd)
dir=$(mktemp -d)
server=
trap 'kill $server 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

# Until a socket answers; the server says when it is ready.
serve() {
    rm -f log
    mkfifo log
    "$vgpio" serve -v "$@" 2> log &
    server=$!
    exec 3< log
    for socket in panel other; do
        read -r line <&3 || fail "no word of the server"
        case $line in
            "vgpio: $socket.sock: ready: "*) ;;
            *) fail "the server says: $line" ;;
        esac
    done
    cat <&3 > rest &
    exec 3<&-
}

ends() { # STATUS
    kill "$server"
    wait "$server"
    status=$?
    server=
    [ "$status" = "$1" ] || fail "exit status $status, expected $1"
}

gets() { # SOCKET LINE VALUE
    got=$("$vgpio" get -c "./$1.sock" --unquoted "$2") || fail "get $1 $2"
    [ "$got" = "$2=$3" ] || fail "$1: $got, expected $2=$3"
}

serve --board "$examples/panel.board"
"$vgpio" info -c ./panel.sock > lines || fail "info"
grep -q '"button"' lines || fail "no line named button"
gets panel button active
gets panel led inactive
gets panel reset active
gets other sense inactive
gets other idle active
gets other sda active

# Driven here, seen there: as long as the line is held.
mkfifo orders
"$vgpio" set -c ./panel.sock --interactive led=1 sda=0 < orders > said &
holder=$!
exec 4> orders
echo get >&4
while ! grep -q led said; do
    kill -0 "$holder" 2> /dev/null || fail "set --interactive ended"
done
gets other sense active
gets other idle inactive
gets other sda inactive
echo "set led=0 sda=1" >&4
echo "get led" >&4
while ! grep -q 'led"*=inactive' said; do
    kill -0 "$holder" 2> /dev/null || fail "set --interactive ended"
done
gets other sense inactive
gets other sda active
exec 4>&-
wait "$holder"
ends 0
if [ -e panel.sock ] || [ -e other.ctl ]; then
    fail "sockets are left"
fi

# What is wrong is said with its place, and nothing is opened.
wrong() { # LINE:COLUMN WORDS
    "$vgpio" serve --board bad.board 2> err && fail "taken: $(cat bad.board)"
    grep -q "^vgpio: bad.board:$1: .*$2.*expected" err || fail "$1 $2: says $(cat err)"
    [ ! -e a.sock ] || fail "a socket of a bad board"
}
printf 'device a lines=2 socket=a.sock\nline a.x 7\n' > bad.board
wrong 2:10 "'7'"
printf 'device a lines=2 socket=a.sock\nline a.x 1\nline a.x 0\n' > bad.board
wrong 3:6 "there already"
printf 'device a lines=2 socket=a.sock\nwire a.0 -> a.1\nwire a.1 -> a.0\n' > bad.board
wrong 3:6 "a loop"
"$vgpio" serve --board nowhere 2> err && fail "no such file"
grep -q '^vgpio: nowhere: ' err || fail "no such file: $(cat err)"
printf 'device a lines=2\n' > no.board
"$vgpio" serve --board no.board 2> err
[ $? = 2 ] || fail "a board without a socket"
"$vgpio" serve --board no.board --sim 3 -s x 2> err
[ $? = 2 ] || fail "--board and --sim"
"$vgpio" serve --board no.board -s x -s y 2> err
[ $? = 2 ] || fail "two sockets for one device"
echo "all as expected"
