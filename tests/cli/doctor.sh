#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# `vgpio doctor`: QEMUs, command lines, sockets and kernels, good ones and bad ones.
# usage: doctor.sh VGPIO
set -u
vgpio=$1
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0
checks=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# finds STATUS TEXT ARGUMENT...: that exit status, and a line with that text.
finds() {
    want=$1
    text=$2
    shift 2
    checks=$((checks + 1))
    "$vgpio" doctor --timeout 100s "$@" > out 2> err < /dev/null
    status=$?
    [ $status = "$want" ] || fail "$*: exit status $status: $(cat out err)"
    grep -qF -- "$text" out err || fail "$*: no '$text' in: $(cat out err)"
}

# qemu FILE VERSION DEVICE...: a program that answers like one.
qemu() {
    {
        echo '#!/bin/sh'
        # shellcheck disable=SC2016
        echo 'case $1 in'
        echo "--version) echo 'QEMU emulator version $2 (test)' ;;"
        echo "-device) echo 'name \"$3\", bus PCI' ;;"
        echo "*) exit 1 ;; esac"
    } > "$1"
    chmod +x "$1"
}

qemu good 10.0.2 vhost-user-gpio-pci
qemu old 7.2.22 vhost-user-gpio-pci
qemu older 6.2.0 virtio-net-pci
qemu bare 9.1.0 virtio-net-pci
printf '#!/bin/sh\necho hello\n' > other
printf '#!/bin/sh\nexec sleep 1000\n' > slow
chmod +x other slow

finds 0 "fine  ./good: QEMU 10.0.2 passes interrupts on" -q ./good
finds 0 "0 bad, 0 to be warned of" -q ./good
finds 1 "BAD   ./old: QEMU 7.2.22 gives guests lines, but never their interrupts" -q ./old
finds 1 "-> use QEMU 9.0 or later" -q ./old
finds 1 "BAD   ./older: QEMU 6.2.0 has no vhost-user-gpio" -q ./older
finds 1 "BAD   ./bare: was built without vhost-user-gpio" -q ./bare
finds 0 "warn  ./other: is no QEMU" -q ./other
finds 0 "warn  ./nowhere: cannot be run" -q ./nowhere
finds 0 "warn  ./slow: cannot be run" -q ./slow --timeout 50ms

# Command lines. The first word is the QEMU that is looked at.
memory="-object memory-backend-memfd,id=ram,size=1G,share=on"
place="-M q35,memory-backend=ram"
socket="-chardev socket,id=gpio,path=/tmp/s"
device="-device vhost-user-gpio-pci,chardev=gpio"
# shellcheck disable=SC2086
{
    finds 0 "fine  ./good: has vhost-user-gpio-pci" -- ./good $place $memory $socket $device
    finds 0 "fine  the command line has a device" -- ./good $place $memory $socket $device
    finds 0 "fine  the guest's memory is shared" -- ./good $place $memory $socket $device
    finds 0 "memory is shared" -- ./good --object memory-backend-file,share=on,id=m \
        -numa node,memdev=m $socket $device
    finds 1 "BAD   the guest's memory is not shared" -- ./good $place $socket $device
    finds 1 "nothing refers to it" -- ./good $memory $socket $device
    finds 1 "nothing refers to it" -- ./good -M q35,memory-backend=other $memory $socket $device
    finds 1 "BAD   the device has no socket" -- ./good $place $memory $device
    finds 1 "has no vhost-user-gpio device" -- ./good $place $memory $socket
    finds 1 "virtio-mmio is legacy" -- ./good $place $memory $socket \
        -device vhost-user-gpio-device,chardev=gpio
    finds 0 "0 bad" -- ./good $place $memory $socket \
        -device vhost-user-gpio-device,chardev=gpio -global virtio-mmio.force-legacy=false
}

# Kernels.
{
    echo "# Linux/x86 6.1.100 Kernel Configuration"
    echo "CONFIG_GPIO_VIRTIO=m"
    echo "CONFIG_GPIO_CDEV=y"
    echo "CONFIG_VIRTIO_PCI=y"
} > kernel
sed 's/CONFIG_GPIO_VIRTIO=m/# CONFIG_GPIO_VIRTIO is not set/' kernel > without
sed 's/6\.1\.100/5.10.200/' kernel > ancient
sed 's/6\.1\.100/5.15.10/' kernel > early
sed 's/CONFIG_VIRTIO_PCI=y/CONFIG_VIRTIO_UML=y/' kernel > uml
sed '/CONFIG_VIRTIO_PCI/d' kernel > busless
gzip -c kernel > kernel.gz
finds 0 "has the driver, as the module gpio-virtio" -q ./good -k kernel
finds 0 "has the driver, as the module gpio-virtio" -q ./good -k kernel.gz
finds 1 "BAD   without: the driver is left out" -q ./good -k without
finds 1 "Linux 5.10 has no virtio-gpio driver" -q ./good -k ancient
finds 1 "the driver of Linux 5.15 has no interrupts" -q ./good -k early
finds 0 "warn  uml: User-Mode Linux has too few" -q ./good -k uml
finds 1 "BAD   busless: no bus that brings the device" -q ./good -k busless
finds 1 "BAD   out: is no configuration of a kernel" -q ./good -k out
finds 1 "BAD   nowhere: No such file" -q ./good -k nowhere

# Sockets.
finds 1 "BAD   nowhere: No such file" -q ./good -s nowhere
finds 1 "BAD   kernel: is no socket" -q ./good -s kernel
"$vgpio" serve -s one --sim 8 -s two --sim 9 &
server=$!
until [ -S two ]; do :; done
until "$vgpio" detect --timeout 100s one > /dev/null 2>&1; do :; done
finds 0 "fine  one: a GPIO device with 8 lines" -q ./good -s one
"$vgpio" set --timeout 100s -z -c one 0=1
finds 1 "BAD   one: GET_FEATURES: no answer in time" -q ./good -s one --timeout 3s
kill $server
wait $server
"$vgpio" serve -s three --sim 600 --no-irq &
server=$!
until "$vgpio" detect --timeout 100s three > /dev/null 2>&1; do :; done
finds 1 "BAD   three: does not offer interrupts" -q ./good -s three
finds 1 "warn  three: Linux up to 6.1 has numbers" -q ./good -s three

finds 2 "unexpected argument 'more'" more
finds 2 "unknown option '-x'" -x
finds 2 "--timeout: invalid period '1h'" --timeout 1h

echo "$checks checks, $failures failed"
[ $failures = 0 ]
