#!/bin/bash
# SPDX-License-Identifier: MIT
# cli_learn.sh - `forkyard run --learn`: are refused calls listed and made, and
# can nobody but who types it ask for that? timeout: 120
# shellcheck disable=SC2317 # called through check
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
out=$TMPDIR/out
err=$TMPDIR/err

# Says what it got: of a call that is not named, of one refused for its
# arguments, and of one that is forbidden, by number on x86_64.
refused='
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    got = libc.syscall(*args)
    return os.strerror(ctypes.get_errno()) if got < 0 else "done"
print(call(241, b"forkyard-none"))  # mq_unlink
print(call(135, 0x40000))  # personality
print(call(135, 0x40000))
print(call(303, 3, None, None, None, 0))  # name_to_handle_at
'

learns() {
    check "$1: exits as the program" exits_with 0 "${as[@]}" "$FORKYARD" run \
        --learn -l python -c "$refused"
    check "$1: its calls were made" has "$err" "No such file or directory" \
        "done" "Bad address"
    check "$1: they are listed" has "$out" "# run: 3 calls that profile program/1 refuses" "seccomp:" \
        "    - mq_unlink          # ENOSYS, 1 time; first: " \
        "    - personality        # EPERM for its arguments, 2 times; first: 0x4" \
        "    - name_to_handle_at  # EPERM, 1 time; first: 0x3 0 0"
}

if [ "$(uname -m)" = x86_64 ]; then
    as=()
    learns "as it is"
    if [ "$(id -u)" = 0 ]; then
        cp "$FORKYARD" "$TMPDIR/forkyard" && chmod 755 "$TMPDIR/forkyard"
        as=(setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all
            --bounding-set=-all)
        FORKYARD=$TMPDIR/forkyard learns "ordinary user"
    fi
    exits_with 0 "$FORKYARD" run --learn --json -l python -c "$refused"
    check "--json is the same" json "$out" \
        "[(c['name'], c['count'], c['answer']) for c in j[0]['calls']] == [
         ('personality', 2, 'EPERM for its arguments'),
         ('mq_unlink', 1, 'ENOSYS'),
         ('name_to_handle_at', 1, 'EPERM')] and j[0]['status'] == 'success'"
    check "a call that ends a job ends it" exits_with 159 "$FORKYARD" run \
        --learn -l python -c 'import ctypes; ctypes.CDLL(None).syscall(321)'
    check "... and is no addition" has "$out" "run: 0 calls" "allow: []"
    check "... but is named" has "$err" "system call bpf"
fi
check "the program's exit code" exits_with 7 "$FORKYARD" run --learn \
    -l shell --stdin - -c 'cat; echo words; exit 7'
check "its words go to stderr" has "$err" words "exit code 7"
check "the list alone to stdout" is "$(grep -vcE '^(#|seccomp:|  allow:|    - )' \
    "$out")" 0
if command -v gcc >/dev/null; then
    check "a compiler's calls, too" exits_with 4 "$FORKYARD" run --learn \
        -l c -c 'int main(void) { return 4; }'
    check "... are a list of their own" has "$out" "---" \
        "# compile: 0 calls that profile compiler/1 refuses; it ended as succ" \
        "# run: 0 calls that profile program/1 refuses; it ended as nonzero"
    check "what does not compile" exits_with 125 "$FORKYARD" run --learn \
        -l c -c 'int main(void) { retrun 4; }'
    check "... is not run" is "$(grep -c '^# run' "$out")" 0
    check "... and says why" has "$err" retrun "compile_error"
fi
check "its limits hold" exits_with 124 "$FORKYARD" run --learn --time 200ms \
    -l shell -c 'sleep 60'
check "a job that no worker would take" exits_with 125 "$FORKYARD" run \
    --learn -l cobol -c x
check "... is refused with the reason" has "$err" "cobol"

# No setting has the word, and no field of a job.
check "no setting turns it on" exits_with 2 "$FORKYARD" check \
    --set worker.learn=true
check "no setting is named so" is "$("$FORKYARD" check --json |
    grep -ci learn)" 0
check "no field of a job is named so" is "$(grep -ci learn \
    "$TEST_ROOT/schemas/job.json")" 0
tap_done
