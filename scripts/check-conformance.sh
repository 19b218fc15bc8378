#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# docs/conformance.md and docs/security.md name tests and functions that exist; every rule
# of docs/conformance-ids.txt has exactly one row, and one that binds (MUST) names both a
# function and a test, or stands among those that do not apply. docs/check.md, the same for
# `vgpio check`, is compared with what that lists, and so are the rules of drivers in the table
# with what `vgpio trap` lists.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
shopt -s nullglob

table=docs/conformance.md
ids=docs/conformance-ids.txt
bad=0
complain()
{
    echo "$*"
    bad=1
}

# The functions that files define, as FILE:NAME, twice if the name is used as well. (The
# code style has every definition, and no call, begin in the first column.)
functions()
{
    awk '/^[a-z].*\(/ {
            line = $0
            sub(/\(.*/, "", line)
            sub(/.*[ *]/, "", line)
            if (line != "") {
                def[FILENAME ":" line] = 1
            }
        }
        {
            gsub(/[^A-Za-z0-9_]+/, " ")
            n = split($0, word, " ")
            for (i = 1; i <= n; i++) {
                used[FILENAME ":" word[i]]++
            }
        }
        END {
            for (f in def) {
                print f
                if (used[f] > 1) {
                    print f
                }
            }
        }' "$@"
}

declare -A source_has=() test_has=() seen=() listed=()
while IFS=: read -r _ name; do
    source_has[$name]=1
done < <(functions src/*.[ch] include/virtiogpio/*.h)
while IFS= read -r name; do
    test_has[$name]=$((${test_has[$name]:-0} + 1))
done < <(functions tests/*/*.c tests/*/*/*.c)
while read -r id; do
    listed[$id]=1
done < <(grep -v '^#' "$ids")

# What stands in backticks, one a line.
# shellcheck disable=SC2016
quoted()
{
    grep -o '`[^`]*`' <<< "$1" | tr -d '`' || true
}

# A test that is defined but in no list never runs.
check_test() # WHO FILE:FUNCTION
{
    local at=$2
    [[ $at == */* ]] || at=unit/$at
    case ${test_has[tests/$at]:-0} in
        0) complain "$1: there is no $at" ;;
        1) complain "$1: $at is never run" ;;
    esac
}

section='' rows=0 tests=0
while IFS= read -r line; do
    [[ $line != '## '* ]] || section=$line
    [[ $section != *'watched from outside' ]] || continue
    [[ $line =~ ^\|\ ((GPIO|RING|CORE|MMIO|DRAFT)-[A-Z]+-[P0-9]+)\ \|\ ([^|]*)\ \| ]] || continue
    id=${BASH_REMATCH[1]} level=${BASH_REMATCH[3]}
    rows=$((rows + 1))
    [ -z "${seen[$id]:-}" ] || complain "$id has two rows"
    seen[$id]=1
    [ -n "${listed[$id]:-}" ] || complain "$id is not in $ids"
    IFS='|' read -r _ _ _ _ kept shown _ <<< "$line"
    case $section in
        *'left to choose')
            [[ $level != MUST* ]] || complain "$id is a $level and no matter of choice"
            ;;
        *'does not apply')
            [ -n "${kept// /}" ] || complain "$id does not say why"
            ;;
        *)
            [ -n "$(quoted "$kept")" ] || complain "$id names no function"
            [ -n "$(quoted "$shown")" ] || complain "$id names no test"
            for name in $(quoted "$kept"); do
                [ -n "${source_has[$name]:-}" ] || complain "$id: src/ has no $name"
            done
            for name in $(quoted "$shown"); do
                tests=$((tests + 1))
                check_test "$id" "$name"
            done
            ;;
    esac
done < "$table"

for id in "${!listed[@]}"; do
    [ -n "${seen[$id]:-}" ] || complain "$id has no row in $table"
done

while IFS= read -r name; do
    tests=$((tests + 1))
    check_test docs/security.md "$name"
done < <(quoted "$(grep '^| B' docs/security.md)" | grep -E '^[a-z_/]+\.c:')
while IFS= read -r name; do
    tests=$((tests + 1))
    check_test "$table" "$name"
done < <(quoted "$(sed -n '/^## What is left/,/^## What does not/p' "$table")" |
    grep -E '^[a-z_/]+\.c:')

# docs/check.md has a row for each rule of devices and each class of faults; the tests that
# it names are those of `vgpio check --list`, each in the row of its own rule, too.
vgpio=${VGPIO:-build/vgpio}
declare -A rule_of=() listed_in=() at_home=()
[ -x "$vgpio" ] || complain "docs/check.md: there is no $vgpio to ask for its tests"
while read -r id rule _; do
    rule_of[$id]=$rule
done < <("$vgpio" check --list)
while IFS='|' read -r _ rule _ shown _; do
    rule=${rule// /}
    [[ $rule =~ ^((GPIO|RING|CORE)-DEV-[P0-9]+|B[0-9]+)$ ]] || continue
    [ -z "${listed_in[$rule]:-}" ] || complain "docs/check.md: $rule has two rows"
    listed_in[$rule]=1
    [[ $shown == *check:* || $shown == *'not seen: '* ]] ||
        complain "docs/check.md: $rule names no test"
    for name in $(quoted "$shown" | sed -n 's/^check://p'); do
        tests=$((tests + 1))
        [ -n "${rule_of[$name]:-}" ] || complain "docs/check.md: no test is called $name"
        [ "${rule_of[$name]:-}" != "$rule" ] || at_home[$name]=1
    done
done < docs/check.md
for id in "${!rule_of[@]}"; do
    [ -n "${at_home[$id]:-}" ] || complain "docs/check.md: $id is not in the row of its rule"
done
for id in $(printf '%s\n' "${!listed[@]}" | grep -E '^(GPIO|RING|CORE)-DEV-') B{1..30}; do
    [ -n "${listed_in[$id]:-}" ] || complain "docs/check.md: $id has no row"
done

# Likewise the rules of drivers in the table itself, and `vgpio trap --list`.
declare -A trap_rule_of=() watched=() trap_at_home=()
while read -r _ id rule _; do
    trap_rule_of[$id]=$rule
done < <("$vgpio" trap --list)
while IFS='|' read -r _ rule shown _; do
    rule=${rule// /}
    [[ $rule =~ ^((GPIO|RING|CORE)-(DRV|DEV)-[P0-9]+|[AB][0-9]+)$ ]] || continue
    [ -z "${watched[$rule]:-}" ] || complain "$rule is watched in two rows"
    watched[$rule]=1
    [[ $shown == *trap:* || $shown == *'not seen: '* ]] ||
        complain "$rule: nothing of vgpio trap watches it"
    for name in $(quoted "$shown" | sed -n 's/^trap://p'); do
        tests=$((tests + 1))
        [ -n "${trap_rule_of[$name]:-}" ] || complain "$rule: vgpio trap has no $name"
        [ "${trap_rule_of[$name]:-}" != "$rule" ] || trap_at_home[$name]=1
    done
done < <(sed -n '/^## .*watched from outside/,/^## What is left/p' "$table")
for id in "${!trap_rule_of[@]}"; do
    [ -n "${trap_at_home[$id]:-}" ] || complain "$table: trap:$id is not in the row of its rule"
done
for id in $(printf '%s\n' "${!listed[@]}" | grep -E '^(GPIO|RING|CORE)-DRV-'); do
    [ -n "${watched[$id]:-}" ] || complain "$id: no row says how vgpio trap watches it"
done

echo "$rows rules, $tests references to tests checked"
exit "$bad"
