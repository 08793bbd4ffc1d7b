#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kafka_artifacts.sh - deploy/build/kafka.sh takes what it pinned and nothing
# else. With a Maven and a Java that are ours: no network is needed.
# shellcheck disable=SC2317 # the cases are called by name
set -euo pipefail
# shellcheck source=tests/lib/tap.sh
. "$TEST_ROOT/tests/lib/tap.sh"

script=$TMPDIR/deploy/build/kafka.sh
table=$TMPDIR/broker-config/kafka/artifacts.tsv
export FORKYARD_CACHE=$TMPDIR/cache CALLS=$TMPDIR/calls
mkdir -p "$(dirname "$script")" "$(dirname "$table")" "$TMPDIR/bin"
cp "$TEST_ROOT/deploy/build/kafka.sh" "$script"
PATH=$TMPDIR/bin:$PATH

# Brings two jars, of which it is told what is in the second one.
cat >"$TMPDIR/bin/mvn" <<'END'
#!/bin/sh
echo called >>"$CALLS"
for word in "$@"; do
    case $word in -DoutputDirectory=*) to=${word#*=} ;; esac
done
[ -z "${MVN_FAILS:-}" ] || { echo "[ERROR] no such artifact"; exit 1; }
mkdir -p "$to/org/apache/kafka/kafka_2.13/9.9" "$to/a/b/c/1"
printf broker >"$to/org/apache/kafka/kafka_2.13/9.9/kafka_2.13-9.9.jar"
[ -z "${MVN_JAR:-}" ] || printf %s "$MVN_JAR" >"$to/a/b/c/1/c-1.jar"
END
cat >"$TMPDIR/bin/java" <<'END'
#!/bin/sh
echo 'Picked up something' >&2
echo "openjdk version \"${JAVA_IS:-17.0.1}\" 2021-10-19" >&2
END
chmod +x "$TMPDIR/bin/mvn" "$TMPDIR/bin/java"

row() {
    printf '%s\t%s\n' "$1" "$(printf %s "$2" | sha256sum | cut -d' ' -f1)"
}
{
    echo '# a comment'
    row org.apache.kafka:kafka_2.13:9.9 broker
    row a.b:c:1 right
} >"$table"

# refuses TEXT...: exit 1, says it, and keeps nothing.
refuses() {
    exits_with 1 "$script" && has "$TMPDIR/err" "$@" &&
        exits_with 1 "$script" where && is "$(cat "$TMPDIR/out")" '' &&
        is "$(find "$TMPDIR/cache" -name '*.jar')" '' &&
        is "$(find "$TMPDIR/cache" -name 'build.*')" ''
}

old_java() { JAVA_IS=11.0.2 refuses 'Java 17 or newer' 'this is 11'; }
no_maven() { MVN_FAILS=1 refuses 'no such artifact' 'Maven cannot fetch it'; }
other_bytes() { MVN_JAR=wrong refuses a.b:c:1 'sha256 differs' refusing; }
one_missing() { refuses 'Maven did not bring a.b:c:1'; }

takes() {
    MVN_JAR=right "$script"
    local place
    place=$("$script" where) || return 1
    is "$(cat "$place/lib/c-1.jar")" right &&
        is "$(cat "$place/lib/kafka_2.13-9.9.jar")" broker &&
        is "$(readlink -f "$TMPDIR/cache/kafka")" "$place"
}

once() {
    local before
    before=$(wc -l <"$CALLS")
    "$script" && is "$(wc -l <"$CALLS")" "$before"
}

another_table() {
    row d:e:1 new >>"$table"
    exits_with 1 "$script" where
}

refreshed() {
    MVN_JAR=other "$script" --refresh 9.9 &&
        has "$table" "$(row a.b:c:1 other)" \
            "$(row org.apache.kafka:kafka_2.13:9.9 broker)" &&
        is "$(grep -vc '^#' "$table")" 2
}

check 'Java 11 is refused' old_java
check 'Maven fails: said, with its own words' no_maven
check 'another content than was pinned is refused' other_bytes
check 'an artifact that Maven did not bring is named' one_missing
check 'what is as it was pinned is taken' takes
check 'and is not fetched again' once
check 'another table is another place' another_table
check '--refresh writes the table' refreshed
tap_done
