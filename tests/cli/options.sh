#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every option that --help lists is taken, in the manual page, and offered by the
# completion; and a page of a command's own lists no other.
# usage: options.sh VGPIO
set -u
vgpio=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
script=$top/completions/vgpio.bash
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# The options in the first column of a help text: long ones, and letters.
listed() {
    sed -n 's/^ \{2,6\}\(-.*\)/\1/p' | sed 's/  .*//' | tr ', ' '[\n*]' | grep '^-[-a-zA-Z]*$'
}

# What a manual page says in bold at the head of a paragraph, without escapes.
headed() {
    sed -n '/^\.SH OPTIONS/,/^\.SH [^O]/p' "$1" | grep '^\.B' | sed 's/\\f.//g; s/\\//g' |
        tr ', ="[' '[\n*]' | grep '^--[a-z]'
}

# known COMMAND OPTION: it is no unknown one, with whatever value.
known() {
    ! "$vgpio" "$1" "$2=" --help 2>&1 < /dev/null | grep -q 'unknown or ambiguous option'
}

# shared COMMAND: its page is that of another one, too.
shared() {
    grep -qx "\.so man1/vgpio-$1\.1" "$top"/docs/man/*.1
}

total=0
for command in $("$vgpio" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'); do
    page=$top/docs/man/vgpio-$command.1
    [ -e "$page" ] || page=$top/docs/man/vgpio.1
    other=$(sed -n 's/^\.so man1\///p' "$page") # two commands share that one
    [ -z "$other" ] || page=$top/docs/man/$other
    options=$("$vgpio" "$command" --help | listed)
    # shellcheck disable=SC2016
    offered=$(bash -c '. "$1"; COMP_WORDS=("$2" "$3" "-"); COMP_CWORD=2; _vgpio
        printf "%s\n" "${COMPREPLY[@]}"' bash "$script" "$vgpio" "$command")
    for option in $options; do
        total=$((total + 1))
        echo "$offered" | grep -qxe "$option" || fail "$command $option: not completed"
        sed 's/\\//g' "$page" "$top/docs/man/vgpio.1" | grep -qE -e "(^|[^-a-z])$option([^-a-z]|\$)" ||
            fail "$command $option: not in ${page##*/}"
        case $option in
            --*) known "$command" "$option" || fail "$command $option: unknown" ;;
        esac
    done
    [ "$page" != "$top/docs/man/vgpio-$command.1" ] || shared "$command" && continue
    for option in $(headed "$page"); do
        known "$command" "$option" || fail "$command $option: only in ${page##*/}"
    done
done

# What is accepted for the sake of gpiod's scripts is told of, too.
for option in --debounce-period --silent; do
    known mon "$option" || continue
    total=$((total + 1))
    "$vgpio" mon --help | listed | grep -qxe "$option" || fail "mon $option: not in --help"
    sed 's/\\//g' "$top/docs/man/vgpio-mon.1" | grep -qe "$option" || fail "mon $option: not in its page"
done
echo "$total options, $failures failures"
[ "$total" -gt 50 ] && [ $failures = 0 ]
