#!/bin/bash
# SPDX-License-Identifier: MIT
# cli_dev.sh - a fleet from `forkyard dev`, jobs through run, submit and
# results, a dead worker, and an end that leaves nothing. timeout: 180
# shellcheck disable=SC2317 # called through check
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
unset FORKYARD_CONFIG
out=$TMPDIR/out
err=$TMPDIR/err
words=$TMPDIR/dev.err

# Everything of one dev, by the private temporary directory it was given.
export TMPDIR
children_of() {
    pgrep -P "$1" | while read -r pid; do
        echo "$pid"
        children_of "$pid"
    done
}

# wait_line FILE TEXT: until the growing file has the text, at most 30 s.
wait_line() {
    timeout 30 tail -n +1 -f "$1" 2>/dev/null | grep -qm1 -F -- "$2"
}

# A zombie that nobody has reaped yet counts as gone, which a pidfd knows.
wait_gone() {
    python3 -c 'import os, select, sys
for pid in map(int, sys.argv[1:]):
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        continue
    if not select.select([fd], [], [], 20)[0]:
        sys.exit(f"process {pid} is still there")' "$@"
}

start_dev() {
    mkfifo "$TMPDIR/ready.$1"
    "$FORKYARD" dev --json --workers 2 --slots 4 "${@:2}" \
        >"$TMPDIR/ready.$1" 2>"$words" &
    dev=$!
    line=
    read -r -t 60 line <"$TMPDIR/ready.$1"
    echo "$line" >"$TMPDIR/addresses"
    kafka=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["kafka"])' "$TMPDIR/addresses")
    export FORKYARD_KAFKA_BOOTSTRAP_SERVERS=$kafka
}

start_dev first
check "one line with all addresses" json "$TMPDIR/addresses" \
    "set(j) == {'kafka', 'redis', 'metrics', 'gateway', 'workers'} and len(j['workers']) == 2 and all(w['id'] and w['pid'] for w in j['workers'])"
check "the first lines say the broker's limits" has "$words" "memory" "5 MiB" \
    "no transactions"

check "redis answers at its address" redis-cli -u "$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["redis"])' "$TMPDIR/addresses")" ping

check "run shows output" exits_with 0 "$FORKYARD" run -l python \
    -c 'import sys; print("out", sys.argv[1]); print("err", file=sys.stderr)' \
    -- word
check "... stdout as it was" is "$(cat "$out")" "out word"
check "... stderr as it was" is "$(cat "$err")" "err"
check "run gives the exit code" exits_with 3 "$FORKYARD" run -l shell \
    -c 'exit 3'
# shellcheck disable=SC2016 # for the shell in the box
check "run gives 128 + signal" exits_with 143 "$FORKYARD" run -l shell \
    -c 'kill -TERM $$'
check "run gives 124 on a time limit" exits_with 124 "$FORKYARD" run -l shell \
    --time 300ms -c 'while :; do :; done'
check "... and says which" has "$err" "wall time limit"
check "run gives 125 when it cannot be run" exits_with 125 "$FORKYARD" run \
    -l nosuchlanguage -c x

# shellcheck disable=SC2016 # for the shell in the box
printf 'echo "$1 $FRUIT $(cat) $(cat extra.txt)"\n' >"$TMPDIR/job.sh"
echo apple >"$TMPDIR/extra.txt"
echo lines >"$TMPDIR/input"
check "run: file, arguments, env, stdin, files" exits_with 0 "$FORKYARD" run \
    "$TMPDIR/job.sh" --env FRUIT=pear --stdin "$TMPDIR/input" \
    --file "$TMPDIR/extra.txt" -- first
check "... all arrive" is "$(cat "$out")" "first pear lines apple"
check "run --json is one result" exits_with 0 "$FORKYARD" run --json -l shell \
    -c 'echo x' --label team=blue
check "... with its label" json "$out" \
    "j['status'] == 'success' and j['labels'] == {'team': 'blue'} and j['stdout'] == 'x\n'"

cat >"$TMPDIR/jobs.jsonl" <<'JOBS'
{"job_id": "a-1", "language": "shell", "code": "echo one"}
{"job_id": "a-2", "language": "shell", "code": "exit 7"}

{"language": "python", "code": "print(3)"}
JOBS
check "submit --wait: 1 when a job failed" exits_with 1 "$FORKYARD" submit \
    "$TMPDIR/jobs.jsonl" --wait
check "... prints each result once" is "$(wc -l <"$out")" 3
echo '{"job_id": "b-1", "language": "shell", "code": "true"}' \
    >"$TMPDIR/good.jsonl"
check "submit --wait: 0 when all succeeded" exits_with 0 "$FORKYARD" submit \
    "$TMPDIR/good.jsonl" --wait
