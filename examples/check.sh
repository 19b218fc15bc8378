#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs an example and compares what it prints with what the comment on top of it promises.
# usage: check.sh PROGRAM SOURCE
set -eu

promised=$(sed -n '/^ \* It prints:$/,/^ \*\/$/s/^ \*     //p' "$2")
[ -n "$promised" ] || { echo "$2 promises nothing" >&2; exit 1; }
printed=$("$1")
if [ "$printed" != "$promised" ]; then
    printf 'It printed:\n%s\nIt promised:\n%s\n' "$printed" "$promised"
    exit 1
fi
