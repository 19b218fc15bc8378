#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs every test of the project and ends with one line: N passed, N failed.
# usage: scripts/test.sh [--quick] [--coverage]
#   --quick     leave out the real Linux guest
#   --coverage  also measure the branch coverage of the core and print it
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage()
{
    sed -n 's/^# \{0,1\}//; /^usage/,/^set/{ /^set/!p; }' "$0"
}

quick=no coverage=no
for arg in "$@"; do
    case $arg in
        --quick) quick=yes ;;
        --coverage) coverage=yes ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done

packages=(gcc g++ libc6-dev make cmake pkg-config libcmocka-dev
    clang clang-format clang-tidy libclang-rt-14-dev
    gcc-arm-none-eabi gcc-riscv64-unknown-elf doxygen shellcheck python3
    gcc-12 binutils valgrind "${cross_packages[@]}")
