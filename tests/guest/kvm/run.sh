#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real guest of ../run.sh in examples/kvm_vmm, the hypervisor that has the device built in: on
# this machine's /dev/kvm if its processor can do that, else nested, in a QEMU whose emulated
# processor has AMD's SVM. One of the two always runs.
#
# usage: run.sh [-l] [-n] [VARIANT|VARIANT/CASE]...    all, some; -l lists; -n nested in any case
#        KVM_VMM=FILE                  the program (build/examples/kvm_vmm)
#        VGPIO_CTL=FILE                the control socket's client (build/tests/vgpio-ctl)
#        VGPIO_GUEST_CACHE=FOLDER      where the kernel is kept: see build.sh
#        VGPIO_KVM_SECONDS=N           time for one case (30; nested 90)
#        VGPIO_KVM_TOGGLES=N           pulses of two_cpus (100000; nested 10000)
#
# A variant is what the device offers: packed or split rings, then +event and +indirect, then -irq
# for one without interrupts. Natively
# each runs with all cases; nested all cases run once, and of the other variants those that
# concern the rings most. Lines and exit status as of ../run.sh; the cases are those of ../cases
# and those of cases.sh, the words those of ../harness.sh as harness.sh changes them.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
guest_dir=$(dirname "$here")
top=$(realpath "$here/../../..")
VMM=$(realpath "${KVM_VMM:-$top/build/examples/kvm_vmm}")
CTL=$(realpath "${VGPIO_CTL:-$top/build/tests/vgpio-ctl}")

best=packed+event+indirect
variants=("$best" split+event+indirect packed split
    packed+event packed+indirect split+event split+indirect)
# Without interrupts only what needs none.
no_irq=$best-irq no_irq_cases=(features read drive no_irq)
# Without a device tree, and without what needs a server or a guest of its own.
# shellcheck disable=SC2054
cases=(features detect=8 read drive drive_many retake rising falling both same_level mon_again
    two_lines toggles_rising toggles_both toggles_at_once toggles_falling_at_once
    level_high level_low level_from_start masked_rising masked_falling masked_both
    latch_forgotten two_cpus doorbells watched rebind reset_armed refuses command_line names=alpha,beta,gamma-3)
some_cases=(features both masked_both two_cpus rebind reset_armed)

can_run() { [ -w /dev/kvm ] && grep -qwE '^flags.*(vmx|svm)' /proc/cpuinfo; }
nested=no
can_run || nested=yes
mode='' names=()
for arg in "$@"; do
    case $arg in
        -l) mode=list ;;
        -n) nested=yes ;;
        *) names+=("$arg") ;;
    esac
done

list() {
    local variant
    printf "$best/%s\n" "${cases[@]}"
    for variant in "${variants[@]:1}"; do
        if [ $nested = no ] || [ ${#names[@]} -gt 0 ]; then
            printf "$variant/%s\n" "${cases[@]}"
        elif [[ " ${variants[*]:1:3} " == *" $variant "* ]]; then
            printf "$variant/%s\n" "${some_cases[@]}"
        fi
    done
    printf "$no_irq/%s\n" "${no_irq_cases[@]}"
}

mapfile -t all < <(list)
if [ "$mode" = list ]; then
    printf '%s\n' "${all[@]}" | sed 's/=.*//'
    exit 0
fi
chosen=()
for name in "${names[@]}"; do
    before=${#chosen[@]}
    mapfile -t -O "$before" chosen < <(printf '%s\n' "${all[@]}" | awk -v name="$name" \
        '{ item = $0; sub(/=.*/, "", item) } item == name || index(item, name "/") == 1')
    [ ${#chosen[@]} -gt "$before" ] || { echo "run.sh: no variant or case $name" >&2; exit 2; }
done
[ ${#names[@]} -gt 0 ] || chosen=("${all[@]}")
if [ "$(uname -m)" != x86_64 ]; then
    echo "skip kvm_vmm: it is a hypervisor for x86-64, this is $(uname -m)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
for program in "$VMM" "$CTL"; do
    [ -x "$program" ] || { echo "run.sh: no $program: build the project first" >&2; exit 2; }
done

# shellcheck source=scripts/lib.sh
. "$top/scripts/lib.sh"
need_packages "${guest_packages[@]}" "${kvm_packages[@]}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/build.sh" | tee "$work/build.log"
KERNEL=$(tail -n 1 "$work/build.log")
: > "$work/modules"
"$guest_dir/initrd.sh" "$work/initrd.gz" "$guest_dir/qemu/pc-init" "$work/modules" \
    "$KERNEL/irqcount.ko"
# A kernel that is emulated would spend a second on unpacking it.
INITRD=$work/initrd
gzip -dc "$work/initrd.gz" > "$INITRD"

if [ $nested = no ]; then
    export VMM CTL KERNEL INITRD
    "$here/here.sh" "${chosen[@]}"
    exit
fi
echo "nested: $(can_run && echo "as asked for" || echo "this machine cannot run guests itself")"
# shellcheck source=tests/guest/kvm/outer.sh
. "$here/outer.sh"
outer_cases "${chosen[@]}"
