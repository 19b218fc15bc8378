# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The outer guest, for a host that cannot run guests itself: QEMU emulates a processor with AMD's
# SVM, on which our kernel has a /dev/kvm, and here.sh runs there with everything it needs. Sourced
# by run.sh.

# QEMU's emulation of SVM, 7.2 and 10 alike, fails once in some twenty runs of two_cpus: the inner
# guest waits for an interrupt that does not come, runs on page tables of the outer one, or finds
# itself on a wrong stack; or the emulator executes no instruction any more. None of that can be
# made from inside. So in this form some failed cases run again on a new machine, and an outer
# guest that says nothing for long is followed by another, for the cases that are left.
outer_forgives=6
outer_lives=4
outer_silence=420

outer_pack() { # VARIANT/CASE...
    local root=$work/root program lib
    rm -rf "$root"
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
export VGPIO_KVM_SECONDS=${VGPIO_KVM_SECONDS:-90} VGPIO_CTL_SECONDS=100
export OUTER=1 FORGIVEN=$outer_forgives VGPIO_KVM_TOGGLES=${VGPIO_KVM_TOGGLES:-10000}
bash /tests/guest/kvm/here.sh $*
status=\$?
WORDS
    (cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) > "$work/outer"
}

# Its timer cannot measure the speed of an emulated CPU; and what Linux 6.1 thinks of the sizes
# that KVM reports for the state that XSAVE would save, there, is a warning.
outer_boot() {
    local khz
    khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
    exec setpriv --pdeathsig KILL qemu-system-x86_64 \
        -nodefaults -no-user-config -display none -no-reboot -accel tcg -cpu max,-xsave \
        -smp 2,sockets=2 -m 768M -M pc -serial stdio -kernel "$KERNEL/vmlinux" \
        -initrd "$work/outer" -append "console=ttyS0 quiet mitigations=off nokaslr panic=-1 \
            no_timer_check tsc=reliable tsc_early_khz=$khz" < /dev/null 2> "$work/qemu.log"
}

# What it says goes to $work/console as well. Status 125: it ended or stopped without its last word.
outer_run() {
    local console pid line status=125
    : > "$work/console"
    exec {console}< <(outer_boot)
    pid=$!
    while IFS= read -r -t $outer_silence -u $console line; do
        line=${line%$'\r'}
        case $line in
            '=== '*) status=${line#=== } ;;
            'reboot: '*) ;;
            *' passed, '*' failed, '*' skipped') ;;
            *) echo "$line" | tee -a "$work/console" ;;
        esac
    done
    kill -KILL $pid 2> /dev/null || true
    exec {console}<&-
    [ "$status" != 125 ] || cat "$work/qemu.log"
    return "$status"
}

said() { grep -c "^$1 " "$work/all" || true; }

name_said() { grep -qE "^(ok|not ok|skip) ${1//+/\\+}[ :]" "$work/all"; }

outer_cases() { # VARIANT/CASE...
    local status=125 name left
    : > "$work/all"
    while [ $status = 125 ] && [ $outer_lives -gt 0 ]; do
        outer_lives=$((outer_lives - 1))
        left=()
        for name; do
            name_said "${name%=*}" || left+=("$name")
        done
        outer_pack "${left[@]}"
        status=0
        outer_run || status=$?
        cat "$work/console" >> "$work/all"
        [ $status != 125 ] || echo "# the outer guest stopped: $outer_lives more may go on"
    done
    for name; do
        name_said "${name%=*}" || echo "not ok ${name%=*}: no outer guest came to it" | tee -a "$work/all"
    done
    echo "$(said ok) passed, $(said 'not ok') failed, $(said skip) skipped"
    [ $status = 0 ] && [ "$(said 'not ok')" = 0 ]
}
