#!/bin/bash
# SPDX-License-Identifier: MIT
# cli_words.sh - the command line without a fleet: help, hints, settings, exit
# codes. timeout: 120
# shellcheck disable=SC2317 # called through check
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
unset FORKYARD_CONFIG
out=$TMPDIR/out
err=$TMPDIR/err

all_commands="dev run submit results dead worker topics acls check version"

check "help exits 0" exits_with 0 "$FORKYARD" help
# shellcheck disable=SC2086 # one text per word
check "help lists every command" has "$out" $all_commands Example
check "no command: usage, 2" exits_with 2 "$FORKYARD"
for command in $all_commands; do
    check "$command --help exits 0" exits_with 0 "$FORKYARD" "$command" --help
    check "$command --help shows an example" has "$out" "Usage:" "Example:" \
        "forkyard $command"
    check "help $command is the same" exits_with 0 "$FORKYARD" help "$command"
done

for command in worker dev check; do
    check "$command --help" exits_with 0 "$FORKYARD" "$command" --help
    check "... lists every setting" has "$out" "Settings (file, FORKYARD_" \
        worker.slots FORKYARD_WORKER_SLOTS job.max_bytes "kafka.<property>"
done
check "run --help" exits_with 0 "$FORKYARD" run --help
has_not() { ! grep -qF -- "$2" "$1"; }
check "... does not" has_not "$out" FORKYARD_WORKER_SLOTS

check "unknown command: 2" exits_with 2 "$FORKYARD" sumbit
check "the nearest command is named" has "$err" "did you mean" "submit"
check "unknown option: 2" exits_with 2 "$FORKYARD" results --folow
check "the nearest option is named" has "$err" "--follow"
check "a missing value: 2" exits_with 2 "$FORKYARD" results --job
check "... says so" has "$err" "needs a value"
check "unknown status: 2" exits_with 2 "$FORKYARD" results --status sucess
check "the nearest status is named" has "$err" "success"

check "run without a program: 125" exits_with 125 "$FORKYARD" run
check "run with two programs: 125" exits_with 125 "$FORKYARD" run a.py b.py
check "... says where arguments go" has "$err" "--"
check "run without a language: 125" exits_with 125 "$FORKYARD" run -c x
check "... asks for it" has "$err" "-l"
check "run with an unknown limit: 125" exits_with 125 "$FORKYARD" run -l shell \
    -c : --limit memry=1MiB
check "the nearest limit is named" has "$err" "did you mean memory"
check "run over a maximum: 125" exits_with 125 "$FORKYARD" run -l shell -c : \
    --memory 900GiB
check "... names the field" has "$err" "limits.memory_bytes"
said_once() { [ "$(grep -o -- "$2" "$1" | wc -l)" -eq 1 ]; }
check "run with no file: 125" exits_with 125 "$FORKYARD" run "$TMPDIR/none.py"
check "... names the file, once" said_once "$err" none.py
check "submit with no file: 1" exits_with 1 "$FORKYARD" submit "$TMPDIR/none.js"
check "... names the file, once" said_once "$err" none.js
check "help --help exits 0" exits_with 0 "$FORKYARD" help --help
check "a wrong variable: 2" exits_with 2 env FORKYARD_WORKER_SLTS=3 \
    "$FORKYARD" check
check "... is named, and from where" said_once "$err" environment
check "... with the nearest" has "$err" "did you mean FORKYARD_WORKER_SLOTS"
check "no Kafka: 1" exits_with 1 "$FORKYARD" topics plan --brokers 127.0.0.1:1
check "dead list without Kafka: 1" exits_with 1 "$FORKYARD" dead list \
    --brokers 127.0.0.1:1
check "... says why, and the remedy" has "$err" "Connection refused" "--brokers"
check "acls without a principal: 2" exits_with 2 "$FORKYARD" acls plan
check "... names the roles" has "$err" "producer, worker, forwarder, operator, reader"
check "acls with an unknown role: 2" exits_with 2 "$FORKYARD" acls apply \
    -p werker=User:x
