#!/bin/bash
# SPDX-License-Identifier: MIT
# cli_stream.sh - `forkyard run` shows output while the job runs: order, both
# streams, much of it, any bytes, and what ends early. timeout: 120
# shellcheck disable=SC2317 # called through check
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
unset FORKYARD_CONFIG
out=$TMPDIR/out
err=$TMPDIR/err
export TMPDIR

mkfifo "$TMPDIR/ready"
"$FORKYARD" dev --json --workers 2 --slots 4 --port 0 \
    >"$TMPDIR/ready" 2>"$TMPDIR/dev.err" &
dev=$!
line=
read -r -t 60 line <"$TMPDIR/ready"
echo "$line" >"$TMPDIR/addresses"
kafka=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["kafka"])' "$TMPDIR/addresses")
export FORKYARD_KAFKA_BOOTSTRAP_SERVERS=$kafka

# run_noting CODE RUN-ARGS...: what run shows, as it reaches a pipe, with the
# time in ns in front of each line, in $TMPDIR/noted.
run_noting() {
    python3 -c 'import subprocess, sys, time
noted = open(sys.argv[1], "w")
run = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for line in run.stdout:
    print(time.time_ns(), line.decode(), end="", file=noted)
sys.exit(run.wait())' "$TMPDIR/noted" "$FORKYARD" run "$@"
}

# line_is before|after LABEL TEXT: when the line was noted, seen from the end of
# the job with this label, which its result tells.
line_is() {
    "$FORKYARD" results --json >"$TMPDIR/results" || return 1
    python3 -c 'import json, sys
side, label, text, results, noted = sys.argv[1:]
ends = [r["timings"]["finished_unix_nano"]
        for r in map(json.loads, open(results))
        if r.get("labels") == {"test": label}]
seen = [int(line.split()[0]) for line in open(noted) if text in line]
if (len(ends) != 1 or len(seen) != 1
        or (side == "before") != (seen[0] < ends[0])):
    sys.exit(f"seen {seen}, ended {ends}")' "$@" "$TMPDIR/results" "$TMPDIR/noted"
}

check "a job with a pause" run_noting --label test=pause -l shell \
    -c 'echo first; sleep 0.3; echo second'
check "... its first line is there before it ends" line_is before pause first
check "... each line once, in order" is \
    "$(cut -d' ' -f2- "$TMPDIR/noted")" $'first\nsecond'
check "--no-stream" run_noting --no-stream --label test=whole -l shell \
    -c 'echo first; sleep 0.3; echo second'
check "... nothing before the end" line_is after whole first
check "... but all of it then" is \
    "$(cut -d' ' -f2- "$TMPDIR/noted")" $'first\nsecond'

check "stdout and stderr in turns" run_noting -l shell \
    -c 'echo o1; sleep 0.3; echo e1 >&2; sleep 0.3; echo o2'
check "... arrive in turns" is "$(cut -d' ' -f2- "$TMPDIR/noted")" \
    $'o1\ne1\no2'
check "... each where it belongs" exits_with 0 "$FORKYARD" run -l shell \
    -c 'echo o; echo e >&2; echo o; echo e >&2'
check "... stdout" is "$(cat "$out")" $'o\no'
check "... stderr" is "$(cat "$err")" $'e\ne'

code='import sys
for i in range(300000):
    sys.stdout.write("%9d\n" % i)'
python3 -c "$code" >"$TMPDIR/expected"
check "3 MB, more than a result keeps" exits_with 0 "$FORKYARD" run -l python \
    -c "$code"
check "... all of it, once" cmp "$TMPDIR/expected" "$out"
check "... and no word about it" is "$(cat "$err")" ""
check "3 MB with --no-stream" exits_with 0 "$FORKYARD" run --no-stream \
    -l python -c "$code"
check "... is cut, which is said" has "$err" "stdout was 2.9 MiB" "kept"

code='import os
for i in range(100000):
    os.write(1, b"%9d\n" % i)'
python3 -c "$code" >"$TMPDIR/expected"
check "100 000 small writes" exits_with 0 "$FORKYARD" run -l python -c "$code"
check "... all of them, once" cmp "$TMPDIR/expected" "$out"
check "... and no word about them" is "$(cat "$err")" ""

