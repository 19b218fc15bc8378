# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Shared by the scripts beside it, which source it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

# What tests/guest/ needs: a kernel's source, what compiles it, and what the guest runs.
# shellcheck disable=SC2034
guest_packages=(linux-source-6.1 gcc libc6-dev make flex bison bc xz-utils
    busybox-static gpiod cpio gzip device-tree-compiler)
# And what tests/guest/qemu/ needs besides: another front end, and what builds its modules.
# shellcheck disable=SC2034
qemu_packages=(qemu-system-x86 gcc-12 libelf1 binutils)
# And tests/guest/kvm/: a kernel for PCs, and a machine to run a hypervisor in.
# shellcheck disable=SC2034
kvm_packages=(qemu-system-x86 libelf-dev binutils)

# And tests/guest/metal/: compilers for the machines, and the machines.
# shellcheck disable=SC2034
metal_packages=(make gcc-arm-none-eabi gcc-aarch64-linux-gnu gcc-riscv64-unknown-elf
    gcc-m68k-linux-gnu qemu-system-arm qemu-system-misc)

# What compiles for other CPUs, and runs it. (Debian lets no gcc-multilib beside these.)
# shellcheck disable=SC2034
cross_packages=(gcc-s390x-linux-gnu libc6-dev-s390x-cross gcc-arm-linux-gnueabihf
    libc6-dev-armhf-cross gcc-12-i686-linux-gnu libc6-dev-i386-cross qemu-user)

say()
{
    printf '\n== %s\n' "$*"
}

die()
{
    printf '%s\n' "$*" >&2
    exit 1
}

# Prints the packages of the arguments that are not installed.
missing_packages()
{
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null |
            grep -x installed > /dev/null || echo "$package"
    done
}

# Installs what is missing of the arguments, as root or with a sudo that asks nothing;
# where neither is there, says what to type and ends.
need_packages()
{
    local missing=() apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q)
    command -v dpkg-query > /dev/null ||
        die "This is not Debian: please install by hand what Debian calls $*"
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2> /dev/null || {
            echo "These packages are missing. As root, run:"
            echo "    apt-get install --no-install-recommends ${missing[*]}"
            exit 1
        }
        apt=(sudo -n "${apt[@]}")
    fi
    say "Installing ${missing[*]}"
    "${apt[@]}" update < /dev/null > /dev/null
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" < /dev/null > /dev/null
}
