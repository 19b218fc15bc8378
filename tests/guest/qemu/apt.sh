# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Fetch packages to unpack them, without installing and without touching the machine's own apt:
# lists and cache are in a temporary folder $apt. Sourced by build.sh and get-qemu.sh.
#
#   unavailable REASON        say so on the last line, and end with exit status 77
#   apt_settings              for $apt_architecture, or amd64
#   apt_open                  the same, and read what the machine's own sources offer
#   apt_open_backports        read bookworm-backports of the mirror that bookworm comes from
#   apt_fetch PACKAGE[=VERSION]...   into the current folder

apt_options=()

unavailable() {
    echo "$*"
    exit 77
}

apt_update() {
    apt-get "${apt_options[@]}" update > "$apt/log" 2>&1 && ! grep -q '^[EW]: ' "$apt/log"
}

apt_settings() {
    command -v apt-get > /dev/null || unavailable "this is not Debian"
    mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
    apt_options=(-qq -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache"
        -o "APT::Architectures=${apt_architecture:-amd64}" -o APT::Sandbox::User=root
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20)
}

apt_open() {
    apt_settings
    apt_update || unavailable "the archive of packages cannot be reached"
}

apt_open_backports() {
    local mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
    apt_open
    # shellcheck disable=SC2016
    mirror=$(apt-get "${apt_options[@]}" indextargets --format '$(REPO_URI)' \
        'Codename: bookworm' 'Component: main' | sed -n 1p)
    [ -n "$mirror" ] || unavailable "apt has no source of bookworm"
    echo "deb [signed-by=$keys] $mirror bookworm-backports main" > "$apt/backports.list"
    apt_options+=(-o "Dir::Etc::SourceList=$apt/backports.list" -o Dir::Etc::SourceParts=-
        -o APT::Default-Release=bookworm-backports)
    apt_update || unavailable "the mirror of bookworm has no bookworm-backports"
}

apt_versions() { # PACKAGE: the newest first
    apt-cache "${apt_options[@]}" madison "$1" | awk -F ' *[|] *' '$3 ~ /Packages$/ { print $2 }' |
        sort -Vur
}

apt_depends() { # PACKAGE=VERSION: the names it depends on, without the alternatives
    apt-cache "${apt_options[@]}" show "$1" | sed -n 's/^Depends: //p' | sed -n 1p |
        tr , '\n' | sed 's/^ *//; s/[ |].*//'
}

apt_fetch() {
    apt-get "${apt_options[@]}" download "$@" > "$apt/log" 2>&1 || {
        cat "$apt/log" >&2
        unavailable "cannot download $*"
    }
}
