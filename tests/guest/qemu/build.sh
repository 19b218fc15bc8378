#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Make the guest of run.sh: Debian's own kernel for PCs, unmodified, and beside it the stock
# gpio-virtio driver, which that kernel leaves out, and those of ../module/ and module/, as modules.
# Half a minute, once.
#
# usage: build.sh    the last line of the output is the folder with vmlinux, *.ko and modules
#                    (the modules' names in the order to load them); exit status 77 with a
#                    reason on the last line where the packages cannot be had
#
# Kept like the kernel of ../build.sh, in $VGPIO_GUEST_CACHE or else in
# ${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/qemu.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/lib.sh
. "$here/../../../scripts/lib.sh"
# shellcheck source=tests/guest/qemu/apt.sh
. "$here/apt.sh"
# shellcheck source=tests/guest/qemu/cache.sh
. "$here/cache.sh"

# What the kernel has as modules and the guest needs, in the order to load them.
own_modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci
    virtio_mmio)

# The image and the headers of the installed source's version, or else the newest.
choose() {
    local wanted package
    apt_open
    wanted=$(dpkg-query -W -f '${Version}' linux-source-6.1)
    mapfile -t versions < <(apt_versions linux-image-amd64)
    for version in "$wanted" "${versions[@]}"; do
        release=$(apt_depends "linux-image-amd64=$version" 2> /dev/null |
            sed -n 's/^linux-image-//p' | sed -n 1p) || true
        for package in "linux-image-$release" "linux-headers-$release"; do
            apt_versions "$package" | grep -xF "$version" > /dev/null || release=
        done
        [ -z "$release" ] || return 0
    done
    unavailable "the archive has no linux-image-amd64 together with its headers"
}

fetch() {
    local package packages=("linux-headers-$release")
    while read -r package; do
        packages+=("$package")
    done < <(apt_depends "linux-headers-$release=$version" |
        grep -E '^linux-(headers-.*-common|kbuild-)')
    step "downloading linux-image-$release and its headers, $version"
    apt_fetch "linux-image-$release=$version" "${packages[@]/%/=$version}"
    for package in "${packages[@]}"; do dpkg-deb -x "$package"_*.deb headers; done
    dpkg-deb --fsys-tarfile "linux-image-$release"_*.deb | tar -x --wildcards \
        './boot/vmlinuz-*' '*/kernel/drivers/virtio'
}

# Half of a boot would go into unpacking the image; the ELF file inside boots by itself.
unpack_kernel() {
    local image=boot/vmlinuz-$release at starts
    mapfile -t starts < <(LC_ALL=C grep -obUaP '\xFD7zXZ\x00' "$image" | cut -d: -f1)
    for at in "${starts[@]}"; do
        tail -c +$((at + 1)) "$image" | xz -dc --single-stream > out/vmlinux 2> /dev/null || true
        ! readelf -hn out/vmlinux 2> /dev/null | grep Xen > /dev/null || return 0
    done
    die "no kernel that boots as an ELF file in $image"
}

build_modules() {
    local headers=$PWD/headers/usr/src/linux-headers-$release module
    step "building the modules"
    mkdir module
    cp "$here"/../module/*.c "$here"/module/* module/
    xz -dcT0 /usr/src/linux-source-6.1.tar.xz | tar -xO --occurrence=1 \
        linux-source-6.1/drivers/gpio/gpio-virtio.c > module/gpio-virtio.c ||
        [ "${PIPESTATUS[1]}" = 0 ]
    sed -i "s,include /usr/src,include $PWD/headers/usr/src," "$headers/Makefile"
    if ! make -s -C "$headers" M="$PWD/module" modules > "$cache/x86.log" 2>&1; then
        tail -n 30 "$cache/x86.log" >&2
        die "the modules do not build; the whole output is in $cache/x86.log"
    fi
    for module in gpio-virtio irqcount ringsize; do
        strip --strip-debug -o out/$module.ko module/$module.ko
    done
}

collect_modules() {
    local module file
    for module in "${own_modules[@]}"; do
        file=$(find lib -name "$module.ko")
        [ -n "$file" ] || continue
        cp "$file" out/
        echo "$module" >> out/modules
    done
    echo gpio-virtio >> out/modules
}

make_result() {
    choose
    fetch
    mkdir out
    unpack_kernel
    build_modules
    collect_modules
    echo "$release $version" > out/version
}

main() {
    need_packages "${guest_packages[@]}" "${qemu_packages[@]}"
    cached "x86-$(dpkg-query -W -f '${Version}' linux-source-6.1)" vmlinux \
        "$here"/{build.sh,apt.sh,cache.sh} "$here"/../module/* "$here"/module/*
}

main
