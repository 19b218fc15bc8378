# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# The machine: QEMU, from its start to its end, and the server it has from the start on mmio.
# Sourced by run.sh, in whose own shell it runs: a machine outlives the cases that it serves.
# Nothing here can fail a case; a case that uses a machine sees whether it lives. Disowned, so that
# the shell does not tell how they ended.

front_dir='' machine='' machine_rings='' con_to='' con_from='' qmp_to='' qmp_from=''

# select_front FRONT: what it is made of, in the variables
select_front() {
    local share=$QEMU10/usr/share
    front=$1 bus=${1#*-} interrupts=no ring=1024 reconnect=''
    front_dir=$logs/$front
    mkdir -p "$front_dir"
    case $front in
        qemu7.2-*) qemu=(qemu-system-x86_64) reconnect=,reconnect=1 ;;
        *) qemu=("$QEMU10/usr/bin/qemu-system-x86_64" -L "$share/qemu" -L "$share/seabios")
           interrupts=yes ;;
    esac
    case $front in
        qemu7.2-pci) ring=256 ;;
        qemu10-pci) ring=64 ;;
    esac
    machine_options
}

machine_options() {
    local type=pc memory=256M,slots=2,maxmem=1G append=''
    if [ "$bus" = mmio ]; then
        # By its ACPI tables it has no PIC, so Linux leaves that as it is after a reset: a tick of
        # the old timer that comes before the APIC is set up is taken for a division by zero. And
        # without that timer there is nothing to measure the speed of an emulated CPU with.
        append="tsc=reliable tsc_early_khz=$(awk \
            '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)"
        type=microvm,pic=off,pit=off memory=256M
        qemu+=(-global virtio-mmio.force-legacy=false)
    fi
    # With much translated code around, a reset of QEMU 7.2 takes minutes.
    qemu+=(-nodefaults -no-user-config -display none -accel "tcg,tb-size=32" -cpu max -m "$memory"
        -M "$type,memory-backend=ram"
        -object "memory-backend-memfd,id=ram,size=256M,share=on"
        -kernel "$KERNEL/vmlinux" -initrd "$INITRD"
        -append "console=ttyS0 earlyprintk=ttyS0 quiet mitigations=off nokaslr rdinit=/pc-init $append")
}

machine_start() {
    local tmp qmp_tmp options=("${qemu[@]}")
    rm -f "$front_dir"/{con,qmp}.{in,out} "$front_dir/booted"
    if [ "$bus" = mmio ]; then
        line_server
        options+=(-chardev "socket,id=gpio,path=$front_dir/gpio$reconnect"
            -device "vhost-user-gpio-device,chardev=gpio")
        machine_rings=${rings_options[*]}
    fi
    mkfifo "$front_dir"/{con,qmp}.{in,out}
    exec {con_to}<> "$front_dir/con.in" {tmp}<> "$front_dir/con.out"
    exec {qmp_to}<> "$front_dir/qmp.in" {qmp_tmp}<> "$front_dir/qmp.out"
    # It has the other ends from its first moment on, so that its end is the end of the file.
    setpriv --pdeathsig KILL "${options[@]}" \
        -chardev "pipe,id=con,path=$front_dir/con" -serial chardev:con \
        -chardev "pipe,id=qmp,path=$front_dir/qmp" -mon chardev=qmp,mode=control \
        < /dev/null >> "$front_dir/qemu.log" 2>&1 &
    machine=$!
    disown
    exec {con_from}< "$front_dir/con.out" {qmp_from}< "$front_dir/qmp.out" {tmp}<&- {qmp_tmp}<&-
}

machine_runs() { [ -n "$machine" ] && kill -0 "$machine" 2> /dev/null; }

machine_kill() {
    ! machine_runs || end_process "$machine"
    machine=''
    [ -z "$con_to" ] || exec {con_to}<&- {con_from}<&- {qmp_to}<&- {qmp_from}<&-
    con_to=''
    line_server_kill
}

# The server that the machine has from its start: mmio cannot be plugged.
line_server() {
    "$VGPIO" serve --socket-path "$front_dir/gpio" --sim 8 --control "$front_dir/control" -vv \
        "${rings_options[@]}" >> "$front_dir/server.log" 2>&1 &
    echo $! > "$front_dir/server.pid"
    disown
    "$CTL" "$front_dir/control" info > /dev/null || true
}

line_server_kill() {
    [ -n "$front_dir" ] && [ -e "$front_dir/server.pid" ] || return 0
    end_process "$(cat "$front_dir/server.pid")"
    rm "$front_dir/server.pid"
}

# It may be the child of another shell of ours.
end_process() {
    kill -KILL "$1" 2> /dev/null || true
    timeout 10 tail -f --pid="$1" -s 0.02 /dev/null
}
