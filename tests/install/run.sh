#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What somebody outside the tree does with an installed libvirtiogpio.
# usage: run.sh CASE (by ctest, which sets VGPIO_BUILD, VGPIO_STAGE, VGPIO_LIBDIR, CC)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tree=$VGPIO_STAGE/moved
lib=$tree/$VGPIO_LIBDIR
cmake=${VGPIO_CMAKE:-cmake}
case_name=$1
work=$VGPIO_STAGE/$case_name

fail()
{
    echo "$case_name: $*" >&2
    exit 1
}

# The tree is moved after the install: nothing in it may remember where it was put.
install_tree()
{
    rm -rf "$VGPIO_STAGE"
    "$cmake" --install "$VGPIO_BUILD" --prefix "$VGPIO_STAGE/first" > /dev/null
    mv "$VGPIO_STAGE/first" "$tree"
    for file in "$lib"/libvirtiogpio.{a,so} "$lib/pkgconfig/libvirtiogpio.pc" \
        "$tree/include/virtiogpio/config.h" "$tree/bin/vgpio" \
        "$tree/share/libvirtiogpio/python/virtiogpio.py" \
        "$tree"/share/libvirtiogpio/systemd/vgpio{@.socket,-control@.socket,@.service} \
        "$tree/share/qemu/vhost-user/50-vgpio.json" "$tree/libexec/vhost-user-gpio"; do
        [ -e "$file" ] || fail "not installed: $file"
    done
    # Every page of the manual that exists must arrive.
    for page in "$root"/docs/man/*.[15]; do
        [ -e "$tree/share/man/man${page##*.}/$(basename "$page")" ] ||
            fail "not installed: $page"
    done
}

by_cmake() # shared|static
{
    "$cmake" -S "$here/consumer" -B "$work" -DCMAKE_PREFIX_PATH="$tree" \
        -DVGPIO_LINKAGE="$1" > /dev/null
    "$cmake" --build "$work" > /dev/null
    "$work/consumer_c" && "$work/consumer_cxx"
    check_linkage "$1" "$work/consumer_c"
}

by_pkgconfig() # shared|static
{
    local flags=() cflags=() cxx=${CXX:-c++}
    export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
    mkdir -p "$work"
    read -ra cflags <<< "$(pkg-config --cflags libvirtiogpio)"
    if [ "$1" = static ]; then
        read -ra flags <<< "$(pkg-config --static --libs libvirtiogpio)"
        flags=(-static "${flags[@]}")
    else
        read -ra flags <<< "$(pkg-config --libs libvirtiogpio)"
    fi
    "$CC" -std=c99 -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" \
        "$here/consumer/consumer.c" "${flags[@]}" -o "$work/consumer_c"
    "$cxx" -std=c++11 -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" \
        "$here/consumer/consumer.cpp" "${flags[@]}" -o "$work/consumer_cxx"
    "$work/consumer_c" && "$work/consumer_cxx"
    check_linkage "$1" "$work/consumer_c"
}

check_linkage() # shared|static PROGRAM
{
    local needed=no
    if readelf -d "$2" | grep 'NEEDED.*libvirtiogpio' > /dev/null; then
        needed=yes
    fi
    case $1-$needed in
        shared-yes | static-no) ;;
        *) fail "wanted the $1 library, but NEEDED libvirtiogpio: $needed" ;;
    esac
}

# A user's include may be the first of the file, in any of three languages.
headers()
{
    local header n=0
    for header in "$tree"/include/virtiogpio/*.h; do
        # The declaration is for config.h, which alone would be an empty program.
        printf '#include "%s"\nextern int one;\n' "$header" > "$work.h.c"
        compiles "$CC" -x c -std=c99
        compiles "$CC" -x c -std=c11
        compiles "${CXX:-c++}" -x c++ -std=c++11
        n=$((n + 1))
    done
    [ "$n" -ge 10 ] || fail "only $n headers are installed"
    echo "$n headers compile alone as C99, C11 and C++11"
}

compiles() # COMPILER AND LANGUAGE...
{
    "$@" -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror \
        -I "$tree/include" "$work.h.c"
}

# A symbol that comes is an addition to the interface, one that goes breaks programs.
symbols()
{
    local got=$work.txt
    nm -D --defined-only "$lib/libvirtiogpio.so" | awk '{ print $3 }' | LC_ALL=C sort > "$got"
    diff -u "$here/symbols.txt" "$got" ||
        fail "the exported symbols differ; meant so? then: cp $got tests/install/symbols.txt"
}

# The release is said in six places; they must agree.
version()
{
    local want name
    want=$(sed -n 's/^project(virtiogpio VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
    name=$(readelf -d "$lib/libvirtiogpio.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    [ -e "$lib/libvirtiogpio.so.$want" ] || fail "no libvirtiogpio.so.$want"
    [ "$name" = "libvirtiogpio.so.${want%.*}" ] || fail "SONAME is $name"
    [ "$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --modversion libvirtiogpio)" = "$want" ] ||
        fail "pkg-config does not say $want"
    grep -q "^## \[$want\]" "$root/CHANGELOG.md" || fail "CHANGELOG.md has no entry [$want]"
}

# As a part of somebody else's build: no tests, no tool, no install rules.
subdirectory()
{
    "$cmake" -S "$here/subdirectory" -B "$work" -DVGPIO_ROOT="$root" > /dev/null
    "$cmake" --build "$work" > /dev/null
    "$work/user"
    [ ! -e "$work/virtiogpio/vgpio" ] || fail "the tool was built unasked"
}

# By the one line that examples/README.md gives, which defines nothing.
examples()
{
    local file more=() flags=() n=0
    export PKG_CONFIG_PATH=$lib/pkgconfig
    mkdir -p "$work"
    read -ra flags <<< "$(pkg-config --cflags --libs libvirtiogpio)"
    for file in "$root"/examples/0[0-9]_*.c; do
        case $file in
            */04_board.c) continue ;;
            */04_*) more=("$root/examples/04_board.c") ;;
            *) more=() ;;
        esac
        "$CC" -std=c11 -Wall -Werror "$file" "${more[@]}" "${flags[@]}" -o "$work/example"
        n=$((n + 1))
    done
    echo "$n examples are built by one line"
}