check "... names the roles" has "$err" "no such role" "producer, worker, forwarder, operator, reader"
check "acls for half a principal: 2" exits_with 2 "$FORKYARD" acls plan \
    -p worker=x
check "... says how to write it" has "$err" "ROLE=User:NAME"
check "... is not said at each attempt" has_not "$err" "brokers are down"

check "a wrong setting: 2" exits_with 2 "$FORKYARD" check --set worker.slts=1
check "... is named" has "$err" "worker.slts"
check "a bad value: 2" exits_with 2 "$FORKYARD" check --set worker.slots=many
check "... is named with its setting" has "$err" "worker.slots" "many"

check "version --json exits 0" exits_with 0 "$FORKYARD" version --json
check "version names what it is made of" json "$out" \
    "all(j[k] for k in ('forkyard', 'librdkafka', 'libuv', 'libseccomp'))"
check "no colours into a file" has_not "$out" $'\033'

got=0
"$FORKYARD" check --json >"$out" 2>"$err" || got=$?
check "check: exit code and 'ok' agree" json "$out" \
    "j['ok'] == ($got == 0) == all(f['ok'] for f in j['host'] if f['required'])"
check "check: each missing thing has a remedy" json "$out" \
    "all(f['ok'] or f['remedy'] for f in j['host'])"
check "check: a level is there, or what it lacks" json "$out" \
    "all(r['ok'] or r.get('missing') or r.get('reason') for r in j['levels'])"
check "check: what the guard sees, and its limits" json "$out" \
    "{g['figure']: g['threshold'] for g in j['guard']} == {'cpu': 80,
        'memory': 80, 'disk': 95, 'pressure_cpu': 0, 'pressure_memory': 60,
        'pressure_io': 80, 'zombies': 10}"
check "check: memory is known everywhere" json "$out" \
    "[0 < g['value'] < 100 for g in j['guard'] if g['figure'] == 'memory'][0]"
"$FORKYARD" check --set guard.memory_percent=1 --set guard.zombies=0 \
    --set guard.disk_path=/no/such/path >"$out" 2>"$err"
figure() { grep -Eq "^  $1 +$2 .*$3" "$out"; }
check "check: a figure over its limit" figure over memory "limit 1%, back at 0.9%"
check "check: one that is not looked at" figure off zombies "no limit"
check "check: one that cannot be measured" figure unknown disk "limit 95%"
"$FORKYARD" check --set guard.enabled=true >"$out" 2>"$err"
check "check: the guard is on" has "$out" "Guard (no new jobs"
"$FORKYARD" check --set guard.enabled=false >"$out" 2>"$err"
check "check: the guard is off" has "$out" "Guard (switched off: guard.enabled)"

printf 'worker:\n  slots: 3\nlog:\n  format: json\n' >"$TMPDIR/forkyard.yaml"
slots() {
    "$FORKYARD" check --config "$TMPDIR/forkyard.yaml" "$@" |
        sed -n 's/.*worker\.slots[^0-9]*\([0-9]*\).*/\1/p' | head -n 1
}
check "the file beats the default" is "$(slots)" 3
check "the environment beats the file" is "$(FORKYARD_WORKER_SLOTS=4 slots)" 4
check "a flag beats the environment" is \
    "$(FORKYARD_WORKER_SLOTS=4 slots --set worker.slots=5)" 5
check "--section.name=value is a flag too" is \
    "$(slots --worker.slots=6)" 6
check "check names a wrong Kafka property" exits_with 1 "$FORKYARD" check \
    --set kafka.bootstrap.servrs=x
check "... by its name" has "$TMPDIR/err" "bootstrap.servrs"
check "check names a wrong queue" exits_with 1 "$FORKYARD" check \
    --set topics.queues=high:x
check "... by its setting" has "$TMPDIR/err" "topics.queues"

tap_done
