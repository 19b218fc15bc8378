#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU's libvhost-user, out of Debian's source package of QEMU, compiled outside the tree.
#
# usage: get-libvhost-user.sh   the last line of the output is the folder with libvhost-user.o and
#                               subprojects/libvhost-user/; exit status 77 with a reason on the
#                               last line where it cannot be had
#        VGPIO_GUEST_CACHE=FOLDER   where it is kept, if not in ~/.cache/libvirtiogpio/foreign
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
: "${VGPIO_GUEST_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/foreign}"
# shellcheck source=tests/guest/qemu/apt.sh
. "$here/../guest/qemu/apt.sh"
# shellcheck source=tests/guest/qemu/cache.sh
. "$here/../guest/qemu/cache.sh"

# Where the machine's own sources have bookworm from: few list sources as well.
open_sources() {
    local mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
    apt_open
    # shellcheck disable=SC2016
    mirror=$(apt-get "${apt_options[@]}" indextargets --format '$(REPO_URI)' \
        'Codename: bookworm' 'Component: main' | sed -n 1p)
    [ -n "$mirror" ] || unavailable "apt has no source of bookworm"
    # cache.sh makes that folder.
    # shellcheck disable=SC2154
    echo "deb-src [signed-by=$keys] $mirror bookworm main" > "$apt/sources.list"
    apt_options+=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=-)
    apt_update || unavailable "the mirror of bookworm has no source packages"
}

make_result() {
    open_sources
    step "downloading the source package of QEMU"
    # shellcheck disable=SC2154
    apt-get "${apt_options[@]}" source --download-only qemu > "$apt/log" 2>&1 || {
        cat "$apt/log" >&2
        unavailable "cannot download the source package of QEMU"
    }
    step "unpacking and compiling libvhost-user"
    mkdir out
    tar -x -f qemu_*.orig.tar.xz -C out --strip-components=1 --wildcards \
        '*/subprojects/libvhost-user' '*/include/standard-headers' \
        '*/include/qemu/atomic.h' '*/include/qemu/compiler.h'
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -w -c -o out/libvhost-user.o \
        out/subprojects/libvhost-user/libvhost-user.c
    basename qemu_*.dsc .dsc > out/version
}

command -v gcc > /dev/null || unavailable "there is no gcc"
files=("$here"/{get-libvhost-user.sh,../guest/qemu/apt.sh,../guest/qemu/cache.sh})
cached libvhost-user libvhost-user.o "${files[@]}"
