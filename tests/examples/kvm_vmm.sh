#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What kvm_vmm says before it runs anything: its help, a wrong command line, a machine that cannot
# do it. What it does with guests is in tests/guest/kvm/.
# usage: kvm_vmm.sh PROGRAM
set -euo pipefail
vmm=$1
failed=0

# says STATUS TEXT ARGUMENT...: it ends with STATUS, and TEXT is in what it prints
says() {
    local want=$1 text=$2 status=0 out
    shift 2
    out=$("$vmm" "$@" 2>&1 < /dev/null) || status=$?
    if [ "$status" != "$want" ] || ! grep -qF -- "$text" <<< "$out"; then
        echo "kvm_vmm $*: status $status, wanted $want and '$text', got: $out"
        failed=1
    fi
}

for word in --kernel --initrd --append --cpus --memory --gpio --without --control \
    "3 this machine cannot run guests"; do
    says 0 "$word" --help
done
says 2 "no --kernel"
says 2 "--nonsense" --nonsense
says 2 "no value for --kernel" --kernel
says 2 "what is extra" --kernel x extra
says 2 "--cpus is a number from 1 to 16, not '0'" --cpus 0
says 2 "not '17'" --cpus 17
says 2 "not '2x'" --cpus 2x
says 2 "--memory is a number from 64 to 3072, not '-1'" --memory -1
says 2 "no feature sparkling" --without irq,sparkling

# The second half is run by tests/guest/kvm/ on every machine.
if ! grep -qwE '^flags.*(vmx|svm)' /proc/cpuinfo || [ ! -w /dev/kvm ]; then
    says 3 "/dev/kvm" --kernel /dev/null
    [ ! -w /dev/kvm ] || says 3 "neither vmx nor svm" --kernel /dev/null
else
    says 1 "too short for a kernel" --kernel "$0"
    says 1 "cut short, or too big" --kernel "$vmm"
    says 2 "--gpio" --kernel /dev/null --gpio 0
fi
exit $failed
