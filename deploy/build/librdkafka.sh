#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# librdkafka.sh - the one version of librdkafka that Forkyard is built with.
#
#   librdkafka.sh          make sure it is there; builds it once when it is not
#   librdkafka.sh where    print its pkg-config directory, or "system"; exit 1
#                          when it is not there
#
# A system library that is new enough is taken. Otherwise the source comes from
# the npm package of its makers, is checked against its hash, and is built as a
# static library in a cache outside the tree, so that a second clone finds it.
# Never writes outside that cache; never uses what it could not verify.
set -euo pipefail

version=2.15.1
npm_package=@confluentinc/kafka-javascript@1.10.1
npm_sha256=ada7d703bb1d3237e2292bfabf438d663b6160c9f1ac2a2406b5dc4257c81b66
# TLS, SCRAM and every compression. Not Kerberos (drags in Cyrus SASL) and not
# the HTTP client for OAuth (drags in curl and what curl drags in). POSIX
# threads, because the thread sanitizer does not know those of C11.
features=(--enable-static --enable-ssl --enable-zlib --enable-zstd
    --disable-lz4-ext --disable-gssapi --disable-curl
    --disable-c11threads)

recipe=$(printf '%s\n' "$version" "$npm_sha256" "${features[*]}" |
    sha256sum | cut -c1-12)
cache=${FORKYARD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/forkyard}
prefix=$cache/librdkafka-$version-$recipe

has_system() {
    pkg-config --atleast-version="$version" rdkafka 2>/dev/null
}

has_cached() {
    [ -f "$prefix/lib/pkgconfig/rdkafka.pc" ]
}

where() {
    if has_system; then
        echo system
    elif has_cached; then
        echo "$prefix/lib/pkgconfig"
    else
        return 1
    fi
}

say() {
    printf 'librdkafka: %s\n' "$*" >&2
}

fetch() {
    local tarball
    if ! (cd "$1" && npm pack --silent "$npm_package" >npm.log 2>&1); then
        cat "$1/npm.log" >&2
        say "cannot fetch $npm_package with npm; is the network there?"
        return 1
    fi
    tarball=$(find "$1" -maxdepth 1 -name '*.tgz')
    if ! echo "$npm_sha256  $tarball" | sha256sum --check --status; then
        say "$npm_package is not what it was when this version was pinned" \
            "(its sha256 differs); refusing to build it"
        return 1
    fi
    tar -xzf "$tarball" -C "$1" package/deps/librdkafka
}

# One chain of &&: `set -e` does not hold inside a function whose failure is
# looked at.
build_steps() {
    local source=$1/package/deps/librdkafka stage=$1/stage
    # The final prefix is configured, so that the .pc file is right. Only src:
    # src-cpp would want a C++ compiler for nothing, and so does configure: it
    # is content with any compiler under that name.
    cd "$source" &&
        CXX=${CC:-gcc} ./configure --prefix="$prefix" "${features[@]}" &&
        make -j"$(nproc)" -C src librdkafka.a rdkafka.pc &&
        mkdir -p "$stage/include/librdkafka" "$stage/lib/pkgconfig" &&
        cp src/rdkafka.h src/rdkafka_mock.h "$stage/include/librdkafka/" &&
        cp src/librdkafka.a "$stage/lib/" &&
        cp src/rdkafka.pc "$stage/lib/pkgconfig/" &&
        cp LICENSES.txt "$stage/"
}

build() {
    # Not the flags and the job server of the make that called us.
    if ! (unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS LDFLAGS &&
        build_steps "$1") >"$1/build.log" 2>&1; then
        tail -n 30 "$1/build.log" >&2
        say "the build failed; its last lines are above"
        return 1
    fi
}

ensure() {
    local began=$SECONDS
    # Two makes at once must not build it twice: the second one waits here.
    mkdir -p "$cache"
    exec 9>"$cache/librdkafka.lock"
    flock 9
    if has_cached; then
        return 0
    fi
    say "building $version, once, about a minute; kept in $prefix"
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    fetch "$work" || return 1
    build "$work" || return 1
    # A half-built library never stands under the final name.
    rm -rf "$prefix"
    mv "$work/stage" "$prefix"
    say "done in $((SECONDS - began)) s"
}

case ${1:-} in
where) where ;;
'') where >/dev/null || ensure ;;
*)
    sed -n '3,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
