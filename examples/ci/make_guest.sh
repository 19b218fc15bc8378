#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Pack the guest's root: busybox and guest/.  usage: make_guest.sh OUTPUT
# Needs busybox-static, cpio and gzip.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
output=$(realpath -m "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,proc,sys}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$here"/guest/* "$root/"
chmod +x "$root"/{init,app.sh}
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) > "$output"
