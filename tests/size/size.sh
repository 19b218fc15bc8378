#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compiles the core freestanding for a microcontroller and shows that it needs nothing but
# the four mem* functions and brings no data of its own.
# usage: size.sh CPU SOURCE... (by ctest, which sets VGPIO_BUILD and VGPIO_OUT)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cpu=$1
shift
case $cpu in
    cortex-m0plus) cross=arm-none-eabi- machine=(-mcpu=cortex-m0plus -mthumb) ;;
    rv32imac) cross=riscv64-unknown-elf- machine=(-march=rv32imac -mabi=ilp32) ;;
    *) echo "unknown CPU: $cpu" >&2 && exit 2 ;;
esac
if ! command -v "${cross}gcc" > /dev/null; then
    echo "skipped: no ${cross}gcc"
    exit 77
fi

out=$VGPIO_OUT/$cpu
rm -rf "$out"
mkdir -p "$out"
flags=("${machine[@]}" -Os -std=c99 -ffreestanding -nostdlib
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wcast-align
    -Wstrict-prototypes -Wmissing-prototypes -Werror
    -DVGPIO_BUILDING -I "$root/include" -I "$VGPIO_BUILD/include")
for source in "$@"; do
    "${cross}gcc" "${flags[@]}" -c "$source" -o "$out/$(basename "$source" .c).o"
done
"${cross}ar" rcs "$out/libvirtiogpio.a" "$out"/*.o
"${cross}gcc" "${machine[@]}" -nostdlib -r -o "$out/core.elf" \
    -Wl,--whole-archive "$out/libvirtiogpio.a" -Wl,--no-whole-archive

echo "$cpu, -Os, bytes:"
"${cross}size" "$out"/*.o | awk -F'\t' '
    NR == 1 { printf "%8s %8s %8s  %s\n", "text", "data", "bss", "file"; next }
    { sub(/.*\//, "", $6); printf "%8d %8d %8d  %s\n", $1, $2, $3, $6
      text += $1; data += $2; bss += $3 }
    END { printf "%8d %8d %8d  %s\n", text, data, bss, "all" }'

bad=0
undefined=$("${cross}nm" -u "$out/core.elf" | awk '{ print $NF }' | sort -u)
for symbol in $undefined; do
    case $symbol in
        memcpy | memset | memcmp | memmove) ;;
        *) echo "needs from outside: $symbol" && bad=1 ;;
    esac
done
# .sdata and .sbss are what RISC-V calls small ones.
owned=$("${cross}size" -A "$out/core.elf" | awk '$1 ~ /^\.s?(data|bss)(\.|$)/ && $2 > 0')
if [ -n "$owned" ] || "${cross}nm" "$out/core.elf" | grep -E ' [CcDdBbGgSs] '; then
    echo "has data of its own: $owned"
    bad=1
fi
echo "undefined: $(echo "$undefined" | xargs)"
exit "$bad"
