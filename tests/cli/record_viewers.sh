#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Others open what `vgpio record` writes: sigrok-cli, and the reader of GTKWave (vcd2fst).
# usage: record_viewers.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
server=
trap 'kill $server 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

viewers=
for viewer in sigrok-cli vcd2fst; do
    if command -v $viewer > /dev/null; then
        viewers="$viewers $viewer"
    else
        echo "skip: no $viewer"
    fi
done
[ -n "$viewers" ] || exit 77

"$vgpio" serve -s gpio --sim 'led,button,,a b' --control ctl --virtual-time &
server=$!
"$vgpio" ctl ctl 'pull button 1' > out || fail "the server does not answer"
"$vgpio" record --vcd vcd -n 5 ctl &
recorder=$!
# shellcheck disable=SC2016
until grep -qx '$dumpvars' vcd 2> /dev/null; do :; done
"$vgpio" ctl ctl 'clock advance 1ms' 'pull led 1' 'clock advance 2ms' 'pull button 0' \
    'clock advance 3ms' 'pull button 1' 'pull "a b" 1' 'clock advance 4ms' 'pull led 0' > out
wait $recorder || fail "record: $?"

# A sample each 100 us: 10 of the first level, 90 of the second, ...
case $viewers in
    *sigrok*)
        sigrok-cli -i vcd -I vcd:downsample=100000 -O bits > samples || fail "sigrok-cli"
        for channel in led=0x10,1x90 button=1x30,0x30,1x40 line2=0x100 a_b=0x60,1x40; do
            want=${channel#*=}
            got=$(sed -n "s/^${channel%=*}://p" samples | tr -d ' \n' | fold -w 1 | uniq -c |
                awk '{ printf "%s%sx%s", (NR > 1 ? "," : ""), $2, $1 }')
            [ "$got" = "$want" ] || fail "sigrok-cli: ${channel%=*}: $got in place of $want"
        done
        ;;
esac

case $viewers in
    *vcd2fst*)
        vcd2fst vcd fst > out 2>&1 || fail "vcd2fst: $(cat out)"
        fst2vcd fst > back 2> out || fail "fst2vcd: $(cat out)"
        for file in vcd back; do
            # Its order of the first levels is its own.
            sed -n '/^\$enddefinitions/,$p' "$file" | sed '1d; /^\$/d' > $file.changes
        done
        sort vcd.changes > a
        sort back.changes > b
        cmp a b || fail "GTKWave's reader sees: $(cat back.changes)"
        ;;
esac
exit 0
