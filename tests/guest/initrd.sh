#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Pack the guest's root: busybox, the gpiod tools with their libraries, initrd/ and extra files.
#
# usage: initrd.sh OUTPUT [FILE...]          each FILE, an absolute path, lands in the root folder
set -euo pipefail
here=$(dirname "$(realpath "$0")")
output=$(realpath -m "$1")
shift
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"

need_packages "${guest_packages[@]}"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,proc,sys,tmp}
cp "$(command -v busybox)" "$root/bin/"
cp "$here"/initrd/* "$@" "$root/"
for tool in detect info get set mon find; do
    program=$(command -v gpio$tool)
    cp "$program" "$root/bin/"
    for lib in $(ldd "$program" | grep -o '/[^ ]*'); do
        mkdir -p "$root${lib%/*}"
        cp -L "$lib" "$root$lib"
    done
done
chmod +x "$root/init"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > "$output"
