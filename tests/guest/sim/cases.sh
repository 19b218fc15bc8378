# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# What a guest may do with lines of the machine that its server runs on, and what the machine may
# do to it. The words are those of inside.sh.

case_output() {
    chip a
    serve "$a:3=LED"
    drive dir=0,out
    expect "answer" "$answer" 0
    drive set=0,1 dir=0,out get=0 where=0 "sh=cat $(sim_lines a)/sim_gpio3/value > $work/v" \
        set=0,0 get=0
    expect "answers" "$answer" "0 0 1 1 0 0"
    expect "the wire, with 1" "$(cat "$work/v")" 1
    wire a 3
    expect "the wire, with 0" "$answer" 0
    host a 3
    expect "what the host says" "$answer" 'unnamed "vgpio" output active-high [used]'
    host a 2
    expect "another line" "$answer" "unnamed unused input active-high"
    drive dir=0,none where=0
    expect "answers" "$answer" "0 0"
    host a 3
    expect "given back" "$answer" "unnamed unused input active-high"
}
