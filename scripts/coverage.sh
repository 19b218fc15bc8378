#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Prints the branch coverage of the library that the tests of build-coverage/ reached, and
# fails where it is below 100 % in the files that must have it: wire, mem, the ring engine,
# the device, virtio-mmio, the simulator, loop, sync, the bridge, and texts. An exception is
# marked in the code (GCOVR_EXCL_BR_LINE) with its reason.
# usage: scripts/coverage.sh      after ctest --preset coverage
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
need_packages gcovr gcc

objects=build-coverage/CMakeFiles/vgpio_objects.dir
[ -d "$objects" ] || die "There is no $objects: build and run the preset coverage first"

report()
{
    gcovr --root . "$objects" --branches --exclude-unreachable-branches "$@"
}

report --filter src/ --exclude src/cli/

whole='src/(wire|mem|ring|devq[^/]*|drvq[^/]*|device[^/]*|mmio_[^/]*|loop|sync|sim|wiring|types'
whole+='|bridge|trace_str|draft_wire|vhost_user_str)\.[ch]$'
# Of no file at all, gcovr says that nothing is missing.
table=$(report --filter "$whole")
for file in src/{wire,mem,devq,drvq,device,mmio,loop,sync,sim,wiring,bridge,types,trace}*.c \
            src/draft_wire.c src/vhost_user_str.c; do
    grep -q "^$file " <<< "$table" || die "No figures for $file"
done
say "Which must be 100 %"
report --filter "$whole" --fail-under-branch 100 | sed -n '/^TOTAL/p'
