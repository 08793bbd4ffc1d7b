#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kafka.sh - the one version of Apache Kafka that tests and dev run.
#
#   kafka.sh                     make sure it is there; fetches it once
#   kafka.sh where               print its directory; exit 1 when it is not there
#   kafka.sh --refresh VERSION   write the table of artifacts anew, for another
#                                version of Kafka
#
# Kafka and all that it needs are the artifacts of broker-config/kafka/
# artifacts.tsv, fetched by Maven by their coordinates, checked one by one
# against their hashes, and kept in a cache outside the tree. The name "kafka"
# in the cache leads to the directory used last: that is where `forkyard dev
# --kafka local` looks. Never writes outside that cache and what Maven keeps
# for itself; never uses what it could not verify.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
table=$top/broker-config/kafka/artifacts.tsv
# The broker, with all that it needs, and where its few lines of log go.
roots=(org.apache.kafka:kafka_2.13:@version@ org.slf4j:slf4j-simple:1.7.36)
# The commands that administrate a cluster, and not the half hundred of
# artifacts that some of them need: those for topics, ACLs, settings and
# offsets need none.
alone=(org.apache.kafka:kafka-tools:@version@)
plugin=org.apache.maven.plugins:maven-dependency-plugin:2.8
java_wanted=17

cache=${FORKYARD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/forkyard}
# No table: about to be made by --refresh.
recipe=$( (sha256sum <"$table" || true) 2>/dev/null | cut -c1-12)
version=$(sed -n 's/^org.apache.kafka:kafka_2.13:\([^\t]*\).*/\1/p' \
    "$table" 2>/dev/null || true)
place=$cache/kafka-$version-$recipe

say() {
    printf 'kafka: %s\n' "$*" >&2
}

is_there() {
    [ -f "$place/complete" ]
}

where() {
    is_there && echo "$place"
}

java_is_new() {
    local words
    words=$(java -version 2>&1) || {
        say "no java here; Debian: apt-get install default-jre-headless"
        return 1
    }
    words=$(sed -n 's/.* version "\([0-9]*\).*/\1/p' <<<"$words")
    if [ "${words:-0}" -lt "$java_wanted" ]; then
        say "Kafka needs Java $java_wanted or newer, and this is $words"
        return 1
    fi
}

# Dependencies of a project, from lines of group:artifact:version; $1 is what
# to say of each of them besides.
dependencies() {
    local group artifact number
    while IFS=: read -r group artifact number; do
        echo "<dependency><groupId>$group</groupId>
            <artifactId>$artifact</artifactId><version>$number</version>
            $1</dependency>"
    done
}

# Without what it asks for itself.
only_this='<exclusions><exclusion><groupId>*</groupId>
    <artifactId>*</artifactId></exclusion></exclusions>'

# A project with the dependencies on standard input.
project() {
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0">
        <modelVersion>4.0.0</modelVersion><groupId>forkyard</groupId>
        <artifactId>kafka</artifactId><version>1</version>
        <packaging>pom</packaging><dependencies>'
    cat
    echo '</dependencies></project>'
}

# What $1/pom.xml depends on, into $1/repository, laid out as Maven lays out
# its own.
fetch() {
    local work=$1
    if ! (cd "$work" && mvn -B -q "$plugin:copy-dependencies" \
        -DoutputDirectory="$work/repository" -DincludeScope=runtime \
        -Dmdep.useRepositoryLayout=true) >"$work/mvn.log" 2>&1; then
        grep -m 5 ERROR "$work/mvn.log" >&2 || tail -n 5 "$work/mvn.log" >&2
        say "Maven cannot fetch it; is the network there?"
        return 1
    fi
}

# GROUP:ARTIFACT:VERSION of each jar in $1, with its path, sorted.
coordinates() {
    local jar folder group
    find "$1" -name '*.jar' -printf '%P\n' | while read -r jar; do
        folder=${jar%/*}
        group=${folder%/*/*}
        folder=${folder#"$group"/}
        printf '%s:%s\t%s\n' "${group//\//.}" "${folder/\//:}" "$jar"
    done | LC_ALL=C sort
}

# Each artifact of the table into $2, if it is what it was when it was pinned.
take_verified() {
    local work=$1 lib=$2 name jar wanted
    coordinates "$work/repository" >"$work/found"
    while IFS=$'\t' read -r name wanted; do
        jar=$(sed -n "s|^$name\t||p" "$work/found")
        if [ -z "$jar" ]; then
            say "Maven did not bring $name"
            return 1
        fi
        jar=$work/repository/$jar
        if ! echo "$wanted  $jar" | sha256sum --check --status; then
            say "$name is not what it was when it was pinned (its sha256" \
                "differs); refusing to use it"
            return 1
        fi
        cp "$jar" "$lib/"
    done < <(grep -v '^#' "$table")
}

names() {
    grep -v '^#' "$table" | cut -f1
}

ensure() {
    local began=$SECONDS
    # Two makes at once must not fetch it twice: the second one waits here.
    mkdir -p "$cache"
    exec 9>"$cache/kafka.lock"
    flock 9
    if ! is_there; then
        java_is_new || return 1
        say "fetching $version, once, some 45 MB; kept in $place"
        work=$(mktemp -d "$cache/build.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        names | dependencies "$only_this" | project >"$work/pom.xml"
        fetch "$work" || return 1
        mkdir -p "$work/place/lib"
        take_verified "$work" "$work/place/lib" || return 1
        echo "$version" >"$work/place/complete"
        rm -rf "$place"
        mv "$work/place" "$place"
        say "done in $((SECONDS - began)) s"
    fi
    ln -sfn "$(basename "$place")" "$cache/kafka"
}

refresh() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    {
        printf '%s\n' "${roots[@]/@version@/$1}" | dependencies ''
        printf '%s\n' "${alone[@]/@version@/$1}" | dependencies "$only_this"
    } | project >"$work/pom.xml"
    fetch "$work" || return 1
    {
        echo '# SPDX-License-Identifier: MIT'
        echo '# Apache Kafka and what it needs to run: coordinates, sha256.'
        echo '# Written by deploy/build/kafka.sh --refresh.'
        coordinates "$work/repository" | while IFS=$'\t' read -r name jar; do
            printf '%s\t%s\n' "$name" \
                "$(sha256sum <"$work/repository/$jar" | cut -d' ' -f1)"
        done
    } >"$work/table"
    mv "$work/table" "$table"
    chmod 644 "$table"
    say "$(names | wc -l) artifacts in ${table#"$top"/}"
}

case ${1:-} in
where) where ;;
--refresh) refresh "${2:?which version of Kafka}" ;;
'') ensure ;;
*)
    sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
