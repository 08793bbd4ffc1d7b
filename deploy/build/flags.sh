#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# flags.sh CC - prints makefile variables: which optional compiler flags CC
# takes, and how to compile and link against the libraries. Run by make, once
# per build directory. Installs nothing: names what is missing and the remedy.
set -euo pipefail

cc=${1:-cc}
here=$(cd "$(dirname "$0")" && pwd)

# Wanted where the compiler and the processor have them.
optional=(-fstack-protector-strong -fstack-clash-protection
    -fcf-protection=full -ftrivial-auto-var-init=zero
    -Wduplicated-cond -Wno-format-nonliteral)

give_up() {
    printf 'cannot build yet: %s\n' "$1" >&2
    echo "remedy: make deps    (installs what is missing, as root or by" \
        "sudo, and builds librdkafka once)" >&2
    exit 1
}

command -v "$cc" >/dev/null || give_up "no compiler '$cc'"
command -v pkg-config >/dev/null || give_up "no pkg-config"

msgpack=msgpack
if pkg-config --exists msgpack-c; then
    msgpack="msgpack-c" # its name since version 6
fi
# What the library for producers stands on; and what the program does too.
lib_libs=(jansson yaml-0.1 "$msgpack")
libs=(libuv libseccomp hiredis libmicrohttpd "${lib_libs[@]}")
for lib in "${libs[@]}"; do
    pkg-config --exists "$lib" || give_up "no library '$lib'"
done

where=$("$here/librdkafka.sh" where) || give_up "no librdkafka, or an old one"
if [ "$where" = system ]; then
    pc_file=
    rdkafka_libs=$(pkg-config --libs rdkafka)
    rdkafka_cflags=$(pkg-config --cflags rdkafka)
    rdkafka_archive=
    lib_private=
    lib_requires="${lib_libs[*]} rdkafka"
else
    pc_file=$where/rdkafka.pc
    export PKG_CONFIG_PATH="$where${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
    # --static for the libraries that librdkafka.a itself stands on; they are
    # linked as shared ones, so that the system keeps TLS up to date.
    rdkafka_libs=$(pkg-config --static --libs rdkafka)
    rdkafka_cflags=$(pkg-config --cflags rdkafka)
    # libforkyard takes it in, so that its users need not have it.
    rdkafka_archive=$(pkg-config --variable=libdir rdkafka)/librdkafka.a
    lib_private=$(printf '%s\n' "$rdkafka_libs" |
        sed 's/-lrdkafka//; s|-L[^ ]*librdkafka[^ ]*||')
    lib_requires=${lib_libs[*]}
fi

taken=()
for flag in "${optional[@]}"; do
    # -Wno-x is accepted by gcc whether known or not; harmless.
    if "$cc" -Werror "$flag" -x c -c /dev/null -o /dev/null 2>/dev/null; then
        taken+=("$flag")
    fi
done

# As system headers: our warnings are not their business.
cflags="$(pkg-config --cflags "${libs[@]}") $rdkafka_cflags"

cat <<MK
# Written by deploy/build/flags.sh; remove it after changing the compiler.
OPTIONAL_FLAGS := ${taken[*]}
PKG_CFLAGS := ${cflags//-I/-isystem }
PKG_LIBS := $(pkg-config --libs "${libs[@]}") $rdkafka_libs
RDKAFKA_ARCHIVE := $rdkafka_archive
LIB_LIBS := $(pkg-config --libs "${lib_libs[@]}") ${lib_private:-$rdkafka_libs}
LIB_REQUIRES := $lib_requires
LIB_PRIVATE := ${lib_private# }
RDKAFKA_PC := $pc_file
MK