cat >"$TMPDIR/bad.jsonl" <<'JOBS'
{"job_id": "c-1", "language": "shell", "code": "true"}
{"job_id": "c-2", "language": "shell", "code": "true", "limits": {"memory_bytes": -1}}
not json
{"job_id": "c-4", "language": "shell", "code": "true"}
JOBS
check "submit refuses bad jobs: 1" exits_with 1 "$FORKYARD" submit \
    "$TMPDIR/bad.jsonl"
check "... names line and field" has "$err" "line 2" "limits.memory_bytes" \
    "line 3"
check "... and sends the others" is "$(cat "$out")" $'c-1\nc-4'
python3 -c 'import json, sys
json.dump([{"job_id": "d-%d" % i, "language": "shell", "code": "true"}
           for i in range(3)], open(sys.argv[1], "w"), indent=2)' \
    "$TMPDIR/list.json"
check "submit takes a JSON list" exits_with 0 "$FORKYARD" submit \
    "$TMPDIR/list.json"
check "... all of it" is "$(wc -l <"$out")" 3
# {"language": "shell", "code": "true"} twice, as msgpack
message='\x82\xa8language\xa5shell\xa4code\xa4true'
printf '%b%b' "$message" "$message" >"$TMPDIR/jobs.msgpack"
check "submit takes msgpack" exits_with 0 "$FORKYARD" submit \
    "$TMPDIR/jobs.msgpack" --wait
check "... and gives ids" is "$(grep -c '"status":"success"' "$out")" 2

check "results --job finds one" exits_with 0 "$FORKYARD" results --job a-2
check "... in words" has "$out" a-2 nonzero_exit "exit code 7"
check "results --job: 1 when there is none" exits_with 1 "$FORKYARD" results \
    --job nobody
check "results --status --json filters" exits_with 0 "$FORKYARD" results \
    --status time_limit_exceeded --json
check "... to that status" is "$(wc -l <"$out")" 1
check "results --since" exits_with 0 "$FORKYARD" results --since 1h --json

first=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["workers"][0]["pid"])' "$TMPDIR/addresses")
kill -9 "$first"
check "a dead worker is noticed" wait_line "$words" "ended unexpectedly"
check "... and comes back" wait_line "$words" "is back"
check "... and jobs go on" exits_with 0 "$FORKYARD" run -l shell -c :

all=$(children_of "$dev")
kill -TERM "$dev"
got=0
wait "$dev" || got=$?
check "SIGTERM: exit code 0" is "$got" 0
# shellcheck disable=SC2086 # one pid per word
check "... no process is left" wait_gone $all
check "... no directory is left" is "$(ls -d "$TMPDIR"/forkyard-dev.* 2>/dev/null)" ""

dirs() {
    find "$TMPDIR" -maxdepth 1 -name 'forkyard-dev.*' | sort
}

start_dev second
living=$(dirs)
first_dev=$dev
all=$(children_of "$dev")
start_dev beside
check "another dev leaves that of a living one alone" has <(dirs) "$living"
all="$all $(children_of "$dev")"
kill -KILL "$dev" "$first_dev"
wait "$dev" "$first_dev" 2>/dev/null
# shellcheck disable=SC2086
check "kill -9: no process is left" wait_gone $all
left=$(dirs)
check "... but directories are" is "$(wc -l <<<"$left")" 2
# Not ours to judge: no lock tells whether its owner lives.
mkdir "$TMPDIR/forkyard-dev-other"

# A worker that stands still, and more than the broker keeps: the oldest jobs
# are dropped before anybody has finished them.
start_dev third --workers 1 --slots 1
# shellcheck disable=SC2086 # one directory per word
check "the next dev removes them" is "$(ls -d $left 2>/dev/null)" ""
check "... and has its own" is "$(dirs | wc -l)" 1
check "... and touches nothing else" test -d "$TMPDIR/forkyard-dev-other"
# One key, so that all of them are in one partition.
python3 -c 'import sys
def text(s):
    return b"\xda" + len(s).to_bytes(2, "big") + s.encode()
for i in range(12):
    with open("%s/big.%d" % (sys.argv[1], i), "wb") as f:
        f.write(b"\x84" + text("job_id") + text("big-%d" % i)
                + text("language") + text("shell")
                + text("code") + text("sleep 60")
                + text("stdin") + b"\xc6" + (900000).to_bytes(4, "big")
                + b"x" * 900000)' "$TMPDIR"
kcat -P -b "$kafka" -t forkyard.jobs.default -k one "$TMPDIR"/big.*
check "dropped jobs: dev ends" wait_gone "$dev" || kill "$dev"
got=0
wait "$dev" || got=$?
check "... with 1" is "$got" 1
check "... and says so loudly" has "$words" "JOBS LOST"
tap_done
