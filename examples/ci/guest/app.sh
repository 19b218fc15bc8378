#!/bin/busybox sh
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=dash
# The software under test, in place of yours: the lamp is on while the button is pressed, and
# the console tells which key was heard. It knows keys and LEDs, and nothing of GPIO lines.
lamp=/sys/class/leds/lamp/brightness
while [ ! -e /dev/input/event0 ] || [ ! -e $lamp ]; do usleep 10000; done

exec 5< /dev/input/event0
echo "app: ready"
# An event is 24 bytes: time, type, code, value. Type 1 is a key.
while event=$(dd bs=24 count=1 2> /dev/null <&5 | od -An -v -tu2 -j16 -N6) && [ -n "$event" ]; do
    # shellcheck disable=SC2086
    set -- $event
    [ "$1" = 1 ] || continue
    echo "app: key $2 is $3"
    echo "$3" > $lamp
done
