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
    for socket in panel lamp; do
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
    got=$("$vgpio" get --timeout 100s -c "./$1.sock" --unquoted "$2") || fail "get $1 $2"
    [ "$got" = "$2=$3" ] || fail "$1: $got, expected $2=$3"
}

serve --board "$examples/panel.board"
"$vgpio" info --timeout 100s -c ./panel.sock > lines || fail "info"
grep -q '"button"' lines || fail "no line named button"
gets panel button active
gets panel reset active
gets panel lit inactive
gets panel dark active
gets panel sda active
gets lamp led inactive

# No guest drives a line that the board holds.
"$vgpio" set --timeout 100s -c ./panel.sock reset=0 2> err && fail "drove a line that is held"
grep -q 'SET_DIRECTION of line 5: the device refused' err || fail "hog: $(cat err)"
gets panel reset active

# Driven here, seen there: as long as the line is held.
mkfifo orders
"$vgpio" set --timeout 100s -c ./lamp.sock --interactive led=1 sda=0 < orders > said &
holder=$!
exec 4> orders
told() { # TEXT
    while ! grep -q "$1" said; do
        kill -0 "$holder" 2> /dev/null || fail "set --interactive ended"
    done
}
echo get >&4
told led
gets panel lit active
gets panel dark inactive
gets panel sda inactive
echo "set led=0 sda=1" >&4
echo "get led" >&4
told 'led"*=inactive'
gets panel lit inactive
gets panel sda active
exec 4>&-
wait "$holder"
ends 0
if [ -e panel.sock ] || [ -e lamp.ctl ]; then
    fail "sockets are left"
fi

# The script presses, `mon` sees it, we light the lamp, the script sees that. Time moves
# only between, so two runs are the same to the bit, however long each step really took.
runs() { # NAME
    serve --board "$examples/panel.board" --script "$examples/panel.script" \
        --virtual-time --vcd "$1.vcd" > "$1.out"
    rm -f orders
    mkfifo orders events
    "$vgpio" set --timeout 100s -c ./lamp.sock --interactive led=0 < orders > said &
    holder=$!
    exec 4> orders
    "$vgpio" mon --timeout 100s -c ./panel.sock --format %E --num-events 6 button > events &
    watcher=$!
    while read -r edge; do
        case $edge in
            falling) echo "set led=1" >&4 ;;
            rising) echo "set led=0" >&4 ;;
            *) fail "mon says $edge" ;;
        esac
    done < events
    wait "$watcher" || fail "mon: exit status $?"
    wait "$server"
    status=$?
    server=
    exec 4>&-
    wait "$holder"
    rm events
    [ "$status" = 0 ] || fail "$1: exit status $status: $(cat rest)"
}
runs one
runs two
cmp one.vcd two.vcd || fail "two runs differ"
printf '0.000000 both are there\n0.200000 done\n' | cmp - one.out || fail "$(cat one.out)"
for time in '#0' '#50000000' '#60000000' '#110000000' '#170000000' '#200000000'; do
    grep -qxF "$time" one.vcd || fail "no $time in the waveform: $(cat one.vcd)"
done

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
