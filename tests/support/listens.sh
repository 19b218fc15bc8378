# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# listens SOCKET PID: until somebody listens there; 1 if the process PID ended before.
# A socket's file is no sign of it: that is there from bind() on, and who connects before listen()
# is refused.
listens() {
    until grep -q " 00010000 .* $1\$" /proc/net/unix; do
        kill -0 "$2" 2> /dev/null || return 1
    done
}
