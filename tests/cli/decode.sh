#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio decode`: each type, good bytes and bad ones.
# usage: decode.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0
checks=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# says STATUS TEXT ARGUMENT...: that exit status, and that text on stdout or stderr.
says() {
    want=$1
    text=$2
    shift 2
    checks=$((checks + 1))
    "$vgpio" decode "$@" > out 2>&1 < in
    status=$?
    [ $status = "$want" ] || fail "$*: exit status $status"
    grep -qF -- "$text" out || fail "$*: no '$text' in: $(cat out)"
}

: > in
says 0 "05 00 03 00 01 00 00 00  SET_VALUE line 3: high" 05 00 03 00 01 00 00 00
says 0 "06 00 01 00 08 00 00 00  SET_IRQ_TYPE line 1: while low" 0x06:00:01:00,08000000
says 0 "unknown message 7" -t request 0700000000000000
says 1 "1 bytes too many, or too few" -t request 050003000100000000
says 1 "neither vhost-user messages nor requests" 05
says 1 "0 bytes are neither"
echo "04 00 03 00 00 00 00 00" > in
says 0 "GET_VALUE line 3"
echo "04 0g" > in
says 2 "not hexadecimal: '04 0g'"
: > in

says 0 "OK: high" -t response --to 0400030000000000 00 01
says 0 "OK: in" -t response --to 0200030000000000 00 02
says 0 "ERR" -t response --to 0200030000000000 01 00
says 0 'line   1:  "b\x1bt"' -t response --to 0100000000000000 006c656400621b7400
says 1 "1 bytes of a name without an end" -t response --to 0100000000000000 006100 62
says 1 "1 bytes are too few for an answer" -t response --to 0200030000000000 00
says 2 "--to and the 8 bytes" -t response 0000
says 2 "--to and the 8 bytes" -t response --to 04 0000

says 0 "unmask line 258" -t irq 0201
says 0 "VALID: the line interrupts" -t irq-status 01
says 0 "INVALID: " -t irq-status 00
says 0 "gpio_names_size  21" -t config 0400000015000000
says 0 "(impossible" -t config 0400000003000000
says 0 "(must be 0)" -t config 0400010000000000
says 1 "7 bytes are too few" -t config 04000000150000
says 1 "1 bytes behind the configuration" -t config 040000001500000000
printf 'led\0\0a"b\0' > in
says 0 'line   2:  "a\x22b"' -t names -b -
says 0 'line   0:  "led"' -t names -b in
says 1 "nowhere: " -b nowhere
: > in
says 0 "0x130000001  IRQ INDIRECT_DESC EVENT_IDX VERSION_1" -t features 0x130000001
says 2 "is not a number" -t features x
says 2 "one number" -t features
says 0 "GET_LEVEL line 3, answer: 1" -t draft 0580030001000000
says 0 "LEVEL report line 2: 1" -t draft 1100020001000000

# vhost-user is in the byte order of the machine. u32 N: its bytes.
if [ "$(printf '\001\000' | od -An -tu2 | tr -d ' ')" = 1 ]; then
    u32() { printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) 0 0; }
    hi="" lo=00000000
else
    u32() { printf '%02x%02x%02x%02x' 0 0 $(($1 >> 8 & 255)) $(($1 & 255)); }
    hi=00000000 lo=""
fi
says 0 "> GET_FEATURES (1)" "$(u32 1)$(u32 1)$(u32 0)"
says 0 "< GET_FEATURES (1) IRQ" "$(u32 1)$(u32 5)$(u32 8)$hi$(u32 1)$lo"
says 0 "GET_PROTOCOL_FEATURES (15) MQ REPLY_ACK CONFIG" \
    "$(u32 15)$(u32 5)$(u32 8)$hi$(u32 521)$lo"
says 0 "SET_VRING_NUM (8) [wants an ack] queue 1 size 64" \
    "$(u32 8)$(u32 9)$(u32 8)$(u32 1)$(u32 64)"
says 0 "GET_VRING_BASE (11) queue 0 position 0x5" \
    "$(u32 11)$(u32 5)$(u32 8)$(u32 0)$(u32 5)"
says 0 "SET_VRING_KICK (12) queue 1, no descriptor" \
    "$(u32 12)$(u32 1)$(u32 8)$hi$(u32 257)$lo"
says 0 "SET_VRING_NUM (8) refused" "$(u32 8)$(u32 5)$(u32 8)$hi$(u32 1)$lo"
says 0 "GET_CONFIG (24) offset 0 size 2: 04 00" \
    "$(u32 24)$(u32 5)$(u32 14)$(u32 0)$(u32 2)$(u32 0)0400"
says 0 "SET_MEM_TABLE (5) 9 regions" \
    "$(u32 5)$(u32 1)$(u32 8)$(u32 9)$(u32 0)"
says 0 "request (99) [version 2]" -t vhost-user "$(u32 99)$(u32 2)$(u32 0)"
says 1 "13 bytes are no whole message" -t vhost-user "$(u32 1)$(u32 1)$(u32 8)00"
says 1 "12 bytes are no whole message" -t vhost-user "$(u32 1)$(u32 1)$(u32 65535)"

says 2 "unknown type 'x'" -t x 00
says 2 "unknown option '-x'" -x
says 2 "unexpected argument '00'" -b in 00
says 2 "option '-t' needs a value" -t

echo "$checks checks, $failures failed"
[ $failures = 0 ]
