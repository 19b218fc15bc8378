# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Keep what takes long to make outside the tree. Sourced by build.sh and get-qemu.sh.
#
#   cached NAME KEY FILE...   unless it is there, make the folder $cache/NAME-HASH, where HASH is
#                             that of the FILEs, by calling make_result in an empty folder, which
#                             leaves it in the folder out; print its name. KEY is a file in it.
#
# It gets its name as the last step, so what is there is whole; of two that make it at once, the
# second waits for the first.

cache=${VGPIO_GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/qemu}
mkdir -p "$cache"
cache=$(realpath "$cache")

step() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

cached() {
    local name=$1 key=$2 result
    shift 2
    result=$cache/$name-$(cat "$@" | sha256sum | cut -c1-12)
    if [ ! -e "$result/$key" ]; then
        exec 9> "$cache/lock-$name"
        flock -n 9 || { step "somebody else makes $name: waiting for it" && flock 9; }
    fi
    if [ ! -e "$result/$key" ]; then
        # What a killed one left: we hold the lock, nobody is working there.
        rm -rf "$cache/making-$name".*
        work=$cache/making-$name.$$
        # shellcheck disable=SC2034
        apt=$work/apt
        mkdir -p "$apt"
        trap 'rm -rf "$work"' EXIT
        (cd "$work" && make_result)
        mv -T "$work/out" "$result"
    fi
    echo "$result"
}
