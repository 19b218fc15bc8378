#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A back end in one dialect, served in another, used by the tools. $1: the vgpio to test.
set -eu
# shellcheck source=tests/support/listens.sh
. "$(dirname "$0")/../support/listens.sh"
vgpio=$1
dir=$(mktemp -d)
back=
joint=
trap 'kill $back $joint 2> /dev/null || true; rm -rf "$dir"' EXIT

fail()
{
    echo "$*" >&2
    cat "$dir"/*.log >&2
    exit 1
}

is() # WHAT WANTED GOT
{
    [ "$2" = "$3" ] || fail "$1: wanted '$2', got '$3'"
}

try() # DOWNSTREAM UPSTREAM
{
    "$vgpio" serve -s "$dir/a" --sim led,button,,reset --dialect "$1" 2> "$dir/back.log" &
    back=$!
    listens "$dir/a" $back || fail "the back end ended"
    "$vgpio" bridge -c "$dir/a" -s "$dir/b" --dialect "$2" 2> "$dir/joint.log" &
    joint=$!
    listens "$dir/b" $joint || fail "the bridge ended"
    is "$1 behind $2" '"led"=inactive "button"=inactive' \
        "$("$vgpio" get --timeout 100s -c "$dir/b" led button)"
    "$vgpio" set --timeout 100s -c "$dir/b" -t 0 led=1 || fail "set"
    is names '4 lines:' "$("$vgpio" info --timeout 100s -c "$dir/b" | sed -n '1s/.* - //p')"
    kill "$back"
    wait "$back" || fail "the back end failed"
    if wait "$joint"; then
        fail "the bridge did not notice that its back end is gone"
    fi
    [ ! -e "$dir/b" ] || fail "the bridge left its socket behind"
    back=
    joint=
}

for down in standard draft draft-2021; do
    for up in standard draft draft-2021; do
        try "$down" "$up"
    done
done
if "$vgpio" bridge -c "$dir/none" -s "$dir/b" 2> /dev/null; then
    fail "no back end, and no complaint"
fi
code=0
"$vgpio" bridge -c x 2> /dev/null || code=$?
is "exit status of a wrong command line" 2 "$code"
