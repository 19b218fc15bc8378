# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# The rings on which a case runs. Sourced by run.sh and qemu/run.sh.
#
# A case called CASE@RINGS runs with a server that offers those: RINGS is packed or split, then
# -no-event-idx, then -no-indirect-desc, each of which may be left out. Without @RINGS it is split.

# Every combination; the first is what a name without @ means.
every_rings=({split,packed}{,-no-event-idx}{,-no-indirect-desc})
# The cases for those that no whole list is run for: requests, interrupts and answers in every
# order, more of them than a ring has places, and a driver that leaves and comes back.
rings_cases=(rings rebind_armed)

# choose_rings CASE[@RINGS]: CASE in $case_name, the server's options in $rings_options, and in
# $rings_acked what the driver is to take of the three features.
choose_rings() {
    local rings=${1#"${1%%@*}"} word
    case_name=${1%%@*} rings_options=() rings_acked=0
    rings=${rings#@}
    : "${rings:=split}"
    [[ " ${every_rings[*]} " == *" $rings "* ]] || return 1
    case $rings in
        packed*) rings_options+=(--packed) rings_acked=$((1 << 34)) ;;
    esac
    for word in no-indirect-desc:28 no-event-idx:29; do
        case $rings in
            *-"${word%:*}"*) rings_options+=("--${word%:*}") ;;
            *) rings_acked=$((rings_acked | 1 << ${word#*:})) ;;
        esac
    done
}

# rings_as_chosen ACKED: are the three features of this word those wanted? If not, says so.
rings_as_chosen() {
    local got=$(($1 & (1 << 34 | 1 << 29 | 1 << 28)))
    [ $got = "$rings_acked" ] || {
        printf 'features 34, 29, 28: the driver took 0x%x, wanted 0x%x\n' $got "$rings_acked"
        return 1
    }
}
