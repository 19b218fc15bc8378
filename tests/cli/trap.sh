#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio trap` against the library's own driver, led through all it can do, and against the tools:
# on every kind of rings no rule is broken; no lie makes a driver crash or hang; and a tool says
# what is wrong. $TRAP_DRIVER is that driver.
# usage: trap.sh VGPIO
set -u
# shellcheck source=tests/support/listens.sh
. "$(dirname "$0")/../support/listens.sh"
vgpio=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# trapped SEEN COMMAND OPTION...: exit 0, and a line of the report matches SEEN.
trapped() {
    seen=$1 command=$2
    shift 2
    "$vgpio" trap --spawn "$command" --timeout 100s "$@" > "$dir/out" 2> "$dir/err" || {
        fail "$command: $*: status $?"
        grep -A 2 -E '^(FAIL|WEDGED|CRASHED)' "$dir/out"
        cat "$dir/err"
    }
    grep -q -- "$seen" "$dir/out" || fail "$command: $*: no '$seen' in the report"
}

# Reads, drives, lists and waits for edges; each ends by itself, whatever the device does.
cat > "$dir/tools" << TOOLS
v='$vgpio'
"\$v" get -c "\$SOCKET" --timeout \$PATIENCE --numeric 0 1 2 > /dev/null
"\$v" set -c "\$SOCKET" --timeout \$PATIENCE -t0 3=1
"\$v" info -c "\$SOCKET" --timeout \$PATIENCE > /dev/null
"\$v" mon -c "\$SOCKET" --timeout \$PATIENCE --idle-timeout \$IDLE -q -n 3 1
TOOLS
# What such a driver does is not to depend on how fast this machine is.
export PATIENCE=20s IDLE=20s

# shellcheck disable=SC2016
driver="'$TRAP_DRIVER'"' "$SOCKET"'
for options in '' --no-event-idx --no-indirect-desc '--no-event-idx --no-indirect-desc'; do
    for flags in 0 1 2; do
        case $flags$options in
            *event-idx*) split=split-kick packed=packed-kick ;;
            1) split=split-table-next packed=packed-table-next ;;
            *) split=split-kick-event packed=packed-event ;;
        esac
        # shellcheck disable=SC2086
        {
            trapped "^PASS *$split " "$driver $flags" --watch $options
            trapped "^PASS *$packed " "$driver $flags" --watch --packed $options
        }
    done
done
trapped '^PASS *split-index ' "$driver 0 10000" --watch
trapped '^PASS *packed-keep ' "$driver 0 10000" --watch --packed
trapped '^SKIP *enable-first ' "$driver" --watch --no-irq
trapped '^PASS *enable-first ' "sh $dir/tools" --watch
for rings in --split --packed; do
    # All but the honest device; some have it wait for what never comes.
    trapped '^REJECT *no-version-1 ' "$driver 0 20 300" $rings --lie '[!h]*' --lie hang-up
done

# Where nothing ever answers a deadline must end: a machine that is too busy for a short one is
# given a longer one. Anywhere else none may end.
patience=20s
# told TEXT LIE...: one of the tools says so, and none says anything else.
told() {
    text=$1
    shift
    for lie in "$@"; do
        for rings in --split --packed; do
            for PATIENCE in $patience; do
                "$vgpio" trap --spawn "sh $dir/tools" --timeout 100s --lie "$lie" \
                    --only "$lie" $rings > "$dir/out" 2> "$dir/err" ||
                    fail "$rings $lie: $(cat "$dir/out")"
                ! grep -qv -- "$text" "$dir/err" && break
            done
            grep -q -- "$text" "$dir/err" || fail "$rings $lie: no '$text' in: $(cat "$dir/err")"
            ! grep -qv -- "$text" "$dir/err" || fail "$rings $lie: also said: $(cat "$dir/err")"
        done
    done
}

told ': GET_VALUE of line 0: the device refused$' len-0 len-1 untouched status-err \
    status-unknown value-2 value-255
told ': SET_VALUE of line 3: the device refused$' set-value-err
told ': SET_DIRECTION of line 0: the device refused$' set-direction-err
told ': SET_IRQ_TYPE of line 1: the device refused$' irq-type-err
told ': GET_LINE_NAMES of line 0: the device refused$' names-len names-err
told ': the device broke the rules of its rings$' len-3 len-huge id-range id-size id-free \
    event-len-2 event-id event-twice
patience='500ms 5s 20s'
told ': no answer to GET_VALUE of line 0 within [0-9]* ms$' silent
patience=20s
told ': hung up$' hang-up
# In a packed ring the next request can be where the second one was.
patience='500ms 5s 20s'
told ': \(the device broke the rules of its rings\|no answer to GET_VALUE of line 1 .*\)$' id-twice
patience=20s
told ': line 1: the device gave the interrupt back unused$' event-ping-pong
# Once is no fault: an event buffer that came back for nothing is posted again. Nothing more comes.
IDLE=500ms
for lie in event-invalid event-status event-len-0; do
    "$vgpio" trap --spawn "sh $dir/tools" --timeout 100s --lie "$lie" --only "$lie" \
        > "$dir/out" 2> "$dir/err" || fail "$lie: $(cat "$dir/out")"
    [ ! -s "$dir/err" ] || fail "$lie: $(cat "$dir/err")"
done
IDLE=20s
told ': not a GPIO device that can be used: ' no-version-1 no-eventq
told ': the names of its lines: a block of an impossible size$' ngpio-65535 names-size-huge \
    names-size-1
told ': the names of its lines: fewer than lines$' names-no-end names-few
told ': the names of its lines: more than lines$' ngpio-0 names-many
told ': the names of its lines: not printable ASCII$' names-control names-high

# A driver that breaks a rule, crashes or hangs is seen to.
expect() { # VERDICT COMMAND OPTION...
    want=$1 command=$2
    shift 2
    "$vgpio" trap --spawn "$command" --watch "$@" > "$dir/out" 2> /dev/null
    status=$?
    [ $status = 1 ] || fail "$command: exit status $status"
    grep -q "^$want *honest " "$dir/out" || fail "$command: $(head -n 1 "$dir/out")"
}
expect FAIL true
expect CRASHED 'kill -SEGV $$'
expect WEDGED 'sleep 100' --timeout 50ms

"$vgpio" trap --watch --json --only requestq --spawn "$driver" > "$dir/out"
grep -q '"verdict": "PASS", "id": "requestq", "rule": "GPIO-DRV-01"' "$dir/out" ||
    fail "--json: $(cat "$dir/out")"
"$vgpio" trap --watch --junit --only requestq --spawn "$driver" > "$dir/out"
grep -q '<testsuite name="vgpio trap">' "$dir/out" || fail "--junit: $(cat "$dir/out")"

# Without --spawn each driver that comes is told the next lie.
"$vgpio" trap --socket-path "$dir/gpio" --lie value-2 --lie late --only none > "$dir/out" &
listens "$dir/gpio" $! || fail "--socket-path: it does not listen"
"$vgpio" get -c "$dir/gpio" --timeout 20s 0 2> /dev/null
"$vgpio" get -c "$dir/gpio" --timeout 20s --numeric 0 > "$dir/value"
wait $! || fail "--socket-path: status $?"
[ "$(cat "$dir/value")" = 0 ] || fail "--socket-path: $(cat "$dir/value")"
[ "$(grep -cE '^(PASS|REJECT) *(value-2|late) ' "$dir/out")" = 2 ] ||
    fail "--socket-path: $(cat "$dir/out")"
exit $failures
