#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio trap` against the tools: on every kind of rings no rule is broken, and no lie makes a
# tool crash or hang.
# usage: trap.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# Reads, drives, lists and waits for edges; each ends by itself, whatever the device does.
cat > "$dir/driver" << DRIVER
v='$vgpio'
"\$v" get -c "\$SOCKET" --timeout 1s --numeric 0 1 2
"\$v" set -c "\$SOCKET" --timeout 1s -t0 3=1
"\$v" info -c "\$SOCKET" --timeout 1s > /dev/null
"\$v" mon -c "\$SOCKET" --timeout 1s --idle-timeout 2s -n 3 1
DRIVER

# trapped SEEN OPTION...: exit 0, and a line of the report matches SEEN.
trapped() {
    seen=$1
    shift
    "$vgpio" trap --spawn "sh $dir/driver" --timeout 60s "$@" > "$dir/out" 2> "$dir/err" || {
        echo "FAILED: $*: status $?"
        grep -A 2 -E '^(FAIL|WEDGED|CRASHED)' "$dir/out"
        cat "$dir/err"
        failures=$((failures + 1))
    }
    grep -q -- "$seen" "$dir/out" || {
        echo "FAILED: $*: no '$seen' in the report"
        failures=$((failures + 1))
    }
}

trapped '^PASS *split-kick-event ' --watch
trapped '^PASS *split-kick ' --watch --no-event-idx
trapped '^SKIP *split-table-next ' --watch --no-indirect-desc
trapped '^PASS *packed-table-next ' --watch --packed
trapped '^PASS *packed-room ' --watch --packed --no-event-idx --no-indirect-desc
trapped '^REJECT *names-size-1 ' --split
trapped '^REJECT *names-size-1 ' --packed
exit $failures
