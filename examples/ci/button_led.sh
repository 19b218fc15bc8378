#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same as button_led.py, in the words of a shell: boots Linux, presses its button, looks at
# its lamp. Environment as there; needs dtc.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
vgpio=${VGPIO:-vgpio}
work=$(mktemp -d)
guest=
server=

cleanup()
{
    # A process group of its own: the kernel runs as several processes.
    [ -z "$guest" ] || kill -KILL -- "-$guest" || true
    [ -z "$server" ] || kill "$server" || true
    wait 2> /dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

board() { "$vgpio" ctl "$work/control" "$@"; }

# Waits for a text on the guest's console, behind what was waited for before.
said=
until_says()
{
    local line
    while IFS= read -r -t 30 -u "$console" line; do
        said+=$line$'\n'
        case $line in *"$1"*) return ;; esac
    done
    printf "no '%s' on the console, but:\n%s" "$1" "$said" >&2
    exit 1
}

"$vgpio" serve --socket-path "$work/gpio" --sim button,led --control "$work/control" &
server=$!
sed "s|SOCKET|$work/gpio|" "$here/board.dts" | dtc -q -I dts -O dtb -o "$work/board.dtb" -
board info

exec {console}< <(exec setsid "$KERNEL" mem=64M "initrd=$INITRD" rdinit=/init \
    "dtb=$work/board.dtb" "uml_dir=$work" con=null con0=null,fd:1 < /dev/null 2>&1)
guest=$!
until_says 'app: ready'

board 'pull button 1' 'wait led 1 30000'
until_says 'app: key 28 is 1'
board 'pull button 0' 'wait led 0 30000'
until_says 'app: key 28 is 0'
echo "the button is a key, and the lamp follows it"
