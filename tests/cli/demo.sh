#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio demo`: as expected, the same each time, and a waveform that others can read.
# usage: demo.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

has() { # FILE LINE
    grep -qxF -- "$2" "$1" || fail "$1 has no line '$2'"
}

LC_ALL=C
export LC_ALL
"$vgpio" demo --vcd one.vcd > one 2> err || fail "exit status $?: $(cat err)"
[ ! -s err ] || fail "on stderr: $(cat err)"
"$vgpio" demo --ascii --vcd two.vcd > two || fail "second run"
cmp one two || fail "two runs differ"
cmp one.vcd two.vcd || fail "the waveforms of two runs differ"
has one "Every answer was as expected."
[ "$(LC_ALL=C tr -d '\n -~' < one | wc -c)" = 0 ] || fail "not ASCII in the C locale"
LC_ALL=C.UTF-8 "$vgpio" demo > utf8 || fail "in a UTF-8 locale"
grep -q "$(printf '\342\226\201\342\226\224')" utf8 || fail "no waveform in UTF-8"

# Each message once, with its bytes.
has one "   0 us  > requestq   01 00 00 00 00 00 00 00  GET_LINE_NAMES"
has one "   7 us  > requestq   05 00 00 00 00 00 00 00  SET_VALUE led: low"
grep -q "06 00 01 00 01 00 00 00  SET_IRQ_TYPE button: rising edges" one || fail "no edge"
grep -q "06 00 02 00 04 00 00 00  SET_IRQ_TYPE alarm: while high" one || fail "no level"
[ "$(grep -c "< eventq .* 01 .*VALID: button interrupts" one)" = 2 ] || fail "edges"
[ "$(grep -c "< eventq .* 01 .*VALID: alarm interrupts" one)" = 2 ] || fail "levels"
[ "$(grep -c "< eventq .* 00 .*INVALID: " one)" = 2 ] || fail "pairs given back"
[ "$(grep -c " ERR" one)" = 0 ] || fail "an ERR"

# shellcheck disable=SC2016
has one.vcd '$timescale 1 ns $end'
# shellcheck disable=SC2016
has one.vcd '$scope module gpio $end'
# shellcheck disable=SC2016
has one.vcd '$var wire 1 ! led $end'
# shellcheck disable=SC2016
has one.vcd '$dumpvars'
has one.vcd 'z!'
has one.vcd '1!'
# Times only grow.
sed -n 's/^#//p' one.vcd | sort -n -C -u || fail "times of the waveform"

# What each message says is the same on every ring; only what was agreed on differs.
alike() { # OPTION...
    "$vgpio" demo "$@" > other || fail "$*: exit status $?"
    grep -q '^   0 us' other || fail "$*: no messages"
    diff one other | grep '^[<>]' | grep -v '^[<>]   features ' > differs
    [ ! -s differs ] || fail "$*: $(cat differs)"
}
alike --split
"$vgpio" demo --split | cmp - one || fail "--split is not what it is without options"
alike --no-event-idx
grep -q 'features taken .*EVENT_IDX' other && fail "--no-event-idx"
alike --no-indirect-desc
grep -q 'features taken .*INDIRECT' other && fail "--no-indirect-desc"
alike --no-event-idx --no-indirect-desc
has other "  features taken    IRQ VERSION_1"
grep -q RING_PACKED one && fail "packed rings nobody asked for"
for more in "" --no-event-idx --no-indirect-desc "--no-event-idx --no-indirect-desc"; do
    # shellcheck disable=SC2086
    alike --packed $more
    grep -q 'features taken .*RING_PACKED' other || fail "--packed $more"
done
"$vgpio" demo --no-irq > other || fail "--no-irq: exit status $?"
has other "Every answer was as expected."
grep -q eventq\  other && fail "--no-irq: an eventq"

# What cannot be written is said, and is no success.
if [ -c /dev/full ]; then
    "$vgpio" demo > /dev/full 2> err && fail "a full disk under stdout"
    grep -q '^vgpio: stdout: ' err || fail "says of it: $(cat err)"
    "$vgpio" demo --vcd /dev/full > /dev/null 2> err && fail "a full disk under the VCD file"
    grep -q '^vgpio: /dev/full: ' err || fail "says of it: $(cat err)"
fi
"$vgpio" demo --vcd nowhere/x > /dev/null 2>&1 && fail "no such folder"
for dialect in draft draft-2021; do
    "$vgpio" demo --ascii --dialect "$dialect" > draft || fail "the demo of $dialect"
    has draft "Every answer was as expected."
    has draft "  > queue 1   03 00 00 00 01 00 00 00  DIRECTION_OUTPUT line 0, value 1"
    has draft "  < queue 0   03 80 00 00 00 00 00 00  DIRECTION_OUTPUT line 0: answer 0"
    has draft "  < queue 0   11 00 01 00 01 00 00 00  LEVEL line 1 is 1"
done
"$vgpio" demo --dialect esperanto > /dev/null 2>&1 && fail "a dialect there is not"
echo "all as expected"
