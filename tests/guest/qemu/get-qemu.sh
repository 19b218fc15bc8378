#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Unpack QEMU 10 of bookworm-backports, beside bookworm's own 7.2, which offers its guests no
# interrupts from GPIO lines. Nothing is installed; it runs on the libraries of the 7.2.
#
# usage: get-qemu.sh   the last line of the output is the folder it is unpacked into; exit status
#                      77 with a reason on the last line where it cannot be had
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/lib.sh
. "$here/../../../scripts/lib.sh"
# shellcheck source=tests/guest/qemu/apt.sh
. "$here/apt.sh"
# shellcheck source=tests/guest/qemu/cache.sh
. "$here/cache.sh"

make_result() {
    local package
    apt_open_backports
    step "downloading QEMU of bookworm-backports"
    apt_fetch qemu-system-x86 qemu-system-common qemu-system-data seabios
    for package in ./*.deb; do dpkg-deb -x "$package" out; done
    run_qemu --version > version 2>&1 || unavailable "QEMU 10 does not run here: $(< version)"
    grep -q ' version 1[0-9]\.' version ||
        unavailable "bookworm-backports has not QEMU 10 but $(head -n 1 version)"
}

run_qemu() { out/usr/bin/qemu-system-x86_64 "$@"; }

main() {
    need_packages "${qemu_packages[@]}"
    cached qemu10 usr/bin/qemu-system-x86_64 "$here"/{get-qemu.sh,apt.sh,cache.sh}
}

main
