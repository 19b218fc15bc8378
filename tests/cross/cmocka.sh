#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# cmocka for another architecture, unpacked outside the tree: apt could install it only after
# that architecture was added to the machine's own.
# usage: cmocka.sh ARCH   the last line of the output is the folder, with a pkgconfig/ in it; exit
#                         status 77 with a reason on the last line where it cannot be had
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
: "${VGPIO_GUEST_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/libvirtiogpio/cross}"
# shellcheck source=tests/guest/qemu/apt.sh
. "$here/../guest/qemu/apt.sh"
# shellcheck source=tests/guest/qemu/cache.sh
. "$here/../guest/qemu/cache.sh"

make_result() {
    local package libs
    apt_settings
    # The archive of some other architecture's security updates need not be whole for this.
    apt_update || true
    step "downloading cmocka of $apt_architecture"
    apt_fetch "libcmocka0:$apt_architecture" "libcmocka-dev:$apt_architecture"
    for package in ./*.deb; do dpkg-deb -x "$package" out; done
    # What of Debian's file says where it is, relative to that file.
    libs=$(dirname "$(echo out/usr/lib/*/pkgconfig)")
    mkdir out/pkgconfig
    cat > out/pkgconfig/cmocka.pc <<END
Name: cmocka
Description: for $apt_architecture
Version: $(sed -n 's/^Version: //p' "$libs/pkgconfig/cmocka.pc")
Libs: -L\${pcfiledir}/../${libs#out/} -lcmocka
Cflags: -I\${pcfiledir}/../usr/include
END
}

case ${1-} in
    i386 | armhf | s390x) apt_architecture=$1 ;;
    *) echo "usage: $0 i386|armhf|s390x" >&2 && exit 2 ;;
esac
command -v dpkg-deb > /dev/null || unavailable "this is not Debian"
files=("$here"/{cmocka.sh,../guest/qemu/apt.sh,../guest/qemu/cache.sh})
cached "cmocka-$1" pkgconfig/cmocka.pc "${files[@]}"
