#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Build the guest kernel of tests/guest/run.sh: User-Mode Linux with the stock gpio-virtio
# driver, unmodified, out of Debian's linux-source-6.1 (no Debian kernel package has that
# driver), and the little consumer module of module/. Takes two or three minutes, once.
#
# usage: build.sh          the last line of the output is the folder with linux and irqcount.ko
#
# The result is kept outside the tree, in $VGPIO_GUEST_CACHE or else in
# ${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/uml, in a folder named after the version of
# the package and a hash of this script, uml.config and module/. It gets that name as the last
# step, so what is there is whole. Of two builds at once, the second waits for the first.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"

cache=${VGPIO_GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/uml}
mkdir -p "$cache"
cache=$(realpath "$cache")
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"

step() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

finish_if_done() {
    [ -x "$result/linux" ] || return 0
    step "guest kernel: linux-source-6.1 $version"
    echo "$result"
    exit 0
}

unpack() {
    local excludes=() dir
    # Half of the 1.4 GB cannot be reached by the configuration.
    for dir in drivers/{gpu,net,media,scsi,staging,infiniband} sound; do
        excludes+=("--exclude=linux-source-6.1/$dir/*.[ch]")
    done
    xz -dcT0 /usr/src/linux-source-6.1.tar.xz |
        tar -x -C "$work" --strip-components=1 "${excludes[@]}" --exclude='*.dts' --exclude='*.rst'
}

# It inherits the lock: should it outlive us, nobody removes its folder under it.
kernel_make() {
    if ! make -C "$work" ARCH=um O="$work/build" "$@" >> "$log" 2>&1; then
        tail -n 30 "$log" >&2
        step "the kernel does not build; the whole output is in $log" >&2
        exit 1
    fi
}

configure() {
    local option
    kernel_make KCONFIG_ALLCONFIG="$here/uml.config" allnoconfig
    while read -r option; do
        grep -qx "$option" "$work/build/.config" || die "not taken: $option"
    done < <(grep '^CONFIG_' "$here/uml.config")
}

compile() {
    # 6.1 has 512 numbers for the lines of all chips together; a test needs a chip of 1000.
    kernel_make KCFLAGS=-DARCH_NR_GPIOS=32768 -j"$(nproc)" linux modules_prepare
    cp "$work/build/vmlinux.symvers" "$work/build/Module.symvers"
    cp -r "$here/module" "$work/module"
    kernel_make M="$work/module" modules
}

main() {
    need_packages "${guest_packages[@]}"
    version=$(dpkg-query -W -f '${Version}' linux-source-6.1)
    hash=$(cd "$here" && cat build.sh uml.config module/* | sha256sum | cut -c1-12)
    result=$cache/$version-$hash
    finish_if_done

    exec 9> "$cache/lock"
    flock -n 9 || { step "another build is at work in $cache: waiting for it" && flock 9; }
    finish_if_done

    # What a killed build left: we hold the lock, nobody is working there.
    rm -rf "$cache"/building.*
    work=$cache/building.$$
    log=$cache/build.log
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/out" "$work/build"
    : > "$log"
    step "building User-Mode Linux from linux-source-6.1 $version, two or three minutes, once"
    step "unpacking into $work"
    unpack
    configure
    step "compiling; output goes to $log"
    compile
    cp "$work/build/linux" "$work/module/irqcount.ko" "$work/out/"
    mv -T "$work/out" "$result"
    finish_if_done
}

# In one piece, so that the file may be changed while a build runs.
main
