# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The machine: kvm_vmm with a guest, from its start to its end. Sourced by here.sh, in whose own
# shell it runs: a machine outlives the cases that it serves. Disowned, so that the shell does not
# tell how it ended.

machine='' machine_dir='' con_to='' con_from='' lines=''

# select_variant VARIANT: a layout of the rings, then +event and +indirect for what is offered
# besides, then -irq for a device without interrupts. Also which form of the kernel is booted: both have their turn.
select_variant() {
    local without=''
    variant=$1 image=bzImage
    case $variant in
        packed*) image=vmlinux ;;
        *) without+=,packed ;;
    esac
    [[ $variant == *+event* ]] || without+=,event_idx
    [[ $variant == *+indirect* ]] || without+=,indirect
    [[ $variant != *-irq ]] || without+=,irq
    machine_options=(--cpus 2 --memory 128 --kernel "$KERNEL/$image" --initrd "$INITRD"
        --append "rdinit=/pc-init quiet mitigations=off nokaslr" --without "${without#,}")
    [ -n "$without" ] || machine_options=("${machine_options[@]:0:${#machine_options[@]}-2}")
    machine_dir=$logs/$variant
    mkdir -p "$machine_dir"
}

machine_start() { # LINES
    local tmp
    lines=$1
    rm -f "$machine_dir"/con.{in,out} "$machine_dir/booted"
    : > "$machine_dir/vmm.log"
    mkfifo "$machine_dir"/con.{in,out}
    exec {con_to}<> "$machine_dir/con.in" {tmp}<> "$machine_dir/con.out"
    # It has the other ends from its first moment on, so that its end is the end of the file.
    setpriv --pdeathsig KILL "$VMM" "${machine_options[@]}" --gpio "$lines" \
        --control "$machine_dir/control" \
        < "$machine_dir/con.in" > "$machine_dir/con.out" 2>> "$machine_dir/vmm.log" {tmp}<&- &
    machine=$!
    exec {con_from}< "$machine_dir/con.out" {tmp}<&-
}

machine_runs() { [ -n "$machine" ] && kill -0 "$machine" 2> /dev/null; }

machine_forget() {
    machine=''
    [ -z "$con_to" ] || exec {con_to}<&- {con_from}<&-
    con_to=''
}

machine_kill() {
    if machine_runs; then
        kill -KILL "$machine" 2> /dev/null || true
        wait "$machine" 2> /dev/null || true
    fi
    machine_forget
}

# The guest reboots, which is the machine's end: nothing is left behind, and there was nothing to
# complain of, such as by a sanitizer.
machine_end() {
    local status=0
    printf 'reboot -f\n' >&"$con_to"
    if ! timeout 20 tail -f --pid="$machine" -s 0.02 /dev/null; then
        echo "the machine does not end"
        machine_kill
        return 1
    fi
    wait "$machine" || status=$?
    machine_forget
    if [ $status != 0 ] || [ -e "$machine_dir/control" ] || [ -s "$machine_dir/vmm.log" ]; then
        echo "exit status $status; in its folder: $(cd "$machine_dir" && echo *)"
        cat "$machine_dir/vmm.log"
        return 1
    fi
}
