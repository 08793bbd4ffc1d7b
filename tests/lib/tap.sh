# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# tap.sh - test lines for the shell tests; source it. $FORKYARD is the program.
#
#   check "name" command args...      ok when the command succeeds
#   tap_done                          the plan; exits 1 when a check failed

: "${FORKYARD:=build/forkyard}"
TMPDIR=${TMPDIR:-/tmp}
tap_count=0
tap_failed=0

check() {
    local name=$1 words
    shift
    tap_count=$((tap_count + 1))
    if words=$("$@" 2>&1); then
        echo "ok $tap_count - $name"
        return 0
    fi
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $name"
    printf '%s\n' "$words" | sed 's/^/# /'
    return 1
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# exits_with CODE COMMAND...: output is kept in $TMPDIR/out and $TMPDIR/err.
exits_with() {
    local wanted=$1 got=0
    shift
    "$@" >"$TMPDIR/out" 2>"$TMPDIR/err" </dev/null || got=$?
    [ "$got" -eq "$wanted" ] && return 0
    echo "exit code $got, wanted $wanted: $*"
    cat "$TMPDIR/out" "$TMPDIR/err"
    return 1
}

# has FILE TEXT...: each text is in the file.
has() {
    local file=$1 text
    shift
    for text in "$@"; do
        grep -qF -- "$text" "$file" && continue
        echo "no '$text' in:"
        cat "$file"
        return 1
    done
}

is() {
    [ "$1" = "$2" ] && return 0
    echo "is '$1', wanted '$2'"
    return 1
}

# json FILE EXPRESSION: a Python expression over the value `j` is true.
json() {
    python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
if not eval(sys.argv[2]):
    sys.exit(f"not so: {sys.argv[2]}\n{json.dumps(j)[:2000]}")' "$1" "$2"
}

tap_done() {
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
    exit
}