# The headers are where the file says, whatever form the folder of libraries was given in.
pc_paths()
{
    local libdir got want
    for libdir in lib64 lib/triplet /elsewhere/lib ../beside/lib; do
        want=$libdir
        [ "${libdir#/}" != "$libdir" ] || want=$(realpath -m "/opt/it/$libdir")
        "$cmake" -S "$root" -B "$work" -DVGPIO_BUILD_TESTS=OFF -DVGPIO_BUILD_CLI=OFF \
            -DCMAKE_INSTALL_PREFIX=/opt/it -DCMAKE_INSTALL_LIBDIR="$libdir" > /dev/null
        mkdir -p "$work/stage$want/pkgconfig"
        cp "$work/pkgconfig/libvirtiogpio.pc" "$work/stage$want/pkgconfig"
        got=$(PKG_CONFIG_LIBDIR=$work/stage$want/pkgconfig \
            pkg-config --variable=includedir libvirtiogpio)
        got=$(realpath -m "$got")
        [ "${got#"$work/stage"}" = /opt/it/include ] || fail "$libdir: headers in $got"
    done
}

# As the README tells a packager to: no warning at that level of optimisation either.
release()
{
    (cd "$root" && "$cmake" --preset release -B "$work/build" -DCMAKE_INSTALL_PREFIX=/usr) \
        > /dev/null
    "$cmake" --build "$work/build" > "$work.log" 2>&1 || { cat "$work.log" && fail "no build"; }
    DESTDIR=$work/stage "$cmake" --install "$work/build" > /dev/null
    "$work/stage/usr/bin/vgpio" --version > /dev/null
}

# For a board without a system, by the toolchain's name alone: what is left is the library, of
# which nothing is position-independent and nothing asks for more than memcpy and its like.
board()
{
    local missing
    if ! command -v arm-none-eabi-gcc > /dev/null; then
        echo "skipped: no arm-none-eabi-gcc" && exit 77
    fi
    "$cmake" -S "$root" -B "$work/build" -DCMAKE_SYSTEM_NAME=Generic \
        -DCMAKE_C_COMPILER=arm-none-eabi-gcc -DCMAKE_C_FLAGS="-mcpu=cortex-m0plus -mthumb" \
        -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY -DCMAKE_BUILD_TYPE=MinSizeRel \
        > /dev/null
    "$cmake" --build "$work/build" > "$work.log" 2>&1 || { cat "$work.log" && fail "no build"; }
    "$cmake" --install "$work/build" --prefix "$work/stage" > /dev/null
    missing=$(arm-none-eabi-nm --undefined-only --format=just-symbols \
        "$work/stage/lib/libvirtiogpio.a" | grep -vE ':$|^(vgpio_|__aeabi_|mem(cpy|set|cmp|move)$|$)' |
        sort -u) || true
    [ -z "$missing" ] || fail "it needs: $missing"
    printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(board C)' \
        'find_package(virtiogpio REQUIRED)' 'add_library(board STATIC board.c)' \
        'target_link_libraries(board virtiogpio::virtiogpio)' > "$work/CMakeLists.txt"
    printf '%s\n' '#include <virtiogpio/driver.h>' 'struct vgpio_drv drv;' > "$work/board.c"
    "$cmake" -S "$work" -B "$work/user" -DCMAKE_SYSTEM_NAME=Generic \
        -DCMAKE_C_COMPILER=arm-none-eabi-gcc -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
        -Dvirtiogpio_DIR="$work/stage/lib/cmake/virtiogpio" > /dev/null
    "$cmake" --build "$work/user" > /dev/null
}

rm -rf "$work"
case $case_name in
    tree) install_tree ;;
    cmake_shared) by_cmake shared ;;
    cmake_static) by_cmake static ;;
    pkgconfig_shared) by_pkgconfig shared ;;
    pkgconfig_static) by_pkgconfig static ;;
    headers | symbols | version | subdirectory | release | examples | pc_paths | board) "$case_name" ;;
    *) fail "no such case" ;;
esac
