#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# deps.sh GROUP... - the Debian packages that a make target needs.
#
#   deps.sh build demo     install what is missing of these groups, after
#                          saying what and why; silent when all is there
#   deps.sh --check build  only say what is missing; exit 1 when something is
#   deps.sh --list         print the whole table
#
# Runs on the developer's or user's machine, as root or through sudo. Never
# removes or upgrades anything, and never replaces a tool that is already
# there from another source.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

# group|package|how to see that it is there|what for
# How: a command, pc:NAME (pkg-config module), or dpkg (the package itself).
table() {
    cat <<'ROWS'
build|gcc|gcc|compiler
build|libc6-dev|dpkg|C library headers
build|make|make|make
build|pkg-config|pkg-config|finds the libraries
build|libuv1-dev|pc:libuv|event loop
build|libmsgpack-dev|pc:msgpack pc:msgpack-c|messages
build|libjansson-dev|pc:jansson|JSON
build|libseccomp-dev|pc:libseccomp|system call filters of the boxes
build|libyaml-dev|pc:yaml-0.1|configuration files
build|libhiredis-dev|pc:hiredis|Redis client
build|libmicrohttpd-dev|pc:libmicrohttpd|metrics and health over HTTP
build|uthash-dev|dpkg|maps and lists
build|libssl-dev|pc:libssl|TLS to Kafka
build|libzstd-dev|pc:libzstd|compression in Kafka
build|zlib1g-dev|pc:zlib|compression in Kafka
librdkafka|npm|npm|fetches the source of librdkafka
librdkafka|binutils|ar|archives the library
demo|python3|/usr/bin/python3|jobs in Python
demo|nodejs|node|jobs in JavaScript
demo|redis-server|redis-server|sessions, cancellation, rate limits
test|libcmocka-dev|pc:cmocka|unit tests
test|python3-jsonschema|dpkg|an independent judge of the schemas
test|python3-msgpack|dpkg|an independent msgpack
test|python3-yaml|dpkg|reads the AsyncAPI file
test|python3-prometheus-client|dpkg|an independent reader of the metrics
test|kcat|kcat|a Kafka client that is not ours
test|python3-confluent-kafka|dpkg|another one, for Python
test|npm|npm|installs one for Node
test|procps|ps|looks for processes left behind
test|util-linux|unshare|runs tests without root
test|g++|/usr/bin/g++|jobs in C++
test|golang-go|/usr/bin/go /usr/local/go/bin/go|jobs in Go
test|rustc|/usr/bin/rustc|jobs in Rust
test|default-jdk-headless|/usr/bin/javac|jobs in Java
fuzz|clang|clang|libFuzzer
fuzz|libclang-rt-dev libclang-rt-14-dev|lib:libclang_rt.fuzzer*.a|libFuzzer
kafka|default-jre-headless|java|runs Kafka
maven|maven|mvn|fetches Kafka
fault|iproute2|ip|networks that can be cut
fault|iptables|iptables|cuts them
vm|qemu-system-x86|qemu-system-x86_64|a machine with another kernel
vm|busybox-static|busybox|what that machine starts with
vm|cpio|cpio|packs it
lint|clang-format|clang-format|layout of the code
lint|cppcheck|cppcheck|static analysis
lint|shellcheck|shellcheck|static analysis of the scripts
ROWS
}

# Which groups a group stands on.
expand() {
    case $1 in
    build) echo build ;;
    demo) echo build demo ;;
    fuzz) echo build fuzz ;;
    test) echo build demo test fuzz ;;
    kafka) echo kafka ;;
    fault) echo build demo test fuzz kafka fault ;;
    vm) echo build demo test fuzz vm ;;
    lint) echo build test lint ;;
    *)
        echo "deps.sh: no group '$1': build demo test fuzz kafka" \
            "fault vm lint" >&2
        return 2
        ;;
    esac
}

has() {
    local how=$1 package=$2
    case $how in
    pc:*) pkg-config --exists "${how#pc:}" 2>/dev/null ;;
    dpkg)
        # shellcheck disable=SC2016 # dpkg's own placeholder
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" \
            2>/dev/null)" = installed ]
        ;;
    lib:*)
        [ -n "$(find -L /usr/lib/clang /usr/lib/llvm* -name "${how#lib:}" \
            -print -quit 2>/dev/null)" ]
        ;;
    *) command -v "$how" >/dev/null ;;
    esac
}

# True when one of the ways in $1 (space-separated) finds the package.
has_any() {
    local how
    for how in $1; do
        if has "$how" "$2"; then
            return 0
        fi
    done
    return 1
}

# The first of the names that this release knows.
pick() {
    local name
    for name in "$@"; do
        if apt-cache show "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "$1"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "deps.sh: to install packages be root, or install sudo" >&2
        return 1
    fi
}

install_missing() {
    local row names=() list
    if ! command -v apt-get >/dev/null; then
        echo "deps.sh: this is not Debian; install these yourself" >&2
        return 1
    fi
    if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit)" ]
    then
        as_root apt-get update -q >/dev/null
    fi
    for row in "$@"; do
        IFS='|' read -r _ list _ <<<"$row"
        # shellcheck disable=SC2086 # alternatives are words
        names+=("$(pick $list)")
    done
    echo "installing: apt-get install ${names[*]}" >&2
    # Lists may be older than the archive: once more after an update.
    quiet_install "${names[@]}" || {
        as_root apt-get update -q >/dev/null
        quiet_install "${names[@]}" || {
            cat "$log" >&2
            return 1
        }
    }
}

# Settings that are there already, as Maven's may be, stay as they are.
quiet_install() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@" >"$log" 2>&1
}

main() {
    local mode=install groups='' missing=() row group package how why
    case ${1:-} in
    --check) mode=check && shift ;;
    --list) table && return ;;
    esac
    [ $# -gt 0 ] || {
        sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
        return 2
    }
    for group in "$@"; do
        groups+=" $(expand "$group")"
    done
    # npm is dear, and only needed until the library is built; so is Maven
    # until Kafka is there.
    if ! "$here/librdkafka.sh" where >/dev/null 2>&1; then
        groups+=' librdkafka'
    fi
    case "$groups " in
    *' kafka '*) "$here/kafka.sh" where >/dev/null 2>&1 || groups+=' maven' ;;
    esac
    while IFS='|' read -r group package how why; do
        case " $groups " in *" $group "*) ;; *) continue ;; esac
        if has_any "$how" "${package%% *}"; then
            continue
        fi
        missing+=("$group|$package|$why")
    done < <(table)
    [ ${#missing[@]} -gt 0 ] || return 0

    echo "missing on this machine:" >&2
    for row in "${missing[@]}"; do
        IFS='|' read -r group package why <<<"$row"
        printf '  %-20s %s (%s)\n' "${package%% *}" "$why" "$group" >&2
    done
    [ "$mode" = install ] || return 1
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    install_missing "${missing[@]}"
}

main "$@"
