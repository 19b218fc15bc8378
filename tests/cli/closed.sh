#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# With a standard descriptor that the caller closed: no socket gets its number, so that nothing
# that is printed goes to a back end, and what cannot be printed is an error.
# usage: closed.sh VGPIO
set -u
vgpio=$1
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
server=
trap 'kill $server 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
# shellcheck source=tests/support/listens.sh
. "$here/support/listens.sh"

fail() {
    echo "FAILED: $*"
    exit 1
}

# Closed itself, so that the listening socket could be any of the three.
"$vgpio" serve -s gpio --sim led <&- >&- 2>&- &
server=$!
listens gpio $server || fail "serve ended"

"$vgpio" get -c gpio led >&- 2> err && fail "get without stdout"
grep -q '^vgpio: stdout: Bad file descriptor$' err || fail "says of it: $(cat err)"
"$vgpio" info -c gpio >&- 2> /dev/null && fail "info without stdout"
"$vgpio" get -c gpio nope > out 2>&- && fail "get without stderr"
[ ! -s out ] || fail "prints $(cat out)"
[ "$("$vgpio" get -c gpio led <&-)" = '"led"=inactive' ] || fail "get without stdin"
[ "$("$vgpio" get -c gpio led)" = '"led"=inactive' ] || fail "the back end is gone"
for what in --version --help 'get --help' 'serve --help'; do
    # shellcheck disable=SC2086
    "$vgpio" $what >&- 2> err && fail "$what without stdout"
    grep -q '^vgpio: stdout: ' err || fail "$what says of it: $(cat err)"
done
kill -0 $server || fail "serve ended"