code='import os
os.write(1, bytes(range(256)) * 100)'
python3 -c "$code" >"$TMPDIR/expected"
check "any bytes" exits_with 0 "$FORKYARD" run -l python -c "$code"
check "... come as they are" cmp "$TMPDIR/expected" "$out"
check "no newline at the end" exits_with 0 "$FORKYARD" run -l shell \
    -c 'printf x'
check "... and none is added" is "$(od -An -c "$out" | tr -d ' ')" x

check "a time limit: 124" exits_with 124 "$FORKYARD" run -l shell \
    --time 500ms -c 'echo so far; while :; do :; done'
check "... what there was is shown, once" is "$(cat "$out")" "so far"
check "... and what ended it" has "$err" "wall time limit"
check "exit code" exits_with 7 "$FORKYARD" run -l shell -c 'echo x; exit 7'
check "... with its output" is "$(cat "$out")" x
check "refused: 125" exits_with 125 "$FORKYARD" run -l nosuchlanguage -c x
check "... nothing on stdout" is "$(cat "$out")" ""
check "... the reason once" is "$(grep -c nosuchlanguage "$err")" 1

printf '#include <stdio.h>\n#warning mind this\nint main(void)
{ puts("compiled"); return 4; }\n' >"$TMPDIR/hello.c"
check "a C file is compiled and run" exits_with 4 "$FORKYARD" run \
    "$TMPDIR/hello.c"
check "... its output alone on stdout" is "$(cat "$out")" compiled
check "... what the compiler said on stderr" has "$err" "mind this"
check "one that does not compile: 125" exits_with 125 "$FORKYARD" run -l c \
    -c 'int main(void) { return missing; }'
check "... nothing on stdout" is "$(cat "$out")" ""
check "... the compiler's words, and ours" has "$err" "undeclared" \
    "compile_error: compile: exit code 1"

check "--json: the result alone" exits_with 0 "$FORKYARD" run --json -l shell \
    -c 'echo x'
check "... is all of stdout" json "$out" "j['stdout'] == 'x\n'"

# Both workers die in the middle; the job is done again, from its start. The
# first line wakes us at once, and leaves seconds until the job would end.
mkfifo "$TMPDIR/lines"
"$FORKYARD" run -l python -c 'import time
for i in range(3):
    print("line", i, flush=True)
    time.sleep(2)' >"$TMPDIR/lines" 2>"$TMPDIR/again.err" </dev/null &
run=$!
exec 3<"$TMPDIR/lines"
read -rt 30 first <&3
check "a line is there" is "$first" "line 0"
python3 -c 'import json, os, sys
for worker in json.load(open(sys.argv[1]))["workers"]:
    os.kill(worker["pid"], 9)' "$TMPDIR/addresses"
rest=$(cat <&3)
exec 3<&-
got=0
wait "$run" || got=$?
check "the workers are killed, and it succeeds all the same" is "$got" 0
check "... each line is shown once" is "$rest" $'line 1\nline 2'
check "... and what happened is said" has "$TMPDIR/again.err" "started again"

# An interrupt ends run and not its job; background jobs of a script ignore
# SIGINT, so this sends TERM. The first line has come: the job is running.
mkfifo "$TMPDIR/left"
"$FORKYARD" run -l bash -c 'echo up; read -rt 5 <> <(:)' \
    >"$TMPDIR/left" 2>"$TMPDIR/cut.err" </dev/null &
run=$!
exec 3<"$TMPDIR/left"
read -rt 30 first <&3
check "a job to leave" is "$first" up
kill -TERM "$run"
got=0
wait "$run" || got=$?
exec 3<&-
check "an interrupted run: 128 + the signal" is "$got" 143
check "... says that the job goes on" has "$TMPDIR/cut.err" "goes on" \
    "forkyard results --job"

check "run --help tells" exits_with 0 "$FORKYARD" run --help
check "... about --no-stream" has "$out" "--no-stream" "as they come"

kill -TERM "$dev"
got=0
wait "$dev" || got=$?
check "dev ends with 0" is "$got" 0
tap_done
