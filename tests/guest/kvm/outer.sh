# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The outer guest, for a host that cannot run guests itself: QEMU emulates a processor with AMD's
# SVM, on which our kernel has a /dev/kvm, and here.sh runs there with everything it needs. Sourced
# by run.sh.

# For all cases together; three or four minutes is what they take on a machine that is not busy.
outer_seconds=1200

outer_pack() { # VARIANT/CASE...
    local root=$work/root program lib
    mkdir -p "$root"/{bin,host,dev,proc,sys,tmp,kernel,tests/guest}
    cp "$(command -v busybox)" "$root/bin/"
    # What busybox has not, or has with less options. Also timeout, since that of busybox would
    # not look for the others in PATH.
    for program in bash tail setpriv timeout; do
        cp "$(command -v $program)" "$root/host/"
    done
    cp "$VMM" "$CTL" "$root/host/"
    for program in "$root"/host/*; do
        for lib in $({ ldd "$program" 2> /dev/null || true; } | grep -o '/[^ ]*'); do
            mkdir -p "$root${lib%/*}"
            cp -L "$lib" "$root$lib"
        done
    done
    cp "$KERNEL"/{bzImage,vmlinux} "$INITRD" "$root/kernel/"
    cp -r "$guest_dir"/{harness.sh,cases} "$here" "$root/tests/guest/"
    mkdir "$root/tests/examples"
    cp "$top/tests/examples/kvm_vmm.sh" "$root/tests/examples/"
    cp "$here/outer-init" "$root/init"
    cat > "$root/words" << WORDS
export VMM=/host/${VMM##*/} CTL=/host/${CTL##*/} KERNEL=/kernel INITRD=/kernel/initrd
export VGPIO_KVM_SECONDS=${VGPIO_KVM_SECONDS:-120} VGPIO_CTL_SECONDS=100
export OUTER=1 VGPIO_KVM_TOGGLES=${VGPIO_KVM_TOGGLES:-10000}
bash /tests/guest/kvm/here.sh $*
status=\$?
WORDS
    (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) > "$work/outer"
}

# Its timer cannot measure the speed of an emulated CPU; and what Linux 6.1 thinks of the sizes
# that KVM reports for the state that XSAVE would save, there, is a warning. Status 125: its
# kernel has crashed, or its processors have, which ends QEMU without a word.
outer_run() {
    local khz status start=$SECONDS
    khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
    timeout --foreground -k 5 $outer_seconds setpriv --pdeathsig KILL qemu-system-x86_64 \
        -nodefaults -no-user-config -display none -no-reboot -accel tcg -cpu max,-xsave \
        -smp 2,sockets=2 -m 768M -M pc -serial stdio -kernel "$KERNEL/vmlinux" \
        -initrd "$work/outer" -append "console=ttyS0 quiet mitigations=off nokaslr panic=-1 \
            no_timer_check tsc=reliable tsc_early_khz=$khz" \
        < /dev/null 2> "$work/qemu.log" | tr -d '\r' | tee "$work/console" |
        grep --line-buffered -v '^=== \|^reboot: ' || true
    status=$(sed -n 's/^=== \([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
    if [ -z "$status" ]; then
        cat "$work/qemu.log"
        [ $((SECONDS - start)) -ge $outer_seconds ] || return 125
        echo "the outer guest's $outer_seconds seconds are over"
        return 1
    fi
    return "$status"
}
