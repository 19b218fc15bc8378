#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Make the guest of run.sh: a small Linux kernel for PCs with the stock gpio-virtio driver and with
# KVM, unmodified, out of Debian's linux-source-6.1, and the module of ../module/. It is the guest of
# kvm_vmm, and where kvm_vmm needs a machine to run in, that machine's kernel too. Some minutes,
# once.
#
# usage: build.sh    the last line of the output is the folder with bzImage, vmlinux and irqcount.ko
#
# Kept like the kernel of ../build.sh, in $VGPIO_GUEST_CACHE or else in
# ${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/qemu.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/lib.sh
. "$here/../../../scripts/lib.sh"
# shellcheck source=tests/guest/qemu/cache.sh
. "$here/../qemu/cache.sh"

log=$cache/pc.log

unpack() {
    local excludes=() dir
    # Most of the 1.4 GB cannot be reached by the configuration.
    for dir in drivers/{gpu,media,scsi,staging,infiniband,usb,iio} \
        drivers/net/{ethernet,wireless} sound fs/{xfs,btrfs}; do
        excludes+=("--exclude=linux-source-6.1/$dir/*.[ch]")
    done
    for dir in alpha arc arm arm64 csky hexagon ia64 loongarch m68k microblaze mips nios2 \
        openrisc parisc powerpc riscv s390 sh sparc xtensa; do
        excludes+=("--exclude=linux-source-6.1/arch/$dir/*.[chS]")
    done
    mkdir linux
    xz -dcT0 /usr/src/linux-source-6.1.tar.xz |
        tar -x -C linux --strip-components=1 "${excludes[@]}" --exclude='*.dts' --exclude='*.rst'
}

# It inherits the lock: should it outlive us, nobody removes its folder under it.
kernel_make() {
    if ! make -C linux ARCH=x86 O="$PWD/build" "$@" >> "$log" 2>&1; then
        tail -n 30 "$log" >&2
        die "the kernel does not build; the whole output is in $log"
    fi
}

configure() {
    local option
    kernel_make KCONFIG_ALLCONFIG="$here/pc.config" allnoconfig
    while read -r option; do
        grep -qx "$option" build/.config || die "not taken: $option"
    done < <(grep '^CONFIG_' "$here/pc.config")
}

compile() {
    kernel_make -j"$(nproc)" bzImage modules_prepare
    cp build/vmlinux.symvers build/Module.symvers
    cp -r "$here/../module" module
    kernel_make M="$PWD/module" modules
    strip --strip-debug -o out/irqcount.ko module/irqcount.ko
    strip -o out/vmlinux build/vmlinux
    cp build/arch/x86/boot/bzImage out/
}

make_result() {
    : > "$log"
    mkdir build out
    step "building a kernel from linux-source-6.1, some minutes, once; output goes to $log"
    unpack
    configure
    step "unpacked and configured"
    compile
}

main() {
    need_packages "${guest_packages[@]}" "${kvm_packages[@]}"
    cached "pc-$(dpkg-query -W -f '${Version}' linux-source-6.1)" vmlinux \
        "$here"/{build.sh,pc.config} "$here"/../qemu/cache.sh "$here"/../module/*
}

# In one piece, so that the file may be changed while a build runs.
main
