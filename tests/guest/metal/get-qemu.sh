#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Unpack QEMU 10 of bookworm-backports for the machines of run.sh, as ../qemu/get-qemu.sh does
# for the PC: bookworm's own 7.2 offers its guests no interrupts from GPIO lines.
#
# usage: get-qemu.sh   the last line of the output is the folder it is unpacked into; exit status
#                      77 with a reason on the last line where it cannot be had
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=tests/guest/qemu/apt.sh
. "$here/../qemu/apt.sh"
# shellcheck source=tests/guest/qemu/cache.sh
. "$here/../qemu/cache.sh"

make_result() {
    local package qemu=out/usr/bin/qemu-system-aarch64
    apt_open_backports
    step "downloading QEMU of bookworm-backports"
    apt_fetch qemu-system-arm qemu-system-misc qemu-system-riscv
    for package in ./*.deb; do dpkg-deb -x "$package" out; done
    "$qemu" --version > version 2>&1 || unavailable "QEMU 10 does not run here: $(< version)"
    grep -q ' version 1[0-9]\.' version ||
        unavailable "bookworm-backports has not QEMU 10 but $(head -n 1 version)"
}

cached metal usr/bin/qemu-system-aarch64 "$here"/{get-qemu.sh,../qemu/apt.sh,../qemu/cache.sh}
