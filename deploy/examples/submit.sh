#!/bin/sh
# SPDX-License-Identifier: MIT
# submit.sh [BROKERS [TOPIC-PREFIX]] - a job from the shell, with kcat and
# Debian's msgpack for Python, and nothing of ours:
#
#     apt-get install kcat python3-msgpack
#
# Prints how the job ended. It looks at the newest results once in a while: a
# program that waits for many jobs keeps a consumer open, as submit.py does.
set -eu

brokers=${1:-127.0.0.1:9092}
prefix=${2:-forkyard.}
looks=60 # of half a second at least
job_id=$(cat /proc/sys/kernel/random/uuid)
message=$(mktemp)
trap 'rm -f "$message"' EXIT

# Debian's Python, which has Debian's packages.
/usr/bin/python3 -c 'import msgpack, sys
sys.stdout.buffer.write(msgpack.packb({
    "job_id": sys.argv[1], "language": "shell", "code": "seq 3 | paste -sd+",
    "labels": {"example": "kcat"}, "limits": {"wall_time_ms": 5000}}))' \
    "$job_id" >"$message"

# The partitioner of Java, JavaScript and libforkyard: jobs with the same key
# meet on one partition, whoever sends them.
kcat -P -b "$brokers" -t "${prefix}jobs.default" -k "$job_id" \
    -X partitioner=murmur2_random -X enable.idempotence=true "$message"

# The last 1000 records of each partition, or all, one msgpack map behind the
# other; the first of a job is its result, others do not count.
newest_results() {
    kcat -C -e -q -u -b "$brokers" -t "${prefix}results" -o -1000 \
        -X topic.auto.offset.reset=earliest -f '%s'
}

# Fails when it is not among them.
show_result() {
    /usr/bin/python3 -c 'import msgpack, sys
for result in msgpack.Unpacker(sys.stdin.buffer):
    if result["job_id"] == sys.argv[1]:
        print(result["status"], result["stdout"].decode(), sep=": ", end="")
        if not result["success"]:
            print("(%s)" % result["status_reason"])
        break
else:
    sys.exit(1)' "$job_id"
}

until newest_results | show_result; do
    looks=$((looks - 1))
    if [ "$looks" -eq 0 ]; then
        echo "submit.sh: no result; is a worker there?" >&2
        exit 1
    fi
    sleep 0.5
done
