#!/bin/bash
# SPDX-License-Identifier: MIT
# node_client.sh - jobs and results by a Node client from npm (kafkajs and
# @msgpack/msgpack) that knows the schemas and nothing else. timeout: 180
#
# Its packages are pinned by hash in tests/node/package-lock.json and kept in
# build/node. Without npm: a skip; npm without network: a failure, since what
# this test promises was then not seen.
# shellcheck disable=SC2317 # called through check
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=$root/build/node

for program in node npm; do
    if ! command -v "$program" >/dev/null; then
        skip "a Node client from npm" "$program is not installed"
        tap_done
    fi
done

# Once per lock file; a half-done installation has no stamp.
install_packages() {
    local lock
    lock=$(sha256sum <"$root/tests/node/package-lock.json")
    [ "$(cat "$cache/stamp" 2>/dev/null)" = "$lock" ] && return 0
    rm -rf "$cache" && mkdir -p "$cache" &&
        cp "$root"/tests/node/package*.json "$cache" || return 1
    echo "npm ci in build/node, of tests/node/package-lock.json:"
    (cd "$cache" && npm ci --no-audit --no-fund --ignore-scripts 2>&1) ||
        return 1
    echo "$lock" >"$cache/stamp"
}

if ! check "npm installs the pinned packages" install_packages; then
    tap_done
fi

mkfifo "$TMPDIR/ready"
"$FORKYARD" dev --json --workers 2 --slots 4 \
    >"$TMPDIR/ready" 2>"$TMPDIR/dev.err" &
dev=$!
line=
read -r -t 60 line <"$TMPDIR/ready"
kafka=$(sed -n 's/.*"kafka": *"\([^"]*\)".*/\1/p' <<<"$line")
if ! check "a fleet is ready" test -n "$kafka"; then
    sed 's/^/# /' "$TMPDIR/dev.err"
    tap_done
fi

# Its lines of TAP, numbered on from ours.
node "$root/tests/node/client.mjs" "$kafka" "$root/schemas" "$cache" \
    >"$TMPDIR/tap" 2>&1
client_exit=$?
while IFS= read -r line; do
    case $line in
    "ok "* | "not ok "*)
        tap_count=$((tap_count + 1))
        [ "${line%% *}" = ok ] || tap_failed=$((tap_failed + 1))
        echo "${line%%ok *}ok $tap_count - ${line#* - }"
        ;;
    1..*) ;;
    *) echo "# ${line#\# }" ;;
    esac
done <"$TMPDIR/tap"
check "the client ends with 0" test "$client_exit" -eq 0

kill -TERM "$dev"
wait "$dev"
check "the fleet stops" test $? -eq 0
tap_done
