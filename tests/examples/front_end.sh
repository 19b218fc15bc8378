#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The example of a front end, on a `vgpio serve`: it prints what its comment says.
# usage: front_end.sh EXAMPLE VGPIO VGPIO-CTL
set -u
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$dir"' EXIT
"$2" serve -s "$dir/gpio" --sim 8 --control "$dir/ctl" &
server=$!
"$3" "$dir/ctl" info > /dev/null || exit 1
"$1" "$dir/gpio" > "$dir/out" &
example=$!
# Once it drives line 1 it waits, or soon will: an edge is latched from enabling on, so
# the button is pressed until that is so.
"$3" "$dir/ctl" "wait 1 1 120000" > /dev/null || exit 1
while kill -0 $example 2> /dev/null; do
    "$3" "$dir/ctl" "pull 0 1" "pull 0 0" > /dev/null || exit 1
done
wait $example || exit 1
printf '8 lines\nline 0 is 0\nline 1 drives 1\nline 0 rose\n' > "$dir/want"
diff "$dir/want" "$dir/out" || exit 1

# Without a back end: one line, and an end.
kill $server
wait $server
server=
"$1" "$dir/gpio" > "$dir/out" && exit 1
grep -qx "$dir/gpio: connect: No such file or directory" "$dir/out"
