#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The files of a service: systemd's units, and the description that front ends look for.
# usage: service_files.sh VGPIO
set -eu
vgpio=$(realpath "$1")
files=$(dirname "$vgpio")/service
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

# By the name in the description it is a back end, and needs no option but a socket's.
ln -s "$vgpio" "$work/vhost-user-gpio"
said=$("$work/vhost-user-gpio" --print-capabilities)
[ "$said" = "$("$vgpio" serve --print-capabilities)" ] || fail "capabilities: $said"
grep -q '"binary": "/.*/vhost-user-gpio"' "$files/50-vgpio.json" ||
    fail "the description names another program"
"$work/vhost-user-gpio" --socket-path="$work/gpio" --once &
server=$!
until said=$("$vgpio" detect --timeout 100s "$work/gpio" 2> "$work/why"); do
    kill -0 $server || fail "the back end ended: $(cat "$work/why")"
done
wait $server || fail "the back end's exit status is $?"
case $said in
    *"(8 lines)") ;;
    *) fail "detect: $said" ;;
esac

if command -v python3 > /dev/null; then
    python3 - "$files/50-vgpio.json" "$said" << 'END' || fail "the description"
import json, subprocess, sys
description = json.load(open(sys.argv[1]))
assert set(description) == {"description", "type", "binary", "tags"}, description
END
fi

command -v systemd-analyze > /dev/null || {
    echo "skip: no systemd-analyze"
    exit 77
}
# A program that is there, and an instance of each template.
for unit in "$files"/vgpio*; do
    sed "s|^ExecStart=[^ ]*|ExecStart=$vgpio|" "$unit" \
        > "$work/$(basename "$unit")"
done
cd "$work"
systemd-analyze verify --man=no ./vgpio@guest.service ./vgpio@guest.socket \
    ./vgpio-control@guest.socket > said 2>&1 || fail "systemd-analyze: $(cat said)"
! grep -q vgpio said || fail "systemd-analyze: $(cat said)"
# What the unit says is what the command takes.
# shellcheck disable=SC2016
options=$(sed -n 's/^ExecStart=[^ ]* //; s/ \$VGPIO_LINES$//p' vgpio@.service)
[ "$options" = "serve --sandbox" ] || fail "the unit starts: $options"
