# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016,SC2154
# Rings that go around, with answers and interrupts in another order than what asked for them.

case_rings() {
    patience 3
    serve 8
    boot
    rings_go_around
    guest 'unbind; bind'
    rings_go_around
    accounted
    halt
    end_server
}

# More than twice around each ring, as far as there are interrupts.
rings_go_around() {
    local before places=${ring:-256}
    stat requests
    before=$stat
    # Each line that is read is asked for its value, and told its direction before and after.
    guest "for i in \$(seq $((places / 8))); do gpioget \$chip 0 1 2 3 4 5 6 7; done | uniq -c"
    expect "reads of 8 lines" "${output// /}" $((places / 8))00000000
    stat requests
    [ $((stat - before)) -gt $((2 * places)) ] || fail "only $((stat - before)) requests"
    [ "${interrupts:-yes}" = yes ] || return 0
    pairs_in_disorder
    guest mon m 5
    guest irqs gpiomon
    before=$output
    toggling 5
    guest "until_true irqs_over gpiomon $((before + 2 * places))"
    toggled
    guest stop m
}

# All are waiting, and none comes back when it would be its turn. gpiomon has a queue for each
# line, so the order in which it prints is its own.
pairs_in_disorder() {
    local order line seen=4
    guest "mon m '1 2 3 4' --rising-edge"
    for order in "4 2 1 3" "3 4 2 1" "1 3 4 2" "2 1 3 4"; do
        for line in $order; do ctl "pull $line 1"; done
        guest "seen m $seen > /dev/null; sort /tmp/m | uniq -c | tr -d '\n'"
        expect "events" "${output// /}" "$(printf "$((seen / 4))1%s" 1 2 3 4)"
        ctl "pull 1 0" "pull 2 0" "pull 3 0" "pull 4 0" barrier
        seen=$((seen + 4))
    done
    edges=$((edges + 32))
    guest stop m
}
